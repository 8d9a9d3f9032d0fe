/** The way out of a door of the lab: what its machine has to send, a batch at a time, by the routes of the node. */
import type { Instant } from '../clock.ts'
import type { Machine, Slot } from '../door.ts'
import type { LabNode } from './lab-node.ts'
import { Outlet } from './outlet.ts'

export type Sender = Pick<Machine<unknown>, 'pollTransmit' | 'handleSent' | 'handleUnsent'>

export class Departures {
  readonly outlet: Outlet
  readonly #lab: LabNode
  readonly #slot: Slot = { bytes: NOTHING, at: 0, limit: 0, end: 0, family: undefined, port: 0, tag: 0 }
  readonly #chunk: number

  /** @param chunk packets between two visits to the queues of the node's ports, which hold less than a batch */
  constructor(lab: LabNode, chunk: number = Number.POSITIVE_INFINITY) {
    this.#lab = lab
    this.#chunk = chunk
    this.outlet = new Outlet(lab.node)
  }

  /** True: there may be more, and the door is full for a moment. `leaving` sees each packet before it leaves. */
  send(now: Instant, m: Sender, leaving?: (slot: Slot) => void): boolean {
    const slot = this.#slot
    if (slot.bytes.length === 0) {
      slot.bytes = new Uint8Array(ROOM)
      slot.limit = ROOM
    }
    let room = BATCH
    for (; room > 0; room--) {
      slot.port = 0
      slot.tag = 0
      slot.end = 0
      if (!m.pollTransmit(now, slot)) break
      leaving?.(slot)
      if (room % this.#chunk === 0) this.#lab.settle(now)
      const why = this.outlet.send(now, slot.bytes, slot.at, slot.end, slot.port)
      if (slot.tag === 0) continue
      if (why === 'sent') m.handleSent(now, slot.tag, now, 'virtual')
      else m.handleUnsent(now, slot.tag, why, why === 'too-big' ? this.outlet.mtu : 0)
    }
    this.#lab.settle(now)
    return room === 0
  }
}

const NOTHING = new Uint8Array(0)
/** Packets in a batch; a door that has sent so many is full for a moment, so that a flood takes time. */
const BATCH = 1024
/** The largest IP packet, and room for a machine that writes past it. */
const ROOM = 66_000
