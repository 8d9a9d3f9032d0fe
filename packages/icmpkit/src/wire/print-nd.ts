/** Neighbor Discovery messages on their line (print.ts). tcpdump tells options only with -v; they are the point here. */
import { Type as Option } from './nd-option.ts'
import { u16, u32 } from './octets.ts'
import { type FlagNames, flagNames, type Literal, literal, type Pen } from './pen.ts'

/** Options told on one line; more are counted. */
const MOST = 16
/** Octets of a line that one option may take, untrusted text apart. */
const ROOM = 256

export function printNeighborSolicitation(pen: Pen, at: number): void {
  pen.ip6(at + 8)
}

export function printNeighborAdvertisement(pen: Pen, at: number): void {
  pen.ip6(at + 8)
  pen.flags(pen.octet(at + 4), NA_FLAGS)
}

export function printRedirect(pen: Pen, at: number): void {
  pen.ip6(at + 24)
  pen.text(TO)
  pen.ip6(at + 8)
}

/** What stands in front of the options. */
export function printRouterAdvertisement(pen: Pen, bytes: Uint8Array, at: number): void {
  const flags = bytes[at + 5]!
  pen.value(HOP_LIMIT, bytes[at + 4]!)
  pen.flags(flags, RA_FLAGS)
  pen.text(PREFERENCES[(flags >> 3) & 3]!)
  pen.value(ROUTER_LIFETIME, u16(bytes, at + 6))
  pen.char(SECONDS)
  const reachable = u32(bytes, at + 8)
  const retransmit = u32(bytes, at + 12)
  if (reachable !== 0) {
    pen.value(REACHABLE, reachable)
    pen.text(MILLISECONDS)
  }
  if (retransmit !== 0) {
    pen.value(RETRANSMIT, retransmit)
    pen.text(MILLISECONDS)
  }
}

export function printOptions(pen: Pen, bytes: Uint8Array, at: number, end: number): void {
  let i = at
  for (let n = 0; end - i >= 2; n++) {
    const octets = bytes[i + 1]! << 3
    if (octets === 0) {
      pen.text(BAD_OPTION)
      return
    }
    if (octets > end - i) {
      pen.text(CUT_OPTION)
      return
    }
    if (n === MOST) {
      pen.text(MORE)
      return
    }
    pen.need(ROOM)
    option(pen, bytes, i, i + octets)
    i += octets
  }
}

function option(pen: Pen, bytes: Uint8Array, at: number, end: number): void {
  const octets = end - at
  switch (bytes[at]) {
    case Option.sourceLinkLayer:
    case Option.targetLinkLayer:
      pen.text(bytes[at] === Option.sourceLinkLayer ? SOURCE_LINK : TARGET_LINK)
      pen.octets(at + 2, Math.min(end, at + 34), COLON)
      return
    case Option.prefixInformation:
      if (octets < 32) break
      pen.text(PREFIX)
      pen.ip6(at + 16)
      pen.char(SLASH)
      pen.decimal(bytes[at + 2]!)
      pen.flags(bytes[at + 3]!, PREFIX_FLAGS)
      pen.text(VALID)
      lifetime(pen, u32(bytes, at + 4))
      pen.text(PREFERRED)
      lifetime(pen, u32(bytes, at + 8))
      return
    case Option.mtu:
      pen.value(MTU, u32(bytes, at + 4))
      return
    case Option.redirectedHeader:
      pen.value(REDIRECTED, octets - 8)
      return
    case Option.nonce:
      pen.text(NONCE)
      pen.octets(at + 2, Math.min(end, at + 34))
      return
    case Option.routeInformation:
      pen.text(ROUTE)
      pen.prefix6(at + 8, octets - 8)
      pen.char(SLASH)
      pen.decimal(bytes[at + 2]!)
      pen.text(PREFERENCES[(bytes[at + 3]! >> 3) & 3]!)
      pen.text(LIFETIME)
      lifetime(pen, u32(bytes, at + 4))
      return
    case Option.recursiveDns:
      if (octets < 24) break
      pen.need(octets * 4)
      pen.text(RDNSS)
      lifetime(pen, u32(bytes, at + 4))
      for (let a = at + 8; a + 16 <= end; a += 16) {
        pen.char(SPACE)
        pen.ip6(a)
      }
      return
    case Option.dnsSearchList:
      pen.text(DNSSL)
      lifetime(pen, u32(bytes, at + 4))
      names(pen, bytes, at + 8, end)
      return
    case Option.captivePortal:
      pen.text(CAPTIVE)
      pen.untrusted(at + 2, padded(bytes, at + 2, end))
      return
    case Option.pref64:
      if (octets < 16) break
      pen.text(PREF64)
      pen.prefix6(at + 4, 12)
      pen.char(SLASH)
      pen.decimal(PREF64_LENGTHS[bytes[at + 3]! & 7] ?? 0)
      pen.text(LIFETIME)
      lifetime(pen, u16(bytes, at + 2) & 0xfff8)
      return
  }
  pen.value(OPTION, bytes[at]!)
  pen.value(OF_OCTETS, octets)
}

