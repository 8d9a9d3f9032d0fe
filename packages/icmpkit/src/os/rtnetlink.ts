/**
 * What rtnetlink says about links, addresses, routes and neighbours (Linux `linux/rtnetlink.h`, `if_link.h`,
 * `if_addr.h`, `neighbour.h`), octets ⇄ plain objects. Knows no socket: netlink.ts asks.
 *
 * Left out: what no ICMP needs (queueing disciplines, virtual functions, statistics of the protocols).
 */
import { ANY4, ANY6, type Family, type Ip, readIp4, readIp6, writeIp } from '../wire/addr.ts'
import {
  type Attribute,
  type Attributes,
  Flag,
  type Message,
  type MessageReader,
  type MessageWriter,
} from './netlink-message.ts'

export const Rtm = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  delNeighbour: 29,
  getNeighbour: 30,
} as const

/** Multicast groups of changes. */
export const Group = { link: 1, neighbour: 3, address4: 5, route4: 7, address6: 9, route6: 11 } as const

/** ARPHRD_* of the interfaces whose framing we know. */
export const Hardware = {
  ether: 1,
  ppp: 512,
  rawIp: 519,
  tunnel4: 768,
  tunnel6: 769,
  loopback: 772,
  sit: 776,
  none: 0xfffe,
} as const

export type AddrGenMode = 'eui64' | 'none' | 'stable-privacy' | 'random'
export type OperState = 'unknown' | 'not-present' | 'down' | 'lower-layer-down' | 'testing' | 'dormant' | 'up'

export interface Link {
  kind: 'link'
  index: number
  name: string
  /** What kind of virtual interface: 'veth', 'tun', 'vlan', 'vrf' …; undefined for hardware and loopback. */
  type: string | undefined
  /** ARPHRD_*: which header its frames have, see `Hardware`. */
  hardware: number
  up: boolean
  /** It has a carrier: frames would leave. */
  running: boolean
  operState: OperState
  loopback: boolean
  pointToPoint: boolean
  multicast: boolean
  /** It has no neighbours to ask for: IFF_NOARP. */
  noArp: boolean
  promiscuous: boolean
  mtu: number
  /** Link-layer address; empty where it has none. */
  address: Uint8Array
  broadcast: Uint8Array
  /** Interface this one is stacked on, or the peer of a veth; in another namespace where `otherNamespace`. */
  link: number | undefined
  otherNamespace: boolean
  /** Bridge, bond or VRF it belongs to. */
  master: number | undefined
  /** The routing table, where it is a VRF. */
  vrfTable: number | undefined
  /** How it makes its link-local address; undefined where it speaks no IPv6. */
  addrGenMode: AddrGenMode | undefined
  /** undefined where the kernel was not asked for them or keeps none. */
  counters: LinkCounters | undefined
}

export interface LinkCounters {
  rxPackets: bigint
  txPackets: bigint
  rxBytes: bigint
  txBytes: bigint
  rxErrors: bigint
  txErrors: bigint
  rxDropped: bigint
  txDropped: bigint
}

export interface InterfaceAddress {
  kind: 'address'
  index: number
  address: Ip
  prefixLength: number
  /** The other end of a point-to-point address. */
  peer: Ip | undefined
  broadcast: Ip | undefined
  label: string | undefined
  scope: Scope
  /** Not usable yet: duplicate address detection runs. */
  tentative: boolean
  /** Somebody else has it. */
  duplicate: boolean
  deprecated: boolean
  permanent: boolean
  /** An IPv4 address that is not the first of its prefix, or a temporary IPv6 one. */
  secondary: boolean
  /** undefined: for ever. */
  preferredSeconds: number | undefined
  validSeconds: number | undefined
}

export type Scope = 'global' | 'site' | 'link' | 'host' | 'nowhere' | number

export type RouteType =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'anycast'
  | 'multicast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw'
  | 'other'

export interface NextHop {
  oif: number | undefined
  gateway: Ip | undefined
  weight: number
}

