/**
 * ICMP for IPv4 (RFC 792; 950, 1191, 1256, 1393, 2521, 4065, 4727, 4884, 8335).
 *
 *  0        8        16               31
 *  | type   | code   | checksum        |
 *  | fixed part, by type …             |   MIN_LENGTH says how long
 *  | data, quote, or addresses …       |
 *
 * Reserved octets are written as zero and not kept. Types without a layout here (reserved, unassigned, and the
 * deprecated 6, 31–39) are `other`, whole.
 */
import { type Ip4, readIp4, writeIp } from './addr.ts'
import { finish, holds, sum } from './checksum.ts'
import * as extendedEcho from './extended-echo.ts'
import type { Extensions } from './extension.ts'
import * as extension from './extension.ts'
import { type Malformed, malformed, type Verdict } from './malformed.ts'
import { i32, put8, put16, put32, putBytes, u16, u32 } from './octets.ts'
import * as originalDatagram from './original-datagram.ts'
import * as seamoby from './seamoby.ts'

/** A key that is also a `kind` has a layout; the others come as `other`. */
export const Type = {
  echoReply: 0,
  unreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  alternateHostAddress: 6,
  echoRequest: 8,
  routerAdvertisement: 9,
  routerSolicitation: 10,
  timeExceeded: 11,
  parameterProblem: 12,
  timestampRequest: 13,
  timestampReply: 14,
  informationRequest: 15,
  informationReply: 16,
  addressMaskRequest: 17,
  addressMaskReply: 18,
  traceroute: 30,
  conversionError: 31,
  photuris: 40,
  seamoby: 41,
  extendedEchoRequest: 42,
  extendedEchoReply: 43,
  experiment1: 253,
  experiment2: 254,
} as const

/** The protocol number in front of an ICMPv4 message. */
export const PROTOCOL = 1

export type Message =
  | Echo
  | Unreachable
  | SourceQuench
  | Redirect
  | RouterAdvertisement
  | RouterSolicitation
  | TimeExceeded
  | ParameterProblem
  | Timestamp
  | Information
  | AddressMask
  | Traceroute
  | Photuris
  | seamoby.Message
  | extendedEcho.Message
  | Experiment
  | Other

export type Kind = Message['kind']

export interface Echo {
  kind: 'echoRequest' | 'echoReply'
  code: number
  id: number
  seq: number
  data: Uint8Array
}

export interface Unreachable {
  kind: 'unreachable'
  code: number
  /** Means something with code 4 only (RFC 1191 §4); zero there: a router from before RFC 1191. */
  nextHopMtu: number
  quote: Uint8Array
  extensions: Extensions | undefined
}

export interface TimeExceeded {
  kind: 'timeExceeded'
  code: number
  quote: Uint8Array
  extensions: Extensions | undefined
}

export interface ParameterProblem {
  kind: 'parameterProblem'
  code: number
  /** Offset in the original datagram of the octet at fault; with code 1 the missing option's type. */
  pointer: number
  quote: Uint8Array
  extensions: Extensions | undefined
}

/** Deprecated (RFC 6633): to be ignored by every receiver. */
export interface SourceQuench {
  kind: 'sourceQuench'
  code: number
  quote: Uint8Array
}

export interface Redirect {
  kind: 'redirect'
  code: number
  gateway: Ip4
  quote: Uint8Array
}

/** RFC 1256 §3. */
export interface RouterAdvertisement {
  kind: 'routerAdvertisement'
  code: number
  lifetimeSeconds: number
  /** Words an entry, at least 2 where there are entries; a receiver skips what it does not know behind the second. */
  entrySize: number
  entries: RouterEntry[]
  /** Octets behind the entries: the agent extensions of RFC 5944 §2.1. */
  trailing: Uint8Array
}

export interface RouterEntry {
  address: Ip4
  /** Signed: higher is better; -2^31 is never a default router (RFC 1256 §4.1). */
  preference: number
  /** The words behind the second, none where `entrySize` is 2. */
  more: Uint8Array
}

export interface RouterSolicitation {
  kind: 'routerSolicitation'
  code: number
  trailing: Uint8Array
}