/** RFC 1035 names without compression, one behind the other, zeros behind the last. */
function names(pen: Pen, bytes: Uint8Array, at: number, end: number): void {
  pen.need((end - at) * 4 + ROOM)
  for (let i = at; i < end && bytes[i] !== 0; ) {
    pen.char(SPACE)
    while (i < end && bytes[i] !== 0) {
      const label = bytes[i]!
      if (label > 63 || i + 1 + label > end) {
        pen.char(UNKNOWN)
        return
      }
      pen.untrusted(i + 1, i + 1 + label)
      i += 1 + label
      if (i < end && bytes[i] !== 0) pen.char(DOT)
    }
    i++
  }
  pen.need(ROOM)
}

/** End of text that is padded with zeros. */
function padded(bytes: Uint8Array, at: number, end: number): number {
  let i = end
  while (i > at && bytes[i - 1] === 0) i--
  return i
}

function lifetime(pen: Pen, seconds: number): void {
  if (seconds === 0xffffffff) {
    pen.text(INFINITY)
    return
  }
  pen.decimal(seconds)
  pen.char(SECONDS)
}

const NA_FLAGS: FlagNames = flagNames('router', 'solicited', 'override')
const RA_FLAGS: FlagNames = flagNames(
  'managed',
  'other stateful',
  'home agent',
  undefined,
  undefined,
  'proxy',
  'ipv6 only',
)
const PREFIX_FLAGS: FlagNames = flagNames('onlink', 'auto', 'router', 'delegate')
const PREFERENCES: readonly Literal[] = ['medium', 'high', 'rsv', 'low'].map((t) => literal(`, pref ${t}`))
const PREF64_LENGTHS: readonly number[] = [96, 64, 56, 48, 40, 32]

const TO = literal(' to ')
const HOP_LIMIT = literal(', hop limit ')
const ROUTER_LIFETIME = literal(', router lifetime ')
const REACHABLE = literal(', reachable time ')
const RETRANSMIT = literal(', retrans timer ')
const MILLISECONDS = literal('ms')
const SOURCE_LINK = literal(', source link-address ')
const TARGET_LINK = literal(', destination link-address ')
const PREFIX = literal(', prefix ')
const VALID = literal(', valid time ')
const PREFERRED = literal(', pref. time ')
const MTU = literal(', mtu ')
const REDIRECTED = literal(', redirected header of ')
const NONCE = literal(', nonce ')
const ROUTE = literal(', route ')
const LIFETIME = literal(', lifetime ')
const RDNSS = literal(', rdnss lifetime ')
const DNSSL = literal(', dnssl lifetime ')
const CAPTIVE = literal(', captive portal ')
const PREF64 = literal(', pref64 ')
const OPTION = literal(', option ')
const OF_OCTETS = literal(' of ')
const INFINITY = literal('infinity')
const BAD_OPTION = literal(', option of length 0')
const CUT_OPTION = literal(', option [truncated]')
const MORE = literal(', more options')
const COLON = 0x3a
const DOT = 0x2e
const SECONDS = 0x73
const SLASH = 0x2f
const SPACE = 0x20
const UNKNOWN = 0x3f
