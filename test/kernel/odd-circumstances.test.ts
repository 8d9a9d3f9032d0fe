/** The commands where the machine around them is not as it should be: full disks, odd names, interfaces that go away. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type Ended, events, icmp, start, startProgram } from './icmp-command.ts'
import { sharedPair } from './shared-pair.ts'
import type { Host } from './testnet.ts'

const net = sharedPair()

const ICMP = fileURLToPath(new URL('../../packages/icmpkit/bin/icmp.js', import.meta.url))

/** `icmp …` with the redirections of a shell behind it. */
function redirected(h: Host, args: readonly string[], redirections: string): Promise<Ended> {
  return startProgram(h, 'sh', ['-c', `exec "$@" ${redirections}`, 'sh', process.execPath, ICMP, ...args]).ended
}

describe('standard output that is full', () => {
  test.each([
    ['ping', '-c1', '127.0.0.1'],
    ['ping', '-c1', '--json', '127.0.0.1'],
    ['send', '127.0.0.1'],
    ['send', '--json', '127.0.0.1'],
    ['demo'],
    ['demo', '--json'],
    ['help'],
  ])('%s %s %s: said once, and the exit code is 2', async (...args) => {
    const { code, err } = await redirected(net.a, args, '>/dev/full')
    expect(err.match(/ENOSPC/g)).toHaveLength(1)
    expect(code).toBe(2)
  })

  test('standard error that is full takes nothing from what ping answers', async () => {
    const { code, out } = await redirected(net.a, ['ping', '-v', '-c1', '127.0.0.1'], '2>/dev/full')
    expect(out).toMatch(/^64 bytes from 127\.0\.0\.1: /m)
    expect(code).toBe(0)
  })
})

describe('what was never sent', () => {
  test('a name without an address has no statistics that a script could take for a loss of 0%', async () => {
    const { out, err, code } = await icmp(net.a, ['ping', '-c1', '192.0.2.2', 'no-such-host.invalid'])
    expect(out.match(/ping statistics/g)).toHaveLength(1)
    expect(err).toMatch(/^icmp: no-such-host\.invalid: /m)
    expect(code).toBe(2)
  })

  test('with --json it has its error and its summary', async () => {
    const all = events(await icmp(net.a, ['ping', '--json', '-c1', 'no-such-host.invalid']))
    expect(all.map((e) => e.kind)).toEqual(['error', 'summary', 'total'])
    expect(all[1]).toMatchObject({ target: 'no-such-host.invalid', sent: 0, received: 0, lost: 0 })
  })

  test('where no packet left, no share of them is lost', async () => {
    const { out } = await icmp(net.a, ['ping', '-c1', '192.0.2.255'])
    expect(out).toMatch(/^0 packets transmitted, 0 received, time \d+ms$/m)
  })
})

test('errors of this machine stand behind the header where both go to one place', async () => {
  const { out } = await redirected(net.a, ['ping', '-c1', '203.0.113.1'], '2>&1')
  expect(out).toMatch(/^PING .*\nicmp: local error: network is unreachable\n/)
})

test('so do the drops of this machine', async () => {
  const { out } = await redirected(net.a, ['ping', '-c1', '192.0.2.255'], '2>&1')
  expect(out).toMatch(/^PING .*\nicmp: local drop: a local rule or a missing right stopped a packet/)
})

test('-f says once what this machine refuses each time', async () => {
  const { err, out } = await icmp(net.a, ['ping', '-f', '-c20', '192.0.2.255'])
  expect(err.match(/local drop/g)).toHaveLength(1)
  expect(out).toMatch(/^20 dropped on this machine/m)
})

test.each(['', 'an-interface-name-too-long', 'eth0\u0001'])('-I %j names no interface', async (name) => {
  for (const command of [
    ['ping', '-c1'],
    ['send', '-W0'],
  ]) {
    const { code, err } = await icmp(net.a, [...command, '-I', name, '192.0.2.2'])
    expect(err).toMatch(/no interface/)
    expect(code).toBe(2)
  }
})

test('a capture on standard output is read live by others, and the lines are beside it', async (ctx) => {
  const live = 'tshark -l -n -i - -c 4 -T fields -e icmp.type -e icmp.seq 2>/dev/null'
  const { out } = await startProgram(net.a, 'sh', [
    '-c',
    `command -v tshark >/dev/null || exec echo none; "$@" 2>/dev/null | ${live}`,
    'sh',
    process.execPath,
    ICMP,
    ...['ping', '--pcap', '-', '-i0.2', '192.0.2.2'],
  ]).ended
  if (out === 'none\n') ctx.skip('skipped, because tshark is not installed (apt-get install tshark)')
  expect(out.split('\n').slice(0, 4)).toEqual(['8\t1', '0\t1', '8\t2', '0\t2'])
  const both = await icmp(net.a, ['ping', '--pcap', '-', '-c1', '192.0.2.2'])
  expect(both.err).toMatch(/^64 bytes from 192\.0\.2\.2: [\s\S]*1 packets transmitted, 1 received/m)
  expect(both.out).not.toMatch(/packets transmitted/)
})

test('a neighbour that is not there is explained by the defaults, however few probes are sent', async () => {
  // RFC 4861 §10, and the kernel's ARP alike: three questions, a second apart.
  const [four, six, sent] = await Promise.all([
    icmp(net.a, ['ping', '-c1', '192.0.2.66']),
    icmp(net.a, ['ping', '-c1', '2001:db8::66']),
    icmp(net.a, ['send', '192.0.2.67']),
  ])
  expect(four.out).toMatch(/^From 192\.0\.2\.\d+ icmp_seq=1 Destination Host Unreachable$/m)
  expect(six.out).toMatch(/^From 2001:db8::\d+ icmp_seq=1 Destination unreachable: Address unreachable$/m)
  for (const { out } of [four, six]) expect(out).toMatch(/^ {4}This machine got no answer .* on its own link: /m)
  expect(sent.out).toMatch(/host 192\.0\.2\.67 unreachable/)
  expect([four.code, six.code, sent.code]).toEqual([1, 1, 0])
})

test('send, stopped while it waits, does not say that it waited to the end', async () => {
  const run = start(net.a, ['send', '-W', '1h', '192.0.2.68'])
  await run.until(/echo request/)
  run.signal('SIGINT')
  expect(await run.ended).toMatchObject({
    code: 1,
    out: expect.stringMatching(/192\.0\.2\.68: no answer before it was stopped$/m),
  })
})

test('-w 0 sets no deadline, as with iputils; -W 0 is refused with what to say instead', async () => {
  expect((await icmp(net.a, ['ping', '-c1', '-w0', '192.0.2.2'])).code).toBe(0)
  const refused = await icmp(net.a, ['ping', '-c1', '-W0', '192.0.2.2'])
  expect(refused.err).toMatch(/'-W, --timeout <time>'.*as in 1h/)
  expect(refused.code).toBe(2)
})
