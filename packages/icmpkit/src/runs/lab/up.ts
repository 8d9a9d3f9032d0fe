/**
 * A lab in real time, and the kernel as one of its nodes: any program of this machine (ping, mtr, a browser) then speaks to
 * the simulated network. Time in the lab is the time since it was brought up; chance still comes out of its seed.
 */

import type { ScenarioConfig } from '../../lab/ask.ts'
import { timeOf } from '../../lab/asker.ts'
import { Asking } from '../../lab/asking.ts'
import { type Lab, type LabNode, lab, type Stand } from '../../lab/index.ts'
import { someOf } from '../../lab/names.ts'
import type { ScenarioOptions } from '../../lab/scenario.ts'
import type { AskSummary, NetworkEvent, ScenarioEvent, SummaryEvent } from '../../lab/scenario-event.ts'
import { changesOf, stateOf } from '../../lab/told.ts'
import { capture, watchPackets } from '../../lab/trace.ts'
import * as os from '../../os/index.ts'
import { drive, EventQueue, type Run } from '../../run.ts'
import { showIp } from '../../wire/addr.ts'
import { macText } from '../node/report.ts'
import { Crossing } from './crossing.ts'
import { type KernelOptions, KernelSide } from './kernel-side.ts'

export interface LabUpOptions extends KernelOptions, ScenarioOptions {
  /** The node that the kernel is: a host. Of a gateway's name: a host of its own is joined to it. The first host. */
  at?: string
  signal?: AbortSignal
}

/** The interfaces are up: programs may begin. Always the first. */
export interface LabReady {
  kind: 'ready'
  time: string
  /** The node that the kernel is. */
  node: string
  /** As `ip netns exec` takes it; null: the namespace of this process. */
  netns: string | null
  /** It ends with the lab. */
  ownNamespace: boolean
  interfaces: { name: string; door: string; link: string; mac: string | null; mtu: number; addresses: string[] }[]
  routes: { prefix: string; via: string | null; interface: string | null }[]
  nodes: number
  links: number
  /** The first address of each other host: something to ping. */
  hosts: { node: string; address: string }[]
  /** What could not be had. */
  notes: string[]
}

export interface LabUpSummary {
  kind: 'summary'
  /** How long it ran. */
  time: string
  fromKernel: { packets: number; octets: number }
  /** `dropped`: the kernel had no room. */
  toKernel: { packets: number; octets: number; dropped: number }
  /** What came of that which is asked. */
  asks: AskSummary[]
  /** What became of how many packets, by link. */
  links: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** The longest that something happened after its moment, milliseconds: how busy this process was. */
  late: number
  /** Time that did not pass in the lab, milliseconds: it had more to do than this machine can, or the process stood still. */
  slipped: number
  /** Events that nobody read in time. */
  droppedEvents: number
}

/** Between the first and the last: those of a scenario, their `time` since the lab was brought up. */
export type LabUpEvent = LabReady | Exclude<ScenarioEvent, NetworkEvent | SummaryEvent> | LabUpSummary

export interface LabUp extends Run<LabUpEvent, LabUpSummary> {
  /**
   * The network as it is now: tap its links, change them; do not run it, time passes by itself. Whoever keeps it while time
   * passes has it as it was: take it anew for each change.
   */
  readonly lab: Lab
  /** The first event, for those who read no others. Rejects where it could not be brought up. */
  readonly ready: Promise<LabReady>
  /** The counters so far. */
  snapshot(): LabUpSummary
  /** Takes it down; the summary follows. */
  stop(): void
}

/**
 * Brings a lab up: `await using net = labUp({ nodes: { me: 'host', r1: 'gateway', srv: 'host' }, links: [['me', 'r1'],
 * ['r1', 'srv']] }); const { netns } = await net.ready`, then `ip netns exec NETNS ping srv`.
 * @throws TypeError that names the place of what cannot be used; `ready`, `done` and the iterator reject with an OsError
 * where the kernel refuses
 */
export function labUp(config: ScenarioConfig, options: LabUpOptions = {}): LabUp {
  return new Running(config, options)
}

