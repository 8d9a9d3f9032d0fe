/**
 * The unicast addresses of a node and the state each is in (RFC 4862 §5.4, §5.5.4): `tentative` until duplicate address
 * detection has let it pass, then `preferred`, `deprecated` when its preferred lifetime is over, gone with its valid one.
 *
 * Link-local addresses mean their port; all others are the node's by whichever port a packet for them comes in, as
 * routers and Linux hosts have it. Who decides about states is duplicate address detection; who reads them is the layer.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, isLinkLocal } from '../../wire/addr.ts'
import { IpTable, type TableKeys } from '../../wire/ip-table.ts'
import type { Port } from '../port.ts'

export type AddressState = 'tentative' | 'preferred' | 'deprecated' | 'duplicate'

export interface Address6 {
  readonly address: Ip6
  readonly prefixLength: number
  readonly port: Port
  state: AddressState
  /** When it stops being preferred, and being at all; Infinity for good. */
  preferredUntil: number
  validUntil: number
  readonly origin: 'configured' | 'link-local' | 'autoconfigured' | 'subnet-router'
  /** RFC 8981. */
  readonly temporary: boolean
  /** Shared with other nodes: answered, never spoken from as an error's source (RFC 4291 §2.6). */
  readonly anycast: boolean
  /** Its prefix is on the link: a connected route comes with it. Autoconfigured ones say no (RFC 5942 §4). */
  readonly onLink: boolean
}

/** Most addresses of one port: an attacker's advertisements make no more (RFC 4862 §5.5.3 sets no bound). */
export const MAX_ADDRESSES = 64

export class Addresses6 {
  readonly #keys: TableKeys
  /** Ready and wider than the link, by address: index into `#ready`. */
  readonly #wide: IpTable
  readonly #ready: (Address6 | undefined)[] = []
  /** Ready link-local ones, by port index. */
  readonly #links: Map<number, IpTable> = new Map()
  readonly #all: Map<number, Address6[]> = new Map()

  constructor(keys: TableKeys) {
    this.#keys = keys
    this.#wide = new IpTable(keys)
  }

  /** Those of the port, in any state. */
  of(port: Port): readonly Address6[] {
    return this.#all.get(port.index) ?? NONE
  }

  *[Symbol.iterator](): Generator<Address6> {
    for (const list of this.#all.values()) yield* list
  }

  /** False where the port has as many as it may. */
  add(a: Address6): boolean {
    const list = this.#all.get(a.port.index)
    if (list === undefined) this.#all.set(a.port.index, [a])
    else if (list.length >= MAX_ADDRESSES) return false
    else list.push(a)
    return true
  }

  remove(a: Address6): void {
    this.unready(a)
    const list = this.#all.get(a.port.index)
    const i = list?.indexOf(a) ?? -1
    if (i >= 0) list!.splice(i, 1)
  }

  /** From now on packets to it are the node's. */
  ready(a: Address6): void {
    const table = this.#tableOf(a)
    const old = table.get(a.address)
    if (old >= 0) this.#ready[old] = a
    else {
      const free = this.#ready.indexOf(undefined)
      const i = free < 0 ? this.#ready.length : free
      this.#ready[i] = a
      table.set(a.address, i)
    }
  }

  unready(a: Address6): void {
    const table = this.#tableOf(a)
    const i = table.get(a.address)
    if (i < 0 || this.#ready[i] !== a) return
    this.#ready[i] = undefined
    table.delete(a.address)
    if (isLinkLocal(a.address)) return
    // Another port may have it too.
    for (const b of this) if (b !== a && b.address === a.address && isInUse(b)) this.ready(b)
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
    const linkLocal = bytes[at] === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80
    const table = linkLocal ? this.#links.get(port.index) : this.#wide
    const i = table === undefined ? -1 : table.getAt(bytes, at, 6)
    return i < 0 ? undefined : this.#ready[i]
  }

  /** Ready, and the node's by `port`; without one, a link-local address of any port will do. */
  isReady(address: Ip6, port?: Port): boolean {
    if (!isLinkLocal(address)) return this.#wide.get(address) >= 0
    if (port !== undefined) return (this.#links.get(port.index)?.get(address) ?? -1) >= 0
    for (const table of this.#links.values()) if (table.get(address) >= 0) return true
    return false
  }

  #tableOf(a: Address6): IpTable {
    if (!isLinkLocal(a.address)) return this.#wide
    let table = this.#links.get(a.port.index)
    if (table === undefined) {
      table = new IpTable(this.#keys, MAX_ADDRESSES)
      this.#links.set(a.port.index, table)
    }
    return table
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

/** Let pass by duplicate address detection, and valid. */
function isInUse(a: Address6): boolean {
  return a.state === 'preferred' || a.state === 'deprecated'
}

/** Time's effect on `a`: what it is at `now` where it is in use. */
export function stateAt(a: Address6, now: Instant): AddressState {
  return a.state === 'preferred' && now >= a.preferredUntil ? 'deprecated' : a.state
}
