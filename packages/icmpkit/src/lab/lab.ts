/**
 * A whole network in one process and in virtual time: nodes of the stack, links between them, chance out of a seed. Time
 * moves only in `run`, or while everybody who asks by a door waits (virtual-clock.ts).
 */
import type { Instant } from '../clock.ts'
import type { StackEvent } from '../stack/event.ts'
import type { NodeConfig } from '../stack/node.ts'
import type { PortConfig } from '../stack/port.ts'
import type { Ip4, Ip6 } from '../wire/addr.ts'
import { Tunnels } from './behaviour-tunnel.ts'
import { behavioursOf } from './behaviours.ts'
import type { Happening } from './event-heap.ts'
import { FlightPool } from './flight.ts'
import { givenRoutes } from './given-routes.ts'
import { happen, readRoutes } from './happen.ts'
import { LabNode, type Shared, type Stand, type Taken } from './lab-node.ts'
import { type PlannedEnd, portsOf } from './layout.ts'
import { Link, type LinkShared, type Passing } from './link.ts'
import { MadeRoutes } from './made-routes.ts'
import { Random } from './random.ts'
import { type Served, Servers } from './server.ts'
import { Timeline } from './timeline.ts'
import { type ChangeData, type LabConfig, type LinkChange, type NodePlan, type Plan, planOf } from './topology.ts'
import { type Vantage, vantage } from './vantage.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Makes a network out of data; time stands at 0. @throws TypeError that names the place of what cannot be used */
export function lab(config: LabConfig): Lab {
  return new Lab(config)
}

/** A network under way. */
export class Lab {
  /** Virtual time for machines that are driven over its doors: it moves while all of them wait. */
  readonly clock: VirtualClock
  readonly #time = new Timeline()
  readonly #nodes = new Map<string, LabNode>()
  readonly #links = new Map<string, Link>()
  /** Of the nodes that have programs. */
  readonly #servers = new Map<string, Servers>()
  /** Nodes that somebody has in hand, and may have asked to send since the last event. */
  readonly #held = new Set<LabNode>()
  readonly #routes: MadeRoutes
  /** By index of the node: it forwards now. */
  readonly #gateways: boolean[]
  readonly #tunnels: Tunnels
  readonly #shared: Shared
  readonly #watchers: ((node: string, e: StackEvent) => void)[] = []
  readonly #seed: number
  #vantages = 0
  /** The first thing that happens, where nobody wants it sooner. */
  readonly #beginning: Happening = { place: -1, happen: () => this.start() }
  #begun = false

