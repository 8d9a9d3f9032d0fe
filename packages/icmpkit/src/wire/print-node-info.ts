/** Node information (RFC 4620) and router renumbering (RFC 2894) on their line (print.ts). */

import { Type } from './icmp6.ts'
import { Qtype, Result, Subject } from './node-info.ts'
import { u16, u32 } from './octets.ts'
import { type FlagNames, flagNames, type Literal, literal, type Pen } from './pen.ts'

/** Addresses told on one line. */
const MOST = 32
const FIXED = 16

export function printNodeInfo(pen: Pen, bytes: Uint8Array, at: number, end: number, length: number): void {
  const isQuery = bytes[at] === Type.nodeInfoQuery
  pen.text(isQuery ? QUERY : REPLY)
  if (end - at < FIXED) {
    pen.text(length === 8 && isQuery ? WHO_ARE_YOU : TRUNCATED)
    return
  }
  pen.need(4096)
  const code = bytes[at + 1]!
  const qtype = u16(bytes, at + 4)
  pen.text(OPEN)
  if (!isQuery && code !== Result.success) {
    pen.text(code === Result.refused ? REFUSED : UNKNOWN)
    pen.char(CLOSE)
    return
  }
  if (QTYPES[qtype] === undefined) pen.text(UNKNOWN)
  else pen.text(QTYPES[qtype])
  pen.flags(u16(bytes, at + 6) & 0x7f, FLAGS)
  if (isQuery) subject(pen, bytes, at + FIXED, end, code, qtype)
  else answer(pen, bytes, at + FIXED, end, qtype)
  pen.char(CLOSE)
}

function subject(pen: Pen, bytes: Uint8Array, at: number, end: number, code: number, qtype: number): void {
  if (qtype === Qtype.noop || at === end) return
  if (code === Subject.ip6 && end - at >= 16) {
    pen.text(SUBJECT)
    pen.ip6(at)
  } else if (code === Subject.ip4 && end - at >= 4) {
    pen.text(SUBJECT)
    pen.ip4(at)
  } else if (code === Subject.name) {
    pen.text(SUBJECT_NAME)
    name(pen, bytes, at, end)
  } else pen.text(UNKNOWN_SUBJECT)
}

function answer(pen: Pen, bytes: Uint8Array, at: number, end: number, qtype: number): void {
  if (qtype === Qtype.nodeName && end - at >= 4) {
    name(pen, bytes, at + 4, end)
    pen.value(TTL, u32(bytes, at))
    pen.char(BRACKET)
  } else if (qtype === Qtype.nodeAddresses || qtype === Qtype.ip4Addresses) {
    const size = qtype === Qtype.nodeAddresses ? 20 : 8
    for (let n = 0; end - at >= size * (n + 1); n++) {
      if (n === MOST) {
        pen.text(DOTS)
        return
      }
      const entry = at + size * n
      pen.char(SPACE)
      if (size === 20) pen.ip6(entry + 4)
      else pen.ip4(entry + 4)
      pen.char(PARENTHESIS)
      pen.decimal(u32(bytes, entry))
      pen.char(CLOSE)
    }
  }
}

/** The first name, with its dots; a label that leaves the message ends it. */
function name(pen: Pen, bytes: Uint8Array, at: number, end: number): void {
  pen.text(QUOTE)
  let i = at
  while (i < end && bytes[i] !== 0) {
    const label = bytes[i]!
    if (label > 63 || i + 1 + label > end) {
      pen.text(NO_NAME)
      break
    }
    if (i > at) pen.char(DOT)
    pen.untrusted(i + 1, i + 1 + label)
    i += 1 + label
  }
  pen.need(4096)
  pen.char(QUOTATION)
}

/** RFC 2894 §3. */
export function printRenumbering(pen: Pen, bytes: Uint8Array, at: number, end: number): void {
  const code = bytes[at + 1]!
  pen.text(RENUMBERING)
  if (code === 0) pen.text(COMMAND)
  else if (code === 1) pen.text(RESULT)
  else if (code === 255) pen.text(RESET)
  else {
    pen.value(CODE, code)
  }
  pen.value(SEQ, u32(bytes, at + 4))
  const match = at + 16
  if (code !== 0) return
  if (end - match < 24) {
    pen.text(TRUNCATED)
    return
  }
  const operation = bytes[match]!
  pen.text(MATCH)
  if (operation > 0 && operation < OPERATIONS.length) pen.text(OPERATIONS[operation]!)
  else {
    pen.char(HASH)
    pen.decimal(operation)
  }
  pen.char(COMMA)
  pen.ip6(match + 8)
  pen.char(SLASH)
  pen.decimal(bytes[match + 3]!)
  pen.char(CLOSE)
  // RFC 2894 §3.2.1: OpLength is 4N + 3.
  const uses = (bytes[match + 1]! - 3) >> 2
  pen.need(4096)
  for (let n = 0; n < uses && n < MOST; n++) {
    const use = match + 24 + 32 * n
    if (end - use < 32) {
      pen.text(TRUNCATED)
      return
    }
    pen.text(USE)
    const flags = bytes[use + 12]!
    if ((flags & 0xc0) !== 0) {
      if ((flags & 0x80) !== 0) pen.char(LETTER_V)
      if ((flags & 0x40) !== 0) pen.char(LETTER_P)
      pen.char(COMMA)
    }
    pen.ip6(use + 16)
    pen.char(SLASH)
    pen.decimal(bytes[use]!)
    pen.char(SLASH)
    pen.decimal(bytes[use + 1]!)
    pen.char(CLOSE)
  }
}

const QTYPES: readonly (Literal | undefined)[] = [
  literal('noop'),
  literal('supported qtypes'),
  literal('DNS name'),
  literal('node addresses'),
  literal('ipv4 addresses'),
]
/** RFC 4620 §6.3. */
const FLAGS: FlagNames = flagNames(
  undefined,
  'anycast',
  'global',
  'site-local',
  'link-local',
  'compatible',
  'all',
  'truncated',
)
const OPERATIONS: readonly Literal[] = ['', 'add', 'change', 'setglobal'].map(literal)
const QUERY = literal('ICMP6, node information query')
const REPLY = literal('ICMP6, node information reply')
const WHO_ARE_YOU = literal(' who-are-you request')
const OPEN = literal(' (')
const REFUSED = literal('refused')
const UNKNOWN = literal('unknown')
const SUBJECT = literal(', subject=')
const SUBJECT_NAME = literal(', subject=DNS name')
const UNKNOWN_SUBJECT = literal(', unknown subject')
const QUOTE = literal(', "')
const NO_NAME = literal('???')
const TTL = literal(' [TTL=')
const DOTS = literal(' ...')
const RENUMBERING = literal('ICMP6, router renumbering')
const COMMAND = literal(', command')
const RESULT = literal(', result')
const RESET = literal(', sequence number reset')
const CODE = literal(', code-#')
const SEQ = literal(', seq=')
const MATCH = literal(' match(')
const USE = literal(' use(')
const TRUNCATED = literal(' [truncated]')
const BRACKET = 0x5d
const CLOSE = 0x29
const COMMA = 0x2c
const DOT = 0x2e
const HASH = 0x23
const LETTER_P = 0x50
const LETTER_V = 0x56
const PARENTHESIS = 0x28
const QUOTATION = 0x22
const SLASH = 0x2f
const SPACE = 0x20
