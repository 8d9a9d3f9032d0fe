/**
 * What all messages of rtnetlink share (Linux `linux/rtnetlink.h`): their numbers, and how families, addresses and scopes
 * stand in them. The messages: link-message.ts, address-message.ts, route-message.ts, neighbour-message.ts; netlink.ts asks.
 */
import { type Family, type Ip, readIp4, readIp6, writeIp } from '../wire/addr.ts'
import type { Attribute, Attributes, Message, MessageReader } from './netlink-message.ts'

export const Rtm = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  delNeighbour: 29,
  getNeighbour: 30,
} as const

/** Multicast groups of changes. */
export const Group = { link: 1, neighbour: 3, address4: 5, route4: 7, address6: 9, route6: 11 } as const

export type Scope = 'global' | 'site' | 'link' | 'host' | 'nowhere' | number

/** Where a message has no attributes. */
export const NONE: Attributes = new Map()

export const AF_INET = 2
export const AF_INET6 = 10

/** The family of a message whose own header has `header` octets; undefined where it is cut, or of neither. */
export function familyAt(r: MessageReader, m: Message, header: number): Family | undefined {
  if (m.end - m.at < header) return undefined
  switch (r.u8(m.at)) {
    case AF_INET:
      return 4
    case AF_INET6:
      return 6
  }
  return undefined
}

/** undefined where it is absent, or too short. */
export function readIp(r: MessageReader, a: Attribute | undefined, family: Family): Ip | undefined {
  if (a === undefined || a.end - a.at < (family === 4 ? 4 : 16)) return undefined
  return family === 4 ? readIp4(r.bytes, a.at) : readIp6(r.bytes, a.at)
}

export function octetsOf(ip: Ip): Uint8Array {
  const octets = new Uint8Array(typeof ip === 'bigint' ? 16 : 4)
  writeIp(ip, octets, 0)
  return octets
}

/** Unspecified asks for both. */
export function af(family: Family | undefined): number {
  return family === undefined ? 0 : family === 4 ? AF_INET : AF_INET6
}

export function scopeOf(octet: number): Scope {
  return SCOPES[octet] ?? octet
}

export function scopeNumber(scope: Scope): number {
  if (typeof scope === 'number') return scope
  return Number(Object.keys(SCOPES).find((n) => SCOPES[Number(n)] === scope))
}

const SCOPES: Record<number, Scope> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' }
