/**
 * Datagrams for others: checked, routed, their TTL lowered, fragmented where they must be, sent on (RFC 1812 §5.2.1.2),
 * or answered with the error that says why not (§5.2.7). Header checks and local delivery come before (`input.ts`).
 *
 * Left out: multicast forwarding (no multicast routing protocol runs), routes by TOS.
 */
import type { Instant } from '../../clock.ts'
import { BROADCAST4, type Ip4, isMulticast, showIp } from '../../wire/addr.ts'
import { holds, sum } from '../../wire/checksum.ts'
import { HEADER as ETHERNET, EtherType, showMac } from '../../wire/ethernet.ts'
import * as ip4 from '../../wire/ip4.ts'
import { u16 } from '../../wire/octets.ts'
import { shared } from '../defaults.ts'
import { FILTERED, Filter } from '../filter.ts'
import type { Inbound } from '../inbound.ts'
import { ttlOf } from '../label-stack.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import type { Route } from '../route-table.ts'
import { TokenBucket } from '../token-bucket.ts'
import { GATEWAY4_DEFAULTS, type Gateway4Settings } from './gateway-settings.ts'
import { TransitOptions } from './transit-options.ts'
import { type Frame, type Way, Ways } from './ways.ts'

export class Forwarder4 {
  /** Of routes that cost the same as the best, the one for this packet; decisions are then not remembered. None: the best. */
  choose: ((d: Inbound, best: Route<Ip4>, dst: Ip4) => Route<Ip4>) | undefined
  readonly #node: Node
  #settings: Gateway4Settings
  /** None where nothing is filtered. */
  #filter: Filter | undefined
  readonly #ways: Ways
  #log: TokenBucket | undefined

  constructor(node: Node) {
    this.#node = node
    this.#settings = shared(GATEWAY4_DEFAULTS, node.ip4.settings.gateway)
    this.#filter = filterOf(this.#settings)
    this.#ways = new Ways(node.tableKeys, node.changes, node.counters)
  }

  /** Flows whose decision is remembered: 4096 at most. */
  get flows(): number {
    return this.#ways.size
  }

  /** Decisions are made anew: the settings or a port of this node changed. New routes and addresses are noticed. */
  forget(): void {
    this.#settings = shared(GATEWAY4_DEFAULTS, this.#node.ip4.settings.gateway)
    this.#filter = filterOf(this.#settings)
    this.#node.changes.version++
  }

