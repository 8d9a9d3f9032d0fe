/**
 * Neighbor Discovery options (RFC 4861 §4.6), the same in all messages that carry them.
 *
 *  0        8        16               31
 *  | type   | length | … in units of 8 octets, type and length included
 *
 * An option of length 0, or one that leaves the message, makes the whole message malformed: it could not be walked
 * (RFC 4861 §4.6). A known option whose contents break its own RFC is kept as `invalid`, since those RFCs say to ignore
 * that option alone (RFC 8106 §5.3.1, RFC 8781 §4); an unknown one as `unknown`. Both write back unchanged.
 */
import { type Ip6, readIp6, writeIp } from './addr.ts'
import * as dnsName from './dns-name.ts'
import { type Malformed, malformed } from './malformed.ts'
import { put8, put16, put32, putBytes, u16, u32 } from './octets.ts'

export const Type = {
  sourceLinkLayer: 1,
  targetLinkLayer: 2,
  prefixInformation: 3,
  redirectedHeader: 4,
  mtu: 5,
  sourceAddressList: 9,
  targetAddressList: 10,
  nonce: 14,
  routeInformation: 24,
  recursiveDns: 25,
  dnsSearchList: 31,
  captivePortal: 37,
  pref64: 38,
} as const

export type Option =
  | LinkLayer
  | PrefixInformation
  | RedirectedHeader
  | Mtu
  | AddressList
  | Nonce
  | RouteInformation
  | RecursiveDns
  | DnsSearchList
  | CaptivePortal
  | Pref64
  | Raw

/** Source/Target Link-Layer Address (RFC 4861 §4.6.1). */
export interface LinkLayer {
  kind: 'sourceLinkLayer' | 'targetLinkLayer'
  /** All octets of the option: 6 for a MAC, longer ones with their padding; a view. */
  linkLayerAddress: Uint8Array
}

/** Prefix Information (RFC 4861 §4.6.2). */
export interface PrefixInformation {
  kind: 'prefixInformation'
  prefixLength: number
  /** L: on-link. */
  onLink: boolean
  /** A: good for address configuration. */
  autonomous: boolean
  /** R: `prefix` is a whole address of the router (RFC 6275 §7.2). */
  routerAddress: boolean
  /** P: hosts should ask for a prefix of their own by DHCPv6 (RFC 9762). */
  delegationPreferred: boolean
  validLifetimeSeconds: number
  preferredLifetimeSeconds: number
  /** All 128 bits as sent; those behind `prefixLength` mean nothing unless `routerAddress`. */
  prefix: Ip6
}

/** Redirected Header (RFC 4861 §4.6.3). */
export interface RedirectedHeader {
  kind: 'redirectedHeader'
  /** The packet that drew the redirect, from its IPv6 header on, with padding; a view. */
  quote: Uint8Array
}

/** MTU (RFC 4861 §4.6.4). */
export interface Mtu {
  kind: 'mtu'
  mtu: number
}

/** Source/Target Address List of inverse discovery (RFC 3122 §3.1). */
export interface AddressList {
  kind: 'sourceAddressList' | 'targetAddressList'
  addresses: Ip6[]
}

/** Nonce (RFC 3971 §5.3.2; enhanced duplicate address detection, RFC 7527). */
export interface Nonce {
  kind: 'nonce'
  /** 6 octets, or 8 more for each unit; a view. */
  nonce: Uint8Array
}

/** Route Information (RFC 4191 §2.3). */
export interface RouteInformation {
  kind: 'routeInformation'
  prefixLength: number
  /** 1 high, 0 medium, -1 low; -2 is reserved and makes a host ignore the option. */
  preference: number
  lifetimeSeconds: number
  prefix: Ip6
  /** Length in units of 8 octets as sent; on writing, 0 means the shortest. */
  length: number
}

/** Recursive DNS Server (RFC 8106 §5.1). */
export interface RecursiveDns {
  kind: 'recursiveDns'
  lifetimeSeconds: number
  addresses: Ip6[]
}

/** DNS Search List (RFC 8106 §5.2). */
export interface DnsSearchList {
  kind: 'dnsSearchList'
  lifetimeSeconds: number
  names: string[]
  /** Length in units of 8 octets as sent; on writing, 0 means the shortest. */
  length: number
}

