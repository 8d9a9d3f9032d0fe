/**
 * Messages of mobile nodes and home agents (RFC 6275 §6.5–6.8, RFC 3963 §7), and of certification paths (RFC 3971 §6.4).
 *
 *  0        8        16               31
 *  | type   | code   | checksum        |
 *  | identifier      | flags           |   148, 149: component; all components
 *  | addresses or options …            |   149: component, zeros, then options
 */
import { type Ip6, readIp6, writeIp } from './addr.ts'
import { type Malformed, malformed } from './malformed.ts'
import * as ndOption from './nd-option.ts'
import { put16, put32, putBytes, u16 } from './octets.ts'

export type Message =
  | HomeAgentRequest
  | HomeAgentReply
  | PrefixSolicitation
  | PrefixAdvertisement
  | CertificationPathSolicitation
  | CertificationPathAdvertisement

/** ICMP Home Agent Address Discovery Request (RFC 6275 §6.5). */
export interface HomeAgentRequest {
  kind: 'homeAgentRequest'
  code: number
  id: number
  /** R: an agent for mobile networks is wanted (RFC 3963 §7.1). */
  mobileRouter: boolean
  /** Octets behind the fields: ignored, but under the checksum. */
  trailing: Uint8Array
}

/** ICMP Home Agent Address Discovery Reply (RFC 6275 §6.6). */
export interface HomeAgentReply {
  kind: 'homeAgentReply'
  code: number
  id: number
  /** R: these agents serve mobile networks (RFC 3963 §7.2). */
  mobileRouter: boolean
  /** Home agents, the preferred first. */
  addresses: Ip6[]
  /** Octets behind the last whole address: ignored, but under the checksum. */
  trailing: Uint8Array
}

/** ICMP Mobile Prefix Solicitation (RFC 6275 §6.7). */
export interface PrefixSolicitation {
  kind: 'mobilePrefixSolicitation'
  code: number
  id: number
  options: ndOption.Option[]
}

/** ICMP Mobile Prefix Advertisement (RFC 6275 §6.8). */
export interface PrefixAdvertisement {
  kind: 'mobilePrefixAdvertisement'
  code: number
  id: number
  /** M: addresses by DHCPv6. */
  managed: boolean
  /** O: other configuration by DHCPv6. */
  otherConfig: boolean
  options: ndOption.Option[]
}

/** Certification Path Solicitation (RFC 3971 §6.4.1). */
export interface CertificationPathSolicitation {
  kind: 'certificationPathSolicitation'
  code: number
  id: number
  /** 65,535 = all. */
  component: number
  options: ndOption.Option[]
}

/** Certification Path Advertisement (RFC 3971 §6.4.2). */
export interface CertificationPathAdvertisement {
  kind: 'certificationPathAdvertisement'
  code: number
  id: number
  allComponents: number
  component: number
  options: ndOption.Option[]
}

/** Octets in front of everything of variable length. */
const FIXED = {
  homeAgentRequest: 8,
  homeAgentReply: 8,
  mobilePrefixSolicitation: 8,
  mobilePrefixAdvertisement: 8,
  certificationPathSolicitation: 8,
  certificationPathAdvertisement: 12,
} as const

/** The message at `at` whose Type octet said `kind`. */
export function parse(kind: Message['kind'], bytes: Uint8Array, at: number, end: number): Message | Malformed {
  const body = at + FIXED[kind]
  if (end < body) return malformed('truncated', end - at)
  const code = bytes[at + 1]!
  const id = u16(bytes, at + ID)
  const mobileRouter = (bytes[at + FLAGS]! & 0x80) !== 0
  if (kind === 'homeAgentRequest') return { kind, code, id, mobileRouter, trailing: bytes.subarray(body, end) }
  if (kind === 'homeAgentReply') {
    const tail = end - ((end - body) % 16)
    const addresses: Ip6[] = []
    for (let i = body; i < tail; i += 16) addresses.push(readIp6(bytes, i))
    return { kind, code, id, mobileRouter, addresses, trailing: bytes.subarray(tail, end) }
  }
  const options = ndOption.parse(bytes, body, end, at)
  if (!Array.isArray(options)) return options
  switch (kind) {
    case 'mobilePrefixAdvertisement': {
      const flags = bytes[at + FLAGS]!
      return { kind, code, id, managed: (flags & 0x80) !== 0, otherConfig: (flags & 0x40) !== 0, options }
    }
    case 'certificationPathSolicitation':
      return { kind, code, id, component: u16(bytes, at + COMPONENT), options }
    case 'certificationPathAdvertisement':
      return {
        kind,
        code,
        id,
        allComponents: u16(bytes, at + ALL_COMPONENTS),
        component: u16(bytes, at + ADVERTISED_COMPONENT),
        options,
      }
    default:
      return { kind, code, id, options }
  }
}

/** Octets of the whole message. */
export function size(m: Message): number {
  switch (m.kind) {
    case 'homeAgentRequest':
      return FIXED[m.kind] + m.trailing.length
    case 'homeAgentReply':
      return FIXED[m.kind] + 16 * m.addresses.length + m.trailing.length
    default:
      return FIXED[m.kind] + ndOption.size(m.options)
  }
}

/** Writes everything behind the checksum; returns the end. @throws RangeError on a value too wide for its field. */
export function writeBody(m: Message, out: Uint8Array, at: number): number {
  const body = at + FIXED[m.kind]
  put16(out, at + ID, m.id)
  put16(out, at + FLAGS, 0)
  switch (m.kind) {
    case 'homeAgentRequest':
      out[at + FLAGS] = m.mobileRouter ? 0x80 : 0
      return putBytes(out, body, m.trailing)
    case 'homeAgentReply': {
      out[at + FLAGS] = m.mobileRouter ? 0x80 : 0
      let i = body
      for (const ip of m.addresses) i = writeIp(ip, out, i)
      return putBytes(out, i, m.trailing)
    }
    case 'mobilePrefixAdvertisement':
      out[at + FLAGS] = (m.managed ? 0x80 : 0) | (m.otherConfig ? 0x40 : 0)
      break
    case 'certificationPathSolicitation':
      put16(out, at + COMPONENT, m.component)
      break
    case 'certificationPathAdvertisement':
      put16(out, at + ALL_COMPONENTS, m.allComponents)
      put32(out, at + ADVERTISED_COMPONENT, 0)
      put16(out, at + ADVERTISED_COMPONENT, m.component)
      break
  }
  return ndOption.write(m.options, out, body)
}

const ID = 4
const FLAGS = 6
const COMPONENT = 6
const ALL_COMPONENTS = 6
const ADVERTISED_COMPONENT = 8
