/** Pings and traces of a scenario: the same machines that ask real networks, over a door of the lab. */
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival, LocalDrop, Slot } from '../door.ts'
import { EchoQuestion } from '../probe/echo-question.ts'
import type { PingEventOut } from '../probe/outbox.ts'
import type { ErrorEvent, ReplyEvent } from '../probe/ping-event.ts'
import { PingMachine } from '../probe/ping-machine.ts'
import type { PingSettings } from '../probe/ping-settings.ts'
import { showIp } from '../wire/addr.ts'
import * as registry from '../wire/registry.ts'
import { type Asker, about, extensionsOf, failure, labelsOf, type Question, Tally } from './asker.ts'
import type { LabDoor } from './lab-door.ts'
import type { AskSummary, HopEvent } from './scenario-event.ts'

/** One machine over one door. */
class Driven {
  due: number | undefined = 0
  readonly #m: PingMachine
  readonly #door: LabDoor
  readonly #tell: (e: PingEventOut, now: Instant) => void
  readonly #sent: (now: Instant) => void

  constructor(
    m: PingMachine,
    door: LabDoor,
    tell: (e: PingEventOut, now: Instant) => void,
    sent: (now: Instant) => void,
  ) {
    this.#m = m
    this.#door = door
    this.#tell = tell
    this.#sent = sent
  }

  /** Until there is nothing to do at this moment. */
  pump(now: Instant): void {
    for (let i = 0; i < TURNS; i++) {
      this.#m.handleTimeout(now)
      const full = this.#door.send(now, this.#sender)
      for (let e = this.#m.pollEvent(); e !== undefined; e = this.#m.pollEvent()) this.#tell(e, now)
      const until = this.#m.pollTimeout()
      const got = this.#door.receive(now, this.#m, BATCH)
      this.due = full ? now + FULL_MS : until
      if (full || (got === 0 && (until === undefined || until > now))) return
    }
    // A machine that always has something to do does not stop time.
    this.due = now + FULL_MS
  }

  readonly #sender = {
    pollTransmit: (now: Instant, slot: Slot): boolean => {
      if (!this.#m.pollTransmit(now, slot)) return false
      this.#sent(now)
      return true
    },
    handleSent: (now: Instant, tag: number, stamp: Instant, clock: ClockSource): void =>
      this.#m.handleSent(now, tag, stamp, clock),
    handleUnsent: (now: Instant, tag: number, why: LocalDrop, mtu: number): void =>
      this.#m.handleUnsent(now, tag, why, mtu),
    handlePacket: (now: Instant, a: Arrival): boolean => this.#m.handlePacket(now, a),
  }
}

function settingsOf({ data, random }: Question, over: Partial<PingSettings>): PingSettings {
  const secret = Uint8Array.from({ length: 8 }, () => random.below(256))
  return {
    question: new EchoQuestion(data.size ?? 56, secret),
    intervalMs: data.interval ?? 1000,
    timeoutMs: data.timeout ?? 1000,
    count: data.count ?? 3,
    pace: 'interval',
    spacingMs: 0,
    preload: 0,
    ttl: data.ttl ?? 64,
    tos: 0,
    flowLabel: 0,
    dontFragment: data.df ?? false,
    tellOutstanding: false,
    userClock: false,
    hold: false,
    echoId: () => undefined,
    midnightOffsetMs: 0,
    random: () => random.fraction(),
    ...over,
  }
}

/** Echo requests, one after the other. */
export class PingAsker implements Asker {
  readonly #q: Question
  readonly #tally = new Tally()
  #door: LabDoor | undefined
  #machine: PingMachine | undefined
  #driven: Driven | undefined
  #startsAt: number | undefined

  constructor(q: Question) {
    this.#q = q
    this.#startsAt = q.data.at ?? 0
  }

  get due(): number | undefined {
    return this.#startsAt ?? this.#driven?.due
  }

  look(now: Instant): void {
    if ((this.#door?.waiting ?? 0) > 0) this.#pump(now)
  }

  wake(now: Instant): void {
    if (this.#machine === undefined) {
      this.#startsAt = undefined
      this.#door = this.#q.open()
      this.#machine = new PingMachine(settingsOf(this.#q, {}))
      this.#machine.add(now, { ip: this.#q.ip, port: 0, source: undefined })
      this.#driven = new Driven(
        this.#machine,
        this.#door,
        (e) => this.#told(e),
        (at) => this.#sent(at),
      )
    }
    this.#pump(now)
  }

  stop(now: Instant): void {
    this.#startsAt = undefined
    this.#machine?.stop(now)
    if (this.#door?.open) this.#pump(now)
  }

  summary(): AskSummary {
    return this.#tally.summary(this.#q)
  }

  #pump(now: Instant): void {
    this.#driven!.pump(now)
    if (this.#driven!.due === undefined) void this.#door![Symbol.asyncDispose]()
  }

  #sent(now: Instant): void {
    const octets = this.#q.data.size ?? 56
    this.#q.emit({ kind: 'sent', ...about(this.#q, now), what: 'ping', seq: ++this.#tally.sent, octets })
  }

  #told(e: PingEventOut): void {
    const q = this.#q
    switch (e.kind) {
      case 'reply':
        this.#tally.received++
        this.#tally.took(e.rttNs)
        q.emit(answer(q, e))
        return
      case 'late':
      case 'duplicate':
      case 'corrupt':
        q.emit(answer(q, e))
        return
      case 'error':
        this.#tally.errors++
        q.emit(failure(q, e.at, e.seq, { ...e, extensions: extensionsOf(e.family, e.message) }))
        return
      case 'timeout':
        q.emit({ kind: 'timeout', ...about(q, e.at), seq: e.seq })
        return
      case 'summary':
        this.#tally.lost = e.lost
        return
      default:
    }
  }
}

function answer(q: Question, e: ReplyEvent) {
  return {
    kind: e.kind,
    ...about(q, e.at),
    seq: e.seq,
    from: showIp(e.from),
    by: q.ownerOf(e.from),
    ttl: e.ttl === 0 ? null : e.ttl,
    rttNs: e.rttNs,
  }
}

/** Echo requests whose TTL is 1, 2, 3 …, all of one flow; an event a hop. */
export class TraceAsker implements Asker {
  readonly #q: Question
  readonly #tally = new Tally()
  readonly #id: number
  #door: LabDoor | undefined
  #driven: Driven | undefined
  #machine: PingMachine | undefined
  #startsAt: number | undefined
  #ttl = 0
  #answers: HopEvent['answers'] = []
  /** Of the packets of this TTL. */
  #sentAt: number[] = []
  #unanswered = 0
  #reached = false
  #over = false

