/** `outages(socket)`: a program without any right reads the notice through its own socket, which stays what it was. */
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openSockDiag } from '../../packages/icmpkit/src/os/sock-diag.ts'
import { parseKeys } from '../../packages/icmpkit/src/runs/notices/keys.ts'
import { nobody } from '../nobody.ts'
import { type Running, startProgram } from './icmp-command.ts'
import { type ByHand, seconds, sendByHand } from './notice-by-hand.ts'
import { sequenceOf, synWatcher, tcpServer } from './python-flow.ts'
import { sharedPair } from './shared-pair.ts'
import type { Host } from './testnet.ts'

const net = sharedPair()
const SCRIPT = fileURLToPath(new URL('./scripts/outages.ts', import.meta.url))
const NODE_22 = fileURLToPath(new URL('../../packages/node-22/node_modules/node/bin/node', import.meta.url))
const WORKSTATION = { 4: '192.0.2.1', 6: '2001:db8::1' } as const
const SERVER = { 4: '192.0.2.2', 6: '2001:db8::2' } as const
/** HMAC key: its line in a file, and as scripts/notice.py takes it. */
const SECRET = '11'.repeat(32)
const KEY_LINE = `hmac-sha256 02d449a3 ${Buffer.from(SECRET, 'hex').toString('base64')} the ops team`

interface Client extends Running {
  port: number
  /** What it has said so far, by kind. */
  said(kind: string): Record<string, unknown>[]
  tell(line: string): void
}

type How = 'udp' | 'unconnected' | 'tcp' | 'ending' | 'connecting'

/** The client of scripts/outages.ts as uid 65534. */
async function client(
  host: Host,
  how: How,
  family: 4 | 6,
  keys: string[] = [],
  node = process.execPath,
): Promise<Client> {
  const flags = ['--experimental-strip-types', '--no-warnings']
  const args = [...flags, SCRIPT, how, WORKSTATION[family], SERVER[family], '9000', ...keys]
  const running = startProgram(host, node, args, { ...nobody(), input: true })
  await running.until(/"kind":"port"/)
  const all = () =>
    running.written.out
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
  return {
    ...running,
    port: Number(/"port":(\d+)/.exec(running.written.out)![1]),
    said: (kind) => all().filter((e) => e.kind === kind),
    tell: (line) => void running.process.stdin!.write(`${line}\n`),
  }
}

function flow(family: 4 | 6, port: number, protocol: 'udp' | 'tcp' = 'udp'): ByHand {
  return { protocol, local: WORKSTATION[family], localPort: port, remote: SERVER[family], remotePort: 9000 }
}

function down(state = 1): Partial<ByHand> & { state: number } {
  return { state, seconds: seconds(), program: 'time', reason: 'it fell', backAt: 1_900_000_000 }
}

/** A key file that uid 65534 may read. */
function keyFile(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'icmp-keys-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'keys')
  writeFileSync(file, `${text}\n`, { mode: 0o600 })
  for (const path of [directory, file]) chownSync(path, 65534, 65534)
  return file
}

describe.each([4, 6] as const)('a connected datagram socket of uid 65534, IPv%i', (family) => {
  test.each([
    ['this Node', process.execPath],
    ['the oldest Node', NODE_22],
  ])('gets an outage event with all the notice says, and its own error event once: %s', async (_which, node) => {
    const c = await client(net.a, 'udp', family, [], node)
    await sendByHand(net.b, [{ ...flow(family, c.port), ...down() }])
    await c.until(/"kind":"error"/)
    expect(c.said('outage')).toEqual([
      expect.objectContaining({
        program: 'time',
        state: 'gone',
        reason: 'it fell',
        backAt: '2030-03-17T17:46:40.000Z',
        server: SERVER[family],
        trust: 'unsigned',
        believed: false,
        why: expect.stringContaining('not signed'),
      }),
    ])
    c.tell('close')
    await c.ended
    expect(c.said('error')).toEqual([{ kind: 'error', code: 'ECONNREFUSED', syscall: 'recvmsg' }])
  })

  test('goes on sending and receiving after the notice, as a socket of Node', async () => {
    const echo = startProgram(net.b, '/usr/bin/python3', ['-uc', ECHO, SERVER[family], '9000'])
    await echo.until(/ready/)
    const c = await client(net.a, 'udp', family)
    c.tell('send')
    await c.until(/"kind":"message"/)
    await sendByHand(net.b, [{ ...flow(family, c.port), ...down() }])
    await c.until(/"kind":"error"/)
    c.tell('send')
    await c.until(/"kind":"message"[\s\S]*"kind":"message"/)
    expect(c.said('message').map((m) => m.text)).toEqual(['hello', 'hello'])
    expect(c.said('message')[1]!.from).toEqual({
      address: SERVER[family],
      family: `IPv${family}`,
      port: 9000,
      size: 5,
    })
    c.tell('close')
    expect(await c.ended).toMatchObject({ code: 0, err: '' })
  })
})

