/**
 * Neighbor Discovery: the five messages of RFC 4861 §4 and the two of inverse discovery (RFC 3122 §2).
 *
 *  0        8        16               31
 *  | type   | code   | checksum        |
 *  | flags, or hop limit, flags, life… |
 *  | target …                          |   134: reachable time, retrans timer; 137: target, destination
 *  | options …                         |
 *
 * Structure only: hop limit 255, the sources and targets allowed are rules of the stack (RFC 4861 §6.1, §7.1, §8.1).
 */
import { type Ip6, readIp6, writeIp } from './addr.ts'
import { type Malformed, malformed } from './malformed.ts'
import * as ndOption from './nd-option.ts'
import { put8, put16, put32, u16, u32 } from './octets.ts'

export type Message =
  | RouterSolicitation
  | RouterAdvertisement
  | NeighborSolicitation
  | NeighborAdvertisement
  | Redirect
  | InverseDiscovery

/** Router Solicitation (RFC 4861 §4.1). */
export interface RouterSolicitation {
  kind: 'routerSolicitation'
  code: number
  options: ndOption.Option[]
}

/** Router Advertisement (RFC 4861 §4.2; preference RFC 4191 §2.2). */
export interface RouterAdvertisement {
  kind: 'routerAdvertisement'
  code: number
  /** 0 = unspecified. */
  curHopLimit: number
  /** M: addresses by DHCPv6. */
  managed: boolean
  /** O: other configuration by DHCPv6. */
  otherConfig: boolean
  /** H: a home agent (RFC 6275 §7.1). */
  homeAgent: boolean
  /** 1 high, 0 medium, -1 low; -2 is reserved and read as medium. */
  preference: number
  /** P: from a neighbor discovery proxy (RFC 4389 §4.1.3.3). */
  proxy: boolean
  /** 0 = not a default router. */
  lifetimeSeconds: number
  /** 0 = unspecified, as in the next. */
  reachableTimeMs: number
  retransTimerMs: number
  options: ndOption.Option[]
}

/** Neighbor Solicitation (RFC 4861 §4.3). */
export interface NeighborSolicitation {
  kind: 'neighborSolicitation'
  code: number
  target: Ip6
  options: ndOption.Option[]
}

/** Neighbor Advertisement (RFC 4861 §4.4). */
export interface NeighborAdvertisement {
  kind: 'neighborAdvertisement'
  code: number
  router: boolean
  solicited: boolean
  override: boolean
  target: Ip6
  options: ndOption.Option[]
}

/** Redirect (RFC 4861 §4.5). */
export interface Redirect {
  kind: 'redirect'
  code: number
  /** The better first hop; equal to `destination` where that is a neighbor. */
  target: Ip6
  destination: Ip6
  options: ndOption.Option[]
}

/** Inverse Neighbor Discovery Solicitation and Advertisement (RFC 3122 §2). */
export interface InverseDiscovery {
  kind: 'inverseSolicitation' | 'inverseAdvertisement'
  code: number
  options: ndOption.Option[]
}

/** Octets in front of the options. */
const FIXED = {
  routerSolicitation: 8,
  routerAdvertisement: 16,
  neighborSolicitation: 24,
  neighborAdvertisement: 24,
  redirect: 40,
  inverseSolicitation: 8,
  inverseAdvertisement: 8,
} as const

/** The message at `at` whose Type octet said `kind`. */
export function parse(kind: Message['kind'], bytes: Uint8Array, at: number, end: number): Message | Malformed {
  const body = at + FIXED[kind]
  if (end < body) return malformed('truncated', end - at)
  const options = ndOption.parse(bytes, body, end, at)
  if (!Array.isArray(options)) return options
  const code = bytes[at + 1]!
  switch (kind) {
    case 'routerAdvertisement':
      return advertisement(bytes, at, code, options)
    case 'neighborSolicitation':
      return { kind, code, target: readIp6(bytes, at + TARGET), options }
    case 'neighborAdvertisement': {
      const flags = bytes[at + FLAGS]!
      return {
        kind,
        code,
        router: (flags & 0x80) !== 0,
        solicited: (flags & 0x40) !== 0,
        override: (flags & 0x20) !== 0,
        target: readIp6(bytes, at + TARGET),
        options,
      }
    }
    case 'redirect':
      return { kind, code, target: readIp6(bytes, at + TARGET), destination: readIp6(bytes, at + DESTINATION), options }
    default:
      return { kind, code, options }
  }
}

/** Octets of the whole message. */
export function size(m: Message): number {
  return FIXED[m.kind] + ndOption.size(m.options)
}

/** Writes everything behind the checksum; returns the end. @throws RangeError on a value too wide for its field. */
export function writeBody(m: Message, out: Uint8Array, at: number): number {
  put32(out, at + FLAGS, 0)
  switch (m.kind) {
    case 'routerAdvertisement':
      put8(out, at + HOP_LIMIT, m.curHopLimit)
      out[at + RA_FLAGS] =
        (m.managed ? 0x80 : 0) |
        (m.otherConfig ? 0x40 : 0) |
        (m.homeAgent ? 0x20 : 0) |
        ndOption.preferenceBits(m.preference) |
        (m.proxy ? 0x04 : 0)
      put16(out, at + LIFETIME, m.lifetimeSeconds)
      put32(out, at + REACHABLE, m.reachableTimeMs)
      put32(out, at + RETRANS, m.retransTimerMs)
      break
    case 'neighborAdvertisement':
      out[at + FLAGS] = (m.router ? 0x80 : 0) | (m.solicited ? 0x40 : 0) | (m.override ? 0x20 : 0)
      writeIp(m.target, out, at + TARGET)
      break
    case 'neighborSolicitation':
      writeIp(m.target, out, at + TARGET)
      break
    case 'redirect':
      writeIp(m.target, out, at + TARGET)
      writeIp(m.destination, out, at + DESTINATION)
      break
  }
  return ndOption.write(m.options, out, at + FIXED[m.kind])
}

function advertisement(bytes: Uint8Array, at: number, code: number, options: ndOption.Option[]): RouterAdvertisement {
  const flags = bytes[at + RA_FLAGS]!
  return {
    kind: 'routerAdvertisement',
    code,
    curHopLimit: bytes[at + HOP_LIMIT]!,
    managed: (flags & 0x80) !== 0,
    otherConfig: (flags & 0x40) !== 0,
    homeAgent: (flags & 0x20) !== 0,
    preference: ndOption.preference(flags),
    proxy: (flags & 0x04) !== 0,
    lifetimeSeconds: u16(bytes, at + LIFETIME),
    reachableTimeMs: u32(bytes, at + REACHABLE),
    retransTimerMs: u32(bytes, at + RETRANS),
    options,
  }
}

const FLAGS = 4
const HOP_LIMIT = 4
const RA_FLAGS = 5
const LIFETIME = 6
const REACHABLE = 8
const RETRANS = 12
const TARGET = 8
const DESTINATION = 24
