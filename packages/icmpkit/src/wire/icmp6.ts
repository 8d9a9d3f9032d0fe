/**
 * ICMP for IPv6 (RFC 4443), with the messages of its many companions.
 *
 *  0        8        16               31
 *  | type   | code   | checksum        |
 *  | identifier      | sequence        |   echo; MTU or pointer in errors 2 and 4; length, zeros in errors 1 and 3
 *  | data, or the quoted packet …      |
 *
 * The checksum covers the pseudo-header too (RFC 8200 §8.1), so `verify` and `write` take the two addresses.
 */
import type { Ip6 } from './addr.ts'
import { finish, holds, pseudo6, sum } from './checksum.ts'
import { type Malformed, malformed, type Verdict } from './malformed.ts'
import { put8, put16, put32, putBytes, u16, u32 } from './octets.ts'

export const Type = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
} as const

/** The Next Header value in front of an ICMPv6 message. */
export const PROTOCOL = 58

export type Message = Unreachable | PacketTooBig | TimeExceeded | ParameterProblem | Echo | Other

/** Destination Unreachable (RFC 4443 §3.1). */
export interface Unreachable {
  kind: 'unreachable'
  code: number
  /** As much of the invoking packet as came, padding included; a view. */
  quote: Uint8Array
  extensions: undefined
}

/** Packet Too Big (RFC 4443 §3.2). */
export interface PacketTooBig {
  kind: 'packetTooBig'
  code: number
  mtu: number
  quote: Uint8Array
}

/** Time Exceeded (RFC 4443 §3.3): hop limit in transit, or reassembly. */
export interface TimeExceeded {
  kind: 'timeExceeded'
  code: number
  quote: Uint8Array
  extensions: undefined
}

/** Parameter Problem (RFC 4443 §3.4). */
export interface ParameterProblem {
  kind: 'parameterProblem'
  code: number
  /** Offset in the invoking packet where the error was seen; may lie beyond the quote. */
  pointer: number
  quote: Uint8Array
}

/** Echo Request and Reply (RFC 4443 §4). */
export interface Echo {
  kind: 'echoRequest' | 'echoReply'
  code: number
  id: number
  seq: number
  data: Uint8Array
}

/** A message this module has no name for, kept whole so that it writes back unchanged. */
export interface Other {
  kind: 'other'
  type: number
  code: number
  /** Everything from octet 4 on; a view. */
  rest: Uint8Array
}

/** Types 0–127 are errors, also the unassigned ones (RFC 4443 §2.1). */
export function isError(type: number): boolean {
  return (type & 0x80) === 0
}

/** Structure only. Payloads are views into `bytes`, not copies. */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Message | Malformed {
  if (end - at < HEADER) return malformed('truncated', Math.max(end - at, 0))
  const type = bytes[at]!
  const code = bytes[at + 1]!
  switch (type) {
    case Type.unreachable:
    case Type.packetTooBig:
    case Type.timeExceeded:
    case Type.parameterProblem:
    case Type.echoRequest:
    case Type.echoReply:
      break
    default:
      return { kind: 'other', type, code, rest: bytes.subarray(at + HEADER, end) }
  }
  if (end - at < FIXED) return malformed('truncated', end - at)
  switch (type) {
    case Type.echoRequest:
    case Type.echoReply:
      return {
        kind: type === Type.echoRequest ? 'echoRequest' : 'echoReply',
        code,
        id: u16(bytes, at + ID),
        seq: u16(bytes, at + SEQ),
        data: bytes.subarray(at + FIXED, end),
      }
    case Type.packetTooBig:
      return { kind: 'packetTooBig', code, mtu: u32(bytes, at + MTU), quote: bytes.subarray(at + FIXED, end) }
    case Type.parameterProblem:
      return {
        kind: 'parameterProblem',
        code,
        pointer: u32(bytes, at + POINTER),
        quote: bytes.subarray(at + FIXED, end),
      }
    default:
      return {
        kind: type === Type.unreachable ? 'unreachable' : 'timeExceeded',
        code,
        quote: bytes.subarray(at + FIXED, end),
        extensions: undefined,
      }
  }
}

/**
 * The checksum, pseudo-header included. `length` octets were on the wire: where fewer are here it is `unverifiable`.
 * `dst` is the final destination, also in front of a routing header (RFC 8200 §8.1).
 */
export function verify(bytes: Uint8Array, at: number, end: number, length: number, src: Ip6, dst: Ip6): Verdict {
  if (length > end - at) return 'unverifiable'
  return holds(sum(bytes, at, at + length, pseudo(src, dst, length))) ? 'ok' : 'bad'
}

/** `verify` with the addresses read from the IPv6 header at `ip`: for packets without a routing header. */
export function verifyAt(bytes: Uint8Array, at: number, end: number, length: number, ip: number): Verdict {
  if (length > end - at) return 'unverifiable'
  return holds(sum(bytes, at, at + length, pseudo6(bytes, ip, PROTOCOL, length))) ? 'ok' : 'bad'
}

/** Octets that `write` will fill. */
export function size(m: Message): number {
  switch (m.kind) {
    case 'echoRequest':
    case 'echoReply':
      return FIXED + m.data.length
    case 'other':
      return HEADER + m.rest.length
    default:
      return FIXED + m.quote.length
  }
}

/** Writes `m` at `at`, checksum included; returns the end. @throws RangeError on a value too wide for its field. */
export function write(m: Message, out: Uint8Array, at: number, src: Ip6, dst: Ip6): number {
  const length = size(m)
  if (length > out.length - at) throw new RangeError(`${length} octets do not fit in ${out.length - at}`)
  out[at] = typeOf(m)
  put8(out, at + 1, m.code)
  put16(out, at + CHECKSUM, 0)
  const end = writeBody(m, out, at)
  put16(out, at + CHECKSUM, finish(sum(out, at, end, pseudo(src, dst, end - at))))
  return end
}

/** The Type octet of `m`. */
export function typeOf(m: Message): number {
  return m.kind === 'other' ? m.type : Type[m.kind]
}

function writeBody(m: Message, out: Uint8Array, at: number): number {
  switch (m.kind) {
    case 'echoRequest':
    case 'echoReply':
      put16(out, at + ID, m.id)
      put16(out, at + SEQ, m.seq)
      return putBytes(out, at + FIXED, m.data)
    case 'packetTooBig':
      put32(out, at + MTU, m.mtu)
      return putBytes(out, at + FIXED, m.quote)
    case 'parameterProblem':
      put32(out, at + POINTER, m.pointer)
      return putBytes(out, at + FIXED, m.quote)
    case 'unreachable':
    case 'timeExceeded':
      put32(out, at + HEADER, 0)
      return putBytes(out, at + FIXED, m.quote)
    default:
      return putBytes(out, at + HEADER, m.rest)
  }
}

/** The words of an address, summed, are that address modulo 2^16 - 1: one division in place of eight shifts. */
function pseudo(src: Ip6, dst: Ip6, length: number): number {
  return Number(src % 0xffffn) + Number(dst % 0xffffn) + PROTOCOL + (length >>> 16) + (length & 0xffff)
}

const CHECKSUM = 2
const HEADER = 4
const ID = 4
const MTU = 4
const POINTER = 4
const SEQ = 6
const FIXED = 8
