/**
 * Router Solicitations of a host (RFC 4861 §6.3.7): one at least, then ever rarer without end until a router answers
 * (RFC 7559), so that a packet lost at the start does not leave the host without a router for half an hour.
 */
import type { Instant } from '../../clock.ts'
import { ANY6 } from '../../wire/addr.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Deadline } from '../timers.ts'
import { ALL_ROUTERS } from './groups.ts'
import { linkLayerOption, sendNd } from './nd-output.ts'

/** What one port asks. */
export class Asking extends Deadline {
  sent = 0
  /** The last interval. */
  intervalMs = 0
  answered = false
  readonly #node: Node
  readonly #port: Port

  constructor(node: Node, port: Port) {
    super(node.timers)
    this.#node = node
    this.#port = port
  }

  override run(now: Instant): void {
    const { ip6: layer, random } = this.#node
    const port = this.#port
    this.sent++
    if (this.answered) stopAsking(port)
    else {
      const spread = 1 + (random() * 2 - 1) * SPREAD
      const doubled = this.intervalMs === 0 ? INITIAL_MS * spread : this.intervalMs * (1 + spread)
      this.intervalMs = doubled > MAXIMUM_MS ? MAXIMUM_MS * spread : doubled
      this.set(now + this.intervalMs)
    }
    const src = layer.linkLocal(port)
    const options = src === undefined ? [] : linkLayerOption('sourceLinkLayer', port)
    sendNd(this.#node, now, port, src ?? ANY6, ALL_ROUTERS, { kind: 'routerSolicitation', code: 0, options })
  }
}

/** The port's link came up. */
export function beginAsking(node: Node, now: Instant, port: Port): void {
  stopAsking(port)
  const asking = new Asking(node, port)
  node.ip6.neighbours.link(port).asking = asking
  asking.set(now + node.random() * MAX_DELAY_MS)
}

export function stopAsking(port: Port): void {
  const link = port.ip6
  link?.asking?.stop()
  if (link !== undefined) link.asking = undefined
}

/** A default router advertised itself. One solicitation is sent all the same: its answer may tell more (§6.3.7). */
export function routerAnswered(port: Port): void {
  const asking = port.ip6?.asking
  if (asking === undefined) return
  asking.answered = true
  if (asking.sent > 0) stopAsking(port)
}

/** MAX_RTR_SOLICITATION_DELAY (RFC 4861 §10). */
const MAX_DELAY_MS = 1000
/** IRT and MRT (RFC 7559 §2); RAND of RFC 3315 §14. */
const INITIAL_MS = 4000
const MAXIMUM_MS = 3_600_000
const SPREAD = 0.1
