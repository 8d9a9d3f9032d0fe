/**
 * The short way of an echo answer: the request becomes its reply where it stands, without an object (RFC 1122 §3.2.2.6).
 * Only where everything was decided before, for a datagram of the same source, destination and port that took the long
 * way (`icmp.ts`), and where the way back leads to the link-layer address that the request came from.
 */
import type { Instant } from '../../clock.ts'
import { readIp4 } from '../../wire/addr.ts'
import { holds, sum, update } from '../../wire/checksum.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as ip4 from '../../wire/ip4.ts'
import { i32, put16, u16 } from '../../wire/octets.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { FlowCache } from './flow-cache.ts'

export class EchoInPlace {
  readonly #node: Node
  /** From the asker's address to its next hop. */
  readonly #askers: FlowCache
  #version = -1

  constructor(node: Node) {
    this.#node = node
    this.#askers = new FlowCache(node.tableKeys)
  }

  /** True: it is a reply now. False: untouched, the long way decides. */
  answer(now: Instant, d: Inbound): boolean {
    const { bytes, at, port } = d
    if (d.end - at < SHORTEST || bytes[at] !== PLAIN || d.link !== 'host' || d.labels !== -1) return false
    const payload = at + ip4.HEADER
    if (bytes[payload] !== icmp4.Type.echoRequest || bytes[at + PROTOCOL] !== icmp4.PROTOCOL) return false
    const { changes, ip4: layer, transport, counters } = this.#node
    if (this.#version !== changes.version) return false
    const row = this.#askers.find(bytes, at + SRC, port.index)
    if (row < 0 || (u16(bytes, at + FLAGS) & FRAGMENT) !== 0) return false
    const length = u16(bytes, at + LENGTH)
    const end = at + length
    if (length < SHORTEST || end > d.end || length > port.mtu || !this.#mayBePadded(d, end)) return false
    if (length > SMALL && layer.pathMtu(now, readIp4(bytes, at + SRC), port) < length) return false
    // Redirects, and gateways that do not answer.
    if (layer.control.nextHop(now, readIp4(bytes, at + SRC), undefined) !== undefined) return false
    if (transport.isHeard || !layer.settings.echo || layer.settings.requiredOption !== undefined) return false
    if (port.medium === 'ethernet' && !layer.arp.isAt(now, port, this.#askers.nextHop(row), bytes, d.frame + 6))
      return false
    if (!holds(sum(bytes, at, payload)) || !holds(sum(bytes, payload, end))) return false
    ip4.swapAddresses(bytes, at)
    bytes[at + TTL] = layer.settings.ttl
    layer.identify(bytes, at)
    const was = u16(bytes, payload)
    bytes[payload] = icmp4.Type.echoReply
    put16(bytes, payload + 2, update(u16(bytes, payload + 2), was, u16(bytes, payload)))
    if (length > SMALL && (bytes[at + FLAGS]! & DF) !== 0)
      layer.icmp.answers.note(i32(bytes, at + DST), bytes, payload, length)
    for (let i = end; i < d.end; i++) bytes[i] = 0
    counters.answered++
    counters.originated++
    return true
  }

  /** The request `h` was answered the long way: the next one of its kind need not be. */
  learn(now: Instant, d: Inbound, h: ip4.Header): void {
    const { changes, ip4: layer } = this.#node
    if (layer.control.nextHop(now, h.src, undefined) !== undefined) return
    const hop = layer.hop(now, h.src)
    if (typeof hop === 'string' || hop.port !== d.port) return
    if (this.#version !== changes.version) {
      this.#askers.clear()
      this.#version = changes.version
    }
    this.#askers.set(h.src, h.dst, d.port.index, hop.nextHop)
  }

  /** Only Ethernet fills a frame up; what stands there is not sent back. */
  #mayBePadded(d: Inbound, end: number): boolean {
    return end === d.end || (d.port.medium === 'ethernet' && d.end - d.frame <= SHORTEST_FRAME)
  }
}

/** Version 4, no options. */
const PLAIN = 0x45
/** An echo message without data. */
const SHORTEST = 28
/** Octets of the shortest Ethernet frame, its check sequence left out. */
const SHORTEST_FRAME = 60
/** No more than every path is taken to carry (RFC 1122 §3.3.3). */
const SMALL = 576
const LENGTH = 2
const FLAGS = 6
const DF = 0x40
/** More fragments, or an offset. */
const FRAGMENT = 0x3fff
const TTL = 8
const PROTOCOL = 9
const SRC = 12
const DST = 16
