/**
 * Address resolution and neighbour unreachability detection (RFC 4861 §7.2, §7.3): next hop → link-layer address, and
 * whether it still answers. What came in is validated in `nd-input.ts`.
 *
 * INCOMPLETE → REACHABLE ⇄ STALE → DELAY → PROBE → gone. REACHABLE ends when it is looked at, so idle neighbours cost
 * no timer.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, readIp6, writeIp } from '../../wire/addr.ts'
import { EtherType } from '../../wire/ethernet.ts'
import { isMacAt, setMac, writeMac } from '../mac.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Timer } from '../timers.ts'
import { TokenBucket } from '../token-bucket.ts'
import { solicitedNode } from './addresses.ts'
import { Link6 } from './link.ts'
import { linkLayerOption, sendNd } from './nd-output.ts'
import { isPort, type NdSettings } from './nd-settings.ts'
import { type Neighbour, NOTHING } from './neighbour-cache.ts'

/** The flags of a Neighbor Advertisement. */
export interface AdvertisedFlags {
  router: boolean
  solicited: boolean
  override: boolean
}

/** Who wants to know that a neighbour changed: the list of default routers (RFC 4861 §7.3.3). */
export interface NeighbourWatcher {
  /** It is kept whatever flood comes. */
  isNextHop(port: Port, address: Ip6): boolean
  /** It stopped being a router. */
  noRouter(now: Instant, n: Neighbour): void
  /** It does not answer, and is forgotten: next hops are chosen anew. */
  failed(now: Instant, n: Neighbour): void
}

export class Neighbours {
  watcher: NeighbourWatcher | undefined
  /** Links on which IPv6 is silent. */
  disabled = 0
  readonly #node: Node
  #told: TokenBucket | undefined

  constructor(node: Node) {
    this.#node = node
  }

  link(port: Port): Link6 {
    if (port.ip6 !== undefined) return port.ip6
    const link = new Link6(this.#node, port)
    port.ip6 = link
    this.#addFixed(link)
    return link
  }

  /** The settings are others: those that are configured are the ones in them now. */
  reconfigured(): void {
    for (const port of this.#node.ports.values()) {
      const link = this.link(port)
      for (const n of [...link.cache]) if (n.fixed) link.cache.remove(n)
      this.#addFixed(link)
    }
  }

  #addFixed(link: Link6): void {
    for (const s of this.#settings.staticNeighbours) {
      if (!isPort(s.port, link.port)) continue
      const learned = link.cache.get(s.address)
      if (learned !== undefined) link.cache.remove(learned)
      const n = link.cache.add(0 as Instant, s.address, 'fixed', () => {})
      if (n === undefined) continue
      setMac(n, s.mac)
      n.state = 'reachable'
      n.reachableUntil = Number.POSITIVE_INFINITY
      n.isRouter = s.router ?? false
    }
  }

  /** Sends the packet at `at…end` to `nextHop` (a multicast address is one too) on `port`: at once, or when resolved. */
  transmit(now: Instant, port: Port, nextHop: Ip6, bytes: Uint8Array, at: number, end: number): void {
    writeIp(nextHop, HOP, 0)
    this.transmitTo(now, port, HOP, 0, bytes, at, end)
  }

  /** The same for the next hop that stands at `hopAt`, as the destination of an on-link packet does: no value is made. */
  transmitTo(
    now: Instant,
    port: Port,
    hop: Uint8Array,
    hopAt: number,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): void {
    const link = this.link(port)
    if (link.disabled) this.#node.counters.drop('disabled')
    else if (port.medium === 'ip') port.transmit(bytes, at, end, EtherType.ip6, port.mac)
    else if (hop[hopAt] === 0xff) {
      // RFC 2464 §7. No neighbour is kept for a group (RFC 4861 §7.3).
      for (let i = 2; i < 6; i++) GROUP[i] = hop[hopAt + 10 + i]!
      port.transmit(bytes, at, end, EtherType.ip6, GROUP)
    } else {
      const n = link.cache.at(hop, hopAt)
      if (n !== undefined && n.state !== 'incomplete') this.#send(now, n, bytes, at, end)
      else if (port.up) this.#resolve(now, link, n, hop, hopAt, bytes.slice(at, end))
      else this.#node.counters.drop('port-down')
    }
  }

  /** An upper layer saw that what we send to `nextHop` gets there (RFC 4861 §7.3.1). */
  confirm(now: Instant, port: Port, nextHop: Ip6): void {
    const link = this.link(port)
    const n = link.cache.get(nextHop)
    if (n !== undefined && !n.fixed && n.state !== 'incomplete') this.#reachable(now, link, n)
  }

