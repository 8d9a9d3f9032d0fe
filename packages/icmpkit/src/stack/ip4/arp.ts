/**
 * ARP (RFC 826, RFC 1122 §2.3.2): next hop → link-layer address.
 *
 * A neighbour is asked for three times, a second apart; what waits for it meanwhile is then unresolved. What is known
 * goes out of date after a minute: in use, it is polled by unicast first (RFC 1122 §2.3.2.1(2)), so that traffic does
 * not stop, and asked for anew where that fails. Addresses of this node's own are the affair of `arp-conflict.ts`.
 */
import type { Instant } from '../../clock.ts'
import { ANY4, BROADCAST4, type Ip4, isMulticast } from '../../wire/addr.ts'
import * as arp from '../../wire/arp.ts'
import { EtherType } from '../../wire/ethernet.ts'
import { shared } from '../defaults.ts'
import type { StackEvent } from '../event.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port, PortChange } from '../port.ts'
import { Timer } from '../timers.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Address4 } from './addresses.ts'
import { ArpCache, State } from './arp-cache.ts'
import { ArpClaims } from './arp-conflict.ts'
import { ARP_DEFAULTS, type ArpSettings } from './arp-settings.ts'

/** One row of the cache, for who lists it. */
export interface ArpEntry {
  port: number
  address: Ip4
  /** undefined while it is asked for. */
  mac: Uint8Array | undefined
}

type NeighbourState = Extract<StackEvent, { kind: 'neighbour' }>['state']

/** The neighbours of one port. */
export interface PortArp {
  port: Port
  cache: ArpCache
  timer: Timer
}

export class Arp {
  readonly claims: ArpClaims
  readonly #node: Node
  #telling: TokenBucket | undefined

  constructor(node: Node) {
    this.#node = node
    this.claims = new ArpClaims(node)
  }

  /** Sends the datagram at `at…end` to `nextHop` on `port`: at once, or when its link-layer address is known. */
  transmit(now: Instant, port: Port, nextHop: Ip4, bytes: Uint8Array, at: number, end: number): void {
    if (port.medium === 'ip') {
      port.transmit(bytes, at, end, EtherType.ip4, port.mac)
      return
    }
    const p = port.ip4.arp
    const slot = p === undefined ? -1 : p.cache.find(nextHop)
    if (p === undefined || slot < 0 || p.cache.state(slot) === State.incomplete) {
      this.#resolve(now, port, slot, nextHop, bytes, at, end)
      return
    }
    const { cache } = p
    cache.use(slot, now)
    if (cache.until(slot) <= now && cache.state(slot) === State.known) this.#poll(now, p, slot)
    port.transmit(bytes, at, end, EtherType.ip4, cache.writeMac(slot, MAC))
  }

  /** The neighbour's link-layer address is known, not out of date, and the one that stands at `macAt` in `bytes`. */
  isAt(now: Instant, port: Port, nextHop: number, bytes: Uint8Array, macAt: number): boolean {
    const cache = port.ip4.arp?.cache
    const slot = cache === undefined ? -1 : cache.find(nextHop as Ip4)
    if (cache === undefined || slot < 0 || cache.state(slot) !== State.known || cache.until(slot) <= now) return false
    if (!cache.isAt(slot, bytes, macAt)) return false
    cache.use(slot, now)
    return true
  }

  /**
   * Whose link-layer address is known and not out of date: its six octets into `to`, and until when that holds. Something
   * is sent there. -Infinity where that is not so.
   */
  lookUp(now: Instant, port: Port, nextHop: Ip4, to: Uint8Array): number {
    const cache = port.ip4.arp?.cache
    const slot = cache === undefined ? -1 : cache.find(nextHop)
    if (cache === undefined || slot < 0 || cache.state(slot) !== State.known || cache.until(slot) <= now)
      return Number.NEGATIVE_INFINITY
    cache.use(slot, now)
    cache.writeMac(slot, to)
    return cache.until(slot)
  }

  /** An ARP message came in, at `d.at`. */
  input(now: Instant, d: Inbound): void {
    const { counters } = this.#node
    const { port } = d
    const m = arp.parse(d.bytes, d.at, d.end)
    if (m.kind === 'malformed') {
      counters.bad(m.why)
      return
    }
    const known = m.operation === arp.Operation.request || m.operation === arp.Operation.reply
    if (m.hardware !== ETHERNET || m.senderMac.length !== 6 || !known || port.medium === 'ip') {
      counters.drop('ignored')
      return
    }
    // No station is a group, nor all zeros; no host is a group or a broadcast: believed, they would take in the whole link.
    if ((m.senderMac[0]! & 1) !== 0 || isZero(m.senderMac) || !isHost(m.sender)) {
      counters.drop('bad-source')
      return
    }
    // This node's own message, which a switch or a hub gives back.
    if (this.#isOwn(m.senderMac)) {
      counters.drop('ignored')
      return
    }
    if (this.claims.heard(now, port, m)) return
    const mine = this.claims.has(port, m.target)
    if (m.sender !== ANY4) this.#merge(now, port, m, mine)
    if (mine && m.operation === arp.Operation.request) {
      this.send(port, arp.Operation.reply, m.target, m.senderMac, m.sender, m.senderMac)
      counters.answered++
    }
  }

