/**
 * Where a link ends: a port of a node, and the link's side of it. Of a large network none of this is in the processor's
 * cache when a packet comes: so it is one object with what each packet needs, and what few need stands beside it.
 */
import type { Instant } from '../clock.ts'
import type { Arrival } from '../door.ts'
import type { Forwarder4 } from '../stack/ip4/forward.ts'
import { isMacAt } from '../stack/mac.ts'
import type { Waiting } from '../stack/packet-queue.ts'
import type { Port } from '../stack/port.ts'
import type { Direction } from './direction.ts'
import type { Flight } from './flight.ts'
import type { Link, LinkShared } from './link.ts'
import type { Random } from './random.ts'

/** Whose ports they are. */
export interface Owner {
  readonly name: string
  /** Of all nodes. */
  readonly index: number
  /** Takes what arrives; the flight is used again when it returns. */
  receive(now: Instant, flight: Flight, end: LinkEnd): void
}

/** One end of a link of the network under way. */
export class LinkEnd {
  // In the order in which packets ask for it: those that come, then those that leave.
  /** Packets on the way to it. */
  flying = 0
  /** Of a node that does nothing else with what comes by it: frames may go past the node. */
  forwarder: Forwarder4 | undefined = undefined
  readonly port: Port
  /** Longest frame that goes the short way to the peer, in octets; -1: none does. */
  room = -1
  /** The other end, where there are two. */
  peer: LinkEnd | undefined = undefined
  /** Packets that it sent and that do arrive, as they were and once. */
  carried = 0
  /** Among the ends of all links. */
  readonly number: number
  /** What happens to packets that leave by it. */
  does: Direction
  readonly #shared: LinkShared
  readonly owner: Owner
  readonly link: Link
  /** What waits to leave by it, where there is a rate. */
  lane: Lane | undefined = undefined
  /** In the bad one of two states. */
  #bad = false

  constructor(link: Link, owner: Owner, port: Port, does: Direction, number: number, shared: LinkShared) {
    this.link = link
    this.#shared = shared
    this.owner = owner
    this.port = port
    this.does = does
    this.number = number
  }

  /** The name of the node. */
  get node(): string {
    return this.owner.name
  }

  /** The index of the node. */
  get at(): number {
    return this.owner.index
  }

  /** Takes the packet at `at…end`; copies it. */
  send(now: Instant, bytes: Uint8Array, at: number, end: number): void {
    if (!this.#isShort(end - at)) {
      this.link.send(now, this, bytes, at, end)
      return
    }
    const flight = this.#shared.pool.take(end - at)
    flight.fill(bytes, at, end)
    this.#fly(now, flight)
  }

  /** Takes the packet that waits; what buffer it had is another's then. */
  sendWaiting(now: Instant, w: Waiting): void {
    if (!this.#isShort(w.end)) {
      this.link.send(now, this, w.bytes, 0, w.end)
      return
    }
    const flight = this.#shared.pool.take(w.end)
    if (flight.bytes.length === w.bytes.length) {
      const { bytes } = flight
      flight.bytes = w.bytes
      flight.end = w.end
      w.bytes = bytes
    } else flight.fill(w.bytes, 0, w.end)
    this.#fly(now, flight)
  }

  /** The node sends it on as it stands. False: it is the node's to receive. */
  relays(now: Instant, flight: Flight): boolean {
    const { forwarder, port } = this
    if (forwarder === undefined) return false
    let way = flight.guess
    if (way === undefined || !way.isOf(flight, port) || !way.relay(now, flight)) {
      way = forwarder.wayOf(now, flight, port)
      if (way === undefined || !way.relay(now, flight)) return false
      if (flight.took !== undefined) flight.took.next = way
    }
    flight.took = way
    flight.guess = way.next
    const out = way.line as LinkEnd
    if (out.#isShort(flight.end)) out.#fly(now, flight)
    else {
      out.link.send(now, out, flight.bytes, 0, flight.end)
      this.#shared.pool.give(flight)
    }
    return true
  }

  #isShort(octets: number): boolean {
    return octets <= this.room && this.flying + this.peer!.flying < MAX_FLYING
  }

  #fly(now: Instant, flight: Flight): void {
    const { heap, arrivals } = this.#shared
    const peer = this.peer!
    const arrives = Math.max(now + this.does.delay, arrivals[this.number]!)
    arrivals[this.number] = arrives
    flight.to = peer
    peer.flying++
    this.carried++
    heap.setBrief(flight, arrives)
  }

  /** Whom the frame at `at` is for, as the port sees it. */
  isFor(bytes: Uint8Array, at: number): Arrival['link'] {
    if (isMacAt(this.port, bytes, at)) return 'host'
    const first = bytes[at]!
    if ((first & 1) === 0) return 'other'
    return first === 0xff && isMacAt(BROADCAST, bytes, at) ? 'broadcast' : 'multicast'
  }

  /** The next packet's step of the two states (Gilbert, Elliott), and whether it is lost there. */
  losesInBurst(random: Random): boolean {
    const { enter, leave, inside = 1, outside = 0 } = this.does.burstLoss!
    if (random.chance(this.#bad ? leave : enter)) this.#bad = !this.#bad
    return random.chance(this.#bad ? inside : outside)
  }
}

/** What leaves by an end at a rate: moments at which those that wait will have left, in a ring. */
export class Lane {
  /** Packets that have not left. */
  waiting = 0
  /** Until then it transmits what it has. */
  #busyUntil = 0
  #departures: Float64Array
  #head = 0

  constructor(queue: number) {
    this.#departures = new Float64Array(queue)
  }

  /** Those that have left by now make room. */
  settle(now: Instant): void {
    const ring = this.#departures
    while (this.waiting > 0 && ring[this.#head]! <= now) {
      this.#head = (this.#head + 1) % ring.length
      this.waiting--
    }
  }

  /** One more, for so long on the wire, where `queue` may wait; returns when its last bit is sent. */
  put(now: Instant, milliseconds: number, queue: number): number {
    if (this.#departures.length !== queue) this.#resize(queue)
    this.#busyUntil = Math.max(now, this.#busyUntil) + milliseconds
    const ring = this.#departures
    ring[(this.#head + this.waiting++) % ring.length] = this.#busyUntil
    return this.#busyUntil
  }

  #resize(queue: number): void {
    const old = this.#departures
    const ring = new Float64Array(queue)
    this.waiting = Math.min(this.waiting, queue - 1)
    for (let i = 0; i < this.waiting; i++) ring[i] = old[(this.#head + i) % old.length]!
    this.#departures = ring
    this.#head = 0
  }
}

/** Packets on the way over one link: more is more than a network would hold. */
export const MAX_FLYING = 65_536
const BROADCAST = { macHigh: 0xffffff, macLow: 0xffffff }
