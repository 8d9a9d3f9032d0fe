/** One datagram that came in, with what only the link knew. There is one, filled anew for each: whoever keeps, copies. */
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival } from '../door.ts'
import type { Port } from './port.ts'

export interface Inbound {
  bytes: Uint8Array
  /** The MAC header; equals `at` on a point-to-point link. Its source stands at `frame + 6`. */
  frame: number
  /** The IP header. */
  at: number
  /** End of what is here; link-layer padding may be in it. */
  end: number
  /** Octets from `at` that were on the wire; more than `end - at` where the door cut it. */
  length: number
  link: Arrival['link']
  checksum: Arrival['checksum']
  stamp: Instant
  clock: ClockSource
  port: Port
  /** The MPLS label stack that it came with, which ends at `at`; -1: none. */
  labels?: number
  /** It waited for its next hop: `port` is where it would have left, and where it came in is forgotten. */
  waited?: boolean
}
