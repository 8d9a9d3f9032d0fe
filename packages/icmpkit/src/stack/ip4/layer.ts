/**
 * IPv4 of a node: what comes in is checked, delivered or forwarded; what goes out is routed, given a source, fragmented.
 * RFC 791, RFC 1122 §3, RFC 1812 §4–5.
 *
 * This module holds the parts together: addresses, routes, the way out. The way in is `input.ts`.
 */
import type { Instant } from '../../clock.ts'
import { ANY4, BROADCAST4, type Ip4, isMulticast } from '../../wire/addr.ts'
import * as ip4 from '../../wire/ip4.ts'
import { put16 } from '../../wire/octets.ts'
import * as quote from '../../wire/quote.ts'
import { over } from '../defaults.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port, PortAddress, PortChange, PortConfig } from '../port.ts'
import { RouteTable } from '../route-table.ts'
import type { LocalError } from '../transport/transport.ts'
import { type Address4, Addresses4 } from './addresses.ts'
import { Arp } from './arp.ts'
import { Control4, checkControl4 } from './control.ts'
import { EchoInPlace } from './echo-in-place.ts'
import { Errors4 } from './errors.ts'
import { Forwarder4 } from './forward.ts'
import { split } from './fragment.ts'
import { ALL_ROUTERS, ALL_SYSTEMS } from './groups.ts'
import { Icmp4 } from './icmp.ts'
import { Identification } from './identification.ts'
import { Input4 } from './input.ts'
import { Loopback4 } from './loopback.ts'
import { IP4_DEFAULTS, type Ip4Settings } from './settings.ts'

/** A datagram that this node begins. */
export interface Datagram4 {
  dst: Ip4
  /** The node's choice where not given. */
  src?: Ip4
  protocol: number
  /** The whole upper layer, its checksum included. Borrowed. */
  payload: Uint8Array
  tos?: number
  ttl?: number
  df?: boolean
  /** It asks whether the path carries it (RFC 4821 §9): in one piece with DF, whatever is believed of the path. */
  probe?: boolean
  options?: Uint8Array
  /** By this port, whatever the routes say (multicast, answers on the link). */
  port?: Port
}

/** What became of it; `sent` also where it waits for its next hop's link-layer address. */
export type Sent = 'sent' | 'no-route' | 'prohibited' | 'too-big' | 'no-source' | 'not-sent'

/** Where a datagram goes next. */
export interface Hop4 {
  port: Port
  nextHop: Ip4
}

export class Ip4Layer {
  settings: Ip4Settings
  readonly addresses: Addresses4
  readonly arp: Arp
  readonly routes: RouteTable<Ip4>
  readonly icmp: Icmp4
  readonly control: Control4
  readonly #node: Node
  readonly #in: Input4
  #errors: Errors4 | undefined
  #echo: EchoInPlace | undefined
  #forward: Forwarder4 | undefined
  #loopback: Loopback4 | undefined
  #ids: Identification | undefined

  constructor(node: Node, settings: Partial<Ip4Settings>) {
    this.#node = node
    this.settings = withDefaults(settings)
    this.addresses = new Addresses4(node.tableKeys, node.changes)
    this.arp = new Arp(node)
    this.routes = new RouteTable<Ip4>(node.tableKeys, node.changes)
    for (const r of this.settings.routes) this.routes.add({ ...r, origin: 'static', metric: 0 })
    this.icmp = new Icmp4(node)
    this.#in = new Input4(node)
    this.control = new Control4(node, this)
  }

  get errors(): Errors4 {
    this.#errors ??= new Errors4(this.#node)
    return this.#errors
  }

  get forward(): Forwarder4 {
    this.#forward ??= new Forwarder4(this.#node)
    return this.#forward
  }

  /** The same, where something was ever to be forwarded. */
  get forwarder(): Forwarder4 | undefined {
    return this.#forward
  }

