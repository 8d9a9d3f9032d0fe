/**
 * The "original datagram" field of an error and the extensions behind it (RFC 4884 §4, §5): the length octet says in
 * words of 4 octets (ICMPv4) or 8 (ICMPv6) where the quote ends. Zero: no extensions, the whole rest is quote.
 *
 *  | ICMP header | quote, zero-padded to at least 128 octets | extension structure |
 */
import {
  type ExtensionObject,
  type Extensions,
  judge,
  of,
  parse,
  size as sizeStructure,
  write as writeStructure,
} from './extension.ts'
import { tooWide } from './octets.ts'

/** Octets that one count of the length octet stands for. */
export type Unit = 4 | 8

/** Shortest quote field in front of extensions, octets (RFC 4884 §3). */
export const MIN_FIELD = 128

/**
 * Where the structure begins, by the length octet: `end` where it is zero, -1 where it is wrong (under 128 octets, or
 * past the message), which makes the whole rest quote.
 */
export function locate(at: number, end: number, length: number, unit: Unit): number {
  if (length === 0) return end
  const begin = at + length * unit
  return length * unit < MIN_FIELD || begin > end ? -1 : begin
}

/**
 * The old reading, for a message whose length octet is zero: routers from before RFC 4884 put the structure behind 128
 * octets and said nothing. Believed only with version 2 and a checksum that holds (RFC 4884 §5.5). `end`: not there.
 */
export function locateLegacy(bytes: Uint8Array, at: number, end: number): number {
  const begin = at + MIN_FIELD
  return end - begin >= 8 && bytes[begin]! >> 4 === 2 && judge(bytes, begin, end) === 'ok' ? begin : end
}

/** The extensions of an error whose quote begins at `at`; undefined where it has none. */
export function parseExtensions(
  bytes: Uint8Array,
  at: number,
  end: number,
  length: number,
  unit: Unit,
): Extensions | undefined {
  if (length === 0) return undefined
  const begin = locate(at, end, length, unit)
  if (begin >= 0) return parse(bytes, begin, end)
  const why = length * unit < MIN_FIELD ? 'bad-length' : 'truncated'
  return { objects: [], checksum: 'none', flaw: { why, at: 0, octets: bytes.subarray(end, end), length } }
}

/** Octets of quote, padding and structure. */
export function size(quote: Uint8Array, extensions: Extensions | undefined, unit: Unit): number {
  if (extensions === undefined || extensions.flaw?.length !== undefined) return quote.length
  return padded(quote.length, unit) + sizeStructure(extensions)
}

/** The length octet. @throws RangeError where the quote is longer than it can say. */
export function lengthOctet(quote: Uint8Array, extensions: Extensions | undefined, unit: Unit): number {
  if (extensions === undefined) return 0
  const length = extensions.flaw?.length ?? padded(quote.length, unit) / unit
  if (length > 255) throw tooWide(length, 8)
  return length
}

/** Quote, padding and structure at `at`; returns the end. */
export function write(
  quote: Uint8Array,
  extensions: Extensions | undefined,
  unit: Unit,
  out: Uint8Array,
  at: number,
): number {
  out.set(quote, at)
  const quoteEnd = at + quote.length
  if (extensions === undefined || extensions.flaw?.length !== undefined) return quoteEnd
  const begin = at + padded(quote.length, unit)
  out.fill(0, quoteEnd, begin)
  return writeStructure(extensions, out, begin)
}

/** What an error has room for. */
export interface Room {
  unit: Unit
  /** Longest datagram that may carry an error, outer IP header included: see `LIMIT`. */
  limit: number
  /** Octets of the outer IP header, options and extension headers included. */
  outer: number
  /**
   * `compatible`: with extensions, at most 128 octets of quote, so that traceroutes from before RFC 4884 find the
   * structure (§5.3). `long`: as much as fits.
   */
  quote: 'compatible' | 'long'
}

/** RFC 1812 §4.3.2.3 and RFC 4443 §2.4(c). */
export const LIMIT: { readonly 4: 576; readonly 6: 1280 } = { 4: 576, 6: 1280 }

/**
 * As much of `original` (a view, link-layer padding cut off) as an error has room for, with as many of `objects`, first
 * ones first: the quote is shortened down to 128 octets, only then are objects left out (RFC 4884 §7).
 */
export function fit(
  original: Uint8Array,
  objects: readonly ExtensionObject[],
  room: Room,
): { quote: Uint8Array; extensions: Extensions | undefined } {
  const octets = room.limit - room.outer - ICMP_HEADER
  const kept = objects.slice()
  while (kept.length > 0 && MIN_FIELD + sizeStructure(of(...kept)) > octets) kept.pop()
  if (kept.length === 0) return { quote: original.subarray(0, Math.max(octets, 0)), extensions: undefined }
  const extensions = of(...kept)
  const most = room.quote === 'compatible' ? MIN_FIELD : octets - sizeStructure(extensions)
  const words = Math.min(Math.floor(most / room.unit), 255)
  return { quote: original.subarray(0, words * room.unit), extensions }
}

/** Every error of both families has eight octets in front of its quote. */
const ICMP_HEADER = 8

function padded(length: number, unit: Unit): number {
  return Math.max(MIN_FIELD, Math.ceil(length / unit) * unit)
}
