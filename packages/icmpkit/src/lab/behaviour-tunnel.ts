/**
 * MPLS as traceroute sees it: labels are pushed where a tunnel begins, swapped on the way, taken off by the last node but
 * one (penultimate hop popping, RFC 3031 §3.16) or, in an opaque tunnel, by the last; the TTL is that of the packet or
 * 255 (RFC 3443 §3). What a label's TTL ends for, and what arrives with one, is the stack's (label-stack.ts).
 *
 * Left out: label distribution, more than one label, tunnels over links that are not Ethernet.
 */
import type { Instant } from '../clock.ts'
import type { ErrorExtensionSettings } from '../stack/error-extension.ts'
import type { Port } from '../stack/port.ts'
import type { Route } from '../stack/route-table.ts'
import { type Ip, readIp4, readIp6 } from '../wire/addr.ts'
import { HEADER as ETHERNET, EtherType } from '../wire/ethernet.ts'
import * as ip4 from '../wire/ip4.ts'
import { put16, put24, u16, u24 } from '../wire/octets.ts'
import type { Behaviour, Packet } from './behaviour.ts'
import { ipAt, isLinkUpkeep, labelOctets } from './frame-view.ts'
import type { LabNode } from './lab-node.ts'
import type { Plan, TunnelData } from './topology.ts'

/** A tunnel with the label that each of its hops bears; the last hop has none where its node is to see none. */
interface Path extends TunnelData {
  labels: number[]
  propagates: boolean
}

/** What a node does with a label; `end`: the stack takes it off. */
type Entry = { kind: 'end' } | { kind: 'on'; path: Path; next: Way; label: number | undefined }

/** From a node to the next one of a path. */
interface Way {
  port: Port
  mac: Uint8Array
}

/** All tunnels of a network. */
export class Tunnels {
  readonly #paths: Path[] = []
  /** Labels that are not told. */
  readonly #untold = new Set<number>()
  readonly #among = new Set<string>()

  /** `plan` is checked. */
  constructor(plan: Plan) {
    let label = FIRST_LABEL
    for (const t of plan.tunnels) {
      const hops = t.path.length - (t.mode === 'opaque' ? 1 : 2)
      const labels = Array.from({ length: hops }, () => label++)
      const propagates = t.mode === 'explicit' || t.mode === 'implicit'
      this.#paths.push({ ...t, labels, propagates })
      if (t.mode === 'implicit') for (const l of labels) this.#untold.add(l)
      for (const n of t.path) this.#among.add(n)
    }
  }

  /** Is the node on the path of one? */
  has(node: string): boolean {
    return this.#among.has(node)
  }

