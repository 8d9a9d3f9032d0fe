/**
 * Neighbour discovery of a node, its parts put together (RFC 4861, RFC 4862): what each valid message means for the
 * neighbour cache, duplicate address detection, the routers, and which answers it gets.
 */
import type { Instant } from '../../clock.ts'
import { ANY6, type Ip6, isLinkLocal } from '../../wire/addr.ts'
import type * as nd from '../../wire/nd.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port, PortChange } from '../port.ts'
import { TokenBucket } from '../token-bucket.ts'
import { type Address6, solicitedNode } from './addresses.ts'
import { advertisedValues } from './advertised-values.ts'
import { Announcer } from './announcer.ts'
import { Dad } from './dad.ts'
import { ALL_MLDV2_ROUTERS, ALL_ROUTERS } from './groups.ts'
import { HostDiscovery } from './host-discovery.ts'
import type { Ip6Layer } from './layer.ts'
import { Mld } from './mld.ts'
import { linkLayerIn } from './nd-output.ts'
import { type AdvertiseSettings, isPort } from './nd-settings.ts'
import { NodeInformation } from './node-information.ts'
import type { Packet6 } from './packet.ts'
import { RedirectSender } from './redirect-send.ts'
import { RouterAdvertiser } from './router-advertise.ts'

export class NeighbourDiscovery {
  readonly mld: Mld
  readonly dad: Dad
  /** Of a host; a gateway believes no router. */
  readonly host: HostDiscovery | undefined
  readonly advertiser: RouterAdvertiser | undefined
  readonly #node: Node
  readonly #layer: Ip6Layer
  #announcer: Announcer | undefined
  #information: NodeInformation | undefined
  #redirects: RedirectSender | undefined
  #routed: boolean
  #proxied: readonly { port: Port; group: Ip6 }[] = NOTHING
  /** Conflicts told, however fast they come. */
  #told: TokenBucket | undefined

  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
    this.mld = new Mld(node, layer)
    this.dad = new Dad(node, layer, this.mld)
    this.check(layer.settings.advertise)
    this.#routed = layer.isRouter
    if (node.role === 'host') {
      this.host = new HostDiscovery(node, layer)
      layer.neighbours.watcher = this.host
    } else this.advertiser = new RouterAdvertiser(node, layer)
  }

  get announcer(): Announcer {
    this.#announcer ??= new Announcer(this.#node, this.#layer)
    return this.#announcer
  }

  get information(): NodeInformation {
    this.#information ??= new NodeInformation(this.#node, this.#layer)
    return this.#information
  }

  /** Of a gateway. */
  get redirects(): RedirectSender {
    this.#redirects ??= new RedirectSender(this.#node, this.#layer)
    return this.#redirects
  }

  /** A port is there, its addresses not yet. */
  attach(now: Instant, port: Port): void {
    // From now on changes of the port are seen.
    this.#layer.neighbours.link(port)
    this.dad.begin(now, port)
    if (this.#layer.isRouter) this.#joinRouters(now, port)
    this.#joinProxied(now, port)
    this.#listen(now, port, this.dad.quiet(now, port))
    this.host?.attach(now, port)
  }

  changed(now: Instant, port: Port, { wasUp, moved }: PortChange): void {
    const { host } = this
    if (!port.up) {
      if (wasUp) this.#layer.neighbours.forget(port)
      host?.down(port)
      this.advertiser?.down(port)
    } else if (!wasUp) {
      host?.again(now, port)
      this.dad.again(now, port)
      this.mld.again(now, port, this.dad.quiet(now, port))
    } else if (moved) this.announcer.begin(now, port)
  }

  close(now: Instant): void {
    this.host?.close()
    this.advertiser?.close(now)
    this.mld.close(now)
  }

  /** @throws RangeError on advertisements outside their limits */
  check(advertise: readonly AdvertiseSettings[]): void {
    for (const s of advertise) advertisedValues(s)
  }

  /** The layer has other settings. */
  reconfigured(now: Instant): void {
    this.advertiser?.reconfigured(now)
    this.#layer.neighbours.reconfigured()
    const proxied = this.#proxied
    this.#proxied = NOTHING
    for (const port of this.#node.ports.values()) this.#joinProxied(now, port)
    for (const p of proxied) this.#layer.groups.leave(now, p.port, p.group)
    for (const port of this.#node.ports.values()) this.#listen(now, port, 0)
    if (this.#routed === this.#layer.isRouter) return
    this.#routed = this.#layer.isRouter
    if (!this.#routed) this.advertiser?.cease(now)
    for (const port of this.#node.ports.values()) {
      if (this.#routed) this.#joinRouters(now, port)
      else for (const group of ROUTERS) this.#layer.groups.leave(now, port, group)
    }
  }

  /** A proxy hears what is asked of those whom it answers for (RFC 4861 §7.2.8). */
  #joinProxied(now: Instant, port: Port): void {
    for (const p of this.#layer.settings.proxied) {
      if (!isPort(p.port, port)) continue
      const group = solicitedNode(p.address)
      this.#layer.groups.join(now, port, group, this.dad.quiet(now, port))
      this.#proxied = [...this.#proxied, { port, group }]
    }
  }

  /** Where node information is asked for, now or before. */
  #listen(now: Instant, port: Port, delayMs: number): void {
    if (this.#information !== undefined || this.#layer.settings.nodeInformation !== undefined)
      this.information.listen(now, port, delayMs)
  }

  #joinRouters(now: Instant, port: Port): void {
    for (const group of ROUTERS) this.#layer.groups.join(now, port, group, this.dad.quiet(now, port))
  }

  /** Duplicate address detection let it pass. */
  addressReady(now: Instant, a: Address6): void {
    if (isLinkLocal(a.address)) this.mld.again(now, a.port)
    if (isLinkLocal(a.address)) this.advertiser?.begin(now, a.port)
  }

  solicited(now: Instant, d: Inbound, p: Packet6, m: nd.NeighborSolicitation): void {
    const { port } = d
    const a = this.#layer.addresses.of(port).find((own) => own.address === m.target)
    if (a?.state === 'tentative') {
      // What is sent to the address itself came to no address of this node (RFC 4862 §5.4).
      this.dad.solicited(now, a, p.src, m.options, sender(d))
      return
    }
    const proxied =
      a === undefined && this.#layer.settings.proxied.some((x) => isPort(x.port, port) && x.address === m.target)
    if (!proxied && (a === undefined || a.state === 'duplicate')) {
      this.#node.counters.drop('ignored')
      return
    }
    const mac = linkLayerIn(m.options, 'sourceLinkLayer', port)
    if (p.src !== ANY6 && mac !== undefined) this.#layer.neighbours.heard(now, port, p.src, mac, undefined)
    this.#node.counters.answered++
    if (a !== undefined) this.announcer.answer(now, a, p.src)
    else this.announcer.answerFor(now, port, m.target, p.src)
  }

  advertised(now: Instant, d: Inbound, _p: Packet6, m: nd.NeighborAdvertisement): void {
    const a = this.#layer.addresses.of(d.port).find((own) => own.address === m.target)
    if (a?.state === 'tentative') this.dad.fail(now, a, sender(d))
    else if (a !== undefined && a.state !== 'duplicate') {
      // Too late to give it up: who keeps it is decided elsewhere (RFC 4862 §5.4.4).
      this.#node.counters.drop('ignored')
      const what = 'another node advertises this address of ours'
      if (!a.anycast && this.#mayTell(now))
        this.#node.emit({ kind: 'log', at: now, port: d.port.index, what, about: a.address })
    } else
      this.#layer.neighbours.advertised(now, d.port, m.target, m, linkLayerIn(m.options, 'targetLinkLayer', d.port))
  }

  #mayTell(now: Instant): boolean {
    this.#told ??= new TokenBucket(TOLD)
    return this.#told.take(now)
  }

  routerSolicited(now: Instant, d: Inbound, p: Packet6, m: nd.RouterSolicitation): void {
    if (this.advertiser === undefined) this.#node.counters.drop('ignored')
    else this.advertiser.solicited(now, d, p, m)
  }

  routerAdvertised(now: Instant, d: Inbound, p: Packet6, m: nd.RouterAdvertisement): void {
    this.host?.advertised(now, d, p, m)
    this.advertiser?.heard(now, d, p, m)
  }

  redirected(now: Instant, d: Inbound, p: Packet6, m: nd.Redirect): void {
    // A router's routes come from elsewhere (RFC 4861 §8.2).
    if (this.host === undefined) this.#node.counters.drop('ignored')
    else this.host.redirected(now, d, p, m)
  }
}

/** The link-layer address that the frame came from; a view, empty on a link without. */
function sender(d: Inbound): Uint8Array {
  return d.at === d.frame ? NOBODY : d.bytes.subarray(d.frame + 6, d.frame + 12)
}

/** What a router listens to, besides what a host does; ff02::16 for reports of its listeners (RFC 3810 §7). */
const ROUTERS = [ALL_ROUTERS, ALL_MLDV2_ROUTERS]
const NOBODY = new Uint8Array(0)
const NOTHING: readonly { port: Port; group: Ip6 }[] = []
const TOLD = { rate: 1, burst: 10 } as const
