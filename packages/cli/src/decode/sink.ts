/** Where decoded packets go: text, a tree, NDJSON, or a check. Frames are on loan. */
import type { Carried, capture, Malformed } from 'icmpkit/wire'
import type { Tally } from './tally.ts'

export interface Sink {
  icmp(f: capture.Frame, c: Carried): void
  laterFragment(f: capture.Frame, c: Carried): void
  /** The IP header can't be read; `flaw.at` counts from it. */
  badIp(f: capture.Frame, c: Carried, flaw: Malformed): void
  /** A record of the capture that can't be read; `flaw.at` is the offset in the file. */
  badRecord(flaw: Malformed): void
  end(t: Tally): void
}

/** Name of the interface that a packet passed; null where nobody knows. */
export type PortName = (f: capture.Frame) => string | null
