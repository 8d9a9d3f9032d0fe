/**
 * Two answers as octets, where words leave out too much: what was forwarded is the same in whole, an error quotes the same
 * datagram (one of them maybe more of it), an answer carries the same message.
 */
import { type Ip, isMulticast } from '../../packages/icmpkit/src/wire/addr.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import { hex } from '../../packages/icmpkit/src/wire/octets.ts'
import type { Answer } from './answer.ts'

/** What differs, in words; undefined: nothing that matters. */
export function difference(linux: Answer, ours: Answer, isMine: (address: Ip) => boolean): string | undefined {
  const [a, b] = [partsOf(linux.bytes, isMine), partsOf(ours.bytes, isMine)]
  if (a === undefined || b === undefined) return undefined
  if (a.forwarded || b.forwarded) return unlike('forwarded', a.whole, b.whole)
  if (a.quote.length === 0 && b.quote.length === 0) return unlike('message', a.message, b.message)
  const shorter = Math.min(a.quote.length, b.quote.length)
  return (
    unlike('fixed part', a.message, b.message) ??
    unlike('quote', a.quote.subarray(0, shorter), b.quote.subarray(0, shorter))
  )
}

interface Parts {
  forwarded: boolean
  whole: Uint8Array
  /** Without checksum, and without what depends on the clock. */
  message: Uint8Array
  /** Without what a router changes: hop count and header checksum. */
  quote: Uint8Array
}

function partsOf(bytes: Uint8Array, isMine: (address: Ip) => boolean): Parts | undefined {
  const six = bytes[0]! >>> 4 === 6
  const h = six ? ip6.parse(bytes) : ip4.parse(bytes)
  if (h.kind === 'malformed') return undefined
  const forwarded = !isMine(h.src) && !isMulticast(h.src)
  const whole = bytes.slice(0, h.end)
  const message = bytes.slice(h.payload, h.end)
  let quote = new Uint8Array(0)
  const icmp = h.protocol === (six ? 58 : 1)
  const later = h.kind === 'ip4' ? h.offset !== 0 : (h.fragment?.offset ?? 0) !== 0
  if (!icmp || later || message.length < 8) return { forwarded, whole, message, quote }
  message.fill(0, 2, 4)
  const type = message[0]!
  if (!six && (type === 14 || type === 13)) message.fill(0, 12, 20)
  if (six ? type < 128 : QUOTING4.has(type)) {
    quote = message.slice(8)
    if (six) quote.fill(0, 7, 8)
    else {
      quote.fill(0, 8, 9)
      quote.fill(0, 10, 12)
    }
    // Words have the pointer.
    if (type === (six ? 4 : 12)) message.fill(0, 4, six ? 8 : 5)
    return { forwarded, whole, message: message.subarray(0, 8), quote }
  }
  return { forwarded, whole, message, quote }
}

function unlike(what: string, a: Uint8Array, b: Uint8Array): string | undefined {
  if (a.length !== b.length) return `${what}: ${a.length} and ${b.length} octets`
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i])
      return `${what}: octet ${i}: ${hex(a, i, Math.min(a.length, i + 8))} and ${hex(b, i, Math.min(b.length, i + 8))}`
  }
  return undefined
}

const QUOTING4 = new Set([3, 4, 5, 11, 12])
