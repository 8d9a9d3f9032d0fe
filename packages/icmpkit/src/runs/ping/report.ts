/**
 * What a ping tells the world: the machine's events with addresses as text, moments as decimal strings, errors named and
 * their quotes read. These are the fields of `icmp ping --json` too.
 */
import { type Clock, type ClockSource, type Instant, showTime } from '../../clock.ts'
import type { LocalDrop } from '../../door.ts'
import type { Answer, Counts, ErrorEvent, MachineEvent, ReplyEvent, SummaryEvent } from '../../probe/ping-event.ts'
import { type Family, type Ip, isLinkLocal, showIp } from '../../wire/addr.ts'
import * as ip4Option from '../../wire/ip4-option.ts'

/** Nanoseconds; null where nothing was heard. */
export interface PingRtt {
  min: number | null
  avg: number | null
  max: number | null
  mdev: number | null
  p50: number | null
  p90: number | null
  p99: number | null
  /** RFC 3550 §6.4.1. */
  jitter: number | null
}

interface About {
  /** As the caller named it. */
  target: string
  /** The address that was asked, with its zone where it has one; null where the name has none. */
  address: string | null
  /** Seconds since 1970 with nine digits after the point. */
  time: string
}

/** `reply` came in time, `late` corrects an earlier timeout, `duplicate` is one more, `corrupt` is not what was asked. */
export interface PingReply extends About {
  kind: 'reply' | 'late' | 'duplicate' | 'corrupt'
  from: string
  /** From 1, past 16 bits. */
  seq: number
  /** null where the door cannot know. */
  ttl: number | null
  tos: number
  /** ICMP octets, header included. */
  bytes: number
  rttNs: number
  clock: ClockSource
  /** After the reply to a later probe. */
  reordered: boolean
  /** The realtime clock was stepped under way, so the user clock was taken. */
  suspect: boolean
  /** corrupt: offset in the ICMP message of the first wrong octet, or 'checksum'; else null. */
  differsAt: number | 'checksum' | null
  /** Addresses recorded by the record route option; null without it. */
  route: string[] | null
  /** The IPv4 timestamp option: who, and milliseconds since midnight UT; null without it. */
  timestamps: { address: string | null; ms: number }[] | null
  /** What the answer says beyond 'here I am' (timestamp, probe, nodeinfo). */
  answer: PingAnswer | null
}

export type PingAnswer =
  | Exclude<Answer, { question: 'nodeinfo' }>
  | { question: 'nodeinfo'; code: number; qtype: number; names: readonly string[]; addresses: string[] }

/** A reply that carries our identifier or token and belongs to no probe of ours. */
export interface PingForeign extends About {
  kind: 'foreign'
  from: string
  id: number | null
  seq: number | null
  ttl: number | null
  bytes: number
}

export interface PingTimeout extends About {
  kind: 'timeout'
  seq: number
}

/** Only with `tellOutstanding`. */
export interface PingOutstanding extends About {
  kind: 'outstanding'
  seq: number
}

export interface PingError extends About {
  kind: 'error'
  /** 'icmp': a message said so. 'local': this machine did (no route, too big, no such name). */
  origin: 'icmp' | 'local'
  seq: number | null
  from: string | null
  family: Family | null
  type: number | null
  code: number | null
  /** The registered name of type and code, or what the local kernel or the resolver said. */
  name: string
  /** One plain sentence. */
  meaning: string
  mtu: number | null
  pointer: number | null
  /**
   * The quoted datagram, its fields read as far as it goes; null where there is none. A door that does not see the quoted
   * IP header leaves null what it cannot know of it: all but addresses and protocol.
   */
  quote: unknown
  /** RFC 4884 objects that came along. */
  extensions: unknown
}

/** It never left this machine, or never reached us through its queues: not the network's loss. */
export interface PingLocalDrop extends About {
  kind: 'local-drop'
  seq: number | null
  why: LocalDrop | 'receive-queue' | 'short-write'
  count: number
}

interface Told extends Counts {
  rttNs: PingRtt
  elapsedNs: number
}

export interface PingSummary extends About, Told {
  kind: 'summary'
  /** Runs of consecutive losses, and the longest. */
  lossBursts: number
  longestLossBurst: number
}

export interface PingTotal extends Told {
  kind: 'total'
  time: string
  targets: number
  /** Targets of which at least one probe was answered. */
  answered: number
  /** Targets that could not be asked: no such name, no door. */
  unasked: number
  /** Packets that were none of ours. */
  ignored: number
  /** Transmit stamps that never came: those samples have a lesser clock. */
  stampGaps: number
}

