/**
 * Which target's turn it is, and when: each by the pace of the run, all of them together within its packet rate. One timer heap
 * for all targets.
 */
import type { Instant } from '../clock.ts'
import type { Family } from '../wire/addr.ts'
import type { PingSettings } from './ping-settings.ts'
import type { Target } from './ping-target.ts'
import { TimerHeap } from './timer-heap.ts'

/** A wake-up this late is made good by a short burst; a later one is not. */
const SPACING_SLACK_MS = 2
/** In a flood an answer is awaited so long. */
const FLOOD_MS = 10

export class Pace {
  readonly #s: PingSettings
  readonly #due = new TimerHeap<Target>()
  readonly #ready: Record<Family, Target[]> = { 4: [], 6: [] }
  #spacedUntil: Instant = Number.NEGATIVE_INFINITY as Instant

  constructor(settings: PingSettings) {
    this.#s = settings
  }

  /** An entry of the heap that comes too early is put off when it comes, so that one a target is enough. */
  dueAt(t: Target, at: number): void {
    t.dueAt = at as Instant
    if (at >= t.timerAt) return
    t.timerAt = at
    this.#due.push(at, t)
  }

  /** Whose time has come takes a place in the queue. */
  wake(now: Instant): void {
    for (let at = this.#due.next; at !== undefined && at <= now; at = this.#due.next) {
      const t = this.#due.pop(now)!
      if (at === t.timerAt) t.timerAt = Number.POSITIVE_INFINITY
      if (t.phase !== 'asking' || t.ready) continue
      // It became due later since: an answer came and the pace began anew.
      if (t.dueAt > now) this.dueAt(t, t.dueAt)
      else this.#makeReady(t)
    }
  }

  /** When somebody's turn may come; infinite where nobody's will. */
  get nextAt(): Instant {
    const next = this.#due.next ?? (Number.POSITIVE_INFINITY as Instant)
    const waiting = this.#ready[4].length + this.#ready[6].length > 0
    return waiting && this.#spacedUntil < next ? this.#spacedUntil : next
  }

  /** Who has been ready longest. Under a packet rate the families share it so: a door does not pass the other's turn. */
  next(now: Instant, family: Family | undefined): Target | undefined {
    const spaced = this.#s.spacingMs > 0
    if (spaced && now < this.#spacedUntil) return undefined
    const four = this.#first(4)
    const six = this.#first(6)
    const turn = six === undefined || (four !== undefined && four.dueAt <= six.dueAt) ? 4 : 6
    if (spaced && family !== undefined && family !== turn) return undefined
    const t = this.#ready[family ?? turn].shift()
    if (t !== undefined) t.ready = false
    return t
  }

  /** A packet has left. */
  left(now: Instant): void {
    const { spacingMs } = this.#s
    if (spacingMs > 0) this.#spacedUntil = (Math.max(this.#spacedUntil, now - SPACING_SLACK_MS) + spacingMs) as Instant
  }

  /** The next probe to `t`, behind one that left now. */
  again(now: Instant, t: Target): void {
    const { pace, intervalMs } = this.#s
    let wait = pace === 'flood' ? Math.min(FLOOD_MS, intervalMs) : intervalMs
    if (t.preloadLeft > 0) {
      t.preloadLeft--
      wait = 0
    }
    // From when it was due, not from now, so that the pace does not drift; but never to catch up in a burst.
    this.dueAt(t, Math.max(pace === 'interval' ? t.dueAt + wait : now + wait, wait === 0 ? now : now + wait / 2))
  }

  /** The last probe to `t` was answered: but for a fixed interval the next may leave at once. */
  answered(now: Instant, t: Target): void {
    if (this.#s.pace === 'interval' || t.phase !== 'asking' || t.ready) return
    t.dueAt = now
    this.#makeReady(t)
  }

  #makeReady(t: Target): void {
    t.ready = true
    this.#ready[t.family].push(t)
  }

  #first(family: Family): Target | undefined {
    const queue = this.#ready[family]
    while (queue.length > 0 && queue[0]!.phase !== 'asking') queue.shift()!.ready = false
    return queue[0]
  }
}
