/**
 * How much of the upper layer is its header: a first fragment holds all of it (RFC 7112 §3, §5), and it counts among the
 * aggregate headers (RFC 8883 §3.2).
 */
import * as ip6 from '../../wire/ip6.ts'
import { isExtension, lengthAt, Type } from '../../wire/ip6-extension.ts'
import { u16 } from '../../wire/octets.ts'

/** Octets of the upper-layer header at `at`; of those protocols that are not known one is enough to name them. */
export function upperHeaderOctets(protocol: number, bytes: Uint8Array, at: number, end: number): number {
  switch (protocol) {
    case UDP:
    case ICMP6:
      return 8
    case TCP:
      return end - at > DATA_OFFSET ? Math.max((bytes[at + DATA_OFFSET]! >>> 4) * 4, 20) : 20
    case NO_NEXT_HEADER:
      return 0
    default:
      return 1
  }
}

/** Are all headers of a first fragment here, the upper layer's too (RFC 7112 §5)? */
export function hasWholeChain(bytes: Uint8Array, at: number, end: number): boolean {
  const { protocol, i } = lastHeader(bytes, at, end)
  return !isExtension(protocol) && i + upperHeaderOctets(protocol, bytes, i, end) <= end
}

/**
 * Type of the ICMPv6 message in the packet at `at…end`; -1: it carries none, or a later piece of one; UNSEEN: one whose type
 * is cut off (of a fragment -1: RFC 7112 §5 has those told of). Goes past headers that are out of place or that no rule
 * allows: what is behind them may be an error all the same, and no error answers an error (RFC 4443 §2.4(e.1)).
 */
export function icmpType(bytes: Uint8Array, at: number, end: number): number {
  const { protocol, i, fragment } = lastHeader(bytes, at, end)
  // A header that runs past the end has nothing behind it.
  if (protocol !== ICMP6 || i > end) return -1
  return i < end ? bytes[i]! : fragment ? -1 : UNSEEN
}

/** What stands behind all extension headers that are here, in whatever order; a later fragment is one that has no end. */
function lastHeader(bytes: Uint8Array, at: number, end: number): { protocol: number; i: number; fragment: boolean } {
  let protocol = bytes[at + NEXT_HEADER]!
  let i = at + ip6.HEADER
  let fragment = false
  while (isExtension(protocol) && end - i >= 8) {
    if (protocol === Type.fragment) {
      const word = u16(bytes, i + 2)
      fragment ||= (word & MORE) !== 0
      if ((word & 0xfff8) !== 0) break
    }
    const length = lengthAt(protocol, bytes, i)
    protocol = bytes[i]!
    i += length
  }
  return { protocol, i, fragment }
}

/** Of the fragment header's second word. */
const MORE = 1
export const UNSEEN = -2

const NEXT_HEADER = 6
const TCP = 6
const UDP = 17
const ICMP6 = 58
export const NO_NEXT_HEADER = 59
const DATA_OFFSET = 12
