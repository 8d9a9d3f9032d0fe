/**
 * Multicast Listener Discovery, versions 1 (RFC 2710 §3) and 2 (RFC 3810 §5, RFC 9777 §5), and multicast router
 * discovery (RFC 4286).
 *
 *  0        8        16               31
 *  | type   | code   | checksum        |
 *  | max response code | reserved      |   130–132
 *  | group …                           |
 *  |fl|S|QRV| QQIC    | sources        |   130 of 28 octets and more
 *  | source …                          |
 *
 * A query of 24 octets is version 1, of 28 and more version 2, all others are malformed (RFC 3810 §8.1).
 */
import { type Ip6, readIp6, writeIp } from './addr.ts'
import { type Malformed, malformed } from './malformed.ts'
import { fitting, put8, put16, putBytes, u16 } from './octets.ts'

export type Message = Mldv1 | Mldv2Query | Mldv2Report | RouterAdvertisement | RouterSignal

/** Version 1 Query, Report and Done. */
export interface Mldv1 {
  kind: 'mldQuery' | 'mldReport' | 'mldDone'
  code: number
  /** Meaningful in a query only. */
  maxResponseDelayMs: number
  /** :: in a general query. */
  group: Ip6
  /** Octets behind the fields: ignored, but under the checksum; a query has none. */
  trailing: Uint8Array
}

/** Version 2 Query (RFC 3810 §5.1). */
export interface Mldv2Query {
  kind: 'mldv2Query'
  code: number
  /** Up to 8,387,584; above 32,767 in steps, and `write` rounds down to one. */
  maxResponseDelayMs: number
  /** :: in a general query. */
  group: Ip6
  /** Four bits (RFC 9777 §5.1.6). */
  flags: number
  /** S: routers keep their timers. */
  suppress: boolean
  /** QRV, 0 … 7; 0 stands for more than 7. */
  robustness: number
  /** QQI, up to 31,744; above 127 in steps, and `write` rounds down to one. */
  queryIntervalSeconds: number
  sources: Ip6[]
  /** Additional data (RFC 3810 §5.1.12): ignored, but under the checksum. */
  trailing: Uint8Array
}

/** Version 2 Report (RFC 3810 §5.2). */
export interface Mldv2Report {
  kind: 'mldv2Report'
  code: number
  /** 16 bits (RFC 9777 §5.2.3). */
  flags: number
  records: AddressRecord[]
  /** Additional data (RFC 3810 §5.2.11): ignored, but under the checksum. */
  trailing: Uint8Array
}

export const RecordType = {
  modeIsInclude: 1,
  modeIsExclude: 2,
  changeToInclude: 3,
  changeToExclude: 4,
  allowNewSources: 5,
  blockOldSources: 6,
} as const

/** Multicast Address Record (RFC 3810 §5.2.4). A receiver skips types it doesn't know (§5.2.12). */
export interface AddressRecord {
  type: number
  group: Ip6
  sources: Ip6[]
  /** Whole 32-bit words; none is defined (§5.2.10). */
  auxiliaryData: Uint8Array
}

/** Multicast Router Advertisement (RFC 4286 §3.2). */
export interface RouterAdvertisement {
  kind: 'multicastRouterAdvertisement'
  /** The Code octet is the advertisement interval in seconds. */
  code: number
  queryIntervalSeconds: number
  robustness: number
  trailing: Uint8Array
}

/** Multicast Router Solicitation and Termination (RFC 4286 §4.1, §5.1). */
export interface RouterSignal {
  kind: 'multicastRouterSolicitation' | 'multicastRouterTermination'
  code: number
  trailing: Uint8Array
}

/** Octets in front of everything of variable length; a query says itself which of the two it is. */
const FIXED = {
  mldQuery: 24,
  mldReport: 24,
  mldDone: 24,
  mldv2Query: 28,
  mldv2Report: 8,
  multicastRouterAdvertisement: 8,
  multicastRouterSolicitation: 4,
  multicastRouterTermination: 4,
} as const

