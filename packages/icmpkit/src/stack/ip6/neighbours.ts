/** The neighbour cache and its reachability detection (RFC 4861 §7.2, §7.3): next hop → link-layer address. */
import type { Instant } from '../../clock.ts'
import type { Ip6 } from '../../wire/addr.ts'
import { EtherType } from '../../wire/ethernet.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'

export class Neighbours {
  readonly #node: Node

  constructor(node: Node) {
    this.#node = node
  }

  /** Sends the packet at `at…end` to `nextHop` (a multicast address is one too) on `port`: at once, or when resolved. */
  transmit(_now: Instant, port: Port, _nextHop: Ip6, bytes: Uint8Array, at: number, end: number): void {
    if (port.medium === 'ip') port.transmit(bytes, at, end, EtherType.ip6, port.mac)
    else this.#node.counters.drop('unresolved')
  }
}
