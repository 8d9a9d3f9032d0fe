/**
 * ICMPv6 errors of this node's own (RFC 4443 §2.4): whether one may be sent, what it quotes (§2.4(c)), which source it has
 * (§2.2), how many there are (§2.4(f)). The rules of (e) and (f) win over whatever asks for an error.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, isLinkLocal, readIp6 } from '../../wire/addr.ts'
import type { ExtensionObject } from '../../wire/extension.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import { IpTable } from '../../wire/ip-table.ts'
import * as ip6 from '../../wire/ip6.ts'
import { u16 } from '../../wire/octets.ts'
import { fit, LIMIT } from '../../wire/original-datagram.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { TokenBucket } from '../token-bucket.ts'
import { icmpType, UNSEEN } from './upper-header.ts'

export type Fault6 =
  /** `pointer` for code 8: the first octet beyond the limit (RFC 8883 §3.1). */
  | { kind: 'unreachable'; code: number; pointer?: number }
  | { kind: 'packetTooBig'; mtu: number }
  | { kind: 'timeExceeded'; code: number }
  | { kind: 'parameterProblem'; code: number; pointer: number }

export class Errors6 {
  readonly #node: Node
  /** None where none is known. */
  readonly #anycast: IpTable | undefined

  constructor(node: Node) {
    this.#node = node
    const { anycast } = node.ip6.settings
    if (anycast.length > 0) this.#anycast = new IpTable(node.tableKeys)
    for (const address of anycast) this.#anycast!.set(address, 1)
  }

  /** Answers the packet at `d.at` with an error, where one may be sent. Always false: nothing was rewritten in place. */
  report(now: Instant, d: Inbound, fault: Fault6): false {
    const { counters, ip6: layer } = this.#node
    const { bytes, at } = d
    if (fault.kind === 'unreachable' && this.#isSilent(d)) return counters.suppress('switched-off')
    if (this.#isBadSource(bytes, at + SRC)) return counters.suppress('bad-source')
    if (!isException(d, fault)) {
      if (bytes[at + DST] === 0xff) return counters.suppress('multicast')
      if (d.link === 'broadcast' || d.link === 'multicast') return counters.suppress('link-broadcast')
    }
    const end = Math.min(d.end, at + ip6.HEADER + u16(bytes, at + PAYLOAD_LENGTH))
    const type = icmpType(bytes, at, end)
    if (type === UNSEEN || (type >= 0 && icmp6.isError(type))) return counters.suppress('about-an-error')
    if (type === icmp6.Type.redirect) return counters.suppress('about-a-redirect')
    // Before anything is looked up: a flood costs little once its share is spent.
    if (!this.#bucket(d.port).take(now)) return counters.suppress('rate-limit')
    const to = readIp6(bytes, at + SRC)
    const src = this.#source(d, to)
    if (src === undefined) return counters.suppress('no-source-address')
    const port = isLinkLocal(to) ? d.port : undefined
    const message = this.#message(fault, bytes.subarray(at, end), this.#objects(now, d, fault))
    if (layer.sendMessage(now, { dst: to, src, port }, message) !== 'sent')
      return counters.suppress('no-source-address')
    counters.errorSent(`v6 ${fault.kind} ${message.code}`)
    return false
  }

  #message(fault: Fault6, original: Uint8Array, objects: readonly ExtensionObject[]): icmp6.Message {
    const room = { unit: 8, limit: LIMIT[6], outer: ip6.HEADER, quote: this.#node.ip6.settings.extensionQuote } as const
    const { quote, extensions } = fit(original, objects, room)
    switch (fault.kind) {
      case 'packetTooBig':
        return { kind: 'packetTooBig', code: 0, mtu: fault.mtu, quote }
      case 'parameterProblem':
        return { kind: 'parameterProblem', code: fault.code, pointer: fault.pointer, quote }
      default:
        return { kind: fault.kind, code: fault.code, quote, extensions }
    }
  }

  /** RFC 4884 §4.6: only Destination Unreachable and Time Exceeded may have any. */
  #objects(now: Instant, d: Inbound, fault: Fault6): readonly ExtensionObject[] {
    if (fault.kind !== 'unreachable' && fault.kind !== 'timeExceeded') return NONE
    const configured = this.#node.errorExtension.objects(now, d, 6, fault.kind)
    if (fault.kind !== 'unreachable' || fault.pointer === undefined) return configured
    return [{ kind: 'extendedInformation', pointer: fault.pointer }, ...configured]
  }

  /** RFC 4443 §2.2: the address that was spoken to, where that is a unicast one of this node's; else one that fits the route. */
  #source(d: Inbound, to: Ip6): Ip6 | undefined {
    const layer = this.#node.ip6
    const own = layer.addresses.at(d.bytes, d.at + DST, d.port)
    if (own !== undefined && !own.anycast) return own.address
    const byRoute = layer.sourceFor(to, isLinkLocal(to) ? d.port : undefined)
    if (this.#node.ip6.settings.errorSource === 'route') return byRoute
    return layer.sourceOn(to, d.port) ?? byRoute
  }

  #isBadSource(bytes: Uint8Array, at: number): boolean {
    if (bytes[at] === 0xff) return true
    // :: and ::1: fifteen octets of zero.
    let i = 0
    while (i < 15 && bytes[at + i] === 0) i++
    if (i === 15 && bytes[at + 15]! <= 1) return true
    return (this.#anycast?.getAt(bytes, at, 6) ?? -1) >= 0 || this.#isSubnetRouter(bytes, at)
  }

  /** The anycast address of the routers of a link of this node's (RFC 4291 §2.6.1; not of a /127, RFC 6164 §5.1). */
  #isSubnetRouter(bytes: Uint8Array, at: number): boolean {
    if ((bytes[at + 15]! & 3) !== 0) return false
    const src = readIp6(bytes, at)
    for (const { address, prefixLength } of this.#node.ip6.addresses) {
      if (prefixLength < 127 && (address >> BigInt(128 - prefixLength)) << BigInt(128 - prefixLength) === src)
        return true
    }
    return false
  }

  #isSilent(d: Inbound): boolean {
    const off = this.#node.ip6.settings.noUnreachables
    return off === 'all' || off.includes(d.port.index)
  }

  #bucket(port: Port): TokenBucket {
    const link = this.#node.ip6.neighbours.link(port)
    link.errors ??= new TokenBucket(this.#node.ip6.settings.errorLimit)
    return link.errors
  }
}

/** RFC 4443 §2.4(e.3): groups hear of packets that are too big, and of options that ask for it by their high bits 10. */
function isException(d: Inbound, fault: Fault6): boolean {
  if (fault.kind === 'packetTooBig') return true
  return fault.kind === 'parameterProblem' && fault.code === 2 && (d.bytes[d.at + fault.pointer]! & 0xc0) === 0x80
}

const NONE: readonly ExtensionObject[] = []
const PAYLOAD_LENGTH = 4
const SRC = 8
const DST = 24
