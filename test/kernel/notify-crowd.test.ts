/** `icmp notify serve` with many workstations, with a NAT, and with forged ones (issue shows 1 and 4). */
import { beforeEach, expect, test } from 'vitest'
import { startProgram } from './icmp-command.ts'
import {
  type Crowd,
  counter,
  office,
  program,
  SERVER4,
  SERVER6,
  serving,
  told,
  toldSoFar,
  workstations,
} from './notified.ts'
import { cable, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const ECONNREFUSED = 111

test('each of hundreds of workstations, with an address of its own or not, is told once', async () => {
  const { server, crowd } = office()
  const dns = await program(server, 'udp', 5353)
  const serve = await serving(server, ['--program', 'dns=udp/5353', '--no-repeat'])
  const clients = await workstations(crowd, {
    servers: [
      [SERVER4, 5353, 300, '10.1.0.1'],
      [SERVER4, 5353, 200, null],
      [SERVER6, 5353, 200, 'fd64::1'],
      [SERVER6, 5353, 100, null],
    ],
  })
  await serve.when((s) => s.programs[0].workstations === 800)
  dns.signal('SIGKILL')
  expect(await told(clients)).toEqual({ [ECONNREFUSED]: 800 })
  const outage = await serve.event('outage')
  expect(outage).toMatchObject({ workstations: 800, sent: 800, suppressed: {} })
  expect((await serve.end()).sent).toBe(800)
  // As the kernels count: what was sent came, and nothing else.
  expect(counter(crowd, 'Icmp', 'InDestUnreachs')).toBe(500)
})

test('a thousand ports behind one NAT address are all told, each at its own socket', async () => {
  const server = host('srv')
  const router = host('nat')
  const inside = host('in')
  cable(server, router, 'eth0', 'out')
  cable(router, inside, 'in', 'eth0')
  server.address('eth0', '192.0.2.1/24')
  router.address('out', '192.0.2.2/24')
  router.address('in', '10.9.0.1/24')
  inside.address('eth0', '10.9.0.2/24')
  inside.netlink.addRoute({ dst: ip('0.0.0.0'), prefixLength: 0, gateway: ip('10.9.0.1') })
  router.sysctl('ipv4.ip_forward', 1)
  const { err } = await startProgram(router, 'nft', [RULES]).ended
  expect(err).toBe('')
  const dns = await program(server, 'udp', 5353)
  const serve = await serving(server, ['--program', 'dns=udp/5353'])
  const clients = await workstations(inside, { servers: [[SERVER4, 5353, 1000, null]] })
  await serve.when((s) => s.programs[0].workstations === 1000)
  dns.signal('SIGKILL')
  expect(await told(clients)).toEqual({ [ECONNREFUSED]: 1000 })
  expect(await serve.event('outage')).toMatchObject({ workstations: 1000, sent: 1000, suppressed: {} })
})

/** Masquerades, and lets through what belongs to a connection that began inside. */
const RULES = `
table ip nat {
  chain post { type nat hook postrouting priority 100; oifname "out" masquerade; }
}
table ip fw {
  chain pass { type filter hook forward priority 0; policy drop; iifname "in" accept; ct state established,related accept; }
}`

/** Sends from many forged sources: COUNT from FIRST on, ROUNDS datagrams each, and waits for the server between the rounds. */
const FORGE = `
import ipaddress, socket, struct, sys
count, rounds, first, server = int(sys.argv[1]), int(sys.argv[2]), int(ipaddress.ip_address(sys.argv[3])), sys.argv[4]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
clock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
clock.connect((server, 5353))
for _ in range(rounds):
    for i in range(count):
        source = struct.pack('!I', first + i)
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 29, 0, 0, 64, 17, 0) + source + socket.inet_aton(server)
        raw.sendto(ip + struct.pack('!HHHH', 4000, 5353, 9, 0) + b'x', (server, 0))
        if i % 50 == 49:
            clock.send(b'y')
            clock.recv(10)
    clock.send(b'y')
    clock.recv(10)
print('sent')`

test('a flood from forged sources never gets into the table: nobody but the real workstations hears of the outage', async () => {
  const { server, crowd } = office()
  // Nobody is at home where the answers go: no error comes back either.
  const dns = await program(server, 'udp', 5353)
  const serve = await serving(server, ['--program', 'dns=udp/5353', '--no-repeat'])
  const real: Crowd = { servers: [[SERVER4, 5353, 5, null]] }
  const clients = await workstations(crowd, real)
  const forged = await startProgram(crowd, '/usr/bin/python3', ['-c', FORGE, '5000', '1', '10.2.0.1', SERVER4]).ended
  expect(forged).toMatchObject({ code: 0, err: '' })
  // All of it has been looked at: a workstation that came behind is known.
  await workstations(crowd, { servers: [[SERVER4, 5353, 1, '10.3.0.1']] })
  const status = await serve.when((s) => s.heard >= 5000 + 15 + 3 && s.programs[0].workstations >= 7)
  // Five, the one behind, and the forger's own socket, by which it keeps time.
  expect(status.programs[0].workstations).toBe(7)
  expect(status.unseen).toBe(0)
  dns.signal('SIGKILL')
  expect(await told(clients)).toEqual({ [ECONNREFUSED]: 5 })
  const outage = await serve.event('outage')
  expect(outage.sent).toBeLessThanOrEqual(7)
  expect((await serve.end()).sent).toBeLessThanOrEqual(7)
})

test('who is confirmed by forged datagrams gets one notice for an outage at most, whatever the operator does: never more than were sent', async () => {
  const { server, crowd } = office()
  await program(server, 'udp', 5353)
  const serve = await serving(server, ['--program', 'dns=udp/5353', '--repeat', '100ms'])
  const { code } = await startProgram(crowd, '/usr/bin/python3', ['-c', FORGE, '100', '3', '10.2.0.1', SERVER4]).ended
  expect(code).toBe(0)
  await serve.when((s) => s.programs[0].workstations >= 100)
  for (let i = 0; i < 5; i++) {
    await serve.ask('offline', 'dns')
    await serve.event('outage', i)
    await serve.ask('back', 'dns')
    await serve.event('back', i)
  }
  const first = await serve.event('outage')
  expect(first.sent).toBeGreaterThanOrEqual(100)
  expect((await serve.event('outage', 4)).suppressed.recent).toBeGreaterThanOrEqual(100)
  const { sent, heard } = await serve.end()
  expect(sent).toBeLessThanOrEqual(heard)
})

test('a program that only its own machine uses: its clients over loopback are told, nobody else', async () => {
  const { server, crowd } = office()
  const dns = await program(server, 'udp', 5353)
  const serve = await serving(server, ['--program', 'dns=udp/5353'])
  const own = await workstations(server, {
    servers: [
      ['127.0.0.1', 5353, 2, null],
      ['::1', 5353, 2, null],
      [SERVER4, 5353, 2, null],
    ],
  })
  await serve.when((s) => s.programs[0].workstations === 6)
  dns.signal('SIGKILL')
  expect(await told(own)).toEqual({ [ECONNREFUSED]: 6 })
  expect(await serve.event('outage')).toMatchObject({ workstations: 6, sent: 6, suppressed: {} })
  expect(counter(crowd, 'Icmp', 'InDestUnreachs')).toBe(0)
  expect(await toldSoFar(own)).toEqual({ [ECONNREFUSED]: 6 })
})
