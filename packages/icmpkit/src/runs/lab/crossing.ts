/**
 * Where a simulated network meets a real one: the machine that keeps a lab's time with the world's, and carries packets
 * between a node's ports and the doors that stand for them. The lab does everything at its own moment and in its own
 * order; a packet for the world leaves as soon as that moment is there.
 */
import type { Instant } from '../../clock.ts'
import type { Arrival, Machine, Slot } from '../../door.ts'
import type { LabNode, Stand } from '../../lab/index.ts'

/** A port of the node, and the door that stands for it. */
export interface CrossingPort {
  /** The lab's index of it. */
  lab: number
  /** The door's. */
  door: number
  /** Longest packet that the door takes, its header included. */
  room: number
}

/** What moves on: a network, and whoever asks in it. */
export interface Pace {
  readonly now: Instant
  /** When the next thing happens; Infinity where nothing will. */
  readonly next: Instant
  run(until: number): void
}

/** A packet from the kernel whose moment the lab has not come to yet. */
interface Early {
  /** Of the lab's time. */
  moment: number
  port: number
  bytes: Uint8Array
}

export class Crossing<E> implements Machine<E>, Stand {
  readonly in: { packets: number; octets: number } = { packets: 0, octets: 0 }
  readonly out: { packets: number; octets: number; dropped: number } = { packets: 0, octets: 0, dropped: 0 }
  /** The longest that something happened after its moment, ms: how busy this process is. */
  late = 0
  /** Time that did not pass in the lab, ms: it had more to do than this machine can in real time, or the process stood still. */
  slipped = 0
  readonly #lab: Pace
  readonly #node: LabNode
  /** The moment of the world at which the lab began. */
  #began: Instant
  readonly #ports: readonly CrossingPort[]
  /** By door index: packets that wait to leave. */
  readonly #queues: Map<number, Uint8Array[]>
  /** In the order of their moments. */
  readonly #early: Early[] = []
  readonly #events: E[] = []
  #running = false
  readonly #onPort: (port: CrossingPort, change: { up?: boolean; mtu?: number }) => void

  constructor(
    lab: Pace,
    node: LabNode,
    began: Instant,
    ports: readonly CrossingPort[],
    onPort: (port: CrossingPort, change: { up?: boolean; mtu?: number }) => void,
  ) {
    this.#lab = lab
    this.#node = node
    this.#began = began
    this.#ports = ports
    this.#queues = new Map(ports.map((p) => [p.door, []]))
    this.#onPort = onPort
    node.replace(lab.now, this)
  }

  tell(e: E): void {
    this.#events.push(e)
  }

  /** From the node's neighbours. */
  receive(_now: Instant, index: number, bytes: Uint8Array, at: number, end: number): void {
    const port = this.#ports.find((p) => p.lab === index)
    const queue = port === undefined ? undefined : this.#queues.get(port.door)!
    if (queue === undefined || queue.length >= QUEUE || end - at > port!.room) this.out.dropped++
    else queue.push(bytes.slice(at, end))
  }

  changePort(_now: Instant, index: number, change: { up?: boolean; mtu?: number }): void {
    const port = this.#ports.find((p) => p.lab === index)
    if (port !== undefined) this.#onPort(port, change)
  }

  /** From the kernel. */
  handlePacket(now: Instant, a: Arrival): boolean {
    const stamp = Math.min(a.stamp, now)
    this.#run(stamp)
    const port = this.#ports.find((p) => p.door === a.port)
    if (port === undefined) return false
    const moment = stamp - this.#began
    if (moment <= this.#lab.now) {
      this.#enter(port.lab, a.bytes, a.at, a.end)
      return false
    }
    // The lab is behind. To enter now would be before it was sent: its answer would come sooner than the delays allow.
    while (this.#early.length >= QUEUE) this.#run(now)
    const after = this.#early.findLastIndex((e) => e.moment <= moment)
    this.#early.splice(after + 1, 0, { moment, port: port.lab, bytes: a.bytes.slice(a.at, a.end) })
    return false
  }

  /** A node that is down sends nothing, whoever it is. */
  #enter(port: number, bytes: Uint8Array, at: number, end: number): void {
    if (!this.#node.up) return
    this.in.packets++
    this.in.octets += end - at
    this.#node.inject(this.#lab.now, port, bytes, at, end)
  }

  handleSent(): void {}

  handleUnsent(): void {
    this.out.dropped++
  }

  handleTimeout(now: Instant): void {
    this.#run(now)
  }

  pollTransmit(_now: Instant, slot: Slot): boolean {
    const queue = this.#queues.get(slot.port)
    const packet = queue?.shift()
    if (packet === undefined) return false
    slot.bytes.set(packet, slot.at)
    slot.end = slot.at + packet.length
    this.out.packets++
    this.out.octets += packet.length
    return true
  }

  pollEvent(): E | undefined {
    return this.#events.shift()
  }

  /** Never undefined: a network without anything to do waits for the world. */
  pollTimeout(): Instant {
    return (this.#began + this.#next) as Instant
  }

  /** Everything that is due has happened. */
  catchUp(now: Instant): void {
    // Asked as `#run` does: a sum of the two moments may be rounded to what their difference is not.
    do this.#run(now)
    while (!this.#running && this.#next <= now - this.#began)
    this.#run(now)
  }

  /** When something is due: in the lab, or from the kernel. */
  get #next(): number {
    return Math.min(this.#lab.next, this.#early[0]?.moment ?? Number.POSITIVE_INFINITY)
  }

  /** A slice of it where much is due, so that signals and doors have their turn however busy the lab is. */
  #run(until: number): void {
    const lab = this.#lab
    let virtual = until - this.#began
    // Something that happens in the lab asks for it: it is now there.
    if (this.#running || virtual < lab.now) return
    const due = Math.max(this.#next, lab.now)
    const behind = virtual - due
    if (behind > 0) this.late = Math.max(this.late, behind)
    if (behind > BEHIND) {
      const slip = behind - BEHIND
      this.slipped += slip
      this.#began = (this.#began + slip) as Instant
      virtual -= slip
      for (const e of this.#early) e.moment = Math.max(e.moment - slip, lab.now)
    }
    const end = behind > 0 ? Math.min(virtual, due + SLICE) : virtual
    this.#running = true
    try {
      while ((this.#early[0]?.moment ?? Number.POSITIVE_INFINITY) <= end) {
        const { moment, port, bytes } = this.#early.shift()!
        lab.run(moment)
        this.#enter(port, bytes, 0, bytes.length)
      }
      lab.run(end)
    } finally {
      this.#running = false
    }
  }
}

/** Most of the lab's time that passes in one go, ms. */
const SLICE = 10
/** A lab that is later than this, ms, runs slower than the world from then on: it would never be done otherwise. */
const BEHIND = 500
/** Packets that wait for a door; the kernel takes them at once, or drops them. */
const QUEUE = 4096
