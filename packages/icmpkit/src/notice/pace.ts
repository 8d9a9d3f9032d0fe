/**
 * How many notices may leave: a token bucket for all, and one for each address (RFC 1812 §4.3.2.8, RFC 4443 §2.4(f)). The
 * buckets of addresses are a fixed number, and a seeded hash says which is whose: two that share one wait for each other,
 * and no crowd of addresses costs memory.
 */
import type { FlowHash } from './flow-key.ts'

export interface Rates {
  /** Notices a second in the long run, and at once after a rest. */
  rate: number
  burst: number
  /** The same to one address. */
  perAddressRate: number
  perAddressBurst: number
}

export class Pace {
  readonly #rates: Rates
  readonly #hash: FlowHash
  #tokens: number
  #at = Number.NEGATIVE_INFINITY
  readonly #addressTokens: Float64Array
  readonly #addressAt: Float64Array

  constructor(rates: Rates, hash: FlowHash) {
    this.#rates = rates
    this.#hash = hash
    this.#tokens = rates.burst
    this.#addressTokens = new Float64Array(BUCKETS).fill(rates.perAddressBurst)
    this.#addressAt = new Float64Array(BUCKETS).fill(Number.NEGATIVE_INFINITY)
  }

  /**
   * When the next may leave, by the limit on all; `now` where one may at once. Who has `more` to send is better woken when a
   * batch of them may leave: a call of the system for each is what costs.
   */
  next(now: number, more = 1): number {
    const { rate, burst } = this.#rates
    if (now > this.#at) {
      const since = this.#at === Number.NEGATIVE_INFINITY ? 0 : now - this.#at
      this.#tokens = Math.min(burst, this.#tokens + (since * rate) / 1000)
      this.#at = now
    }
    if (this.#tokens >= 1) return now
    const batch = Math.max(1, Math.min(more, BATCH, burst))
    return rate === 0 ? Number.POSITIVE_INFINITY : now + ((batch - this.#tokens) * 1000) / rate
  }

  /** Takes the token that `next` found. */
  take(): void {
    this.#tokens--
  }

  /** One to the address at `at`; false: not now. */
  takeAddress(now: number, bytes: Uint8Array, at: number, octets: number): boolean {
    const { perAddressRate, perAddressBurst } = this.#rates
    const i = this.#hash.ofAddress(bytes, at, octets) & (BUCKETS - 1)
    const before = this.#addressAt[i]!
    let tokens = this.#addressTokens[i]!
    if (now > before) {
      if (before !== Number.NEGATIVE_INFINITY)
        tokens = Math.min(perAddressBurst, tokens + ((now - before) * perAddressRate) / 1000)
      this.#addressAt[i] = now
    }
    const may = tokens >= 1
    this.#addressTokens[i] = may ? tokens - 1 : tokens
    return may
  }
}

const BUCKETS = 4096
/** Packets that leave by one call of the system. */
const BATCH = 64
