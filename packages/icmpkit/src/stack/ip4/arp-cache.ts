/**
 * The ARP cache of one port: neighbour → link-layer address, its state, and what waits for it (RFC 1122 §2.3.2).
 *
 * Rows stand in typed arrays by slot, so that a look-up makes nothing. Bounded: a row that is needed takes the place of
 * one that nobody uses; a row that only a neighbour's request makes never takes the place of one in use, so that a flood
 * of senders changes nothing for those that this node speaks to.
 */
import type { Ip4 } from '../../wire/addr.ts'
import { IpTable, type TableKeys } from '../../wire/ip-table.ts'

/** `incomplete`: asked for; `polling`: known, out of date, asked again by unicast. Numbers, since they stand in an array. */
export const State = { free: 0, incomplete: 1, known: 2, polling: 3 } as const

export interface CacheBounds {
  entries: number
  /** Neighbours that may be asked for at once; the oldest goes for the newest. */
  incomplete: number
  /** Datagrams that may wait for one neighbour; the oldest goes for the newest. */
  queue: number
  /** Octets that may wait in all. */
  queueOctets: number
}

export class ArpCache {
  state: Uint8Array = OCTETS
  /** Six octets a slot. */
  macs: Uint8Array = OCTETS
  /** Out of date from then on. */
  until: Float64Array = FLOATS
  /** When something was last sent there; -1: never. */
  used: Float64Array = FLOATS
  /** Of those asked for: requests sent, and when the next is due. */
  tries: Uint8Array = OCTETS
  due: Float64Array = FLOATS
  address: Int32Array = WORDS
  /** Octets that wait. */
  waiting = 0
  /** Rows that are incomplete. */
  incomplete = 0
  readonly #bounds: CacheBounds
  readonly #table: IpTable
  readonly #queues: (Uint8Array[] | undefined)[] = []
  readonly #free: number[] = []
  /** Those asked for, by state, in the order of `due`: all wait equally long, so it is the order in which they were put. */
  #next: Int32Array = WORDS
  #previous: Int32Array = WORDS
  readonly #first: number[] = [-1, -1, -1, -1]
  readonly #last: number[] = [-1, -1, -1, -1]
  #slots = 0
  #hand = 0

  constructor(keys: TableKeys, bounds: CacheBounds) {
    this.#bounds = bounds
    this.#table = new IpTable(keys, bounds.entries)
  }

  get size(): number {
    return this.#table.size
  }

  /** The slot that is due first, or -1. */
  get first(): number {
    const incomplete = this.#first[State.incomplete]!
    const polling = this.#first[State.polling]!
    if (incomplete < 0 || polling < 0) return Math.max(incomplete, polling)
    return this.due[incomplete]! <= this.due[polling]! ? incomplete : polling
  }

  /** The incomplete slot that was asked for longest ago, or -1. */
  get oldestIncomplete(): number {
    return this.#first[State.incomplete]!
  }

  find(address: Ip4): number {
    return this.#table.get(address)
  }

