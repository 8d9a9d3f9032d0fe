/**
 * The MPLS label stack of a datagram whose label switched path ends here (RFC 3032 §2.1, §2.4.3): read, taken off, kept
 * for errors about it (RFC 4950). Left out: label switching, labels on what leaves.
 */
import { EtherType } from '../wire/ethernet.ts'
import type { Inbound } from './inbound.ts'

/** Moves `d.at` behind the stack; says which IP is under it, or 0 where that is not an IP packet. */
export function unlabel(d: Inbound): number {
  const { bytes, at, end } = d
  let i = at
  do {
    if (end - i <= ENTRY || i - at >= MAX_ENTRIES * ENTRY) return 0
    i += ENTRY
  } while ((bytes[i - 2]! & BOTTOM) === 0)
  d.labels = at
  d.at = i
  d.length -= i - at
  const version = bytes[i]! >>> 4
  return version === 4 ? EtherType.ip4 : version === 6 ? EtherType.ip6 : 0
}

/** What the TTL of the IP header is at most: a label's TTL counts the hops of the path (RFC 3032 §2.4.3). */
export function ttlOf(d: Inbound, ttl: number): number {
  return d.labels === undefined || d.labels < 0 ? ttl : Math.min(ttl, d.bytes[d.labels + 3]!)
}

const ENTRY = 4
const BOTTOM = 1
/** No network nests deeper; a stack without a bottom ends somewhere. */
const MAX_ENTRIES = 16