class Running implements LabUp {
  readonly ready: Promise<LabReady>
  readonly done: Promise<LabUpSummary>
  readonly #lab: Lab
  readonly #config: ScenarioConfig
  readonly #node: LabNode
  readonly #asking: Asking
  readonly #options: LabUpOptions
  readonly #queue = new EventQueue<LabUpEvent>()
  readonly #clock = new os.RealClock()
  readonly #over = new AbortController()
  readonly #settled = Promise.withResolvers<LabReady>()
  readonly #captured: { end(): void } | undefined
  /** Told before the first event, which is `ready`. */
  #early: LabUpEvent[] = []
  #crossing: Crossing<LabUpEvent> | undefined

  constructor(config: ScenarioConfig, options: LabUpOptions) {
    const { network, at } = withKernel(config, options.at)
    this.#config = network
    this.#options = options
    this.#lab = lab(network)
    this.#lab.clock.epoch = config.epoch ?? this.#clock.wall(this.#clock.now())
    // What the others say as they begin is seen; what this node's own stack would say, the kernel says.
    this.#lab.replace(at, NOBODY)
    this.#captured = this.#watch()
    const emit = (e: ScenarioEvent) => this.#tell(e as LabUpEvent)
    this.#asking = new Asking(this.#lab, network.ask ?? [], { seed: network.seed, but: at, emit })
    this.#node = this.#lab.node(at)
    this.ready = this.#settled.promise
    this.ready.catch(() => {})
    options.signal?.addEventListener('abort', () => this.stop(), { once: true })
    if (options.signal?.aborted) this.stop()
    this.done = this.#run()
    this.done.catch(() => {})
  }

  get lab(): Lab {
    this.#crossing?.catchUp(this.#clock.now())
    this.#clock.wake()
    return this.#lab
  }

  get dropped(): number {
    return this.#queue.dropped
  }

  [Symbol.asyncIterator](): AsyncIterator<LabUpEvent> {
    return this.#queue.read(() => this.stop())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    await this.done.catch(() => {})
  }

  stop(): void {
    this.#over.abort()
    this.#clock.wake()
  }

