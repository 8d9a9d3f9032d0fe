/**
 * Above IP: which local flow a datagram or an ICMP error belongs to (RFC 1122 §3.2.2 and §4.1.3.3, RFC 4443 §2.4(d)).
 * UDP sockets, raw listeners (echo clients), and the connections that somebody else's TCP told us about.
 */
import type { Instant } from '../../clock.ts'
import type { Family, Ip } from '../../wire/addr.ts'
import type { Quote } from '../../wire/quote.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { TcpTable } from './tcp-table.ts'
import { UdpTable } from './udp-table.ts'

/** A whole datagram for this node, extension headers walked, fragments joined. Borrowed. */
export interface Delivery {
  family: Family
  protocol: number
  src: Ip
  dst: Ip
  bytes: Uint8Array
  /** The IP header. */
  ip: number
  /** The upper-layer header. */
  at: number
  end: number
  /** Index of the port it came in by. */
  port: number
  hopLimit: number
  tos: number
}

/** `no-listener`: the layer answers port unreachable; `no-protocol`: protocol unreachable, or next header unknown. */
export type Delivered = 'taken' | 'no-listener' | 'no-protocol'

/** An ICMP error that came in, its checksum right, its message parsed; whether it is believed the transport says. */
export interface HeardError {
  family: Family
  port: number
  /** Who says so: any router may, so it proves nothing. */
  from: Ip
  type: number
  code: number
  /** Of the next hop, or the link: code 4, packet too big; else 0. */
  mtu: number
  /** Parameter problem; else -1. */
  pointer: number
  quote: Quote
  /** The quoted datagram as it came, from its IP header on. Borrowed. */
  octets: Uint8Array
}

/** An error about a datagram of this node's own that no other node sent: no route, next hop unresolved, too big. */
export interface LocalError {
  family: Family
  why: 'no-route' | 'prohibited' | 'unresolved' | 'too-big'
  mtu: number
  quote: Quote
  /** The datagram itself, from its IP header on. Borrowed. */
  octets?: Uint8Array
}

/** One transport protocol of the node. */
export interface Protocol {
  deliver(now: Instant, d: Delivery, inbound: Inbound): Delivered
  /** True where the quote is of something that a flow of it sent, so that the error is believed. */
  heard(now: Instant, e: HeardError): boolean
  failed(now: Instant, e: LocalError): void
  /** The path to `destination` got narrower: every user of it is told (RFC 1191 §6.2, RFC 8201 §5.1). */
  pathMtu?(now: Instant, destination: Ip, mtu: number): void
}

/** A raw socket's view: an echo client, a test, a door into the node. */
export interface RawListener {
  /** Every ICMP message for this node, its checksum right. Borrowed. */
  message(now: Instant, d: Delivery): void
  /** True where the quote is of something that it sent. */
  owns(e: HeardError): boolean
  /** What became of something that it sent, before it left. */
  failed?(now: Instant, e: LocalError): void
}

export class Transport {
  readonly node: Node
  #udp: UdpTable | undefined
  #tcp: TcpTable | undefined
  #raw: Set<RawListener> | undefined
  /** Beside UDP and TCP. */
  #others: Map<number, Protocol> | undefined

  constructor(node: Node) {
    this.node = node
  }

  get udp(): UdpTable {
    this.#udp ??= new UdpTable(this.node)
    return this.#udp
  }

  get tcp(): TcpTable {
    this.#tcp ??= new TcpTable(this.node)
    return this.#tcp
  }

  get raw(): Set<RawListener> {
    this.#raw ??= new Set()
    return this.#raw
  }

  /** Some raw listener sees every ICMP message. */
  get isHeard(): boolean {
    return this.#raw !== undefined && this.#raw.size > 0
  }

  /** From now on `protocol` is one that this node speaks. */
  register(protocol: number, handler: Protocol): void {
    this.#others ??= new Map()
    this.#others.set(protocol, handler)
  }

  speaks(protocol: number): boolean {
    return protocol === UDP || protocol === TCP || (this.#others?.has(protocol) ?? false)
  }

  /** A datagram of another protocol than ICMP. */
  deliver(now: Instant, d: Delivery, inbound: Inbound): Delivered {
    const protocol = this.#of(d.protocol)
    if (protocol === undefined) return 'no-protocol'
    const delivered = protocol.deliver(now, d, inbound)
    if (delivered === 'taken') this.node.counters.delivered++
    return delivered
  }

  /** An ICMP message, requests that the layer answers and errors included: raw listeners see them all. */
  message(now: Instant, d: Delivery): void {
    for (const listener of this.#raw ?? []) listener.message(now, d)
  }

  /**
   * True where the quote is of something that this node sent (RFC 5927 §4, RFC 8085 §5.2): only then the IP layer acts on
   * it too (path MTU, cached routes). The flow is told.
   */
  heard(now: Instant, e: HeardError): boolean {
    if (!this.#sentByUs(e)) return this.node.counters.drop('unsolicited')
    let believed = false
    for (const listener of this.#raw ?? []) believed = listener.owns(e) || believed
    const { transport } = e.quote
    // A later fragment, ESP, or a chain that the quote cuts off names no flow (RFC 4443 §2.4(d)).
    if (transport.kind !== 'fragment' && transport.kind !== 'malformed') {
      believed = (this.#of(e.quote.ip.protocol)?.heard(now, e) ?? false) || believed
    }
    return believed || this.node.counters.drop('not-in-flight')
  }

  /** The IP layer believes less of a path than it did. */
  pathMtu(now: Instant, destination: Ip, mtu: number): void {
    this.#udp?.pathMtu(now, destination, mtu)
    this.#tcp?.pathMtu(now, destination, mtu)
    for (const protocol of this.#others?.values() ?? []) protocol.pathMtu?.(now, destination, mtu)
  }

  failed(now: Instant, e: LocalError): void {
    for (const listener of this.#raw ?? []) listener.failed?.(now, e)
    this.#of(e.quote.ip.protocol)?.failed(now, e)
  }

  #of(protocol: number): Protocol | undefined {
    const other = this.#others?.get(protocol)
    if (other !== undefined) return other
    return protocol === UDP ? this.udp : protocol === TCP ? this.tcp : undefined
  }

  /** RFC 5927 §4.3: nobody else's datagram can concern this node. */
  #sentByUs(e: HeardError): boolean {
    const { ip } = e.quote
    return ip.kind === 'ip4' ? this.node.ip4.isMine(ip.src) : this.node.ip6.isMine(ip.src, this.node.ports.get(e.port))
  }
}

const TCP = 6
const UDP = 17
