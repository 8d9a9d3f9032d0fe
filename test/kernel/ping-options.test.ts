/** What the flags of `icmp ping` put on the wire, seen by a capture, and what the answers to them say. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openCapture } from '../../packages/icmpkit/src/os/capture-socket.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { nobody } from '../nobody.ts'
import { type Answer, datagram, hostile, reply } from './hostile-host.ts'
import { type Ended, events, ICMP, icmp, start, startProgram } from './icmp-command.ts'
import { sharedPair } from './shared-pair.ts'
import { cable, host } from './testnet.ts'

const net = sharedPair()

/** What `icmp ping ARGS` sends and hears on eth0, IP packets in order with their moment in ms. */
async function onWire(args: readonly string[]) {
  const socket = openCapture('eth0', { netns: net.a.namespace, icmpOnly: true })
  const packets: { ip: Uint8Array; out: boolean; ms: number }[] = []
  let read = 0
  const reading = socket.each((f) => {
    read++
    const ip = f.bytes.slice(f.at + 14, f.end)
    const type = ip[0]! >> 4 === 4 ? ip[(ip[0]! & 15) * 4]! : ip[40]!
    if (ip[0]! >> 4 === 6 && (ip[6] !== 58 || (type >= 133 && type <= 137))) return
    packets.push({ ip, out: f.outgoing, ms: f.seconds * 1000 + f.nanoseconds / 1e6 })
  })
  const done = await icmp(net.a, ['ping', '--json', ...args])
  // What the kernel has counted comes with the next block.
  while (read < socket.counts.seen) await delay(1)
  socket.close()
  await reading
  return { done, all: events(done), sent: packets.filter((p) => p.out), heard: packets.filter((p) => !p.out) }
}

const DOORS = ['ping-socket', 'raw-socket'] as const
const quick = ['-c1', '-W3']

