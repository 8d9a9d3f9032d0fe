/**
 * Routes nobody wrote: shortest paths over the gateways, worked out when a destination is first asked for and forgotten
 * when a link goes up or down. Nothing is kept for a destination that nobody speaks to, so a large network is cheap; for
 * one that somebody speaks to, a number a node: how far it is.
 */
import { linkLocalOf } from '../stack/ip6/addresses.ts'
import type { PortConfig } from '../stack/port.ts'
import type { Route } from '../stack/route-table.ts'
import { type Family, familyOf, type Ip, isLinkLocal } from '../wire/addr.ts'
import { LinkPrefixes } from './link-prefixes.ts'

/** One end of a link, as routing sees it. */
export interface RouteEnd {
  /** Index of the node. */
  readonly at: number
  readonly port: Pick<PortConfig, 'index' | 'medium' | 'mac' | 'addresses'>
}

export interface RouteLink {
  readonly up: boolean
  readonly ends: readonly RouteEnd[]
}

/** How far each node is from a link. */
interface Distances {
  /** By node: when it was reached, counted from 0; -1 where it is no gateway, or no way leads there. */
  ranks: Int32Array
  /** Links crossed, by node, where it was reached. */
  hops: Int32Array
}

/** Where a gateway sends what is for a link: its own end of the link to the next gateway, and that gateway's end. */
interface Step {
  out: RouteEnd
  next: RouteEnd
}

export class MadeRoutes {
  readonly #links: readonly RouteLink[]
  /** Asked anew after each `changed`: a gateway that is down is none. */
  readonly #gateways: readonly boolean[]
  /** The ends of all links in one row; `#firstEnd[l]` is the first of link `l`, and behind the last is one more. */
  readonly #firstEnd: Int32Array
  readonly #nodeOfEnd: Int32Array
  readonly #linkOfEnd: Int32Array
  /** The ends at each node in the order of the links: `#ends[#firstOf[n]…#firstOf[n + 1]]`. */
  readonly #firstOf: Int32Array
  readonly #ends: Int32Array
  #prefixes: LinkPrefixes | undefined
  /** By link. */
  readonly #distances = new Map<number, Distances>()
  /** By prefix and node: routes that were asked for. */
  readonly #kept = new Map<number, readonly Route<Ip>[] | undefined>()

  /** `gateways[n]`: node `n` forwards. `named`: the ends of each link in the order that counts, where they have another. */
  constructor(
    links: readonly RouteLink[],
    gateways: readonly boolean[],
    named: readonly (readonly Pick<RouteEnd, 'at'>[])[] = links.map((l) => l.ends),
  ) {
    this.#links = links
    this.#gateways = gateways
    const nodes = gateways.length
    this.#firstEnd = new Int32Array(links.length + 1)
    for (let l = 0; l < links.length; l++) this.#firstEnd[l + 1] = this.#firstEnd[l]! + links[l]!.ends.length
    const count = this.#firstEnd[links.length]!
    this.#nodeOfEnd = new Int32Array(count)
    this.#linkOfEnd = new Int32Array(count)
    this.#firstOf = new Int32Array(nodes + 1)
    this.#ends = new Int32Array(count)
    for (let l = 0, e = 0; l < links.length; l++) {
      for (const { at } of named[l]!) {
        this.#nodeOfEnd[e] = at
        this.#linkOfEnd[e++] = l
        this.#firstOf[at + 1]!++
      }
    }
    for (let n = 0; n < nodes; n++) this.#firstOf[n + 1]! += this.#firstOf[n]!
    const filled = this.#firstOf.slice()
    for (let e = 0; e < count; e++) this.#ends[filled[this.#nodeOfEnd[e]!]!++] = e
  }

  /** A link or a gateway went up or down. */
  changed(): void {
    this.#distances.clear()
    this.#kept.clear()
  }

  /** What `RouteTable.made` of a gateway is; for addresses of one family. */
  of<A extends Ip>(node: number): (dst: A) => readonly Route<A>[] | undefined {
    return (dst) => this.#routes(node, dst) as readonly Route<A>[] | undefined
  }