/** Milliseconds since midnight UT; with the top bit set, some other clock (RFC 792). */
export interface Timestamp {
  kind: 'timestampRequest' | 'timestampReply'
  code: number
  id: number
  seq: number
  originate: number
  receive: number
  transmit: number
  trailing: Uint8Array
}

export interface Information {
  kind: 'informationRequest' | 'informationReply'
  code: number
  id: number
  seq: number
  trailing: Uint8Array
}

/** RFC 950 appendix I. */
export interface AddressMask {
  kind: 'addressMaskRequest' | 'addressMaskReply'
  code: number
  id: number
  seq: number
  mask: Ip4
  trailing: Uint8Array
}

/** RFC 1393 §2.3. */
export interface Traceroute {
  kind: 'traceroute'
  code: number
  id: number
  outboundHopCount: number
  returnHopCount: number
  /** Octets a second. */
  outputLinkSpeed: number
  outputLinkMtu: number
  trailing: Uint8Array
}

/** Security failures (RFC 2521 §2). */
export interface Photuris {
  kind: 'photuris'
  code: number
  /** Offset of the SPI in the quote; 0 where none is there. */
  pointer: number
  quote: Uint8Array
}

/** RFC 4727 §4. */
export interface Experiment {
  kind: 'experiment1' | 'experiment2'
  code: number
  /** Everything behind the checksum. */
  rest: Uint8Array
}

/** A message this module has no layout for, kept whole so that it writes back unchanged. */
export interface Other {
  kind: 'other'
  type: number
  code: number
  /** Everything behind the checksum. */
  rest: Uint8Array
}

/** Structure only; `verify` judges the checksum. Leaf payloads are views into `bytes`. */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Message | Malformed {
  const length = end - at
  if (length < HEADER) return malformed('truncated', Math.max(length, 0))
  const type = bytes[at]!
  if (length < MIN_LENGTH[type]!) return malformed('truncated', length)
  const code = bytes[at + CODE]!
  switch (type) {
    case Type.echoReply:
    case Type.echoRequest:
      return {
        kind: type === Type.echoReply ? 'echoReply' : 'echoRequest',
        code,
        id: u16(bytes, at + ID),
        seq: u16(bytes, at + SEQ),
        data: bytes.subarray(at + BODY, end),
      }
    case Type.unreachable:
      return {
        kind: 'unreachable',
        code,
        nextHopMtu: u16(bytes, at + NEXT_HOP_MTU),
        quote: quoteOf(bytes, at, end),
        extensions: extensionsOf(bytes, at, end),
      }
    case Type.timeExceeded:
      return { kind: 'timeExceeded', code, quote: quoteOf(bytes, at, end), extensions: extensionsOf(bytes, at, end) }
    case Type.parameterProblem:
      return {
        kind: 'parameterProblem',
        code,
        pointer: bytes[at + POINTER]!,
        quote: quoteOf(bytes, at, end),
        extensions: extensionsOf(bytes, at, end),
      }
    case Type.sourceQuench:
      return { kind: 'sourceQuench', code, quote: bytes.subarray(at + BODY, end) }
    case Type.redirect:
      return { kind: 'redirect', code, gateway: readIp4(bytes, at + GATEWAY), quote: bytes.subarray(at + BODY, end) }
    case Type.routerAdvertisement:
      return parseAdvertisement(bytes, at, end, code)
    case Type.routerSolicitation:
      return { kind: 'routerSolicitation', code, trailing: rest(bytes, at + BODY, end) }
    case Type.timestampRequest:
    case Type.timestampReply:
      return {
        kind: type === Type.timestampRequest ? 'timestampRequest' : 'timestampReply',
        code,
        id: u16(bytes, at + ID),
        seq: u16(bytes, at + SEQ),
        originate: u32(bytes, at + ORIGINATE),
        receive: u32(bytes, at + RECEIVE),
        transmit: u32(bytes, at + TRANSMIT),
        trailing: rest(bytes, at + TIMESTAMP_LENGTH, end),
      }
    case Type.informationRequest:
    case Type.informationReply:
      return {
        kind: type === Type.informationRequest ? 'informationRequest' : 'informationReply',
        code,
        id: u16(bytes, at + ID),
        seq: u16(bytes, at + SEQ),
        trailing: rest(bytes, at + BODY, end),
      }
    case Type.addressMaskRequest:
    case Type.addressMaskReply:
      return {
        kind: type === Type.addressMaskRequest ? 'addressMaskRequest' : 'addressMaskReply',
        code,
        id: u16(bytes, at + ID),
        seq: u16(bytes, at + SEQ),
        mask: readIp4(bytes, at + MASK),
        trailing: rest(bytes, at + ADDRESS_MASK_LENGTH, end),
      }
    case Type.traceroute:
      return {
        kind: 'traceroute',
        code,
        id: u16(bytes, at + ID),
        outboundHopCount: u16(bytes, at + OUTBOUND_HOP_COUNT),
        returnHopCount: u16(bytes, at + RETURN_HOP_COUNT),
        outputLinkSpeed: u32(bytes, at + OUTPUT_LINK_SPEED),
        outputLinkMtu: u32(bytes, at + OUTPUT_LINK_MTU),
        trailing: rest(bytes, at + TRACEROUTE_LENGTH, end),
      }
    case Type.photuris:
      return {
        kind: 'photuris',
        code,
        pointer: u16(bytes, at + PHOTURIS_POINTER),
        quote: bytes.subarray(at + BODY, end),
      }
    case Type.seamoby:
      return seamoby.parse(bytes, at, end)
    case Type.extendedEchoRequest:
      return extendedEcho.parseRequest(bytes, at, end)
    case Type.extendedEchoReply:
      return extendedEcho.parseReply(bytes, at, end)
    case Type.experiment1:
    case Type.experiment2:
      return {
        kind: type === Type.experiment1 ? 'experiment1' : 'experiment2',
        code,
        rest: bytes.subarray(at + HEADER, end),
      }
    default:
      return { kind: 'other', type, code, rest: bytes.subarray(at + HEADER, end) }
  }
}

