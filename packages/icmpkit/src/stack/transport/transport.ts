/**
 * Above IP: which local flow a datagram or an ICMP error belongs to. UDP sockets, ICMP listeners (echo clients), and the
 * connections that somebody else's TCP told us about.
 */
import type { Instant } from '../../clock.ts'
import type { Family, Ip } from '../../wire/addr.ts'
import type { Quote } from '../../wire/quote.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'

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
  /** Who says so. */
  from: Ip
  type: number
  code: number
  /** Of the next hop, or the link: code 4, packet too big; else 0. */
  mtu: number
  /** Parameter problem; else -1. */
  pointer: number
  quote: Quote
}

/** An error about a datagram of this node's own that no other node sent: no route, next hop unresolved, too big. */
export interface LocalError {
  family: Family
  why: 'no-route' | 'prohibited' | 'unresolved' | 'too-big'
  mtu: number
  quote: Quote
}

export class Transport {
  readonly node: Node

  constructor(node: Node) {
    this.node = node
  }

  deliver(_now: Instant, _d: Delivery, _in: Inbound): Delivered {
    return 'no-protocol'
  }

  /**
   * True where the quote is of something that this node sent and the flow takes it (RFC 5927 §4): only then the IP layer
   * acts on it too (path MTU, cached routes).
   */
  heard(_now: Instant, _error: HeardError): boolean {
    return false
  }

  failed(_now: Instant, _error: LocalError): void {}
}
