/** A packet that was sent or heard, read for people: who to whom, what, and what it quotes. */
import {
  checksum,
  type Family,
  hex,
  type Ip4,
  type Ip6,
  icmp4,
  icmp6,
  ip4,
  ip6,
  type Malformed,
  quote,
  registry,
  showIp,
  toJson,
  udp,
  type Verdict,
} from 'icmpkit/wire'

/** The facts of one packet; what it lacks is null. */
export interface Seen {
  family: Family
  src: string
  dst: string
  /** The protocol's own line: 'UDP 40000 → 33434', 'Port Unreachable (type 3, code 3)'. */
  what: string
  ttl: number | null
  length: number | null
  df: boolean
  icmp: IcmpSeen | null
  /** As it was, in hex. */
  octets: string | null
}

export interface IcmpSeen {
  type: number
  code: number
  name: string
  meaning: string
  checksum: Verdict | null
  seq: number | null
  mtu: number | null
  /** The datagram that an error is about. */
  quote: { what: string; json: unknown; srcPort: number | null } | null
}

/** undefined where it is no IP packet, or ICMP that cannot be read. */
export function see(bytes: Uint8Array): Seen | undefined {
  const family = (bytes[0] ?? 0) >>> 4 === 6 ? 6 : 4
  const ip = family === 4 ? ip4.parse(bytes) : ip6.parse(bytes)
  if (ip.kind === 'malformed') return undefined
  const about = {
    family,
    src: showIp(ip.src),
    dst: showIp(ip.dst),
    ttl: ip.kind === 'ip4' ? ip.ttl : ip.hopLimit,
    length: ip.end,
    df: ip.kind === 'ip4' && ip.df,
    octets: hex(bytes, 0, ip.end),
  } as const
  switch (ip.protocol) {
    case ICMP4:
    case ICMP6: {
      const seen = seeIcmp(bytes, ip)
      return seen && { ...about, icmp: seen, what: `${seen.name} (type ${seen.type}, code ${seen.code})` }
    }
    case UDP: {
      const u = udp.parse(bytes, ip.payload, ip.end)
      return u.kind === 'malformed' ? undefined : { ...about, icmp: null, what: ports(u) }
    }
  }
  return { ...about, icmp: null, what: `protocol ${ip.protocol}` }
}

function seeIcmp(bytes: Uint8Array, ip: ip4.Header | ip6.Header): IcmpSeen | undefined {
  const { payload, end } = ip
  const m = ip.kind === 'ip4' ? icmp4.parse(bytes, payload, end) : icmp6.parse(bytes, payload, end)
  if (m.kind === 'malformed') return undefined
  const family = ip.kind === 'ip4' ? 4 : 6
  const type = bytes[payload]!
  const code = bytes[payload + 1]!
  const { name, meaning } = registry.lookup(family, type, code)
  const length = end - payload
  return {
    type,
    code,
    name,
    meaning,
    checksum:
      ip.kind === 'ip4'
        ? icmp4.verify(bytes, payload, end, length)
        : icmp6.verify(bytes, payload, end, length, ip.src, ip.finalDst),
    seq: 'seq' in m ? m.seq : null,
    mtu: mtuOf(m),
    quote: 'quote' in m ? seeQuote(quote.parse(m.quote, 0, m.quote.length, family)) : null,
  }
}

function mtuOf(m: icmp4.Message | icmp6.Message): number | null {
  if (m.kind === 'packetTooBig') return m.mtu
  return m.kind === 'unreachable' && 'nextHopMtu' in m && m.nextHopMtu > 0 ? m.nextHopMtu : null
}

function seeQuote(q: quote.Quote | Malformed): IcmpSeen['quote'] {
  if ('kind' in q) return null
  const t = q.transport
  const whole = q.missing.length === 0 ? 'all of it' : `${q.ip.end} octets of it`
  const what = t.kind === 'udp' ? ports(t) : t.kind
  const srcPort = t.kind === 'udp' ? t.srcPort : null
  return { what: `${what}, ${showIp(q.ip.src)} → ${showIp(q.ip.dst)}, ${whole}`, json: toJson(q), srcPort }
}

function ports(u: udp.Header): string {
  return `UDP ${u.srcPort} → ${u.dstPort}`
}

export interface Datagram {
  src: Ip4 | Ip6
  dst: Ip4 | Ip6
  srcPort: number
  dstPort: number
  ttl: number
  /** Octets in all, IP header included. */
  length: number
}

/** A UDP datagram with its IP header; may not be fragmented. */
export function datagram(d: Datagram): Uint8Array {
  const bytes = new Uint8Array(d.length)
  if (typeof d.src === 'bigint') {
    const fields = { protocol: UDP, src: d.src, dst: d.dst as Ip6, hopLimit: d.ttl }
    const at = ip6.write(fields, bytes, 0, d.length - ip6.HEADER)
    udp.write(d, bytes, at, d.length, checksum.pseudo6(bytes, 0, UDP, d.length - at))
  } else {
    const fields = { protocol: UDP, src: d.src, dst: d.dst as Ip4, ttl: d.ttl, df: true }
    const at = ip4.write(fields, bytes, 0, d.length - ip4.HEADER)
    udp.write(d, bytes, at, d.length, checksum.pseudo4(bytes, 0, UDP, d.length - at))
  }
  return bytes
}

const ICMP4 = 1
const UDP = 17
const ICMP6 = 58
