/**
 * The probes of a run in the order they left: who times out next, whom a stamp belongs to, and what may be forgotten.
 * All have the same time-out, so a queue does what a heap would.
 */
import type { Instant } from '../clock.ts'
import type { Probe, Target } from './ping-target.ts'

/** A reply later than this after its probe is foreign: nothing is kept for ever. */
const MEMORY_MS = 60_000
/** Probes kept for late replies and duplicates; the oldest settled ones go first. */
const MEMORY_PROBES = 1 << 17
/** Probes from the oldest in flight on: a time-out of hours at full speed must not fill the memory. */
const MOST_IN_FLIGHT = 1 << 19

export class ProbeMemory {
  /** The first `#settled` have timed out or ended, the first `#forgotten` are gone. */
  readonly #order: (Probe | undefined)[] = []
  #settled = 0
  #forgotten = 0
  readonly #byTag = new Map<number, Probe>()
  #nextTag = 1

  /** The next probe of `t`, which leaves now. */
  launch(t: Target, now: Instant, id: number, midnightMs: number): Probe {
    const probe: Probe = {
      target: t,
      ext: t.ext,
      id,
      tag: this.#nextTag,
      userAt: now,
      sentAt: now,
      sentClock: 'user',
      midnightMs,
      state: 'flying',
      responders: undefined,
    }
    this.#nextTag = this.#nextTag === 0x7fffffff ? 1 : this.#nextTag + 1
    this.#byTag.set(probe.tag, probe)
    t.probes.set(probe.ext, probe)
    this.#order.push(probe)
    return probe
  }

  /** False: the oldest in flight is to be given up before its time. */
  get hasRoom(): boolean {
    return this.#order.length - this.#settled < MOST_IN_FLIGHT
  }

  byTag(tag: number): Probe | undefined {
    return this.#byTag.get(tag)
  }

  /** The one that times out first. */
  oldestFlying(): Probe | undefined {
    while (this.#settled < this.#order.length) {
      const probe = this.#order[this.#settled]
      if (probe !== undefined && probe.state === 'flying') return probe
      this.#settled++
    }
    return undefined
  }

  /** Lets go what is too old, or more than there is room for. `gone` hears of targets that have ended and have no probe left. */
  forget(now: Instant, gone: (t: Target) => void): void {
    while (this.#forgotten < this.#settled) {
      const probe = this.#order[this.#forgotten]!
      const kept = this.#order.length - this.#forgotten
      if (kept <= MEMORY_PROBES && now - probe.userAt < MEMORY_MS) break
      const t = probe.target
      t.probes.delete(probe.ext)
      this.#byTag.delete(probe.tag)
      this.#order[this.#forgotten++] = undefined
      if (t.phase === 'done' && t.probes.size === 0) gone(t)
    }
    if (this.#forgotten > 4096 && this.#forgotten * 2 > this.#order.length) {
      this.#order.splice(0, this.#forgotten)
      this.#settled -= this.#forgotten
      this.#forgotten = 0
    }
  }
}
