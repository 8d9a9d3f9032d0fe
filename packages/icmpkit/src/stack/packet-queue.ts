/**
 * What waits to leave by one port: a bounded row of packets, each in a buffer that is used again by whatever queue needs
 * one next. A full queue takes no more (`no-buffer`); congestion is never answered with an ICMP message (RFC 4443 §3.1,
 * RFC 6633).
 */

/** A packet that waits, from `bytes[0]` to `end`. */
export interface Waiting {
  bytes: Uint8Array
  end: number
  next: Waiting | undefined
}

export class PacketQueue {
  /** Packets in it. */
  size = 0
  readonly #limit: number
  #first: Waiting | undefined = undefined
  #last: Waiting | undefined = undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** A buffer for `octets`, queued at once: the caller fills it before the next call. undefined where the queue is full. */
  claim(octets: number): Uint8Array | undefined {
    if (this.size >= this.#limit) return undefined
    const w = octets <= SMALL ? (small.pop() ?? fresh(SMALL)) : (large.pop() ?? fresh(LARGE))
    if (w.bytes.length < octets) w.bytes = new Uint8Array(octets)
    w.end = octets
    if (this.#last === undefined) this.#first = w
    else this.#last.next = w
    this.#last = w
    this.size++
    return w.bytes
  }

  /** The oldest, borrowed until `shift`; undefined where none waits. */
  get first(): { readonly bytes: Uint8Array; readonly end: number } | undefined {
    return this.#first
  }

  shift(): void {
    release(this.take()!)
  }

  /** The oldest, which is its taker's until `release`; undefined where none waits. */
  take(): Waiting | undefined {
    const w = this.#first
    if (w === undefined) return undefined
    this.#first = w.next
    w.next = undefined
    if (this.#first === undefined) this.#last = undefined
    this.size--
    return w
  }

  clear(): void {
    while (this.size > 0) this.shift()
  }
}

/** Its buffer may be used again. */
export function release(w: Waiting): void {
  // What is larger goes with its packet.
  if (w.bytes.length === SMALL) keep(small, w)
  else if (w.bytes.length === LARGE) keep(large, w)
}

function fresh(octets: number): Waiting {
  return { bytes: new Uint8Array(octets), end: 0, next: undefined }
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
