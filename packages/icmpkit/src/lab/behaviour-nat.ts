/**
 * A NAT with one outside address, IPv4 (RFC 3022): UDP, TCP and ICMP queries with a port or identifier of its own, kept
 * where it is free, the same for every destination and open to all of them (endpoint-independent mapping and filtering,
 * RFC 4787 §4.1, §5); errors with what they quote (RFC 5508 §4). Who is inside reaches others inside by the outside address
 * (hairpinning), and is seen there by it too. Later fragments follow the first; one that comes before it does not (RFC 4787
 * §14: no memory for what an attacker sends). A mapping of TCP lives as long as a connection that is open (RFC 5382 §5).
 *
 * Left out: application gateways; more than one connection at a mapping, of which each SYN, FIN and RST is taken for that of
 * all. IPv6 passes as it is.
 */
import type { Instant } from '../clock.ts'
import type { Port } from '../stack/port.ts'
import { type Ip4, readIp4 } from '../wire/addr.ts'
import * as ip4 from '../wire/ip4.ts'
import { u16 } from '../wire/octets.ts'
import type { Behaviour, Packet } from './behaviour.ts'
import { endOf, ipAt, isIcmpError, upperOf } from './frame-view.ts'
import type { LabNode } from './lab-node.ts'
import { resum, rewrite, type Which } from './nat-rewrite.ts'
import { type Mapping, NatTable, type Protocol } from './nat-table.ts'
import type { NatData } from './topology.ts'

export class Nat implements Behaviour {
  /** It went back inside, and was not lost. */
  #turned = false
  readonly table: NatTable
  readonly #at: LabNode
  readonly #outside: Port
  readonly #address: Ip4

  constructor(data: NatData, at: LabNode, where: string) {
    this.#at = at
    const ports = [...at.node.ports.values()]
    const outside = ports.find((p) => p.name === data.outside || at.linkAt(p.index).name === data.outside)
    if (outside === undefined) throw new TypeError(`${where}.outside: '${data.outside}' is no port or link of it`)
    const address = outside.addresses.map((a) => a.address).find((a) => typeof a === 'number')
    if (address === undefined) throw new TypeError(`${where}.outside: '${data.outside}' has no IPv4 address`)
    this.#outside = outside
    this.#address = address
    this.table = new NatTable(data, at.node.random)
  }

  get takes(): string | undefined {
    return this.#turned ? undefined : 'NAT: no mapping'
  }

