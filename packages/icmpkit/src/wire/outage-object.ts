/**
 * The outage notice behind the quote of a destination unreachable: an RFC 4884 object of the classes for private use (247
 * to 255). It tells which program stopped, how, why and until when, and who says so. Kernels that don't know it pass it by.
 *
 *  0        8        16               31
 *  | version| state  | flags           |
 *  | seconds since 1970 of the notice  |
 *  | type   | length | value …         |   items, length of the value alone; type 0 is one octet of padding
 *
 * Items: 1 program, 2 reason (UTF-8), 3 back at (seconds since 1970), 4 protocol and port of the server, 5 port and address
 * of the workstation as the server sees it, 6 signature: algorithm, key id (4), signature. Nothing but padding follows 6.
 */
import { familyOf, type Ip, readIp4, readIp6, showIp, writeIp } from './addr.ts'
import { type Malformed, malformed } from './malformed.ts'
import { fitting, put8, put16, put32, putBytes, u16, u32 } from './octets.ts'
import { safeText } from './safe-text.ts'

/** Class-Num and C-Type of the object (RFC 4884 §7). */
export const CLASS = 252
export const C_TYPE = 1

export const State = { gone: 1, hung: 2, offline: 3, draining: 4, back: 5 } as const
export type StateName = keyof typeof State

export const Algorithm = { hmacSha256: 1, ed25519: 2 } as const

/** Longest texts, octets of UTF-8. */
export const MAX_PROGRAM = 32
export const MAX_REASON = 64

export interface Outage {
  kind: 'outage'
  /** See `State`; a state of the future is kept as its number. */
  state: number
  /** The quote was rebuilt from what the server knew, and is not the datagram as it came. */
  rebuilt: boolean
  /** When the notice was made, seconds since 1970. */
  seconds: number
  /** From outside: `safeText` before it is shown. */
  program: string | undefined
  reason: string | undefined
  /** Seconds since 1970. */
  backAt: number | undefined
  /** IP protocol number and port of the program. */
  server: { protocol: number; port: number } | undefined
  /** Whom it was sent to, as the server sees it: other than the quote behind a NAT. */
  workstation: Workstation | undefined
  signature: Signature | undefined
}

/** One end of a flow. */
export interface Workstation {
  address: Ip
  port: number
}

export interface Signature {
  /** See `Algorithm`. */
  algorithm: number
  /** Four octets. */
  keyId: Uint8Array
  octets: Uint8Array
}

/** Payload of the object, behind its four octets of header. Leaves are borrowed. */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Outage | Malformed {
  if (end - at < FIXED) return malformed('truncated', Math.max(end - at, 0))
  if (bytes[at] !== VERSION) return malformed('bad-version', 0)
  const o: Outage = {
    kind: 'outage',
    state: bytes[at + 1]!,
    rebuilt: (u16(bytes, at + 2) & REBUILT) !== 0,
    seconds: u32(bytes, at + 4),
    program: undefined,
    reason: undefined,
    backAt: undefined,
    server: undefined,
    workstation: undefined,
    signature: undefined,
  }
  let seen = 0
  for (let i = at + FIXED; i < end; ) {
    const type = bytes[i]!
    if (type === Item.padding) {
      i++
      continue
    }
    // What follows the signature nobody has signed.
    if (o.signature !== undefined) return malformed('bad-length', i - at)
    if (end - i < 2) return malformed('truncated', end - at)
    const value = i + 2
    const next = value + bytes[i + 1]!
    if (next > end) return malformed('truncated', end - at)
    // Two of one kind: which of them is meant, readers would not agree.
    if (type < 32 && (seen & (1 << type)) !== 0) return malformed('unknown-format', i - at)
    if (type < 32) seen |= 1 << type
    const wrong = readItem(o, type, bytes, value, next)
    if (wrong !== undefined) return malformed(wrong, i - at)
    i = next
  }
  return o
}

function readItem(o: Outage, type: number, bytes: Uint8Array, at: number, end: number): Malformed['why'] | undefined {
  const length = end - at
  switch (type) {
    case Item.program:
    case Item.reason: {
      if (length > (type === Item.program ? MAX_PROGRAM : MAX_REASON)) return 'too-long'
      const text = readText(bytes.subarray(at, end))
      if (text === undefined) return 'unknown-format'
      if (type === Item.program) o.program = text
      else o.reason = text
      return undefined
    }
    case Item.backAt:
      if (length !== 4) return 'bad-length'
      o.backAt = u32(bytes, at)
      return undefined
    case Item.server:
      if (length !== 3) return 'bad-length'
      o.server = { protocol: bytes[at]!, port: u16(bytes, at + 1) }
      return undefined
    case Item.workstation:
      if (length !== 6 && length !== 18) return 'bad-length'
      o.workstation = { port: u16(bytes, at), address: length === 6 ? readIp4(bytes, at + 2) : readIp6(bytes, at + 2) }
      return undefined
    case Item.signature:
      if (length <= SIGNATURE_HEAD) return 'bad-length'
      o.signature = {
        algorithm: bytes[at]!,
        keyId: bytes.subarray(at + 1, at + SIGNATURE_HEAD),
        octets: bytes.subarray(at + SIGNATURE_HEAD, end),
      }
  }
  // An item of the future is passed over; a signature covers it all the same.
  return undefined
}