/**
 * As `parse`, and where an error says nothing of extensions, looks for them where routers from before RFC 4884 put them
 * (§5.5: a mode that the user asks for, never the default).
 */
export function parseLegacy(bytes: Uint8Array, at = 0, end: number = bytes.length): Message | Malformed {
  const m = parse(bytes, at, end)
  if (m.kind !== 'unreachable' && m.kind !== 'timeExceeded' && m.kind !== 'parameterProblem') return m
  if (m.extensions !== undefined) return m
  const begin = originalDatagram.locateLegacy(bytes, at + BODY, end)
  if (begin === end) return m
  return { ...m, quote: bytes.subarray(at + BODY, begin), extensions: extension.parse(bytes, begin, end) }
}

/** Mostly there is none, and a view of nothing costs as much as any other. */
function rest(bytes: Uint8Array, at: number, end: number): Uint8Array {
  return at === end ? NOTHING : bytes.subarray(at, end)
}

function quoteOf(bytes: Uint8Array, at: number, end: number): Uint8Array {
  const begin = originalDatagram.locate(at + BODY, end, bytes[at + LENGTH]!, UNIT)
  return bytes.subarray(at + BODY, begin < 0 ? end : begin)
}

function extensionsOf(bytes: Uint8Array, at: number, end: number): Extensions | undefined {
  return originalDatagram.parseExtensions(bytes, at + BODY, end, bytes[at + LENGTH]!, UNIT)
}

function parseAdvertisement(bytes: Uint8Array, at: number, end: number, code: number): RouterAdvertisement | Malformed {
  const count = bytes[at + NUM_ADDRS]!
  const entrySize = bytes[at + ENTRY_SIZE]!
  if (count > 0 && entrySize < 2) return malformed('bad-length', ENTRY_SIZE)
  const entriesEnd = at + BODY + count * entrySize * 4
  if (entriesEnd > end) return malformed('truncated', end - at)
  const entries: RouterEntry[] = []
  for (let i = at + BODY; i < entriesEnd; i += entrySize * 4) {
    entries.push({
      address: readIp4(bytes, i),
      preference: i32(bytes, i + 4),
      more: rest(bytes, i + 8, i + entrySize * 4),
    })
  }
  return {
    kind: 'routerAdvertisement',
    code,
    lifetimeSeconds: u16(bytes, at + LIFETIME),
    entrySize,
    entries,
    trailing: rest(bytes, entriesEnd, end),
  }
}

