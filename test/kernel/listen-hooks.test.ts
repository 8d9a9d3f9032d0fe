/** What `icmp listen` does about a notice where it is asked to: a webhook, the end of a connection. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { events, icmp, start } from './icmp-command.ts'
import { type ByHand, seconds, sendByHand } from './notice-by-hand.ts'
import { type PythonFlow, pythonFlow, sequenceOf, tcpServer } from './python-flow.ts'
import { sharedPair } from './shared-pair.ts'

const net = sharedPair()
const ENDS = { local: '192.0.2.1', remote: '192.0.2.2', remotePort: 9000 } as const
const SECRET = '11'.repeat(32)
const KEY_LINE = `hmac-sha256 02d449a3 ${Buffer.from(SECRET, 'hex').toString('base64')} ops`

function notice({ port }: PythonFlow, more: Partial<ByHand> = {}): ByHand {
  const flow = { protocol: 'udp', ...ENDS, localPort: port } as const
  return { ...flow, state: 1, seconds: seconds(), program: 'time', ...more }
}

function file(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'icmp-listen-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const name = join(directory, 'keys')
  writeFileSync(name, `${text}\n`, { mode: 0o600 })
  return name
}

interface Hook {
  url: string
  readonly posts: { type: string | undefined; body: Record<string, unknown> }[]
  /** Resolves when so many have come. */
  until(count: number): Promise<void>
}

