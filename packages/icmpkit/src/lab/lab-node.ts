/** A node of the network: a stack node, its ports at the ends of links, its timers in the network's heap. */
import type { Instant } from '../clock.ts'
import type { Arrival, Slot } from '../door.ts'
import type { StackEvent } from '../stack/event.ts'
import { Node, type NodeConfig } from '../stack/node.ts'
import { release } from '../stack/packet-queue.ts'
import type { Port } from '../stack/port.ts'
import type { Behaviour, Packet } from './behaviour.ts'
import type { EventHeap, Happening } from './event-heap.ts'
import type { Flight, FlightPool } from './flight.ts'
import { LabFlowDoor } from './flow-door.ts'
import { LabDoor } from './lab-door.ts'
import type { Link } from './link.ts'
import type { LinkEnd, Owner } from './link-end.ts'
import type { NodePlan } from './topology.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What the nodes of one network share: nothing of it is kept while a packet is handled. */
export interface Shared {
  readonly heap: EventHeap
  readonly arrival: Arrival
  readonly slot: Slot
  readonly clock: VirtualClock
  readonly pool: FlightPool
  event(node: string, e: StackEvent): void
  /** Somebody wants to know what behaviours take. */
  taken: ((t: Taken) => void) | undefined
}

/** A behaviour took a packet that came for a port, or was to leave by it; `bytes` is on loan until the call returns. */
export interface Taken {
  time: Instant
  node: string
  link: Link
  bytes: Uint8Array
  at: number
  end: number
  /** `black hole: icmp`, `silent: errors`. */
  why: string
}

/** Whoever stands at a node's ports in its stead; what it sends it injects. */
export interface Stand {
  /** What arrives at the port `index`, on loan until the call returns. */
  receive(now: Instant, index: number, bytes: Uint8Array, at: number, end: number): void
  /** Carrier or MTU of a port changed. */
  changePort(now: Instant, index: number, change: { up?: boolean; mtu?: number }): void
}

/** A node of the network; `node` is what the stack knows it as. */
export class LabNode implements Happening, Owner {
  place = -1
  readonly node: Node
  readonly #shared: Shared
  #behaviours: readonly Behaviour[] | undefined = undefined
  #stand: Stand | undefined = undefined
  #up = true
  /** By port index - 1. */
  readonly #ends: LinkEnd[]
  readonly kind: 'host' | 'gateway'
  readonly name: string
  readonly index: number

  constructor(plan: NodePlan, index: number, config: NodeConfig, shared: Shared) {
    this.name = plan.name
    this.index = index
    this.kind = plan.kind
    this.node = new Node(config)
    this.#shared = shared
    this.#ends = new Array(config.ports.length)
  }

  /** Its port is joined to a link. */
  plug(end: LinkEnd): void {
    this.#ends[end.port.index - 1] = end
    end.port.line = end
  }

  /** What it does beside what a node of the stack does, in that order for what comes in; the other way round for what leaves. */
  behave(behaviours: readonly Behaviour[]): void {
    this.#behaviours = behaviours.length === 0 ? undefined : behaviours
    this.#shorten()
  }

  /** Where the port leads. */
  linkAt(index: number): Link {
    return this.#ends[index - 1]!.link
  }

  get up(): boolean {
    return this.#up
  }

