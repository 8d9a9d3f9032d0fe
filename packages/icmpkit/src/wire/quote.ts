/**
 * The datagram inside an error, as much of it as came (RFC 792: header and 8 octets; RFC 1812 §4.3.2.3 and RFC 4443
 * §2.4(c): as much as fits). Lengths in it speak of the original, so running past the quote is normal.
 *
 * Left out: tunnels are not opened, and no checksum of a quote can be judged (it is cut, and routers rewrite it).
 */
import type { Family } from './addr.ts'
import * as ip4 from './ip4.ts'
import * as ip6 from './ip6.ts'
import { isExtension } from './ip6-extension.ts'
import type { Malformed } from './malformed.ts'
import { u16 } from './octets.ts'
import * as tcp from './tcp.ts'
import * as udp from './udp.ts'

export interface Quote {
  ip: ip4.Header | ip6.Header
  /** Read from `ip.payload … ip.end`; padding and extensions of the error are behind that. */
  transport: Transport
  /** What the original had and the quote lacks; empty where it is all here. */
  missing: readonly Missing[]
}

/** In the order of the datagram: where one is missing, so is what follows. */
export type Missing =
  /** The IPv6 chain is cut: what the transport is nobody knows. */
  | 'extension-header'
  /** Not even the first four octets of UDP and TCP, or the type and code of ICMP. */
  | 'ports'
  /** The transport header begins here and ends behind the quote. */
  | 'transport-header'
  /** Octets behind the transport header. */
  | 'payload'

export type Transport = udp.Header | tcp.Header | Icmp | OtherTransport | LaterFragment | None | Malformed

/** First octets of a quoted ICMP message. */
export interface Icmp {
  kind: 'icmp4' | 'icmp6'
  type: number
  code: number
  checksum: number | undefined
  /** Of the types that have one: echo, timestamp, information, address mask, extended echo. */
  id: number | undefined
  seq: number | undefined
  /** Offset of what follows the first eight octets in `bytes`; equals `end` where nothing of it is here. */
  payload: number
  end: number
}

/** A protocol that is not read here; its octets as they came. */
export interface OtherTransport {
  kind: 'other'
  protocol: number
  octets: Uint8Array
}

/** The middle of a datagram: there is no transport header. */
export interface LaterFragment {
  kind: 'fragment'
  protocol: number
}

/** Nothing to read: too little of it is here (see `missing`), or an IPv6 packet with no next header. */
export interface None {
  kind: 'none'
  protocol: number
}

/** Quoted datagram at `at`; malformed where not even its IP header is whole and sound. */
export function parse(bytes: Uint8Array, at: number, end: number, family: Family): Quote | Malformed {
  const ip = family === 4 ? ip4.parseQuoted(bytes, at, end) : ip6.parse(bytes, at, end)
  if (ip.kind === 'malformed') return ip
  if (ip.kind === 'ip6' && isExtension(ip.protocol) && !isLaterFragment(ip)) {
    return { ip, transport: { kind: 'none', protocol: ip.protocol }, missing: CHAIN_CUT }
  }
  const transport = parseTransport(bytes, ip)
  return { ip, transport, missing: missingOf(transport, ip, at) }
}

function parseTransport(bytes: Uint8Array, ip: ip4.Header | ip6.Header): Transport {
  const { protocol, payload, end } = ip
  if (isLaterFragment(ip)) return { kind: 'fragment', protocol }
  switch (protocol) {
    case UDP:
      return end - payload < PORTS ? { kind: 'none', protocol } : udp.parse(bytes, payload, end)
    case TCP:
      return end - payload < PORTS ? { kind: 'none', protocol } : parseTcp(bytes, payload, end)
    case ICMP4:
    case ICMP6:
      // ICMP of the other family is no ICMP: its checksum and types are defined over its own IP only.
      if ((protocol === ICMP4) !== (ip.kind === 'ip4')) break
      return end - payload < 2 ? { kind: 'none', protocol } : parseIcmp(bytes, payload, end, protocol)
    case NO_NEXT_HEADER:
      if (ip.kind === 'ip6') return { kind: 'none', protocol }
  }
  return { kind: 'other', protocol, octets: bytes.subarray(payload, end) }
}

