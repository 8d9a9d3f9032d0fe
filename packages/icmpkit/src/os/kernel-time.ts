/**
 * Time as the kernel tells it: CLOCK_MONOTONIC as Instants, and the realtime stamps of sockets turned into Instants.
 *
 * realtime − monotonic changes only when somebody steps the clock (slewing moves both), so one measured offset is held
 * and every later reading must agree with it. A reading that cannot agree is a step: the new offset is taken, and
 * stamps that waited between the two readings belong to neither.
 */
import type { Instant } from '../clock.ts'
import { LITTLE, sys } from './sys.ts'

/** CLOCK_MONOTONIC in milliseconds: the same in each thread and process of this machine. */
export function monotonic(): Instant {
  // performance.now() would do as well, but perf_hooks takes a millisecond to load.
  const [seconds, nanoseconds] = hrtime()
  return (seconds * 1000 + nanoseconds / 1e6) as Instant
}

export class StampClock {
  readonly #timespec = new DataView(new ArrayBuffer(16))
  readonly #bytes = new Uint8Array(this.#timespec.buffer)
  /** Whole seconds since 1970 that are left out of the arithmetic: a double has no room for them and nanoseconds. */
  readonly #epoch: number
  /** Realtime since the epoch minus monotonic, in ms. */
  #offset: number
  /** How far off `#offset` may be, in ms. */
  #doubt: number
  /** Half of the last reading's width. */
  #width = 0
  /** Steps of the realtime clock seen so far. */
  steps = 0

  readonly #realtime: (timespec: Uint8Array) => void

  /** `realtime` fills a timespec; a test brings its own. */
  constructor(realtime: (timespec: Uint8Array) => void = (timespec) => sys().clock_gettime(CLOCK_REALTIME, timespec)) {
    this.#realtime = realtime
    realtime(this.#bytes)
    this.#epoch = this.#seconds()
    this.#offset = 0
    this.#doubt = Number.POSITIVE_INFINITY
    this.#measure()
  }

  /** False: the realtime clock was stepped since the last call, so stamps taken in between can't be placed. */
  steady(): boolean {
    const fresh = this.#reading()
    if (Math.abs(fresh - this.#offset) <= this.#width + this.#doubt + ROUNDING) return true
    this.steps++
    this.#measure()
    return false
  }

  /** A kernel stamp (realtime seconds and nanoseconds) as an Instant. */
  instant(seconds: number, nanoseconds: number): Instant {
    return ((seconds - this.#epoch) * 1000 + nanoseconds / 1e6 - this.#offset) as Instant
  }

  /** Nanoseconds since 1970 at `at`. */
  wall(at: Instant): bigint {
    return BigInt(this.#epoch) * 1_000_000_000n + BigInt(Math.round((at + this.#offset) * 1e6))
  }

  /** The narrowest of a few readings: being preempted between two clocks widens one, not all. */
  #measure(): void {
    this.#doubt = Number.POSITIVE_INFINITY
    for (let i = 0; i < 8; i++) {
      const offset = this.#reading()
      if (this.#width >= this.#doubt) continue
      this.#offset = offset
      this.#doubt = this.#width
    }
  }

  #reading(): number {
    const before = monotonic()
    this.#realtime(this.#bytes)
    const after = monotonic()
    const real = (this.#seconds() - this.#epoch) * 1000 + this.#timespec.getUint32(8, LITTLE) / 1e6
    this.#width = (after - before) / 2
    return real - (before + after) / 2
  }

  #seconds(): number {
    return Number(this.#timespec.getBigInt64(0, LITTLE))
  }
}

const { hrtime } = process
const CLOCK_REALTIME = 0
/** Doubles of this size are good to a few ns. */
const ROUNDING = 0.0001
