/** Random numbers that a seed repeats (sfc32, by Chris Doty-Humphrey, public domain). */
export class Random {
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.imul(seed, 0x9e3779b1)
    this.#c = ~seed
    for (let i = 0; i < 16; i++) this.word()
  }

  /** A signed 32-bit integer. */
  word(): number {
    const t = (this.#a + this.#b + this.#count++) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0
    return t
  }

  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return (((this.word() >>> 0) * limit) / 0x100000000) | 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }
}
