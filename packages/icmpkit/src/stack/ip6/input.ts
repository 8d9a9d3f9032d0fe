/** What comes in: the IPv6 header and its extension headers, walked in the order of the packet (RFC 8200 §4). */
import type { Instant } from '../../clock.ts'
import { isMulticast } from '../../wire/addr.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import * as ip6 from '../../wire/ip6.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Packet6 } from './packet.ts'

export class Input6 {
  readonly #node: Node

  constructor(node: Node) {
    this.#node = node
  }

  input(now: Instant, d: Inbound): boolean {
    const { counters } = this.#node
    const h = ip6.parse(d.bytes, d.at, d.end)
    if (h.kind === 'malformed') return counters.bad(h.why)
    if (d.at + ip6.HEADER + h.payloadLength > d.end) return counters.bad('truncated')
    if (!this.#node.ip6.isMine(h.dst, d.port)) return counters.drop('not-mine')
    let routerAlert = -1
    for (const e of h.extensions) {
      if (e.kind !== 'hopByHop') continue
      for (const o of e.options) if (o.kind === 'routerAlert') routerAlert = o.value
    }
    const p: Packet6 = {
      src: h.src,
      dst: h.dst,
      hopLimit: h.hopLimit,
      trafficClass: h.trafficClass,
      flowLabel: h.flowLabel,
      protocol: h.protocol,
      at: h.payload,
      end: h.end,
      nextHeaderAt: 6,
      fragmented: h.fragment !== undefined,
      routerAlert,
      multicast: isMulticast(h.dst),
    }
    if (h.protocol === icmp6.PROTOCOL) this.#node.ip6.icmp.input(now, d, p)
    else counters.drop('no-protocol')
    return false
  }
}
