/**
 * A host or a gateway: ports, two IP layers, the transports above them, one timer heap. Sans-IO: time and chance come in
 * as arguments, packets come and go through a door (RFC 1122, RFC 1812, RFC 4294bis = 8504).
 *
 * Left out: everything of a host that no ICMP message speaks of. Of TCP there is the table of connections only.
 */
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival, LocalDrop, Machine, Slot } from '../door.ts'
import { HEADER as ETHERNET, EtherType, isTag, TAG } from '../wire/ethernet.ts'
import { TableKeys } from '../wire/ip-table.ts'
import { u16 } from '../wire/octets.ts'
import { Changes } from './changes.ts'
import { Counters } from './counters.ts'
import { ErrorExtension, type ErrorExtensionSettings } from './error-extension.ts'
import type { StackEvent } from './event.ts'
import { ExtendedEchoResponder, type ExtendedEchoSettings } from './extended-echo-responder.ts'
import type { Inbound } from './inbound.ts'
import { Ip4Layer } from './ip4/layer.ts'
import type { Ip4Settings } from './ip4/settings.ts'
import { Ip6Layer } from './ip6/layer.ts'
import type { Ip6Options } from './ip6/settings.ts'
import { unlabel } from './label-stack.ts'
import { Port, type PortConfig } from './port.ts'
import { Ports } from './ports.ts'
import { Timers } from './timers.ts'
import { TokenBucket } from './token-bucket.ts'
import { Transport } from './transport/transport.ts'

export interface NodeConfig {
  role: 'host' | 'gateway'
  ports: readonly PortConfig[]
  ip4?: Partial<Ip4Settings>
  ip6?: Ip6Options
  /** What errors of both families tell behind their quote (RFC 4884). */
  errorExtensions?: Partial<ErrorExtensionSettings>
  /** Extended echo (RFC 8335): off unless `enabled`. */
  extendedEcho?: Partial<ExtendedEchoSettings>
  /** 0 ≤ r < 1, unguessable where the network is not a lab's. */
  random: () => number
  /** Nanoseconds since 1970 at that moment: what timestamp replies tell. */
  wall: (at: Instant) => bigint
}

export class Node implements Machine<StackEvent> {
  readonly role: 'host' | 'gateway'
  readonly random: () => number
  readonly wall: (at: Instant) => bigint
  /** Of its tables of addresses. */
  readonly tableKeys: TableKeys
  readonly changes: Changes = new Changes()
  readonly counters: Counters = new Counters()
  readonly timers: Timers = new Timers(this.changes)
  /** By index. */
  readonly ports: Ports = new Ports()
  readonly transport: Transport
  readonly ip4: Ip4Layer
  readonly ip6: Ip6Layer
  /** Oldest first; `NOTHING` where there is none, and most of the time there is none. */
  #events: StackEvent[] = NOTHING
  #telling: TokenBucket | undefined
  #extensions: Partial<ErrorExtensionSettings> | undefined
  #errorExtension: ErrorExtension | undefined
  #answers: Partial<ExtendedEchoSettings> | undefined
  #extendedEcho: ExtendedEchoResponder | undefined
  #closed = false

  constructor(config: NodeConfig) {
    this.role = config.role
    this.random = config.random
    this.wall = config.wall
    this.tableKeys = new TableKeys((config.random() * 2 ** 32) | 0)
    this.transport = new Transport(this)
    this.ip4 = new Ip4Layer(this, config.ip4 ?? {})
    this.ip6 = new Ip6Layer(this, config.ip6 ?? {})
    this.#extensions = config.errorExtensions
    this.#answers = config.extendedEcho
    for (const p of config.ports) this.ports.add(new Port(p, this.counters, this.changes))
  }

  /** Made at its first use, as every part that most nodes never need (docs/decisions/what-a-node-weighs.md). */
  get errorExtension(): ErrorExtension {
    this.#errorExtension ??= new ErrorExtension(this, this.#extensions ?? {})
    return this.#errorExtension
  }

  get extendedEcho(): ExtendedEchoResponder {
    this.#extendedEcho ??= new ExtendedEchoResponder(this, this.#answers ?? {})
    return this.#extendedEcho
  }