/** An HTTP server of this process, on the loopback of this namespace. */
async function hook(answer: (n: number) => number): Promise<Hook> {
  const posts: Hook['posts'] = []
  let grown = () => {}
  const server: Server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (part) => {
      text += part
    })
    request.on('end', () => {
      posts.push({ type: request.headers['content-type'], body: JSON.parse(text) })
      response.writeHead(answer(posts.length)).end()
      grown()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const until = async (count: number) => {
    while (posts.length < count) {
      await new Promise<void>((resolve) => {
        grown = resolve
      })
    }
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/outage`, posts, until }
}

describe('--webhook', () => {
  // The command runs here, where the server is, and listens over there.
  const listen = (url: string, ...more: string[]) =>
    start(undefined, [
      'listen',
      '--notices',
      '--json',
      '--netns',
      net.a.name,
      '--key',
      file(KEY_LINE),
      '--webhook',
      url,
      ...more,
    ])

  test('what is believed is posted as JSON, what is not is not', async () => {
    const { url, posts, until } = await hook(() => 204)
    const client = await pythonFlow(net.a, { how: 'udp', ...ENDS, stay: true })
    const listening = listen(url)
    await listening.until(/"kind":"ready"/)
    await sendByHand(net.b, [notice(client, { reason: 'forged' }), notice(client, { reason: 'real', key: SECRET })])
    await listening.until(/"reason":"real"/)
    await until(1)
    listening.signal('SIGINT')
    expect(await listening.ended).toMatchObject({ code: 0, err: '' })
    expect(posts).toEqual([
      {
        type: 'application/json',
        body: expect.objectContaining({ kind: 'notice', schema: 'icmpkit.listen.v1', reason: 'real', signedBy: 'ops' }),
      },
    ])
  })

  test('with --webhook-all all is posted, and failures are said while it goes on', async () => {
    const { url, posts } = await hook((n) => (n === 1 ? 500 : 200))
    const client = await pythonFlow(net.a, { how: 'udp', ...ENDS, stay: true })
    const listening = listen(url, '--webhook-all', '-c', '2')
    await listening.until(/"kind":"ready"/)
    await sendByHand(net.b, [notice(client, { reason: 'one' }), notice(client, { reason: 'two' })])
    const { code, err } = await listening.ended
    expect(posts.map((p) => p.body.reason)).toEqual(['one', 'two'])
    expect({ code, err }).toEqual({
      code: 0,
      err: 'icmp: webhook: a notice did not arrive: it answered 500\nicmp: webhook: lost: 1\n',
    })
  })

  test('nobody there is said, and nothing else stops', async () => {
    const client = await pythonFlow(net.a, { how: 'udp', ...ENDS, stay: true })
    const listening = listen('http://127.0.0.1:9/', '-c', '1')
    await listening.until(/"kind":"ready"/)
    await sendByHand(net.b, [notice(client, { key: SECRET })])
    const ended = await listening.ended
    expect(ended.code).toBe(0)
    expect(ended.err).toContain('webhook: a notice did not arrive')
    expect(events(ended)[1]).toMatchObject({ trust: 'signed', believed: true })
  })

  test('without a key it is said that nothing will be posted', async () => {
    const { code, err } = await icmp(net.a, ['listen', '--webhook', 'http://127.0.0.1:9/', '-w', '10ms'])
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('without --key no notice is believed') })
  })

  test('only http and https are URLs to post to', async () => {
    const { code, err } = await icmp(net.a, ['listen', '--webhook', 'file:///etc/passwd'])
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('must begin with http') })
  })
})

describe('--close', () => {
  async function connection() {
    const server = await tcpServer(net.b, '192.0.2.2', 9000)
    const client = await pythonFlow(net.a, { how: 'tcp', ...ENDS })
    const seq = await sequenceOf(server, client.port)
    return { client, about: (more: Partial<ByHand>) => notice(client, { protocol: 'tcp', seq, ...more }) }
  }

  test('ends the connection that a signed notice is about at once, and no other', async () => {
    const { client, about } = await connection()
    const listening = start(net.a, ['listen', '--notices', '--json', '--close', '--key', file(KEY_LINE)])
    await listening.until(/"kind":"ready"/)
    await sendByHand(net.b, [about({ reason: 'forged' }), about({ reason: 'leaving', key: SECRET, state: 4 })])
    await listening.until(/"reason":"leaving"/)
    await sendByHand(net.b, [about({ reason: 'real', key: SECRET })])
    await client.ended
    expect(client.written.out).toContain('recv ECONNABORTED')
    await listening.until(/"reason":"real"/)
    listening.signal('SIGINT')
    const all = events(await listening.ended).filter((e) => e.kind === 'notice')
    expect(all.map((e) => [e.reason, e.closed])).toEqual([
      ['forged', null],
      ['leaving', null],
      ['real', 'closed'],
    ])
  })

  test('--close any ends it for an unsigned one as well, not for one that the kernel did not take', async () => {
    const { client, about } = await connection()
    const listening = start(net.a, ['listen', '--notices', '--json', '--close', 'any'])
    await listening.until(/"kind":"ready"/)
    const { seq } = about({})
    await sendByHand(net.b, [about({ reason: 'blind', seq: (seq! + 1000) >>> 0 })])
    await listening.until(/"reason":"blind"/)
    await sendByHand(net.b, [about({ reason: 'seen' })])
    await client.ended
    expect(client.written.out).toContain('recv ECONNABORTED')
    await listening.until(/"reason":"seen"/)
    listening.signal('SIGINT')
    const all = events(await listening.ended).filter((e) => e.kind === 'notice')
    expect(all.map((e) => [e.reason, e.closed])).toEqual([
      ['blind', null],
      ['seen', 'closed'],
    ])
  })
})

describe('--key', () => {
  test('a file that others can read a secret in is refused, one that is none names its line', async () => {
    const open = file(KEY_LINE)
    chmodSync(open, 0o644)
    const readable = await icmp(net.a, ['listen', '--key', open])
    expect(readable).toMatchObject({ code: 2, out: '' })
    expect(readable.err).toContain('others may read the secret')
    expect((await icmp(net.a, ['listen', '--key', file('nonsense')])).err).toMatch(/keys:1: expected/)
  })

  test('SIGHUP reads the files anew, and keeps the keys that it has where one is wrong', async () => {
    const keys = file('# none yet\nhmac-sha256 02d449a3 zzz')
    writeFileSync(keys, `${KEY_LINE.replace('ops', 'first')}\n`)
    const client = await pythonFlow(net.a, { how: 'udp', ...ENDS, stay: true })
    const listening = start(net.a, ['listen', '--notices', '--json', '--key', keys])
    await listening.until(/"kind":"ready"/)
    writeFileSync(keys, 'nonsense\n')
    listening.signal('SIGHUP')
    await listening.untilError(/the keys stay as they were/)
    await sendByHand(net.b, [notice(client, { reason: 'a', key: SECRET })])
    await listening.until(/"reason":"a"/)
    writeFileSync(keys, `${KEY_LINE.replace('ops', 'second')}\n`)
    listening.signal('SIGHUP')
    await listening.untilError(/read anew/)
    await sendByHand(net.b, [notice(client, { reason: 'b', key: SECRET })])
    await listening.until(/"reason":"b"/)
    listening.signal('SIGINT')
    const all = events(await listening.ended).filter((e) => e.kind === 'notice')
    expect(all.map((e) => [e.trust, e.signedBy])).toEqual([
      ['signed', 'first'],
      ['signed', 'second'],
    ])
  })
})
