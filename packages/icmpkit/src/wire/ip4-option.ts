/**
 * IPv4 options (RFC 791 §3.1; router alert RFC 2113, security RFC 1108). Two are single octets; the others are
 *
 *  0               8               16
 *  | type          | length        | data, `length` - 2 octets …
 *
 * Where an option has its registered type but not its form, it is kept as `unknown`.
 */
import { type Ip4, readIp4, writeIp } from './addr.ts'
import { type Malformed, malformed } from './malformed.ts'
import { fitting, put8, put16, put32, putBytes, u16, u32 } from './octets.ts'

/** The whole type octet: copied flag, class and number. */
export const Type = {
  endOfList: 0,
  noOperation: 1,
  recordRoute: 7,
  timestamp: 68,
  security: 130,
  looseSourceRoute: 131,
  streamId: 136,
  strictSourceRoute: 137,
  routerAlert: 148,
} as const

/** Of the timestamp option: what each slot holds. */
export const TimestampFlag = { timeOnly: 0, withAddress: 1, prespecified: 3 } as const

export type Option = EndOfList | NoOperation | Route | Timestamp | Security | StreamId | RouterAlert | Unknown

export interface EndOfList {
  kind: 'endOfList'
  /** Octets behind it that no one reads. */
  padding: number
}

export interface NoOperation {
  kind: 'noOperation'
}

export interface Route {
  kind: 'recordRoute' | 'looseSourceRoute' | 'strictSourceRoute'
  /** Where the next address is read or written, counted from 1 at the type octet: 4 is the first slot. Not checked. */
  pointer: number
  /** All slots, used or not. */
  addresses: Ip4[]
}

export interface Timestamp {
  kind: 'timestamp'
  /** Where the next slot starts, counted from 1 at the type octet: 5 is the first. Not checked. */
  pointer: number
  /** Nodes that found no room. */
  overflow: number
  flag: number
  slots: TimestampSlot[]
}

export interface TimestampSlot {
  /** undefined where `flag` says that slots are times only. */
  address: Ip4 | undefined
  /** Milliseconds since midnight UT; with the top bit set, something else. */
  time: number
}

/** Kept raw: its inside has a meaning only among those who agreed on it. */
export interface Security {
  kind: 'security'
  data: Uint8Array
}

export interface StreamId {
  kind: 'streamId'
  id: number
}

export interface RouterAlert {
  kind: 'routerAlert'
  value: number
}

export interface Unknown {
  kind: 'unknown'
  type: number
  data: Uint8Array
}

/**
 * The options of a header (`Header.options`). A length below 2 or beyond the header ends the reading: malformed, `at` the
 * length octet. Pointers are not followed.
 */
export function parseOptions(bytes: Uint8Array, at = 0, end: number = bytes.length): Option[] | Malformed {
  const options: Option[] = []
  for (let i = at; i < end; ) {
    const type = bytes[i]!
    if (type === Type.endOfList) {
      options.push({ kind: 'endOfList', padding: end - i - 1 })
      return options
    }
    if (type === Type.noOperation) {
      options.push({ kind: 'noOperation' })
      i++
      continue
    }
    if (end - i < 2) return malformed('truncated', end - at)
    const length = bytes[i + 1]!
    if (length < 2 || length > end - i) return malformed('bad-length', i + 1 - at)
    options.push(parseOption(type, bytes, i, i + length))
    i += length
  }
  return options
}

/** The octets of `options`, without the padding that the header gets. @throws RangeError on a value too wide for its field */
export function writeOptions(options: readonly Option[]): Uint8Array {
  let octets = 0
  for (const o of options) octets += optionSize(o)
  const out = new Uint8Array(octets)
  let i = 0
  for (const o of options) i = writeOption(o, out, i)
  return out
}

/** The addresses that have been recorded so far: the slots in front of the pointer, as far as there are any. */
export function visited(o: Route): Ip4[] {
  return o.addresses.slice(0, Math.max(0, (o.pointer - ROUTE_HEADER - 1) >> 2))
}

/** The slots of a timestamp option that are filled: those in front of the pointer, as far as there are any. */
export function stamped(o: Timestamp): TimestampSlot[] {
  const shift = o.flag === TimestampFlag.timeOnly ? 2 : 3
  return o.slots.slice(0, Math.max(0, (o.pointer - TIMESTAMP_HEADER - 1) >> shift))
}