/** Captive-Portal (RFC 8910 §2.3). */
export interface CaptivePortal {
  kind: 'captivePortal'
  uri: string
  /** Length in units of 8 octets as sent; on writing, 0 means the shortest. */
  length: number
}

/** PREF64 (RFC 8781 §4). */
export interface Pref64 {
  kind: 'pref64'
  /** A multiple of 8; `write` rounds up (RFC 8781 §4.1). */
  lifetimeSeconds: number
  /** 96, 64, 56, 48, 40 or 32. */
  prefixLength: number
  /** 96 bits are sent. */
  prefix: Ip6
}

/** An option without a name here, or a named one whose contents break its RFC and that a host must ignore. */
export interface Raw {
  kind: 'unknown' | 'invalid'
  type: number
  /** Everything behind the length octet; a view. */
  data: Uint8Array
}

/** The options that fill `at…end`. An error's offset counts from `start`, the first octet of the message. */
export function parse(bytes: Uint8Array, at: number, end: number, start: number = at): Option[] | Malformed {
  const options: Option[] = []
  for (let i = at; i < end; ) {
    if (i + 2 > end) return malformed('truncated', end - start)
    const length = bytes[i + 1]! * UNIT
    if (length === 0) return malformed('bad-length', i + 1 - start)
    if (i + length > end) return malformed('truncated', end - start)
    options.push(one(bytes, i, i + length))
    i += length
  }
  return options
}

/** Octets that `write` will fill. */
export function size(options: readonly Option[]): number {
  let total = 0
  for (const o of options) total += sizeOf(o)
  return total
}

/** Writes all options one after another; returns the end. @throws RangeError on a value too wide for its field. */
export function write(options: readonly Option[], out: Uint8Array, at: number): number {
  let i = at
  for (const o of options) {
    const end = i + sizeOf(o)
    out[i] = typeOf(o)
    put8(out, i + 1, (end - i) / UNIT)
    // Reserved fields and padding, whatever the buffer held.
    out.fill(0, i + 2, end)
    writeBody(o, out, i)
    i = end
  }
  return i
}

/** The Type octet of `o`. */
export function typeOf(o: Option): number {
  return o.kind === 'unknown' || o.kind === 'invalid' ? o.type : Type[o.kind]
}

function one(bytes: Uint8Array, at: number, end: number): Option {
  const type = bytes[at]!
  const units = (end - at) / UNIT
  switch (type) {
    case Type.sourceLinkLayer:
      return { kind: 'sourceLinkLayer', linkLayerAddress: bytes.subarray(at + 2, end) }
    case Type.targetLinkLayer:
      return { kind: 'targetLinkLayer', linkLayerAddress: bytes.subarray(at + 2, end) }
    case Type.prefixInformation:
      if (units !== 4 || bytes[at + 2]! > 128) break
      return prefixInformation(bytes, at)
    case Type.redirectedHeader:
      return { kind: 'redirectedHeader', quote: bytes.subarray(at + 8, end) }
    case Type.mtu:
      if (units !== 1) break
      return { kind: 'mtu', mtu: u32(bytes, at + 4) }
    case Type.sourceAddressList:
    case Type.targetAddressList:
      if (units < 3 || units % 2 === 0) break
      return {
        kind: type === Type.sourceAddressList ? 'sourceAddressList' : 'targetAddressList',
        addresses: addresses(bytes, at + 8, end),
      }
    case Type.nonce:
      return { kind: 'nonce', nonce: bytes.subarray(at + 2, end) }
    case Type.routeInformation: {
      const prefixLength = bytes[at + 2]!
      if (units > 3 || prefixLength > 128 || units < shortestRoute(prefixLength)) break
      return {
        kind: 'routeInformation',
        prefixLength,
        preference: preference(bytes[at + 3]!),
        lifetimeSeconds: u32(bytes, at + 4),
        prefix: partial(bytes, at + 8, end),
        length: units,
      }
    }
    case Type.recursiveDns:
      // CVE-2020-16898: an even length makes the last address end inside the next option.
      if (units < 3 || units % 2 === 0) break
      return { kind: 'recursiveDns', lifetimeSeconds: u32(bytes, at + 4), addresses: addresses(bytes, at + 8, end) }
    case Type.dnsSearchList: {
      const names = units < 2 ? undefined : searchList(bytes, at + 8, end)
      if (names === undefined) break
      return { kind: 'dnsSearchList', lifetimeSeconds: u32(bytes, at + 4), names, length: units }
    }
    case Type.captivePortal: {
      const uri = portal(bytes, at + 2, end)
      if (uri === undefined) break
      return { kind: 'captivePortal', uri, length: units }
    }
    case Type.pref64: {
      const scaled = u16(bytes, at + 2)
      const prefixLength = PLC[scaled & 7]
      if (units !== 2 || prefixLength === undefined) break
      return { kind: 'pref64', lifetimeSeconds: scaled & 0xfff8, prefixLength, prefix: partial(bytes, at + 4, end) }
    }
    default:
      return { kind: 'unknown', type, data: bytes.subarray(at + 2, end) }
  }
  return { kind: 'invalid', type, data: bytes.subarray(at + 2, end) }
}

