/**
 * One program with its workstations: packets of its port come in, an outage is told to whom they came from. UDP workstations
 * stand in its tables as long as they are heard of; TCP ones are asked for at the moment of need.
 */
import type { Instant } from '../clock.ts'
import type { Arrival, Slot } from '../door.ts'
import { type Family, familyOf } from '../wire/addr.ts'
import * as tcp from '../wire/tcp.ts'
import type { Candidates } from './candidates.ts'
import { Connecting } from './connecting.ts'
import { addConnection, connectionOf, Elicitor } from './elicit.ts'
import type { Connection, NoticeEvent, OutageEvent, Request, Suppressed } from './event.ts'
import type { FlowHash } from './flow-key.ts'
import { credit, FlowTable, PAGE, PAGE_BITS, QUOTE, Row, tickOf, ticks } from './flow-table.ts'
import { type FlowView, TCP, UDP } from './flow-view.ts'
import type { Signer } from './notice-template.ts'
import type { Pace } from './pace.ts'
import { type Down, Program, type ProgramSpec, type Sign } from './program.ts'
import type { Sources } from './sources.ts'
import { type Manners, type Questions, Teller } from './teller.ts'
import { Words } from './words.ts'

/** What all programs of a notifier share. */
export interface Common {
  readonly manners: Manners
  readonly pace: Pace
  readonly hash: FlowHash
  readonly candidates: Candidates
  readonly sources: Sources
  /** The packet that is looked at now. */
  readonly view: FlowView
  readonly signer: Signer | undefined
  /** Workstations of one program and family. */
  readonly limit: number
  wall(now: Instant): number
  random(): number
  /** IPv4 identification of the next packet. */
  nextId(): number
  /** Number of the next outage, 1 to 65,535. */
  nextOutage(): number
  ask(r: Request): void
  tell(e: NoticeEvent): void
  count(why: Suppressed, n?: number): void
  wrote(what: 'notice' | 'repetition' | 'question'): void
}

export class Watch {
  readonly program: Program
  tables: Record<Family, FlowTable>
  #tellers: Teller[] = []
  /** TCP: who is asked for a sequence number, and who opens a connection meanwhile. */
  #elicitors: Elicitor[] = []
  readonly #connecting: Record<Family, Connecting> = { 4: new Connecting(4), 6: new Connecting(6) }
  /** Until when a list of connections is waited for; NaN: none is. */
  #awaits = Number.NaN
  /** The outage has not been told as an event yet. */
  #untold = false
  /** Number of the last outage, 0 before the first; and what it was. */
  #outage = 0
  #last: Down | undefined
  readonly #words: Words
  #sinceSweep = 0
  readonly #common: Common
  readonly #quote = new Uint8Array(48)

