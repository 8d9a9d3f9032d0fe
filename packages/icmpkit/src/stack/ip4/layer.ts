/**
 * IPv4 of a node: what comes in is checked, delivered or forwarded; what goes out is routed, given a source, fragmented.
 * RFC 791, RFC 1122 §3, RFC 1812 §4–5.
 */
import type { Instant } from '../../clock.ts'
import { type Ip4, isMulticast } from '../../wire/addr.ts'
import { update } from '../../wire/checksum.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as ip4 from '../../wire/ip4.ts'
import { put16, u16 } from '../../wire/octets.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { RouteTable } from '../route-table.ts'
import { Arp } from './arp.ts'
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
  options?: Uint8Array
  /** By this port, whatever the routes say (multicast, answers on the link). */
  port?: Port
}

/** What became of it; `sent` also where it waits for its next hop's link-layer address. */
export type Sent = 'sent' | 'no-route' | 'prohibited' | 'too-big' | 'no-source' | 'not-sent'

export class Ip4Layer {
  readonly settings: Ip4Settings
  readonly arp: Arp
  readonly routes: RouteTable<Ip4>
  readonly #node: Node

  constructor(node: Node, settings: Partial<Ip4Settings>) {
    this.#node = node
    this.settings = { ...IP4_DEFAULTS, ...settings }
    this.arp = new Arp(node)
    this.routes = new RouteTable<Ip4>(4, (node.random() * 2 ** 32) | 0)
    for (const r of this.settings.routes) this.routes.add({ ...r, origin: 'static', metric: 0 })
  }

  /** A port is there: its addresses are probed and then used, its connected routes made. */
  attach(_now: Instant, _port: Port): void {}

  /** Carrier, MTU or link-layer address of the port changed. */
  changed(_now: Instant, _port: Port): void {}

  /** Last words. */
  close(_now: Instant): void {}

  /** True: rewritten in place, to be sent back to whom it came from. */
  input(_now: Instant, d: Inbound): boolean {
    const { counters } = this.#node
    const payload = ip4.payloadAt(d.bytes, d.at, d.end)
    if (payload < 0) return counters.bad('truncated')
    const h = ip4.parse(d.bytes, d.at, d.end)
    if (h.kind === 'malformed') return counters.bad(h.why)
    if (ip4.verify(d.bytes, d.at, d.end) !== 'ok') return counters.drop('bad-checksum')
    if (isMulticast(h.dst) || !d.port.addresses.some((a) => a.address === h.dst)) return counters.drop('not-mine')
    if (h.protocol !== icmp4.PROTOCOL || d.bytes[payload] !== icmp4.Type.echoRequest) return counters.drop('ignored')
    ip4.swapAddresses(d.bytes, d.at)
    const was = u16(d.bytes, payload)
    d.bytes[payload] = icmp4.Type.echoReply
    put16(d.bytes, payload + 2, update(u16(d.bytes, payload + 2), was, u16(d.bytes, payload)))
    counters.answered++
    return true
  }

  /** Sends a datagram of this node's own. */
  send(_now: Instant, _datagram: Datagram4): Sent {
    return 'no-route'
  }

  /** The address that this node speaks to `dst` from; undefined where it has none (RFC 1122 §3.3.4.3). */
  sourceFor(_dst: Ip4, _port?: Port): Ip4 | undefined {
    return undefined
  }
}
