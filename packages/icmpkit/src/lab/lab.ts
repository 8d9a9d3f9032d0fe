/**
 * A whole network in one process and in virtual time: nodes of the stack, links between them, chance out of a seed. Time
 * moves only in `run`, or while everybody who asks by a door waits (virtual-clock.ts).
 */
import type { Instant } from '../clock.ts'
import type { StackEvent } from '../stack/event.ts'
import type { PortConfig } from '../stack/port.ts'
import { EventHeap } from './event-heap.ts'
import { FlightPool } from './flight.ts'
import { LabNode, type Shared } from './lab-node.ts'
import { Link, type Passing } from './link.ts'
import { Random } from './random.ts'
import { type LabConfig, type LinkPlan, type NodePlan, planOf } from './topology.ts'

/** Makes a network out of data; time stands at 0. @throws TypeError that names the place of what cannot be used */
export function lab(config: LabConfig): Lab {
  return new Lab(config)
}

export class Lab {
  readonly #heap = new EventHeap()
  readonly #nodes = new Map<string, LabNode>()
  readonly #links = new Map<string, Link>()
  readonly #epoch: bigint
  readonly #watchers: ((node: string, e: StackEvent) => void)[] = []
  #now = 0 as Instant

  /** @throws TypeError that names the place of what cannot be used */
  constructor(config: LabConfig) {
    const plan = planOf(config)
    const seed = config.seed ?? 1
    this.#epoch = config.epoch ?? EPOCH
    const pool = new FlightPool()
    const links = plan.links.map((l, i) => new Link(l, this.#heap, pool, new Random(seed, 2 * i + 1)))
    for (const [i, l] of links.entries()) {
      if (this.#links.has(l.name))
        throw new TypeError(`lab: links[${i}]: a second link is called '${l.name}': give it a name`)
      this.#links.set(l.name, l)
    }
    const ports = portsOf(plan.links)
    const shared: Shared = {
      heap: this.#heap,
      arrival: { ...BLANK, bytes: new Uint8Array(0) },
      slot: { bytes: new Uint8Array(ROOM), at: 0, limit: ROOM, end: 0, family: undefined, port: 0, tag: 0 },
      event: (node, e) => {
        for (const w of this.#watchers) w(node, e)
      },
    }
    for (const [i, n] of plan.nodes.entries()) {
      const own = ports.get(n.name) ?? []
      const node = new LabNode(
        n,
        this.#configOf(
          n,
          own.map((p) => p.port),
          new Random(seed, 2 * i),
        ),
        shared,
      )
      for (const p of own) node.plug(p.port.index, links[p.link]!)
      this.#nodes.set(n.name, node)
    }
    for (const n of this.#nodes.values()) n.start(this.#now)
  }

  /** Virtual milliseconds since the start. */
  get now(): Instant {
    return this.#now
  }

  /** @throws TypeError where there is none of that name */
  node(name: string): LabNode {
    const found = this.#nodes.get(name)
    if (found === undefined) throw new TypeError(`lab: there is no node '${name}'`)
    return found
  }

  get nodes(): readonly LabNode[] {
    return [...this.#nodes.values()]
  }

  /** By its name: `a-b` where it was given none. @throws TypeError where there is none of that name */
  link(name: string): Link {
    const found = this.#links.get(name)
    if (found === undefined) throw new TypeError(`lab: there is no link '${name}'`)
    return found
  }

  get links(): readonly Link[] {
    return [...this.#links.values()]
  }

  /** Everything that happens until then, happens; then it is `until`. */
  run(until: number): void {
    for (let h = this.#heap.take(until); h !== undefined; h = this.#heap.take(until)) {
      this.#now = Math.max(this.#now, h.due) as Instant
      h.happen(this.#now)
    }
    this.#now = Math.max(this.#now, until) as Instant
  }

  /** Shows every packet that enters the link, and what becomes of it. Bytes are on loan. */
  tap(link: string, see: (p: Passing) => void): void {
    this.link(link).taps.push(see)
  }

  /** Shows the changes of state of all nodes. */
  watch(see: (node: string, e: StackEvent) => void): void {
    this.#watchers.push(see)
  }

  /** Nanoseconds since 1970. */
  wall(at: Instant): bigint {
    return this.#epoch + BigInt(Math.round(at * 1e6))
  }

  #configOf(n: NodePlan, ports: readonly PortConfig[], random: Random) {
    const offset = BigInt(Math.round((n.clockOffset ?? 0) * 1e6))
    return {
      role: n.kind,
      ports,
      random: () => random.fraction(),
      wall: (at: Instant) => this.wall(at) + offset,
      ip4: n.ip4 ?? {},
      ip6: n.ip6 ?? {},
    }
  }
}

/** The ports of each node, eth0 first, in the order of the links. */
function portsOf(links: readonly LinkPlan[]): Map<string, { port: PortConfig; link: number }[]> {
  const ports = new Map<string, { port: PortConfig; link: number }[]>()
  let made = 0
  for (const [link, l] of links.entries()) {
    for (const end of l.ends) {
      const own = ports.get(end.node) ?? []
      const index = own.length + 1
      const n = ++made
      const mac = l.medium === 'ip' ? new Uint8Array(0) : Uint8Array.of(2, 0, n >>> 24, n >>> 16, n >>> 8, n)
      const port = { index, name: `eth${index - 1}`, medium: l.medium, mac, mtu: l.mtu, addresses: end.addresses }
      own.push({ port, link })
      ports.set(end.node, own)
    }
  }
  return ports
}

/** 2026-01-01T00:00:00Z. */
const EPOCH = 1_767_225_600_000_000_000n
/** The largest IP packet and the headers of its link. */
const ROOM = 65_536 + 64
const BLANK = {
  at: 0,
  end: 0,
  length: 0,
  origin: 'wire',
  link: 'host',
  checksum: 'unknown',
  stamp: 0 as Instant,
  clock: 'virtual',
  port: 0,
} as const
