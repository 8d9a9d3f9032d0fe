/**
 * Redirects taken (RFC 1122 §3.2.2.2, §3.3.1): by destination another next hop than the routes say, and gateways that do
 * not answer passed over (§3.3.1.4, §3.3.1.5). Redirects that a gateway sends are `forward.ts`.
 */
import type { Instant } from '../../clock.ts'
import { ANY4, type Ip4 } from '../../wire/addr.ts'
import type * as icmp4 from '../../wire/icmp4.ts'
import { IpTable } from '../../wire/ip-table.ts'
import type * as ip4 from '../../wire/ip4.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { namesOneHost } from './errors.ts'
import type { Hop4, Ip4Layer } from './layer.ts'

interface Redirected {
  destination: Ip4
  hop: Hop4
}

export class Redirects4 {
  readonly #node: Node
  readonly #layer: Ip4Layer
  readonly #table: IpTable
  readonly #redirected: Redirected[] = []
  /** Default gateways that did not answer ARP, and until when others are preferred. */
  #dead: { address: Ip4; until: number }[] = []

  constructor(node: Node, layer: Ip4Layer) {
    this.#node = node
    this.#layer = layer
    this.#table = new IpTable(node.tableKeys, MAX_REDIRECTS)
  }

  /** Destinations that were redirected. */
  get size(): number {
    return this.#redirected.length
  }

  /** Asked before the routes; undefined where it knows nothing better. */
  nextHop(now: Instant, destination: Ip4, port: Port | undefined): Hop4 | undefined {
    if (this.#redirected.length > 0) {
      const i = this.#table.get(destination)
      const hop = i < 0 ? undefined : this.#redirected[i]!.hop
      if (hop?.port.up && (port === undefined || port === hop.port)) return hop
    }
    return this.#dead.length === 0 ? undefined : this.#alive(now, destination, port)
  }

  /** The neighbour does not answer: no redirect to it holds, and another default gateway is used where there is one. */
  failed(now: Instant, port: Port, address: Ip4): void {
    for (let i = this.#redirected.length - 1; i >= 0; i--) {
      const { hop } = this.#redirected[i]!
      if (hop.port === port && hop.nextHop === address) this.#remove(i)
    }
    const isDefault = this.#layer.routes.candidates(ANY4)?.some((r) => r.nextHop === address && r.port === port.index)
    if (isDefault !== true) return
    this.#dead = this.#dead.filter((g) => g.until > now && g.address !== address).slice(-MAX_DEAD + 1)
    this.#dead.push({ address, until: now + DEAD_MS })
  }

  /** What was learned by a link that is no more. */
  forget(port: Port): void {
    for (let i = this.#redirected.length - 1; i >= 0; i--) if (this.#redirected[i]!.hop.port === port) this.#remove(i)
    this.#dead = []
  }

  #alive(now: Instant, destination: Ip4, port: Port | undefined): Hop4 | undefined {
    this.#dead = this.#dead.filter((g) => g.until > now)
    const usable = this.#layer.routes
      .candidates(destination)
      ?.filter((r) => r.kind === 'unicast' && (port === undefined || r.port === port.index))
    const best = usable?.find((r) => this.#node.ports.get(r.port)?.up && !this.#isDead(r.nextHop))
    // Where all are dead, or the first is alive, the routes know as well.
    if (best?.nextHop === undefined || best === usable![0]) return undefined
    return { port: this.#node.ports.get(best.port)!, nextHop: best.nextHop }
  }

  #isDead(address: Ip4 | undefined): boolean {
    return address !== undefined && this.#dead.some((g) => g.address === address)
  }

  /** A redirect came in at `d.at`. */
  input(now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message): void {
    if (m.kind !== 'redirect') return
    const { counters, role } = this.#node
    if (!(this.#layer.settings.acceptRedirects ?? role === 'host')) {
      counters.drop('ignored')
      return
    }
    if (m.code > 3) {
      counters.drop('bad-code')
      return
    }
    // Sent for this node's own datagram, or it is not believed.
    const e = this.#layer.icmp.hear(now, d, h, m)
    if (e === undefined || e.quote.ip.kind !== 'ip4') return
    const { dst } = e.quote.ip
    const hop = this.#layer.hop(now, dst)
    // From the gateway that is used now, and only from that one.
    if (typeof hop === 'string' || hop.port !== d.port || hop.nextHop !== h.src || hop.nextHop === dst) {
      counters.drop('not-a-router')
      return
    }
    if (!this.#isOnLink(d.port, m.gateway) || this.#layer.isMine(m.gateway)) {
      counters.drop('not-a-neighbour')
      return
    }
    if (this.#layer.routes.lookup(dst)?.fixed) {
      counters.drop('ignored')
      return
    }
    if (m.gateway !== hop.nextHop) this.#set(now, dst, { port: d.port, nextHop: m.gateway }, h.src)
  }

  #isOnLink(port: Port, gateway: Ip4): boolean {
    if (!namesOneHost(gateway) || this.#layer.isBroadcast(gateway)) return false
    const { routes, addresses } = this.#layer
    return addresses
      .of(port)
      .some(
        (a) => a.state === 'ready' && routes.mask(a.address, a.prefixLength) === routes.mask(gateway, a.prefixLength),
      )
  }

  /** A network's redirect changes the way to the one host only (RFC 1122 §3.3.1.2), and no default gateway. */
  #set(now: Instant, destination: Ip4, hop: Hop4, by: Ip4): void {
    let i = this.#table.get(destination)
    if (i >= 0) this.#remove(i)
    else if (this.#redirected.length >= MAX_REDIRECTS) this.#remove(Math.floor(this.#node.random() * MAX_REDIRECTS))
    i = this.#redirected.length
    this.#table.set(destination, i)
    this.#redirected[i] = { destination, hop }
    // A gateway that was told to use them forwards by its routes (RFC 1812 §5.2.7.2).
    if (this.#node.role === 'gateway') {
      const route = { prefix: destination, prefixLength: 32, nextHop: hop.nextHop, port: hop.port.index } as const
      this.#layer.routes.add({ ...route, kind: 'unicast', origin: 'discovered', metric: -1 })
    }
    this.#node.emit({ kind: 'redirect', at: now, port: hop.port.index, destination, by, to: hop.nextHop })
  }

  #remove(i: number): void {
    const { destination } = this.#redirected[i]!
    this.#table.delete(destination)
    if (this.#node.role === 'gateway') {
      this.#layer.routes.remove((r) => r.origin === 'discovered' && r.prefixLength === 32 && r.prefix === destination)
    }
    const last = this.#redirected.pop()!
    if (i === this.#redirected.length) return
    this.#redirected[i] = last
    this.#table.set(last.destination, i)
  }
}

const MAX_REDIRECTS = 1024
const MAX_DEAD = 16
/** How long others are preferred to a gateway that did not answer. */
const DEAD_MS = 60_000