export interface Route {
  kind: 'route'
  family: Family
  type: RouteType
  dst: Ip
  prefixLength: number
  table: number
  /** Who made it: RTPROT_* (2 kernel, 3 boot, 4 static, 9 router advertisement …). */
  protocol: number
  scope: Scope
  tos: number
  oif: number | undefined
  gateway: Ip | undefined
  /** The source address that the kernel would take. */
  prefSrc: Ip | undefined
  priority: number
  /** Metrics: set on the route, or learnt from a Packet Too Big. */
  mtu: number | undefined
  hopLimit: number | undefined
  /** A learnt exception ends then; undefined for ordinary routes. */
  expiresSeconds: number | undefined
  /** More than one next hop; empty for ordinary routes. */
  nextHops: NextHop[]
}

export type NeighbourState =
  | 'incomplete'
  | 'reachable'
  | 'stale'
  | 'delay'
  | 'probe'
  | 'failed'
  | 'noarp'
  | 'permanent'
  | 'none'

export interface Neighbour {
  kind: 'neighbour'
  index: number
  address: Ip
  /** undefined while nobody has answered. */
  lladdr: Uint8Array | undefined
  state: NeighbourState
  /** It says of itself that it is a router (RFC 4861). */
  router: boolean
  proxy: boolean
}

/** Linux' default route tables. */
export const Table = { default: 253, main: 254, local: 255 } as const

export function readLink(r: MessageReader, m: Message): Link | undefined {
  if (m.end - m.at < IFINFOMSG) return undefined
  const a = r.attributes(m.at + IFINFOMSG, m.end)
  const flags = r.u32(m.at + 8)
  const info = a.get(Ifla.linkInfo)
  const inside: Attributes = info ? r.attributes(info.at, info.end) : NONE
  const type = r.text(inside.get(LinkInfo.kind))
  const data = inside.get(LinkInfo.data)
  const state = r.number(a.get(Ifla.operState)) ?? 0
  return {
    kind: 'link',
    index: r.i32(m.at + 4),
    name: r.text(a.get(Ifla.name)) ?? '',
    type,
    hardware: r.u16(m.at + 2),
    up: (flags & Iff.up) !== 0,
    running: (flags & Iff.lowerUp) !== 0,
    operState: OPER_STATES[state] ?? 'unknown',
    loopback: (flags & Iff.loopback) !== 0,
    pointToPoint: (flags & Iff.pointToPoint) !== 0,
    multicast: (flags & Iff.multicast) !== 0,
    noArp: (flags & Iff.noArp) !== 0,
    promiscuous: (r.number(a.get(Ifla.promiscuity)) ?? flags & Iff.promiscuous) !== 0,
    mtu: r.number(a.get(Ifla.mtu)) ?? 0,
    address: r.octets(a.get(Ifla.address)) ?? EMPTY,
    broadcast: r.octets(a.get(Ifla.broadcast)) ?? EMPTY,
    link: r.number(a.get(Ifla.link)),
    otherNamespace: a.has(Ifla.linkNetnsId),
    master: r.number(a.get(Ifla.master)),
    vrfTable: type === 'vrf' && data ? r.number(r.attributes(data.at, data.end).get(VRF_TABLE)) : undefined,
    addrGenMode: readGenMode(r, a.get(Ifla.afSpec)),
    counters: readCounters(r, a.get(Ifla.stats64)),
  }
}

function readGenMode(r: MessageReader, spec: Attribute | undefined): AddrGenMode | undefined {
  const v6 = spec && r.attributes(spec.at, spec.end).get(AF_INET6)
  const mode = v6 && r.number(r.attributes(v6.at, v6.end).get(INET6_ADDR_GEN_MODE))
  return mode === undefined ? undefined : GEN_MODES[mode]
}

function readCounters(r: MessageReader, a: Attribute | undefined): LinkCounters | undefined {
  if (a === undefined || a.end - a.at < 8 * 8) return undefined
  const at = (i: number) => r.u64(a.at + 8 * i)
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
  }
}

