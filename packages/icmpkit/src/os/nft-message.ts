/**
 * Messages of nftables (linux/netfilter/nf_tables.h): tables, chains and rules in octets, and the sockets to send them.
 * Integers are in network order. A table with an owner ends with the socket that made it, also where its process is killed.
 */
import { Flag, MessageWriter } from './netlink-message.ts'
import { NetlinkSocket, Protocol } from './netlink-socket.ts'
import { Errno, OsError } from './os-error.ts'

export const NftFamily = { inet: 1, netdev: 5 } as const

/** What a refusal most likely means to whoever wanted the table. */
export interface NftCures {
  missing: string
  old: string
}

/** @throws OsError */
export function openNftables(cures: NftCures): NetlinkSocket {
  try {
    return new NetlinkSocket(Protocol.netfilter)
  } catch (e) {
    throw explained(e, cures)
  }
}

export function explained(e: unknown, { missing, old }: NftCures): unknown {
  if (!(e instanceof OsError)) return e
  switch (e.errno) {
    case Errno.EPROTONOSUPPORT:
    case Errno.EOPNOTSUPP:
    case Errno.ENOENT:
    case Errno.EAFNOSUPPORT:
      return new OsError(e.errno, e.syscall, DOOR, missing)
    case Errno.EINVAL:
      return new OsError(e.errno, e.syscall, DOOR, old)
  }
  return e
}

/** Ends with the socket that sends it. */
export function ownedTable(family: number, table: string): Uint8Array {
  const w = nftMessage(Nft.newTable, NEW, family)
  return done(w.text(Table.name, table).attribute(Table.flags, be32(TABLE_OWNER)))
}

/** A base chain of the type filter. `device`: of the family netdev. */
export interface BaseChain {
  hook: number
  priority: number
  accept: boolean
  device?: string
}

/** Without a base nothing passes it. */
export function newChain(family: number, table: string, name: string, base?: BaseChain): Uint8Array {
  const w = nftMessage(Nft.newChain, NEW, family).text(Chain.table, table).text(Chain.name, name)
  if (base === undefined) return done(w)
  w.nest(NESTED | Chain.hook, () => {
    w.attribute(Hook.number, be32(base.hook)).attribute(Hook.priority, be32(base.priority))
    if (base.device !== undefined) w.text(Hook.device, base.device)
  })
  return done(w.attribute(Chain.policy, be32(base.accept ? ACCEPT : DROP)).text(Chain.type, 'filter'))
}

/** And the rules in it. */
export function deleteChain(family: number, table: string, name: string): Uint8Array {
  const w = nftMessage(Nft.deleteChain, Flag.request | Flag.ack, family)
  return done(w.text(Chain.table, table).text(Chain.name, name))
}

/** At the chain's end. */
export function newRule(family: number, table: string, chain: string, expressions: readonly Expression[]): Uint8Array {
  const w = nftMessage(Nft.newRule, Flag.request | Flag.ack | Flag.create | Flag.append, family)
  w.text(Rule.table, table).text(Rule.chain, chain)
  w.nest(NESTED | Rule.expressions, () => {
    for (const { name, write } of expressions) {
      w.nest(NESTED | LIST_ELEMENT, () => {
        w.text(ExpressionPart.name, name).nest(NESTED | ExpressionPart.data, write)
      })
    }
  })
  return done(w)
}

/** A set of addresses with ports, to be looked up by a rule: `address` octets each. */
export function newSet(family: number, table: string, name: string, id: number, address: 4 | 16): Uint8Array {
  const w = nftMessage(Nft.newSet, NEW, family).text(1, table).text(2, name).attribute(3, be32(0))
  // What `nft list` shows it as: ipv4_addr . inet_service, ipv6_addr . inet_service.
  w.attribute(4, be32(((address === 4 ? 7 : 8) << 6) | 13))
  return done(w.attribute(5, be32(address + 4)).attribute(10, be32(id)))
}

export function deleteSet(family: number, table: string, name: string): Uint8Array {
  return done(
    nftMessage(Nft.deleteSet, Flag.request | Flag.ack, family)
      .text(1, table)
      .text(2, name),
  )
}

/** No more than `MOST_ELEMENTS` of `size` octets each, one behind the other. */
export function newElements(
  family: number,
  table: string,
  set: string,
  elements: Uint8Array,
  size: number,
): Uint8Array {
  const w = nftMessage(Nft.newElement, Flag.request | Flag.ack | Flag.create, family)
    .text(1, table)
    .text(2, set)
  w.nest(NESTED | 3, () => {
    for (let at = 0; at < elements.length; at += size) {
      w.u16(12 + size).u16(NESTED | LIST_ELEMENT)
      w.u16(8 + size).u16(NESTED | 1)
      w.attribute(VALUE, elements.subarray(at, at + size))
    }
  })
  return done(w)
}

