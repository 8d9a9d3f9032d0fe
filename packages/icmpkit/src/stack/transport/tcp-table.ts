/**
 * What ICMP has to do with TCP, without a TCP: a table of connections that somebody else runs, errors about them judged as
 * RFC 5927 and RFC 9293 §3.9.2.2 ask, and a reset for segments that no connection is there for (RFC 9293 §3.10.7.1).
 */
import type { Instant } from '../../clock.ts'
import { type Family, type Ip, type Ip4, type Ip6, isMulticast } from '../../wire/addr.ts'
import { pseudo4, pseudo6 } from '../../wire/checksum.ts'
import * as tcp from '../../wire/tcp.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { pseudoSum } from './pseudo.ts'
import { severity } from './severity.ts'
import type { Delivered, Delivery, HeardError, LocalError, Protocol } from './transport.ts'

export interface ConnectionConfig {
  family: Family
  local: Ip
  localPort: number
  remote: Ip
  remotePort: number
  /** Every state from SYN-RECEIVED on is synchronised (RFC 9293 §3.3.2). */
  state: 'syn-sent' | 'synchronised'
  /** Oldest sequence number not acknowledged, and the next to be sent: an error's quote lies between (RFC 5927 §4.1). */
  sndUna: number
  sndNxt: number
  /** Largest packet sent, and largest acknowledged, octets (RFC 5927 §7.2). */
  maxSizeSent: number
  maxSizeAcked: number
}

export type ConnectionEvent =
  /** The connection is over (RFC 9293 §3.9.2.2, in SYN-SENT only: RFC 5927 §5.2). */
  | { kind: 'abort'; error: HeardError }
  /** Kept for the application; the connection lives. */
  | { kind: 'soft'; error: HeardError }
  /** Send no more than so many octets in a packet. */
  | { kind: 'path-mtu'; mtu: number }
  /** This node could not send. */
  | { kind: 'local'; error: LocalError }

export class Connection {
  readonly key: Readonly<Omit<ConnectionConfig, 'state' | 'sndUna' | 'sndNxt' | 'maxSizeSent' | 'maxSizeAcked'>>
  state: 'syn-sent' | 'synchronised' | 'aborted'
  sndUna: number
  sndNxt: number
  maxSizeSent: number
  maxSizeAcked: number
  readonly events: ConnectionEvent[] = []
  /** A claim about the path MTU that waits for evidence. */
  #pending: { error: HeardError; seq: number } | undefined
  /** The least path MTU that its owner knows of. */
  #told = Number.POSITIVE_INFINITY
  readonly #believe: (now: Instant, e: HeardError) => void

  constructor(c: ConnectionConfig, believe: (now: Instant, e: HeardError) => void) {
    const { family, local, localPort, remote, remotePort } = c
    this.key = { family, local, localPort, remote, remotePort }
    this.state = c.state
    this.sndUna = c.sndUna
    this.sndNxt = c.sndNxt
    this.maxSizeSent = c.maxSizeSent
    this.maxSizeAcked = c.maxSizeAcked
    this.#believe = believe
  }

  /** `ack` came in for a packet of `size` octets: progress, so a pending claim that it was too big was a lie. */
  acked(ack: number, size: number): void {
    this.sndUna = ack
    this.maxSizeAcked = Math.max(this.maxSizeAcked, size)
    if (this.#pending !== undefined && before(this.#pending.seq, ack)) this.#pending = undefined
  }

  /** A segment timed out (MAXSEGRTO 1, RFC 5927 §7.2): a pending claim is believed now. */
  timedOut(now: Instant): void {
    const p = this.#pending
    if (p === undefined) return
    this.#pending = undefined
    this.narrowed(p.error.mtu)
    this.#believe(now, p.error)
  }

  /** True where the IP layer may act on it as well. */
  heard(e: HeardError, seq: number): boolean {
    // A redirect is the IP layer's: nothing was lost (RFC 1122 §3.2.2.2).
    if (e.family === 4 && e.type === REDIRECT) return true
    switch (severity(e.family, e.type, e.code)) {
      case 'size':
        return this.#sized(e, seq)
      case 'hard':
        if (this.state === 'syn-sent') {
          this.state = 'aborted'
          this.events.push({ kind: 'abort', error: copied(e) })
          return true
        }
        break
      case 'soft':
    }
    this.events.push({ kind: 'soft', error: copied(e) })
    return true
  }

  /** Told once for each size: a burst about what was under way makes one retransmission (RFC 1191 §6.4). */
  narrowed(mtu: number): void {
    if (mtu >= this.#told) return
    this.#told = mtu
    this.events.push({ kind: 'path-mtu', mtu })
  }

  #sized(e: HeardError, seq: number): boolean {
    if (e.mtu > this.maxSizeSent) return false
    if (e.mtu >= this.maxSizeAcked) {
      this.narrowed(e.mtu)
      return true
    }
    this.#pending = { error: copied(e), seq }
    return false
  }
}

export class TcpTable implements Protocol {
  readonly #node: Node
  /** By local port. */
  readonly #connections = new Map<number, Connection[]>()

  constructor(node: Node) {
    this.#node = node
  }

