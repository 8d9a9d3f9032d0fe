import { expect, test } from 'vitest'
import type { ClockSource, Instant } from '../clock.ts'
import { roundTrip } from './round-trip.ts'

const left = (sentAt: number, sentClock: ClockSource) => ({
  userAt: 100 as Instant,
  sentAt: sentAt as Instant,
  sentClock,
})

test.each([
  ['hardware', 'hardware', 'hardware'],
  ['hardware', 'kernel-txrx', 'kernel-txrx'],
  ['kernel-txrx', 'hardware', 'kernel-txrx'],
  ['kernel-txrx', 'kernel-txrx', 'kernel-txrx'],
  ['user', 'kernel-txrx', 'kernel-rx'],
  ['kernel-txrx', 'user', 'user'],
  ['virtual', 'virtual', 'virtual'],
] as const)('sent by %s and heard by %s it is named %s, the lesser', (sent, heard, named) => {
  const trip = roundTrip(left(101, sent), 103 as Instant, heard, 105 as Instant)
  expect(trip).toEqual({ rttNs: 2_000_000, clock: named, suspect: false })
})

test('an answer that is stamped before its question is measured from the send call: our own copy of a multicast is', () => {
  const trip = roundTrip(left(104, 'kernel-txrx'), 103 as Instant, 'kernel-txrx', 105 as Instant)
  expect(trip).toEqual({ rttNs: 3_000_000, clock: 'kernel-rx', suspect: false })
})

test.each([99, 107, -1e12, 1e12])(
  'a stamp of %d lies outside the system calls around it: the user clock, and suspect',
  (at) => {
    const trip = roundTrip(left(101, 'kernel-txrx'), at as Instant, 'kernel-txrx', 105 as Instant)
    expect(trip).toEqual({ rttNs: 5_000_000, clock: 'user', suspect: true })
  },
)
