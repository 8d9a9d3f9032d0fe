/**
 * UDP sockets for an application in the same process, so that it can feel ICMP (RFC 768, RFC 1122 §4.1, RFC 8085 §5.2):
 * bind, connect, send, receive, error. No clock and no callback: what came waits in the socket, bounded.
 */
import type { Instant } from '../../clock.ts'
import { ANY4, ANY6, type Family, familyOf, type Ip, type Ip4, type Ip6, isMulticast } from '../../wire/addr.ts'
import { pseudo4, pseudo6 } from '../../wire/checksum.ts'
import * as udp from '../../wire/udp.ts'
import type { Inbound } from '../inbound.ts'
import type { Sent } from '../ip4/layer.ts'
import type { Node } from '../node.ts'
import { pseudoSum } from './pseudo.ts'
import { type Severity, severity } from './severity.ts'
import type { Delivered, Delivery, HeardError, LocalError, Protocol } from './transport.ts'

export interface Received {
  data: Uint8Array
  from: Ip
  fromPort: number
  /** The address that it was sent to. */
  to: Ip
  /** Index of the port it came in by: the zone of link-local addresses. */
  port: number
}

/** An error about something that the socket sent; what the application does about a soft one is its own affair. */
export interface SocketError {
  /** `local`: this node could not send it. `path`: nothing was lost, but the path got narrower. */
  origin: 'icmp' | 'local' | 'path'
  severity: Severity
  /** undefined where it is local. */
  from: Ip | undefined
  type: number
  code: number
  why: LocalError['why'] | undefined
  mtu: number
  pointer: number
  /** Where the datagram at fault went. */
  to: Ip
  toPort: number
  /** The quoted datagram from its IP header on; empty where it is local. */
  quote: Uint8Array
}

export interface BindOptions {
  family: Family
  /** Any address of the node where not given. */
  address?: Ip
  /** An ephemeral one where 0 or not given. */
  port?: number
  /** Datagrams and errors that may wait. Default 64 each. */
  queue?: number
}

export class UdpSocket {
  readonly family: Family
  readonly address: Ip
  readonly port: number
  remote: Ip | undefined
  remotePort = 0
  readonly #table: UdpTable
  readonly #limit: number
  readonly #received: Received[] = []
  readonly #errors: SocketError[] = []
  /** Where unconnected datagrams went lately: an error about anything else is none of ours. */
  readonly #sentTo: { to: Ip; port: number }[] = []

  constructor(table: UdpTable, o: BindOptions, port: number) {
    this.#table = table
    this.family = o.family
    this.address = o.address ?? (o.family === 4 ? ANY4 : ANY6)
    this.port = port
    this.#limit = o.queue ?? 64
  }

  /** Only datagrams from there come in, only errors about datagrams to there. Port 0 is refused. */
  connect(remote: Ip, port: number): void {
    if (familyOf(remote) !== this.family) throw new TypeError(`an IPv${this.family} socket has no such peer`)
    if (!Number.isInteger(port) || port < 1 || port > 0xffff) throw new RangeError(`port ${port}`)
    this.remote = remote
    this.remotePort = port
  }

  /**
   * Sends to `to`, or to the peer. What the node itself says at once comes back; what the network says waits in `error`.
   * @throws TypeError without a destination, RangeError where it does not fit in a datagram
   */
  send(
    now: Instant,
    data: Uint8Array,
    to?: { address: Ip; port: number; zone?: number; ttl?: number; df?: boolean; probe?: boolean },
  ): Sent {
    const address = to?.address ?? this.remote
    const port = to?.port ?? this.remotePort
    if (address === undefined) throw new TypeError('the socket is not connected: say where to')
    if (to !== undefined && this.remote === undefined) this.#remember(address, port)
    return this.#table.transmit(now, this, data, address, port, to)
  }

  /** The oldest datagram that waits. */
  receive(): Received | undefined {
    return this.#received.shift()
  }

  /** The oldest error that waits. */
  error(): SocketError | undefined {
    return this.#errors.shift()
  }

  close(): void {
    this.#table.close(this)
  }

  /** True where it sent something to there: a connected socket to its peer, another to one of the last destinations. */
  sentTo(to: Ip, port: number): boolean {
    if (this.remote !== undefined) return this.remote === to && this.remotePort === port
    return this.#sentTo.some((s) => s.to === to && s.port === port)
  }

