/** `icmp listen`: a notice that reaches this machine is matched with the socket that it hits, judged, and told. */
import { describe, expect, test } from 'vitest'
import { nobody } from '../nobody.ts'
import { events, icmp, type Running, start } from './icmp-command.ts'
import { type ByHand, seconds, sendByHand } from './notice-by-hand.ts'
import { pythonFlow, sequenceOf, synWatcher, tcpServer } from './python-flow.ts'
import { sharedPair } from './shared-pair.ts'

const net = sharedPair()
const WORKSTATION = { 4: '192.0.2.1', 6: '2001:db8::1' } as const
const SERVER = { 4: '192.0.2.2', 6: '2001:db8::2' } as const

function flow(family: 4 | 6, localPort: number, protocol: 'udp' | 'tcp' = 'udp'): ByHand {
  return { protocol, local: WORKSTATION[family], localPort, remote: SERVER[family], remotePort: 9000 }
}

function ends(family: 4 | 6): { local: string; remote: string; remotePort: number } {
  return { local: WORKSTATION[family], remote: SERVER[family], remotePort: 9000 }
}

function down(): { state: number; seconds: number; program: string } {
  return { state: 3, seconds: seconds(), program: 'time' }
}

async function listen(...more: string[]): Promise<Running> {
  const running = start(net.a, ['listen', ...more])
  await running.until(more.includes('--json') ? /"kind":"ready"/ : /^listening/)
  return running
}

