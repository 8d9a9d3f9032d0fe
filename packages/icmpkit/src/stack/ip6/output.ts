/**
 * The way out of what this node begins: next hop, source, size, fragments (RFC 8200 §4.5, §5), and what becomes of it
 * where the next hop does not answer.
 */
import type { Instant } from '../../clock.ts'
import { ANY6, type Ip6, isMulticast, readIp6 } from '../../wire/addr.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import * as ip6 from '../../wire/ip6.ts'
import * as quote from '../../wire/quote.ts'
import type { Inbound } from '../inbound.ts'
import type { Sent } from '../ip4/layer.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { cut } from './fragment.ts'
import type { Input6 } from './input.ts'
import type { Datagram6, Hop6, Ip6Layer } from './layer.ts'
import { MIN_MTU } from './path-mtu.ts'

export class Output6 {
  readonly #node: Node
  readonly #layer: Ip6Layer
  readonly #in: Input6

  constructor(node: Node, layer: Ip6Layer, input: Input6) {
    this.#node = node
    this.#layer = layer
    this.#in = input
  }

  send(now: Instant, g: Datagram6): Sent {
    const layer = this.#layer
    const hop = this.#hop(now, g)
    if (typeof hop === 'string') return hop
    const src = g.src ?? layer.sourceFor(g.dst, hop.port)
    if (src === undefined || !this.#maySpeakFrom(src, hop.port)) return 'no-source'
    const fields = { ...g, src, hopLimit: g.hopLimit ?? layer.hopLimit(hop.port) }
    const at = ip6.size(fields)
    const end = at + g.payload.length
    if (end - ip6.HEADER > 0xffff) return 'too-big'
    const mtu = hop.own ? LONGEST : layer.mtuTo(now, g.dst, hop.port)
    if (end > mtu && g.df === true) return 'too-big'
    ip6.write(fields, OUT, 0, g.payload.length)
    OUT.set(g.payload, at)
    if (hop.own) this.#loop(now, hop.port, OUT.slice(0, end))
    else if (end <= mtu) this.#leave(now, hop, OUT, 0, end)
    else {
      // Nobody can guess the next one (RFC 7739 §5.3).
      const id = Math.floor(this.#node.random() * 2 ** 32)
      const isCut = cut(OUT, 0, end, mtu, id, (b, from, to) => this.#leave(now, hop, b, from, to))
      if (!isCut) return 'too-big'
    }
    this.#node.counters.originated++
    return 'sent'
  }

  sendMessage(now: Instant, to: Omit<Datagram6, 'protocol' | 'payload'>, message: icmp6.Message): Sent {
    const hop = this.#hop(now, to)
    if (typeof hop === 'string') return hop
    const src = to.src ?? this.#layer.sourceFor(to.dst, hop.port)
    if (src === undefined) return 'no-source'
    if (icmp6.size(message) > 0xffff) return 'too-big'
    const end = icmp6.write(message, MESSAGE, 0, src, to.dst)
    return this.send(now, { ...to, src, protocol: icmp6.PROTOCOL, payload: MESSAGE.subarray(0, end) })
  }

  /** Told to whoever sent it: an own transport, or the packet's source, whom an error reaches (RFC 4861 §7.2.2). */
  unresolved(now: Instant, port: Port, bytes: Uint8Array, at: number, end: number): void {
    const { counters, transport } = this.#node
    counters.drop('unresolved')
    if (this.#layer.addresses.isReady(readIp6(bytes, at + SRC))) {
      const q = quote.parse(bytes, at, end, 6)
      if (!('kind' in q))
        transport.failed(now, { family: 6, why: 'unresolved', mtu: 0, quote: q, octets: bytes.subarray(at, end) })
      return
    }
    // As it was received: it waited with its hop limit lowered.
    bytes[at + HOP_LIMIT]!++
    const d = { ...inboundOf(now, port, bytes, at, end), waited: true }
    this.#layer.errors.report(now, d, { kind: 'unreachable', code: 3 })
  }

  /** `own`: to an address of this node. */
  #hop(
    now: Instant,
    { dst, port }: Pick<Datagram6, 'dst' | 'port'>,
  ): (Hop6 & { own: boolean }) | 'no-route' | 'prohibited' {
    const { addresses } = this.#layer
    if (!isMulticast(dst) && addresses.isReady(dst, port)) {
      const by = addresses.find(dst, port)?.port ?? port
      return by === undefined ? 'no-route' : { port: by, nextHop: dst, own: true }
    }
    const hop = this.#layer.hop(now, dst, port)
    return typeof hop === 'string' ? hop : { ...hop, own: false }
  }

  #leave(now: Instant, hop: Hop6, bytes: Uint8Array, at: number, end: number): void {
    if (end - at > MIN_MTU) this.#layer.pathMtu.noteSent(bytes, at)
    this.#layer.neighbours.transmit(now, hop.port, hop.nextHop, bytes, at, end)
  }

  /** To an address of this node's own: it never sees a link, and its checksum was never in danger. */
  #loop(now: Instant, port: Port, bytes: Uint8Array): void {
    const d = inboundOf(now, port, bytes, 0, bytes.length)
    d.checksum = 'ok'
    this.#in.input(now, d)
  }

  /** RFC 4862 §5.4: not from an address that another may have. */
  #maySpeakFrom(src: Ip6, port: Port): boolean {
    const { addresses } = this.#layer
    return src === ANY6 || addresses.isReady(src) || addresses.find(src, port) === undefined
  }
}

function inboundOf(now: Instant, port: Port, bytes: Uint8Array, at: number, end: number): Inbound {
  return {
    bytes,
    frame: at,
    at,
    end,
    length: end - at,
    link: 'host',
    checksum: 'unknown',
    stamp: now,
    clock: 'virtual',
    port,
  }
}

/** Octets of the longest packet without a jumbo option, and some. */
const LONGEST = 66000
const HOP_LIMIT = 7
const SRC = 8
/** Where a packet, and its message, is made; of all nodes, since none is asked for anything while another's stands in it. */
const OUT = new Uint8Array(LONGEST)
const MESSAGE = new Uint8Array(LONGEST)