  /** Begins with an address of the port: `ip4.addressReady` comes when nobody else has it, at once where there is no ARP. */
  claim(now: Instant, address: Address4): void {
    this.claims.add(now, address)
  }

  /** The node does without the address: nothing is answered in its name any more. */
  release(port: Port, address: Ip4): void {
    this.claims.remove(port, address)
  }

  /** Carrier or link-layer address of the port changed: what is known of its neighbours may be another link's. */
  changed(now: Instant, port: Port, change: PortChange): void {
    const p = port.ip4.arp
    if (p !== undefined && !port.up) {
      for (let gone = p.cache.clear(); gone > 0; gone--) this.#node.counters.drop('port-down')
      p.timer.stop()
    }
    this.claims.changed(now, port, change)
  }

  /** Writes a message with a sender of this node's and queues it for `to`. */
  send(port: Port, operation: number, sender: Ip4, targetMac: Uint8Array, target: Ip4, to: Uint8Array): void {
    const m: arp.Message = {
      kind: 'arp',
      hardware: ETHERNET,
      operation,
      senderMac: port.mac,
      sender,
      targetMac,
      target,
    }
    port.transmit(OUT, 0, arp.write(m, OUT, 0), EtherType.arp, to)
  }

  /** How the address stands in the table of `port`, in the words of RFC 8335 §3; undefined: not at all. */
  stateOf(now: Instant, port: Port, address: Ip4): 'incomplete' | 'reachable' | 'stale' | 'probe' | undefined {
    const cache = port.ip4.arp?.cache
    const slot = cache?.find(address) ?? -1
    if (cache === undefined || slot < 0) return undefined
    if (cache.state(slot) === State.incomplete) return 'incomplete'
    if (cache.state(slot) === State.polling) return 'probe'
    return cache.until(slot) <= now ? 'stale' : 'reachable'
  }

  entries(): ArpEntry[] {
    const list: ArpEntry[] = []
    for (const { ip4: link } of this.#node.ports.values()) {
      const p = link.arp
      if (p === undefined) continue
      for (const slot of p.cache) {
        const mac = p.cache.state(slot) === State.incomplete ? undefined : p.cache.writeMac(slot, new Uint8Array(6))
        list.push({ port: p.port.index, address: p.cache.address(slot), mac })
      }
    }
    return list
  }

  /** RFC 826 "Packet Reception": who is known is updated, who is not is learned only where this node is the target. */
  #merge(now: Instant, port: Port, m: arp.Message, mine: boolean): void {
    let slot = port.ip4.arp?.cache.find(m.sender) ?? -1
    // A next hop is on the link: whoever else asks gets its answer, and no row.
    if (slot < 0 && (!mine || !this.claims.isNeighbour(port, m.sender))) return
    const p = this.#of(port)
    const { cache } = p
    if (slot < 0) {
      slot = cache.add(m.sender, now, this.#settings.timeoutMs, false)
      if (slot < 0) return
    }
    const asked = cache.state(slot) === State.incomplete
    const changed = cache.state(slot) !== State.free && !asked && !cache.isAt(slot, m.senderMac, 0)
    cache.know(slot, m.senderMac, now + this.#settings.timeoutMs)
    this.#watch(p)
    if (!asked && !changed) return
    const mac = m.senderMac.slice()
    const state = asked ? 'reachable' : 'changed'
    this.#tell(now, port, m.sender, state, mac)
    for (const b of cache.drain(slot)) port.transmit(b, 0, b.length, EtherType.ip4, mac)
  }

  /** The slow way of `transmit`: a group, a broadcast, or a neighbour that is not known yet. */
  #resolve(now: Instant, port: Port, known: number, nextHop: Ip4, bytes: Uint8Array, at: number, end: number): void {
    const { counters } = this.#node
    if (known < 0) {
      if (isMulticast(nextHop)) {
        // RFC 1112 §6.4: the low 23 bits of the group.
        GROUP[3] = (nextHop >>> 16) & 0x7f
        GROUP[4] = nextHop >>> 8
        GROUP[5] = nextHop
        port.transmit(bytes, at, end, EtherType.ip4, GROUP)
        return
      }
      if (nextHop === BROADCAST4 || this.claims.isBroadcast(port, nextHop)) {
        port.transmit(bytes, at, end, EtherType.ip4, BROADCAST)
        return
      }
    }
    const p = this.#of(port)
    const { cache } = p
    let slot = known
    if (slot < 0) {
      if (!port.up) {
        counters.drop('port-down')
        return
      }
      if (cache.incomplete >= this.#settings.incomplete) this.#forget(cache, cache.oldestIncomplete)
      slot = cache.add(nextHop, now, this.#settings.timeoutMs, true)
      if (slot < 0) {
        counters.drop('table-full')
        return
      }
      this.#ask(now, p, slot)
    }
    while (cache.isFull(end - at) && cache.oldestIncomplete !== slot) this.#forget(cache, cache.oldestIncomplete)
    if (cache.isFull(end - at)) counters.drop('queue-full')
    else for (let gone = cache.keep(slot, bytes, at, end); gone > 0; gone--) counters.drop('queue-full')
  }

  /** The first request for a slot. */
  #ask(now: Instant, p: PortArp, slot: number): void {
    p.cache.tried(slot, 1)
    p.cache.ask(slot, State.incomplete, now + REQUEST_INTERVAL)
    this.#request(p, slot, BROADCAST)
    this.#watch(p)
  }

  #poll(now: Instant, p: PortArp, slot: number): void {
    p.cache.tried(slot, 1)
    p.cache.ask(slot, State.polling, now + REQUEST_INTERVAL)
    this.#request(p, slot, p.cache.writeMac(slot, MAC))
    this.#watch(p)
  }