/** `length`: octets that were sent, which may be more than are here. */
export function verify(bytes: Uint8Array, at: number, end: number, length: number): Verdict {
  if (length > end - at) return 'unverifiable'
  return length >= HEADER && holds(sum(bytes, at, at + length)) ? 'ok' : 'bad'
}

/** The type octet that `write` gives the message. */
export function typeOf(m: Message): number {
  return m.kind === 'other' ? m.type : Type[m.kind]
}

/** Octets that `write` will fill. */
export function size(m: Message): number {
  switch (m.kind) {
    case 'echoRequest':
    case 'echoReply':
    case 'seamoby':
      return BODY + m.data.length
    case 'unreachable':
    case 'timeExceeded':
    case 'parameterProblem':
      return BODY + originalDatagram.size(m.quote, m.extensions, UNIT)
    case 'sourceQuench':
    case 'redirect':
    case 'photuris':
      return BODY + m.quote.length
    case 'routerAdvertisement':
      return BODY + m.entries.length * m.entrySize * 4 + m.trailing.length
    case 'routerSolicitation':
    case 'informationRequest':
    case 'informationReply':
      return BODY + m.trailing.length
    case 'timestampRequest':
    case 'timestampReply':
      return TIMESTAMP_LENGTH + m.trailing.length
    case 'addressMaskRequest':
    case 'addressMaskReply':
      return ADDRESS_MASK_LENGTH + m.trailing.length
    case 'traceroute':
      return TRACEROUTE_LENGTH + m.trailing.length
    case 'extendedEchoRequest':
    case 'extendedEchoReply':
      return extendedEcho.size(m)
    case 'experiment1':
    case 'experiment2':
    case 'other':
      return HEADER + m.rest.length
  }
}

/**
 * Writes `m` at `at`, checksum included; returns the end. Faithful: what an RFC forbids to send is written all the
 * same, see `objection`. @throws RangeError on a value too wide for its field, or too little room.
 */
export function write(m: Message, out: Uint8Array, at: number): number {
  if (at + size(m) > out.length) throw new RangeError(`no room for ${size(m)} octets at ${at} of ${out.length}`)
  put8(out, at, typeOf(m))
  put8(out, at + CODE, m.code)
  put16(out, at + CHECKSUM, 0)
  const end = writeBody(m, out, at)
  put16(out, at + CHECKSUM, finish(sum(out, at, end)))
  return end
}

function writeBody(m: Message, out: Uint8Array, at: number): number {
  switch (m.kind) {
    case 'echoRequest':
    case 'echoReply':
      putIdSeq(m, out, at)
      return putBytes(out, at + BODY, m.data)
    case 'unreachable':
      put8(out, at + POINTER, 0)
      put16(out, at + NEXT_HOP_MTU, m.nextHopMtu)
      return putQuoted(m, out, at)
    case 'timeExceeded':
      put8(out, at + POINTER, 0)
      put16(out, at + NEXT_HOP_MTU, 0)
      return putQuoted(m, out, at)
    case 'parameterProblem':
      put8(out, at + POINTER, m.pointer)
      put16(out, at + NEXT_HOP_MTU, 0)
      return putQuoted(m, out, at)
    case 'sourceQuench':
      put32(out, at + HEADER, 0)
      return putBytes(out, at + BODY, m.quote)
    case 'redirect':
      return putBytes(out, writeIp(m.gateway, out, at + GATEWAY), m.quote)
    case 'routerAdvertisement':
      return writeAdvertisement(m, out, at)
    case 'routerSolicitation':
      put32(out, at + HEADER, 0)
      return putBytes(out, at + BODY, m.trailing)
    case 'timestampRequest':
    case 'timestampReply':
      putIdSeq(m, out, at)
      put32(out, at + ORIGINATE, m.originate)
      put32(out, at + RECEIVE, m.receive)
      put32(out, at + TRANSMIT, m.transmit)
      return putBytes(out, at + TIMESTAMP_LENGTH, m.trailing)
    case 'informationRequest':
    case 'informationReply':
      putIdSeq(m, out, at)
      return putBytes(out, at + BODY, m.trailing)
    case 'addressMaskRequest':
    case 'addressMaskReply':
      putIdSeq(m, out, at)
      writeIp(m.mask, out, at + MASK)
      return putBytes(out, at + ADDRESS_MASK_LENGTH, m.trailing)
    case 'traceroute':
      put16(out, at + ID, m.id)
      put16(out, at + ID + 2, 0)
      put16(out, at + OUTBOUND_HOP_COUNT, m.outboundHopCount)
      put16(out, at + RETURN_HOP_COUNT, m.returnHopCount)
      put32(out, at + OUTPUT_LINK_SPEED, m.outputLinkSpeed)
      put32(out, at + OUTPUT_LINK_MTU, m.outputLinkMtu)
      return putBytes(out, at + TRACEROUTE_LENGTH, m.trailing)
    case 'photuris':
      put16(out, at + HEADER, 0)
      put16(out, at + PHOTURIS_POINTER, m.pointer)
      return putBytes(out, at + BODY, m.quote)
    case 'seamoby':
      return seamoby.writeBody(m, out, at)
    case 'extendedEchoRequest':
    case 'extendedEchoReply':
      return extendedEcho.writeBody(m, out, at)
    case 'experiment1':
    case 'experiment2':
    case 'other':
      return putBytes(out, at + HEADER, m.rest)
  }
}

