/**
 * Ping of N targets, sans-IO: sequences, matching, time-outs, outcomes and statistics. Time and chance come in as
 * arguments; doors and the lab drive it alike (door.ts).
 *
 * A reply is believed when the run's token is in it, or, where the payload has no room for one, when address, id and
 * sequence match a probe in flight; an error when its quote does (RFC 5927 §4). Everything else is counted, not believed.
 */
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival, LocalDrop, Machine, Slot } from '../door.ts'
import type { Family, Ip } from '../wire/addr.ts'
import { IpTable } from '../wire/ip-table.ts'
import { type Heard, hear, nothingHeard } from './heard.ts'
import { Identifiers } from './identifiers.ts'
import { type Held, Outbox, type PingEventOut } from './outbox.ts'
import { Pace } from './pace.ts'
import type { ErrorEvent, SummaryEvent } from './ping-event.ts'
import type { PingSettings } from './ping-settings.ts'
import { type PingTarget, type Probe, type ProbeState, ROTATE_AFTER, summarize, type Target } from './ping-target.ts'
import { ProbeMemory } from './probe-memory.ts'
import { askedBy, writeProbe } from './probe-packet.ts'
import type { Seen } from './question.ts'
import { locateQuoted, mtuOf, noQuote, pointerOf, type Quoted } from './quoted-message.ts'
import { RttStatistics } from './statistics.ts'
import { TargetTable } from './target-table.ts'

/** Responders told apart for one multicast probe. */
const MAX_RESPONDERS = 4096
export class PingMachine implements Machine<PingEventOut> {
  /** Packets that were none of ours: other programs' replies, errors about other flows. */
  ignored = 0
  readonly #s: PingSettings
  readonly #targets: TargetTable
  readonly #identifiers: Identifiers
  readonly #pace: Pace
  readonly #outbox = new Outbox()
  readonly #memory = new ProbeMemory()
  /** Targets that may be over once all replies have been told. */
  readonly #ending = new Set<Target>()
  #left = 0
  #deadline: Instant | undefined
  #asking = 0
  #holding: boolean
  #over = false
  /** Of targets that are over and forgotten. */
  readonly #past = new RttStatistics()
  readonly #heard: Heard = nothingHeard()
  readonly #quoted: Quoted = noQuote()
  readonly #seen: Seen = { id: -1, seq: -1, token: 'none', slot: -1, ext: -1 }

  constructor(settings: PingSettings) {
    this.#s = settings
    this.#holding = settings.hold
    this.#identifiers = new Identifiers(settings)
    this.#targets = new TargetTable(settings, Math.floor(settings.random() * 0x100000000))
    this.#pace = new Pace(settings)
  }

  /**
   * Begins to ask `target` at `at` (not before now); returns its slot, which every event names. In a run that is over
   * its summary follows at once.
   */
  add(now: Instant, target: PingTarget, at: Instant = now): number {
    const t = this.#targets.add(target, this.#identifiers.first, now, at)
    this.#asking++
    if (this.#over) {
      this.#finish(t, now)
      return t.slot
    }
    this.#pace.dueAt(t, at)
    if (this.#deadline === undefined && this.#s.deadlineMs !== undefined) {
      this.#deadline = (now + this.#s.deadlineMs) as Instant
    }
    return t.slot
  }

