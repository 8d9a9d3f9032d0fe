/**
 * Ping of N targets, sans-IO: sequences, matching, time-outs, outcomes and statistics. Time and chance come in as
 * arguments; doors and the lab drive it alike (door.ts).
 *
 * A reply is believed when the run's token is in it, or, where the payload has no room for one, when address, id and
 * sequence match a probe in flight; an error when its quote does (RFC 5927 §4). Everything else is counted, not believed.
 */
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival, LocalDrop, Machine, Slot } from '../door.ts'
import { ANY4, ANY6, type Family, type Ip } from '../wire/addr.ts'
import { holds, pseudoSum6, sum } from '../wire/checksum.ts'
import { IpTable } from '../wire/ip-table.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import type { ErrorEvent, MachineEvent, ReplyEvent, SummaryEvent } from './ping-event.ts'
import {
  newTarget,
  type PingTarget,
  type Probe,
  type ProbeState,
  ROTATE_AFTER,
  summarize,
  type Target,
} from './ping-target.ts'
import { ProbeMemory } from './probe-memory.ts'
import { type Asked, extend, type Question, type Seen } from './question.ts'
import { locateQuoted, mtuOf, noQuote, pointerOf, type Quoted } from './quoted-message.ts'
import { RttStatistics } from './statistics.ts'
import { TimerHeap } from './timer-heap.ts'

/** Responders told apart for one multicast probe. */
const MAX_RESPONDERS = 4096
/** A kernel identifier is changed at most this often: other targets share it. */
const ROTATE_EVERY_MS = 10_000
const ROTATE_RETRY_MS = 500
/** Identifiers of our own that stuck targets take in turn; a filter in the kernel has to know them all. */
const IDS = 32

/** A wake-up this late is made good by a short burst; a later one is not. */
const SPACING_SLACK_MS = 2

export interface PingSettings {
  question: Question
  /** Between two probes to the same target. */
  intervalMs: number
  timeoutMs: number
  /** Replies awaited for each target; undefined: until stopped. With a deadline, probes go on until so many are answered. */
  count?: number | undefined
  /** From the start, for all targets. */
  deadlineMs?: number | undefined
  /** The next probe leaves when the last was answered: 'adaptive' waits `intervalMs` at most, 'flood' 10 ms. */
  pace: 'interval' | 'adaptive' | 'flood'
  /** Least time between two probes of the whole run: the budget of packets a second. */
  spacingMs: number
  /** Probes that leave at once, before the pace begins. */
  preload: number
  /** Stop the run when so many probes have left. */
  budget?: number | undefined
  ttl: number
  tos: number
  flowLabel: number
  dontFragment: boolean
  /** IPv4 options, padded to words (record route, timestamp). */
  ipOptions?: Uint8Array | undefined
  /** Events for a probe still unanswered when the next is due. */
  tellOutstanding: boolean
  /** Leave the doors' stamps aside and measure from system call to system call. */
  userClock: boolean
  /** Stay when all targets are done, since more may be added. */
  hold: boolean
  /** The identifier that the door of the family puts in, whatever we write: then ids are not compared. undefined: ours. */
  echoId: (family: Family) => number | undefined
  /** Added to an Instant it gives milliseconds since midnight UT, modulo a day. */
  midnightOffsetMs: number
  /** Uniform in 0 … 1, for identifiers and the table's seed. */
  random: () => number
}

