/**
 * Whole IP packets out of a node by its own routes, as through a raw socket that brings its header (IP_HDRINCL): what is
 * zero and not the sender's to know is filled in, the rest leaves as it is. In a record route and a timestamp option the
 * sender has the first place, as Linux gives it to those whose options it writes.
 */
import type { Instant } from '../clock.ts'
import type { LocalDrop } from '../door.ts'
import { TransitOptions } from '../stack/ip4/transit-options.ts'
import type { Node } from '../stack/node.ts'
import type { Port } from '../stack/port.ts'
import { ANY4, ANY6, type Ip6, readIp4, readIp6, writeIp } from '../wire/addr.ts'
import { finish, sum, update } from '../wire/checksum.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import { put16, u16 } from '../wire/octets.ts'

export type Left = 'sent' | Extract<LocalDrop, 'too-big' | 'no-route' | 'not-permitted' | 'other'>

export class Outlet {
  /** Of the link that the last packet was too big for. */
  mtu = 0
  /** Packets of IPv6 are not cut in two either; those of IPv4 say so themselves. */
  whole = false
  readonly #node: Node
  #id = 0

  constructor(node: Node) {
    this.#node = node
  }

  /** Edits the header at `at` in place. `port` 0: as the route says. */
  send(now: Instant, bytes: Uint8Array, at: number, end: number, port: number): Left {
    const by = port === 0 ? undefined : this.#node.ports.get(port)
    if (port !== 0 && by === undefined) return 'no-route'
    if (bytes[at]! >>> 4 === 6) return end - at < ip6.HEADER ? 'other' : this.#send6(now, bytes, at, end, by)
    return end - at < ip4.HEADER ? 'other' : this.#send4(now, bytes, at, end, by)
  }

  #send4(now: Instant, bytes: Uint8Array, at: number, end: number, by: Port | undefined): Left {
    const { ip4: layer } = this.#node
    const dst = readIp4(bytes, at + 16)
    if (layer.addresses.ready(dst) !== undefined) return this.#loop4(now, bytes, at, end)
    const hop = layer.hop(now, dst, by)
    if (typeof hop === 'string') return hop === 'prohibited' ? 'not-permitted' : 'no-route'
    if (readIp4(bytes, at + 12) === ANY4) {
      const src = layer.sourceFor(dst, hop.port)
      if (src === undefined) return 'no-route'
      writeIp(src, bytes, at + 12)
    }
    put16(bytes, at + 2, end - at)
    if (u16(bytes, at + 4) === 0) {
      this.#id = (this.#id + 1) & 0xffff
      put16(bytes, at + 4, this.#id || 1)
    }
    if (bytes[at]! > NO_OPTIONS) this.#record(now, bytes, at, end)
    ip4.seal(bytes, at)
    if (end - at <= hop.port.mtu) {
      layer.arp.transmit(now, hop.port, hop.nextHop, bytes, at, end)
      return 'sent'
    }
    const h = ip4.parse(bytes, at, end)
    if (h.kind === 'malformed' || h.df) {
      this.mtu = hop.port.mtu
      return 'too-big'
    }
    return leftOf(layer.send(now, { ...h, payload: bytes.subarray(h.payload, h.end), port: hop.port }))
  }

  #send6(now: Instant, bytes: Uint8Array, at: number, end: number, by: Port | undefined): Left {
    const { ip6: layer } = this.#node
    const dst = readIp6(bytes, at + 24)
    const own = layer.addresses.isReady(dst, by) ? (layer.addresses.find(dst, by)?.port ?? by) : undefined
    if (own !== undefined) return this.#loop6(now, bytes, at, end, dst, own)
    const hop = layer.hop(now, dst, by)
    if (typeof hop === 'string') return hop === 'prohibited' ? 'not-permitted' : 'no-route'
    put16(bytes, at + 4, end - at - ip6.HEADER)
    if (readIp6(bytes, at + 8) === ANY6 && !this.#choose6(bytes, at, end, dst, hop.port)) return 'no-route'
    if (end - at <= hop.port.mtu) {
      layer.neighbours.transmit(now, hop.port, hop.nextHop, bytes, at, end)
      return 'sent'
    }
    const h = ip6.parse(bytes, at, end)
    if (h.kind === 'malformed' || this.whole) {
      this.mtu = hop.port.mtu
      return 'too-big'
    }
    return leftOf(layer.send(now, { ...h, payload: bytes.subarray(h.payload, h.end), port: hop.port }))
  }

