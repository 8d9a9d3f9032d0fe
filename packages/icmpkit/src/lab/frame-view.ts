/** Where things stand in a packet on a link, by its octets: no object a packet. VLAN tags are none of a lab's. */
import type { Port } from '../stack/port.ts'
import { HEADER as ETHERNET, EtherType } from '../wire/ethernet.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import { u16 } from '../wire/octets.ts'

/** The IP header of what stands at `at…end` on a link of that medium, behind labels too; -1 where it bears no IP. */
export function ipAt(medium: Port['medium'], bytes: Uint8Array, at: number, end: number): number {
  let i = at
  if (medium === 'ethernet') {
    if (end - at < ETHERNET) return -1
    const type = u16(bytes, at + TYPE)
    i += ETHERNET
    if (type === EtherType.mpls) i = behindLabels(bytes, i, end)
    else if (type !== EtherType.ip4 && type !== EtherType.ip6) return -1
    if (i < 0) return -1
  }
  if (i >= end) return -1
  const version = bytes[i]! >>> 4
  if (version === 4) return end - i >= ip4.HEADER ? i : -1
  return version === 6 && end - i >= ip6.HEADER ? i : -1
}

/** Octets of labels between the link's header and the packet. */
export function labelOctets(medium: Port['medium'], bytes: Uint8Array, at: number, end: number): number {
  if (medium === 'ip' || end - at < ETHERNET || u16(bytes, at + TYPE) !== EtherType.mpls) return 0
  const ip = behindLabels(bytes, at + ETHERNET, end)
  return ip < 0 ? 0 : ip - at - ETHERNET
}

/** Octets of the IP packet by its own header. */
export function lengthOf(bytes: Uint8Array, ip: number): number {
  return bytes[ip]! >>> 4 === 4 ? u16(bytes, ip + 2) : ip6.HEADER + u16(bytes, ip + 4)
}

/** Its end: padding of the link is behind it. */
export function endOf(bytes: Uint8Array, ip: number, end: number): number {
  return Math.min(end, ip + lengthOf(bytes, ip))
}

/** The protocol above IP and its extension headers; -1 where their chain is cut. */
export function protocolOf(bytes: Uint8Array, ip: number, end: number): number {
  if (bytes[ip]! >>> 4 === 4) return bytes[ip + 9]!
  const skipped = ip6.skip(bytes, ip, end)
  return skipped < 0 ? -1 : ip6.upperProtocol(skipped)
}

/** Where the upper protocol's header stands; -1 in a later fragment, and where fewer than `least` octets of it are here. */
export function upperOf(bytes: Uint8Array, ip: number, end: number, least: number): number {
  let upper: number
  if (bytes[ip]! >>> 4 === 4) {
    upper = ip4.payloadAt(bytes, ip, end)
    if ((u16(bytes, ip + 6) & 0x1fff) !== 0) return -1
  } else {
    const skipped = ip6.skip(bytes, ip, end)
    if (skipped < 0 || ip6.upperIsLater(skipped)) return -1
    upper = ip + ip6.upperAt(skipped)
  }
  return upper < 0 || end - upper < least ? -1 : upper
}

/** ICMP of the packet's own family. */
export function isIcmp(bytes: Uint8Array, ip: number, end: number): boolean {
  return protocolOf(bytes, ip, end) === (bytes[ip]! >>> 4 === 4 ? icmp4.PROTOCOL : icmp6.PROTOCOL)
}

/** Neighbour and router discovery and multicast listeners: a link does not work without. */
export function isLinkUpkeep(bytes: Uint8Array, ip: number, end: number): boolean {
  if (bytes[ip]! >>> 4 !== 6) return false
  const upper = upperOf(bytes, ip, end, 1)
  if (upper < 0 || protocolOf(bytes, ip, end) !== icmp6.PROTOCOL) return false
  const type = bytes[upper]!
  return (type >= MLD_FIRST && type <= MLD_LAST) || (type >= ND_FIRST && type <= ND_LAST) || type === MLD2_REPORT
}

/** An ICMP error of its family; `upper` is where its ICMP header stands. A redirect is one. */
export function isIcmpError(bytes: Uint8Array, ip: number, upper: number): boolean {
  const type = bytes[upper]!
  if (bytes[ip]! >>> 4 === 6) return icmp6.isError(type) || type === icmp6.Type.redirect
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12
}

/** The ICMP header of an echo request that is whole; -1 of anything else. */
export function echoAt(bytes: Uint8Array, ip: number, end: number): number {
  const upper = upperOf(bytes, ip, end, ECHO)
  if (upper < 0 || !isIcmp(bytes, ip, end)) return -1
  if (bytes[ip]! >>> 4 === 6) return bytes[upper] === icmp6.Type.echoRequest ? upper : -1
  const more = (bytes[ip + 6]! & 0x20) !== 0
  return bytes[upper] === icmp4.Type.echoRequest && !more ? upper : -1
}

function behindLabels(bytes: Uint8Array, at: number, end: number): number {
  for (let i = at; i + LABEL <= end; i += LABEL) if ((bytes[i + 2]! & 1) === 1) return i + LABEL
  return -1
}

const TYPE = 12
const LABEL = 4
const ECHO = 8
const MLD_FIRST = 130
const MLD_LAST = 132
const ND_FIRST = 133
const ND_LAST = 137
const MLD2_REPORT = 143
