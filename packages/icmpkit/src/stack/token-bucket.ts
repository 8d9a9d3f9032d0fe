/**
 * The limit on messages that a node makes of its own (RFC 4443 §2.4(f), RFC 1812 §4.3.2.8): a token bucket, so that a
 * traceroute's burst passes and a flood's average does not.
 */
import type { Instant } from '../clock.ts'

export interface BucketSettings {
  /** Messages a second in the long run; 0 stops them, Infinity is no limit. */
  rate: number
  /** Messages at once after a rest. */
  burst: number
}

export class TokenBucket {
  readonly rate: number
  readonly burst: number
  #tokens: number
  #at = 0

  constructor({ rate, burst }: BucketSettings) {
    this.rate = rate
    this.burst = burst
    this.#tokens = burst
  }

  /** True: one may be sent now, and its token is taken. */
  take(now: Instant): boolean {
    if (this.rate === Number.POSITIVE_INFINITY) return true
    if (this.rate === 0) return false
    if (now > this.#at) {
      this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#at) * this.rate) / 1000)
      this.#at = now
    }
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
