/** What `icmp ping` prints for people and for the scripts that scrape ping's text; exit codes, signals, pipes. */
import { once } from 'node:events'
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { error, hostile, reply } from './hostile-host.ts'
import { type Ended, icmp, start, startProgram } from './icmp-command.ts'
import { sharedPair } from './shared-pair.ts'
import type { Host } from './testnet.ts'

const net = sharedPair()

/** iputils ping in the same namespace. */
async function iputils(ctx: TestContext, h: Host, args: readonly string[]): Promise<Ended> {
  try {
    return await startProgram(h, 'ping', args).ended
  } catch {
    ctx.skip('skipped, because iputils ping is not installed (apt-get install iputils-ping)')
    throw new Error('unreachable')
  }
}

/** As scrapers have them: pingparsing, Globalping, telegraf, Home Assistant. */
const PACKETS =
  /^(?<sent>\d+) packets transmitted, (?<received>\d+) received,(?: \+(?<duplicates>\d+) duplicates,)?(?: \+(?<errors>\d+) errors,)? (?<loss>[\d.]+)% packet loss, time (?<time>\d+)ms$/m
const RTT = /^rtt min\/avg\/max\/mdev = (?<min>[\d.]+)\/(?<avg>[\d.]+)\/(?<max>[\d.]+)\/(?<mdev>[\d.]+) ms(?:, |$)/m
const HEADER4 = /^PING (\S+) \((\d+\.\d+\.\d+\.\d+)\) (\d+)\((\d+)\) bytes of data\.$/m
const HEADER6 = /^PING (\S+) ?\(([\da-f:]+)\) (\d+) data bytes$/m
const LINE =
  /^(?<bytes>\d+) bytes from (?<from>[\da-f.:]+): icmp_seq=(?<seq>\d+) ttl=(?<ttl>\d+) time=(?<time>[\d.]+) ms$/gm
const TITLE = /^--- (\S+) ping statistics ---$/m

describe.each([
  ['IPv4', '192.0.2.2', HEADER4, ['192.0.2.2', '192.0.2.2', '56', '84']],
  ['IPv6', '2001:db8::2', HEADER6, ['2001:db8::2', '2001:db8::2', '56']],
] as const)('%s', (_, target, header, named) => {
  test("the lines match what reads iputils ping's", async (ctx) => {
    const { a } = net
    const args = ['-c3', '-i0.05', target]
    const [ours, theirs] = [await icmp(a, ['ping', ...args]), await iputils(ctx, a, ['-n', ...args])]
    for (const { out, code } of [ours, theirs]) {
      expect(code).toBe(0)
      expect(out.match(PACKETS)?.groups).toMatchObject({ sent: '3', received: '3', loss: '0' })
      expect(Number(out.match(PACKETS)!.groups!.time)).toBeGreaterThanOrEqual(100)
      const { min, avg, max } = out.match(RTT)!.groups!
      expect(Number(min)).toBeGreaterThan(0)
      expect(Number(min) <= Number(avg) && Number(avg) <= Number(max)).toBe(true)
      expect(out.match(TITLE)?.[1]).toBe(target)
      expect(
        [...out.matchAll(LINE)].map((m) => [m.groups!.bytes, m.groups!.from, m.groups!.seq, m.groups!.ttl]),
      ).toEqual(['1', '2', '3'].map((seq) => ['64', target, seq, '64']))
    }
    expect(ours.out.match(header)?.slice(1)).toEqual(named)
  })

  test('the last line has the round trips, and the last but one the loss, where scripts take them by `tail`', async (ctx) => {
    const { a } = net
    const args = ['-c3', '-i0.05', target]
    for (const { out } of [await icmp(a, ['ping', ...args]), await iputils(ctx, a, ['-n', ...args])]) {
      // `tail -1 | awk -F/ '{print $5}'`, `tail -1 | cut -d= -f2 | cut -d/ -f1`, `tail -2 | head -1 | cut -d, -f3`
      const [packets, trips] = out.trimEnd().split('\n').slice(-2) as [string, string]
      const { min, avg } = out.match(RTT)!.groups!
      expect([trips.split('/')[4], trips.split('=')[1]!.split('/')[0]]).toEqual([avg, ` ${min}`])
      expect(packets.split(',')[2]).toBe(' 0% packet loss')
    }
  })

  test('without an answer the same lines say so, without a round trip', async (ctx) => {
    const { a } = net
    const nobody = target.replace(/2$/, '77')
    const args = ['-c2', '-i0.05', '-W0.1', nobody]
    for (const { out, code } of [await icmp(a, ['ping', ...args]), await iputils(ctx, a, args)]) {
      expect(code).toBe(1)
      expect(out.match(PACKETS)?.groups).toMatchObject({ sent: '2', received: '0', loss: '100' })
      expect(out).not.toMatch(RTT)
    }
  })
})

