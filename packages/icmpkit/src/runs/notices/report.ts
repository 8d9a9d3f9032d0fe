/** What `serveNotices` tells, and the counters as Prometheus reads them (text format 0.0.4). */

import type { BackEvent, OutageEvent, ProgramState, Protocol, Suppressed, SuspectEvent } from '../../notice/event.ts'
import type { NoticeCounters, ProgramStatus } from '../../notice/index.ts'

/** It watches: always the first. */
export interface NoticeReady {
  kind: 'ready'
  time: string
  programs: {
    program: string
    protocol: Protocol
    port: number
    state: ProgramState
    /** Sockets that hold its port. */
    holders: number
    /** Workstations that were known before, from the state file. */
    workstations: number
  }[]
  /** Where the operator asks; null: nowhere. */
  socket: string | null
  state: string | null
  /** Id of the key that signs; null: notices are unsigned. */
  key: string | null
  /** What is kept of rights, and what could not be had; for people. */
  notes: string[]
}

/** Something that an operator should know and that stops nothing: a full disk, a process that is not there. */
export interface NoticeNote {
  kind: 'note'
  time: string
  what: string
}

export interface NoticeTotals {
  kind: 'summary'
  time: string
  /** How long it ran. */
  elapsedNs: number
  programs: ProgramStatus[]
  outages: number
  sent: number
  repeated: number
  elicited: number
  suppressed: Partial<Record<Suppressed, number>>
  unsent: Readonly<Record<string, number>>
  /** Datagrams of watched ports that came in and went out, and those that we were too slow to see. */
  heard: number
  answered: number
  unseen: number
}

type Timed<E> = E & { time: string }

export type NoticeServeEvent =
  | NoticeReady
  | Timed<SuspectEvent>
  | Timed<OutageEvent>
  | Timed<BackEvent>
  | NoticeNote
  | NoticeTotals

/** The counters of `c` and the tables of `programs`. */
export function prometheus(programs: readonly ProgramStatus[], c: NoticeCounters, unseen: number): string {
  const lines: string[] = []
  const metric = (name: string, type: 'gauge' | 'counter', help: string, rows: readonly [string, number][]) => {
    lines.push(`# HELP icmp_notify_${name} ${help}`, `# TYPE icmp_notify_${name} ${type}`)
    for (const [labels, value] of rows) lines.push(`icmp_notify_${name}${labels} ${value}`)
  }
  const each = (value: (p: ProgramStatus) => number): [string, number][] => programs.map((p) => [labelsOf(p), value(p)])
  metric(
    'up',
    'gauge',
    'Whether the program is up (suspect counts as up).',
    each((p) => Number(isUp(p.state))),
  )
  metric(
    'state',
    'gauge',
    'The state that the program is in is 1, the others are 0.',
    programs.flatMap((p) => STATES.map((s): [string, number] => [labelsOf(p, `state="${s}"`), Number(p.state === s)])),
  )
  metric(
    'down_seconds',
    'gauge',
    'Since the sign of the outage; 0 while it is up.',
    each((p) => (p.downMs ?? 0) / 1000),
  )
  metric(
    'workstations',
    'gauge',
    'Confirmed and fresh workstations that are known.',
    each((p) => p.workstations),
  )
  metric(
    'table_bytes',
    'gauge',
    'Memory of the table of workstations.',
    each((p) => p.memory),
  )
  const one = (value: number): [string, number][] => [['', value]]
  metric('outages_total', 'counter', 'Outages told.', one(c.outages))
  metric('notices_sent_total', 'counter', 'Notices sent, repetitions included.', one(c.sent))
  metric('notices_repeated_total', 'counter', 'Notices that were repetitions.', one(c.repeated))
  metric('elicited_total', 'counter', 'Acknowledgements sent to ask for a sequence number.', one(c.elicited))
  metric('notices_suppressed_total', 'counter', 'Workstations not told, by reason.', counts('reason', c.suppressed))
  metric('notices_unsent_total', 'counter', 'Notices that this machine could not send.', counts('reason', c.unsent))
  metric('datagrams_total', 'counter', 'Datagrams of the watched ports.', [
    ['{direction="in"}', c.heard],
    ['{direction="out"}', c.answered],
  ])
  metric('datagrams_unseen_total', 'counter', 'Datagrams that came faster than they were read.', one(unseen))
  return `${lines.join('\n')}\n`
}

function counts(label: string, of: Readonly<Record<string, number | undefined>>): [string, number][] {
  return Object.entries(of).map(([word, n]) => [`{${label}="${word}"}`, n ?? 0])
}

function labelsOf(p: ProgramStatus, more?: string): string {
  const labels = [`program="${escaped(p.program)}"`, `protocol="${p.protocol}"`, `port="${p.port}"`]
  return `{${[...labels, ...(more === undefined ? [] : [more])].join(',')}}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function isUp(state: ProgramState): boolean {
  return state === 'up' || state === 'suspect'
}

const STATES: readonly ProgramState[] = ['up', 'suspect', 'gone', 'hung', 'offline', 'draining']