  /** The default route of a host: the first gateway on the first of its links that has one. */
  defaultOf<A extends Ip>(node: number, family: Family): Route<A> | undefined {
    for (let i = this.#firstOf[node]!; i < this.#firstOf[node + 1]!; i++) {
      const e = this.#ends[i]!
      const l = this.#linkOfEnd[e]!
      for (let other = this.#firstEnd[l]!; other < this.#firstEnd[l + 1]!; other++) {
        if (other === e || !this.#gateways[this.#nodeOfEnd[other]!]) continue
        const next = this.#end(other)
        if (addressOf(next.port, family) !== undefined)
          return route((family === 4 ? 0 : 0n) as A, 0, { out: this.#end(e), next })
      }
    }
    return undefined
  }

  #routes(node: number, dst: Ip): readonly Route<Ip>[] | undefined {
    this.#prefixes ??= new LinkPrefixes(this.#links)
    const found = this.#prefixes.find(dst)
    if (found < 0) return undefined
    const key = found * this.#gateways.length + node
    const kept = this.#kept.get(key)
    if (kept !== undefined || this.#kept.has(key)) return kept
    const { prefix, length, link } = this.#prefixes
    const steps = this.#steps(node, this.#towards(link[found]!))
    const routes = steps.length === 0 ? undefined : steps.map((s) => route(prefix[found]!, length[found]!, s))
    if (this.#kept.size >= KEPT_ROUTES) this.#kept.clear()
    this.#kept.set(key, routes)
    return routes
  }

  /** The ways to gateways that are one link nearer, in the order in which those were reached, then of the links. */
  #steps(node: number, { ranks, hops }: Distances): Step[] {
    const near = hops[node]! - 1
    const found: { out: number; next: number }[] = []
    if (ranks[node]! < 0 || near < 0) return []
    for (let i = this.#firstOf[node]!; i < this.#firstOf[node + 1]!; i++) {
      const out = this.#ends[i]!
      const l = this.#linkOfEnd[out]!
      if (!this.#links[l]!.up) continue
      for (let next = this.#firstEnd[l]!; next < this.#firstEnd[l + 1]!; next++) {
        const n = this.#nodeOfEnd[next]!
        if (ranks[n]! >= 0 && hops[n] === near) found.push({ out, next })
      }
    }
    const rank = (end: number) => ranks[this.#nodeOfEnd[end]!]!
    found.sort((a, b) => rank(a.next) - rank(b.next) || a.next - b.next)
    return found.map(({ out, next }) => ({ out: this.#end(out), next: this.#end(next) }))
  }

  #end(e: number): RouteEnd {
    return this.#links[this.#linkOfEnd[e]!]!.ends.find(({ at }) => at === this.#nodeOfEnd[e])!
  }

  /** Breadth first from the link outwards, over gateways; equal ways in the order of the data. */
  #towards(link: number): Distances {
    const known = this.#distances.get(link)
    if (known !== undefined) return known
    const nodes = this.#gateways.length
    const ranks = new Int32Array(nodes).fill(-1)
    const hops = new Int32Array(nodes)
    const queue = new Int32Array(nodes)
    let reached = 0
    const reach = (node: number, far: number) => {
      if (!this.#gateways[node] || ranks[node]! >= 0) return
      hops[node] = far
      ranks[node] = reached
      queue[reached++] = node
    }
    for (let e = this.#firstEnd[link]!; e < this.#firstEnd[link + 1]!; e++) reach(this.#nodeOfEnd[e]!, 0)
    for (let i = 0; i < reached; i++) {
      const node = queue[i]!
      const far = hops[node]! + 1
      for (let j = this.#firstOf[node]!; j < this.#firstOf[node + 1]!; j++) {
        const l = this.#linkOfEnd[this.#ends[j]!]!
        if (!this.#links[l]!.up) continue
        for (let e = this.#firstEnd[l]!; e < this.#firstEnd[l + 1]!; e++) reach(this.#nodeOfEnd[e]!, far)
      }
    }
    const distances = { ranks, hops }
    if (this.#distances.size >= Math.max(LEAST_LINKS, KEPT_WORDS / nodes)) this.#distances.clear()
    this.#distances.set(link, distances)
    return distances
  }
}

function route<A extends Ip>(prefix: A, prefixLength: number, { out, next }: Step): Route<A> {
  return {
    prefix,
    prefixLength,
    kind: 'unicast',
    nextHop: addressOf(next.port, familyOf(prefix)) as A | undefined,
    port: out.port.index,
    origin: 'static',
    metric: 0,
  }
}

/** What neighbours send to: of IPv6 the link-local address, since redirects name that (RFC 4861 §8.1). */
function addressOf(port: RouteEnd['port'], family: Family): Ip | undefined {
  const own = (port.addresses ?? []).map((a) => a.address).filter((a) => familyOf(a) === family)
  if (family === 4) return own[0]
  const given = own.find((a) => isLinkLocal(a))
  return given ?? (port.medium === 'ethernet' ? linkLocalOf(port.mac) : own[0])
}

/** Links to which distances are kept: as many as make so many nodes, or so many. */
const KEPT_WORDS = 4 << 20
const LEAST_LINKS = 64
/** Nodes remember what they use often. */
const KEPT_ROUTES = 8192