  /** Begins: addresses are probed, groups joined, routers asked for, advertisements sent. Once, before anything else. */
  start(now: Instant): void {
    for (const port of this.ports.values()) {
      this.ip4.attach(now, port)
      this.ip6.attach(now, port)
    }
  }

  /** Says goodbye (last advertisements, groups left); the machine is done when that has left. */
  close(now: Instant): void {
    if (this.#closed) return
    this.#closed = true
    this.changes.toSettle = true
    this.ip4.close(now)
    this.ip6.close(now)
  }

  /** A link changed under a running node: carrier, MTU, link-layer address. */
  changePort(now: Instant, index: number, change: { up?: boolean; mtu?: number; mac?: Uint8Array }): void {
    const port = this.ports.get(index)
    if (port === undefined) return
    const { up: wasUp, mac } = port
    port.up = change.up ?? port.up
    port.mtu = change.mtu ?? port.mtu
    port.mac = change.mac ?? port.mac
    if (!port.up) port.queue.clear()
    const what = { wasUp, moved: port.mac.some((octet, i) => mac[i] !== octet) }
    this.ip4.changed(now, port, what)
    this.ip6.changed(now, port, what)
    const state = port.up === wasUp ? 'changed' : port.up ? 'up' : 'down'
    this.emit({ kind: 'port', at: now, port: index, state, mtu: port.mtu, mac: port.mac })
  }

  /** Other switches, static routes and addresses from now on; the ports stay. */
  reconfigure(now: Instant, config: Omit<NodeConfig, 'role' | 'random' | 'wall'>): void {
    this.ip4.reconfigure(now, config.ip4 ?? {}, config.ports)
    this.ip6.reconfigure(now, config.ip6 ?? {}, config.ports)
    this.#extensions = config.errorExtensions
    this.#errorExtension = undefined
    this.#answers = config.extendedEcho
    this.#extendedEcho = undefined
  }

  /** A whole port comes while it runs. */
  addPort(now: Instant, config: PortConfig): Port {
    const port = new Port(config, this.counters, this.changes)
    this.ports.add(port)
    this.ip4.attach(now, port)
    this.ip6.attach(now, port)
    return port
  }

  handlePacket(now: Instant, a: Arrival): boolean {
    const port = this.ports.get(a.port)
    if (port !== undefined) return this.handleAt(now, a, port)
    this.counters.received++
    return this.counters.drop('unknown-port')
  }

  /** The same, for who has the port `a.port` in hand. */
  handleAt(now: Instant, a: Arrival, port: Port): boolean {
    this.counters.received++
    if (!port.up) return this.counters.drop('port-down')
    if (a.link === 'other') return this.counters.drop('other-host')
    const d = fill(a, port)
    if (port.medium === 'ip') return this.#input(now, d, a.bytes[a.at]! >>> 4 === 6 ? EtherType.ip6 : EtherType.ip4)
    if (a.end - a.at < ETHERNET) return this.counters.bad('truncated')
    let type = u16(a.bytes, a.at + 12)
    d.at = a.at + ETHERNET
    if (isTag(type)) {
      if (a.end - d.at < TAG) return this.counters.bad('truncated')
      // VLAN 0 is a priority tag of no VLAN (IEEE 802.1Q §6.9.1).
      const vlan = u16(a.bytes, d.at) & 0x0fff
      if (vlan !== (port.vlan ?? 0)) return this.counters.drop('vlan')
      type = u16(a.bytes, d.at + 2)
      d.at += TAG
    } else if (port.vlan !== undefined) return this.counters.drop('vlan')
    d.length = a.length - (d.at - a.at)
    return this.#input(now, d, type)
  }

  #input(now: Instant, d: Inbound, etherType: number): boolean {
    switch (etherType) {
      case EtherType.ip4:
        return this.#answer(d, this.ip4.input(now, d))
      case EtherType.ip6:
        return this.#answer(d, this.ip6.input(now, d))
      case EtherType.arp:
        this.ip4.arp.input(now, d)
        return false
      case EtherType.mpls:
        return this.#unlabelled(now, d)
      default:
        return this.counters.drop('ether-type')
    }
  }