  /** To an address of this node: a link never sees it. */
  #loop4(now: Instant, bytes: Uint8Array, at: number, end: number): Left {
    put16(bytes, at + 2, end - at)
    const h = ip4.parse(bytes, at, end)
    if (h.kind === 'malformed') return 'other'
    const { src, ...rest } = h
    const from = src === ANY4 ? {} : { src }
    return leftOf(this.#node.ip4.send(now, { ...rest, ...from, payload: bytes.subarray(h.payload, h.end) }))
  }

  #loop6(now: Instant, bytes: Uint8Array, at: number, end: number, dst: Ip6, port: Port): Left {
    put16(bytes, at + 4, end - at - ip6.HEADER)
    if (readIp6(bytes, at + 8) === ANY6 && !this.#choose6(bytes, at, end, dst, port)) return 'no-route'
    const h = ip6.parse(bytes, at, end)
    if (h.kind === 'malformed') return 'other'
    return leftOf(this.#node.ip6.send(now, { ...h, payload: bytes.subarray(h.payload, h.end), port }))
  }

  /** This node's own entry, where nobody has made one yet. */
  #record(now: Instant, bytes: Uint8Array, at: number, end: number): void {
    const payload = ip4.payloadAt(bytes, at, end)
    if (payload < 0) return
    const o = OPTIONS
    o.scan(bytes, at, payload)
    if (o.fault >= 0) return
    if (bytes[at + o.recordRoute + POINTER] !== ROUTE_BEGINS) o.recordRoute = 0
    if (bytes[at + o.timestamp + POINTER] !== TIMESTAMP_BEGINS) o.timestamp = 0
    const { ip4: layer, wall } = this.#node
    o.record(bytes, at, readIp4(bytes, at + 12), wall(now), (address) => layer.isMine(address))
  }

  /** Neighbour discovery speaks from the unspecified address on purpose; all else wants the node's choice. */
  #choose6(bytes: Uint8Array, at: number, end: number, dst: Ip6, port: Port): boolean {
    const skipped = ip6.skip(bytes, at, end)
    const isIcmp = skipped >= 0 && !ip6.upperIsLater(skipped) && ip6.upperProtocol(skipped) === icmp6.PROTOCOL
    const icmp = at + ip6.upperAt(skipped)
    if (isIcmp && end - icmp >= 4 && bytes[icmp]! >= 133 && bytes[icmp]! <= 137) return true
    const src = this.#node.ip6.sourceFor(dst, port)
    if (src === undefined) return false
    writeIp(src, bytes, at + 8)
    // The sender's checksum, right or wrong, was made with a source of zeros.
    if (isIcmp && end - icmp >= 4) {
      const added = ~finish(sum(bytes, at + 8, at + 24)) & 0xffff
      put16(bytes, icmp + 2, update(u16(bytes, icmp + 2), 0, added))
    }
    return true
  }
}

function leftOf(sent: ReturnType<Node['ip4']['send']>): Left {
  switch (sent) {
    case 'sent':
    case 'too-big':
    case 'no-route':
      return sent
    case 'prohibited':
      return 'not-permitted'
    default:
      return 'other'
  }
}

/** Of one packet at a time, as long as it is written. */
const OPTIONS = new TransitOptions()
/** First octet of a header of 20 octets. */
const NO_OPTIONS = 0x45
/** Of an option; and what it is while nothing is recorded (RFC 791 §3.1). */
const POINTER = 2
const ROUTE_BEGINS = 4
const TIMESTAMP_BEGINS = 5

/** Where an ICMP message with an identifier stands in the packet; -1 where there is none. */
export function icmpAt(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < ip4.HEADER) return -1
  if (bytes[at]! >>> 4 === 4) {
    const payload = ip4.payloadAt(bytes, at, end)
    return bytes[at + 9] === 1 && payload > 0 && end - payload >= 8 ? payload : -1
  }
  const skipped = ip6.skip(bytes, at, end)
  if (skipped < 0 || ip6.upperIsLater(skipped) || ip6.upperProtocol(skipped) !== icmp6.PROTOCOL) return -1
  const payload = at + ip6.upperAt(skipped)
  return end - payload >= 8 ? payload : -1
}
