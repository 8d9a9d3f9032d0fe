/**
 * Routes nobody wrote: shortest paths over the gateways, worked out when a destination is first asked for and forgotten
 * when a link goes up or down. Nothing is kept for a destination that nobody speaks to, so a large network is cheap.
 */
import { linkLocalOf } from '../stack/ip6/addresses.ts'
import type { PortConfig } from '../stack/port.ts'
import { type Route, RouteTable } from '../stack/route-table.ts'
import { type Family, familyOf, type Ip, type Ip4, type Ip6, isLinkLocal } from '../wire/addr.ts'
import { TableKeys } from '../wire/ip-table.ts'

/** One end of a link, as routing sees it. */
export interface RouteEnd {
  /** Index of the node. */
  node: number
  port: PortConfig
}

export interface RouteLink {
  isUp(): boolean
  ends: readonly RouteEnd[]
}

/** Where a gateway sends what is for a link: its own end of the link to the next gateway, and that gateway's end. */
interface Step {
  out: RouteEnd
  next: RouteEnd
  /** Another way that is as short. */
  also: Step | undefined
}

export class MadeRoutes {
  readonly #links: readonly RouteLink[]
  /** Asked anew after each `changed`: a gateway that is down is none. */
  readonly #gateways: readonly boolean[]
  /** Links of each node. */
  readonly #of: number[][] = []
  readonly #prefixes: { link: number }[] = []
  /** Which prefix an address is in: the port of a route in here is an index into `#prefixes`. */
  readonly #find4 = new RouteTable<Ip4>(4, new TableKeys(0))
  readonly #find6 = new RouteTable<Ip6>(6, new TableKeys(0))
  /** By link: the step of each gateway. */
  readonly #steps = new Map<number, (Step | undefined)[]>()
  #generation = 0

  /** `gateways[n]`: node `n` forwards. */
  constructor(links: readonly RouteLink[], gateways: readonly boolean[]) {
    this.#links = links
    this.#gateways = gateways
    for (const [index, link] of links.entries()) {
      for (const end of link.ends) {
        this.#of[end.node] ??= []
        this.#of[end.node]!.push(index)
        for (const a of end.port.addresses ?? [])
          if (!isLinkLocal(a.address)) this.#note(a.address, a.prefixLength, index)
      }
    }
  }

  /** A link or a gateway went up or down. */
  changed(): void {
    this.#steps.clear()
    this.#generation++
  }

  /** What `RouteTable.made` of a gateway is. */
  of<A extends Ip>(node: number, family: Family): (dst: A) => readonly Route<A>[] | undefined {
    const find = (family === 4 ? this.#find4 : this.#find6) as unknown as RouteTable<A>
    const kept = new Map<number, readonly Route<A>[] | undefined>()
    let generation = this.#generation
    return (dst) => {
      const found = find.lookup(dst)
      if (found === undefined) return undefined
      if (generation !== this.#generation) {
        generation = this.#generation
        kept.clear()
      }
      if (kept.has(found.port)) return kept.get(found.port)
      const step = this.#towards(this.#prefixes[found.port]!.link)[node]
      let routes: Route<A>[] | undefined
      for (let s = step; s !== undefined; s = s.also) {
        routes ??= []
        routes.push(route(found, s))
      }
      kept.set(found.port, routes)
      return routes
    }
  }

  /** The default route of a host: the first gateway on the first of its links that has one. */
  defaultOf<A extends Ip>(node: number, family: Family): Route<A> | undefined {
    for (const link of this.#of[node] ?? []) {
      const { ends } = this.#links[link]!
      const out = ends.find((e) => e.node === node)!
      const next = ends.find(
        (e) => this.#gateways[e.node] && e.node !== node && addressOf(e.port, family) !== undefined,
      )
      if (next === undefined) continue
      const any = (family === 4 ? 0 : 0n) as A
      return route({ prefix: any, prefixLength: 0 }, { out, next, also: undefined })
    }
    return undefined
  }

  #note(address: Ip, length: number, link: number): void {
    if (this.#inside(address, length, link)) return
    const port = this.#prefixes.push({ link }) - 1
    const rule = {
      prefixLength: length,
      kind: 'unicast',
      nextHop: undefined,
      port,
      origin: 'static',
      metric: port,
    } as const
    if (typeof address === 'bigint') this.#find6.add({ ...rule, prefix: address })
    else this.#find4.add({ ...rule, prefix: address })
  }

  #inside(address: Ip, length: number, link: number): boolean {
    const routes = typeof address === 'bigint' ? this.#find6.candidates(address) : this.#find4.candidates(address)
    return routes?.some((r) => r.prefixLength === length && this.#prefixes[r.port]!.link === link) ?? false
  }

  /** Breadth first from the link outwards, over gateways; equal ways in the order of the data. */
  #towards(link: number): (Step | undefined)[] {
    let steps = this.#steps.get(link)
    if (steps !== undefined) return steps
    steps = []
    const seen = new Uint8Array(this.#gateways.length)
    const hops = new Int32Array(this.#gateways.length)
    const queue: number[] = []
    for (const e of this.#links[link]!.ends) {
      if (!this.#gateways[e.node] || seen[e.node] === 1) continue
      seen[e.node] = 1
      queue.push(e.node)
    }
    for (let i = 0; i < queue.length; i++) {
      for (const l of this.#of[queue[i]!]!) {
        const { ends } = this.#links[l]!
        if (!this.#links[l]!.isUp()) continue
        const next = ends.find((e) => e.node === queue[i])!
        for (const out of ends) {
          if (!this.#gateways[out.node]) continue
          const far = hops[queue[i]!]! + 1
          if (seen[out.node] === 0) {
            seen[out.node] = 1
            hops[out.node] = far
            steps[out.node] = { out, next, also: undefined }
            queue.push(out.node)
          } else if (hops[out.node] === far) {
            let last = steps[out.node]!
            while (last.also !== undefined) last = last.also
            last.also = { out, next, also: undefined }
          }
        }
      }
    }
    if (this.#steps.size >= KEPT) this.#steps.clear()
    this.#steps.set(link, steps)
    return steps
  }
}

function route<A extends Ip>(to: Pick<Route<A>, 'prefix' | 'prefixLength'>, { out, next }: Step): Route<A> {
  return {
    prefix: to.prefix,
    prefixLength: to.prefixLength,
    kind: 'unicast',
    nextHop: addressOf(next.port, familyOf(to.prefix)) as A | undefined,
    port: out.port.index,
    origin: 'static',
    metric: 0,
  }
}

/** What neighbours send to: of IPv6 the link-local address, since redirects name that (RFC 4861 §8.1). */
function addressOf(port: PortConfig, family: Family): Ip | undefined {
  const own = (port.addresses ?? []).map((a) => a.address).filter((a) => familyOf(a) === family)
  if (family === 4) return own[0]
  const given = own.find((a) => isLinkLocal(a))
  return given ?? (port.medium === 'ethernet' ? linkLocalOf(port.mac) : own[0])
}

/** Links whose ways are kept. */
const KEPT = 1024
