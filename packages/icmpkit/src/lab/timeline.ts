/** Virtual time: it stands still but for `run` and `step`, and goes from one event to the next. */
import type { Instant } from '../clock.ts'
import { EventHeap } from './event-heap.ts'

export class Timeline {
  readonly heap: EventHeap = new EventHeap()
  #now = 0 as Instant

  /** Milliseconds since the network began. */
  get now(): Instant {
    return this.#now
  }

  /** Everything due at `until` or before happens; then it is `until`. */
  run(until: number): void {
    while (this.step(until));
    if (until > this.#now) this.#now = until as Instant
  }

  /** The next thing happens, where one is due at `until` or before; false where none is, and time stays as it was. */
  step(until: number): boolean {
    const next = this.heap.take(until)
    if (next === undefined) return false
    if (this.heap.due > this.#now) this.#now = this.heap.due as Instant
    next.happen(this.#now)
    return true
  }
}