describe.each(DOORS)('%s', (door) => {
  const ask = (...args: string[]) => onWire(['--door', door, ...quick, ...args])

  test('TTL, TOS and DF as asked, IPv4', async () => {
    const { sent, all } = await ask('-t', '17', '-Q', '0x2c', '-M', 'do', '192.0.2.2')
    const { ip } = sent[0]!
    expect({ tos: ip[1], df: ip[6]! & 0x40, ttl: ip[8] }).toEqual({ tos: 0x2c, df: 0x40, ttl: 17 })
    expect(all[0]).toMatchObject({ kind: 'reply', ttl: 64, tos: 0x2c })
    const fragments = await ask('-M', 'dont', '-s', '100', '192.0.2.2')
    expect(fragments.sent[0]!.ip[6]! & 0x40).toBe(0)
  })

  test('hop limit, traffic class and flow label as asked, IPv6', async () => {
    const { sent } = await ask('-t', '17', '--dscp', 'EF', '-F', 'abcde', '2001:db8::2')
    const { ip } = sent[0]!
    expect(hex(ip, 0, 4)).toBe(`6${(46 << 2).toString(16)}abcde`)
    expect(ip[7]).toBe(17)
  })

  test('the pattern fills the payload behind the token, all of it where there is no token', async () => {
    const { sent, all } = await ask('-p', 'c0ffee', '-s', '40', '192.0.2.2')
    expect(hex(sent[0]!.ip, 28 + 16, 28 + 40)).toBe(patternFrom('c0ffee', 16, 40))
    expect(all[0].kind).toBe('reply')
    const small = await ask('-p', 'ff', '-s', '5', '2001:db8::2')
    expect(hex(small.sent[0]!.ip, 48)).toBe('ffffffffff')
    expect(small.all[0].kind).toBe('reply')
  })

  test.each([
    ['192.0.2.2', 0],
    ['192.0.2.2', 15],
    ['192.0.2.2', 16],
    ['192.0.2.2', 65_507],
    ['2001:db8::2', 0],
    ['2001:db8::2', 15],
    ['2001:db8::2', 16],
    ['2001:db8::2', 65_527],
  ] as const)(
    '%s, a payload of %i octets comes back whole; below 16 it is said that no token fits',
    async (to, size) => {
      const done = await icmp(net.a, ['ping', '--json', '--door', door, '-c2', '-i0.02', '-s', `${size}`, to])
      const all = events(done)
      expect(all.map((e) => e.kind)).toEqual(['reply', 'reply', 'summary', 'total'])
      expect(all[0]).toMatchObject({ bytes: size + 8, seq: 1 })
      expect(done.err).toBe(
        size < 16
          ? `icmp: a payload of ${size} octets has no room for our token: replies are matched by address, identifier and sequence\n`
          : '',
      )
    },
  )

  test('record route: the way there and back', async () => {
    const { sent, all } = await ask('-R', '192.0.2.2')
    expect(sent[0]!.ip[0]).toBe(0x4f)
    expect(all[0].route).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.2', '192.0.2.1'])
    const text = await icmp(net.a, ['ping', '-c1', '-R', '--door', door, '192.0.2.2'])
    expect(text.out).toContain('RR: \t192.0.2.1\n\t192.0.2.2\n\t192.0.2.2\n\t192.0.2.1\n')
  })

  test('the timestamp option: alone, with addresses, of named hosts', async () => {
    const midnight = new Date().setUTCHours(0, 0, 0, 0)
    const near = (t: { ms: number }) => {
      const apart = Math.abs(t.ms - (Date.now() - midnight))
      // A day may have begun meanwhile.
      expect(Math.min(apart, Math.abs(apart - 86_400_000))).toBeLessThan(60_000)
    }
    const only = (await ask('-T', 'tsonly', '192.0.2.2')).all[0]
    expect(only.timestamps).toHaveLength(4)
    expect(only.timestamps.map((t: { address: unknown }) => t.address)).toEqual([null, null, null, null])
    only.timestamps.forEach(near)
    const addressed = (await ask('-T', 'tsandaddr', '192.0.2.2')).all[0]
    const who = (e: { timestamps: { address: string }[] }) => e.timestamps.map((t) => t.address)
    expect(who(addressed)).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.2', '192.0.2.1'])
    const named = (await ask('-T', '192.0.2.2,192.0.2.1', '192.0.2.2')).all[0]
    expect(who(named)).toEqual(['192.0.2.2', '192.0.2.1'])
    named.timestamps.forEach(near)
  })

  test('-I takes an interface, a source address, or a link-local address with its zone', async () => {
    expect((await ask('-I', '192.0.2.10', '192.0.2.2')).sent[0]!.ip.slice(12, 16)).toEqual(Uint8Array.of(192, 0, 2, 10))
    const six = await ask('-I', '2001:db8::10', '2001:db8::2')
    expect(hex(six.sent[0]!.ip, 8, 24)).toBe('20010db8000000000000000000000010')
    expect(six.all[0].kind).toBe('reply')
    expect((await ask('-I', 'eth0', '192.0.2.2')).all[0].kind).toBe('reply')
    expect((await ask('-I', 'fe80::1%eth0', 'fe80::2')).all[0]).toMatchObject({ kind: 'reply', from: 'fe80::2%eth0' })
    expect((await ask('-I', 'fe80::1', 'fe80::2%eth0')).all[0]).toMatchObject({ kind: 'reply', from: 'fe80::2%eth0' })
    // Bound to loopback, nothing reaches the peer.
    expect((await ask('-I', 'lo', '192.0.2.2')).sent).toEqual([])
  })

  test('any member may answer a multicast, in its own name, and our own copy is no miracle of speed', async () => {
    const six = await ask('ff02::1%eth0')
    const four = await ask('-I', 'eth0', '224.0.0.1')
    for (const [{ all }, members] of [
      [six, ['fe80::1%eth0', 'fe80::2%eth0']],
      [four, ['192.0.2.1', '192.0.2.2']],
    ] as const) {
      const replies = all.filter((e) => e.kind === 'reply')
      expect(replies.map((e) => e.from).sort()).toEqual(members)
      expect(replies.filter((e) => e.suspect)).toEqual([])
      expect(all.at(-2)).toMatchObject({ sent: 1, received: 1, lost: 0, duplicates: 0 })
    }
  })

  test('a broadcast address wants -b, and then any source may answer', async () => {
    const refused = await ask('192.0.2.255')
    expect(refused.sent).toEqual([])
    expect(refused.done).toMatchObject({ code: 2, err: '' })
    expect(refused.all[0]).toMatchObject({ kind: 'local-drop', why: 'not-permitted' })
    const { all, done } = await ask('-b', '192.0.2.255')
    expect(
      all
        .filter((e) => e.kind === 'reply')
        .map((e) => e.from)
        .sort(),
    ).toEqual(['192.0.2.1', '192.0.2.2'])
    expect(done.code).toBe(0)
  })

  test('preload leaves at once, before any answer is here', async () => {
    // Nobody is answered before the twentieth question is here; one each three seconds, that would be a minute.
    const early: Answer[] = []
    await hostile(net.b, 4, (q) => {
      early.push({ after: 0, packet: reply(q) })
      return q.n < 19 ? [] : early.splice(0)
    })
    const { sent, heard, all } = await onWire(['--door', door, '-l', '20', '-c', '21', '-i3', '-W20', '192.0.2.2'])
    const first = heard[0]!.ms
    expect(sent.filter((p) => p.ms < first)).toHaveLength(20)
    expect(all.at(-2)).toMatchObject({ sent: 21, received: 21, late: 0 })
  })

  test('adaptive: the next probe leaves when the last is answered', async () => {
    await hostile(net.b, 4, (q) => [{ after: 20, packet: reply(q) }])
    // By the interval it would take longer than any test may.
    const { sent, heard } = await onWire(['--door', door, '-A', '-i60', '-c5', '192.0.2.2'])
    for (let i = 1; i < 5; i++) expect(sent[i]!.ms).toBeGreaterThan(heard[i - 1]!.ms)
  })

  test('flood keeps to its rate, and stops at its budget', async () => {
    const { sent, all } = await onWire(['--door', door, '-f', '--rate', '500', '--budget', '150', '192.0.2.2'])
    expect(sent).toHaveLength(150)
    expect(all.at(-2)).toMatchObject({ sent: 150, received: 150 })
    // 150 packets at 500 a second; a late wake-up may be made good by 2 ms at once.
    expect(sent[149]!.ms - sent[0]!.ms).toBeGreaterThan(149 * 2 - 4)
  })
})

