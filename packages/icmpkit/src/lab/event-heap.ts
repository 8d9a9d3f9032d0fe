/**
 * What happens next in a whole network: two heaps with one order. Of two things due at once the one that was put in first comes
 * first, so a link keeps the order of its packets.
 *
 * When things are due stands beside each other in one array, and not in the things: to find the first of ten thousand
 * touches a few lines of the processor's cache, not thousands.
 */
import type { Instant } from '../clock.ts'

/** Something due; it stands in one heap at most. */
export interface Happening {
  /** Place in the heap; -1 while it is in none. Only the heap writes it. */
  place: number
  happen(now: Instant): void
}

export class EventHeap {
  /** When what was taken last was due. */
  due = 0
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
    return Math.min(this.#lasting.due, this.#brief.due)
  }

  /** Puts it in, or moves it. */
  set(h: Happening, due: number): void {
    if (h.place >= 0) this.#lasting.remove(h)
    this.#lasting.put(h, due, this.#order++)
  }

  /** Puts in what stays until it happens: it is neither moved nor removed. */
  setBrief(h: Happening, due: number): void {
    this.#brief.put(h, due, this.#order++)
  }

  remove(h: Happening): void {
    if (h.place >= 0) this.#lasting.remove(h)
  }

  /** When that is due; Infinity where it is not put in. */
  dueOf(h: Happening): number {
    return h.place < 0 ? Number.POSITIVE_INFINITY : this.#lasting.dueAt(h.place)
  }

  /** Takes out the first that is due at `until` or before. */
  take(until: number): Happening | undefined {
    const lasting = this.#lasting
    const brief = this.#brief
    const heap = brief.due < lasting.due || (brief.due === lasting.due && brief.order < lasting.order) ? brief : lasting
    if (heap.size === 0 || heap.due > until) return undefined
    this.due = heap.due
    return heap.shift()
  }
}

/** Four children to a place: those of one stand in one line of the cache. */
class Heap {
  size = 0
  /** Due and order of each place. */
  #keys = new Float64Array(2 * FIRST).fill(Number.POSITIVE_INFINITY)
  readonly #all: (Happening | undefined)[] = []

  /** Of the first; Infinity where there is none. */
  get due(): number {
    return this.#keys[0]!
  }

  get order(): number {
    return this.#keys[1]!
  }

  dueAt(place: number): number {
    return this.#keys[2 * place]!
  }

  put(h: Happening, due: number, order: number): void {
    if (2 * this.size === this.#keys.length) this.#grow()
    this.#up(this.size++, h, due, order)
  }

  shift(): Happening {
    const first = this.#all[0]!
    this.#take(0)
    first.place = -1
    return first
  }

  remove(h: Happening): void {
    this.#take(h.place)
    h.place = -1
  }

  /** The last comes to where one went away. */
  #take(place: number): void {
    const last = --this.size
    const keys = this.#keys
    const due = keys[2 * last]!
    const order = keys[2 * last + 1]!
    const h = this.#all[last]!
    this.#all[last] = undefined
    keys[2 * last] = Number.POSITIVE_INFINITY
    if (place === last) return
    if (place > 0 && this.#isBefore(due, order, (place - 1) >> 2)) this.#up(place, h, due, order)
    else this.#down(place, h, due, order)
  }

  #up(place: number, h: Happening, due: number, order: number): void {
    let i = place
    while (i > 0) {
      const parent = (i - 1) >> 2
      if (!this.#isBefore(due, order, parent)) break
      this.#move(parent, i)
      i = parent
    }
    this.#stand(i, h, due, order)
  }

  #down(place: number, h: Happening, due: number, order: number): void {
    const keys = this.#keys
    let i = place
    for (;;) {
      let child = 4 * i + 1
      if (child >= this.size) break
      const end = Math.min(child + 4, this.size)
      for (let c = child + 1; c < end; c++) if (this.#isBefore(keys[2 * c]!, keys[2 * c + 1]!, child)) child = c
      if (this.#isBefore(due, order, child)) break
      this.#move(child, i)
      i = child
    }
    this.#stand(i, h, due, order)
  }

  #isBefore(due: number, order: number, place: number): boolean {
    const other = this.#keys[2 * place]!
    return due < other || (due === other && order < this.#keys[2 * place + 1]!)
  }

  #move(from: number, to: number): void {
    const keys = this.#keys
    keys[2 * to] = keys[2 * from]!
    keys[2 * to + 1] = keys[2 * from + 1]!
    const h = this.#all[from]!
    this.#all[to] = h
    h.place = to
  }

  #stand(place: number, h: Happening, due: number, order: number): void {
    this.#keys[2 * place] = due
    this.#keys[2 * place + 1] = order
    this.#all[place] = h
    h.place = place
  }

  #grow(): void {
    const wide = new Float64Array(2 * this.#keys.length).fill(Number.POSITIVE_INFINITY)
    wide.set(this.#keys)
    this.#keys = wide
  }
}

/** Places at first. */
const FIRST = 16
