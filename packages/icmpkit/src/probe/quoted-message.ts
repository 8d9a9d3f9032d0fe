/** What an ICMP error says of the packet it is about: where our own message stands in the quote, MTU and pointer. */
import { ANY4, type Family, type Ip } from '../wire/addr.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import { u16, u32 } from '../wire/octets.ts'

/** An ICMP message inside a quote; one object, refilled. */
export interface Quoted {
  /** Whom the quoted packet was for. */
  to: Ip
  at: number
  /** As much of it as was quoted. */
  end: number
}

export function noQuote(): Quoted {
  return { to: ANY4, at: 0, end: 0 }
}

/** Finds the ICMP message in the quote at `at`; false where there is none, or where it is a later fragment. */
export function locateQuoted(bytes: Uint8Array, at: number, end: number, family: Family, quoted: Quoted): boolean {
  if (family === 4) {
    const q = ip4.parseQuoted(bytes, at, end)
    if (q.kind === 'malformed' || q.protocol !== 1 || q.offset !== 0) return false
    quoted.to = q.dst
    quoted.at = q.payload
    quoted.end = q.end
  } else {
    const q = ip6.parse(bytes, at, end)
    if (q.kind === 'malformed' || q.protocol !== 58) return false
    quoted.to = q.finalDst
    quoted.at = q.payload
    quoted.end = q.end
  }
  return quoted.end > quoted.at
}

/** Next-hop MTU of RFC 1191 §4 (0 from a router that predates it: unknown) and RFC 4443 §3.2. */
export function mtuOf(family: Family, type: number, code: number, bytes: Uint8Array, at: number): number | null {
  if (family === 4) return type === 3 && code === 4 ? u16(bytes, at + 6) || null : null
  return type === 2 ? u32(bytes, at + 4) : null
}

export function pointerOf(family: Family, type: number, bytes: Uint8Array, at: number): number | null {
  if (family === 4) return type === 12 ? bytes[at + 4]! : null
  return type === 4 ? u32(bytes, at + 4) : null
}
