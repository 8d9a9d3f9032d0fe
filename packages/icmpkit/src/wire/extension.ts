/**
 * The ICMP extension structure (RFC 4884 §7, §8): a header, then objects of whole words. Where it stands in an error
 * is `original-datagram.ts`; an Extended Echo Request carries it right behind its fixed part (RFC 8335 §2).
 *
 *  0     4              16               31
 *  | 2   | reserved     | checksum       |
 *  | length             | class  | C-Type |   an object; length with these 4 octets
 *  | payload …                           |
 */
import { finish, holds, sum } from './checksum.ts'
import * as interfaceIdentification from './interface-identification.ts'
import * as interfaceInformation from './interface-information.ts'
import { type Malformed, malformed, type Why } from './malformed.ts'
import * as mpls from './mpls.ts'
import { put16, put32, u16, u32 } from './octets.ts'

export const Class = {
  mplsLabelStack: 1,
  interfaceInformation: 2,
  interfaceIdentification: 3,
  extendedInformation: 4,
} as const

export interface Extensions {
  objects: ExtensionObject[]
  /**
   * `none`: zero on the wire, so none was sent and none will be written (RFC 4884 §7). No object of a `bad` structure
   * is to be used; the error around it stays usable (RFC 4884 §9). A `bad` one is written wrong again.
   */
  checksum: 'ok' | 'bad' | 'none'
  /** What ended the reading early. The objects before it stand. */
  flaw: Flaw | undefined
}

export interface Flaw {
  why: Why
  /** Offset of the octet that is wrong or missing, from the start of the structure. */
  at: number
  /** The object at fault and all behind it (the whole structure where `at` < 4), kept so that it writes back. */
  octets: Uint8Array
  /** The length octet, where it is what is wrong: then the whole rest of the message counts as quote. */
  length: number | undefined
}

export type ExtensionObject =
  | mpls.Mpls
  | interfaceInformation.InterfaceInformation
  | interfaceIdentification.InterfaceIdentification
  | ExtendedInformation
  | UnknownObject
  | DamagedObject

/** RFC 8883 §3.1: the pointer that does not fit the eight or thirty-two bits of the message; class 4, C-Type 1. */
export interface ExtendedInformation {
  kind: 'extendedInformation'
  pointer: number
}

/** An object of a class or C-Type that we don't read. It damages nothing (RFC 4884 §7). */
export interface UnknownObject {
  kind: 'unknown'
  classNum: number
  cType: number
  payload: Uint8Array
}

/** A known object whose payload is not what its class says; the objects around it stand. */
export interface DamagedObject {
  kind: 'damaged'
  classNum: number
  cType: number
  payload: Uint8Array
  why: Why
  /** Offset from the start of the payload. */
  at: number
}

/** Structure at `at…end`. Always an answer: what can't be read is in `flaw`. */
export function parse(bytes: Uint8Array, at: number, end: number): Extensions {
  if (end - at < HEADER) return flawed('truncated', end - at, bytes.subarray(at, end))
  if (bytes[at]! >> 4 !== VERSION) return flawed('bad-version', 0, bytes.subarray(at, end))
  const e: Extensions = { objects: [], checksum: judge(bytes, at, end), flaw: undefined }
  if (end - at === HEADER) e.flaw = flaw('truncated', HEADER, bytes.subarray(end, end))
  for (let i = at + HEADER; i < end; ) {
    const next = objectEnd(bytes, i, end)
    if (typeof next !== 'number') {
      e.flaw = flaw(next.why, i - at + next.at, bytes.subarray(i, end))
      break
    }
    e.objects.push(parseObject(bytes, i, i + u16(bytes, i), next))
    i = next
  }
  return e
}

/** The checksum alone. `none` where zero says that none was sent. */
export function judge(bytes: Uint8Array, at: number, end: number): 'ok' | 'bad' | 'none' {
  if (u16(bytes, at + CHECKSUM) === 0) return 'none'
  return holds(sum(bytes, at, end)) ? 'ok' : 'bad'
}

