/**
 * Neighbour discovery messages that came in: which are valid (RFC 4861 §6.1, §7.1, §8.1; RFC 6980 §5), and which part of
 * this node each concerns. The checksum, the fixed lengths and option lengths have been judged before.
 */
import { ANY6, type Ip6, isLinkLocal, isMulticast } from '../../wire/addr.ts'
import type * as nd from '../../wire/nd.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { isSolicitedNode } from './addresses.ts'
import type { Handler6 } from './handlers.ts'
import { HOP_LIMIT, linkLayerIn } from './nd-output.ts'
import type { Packet6 } from './packet.ts'

export const neighborSolicitation: Handler6 = (node, now, d, p, m) => {
  if (m.kind === 'neighborSolicitation' && isValid(node, p, m.code) && isValidNs(node, d, p, m))
    node.ip6.nd.solicited(now, d, p, m)
}

export const neighborAdvertisement: Handler6 = (node, now, d, p, m) => {
  if (m.kind === 'neighborAdvertisement' && isValid(node, p, m.code) && isValidNa(node, p, m))
    node.ip6.nd.advertised(now, d, p, m)
}

export const routerSolicitation: Handler6 = (node, now, d, p, m) => {
  if (m.kind === 'routerSolicitation' && isValid(node, p, m.code) && isValidRs(node, d, p, m))
    node.ip6.nd.routerSolicited(now, d, p, m)
}

export const routerAdvertisement: Handler6 = (node, now, d, p, m) => {
  if (m.kind === 'routerAdvertisement' && isValid(node, p, m.code) && isFromLink(node, p))
    node.ip6.nd.routerAdvertised(now, d, p, m)
}

export const redirect: Handler6 = (node, now, d, p, m) => {
  if (m.kind === 'redirect' && isValid(node, p, m.code) && isFromLink(node, p) && isValidRedirect(node, m))
    node.ip6.nd.redirected(now, d, p, m)
}

/** What all five ask: no router has forwarded it, it came whole. */
function isValid({ counters }: Node, p: Packet6, code: number): boolean {
  if (p.hopLimit !== HOP_LIMIT) return counters.drop('hop-limit')
  if (code !== 0) return counters.drop('bad-code')
  if (p.fragmented) return counters.drop('fragment-bad')
  return true
}

function isValidNs({ counters }: Node, d: Inbound, p: Packet6, m: nd.NeighborSolicitation): boolean {
  if (isMulticast(m.target)) return counters.drop('ignored')
  if (p.src !== ANY6) return true
  if (!isSolicitedNode(p.dst) || linkLayerIn(m.options, 'sourceLinkLayer', d.port) !== undefined)
    return counters.drop('bad-source')
  return true
}

function isValidNa({ counters }: Node, p: Packet6, m: nd.NeighborAdvertisement): boolean {
  if (isMulticast(m.target) || (m.solicited && p.multicast)) return counters.drop('ignored')
  return true
}

function isValidRs({ counters }: Node, d: Inbound, p: Packet6, m: nd.RouterSolicitation): boolean {
  if (p.src === ANY6 && linkLayerIn(m.options, 'sourceLinkLayer', d.port) !== undefined)
    return counters.drop('bad-source')
  return true
}

/** Routers speak from their link-local address, which names them (RFC 4861 §6.1.2, §8.1). */
function isFromLink({ counters }: Node, p: Packet6): boolean {
  return isUnicastLinkLocal(p.src) || counters.drop('bad-source')
}

function isValidRedirect({ counters }: Node, m: nd.Redirect): boolean {
  if (isMulticast(m.destination)) return counters.drop('ignored')
  if (m.target !== m.destination && !isUnicastLinkLocal(m.target)) return counters.drop('ignored')
  return true
}

export function isUnicastLinkLocal(address: Ip6): boolean {
  return isLinkLocal(address) && !isMulticast(address)
}
