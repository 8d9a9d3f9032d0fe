/**
 * Router Solicitations of a host (RFC 4861 §6.3.7): one at least, then ever rarer without end until a router answers
 * (RFC 7559), so that a packet lost at the start does not leave the host without a router for half an hour.
 */
import type { Instant } from '../../clock.ts'
import { ANY6 } from '../../wire/addr.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { SparseMap } from '../sparse-map.ts'
import { Timer } from '../timers.ts'
import { ALL_ROUTERS } from './groups.ts'
import type { Ip6Layer } from './layer.ts'
import { linkLayerOption, sendNd } from './nd-output.ts'

interface Asking {
  readonly timer: Timer
  sent: number
  /** The last interval. */
  intervalMs: number
  answered: boolean
}

export class RouterSolicitor {
  readonly #node: Node
  readonly #layer: Ip6Layer
  readonly #asking: SparseMap<number, Asking> = new SparseMap()

  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
  }

  /** The port's link came up. */
  begin(now: Instant, port: Port): void {
    this.stop(port)
    const a: Asking = {
      timer: new Timer(this.#node.timers, (at) => this.#ask(at, port, a)),
      sent: 0,
      intervalMs: 0,
      answered: false,
    }
    this.#asking.set(port.index, a)
    a.timer.set(now + this.#node.random() * MAX_DELAY_MS)
  }

  stop(port: Port): void {
    this.#asking.get(port.index)?.timer.stop()
    this.#asking.delete(port.index)
  }

  /** A default router advertised itself. One solicitation is sent all the same: its answer may tell more (§6.3.7). */
  answered(port: Port): void {
    const a = this.#asking.get(port.index)
    if (a === undefined) return
    a.answered = true
    if (a.sent > 0) this.stop(port)
  }

  #ask(now: Instant, port: Port, a: Asking): void {
    a.sent++
    if (a.answered) this.stop(port)
    else {
      const spread = 1 + (this.#node.random() * 2 - 1) * SPREAD
      const doubled = a.intervalMs === 0 ? INITIAL_MS * spread : a.intervalMs * (1 + spread)
      a.intervalMs = doubled > MAXIMUM_MS ? MAXIMUM_MS * spread : doubled
      a.timer.set(now + a.intervalMs)
    }
    const src = this.#layer.linkLocal(port)
    const options = src === undefined ? [] : linkLayerOption('sourceLinkLayer', port)
    sendNd(this.#node, now, port, src ?? ANY6, ALL_ROUTERS, { kind: 'routerSolicitation', code: 0, options })
  }
}

/** MAX_RTR_SOLICITATION_DELAY (RFC 4861 §10). */
const MAX_DELAY_MS = 1000
/** IRT and MRT (RFC 7559 §2); RAND of RFC 3315 §14. */
const INITIAL_MS = 4000
const MAXIMUM_MS = 3_600_000
const SPREAD = 0.1