function prefixInformation(bytes: Uint8Array, at: number): PrefixInformation {
  const flags = bytes[at + 3]!
  return {
    kind: 'prefixInformation',
    prefixLength: bytes[at + 2]!,
    onLink: (flags & 0x80) !== 0,
    autonomous: (flags & 0x40) !== 0,
    routerAddress: (flags & 0x20) !== 0,
    delegationPreferred: (flags & 0x10) !== 0,
    validLifetimeSeconds: u32(bytes, at + 4),
    preferredLifetimeSeconds: u32(bytes, at + 8),
    prefix: readIp6(bytes, at + 16),
  }
}

function addresses(bytes: Uint8Array, at: number, end: number): Ip6[] {
  const list: Ip6[] = []
  for (let i = at; i < end; i += 16) list.push(readIp6(bytes, i))
  return list
}

/** The first 0, 8, 12 or 16 octets of an address. */
function partial(bytes: Uint8Array, at: number, end: number): Ip6 {
  let ip = 0n
  for (let i = at; i < end; i += 4) ip = (ip << 32n) | BigInt(u32(bytes, i))
  return (ip << BigInt(128 - 8 * (end - at))) as Ip6
}

function putPartial(ip: Ip6, out: Uint8Array, at: number, octets: number): void {
  for (let i = 0; i < octets; i += 4) put32(out, at + i, Number((ip >> BigInt(96 - 8 * i)) & 0xffffffffn))
}

function searchList(bytes: Uint8Array, at: number, end: number): string[] | undefined {
  const names: string[] = []
  let i = at
  while (i < end && bytes[i] !== 0) {
    const name = dnsName.parse(bytes, i, end)
    if (name === undefined) return undefined
    names.push(name.text)
    i = name.end
  }
  return allZero(bytes, i, end) ? names : undefined
}

/** Printable ASCII up to the padding: a URI has nothing else, and a terminal may be at the other end. */
function portal(bytes: Uint8Array, at: number, end: number): string | undefined {
  let uri = ''
  let i = at
  for (; i < end && bytes[i] !== 0; i++) {
    const c = bytes[i]!
    if (c <= 0x20 || c >= 0x7f) return undefined
    uri += String.fromCharCode(c)
  }
  return allZero(bytes, i, end) ? uri : undefined
}

function allZero(bytes: Uint8Array, at: number, end: number): boolean {
  for (let i = at; i < end; i++) if (bytes[i] !== 0) return false
  return true
}

/** Two bits, signed (RFC 4191 §2.1), at bit 3 of the octet: 1 high, 0 medium, -1 low, -2 reserved. */
export function preference(octet: number): number {
  return (octet << 27) >> 30
}

/** @throws RangeError */
export function preferenceBits(value: number): number {
  if (value !== 1 && value !== 0 && value !== -1 && value !== -2) throw new RangeError(`preference ${value}: -2 … 1`)
  return (value & 3) << 3
}

/** Units of 8 octets that hold the prefix (RFC 4191 §2.3). */
function shortestRoute(prefixLength: number): number {
  return prefixLength > 64 ? 3 : prefixLength > 0 ? 2 : 1
}

