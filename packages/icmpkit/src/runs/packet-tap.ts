/** A look at every packet on its way between a ping machine and its doors: what a capture file is made of. */
import type { Clock, Instant } from '../clock.ts'
import type { Arrival, Machine, Slot } from '../door.ts'
import type { PingEventOut } from '../probe/outbox.ts'
import type { PingMachine } from '../probe/ping-machine.ts'

export interface PacketSeen {
  direction: 'in' | 'out'
  /** From the IP header at `at`, on loan until the call returns. */
  bytes: Uint8Array
  at: number
  end: number
  /** Octets on the wire. */
  length: number
  /** Nanoseconds since 1970. */
  time: bigint
  /** The door made the IP header from what the kernel told beside the packet. */
  rebuilt: boolean
  port: number
}

/** Shows every packet to `see` on its way between a machine and its doors. */
export class PacketTap implements Machine<PingEventOut> {
  readonly #m: PingMachine
  readonly #clock: Clock
  readonly #see: (p: PacketSeen) => void

  constructor(m: PingMachine, clock: Clock, see: (p: PacketSeen) => void) {
    this.#m = m
    this.#clock = clock
    this.#see = see
  }

  handlePacket(now: Instant, a: Arrival): boolean {
    this.#see({
      direction: 'in',
      bytes: a.bytes,
      at: a.at,
      end: a.end,
      length: a.length,
      time: this.#clock.wall(a.stamp),
      rebuilt: a.origin !== 'wire',
      port: a.port,
    })
    return this.#m.handlePacket(now, a)
  }

  pollTransmit(now: Instant, slot: Slot): boolean {
    if (!this.#m.pollTransmit(now, slot)) return false
    this.#see({
      direction: 'out',
      bytes: slot.bytes,
      at: slot.at,
      end: slot.end,
      length: slot.end - slot.at,
      time: this.#clock.wall(now),
      rebuilt: true,
      port: slot.port,
    })
    return true
  }

  handleSent: PingMachine['handleSent'] = (...a) => this.#m.handleSent(...a)
  handleUnsent: PingMachine['handleUnsent'] = (...a) => this.#m.handleUnsent(...a)
  handleTimeout: PingMachine['handleTimeout'] = (now) => this.#m.handleTimeout(now)
  pollEvent: PingMachine['pollEvent'] = () => this.#m.pollEvent()
  pollTimeout: PingMachine['pollTimeout'] = () => this.#m.pollTimeout()
}
