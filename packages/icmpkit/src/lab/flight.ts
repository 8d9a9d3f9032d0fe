/** Packets on the way, each in a buffer that is used again: a hop makes no garbage. */
import type { Instant } from '../clock.ts'
import type { Way } from '../stack/ip4/ways.ts'
import type { Happening } from './event-heap.ts'
import type { LinkEnd } from './link-end.ts'

/** One packet on one link, from `bytes[0]` to `end`. */
export class Flight implements Happening {
  place = -1
  end = 0
  to: LinkEnd | undefined
  bytes: Uint8Array
  /** The way that it took last, and a guess which it takes next: where the one before it went on from there. */
  took: Way | undefined = undefined
  guess: Way | undefined = undefined
  readonly #pool: FlightPool

  constructor(pool: FlightPool, bytes: Uint8Array) {
    this.#pool = pool
    this.bytes = bytes
  }

  /** A copy of what stands at `at…end`; there is room. */
  fill(bytes: Uint8Array, at: number, end: number): void {
    if (end - at <= SHORT) for (let i = at, o = 0; i < end; ) this.bytes[o++] = bytes[i++]!
    else this.bytes.set(bytes.subarray(at, end))
    this.end = end - at
  }

  happen(now: Instant): void {
    const to = this.to!
    to.flying--
    if (to.relays(now, this)) return
    to.owner.receive(now, this, to)
    this.#pool.give(this)
  }
}

export class FlightPool {
  readonly #small: Flight[] = []
  readonly #large: Flight[] = []
  /** What small buffers are cut from: at the start of a large network there are tens of thousands. */
  #block = new ArrayBuffer(0)
  #cut = 0

  take(octets: number): Flight {
    if (octets <= SMALL) return this.#small.pop() ?? new Flight(this, this.#piece())
    if (octets <= LARGE) return this.#large.pop() ?? new Flight(this, new Uint8Array(LARGE))
    return new Flight(this, new Uint8Array(octets))
  }

  give(flight: Flight): void {
    flight.to = undefined
    flight.took = undefined
    flight.guess = undefined
    const list = flight.bytes.length === SMALL ? this.#small : flight.bytes.length === LARGE ? this.#large : undefined
    if (list !== undefined && list.length < KEPT) list.push(flight)
  }

  #piece(): Uint8Array {
    if (this.#cut === this.#block.byteLength) {
      this.#block = new ArrayBuffer(BLOCK)
      this.#cut = 0
    }
    this.#cut += SMALL
    return new Uint8Array(this.#block, this.#cut - SMALL, SMALL)
  }
}

/** As the buffers of packets that wait: those of one length are exchanged, and no octet is copied. */
const SMALL = 128
const LARGE = 2048
const BLOCK = 256 * SMALL
/** Below this a loop is faster than `set` with its subarray. */
const SHORT = 128
/** Of each size, that wait to be used again. */
const KEPT = 4096
