/**
 * Tells every connected workstation that a program is down. It sees the packets of the programs' ports, is told what the
 * world found out (a socket closed, a probe failed, the operator says so), and writes the notices: RFC 792 and RFC 4443
 * destination unreachable, each about a datagram that the workstation has sent, with an outage object behind it.
 *
 * Sans-IO: packets by `handlePacket` and `pollTransmit`, what only the outside can do by `pollRequest`.
 */
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival, LocalDrop, Machine, Slot } from '../door.ts'
import type { Ip, Ip4 } from '../wire/addr.ts'
import type { Malformed } from '../wire/malformed.ts'
import { Candidates } from './candidates.ts'
import type { Connection, NoticeEvent, ProgramState, Protocol, Request, Suppressed } from './event.ts'
import { FlowHash } from './flow-key.ts'
import { tickOf, ticks } from './flow-table.ts'
import { FlowView, UDP } from './flow-view.ts'
import type { Signer } from './notice-template.ts'
import { Pace } from './pace.ts'
import { checkBackAt, checkReason, type ProgramSpec, type Sign } from './program.ts'
import * as snapshot from './snapshot.ts'
import { Sources } from './sources.ts'
import { TAG } from './teller.ts'
import { type Common, FAMILIES, keyOf, Watch } from './watch.ts'

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

/** Where nothing has happened yet. */
export function noCounts(): NoticeCounters {
  return { heard: 0, answered: 0, sent: 0, repeated: 0, elicited: 0, outages: 0, suppressed: {}, unsent: {} }
}

/** Knows who is connected to the programs, judges whether these are down, and tells. */
export class Notifier implements Machine<NoticeEvent> {
  readonly counters: NoticeCounters = noCounts()
  readonly #common: Common
  readonly #view: FlowView
  readonly #loopbackPort: number
  readonly #programs = new Map<string, Watch>()
  /** By protocol and port. */
  readonly #byPort = new Map<number, Watch>()
  readonly #events: NoticeEvent[] = []
  readonly #requests: Request[] = []
  /** The moment of the last call: `pollTimeout` is not told it. */
  #now = 0 as Instant

  /** @throws RangeError on a program that cannot be, or two on one port or of one name */
  constructor(o: NotifierOptions) {
    this.#common = this.#commonOf(o)
    this.#view = this.#common.view
    this.#loopbackPort = o.loopbackPort ?? 0
    for (const spec of o.programs) this.add(0 as Instant, spec)
  }

  // ---- what users ask for

