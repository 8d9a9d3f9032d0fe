/**
 * Interface Identification object, class 3 (RFC 8335 §2.1): which interface an Extended Echo Request asks about.
 *
 *  C-Type 1: | name, NUL-padded to whole words      |
 *  C-Type 2: | index (32)                           |
 *  C-Type 3: | AFI (16) | length (8) | reserved (8) | address, zero-padded to whole words
 */
import { type Ip, readIp4, readIp6, writeIp } from './addr.ts'
import { readName } from './interface-information.ts'
import { type Malformed, malformed } from './malformed.ts'
import { put8, put16, put32, u16, u32 } from './octets.ts'

export const CType = { name: 1, index: 2, address: 3 } as const

/** Address family numbers (IANA) that a query by address uses. */
export const Afi = { ip4: 1, ip6: 2, mac48: 16389 } as const

export type InterfaceIdentification = InterfaceByName | InterfaceByIndex | InterfaceByAddress

export interface InterfaceByName {
  kind: 'interfaceByName'
  name: string
  /** Octets of the name with its padding, where that is more than whole words need. */
  nameLength?: number | undefined
}

export interface InterfaceByIndex {
  kind: 'interfaceByIndex'
  index: number
}

export interface InterfaceByAddress {
  kind: 'interfaceByAddress'
  /** Any address family number; see `Afi`. */
  afi: number
  /** An `Ip` for families 1 and 2; otherwise the octets, six of them for a 48-bit MAC. */
  address: Ip | Uint8Array
}

/** Payload octets `at…end` of an object with this C-Type, which must be one of `CType`. */
export function parse(bytes: Uint8Array, at: number, end: number, cType: number): InterfaceIdentification | Malformed {
  switch (cType) {
    case CType.name: {
      const name = readName(bytes, at, end)
      if (end === at) return malformed('truncated', 0)
      if (name === undefined || name === '') return malformed('unknown-format', 0)
      const nameLength = words(end - at)
      return { kind: 'interfaceByName', name, nameLength: nameLength > shortest(name) ? nameLength : undefined }
    }
    case CType.index:
      if (end - at !== 4) return malformed(end - at < 4 ? 'truncated' : 'bad-length', Math.min(end - at, 4))
      return { kind: 'interfaceByIndex', index: u32(bytes, at) }
    default:
      return parseAddress(bytes, at, end)
  }
}

function parseAddress(bytes: Uint8Array, at: number, end: number): InterfaceByAddress | Malformed {
  if (end - at < 4) return malformed('truncated', end - at)
  const afi = u16(bytes, at)
  const length = bytes[at + 2]!
  if (afi === Afi.ip4 ? length !== 4 : afi === Afi.ip6 ? length !== 16 : afi === Afi.mac48 && length !== 6) {
    return malformed('bad-length', 2)
  }
  const whole = 4 + words(length)
  if (end - at !== whole) return malformed(end - at < whole ? 'truncated' : 'bad-length', Math.min(end - at, whole))
  const address =
    afi === Afi.ip4
      ? readIp4(bytes, at + 4)
      : afi === Afi.ip6
        ? readIp6(bytes, at + 4)
        : bytes.subarray(at + 4, at + 4 + length)
  return { kind: 'interfaceByAddress', afi, address }
}

/** The C-Type that `write` needs around the payload. */
export function cType(o: InterfaceIdentification): number {
  switch (o.kind) {
    case 'interfaceByName':
      return CType.name
    case 'interfaceByIndex':
      return CType.index
    case 'interfaceByAddress':
      return CType.address
  }
}

/** Octets of the payload. */
export function size(o: InterfaceIdentification): number {
  switch (o.kind) {
    case 'interfaceByName':
      return Math.max(o.nameLength ?? 0, shortest(o.name))
    case 'interfaceByIndex':
      return 4
    case 'interfaceByAddress':
      return 4 + words(addressLength(o.address))
  }
}

/**
 * Writes the payload at `at`; returns the end.
 * @throws RangeError on a value too wide for its field, TypeError on an address that is not of its family.
 */
export function write(o: InterfaceIdentification, out: Uint8Array, at: number): number {
  const end = at + size(o)
  out.fill(0, at, end)
  switch (o.kind) {
    case 'interfaceByName':
      if (o.name === '') throw new RangeError('an interface has a name of at least one octet')
      out.set(new TextEncoder().encode(o.name), at)
      break
    case 'interfaceByIndex':
      put32(out, at, o.index)
      break
    case 'interfaceByAddress':
      if (!isOfFamily(o)) throw new TypeError(`the address is not of address family ${o.afi}`)
      put16(out, at, o.afi)
      put8(out, at + 2, addressLength(o.address))
      if (o.address instanceof Uint8Array) out.set(o.address, at + 4)
      else writeIp(o.address, out, at + 4)
  }
  return end
}

function isOfFamily(o: InterfaceByAddress): boolean {
  switch (o.afi) {
    case Afi.ip4:
      return typeof o.address === 'number'
    case Afi.ip6:
      return typeof o.address === 'bigint'
    case Afi.mac48:
      return o.address instanceof Uint8Array && o.address.length === 6
    default:
      return o.address instanceof Uint8Array
  }
}

function addressLength(address: Ip | Uint8Array): number {
  return address instanceof Uint8Array ? address.length : typeof address === 'bigint' ? 16 : 4
}

function shortest(name: string): number {
  return words(new TextEncoder().encode(name).length)
}

function words(octets: number): number {
  return (octets + 3) & ~3
}
