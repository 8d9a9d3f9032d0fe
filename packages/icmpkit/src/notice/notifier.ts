/**
 * Tells every connected workstation that a program is down. It sees the packets of the programs' ports, is told what the
 * world found out (a socket closed, a probe failed, the operator says so), and writes the notices: RFC 792 and RFC 4443
 * destination unreachable, each about a datagram that the workstation has sent, with an outage object behind it.
 *
 * Sans-IO: packets by `handlePacket` and `pollTransmit`, what only the outside can do by `pollRequest`.
 */
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival, LocalDrop, Machine, Slot } from '../door.ts'
import type { Family, Ip, Ip4 } from '../wire/addr.ts'
import { State } from '../wire/outage-object.ts'
import { Candidates } from './candidates.ts'
import type { Connection, NoticeEvent, ProgramState, Protocol, Request, Suppressed } from './event.ts'
import { FlowHash } from './flow-key.ts'
import { FlowTable, PAGE, PAGE_BITS, Row, tickOf, ticks } from './flow-table.ts'
import { FlowView, TCP, UDP } from './flow-view.ts'
import { NoticeTemplate, type Signer } from './notice-template.ts'
import { Pace } from './pace.ts'
import { checkBackAt, checkReason, type Down, Program, type ProgramSpec, type Sign } from './program.ts'
import { Sources } from './sources.ts'
import { type Manners, type Shared, TAG, Teller } from './teller.ts'

export interface NotifierOptions {
  programs: readonly ProgramSpec[]
  /** Seconds since 1970 at that moment. */
  wall(now: Instant): number
  /** 0 ≤ r < 1, unknown to others. */
  random(): number
  /** Is it a unicast address of this server? All destinations are taken for that where it is not given. */
  mine?(ip: Ip): boolean
  /** Is it the broadcast address of a network of this server? */
  isBroadcast?(ip: Ip4): boolean
  /** Index of the loopback interface: only from there may an address of this server, or a loopback one, come. */
  loopbackPort?: number
  signer?: Signer
  /** Notices a second in all, and at once after a rest. 100,000, 1000. */
  rate?: number
  burst?: number
  /** The same to one address. 20,000, 2000. */
  perAddressRate?: number
  perAddressBurst?: number
  /** Milliseconds: who was silent for longer is not told. 120,000, as long as firewalls remember a stream. */
  freshness?: number
  /** Milliseconds until the silent are told once more; 0: they are not. 1000. */
  repeatAfter?: number
  /** Milliseconds between two notices to one workstation, of different outages. 30,000. */
  recent?: number
  /** Milliseconds after which what the limits still hold up is given up. 10,000. */
  tellWithin?: number
  /** Workstations of one program and family. 1,048,576. */
  limit?: number
}

export interface ProgramStatus {
  program: string
  protocol: Protocol
  port: number
  state: ProgramState
  /** Milliseconds since the sign of it; null where it is not down. */
  downMs: number | null
  reason: string | null
  backAt: number | null
  /** Confirmed, and seen within `freshness`. */
  workstations: number
  /** Octets that its table takes. */
  memory: number
}

export interface NoticeCounters {
  /** Datagrams of watched ports, by direction. */
  heard: number
  answered: number
  /** Notices, those that were repetitions, and acknowledgements that asked for a sequence number. */
  sent: number
  repeated: number
  elicited: number
  outages: number
  suppressed: Partial<Record<Suppressed, number>>
  /** By what the kernel said. */
  unsent: Partial<Record<LocalDrop, number>>
}

/** A program, its tables and the telling under way. */
interface Watched {
  readonly program: Program
  readonly key: number
  readonly tables: Record<Family, FlowTable>
  tellers: Teller[]
  /** The outage is not told as an event yet. */
  untold: boolean
  /** Number of the last outage, 0 before the first; and what it was. */
  outage: number
  last: Down | undefined
}

export class Notifier implements Machine<NoticeEvent> {
  readonly counters: NoticeCounters = {
    heard: 0,
    answered: 0,
    sent: 0,
    repeated: 0,
    elicited: 0,
    outages: 0,
    suppressed: {},
    unsent: {},
  }
  readonly #o: NotifierOptions
  readonly #manners: Manners
  readonly #shared: Shared
  readonly #hash: FlowHash
  readonly #pace: Pace
  readonly #candidates: Candidates
  readonly #sources: Sources
  readonly #view = new FlowView()
  readonly #quote = new Uint8Array(48)
  readonly #programs = new Map<string, Watched>()
  /** By protocol and port. */
  readonly #byPort = new Map<number, Watched>()
  #events: NoticeEvent[] = []
  #requests: Request[] = []
  #id: number
  #outage = 0
  #sinceSweep = 0
  /** The moment of the last call: `pollTimeout` is not told it. */
  #now = 0 as Instant

