/**
 * One outage told to the workstations of one table: who is due next. It goes through the rows in order, leaves those that
 * a limit holds up for another round, and once more through those that stayed silent, a second later; last come those that
 * had been told of another outage a moment before.
 *
 * No row is an object, and no list is made: what became of a workstation stands in its row.
 */
import type { Instant } from '../clock.ts'
import type { Slot } from '../door.ts'
import type { Suppressed } from './event.ts'
import { type FlowTable, PAGE, PAGE_BITS, type Page, Row, tickOf, ticks, ticksToMs } from './flow-table.ts'
import type { Pace } from './pace.ts'
import { RowQueue } from './row-queue.ts'
import type { Form, Words } from './words.ts'

export interface Manners {
  /** A workstation that was last seen longer ago is not told, milliseconds. */
  freshness: number
  /** The silent are told again after so long; 0: they are not. */
  repeatAfter: number
  /** From one notice of a workstation to one of the next outage. */
  recent: number
  /** What the limits have held up for so long is given up. */
  tellWithin: number
}

/** What the teller shares with its notifier. */
export interface Shared {
  readonly manners: Manners
  readonly pace: Pace
  /** IPv4 identification of the next. */
  nextId(): number
  /** One was written. */
  wrote(what: 'notice' | 'repetition'): void
}

/** What differs for TCP. */
export interface Questions {
  /** What the row waits for; undefined: it may be told. */
  waits(now: Instant, row: number): 'answer' | 'no-answer' | undefined
  /** It has been dealt with, told or not. */
  dealt(row: number): void
}

export class Teller {
  readonly table: FlowTable
  /** Number of the outage, 1 to 65,535. */
  readonly outage: number
  sent = 0
  rebuilt = 0
  bare = 0
  readonly suppressed: Partial<Record<Suppressed, number>> = {}
  readonly #shared: Shared
  readonly #words: Words
  readonly #began: Instant
  #phase: 'first' | 'repeat' | 'recent' | 'done' = 'first'
  #row = 0
  /** Rows that have been told once or passed over. */
  #dealt = 0
  /** Rows that a limit held up in this round, and when the next round begins. */
  #held = 0
  #roundAt: number
  /** Rows that are to be told out of turn. */
  readonly #late: RowQueue
  readonly #questions: Questions | undefined

  constructor(table: FlowTable, outage: number, began: Instant, shared: Shared, words: Words, questions?: Questions) {
    this.table = table
    this.outage = outage
    this.#began = began
    this.#roundAt = began
    this.#shared = shared
    this.#words = words
    this.#questions = questions
    this.#late = new RowQueue(questions === undefined ? LATE : table.size)
    if (table.size === 0) this.#phase = 'done'
  }

  /** Every workstation has been told once, or passed over for a reason. */
  get toldAll(): boolean {
    return this.#phase !== 'first'
  }

  /** Nothing is left to do, the repetition included; rows may move again. */
  get done(): boolean {
    return this.#phase === 'done' && this.#late.size === 0
  }