export function readAddress(r: MessageReader, m: Message): InterfaceAddress | undefined {
  const family = familyAt(r, m, IFADDRMSG)
  if (family === undefined) return undefined
  const a = r.attributes(m.at + IFADDRMSG, m.end)
  const remote = readIp(r, a.get(Ifa.address), family)
  // On a point-to-point link `address` is the peer and `local` is ours; elsewhere they are the same or `local` is absent.
  const local = readIp(r, a.get(Ifa.local), family) ?? remote
  if (local === undefined) return undefined
  const flags = r.number(a.get(Ifa.flags)) ?? r.u8(m.at + 2)
  const cache = a.get(Ifa.cacheInfo)
  const lifetime = (offset: number) => {
    const seconds = cache && cache.end - cache.at >= 8 ? r.u32(cache.at + offset) : FOREVER
    return seconds === FOREVER ? undefined : seconds
  }
  return {
    kind: 'address',
    index: r.u32(m.at + 4),
    address: local,
    prefixLength: r.u8(m.at + 1),
    peer: remote !== local ? remote : undefined,
    broadcast: readIp(r, a.get(Ifa.broadcast), family),
    label: r.text(a.get(Ifa.label)),
    scope: scopeOf(r.u8(m.at + 3)),
    tentative: (flags & IfaFlag.tentative) !== 0,
    duplicate: (flags & IfaFlag.dadFailed) !== 0,
    deprecated: (flags & IfaFlag.deprecated) !== 0,
    permanent: (flags & IfaFlag.permanent) !== 0,
    secondary: (flags & IfaFlag.secondary) !== 0,
    preferredSeconds: lifetime(0),
    validSeconds: lifetime(4),
  }
}

export function readRoute(r: MessageReader, m: Message): Route | undefined {
  const family = familyAt(r, m, RTMSG)
  if (family === undefined) return undefined
  const a = r.attributes(m.at + RTMSG, m.end)
  const metrics = a.get(Rta.metrics)
  const metric: Attributes = metrics ? r.attributes(metrics.at, metrics.end) : NONE
  const cache = a.get(Rta.cacheInfo)
  const expires = cache && cache.end - cache.at >= 12 ? r.i32(cache.at + 8) : 0
  const hopLimit = r.number(metric.get(Rtax.hopLimit)) ?? 0
  return {
    kind: 'route',
    family,
    type: ROUTE_TYPES[r.u8(m.at + 7)] ?? 'other',
    dst: readIp(r, a.get(Rta.dst), family) ?? (family === 4 ? ANY4 : ANY6),
    prefixLength: r.u8(m.at + 1),
    table: r.number(a.get(Rta.table)) ?? r.u8(m.at + 4),
    protocol: r.u8(m.at + 5),
    scope: scopeOf(r.u8(m.at + 6)),
    tos: r.u8(m.at + 3),
    oif: r.number(a.get(Rta.oif)),
    gateway: readGateway(r, a, family),
    prefSrc: readIp(r, a.get(Rta.prefSrc), family),
    priority: r.number(a.get(Rta.priority)) ?? 0,
    mtu: r.number(metric.get(Rtax.mtu)),
    hopLimit: hopLimit === 0 ? undefined : hopLimit,
    expiresSeconds: expires > 0 ? expires / USER_HZ : undefined,
    nextHops: readNextHops(r, a.get(Rta.multipath), family),
  }
}

function readNextHops(r: MessageReader, a: Attribute | undefined, family: Family): NextHop[] {
  const hops: NextHop[] = []
  if (a === undefined) return hops
  for (let at = a.at; at + RTNEXTHOP <= a.end; ) {
    const length = r.u16(at)
    if (length < RTNEXTHOP || at + length > a.end) break
    const inside = r.attributes(at + RTNEXTHOP, at + length)
    hops.push({ oif: r.i32(at + 4), gateway: readGateway(r, inside, family), weight: r.u8(at + 3) + 1 })
    at += (length + 3) & ~3
  }
  return hops
}

/** The gateway, of the route's family or (RFC 5549) of the other one. */
function readGateway(r: MessageReader, a: Attributes, family: Family): Ip | undefined {
  const via = a.get(Rta.via)
  if (via === undefined) return readIp(r, a.get(Rta.gateway), family)
  if (via.end - via.at < 2) return undefined
  return readIp(r, { at: via.at + 2, end: via.end }, r.u16(via.at) === AF_INET6 ? 6 : 4)
}

export function readNeighbour(r: MessageReader, m: Message): Neighbour | undefined {
  const family = familyAt(r, m, NDMSG)
  if (family === undefined) return undefined
  const a = r.attributes(m.at + NDMSG, m.end)
  const address = readIp(r, a.get(Nda.dst), family)
  if (address === undefined) return undefined
  const flags = r.u8(m.at + 10)
  return {
    kind: 'neighbour',
    index: r.i32(m.at + 4),
    address,
    lladdr: r.octets(a.get(Nda.lladdr)),
    state: stateOf(r.u16(m.at + 8)),
    router: (flags & Ntf.router) !== 0,
    proxy: (flags & Ntf.proxy) !== 0,
  }
}

