/**
 * The pcap capture format (draft-ietf-opsawg-pcap): a 24-octet file header, then a 16-octet header before each packet,
 * in the byte order of the machine that wrote it, with stamps of microseconds or nanoseconds.
 *
 *  | magic | version | 0 | 0 | snapLength | linkType |   then   | seconds | fraction | captured | length | packet …
 *
 * The format has no marks to find the next record by: after a length that cannot be true the reader looks for the next
 * place where two record headers in a row make sense. The "modified" magic a1b2cd34 is refused.
 */
import { type Format, MAX_PACKET, type Step, type Window } from './capture-window.ts'
import type { CaptureInterface, Frame } from './frame.ts'
import { type Malformed, malformed } from './malformed.ts'
import { tooWide } from './octets.ts'

export const FILE_HEADER = 24
export const RECORD_HEADER = 16

const MICRO = 0xa1b2c3d4
const NANO = 0xa1b23c4d

/** Whether the file begins as pcap does, and how; undefined where it does not. */
export function identify(bytes: Uint8Array, at = 0): { littleEndian: boolean; digits: 6 | 9 } | undefined {
  const big = be32(bytes, at)
  if (big === MICRO || big === NANO) return { littleEndian: false, digits: big === NANO ? 9 : 6 }
  const little = le32(bytes, at)
  if (little === MICRO || little === NANO) return { littleEndian: true, digits: little === NANO ? 9 : 6 }
  return undefined
}

/** Takes pcap records from the front of a window. */
export class PcapFormat implements Format {
  readonly #interfaces: CaptureInterface[]
  #begun = false
  #lost = false
  #little = false
  #nano = false
  #linkType = 0
  /** Longest record believed: what the file says it kept, where that is sane (some writers exceed a small one). */
  #limit = MAX_PACKET
  #lastSeconds = 0
  #count = 0

  constructor(interfaces: CaptureInterface[]) {
    this.#interfaces = interfaces
  }

  step(w: Window, frame: Frame): Step {
    if (!this.#begun) {
      if (!w.has(FILE_HEADER)) {
        if (!w.ended || w.at === w.end) return 'more'
        const bad = malformed('truncated', w.base + w.end)
        w.at = w.end
        return bad
      }
      this.#begin(w)
    }
    if (this.#lost && !this.#find(w)) return 'more'
    if (!w.has(RECORD_HEADER)) {
      return w.ended && w.end > w.at ? this.#lose(w, malformed('truncated', w.base + w.end)) : 'more'
    }
    const { bytes, view, at } = w
    const little = this.#little
    const captured = view.getUint32(at + 8, little)
    if (captured > this.#limit) return this.#lose(w, malformed('bad-length', w.offset + 8))
    if (!w.has(RECORD_HEADER + captured)) {
      return w.ended ? this.#lose(w, malformed('truncated', w.base + w.end)) : 'more'
    }
    const length = view.getUint32(at + 12, little)
    let seconds = view.getUint32(at, little)
    let fraction = view.getUint32(at + 4, little)
    if (!this.#nano) fraction *= 1000
    if (fraction >= 1e9) {
      const carry = Math.floor(fraction / 1e9)
      seconds += carry
      fraction -= carry * 1e9
    }
    this.#lastSeconds = seconds
    frame.index = ++this.#count
    frame.bytes = bytes
    frame.at = at + RECORD_HEADER
    frame.end = at + RECORD_HEADER + captured
    frame.length = length < captured ? captured : length
    frame.linkType = this.#linkType
    frame.seconds = seconds
    frame.nanoseconds = fraction
    frame.digits = this.#nano ? 9 : 6
    frame.port = 0
    frame.offset = w.base + at
    frame.optionsAt = frame.end
    frame.optionsEnd = frame.end
    w.at = frame.end
    return 'packet'
  }

  #begin(w: Window): void {
    const kind = identify(w.bytes, w.at)!
    const u32 = kind.littleEndian ? le32 : be32
    this.#little = kind.littleEndian
    this.#nano = kind.digits === 9
    // The upper bits say whether a frame check sequence follows; packets end where their IP header says anyway.
    this.#linkType = u32(w.bytes, w.at + 20) & 0xffff
    const kept = u32(w.bytes, w.at + 16)
    this.#interfaces.push({
      linkType: this.#linkType,
      snapLength: kept,
      name: '',
      digits: kind.digits,
    })
    if (kept > 0 && kept < MAX_PACKET) this.#limit = Math.max(kept, 0xffff)
    this.#begun = true
    w.at += FILE_HEADER
  }