/** The message at `at` whose Type octet said `kind`; `mldQuery` stands for both versions. */
export function parse(
  kind: Exclude<Message['kind'], 'mldv2Query'>,
  bytes: Uint8Array,
  at: number,
  end: number,
): Message | Malformed {
  const body = at + FIXED[kind]
  if (end < body) return malformed('truncated', end - at)
  const code = bytes[at + 1]!
  switch (kind) {
    case 'mldQuery':
      if (end > body) return queryv2(bytes, at, end)
      return v1(kind, bytes, at, end)
    case 'mldReport':
    case 'mldDone':
      return v1(kind, bytes, at, end)
    case 'mldv2Report':
      return report(bytes, at, end)
    case 'multicastRouterAdvertisement':
      return {
        kind,
        code,
        queryIntervalSeconds: u16(bytes, at + 4),
        robustness: u16(bytes, at + 6),
        trailing: rest(bytes, body, end),
      }
    default:
      return { kind, code, trailing: rest(bytes, body, end) }
  }
}

/** Octets of the whole message. */
export function size(m: Message): number {
  const body = FIXED[m.kind] + m.trailing.length
  switch (m.kind) {
    case 'mldv2Query':
      return body + 16 * m.sources.length
    case 'mldv2Report': {
      let total = body
      for (const r of m.records) total += RECORD + 16 * r.sources.length + r.auxiliaryData.length
      return total
    }
    default:
      return body
  }
}

/** Writes everything behind the checksum; returns the end. @throws RangeError on a value too wide for its field. */
export function writeBody(m: Message, out: Uint8Array, at: number): number {
  let i = at + FIXED[m.kind]
  switch (m.kind) {
    case 'mldQuery':
      // A tail would turn it into a version 2 query, or into none.
      if (m.trailing.length > 0) throw new RangeError('an MLDv1 query ends with its group')
      writeGroup(out, at, m.maxResponseDelayMs, m.group)
      break
    case 'mldReport':
    case 'mldDone':
      writeGroup(out, at, m.maxResponseDelayMs, m.group)
      break
    case 'mldv2Query':
      writeGroup(out, at, delayCode(m.maxResponseDelayMs), m.group)
      out[at + 24] = (fitting(m.flags, 4) << 4) | (m.suppress ? 8 : 0) | fitting(m.robustness, 3)
      put8(out, at + 25, intervalCode(m.queryIntervalSeconds))
      put16(out, at + 26, m.sources.length)
      i = putAddresses(m.sources, out, i)
      break
    case 'mldv2Report':
      put16(out, at + 4, m.flags)
      put16(out, at + 6, m.records.length)
      for (const r of m.records) i = writeRecord(r, out, i)
      break
    case 'multicastRouterAdvertisement':
      put16(out, at + 4, m.queryIntervalSeconds)
      put16(out, at + 6, m.robustness)
      break
  }
  return putBytes(out, i, m.trailing)
}

/** Milliseconds of a Maximum Response Code (RFC 3810 §5.1.3). */
export function delayMs(code: number): number {
  return code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3)
}

/** The Maximum Response Code of the largest delay that is not over `ms`. @throws RangeError over 8,387,584. */
export function delayCode(ms: number): number {
  return floating(ms, 15, 12)
}

/** Seconds of a Querier's Query Interval Code (RFC 3810 §5.1.9). */
export function intervalSeconds(code: number): number {
  return code < 0x80 ? code : ((code & 0xf) | 0x10) << (((code >> 4) & 7) + 3)
}

/** The Querier's Query Interval Code of the largest interval that is not over `seconds`. @throws RangeError over 31,744. */
export function intervalCode(seconds: number): number {
  return floating(seconds, 7, 4)
}

