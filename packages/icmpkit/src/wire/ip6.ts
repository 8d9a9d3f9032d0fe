/**
 * The IPv6 header (RFC 8200 §3) and the walk along its extension headers to the upper layer.
 *
 *  0       4               12      16                             31
 *  | ver   | traffic class | flow label                            |
 *  | payload length                | next header   | hop limit     |
 *  | source, 16 octets                                             |
 *  | destination, 16 octets                                        |
 *  | extension headers …                                           |
 *
 * Left out: the Home Address option (RFC 6275 §6.3) does not change the source that a checksum covers.
 */
import { type Ip6, readIp6, writeIp } from './addr.ts'
import * as extension from './ip6-extension.ts'
import { type Malformed, malformed } from './malformed.ts'
import { fitting, i32, put8, put16, put32, u16 } from './octets.ts'

/** Octets of the fixed header. */
export const HEADER = 40

export interface Header {
  kind: 'ip6'
  trafficClass: number
  flowLabel: number
  /** The field as sent; 0 in a jumbogram. */
  payloadLength: number
  nextHeader: number
  hopLimit: number
  src: Ip6
  dst: Ip6
  /** In the order of the packet. */
  extensions: readonly extension.Extension[]
  /** The upper layer; or the extension header where the walk stopped: cut off, or hop-by-hop options out of place. */
  protocol: number
  /** Offset of the upper layer (or of that extension header) in `bytes`. Inside a later fragment it is no header. */
  payload: number
  /** End of the payload that is here: less than the length promises in a quote, a cut capture. */
  end: number
  /** The payload is a part: not the whole upper layer, and no upper-layer header where `offset` is not 0. */
  fragment: { offset: number; more: boolean; id: number } | undefined
  /** Where a routing header leads to, else `dst`: the destination that an upper-layer checksum covers (RFC 8200 §8.1). */
  finalDst: Ip6
}

/**
 * Structure only. A payload length beyond `end` is normal (quotes, cut captures) and shows as a smaller `end`; octets
 * behind the payload length are left out. An extension header that the packet itself cuts off is malformed; one that
 * only the capture or a first fragment cuts off ends the walk.
 */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Header | Malformed {
  if (end - at < HEADER) return malformed('truncated', Math.max(end - at, 0))
  const first = i32(bytes, at)
  if (first >>> 28 !== 6) return malformed('bad-version', 0)
  const payloadLength = u16(bytes, at + PAYLOAD_LENGTH)
  const nextHeader = bytes[at + NEXT_HEADER]!
  const dst = readIp6(bytes, at + DST)
  const h: Header = {
    kind: 'ip6',
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    payloadLength,
    nextHeader,
    hopLimit: bytes[at + HOP_LIMIT]!,
    src: readIp6(bytes, at + SRC),
    dst,
    extensions: NONE,
    protocol: nextHeader,
    payload: at + HEADER,
    end: Math.min(at + HEADER + payloadLength, end),
    fragment: undefined,
    finalDst: dst,
  }
  return extension.isExtension(nextHeader) ? walk(h, bytes, at, end) : h
}

function walk(h: Header, bytes: Uint8Array, at: number, end: number): Header | Malformed {
  const extensions: extension.Extension[] = []
  h.extensions = extensions
  // RFC 2675 §3: where the length stands in a hop-by-hop option, the field is 0.
  let jumbo = h.payloadLength === 0 && h.nextHeader === extension.Type.hopByHop
  let whole = jumbo ? Number.POSITIVE_INFINITY : at + HEADER + h.payloadLength
  if (jumbo) h.end = end
  while (extension.isExtension(h.protocol)) {
    // RFC 8200 §4: hop-by-hop options stand directly behind the IPv6 header or are not recognised.
    if (h.protocol === extension.Type.hopByHop && extensions.length > 0) return h
    if (extensions.length === MAX_EXTENSIONS) return malformed('too-long', h.payload - at)
    const here = h.end - h.payload
    const length = here < 8 ? 8 : extension.lengthAt(h.protocol, bytes, h.payload)
    if (here < length) {
      // A first fragment may end inside the chain: RFC 7112 has an error of its own for that.
      const cut = h.payload + length > whole && h.fragment === undefined
      return cut ? malformed('truncated', h.end - at) : h
    }
    const e = extension.parse(h.protocol, bytes, h.payload, h.payload + length)
    if (e.kind === 'malformed') return malformed(e.why, h.payload - at + e.at)
    extensions.push(e)
    h.protocol = bytes[h.payload]!
    h.payload += length
    if (jumbo) {
      const octets = jumboLength(e)
      if (octets === undefined) return malformed('bad-length', PAYLOAD_LENGTH)
      jumbo = false
      whole = at + HEADER + octets
      if (whole < h.payload) return malformed('bad-length', HEADER)
      h.end = Math.min(whole, end)
    }
    if (e.kind === 'routing') h.finalDst = extension.finalDestination(e, h.finalDst)
    if (e.kind === 'fragment') {
      h.fragment = { offset: e.offset, more: e.more, id: e.id }
      // What follows in a later fragment is the middle of something, whatever its next header field says.
      if (e.offset !== 0) return h
    }
  }
  return h
}

/**
 * The walk alone, for paths that make no object: `upperAt`, `upperProtocol` and `upperIsLater` read the result. Stops
 * where `parse` stops; -1 where `parse` says malformed.
 */