/** What may be changed on a link, or given to a new one. */
export interface LinkChange {
  /** Renames; the interface must be down. */
  name?: string
  up?: boolean
  mtu?: number
  address?: Uint8Array
  addrGenMode?: AddrGenMode
  /** Index of the bridge or VRF to join, or 0 to leave it. */
  master?: number
  promiscuous?: boolean
  allMulticast?: boolean
  /** Answers and asks ARP. */
  arp?: boolean
  /** Moves it into another namespace, by an open descriptor of it or by a process that is in it. */
  netns?: { fd: number } | { pid: number }
}

/** For afterwards: the kernel does not heed the one while it makes a link, and fails the other for a veth's second end. */
type Birth = Omit<LinkChange, 'addrGenMode' | 'up'> & { name: string }

export type NewLink = Birth &
  (
    | { type: 'veth'; peer: Birth }
    | { type: 'vlan'; parent: number; id: number }
    | { type: 'vrf'; table: number }
    | { type: 'dummy' | 'bridge' }
  )

export function writeLinkQuery(
  w: MessageWriter,
  what: { index: number } | { name: string } | undefined,
): MessageWriter {
  const index = what && 'index' in what ? what.index : 0
  w.begin(Rtm.getLink, Flag.request | (what ? Flag.ack : Flag.dump))
  ifinfo(w, index, 0, 0)
  if (what && 'name' in what) w.text(Ifla.name, what.name)
  // A kilobyte of the protocols' own statistics a link stays out.
  return w.number(Ifla.extMask, EXT_SKIP_STATS)
}

export function writeLinkChange(w: MessageWriter, index: number, change: LinkChange): MessageWriter {
  w.begin(Rtm.newLink, Flag.request | Flag.ack)
  return linkBody(w, index, change)
}

export function writeNewLink(w: MessageWriter, link: NewLink): MessageWriter {
  w.begin(Rtm.newLink, Flag.request | Flag.ack | Flag.create | Flag.exclusive)
  linkBody(w, 0, link)
  if (link.type === 'vlan') w.number(Ifla.link, link.parent)
  return w.nest(Ifla.linkInfo, () => {
    w.attribute(LinkInfo.kind, Buffer.from(link.type))
    switch (link.type) {
      case 'veth':
        w.nest(LinkInfo.data, () => w.nest(VETH_PEER, () => linkBody(w, 0, link.peer)))
        break
      case 'vrf':
        w.nest(LinkInfo.data, () => w.number(VRF_TABLE, link.table))
        break
      case 'vlan':
        w.nest(LinkInfo.data, () => w.short(VLAN_ID, link.id))
        break
    }
  })
}

export function writeLinkRemoval(w: MessageWriter, index: number): MessageWriter {
  w.begin(Rtm.delLink, Flag.request | Flag.ack)
  return ifinfo(w, index, 0, 0)
}

function ifinfo(w: MessageWriter, index: number, flags: number, mask: number): MessageWriter {
  return w.u8(0).u8(0).u16(0).u32(index).u32(flags).u32(mask)
}

function linkBody(w: MessageWriter, index: number, change: LinkChange): MessageWriter {
  let flags = 0
  let mask = 0
  const flag = (value: boolean | undefined, bit: number) => {
    if (value === undefined) return
    mask |= bit
    if (value) flags |= bit
  }
  flag(change.up, Iff.up)
  flag(change.promiscuous, Iff.promiscuous)
  flag(change.allMulticast, Iff.allMulticast)
  flag(change.arp === undefined ? undefined : !change.arp, Iff.noArp)
  ifinfo(w, index, flags, mask)
  if (change.name !== undefined) w.text(Ifla.name, change.name)
  if (change.address !== undefined) w.attribute(Ifla.address, change.address)
  if (change.mtu !== undefined) w.number(Ifla.mtu, change.mtu)
  if (change.master !== undefined) w.number(Ifla.master, change.master)
  if (change.netns !== undefined) {
    if ('fd' in change.netns) w.number(Ifla.netnsFd, change.netns.fd)
    else w.number(Ifla.netnsPid, change.netns.pid)
  }
  const { addrGenMode } = change
  if (addrGenMode !== undefined) {
    w.nest(Ifla.afSpec, () => w.nest(AF_INET6, () => w.octet(INET6_ADDR_GEN_MODE, GEN_MODES.indexOf(addrGenMode))))
  }
  return w
}

