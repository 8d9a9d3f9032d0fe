/**
 * Extended Echo (RFC 8335 §2, §3): one layout in ICMPv4 and ICMPv6, which differ in type numbers and checksum only.
 *
 *  0        8        16       24      31
 *  | type   | code   | checksum        |
 *  | identifier      | seq    | 0   |L |   reply: state (3), 0 (2), A, 4, 6
 *  | extension structure …             |   request: with one interface identification object
 */
import * as extension from './extension.ts'
import { fitting, put8, put16, putBytes, u16 } from './octets.ts'

export type Message = ExtendedEchoRequest | ExtendedEchoReply

/** Is that interface of yours, or that neighbour of yours, alive? */
export interface ExtendedEchoRequest {
  kind: 'extendedEchoRequest'
  code: number
  id: number
  /** 8 bits. */
  seq: number
  /** L: the interface is the proxy's own; otherwise a neighbour's. */
  local: boolean
  /** undefined where nothing follows the fixed part. */
  extensions: extension.Extensions | undefined
  /** Octets behind the structure, as Linux and iputils send them. */
  data: Uint8Array
}

export interface ExtendedEchoReply {
  kind: 'extendedEchoReply'
  code: number
  id: number
  /** 8 bits. */
  seq: number
  /** State of the neighbour-table entry, 3 bits: see `NeighborState`. */
  state: number
  active: boolean
  ipv4: boolean
  ipv6: boolean
  /** Octets behind the fixed part: some responders return the request's structure here. */
  data: Uint8Array
}

export const NeighborState = {
  reserved: 0,
  incomplete: 1,
  reachable: 2,
  stale: 3,
  delay: 4,
  probe: 5,
  failed: 6,
} as const

/** Octets in front of the structure: the caller has checked that they are there. */
export const FIXED = 8

/**
 * RFC 4884 lets the structure run to the end; Linux and iputils send their data behind its one object. What is sound
 * when read whole is read whole; otherwise the first object ends it, and a checksum that is right either way is right.
 */
export function parseRequest(bytes: Uint8Array, at: number, end: number): ExtendedEchoRequest {
  const begin = at + FIXED
  let structureEnd = end
  let extensions: extension.Extensions | undefined
  if (begin < end) {
    extensions = extension.parse(bytes, begin, end)
    if (extensions.checksum === 'bad' || (extensions.flaw !== undefined && extensions.objects.length > 0)) {
      const firstEnd = extension.objectEnd(bytes, begin + STRUCTURE_HEADER, end)
      if (typeof firstEnd === 'number') {
        const first = extension.parse(bytes, begin, firstEnd)
        if (extensions.checksum !== 'bad') first.checksum = extensions.checksum
        if (first.checksum !== 'bad') {
          extensions = first
          structureEnd = firstEnd
        }
      }
    }
  }
  return {
    kind: 'extendedEchoRequest',
    code: bytes[at + CODE]!,
    id: u16(bytes, at + ID),
    seq: bytes[at + SEQ]!,
    local: (bytes[at + FLAGS]! & 1) !== 0,
    extensions,
    data: bytes.subarray(structureEnd, end),
  }
}

/** The whole message at `at`; the caller has seen to its fixed part. */
export function parseReply(bytes: Uint8Array, at: number, end: number): ExtendedEchoReply {
  const flags = bytes[at + FLAGS]!
  return {
    kind: 'extendedEchoReply',
    code: bytes[at + CODE]!,
    id: u16(bytes, at + ID),
    seq: bytes[at + SEQ]!,
    state: flags >> 5,
    active: (flags & 4) !== 0,
    ipv4: (flags & 2) !== 0,
    ipv6: (flags & 1) !== 0,
    data: bytes.subarray(at + FIXED, end),
  }
}

/** Octets of the whole message. */
export function size(m: Message): number {
  const structure = m.kind === 'extendedEchoRequest' && m.extensions !== undefined ? extension.size(m.extensions) : 0
  return FIXED + structure + m.data.length
}

/** Writes everything behind the checksum; returns the end. @throws RangeError on a value too wide for its field. */
export function writeBody(m: Message, out: Uint8Array, at: number): number {
  put16(out, at + ID, m.id)
  put8(out, at + SEQ, m.seq)
  if (m.kind === 'extendedEchoRequest') {
    out[at + FLAGS] = m.local ? 1 : 0
    const end = m.extensions === undefined ? at + FIXED : extension.write(m.extensions, out, at + FIXED)
    return putBytes(out, end, m.data)
  }
  out[at + FLAGS] = (fitting(m.state, 3) << 5) | (m.active ? 4 : 0) | (m.ipv4 ? 2 : 0) | (m.ipv6 ? 1 : 0)
  return putBytes(out, at + FIXED, m.data)
}

const CODE = 1
const ID = 4
const SEQ = 6
const FLAGS = 7
const STRUCTURE_HEADER = 4
