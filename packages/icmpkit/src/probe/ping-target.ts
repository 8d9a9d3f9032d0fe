/** What a ping machine knows of one target and of one probe to it. */
import type { ClockSource, Instant } from '../clock.ts'
import { BROADCAST4, type Family, familyOf, type Ip, isMulticast } from '../wire/addr.ts'
import type { IpTable } from '../wire/ip-table.ts'
import type { SummaryEvent } from './ping-event.ts'
import { LossBursts, RttStatistics } from './statistics.ts'

/** Losses in a row after which the identifier is changed: a firewall can stay stuck on the old one for ever. */
export const ROTATE_AFTER = 10

/** `port`: the interface, for link-local and multicast; 0 = by the route. */
export interface PingTarget {
  ip: Ip
  port: number
  source: Ip | undefined
}

export type ProbeState = 'flying' | 'answered' | 'lost' | 'failed' | 'unsent'

export interface Probe {
  target: Target
  ext: number
  id: number
  tag: number
  /** The moment before the send call, by the user clock. */
  userAt: Instant
  sentAt: Instant
  sentClock: ClockSource
  midnightMs: number
  state: ProbeState
  /** Who answered already; only kept for targets that many may answer. */
  responders: IpTable | undefined
}

export interface Target {
  slot: number
  /** The target before this one that has the same address. */
  older: Target | undefined
  ip: Ip
  family: Family
  port: number
  source: Ip | undefined
  many: boolean
  id: number
  phase: 'asking' | 'draining' | 'done'
  dueAt: Instant
  /** Its earliest entry in the heap; infinite where it has none. */
  timerAt: number
  ready: boolean
  preloadLeft: number
  /** Extended sequence of the last probe; the first is 1. */
  ext: number
  flying: number
  probes: Map<number, Probe>
  startedAt: Instant | undefined
  endedAt: Instant
  highestAnswered: number
  rotateAfter: number
  sent: number
  received: number
  late: number
  duplicates: number
  corrupt: number
  foreign: number
  reordered: number
  errors: number
  localDrops: number
  rtt: RttStatistics
  bursts: LossBursts
}

/** A target of which nothing is known yet; its first probe is due at `at`. */
export function newTarget(
  slot: number,
  target: PingTarget,
  id: number,
  preload: number,
  now: Instant,
  at: Instant,
): Target {
  return {
    slot,
    older: undefined,
    ip: target.ip,
    family: familyOf(target.ip),
    port: target.port,
    source: target.source,
    many: isMulticast(target.ip) || target.ip === BROADCAST4,
    id,
    phase: 'asking',
    dueAt: at,
    timerAt: Number.POSITIVE_INFINITY,
    ready: false,
    preloadLeft: Math.max(0, preload - 1),
    ext: 0,
    flying: 0,
    probes: new Map(),
    startedAt: undefined,
    endedAt: now,
    highestAnswered: 0,
    rotateAfter: ROTATE_AFTER,
    sent: 0,
    received: 0,
    late: 0,
    duplicates: 0,
    corrupt: 0,
    foreign: 0,
    reordered: 0,
    errors: 0,
    localDrops: 0,
    rtt: new RttStatistics(),
    bursts: new LossBursts(),
  }
}

export function summarize(t: Target, end: Instant): SummaryEvent {
  return {
    kind: 'summary',
    target: t.slot,
    sent: t.sent,
    received: t.received,
    lost: t.sent - t.received,
    late: t.late,
    duplicates: t.duplicates,
    corrupt: t.corrupt,
    foreign: t.foreign,
    reordered: t.reordered,
    errors: t.errors,
    localDrops: t.localDrops,
    rtt: t.rtt.summary(),
    bursts: t.bursts.count,
    longestBurst: t.bursts.longest,
    elapsedNs: t.startedAt === undefined ? 0 : Math.max(0, Math.round((end - t.startedAt) * 1e6)),
  }
}