/** A reply whose transmit stamp may still lie in the error queue: it waits until both queues were drained once. */
interface Held {
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

/** 'rotate': the door of that family should take a new identifier. */
export type PingEventOut = MachineEvent | { kind: 'rotate'; family: Family; target: number }

export class PingMachine implements Machine<PingEventOut> {
  /** Packets that were none of ours: other programs' replies, errors about other flows. */
  ignored = 0
  readonly #s: PingSettings
  /** By slot; a slot is never given twice, since answers to whom it was may still come. */
  readonly #targets = new Map<number, Target>()
  #nextSlot = 0
  /** The newest target of an address; those before it hang on its `older`. */
  readonly #byIp: IpTable
  readonly #many = new Set<Target>()
  /** Of all targets, until one is stuck: a kernel filter lets up only so many. */
  readonly #id: number
  readonly #due = new TimerHeap<Target>()
  readonly #ready: Record<Family, Target[]> = { 4: [], 6: [] }
  readonly #events: PingEventOut[] = []
  #eventsHead = 0
  readonly #memory = new ProbeMemory()
  /** Replies that wait for their stamps, and what else is to be told behind them. */
  #held: (Held | PingEventOut)[] = []
  /** Targets that may be over once `#held` has been told. */
  readonly #ending = new Set<Target>()
  #left = 0
  #spacedUntil: Instant = Number.NEGATIVE_INFINITY as Instant
  #deadline: Instant | undefined
  #asking = 0
  #holding: boolean
  #over = false
  /** Of targets that are over and forgotten. */
  readonly #past = new RttStatistics()
  #rotatedAt: Record<Family, number> = { 4: Number.NEGATIVE_INFINITY, 6: Number.NEGATIVE_INFINITY }
  #rotateAgainAt = Number.NEGATIVE_INFINITY
  readonly #quoted: Quoted = noQuote()
  readonly #seen: Seen = { id: -1, seq: -1, token: 'none', slot: -1, ext: -1 }

  constructor(settings: PingSettings) {
    this.#s = settings
    this.#holding = settings.hold
    this.#id = Math.floor(settings.random() * 0x10000)
    this.#byIp = new IpTable(Math.floor(settings.random() * 0x100000000))
  }

