/**
 * The sliding buffer of a capture reader: filled at the back, read from the front, as small as its largest record.
 * Memory stays constant whatever the size of the file.
 */

import type { Frame } from './frame.ts'
import type { Malformed } from './malformed.ts'

/** Longest packet that a reader believes, octets: libpcap's and Wireshark's own limit (MAXIMUM_SNAPLEN). */
export const MAX_PACKET = 262_144

/** What came of one step: a packet is in the frame, a Malformed record was stepped over, or more octets are needed. */
export type Step = 'packet' | 'more' | Malformed

/** A file format: takes one record from the front of the window. */
export interface Format {
  step(w: Window, frame: Frame): Step
}

export class Window {
  bytes: Uint8Array
  /** The same octets. */
  view: DataView
  /** First octet not yet read, and the end of what is here. */
  at = 0
  end = 0
  /** Offset in the file of `bytes[0]`. */
  base = 0
  /** No more will come. */
  ended = false
  /** Octets from `at` that the next step needs. */
  want = 0
  /** Octets still to be thrown away as they come. */
  #debt = 0

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Free room of at least `atLeast` octets at the back, to be filled by the caller. Moves `bytes`, `at` and `end`. */
  space(atLeast: number): Uint8Array {
    const unread = this.end - this.at
    const needed = Math.max(unread + atLeast, this.want)
    this.want = 0
    if (this.at + needed > this.bytes.length) {
      const room = needed > this.bytes.length ? new Uint8Array(Math.max(needed, this.bytes.length * 2)) : this.bytes
      room.set(this.bytes.subarray(this.at, this.end))
      if (room !== this.bytes) this.view = new DataView(room.buffer)
      this.bytes = room
      this.base += this.at
      this.at = 0
      this.end = unread
    }
    return this.bytes.subarray(this.end)
  }

  filled(octets: number): void {
    this.end += octets
    if (this.#debt > 0) this.#pay()
  }

  /** True where `octets` from `at` are here; else remembers the wish. */
  has(octets: number): boolean {
    if (this.end - this.at >= octets) return true
    this.want = octets
    return false
  }

  /** Steps over octets that may not have come yet. */
  skip(octets: number): void {
    this.#debt += octets
    this.#pay()
  }

  get offset(): number {
    return this.base + this.at
  }

  #pay(): void {
    const paid = Math.min(this.#debt, this.end - this.at)
    this.at += paid
    this.#debt -= paid
  }
}
