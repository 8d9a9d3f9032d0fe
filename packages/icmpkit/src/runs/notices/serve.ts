/**
 * Tells the workstations of programs when these go offline: the runner around the notifier (notice/notifier.ts). It drives
 * it over the doors of world.ts, answers the operator, and keeps what is known over a restart.
 */
import { type Instant, showTime } from '../../clock.ts'
import type { Machine } from '../../door.ts'
import type { OutageEvent } from '../../notice/event.ts'
import { type NoticeEvent, Notifier, noCounts, type Sign } from '../../notice/index.ts'
import * as os from '../../os/index.ts'
import { drive, EventQueue, type Run } from '../../run.ts'
import { hex } from '../../wire/octets.ts'
import { Asking } from './asking.ts'
import {
  defaultPath,
  listenToOperator,
  type OperatorAnswer,
  type OperatorDoor,
  type OperatorRequest,
} from './operator.ts'
import type { NoticeOptions, NoticeProgram } from './options.ts'
import { type NoticeReady, type NoticeServeEvent, type NoticeTotals, prometheus } from './report.ts'
import { check, lock, mannersOf, sameFlows, specOf } from './settings.ts'
import { bootId, readState, StateFile } from './state.ts'
import { rehearseNotices } from './warming.ts'
import { World } from './world.ts'

/** What the operator says of an outage; `backAt` is seconds since 1970. */
export interface OutageWords {
  reason?: string
  backAt?: number
}

export interface NoticeServing extends Run<NoticeServeEvent, NoticeTotals> {
  /** The counters so far. */
  snapshot(): NoticeTotals
  /** As Prometheus reads them. */
  metrics(): string
  /**
   * The program is taken offline: its workstations are told now. As all of these from `ready` on.
   * @throws RangeError on a name that there is not, a text too long, a return that is over already
   */
  offline(program: string, words?: OutageWords): void
  /** No new workstations are let in; those that are there are told. @throws RangeError as `offline` */
  drain(program: string, words?: OutageWords): void
  /** It may be used again. @throws RangeError on a name that there is not */
  back(program: string): void
  /** Other programs from now on. @throws TypeError, RangeError, and keeps what was */
  reconfigure(programs: readonly NoticeProgram[]): void
  stop(): void
}

/**
 * `for await (const e of serveNotices({ programs: [{ name: 'dns', protocol: 'udp', port: 53 }] }))`: its first event is
 * `ready`. @throws TypeError, RangeError on unusable options; `done` and the iterator reject with an OsError where rights
 * are missing, or with an Error where another one serves this network namespace
 */
export function serveNotices(options: NoticeOptions): NoticeServing {
  check(options)
  return new Serving(options)
}

class Serving implements NoticeServing {
  readonly done: Promise<NoticeTotals>
  readonly #options: NoticeOptions
  readonly #queue = new EventQueue<NoticeServeEvent>()
  readonly #clock = new os.RealClock()
  readonly #over = new AbortController()
  readonly #began: Instant
  #programs: readonly NoticeProgram[]
  #notifier: Notifier | undefined
  #world: World | undefined
  #operator: OperatorDoor | undefined
  #lock: os.InstanceLock | undefined
  #state: StateFile | undefined
  readonly #noted = new Set<string>()
  /** Operators who wait to hear how many have been told, by program. */
  readonly #told = new Map<string, (e: OutageEvent) => void>()
  /** What is to be said with `ready`, which is the first event; undefined afterwards. */
  #early: string[] | undefined = []

  constructor(options: NoticeOptions) {
    this.#options = options
    this.#programs = options.programs
    this.#began = this.#clock.now()
    options.signal?.addEventListener('abort', () => this.stop(), { once: true })
    if (options.signal?.aborted) this.stop()
    this.done = this.#run()
    this.done.catch(() => {})
  }

  get dropped(): number {
    return this.#queue.dropped
  }

  [Symbol.asyncIterator](): AsyncIterator<NoticeServeEvent> {
    return this.#queue.read(() => this.stop())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    await this.done.catch(() => {})
  }

