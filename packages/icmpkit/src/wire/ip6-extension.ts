/**
 * IPv6 extension headers (RFC 8200 §4; AH: RFC 4302 §2; routing types: RFC 5095, 6275 §6.4, 6554, 8754) and the options
 * of the two options headers. One header:
 *
 *  0               8               16                             31
 *  | next header   | length in 8s  | contents …                    |
 *
 * ESP is not one: nothing behind it can be read, so it ends a walk as an upper layer would.
 */
import { type Ip6, readIp6, writeIp } from './addr.ts'
import { type Malformed, malformed, type Why } from './malformed.ts'
import { put8, put16, put32, putBytes, u16, u32 } from './octets.ts'

/** Next header values that are extension headers which a walk passes. */
export const Type = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  destinationOptions: 60,
  mobility: 135,
  hip: 139,
  shim6: 140,
} as const

export type Extension = HopByHop | DestinationOptions | BadOptions | Routing | Fragment | Authentication | Unknown

export interface HopByHop {
  kind: 'hopByHop'
  options: Option[]
}

export interface DestinationOptions {
  kind: 'destinationOptions'
  options: Option[]
}

/**
 * A hop-by-hop or destination options header whose options do not add up, kept raw: a Parameter Problem quotes exactly
 * such packets, and its quote has to be read as far as the ports.
 */
export interface BadOptions {
  kind: 'badOptions'
  header: number
  why: Why
  /** Offset of the bad octet from the start of the extension header. */
  at: number
  data: Uint8Array
}

export interface Routing {
  kind: 'routing'
  routingType: number
  segmentsLeft: number
  /** Type-specific octets, from the fifth of the header on; borrowed. */
  data: Uint8Array
}

export interface Fragment {
  kind: 'fragment'
  /** Octets. */
  offset: number
  more: boolean
  id: number
}

export interface Authentication {
  kind: 'authentication'
  spi: number
  seq: number
  /** With its padding: RFC 4302 §2.6 wants the whole header in units of eight octets, old senders use four. */
  icv: Uint8Array
}

/** Mobility, HIP, Shim6: formed as RFC 6564 asks, so that a walk passes them without knowing them. */
export interface Unknown {
  kind: 'unknown'
  header: number
  /** From the third octet on; borrowed. */
  data: Uint8Array
}

export type Option = Pad1 | PadN | RouterAlert | Jumbo | UnknownOption

export interface Pad1 {
  kind: 'pad1'
}

export interface PadN {
  kind: 'padN'
  /** Octets behind type and length. */
  length: number
}

/** RFC 2711; value 0: Multicast Listener Discovery. */
export interface RouterAlert {
  kind: 'routerAlert'
  value: number
}

/** RFC 2675: the payload length of packets that are longer than 65,535 octets. */
export interface Jumbo {
  kind: 'jumbo'
  length: number
}

export interface UnknownOption {
  kind: 'unknown'
  /** The whole octet; its two high bits say what a receiver that does not know it has to do (RFC 8200 §4.2). */
  type: number
  data: Uint8Array
}

/** Is `header`, as a next header value, an extension header that a walk passes? */
export function isExtension(header: number): boolean {
  switch (header) {
    case Type.hopByHop:
    case Type.routing:
    case Type.fragment:
    case Type.authentication:
    case Type.destinationOptions:
    case Type.mobility:
    case Type.hip:
    case Type.shim6:
      return true
    default:
      return false
  }
}

/** Octets of the extension header `header` at `at`, of which eight at least are here. */
export function lengthAt(header: number, bytes: Uint8Array, at: number): number {
  if (header === Type.fragment) return 8
  // RFC 4302 §2.2: in 32-bit words, minus two.
  if (header === Type.authentication) return (bytes[at + 1]! + 2) << 2
  return (bytes[at + 1]! + 1) << 3
}

