/**
 * A door into a node of the lab, as a raw socket is one into a host: whole IP packets go out by the node's routes, and
 * every ICMP message for the node comes in, errors about what was sent among them.
 *
 * A source, an identification and checksums that are zero or stand for "yours to choose" are filled in, as Linux does for
 * raw sockets with a header of their own, and the sender's place in options that record; all else leaves as it is.
 */
import type { Instant } from '../clock.ts'
import type { Arrival, Door, DoorLoss, Machine, Slot } from '../door.ts'
import type { Node } from '../stack/node.ts'
import type { Delivery, HeardError, LocalError, RawListener } from '../stack/transport/transport.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import { LIMIT } from '../wire/original-datagram.ts'
import type { Quote } from '../wire/quote.ts'
import { Departures, type Sender } from './departures.ts'
import type { Flight, FlightPool } from './flight.ts'
import type { LabNode } from './lab-node.ts'
import { icmpAt } from './outlet.ts'
import type { VirtualClock } from './virtual-clock.ts'

type Receiver = Pick<Machine<unknown>, 'handlePacket' | 'handleSent' | 'handleUnsent'>

/** A way to ask from inside a node of the lab; `LabNode.door` makes it. */
export class LabDoor implements Door, RawListener {
  readonly name = 'lab'
  readonly medium = 'ip'
  readonly family = undefined
  readonly mtu = 65_535
  readonly echoId = undefined
  readonly cannot: readonly string[] = [
    'the path MTU that the host has learnt: who is too long hears it from the router each time',
  ]
  readonly loss: DoorLoss = { queueOverflow: 0, stampGaps: 0, shortWrites: 0 }
  #open = true
  readonly #lab: LabNode
  readonly #node: Node
  readonly #clock: VirtualClock
  readonly #pool: FlightPool
  readonly #departures: Departures
  /** Identifiers that left by this door, a bit each: whose quotes are believed (RFC 5927 §4). */
  #identifiers: Uint8Array | undefined
  #queue: { flight: Flight; port: number; stamp: Instant; rebuilt: boolean }[] = []
  readonly #arrival: Arrival = {
    bytes: new Uint8Array(0),
    at: 0,
    end: 0,
    length: 0,
    origin: 'wire',
    link: 'host',
    checksum: 'unknown',
    stamp: 0 as Instant,
    clock: 'virtual',
    port: 0,
  }

  constructor(lab: LabNode, clock: VirtualClock, pool: FlightPool) {
    this.#lab = lab
    this.#node = lab.node
    this.#clock = clock
    this.#pool = pool
    this.#departures = new Departures(lab)
    this.#node.transport.raw.add(this)
    clock.hold(this)
  }

  get open(): boolean {
    return this.#open
  }

  /** Packets that came in and nobody has taken yet. */
  get waiting(): number {
    return this.#queue.length
  }

  send(now: Instant, m: Sender): boolean {
    return this.#open && this.#departures.send(now, m, this.#learn)
  }

  receive(now: Instant, m: Receiver, limit: number): number {
    const a = this.#arrival
    const batch = this.#queue.splice(0, limit)
    for (const { flight, port, stamp, rebuilt } of batch) {
      a.bytes = flight.bytes
      a.at = 0
      a.end = flight.end
      a.length = flight.end
      a.origin = rebuilt ? 'rebuilt' : 'wire'
      a.stamp = stamp
      a.port = port
      if (m.handlePacket(now, a)) this.#departures.outlet.send(now, a.bytes, a.at, a.end, port)
      this.#pool.give(flight)
    }
    if (batch.length > 0) this.#lab.settle(now)
    return batch.length
  }

  keepWhole(): void {
    this.#departures.outlet.whole = true
  }

  message(now: Instant, d: Delivery): void {
    this.#put(now, d.bytes, d.ip, d.end, d.port, false)
  }

  owns(e: HeardError): boolean {
    return this.#isOurs(e.quote)
  }

  /** The next hop does not answer: the host tells itself that it is unreachable, as Linux does. */
  failed(now: Instant, e: LocalError): void {
    if (e.octets === undefined || !this.#isOurs(e.quote)) return
    const packet = ownUnreachable(e.quote, e.octets)
    this.#put(now, packet, 0, packet.length, 0, true)
  }

  #isOurs({ transport }: Quote): boolean {
    const id = transport.kind === 'icmp4' || transport.kind === 'icmp6' ? transport.id : undefined
    if (id === undefined) return false
    return ((this.#identifiers?.[id >>> 3] ?? 0) & (1 << (id & 7))) !== 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false
    this.#node.transport.raw.delete(this)
    for (const { flight } of this.#queue.splice(0)) this.#pool.give(flight)
    this.#clock.leave([this])
  }

  #put(now: Instant, bytes: Uint8Array, at: number, end: number, port: number, rebuilt: boolean): void {
    if (this.#queue.length >= QUEUE) {
      this.loss.queueOverflow++
      return
    }
    const flight = this.#pool.take(end - at)
    flight.bytes.set(bytes.subarray(at, end))
    flight.end = end - at
    this.#queue.push({ flight, port, stamp: now, rebuilt })
  }

  readonly #learn = ({ bytes, at, end }: Slot): void => {
    const icmp = icmpAt(bytes, at, end)
    if (icmp < 0) return
    this.#identifiers ??= new Uint8Array(8192)
    const id = (bytes[icmp + 4]! << 8) | bytes[icmp + 5]!
    this.#identifiers[id >>> 3]! |= 1 << (id & 7)
  }
}

/** "Host unreachable", "address unreachable", from the sender of the datagram to itself. */
function ownUnreachable({ ip }: Quote, datagram: Uint8Array): Uint8Array {
  const four = ip.kind === 'ip4'
  const quote = datagram.subarray(0, LIMIT[four ? 4 : 6] - (four ? ip4.HEADER : ip6.HEADER) - ICMP)
  const unreachable = { kind: 'unreachable', quote, extensions: undefined } as const
  const octets = ICMP + quote.length
  const packet = new Uint8Array((four ? ip4.HEADER : ip6.HEADER) + octets)
  if (four) {
    const at = ip4.write({ src: ip.src, dst: ip.src, protocol: icmp4.PROTOCOL }, packet, 0, octets)
    icmp4.write({ ...unreachable, code: 1, nextHopMtu: 0 }, packet, at)
  } else {
    const at = ip6.write({ src: ip.src, dst: ip.src, protocol: icmp6.PROTOCOL }, packet, 0, octets)
    icmp6.write({ ...unreachable, code: 3 }, packet, at, ip.src, ip.src)
  }
  return packet
}

/** Octets in front of the quote. */
const ICMP = 8
/** Packets that wait to be taken. */
const QUEUE = 4096
