/**
 * A scenario: a network, what happens to it, and what is asked in it, told as events in virtual time. Time goes on while
 * the reader asks for the next event, and stands still otherwise: nothing is queued, nothing is dropped.
 */
import { type Family, familyOf, type Ip, parseIp, showIp } from '../wire/addr.ts'
import type { AskData, ScenarioConfig } from './ask.ts'
import { PingAsker, TraceAsker } from './ask-ping.ts'
import { UdpAsker } from './ask-udp.ts'
import { type Asker, type Question, timeOf } from './asker.ts'
import { type Lab, lab } from './lab.ts'
import { someOf } from './names.ts'
import { Random } from './random.ts'
import type { ScenarioEvent, SummaryEvent } from './scenario-event.ts'
import { changesOf, stateOf } from './told.ts'
import { capture, watchPackets } from './trace.ts'
import { nextTurn } from './virtual-clock.ts'

export interface ScenarioOptions {
  /** Events of packets on links: none, those that something befell (lost, corrupted, …), or all. `befallen`. */
  packets?: 'none' | 'befallen' | 'all'
  /** Events of what nodes learn: neighbours, path MTUs, redirects. true. */
  states?: boolean
  /** Every packet on every link as pcapng, as it comes. */
  pcap?: (octets: Uint8Array) => void
}

/** Time stands at 0 until the first event is asked for. @throws TypeError that names the place of what cannot be used */
export function scenario(config: ScenarioConfig, options: ScenarioOptions = {}): Scenario {
  return new Scenario(config, options)
}

/**
 * A scenario under way: `for (const e of scenario(config)) …`, or `for await`, which lets the process do other things in
 * between; once.
 */
export class Scenario implements Iterable<ScenarioEvent>, AsyncIterable<ScenarioEvent> {
  /** The network. */
  readonly lab: Lab
  readonly #config: ScenarioConfig
  readonly #options: ScenarioOptions
  readonly #askers: Asker[]
  /** Nodes by their addresses, as text; names of ports by `node index`. */
  readonly #owners = new Map<string, string>()
  readonly #ports = new Map<string, string>()
  readonly #until: number
  /** Nothing of the timeline is left after it. */
  readonly #lastChange: number
  /** What the last step brought. */
  #events: ScenarioEvent[] = []
  #stopped = false

  constructor(config: ScenarioConfig, options: ScenarioOptions) {
    this.lab = lab(config)
    this.#config = config
    this.#options = options
    for (const { node, port } of this.lab.links.flatMap((l) => l.ends)) {
      this.#ports.set(`${node} ${port.index}`, port.name)
      for (const a of port.addresses) this.#owners.set(showIp(a.address), node)
    }
    this.#until = config.until ?? Number.POSITIVE_INFINITY
    this.#lastChange = Math.max(0, ...(config.at ?? []).map((c) => c.time))
    this.#askers = (config.ask ?? []).map((a, i) => this.#asker(a, i))
  }

  /** Ends it where it stands: its summary follows. */
  stop(): void {
    this.#stopped = true
  }

