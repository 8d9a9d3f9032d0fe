/** The one timer place of a machine: a binary heap of things due, earliest first. Entries are cancelled by being ignored when due. */
import type { Instant } from '../clock.ts'

export class TimerHeap<T> {
  readonly #at: number[] = []
  readonly #what: T[] = []

  get size(): number {
    return this.#at.length
  }

  /** When the earliest is due, or undefined. */
  get next(): Instant | undefined {
    return this.#at[0] as Instant | undefined
  }

  push(at: number, what: T): void {
    const ats = this.#at
    const whats = this.#what
    let i = ats.length
    ats.push(at)
    whats.push(what)
    while (i > 0) {
      const up = (i - 1) >> 1
      if (ats[up]! <= at) break
      ats[i] = ats[up]!
      whats[i] = whats[up]!
      i = up
    }
    ats[i] = at
    whats[i] = what
  }

  /** The earliest entry if it is due at `now`, taken out. */
  pop(now: number): T | undefined {
    const ats = this.#at
    if (ats.length === 0 || ats[0]! > now) return undefined
    const whats = this.#what
    const first = whats[0]!
    const at = ats.pop()!
    const what = whats.pop()!
    const length = ats.length
    if (length > 0) {
      let i = 0
      for (;;) {
        let down = 2 * i + 1
        if (down >= length) break
        if (down + 1 < length && ats[down + 1]! < ats[down]!) down++
        if (ats[down]! >= at) break
        ats[i] = ats[down]!
        whats[i] = whats[down]!
        i = down
      }
      ats[i] = at
      whats[i] = what
    }
    return first
  }
}