function parseOption(type: number, bytes: Uint8Array, at: number, end: number): Option {
  const length = end - at
  switch (type) {
    case Type.recordRoute:
    case Type.looseSourceRoute:
    case Type.strictSourceRoute:
      if (length >= ROUTE_HEADER && (length - ROUTE_HEADER) % 4 === 0) {
        const addresses: Ip4[] = []
        for (let i = at + ROUTE_HEADER; i < end; i += 4) addresses.push(readIp4(bytes, i))
        return { kind: routeKind(type), pointer: bytes[at + 2]!, addresses }
      }
      break
    case Type.timestamp: {
      const step = length < TIMESTAMP_HEADER ? 0 : slotSize(bytes[at + 3]! & 0x0f)
      if (step !== 0 && (length - TIMESTAMP_HEADER) % step === 0) {
        const slots: TimestampSlot[] = []
        for (let i = at + TIMESTAMP_HEADER; i < end; i += step) {
          slots.push({ address: step === 8 ? readIp4(bytes, i) : undefined, time: u32(bytes, i + step - 4) })
        }
        const last = bytes[at + 3]!
        return { kind: 'timestamp', pointer: bytes[at + 2]!, overflow: last >>> 4, flag: last & 0x0f, slots }
      }
      break
    }
    case Type.security:
      return { kind: 'security', data: bytes.subarray(at + 2, end) }
    case Type.streamId:
      if (length === 4) return { kind: 'streamId', id: u16(bytes, at + 2) }
      break
    case Type.routerAlert:
      if (length === 4) return { kind: 'routerAlert', value: u16(bytes, at + 2) }
      break
  }
  return { kind: 'unknown', type, data: bytes.subarray(at + 2, end) }
}

function routeKind(type: number): Route['kind'] {
  if (type === Type.recordRoute) return 'recordRoute'
  return type === Type.looseSourceRoute ? 'looseSourceRoute' : 'strictSourceRoute'
}

/** Octets of a timestamp slot; 0 where RFC 791 has no such flag. */
function slotSize(flag: number): number {
  if (flag === TimestampFlag.timeOnly) return 4
  return flag === TimestampFlag.withAddress || flag === TimestampFlag.prespecified ? 8 : 0
}

function optionSize(o: Option): number {
  switch (o.kind) {
    case 'endOfList':
      return 1 + o.padding
    case 'noOperation':
      return 1
    case 'recordRoute':
    case 'looseSourceRoute':
    case 'strictSourceRoute':
      return ROUTE_HEADER + 4 * o.addresses.length
    case 'timestamp':
      return TIMESTAMP_HEADER + slotSize(o.flag) * o.slots.length
    case 'streamId':
    case 'routerAlert':
      return 4
    case 'security':
    case 'unknown':
      return 2 + o.data.length
  }
}

function writeOption(o: Option, out: Uint8Array, at: number): number {
  put8(out, at, o.kind === 'unknown' ? o.type : Type[o.kind])
  if (o.kind === 'noOperation') return at + 1
  // The octets are zero already: `out` is new.
  if (o.kind === 'endOfList') return at + 1 + o.padding
  put8(out, at + 1, optionSize(o))
  switch (o.kind) {
    case 'recordRoute':
    case 'looseSourceRoute':
    case 'strictSourceRoute': {
      put8(out, at + 2, o.pointer)
      let i = at + ROUTE_HEADER
      for (const address of o.addresses) i = writeIp(address, out, i)
      return i
    }
    case 'timestamp': {
      if (slotSize(o.flag) === 0) throw new RangeError(`an IPv4 timestamp option has flag 0, 1 or 3, not ${o.flag}`)
      put8(out, at + 2, o.pointer)
      put8(out, at + 3, (fitting(o.overflow, 4) << 4) | o.flag)
      let i = at + TIMESTAMP_HEADER
      for (const slot of o.slots) {
        if (o.flag !== TimestampFlag.timeOnly) i = writeIp(slot.address ?? (0 as Ip4), out, i)
        put32(out, i, slot.time)
        i += 4
      }
      return i
    }
    case 'streamId':
      put16(out, at + 2, o.id)
      return at + 4
    case 'routerAlert':
      put16(out, at + 2, o.value)
      return at + 4
    case 'security':
    case 'unknown':
      return putBytes(out, at + 2, o.data)
  }
}

const ROUTE_HEADER = 3
const TIMESTAMP_HEADER = 4