function patternFrom(pattern: string, from: number, to: number): string {
  const octets = unhex(pattern)
  return hex(Uint8Array.from({ length: to - from }, (_, i) => octets[(from + i) % octets.length]!))
}

test('a flood without -c or -w says what stops it', async () => {
  const run = start(net.a, ['ping', '-f', '-q', '192.0.2.2'])
  await run.until(/PING/)
  run.signal('SIGINT')
  const done = await run.ended
  expect(done.err).toBe('icmp: flood stops after 100000 packets; --budget, -c or -w says otherwise\n')
})

test('the interval is kept without drift', async () => {
  const { sent } = await onWire(['-i', '20ms', '-c', '40', '192.0.2.2'])
  expect(sent).toHaveLength(40)
  // Of most: one that is held up on its way is nearer to those behind it.
  const spans = Array.from({ length: 20 }, (_, i) => sent[i + 20]!.ms - sent[i]!.ms).sort((a, b) => a - b)
  expect(spans[10]).toBeGreaterThan(20 * 20 - 15)
})

test('-w ends the run, whatever is still asked', async () => {
  const before = performance.now()
  const { code, out } = await icmp(net.a, ['ping', '-q', '-w', '2s', '-i', '50ms', '192.0.2.2'])
  expect(code).toBe(0)
  expect(performance.now() - before).toBeGreaterThan(2000)
  expect(Number(/^(\d+) packets/m.exec(out)![1])).toBeGreaterThanOrEqual(4)
})

describe('namespaces', () => {
  test.each([
    ['name', () => net.a.name],
    ['path', () => `/run/netns/${net.a.name}`],
  ] as const)(
    '--netns by %s asks from inside it, zones of there included, and names are shown though rights are gone',
    async (_, which) => {
      const all = events(
        await icmp(undefined, ['ping', '--json', '-c1', '--netns', which(), '192.0.2.2', 'fe80::2%eth0']),
      )
      expect(
        all
          .filter((e) => e.kind === 'reply')
          .map((e) => e.from)
          .sort(),
      ).toEqual(['192.0.2.2', 'fe80::2%eth0'])
    },
  )

  test('--netns by process id', async () => {
    const child = net.a.inside(() => spawn('sleep', ['20'], { stdio: 'ignore' }))
    onTestFinished(() => void child.kill('SIGKILL'))
    const done = await icmp(undefined, ['ping', '--json', '-c1', '--netns', `${child.pid}`, '192.0.2.2'])
    expect(events(done)[0]).toMatchObject({ kind: 'reply', from: '192.0.2.2' })
  })
})

