/**
 * A link: what leaves one end arrives at the others later, or never, or twice. Its ends have a queue in front (where it
 * has a rate) and a bound on what is on the way, so a flood costs no more memory than that.
 */
import type { Instant } from '../clock.ts'
import type { Port } from '../stack/port.ts'
import { swallows } from './behaviour-black-hole.ts'
import { type Direction, PLAIN } from './direction.ts'
import type { EventHeap } from './event-heap.ts'
import type { Flight, FlightPool } from './flight.ts'
import { ipAt, labelOctets } from './frame-view.ts'
import { Lane, LinkEnd, MAX_FLYING, type Owner } from './link-end.ts'
import { Random } from './random.ts'
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

/** A port that a link joins, and whose it is. */
export interface Joined {
  owner: Owner
  port: Port
}

/** What the links of one network share. */
export interface LinkShared {
  readonly heap: EventHeap
  readonly pool: FlightPool
  readonly seed: number
  /** By number of the end: the latest arrival that it has promised, which nothing passes. */
  readonly arrivals: Float64Array
}

/** A link of the network under way; `Lab.change` changes it. */
export class Link {
  #up: boolean
  #mtu: number
  #taps: ((p: Passing) => void)[] | undefined = undefined
  readonly #shared: LinkShared
  readonly medium: 'ethernet' | 'ip'
  readonly name: string
  readonly ends: readonly LinkEnd[]
  /** Among the links of the network. */
  readonly #number: number
  /** Of fates other than `carried`. */
  #others: Partial<Record<Fate, number>> | undefined = undefined
  /** Made when something is left to chance. */
  #random: Random | undefined = undefined

  /** @param firstEnd the number of its first end among all of the network */
  constructor(plan: LinkPlan, number: number, firstEnd: number, owners: readonly Joined[], shared: LinkShared) {
    this.name = plan.name
    this.medium = plan.medium
    this.#up = plan.up ?? true
    this.#mtu = plan.mtu
    this.#number = number
    this.#shared = shared
    const does = PLAIN.with(plan)
    this.ends = owners.map(
      ({ owner, port }, i) => new LinkEnd(this, owner, port, does.with(plan.from?.[owner.name]), firstEnd + i, shared),
    )
    if (this.ends.length === 2) {
      this.ends[0]!.peer = this.ends[1]
      this.ends[1]!.peer = this.ends[0]
    }
    this.#shorten()
  }

  get up(): boolean {
    return this.#up
  }

  get mtu(): number {
    return this.#mtu
  }

  /** Packets on the way. */
  get flying(): number {
    return this.ends.reduce((sum, e) => sum + e.flying, 0)
  }

  /** What became of how many packets. */
  get counts(): Partial<Record<Fate, number>> {
    const carried = this.ends.reduce((sum, e) => sum + e.carried, 0)
    return { ...(carried > 0 ? { carried } : {}), ...this.#others }
  }

  /** From now on `see` is shown every packet that enters it. */
  tap(see: (p: Passing) => void): void {
    this.#taps = [...(this.#taps ?? []), see]
    this.#shorten()
  }

  change(to: LinkChange): void {
    this.#up = to.up ?? this.#up
    this.#mtu = to.mtu ?? this.#mtu
    for (const end of this.ends) end.does = end.does.with(to).with(to.from?.[end.node])
    this.#shorten()
  }

  /** Which packets need no look at it: where it is up and does nothing but delay, and nobody looks on. */
  #shorten(): void {
    for (const end of this.ends) {
      const isShort = this.#up && this.#taps === undefined && end.peer !== undefined && end.does.isPlain
      end.room = isShort ? this.#mtu + end.port.header : -1
    }
  }

  /** What happens to packets that the node sends; undefined where it is not on this link. */
  direction(from: string): Direction | undefined {
    return this.ends.find((e) => e.node === from)?.does
  }

  /** Takes the packet at `at…end` from one of its ends; copies it. */
  send(now: Instant, from: LinkEnd, bytes: Uint8Array, at: number, end: number): void {
    const stops = this.#stops(now, from, bytes, at, end)
    const leaves = stops === undefined ? leave(now, from, end - at) : now
    if (from.peer !== undefined) {
      this.#pass(now, leaves, stops, from, from.peer, bytes, at, end)
      return
    }
    const one = this.medium === 'ethernet' ? this.#receiver(from, bytes, at) : undefined
    for (const to of this.ends)
      if (to !== from && (one === undefined || to === one)) this.#pass(now, leaves, stops, from, to, bytes, at, end)
  }

