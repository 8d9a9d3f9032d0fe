/**
 * Redirects of a gateway (RFC 4861 §8.2): a neighbour whose packet leaves by the port that it came in by is told of the
 * better first hop, at a bounded rate.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, readIp6 } from '../../wire/addr.ts'
import * as extension from '../../wire/ip6-extension.ts'
import type * as ndOption from '../../wire/nd-option.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Ip6Layer } from './layer.ts'
import { isUnicastLinkLocal } from './nd-input.ts'
import { sendNd } from './nd-output.ts'

export class RedirectSender {
  readonly #node: Node
  readonly #layer: Ip6Layer

  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
  }

  /** The packet at `d.at`, not yet changed, is about to leave by the port that it came in by; undefined: to its destination. */
  sentBack(now: Instant, d: Inbound, nextHop: Ip6 | undefined): void {
    const { counters } = this.#node
    const { bytes, at, port } = d
    if (!this.#layer.settings.sendRedirects) {
      counters.suppress('switched-off')
      return
    }
    const sender = readIp6(bytes, at + SRC)
    const destination = readIp6(bytes, at + DST)
    // A router is named by its link-local address, which this node may not know (RFC 4861 §4.5).
    const target = nextHop ?? destination
    if (nextHop !== undefined && !isUnicastLinkLocal(nextHop)) {
      counters.suppress('no-source-address')
      return
    }
    if (bytes[at + DST] === 0xff) {
      counters.suppress('multicast')
      return
    }
    // It was routed here by its source, which knows what it wants; or its source is not on this link.
    if (bytes[at + NEXT_HEADER] === extension.Type.routing || !this.#isNeighbour(sender, port) || target === sender) {
      counters.suppress('silent-discard')
      return
    }
    const src = this.#layer.linkLocal(port)
    if (src === undefined) {
      counters.suppress('no-source-address')
      return
    }
    if (!this.#bucket(port).take(now)) {
      counters.suppress('rate-limit')
      return
    }
    const options: ndOption.Option[] = []
    const n = this.#layer.neighbours.link(port).cache.get(target)
    if (n !== undefined && n.state !== 'incomplete') options.push({ kind: 'targetLinkLayer', linkLayerAddress: n.mac })
    const room = MAX_REDIRECT - FIXED - (options.length > 0 ? LINK_LAYER : 0)
    options.push({ kind: 'redirectedHeader', quote: bytes.subarray(at, Math.min(d.end, at + d.length, at + room)) })
    counters.errorSent('v6 redirect 0')
    sendNd(this.#node, now, port, src, sender, { kind: 'redirect', code: 0, target, destination, options })
  }

  /** Its address is of a prefix on the link, or it has spoken to this node as a neighbour. */
  #isNeighbour(address: Ip6, port: Port): boolean {
    if (isUnicastLinkLocal(address)) return true
    const route = this.#layer.routes.lookup(address)
    return route !== undefined && route.kind === 'unicast' && route.nextHop === undefined && route.port === port.index
  }

  #bucket(port: Port): TokenBucket {
    const link = this.#layer.neighbours.link(port)
    link.redirects ??= new TokenBucket(this.#layer.settings.redirectLimit)
    return link.redirects
  }
}

/** The whole packet fits the smallest link (RFC 4861 §4.6.3). */
const MAX_REDIRECT = 1280
/** IPv6 header, the redirect's own fields, the redirected header option's. */
const FIXED = 40 + 40 + 8
const LINK_LAYER = 8
const NEXT_HEADER = 6
const SRC = 8
const DST = 24