/** A plain value of `bits` bits, else 1, three bits of exponent, `mantissa` bits. */
function floating(value: number, bits: number, mantissa: number): number {
  const most = (2 ** (mantissa + 1) - 1) * 2 ** 10
  if (!(value >= 0 && value <= most)) throw new RangeError(`${value} does not fit: 0 … ${most}`)
  const whole = Math.floor(value)
  if (whole < 1 << bits) return whole
  // Math.clz32 gives the place of the top bit, which the code leaves out.
  const exponent = 31 - Math.clz32(whole) - mantissa - 3
  return (1 << bits) | (exponent << mantissa) | ((whole >> (exponent + 3)) & ((1 << mantissa) - 1))
}

function v1(kind: Mldv1['kind'], bytes: Uint8Array, at: number, end: number): Mldv1 {
  return {
    kind,
    code: bytes[at + 1]!,
    maxResponseDelayMs: u16(bytes, at + 4),
    group: readIp6(bytes, at + 8),
    trailing: rest(bytes, at + FIXED.mldReport, end),
  }
}

function queryv2(bytes: Uint8Array, at: number, end: number): Mldv2Query | Malformed {
  const body = at + FIXED.mldv2Query
  if (end < body) return malformed('bad-length', end - at)
  const tail = body + 16 * u16(bytes, at + 26)
  if (end < tail) return malformed('truncated', end - at)
  const octet = bytes[at + 24]!
  return {
    kind: 'mldv2Query',
    code: bytes[at + 1]!,
    maxResponseDelayMs: delayMs(u16(bytes, at + 4)),
    group: readIp6(bytes, at + 8),
    flags: octet >> 4,
    suppress: (octet & 8) !== 0,
    robustness: octet & 7,
    queryIntervalSeconds: intervalSeconds(bytes[at + 25]!),
    sources: addresses(bytes, body, tail),
    trailing: rest(bytes, tail, end),
  }
}

function report(bytes: Uint8Array, at: number, end: number): Mldv2Report | Malformed {
  const records: AddressRecord[] = []
  let i = at + FIXED.mldv2Report
  for (let left = u16(bytes, at + 6); left > 0; left--) {
    const sources = i + RECORD
    if (end < sources) return malformed('truncated', end - at)
    const aux = sources + 16 * u16(bytes, i + 2)
    const next = aux + 4 * bytes[i + 1]!
    if (end < next) return malformed('truncated', end - at)
    records.push({
      type: bytes[i]!,
      group: readIp6(bytes, i + 4),
      sources: addresses(bytes, sources, aux),
      auxiliaryData: rest(bytes, aux, next),
    })
    i = next
  }
  return {
    kind: 'mldv2Report',
    code: bytes[at + 1]!,
    flags: u16(bytes, at + 4),
    records,
    trailing: rest(bytes, i, end),
  }
}

function writeRecord(r: AddressRecord, out: Uint8Array, at: number): number {
  if (r.auxiliaryData.length % 4 !== 0) throw new RangeError('auxiliary data: whole 32-bit words')
  put8(out, at, r.type)
  put8(out, at + 1, r.auxiliaryData.length / 4)
  put16(out, at + 2, r.sources.length)
  writeIp(r.group, out, at + 4)
  return putBytes(out, putAddresses(r.sources, out, at + RECORD), r.auxiliaryData)
}

function writeGroup(out: Uint8Array, at: number, delay: number, group: Ip6): void {
  put16(out, at + 4, delay)
  put16(out, at + 6, 0)
  writeIp(group, out, at + 8)
}

function addresses(bytes: Uint8Array, at: number, end: number): Ip6[] {
  const list: Ip6[] = []
  for (let i = at; i < end; i += 16) list.push(readIp6(bytes, i))
  return list
}

function putAddresses(list: readonly Ip6[], out: Uint8Array, at: number): number {
  let i = at
  for (const ip of list) i = writeIp(ip, out, i)
  return i
}

/** Mostly there is nothing behind the fields, and a view costs more than all of them. */
function rest(bytes: Uint8Array, at: number, end: number): Uint8Array {
  return at === end ? NOTHING : bytes.subarray(at, end)
}

const NOTHING = new Uint8Array(0)
/** Octets of an address record in front of its sources. */
const RECORD = 20