  /** @param believe what the IP layer does with a claim that proved true later */
  add(c: ConnectionConfig, believe: (now: Instant, e: HeardError) => void = () => {}): Connection {
    const connection = new Connection(c, believe)
    this.#connections.set(c.localPort, [...(this.#connections.get(c.localPort) ?? []), connection])
    return connection
  }

  remove(connection: Connection): void {
    const { localPort } = connection.key
    const rest = (this.#connections.get(localPort) ?? []).filter((c) => c !== connection)
    if (rest.length > 0) this.#connections.set(localPort, rest)
    else this.#connections.delete(localPort)
  }

  deliver(now: Instant, d: Delivery, inbound: Inbound): Delivered {
    const { counters } = this.#node
    const h = tcp.parse(d.bytes, d.at, d.end)
    if (h.kind === 'malformed' || h.missing.length > 0) {
      counters.bad(h.kind === 'malformed' ? h.why : 'truncated')
      return 'taken'
    }
    // A segment for many is no connection's, and nobody's to refuse (RFC 9293 §3.9.2.3).
    if (isMulticast(d.dst) || (d.family === 4 && this.#node.ip4.isBroadcast(d.dst as Ip4))) {
      counters.drop('no-listener')
      return 'taken'
    }
    const length = d.end - d.at
    const pseudo = d.family === 4 ? pseudo4 : pseudo6
    if (
      inbound.checksum === 'unknown' &&
      tcp.verify(d.bytes, d.at, d.end, length, pseudo(d.bytes, d.ip, TCP, length)) !== 'ok'
    ) {
      counters.drop('bad-checksum')
      return 'taken'
    }
    if (this.#find(d.family, d.dst, h.dstPort, d.src, h.srcPort) === undefined) this.#reset(now, d, h)
    return 'taken'
  }

  heard(_now: Instant, e: HeardError): boolean {
    const { transport, ip } = e.quote
    if (transport.kind !== 'tcp') return false
    const to = ip.kind === 'ip6' ? ip.finalDst : ip.dst
    const connection = this.#find(e.family, ip.src, transport.srcPort, to, transport.dstPort)
    if (connection === undefined) return false
    const { seq } = transport
    if (seq === undefined || before(seq, connection.sndUna) || !before(seq, connection.sndNxt)) {
      return this.#node.counters.drop('out-of-window')
    }
    return connection.heard(e, seq)
  }

  pathMtu(_now: Instant, destination: Ip, mtu: number): void {
    for (const connections of this.#connections.values()) {
      for (const c of connections) if (c.key.remote === destination) c.narrowed(mtu)
    }
  }

  failed(_now: Instant, e: LocalError): void {
    const { transport, ip } = e.quote
    if (transport.kind !== 'tcp') return
    const to = ip.kind === 'ip6' ? ip.finalDst : ip.dst
    this.#find(e.family, ip.src, transport.srcPort, to, transport.dstPort)?.events.push({ kind: 'local', error: e })
  }

  #find(family: Family, local: Ip, localPort: number, remote: Ip, remotePort: number): Connection | undefined {
    return this.#connections
      .get(localPort)
      ?.find(
        ({ key: k }) => k.family === family && k.local === local && k.remote === remote && k.remotePort === remotePort,
      )
  }

  /** Nobody listens: a reset, so that the asker need not wait (RFC 9293 §3.10.7.1). Never an ICMP port unreachable. */
  #reset(now: Instant, d: Delivery, h: tcp.Header): void {
    const flags = h.flags ?? 0
    if ((flags & tcp.Flag.rst) !== 0) return
    const segment = new Uint8Array(tcp.HEADER)
    const acked = (flags & tcp.Flag.ack) !== 0
    const length = h.end - h.payload + ((flags & tcp.Flag.syn) !== 0 ? 1 : 0) + ((flags & tcp.Flag.fin) !== 0 ? 1 : 0)
    const answer = acked ? { seq: h.ack } : { seq: 0, ack: ((h.seq ?? 0) + length) >>> 0 }
    const f = { srcPort: h.dstPort, dstPort: h.srcPort, flags: tcp.Flag.rst | (acked ? 0 : tcp.Flag.ack), ...answer }
    tcp.write(f, segment, 0, segment.length, pseudoSum(d.dst, d.src, TCP, segment.length))
    const port = this.#node.ports.get(d.port)
    if (typeof d.src === 'bigint') {
      // A link-local peer is reached by the link that it spoke on.
      const by = d.src >> 118n === LINK_LOCAL && port !== undefined ? { port } : {}
      this.#node.ip6.send(now, { dst: d.src, src: d.dst as Ip6, protocol: TCP, payload: segment, ...by })
    } else this.#node.ip4.send(now, { dst: d.src, src: d.dst as Ip4, protocol: TCP, payload: segment, df: true })
  }
}

/** Sequence numbers wrap: a lies before b (RFC 9293 §3.4). */
function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0
}

/** An error that is kept: its octets are only on loan. */
function copied(e: HeardError): HeardError {
  return { ...e, octets: e.octets.slice() }
}

const TCP = 6
const REDIRECT = 5
/** fe80::/10 */
const LINK_LOCAL = 0xfe80n >> 6n