describe('a datagram socket', () => {
  test('tells of a host unreachable by an icmp event, and as before not by an error of its own (RFC 1122 §4.1.3.3)', async () => {
    const c = await client(net.a, 'udp', 4)
    await sendByHand(net.b, [{ ...flow(4, c.port), code: 1 }])
    await c.until(/"kind":"icmp"/)
    await sendByHand(net.b, [{ ...flow(4, c.port), code: 3 }])
    await c.until(/"kind":"error"/)
    expect(c.said('icmp').map((e) => [e.type, e.code])).toEqual([
      [3, 1],
      [3, 3],
    ])
    expect(c.said('error')).toHaveLength(1)
    expect(c.said('outage')).toEqual([])
  })

  test('that is not connected gets the outage event, and no error of its own, as before', async () => {
    const c = await client(net.a, 'unconnected', 4)
    await sendByHand(net.b, [{ ...flow(4, c.port), ...down() }])
    await c.until(/"kind":"outage"/)
    c.tell('close')
    expect(await c.ended).toMatchObject({ code: 0, err: '' })
    expect(c.said('error')).toEqual([])
    expect(c.said('outage')).toEqual([expect.objectContaining({ program: 'time', remote: '192.0.2.2:9000' })])
  })

  test('that sends while an error waits does not lose its datagram to it', async () => {
    const echo = startProgram(net.b, '/usr/bin/python3', ['-uc', ECHO, '192.0.2.2', '9000'])
    await echo.until(/ready/)
    const c = await client(net.a, 'udp', 4)
    c.tell('wait')
    await c.until(/"kind":"waiting"/)
    await sendByHand(net.b, [{ ...flow(4, c.port), ...down() }])
    await c.until(/"kind":"message"/)
    await c.until(/"kind":"error"/)
    expect(c.said('sent')).toEqual([{ kind: 'sent', code: null }])
    expect(c.said('outage')).toHaveLength(1)
    expect(c.said('error')).toHaveLength(1)
  })

  test('survives a flood of notices while it sends, and tells the last of them', async () => {
    const c = await client(net.a, 'udp', 4)
    c.tell('wait')
    for (let i = 0; i < 3; i++) {
      const flood = sendByHand(net.b, [{ ...flow(4, c.port), ...down(), reason: `flood ${i}` }], 1000)
      for (let j = 0; j < 20; j++) c.tell('send')
      await flood
    }
    // The kernel's queue was full: what comes once there is room is told.
    while (!c.written.out.includes('"program":"last"')) {
      await sendByHand(net.b, [{ ...flow(4, c.port), ...down(2), program: 'last' }])
    }
    c.tell('close')
    expect(await c.ended).toMatchObject({ code: 0, err: '' })
  })

  test('is as before once nobody listens any more', async () => {
    const echo = startProgram(net.b, '/usr/bin/python3', ['-uc', ECHO, '192.0.2.2', '9000'])
    await echo.until(/ready/)
    const c = await client(net.a, 'udp', 4)
    c.tell('leave')
    c.tell('send')
    await c.until(/"kind":"message"/)
    await sendByHand(net.b, [{ ...flow(4, c.port), ...down() }])
    await c.until(/"kind":"error"/)
    c.tell('send')
    await c.until(/"kind":"message"[\s\S]*"kind":"message"/)
    c.tell('close')
    expect(await c.ended).toMatchObject({ code: 0, err: '' })
    expect(c.said('outage')).toEqual([])
  })
})

test('examples/outages.ts and examples/listen.ts tell of a notice', async () => {
  const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
  const listening = startProgram(net.a, process.execPath, [example('listen.ts')])
  const running = startProgram(net.a, process.execPath, [example('outages.ts'), SERVER[4], '9000'], nobody())
  const diag = openSockDiag(net.a.name)
  onTestFinished(() => diag.close())
  let port: number | undefined
  while (port === undefined) {
    await new Promise((resolve) => setImmediate(resolve))
    port = diag.list({ protocol: 'udp', remotePort: 9000 })[0]?.localPort
  }
  // The listener opens its socket at some moment; what was sent before it does not hear.
  for (let i = 0; !listening.written.out.includes('time offline'); i++) {
    await sendByHand(net.b, [{ ...flow(4, port), state: 3, seconds: seconds(), program: 'time', reason: `try ${i}` }])
  }
  await running.until(/the socket says/)
  expect(running.written.out).toMatch(/^time is offline try 0 null unsigned\nthe socket says recvmsg ECONNREFUSED\n/)
  expect(listening.written.out).toMatch(/^192\.0\.2\.2 time offline try \d+ node\S* unsigned not signed; /)
})

