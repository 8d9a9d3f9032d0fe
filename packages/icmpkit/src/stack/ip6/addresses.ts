/**
 * The unicast addresses of a node and the state each is in (RFC 4862 §5.4, §5.5.4): `tentative` until duplicate address
 * detection has let it pass, then `preferred`, `deprecated` when its preferred lifetime is over, gone with its valid one.
 *
 * Link-local addresses mean their port; all others are the node's by whichever port a packet for them comes in, as
 * routers and Linux hosts have it. Who decides about states is duplicate address detection; who reads them is the layer.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, isLinkLocal, readIp6 } from '../../wire/addr.ts'
import { IpTable } from '../../wire/ip-table.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { isLinkLocalAt } from './octet-tests.ts'

export type AddressState = 'tentative' | 'preferred' | 'deprecated' | 'duplicate'

/** What an address is made of, beside itself; what is not named is the rule. */
export interface AddressOptions {
  /** Default: `configured`. */
  origin?: Address6['origin']
  /** When it stops being preferred, and being at all; default: never. */
  preferredUntil?: number
  validUntil?: number
  temporary?: boolean
  anycast?: boolean
  /** Default: yes. */
  onLink?: boolean
}

interface Lifetimes {
  preferredUntil: number
  validUntil: number
}

export class Address6 {
  readonly address: Ip6
  readonly prefixLength: number
  readonly port: Port
  state: AddressState = 'tentative'
  readonly origin: 'configured' | 'link-local' | 'autoconfigured' | 'subnet-router'
  readonly #flags: number
  /** Those that are there for good share one. */
  #lifetimes: Lifetimes

  constructor(port: Port, address: Ip6, prefixLength: number, o: AddressOptions) {
    this.address = address
    this.prefixLength = prefixLength
    this.port = port
    this.origin = o.origin ?? 'configured'
    this.#flags = (o.temporary ? TEMPORARY : 0) | (o.anycast ? ANYCAST : 0) | ((o.onLink ?? true) ? ON_LINK : 0)
    this.#lifetimes = lifetimesOf(o.preferredUntil ?? FOR_GOOD.preferredUntil, o.validUntil ?? FOR_GOOD.validUntil)
  }

  /** When it stops being preferred; Infinity for good. */
  get preferredUntil(): number {
    return this.#lifetimes.preferredUntil
  }

  /** When it stops being at all. */
  get validUntil(): number {
    return this.#lifetimes.validUntil
  }

  /** No time ends it. */
  get isForGood(): boolean {
    return this.#lifetimes === FOR_GOOD
  }

  setLifetimes(preferredUntil: number, validUntil: number): void {
    this.#lifetimes = lifetimesOf(preferredUntil, validUntil)
  }