  /**
   * The way of a frame that came in by the port, fit to `relay` it: for who moves whole frames. undefined: there is none,
   * and `Node.handleAt` decides.
   */
  wayOf(now: Instant, { bytes, end }: Frame, port: Port): Way | undefined {
    if (end < ETHERNET + ip4.HEADER || this.#filter !== undefined || this.#settings.precedenceCutoff > 0)
      return undefined
    const way = this.#ways.find(bytes, ETHERNET + SRC, port)
    if (way === undefined) return undefined
    const { out, nextHop } = way
    // Frames with a tag, and packets without a frame, take the other way.
    if (port.header !== ETHERNET || out.header !== ETHERNET || !port.up || !out.up) return undefined
    const until = this.#node.ip4.arp.lookUp(now, out, nextHop as Ip4, MAC)
    if (until <= now) return undefined
    way.address(now, until, MAC)
    return way
  }

  /**
   * The short way, without an object: a datagram of a flow that `forward` has decided, without options, with nothing to
   * say about it. True: it is on its way. False: nothing was done, the long way decides.
   */
  forwardPlain(now: Instant, d: Inbound): boolean {
    const { bytes, at } = d
    if (d.end - at < ip4.HEADER || bytes[at] !== PLAIN || d.link !== 'host' || d.labels !== -1) return false
    const way = this.#ways.find(bytes, at + SRC, d.port)
    if (way === undefined) return false
    const length = u16(bytes, at + LENGTH)
    const port = way.out
    if (!port.up || bytes[at + TTL]! <= 1) return false
    if (length < ip4.HEADER || length > d.end - at || !holds(sum(bytes, at, at + ip4.HEADER))) return false
    if (this.#isTooBig(length, port)) return false
    if (bytes[at + TOS]! >>> 5 < this.#settings.precedenceCutoff) return false
    if (this.#filter !== undefined && this.#judge(this.#filter, d, at + ip4.HEADER, at + length, port) !== undefined)
      return false
    ip4.setTtl(bytes, at, bytes[at + TTL]! - 1)
    this.#node.counters.forwarded++
    this.#node.ip4.arp.transmit(now, port, way.nextHop as Ip4, bytes, at, at + length)
    return true
  }

  /** Never true: nothing goes back in place. `h` is the parsed header of the datagram at `d.at`, which is not for this node. */
  forward(now: Instant, d: Inbound, h: ip4.Header): boolean {
    const { counters, ip4: layer } = this.#node
    if (!this.#forwardsBy(d.port)) return counters.drop('not-forwarding')
    if (isMulticast(h.dst)) return counters.drop('multicast')
    // RFC 1812 §5.3.4.
    if (d.link !== 'host') return counters.drop('link-broadcast')
    if (!this.#mayBeSource(h.src)) return this.#martian(now, d, h, 'martian-source')
    if (!mayBeDestination(h.dst)) return this.#martian(now, d, h, 'martian-destination')
    // RFC 1812 §5.2.2: the link carried less than the header says. A door that cut it is no fault of the sender's.
    if (d.length < h.length) return layer.errors.report(now, d, { kind: 'parameterProblem', code: 0, pointer: LENGTH })
    if (d.end - d.at < h.length) return counters.drop('cut')
    const o = OPTIONS
    o.scan(d.bytes, d.at, h.payload)
    if (o.fault >= 0) {
      counters.drop('bad-options')
      return layer.errors.report(now, d, { kind: 'parameterProblem', code: 0, pointer: o.fault })
    }
    if (o.sourceRoute > 0) {
      if (layer.sourceRoutes === 'drop') return counters.drop('source-route')
      // RFC 1812 §5.2.2: the hop before did not do what the option asks.
      if (o.strict) {
        counters.drop('source-route')
        return layer.errors.report(now, d, { kind: 'parameterProblem', code: 0, pointer: DST })
      }
    }
    return this.#route(now, d, h, h.dst, false)
  }

  /**
   * A datagram for this node whose source route is unfinished: on to the next address, or code 5 (RFC 1812 §5.2.3,
   * §5.2.4.1; RFC 1122 §3.3.5). undefined: the rest of the route is this node's own addresses, so it has arrived.
   */
  forwardSourceRouted(now: Instant, d: Inbound, h: ip4.Header): boolean | undefined {
    const { counters, ip4: layer } = this.#node
    const o = OPTIONS
    o.scan(d.bytes, d.at, h.payload)
    if (o.fault >= 0) {
      counters.drop('bad-options')
      return layer.errors.report(now, d, { kind: 'parameterProblem', code: 0, pointer: o.fault })
    }
    if (o.sourceRoute === 0) return undefined
    const next = o.nextAddress(d.bytes, d.at, (address) => layer.addresses.ready(address) !== undefined)
    if (next === undefined) return undefined
    if (!this.#forwardsBy(d.port)) return counters.drop('not-forwarding')
    if (d.link !== 'host') return counters.drop('link-broadcast')
    if (!this.#mayBeSource(h.src)) return this.#martian(now, d, h, 'martian-source')
    if (isMulticast(next) || !mayBeDestination(next)) return this.#sourceRouteFailed(now, d)
    return this.#route(now, d, h, next, true)
  }

  /** Where to, whether it may, and then on (RFC 1812 §5.2.1.2 (1) to (8)). */
  #route(now: Instant, d: Inbound, h: ip4.Header, dst: Ip4, routed: boolean): boolean {
    const { counters, ip4: layer, ports } = this.#node
    const o = OPTIONS
    const best = layer.routes.best(dst, (r) => r.kind !== 'unicast' || ports.get(r.port)?.up === true)
    const route = best === undefined || this.choose === undefined ? best : this.choose(d, best, dst)
    const out = route === undefined ? undefined : ports.get(route.port)
    if (route === undefined || route.kind !== 'unicast' || out === undefined) {
      return this.#noRoute(now, d, route, routed)
    }
    if (!this.#forwardsBy(out)) return counters.drop('not-forwarding')
    if (routed && o.strict && route.nextHop !== undefined) return this.#sourceRouteFailed(now, d)
    if (!this.#isSourceValid(h.src, d.port)) return counters.drop('reverse-path')
    const judged = this.#refused(now, d, h, out)
    if (judged !== undefined) return judged
    const broadcast = route.nextHop === undefined && layer.isBroadcast(dst)
    if (broadcast && (routed || !this.#settings.directedBroadcasts)) return counters.drop('directed-broadcast')
    const ttl = ttlOf(d, h.ttl)
    if (ttl <= 1) {
      counters.drop('ttl')
      return layer.errors.report(now, d, { kind: 'timeExceeded', code: 0 })
    }
    if (this.#isTooBig(h.length, out) && h.df) {
      counters.drop('too-big')
      return layer.errors.report(now, d, { kind: 'unreachable', code: 4, mtu: Math.max(out.mtu, MIN_MTU) })
    }
    const nextHop = route.nextHop ?? dst
    // Before the datagram is changed: the quote shows it as it came (RFC 1812 §4.3.2.3). It goes on all the same.
    if (
      out === d.port &&
      nextHop !== h.src &&
      o.sourceRoute === 0 &&
      this.#settings.redirects &&
      this.#isNeighbour(h.src, nextHop, out)
    ) {
      layer.errors.report(now, d, { kind: 'redirect', code: 1, gateway: nextHop })
    }
    this.#send(now, d, h, ttl, out, nextHop, broadcast, routed)
    return false
  }

  #send(
    now: Instant,
    d: Inbound,
    h: ip4.Header,
    ttl: number,
    out: Port,
    nextHop: Ip4,
    broadcast: boolean,
    routed: boolean,
  ): void {
    const { counters, ip4: layer, wall } = this.#node
    const { bytes, at } = d
    const o = OPTIONS
    ip4.setTtl(bytes, at, ttl - 1)
    if (o.any) {
      const own = layer.sourceOn({ port: out, nextHop })
      if (routed && own !== undefined)
        o.advance(bytes, at, own, (address) => layer.addresses.ready(address) !== undefined)
      o.record(bytes, at, own, wall(now), (address) => layer.addresses.ready(address) !== undefined)
    }
    counters.forwarded++
    if (broadcast) out.transmit(bytes, at, at + h.length, EtherType.ip4, LINK_BROADCAST)
    else if (this.#isTooBig(h.length, out)) layer.transmit(now, out, nextHop, bytes, at, at + h.length)
    else {
      if (!o.any && out !== d.port && this.choose === undefined) this.#ways.set(h.src, h.dst, d.port, out, nextHop)
      layer.arp.transmit(now, out, nextHop, bytes, at, at + h.length)
    }
  }

  #noRoute(now: Instant, d: Inbound, route: Route<Ip4> | undefined, routed: boolean): boolean {
    const { counters, ip4: layer } = this.#node
    if (route?.kind === 'blackhole') return counters.drop('blackhole')
    if (routed) return this.#sourceRouteFailed(now, d)
    counters.drop('no-route')
    // As Linux: a route of kind unreachable is about hosts, a missing one about the network.
    const code = route?.kind === 'prohibit' ? 13 : route === undefined ? 0 : 1
    return layer.errors.report(now, d, { kind: 'unreachable', code })
  }

  #sourceRouteFailed(now: Instant, d: Inbound): boolean {
    this.#node.counters.drop('source-route')
    return this.#node.ip4.errors.report(now, d, { kind: 'unreachable', code: 5 })
  }

  /** undefined: it may pass. */
  #refused(now: Instant, d: Inbound, h: ip4.Header, out: Port): false | undefined {
    const { counters, ip4: layer } = this.#node
    const { precedenceCutoff, precedenceAnswer } = this.#settings
    const precedence = h.tos >>> 5
    if (precedence < precedenceCutoff && precedence < INTERNETWORK_CONTROL) {
      counters.drop('filtered')
      return precedenceAnswer === 'drop' ? false : layer.errors.report(now, d, { kind: 'unreachable', code: 15 })
    }
    const filter = this.#filter
    if (filter === undefined) return undefined
    if (filter.readsPorts && h.protocol === TCP && h.offset === 8) return counters.drop('filtered')
    const rule = this.#judge(filter, d, h.payload, h.end, out)
    if (rule === undefined || rule.action === 'accept') return undefined
    counters.drop('filtered')
    if (rule.action === 'drop') return false
    return layer.errors.report(now, d, { kind: 'unreachable', code: rule.precedences === undefined ? 13 : 14 })
  }

  #judge(filter: Filter, d: Inbound, payload: number, end: number, out: Port): ReturnType<Filter['judge']> {
    const { bytes, at } = d
    const f = FILTERED
    f.bytes = bytes
    f.src = at + SRC
    f.protocol = bytes[at + PROTOCOL]!
    f.transport = (u16(bytes, at + FLAGS) & 0x1fff) === 0 ? payload : -1
    f.end = end
    f.inPort = d.port.index
    f.outPort = out.index
    f.precedence = bytes[at + TOS]! >>> 5
    return filter.judge(f)
  }

  #isTooBig(length: number, out: Port): boolean {
    return length > out.mtu
  }

  #forwardsBy(port: Port): boolean {
    return this.#settings.forwarding && !this.#settings.noForwarding.includes(port.index)
  }

  /** RFC 1812 §5.3.7, §4.2.2.11. An address of this node's own comes from nobody else. */
  #mayBeSource(src: Ip4): boolean {
    const first = src >>> 24
    if (first === 0 || first === LOOPBACK || first >= MULTICAST) return false
    return !this.#node.ip4.isBroadcast(src) && !this.#node.ip4.isMine(src)
  }

  /** RFC 1812 §5.3.8. */
  #isSourceValid(src: Ip4, from: Port): boolean {
    const { sourceValidation } = this.#settings
    if (sourceValidation === 'off') return true
    const back = this.#node.ip4.routes.candidates(src)?.filter((r) => r.kind === 'unicast')
    if (back === undefined || back.length === 0) return false
    return sourceValidation === 'loose' || back.some((r) => r.port === from.index)
  }

  /** The source is on the same network as the next hop (RFC 1812 §5.2.7.2). */
  #isNeighbour(src: Ip4, nextHop: Ip4, port: Port): boolean {
    const { addresses, routes } = this.#node.ip4
    return addresses
      .of(port)
      .some(
        (a) =>
          a.state === 'ready' &&
          routes.mask(a.address, a.prefixLength) === routes.mask(src, a.prefixLength) &&
          routes.mask(a.address, a.prefixLength) === routes.mask(nextHop, a.prefixLength),
      )
  }

  /** Nothing is sent about it; a few are told of (RFC 1812 §5.3.7). */
  #martian(now: Instant, d: Inbound, h: ip4.Header, why: 'martian-source' | 'martian-destination'): false {
    this.#log ??= new TokenBucket(LOGGED)
    if (this.#log.take(now)) {
      const from = d.frame < d.at ? ` from ${showMac(d.bytes.subarray(d.frame + 6, d.frame + 12))}` : ''
      const what = `${why.replace('-', ' ')}: ${showIp(h.src)} to ${showIp(h.dst)}${from}`
      this.#node.emit({ kind: 'log', at: now, port: d.port.index, what, about: h.src })
    }
    return this.#node.counters.drop(why)
  }
}

function filterOf({ filters }: Gateway4Settings): Filter | undefined {
  return filters.length === 0 ? undefined : new Filter(filters, 4)
}

/** RFC 1812 §5.3.7: not on network 0, not 127/8, not class E. The limited broadcast is never forwarded (§5.3.5.1). */
function mayBeDestination(dst: Ip4): boolean {
  const first = dst >>> 24
  return first !== 0 && first !== LOOPBACK && first < CLASS_E && dst !== BROADCAST4
}

/** Those of the datagram that is forwarded, of whatever node. */
const OPTIONS = new TransitOptions()
/** A neighbour's link-layer address on its way into a way. */
const MAC = new Uint8Array(6)
/** Martians told of. */
const LOGGED = { rate: 1, burst: 10 } as const
/** First octet of a header of version 4 without options. */
const PLAIN = 0x45
const LOOPBACK = 127
const MULTICAST = 224
const CLASS_E = 240
const INTERNETWORK_CONTROL = 6
const TCP = 6
/** Every link carries so much (RFC 791); no less is told (RFC 1191 §4). */
const MIN_MTU = 68
const LINK_BROADCAST: Uint8Array = new Uint8Array(6).fill(0xff)

const TOS = 1
const LENGTH = 2
const FLAGS = 6
const TTL = 8
const PROTOCOL = 9
const SRC = 12
const DST = 16