/** End of the object at `at`, where the next one begins. */
export function objectEnd(bytes: Uint8Array, at: number, end: number): number | Malformed {
  if (end - at < OBJECT) return malformed('truncated', end - at)
  const length = u16(bytes, at)
  if (length < OBJECT) return malformed('bad-length', 0)
  if (length > end - at) return malformed('truncated', end - at)
  if (length % 4 === 0) return at + length
  return isUnpaddedName(bytes, at, at + length, end) ? at + ((length + 3) & ~3) : malformed('bad-length', 0)
}

/** RFC 8335 §2.1 does not say whether the length of a name counts its padding, so both are read. */
function isUnpaddedName(bytes: Uint8Array, at: number, last: number, end: number): boolean {
  if (bytes[at + 2] !== Class.interfaceIdentification || bytes[at + 3] !== interfaceIdentification.CType.name) {
    return false
  }
  const padded = at + ((last - at + 3) & ~3)
  if (padded > end) return false
  for (let i = last; i < padded; i++) if (bytes[i] !== 0) return false
  return true
}

/** The object at `at`; `end` by its length field, `next` behind its padding. */
function parseObject(bytes: Uint8Array, at: number, end: number, next: number): ExtensionObject {
  const classNum = bytes[at + 2]!
  const cType = bytes[at + 3]!
  const known = parseKnown(bytes, at + OBJECT, end, classNum, cType)
  if (known !== undefined && known.kind !== 'malformed') return known
  const payload = bytes.subarray(at + OBJECT, next)
  return known === undefined
    ? { kind: 'unknown', classNum, cType, payload }
    : { kind: 'damaged', classNum, cType, payload, why: known.why, at: known.at }
}

function parseKnown(
  bytes: Uint8Array,
  at: number,
  end: number,
  classNum: number,
  cType: number,
): ExtensionObject | Malformed | undefined {
  switch (classNum) {
    case Class.mplsLabelStack:
      return cType === MPLS_INCOMING ? mpls.parse(bytes, at, end) : undefined
    case Class.interfaceInformation:
      return interfaceInformation.parse(bytes, at, end, cType)
    case Class.interfaceIdentification:
      return cType >= 1 && cType <= 3 ? interfaceIdentification.parse(bytes, at, end, cType) : undefined
    case Class.extendedInformation:
      if (cType !== EXTENDED_POINTER) return undefined
      if (end - at !== 4) return malformed(end - at < 4 ? 'truncated' : 'bad-length', Math.min(end - at, 4))
      return { kind: 'extendedInformation', pointer: u32(bytes, at) }
    default:
      return undefined
  }
}

/** The objects that may be believed: none of a structure whose checksum is bad (RFC 4884 §9). */
export function usable(e: Extensions | undefined): readonly ExtensionObject[] {
  return e === undefined || e.checksum === 'bad' ? [] : e.objects
}

/**
 * What `readers`, by class, make of the objects that may be believed; the others are passed over (RFC 4884 §7). Classes
 * 247 to 255 are for private use: their objects come as `unknown`, raw.
 */
export function read<T>(e: Extensions | undefined, readers: ReadonlyMap<number, (o: ExtensionObject) => T>): T[] {
  const results: T[] = []
  for (const o of usable(e)) {
    const reader = readers.get(classOf(o))
    if (reader !== undefined) results.push(reader(o))
  }
  return results
}

/** Two interfaces in one role: a receiver drops the whole message without a word (RFC 5837 §4.5). */
export function repeatsRole(e: Extensions): boolean {
  let seen = 0
  for (const o of e.objects) {
    if (o.kind !== 'interfaceInformation') continue
    if (seen & (1 << o.role)) return true
    seen |= 1 << o.role
  }
  return false
}

/** Extensions to send: with a checksum and nothing wrong. */
export function of(...objects: ExtensionObject[]): Extensions {
  return { objects, checksum: 'ok', flaw: undefined }
}

/** Octets that `write` will fill. */
export function size(e: Extensions): number {
  if (e.flaw?.length !== undefined) return 0
  if (e.flaw !== undefined && e.flaw.at < HEADER) return e.flaw.octets.length
  let total = HEADER + (e.flaw === undefined ? 0 : e.flaw.octets.length)
  for (const o of e.objects) total += objectSize(o)
  return total
}

