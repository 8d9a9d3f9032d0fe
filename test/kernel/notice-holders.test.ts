/** A machine's own resolver at a loopback address holds the port of its DNS server too, and serves no workstation of others. */
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { SOL_SOCKET } from '../../packages/icmpkit/src/os/socket.ts'
import { KernelSocket, SO_REUSEADDR } from './kernel-socket.ts'
import { office, program, SERVER4, serving, told, workstations } from './notified.ts'
import { needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const ECONNREFUSED = 111

test('a socket at 127.0.0.53 on the same port hides no outage from the workstations', async () => {
  const { server, crowd } = office()
  const resolver = new KernelSocket(server, 'udp', 4).set(SOL_SOCKET, SO_REUSEADDR, 1).bind('127.0.0.53', 5353)
  onTestFinished(() => resolver.close())
  // Before the program: all that holds the port is out of reach.
  const serve = await serving(server, ['--program', 'dns=udp/5353', '--grace', '0'])
  const dns = await program(server, 'udp', 5353)
  const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 3, null]] })
  await serve.when((s) => s.programs[0].workstations === 3)
  dns.signal('SIGKILL')
  expect(await told(clients)).toEqual({ [ECONNREFUSED]: 3 })
  expect(await serve.event('outage')).toMatchObject({ state: 'gone', sent: 3 })
  await program(server, 'udp', 5353)
  expect(await serve.event('back')).toMatchObject({ program: 'dns' })
})
