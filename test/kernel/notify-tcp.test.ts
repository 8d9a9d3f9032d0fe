/** `icmp notify serve` and TCP: connections that stand, that are being made, and that are drained (issue shows 1 and 3). */
import { beforeEach, expect, test } from 'vitest'
import { startProgram } from './icmp-command.ts'
import {
  counter,
  type Office,
  office,
  program,
  ruleset,
  SERVER4,
  SERVER6,
  serving,
  told,
  toldSoFar,
  workstations,
} from './notified.ts'
import { needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const ECONNRESET = 104
const ECONNREFUSED = 111

test('a hung server: the kernel of each workstation accepts the notice, and a socket with IP_RECVERR meets it at once', async () => {
  const { server, crowd } = office()
  const web = await program(server, 'tcp', 8080)
  const serve = await serving(server, ['--program', 'web=tcp/8080,probe=http:/,every=100ms,timeout=1s,failures=2'])
  const clients = await workstations(crowd, {
    protocol: 'tcp',
    recverr: true,
    servers: [
      [SERVER4, 8080, 100, null],
      [SERVER6, 8080, 100, null],
    ],
  })
  const outside = counter(crowd, 'TcpExt', 'OutOfWindowIcmps')
  web.signal('SIGSTOP')
  expect(await told(clients)).toEqual({ [ECONNREFUSED]: 200 })
  const outage = await serve.event('outage')
  expect(outage).toMatchObject({ state: 'hung', protocol: 'tcp', rebuilt: 0, sent: 200 })
  expect(counter(crowd, 'TcpExt', 'OutOfWindowIcmps') - outside).toBe(0)
  // They stand: the program goes on, and all of them get their answers.
  web.signal('SIGCONT')
  expect(await serve.event('back')).toMatchObject({ program: 'web', state: 'hung' })
  const { elicited } = await serve.end()
  expect(elicited).toBeGreaterThanOrEqual(200)
})

test('an ordinary socket with an established connection is not woken, and goes on working (field notes §1.2)', async () => {
  const { server, crowd } = office()
  await program(server, 'tcp', 8080)
  const serve = await serving(server, ['--program', 'web=tcp/8080'])
  const clients = await workstations(crowd, {
    protocol: 'tcp',
    servers: [
      [SERVER4, 8080, 10, null],
      [SERVER6, 8080, 10, null],
    ],
  })
  const before = counter(crowd, 'TcpExt', 'OutOfWindowIcmps')
  await serve.ask('offline', 'web')
  expect(await serve.event('outage')).toMatchObject({ state: 'offline', workstations: 20, sent: 20, suppressed: {} })
  clients.signal('SIGUSR2')
  await clients.until(/sent/)
  expect(await toldSoFar(clients)).toEqual({})
  expect(counter(crowd, 'TcpExt', 'OutOfWindowIcmps') - before).toBe(0)
})

test('without eliciting nothing is sent to an established connection, and that is counted', async () => {
  const { server, crowd } = office()
  await program(server, 'tcp', 8080)
  const serve = await serving(server, ['--program', 'web=tcp/8080', '--no-elicit'])
  await workstations(crowd, { protocol: 'tcp', servers: [[SERVER4, 8080, 5, null]] })
  await serve.ask('offline', 'web')
  expect(await serve.event('outage')).toMatchObject({ workstations: 5, sent: 0, suppressed: { 'no-answer': 5 } })
  expect((await serve.end()).elicited).toBe(0)
  expect(counter(crowd, 'Icmp', 'InDestUnreachs')).toBe(0)
})

test('with reset each connection ends behind its notice, at both ends', async () => {
  const { server, crowd } = office()
  await program(server, 'tcp', 8080)
  const serve = await serving(server, ['--program', 'web=tcp/8080,reset'])
  const clients = await workstations(crowd, {
    protocol: 'tcp',
    servers: [
      [SERVER4, 8080, 20, null],
      [SERVER6, 8080, 20, null],
    ],
  })
  await serve.ask('offline', 'web')
  expect(await told(clients)).toEqual({ [ECONNRESET]: 40 })
  expect((await serve.event('outage')).sent).toBe(40)
})

const CONNECT = `
import socket, sys
for address in sys.argv[1:]:
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    try:
        s.connect((address, 8080))
        print('in', flush=True)
    except OSError as e:
        print(e.errno, flush=True)`

async function connect({ crowd }: Office, ...addresses: string[]): Promise<string[]> {
  const { out } = await startProgram(crowd, '/usr/bin/python3', ['-c', CONNECT, ...addresses]).ended
  return out.trim().split('\n')
}

test('draining: whoever connects is refused at once, who is in stays in; afterwards all are let in, and no rule is left', async () => {
  const net = office()
  await program(net.server, 'tcp', 8080)
  const serve = await serving(net.server, ['--program', 'web=tcp/8080,code=port'])
  const clients = await workstations(net.crowd, { protocol: 'tcp', servers: [[SERVER4, 8080, 5, null]] })
  expect(await connect(net, SERVER4, SERVER6)).toEqual(['in', 'in'])
  await serve.ask('drain', 'web', '--reason', 'upgrade')
  expect(await serve.event('outage')).toMatchObject({ state: 'draining', reason: 'upgrade' })
  expect(await ruleset(net.server)).toMatch(/tcp dport 8080.*reject/)
  const refused = await connect(net, SERVER4, SERVER6)
  expect(refused).toEqual([`${ECONNREFUSED}`, `${ECONNREFUSED}`])
  clients.signal('SIGUSR2')
  await clients.until(/sent/)
  expect(await toldSoFar(clients)).toEqual({})
  await serve.ask('back', 'web')
  expect(await connect(net, SERVER4, SERVER6)).toEqual(['in', 'in'])
  await serve.end()
  expect(await ruleset(net.server)).toBe('')
})
