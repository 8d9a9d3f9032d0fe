/**
 * Routers discovered by a host (RFC 1256 §5): solicitations after start, the default router list out of advertisements.
 * Default routes that were configured are never changed; both are compared by preference, a configured one's is 0.
 */
import type { Instant } from '../../clock.ts'
import { ANY4, BROADCAST4, type Ip4 } from '../../wire/addr.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import { shared } from '../defaults.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { SparseMap } from '../sparse-map.ts'
import { Timer } from '../timers.ts'
import { ROUTER_DISCOVERY_DEFAULTS, type RouterDiscoverySettings } from './control-settings.ts'
import { ALL_ROUTERS } from './groups.ts'
import type { Ip4Layer } from './layer.ts'

interface Router {
  address: Ip4
  port: Port
  preference: number
  until: number
}

interface Soliciting {
  left: number
  timer: Timer
}

/** @throws RangeError where the address is not what RFC 1256 §5.1 allows */
export function checkDiscovery(given: Partial<RouterDiscoverySettings>): void {
  const { solicitationAddress } = { ...ROUTER_DISCOVERY_DEFAULTS, ...given }
  if (solicitationAddress !== ALL_ROUTERS && solicitationAddress !== BROADCAST4)
    throw new RangeError('SolicitationAddress: 224.0.0.2 or 255.255.255.255')
}

export class RouterDiscovery4 {
  readonly #node: Node
  readonly #layer: Ip4Layer
  #settings: RouterDiscoverySettings
  readonly #expiry: Timer
  /** By port index. */
  readonly #soliciting: SparseMap<number, Soliciting> = new SparseMap()
  #routers: Router[] = []

  constructor(node: Node, layer: Ip4Layer) {
    this.#node = node
    this.#layer = layer
    this.#settings = shared(ROUTER_DISCOVERY_DEFAULTS, layer.settings.routerDiscovery)
    this.#expiry = new Timer(node.timers, (now) => this.#expire(now))
  }

