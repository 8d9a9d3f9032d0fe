/**
 * A datagram as the notifier sees it: family, protocol, ports, and where the addresses stand. One object, filled anew for
 * each, since a busy server brings a hundred thousand a second.
 */
import type { Arrival } from '../door.ts'
import type { Family } from '../wire/addr.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import { put16, u16 } from '../wire/octets.ts'
import { QUOTE } from './flow-table.ts'

export class FlowView {
  family: Family = 4
  /** UDP or TCP. */
  protocol = 0
  bytes: Uint8Array = NOTHING
  ip = 0
  /** Offsets of the addresses, and their octets. */
  src = 0
  dst = 0
  octets = 4
  /** The transport header. */
  upper = 0
  end = 0
  srcPort = 0
  dstPort = 0
  /** Octets of transport header and data that were sent. */
  length = 0
  /** Octets of the whole datagram, as its header says and the link has really carried. */
  whole = 0
  /** Its header is longer than a quote has room for. */
  long = false

  /** False where it is no first fragment of UDP or TCP over IP with eight octets of transport header. */
  read(a: Arrival): boolean {
    const { bytes, at, end } = a
    this.bytes = bytes
    this.ip = at
    if (end <= at || !(bytes[at]! >>> 4 === 4 ? this.#read4(bytes, at, end) : this.#read6(bytes, at, end))) return false
    this.whole = Math.min(a.length, this.upper - at + this.length)
    return true
  }

  #read4(bytes: Uint8Array, at: number, end: number): boolean {
    const upper = ip4.payloadAt(bytes, at, end)
    if (upper < 0 || (u16(bytes, at + 6) & 0x1fff) !== 0) return false
    this.family = 4
    this.src = at + 12
    this.dst = at + 16
    this.octets = 4
    this.long = upper - at !== ip4.HEADER
    this.length = u16(bytes, at + 2) - (upper - at)
    return this.#upper(bytes, bytes[at + 9]!, upper, Math.min(end, at + u16(bytes, at + 2)))
  }

  #read6(bytes: Uint8Array, at: number, end: number): boolean {
    const skipped = ip6.skip(bytes, at, end)
    if (skipped < 0 || ip6.upperIsLater(skipped)) return false
    const upper = at + ip6.upperAt(skipped)
    this.family = 6
    this.src = at + 8
    this.dst = at + 24
    this.octets = 16
    this.long = upper - at !== ip6.HEADER
    this.length = at + ip6.HEADER + u16(bytes, at + 4) - upper
    return this.#upper(bytes, ip6.upperProtocol(skipped), upper, Math.min(end, upper + this.length))
  }

  #upper(bytes: Uint8Array, protocol: number, upper: number, end: number): boolean {
    if ((protocol !== UDP && protocol !== TCP) || end - upper < 8) return false
    this.protocol = protocol
    this.upper = upper
    this.end = end
    this.srcPort = u16(bytes, upper)
    this.dstPort = u16(bytes, upper + 2)
    return true
  }

  /**
   * The quote of it into `out`: its IP header without options and extension headers (then its lengths and checksum are made
   * anew), and eight octets behind it.
   */
  quote(out: Uint8Array, to: number): void {
    const { bytes, ip, upper } = this
    const header = QUOTE[this.family] - 8
    for (let n = 0; n < header; n++) out[to + n] = bytes[ip + n]!
    for (let n = 0; n < 8; n++) out[to + header + n] = bytes[upper + n]!
    if (!this.long) return
    if (this.family === 4) {
      out[to] = 0x45
      put16(out, to + 2, ip4.HEADER + this.length)
      ip4.seal(out, to)
    } else {
      out[to + 6] = this.protocol
      put16(out, to + 4, Math.max(0, Math.min(this.length, 0xffff)))
    }
  }
}

export const UDP = 17
export const TCP = 6
const NOTHING = new Uint8Array(0)
