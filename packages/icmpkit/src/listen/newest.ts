/**
 * Replays: a notice is good for a minute around its time, and only until a newer one of the same key and program has been
 * heard. Both bounded: an attacker without a key puts nothing into the table, since only what is signed gets here.
 */

/** Seconds that a notice may be older or newer than this machine's clock. */
export const WINDOW = 60

/** The newest time heard of each key and program. */
export class Newest {
  readonly #times = new Map<string, number>()
  readonly #limit: number

  constructor(limit = 4096) {
    this.#limit = limit
  }

  get size(): number {
    return this.#times.size
  }

  /** Takes note of a notice that was written at `time`, seconds since 1970. */
  judge(key: string, program: string, time: number): 'new' | 'older' {
    const name = `${key} ${program}`
    const newest = this.#times.get(name)
    if (newest !== undefined && time < newest) return 'older'
    // The one heard longest ago goes first; it is stale by then, or somebody has thousands of programs.
    this.#times.delete(name)
    if (this.#times.size >= this.#limit) this.#times.delete(this.#times.keys().next().value!)
    this.#times.set(name, time)
    return 'new'
  }
}

/** By the clock alone. */
export function freshness(time: number, now: number): 'fresh' | 'stale' | 'early' {
  if (time < now - WINDOW) return 'stale'
  return time > now + WINDOW ? 'early' : 'fresh'
}
