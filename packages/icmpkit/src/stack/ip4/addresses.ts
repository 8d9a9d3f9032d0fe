/**
 * The IPv4 addresses of a node and the broadcast addresses that go with them (RFC 1122 §3.2.1.3, RFC 1812 §4.2.2.11).
 * An address is answered for only when it is ready: on Ethernet when ARP found nobody else who has it (RFC 5227).
 */
import { type Ip4, isMulticast } from '../../wire/addr.ts'
import { IpTable, type TableKeys } from '../../wire/ip-table.ts'
import type { Changes } from '../changes.ts'
import type { Port } from '../port.ts'

export interface Address4 {
  address: Ip4
  prefixLength: number
  port: Port
  /** `claimed`: ARP has not found, or no longer finds, that it is this node's alone. */
  state: 'claimed' | 'ready'
}

export class Addresses4 {
  readonly #keys: TableKeys
  /** What was decided by older ones is decided anew. */
  readonly #changes: Changes
  #all: readonly Address4[] = NONE
  /** Ready ones, where there are more than `FEW`: where they stand in `#all`. */
  #ready: IpTable | undefined
  /** Their broadcast and network addresses. */
  #broadcasts: IpTable | undefined

  constructor(keys: TableKeys, changes: Changes) {
    this.#keys = keys
    this.#changes = changes
  }

  [Symbol.iterator](): IterableIterator<Address4> {
    return this.#all[Symbol.iterator]()
  }

  /** Whatever their state, in the order of the configuration. */
  of(port: Port): readonly Address4[] {
    return port.ip4.addresses
  }

  find(port: Port, address: Ip4): Address4 | undefined {
    for (const a of port.ip4.addresses) if (a.address === address) return a
    return undefined
  }

  add(a: Address4): void {
    this.#all = this.#all.concat(a)
    a.port.ip4.addresses = a.port.ip4.addresses.concat(a)
    this.#index()
  }

  setState(a: Address4, state: Address4['state']): void {
    a.state = state
    this.#index()
  }

  remove(a: Address4): void {
    a.state = 'claimed'
    this.#all = this.#all.filter((b) => b !== a)
    a.port.ip4.addresses = a.port.ip4.addresses.filter((b) => b !== a)
    this.#index()
  }

  /** The ready entry of the address, on whatever port. */
  ready(address: Ip4): Address4 | undefined {
    if (this.#ready !== undefined) return this.#all[this.#ready.get(address)]
    for (const a of this.#all) if (a.address === address && a.state === 'ready') return a
    return undefined
  }

  /** Of a network that a ready address is in, all ones or all zeros (RFC 1812 §4.2.3.1). */
  isDirectedBroadcast(address: Ip4): boolean {
    if (this.#broadcasts !== undefined) return this.#broadcasts.get(address) >= 0
    for (const a of this.#all) {
      if (a.state === 'ready' && (broadcastOf(a) === address || networkOf(a) === address)) return true
    }
    return false
  }

  /** All ones of a network on `port` (RFC 1122 §3.3.6). */
  isBroadcastOn(address: Ip4, port: Port): boolean {
    return port.ip4.addresses.some((a) => a.state === 'ready' && broadcastOf(a) === address)
  }

  /** The port listens to these groups. */
  join(port: Port, groups: readonly Ip4[]): void {
    port.ip4.groups = groups
  }

  isMember(group: Ip4, port: Port): boolean {
    return isMulticast(group) && port.ip4.groups.includes(group)
  }

  #index(): void {
    this.#changes.version++
    this.#ready = undefined
    this.#broadcasts = undefined
    if (this.#all.length <= FEW) return
    this.#ready = new IpTable(this.#keys)
    this.#broadcasts = new IpTable(this.#keys)
    for (const [i, a] of this.#all.entries()) {
      if (a.state !== 'ready') continue
      if (this.#ready.get(a.address) < 0) this.#ready.set(a.address, i)
      const broadcast = broadcastOf(a)
      const network = networkOf(a)
      if (broadcast !== undefined) this.#broadcasts.set(broadcast, i)
      if (network !== undefined) this.#broadcasts.set(network, i)
    }
  }
}

/** So many are compared one by one. */
const FEW = 8
const NONE: readonly Address4[] = []

/** All ones of its network; undefined where the prefix leaves no room for one (RFC 3021). */
export function broadcastOf(a: { address: Ip4; prefixLength: number }): Ip4 | undefined {
  return a.prefixLength > 30 ? undefined : ((a.address | (0xffffffff >>> a.prefixLength)) as Ip4)
}

/** All zeros of its network: an old form of broadcast. */
function networkOf(a: { address: Ip4; prefixLength: number }): Ip4 | undefined {
  return a.prefixLength > 30 ? undefined : ((a.address & ~(0xffffffff >>> a.prefixLength)) as Ip4)
}
