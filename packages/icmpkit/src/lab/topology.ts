/**
 * A network as data: what a user writes, checked, and what is made where nothing is given. Link `n` has 10.x.y.0/24 and
 * 2001:db8:x:y::/64 with x·256+y = n (RFC 3849); its members are .1, .2 … and ::1, ::2 … in the order in which they are named.
 */
import type { NodeConfig } from '../stack/node.ts'
import type { PortAddress } from '../stack/port.ts'
import { type Ip, type Ip4, type Ip6, parseIp } from '../wire/addr.ts'

/** A network; the same data and seed give the same packets at the same moments on every machine. */
export interface LabConfig {
  /** A whole number. 1. */
  seed?: number
  nodes: Readonly<Record<string, 'host' | 'gateway' | NodeData>>
  links: readonly (readonly (string | LinkData)[])[]
  /** Nodes probe for their addresses before they use them, as in life (RFC 5227, RFC 4862 §5.4). false: used at once. */
  probe?: boolean
  /** Virtual time 0, in nanoseconds since 1970. The start of 2026. */
  epoch?: bigint
}

/** What a node is; the settings are those of the stack. */
export interface NodeData extends Pick<NodeConfig, 'ip4' | 'ip6' | 'errorExtensions' | 'extendedEcho'> {
  kind: 'host' | 'gateway'
  /** `{ '192.0.2.0/24': '10.0.0.2' }`, or `unreachable`, `prohibit`, `blackhole`. */
  routes?: Readonly<Record<string, string>>
  /** Shortest paths to all links (a gateway), a default route to the nearest gateway (a host). true. */
  makeRoutes?: boolean
  /** What its wall clock shows more than the lab's, milliseconds. */
  clockOffset?: number
}

/** Between two nodes, or among more: then it is a switched Ethernet segment. Numbers are milliseconds, octets, fractions. */
export interface LinkData {
  name?: string
  medium?: 'ethernet' | 'ip'
  /** One way. 0.1. */
  delay?: number
  /** Added to the delay or taken from it at most; a packet never passes another by it. */
  jitter?: number
  loss?: number
  /** Share of packets that come twice. */
  duplicate?: number
  /** Share of packets that do not wait for `delay`, and so pass others (as netem does it). */
  reorder?: number
  /** Share of packets of which one bit is turned. */
  corrupt?: number
  /** Of the ports at its ends, and what it carries. 1500. */
  mtu?: number
  /** Bits a second. Infinity. */
  rate?: number
  /** Packets that wait where a rate is given. 1000. */
  queue?: number
  up?: boolean
  /** `{ a: ['192.0.2.1/24', '2001:db8::1/64'] }`: instead of those that are made, for that node. */
  addresses?: Readonly<Record<string, readonly string[]>>
}

/** One node of the network, checked. */
export interface NodePlan extends NodeData {
  name: string
}

export interface LinkPlan extends LinkData {
  name: string
  medium: 'ethernet' | 'ip'
  mtu: number
  ends: { node: string; addresses: PortAddress[] }[]
}

export interface Plan {
  nodes: NodePlan[]
  links: LinkPlan[]
}

/** @throws TypeError that names the place of what cannot be used */
export function planOf(config: LabConfig): Plan {
  const nodes = Object.entries(config.nodes).map(([name, n]) => ({
    name,
    ...(typeof n === 'string' ? { kind: n } : n),
  }))
  const known = new Set<string>()
  for (const n of nodes) {
    if (n.kind !== 'host' && n.kind !== 'gateway')
      throw new TypeError(`lab: nodes.${n.name}: a node is 'host' or 'gateway', not '${n.kind}'`)
    known.add(n.name)
  }
  const links = config.links.map((l, i) => linkPlan(l, i, known))
  const named = new Set<string>()
  for (const [i, l] of links.entries()) {
    if (named.has(l.name)) throw new TypeError(`lab: links[${i}]: a second link is called '${l.name}': give it a name`)
    named.add(l.name)
  }
  return { nodes, links }
}

function linkPlan(spec: readonly (string | LinkData)[], index: number, known: ReadonlySet<string>): LinkPlan {
  const where = `lab: links[${index}]`
  const names = spec.filter((s) => typeof s === 'string')
  const data = spec.find((s) => typeof s !== 'string') ?? {}
  if (names.length < 2) throw new TypeError(`${where}: a link joins two nodes or more`)
  for (const n of names) if (!known.has(n)) throw new TypeError(`${where}: there is no node '${n}'`)
  const medium = data.medium ?? 'ethernet'
  if (new Set<string>(names).size !== names.length) throw new TypeError(`${where}: a node is on a link once`)
  if (medium === 'ip' && names.length !== 2) throw new TypeError(`${where}: a point-to-point link joins two nodes`)
  for (const share of ['loss', 'duplicate', 'reorder', 'corrupt'] as const) {
    const v = data[share] ?? 0
    if (!(v >= 0 && v <= 1)) throw new TypeError(`${where}: ${share} is a fraction from 0 to 1, not ${v}`)
  }
  for (const span of ['delay', 'jitter'] as const) {
    const v = data[span] ?? 0
    if (!(v >= 0 && v < Number.POSITIVE_INFINITY)) throw new TypeError(`${where}: ${span} is milliseconds, not ${v}`)
  }
  for (const n of Object.keys(data.addresses ?? {}))
    if (!names.includes(n)) throw new TypeError(`${where}: addresses: '${n}' is not on this link`)
  const ends = names.map((node, i) => ({ node, addresses: addresses(data.addresses?.[node], index, i, where) }))
  return { ...data, name: data.name ?? names.join('-'), medium, mtu: data.mtu ?? 1500, ends }
}

function addresses(given: readonly string[] | undefined, link: number, member: number, where: string): PortAddress[] {
  if (given !== undefined) return given.map((text) => parsePrefix(text, where))
  if (link > 0xffff || member > 253) throw new TypeError(`${where}: out of made addresses: give it some`)
  return [
    { address: (((10 << 24) | (link << 8)) + member + 1) as Ip4, prefixLength: 24 },
    {
      address: (MADE6 | (BigInt(link >> 8) << 80n) | (BigInt(link & 255) << 64n) | BigInt(member + 1)) as Ip6,
      prefixLength: 64,
    },
  ]
}

/** `192.0.2.1/24`. @throws TypeError */
export function parsePrefix(text: string, where: string): PortAddress {
  const [address, length, more] = text.split('/')
  const ip = parseIp(address ?? '')
  const bits = Number(length)
  if (
    ip === undefined ||
    more !== undefined ||
    !/^\d+$/.test(length ?? '') ||
    bits > (typeof ip === 'bigint' ? 128 : 32)
  )
    throw new TypeError(`${where}: '${text}' is no address with a prefix length, as 192.0.2.1/24 is`)
  return { address: ip as Ip, prefixLength: bits }
}

const MADE6 = 0x2001_0db8n << 96n