test('errors and duplicates are counted where iputils counts them', async () => {
  const { a, b } = net
  await hostile(b, 4, (q) =>
    q.n === 0
      ? [{ after: 0, packet: error(q, 3, 10) }]
      : [
          { after: 0, packet: reply(q) },
          { after: 1, packet: reply(q) },
        ],
  )
  const { out, code } = await icmp(a, ['ping', '-c3', '-i0.1', '192.0.2.2'])
  expect(code).toBe(0)
  expect(out.match(PACKETS)?.groups).toMatchObject({
    sent: '3',
    received: '2',
    errors: '1',
    duplicates: expect.any(String),
  })
  expect(out).toMatch(/^From 192\.0\.2\.2 icmp_seq=1 Destination Host Prohibited$/m)
  expect(out).toMatch(/^64 bytes from 192\.0\.2\.2: icmp_seq=2 ttl=64 time=[\d.]+ ms \(DUP!\)$/m)
})

describe('exit codes', () => {
  test('0 when every target answered, 1 when one did not', async () => {
    const { a } = net
    const quick = ['-q', '-c2', '-i0.02', '-W0.1']
    expect((await icmp(a, ['ping', ...quick, '192.0.2.2', '2001:db8::2'])).code).toBe(0)
    expect((await icmp(a, ['ping', ...quick, '192.0.2.2', '192.0.2.77'])).code).toBe(1)
    expect((await icmp(a, ['ping', ...quick, '192.0.2.77'])).code).toBe(1)
  })

  test('1 where the network says no', async () => {
    const { a, b } = net
    await hostile(b, 4, (q) => [{ after: 0, packet: error(q, 3, 13) }])
    expect((await icmp(a, ['ping', '-c1', '192.0.2.2'])).code).toBe(1)
  })

  test.each([
    ['no route', ['203.0.113.1'], /^icmp: local error: network is unreachable$/m],
    ['no such name', ['no-such-host.invalid'], /^icmp: no-such-host\.invalid: /m],
    ['not even a name', ['a b'], /^icmp: a b: is neither an address nor a host name$/m],
    ['a broadcast address without -b', ['192.0.2.255'], /a broadcast address needs -b/],
    [
      'a source that is not ours',
      ['-I', '192.0.2.77', '192.0.2.2'],
      /bind: EADDRNOTAVAIL.*must be an address of this machine/,
    ],
    ['an interface that is not there', ['-I', 'eth7', '192.0.2.2'], /There is no interface eth7 here/],
    ['a namespace that is not there', ['--netns', 'no-such', '192.0.2.2'], /There is no namespace no-such/],
    ['one target of two that is no address', ['192.0.2.2', '192.0.2.999'], /^icmp: 192\.0\.2\.999: is not an address/m],
    ['an IPv4 payload too large', ['-s', '65508', '192.0.2.2'], /room for 65507 octets/],
    ['an IPv4 question over IPv6', ['-6', '--type', 'timestamp', '2001:db8::2'], /the question is IPv4/],
  ] as const)('2 where we could not ask: %s', async (_, args, said) => {
    const { a } = net
    const { code, err } = await icmp(a, ['ping', '-c1', ...args])
    expect(err).toMatch(said)
    expect(code).toBe(2)
  })

  test('with -c and -w, fewer answers than asked for are a failure, as with iputils', async (ctx) => {
    const { a, b } = net
    await hostile(b, 4, (q) => (q.n < 2 ? [{ after: 0, packet: reply(q) }] : []))
    const args = ['-c3', '-w3', '-i0.1', '-W1', '192.0.2.2']
    const ours = await icmp(a, ['ping', '-q', ...args])
    expect(ours.code).toBe(1)
    expect(ours.out.match(PACKETS)?.groups).toMatchObject({ received: '2' })
    await hostile(b, 4, (q) => (q.n < 2 ? [{ after: 0, packet: reply(q) }] : []))
    expect((await iputils(ctx, a, ['-q', ...args])).code).toBe(1)
  })
})

describe('signals', () => {
  test('SIGINT prints the summary, and the exit code is that of the result so far', async () => {
    const { a } = net
    for (const [target, code] of [
      ['192.0.2.2', 0],
      ['192.0.2.77', 1],
    ] as const) {
      const run = start(a, ['ping', '-i0.05', '-O', '-W0.04', target])
      await run.until(/icmp_seq=2/)
      run.signal('SIGINT')
      const done = await run.ended
      expect(done).toMatchObject({ code, signal: null, err: '' })
      const { sent, received } = done.out.match(PACKETS)!.groups!
      expect(Number(sent)).toBeGreaterThanOrEqual(2)
      // The last one may have been on its way.
      if (code === 0) expect(Number(sent) - Number(received)).toBeLessThanOrEqual(1)
      else expect(received).toBe('0')
    }
  })

  test('SIGINT in the last moment of a ping that ends by itself takes nothing from its end', async () => {
    for (let run = 0; run < 25; run++) {
      const last = start(net.a, ['ping', '--json', '-i0.05', '-l', '3', '-c', '3', '192.0.2.2'])
      await last.until(run % 2 === 0 ? /"kind":"reply"/ : /"kind":"total"/)
      last.signal('SIGINT')
      expect(await last.ended).toMatchObject({
        code: 0,
        signal: null,
        err: '',
        out: expect.stringMatching(/"kind":"total"/),
      })
    }
  })

  test('SIGQUIT prints the running summary on standard error, and the ping goes on', async () => {
    const { a } = net
    const run = start(a, ['ping', '-i0.05', '192.0.2.2'])
    await run.until(/icmp_seq=3/)
    run.signal('SIGQUIT')
    const so_far = run.written.out.length
    await run.until(/icmp_seq=6/)
    run.signal('SIGINT')
    const done = await run.ended
    const [, sent, received] =
      /^\r192\.0\.2\.2: (\d+)\/(\d+) packets, \d+% loss, min\/avg\/max = [\d.]+\/[\d.]+\/[\d.]+ ms\n$/.exec(done.err)!
    expect(Number(received)).toBeGreaterThanOrEqual(3)
    // The last one may have been on its way.
    expect(Math.abs(Number(sent) - Number(received))).toBeLessThanOrEqual(1)
    expect(done.out.length).toBeGreaterThan(so_far)
    expect(done.out).toMatch(PACKETS)
  })
})