/** An attribute is shorter than 64 KiB. */
export const MOST_ELEMENTS = 1000

/** One step of a rule; what it works on is in register 1, unless it is said. */
export interface Expression {
  name: string
  write: (w: MessageWriter) => void
}

/** Of what the kernel knows beside the packet. */
export function loadMeta(key: number): Expression {
  return { name: 'meta', write: (w) => w.attribute(1, be32(REGISTER)).attribute(2, be32(key)) }
}

/** `length` octets of the IP header; into register `to`. */
export function loadNetwork(offset: number, length: number, to: number = REGISTER): Expression {
  return loadHeader(NETWORK, offset, length, to)
}

/** The same of the transport header. */
export function loadTransport(offset: number, length: number, to: number = REGISTER): Expression {
  return loadHeader(TRANSPORT, offset, length, to)
}

function loadHeader(base: number, offset: number, length: number, to: number): Expression {
  return {
    name: 'payload',
    write: (w) =>
      w.attribute(1, be32(to)).attribute(2, be32(base)).attribute(3, be32(offset)).attribute(4, be32(length)),
  }
}

/** The register that follows `octets` octets in register 1, for what is looked up behind them. */
export function registerBehind(octets: number): number {
  return REGISTER_32 + octets / 4
}

/** The rule ends here unless what stands from register 1 on is in the set. */
export function lookUp(set: string, id: number): Expression {
  return { name: 'lookup', write: (w) => w.text(1, set).attribute(2, be32(REGISTER)).attribute(4, be32(id)) }
}

/** The state of the packet's connection, as bits: conntrack works in this namespace while there is such a rule. */
export function loadConnectionState(): Expression {
  return { name: 'ct', write: (w) => w.attribute(1, be32(REGISTER)).attribute(2, be32(0)) }
}

export function and(mask: Uint8Array): Expression {
  return {
    name: 'bitwise',
    write: (w) =>
      w
        .attribute(1, be32(REGISTER))
        .attribute(2, be32(REGISTER))
        .attribute(3, be32(mask.length))
        .nest(NESTED | 4, () => w.attribute(VALUE, mask))
        .nest(NESTED | 5, () => w.attribute(VALUE, new Uint8Array(mask.length))),
  }
}

/** The rule ends here unless they are equal (or, `not`, unless they differ). */
export function compare(value: Uint8Array, not = false): Expression {
  return {
    name: 'cmp',
    write: (w) =>
      w
        .attribute(1, be32(REGISTER))
        .attribute(2, be32(not ? 1 : 0))
        .nest(NESTED | 3, () => w.attribute(VALUE, value)),
  }
}

export function accept(): Expression {
  return {
    name: 'immediate',
    write: (w) =>
      w
        .attribute(1, be32(REGISTER_VERDICT))
        .nest(NESTED | 2, () => w.nest(NESTED | VERDICT, () => w.attribute(VERDICT_CODE, be32(ACCEPT)))),
  }
}

/** `type` and `code` of nft_reject. */
export function reject(type: number, code: number): Expression {
  return { name: 'reject', write: (w) => w.attribute(1, be32(type)).octet(2, code) }
}

/** struct nlmsghdr and nfgenmsg: family, version, resource. */
export function nftMessage(type: number, flags: number, family: number): MessageWriter {
  return new MessageWriter()
    .begin((SUBSYSTEM << 8) | type, flags)
    .u8(family)
    .u8(0)
    .u16(0)
}

export const Nft = {
  newTable: 0,
  getTable: 1,
  newChain: 3,
  deleteChain: 5,
  newRule: 6,
  newSet: 9,
  deleteSet: 11,
  newElement: 12,
} as const
/** NFTA_TABLE_NAME, NFTA_TABLE_FLAGS. */
export const Table = { name: 1, flags: 2 } as const

function done(w: MessageWriter): Uint8Array {
  return w.finish(0).slice()
}

function be32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

const DOOR = 'nftables'
const NEW = Flag.request | Flag.ack | Flag.create | Flag.exclusive
const SUBSYSTEM = 10
const NESTED = 0x8000
const TABLE_OWNER = 2
const DROP = 0
const ACCEPT = 1
const REGISTER_VERDICT = 0
const REGISTER = 1
/** NFT_REG32_00: register 1 in four. */
const REGISTER_32 = 8
/** NFT_PAYLOAD_NETWORK_HEADER, NFT_PAYLOAD_TRANSPORT_HEADER. */
const NETWORK = 1
const TRANSPORT = 2
const LIST_ELEMENT = 1
const VALUE = 1
const VERDICT = 2
const VERDICT_CODE = 1

const Chain = { table: 1, name: 3, hook: 4, policy: 5, type: 7 } as const
const Hook = { number: 1, priority: 2, device: 3 } as const
const Rule = { table: 1, chain: 2, expressions: 4 } as const
const ExpressionPart = { name: 1, data: 2 } as const