/** Ends it as Ctrl-C does; its events. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of the command, its fields are what is tested
async function told(running: Running): Promise<any[]> {
  running.signal('SIGINT')
  const ended = await running.ended
  expect(ended).toMatchObject({ code: 0, err: '' })
  return events(ended)
}

describe.each([4, 6] as const)('IPv%i', (family) => {
  const end = (ip: string, port: number) => (family === 4 ? `${ip}:${port}` : `[${ip}]:${port}`)

  test('a notice about a live flow is told with all it says and with whose flow it is', async () => {
    const { port, pid } = await pythonFlow(net.a, { how: 'udp', ...ends(family), stay: true })
    const listening = await listen('--notices', '--json')
    const now = seconds()
    await sendByHand(net.b, [{ ...flow(family, port), ...down(), reason: 'new disks', backAt: now + 600 }])
    await listening.until(/"kind":"notice"/)
    const [, notice, summary] = await told(listening)
    expect(notice).toMatchObject({
      kind: 'notice',
      schema: 'icmpkit.listen.v1',
      server: SERVER[family],
      program: 'time',
      state: 'offline',
      reason: 'new disks',
      backAt: `${now + 600}.000000000`,
      protocol: 'udp',
      local: end(WORKSTATION[family], port),
      remote: end(SERVER[family], 9000),
      process: { pid, name: 'python3' },
      trust: 'unsigned',
      believed: false,
      why: expect.stringMatching(/not signed.*live socket.*server/),
    })
    expect(summary).toMatchObject({
      kind: 'summary',
      notices: 1,
      believed: 0,
      programs: [{ program: 'time', notices: 1 }],
    })
  })

  test('a flow whose program ended with the error is told as its flow all the same', async () => {
    const { port, pid, ended } = await pythonFlow(net.a, { how: 'udp', ...ends(family) })
    const listening = await listen('--notices', '--json')
    // An ordinary error ends it; what there was is remembered for some seconds.
    await sendByHand(net.b, [flow(family, port)])
    await ended
    await sendByHand(net.b, [{ ...flow(family, port), ...down() }])
    await listening.until(/"kind":"notice"/)
    const notice = (await told(listening)).find((e) => e.kind === 'notice')
    expect(notice).toMatchObject({ process: { pid, name: 'python3' } })
    expect(notice.findings).toContain('socket-ended')
  })

  test('a connection that was being set up, and is refused by the notice, is known by its program', async () => {
    const watcher = await synWatcher(net.b, 9000)
    const { port, pid, written, ended } = await pythonFlow(net.a, { how: 'connecting', ...ends(family) })
    const seq = await sequenceOf(watcher, port)
    const listening = await listen('--notices', '--json')
    await sendByHand(net.b, [{ ...flow(family, port, 'tcp'), seq, ...down() }])
    await listening.until(/"kind":"notice"/)
    await ended
    expect(written.out).toContain('connect ECONNREFUSED')
    const notice = (await told(listening)).find((e) => e.kind === 'notice')
    expect(notice).toMatchObject({ protocol: 'tcp', local: end(WORKSTATION[family], port), process: { pid } })
  })

  test('of an established connection a sequence number in the window speaks for it, one beyond against it', async () => {
    const server = await tcpServer(net.b, SERVER[family], 9000)
    const { port, pid } = await pythonFlow(net.a, { how: 'tcp', ...ends(family) })
    const seq = await sequenceOf(server, port)
    const listening = await listen('--notices', '--json', '--believe', 'flow')
    await sendByHand(net.b, [{ ...flow(family, port, 'tcp'), ...down(), seq, reason: 'in' }])
    await listening.until(/"reason":"in"/)
    await sendByHand(net.b, [{ ...flow(family, port, 'tcp'), ...down(), seq: (seq + 1) >>> 0, reason: 'out' }])
    await listening.until(/"reason":"out"/)
    const [inside, outside] = (await told(listening)).filter((e) => e.kind === 'notice')
    expect(inside).toMatchObject({ reason: 'in', believed: true, process: { pid } })
    expect(inside.findings).toEqual(['no-signature', 'socket', 'sender', 'window'])
    expect(outside).toMatchObject({ reason: 'out', believed: false, process: { pid } })
    expect(outside.findings).toEqual(['no-signature', 'socket', 'sender', 'out-of-window'])
  })
})

test('a plain port unreachable about a live flow is an error, one about no flow of this machine is not told', async () => {
  const { port, pid } = await pythonFlow(net.a, { how: 'udp', ...ends(4), stay: true })
  const listening = await listen('--notices', '--json')
  await sendByHand(net.b, [flow(4, port === 65_535 ? 1 : port + 1), flow(4, port)])
  await listening.until(/"kind":"error"/)
  const all = await told(listening)
  expect(all.map((e) => e.kind)).toEqual(['ready', 'error', 'summary'])
  expect(all[1]).toMatchObject({ name: 'Port Unreachable', from: '192.0.2.2', live: true, process: { pid } })
  expect(all[1].meaning).toContain('no program listens on that UDP port')
  expect(all[2]).toMatchObject({ errors: 2, untold: { 'no-live-flow': 1 } })
})

test('without --notices every error is told, with the program that it hits and what it means', async () => {
  const { port, pid } = await pythonFlow(net.a, { how: 'udp', ...ends(4), stay: true })
  const listening = await listen('-v')
  await sendByHand(net.b, [{ ...flow(4, port), type: 11, code: 0 }])
  await listening.until(/Time/)
  listening.signal('SIGINT')
  const { out } = await listening.ended
  expect(out).toMatch(
    new RegExp(
      `^\\d\\d:\\d\\d:\\d\\d\\.\\d{6} 192\\.0\\.2\\.2: Time to Live exceeded in Transit \\(11/0\\)\\. udp 192\\.0\\.2\\.1:${port} > 192\\.0\\.2\\.2:9000 python3\\[${pid}\\]\n {4}\\S.*\\.\n`,
      'm',
    ),
  )
})

test('a flow between link-local addresses is found, and told with its zone', async () => {
  const ends = { local: 'fe80::1%eth0', remote: 'fe80::2%eth0', remotePort: 9000 }
  const { port, pid } = await pythonFlow(net.a, { how: 'udp', ...ends, stay: true })
  const listening = await listen('--notices', '--json')
  const about = { protocol: 'udp', local: 'fe80::1', localPort: port, remote: 'fe80::2', remotePort: 9000 } as const
  await sendByHand(net.b, [{ ...about, zone: 'eth0', ...down() }])
  await listening.until(/"kind":"notice"/)
  const [, notice] = await told(listening)
  expect(notice).toMatchObject({
    server: 'fe80::2%eth0',
    from: 'fe80::2%eth0',
    local: `[fe80::1%eth0]:${port}`,
    remote: '[fe80::2%eth0]:9000',
    process: { pid },
  })
})

test('a socket that takes datagrams from anybody is found, and that its kernel tells it nothing is said', async () => {
  const { port, pid } = await pythonFlow(net.a, { how: 'unconnected', ...ends(4) })
  const listening = await listen('--notices', '--json')
  await sendByHand(net.b, [{ ...flow(4, port), ...down() }])
  await listening.until(/"kind":"notice"/)
  const [, notice] = await told(listening)
  expect(notice).toMatchObject({ process: { pid } })
  expect(notice.findings).toContain('unconnected')
})

test('text from outside cannot reach the terminal: escape codes, line ends and directions are shown, not obeyed', async () => {
  const { port } = await pythonFlow(net.a, { how: 'udp', ...ends(4), stay: true })
  const lines = await listen('--notices')
  const json = await listen('--notices', '--json')
  const hostile = { program: '\u001b[2Jx', reason: '\u001b]0;t\u0007\r\ny\u00e2\u0080\u00ae' }
  await sendByHand(net.b, [{ ...flow(4, port), ...down(), ...hostile }])
  await lines.until(/offline/)
  await json.until(/"kind":"notice"/)
  const notice = (await told(json))[1]
  expect(notice).toMatchObject({ program: '\u001b[2Jx', reason: '\u001b]0;t\u0007\r\ny\u202e' })
  lines.signal('SIGINT')
  const { out } = await lines.ended
  expect(out).toContain('“\\x1b[2Jx” is said to be offline: \\x1b]0;t\\x07\\x0d\\x0ay\\u{202e}')
  for (const text of [out, json.written.out]) expect(text).not.toMatch(/[^\n\x20-\x7e“”’×]/)
})

test('a flood of forged notices is counted, a real one after it is told', async () => {
  const { port, pid } = await pythonFlow(net.a, { how: 'udp', ...ends(4), stay: true })
  const listening = await listen('--notices', '--json')
  await sendByHand(net.b, [{ ...flow(4, 1), ...down(), vary: ['localPort', 'seconds'] }], 5000)
  while (!listening.written.out.includes('"program":"real"')) {
    await sendByHand(net.b, [{ ...flow(4, port), ...down(), program: 'real' }])
  }
  const all = await told(listening)
  const notices = all.filter((e) => e.kind === 'notice')
  expect(notices.length).toBeLessThan(1000)
  expect(notices.at(-1)).toMatchObject({ program: 'real', process: { pid } })
  const { untold, notices: heard } = all.at(-1)
  expect(heard).toBeGreaterThan(1000)
  expect(untold['no-socket-rate']).toBeGreaterThan(0)
})

test('SIGINT prints the table by program, SIGQUIT the one so far', async () => {
  const { port } = await pythonFlow(net.a, { how: 'udp', ...ends(4), stay: true })
  const listening = await listen('--notices')
  await sendByHand(net.b, [{ ...flow(4, port), ...down(), reason: 'new disks' }])
  await listening.until(/new disks/)
  listening.signal('SIGQUIT')
  await listening.untilError(
    /^udp\/9000 of 192\.0\.2\.2 {2}1× {2}unsigned {2}“time” is said to be offline: new disks; last at/m,
  )
  listening.signal('SIGINT')
  const { out, code } = await listening.ended
  expect(code).toBe(0)
  expect(out).toMatch(/^udp\/9000 of 192\.0\.2\.2 {2}1× {2}unsigned/m)
  expect(out).toMatch(/^1 {2}notices$/m)
})

test('--netns listens in another namespace', async () => {
  const { port, pid } = await pythonFlow(net.a, { how: 'udp', ...ends(4), stay: true })
  const listening = start(undefined, ['listen', '--notices', '--json', '--netns', net.a.name, '-c', '1'])
  await listening.until(/"kind":"ready"/)
  await sendByHand(net.b, [{ ...flow(4, port), ...down() }])
  const ended = await listening.ended
  expect(ended).toMatchObject({ code: 0, err: '' })
  expect(events(ended)[1]).toMatchObject({ program: 'time', process: { pid } })
})

test('without rights it says in a line which one is missing', async () => {
  const { code, out, err } = await icmp(net.a, ['listen', '--notices'], nobody())
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toMatch(/^icmp: raw-socket: socket: EPERM, .*needs CAP_NET_RAW.*\n$/)
})
