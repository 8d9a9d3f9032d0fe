/**
 * What happens next in a whole network: two binary heaps with one order. Of two things due at once the one that was put in first comes
 * first, so a link keeps the order of its packets.
 */
import type { Instant } from '../clock.ts'

/** Something due; it stands in one heap at most. Only the heap writes `due`, `order` and `place`. */
export interface Happening {
  due: number
  order: number
  /** Place in the heap; -1 while it is in none. */
  place: number
  happen(now: Instant): void
}

export class EventHeap {
  /** Timers of nodes: as many as there are nodes, seldom moved. */
  readonly #lasting = new Heap()
  /** Packets on the way: few, and moved all the time. Apart from the others they stay in the processor's cache. */
  readonly #brief = new Heap()
  #order = 0

  get size(): number {
    return this.#lasting.size + this.#brief.size
  }

  /** When the first is due; Infinity where nothing is. */
  get next(): number {
    return Math.min(
      this.#lasting.first?.due ?? Number.POSITIVE_INFINITY,
      this.#brief.first?.due ?? Number.POSITIVE_INFINITY,
    )
  }

  /** Puts it in, or moves it. */
  set(h: Happening, due: number): void {
    h.due = due
    h.order = this.#order++
    this.#lasting.set(h)
  }

  /** Puts in what stays until it happens: it is neither moved nor removed. */
  setBrief(h: Happening, due: number): void {
    h.due = due
    h.order = this.#order++
    this.#brief.set(h)
  }

  remove(h: Happening): void {
    this.#lasting.remove(h)
  }

  /** Takes out the first that is due at `until` or before. */
  take(until: number): Happening | undefined {
    const a = this.#lasting.first
    const b = this.#brief.first
    const brief = b !== undefined && (a === undefined || before(b, a))
    const first = brief ? b : a
    if (first === undefined || first.due > until) return undefined
    if (brief) this.#brief.remove(first)
    else this.#lasting.remove(first)
    return first
  }
}

class Heap {
  readonly #heap: Happening[] = []

  get size(): number {
    return this.#heap.length
  }

  get first(): Happening | undefined {
    return this.#heap[0]
  }

  set(h: Happening): void {
    if (h.place < 0) {
      h.place = this.#heap.length
      this.#heap.push(h)
    }
    this.#up(h)
    this.#down(h)
  }

  remove(h: Happening): void {
    if (h.place < 0) return
    const last = this.#heap.pop()!
    if (last !== h) {
      last.place = h.place
      this.#heap[last.place] = last
      this.#up(last)
      this.#down(last)
    }
    h.place = -1
  }

  #up(h: Happening): void {
    const heap = this.#heap
    let i = h.place
    while (i > 0) {
      const parent = heap[(i - 1) >> 1]!
      if (!before(h, parent)) break
      heap[i] = parent
      parent.place = i
      i = (i - 1) >> 1
    }
    heap[i] = h
    h.place = i
  }

  #down(h: Happening): void {
    const heap = this.#heap
    let i = h.place
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, h)) break
      heap[i] = heap[child]!
      heap[i]!.place = i
      i = child
    }
    heap[i] = h
    h.place = i
  }
}

function before(a: Happening, b: Happening): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}
