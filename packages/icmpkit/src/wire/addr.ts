/**
 * IP addresses as branded primitives: `Ip4` a signed int32, `Ip6` a bigint, told apart by `typeof`, compared with `===`.
 * Text exists at the edges only (RFC 5952 out, RFC 4291 §2.2 in). No Map or Set is keyed by the bigint
 * (docs/decisions/addresses.md).
 */
import { i32, put32, tooWide } from './octets.ts'

declare const ip4: unique symbol
declare const ip6: unique symbol
export type Ip4 = number & { readonly [ip4]: true }
export type Ip6 = bigint & { readonly [ip6]: true }
export type Ip = Ip4 | Ip6
export type Family = 4 | 6

export const ANY4 = 0 as Ip4
export const BROADCAST4 = -1 as Ip4
export const ANY6 = 0n as Ip6
export const LOOPBACK6 = 1n as Ip6

/** 4 or 6; the addresses themselves are told apart by `typeof`. */
export function familyOf(ip: Ip): Family {
  return typeof ip === 'bigint' ? 6 : 4
}

/** Unchecked, as the readers of octets.ts. */
export function readIp4(bytes: Uint8Array, at: number): Ip4 {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) as Ip4
}

/** Unchecked; costs ten times `readIp4`, so hot paths compare and hash the octets instead. */
export function readIp6(bytes: Uint8Array, at: number): Ip6 {
  HALVES.setInt32(0, i32(bytes, at))
  HALVES.setInt32(4, i32(bytes, at + 4))
  HALVES.setInt32(8, i32(bytes, at + 8))
  HALVES.setInt32(12, i32(bytes, at + 12))
  return ((HALVES.getBigUint64(0) << 64n) | HALVES.getBigUint64(8)) as Ip6
}

/** Writes 4 or 16 octets; returns the end. */
export function writeIp(ip: Ip, out: Uint8Array, at: number): number {
  if (typeof ip !== 'bigint') {
    put32(out, at, ip)
    return at + 4
  }
  if (ip < 0n || ip > LAST6) throw tooWide(ip, 128)
  HALVES.setBigUint64(0, ip >> 64n)
  HALVES.setBigUint64(8, ip)
  put32(out, at, HALVES.getInt32(0))
  put32(out, at + 4, HALVES.getInt32(4))
  put32(out, at + 8, HALVES.getInt32(8))
  put32(out, at + 12, HALVES.getInt32(12))
  return at + 16
}

/** An address passes between octets and bigint through here: shifting bigints takes twice and twenty times as long. */
const HALVES = new DataView(new ArrayBuffer(16))
const LAST6 = (1n << 128n) - 1n

/** 224.0.0.0/4 and ff00::/8. */
export function isMulticast(ip: Ip): boolean {
  return typeof ip === 'bigint' ? ip >> 120n === 0xffn : ip >>> 28 === 0xe
}

/** 169.254.0.0/16, fe80::/10, and the v6 groups of interface and link scope: those that mean nothing without a zone. */
export function isLinkLocal(ip: Ip): boolean {
  if (typeof ip !== 'bigint') return ip >>> 16 === 0xa9fe
  return ip >> 118n === 0x3fan || (isMulticast(ip) && ((ip >> 112n) & 0xfn) <= 2n)
}

/**
 * Strict text to address, without a zone: dotted quad of four decimals with no leading zero (CVE-2021-28918: octal read
 * as decimal widened an allow list), or RFC 4291 §2.2 text. undefined where it is not an address.
 */
export function parseIp(text: string): Ip | undefined {
  return text.includes(':') ? parseIp6(text) : parseIp4(text)
}

function parseIp4(text: string): Ip4 | undefined {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (m === null) return undefined
  let ip = 0
  for (let i = 1; i <= 4; i++) {
    const part = m[i]!
    const octet = Number(part)
    if (octet > 255 || (part.length > 1 && part.startsWith('0'))) return undefined
    ip = (ip << 8) | octet
  }
  return ip as Ip4
}

function parseIp6(text: string): Ip6 | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  let ip = 0n
  for (const g of [...head, ...Array<number>(missing).fill(0), ...tail]) ip = (ip << 16n) | BigInt(g)
  return ip as Ip6
}

function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const words: number[] = []
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      const v4 = parseIp4(part)
      if (v4 === undefined) return undefined
      words.push(v4 >>> 16, v4 & 0xffff)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      words.push(Number.parseInt(part, 16))
    } else {
      return undefined
    }
  }
  return words
}

/** Dotted quad, or RFC 5952 text; `zone` is appended after `%` where given. */
export function showIp(ip: Ip, zone?: string): string {
  const text =
    typeof ip === 'bigint' ? showIp6(ip) : `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`
  return zone === undefined || zone === '' ? text : `${text}%${zone}`
}

function showIp6(ip: Ip6): string {
  const words: number[] = []
  for (let shift = 112n; shift >= 0n; shift -= 16n) words.push(Number((ip >> shift) & 0xffffn))
  // RFC 5952 §5: a v4-mapped address keeps its dotted quad.
  if (words.slice(0, 5).every((w) => w === 0) && words[5] === 0xffff) {
    return `::ffff:${showIp(((words[6]! << 16) | words[7]! | 0) as Ip4)}`
  }
  let best = -1
  let length = 1
  for (let i = 0; i < 8; ) {
    let end = i
    while (end < 8 && words[end] === 0) end++
    if (end - i > length) {
      best = i
      length = end - i
    }
    i = end === i ? i + 1 : end
  }
  const text = (part: number[]) => part.map((w) => w.toString(16)).join(':')
  return best < 0 ? text(words) : `${text(words.slice(0, best))}::${text(words.slice(best + length))}`
}