  /** When it wants to write next; Infinity where it does not. */
  due(now: Instant): number {
    if (this.done) return Number.POSITIVE_INFINITY
    const left =
      this.#late.size + (this.#phase === 'first' ? this.table.size - this.#dealt : this.table.size - this.#row)
    const paced = this.#shared.pace.next(now, left)
    if (this.#late.size > 0) return paced
    if (this.#phase === 'first') return Math.max(this.#roundAt, Math.min(paced, Math.max(now, this.#deadline)))
    return this.#phase === 'recent'
      ? Math.max(this.#recentAt(), this.#roundAt, paced)
      : Math.max(this.#repeatAt(), paced)
  }

  /** The row has spoken, and was not told of this outage yet, or not in words: it is, out of turn. */
  speaks(row: number): void {
    this.#late.push(row)
  }

  /** Nobody is told in turn: they have been before. */
  finish(): void {
    this.#phase = 'done'
  }

  /** The outage is over: whoever was not told yet need not be. */
  stop(): void {
    if (this.#phase === 'first') {
      for (let row = 0; row < this.table.size; row++) if (!this.#isDone(row)) this.#suppress(row, 'back')
    }
    this.#phase = 'done'
    this.#late.clear()
  }

  /** Writes the next notice that is due; false when none is. */
  write(now: Instant, slot: Slot): boolean {
    const { pace } = this.#shared
    if (this.#late.size > 0 && pace.next(now) <= now) {
      while (this.#late.size > 0) {
        const row = this.#late.shift()!
        if (this.#isDone(row) ? this.#rest(now, row, slot) : this.#first(now, row, slot)) return true
      }
    }
    if (this.#phase === 'first' && this.#round(now, slot)) return true
    if (this.#phase === 'repeat' && this.#repeat(now, slot)) return true
    return this.#phase === 'recent' && this.#afterwards(now, slot)
  }

  get #deadline(): number {
    return this.#phase === 'recent' ? Number.POSITIVE_INFINITY : this.#began + this.#shared.manners.tellWithin
  }

  /** Goes on through the rows that have not been told. */
  #round(now: Instant, slot: Slot): boolean {
    if (now < this.#roundAt) return false
    const { pace } = this.#shared
    while (this.#row < this.table.size) {
      const row = this.#row++
      if (this.#isDone(row)) continue
      const waits = this.#questions?.waits(now, row)
      if (waits === 'answer') this.#held++
      else if (waits === 'no-answer') this.#suppress(row, waits)
      else if (pace.next(now) <= now) {
        if (this.#first(now, row, slot)) return true
      } else if (now >= this.#deadline) this.#suppress(row, this.#mayAddress(now, row) ? 'rate' : 'address-rate')
      else {
        this.#row = row
        return false
      }
      if (this.#phase !== 'first') return false
    }
    if (this.#held === 0) this.#endFirst()
    this.#row = 0
    this.#held = 0
    this.#roundAt = now + ROUND_EVERY
    return false
  }

  /** True where the notice was written. */
  #first(now: Instant, row: number, slot: Slot): boolean {
    const { manners, pace } = this.#shared
    const page = this.table.pages[row >>> PAGE_BITS]!
    const i = row & (PAGE - 1)
    const tick = tickOf(now)
    const state = page.state[i]!
    if (((tick - page.seen[i]!) | 0) > ticks(manners.freshness)) return this.#suppress(row, 'stale')
    if (page.told[i] !== 0 && ((tick - page.told[i]!) | 0) < ticks(manners.recent)) return this.#suppress(row, 'recent')
    const form = this.#formOf(now, page.octets[i]!, state)
    if (form === undefined) return this.#suppress(row, 'no-credit')
    if (!this.#mayAddress(now, row)) {
      if (now >= this.#deadline) return this.#suppress(row, 'address-rate')
      this.#held++
      return false
    }
    pace.take()
    page.told[i] = tick
    const bare = form === 'bare' ? Row.bare : 0
    page.state[i] =
      ((state - Row.creditOne) & ~(Row.outage | Row.spoke | Row.stale | Row.bare | Row.recent)) |
      this.outage |
      Row.sent |
      bare
    this.sent++
    if (bare !== 0) this.bare++
    else if (form === 'rebuilt') this.rebuilt++
    this.#put(now, page, i, form, slot)
    this.#shared.wrote('notice')
    this.#dealWith(row)
    return true
  }

  /** The most that it may be told; undefined: nothing. */
  #formOf(now: Instant, octets: number, state: number): Form | undefined {
    if ((state & Row.credit) === 0) return undefined
    const { family } = this.table
    const whole: Form = (state & Row.rebuilt) !== 0 ? 'rebuilt' : 'whole'
    if (this.#words.template(now, family, whole).length <= octets) return whole
    return this.#words.template(now, family, 'bare').length <= octets ? 'bare' : undefined
  }

  #dealWith(row: number): void {
    this.#dealt++
    this.#questions?.dealt(row)
    // Those that were told out of turn may have been the last.
    if (this.#phase === 'first' && this.#dealt >= this.table.size) this.#endFirst()
  }

  #endFirst(): void {
    this.#row = 0
    this.#phase = this.#shared.manners.repeatAfter > 0 && this.sent > 0 ? 'repeat' : 'recent'
  }

  /** The words, where there was room for a bare error alone. True where they were written. */
  #rest(now: Instant, row: number, slot: Slot): boolean {
    const page = this.table.pages[row >>> PAGE_BITS]!
    const i = row & (PAGE - 1)
    const state = page.state[i]!
    if ((state & Row.bare) === 0) return false
    const form = this.#formOf(now, page.octets[i]!, state)
    if (form === undefined || form === 'bare' || !this.#mayAddress(now, row)) return false
    this.#shared.pace.take()
    page.told[i] = tickOf(now)
    page.state[i] = (state - Row.creditOne) & ~Row.bare
    this.#put(now, page, i, form, slot)
    this.#shared.wrote('repetition')
    return true
  }

  /** Once more to those that were told and are silent since. */
  #repeat(now: Instant, slot: Slot): boolean {
    const { pace, manners } = this.#shared
    const tick = tickOf(now)
    const after = ticks(manners.repeatAfter)
    for (; this.#row < this.table.size; this.#row++) {
      const page = this.table.pages[this.#row >>> PAGE_BITS]!
      const i = this.#row & (PAGE - 1)
      const state = page.state[i]!
      if ((state & (Row.outage | Row.sent)) !== (this.outage | Row.sent) || (state & Row.spoke) !== 0) continue
      if (((tick - page.told[i]!) | 0) < after || pace.next(now) > now) return false
      const form = this.#formOf(now, page.octets[i]!, state)
      if (form === undefined) continue
      // The second word is a courtesy: a limit ends it.
      if (!this.#mayAddress(now, this.#row)) continue
      pace.take()
      page.told[i] = tick
      page.state[i] = state - Row.creditOne
      this.#row++
      this.#put(now, page, i, form, slot)
      this.#shared.wrote('repetition')
      return true
    }
    this.#row = 0
    this.#phase = 'recent'
    return false
  }

  /** Those that were told of another outage too short a time ago. */
  #afterwards(now: Instant, slot: Slot): boolean {
    const { pace, manners } = this.#shared
    const tick = tickOf(now)
    for (; this.suppressed.recent !== undefined && this.#row < this.table.size; this.#row++) {
      if (!this.#isRecent(this.#row)) continue
      const told = this.table.pages[this.#row >>> PAGE_BITS]!.told[this.#row & (PAGE - 1)]!
      if (((tick - told) | 0) < ticks(manners.recent) || now < this.#roundAt || pace.next(now) > now) return false
      if (this.#first(now, this.#row, slot)) {
        this.#row++
        return true
      }
      // Its address has had its share for now.
      if (this.#isRecent(this.#row)) {
        this.#roundAt = now + ROUND_EVERY
        return false
      }
    }
    this.#phase = 'done'
    return false
  }

  #isRecent(row: number): boolean {
    const state = this.table.pages[row >>> PAGE_BITS]!.state[row & (PAGE - 1)]!
    return (state & Row.recent) !== 0 && (state & Row.outage) === this.outage
  }

  #recentAt(): number {
    if (this.suppressed.recent === undefined || this.#row >= this.table.size || !this.#isRecent(this.#row)) return 0
    const told = this.table.pages[this.#row >>> PAGE_BITS]!.told[this.#row & (PAGE - 1)]!
    return momentOf(told + ticks(this.#shared.manners.recent), this.#began)
  }

  #repeatAt(): number {
    const { manners } = this.#shared
    if (this.#row >= this.table.size) return 0
    const page = this.table.pages[this.#row >>> PAGE_BITS]!
    const told = page.told[this.#row & (PAGE - 1)]!
    const state = page.state[this.#row & (PAGE - 1)]!
    if ((state & (Row.outage | Row.sent)) !== (this.outage | Row.sent)) return 0
    return momentOf(told + ticks(manners.repeatAfter), this.#began)
  }

  #mayAddress(now: Instant, row: number): boolean {
    const { family, quote, pages } = this.table
    const four = family === 4
    const at = (row & (PAGE - 1)) * quote + (four ? 12 : 8)
    return this.#shared.pace.takeAddress(now, pages[row >>> PAGE_BITS]!.quotes, at, four ? 4 : 16)
  }

  #put(now: Instant, page: Page, i: number, form: Form, slot: Slot): void {
    const { family, quote } = this.table
    const template = this.#words.template(now, family, form)
    page.octets[i]! -= template.length
    slot.end = template.write(page.quotes, i * quote, this.#shared.nextId(), slot.bytes, slot.at)
    slot.port = page.zone === undefined ? 0 : page.zone[i]!
    slot.tag = TAG
  }

  #isDone(row: number): boolean {
    return (this.table.pages[row >>> PAGE_BITS]!.state[row & (PAGE - 1)]! & Row.outage) === this.outage
  }

  #suppress(row: number, why: Suppressed): false {
    const page = this.table.pages[row >>> PAGE_BITS]!
    const i = row & (PAGE - 1)
    const later = why === 'stale' || why === 'no-credit' ? Row.stale : why === 'recent' ? Row.recent : 0
    const other = ~(Row.outage | Row.sent | Row.spoke | Row.stale | Row.recent)
    page.state[i] = (page.state[i]! & other) | this.outage | later
    this.suppressed[why] = (this.suppressed[why] ?? 0) + 1
    // Of a program that is back no connection is ended.
    if (why !== 'back') this.#dealWith(row)
    return false
  }
}

/** The first moment of a tick near `base`, milliseconds. */
function momentOf(tick: number, base: number): number {
  const at = tickOf(base)
  return base + (((tick - at) | 0) + 1) * ticksToMs
}

/** Comes back where a notice could not be sent. */
export const TAG = 1
/** Between two rounds through what the limits held up, milliseconds: a thousand of 20,000 a second. */
const ROUND_EVERY = 50
/** Rows that may wait out of turn. */
const LATE = 1024
