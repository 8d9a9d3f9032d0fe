/**
 * Whence a node speaks (RFC 6724 §4): the candidates are the ready unicast addresses of the port that the packet leaves
 * by; on a gateway those of its other ports too, where the destination is not on the link.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, isLinkLocal, isMulticast } from '../../wire/addr.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { type Address6, stateAt } from './addresses.ts'
import { type Candidate, SCOPE, scopeOf, selectSource } from './source-select.ts'

/** For `dst`, which leaves by `port`, or as the route says; undefined where there is none. */
export function chooseSource(node: Node, now: Instant, dst: Ip6, port: Port | undefined): Ip6 | undefined {
  const { addresses, settings } = node.ip6
  if (port === undefined && !isMulticast(dst) && addresses.isReady(dst)) return dst
  const by = port ?? portTo(node, now, dst)
  if (by === undefined) return undefined
  const near = isMulticast(dst) || isLinkLocal(dst) || node.role === 'host'
  return selectSource(candidates(now, near ? addresses.of(by) : addresses, by), dst, settings.source)?.address
}

/** One of the port itself, and of a scope that reaches `dst`. */
export function chooseSourceOn(node: Node, now: Instant, dst: Ip6, port: Port): Ip6 | undefined {
  const { addresses, settings } = node.ip6
  const best = selectSource(candidates(now, addresses.of(port), port), dst, settings.source)
  return best === undefined || scopeOf(best.address) < Math.min(scopeOf(dst), SCOPE.global) ? undefined : best.address
}

function portTo(node: Node, now: Instant, dst: Ip6): Port | undefined {
  const hop = node.ip6.hop(now, dst)
  return typeof hop === 'string' ? undefined : hop.port
}

function* candidates(now: Instant, addresses: Iterable<Address6>, out: Port): Generator<Candidate> {
  for (const a of addresses) {
    if ((a.state !== 'preferred' && a.state !== 'deprecated') || a.anycast) continue
    // A link-local address means nothing on another link.
    if (a.port !== out && isLinkLocal(a.address)) continue
    yield {
      address: a.address,
      prefixLength: a.prefixLength,
      deprecated: stateAt(a, now) === 'deprecated',
      temporary: a.temporary,
      outgoing: a.port === out,
    }
  }
}
