/** ARP (RFC 826, RFC 1122 §2.3.2, RFC 5227): next hop → link-layer address, and no address used that another holds. */
import type { Instant } from '../../clock.ts'
import type { Ip4 } from '../../wire/addr.ts'
import { EtherType } from '../../wire/ethernet.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'

export class Arp {
  readonly #node: Node

  constructor(node: Node) {
    this.#node = node
  }

  /** An ARP message came in, at `d.at`. */
  input(_now: Instant, _d: Inbound): void {
    this.#node.counters.drop('ignored')
  }

  /** Sends the datagram at `at…end` to `nextHop` on `port`: at once, or when its link-layer address is known. */
  transmit(_now: Instant, port: Port, _nextHop: Ip4, bytes: Uint8Array, at: number, end: number): void {
    if (port.medium === 'ip') port.transmit(bytes, at, end, EtherType.ip4, port.mac)
    else this.#node.counters.drop('unresolved')
  }
}
