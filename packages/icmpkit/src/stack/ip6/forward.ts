/**
 * Packets for others (RFC 8200 §3, RFC 4443 §3, RFC 4291 §2): routed, their hop limit lowered, sent on; or answered with
 * the error that says why not. Never fragmented (RFC 8200 §4.5). The order of the checks is that of Linux, so that a
 * traceroute sees what it sees there: route, source, hop limit, scope, size, filter.
 *
 * Multicast goes where a route for its prefix leads, and nowhere without one: no multicast routing protocol runs.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, readIp6 } from '../../wire/addr.ts'
import * as ip6 from '../../wire/ip6.ts'
import { FILTERED, Filter } from '../filter.ts'
import type { Inbound } from '../inbound.ts'
import { ttlOf } from '../label-stack.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import type { Route } from '../route-table.ts'
import type { Fault6 } from './errors.ts'
import { icmp6Rules } from './filter-preset.ts'
import { NextHopCache } from './next-hop-cache.ts'
import { isLinkLocalAt, isMulticastAt, isNowhereAt, SCOPE_LINK, scopeAt } from './octet-tests.ts'
import type { Ip6Settings } from './settings.ts'
import { mayPass } from './transit-headers.ts'

export class Forwarder6 {
  /** Of routes that cost the same as the best, the one for this packet; decisions are then not remembered. None: the best. */
  choose: ((d: Inbound, best: Route<Ip6>, dst: Ip6) => Route<Ip6>) | undefined
  readonly #node: Node
  readonly #cache: NextHopCache
  /** None where nothing is filtered. */
  #filter: Filter | undefined

  constructor(node: Node) {
    this.#node = node
    this.#cache = new NextHopCache(node.tableKeys)
    this.#filter = filterOf(node.ip6.settings)
  }

  /** The settings are others now, or a port changed. */
  forget(): void {
    this.#cache.clear()
    this.#filter = filterOf(this.#node.ip6.settings)
  }

  /** Never true: nothing goes back in place. The packet at `d.at…end` is not for this node. */
  forward(now: Instant, d: Inbound, end: number): boolean {
    const { counters, ip6: layer } = this.#node
    const { bytes, at } = d
    // RFC 4291 §2.5.2: nobody could be told, and nobody has sent it.
    if (isNowhereAt(bytes, at + SRC)) return counters.drop('martian-source')
    if (isLinkLocalAt(bytes, at + DST)) return counters.drop('scope')
    const multicast = isMulticastAt(bytes, at + DST)
    if (multicast && scopeAt(bytes, at + DST) <= SCOPE_LINK) return counters.drop('multicast')
    if (!mayPass(this.#node, now, d, end)) return false
    const i = this.#route(now, d, multicast)
    if (i < 0) return false
    const out = this.#cache.portAt(i)
    const onLink = this.#cache.isOnLink(i)
    // RFC 4443 §3.1: a point-to-point link's other end has not that address either, and would send it back.
    if (onLink && out === d.port && out.medium === 'ip') return this.#refuse(now, d, 'no-route', unreachable(3))
    if (!this.#isSourceValid(d)) {
      return this.#refuse(now, d, 'reverse-path', unreachable(layer.settings.transit.reversePathCode))
    }
    const hopLimit = ttlOf(d, bytes[at + HOP_LIMIT]!)
    if (hopLimit <= 1) return this.#refuse(now, d, 'ttl', { kind: 'timeExceeded', code: 0 })
    if (isLinkLocalAt(bytes, at + SRC) && out !== d.port) return this.#refuse(now, d, 'scope', unreachable(2))
    const mtu = layer.linkMtu(out)
    if (end - at > mtu) return this.#refuse(now, d, 'too-big', { kind: 'packetTooBig', mtu })
    // It goes no further than that: a copy for each router of the link would be one too many.
    if (d.link !== 'host' && !multicast) return counters.drop('link-broadcast')
    if (this.#filter !== undefined && !this.#passes(this.#filter, now, d, end, out)) return false
    if (out === d.port) layer.nd.redirects.sentBack(now, d, onLink ? undefined : this.#cache.hopAt(i))
    bytes[at + HOP_LIMIT] = hopLimit - 1
    counters.forwarded++
    if (onLink) layer.neighbours.transmitTo(now, out, bytes, at + DST, bytes, at, end)
    else layer.neighbours.transmitTo(now, out, this.#cache.octets, this.#cache.octetsAt(i), bytes, at, end)
    return false
  }

  /** Index of the decision in the cache; -1 where there is no way, which has been told or counted. */
  #route(now: Instant, d: Inbound, multicast: boolean): number {
    const { counters, ports, ip6: layer } = this.#node
    const { bytes, at } = d
    const cached = this.#cache.find(bytes, at + DST, layer.routes.version)
    if (cached >= 0 && this.choose === undefined && this.#cache.portAt(cached).up) return cached
    const dst = readIp6(bytes, at + DST)
    const best = layer.routes.best(dst, (r) => r.kind !== 'unicast' || ports.get(r.port)?.up === true)
    const route = best === undefined || this.choose === undefined ? best : this.choose(d, best, dst)
    const out = route === undefined ? undefined : ports.get(route.port)
    if (multicast && (out === undefined || out === d.port || route!.prefix >> 120n !== 0xffn)) {
      counters.drop('multicast')
      return -1
    }
    if (route === undefined || out === undefined || route.kind !== 'unicast') {
      this.#noRoute(now, d, route)
      return -1
    }
    return this.#cache.set(bytes, at + DST, out, route.nextHop)
  }

  #noRoute(now: Instant, d: Inbound, route: Route<Ip6> | undefined): void {
    if (route?.kind === 'blackhole') this.#node.counters.drop('blackhole')
    // RFC 4443 §3.1: a route that says unreachable is a reject route. (Linux says 0.)
    else this.#refuse(now, d, 'no-route', unreachable(route === undefined ? 0 : route.kind === 'prohibit' ? 1 : 6))
  }

  #refuse(now: Instant, d: Inbound, why: Parameters<Node['counters']['drop']>[0], fault: Fault6): false {
    this.#node.counters.drop(why)
    return this.#node.ip6.errors.report(now, d, fault)
  }

  /** RFC 3704 §2.2, §2.3. */
  #isSourceValid(d: Inbound): boolean {
    const { reversePath } = this.#node.ip6.settings.transit
    if (reversePath === 'off' || isLinkLocalAt(d.bytes, d.at + SRC)) return true
    const back = this.#node.ip6.routes.candidates(readIp6(d.bytes, d.at + SRC))?.filter((r) => r.kind === 'unicast')
    if (back === undefined || back.length === 0) return false
    return reversePath === 'loose' || back.some((r) => r.port === d.port.index)
  }

  #passes(filter: Filter, now: Instant, d: Inbound, end: number, out: Port): boolean {
    const { bytes, at } = d
    const upper = ip6.skip(bytes, at, end)
    const f = FILTERED
    f.bytes = bytes
    f.src = at + SRC
    f.protocol = upper < 0 ? -1 : ip6.upperProtocol(upper)
    f.transport = upper < 0 || ip6.upperIsLater(upper) ? -1 : at + ip6.upperAt(upper)
    f.end = end
    f.inPort = d.port.index
    f.outPort = out.index
    f.precedence = -1
    const rule = filter.judge(f)
    if (rule === undefined || rule.action === 'accept') return true
    if (rule.action === 'drop') return this.#node.counters.drop('filtered')
    return this.#refuse(now, d, 'filtered', unreachable(1))
  }
}

function filterOf({ transit }: Ip6Settings): Filter | undefined {
  const rules = transit.firewall === 'off' ? transit.filters : [...transit.filters, ...icmp6Rules()]
  return rules.length === 0 ? undefined : new Filter(rules, 6)
}

function unreachable(code: number): Fault6 {
  return { kind: 'unreachable', code }
}

const HOP_LIMIT = 7
const SRC = 8
const DST = 24
