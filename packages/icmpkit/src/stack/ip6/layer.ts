/**
 * IPv6 of a node: what comes in is checked, its extension headers walked, delivered or forwarded; what goes out is
 * routed, given a source, fragmented. RFC 8200, RFC 4443, RFC 4861, RFC 8504.
 */
import type { Instant } from '../../clock.ts'
import type { Ip6 } from '../../wire/addr.ts'
import type * as icmp6 from '../../wire/icmp6.ts'
import type { Extension } from '../../wire/ip6-extension.ts'
import type { Inbound } from '../inbound.ts'
import type { Sent } from '../ip4/layer.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { RouteTable } from '../route-table.ts'
import { Neighbours } from './neighbours.ts'
import { IP6_DEFAULTS, type Ip6Settings } from './settings.ts'

/** A packet that this node begins. */
export interface Datagram6 {
  dst: Ip6
  /** Chosen by RFC 6724 where not given; `ANY6` is given where it shall be unspecified. */
  src?: Ip6
  protocol: number
  /** The whole upper layer, its checksum included: whoever makes it asks `sourceFor` first. Borrowed. */
  payload: Uint8Array
  trafficClass?: number
  flowLabel?: number
  hopLimit?: number
  extensions?: readonly Extension[]
  /** By this port, whatever the routes say: multicast and link-local destinations need it. */
  port?: Port
}

export class Ip6Layer {
  readonly settings: Ip6Settings
  readonly neighbours: Neighbours
  readonly routes: RouteTable<Ip6>
  readonly #node: Node

  constructor(node: Node, settings: Partial<Ip6Settings>) {
    this.#node = node
    this.settings = { ...IP6_DEFAULTS, ...settings }
    this.neighbours = new Neighbours(node)
    this.routes = new RouteTable<Ip6>(6, (node.random() * 2 ** 32) | 0)
    for (const r of this.settings.routes) this.routes.add({ ...r, origin: 'static', metric: 0 })
  }

  attach(_now: Instant, _port: Port): void {}

  changed(_now: Instant, _port: Port): void {}

  close(_now: Instant): void {}

  /** True: rewritten in place, to be sent back to whom it came from. */
  input(_now: Instant, _d: Inbound): boolean {
    return this.#node.counters.drop('ignored')
  }

  send(_now: Instant, _datagram: Datagram6): Sent {
    return 'no-route'
  }

  /** Sends an ICMPv6 message, its checksum made for the source that is chosen. */
  sendMessage(_now: Instant, _to: Omit<Datagram6, 'protocol' | 'payload'>, _message: icmp6.Message): Sent {
    return 'no-route'
  }

  /** The address that this node speaks to `dst` from (RFC 6724); undefined where it has none. */
  sourceFor(_dst: Ip6, _port?: Port): Ip6 | undefined {
    return undefined
  }
}