  constructor(q: Question) {
    this.#q = q
    this.#startsAt = q.data.at ?? 0
    this.#id = q.random.fraction()
  }

  get due(): number | undefined {
    return this.#startsAt ?? (this.#over ? undefined : this.#driven?.due)
  }

  look(now: Instant): void {
    if (!this.#over && (this.#door?.waiting ?? 0) > 0) this.#pump(now)
  }

  wake(now: Instant): void {
    if (this.#startsAt !== undefined) {
      this.#startsAt = undefined
      this.#door = this.#q.open()
      this.#next(now)
    }
    this.#pump(now)
  }

  stop(now: Instant): void {
    this.#startsAt = undefined
    if (this.#door === undefined || this.#over) return
    this.#machine!.stop(now)
    this.#driven!.pump(now)
    this.#end()
  }

  summary(): AskSummary {
    return this.#tally.summary(this.#q)
  }

  #next(now: Instant): void {
    this.#ttl++
    this.#answers = []
    this.#sentAt = []
    this.#unanswered = 0
    const ttl = this.#ttl
    const intervalMs = this.#q.data.interval ?? TRACE_MS
    this.#machine = new PingMachine(settingsOf(this.#q, { ttl, intervalMs, random: () => this.#id }))
    this.#machine.add(now, { ip: this.#q.ip, port: 0, source: undefined })
    this.#driven = new Driven(
      this.#machine,
      this.#door!,
      (e) => this.#told(e),
      (at) => {
        this.#tally.sent++
        this.#sentAt.push(at)
      },
    )
  }

  #pump(now: Instant): void {
    for (;;) {
      this.#driven!.pump(now)
      if (this.#driven!.due !== undefined) return
      this.#q.emit({
        kind: 'hop',
        ...about(this.#q, now),
        ttl: this.#ttl,
        answers: this.#answers,
        unanswered: this.#unanswered,
        reached: this.#reached,
      })
      if (this.#reached || this.#ttl >= (this.#q.data.ttl ?? HOPS)) {
        this.#end()
        return
      }
      this.#next(now)
    }
  }

  #end(): void {
    this.#over = true
    void this.#door![Symbol.asyncDispose]()
  }

  #told(e: PingEventOut): void {
    if (e.kind === 'timeout') {
      this.#unanswered++
      this.#tally.lost++
    } else if (e.kind === 'reply') {
      this.#reached = true
      this.#tally.received++
      this.#tally.took(e.rttNs)
      this.#note(e.from, e.rttNs, 'Echo Reply', [])
    } else if (e.kind === 'error') this.#failed(e)
  }

  #failed(e: ErrorEvent): void {
    if (e.type === null || e.from === null) {
      this.#reached = true
      this.#tally.errors++
      this.#q.emit(failure(this.#q, e.at, e.seq, { ...e, extensions: undefined }))
      return
    }
    const exceeded = e.family === 4 ? e.type === 11 : e.type === 3
    // Any other error is the end of the way, as for every traceroute.
    if (!exceeded) {
      this.#reached = true
      this.#tally.errors++
    }
    const { name } = registry.lookup(e.family, e.type, e.code ?? 0)
    const sentAt = e.seq === null ? undefined : this.#sentAt[e.seq - 1]
    const rttNs = Math.round((e.at - (sentAt ?? e.at)) * 1e6)
    this.#note(e.from, rttNs, name, labelsOf(extensionsOf(e.family, e.message)))
  }

  #note(from: ReplyEvent['from'], rttNs: number, name: string, labels: number[]): void {
    this.#answers.push({ from: showIp(from), by: this.#q.ownerOf(from), rttNs, name, labels })
  }
}

/** Calls into a machine at one moment. */
const TURNS = 1000
/** A full door has room after so long. */
const FULL_MS = 1
const BATCH = 1024
/** Between the packets of one TTL. */
const TRACE_MS = 50
const HOPS = 30
