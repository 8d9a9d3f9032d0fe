/**
 * From the first octet of a captured packet to its IP header, by link type (the LINKTYPE_ numbers of tcpdump.org, which
 * pcap and pcapng files carry). Tunnels are not opened.
 *
 * Linux cooked v1 (113):  packet type 16, ARPHRD 16, address length 16, address 64, EtherType 16.
 * Linux cooked v2 (276):  EtherType 16, zero 16, interface 32, ARPHRD 16, packet type 8, address length 8, address 64.
 * NULL (0), LOOP (108):   address family 32, in the capturing host's byte order, or the network's.
 */
import { EtherType, isTag, MAX_TAGS, TAG, type VlanTag, vlanTag } from './ethernet.ts'
import { type Malformed, malformed } from './malformed.ts'
import { u16, u32 } from './octets.ts'

export const LinkType = {
  null: 0,
  ethernet: 1,
  /** DLT_RAW as most systems number it, and as OpenBSD does; old files have these in place of 101. */
  rawDlt: 12,
  rawOpenBsd: 14,
  raw: 101,
  loop: 108,
  linuxSll: 113,
  ip4: 228,
  ip6: 229,
  linuxSll2: 276,
} as const

/** What `ipOffset` returns instead of an offset. */
export const Refusal = {
  /** ARP, LLC, a third tag, a family that is not IP … */
  notIp: -1,
  /** The link header, or the IP version behind it, is not all here. */
  truncated: -2,
  /** The link layer promised another IP version than stands there. */
  badVersion: -3,
  unknownLinkType: -4,
} as const

/** An IP packet behind its link header. */
export interface Network {
  kind: 'network'
  family: 4 | 6
  /** Offset of the IP header in `bytes`. */
  at: number
  /** Outermost first; empty where the link has none. */
  tags: VlanTag[]
}

export interface NotIp {
  kind: 'notIp'
  /** undefined where the link type has none. */
  etherType: number | undefined
  /** Offset of what stands there instead. */
  at: number
  tags: VlanTag[]
}

/**
 * Offset of the IP header, or a negative `Refusal`. Makes no object: a million packets pass here. Where it is not
 * negative, the version in the octet there is 4 or 6 and what the link layer announced.
 */
export function ipOffset(linkType: number, bytes: Uint8Array, at: number, end: number): number {
  switch (linkType) {
    case LinkType.ethernet:
      return behindType(bytes, at + 12, at + 14, end)
    case LinkType.linuxSll:
      return behindType(bytes, at + 14, at + 16, end)
    case LinkType.linuxSll2:
      return behindType(bytes, at, at + 20, end)
    case LinkType.raw:
    case LinkType.rawDlt:
    case LinkType.rawOpenBsd: {
      if (at >= end) return Refusal.truncated
      const version = bytes[at]! >>> 4
      return version === 4 || version === 6 ? at : Refusal.badVersion
    }
    case LinkType.ip4:
      return versioned(4, bytes, at, end)
    case LinkType.ip6:
      return versioned(6, bytes, at, end)
    case LinkType.null:
    case LinkType.loop: {
      if (end - at < 4) return Refusal.truncated
      const version = versionOfFamily(bytes, at)
      return version === 0 ? Refusal.notIp : versioned(version, bytes, at + 4, end)
    }
    default:
      return Refusal.unknownLinkType
  }
}

/** The same as an object, with VLAN tags, and the EtherType where it is not IP. */
export function networkLayer(
  linkType: number,
  bytes: Uint8Array,
  at = 0,
  end: number = bytes.length,
): Network | NotIp | Malformed {
  const offset = ipOffset(linkType, bytes, at, end)
  if (offset === Refusal.truncated) return malformed('truncated', Math.max(end - at, 0))
  if (offset === Refusal.unknownLinkType) return malformed('unknown-format', 0)
  const tags: VlanTag[] = []
  let etherType: number | undefined
  let behind = at
  const type = typeAt(linkType)
  if (type !== undefined) {
    etherType = u16(bytes, at + type.field)
    behind = at + type.payload
    while (isTag(etherType) && tags.length < MAX_TAGS) {
      tags.push(vlanTag(etherType, u16(bytes, behind)))
      etherType = u16(bytes, behind + 2)
      behind += TAG
    }
  } else if (linkType === LinkType.null || linkType === LinkType.loop) behind += 4
  if (offset === Refusal.badVersion) return malformed('bad-version', behind - at)
  if (offset === Refusal.notIp) return { kind: 'notIp', etherType, at: behind, tags }
  return { kind: 'network', family: bytes[offset]! >>> 4 === 4 ? 4 : 6, at: offset, tags }
}

/** Where a link header has its EtherType, and where it ends. */
function typeAt(linkType: number): { field: number; payload: number } | undefined {
  switch (linkType) {
    case LinkType.ethernet:
      return { field: 12, payload: 14 }
    case LinkType.linuxSll:
      return { field: 14, payload: 16 }
    case LinkType.linuxSll2:
      return { field: 0, payload: 20 }
    default:
      return undefined
  }
}

function behindType(bytes: Uint8Array, field: number, payload: number, end: number): number {
  if (end < payload) return Refusal.truncated
  let etherType = u16(bytes, field)
  let i = payload
  for (let n = 0; n < MAX_TAGS && isTag(etherType); n++) {
    if (end - i < TAG) return Refusal.truncated
    etherType = u16(bytes, i + 2)
    i += TAG
  }
  if (etherType === EtherType.ip4) return versioned(4, bytes, i, end)
  if (etherType === EtherType.ip6) return versioned(6, bytes, i, end)
  return Refusal.notIp
}

function versioned(version: number, bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return Refusal.truncated
  return bytes[at]! >>> 4 === version ? at : Refusal.badVersion
}

/**
 * 4, 6, or 0 for what is neither. AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on Windows, 24 on NetBSD and
 * OpenBSD, 28 on FreeBSD, 30 on Darwin. A family is below 256, so the order of its four octets shows itself.
 */
function versionOfFamily(bytes: Uint8Array, at: number): 0 | 4 | 6 {
  const big = u32(bytes, at)
  const family = big < 0x100 ? big : (big & 0x00ffffff) === 0 ? big >>> 24 : 0
  switch (family) {
    case 2:
      return 4
    case 10:
    case 23:
    case 24:
    case 28:
    case 30:
      return 6
    default:
      return 0
  }
}