describe('families and addresses', () => {
  /** `icmp ping` where /etc/hosts says this, in a mount namespace of its own. */
  async function withHosts(hosts: string, ...args: string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'icmpkit-hosts-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'hosts')
    writeFileSync(file, hosts)
    const bound = 'mount --bind "$0" /etc/hosts && exec "$@"'
    const command = ['-m', 'sh', '-c', bound, file, process.execPath, ICMP, 'ping', '--json', '-c1', ...args]
    return events(await startProgram(net.a, 'unshare', command).ended)
      .filter((e) => e.kind === 'reply')
      .map((e) => [e.target, e.address])
      .sort()
  }

  test('a name is asked at its first address, -4 and -6 choose, --all-addresses asks each', async () => {
    const hosts = '192.0.2.3 many.test\n192.0.2.2 many.test\n2001:db8::2 many.test\n2001:db8::3 many.test\n'
    const all = [...'23'].flatMap((n) => [`192.0.2.${n}`, `2001:db8::${n}`]).sort()
    const one = await withHosts(hosts, 'many.test')
    expect(one).toHaveLength(1)
    expect(all).toContain(one[0]![1])
    expect(await withHosts(hosts, '-4', 'many.test')).toEqual([['many.test', '192.0.2.3']])
    expect((await withHosts(hosts, '-6', 'many.test')).map(([, a]) => a)).toEqual([expect.stringMatching(/^2001:/)])
    expect((await withHosts(hosts, '--all-addresses', 'many.test')).map(([, a]) => a).sort()).toEqual(all)
    expect((await withHosts(hosts, '--all-addresses', '-6', 'many.test')).map(([, a]) => a).sort()).toEqual(
      all.slice(2),
    )
  })

  test('a family that this machine has not is said once a target, and the other is asked', async () => {
    const lone = host('lone')
    const peer = host('peer')
    cable(lone, peer)
    lone.address('eth0', '192.0.2.1/24')
    peer.address('eth0', '192.0.2.2/24')
    lone.sysctl('ipv6.conf.all.disable_ipv6', 1)
    const done = await icmp(lone, ['ping', '--json', '-c1', '192.0.2.2', '2001:db8::2'])
    const all = events(done)
    expect(all.filter((e) => e.kind === 'reply')).toMatchObject([{ target: '192.0.2.2' }])
    expect(all.filter((e) => e.kind === 'error')).toMatchObject([
      { target: '2001:db8::2', origin: 'local', from: null },
    ])
    expect(done.code).toBe(2)
  })

  test('a source of one family leaves targets of the other unasked, and does not wait for them', async () => {
    const done = await icmp(net.a, ['ping', '-q', '-c1', '-I', '192.0.2.1', '192.0.2.2', '2001:db8::2'])
    expect(done.code).toBe(2)
    expect(done.err).toBe('icmp: 2001:db8::2: is not an IPv4 address: the source is IPv4\n')
    expect(done.out).toContain('1 packets transmitted, 1 received')
  })

  test.each([
    [['-R'], '2001:db8::2', 'is not an IPv4 address: record route is IPv4'],
    [['-T', 'tsonly'], '2001:db8::2', 'is not an IPv4 address: the timestamp option is IPv4'],
    [['--type', 'timestamp'], '2001:db8::2', 'is not an IPv4 address: the question is IPv4'],
    [['--type', 'nodeinfo'], '192.0.2.2', 'is not an IPv6 address: the question is IPv6'],
    [['-F', '12345'], '192.0.2.2', 'is not an IPv6 address: the flow label is IPv6'],
    [['-6'], '192.0.2.2', 'is not an IPv6 address'],
  ])('%j to %s: refused, with what asks for the other family', async (flags, target, why) => {
    const done = await icmp(net.a, ['ping', '-c1', ...flags, target])
    expect(done).toMatchObject({ code: 2, out: '', err: `icmp: ${target}: ${why}\n` })
  })
})

