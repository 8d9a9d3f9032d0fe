/**
 * An ICMP error that reached this machine, read whole: who says what about which flow of ours, and what extension objects
 * it carries (RFC 792, RFC 4443 §2.4, RFC 4884). Structure and the ICMP checksum are judged here; whether any of it is to
 * be believed, `trust.ts` says.
 */
import type { Arrival } from '../door.ts'
import type { Family, Ip } from '../wire/addr.ts'
import type { Extensions } from '../wire/extension.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import type { Malformed } from '../wire/malformed.ts'
import { u16, u32 } from '../wire/octets.ts'
import * as quote from '../wire/quote.ts'
import type { Flow } from './flow.ts'

/** Borrowed from the packet: the extension objects. The rest is copied. */
export interface Heard {
  family: Family
  /** Outer source: who says so. */
  from: Ip
  /** Outer destination: an address of this machine. */
  to: Ip
  type: number
  code: number
  /** Of the messages that tell one, else 0. */
  mtu: number
  /** Whom the quoted datagram came from and went to; undefined where the quote can't be read. */
  quoted: { src: Ip; dst: Ip; protocol: number } | undefined
  /** The flow of this machine that it is about; undefined where the quote names none. */
  flow: Flow | undefined
  /** TCP: the quoted sequence number. */
  seq: number | undefined
  extensions: Extensions | undefined
  /** Interface index. */
  port: number
}

/** Why a packet is no error that can be told: the parsers' words, and these. */
export type Unheard =
  | Malformed['why']
  /** The ICMP checksum is wrong. */
  | 'bad-checksum'
  /** An echo, a query, an answer: not an error. */
  | 'not-error'
  | 'fragment'

/** Reads the packet of `a`. */
export function hear(a: Arrival): Heard | Unheard {
  return a.bytes[a.at]! >>> 4 === 4 ? hear4(a) : hear6(a)
}

function hear4(a: Arrival): Heard | Unheard {
  const ip = ip4.parse(a.bytes, a.at, a.end)
  if (ip.kind === 'malformed') return ip.why
  if (ip.protocol !== icmp4.PROTOCOL) return 'not-error'
  if (ip.offset !== 0 || ip.mf) return 'fragment'
  const m = icmp4.parse(a.bytes, ip.payload, ip.end)
  if (m.kind === 'malformed') return m.why
  switch (m.kind) {
    case 'unreachable':
    case 'timeExceeded':
    case 'parameterProblem':
    case 'sourceQuench':
    case 'redirect': {
      if (a.checksum !== 'ok' && icmp4.verify(a.bytes, ip.payload, ip.end, ip.length - (ip.payload - a.at)) === 'bad')
        return 'bad-checksum'
      const mtu = m.kind === 'unreachable' && m.code === NEEDS_FRAGMENTATION ? m.nextHopMtu : 0
      const extensions = 'extensions' in m ? m.extensions : undefined
      return {
        family: 4,
        from: ip.src,
        to: ip.dst,
        type: icmp4.Type[m.kind],
        code: m.code,
        mtu,
        ...about(m.quote, 4),
        extensions,
        port: a.port,
      }
    }
    default:
      return 'not-error'
  }
}

function hear6(a: Arrival): Heard | Unheard {
  const ip = ip6.parse(a.bytes, a.at, a.end)
  if (ip.kind === 'malformed') return ip.why
  if (ip.protocol !== icmp6.PROTOCOL) return 'not-error'
  if (ip.fragment !== undefined && (ip.fragment.offset !== 0 || ip.fragment.more)) return 'fragment'
  const m = icmp6.parse(a.bytes, ip.payload, ip.end)
  if (m.kind === 'malformed') return m.why
  switch (m.kind) {
    case 'unreachable':
    case 'timeExceeded':
    case 'parameterProblem':
    case 'packetTooBig': {
      const length = ip6.HEADER + ip.payloadLength - (ip.payload - a.at)
      if (a.checksum !== 'ok' && icmp6.verify(a.bytes, ip.payload, ip.end, length, ip.src, ip.finalDst) === 'bad')
        return 'bad-checksum'
      const mtu = m.kind === 'packetTooBig' ? m.mtu : 0
      const extensions = 'extensions' in m ? m.extensions : undefined
      return {
        family: 6,
        from: ip.src,
        to: ip.dst,
        type: icmp6.typeOf(m),
        code: m.code,
        mtu,
        ...about(m.quote, 6),
        extensions,
        port: a.port,
      }
    }
    default:
      return 'not-error'
  }
}

function about(octets: Uint8Array, family: Family): Pick<Heard, 'quoted' | 'flow' | 'seq'> {
  const q = quote.parse(octets, 0, octets.length, family)
  if ('kind' in q) return { quoted: undefined, flow: undefined, seq: undefined }
  const { transport, ip } = q
  const src = ip.src
  const dst = ip.kind === 'ip4' ? ip.dst : ip.finalDst
  const quoted = { src, dst, protocol: ip.protocol }
  const protocol = ip.protocol === UDP ? 'udp' : ip.protocol === TCP ? 'tcp' : undefined
  // A short quote in front of extensions is padded with zeros (RFC 4884 §3), which makes no sound TCP header: its first
  // eight octets are what counts.
  const ports = transport.kind === protocol || (transport.kind === 'malformed' && ip.end - ip.payload >= PORTS_AND_SEQ)
  if (protocol === undefined || !ports) return { quoted, flow: undefined, seq: undefined }
  const [localPort, remotePort] = [u16(octets, ip.payload), u16(octets, ip.payload + 2)]
  const seq = protocol === 'tcp' && ip.end - ip.payload >= PORTS_AND_SEQ ? u32(octets, ip.payload + 4) : undefined
  return { quoted, flow: { family, protocol, local: src, localPort, remote: dst, remotePort }, seq }
}

const UDP = 17
const TCP = 6
const PORTS_AND_SEQ = 8
const NEEDS_FRAGMENTATION = 4
