/**
 * A table from IP address to a non-negative int32, looked up from packet octets without making a value of them.
 *
 * Open addressing over int32 words with a seeded hash. A Map keyed by the bigint would hash its low 64 bits only:
 * 2001:db8:N::1 all collide, and an attacker chooses them (docs/decisions/addresses.md). IPv4 addresses stand in it
 * as four words with a marker that no IPv6 address of the table's own can take.
 *
 * Few rows are compared one by one: that costs less than a hash, and a tenth of its memory.
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

  /** One of them, for whoever needs no more: none is made. */
  word(i: number): number {
    return wordOf(this.#seed, i)
  }
}

/** Words a row: four of address, one family, one value. */
const ROW = 6
/** Rows that are compared one by one; before the first address there is none. */
const FEW = 8
/** Rows of the first table with a hash. */
const FIRST = 32
const NONE: number[] = []
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
  /** In the order of their coming, no more than `FEW`; undefined from then on. */
  #few: number[] | undefined = NONE
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
    const few = this.#few
    if (few !== undefined) {
      const row = scan(few, bytes, at, family)
      return row < 0 ? -1 : few[row + 5]!
    }
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
    if (this.#few !== undefined) {
      const row = scan(this.#few, KEY, 0, family)
      if (row >= 0) {
        this.#few[row + 5] = value
        return true
      }
      if (this.size >= this.#limit) return false
      if (this.size < FEW) {
        this.#few = this.#few.concat(rowOf(family, value))
        this.size++
        return true
      }
      this.#hash(this.#few)
    }
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
    const family = typeof ip === 'bigint' ? 6 : 4
    writeIp(ip, KEY, 0)
    if (this.#few !== undefined) {
      const row = scan(this.#few, KEY, 0, family)
      if (row < 0) return false
      this.#few = this.#few.toSpliced(row, ROW)
      this.size--
      return true
    }
    let hole = this.#find(KEY, 0, family)
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

  /** There are more than few from now on. */
  #hash(few: readonly number[]): void {
    this.#few = undefined
    this.#keys = typeof this.#seed === 'number' ? keysOf(this.#seed) : this.#seed.words
    this.#mask = FIRST - 1
    this.#rows = new Int32Array(FIRST * ROW)
    this.#put(Int32Array.from(few))
  }

  #grow(): void {
    const old = this.#rows
    this.#mask = this.#mask * 2 + 1
    this.#rows = new Int32Array((this.#mask + 1) * ROW)
    this.#put(old)
  }

  /** What stands in other rows. */
  #put(old: Int32Array): void {
    for (let from = 0; from < old.length; from += ROW) {
      if (old[from + 4] === 0) continue
      let row = this.#home(old[from]!, old[from + 1]!, old[from + 2]!, old[from + 3]!, old[from + 4]!)
      while (this.#rows[row + 4] !== 0) row = this.#next(row)
      this.#rows.set(old.subarray(from, from + ROW), row)
    }
  }
}

/** The row of the address at `at`, one by one; -1 where it has none. The last word of a row tells most of them apart. */
function scan(few: readonly number[], bytes: Uint8Array, at: number, family: number): number {
  const a = i32(bytes, at)
  if (family === 4) {
    for (let row = 0; row < few.length; row += ROW) if (few[row] === a && few[row + 4] === 4) return row
    return -1
  }
  const d = i32(bytes, at + 12)
  for (let row = 0; row < few.length; row += ROW) {
    if (few[row + 3] !== d || few[row] !== a || few[row + 4] !== 6) continue
    if (few[row + 1] === i32(bytes, at + 4) && few[row + 2] === i32(bytes, at + 8)) return row
  }
  return -1
}

/** A row of the address on its way into a look-up. */
function rowOf(family: number, value: number): number[] {
  if (family === 4) return [i32(KEY, 0), 0, 0, 0, 4, value]
  return [i32(KEY, 0), i32(KEY, 4), i32(KEY, 8), i32(KEY, 12), 6, value]
}

/** Multipliers out of one seed (splitmix32). */
function keysOf(seed: number): Int32Array {
  return Int32Array.from({ length: 18 }, (_, i) => wordOf(seed, i))
}

function wordOf(seed: number, i: number): number {
  let z = (seed + Math.imul(i + 1, 0x9e3779b9)) | 0
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return z ^ (z >>> 16)
}
