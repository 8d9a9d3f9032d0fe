/**
 * From whom a datagram may come, so that an error about it may go there: one host, and no other than it says (RFC 1122
 * §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4(e)).
 */
import type { Arrival } from '../door.ts'
import { type Ip, type Ip4, readIp4, readIp6 } from '../wire/addr.ts'
import type { Suppressed } from './event.ts'
import type { FlowView } from './flow-view.ts'

export interface SourceOptions {
  mine?(ip: Ip): boolean
  isBroadcast?(ip: Ip4): boolean
  loopbackPort?: number
}

export class Sources {
  readonly #o: SourceOptions

  constructor(o: SourceOptions) {
    this.#o = o
  }

  /** Why whoever sent it is never told; undefined where it may be. */
  why(v: FlowView, a: Arrival): Suppressed | undefined {
    if (a.link !== 'host') return 'not-unicast'
    const { bytes, src, dst } = v
    const { mine, isBroadcast, loopbackPort } = this.#o
    const atHome = loopbackPort !== undefined && a.port === loopbackPort
    if (v.family === 4) {
      if (!isHost4(bytes[src]!) || !isHost4(bytes[dst]!)) return 'not-unicast'
      if (!atHome && (bytes[src] === 127 || bytes[dst] === 127)) return 'loopback-of-others'
      if (isBroadcast !== undefined && (isBroadcast(readIp4(bytes, src)) || isBroadcast(readIp4(bytes, dst))))
        return 'not-unicast'
    } else {
      if (bytes[src] === 0xff || bytes[dst] === 0xff || isLow6(bytes, src, 0) || isLow6(bytes, dst, 0))
        return 'not-unicast'
      if (!atHome && (isLow6(bytes, src, 1) || isLow6(bytes, dst, 1))) return 'loopback-of-others'
    }
    if (mine === undefined) return undefined
    if (!mine(addressAt(v, dst))) return 'not-unicast'
    return !atHome && mine(addressAt(v, src)) ? 'own' : undefined
  }

  /** The interface, where an address of the flow means nothing without it. */
  zoneOf(v: FlowView, a: Arrival): number {
    const local = v.family === 6 && (isLinkLocal6(v.bytes, v.src) || isLinkLocal6(v.bytes, v.dst))
    return local ? a.port & 0xffff : 0
  }
}

function addressAt(v: FlowView, at: number): Ip {
  return v.family === 4 ? readIp4(v.bytes, at) : readIp6(v.bytes, at)
}

/** First octet of an address that can be a host's: not 0/8, multicast, class E, the limited broadcast. */
function isHost4(first: number): boolean {
  return first !== 0 && first < 224
}

/** `::` (0) or `::1` (1). */
function isLow6(bytes: Uint8Array, at: number, last: number): boolean {
  for (let i = at; i < at + 15; i++) if (bytes[i] !== 0) return false
  return bytes[at + 15] === last
}

/** fe80::/10 */
function isLinkLocal6(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80
}
