/**
 * The ICMP identifiers of a run. A firewall can stay stuck on one for ever, so a target that has lost many probes in a row is
 * asked with another: one of our own, or, where the kernel puts its own in, a new one for the door.
 */
import type { Instant } from '../clock.ts'
import type { Family } from '../wire/addr.ts'
import type { PingSettings } from './ping-settings.ts'
import type { Target } from './ping-target.ts'

/** A kernel identifier is changed at most this often: other targets share it. */
const ROTATE_EVERY_MS = 10_000
const ROTATE_RETRY_MS = 500
/** Identifiers of our own that stuck targets take in turn; a filter in the kernel has to know them all. */
const IDS = 32

export class Identifiers {
  /** Of all targets, until one is stuck: a kernel filter lets up only so many. */
  readonly first: number
  readonly #s: PingSettings
  readonly #rotatedAt: Record<Family, number> = { 4: Number.NEGATIVE_INFINITY, 6: Number.NEGATIVE_INFINITY }
  #rotateAgainAt = Number.NEGATIVE_INFINITY

  constructor(settings: PingSettings) {
    this.#s = settings
    this.first = Math.floor(settings.random() * 0x10000)
  }

  /** `t` has lost one more. True: the door of its family should take a new identifier; `all` are the targets of the run. */
  lost(now: Instant, t: Target, all: Iterable<Target>): boolean {
    if (t.many || t.bursts.run < t.rotateAfter) return false
    const mayRotate = now - this.#rotatedAt[t.family] >= ROTATE_EVERY_MS
    let rotates = false
    if (this.#s.echoId(t.family) === undefined) {
      t.id = (this.first + ((t.id - this.first + 1) & (IDS - 1))) & 0xffff
    } else if (mayRotate) {
      if (now < this.#rotateAgainAt) return false
      // What is on its way to the old identifier would be lost: a later moment may be better.
      this.#rotateAgainAt = now + ROTATE_RETRY_MS
      if (answersAreDue(t.family, all)) return false
      this.#rotatedAt[t.family] = now
      rotates = true
    }
    t.rotateAfter = t.bursts.run * 2
    return rotates
  }
}

/** A target that does answer has a probe in flight. */
function answersAreDue(family: Family, all: Iterable<Target>): boolean {
  for (const t of all) {
    if (t.family === family && t.flying > 0 && t.bursts.run === 0 && t.phase !== 'done') return true
  }
  return false
}
