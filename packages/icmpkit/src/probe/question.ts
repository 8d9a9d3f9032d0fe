/**
 * The questions that ICMP has, as a ping machine asks them: how each is written, recognised in a reply or in an error's
 * quote, and compared. No state: a probe is known by (slot of the target, extended sequence).
 */
import type { Instant } from '../clock.ts'
import type { Family, Ip } from '../wire/addr.ts'
import type { Answer } from './ping-event.ts'

/** What a message says of the probe it belongs to; one object, refilled. -1 = the message does not say. */
export interface Seen {
  id: number
  /** As many bits as the question's field has. */
  seq: number
  /**
   * 'ours': the run's secret is in it, and `slot` is set. 'alien': a secret is there, not ours. 'none': no room for one.
   */
  token: 'ours' | 'alien' | 'none'
  slot: number
  /** The low 32 bits of the extended sequence, or -1 where the token has no room for more than `seq`. */
  ext: number
}

/** What the machine tells a question about the probe it is to write or to compare with. */
export interface Asked {
  slot: number
  /** Sequence past the field's width. */
  ext: number
  id: number
  family: Family
  src: Ip
  dst: Ip
  /** Milliseconds since midnight UT when it was written (RFC 792 Timestamp). */
  midnightMs: number
}

export interface Question {
  readonly name: 'echo' | 'timestamp' | 'probe' | 'nodeinfo'
  readonly seqBits: 16 | 8
  /** False where the payload has no room for the token: then address, id and sequence must do. */
  readonly hasToken: boolean
  requestType(family: Family): number
  replyType(family: Family): number
  /** Octets of the ICMP message. */
  size(family: Family): number
  /** Writes the message with its checksum (ICMPv6: over `src`, which a kernel corrects where it is unspecified). */
  write(asked: Asked, out: Uint8Array, at: number): number
  /** Reads a reply (or, `quoted`, our own request in an error), however short. False: not even the fixed part is here. */
  read(bytes: Uint8Array, at: number, end: number, family: Family, seen: Seen): boolean
  /** Offset in the message of the first octet that is not as asked, or -1. */
  differsAt(bytes: Uint8Array, at: number, end: number, asked: Asked): number
  /** What the reply says beyond 'here I am'. */
  answer(
    bytes: Uint8Array,
    at: number,
    end: number,
    asked: Asked,
    arrival: { midnightMs: number; at: Instant },
  ): Answer | undefined
}

/** The extended sequence at or below `newest` whose low `bits` are `seq`: the field that tells it wraps, we do not. */
export function extend(seq: number, newest: number, bits: 32 | 16 | 8): number {
  const span = 2 ** bits
  const ext = Math.floor(newest / span) * span + seq
  return ext > newest ? ext - span : ext
}
