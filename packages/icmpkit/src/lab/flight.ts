/** Packets on the way, each in a buffer that is used again: a hop makes no garbage. */
import type { Instant } from '../clock.ts'
import type { Happening } from './event-heap.ts'
import type { Link, LinkEnd } from './link.ts'

/** One packet on one link, from `bytes[0]` to `end`. */
export class Flight implements Happening {
  due = 0
  order = 0
  place = -1
  bytes: Uint8Array
  end = 0
  link: Link | undefined
  to: LinkEnd | undefined
  readonly #pool: FlightPool

  constructor(pool: FlightPool, room: number) {
    this.#pool = pool
    this.bytes = new Uint8Array(room)
  }

  happen(now: Instant): void {
    this.link!.flying--
    this.to!.receive(now, this)
    this.#pool.give(this)
  }
}

export class FlightPool {
  readonly #small: Flight[] = []
  readonly #large: Flight[] = []

  take(octets: number): Flight {
    if (octets <= SMALL) return this.#small.pop() ?? new Flight(this, SMALL)
    if (octets <= LARGE) return this.#large.pop() ?? new Flight(this, LARGE)
    return new Flight(this, octets)
  }

  give(flight: Flight): void {
    flight.link = undefined
    flight.to = undefined
    const list = flight.bytes.length === SMALL ? this.#small : flight.bytes.length === LARGE ? this.#large : undefined
    if (list !== undefined && list.length < KEPT) list.push(flight)
  }
}

const SMALL = 256
const LARGE = 2048
/** Of each size, that wait to be used again. */
const KEPT = 4096
