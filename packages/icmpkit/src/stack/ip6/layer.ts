/**
 * IPv6 of a node: what comes in is checked, its extension headers walked, delivered or forwarded; what goes out is
 * routed, given a source, fragmented. RFC 8200, RFC 4443, RFC 4861, RFC 8504.
 *
 * This module holds the parts together: addresses and routes, and the way out. The way in is `input.ts`.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, isLinkLocal, isMulticast } from '../../wire/addr.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import * as ip6 from '../../wire/ip6.ts'
import type { Extension } from '../../wire/ip6-extension.ts'
import type { Inbound } from '../inbound.ts'
import type { Sent } from '../ip4/layer.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { RouteTable } from '../route-table.ts'
import { Timer } from '../timers.ts'
import { type Address6, Addresses6, linkLocalOf, solicitedNode } from './addresses.ts'
import { Errors6 } from './errors.ts'
import { ALL_NODES, ALL_ROUTERS, Groups } from './groups.ts'
import { Icmp6 } from './icmp.ts'
import { Input6 } from './input.ts'
import { NeighbourDiscovery } from './neighbour-discovery.ts'
import { Neighbours } from './neighbours.ts'
import { IP6_DEFAULTS, type Ip6Settings } from './settings.ts'

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
  port?: Port
}

/** Where a packet goes next. */
export interface Hop6 {
  port: Port
  nextHop: Ip6
}

/** Duplicate address detection, where the node has it: told of each tentative address, answers by `addressReady` or `addressDuplicate`. */
export interface Dad6 {
  start(now: Instant, a: Address6): void
  stop(a: Address6): void
}

/** What a host has learned of next hops: redirects, default routers and their reachability (RFC 4861 §5.2, §6.3.6). */
export interface Hosts6 {
  /** Asked before the routes; undefined where it knows nothing better. */
  nextHop(now: Instant, dst: Ip6, port: Port | undefined): Hop6 | undefined
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
  readonly nd: NeighbourDiscovery
  dad: Dad6 | undefined
  hosts: Hosts6 | undefined
  readonly #node: Node
  readonly #in: Input6
  readonly #expiry: Timer
  /** Per port what routers advertise (RFC 4861 §6.3.4); undefined: the link's own, the settings'. */
  readonly #advertised: Map<number, { mtu?: number; hopLimit?: number }> = new Map()
  readonly #out: Uint8Array = new Uint8Array(LONGEST)
  readonly #message: Uint8Array = new Uint8Array(LONGEST)

  constructor(node: Node, settings: Partial<Ip6Settings>) {
    this.#node = node
    this.settings = { ...IP6_DEFAULTS, ...settings }
    this.addresses = new Addresses6((node.random() * 2 ** 32) | 0)
    this.groups = new Groups((node.random() * 2 ** 32) | 0)
    this.neighbours = new Neighbours(node, this.settings)
    this.routes = new RouteTable<Ip6>(6, (node.random() * 2 ** 32) | 0)
    for (const r of this.settings.routes) this.routes.add({ ...r, origin: 'static', metric: 0 })
    this.errors = new Errors6(node)
    this.icmp = new Icmp6(node)
    this.#in = new Input6(node)
    this.nd = new NeighbourDiscovery(node, this)
    this.#expiry = new Timer(node.timers, (now) => this.#expire(now))
  }

  /** A port is there: groups are joined, its link-local address and the configured ones begin. */
  attach(now: Instant, port: Port): void {
    this.nd.attach(now, port)
    this.groups.join(now, port, ALL_NODES)
    if (this.#node.role === 'gateway') this.groups.join(now, port, ALL_ROUTERS)
    const given = port.addresses.filter((a) => typeof a.address === 'bigint')
    if (port.medium === 'ethernet' && !given.some((a) => isLinkLocal(a.address)))
      this.addAddress(now, port, linkLocalOf(port.mac), 64, { origin: 'link-local', onLink: false })
    for (const a of given) {
      const linkLocal = isLinkLocal(a.address)
      this.addAddress(now, port, a.address as Ip6, a.prefixLength, { onLink: !linkLocal })
    }
  }

  /** Carrier, MTU or link-layer address of the port changed. */
  changed(_now: Instant, _port: Port): void {}

  close(_now: Instant): void {}

  /** True: rewritten in place, to be sent back to whom it came from. */
  input(now: Instant, d: Inbound): boolean {
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
    this.groups.join(now, port, solicitedNode(address))
    this.#watch()
    if (this.dad !== undefined && port.medium === 'ethernet' && !a.anycast) this.dad.start(now, a)
    else this.addressReady(now, a)
    return a
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
    if (isMulticast(dst) || isLinkLocal(dst)) {
      const by = port ?? (this.#node.ports.size === 1 ? [...this.#node.ports.values()][0] : undefined)
      return by === undefined ? 'no-route' : { port: by, nextHop: dst }
    }
    const learned = this.hosts?.nextHop(now, dst, port)
    if (learned !== undefined) return learned
    const routes = this.routes.candidates(dst)
    const route = port === undefined ? routes?.[0] : (routes?.find((r) => r.port === port.index) ?? routes?.[0])
    if (route === undefined || route.kind === 'unreachable') return 'no-route'
    if (route.kind !== 'unicast') return 'prohibited'
    const by = this.#node.ports.get(route.port)
    return by === undefined ? 'no-route' : { port: by, nextHop: route.nextHop ?? dst }
  }

  /** Sends a packet of this node's own. */
  send(now: Instant, g: Datagram6): Sent {
    const hop = this.hop(now, g.dst, g.port)
    if (typeof hop === 'string') return hop
    const src = g.src ?? this.sourceFor(g.dst, hop.port)
    if (src === undefined) return 'no-source'
    const fields = { ...g, src, hopLimit: g.hopLimit ?? this.hopLimit(hop.port) }
    const at = ip6.write(fields, this.#out, 0, g.payload.length)
    this.#out.set(g.payload, at)
    const end = at + g.payload.length
    this.#node.counters.originated++
    this.neighbours.transmit(now, hop.port, hop.nextHop, this.#out, 0, end)
    return 'sent'
  }

  /** Sends an ICMPv6 message, its checksum made for the source that is chosen. */
  sendMessage(now: Instant, to: Omit<Datagram6, 'protocol' | 'payload'>, message: icmp6.Message): Sent {
    const hop = this.hop(now, to.dst, to.port)
    if (typeof hop === 'string') return hop
    const src = to.src ?? this.sourceFor(to.dst, hop.port)
    if (src === undefined) return 'no-source'
    const end = icmp6.write(message, this.#message, 0, src, to.dst)
    return this.send(now, { ...to, src, protocol: icmp6.PROTOCOL, payload: this.#message.subarray(0, end) })
  }

  /** The address that this node speaks to `dst` from (RFC 6724); undefined where it has none. */
  sourceFor(dst: Ip6, port?: Port): Ip6 | undefined {
    const hop = port ?? this.hop(0 as Instant, dst)
    const by = typeof hop === 'string' ? undefined : 'port' in hop ? hop.port : hop
    if (by === undefined) return undefined
    const usable = this.addresses.of(by).filter((a) => a.state === 'preferred' || a.state === 'deprecated')
    return (usable.find((a) => isLinkLocal(a.address) === isLinkLocal(dst)) ?? usable[0])?.address
  }

  /** The next hop of the packet at `at…end`, which waited on `port`, does not answer (RFC 4861 §7.2.2). */
  unresolved(_now: Instant, _port: Port, _bytes: Uint8Array, _at: number, _end: number): void {
    this.#node.counters.drop('unresolved')
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