  snapshot(): LabUpSummary {
    const crossing = this.#crossing
    // Once it is over, time stands still.
    if (!this.#over.signal.aborted) crossing?.catchUp(this.#clock.now())
    return {
      kind: 'summary',
      time: timeOf(this.#lab.now),
      fromKernel: { ...(crossing?.in ?? { packets: 0, octets: 0 }) },
      toKernel: { ...(crossing?.out ?? { packets: 0, octets: 0, dropped: 0 }) },
      asks: this.#asking.summaries(),
      links: Object.fromEntries(this.#lab.links.map((l) => [l.name, { ...l.counts }])),
      late: rounded(crossing?.late ?? 0),
      slipped: rounded(crossing?.slipped ?? 0),
      droppedEvents: this.dropped,
    }
  }

  async #run(): Promise<LabUpSummary> {
    let failure: unknown
    try {
      await using kernel = await KernelSide.open(this.#lab, this.#node, this.#options)
      if (!this.#over.signal.aborted) await this.#drive(kernel)
    } catch (e) {
      failure = e
    }
    const summary = this.snapshot()
    if (failure === undefined) this.#queue.pushLast(summary)
    this.#queue.end(failure)
    this.#settled.reject(failure ?? new DOMException('stopped before it was ready', 'AbortError'))
    if (failure !== undefined) throw failure
    return summary
  }

  async #drive(kernel: KernelSide): Promise<void> {
    const began = this.#clock.now()
    this.#lab.clock.epoch = this.#config.epoch ?? this.#clock.wall(began)
    const room = (p: KernelSide['ports'][number]) => p.door.mtu + p.lab.header
    const ports = kernel.ports.map((p) => ({ lab: p.lab.index, door: p.door.port.index, room: room(p) }))
    const crossing = new Crossing<LabUpEvent>(this.#asking, this.#node, began, ports, (port, change) => {
      kernel.change(port.door, change)
      if (change.mtu !== undefined) port.room = change.mtu + this.#node.node.ports.get(port.lab)!.header
    })
    this.#crossing = crossing
    const ready = this.#readyEvent(kernel)
    this.#settled.resolve(ready)
    this.#queue.push(ready)
    for (const e of this.#early.splice(0)) this.#queue.push(e)
    const doors = kernel.ports.map((p) => p.door)
    await drive(crossing, doors, this.#clock, (e) => this.#queue.push(e), this.#over.signal)
    crossing.catchUp(this.#clock.now())
    this.#asking.stop()
    for (let e = crossing.pollEvent(); e !== undefined; e = crossing.pollEvent()) this.#queue.push(e)
    this.#captured?.end()
  }

  #tell(e: LabUpEvent): void {
    if (this.#crossing === undefined) this.#early.push(e)
    else this.#crossing.tell(e)
  }

  #watch(): { end(): void } | undefined {
    const { packets = 'befallen', states = true, pcap } = this.#options
    const tell = (e: LabUpEvent) => this.#tell(e)
    if (packets !== 'none') watchPackets(this.#lab, packets === 'all', tell)
    // The lab's ports are named so; to take a node in hand would cost at each moment from then on.
    if (states) this.#lab.watch((node, e) => tell(stateOf(node, `eth${e.port - 1}`, e)))
    const isNode = (name: string) => this.#lab.kindOf(name) !== undefined
    for (const c of this.#config.at ?? []) this.#lab.at(c.time, () => changesOf(c, this.#lab.now, isNode).forEach(tell))
    return pcap === undefined ? undefined : capture(this.#lab, pcap)
  }

  #readyEvent(kernel: KernelSide): LabReady {
    const { name } = this.#node
    const linkOf = (index: number) =>
      this.#lab.links.find((l) => l.ends.some((e) => e.node === name && e.port.index === index))?.name ?? ''
    return {
      kind: 'ready',
      time: timeOf(this.#lab.now),
      node: name,
      netns: kernel.netns === undefined ? null : `${kernel.netns}`,
      ownNamespace: kernel.own !== undefined,
      interfaces: kernel.ports.map(({ lab, door, addresses }) => ({
        name: door.port.name,
        door: door.name,
        link: linkOf(lab.index),
        mac: macText(lab.mac),
        mtu: door.mtu,
        addresses: addresses.map((a) => `${showIp(a.address)}/${a.prefixLength}`),
      })),
      routes: kernel.routes.map((r) => ({
        prefix: `${showIp(r.prefix)}/${r.prefixLength}`,
        via: r.kind === 'unicast' ? (r.via === undefined ? null : showIp(r.via)) : r.kind,
        interface: r.port?.door.port.name ?? null,
      })),
      nodes: this.#lab.size,
      links: this.#lab.links.length,
      hosts: this.#hosts(name),
      notes: [...this.#leftOut(name), ...kernel.cannot.map((c) => `cannot: ${c}`)],
    }
  }

  /** The kernel asks for itself. */
  #leftOut(node: string): string[] {
    const asks = (this.#config.ask ?? []).map((a, i) => ({ ...a, i })).filter((a) => a.from === node)
    const told = asks.map(({ i, kind = 'ping', to }) => `ask[${i}] (${kind} ${to})`)
    return told.length === 0
      ? []
      : [`left out, since ${node} is this machine, which asks for itself: ${told.join(', ')}`]
  }

  #hosts(but: string): LabReady['hosts'] {
    const found = new Map<string, string>()
    for (const l of this.#lab.links) {
      for (const { node, port } of l.ends) {
        const [first] = port.addresses
        if (node === but || first === undefined || found.has(node) || this.#lab.kindOf(node) !== 'host') continue
        found.set(node, showIp(first.address))
      }
    }
    return [...found].slice(0, SHOWN).map(([node, address]) => ({ node, address }))
  }
}

/** The network with a node for the kernel in it. @throws TypeError */
function withKernel(config: ScenarioConfig, at: string | undefined): { network: ScenarioConfig; at: string } {
  const kinds = Object.entries(config.nodes).map(([name, n]) => [name, typeof n === 'string' ? n : n.kind] as const)
  const chosen = at ?? (kinds.find(([, kind]) => kind === 'host') ?? kinds[0])?.[0]
  const found = kinds.find(([name]) => name === chosen)
  if (found === undefined)
    throw new TypeError(
      `there is no node '${chosen ?? ''}' to be or to join; expected ${someOf(kinds.map(([n]) => n))}`,
    )
  const [name, kind] = found
  if (kind !== 'gateway') return { network: config, at: name }
  let own = 'kernel'
  for (let n = 2; kinds.some(([other]) => other === own); n++) own = `kernel${n}`
  const nodes = { ...config.nodes, [own]: 'host' as const }
  return { network: { ...config, nodes, links: [...config.links, [own, name]] }, at: own }
}

/** Stands at the kernel's node until the kernel does. */
const NOBODY: Stand = { receive: () => {}, changePort: () => {} }

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

/** Hosts that `ready` names. */
const SHOWN = 16
