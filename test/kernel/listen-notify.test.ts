/** From end to end: `icmp notify serve` on the server, `icmp listen --notices` on a workstation, both signing algorithms. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { events, icmp, start } from './icmp-command.ts'
import { office, program, SERVER4, SERVER6, serving, workstations } from './notified.ts'
import { pythonFlow } from './python-flow.ts'
import { needsRoot } from './testnet.ts'

beforeEach(needsRoot)

/** Where keys are made: the server's, and what workstations get. */
async function keys(algorithm: 'hmac' | 'ed25519'): Promise<{ secret: string; open: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'icmp-keys-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const secret = join(directory, 'notices')
  const made = await icmp(undefined, ['notify', 'key', secret, '--algorithm', algorithm, '--who', 'the ops team'])
  expect(made).toMatchObject({ code: 0, err: '' })
  return { secret, open: algorithm === 'hmac' ? secret : `${secret}.pub` }
}

test.each(['hmac', 'ed25519'] as const)(
  'what the operator says is heard, signed and believed: %s',
  async (algorithm) => {
    const { secret, open } = await keys(algorithm)
    const { server, crowd } = office()
    await program(server, 'udp', 5353)
    const serve = await serving(server, ['--program', 'dns=udp/5353', '--key', secret])
    const listening = start(crowd, ['listen', '--notices', '--json', '--key', open])
    await listening.until(/"kind":"ready"/)
    const clients = await workstations(crowd, {
      servers: [
        [SERVER4, 5353, 2, null],
        [SERVER6, 5353, 1, null],
      ],
    })
    await serve.when((s) => s.programs[0].workstations === 3)
    await serve.ask('offline', 'dns', '--reason', 'new disks', '--back-at', '1900000000')
    await listening.until(/(?:"kind":"notice"[\s\S]*){3}/)
    // The silent are told once more: that is no news.
    await serve.event('outage')
    listening.signal('SIGINT')
    const all = events(await listening.ended).filter((e) => e.kind === 'notice')
    expect(all.map((e) => e.server).sort()).toEqual([SERVER4, SERVER4, SERVER6])
    for (const notice of all) {
      expect(notice).toMatchObject({
        program: 'dns',
        state: 'offline',
        reason: 'new disks',
        backAt: '1900000000.000000000',
        protocol: 'udp',
        process: { pid: clients.process.pid, name: 'python3' },
        trust: 'signed',
        signedBy: 'the ops team',
        believed: true,
      })
      expect(notice.remote).toBe(`${notice.server.includes(':') ? `[${notice.server}]` : notice.server}:5353`)
    }
  },
)

test('the notice of an established connection has a sequence number in the window, and is told with its program', async () => {
  const { server, crowd } = office()
  const web = await program(server, 'tcp', 8080)
  const serve = await serving(server, ['--program', 'web=tcp/8080'])
  const listening = start(crowd, ['listen', '--notices', '--json', '--believe', 'flow'])
  await listening.until(/"kind":"ready"/)
  const client = await pythonFlow(crowd, { how: 'tcp', local: '192.0.2.2', remote: SERVER4, remotePort: 8080 })
  // It hangs, and so keeps its connections.
  web.signal('SIGSTOP')
  await serve.ask('offline', 'web', '--reason', 'stuck')
  await listening.until(/"kind":"notice"/)
  listening.signal('SIGINT')
  const [notice] = events(await listening.ended).filter((e) => e.kind === 'notice')
  expect(notice).toMatchObject({
    program: 'web',
    reason: 'stuck',
    protocol: 'tcp',
    local: `192.0.2.2:${client.port}`,
    process: { pid: client.pid },
    believed: true,
  })
  expect(notice.findings).toContain('window')
})
