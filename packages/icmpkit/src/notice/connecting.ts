/**
 * Workstations that ask for a connection while the program is drained: each opening segment gets its error at once, and
 * connect() ends. Nobody has proved yet that the source is his own, so it is one bare error a segment and no longer than
 * one needs to be: no object behind it.
 */
import type { Instant } from '../clock.ts'
import type { Slot } from '../door.ts'
import type { Family } from '../wire/addr.ts'
import { QUOTE } from './flow-table.ts'
import type { FlowView } from './flow-view.ts'
import type { NoticeTemplate } from './notice-template.ts'
import type { Pace } from './pace.ts'

export class Connecting {
  readonly family: Family
  readonly #octets: number
  readonly #quotes: Uint8Array
  readonly #zones = new Uint16Array(WAITING)
  #head = 0
  #size = 0

  constructor(family: Family) {
    this.family = family
    this.#octets = QUOTE[family]
    this.#quotes = new Uint8Array(WAITING * QUOTE[family])
  }

  /** False where too many wait. */
  push(v: FlowView, zone: number): boolean {
    if (this.#size === WAITING) return false
    const i = (this.#head + this.#size++) % WAITING
    v.quote(this.#quotes, i * this.#octets)
    this.#zones[i] = zone
    return true
  }

  due(now: Instant, pace: Pace): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : pace.next(now)
  }

  /** Writes the error about the oldest; undefined where none may leave now, false where its address has had its share. */
  write(now: Instant, pace: Pace, template: () => NoticeTemplate, id: () => number, slot: Slot): boolean | undefined {
    if (this.#size === 0 || pace.next(now) > now) return undefined
    const i = this.#head
    this.#head = (i + 1) % WAITING
    this.#size--
    const at = i * this.#octets
    const four = this.family === 4
    if (!pace.takeAddress(now, this.#quotes, at + (four ? 12 : 8), four ? 4 : 16)) return false
    pace.take()
    slot.end = template().write(this.#quotes, at, id(), slot.bytes, slot.at)
    slot.port = this.#zones[i]!
    return true
  }

  clear(): void {
    this.#size = 0
  }
}

/** Segments that may wait for a token. */
const WAITING = 256
