/**
 * The IPv4 header (RFC 791 §3.1, RFC 2474 for the TOS octet). Options stand raw in `options`; `ip4-option.ts` reads them.
 *
 *  0       4       8               16                             31
 *  | ver   | ihl   | TOS           | total length                  |
 *  | identification                | 0 DF MF | fragment offset     |
 *  | TTL           | protocol      | header checksum               |
 *  | source                                                        |
 *  | destination                                                   |
 *  | options, padded to 32 bits …                                  |
 */
import { type Ip4, readIp4, writeIp } from './addr.ts'
import { finish, holds, sum, update } from './checksum.ts'
import { type Malformed, malformed, type Verdict } from './malformed.ts'
import { put8, put16, putBytes, u16 } from './octets.ts'

/** Octets of a header without options. */
export const HEADER = 20

export interface Header {
  kind: 'ip4'
  tos: number
  /** The total length field: header and payload, octets, as sent. */
  length: number
  id: number
  df: boolean
  mf: boolean
  /** The first flag bit, zero in honest packets (and in RFC 3514 ones). */
  reserved: boolean
  /** Fragment offset in octets. */
  offset: number
  ttl: number
  protocol: number
  checksum: number
  src: Ip4
  dst: Ip4
  /** Borrowed from the packet, its padding included. */
  options: Uint8Array
  /** Offset of the first payload octet in `bytes`. */
  payload: number
  /** End of the payload that is here: less than `length` promises in a quote, a cut capture. */
  end: number
}

/**
 * Structure only. A total length beyond `end` is normal (quotes, cut captures) and shows as a smaller `end`; link-layer
 * padding behind the total length is left out.
 */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Header | Malformed {
  const payload = payloadAt(bytes, at, end)
  return payload < 0 ? whyNot(bytes, at, end) : header(bytes, at, end, payload)
}

/**
 * The header of a datagram that an ICMP error quotes. As `parse`, but its total length may say less than the header is
 * long: old BSDs quote it without the header's octets, others in host byte order.
 */
export function parseQuoted(bytes: Uint8Array, at = 0, end: number = bytes.length): Header | Malformed {
  const h = parse(bytes, at, end)
  if (h.kind === 'ip4' || h.why !== 'bad-length' || h.at !== LENGTH) return h
  const quoted = header(bytes, at, end, at + ((bytes[at]! & 0x0f) << 2))
  quoted.end = end
  return quoted
}

/** Where the payload starts, or -1 where `parse` says malformed: for paths that make no object. */
export function payloadAt(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < HEADER) return -1
  const first = bytes[at]!
  const octets = (first & 0x0f) << 2
  if (first >>> 4 !== 4 || octets < HEADER || end - at < octets || u16(bytes, at + LENGTH) < octets) return -1
  return at + octets
}

/** The header checksum; `unverifiable` where not all of the header is here. */
export function verify(bytes: Uint8Array, at: number, end: number): Verdict {
  if (end <= at) return 'unverifiable'
  const header = (bytes[at]! & 0x0f) << 2
  if (header < HEADER) return 'bad'
  if (end - at < header) return 'unverifiable'
  return holds(sum(bytes, at, at + header)) ? 'ok' : 'bad'
}

/** What `write` needs; the rest it works out. A parsed `Header` is one too. */
export interface Fields {
  tos?: number
  id?: number
  df?: boolean
  mf?: boolean
  reserved?: boolean
  /** Octets, a multiple of 8. */
  offset?: number
  /** 64 where not given (the IANA recommendation, RFC 1700). */
  ttl?: number
  protocol: number
  src: Ip4
  dst: Ip4
  /** Up to 40 octets, filled up to a multiple of four with End of Option List. */
  options?: Uint8Array
}

/** Octets of the header that `write` makes. */
export function size(f: Fields): number {
  return HEADER + (((f.options?.length ?? 0) + 3) & ~3)
}

/**
 * Writes the header, checksum included, for a payload of `payloadLength` octets; returns where the payload starts.
 * @throws RangeError on a value too wide for its field, more than 40 octets of options, an offset not a multiple of 8
 */
