/**
 * Where a node touches a link: an Ethernet interface, or one end of a point-to-point link. It frames what leaves and
 * queues it; what each IP knows about the link hangs on it, and is the layers' own.
 */
import { HEADER as ETHERNET, EtherType, TAG } from '../wire/ethernet.ts'
import { put16, put24 } from '../wire/octets.ts'
import type { Changes } from './changes.ts'
import type { Counters } from './counters.ts'
import { Link4 } from './ip4/link.ts'
import type { Link6 } from './ip6/link.ts'
import { type Mac, setMac } from './mac.ts'
import { PacketQueue } from './packet-queue.ts'

export interface PortConfig {
  /** Interface index: `Arrival.port`, `Slot.port`, and the zone of link-local addresses. Above 0. */
  index: number
  name: string
  medium: 'ethernet' | 'ip'
  /** Six octets; empty on `ip`. */
  mac: Uint8Array
  /** Largest IP packet that the link carries, octets. */
  mtu: number
  /** `203.0.113.1/24`, `2001:db8::1/64` as values; what the layers do before they use one is theirs. */
  addresses?: readonly PortAddress[]
  /** 802.1Q identifier that its frames carry; frames with another tag are none of its own. Default: untagged. */
  vlan?: number
  /** The last of a label switched path: IP packets with an MPLS label stack are taken in (RFC 3032). Default: no. */
  mpls?: boolean
  /** Packets that may wait to leave. Default 256. */
  queue?: number
  up?: boolean
}

export interface PortAddress {
  address: import('../wire/addr.ts').Ip
  prefixLength: number
}

/** What of a port is another now, beside its MTU. */
export interface PortChange {
  wasUp: boolean
  /** Its link-layer address was another one. */
  moved: boolean
}

export class Port implements Mac {
  // What each packet needs stands together, in front.
  up: boolean
  readonly medium: 'ethernet' | 'ip'
  readonly index: number
  mtu: number
  /** Octets in front of each IP packet that leaves. */
  readonly header: number
  readonly queue: PacketQueue
  readonly vlan: number | undefined
  /** What each IP knows of its link. */
  readonly ip4: Link4 = new Link4()
  /** The halves of `mac`, which sets them. */
  macHigh = 0
  macLow = 0
  /** What stands at its other side, for who drives the node; a node knows nothing of it. */
  line: object | undefined = undefined
  readonly #changes: Changes
  #listed = false
  /** The next in that row. */
  #next: Port | undefined = undefined
  readonly #counters: Counters
  ip6: Link6 | undefined
  readonly mpls: boolean
  readonly name: string
  /** What the configuration asks for; the layers hold what is in use. */
  readonly addresses: readonly PortAddress[]
  #mac: Uint8Array

  /** `changes`: where it puts itself when it has a packet to send. */
  constructor(config: PortConfig, counters: Counters, changes: Changes) {
    this.index = config.index
    this.name = config.name
    this.medium = config.medium
    this.#mac = config.mac
    setMac(this, config.mac)
    this.mtu = config.mtu
    this.vlan = config.vlan
    this.mpls = config.mpls ?? false
    this.addresses = config.addresses ?? []
    this.up = config.up ?? true
    this.ip6 = undefined
    this.queue = new PacketQueue(config.queue ?? 256)
    this.header = config.medium === 'ip' ? 0 : ETHERNET + (config.vlan === undefined ? 0 : TAG)
    this.#counters = counters
    this.#changes = changes
  }

  /** Six octets; empty on `ip`. */
  get mac(): Uint8Array {
    return this.#mac
  }

  set mac(mac: Uint8Array) {
    this.#mac = mac
    setMac(this, mac)
  }

  /**
   * Queues a copy of what stands at `at…end`, framed for the neighbour with link-layer address `to` at `toAt` (unused on
   * point-to-point links). False where it cannot leave: counted here.
   */
  transmit(bytes: Uint8Array, at: number, end: number, etherType: number, to: Uint8Array, toAt = 0): boolean {
    if (!this.up) return this.#counters.drop('port-down')
    const out = this.queue.claim(this.header + end - at)
    if (out === undefined) return this.#counters.drop('queue-full')
    if (!this.#listed) this.#list()
    if (this.header > 0) this.#frame(out, etherType, to, toAt)
    if (end - at < SHORT) for (let i = at, o = this.header; i < end; ) out[o++] = bytes[i++]!
    else out.set(bytes.subarray(at, end), this.header)
    return true
  }

  /** Takes it, the first, out of the row of those that wait; whoever does that empties its queue. */
  unlist(): void {
    this.#changes.first = this.#next
    if (this.#next === undefined) this.#changes.last = undefined
    this.#next = undefined
    this.#listed = false
  }

  #list(): void {
    const { last } = this.#changes
    if (last === undefined) this.#changes.first = this
    else last.#next = this
    this.#changes.last = this
    this.#listed = true
  }

  #frame(out: Uint8Array, etherType: number, to: Uint8Array, toAt: number): void {
    for (let i = 0; i < 6; i++) out[i] = to[toAt + i]!
    put24(out, 6, this.macHigh)
    put24(out, 9, this.macLow)
    let at = 12
    if (this.vlan !== undefined) {
      put16(out, at, EtherType.vlan)
      put16(out, at + 2, this.vlan)
      at += TAG
    }
    put16(out, at, etherType)
  }
}

/** Below this a loop is faster than `set` with its subarray. */
const SHORT = 128
