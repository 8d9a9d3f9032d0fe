/**
 * IPv6 of a node: what comes in is checked, its extension headers walked, delivered or forwarded; what goes out is
 * routed, given a source, fragmented. RFC 8200, RFC 4443, RFC 4861, RFC 8504.
 *
 * This module holds the parts together: addresses and routes, and the way out. The way in is `input.ts`.
 */
import type { Instant } from '../../clock.ts'
import { ANY6, type Ip6, isLinkLocal, isMulticast, readIp6 } from '../../wire/addr.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import * as ip6 from '../../wire/ip6.ts'
import type { Extension } from '../../wire/ip6-extension.ts'
import * as quote from '../../wire/quote.ts'
import type { Inbound } from '../inbound.ts'
import type { Sent } from '../ip4/layer.ts'
import type { Node } from '../node.ts'
import type { Port, PortConfig } from '../port.ts'
import { type Route, RouteTable } from '../route-table.ts'
import { Timer } from '../timers.ts'
import { type Address6, Addresses6, linkLocalOf, solicitedNode, stateAt } from './addresses.ts'
import { Echo6 } from './echo.ts'
import { Errors6 } from './errors.ts'
import { Forwarder6 } from './forward.ts'
import { Fragmenter6 } from './fragment.ts'
import { ALL_NODES, Groups } from './groups.ts'
import { Icmp6 } from './icmp.ts'
import { Input6 } from './input.ts'
import { NeighbourDiscovery } from './neighbour-discovery.ts'
import { Neighbours } from './neighbours.ts'
import type { Packet6 } from './packet.ts'
import { MIN_MTU, PathMtu6 } from './path-mtu.ts'
import { type Ip6Options, type Ip6Settings, withDefaults } from './settings.ts'
import { type Candidate, SCOPE, scopeOf, selectSource } from './source-select.ts'

/** A packet that this node begins. */
export interface Datagram6 {
  dst: Ip6
  /** Chosen by RFC 6724 where not given; `ANY6` is given where it shall be unspecified. */
  src?: Ip6 | undefined
  protocol: number
  /** The whole upper layer, its checksum included: whoever makes it asks `sourceFor` first. Borrowed. */
  payload: Uint8Array
  trafficClass?: number
  flowLabel?: number
  hopLimit?: number
  extensions?: readonly Extension[]
  /** By this port, whatever the routes say: multicast and link-local destinations need it. */
  port?: Port | undefined
  /** Not fragmented: `too-big` where it does not fit the path. */
  df?: boolean
}

/** Where a packet goes next. */
export interface Hop6 {
  port: Port
  nextHop: Ip6
}

/** Duplicate address detection, where the node has it: told of each tentative address, answers by `addressReady` or `addressDuplicate`. */
export interface Dad6 {
  /** Milliseconds that the address's group and first probe wait (RFC 4862 §5.4.2). */
  delay(now: Instant, a: Address6): number
  start(now: Instant, a: Address6, delayMs: number): void
  stop(a: Address6): void
}

/** What a host has learned of next hops: redirects, default routers and their reachability (RFC 4861 §5.2, §6.3.6). */
export interface Hosts6 {
  /** Asked before the routes; undefined where it knows nothing better. */
  nextHop(now: Instant, dst: Ip6, port: Port | undefined): Hop6 | undefined
}

/** Tells hosts of better first hops (RFC 4861 §8.2), where the node does. */
export interface Redirects6 {
  /** The packet at `d.at`, not yet changed, is about to leave by the port that it came in by; undefined: to its destination. */
  sentBack(now: Instant, d: Inbound, nextHop: Ip6 | undefined): void
}

export interface AddressOptions {
  origin?: Address6['origin']
  preferredUntil?: number
  validUntil?: number
  temporary?: boolean
  anycast?: boolean
  onLink?: boolean
}

export class Ip6Layer {
  readonly settings: Ip6Settings
  readonly addresses: Addresses6
  readonly groups: Groups
  readonly neighbours: Neighbours
  readonly routes: RouteTable<Ip6>
  readonly errors: Errors6
  readonly icmp: Icmp6
  readonly pathMtu: PathMtu6
  readonly nd: NeighbourDiscovery
  dad: Dad6 | undefined
  hosts: Hosts6 | undefined
  redirects: Redirects6 | undefined
  readonly #node: Node
  readonly #in: Input6
  readonly #forwarder: Forwarder6
  readonly #echo: Echo6
  readonly #fragmenter: Fragmenter6 = new Fragmenter6()
  readonly #expiry: Timer
  /** Of the last call that told it: `sourceFor` is asked without. */
  #now = 0 as Instant
  /** Per port what routers advertise (RFC 4861 §6.3.4); undefined: the link's own, the settings'. */
  readonly #advertised: Map<number, { mtu?: number; hopLimit?: number }> = new Map()
  readonly #out: Uint8Array = new Uint8Array(LONGEST)
  readonly #message: Uint8Array = new Uint8Array(LONGEST)