  /**
   * Begins to ask `target` at `at` (not before now); returns its slot, which every event names. In a run that is over
   * its summary follows at once.
   */
  add(now: Instant, target: PingTarget, at: Instant = now): number {
    const slot = this.#nextSlot++
    const t = newTarget(slot, target, this.#id, this.#s.preload, now, at)
    t.older = this.#targets.get(this.#byIp.get(t.ip))
    this.#targets.set(slot, t)
    this.#byIp.set(t.ip, slot)
    if (t.many) this.#many.add(t)
    this.#asking++
    if (this.#over) {
      this.#finish(t, now)
      return slot
    }
    this.#dueAt(t, at)
    if (this.#deadline === undefined && this.#s.deadlineMs !== undefined) {
      this.#deadline = (now + this.#s.deadlineMs) as Instant
    }
    return slot
  }

  /** Many sources may answer this target: a subnet's broadcast address, which only the routes know. */
  expectMany(slot: number): void {
    const t = this.#targets.get(slot)
    if (t === undefined) return
    t.many = true
    this.#many.add(t)
  }

  /** Stops asking; its summary follows. Unknown or ended slots are none of our business. */
  remove(now: Instant, slot: number): void {
    this.#release()
    const t = this.#targets.get(slot)
    if (t !== undefined && t.phase !== 'done') this.#finish(t, now)
  }

  /** Ends everything now: what is in flight stays unanswered, as with iputils. */
  stop(now: Instant): void {
    this.#release()
    for (const t of this.#targets.values()) if (t.phase !== 'done') this.#finish(t, now)
    this.#holding = false
    this.#over = true
  }

  /** The summary so far. */
  summary(slot: number): SummaryEvent | undefined {
    const t = this.#targets.get(slot)
    return t === undefined ? undefined : summarize(t, t.endedAt)
  }

  /** Statistics of all targets together. */
  total(): RttStatistics {
    const all = new RttStatistics()
    all.merge(this.#past)
    for (const t of this.#targets.values()) all.merge(t.rtt)
    return all
  }

  handleTimeout(now: Instant): void {
    this.#release()
    if (this.#deadline !== undefined && now >= this.#deadline) {
      this.stop(now)
      return
    }
    this.#settle(now)
    this.#memory.forget(now, this.#gone)
    for (let at = this.#due.next; at !== undefined && at <= now; at = this.#due.next) {
      const t = this.#due.pop(now)!
      if (at === t.timerAt) t.timerAt = Number.POSITIVE_INFINITY
      if (t.phase !== 'asking' || t.ready) continue
      // It became due later since: an answer came and the pace began anew.
      if (t.dueAt > now) this.#dueAt(t, t.dueAt)
      else this.#makeReady(t)
    }
  }

  pollTransmit(now: Instant, slot: Slot): boolean {
    const t = this.#nextReady(now, slot.family)
    if (t === undefined) return false
    if (this.#s.tellOutstanding) {
      const last = t.probes.get(t.ext)
      if (last?.state === 'flying' || last?.state === 'lost') {
        this.#emit({ kind: 'outstanding', target: t.slot, seq: t.ext, at: now })
      }
    }
    const probe = this.#launch(now, t)
    this.#writePacket(probe, slot)
    slot.tag = probe.tag
    slot.port = t.port
    this.#schedule(now, t)
    return true
  }

  handleSent(_now: Instant, tag: number, stamp: Instant, clock: ClockSource): void {
    const probe = this.#memory.byTag(tag)
    if (probe === undefined || (this.#s.userClock && clock !== 'user')) return
    if (clock === 'user' && probe.sentClock === 'user') {
      probe.userAt = stamp
      probe.sentAt = stamp
    } else if (clock !== 'user' && probe.sentClock !== 'hardware') {
      probe.sentAt = stamp
      probe.sentClock = clock
    }
  }

  handleUnsent(now: Instant, tag: number, why: LocalDrop, mtu: number): void {
    const probe = this.#memory.byTag(tag)
    if (probe === undefined || probe.state !== 'flying' || probe.target.phase === 'done') return
    const t = probe.target
    const seq = probe.ext
    if (why === 'too-big' || why === 'no-route') {
      // The local kernel answered the question: an error, as iputils counts it.
      t.errors++
      const event: ErrorEvent = {
        kind: 'error',
        origin: 'local',
        target: t.slot,
        seq,
        from: null,
        port: 0,
        family: t.family,
        type: null,
        code: null,
        why,
        mtu: why === 'too-big' && mtu > 0 ? mtu : null,
        pointer: null,
        message: null,
        headerQuoted: false,
        at: now,
      }
      this.#emit(event)
      this.#end(probe, 'failed', now)
      t.bursts.lost()
    } else {
      t.sent--
      t.localDrops++
      this.#emit({ kind: 'local-drop', target: t.slot, seq, why, at: now })
      this.#end(probe, 'unsent', now)
    }
    this.#finishIfDrained(t, now)
  }

  handlePacket(now: Instant, a: Arrival): boolean {
    const version = a.end > a.at ? a.bytes[a.at]! >> 4 : 0
    if (version === 4) this.#handle4(now, a)
    else if (version === 6) this.#handle6(now, a)
    else this.ignored++
    return false
  }

  pollEvent(): PingEventOut | undefined {
    if (this.#eventsHead === this.#events.length) {
      if (this.#eventsHead > 0) {
        this.#events.length = 0
        this.#eventsHead = 0
      }
      return undefined
    }
    return this.#events[this.#eventsHead++]
  }

  pollTimeout(): Instant | undefined {
    if (this.#held.length > 0 || this.#eventsHead < this.#events.length) return 0 as Instant
    if (this.#asking === 0) {
      return this.#holding ? (this.#deadline ?? (Number.POSITIVE_INFINITY as Instant)) : undefined
    }
    let next = this.#due.next ?? (Number.POSITIVE_INFINITY as Instant)
    if (this.#ready[4].length + this.#ready[6].length > 0 && this.#spacedUntil < next) next = this.#spacedUntil
    const oldest = this.#memory.oldestFlying()
    if (oldest !== undefined && oldest.userAt + this.#s.timeoutMs < next) {
      next = (oldest.userAt + this.#s.timeoutMs) as Instant
    }
    return this.#deadline !== undefined && this.#deadline < next ? this.#deadline : next
  }

  // --- asking ---------------------------------------------------------------------------------------------------

  #makeReady(t: Target): void {
    t.ready = true
    this.#ready[t.family].push(t)
  }

  /** Who has been ready longest. Under a packet rate the families share it so: a door does not pass the other's turn. */
  #nextReady(now: Instant, family: Family | undefined): Target | undefined {
    const spaced = this.#s.spacingMs > 0
    if (spaced && now < this.#spacedUntil) return undefined
    const four = this.#firstReady(4)
    const six = this.#firstReady(6)
    const turn = six === undefined || (four !== undefined && four.dueAt <= six.dueAt) ? 4 : 6
    if (spaced && family !== undefined && family !== turn) return undefined
    const t = this.#ready[family ?? turn].shift()
    if (t !== undefined) t.ready = false
    return t
  }

  #firstReady(family: Family): Target | undefined {
    const queue = this.#ready[family]
    while (queue.length > 0 && queue[0]!.phase !== 'asking') queue.shift()!.ready = false
    return queue[0]
  }

  #launch(now: Instant, t: Target): Probe {
    t.ext++
    t.sent++
    t.flying++
    t.startedAt ??= now
    this.#left++
    return this.#memory.launch(t, now, this.#s.echoId(t.family) ?? t.id, midnight(now, this.#s.midnightOffsetMs))
  }

  #writePacket(probe: Probe, slot: Slot): void {
    const { target: t } = probe
    const s = this.#s
    const length = s.question.size(t.family)
    const asked = this.#asked(probe)
    if (t.family === 4) {
      const at = ip4.write(
        {
          tos: s.tos,
          df: s.dontFragment,
          id: s.dontFragment ? 0 : probe.ext & 0xffff,
          ttl: s.ttl,
          protocol: 1,
          src: asked.src as typeof ANY4,
          dst: t.ip as typeof ANY4,
          ...(s.ipOptions === undefined ? {} : { options: s.ipOptions }),
        },
        slot.bytes,
        slot.at,
        length,
      )
      slot.end = s.question.write(asked, slot.bytes, at)
    } else {
      const at = ip6.write(
        {
          trafficClass: s.tos,
          flowLabel: s.flowLabel,
          protocol: 58,
          hopLimit: s.ttl,
          src: asked.src as typeof ANY6,
          dst: t.ip as typeof ANY6,
        },
        slot.bytes,
        slot.at,
        length,
      )
      slot.end = s.question.write(asked, slot.bytes, at)
    }
  }

  #asked(probe: Probe): Asked {
    const t = probe.target
    return {
      slot: t.slot,
      ext: probe.ext,
      id: probe.id,
      family: t.family,
      src: t.source ?? (t.family === 4 ? ANY4 : ANY6),
      dst: t.ip,
      midnightMs: probe.midnightMs,
    }
  }

  /** When this target is due again, after a probe that left now. */
  #schedule(now: Instant, t: Target): void {
    const s = this.#s
    if (s.spacingMs > 0)
      this.#spacedUntil = (Math.max(this.#spacedUntil, now - SPACING_SLACK_MS) + s.spacingMs) as Instant
    if (s.budget !== undefined && this.#left >= s.budget) {
      this.#holding = false
      this.#over = true
      for (const each of this.#targets.values()) {
        if (each.phase === 'asking') each.phase = 'draining'
        this.#finishIfDrained(each, now)
      }
      return
    }
    if (s.count !== undefined && s.deadlineMs === undefined && t.ext >= s.count) {
      t.phase = 'draining'
      return
    }
    let wait = s.pace === 'flood' ? Math.min(10, s.intervalMs) : s.intervalMs
    if (t.preloadLeft > 0) {
      t.preloadLeft--
      wait = 0
    }
    // From when it was due, not from now, so that the pace does not drift; but never to catch up in a burst.
    this.#dueAt(t, Math.max(s.pace === 'interval' ? t.dueAt + wait : now + wait, wait === 0 ? now : now + wait / 2))
  }

  /** An entry of the heap that comes too early is put off when it comes, so that one a target is enough. */
  #dueAt(t: Target, at: number): void {
    t.dueAt = at as Instant
    if (at >= t.timerAt) return
    t.timerAt = at
    this.#due.push(at, t)
  }

  // --- hearing --------------------------------------------------------------------------------------------------

  #handle4(now: Instant, a: Arrival): void {
    const h = ip4.parse(a.bytes, a.at, a.end)
    // Behind the first fragment there is no ICMP header (RFC 791): the kernel reassembles before it shows us any.
    if (h.kind === 'malformed' || h.protocol !== 1 || h.offset !== 0 || h.end - h.payload < 8) {
      this.ignored++
      return
    }
    const type = a.bytes[h.payload]!
    if (type === this.#s.question.replyType(4)) {
      const bad = a.checksum === 'unknown' && a.end >= a.at + h.length && !holds(sum(a.bytes, h.payload, h.end))
      this.#handleReply(now, a, h.payload, h.end, 4, h.src, h.ttl, h.tos, bad, h.options)
    } else if (type === 3 || type === 4 || type === 5 || type === 11 || type === 12) {
      if (a.checksum === 'unknown' && a.end >= a.at + h.length && !holds(sum(a.bytes, h.payload, h.end))) this.ignored++
      else this.#handleError(now, a, h.payload, h.end, 4, h.src)
    } else {
      this.ignored++
    }
  }

  #handle6(now: Instant, a: Arrival): void {
    const h = ip6.parse(a.bytes, a.at, a.end)
    if (h.kind === 'malformed' || h.protocol !== 58 || h.end - h.payload < 8) {
      this.ignored++
      return
    }
    const type = a.bytes[h.payload]!
    const isReply = type === this.#s.question.replyType(6)
    if (!isReply && !(type >= 1 && type <= 4)) {
      this.ignored++
      return
    }
    const whole = a.end >= a.at + ip6.HEADER + h.payloadLength
    const bad =
      a.checksum === 'unknown' &&
      whole &&
      !holds(sum(a.bytes, h.payload, h.end, pseudoSum6(h.src, h.finalDst, 58, h.end - h.payload)))
    if (isReply) this.#handleReply(now, a, h.payload, h.end, 6, h.src, h.hopLimit, h.trafficClass, bad, undefined)
    else if (bad) this.ignored++
    else this.#handleError(now, a, h.payload, h.end, 6, h.src)
  }

