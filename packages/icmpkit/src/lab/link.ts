/**
 * A link: what leaves one end arrives at the others later, or never, or twice. Its ends have a queue in front (where it
 * has a rate) and a bound on what is on the way, so a flood costs no more memory than that.
 */
import type { Instant } from '../clock.ts'
import type { Port } from '../stack/port.ts'
import { swallows } from './behaviour-black-hole.ts'
import { Direction } from './direction.ts'
import type { EventHeap } from './event-heap.ts'
import type { Flight, FlightPool } from './flight.ts'
import { ipAt, labelOctets } from './frame-view.ts'
import type { Random } from './random.ts'
import type { LinkChange, LinkPlan } from './topology.ts'

/** What became of one packet towards one receiver. */
export type Fate =
  | 'carried'
  | 'duplicated'
  | 'reordered'
  | 'corrupted'
  | 'lost'
  /** By a black hole. */
  | 'swallowed'
  | 'queue-full'
  | 'too-big'
  | 'down'

/** One packet at the moment it enters a link; `bytes` is on loan until the call returns. */
export interface Passing {
  time: Instant
  link: string
  from: string
  to: string
  bytes: Uint8Array
  at: number
  end: number
  fate: Fate
  /** When it arrives; NaN where it does not. */
  arrives: Instant
  /** It was lost in a burst, and not by `loss`. */
  bursty: boolean
}

/** Where a link ends: a port of a node. */
export interface LinkEnd {
  readonly node: string
  readonly port: Port
  /** Takes what arrives; the flight is used again when it returns. */
  receive: (now: Instant, flight: Flight) => void
}

/** One end's side of the link. */
class Side {
  readonly end: LinkEnd
  readonly does: Direction
  /** Until then it transmits what it has. */
  busyUntil = 0
  /** The latest arrival that it has promised: nothing passes it. */
  lastArrival = 0
  /** Moments at which those that wait will have left: a ring, made where there is a rate. */
  departures: Float64Array | undefined
  head = 0
  waiting = 0

  constructor(end: LinkEnd, does: Direction) {
    this.end = end
    this.does = does
  }
}

/** A link of the network under way; `Lab.change` changes it. */
export class Link {
  readonly name: string
  readonly medium: 'ethernet' | 'ip'
  up: boolean
  mtu: number
  /** Packets on the way. */
  flying = 0
  /** What became of how many packets. */
  readonly counts: Partial<Record<Fate, number>> = {}
  readonly taps: ((p: Passing) => void)[] = []
  readonly #sides: Side[] = []
  readonly #heap: EventHeap
  readonly #pool: FlightPool
  readonly #random: Random
  readonly #plan: LinkPlan
  /** Of the packet that is told now. */
  #bursty = false

  constructor(plan: LinkPlan, heap: EventHeap, pool: FlightPool, random: Random) {
    this.name = plan.name
    this.medium = plan.medium
    this.up = plan.up ?? true
    this.mtu = plan.mtu
    this.#plan = plan
    this.#heap = heap
    this.#pool = pool
    this.#random = random
  }

  change(to: LinkChange): void {
    this.up = to.up ?? this.up
    this.mtu = to.mtu ?? this.mtu
    for (const { end, does } of this.#sides) {
      does.set(to)
      does.set(to.from?.[end.node])
    }
  }

  /** What happens to packets that the node sends; undefined where it is not on this link. */
  direction(from: string): Direction | undefined {
    return this.#sides.find((s) => s.end.node === from)?.does
  }

  get ends(): readonly LinkEnd[] {
    return this.#sides.map((s) => s.end)
  }