  /** @throws RangeError on a program that cannot be, or two on one port or of one name */
  constructor(o: NotifierOptions) {
    this.#o = o
    this.#manners = {
      freshness: o.freshness ?? 120_000,
      repeatAfter: o.repeatAfter ?? 1000,
      recent: o.recent ?? 30_000,
      tellWithin: o.tellWithin ?? 10_000,
    }
    this.#hash = new FlowHash(o.random)
    const { rate = 100_000, burst = 1000, perAddressRate = 20_000, perAddressBurst = 2000 } = o
    this.#pace = new Pace({ rate, burst, perAddressRate, perAddressBurst }, new FlowHash(o.random))
    this.#candidates = new Candidates(CANDIDATES)
    this.#sources = new Sources(o)
    this.#id = Math.floor(o.random() * 0xffff)
    this.#shared = {
      manners: this.#manners,
      pace: this.#pace,
      nextId: () => {
        this.#id = this.#id >= 0xffff ? 1 : this.#id + 1
        return this.#id
      },
      wrote: (repeated) => {
        this.counters.sent++
        if (repeated) this.counters.repeated++
      },
    }
    for (const spec of o.programs) this.add(0 as Instant, spec)
  }

  // ---- what users ask for

  /** @throws RangeError on a program that cannot be, or whose name or port is taken */
  add(_now: Instant, spec: ProgramSpec): void {
    const program = new Program(
      spec,
      (r) => void this.#requests.push(r),
      (e) => void this.#events.push(e),
    )
    if (this.#programs.has(spec.name)) throw new RangeError(`program ${spec.name}: there is one of that name`)
    const key = keyOf(spec.protocol === 'udp' ? UDP : TCP, spec.port)
    const other = this.#byPort.get(key)
    if (other !== undefined)
      throw new RangeError(`program ${spec.name}: ${other.program.spec.name} has ${spec.protocol} port ${spec.port}`)
    const limit = this.#o.limit ?? 1 << 20
    const tables = { 4: new FlowTable(4, limit, this.#hash), 6: new FlowTable(6, limit, this.#hash) }
    const watched: Watched = { program, key, tables, tellers: [], untold: false, outage: 0, last: undefined }
    this.#programs.set(spec.name, watched)
    this.#byPort.set(key, watched)
  }

  /** Watches it no more; nobody is told. @throws RangeError where there is none of that name */
  remove(now: Instant, name: string): void {
    const w = this.#of(name)
    w.program.back(now)
    this.#programs.delete(name)
    this.#byPort.delete(w.key)
  }

  /** What the world found out. @throws RangeError where there is no program of that name */
  sign(now: Instant, name: string, sign: Sign): void {
    const w = this.#of(name)
    if (w.program.sign(now, sign)) this.#begin(now, w)
    this.#settle(now, w)
  }

  /** The program is taken offline. @throws RangeError on a name that there is not, a text too long */
  offline(now: Instant, name: string, o: { reason?: string; backAt?: number } = {}): void {
    this.#stop(now, name, 'offline', o)
  }

  /** No new workstations are let in, and the connected ones are told. @throws RangeError as `offline` */
  drain(now: Instant, name: string, o: { reason?: string; backAt?: number } = {}): void {
    this.#stop(now, name, 'draining', o)
  }

  /** It is there again. @throws RangeError where there is no program of that name */
  back(now: Instant, name: string): void {
    const w = this.#of(name)
    w.program.back(now)
    this.#settle(now, w)
  }

  /** Its TCP connections at this moment, as `pollRequest` asked. */
  connections(_now: Instant, _name: string, _list: readonly Connection[]): void {}

  status(now: Instant): ProgramStatus[] {
    return [...this.#programs.values()].map(({ program, tables }) => {
      const { spec, down } = program
      const fresh = tickOf(now) - ticks(this.#manners.freshness)
      return {
        program: spec.name,
        protocol: spec.protocol,
        port: spec.port,
        state: program.state,
        downMs: down === undefined ? null : now - down.since,
        reason: down?.reason ?? null,
        backAt: down?.backAt ?? null,
        workstations: tables[4].countSince(fresh) + tables[6].countSince(fresh),
        memory: tables[4].memory + tables[6].memory,
      }
    })
  }

  /** What only the outside can do, oldest first. */
  pollRequest(): Request | undefined {
    return this.#requests.shift()
  }

  // ---- the machine

  handlePacket(now: Instant, a: Arrival): false {
    const v = this.#view
    if (!v.read(a)) return false
    const to = this.#byPort.get(keyOf(v.protocol, v.dstPort))
    const from = this.#byPort.get(keyOf(v.protocol, v.srcPort))
    if (to !== undefined && (from === undefined || a.link === 'host')) this.#heard(now, to, a)
    else if (from !== undefined) this.#answered(now, from, a)
    return false
  }

  handleSent(_now: Instant, _tag: number, _stamp: Instant, _clock: ClockSource): void {}

  handleUnsent(_now: Instant, tag: number, why: LocalDrop, _mtu: number): void {
    if (tag === TAG) this.counters.unsent[why] = (this.counters.unsent[why] ?? 0) + 1
  }

  handleTimeout(now: Instant): void {
    this.#now = now
    for (const w of this.#programs.values()) {
      w.program.handleTimeout(now)
      this.#settle(now, w)
    }
  }

  pollTransmit(now: Instant, slot: Slot): boolean {
    this.#now = now
    for (const w of this.#programs.values()) {
      for (const t of w.tellers) {
        if (slot.family !== undefined && slot.family !== t.table.family) continue
        if (t.write(now, slot)) return true
      }
    }
    return false
  }

  pollEvent(): NoticeEvent | undefined {
    return this.#events.shift()
  }

  /** Never done: it waits for the next sign. */
  pollTimeout(): Instant {
    let due = Number.POSITIVE_INFINITY
    for (const { program, tellers, untold } of this.#programs.values()) {
      due = Math.min(due, program.due)
      for (const t of tellers) due = Math.min(due, t.due(this.#now))
      if (untold && tellers.every((t) => t.toldAll)) due = this.#now
    }
    return due as Instant
  }

  // ---- flows

  /** A workstation sent something to the program. */
  #heard(now: Instant, w: Watched, a: Arrival): void {
    this.counters.heard++
    if (w.program.spec.protocol !== 'udp') return
    const v = this.#view
    const table = w.tables[v.family]
    const zone = this.#sources.zoneOf(v, a)
    const row = table.find(v.bytes, v.src, v.dst, v.srcPort, zone)
    const tick = tickOf(now)
    if (row >= 0) {
      this.#refresh(w, table, row, tick, a)
      this.#sweep(w, tick)
      return
    }
    const why = this.#sources.why(v, a)
    if (why !== undefined) {
      this.#count(why)
      return
    }
    const first = this.#hash.of(0, v.bytes, v.src, v.dst, v.octets, v.srcPort, w.key)
    const second = this.#hash.of(2, v.bytes, v.src, v.dst, v.octets, v.srcPort, w.key)
    if (this.#candidates.heard(first, second, now) !== 'confirmed') return
    v.quote(this.#quote, 0)
    const added = table.add(this.#quote, 0, zone)
    if (added < 0) {
      this.#count('table-full')
      this.#sweep(w, tick, 64)
      return
    }
    const page = table.pages[added >>> PAGE_BITS]!
    const i = added & (PAGE - 1)
    page.seen[i] = tick
    // Two were heard until now.
    page.state[i] = (2 * Row.creditOne) | (v.long || a.origin === 'rebuilt' ? Row.rebuilt : 0)
    this.#spoke(w, table, added, page.state[i]!)
  }

  #refresh(w: Watched, table: FlowTable, row: number, tick: number, a: Arrival): void {
    const v = this.#view
    const page = table.pages[row >>> PAGE_BITS]!
    const i = row & (PAGE - 1)
    let state = page.state[i]! | Row.spoke
    if ((state & Row.credit) !== Row.credit) state += Row.creditOne
    // The quote is as old as a second at most.
    if (((tick - page.seen[i]!) | 0) > QUOTE_TICKS && a.link === 'host') {
      v.quote(page.quotes, i * table.quote)
      state = v.long || a.origin === 'rebuilt' ? state | Row.rebuilt : state & ~Row.rebuilt
    }
    page.seen[i] = tick
    page.state[i] = state
    this.#spoke(w, table, row, state)
  }

  /** While its program is down, whoever speaks and does not know it yet is told. */
  #spoke(w: Watched, table: FlowTable, row: number, state: number): void {
    if (w.program.down === undefined || (state & Row.outage) === w.outage) return
    for (const t of w.tellers) if (t.table === table && t.toldAll) t.speaks(row)
  }

  /** The program sent something to a workstation. */
  #answered(now: Instant, w: Watched, a: Arrival): void {
    this.counters.answered++
    if (w.program.spec.protocol !== 'udp') return
    const v = this.#view
    if (this.#candidates.size > 0) {
      const first = this.#hash.of(0, v.bytes, v.dst, v.src, v.octets, v.dstPort, w.key)
      const second = this.#hash.of(2, v.bytes, v.dst, v.src, v.octets, v.dstPort, w.key)
      this.#candidates.answered(first, second, now)
    }
    // A firewall on the way remembers a stream whichever side keeps it going.
    const table = w.tables[v.family]
    const row = table.find(v.bytes, v.dst, v.src, v.dstPort, this.#sources.zoneOf(v, a))
    if (row >= 0) table.pages[row >>> PAGE_BITS]!.seen[row & (PAGE - 1)] = tickOf(now)
  }

  /** Now and then, those that nobody has heard of for long are forgotten; not while rows are gone through. */
  #sweep(w: Watched, tick: number, rows = 64): void {
    if (w.tellers.length > 0 || ++this.#sinceSweep % 256 !== 0) return
    const old = tick - 2 * ticks(this.#manners.freshness)
    w.tables[4].sweep(old, rows)
    w.tables[6].sweep(old, rows)
  }

  // ---- outages

  #stop(
    now: Instant,
    name: string,
    state: 'offline' | 'draining',
    { reason, backAt }: { reason?: string; backAt?: number },
  ): void {
    checkReason(reason)
    checkBackAt(backAt)
    const w = this.#of(name)
    const { spec } = w.program
    if (w.program.stop(now, state, reason ?? spec.message, backAt ?? spec.backAt)) this.#begin(now, w)
    this.#settle(now, w)
  }

  #begin(now: Instant, w: Watched): void {
    w.last = w.program.down
    this.#outage = (this.#outage % 0xffff) + 1
    w.outage = this.#outage
    w.untold = true
    this.counters.outages++
    w.tellers = ([4, 6] as const).map(
      (family) => new Teller(w.tables[family], w.outage, now, this.#shared, this.#templates(now, w, family)),
    )
  }

  /** Made when the first notice of its kind is written. */
  #templates(now: Instant, w: Watched, family: Family): (rebuilt: boolean) => NoticeTemplate {
    const { spec } = w.program
    const down = w.last!
    const made: NoticeTemplate[] = []
    return (rebuilt) => {
      made[Number(rebuilt)] ??= new NoticeTemplate({
        family,
        code: spec.code ?? (down.state === 'draining' ? 'admin' : 'port'),
        outage: {
          state: State[down.state],
          rebuilt,
          seconds: Math.floor(this.#o.wall(now)),
          program: spec.name,
          reason: down.reason,
          backAt: down.backAt,
          server: { protocol: spec.protocol === 'udp' ? UDP : TCP, port: spec.port },
        },
        signer: this.#o.signer,
      })
      return made[Number(rebuilt)]!
    }
  }

  /** Behind every call: what has come to its end is told. */
  #settle(now: Instant, w: Watched): void {
    this.#now = now
    const { down } = w.program
    if (down === undefined) {
      for (const t of w.tellers) t.stop()
      if (w.untold) this.#tellOutage(now, w)
      w.tellers = []
      return
    }
    if (w.untold && w.tellers.every((t) => t.toldAll)) this.#tellOutage(now, w)
  }

  #tellOutage(now: Instant, w: Watched): void {
    w.untold = false
    const { spec } = w.program
    const down = w.program.down ?? w.last!
    const suppressed: Partial<Record<Suppressed, number>> = {}
    let sent = 0
    let rebuilt = 0
    let passed = 0
    for (const t of w.tellers) {
      sent += t.sent
      rebuilt += t.rebuilt
      for (const [why, n] of Object.entries(t.suppressed) as [Suppressed, number][]) {
        suppressed[why] = (suppressed[why] ?? 0) + n
        passed += n
        this.#count(why, n)
      }
    }
    this.#events.push({
      kind: 'outage',
      program: spec.name,
      state: down.state,
      protocol: spec.protocol,
      port: spec.port,
      workstations: sent + passed,
      sent,
      suppressed,
      rebuilt,
      detectedNs: Math.round((down.decided - down.since) * 1e6),
      lastSentNs: Math.round((now - down.since) * 1e6),
      reason: down.reason ?? null,
      backAt: down.backAt ?? null,
    })
  }

  #count(why: Suppressed, n = 1): void {
    this.counters.suppressed[why] = (this.counters.suppressed[why] ?? 0) + n
  }

  #of(name: string): Watched {
    const w = this.#programs.get(name)
    if (w === undefined) throw new RangeError(`there is no program '${name}'`)
    return w
  }
}

function keyOf(protocol: number, port: number): number {
  return (protocol << 16) | port
}

/** Flows on their way into the tables, all programs together. */
const CANDIDATES = 1 << 17
/** A second. */
const QUOTE_TICKS = 62