  /** @throws RangeError on a program that cannot be, or whose name or port is taken */
  add(_now: Instant, spec: ProgramSpec): void {
    const watch = new Watch(spec, this.#common)
    if (this.#programs.has(spec.name)) throw new RangeError(`program ${spec.name}: there is one of that name`)
    const other = this.#byPort.get(keyOf(spec))
    if (other !== undefined)
      throw new RangeError(`program ${spec.name}: ${other.program.spec.name} has ${spec.protocol} port ${spec.port}`)
    this.#programs.set(spec.name, watch)
    this.#byPort.set(keyOf(spec), watch)
  }

  /**
   * Other settings for a program that is there; its workstations and its state stay. @throws RangeError where there is none
   * of that name, or its port is another
   */
  change(now: Instant, spec: ProgramSpec): void {
    const { program } = this.#at(now, spec.name)
    if (keyOf(spec) !== keyOf(program.spec))
      throw new RangeError(
        `program ${spec.name}: it has ${program.spec.protocol} port ${program.spec.port}; remove it first`,
      )
    program.change(spec)
  }

  /** Watches it no more; nobody is told. @throws RangeError where there is none of that name */
  remove(now: Instant, name: string): void {
    const w = this.#of(name)
    w.back(now)
    this.#programs.delete(name)
    this.#byPort.delete(keyOf(w.program.spec))
    // Nobody waits for an answer any more; a rule of the kernel has to go all the same.
    const left = this.#requests.filter((r) => r.program !== name || r.kind === 'reject')
    this.#requests.splice(0, this.#requests.length, ...left)
  }

  /** What the world found out. @throws RangeError where there is no program of that name */
  sign(now: Instant, name: string, sign: Sign): void {
    this.#at(now, name).sign(now, sign)
  }

  /** The program is taken offline. @throws RangeError on a name that there is not, a text too long */
  offline(now: Instant, name: string, o: { reason?: string; backAt?: number } = {}): void {
    checkReason(o.reason)
    checkBackAt(o.backAt)
    this.#at(now, name).stop(now, 'offline', o)
  }

  /** No new workstations are let in, and the connected ones are told. @throws RangeError as `offline` */
  drain(now: Instant, name: string, o: { reason?: string; backAt?: number } = {}): void {
    checkReason(o.reason)
    checkBackAt(o.backAt)
    this.#at(now, name).stop(now, 'draining', o)
  }

  /** It is there again. @throws RangeError where there is no program of that name */
  back(now: Instant, name: string): void {
    this.#at(now, name).back(now)
  }

  /** Its TCP connections at this moment, as `pollRequest` asked. @throws RangeError where there is no program of that name */
  connections(now: Instant, name: string, list: Iterable<Connection>): void {
    this.#at(now, name).connections(now, list)
  }

  /** What outlives a restart, for a file. */
  snapshot(now: Instant): Uint8Array {
    const { manners, wall } = this.#common
    return snapshot.write(now, wall(now), this.#programs.values(), manners.freshness)
  }

  /** Takes up what `snapshot` gave, for programs that were added; each is asked for again. Damaged octets change nothing. */
  restore(now: Instant, octets: Uint8Array): 'ok' | Malformed {
    this.#now = now
    return snapshot.read(now, octets, (name) => this.#programs.get(name), this.#common, this.#loopbackPort)
  }

  /** Octets that tables and candidates take, of all programs. */
  get memory(): number {
    let octets = this.#common.candidates.memory
    for (const { tables } of this.#programs.values()) octets += tables[4].memory + tables[6].memory
    return octets
  }

  status(now: Instant): ProgramStatus[] {
    const fresh = tickOf(now) - ticks(this.#common.manners.freshness)
    return [...this.#programs.values()].map(({ program, tables }) => {
      const { spec, down } = program
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

  /** The workstations of UDP that it knows: a drain lets them through. @throws RangeError where there is no program of that name */
  *workstations(name: string): Generator<{ address: Ip; port: number }> {
    const { tables } = this.#of(name)
    for (const family of [4, 6] as const) yield* tables[family].workstations()
  }

  /** undefined where there is no program of that name. */
  stateOf(name: string): ProgramState | undefined {
    return this.#programs.get(name)?.program.state
  }

  /** What only the outside can do, oldest first. */
  pollRequest(): Request | undefined {
    return this.#requests.shift()
  }

  // ---- the machine

  handlePacket(now: Instant, a: Arrival): false {
    const v = this.#view
    if (!v.read(a)) return false
    const to = this.#byPort.get((v.protocol << 16) | v.dstPort)
    const from = this.#byPort.get((v.protocol << 16) | v.srcPort)
    if (to !== undefined && (from === undefined || a.link === 'host')) {
      this.counters.heard++
      if (v.protocol === UDP) to.heard(now, a)
      else to.segment(a)
    } else if (from !== undefined) {
      this.counters.answered++
      if (v.protocol === UDP) from.answered(now, a)
    }
    return false
  }

  handleSent(_now: Instant, _tag: number, _stamp: Instant, _clock: ClockSource): void {}

  handleUnsent(_now: Instant, tag: number, why: LocalDrop, _mtu: number): void {
    if (tag === TAG) this.counters.unsent[why] = (this.counters.unsent[why] ?? 0) + 1
  }

  handleTimeout(now: Instant): void {
    this.#now = now
    for (const w of this.#programs.values()) w.handleTimeout(now)
  }

  pollTransmit(now: Instant, slot: Slot): boolean {
    this.#now = now
    slot.tag = TAG
    for (const w of this.#programs.values()) {
      for (const family of FAMILIES) {
        if (slot.family !== undefined && slot.family !== family) continue
        if (w.write(now, family, slot)) return true
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
    for (const w of this.#programs.values()) due = Math.min(due, w.due(this.#now))
    return due as Instant
  }

  #commonOf(o: NotifierOptions): Common {
    const { rate = 100_000, burst = 1000, perAddressRate = 20_000, perAddressBurst = 2000 } = o
    const { counters } = this
    let id = Math.floor(o.random() * 0xffff)
    let outage = 0
    return {
      manners: {
        freshness: o.freshness ?? 120_000,
        repeatAfter: o.repeatAfter ?? 1000,
        recent: o.recent ?? 30_000,
        tellWithin: o.tellWithin ?? 10_000,
      },
      pace: new Pace({ rate, burst, perAddressRate, perAddressBurst }, new FlowHash(o.random)),
      hash: new FlowHash(o.random),
      candidates: new Candidates(CANDIDATES),
      sources: new Sources(o),
      view: new FlowView(),
      signer: o.signer,
      limit: o.limit ?? 1 << 20,
      wall: (now) => o.wall(now),
      random: () => o.random(),
      nextId: () => {
        id = (id % 0xffff) + 1
        return id
      },
      nextOutage: () => {
        outage = (outage % 0xffff) + 1
        return outage
      },
      ask: (r) => void this.#requests.push(r),
      tell: (e) => {
        if (e.kind === 'outage') counters.outages++
        this.#events.push(e)
      },
      count: (why, n = 1) => {
        counters.suppressed[why] = (counters.suppressed[why] ?? 0) + n
      },
      wrote: (what) => {
        if (what === 'question') counters.elicited++
        else counters.sent++
        if (what === 'repetition') counters.repeated++
      },
    }
  }

  #at(now: Instant, name: string): Watch {
    this.#now = now
    return this.#of(name)
  }

  /** For whoever has mistyped one. */
  #names(): string {
    const names = [...this.#programs.keys()]
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
    return names.length === 0 ? 'none' : `${names.slice(0, NAMED).join(', ')}${more}`
  }

  #of(name: string): Watch {
    const w = this.#programs.get(name)
    if (w === undefined) throw new RangeError(`there is no program '${name}'; there is ${this.#names()}`)
    return w
  }
}

/** Flows on their way into the tables, all programs together. */
const CANDIDATES = 1 << 18

const NAMED = 10
