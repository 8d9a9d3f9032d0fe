/**
 * Experimental mobility protocols such as Seamoby (RFC 4065 §8): one layout in ICMPv4 (41) and ICMPv6 (150).
 *
 *  0        8        16               31
 *  | type   | code   | checksum        |
 *  | subtype| reserved                 |
 *  | options …                         |
 */
import { put8, put32, putBytes } from './octets.ts'

export interface Message {
  kind: 'seamoby'
  code: number
  /** Which protocol. */
  subtype: number
  /** Its options. */
  data: Uint8Array
}

/** Octets in front of the options: the caller has checked that they are there. */
export const FIXED = 8

/** The whole message at `at`; the caller has seen to its fixed part. */
export function parse(bytes: Uint8Array, at: number, end: number): Message {
  return { kind: 'seamoby', code: bytes[at + 1]!, subtype: bytes[at + SUBTYPE]!, data: bytes.subarray(at + FIXED, end) }
}

/** Octets of the whole message. */
export function size(m: Message): number {
  return FIXED + m.data.length
}

/** Writes everything behind the checksum; returns the end. @throws RangeError on a value too wide for its field. */
export function writeBody(m: Message, out: Uint8Array, at: number): number {
  put32(out, at + SUBTYPE, 0)
  put8(out, at + SUBTYPE, m.subtype)
  return putBytes(out, at + FIXED, m.data)
}

const SUBTYPE = 4