  snapshot(): NoticeTotals {
    const now = this.#clock.now()
    const n = this.#notifier
    const { suppressed, unsent, ...counters } = n?.counters ?? noCounts()
    return {
      kind: 'summary',
      time: this.#time(),
      elapsedNs: Math.round((now - this.#began) * 1e6),
      programs: n?.status(now) ?? [],
      ...counters,
      suppressed: { ...suppressed },
      unsent: { ...unsent },
      unseen: this.#world?.unseen ?? 0,
    }
  }

  metrics(): string {
    const n = this.#watching
    return prometheus(n.status(this.#clock.now()), n.counters, this.#world?.unseen ?? 0)
  }

  offline(program: string, words: OutageWords = {}): void {
    this.#ahead(words)
    this.#watching.offline(this.#clock.now(), program, words)
    this.#changed()
  }

  drain(program: string, words: OutageWords = {}): void {
    this.#ahead(words)
    this.#watching.drain(this.#clock.now(), program, words)
    this.#changed()
  }

  back(program: string): void {
    this.#watching.back(this.#clock.now(), program)
    this.#changed()
  }

  reconfigure(programs: readonly NoticeProgram[]): void {
    check({ ...this.#options, programs })
    if (programs.length === 0) throw new TypeError(NO_PROGRAM)
    const n = this.#watching
    const now = this.#clock.now()
    const before = new Map<string, NoticeProgram>(this.#programs.map((p) => [p.name, p]))
    // Gone, or another by the same name; before the new ones, which may want its port.
    for (const p of before.values()) {
      if (programs.some((o) => sameFlows(o, p))) continue
      n.remove(now, p.name)
      before.delete(p.name)
    }
    for (const p of programs) {
      if (before.has(p.name)) n.change(now, specOf(p))
      else n.add(now, specOf(p))
    }
    this.#programs = programs
    this.#world?.watch(programs)
    this.#changed()
  }

  stop(): void {
    this.#over.abort()
    this.#clock.wake()
  }

  get #watching(): Notifier {
    if (this.#notifier === undefined) throw new Error('it does not watch yet: wait for its first event, ready')
    return this.#notifier
  }

  async #run(): Promise<NoticeTotals> {
    let failure: unknown
    try {
      const machine = await this.#open()
      if (!this.#over.signal.aborted)
        await drive(machine, this.#world!.doors, this.#clock, (e) => this.#tell(e), this.#over.signal)
    } catch (e) {
      failure = e
    }
    this.#over.abort()
    const summary = this.snapshot()
    this.#operator?.close()
    await this.#world?.close()
    if (this.#notifier !== undefined) await this.#state?.close(this.#kept())
    this.#lock?.close()
    os.forgetGoneNamespaces()
    if (failure === undefined) this.#queue.pushLast(summary)
    this.#queue.end(failure)
    if (failure !== undefined) throw failure
    return summary
  }

  async #open(): Promise<Machine<NoticeEvent>> {
    const { netns } = this.#options
    const there = os.namespaceIdentity(netns)
    const place = (which: 'socket' | 'state', suffix: 'sock' | 'state') => {
      const path = this.#options[which]
      return path === false ? undefined : (path ?? defaultPath(there.inode, suffix))
    }
    const socket = place('socket', 'sock')
    this.#lock = lock(defaultPath(there.inode, 'lock'), socket)
    const notes = this.#early!
    const kept = place('state', 'state')
    const known = this.#recall(kept, there, notes)
    check({ ...this.#options, programs: this.#programs })
    if (this.#programs.length === 0) throw new TypeError(NO_PROGRAM)
    const world = await World.open({
      netns,
      sign: (program, sign) => this.#sign(program, sign),
      stateOf: (program) => this.#notifier?.stateOf(program),
      note: (what) => this.#note(what),
    })
    this.#world = world
    const n = this.#notify(world)
    this.#notifier = n
    const now = this.#clock.now()
    if (known !== undefined && n.restore(now, known) !== 'ok')
      notes.push(`state ${kept}: not understood; it is begun anew`)
    world.watch(this.#programs)
    const programs = this.#programs.map((p) => ({ ...p, holders: world.holders(p) }))
    // It may have ended while nobody watched.
    for (const p of programs) if (p.holders === 0) n.sign(now, p.name, { kind: 'lost' })
    void world.addresses.follow(this.#over.signal, () => {}).catch((e) => this.#note((e as Error).message))
    if (socket !== undefined) this.#operator = await listenToOperator(socket, (r) => this.#operated(r))
    if (this.#options.dropRights === true) notes.push(...os.dropRights().said)
    rehearseNotices(mannersOf(this.#options))
    this.#ready(programs, socket, notes)
    this.#early = undefined
    this.#save()
    this.#saveNowAndThen()
    return new Asking(n, (at, r) => world.answer(at, n, r))
  }

  #notify(world: World): Notifier {
    return new Notifier({
      ...mannersOf(this.#options),
      programs: this.#programs.map(specOf),
      wall: (now) => this.#seconds(now),
      mine: world.addresses.mine,
      isBroadcast: world.addresses.isBroadcast,
      loopbackPort: world.addresses.loopback,
    })
  }

  /** Opens the state file; the snapshot of the one before, where it is ours. Without programs of our own: those in it. */
  #recall(path: string | undefined, there: os.NamespaceIdentity, notes: string[]): Uint8Array | undefined {
    if (path === undefined) return undefined
    const owner = { boot: bootId(), namespace: there.cookie }
    this.#state = new StateFile(path, owner, (what) => this.#note(what))
    const found = readState(path, owner)
    if (found === undefined) return undefined
    if ('note' in found) {
      notes.push(found.note)
      return undefined
    }
    if (this.#programs.length === 0 && found.programs.length > 0) {
      this.#programs = found.programs
      notes.push(`no program was named: those of ${path} are watched`)
    }
    return found.snapshot
  }

  #ready(
    programs: readonly (NoticeProgram & { holders: number })[],
    socket: string | undefined,
    notes: string[],
  ): void {
    const status = this.#watching.status(this.#clock.now())
    const ready: NoticeReady = {
      kind: 'ready',
      time: this.#time(),
      programs: programs.map(({ name, holders }) => {
        const { program, protocol, port, state, workstations } = status.find((s) => s.program === name)!
        return { program, protocol, port, state, holders, workstations }
      }),
      socket: socket ?? null,
      state: this.#state?.path ?? null,
      key: this.#options.key === undefined ? null : hex(this.#options.key.id),
      notes,
    }
    this.#queue.push(ready)
  }

  #sign(program: string, sign: Sign): void {
    if (this.#over.signal.aborted || this.#notifier?.stateOf(program) === undefined) return
    this.#notifier.sign(this.#clock.now(), program, sign)
    this.#clock.wake()
  }

  #tell(e: NoticeEvent): void {
    if (e.kind === 'ready' || e.kind === 'summary') return
    this.#queue.push({ ...e, time: this.#time() })
    // A suspicion leaves no time for files: its end does.
    if (e.kind === 'suspect') return
    if (e.kind === 'outage') this.#told.get(e.program)?.(e)
    this.#world!.changed(e.program, e.kind === 'outage')
    this.#save()
  }

  /** What the operator is told, a restart knows as well. */
  async #operated(r: OperatorRequest): Promise<OperatorAnswer> {
    let outage: OutageEvent | undefined
    switch (r.do) {
      case 'offline':
      case 'drain': {
        const state = this.#notifier?.stateOf(r.program)
        this[r.do](r.program, r)
        if (state === 'up' || state === 'suspect') outage = await this.#outageOf(r.program)
        break
      }
      case 'back':
        this.back(r.program)
        break
      case 'metrics':
        return { ok: true, text: this.metrics() }
    }
    await this.#state?.settled()
    return { ok: true, ...this.snapshot(), kind: 'status', ...(isOutage(r) ? { outage: outage ?? null } : {}) }
  }

  /** When all have been told once; undefined where that takes longer than an operator waits. */
  async #outageOf(program: string): Promise<OutageEvent | undefined> {
    const event = await new Promise<OutageEvent | undefined>((resolve) => {
      this.#told.set(program, resolve)
      setTimeout(() => resolve(undefined), OPERATOR_WAITS).unref()
      this.#over.signal.addEventListener('abort', () => resolve(undefined), { once: true })
    })
    this.#told.delete(program)
    return event
  }

  /** @throws RangeError on a return that is over already: workstations would be told so */
  #ahead({ backAt }: OutageWords): void {
    const now = this.#seconds(this.#clock.now())
    if (backAt !== undefined && backAt <= now)
      throw new RangeError(`back at ${dayAndTime(backAt)}: it is ${dayAndTime(now)} by now`)
  }

  #changed(): void {
    this.#save()
    this.#clock.wake()
  }

  #save(): void {
    this.#state?.save(() => this.#kept())
  }

  /** Workstations come and go without an event. */
  #saveNowAndThen(): void {
    let heard = 0
    const timer = setInterval(() => {
      const { counters } = this.#watching
      if (counters.heard !== heard) this.#save()
      heard = counters.heard
    }, SAVE_EVERY).unref()
    this.#over.signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  }

  #kept(): { programs: NoticeProgram[]; snapshot: Uint8Array } {
    return { programs: [...this.#programs], snapshot: this.#watching.snapshot(this.#clock.now()) }
  }

  /** Said once. */
  #note(what: string): void {
    if (this.#noted.has(what)) return
    if (this.#noted.size < MOST_NOTES) this.#noted.add(what)
    if (this.#early === undefined) this.#queue.push({ kind: 'note', time: this.#time(), what })
    else this.#early.push(what)
  }

  /** Since 1970. */
  #seconds(now: Instant): number {
    return Number(this.#clock.wall(now) / 1_000_000_000n)
  }

  #time(): string {
    return showTime(this.#clock.wall(this.#clock.now()))
  }
}

/** UTC; what is no moment at all the notifier refuses. */
function dayAndTime(seconds: number): string {
  const d = new Date(seconds * 1000)
  return Number.isNaN(d.getTime()) ? `${seconds}` : `${d.toISOString().slice(0, 19)}Z`
}

function isOutage(r: OperatorRequest): boolean {
  return r.do === 'offline' || r.do === 'drain'
}

/** Milliseconds; thousands take a fraction of a second, TCP 0.2 s more. */
const OPERATOR_WAITS = 3000
const MOST_NOTES = 1000
/** A restart loses at most the workstations of so many ms. */
const SAVE_EVERY = 15_000
const NO_PROGRAM = 'no program to watch: --program NAME=udp/PORT, or --config FILE'
