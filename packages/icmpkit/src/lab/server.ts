/**
 * Servers of a node, so that something is there to be asked: UDP ports that send each datagram back, and TCP ports that
 * accept connections, acknowledge what comes, and close when the other side does. No state is kept of a connection.
 */
import type { Instant } from '../clock.ts'
import type { Inbound } from '../stack/inbound.ts'
import type { Node } from '../stack/node.ts'
import { pseudoSum } from '../stack/transport/pseudo.ts'
import type { Delivered, Delivery, HeardError, LocalError, Protocol } from '../stack/transport/transport.ts'
import type { UdpSocket } from '../stack/transport/udp-table.ts'
import { type Ip, type Ip4, type Ip6, isLinkLocal } from '../wire/addr.ts'
import { pseudo4, pseudo6 } from '../wire/checksum.ts'
import * as tcp from '../wire/tcp.ts'

/** The ports at which programs of a node answer; of the protocol that is left out they stay. */
export interface Served {
  udp?: readonly number[]
  tcp?: readonly number[]
}

/** The programs of one node. */
export class Servers {
  readonly #node: Node
  #udp: UdpServer | undefined
  #tcp: TcpServer | undefined

  constructor(node: Node) {
    this.#node = node
  }

  /** From now on these ports answer, and no others. */
  serve({ udp, tcp }: Served): void {
    if (udp !== undefined) this.#udp = this.#listening(UDP, this.#udp, udp, UdpServer)
    if (tcp !== undefined) this.#tcp = this.#listening(TCP, this.#tcp, tcp, TcpServer)
  }

  /** A node without ports keeps what it has: nothing lies over its transport. */
  #listening<S extends UdpServer | TcpServer>(
    protocol: number,
    there: S | undefined,
    ports: readonly number[],
    Make: new (node: Node) => S,
  ): S | undefined {
    if (there === undefined && ports.length === 0) return undefined
    const server = there ?? new Make(this.#node)
    if (there === undefined) this.#node.transport.register(protocol, server)
    server.listen(ports)
    return server
  }
}

/** What another protocol does, but for what is delivered. */
class Over implements Protocol {
  protected readonly node: Node
  protected readonly below: Protocol

  constructor(node: Node, below: Protocol) {
    this.node = node
    this.below = below
  }

  deliver(now: Instant, d: Delivery, inbound: Inbound): Delivered {
    return this.below.deliver(now, d, inbound)
  }

  heard(now: Instant, e: HeardError): boolean {
    return this.below.heard(now, e)
  }

  failed(now: Instant, e: LocalError): void {
    this.below.failed(now, e)
  }

  pathMtu(now: Instant, destination: Ip, mtu: number): void {
    this.below.pathMtu?.(now, destination, mtu)
  }
}

class UdpServer extends Over {
  #sockets: UdpSocket[] = []

  constructor(node: Node) {
    super(node, node.transport.udp)
  }

  listen(ports: readonly number[]): void {
    const { udp } = this.node.transport
    for (const s of this.#sockets) s.close()
    this.#sockets = ports.flatMap((port) => [udp.bind({ family: 4, port }), udp.bind({ family: 6, port })])
  }

  override deliver(now: Instant, d: Delivery, inbound: Inbound): Delivered {
    const delivered = super.deliver(now, d, inbound)
    for (const s of this.#sockets) {
      for (let r = s.receive(); r !== undefined; r = s.receive())
        s.send(now, r.data, { address: r.from, port: r.fromPort, zone: r.port })
      // Errors about answers: nobody is there to be told.
      while (s.error() !== undefined);
    }
    return delivered
  }
}

class TcpServer extends Over {
  #ports: ReadonlySet<number> = new Set()

  constructor(node: Node) {
    super(node, node.transport.tcp)
  }

  listen(ports: readonly number[]): void {
    this.#ports = new Set<number>(ports)
  }

  override deliver(now: Instant, d: Delivery, inbound: Inbound): Delivered {
    const h = tcp.parse(d.bytes, d.at, d.end)
    if (h.kind === 'malformed' || h.missing.length > 0 || !this.#ports.has(h.dstPort))
      return super.deliver(now, d, inbound)
    const length = d.end - d.at
    const pseudo = (d.family === 4 ? pseudo4 : pseudo6)(d.bytes, d.ip, TCP, length)
    if (tcp.verify(d.bytes, d.at, d.end, length, pseudo) !== 'ok') return super.deliver(now, d, inbound)
    const { syn, ack, fin, rst } = tcp.Flag
    const flags = h.flags ?? 0
    if ((flags & rst) !== 0) return 'taken'
    const closes = (flags & fin) !== 0 ? 1 : 0
    const next = (h.seq! + (h.end - h.payload) + closes) >>> 0
    if ((flags & (syn | ack)) === syn) this.#say(now, d, h, syn | ack, FIRST, (h.seq! + 1) >>> 0)
    else if ((flags & ack) === 0) return super.deliver(now, d, inbound)
    else if (next !== h.seq) this.#say(now, d, h, closes === 1 ? fin | ack : ack, h.ack!, next)
    return 'taken'
  }

  #say(now: Instant, d: Delivery, h: tcp.Header, flags: number, seq: number, ack: number): void {
    const segment = new Uint8Array(tcp.HEADER)
    const ports = { srcPort: h.dstPort, dstPort: h.srcPort }
    const pseudo = pseudoSum(d.dst, d.src, TCP, segment.length)
    tcp.write({ ...ports, flags, seq, ack, window: WINDOW }, segment, 0, segment.length, pseudo)
    const { ip4, ip6, ports: all } = this.node
    if (typeof d.src === 'bigint') {
      const port = isLinkLocal(d.src) ? all.get(d.port) : undefined
      const by = port === undefined ? {} : { port }
      ip6.send(now, { dst: d.src, src: d.dst as Ip6, protocol: TCP, payload: segment, ...by })
    } else ip4.send(now, { dst: d.src, src: d.dst as Ip4, protocol: TCP, payload: segment, df: true })
  }
}

const TCP = 6
const UDP = 17
/** Sequence number of every first segment: the lab is no place for secrets. */
const FIRST = 1000
const WINDOW = 65_535
