/** Addresses of interfaces over rtnetlink (Linux `linux/if_addr.h`), octets ⇄ plain objects. */
import type { Family, Ip } from '../wire/addr.ts'
import { Flag, type Message, type MessageReader, type MessageWriter } from './netlink-message.ts'
import {
  AF_INET,
  AF_INET6,
  af,
  familyAt,
  octetsOf,
  Rtm,
  readIp,
  type Scope,
  scopeNumber,
  scopeOf,
} from './rtnetlink.ts'

export interface InterfaceAddress {
  kind: 'address'
  index: number
  address: Ip
  prefixLength: number
  /** The other end of a point-to-point address. */
  peer: Ip | undefined
  broadcast: Ip | undefined
  label: string | undefined
  scope: Scope
  /** Not usable yet: duplicate address detection runs. */
  tentative: boolean
  /** Somebody else has it. */
  duplicate: boolean
  deprecated: boolean
  permanent: boolean
  /** An IPv4 address that is not the first of its prefix, or a temporary IPv6 one. */
  secondary: boolean
  /** undefined: for ever. */
  preferredSeconds: number | undefined
  validSeconds: number | undefined
}

export function readAddress(r: MessageReader, m: Message): InterfaceAddress | undefined {
  const family = familyAt(r, m, IFADDRMSG)
  if (family === undefined) return undefined
  const a = r.attributes(m.at + IFADDRMSG, m.end)
  const remote = readIp(r, a.get(Ifa.address), family)
  // On a point-to-point link `address` is the peer and `local` is ours; elsewhere they are the same or `local` is absent.
  const local = readIp(r, a.get(Ifa.local), family) ?? remote
  if (local === undefined) return undefined
  const flags = r.number(a.get(Ifa.flags)) ?? r.u8(m.at + 2)
  const cache = a.get(Ifa.cacheInfo)
  const lifetime = (offset: number) => {
    const seconds = cache && cache.end - cache.at >= 8 ? r.u32(cache.at + offset) : FOREVER
    return seconds === FOREVER ? undefined : seconds
  }
  return {
    kind: 'address',
    index: r.u32(m.at + 4),
    address: local,
    prefixLength: r.u8(m.at + 1),
    peer: remote !== local ? remote : undefined,
    broadcast: readIp(r, a.get(Ifa.broadcast), family),
    label: r.text(a.get(Ifa.label)),
    scope: scopeOf(r.u8(m.at + 3)),
    tentative: (flags & IfaFlag.tentative) !== 0,
    duplicate: (flags & IfaFlag.dadFailed) !== 0,
    deprecated: (flags & IfaFlag.deprecated) !== 0,
    permanent: (flags & IfaFlag.permanent) !== 0,
    secondary: (flags & IfaFlag.secondary) !== 0,
    preferredSeconds: lifetime(0),
    validSeconds: lifetime(4),
  }
}

export interface NewAddress {
  index: number
  address: Ip
  prefixLength: number
  peer?: Ip
  broadcast?: Ip
  /** Usable at once, without asking whether somebody has it (IPv6). */
  noDad?: boolean
  scope?: Scope
}

export function writeAddressQuery(w: MessageWriter, index: number, family: Family | undefined): MessageWriter {
  w.begin(Rtm.getAddress, Flag.request | Flag.dump)
  return w.u8(af(family)).u8(0).u8(0).u8(0).u32(index)
}

export function writeAddress(w: MessageWriter, type: 'add' | 'remove', a: NewAddress): MessageWriter {
  const adding = type === 'add'
  w.begin(
    adding ? Rtm.newAddress : Rtm.delAddress,
    Flag.request | Flag.ack | (adding ? Flag.create | Flag.exclusive : 0),
  )
  const v6 = typeof a.address === 'bigint'
  w.u8(v6 ? AF_INET6 : AF_INET)
    .u8(a.prefixLength)
    .u8(a.noDad ? IfaFlag.noDad : 0)
    .u8(scopeNumber(a.scope ?? 'global'))
    .u32(a.index)
  w.attribute(Ifa.local, octetsOf(a.address)).attribute(Ifa.address, octetsOf(a.peer ?? a.address))
  if (a.broadcast !== undefined) w.attribute(Ifa.broadcast, octetsOf(a.broadcast))
  return w
}

const FOREVER = 0xffffffff
const IFADDRMSG = 8
const Ifa = { address: 1, local: 2, label: 3, broadcast: 4, cacheInfo: 6, flags: 8 } as const

const IfaFlag = {
  secondary: 0x01,
  noDad: 0x02,
  dadFailed: 0x08,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
} as const
