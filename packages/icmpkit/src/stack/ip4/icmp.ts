/**
 * ICMPv4 messages for this node (RFC 792, RFC 1122 §3.2.2, RFC 1812 §4.3): the checksum, the length of the fixed part,
 * then whoever handles the type (`handlers.ts`). Echo and errors are handled here.
 */
import type { Instant } from '../../clock.ts'
import { type Ip4, isMulticast } from '../../wire/addr.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as ip4 from '../../wire/ip4.ts'
import * as quote from '../../wire/quote.ts'
import { repeatsInterface } from '../error-extension.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { HeardError } from '../transport/transport.ts'
import { AnswersSent } from './answers-sent.ts'
import { HANDLERS } from './handlers.ts'
import { deliveryOf } from './input.ts'
import type { Sent } from './layer.ts'
import { stamp, wayBack } from './option-echo.ts'
import { TransitOptions } from './transit-options.ts'

export class Icmp4 {
  readonly #node: Node
  #answers: AnswersSent | undefined

  constructor(node: Node) {
    this.#node = node
  }

  /** Those with DF. */
  get answers(): AnswersSent {
    this.#answers ??= new AnswersSent()
    return this.#answers
  }

  input(now: Instant, d: Inbound, h: ip4.Header): void {
    const { counters } = this.#node
    if (d.checksum !== 'partial' && icmp4.verify(d.bytes, h.payload, h.end, h.end - h.payload) !== 'ok') {
      counters.drop('bad-checksum')
      return
    }
    const m = icmp4.parse(d.bytes, h.payload, h.end)
    if (m.kind === 'malformed') {
      counters.bad(m.why)
      return
    }
    if ('extensions' in m && repeatsInterface(m.extensions)) {
      counters.drop('bad-extension')
      return
    }
    const { transport } = this.#node
    transport.message(now, deliveryOf(d, h))
    const handler = HANDLERS[d.bytes[h.payload]!]
    if (handler !== undefined) handler(this.#node, now, d, h, m)
    else if (!REPLIES.has(m.kind)) counters.drop('unknown-type')
    else if (transport.isHeard) counters.delivered++
    else counters.drop('unsolicited')
  }

  /**
   * An error, a redirect too: its quote is read and shown to the transports. What is believed comes back: its quote is of
   * something that this node sent.
   */
  hear(now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message): HeardError | undefined {
    const { counters, transport, ip4: layer } = this.#node
    if (!('quote' in m)) return undefined
    // What this node sent had one address of its own as source, and there the error goes.
    if (isMulticast(h.dst) || layer.isBroadcast(h.dst)) {
      counters.drop('unsolicited')
      return undefined
    }
    const q = quote.parse(m.quote, 0, m.quote.length, 4)
    if ('why' in q) {
      counters.bad(q.why)
      return undefined
    }
    const e: HeardError = {
      family: 4,
      port: d.port.index,
      from: h.src,
      type: icmp4.typeOf(m),
      code: m.code,
      mtu: this.#claimedMtu(now, q.ip, m),
      pointer: m.kind === 'parameterProblem' ? m.pointer : -1,
      quote: q,
      octets: m.quote,
    }
    const answer = e.type === icmp4.Type.unreachable && e.code === 4 && this.#isAnswer(e)
    if (!answer && !transport.heard(now, e)) return undefined
    counters.errorReceived(`v4 ${m.kind} ${m.code}`)
    layer.control.believed(now, e)
    return e
  }

  #isAnswer({ quote: q, octets }: HeardError): boolean {
    return q.ip.kind === 'ip4' && this.#node.ip4.isMine(q.ip.src) && this.answers.has(q, octets)
  }

