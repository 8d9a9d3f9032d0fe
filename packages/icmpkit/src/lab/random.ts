/**
 * Chance in a lab: xoshiro128** (Blackman, Vigna) in whole 32-bit arithmetic, so that a seed gives the same numbers on
 * every machine. Each user has a stream of its own: what one draws moves nothing of another.
 */

export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  /** `stream` tells the users of one seed apart. */
  constructor(seed: number, stream: number) {
    let state = (seed | 0) ^ Math.imul(Math.floor(seed / 2 ** 32) | 0, 0x85ebca6b) ^ Math.imul(stream + 1, 0x9e3779b9)
    const next = () => {
      state = (state + 0x9e3779b9) | 0
      let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
      return z ^ (z >>> 16)
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    // All zero is the one state that it never leaves.
    this.#d = next() | 1
  }

  /** 0 … 2^32-1. */
  next(): number {
    const product = Math.imul(this.#b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** 0 ≤ r < 1, a multiple of 2^-32. */
  fraction(): number {
    return this.next() / 2 ** 32
  }

  /** True once in `1 / share` times; a share of nothing draws nothing. */
  chance(share: number): boolean {
    return share > 0 && this.next() < share * 2 ** 32
  }

  /** A whole number, 0 ≤ r < limit. */
  below(limit: number): number {
    return Math.floor((this.next() * limit) / 2 ** 32)
  }
}
