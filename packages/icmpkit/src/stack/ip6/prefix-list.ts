/**
 * The prefixes that are on the link, as routers advertise them (RFC 4861 §5.1, §6.3.4): routes without a next hop, for so
 * long as they live. Nothing else makes an address on-link (RFC 5942 §3).
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, isLinkLocal, isMulticast } from '../../wire/addr.ts'
import type { PrefixInformation } from '../../wire/nd-option.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import type { RouteTable } from '../route-table.ts'
import { Timer } from '../timers.ts'
import { FOREVER } from './router-list.ts'

interface OnLink {
  readonly port: Port
  readonly prefix: Ip6
  readonly prefixLength: number
  until: number
}

export class PrefixList {
  readonly #node: Node
  readonly #routes: RouteTable<Ip6>
  readonly #changed: () => void
  readonly #expiry: Timer
  #prefixes: OnLink[] = []

  constructor(node: Node, routes: RouteTable<Ip6>, changed: () => void) {
    this.#node = node
    this.#routes = routes
    this.#changed = changed
    this.#expiry = new Timer(node.timers, (now) => this.#remove((p) => p.until <= now))
  }

  /** A prefix option came. L = 0 says nothing about on-link, and takes nothing back. */
  learn(now: Instant, port: Port, o: PrefixInformation): void {
    const prefix = this.#routes.mask(o.prefix, o.prefixLength)
    if (!o.onLink || isLinkLocal(prefix) || isMulticast(prefix)) return
    const old = this.#prefixes.find((p) => p.port === port && p.prefix === prefix && p.prefixLength === o.prefixLength)
    if (o.validLifetimeSeconds === 0) {
      if (old !== undefined) this.#remove((p) => p === old)
      return
    }
    const until = o.validLifetimeSeconds === FOREVER ? Number.POSITIVE_INFINITY : now + o.validLifetimeSeconds * 1000
    if (old !== undefined) old.until = until
    else {
      if (this.#prefixes.filter((p) => p.port === port).length >= MAX_PREFIXES) {
        this.#node.counters.drop('table-full')
        return
      }
      this.#prefixes.push({ port, prefix, prefixLength: o.prefixLength, until })
      this.#routes.add({
        prefix,
        prefixLength: o.prefixLength,
        kind: 'unicast',
        nextHop: undefined,
        port: port.index,
        origin: 'discovered',
        metric: 0,
      })
      this.#changed()
    }
    this.#watch()
  }

  clear(port: Port): void {
    this.#remove((p) => p.port === port)
  }

  #remove(goes: (p: OnLink) => boolean): void {
    const gone = this.#prefixes.filter(goes)
    if (gone.length > 0) {
      this.#prefixes = this.#prefixes.filter((p) => !gone.includes(p))
      this.#routes.remove(
        (r) =>
          r.origin === 'discovered' &&
          gone.some((p) => p.port.index === r.port && p.prefix === r.prefix && p.prefixLength === r.prefixLength),
      )
      this.#changed()
    }
    this.#watch()
  }

  #watch(): void {
    let next = Number.POSITIVE_INFINITY
    for (const p of this.#prefixes) next = Math.min(next, p.until)
    if (next === Number.POSITIVE_INFINITY) this.#expiry.stop()
    else this.#expiry.set(next)
  }
}

/** Of each port: a flood of advertisements makes no more. */
const MAX_PREFIXES = 64