  #handleReply(
    now: Instant,
    a: Arrival,
    at: number,
    end: number,
    family: Family,
    from: Ip,
    ttl: number,
    tos: number,
    badSum: boolean,
    options: Uint8Array | undefined,
  ): void {
    const { question } = this.#s
    const seen = this.#seen
    if (!question.read(a.bytes, at, end, family, seen)) {
      this.ignored++
      return
    }
    const probe = this.#probeOf(seen, family, from)
    const bytes = a.length - (at - a.at)
    if (probe === undefined) {
      this.#foreign(a, family, from, ttl, bytes, seen)
      return
    }
    const t = probe.target
    // Nothing about a target follows its summary.
    if (t.phase === 'done') {
      this.ignored++
      return
    }
    t.endedAt = a.stamp
    // A token that is not ours, on a probe that matches all else: somebody changed the payload under way.
    const differsAt = badSum
      ? -2
      : seen.token === 'alien'
        ? 8
        : question.differsAt(a.bytes, at, end, this.#asked(probe))
    const { userClock, midnightOffsetMs } = this.#s
    const held: Held = {
      probe,
      kind: 'corrupt',
      from,
      port: a.port,
      stamp: userClock ? now : a.stamp,
      clock: userClock ? 'user' : a.clock,
      readAt: now,
      ttl,
      tos,
      bytes,
      options: options?.length ? options.slice() : undefined,
      differsAt,
      answer: undefined,
    }
    this.#held.push(held)
    if (differsAt !== -1) {
      t.corrupt++
      // With another's token it may be another's answer, or made to look like ours: the true one may yet come.
      if (probe.state === 'flying' && seen.token !== 'alien') {
        this.#end(probe, 'failed', now)
        t.bursts.lost()
        this.#finishIfDrained(t, now)
      }
      return
    }
    if (this.#isRepeat(probe, from)) {
      held.kind = 'duplicate'
      t.duplicates++
      return
    }
    held.kind = probe.state === 'lost' || probe.state === 'failed' ? 'late' : 'reply'
    const midnightMs = midnight(a.stamp, midnightOffsetMs)
    held.answer = question.answer(a.bytes, at, end, this.#asked(probe), { midnightMs, at: a.stamp })
    if (probe.state === 'unsent') {
      // The kernel refused it, so it said, and yet it left.
      t.sent++
      t.localDrops--
    }
    const first = t.many ? probe.responders?.size === 1 : probe.state !== 'answered'
    if (first) {
      t.received++
      if (held.kind === 'late') t.late++
      t.bursts.answered()
      t.rotateAfter = ROTATE_AFTER
      // Others may answer a multicast until its time is over.
      if (!t.many || probe.state !== 'flying') this.#end(probe, 'answered', now)
    }
    this.#paceByReply(now, probe)
    this.#finishIfDrained(t, now)
  }

  /** In a run without kernel stamps nothing needs to wait, yet the order of events must stay: all go through `#held`. */
  #release(): void {
    if (this.#held.length === 0) return
    const held = this.#held
    this.#held = []
    for (const h of held) this.#emit('probe' in h ? this.#replyEvent(h) : h)
    const ending = [...this.#ending]
    this.#ending.clear()
    for (const t of ending) this.#finishIfDrained(t, t.endedAt)
  }

  #replyEvent(h: Held): ReplyEvent {
    const { probe } = h
    const t = probe.target
    const trip = this.#roundTrip(probe, h.stamp, h.clock, h.readAt)
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

  #roundTrip(
    probe: Probe,
    stamp: Instant,
    clock: ClockSource,
    readAt: Instant,
  ): { rttNs: number; clock: ClockSource; suspect: boolean } {
    const bracket = readAt - probe.userAt
    const fits = (rtt: number) => rtt >= 0 && rtt <= bracket + 0.001
    const rtt = stamp - probe.sentAt
    // A kernel round trip lies inside the user's (CVE-2025-47268: no time from the wire is read). Our own copy of a
    // multicast comes back before the driver stamps what left; outside both the realtime clock was stepped.
    if (!fits(rtt)) {
      const fromUser = stamp - probe.userAt
      if (clock !== 'user' && fits(fromUser)) {
        return { rttNs: Math.round(fromUser * 1e6), clock: 'kernel-rx', suspect: false }
      }
      return { rttNs: Math.max(0, Math.round(bracket * 1e6)), clock: 'user', suspect: true }
    }
    const both: ClockSource =
      clock === 'user'
        ? 'user'
        : clock === 'virtual' || probe.sentClock === 'virtual'
          ? 'virtual'
          : probe.sentClock === 'user'
            ? 'kernel-rx'
            : clock === 'hardware' && probe.sentClock === 'hardware'
              ? 'hardware'
              : 'kernel-txrx'
    return { rttNs: Math.round(rtt * 1e6), clock: both, suspect: false }
  }

  #probeOf(seen: Seen, family: Family, from: Ip): Probe | undefined {
    if (seen.token === 'ours') {
      const t = this.#targets.get(seen.slot)
      if (t === undefined || t.family !== family || !(t.many || t.ip === from)) return undefined
      const probe = t.probes.get(this.#extOf(seen, t))
      if (probe === undefined || !this.#idFits(probe, seen)) return undefined
      return this.#lowBits(probe.ext) === seen.seq ? probe : undefined
    }
    const probe = this.#probeByAddress(seen, from)
    if (probe !== undefined) return probe
    for (const t of this.#many) {
      const asked = t.family === family ? this.#fitting(seen, t) : undefined
      if (asked !== undefined) return asked
    }
    return undefined
  }

  /** Without a token: among the probes to that address with that id and sequence one in flight, else the newest. */
  #probeByAddress(seen: Seen, to: Ip): Probe | undefined {
    let best: Probe | undefined
    for (let t = this.#targets.get(this.#byIp.get(to)); t !== undefined; t = t.older) {
      const probe = this.#fitting(seen, t)
      if (probe?.state === 'flying' && t.phase !== 'done') return probe
      best ??= probe
    }
    return best
  }

  #fitting(seen: Seen, t: Target): Probe | undefined {
    if (t.ext === 0) return undefined
    const probe = t.probes.get(this.#extOf(seen, t))
    return probe !== undefined && this.#idFits(probe, seen) ? probe : undefined
  }

  #extOf(seen: Seen, t: Target): number {
    return seen.ext >= 0 ? extend(seen.ext, t.ext, 32) : extend(seen.seq, t.ext, this.#s.question.seqBits)
  }

  #idFits(probe: Probe, seen: Seen): boolean {
    return seen.id < 0 || this.#s.echoId(probe.target.family) !== undefined || seen.id === probe.id
  }

  #lowBits(ext: number): number {
    return ext & ((1 << this.#s.question.seqBits) - 1)
  }

  #isRepeat(probe: Probe, from: Ip): boolean {
    if (!probe.target.many) return probe.state === 'answered'
    probe.responders ??= new IpTable(Math.floor(this.#s.random() * 0x100000000), MAX_RESPONDERS)
    if (probe.responders.get(from) >= 0) return true
    probe.responders.set(from, 1)
    return false
  }

  /** Only what carries one of our identifiers is worth an event; the rest are other programs' replies. */
  #foreign(a: Arrival, family: Family, from: Ip, ttl: number, bytes: number, seen: Seen): void {
    const t = this.#targets.get(this.#byIp.get(from))
    const claims =
      seen.token === 'ours' ||
      this.#s.echoId(family) !== undefined ||
      (t !== undefined && t.id === seen.id && seen.token !== 'none')
    if (!claims) {
      this.ignored++
      return
    }
    const about = t ?? this.#targets.get(seen.token === 'ours' ? seen.slot : -1)
    if (about?.phase === 'done') {
      this.ignored++
      return
    }
    if (about !== undefined) about.foreign++
    this.#emit({
      kind: 'foreign',
      target: about?.slot ?? -1,
      from,
      port: a.port,
      at: a.stamp,
      id: seen.id,
      seq: seen.seq,
      bytes,
      ttl,
    })
  }

