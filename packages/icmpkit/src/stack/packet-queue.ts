/**
 * What waits to leave by one port: a bounded ring of packets, each in a buffer that is used again. A full queue takes
 * no more (`no-buffer`); congestion is never answered with an ICMP message (RFC 4443 §3.1, RFC 6633).
 */

interface Waiting {
  bytes: Uint8Array
  end: number
}

export class PacketQueue {
  /** Packets in it. */
  size = 0
  readonly #limit: number
  readonly #ring: Waiting[] = []
  #head = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** A buffer for `octets`, queued at once: the caller fills it before the next call. undefined where the queue is full. */
  claim(octets: number): Uint8Array | undefined {
    if (this.size >= this.#limit) return undefined
    const i = (this.#head + this.size) % this.#limit
    this.size++
    let w = this.#ring[i]
    if (w === undefined) {
      w = { bytes: new Uint8Array(Math.max(octets, SMALL)), end: octets }
      this.#ring[i] = w
    } else if (w.bytes.length < octets) w.bytes = new Uint8Array(octets)
    w.end = octets
    return w.bytes
  }

  /** The oldest, borrowed until `shift`; undefined where none waits. */
  get first(): { readonly bytes: Uint8Array; readonly end: number } | undefined {
    return this.size === 0 ? undefined : this.#ring[this.#head]
  }

  shift(): void {
    const w = this.#ring[this.#head]!
    if (w.bytes.length > KEPT) w.bytes = EMPTY
    this.#head = (this.#head + 1) % this.#limit
    this.size--
  }

  clear(): void {
    while (this.size > 0) this.shift()
  }
}

/** Octets of the smallest buffer made. */
const SMALL = 128
/** A buffer above this is given back when its packet has left. */
const KEPT = 2048
const EMPTY = new Uint8Array(0)