/** Header, then the objects. @throws RangeError on no object at all (RFC 4884 §7). */
export function write(e: Extensions, out: Uint8Array, at: number): number {
  if (e.flaw?.length !== undefined) return at
  if (e.flaw !== undefined && e.flaw.at < HEADER) {
    out.set(e.flaw.octets, at)
    return at + e.flaw.octets.length
  }
  if (e.objects.length === 0 && e.flaw === undefined) throw new RangeError('an extension structure needs an object')
  put32(out, at, VERSION << 28)
  let end = at + HEADER
  for (const o of e.objects) end = writeObject(o, out, end)
  if (e.flaw !== undefined) {
    out.set(e.flaw.octets, end)
    end += e.flaw.octets.length
  }
  if (e.checksum === 'none') return end
  // Zero would say that there is none (RFC 4884 §7); all ones is the same number in ones' complement.
  const right = finish(sum(out, at, end)) || 0xffff
  // Wrong by a lot: off by one it would be right for the first object of an extended echo request, where little follows.
  put16(out, at + CHECKSUM, e.checksum === 'ok' ? right : right ^ 0x5a5a || 0xffff)
  return end
}

/** Octets of the object, its header included. */
export function objectSize(o: ExtensionObject): number {
  return OBJECT + payloadSize(o)
}

function payloadSize(o: ExtensionObject): number {
  switch (o.kind) {
    case 'mpls':
      return mpls.size(o)
    case 'interfaceInformation':
      return interfaceInformation.size(o)
    case 'interfaceByName':
    case 'interfaceByIndex':
    case 'interfaceByAddress':
      return interfaceIdentification.size(o)
    case 'extendedInformation':
      return 4
    case 'unknown':
    case 'damaged':
      return o.payload.length
  }
}

function writeObject(o: ExtensionObject, out: Uint8Array, at: number): number {
  const length = objectSize(o)
  if (length % 4 !== 0) throw new RangeError(`an object of ${length} octets is not whole words`)
  put16(out, at, length)
  out[at + 2] = classOf(o)
  out[at + 3] = cTypeOf(o)
  switch (o.kind) {
    case 'mpls':
      return mpls.write(o, out, at + OBJECT)
    case 'interfaceInformation':
      return interfaceInformation.write(o, out, at + OBJECT)
    case 'interfaceByName':
    case 'interfaceByIndex':
    case 'interfaceByAddress':
      return interfaceIdentification.write(o, out, at + OBJECT)
    case 'extendedInformation':
      put32(out, at + OBJECT, o.pointer)
      return at + OBJECT + 4
    case 'unknown':
    case 'damaged':
      out.set(o.payload, at + OBJECT)
      return at + length
  }
}

/** The Class-Num that `write` gives the object. */
export function classOf(o: ExtensionObject): number {
  switch (o.kind) {
    case 'mpls':
      return Class.mplsLabelStack
    case 'interfaceInformation':
      return Class.interfaceInformation
    case 'interfaceByName':
    case 'interfaceByIndex':
    case 'interfaceByAddress':
      return Class.interfaceIdentification
    case 'extendedInformation':
      return Class.extendedInformation
    case 'unknown':
    case 'damaged':
      return o.classNum
  }
}

/** The C-Type that `write` gives the object. */
export function cTypeOf(o: ExtensionObject): number {
  switch (o.kind) {
    case 'mpls':
      return MPLS_INCOMING
    case 'interfaceInformation':
      return interfaceInformation.cType(o)
    case 'interfaceByName':
    case 'interfaceByIndex':
    case 'interfaceByAddress':
      return interfaceIdentification.cType(o)
    case 'extendedInformation':
      return EXTENDED_POINTER
    case 'unknown':
    case 'damaged':
      return o.cType
  }
}

function flawed(why: Why, at: number, octets: Uint8Array): Extensions {
  return { objects: [], checksum: 'none', flaw: flaw(why, at, octets) }
}

function flaw(why: Why, at: number, octets: Uint8Array): Flaw {
  return { why, at, octets, length: undefined }
}

const VERSION = 2
const MPLS_INCOMING = 1
const EXTENDED_POINTER = 1

// Offsets and sizes.
const CHECKSUM = 2
const HEADER = 4
const OBJECT = 4
