/**
 * What waits to leave by one port: a bounded ring of packets, each in a buffer that is used again by whatever queue needs
 * one next. A full queue takes no more (`no-buffer`); congestion is never answered with an ICMP message (RFC 4443 §3.1,
 * RFC 6633).
 */

interface Waiting {
  bytes: Uint8Array
  end: number
}

export class PacketQueue {
  /** Packets in it. */
  size = 0
  readonly #limit: number
  #ring: (Waiting | undefined)[] = NONE
  #head = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** A buffer for `octets`, queued at once: the caller fills it before the next call. undefined where the queue is full. */
  claim(octets: number): Uint8Array | undefined {
    if (this.size >= this.#limit) return undefined
    if (this.#ring === NONE) this.#ring = [undefined]
    const w = octets <= SMALL ? (small.pop() ?? fresh(SMALL)) : (large.pop() ?? fresh(LARGE))
    if (w.bytes.length < octets) w.bytes = new Uint8Array(octets)
    w.end = octets
    this.#ring[(this.#head + this.size) % this.#limit] = w
    this.size++
    return w.bytes
  }

  /** The oldest, borrowed until `shift`; undefined where none waits. */
  get first(): { readonly bytes: Uint8Array; readonly end: number } | undefined {
    return this.size === 0 ? undefined : this.#ring[this.#head]
  }

  shift(): void {
    const w = this.#ring[this.#head]!
    this.#ring[this.#head] = undefined
    // What is larger goes with its packet.
    if (w.bytes.length === SMALL) keep(small, w)
    else if (w.bytes.length === LARGE) keep(large, w)
    this.size--
    // An empty queue begins anew, so that one which is never long stays small.
    this.#head = this.size === 0 ? 0 : (this.#head + 1) % this.#limit
  }

  clear(): void {
    while (this.size > 0) this.shift()
  }
}

function fresh(octets: number): Waiting {
  return { bytes: new Uint8Array(octets), end: 0 }
}

function keep(spare: Waiting[], w: Waiting): void {
  if (spare.length < SPARE) spare.push(w)
}

/** Octets of the buffers that are kept. */
const SMALL = 128
const LARGE = 2048
/** So many of each. */
const SPARE = 1024
const small: Waiting[] = []
const large: Waiting[] = []
const NONE: (Waiting | undefined)[] = []
