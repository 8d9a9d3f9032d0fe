/** What a packet is to a ping: an answer of the kind that was asked for, an ICMP error, or neither. */
import type { Arrival } from '../door.ts'
import { ANY4, type Family, type Ip } from '../wire/addr.ts'
import { holds, pseudoSum6, sum } from '../wire/checksum.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import type { Question } from './question.ts'

/** An ICMP message that may be ours; one object, refilled. */
export interface Heard {
  /** An error about something, else an answer. */
  error: boolean
  family: Family
  from: Ip
  ttl: number
  tos: number
  /** IPv4 options, a view. */
  options: Uint8Array | undefined
  /** Where the ICMP message stands in the arrival's octets. */
  at: number
  end: number
  /** Its checksum does not hold. */
  badSum: boolean
}

export function nothingHeard(): Heard {
  const nothing = { error: false, family: 4, from: ANY4, ttl: 0, tos: 0, at: 0, end: 0, badSum: false } as const
  return { ...nothing, options: undefined }
}

/** Reads the headers of `a`. False where it is none of a ping's business: an error whose checksum is bad, too. */
export function hear(a: Arrival, question: Question, heard: Heard): boolean {
  const version = a.end > a.at ? a.bytes[a.at]! >> 4 : 0
  return version === 4 ? hear4(a, question, heard) : version === 6 && hear6(a, question, heard)
}

function hear4(a: Arrival, question: Question, heard: Heard): boolean {
  const h = ip4.parse(a.bytes, a.at, a.end)
  // Behind the first fragment there is no ICMP header (RFC 791): the kernel reassembles before it shows us any.
  if (h.kind === 'malformed' || h.protocol !== 1 || h.offset !== 0 || h.end - h.payload < 8) return false
  const type = a.bytes[h.payload]!
  heard.error = type !== question.replyType(4)
  if (heard.error && !(type === 3 || type === 4 || type === 5 || type === 11 || type === 12)) return false
  heard.family = 4
  heard.from = h.src
  heard.ttl = h.ttl
  heard.tos = h.tos
  heard.options = h.options
  heard.at = h.payload
  heard.end = h.end
  heard.badSum = a.checksum === 'unknown' && a.end >= a.at + h.length && !holds(sum(a.bytes, h.payload, h.end))
  return !(heard.error && heard.badSum)
}

function hear6(a: Arrival, question: Question, heard: Heard): boolean {
  const h = ip6.parse(a.bytes, a.at, a.end)
  if (h.kind === 'malformed' || h.protocol !== 58 || h.end - h.payload < 8) return false
  const type = a.bytes[h.payload]!
  heard.error = type !== question.replyType(6)
  if (heard.error && !(type >= 1 && type <= 4)) return false
  heard.family = 6
  heard.from = h.src
  heard.ttl = h.hopLimit
  heard.tos = h.trafficClass
  heard.options = undefined
  heard.at = h.payload
  heard.end = h.end
  heard.badSum =
    a.checksum === 'unknown' &&
    a.end >= a.at + ip6.HEADER + h.payloadLength &&
    !holds(sum(a.bytes, h.payload, h.end, pseudoSum6(h.src, h.finalDst, 58, h.end - h.payload)))
  return !(heard.error && heard.badSum)
}
