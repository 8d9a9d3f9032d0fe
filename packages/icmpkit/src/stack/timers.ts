/**
 * The one timer place of a node: handles that are set, set anew and stopped, in one binary heap. `next` is what
 * `pollTimeout` tells, so nothing can be left running elsewhere.
 */
import type { Instant } from '../clock.ts'

/** Made once by who owns the deadline; `run` is called once each time it comes. */
export class Timer {
  /** When it is due; Infinity while stopped. */
  at: number = Number.POSITIVE_INFINITY
  /** Place in the heap; -1 while stopped. Only `Timers` writes it. */
  slot = -1
  readonly run: (now: Instant) => void
  readonly #timers: Timers

  constructor(timers: Timers, run: (now: Instant) => void) {
    this.#timers = timers
    this.run = run
  }

  get running(): boolean {
    return this.slot >= 0
  }

  /** Due at `at` instead of whenever it was. */
  set(at: number): void {
    this.#timers.set(this, at)
  }

  stop(): void {
    this.#timers.stop(this)
  }
}

export class Timers {
  readonly #heap: Timer[] = []

  /** When the earliest is due; Infinity where none is set. */
  get next(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.at
  }

  get size(): number {
    return this.#heap.length
  }

  set(timer: Timer, at: number): void {
    timer.at = at
    if (timer.slot < 0) {
      timer.slot = this.#heap.length
      this.#heap.push(timer)
      this.#up(timer)
    } else {
      this.#up(timer)
      this.#down(timer)
    }
  }

  stop(timer: Timer): void {
    if (timer.slot < 0) return
    const last = this.#heap.pop()!
    if (last !== timer) {
      last.slot = timer.slot
      this.#heap[last.slot] = last
      this.#up(last)
      this.#down(last)
    }
    timer.slot = -1
    timer.at = Number.POSITIVE_INFINITY
  }

  /** Runs what is due at `now`, earliest first. A timer that sets itself for `now` again waits for the next call. */
  fire(now: Instant): void {
    for (let budget = this.#heap.length; budget > 0; budget--) {
      const first = this.#heap[0]
      if (first === undefined || first.at > now) return
      this.stop(first)
      first.run(now)
    }
  }

  #up(timer: Timer): void {
    const heap = this.#heap
    let i = timer.slot
    while (i > 0) {
      const parent = heap[(i - 1) >> 1]!
      if (parent.at <= timer.at) break
      heap[i] = parent
      parent.slot = i
      i = (i - 1) >> 1
    }
    heap[i] = timer
    timer.slot = i
  }

  #down(timer: Timer): void {
    const heap = this.#heap
    let i = timer.slot
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= timer.at) break
      heap[i] = heap[child]!
      heap[i]!.slot = i
      i = child
    }
    heap[i] = timer
    timer.slot = i
  }
}
