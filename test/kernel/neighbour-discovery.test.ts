/** Neighbour discovery and MLD of a stack node, with Linux as the neighbour and as the switch between. */
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import { openPort } from '../../packages/icmpkit/src/os/open-port.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { Node, type StackEvent } from '../../packages/icmpkit/src/stack/index.ts'
import { hex } from '../../packages/icmpkit/src/wire/octets.ts'
import { until } from './port-machine.ts'
import { cable, type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

/** A host of the stack on the interface, running until the test ends. */
async function node(h: Host, name: string, addresses: readonly string[]) {
  const door = await openPort({ kind: 'packet', interface: name, netns: h.name })
  const clock = new RealClock()
  const n = new Node({
    role: 'host',
    ports: [
      {
        ...door.port,
        addresses: addresses.map((text) => {
          const [address, length] = text.split('/')
          return { address: ip(address!), prefixLength: Number(length) }
        }),
      },
    ],
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
  return { node: n, port: [...n.ports.values()][0]!, events, clock }
}

const run = (h: Host, ...command: string[]) =>
  execFileSync('ip', ['netns', 'exec', h.name, ...command], { encoding: 'utf8' })
const isReady = (events: readonly StackEvent[], address: string) =>
  events.some((e) => e.kind === 'address-ready' && e.address === ip(address))

test('a Linux neighbour that wants our address finds by its own duplicate address detection that it is taken (RFC 4862 §5.4)', async () => {
  const [a, b] = [host('a'), host('b')]
  cable(a, b)
  const { events } = await node(b, 'eth0', ['2001:db8::2/64'])
  await until(() => isReady(events, '2001:db8::2'))
  // So long Linux waits for an objection: the node answers on this thread, which runs programs in between.
  a.sysctl('ipv6.neigh.eth0.retrans_time_ms', 5000)
  run(a, 'ip', 'address', 'add', '2001:db8::2/64', 'dev', 'eth0')
  const state = () => run(a, 'ip', '-6', 'address', 'show', 'dev', 'eth0', 'to', '2001:db8::2')
  await until(() => state().includes('dadfailed'))
  // Another one passes.
  run(a, 'ip', 'address', 'add', '2001:db8::3/64', 'dev', 'eth0')
  await until(() => !run(a, 'ip', '-6', 'address', 'show', 'dev', 'eth0', 'to', '2001:db8::3').includes('tentative'))
  expect(state()).toContain('dadfailed')
})

test('an address that a Linux neighbour has is not used, and the neighbour is named (RFC 4862 §5.4.5)', async () => {
  const [a, b] = [host('a'), host('b')]
  cable(a, b)
  a.address('eth0', '2001:db8::2/64')
  const { events } = await node(b, 'eth0', ['2001:db8::2/64', '2001:db8::7/64'])
  await until(() => events.some((e) => e.kind === 'address-conflict'))
  const [conflict] = events.filter((e) => e.kind === 'address-conflict')
  const link = run(a, 'cat', '/sys/class/net/eth0/address').trim().replace(/:/g, '')
  expect([conflict!.address, hex(conflict!.by)]).toEqual([ip('2001:db8::2'), link])
  await until(() => isReady(events, '2001:db8::7'))
  expect(isReady(events, '2001:db8::2')).toBe(false)
})

test('a snooping bridge of Linux learns our groups from our reports, keeps them by its queries, and forgets the one that is left (RFC 3810 §6)', async () => {
  const [sw, b] = [host('sw'), host('b')]
  cable(sw, b, 'p1', 'eth0')
  run(
    sw,
    'ip',
    'link',
    'add',
    'br0',
    'type',
    'bridge',
    'mcast_snooping',
    '1',
    'mcast_querier',
    '1',
    'mcast_query_response_interval',
    '100',
    'mcast_last_member_interval',
    '20',
    'mcast_mld_version',
    '2',
  )
  run(sw, 'ip', 'link', 'set', 'p1', 'master', 'br0')
  run(sw, 'ip', 'link', 'set', 'br0', 'up')
  const { node: n, port, events, clock } = await node(b, 'eth0', ['2001:db8::1234/64'])
  const groups = () => run(sw, 'bridge', 'mdb', 'show', 'dev', 'br0')
  await until(() => isReady(events, '2001:db8::1234'))
  await until(() => groups().includes('ff02::1:ff00:1234'))
  n.ip6.groups.join(clock.now(), port, ip('ff05::1:3') as never)
  clock.wake()
  await until(() => groups().includes('ff05::1:3'))
  n.ip6.groups.leave(clock.now(), port, ip('ff05::1:3') as never)
  clock.wake()
  await until(() => !groups().includes('ff05::1:3'))
  expect(groups()).toContain('ff02::1:ff00:1234')
})

test('Linux probes us and is confirmed, we probe Linux and are confirmed (RFC 4861 §7.3)', async () => {
  const [a, b] = [host('a'), host('b')]
  cable(a, b)
  a.address('eth0', '2001:db8::1/64')
  // Short times on the Linux side, so that its probes come soon.
  for (const [name, value] of [
    ['delay_first_probe_time', 1],
    ['base_reachable_time_ms', 1000],
  ] as const)
    a.sysctl(`ipv6.neigh.eth0.${name}`, value)
  const { node: n, port, events } = await node(b, 'eth0', ['2001:db8::2/64'])
  await until(() => isReady(events, '2001:db8::2'))
  // Not `run`: the node answers on this thread.
  const ping = ['netns', 'exec', a.name, 'ping', '-n', '-c', '40', '-i', '0.2', '-w', '100', '2001:db8::2']
  expect((await promisify(execFile)('ip', ping)).stdout).toContain('40 received')
  // Eight seconds of traffic: each has probed the other and been answered.
  expect(run(a, 'ip', '-6', 'neighbour', 'show', 'to', '2001:db8::2')).toMatch(/REACHABLE|DELAY|STALE|PROBE/)
  expect(n.ip6.neighbours.link(port).cache.get(ip('2001:db8::1') as never)?.proved).toBe(true)
  expect(events.some((e) => e.kind === 'neighbour' && e.state === 'failed')).toBe(false)
})