  #handleError(now: Instant, a: Arrival, at: number, end: number, family: Family, from: Ip): void {
    const { question } = this.#s
    const type = a.bytes[at]!
    const seen = this.#seen
    const q = this.#quoted
    const probe =
      locateQuoted(a.bytes, at + 8, end, family, q) &&
      a.bytes[q.at] === question.requestType(family) &&
      question.read(a.bytes, q.at, q.end, family, seen)
        ? this.#probeOfQuote(seen, q.to)
        : undefined
    if (probe === undefined || probe.target.phase === 'done') {
      this.ignored++
      return
    }
    const t = probe.target
    t.errors++
    t.endedAt = a.stamp
    const code = a.bytes[at + 1]!
    this.#emit({
      kind: 'error',
      origin: 'icmp',
      target: t.slot,
      seq: probe.ext,
      from,
      port: a.port,
      family,
      type,
      code,
      why: null,
      mtu: mtuOf(family, type, code, a.bytes, at),
      pointer: pointerOf(family, type, a.bytes, at),
      message: a.bytes.slice(at, end),
      headerQuoted: a.origin !== 'error-queue',
      at: a.stamp,
    })
    // A redirect or a source quench (RFC 6633) says nothing about this probe's fate.
    if (family === 4 && (type === 4 || type === 5)) return
    if (probe.state === 'flying') {
      this.#end(probe, 'failed', now)
      t.bursts.lost()
      this.#rotateIfStuck(now, t)
      this.#finishIfDrained(t, now)
    }
  }

  /** The quote names whom we asked; a token in it must be ours (RFC 5927 §4.1: the more is checked, the harder to forge). */
  #probeOfQuote(seen: Seen, to: Ip): Probe | undefined {
    if (seen.token === 'alien') return undefined
    if (seen.token === 'none') return this.#probeByAddress(seen, to)
    const t = this.#targets.get(seen.slot)
    return t === undefined || t.ip !== to ? undefined : this.#fitting(seen, t)
  }

  #paceByReply(now: Instant, probe: Probe): void {
    const t = probe.target
    if (this.#s.pace === 'interval' || t.phase !== 'asking' || t.ready || probe.ext !== t.ext) return
    t.dueAt = now
    this.#makeReady(t)
  }

  // --- settling -------------------------------------------------------------------------------------------------

  #end(probe: Probe, state: ProbeState, now: Instant): void {
    if (probe.state === 'flying') probe.target.flying--
    probe.state = state
    probe.target.endedAt = now
  }

  #settle(now: Instant): void {
    for (let p = this.#memory.oldestFlying(); p !== undefined; p = this.#memory.oldestFlying()) {
      if (p.userAt + this.#s.timeoutMs > now && this.#memory.hasRoom) return
      const t = p.target
      if (t.phase === 'done') {
        p.state = 'lost'
        continue
      }
      if (p.responders !== undefined && p.responders.size > 0) {
        this.#end(p, 'answered', t.endedAt)
        this.#finishIfDrained(t, now)
        continue
      }
      this.#end(p, 'lost', now)
      t.bursts.lost()
      this.#emit({ kind: 'timeout', target: t.slot, seq: p.ext, at: now })
      this.#rotateIfStuck(now, t)
      this.#finishIfDrained(t, now)
    }
  }

  #rotateIfStuck(now: Instant, t: Target): void {
    if (t.many || t.bursts.run < t.rotateAfter) return
    if (this.#s.echoId(t.family) === undefined) {
      t.id = (this.#id + ((t.id - this.#id + 1) & (IDS - 1))) & 0xffff
    } else if (now - this.#rotatedAt[t.family] >= ROTATE_EVERY_MS) {
      if (now < this.#rotateAgainAt) return
      // What is on its way to the old identifier would be lost: a later moment may be better.
      this.#rotateAgainAt = now + ROTATE_RETRY_MS
      if (this.#answersAreDue(t.family)) return
      this.#rotatedAt[t.family] = now
      this.#emit({ kind: 'rotate', family: t.family, target: t.slot })
    }
    t.rotateAfter = t.bursts.run * 2
  }

  /** A target that does answer has a probe in flight. */
  #answersAreDue(family: Family): boolean {
    for (const t of this.#targets.values()) {
      if (t.family === family && t.flying > 0 && t.bursts.run === 0 && t.phase !== 'done') return true
    }
    return false
  }

  #finishIfDrained(t: Target, now: Instant): void {
    if (t.phase === 'done') return
    const { count, deadlineMs } = this.#s
    // As iputils: with -c and -w it ends with the reply that makes the count full, whatever else is in flight.
    const full = count !== undefined && deadlineMs !== undefined && t.received >= count
    if (!full && (t.phase !== 'draining' || t.flying > 0)) return
    // A reply still held is not yet an event: the summary comes after it.
    if (this.#held.length > 0) this.#ending.add(t)
    else this.#finish(t, now)
  }

  #finish(t: Target, now: Instant): void {
    t.phase = 'done'
    if (t.startedAt === undefined) t.endedAt = now
    // What is in flight counts as lost from here on.
    if (t.flying > 0)
      for (const p of t.probes.values()) if (p.state === 'flying' && !p.responders?.size) t.bursts.lost()
    this.#asking--
    this.#emit(summarize(t, t.flying > 0 ? now : t.endedAt))
    if (t.probes.size === 0) this.#gone(t)
  }

  /** A run that targets come to and leave for weeks must not grow: what is over goes into the total. */
  readonly #gone = (t: Target): void => {
    this.#past.merge(t.rtt)
    this.#targets.delete(t.slot)
    this.#many.delete(t)
    const newest = this.#targets.get(this.#byIp.get(t.ip))
    if (newest !== undefined) {
      for (let n = newest; n.older !== undefined; n = n.older) {
        if (n.older !== t) continue
        n.older = t.older
        break
      }
    } else if (t.older !== undefined) this.#byIp.set(t.ip, t.older.slot)
    else this.#byIp.delete(t.ip)
  }

  #emit(e: PingEventOut): void {
    if (this.#held.length > 0) this.#held.push(e)
    else this.#events.push(e)
  }
}

/** Milliseconds since midnight UT. */
function midnight(at: Instant, offset: number): number {
  const day = 86_400_000
  return (((at + offset) % day) + day) % day
}
