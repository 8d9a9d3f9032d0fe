/**
 * The listener's side of MLD (RFC 3810 §6, version 1: RFC 2710 §4): routers and snooping switches hear which groups a
 * port listens to. All memberships of this node are EXCLUDE {}: any source will do.
 *
 * Left out: the querier (RFC 3810 §7). A gateway listens to ff02::2 and ff02::16 and takes reports without acting on them.
 */
import type { Instant } from '../../clock.ts'
import { ANY6, type Ip6, isMulticast } from '../../wire/addr.ts'
import type { Extension } from '../../wire/ip6-extension.ts'
import * as mld from '../../wire/mld.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Timer } from '../timers.ts'
import { ALL_MLDV2_ROUTERS, ALL_NODES, ALL_ROUTERS, type GroupWatcher, MAX_GROUPS } from './groups.ts'
import type { Ip6Layer } from './layer.ts'
import { isUnicastLinkLocal } from './nd-input.ts'
import type { Packet6 } from './packet.ts'

/** A change that the routers hear of so often as the robustness asks. */
interface Change {
  readonly group: Ip6
  readonly type: number
  left: number
}

/** A query about one group that waits for its answer. */
interface Pending {
  readonly group: Ip6
  readonly due: number
  /** Asked for these only; empty: for the group. */
  readonly sources: readonly Ip6[]
}

/** What a port has still to say, and what it has learned of its routers: gone when there is nothing of either. */
export interface MldPort {
  readonly port: Port
  changes: Change[]
  readonly repeat: Timer
  /** Answer to a general query. */
  general: Timer | undefined
  pending: Pending[]
  answer: Timer | undefined
  /** Version 1 until then (RFC 3810 §8.2.1). */
  v1Until: number
  robustness: number
  queryIntervalMs: number
  /** Groups whose last report, in version 1, was another's (RFC 2710 §4): no Done for them. */
  readonly othersReported: Ip6[]
}

