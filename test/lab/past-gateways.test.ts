/**
 * Frames that go past a gateway of the lab (`Way.relay`) against gateways that look at each: one network twice, the second
 * time with a behaviour at each gateway that does nothing, while links, routes, neighbours and settings change.
 */
import { afterEach, expect, test, vi } from 'vitest'
import { type Lab, type LabConfig, type LabNode, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { Random } from '../../packages/icmpkit/src/lab/random.ts'
import type { Ip4Settings } from '../../packages/icmpkit/src/stack/ip4/settings.ts'
import { Way } from '../../packages/icmpkit/src/stack/ip4/ways.ts'
import type { Ip4 } from '../../packages/icmpkit/src/wire/addr.ts'
import { icmp4 } from '../../packages/icmpkit/src/wire/index.ts'
import { hex } from '../../packages/icmpkit/src/wire/octets.ts'

afterEach(() => vi.restoreAllMocks())

test('frames that go past gateways leave on every link and in every count what they leave at gateways that look at each', () => {
  const relay = vi.spyOn(Way.prototype, 'relay')
  const refused = new Set<boolean>()
  for (let seed = 1; seed <= 8; seed++) {
    relay.mockClear()
    const past = story(seed, false)
    const passed = relay.mock.results.filter((r) => r.value === true).length
    for (const r of relay.mock.results) refused.add(r.value === false)
    expect(passed, `network ${seed}: frames that went past a gateway`).toBeGreaterThan(200)
    relay.mockClear()
    const looked = story(seed, true)
    expect(relay, `network ${seed}: gateways that look`).not.toHaveBeenCalled()
    for (const [step, words] of past.entries()) expect(words, `network ${seed}, step ${step}`).toEqual(looked[step])
  }
  expect([...refused].sort()).toEqual([false, true])
})

/** Four gateways, a host at each, and a link on which all gateways and two more hosts are. */
function network(seed: number): LabConfig {
  const r = new Random(seed, 1)
  const inner = () => ({ delay: r.below(40) / 8, mtu: r.chance(0.3) ? 1280 : 1500 })
  return {
    seed,
    nodes: Object.fromEntries(
      ['r0', 'r1', 'r2', 'r3']
        .map((n) => [n, 'gateway' as const])
        .concat(['h0', 'h1', 'h2', 'h3', 'h4', 'h5'].map((n) => [n, 'host' as const]) as never),
    ),
    links: [
      ['h0', 'r0'],
      ['h1', 'r1'],
      ['h2', 'r2'],
      ['h3', 'r3'],
      ['r0', 'r1', inner()],
      ['r1', 'r2', inner()],
      ['r2', 'r3', inner()],
      ['h4', 'h5', 'r2', 'r3', { name: 'lan' }],
    ],
  }
}

/** What is to be seen behind each step: of every node its counts and neighbours, of every link its own, and the frames at hosts. */
function story(seed: number, looked: boolean): unknown[] {
  const net = lab(network(seed))
  const r = new Random(seed, 2)
  const seen: string[] = []
  const sent: Uint8Array[] = []
  // At hosts alone: what is tapped takes the long way over a link, and the others shall take both.
  for (const l of ['h0-r0', 'h3-r3', 'lan', ...(seed % 2 === 0 ? ['r0-r1', 'r1-r2', 'r2-r3'] : [])])
    net.tap(l, (p) => {
      seen.push(`${p.time} ${p.from} ${p.to} ${p.fate} ${p.arrives} ${hex(p.bytes, p.at, p.end)}`)
      if (p.from === 'h0' && sent.length < 64) sent.push(p.bytes.slice(p.at, p.end))
    })
  const nodes = net.names().map((n) => net.node(n))
  const hosts = nodes.filter((n) => n.kind === 'host')
  if (looked) for (const n of nodes) if (n.kind === 'gateway') n.behave([{}])
  const steps: unknown[] = []
  for (let step = 0; step < 40; step++) {
    if (step > 4) change(net, r)
    for (let n = 0; n < 20; n++) {
      const from = hosts[r.below(hosts.length)]!
      const to = hosts[r.below(hosts.length)]!
      if (from !== to) send(net, r, from, addressOf(to))
    }
    for (let n = 0; n < 4 && sent.length > 0; n++) again(net, r, sent[r.below(sent.length)]!)
    net.run(net.now + (r.chance(0.2) ? 45_000 : 100 + r.below(900)))
    steps.push({
      frames: seen.splice(0),
      nodes: nodes.map(({ name, node }) => ({
        name,
        counters: { ...node.counters },
        neighbours: node.ip4.arp.entries(),
      })),
      links: net.links.map((l) => ({ name: l.name, ...l.counts })),
    })
  }
  return steps
}

function send(net: Lab, r: Random, from: LabNode, dst: Ip4): void {
  const message = { kind: 'echoRequest', code: 0, id: 7, seq: r.below(9), data: new Uint8Array(r.below(1460)) } as const
  const payload = new Uint8Array(icmp4.size(message))
  icmp4.write(message, payload, 0)
  const recorded = r.chance(0.1) ? { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) } : {}
  const ttl = [64, 64, 64, 64, 1, 2, 3, 4][r.below(8)]!
  const tos = r.chance(0.2) ? r.below(8) << 5 : 0
  from.node.ip4.send(net.now, { dst, ttl, tos, df: r.chance(0.3), protocol: icmp4.PROTOCOL, payload, ...recorded })
}

