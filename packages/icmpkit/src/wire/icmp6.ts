/**
 * ICMP for IPv6 (RFC 4443; 2710, 3122, 3810, 3971, 4065, 4286, 4620, 4861, 4884, 6275, 8335).
 *
 *  0        8        16               31
 *  | type   | code   | checksum        |
 *  | fixed part, by type …             |   errors: length and zeros, MTU, or pointer; echo: identifier, sequence
 *  | data, quote, or options …         |
 *
 * The checksum covers the pseudo-header too (RFC 8200 §8.1), so `verify` and `write` take the two addresses. Reserved
 * octets are written as zero and not kept. Types without a layout here (see `Type`) are `other`, whole. Errors and echo
 * stand here; the rest in `nd.ts`, `mld.ts`, `node-info.ts`, `mobile.ts`, `extended-echo.ts`, `seamoby.ts`.
 */
import type { Ip6 } from './addr.ts'
import { finish, holds, pseudo6, pseudoSum6, sum } from './checksum.ts'
import * as extendedEcho from './extended-echo.ts'
import type { Extensions } from './extension.ts'
import * as extension from './extension.ts'
import { type Malformed, malformed, type Verdict } from './malformed.ts'
import * as mld from './mld.ts'
import * as mobile from './mobile.ts'
import * as nd from './nd.ts'
import * as nodeInfo from './node-info.ts'
import { put8, put16, put32, putBytes, u16, u32 } from './octets.ts'
import * as originalDatagram from './original-datagram.ts'
import * as seamoby from './seamoby.ts'

/** A key that is also a `kind` has a layout; the others come as `other`. */
export const Type = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  experimentalError1: 100,
  experimentalError2: 101,
  echoRequest: 128,
  echoReply: 129,
  /** 24 octets are version 1, 28 and more version 2. */
  mldQuery: 130,
  mldReport: 131,
  mldDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
  routerRenumbering: 138,
  nodeInfoQuery: 139,
  nodeInfoReply: 140,
  inverseSolicitation: 141,
  inverseAdvertisement: 142,
  mldv2Report: 143,
  homeAgentRequest: 144,
  homeAgentReply: 145,
  mobilePrefixSolicitation: 146,
  mobilePrefixAdvertisement: 147,
  certificationPathSolicitation: 148,
  certificationPathAdvertisement: 149,
  seamoby: 150,
  multicastRouterAdvertisement: 151,
  multicastRouterSolicitation: 152,
  multicastRouterTermination: 153,
  fmip: 154,
  rplControl: 155,
  locatorUpdate: 156,
  duplicateAddressRequest: 157,
  duplicateAddressConfirmation: 158,
  mplControl: 159,
  extendedEchoRequest: 160,
  extendedEchoReply: 161,
  experimentalQuery1: 200,
  experimentalQuery2: 201,
} as const

/** The Next Header value in front of an ICMPv6 message. */
export const PROTOCOL = 58

export type Message =
  | Unreachable
  | PacketTooBig
  | TimeExceeded
  | ParameterProblem
  | Echo
  | nd.Message
  | mld.Message
  | nodeInfo.Message
  | mobile.Message
  | extendedEcho.Message
  | seamoby.Message
  | Other

export type Kind = Message['kind']

/** Destination Unreachable (RFC 4443 §3.1). */
export interface Unreachable {
  kind: 'unreachable'
  code: number
  /** As much of the invoking packet as came; padding included where extensions follow. */
  quote: Uint8Array
  extensions: Extensions | undefined
}

/** Packet Too Big (RFC 4443 §3.2). */
export interface PacketTooBig {
  kind: 'packetTooBig'
  code: number
  /** Of the next link. */
  mtu: number
  quote: Uint8Array
}

/** Time Exceeded (RFC 4443 §3.3): hop limit in transit, or reassembly. */
export interface TimeExceeded {
  kind: 'timeExceeded'
  code: number
  quote: Uint8Array
  extensions: Extensions | undefined
}

