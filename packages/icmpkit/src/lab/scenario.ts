/**
 * A scenario: a network, what happens to it, and what is asked in it, told as events in virtual time. Time goes on while
 * the reader asks for the next event, and stands still otherwise: nothing is queued, nothing is dropped.
 */
import type { ScenarioConfig } from './ask.ts'
import { timeOf } from './asker.ts'
import { Asking } from './asking.ts'
import { type Lab, lab } from './lab.ts'
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
  readonly #asking: Asking
  /** Names of ports by `node index`. */
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
    for (const { node, port } of this.lab.links.flatMap((l) => l.ends))
      this.#ports.set(`${node} ${port.index}`, port.name)
    this.#until = config.until ?? Number.POSITIVE_INFINITY
    this.#lastChange = Math.max(0, ...(config.at ?? []).map((c) => c.time))
    const emit = (e: ScenarioEvent) => void this.#events.push(e)
    this.#asking = new Asking(this.lab, config.ask ?? [], { seed: config.seed, emit })
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
    this.#asking.stop()
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
      let due = this.#asking.due
      if (!this.#asking.busy && this.#until === Number.POSITIVE_INFINITY) {
        if (net.now >= this.#lastChange) return false
        due = this.#lastChange
      }
      const next = Math.min(due, net.next, this.#until)
      // Nothing can happen any more, and nobody has a deadline.
      if (next === Number.POSITIVE_INFINITY) return false
      this.#asking.step(next)
      if (this.#events.length > 0) return true
      if (net.now >= this.#until) return false
    }
    return true
  }

  #summary(): SummaryEvent {
    const packets: SummaryEvent['packets'] = {}
    for (const l of this.lab.links)
      for (const [fate, n] of Object.entries(l.counts))
        packets[fate as keyof typeof packets] = (packets[fate as keyof typeof packets] ?? 0) + n
    const asks = this.#asking.summaries()
    return { kind: 'summary', time: timeOf(this.lab.now), node: null, asks, packets }
  }
}

/** Events, and moments at which something happened, between two turns of the event loop. */
const TURN = 256
const STEPS = 10_000
