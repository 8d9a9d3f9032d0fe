/**
 * How much header a node is willing to read (RFC 8504 §5.3), and which breach of it is told where there are several: one
 * error a packet, the first in the order of RFC 8883 §4.1.
 */
import type { Instant } from '../../clock.ts'
import * as ip6 from '../../wire/ip6.ts'
import type { Inbound } from '../inbound.ts'
import type { Errors6 } from './errors.ts'

/** Infinity is no limit. */
export interface HeaderLimits {
  /** Octets of one extension header. */
  headerOctets: number
  /** Octets of all extension headers together. */
  chainOctets: number
  /** Extension headers. */
  headers: number
  /** Options of one header, padding not counted. */
  options: number
  /** Octets of one option's data. */
  optionOctets: number
  /** Octets of padding options in a row. */
  paddingOctets: number
  /** Octets from the IPv6 header to the end of the upper-layer header. */
  aggregateOctets: number
}

const NO = Number.POSITIVE_INFINITY

export const NO_LIMITS: HeaderLimits = {
  headerOctets: NO,
  chainOctets: NO,
  headers: NO,
  options: NO,
  optionOctets: NO,
  paddingOctets: NO,
  aggregateOctets: NO,
}

export function isLimited(limits: HeaderLimits): boolean {
  return (
    limits.headerOctets !== NO ||
    limits.chainOctets !== NO ||
    limits.headers !== NO ||
    limits.options !== NO ||
    limits.optionOctets !== NO ||
    limits.paddingOctets !== NO ||
    limits.aggregateOctets !== NO
  )
}

/** RFC 8883 §4.1, the first first. */
export const Breach = {
  none: 0,
  unknownNextHeader: 1,
  headerOctets: 2,
  padding: 3,
  optionOctets: 4,
  options: 5,
  chainOctets: 6,
  headers: 7,
  aggregate: 8,
} as const

/** The worst breach of one packet's headers so far. */
export class Breaches {
  worst = 0
  /** Offset from the IPv6 header of what the error points at. */
  pointer = 0

  clear(): void {
    this.worst = Breach.none
  }

  note(breach: number, pointer: number): void {
    if (this.worst !== Breach.none && this.worst <= breach) return
    this.worst = breach
    this.pointer = pointer
  }

  /** What the extension header of `length` octets at `i`, the `headers`th of the packet at `at`, is too much of. */
  measure(at: number, i: number, length: number, headers: number, limits: HeaderLimits): void {
    const chain = i + length - at - ip6.HEADER
    if (length > limits.headerOctets) this.note(Breach.headerOctets, i - at)
    if (chain > limits.chainOctets) this.note(Breach.chainOctets, ip6.HEADER + limits.chainOctets)
    if (headers > limits.headers) this.note(Breach.headers, i - at)
  }

  report(now: Instant, d: Inbound, errors: Errors6): false {
    const { worst, pointer } = this
    if (worst === Breach.aggregate) return errors.report(now, d, { kind: 'unreachable', code: 8, pointer })
    return errors.report(now, d, { kind: 'parameterProblem', code: CODES[worst]!, pointer })
  }
}

/** Parameter Problem codes by breach; the last one is told as a Destination Unreachable (RFC 8883 §2, §3). */
const CODES = [-1, 5, 6, 10, 10, 9, 7, 8, -1]