export class Mld implements GroupWatcher {
  readonly #node: Node
  readonly #layer: Ip6Layer

  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
    layer.groups.watcher = this
  }

  /** A query came in. */
  queried(now: Instant, port: Port, p: Packet6, m: mld.Mldv1 | mld.Mldv2Query): void {
    if (!this.#valid(p)) return
    const mine = this.#of(port)
    this.#queried(now, mine, m)
    this.#rest(mine)
  }

  /** Another listener's report, in version 1. */
  reported(now: Instant, port: Port, p: Packet6, group: Ip6): void {
    if (p.src !== ANY6 && !this.#valid(p)) return
    const mine = this.#of(port)
    this.#suppress(now, mine, group)
    this.#rest(mine)
  }

  joined(now: Instant, port: Port, group: Ip6, delayMs: number): void {
    this.#changed(now, port, group, RecordType.changeToExclude, delayMs)
  }

  left(now: Instant, port: Port, group: Ip6): void {
    this.#changed(now, port, group, RecordType.changeToInclude, 0)
  }

  /** Reports that waited with their group's first probe leave now (RFC 4862 §5.4.2: the report goes first). */
  flush(now: Instant, port: Port): void {
    const p = port.ip6?.mld
    if (p !== undefined && p.repeat.at <= now) this.#repeat(now, p)
  }

  /** All groups again: a link-local address is there to speak from (RFC 3810 §5.2.13), or the link is back. */
  again(now: Instant, port: Port, delayMs = 0): void {
    const p = this.#of(port)
    for (const group of this.#layer.groups.of(port)) this.#change(p, group, RecordType.changeToExclude)
    if (p.changes.length === 0) this.#rest(p)
    else if (delayMs > 0) p.repeat.set(now + delayMs)
    else this.#repeat(now, p)
  }

  /** The node goes: all groups are left at once, in one word. */
  close(now: Instant): void {
    for (const port of this.#node.ports.values()) {
      if (port.ip6 === undefined) continue
      const p = this.#of(port)
      const groups = [...this.#layer.groups.of(p.port)].filter(isReported)
      this.#cancel(p)
      this.#send(
        now,
        p,
        groups.map((group) => ({ group, type: RecordType.changeToInclude })),
      )
      this.#rest(p)
    }
  }

  #changed(now: Instant, port: Port, group: Ip6, type: number, delayMs: number): void {
    if (!isReported(group)) return
    const p = this.#of(port)
    this.#tell(now, p, group, type, delayMs)
    this.#rest(p)
  }

  #tell(now: Instant, p: MldPort, group: Ip6, type: number, delayMs: number): void {
    if (this.#isV1(now, p)) {
      const others = p.othersReported.indexOf(group)
      if (others >= 0) p.othersReported.splice(others, 1)
      if (type === RecordType.changeToInclude && others >= 0) return
    }
    const change = this.#change(p, group, type)
    if (change === undefined) return
    if (delayMs > 0) {
      p.repeat.set(Math.min(p.repeat.at, now + delayMs))
      return
    }
    change.left--
    this.#send(now, p, [change])
    p.changes = p.changes.filter((c) => c.left > 0)
    if (p.changes.length > 0) this.#schedule(now, p)
  }

  /** The newest word about a group replaces older ones (RFC 3810 §6.1). */
  #change(p: MldPort, group: Ip6, type: number): Change | undefined {
    if (!isReported(group)) return undefined
    p.changes = p.changes.filter((c) => c.group !== group)
    if (p.changes.length >= MAX_GROUPS) return undefined
    const change = { group, type, left: p.robustness }
    p.changes.push(change)
    return change
  }

  #schedule(now: Instant, p: MldPort): void {
    const interval = this.#isV1(now, p) ? V1_REPORT_INTERVAL_MS : REPORT_INTERVAL_MS
    p.repeat.set(Math.min(p.repeat.at, now + this.#node.random() * interval))
  }

  #repeat(now: Instant, p: MldPort): void {
    p.repeat.stop()
    for (const c of p.changes) c.left--
    this.#send(now, p, p.changes)
    p.changes = p.changes.filter((c) => c.left > 0)
    if (p.changes.length > 0) this.#schedule(now, p)
    this.#rest(p)
  }

  #valid(p: Packet6): boolean {
    const { counters } = this.#node
    if (!isUnicastLinkLocal(p.src)) return counters.drop('bad-source')
    if (p.hopLimit !== 1) return counters.drop('hop-limit')
    return p.routerAlert === 0 || counters.drop('bad-options')
  }

  #queried(now: Instant, p: MldPort, m: mld.Mldv1 | mld.Mldv2Query): void {
    const { counters } = this.#node
    if (m.group !== ANY6 && !isMulticast(m.group)) {
      counters.drop('ignored')
      return
    }
    if (m.kind !== 'mldv2Query') {
      if (!this.#isV1(now, p)) this.#cancel(p)
      p.v1Until = now + p.robustness * p.queryIntervalMs + m.maxResponseDelayMs
    } else if (!this.#isV1(now, p)) {
      if (m.robustness > 0) p.robustness = m.robustness
      if (m.queryIntervalSeconds > 0) p.queryIntervalMs = m.queryIntervalSeconds * 1000
    }
    if (m.group !== ANY6 && !this.#listens(p, m.group)) {
      counters.drop('ignored')
      return
    }
    counters.answered++
    const due = now + this.#node.random() * m.maxResponseDelayMs
    if (p.general !== undefined && p.general.at <= due) return
    // Version 1 answers each group by itself, so that others' reports can spare it.
    if (m.group !== ANY6) this.#ask(p, m.group, due, m.kind === 'mldv2Query' ? m.sources : NONE)
    else if (this.#isV1(now, p))
      for (const group of this.#layer.groups.of(p.port)) {
        if (isReported(group)) this.#ask(p, group, now + this.#node.random() * m.maxResponseDelayMs, NONE)
      }
    else {
      p.general ??= new Timer(this.#node.timers, (at) => this.#answerAll(at, p))
      p.general.set(due)
    }
  }

  /** RFC 3810 §6.2, rules 3 to 5. */
  #ask(p: MldPort, group: Ip6, due: number, sources: readonly Ip6[]): void {
    const old = p.pending.find((a) => a.group === group)
    const merged = sources.length === 0 || old?.sources.length === 0 ? NONE : merge(old?.sources ?? NONE, sources)
    p.pending = p.pending.filter((a) => a !== old)
    p.pending.push({ group, due: Math.min(due, old?.due ?? due), sources: merged })
    this.#watch(p)
  }

  #watch(p: MldPort): void {
    let next = Number.POSITIVE_INFINITY
    for (const a of p.pending) next = Math.min(next, a.due)
    if (next === Number.POSITIVE_INFINITY) p.answer?.stop()
    else {
      p.answer ??= new Timer(this.#node.timers, (now) => this.#answer(now, p))
      p.answer.set(next)
    }
  }

  #answer(now: Instant, p: MldPort): void {
    const due = p.pending.filter((a) => a.due <= now && this.#listens(p, a.group))
    p.pending = p.pending.filter((a) => a.due > now)
    this.#watch(p)
    this.#send(
      now,
      p,
      due.map(({ group, sources }) => ({
        group,
        type: sources.length > 0 ? RecordType.modeIsInclude : RecordType.modeIsExclude,
        sources,
      })),
    )
    this.#rest(p)
  }

  #answerAll(now: Instant, p: MldPort): void {
    const records = []
    for (const group of this.#layer.groups.of(p.port)) {
      if (isReported(group)) records.push({ group, type: RecordType.modeIsExclude })
    }
    this.#send(now, p, records)
    this.#rest(p)
  }

  /** In version 1 a report that another sent is enough for the router (RFC 2710 §4). */
  #suppress(now: Instant, p: MldPort, group: Ip6): void {
    if (!this.#isV1(now, p) || !this.#listens(p, group)) {
      this.#node.counters.drop('ignored')
      return
    }
    p.pending = p.pending.filter((a) => a.group !== group)
    p.changes = p.changes.filter((c) => c.group !== group)
    if (!p.othersReported.includes(group)) p.othersReported.push(group)
    this.#watch(p)
  }

  #listens(p: MldPort, group: Ip6): boolean {
    return isReported(group) && this.#layer.groups.isMember(group, p.port)
  }

  /** Whenever the version changes, what was pending is of the other one (RFC 3810 §8.2.1). */
  #cancel(p: MldPort): void {
    p.changes = []
    p.pending = []
    p.othersReported.length = 0
    p.repeat.stop()
    p.general?.stop()
    p.answer?.stop()
  }

  #isV1(now: Instant, p: MldPort): boolean {
    if (p.v1Until === 0) return false
    if (now < p.v1Until) return true
    p.v1Until = 0
    this.#cancel(p)
    return false
  }

  #send(
    now: Instant,
    p: MldPort,
    records: readonly { readonly group: Ip6; readonly type: number; readonly sources?: readonly Ip6[] }[],
  ): void {
    if (this.#isV1(now, p)) {
      for (const { group, type } of records) {
        const done = type === RecordType.changeToInclude
        this.#message(now, p.port, done ? ALL_ROUTERS : group, {
          kind: done ? 'mldDone' : 'mldReport',
          code: 0,
          maxResponseDelayMs: 0,
          group,
          trailing: NOTHING,
        })
        const others = p.othersReported.indexOf(group)
        if (others >= 0) p.othersReported.splice(others, 1)
      }
      return
    }
    let room = 0
    let batch: mld.AddressRecord[] = []
    for (const { group, type, sources = NONE } of records) {
      const octets = RECORD + 16 * sources.length
      if (batch.length > 0 && octets > room) {
        this.#report(now, p.port, batch)
        batch = []
      }
      if (batch.length === 0) room = this.#layer.linkMtu(p.port) - OVERHEAD
      batch.push({ type, group, sources: [...sources], auxiliaryData: NOTHING })
      room -= octets
    }
    if (batch.length > 0) this.#report(now, p.port, batch)
  }

  #report(now: Instant, port: Port, records: mld.AddressRecord[]): void {
    this.#message(now, port, ALL_MLDV2_ROUTERS, { kind: 'mldv2Report', code: 0, flags: 0, records, trailing: NOTHING })
  }

  #message(now: Instant, port: Port, dst: Ip6, message: mld.Message): void {
    const src = this.#layer.linkLocal(port) ?? ANY6
    this.#layer.sendMessage(now, { dst, src, port, hopLimit: 1, extensions: ROUTER_ALERT }, message)
  }

  /** Nothing is to be said, and nothing is known but what every port begins with. */
  #rest(p: MldPort): void {
    const busy = p.changes.length > 0 || p.pending.length > 0 || p.repeat.running || p.general?.running === true
    const learned = p.v1Until > 0 || p.robustness !== ROBUSTNESS || p.queryIntervalMs !== QUERY_INTERVAL_MS
    if (!busy && !learned && p.othersReported.length === 0) this.#layer.neighbours.link(p.port).mld = undefined
  }

  #of(port: Port): MldPort {
    const link = this.#layer.neighbours.link(port)
    if (link.mld !== undefined) return link.mld
    const p: MldPort = {
      port,
      changes: [],
      repeat: new Timer(this.#node.timers, (now) => this.#repeat(now, p)),
      general: undefined,
      pending: [],
      answer: undefined,
      v1Until: 0,
      robustness: ROBUSTNESS,
      queryIntervalMs: QUERY_INTERVAL_MS,
      othersReported: [],
    }
    link.mld = p
    return p
  }
}

/** RFC 3810 §6: nobody reports ff02::1, nor groups of scope 0 (reserved) and 1 (the interface itself). */
function isReported(group: Ip6): boolean {
  return group !== ALL_NODES && ((group >> 112n) & 0xfn) > 1n
}

function merge(a: readonly Ip6[], b: readonly Ip6[]): readonly Ip6[] {
  return [...a, ...b.filter((s) => !a.includes(s))].slice(0, MAX_SOURCES)
}

const { RecordType } = mld
const ROUTER_ALERT: readonly Extension[] = [{ kind: 'hopByHop', options: [{ kind: 'routerAlert', value: 0 }] }]
const NONE: readonly Ip6[] = []
const NOTHING = new Uint8Array(0)
/** RFC 3810 §9.1, §9.2, §9.11; RFC 2710 §7.10. */
const ROBUSTNESS = 2
const QUERY_INTERVAL_MS = 125_000
const REPORT_INTERVAL_MS = 1000
const V1_REPORT_INTERVAL_MS = 10_000
/** Sources remembered of queries about one group: those of one query of 1500 octets. */
const MAX_SOURCES = 89
/** IPv6 header, hop-by-hop header, the report's own. */
const OVERHEAD = 40 + 8 + 8
const RECORD = 20
