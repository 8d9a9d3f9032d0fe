/**
 * Identification values (RFC 6864 §4.3): one counter for each of many groups of destination and protocol, each begun at
 * random, so that none comes again soon for the same two nodes and an observer of one learns little of another.
 *
 * A node that speaks to one group has one counter: the others are made with the second.
 */
import type { TableKeys } from '../../wire/ip-table.ts'
import { i32 } from '../../wire/octets.ts'

export class Identification {
  readonly #random: () => number
  readonly #key: number
  /** While it is the only one. */
  #group = -1
  #counter = 0
  #counters: Uint16Array | undefined

  constructor(random: () => number, keys: TableKeys) {
    this.#random = random
    this.#key = keys.word(0)
  }

  /** The next one for `protocol` and the address that stands at `dst` in `bytes`. */
  next(bytes: Uint8Array, dst: number, protocol: number): number {
    let hash = Math.imul(i32(bytes, dst) ^ this.#key, 0x9e3779b1) ^ Math.imul(protocol + 1, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
    const group = (hash ^ (hash >>> 13)) & (GROUPS - 1)
    const counters = this.#counters
    if (counters !== undefined) {
      counters[group] = counters[group]! + 1
      return counters[group]!
    }
    if (this.#group === -1) {
      this.#group = group
      this.#counter = this.#begin()
    } else if (this.#group !== group) {
      this.#counters = Uint16Array.from({ length: GROUPS }, () => this.#begin())
      this.#counters[this.#group] = this.#counter
      return this.next(bytes, dst, protocol)
    }
    this.#counter = (this.#counter + 1) & 0xffff
    return this.#counter
  }

  #begin(): number {
    return Math.floor(this.#random() * 0x10000)
  }
}

const GROUPS = 2048
