/**
 * Longest-prefix match (RFC 1812 §5.2.4.3, RFC 8200), one table a family: few prefixes are compared one by one, of more
 * there is an index. What is not unicast is a rule (`unreachable`, `prohibit`, `blackhole`), as Linux names them.
 */
import type { Ip } from '../wire/addr.ts'
import type { TableKeys } from '../wire/ip-table.ts'
import { maskOf, RouteIndex } from './route-index.ts'

export type RouteKind =
  | 'unicast'
  /** Answers host or net unreachable (IPv4), no route (IPv6 code 0 … see the layers). */
  | 'unreachable'
  /** Answers administratively prohibited. */
  | 'prohibit'
  /** Says nothing. */
  | 'blackhole'

export interface Route<A extends Ip> {
  prefix: A
  prefixLength: number
  kind: RouteKind
  /** undefined: the destinations are on the link of `port`. */
  nextHop: A | undefined
  /** Index of the port it leaves by; -1 where the kind is not unicast. */
  port: number
  /** Where it came from: a route of the same prefix and origin is replaced. */
  origin: 'connected' | 'static' | 'discovered'
  /** Among routes of one prefix the lowest wins. */
  metric: number
  /** No redirect overrides it (RFC 1122 §3.3.1.2). Default: one may. */
  fixed?: boolean | undefined
}

/** The routes of one family, and which of them a packet takes. */
export class RouteTable<A extends Ip> {
  /**
   * Routes that are worked out and not kept, as a lab's shortest paths are; they count where they are more specific.
   * Whoever answers otherwise from now on raises `version`.
   */
  made: ((dst: A) => readonly Route<A>[] | undefined) | undefined
  /** How many there are. */
  size = 0
  readonly #changes: { version: number }
  readonly #keys: TableKeys
  readonly #limit: number
  /** The longest prefixes first, of one prefix the best. No more than `FEW`: undefined from then on. */
  #few: readonly Route<A>[] | undefined = NONE
  #many: RouteIndex<A> | undefined

  /** `changes`: of what else is decided by as well. */
  constructor(keys: TableKeys, changes: { version: number } = { version: 0 }, limit = 65536) {
    this.#keys = keys
    this.#changes = changes
    this.#limit = limit
  }

  /** Rises with each route that comes or goes: what was decided by an older one is decided anew. */
  get version(): number {
    return this.#changes.version
  }

  set version(version: number) {
    this.#changes.version = version
  }

  /** The best route to `dst`; undefined where none matches, not even a default. */
  lookup(dst: A): Route<A> | undefined {
    return this.candidates(dst)?.[0]
  }

  /** All routes of the longest prefix that holds `dst`, best first. */
  candidates(dst: A): readonly Route<A>[] | undefined {
    const kept = this.#kept(dst)
    const made = this.made?.(dst)
    if (kept === undefined || made === undefined) return kept ?? made
    return made[0]!.prefixLength > kept[0]!.prefixLength ? made : kept
  }

  /** The best of the routes that are `usable`, from the longest prefix that has one (RFC 1812 §5.3.12.3). */
  best(dst: A, usable: (route: Route<A>) => boolean): Route<A> | undefined {
    const made = this.made?.(dst)?.find(usable)
    const least = made?.prefixLength ?? -1
    if (this.#few === undefined) return this.#bestOfMany(dst, usable, least) ?? made
    let length = -1
    let network = dst
    for (const r of this.#few) {
      if (r.prefixLength < least) break
      if (r.prefixLength !== length) {
        length = r.prefixLength
        network = maskOf(dst, length)
      }
      if (r.prefix === network && usable(r)) return r
    }
    return made
  }

  /** False where the table is full. A route of the same prefix, origin, port and next hop is replaced. */
  add(route: Route<A>): boolean {
    const { prefixLength, kind, nextHop, port, origin, metric, fixed } = route
    const prefix = maskOf(route.prefix, prefixLength)
    const there = this.#listOf(prefix, prefixLength)
    const others = there.filter((r) => r.origin !== origin || r.port !== port || r.nextHop !== nextHop)
    const size = this.size - there.length + others.length
    if (size >= this.#limit) return false
    const own: Route<A> = { prefix, prefixLength, kind, nextHop, port, origin, metric, fixed }
    this.#put(
      prefix,
      prefixLength,
      others.concat(own).sort((a, b) => a.metric - b.metric),
    )
    this.version++
    this.size = size + 1
    return true
  }

  /** Takes out the routes that `goes` says; returns how many. */
  remove(goes: (route: Route<A>) => boolean): number {
    const gone = new Set<Route<A>>([...this].filter(goes))
    for (const { prefix, prefixLength } of gone) {
      this.#put(
        prefix,
        prefixLength,
        this.#listOf(prefix, prefixLength).filter((r) => !gone.has(r)),
      )
    }
    this.size -= gone.size
    if (gone.size > 0) this.version++
    return gone.size
  }

  /** Longest prefixes first. */
  *[Symbol.iterator](): Generator<Route<A>> {
    if (this.#many !== undefined) yield* this.#many
    else yield* this.#few ?? []
  }

  mask(address: A, length: number): A {
    return maskOf(address, length)
  }

  /** Of the longest prefix that holds `dst`. */
  #kept(dst: A): readonly Route<A>[] | undefined {
    if (this.#few === undefined) return this.#many!.candidates(dst)
    const first = this.#few.find((r) => maskOf(dst, r.prefixLength) === r.prefix)
    return first === undefined ? undefined : this.#listOf(first.prefix, first.prefixLength)
  }

  #bestOfMany(dst: A, usable: (route: Route<A>) => boolean, least: number): Route<A> | undefined {
    let most = 128
    for (let kept = this.#many!.candidates(dst, most); kept !== undefined; kept = this.#many!.candidates(dst, most)) {
      const length = kept[0]!.prefixLength
      const route = length < least ? undefined : kept.find(usable)
      if (route !== undefined || length < least) return route
      most = length - 1
    }
    return undefined
  }

  #listOf(prefix: A, length: number): readonly Route<A>[] {
    if (this.#few === undefined) return this.#many!.get(prefix, length) ?? NONE
    return this.#few.filter((r) => r.prefixLength === length && r.prefix === prefix)
  }

  #put(prefix: A, length: number, list: readonly Route<A>[]): void {
    if (this.#few === undefined) {
      this.#many!.set(prefix, length, list)
      return
    }
    const others = this.#few.filter((r) => r.prefixLength !== length || r.prefix !== prefix)
    const shorter = others.findIndex((r) => r.prefixLength < length)
    this.#few = others.toSpliced(shorter < 0 ? others.length : shorter, 0, ...list)
    if (this.#few.length <= FEW) return
    this.#many = new RouteIndex(this.#keys, this.#few)
    this.#few = undefined
  }
}

/** Routes that are compared one by one. */
const FEW = 8
const NONE: readonly never[] = []
