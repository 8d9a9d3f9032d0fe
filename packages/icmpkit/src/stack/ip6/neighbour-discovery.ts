/**
 * Neighbour discovery of a node, its parts put together (RFC 4861, RFC 4862): what each valid message means for the
 * neighbour cache, duplicate address detection, the routers, and which answers it gets.
 */
import type { Instant } from '../../clock.ts'
import { ANY6, type Ip6 } from '../../wire/addr.ts'
import type * as nd from '../../wire/nd.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import type { Address6 } from './addresses.ts'
import { ALL_NODES } from './groups.ts'
import type { Ip6Layer } from './layer.ts'
import { NdInput, type NdReceiver } from './nd-input.ts'
import { linkLayerIn, linkLayerOption } from './nd-output.ts'
import type { Packet6 } from './packet.ts'

export class NeighbourDiscovery implements NdReceiver {
  readonly #node: Node
  readonly #layer: Ip6Layer

  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
    new NdInput(node, layer.icmp, this)
  }

  /** A port is there, its addresses not yet. */
  attach(_now: Instant, _port: Port): void {}

  changed(_now: Instant, _port: Port): void {}

  close(_now: Instant): void {}

  solicited(now: Instant, d: Inbound, p: Packet6, m: nd.NeighborSolicitation): void {
    const a = this.#layer.addresses.of(d.port).find((own) => own.address === m.target)
    if (a === undefined || a.state === 'duplicate') {
      this.#node.counters.drop('ignored')
      return
    }
    if (a.state === 'tentative') return
    const mac = linkLayerIn(m.options, 'sourceLinkLayer', d.port)
    if (p.src !== ANY6 && mac !== undefined) this.#layer.neighbours.heard(now, d.port, p.src, mac, undefined)
    this.#node.counters.answered++
    this.#answer(now, a, p.src)
  }

  advertised(now: Instant, d: Inbound, _p: Packet6, m: nd.NeighborAdvertisement): void {
    this.#layer.neighbours.advertised(now, d.port, m.target, m, linkLayerIn(m.options, 'targetLinkLayer', d.port))
  }

  routerSolicited(_now: Instant, _d: Inbound, _p: Packet6, _m: nd.RouterSolicitation): void {}

  routerAdvertised(_now: Instant, _d: Inbound, _p: Packet6, _m: nd.RouterAdvertisement): void {}

  redirected(_now: Instant, _d: Inbound, _p: Packet6, _m: nd.Redirect): void {}

  /** RFC 4861 §7.2.4: to all nodes where the asker has no address yet. */
  #answer(now: Instant, a: Address6, asker: Ip6): void {
    const solicited = asker !== ANY6
    this.#layer.neighbours.out.send(now, a.port, a.address, solicited ? asker : ALL_NODES, {
      kind: 'neighborAdvertisement',
      code: 0,
      router: this.#node.role === 'gateway',
      solicited,
      override: !a.anycast,
      target: a.address,
      options: linkLayerOption('targetLinkLayer', a.port),
    })
  }
}