  #request(p: PortArp, slot: number, to: Uint8Array): void {
    const target = p.cache.address(slot)
    const sender = this.claims.sourceFor(p.port, target)
    // Without an address there is nobody to answer to, and a sender of zero would be a probe (RFC 5227 §2.1.1).
    if (sender !== undefined) this.send(p.port, arp.Operation.request, sender, ZERO, target, to)
  }

  /** Those whose second is over: asked again, or given up. */
  #due(now: Instant, p: PortArp): void {
    const { cache } = p
    for (let slot = cache.first; slot >= 0 && cache.due(slot) <= now; slot = cache.first) {
      const polling = cache.state(slot) === State.polling
      if (cache.tries(slot) < (polling ? POLLS : REQUESTS)) {
        cache.tried(slot, cache.tries(slot) + 1)
        cache.ask(slot, cache.state(slot), now + REQUEST_INTERVAL)
        this.#request(p, slot, polling ? cache.writeMac(slot, MAC) : BROADCAST)
      } else if (polling) this.#ask(now, p, slot)
      else this.#fail(now, p, slot)
    }
    this.#watch(p)
  }

  #fail(now: Instant, p: PortArp, slot: number): void {
    const address = p.cache.address(slot)
    const queue = p.cache.drain(slot)
    p.cache.remove(slot)
    this.#tell(now, p.port, address, 'failed', undefined)
    this.#node.ip4.control.failed(now, p.port, address)
    for (const b of queue) this.#node.ip4.unresolved(now, p.port, b, 0, b.length)
  }

  /** Who scans a network, or changes its MAC address with every message, does not fill the log. */
  #tell(now: Instant, port: Port, address: Ip4, state: NeighbourState, mac: Uint8Array | undefined): void {
    this.#telling ??= new TokenBucket(TELLING)
    if (this.#telling.take(now)) this.#node.emit({ kind: 'neighbour', at: now, port: port.index, address, state, mac })
  }

  /** Makes room for others: what waits for it is lost. */
  #forget(cache: ArpCache, slot: number): void {
    if (slot < 0) return
    for (const _ of cache.drain(slot)) this.#node.counters.drop('unresolved')
    cache.remove(slot)
  }

  #watch(p: PortArp): void {
    const { first } = p.cache
    if (first < 0) p.timer.stop()
    else if (p.timer.at !== p.cache.due(first)) p.timer.set(p.cache.due(first))
  }

  #of(port: Port): PortArp {
    if (port.ip4.arp !== undefined) return port.ip4.arp
    const p: PortArp = {
      port,
      cache: new ArpCache(this.#node.tableKeys, this.#settings, this.#node.changes),
      timer: new Timer(this.#node.timers, (now) => this.#due(now, p)),
    }
    port.ip4.arp = p
    return p
  }

  #isOwn(mac: Uint8Array): boolean {
    for (const port of this.#node.ports.values()) if (sameAt(mac, 0, port.mac)) return true
    return false
  }

  get #settings(): ArpSettings {
    return shared(ARP_DEFAULTS, this.#node.ip4.settings.arp)
  }
}

/** Not a group, not a broadcast, not loopback; zero is a probe's sender. */
function isHost(address: Ip4): boolean {
  const first = address >>> 24
  return first < 224 && first !== 127
}

function isZero(mac: Uint8Array): boolean {
  return mac.every((octet) => octet === 0)
}

function sameAt(a: Uint8Array, at: number, b: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (a[at + i] !== b[i]) return false
  return true
}

/** Hardware type (RFC 826). */
const ETHERNET = 1
/** A second between requests for one address (RFC 1122 §2.3.2.1). */
const REQUEST_INTERVAL = 1000
const REQUESTS = 3
/** Unicast polls without an answer before a neighbour is asked for anew (RFC 1122 §2.3.2.1: typically two). */
const POLLS = 2
/** Where a message, and the link-layer address of a group, is made; of all nodes. */
const OUT: Uint8Array = new Uint8Array(28)
const GROUP: Uint8Array = Uint8Array.of(0x01, 0x00, 0x5e, 0, 0, 0)
const TELLING = { rate: 10, burst: 100 } as const
const BROADCAST: Uint8Array = new Uint8Array(6).fill(0xff)
const ZERO: Uint8Array = new Uint8Array(6)
/** A neighbour's, while a frame to it is made. */
const MAC: Uint8Array = new Uint8Array(6)
