/** Multicast listener messages on their line (print.ts). */
import { u16 } from './octets.ts'
import { type Literal, literal, type Pen } from './pen.ts'

/** Records and sources told on one line; more are counted. */
const MOST = 16

const MLDV1 = 24
const MLDV2_QUERY = 28
const RECORD = 20

/** A query of 24 octets is version 1, of 28 and more version 2 (RFC 3810 §8.1). */
export function printMldQuery(pen: Pen, bytes: Uint8Array, at: number, end: number, length: number): void {
  if (length < MLDV2_QUERY) {
    if (length === MLDV1) printMldv1(pen, bytes, at, end)
    else {
      pen.value(UNKNOWN_VERSION, length)
      pen.char(CLOSE)
    }
    return
  }
  pen.text(V2)
  if (end - at < MLDV2_QUERY) {
    pen.text(TRUNCATED)
    return
  }
  pen.text(GROUP)
  pen.ip6(at + 8)
  const sources = u16(bytes, at + 26)
  if (sources > 0) sourcesOf(pen, at + MLDV2_QUERY, end, sources)
  pen.char(BRACKET)
}

/** Query, report and done of version 1. */
export function printMldv1(pen: Pen, bytes: Uint8Array, at: number, end: number): void {
  if (end - at < MLDV1) {
    pen.text(TRUNCATED)
    return
  }
  pen.value(DELAY, u16(bytes, at + 4))
  pen.text(ADDRESS)
  pen.ip6(at + 8)
}

export function printMldv2Report(pen: Pen, bytes: Uint8Array, at: number, end: number): void {
  const records = u16(bytes, at + 6)
  pen.decimal(records)
  pen.text(RECORDS)
  let i = at + 8
  for (let n = 0; n < records; n++) {
    if (n === MOST) {
      pen.text(MORE)
      return
    }
    if (end - i < RECORD) {
      pen.text(TRUNCATED)
      return
    }
    const sources = u16(bytes, i + 2)
    pen.need(1024)
    pen.text(GROUP)
    pen.ip6(i + 4)
    const kind = bytes[i]!
    if (kind > 0 && kind < KINDS.length) pen.text(KINDS[kind]!)
    else {
      pen.value(KIND_NUMBER, kind)
    }
    sourcesOf(pen, i + RECORD, end, sources)
    pen.char(BRACKET)
    i += RECORD + 16 * sources + 4 * bytes[i + 1]!
  }
}

function sourcesOf(pen: Pen, at: number, end: number, count: number): void {
  pen.value(COMMA, count)
  pen.text(SOURCES)
  if (count === 0) return
  pen.need(1024)
  pen.text(OPEN)
  for (let n = 0; n < count; n++) {
    if (n === MOST) {
      pen.text(DOTS)
      break
    }
    if (end - at < 16 * (n + 1)) {
      pen.text(TRUNCATED)
      break
    }
    pen.char(SPACE)
    pen.ip6(at + 16 * n)
  }
  pen.text(BRACE)
}

/** Record types (RFC 3810 §5.2.12). */
const KINDS: readonly Literal[] = ['', ' is_in', ' is_ex', ' to_in', ' to_ex', ' allow', ' block'].map(literal)
const KIND_NUMBER = literal(' v2-report-#')
const V2 = literal(' v2')
const UNKNOWN_VERSION = literal(' unknown-version (len ')
const GROUP = literal(' [gaddr ')
const DELAY = literal(' max resp delay: ')
const ADDRESS = literal(' addr: ')
const RECORDS = literal(' group record(s)')
const SOURCES = literal(' source(s)')
const COMMA = literal(', ')
const OPEN = literal(' {')
const BRACE = literal(' }')
const DOTS = literal(' ...')
const MORE = literal(', more')
const TRUNCATED = literal(' [truncated]')
const BRACKET = 0x5d
const CLOSE = 0x29
const SPACE = 0x20
