/**
 * What a host does with the words of routers (RFC 4861 §6.3, §8.3): parameters, default routers, prefixes, addresses,
 * redirects; and where its packets go by all that (§5.2).
 */
import type { Instant } from '../../clock.ts'
import type { Ip6 } from '../../wire/addr.ts'
import type * as nd from '../../wire/nd.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import type { Route } from '../route-table.ts'
import { DestinationCache } from './destination-cache.ts'
import type { Hop6, Ip6Layer } from './layer.ts'
import { linkLayerIn } from './nd-output.ts'
import type { Neighbour } from './neighbour-cache.ts'
import type { NeighbourWatcher } from './neighbours.ts'
import type { Packet6 } from './packet.ts'
import { PrefixList } from './prefix-list.ts'
import { DEFAULT, RouterList } from './router-list.ts'
import { beginAsking, routerAnswered, stopAsking } from './router-solicit.ts'
import { Slaac } from './slaac.ts'

export class HostDiscovery implements NeighbourWatcher {
  readonly #node: Node
  readonly #layer: Ip6Layer
  #routers: RouterList | undefined
  #prefixes: PrefixList | undefined
  #slaac: Slaac | undefined
  #destinations: DestinationCache | undefined
  /** Of the routes by which destinations were worked out. */
  #version = -1
  #turn = 0

  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
  }

  get routers(): RouterList {
    this.#routers ??= new RouterList(this.#node, this.#layer.neighbours, () => this.#changed())
    return this.#routers
  }

  get prefixes(): PrefixList {
    this.#prefixes ??= new PrefixList(this.#node, this.#layer.routes, () => this.#changed())
    return this.#prefixes
  }

  get slaac(): Slaac {
    this.#slaac ??= new Slaac(this.#node, this.#layer)
    return this.#slaac
  }

  get destinations(): DestinationCache {
    this.#destinations ??= new DestinationCache(this.#node.tableKeys)
    return this.#destinations
  }

  attach(now: Instant, port: Port): void {
    if (port.up && this.#accepts) beginAsking(this.#node, now, port)
  }

  /** The link is there again, and may be another. */
  again(now: Instant, port: Port): void {
    this.#layer.neighbours.link(port).reset()
    this.#routers?.clear(now, port)
    this.#prefixes?.clear(port)
    this.#slaac?.clear(now, port)
    this.#forget((_dst, hop) => hop.port === port)
    this.attach(now, port)
  }

  down(port: Port): void {
    stopAsking(port)
    this.#changed()
  }

  close(): void {
    for (const port of this.#node.ports.values()) stopAsking(port)
  }

  nextHop(now: Instant, dst: Ip6, port: Port | undefined): Hop6 | undefined {
    const { routes } = this.#layer
    if (this.#version !== routes.version) this.destinations.stale()
    this.#version = routes.version
    const redirect = this.destinations.redirect(dst, port)
    if (redirect !== undefined) return redirect
    const worked = this.destinations.worked(dst)
    if (worked === null || (worked !== undefined && (port === undefined || worked.port === port)))
      return worked ?? undefined
    const { ports } = this.#node
    const route = routes.best(dst, (r) => r.kind !== 'unicast' || ports.get(r.port)?.up === true)
    const learned = this.#routers?.choose(now, dst, port)
    // At the same length somebody's own word counts more than a router's.
    const better = learned !== undefined && learned.prefixLength > (route?.prefixLength ?? -1)
    const hop = better
      ? { port: learned.port, nextHop: learned.router }
      : route?.nextHop !== undefined && port === undefined
        ? this.#oneOf(dst, route)
        : undefined
    if (port === undefined) this.destinations.setWorked(dst, hop)
    return hop
  }

  advertised(now: Instant, d: Inbound, p: Packet6, m: nd.RouterAdvertisement): void {
    const { port } = d
    if (!this.#accepts) {
      this.#node.counters.drop('disabled')
      return
    }
    const link = this.#layer.neighbours.link(port)
    if (m.curHopLimit > 0) link.hopLimit = m.curHopLimit
    if (m.reachableTimeMs > 0) link.setReachableTime(Math.min(m.reachableTimeMs, MAX_REACHABLE_MS))
    if (m.retransTimerMs > 0) link.retransMs = Math.max(m.retransTimerMs, MIN_RETRANS_MS)
    this.#isRouter(now, port, p.src, linkLayerIn(m.options, 'sourceLinkLayer', port))
    // Reserved is medium; where it is no default router it means nothing (RFC 4191 §2.2).
    this.routers.learn(now, port, p.src, DEFAULT, 0, m.preference === RESERVED ? 0 : m.preference, m.lifetimeSeconds)
    for (const o of m.options) {
      if (o.kind === 'mtu' && o.mtu >= MIN_MTU && o.mtu <= port.mtu) link.mtu = o.mtu
      else if (o.kind === 'prefixInformation') {
        this.prefixes.learn(now, port, o)
        this.slaac.learn(now, port, o)
      } else if (o.kind === 'routeInformation' && o.preference !== RESERVED) {
        const prefix = this.#layer.routes.mask(o.prefix, o.prefixLength)
        this.routers.learn(now, port, p.src, prefix, o.prefixLength, o.preference, o.lifetimeSeconds)
      }
    }
    const n = link.cache.get(p.src)
    if (n !== undefined) n.pinned = this.routers.has(port, p.src)
    if (m.lifetimeSeconds > 0) routerAnswered(port)
  }

  redirected(now: Instant, d: Inbound, p: Packet6, m: nd.Redirect): void {
    const { counters } = this.#node
    const { port } = d
    if (!this.#layer.settings.acceptRedirects) {
      counters.drop('disabled')
      return
    }
    const hop = this.#layer.hop(now, m.destination, port)
    if (typeof hop === 'string' || hop.port !== port || hop.nextHop !== p.src) {
      counters.drop('not-a-router')
      return
    }
    if (this.#layer.isMine(m.target, port) || this.#layer.isMine(m.destination)) {
      counters.drop('ignored')
      return
    }
    const mac = linkLayerIn(m.options, 'targetLinkLayer', port)
    if (m.target !== m.destination) this.#isRouter(now, port, m.target, mac)
    else if (mac !== undefined) this.#layer.neighbours.heard(now, port, m.target, mac, undefined)
    this.destinations.setRedirect(m.destination, port, m.target)
    this.#changed()
    this.#node.emit({
      kind: 'redirect',
      at: now,
      port: port.index,
      destination: m.destination,
      by: p.src,
      to: m.target,
    })
  }

  isNextHop(port: Port, address: Ip6): boolean {
    return this.#routers?.has(port, address) ?? false
  }

  noRouter(now: Instant, n: Neighbour): void {
    this.#routers?.forget(now, n.port, n.address)
    this.#forget((dst, hop) => hop.port === n.port && hop.nextHop === n.address && dst !== n.address)
  }

  failed(_now: Instant, n: Neighbour): void {
    this.#forget((_dst, hop) => hop.port === n.port && hop.nextHop === n.address)
  }

  get #accepts(): boolean {
    return this.#layer.settings.acceptAdvertisements
  }

  #forget(goes: (dst: Ip6, hop: Hop6) => boolean): void {
    this.#destinations?.removeRedirects(goes)
    this.#changed()
  }

  /** Next hops are worked out anew, here and wherever the routes' version is watched. */
  #changed(): void {
    this.#layer.routes.version++
  }

  /** Of several gateways that are configured alike one that is known to be there, as of those that were learned. */
  #oneOf(dst: Ip6, best: Route<Ip6>): Hop6 | undefined {
    const alike: { port: Port; nextHop: Ip6 }[] = []
    for (const r of this.#layer.routes.candidates(dst) ?? []) {
      const port = this.#node.ports.get(r.port)
      if (r.prefixLength !== best.prefixLength || r.metric !== best.metric) continue
      if (r.nextHop !== undefined && port?.up === true) alike.push({ port, nextHop: r.nextHop })
    }
    if (alike.length < 2) return undefined
    const known = alike.find(({ port, nextHop }) => {
      const n = this.#layer.neighbours.link(port).cache.get(nextHop)
      return n !== undefined && n.state !== 'incomplete'
    })
    return known ?? alike[this.#turn++ % alike.length]
  }

  /** With a link-layer address an entry is made; without, one that is there learns that it is a router. */
  #isRouter(now: Instant, port: Port, address: Ip6, mac: Uint8Array | undefined): void {
    if (mac !== undefined) this.#layer.neighbours.heard(now, port, address, mac, true)
    else {
      const n = this.#layer.neighbours.link(port).cache.get(address)
      if (n !== undefined) this.#layer.neighbours.setRouter(now, n, true)
    }
  }
}

/** The value of two bits that means nothing (RFC 4191 §2.1). */
const RESERVED = -2
/** MAX_REACHABLE_TIME (RFC 4861 §6.2.1). */
const MAX_REACHABLE_MS = 3_600_000
/** A forged advertisement makes no storm of solicitations: as Linux bounds it, 10 ms. */
const MIN_RETRANS_MS = 10
/** RFC 8200 §5. */
const MIN_MTU = 1280
