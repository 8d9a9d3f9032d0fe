/**
 * MPLS Label Stack object, class 1, C-Type 1 (RFC 4950 §5): the stack as it arrived, top first, in one object.
 *
 *  0                    20    23 24        31
 *  | label              | TC  |S | TTL     |   one word an entry
 */
import { type Malformed, malformed } from './malformed.ts'
import { put32, tooWide } from './octets.ts'

export interface Mpls {
  kind: 'mpls'
  entries: Label[]
}

export interface Label {
  label: number
  /** Traffic class, 3 bits; RFC 4950 calls it Exp (RFC 5462). */
  tc: number
  /** S: the last entry of the stack. */
  bottom: boolean
  ttl: number
}

/** Payload octets `at…end` of the object. */
export function parse(bytes: Uint8Array, at: number, end: number): Mpls | Malformed {
  if (end === at) return malformed('truncated', 0)
  if ((end - at) % ENTRY !== 0) return malformed('bad-length', end - at)
  const entries: Label[] = []
  for (let i = at; i < end; i += ENTRY) {
    entries.push({
      label: (bytes[i]! << 12) | (bytes[i + 1]! << 4) | (bytes[i + 2]! >> 4),
      tc: (bytes[i + 2]! >> 1) & 7,
      bottom: (bytes[i + 2]! & 1) !== 0,
      ttl: bytes[i + 3]!,
    })
  }
  return { kind: 'mpls', entries }
}

export function size(o: Mpls): number {
  return o.entries.length * ENTRY
}

/** @throws RangeError on a value too wide for its field. */
export function write(o: Mpls, out: Uint8Array, at: number): number {
  let i = at
  for (const e of o.entries) {
    if (!(e.label >= 0 && e.label <= 0xfffff)) throw tooWide(e.label, 20)
    if (!(e.tc >= 0 && e.tc <= 7)) throw tooWide(e.tc, 3)
    if (!(e.ttl >= 0 && e.ttl <= 255)) throw tooWide(e.ttl, 8)
    put32(out, i, ((e.label << 12) | (e.tc << 9) | (e.bottom ? 0x100 : 0) | e.ttl) >>> 0)
    i += ENTRY
  }
  return i
}

const ENTRY = 4
