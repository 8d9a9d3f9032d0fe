/** Which ports a network's nodes have: names, link-layer addresses by a counter, addresses. */
import type { PortConfig } from '../stack/port.ts'
import type { Plan } from './topology.ts'

/** One end of a link: the index of its node, and the port. */
export interface PlannedEnd {
  at: number
  port: PortConfig
}

/** The ports of each node, eth0 first, in the order of the links; and the ends of each link. */
export function portsOf(plan: Plan): { ports: PortConfig[][]; ends: PlannedEnd[][] } {
  const indexes = new Map<string, number>(plan.nodes.map((n, i) => [n.name, i]))
  const ports: PortConfig[][] = plan.nodes.map(() => [])
  const ends: PlannedEnd[][] = []
  const inTunnel = new Set<string>(plan.tunnels.flatMap((t) => t.path))
  let made = 0
  for (const [link, l] of plan.links.entries()) {
    ends[link] = l.ends.map((end) => {
      const at = indexes.get(end.node)!
      const own = ports[at]!
      const n = ++made
      const mac = l.medium === 'ip' ? new Uint8Array(0) : Uint8Array.of(2, 0, n >>> 24, n >>> 16, n >>> 8, n)
      const index = own.length + 1
      const port = {
        index,
        name: `eth${index - 1}`,
        medium: l.medium,
        mac,
        mtu: l.mtu,
        addresses: end.addresses,
        up: l.up ?? true,
        ...(inTunnel.has(end.node) ? { mpls: true } : {}),
      }
      own.push(port)
      return { at, port }
    })
  }
  return { ports, ends }
}
