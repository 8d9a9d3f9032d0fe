/**
 * ICMPv4 errors of this node's own: whether one may be sent (RFC 1122 §3.2.2, RFC 1812 §4.3.2.7), what it quotes
 * (§4.3.2.3), where it comes from (§4.3.2.4), with which TOS (§4.3.2.5), how many (§4.3.2.8).
 */
import type { Instant } from '../../clock.ts'
import { ANY4, type Ip4, isMulticast } from '../../wire/addr.ts'
import type { ExtensionObject } from '../../wire/extension.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as ip4 from '../../wire/ip4.ts'
import * as option from '../../wire/ip4-option.ts'
import * as originalDatagram from '../../wire/original-datagram.ts'
import * as registry from '../../wire/registry.ts'
import type { SuppressedWhy } from '../counters.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { ErrorLimit4 } from './error-limit.ts'
import { wayBack } from './option-echo.ts'
import type { Ip4Settings } from './settings.ts'

export type Fault4 =
  | { kind: 'unreachable'; code: number; mtu?: number }
  | { kind: 'timeExceeded'; code: number }
  | { kind: 'parameterProblem'; code: number; pointer: number }
  | { kind: 'redirect'; code: number; gateway: Ip4 }

export class Errors4 {
  readonly #node: Node
  readonly #settings: Ip4Settings
  readonly #limit: ErrorLimit4

  constructor(node: Node) {
    this.#node = node
    this.#settings = node.ip4.settings
    const { errorLimit, errorLimitPerSource } = this.#settings
    this.#limit = new ErrorLimit4(errorLimit, errorLimitPerSource, node.tableKeys)
  }

  /**
   * Answers the datagram at `d.at` with an error, where one may be sent. Always false: nothing was rewritten in place.
   * `received`: its header as it came in, where forwarding has changed it since (RFC 1812 §4.3.3.5).
   */
  report(now: Instant, d: Inbound, fault: Fault4, received?: Uint8Array): false {
    const { counters, ip4: layer } = this.#node
    const h = ip4.parse(d.bytes, d.at, d.end)
    if (h.kind === 'malformed') return counters.suppress('silent-discard')
    const why = this.#mustNot(d, h, fault)
    if (why !== undefined) return counters.suppress(why)
    const reverse = layer.sourceRoutes !== 'drop' && !isAboutSourceRoute(h.options, fault)
    const { dst, options } = wayBack(h.options, h.src, { reverse, updated: false })
    const hop = layer.hop(now, dst)
    const src = typeof hop === 'string' ? undefined : layer.errorSource(h.dst, hop, d.port)
    if (src === undefined) return counters.suppress('no-source-address')
    if (!this.#limit.take(now, d.port.index, h.src)) return counters.suppress('rate-limit')
    const original = d.bytes.slice(d.at, Math.min(h.end, d.at + originalDatagram.LIMIT[4]))
    if (received !== undefined) original.set(received)
    const objects = fault.kind === 'redirect' ? NONE : this.#node.errorExtension.objects(now, d, 4, fault.kind)
    const { quote, extensions } = originalDatagram.fit(original, objects, {
      unit: 4,
      limit: originalDatagram.LIMIT[4],
      outer: ip4.HEADER + (((options?.length ?? 0) + 3) & ~3),
      quote: this.#settings.extensionQuote,
    })
    const end = icmp4.write(messageOf(fault, quote, extensions), MESSAGE, 0)
    const payload = MESSAGE.subarray(0, end)
    const g = { dst, src, protocol: icmp4.PROTOCOL, payload, tos: this.#tos(h.tos) }
    const sent = layer.send(now, options === undefined ? g : { ...g, options })
    if (sent !== 'sent') return counters.suppress('no-source-address')
    counters.errorSent(`v4 ${fault.kind} ${fault.code}`)
    return false
  }

  /** These win over every rule that asks for an error. */
  #mustNot(d: Inbound, h: ip4.Header, fault: Fault4): SuppressedWhy | undefined {
    const { ip4: layer } = this.#node
    if (d.link !== 'host') return 'link-broadcast'
    if (h.offset !== 0) return 'later-fragment'
    if (isMulticast(h.dst)) return 'multicast'
    if (layer.isBroadcast(h.dst)) return 'broadcast'
    if (!namesOneHost(h.src) || layer.isBroadcast(h.src)) return 'bad-source'
    if (h.protocol === icmp4.PROTOCOL && mayBeError(d.bytes, h)) return 'about-an-error'
    const inTransit = fault.kind === 'timeExceeded' && fault.code === 0
    return inTransit && this.#settings.noTimeExceeded.includes(d.port.index) ? 'switched-off' : undefined
  }

  #tos(original: number): number {
    return (this.#settings.errorPrecedence << 5) | (this.#node.role === 'gateway' ? original & TOS_BITS : 0)
  }
}

/** Not 0/8, 127/8, multicast, class E or the limited broadcast (RFC 1122 §3.2.2). */
export function namesOneHost(address: Ip4): boolean {
  const first = address >>> 24
  return address !== ANY4 && first !== 0 && first !== 127 && first < 224
}

/** An ICMP type that is an error, that nobody has assigned, or that is not here: then it may have been one. */
function mayBeError(bytes: Uint8Array, h: ip4.Header): boolean {
  return h.payload >= h.end || registry.typeEntry(4, bytes[h.payload]!).class !== 'query'
}

/** The octet at fault is one of the source route, which is then not used to go back (RFC 1812 §4.3.2.6). */
function isAboutSourceRoute(options: Uint8Array, fault: Fault4): boolean {
  if (fault.kind !== 'parameterProblem' || fault.code !== 0) return false
  const fromOptions = fault.pointer - ip4.HEADER
  for (let i = 0; i < options.length && options[i] !== option.Type.endOfList; ) {
    const length = options[i] === option.Type.noOperation ? 1 : Math.max(options[i + 1] ?? 0, 1)
    const isRoute = options[i] === option.Type.looseSourceRoute || options[i] === option.Type.strictSourceRoute
    if (isRoute && fromOptions >= i && fromOptions < i + length) return true
    i += length
  }
  return false
}

function messageOf(fault: Fault4, quote: Uint8Array, extensions: icmp4.TimeExceeded['extensions']): icmp4.Message {
  switch (fault.kind) {
    case 'unreachable':
      return { kind: 'unreachable', code: fault.code, nextHopMtu: fault.mtu ?? 0, quote, extensions }
    case 'timeExceeded':
      return { kind: 'timeExceeded', code: fault.code, quote, extensions }
    case 'parameterProblem':
      return { kind: 'parameterProblem', code: fault.code, pointer: fault.pointer, quote, extensions }
    case 'redirect':
      return { kind: 'redirect', code: fault.code, gateway: fault.gateway, quote }
  }
}

/** The TOS bits of RFC 1349 without the lowest, which is ECN's now (RFC 3168). */
const TOS_BITS = 0x1c
const NONE: readonly ExtensionObject[] = []
/** Where a message is made; of all nodes, since none is asked for anything while another's stands in it. */
const MESSAGE = new Uint8Array(originalDatagram.LIMIT[4])