describe('trust', () => {
  const signed = (port: number, more: object = {}): ByHand => ({ ...flow(4, port), ...down(), key: SECRET, ...more })

  test('what a known key has signed is believed, and whose it is is told', async () => {
    const c = await client(net.a, 'udp', 4, [keyFile(KEY_LINE)])
    await sendByHand(net.b, [signed(c.port, { workstation: { port: c.port, address: '192.0.2.1' } })])
    await c.until(/"kind":"outage"/)
    expect(c.said('outage')).toEqual([
      expect.objectContaining({ trust: 'signed', believed: true, signedBy: 'the ops team', program: 'time' }),
    ])
  })

  test.each<[string, object, object]>([
    ['a signature that is wrong', { spoiled: true }, { trust: 'refused', program: null, why: /signature is wrong/ }],
    ['one of another key', { key: '22'.repeat(32) }, { trust: 'unsigned', program: 'time', why: /not known/ }],
    ['one of a minute and more ago', { seconds: seconds() - 90 }, { trust: 'refused', why: /too long ago/ }],
    ['one of the future', { seconds: seconds() + 300 }, { trust: 'refused', why: /future/ }],
    ['damaged extensions', { damaged: true }, { trust: 'refused', program: null, why: /checksum/ }],
    [
      'another server’s word',
      { from: '192.0.2.3', key: undefined },
      { trust: 'unsigned', why: /from another address/ },
    ],
  ])('%s is not believed', async (_what, wrong, told) => {
    const c = await client(net.a, 'udp', 4, [keyFile(KEY_LINE)])
    await sendByHand(net.b, [signed(c.port, wrong)])
    await c.until(/"kind":"outage"/)
    const why = expect.stringMatching((told as { why: RegExp }).why)
    expect(c.said('outage')).toEqual([expect.objectContaining({ believed: false, ...told, why })])
  })

  test('a notice that is older than the newest of its key and program is a replay', async () => {
    const c = await client(net.a, 'udp', 4, [keyFile(KEY_LINE)])
    const now = seconds()
    await sendByHand(net.b, [signed(c.port, { seconds: now }), signed(c.port, { seconds: now - 5, state: 5 })])
    await c.until(/"kind":"outage"[\s\S]*"kind":"outage"/)
    expect(c.said('outage').map((o) => [o.state, o.trust])).toEqual([
      ['gone', 'signed'],
      ['back', 'refused'],
    ])
  })

  test('the key file of these tests is one that we read', () => {
    expect(parseKeys(KEY_LINE)).toMatchObject([{ kind: 'hmac-sha256', who: 'the ops team' }])
  })
})

describe.each([4, 6] as const)('a TCP socket of uid 65534, IPv%i', (family) => {
  test('that is being connected learns why it is refused', async () => {
    const watcher = await synWatcher(net.b, 9000)
    const c = await client(net.a, 'connecting', family)
    const seq = await sequenceOf(watcher, c.port)
    await sendByHand(net.b, [{ ...flow(family, c.port, 'tcp'), seq, ...down() }])
    expect(await c.ended).toMatchObject({ code: 0, err: '' })
    expect(c.said('outage')).toEqual([expect.objectContaining({ program: 'time', protocol: 'tcp' })])
    expect(c.said('error')).toMatchObject([{ code: 'ECONNREFUSED' }])
  })

  test('that is connected is told nothing, as before; with endConnection it ends at once, by an error in its window', async () => {
    const server = await tcpServer(net.b, SERVER[family], 9000)
    const usual = await client(net.a, 'tcp', family)
    const ending = await client(net.a, 'ending', family)
    const notice = async ({ port }: Client, beyond: number) => {
      const seq = ((await sequenceOf(server, port)) + beyond) >>> 0
      return { ...flow(family, port, 'tcp'), seq, ...down() }
    }
    await sendByHand(net.b, [await notice(usual, 0), await notice(ending, 1)])
    const forged = ending.written.out
    await sendByHand(net.b, [await notice(ending, 0)])
    expect(await ending.ended).toMatchObject({ code: 0, err: '' })
    expect(forged).not.toContain('"kind":"error"')
    expect(ending.said('error')).toMatchObject([{ code: 'ECONNREFUSED', syscall: 'read' }])
    usual.tell('close')
    expect(await usual.ended).toMatchObject({ code: 0, err: '' })
    expect(usual.said('error')).toEqual([])
    expect([...usual.said('outage'), ...ending.said('outage')]).toEqual([])
  })
})

const ECHO = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
print('ready')
while True:
    d, a = s.recvfrom(2048)
    s.sendto(d, a)`
