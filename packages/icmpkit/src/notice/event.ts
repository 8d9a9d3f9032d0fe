/** What a notifier tells, what it asks of the outside, and the closed lists of words in both. */
import type { Ip } from '../wire/addr.ts'

/** Why a program is down; the words of the object's state. */
export type DownState = 'gone' | 'hung' | 'offline' | 'draining'
export type ProgramState = 'up' | 'suspect' | DownState
export type Protocol = 'udp' | 'tcp'

/** Why a workstation is not told. The closed list: tests compare these words and users count them. */
export type Suppressed =
  /** It has not been heard again after it was answered: its address may be forged. */
  | 'unconfirmed'
  /** Silent for longer than `freshness`: a firewall on the way has forgotten it too. */
  | 'stale'
  /** Its source is a broadcast, multicast, unspecified or reserved address, or the datagram was for many (RFC 1122 §3.2.2). */
  | 'not-unicast'
  /** A loopback address that did not come by the loopback interface. */
  | 'loopback-of-others'
  /** An address of this server that did not come by the loopback interface. */
  | 'own'
  /** The limit on all notices left no room within `tellWithin`. */
  | 'rate'
  /** The limit on notices to one address left no room within `tellWithin`. */
  | 'address-rate'
  /** Told of another outage less than `recent` ago; it is told of this one when that is over, if it lasts so long. */
  | 'recent'
  /** It has been told as often as it has sent, or as many octets: a notice is never more than what was heard. */
  | 'no-credit'
  /** The table was full when it came. */
  | 'table-full'
  /** TCP: nothing came back, and nothing is known of its sequence numbers. */
  | 'no-answer'
  /** The program was back before its turn came. */
  | 'back'
  /** This machine could not send it. */
  | 'not-sent'

export interface ReadyEvent {
  kind: 'ready'
  programs: { program: string; protocol: Protocol; port: number; state: ProgramState }[]
}

export interface SuspectEvent {
  kind: 'suspect'
  program: string
  protocol: Protocol
  port: number
  why: string
}

/** All that were to be told have been told once. */
export interface OutageEvent {
  kind: 'outage'
  program: string
  state: DownState
  protocol: Protocol
  port: number
  /** Connected ones, confirmed and known of at the outage; `sent` and the sum of `suppressed` make them up. */
  workstations: number
  sent: number
  suppressed: Partial<Record<Suppressed, number>>
  /** Of those sent: the quote was rebuilt. */
  rebuilt: number
  /** Of those sent: an error without words, since the workstation had said less than a whole notice has octets. */
  bare: number
  /** From the sign of the outage to the decision that it is one, and to the last notice. */
  detectedNs: number
  lastSentNs: number
  reason: string | null
  /** Seconds since 1970. */
  backAt: number | null
}

export interface BackEvent {
  kind: 'back'
  program: string
  protocol: Protocol
  port: number
  /** What it was until now. */
  state: DownState
  downNs: number
}

export interface NoticeSummary {
  kind: 'summary'
  outages: number
  sent: number
  repeated: number
  suppressed: Partial<Record<Suppressed, number>>
}

export type NoticeEvent = ReadyEvent | SuspectEvent | OutageEvent | BackEvent | NoticeSummary

/** A TCP connection of the program, as the server sees it. */
export interface Connection {
  local: Ip
  localPort: number
  remote: Ip
  remotePort: number
  /** Interface index, where an address is link-local; else 0. */
  zone?: number
  /** The workstation's next sequence number, where something knows it: then a quote can be rebuilt. */
  seq?: number
}

/** What only the outside can do; `pollRequest` hands it out, and the outside calls back. */
export type Request =
  /** How many live sockets hold the program's port? `sign(…, { kind: 'holders', count })`. */
  | { kind: 'recheck'; program: string }
  /** Which connections are there? `connections(…)`. */
  | { kind: 'connections'; program: string }
  /** Refuse, or let in again, whoever comes newly. */
  | { kind: 'reject'; program: string; on: boolean }
  /** End the connection with a reset. */
  | { kind: 'reset'; program: string; connection: Connection }
