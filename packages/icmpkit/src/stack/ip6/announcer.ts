/**
 * Neighbor Advertisements of this node's own: answers to solicitations (RFC 4861 §7.2.4), late ones for addresses that
 * others hold too (§7.2.7, §7.2.8), and unasked ones when the link-layer address has changed (§7.2.6).
 */
import type { Instant } from '../../clock.ts'
import { ANY6, type Ip6 } from '../../wire/addr.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Timer } from '../timers.ts'
import type { Address6 } from './addresses.ts'
import { ALL_NODES } from './groups.ts'
import type { Ip6Layer } from './layer.ts'
import { linkLayerOption, sendNd } from './nd-output.ts'

export interface Announcing {
  readonly timer: Timer
  left: number
}

export class Announcer {
  readonly #node: Node
  readonly #layer: Ip6Layer
  #late = 0

  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
  }

  /** To the asker; to all nodes where it has no address yet. */
  answer(now: Instant, a: Address6, asker: Ip6): void {
    if (a.anycast) this.#later(now, (at) => this.#send(at, a.port, a.address, a.address, asker, false))
    else this.#send(now, a.port, a.address, a.address, asker, true)
  }

  /** For an address of another node, which may answer too: it is never overridden. */
  answerFor(now: Instant, port: Port, target: Ip6, asker: Ip6): void {
    this.#later(now, (at) => {
      const src = this.#layer.linkLocal(port)
      if (src !== undefined) this.#send(at, port, src, target, asker, false)
    })
  }

  /** The port has another link-layer address: its neighbours hear of it, address by address. */
  begin(now: Instant, port: Port): void {
    const link = this.#layer.neighbours.link(port)
    let running = link.announcing
    if (running === undefined) {
      const made: Announcing = { timer: new Timer(this.#node.timers, (at) => this.#step(at, port, made)), left: 0 }
      running = made
      link.announcing = made
    }
    running.left = MAX_ADVERTISEMENTS
    // One that runs has sent its last less than RetransTimer ago.
    if (!running.timer.running) this.#step(now, port, running)
  }

  #step(now: Instant, port: Port, running: Announcing): void {
    if (running.left-- <= 0 || !port.up) return
    // Set after the last one too: the next change waits for it.
    running.timer.set(now + this.#layer.neighbours.link(port).retransMs)
    for (const a of this.#layer.addresses.of(port)) {
      if (a.state === 'preferred' || a.state === 'deprecated')
        this.#send(now, port, a.address, a.address, ANY6, !a.anycast)
    }
  }

  #later(now: Instant, run: (now: Instant) => void): void {
    if (this.#late >= MAX_LATE) {
      this.#node.counters.drop('table-full')
      return
    }
    this.#late++
    const timer = new Timer(this.#node.timers, (at) => {
      this.#late--
      run(at)
    })
    timer.set(now + this.#node.random() * MAX_ANYCAST_DELAY_MS)
  }

  #send(now: Instant, port: Port, src: Ip6, target: Ip6, asker: Ip6, override: boolean): void {
    const solicited = asker !== ANY6
    sendNd(this.#node, now, port, src, solicited ? asker : ALL_NODES, {
      kind: 'neighborAdvertisement',
      code: 0,
      router: this.#layer.isRouter && src === target,
      solicited,
      override,
      target,
      options: linkLayerOption('targetLinkLayer', port),
    })
  }
}

/** MAX_NEIGHBOR_ADVERTISEMENT, MAX_ANYCAST_DELAY_TIME (RFC 4861 §10). */
const MAX_ADVERTISEMENTS = 3
const MAX_ANYCAST_DELAY_MS = 1000
/** Answers that may wait at once. */
const MAX_LATE = 256
