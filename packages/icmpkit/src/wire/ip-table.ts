/**
 * A table from IP address to a non-negative int32, looked up from packet octets without making a value of them.
 *
 * Open addressing over int32 words with a seeded hash. A Map keyed by the bigint would hash its low 64 bits only:
 * 2001:db8:N::1 all collide, and an attacker chooses them (docs/decisions/addresses.md). IPv4 addresses stand in it
 * as four words with a marker that no IPv6 address of the table's own can take.
 */
import { type Ip, writeIp } from './addr.ts'
import { i32 } from './octets.ts'

/** What hides from outsiders where an address stands; the tables of one owner may share it. */
export class TableKeys {
  readonly #seed: number
  #words: Int32Array | undefined

  /** `seed` is any int32 nobody outside can guess. */
  constructor(seed: number) {
    this.#seed = seed
  }

  get words(): Int32Array {
    this.#words ??= keysOf(this.#seed)
    return this.#words
  }
}

/** Words a row: four of address, one family, one value. */
const ROW = 6
/** Rows of the first table; before the first address there is none, so that an empty one costs next to nothing. */
const FIRST = 4
const NO_ROWS = new Int32Array(ROW)
const NO_KEYS = new Int32Array(18)
/** An address on its way into a look-up. */
const KEY = new Uint8Array(16)

/** Integers by address, bounded by whoever fills it; it begins empty and grows. */
export class IpTable {
  /** Rows in use. */
  size = 0
  readonly #limit: number
  readonly #seed: number | TableKeys
  #keys: Int32Array = NO_KEYS
  #rows: Int32Array = NO_ROWS
  #mask = 0

  /** `seed`: any int32 nobody outside can guess, or keys made of one; `limit` bounds the rows: `set` refuses the next. */
  constructor(seed: number | TableKeys, limit: number = 1 << 20) {
    this.#seed = seed
    this.#limit = limit
  }

  /** The value of the address of `family` that stands at `at`, or -1. */
  getAt(bytes: Uint8Array, at: number, family: number): number {
    const row = this.#find(bytes, at, family)
    return this.#rows[row + 4] === 0 ? -1 : this.#rows[row + 5]!
  }

  get(ip: Ip): number {
    if (this.size === 0) return -1
    writeIp(ip, KEY, 0)
    return this.getAt(KEY, 0, typeof ip === 'bigint' ? 6 : 4)
  }

  /** False where the table is full and the address is new. */
  set(ip: Ip, value: number): boolean {
    const family = typeof ip === 'bigint' ? 6 : 4
    writeIp(ip, KEY, 0)
    let row = this.#find(KEY, 0, family)
    const rows = this.#rows
    if (rows[row + 4] === 0) {
      if (this.size >= this.#limit) return false
      if ((this.size + 1) * 2 > this.#mask) {
        this.#grow()
        row = this.#find(KEY, 0, family)
      }
      this.#fill(row, KEY, 0, family)
      this.size++
    }
    this.#rows[row + 5] = value
    return true
  }

  /** Takes the address out; rows behind it move up, so that no tombstones pile up under an attacker's churn. */
  delete(ip: Ip): boolean {
    writeIp(ip, KEY, 0)
    let hole = this.#find(KEY, 0, typeof ip === 'bigint' ? 6 : 4)
    const rows = this.#rows
    if (rows[hole + 4] === 0) return false
    this.size--
    for (let row = this.#next(hole); rows[row + 4] !== 0; row = this.#next(row)) {
      const home = this.#home(rows[row]!, rows[row + 1]!, rows[row + 2]!, rows[row + 3]!, rows[row + 4]!)
      // The row may fill the hole unless its home lies cyclically after the hole.
      const stays = hole <= row ? hole < home && home <= row : hole < home || home <= row
      if (stays) continue
      rows.copyWithin(hole, row, row + ROW)
      hole = row
    }
    rows[hole + 4] = 0
    return true
  }

  #find(bytes: Uint8Array, at: number, family: number): number {
    const a = i32(bytes, at)
    const b = family === 6 ? i32(bytes, at + 4) : 0
    const c = family === 6 ? i32(bytes, at + 8) : 0
    const d = family === 6 ? i32(bytes, at + 12) : 0
    const rows = this.#rows
    let row = this.#home(a, b, c, d, family)
    while (
      rows[row + 4] !== 0 &&
      (rows[row] !== a || rows[row + 1] !== b || rows[row + 2] !== c || rows[row + 3] !== d || rows[row + 4] !== family)
    ) {
      row = this.#next(row)
    }
    return row
  }

  #fill(row: number, bytes: Uint8Array, at: number, family: number): void {
    const rows = this.#rows
    rows[row] = i32(bytes, at)
    rows[row + 1] = family === 6 ? i32(bytes, at + 4) : 0
    rows[row + 2] = family === 6 ? i32(bytes, at + 8) : 0
    rows[row + 3] = family === 6 ? i32(bytes, at + 12) : 0
    rows[row + 4] = family
  }

  #next(row: number): number {
    return row === this.#mask * ROW ? 0 : row + ROW
  }

  /**
   * Two multilinear hashes over the 16-bit halves, their upper 16 bits joined. Strongly universal for keys nobody knows:
   * no set of addresses collides for every seed, as it does with a seeded Murmur.
   */
  #home(a: number, b: number, c: number, d: number, family: number): number {
    const k = this.#keys
    const high =
      k[0]! +
      Math.imul(k[1]!, a >>> 16) +
      Math.imul(k[2]!, a & 0xffff) +
      Math.imul(k[3]!, b >>> 16) +
      Math.imul(k[4]!, b & 0xffff) +
      Math.imul(k[5]!, c >>> 16) +
      Math.imul(k[6]!, c & 0xffff) +
      Math.imul(k[7]!, d >>> 16) +
      Math.imul(k[8]!, d & 0xffff) +
      family
    const low =
      k[9]! +
      Math.imul(k[10]!, a >>> 16) +
      Math.imul(k[11]!, a & 0xffff) +
      Math.imul(k[12]!, b >>> 16) +
      Math.imul(k[13]!, b & 0xffff) +
      Math.imul(k[14]!, c >>> 16) +
      Math.imul(k[15]!, c & 0xffff) +
      Math.imul(k[16]!, d >>> 16) +
      Math.imul(k[17]!, d & 0xffff) +
      family
    return ((((high | 0) & 0xffff0000) | ((low | 0) >>> 16)) & this.#mask) * ROW
  }

  #grow(): void {
    const old = this.#rows
    if (old === NO_ROWS) this.#keys = typeof this.#seed === 'number' ? keysOf(this.#seed) : this.#seed.words
    this.#mask = Math.max(FIRST - 1, this.#mask * 2 + 1)
    this.#rows = new Int32Array((this.#mask + 1) * ROW)
    for (let from = 0; from < old.length; from += ROW) {
      if (old[from + 4] === 0) continue
      let row = this.#home(old[from]!, old[from + 1]!, old[from + 2]!, old[from + 3]!, old[from + 4]!)
      while (this.#rows[row + 4] !== 0) row = this.#next(row)
      this.#rows.set(old.subarray(from, from + ROW), row)
    }
  }
}

/** Multipliers out of one seed (splitmix32). */
function keysOf(seed: number): Int32Array {
  const keys = new Int32Array(18)
  let state = seed | 0
  for (let i = 0; i < keys.length; i++) {
    state = (state + 0x9e3779b9) | 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    keys[i] = z ^ (z >>> 16)
  }
  return keys
}
