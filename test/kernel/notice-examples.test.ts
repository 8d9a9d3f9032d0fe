/** What three kinds of client programs do about an outage, in examples/client-*.ts: each learns of it while it waits. */
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, test } from 'vitest'
import { type Running, startProgram } from './icmp-command.ts'
import { office, program, SERVER4, SERVER6, serving } from './notified.ts'
import { type Host, needsRoot } from './testnet.ts'

beforeEach((ctx) => needsRoot(ctx))

function client(h: Host, name: string, ...args: string[]): Running {
  const example = fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url))
  return startProgram(h, process.execPath, ['--conditions=@icmpkit/source', example, ...args])
}

test('a DNS stub with a kept socket goes to the next server at once', async () => {
  const { server, crowd } = office()
  const dns = await program(server, 'udp', 53)
  const serve = await serving(server, ['--program', 'dns=udp/53', '--grace', '0'])
  const stub = client(crowd, 'client-dns', SERVER4, SERVER6)
  await serve.when((s) => s.programs[0].workstations === 1)
  dns.signal('SIGSTOP')
  await serve.ask('offline', 'dns')
  await stub.until(new RegExp(`${SERVER4} answers with 17 octets\n[\\s\\S]*${SERVER4} is offline: ECONNREFUSED\n`))
  dns.signal('SIGCONT')
  await stub.until(new RegExp(`${SERVER6} answers`))
})

test('a chat over TCP that only reads learns that its server hangs, and comes again', async () => {
  const { server, crowd } = office()
  const chat = await program(server, 'tcp', 7000)
  const serve = await serving(server, ['--program', 'chat=tcp/7000'])
  const reader = client(crowd, 'client-chat', SERVER4, '7000')
  await reader.until(/hello\n/)
  chat.signal('SIGSTOP')
  expect(await serve.ask('offline', 'chat')).toMatch(/^chat is offline: 1 of 1 workstations told/)
  await reader.until(/the line is dead: ECONNREFUSED\n/)
  chat.signal('SIGCONT')
  await reader.until(/the line is dead: ECONNREFUSED\nhello\n/)
})

test('an HTTP question that waits on a kept connection ends at once', async () => {
  const { server, crowd } = office()
  const web = startProgram(server, process.execPath, ['-e', WEB])
  await web.until(/up\n/)
  const serve = await serving(server, ['--program', 'web=tcp/8080'])
  const asker = client(crowd, 'client-http', `http://${SERVER4}:8080/`)
  await asker.until(/answered[\s\S]*answered/)
  web.signal('SIGSTOP')
  // One of them at least waits now.
  await asker.until(/ask \S+\nask \S+\n$/)
  await serve.ask('offline', 'web')
  await asker.until(/somebody else has to be asked: ECONNREFUSED\n/)
})

const WEB = `
require('node:http').createServer((_, answer) => answer.end('yes')).listen(8080, () => console.log('up'))`