export interface NewAddress {
  index: number
  address: Ip
  prefixLength: number
  peer?: Ip
  broadcast?: Ip
  /** Usable at once, without asking whether somebody has it (IPv6). */
  noDad?: boolean
  scope?: Scope
}

export function writeAddressQuery(w: MessageWriter, index: number, family: Family | undefined): MessageWriter {
  w.begin(Rtm.getAddress, Flag.request | Flag.dump)
  return w.u8(af(family)).u8(0).u8(0).u8(0).u32(index)
}

export function writeAddress(w: MessageWriter, type: 'add' | 'remove', a: NewAddress): MessageWriter {
  const adding = type === 'add'
  w.begin(
    adding ? Rtm.newAddress : Rtm.delAddress,
    Flag.request | Flag.ack | (adding ? Flag.create | Flag.exclusive : 0),
  )
  const v6 = typeof a.address === 'bigint'
  w.u8(v6 ? AF_INET6 : AF_INET)
    .u8(a.prefixLength)
    .u8(a.noDad ? IfaFlag.noDad : 0)
    .u8(scopeNumber(a.scope ?? 'global'))
    .u32(a.index)
  w.attribute(Ifa.local, octetsOf(a.address)).attribute(Ifa.address, octetsOf(a.peer ?? a.address))
  if (a.broadcast !== undefined) w.attribute(Ifa.broadcast, octetsOf(a.broadcast))
  return w
}

export interface RouteFilter {
  family?: Family
  table?: number
  oif?: number
  type?: RouteType
}

export function writeRouteQuery(w: MessageWriter, f: RouteFilter): MessageWriter {
  w.begin(Rtm.getRoute, Flag.request | Flag.dump)
  rtmsg(w, { family: f.family, prefixLength: 0, type: f.type ?? 'other', table: 0 })
  if (f.table !== undefined) w.number(Rta.table, f.table)
  if (f.oif !== undefined) w.number(Rta.oif, f.oif)
  return w
}

/** What a packet would look like whose route is asked for. */
export interface RouteQuestion {
  dst: Ip
  src?: Ip
  oif?: number
  /** As if it had come in here: asks the forwarding path. */
  iif?: number
  mark?: number
  tos?: number
}

export function writeRouteQuestion(w: MessageWriter, q: RouteQuestion): MessageWriter {
  const v6 = typeof q.dst === 'bigint'
  const bits = v6 ? 128 : 32
  w.begin(Rtm.getRoute, Flag.request | Flag.ack)
  w.u8(v6 ? AF_INET6 : AF_INET)
    .u8(bits)
    .u8(q.src === undefined ? 0 : bits)
    .u8(q.tos ?? 0)
    .u32(0)
    // IPv6 names the table unasked, and refuses the flag.
    .u32(v6 ? 0 : RTM_F_LOOKUP_TABLE)
  w.attribute(Rta.dst, octetsOf(q.dst))
  if (q.src !== undefined) w.attribute(Rta.src, octetsOf(q.src))
  if (q.oif !== undefined) w.number(Rta.oif, q.oif)
  if (q.iif !== undefined) w.number(Rta.iif, q.iif)
  if (q.mark !== undefined) w.number(Rta.mark, q.mark)
  return w
}

export interface NewRoute {
  /** The prefix; `prefixLength` 0 is the default route. */
  dst: Ip
  prefixLength: number
  type?: Exclude<RouteType, 'other'>
  gateway?: Ip
  oif?: number
  prefSrc?: Ip
  table?: number
  priority?: number
  scope?: Scope
  protocol?: number
  mtu?: number
  hopLimit?: number
  /** Overwrites a route to the same prefix. */
  replace?: boolean
}

