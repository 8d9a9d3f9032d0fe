/**
 * Tells the workstations of programs when these go offline: the runner around the notifier (notice/notifier.ts). It opens
 * the doors, watches sockets and processes, probes, answers the operator, and keeps what is known over a restart.
 */
import { type Instant, showTime } from './clock.ts'
import type { Door, Machine } from './door.ts'
import { type NoticeEvent, Notifier, type ProgramSpec, type Request, type Sign, type Signer } from './notice/index.ts'
import { OwnAddresses } from './notice-addresses.ts'
import { Detector } from './notice-detector.ts'
import type { NoticeKey } from './notice-keys.ts'
import {
  defaultPath,
  listenToOperator,
  type OperatorAnswer,
  type OperatorDoor,
  type OperatorRequest,
} from './notice-operator.ts'
import { checkNoticeOptions, type NoticeOptions, type NoticeProgram } from './notice-options.ts'
import { Reach } from './notice-reach.ts'
import { type NoticeReady, type NoticeServeEvent, type NoticeTotals, prometheus } from './notice-report.ts'
import * as os from './os/index.ts'
import { drive, EventQueue, type Run } from './run.ts'
import { hex } from './wire/octets.ts'

export interface NoticeServing extends Run<NoticeServeEvent, NoticeTotals> {
  /** The counters so far. */
  snapshot(): NoticeTotals
  /** As Prometheus reads them. */
  metrics(): string
  /** The program is taken offline: its workstations are told now. @throws RangeError on a name that there is not, a text too long */
  offline(program: string, o?: { reason?: string; backAt?: number }): void
  /** No new workstations are let in; those that are there are told. @throws RangeError as `offline` */
  drain(program: string, o?: { reason?: string; backAt?: number }): void
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
  checkNoticeOptions(options)
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
  readonly #notifier: Notifier
  #addresses: OwnAddresses | undefined
  #flows: os.FlowDoor | undefined
  #detector: Detector | undefined
  #reach: Reach | undefined
  #operator: OperatorDoor | undefined
  #lock: os.InstanceLock | undefined
  /** TCP programs that are down, and what is looked at of them. */
  readonly #tcp = new Map<string, 'opening' | 'arriving'>()
  readonly #noted = new Set<string>()

