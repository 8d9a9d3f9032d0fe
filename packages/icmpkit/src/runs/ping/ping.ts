/** Ping: the runner around the machine (probe/ping-machine.ts). Names, doors, and events for the world. */
import { type Clock, type Instant, showTime } from '../../clock.ts'
import type { Door } from '../../door.ts'
import * as os from '../../os/index.ts'
import type { PingEventOut } from '../../probe/outbox.ts'
import type { Counts } from '../../probe/ping-event.ts'
import { PingMachine } from '../../probe/ping-machine.ts'
import type { Question } from '../../probe/question.ts'
import { drive, EventQueue, type Run } from '../../run.ts'
import { BROADCAST4, type Family, familyOf, type Ip, isMulticast, parseIp } from '../../wire/addr.ts'
import { PacketTap } from '../packet-tap.ts'
import { type Resolved, resolve, type Unresolved } from '../resolve.ts'
import { check, doorSpec, INTERVAL, onlyFamily, type PingOptions, questionOf, roomIn4, settingsOf } from './options.ts'
import {
  type Named,
  NO_RTT,
  type PingError,
  type PingEvent,
  PingReporter,
  type PingSummary,
  type PingTotal,
} from './report.ts'

export interface PingResult extends PingTotal {
  summaries: PingSummary[]
}

export interface PingRun extends Run<PingEvent, PingResult> {
  /** Which doors were opened, and why; settles before the first packet leaves. */
  readonly doors: Promise<DoorReport>
  /** Asks one more target from now on. Rejects where it has no address, or where the run is over. */
  add(target: string): Promise<void>
  /** Stops asking it; its summary follows. Who has not been asked yet will not be. */
  remove(target: string): void
  /** Ends the run; the summaries follow. */
  stop(): void
  /** The summaries so far: of those that are over, then of those being asked. */
  snapshot(): PingSummary[]
}

export interface DoorReport {
  doors: { name: string; family: Family | undefined; why: readonly string[]; cannot: readonly string[] }[]
  /** How rights were given up, in words; empty where that was not asked. */
  rights: readonly string[]
  /** Of these, what the system does not let us give up. Empty: none is left in any thread, or that was not asked. */
  rightsKept: readonly string[]
  /** False: the payload is too small for a token, so replies are matched by address, identifier and sequence. */
  token: boolean
}

/**
 * Asks one or several targets and yields what happens: `for await (const e of ping('192.0.2.1', { count: 3 }))`.
 * `await ping(…).done` is the summary. Nothing throws for what the network does.
 * @throws RangeError, TypeError on unusable options; `done` and the iterator reject with an OsError where the kernel
 * lets no door be opened
 */
export function ping(targets: string | readonly string[], options: PingOptions = {}): PingRun {
  const list = typeof targets === 'string' ? [targets] : targets
  if (list.length === 0 && options.hold !== true) throw new TypeError('ping: no target')
  for (const t of list) if (typeof t !== 'string') throw new TypeError(`ping: a target must be a string, not ${t}`)
  check(options)
  return new Pinging(list, options)
}

class Pinging implements PingRun {
  readonly done: Promise<PingResult>
  readonly doors: Promise<DoorReport>
  readonly #o: PingOptions
  readonly #queue = new EventQueue<PingEvent>()
  /** Those being asked, by slot. */
  readonly #named = new Map<number, Named>()
  /** Those that nobody has an address of yet, and that may be removed meanwhile. */
  readonly #coming = new Set<{ target: string }>()
  #summaries: PingSummary[] = []
  readonly #sum: Counts = { ...NO_COUNTS }
  #ended = 0
  #answered = 0
  readonly #stop = new AbortController()
  #over = false
  #machine: PingMachine | undefined
  #reporter: PingReporter | undefined
  #clock: Clock | undefined
  #open: Door[] = []
  /** What the kernel said to the door of a family. */
  readonly #refusals: Partial<Record<Family, string>> = {}
  /** Asks another namespace for its interfaces (once rights are dropped, nobody enters it any more), and for sources. */
  #routes: os.Netlink | undefined
  #explain: typeof import('./error.ts').explain | undefined
  #failed = 0
  /** Asking a door what it lost costs a system call. */
  #lossDue = 0
  #overflow = 0
  #shortWrites = 0
  #told: (r: DoorReport) => void
  #refused: (e: unknown) => void

