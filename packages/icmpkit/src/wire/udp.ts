/**
 * The UDP header (RFC 768), as far as probes and quotes need it: four octets give the ports.
 *
 *  0                               16                             31
 *  | source port                   | destination port              |
 *  | length                        | checksum                      |
 */
import { finish, holds, sum } from './checksum.ts'
import { type Malformed, malformed, type Verdict } from './malformed.ts'
import { put16, u16 } from './octets.ts'

/** Octets of the header. */
export const HEADER = 8

/** Fields that a quote may have cut off. */
export type Missing = 'length' | 'checksum'

export interface Header {
  kind: 'udp'
  srcPort: number
  dstPort: number
  /** Header and data, octets; 0 in a jumbogram (RFC 2675 §4). undefined where a quote ends before it, as `checksum`. */
  length: number | undefined
  checksum: number | undefined
  missing: readonly Missing[]
  /** Offset of the data in `bytes`; equals `end` where none is here. */
  payload: number
  end: number
}

/** Structure only; from four octets on, since a quote may be that short. */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Header | Malformed {
  const here = end - at
  if (here < PORTS) return malformed('truncated', Math.max(here, 0))
  const length = here < LENGTH + 2 ? undefined : u16(bytes, at + LENGTH)
  if (length !== undefined && length < HEADER && length !== 0) return malformed('bad-length', LENGTH)
  return {
    kind: 'udp',
    srcPort: u16(bytes, at),
    dstPort: u16(bytes, at + 2),
    length,
    checksum: here < HEADER ? undefined : u16(bytes, at + CHECKSUM),
    missing: here >= HEADER ? NOTHING : here < LENGTH + 2 ? LENGTH_ON : CHECKSUM_ON,
    payload: Math.min(at + HEADER, end),
    end: length ? Math.min(at + length, end) : end,
  }
}

/**
 * The checksum of the `length` octets that were sent, with the whole pseudo-header sum (`checksum.pseudo4`, `pseudo6`).
 * A zero field, by which a sender says that it made none, is `unverifiable`: over IPv6 that is for the caller to refuse
 * (RFC 8200 §8.1, RFC 6935).
 */
export function verify(bytes: Uint8Array, at: number, end: number, length: number, pseudo: number): Verdict {
  if (length < HEADER) return 'bad'
  if (length > end - at || u16(bytes, at + CHECKSUM) === 0) return 'unverifiable'
  return holds(sum(bytes, at, at + length, pseudo)) ? 'ok' : 'bad'
}

export interface Fields {
  srcPort: number
  dstPort: number
}

/** Octets of the header that `write` makes. */
export function size(): number {
  return HEADER
}

/**
 * Writes the header at `at` for the data that already stands behind it up to `end`, checksum included; returns where the
 * data starts. @throws RangeError on a value too wide for its field
 */
export function write(f: Fields, out: Uint8Array, at: number, end: number, pseudo: number): number {
  if (end - at < HEADER || end > out.length)
    throw new RangeError(`a UDP datagram does not fit between ${at} and ${end}`)
  put16(out, at, f.srcPort)
  put16(out, at + 2, f.dstPort)
  put16(out, at + LENGTH, end - at)
  put16(out, at + CHECKSUM, 0)
  // RFC 768: a sum of zero is sent as all ones, since zero says that none was made.
  put16(out, at + CHECKSUM, finish(sum(out, at, end, pseudo)) || 0xffff)
  return at + HEADER
}

const PORTS = 4
const LENGTH = 4
const CHECKSUM = 6
const NOTHING: readonly Missing[] = []
const LENGTH_ON: readonly Missing[] = ['length', 'checksum']
const CHECKSUM_ON: readonly Missing[] = ['checksum']