  /** @throws RangeError on a program that cannot be */
  constructor(spec: ProgramSpec, common: Common) {
    this.#common = common
    const program = new Program(spec, common)
    this.program = program
    this.#words = new Words({
      get spec() {
        return program.spec
      },
      down: () => program.down ?? this.#last!,
      signer: common.signer,
      wall: common.wall,
    })
    this.tables = this.#newTables()
  }

  get outage(): number {
    return this.#outage
  }

  /** As it was before a restart: whoever was told of this outage is not told again. */
  resume(now: Instant, down: Down | undefined): void {
    this.program.resume(now, down)
    if (down === undefined) return
    this.#last = down
    this.#outage = this.#common.nextOutage()
    // Nobody is told in turn; who speaks and does not know it yet is.
    this.#startTellers(now)
    for (const t of this.#tellers) t.finish()
  }

  sign(now: Instant, sign: Sign): void {
    if (this.program.sign(now, sign)) this.#begin(now)
    this.settle(now)
  }

  stop(now: Instant, state: 'offline' | 'draining', o: { reason?: string; backAt?: number }): void {
    if (this.program.stop(now, state, o.reason, o.backAt)) this.#begin(now)
    this.settle(now)
  }

  back(now: Instant): void {
    this.program.back(now)
    this.settle(now)
  }

  connections(now: Instant, list: Iterable<Connection>): void {
    if (Number.isNaN(this.#awaits)) return
    this.#awaits = Number.NaN
    const { count, pace, random } = this.#common
    const before = this.tables
    this.tables = this.#newTables()
    for (const c of list) {
      const family = familyOf(c.remote)
      if (c.localPort !== this.program.spec.port || familyOf(c.local) !== family) continue
      if (!addConnection(this.tables[family], c, before[family])) count('table-full')
    }
    const seq = Math.floor(random() * 2 ** 32)
    this.#elicitors = FAMILIES.map((family) => new Elicitor(this.tables[family], pace, seq))
    if (this.program.spec.elicit === false) for (const e of this.#elicitors) e.listenOnly(now)
    this.#startTellers(now)
    this.settle(now)
  }

  /** When something of it is due; Infinity where nothing is. */
  due(now: Instant): number {
    const { pace } = this.#common
    let due = this.program.due
    for (const t of this.#tellers) due = Math.min(due, t.due(now))
    for (const e of this.#elicitors) due = Math.min(due, e.due(now))
    for (const family of FAMILIES) due = Math.min(due, this.#connecting[family].due(now, pace))
    if (!this.#untold) return due
    if (!Number.isNaN(this.#awaits)) return Math.min(due, this.#awaits)
    return this.#toldAll ? Math.min(due, now) : due
  }

  handleTimeout(now: Instant): void {
    this.program.handleTimeout(now)
    this.settle(now)
  }

  /** Writes the next packet that is due for that family; false where none is. */
  write(now: Instant, family: Family, slot: Slot): boolean {
    const { nextId, wrote } = this.#common
    if (this.#writeConnecting(now, family, slot)) return true
    for (const t of this.#tellers) {
      if (t.table.family === family && t.write(now, slot)) return true
    }
    for (const e of this.#elicitors) {
      if (e.table.family !== family || !e.write(now, nextId, slot)) continue
      wrote('question')
      return true
    }
    return false
  }

  // ---- packets

  /** UDP: a workstation sent something to the program. */
  heard(now: Instant, a: Arrival): void {
    const { view: v, sources, candidates, hash, count } = this.#common
    const table = this.tables[v.family]
    const zone = sources.zoneOf(v, a)
    const row = table.find(v.bytes, v.src, v.dst, v.srcPort, zone)
    const tick = tickOf(now)
    if (row >= 0) {
      this.#refresh(table, row, tick, a)
      this.#sweep(tick)
      return
    }
    const why = sources.why(v, a)
    if (why !== undefined) {
      count(why)
      return
    }
    const more = (v.dstPort << 16) | zone
    const first = hash.of(0, v.bytes, v.src, v.dst, v.octets, v.srcPort, more)
    const second = hash.of(2, v.bytes, v.src, v.dst, v.octets, v.srcPort, more)
    if (candidates.heard(first, second, now) !== 'confirmed') return
    v.quote(this.#quote, 0)
    const added = table.add(this.#quote, 0, zone)
    if (added < 0) {
      count('table-full')
      this.#sweep(tick)
      return
    }
    const page = table.pages[added >>> PAGE_BITS]!
    const i = added & (PAGE - 1)
    page.seen[i] = tick
    // Two were heard until now; of the first nothing is known but that it was a datagram.
    credit(page, i, QUOTE[v.family] + v.whole)
    page.state[i] = (2 * Row.creditOne) | (v.long || a.origin === 'rebuilt' ? Row.rebuilt : 0)
    this.#spoke(table, added, page.state[i]!)
  }

  /** UDP: the program sent something to a workstation. */
  answered(now: Instant, a: Arrival): void {
    const { view: v, sources, candidates, hash } = this.#common
    const zone = sources.zoneOf(v, a)
    if (candidates.size > 0) {
      const more = (v.srcPort << 16) | zone
      const first = hash.of(0, v.bytes, v.dst, v.src, v.octets, v.dstPort, more)
      const second = hash.of(2, v.bytes, v.dst, v.src, v.octets, v.dstPort, more)
      candidates.answered(first, second, now)
    }
    // A firewall on the way remembers a stream whichever side keeps it going.
    const table = this.tables[v.family]
    const row = table.find(v.bytes, v.dst, v.src, v.dstPort, zone)
    if (row >= 0) table.pages[row >>> PAGE_BITS]!.seen[row & (PAGE - 1)] = tickOf(now)
  }

  /** TCP: something came from a workstation. */
  segment(a: Arrival): void {
    const { view: v, sources, count } = this.#common
    const { down } = this.program
    if (down === undefined || a.link !== 'host') return
    const zone = sources.zoneOf(v, a)
    const table = this.tables[v.family]
    const row = table.find(v.bytes, v.src, v.dst, v.srcPort, zone)
    if (row >= 0) {
      table.pages[row >>> PAGE_BITS]!.state[row & (PAGE - 1)]! |= Row.spoke
      for (const [i, e] of this.#elicitors.entries()) {
        if (e.table === table && e.heard(row, v)) this.#tellers[i]!.speaks(row)
      }
      return
    }
    if (down.state !== 'draining' || !isOpening(v)) return
    const why = sources.why(v, a) ?? (this.#connecting[v.family].push(v, zone) ? undefined : 'rate')
    if (why !== undefined) count(why)
  }

  #refresh(table: FlowTable, row: number, tick: number, a: Arrival): void {
    const { view: v } = this.#common
    const page = table.pages[row >>> PAGE_BITS]!
    const i = row & (PAGE - 1)
    let state = page.state[i]! | Row.spoke
    if ((state & Row.credit) !== Row.credit) state += Row.creditOne
    // The quote is as old as a second at most.
    if (((tick - page.seen[i]!) | 0) > QUOTE_TICKS) {
      v.quote(page.quotes, i * table.quote)
      state = v.long || a.origin === 'rebuilt' ? state | Row.rebuilt : state & ~Row.rebuilt
    }
    page.seen[i] = tick
    page.state[i] = state
    credit(page, i, v.whole)
    this.#spoke(table, row, state)
  }

  /** While its program is down, whoever speaks and does not know it yet is told; in turn, as long as it is told in turn. */
  #spoke(table: FlowTable, row: number, state: number): void {
    if (this.program.down === undefined) return
    const known = (state & Row.outage) === this.#outage
    if (known && (state & (Row.stale | Row.bare)) === 0) return
    const teller = this.#tellers.find((t) => t.table === table)
    if (teller?.toldAll !== true) return
    if (known && (state & Row.stale) !== 0)
      table.pages[row >>> PAGE_BITS]!.state[row & (PAGE - 1)] = state & ~(Row.outage | Row.stale)
    teller.speaks(row)
  }

  /** Now and then, those that nobody has heard of for long are forgotten; not while rows are gone through. */
  #sweep(tick: number): void {
    if (++this.#sinceSweep % SWEEP_EVERY !== 0 || this.#tellers.some((t) => !t.done)) return
    const old = tick - 2 * ticks(this.#common.manners.freshness)
    for (const family of FAMILIES) this.tables[family].sweep(old, SWEEP_ROWS)
  }

  // ---- outages

  #begin(now: Instant): void {
    this.#last = this.program.down
    this.#outage = this.#common.nextOutage()
    this.#untold = true
    if (this.program.spec.protocol === 'tcp') {
      this.#awaits = now + PATIENCE
      this.#common.ask({ kind: 'connections', program: this.program.spec.name })
    } else this.#startTellers(now)
  }

  #startTellers(now: Instant): void {
    this.#tellers = FAMILIES.map(
      (family, i) => new Teller(this.tables[family], this.#outage, now, this.#common, this.#words, this.#questions(i)),
    )
  }

  #questions(place: number): Questions | undefined {
    const e = this.#elicitors[place]
    const { name: program, reset } = this.program.spec
    return (
      e && {
        waits: (now, row) => e.waits(now, row),
        dealt: (row) => {
          if (reset === true) this.#common.ask({ kind: 'reset', program, connection: connectionOf(e.table, row) })
        },
      }
    )
  }

  #writeConnecting(now: Instant, family: Family, slot: Slot): boolean {
    const { pace, nextId, wrote, count } = this.#common
    const bare = () => this.#words.template(now, family, 'bare')
    for (;;) {
      const written = this.#connecting[family].write(now, pace, bare, nextId, slot)
      if (written === undefined) return false
      if (written) {
        wrote('notice')
        return true
      }
      count('address-rate')
    }
  }

  get #toldAll(): boolean {
    return this.#tellers.every((t) => t.toldAll)
  }

  /** Behind every call: what has come to its end is told. */
  settle(now: Instant): void {
    if (this.program.down === undefined) {
      for (const t of this.#tellers) t.stop()
      if (this.#untold) this.#tell(now)
      this.#tellers = []
      this.#elicitors = []
      this.#awaits = Number.NaN
      for (const family of FAMILIES) this.#connecting[family].clear()
      return
    }
    if (now >= this.#awaits) this.#awaits = Number.NaN
    if (this.#untold && Number.isNaN(this.#awaits) && this.#toldAll) this.#tell(now)
  }

  #tell(now: Instant): void {
    this.#untold = false
    const { spec } = this.program
    const down = this.#last!
    const e: OutageEvent = {
      kind: 'outage',
      program: spec.name,
      state: down.state,
      protocol: spec.protocol,
      port: spec.port,
      workstations: 0,
      sent: 0,
      suppressed: {},
      rebuilt: 0,
      bare: 0,
      detectedNs: Math.round((down.decided - down.since) * 1e6),
      lastSentNs: Math.round((now - down.since) * 1e6),
      reason: down.reason ?? null,
      backAt: down.backAt ?? null,
    }
    for (const t of this.#tellers) {
      e.sent += t.sent
      e.rebuilt += t.rebuilt
      e.bare += t.bare
      e.workstations += t.sent
      for (const [why, n] of Object.entries(t.suppressed) as [Suppressed, number][]) {
        e.suppressed[why] = (e.suppressed[why] ?? 0) + n
        e.workstations += n
        this.#common.count(why, n)
      }
    }
    this.#common.tell(e)
  }

  #newTables(): Record<Family, FlowTable> {
    const { limit, hash } = this.#common
    return { 4: new FlowTable(4, limit, hash), 6: new FlowTable(6, limit, hash) }
  }
}

/** Protocol and port in one number. */
export function keyOf(spec: Pick<ProgramSpec, 'protocol' | 'port'>): number {
  return ((spec.protocol === 'udp' ? UDP : TCP) << 16) | spec.port
}

/** A SYN without an ACK. */
function isOpening({ bytes, upper, end }: FlowView): boolean {
  return end - upper > 13 && (bytes[upper + 13]! & (tcp.Flag.syn | tcp.Flag.ack | tcp.Flag.rst)) === tcp.Flag.syn
}

export const FAMILIES = [4, 6] as const
/** Milliseconds that a list of connections is waited for. */
const PATIENCE = 2000
/** A second. */
const QUOTE_TICKS = 62
/** One datagram in so many looks for rows to forget, and at so many of them. */
const SWEEP_EVERY = 256
const SWEEP_ROWS = 64