  constructor(targets: readonly string[], options: PingOptions) {
    this.#o = options
    const doors = Promise.withResolvers<DoorReport>()
    this.doors = doors.promise
    this.#told = doors.resolve
    this.#refused = doors.reject
    // Whoever only iterates gets the failure from the iterator; it must not be unhandled here as well.
    doors.promise.catch(() => {})
    this.done = this.#run(targets)
    this.done.catch(() => {})
  }

  get dropped(): number {
    return this.#queue.dropped
  }

  [Symbol.asyncIterator](): AsyncIterator<PingEvent> {
    return this.#queue.read(() => this.stop())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    await this.done.catch(() => {})
  }

  stop(): void {
    this.#stop.abort()
  }

  async add(target: string): Promise<void> {
    const ticket = this.#await(target)
    try {
      await this.doors
      const found = await this.#resolve(target)
      if (this.#over || this.#stop.signal.aborted) throw new Error(`${target}: the run is over`)
      const why = 'why' in found ? found.why : found.map((r) => this.#noDoor(r)).find((w) => w !== undefined)
      if ('why' in found || why !== undefined) throw new TypeError(`${target}: ${why}`)
      if (!this.#coming.has(ticket)) return
      for (const r of found) this.#addOne(r, this.#clock!.now())
      this.#clock!.wake()
    } finally {
      this.#coming.delete(ticket)
    }
  }

  remove(target: string): void {
    for (const ticket of this.#coming) if (ticket.target === target) this.#coming.delete(ticket)
    const now = this.#clock?.now()
    if (now === undefined) return
    for (const [slot, n] of this.#named) if (n.target === target) this.#machine!.remove(now, slot)
    this.#clock!.wake()
  }

  snapshot(): PingSummary[] {
    if (this.#machine === undefined || this.#reporter === undefined) return []
    const over = this.#summaries.filter((s) => s.address !== null)
    const asked = [...this.#named.keys()].flatMap((slot) => this.#machine!.summary(slot) ?? [])
    return [...over, ...asked.map((s) => this.#reporter!.summary(s))]
  }

  #await(target: string): { target: string } {
    const ticket = { target }
    this.#coming.add(ticket)
    return ticket
  }

  async #run(targets: readonly string[]): Promise<PingResult> {
    const stopped = () => this.stop()
    this.#o.signal?.addEventListener('abort', stopped, { once: true })
    if (this.#o.signal?.aborted) this.stop()
    try {
      const result = await this.#ask(targets)
      this.#queue.end()
      return result
    } catch (e) {
      this.#refused(e)
      this.#queue.end(e)
      throw e
    } finally {
      this.#over = true
      this.#o.signal?.removeEventListener('abort', stopped)
      for (const d of this.#open) await d[Symbol.asyncDispose]()
      this.#routes?.[Symbol.dispose]()
    }
  }

  async #ask(targets: readonly string[]): Promise<PingResult> {
    const o = this.#o
    if (o.netns !== undefined) this.#routes = os.inNamespace(o.netns, () => os.openNetlink())
    else if (o.onPacket !== undefined && o.over === undefined) this.#routes = os.openNetlink()
    const tickets = targets.map((t) => this.#await(t))
    const resolved = await Promise.all(targets.map((t) => this.#resolve(t)))
    // Who was removed meanwhile is not asked, and not an error.
    const answers = resolved.filter((_, i) => this.#coming.delete(tickets[i]!))
    const located = answers.flatMap((a) => ('why' in a ? [] : a))
    const question = await questionOf(o, o.over === undefined ? os.secret(8) : unguarded(8, o.over.random))
    const choices = await this.#openDoors(located, question)
    // A target whose family has no door would be due for ever.
    const found = located.filter((r) => this.#noDoor(r) === undefined)
    const clock = o.over?.clock ?? new os.RealClock()
    this.#clock = clock
    const echoId = (f: Family) => this.#open.find((d) => d.family === f)?.echoId
    const machine = new PingMachine(settingsOf(o, question, echoId, clock))
    this.#machine = machine
    this.#reporter = new PingReporter(clock, this.#named, (port) => this.#zoneName(port))
    const rights = o.dropRights === true && o.over === undefined ? os.dropRights() : undefined
    this.#told({
      doors: this.#open.map((d, i) => ({
        name: d.name,
        family: d.family,
        why: choices[i]?.why ?? [],
        cannot: d.cannot,
      })),
      rights: rights?.said ?? [],
      rightsKept: rights?.kept ?? [],
      token: question.hasToken,
    })
    for (const a of answers) if ('why' in a) this.#unresolved(a.target, a.why)
    for (const r of located) {
      const why = this.#noDoor(r)
      if (why !== undefined) this.#unresolved(r.target, why)
    }
    // Spread over the first interval: a burst of a thousand would overflow our own queues.
    const step = found.length > 1 ? Math.min(1, (o.interval ?? INTERVAL) / found.length) : 0
    const start = clock.now()
    for (const [i, r] of found.entries()) this.#addOne(r, (start + i * step) as Instant)
    const over = o.onPacket === undefined ? machine : new PacketTap(machine, clock, o.onPacket)
    const ended = () => {
      machine.stop(clock.now())
      clock.wake()
    }
    if (this.#stop.signal.aborted) ended()
    else this.#stop.signal.addEventListener('abort', ended, { once: true })
    await drive(over, this.#open, clock, (e) => this.#emit(e))
    return this.#end(start)
  }

  async #resolve(target: string): Promise<Resolved[] | Unresolved> {
    const o = this.#o
    const only = onlyFamily(o)
    const found = await this.#unlessStopped(
      resolve(target, {
        family: only?.family,
        because: only?.because,
        all: o.allAddresses === true,
        zoneIndex: (zone) => this.#zoneIndex(zone),
        port: this.#exit(),
        names: o.over?.addressesOf,
      }),
    )
    if (found === undefined) return { target, why: 'has no address yet: the run was stopped before' }
    if ('why' in found) return found
    const asksOne = o.question?.kind === 'probe'
    if (asksOne && (o.broadcast === true || found.some((r) => r.ip === BROADCAST4 || isMulticast(r.ip)))) {
      return { target, why: 'many would be asked, and extended echo asks one host (RFC 8335 §2)' }
    }
    const room = roomIn4(o)
    if ((o.size ?? 0) <= room || !found.some((r) => familyOf(r.ip) === 4)) return found
    return { target, why: `an IPv4 datagram has room for ${room} octets of payload, not ${o.size}` }
  }

  /** undefined where the run is stopped first: a resolver may take half a minute. */
  async #unlessStopped<T>(work: Promise<T>): Promise<T | undefined> {
    const { signal } = this.#stop
    const { promise, resolve } = Promise.withResolvers<undefined>()
    // What needs no resolver is there before the immediate.
    const stopped = () => void setImmediate(resolve, undefined)
    if (signal.aborted) stopped()
    else signal.addEventListener('abort', stopped, { once: true })
    try {
      return await Promise.race([work, promise])
    } finally {
      signal.removeEventListener('abort', stopped)
    }
  }

  /** Why this target can't be asked by the doors that are open; undefined where it can. */
  #noDoor(r: Resolved): string | undefined {
    const family = familyOf(r.ip)
    if (this.#open.some((d) => d.family === undefined || d.family === family)) return undefined
    return this.#refusals[family] ?? `this run has no door for IPv${family}: begin it with a target of that family`
  }

  /** All doors open before rights are dropped; with `hold` both families, since targets of both may be added. */
  async #openDoors(found: readonly Resolved[], question: Question): Promise<os.DoorChoice[]> {
    const o = this.#o
    if (o.over !== undefined) {
      this.#open = [...o.over.doors]
      if (o.dontFragment === 'do' || o.dontFragment === 'probe') for (const d of this.#open) d.keepWhole?.()
      if (o.interface !== undefined && this.#exit() === 0)
        throw new TypeError(`there is no interface ${o.interface} here`)
      return this.#open.map((door) => ({ door, why: ['given instead of one of the system'] }))
    }
    const families = new Set<Family>(found.map((r) => familyOf(r.ip)))
    const choices: os.DoorChoice[] = []
    // The zone of a link-local source is that of whom it asks.
    const sourcePort = found.find((r) => r.port > 0)?.port ?? 0
    let refusal: os.OsError | undefined
    for (const family of [4, 6] as const) {
      const optional = !families.has(family)
      if (optional && o.hold !== true) continue
      try {
        const choice = await os.openDoor({ ...doorSpec(o, family, question), sourcePort })
        choices.push(choice)
        this.#open.push(choice.door)
      } catch (e) {
        if (!(e instanceof os.OsError) || (!optional && families.size === 1)) throw e
        refusal = e
        this.#refusals[family] = e.message
      }
    }
    if (choices.length === 0 && refusal !== undefined) throw refusal
    return choices
  }

  #addOne(r: Resolved, at: Instant): void {
    const source = this.#o.source === undefined ? undefined : parseIp(this.#o.source)
    const usable = source !== undefined && familyOf(source) === familyOf(r.ip) ? source : this.#sourceTo(r)
    // A kernel's door is bound to its interface; others are told for each packet.
    const port = this.#o.over === undefined ? r.port : r.port || this.#exit()
    const slot = this.#machine!.add(this.#clock!.now(), { ip: r.ip, port, source: usable }, at)
    this.#named.set(slot, { target: r.target, ip: r.ip, port: r.port })
    if (this.#o.broadcast === true) this.#machine!.expectMany(slot)
  }

  /** Only a capture needs to know what the kernel will choose: the source, and the ICMPv6 checksum over it. */
  #sourceTo(r: Resolved): Ip | undefined {
    if (this.#o.onPacket === undefined) return undefined
    if (this.#o.over !== undefined) return this.#o.over.sourceFor?.(r.ip, r.port || this.#exit())
    if (this.#routes === undefined) return undefined
    const route = this.#routes.route(r.port > 0 ? { dst: r.ip, oif: r.port } : { dst: r.ip })
    return route.kind === 'route' ? route.prefSrc : undefined
  }

  #emit(e: PingEventOut): void | Promise<void> {
    // What explains errors is most of `wire`, and few runs need it.
    if (e.kind === 'error' && this.#explain === undefined) {
      return import('./error.ts').then((m) => {
        this.#explain = m.explain
        this.#emit(e)
      })
    }
    if (e.kind === 'rotate') {
      this.#open.find((d) => d.family === e.family)?.rotateId?.()
      return
    }
    const now = this.#clock!.now()
    if (now >= this.#lossDue) {
      this.#tellLocalLoss()
      this.#lossDue = now + LOSS_EVERY_MS
    }
    const event = e.kind === 'error' ? this.#explain!(e, this.#reporter!) : this.#reporter!.report(e)
    if (event.kind !== 'summary') {
      this.#queue.push(event)
      return
    }
    this.#named.delete(e.target)
    this.#conclude(event)
  }

  /** Nothing more comes of this target. */
  #conclude(s: PingSummary): void {
    this.#ended++
    if (s.received > 0) this.#answered++
    for (const what of Object.keys(NO_COUNTS) as (keyof Counts)[]) this.#sum[what] += s[what]
    this.#summaries.push(s)
    if (this.#o.hold === true && this.#summaries.length >= SUMMARIES * 2) {
      this.#summaries = this.#summaries.slice(-SUMMARIES)
    }
    this.#queue.pushLast(s)
  }

  /** What our own queues lost is no loss of the network: told as it grows. */
  #tellLocalLoss(): void {
    let overflow = 0
    let shortWrites = 0
    for (const d of this.#open) {
      overflow += d.loss.queueOverflow
      shortWrites += d.loss.shortWrites
    }
    const tell = (why: 'receive-queue' | 'short-write', count: number) => {
      const time = showTime(this.#clock!.wall(this.#clock!.now()))
      this.#queue.push({ kind: 'local-drop', target: '', address: null, time, seq: null, why, count })
    }
    if (overflow > this.#overflow) tell('receive-queue', overflow - this.#overflow)
    if (shortWrites > this.#shortWrites) tell('short-write', shortWrites - this.#shortWrites)
    this.#overflow = overflow
    this.#shortWrites = shortWrites
  }

  /** A target that can't be asked is data too: one error, one summary. */
  #unresolved(target: string, why: string): void {
    this.#failed++
    const time = showTime(this.#clock!.wall(this.#clock!.now()))
    const error: PingError = {
      kind: 'error',
      target,
      address: null,
      time,
      origin: 'local',
      seq: null,
      from: null,
      family: null,
      type: null,
      code: null,
      name: why,
      meaning: 'This target could not be asked.',
      mtu: null,
      pointer: null,
      quote: null,
      extensions: null,
    }
    const summary: PingSummary = { kind: 'summary', target, address: null, time, ...NO_COUNTS, errors: 1, ...NOTHING }
    this.#queue.push(error)
    this.#conclude(summary)
  }

  #end(start: Instant): PingResult {
    this.#tellLocalLoss()
    const clock = this.#clock!
    const total: PingTotal = {
      kind: 'total',
      time: showTime(clock.wall(clock.now())),
      targets: this.#ended,
      answered: this.#answered,
      unasked: this.#failed,
      ...this.#sum,
      localDrops: this.#sum.localDrops + this.#overflow + this.#shortWrites,
      rttNs: this.#machine!.total().summary() ?? NO_RTT,
      elapsedNs: Math.round((clock.now() - start) * 1e6),
      ignored: this.#machine!.ignored,
      stampGaps: this.#open.reduce((n, d) => n + d.loss.stampGaps, 0),
    }
    this.#queue.pushLast(total)
    return { ...total, summaries: this.#o.hold === true ? this.#summaries.slice(-SUMMARIES) : this.#summaries }
  }

  /** Of the interface that was asked for; 0 where none was, or there is none. */
  #exit(): number {
    return this.#o.interface === undefined ? 0 : (this.#zoneIndex(this.#o.interface) ?? 0)
  }

  #zoneIndex(zone: string): number | undefined {
    if (this.#o.over !== undefined) return this.#o.over.portOf?.(zone)
    return this.#routes === undefined ? os.interfaceIndex(zone) : this.#routes.link(zone)?.index
  }

  #zoneName(port: number): string {
    const { over } = this.#o
    if (over !== undefined) return over.portName?.(port) ?? String(port)
    const name = this.#routes === undefined ? os.interfaceName(port) : this.#routes.name(port)
    return name ?? String(port)
  }
}

/** In a lab nobody forges what the seed did not ask for. */
function unguarded(octets: number, random: () => number = Math.random): Uint8Array {
  return Uint8Array.from({ length: octets }, () => Math.floor(random() * 256))
}

const LOSS_EVERY_MS = 250
/** What a run that targets come to and leave for weeks keeps of those that left. */
const SUMMARIES = 16_384

const NO_COUNTS: Counts = {
  sent: 0,
  received: 0,
  lost: 0,
  late: 0,
  duplicates: 0,
  corrupt: 0,
  foreign: 0,
  reordered: 0,
  errors: 0,
  localDrops: 0,
}

const NOTHING = {
  rttNs: NO_RTT,
  elapsedNs: 0,
  lossBursts: 0,
  longestLossBurst: 0,
} as const
