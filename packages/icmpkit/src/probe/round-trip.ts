/** The round trip of one probe out of its stamps, and the clock that it may be named after. */
import type { ClockSource, Instant } from '../clock.ts'

/** When a probe left. */
export interface Departure {
  /** The moment before the send call, by the user clock. */
  userAt: Instant
  /** By the best stamp that came. */
  sentAt: Instant
  sentClock: ClockSource
}

export interface RoundTrip {
  rttNs: number
  clock: ClockSource
  /** The stamps contradict the user clock: a clock was stepped under way. */
  suspect: boolean
}

/** `stamp` by `clock` is when the answer came, `readAt` when it was read by the user clock. */
export function roundTrip(left: Departure, stamp: Instant, clock: ClockSource, readAt: Instant): RoundTrip {
  const bracket = readAt - left.userAt
  const fits = (rtt: number) => rtt >= 0 && rtt <= bracket + 0.001
  const rtt = stamp - left.sentAt
  // A kernel round trip lies inside the user's (CVE-2025-47268: no time from the wire is read). Our own copy of a
  // multicast comes back before the driver stamps what left; outside both the realtime clock was stepped.
  if (!fits(rtt)) {
    const fromUser = stamp - left.userAt
    if (clock !== 'user' && fits(fromUser)) {
      return { rttNs: Math.round(fromUser * 1e6), clock: 'kernel-rx', suspect: false }
    }
    return { rttNs: Math.max(0, Math.round(bracket * 1e6)), clock: 'user', suspect: true }
  }
  return { rttNs: Math.round(rtt * 1e6), clock: lesser(left.sentClock, clock), suspect: false }
}

/** What both ends have in common. */
function lesser(sent: ClockSource, heard: ClockSource): ClockSource {
  if (heard === 'user') return 'user'
  if (heard === 'virtual' || sent === 'virtual') return 'virtual'
  if (sent === 'user') return 'kernel-rx'
  return heard === 'hardware' && sent === 'hardware' ? 'hardware' : 'kernel-txrx'
}