  /** From outside, to the outside address: to whom it is mapped; else it is for this node. */
  comes(now: Instant, { bytes, at, end: last }: Packet, port: Port): boolean {
    const ip = ipAt(port.medium, bytes, at, last)
    if (ip < 0 || bytes[ip]! >>> 4 !== 4 || readIp4(bytes, ip + DST) !== this.#address) return true
    const end = endOf(bytes, ip, last)
    this.#turned = port !== this.#outside && this.#turns(now, bytes, ip, end)
    if (port !== this.#outside) return !this.#turned
    const inside = this.#insideOf(now, bytes, ip, end)
    if (inside === undefined) return true
    rewrite(bytes, ip, end, 'dst', inside.address, inside.port)
    return true
  }

  /**
   * From inside to the outside address, where somebody inside is mapped: it goes there as what it would be outside (RFC 4787
   * §6, RFC 5382 §7.1, RFC 5508 §7.1). Else it is for this node, as are queries of ICMP.
   */
  #turns(now: Instant, bytes: Uint8Array, ip: number, end: number): boolean {
    const h = ip4.parse(bytes, ip, end)
    // A TTL that ends here is told before anything is edited.
    if (h.kind === 'malformed' || h.ttl <= 1) return false
    const protocol = protocolAt(bytes, ip)
    if (protocol === undefined) return false
    const part = h.mf || h.offset > 0
    const turned =
      protocol === ICMP
        ? !part && this.#errorTurns(now, bytes, ip, end)
        : h.offset > 0
          ? this.#restTurns(bytes, ip, end, protocol)
          : this.#packetTurns(now, bytes, ip, end, protocol)
    if (!turned) return false
    const { ip4: layer } = this.#at.node
    const { src, dst } = ip4.parse(bytes, ip, end) as ip4.Header
    // Of this node's own, since it bears its address: whoever forwards takes that for a forgery.
    if (!part) layer.send(now, { ...h, src, dst, ttl: h.ttl - 1, payload: bytes.subarray(h.payload, h.end) })
    else {
      // The parts of a datagram keep the identification that they share.
      ip4.setTtl(bytes, ip, h.ttl - 1)
      const hop = layer.hop(now, dst)
      if (typeof hop !== 'string') layer.transmit(now, hop.port, hop.nextHop, bytes, ip, end)
    }
    return true
  }

  /** A fragment whose first one has turned. */
  #restTurns(bytes: Uint8Array, ip: number, end: number, protocol: Protocol): boolean {
    const first = this.table.fragmentOf(readIp4(bytes, ip + SRC), u16(bytes, ip + ID), protocol)
    if (first === undefined) return false
    rewrite(bytes, ip, end, 'src', this.#address, undefined)
    rewrite(bytes, ip, end, 'dst', first.inside, undefined)
    return true
  }

  #packetTurns(now: Instant, bytes: Uint8Array, ip: number, end: number, protocol: Protocol): boolean {
    const [from, port] = [portAt(bytes, ip, end, protocol, 'src'), portAt(bytes, ip, end, protocol, 'dst')]
    const flags = tcpFlags(bytes, ip, end)
    const to = port < 0 ? undefined : this.table.inward(now, protocol, port, flags)
    if (to === undefined) return false
    const mapping = this.table.outward(now, protocol, readIp4(bytes, ip + SRC), from, flags)
    if (mapping === undefined) return this.#at.node.counters.drop('table-full')
    if ((bytes[ip + FLAGS]! & MORE) !== 0)
      this.table.noteFragment(readIp4(bytes, ip + SRC), u16(bytes, ip + ID), protocol, to)
    rewrite(bytes, ip, end, 'src', this.#address, mapping.outside)
    rewrite(bytes, ip, end, 'dst', to.inside, to.port)
    return true
  }

  /** About what has turned back here: both sides of what it quotes are put back to what its sender sent. */
  #errorTurns(now: Instant, bytes: Uint8Array, ip: number, end: number): boolean {
    const icmp = upperOf(bytes, ip, end, 8)
    if (icmp < 0 || !isIcmpError(bytes, ip, icmp)) return false
    const from = quoteOf(bytes, icmp + 8, end, 'src')
    const to = quoteOf(bytes, icmp + 8, end, 'dst')
    if (from === undefined || to === undefined || from.address !== this.#address) return false
    const asker = this.table.inward(now, from.protocol, from.port)
    const asked = this.table.known(now, to.protocol, to.address, to.port)
    if (asker === undefined || asked === undefined) return false
    rewrite(bytes, icmp + 8, end, 'src', asker.inside, asker.port)
    rewrite(bytes, icmp + 8, end, 'dst', this.#address, asked.outside)
    resum(bytes, icmp, end)
    rewrite(bytes, ip, end, 'src', this.#address, undefined)
    rewrite(bytes, ip, end, 'dst', asker.inside, undefined)
    return true
  }

  /** To the outside, from somebody inside: with the outside address from now on. */
  leaves(now: Instant, { bytes, at, end: last }: Packet, port: Port): boolean {
    if (port !== this.#outside) return true
    const ip = ipAt(port.medium, bytes, at, last)
    if (ip < 0 || bytes[ip]! >>> 4 !== 4) return true
    const end = endOf(bytes, ip, last)
    const own = this.#at.node.ip4.isMine(readIp4(bytes, ip + SRC))
    const icmp = bytes[ip + PROTOCOL] === ICMP ? upperOf(bytes, ip, end, 8) : -1
    if (icmp >= 0 && isIcmpError(bytes, ip, icmp)) return this.#errorLeaves(now, bytes, ip, icmp, end, own)
    if (own) return true
    const { counters } = this.#at.node
    const src = readIp4(bytes, ip + SRC)
    if (isLater(bytes, ip)) {
      rewrite(bytes, ip, end, 'src', this.#address, undefined)
      return true
    }
    const protocol = protocolAt(bytes, ip)
    if (protocol === undefined) return counters.drop('no-protocol')
    const from = portAt(bytes, ip, end, protocol, 'src')
    // An answer or a half of a header: nobody outside has asked anybody in here.
    if (from < 0) return counters.drop('unsolicited')
    const mapping = this.table.outward(now, protocol, src, from, tcpFlags(bytes, ip, end))
    if (mapping === undefined) return counters.drop('table-full')
    rewrite(bytes, ip, end, 'src', this.#address, mapping.outside)
    return true
  }

  /** Of somebody inside or of this node, about what came from outside: what it quotes had the outside address. */
  #errorLeaves(now: Instant, bytes: Uint8Array, ip: number, icmp: number, end: number, own: boolean): boolean {
    const quoted = icmp + 8
    const to = quoteOf(bytes, quoted, end, 'dst')
    const mapping = to === undefined ? undefined : this.table.known(now, to.protocol, to.address, to.port)
    if (mapping !== undefined) {
      rewrite(bytes, icmp + 8, end, 'dst', this.#address, mapping.outside)
      resum(bytes, icmp, end)
    } else if (!own) return this.#at.node.counters.drop('unsolicited')
    if (!own) rewrite(bytes, ip, end, 'src', this.#address, undefined)
    return true
  }

  #insideOf(now: Instant, bytes: Uint8Array, ip: number, end: number): { address: Ip4; port?: number } | undefined {
    const protocol = protocolAt(bytes, ip)
    if (protocol === undefined) return undefined
    const remote = readIp4(bytes, ip + SRC)
    const id = u16(bytes, ip + ID)
    if (isLater(bytes, ip)) {
      const first = this.table.fragmentOf(remote, id, protocol)
      return first === undefined ? undefined : { address: first.inside }
    }
    const icmp = protocol === ICMP ? upperOf(bytes, ip, end, 8) : -1
    if (icmp >= 0 && isIcmpError(bytes, ip, icmp)) return this.#errorComes(now, bytes, icmp, end)
    const port = portAt(bytes, ip, end, protocol, 'dst')
    const mapping = port < 0 ? undefined : this.table.inward(now, protocol, port, tcpFlags(bytes, ip, end))
    if (mapping === undefined) return undefined
    if ((bytes[ip + FLAGS]! & MORE) !== 0) this.table.noteFragment(remote, id, protocol, mapping)
    return { address: mapping.inside, port: mapping.port }
  }

  /** About what somebody inside sent: what it quotes is put back to what that was. */
  #errorComes(now: Instant, bytes: Uint8Array, icmp: number, end: number): { address: Ip4 } | undefined {
    const from = quoteOf(bytes, icmp + 8, end, 'src')
    if (from === undefined || from.address !== this.#address) return undefined
    const mapping: Mapping | undefined = this.table.inward(now, from.protocol, from.port)
    if (mapping === undefined) return undefined
    rewrite(bytes, icmp + 8, end, 'src', mapping.inside, mapping.port)
    resum(bytes, icmp, end)
    return { address: mapping.inside }
  }
}

/** The port or identifier on that side of the packet; -1 where it has none, or is an ICMP message of the other direction. */
function portAt(bytes: Uint8Array, ip: number, end: number, protocol: Protocol, which: Which): number {
  const upper = upperOf(bytes, ip, end, 8)
  if (upper < 0) return -1
  if (protocol !== ICMP) return u16(bytes, upper + (which === 'src' ? 0 : 2))
  const types = which === 'src' ? QUERIES : REPLIES
  return types.has(bytes[upper]!) ? u16(bytes, upper + 4) : -1
}

/** Who sent, or was to get, the datagram that an error quotes. */
function quoteOf(
  bytes: Uint8Array,
  ip: number,
  end: number,
  which: Which,
): { protocol: Protocol; address: Ip4; port: number } | undefined {
  if (end - ip < 28 || bytes[ip]! >>> 4 !== 4) return undefined
  const protocol = protocolAt(bytes, ip)
  if (protocol === undefined || isLater(bytes, ip)) return undefined
  const upper = ip + ((bytes[ip]! & 15) << 2)
  if (end - upper < 8) return undefined
  // Of ICMP one identifier serves both sides; who asked has it mapped.
  const isQuery = QUERIES.has(bytes[upper]!)
  if (protocol === ICMP && isQuery !== (which === 'src')) return undefined
  const port = protocol === ICMP ? u16(bytes, upper + 4) : u16(bytes, upper + (which === 'src' ? 0 : 2))
  return { protocol, address: readIp4(bytes, ip + (which === 'src' ? SRC : DST)), port }
}

/** Of a segment of TCP; 0 of all else, which uses a mapping and says nothing of its end. */
function tcpFlags(bytes: Uint8Array, ip: number, end: number): number {
  const upper = bytes[ip + PROTOCOL] === TCP ? upperOf(bytes, ip, end, 14) : -1
  return upper < 0 ? 0 : bytes[upper + 13]!
}

function protocolAt(bytes: Uint8Array, ip: number): Protocol | undefined {
  const protocol = bytes[ip + PROTOCOL]
  return protocol === ICMP || protocol === TCP || protocol === UDP ? protocol : undefined
}

function isLater(bytes: Uint8Array, ip: number): boolean {
  return (u16(bytes, ip + FLAGS) & 0x1fff) !== 0
}

const ID = 4
const FLAGS = 6
const MORE = 0x20
const PROTOCOL = 9
const SRC = 12
const DST = 16
const ICMP = 1
const TCP = 6
const UDP = 17
/** Echo, timestamp, information, address mask. */
const QUERIES: ReadonlySet<number> = new Set([8, 13, 15, 17])
const REPLIES: ReadonlySet<number> = new Set([0, 14, 16, 18])
