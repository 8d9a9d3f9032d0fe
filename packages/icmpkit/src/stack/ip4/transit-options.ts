/**
 * IPv4 options of a datagram that passes through: found in its octets, judged, then filled in place with the header
 * checksum patched octet by octet (RFC 791 §3.1, RFC 1812 §5.3.13). What is not known passes unchanged.
 *
 * Two steps, since nothing may be changed until it is certain that no error quotes the datagram (RFC 1812 §4.3.3.5).
 */
import { type Ip4, readIp4 } from '../../wire/addr.ts'
import { update } from '../../wire/checksum.ts'
import { TimestampFlag, Type } from '../../wire/ip4-option.ts'
import { u16 } from '../../wire/octets.ts'

/** One a forwarder, filled anew by `scan`. Offsets count from the IP header; 0: there is none. */
export class TransitOptions {
  /** Offset of the octet that is wrong; -1: nothing is. */
  fault = -1
  recordRoute = 0
  timestamp = 0
  sourceRoute = 0
  strict = false
  routerAlert = 0

  /** There is something to do or to look at. */
  get any(): boolean {
    return this.recordRoute > 0 || this.timestamp > 0 || this.sourceRoute > 0
  }

  /** The options between the fixed header at `at` and its end. */
  scan(bytes: Uint8Array, at: number, end: number): void {
    this.fault = -1
    this.recordRoute = 0
    this.timestamp = 0
    this.sourceRoute = 0
    this.strict = false
    this.routerAlert = 0
    for (let i = at + FIXED; i < end && this.fault < 0; ) {
      const type = bytes[i]!
      if (type === Type.endOfList) return
      if (type === Type.noOperation) {
        i++
        continue
      }
      // A type octet that is the last of the header has its length octet behind it.
      const length = i + 1 < end ? bytes[i + 1]! : 0
      if (length < 2 || length > end - i) {
        this.fault = i + 1 - at
        return
      }
      this.#judge(bytes, i, i - at, length, type)
      i += length
    }
  }

  /**
   * The next address of the source route that is not this node's, where its pointer stands or behind; undefined where
   * the route is done. Changes nothing.
   */
  nextAddress(bytes: Uint8Array, at: number, isMine: (address: Ip4) => boolean): Ip4 | undefined {
    const option = at + this.sourceRoute
    for (let p = bytes[option + 2]!; p + 3 <= bytes[option + 1]!; p += 4) {
      const address = readIp4(bytes, option + p - 1)
      if (!isMine(address)) return address
    }
    return undefined
  }

  /** Takes the next address of the source route as destination; `own` is recorded in its place (RFC 791 §3.1). */
  advance(bytes: Uint8Array, at: number, own: Ip4, isMine: (address: Ip4) => boolean): void {
    const option = this.sourceRoute
    for (;;) {
      const p = bytes[at + option + 2]!
      if (p + 3 > bytes[at + option + 1]!) return
      const slot = option + p - 1
      const next = readIp4(bytes, at + slot)
      for (let i = 0; i < 4; i++) {
        patch(bytes, at, DST + i, bytes[at + slot + i]!)
        patch(bytes, at, slot + i, own >>> (24 - 8 * i))
      }
      patch(bytes, at, option + 2, p + 4)
      if (!isMine(next)) return
    }
  }

  /** Fills record route and timestamp. `own`: the address of the port that it leaves by; `wall`: nanoseconds since 1970. */
  record(bytes: Uint8Array, at: number, own: Ip4 | undefined, wall: bigint, isMine: (address: Ip4) => boolean): void {
    if (own === undefined) return
    if (this.recordRoute > 0) {
      const option = this.recordRoute
      const p = bytes[at + option + 2]!
      if (p + 3 <= bytes[at + option + 1]!) {
        for (let i = 0; i < 4; i++) patch(bytes, at, option + p - 1 + i, own >>> (24 - 8 * i))
        patch(bytes, at, option + 2, p + 4)
      }
    }
    if (this.timestamp > 0) this.#stamp(bytes, at, own, wall, isMine)
  }

