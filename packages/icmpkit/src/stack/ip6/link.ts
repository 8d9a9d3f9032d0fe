/**
 * What IPv6 knows of one link, all of it: it hangs on the port, so that no part of the layer looks anything up by index
 * (RFC 4861 §6.3.2). What a link at rest does not need is not there.
 */
import type { Instant } from '../../clock.ts'
import type { Ip6 } from '../../wire/addr.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import type { TokenBucket } from '../token-bucket.ts'
import type { Address6 } from './addresses.ts'
import type { Announcing } from './announcer.ts'
import type { MldPort } from './mld.ts'
import { NeighbourCache } from './neighbour-cache.ts'
import type { Advertising } from './router-advertise.ts'
import type { Asking } from './router-solicit.ts'

export class Link6 {
  readonly port: Port
  /** Of this node's own, in any state. */
  addresses: readonly Address6[] = NO_ADDRESSES
  /** Groups that are listened to: one that was joined twice stands there twice. */
  groups: readonly Ip6[] = NO_GROUPS
  /** Its own link-local address, made of its hardware address, is a duplicate: silent (RFC 4862 §5.4.5). */
  disabled = false
  /** Nothing is sent before, so that nodes which start together don't speak together. */
  quietUntil: number | undefined
  /** What routers advertise (RFC 4861 §6.3.4); undefined: the port's own MTU, the settings' hop limit. */
  mtu: number | undefined
  hopLimit: number | undefined
  /** Reports that are still to be sent, queries that wait for an answer. */
  mld: MldPort | undefined
  /** Routers are asked for. */
  asking: Asking | undefined
  /** This node advertises itself. */
  advertising: Advertising | undefined
  /** The last multicast advertisement; outlives changes of settings. */
  advertised: number | undefined
  announcing: Announcing | undefined
  /** Limits on errors and redirects. */
  errors: TokenBucket | undefined
  redirects: TokenBucket | undefined
  readonly #node: Node
  #cache: NeighbourCache | undefined
  /** As a router told them; undefined: the settings'. */
  #retransMs: number | undefined
  #baseMs: number | undefined
  #reachableMs: number | undefined
  #drawn: number | undefined

  constructor(node: Node, port: Port) {
    this.#node = node
    this.port = port
  }

  get cache(): NeighbourCache {
    this.#cache ??= new NeighbourCache(this.port, this.#node.tableKeys, this.#node.ip6.settings)
    return this.#cache
  }

  /** Milliseconds between two solicitations. */
  get retransMs(): number {
    return this.#retransMs ?? this.#node.ip6.settings.retransTimerMs
  }

  set retransMs(ms: number) {
    this.#retransMs = ms
  }

  /** How long a confirmation holds: random, so that the nodes of a link don't probe in step; drawn anew every 2 hours. */
  reachableMs(now: Instant): number {
    if (this.#reachableMs === undefined || this.#drawn === undefined || now - this.#drawn >= REDRAW_MS) {
      this.#drawn = now
      const base = this.#baseMs ?? this.#node.ip6.settings.reachableTimeMs
      this.#reachableMs = base * (MIN_FACTOR + this.#node.random() * (MAX_FACTOR - MIN_FACTOR))
    }
    return this.#reachableMs
  }

  /** Another link, maybe: what routers told of the old one is forgotten. */
  reset(): void {
    this.#retransMs = undefined
    this.mtu = undefined
    this.hopLimit = undefined
    this.setReachableTime(this.#node.ip6.settings.reachableTimeMs)
  }

  /** A router's Reachable Time: redrawn where it differs (RFC 4861 §6.3.4). */
  setReachableTime(ms: number): void {
    if (ms === (this.#baseMs ?? this.#node.ip6.settings.reachableTimeMs)) return
    this.#baseMs = ms
    this.#drawn = undefined
  }
}

const NO_ADDRESSES: readonly Address6[] = []
const NO_GROUPS: readonly Ip6[] = []
/** MIN_RANDOM_FACTOR, MAX_RANDOM_FACTOR (RFC 4861 §10). */
const MIN_FACTOR = 0.5
const MAX_FACTOR = 1.5
/** "At least once every few hours" (RFC 4861 §6.3.4). */
const REDRAW_MS = 7_200_000