  /** @throws TypeError that names the place of what cannot be used */
  constructor(config: LabConfig) {
    const plan = planOf(config)
    const seed = config.seed ?? 1
    this.#seed = seed
    this.clock = new VirtualClock(this.#time, config.epoch ?? EPOCH)
    const pool = new FlightPool()
    const shared: Shared = {
      heap: this.#time.heap,
      clock: this.clock,
      pool,
      arrival: { ...BLANK, bytes: new Uint8Array(0) },
      slot: { bytes: new Uint8Array(ROOM), at: 0, limit: ROOM, end: 0, family: undefined, port: 0, tag: 0 },
      event: teller(this.#watchers),
      taken: undefined,
    }
    this.#shared = shared
    const { ports, ends } = portsOf(plan)
    for (const [i, c] of plan.changes.entries()) {
      for (const [name, routes] of Object.entries(c.routes ?? {}))
        readRoutes(name, routes, ports[plan.nodes.findIndex((n) => n.name === name)]!, `lab: at[${i}].routes.${name}`)
    }
    this.#tunnels = new Tunnels(plan)
    const options = config.probe === true ? PROBED : AT_ONCE
    const wall = wallOf(this.clock, 0n)
    for (const [i, n] of plan.nodes.entries()) {
      const stack = this.#configOf(n, ports[i]!, chanceOf(new Random(seed, 2 * i)), wall, options)
      const node = new LabNode(n, i, stack, shared)
      this.#nodes.set(n.name, node)
      if (n.udp !== undefined || n.tcp !== undefined) this.serve(n.name, n)
    }
    const nodes = [...this.#nodes.values()]
    const arrivals = new Float64Array(ports.reduce((sum, own) => sum + own.length, 0))
    const links = linksOf(plan, ends, nodes, { heap: this.#time.heap, pool, seed, arrivals })
    for (const l of links) this.#links.set(l.name, l)
    this.#gateways = plan.nodes.map((n) => n.kind === 'gateway' && n.up !== false)
    this.#routes = new MadeRoutes(links, this.#gateways, ends)
    for (const [i, n] of plan.nodes.entries()) {
      const node = nodes[i]!
      if (n.makeRoutes !== false) this.#makeRoutes(node)
      const labels = this.#tunnels.of(n.name, finder(this.#nodes))
      if (n.behaviours !== undefined || labels !== undefined) node.behave(behavioursOf(n, node, labels))
    }
    for (const n of plan.nodes) if (n.up === false) this.#nodes.get(n.name)!.turn(this.now, false)
    this.#time.heap.set(this.#beginning, 0)
    for (const c of plan.changes) this.at(c.time, changer(this, c))
  }

  /** Virtual milliseconds since the start. */
  get now(): Instant {
    return this.#time.now
  }

  /** When the next thing happens; Infinity where nothing will. */
  get next(): Instant {
    return this.#time.heap.next as Instant
  }

  /**
   * The nodes begin: addresses are taken, groups joined. By itself when a node is taken in hand or time moves, so whoever
   * taps and watches before sees all that is ever sent.
   */
  start(): void {
    if (this.#begun) return
    this.#begun = true
    this.#time.heap.remove(this.#beginning)
    for (const n of this.#nodes.values()) n.start(this.now)
  }

  /** It begins, where it has not. @throws TypeError where there is none of that name */
  node(name: string): LabNode {
    const found = this.#named(name)
    this.start()
    this.#held.add(found)
    return found
  }

  /** Is there a node of that name? */
  has(node: string): boolean {
    return this.#nodes.has(node)
  }

  /** For one run that asks from inside that node: `ping('srv', { over: net.from('me') })`. @throws TypeError where there is none */
  from(node: string): Vantage {
    return vantage(this, node, new Random(this.#seed, VANTAGE + this.#vantages++))
  }

  /** How many nodes it has. */
  get size(): number {
    return this.#nodes.size
  }

  /** Those of its nodes. */
  names(): string[] {
    return [...this.#nodes.keys()]
  }

  kindOf(node: string): 'host' | 'gateway' | undefined {
    return this.#nodes.get(node)?.kind
  }

  get nodes(): readonly LabNode[] {
    this.start()
    for (const n of this.#nodes.values()) this.#held.add(n)
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

  /** Everything that happens until then, happens; then it is `until`. Whoever waits on the clock goes on afterwards. */
  run(until: number): void {
    this.start()
    for (const n of this.#held) n.settle(this.now)
    this.#time.run(until)
    this.clock.moved()
  }

  /** Calls `run` at that moment of virtual time: `net.at(2000, () => net.change('r1-r2', { up: false }))`. */
  at(time: number, run: () => void): void {
    this.#time.heap.set({ place: -1, happen: run }, Math.max(time, this.now))
  }

  /** From now on somebody else is that node; where that is before it all begins, its own stack never says a word. @throws TypeError where there is none */
  replace(node: string, stand: Stand): void {
    this.#named(node).replace(this.now, stand)
  }

  /** Changes a link from now on: what it does to packets, its MTU, whether it is up. */
  change(link: string, to: LinkChange): void {
    const l = this.link(link)
    const was = l.up
    l.change(to)
    if (l.up !== was) this.#reroute()
    if (l.up === was && to.mtu === undefined) return
    const change = { up: l.up, ...(to.mtu === undefined ? {} : { mtu: to.mtu }) }
    for (const e of l.ends) this.node(e.node).changePort(this.now, e.port.index, change)
  }

  /** A node goes down, which hangs then (its links stay up, its state stays), or comes up. Gateways find ways around it. */
  turn(node: string, to: 'up' | 'down'): void {
    const n = this.node(node)
    n.turn(this.now, to === 'up')
    if (n.kind !== 'gateway') return
    this.#gateways[n.index] = to === 'up'
    this.#reroute()
  }

  /** The ports at which programs of the node answer from now on, in place of those before; `{ udp: [] }`: none. @throws TypeError where there is no such node */
  serve(node: string, ports: Served): void {
    const servers = this.#servers.get(node) ?? new Servers(this.#named(node).node)
    this.#servers.set(node, servers)
    servers.serve(ports)
  }

  /** Shows every packet that enters the link, and what becomes of it. Bytes are on loan. */
  tap(link: string, see: (p: Passing) => void): void {
    this.link(link).tap(see)
  }

  /** Shows the changes of state of all nodes. */
  watch(see: (node: string, e: StackEvent) => void): void {
    this.#watchers.push(see)
  }

  /** Shows what behaviours of nodes take: black holes, firewalls, silence. Bytes are on loan. */
  watchTaken(see: (t: Taken) => void): void {
    const { taken } = this.#shared
    this.#shared.taken = (t) => {
      taken?.(t)
      see(t)
    }
  }

  #named(node: string): LabNode {
    const found = this.#nodes.get(node)
    if (found === undefined) throw new TypeError(`lab: there is no node '${node}'`)
    return found
  }

  #reroute(): void {
    this.#routes.changed()
    for (const { node } of this.#nodes.values()) {
      node.ip4.routes.version++
      node.ip6.routes.version++
    }
  }

  /** Shortest paths at a gateway, a default route at a host. */
  #makeRoutes({ kind, index, node: { ip4, ip6 } }: LabNode): void {
    if (kind === 'gateway') {
      ip4.routes.made = this.#routes.of<Ip4>(index)
      ip6.routes.made = this.#routes.of<Ip6>(index)
      return
    }
    const default4 = this.#routes.defaultOf<Ip4>(index, 4)
    const default6 = this.#routes.defaultOf<Ip6>(index, 6)
    if (default4 !== undefined) ip4.routes.add(default4)
    if (default6 !== undefined) ip6.routes.add(default6)
  }

  #configOf(
    n: NodePlan,
    ports: readonly PortConfig[],
    random: () => number,
    wall: (at: Instant) => bigint,
    options: Options,
  ): NodeConfig {
    const offset = BigInt(Math.round((n.clockOffset ?? 0) * 1e6))
    const extensions = this.#tunnels.has(n.name) ? this.#tunnels.extensions(n.errorExtensions) : n.errorExtensions
    return {
      role: n.kind,
      ports,
      random,
      wall: offset === 0n ? wall : wallOf(this.clock, offset),
      ...(extensions === undefined ? {} : { errorExtensions: extensions }),
      ...(n.extendedEcho === undefined ? {} : { extendedEcho: n.extendedEcho }),
      ...settingsOf(n, ports, options),
    }
  }
}

type Options = Required<Pick<NodeConfig, 'ip4' | 'ip6'>>

// What a function refers to lives as long as the function, and all functions of one scope share what any of them refers
// to: those that last are made here, where the network's data is not in sight, or it would never be let go.

function teller(watchers: readonly ((node: string, e: StackEvent) => void)[]): Shared['event'] {
  return (node, e) => {
    for (const see of watchers) see(node, e)
  }
}

function chanceOf(random: Random): () => number {
  return () => random.fraction()
}

function wallOf(clock: VirtualClock, offset: bigint): (at: Instant) => bigint {
  return (at) => clock.wall(at) + offset
}

function finder(nodes: ReadonlyMap<string, LabNode>): (name: string) => LabNode {
  return (name) => nodes.get(name)!
}

function changer(net: Lab, c: ChangeData): () => void {
  return () => happen(net, c)
}

function settingsOf(n: NodePlan, ports: readonly PortConfig[], options: Options): Options {
  const { rateLimit } = n.behaviours ?? {}
  if (rateLimit === undefined && n.routes === undefined && n.ip4 === undefined && n.ip6 === undefined) return options
  const limit = rateLimit === undefined ? undefined : { rate: rateLimit.rate, burst: rateLimit.burst ?? 1 }
  const routes = givenRoutes(n, ports)
  return {
    ip4: {
      ...options.ip4,
      ...(limit === undefined ? {} : { errorLimit: limit, errorLimitPerSource: limit }),
      ...n.ip4,
      routes: [...(n.ip4?.routes ?? []), ...routes.ip4],
    },
    ip6: {
      ...options.ip6,
      ...(limit === undefined ? {} : { errorLimit: limit }),
      ...n.ip6,
      routes: [...(n.ip6?.routes ?? []), ...routes.ip6],
    },
  }
}

/** The links, each joined to the ports at its ends, in the order of the nodes. */
function linksOf(
  plan: Plan,
  ends: readonly (readonly PlannedEnd[])[],
  nodes: readonly LabNode[],
  shared: LinkShared,
): Link[] {
  let first = 0
  return plan.links.map((l, i) => {
    const byNode = ends[i]!.toSorted((a, b) => a.at - b.at)
    const joined = byNode.map((e) => ({ owner: nodes[e.at]!, port: nodes[e.at]!.node.ports.get(e.port.index)! }))
    const link = new Link(l, i, first, joined, shared)
    first += joined.length
    for (const [end, { owner }] of joined.entries()) owner.plug(link.ends[end]!)
    return link
  })
}

/** Nodes of which nothing is said share their settings. Addresses are probed for before they are used … */
const PROBED: Options = { ip4: {}, ip6: {} }
/** … or in use from the first moment on, nobody asked whether somebody has them. */
const AT_ONCE = { ip4: { arpProbe: { count: 0, announcements: 0 } }, ip6: { dadTransmits: 0 } } as const

/** Streams of chance behind those of nodes and links, and of what a scenario asks. */
const VANTAGE = 0x6000_0000

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
