/** What has been told a moment ago, so that a repeated notice is counted and not told again. Bounded; the oldest goes first. */
import type { Instant } from '../clock.ts'

export class ToldTable {
  readonly #until = new Map<string, Instant>()
  readonly #lifetime: number
  readonly #limit: number

  constructor(lifetime: number, limit: number) {
    this.#lifetime = lifetime
    this.#limit = limit
  }

  get size(): number {
    return this.#until.size
  }

  /** True the first time within the lifetime. */
  first(now: Instant, key: string): boolean {
    const until = this.#until.get(key)
    if (until !== undefined && until > now) return false
    this.#until.delete(key)
    for (const [old, ends] of this.#until) {
      if (ends > now && this.#until.size < this.#limit) break
      this.#until.delete(old)
    }
    this.#until.set(key, (now + this.#lifetime) as Instant)
    return true
  }
}
