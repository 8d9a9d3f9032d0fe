/**
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are carried as plain numbers, unfolded,
 * so that a pseudo-header and a message can be added: `finish(sum(msg, at, end, pseudo))`.
 */

import type { Ip6 } from './addr.ts'

/** Ones'-complement sum, unfolded, of `at…end`; an odd last octet counts as if a zero followed. Add to `start`. */
export function sum(bytes: Uint8Array, at: number, end: number, start = 0): number {
  let total = start
  const even = end - ((end - at) & 1)
  for (let i = at; i < even; i += 2) total += (bytes[i]! << 8) | bytes[i + 1]!
  if (even !== end) total += bytes[even]! << 8
  return total
}

/** Folds a sum to 16 bits. */
export function fold(total: number): number {
  let t = total
  while (t > 0xffff) t = (t & 0xffff) + Math.floor(t / 0x10000)
  return t
}

/** The checksum field's value for a sum taken with that field as zero. */
export function finish(total: number): number {
  return ~fold(total) & 0xffff
}

/** A message sums to all ones, its own field included, when it is whole. 0x0000 in the field is an ordinary value. */
export function holds(total: number): boolean {
  return fold(total) === 0xffff
}

/** The new checksum after the 16-bit word `from` became `to` (RFC 1624 eqn. 3). */
export function update(checksum: number, from: number, to: number): number {
  return ~fold((~checksum & 0xffff) + (~from & 0xffff) + to) & 0xffff
}

/** Sum of an IPv4 pseudo-header (UDP, TCP) whose addresses stand in an IPv4 header at `ip`. */
export function pseudo4(bytes: Uint8Array, ip: number, protocol: number, length: number): number {
  return sum(bytes, ip + 12, ip + 20) + protocol + length
}

/** Sum of an IPv6 pseudo-header (RFC 8200 §8.1) whose addresses stand in an IPv6 header at `ip`. `length` is the upper layer's. */
export function pseudo6(bytes: Uint8Array, ip: number, protocol: number, length: number): number {
  return sum(bytes, ip + 8, ip + 40) + protocol + (length >>> 16) + (length & 0xffff)
}

/** The same of addresses as values. */
export function pseudoSum6(src: Ip6, dst: Ip6, protocol: number, length: number): number {
  return wordsOf(src) + wordsOf(dst) + protocol + (length >>> 16) + (length & 0xffff)
}

/** Sum of an address. Words of 32 bits give the same checksum as of 16, since 2^16 is 1 in ones' complement. */
function wordsOf(ip: Ip6): number {
  HALVES.setBigUint64(0, ip >> 64n)
  HALVES.setBigUint64(8, ip)
  return HALVES.getUint32(0) + HALVES.getUint32(4) + HALVES.getUint32(8) + HALVES.getUint32(12)
}

const HALVES = new DataView(new ArrayBuffer(16))
