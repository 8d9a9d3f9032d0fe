/**
 * What a gateway that is told to looks at in packets for others: hop-by-hop options (RFC 9673), the header chain of first
 * fragments (RFC 7112 §5), headers beyond its limits or that it can't name (RFC 8883). By default nothing of it.
 */
import type { Instant } from '../../clock.ts'
import * as ip6 from '../../wire/ip6.ts'
import { isExtension, lengthAt, Type } from '../../wire/ip6-extension.ts'
import { u16 } from '../../wire/octets.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { Breach, Breaches, isLimited } from './header-limits.ts'
import { Options6 } from './options.ts'
import { hasWholeChain, upperHeaderOctets } from './upper-header.ts'

/** True: the packet at `d.at…end` may go on. False: it has been answered or counted. */
export function mayPass(node: Node, now: Instant, d: Inbound, end: number): boolean {
  const { transit } = node.ip6.settings
  const { bytes, at } = d
  let protocol = bytes[at + NEXT_HEADER]!
  const read = transit.unknownNextHeader === 'refuse' || isLimited(transit.limits)
  if (!read && !isExtension(protocol)) return true
  BREACHES.clear()
  let i = at + ip6.HEADER
  let nextHeaderAt = at + NEXT_HEADER
  let later = false
  for (let headers = 1; !later && isExtension(protocol) && end - i >= 8; headers++) {
    const length = lengthAt(protocol, bytes, i)
    if (i + length > end) break
    if (read) BREACHES.measure(at, i, length, headers, transit.limits)
    if (protocol === Type.hopByHop && headers === 1 && transit.hopByHop === 'process') {
      if (!OPTIONS.walk(node, now, d, protocol, i + 2, i + length, transit.limits)) return false
    }
    if (protocol === Type.fragment) {
      const word = u16(bytes, i + 2)
      later = (word & 0xfff8) !== 0
      if (word === 1 && transit.firstFragments === 'refuse' && !hasWholeChain(bytes, at, end)) {
        return node.ip6.errors.report(now, d, { kind: 'parameterProblem', code: 3, pointer: 0 })
      }
    } else if (!read && transit.firstFragments === 'forward') return true
    nextHeaderAt = i
    protocol = bytes[i]!
    i += length
  }
  if (!later && transit.unknownNextHeader === 'refuse' && !NAMED.has(protocol)) {
    BREACHES.note(Breach.unknownNextHeader, nextHeaderAt - at)
  }
  const { aggregateOctets } = transit.limits
  if (!later && i - at + upperHeaderOctets(protocol, bytes, i, end) > aggregateOctets) {
    BREACHES.note(Breach.aggregate, aggregateOctets)
  }
  return BREACHES.worst === Breach.none || BREACHES.report(now, d, node.ip6.errors)
}

/** Of the packet that is looked at, of whatever node. */
const BREACHES = new Breaches()
const OPTIONS = new Options6(BREACHES)
/** Upper layers that this gateway can name, extension headers beside them: IANA's, as far as routers meet them. */
const NAMED: ReadonlySet<number> = new Set([4, 6, 17, 33, 41, 47, 50, 58, 59, 89, 103, 112, 115, 132, 136, 137, 143])
const NEXT_HEADER = 6
