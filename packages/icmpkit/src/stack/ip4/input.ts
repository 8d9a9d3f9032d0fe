/** What comes in: the header checks of RFC 1122 §3.2.1 and RFC 1812 §5.2.2, then for this node, for others, or dropped. */
import type { Instant } from '../../clock.ts'
import { ANY4, isMulticast } from '../../wire/addr.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as ip4 from '../../wire/ip4.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'

export class Input4 {
  readonly #node: Node

  constructor(node: Node) {
    this.#node = node
  }

  input(now: Instant, d: Inbound): boolean {
    const { counters, ip4: layer } = this.#node
    const h = ip4.parse(d.bytes, d.at, d.end)
    if (h.kind === 'malformed') return counters.bad(h.why)
    if (ip4.verify(d.bytes, d.at, d.end) !== 'ok') return counters.drop('bad-checksum')
    if (d.at + h.length > d.end) return counters.bad('truncated')
    const group = isMulticast(h.dst)
    if (h.dst >>> 24 === 127 || h.dst === ANY4) return counters.drop('martian-destination')
    if (isMulticast(h.src) || h.src >>> 24 === 127 || layer.isBroadcast(h.src)) return counters.drop('martian-source')
    if (
      layer.isMine(h.dst, group ? d.port : undefined) ||
      layer.addresses.isBroadcastOn(h.dst, d.port) ||
      h.dst === -1
    ) {
      return this.#deliver(now, d, h)
    }
    if (this.#node.role === 'gateway') return layer.forward.forward(now, d, h)
    return counters.drop('not-mine')
  }

  #deliver(now: Instant, d: Inbound, h: ip4.Header): boolean {
    const { counters, ip4: layer, transport } = this.#node
    if (h.offset !== 0 || h.mf) return counters.drop('fragment-limit')
    if (h.protocol === icmp4.PROTOCOL) {
      layer.icmp.input(now, d, h)
      return false
    }
    const delivered = transport.deliver(
      now,
      {
        family: 4,
        protocol: h.protocol,
        src: h.src,
        dst: h.dst,
        bytes: d.bytes,
        ip: d.at,
        at: h.payload,
        end: h.end,
        port: d.port.index,
        hopLimit: h.ttl,
        tos: h.tos,
      },
      d,
    )
    if (delivered === 'taken') return false
    const code = delivered === 'no-protocol' ? 2 : 3
    counters.drop(delivered)
    return layer.errors.report(now, d, { kind: 'unreachable', code })
  }
}