describe('a reader that goes away', () => {
  test.each([[], ['--json']])('`| head -1` ends the ping quietly %j', async (...flags) => {
    const { a } = net
    const run = start(a, ['ping', ...flags, '-i0.02', '192.0.2.2'])
    await once(run.process.stdout!, 'data')
    run.process.stdout!.destroy()
    const [code, signal] = await once(run.process, 'exit')
    expect({ code, signal, err: run.written.err }).toEqual({ code: 0, signal: null, err: '' })
  })
})

describe('flags that change the text', () => {
  test('-q leaves the header and the summary', async () => {
    const { a } = net
    const { out } = await icmp(a, ['ping', '-q', '-c2', '-i0.02', '192.0.2.2'])
    expect(out).toMatch(
      /^PING 192\.0\.2\.2 \(192\.0\.2\.2\) 56\(84\) bytes of data\.\n\n--- 192\.0\.2\.2 ping statistics ---\n/,
    )
  })

  test('-D puts the time of day in front, -a a bell, -3 all digits', async () => {
    const { a } = net
    const { out } = await icmp(a, ['ping', '-D', '-a', '-3', '-c1', '192.0.2.2'])
    const [, seconds] = out.match(
      /^\x07\[(\d+\.\d{6})\] 64 bytes from 192\.0\.2\.2: icmp_seq=1 ttl=64 time=\d+\.\d{3} ms$/m,
    )!
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(20)
  })

  test('-O says what is unanswered when the next probe leaves, in the words of iputils', async (ctx) => {
    const { a, b } = net
    await hostile(b, 4, () => [])
    const args = ['-O', '-n', '-c3', '-i0.2', '-W2', '192.0.2.2']
    for (const { out } of [await icmp(a, ['ping', ...args]), await iputils(ctx, a, args)]) {
      expect(out).toMatch(/^no answer yet for icmp_seq=1/m)
      expect(out).toMatch(/^no answer yet for icmp_seq=2/m)
    }
  })

  test('-f prints a dot for what is missing and no line a reply', async () => {
    const { a, b } = net
    await hostile(b, 4, (q) => (q.n % 10 === 0 ? [] : [{ after: 0, packet: reply(q) }]))
    const { out, code } = await icmp(a, ['ping', '-f', '-c30', '-W2', '192.0.2.2'])
    expect(code).toBe(0)
    expect(out).toMatch(/^\.\.\.\n\n--- 192/m)
    expect(out).not.toMatch(/bytes from/)
    expect(out.match(PACKETS)?.groups).toMatchObject({ sent: '30', received: '27', loss: '10' })
  })

  test('-v says which door was taken, why, and what it cannot do', async () => {
    const { a } = net
    const door = await icmp(a, ['ping', '-v', '-c1', '192.0.2.2', '2001:db8::2'])
    expect(door.err).toMatch(/^icmp: ping-socket \(IPv4\): IPv4 ping socket: it needs no privilege$/m)
    expect(door.err).toMatch(/^icmp: {3}it cannot: .*see the IP header that an error quotes/m)
    expect(door.err).toMatch(/^icmp: ping-socket \(IPv6\)/m)
    expect(door.err).toMatch(/^icmp: rights: now uid 65534, gid 65534 in all threads$/m)
    a.sysctl('ipv4.ping_group_range', '1 0')
    onTestFinished(() => a.sysctl('ipv4.ping_group_range', '0 2147483647'))
    const raw = await icmp(a, ['ping', '-v', '-c1', '192.0.2.2'])
    expect(raw.err).toMatch(/^icmp: raw-socket \(IPv4\): ping-socket: socket: EACCES.*the ping socket was refused$/m)
  })

  test('-v shows each timeout as it happens', async () => {
    const { a, b } = net
    await hostile(b, 4, () => [])
    const { out } = await icmp(a, ['ping', '-v', '-c2', '-i0.05', '-W0.05', '192.0.2.2'])
    expect(out).toMatch(/^no reply to icmp_seq=1 from 192\.0\.2\.2$/m)
    expect(out).toMatch(/^no reply to icmp_seq=2 from 192\.0\.2\.2$/m)
  })
})