export function skip(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < HEADER || bytes[at]! >>> 4 !== 6) return -1
  let protocol = bytes[at + NEXT_HEADER]!
  let i = at + HEADER
  if (!extension.isExtension(protocol)) return (HEADER << 8) | protocol
  const payloadLength = u16(bytes, at + PAYLOAD_LENGTH)
  if (payloadLength === 0 && protocol === extension.Type.hopByHop) {
    const h = parse(bytes, at, end)
    if (h.kind === 'malformed') return -1
    return (h.fragment !== undefined && h.fragment.offset !== 0 ? LATER : 0) | ((h.payload - at) << 8) | h.protocol
  }
  const whole = i + payloadLength
  const limit = Math.min(whole, end)
  let first = false
  for (let n = 0; extension.isExtension(protocol); n++) {
    if (protocol === extension.Type.hopByHop && n > 0) break
    if (n === MAX_EXTENSIONS) return -1
    const length = limit - i < 8 ? 8 : extension.lengthAt(protocol, bytes, i)
    if (limit - i < length) return i + length > whole && !first ? -1 : ((i - at) << 8) | protocol
    if (protocol === extension.Type.authentication && length < 12) return -1
    if (protocol === extension.Type.fragment) first = true
    const later = protocol === extension.Type.fragment && (u16(bytes, i + 2) & 0xfff8) !== 0
    protocol = bytes[i]!
    i += length
    if (later) return LATER | ((i - at) << 8) | protocol
  }
  return ((i - at) << 8) | protocol
}

/** Offset of the upper layer from the IPv6 header; negative where `skip` found none. */
export function upperAt(skipped: number): number {
  return (skipped & ~LATER) >> 8
}

/** The next header value that announces it. */
export function upperProtocol(skipped: number): number {
  return skipped & 0xff
}

/** In a later fragment: there is no upper-layer header. */
export function upperIsLater(skipped: number): boolean {
  return (skipped & LATER) !== 0
}

/** What `write` needs; the rest it works out. A parsed `Header` is one too. */
export interface Fields {
  trafficClass?: number
  flowLabel?: number
  /** The upper layer. */
  protocol: number
  /** 64 where not given. */
  hopLimit?: number
  src: Ip6
  dst: Ip6
  extensions?: readonly extension.Extension[]
}

/** Octets of the header and extension headers that `write` makes. */
export function size(f: Fields): number {
  let octets = HEADER
  if (f.extensions !== undefined) for (const e of f.extensions) octets += extension.size(e)
  return octets
}

/**
 * Writes the header and its extension headers for an upper layer of `payloadLength` octets; returns where that starts.
 * With a jumbo option in front that tells no less than this, the payload length field is 0 (RFC 2675 §3).
 * @throws RangeError on a value too wide for its field
 */
export function write(f: Fields, out: Uint8Array, at: number, payloadLength: number): number {
  const extensions = f.extensions ?? NONE
  const payload = at + size(f)
  if (payload > out.length) throw new RangeError(`an IPv6 header of ${payload - at} octets does not fit at ${at}`)
  const trafficClass = fitting(f.trafficClass ?? 0, 8)
  const flowLabel = fitting(f.flowLabel ?? 0, 20)
  const length = payload - at - HEADER + payloadLength
  const jumbo = extensions.length > 0 ? (jumboLength(extensions[0]!) ?? -1) : -1
  let i = at + HEADER
  for (const [n, e] of extensions.entries()) {
    const next = extensions[n + 1]
    i = extension.write(e, next === undefined ? f.protocol : extension.typeOf(next), out, i)
  }
  put32(out, at, ((6 << 28) | (trafficClass << 20) | flowLabel) >>> 0)
  put16(out, at + PAYLOAD_LENGTH, jumbo >= length ? 0 : length)
  put8(out, at + NEXT_HEADER, extensions.length === 0 ? f.protocol : extension.typeOf(extensions[0]!))
  put8(out, at + HOP_LIMIT, f.hopLimit ?? 64)
  writeIp(f.src, out, at + SRC)
  writeIp(f.dst, out, at + DST)
  return payload
}

/** Sets the hop limit in place. */
export function setHopLimit(bytes: Uint8Array, at: number, hopLimit: number): void {
  put8(bytes, at + HOP_LIMIT, hopLimit)
}

/** Exchanges source and destination in place; checksums over the pseudo-header hold as they are. */
export function swapAddresses(bytes: Uint8Array, at: number): void {
  for (let i = at + SRC; i < at + DST; i++) {
    const octet = bytes[i]!
    bytes[i] = bytes[i + 16]!
    bytes[i + 16] = octet
  }
}

function jumboLength(e: extension.Extension): number | undefined {
  if (e.kind !== 'hopByHop') return undefined
  for (const o of e.options) if (o.kind === 'jumbo') return o.length
  return undefined
}

/** Extension headers in one packet, RFC 8200 §4.1 allows for seven; a walk costs an attacker's packet no more than this. */
const MAX_EXTENSIONS = 32
const LATER = 1 << 30
const NONE: readonly extension.Extension[] = []
const PAYLOAD_LENGTH = 4
const NEXT_HEADER = 6
const HOP_LIMIT = 7
const SRC = 8
const DST = 24
