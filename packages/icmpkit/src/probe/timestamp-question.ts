/**
 * Timestamp (RFC 792, types 13 and 14; IPv4 only): when did it reach you, by your clock? With our own two moments that
 * is the offset between the clocks, as NTP computes it (RFC 5905 §8), as fine as the millisecond the fields hold.
 */
import type { Family } from '../wire/addr.ts'
import * as icmp4 from '../wire/icmp4.ts'
import { u16, u32 } from '../wire/octets.ts'
import type { Answer } from './ping-event.ts'
import type { Asked, Question, Seen } from './question.ts'

const LENGTH = 20
const DAY = 86_400_000

export class TimestampQuestion implements Question {
  readonly name = 'timestamp'
  readonly seqBits = 16
  readonly hasToken = false

  requestType(): number {
    return icmp4.Type.timestampRequest
  }

  replyType(): number {
    return icmp4.Type.timestampReply
  }

  size(): number {
    return LENGTH
  }

  write(asked: Asked, out: Uint8Array, at: number): number {
    const message: icmp4.Timestamp = {
      kind: 'timestampRequest',
      code: 0,
      id: asked.id,
      seq: asked.ext & 0xffff,
      originate: Math.floor(asked.midnightMs),
      receive: 0,
      transmit: 0,
      trailing: NOTHING,
    }
    return icmp4.write(message, out, at)
  }

  read(bytes: Uint8Array, at: number, end: number, _family: Family, seen: Seen): boolean {
    if (end - at < 8) return false
    seen.id = u16(bytes, at + 4)
    seen.seq = u16(bytes, at + 6)
    seen.token = 'none'
    seen.slot = -1
    seen.ext = -1
    return true
  }

  /** The responder returns our originate timestamp unchanged. */
  differsAt(bytes: Uint8Array, at: number, end: number, asked: Asked): number {
    if (end - at < LENGTH) return end - at
    return u32(bytes, at + 8) === Math.floor(asked.midnightMs) ? -1 : 8
  }

  answer(bytes: Uint8Array, at: number, _end: number, asked: Asked, arrival: { midnightMs: number }): Answer {
    const receive = u32(bytes, at + 12)
    const transmit = u32(bytes, at + 16)
    // The top bit: not milliseconds since midnight UT but something of the responder's own (RFC 792).
    const standard = receive < DAY && transmit < DAY
    const offsetMs = (aroundMidnight(receive - asked.midnightMs) + aroundMidnight(transmit - arrival.midnightMs)) / 2
    return {
      question: 'timestamp',
      originate: Math.floor(asked.midnightMs),
      receive,
      transmit,
      offsetNs: standard ? Math.round(offsetMs * 1e6) : null,
      standard,
    }
  }
}

/** A difference of two times of day, taken the short way round. */
function aroundMidnight(difference: number): number {
  return difference > DAY / 2 ? difference - DAY : difference < -DAY / 2 ? difference + DAY : difference
}

const NOTHING = new Uint8Array(0)
