/**
 * One message to one target, sans-IO: sends it as it is, `count` times, and knows what answers it. An answer is a message
 * of the type that the RFCs pair with it, repeating what it must repeat (identifier, sequence, nonce); or an error whose
 * quote is the packet (RFC 5927 §4).
 */
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival, LocalDrop, Machine, Slot } from '../door.ts'
import { BROADCAST4, type Family, type Ip, isMulticast } from '../wire/addr.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import { isError } from '../wire/registry.ts'
import { roundTrip } from './round-trip.ts'

/** How the answer to a type is known: its types, and the octets of the question that it repeats. */
interface Pairing {
  types: readonly number[]
  from: number
  to: number
}

/** Identifier and sequence; the sequence of extended echo is one octet. */
const ID_AND_SEQ = { from: 4, to: 8 }
const ID_AND_SHORT_SEQ = { from: 4, to: 7 }
const NOTHING = { from: 4, to: 4 }

const PAIRINGS: Record<Family, Readonly<Record<number, Pairing>>> = {
  4: {
    8: { types: [0], ...ID_AND_SEQ },
    10: { types: [9], ...NOTHING },
    13: { types: [14], ...ID_AND_SEQ },
    15: { types: [16], ...ID_AND_SEQ },
    17: { types: [18], ...ID_AND_SEQ },
    42: { types: [43], ...ID_AND_SHORT_SEQ },
  },
  6: {
    128: { types: [129], ...ID_AND_SEQ },
    // A listener answers in version 1 or 2 of MLD.
    130: { types: [131, 143], ...NOTHING },
    133: { types: [134], ...NOTHING },
    // The target address.
    135: { types: [136], from: 8, to: 24 },
    // The nonce.
    139: { types: [140], from: 8, to: 16 },
    141: { types: [142], ...NOTHING },
    144: { types: [145], from: 4, to: 6 },
    146: { types: [147], from: 4, to: 6 },
    152: { types: [151], ...NOTHING },
    160: { types: [161], ...ID_AND_SHORT_SEQ },
  },
}

/** The types that answer `type`; empty where nothing does, as with errors and replies. */
export function answerTypes(family: Family, type: number): readonly number[] {
  return PAIRINGS[family][type]?.types ?? []
}

export interface SendSettings {
  family: Family
  /** The IP packet as it is to leave. */
  packet: Uint8Array
  /** Offset of the ICMP message in it. */
  icmp: number
  dst: Ip
  /** Interface to leave by; 0 = as the route says. */
  port: number
  count: number
  intervalMs: number
  /** How long answers are awaited behind the last one sent. */
  waitMs: number
}

export type SendMachineEvent =
  | { kind: 'sent'; at: Instant; number: number }
  | { kind: 'unsent'; at: Instant; number: number; why: LocalDrop; mtu: number }
  | {
      kind: 'reply' | 'error'
      at: Instant
      /** Since the last one sent. */
      rttNs: number
      clock: ClockSource
      /** A copy from the IP header on, and where the ICMP message stands in it. */
      packet: Uint8Array
      icmp: number
      end: number
      /** Octets of the packet on the wire. */
      length: number
      /** The door rebuilt the IP header from what the kernel told. */
      rebuilt: boolean
      port: number
    }
  | { kind: 'timeout'; at: Instant }

/** An answer whose transmit stamp may still lie in the error queue: it waits until both queues were drained once more. */
interface Held {
  event: Extract<SendMachineEvent, { kind: 'reply' | 'error' }>
  stampClock: ClockSource
  readAt: Instant
  waited: boolean
}

/** Sends one packet, `count` times, and tells what answers it. */
export class SendMachine implements Machine<SendMachineEvent> {
  readonly #s: SendSettings
  readonly #pairing: Pairing | undefined
  /** One target may be many. */
  readonly #many: boolean
  readonly #events: SendMachineEvent[] = []
  #held: Held[] = []
  #polled = 0
  /** The latest that has been told as sent. */
  #told = 0
  /** Sent or refused. */
  #settled = 0
  #answers = 0
  #nextAt: Instant | undefined
  #deadline: Instant | undefined
  #sentAt: Instant | undefined
  #sentClock: ClockSource = 'user'
  #userAt: Instant | undefined
  #done = false

  constructor(settings: SendSettings) {
    this.#s = settings
    const { family, packet, icmp, dst } = settings
    this.#pairing = PAIRINGS[family][packet[icmp]!]
    this.#many = isMulticast(dst) || dst === BROADCAST4
  }