  constructor(options: NoticeOptions) {
    this.#options = options
    this.#programs = options.programs
    this.#began = this.#clock.now()
    const { key } = options
    const random = randomness()
    this.#notifier = new Notifier({
      programs: options.programs.map(specOf),
      wall: (now) => Number(this.#clock.wall(now) / 1_000_000_000n),
      random,
      mine: (ip) => this.#addresses!.mine(ip),
      isBroadcast: (ip) => this.#addresses!.isBroadcast(ip),
      get loopbackPort(): number {
        return loopback()
      },
      ...(key === undefined ? {} : { signer: signerOf(key) }),
      ...given(options, ['rate', 'burst', 'perAddressRate', 'perAddressBurst', 'freshness', 'repeatAfter']),
      ...(options.tableSize === undefined ? {} : { limit: options.tableSize }),
    })
    const loopback = () => this.#addresses!.loopback
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
    const { outages, sent, repeated, elicited, suppressed, unsent, heard, answered } = this.#notifier.counters
    return {
      kind: 'summary',
      time: this.#time(),
      elapsedNs: Math.round((now - this.#began) * 1e6),
      programs: this.#notifier.status(now),
      outages,
      sent,
      repeated,
      elicited,
      suppressed: { ...suppressed },
      unsent: { ...unsent },
      heard,
      answered,
      unseen: this.#flows?.loss.queueOverflow ?? 0,
    }
  }

  metrics(): string {
    const unseen = this.#flows?.loss.queueOverflow ?? 0
    return prometheus(this.#notifier.status(this.#clock.now()), this.#notifier.counters, unseen)
  }

  offline(program: string, o: { reason?: string; backAt?: number } = {}): void {
    this.#notifier.offline(this.#clock.now(), program, o)
    this.#clock.wake()
  }

  drain(program: string, o: { reason?: string; backAt?: number } = {}): void {
    this.#notifier.drain(this.#clock.now(), program, o)
    this.#clock.wake()
  }

  back(program: string): void {
    this.#notifier.back(this.#clock.now(), program)
    this.#clock.wake()
  }

  reconfigure(programs: readonly NoticeProgram[]): void {
    checkNoticeOptions({ ...this.#options, programs })
    const now = this.#clock.now()
    const before = new Map(this.#programs.map((p) => [p.name, p]))
    for (const p of this.#programs) {
      const after = programs.find((o) => o.name === p.name)
      if (after !== undefined && JSON.stringify(specOf(after)) === JSON.stringify(specOf(p))) continue
      this.#notifier.remove(now, p.name)
      this.#tcp.delete(p.name)
      before.delete(p.name)
    }
    for (const p of programs) if (!before.has(p.name)) this.#notifier.add(now, specOf(p))
    this.#programs = programs
    this.#detector?.watch(programs)
    this.#look()
    this.#clock.wake()
  }

  stop(): void {
    this.#over.abort()
    this.#clock.wake()
  }

  async #run(): Promise<NoticeTotals> {
    let failure: unknown
    const doors: Door[] = []
    try {
      await this.#open(doors)
      const machine = new Asking(this.#notifier, (now, r) => this.#answer(now, r))
      if (!this.#over.signal.aborted) await drive(machine, doors, this.#clock, (e) => this.#tell(e), this.#over.signal)
    } catch (e) {
      failure = e
    }
    this.#over.abort()
    const summary = this.snapshot()
    this.#detector?.close()
    this.#operator?.close()
    this.#reach?.close()
    for (const d of doors) await d[Symbol.asyncDispose]()
    this.#lock?.close()
    if (failure === undefined) this.#queue.pushLast(summary)
    this.#queue.end(failure)
    if (failure !== undefined) throw failure
    return summary
  }

  async #open(doors: Door[]): Promise<void> {
    const { netns, key } = this.#options
    const there = os.namespaceIdentity(netns)
    const socket =
      this.#options.socket === false ? undefined : (this.#options.socket ?? defaultPath(there.inode, 'sock'))
    this.#lock = lock(defaultPath(there.inode, 'lock'), socket)
    this.#addresses = new OwnAddresses(netns)
    this.#flows = os.openFlowDoor({ ports: this.#ports(), ...(netns === undefined ? {} : { netns }) })
    doors.push(this.#flows)
    for (const family of [4, 6] as const) {
      const { door } = await os.openDoor({
        kind: 'raw-socket',
        family,
        headers: 'ours',
        accept: 'none',
        stamps: false,
        ...(netns === undefined ? {} : { netns }),
      })
      doors.push(door)
    }
    this.#reach = new Reach(netns)
    const sign = (program: string, s: Sign) => {
      this.#notifier.sign(this.#clock.now(), program, s)
      this.#clock.wake()
    }
    this.#detector = new Detector({
      netns,
      sign,
      stateOf: (program) => this.#notifier.stateOf(program),
      note: (what) => this.#note(what),
    })
    this.#detector.watch(this.#programs)
    void this.#addresses.follow(this.#over.signal, () => {}).catch((e) => this.#note((e as Error).message))
    if (socket !== undefined) this.#operator = await listenToOperator(socket, (r) => this.#operated(r))
    const now = this.#clock.now()
    const status = this.#notifier.status(now)
    const ready: NoticeReady = {
      kind: 'ready',
      time: this.#time(),
      programs: this.#programs.map((p) => {
        const { program, protocol, port, state, workstations } = status.find((s) => s.program === p.name)!
        return { program, protocol, port, state, holders: this.#detector!.holders(p), workstations }
      }),
      socket: socket ?? null,
      state: null,
      key: key === undefined ? null : hex(key.id),
      notes: [],
    }
    this.#queue.push(ready)
  }

  #answer(now: Instant, r: Request): void {
    const p = this.#programs.find((o) => o.name === r.program)
    if (p === undefined) return
    try {
      switch (r.kind) {
        case 'recheck':
          this.#notifier.sign(now, p.name, { kind: 'holders', count: this.#detector!.holders(p) })
          return
        case 'connections':
          this.#tcp.set(p.name, 'arriving')
          this.#look()
          this.#notifier.connections(now, p.name, this.#reach!.connections(p))
          return
        case 'reject':
          this.#reach!.reject(p, r.on)
          return
        case 'reset':
          this.#reach!.reset(r.connection)
      }
    } catch (e) {
      this.#note(`program ${p.name}: ${(e as Error).message}`)
    }
  }

  #tell(e: NoticeEvent): void {
    if (e.kind === 'ready' || e.kind === 'summary') return
    this.#queue.push({ ...e, time: this.#time() })
    if (e.kind === 'suspect' || e.protocol !== 'tcp') return
    if (e.kind === 'outage') this.#tcp.set(e.program, 'opening')
    else this.#tcp.delete(e.program)
    this.#look()
  }

  #operated(r: OperatorRequest): OperatorAnswer {
    switch (r.do) {
      case 'offline':
        this.offline(r.program, r)
        break
      case 'drain':
        this.drain(r.program, r)
        break
      case 'back':
        this.back(r.program)
        break
      case 'metrics':
        return { ok: true, text: this.metrics() }
      case 'status':
    }
    return { ok: true, ...this.snapshot(), kind: 'status' }
  }

