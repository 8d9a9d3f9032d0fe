/** A host or a gateway on real interfaces: the runner around the stack (stack/node.ts). Doors, link changes, events. */
import { type Instant, showTime } from '../../clock.ts'
import * as os from '../../os/index.ts'
import { drive, EventQueue, type Run } from '../../run.ts'
import { Counters, Node, type StackEvent } from '../../stack/index.ts'
import { check as checkOptions, configOf, type NodeOptions } from './options.ts'
import { RunningPort } from './port.ts'
import { Settling } from './ready.ts'
import { macText, type NodeEvent, type NodeSummary, report, summarize } from './report.ts'
import { warmingOf } from './warming.ts'

export interface NodeRun extends Run<NodeEvent, NodeSummary> {
  /** The counters so far. */
  snapshot(): NodeSummary
  /** Other routes and switches from now on; the ports stay. @throws TypeError, RangeError, and keeps what was */
  reconfigure(options: NodeOptions): void
  /** Says goodbye on the links, gives the interfaces back; the summary follows. */
  stop(): void
}

/**
 * A host in user space on real interfaces (RFC 1122, RFC 8504): `for await (const e of host({ ports: [{ name: 'eth1',
 * addresses: ['192.0.2.9/24'] }] }))`. Its first event is `ready`; nothing throws for what the network does.
 * @throws TypeError, RangeError on unusable options; `done` and the iterator reject with an OsError where an interface
 * cannot be opened
 */
export function host(options: NodeOptions): NodeRun {
  checkOptions('host', options)
  return new Running('host', options)
}

/** A router in user space (RFC 1812, RFC 4443, RFC 4861 §6.2); otherwise as `host`. */
export function gateway(options: NodeOptions): NodeRun {
  checkOptions('gateway', options)
  return new Running('gateway', options)
}

class Running implements NodeRun {
  readonly done: Promise<NodeSummary>
  readonly #role: 'host' | 'gateway'
  #options: NodeOptions
  readonly #queue = new EventQueue<NodeEvent>()
  readonly #busy: os.BusyPoll
  readonly #clock: os.RealClock
  readonly #ports: RunningPort[] = []
  /** Ends the drive of this round: a door comes or goes. */
  #round = new AbortController()
  readonly #over = new AbortController()
  #node: Node | undefined
  /** Until all addresses are settled. */
  #settling: Settling | undefined = new Settling(this.#ports)
  /** Something about the interfaces was told. */
  #told = Promise.withResolvers<void>()
  #stopping = false

  constructor(role: 'host' | 'gateway', options: NodeOptions) {
    this.#role = role
    this.#options = options
    this.#busy = new os.BusyPoll(options.busyPoll)
    this.#clock = new os.RealClock(this.#busy)
    options.signal?.addEventListener('abort', () => this.stop(), { once: true })
    this.done = this.#run()
    this.done.catch(() => {})
  }

  get dropped(): number {
    return this.#queue.dropped
  }

  [Symbol.asyncIterator](): AsyncIterator<NodeEvent> {
    return this.#queue.read(() => this.stop())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    await this.done.catch(() => {})
  }