/** One extension header, `at…end` exactly its octets. */
export function parse(header: number, bytes: Uint8Array, at = 0, end: number = bytes.length): Extension | Malformed {
  if (end - at < 8) return malformed('truncated', Math.max(end - at, 0))
  if (lengthAt(header, bytes, at) !== end - at) return malformed('bad-length', 1)
  switch (header) {
    case Type.hopByHop:
    case Type.destinationOptions: {
      const options = parseOptions(bytes, at + 2, end)
      if (Array.isArray(options)) {
        return { kind: header === Type.hopByHop ? 'hopByHop' : 'destinationOptions', options }
      }
      return { kind: 'badOptions', header, why: options.why, at: options.at + 2, data: bytes.subarray(at + 2, end) }
    }
    case Type.routing:
      return {
        kind: 'routing',
        routingType: bytes[at + 2]!,
        segmentsLeft: bytes[at + 3]!,
        data: bytes.subarray(at + 4, end),
      }
    case Type.fragment: {
      const word = u16(bytes, at + 2)
      return { kind: 'fragment', offset: word & 0xfff8, more: (word & 1) !== 0, id: u32(bytes, at + 4) }
    }
    case Type.authentication:
      if (end - at < 12) return malformed('bad-length', 1)
      return {
        kind: 'authentication',
        spi: u32(bytes, at + 4),
        seq: u32(bytes, at + 8),
        icv: bytes.subarray(at + 12, end),
      }
    default:
      return { kind: 'unknown', header, data: bytes.subarray(at + 2, end) }
  }
}

/** The options of a hop-by-hop or destination options header, padding included. A length beyond `end` is malformed. */
export function parseOptions(bytes: Uint8Array, at = 0, end: number = bytes.length): Option[] | Malformed {
  const options: Option[] = []
  for (let i = at; i < end; ) {
    const type = bytes[i]!
    if (type === PAD1) {
      options.push({ kind: 'pad1' })
      i++
      continue
    }
    if (end - i < 2) return malformed('truncated', end - at)
    const length = bytes[i + 1]!
    const data = i + 2
    if (end - data < length) return malformed('bad-length', i + 1 - at)
    if (type === PADN) options.push({ kind: 'padN', length })
    else if (type === ROUTER_ALERT && length === 2) options.push({ kind: 'routerAlert', value: u16(bytes, data) })
    else if (type === JUMBO && length === 4) options.push({ kind: 'jumbo', length: u32(bytes, data) })
    else options.push({ kind: 'unknown', type, data: bytes.subarray(data, data + length) })
    i = data + length
  }
  return options
}

/** The next header value by which `e` is announced. */
export function typeOf(e: Extension): number {
  return e.kind === 'unknown' || e.kind === 'badOptions' ? e.header : Type[e.kind]
}

/** Octets that `write` will fill. */
export function size(e: Extension): number {
  switch (e.kind) {
    case 'hopByHop':
    case 'destinationOptions': {
      let octets = 2
      for (const o of e.options) octets += optionSize(o)
      return eights(octets)
    }
    case 'routing':
      return eights(4 + e.data.length)
    case 'fragment':
      return 8
    case 'authentication':
      return (12 + e.icv.length + 3) & ~3
    case 'unknown':
    case 'badOptions':
      return eights(2 + e.data.length)
  }
}

/**
 * Writes `e` at `at`, announcing `next`; returns the end. Options are written as given (their alignment is the caller's)
 * and filled up to eight octets with Pad1 or PadN; other contents with zeros.
 * @throws RangeError on a value too wide for its field
 */