/** Octets that `write` will fill: whole words, as an object has to be (RFC 4884 §7). */
export function size(o: Outage): number {
  let octets = FIXED
  if (o.workstation !== undefined) octets += 4 + (familyOf(o.workstation.address) === 4 ? 4 : 16)
  if (o.server !== undefined) octets += 5
  if (o.backAt !== undefined) octets += 6
  if (o.program !== undefined) octets += 2 + textOf(o.program, MAX_PROGRAM).length
  if (o.reason !== undefined) octets += 2 + textOf(o.reason, MAX_REASON).length
  if (o.signature !== undefined) octets += 2 + SIGNATURE_HEAD + o.signature.octets.length
  return (octets + 3) & ~3
}

/** Writes the payload at `at`, padded to whole words; returns the end. @throws RangeError on a value or text too long */
export function write(o: Outage, out: Uint8Array, at: number): number {
  const end = at + size(o)
  out.fill(0, at, end)
  out[at] = VERSION
  put8(out, at + 1, o.state)
  put16(out, at + 2, o.rebuilt ? REBUILT : 0)
  put32(out, at + 4, o.seconds)
  let i = at + FIXED
  // First and on a whole half-word, so that a notice for the next workstation differs in known places (see `WORKSTATION`).
  if (o.workstation !== undefined) {
    const { address, port } = o.workstation
    i = head(out, i, Item.workstation, familyOf(address) === 4 ? 6 : 18)
    put16(out, i, port)
    i = writeIp(address, out, i + 2)
  }
  if (o.server !== undefined) {
    i = head(out, i, Item.server, 3)
    put8(out, i, o.server.protocol)
    put16(out, i + 1, o.server.port)
    i += 3
  }
  if (o.backAt !== undefined) {
    i = head(out, i, Item.backAt, 4)
    put32(out, i, o.backAt)
    i += 4
  }
  if (o.program !== undefined) i = writeText(out, i, Item.program, textOf(o.program, MAX_PROGRAM))
  if (o.reason !== undefined) i = writeText(out, i, Item.reason, textOf(o.reason, MAX_REASON))
  if (o.signature !== undefined) {
    const { algorithm, keyId, octets } = o.signature
    if (keyId.length !== 4) throw new RangeError(`a key id of ${keyId.length} octets: it has four`)
    i = head(out, i, Item.signature, SIGNATURE_HEAD + octets.length)
    put8(out, i, algorithm)
    i = putBytes(out, putBytes(out, i + 1, keyId), octets)
  }
  return end
}

/**
 * What a signature covers: a name of its own, so that no other signed octets can be taken for it, and the payload up to
 * the signature item (or the end, where there is none yet).
 */
export function signedOctets(bytes: Uint8Array, at = 0, end: number = bytes.length): Uint8Array {
  const last = signatureAt(bytes, at, end)
  const signed = new Uint8Array(DOMAIN.length + last - at)
  signed.set(DOMAIN)
  signed.set(bytes.subarray(at, last), DOMAIN.length)
  return signed
}

/** Where the signature item begins; where the padding in front of the end begins, if there is none. */
export function signatureAt(bytes: Uint8Array, at = 0, end: number = bytes.length): number {
  let i = at + FIXED
  let last = i
  while (i < end) {
    const type = bytes[i]!
    if (type === Item.signature) return i
    if (type === Item.padding) {
      i++
      continue
    }
    if (end - i < 2) break
    i += 2 + bytes[i + 1]!
    last = Math.min(i, end)
  }
  return last
}

/** 'gone', …; 'state 9' for one that this module has no name for. */
export function stateName(state: number): string {
  return NAMES[state] ?? `state ${state}`
}

/** One line, fit for a terminal. */
export function show(o: Outage): string {
  const parts = [`outage ${stateName(o.state)}`]
  if (o.program !== undefined) parts.push(`program ${JSON.stringify(safeText(o.program))}`)
  if (o.server !== undefined)
    parts.push(`${PROTOCOLS[o.server.protocol] ?? `protocol ${o.server.protocol}`}/${o.server.port}`)
  if (o.reason !== undefined) parts.push(`reason ${JSON.stringify(safeText(o.reason))}`)
  parts.push(`at ${o.seconds}`)
  if (o.backAt !== undefined) parts.push(`back at ${o.backAt}`)
  if (o.workstation !== undefined) parts.push(`for ${showIp(o.workstation.address)} port ${o.workstation.port}`)
  if (o.rebuilt) parts.push('quote rebuilt')
  parts.push(o.signature === undefined ? 'unsigned' : `signed, algorithm ${o.signature.algorithm}`)
  return parts.join(', ')
}

/** Where port and address of the workstation stand in a payload that `write` made. */
export const WORKSTATION = 10

function head(out: Uint8Array, at: number, type: number, length: number): number {
  out[at] = type
  out[at + 1] = fitting(length, 8)
  return at + 2
}

function writeText(out: Uint8Array, at: number, type: number, text: Uint8Array): number {
  return putBytes(out, head(out, at, type, text.length), text)
}

function textOf(text: string, most: number): Uint8Array {
  const octets = new TextEncoder().encode(text)
  if (octets.length > most)
    throw new RangeError(`'${safeText(text)}' takes ${octets.length} octets: at most ${most} fit`)
  return octets
}

function readText(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets)
  } catch {
    return undefined
  }
}

const VERSION = 1
const REBUILT = 1
/** Octets in front of the items. */
const FIXED = 8
/** Algorithm and key id. */
const SIGNATURE_HEAD = 5
const Item = { padding: 0, program: 1, reason: 2, backAt: 3, server: 4, workstation: 5, signature: 6 } as const
const DOMAIN = new TextEncoder().encode('icmpkit outage 1\0')
const NAMES: Readonly<Record<number, string>> = { 1: 'gone', 2: 'hung', 3: 'offline', 4: 'draining', 5: 'back' }
const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp' }
