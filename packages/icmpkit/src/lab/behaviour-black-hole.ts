/** A black hole, of a link or of a node: what it swallows nobody hears of. The link's own upkeep passes. */
import { isIcmp, isLinkUpkeep, lengthOf } from './frame-view.ts'
import type { BlackHole } from './topology.ts'

/** Is the IP packet at `ip…end` swallowed? */
export function swallows(hole: BlackHole, bytes: Uint8Array, ip: number, end: number): boolean {
  if (hole === 'none') return false
  if (typeof hole === 'object') return lengthOf(bytes, ip) > hole.above
  if (hole === 'icmp' && !isIcmp(bytes, ip, end)) return false
  return !isLinkUpkeep(bytes, ip, end)
}