export function writeRoute(w: MessageWriter, type: 'add' | 'remove', route: NewRoute): MessageWriter {
  const adding = type === 'add'
  const creating = Flag.create | (route.replace ? Flag.replace : Flag.exclusive)
  w.begin(adding ? Rtm.newRoute : Rtm.delRoute, Flag.request | Flag.ack | (adding ? creating : 0))
  const family: Family = typeof route.dst === 'bigint' ? 6 : 4
  const kind = route.type ?? 'unicast'
  // IPv4 refuses an on-link route of global scope: without a gateway the link is as far as it goes.
  const near = family === 4 && route.gateway === undefined && kind === 'unicast' ? 'link' : 'global'
  rtmsg(w, {
    family,
    prefixLength: route.prefixLength,
    // A removal that names no type takes whatever is there.
    type: adding || route.type !== undefined ? kind : 'other',
    table: route.table ?? Table.main,
    protocol: adding ? (route.protocol ?? RTPROT_STATIC) : (route.protocol ?? 0),
    scope: route.scope ?? (adding ? near : 'nowhere'),
  })
  if (route.prefixLength > 0) w.attribute(Rta.dst, octetsOf(route.dst))
  if (route.table !== undefined) w.number(Rta.table, route.table)
  if (route.gateway !== undefined) writeGateway(w, family, route.gateway)
  if (route.oif !== undefined) w.number(Rta.oif, route.oif)
  if (route.prefSrc !== undefined) w.attribute(Rta.prefSrc, octetsOf(route.prefSrc))
  if (route.priority !== undefined) w.number(Rta.priority, route.priority)
  const { mtu, hopLimit } = route
  if (mtu !== undefined || hopLimit !== undefined) {
    w.nest(Rta.metrics, () => {
      if (mtu !== undefined) w.number(Rtax.mtu, mtu)
      if (hopLimit !== undefined) w.number(Rtax.hopLimit, hopLimit)
    })
  }
  return w
}

function writeGateway(w: MessageWriter, family: Family, gateway: Ip): void {
  const other = typeof gateway === 'bigint' ? 6 : 4
  if (other === family) w.attribute(Rta.gateway, octetsOf(gateway))
  else
    w.header(Rta.via, 2 + (other === 6 ? 16 : 4))
      .u16(af(other))
      .octets(octetsOf(gateway))
      .pad()
}

interface RouteHeader {
  family: Family | undefined
  prefixLength: number
  type: RouteType
  table: number
  protocol?: number
  scope?: Scope
}

function rtmsg(w: MessageWriter, h: RouteHeader): void {
  const type = ROUTE_TYPES.indexOf(h.type)
  w.u8(af(h.family)).u8(h.prefixLength).u8(0).u8(0)
  // Tables beyond the octet are named by their attribute.
  w.u8(h.table > 255 ? 0 : h.table)
    .u8(h.protocol ?? 0)
    .u8(scopeNumber(h.scope ?? 'global'))
    .u8(type < 0 ? 0 : type)
    .u32(0)
}

export interface NewNeighbour {
  index: number
  address: Ip
  lladdr?: Uint8Array
  state?: NeighbourState
  router?: boolean
  /** Answers for `address` on this link. */
  proxy?: boolean
}

export function writeNeighbour(w: MessageWriter, type: 'add' | 'remove', n: NewNeighbour): MessageWriter {
  const adding = type === 'add'
  w.begin(
    adding ? Rtm.newNeighbour : Rtm.delNeighbour,
    Flag.request | Flag.ack | (adding ? Flag.create | Flag.replace : 0),
  )
  ndmsg(w, n, adding ? STATE_BITS[n.state ?? 'permanent'] : 0)
  if (n.lladdr !== undefined) w.attribute(Nda.lladdr, n.lladdr)
  return w
}

export function writeNeighbourQuery(
  w: MessageWriter,
  n: { index: number; address: Ip } | { index: number; family: Family | undefined },
): MessageWriter {
  if ('address' in n) {
    w.begin(Rtm.getNeighbour, Flag.request | Flag.ack)
    return ndmsg(w, n, 0)
  }
  w.begin(Rtm.getNeighbour, Flag.request | Flag.dump)
  w.u8(af(n.family)).u8(0).u16(0).u32(0).u16(0).u8(0).u8(0)
  return n.index === 0 ? w : w.number(Nda.ifindex, n.index)
}