  /**
   * A message came from `address` with its link-layer address in it (RFC 4861 §7.2.3, §6.2.6, §6.3.4, §8.3): that is no
   * confirmation. `isRouter` undefined: the message says nothing about it.
   */
  heard(now: Instant, port: Port, address: Ip6, mac: Uint8Array, isRouter: boolean | undefined): void {
    const link = this.link(port)
    const n = link.cache.get(address) ?? this.#add(now, link, address, 'heard')
    if (n === undefined || n.fixed) return
    if (isRouter !== undefined) this.setRouter(now, n, isRouter)
    if (n.state !== 'incomplete' && isMacAt(n, mac)) return
    this.#learn(now, link, n, mac, 'stale')
  }

  /** A valid Neighbor Advertisement (RFC 4861 §7.2.5). */
  advertised(now: Instant, port: Port, target: Ip6, flags: AdvertisedFlags, mac: Uint8Array | undefined): void {
    const link = this.link(port)
    let n = link.cache.get(target)
    if (n === undefined) {
      // RFC 9131 §6.1.1: a router keeps it, so that the first packet back finds the host. Hosts create nothing.
      if (this.#node.role === 'host' || mac === undefined) {
        this.#node.counters.drop('unsolicited')
        return
      }
      n = this.#add(now, link, target, 'heard')
      if (n === undefined) return
      n.isRouter = flags.router
      this.#learn(now, link, n, mac, 'stale')
      return
    }
    if (n.fixed) return
    if (n.state === 'incomplete') {
      if (mac === undefined && port.medium === 'ethernet') {
        this.#node.counters.drop('unsolicited')
        return
      }
      n.isRouter = flags.router
      this.#learn(now, link, n, mac, flags.solicited ? 'reachable' : 'stale')
      return
    }
    const differs = mac !== undefined && !isMacAt(n, mac)
    if (differs && !flags.override) {
      if (this.#look(now, n) === 'reachable') n.state = 'stale'
      return
    }
    this.setRouter(now, n, flags.router)
    if (differs) this.#learn(now, link, n, mac, flags.solicited ? 'reachable' : 'stale')
    else if (flags.solicited) this.#reachable(now, link, n)
  }

  /** Tells of a change from router to host, which takes the neighbour off the list of default routers. */
  setRouter(now: Instant, n: Neighbour, isRouter: boolean): void {
    if (n.isRouter === isRouter) return
    n.isRouter = isRouter
    if (!isRouter) this.watcher?.noRouter(now, n)
  }

  /** IPv6 neither speaks nor listens on the port, or does again (RFC 4862 §5.4.5). */
  setDisabled(port: Port, disabled: boolean): void {
    const link = this.link(port)
    if (link.disabled !== disabled) this.disabled += disabled ? 1 : -1
    link.disabled = disabled
  }

  /** The state at `now`. */
  stateOf(now: Instant, n: Neighbour): Neighbour['state'] {
    return this.#look(now, n)
  }

  /** Forgets all of the port but the configured ones: its link was away, or is another. */
  forget(port: Port): void {
    const { cache } = this.link(port)
    for (const n of [...cache]) {
      if (n.fixed) continue
      cache.remove(n)
      for (let i = 0; i < n.queue.length; i++) this.#node.counters.drop('unresolved')
    }
  }

  /** Once told of, a few more are, and the rest of a flood is not. */
  #mayTell(now: Instant): boolean {
    this.#told ??= new TokenBucket(TOLD)
    return this.#told.take(now)
  }

