/**
 * ICMPv6 messages for this node (RFC 4443 §2.4): the checksum, the length of the fixed part, then whoever handles the
 * type (`handlers.ts`). Echo, the long way, and errors are handled here.
 *
 * Errors go to the transport that their quote names, and only where it says that this node sent what is quoted the IP
 * layer acts on them too (RFC 5927 §4, RFC 8201 §4).
 */
import type { Instant } from '../../clock.ts'
import { usable } from '../../wire/extension.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import { hex } from '../../wire/octets.ts'
import * as quote from '../../wire/quote.ts'
import { repeatsInterface } from '../error-extension.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Delivery, HeardError } from '../transport/transport.ts'
import { HANDLERS } from './handlers.ts'
import type { Packet6 } from './packet.ts'

/** As a handler (`handlers.ts`), of one node. */
export type Listener6 = (now: Instant, d: Inbound, p: Packet6, m: icmp6.Message) => void

export class Icmp6 {
  readonly #node: Node
  /** Types that nobody has a handler for, and who asked for them all the same. */
  #others: Map<number, Listener6> | undefined

  constructor(node: Node) {
    this.#node = node
  }

  /** From now on messages of the type, which `handlers.ts` does not know, go there. */
  on(type: number, listener: Listener6): void {
    this.#others ??= new Map()
    this.#others.set(type, listener)
  }

  input(now: Instant, d: Inbound, p: Packet6): void {
    const { counters, transport } = this.#node
    if (
      d.checksum !== 'partial' &&
      d.checksum !== 'ok' &&
      icmp6.verify(d.bytes, p.at, p.end, p.end - p.at, p.src, p.dst) !== 'ok'
    ) {
      counters.drop('bad-checksum')
      return
    }
    const m = icmp6.parse(d.bytes, p.at, p.end)
    if (m.kind === 'malformed') {
      counters.bad(m.why)
      return
    }
    if ('extensions' in m && repeatsInterface(m.extensions)) {
      counters.drop('bad-extension')
      return
    }
    if (transport.isHeard) transport.message(now, deliveryOf(d, p))
    const type = d.bytes[p.at]!
    const handler = HANDLERS[type]
    const other = this.#others?.get(type)
    if (icmp6.isError(type)) this.#heard(now, d, p, m)
    else if (handler !== undefined) handler(this.#node, now, d, p, m)
    else if (other !== undefined) other(now, d, p, m)
    else counters.drop('unknown-type')
  }

  /** RFC 4443 §4.2. What is plain has been answered in place (`echo.ts`). */
  answerEcho(now: Instant, d: Inbound, p: Packet6, m: icmp6.Message): void {
    const { counters, ip6: layer } = this.#node
    if (m.kind !== 'echoRequest') return
    if (p.multicast && !layer.settings.echoMulticast) {
      counters.drop('disabled')
      return
    }
    const reply = layer.replyTo(d, p)
    if (reply === undefined) {
      counters.drop('bad-source')
      return
    }
    const sent = layer.sendMessage(
      now,
      { ...reply, trafficClass: p.trafficClass },
      { kind: 'echoReply', code: 0, id: m.id, seq: m.seq, data: m.data },
    )
    if (sent === 'sent') counters.answered++
    else counters.drop(sent === 'no-route' ? 'no-route' : 'not-sent')
  }

  #heard(now: Instant, d: Inbound, p: Packet6, m: icmp6.Message): void {
    const { counters, transport, ip6: layer } = this.#node
    // An error of a type that nobody knows has its quote where all have it (RFC 4443 §2.1, §2.4(a)).
    const octets = 'quote' in m ? m.quote : d.bytes.subarray(Math.min(p.at + FIXED, p.end), p.end)
    const q = quote.parse(octets, 0, octets.length, 6)
    if ('kind' in q) {
      counters.bad(q.why)
      return
    }
    const type = d.bytes[p.at]!
    const code = d.bytes[p.at + 1]!
    const e: HeardError = {
      family: 6,
      port: d.port.index,
      from: p.src,
      type,
      code,
      mtu: m.kind === 'packetTooBig' ? m.mtu : 0,
      pointer: pointerOf(m, octets.length),
      quote: q,
      octets,
    }
    const tooBig = m.kind === 'packetTooBig'
    const answer = tooBig && isAnswer(q) && layer.pathMtu.wasSent(octets, 0, octets.length)
    if (!answer && !transport.heard(now, e)) return
    counters.errorReceived(`v6 ${m.kind} ${code}`)
    if (tooBig) this.#tooBig(now, d, p, m.mtu, q)
    else if (isLimit(type, code)) this.#log(now, d, p, octets, code, e.pointer)
  }

  #tooBig(now: Instant, d: Inbound, p: Packet6, mtu: number, q: quote.Quote): void {
    const { ip6: layer } = this.#node
    if (q.ip.kind !== 'ip6') return
    const hop = layer.hop(now, q.ip.finalDst, d.port)
    const linkMtu = layer.linkMtu(typeof hop === 'string' ? d.port : hop.port)
    if (!layer.pathMtu.learn(now, q.ip.finalDst, mtu, linkMtu, p.src, d.port.index)) this.#node.counters.drop('ignored')
  }

  /** RFC 8883 §4.2: what a source's headers were too much for is worth a line. */
  #log(now: Instant, d: Inbound, p: Packet6, octets: Uint8Array, code: number, pointer: number): void {
    this.#node.emit({
      kind: 'log',
      at: now,
      port: d.port.index,
      what: `a node on the path refuses such headers: code ${code}, octet ${pointer < 0 ? 'beyond' : pointer} of ${hex(octets, 0, Math.min(octets.length, 128))}`,
      about: p.src,
    })
  }
}

/**
 * That of a parameter problem may lie beyond the quote (RFC 4443 §3.4): whoever uses it asks. That of extended information
 * has to be below its length (RFC 8883 §3.1), or it is none.
 */
function pointerOf(m: icmp6.Message, quoted: number): number {
  if (m.kind === 'parameterProblem') return m.pointer
  if (m.kind === 'unreachable') {
    for (const o of usable(m.extensions))
      if (o.kind === 'extendedInformation') return o.pointer < quoted ? o.pointer : -1
  }
  return -1
}

/** Of no flow: a reply that this node made, or a fragment, which names no ports. */
function isAnswer({ transport }: quote.Quote): boolean {
  return transport.kind === 'fragment' || (transport.kind === 'icmp6' && transport.type === icmp6.Type.echoReply)
}

/** Parameter Problem codes 5 to 10, Destination Unreachable code 8. */
function isLimit(type: number, code: number): boolean {
  return type === icmp6.Type.parameterProblem ? code >= 5 && code <= 10 : type === icmp6.Type.unreachable && code === 8
}

function deliveryOf(d: Inbound, p: Packet6): Delivery {
  return {
    family: 6,
    protocol: icmp6.PROTOCOL,
    src: p.src,
    dst: p.dst,
    bytes: d.bytes,
    ip: d.at,
    at: p.at,
    end: p.end,
    port: d.port.index,
    hopLimit: p.hopLimit,
    tos: p.trafficClass,
  }
}

const FIXED = 8