function writeAdvertisement(m: RouterAdvertisement, out: Uint8Array, at: number): number {
  put8(out, at + NUM_ADDRS, m.entries.length)
  put8(out, at + ENTRY_SIZE, m.entrySize)
  put16(out, at + LIFETIME, m.lifetimeSeconds)
  let i = at + BODY
  for (const e of m.entries) {
    if (8 + e.more.length !== m.entrySize * 4) throw new RangeError(`an entry is not ${m.entrySize} words long`)
    i = writeIp(e.address, out, i)
    put32(out, i, e.preference)
    i = putBytes(out, i + 4, e.more)
  }
  return putBytes(out, i, m.trailing)
}

function putIdSeq(m: { id: number; seq: number }, out: Uint8Array, at: number): void {
  put16(out, at + ID, m.id)
  put16(out, at + SEQ, m.seq)
}

function putQuoted(m: Unreachable | TimeExceeded | ParameterProblem, out: Uint8Array, at: number): number {
  put8(out, at + LENGTH, originalDatagram.lengthOctet(m.quote, m.extensions, UNIT))
  return originalDatagram.write(m.quote, m.extensions, UNIT, out, at + BODY)
}

const NOTHING = new Uint8Array(0)

/** The length octet counts words of four octets (RFC 4884 §4). */
const UNIT = 4

// Offsets.
const CODE = 1
const CHECKSUM = 2
const HEADER = 4
const ID = 4
const SEQ = 6
const BODY = 8
/** Errors: octet 4 (parameter problem only), 5 and 6. */
const POINTER = 4
const LENGTH = 5
const NEXT_HOP_MTU = 6
const GATEWAY = 4
const PHOTURIS_POINTER = 6
const NUM_ADDRS = 4
const ENTRY_SIZE = 5
const LIFETIME = 6
const ORIGINATE = 8
const RECEIVE = 12
const TRANSMIT = 16
const TIMESTAMP_LENGTH = 20
const MASK = 8
const ADDRESS_MASK_LENGTH = 12
const OUTBOUND_HOP_COUNT = 8
const RETURN_HOP_COUNT = 10
const OUTPUT_LINK_SPEED = 12
const OUTPUT_LINK_MTU = 16
const TRACEROUTE_LENGTH = 20

/** Shortest message of each type, octets. */
const MIN_LENGTH: Uint8Array = minimums()

function minimums(): Uint8Array {
  const shortest = new Uint8Array(256).fill(HEADER)
  for (const type of [0, 3, 4, 5, 8, 9, 10, 11, 12, 15, 16, 40, 41, 42, 43]) shortest[type] = BODY
  shortest[Type.timestampRequest] = TIMESTAMP_LENGTH
  shortest[Type.timestampReply] = TIMESTAMP_LENGTH
  shortest[Type.addressMaskRequest] = ADDRESS_MASK_LENGTH
  shortest[Type.addressMaskReply] = ADDRESS_MASK_LENGTH
  shortest[Type.traceroute] = TRACEROUTE_LENGTH
  return shortest
}