function sizeOf(o: Option): number {
  switch (o.kind) {
    case 'sourceLinkLayer':
    case 'targetLinkLayer':
      return up(2 + o.linkLayerAddress.length)
    case 'prefixInformation':
      return 32
    case 'redirectedHeader':
      return 8 + up(o.quote.length)
    case 'mtu':
      return 8
    case 'sourceAddressList':
    case 'targetAddressList':
    case 'recursiveDns':
      if (o.addresses.length === 0) throw new RangeError('an address list: at least one address')
      return 8 + 16 * o.addresses.length
    case 'nonce':
      return whole(2 + o.nonce.length)
    case 'routeInformation':
      return UNIT * Math.max(o.length, shortestRoute(o.prefixLength))
    case 'dnsSearchList':
      return Math.max(UNIT * o.length, 2 * UNIT, up(o.names.reduce((sum, name) => sum + dnsName.size(name), 8)))
    case 'captivePortal':
      return Math.max(UNIT * o.length, up(2 + o.uri.length))
    case 'pref64':
      return 16
    default:
      return whole(2 + o.data.length)
  }
}

function up(octets: number): number {
  return (octets + UNIT - 1) & -UNIT
}

function whole(octets: number): number {
  if (octets % UNIT !== 0) throw new RangeError(`an option of ${octets} octets: not a multiple of ${UNIT}`)
  return octets
}

function writeBody(o: Option, out: Uint8Array, at: number): void {
  switch (o.kind) {
    case 'sourceLinkLayer':
    case 'targetLinkLayer':
      putBytes(out, at + 2, o.linkLayerAddress)
      return
    case 'prefixInformation':
      putPrefixLength(out, at + 2, o.prefixLength)
      out[at + 3] =
        (o.onLink ? 0x80 : 0) |
        (o.autonomous ? 0x40 : 0) |
        (o.routerAddress ? 0x20 : 0) |
        (o.delegationPreferred ? 0x10 : 0)
      put32(out, at + 4, o.validLifetimeSeconds)
      put32(out, at + 8, o.preferredLifetimeSeconds)
      writeIp(o.prefix, out, at + 16)
      return
    case 'redirectedHeader':
      putBytes(out, at + 8, o.quote)
      return
    case 'mtu':
      put32(out, at + 4, o.mtu)
      return
    case 'sourceAddressList':
    case 'targetAddressList':
      for (const [i, ip] of o.addresses.entries()) writeIp(ip, out, at + 8 + 16 * i)
      return
    case 'nonce':
      putBytes(out, at + 2, o.nonce)
      return
    case 'routeInformation': {
      const octets = 8 * (Math.max(o.length, shortestRoute(o.prefixLength)) - 1)
      if (octets > 16) throw new RangeError(`route information of length ${o.length}: at most 3`)
      putPrefixLength(out, at + 2, o.prefixLength)
      out[at + 3] = preferenceBits(o.preference)
      put32(out, at + 4, o.lifetimeSeconds)
      putPartial(o.prefix, out, at + 8, octets)
      return
    }
    case 'recursiveDns':
      put32(out, at + 4, o.lifetimeSeconds)
      for (const [i, ip] of o.addresses.entries()) writeIp(ip, out, at + 8 + 16 * i)
      return
    case 'dnsSearchList': {
      put32(out, at + 4, o.lifetimeSeconds)
      let i = at + 8
      for (const name of o.names) {
        if (dnsName.size(name) === 1) throw new TypeError('the root has no place in a search list: it reads as padding')
        i = dnsName.write(name, out, i)
      }
      return
    }
    case 'captivePortal':
      for (let i = 0; i < o.uri.length; i++) {
        const c = o.uri.charCodeAt(i)
        if (c <= 0x20 || c >= 0x7f) throw new TypeError('a captive portal URI: printable ASCII only')
        out[at + 2 + i] = c
      }
      return
    case 'pref64': {
      const code = PLC.indexOf(o.prefixLength)
      if (code < 0) throw new RangeError(`a NAT64 prefix of ${o.prefixLength} bits: ${PLC.join(', ')}`)
      put16(out, at + 2, Math.ceil(o.lifetimeSeconds / 8) * 8 + code)
      putPartial(o.prefix, out, at + 4, 12)
      return
    }
    default:
      putBytes(out, at + 2, o.data)
  }
}

function putPrefixLength(out: Uint8Array, at: number, bits: number): void {
  if (bits > 128) throw new RangeError(`a prefix of ${bits} bits: at most 128`)
  put8(out, at, bits)
}

const UNIT = 8
/** Prefix lengths by Prefix Length Code (RFC 8781 §4); 6 and 7 mean nothing. */
const PLC = [96, 64, 56, 48, 40, 32]
