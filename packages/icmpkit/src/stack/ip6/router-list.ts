/**
 * The routers that a host has heard of (RFC 4861 §6.3.4) and where each leads: default routes, and more specific ones
 * with their preferences (RFC 4191). Chosen for a destination by reachability first, then by longest prefix, then by
 * preference; where none is known to be there they take turns (RFC 4861 §6.3.6, RFC 4191 §3.2).
 */
import type { Instant } from '../../clock.ts'
import { ANY6, type Ip6 } from '../../wire/addr.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Timer } from '../timers.ts'
import type { Neighbours } from './neighbours.ts'

/** A way that a router has told. The default route has prefix length 0. */
export interface LearnedRoute {
  readonly port: Port
  readonly router: Ip6
  readonly prefix: Ip6
  readonly prefixLength: number
  /** 1 high, 0 medium, -1 low. */
  preference: number
  until: number
}

export class RouterList {
  readonly #node: Node
  readonly #neighbours: Neighbours
  readonly #changed: () => void
  readonly #expiry: Timer
  #routes: LearnedRoute[] = []
  #turn = 0

  /** `changed` is called whenever a choice might come out otherwise. */
  constructor(node: Node, neighbours: Neighbours, changed: () => void) {
    this.#node = node
    this.#neighbours = neighbours
    this.#changed = changed
    this.#expiry = new Timer(node.timers, (now) => this.#expire(now))
  }

  get routes(): readonly LearnedRoute[] {
    return this.#routes
  }

  /** Is it a default router, or one of a more specific route? */
  has(port: Port, router: Ip6): boolean {
    return this.#routes.some((r) => r.port === port && r.router === router)
  }

  /** A router says that it leads to the prefix for so long; 0 takes it back. */
  learn(
    now: Instant,
    port: Port,
    router: Ip6,
    prefix: Ip6,
    prefixLength: number,
    preference: number,
    lifetimeSeconds: number,
  ): void {
    const old = this.#routes.find(
      (r) => r.port === port && r.router === router && r.prefix === prefix && r.prefixLength === prefixLength,
    )
    if (lifetimeSeconds === 0) {
      if (old !== undefined) this.#remove(now, [old])
      return
    }
    const until = lifetimeSeconds === FOREVER ? Number.POSITIVE_INFINITY : now + lifetimeSeconds * 1000
    if (old !== undefined) {
      if (old.preference !== preference) this.#changed()
      old.preference = preference
      old.until = until
    } else {
      if (!this.#makeRoom(now, port, prefixLength)) return
      this.#routes.push({ port, router, prefix, prefixLength, preference, until })
      this.#changed()
      if (prefixLength === 0) this.#tell(now, port, router, 'found', lifetimeSeconds)
    }
    this.#watch()
  }

  /** It is no router any more (RFC 4861 §7.3.3). */
  forget(now: Instant, port: Port, router: Ip6): void {
    this.#remove(
      now,
      this.#routes.filter((r) => r.port === port && r.router === router),
    )
  }

  /** The port's link is another one, maybe. */
  clear(now: Instant, port: Port): void {
    this.#remove(
      now,
      this.#routes.filter((r) => r.port === port),
    )
  }

  /** The best way to `dst`, by `port` only where it is given. */
  choose(now: Instant, dst: Ip6, port: Port | undefined): LearnedRoute | undefined {
    let best: LearnedRoute | undefined
    let bestRank = -1
    let equals = 0
    for (const r of this.#routes) {
      if ((port !== undefined && r.port !== port) || !covers(r, dst) || r.until <= now || !r.port.up) continue
      const rank = this.#rank(r)
      if (rank > bestRank) {
        best = r
        bestRank = rank
        equals = 1
      } else if (rank === bestRank) equals++
    }
    if (bestRank >= REACHABLE || equals < 2) return best
    const turn = this.#turn++ % equals
    let i = 0
    return this.#routes.find(
      (r) =>
        (port === undefined || r.port === port) &&
        covers(r, dst) &&
        r.until > now &&
        r.port.up &&
        this.#rank(r) === bestRank &&
        i++ === turn,
    )
  }

  #rank(r: LearnedRoute): number {
    const n = this.#neighbours.link(r.port).cache.get(r.router)
    const known = n !== undefined && n.state !== 'incomplete'
    return (known ? REACHABLE : 0) + r.prefixLength * 4 + r.preference + 1
  }

  /** Bounded: who never answered a solicitation of ours makes room first. */
  #makeRoom(now: Instant, port: Port, prefixLength: number): boolean {
    const kind = this.#routes.filter((r) => r.port === port && (r.prefixLength === 0) === (prefixLength === 0))
    if (kind.length < (prefixLength === 0 ? MAX_ROUTERS : MAX_ROUTES)) return true
    const { cache } = this.#neighbours.link(port)
    const victim = kind.find((r) => cache.get(r.router)?.proved !== true)
    if (victim === undefined) return this.#node.counters.drop('table-full')
    this.#remove(now, [victim])
    return true
  }

  #remove(now: Instant, gone: readonly LearnedRoute[]): void {
    if (gone.length === 0) return
    this.#routes = this.#routes.filter((r) => !gone.includes(r))
    for (const r of gone) {
      if (r.prefixLength === 0) this.#tell(now, r.port, r.router, 'gone', 0)
      const n = this.#neighbours.link(r.port).cache.get(r.router)
      if (n !== undefined && !this.has(r.port, r.router)) n.pinned = false
    }
    this.#changed()
    this.#watch()
  }

  #expire(now: Instant): void {
    this.#remove(
      now,
      this.#routes.filter((r) => r.until <= now),
    )
    this.#watch()
  }

  #watch(): void {
    let next = Number.POSITIVE_INFINITY
    for (const r of this.#routes) next = Math.min(next, r.until)
    if (next === Number.POSITIVE_INFINITY) this.#expiry.stop()
    else this.#expiry.set(next)
  }

  #tell(now: Instant, port: Port, address: Ip6, state: 'found' | 'gone', lifetimeSeconds: number): void {
    this.#node.emit({ kind: 'router', at: now, port: port.index, address, state, lifetimeSeconds })
  }
}

function covers(r: LearnedRoute, dst: Ip6): boolean {
  return r.prefixLength === 0 || (r.prefix ^ dst) >> BigInt(128 - r.prefixLength) === 0n
}

/** The default route's prefix. */
export const DEFAULT: Ip6 = ANY6
/** All bits of a lifetime in an option: for good. */
export const FOREVER = 0xffffffff
/** Above every rank of an unknown one: prefix lengths and preferences stay below. */
const REACHABLE = 1024
/** Of each port; two default routers must be kept (RFC 4861 §6.3.4). */
const MAX_ROUTERS = 16
const MAX_ROUTES = 64
