/**
 * The neighbours of one port (RFC 4861 §5.1): bounded, looked up from octets. Who is in use stays when strangers flood
 * the link; who never confirmed that it is there, or has not been spoken to for long, makes room (RFC 6583 §6).
 */
import type { Instant } from '../../clock.ts'
import type { Ip6 } from '../../wire/addr.ts'
import { IpTable, type TableKeys } from '../../wire/ip-table.ts'
import { type Mac, writeMac } from '../mac.ts'
import type { Port } from '../port.ts'
import type { Timer } from '../timers.ts'
import type { NdSettings } from './nd-settings.ts'

/** RFC 4861 §7.3.2. */
export type NeighbourState = 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe'

/** No packets wait. */
export const NOTHING: Uint8Array[] = []

export class Neighbour implements Mac {
  readonly address: Ip6
  readonly port: Port
  macHigh = 0
  macLow = 0
  state: NeighbourState = 'incomplete'
  isRouter = false
  /** Configured: asks for nothing, learns nothing. */
  readonly fixed: boolean
  /** A default router of this host: it is not thrown out. */
  pinned = false
  /** It has once answered a solicitation of ours, so it is no forged source. */
  proved = false
  /** End of the time that the last confirmation holds. */
  reachableUntil: number = Number.NEGATIVE_INFINITY
  /** The last packet sent to it. */
  used: number
  solicits = 0
  lastSolicit: number = Number.NEGATIVE_INFINITY
  timer: Timer | undefined
  /** Packets that wait, oldest first; own copies. */
  queue: Uint8Array[] = NOTHING
  /** Place in the cache. */
  readonly slot: number

  constructor(address: Ip6, port: Port, fixed: boolean, used: number, slot: number) {
    this.address = address
    this.port = port
    this.fixed = fixed
    this.used = used
    this.slot = slot
  }

  /** A copy of its link-layer address; zero while incomplete. */
  get mac(): Uint8Array {
    return writeMac(this, new Uint8Array(6))
  }
}

export class NeighbourCache {
  readonly #port: Port
  readonly #limit: number
  readonly #unresolvedLimit: number
  readonly #table: IpTable
  #entries: (Neighbour | undefined)[] = NOBODY
  #free: number[] = NO_SLOTS
  /** Slots of those being asked for, in the order of their beginning. */
  #unresolved: Set<number> | undefined
  #hand = 0

  constructor(port: Port, keys: TableKeys, { neighbourLimit, unresolvedLimit }: NdSettings) {
    this.#port = port
    this.#limit = neighbourLimit
    this.#unresolvedLimit = Math.min(unresolvedLimit, neighbourLimit)
    this.#table = new IpTable(keys, neighbourLimit)
  }

  get size(): number {
    return this.#table.size
  }

  get unresolved(): number {
    return this.#unresolved?.size ?? 0
  }

  get(address: Ip6): Neighbour | undefined {
    const i = this.#table.get(address)
    return i < 0 ? undefined : this.#entries[i]
  }

  /** The one whose address stands at `at`. */
  at(bytes: Uint8Array, at: number): Neighbour | undefined {
    const i = this.#table.getAt(bytes, at, 6)
    return i < 0 ? undefined : this.#entries[i]
  }

  *[Symbol.iterator](): Generator<Neighbour> {
    for (const n of this.#entries) if (n !== undefined) yield n
  }

  /**
   * A new neighbour, incomplete; undefined where the cache is full of those in use. One that will be asked for takes the
   * place of whoever has been asked for longest, where there are too many of them. `out` is told whom it replaces.
   */
  add(
    now: Instant,
    address: Ip6,
    why: 'asked' | 'heard' | 'fixed',
    out: (n: Neighbour) => void,
  ): Neighbour | undefined {
    if (why === 'asked' && this.#unresolved !== undefined && this.#unresolved.size >= this.#unresolvedLimit)
      this.#evict(this.#entries[first(this.#unresolved)]!, out)
    if (this.#table.size >= this.#limit) {
      const victim = this.#victim(now)
      if (victim === undefined) return undefined
      this.#evict(victim, out)
    }
    const slot = this.#free.pop() ?? this.#entries.length
    const n = new Neighbour(address, this.#port, why === 'fixed', now, slot)
    // An array that is pushed to has room for sixteen more, and most ports have few neighbours.
    if (slot === this.#entries.length && slot < FEW) this.#entries = this.#entries.concat(n)
    else this.#entries[slot] = n
    this.#table.set(address, slot)
    if (why === 'asked') {
      this.#unresolved ??= new Set()
      this.#unresolved.add(slot)
    }
    return n
  }

  /** It has a link-layer address now. */
  resolved(n: Neighbour): void {
    this.#unresolved?.delete(n.slot)
  }

  remove(n: Neighbour): void {
    if (this.#entries[n.slot] !== n) return
    n.timer?.stop()
    this.#unresolved?.delete(n.slot)
    this.#table.delete(n.address)
    this.#entries[n.slot] = undefined
    if (this.#free === NO_SLOTS) this.#free = [n.slot]
    else this.#free.push(n.slot)
  }

  #evict(n: Neighbour, out: (n: Neighbour) => void): void {
    this.remove(n)
    out(n)
  }

  /** One turn of the clock's hand, bounded, so that a flood against a full cache costs no more than a lookup or two. */
  #victim(now: Instant): Neighbour | undefined {
    for (let steps = 0; steps < STEPS; steps++) {
      this.#hand = this.#hand + 1 >= this.#entries.length ? 0 : this.#hand + 1
      const n = this.#entries[this.#hand]
      if (n === undefined || n.fixed || n.pinned || n.state === 'incomplete') continue
      if (!n.proved || now - n.used >= IDLE_MS) return n
    }
    return undefined
  }
}

function first(slots: ReadonlySet<number>): number {
  for (const slot of slots) return slot
  return -1
}

/** A neighbour that has answered once is kept while it is spoken to, and so long afterwards. */
const IDLE_MS = 60_000
const STEPS = 16
const FEW = 8
const NOBODY: (Neighbour | undefined)[] = []
const NO_SLOTS: number[] = []