  /** Down it neither receives nor sends and its timers wait, as if it hung; its links stay up. */
  turn(now: Instant, up: boolean): void {
    if (up === this.#up) return
    this.#up = up
    this.#shorten()
    this.#wakes(now)
  }

  start(now: Instant): void {
    this.node.start(now)
    this.settle(now)
  }

  /** A way to ask from inside this node, as a raw socket is. An open door that nobody waits for holds the lab's clock. */
  door(): LabDoor {
    return new LabDoor(this, this.#shared.clock, this.#shared.pool)
  }

  /** A door that sees all IP packets that come to this node and leave it as well. It holds the lab's clock as `door` does. */
  flowDoor(): LabFlowDoor {
    const door = new LabFlowDoor(this, this.#shared.clock, this.#shared.pool)
    this.#behaviours = [door, ...(this.#behaviours ?? [])]
    this.#shorten()
    return door
  }

  /** From now on somebody else is this node: its own stack neither hears nor says anything any more. */
  replace(now: Instant, stand: Stand): void {
    this.#stand = stand
    this.#shorten()
    this.#wakes(now)
  }

  /** Carrier or MTU of a port changed. */
  changePort(now: Instant, index: number, change: { up?: boolean; mtu?: number }): void {
    this.node.changePort(now, index, change)
    this.#stand?.changePort(now, index, change)
    this.settle(now)
  }

  /** A timer of the node is due. */
  happen(now: Instant): void {
    this.node.handleTimeout(now)
    this.#wakes(now)
  }

  /** Puts octets on the wire at a port, as if the node had sent them: a frame on Ethernet, else a packet. */
  inject(now: Instant, index: number, bytes: Uint8Array, at = 0, end: number = bytes.length): void {
    this.#ends[index - 1]!.send(now, bytes, at, end)
  }

  /** Sends what the node has queued, tells its events, and notes when it is to be woken. Behind every call into it. */
  settle(now: Instant): void {
    const { node } = this
    for (let port = node.takeWaiting(); port !== undefined; port = node.takeWaiting()) {
      if (this.#stand !== undefined || !this.#up) port.queue.clear()
      else if (this.#behaviours === undefined) this.#send(now, port)
      else this.#sendAsItBehaves(now, port)
    }
    if (this.#up) for (let e = node.pollEvent(); e !== undefined; e = node.pollEvent()) this.#shared.event(this.name, e)
    if (!node.changes.toSettle) return
    node.changes.toSettle = false
    const { heap } = this.#shared
    const sleeps = !this.#up || this.#stand !== undefined
    const next = (sleeps ? undefined : node.pollTimeout()) ?? Number.POSITIVE_INFINITY
    if (next === Number.POSITIVE_INFINITY) heap.remove(this)
    else if (heap.dueOf(this) !== next) heap.set(this, Math.max(next, now))
  }

  /** Settles, and notes when it is to be woken whether or not that is another moment. */
  #wakes(now: Instant): void {
    this.node.changes.toSettle = true
    this.settle(now)
  }

  /** Frames go past it where it forwards them, and nothing else is done with them. */
  #shorten(): void {
    const isShort = this.#up && this.#stand === undefined && this.#behaviours === undefined
    const forwarder = isShort ? this.node.ip4.forwarder : undefined
    for (const end of this.#ends) if (end !== undefined) end.forwarder = forwarder
  }

  #send(now: Instant, { index, queue }: Port): void {
    const from = this.#ends[index - 1]!
    for (let p = queue.take(); p !== undefined; p = queue.take()) {
      from.sendWaiting(now, p)
      release(p)
    }
  }

  #sendAsItBehaves(now: Instant, port: Port): void {
    const { slot } = this.#shared
    slot.port = port.index
    while (this.node.pollTransmit(now, slot))
      if (this.#mayLeave(now, slot, port)) this.inject(now, port.index, slot.bytes, slot.at, slot.end)
  }

  receive(now: Instant, flight: Flight, end: LinkEnd): void {
    const a = this.#shared.arrival
    const { port } = end
    if (!this.#up) return
    if (this.#stand !== undefined) {
      this.#stand.receive(now, port.index, flight.bytes, 0, flight.end)
      return
    }
    a.bytes = flight.bytes
    a.at = 0
    a.end = flight.end
    a.length = flight.end
    a.link = port.medium === 'ip' ? 'host' : end.isFor(flight.bytes, 0)
    a.stamp = now
    a.port = port.index
    if (this.#behaviours === undefined) {
      if (this.node.handleAt(now, a, port)) end.send(now, a.bytes, a.at, a.end)
      end.forwarder ??= this.node.ip4.forwarder
    } else if (this.#mayCome(now, a, port) && this.node.handleAt(now, a, port)) this.#answer(now, a, port)
    this.settle(now)
  }

  #mayCome(now: Instant, a: Arrival, port: Port): boolean {
    if (!port.up || a.link === 'other') return true
    for (const b of this.#behaviours!) {
      if (b.comes === undefined || b.comes(now, a, port)) continue
      this.#tell(now, a, port, b.takes)
      return false
    }
    a.length = a.end - a.at
    return true
  }

  #mayLeave(now: Instant, s: Slot, port: Port): boolean {
    const all = this.#behaviours!
    for (let i = all.length - 1; i >= 0; i--) {
      const b = all[i]!
      if (b.leaves === undefined || b.leaves(now, s, port)) continue
      this.#tell(now, s, port, b.takes)
      return false
    }
    return true
  }

  #tell(time: Instant, { bytes, at, end }: Packet, port: Port, why: string | undefined): void {
    const { taken } = this.#shared
    if (taken === undefined || why === undefined) return
    taken({ time, node: this.name, link: this.#ends[port.index - 1]!.link, bytes, at, end, why })
  }

  /** What was answered in place: in the slot there is room for what a behaviour puts in front. */
  #answer(now: Instant, a: Arrival, port: Port): void {
    const { slot } = this.#shared
    slot.bytes.set(a.bytes.subarray(a.at, a.end), slot.at)
    slot.end = slot.at + a.end - a.at
    if (this.#mayLeave(now, slot, port)) this.inject(now, port.index, slot.bytes, slot.at, slot.end)
  }
}