  /** The port begins, or its link is another one now. */
  begin(now: Instant, port: Port): void {
    if (!this.#performs(port) || !port.up) return
    let s = this.#soliciting.get(port.index)
    if (s === undefined) {
      s = { left: 0, timer: new Timer(this.#node.timers, (at) => this.#solicit(at, port)) }
      this.#soliciting.set(port.index, s)
    }
    s.left = MAX_SOLICITATIONS
    s.timer.set(now + this.#node.random() * MAX_SOLICITATION_DELAY)
  }

  /** Other settings: a port where discovery begins is asked, one where it ends forgets its routers (§5.3). */
  reconfigured(now: Instant): void {
    const ports = [...this.#node.ports.values()]
    const before = ports.filter((p) => this.#performs(p))
    this.#settings = shared(ROUTER_DISCOVERY_DEFAULTS, this.#layer.settings.routerDiscovery)
    for (const port of ports) {
      if (!this.#performs(port)) this.end(now, port)
      else if (!before.includes(port)) this.begin(now, port)
    }
  }

  /** The link is gone, and the routers on it. */
  end(now: Instant, port: Port): void {
    this.#soliciting.get(port.index)?.timer.stop()
    for (const r of this.#routers.filter((known) => known.port === port)) this.#remove(now, r)
  }

  #performs(port: Port): boolean {
    const { perform, ports } = this.#settings
    return perform && port.medium === 'ethernet' && (ports === 'all' || ports.includes(port.index))
  }

  #solicit(now: Instant, port: Port): void {
    const s = this.#soliciting.get(port.index)!
    const out = new Uint8Array(8)
    icmp4.write({ kind: 'routerSolicitation', code: 0, trailing: NOTHING }, out, 0)
    // Zero while no address is ready (§5.3).
    const src = this.#layer.addresses.of(port).find((a) => a.state === 'ready')?.address ?? ANY4
    this.#layer.send(now, { dst: this.#settings.solicitationAddress, src, protocol: 1, payload: out, ttl: 1, port })
    s.left--
    if (s.left > 0) s.timer.set(now + SOLICITATION_INTERVAL)
  }

  /** An advertisement came in. */
  input(now: Instant, d: Inbound, m: icmp4.Message): void {
    const { counters } = this.#node
    if (m.kind !== 'routerAdvertisement') return
    if (!this.#performs(d.port)) {
      counters.drop('disabled')
      return
    }
    // An agent that routes no common traffic says so by 16 (RFC 5944 §2.1); its addresses are nobody's default router.
    if (m.code !== 0) {
      counters.drop('bad-code')
      return
    }
    if (m.entries.length === 0) {
      counters.bad('bad-length')
      return
    }
    for (const entry of m.entries) {
      if (!this.#isNeighbour(d.port, entry.address) || this.#layer.isMine(entry.address)) continue
      this.#learn(now, d.port, entry, m.lifetimeSeconds)
      if (entry.preference !== NEVER) this.#soliciting.get(d.port.index)?.timer.stop()
    }
    this.#watch()
  }

  #learn(now: Instant, port: Port, { address, preference }: icmp4.RouterEntry, lifetimeSeconds: number): void {
    const known = this.#routers.find((r) => r.address === address && r.port === port)
    if (lifetimeSeconds === 0 || preference === NEVER) {
      if (known !== undefined) this.#remove(now, known)
      return
    }
    const until = now + lifetimeSeconds * 1000
    if (known !== undefined) {
      known.until = until
      if (known.preference === preference) return
      this.#unroute(known)
      known.preference = preference
      this.#route(known)
      return
    }
    const isConfigured = (this.#layer.routes.candidates(ANY4) ?? []).some(
      (r) => r.prefixLength === 0 && r.origin === 'static' && r.nextHop === address,
    )
    if (isConfigured) return
    if (this.#routers.length >= MAX_ROUTERS) {
      const worst = this.#routers.reduce((a, b) => (b.preference < a.preference ? b : a))
      if (worst.preference >= preference) return
      this.#remove(now, worst)
    }
    const router = { address, port, preference, until }
    this.#routers.push(router)
    this.#route(router)
    this.#node.emit({ kind: 'router', at: now, port: port.index, address, state: 'found', lifetimeSeconds })
  }

  #route({ address, port, preference }: Router): void {
    this.#layer.routes.add({
      prefix: ANY4,
      prefixLength: 0,
      kind: 'unicast',
      nextHop: address,
      port: port.index,
      origin: 'discovered',
      metric: -preference,
    })
  }

  #unroute({ address, port }: Router): void {
    this.#layer.routes.remove(
      (r) => r.origin === 'discovered' && r.prefixLength === 0 && r.nextHop === address && r.port === port.index,
    )
  }

  #remove(now: Instant, router: Router): void {
    this.#routers = this.#routers.filter((r) => r !== router)
    this.#unroute(router)
    const { address, port } = router
    this.#node.emit({ kind: 'router', at: now, port: port.index, address, state: 'gone', lifetimeSeconds: 0 })
  }

  #expire(now: Instant): void {
    for (const r of this.#routers.filter((known) => known.until <= now)) this.#remove(now, r)
    this.#watch()
  }

  #watch(): void {
    const next = Math.min(...this.#routers.map((r) => r.until))
    if (next === Number.POSITIVE_INFINITY) this.#expiry.stop()
    else this.#expiry.set(next)
  }

  /** On a subnet of a ready address of the port. */
  #isNeighbour(port: Port, address: Ip4): boolean {
    const { routes, addresses } = this.#layer
    return addresses
      .of(port)
      .some(
        (a) => a.state === 'ready' && routes.mask(a.address, a.prefixLength) === routes.mask(address, a.prefixLength),
      )
  }
}

/** RFC 1256 §6. */
const MAX_SOLICITATION_DELAY = 1000
const SOLICITATION_INTERVAL = 3000
const MAX_SOLICITATIONS = 3
/** The preference of a router that is none by default. */
const NEVER = -0x80000000
const MAX_ROUTERS = 16
const NOTHING = new Uint8Array(0)