  /** Returns the number of the new end, which `send` takes. */
  join(end: LinkEnd): number {
    const does = new Direction()
    does.set(this.#plan)
    does.set(this.#plan.from?.[end.node])
    return this.#sides.push(new Side(end, does)) - 1
  }

  /** Takes the packet at `at…end` from the end `from`; copies it. */
  send(now: Instant, from: number, bytes: Uint8Array, at: number, end: number): void {
    const sides = this.#sides
    const side = sides[from]!
    const stops = this.#stops(now, side, bytes, at, end)
    const leaves = stops === undefined ? this.#leave(now, side, end - at) : now
    const one = this.medium === 'ethernet' ? this.#receiver(side, bytes, at) : undefined
    for (const to of sides) {
      if (to === side || (one !== undefined && to !== one)) continue
      if (stops !== undefined) this.#tell(now, side, to, bytes, at, end, stops, NEVER)
      else this.#carry(now, leaves, side, to, bytes, at, end)
    }
  }

  #stops(now: Instant, side: Side, bytes: Uint8Array, at: number, end: number): Fate | undefined {
    if (!this.up) return 'down'
    if (end - at - side.end.port.header > this.mtu && this.#isTooBig(side, bytes, at, end)) return 'too-big'
    const { blackHole, rate, queue } = side.does
    if (blackHole !== undefined) {
      const ip = ipAt(this.medium, bytes, at, end)
      if (ip >= 0 && swallows(blackHole, bytes, ip, end)) return 'swallowed'
    }
    if (this.flying >= MAX_FLYING) return 'queue-full'
    if (rate === Number.POSITIVE_INFINITY) return undefined
    while (side.waiting > 0 && side.departures![side.head]! <= now) {
      side.head = (side.head + 1) % side.departures!.length
      side.waiting--
    }
    return side.waiting >= queue ? 'queue-full' : undefined
  }

  /** Labels take nothing from the MTU: networks that use them have room for them. */
  #isTooBig(side: Side, bytes: Uint8Array, at: number, end: number): boolean {
    return end - at - side.end.port.header - labelOctets(this.medium, bytes, at, end) > this.mtu
  }

  /** When its last bit is on the wire. */
  #leave(now: Instant, side: Side, octets: number): number {
    const { rate, queue } = side.does
    if (rate === Number.POSITIVE_INFINITY) return now
    if (side.departures?.length !== queue) this.#resize(side)
    side.busyUntil = Math.max(now, side.busyUntil) + (octets * 8000) / rate
    const ring = side.departures!
    ring[(side.head + side.waiting++) % ring.length] = side.busyUntil
    return side.busyUntil
  }

  #resize(side: Side): void {
    const old = side.departures
    const ring = new Float64Array(side.does.queue)
    side.waiting = Math.min(side.waiting, ring.length - 1)
    for (let i = 0; i < side.waiting; i++) ring[i] = old![(side.head + i) % old!.length]!
    side.departures = ring
    side.head = 0
  }

  /** On Ethernet: the side with the destination's address; undefined where it is a group, or nobody's. */
  #receiver(from: Side, bytes: Uint8Array, at: number): Side | undefined {
    if ((bytes[at]! & 1) === 1) return undefined
    for (const to of this.#sides) {
      const { mac } = to.end.port
      let i = 5
      while (i >= 0 && bytes[at + i] === mac[i]) i--
      if (i < 0 && to !== from) return to
    }
    return undefined
  }

  #carry(now: Instant, leaves: number, side: Side, to: Side, bytes: Uint8Array, at: number, end: number): void {
    const random = this.#random
    const { does } = side
    const lost = random.chance(does.loss)
    this.#bursty = !lost && does.burstLoss !== undefined && does.losesInBurst(random)
    if (lost || this.#bursty) {
      this.#tell(now, side, to, bytes, at, end, 'lost', NEVER)
      return
    }
    let fate: Fate = 'carried'
    let arrives = leaves + does.delay
    if (does.jitter > 0) arrives += does.jitter * (2 * random.fraction() - 1)
    if (random.chance(does.reorder)) {
      fate = 'reordered'
      arrives = leaves
    } else {
      arrives = Math.max(arrives, leaves, side.lastArrival)
      side.lastArrival = arrives
    }
    const flight = this.#fly(arrives, to, bytes, at, end)
    if (random.chance(does.corrupt)) {
      fate = 'corrupted'
      const bit = random.below((end - at) * 8)
      flight.bytes[bit >>> 3]! ^= 1 << (bit & 7)
    }
    this.#tell(now, side, to, bytes, at, end, fate, arrives)
    if (random.chance(does.duplicate)) {
      this.#fly(arrives, to, flight.bytes, 0, flight.end)
      this.#tell(now, side, to, bytes, at, end, 'duplicated', arrives)
    }
  }

  #fly(arrives: number, to: Side, bytes: Uint8Array, at: number, end: number): Flight {
    const flight = this.#pool.take(end - at)
    if (end - at <= SHORT) for (let i = at, o = 0; i < end; ) flight.bytes[o++] = bytes[i++]!
    else flight.bytes.set(bytes.subarray(at, end))
    flight.end = end - at
    flight.link = this
    flight.to = to.end
    this.flying++
    this.#heap.setBrief(flight, arrives)
    return flight
  }

  #tell(now: Instant, from: Side, to: Side, bytes: Uint8Array, at: number, end: number, fate: Fate, arrives: number) {
    this.counts[fate] = (this.counts[fate] ?? 0) + 1
    if (this.taps.length === 0) return
    const p: Passing = {
      time: now,
      link: this.name,
      from: from.end.node,
      to: to.end.node,
      bytes,
      at,
      end,
      fate,
      arrives: arrives as Instant,
      bursty: fate === 'lost' && this.#bursty,
    }
    for (const tap of this.taps) tap(p)
  }
}

/** Packets on the way over one link: more is more than a network would hold. */
const MAX_FLYING = 65_536
const NEVER = Number.NaN
/** Below this a loop is faster than `set` with its subarray. */
const SHORT = 128