/**
 * Routers that quote eight octets of a datagram fill up with zeros to 128 where extensions follow (RFC 4884 §3): a header
 * whose rest is all zero, its length too, is one that ends behind its sequence number.
 */
function parseTcp(bytes: Uint8Array, at: number, end: number): tcp.Header | Malformed {
  const h = tcp.parse(bytes, at, end)
  if (h.kind === 'tcp') return h
  for (let i = at + LEAST; i < end; i++) if (bytes[i] !== 0) return h
  return tcp.parse(bytes, at, at + LEAST)
}

function parseIcmp(bytes: Uint8Array, at: number, end: number, protocol: number): Icmp {
  const here = end - at
  const type = bytes[at]!
  const seqOctets = protocol === ICMP4 ? SEQ_OCTETS_4[type]! : SEQ_OCTETS_6[type]!
  return {
    kind: protocol === ICMP4 ? 'icmp4' : 'icmp6',
    type,
    code: bytes[at + 1]!,
    checksum: here < 4 ? undefined : u16(bytes, at + 2),
    id: seqOctets === 0 || here < 6 ? undefined : u16(bytes, at + 4),
    seq: seqOctets === 0 || here < 6 + seqOctets ? undefined : seqOctets === 1 ? bytes[at + 6]! : u16(bytes, at + 6),
    payload: Math.min(at + ICMP_HEADER, end),
    end,
  }
}

function isLaterFragment(ip: ip4.Header | ip6.Header): boolean {
  return ip.kind === 'ip4' ? ip.offset !== 0 : ip.fragment !== undefined && ip.fragment.offset !== 0
}

function missingOf(transport: Transport, ip: ip4.Header | ip6.Header, at: number): readonly Missing[] {
  if (transport.kind === 'tcp' && transport.end < ip.end) return HEADER_CUT
  if (ip.end >= originalEnd(ip, at)) return NOTHING
  switch (transport.kind) {
    case 'none':
      return transport.protocol === NO_NEXT_HEADER && ip.kind === 'ip6' ? PAYLOAD_CUT : PORTS_CUT
    case 'udp':
    case 'tcp':
      return transport.missing.length > 0 ? HEADER_CUT : PAYLOAD_CUT
    case 'icmp4':
    case 'icmp6':
      return transport.end - ip.payload < ICMP_HEADER ? HEADER_CUT : PAYLOAD_CUT
    case 'malformed':
    case 'other':
    case 'fragment':
      return PAYLOAD_CUT
  }
}

/** Where the original ended, had it been quoted in full. A total length that leaves out its own header says nothing. */
function originalEnd(ip: ip4.Header | ip6.Header, at: number): number {
  if (ip.kind === 'ip4') return at + ip.length < ip.payload ? Number.POSITIVE_INFINITY : at + ip.length
  const first = ip.extensions[0]
  if (ip.payloadLength === 0 && first?.kind === 'hopByHop') {
    for (const o of first.options) if (o.kind === 'jumbo') return at + ip6.HEADER + o.length
  }
  return at + ip6.HEADER + ip.payloadLength
}

const ICMP4 = 1
const TCP = 6
const UDP = 17
const ICMP6 = 58
const NO_NEXT_HEADER = 59

/** Octets of a datagram that an error quotes at least (RFC 792). */
const LEAST = 8
/** UDP and TCP begin with their ports, four octets. */
const PORTS = 4
const ICMP_HEADER = 8

/** Octets of the sequence number at octet 6, by type; 0 where the type has no identifier. */
const SEQ_OCTETS_4: Uint8Array = seqOctets([0, 8, 13, 14, 15, 16, 17, 18], [42, 43])
const SEQ_OCTETS_6: Uint8Array = seqOctets([128, 129], [160, 161])

function seqOctets(two: readonly number[], one: readonly number[]): Uint8Array {
  const octets = new Uint8Array(256)
  for (const type of two) octets[type] = 2
  for (const type of one) octets[type] = 1
  return octets
}

const NOTHING: readonly Missing[] = []
const PAYLOAD_CUT: readonly Missing[] = ['payload']
const HEADER_CUT: readonly Missing[] = ['transport-header', 'payload']
const PORTS_CUT: readonly Missing[] = ['ports', 'transport-header', 'payload']
const CHAIN_CUT: readonly Missing[] = ['extension-header', 'ports', 'transport-header', 'payload']
