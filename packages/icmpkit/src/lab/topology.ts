/**
 * A network as data: what a user writes, checked, and what is made where nothing is given. Link `n` has 10.x.y.0/24 and
 * 2001:db8:x:y::/64 with x·256+y = n (RFC 3849); its members are .1, .2 … and ::1, ::2 … in the order in which they are named.
 */
import type { NodeConfig } from '../stack/node.ts'
import type { PortAddress } from '../stack/port.ts'
import { type Ip, type Ip4, type Ip6, parseIp } from '../wire/addr.ts'
import { someOf } from './names.ts'
import { withAddresses } from './neighbour-names.ts'
import { checkBehaviours, checkBlackHole, checkChanges, checkTunnels } from './plan-check.ts'
import { checkPrefixes } from './prefix-check.ts'

/** A network; the same data and seed give the same packets at the same moments on every machine. */
export interface LabConfig {
  /** A whole number. 1. */
  seed?: number
  nodes: Readonly<Record<string, 'host' | 'gateway' | NodeData>>
  links: readonly (readonly (string | LinkData)[])[]
  /** MPLS, one direction each. */
  tunnels?: readonly TunnelData[]
  /** What happens to the network at which time. */
  at?: readonly ChangeData[]
  /** Nodes probe for their addresses before they use them, as in life (RFC 5227, RFC 4862 §5.4). false: used at once. */
  probe?: boolean
  /** Virtual time 0, in nanoseconds since 1970. The start of 2026. */
  epoch?: bigint
}

/** What a node is; the settings are those of the stack. */
export interface NodeData extends Pick<NodeConfig, 'ip4' | 'ip6' | 'errorExtensions'> {
  kind: 'host' | 'gateway'
  /** It answers extended echo (RFC 8335): true, everybody about everything; else who may ask what. false. */
  extendedEcho?: boolean | NonNullable<NodeConfig['extendedEcho']>
  /**
   * `{ '192.0.2.0/24': '10.0.0.2' }`, or the name of a neighbour, or `unreachable`, `prohibit`, `blackhole`; more next hops:
   * routes of equal cost.
   */
  routes?: Readonly<Record<string, string | readonly string[]>>
  /** Shortest paths to all links (a gateway), a default route to the nearest gateway (a host). true. */
  makeRoutes?: boolean
  /** UDP ports at which a server sends each datagram back; at all others nobody listens. */
  udp?: readonly number[]
  /** TCP ports at which a server accepts connections and reads; all others refuse. */
  tcp?: readonly number[]
  /** What its wall clock shows more than the lab's, milliseconds. */
  clockOffset?: number
  /** What it does that real nodes do and no RFC asks for. */
  behaviours?: Behaviours
  up?: boolean
}

/** What one node does that real ones do; all of it about packets that cross it, but for `silent`, `rateLimit`, `answerFrom`. */
export interface Behaviours {
  /**
   * Over routes of equal cost. `flow`: by all of `EcmpField` but the checksum; `packet`: each packet takes the next; or the
   * fields that tell flows apart. A gateway without it takes the first route.
   */
  ecmp?: 'flow' | 'packet' | readonly EcmpField[]
  /** It hides who is behind it, IPv4 (RFC 3022, RFC 4787, RFC 5508). */
  nat?: NatData
  /** It sends no time exceeded; none of its ICMP errors; or no ICMP message but what its links need (neighbour discovery). */
  silent?: 'time-exceeded' | 'errors' | 'icmp'
  /** ICMP errors a second that it sends by each port, after `burst` (1) at once. */
  rateLimit?: { rate: number; burst?: number }
  /**
   * Whose address its ICMP errors bear: that of another port of its own (`eth1`), or any that is given, whether or not it
   * has it; one of each family where both are to differ.
   */
  answerFrom?: string | readonly string[]
  /** What crosses it is swallowed without a word; a TTL that ends there ends in any case, and is told. */
  blackHole?: BlackHole
  /** A middlebox: it answers echo requests that cross it to these prefixes itself, whoever is or is not there. */
  echoFor?: readonly string[]
  /**
   * A firewall that remembers for each pair of addresses one echo identifier, and lets requests with another pass only
   * after it has seen none for `idle` milliseconds (30,000). It holds so many pairs (1024); beyond them nothing new passes.
   */
  stuckEcho?: { idle?: number; entries?: number }
}

