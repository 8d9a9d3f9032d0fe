/**
 * The ARP cache of one port: neighbour → link-layer address, its state, and what waits for it (RFC 1122 §2.3.2).
 *
 * A row is ten numbers beside each other, so that a look-up makes nothing and touches little. Bounded: a row that is
 * needed takes the place of one that nobody uses; a row that only a neighbour's request makes never takes the place of one
 * in use, so that a flood of senders changes nothing for those that this node speaks to.
 */
import type { Ip4 } from '../../wire/addr.ts'
import { IpTable, type TableKeys } from '../../wire/ip-table.ts'
import { i32, u16 } from '../../wire/octets.ts'
import type { Changes } from '../changes.ts'
import { SparseMap } from '../sparse-map.ts'

/** `incomplete`: asked for; `polling`: known, out of date, asked again by unicast. Numbers, since they stand in a row. */
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
  /** By slot; the offsets are below. */
  readonly #rows: number[] = []
  /** Slots that have been in use. */
  #slots = 0
  /** Rows that are incomplete. */
  incomplete = 0
  /** Octets that wait. */
  waiting = 0
  readonly #keys: TableKeys
  readonly #bounds: CacheBounds
  readonly #changes: Changes
  /** Slot by address, where there are more than `FEW`: so many are compared one by one. */
  #table: IpTable | undefined = undefined
  #queues: SparseMap<number, Uint8Array[]> | undefined = undefined
  #free: number[] = NONE
  /**
   * First and last of those asked for, by state, in the order of their `due`: all wait equally long, so it is the order in
   * which they were put.
   */
  readonly #ends: number[] = [-1, -1, -1, -1]
  #hand = 0

  /** `changes` is told when a neighbour that was known is known no more, or is another. */
  constructor(keys: TableKeys, bounds: CacheBounds, changes: Changes) {
    this.#keys = keys
    this.#bounds = bounds
    this.#changes = changes
  }

  get size(): number {
    return this.#slots - this.#free.length
  }

  /** The slot that is due first, or -1. */
  get first(): number {
    const incomplete = this.#ends[firstOf(State.incomplete)]!
    const polling = this.#ends[firstOf(State.polling)]!
    if (incomplete < 0 || polling < 0) return Math.max(incomplete, polling)
    return this.due(incomplete) <= this.due(polling) ? incomplete : polling
  }

  /** The incomplete slot that was asked for longest ago, or -1. */
  get oldestIncomplete(): number {
    return this.#ends[firstOf(State.incomplete)]!
  }

  find(address: Ip4): number {
    if (this.#table !== undefined) return this.#table.get(address)
    const rows = this.#rows
    for (let slot = 0, at = 0; slot < this.#slots; slot++, at += ROW)
      if (rows[at + ADDRESS] === address && rows[at + STATE] !== State.free) return slot
    return -1
  }

  address(slot: number): Ip4 {
    return this.#rows[slot * ROW + ADDRESS] as Ip4
  }

  state(slot: number): number {
    return this.#rows[slot * ROW + STATE]!
  }

  /** Out of date from then on. */
  until(slot: number): number {
    return this.#rows[slot * ROW + UNTIL]!
  }

  /** Of one that is asked for: when the next request is due. */
  due(slot: number): number {
    return this.#rows[slot * ROW + DUE]!
  }

  /** Of one that is asked for: requests sent. */
  tries(slot: number): number {
    return this.#rows[slot * ROW + TRIES]!
  }

  tried(slot: number, times: number): void {
    this.#rows[slot * ROW + TRIES] = times
  }

  /** Something is sent there. */
  use(slot: number, now: number): void {
    this.#rows[slot * ROW + USED] = now
  }

  /** Its link-layer address into the first six octets. */
  writeMac(slot: number, out: Uint8Array): Uint8Array {
    const high = this.#rows[slot * ROW + HIGH]!
    const low = this.#rows[slot * ROW + LOW]!
    out[0] = high >>> 8
    out[1] = high
    out[2] = low >>> 24
    out[3] = low >>> 16
    out[4] = low >>> 8
    out[5] = low
    return out
  }

  /** Its link-layer address stands at `at`. */
  isAt(slot: number, bytes: Uint8Array, at: number): boolean {
    const row = slot * ROW
    return this.#rows[row + HIGH] === u16(bytes, at) && this.#rows[row + LOW] === i32(bytes, at + 2)
  }

  /** It is known, until then. */
  know(slot: number, mac: Uint8Array, until: number): void {
    const row = slot * ROW
    if (this.#rows[row + STATE] === State.known && !this.isAt(slot, mac, 0)) this.#changes.neighbours++
    this.#rows[row + HIGH] = u16(mac, 0)
    this.#rows[row + LOW] = i32(mac, 2)
    this.#rows[row + UNTIL] = until
    this.#settle(slot, State.known)
  }

  /**
   * A slot for an address that has none, or -1 where there is no room. `now - idle`: used since then is in use.
   * `needed`: something is to be sent there, so that any other that is not asked for may go.
   */
  add(address: Ip4, now: number, idle: number, needed: boolean): number {
    let slot = this.#free.pop() ?? -1
    if (slot < 0 && this.#slots < this.#bounds.entries) {
      this.#rows.push(...EMPTY)
      slot = this.#slots++
      if (this.#slots > FEW && this.#table === undefined) this.#index()
    }
    if (slot < 0) {
      slot = this.#victim(now - idle, needed)
      if (slot < 0) return -1
      this.#changes.neighbours++
      this.#table?.delete(this.address(slot))
    }
    this.#table?.set(address, slot)
    this.#rows[slot * ROW + ADDRESS] = address
    this.#rows[slot * ROW + USED] = -1
    return slot
  }

  remove(slot: number): void {
    this.#table?.delete(this.address(slot))
    this.#settle(slot, State.free)
    this.drain(slot)
    if (this.#free === NONE) this.#free = [slot]
    else this.#free.push(slot)
  }

  /** The slot is asked for, and asked for again at `due`, which is no earlier than that of any other. */
  ask(slot: number, state: number, due: number): void {
    this.#settle(slot, state)
    if (state === State.incomplete) this.incomplete++
    const rows = this.#rows
    rows[slot * ROW + DUE] = due
    const last = this.#ends[lastOf(state)]!
    rows[slot * ROW + PREVIOUS] = last
    rows[slot * ROW + NEXT] = -1
    if (last >= 0) rows[last * ROW + NEXT] = slot
    else this.#ends[firstOf(state)] = slot
    this.#ends[lastOf(state)] = slot
  }

  /** Keeps a copy until the slot is resolved; returns how many older ones went for it. */
  keep(slot: number, bytes: Uint8Array, at: number, end: number): number {
    this.#queues ??= new SparseMap()
    const queue = this.#queues.get(slot) ?? []
    if (queue.length === 0) this.#queues.set(slot, queue)
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
    const queue = this.#queues?.get(slot)
    if (queue === undefined) return NOTHING
    this.#queues!.delete(slot)
    for (const d of queue) this.waiting -= d.length
    return queue
  }

  /** Forgets everything; returns how many datagrams waited. */
  clear(): number {
    let gone = 0
    for (const slot of this) {
      gone += this.#queues?.get(slot)?.length ?? 0
      this.remove(slot)
    }
    return gone
  }

  /** Slots in use. */
  *[Symbol.iterator](): Generator<number> {
    for (let slot = 0; slot < this.#slots; slot++) if (this.state(slot) !== State.free) yield slot
  }

  /** The slot has another state; it is not asked for any more. */
  #settle(slot: number, state: number): void {
    const rows = this.#rows
    const was = this.state(slot)
    rows[slot * ROW + STATE] = state
    if (was === State.known && state !== State.known) this.#changes.neighbours++
    if (was !== State.incomplete && was !== State.polling) return
    if (was === State.incomplete) this.incomplete--
    const next = rows[slot * ROW + NEXT]!
    const previous = rows[slot * ROW + PREVIOUS]!
    if (previous >= 0) rows[previous * ROW + NEXT] = next
    else this.#ends[firstOf(was)] = next
    if (next >= 0) rows[next * ROW + PREVIOUS] = previous
    else this.#ends[lastOf(was)] = previous
  }

  #index(): void {
    this.#table = new IpTable(this.#keys, this.#bounds.entries)
    for (const slot of this) this.#table.set(this.address(slot), slot)
  }

  /** A look at a few, so that its cost has a bound: the longest unused of them. */
  #victim(since: number, needed: boolean): number {
    const used = (slot: number) => this.#rows[slot * ROW + USED]!
    let best = -1
    for (let n = 0; n < LOOK; n++) {
      const slot = this.#hand
      this.#hand = slot + 1 === this.#slots ? 0 : slot + 1
      if (this.state(slot) !== State.known) continue
      if (best < 0 || used(slot) < used(best)) best = slot
      if (used(slot) === -1) break
    }
    return best >= 0 && (needed || used(best) === -1 || used(best) < since) ? best : -1
  }
}

function firstOf(state: number): number {
  return state === State.incomplete ? 0 : 2
}

function lastOf(state: number): number {
  return state === State.incomplete ? 1 : 3
}

/** Numbers of a row, those first that each datagram needs; the link-layer address is two of them. */
const ADDRESS = 0
const STATE = 1
const HIGH = 2
const LOW = 3
const UNTIL = 4
/** When something was last sent there; -1: never. */
const USED = 5
const TRIES = 6
const DUE = 7
const NEXT = 8
const PREVIOUS = 9
const ROW = 10
const EMPTY: readonly number[] = new Array<number>(ROW).fill(0)
/** Slots that are compared one by one. */
const FEW = 8
/** Slots looked at for a victim. */
const LOOK = 32
const NONE: number[] = []
const NOTHING: readonly Uint8Array[] = []
