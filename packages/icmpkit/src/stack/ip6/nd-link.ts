/** What neighbour discovery knows of one link (RFC 4861 §6.3.2): its timers, and whether IPv6 runs on it at all. */
import type { Instant } from '../../clock.ts'
import type { TableKeys } from '../../wire/ip-table.ts'
import type { Port } from '../port.ts'
import type { NdSettings } from './nd-settings.ts'
import { NeighbourCache } from './neighbour-cache.ts'

export class NdLink {
  readonly port: Port
  readonly cache: NeighbourCache
  /** Milliseconds between two solicitations. */
  retransMs: number
  /** Its own link-local address, made of its hardware address, is a duplicate: silent (RFC 4862 §5.4.5). */
  disabled = false
  readonly #settings: NdSettings
  readonly #random: () => number
  #baseMs: number
  #reachableMs = 0
  #drawn: number = Number.NEGATIVE_INFINITY

  constructor(port: Port, settings: NdSettings, random: () => number, keys: TableKeys) {
    this.port = port
    this.#random = random
    this.#settings = settings
    this.retransMs = settings.retransTimerMs
    this.#baseMs = settings.reachableTimeMs
    this.cache = new NeighbourCache(
      port,
      keys,
      settings.neighbourLimit,
      Math.min(settings.unresolvedLimit, settings.neighbourLimit),
    )
  }

  /** How long a confirmation holds: random, so that the nodes of a link don't probe in step; drawn anew every 2 hours. */
  reachableMs(now: Instant): number {
    if (now - this.#drawn >= REDRAW_MS) {
      this.#drawn = now
      this.#reachableMs = this.#baseMs * (MIN_FACTOR + this.#random() * (MAX_FACTOR - MIN_FACTOR))
    }
    return this.#reachableMs
  }

  /** Another link, maybe: what routers told of the old one is forgotten. */
  reset(): void {
    this.retransMs = this.#settings.retransTimerMs
    this.setReachableTime(this.#settings.reachableTimeMs)
  }

  /** A router's Reachable Time: redrawn where it differs (RFC 4861 §6.3.4). */
  setReachableTime(ms: number): void {
    if (ms === this.#baseMs) return
    this.#baseMs = ms
    this.#drawn = Number.NEGATIVE_INFINITY
  }
}

/** MIN_RANDOM_FACTOR, MAX_RANDOM_FACTOR (RFC 4861 §10). */
const MIN_FACTOR = 0.5
const MAX_FACTOR = 1.5
/** "At least once every few hours" (RFC 4861 §6.3.4). */
const REDRAW_MS = 7_200_000
