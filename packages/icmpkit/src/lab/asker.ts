/**
 * Who asks in a scenario: what all kinds share. An asker is driven by the scenario in virtual time: `look` after each
 * thing that happens in the network, `wake` when it is due.
 */
import { type Instant, showTime } from '../clock.ts'
import { type Family, familyOf, type Ip, showIp } from '../wire/addr.ts'
import { type Extensions, usable } from '../wire/extension.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import { toJson } from '../wire/json.ts'
import * as registry from '../wire/registry.ts'
import type { AskData } from './ask.ts'
import type { LabDoor } from './lab-door.ts'
import type { LabNode } from './lab-node.ts'
import type { Random } from './random.ts'
import type { AskSummary, FailureEvent, ScenarioEvent } from './scenario-event.ts'

export interface Asker {
  /** When it wants to be woken; Infinity: when something comes. undefined: it is done. */
  readonly due: number | undefined
  /** Something happened: is there anything for it? */
  look(now: Instant): void
  wake(now: Instant): void
  /** The scenario is over. */
  stop(now: Instant): void
  summary(): AskSummary
}

/** What an asker is given. */
export interface Question {
  index: number
  data: AskData
  node: LabNode
  ip: Ip
  random: Random
  /** A door of the node that does not hold time: the scenario moves it, and looks at the door after each thing that happens. */
  open(): LabDoor
  emit(e: ScenarioEvent): void
  /** The node that has the address. */
  ownerOf(ip: Ip): string | null
}

/** The fields that all events about a question share. */
export function about(
  q: Question,
  at: number,
): { time: string; node: string; ask: number; to: string; address: string } {
  return { time: timeOf(at), node: q.data.from, ask: q.index, to: q.data.to, address: showIp(q.ip) }
}

/** Seconds since the start. */
export function timeOf(ms: number): string {
  return showTime(BigInt(Math.round(ms * 1e6)))
}

/** How many, how long: counted for the summary. */
export class Tally {
  sent = 0
  received = 0
  lost = 0
  errors = 0
  #min = Number.POSITIVE_INFINITY
  #max = 0
  #sum = 0
  #timed = 0

  took(rttNs: number): void {
    this.#min = Math.min(this.#min, rttNs)
    this.#max = Math.max(this.#max, rttNs)
    this.#sum += rttNs
    this.#timed++
  }

  summary(q: Question): AskSummary {
    const rttNs =
      this.#timed === 0 ? null : { min: this.#min, avg: Math.round(this.#sum / this.#timed), max: this.#max }
    const { sent, received, lost, errors } = this
    const { from, to, kind = 'ping' } = q.data
    return { from, to, address: showIp(q.ip), what: kind, sent, received, lost, errors, rttNs }
  }
}

export interface Heard {
  from: Ip | null
  type: number | null
  code: number | null
  /** What the node itself says, where no packet did. */
  why: string | null
  mtu: number | null
  pointer: number | null
  extensions: Extensions | undefined
}

/** An error in words. */
export function failure(q: Question, at: number, seq: number | null, e: Heard): FailureEvent {
  const entry = e.type === null ? undefined : registry.lookup(familyOf(q.ip), e.type, e.code ?? 0)
  const [name, meaning] = entry === undefined ? (OWN[e.why ?? ''] ?? OWN.other!) : [entry.name, entry.meaning]
  return {
    kind: 'error',
    ...about(q, at),
    seq,
    from: e.from === null ? null : showIp(e.from),
    by: e.from === null ? null : q.ownerOf(e.from),
    type: e.type,
    code: e.code,
    name,
    meaning,
    mtu: e.mtu === 0 ? null : e.mtu,
    pointer: e.pointer === -1 ? null : e.pointer,
    extensions: e.extensions === undefined ? null : toJson(usable(e.extensions)),
  }
}

/** The objects behind the quote in an ICMP error. */
export function extensionsOf(family: Family, message: Uint8Array | null): Extensions | undefined {
  if (message === null) return undefined
  const m = family === 4 ? icmp4.parse(message) : icmp6.parse(message)
  return 'extensions' in m ? m.extensions : undefined
}

/** Labels of a stack that an error carries (RFC 4950). */
export function labelsOf(e: Extensions | undefined): number[] {
  return usable(e).flatMap((o) => (o.kind === 'mpls' ? o.entries.map((l) => l.label) : []))
}

const OWN: Record<string, readonly [string, string]> = {
  'too-big': ['Message too long', 'The node itself knows that the path takes no packet of this size unfragmented.'],
  'no-route': ['Network is unreachable', 'The node has no route to that address.'],
  'not-permitted': ['Operation not permitted', 'A route of the node itself prohibits it.'],
  prohibited: ['Operation not permitted', 'A route of the node itself prohibits it.'],
  'no-neighbour': ['No neighbour', 'Nobody on the link has that address.'],
  other: ['Not sent', 'The node itself could not send it.'],
}
