/** A black hole, of a link or of a node: what it swallows nobody hears of. The link's own upkeep passes. */
import type { Instant } from '../clock.ts'
import type { Node } from '../stack/node.ts'
import type { Port } from '../stack/port.ts'
import { type Behaviour, crosses, endsHere, type Packet } from './behaviour.ts'
import { ipAt, isIcmp, isLinkUpkeep, lengthOf } from './frame-view.ts'
import type { BlackHole } from './topology.ts'

/** Is the IP packet at `ip…end` swallowed? */
export function swallows(hole: BlackHole, bytes: Uint8Array, ip: number, end: number): boolean {
  if (hole === 'none') return false
  if (typeof hole === 'object') return lengthOf(bytes, ip) > hole.above
  if (hole === 'icmp' && !isIcmp(bytes, ip, end)) return false
  return !isLinkUpkeep(bytes, ip, end)
}

/** A node that swallows what crosses it; it is well itself, and answers. */
export class BlackHoleAt implements Behaviour {
  readonly takes: string
  readonly #hole: BlackHole
  readonly #node: Node

  constructor(hole: BlackHole, node: Node) {
    this.takes = `black hole: ${typeof hole === 'object' ? `above ${hole.above} octets` : hole}`
    this.#hole = hole
    this.#node = node
  }

  comes(_now: Instant, { bytes, at, end }: Packet, port: Port): boolean {
    const ip = ipAt(port.medium, bytes, at, end)
    if (ip < 0 || !crosses(this.#node, bytes, ip, port) || endsHere(bytes, ip)) return true
    if (!swallows(this.#hole, bytes, ip, end)) return true
    return this.#node.counters.drop('blackhole')
  }
}