/** A frame that h0 has sent comes again: padded, cut, for somebody else, or with an octet of its headers changed. */
function again(net: Lab, r: Random, frame: Uint8Array): void {
  const kind = r.below(4)
  const bytes = new Uint8Array(
    kind === 0 ? frame.length + 9 : kind === 1 ? frame.length - r.below(frame.length - 14) : frame.length,
  )
  bytes.set(frame.subarray(0, bytes.length))
  if (kind === 2) bytes[r.below(34)]! ^= 1 << r.below(8)
  net.node('h0').inject(net.now, 1, bytes)
}

/** One thing in the network is another than it was. */
function change(net: Lab, r: Random): void {
  const link = ['r0-r1', 'r1-r2', 'r2-r3', 'lan'][r.below(4)]!
  const gateway = net.node(`r${r.below(4)}`)
  const any = net.node(net.names()[r.below(10)]!)
  CHANGES[r.below(CHANGES.length)]!(net, r, link, gateway, any)
}

const CHANGES: readonly ((net: Lab, r: Random, link: string, gateway: LabNode, any: LabNode) => void)[] = [
  (net, _r, link) => net.change(link, { up: !net.link(link).up }),
  (net, r, link) => net.change(link, { mtu: [576, 1280, 1500][r.below(3)]! }),
  (net, r, link) => net.change(link, { loss: r.chance(0.5) ? 0.2 : 0, delay: r.below(30) / 8 }),
  (net, _r, _link, _gateway, any) => net.turn(any.name, any.up ? 'down' : 'up'),
  // Another card: neighbours go on to the old one until they know.
  (net, r, _link, _gateway, any) => {
    any.node.changePort(net.now, 1, { mac: Uint8Array.of(2, 0, 0, 1, r.below(256), r.below(256)) })
    any.settle(net.now)
  },
  (net, r, _link, { node: { ip4 } }) => {
    const prefix = addressOf(net.node(`h${r.below(6)}`))
    if (ip4.routes.remove((n) => n.kind === 'blackhole') > 0) return
    ip4.routes.add({
      prefix,
      prefixLength: 32,
      kind: 'blackhole',
      nextHop: undefined,
      port: -1,
      origin: 'static',
      metric: 0,
    })
  },
  (net, r, _link, gateway) => {
    const settings = { gateway: { precedenceCutoff: r.below(3) }, arp: { timeoutMs: 20_000 } }
    gateway.node.reconfigure(net.now, { ports: [], ip4: settings as Partial<Ip4Settings> })
    gateway.settle(net.now)
  },
  // The address of a host that is elsewhere.
  (net, _r, _link, gateway, any) => {
    gateway.node.ip4.addAddress(net.now, [...gateway.node.ports.values()].at(-1)!, addressOf(any), 32)
    gateway.settle(net.now)
  },
  // In the midst of traffic, and nobody settles it: it leaves when something comes to that gateway.
  (net, _r, _link, { node }) => {
    const datagram = { dst: addressOf(net.node('h5')), protocol: 253, payload: new Uint8Array(8) }
    net.at(net.now + 0.3, () => void node.ip4.send(net.now, datagram))
  },
]

function addressOf(n: LabNode): Ip4 {
  for (const port of n.node.ports.values())
    for (const { address } of port.addresses) if (typeof address !== 'bigint') return address
  throw new Error(`${n.name} has no address`)
}