  /** Of the next hop that a datagram was too big for; a router from before RFC 1191 does not say, so it is worked out. */
  #claimedMtu(now: Instant, ip: quote.Quote['ip'], m: icmp4.Message): number {
    if (m.kind !== 'unreachable' || m.code !== TOO_BIG || ip.kind !== 'ip4') return 0
    return this.#node.ip4.control.paths.claimed(now, ip, m.nextHopMtu)
  }

  /**
   * Answers the request at `d.at` from the address that it was sent to (RFC 1122 §3.2.2.6), with its TOS (RFC 1812
   * §4.3.2.5) and the options that go back: record route, timestamp, the source route turned round.
   */
  reply(now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message, how: { tos?: number } = {}): Sent {
    const { ip4: layer, counters } = this.#node
    const src = layer.specificDestination(h.dst, d.port)
    if (src === undefined) return 'no-source'
    const { dst, options } = this.#wayBack(now, d, h, src)
    const end = icmp4.write(m, MESSAGE, 0)
    const payload = MESSAGE.subarray(0, end)
    const tos = how.tos ?? h.tos
    const g = { dst, src, protocol: icmp4.PROTOCOL, payload, tos, ...options }
    // Unfragmented as its request came, so that its identification means nothing (RFC 6864 §4.1); fragmented all the same
    // where it must be.
    let sent = layer.send(now, { ...g, df: h.df })
    if (sent === 'too-big' && h.df) sent = layer.send(now, g)
    else if (sent === 'sent' && h.df) this.answers.note(dst, payload, 0, ip4.HEADER + end)
    if (sent === 'sent') counters.answered++
    else counters.drop(sent === 'too-big' ? 'too-big' : 'no-route')
    return sent
  }

  #wayBack(now: Instant, d: Inbound, h: ip4.Header, src: Ip4): { dst: Ip4; options: { options?: Uint8Array } } {
    if (h.options.length === 0) return { dst: h.src, options: NO_OPTIONS }
    const { ip4: layer, wall } = this.#node
    stamp(OPTIONS, d.bytes, d.at, h.payload, src, wall(now), (address) => layer.isMine(address))
    const back = wayBack(h.options, h.src, { reverse: layer.sourceRoutes !== 'drop', updated: true })
    return { dst: back.dst, options: back.options === undefined ? NO_OPTIONS : { options: back.options } }
  }

  /** An echo request (RFC 1122 §3.2.2.6). */
  echo(now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message): void {
    const { ip4: layer, counters } = this.#node
    if (m.kind !== 'echoRequest') return
    const { settings } = layer
    const group = isMulticast(h.dst) || layer.isBroadcast(h.dst)
    if (!settings.echo || (group && !settings.echoBroadcast)) counters.drop('disabled')
    else {
      this.reply(now, d, h, { ...m, kind: 'echoReply', data: this.#fitting(now, h, m.data) })
      if (!group) layer.learnEcho(now, d, h)
    }
  }

  /** A host that does not fragment sends as much as goes in one piece (RFC 1122 §3.2.2.6). */
  #fitting(now: Instant, h: ip4.Header, data: Uint8Array): Uint8Array {
    const { ip4: layer } = this.#node
    if (layer.settings.fragment) return data
    const hop = layer.hop(now, h.src)
    if (typeof hop === 'string') return data
    const most = layer.pathMtu(now, h.src, hop.port) - ip4.HEADER - h.options.length - ICMP_HEADER
    return data.subarray(0, Math.max(0, most))
  }
}

/** Answers to somebody's questions: raw listeners have seen them. */
const REPLIES: ReadonlySet<icmp4.Kind> = new Set([
  'echoReply',
  'timestampReply',
  'informationReply',
  'addressMaskReply',
  'extendedEchoReply',
])

const NO_OPTIONS = {}
const ICMP_HEADER = 8
/** Fragmentation needed and DF set. */
const TOO_BIG = 4
/** Where a message is made; of all nodes, since none is asked for anything while another's stands in it. */
const MESSAGE = new Uint8Array(0x10000)
/** The options of the request that is answered, of whatever node. */
const OPTIONS = new TransitOptions()
