/**
 * What comes in (RFC 8200 §3, §4): the IPv6 header is judged, then the extension headers of a packet for this node, one by
 * one in the order of the packet, each before the next is looked at. Pointers count from the IPv6 header.
 *
 * Everything else is the gateway's (`forward.ts`).
 */
import type { Instant } from '../../clock.ts'
import { readIp6 } from '../../wire/addr.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import * as ip6 from '../../wire/ip6.ts'
import { lengthAt, Type } from '../../wire/ip6-extension.ts'
import { u16 } from '../../wire/octets.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Delivery } from '../transport/transport.ts'
import { answerInPlace } from './echo.ts'
import { Breach, Breaches } from './header-limits.ts'
import { isLoopbackAt, isMulticastAt, isNowhereAt, scopeAt } from './octet-tests.ts'
import { Options6 } from './options.ts'
import type { Packet6 } from './packet.ts'
import { nextSegment } from './segment-routing.ts'
import { hasWholeChain, NO_NEXT_HEADER, upperHeaderOctets } from './upper-header.ts'

export class Input6 {
  readonly #node: Node

  constructor(node: Node) {
    this.#node = node
  }

  /** True: rewritten in place, to be sent back to whom it came from. */
  input(now: Instant, d: Inbound): boolean {
    const { counters, ip6: layer } = this.#node
    const { bytes, at } = d
    if (d.end - at < ip6.HEADER) return counters.bad('truncated')
    if (bytes[at]! >>> 4 !== 6) return counters.bad('bad-version')
    const end = at + ip6.HEADER + u16(bytes, at + PAYLOAD_LENGTH)
    if (end > d.end) return d.length > d.end - at ? counters.drop('cut') : counters.bad('truncated')
    if (isLoopbackAt(bytes, at + SRC) || isMulticastAt(bytes, at + SRC)) return counters.drop('martian-source')
    if (isMulticastAt(bytes, at + DST)) {
      // Scope 0 is reserved, and nothing of interface scope was ever on a link (RFC 4291 §2.7).
      if (scopeAt(bytes, at + DST) <= 1) return counters.drop('martian-destination')
      if (layer.groups.isMemberAt(bytes, at + DST, d.port)) return this.#local(now, d, end)
    } else {
      if (answerInPlace(this.#node, now, d, end)) return true
      if (layer.addresses.at(bytes, at + DST, d.port) !== undefined) return this.#local(now, d, end)
      if (isNowhereAt(bytes, at + DST)) return counters.drop('martian-destination')
    }
    if (layer.isRouter) return layer.forward.forward(now, d, end)
    return counters.drop(this.#isTentative(d) ? 'tentative' : 'not-mine')
  }

  /** RFC 4862 §5.4: what is sent to a tentative address is for nobody yet. */
  #isTentative(d: Inbound): boolean {
    const state = this.#node.ip6.addresses.find(readIp6(d.bytes, d.at + DST), d.port)?.state
    return state === 'tentative' || state === 'duplicate'
  }

  #local(now: Instant, d: Inbound, end: number): boolean {
    BREACHES.clear()
    OPTIONS.routerAlert = -1
    const first = d.at + NEXT_HEADER
    return this.#walk(now, d, end, d.at + ip6.HEADER, d.bytes[first]!, first, false)
  }

  /** From the header `protocol` at `i` on, which the octet at `nextHeaderAt` names. False, as nothing is answered in place. */
  #walk(
    now: Instant,
    d: Inbound,
    end: number,
    i: number,
    protocol: number,
    nextHeaderAt: number,
    fragmented: boolean,
  ): boolean {
    const { bytes, at } = d
    for (let headers = 1; ; headers++) {
      const isHopByHop = protocol === Type.hopByHop && i === at + ip6.HEADER && !fragmented
      const isRead =
        isHopByHop || protocol === Type.destinationOptions || protocol === Type.routing || protocol === Type.fragment
      if (!isRead) return this.#upper(now, d, end, i, protocol, nextHeaderAt, fragmented)
      const length = end - i < 2 ? -1 : lengthAt(protocol, bytes, i)
      if (length < 0) return this.#problem(now, d, 0, at + PAYLOAD_LENGTH)
      if (i + length > end) {
        return this.#problem(now, d, 0, protocol === Type.fragment ? at + PAYLOAD_LENGTH : i + 1)
      }
      BREACHES.measure(at, i, length, headers, this.#node.ip6.settings.limits)
      if (protocol === Type.fragment) {
        const word = u16(bytes, i + 2)
        if ((word & 0xfff9) !== 0) return this.#fragment(now, d, end, i, nextHeaderAt, word)
        // RFC 6946, RFC 8200 §4.5: a fragment that is the whole packet has nothing to do with any other.
        fragmented = true
      } else if (protocol === Type.routing) {
        if (bytes[i + SEGMENTS_LEFT] !== 0) return this.#route(now, d, i, end)
      } else if (!OPTIONS.walk(this.#node, now, d, protocol, i + 2, i + length, this.#node.ip6.settings.limits))
        return false
      nextHeaderAt = i
      protocol = bytes[i]!
      i += length
    }
  }

  /** Segments are left: this node is on the way, not at the end of it (RFC 8200 §4.4; type 0: RFC 5095 §3). */
  #route(now: Instant, d: Inbound, i: number, end: number): boolean {
    if (!this.#node.ip6.settings.segmentRouting || d.bytes[i + ROUTING_TYPE] !== SEGMENT_ROUTING) {
      return this.#problem(now, d, 0, i + ROUTING_TYPE)
    }
    const fault = nextSegment(d.bytes, d.at, i)
    if (fault >= 0) return this.#problem(now, d, 0, fault)
    const { counters, ip6: layer } = this.#node
    if (fault === -2) return counters.drop('martian-destination')
    // The next segment may be this node again; each turn takes one off.
    if (layer.addresses.at(d.bytes, d.at + DST, d.port) !== undefined) return this.#local(now, d, end)
    return layer.isRouter ? layer.forward.forward(now, d, end) : counters.drop('not-forwarding')
  }

  #fragment(now: Instant, d: Inbound, end: number, i: number, nextHeaderAt: number, word: number): boolean {
    const { counters, ip6: layer } = this.#node
    const octets = end - i - FRAGMENT
    const offset = word & 0xfff8
    if (BREACHES.worst !== Breach.none) return BREACHES.report(now, d, layer.errors)
    if ((word & 1) !== 0 && octets % 8 !== 0) return this.#problem(now, d, 0, d.at + PAYLOAD_LENGTH)
    if (i - d.at - ip6.HEADER + offset + octets > 0xffff) return this.#problem(now, d, 0, i + 2)
    if (offset === 0 && !hasWholeChain(d.bytes, d.at, end)) return this.#problem(now, d, 3, d.at)
    if (octets === 0) return counters.drop('fragment-bad')
    const joined = layer.reassembly.add(now, d, i, end, nextHeaderAt)
    if (joined === undefined) return false
    const { inbound, at, protocol } = joined
    return this.#walk(now, inbound, inbound.end, at, protocol, joined.nextHeaderAt, true)
  }

  #upper(
    now: Instant,
    d: Inbound,
    end: number,
    i: number,
    protocol: number,
    nextHeaderAt: number,
    fragmented: boolean,
  ): boolean {
    const { counters, transport, ip6: layer } = this.#node
    const { bytes, at } = d
    const { aggregateOctets } = this.#node.ip6.settings.limits
    if (protocol === NO_NEXT_HEADER) return counters.drop('no-next-header')
    // The one name of many that the base specification knows comes before every limit (RFC 8883 §4.1).
    const known = protocol === icmp6.PROTOCOL || transport.speaks(protocol)
    if (!known) return this.#problem(now, d, 1, nextHeaderAt)
    if (i - at + upperHeaderOctets(protocol, bytes, i, end) > aggregateOctets) {
      BREACHES.note(Breach.aggregate, aggregateOctets)
    }
    if (BREACHES.worst !== Breach.none) return BREACHES.report(now, d, layer.errors)
    const dst = readIp6(bytes, at + DST)
    const src = readIp6(bytes, at + SRC)
    const tos = ((bytes[at]! & 0x0f) << 4) | (bytes[at + 1]! >>> 4)
    const multicast = isMulticastAt(bytes, at + DST)
    const hopLimit = bytes[at + HOP_LIMIT]!
    if (protocol === icmp6.PROTOCOL) {
      const p: Packet6 = {
        src,
        dst,
        hopLimit,
        trafficClass: tos,
        flowLabel: ((bytes[at + 1]! & 0x0f) << 16) | u16(bytes, at + 2),
        protocol,
        at: i,
        end,
        nextHeaderAt: nextHeaderAt - at,
        fragmented,
        routerAlert: OPTIONS.routerAlert,
        multicast,
      }
      layer.icmp.input(now, d, p)
      return false
    }
    const delivery: Delivery = {
      family: 6,
      protocol,
      src,
      dst,
      bytes,
      ip: at,
      at: i,
      end,
      port: d.port.index,
      hopLimit,
      tos,
    }
    switch (transport.deliver(now, delivery, d)) {
      case 'taken':
        return false
      case 'no-listener':
        return layer.errors.report(now, d, { kind: 'unreachable', code: 4 })
      default:
        return this.#problem(now, d, 1, nextHeaderAt)
    }
  }

  #problem(now: Instant, d: Inbound, code: number, at: number): false {
    return this.#node.ip6.errors.report(now, d, { kind: 'parameterProblem', code, pointer: at - d.at })
  }
}

/** Of the packet that is looked at, of whatever node. */
const BREACHES = new Breaches()
const OPTIONS = new Options6(BREACHES)
const FRAGMENT = 8
const PAYLOAD_LENGTH = 4
const NEXT_HEADER = 6
const HOP_LIMIT = 7
const SRC = 8
const DST = 24
const ROUTING_TYPE = 2
const SEGMENTS_LEFT = 3
const SEGMENT_ROUTING = 4