/** `ports` of UDP, TCP, and their like; `icmp-id` of echo; the `checksum` of ICMP is what Paris traceroute holds still. */
export type EcmpField = 'addresses' | 'protocol' | 'ports' | 'icmp-id' | 'icmp-checksum' | 'flow-label'

export interface NatData {
  /** The port towards the rest of the world: `eth1`, or the name of its link. Its first IPv4 address is what others see. */
  outside: string
  /** Mappings at once. 1024. */
  entries?: number
  /** Milliseconds without a packet until a mapping ends, by protocol. UDP 300,000, TCP 7,440,000, ICMP 60,000. */
  udpTimeout?: number
  tcpTimeout?: number
  /** The same of a TCP connection that is being opened, or was closed. 240,000. */
  tcpTransitoryTimeout?: number
  icmpTimeout?: number
}

/** Nothing, all IP packets, all ICMP, or those longer than so many octets. What makes a link work (ARP, neighbour discovery) passes. */
export type BlackHole = 'none' | 'all' | 'icmp' | { above: number }

/**
 * A label switched path over gateways that Ethernet links join, as traceroute sees it (Donnet et al. 2012): packets enter
 * it that go this way from the first node to the last in any case. The last node but one takes the label off, but in
 * `opaque`.
 */
export interface TunnelData {
  path: readonly string[]
  /**
   * `explicit`: its nodes are seen, with their labels (RFC 4950). `implicit`: seen, without. `invisible`: the TTL is not
   * propagated (RFC 3443), its inner nodes are not seen. `opaque`: neither, but its last node tells the label.
   */
  mode: 'explicit' | 'implicit' | 'opaque' | 'invisible'
}

/** At `time` (milliseconds), one or more of the rest. A link is its name or the two nodes that it joins. */
export interface ChangeData {
  time: number
  /** A link, or a node: that neither receives nor sends, and gateways find ways around it. */
  down?: string | readonly [string, string]
  up?: string | readonly [string, string]
  change?: readonly [link: string | readonly [string, string], to: LinkChange]
  /** By node: routes that come in place of those of the same prefix; `none` takes them away. */
  routes?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
  /** By node: the ports at which its programs answer from now on; `[]`: they have ended. */
  serve?: Readonly<Record<string, Pick<NodeData, 'udp' | 'tcp'>>>
}

/** What a link does to packets of one direction. Numbers are milliseconds, octets, fractions. */
export interface DirectionData {
  /** One way. 0.1. */
  delay?: number
  /** Added to the delay or taken from it at most; a packet never passes another by it. */
  jitter?: number
  loss?: number
  /** Loss that comes in bursts, beside `loss`. */
  burstLoss?: BurstLoss
  /** Share of packets that come twice. */
  duplicate?: number
  /** Share of packets that do not wait for `delay`, and so pass others (as netem does it). */
  reorder?: number
  /** Share of packets of which one bit is turned. */
  corrupt?: number
  /** Bits a second. Infinity. */
  rate?: number
  /** Packets that wait where a rate is given. 1000. */
  queue?: number
  /** What it swallows, though it is up. */
  blackHole?: BlackHole
}

/**
 * Two states, good and bad (Gilbert 1960, Elliott 1963; netem's `loss gemodel p r 1-h 1-k`): the chances, at each packet,
 * to go from good to bad and back, and of loss inside the bad state (1) and outside (0).
 */
export interface BurstLoss {
  enter: number
  leave: number
  inside?: number
  outside?: number
}

/** Between two nodes, or among more: then it is a switched Ethernet segment. */
export interface LinkData extends DirectionData {
  name?: string
  medium?: 'ethernet' | 'ip'
  /** Of the ports at its ends, and what it carries. 1500. */
  mtu?: number
  up?: boolean
  /** `{ a: { delay: 50 } }`: what differs for packets that a sends. */
  from?: Readonly<Record<string, DirectionData>>
  /** `{ a: ['192.0.2.1/24', '2001:db8::1/64'] }`: instead of those that are made, for that node. */
  addresses?: Readonly<Record<string, readonly string[]>>
}

/** What of a link can change while the network runs; in `from`, by node, what differs for packets that it sends. */
export type LinkChange = DirectionData & Pick<LinkData, 'mtu' | 'up' | 'from'>

/** One node of the network, checked. */
export interface NodePlan extends Omit<NodeData, 'extendedEcho'> {
  name: string
  extendedEcho?: NonNullable<NodeConfig['extendedEcho']>
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
  tunnels: readonly TunnelData[]
  changes: readonly ChangeData[]
}

