/**
 * Many routes (RFC 1812 §5.2.4.3): for each prefix length in use a hash table, searched from the longest. Few have no
 * need of it (`route-table.ts`).
 */
import { ANY4, ANY6, type Ip } from '../wire/addr.ts'
import { IpTable, type TableKeys } from '../wire/ip-table.ts'
import type { Route } from './route-table.ts'

export class RouteIndex<A extends Ip> {
  readonly #keys: TableKeys
  /** The prefix lengths in use, longest first, and beside them the prefixes of each: where their routes stand. */
  #lengths: number[] = []
  #tables: IpTable[] = []
  /** The routes of each prefix, best first. */
  readonly #lists: (readonly Route<A>[])[] = []
  readonly #free: number[] = []

  constructor(keys: TableKeys, routes: Iterable<Route<A>>) {
    this.#keys = keys
    for (const r of routes) this.set(r.prefix, r.prefixLength, [...(this.get(r.prefix, r.prefixLength) ?? []), r])
  }

  /** All routes of the longest prefix that holds `dst` and is no longer than `most`, best first. */
  candidates(dst: A, most = 128): readonly Route<A>[] | undefined {
    for (let n = 0; n < this.#lengths.length; n++) {
      const length = this.#lengths[n]!
      if (length > most) continue
      const i = this.#tables[n]!.get(maskOf(dst, length))
      if (i >= 0) return this.#lists[i]
    }
    return undefined
  }

  /** Those of the prefix itself. */
  get(prefix: A, length: number): readonly Route<A>[] | undefined {
    const i = this.#tables[this.#lengths.indexOf(length)]?.get(prefix) ?? -1
    return i < 0 ? undefined : this.#lists[i]
  }

  /** The prefix has these routes from now on, and none where the list is empty. */
  set(prefix: A, length: number, list: readonly Route<A>[]): void {
    let n = this.#lengths.indexOf(length)
    let i = n < 0 ? -1 : this.#tables[n]!.get(prefix)
    if (list.length > 0) {
      if (n < 0) n = this.#open(length)
      if (i < 0) {
        i = this.#free.pop() ?? this.#lists.length
        this.#tables[n]!.set(prefix, i)
      }
      this.#lists[i] = list
    } else if (i >= 0) {
      this.#tables[n]!.delete(prefix)
      this.#lists[i] = list
      this.#free.push(i)
      if (this.#tables[n]!.size > 0) return
      this.#lengths = this.#lengths.toSpliced(n, 1)
      this.#tables = this.#tables.toSpliced(n, 1)
    }
  }

  /** Longest prefixes first. */
  *[Symbol.iterator](): Generator<Route<A>> {
    for (const length of this.#lengths)
      for (const list of this.#lists) if (list[0]?.prefixLength === length) yield* list
  }

  #open(length: number): number {
    const shorter = this.#lengths.findIndex((l) => l < length)
    const n = shorter < 0 ? this.#lengths.length : shorter
    this.#lengths = this.#lengths.toSpliced(n, 0, length)
    this.#tables = this.#tables.toSpliced(n, 0, new IpTable(this.#keys))
    return n
  }
}

/** The network of the address. */
export function maskOf<A extends Ip>(address: A, length: number): A {
  if (typeof address !== 'bigint') return (length === 0 ? ANY4 : address & (-1 << (32 - length))) as A
  if (length === 0) return ANY6 as A
  const host = BigInt(128 - length)
  return ((address >> host) << host) as A
}
