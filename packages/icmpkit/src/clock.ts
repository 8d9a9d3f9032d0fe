/** The first seam: time. Nothing below a runner reads a clock, sets a timer or draws a random number. */
import type { Door } from './door.ts'

declare const instant: unique symbol
/** Monotonic milliseconds, with a fraction down to nanoseconds. */
export type Instant = number & { readonly [instant]: true }

/** Which clock a stamp was read from; a round trip is as good as the worse of its two ends. */
export type ClockSource = 'hardware' | 'kernel-txrx' | 'kernel-rx' | 'user' | 'virtual'

export interface Clock {
  now(): Instant
  /** Nanoseconds since 1970 at `at`, by the offset that holds now. */
  wall(at: Instant): bigint
  /** Returns at `until`, or earlier when a door is readable, or writable where `full`, or after `wake`. */
  wait(
    until: Instant | undefined,
    doors: readonly Door[],
    full: boolean,
    signal?: AbortSignal,
    /** May be told each door that is readable, as soon as that is known and before the wait returns; what it throws, `wait` throws. */
    ready?: (door: Door) => void,
  ): Promise<void>
  /** Ends a `wait` under way, or makes the next one return at once: something was asked of a machine from outside. */
  wake(): void
  /** Nobody will wait for these doors any more: a clock that stands still for its users goes on without them. */
  leave?(doors: readonly Door[]): void
}

/** Seconds since 1970 with nine digits after the point: neither a number nor JSON holds nanoseconds exactly. */
export function showTime(ns: bigint): string {
  const text = (ns < 0n ? -ns : ns).toString().padStart(10, '0')
  return `${ns < 0n ? '-' : ''}${text.slice(0, -9)}.${text.slice(-9)}`
}