  /** What errors of its nodes tell: of labels those of a tunnel that is not implicit (RFC 4950). */
  extensions(given: Partial<ErrorExtensionSettings> = {}): Partial<ErrorExtensionSettings> {
    return {
      ...given,
      permits: (o, to) =>
        !(o.kind === 'mpls' && o.entries.some((e) => this.#untold.has(e.label))) && given.permits?.(o, to) !== false,
    }
  }

  /** What the node does about labels. */
  of(node: string, nodes: (name: string) => LabNode): Behaviour | undefined {
    return this.has(node) ? new Switch(this.#paths, nodes(node), nodes) : undefined
  }
}

class Switch implements Behaviour {
  readonly #at: LabNode
  readonly #nodes: (name: string) => LabNode
  readonly #paths: readonly Path[]
  #begins: { path: Path; first: Way }[] | undefined
  readonly #entries = new Map<number, Entry>()

  constructor(paths: readonly Path[], at: LabNode, nodes: (name: string) => LabNode) {
    this.#paths = paths
    this.#at = at
    this.#nodes = nodes
  }

  comes(now: Instant, p: Packet, port: Port): boolean {
    const { bytes, at, end } = p
    if (port.medium === 'ip' || end - at < ETHERNET + LABEL || u16(bytes, at + TYPE) !== EtherType.mpls) return true
    this.#learn()
    const { counters } = this.#at.node
    const entry = this.#entries.get(u24(bytes, at + ETHERNET) >>> 4)
    if (entry === undefined) return counters.drop('no-route')
    // Nobody here pushes a second label, or one before anything but IP.
    if (labelOctets(port.medium, bytes, at, end) !== LABEL || ipAt(port.medium, bytes, at, end) < 0)
      return counters.bad('truncated')
    const ttl = bytes[at + ETHERNET + 3]!
    if (entry.kind === 'end' || ttl <= 1) return true
    const { next, label, path } = entry
    if (!next.port.up) return counters.drop('port-down')
    let from = at
    if (label === undefined) from = pop(bytes, at, path.propagates ? ttl - 1 : TTL)
    else {
      put24(bytes, at + ETHERNET, (label << 4) | BOTTOM)
      bytes[at + ETHERNET + 3] = ttl - 1
    }
    bytes.set(next.mac, from)
    bytes.set(next.port.mac, from + 6)
    counters.forwarded++
    this.#at.inject(now, next.port.index, bytes, from, end)
    return false
  }

  leaves(_now: Instant, p: Packet, port: Port): boolean {
    const { bytes, at, end } = p
    if (port.medium === 'ip' || end - at < ETHERNET || u16(bytes, at + TYPE) === EtherType.mpls) return true
    const ip = ipAt(port.medium, bytes, at, end)
    if (ip < 0 || (bytes[at]! & 1) === 1 || isLinkUpkeep(bytes, ip, end)) return true
    this.#learn()
    for (const { path, first } of this.#begins!) {
      if (first.port !== port || !isSame(bytes, at, first.mac) || !this.#leadsAlong(path, bytes, ip)) continue
      const ttl = path.propagates ? bytes[ip + (bytes[ip]! >>> 4 === 4 ? 8 : 7)]! : TTL
      bytes.copyWithin(ip + LABEL, ip, end)
      put24(bytes, ip, (path.labels[0]! << 4) | BOTTOM)
      bytes[ip + 3] = ttl
      put16(bytes, at + TYPE, EtherType.mpls)
      p.end = end + LABEL
      return true
    }
    return true
  }

  /** At the first packet, when all nodes are there. */
  #learn(): void {
    if (this.#begins !== undefined) return
    this.#begins = []
    for (const path of this.#paths) {
      const i = path.path.indexOf(this.#at.name)
      if (i < 0) continue
      const next = path.path[i + 1]
      const way = next === undefined ? undefined : this.#wayTo(next)
      if (i === 0) this.#begins.push({ path, first: way! })
      else if (i <= path.labels.length) {
        const entry: Entry =
          way === undefined ? { kind: 'end' } : { kind: 'on', path, next: way, label: path.labels[i] }
        this.#entries.set(path.labels[i - 1]!, entry)
      }
    }
  }

  #wayTo(next: string): Way | undefined {
    for (const port of this.#at.node.ports.values()) {
      const link = this.#at.linkAt(port.index)
      const end = link.medium === 'ethernet' ? link.ends.find((e) => e.node === next) : undefined
      if (end !== undefined) return { port, mac: end.port.mac }
    }
    return undefined
  }

  /** Would the packet go from node to node to the end of the path without labels, too? */
  #leadsAlong({ path }: Path, bytes: Uint8Array, ip: number): boolean {
    for (let i = 1; i < path.length - 1; i++) {
      const at = this.#nodes(path[i]!)
      const { ip4: four, ip6: six, ports } = at.node
      const usable = (r: Route<Ip>): boolean => r.kind === 'unicast' && ports.get(r.port)?.up === true
      const route: Route<Ip> | undefined =
        bytes[ip]! >>> 4 === 4
          ? four.routes.best(readIp4(bytes, ip + 16), usable)
          : six.routes.best(readIp6(bytes, ip + 24), usable)
      if (route === undefined || route.nextHop === undefined) return false
      const { nextHop } = route
      const ends = at.linkAt(route.port).ends.filter((e) => e.node !== at.name)
      const isNext = (e: (typeof ends)[number]): boolean =>
        e.node === path[i + 1] && (ends.length === 1 || e.port.addresses.some((a) => a.address === nextHop))
      if (!ends.some(isNext)) return false
    }
    return true
  }
}

/** Takes the label off, the TTL back into the packet; the frame begins later by so much. Returns where. */
function pop(bytes: Uint8Array, at: number, ttl: number): number {
  const ip = at + ETHERNET + LABEL
  const four = bytes[ip]! >>> 4 === 4
  const field = ip + (four ? 8 : 7)
  if (four) ip4.setTtl(bytes, ip, Math.min(ttl, bytes[field]!))
  else bytes[field] = Math.min(ttl, bytes[field]!)
  bytes.copyWithin(at + LABEL, at, at + ETHERNET)
  put16(bytes, at + LABEL + TYPE, four ? EtherType.ip4 : EtherType.ip6)
  return at + LABEL
}

function isSame(bytes: Uint8Array, at: number, mac: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (bytes[at + i] !== mac[i]) return false
  return true
}

const TYPE = 12
const LABEL = 4
const BOTTOM = 1
/** Of a tunnel that does not propagate its packets' TTL. */
const TTL = 255
/** Beyond those with a meaning (RFC 3032 §2.1), and told from small numbers at a glance. */
const FIRST_LABEL = 24_000