export type PingEvent =
  | PingReply
  | PingForeign
  | PingTimeout
  | PingOutstanding
  | PingError
  | PingLocalDrop
  | PingSummary
  | PingTotal

/** How a target is named to the world. */
export interface Named {
  target: string
  ip: Ip
  port: number
}

export class PingReporter {
  readonly #clock: Clock
  readonly #named: ReadonlyMap<number, Named>
  readonly #zone: (port: number) => string

  /** `named`: by slot. `zone` turns an interface index into its name. */
  constructor(clock: Clock, named: ReadonlyMap<number, Named>, zone: (port: number) => string) {
    this.#clock = clock
    this.#named = named
    this.#zone = zone
  }

  report(e: Exclude<MachineEvent, ErrorEvent>): PingEvent {
    const about = this.about(e.target, 'at' in e ? e.at : this.#clock.now())
    switch (e.kind) {
      case 'reply':
      case 'late':
      case 'duplicate':
      case 'corrupt':
        return this.#reply(about, e)
      case 'foreign':
        return {
          kind: 'foreign',
          ...about,
          from: this.text(e.from, e.port),
          id: e.id < 0 ? null : e.id,
          seq: e.seq < 0 ? null : e.seq,
          ttl: e.ttl || null,
          bytes: e.bytes,
        }
      case 'timeout':
      case 'outstanding':
        return { kind: e.kind, ...about, seq: e.seq }
      case 'local-drop':
        return { kind: 'local-drop', ...about, seq: e.seq, why: e.why, count: 1 }
      case 'summary':
        return this.summary(e)
    }
  }

  summary(e: SummaryEvent): PingSummary {
    return {
      kind: 'summary',
      ...this.about(e.target, this.#clock.now()),
      sent: e.sent,
      received: e.received,
      lost: e.lost,
      late: e.late,
      duplicates: e.duplicates,
      corrupt: e.corrupt,
      foreign: e.foreign,
      reordered: e.reordered,
      errors: e.errors,
      localDrops: e.localDrops,
      rttNs: e.rtt ?? NO_RTT,
      elapsedNs: e.elapsedNs,
      lossBursts: e.bursts,
      longestLossBurst: e.longestBurst,
    }
  }

  about(slot: number, at: Instant): About {
    const named = this.#named.get(slot)
    return {
      target: named?.target ?? '',
      address: named === undefined ? null : this.text(named.ip, named.port),
      time: showTime(this.#clock.wall(at)),
    }
  }

  /** The address, with its zone where it has one. */
  text(ip: Ip, port: number): string {
    return isLinkLocal(ip) && typeof ip === 'bigint' && port > 0 ? showIp(ip, this.#zone(port)) : showIp(ip)
  }

  #reply(about: About, e: ReplyEvent): PingReply {
    const { route, timestamps } = readOptions(e.options)
    return {
      kind: e.kind,
      ...about,
      from: this.text(e.from, e.port),
      seq: e.seq,
      ttl: e.ttl || null,
      tos: e.tos,
      bytes: e.bytes,
      rttNs: e.rttNs,
      clock: e.clock,
      reordered: e.reordered,
      suspect: e.suspect,
      differsAt: e.differsAt === -1 ? null : e.differsAt === -2 ? 'checksum' : e.differsAt,
      route,
      timestamps,
      answer:
        e.answer === undefined
          ? null
          : e.answer.question === 'nodeinfo'
            ? { ...e.answer, addresses: e.answer.addresses.map((a) => showIp(a)) }
            : e.answer,
    }
  }
}

export const NO_RTT: PingRtt = {
  min: null,
  avg: null,
  max: null,
  mdev: null,
  p50: null,
  p90: null,
  p99: null,
  jitter: null,
}

function readOptions(options: Uint8Array | undefined): Pick<PingReply, 'route' | 'timestamps'> {
  const read: Pick<PingReply, 'route' | 'timestamps'> = { route: null, timestamps: null }
  const list = options === undefined ? undefined : ip4Option.parseOptions(options)
  if (!Array.isArray(list)) return read
  for (const o of list) {
    if (o.kind === 'recordRoute') read.route = ip4Option.visited(o).map((a) => showIp(a))
    if (o.kind === 'timestamp') {
      read.timestamps = ip4Option
        .stamped(o)
        .map((t) => ({ address: t.address === undefined ? null : showIp(t.address), ms: t.time }))
    }
  }
  return read
}