/** Parameter Problem (RFC 4443 §3.4). */
export interface ParameterProblem {
  kind: 'parameterProblem'
  code: number
  /** Offset in the invoking packet of the octet at fault; may lie beyond the quote. */
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

/** A message this module has no layout for, kept whole so that it writes back unchanged. */
export interface Other {
  kind: 'other'
  type: number
  code: number
  /** Everything behind the checksum. */
  rest: Uint8Array
}

/** Types 0–127 are errors, the unassigned ones too (RFC 4443 §2.1). */
export function isError(type: number): boolean {
  return (type & 0x80) === 0
}

/** Structure only; `verify` judges the checksum. Leaf payloads are views into `bytes`. */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Message | Malformed {
  if (end - at < HEADER) return malformed('truncated', Math.max(end - at, 0))
  const type = bytes[at]!
  switch (type) {
    case Type.echoRequest:
      return echo('echoRequest', bytes, at, end)
    case Type.echoReply:
      return echo('echoReply', bytes, at, end)
    case Type.unreachable:
    case Type.packetTooBig:
    case Type.timeExceeded:
    case Type.parameterProblem:
      return error(type, bytes, at, end)
    case Type.mldQuery:
      return mld.parse('mldQuery', bytes, at, end)
    case Type.mldReport:
      return mld.parse('mldReport', bytes, at, end)
    case Type.mldDone:
      return mld.parse('mldDone', bytes, at, end)
    case Type.mldv2Report:
      return mld.parse('mldv2Report', bytes, at, end)
    case Type.routerSolicitation:
      return nd.parse('routerSolicitation', bytes, at, end)
    case Type.routerAdvertisement:
      return nd.parse('routerAdvertisement', bytes, at, end)
    case Type.neighborSolicitation:
      return nd.parse('neighborSolicitation', bytes, at, end)
    case Type.neighborAdvertisement:
      return nd.parse('neighborAdvertisement', bytes, at, end)
    case Type.redirect:
      return nd.parse('redirect', bytes, at, end)
    case Type.inverseSolicitation:
      return nd.parse('inverseSolicitation', bytes, at, end)
    case Type.inverseAdvertisement:
      return nd.parse('inverseAdvertisement', bytes, at, end)
    case Type.nodeInfoQuery:
      return nodeInfo.parse('nodeInfoQuery', bytes, at, end)
    case Type.nodeInfoReply:
      return nodeInfo.parse('nodeInfoReply', bytes, at, end)
    case Type.homeAgentRequest:
      return mobile.parse('homeAgentRequest', bytes, at, end)
    case Type.homeAgentReply:
      return mobile.parse('homeAgentReply', bytes, at, end)
    case Type.mobilePrefixSolicitation:
      return mobile.parse('mobilePrefixSolicitation', bytes, at, end)
    case Type.mobilePrefixAdvertisement:
      return mobile.parse('mobilePrefixAdvertisement', bytes, at, end)
    case Type.certificationPathSolicitation:
      return mobile.parse('certificationPathSolicitation', bytes, at, end)
    case Type.certificationPathAdvertisement:
      return mobile.parse('certificationPathAdvertisement', bytes, at, end)
    case Type.multicastRouterAdvertisement:
      return mld.parse('multicastRouterAdvertisement', bytes, at, end)
    case Type.multicastRouterSolicitation:
      return mld.parse('multicastRouterSolicitation', bytes, at, end)
    case Type.multicastRouterTermination:
      return mld.parse('multicastRouterTermination', bytes, at, end)
    case Type.seamoby:
      return end - at < seamoby.FIXED ? malformed('truncated', end - at) : seamoby.parse(bytes, at, end)
    case Type.extendedEchoRequest:
    case Type.extendedEchoReply:
      if (end - at < extendedEcho.FIXED) return malformed('truncated', end - at)
      return type === Type.extendedEchoRequest
        ? extendedEcho.parseRequest(bytes, at, end)
        : extendedEcho.parseReply(bytes, at, end)
    default:
      return { kind: 'other', type, code: bytes[at + CODE]!, rest: bytes.subarray(at + HEADER, end) }
  }
}

/**
 * As `parse`, and where an error says nothing of extensions, looks for them where routers from before RFC 4884 put them
 * (§5.5: a mode that the user asks for, never the default).
 */
export function parseLegacy(bytes: Uint8Array, at = 0, end: number = bytes.length): Message | Malformed {
  const m = parse(bytes, at, end)
  if ((m.kind !== 'unreachable' && m.kind !== 'timeExceeded') || m.extensions !== undefined) return m
  const begin = originalDatagram.locateLegacy(bytes, at + FIXED, end)
  if (begin === end) return m
  return { ...m, quote: bytes.subarray(at + FIXED, begin), extensions: extension.parse(bytes, begin, end) }
}

/**
 * The checksum, pseudo-header included. `length` octets were on the wire: where fewer are here it is `unverifiable`.
 * `dst` is the final destination, also in front of a routing header (RFC 8200 §8.1).
 */
export function verify(bytes: Uint8Array, at: number, end: number, length: number, src: Ip6, dst: Ip6): Verdict {
  if (length > end - at) return 'unverifiable'
  return length >= HEADER && holds(sum(bytes, at, at + length, pseudoSum6(src, dst, PROTOCOL, length))) ? 'ok' : 'bad'
}

/** `verify` with the addresses read from the IPv6 header at `ip`: for packets without a routing header. */
export function verifyAt(bytes: Uint8Array, at: number, end: number, length: number, ip: number): Verdict {
  if (length > end - at) return 'unverifiable'
  return length >= HEADER && holds(sum(bytes, at, at + length, pseudo6(bytes, ip, PROTOCOL, length))) ? 'ok' : 'bad'
}

/** The Type octet of `m`. */
export function typeOf(m: Message): number {
  if (m.kind === 'other') return m.type
  return m.kind === 'mldv2Query' ? Type.mldQuery : Type[m.kind]
}

/** Octets that `write` will fill. */
export function size(m: Message): number {
  switch (m.kind) {
    case 'echoRequest':
    case 'echoReply':
      return FIXED + m.data.length
    case 'unreachable':
    case 'timeExceeded':
      return FIXED + originalDatagram.size(m.quote, m.extensions, UNIT)
    case 'packetTooBig':
    case 'parameterProblem':
      return FIXED + m.quote.length
    case 'routerSolicitation':
    case 'routerAdvertisement':
    case 'neighborSolicitation':
    case 'neighborAdvertisement':
    case 'redirect':
    case 'inverseSolicitation':
    case 'inverseAdvertisement':
      return nd.size(m)
    case 'nodeInfoQuery':
    case 'nodeInfoReply':
      return nodeInfo.size(m)
    case 'homeAgentRequest':
    case 'homeAgentReply':
    case 'mobilePrefixSolicitation':
    case 'mobilePrefixAdvertisement':
    case 'certificationPathSolicitation':
    case 'certificationPathAdvertisement':
      return mobile.size(m)
    case 'extendedEchoRequest':
    case 'extendedEchoReply':
      return extendedEcho.size(m)
    case 'seamoby':
      return seamoby.size(m)
    case 'other':
      return HEADER + m.rest.length
    default:
      return mld.size(m)
  }
}

/** Writes `m` at `at`, checksum included; returns the end. @throws RangeError on a value too wide for its field. */
export function write(m: Message, out: Uint8Array, at: number, src: Ip6, dst: Ip6): number {
  const length = size(m)
  if (length > out.length - at) throw new RangeError(`no room for ${length} octets at ${at} of ${out.length}`)
  put8(out, at, typeOf(m))
  put8(out, at + CODE, m.code)
  put16(out, at + CHECKSUM, 0)
  const end = writeBody(m, out, at)
  put16(out, at + CHECKSUM, finish(sum(out, at, end, pseudoSum6(src, dst, PROTOCOL, end - at))))
  return end
}

function echo(kind: Echo['kind'], bytes: Uint8Array, at: number, end: number): Echo | Malformed {
  // CVE-2020-17441, CVE-2020-17443: stacks that answered echo requests shorter than this read on into other memory.
  if (end - at < FIXED) return malformed('truncated', end - at)
  return {
    kind,
    code: bytes[at + CODE]!,
    id: u16(bytes, at + ID),
    seq: u16(bytes, at + SEQ),
    data: bytes.subarray(at + FIXED, end),
  }
}

function error(type: number, bytes: Uint8Array, at: number, end: number): Message | Malformed {
  const body = at + FIXED
  if (end < body) return malformed('truncated', end - at)
  const code = bytes[at + CODE]!
  switch (type) {
    case Type.packetTooBig:
      return { kind: 'packetTooBig', code, mtu: u32(bytes, at + MTU), quote: bytes.subarray(body, end) }
    case Type.parameterProblem:
      return { kind: 'parameterProblem', code, pointer: u32(bytes, at + POINTER), quote: bytes.subarray(body, end) }
    default: {
      const length = bytes[at + LENGTH]!
      const begin = originalDatagram.locate(body, end, length, UNIT)
      return {
        kind: type === Type.unreachable ? 'unreachable' : 'timeExceeded',
        code,
        quote: bytes.subarray(body, begin < 0 ? end : begin),
        extensions: originalDatagram.parseExtensions(bytes, body, end, length, UNIT),
      }
    }
  }
}

function writeBody(m: Message, out: Uint8Array, at: number): number {
  switch (m.kind) {
    case 'echoRequest':
    case 'echoReply':
      put16(out, at + ID, m.id)
      put16(out, at + SEQ, m.seq)
      return putBytes(out, at + FIXED, m.data)
    case 'unreachable':
    case 'timeExceeded':
      put32(out, at + HEADER, 0)
      put8(out, at + LENGTH, originalDatagram.lengthOctet(m.quote, m.extensions, UNIT))
      return originalDatagram.write(m.quote, m.extensions, UNIT, out, at + FIXED)
    case 'packetTooBig':
      put32(out, at + MTU, m.mtu)
      return putBytes(out, at + FIXED, m.quote)
    case 'parameterProblem':
      put32(out, at + POINTER, m.pointer)
      return putBytes(out, at + FIXED, m.quote)
    case 'routerSolicitation':
    case 'routerAdvertisement':
    case 'neighborSolicitation':
    case 'neighborAdvertisement':
    case 'redirect':
    case 'inverseSolicitation':
    case 'inverseAdvertisement':
      return nd.writeBody(m, out, at)
    case 'nodeInfoQuery':
    case 'nodeInfoReply':
      return nodeInfo.writeBody(m, out, at)
    case 'homeAgentRequest':
    case 'homeAgentReply':
    case 'mobilePrefixSolicitation':
    case 'mobilePrefixAdvertisement':
    case 'certificationPathSolicitation':
    case 'certificationPathAdvertisement':
      return mobile.writeBody(m, out, at)
    case 'extendedEchoRequest':
    case 'extendedEchoReply':
      return extendedEcho.writeBody(m, out, at)
    case 'seamoby':
      return seamoby.writeBody(m, out, at)
    case 'other':
      return putBytes(out, at + HEADER, m.rest)
    default:
      return mld.writeBody(m, out, at)
  }
}

/** The length octet counts words of eight octets (RFC 4884 §4). */
const UNIT = 8

// Offsets.
const CODE = 1
const CHECKSUM = 2
const HEADER = 4
const ID = 4
const LENGTH = 4
const MTU = 4
const POINTER = 4
const SEQ = 6
const FIXED = 8
