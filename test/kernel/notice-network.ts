/**
 * A workstation and a server, and errors from the server's side that quote what the test says: real ICMP, by a raw socket,
 * at real sockets of the workstation's kernel. Nothing here waits for a time: counters of the kernel tell that an error
 * has been looked at, taken or not.
 */
import { readFileSync } from 'node:fs'
import {
  ADDRESS_SIZE,
  AF_INET,
  AF_INET6,
  MSG_DONTWAIT,
  putAddress,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
} from '../../packages/icmpkit/src/os/socket.ts'
import { must, sys } from '../../packages/icmpkit/src/os/sys.ts'
import type { Family, Ip, Ip4, Ip6 } from '../../packages/icmpkit/src/wire/addr.ts'
import { pseudo4, pseudo6 } from '../../packages/icmpkit/src/wire/checksum.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import { put16, put32, u16, u32 } from '../../packages/icmpkit/src/wire/octets.ts'
import * as tcp from '../../packages/icmpkit/src/wire/tcp.ts'
import { datagram } from './hostile-host.ts'
import { POLLIN, poll } from './kernel-socket.ts'
import { cable, type Host, ip, makeHost } from './testnet.ts'

/** The workstation, the server, an address that the server can lose, and one of nobody. */
export const CLIENT = { 4: '192.0.2.1', 6: '2001:db8::1' } as const
export const SERVER = { 4: '192.0.2.2', 6: '2001:db8::2' } as const
export const MOVING = { 4: '192.0.2.4', 6: '2001:db8::4' } as const
/** What is sent there reaches the server's cable and no program: it never answers. */
export const SILENT = { 4: '192.0.2.99', 6: '2001:db8::99' } as const

/** A segment of TCP as the server's side saw it. */
export interface Segment {
  /** The IP packet. */
  packet: Uint8Array
  port: number
  remotePort: number
  seq: number
  ack: number
  flags: number
  /** Of data. */
  octets: number
}

export interface Flow {
  protocol: 'udp' | 'tcp'
  family: Family
  /** The workstation's. */
  port: number
  server: string
  serverPort: number
}

export class NoticeNetwork implements Disposable {
  readonly client: Host
  readonly server: Host
  readonly #raw: Record<Family, number>
  readonly #sniffer: number
  readonly #heard: Segment[] = []