  constructor(node: Node, settings: Ip6Options) {
    this.#node = node
    this.settings = withDefaults(settings)
    this.addresses = new Addresses6((node.random() * 2 ** 32) | 0)
    this.groups = new Groups((node.random() * 2 ** 32) | 0)
    this.neighbours = new Neighbours(node, this.settings)
    this.routes = new RouteTable<Ip6>(6, (node.random() * 2 ** 32) | 0)
    for (const r of this.settings.routes) this.routes.add({ ...r, origin: 'static', metric: 0 })
    this.errors = new Errors6(node, this.settings)
    this.icmp = new Icmp6(node)
    this.pathMtu = new PathMtu6(node, this.settings)
    this.#forwarder = new Forwarder6(node, this.settings)
    this.#echo = new Echo6(node)
    this.#in = new Input6(node, this.settings, this.#forwarder, this.#echo)
    this.nd = new NeighbourDiscovery(node, this)
    this.#expiry = new Timer(node.timers, (now) => this.#expire(now))
  }

  /** A port is there: groups are joined, its link-local address and the configured ones begin. */
  attach(now: Instant, port: Port): void {
    if (!this.settings.enabled) return
    this.nd.attach(now, port)
    this.groups.join(now, port, ALL_NODES)
    const given = port.addresses.filter((a) => typeof a.address === 'bigint')
    if (port.medium === 'ethernet' && !given.some((a) => isLinkLocal(a.address)))
      this.addAddress(now, port, linkLocalOf(port.mac), 64, { origin: 'link-local', onLink: false })
    for (const a of given) {
      const linkLocal = isLinkLocal(a.address)
      this.addAddress(now, port, a.address as Ip6, a.prefixLength, { onLink: !linkLocal })
    }
  }

  /** Carrier, MTU or link-layer address of the port changed. */
  changed(now: Instant, port: Port): void {
    this.#echo.wayBack.forget()
    this.#forwarder.forget()
    if (this.settings.enabled) this.nd.changed(now, port)
  }

  close(now: Instant): void {
    this.nd.close(now)
  }

  /** Other switches, static routes and configured addresses from now on. */
  reconfigure(now: Instant, settings: Ip6Options, ports: readonly PortConfig[]): void {
    Object.assign(this.settings, withDefaults(settings))
    this.errors.forget()
    this.#forwarder.forget()
    this.routes.remove((r) => r.origin === 'static')
    for (const r of this.settings.routes) this.routes.add({ ...r, origin: 'static', metric: 0 })
    for (const { index, addresses = [] } of ports) {
      const port = this.#node.ports.get(index)
      if (port === undefined) continue
      for (const a of [...this.addresses.of(port)]) {
        const stays = a.origin !== 'configured' || addresses.some((w) => w.address === a.address)
        if (!stays) this.removeAddress(now, a)
      }
      for (const { address, prefixLength } of addresses) {
        if (typeof address === 'bigint')
          this.addAddress(now, port, address, prefixLength, { onLink: !isLinkLocal(address) })
      }
    }
    this.nd.reconfigured(now)
  }

  /** True: rewritten in place, to be sent back to whom it came from. */
  input(now: Instant, d: Inbound): boolean {
    if (this.neighbours.disabled > 0 && this.neighbours.link(d.port).disabled)
      return this.#node.counters.drop('disabled')
    if (!this.settings.enabled) return this.#node.counters.drop('disabled')
    this.#now = now
    return this.#in.input(now, d)
  }

  /** The address begins as tentative; without duplicate address detection it is ready at once. undefined: too many. */
  addAddress(
    now: Instant,
    port: Port,
    address: Ip6,
    prefixLength: number,
    o: AddressOptions = {},
  ): Address6 | undefined {
    const known = this.addresses.of(port).find((a) => a.address === address)
    if (known !== undefined) return known
    const a: Address6 = {
      address,
      prefixLength,
      port,
      state: 'tentative',
      preferredUntil: o.preferredUntil ?? Number.POSITIVE_INFINITY,
      validUntil: o.validUntil ?? Number.POSITIVE_INFINITY,
      origin: o.origin ?? 'configured',
      temporary: o.temporary ?? false,
      anycast: o.anycast ?? false,
      onLink: o.onLink ?? true,
    }
    if (!this.addresses.add(a)) return undefined
    const dad = port.medium === 'ethernet' && !a.anycast ? this.dad : undefined
    const delay = dad?.delay(now, a) ?? 0
    this.groups.join(now, port, solicitedNode(address), delay)
    this.#watch()
    if (dad !== undefined) dad.start(now, a, delay)
    else this.addressReady(now, a)
    return a
  }

