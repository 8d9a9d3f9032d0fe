/**
 * Identification values (RFC 6864 §4.3): one counter for each of many groups of destination and protocol, each begun at
 * random, so that none comes again soon for the same two nodes and an observer of one learns little of another.
 */
import { i32 } from '../../wire/octets.ts'

export class Identification {
  readonly #counters: Uint16Array = new Uint16Array(GROUPS)
  readonly #key: number

  constructor(random: () => number) {
    this.#key = (random() * 2 ** 32) | 0
    for (let i = 0; i < GROUPS; i++) this.#counters[i] = Math.floor(random() * 0x10000)
  }

  /** The next one for `protocol` and the address that stands at `dst` in `bytes`. */
  next(bytes: Uint8Array, dst: number, protocol: number): number {
    let hash = Math.imul(i32(bytes, dst) ^ this.#key, 0x9e3779b1) ^ Math.imul(protocol + 1, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
    const group = (hash ^ (hash >>> 13)) & (GROUPS - 1)
    this.#counters[group] = this.#counters[group]! + 1
    return this.#counters[group]!
  }
}

const GROUPS = 2048