  /** True where the host is its peer, or one of its last destinations. */
  sendsTo(host: Ip): boolean {
    return this.remote !== undefined ? this.remote === host : this.#sentTo.some((s) => s.to === host)
  }

  push(r: Received): boolean {
    if (this.#received.length >= this.#limit) return false
    this.#received.push(r)
    return true
  }

  pushError(e: SocketError): boolean {
    if (this.#errors.length >= this.#limit) return false
    this.#errors.push(e)
    return true
  }

  #remember(to: Ip, port: number): void {
    if (this.#sentTo.some((s) => s.to === to && s.port === port)) return
    if (this.#sentTo.length >= DESTINATIONS) this.#sentTo.shift()
    this.#sentTo.push({ to, port })
  }
}

export class UdpTable implements Protocol {
  readonly #node: Node
  /** By local port. */
  readonly #sockets = new Map<number, UdpSocket[]>()

  constructor(node: Node) {
    this.#node = node
  }

  /** @throws RangeError where the port is taken or none is free */
  bind(o: BindOptions): UdpSocket {
    const port = o.port || this.#ephemeral(o.family)
    if (!Number.isInteger(port) || port < 1 || port > 0xffff) throw new RangeError(`port ${port}`)
    const there = this.#sockets.get(port) ?? []
    const any = o.family === 4 ? ANY4 : ANY6
    const address = o.address ?? any
    const taken = there.some(
      (s) => s.family === o.family && (s.address === address || s.address === any || address === any),
    )
    if (taken) throw new RangeError(`UDP port ${port} is in use`)
    const socket = new UdpSocket(this, o, port)
    this.#sockets.set(port, [...there, socket])
    return socket
  }

  close(socket: UdpSocket): void {
    const rest = (this.#sockets.get(socket.port) ?? []).filter((s) => s !== socket)
    if (rest.length > 0) this.#sockets.set(socket.port, rest)
    else this.#sockets.delete(socket.port)
  }

  deliver(_now: Instant, d: Delivery, inbound: Inbound): Delivered {
    const { counters } = this.#node
    const h = udp.parse(d.bytes, d.at, d.end)
    if (h.kind === 'malformed' || h.length === undefined || h.checksum === undefined) {
      counters.bad(h.kind === 'malformed' ? h.why : 'truncated')
      return 'taken'
    }
    // Without a checksum its length is all that tells that a part is lost.
    if (h.length > d.end - d.at) {
      counters.bad('truncated')
      return 'taken'
    }
    if (!this.#holds(d, h, inbound)) {
      counters.drop('bad-checksum')
      return 'taken'
    }
    const there = this.#sockets.get(h.dstPort)
    let taken = false
    for (const s of there ?? []) {
      if (s.family !== d.family || !accepts(s, d, h.srcPort)) continue
      taken = true
      const data = d.bytes.slice(h.payload, h.end)
      if (!s.push({ data, from: d.src, fromPort: h.srcPort, to: d.dst, port: d.port }))
        counters.drop('receive-queue-full')
    }
    return taken ? 'taken' : 'no-listener'
  }

  heard(_now: Instant, e: HeardError): boolean {
    const { transport, ip } = e.quote
    if (transport.kind !== 'udp') return false
    let believed = false
    for (const s of this.#sockets.get(transport.srcPort) ?? []) {
      if (s.family !== e.family || !isFrom(s, ip.src) || !s.sentTo(finalOf(ip), transport.dstPort)) continue
      believed = true
      // A redirect is the IP layer's: nothing was lost (RFC 1122 §3.2.2.2).
      if (e.family === 4 && e.type === REDIRECT) continue
      s.pushError({
        origin: 'icmp',
        severity: severity(e.family, e.type, e.code),
        from: e.from,
        type: e.type,
        code: e.code,
        why: undefined,
        mtu: e.mtu,
        pointer: e.pointer,
        to: finalOf(ip),
        toPort: transport.dstPort,
        quote: e.octets.slice(),
      })
    }
    return believed
  }

  pathMtu(_now: Instant, destination: Ip, mtu: number): void {
    for (const sockets of this.#sockets.values()) {
      for (const s of sockets) {
        if (s.family !== familyOf(destination) || !s.sendsTo(destination)) continue
        s.pushError({
          origin: 'path',
          severity: 'size',
          from: undefined,
          type: 0,
          code: 0,
          why: undefined,
          mtu,
          pointer: -1,
          to: destination,
          toPort: 0,
          quote: NOTHING,
        })
      }
    }
  }

  failed(_now: Instant, e: LocalError): void {
    const { transport, ip } = e.quote
    if (transport.kind !== 'udp') return
    for (const s of this.#sockets.get(transport.srcPort) ?? []) {
      if (s.family !== e.family || !isFrom(s, ip.src)) continue
      s.pushError({
        origin: 'local',
        severity: e.why === 'too-big' ? 'size' : 'soft',
        from: undefined,
        type: 0,
        code: 0,
        why: e.why,
        mtu: e.mtu,
        pointer: -1,
        to: finalOf(ip),
        toPort: transport.dstPort,
        quote: NOTHING,
      })
    }
  }

  transmit(
    now: Instant,
    s: UdpSocket,
    data: Uint8Array,
    to: Ip,
    toPort: number,
    how: { zone?: number; ttl?: number; df?: boolean; probe?: boolean } | undefined,
  ): Sent {
    const { ip4, ip6, ports } = this.#node
    if (data.length > MAX_DATA) throw new RangeError(`${data.length} octets do not fit in a UDP datagram`)
    const port = how?.zone === undefined ? undefined : ports.get(how.zone)
    const bound = s.address === ANY4 || s.address === ANY6 ? undefined : s.address
    const src = bound ?? (typeof to === 'bigint' ? ip6.sourceFor(to, port) : ip4.sourceFor(to, port))
    if (src === undefined) return 'no-source'
    const payload = new Uint8Array(udp.HEADER + data.length)
    payload.set(data, udp.HEADER)
    const pseudo = pseudoSum(src, to, UDP, payload.length)
    udp.write({ srcPort: s.port, dstPort: toPort }, payload, 0, payload.length, pseudo)
    const out = port === undefined ? {} : { port }
    if (typeof to === 'bigint') {
      const hops = how?.ttl === undefined ? {} : { hopLimit: how.ttl }
      return ip6.send(now, { dst: to, src: src as Ip6, protocol: UDP, payload, ...hops, ...out })
    }
    const more = {
      ...(how?.ttl === undefined ? {} : { ttl: how.ttl }),
      ...(how?.df === undefined ? {} : { df: how.df }),
      ...(how?.probe === undefined ? {} : { probe: how.probe }),
    }
    return ip4.send(now, { dst: to, src: src as Ip4, protocol: UDP, payload, ...more, ...out })
  }

  #holds(d: Delivery, h: udp.Header, inbound: Inbound): boolean {
    if (inbound.checksum !== 'unknown') return true
    const pseudo = d.family === 4 ? pseudo4 : pseudo6
    const verdict = udp.verify(d.bytes, d.at, d.end, h.length!, pseudo(d.bytes, d.ip, UDP, h.length!))
    // RFC 8200 §8.1: over IPv6 none is no choice.
    return verdict === 'ok' || (verdict === 'unverifiable' && d.family === 4 && h.checksum === 0)
  }

  #ephemeral(family: Family): number {
    for (let tries = 0; tries < 1000; tries++) {
      const port = FIRST_EPHEMERAL + Math.floor(this.#node.random() * (0x10000 - FIRST_EPHEMERAL))
      if (!this.#sockets.get(port)?.some((s) => s.family === family)) return port
    }
    throw new RangeError('no UDP port is free')
  }
}

function accepts(s: UdpSocket, d: Delivery, srcPort: number): boolean {
  if (s.remote !== undefined && (s.remote !== d.src || s.remotePort !== srcPort)) return false
  return isFrom(s, d.dst) || isMulticast(d.dst)
}

function isFrom(s: UdpSocket, address: Ip): boolean {
  return s.address === ANY4 || s.address === ANY6 || s.address === address
}

/** Where a routing header leads to, else the destination. */
function finalOf(ip: HeardError['quote']['ip']): Ip {
  return ip.kind === 'ip6' ? ip.finalDst : ip.dst
}

const NOTHING = new Uint8Array(0)
const UDP = 17
const REDIRECT = 5
const MAX_DATA = 0xffff - udp.HEADER
/** RFC 6335 §6: the dynamic ports. */
const FIRST_EPHEMERAL = 49152
/** Destinations that an unconnected socket remembers. */
const DESTINATIONS = 64