describe('the other questions', () => {
  test("timestamp: the peer's clock, which is ours, is found within the millisecond that the fields hold (RFC 792)", async () => {
    const { all, sent } = await onWire(['--type', 'timestamp', '-c5', '-i0.02', '192.0.2.2'])
    expect(sent[0]!.ip[20]).toBe(13)
    const answers = all.filter((e) => e.kind === 'reply').map((e) => e.answer)
    expect(answers).toHaveLength(5)
    for (const a of answers) expect(a).toMatchObject({ question: 'timestamp', standard: true })
    // Of most: the question has the moment at which it was written, and may be held up before it leaves.
    const offsets = answers.map((a) => Math.abs(a.offsetNs)).sort((x, y) => x - y)
    expect(offsets[2]).toBeLessThan(2e6)
  })

  test.each(['192.0.2.2', '2001:db8::2'])('probe: the state of an interface of %s (RFC 8335)', async (to) => {
    net.b.sysctl('ipv4.icmp_echo_enable_probe', 1)
    onTestFinished(() => net.b.sysctl('ipv4.icmp_echo_enable_probe', 0))
    for (const door of DOORS) {
      const named = await onWire(['--door', door, '--type', 'probe=eth0', ...quick, to])
      expect(named.all[0]).toMatchObject({
        kind: 'reply',
        answer: { question: 'probe', code: 0, active: true, ipv4: true, ipv6: true },
      })
      const byIndex = await onWire(['--door', door, '--type', `probe=${net.b.netlink.index('eth0')}`, ...quick, to])
      expect(byIndex.all[0].answer).toMatchObject({ code: 0, active: true })
      const byAddress = await onWire(['--door', door, '--type', 'probe=192.0.2.3', ...quick, to])
      expect(byAddress.all[0].answer).toMatchObject({ code: 0, active: true })
      const absent = await onWire(['--door', door, '--type', 'probe=eth9', ...quick, to])
      expect(absent.all[0].answer).toMatchObject({ code: 2 })
    }
    const text = await icmp(net.a, ['ping', '-c1', '--type', 'probe=eth9', to])
    expect(text.out).toContain('    it has no such interface\n')
  })

  test('node information: the names and addresses that a node tells (RFC 4620)', async () => {
    const answers: Record<number, string> = {
      // TTL 0; "node" and "example" as a DNS name that ends in one zero: fully qualified.
      2: '00000000 046e6f6465 076578616d706c65 00',
      // TTL, address; twice.
      3: '00000e10 20010db8000000000000000000000002 00000e10 fe800000000000000000000000000002',
      4: '00000e10 c0000202',
    }
    await hostile(
      net.b,
      6,
      (q) => {
        const qtype = (q.icmp[4]! << 8) | q.icmp[5]!
        const data = unhex(answers[qtype]!)
        const m = new Uint8Array(16 + data.length)
        m.set([140, 0, 0, 0, 0, qtype, 0, 0])
        m.set(q.icmp.subarray(8, 16), 8)
        m.set(data, 16)
        return [{ after: 0, packet: datagram(6, q.dst, q.src, m) }]
      },
      [139],
    )
    const ask = async (what: string) =>
      (await onWire(['--type', 'nodeinfo', '--ask', what, ...quick, '2001:db8::2'])).all[0]
    expect(await ask('name')).toMatchObject({ kind: 'reply', answer: { question: 'nodeinfo', code: 0, qtype: 2 } })
    expect((await ask('name')).answer.names).toEqual(['node.example'])
    expect((await ask('addresses')).answer.addresses).toEqual(['2001:db8::2', 'fe80::2'])
    expect((await ask('ip4-addresses')).answer.addresses).toEqual(['192.0.2.2'])
  })

  test('node information: a refusal is an answer, another nonce is none', async () => {
    await hostile(
      net.b,
      6,
      (q) => {
        const m = q.icmp.slice(0, 16)
        m[0] = 140
        m[1] = 1
        return [
          { after: 0, packet: datagram(6, q.dst, q.src, m.with(8, m[8]! ^ 1)) },
          { after: 10, packet: datagram(6, q.dst, q.src, m) },
        ]
      },
      [139],
    )
    const { out, code } = await icmp(net.a, ['ping', '--type', 'nodeinfo', ...quick, '2001:db8::2'])
    expect(out).toMatch(/^16 bytes from 2001:db8::2: icmp_seq=1 .*\n {4}refused\n/m)
    expect(code).toBe(0)
  })
})

test('a mark is set on what leaves, and wants the right to', async () => {
  const marked = await icmp(net.a, ['ping', '-q', '-c1', '-m', '7', '192.0.2.2'])
  expect(marked.code).toBe(0)
  const refused: Ended = await icmp(net.a, ['ping', '-q', '-c1', '-m', '7', '192.0.2.2'], nobody())
  expect(refused.code).toBe(2)
  expect(refused.err).toMatch(/Setting a mark needs CAP_NET_ADMIN/)
})
