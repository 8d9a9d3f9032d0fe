/**
 * What ICMPv4 does beside errors and echo, each in a file of its own: this one builds them and passes on what befalls the
 * ports. Each is made at its first use (docs/decisions/what-a-node-weighs.md).
 */
import type { Instant } from '../../clock.ts'
import type { Ip4 } from '../../wire/addr.ts'
import type * as icmp4 from '../../wire/icmp4.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port, PortChange } from '../port.ts'
import type { HeardError } from '../transport/transport.ts'
import { AddressMasks4 } from './address-mask.ts'
import type { Control4Settings } from './control-settings.ts'
import type { Hop4, Ip4Layer } from './layer.ts'
import { checkPathMtu, PathMtu4 } from './path-mtu.ts'
import { Redirects4 } from './redirect.ts'
import { checkAdvertisements, RouterAdvertiser4 } from './router-advertise.ts'
import { checkDiscovery, RouterDiscovery4 } from './router-discovery.ts'
import { SourceQuench4 } from './source-quench.ts'

/** @throws RangeError on switches that no RFC allows: before anything is done with them */
export function checkControl4(s: Control4Settings): void {
  checkPathMtu(s.pathMtu)
  checkDiscovery(s.routerDiscovery)
  checkAdvertisements(s.routerAdvertisements)
}

export class Control4 {
  readonly #node: Node
  readonly #layer: Ip4Layer
  #redirects: Redirects4 | undefined
  #paths: PathMtu4 | undefined
  #masks: AddressMasks4 | undefined
  #quench: SourceQuench4 | undefined
  #discovery: RouterDiscovery4 | undefined
  #advertiser: RouterAdvertiser4 | undefined

  constructor(node: Node, layer: Ip4Layer) {
    this.#node = node
    this.#layer = layer
  }

  get redirects(): Redirects4 {
    this.#redirects ??= new Redirects4(this.#node, this.#layer)
    return this.#redirects
  }

  get paths(): PathMtu4 {
    this.#paths ??= new PathMtu4(this.#node, this.#layer)
    return this.#paths
  }

  get masks(): AddressMasks4 {
    this.#masks ??= new AddressMasks4(this.#node, this.#layer)
    return this.#masks
  }

  get quench(): SourceQuench4 {
    this.#quench ??= new SourceQuench4(this.#node)
    return this.#quench
  }

  /** On a host. */
  get discovery(): RouterDiscovery4 | undefined {
    if (this.#node.role === 'host') this.#discovery ??= new RouterDiscovery4(this.#node, this.#layer)
    return this.#discovery
  }

  /** On a gateway. */
  get advertiser(): RouterAdvertiser4 | undefined {
    if (this.#node.role === 'gateway') this.#advertiser ??= new RouterAdvertiser4(this.#node, this.#layer)
    return this.#advertiser
  }

  /** What a host has learned of next hops (RFC 1122 §3.3.1), before the routes are asked; undefined: nothing better. */
  nextHop(now: Instant, dst: Ip4, port: Port | undefined): Hop4 | undefined {
    return this.#redirects?.nextHop(now, dst, port)
  }

  /** Path MTU to `dst`; undefined where nothing smaller than the link's is known (RFC 1191 §3). */
  pathMtu(now: Instant, dst: Ip4): number | undefined {
    return this.#paths?.mtu(now, dst)
  }

  /** Narrower than anybody believes: what goes there may be fragmented, whatever it says (RFC 5927 §7.3). */
  isNarrow(now: Instant, dst: Ip4): boolean {
    return this.#paths?.isNarrow(now, dst) ?? false
  }

  /** An error that is believed. */
  believed(now: Instant, e: HeardError): void {
    this.paths.heard(now, e)
  }

  /** A router's advertisement came in. A gateway's routes come from elsewhere. */
  routerAdvertised(now: Instant, d: Inbound, m: icmp4.Message): void {
    if (this.#node.role === 'gateway') this.#node.counters.drop('ignored')
    else if (this.#discovery === undefined && this.#layer.settings.routerDiscovery.perform !== true)
      this.#node.counters.drop('disabled')
    else this.discovery?.input(now, d, m)
  }

  attach(now: Instant, port: Port): void {
    if (this.#layer.settings.routerDiscovery.perform === true) this.discovery?.begin(now, port)
  }

  /** The prefix length that an address begins with. */
  initialPrefix(port: Port, address: Ip4, prefixLength: number): number {
    if (this.#layer.settings.addressMask.client !== true) return prefixLength
    return this.masks.initial(port, address, prefixLength)
  }

  addressReady(now: Instant, port: Port, address: Ip4): void {
    const { client, agentAnnounces } = this.#layer.settings.addressMask
    if (client === true || agentAnnounces === true) this.masks.ready(now, port, address)
    this.advertiser?.begin(now, port)
  }

  changed(now: Instant, port: Port, { wasUp }: PortChange): void {
    if (wasUp === port.up) return
    if (port.up) {
      this.attach(now, port)
      this.advertiser?.begin(now, port)
    } else {
      this.#redirects?.forget(port)
      this.#discovery?.end(now, port)
      this.#advertiser?.end(now, port)
    }
  }

  /** The layer's settings are others now, and checked. */
  reconfigured(now: Instant): void {
    this.#paths?.reconfigured()
    this.#masks?.reconfigured()
    if (this.#discovery !== undefined) this.#discovery.reconfigured(now)
    else for (const port of this.#node.ports.values()) this.attach(now, port)
    this.#advertiser?.reconfigured(now)
  }

  /** A neighbour does not answer ARP. */
  failed(now: Instant, port: Port, address: Ip4): void {
    this.redirects.failed(now, port, address)
  }

  close(now: Instant): void {
    this.#masks?.close()
    this.#advertiser?.close(now)
  }
}
