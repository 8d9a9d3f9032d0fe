/**
 * The targets of a run, by slot and by address, and which probe an answer or a quote belongs to: by the token where one
 * came back, else by address, identifier and sequence (RFC 5927 §4: the more is checked, the harder to forge).
 */
import type { Instant } from '../clock.ts'
import type { Family, Ip } from '../wire/addr.ts'
import { IpTable } from '../wire/ip-table.ts'
import type { PingSettings } from './ping-settings.ts'
import { newTarget, type PingTarget, type Probe, type Target } from './ping-target.ts'
import { extend, type Seen } from './question.ts'

export class TargetTable {
  readonly #s: PingSettings
  /** By slot; a slot is never given twice, since answers to whom it was may still come. */
  readonly #bySlot = new Map<number, Target>()
  #nextSlot = 0
  /** The newest target of an address; those before it hang on its `older`. */
  readonly #byIp: IpTable
  /** Those that many sources may answer. */
  readonly #many = new Set<Target>()

  /** @param seed of its hash, which nobody outside may guess */
  constructor(settings: PingSettings, seed: number) {
    this.#s = settings
    this.#byIp = new IpTable(seed)
  }

  add(target: PingTarget, id: number, now: Instant, at: Instant): Target {
    const t = newTarget(this.#nextSlot++, target, id, this.#s.preload, now, at)
    t.older = this.newest(t.ip)
    this.#bySlot.set(t.slot, t)
    this.#byIp.set(t.ip, t.slot)
    if (t.many) this.#many.add(t)
    return t
  }

  get(slot: number): Target | undefined {
    return this.#bySlot.get(slot)
  }

  /** The last added of those that have this address. */
  newest(ip: Ip): Target | undefined {
    return this.#bySlot.get(this.#byIp.get(ip))
  }

  [Symbol.iterator](): IterableIterator<Target> {
    return this.#bySlot.values()
  }

  expectMany(t: Target): void {
    t.many = true
    this.#many.add(t)
  }

  forget(t: Target): void {
    this.#bySlot.delete(t.slot)
    this.#many.delete(t)
    const newest = this.newest(t.ip)
    if (newest !== undefined) {
      for (let n = newest; n.older !== undefined; n = n.older) {
        if (n.older !== t) continue
        n.older = t.older
        break
      }
    } else if (t.older !== undefined) this.#byIp.set(t.ip, t.older.slot)
    else this.#byIp.delete(t.ip)
  }

  /** The probe that a reply from `from` answers; undefined where it is none of ours. */
  probeOf(seen: Seen, family: Family, from: Ip): Probe | undefined {
    if (seen.token === 'ours') {
      const t = this.#bySlot.get(seen.slot)
      if (t === undefined || t.family !== family || !(t.many || t.ip === from)) return undefined
      const probe = t.probes.get(this.#extOf(seen, t))
      if (probe === undefined || !this.#idFits(probe, seen)) return undefined
      return this.#lowBits(probe.ext) === seen.seq ? probe : undefined
    }
    const probe = this.#byAddress(seen, from)
    if (probe !== undefined) return probe
    for (const t of this.#many) {
      const asked = t.family === family ? this.#fitting(seen, t) : undefined
      if (asked !== undefined) return asked
    }
    return undefined
  }

  /** The probe that an error quotes, which names whom we asked; a token in it must be ours. */
  probeOfQuote(seen: Seen, to: Ip): Probe | undefined {
    if (seen.token === 'alien') return undefined
    if (seen.token === 'none') return this.#byAddress(seen, to)
    const t = this.#bySlot.get(seen.slot)
    return t === undefined || t.ip !== to ? undefined : this.#fitting(seen, t)
  }

  /** Without a token: among the probes to that address with that id and sequence one in flight, else the newest. */
  #byAddress(seen: Seen, to: Ip): Probe | undefined {
    let best: Probe | undefined
    for (let t = this.newest(to); t !== undefined; t = t.older) {
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
}
