/** The clock of the real world: CLOCK_MONOTONIC, and waits that end at the microsecond, in a worker thread at the millisecond. */
import type { Clock, Instant } from '../clock.ts'
import type { Door } from '../door.ts'
import type { BusyPoll } from './busy-poll.ts'
import { monotonic, StampClock } from './kernel-time.ts'
import { type Pollable, type Waiting, waker } from './waker.ts'

export class RealClock implements Clock {
  #stamps: StampClock | undefined
  #waiting: Waiting | undefined
  #asked = false
  readonly #busy: BusyPoll | undefined

  /** `busy`: waits do not sleep for a while after each frame. */
  constructor(busy?: BusyPoll) {
    this.#busy = busy
  }

  now(): Instant {
    return monotonic()
  }

  wall(at: Instant): bigint {
    this.#stamps ??= new StampClock()
    this.#stamps.steady()
    return this.#stamps.wall(at)
  }

  async wait(
    until: Instant | undefined,
    doors: readonly Door[],
    full: boolean,
    signal?: AbortSignal,
    ready?: (door: Door) => void,
  ): Promise<void> {
    if (signal?.aborted) return
    const due = this.#asked ? Number.NEGATIVE_INFINITY : (until ?? Number.POSITIVE_INFINITY)
    this.#asked = false
    const pollables = doors as unknown as readonly Pollable[]
    const told = ready as ((door: Pollable) => void) | undefined
    const waiting = waker().wait(pollables, full, due, told, this.#busy)
    this.#waiting = waiting
    signal?.addEventListener('abort', waiting.end, { once: true })
    try {
      await waiting.done
    } finally {
      signal?.removeEventListener('abort', waiting.end)
      this.#waiting = undefined
    }
  }

  wake(): void {
    if (this.#waiting === undefined) this.#asked = true
    else this.#waiting.end()
  }
}
