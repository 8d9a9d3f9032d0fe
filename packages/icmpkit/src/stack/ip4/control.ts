/** What ICMPv4 does beside errors and echo, each in a file of its own: this one builds them and passes on what befalls the ports. */
import type { Instant } from '../../clock.ts'
import type { Ip4 } from '../../wire/addr.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { AddressMasks4 } from './address-mask.ts'
import type { Control4Settings } from './control-settings.ts'
import type { Ip4Layer } from './layer.ts'
import { checkPathMtu, PathMtu4 } from './path-mtu.ts'
import { Redirects4 } from './redirect.ts'
import { checkAdvertisements, RouterAdvertiser4 } from './router-advertise.ts'
import { checkDiscovery, RouterDiscovery4 } from './router-discovery.ts'
import { SourceQuench4 } from './source-quench.ts'
import { Timestamps4 } from './timestamp.ts'

/** @throws RangeError on switches that no RFC allows: before anything is done with them */
export function checkControl4(s: Control4Settings): void {
  checkPathMtu(s.pathMtu)
  checkDiscovery(s.routerDiscovery)
  checkAdvertisements(s.routerAdvertisements)
}

export class Control4 {
  readonly redirects: Redirects4
  readonly paths: PathMtu4
  readonly masks: AddressMasks4
  /** On a host. */
  readonly discovery: RouterDiscovery4 | undefined
  /** On a gateway. */
  readonly advertiser: RouterAdvertiser4 | undefined
  /** By port index: was it up? */
  readonly #up: Map<number, boolean> = new Map()

  /** `layer` is the node's own, whose construction is under way. */
  constructor(node: Node, layer: Ip4Layer) {
    this.redirects = new Redirects4(node, layer)
    this.paths = new PathMtu4(node, layer)
    this.masks = new AddressMasks4(node, layer)
    new Timestamps4(node, layer)
    new SourceQuench4(node, layer)
    if (node.role === 'host') this.discovery = new RouterDiscovery4(node, layer)
    else this.advertiser = new RouterAdvertiser4(node, layer)
  }

  attach(now: Instant, port: Port): void {
    this.#up.set(port.index, port.up)
    this.discovery?.begin(now, port)
  }

  addressReady(now: Instant, port: Port, address: Ip4): void {
    this.masks.ready(now, port, address)
    this.advertiser?.begin(now, port)
  }

  changed(now: Instant, port: Port): void {
    const was = this.#up.get(port.index)
    this.#up.set(port.index, port.up)
    if (was === port.up) return
    if (port.up) {
      this.discovery?.begin(now, port)
      this.advertiser?.begin(now, port)
    } else {
      this.redirects.forget(port)
      this.discovery?.end(now, port)
      this.advertiser?.end(now, port)
    }
  }

  /** The layer's settings are others now, and checked. */
  reconfigured(now: Instant): void {
    this.paths.reconfigured()
    this.masks.reconfigured()
    this.discovery?.reconfigured(now)
    this.advertiser?.reconfigured(now)
  }

  /** A neighbour does not answer ARP. */
  failed(now: Instant, port: Port, address: Ip4): void {
    this.redirects.failed(now, port, address)
  }

  close(now: Instant): void {
    this.masks.close()
    this.advertiser?.close(now)
  }
}