  #lose(w: Window, bad: Malformed): Malformed {
    this.#lost = true
    w.at++
    return bad
  }

  /** Moves to the next record that makes sense; false where more octets must come first, or none will. */
  #find(w: Window): boolean {
    for (;;) {
      if (!w.has(RECORD_HEADER)) {
        if (w.ended) w.at = w.end
        return false
      }
      if (this.#plausible(w.bytes, w.at)) {
        const captured = this.#captured(w.bytes, w.at)
        const next = w.at + RECORD_HEADER + captured
        if (!w.has(RECORD_HEADER + captured + RECORD_HEADER)) {
          if (!w.ended) return false
          if (next === w.end) break
        } else if (this.#plausible(w.bytes, next)) break
      }
      w.at++
    }
    this.#lost = false
    return true
  }

  #captured(bytes: Uint8Array, at: number): number {
    return this.#little ? le32(bytes, at + 8) : be32(bytes, at + 8)
  }

  #plausible(bytes: Uint8Array, at: number): boolean {
    const u32 = this.#little ? le32 : be32
    const seconds = u32(bytes, at)
    const near = this.#lastSeconds === 0 ? seconds > 0 : Math.abs(seconds - this.#lastSeconds) <= 86_400
    const captured = u32(bytes, at + 8)
    const length = u32(bytes, at + 12)
    return (
      near &&
      u32(bytes, at + 4) < (this.#nano ? 1e9 : 1e6) &&
      captured > 0 &&
      captured <= this.#limit &&
      length >= captured &&
      length <= 2 * MAX_PACKET
    )
  }
}

export interface HeaderFields {
  linkType: number
  /** Default: 262144. */
  snapLength?: number
  /** Digits of the stamps; default 9. */
  digits?: 6 | 9
}

/** Writes a file header, little-endian; returns its end. */
export function writeHeader(f: HeaderFields, out: Uint8Array, at: number): number {
  putLe32(out, at, f.digits === 6 ? MICRO : NANO)
  out[at + 4] = 2
  out[at + 5] = 0
  out[at + 6] = 4
  out[at + 7] = 0
  putLe32(out, at + 8, 0)
  putLe32(out, at + 12, 0)
  putLe32(out, at + 16, f.snapLength ?? MAX_PACKET)
  putLe32(out, at + 20, f.linkType)
  return at + FILE_HEADER
}

export interface RecordFields {
  seconds: number
  nanoseconds: number
  data: Uint8Array
  /** Octets on the wire; default: as many as `data` has. */
  length?: number
}

/** Octets that `writeRecord` will fill. */
export function recordSize(r: RecordFields): number {
  return RECORD_HEADER + r.data.length
}

/** Writes one packet; returns its end. Microseconds are cut, not rounded. @throws RangeError past the year 2106. */
export function writeRecord(r: RecordFields, out: Uint8Array, at: number, digits: 6 | 9 = 9): number {
  putLe32(out, at, r.seconds)
  putLe32(out, at + 4, digits === 9 ? r.nanoseconds : Math.floor(r.nanoseconds / 1000))
  putLe32(out, at + 8, r.data.length)
  putLe32(out, at + 12, r.length ?? r.data.length)
  out.set(r.data, at + RECORD_HEADER)
  return at + RECORD_HEADER + r.data.length
}

/** Unsigned, in little-endian order. */
export function le32(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 3]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 1]! << 8) | bytes[at]!) >>> 0
}

/** Unsigned, in network order. */
export function be32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

/** @throws RangeError */
export function putLe32(bytes: Uint8Array, at: number, value: number): void {
  if (value < 0 || value > 0xffffffff || !Number.isInteger(value)) throw tooWide(value, 32)
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}