  /** The link is another, maybe: not used until duplicate address detection has let it pass again. */
  addressTentative(now: Instant, a: Address6): void {
    if (a.state === 'duplicate') this.groups.join(now, a.port, solicitedNode(a.address))
    this.addresses.unready(a)
    a.state = 'tentative'
  }

  /** Nobody else has it: it is in use from now on, its prefix a connected route. */
  addressReady(now: Instant, a: Address6): void {
    a.state = 'preferred'
    this.addresses.ready(a)
    if (a.onLink && a.prefixLength < 128) {
      this.routes.add({
        prefix: a.address,
        prefixLength: a.prefixLength,
        kind: 'unicast',
        nextHop: undefined,
        port: a.port.index,
        origin: 'connected',
        metric: 0,
      })
    }
    this.#node.emit({
      kind: 'address-ready',
      at: now,
      port: a.port.index,
      address: a.address,
      prefixLength: a.prefixLength,
    })
    this.#watch()
    this.nd.addressReady(now, a)
  }

  /** Somebody else has it: kept as `duplicate`, never used (RFC 4862 §5.4.5). */
  addressDuplicate(now: Instant, a: Address6, by: Uint8Array): void {
    this.#unuse(a)
    a.state = 'duplicate'
    this.groups.leave(now, a.port, solicitedNode(a.address))
    this.#node.emit({ kind: 'address-conflict', at: now, port: a.port.index, address: a.address, by: by.slice() })
  }

  removeAddress(now: Instant, a: Address6, why: 'expired' | 'removed' = 'removed'): void {
    this.dad?.stop(a)
    this.#unuse(a)
    this.addresses.remove(a)
    if (a.state !== 'duplicate') this.groups.leave(now, a.port, solicitedNode(a.address))
    this.#node.emit({ kind: 'address-gone', at: now, port: a.port.index, address: a.address, why })
  }

  /** New lifetimes; the timer of the layer deprecates and removes. */
  setLifetimes(a: Address6, preferredUntil: number, validUntil: number): void {
    a.preferredUntil = preferredUntil
    a.validUntil = validUntil
    if (a.state === 'deprecated') a.state = 'preferred'
    this.#watch()
  }

  /** A ready unicast address, or a group that is listened to on `port` (on any, where none is given). */
  isMine(address: Ip6, port?: Port): boolean {
    if (!isMulticast(address)) return this.addresses.isReady(address, port)
    if (port !== undefined) return this.groups.isMember(address, port)
    for (const p of this.#node.ports.values()) if (this.groups.isMember(address, p)) return true
    return false
  }

  /** It forwards: its advertisements say so by their R flag (RFC 4861 §4.4). */
  get isRouter(): boolean {
    return this.#node.role === 'gateway' && this.settings.routing
  }

  /** The port's link-local address, where it is ready. */
  linkLocal(port: Port): Ip6 | undefined {
    return this.addresses.of(port).find((a) => a.state === 'preferred' && isLinkLocal(a.address))?.address
  }

  /** Largest packet for the port: the link's, or less where a router says so (RFC 4861 §6.3.4). */
  linkMtu(port: Port): number {
    return Math.min(port.mtu, this.#advertised.get(port.index)?.mtu ?? port.mtu)
  }

  hopLimit(port: Port): number {
    return this.#advertised.get(port.index)?.hopLimit ?? this.settings.hopLimit
  }

  /** What a router advertises for the link; what is not named stays as it is. */
  advertised(port: Port, values: { mtu?: number; hopLimit?: number }): void {
    this.#advertised.set(port.index, { ...this.#advertised.get(port.index), ...values })
  }

  /** Where a packet to `dst` goes. A port is needed for multicast and link-local ones, unless there is only one. */
  hop(now: Instant, dst: Ip6, port?: Port): Hop6 | 'no-route' | 'prohibited' {
    const { ports } = this.#node
    if (isMulticast(dst) || isLinkLocal(dst)) {
      const by = port ?? (ports.size === 1 ? [...ports.values()][0] : undefined)
      return by === undefined ? 'no-route' : { port: by, nextHop: dst }
    }
    const learned = this.hosts?.nextHop(now, dst, port)
    if (learned !== undefined) return learned
    const isUsable = (r: Route<Ip6>) => r.kind !== 'unicast' || ports.get(r.port)?.up === true
    const wanted = port === undefined ? undefined : this.routes.best(dst, (r) => r.port === port.index && isUsable(r))
    const route = wanted ?? this.routes.best(dst, isUsable)
    if (route === undefined || route.kind === 'unreachable') return 'no-route'
    if (route.kind !== 'unicast') return 'prohibited'
    return { port: ports.get(route.port)!, nextHop: route.nextHop ?? dst }
  }

  /** Sends a packet of this node's own; to itself too. */
  send(now: Instant, g: Datagram6): Sent {
    this.#now = now
    const own = !isMulticast(g.dst) && this.addresses.isReady(g.dst, g.port)
    const hop = own ? this.#home(g.dst, g.port) : this.hop(now, g.dst, g.port)
    if (typeof hop === 'string') return hop
    const src = g.src ?? this.sourceFor(g.dst, hop.port)
    if (src === undefined || !this.#maySpeakFrom(src, hop.port)) return 'no-source'
    const fields = { ...g, src, hopLimit: g.hopLimit ?? this.hopLimit(hop.port) }
    const at = ip6.size(fields)
    const end = at + g.payload.length
    if (end - ip6.HEADER > 0xffff) return 'too-big'
    const mtu = this.mtuTo(now, g.dst, hop.port)
    if (end > mtu && g.df === true && !own) return 'too-big'
    ip6.write(fields, this.#out, 0, g.payload.length)
    this.#out.set(g.payload, at)
    if (own) this.#loop(now, hop.port, this.#out.slice(0, end))
    else if (end <= mtu) this.#leave(now, hop, this.#out, 0, end)
    else {
      // Nobody can guess the next one (RFC 7739 §5.3).
      const id = Math.floor(this.#node.random() * 2 ** 32)
      const cut = this.#fragmenter.cut(this.#out, 0, end, mtu, id, (b, from, to) => this.#leave(now, hop, b, from, to))
      if (!cut) return 'too-big'
    }
    this.#node.counters.originated++
    return 'sent'
  }

  /** Sends an ICMPv6 message, its checksum made for the source that is chosen. */
  sendMessage(now: Instant, to: Omit<Datagram6, 'protocol' | 'payload'>, message: icmp6.Message): Sent {
    const hop = this.hop(now, to.dst, to.port)
    if (typeof hop === 'string' && !this.isMine(to.dst, to.port)) return hop
    const src = to.src ?? this.sourceFor(to.dst, typeof hop === 'string' ? to.port : hop.port)
    if (src === undefined) return 'no-source'
    if (icmp6.size(message) > 0xffff) return 'too-big'
    const end = icmp6.write(message, this.#message, 0, src, to.dst)
    return this.send(now, { ...to, src, protocol: icmp6.PROTOCOL, payload: this.#message.subarray(0, end) })
  }

  /** Largest packet to `dst`, which leaves by `port` (RFC 8201). */
  mtuTo(now: Instant, dst: Ip6, port: Port): number {
    return this.pathMtu.get(now, dst, this.linkMtu(port))
  }

  /** The address that this node speaks to `dst` from (RFC 6724); undefined where it has none. */
  sourceFor(dst: Ip6, port?: Port): Ip6 | undefined {
    if (port === undefined && !isMulticast(dst) && this.addresses.isReady(dst)) return dst
    const hop = port ?? this.hop(this.#now, dst)
    if (typeof hop === 'string') return undefined
    const by = 'port' in hop ? hop.port : hop
    const local = isMulticast(dst) || isLinkLocal(dst)
    const candidates = local || this.#node.role === 'host' ? this.addresses.of(by) : this.addresses
    return selectSource(this.#candidates(candidates, by), dst, this.settings.source)?.address
  }

  /** The address of `port` itself that suits `dst`; undefined where it has none that reaches as far. */
  sourceOn(dst: Ip6, port: Port): Ip6 | undefined {
    const best = selectSource(this.#candidates(this.addresses.of(port), port), dst, this.settings.source)
    return best === undefined || scopeOf(best.address) < Math.min(scopeOf(dst), SCOPE.global) ? undefined : best.address
  }

  /**
   * Where an answer to `p` goes and whence: from the address that was asked, where it is one of this node's alone, else
   * from one of the port (RFC 4443 §2.2, §4.2). undefined: nobody can be answered there.
   */
  replyTo(d: Inbound, p: Packet6): { dst: Ip6; src: Ip6; port: Port | undefined } | undefined {
    if (p.src === ANY6 || isMulticast(p.src)) return undefined
    const shared = p.multicast || this.addresses.find(p.dst, d.port)?.anycast === true
    const src = shared ? this.sourceFor(p.src, d.port) : p.dst
    return src === undefined ? undefined : { dst: p.src, src, port: isLinkLocal(p.src) ? d.port : undefined }
  }

  /**
   * The next hop of the packet at `at…end`, which waited on `port`, does not answer: told to whoever sent it, to its own
   * source (RFC 4861 §7.2.2).
   */
  unresolved(now: Instant, port: Port, bytes: Uint8Array, at: number, end: number): void {
    const { counters, transport } = this.#node
    counters.drop('unresolved')
    const src = readIp6(bytes, at + SRC)
    if (this.addresses.isReady(src)) {
      const q = quote.parse(bytes, at, end, 6)
      if (!('kind' in q)) transport.failed(now, { family: 6, why: 'unresolved', mtu: 0, quote: q })
      return
    }
    // As it was received: it waited with its hop limit lowered.
    bytes[at + HOP_LIMIT]!++
    const length = end - at
    const d: Inbound = {
      bytes,
      frame: at,
      at,
      end,
      length,
      link: 'host',
      checksum: 'unknown',
      stamp: now,
      clock: 'virtual',
      port,
    }
    this.errors.report(now, d, { kind: 'unreachable', code: 3 })
  }

  #leave(now: Instant, hop: Hop6, bytes: Uint8Array, at: number, end: number): void {
    if (end - at > MIN_MTU) this.pathMtu.noteSent(bytes, at)
    this.neighbours.transmit(now, hop.port, hop.nextHop, bytes, at, end)
  }

  /** To an address of this node's own: it never sees a link. */
  #loop(now: Instant, port: Port, bytes: Uint8Array): void {
    const end = bytes.length
    this.#in.input(now, {
      bytes,
      frame: 0,
      at: 0,
      end,
      length: end,
      link: 'host',
      checksum: 'ok',
      stamp: now,
      clock: 'virtual',
      port,
    })
  }

  #home(dst: Ip6, port: Port | undefined): Hop6 | 'no-route' {
    const by = port ?? this.addresses.find(dst)?.port
    return by === undefined ? 'no-route' : { port: by, nextHop: dst }
  }

  /** RFC 4862 §5.4: not from an address that another may have. */
  #maySpeakFrom(src: Ip6, port: Port): boolean {
    if (src === ANY6 || this.addresses.isReady(src)) return true
    const known = this.addresses.find(src, port)
    return known === undefined
  }

  *#candidates(addresses: Iterable<Address6>, out: Port): Generator<Candidate> {
    for (const a of addresses) {
      if ((a.state !== 'preferred' && a.state !== 'deprecated') || a.anycast) continue
      // A link-local address means nothing on another link.
      if (a.port !== out && isLinkLocal(a.address)) continue
      yield {
        address: a.address,
        prefixLength: a.prefixLength,
        deprecated: stateAt(a, this.#now) === 'deprecated',
        temporary: a.temporary,
        outgoing: a.port === out,
      }
    }
  }

  #unuse(a: Address6): void {
    this.addresses.unready(a)
    const shared = this.addresses.of(a.port).some((b) => b !== a && this.#connects(b, a))
    if (shared || !a.onLink) return
    const prefix = this.routes.mask(a.address, a.prefixLength)
    this.routes.remove(
      (r) =>
        r.origin === 'connected' && r.port === a.port.index && r.prefix === prefix && r.prefixLength === a.prefixLength,
    )
  }

  #connects(b: Address6, a: Address6): boolean {
    return (
      b.onLink &&
      (b.state === 'preferred' || b.state === 'deprecated') &&
      b.prefixLength === a.prefixLength &&
      this.routes.mask(b.address, b.prefixLength) === this.routes.mask(a.address, a.prefixLength)
    )
  }

  #expire(now: Instant): void {
    this.#now = now
    for (const a of [...this.addresses]) {
      if (a.validUntil <= now) this.removeAddress(now, a, 'expired')
      else if (a.state === 'preferred' && a.preferredUntil <= now) a.state = 'deprecated'
    }
    this.#watch()
  }

  #watch(): void {
    let next = Number.POSITIVE_INFINITY
    for (const a of this.addresses) {
      next = Math.min(next, a.validUntil, a.state === 'deprecated' ? Number.POSITIVE_INFINITY : a.preferredUntil)
    }
    if (next === Number.POSITIVE_INFINITY) this.#expiry.stop()
    else this.#expiry.set(next)
  }
}

/** Octets of the longest packet without a jumbo option, and some: whoever writes has checked the upper layer's length. */
const LONGEST = 66000
const HOP_LIMIT = 7
const SRC = 8
