/**
 * What a ping has to tell, in the order in which it happened. A reply waits until both queues of its door were drained once more,
 * since its transmit stamp may lie in the other, and whatever comes behind it waits with it.
 */
import type { ClockSource, Instant } from '../clock.ts'
import type { Family, Ip } from '../wire/addr.ts'
import type { MachineEvent, ReplyEvent } from './ping-event.ts'
import type { Probe } from './ping-target.ts'
import type { Question } from './question.ts'
import { roundTrip } from './round-trip.ts'

/** 'rotate': the door of that family should take a new identifier. */
export type PingEventOut = MachineEvent | { kind: 'rotate'; family: Family; target: number }

/** A reply that waits. */
export interface Held {
  probe: Probe
  kind: ReplyEvent['kind']
  from: Ip
  port: number
  stamp: Instant
  clock: ClockSource
  /** User clock when it was read: with `userAt` the bracket that a kernel round trip must fit in. */
  readAt: Instant
  ttl: number
  tos: number
  bytes: number
  options: Uint8Array | undefined
  differsAt: number
  answer: ReturnType<Question['answer']>
}

export class Outbox {
  readonly #events: PingEventOut[] = []
  #head = 0
  /** Replies that wait for their stamps, and what else is to be told behind them. */
  #held: (Held | PingEventOut)[] = []

  /** Something is told only behind the next `release`. */
  get waits(): boolean {
    return this.#held.length > 0
  }

  /** There is something to `poll` now. */
  get full(): boolean {
    return this.#head < this.#events.length
  }

  /** In a run without kernel stamps no reply needs to wait, yet the order of events must stay: all are held. */
  hold(h: Held): void {
    this.#held.push(h)
  }

  emit(e: PingEventOut): void {
    if (this.#held.length > 0) this.#held.push(e)
    else this.#events.push(e)
  }

  /** The queues have been drained. */
  release(): void {
    for (const h of this.#held) this.#events.push('probe' in h ? told(h) : h)
    this.#held = []
  }

  poll(): PingEventOut | undefined {
    if (this.#head < this.#events.length) return this.#events[this.#head++]
    if (this.#head > 0) {
      this.#events.length = 0
      this.#head = 0
    }
    return undefined
  }
}

/** By now all stamps are here. */
function told(h: Held): ReplyEvent {
  const { probe } = h
  const t = probe.target
  const trip = roundTrip(probe, h.stamp, h.clock, h.readAt)
  let reordered = false
  if (h.kind === 'reply' || h.kind === 'late') {
    t.rtt.add(trip.rttNs)
    reordered = probe.ext < t.highestAnswered
    if (reordered) t.reordered++
    else t.highestAnswered = probe.ext
  }
  return {
    kind: h.kind,
    target: t.slot,
    from: h.from,
    port: h.port,
    at: h.stamp,
    seq: probe.ext,
    ttl: h.ttl,
    tos: h.tos,
    bytes: h.bytes,
    ...trip,
    reordered,
    differsAt: h.differsAt,
    options: h.options,
    answer: h.answer,
  }
}
