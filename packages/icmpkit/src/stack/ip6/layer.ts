/**
 * IPv6 of a node: what comes in is checked, its extension headers walked, delivered or forwarded; what goes out is
 * routed, given a source, fragmented. RFC 8200, RFC 4443, RFC 4861, RFC 8504.
 *
 * This module holds the parts together: addresses and routes, and the way out. The way in is `input.ts`.
 */
import type { Instant } from '../../clock.ts'
import { ANY6, type Ip6, isLinkLocal, isMulticast, LOOPBACK6 } from '../../wire/addr.ts'
import type * as icmp6 from '../../wire/icmp6.ts'
import type { Extension } from '../../wire/ip6-extension.ts'
import type { Inbound } from '../inbound.ts'
import type { Sent } from '../ip4/layer.ts'
import type { Node } from '../node.ts'
import type { Port, PortChange, PortConfig } from '../port.ts'
import { type Route, RouteTable } from '../route-table.ts'
import { Timer } from '../timers.ts'
import { Address6, Addresses6, type AddressOptions, linkLocalOf, solicitedNode } from './addresses.ts'
import { Errors6 } from './errors.ts'
import { Forwarder6 } from './forward.ts'
import { ALL_NODES, Groups } from './groups.ts'
import { Icmp6 } from './icmp.ts'
import { Input6 } from './input.ts'
import { NeighbourDiscovery } from './neighbour-discovery.ts'
import { Neighbours } from './neighbours.ts'
import { Output6 } from './output.ts'
import type { Packet6 } from './packet.ts'
import { PathMtu6 } from './path-mtu.ts'
import { Reassembly6 } from './reassembly.ts'
import { type Ip6Options, type Ip6Settings, withDefaults } from './settings.ts'
import { chooseSource, chooseSourceOn } from './sources.ts'
import { WayBack } from './way-back.ts'

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

export class Ip6Layer {
  settings: Ip6Settings
  readonly addresses: Addresses6
  readonly groups: Groups
  readonly neighbours: Neighbours
  readonly routes: RouteTable<Ip6>
  readonly icmp: Icmp6
  readonly nd: NeighbourDiscovery
  readonly #node: Node
  readonly #in: Input6
  readonly #output: Output6
  #errors: Errors6 | undefined
  #pathMtu: PathMtu6 | undefined
  #reassembly: Reassembly6 | undefined
  #forward: Forwarder6 | undefined
  #wayBack: WayBack | undefined
  /** Of lifetimes, where an address has one. */
  #expiry: Timer | undefined
  /** Of the last call that told it: `sourceFor` is asked without. */
  #now = 0 as Instant

  constructor(node: Node, settings: Ip6Options) {
    this.#node = node
    this.settings = withDefaults(settings)
    this.addresses = new Addresses6(node)
    this.groups = new Groups(node)
    this.neighbours = new Neighbours(node)
    this.routes = new RouteTable<Ip6>(node.tableKeys)
    for (const r of this.settings.routes) this.routes.add({ ...r, origin: 'static', metric: 0 })
    this.icmp = new Icmp6(node)
    this.#in = new Input6(node)
    this.#output = new Output6(node, this, this.#in)
    this.nd = new NeighbourDiscovery(node, this)
  }

  get errors(): Errors6 {
    this.#errors ??= new Errors6(this.#node)
    return this.#errors
  }

  get pathMtu(): PathMtu6 {
    this.#pathMtu ??= new PathMtu6(this.#node)
    return this.#pathMtu
  }

  get reassembly(): Reassembly6 {
    this.#reassembly ??= new Reassembly6(this.#node)
    return this.#reassembly
  }

  get forward(): Forwarder6 {
    this.#forward ??= new Forwarder6(this.#node)
    return this.#forward
  }