  #stamp(bytes: Uint8Array, at: number, own: Ip4, wall: bigint, isMine: (address: Ip4) => boolean): void {
    const option = this.timestamp
    const length = bytes[at + option + 1]!
    const p = bytes[at + option + 2]!
    const flags = bytes[at + option + 3]!
    const flag = flags & 0x0f
    if (p > length) {
      // The nodes that found no room are counted; `scan` has seen to the fifteenth.
      if (flag !== TimestampFlag.prespecified) patch(bytes, at, option + 3, flags + 0x10)
      return
    }
    let slot = option + p - 1
    if (flag === TimestampFlag.prespecified && !isMine(readIp4(bytes, at + slot))) return
    if (flag === TimestampFlag.withAddress) {
      for (let i = 0; i < 4; i++) patch(bytes, at, slot + i, own >>> (24 - 8 * i))
    }
    if (flag !== TimestampFlag.timeOnly) slot += 4
    const time = Number((wall / 1_000_000n) % DAY_MS)
    for (let i = 0; i < 4; i++) patch(bytes, at, slot + i, time >>> (24 - 8 * i))
    patch(bytes, at, option + 2, p + (flag === TimestampFlag.timeOnly ? 4 : 8))
  }

  #judge(bytes: Uint8Array, i: number, offset: number, length: number, type: number): void {
    switch (type) {
      case Type.recordRoute:
        this.fault = routeFault(bytes, i, offset, length)
        this.recordRoute ||= offset
        return
      case Type.looseSourceRoute:
      case Type.strictSourceRoute:
        // RFC 1812 §5.2.4.1: the second is the error.
        this.fault = this.sourceRoute > 0 ? offset : routeFault(bytes, i, offset, length)
        this.sourceRoute = offset
        this.strict = type === Type.strictSourceRoute
        return
      case Type.timestamp:
        this.fault = timestampFault(bytes, i, offset, length)
        this.timestamp ||= offset
        return
      case Type.routerAlert:
        this.routerAlert = offset
    }
  }
}

/** Where a route option is wrong: its length, or a pointer into its own header or to a slot that is cut short. */
function routeFault(bytes: Uint8Array, i: number, offset: number, length: number): number {
  if (length < 3) return offset + 1
  const pointer = bytes[i + 2]!
  if (pointer < 4 || (pointer <= length && pointer + 3 > length)) return offset + 2
  return -1
}

/** RFC 791 §3.1 Timestamp: also the flag, and the overflow count that has no number left. */
function timestampFault(bytes: Uint8Array, i: number, offset: number, length: number): number {
  if (length < 4) return offset + 1
  const pointer = bytes[i + 2]!
  const flag = bytes[i + 3]! & 0x0f
  if (pointer < 5) return offset + 2
  if (flag !== TimestampFlag.timeOnly && flag !== TimestampFlag.withAddress && flag !== TimestampFlag.prespecified) {
    return offset + 3
  }
  const slot = flag === TimestampFlag.timeOnly ? 4 : 8
  if (pointer > length) return flag !== TimestampFlag.prespecified && bytes[i + 3]! >>> 4 === 15 ? offset + 3 : -1
  return pointer + slot - 1 > length ? offset + 2 : -1
}

/** Writes one octet of the header at `at` and patches its checksum: a bad one stays bad (RFC 1624). */
function patch(bytes: Uint8Array, at: number, offset: number, octet: number): void {
  const word = at + (offset & ~1)
  const from = u16(bytes, word)
  bytes[at + offset] = octet
  const sum = update(u16(bytes, at + CHECKSUM), from, u16(bytes, word))
  bytes[at + CHECKSUM] = sum >>> 8
  bytes[at + CHECKSUM + 1] = sum
}

const FIXED = 20
const CHECKSUM = 10
const DST = 16
const DAY_MS = 86_400_000n