  /** A port is there: its addresses are probed and then used, its connected routes made. */
  attach(now: Instant, port: Port): void {
    this.addresses.join(port, this.#node.role === 'gateway' ? ROUTERS : HOSTS)
    for (const { address, prefixLength } of port.addresses) {
      if (typeof address === 'bigint') continue
      this.addAddress(now, port, address, this.control.initialPrefix(port, address, prefixLength))
    }
    this.control.attach(now, port)
  }

  /** ARP claims it: `addressReady` comes when nobody else has it, at once where there is no ARP (RFC 5227). */
  addAddress(now: Instant, port: Port, address: Ip4, prefixLength: number): void {
    if (this.addresses.find(port, address) !== undefined) return
    const a: Address4 = { address, prefixLength, port, state: 'claimed' }
    this.addresses.add(a)
    this.arp.claim(now, a)
  }

  /** It is in use from now on, its prefix a connected route. */
  addressReady(now: Instant, port: Port, { address }: PortAddress): void {
    if (typeof address === 'bigint') return
    const a = this.addresses.find(port, address)
    if (a === undefined || a.state === 'ready') return
    this.addresses.setState(a, 'ready')
    const { prefixLength } = a
    if (prefixLength < 32) {
      this.routes.add({
        prefix: address,
        prefixLength,
        kind: 'unicast',
        nextHop: undefined,
        port: port.index,
        origin: 'connected',
        metric: 0,
      })
    }
    this.#node.emit({ kind: 'address-ready', at: now, port: port.index, address, prefixLength })
    this.control.addressReady(now, port, address)
  }

  /** Given up to another host (RFC 5227 §2.4), or probed for anew: not in use until `addressReady`. */
  addressLost(_now: Instant, port: Port, { address }: PortAddress): void {
    const a = typeof address === 'bigint' ? undefined : this.addresses.find(port, address)
    if (a === undefined) return
    this.addresses.setState(a, 'claimed')
    const { prefixLength } = a
    const prefix = this.routes.mask(a.address, prefixLength)
    const shares = (b: Address4): boolean =>
      b.state === 'ready' && b.prefixLength === prefixLength && this.routes.mask(b.address, prefixLength) === prefix
    if (this.addresses.of(port).some(shares)) return
    this.routes.remove(
      (r) =>
        r.origin === 'connected' && r.port === port.index && r.prefix === prefix && r.prefixLength === prefixLength,
    )
  }

  /** Carrier, MTU or link-layer address of the port changed. */
  changed(now: Instant, port: Port, change: PortChange): void {
    this.#forward?.forget()
    this.arp.changed(now, port, change)
    this.control.changed(now, port, change)
  }

  /**
   * Other switches, static routes and configured addresses from now on.
   * @throws RangeError on a switch that no RFC allows: nothing has changed then
   */
  reconfigure(now: Instant, settings: Partial<Ip4Settings>, ports: readonly PortConfig[]): void {
    this.settings = withDefaults(settings)
    this.#errors = undefined
    this.#forward?.forget()
    this.routes.remove((r) => r.origin === 'static')
    for (const r of this.settings.routes) this.routes.add({ ...r, origin: 'static', metric: 0 })
    for (const { index, addresses = [] } of ports) {
      const port = this.#node.ports.get(index)
      if (port === undefined) continue
      for (const a of this.addresses.of(port)) {
        const stays = addresses.some((w) => w.address === a.address && w.prefixLength === a.prefixLength)
        if (!stays) this.removeAddress(now, port, a.address)
      }
      for (const { address, prefixLength } of addresses) {
        if (typeof address !== 'bigint') this.addAddress(now, port, address, prefixLength)
      }
    }
    this.control.reconfigured(now)
  }

  /** The node does without it from now on. */
  removeAddress(now: Instant, port: Port, address: Ip4): void {
    const a = this.addresses.find(port, address)
    if (a === undefined) return
    if (a.state === 'ready') this.addressLost(now, port, a)
    this.arp.release(port, address)
    this.addresses.remove(a)
    this.#node.emit({ kind: 'address-gone', at: now, port: port.index, address, why: 'removed' })
  }

  /** Last words. */
  close(now: Instant): void {
    this.control.close(now)
  }

  /** True: rewritten in place, to be sent back to whom it came from. */
  input(now: Instant, d: Inbound): boolean {
    // The short way of a datagram for others, where one of its kind has taken the long way before.
    if (this.#node.role === 'gateway' && this.#forward?.forwardPlain(now, d)) return false
    return this.#in.input(now, d)
  }

  /** A ready unicast address (on any port), or a group that is listened to on `port` (on any, where none is given). */
  isMine(address: Ip4, port?: Port): boolean {
    if (!isMulticast(address)) return this.addresses.ready(address) !== undefined
    if (port !== undefined) return this.addresses.isMember(address, port)
    for (const p of this.#node.ports.values()) if (this.addresses.isMember(address, p)) return true
    return false
  }

  /** The limited one, or all ones or all zeros of a network that this node is in. */
  isBroadcast(address: Ip4): boolean {
    return address === BROADCAST4 || this.addresses.isDirectedBroadcast(address)
  }

  /** The short way of an echo request, where one of its kind has taken the long way before. */
  answerInPlace(now: Instant, d: Inbound): boolean {
    return this.#echo?.answer(now, d) ?? false
  }

  /** The request `h` was answered the long way: the next one of its kind need not be. */
  learnEcho(now: Instant, d: Inbound, h: ip4.Header): void {
    this.#echo ??= new EchoInPlace(this.#node)
    this.#echo.learn(now, d, h)
  }

  /** Fragments for this node that wait for the others. */
  get reassembly(): Input4['reassembly'] {
    return this.#in.reassembly
  }

  /** What is done with unfinished source routes (`settings.sourceRoutes`). */
  get sourceRoutes(): 'drop' | 'reject' | 'forward' {
    return this.settings.sourceRoutes ?? (this.#node.role === 'gateway' ? 'drop' : 'reject')
  }

  /** Where a datagram to `dst` goes; by `port` where one is given. Routes by ports that are down do not count. */
  hop(now: Instant, dst: Ip4, port?: Port): Hop4 | 'no-route' | 'prohibited' {
    const { ports } = this.#node
    // Neither leaves a node (RFC 1122 §3.2.1.3(g), RFC 1812 §4.2.2.11).
    if (dst >>> 24 === LOOPBACK || dst >>> 24 === THIS_NETWORK) return 'no-route'
    if (dst === BROADCAST4 || isMulticast(dst)) {
      const by = port ?? this.#first()
      return by === undefined ? 'no-route' : { port: by, nextHop: dst }
    }
    const learned = this.control.nextHop(now, dst, port)
    if (learned !== undefined) return learned
    const route = this.routes.best(dst, (r) => {
      if (port !== undefined) return r.port === port.index
      return r.kind !== 'unicast' || ports.get(r.port)?.up === true
    })
    if (route === undefined) return port === undefined ? 'no-route' : { port, nextHop: dst }
    if (route.kind === 'unreachable') return 'no-route'
    if (route.kind !== 'unicast') return 'prohibited'
    const by = ports.get(route.port)
    return by === undefined ? 'no-route' : { port: by, nextHop: route.nextHop ?? dst }
  }

  /** Largest datagram that goes to `dst` in one piece, as far as is known (RFC 1191 §3). */
  pathMtu(now: Instant, dst: Ip4, port: Port): number {
    return Math.min(port.mtu, this.control.pathMtu(now, dst) ?? port.mtu)
  }

  /**
   * Sends a datagram of this node's own. A source that it does not have is none (RFC 1122 §3.2.1.3).
   * @throws RangeError for a TTL of zero: nobody may send it (§3.2.1.7)
   */
  send(now: Instant, g: Datagram4): Sent {
    if (g.ttl === 0) throw new RangeError('a TTL of 0 is not sent')
    if (g.src !== undefined && !this.#mayBeSource(g.src)) return 'no-source'
    const own = this.addresses.ready(g.dst)
    const hop = own === undefined ? this.hop(now, g.dst, g.port) : { port: own.port, nextHop: g.dst }
    if (typeof hop === 'string') return hop
    const src = g.src ?? this.sourceFor(g.dst, hop.port)
    if (src === undefined) return 'no-source'
    const out = OUT
    const probe = g.probe === true
    const df = probe || (g.df === true && !this.control.isNarrow(now, g.dst))
    const fields = { ...g, src, df, ttl: g.ttl ?? (isMulticast(g.dst) ? 1 : this.settings.ttl) }
    const length = ip4.size(fields) + g.payload.length
    if (length > LONGEST) return 'too-big'
    const mtu = own !== undefined ? LONGEST : probe ? hop.port.mtu : this.pathMtu(now, g.dst, hop.port)
    if (length > mtu && (df || !this.settings.fragment)) return 'too-big'
    const at = ip4.write(fields, out, 0, g.payload.length)
    this.identify(out, 0)
    out.set(g.payload, at)
    this.#node.counters.originated++
    if (own !== undefined) {
      this.#loopback ??= new Loopback4(this.#node, this.#in)
      return this.#loopback.send(now, own.port, out, 0, length) ? 'sent' : 'not-sent'
    }
    if (length > mtu) this.#split(now, hop.port, hop.nextHop, out, 0, length, mtu)
    else this.arp.transmit(now, hop.port, hop.nextHop, out, 0, length)
    return 'sent'
  }

  /**
   * Gives the header at `at` the next identification of its destination and protocol (RFC 6864 §4.3); zero where nobody
   * may fragment it, so that it means nothing (§4.1).
   */
  identify(bytes: Uint8Array, at: number): void {
    const atomic = (bytes[at + FLAGS]! & DF) !== 0
    if (!atomic) this.#ids ??= new Identification(this.#node.random, this.#node.tableKeys)
    put16(bytes, at + ID, atomic ? 0 : this.#ids!.next(bytes, at + DST, bytes[at + PROTOCOL]!))
    ip4.seal(bytes, at)
  }

  /** Sends the datagram at `at…end`, whoever began it, by `port`: in fragments where that is too small for it. */
  transmit(now: Instant, port: Port, nextHop: Ip4, bytes: Uint8Array, at: number, end: number): void {
    if (end - at <= port.mtu) this.arp.transmit(now, port, nextHop, bytes, at, end)
    else this.#split(now, port, nextHop, bytes, at, end, port.mtu)
  }

  /** The address that this node speaks to `dst` from; undefined where it has none (RFC 1122 §3.3.4.3). */
  sourceFor(dst: Ip4, port?: Port): Ip4 | undefined {
    if (this.addresses.ready(dst) !== undefined) return dst
    const hop = this.hop(0 as Instant, dst, port)
    return typeof hop === 'string' ? undefined : this.sourceOn(hop)
  }

  /** The address of the hop's port: of the next hop's network if there is one, else the first, else the router's own. */
  sourceOn({ port, nextHop }: Hop4): Ip4 | undefined {
    const ready = this.addresses.of(port).filter((a) => a.state === 'ready')
    const near = ready.find(
      (a) => this.routes.mask(nextHop, a.prefixLength) === this.routes.mask(a.address, a.prefixLength),
    )
    return (near ?? ready[0])?.address ?? this.#router()
  }

  /** The source of an answer: the address asked, or where it was no unicast one, an address of the port (RFC 1122 §3.2.2.6). */
  specificDestination(dst: Ip4, port: Port): Ip4 | undefined {
    if (this.addresses.ready(dst) !== undefined) return dst
    return this.addresses.of(port).find((a) => a.state === 'ready')?.address ?? this.#router()
  }

  /** The source of an error about a datagram to `dst` that came in by `port` (RFC 1812 §4.3.2.4). */
  errorSource(dst: Ip4, hop: Hop4, port: Port): Ip4 | undefined {
    const asked = this.addresses.ready(dst)
    if (asked !== undefined && (this.#node.role === 'host' || asked.port === hop.port)) return dst
    return this.settings.errorSource === 'incoming' ? this.specificDestination(dst, port) : this.sourceOn(hop)
  }

  /** The next hop of the datagram at `at…end`, which waited on `port`, does not answer ARP (RFC 1812 §3.3.2). */
  unresolved(now: Instant, port: Port, bytes: Uint8Array, at: number, end: number): void {
    this.#node.counters.drop('unresolved')
    const q = quote.parse(bytes, at, end, 4)
    if ('why' in q || q.ip.kind !== 'ip4') return
    if (this.isMine(q.ip.src)) {
      const failure: LocalError = { family: 4, why: 'unresolved', mtu: 0, quote: q, octets: bytes.subarray(at, end) }
      this.#node.transport.failed(now, failure)
      return
    }
    const d: Inbound = {
      bytes,
      frame: at,
      at,
      end,
      length: end - at,
      link: 'host',
      checksum: 'unknown',
      stamp: now,
      clock: 'user',
      port,
      waited: true,
    }
    this.errors.report(now, d, { kind: 'unreachable', code: 1 })
  }

  #split(now: Instant, port: Port, nextHop: Ip4, bytes: Uint8Array, at: number, end: number, mtu: number): void {
    const sent = split(bytes, at, end, mtu, (b, from, to) => this.arp.transmit(now, port, nextHop, b, from, to))
    if (!sent) this.#node.counters.drop('too-big')
  }

  /** Zero: who asks for a router before it has an address. */
  #mayBeSource(src: Ip4): boolean {
    return src === ANY4 || src === this.settings.routerId || this.addresses.ready(src) !== undefined
  }

  #first(): Port | undefined {
    for (const port of this.#node.ports.values()) if (port.up) return port
    return undefined
  }

  #router(): Ip4 | undefined {
    if (this.settings.routerId !== undefined) return this.settings.routerId
    for (const a of this.addresses) if (a.state === 'ready') return a.address
    return undefined
  }
}

/** @throws RangeError on a switch that no RFC allows */
function withDefaults(settings: Partial<Ip4Settings>): Ip4Settings {
  const all = over(IP4_DEFAULTS, settings)
  const { ttl } = all
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > 255) throw new RangeError(`a TTL of ${ttl}: 1 … 255`)
  checkControl4(all)
  return all
}

/** What a node listens to, by its role. */
const HOSTS = [ALL_SYSTEMS]
const ROUTERS = [ALL_SYSTEMS, ALL_ROUTERS]
/** Octets of the longest datagram (RFC 791 §3.1). */
const LONGEST = 0xffff
const LOOPBACK = 127
const THIS_NETWORK = 0
const ID = 4
const FLAGS = 6
const DF = 0x40
const PROTOCOL = 9
const DST = 16
/** Where a datagram is made; of all nodes, since none is asked for anything while another's stands in it. */
const OUT = new Uint8Array(0x10000)