export function write(e: Extension, next: number, out: Uint8Array, at: number): number {
  const end = at + size(e)
  if (end > out.length) throw new RangeError(`an extension header of ${end - at} octets does not fit at ${at}`)
  put8(out, at, next)
  switch (e.kind) {
    case 'hopByHop':
    case 'destinationOptions': {
      put8(out, at + 1, (end - at) / 8 - 1)
      let i = at + 2
      for (const o of e.options) i = writeOption(o, out, i)
      if (end - i === 1) out[i] = PAD1
      else if (end > i) writeOption({ kind: 'padN', length: end - i - 2 }, out, i)
      return end
    }
    case 'routing':
      put8(out, at + 1, (end - at) / 8 - 1)
      out.fill(0, putBytes(out, at + 4, e.data), end)
      put8(out, at + 2, e.routingType)
      put8(out, at + 3, e.segmentsLeft)
      return end
    case 'fragment':
      if (e.offset % 8 !== 0) throw new RangeError(`fragment offset ${e.offset} is not a multiple of 8`)
      out[at + 1] = 0
      put16(out, at + 2, e.offset)
      if (e.more) out[at + 3]! |= 1
      put32(out, at + 4, e.id)
      return end
    case 'authentication':
      put8(out, at + 1, (end - at) / 4 - 2)
      out.fill(0, putBytes(out, at + 12, e.icv), end)
      put16(out, at + 2, 0)
      put32(out, at + 4, e.spi)
      put32(out, at + 8, e.seq)
      return end
    case 'unknown':
    case 'badOptions':
      put8(out, at + 1, (end - at) / 8 - 1)
      out.fill(0, putBytes(out, at + 2, e.data), end)
      return end
  }
}

/**
 * Where a packet to `dst` with this routing header ends up: the address that an upper-layer checksum covers while
 * segments are left (RFC 8200 §8.1). `dst` for a type that is not known, or a header without addresses.
 */
export function finalDestination(r: Routing, dst: Ip6): Ip6 {
  const { data } = r
  if (r.segmentsLeft === 0) return dst
  switch (r.routingType) {
    case 0:
    case 2:
      // Four reserved octets, then addresses in the order of the journey.
      return data.length < 20 ? dst : readIp6(data, 4 + (((data.length - 4) >>> 4) - 1) * 16)
    case 3: {
      // RFC 6554 §3: the last address leaves out the first CmprE octets that it shares with the destination.
      if (data.length < 4) return dst
      const shared = data[0]! & 0x0f
      const end = data.length - (data[1]! >>> 4)
      const own = 16 - shared
      if (end - own < 4) return dst
      const whole = new Uint8Array(16)
      writeIp(dst, whole, 0)
      whole.set(data.subarray(end - own, end), shared)
      return readIp6(whole, 0)
    }
    case 4:
      // RFC 8754 §2: the segment list is written backwards.
      return data.length < 20 ? dst : readIp6(data, 4)
    default:
      return dst
  }
}

function optionSize(o: Option): number {
  switch (o.kind) {
    case 'pad1':
      return 1
    case 'padN':
      return 2 + o.length
    case 'routerAlert':
      return 4
    case 'jumbo':
      return 6
    case 'unknown':
      return 2 + o.data.length
  }
}

function writeOption(o: Option, out: Uint8Array, at: number): number {
  switch (o.kind) {
    case 'pad1':
      out[at] = PAD1
      return at + 1
    case 'padN':
      out[at] = PADN
      put8(out, at + 1, o.length)
      out.fill(0, at + 2, at + 2 + o.length)
      return at + 2 + o.length
    case 'routerAlert':
      out[at] = ROUTER_ALERT
      out[at + 1] = 2
      put16(out, at + 2, o.value)
      return at + 4
    case 'jumbo':
      out[at] = JUMBO
      out[at + 1] = 4
      put32(out, at + 2, o.length)
      return at + 6
    case 'unknown':
      put8(out, at, o.type)
      put8(out, at + 1, o.data.length)
      return putBytes(out, at + 2, o.data)
  }
}

function eights(octets: number): number {
  return (octets + 7) & ~7
}

const PAD1 = 0
const PADN = 1
const ROUTER_ALERT = 5
const JUMBO = 0xc2
