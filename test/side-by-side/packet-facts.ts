/** What is in packets that differences with Linux depend on: read octet by octet, since most of them are broken somewhere. */
import { type Ip4, type Ip6, readIp4, readIp6, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { lengthAt } from '../../packages/icmpkit/src/wire/ip6-extension.ts'
import { u16 } from '../../packages/icmpkit/src/wire/octets.ts'
import type { Comparison } from './comparison.ts'

export const is4 = (p: Uint8Array): boolean => p[0]! >>> 4 === 4
export const is6 = (p: Uint8Array): boolean => p[0]! >>> 4 === 6
export const src4 = (p: Uint8Array): Ip4 => readIp4(p, 12)
export const dst4 = (p: Uint8Array): Ip4 => readIp4(p, 16)
export const src6 = (p: Uint8Array): Ip6 => readIp6(p, 8)
export const dst6 = (p: Uint8Array): Ip6 => readIp6(p, 24)

/** An IPv4 packet with an option of such a type (any, where none is given), maybe behind a broken one. */
export function has4(c: Comparison, ...types: readonly number[]): boolean {
  return c.packets.some((p) => {
    if (!is4(p) || (p[0]! & 15) <= 5) return false
    const options = p.subarray(20, (p[0]! & 15) * 4)
    return types.length === 0 || options.some((octet) => types.includes(octet))
  })
}

/** A timestamp option with a flag other than 0, 1 and 3, or whose overflow is full where Linux does not look. */
export function hasOddTimestamp(c: Comparison): boolean {
  return c.packets.some((p) => {
    if (!is4(p)) return false
    const header = (p[0]! & 15) * 4
    for (let i = 20; i + 3 < header; i++) if (p[i] === 0x44 && ![0, 1, 3].includes(p[i + 3]! & 15)) return true
    return false
  })
}

/** For neither this node nor, through it, anybody. */
export function isForNobody4(p: Uint8Array, role: 'host' | 'gateway'): boolean {
  if (!is4(p) || MINE4.has(showIp(dst4(p)))) return false
  const [src, dst] = [src4(p) >>> 0, dst4(p) >>> 0]
  const isMartian = (a: number) => a >>> 24 === 0 || a >>> 24 === 127 || a >>> 28 >= 14
  return (
    role === 'host' ||
    isMartian(src) ||
    isMartian(dst) ||
    BROADCASTS.test(showIp(src4(p))) ||
    BROADCASTS.test(showIp(dst4(p))) ||
    dst >>> 16 === 0x0a03
  )
}

/** A record route or timestamp whose pointer is at no slot's beginning: one entry fits, a second does not. */
export function hasOddPointer4(c: Comparison): boolean {
  return c.packets.some((p) => {
    if (!is4(p)) return false
    for (let i = 20; i + 2 < (p[0]! & 15) * 4; i++)
      if ((p[i] === 7 && p[i + 2]! % 4 !== 0) || (p[i] === 0x44 && p[i + 2]! % 4 !== 1)) return true
    return false
  })
}

/** Hop-by-hop options of type 7, or of type 5 with other than two octets. */
export function hasCalipsoOrOddAlert6(p: Uint8Array): boolean {
  return chain6(p).some((h) => {
    if (h.type !== 0) return false
    for (let i = h.at + 2; i + 1 < Math.min(h.end, p.length); i += p[i] === 0 ? 1 : 2 + p[i + 1]!) {
      if (p[i] === 7 || (p[i] === 5 && p[i + 1] !== 2)) return true
    }
    return false
  })
}

/** Two pieces of one packet that share octets and are not the same. */
export function haveOverlap6(packets: readonly Uint8Array[]): boolean {
  const pieces = packets.flatMap((p) => {
    const f = chain6(p).find((h) => h.type === 44)
    if (f === undefined) return []
    const from = u16(p, f.at + 2) & 0xfff8
    return [{ from, to: from + Math.min(40 + u16(p, 4), p.length) - f.end }]
  })
  return pieces.some((a) => pieces.some((b) => (a.from !== b.from || a.to !== b.to) && a.from < b.to && b.from < a.to))
}

export function hasMany6(p: Uint8Array): boolean {
  return chain6(p).some((h) => {
    if (h.type !== 0 && h.type !== 60) return false
    let options = 0
    for (let i = h.at + 2; i < Math.min(h.end, p.length); i += p[i] === 0 ? 1 : 2 + (p[i + 1] ?? 0))
      if (p[i]! > 1) options++
    return options > 8
  })
}

export function hasTwice4(p: Uint8Array): boolean {
  if (!is4(p)) return false
  const seen = new Set<number>()
  for (let i = 20; i < (p[0]! & 15) * 4 && p[i] !== 0; ) {
    if (p[i] !== 1 && seen.has(p[i]!)) return true
    seen.add(p[i]!)
    i += p[i] === 1 ? 1 : Math.max(p[i + 1]!, 1)
  }
  return false
}

export function isQuery4(p: Uint8Array): boolean {
  if (!is4(p) || p[9] !== 1 || (u16(p, 6) & 0x1fff) !== 0) return false
  const type = p[(p[0]! & 15) * 4]!
  return type === 9 || type === 10 || type > 18
}

/** The protocol that the last header names. */
export function upper(p: Uint8Array): number {
  if (is4(p)) return p[9]!
  const last = chain6(p).at(-1)
  return last === undefined ? p[6]! : p[last.at]!
}

export function icmp6Type(p: Uint8Array): number {
  if (!is6(p) || upper(p) !== 58) return -1
  return p[chain6(p).at(-1)?.end ?? 40] ?? -1
}

export function isOddFragment6(p: Uint8Array): boolean {
  const end = Math.min(40 + u16(p, 4), p.length)
  return chain6(p).some((h) => h.type === 44 && (p[h.at + 3]! & 1) === 1 && (end - h.end) % 8 !== 0)
}

export function hasOddPadding6(p: Uint8Array): boolean {
  return chain6(p).some((h) => {
    if (h.type !== 0 && h.type !== 60) return false
    let row = 0
    for (let i = h.at + 2; i < Math.min(h.end, p.length); ) {
      const length = p[i] === 0 ? 1 : 2 + (p[i + 1] ?? 0)
      row = p[i]! > 1 ? 0 : row + length
      if (row > 7 || (p[i] === 1 && p.subarray(i + 2, i + length).some((octet) => octet !== 0))) return true
      i += length
    }
    return false
  })
}

/** Extension headers as far as they can be walked, hop-by-hop ones out of place too. */
export function chain6(p: Uint8Array): { type: number; at: number; end: number }[] {
  const found: { type: number; at: number; end: number }[] = []
  if (!is6(p)) return found
  const end = Math.min(40 + u16(p, 4), p.length)
  for (let i = 40, type = p[6]!; CHAINED.has(type) && i + 8 <= end; ) {
    const length = lengthAt(type, p, i)
    found.push({ type, at: i, end: i + length })
    if (type === 44 && (u16(p, i + 2) & 0xfff8) !== 0) break
    type = p[i]!
    i += length
  }
  return found
}

/** A header longer than the packet, or an option longer than its header. */
export function isCut6(p: Uint8Array): boolean {
  const end = Math.min(40 + u16(p, 4), p.length)
  const chain = chain6(p)
  const last = chain.at(-1)
  const reached = last?.end ?? 40
  if (
    is6(p) &&
    CHAINED.has(upper(p)) &&
    reached + 8 > end &&
    !(last?.type === 44 && (u16(p, last.at + 2) & 0xfff8) !== 0)
  )
    return true
  for (const h of chain) {
    if (h.end > end) return true
    if (h.type !== 0 && h.type !== 60) continue
    for (let i = h.at + 2; i < h.end; ) {
      if (p[i] === 0) i++
      else if (i + 1 >= h.end || i + 2 + p[i + 1]! > h.end) return true
      else i += 2 + p[i + 1]!
    }
  }
  return false
}

const CHAINED = new Set([0, 43, 44, 51, 60, 135, 139, 140])

export const BROADCASTS = /^(192\.0\.2|198\.51\.100)\.(0|255)$/
const MINE4 = new Set(['192.0.2.1', '198.51.100.1'])