  /** Said once. */
  #note(what: string): void {
    if (this.#over.signal.aborted || this.#noted.has(what)) return
    if (this.#noted.size < MOST_NOTES) this.#noted.add(what)
    this.#queue.push({ kind: 'note', time: this.#time(), what })
  }

  #look(): void {
    this.#flows?.watch(this.#ports())
  }

  #ports(): os.FlowPort[] {
    return this.#programs.flatMap((p): os.FlowPort[] => {
      if (p.protocol === 'udp') return [{ protocol: 'udp', port: p.port }]
      const what = this.#tcp.get(p.name)
      return what === undefined ? [] : [{ protocol: 'tcp', port: p.port, what }]
    })
  }

  #time(): string {
    return showTime(this.#clock.wall(this.#clock.now()))
  }
}

/** The notifier, whose questions to the outside are answered as soon as they are there. */
class Asking implements Machine<NoticeEvent> {
  readonly #n: Notifier
  readonly #answer: (now: Instant, r: Request) => void

  constructor(n: Notifier, answer: (now: Instant, r: Request) => void) {
    this.#n = n
    this.#answer = answer
  }

  handlePacket: Notifier['handlePacket'] = (now, a) => this.#n.handlePacket(now, a)
  handleSent: Notifier['handleSent'] = (...a) => this.#n.handleSent(...a)
  handleUnsent: Notifier['handleUnsent'] = (...a) => this.#n.handleUnsent(...a)
  pollTransmit: Notifier['pollTransmit'] = (now, slot) => this.#n.pollTransmit(now, slot)
  pollEvent: Notifier['pollEvent'] = () => this.#n.pollEvent()
  pollTimeout: Notifier['pollTimeout'] = () => this.#n.pollTimeout()

  handleTimeout(now: Instant): void {
    this.#n.handleTimeout(now)
    for (let r = this.#n.pollRequest(); r !== undefined; r = this.#n.pollRequest()) this.#answer(now, r)
    this.#n.handleTimeout(now)
  }
}

/** @throws Error where another process serves this namespace */
function lock(path: string, socket: string | undefined): os.InstanceLock {
  const who = `process ${process.pid}${socket === undefined ? '' : `, socket ${socket}`}`
  const got = os.lockInstance(path, who)
  if ('heldBy' in got)
    throw new Error(
      `icmp notify serve runs in this network namespace already (${got.heldBy}); two would tell everybody twice`,
    )
  return got
}

function specOf(p: NoticeProgram): ProgramSpec {
  return {
    ...given(p, ['name', 'protocol', 'port', 'grace', 'code', 'message', 'backIn', 'reset']),
    ...(p.probe?.failures === undefined ? {} : { failures: p.probe.failures }),
  } as ProgramSpec
}

function signerOf(key: NoticeKey): Signer {
  const hmac = key.kind === 'hmac-sha256'
  return { algorithm: key.algorithm, keyId: key.id, size: hmac ? 16 : 64, perWorkstation: hmac, sign: key.sign! }
}

/** Those of the fields that are there. */
function given<T extends object, K extends keyof T>(from: T, names: readonly K[]): Partial<Pick<T, K>> {
  const out: Partial<Pick<T, K>> = {}
  for (const name of names) if (from[name] !== undefined) out[name] = from[name]
  return out
}

/** Chance that nobody outside can guess, 32 bits at a time, from the kernel in pages. */
function randomness(): () => number {
  let page = new DataView(os.secret(4096).buffer)
  let at = 0
  return () => {
    if (at === page.byteLength) {
      page = new DataView(os.secret(4096).buffer)
      at = 0
    }
    at += 4
    return page.getUint32(at - 4) / 2 ** 32
  }
}

const MOST_NOTES = 1000
