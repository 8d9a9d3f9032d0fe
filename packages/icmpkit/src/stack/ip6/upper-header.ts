/**
 * How much of the upper layer is its header: a first fragment holds all of it (RFC 7112 §3, §5), and it counts among the
 * aggregate headers (RFC 8883 §3.2).
 */
import * as ip6 from '../../wire/ip6.ts'
import { isExtension } from '../../wire/ip6-extension.ts'

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
  const skipped = ip6.skip(bytes, at, end)
  if (skipped < 0) return false
  const upper = at + ip6.upperAt(skipped)
  const protocol = ip6.upperProtocol(skipped)
  return !isExtension(protocol) && upper + upperHeaderOctets(protocol, bytes, upper, end) <= end
}

const TCP = 6
const UDP = 17
const ICMP6 = 58
export const NO_NEXT_HEADER = 59
const DATA_OFFSET = 12
