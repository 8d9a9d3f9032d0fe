/**
 * The neighbours of one port (RFC 4861 §5.1): bounded, looked up from octets. Who is in use stays when strangers flood
 * the link; who never confirmed that it is there, or has not been spoken to for long, makes room (RFC 6583 §6).
 */
import type { Instant } from '../../clock.ts'
import type { Ip6 } from '../../wire/addr.ts'
import { IpTable, type TableKeys } from '../../wire/ip-table.ts'
import type { Port } from '../port.ts'
import type { Timer } from '../timers.ts'
import type { NdSettings } from './nd-settings.ts'

/** RFC 4861 §7.3.2. */
export type NeighbourState = 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe'

export interface Neighbour {
  readonly address: Ip6
  readonly port: Port
  /** Six octets; zero while incomplete. Written in place. */
  readonly mac: Uint8Array
  state: NeighbourState
  isRouter: boolean
  /** Configured: asks for nothing, learns nothing. */
  readonly fixed: boolean
  /** A default router of this host: it is not thrown out. */
  pinned: boolean
  /** It has once answered a solicitation of ours, so it is no forged source. */
  proved: boolean
  /** End of the time that the last confirmation holds. */
  reachableUntil: number
  /** The last packet sent to it. */
  used: number
  solicits: number
  lastSolicit: number
  timer: Timer | undefined
  /** Packets that wait, oldest first; own copies. */
  queue: Uint8Array[]
  /** Place in the cache. */
  slot: number
}

export class NeighbourCache {
  readonly #port: Port
  readonly #limit: number
  readonly #unresolvedLimit: number
  readonly #table: IpTable
  readonly #entries: (Neighbour | undefined)[] = []
  readonly #free: number[] = []
  /** Slots of those being asked for, in the order of their beginning. */
  readonly #unresolved: Set<number> = new Set()
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
    return this.#unresolved.size
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
    if (why === 'asked' && this.#unresolved.size >= this.#unresolvedLimit)
      this.#evict(this.#entries[first(this.#unresolved)]!, out)
    if (this.#table.size >= this.#limit) {
      const victim = this.#victim(now)
      if (victim === undefined) return undefined
      this.#evict(victim, out)
    }
    const slot = this.#free.pop() ?? this.#entries.length
    const n: Neighbour = {
      address,
      port: this.#port,
      mac: new Uint8Array(6),
      state: 'incomplete',
      isRouter: false,
      fixed: why === 'fixed',
      pinned: false,
      proved: false,
      reachableUntil: Number.NEGATIVE_INFINITY,
      used: now,
      solicits: 0,
      lastSolicit: Number.NEGATIVE_INFINITY,
      timer: undefined,
      queue: [],
      slot,
    }
    this.#entries[slot] = n
    this.#table.set(address, slot)
    if (why === 'asked') this.#unresolved.add(slot)
    return n
  }

  /** It has a link-layer address now. */
  resolved(n: Neighbour): void {
    this.#unresolved.delete(n.slot)
  }

  remove(n: Neighbour): void {
    if (this.#entries[n.slot] !== n) return
    n.timer?.stop()
    this.#unresolved.delete(n.slot)
    this.#table.delete(n.address)
    this.#entries[n.slot] = undefined
    this.#free.push(n.slot)
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
