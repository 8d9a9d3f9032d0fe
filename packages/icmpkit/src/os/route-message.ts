/**
 * Routes over rtnetlink (Linux `linux/rtnetlink.h`), octets ⇄ plain objects: the tables, and the one route that a packet
 * would take. Left out: encapsulations and next hops as objects of their own.
 */
import { ANY4, ANY6, type Family, type Ip } from '../wire/addr.ts'
import {
  type Attribute,
  type Attributes,
  Flag,
  type Message,
  type MessageReader,
  type MessageWriter,
} from './netlink-message.ts'
import {
  AF_INET,
  AF_INET6,
  af,
  familyAt,
  NONE,
  octetsOf,
  Rtm,
  readIp,
  type Scope,
  scopeNumber,
  scopeOf,
} from './rtnetlink.ts'

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

/** Linux' default route tables. */
export const Table = { default: 253, main: 254, local: 255 } as const

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

const RTPROT_STATIC = 4

/** Answers with the table that the route was found in. */
const RTM_F_LOOKUP_TABLE = 0x1000

/** The kernel counts expiry in these ticks a second, whatever its own timer runs at. */
const USER_HZ = 100
const RTMSG = 12
const RTNEXTHOP = 8

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
