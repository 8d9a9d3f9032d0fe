/**
 * Identification values (RFC 6864 §4.3): one counter for each of many groups of destination and protocol, each begun at
 * random, so that none comes again soon for the same two nodes and an observer of one learns little of another.
 */
import { i32 } from '../../wire/octets.ts'

export class Identification {
  readonly #random: () => number
  /** Made with the first datagram that needs one. */
  #counters: Uint16Array | undefined
  readonly #key: number

  constructor(random: () => number) {
    this.#random = random
    this.#key = (random() * 2 ** 32) | 0
  }

  /** The next one for `protocol` and the address that stands at `dst` in `bytes`. */
  next(bytes: Uint8Array, dst: number, protocol: number): number {
    let hash = Math.imul(i32(bytes, dst) ^ this.#key, 0x9e3779b1) ^ Math.imul(protocol + 1, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
    const group = (hash ^ (hash >>> 13)) & (GROUPS - 1)
    this.#counters ??= Uint16Array.from({ length: GROUPS }, () => Math.floor(this.#random() * 0x10000))
    const counters = this.#counters
    counters[group] = counters[group]! + 1
    return counters[group]!
  }
}

const GROUPS = 2048