  get #settings(): NdSettings {
    return this.#node.ip6.settings
  }

  #look(now: Instant, n: Neighbour): Neighbour['state'] {
    if (n.state === 'reachable' && now >= n.reachableUntil) n.state = 'stale'
    return n.state
  }

  #send(now: Instant, n: Neighbour, bytes: Uint8Array, at: number, end: number): void {
    n.used = now
    if (this.#look(now, n) === 'stale') {
      n.state = 'delay'
      this.#timer(n).set(now + DELAY_FIRST_PROBE_MS)
    }
    n.port.transmit(bytes, at, end, EtherType.ip6, writeMac(n, MAC))
  }

  #resolve(
    now: Instant,
    link: Link6,
    known: Neighbour | undefined,
    hop: Uint8Array,
    hopAt: number,
    packet: Uint8Array,
  ): void {
    const n = known ?? this.#add(now, link, readIp6(hop, hopAt), 'asked')
    if (n === undefined) return
    if (n.queue.length >= this.#settings.unresolvedQueue) {
      n.queue.shift()
      this.#node.counters.drop('queue-full')
    }
    if (n.queue === NOTHING) n.queue = [packet]
    else n.queue.push(packet)
    n.used = now
    if (known === undefined) this.#solicit(now, link, n)
  }

  #add(now: Instant, link: Link6, address: Ip6, why: 'asked' | 'heard'): Neighbour | undefined {
    const n = link.cache.add(now, address, why, (old) => {
      for (let i = 0; i < old.queue.length; i++) this.#node.counters.drop('unresolved')
    })
    if (n === undefined) this.#node.counters.drop('table-full')
    else n.pinned = this.watcher?.isNextHop(link.port, address) ?? false
    return n
  }

  /** The address is known now, or another one: packets that waited leave. */
  #learn(now: Instant, link: Link6, n: Neighbour, mac: Uint8Array | undefined, state: 'reachable' | 'stale'): void {
    const first = n.state === 'incomplete'
    if (mac !== undefined) setMac(n, mac)
    link.cache.resolved(n)
    n.timer?.stop()
    n.state = 'stale'
    if (state === 'reachable') this.#reachable(now, link, n)
    if (!first && this.#mayTell(now)) this.#tell(now, n, 'changed')
    const queue = n.queue
    n.queue = NOTHING
    for (const packet of queue) this.#send(now, n, packet, 0, packet.length)
  }

  #reachable(now: Instant, link: Link6, n: Neighbour): void {
    if (!n.proved && this.#mayTell(now)) this.#tell(now, n, 'reachable')
    n.proved = true
    n.state = 'reachable'
    n.reachableUntil = now + link.reachableMs(now)
    n.solicits = 0
    n.timer?.stop()
  }

  #timer(n: Neighbour): Timer {
    n.timer ??= new Timer(this.#node.timers, (now) => this.#due(now, n))
    return n.timer
  }

  #due(now: Instant, n: Neighbour): void {
    const link = this.link(n.port)
    if (n.state === 'delay') {
      const soonest = n.lastSolicit + link.retransMs
      if (now < soonest) {
        n.timer!.set(soonest)
        return
      }
      n.state = 'probe'
      n.solicits = 0
    }
    if (n.solicits < MAX_SOLICIT) this.#solicit(now, link, n)
    else this.#fail(now, link, n)
  }

  /** RFC 4861 §7.2.2: to the group of the target while unresolved, then to the address that is probed. */
  #solicit(now: Instant, link: Link6, n: Neighbour): void {
    n.solicits++
    n.lastSolicit = now
    this.#timer(n).set(now + link.retransMs)
    const src = this.#sourceFor(n)
    if (src === undefined) return
    const unresolved = n.state === 'incomplete'
    sendNd(
      this.#node,
      now,
      n.port,
      src,
      unresolved ? solicitedNode(n.address) : n.address,
      {
        kind: 'neighborSolicitation',
        code: 0,
        target: n.address,
        options: linkLayerOption('sourceLinkLayer', n.port),
      },
      unresolved ? undefined : writeMac(n, MAC),
    )
  }

  /** The prompting packet's source where it is one of the port's, else another of its addresses. */
  #sourceFor(n: Neighbour): Ip6 | undefined {
    const { ip6 } = this.#node
    const prompt = n.queue[n.queue.length - 1]
    const own = prompt === undefined ? undefined : ip6.addresses.at(prompt, SRC, n.port)
    if (own !== undefined && own.port === n.port && !own.anycast) return own.address
    return ip6.linkLocal(n.port) ?? ip6.sourceFor(n.address, n.port)
  }

  #fail(now: Instant, link: Link6, n: Neighbour): void {
    const known = n.state !== 'incomplete'
    link.cache.remove(n)
    if (known || this.#mayTell(now)) this.#tell(now, n, 'failed')
    this.watcher?.failed(now, n)
    for (const packet of n.queue) this.#node.ip6.unresolved(now, n.port, packet, 0, packet.length)
  }

  #tell(now: Instant, n: Neighbour, state: 'reachable' | 'failed' | 'changed'): void {
    const mac = n.state === 'incomplete' ? undefined : n.mac
    this.#node.emit({ kind: 'neighbour', at: now, port: n.port.index, address: n.address, state, mac })
  }
}

/** Where a next hop's octets, and the link-layer address of a group, stand; of all nodes. */
const HOP = new Uint8Array(16)
/** A neighbour's, while a frame to it is made. */
const MAC = new Uint8Array(6)
const GROUP: Uint8Array = Uint8Array.of(0x33, 0x33, 0, 0, 0, 0)
const TOLD = { rate: 10, burst: 50 } as const
/** MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT (RFC 4861 §10). */
const MAX_SOLICIT = 3
const DELAY_FIRST_PROBE_MS = 5000
/** The source address in an IPv6 header. */
const SRC = 8
