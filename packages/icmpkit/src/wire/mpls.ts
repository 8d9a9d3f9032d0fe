/**
 * MPLS Label Stack object, class 1, C-Type 1 (RFC 4950 §5): the stack as it arrived, top first, in one object.
 *
 *  0                    20    23 24        31
 *  | label              | TC  |S | TTL     |   one word an entry
 */
import { type Malformed, malformed } from './malformed.ts'
import { fitting, put8, put24 } from './octets.ts'

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

/** Octets of the payload. */
export function size(o: Mpls): number {
  return o.entries.length * ENTRY
}

/** Writes the payload at `at`; returns the end. @throws RangeError on a value too wide for its field. */
export function write(o: Mpls, out: Uint8Array, at: number): number {
  let i = at
  for (const e of o.entries) {
    put24(out, i, (fitting(e.label, 20) << 4) | (fitting(e.tc, 3) << 1) | (e.bottom ? 1 : 0))
    put8(out, i + 3, e.ttl)
    i += ENTRY
  }
  return i
}

const ENTRY = 4
