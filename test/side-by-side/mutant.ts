/**
 * Inputs of the comparison: a stimulus or a seed, changed field by field, its lengths and checksums made right again
 * unless a change says otherwise. An input is data (which base, which changes), so that it can be made again with fewer.
 */
import { type Ip, writeIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as checksum from '../../packages/icmpkit/src/wire/checksum.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import { put16, u16, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import type { Random } from '../fuzz/random.ts'
import { addresses4, addresses6, far4, far6, ME4, ME6, peer4, peer6 } from './addresses.ts'
import { HEADERS, OCTETS, OPTIONS, TYPES4, WORDS } from './mutant-parts.ts'

export interface Input {
  role: 'host' | 'gateway'
  /** Packets as they are before any change. */
  base: readonly Uint8Array[]
  /** Whether addresses of the base mean something: a stimulus's do, a seed's are put right first. */
  placed: boolean
  changes: readonly Change[]
  /** Its neighbour and its far host (addresses.ts). */
  number: number
}

/** What kind, and what it is made of. */
export type Change = readonly [kind: number, a: number, b: number, c: number]

export function draw(r: Random): Change {
  return [r.below(KINDS), r.word() >>> 0, r.word() >>> 0, r.word() >>> 0]
}

/** The packets of an input, in the order in which they are given. */
export function make(input: Input): Uint8Array[] {
  let packets = input.base.map((bytes) => {
    const p: Work = { bytes: bytes.slice(), six: bytes[0]! >>> 4 === 6, input, keep: new Set() }
    place(p)
    return p
  })
  for (const c of input.changes) {
    const p = packets[c[3] % packets.length]!
    if (p.six) change6(p, c)
    else change4(p, c)
  }
  for (const p of packets) seal(p)
  for (const c of input.changes)
    if (c[0] === FRAGMENTS) packets = packets.length === 1 ? inFragments(packets[0]!, c) : packets
  return packets.map((p) => p.bytes)
}

interface Work {
  bytes: Uint8Array
  readonly six: boolean
  readonly input: Input
  /** Fields that stay wrong. */
  readonly keep: Set<'length' | 'header sum' | 'sum' | 'version'>
}

/** From this input's neighbour; a seed is for this node, or for the far side. */
function place({ bytes, six, input }: Work): void {
  const { number, placed, role } = input
  const src = six ? 8 : 12
  if (!placed) {
    const dst: Ip = six ? (role === 'host' ? ME6 : far6(number)) : role === 'host' ? ME4 : far4(number)
    writeIp(dst, bytes, six ? 24 : 16)
  }
  const peer = six ? peer6(number) : peer4(number)
  if (!six) put16(bytes, 4, Math.floor(number / 240) & 0xffff)
  if (!placed || isPeer(bytes, src, six)) writeIp(peer, bytes, src)
}

function isPeer(bytes: Uint8Array, at: number, six: boolean): boolean {
  const peer = six ? PEER6 : PEER4
  return peer.every((octet, i) => bytes[at + i] === octet)
}

function change4(p: Work, [kind, a, b, c]: Change): void {
  const { bytes } = p
  const header = Math.max(20, Math.min((bytes[0]! & 15) * 4, bytes.length))
  switch (kind) {
    case 0:
      bytes[1] = b % 2 ? a : pick([0x10, 0x28, 0xc0, 0xe0, 1, 2, 3], a)
      return
    case 1:
      bytes[8] = pick([0, 1, 2, 3, 64, 255], a)
      return
    case 2:
      put16(
        bytes,
        6,
        b % 4 ? pick([0x2000, 0x4000, 0x8000, 1, 0x2001, 0x1fff, 0x3fff, 0x4001, 0xa000, 0x6000], a) : a & 0xffff,
      )
      return
    case 3:
      bytes[9] = pick([0, 1, 1, 2, 4, 6, 17, 41, 46, 47, 50, 51, 58, 59, 60, 89, 103, 132, 136, 200, 255], a)
      return
    case 4:
      writeIp(pick(addresses4(p.input.number), a), bytes, 12)
      return
    case 5:
      writeIp(pick(addresses4(p.input.number), a), bytes, 16)
      return
    case 6:
    case 7:
      setOptions(p, header, optionsOf(a, b))
      return
    case 8:
      if (header > 20) bytes[20 + (a % (header - 20))] = b % 3 ? pick(OCTETS, b >>> 8) : b >>> 8
      return
    case 9:
      p.keep.add('length')
      put16(
        bytes,
        2,
        pick(
          [
            0,
            4,
            19,
            20,
            21,
            header,
            header + 4,
            header + 8,
            bytes.length - 1,
            bytes.length - 8,
            bytes.length + 1,
            0xffff,
          ],
          a,
        ),
      )
      return
    case 10:
      bytes[0] = 0x40 | (a & 15)
      return
    case 11:
      if (b % 4 === 0) p.keep.add('header sum')
      put16(bytes, 10, a & 0xffff)
      return
    case 12:
      put16(bytes, 4, a & 0xffff)
      return
    default:
      changePayload(p, header, bytes[9]!, [kind, a, b, c])
  }
}

function change6(p: Work, [kind, a, b, c]: Change): void {
  const { bytes } = p
  switch (kind) {
    case 0:
      put16(bytes, 0, 0x6000 | (a & 0x0fff))
      put16(bytes, 2, b & 0xffff)
      return
    case 1:
      bytes[7] = pick([0, 1, 2, 3, 64, 255], a)
      return
    case 2:
    case 3:
      bytes[lastNextHeader(bytes)] = pick(
        [0, 1, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132, 135, 136, 139, 140, 143, 200, 253, 255],
        a,
      )
      return
    case 4:
      writeIp(pick(addresses6(p.input.number), a), bytes, 8)
      return
    case 5:
      writeIp(pick(addresses6(p.input.number), a), bytes, 24)
      return
    case 6:
    case 7:
    case 8:
      insertHeader(p, a, b, c)
      return
    case 9:
      p.keep.add('length')
      put16(
        bytes,
        4,
        pick([0, 1, 7, 8, 16, bytes.length - 41, bytes.length - 48, bytes.length - 39, 0xffff], a) & 0xffff,
      )
      return
    case 10:
    case 11:
      {
        const end = upperOf(bytes)
        if (end > 40) bytes[40 + (a % (end - 40))] = b % 3 ? pick(OCTETS, b >>> 8) : b >>> 8
      }
      return
    case 12:
      bytes[6] = pick([0, 43, 44, 60, 51, 59, 200], a)
      return
    default:
      changePayload(p, upperOf(bytes), bytes[lastNextHeader(bytes)]!, [kind, a, b, c])
  }
}

function changePayload(p: Work, at: number, protocol: number, [kind, a, b]: Change): void {
  const { bytes } = p
  const length = bytes.length - at
  switch (kind) {
    case 13:
    case 14:
      if (length > 0) bytes[at + (a % Math.min(length, 16))] = b % 3 ? pick(OCTETS, b >>> 8) : b >>> 8
      return
    case 15:
      if (length > 0) bytes[at + (a % length)]! ^= 1 << (b & 7)
      return
    case 16:
      if (length > 1) put16(bytes, at + (a % Math.min(length - 1, 24)), pick(WORDS, b))
      return
    case 17:
      p.bytes = bytes.slice(0, at + (length > 0 ? a % (b % 2 ? Math.min(length, 12) : length) : 0))
      return
    case 18: {
      const more = new Uint8Array(b % 3 === 0 ? a % 1500 : a % 64)
      for (let i = 0; i < more.length; i++) more[i] = i
      p.bytes = joined(bytes, more)
      return
    }
    case 19:
    case 20: {
      if (length < 2) return
      const types = p.six ? [1, 2, 3, 4, 5, 100, 127, 128, 129, 138, 139, 140, 141, 160, 161, 200] : TYPES4
      bytes[at] = b % 3 ? pick(types, a) : a
      bytes[at + 1] = b % 5 ? 0 : (b >>> 8) & 15
      return
    }
    case 21:
      if (protocol === 17 && length >= 8)
        put16(bytes, at + (a % 4) * 2, pick([0, 7, 8, length, length + 1, length - 1, 9, 53, 0xffff], b) & 0xffff)
      else if (protocol === 6 && length >= 20) bytes[at + 12 + (a % 2)] = b
      else if (length >= 8) bytes[at + 4 + (a % 4)] = b
      return
    case 22:
      p.keep.add('sum')
      return
    case 23:
      // Behind the end of the packet: padding of the link.
      p.keep.add('length')
      p.bytes = joined(bytes, new Uint8Array(1 + (a % 46)).fill(b))
      put16(p.bytes, p.six ? 4 : 2, bytes.length - (p.six ? 40 : 0))
      return
  }
}

function seal(p: Work): void {
  if (p.six) seal6(p)
  else seal4(p)
}

function seal4({ bytes, keep }: Work): void {
  const header = (bytes[0]! & 15) * 4
  if (!keep.has('length')) put16(bytes, 2, bytes.length)
  const end = Math.min(u16(bytes, 2), bytes.length)
  if (!keep.has('sum') && header >= 20 && header < end && (u16(bytes, 6) & 0x3fff) === 0) {
    const protocol = bytes[9]!
    sealUpper(bytes, header, end, protocol, protocol === 1 ? 0 : checksum.pseudo4(bytes, 0, protocol, end - header))
  }
  if (keep.has('header sum')) return
  put16(bytes, 10, 0)
  const summed = Math.min(Math.max(header, 20), bytes.length)
  put16(bytes, 10, checksum.finish(checksum.sum(bytes, 0, summed)))
}

function seal6({ bytes, keep }: Work): void {
  if (!keep.has('length')) put16(bytes, 4, bytes.length - 40)
  const end = Math.min(40 + u16(bytes, 4), bytes.length)
  if (keep.has('sum')) return
  const upper = upperOf(bytes)
  const protocol = bytes[lastNextHeader(bytes)]!
  if (upper < end) sealUpper(bytes, upper, end, protocol, checksum.pseudo6(bytes, 0, protocol, end - upper))
}

function sealUpper(bytes: Uint8Array, at: number, end: number, protocol: number, pseudo: number): void {
  const field = protocol === 1 || protocol === 58 ? 2 : protocol === 17 ? 6 : protocol === 6 ? 16 : -1
  if (field < 0 || at + field + 2 > end) return
  if (protocol === 17 && u16(bytes, at + 6) === 0) return
  put16(bytes, at + field, 0)
  put16(bytes, at + field, checksum.finish(checksum.sum(bytes, at, end, pseudo)))
}

/** In pieces, some of them late, twice, overlapping or missing. */
function inFragments(p: Work, [, a, b, c]: Change): Work[] {
  const { bytes, six } = p
  const at = six ? 40 : (bytes[0]! & 15) * 4
  if (at < 20 || at > bytes.length || (!six && u16(bytes, 6) & 0x3fff)) return [p]
  const payload = bytes.subarray(at)
  const step = pick([8, 16, 24, 64, 576], a)
  const pieces: Work[] = []
  if (payload.length / step > 12) return [p]
  for (let i = 0; i < payload.length; i += step) {
    const from = i > 0 && b % 11 === 0 ? i - 8 : i
    const to = Math.min(i + step, payload.length)
    const odd = b % 13 === 0 && to < payload.length ? to - 3 : to
    pieces.push(fragment(p, at, payload.subarray(from, odd), from, to < payload.length, c))
  }
  if (pieces.length < 2) return pieces.length === 0 ? [p] : pieces
  switch (b % 7) {
    case 0:
      return pieces.reverse()
    case 1:
      return [...pieces, ...pieces]
    case 2:
      return pieces.filter((_, i) => i !== a % pieces.length)
    case 3:
      return [...pieces.slice(1), pieces[0]!]
    default:
      return pieces
  }
}

function fragment(p: Work, at: number, piece: Uint8Array, offset: number, more: boolean, id: number): Work {
  const { bytes, six, input } = p
  const word = six ? offset | (more ? 1 : 0) : (offset >>> 3) | (more ? 0x2000 : 0)
  if (!six) {
    const out = joined(bytes.subarray(0, at), piece)
    put16(out, 6, word)
    put16(out, 4, id & 0xffff)
    const f: Work = { bytes: out, six, input, keep: new Set() }
    seal4(f)
    return f
  }
  const header = Uint8Array.of(bytes[6]!, 0, word >>> 8, word, id >>> 24, id >>> 16, id >>> 8, id)
  const out = joined(bytes.subarray(0, 40), header, piece)
  out[6] = 44
  put16(out, 4, out.length - 40)
  return { bytes: out, six, input, keep: new Set() }
}

function setOptions(p: Work, header: number, options: Uint8Array): void {
  const padded = new Uint8Array(Math.min(40, (options.length + 3) & ~3))
  padded.set(options.subarray(0, 40))
  p.bytes = joined(p.bytes.subarray(0, 20), padded, p.bytes.subarray(header))
  p.bytes[0] = 0x45 + padded.length / 4
}

function optionsOf(a: number, b: number): Uint8Array {
  const one = unhex(pick(OPTIONS, a))
  return b % 3 === 0 ? joined(unhex(pick(OPTIONS, b >>> 8)), one) : one
}

function insertHeader(p: Work, a: number, b: number, c: number): void {
  const [type, octets] = pick(HEADERS, a)
  const header = unhex(octets)
  // In front of what there is, or behind it.
  const behind = b % 2 === 0
  const at = behind ? upperOf(p.bytes) : 40
  const nextHeader = behind ? lastNextHeader(p.bytes) : 6
  header[0] = p.bytes[nextHeader]!
  if (type === 44) put16(header, 6, c & 0xffff)
  p.bytes[nextHeader] = type
  p.bytes = joined(p.bytes.subarray(0, at), header, p.bytes.subarray(at))
}

function upperOf(bytes: Uint8Array): number {
  const skipped = ip6.skip(bytes, 0, bytes.length)
  return skipped < 0 ? 40 : Math.min(ip6.upperAt(skipped), bytes.length)
}

/** Offset of the octet that names what stands at `upperOf`. */
function lastNextHeader(bytes: Uint8Array): number {
  const upper = upperOf(bytes)
  let at = 6
  for (let i = 40; i < upper; ) {
    const type = bytes[at]!
    at = i
    i += type === 44 ? 8 : type === 51 ? (bytes[i + 1]! + 2) * 4 : (bytes[i + 1]! + 1) * 8
  }
  return at
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

function pick<T>(list: readonly T[], n: number): T {
  return list[n % list.length]!
}

/** The last kind: the finished packet in pieces. */
const FRAGMENTS = 24
const KINDS = 25
const PEER4 = unhex('c0000209')
const PEER6 = unhex('20010db8000a00000000000000000009')
