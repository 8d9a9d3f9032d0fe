/** What a ping machine says: addresses as values, moments as Instants. The runner turns them into text once (src/runs/ping/ping.ts). */
import type { ClockSource, Instant } from '../clock.ts'
import type { LocalDrop } from '../door.ts'
import type { Family, Ip } from '../wire/addr.ts'
import type { RttSummary } from './statistics.ts'

/** What a reply to a question other than echo says of itself. */
export type Answer =
  | {
      question: 'timestamp'
      originate: number
      receive: number
      transmit: number
      offsetNs: number | null
      standard: boolean
    }
  | { question: 'probe'; code: number; state: number; active: boolean; ipv4: boolean; ipv6: boolean }
  | { question: 'nodeinfo'; code: number; qtype: number; names: readonly string[]; addresses: readonly Ip[] }

interface Heard {
  target: number
  /** Where it came from, and the interface (zone) it came in by; 0 = not known. */
  from: Ip
  port: number
  at: Instant
}

export interface ReplyEvent extends Heard {
  kind: 'reply' | 'late' | 'duplicate' | 'corrupt'
  seq: number
  /** 0 where the door does not know. */
  ttl: number
  tos: number
  /** ICMP octets, header included, as iputils counts. */
  bytes: number
  rttNs: number
  clock: ClockSource
  /** It came after the reply to a later probe. */
  reordered: boolean
  /** The clock was stepped while this probe was in flight, or its stamps contradict the user clock: take it with care. */
  suspect: boolean
  /** Offset in the ICMP message of the first octet that differs (corrupt), else -1; -2: the checksum does not hold. */
  differsAt: number
  /** IPv4 options of the reply, where the door shows them. */
  options: Uint8Array | undefined
  answer: Answer | undefined
}

export interface ForeignEvent extends Heard {
  kind: 'foreign'
  id: number
  seq: number
  bytes: number
  ttl: number
}

export interface TimeoutEvent {
  kind: 'timeout'
  target: number
  seq: number
  at: Instant
}

/** Still unanswered when the next probe was due (iputils -O). */
export interface OutstandingEvent {
  kind: 'outstanding'
  target: number
  seq: number
  at: Instant
}

export interface ErrorEvent {
  kind: 'error'
  /** 'local': this machine's kernel refused; no packet said so, and type and code are null. */
  origin: 'icmp' | 'local'
  target: number
  seq: number | null
  from: Ip | null
  port: number
  family: Family
  type: number | null
  code: number | null
  why: LocalDrop | null
  mtu: number | null
  pointer: number | null
  /** The ICMP message from its type octet, own copy; null where local. */
  message: Uint8Array | null
  /** False: of the IP header that the message quotes the door knows the addresses and the protocol, nothing else. */
  headerQuoted: boolean
  at: Instant
}

export interface LocalDropEvent {
  kind: 'local-drop'
  target: number
  seq: number
  why: LocalDrop
  at: Instant
}

/** Of one target, or of all. */
export interface Counts {
  sent: number
  received: number
  lost: number
  late: number
  duplicates: number
  corrupt: number
  foreign: number
  reordered: number
  errors: number
  localDrops: number
}

export interface SummaryEvent extends Counts {
  kind: 'summary'
  target: number
  rtt: RttSummary | null
  /** Runs of consecutive losses, and the longest. */
  bursts: number
  longestBurst: number
  /** From the first probe to the last thing heard or given up, nanoseconds. */
  elapsedNs: number
}

export type MachineEvent =
  | ReplyEvent
  | ForeignEvent
  | TimeoutEvent
  | OutstandingEvent
  | ErrorEvent
  | LocalDropEvent
  | SummaryEvent