function ndmsg(w: MessageWriter, n: NewNeighbour, state: number): MessageWriter {
  const flags = (n.router ? Ntf.router : 0) | (n.proxy ? Ntf.proxy : 0)
  w.u8(typeof n.address === 'bigint' ? AF_INET6 : AF_INET)
    .u8(0)
    .u16(0)
    .u32(n.index)
    .u16(state)
    .u8(flags)
    .u8(0)
  return w.attribute(Nda.dst, octetsOf(n.address))
}

function familyAt(r: MessageReader, m: Message, header: number): Family | undefined {
  if (m.end - m.at < header) return undefined
  switch (r.u8(m.at)) {
    case AF_INET:
      return 4
    case AF_INET6:
      return 6
  }
  return undefined
}

function readIp(r: MessageReader, a: Attribute | undefined, family: Family): Ip | undefined {
  if (a === undefined || a.end - a.at < (family === 4 ? 4 : 16)) return undefined
  return family === 4 ? readIp4(r.bytes, a.at) : readIp6(r.bytes, a.at)
}

function octetsOf(ip: Ip): Uint8Array {
  const octets = new Uint8Array(typeof ip === 'bigint' ? 16 : 4)
  writeIp(ip, octets, 0)
  return octets
}

function af(family: Family | undefined): number {
  return family === undefined ? 0 : family === 4 ? AF_INET : AF_INET6
}

function scopeOf(octet: number): Scope {
  return SCOPES[octet] ?? octet
}

function scopeNumber(scope: Scope): number {
  if (typeof scope === 'number') return scope
  return Number(Object.keys(SCOPES).find((n) => SCOPES[Number(n)] === scope))
}

function stateOf(bits: number): NeighbourState {
  for (const [name, bit] of Object.entries(STATE_BITS)) if (bits & bit) return name as NeighbourState
  return 'none'
}

const SCOPES: Record<number, Scope> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' }
const ROUTE_TYPES: readonly RouteType[] = [
  'other',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
]
const OPER_STATES: readonly OperState[] = [
  'unknown',
  'not-present',
  'down',
  'lower-layer-down',
  'testing',
  'dormant',
  'up',
]
const GEN_MODES: readonly AddrGenMode[] = ['eui64', 'none', 'stable-privacy', 'random']
const STATE_BITS: Record<NeighbourState, number> = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
  none: 0,
}

const AF_INET = 2
const AF_INET6 = 10
const RTPROT_STATIC = 4
/** Answers with the table that the route was found in. */
const RTM_F_LOOKUP_TABLE = 0x1000
/** The kernel counts expiry in these ticks a second, whatever its own timer runs at. */
const USER_HZ = 100
const FOREVER = 0xffffffff
const EMPTY = new Uint8Array(0)
const NONE: Attributes = new Map()

const IFINFOMSG = 16
const IFADDRMSG = 8
const RTMSG = 12
const RTNEXTHOP = 8
const NDMSG = 12

const Iff = {
  up: 0x1,
  loopback: 0x8,
  pointToPoint: 0x10,
  noArp: 0x80,
  promiscuous: 0x100,
  allMulticast: 0x200,
  multicast: 0x1000,
  lowerUp: 0x10000,
} as const

const Ifla = {
  address: 1,
  broadcast: 2,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  operState: 16,
  linkInfo: 18,
  netnsPid: 19,
  stats64: 23,
  afSpec: 26,
  netnsFd: 28,
  extMask: 29,
  promiscuity: 30,
  linkNetnsId: 37,
} as const
const LinkInfo = { kind: 1, data: 2 } as const
const VETH_PEER = 1
const VRF_TABLE = 1
const VLAN_ID = 1
const INET6_ADDR_GEN_MODE = 8
const EXT_SKIP_STATS = 8

const Ifa = { address: 1, local: 2, label: 3, broadcast: 4, cacheInfo: 6, flags: 8 } as const
const IfaFlag = {
  secondary: 0x01,
  noDad: 0x02,
  dadFailed: 0x08,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
} as const

const Rta = {
  dst: 1,
  src: 2,
  iif: 3,
  oif: 4,
  gateway: 5,
  priority: 6,
  prefSrc: 7,
  metrics: 8,
  multipath: 9,
  cacheInfo: 12,
  table: 15,
  mark: 16,
  via: 18,
} as const
const Rtax = { mtu: 2, hopLimit: 10 } as const

const Nda = { dst: 1, lladdr: 2, ifindex: 8 } as const
const Ntf = { proxy: 0x08, router: 0x80 } as const
