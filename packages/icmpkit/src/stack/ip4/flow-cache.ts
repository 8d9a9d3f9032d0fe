/**
 * Forwarding decisions that hold until routes, addresses or ports change: by source, destination and the port that a
 * datagram came in by, so that every check that depends on these three is done once a flow.
 *
 * Direct mapped: a new flow takes the place of the one that hashes alike. It never grows, and a flood of flows costs
 * each packet what it would cost without the cache.
 */
import { i32 } from '../../wire/octets.ts'

export class FlowCache {
  /** Rows of source, destination, incoming port, outgoing port, next hop. Port 0 is none: the row is empty. */
  readonly #rows = new Int32Array(FLOWS * ROW)
  readonly #keyA: number
  readonly #keyB: number
  #empty = true

  /** `random` makes the hash unguessable. */
  constructor(random: () => number) {
    this.#keyA = (random() * 2 ** 32) | 0 | 1
    this.#keyB = (random() * 2 ** 32) | 0 | 1
  }

  /** How many it holds. */
  get size(): number {
    let size = 0
    for (let row = 0; row < this.#rows.length; row += ROW) if (this.#rows[row + 3] !== 0) size++
    return size
  }

  /** The row of the flow whose source and destination stand at `src` in `bytes`; -1 where it is not known. */
  find(bytes: Uint8Array, src: number, inPort: number): number {
    const a = i32(bytes, src)
    const b = i32(bytes, src + 4)
    const row = this.#row(a, b, inPort)
    const rows = this.#rows
    return rows[row] === a && rows[row + 1] === b && rows[row + 2] === inPort && rows[row + 3] !== 0 ? row : -1
  }

  outPort(row: number): number {
    return this.#rows[row + 3]!
  }

  nextHop(row: number): number {
    return this.#rows[row + 4]!
  }

  set(src: number, dst: number, inPort: number, outPort: number, nextHop: number): void {
    const rows = this.#rows
    const row = this.#row(src, dst, inPort)
    rows[row] = src
    rows[row + 1] = dst
    rows[row + 2] = inPort
    rows[row + 3] = outPort
    rows[row + 4] = nextHop
    this.#empty = false
  }

  clear(): void {
    if (this.#empty) return
    this.#rows.fill(0)
    this.#empty = true
  }

  #row(src: number, dst: number, inPort: number): number {
    let h = Math.imul(src ^ this.#keyA, 0x9e3779b1) ^ Math.imul(dst ^ this.#keyB, 0x85ebca6b) ^ inPort
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
    return ((h ^ (h >>> 13)) & (FLOWS - 1)) * ROW
  }
}

const FLOWS = 4096
const ROW = 5
