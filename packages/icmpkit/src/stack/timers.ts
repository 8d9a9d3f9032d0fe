/**
 * The one timer place of a node: handles that are set, set anew and stopped, in one binary heap. `next` is what
 * `pollTimeout` tells, so nothing can be left running elsewhere.
 */
import type { Instant } from '../clock.ts'
import type { Changes } from './changes.ts'

/** A deadline that knows what is to be done: `run` is called once each time it comes. */
export abstract class Deadline {
  /** When it is due; Infinity while stopped. */
  at: number = Number.POSITIVE_INFINITY
  /** Place in the heap; -1 while stopped. Only `Timers` writes it. */
  slot = -1
  readonly #timers: Timers

  constructor(timers: Timers) {
    this.#timers = timers
  }

  abstract run(now: Instant): void

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

/** One that is told what to do. What every node has is a `Deadline` of its own kind instead: it needs no function a node. */
export class Timer extends Deadline {
  readonly #run: (now: Instant) => void

  constructor(timers: Timers, run: (now: Instant) => void) {
    super(timers)
    this.#run = run
  }

  override run(now: Instant): void {
    this.#run(now)
  }
}

export class Timers {
  readonly #changes: Changes
  #heap: Deadline[] = NONE

  /** `changes` is told when `next` may be another. */
  constructor(changes: Changes) {
    this.#changes = changes
  }

  /** When the earliest is due; Infinity where none is set. */
  get next(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.at
  }

  get size(): number {
    return this.#heap.length
  }

  set(timer: Deadline, at: number): void {
    timer.at = at
    this.#changes.toSettle = true
    if (timer.slot < 0) {
      timer.slot = this.#heap.length
      // An array that is pushed to has room for sixteen more, and most nodes have few timers.
      if (this.#heap.length < FEW) this.#heap = this.#heap.concat(timer)
      else this.#heap.push(timer)
      this.#up(timer)
    } else {
      this.#up(timer)
      this.#down(timer)
    }
  }

  stop(timer: Deadline): void {
    if (timer.slot < 0) return
    this.#changes.toSettle = true
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

  #up(timer: Deadline): void {
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

  #down(timer: Deadline): void {
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

const FEW = 8
const NONE: Deadline[] = []
