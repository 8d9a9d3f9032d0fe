/**
 * What Linux routers tell a host of the stack: a better first hop, a narrow path, a refused port; and a Linux neighbour
 * that has the address already. One switch, two routers, a server behind the second by a link of MTU 1400.
 *
 *   node 192.0.2.9 ──┐
 *   r1   192.0.2.1 ──┼── switch        r1 sends what is for 198.51.100.0/24 on to r2
 *   r2   192.0.2.2 ──┘── r2 198.51.100.2 ── server 198.51.100.5
 */
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import { openPort } from '../../packages/icmpkit/src/os/open-port.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { Node, type StackEvent } from '../../packages/icmpkit/src/stack/index.ts'
import type { ArpProbeSettings } from '../../packages/icmpkit/src/stack/ip4/arp-settings.ts'
import type { SocketError } from '../../packages/icmpkit/src/stack/transport/udp-table.ts'
import type { Ip4 } from '../../packages/icmpkit/src/wire/addr.ts'
import { showMac } from '../../packages/icmpkit/src/wire/ethernet.ts'
import { until } from './port-machine.ts'
import { cable, type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const exec = promisify(execFile)
/** While the node runs: it is in this process. */
const ping = (h: Host, to: string) =>
  exec('ip', ['netns', 'exec', h.name, 'ping', '-n', '-w', '60', '-c', '3', '-i', '0.1', to])

const SERVER = ip('198.51.100.5') as Ip4

/** `[the namespace for the node, its switch, r1, r2]`. */
function network() {
  const [at, wires, r1, r2, server] = ['n', 'sw', 'r1', 'r2', 's'].map(host) as [Host, Host, Host, Host, Host]
  execFileSync('ip', ['-n', wires.name, 'link', 'add', 'br0', 'type', 'bridge'])
  execFileSync('ip', ['-n', wires.name, 'link', 'set', 'br0', 'up'])
  for (const [i, h] of [at, r1, r2].entries()) {
    cable(h, wires, 'eth0', `p${i}`)
    execFileSync('ip', ['-n', wires.name, 'link', 'set', `p${i}`, 'master', 'br0'])
  }
  cable(r2, server, 'far', 'eth0', 1400)
  r1.address('eth0', '192.0.2.1/24')
  r2.address('eth0', '192.0.2.2/24')
  r2.address('far', '198.51.100.2/24')
  server.address('eth0', '198.51.100.5/24')
  for (const r of [r1, r2]) {
    r.sysctl('ipv4.ip_forward', 1)
    r.sysctl('ipv4.icmp_ratemask', 0)
  }
  r1.sysctl('ipv4.conf.all.send_redirects', 1)
  r1.sysctl('ipv4.conf.eth0.send_redirects', 1)
  server.sysctl('ipv4.icmp_ratemask', 0)
  execFileSync('ip', ['-n', r1.name, 'route', 'add', '198.51.100.0/24', 'via', '192.0.2.2'])
  execFileSync('ip', ['-n', server.name, 'route', 'add', '192.0.2.0/24', 'via', '198.51.100.2'])
  return { at, r1, r2, server }
}

/** A host of the stack with that address, its default route by r1; it runs until the test ends. */
async function start(h: Host, address: string, arpProbe: Partial<ArpProbeSettings>) {
  const door = await openPort({ kind: 'packet', interface: 'eth0', netns: h.name })
  const clock = new RealClock()
  const nextHop = ip('192.0.2.1') as Ip4
  const n = new Node({
    role: 'host',
    ports: [{ ...door.port, addresses: [{ address: ip(address), prefixLength: 24 }] }],
    ip4: {
      arpProbe,
      routes: [{ prefix: 0 as Ip4, prefixLength: 0, kind: 'unicast', nextHop, port: door.port.index }],
    },
    random: Math.random,
    wall: (at: Instant) => clock.wall(at),
  })
  const stop = new AbortController()
  const events: StackEvent[] = []
  n.start(clock.now())
  const running = drive(n, [door], clock, (e) => void events.push(e), stop.signal)
  onTestFinished(async () => {
    stop.abort()
    await running
    await door[Symbol.asyncDispose]()
  })
  return { n, events, clock }
}

test('a host of the stack follows the redirect of a Linux router, learns the MTU that the next one tells, and hears that a port is closed', async () => {
  const { at } = network()
  const { n, events, clock } = await start(at, '192.0.2.9', { count: 0 })
  const socket = n.transport.udp.bind({ family: 4 })
  const send = (octets: number) => {
    const said = socket.send(clock.now(), new Uint8Array(octets), { address: SERVER, port: 9, df: true })
    clock.wake()
    return said
  }
  send(10)
  await until(() => events.some((e) => e.kind === 'redirect'))
  expect(events.find((e) => e.kind === 'redirect')).toMatchObject({
    destination: SERVER,
    by: ip('192.0.2.1'),
    to: ip('192.0.2.2'),
  })
  // The datagram that provoked it went on, and the server has nobody at that port.
  const heard: SocketError[] = []
  const hasHeard = (code: number) => {
    for (let e = socket.error(); e !== undefined; e = socket.error()) heard.push(e)
    return heard.at(-1)?.code === code
  }
  await until(() => hasHeard(3))
  expect(heard).toHaveLength(1)
  expect(heard[0]).toMatchObject({ severity: 'hard', type: 3, code: 3, from: SERVER, to: SERVER, toPort: 9 })
  expect(n.ip4.hop(clock.now(), SERVER)).toMatchObject({ nextHop: ip('192.0.2.2') })
  expect(send(1472)).toBe('sent')
  await until(() => events.some((e) => e.kind === 'path-mtu'))
  expect(events.find((e) => e.kind === 'path-mtu')).toMatchObject({
    destination: SERVER,
    mtu: 1400,
    // From r2, straight: the way by r1 is not used any more.
    by: ip('192.0.2.2'),
  })
  expect(send(1373)).toBe('too-big')
  expect(send(1372)).toBe('sent')
  await until(() => hasHeard(3))
  // The datagram that was lost, the path of the next ones, the closed port.
  expect(heard.slice(1).map((e) => [e.origin, e.severity, e.mtu])).toEqual([
    ['icmp', 'size', 1400],
    ['path', 'size', 1400],
    ['icmp', 'hard', 0],
  ])
})

test('an address that a Linux neighbour has is not used, and the neighbour is named; nothing is answered in its name', async () => {
  const { at, r1, r2 } = network()
  const { n, events } = await start(at, '192.0.2.2', { waitMs: 0, minMs: 50, maxMs: 100, announceWaitMs: 200 })
  await until(() => events.some((e) => e.kind === 'address-conflict'))
  const conflict = events.find((e) => e.kind === 'address-conflict')!
  const holder = r2.netlink.link('eth0')!.address!
  expect(conflict.kind === 'address-conflict' && showMac(conflict.by)).toBe(showMac(holder))
  expect(n.ip4.isMine(ip('192.0.2.2') as Ip4)).toBe(false)
  await ping(r1, '192.0.2.2')
  const table = execFileSync('ip', ['-n', r1.name, 'neigh', 'show', '192.0.2.2'], { encoding: 'utf8' })
  expect(table).toContain(showMac(holder))
  expect(n.counters.answered).toBe(0)
})

test('an address that nobody has is found free by probes that Linux hears, and is then announced to it', async () => {
  const { at, r1 } = network()
  execFileSync('ip', [
    '-n',
    r1.name,
    'neigh',
    'add',
    '192.0.2.9',
    'lladdr',
    '02:00:00:00:99:99',
    'dev',
    'eth0',
    'nud',
    'stale',
  ])
  const { n, events } = await start(at, '192.0.2.9', { waitMs: 0, minMs: 50, maxMs: 100, announceWaitMs: 200 })
  await until(() => events.some((e) => e.kind === 'address-ready' && e.address === ip('192.0.2.9')))
  const own = showMac([...n.ports.values()][0]!.mac)
  const neighbours = () => execFileSync('ip', ['-n', r1.name, 'neigh', 'show', '192.0.2.9'], { encoding: 'utf8' })
  await until(() => neighbours().includes(own))
  expect((await ping(r1, '192.0.2.9')).stdout).toContain('3 received')
})