  *[Symbol.iterator](): Generator<ScenarioEvent, void, void> {
    for (const e of this.#told()) if (e !== undefined) yield e
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ScenarioEvent, void, void> {
    let since = 0
    for (const e of this.#told()) {
      if (e !== undefined) yield e
      if (e === undefined || ++since % TURN === 0) await new Promise<void>((done) => nextTurn(done))
    }
  }

  /** undefined: a lot has happened, and nothing of it is to be told. */
  *#told(): Generator<ScenarioEvent | undefined, void, void> {
    const { seed = 1, nodes } = this.#config
    const links = this.lab.links.length
    yield { kind: 'network', time: timeOf(0), node: null, seed, nodes: Object.keys(nodes).length, links }
    const { packets = 'befallen', states = true, pcap } = this.#options
    const emit = (e: ScenarioEvent) => void this.#events.push(e)
    const captured = pcap === undefined ? undefined : capture(this.lab, pcap)
    if (packets !== 'none') watchPackets(this.lab, packets === 'all', emit)
    if (states) this.lab.watch((node, e) => emit(stateOf(node, this.#ports.get(`${node} ${e.port}`) ?? '', e)))
    const isNode = (name: string) => Object.hasOwn(nodes, name)
    for (const c of this.#config.at ?? []) this.lab.at(c.time, () => changesOf(c, this.lab.now, isNode).forEach(emit))
    while (this.#advance()) {
      if (this.#events.length === 0) yield undefined
      yield* this.#taken()
    }
    for (const a of this.#askers) a.stop(this.lab.now)
    yield* this.#taken()
    captured?.end()
    yield this.#summary()
  }

  #taken(): ScenarioEvent[] {
    const taken = this.#events
    this.#events = []
    return taken
  }

  /** Until something is to be told, or much has happened; false when the scenario is over. */
  #advance(): boolean {
    const { lab: net } = this
    for (let steps = 0; steps < STEPS; steps++) {
      if (this.#stopped) return false
      let due = Number.POSITIVE_INFINITY
      let asking = false
      for (const a of this.#askers) {
        if (a.due === undefined) continue
        asking = true
        due = Math.min(due, a.due)
      }
      if (!asking && this.#until === Number.POSITIVE_INFINITY) {
        if (net.now >= this.#lastChange) return false
        due = this.#lastChange
      }
      const next = Math.min(due, net.next, this.#until)
      // Nothing can happen any more, and nobody has a deadline.
      if (next === Number.POSITIVE_INFINITY) return false
      net.run(Math.max(next, net.now))
      for (const a of this.#askers) a.look(net.now)
      for (const a of this.#askers) if (a.due !== undefined && a.due <= net.now) a.wake(net.now)
      if (this.#events.length > 0) return true
      if (net.now >= this.#until) return false
    }
    return true
  }

  #asker(data: AskData, index: number): Asker {
    const where = `lab: ask[${index}]`
    if (!Object.hasOwn(this.#config.nodes, data.from)) throw new TypeError(`${where}.from: ${this.#none(data.from)}`)
    const net = this.lab
    const q: Question = {
      index,
      data,
      // Not in hand before it asks: that would begin the network, and nobody has tapped it yet.
      get node() {
        return net.node(data.from)
      },
      ip: this.#addressOf(data, `${where}.to`),
      random: new Random(this.#config.seed ?? 1, ASK + index),
      open: () => {
        const door = q.node.door()
        net.clock.leave([door])
        return door
      },
      emit: (e) => void this.#events.push(e),
      ownerOf: (ip) => this.#owners.get(showIp(ip)) ?? null,
    }
    if (data.kind === 'udp') return new UdpAsker(q)
    return data.kind === 'trace' ? new TraceAsker(q) : new PingAsker(q)
  }

  #addressOf({ to, family }: AskData, where: string): Ip {
    const address = parseIp(to)
    if (address !== undefined) {
      if (family !== undefined && familyOf(address) !== family)
        throw new TypeError(`${where}: ${to} is not IPv${family}`)
      return address
    }
    if (!Object.hasOwn(this.#config.nodes, to)) throw new TypeError(`${where}: ${this.#none(to)}, or an address`)
    const all = this.lab.links.flatMap((l) => l.ends.filter((e) => e.node === to).flatMap((e) => e.port.addresses))
    const of = (f: Family) => all.find((a) => familyOf(a.address) === f)?.address
    const found = family === undefined ? (of(4) ?? of(6)) : of(family)
    if (found === undefined)
      throw new TypeError(`${where}: '${to}' has no ${family === undefined ? '' : `IPv${family} `}address`)
    return found
  }

  #none(name: string): string {
    return `there is no node '${name}'; expected ${someOf(Object.keys(this.#config.nodes))}`
  }

  #summary(): SummaryEvent {
    const packets: SummaryEvent['packets'] = {}
    for (const l of this.lab.links)
      for (const [fate, n] of Object.entries(l.counts))
        packets[fate as keyof typeof packets] = (packets[fate as keyof typeof packets] ?? 0) + n
    const asks = this.#askers.map((a) => a.summary())
    return { kind: 'summary', time: timeOf(this.lab.now), node: null, asks, packets }
  }
}

/** Events, and moments at which something happened, between two turns of the event loop. */
const TURN = 256
const STEPS = 10_000
/** Streams of chance behind those of nodes and links. */
const ASK = 0x4000_0000
