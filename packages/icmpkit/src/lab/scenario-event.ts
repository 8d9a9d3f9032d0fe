/** What a scenario tells, ready for a line of NDJSON: moments are seconds since the start of virtual time, as text. */
import type { Json } from '../wire/json.ts'
import type { Fate } from './link.ts'

interface Told {
  /** Seconds since the start, nine digits behind the point. */
  time: string
  /** Whom it is about; null where it is the network. */
  node: string | null
}

/** About what was asked: `ask` is its place in the list. */
interface Asked extends Told {
  node: string
  ask: number
  /** As it was asked for: a node or an address. */
  to: string
  address: string
}

export interface NetworkEvent extends Told {
  kind: 'network'
  seed: number
  nodes: number
  links: number
}

export interface SentEvent extends Asked {
  kind: 'sent'
  what: 'ping' | 'udp'
  seq: number
  /** Of the payload. */
  octets: number
}

export interface AnswerEvent extends Asked {
  kind: 'reply' | 'late' | 'duplicate' | 'corrupt'
  seq: number
  from: string
  /** The node that has that address. */
  by: string | null
  /** Of the reply as it came in; null where nobody can know. */
  ttl: number | null
  rttNs: number
}

export interface FailureEvent extends Asked {
  kind: 'error'
  seq: number | null
  /** Null where the node that asks says it itself. */
  from: string | null
  by: string | null
  type: number | null
  code: number | null
  name: string
  meaning: string
  mtu: number | null
  pointer: number | null
  /** RFC 4884 objects, MPLS labels among them. */
  extensions: Json
}

export interface UnansweredEvent extends Asked {
  kind: 'timeout'
  seq: number
}

export interface HopEvent extends Asked {
  kind: 'hop'
  ttl: number
  /** Who answered, in the order of the answers. */
  answers: { from: string; by: string | null; rttNs: number; name: string; labels: number[] }[]
  unanswered: number
  reached: boolean
}

/** The timeline did something. */
export interface ChangeEvent extends Told {
  kind: 'change'
  what: 'down' | 'up' | 'change' | 'routes' | 'serve'
  /** The link, or null where it is a node. */
  link: string | null
  to: Json
}

/** One packet entered a link, and what became of it towards one receiver; or a behaviour of the node took it. */
export interface PacketEvent extends Told {
  kind: 'packet'
  node: string
  /** Null where it was taken. */
  to: string | null
  link: string
  fate: Fate | 'taken'
  delayNs: number | null
  octets: number
  /** What the lab did to it, in words. */
  did: string
  /** The packet, in words. */
  packet: string
}

/** A node learned something: the events of the stack, their names and their fields. */
export interface StateEvent extends Told {
  kind: 'state'
  node: string
  what: string
  port: string
  about: Json
}

export interface AskSummary {
  from: string
  to: string
  address: string
  what: 'ping' | 'udp' | 'trace'
  sent: number
  received: number
  /** Not answered, though an error may tell why, as ping counts; of a trace, probes of which nobody told anything. */
  lost: number
  errors: number
  rttNs: { min: number; avg: number; max: number } | null
}

export interface SummaryEvent extends Told {
  kind: 'summary'
  asks: AskSummary[]
  /** Packets that entered links, by what became of them. */
  packets: Partial<Record<Fate, number>>
}

export type ScenarioEvent =
  | NetworkEvent
  | SentEvent
  | AnswerEvent
  | FailureEvent
  | UnansweredEvent
  | HopEvent
  | ChangeEvent
  | PacketEvent
  | StateEvent
  | SummaryEvent
