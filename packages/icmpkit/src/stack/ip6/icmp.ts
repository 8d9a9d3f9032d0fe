/**
 * ICMPv6 messages for this node (RFC 4443 §2.4): the checksum, the length of the fixed part, then whoever handles the
 * type. Neighbour discovery, MLD, node information and extended echo put their handlers in by type.
 */
import type { Instant } from '../../clock.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Packet6 } from './packet.ts'

/** `m` is parsed, its checksum right; what the type asks besides (hop limit 255, no fragment …) is the handler's. */
export type Handler6 = (now: Instant, d: Inbound, p: Packet6, m: icmp6.Message) => void

export class Icmp6 {
  readonly #node: Node
  readonly #handlers: (Handler6 | undefined)[] = new Array(256)

  constructor(node: Node) {
    this.#node = node
    this.on(icmp6.Type.echoRequest, (now, d, p, m) => {
      if (m.kind !== 'echoRequest') return
      const src = p.multicast ? undefined : p.dst
      node.ip6.sendMessage(now, { dst: p.src, src, port: d.port }, { ...m, kind: 'echoReply', code: 0 })
    })
  }

  /** One handler a type; the last one stays. */
  on(type: number, handler: Handler6): void {
    this.#handlers[type] = handler
  }

  input(now: Instant, d: Inbound, p: Packet6): void {
    const { counters } = this.#node
    if (d.checksum !== 'partial' && icmp6.verify(d.bytes, p.at, p.end, p.end - p.at, p.src, p.dst) !== 'ok') {
      counters.drop('bad-checksum')
      return
    }
    const m = icmp6.parse(d.bytes, p.at, p.end)
    if (m.kind === 'malformed') {
      counters.bad(m.why)
      return
    }
    const handler = this.#handlers[d.bytes[p.at]!]
    if (handler === undefined) counters.drop('unknown-type')
    else handler(now, d, p, m)
  }
}
