/**
 * Where a host's packets go, by destination (RFC 4861 §5.1): what redirects said, which stays until the next hop fails,
 * and what was worked out, which any change makes stale. Two bounded tables, so that a flood of destinations throws out
 * no redirect.
 */
import type { Ip6 } from '../../wire/addr.ts'
import { IpTable, type TableKeys } from '../../wire/ip-table.ts'
import type { Port } from '../port.ts'
import type { Hop6 } from './layer.ts'

interface Redirected extends Hop6 {
  readonly dst: Ip6
}

export class DestinationCache {
  readonly #keys: TableKeys
  #redirects: IpTable | undefined
  /** A ring: the oldest makes room. */
  readonly #redirected: (Redirected | undefined)[] = []
  #next = 0
  #worked: IpTable
  #hops: (Hop6 | undefined)[] = []

  constructor(keys: TableKeys) {
    this.#keys = keys
    this.#worked = new IpTable(keys, MAX_WORKED)
  }

  /** By redirect; undefined where there is none for `dst`, or only by another port. */
  redirect(dst: Ip6, port: Port | undefined): Hop6 | undefined {
    const i = this.#redirects?.get(dst) ?? -1
    const hop = i < 0 ? undefined : this.#redirected[i]
    return hop === undefined || (port !== undefined && hop.port !== port) ? undefined : hop
  }

  /** `dst` is reached by `nextHop` from now on. */
  setRedirect(dst: Ip6, port: Port, nextHop: Ip6): void {
    this.#redirects ??= new IpTable(this.#keys, MAX_REDIRECTS)
    let i = this.#redirects.get(dst)
    if (i < 0) {
      i = this.#next
      this.#next = (this.#next + 1) % MAX_REDIRECTS
      const old = this.#redirected[i]
      if (old !== undefined) this.#redirects.delete(old.dst)
      this.#redirects.set(dst, i)
    }
    this.#redirected[i] = { dst, port, nextHop }
  }

  /** Takes back the redirects that `goes` says. */
  removeRedirects(goes: (dst: Ip6, hop: Hop6) => boolean): void {
    for (const [i, hop] of this.#redirected.entries()) {
      if (hop === undefined || !goes(hop.dst, hop)) continue
      this.#redirects?.delete(hop.dst)
      this.#redirected[i] = undefined
    }
  }

  /** As worked out before; null: nothing better than the routes is known. undefined: not yet asked. */
  worked(dst: Ip6): Hop6 | null | undefined {
    const i = this.#worked.get(dst)
    return i < 0 ? undefined : (this.#hops[i] ?? null)
  }

  setWorked(dst: Ip6, hop: Hop6 | undefined): void {
    if (this.#worked.size >= MAX_WORKED) this.stale()
    this.#worked.set(dst, this.#hops.length)
    this.#hops.push(hop)
  }

  /** Routers, prefixes or their reachability changed: all is worked out anew. */
  stale(): void {
    if (this.#hops.length === 0) return
    this.#worked = new IpTable(this.#keys, MAX_WORKED)
    this.#hops = []
  }
}

const MAX_REDIRECTS = 1024
const MAX_WORKED = 4096
