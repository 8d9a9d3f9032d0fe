/**
 * Who waits for which transmit stamp. The kernel numbers stamps (SOF_TIMESTAMPING_OPT_ID); this ring turns the number
 * back into the tag. Stamps have no drop counter: those that do not come are counted here.
 */
import type { Instant } from '../clock.ts'

export class StampRing {
  #gaps = 0
  /** Number of the next packet. */
  next = 0
  /** What became of the stamps of all packets before this one is known. */
  #judged = 0
  readonly #tags = new Float64Array(SIZE)
  readonly #keys = new Float64Array(SIZE)
  /** User clock before the send call. */
  readonly #before = new Float64Array(SIZE)

  /** Takes the next number for `tag`. */
  expect(tag: number, before: Instant): number {
    const key = this.next++
    const i = key & (SIZE - 1)
    if (this.#tags[i] !== 0) this.#gaps++
    this.#tags[i] = tag
    this.#keys[i] = key
    this.#before[i] = before
    return key
  }

  /** Stamps that did not come within a second of their packet, up to `now`. */
  gaps(now: Instant): number {
    // In the order in which they left: where one has still time, those behind it have too.
    for (let key = Math.max(this.#judged, this.next - SIZE); key < this.next; key++) {
      const i = key & (SIZE - 1)
      if (this.#tags[i] !== 0) {
        if (this.#before[i]! > now - PATIENCE) break
        this.#tags[i] = 0
        this.#gaps++
      }
      this.#judged = key + 1
    }
    return this.#gaps
  }

  /** The packets from number `key` on did not leave. */
  rollBack(key: number): void {
    for (let k = key; k < this.next; k++) this.#tags[k & (SIZE - 1)] = 0
    this.next = key
  }

  /** The tag whose stamp this is; 0 where nobody waits, or where the stamp lies outside of what the user clock saw. */
  match(key: number, stamp: Instant, now: Instant): number {
    const i = key & (SIZE - 1)
    const tag = this.#tags[i]!
    if (tag === 0 || this.#keys[i] !== key) return 0
    if (stamp < this.#before[i]! - SLACK || stamp > now + SLACK) return 0
    this.#tags[i] = 0
    return tag
  }
}

/** More than a receive queue holds of them. */
const SIZE = 8192
/** A stamp is taken when the driver has the packet: later than this it was lost, ms. */
const PATIENCE = 1000
/** Reading one clock after the other is good to this, ms. */
const SLACK = 0.01
