/**
 * The TCP header (RFC 9293 §3.1), as far as probes and quotes need it: four octets give the ports, eight the sequence
 * number. Options are kept raw.
 *
 *  0       4       8               16                             31
 *  | source port                   | destination port              |
 *  | sequence number                                               |
 *  | acknowledgment number                                         |
 *  | offset| flags                 | window                        |
 *  | checksum                      | urgent pointer                |
 *  | options, padded to 32 bits …                                  |
 */
import { finish, holds, sum } from './checksum.ts'
import { type Malformed, malformed, type Verdict } from './malformed.ts'
import { fitting, put16, put32, putBytes, u16, u32 } from './octets.ts'

/** Octets of a header without options. */
export const HEADER = 20

export const Flag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const

/** Fields that a quote may have cut off. */
export type Missing = 'seq' | 'ack' | 'flags' | 'window' | 'checksum' | 'urgent' | 'options'

export interface Header {
  kind: 'tcp'
  srcPort: number
  dstPort: number
  /** undefined where a quote ends before it; so all that follow. */
  seq: number | undefined
  ack: number | undefined
  /** The twelve bits behind the data offset: `Flag`, and the reserved ones above. */
  flags: number | undefined
  window: number | undefined
  checksum: number | undefined
  urgent: number | undefined
  /** Borrowed. */
  options: Uint8Array | undefined
  missing: readonly Missing[]
  /** Offset of the data in `bytes`; equals `end` where none is here. */
  payload: number
  end: number
}

/** Structure only; from four octets on, since a quote may be that short. */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Header | Malformed {
  const here = end - at
  if (here < PORTS) return malformed('truncated', Math.max(here, 0))
  const header = here < OFFSET + 1 ? undefined : (bytes[at + OFFSET]! >>> 4) << 2
  if (header !== undefined && header < HEADER) return malformed('bad-length', OFFSET)
  const whole = header !== undefined && header <= here
  return {
    kind: 'tcp',
    srcPort: u16(bytes, at),
    dstPort: u16(bytes, at + 2),
    seq: here < SEQ + 4 ? undefined : u32(bytes, at + SEQ),
    ack: here < ACK + 4 ? undefined : u32(bytes, at + ACK),
    flags: here < OFFSET + 2 ? undefined : u16(bytes, at + OFFSET) & 0x0fff,
    window: here < WINDOW + 2 ? undefined : u16(bytes, at + WINDOW),
    checksum: here < CHECKSUM + 2 ? undefined : u16(bytes, at + CHECKSUM),
    urgent: here < URGENT + 2 ? undefined : u16(bytes, at + URGENT),
    options: whole ? bytes.subarray(at + HEADER, at + header) : undefined,
    missing: whole ? NOTHING : missingAfter(here),
    payload: whole ? at + header : end,
    end,
  }
}

/** The checksum of the `length` octets that were sent, with the whole pseudo-header sum. */
export function verify(bytes: Uint8Array, at: number, end: number, length: number, pseudo: number): Verdict {
  if (length < HEADER) return 'bad'
  if (length > end - at) return 'unverifiable'
  return holds(sum(bytes, at, at + length, pseudo)) ? 'ok' : 'bad'
}

/** Zero where not given. */
export interface Fields {
  srcPort: number
  dstPort: number
  seq?: number | undefined
  ack?: number | undefined
  flags?: number | undefined
  window?: number | undefined
  urgent?: number | undefined
  /** Up to 40 octets, filled up to a multiple of four with End of Option List. */
  options?: Uint8Array | undefined
}

/** Octets of the header that `write` makes. */
export function size(f: Fields): number {
  return HEADER + (((f.options?.length ?? 0) + 3) & ~3)
}

/**
 * Writes the header at `at` for the data that already stands at `at + size(f) … end`, checksum included; returns where
 * the data starts. @throws RangeError on a value too wide for its field
 */
export function write(f: Fields, out: Uint8Array, at: number, end: number, pseudo: number): number {
  const header = size(f)
  const payload = at + header
  if (header > MAX_HEADER) throw new RangeError(`${f.options?.length} octets of TCP options: at most 40 fit`)
  if (end < payload || end > out.length) throw new RangeError(`a TCP segment does not fit between ${at} and ${end}`)
  const flags = fitting(f.flags ?? 0, 12)
  if (f.options !== undefined) out.fill(0, putBytes(out, at + HEADER, f.options), payload)
  put16(out, at, f.srcPort)
  put16(out, at + 2, f.dstPort)
  put32(out, at + SEQ, f.seq ?? 0)
  put32(out, at + ACK, f.ack ?? 0)
  put16(out, at + OFFSET, (header << 10) | flags)
  put16(out, at + WINDOW, f.window ?? 0)
  put16(out, at + CHECKSUM, 0)
  put16(out, at + URGENT, f.urgent ?? 0)
  put16(out, at + CHECKSUM, finish(sum(out, at, end, pseudo)))
  return payload
}

function missingAfter(here: number): Missing[] {
  const missing: Missing[] = []
  for (const [name, needed] of NEEDED) if (here < needed) missing.push(name)
  missing.push('options')
  return missing
}

const PORTS = 4
const SEQ = 4
const ACK = 8
const OFFSET = 12
const WINDOW = 14
const CHECKSUM = 16
const URGENT = 18
const MAX_HEADER = 60
const NOTHING: readonly Missing[] = []
const NEEDED: readonly (readonly [Missing, number])[] = [
  ['seq', SEQ + 4],
  ['ack', ACK + 4],
  ['flags', OFFSET + 2],
  ['window', WINDOW + 2],
  ['checksum', CHECKSUM + 2],
  ['urgent', URGENT + 2],
]