  get wayBack(): WayBack {
    this.#wayBack ??= new WayBack(this.#node)
    return this.#wayBack
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
  changed(now: Instant, port: Port, change: PortChange): void {
    this.#wayBack?.forget()
    this.#forward?.forget()
    if (this.settings.enabled) this.nd.changed(now, port, change)
  }

  close(now: Instant): void {
    this.nd.close(now)
  }

  /** Other switches, static routes and configured addresses from now on. @throws RangeError, and all stays as it was */
  reconfigure(now: Instant, settings: Ip6Options, ports: readonly PortConfig[]): void {
    this.nd.check(settings.advertise ?? [])
    this.settings = withDefaults(settings)
    this.#errors = undefined
    for (const port of this.#node.ports.values()) if (port.ip6 !== undefined) port.ip6.errors = undefined
    this.#forward?.forget()
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
    const a = new Address6(port, address, prefixLength, o)
    if (!this.addresses.add(a)) return undefined
    const dad = port.medium === 'ethernet' && !a.anycast ? this.nd.dad : undefined
    const delay = dad?.delay(now, a) ?? 0
    this.groups.join(now, port, solicitedNode(address), delay)
    if (!a.isForGood) this.#watch()
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
    if (!a.isForGood) this.#watch()
    if (a.anycast) return
    const { address, prefixLength } = a
    this.#node.emit({ kind: 'address-ready', at: now, port: a.port.index, address, prefixLength })
    this.nd.addressReady(now, a)
    this.#addSubnetRouter(now, a)
  }

  /** Somebody else has it: kept as `duplicate`, never used (RFC 4862 §5.4.5). */
  addressDuplicate(now: Instant, a: Address6, by: Uint8Array): void {
    this.#unuse(now, a)
    a.state = 'duplicate'
    this.groups.leave(now, a.port, solicitedNode(a.address))
    this.#node.emit({ kind: 'address-conflict', at: now, port: a.port.index, address: a.address, by: by.slice() })
  }

  removeAddress(now: Instant, a: Address6, why: 'expired' | 'removed' = 'removed'): void {
    this.nd.dad.stop(a)
    this.#unuse(now, a)
    this.addresses.remove(a)
    if (a.state !== 'duplicate') this.groups.leave(now, a.port, solicitedNode(a.address))
    if (!a.anycast) this.#node.emit({ kind: 'address-gone', at: now, port: a.port.index, address: a.address, why })
  }

  /** New lifetimes; the timer of the layer deprecates and removes. */
  setLifetimes(a: Address6, preferredUntil: number, validUntil: number): void {
    a.setLifetimes(preferredUntil, validUntil)
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
    return Math.min(port.mtu, port.ip6?.mtu ?? port.mtu)
  }

  hopLimit(port: Port): number {
    return port.ip6?.hopLimit ?? this.settings.hopLimit
  }

  /** Where a packet to `dst` goes. A port is needed for multicast and link-local ones, unless there is only one. */
  hop(now: Instant, dst: Ip6, port?: Port): Hop6 | 'no-route' | 'prohibited' {
    const { ports } = this.#node
    // RFC 4291 §2.5.2, §2.5.3: no packet to them is ever on a link.
    if (dst === ANY6 || dst === LOOPBACK6) return 'no-route'
    if (isMulticast(dst) || isLinkLocal(dst)) {
      const by = port ?? this.#portOf(dst)
      return by === undefined ? 'no-route' : { port: by, nextHop: dst }
    }
    const learned = this.nd.host?.nextHop(now, dst, port)
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
    return this.#output.send(now, g)
  }

  /** Sends an ICMPv6 message, its checksum made for the source that is chosen. */
  sendMessage(now: Instant, to: Omit<Datagram6, 'protocol' | 'payload'>, message: icmp6.Message): Sent {
    this.#now = now
    return this.#output.sendMessage(now, to, message)
  }

  /** Largest packet to `dst`, which leaves by `port` (RFC 8201). */
  mtuTo(now: Instant, dst: Ip6, port: Port): number {
    const first = this.linkMtu(port)
    return this.#pathMtu === undefined && this.settings.pathMtu.discover ? first : this.pathMtu.get(now, dst, first)
  }

  /** The address that this node speaks to `dst` from (RFC 6724); undefined where it has none. */
  sourceFor(dst: Ip6, port?: Port): Ip6 | undefined {
    return chooseSource(this.#node, this.#now, dst, port)
  }

  /** The address of `port` itself that suits `dst`; undefined where it has none that reaches as far. */
  sourceOn(dst: Ip6, port: Port): Ip6 | undefined {
    return chooseSourceOn(this.#node, this.#now, dst, port)
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

  /** The next hop of the packet at `at…end`, which waited on `port`, does not answer (RFC 4861 §7.2.2). */
  unresolved(now: Instant, port: Port, bytes: Uint8Array, at: number, end: number): void {
    this.#output.unresolved(now, port, bytes, at, end)
  }

  /** RFC 4291 §2.6.1: each router of a subnet answers to its prefix; between two routers not (RFC 6164 §5). */
  #addSubnetRouter(now: Instant, a: Address6): void {
    if (this.#node.role === 'host' || !a.onLink || a.prefixLength >= 127) return
    const options = { origin: 'subnet-router', anycast: true, onLink: false } as const
    this.addAddress(now, a.port, this.routes.mask(a.address, a.prefixLength), a.prefixLength, options)
  }

  #unuse(now: Instant, a: Address6): void {
    this.addresses.unready(a)
    const shared = this.addresses.of(a.port).some((b) => b !== a && this.#connects(b, a))
    if (shared || !a.onLink) return
    const prefix = this.routes.mask(a.address, a.prefixLength)
    const router = this.addresses.of(a.port).find((b) => b.origin === 'subnet-router' && b.address === prefix)
    if (router !== undefined) this.removeAddress(now, router)
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

  /** The only port, or the one that a route for the group leads to. */
  #portOf(dst: Ip6): Port | undefined {
    const { ports } = this.#node
    if (ports.size === 1) return [...ports.values()][0]
    const route = isMulticast(dst) ? this.routes.lookup(dst) : undefined
    return route === undefined || !isMulticast(route.prefix) ? undefined : ports.get(route.port)
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
      // Only what is preferred can stop being it: else an end that is past would be due for ever.
      next = Math.min(next, a.validUntil, a.state === 'preferred' ? a.preferredUntil : Number.POSITIVE_INFINITY)
    }
    if (next === Number.POSITIVE_INFINITY) this.#expiry?.stop()
    else {
      this.#expiry ??= new Timer(this.#node.timers, (now) => this.#expire(now))
      this.#expiry.set(next)
    }
  }
}
