/**
 * What comes in: the checks of RFC 1122 §3.2.1 and RFC 1812 §5.2.2, then for this node, for others, or dropped. The
 * first check that fails decides what is said, so that one datagram gets one error at most: header, source, destination,
 * link, options, source route, protocol, port.
 */
import type { Instant } from '../../clock.ts'
import { ANY4, BROADCAST4, type Ip4, isMulticast } from '../../wire/addr.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as ip4 from '../../wire/ip4.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Delivery } from '../transport/transport.ts'
import { Reassembly4 } from './reassembly.ts'
import { TransitOptions } from './transit-options.ts'

export class Input4 {
  readonly #node: Node
  #reassembly: Reassembly4 | undefined

  constructor(node: Node) {
    this.#node = node
  }

  get reassembly(): Reassembly4 {
    this.#reassembly ??= new Reassembly4(this.#node, this.#node.ip4.settings.reassemblyDatagrams)
    return this.#reassembly
  }

  /** What the short way of a gateway did not take. True: rewritten in place, to be sent back to whom it came from. */
  input(now: Instant, d: Inbound): boolean {
    const { counters, ip4: layer } = this.#node
    if (layer.answerInPlace(now, d)) return true
    const h = ip4.parse(d.bytes, d.at, d.end)
    if (h.kind === 'malformed') return counters.bad(h.why)
    if (ip4.verify(d.bytes, d.at, d.end) !== 'ok') return counters.drop('bad-checksum')
    if (h.dst === ANY4 || h.dst >>> 24 === LOOPBACK) return counters.drop('martian-destination')
    const group = isMulticast(h.dst)
    const own = layer.isMine(h.dst, group ? d.port : undefined)
    const broadcast = !own && !group && this.#isBroadcast(h.dst, d)
    if (!own && !broadcast) {
      if (this.#node.role === 'gateway') return layer.forward.forward(now, d, h)
      return counters.drop('not-mine')
    }
    if (!this.#mayBeFrom(d, h)) return counters.drop('martian-source')
    if (d.length < h.length) return this.#cutByLink(now, d)
    if (d.at + h.length > d.end) return counters.drop('cut')
    // RFC 1122 §3.3.6: somebody has put a unicast datagram into a broadcast frame.
    if (d.link === 'broadcast' && !broadcast && !group) return counters.drop('link-broadcast')
    const refused = this.#optionsOf(now, d, h, broadcast || group)
    if (refused !== undefined) return refused
    if (h.mf || h.offset !== 0) {
      const whole = this.reassembly.add(now, d, h)
      if (whole === undefined) return false
      const header = ip4.parse(whole.bytes, whole.at, whole.end)
      if (header.kind === 'malformed') return counters.bad(header.why)
      return this.#deliver(now, whole, header)
    }
    return this.#deliver(now, d, h)
  }

  /** For all on the link that it came in by; another network's broadcast is somebody else's (RFC 1122 §3.3.6). */
  #isBroadcast(dst: Ip4, d: Inbound): boolean {
    const { addresses } = this.#node.ip4
    return dst === BROADCAST4 || (addresses.isDirectedBroadcast(dst) && addresses.isBroadcastOn(dst, d.port))
  }

  /** A whole datagram that needs no check: this node has sent it to itself. */
  deliver(now: Instant, d: Inbound): void {
    const h = ip4.parse(d.bytes, d.at, d.end)
    if (h.kind === 'malformed') this.#node.counters.bad(h.why)
    else this.#deliver(now, d, h)
  }

  /**
   * One host, and not this one (RFC 1122 §3.2.1.3, RFC 1812 §5.3.7). Who has no address yet speaks from zero: in DHCP,
   * and to ask for routers and masks (RFC 1256, RFC 950).
   */
  #mayBeFrom(d: Inbound, h: ip4.Header): boolean {
    const { ip4: layer } = this.#node
    const first = h.src >>> 24
    if (first === LOOPBACK || isMulticast(h.src) || layer.isBroadcast(h.src) || layer.isMine(h.src)) return false
    if (first !== 0) return true
    if (h.src !== ANY4) return false
    if (h.protocol === UDP) return h.dst === BROADCAST4
    const type = h.protocol === icmp4.PROTOCOL && h.offset === 0 && h.end > h.payload ? d.bytes[h.payload] : -1
    return type === icmp4.Type.routerSolicitation || type === icmp4.Type.addressMaskRequest
  }

  /** RFC 1812 §5.2.2; a host says nothing. */
  #cutByLink(now: Instant, d: Inbound): false {
    const { counters, ip4: layer, role } = this.#node
    counters.bad('truncated')
    if (role === 'host') return false
    return layer.errors.report(now, d, { kind: 'parameterProblem', code: 0, pointer: TOTAL_LENGTH })
  }

  /** undefined: nothing in the options forbids to deliver it here. */
  #optionsOf(now: Instant, d: Inbound, h: ip4.Header, toMany: boolean): boolean | undefined {
    const { counters, ip4: layer } = this.#node
    const { requiredOption } = layer.settings
    if (requiredOption !== undefined && !carries(h.options, requiredOption)) {
      counters.drop('bad-options')
      return layer.errors.report(now, d, { kind: 'parameterProblem', code: 1, pointer: requiredOption })
    }
    if (h.options.length === 0) return undefined
    const o = OPTIONS
    o.scan(d.bytes, d.at, h.payload)
    if (o.fault >= 0) {
      counters.drop('bad-options')
      return layer.errors.report(now, d, { kind: 'parameterProblem', code: 0, pointer: o.fault })
    }
    const isMine = (address: Ip4): boolean => layer.addresses.ready(address) !== undefined
    if (o.sourceRoute === 0 || o.nextAddress(d.bytes, d.at, isMine) === undefined) return undefined
    if (layer.sourceRoutes === 'forward' && !toMany) return layer.forward.forwardSourceRouted(now, d, h)
    counters.drop('source-route')
    if (layer.sourceRoutes === 'drop') return false
    return layer.errors.report(now, d, { kind: 'unreachable', code: 5 })
  }

  #deliver(now: Instant, d: Inbound, h: ip4.Header): boolean {
    const { counters, ip4: layer, transport } = this.#node
    if (h.protocol === icmp4.PROTOCOL) {
      layer.icmp.input(now, d, h)
      return false
    }
    const delivered = transport.deliver(now, deliveryOf(d, h), d)
    if (delivered === 'taken') return false
    counters.drop(delivered)
    return layer.errors.report(now, d, { kind: 'unreachable', code: delivered === 'no-protocol' ? 2 : 3 })
  }
}

/** The datagram as the transports see it. */
export function deliveryOf(d: Inbound, h: ip4.Header): Delivery {
  return {
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
  }
}

/** The options hold one of that type; a length that is wrong ends the search. */
function carries(options: Uint8Array, type: number): boolean {
  for (let i = 0; i < options.length; ) {
    if (options[i] === type) return true
    if (options[i] === 0) return false
    const length = options[i] === 1 ? 1 : (options[i + 1] ?? 0)
    if (length < 1) return false
    i += length
  }
  return false
}

/** Of the datagram that is looked at, of whatever node. */
const OPTIONS = new TransitOptions()
const LOOPBACK = 127
const UDP = 17
/** Offset of the field. */
const TOTAL_LENGTH = 2
