/**
 * A door that sees every IP packet that comes to a node and leaves it, as a packet socket does, and sends whole packets by
 * the node's routes, as a raw socket does: what a notifier on a real server gets of two doors.
 */
import type { Instant } from '../clock.ts'
import type { Arrival, Door, DoorLoss, Machine } from '../door.ts'
import type { Port } from '../stack/port.ts'
import type { Behaviour, Packet } from './behaviour.ts'
import { Departures, type Sender } from './departures.ts'
import type { Flight, FlightPool } from './flight.ts'
import { endOf, ipAt } from './frame-view.ts'
import type { LabNode } from './lab-node.ts'
import type { VirtualClock } from './virtual-clock.ts'

export class LabFlowDoor implements Door, Behaviour {
  readonly name = 'lab'
  readonly medium = 'ip'
  readonly family = undefined
  readonly mtu = 65_535
  readonly echoId = undefined
  readonly cannot: readonly string[] = []
  readonly loss: DoorLoss = { queueOverflow: 0, stampGaps: 0, shortWrites: 0 }
  #open = true
  readonly #clock: VirtualClock
  readonly #pool: FlightPool
  readonly #departures: Departures
  readonly #queue: { flight: Flight; port: number; stamp: Instant; link: Arrival['link'] }[] = []

  constructor(lab: LabNode, clock: VirtualClock, pool: FlightPool) {
    this.#clock = clock
    this.#pool = pool
    this.#departures = new Departures(lab, CHUNK)
    clock.hold(this)
  }

  get open(): boolean {
    return this.#open
  }

  /** Packets that nobody has taken yet. */
  get waiting(): number {
    return this.#queue.length
  }

  comes(now: Instant, p: Packet, port: Port): boolean {
    this.#put(now, p, port, port.medium === 'ip' || (p.bytes[p.at]! & 1) === 0 ? 'host' : 'multicast')
    return true
  }

  leaves(now: Instant, p: Packet, port: Port): boolean {
    this.#put(now, p, port, 'other')
    return true
  }

  send(now: Instant, m: Sender): boolean {
    return this.#open && this.#departures.send(now, m)
  }

  receive(now: Instant, m: Pick<Machine<unknown>, 'handlePacket'>, limit: number): number {
    const batch = this.#queue.splice(0, limit)
    for (const { flight, port, stamp, link } of batch) {
      const { bytes, end } = flight
      m.handlePacket(now, { ...SEEN, bytes, end, length: end, link, stamp, port })
      this.#pool.give(flight)
    }
    return batch.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false
    for (const { flight } of this.#queue.splice(0)) this.#pool.give(flight)
    this.#clock.leave([this])
  }

  #put(now: Instant, { bytes, at, end: last }: Packet, port: Port, link: Arrival['link']): void {
    const ip = this.#open ? ipAt(port.medium, bytes, at, last) : -1
    if (ip < 0) return
    if (this.#queue.length >= QUEUE) {
      this.loss.queueOverflow++
      return
    }
    const end = endOf(bytes, ip, last)
    const flight = this.#pool.take(end - ip)
    flight.bytes.set(bytes.subarray(ip, end))
    flight.end = end - ip
    this.#queue.push({ flight, port: port.index, stamp: now, link })
  }
}

const SEEN = { at: 0, origin: 'wire', checksum: 'unknown', clock: 'virtual' } as const
/** Packets between two visits to the queues of the node's ports. */
const CHUNK = 64
/** Packets that wait to be taken. */
const QUEUE = 8192