  /** RFC 8981. */
  get temporary(): boolean {
    return (this.#flags & TEMPORARY) !== 0
  }

  /** Shared with other nodes: answered, never spoken from as an error's source (RFC 4291 §2.6). */
  get anycast(): boolean {
    return (this.#flags & ANYCAST) !== 0
  }

  /** Its prefix is on the link: a connected route comes with it. Autoconfigured ones say no (RFC 5942 §4). */
  get onLink(): boolean {
    return (this.#flags & ON_LINK) !== 0
  }

  /** Let pass by duplicate address detection, and valid. */
  get inUse(): boolean {
    return this.state === 'preferred' || this.state === 'deprecated'
  }
}

function lifetimesOf(preferredUntil: number, validUntil: number): Lifetimes {
  const forGood = preferredUntil === Number.POSITIVE_INFINITY && validUntil === Number.POSITIVE_INFINITY
  return forGood ? FOR_GOOD : { preferredUntil, validUntil }
}

const FOR_GOOD: Lifetimes = { preferredUntil: Number.POSITIVE_INFINITY, validUntil: Number.POSITIVE_INFINITY }
const TEMPORARY = 1
const ANYCAST = 2
const ON_LINK = 4

/** Most addresses of one port: an attacker's advertisements make no more (RFC 4862 §5.5.3 sets no bound). */
export const MAX_ADDRESSES = 64

export class Addresses6 {
  readonly #node: Node
  /** Ready and wider than the link, by address: index into `#ready`. */
  readonly #wide: IpTable
  #ready: (Address6 | undefined)[] = NO_PLACES

  constructor(node: Node) {
    this.#node = node
    this.#wide = new IpTable(node.tableKeys)
  }

  /** Those of the port, in any state. */
  of(port: Port): readonly Address6[] {
    return port.ip6?.addresses ?? NONE
  }

  *[Symbol.iterator](): Generator<Address6> {
    for (const port of this.#node.ports.values()) yield* this.of(port)
  }

  /** False where the port has as many as it may. */
  add(a: Address6): boolean {
    const link = this.#node.ip6.neighbours.link(a.port)
    if (link.addresses.length >= MAX_ADDRESSES) return false
    link.addresses = link.addresses.concat(a)
    return true
  }

  remove(a: Address6): void {
    this.unready(a)
    const link = this.#node.ip6.neighbours.link(a.port)
    link.addresses = link.addresses.filter((b) => b !== a)
  }

  /** From now on packets to it are the node's. */
  ready(a: Address6): void {
    if (isLinkLocal(a.address)) return
    const old = this.#wide.get(a.address)
    if (old >= 0) {
      this.#ready[old] = a
      return
    }
    const free = this.#ready.indexOf(undefined)
    this.#wide.set(a.address, free < 0 ? this.#ready.length : free)
    if (free < 0) this.#ready = this.#ready.concat(a)
    else this.#ready[free] = a
  }

  /** Its state says the same already, or will. */
  unready(a: Address6): void {
    const i = isLinkLocal(a.address) ? -1 : this.#wide.get(a.address)
    if (i < 0 || this.#ready[i] !== a) return
    this.#ready[i] = undefined
    this.#wide.delete(a.address)
    // Another port may have it too.
    for (const b of this) if (b !== a && b.address === a.address && b.inUse) this.ready(b)
  }

  /** The entry in whatever state; of a link-local address only that of `port`. */
  find(address: Ip6, port?: Port): Address6 | undefined {
    const own = port === undefined ? undefined : this.of(port).find((a) => a.address === address)
    if (own !== undefined || (port !== undefined && isLinkLocal(address))) return own
    for (const a of this) if (a.address === address) return a
    return undefined
  }

  /** The ready address that stands at `at` in a packet which came in by `port`; undefined where it is not the node's. */
  at(bytes: Uint8Array, at: number, port: Port): Address6 | undefined {
    if (isLinkLocalAt(bytes, at)) {
      const address = readIp6(bytes, at)
      for (const a of this.of(port)) if (a.address === address && a.inUse) return a
      return undefined
    }
    const i = this.#wide.getAt(bytes, at, 6)
    return i < 0 ? undefined : this.#ready[i]
  }

  /** Ready, and the node's by `port`; without one, a link-local address of any port will do. */
  isReady(address: Ip6, port?: Port): boolean {
    if (!isLinkLocal(address)) return this.#wide.get(address) >= 0
    if (port !== undefined) return this.of(port).some((a) => a.address === address && a.inUse)
    for (const a of this) if (a.address === address && a.inUse) return true
    return false
  }
}

/** fe80::/64 with the modified EUI-64 of a MAC (RFC 4291 §2.5.6, appendix A). */
export function linkLocalOf(mac: Uint8Array): Ip6 {
  let id = 0n
  for (const [i, octet] of mac.entries()) {
    if (i === 3) id = (id << 16n) | 0xfffen
    id = (id << 8n) | BigInt(i === 0 ? octet ^ 2 : octet)
  }
  return ((0xfe80n << 112n) | id) as Ip6
}

/** ff02::1:ff00:0/104 with the address's last 24 bits (RFC 4291 §2.7.1). */
export function solicitedNode(address: Ip6): Ip6 {
  return (SOLICITED_NODE | (address & 0xffffffn)) as Ip6
}

export function isSolicitedNode(group: Ip6): boolean {
  return group >> 24n === SOLICITED_NODE >> 24n
}

const SOLICITED_NODE = 0xff0200000000000000000001ff000000n
const NONE: readonly Address6[] = []
const NO_PLACES: (Address6 | undefined)[] = []

/** Time's effect on `a`: what it is at `now` where it is in use. */
export function stateAt(a: Address6, now: Instant): AddressState {
  return a.state === 'preferred' && now >= a.preferredUntil ? 'deprecated' : a.state
}