  /**
   * A slot for an address that has none, or -1 where there is no room. `now - idle`: used since then is in use.
   * `needed`: something is to be sent there, so that any other that is not asked for may go.
   */
  add(address: Ip4, now: number, idle: number, needed: boolean): number {
    let slot = this.#free.pop() ?? -1
    if (slot < 0 && this.#slots < this.#bounds.entries) {
      if (this.#slots === this.state.length) this.#grow()
      slot = this.#slots++
    }
    if (slot < 0) {
      slot = this.#victim(now - idle, needed)
      if (slot < 0) return -1
      this.#table.delete(this.address[slot] as Ip4)
    }
    this.#table.set(address, slot)
    this.address[slot] = address
    this.used[slot] = -1
    return slot
  }

  remove(slot: number): void {
    this.#table.delete(this.address[slot] as Ip4)
    this.settle(slot, State.free)
    this.drain(slot)
    this.#free.push(slot)
  }

  /** The slot is asked for, and asked for again at `due`, which is no earlier than that of any other. */
  ask(slot: number, state: number, due: number): void {
    this.settle(slot, state)
    if (state === State.incomplete) this.incomplete++
    this.due[slot] = due
    const last = this.#last[state]!
    this.#previous[slot] = last
    this.#next[slot] = -1
    if (last >= 0) this.#next[last] = slot
    else this.#first[state] = slot
    this.#last[state] = slot
  }

  /** The slot has another state; it is not asked for any more. */
  settle(slot: number, state: number): void {
    const was = this.state[slot]!
    this.state[slot] = state
    if (was !== State.incomplete && was !== State.polling) return
    if (was === State.incomplete) this.incomplete--
    const next = this.#next[slot]!
    const previous = this.#previous[slot]!
    if (previous >= 0) this.#next[previous] = next
    else this.#first[was] = next
    if (next >= 0) this.#previous[next] = previous
    else this.#last[was] = previous
  }

  /** Keeps a copy until the slot is resolved; returns how many older ones went for it. */
  keep(slot: number, bytes: Uint8Array, at: number, end: number): number {
    let queue = this.#queues[slot]
    if (queue === undefined) {
      queue = []
      this.#queues[slot] = queue
    }
    let gone = 0
    while (queue.length > 0 && queue.length >= this.#bounds.queue) {
      this.waiting -= queue.shift()!.length
      gone++
    }
    queue.push(bytes.slice(at, end))
    this.waiting += end - at
    return gone
  }

  /** True where so many octets more are too many. */
  isFull(octets: number): boolean {
    return this.waiting + octets > this.#bounds.queueOctets
  }

  /** Takes out what waits for the slot, oldest first. */
  drain(slot: number): readonly Uint8Array[] {
    const queue = this.#queues[slot]
    if (queue === undefined) return NOTHING
    this.#queues[slot] = undefined
    for (const d of queue) this.waiting -= d.length
    return queue
  }

  /** Forgets everything; returns how many datagrams waited. */
  clear(): number {
    let gone = 0
    for (let slot = 0; slot < this.#slots; slot++) {
      if (this.state[slot] === State.free) continue
      gone += this.#queues[slot]?.length ?? 0
      this.remove(slot)
    }
    return gone
  }

  /** Slots in use. */
  *[Symbol.iterator](): Generator<number> {
    for (let slot = 0; slot < this.#slots; slot++) if (this.state[slot] !== State.free) yield slot
  }

  /** A look at a few, so that its cost has a bound: the longest unused of them. */
  #victim(since: number, needed: boolean): number {
    let best = -1
    for (let n = 0; n < LOOK; n++) {
      const slot = this.#hand
      this.#hand = slot + 1 === this.#slots ? 0 : slot + 1
      if (this.state[slot] !== State.known) continue
      if (best < 0 || this.used[slot]! < this.used[best]!) best = slot
      if (this.used[slot] === -1) break
    }
    return best >= 0 && (needed || this.used[best] === -1 || this.used[best]! < since) ? best : -1
  }

  #grow(): void {
    const slots = Math.max(FIRST, Math.min(this.state.length * 2, this.#bounds.entries))
    this.state = into(new Uint8Array(slots), this.state)
    this.macs = into(new Uint8Array(6 * slots), this.macs)
    this.until = into(new Float64Array(slots), this.until)
    this.used = into(new Float64Array(slots), this.used)
    this.tries = into(new Uint8Array(slots), this.tries)
    this.due = into(new Float64Array(slots), this.due)
    this.address = into(new Int32Array(slots), this.address)
    this.#next = into(new Int32Array(slots), this.#next)
    this.#previous = into(new Int32Array(slots), this.#previous)
  }
}

function into<A extends Uint8Array | Int32Array | Float64Array>(wide: A, narrow: A): A {
  wide.set(narrow)
  return wide
}

/** Slots at first; an empty cache has none. */
const FIRST = 4
const OCTETS = new Uint8Array(0)
const FLOATS = new Float64Array(0)
const WORDS = new Int32Array(0)
/** Slots looked at for a victim. */
const LOOK = 32
const NOTHING: readonly Uint8Array[] = []
