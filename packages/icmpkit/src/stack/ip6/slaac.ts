/**
 * Addresses made of advertised prefixes (RFC 4862 §5.5): prefix and interface identifier, lifetimes as the routers say,
 * but never cut below two hours by an advertisement that nobody vouches for.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, isLinkLocal, isMulticast } from '../../wire/addr.ts'
import type { PrefixInformation } from '../../wire/nd-option.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { SparseMap } from '../sparse-map.ts'
import { type Address6, linkLocalOf } from './addresses.ts'
import type { Ip6Layer } from './layer.ts'
import { FOREVER } from './router-list.ts'

export class Slaac {
  readonly #node: Node
  readonly #layer: Ip6Layer
  /** Identifiers of ports without a link-layer address. */
  readonly #made: SparseMap<number, bigint> = new SparseMap()

  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
  }

  /** A prefix option with A = 1 makes an address, or gives those of its prefix new lifetimes. */
  learn(now: Instant, port: Port, o: PrefixInformation): void {
    const { autonomous, prefixLength, validLifetimeSeconds: valid, preferredLifetimeSeconds: preferred } = o
    if (!autonomous || !this.#layer.settings.autoconfigure || preferred > valid) return
    const prefix = this.#layer.routes.mask(o.prefix, prefixLength)
    if (isLinkLocal(prefix) || isMulticast(prefix)) return
    let known = false
    for (const a of this.#layer.addresses.of(port)) {
      if (a.origin !== 'autoconfigured' || a.prefixLength !== prefixLength) continue
      if (this.#layer.routes.mask(a.address, prefixLength) !== prefix) continue
      known = true
      this.#layer.setLifetimes(a, until(now, preferred), this.#validUntil(now, a, valid))
    }
    if (known || valid === 0 || prefixLength !== 128 - IDENTIFIER) return
    const made = this.#layer.addAddress(now, port, (prefix | this.#identifier(port)) as Ip6, prefixLength, {
      origin: 'autoconfigured',
      preferredUntil: until(now, preferred),
      validUntil: until(now, valid),
      // Whether the prefix is on the link is another flag's word.
      onLink: false,
    })
    if (made === undefined) this.#node.counters.drop('table-full')
  }

  /** The link is another one, maybe: its prefixes are. */
  clear(now: Instant, port: Port): void {
    for (const a of [...this.#layer.addresses.of(port)]) {
      if (a.origin === 'autoconfigured') this.#layer.removeAddress(now, a)
    }
  }

  /** RFC 4862 §5.5.3(e): an attacker can't make an address go at once. */
  #validUntil(now: Instant, a: Address6, seconds: number): number {
    const received = until(now, seconds)
    if (seconds * 1000 > TWO_HOURS_MS || received > a.validUntil) return received
    return a.validUntil - now <= TWO_HOURS_MS ? a.validUntil : now + TWO_HOURS_MS
  }

  /** The one of the port's link-local address, so that the two belong together; at random where the link has no addresses. */
  #identifier(port: Port): bigint {
    const own = this.#layer.addresses.of(port).find((a) => isLinkLocal(a.address))
    if (own !== undefined) return own.address & 0xffffffffffffffffn
    if (port.medium === 'ethernet') return linkLocalOf(port.mac) & 0xffffffffffffffffn
    let id = this.#made.get(port.index)
    if (id === undefined) {
      // The universal bit is clear: nobody has assigned it (RFC 4291 §2.5.1).
      for (id = 1n; id < 1n << 64n; ) id = (id << 16n) | BigInt(Math.floor(this.#node.random() * 0x10000))
      id &= 0xfdffffffffffffffn
      this.#made.set(port.index, id)
    }
    return id
  }
}

function until(now: Instant, seconds: number): number {
  return seconds === FOREVER ? Number.POSITIVE_INFINITY : now + seconds * 1000
}

/** Bits of an interface identifier on Ethernet (RFC 2464 §4). */
const IDENTIFIER = 64
const TWO_HOURS_MS = 7_200_000