  snapshot(): NodeSummary {
    const overflow = this.#ports.reduce((sum, p) => sum + p.overflow, 0)
    return summarize(this.#node?.counters ?? new Counters(), this.#time(), overflow, this.#busy)
  }

  reconfigure(options: NodeOptions): void {
    checkOptions(this.#role, options)
    // What a TUN or TAP was made with stays; an interface of the kernel's is only used with another MTU.
    const names = (o: NodeOptions) =>
      JSON.stringify(o.ports.map((p) => [p.name, p.door, p.vlan, p.mac, (p.door ?? 'packet') !== 'packet' && p.mtu]))
    if (names(options) !== names(this.#options))
      throw new TypeError(`${this.#role}: the ports cannot change while it runs: start it anew for that`)
    const now = this.#clock.now()
    this.#node?.reconfigure(now, configOf(this.#role, options, this.#ports))
    this.#options = options
    this.#busy.durationMs = options.busyPoll ?? 0
    for (const [i, p] of this.#ports.entries())
      if (p.reconfigure(options.ports[i]!, options)) this.#node?.changePort(now, p.index, { mtu: p.mtu })
    this.#clock.wake()
  }

  stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    this.#node?.close(this.#clock.now())
    // Last words that find no way out within this time are not waited for.
    setTimeout(() => this.#over.abort(), LAST_WORDS).unref()
    if (this.#node === undefined) this.#over.abort()
    this.#round.abort()
    this.#clock.wake()
  }

  async #run(): Promise<NodeSummary> {
    let failure: unknown
    try {
      for (const p of this.#options.ports) this.#ports.push(await RunningPort.open(p, this.#options))
      if (!this.#stopping) await this.#drive()
    } catch (e) {
      failure = e
    }
    this.#over.abort()
    const summary = this.snapshot()
    for (const p of this.#ports) await p.close()
    os.forgetGoneNamespaces()
    if (failure === undefined) this.#queue.pushLast(summary)
    this.#queue.end(failure)
    if (failure !== undefined) throw failure
    return summary
  }

  async #drive(): Promise<void> {
    const wall = (at: Instant) => this.#clock.wall(at)
    const config = configOf(this.#role, this.#options, this.#ports)
    const node = new Node({ ...config, random: os.unguessable(), wall })
    this.#node = node
    node.start(this.#clock.now())
    const watching = this.#watch(node)
    // What ends the watch ends the run.
    watching.catch(() => this.#over.abort())
    const over = this.#over.signal
    over.addEventListener('abort', () => this.#told.resolve(), { once: true })
    while (!over.aborted) {
      this.#round = new AbortController()
      // Doors come and go between two rounds, never under the driver's hands.
      await this.#attach(node)
      if (this.#busy.durationMs > 0) this.#busy.warm ??= warmingOf(this.#ports, config.ports, this.#clock)?.next
      const doors = this.#ports.flatMap((p) => p.driven ?? [])
      const signal = AbortSignal.any([this.#round.signal, over])
      try {
        await drive(node, doors, this.#clock, (e) => this.#heard(e), signal)
        if (this.#stopping && (node.pollTimeout() === undefined || doors.length === 0)) break
      } catch (e) {
        if (!(e instanceof os.OsError) || e.code !== 'ENODEV') throw e
        // The door knows that its interface is gone; the watch, which knows of all, hears it a little later.
        while (!over.aborted && !this.#ports.some((p) => p.lost)) await this.#told.promise
      }
    }
    this.#over.abort()
    await watching
  }

  /** What is gone is closed, and what is back is opened. */
  async #attach(node: Node): Promise<void> {
    for (const p of this.#ports) {
      if (p.lost) {
        this.#busy.warm = undefined
        await p.close()
        node.changePort(this.#clock.now(), p.index, { up: false })
        this.#say(p, 'gone')
      }
      if (this.#stopping || !p.found || !(await p.reopen())) continue
      const { mtu, mac, door } = p
      node.changePort(this.#clock.now(), p.index, { up: door!.port.up, mtu, mac })
      this.#say(p, 'back')
    }
  }

  /** Changes of the interfaces. */
  async #watch(node: Node): Promise<void> {
    const { netns } = this.#options
    const watched = this.#ports.map((p) => p.watched)
    const watch = os.watchPorts(watched, { signal: this.#over.signal, ...(netns === undefined ? {} : { netns }) })
    for await (const change of watch) {
      if (this.#over.signal.aborted) break
      const p = this.#ports.find((o) => o.watched === change.port)!
      const first = p.seen === undefined
      p.seen = change
      if (p.lost || p.found) this.#round.abort()
      else if (p.door !== undefined && !change.gone) {
        const port = node.ports.get(p.index)!
        // That it is not up from the start is no change: a TUN's other side may be set up any time.
        const up = first ? port.up : change.up
        if (p.take(change) || port.up !== up) {
          node.changePort(this.#clock.now(), p.index, { up, mtu: p.mtu, mac: p.mac })
          this.#clock.wake()
        }
      }
      this.#told.resolve()
      this.#told = Promise.withResolvers()
    }
  }

  #say(p: RunningPort, state: 'gone' | 'back'): void {
    this.#queue.push({ kind: 'port', time: this.#time(), port: p.config.name, state, mtu: p.mtu, mac: macText(p.mac) })
  }

  #heard(e: StackEvent): void {
    // That its interface is gone says all of a port.
    if (e.kind === 'port' && this.#ports.find((p) => p.index === e.port)?.door === undefined) return
    const settling = this.#settling
    if (settling === undefined) this.#queue.push(this.#report(e))
    else if (settling.add(e)) {
      this.#settling = undefined
      const ports = this.#ports.map((p) => settling.report(p))
      this.#queue.push({ kind: 'ready', time: this.#time(), busyPollMs: this.#busy.durationMs, ports })
      for (const rest of settling.rest) this.#queue.push(this.#report(rest))
    }
  }

  #report(e: StackEvent): NodeEvent {
    return report(e, this.#clock, (index) => this.#ports.find((p) => p.index === index)?.config.name ?? `${index}`)
  }

  #time(): string {
    return showTime(this.#clock.wall(this.#clock.now()))
  }
}

/** Longest that last advertisements and leaves may take to get out, ms. */
const LAST_WORDS = 1000
