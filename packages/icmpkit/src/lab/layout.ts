/** Which ports a network's nodes have: names, link-layer addresses by a counter, addresses. */
import type { PortConfig } from '../stack/port.ts'
import { put32 } from '../wire/octets.ts'
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
  const names: string[] = []
  const inTunnel = new Set<string>(plan.tunnels.flatMap((t) => t.path))
  const macs = new Uint8Array(6 * plan.links.reduce((sum, l) => sum + l.ends.length, 0))
  let made = 0
  for (const [link, l] of plan.links.entries()) {
    ends[link] = l.ends.map((end) => {
      const at = indexes.get(end.node)!
      const own = ports[at]!
      const mac = macOf(macs, made++, l.medium)
      const index = own.length + 1
      names[index] ??= `eth${index - 1}`
      const port = {
        index,
        name: names[index]!,
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

/** `02:00` and the number of the port, from 1 on; all of a network are pieces of one array. */
function macOf(all: Uint8Array, n: number, medium: 'ethernet' | 'ip'): Uint8Array {
  if (medium === 'ip') return NONE
  const at = 6 * n
  all[at] = 2
  put32(all, at + 2, n + 1)
  return all.subarray(at, at + 6)
}

const NONE = new Uint8Array(0)
