/**
 * The last answers that went out with DF: no flow can vouch for a quote of one, so this memory does (RFC 1191 §6.2,
 * RFC 5927 §4). Without it a reply that is too big for the way back would be lost each time it is asked for.
 */
import { i32 } from '../../wire/octets.ts'
import type { Quote } from '../../wire/quote.ts'

export class AnswersSent {
  /** Rows of destination and the first eight octets of the message: type, code, checksum, identifier, sequence. */
  #rows: Int32Array = NONE
  #next = 0

  /** The message at `at` leaves for `dst`, in a datagram of `length` octets. */
  note(dst: number, bytes: Uint8Array, at: number, length: number): void {
    if (length <= CARRIED) return
    if (this.#rows === NONE) this.#rows = new Int32Array(ROWS * ROW)
    const row = this.#next
    const rows = this.#rows
    rows[row] = dst
    rows[row + 1] = i32(bytes, at)
    rows[row + 2] = i32(bytes, at + 4)
    this.#next = row === (ROWS - 1) * ROW ? 0 : row + ROW
  }

  /** The quote in `octets` is of one of them. */
  has(quote: Quote, octets: Uint8Array): boolean {
    const { payload } = quote.ip
    if (octets.length < payload + 8) return false
    const dst = i32(octets, DST)
    const first = i32(octets, payload)
    const second = i32(octets, payload + 4)
    const rows = this.#rows
    for (let row = 0; row < rows.length; row += ROW) {
      if (rows[row] === dst && rows[row + 1] === first && rows[row + 2] === second) return true
    }
    return false
  }
}

const ROWS = 256
const ROW = 3
const DST = 16
const NONE = new Int32Array(0)
/** No longer than every path is taken to carry (RFC 1122 §3.3.3): not worth remembering. */
const CARRIED = 576
