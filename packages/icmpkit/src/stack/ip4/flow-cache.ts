/**
 * Next hops that hold until routes, addresses or ports change: by source, destination and the port that a datagram came in
 * by, so that what depends on these three is decided once a flow. (Of a gateway's own: `ways.ts`.)
 *
 * Direct mapped: a new flow takes the place of the one that hashes alike; first the cache grows, up to its bound, and a
 * flood of flows costs each packet what it would cost without it.
 */
import type { TableKeys } from '../../wire/ip-table.ts'
import { i32 } from '../../wire/octets.ts'

export class FlowCache {
  /** Rows of source, destination, port, next hop. Port 0 is none: the row is empty. */
  #rows: Int32Array = NONE
  #mask = 0
  readonly #keyA: number
  readonly #keyB: number
  #empty = true

  /** `keys` make the hash unguessable. */
  constructor(keys: TableKeys) {
    this.#keyA = keys.word(1) | 1
    this.#keyB = keys.word(2) | 1
  }

  /** The row of the flow whose source and destination stand at `src` in `bytes`; -1 where it is not known. */
  find(bytes: Uint8Array, src: number, inPort: number): number {
    const a = i32(bytes, src)
    const b = i32(bytes, src + 4)
    const row = this.#row(a, b, inPort)
    const rows = this.#rows
    return rows[row] === a && rows[row + 1] === b && rows[row + 2] === inPort ? row : -1
  }

  nextHop(row: number): number {
    return this.#rows[row + 3]!
  }

  set(src: number, dst: number, inPort: number, nextHop: number): void {
    let row = this.#row(src, dst, inPort)
    while (this.#mask < FLOWS - 1 && this.#isTaken(row, src, dst, inPort)) {
      this.#grow()
      row = this.#row(src, dst, inPort)
    }
    const rows = this.#rows
    rows[row] = src
    rows[row + 1] = dst
    rows[row + 2] = inPort
    rows[row + 3] = nextHop
    this.#empty = false
  }

  clear(): void {
    if (this.#empty) return
    this.#rows.fill(0)
    this.#empty = true
  }

  /** By another flow; or there is no room at all yet. */
  #isTaken(row: number, src: number, dst: number, inPort: number): boolean {
    const rows = this.#rows
    if (rows === NONE) return true
    return rows[row + 2] !== 0 && (rows[row] !== src || rows[row + 1] !== dst || rows[row + 2] !== inPort)
  }

  #grow(): void {
    const old = this.#rows
    this.#mask = Math.max(FIRST - 1, this.#mask * 4 + 3)
    this.#rows = new Int32Array((this.#mask + 1) * ROW)
    for (let from = 0; from < old.length; from += ROW) {
      if (old[from + 2] === 0) continue
      this.#rows.set(old.subarray(from, from + ROW), this.#row(old[from]!, old[from + 1]!, old[from + 2]!))
    }
  }

  #row(src: number, dst: number, inPort: number): number {
    let h = Math.imul(src ^ this.#keyA, 0x9e3779b1) ^ Math.imul(dst ^ this.#keyB, 0x85ebca6b) ^ inPort
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
    return ((h ^ (h >>> 13)) & this.#mask) * ROW
  }
}

/** At most, and at first. */
const FLOWS = 4096
const FIRST = 16
const ROW = 4
const NONE = new Int32Array(ROW)
