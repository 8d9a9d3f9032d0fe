/** So many a second, and so many at once: what a flood may cost this machine. */
import type { Instant } from '../clock.ts'

export class Allowance {
  readonly #perSecond: number
  readonly #burst: number
  #left: number
  #at: Instant | undefined

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#left = burst
  }

  /** False: none is left. */
  take(now: Instant): boolean {
    if (this.#at !== undefined) {
      this.#left = Math.min(this.#burst, this.#left + (Math.max(now - this.#at, 0) * this.#perSecond) / 1000)
    }
    this.#at = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