  #stops(now: Instant, from: LinkEnd, bytes: Uint8Array, at: number, end: number): Fate | undefined {
    if (!this.#up) return 'down'
    if (end - at - from.port.header > this.#mtu && this.#isTooBig(from, bytes, at, end)) return 'too-big'
    const { blackHole, rate, queue } = from.does
    if (blackHole !== undefined) {
      const ip = ipAt(this.medium, bytes, at, end)
      if (ip >= 0 && swallows(blackHole, bytes, ip, end)) return 'swallowed'
    }
    if (this.flying >= MAX_FLYING) return 'queue-full'
    if (rate === Number.POSITIVE_INFINITY) return undefined
    from.lane ??= new Lane(queue)
    from.lane.settle(now)
    return from.lane.waiting >= queue ? 'queue-full' : undefined
  }

  /** Labels take nothing from the MTU: networks that use them have room for them. */
  #isTooBig(from: LinkEnd, bytes: Uint8Array, at: number, end: number): boolean {
    return end - at - from.port.header - labelOctets(this.medium, bytes, at, end) > this.#mtu
  }

  /** On Ethernet: the end with the destination's address; undefined where it is a group, or nobody's. */
  #receiver(from: LinkEnd, bytes: Uint8Array, at: number): LinkEnd | undefined {
    if ((bytes[at]! & 1) === 1) return undefined
    for (const to of this.ends) if (to !== from && to.isFor(bytes, at) === 'host') return to
    return undefined
  }

  #pass(
    now: Instant,
    leaves: number,
    stops: Fate | undefined,
    from: LinkEnd,
    to: LinkEnd,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): void {
    const { does } = from
    if (stops !== undefined) {
      this.#tell(now, from, to, bytes, at, end, stops, NEVER, false)
      return
    }
    const lost = this.#chance(does.loss)
    const bursty = !lost && does.burstLoss !== undefined && from.losesInBurst(this.#source)
    if (lost || bursty) {
      this.#tell(now, from, to, bytes, at, end, 'lost', NEVER, bursty)
      return
    }
    let fate: Fate = 'carried'
    let arrives = leaves + does.delay
    if (does.jitter > 0) arrives += does.jitter * (2 * this.#source.fraction() - 1)
    if (this.#chance(does.reorder)) {
      fate = 'reordered'
      arrives = leaves
    } else {
      const { arrivals } = this.#shared
      arrives = Math.max(arrives, leaves, arrivals[from.number]!)
      arrivals[from.number] = arrives
    }
    const flight = this.#fly(arrives, to, bytes, at, end)
    if (this.#chance(does.corrupt)) {
      fate = 'corrupted'
      const bit = this.#source.below((end - at) * 8)
      flight.bytes[bit >>> 3]! ^= 1 << (bit & 7)
    }
    this.#tell(now, from, to, bytes, at, end, fate, arrives, false)
    if (this.#chance(does.duplicate)) {
      this.#fly(arrives, to, flight.bytes, 0, flight.end)
      this.#tell(now, from, to, bytes, at, end, 'duplicated', arrives, false)
    }
  }

  #fly(arrives: number, to: LinkEnd, bytes: Uint8Array, at: number, end: number): Flight {
    const { pool, heap } = this.#shared
    const flight = pool.take(end - at)
    flight.fill(bytes, at, end)
    flight.to = to
    to.flying++
    heap.setBrief(flight, arrives)
    return flight
  }

  #chance(share: number): boolean {
    return share > 0 && this.#source.chance(share)
  }

  get #source(): Random {
    this.#random ??= new Random(this.#shared.seed, 2 * this.#number + 1)
    return this.#random
  }

  #tell(
    time: Instant,
    from: LinkEnd,
    to: LinkEnd,
    bytes: Uint8Array,
    at: number,
    end: number,
    fate: Fate,
    arrives: number,
    bursty: boolean,
  ): void {
    if (fate === 'carried') from.carried++
    else {
      this.#others ??= {}
      this.#others[fate] = (this.#others[fate] ?? 0) + 1
    }
    if (this.#taps === undefined) return
    const { name: link } = this
    const p = { time, link, from: from.node, to: to.node, bytes, at, end, fate, arrives: arrives as Instant, bursty }
    for (const tap of this.#taps) tap(p)
  }
}

/** When its last bit is on the wire. */
function leave(now: Instant, from: LinkEnd, octets: number): number {
  const { rate, queue } = from.does
  return rate === Number.POSITIVE_INFINITY ? now : from.lane!.put(now, (octets * 8000) / rate, queue)
}

const NEVER = Number.NaN
