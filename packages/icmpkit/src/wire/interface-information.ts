/**
 * Interface Information object, class 2 (RFC 5837 §4): which interface a datagram came in by, or would have left by.
 * The C-Type is a bit field that says what follows, always in this order:
 *
 *  C-Type: | role (2) | reserved (2) | index | address | name | MTU |
 *  | index (32)                                   |
 *  | AFI (16)          | reserved (16)            | address, 4 or 16 octets
 *  | length (8), counts itself | name, NUL-padded to whole words, at most 64 octets in all
 *  | MTU (32)                                     |
 */
import { type Ip, readIp4, readIp6, writeIp } from './addr.ts'
import { type Malformed, malformed } from './malformed.ts'
import { fitting, put16, put32, u16, u32 } from './octets.ts'

export const Role = { incoming: 0, incomingSubIp: 1, outgoing: 2, nextHop: 3 } as const

export interface InterfaceInformation {
  kind: 'interfaceInformation'
  /** What the interface is to the datagram, 0 … 3: see `Role`. */
  role: number
  /** ifIndex: an opaque token of the sender (RFC 5837 §3.1). */
  index: number | undefined
  address: Ip | undefined
  name: string | undefined
  /** Octets of the name with its length octet and padding, where that is more than whole words need. */
  nameLength?: number | undefined
  mtu: number | undefined
  /** Octets behind the announced items; a receiver ignores them (RFC 5837 §4.1). */
  trailing: Uint8Array
}

/** Payload octets `at…end` of an object with this C-Type. */
export function parse(bytes: Uint8Array, at: number, end: number, cType: number): InterfaceInformation | Malformed {
  let i = at
  let index: number | undefined
  let address: Ip | undefined
  let name: string | undefined
  let nameLength: number | undefined
  let mtu: number | undefined
  if (cType & INDEX) {
    if (end - i < 4) return malformed('truncated', end - at)
    index = u32(bytes, i)
    i += 4
  }
  if (cType & ADDRESS) {
    if (end - i < 4) return malformed('truncated', end - at)
    const afi = u16(bytes, i)
    if (afi !== AFI_IP4 && afi !== AFI_IP6) return malformed('unknown-format', i - at)
    const octets = afi === AFI_IP4 ? 4 : 16
    if (end - i < 4 + octets) return malformed('truncated', end - at)
    address = afi === AFI_IP4 ? readIp4(bytes, i + 4) : readIp6(bytes, i + 4)
    i += 4 + octets
  }
  if (cType & NAME) {
    if (end - i < 1) return malformed('truncated', end - at)
    const length = bytes[i]!
    if (length === 0 || length % 4 !== 0 || length > MAX_NAME + 1) return malformed('bad-length', i - at)
    if (end - i < length) return malformed('truncated', end - at)
    name = readName(bytes, i + 1, i + length)
    if (name === undefined) return malformed('unknown-format', i + 1 - at)
    if (length > shortest(cutName(name))) nameLength = length
    i += length
  }
  if (cType & MTU) {
    if (end - i < 4) return malformed('truncated', end - at)
    mtu = u32(bytes, i)
    i += 4
  }
  const trailing = bytes.subarray(i, end)
  return { kind: 'interfaceInformation', role: cType >> 6, index, address, name, nameLength, mtu, trailing }
}

/** The C-Type that `write` needs around the payload. @throws RangeError on a role of more than two bits. */
export function cType(o: InterfaceInformation): number {
  return (
    (fitting(o.role, 2) << 6) |
    (o.index === undefined ? 0 : INDEX) |
    (o.address === undefined ? 0 : ADDRESS) |
    (o.name === undefined ? 0 : NAME) |
    (o.mtu === undefined ? 0 : MTU)
  )
}

/** Octets of the payload. */
export function size(o: InterfaceInformation): number {
  return (
    (o.index === undefined ? 0 : 4) +
    (o.address === undefined ? 0 : typeof o.address === 'bigint' ? 20 : 8) +
    (o.name === undefined ? 0 : nameSize(o, cutName(o.name))) +
    (o.mtu === undefined ? 0 : 4) +
    o.trailing.length
  )
}

/**
 * Writes the payload at `at`; returns the end. A name longer than 63 octets is cut between two characters (RFC 5837
 * §4.3). @throws RangeError on a value too wide for its field.
 */
export function write(o: InterfaceInformation, out: Uint8Array, at: number): number {
  let i = at
  if (o.index !== undefined) {
    put32(out, i, o.index)
    i += 4
  }
  if (o.address !== undefined) {
    put16(out, i, typeof o.address === 'bigint' ? AFI_IP6 : AFI_IP4)
    put16(out, i + 2, 0)
    i = writeIp(o.address, out, i + 4)
  }
  if (o.name !== undefined) {
    const name = cutName(o.name)
    const length = nameSize(o, name)
    if (length % 4 !== 0 || length > MAX_NAME + 1) throw new RangeError(`a name of ${length} octets: 4, 8 … 64`)
    out[i] = length
    out.set(name, i + 1)
    out.fill(0, i + 1 + name.length, i + length)
    i += length
  }
  if (o.mtu !== undefined) {
    put32(out, i, o.mtu)
    i += 4
  }
  out.set(o.trailing, i)
  return i + o.trailing.length
}

/** Text of a NUL-padded name; undefined where it is not UTF-8, which RFC 5837 §4.3 demands. */
export function readName(bytes: Uint8Array, at: number, end: number): string | undefined {
  let last = end
  while (last > at && bytes[last - 1] === 0) last--
  let ascii = ''
  for (let i = at; i < last; i++) {
    if (bytes[i]! > 0x7f) return readUtf8(bytes.subarray(at, last))
    ascii += String.fromCharCode(bytes[i]!)
  }
  return ascii
}

function readUtf8(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets)
  } catch {
    return undefined // the caller says 'malformed' and keeps the octets
  }
}

/** UTF-8 of at most 63 octets, without splitting a character (RFC 5837 §4.3). */
function cutName(name: string): Uint8Array {
  const octets = new TextEncoder().encode(name)
  if (octets.length <= MAX_NAME) return octets
  let end = MAX_NAME
  while ((octets[end]! & 0xc0) === 0x80) end--
  return octets.subarray(0, end)
}

function nameSize(o: InterfaceInformation, name: Uint8Array): number {
  return Math.max(o.nameLength ?? 0, shortest(name))
}

/** Octets of a name with its length octet, in whole words. */
function shortest(name: Uint8Array): number {
  return (1 + name.length + 3) & ~3
}

const INDEX = 0x08
const ADDRESS = 0x04
const NAME = 0x02
const MTU = 0x01

/** Address family numbers (IANA). */
const AFI_IP4 = 1
const AFI_IP6 = 2

/** Longest name, octets (RFC 5837 §4.3: a sub-object of 64 with its length octet). */
const MAX_NAME = 63