  /** Many sources may answer this target: a subnet's broadcast address, which only the routes know. */
  expectMany(slot: number): void {
    const t = this.#targets.get(slot)
    if (t !== undefined) this.#targets.expectMany(t)
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
    for (const t of this.#targets) if (t.phase !== 'done') this.#finish(t, now)
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
    for (const t of this.#targets) all.merge(t.rtt)
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
    this.#pace.wake(now)
  }

  pollTransmit(now: Instant, slot: Slot): boolean {
    const t = this.#pace.next(now, slot.family)
    if (t === undefined) return false
    if (this.#s.tellOutstanding) {
      const last = t.probes.get(t.ext)
      if (last?.state === 'flying' || last?.state === 'lost') {
        this.#outbox.emit({ kind: 'outstanding', target: t.slot, seq: t.ext, at: now })
      }
    }
    const probe = this.#launch(now, t)
    writeProbe(probe, this.#s, slot)
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
      this.#outbox.emit(event)
      this.#end(probe, 'failed', now)
      t.bursts.lost(probe.ext)
    } else {
      t.sent--
      t.localDrops++
      this.#outbox.emit({ kind: 'local-drop', target: t.slot, seq, why, at: now })
      this.#end(probe, 'unsent', now)
    }
    this.#finishIfDrained(t, now)
  }

  handlePacket(now: Instant, a: Arrival): boolean {
    const h = this.#heard
    if (!hear(a, this.#s.question, h)) this.ignored++
    else if (h.error) this.#handleError(now, a, h)
    else this.#handleReply(now, a, h)
    return false
  }

  pollEvent(): PingEventOut | undefined {
    return this.#outbox.poll()
  }

  pollTimeout(): Instant | undefined {
    if (this.#outbox.waits || this.#outbox.full) return 0 as Instant
    if (this.#asking === 0) {
      return this.#holding ? (this.#deadline ?? (Number.POSITIVE_INFINITY as Instant)) : undefined
    }
    let next = this.#pace.nextAt
    const oldest = this.#memory.oldestFlying()
    if (oldest !== undefined && oldest.userAt + this.#s.timeoutMs < next) {
      next = (oldest.userAt + this.#s.timeoutMs) as Instant
    }
    return this.#deadline !== undefined && this.#deadline < next ? this.#deadline : next
  }

  // --- asking ---------------------------------------------------------------------------------------------------

  #launch(now: Instant, t: Target): Probe {
    t.ext++
    t.sent++
    t.flying++
    t.startedAt ??= now
    this.#left++
    return this.#memory.launch(t, now, this.#s.echoId(t.family) ?? t.id, midnight(now, this.#s.midnightOffsetMs))
  }

  /** When this target is due again, after a probe that left now. */
  #schedule(now: Instant, t: Target): void {
    const s = this.#s
    this.#pace.left(now)
    if (s.budget !== undefined && this.#left >= s.budget) {
      this.#holding = false
      this.#over = true
      for (const each of this.#targets) {
        if (each.phase === 'asking') each.phase = 'draining'
        this.#finishIfDrained(each, now)
      }
      return
    }
    if (s.count !== undefined && s.deadlineMs === undefined && t.ext >= s.count) t.phase = 'draining'
    else this.#pace.again(now, t)
  }

  // --- hearing --------------------------------------------------------------------------------------------------

  #handleReply(now: Instant, a: Arrival, h: Heard): void {
    const { at, end, family, from, ttl, tos } = h
    const { question } = this.#s
    const seen = this.#seen
    if (!question.read(a.bytes, at, end, family, seen)) {
      this.ignored++
      return
    }
    const probe = this.#targets.probeOf(seen, family, from)
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
    const differsAt = h.badSum ? -2 : seen.token === 'alien' ? 8 : question.differsAt(a.bytes, at, end, askedBy(probe))
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
      options: h.options?.length ? h.options.slice() : undefined,
      differsAt,
      answer: undefined,
    }
    this.#outbox.hold(held)
    if (differsAt !== -1) {
      t.corrupt++
      // With another's token it may be another's answer, or made to look like ours: the true one may yet come.
      if (probe.state === 'flying' && seen.token !== 'alien') {
        this.#end(probe, 'failed', now)
        t.bursts.lost(probe.ext)
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
    held.answer = question.answer(a.bytes, at, end, askedBy(probe), { midnightMs, at: a.stamp })
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
    if (probe.ext === t.ext) this.#pace.answered(now, t)
    this.#finishIfDrained(t, now)
  }

  #release(): void {
    if (!this.#outbox.waits) return
    this.#outbox.release()
    const ending = [...this.#ending]
    this.#ending.clear()
    for (const t of ending) this.#finishIfDrained(t, t.endedAt)
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
    const t = this.#targets.newest(from)
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
    this.#outbox.emit({
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

  #handleError(now: Instant, a: Arrival, { at, end, family, from }: Heard): void {
    const { question } = this.#s
    const type = a.bytes[at]!
    const seen = this.#seen
    const q = this.#quoted
    const probe =
      locateQuoted(a.bytes, at + 8, end, family, q) &&
      a.bytes[q.at] === question.requestType(family) &&
      question.read(a.bytes, q.at, q.end, family, seen)
        ? this.#targets.probeOfQuote(seen, q.to)
        : undefined
    if (probe === undefined || probe.target.phase === 'done') {
      this.ignored++
      return
    }
    const t = probe.target
    t.errors++
    t.endedAt = a.stamp
    const code = a.bytes[at + 1]!
    this.#outbox.emit({
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
      t.bursts.lost(probe.ext)
      this.#newIdentifierIfStuck(now, t)
      this.#finishIfDrained(t, now)
    }
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
      t.bursts.lost(p.ext)
      this.#outbox.emit({ kind: 'timeout', target: t.slot, seq: p.ext, at: now })
      this.#newIdentifierIfStuck(now, t)
      this.#finishIfDrained(t, now)
    }
  }

  #newIdentifierIfStuck(now: Instant, t: Target): void {
    if (this.#identifiers.lost(now, t, this.#targets))
      this.#outbox.emit({ kind: 'rotate', family: t.family, target: t.slot })
  }

  #finishIfDrained(t: Target, now: Instant): void {
    if (t.phase === 'done') return
    const { count, deadlineMs } = this.#s
    // As iputils: with -c and -w it ends with the reply that makes the count full, whatever else is in flight.
    const full = count !== undefined && deadlineMs !== undefined && t.received >= count
    if (!full && (t.phase !== 'draining' || t.flying > 0)) return
    // A reply still held is not yet an event: the summary comes after it.
    if (this.#outbox.waits) this.#ending.add(t)
    else this.#finish(t, now)
  }

  #finish(t: Target, now: Instant): void {
    t.phase = 'done'
    if (t.startedAt === undefined) t.endedAt = now
    // What is in flight counts as lost from here on.
    if (t.flying > 0)
      for (const p of t.probes.values()) if (p.state === 'flying' && !p.responders?.size) t.bursts.lost(p.ext)
    this.#asking--
    this.#outbox.emit(summarize(t, t.flying > 0 ? now : t.endedAt))
    if (t.probes.size === 0) this.#gone(t)
  }

  /** A run that targets come to and leave for weeks must not grow: what is over goes into the total. */
  readonly #gone = (t: Target): void => {
    this.#past.merge(t.rtt)
    this.#targets.forget(t)
  }
}

/** Milliseconds since midnight UT. */
function midnight(at: Instant, offset: number): number {
  const day = 86_400_000
  return (((at + offset) % day) + day) % day
}