  constructor() {
    this.client = makeHost('c')
    this.server = makeHost('s')
    cable(this.client, this.server)
    for (const family of [4, 6] as const) {
      const length = family === 4 ? 24 : 64
      this.client.address('eth0', `${CLIENT[family]}/${length}`)
      this.server.address('eth0', `${SERVER[family]}/${length}`)
    }
    // Nobody asks for a neighbour, so that no first packet waits for one.
    const macs = [this.client, this.server].map((h) => h.netlink.link('eth0')!.address)
    for (const family of [4, 6] as const) {
      for (const to of [SERVER, MOVING, SILENT]) neighbour(this.client, to[family], macs[1]!)
      neighbour(this.server, CLIENT[family], macs[0]!)
    }
    const open = (domain: number, type: number, protocol: number) =>
      this.server.inside(() =>
        must(sys().socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), 'socket', 'test'),
      )
    this.#raw = { 4: open(AF_INET, SOCK_RAW, IPPROTO_RAW), 6: open(AF_INET6, SOCK_RAW, IPPROTO_RAW) }
    this.#sniffer = open(AF_PACKET, SOCK_DGRAM, 0x0300)
  }

  /** The server's address that it can lose: from then on it is silent, and its sockets know nothing of it. */
  settle(family: Family): void {
    this.server.address('eth0', `${MOVING[family]}/${family === 4 ? 24 : 64}`)
  }

  leave(family: Family): void {
    const index = this.server.netlink.index('eth0')
    this.server.netlink.removeAddress({ index, address: ip(MOVING[family]), prefixLength: family === 4 ? 24 : 64 })
  }

  /** Sends whole IP packets from the server. */
  send(packets: readonly Uint8Array[]): void {
    for (const packet of packets) {
      const family = packet[0]! >>> 4 === 4 ? 4 : 6
      const address = new Uint8Array(ADDRESS_SIZE)
      const at = family === 4 ? 16 : 24
      const length = putAddress(new DataView(address.buffer), address, 0, family, packet, at)
      must(sys().sendto(this.#raw[family], packet, packet.length, 0, address, length), 'sendto', 'test')
    }
  }

  /**
   * The same of ICMP messages, until the workstation's kernel has done with all of them. Its counters tell that it has
   * begun with each; a packet socket that closes waits until whoever handles a packet has let go of it.
   */
  deliver(packets: readonly Uint8Array[]): void {
    const before = received(counters(this.client))
    this.send(packets)
    for (let i = 0; received(counters(this.client)) < before + packets.length; i++) {
      if (i === 60_000) throw new Error('the errors do not arrive')
      Atomics.wait(SLEEP, 0, 0, 1)
    }
    this.client.inside(() => sys().close(must(sys().socket(AF_PACKET, SOCK_DGRAM, 0), 'socket', 'test')))
  }

  /** The last segment from the workstation that fits, waited for. */
  segment(fits: (s: Segment) => boolean): Segment {
    for (;;) {
      this.#listen()
      const found = this.#heard.findLast(fits)
      if (found !== undefined) return found
      if (poll(this.#sniffer, POLLIN, 60_000) === 0) throw new Error('no such segment')
    }
  }

  [Symbol.dispose](): void {
    for (const fd of [this.#raw[4], this.#raw[6], this.#sniffer]) sys().close(fd)
    this.client.remove()
    this.server.remove()
  }

  #listen(): void {
    const bytes = new Uint8Array(65536)
    for (;;) {
      const got = sys().recv(this.#sniffer, bytes, bytes.length, MSG_DONTWAIT)
      if (got < 0) return
      const s = segmentOf(bytes.slice(0, got))
      if (s !== undefined) this.#heard.push(s)
    }
  }
}

function segmentOf(packet: Uint8Array): Segment | undefined {
  const header = packet[0]! >>> 4 === 4 ? ip4.parse(packet) : ip6.parse(packet)
  if (header.kind === 'malformed' || header.protocol !== 6) return undefined
  const t = tcp.parse(packet, header.payload, header.end)
  if (t.kind === 'malformed' || header.src !== ip(header.kind === 'ip4' ? CLIENT[4] : CLIENT[6])) return undefined
  const at = header.payload
  const octets = header.end - at - (packet[at + 12]! >>> 4) * 4
  return {
    packet,
    port: u16(packet, at),
    remotePort: u16(packet, at + 2),
    seq: u32(packet, at + 4),
    ack: u32(packet, at + 8),
    flags: packet[at + 13]!,
    octets,
  }
}

// ---- what is sent

/** The first octets of what the workstation sent: 28 (48), an IP header and eight of the transport. */
export function quoteOf(f: Flow, seq = 0): Uint8Array {
  const header = f.family === 4 ? 20 : 40
  const quote = new Uint8Array(header + 8)
  const length = f.protocol === 'tcp' ? 20 : 8 + 4
  const protocol = f.protocol === 'tcp' ? 6 : 17
  const src = ip(CLIENT[f.family])
  const dst = ip(f.server)
  if (f.family === 4) ip4.write({ protocol, src: src as Ip4, dst: dst as Ip4, df: true }, quote, 0, length)
  else ip6.write({ protocol, src: src as Ip6, dst: dst as Ip6 }, quote, 0, length)
  put16(quote, header, f.port)
  put16(quote, header + 2, f.serverPort)
  if (f.protocol === 'tcp') put32(quote, header + 4, seq >>> 0)
  else put16(quote, header + 4, length)
  return quote
}

/** An error of `type` and `code` to the workstation that quotes `quote`. */
export function notice(
  family: Family,
  type: number,
  code: number,
  quote: Uint8Array,
  { from = SERVER[family] as string, rest = 0, broken = false } = {},
): Uint8Array {
  const icmp = new Uint8Array(8 + quote.length)
  icmp.set([type, code])
  put32(icmp, 4, rest)
  icmp.set(quote, 8)
  return datagram(family, ip(from), ip(CLIENT[family]), icmp, broken)
}

/** A segment without data from the server's address, whoever that is. */
export function bareSegment(f: Flow, seq: number, ack: number, flags: number = tcp.Flag.ack): Uint8Array {
  const header = f.family === 4 ? 20 : 40
  const packet = new Uint8Array(header + 20)
  const [src, dst] = [ip(f.server), ip(CLIENT[f.family])] as [Ip, Ip]
  if (f.family === 4) ip4.write({ protocol: 6, src: src as Ip4, dst: dst as Ip4 }, packet, 0, 20)
  else ip6.write({ protocol: 6, src: src as Ip6, dst: dst as Ip6 }, packet, 0, 20)
  const pseudo = f.family === 4 ? pseudo4(packet, 0, 6, 20) : pseudo6(packet, 0, 6, 20)
  const fields = { srcPort: f.serverPort, dstPort: f.port, seq: seq >>> 0, ack: ack >>> 0, flags, window: 1024 }
  tcp.write(fields, packet, header, header + 20, pseudo)
  return packet
}

// ---- what the kernel counts

/** /proc/net/snmp, netstat and snmp6 of a host: `Icmp.InMsgs`, `TcpExt.OutOfWindowIcmps`, `Icmp6InType1` … */
export function counters(h: Host): Map<string, number> {
  const found = new Map<string, number>()
  const [snmp, netstat, snmp6] = h.inside(() =>
    ['snmp', 'netstat', 'snmp6'].map((f) => readFileSync(`/proc/thread-self/net/${f}`, 'utf8')),
  ) as [string, string, string]
  const lines = `${snmp}${netstat}`.split('\n')
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [group, ...names] = lines[i]!.split(' ')
    const [, ...values] = lines[i + 1]!.split(' ')
    for (const [n, name] of names.entries()) found.set(`${group!.slice(0, -1)}.${name}`, Number(values[n]))
  }
  for (const line of snmp6.split('\n')) {
    const [name, value] = line.split(/\s+/)
    if (name) found.set(name, Number(value))
  }
  return found
}

/** Errors of both families; what IPv6 says to its neighbours is none. */
function received(c: Map<string, number>): number {
  return ['Icmp.InMsgs', 'Icmp6InType1', 'Icmp6InType2', 'Icmp6InType3', 'Icmp6InType4', 'Icmp6InCsumErrors'].reduce(
    (total, name) => total + (c.get(name) ?? 0),
    0,
  )
}

function neighbour(h: Host, address: string, mac: Uint8Array): void {
  h.netlink.addNeighbour({ index: h.netlink.index('eth0'), address: ip(address), lladdr: mac, state: 'permanent' })
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4))
const AF_PACKET = 17
const IPPROTO_RAW = 255