/** @throws TypeError that names the place of what cannot be used */
export function planOf(config: LabConfig): Plan {
  const nodes = Object.entries(config.nodes).map(([name, n]) => nodePlan(name, n))
  const known = new Set<string>()
  for (const n of nodes) {
    if (n.kind !== 'host' && n.kind !== 'gateway')
      throw new TypeError(`lab: nodes.${n.name}: a node is 'host' or 'gateway', not '${n.kind}'`)
    checkBehaviours(n)
    known.add(n.name)
  }
  const links = config.links.map((l, i) => linkPlan(l, i, known))
  const named = new Set<string>()
  for (const [i, l] of links.entries()) {
    if (named.has(l.name)) throw new TypeError(`lab: links[${i}]: a second link is called '${l.name}': give it a name`)
    named.add(l.name)
  }
  // Those that are made are apart from each other.
  if (links.some((l) => l.addresses !== undefined)) checkPrefixes(links)
  checkTunnels(config.tunnels ?? [], nodes, links)
  checkChanges(config.at ?? [], known, links)
  return { ...withAddresses(nodes, links, config.at ?? []), links, tunnels: config.tunnels ?? [] }
}

function nodePlan(name: string, n: LabConfig['nodes'][string]): NodePlan {
  if (typeof n === 'string') return { name, kind: n }
  const { extendedEcho, ...rest } = n
  const probed = typeof extendedEcho === 'boolean' ? { ...OPEN_TO_ALL, enabled: extendedEcho } : extendedEcho
  return { name, ...rest, ...(probed === undefined ? {} : { extendedEcho: probed }) }
}

/** As `icmp host --extended-echo`. */
const OPEN_TO_ALL = { neighbours: 'any', byName: 'any', byIndex: 'any', byAddress: 'any' } as const

function linkPlan(spec: readonly (string | LinkData)[], index: number, known: ReadonlySet<string>): LinkPlan {
  const where = `lab: links[${index}]`
  const names = spec.filter((s) => typeof s === 'string')
  const data = spec.find((s) => typeof s !== 'string') ?? {}
  if (names.length < 2) throw new TypeError(`${where}: a link joins two nodes or more`)
  for (const [i, n] of names.entries()) {
    if (!known.has(n)) throw new TypeError(`${where}[${i}]: there is no node '${n}'; expected ${someOf([...known])}`)
    if (names.indexOf(n) < i)
      throw new TypeError(`${where}[${i}]: '${n}' is on this link already; expected another node`)
  }
  const medium = data.medium ?? 'ethernet'
  if (medium === 'ip' && names.length !== 2) throw new TypeError(`${where}: a point-to-point link joins two nodes`)
  checkDirection(data, where)
  for (const [n, direction] of Object.entries(data.from ?? {})) {
    if (!names.includes(n)) throw new TypeError(`${where}: from: '${n}' is not on this link`)
    checkDirection(direction, `${where}: from.${n}`)
  }
  for (const n of Object.keys(data.addresses ?? {}))
    if (!names.includes(n)) throw new TypeError(`${where}: addresses: '${n}' is not on this link`)
  const ends = names.map((node, i) => ({ node, addresses: addresses(data.addresses?.[node], index, i, where) }))
  return { ...data, name: data.name ?? names.join('-'), medium, mtu: data.mtu ?? 1500, ends }
}

function checkDirection(data: DirectionData, where: string): void {
  const shares = { loss: data.loss, duplicate: data.duplicate, reorder: data.reorder, corrupt: data.corrupt }
  for (const [name, v] of Object.entries({ ...shares, ...data.burstLoss }))
    if (v !== undefined && !(v >= 0 && v <= 1))
      throw new TypeError(`${where}: ${name} is a fraction from 0 to 1, not ${v}`)
  for (const span of ['delay', 'jitter'] as const) {
    const v = data[span] ?? 0
    if (!(v >= 0 && v < Number.POSITIVE_INFINITY)) throw new TypeError(`${where}: ${span} is milliseconds, not ${v}`)
  }
  checkBlackHole(data.blackHole, where)
  if (data.rate !== undefined && !(data.rate > 0))
    throw new TypeError(`${where}: rate is bits a second, not ${data.rate}`)
  if (data.queue !== undefined && !(Number.isInteger(data.queue) && data.queue >= 0))
    throw new TypeError(`${where}: queue is packets, not ${data.queue}`)
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