  /** A label switched path ends here. What goes back in place bears no label. */
  #unlabelled(now: Instant, d: Inbound): false {
    if (!d.port.mpls) return this.counters.drop('ether-type')
    const type = unlabel(d)
    if (type === 0) return this.counters.bad('truncated')
    const rewritten = type === EtherType.ip4 ? this.ip4.input(now, d) : this.ip6.input(now, d)
    if (rewritten) d.port.transmit(d.bytes, d.at, d.end, type, d.bytes, d.frame + 6)
    return false
  }

  /** A layer rewrote the datagram in place: it goes back to the link-layer address that it came from. */
  #answer(d: Inbound, rewritten: boolean): boolean {
    if (!rewritten) return false
    for (let i = 0; d.frame < d.at && i < 6; i++) {
      d.bytes[d.frame + i] = d.bytes[d.frame + 6 + i]!
      d.bytes[d.frame + 6 + i] = d.port.mac[i]!
    }
    return true
  }

  handleSent(_now: Instant, _tag: number, _stamp: Instant, _clock: ClockSource): void {}

  handleUnsent(_now: Instant, _tag: number, why: LocalDrop, _mtu: number): void {
    this.counters.drop(why === 'link-down' ? 'port-down' : why === 'too-big' ? 'too-big' : 'queue-full')
  }

  handleTimeout(now: Instant): void {
    this.timers.fire(now)
  }

  /** The oldest packet that waits at the slot's port. A door of one interface says its index in `slot.port`. */
  pollTransmit(_now: Instant, slot: Slot): boolean {
    const queue = this.ports.get(slot.port)?.queue
    for (;;) {
      const first = queue?.first
      if (queue === undefined || first === undefined) return false
      const fits = first.end <= slot.limit - slot.at
      if (fits) {
        if (first.end < 128) for (let i = 0; i < first.end; i++) slot.bytes[slot.at + i] = first.bytes[i]!
        else slot.bytes.set(first.bytes.subarray(0, first.end), slot.at)
        slot.end = slot.at + first.end
        slot.tag = 0
      } else this.counters.drop('cut')
      queue.shift()
      if (fits) return true
    }
  }

  /** A port that may have packets to send, once; undefined where none is left. For who would else look at many ports. */
  takeWaiting(): Port | undefined {
    const port = this.changes.first
    port?.unlist()
    return port
  }

  pollEvent(): StackEvent | undefined {
    if (this.#events === NOTHING) return undefined
    const e = this.#events.shift()
    if (this.#events.length === 0) this.#events = NOTHING
    return e
  }

  pollTimeout(): Instant | undefined {
    if (this.#closed && [...this.ports.values()].every((p) => p.queue.size === 0)) return undefined
    return this.timers.next as Instant
  }

  /**
   * Tells; a reader that is far behind loses the newest, since the oldest explain the rest. Of what strangers can bring
   * about, so much is told and the rest counted: a flood of packets must not become a flood of lines.
   */
  emit(e: StackEvent): void {
    const own = e.kind.startsWith('address') || e.kind === 'port'
    if (this.#events.length < MAX_EVENTS && (own || this.#mayTell(e.at))) {
      this.changes.toSettle = true
      if (this.#events === NOTHING) this.#events = [e]
      else this.#events.push(e)
    } else this.counters.untold++
  }

  #mayTell(now: Instant): boolean {
    this.#telling ??= new TokenBucket(TELLING)
    return this.#telling.take(now)
  }
}

function fill(a: Arrival, port: Port): Inbound {
  const d = inbound
  if (d === undefined) {
    const { bytes, at, end, length, link, checksum, stamp, clock } = a
    inbound = { bytes, frame: at, at, end, length, link, checksum, stamp, clock, port, labels: -1 }
    return inbound
  }
  d.bytes = a.bytes
  d.frame = a.at
  d.at = a.at
  d.end = a.end
  d.length = a.length
  d.link = a.link
  d.checksum = a.checksum
  d.stamp = a.stamp
  d.clock = a.clock
  d.port = port
  d.labels = -1
  return d
}

/** What came in; of all nodes, since none is asked for anything while another's stands in it. */
let inbound: Inbound | undefined
const MAX_EVENTS = 4096
/** No events, of all nodes. */
const NOTHING: StackEvent[] = []
/** Of what strangers bring about. */
const TELLING = { rate: 20, burst: 500 } as const