export function write(f: Fields, out: Uint8Array, at: number, payloadLength: number): number {
  const header = size(f)
  if (header > MAX_HEADER) throw new RangeError(`${f.options?.length} octets of IPv4 options: at most 40 fit`)
  const payload = at + header
  if (payload > out.length) throw new RangeError(`an IPv4 header of ${header} octets does not fit at ${at}`)
  const offset = f.offset ?? 0
  if (offset % 8 !== 0) throw new RangeError(`fragment offset ${offset} is not a multiple of 8`)
  if (offset > MAX_OFFSET) throw new RangeError(`fragment offset ${offset} is beyond ${MAX_OFFSET}`)
  // Before the rest: options may be a view into the very place that is written.
  if (f.options !== undefined) {
    const filled = putBytes(out, at + HEADER, f.options)
    out.fill(0, filled, payload)
  }
  out[at] = 0x40 | (header >>> 2)
  put8(out, at + TOS, f.tos ?? 0)
  put16(out, at + LENGTH, header + payloadLength)
  put16(out, at + ID, f.id ?? 0)
  put16(out, at + FLAGS, offset >>> 3)
  if (f.df) out[at + FLAGS]! |= DF
  if (f.mf) out[at + FLAGS]! |= MF
  if (f.reserved) out[at + FLAGS]! |= RESERVED
  put8(out, at + TTL, f.ttl ?? 64)
  put8(out, at + PROTOCOL, f.protocol)
  writeIp(f.src, out, at + SRC)
  writeIp(f.dst, out, at + DST)
  seal(out, at)
  return payload
}

/** Writes the checksum anew, after any edit of the header at `at`. */
export function seal(bytes: Uint8Array, at: number): void {
  put16(bytes, at + CHECKSUM, 0)
  put16(bytes, at + CHECKSUM, finish(sum(bytes, at, at + ((bytes[at]! & 0x0f) << 2))))
}

/** Sets the TTL in place and patches the checksum (RFC 1624): a gateway never sums the header anew, so a bad one stays bad. */
export function setTtl(bytes: Uint8Array, at: number, ttl: number): void {
  const from = u16(bytes, at + TTL)
  put8(bytes, at + TTL, ttl)
  put16(bytes, at + CHECKSUM, update(u16(bytes, at + CHECKSUM), from, u16(bytes, at + TTL)))
}

/** Exchanges source and destination in place; the checksum holds as it is. */
export function swapAddresses(bytes: Uint8Array, at: number): void {
  for (let i = at + SRC; i < at + DST; i++) {
    const octet = bytes[i]!
    bytes[i] = bytes[i + 4]!
    bytes[i + 4] = octet
  }
}

function header(bytes: Uint8Array, at: number, end: number, payload: number): Header {
  const length = u16(bytes, at + LENGTH)
  const flags = bytes[at + FLAGS]!
  return {
    kind: 'ip4',
    tos: bytes[at + TOS]!,
    length,
    id: u16(bytes, at + ID),
    df: (flags & DF) !== 0,
    mf: (flags & MF) !== 0,
    reserved: (flags & RESERVED) !== 0,
    offset: (u16(bytes, at + FLAGS) & 0x1fff) << 3,
    ttl: bytes[at + TTL]!,
    protocol: bytes[at + PROTOCOL]!,
    checksum: u16(bytes, at + CHECKSUM),
    src: readIp4(bytes, at + SRC),
    dst: readIp4(bytes, at + DST),
    options: payload - at === HEADER ? NO_OPTIONS : bytes.subarray(at + HEADER, payload),
    payload,
    end: Math.min(at + length, end),
  }
}

function whyNot(bytes: Uint8Array, at: number, end: number): Malformed {
  if (end - at < HEADER) return malformed('truncated', Math.max(end - at, 0))
  if (bytes[at]! >>> 4 !== 4) return malformed('bad-version', 0)
  const header = (bytes[at]! & 0x0f) << 2
  if (header < HEADER) return malformed('bad-length', 0)
  if (end - at < header) return malformed('truncated', end - at)
  return malformed('bad-length', LENGTH)
}

const NO_OPTIONS = new Uint8Array(0)
const MAX_HEADER = 60
const MAX_OFFSET = 0x1fff << 3
const RESERVED = 0x80
const DF = 0x40
const MF = 0x20
const TOS = 1
const LENGTH = 2
const ID = 4
const FLAGS = 6
const TTL = 8
const PROTOCOL = 9
const CHECKSUM = 10
const SRC = 12
const DST = 16