  handlePacket(now: Instant, a: Arrival): boolean {
    if (this.#done || this.#settled === 0) return false
    const h = a.bytes[a.at]! >>> 4 === 4 ? ip4.parse(a.bytes, a.at, a.end) : ip6.parse(a.bytes, a.at, a.end)
    if (h.kind === 'malformed' || (h.kind === 'ip4' ? 4 : 6) !== this.#s.family) return false
    if (h.protocol !== (h.kind === 'ip4' ? icmp4.PROTOCOL : icmp6.PROTOCOL) || h.end - h.payload < 8) return false
    const kind = this.#kindOf(a.bytes, h.payload, h.end)
    if (kind === undefined) return false
    this.#answers++
    const event: Held['event'] = {
      kind,
      at: a.stamp,
      rttNs: 0,
      clock: a.clock,
      packet: a.bytes.slice(a.at, a.end),
      icmp: h.payload - a.at,
      end: h.end - a.at,
      length: a.length,
      rebuilt: a.origin !== 'wire',
      port: a.port,
    }
    this.#held.push({ event, stampClock: a.clock, readAt: now, waited: false })
    return false
  }

  handleSent(now: Instant, tag: number, stamp: Instant, clock: ClockSource): void {
    if (tag <= this.#told) {
      if (clock === 'user' || tag !== this.#polled) return
      this.#sentAt = stamp
      this.#sentClock = clock
      return
    }
    // The first word about it, by whatever clock: a lab has but one.
    this.#told = tag
    this.#sentAt = stamp
    this.#userAt = stamp
    this.#sentClock = clock
    this.#settle(now)
    this.#events.push({ kind: 'sent', at: stamp, number: tag })
  }

  handleUnsent(now: Instant, tag: number, why: LocalDrop, mtu: number): void {
    this.#settle(now)
    // The local kernel's answer to the question is an answer of a kind: nothing more comes of this one.
    this.#answers++
    this.#events.push({ kind: 'unsent', at: now, number: tag, why, mtu })
  }

  handleTimeout(now: Instant): void {
    this.#release()
    if (this.#done || this.#deadline === undefined || this.#held.length > 0) return
    const answered = this.#answers >= this.#s.count && !this.#many
    if (!answered && now < this.#deadline) return
    this.#done = true
    if (this.#answers === 0 && this.#s.waitMs > 0) this.#events.push({ kind: 'timeout', at: now })
  }

  pollTransmit(now: Instant, slot: Slot): boolean {
    const { packet, port, count, intervalMs, family } = this.#s
    if (this.#done || this.#polled >= count || (slot.family !== undefined && slot.family !== family)) return false
    if (this.#nextAt !== undefined && now < this.#nextAt) return false
    if (packet.length > slot.limit - slot.at)
      throw new RangeError(`${packet.length} octets are more than a packet holds`)
    slot.bytes.set(packet, slot.at)
    slot.end = slot.at + packet.length
    slot.port = port
    slot.tag = ++this.#polled
    this.#nextAt = (now + intervalMs) as Instant
    return true
  }

  pollEvent(): SendMachineEvent | undefined {
    return this.#events.shift()
  }

  pollTimeout(): Instant | undefined {
    if (this.#held.length > 0) return Number.NEGATIVE_INFINITY as Instant
    if (this.#done && this.#events.length === 0) return undefined
    if (this.#polled < this.#s.count) return this.#nextAt ?? (Number.NEGATIVE_INFINITY as Instant)
    if (this.#deadline === undefined) return Number.POSITIVE_INFINITY as Instant
    const answered = this.#answers >= this.#s.count && !this.#many
    return answered ? (Number.NEGATIVE_INFINITY as Instant) : this.#deadline
  }

  #settle(now: Instant): void {
    this.#settled++
    if (this.#settled >= this.#s.count) this.#deadline = (now + this.#s.waitMs) as Instant
  }

  /** Whether the message at `at…end` answers ours, and how. */
  #kindOf(bytes: Uint8Array, at: number, end: number): 'reply' | 'error' | undefined {
    const { family, packet, icmp } = this.#s
    if (isError(family, bytes[at]!)) return this.#quotesUs(bytes, at, end) ? 'error' : undefined
    const pairing = this.#pairing
    if (pairing === undefined || !pairing.types.includes(bytes[at]!) || end - at < pairing.to) return undefined
    for (let i = pairing.from; i < pairing.to; i++) if (bytes[at + i] !== packet[icmp + i]) return undefined
    return 'reply'
  }

  /** The first eight octets of our message, checksum aside: the kernel may have finished that. */
  #quotesUs(bytes: Uint8Array, at: number, end: number): boolean {
    const { family, packet, icmp, dst } = this.#s
    const q = at + 8
    const h = family === 4 ? ip4.parse(bytes, q, end) : ip6.parse(bytes, q, end)
    if (h.kind === 'malformed' || h.dst !== dst) return false
    if (h.protocol !== (family === 4 ? icmp4.PROTOCOL : icmp6.PROTOCOL) || h.end - h.payload < 8) return false
    for (let i = 0; i < 8; i++) {
      if (i !== 2 && i !== 3 && bytes[h.payload + i] !== packet[icmp + i]) return false
    }
    return true
  }

  #release(): void {
    const kept: Held[] = []
    for (const h of this.#held) {
      const early = !h.waited && this.#sentClock === 'user' && h.stampClock !== 'user'
      if (early) kept.push({ ...h, waited: true })
      else this.#events.push({ ...h.event, ...this.#roundTrip(h) })
    }
    this.#held = kept
  }

  #roundTrip({ event, stampClock, readAt }: Held): { rttNs: number; clock: ClockSource } {
    const left = { userAt: this.#userAt ?? readAt, sentAt: this.#sentAt ?? event.at, sentClock: this.#sentClock }
    const { rttNs, clock } = roundTrip(left, event.at, stampClock, readAt)
    return { rttNs, clock }
  }
}
