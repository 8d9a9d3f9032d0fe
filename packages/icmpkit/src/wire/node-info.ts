/**
 * Node information (RFC 4620 §4).
 *
 *  0        8        16               31
 *  | type   | code   | checksum        |
 *  | qtype           | flags           |
 *  | nonce                             |
 *  |                                   |
 *  | data …                            |
 *
 * What `data` holds depends on Code in a query and on Qtype in a reply: the message keeps it as octets, and the
 * functions at the end read and make each form.
 */
import { type Ip, type Ip4, type Ip6, readIp4, readIp6, writeIp } from './addr.ts'
import * as dnsName from './dns-name.ts'
import { type Malformed, malformed } from './malformed.ts'
import { put16, put64, putBytes, u16, u64 } from './octets.ts'

/** NI Query and NI Reply. */
export interface Message {
  kind: 'nodeInfoQuery' | 'nodeInfoReply'
  /** In a query what the subject is (`Subject`), in a reply how it went (`Result`). */
  code: number
  qtype: number
  /** As `AddressFlag` for node addresses. */
  flags: number
  nonce: bigint
  data: Uint8Array
}

/** Codes of a query. */
export const Subject = { ip6: 0, name: 1, ip4: 2 } as const
/** Codes of a reply. */
export const Result = { success: 0, refused: 1, unknownQtype: 2 } as const

export const Qtype = { noop: 0, nodeName: 2, nodeAddresses: 3, ip4Addresses: 4 } as const

/** Flags of Qtype 3 (RFC 4620 §6.3); Qtype 4 has `all` and `truncated`. */
export const AddressFlag = {
  truncated: 0x01,
  all: 0x02,
  compatible: 0x04,
  linkLocal: 0x08,
  siteLocal: 0x10,
  global: 0x20,
} as const

/** A name of a node; `qualified` where the domain is part of it. */
export interface NodeName {
  name: string
  qualified: boolean
}

/** The message at `at` whose Type octet said `kind`. */
export function parse(kind: Message['kind'], bytes: Uint8Array, at: number, end: number): Message | Malformed {
  if (end - at < FIXED) return malformed('truncated', end - at)
  return {
    kind,
    code: bytes[at + 1]!,
    qtype: u16(bytes, at + QTYPE),
    flags: u16(bytes, at + FLAGS),
    nonce: u64(bytes, at + NONCE),
    data: bytes.subarray(at + FIXED, end),
  }
}

/** Octets of the whole message. */
export function size(m: Message): number {
  return FIXED + m.data.length
}

/** Writes everything behind the checksum; returns the end. @throws RangeError on a value too wide for its field. */
export function writeBody(m: Message, out: Uint8Array, at: number): number {
  put16(out, at + QTYPE, m.qtype)
  put16(out, at + FLAGS, m.flags)
  put64(out, at + NONCE, m.nonce)
  return putBytes(out, at + FIXED, m.data)
}

/** What a query asks about; undefined where `data` isn't what `code` says, or is empty. */
export function subject(m: Message): Ip | NodeName | undefined {
  const { data } = m
  switch (m.code) {
    case Subject.ip6:
      return data.length === 16 ? readIp6(data, 0) : undefined
    case Subject.ip4:
      return data.length === 4 ? readIp4(data, 0) : undefined
    case Subject.name: {
      const list = names(data, 0)
      return list?.length === 1 ? list[0] : undefined
    }
    default:
      return undefined
  }
}

/** The `data` of a query about `of`. @throws TypeError on text that is no domain name. */
export function subjectData(of: Ip | NodeName): Uint8Array {
  if (typeof of === 'object') {
    const data = new Uint8Array(nameSize(of))
    putName(of, data, 0)
    return data
  }
  const data = new Uint8Array(typeof of === 'bigint' ? 16 : 4)
  writeIp(of, data, 0)
  return data
}

/** Names in a reply of Qtype 2 (RFC 4620 §6.2); undefined where `data` is malformed. */
export function nodeNames(data: Uint8Array): NodeName[] | undefined {
  return data.length < TTL ? undefined : names(data, TTL)
}

/** The `data` of a reply of Qtype 2, its names uncompressed. @throws TypeError on text that is no domain name. */
export function nodeNamesData(list: readonly NodeName[]): Uint8Array {
  const data = new Uint8Array(list.reduce((sum, name) => sum + nameSize(name), TTL))
  let i = TTL
  for (const name of list) i = putName(name, data, i)
  return data
}

/** Addresses in a reply of Qtype 3 (RFC 4620 §6.3); undefined where `data` is malformed. */
export function nodeAddresses(data: Uint8Array): Ip6[] | undefined {
  if (data.length % (TTL + 16) !== 0) return undefined
  const list: Ip6[] = []
  for (let i = 0; i < data.length; i += TTL + 16) list.push(readIp6(data, i + TTL))
  return list
}

/** Addresses in a reply of Qtype 4 (RFC 4620 §6.4); undefined where `data` is malformed. */
export function ip4Addresses(data: Uint8Array): Ip4[] | undefined {
  if (data.length % (TTL + 4) !== 0) return undefined
  const list: Ip4[] = []
  for (let i = 0; i < data.length; i += TTL + 4) list.push(readIp4(data, i + TTL))
  return list
}

/** The `data` of a reply of Qtype 3 (`Ip6`) or 4 (`Ip4`); every TTL is zero, as it must be. */
export function addressesData(list: readonly Ip[]): Uint8Array {
  const data = new Uint8Array(list.reduce((sum, ip) => sum + TTL + (typeof ip === 'bigint' ? 16 : 4), 0))
  let i = 0
  for (const ip of list) i = writeIp(ip, data, i + TTL)
  return data
}

/** Names up to the end of `data`. Pointers of compressed ones count from the start of `data` (RFC 4620 §6.2). */
function names(data: Uint8Array, at: number): NodeName[] | undefined {
  const list: NodeName[] = []
  let i = at
  while (i < data.length) {
    const name = dnsName.parseCompressed(data, i)
    if (name === undefined) return undefined
    i = name.end
    // A single label followed by two zero octets: the domain isn't known (RFC 4620 §4).
    const bare = i < data.length && data[i] === 0
    if (bare) i++
    list.push({ name: name.text, qualified: !bare })
  }
  return list
}

function nameSize(name: NodeName): number {
  return dnsName.size(name.name) + (name.qualified ? 0 : 1)
}

function putName(name: NodeName, out: Uint8Array, at: number): number {
  const end = dnsName.write(name.name, out, at)
  if (name.qualified) return end
  out[end] = 0
  return end + 1
}

const QTYPE = 4
const FLAGS = 6
const NONCE = 8
const FIXED = 16
/** Octets of the lifetime in front of names and of each address: must be zero, and read as zero. */
const TTL = 4
