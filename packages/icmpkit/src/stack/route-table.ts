/**
 * Longest-prefix match (RFC 1812 §5.2.4.3, RFC 8200), one table a family: for each prefix length in use a hash table,
 * searched from the longest. What is not unicast is a rule (`unreachable`, `prohibit`, `blackhole`), as Linux names them.
 */
import { ANY4, ANY6, type Ip, type Ip4, type Ip6 } from '../wire/addr.ts'
import { IpTable, type TableKeys } from '../wire/ip-table.ts'

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
  fixed?: boolean
}

export class RouteTable<A extends Ip> {
  /**
   * Routes that are worked out and not kept, as a lab's shortest paths are; they count where they are more specific.
   * Whoever answers otherwise from now on raises `version`.
   */
  made: ((dst: A) => readonly Route<A>[] | undefined) | undefined
  /** Rises with each route that comes or goes: what was decided by an older one is decided anew. */
  version = 0
  readonly #family: 4 | 6
  readonly #keys: TableKeys
  readonly #limit: number
  /** The prefix lengths in use, longest first, and beside them the prefixes of each: where their routes stand. */
  #lengths: number[] = []
  #tables: IpTable[] = []
  /** The routes of each prefix, best first. */
  #lists: Route<A>[][] = []
  #free: number[] = []
  #count = 0

  constructor(family: 4 | 6, keys: TableKeys, limit = 65536) {
    this.#family = family
    this.#keys = keys
    this.#limit = limit
  }

  get size(): number {
    return this.#count
  }

  /** The best route to `dst`; undefined where none matches, not even a default. */
  lookup(dst: A): Route<A> | undefined {
    return this.candidates(dst)?.[0]
  }

  /** All routes of the longest prefix that holds `dst`, best first. */
  candidates(dst: A): readonly Route<A>[] | undefined {
    for (let n = 0; n < this.#lengths.length; n++) {
      const length = this.#lengths[n]!
      const i = this.#tables[n]!.get(this.mask(dst, length))
      if (i < 0) continue
      const made = this.made?.(dst)
      return made !== undefined && made[0]!.prefixLength > length ? made : this.#lists[i]
    }
    return this.made?.(dst)
  }

  /** The best of the routes that are `usable`, from the longest prefix that has one (RFC 1812 §5.3.12.3). */
  best(dst: A, usable: (route: Route<A>) => boolean): Route<A> | undefined {
    const made = this.made?.(dst)?.find(usable)
    for (let n = 0; n < this.#lengths.length; n++) {
      const length = this.#lengths[n]!
      if (made !== undefined && made.prefixLength > length) return made
      const i = this.#tables[n]!.get(this.mask(dst, length))
      const route = i < 0 ? undefined : this.#lists[i]!.find(usable)
      if (route !== undefined) return route
    }
    return made
  }

  /** False where the table is full. A route of the same prefix, origin, port and next hop is replaced. */
  add(route: Route<A>): boolean {
    const prefix = this.mask(route.prefix, route.prefixLength)
    let table = this.#tables[this.#lengths.indexOf(route.prefixLength)]
    let i = table?.get(prefix) ?? -1
    if (i < 0) {
      if (this.#count >= this.#limit) return false
      if (table === undefined) {
        table = new IpTable(this.#keys, this.#limit)
        const shorter = this.#lengths.findIndex((l) => l < route.prefixLength)
        const n = shorter < 0 ? this.#lengths.length : shorter
        this.#lengths = this.#lengths.toSpliced(n, 0, route.prefixLength)
        this.#tables = this.#tables.toSpliced(n, 0, table)
      }
      i = this.#free.pop() ?? this.#lists.length
      this.#lists[i] = []
      table.set(prefix, i)
    }
    const list = this.#lists[i]!
    const old = list.findIndex((r) => r.origin === route.origin && r.port === route.port && r.nextHop === route.nextHop)
    if (old >= 0) {
      list.splice(old, 1)
      this.#count--
    } else if (this.#count >= this.#limit) return false
    this.version++
    // An array that grows by one takes room for sixteen more; few prefixes have two routes.
    this.#lists[i] = [...list, { ...route, prefix }].sort((a, b) => a.metric - b.metric)
    this.#count++
    return true
  }

  /** Takes out the routes that `goes` says; returns how many. */
  remove(goes: (route: Route<A>) => boolean): number {
    let gone = 0
    for (const length of [...this.#lengths]) {
      for (const i of this.#indexesOf(length)) {
        const list = this.#lists[i]!
        const { prefix } = list[0]!
        const kept = list.filter((r) => !goes(r))
        gone += list.length - kept.length
        if (kept.length > 0) this.#lists[i] = kept
        else {
          this.#tables[this.#lengths.indexOf(length)]!.delete(prefix)
          this.#lists[i] = []
          this.#free.push(i)
        }
      }
      const n = this.#lengths.indexOf(length)
      if (this.#tables[n]!.size === 0) {
        this.#lengths = this.#lengths.toSpliced(n, 1)
        this.#tables = this.#tables.toSpliced(n, 1)
      }
    }
    this.#count -= gone
    if (gone > 0) this.version++
    return gone
  }

  /** Longest prefixes first. */
  *[Symbol.iterator](): Generator<Route<A>> {
    for (const length of this.#lengths) for (const i of this.#indexesOf(length)) yield* this.#lists[i]!
  }

  mask(address: A, length: number): A {
    if (this.#family === 4) return (length === 0 ? ANY4 : (address as Ip4) & (-1 << (32 - length))) as A
    if (length === 0) return ANY6 as A
    const host = BigInt(128 - length)
    return (((address as Ip6) >> host) << host) as A
  }

  #indexesOf(length: number): number[] {
    return this.#lists.flatMap((list, i) => (list.length > 0 && list[0]!.prefixLength === length ? [i] : []))
  }
}
