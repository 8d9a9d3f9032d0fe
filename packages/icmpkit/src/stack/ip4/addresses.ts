/**
 * The IPv4 addresses of a node and the broadcast addresses that go with them (RFC 1122 §3.2.1.3, RFC 1812 §4.2.2.11).
 * An address is answered for only when it is ready: on Ethernet when ARP found nobody else who has it (RFC 5227).
 */
import { type Ip4, isMulticast } from '../../wire/addr.ts'
import { IpTable, type TableKeys } from '../../wire/ip-table.ts'
import type { Port } from '../port.ts'

export interface Address4 {
  address: Ip4
  prefixLength: number
  port: Port
  /** `claimed`: ARP has not found, or no longer finds, that it is this node's alone. */
  state: 'claimed' | 'ready'
}

export class Addresses4 {
  /** Rises with each change: what was decided by older ones is decided anew. */
  version = 0
  /** Ready ones: where they stand in `#all`. */
  readonly #ready: IpTable
  /** Broadcast and network addresses of ready ones: how many of them have it. */
  readonly #broadcasts: IpTable
  readonly #all: Address4[] = []
  readonly #groups: Map<number, Ip4[]> = new Map()

  constructor(keys: TableKeys) {
    this.#ready = new IpTable(keys)
    this.#broadcasts = new IpTable(keys)
  }

  [Symbol.iterator](): IterableIterator<Address4> {
    return this.#all[Symbol.iterator]()
  }

  /** Whatever their state, in the order of the configuration. */
  of(port: Port): Address4[] {
    return this.#all.filter((a) => a.port === port)
  }

  find(port: Port, address: Ip4): Address4 | undefined {
    return this.#all.find((a) => a.port === port && a.address === address)
  }

  add(a: Address4): void {
    this.#all.push(a)
    if (a.state === 'ready') this.setState(a, 'ready')
  }

  setState(a: Address4, state: Address4['state']): void {
    a.state = state
    this.#index()
  }

  remove(a: Address4): void {
    this.setState(a, 'claimed')
    const i = this.#all.indexOf(a)
    if (i >= 0) this.#all.splice(i, 1)
    this.#index()
  }

  /** The address at `at` is one of this node's that is ready. */
  isMineAt(bytes: Uint8Array, at: number): boolean {
    return this.#ready.getAt(bytes, at, 4) >= 0
  }

  /** The ready entry of the address, on whatever port. */
  ready(address: Ip4): Address4 | undefined {
    const i = this.#ready.get(address)
    return i < 0 ? undefined : this.#all[i]
  }

  /** Of a network that a ready address is in, all ones or all zeros (RFC 1812 §4.2.3.1). */
  isDirectedBroadcast(address: Ip4): boolean {
    return this.#broadcasts.get(address) >= 0
  }

  /** All ones of a network on `port` (RFC 1122 §3.3.6). */
  isBroadcastOn(address: Ip4, port: Port): boolean {
    return this.#all.some((a) => a.port === port && a.state === 'ready' && broadcastOf(a) === address)
  }

  join(port: Port, group: Ip4): void {
    const there = this.#groups.get(port.index) ?? []
    if (!there.includes(group)) this.#groups.set(port.index, [...there, group])
  }

  leave(port: Port, group: Ip4): void {
    this.#groups.set(
      port.index,
      (this.#groups.get(port.index) ?? []).filter((g) => g !== group),
    )
  }

  isMember(group: Ip4, port: Port): boolean {
    return isMulticast(group) && (this.#groups.get(port.index)?.includes(group) ?? false)
  }

  #index(): void {
    this.version++
    for (const a of this.#all) {
      this.#ready.delete(a.address)
      this.#broadcasts.delete(broadcastOf(a) ?? a.address)
      this.#broadcasts.delete(networkOf(a) ?? a.address)
    }
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

/** All ones of its network; undefined where the prefix leaves no room for one (RFC 3021). */
export function broadcastOf(a: { address: Ip4; prefixLength: number }): Ip4 | undefined {
  return a.prefixLength > 30 ? undefined : ((a.address | (0xffffffff >>> a.prefixLength)) as Ip4)
}

/** All zeros of its network: an old form of broadcast. */
function networkOf(a: { address: Ip4; prefixLength: number }): Ip4 | undefined {
  return a.prefixLength > 30 ? undefined : ((a.address & ~(0xffffffff >>> a.prefixLength)) as Ip4)
}
