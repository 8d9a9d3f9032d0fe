/** A segment of hosts that know nothing but their link, and gateways that advertise: what becomes of it in virtual hours. */
import { expect, test } from 'vitest'
import { ping } from '../../packages/icmpkit/src/index.ts'
import { type Lab, lab, type NodeData } from '../../packages/icmpkit/src/lab/index.ts'
import { type Ip6, parseIp, showIp } from '../../packages/icmpkit/src/wire/addr.ts'

const HOSTS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'h7', 'h8']
const v6 = (text: string) => parseIp(text) as Ip6
const FAR = '2001:db8:0:1::2'

/** h1 … h8, r1 and r2 on one segment; behind both gateways, on links of their own, the host far. */
function segment(loss: number, seed: number): Lab {
  const host: NodeData = { kind: 'host', makeRoutes: false }
  const gateway = (preference: number): NodeData => ({
    kind: 'gateway',
    ip6: {
      advertise: [
        { port: 1, maxIntervalSeconds: 30, preference, prefixes: [{ prefix: v6('2001:db8::'), prefixLength: 64 }] },
      ],
    },
  })
  const none = Object.fromEntries(HOSTS.map((h) => [h, []]))
  return lab({
    seed,
    probe: true,
    nodes: { ...Object.fromEntries(HOSTS.map((h) => [h, host])), r1: gateway(1), r2: gateway(-1), far: 'host' },
    links: [
      [
        ...HOSTS,
        'r1',
        'r2',
        { name: 'lan', loss, addresses: { ...none, r1: ['2001:db8::1/64'], r2: ['2001:db8::2/64'] } },
      ],
      ['r1', 'far'],
      ['r2', 'far'],
    ],
  })
}

const wide = (net: Lab, name: string) =>
  [...net.node(name).node.ip6.addresses].filter((a) => a.address >> 118n !== 0x3fan && !a.anycast)

async function reaches(net: Lab, from: string, to: string): Promise<number> {
  let replies = 0
  const over = { doors: [net.node(from).door()], clock: net.clock }
  for await (const e of ping(to, { count: 10, interval: 100, over })) if (e.kind === 'reply') replies++
  return replies
}

test('hosts make themselves different addresses out of what is advertised, reach each other and what lies beyond, by the preferred gateway', async () => {
  const net = segment(0, 1)
  const carried: string[] = []
  net.tap('r1-far', (p) => carried.push(p.from))
  net.run(20_000)
  const addresses = HOSTS.map((h) => wide(net, h).map((a) => [showIp(a.address), a.state]))
  for (const list of addresses) expect(list).toEqual([[expect.stringMatching(/^2001:db8::/), 'preferred']])
  expect(new Set<string>(addresses.map((l) => l[0]![0]!)).size).toBe(HOSTS.length)
  expect(await reaches(net, 'h1', addresses[7]![0]![0]!)).toBe(10)
  carried.length = 0
  expect(await reaches(net, 'h1', FAR)).toBe(10)
  expect(carried.length).toBeGreaterThanOrEqual(10)
})

test('when the preferred gateway falls silent, its hosts find the other one within their probes', async () => {
  const net = segment(0, 2)
  net.run(20_000)
  expect(await reaches(net, 'h2', FAR)).toBe(10)
  // Its port on the segment only: nobody says goodbye. What comes back would go by it, so what counts is what gets there.
  const others: number[] = []
  net.tap('r2-far', (p) => p.from === 'r2' && others.push(p.time))
  net.node('r1').changePort(net.now, 1, { up: false })
  const from = net.now
  for (let i = 0; i < 60 && others.length === 0; i++) await reaches(net, 'h2', FAR)
  // A reachable time of 45 s at most, five seconds of delay, three probes; the packet after that finds its way.
  expect(others.length).toBeGreaterThan(0)
  expect(others[0]! - from).toBeLessThanOrEqual(45_000 + 5000 + 3000 + 2000)
  expect(wide(net, 'h2').map((a) => a.state)).toEqual(['preferred'])
})

test('on a link that loses every fifth packet all hosts are configured all the same, and no address is held for a duplicate', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const net = segment(0.2, seed)
    const conflicts: string[] = []
    net.watch((node, e) => {
      if (e.kind === 'address-conflict') conflicts.push(node)
    })
    net.run(300_000)
    expect(HOSTS.map((h) => wide(net, h).map((a) => a.state))).toEqual(HOSTS.map(() => ['preferred']))
    expect(HOSTS.map((h) => net.node(h).node.ip6.nd.host!.routers.routes.length)).toEqual(HOSTS.map(() => 2))
    expect(conflicts).toEqual([])
  }
})

test('a segment is renumbered: the old addresses are deprecated, then gone, the new ones used', () => {
  const net = segment(0, 3)
  net.run(20_000)
  const r1 = net.node('r1').node
  const r2 = net.node('r2').node
  const old = { prefix: v6('2001:db8::'), prefixLength: 64, validLifetimeSeconds: 7200, preferredLifetimeSeconds: 0 }
  const next = { prefix: v6('2001:db8:77::'), prefixLength: 64 }
  for (const r of [r1, r2])
    r.ip6.reconfigure(
      net.now,
      { ...r.ip6.settings, advertise: [{ port: 1, maxIntervalSeconds: 30, prefixes: [old, next] }] },
      [],
    )
  net.run(net.now + 60_000)
  for (const h of HOSTS) {
    expect(wide(net, h).map((a) => [showIp(a.address).slice(0, 11), a.state])).toEqual([
      ['2001:db8::f', 'deprecated'],
      ['2001:db8:77', 'preferred'],
    ])
    expect(showIp(net.node(h).node.ip6.sourceFor(v6(FAR))!).startsWith('2001:db8:77')).toBe(true)
  }
  for (const r of [r1, r2])
    r.ip6.reconfigure(
      net.now,
      { ...r.ip6.settings, advertise: [{ port: 1, maxIntervalSeconds: 30, prefixes: [next] }] },
      [],
    )
  net.run(net.now + 7_300_000)
  for (const h of HOSTS) expect(wide(net, h).map((a) => showIp(a.address).slice(0, 11))).toEqual(['2001:db8:77'])
})
