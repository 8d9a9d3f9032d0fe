/** A segment endpoint's step along a segment routing header (RFC 8754 §4.3.1.1); its TLVs are not read. */
import { isMulticastAt } from './octet-tests.ts'

/**
 * Makes the next segment of the header at `i` the destination of the packet at `at`. Offset of the octet at fault where
 * the header does not add up, -1 where all is well, -2 where the segment is no place to send to.
 */
export function nextSegment(bytes: Uint8Array, at: number, i: number): number {
  const left = bytes[i + SEGMENTS_LEFT]!
  const lastEntry = bytes[i + LAST_ENTRY]!
  if (lastEntry > Math.floor(bytes[i + 1]! / 2) - 1 || left > lastEntry + 1) return i + SEGMENTS_LEFT
  const segment = i + LIST + (left - 1) * 16
  // RFC 8200 §4.4 leaves routing headers to unicast; a group here would be an amplifier.
  if (isMulticastAt(bytes, segment)) return -2
  bytes[i + SEGMENTS_LEFT] = left - 1
  bytes.copyWithin(at + DST, segment, segment + 16)
  return -1
}

const SEGMENTS_LEFT = 3
const LAST_ENTRY = 4
const LIST = 8
const DST = 24
