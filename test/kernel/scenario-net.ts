/**
 * The network of a scenario out of Linux kernels: a namespace a node, a veth pair a link, a bridge in a namespace of its
 * own for a link of more than two. Link-layer addresses, addresses and routes are those of the lab, so that the same
 * answers can be expected.
 */
import { portsOf } from '../../packages/icmpkit/src/lab/layout.ts'
import { MadeRoutes } from '../../packages/icmpkit/src/lab/made-routes.ts'
import { planOf } from '../../packages/icmpkit/src/lab/topology.ts'
import { linkLocalOf } from '../../packages/icmpkit/src/stack/ip6/addresses.ts'
import type { PortConfig } from '../../packages/icmpkit/src/stack/port.ts'
import type { Route } from '../../packages/icmpkit/src/stack/route-table.ts'
import { type Ip, isLinkLocal, parseIp, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { type Host, makeHost, withoutLimits } from './testnet.ts'

export interface ScenarioNet extends Disposable {
  readonly hosts: Readonly<Record<string, Host>>
}

/** Builds it; whoever called removes it. */
export function scenarioNet(scenario: Scenario): ScenarioNet {
  const hosts: Record<string, Host> = {}
  const switches: Host[] = []
  const remove = () => {
    for (const h of [...Object.values(hosts), ...switches]) h.remove()
  }
  try {
    const plan = planOf(scenario.network)
    const { ports, ends } = portsOf(plan)
    for (const n of plan.nodes) {
      const h = makeHost(n.name)
      hosts[n.name] = h
      withoutLimits(h)
      if (n.kind === 'gateway') {
        h.sysctl('ipv4.ip_forward', 1)
        h.sysctl('ipv6.conf.all.forwarding', 1)
      }
      for (const [name, value] of Object.entries(scenario.sysctl?.[n.name] ?? {})) h.sysctl(name, value)
    }
    for (const members of ends) {
      const sides = members.map((e) => ({ host: hosts[plan.nodes[e.at]!.name]!, port: e.port }))
      if (sides.length === 2) wire(sides[0]!, sides[1]!)
      else {
        const sw = makeHost('sw')
        switches.push(sw)
        sw.netlink.addLink({ type: 'bridge', name: 'br0', mtu: sides[0]!.port.mtu })
        sw.netlink.setLink('br0', { addrGenMode: 'none', up: true })
        for (const [i, side] of sides.entries()) {
          wire(side, { host: sw, port: { ...side.port, name: `p${i}`, mac: undefined, addresses: [] } })
          sw.netlink.setLink(`p${i}`, { master: sw.netlink.index('br0') })
        }
      }
    }
    for (const own of ports.entries()) for (const port of own[1]) address(hosts[plan.nodes[own[0]]!.name]!, port)
    const gateways = plan.nodes.map((n) => n.kind === 'gateway')
    const made = new MadeRoutes(
      ends.map((e) => ({ up: true, ends: e })),
      gateways,
    )
    const prefixes = ports.flat().flatMap((p) => p.addresses ?? [])
    for (const [i, n] of plan.nodes.entries()) {
      const h = hosts[n.name]!
      const names = ports[i]!.map((p) => p.name)
      const add = (r: Route<Ip> | undefined) => {
        if (r === undefined) return
        const dst = masked(r.prefix, r.prefixLength)
        const oif = h.netlink.index(names[r.port - 1]!)
        h.netlink.addRoute({ dst, prefixLength: r.prefixLength, gateway: r.nextHop!, oif, replace: true })
      }
      if (gateways[i]) {
        for (const a of prefixes) if (!isLinkLocal(a.address)) add(made.of<Ip>(i)(a.address)?.[0])
      } else {
        add(made.defaultOf<Ip>(i, 4))
        add(made.defaultOf<Ip>(i, 6))
      }
      for (const [prefix, via] of Object.entries(n.routes ?? {})) {
        const [dst, length] = prefix.split('/')
        const rule = { dst: parseIp(dst!)!, prefixLength: Number(length), replace: true }
        if (via === 'unreachable' || via === 'prohibit' || via === 'blackhole')
          h.netlink.addRoute({ ...rule, type: via })
        else if (typeof via === 'string') h.netlink.addRoute({ ...rule, gateway: parseIp(via)! })
        else throw new Error(`${n.name}: ${prefix}: a scenario's kernels have one next hop a route`)
      }
    }
    return { hosts, [Symbol.dispose]: remove }
  } catch (e) {
    remove()
    throw e
  }
}

interface Side {
  host: Host
  port: Omit<PortConfig, 'mac'> & { mac: Uint8Array | undefined }
}

function wire(a: Side, b: Side): void {
  const birth = ({ port }: Side) => ({
    name: port.name,
    mtu: port.mtu,
    ...(port.mac === undefined ? {} : { address: port.mac }),
  })
  a.host.netlink.addLink({ type: 'veth', ...birth(a), peer: { ...birth(b), netns: { fd: b.host.namespace.fd } } })
  for (const { host, port } of [a, b]) host.netlink.setLink(port.name, { addrGenMode: 'none', up: true })
  for (const { host, port } of [a, b]) awaitUp(host, port.name)
}

function awaitUp(h: Host, name: string): void {
  const end = performance.now() + 60_000
  while (performance.now() < end) {
    if (h.netlink.link(name)?.operState === 'up') return
    Atomics.wait(SLEEP, 0, 0, 1)
  }
  throw new Error(`${h.name}: ${name} has no carrier after a minute`)
}

function address(h: Host, port: PortConfig): void {
  const own = port.addresses ?? []
  for (const a of own) h.address(port.name, `${showIp(a.address)}/${a.prefixLength}`)
  if (!own.some((a) => typeof a.address === 'bigint' && isLinkLocal(a.address)))
    h.address(port.name, `${showIp(linkLocalOf(port.mac))}/64`)
}

function masked(ip: Ip, length: number): Ip {
  if (typeof ip !== 'bigint') return (length === 0 ? 0 : ip & (-1 << (32 - length))) as Ip
  const host = BigInt(128 - length)
  return ((ip >> host) << host) as Ip
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4))
