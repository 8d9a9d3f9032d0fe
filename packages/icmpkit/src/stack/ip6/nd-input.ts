/**
 * Neighbour discovery messages that came in: which are valid (RFC 4861 §6.1, §7.1, §8.1; RFC 6980 §5), and which part of
 * this node each concerns. The checksum, the fixed lengths and option lengths have been judged before.
 */
import type { Instant } from '../../clock.ts'
import { ANY6, type Ip6, isLinkLocal, isMulticast } from '../../wire/addr.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import type * as nd from '../../wire/nd.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { isSolicitedNode } from './addresses.ts'
import type { Icmp6 } from './icmp.ts'
import { HOP_LIMIT, linkLayerIn } from './nd-output.ts'
import type { Packet6 } from './packet.ts'

/** Whom the valid messages go to. */
export interface NdReceiver {
  solicited(now: Instant, d: Inbound, p: Packet6, m: nd.NeighborSolicitation): void
  advertised(now: Instant, d: Inbound, p: Packet6, m: nd.NeighborAdvertisement): void
  routerSolicited(now: Instant, d: Inbound, p: Packet6, m: nd.RouterSolicitation): void
  routerAdvertised(now: Instant, d: Inbound, p: Packet6, m: nd.RouterAdvertisement): void
  redirected(now: Instant, d: Inbound, p: Packet6, m: nd.Redirect): void
}

export class NdInput {
  readonly #node: Node

  constructor(node: Node, icmp: Icmp6, to: NdReceiver) {
    this.#node = node
    icmp.on(icmp6.Type.neighborSolicitation, (now, d, p, m) => {
      if (m.kind === 'neighborSolicitation' && this.#valid(p, m.code) && this.#validNs(d, p, m))
        to.solicited(now, d, p, m)
    })
    icmp.on(icmp6.Type.neighborAdvertisement, (now, d, p, m) => {
      if (m.kind === 'neighborAdvertisement' && this.#valid(p, m.code) && this.#validNa(p, m))
        to.advertised(now, d, p, m)
    })
    icmp.on(icmp6.Type.routerSolicitation, (now, d, p, m) => {
      if (m.kind === 'routerSolicitation' && this.#valid(p, m.code) && this.#validRs(d, p, m))
        to.routerSolicited(now, d, p, m)
    })
    icmp.on(icmp6.Type.routerAdvertisement, (now, d, p, m) => {
      if (m.kind === 'routerAdvertisement' && this.#valid(p, m.code) && this.#fromLink(p))
        to.routerAdvertised(now, d, p, m)
    })
    icmp.on(icmp6.Type.redirect, (now, d, p, m) => {
      if (m.kind === 'redirect' && this.#valid(p, m.code) && this.#fromLink(p) && this.#validRedirect(m))
        to.redirected(now, d, p, m)
    })
  }

  /** What all five ask: no router has forwarded it, it came whole. */
  #valid(p: Packet6, code: number): boolean {
    const { counters } = this.#node
    if (p.hopLimit !== HOP_LIMIT) return counters.drop('hop-limit')
    if (code !== 0) return counters.drop('bad-code')
    if (p.fragmented) return counters.drop('fragment-bad')
    return true
  }

  #validNs(d: Inbound, p: Packet6, m: nd.NeighborSolicitation): boolean {
    const { counters } = this.#node
    if (isMulticast(m.target)) return counters.drop('ignored')
    if (p.src !== ANY6) return true
    if (!isSolicitedNode(p.dst) || linkLayerIn(m.options, 'sourceLinkLayer', d.port) !== undefined)
      return counters.drop('bad-source')
    return true
  }

  #validNa(p: Packet6, m: nd.NeighborAdvertisement): boolean {
    if (isMulticast(m.target) || (m.solicited && p.multicast)) return this.#node.counters.drop('ignored')
    return true
  }

  #validRs(d: Inbound, p: Packet6, m: nd.RouterSolicitation): boolean {
    if (p.src === ANY6 && linkLayerIn(m.options, 'sourceLinkLayer', d.port) !== undefined)
      return this.#node.counters.drop('bad-source')
    return true
  }

  /** Routers speak from their link-local address, which names them (RFC 4861 §6.1.2, §8.1). */
  #fromLink(p: Packet6): boolean {
    return isUnicastLinkLocal(p.src) || this.#node.counters.drop('bad-source')
  }

  #validRedirect(m: nd.Redirect): boolean {
    if (isMulticast(m.destination)) return this.#node.counters.drop('ignored')
    if (m.target !== m.destination && !isUnicastLinkLocal(m.target)) return this.#node.counters.drop('ignored')
    return true
  }
}

export function isUnicastLinkLocal(address: Ip6): boolean {
  return isLinkLocal(address) && !isMulticast(address)
}
