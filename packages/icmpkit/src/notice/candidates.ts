/**
 * Flows on their way into the table: heard, answered, and not yet heard again. A forged source is never heard again after
 * the answer, so a flood of them passes through here and never reaches the table; all it can do is push others out, which
 * then come in with their next datagram but two.
 *
 * Fixed memory: two buckets of eight for each flow, by two hashes, and the emptier takes it; the oldest makes room. A flow
 * is known by 55 bits of hash, and by its bucket.
 */

/** What the datagram made of it. */
export type Step = 'first' | 'again' | 'confirmed'

export class Candidates {
  /** Two words a place: hash, then 23 bits of the other hash, 7 of age, 2 of what happened. All zero: free. */
  #words: Int32Array = new Int32Array(FIRST * BUCKET * 2)
  #buckets = FIRST
  readonly #most: number
  /** Places in use. */
  size = 0

  /** `most`: places at most, rounded up to a power of two. */
  constructor(most: number) {
    let buckets = FIRST
    while (buckets * BUCKET < most) buckets *= 2
    this.#most = buckets
  }

  /** Octets of memory that it takes. */
  get memory(): number {
    return this.#words.byteLength
  }

  /** A datagram came in. `confirmed`: it is the second, and there was an answer in between; it is no candidate any more. */
  heard(a: number, b: number, now: number): Step {
    const age = ageOf(now)
    const at = this.#find(a, b, age)
    if (at >= 0) {
      const answered = (this.#words[at + 1]! & WHAT) === ANSWERED
      if (answered) this.#free(at)
      return answered ? 'confirmed' : 'again'
    }
    // Half full, no bucket of the emptier two is full yet (Azar et al. 1999); full, there is always one.
    if (this.size * 2 > this.#buckets * BUCKET && this.#buckets < this.#most) this.#grow()
    const place = this.#room(a, b, age)
    if (this.#words[place + 1] === 0) this.size++
    this.#words[place] = a
    this.#words[place + 1] = (b & OTHER) | (age << 2) | HEARD
    return 'first'
  }

  /** A datagram went out to it. */
  answered(a: number, b: number, now: number): void {
    if (this.size === 0) return
    const at = this.#find(a, b, ageOf(now))
    if (at >= 0) this.#words[at + 1] = (this.#words[at + 1]! & ~WHAT) | ANSWERED
  }

  #find(a: number, b: number, age: number): number {
    for (const bucket of this.#pair(a, b)) {
      for (let at = bucket; at < bucket + BUCKET * 2; at += 2) {
        const word = this.#words[at + 1]!
        if (word === 0 || this.#words[at] !== a || ((word ^ b) & OTHER) !== 0) continue
        if (!isOld(word, age)) return at
        this.#free(at)
      }
    }
    return -1
  }

  /** A free place in the emptier bucket, else that of the oldest. */
  #room(a: number, b: number, age: number): number {
    let best = -1
    let most = -1
    let oldest = -1
    let years = -1
    for (const bucket of this.#pair(a, b)) {
      let free = 0
      let place = -1
      for (let at = bucket; at < bucket + BUCKET * 2; at += 2) {
        const word = this.#words[at + 1]!
        if (word === 0) {
          free++
          place = at
          continue
        }
        const since = (age - ((word & AGE) >>> 2)) & AGES
        if (since > years) {
          years = since
          oldest = at
        }
      }
      if (free > most) {
        most = free
        best = place
      }
    }
    return best >= 0 ? best : oldest
  }

  #pair(a: number, b: number): readonly [number, number] {
    const mask = this.#buckets - 1
    PAIR[0] = (a & mask) * BUCKET * 2
    // The upper bits, as the lower ones of `b` are not kept.
    PAIR[1] = ((b >>> 9) & mask) * BUCKET * 2
    return PAIR
  }

  #free(at: number): void {
    this.#words[at] = 0
    this.#words[at + 1] = 0
    this.size--
  }

  #grow(): void {
    const old = this.#words
    this.#buckets *= 2
    this.#words = new Int32Array(this.#buckets * BUCKET * 2)
    for (let at = 0; at < old.length; at += 2) {
      const word = old[at + 1]!
      if (word === 0) continue
      const place = this.#room(old[at]!, word, (word & AGE) >>> 2)
      this.#words[place] = old[at]!
      this.#words[place + 1] = word
    }
  }
}

/** In half seconds, modulo 64 s; twice what a candidate lives. */
function ageOf(now: number): number {
  return Math.floor(now / 500) & AGES
}

function isOld(word: number, age: number): boolean {
  return ((age - ((word & AGE) >>> 2)) & AGES) > OLD
}

const PAIR: [number, number] = [0, 0]
/** Places in a bucket. */
const BUCKET = 8
/** Buckets at the beginning. */
const FIRST = 16
const WHAT = 3
const HEARD = 1
const ANSWERED = 2
const AGES = 127
const AGE = AGES << 2
const OTHER = ~511
/** Half minutes without an answer, or without a second datagram: as long as a connection tracker waits (30 s). */
const OLD = 60
