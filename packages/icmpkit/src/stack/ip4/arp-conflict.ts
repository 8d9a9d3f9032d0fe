/**
 * Addresses of this node's own on Ethernet links (RFC 5227): none is used before it was probed for, none is kept
 * against another host without end. What is held is announced, answered for by `arp.ts`, and given to the IPv4 layer
 * (`addressReady`, `addressLost`).
 */
import type { Instant } from '../../clock.ts'
import { ANY4, type Ip4 } from '../../wire/addr.ts'
import * as arp from '../../wire/arp.ts'
import { shared } from '../defaults.ts'
import type { Node } from '../node.ts'
import type { Port, PortAddress, PortChange } from '../port.ts'
import { Timer } from '../timers.ts'
import type { Arp } from './arp.ts'
import { ARP_PROBE_DEFAULTS, type ArpProbeSettings } from './arp-settings.ts'

interface Claim {
  port: Port
  address: PortAddress
  ip: Ip4
  /** `lost`: another has it; nothing is done in its name until the link is another. */
  state: 'probing' | 'held' | 'lost'
  /** Probes, then announcements, that are still to be sent. */
  left: number
  timer: Timer
  /** When it was last defended. */
  defended: number
}

/** A port's addresses that others had, and how often they are tried. */
interface Link {
  conflicts: number
  /** When the last claim began. */
  last: number
}

export class ArpClaims {
  readonly #node: Node
  readonly #arp: Arp
  /** By port index. */
  readonly #claims: Claim[][] = []
  readonly #links: Link[] = []

  constructor(node: Node, owner: Arp) {
    this.#node = node
    this.#arp = owner
  }

  /** Begins with an address: `addressReady` comes when nobody else has it, at once where nothing is to be probed for. */
  add(now: Instant, port: Port, address: PortAddress): void {
    this.#links[port.index] ??= { conflicts: 0, last: Number.NEGATIVE_INFINITY }
    const ip = address.address as Ip4
    this.remove(port, ip)
    const claim: Claim = {
      port,
      address,
      ip,
      state: 'probing',
      left: 0,
      timer: new Timer(this.#node.timers, (at) => this.#step(at, claim)),
      defended: Number.NEGATIVE_INFINITY,
    }
    this.#of(port).push(claim)
    if (port.medium === 'ip' || this.#settings.count === 0) this.#hold(now, claim)
    else if (port.up) this.#begin(now, claim)
  }

  /** The node does without the address: asked for, it says nothing any more. */
  remove(port: Port, ip: Ip4): void {
    const list = this.#of(port)
    const i = list.findIndex((c) => c.ip === ip)
    if (i >= 0) list.splice(i, 1)[0]!.timer.stop()
  }

  /** The mask of its network was another one. */
  setPrefixLength(port: Port, ip: Ip4, prefixLength: number): void {
    for (const c of this.#of(port)) if (c.ip === ip) c.address = { address: ip, prefixLength }
  }

  /** Is the address held on this port? */
  has(port: Port, ip: Ip4): boolean {
    for (const c of this.#of(port)) if (c.ip === ip) return c.state === 'held'
    return false
  }

  /** On a subnet of the port, and neither its name nor its broadcast. */
  isNeighbour(port: Port, ip: Ip4): boolean {
    return this.#of(port).some((c) => {
      const hosts = hostBits(c)
      const host = ip & hosts
      return c.state === 'held' && ((ip ^ c.ip) & ~hosts) === 0 && (~hosts >= -2 || (host !== 0 && host !== hosts))
    })
  }

  /** The directed broadcast of a subnet of the port (RFC 922). A /31 has none (RFC 3021). */
  isBroadcast(port: Port, ip: Ip4): boolean {
    for (const c of this.#of(port)) {
      if (c.address.prefixLength < 31 && (c.ip | hostBits(c)) === ip) return true
    }
    return false
  }

  /** The address that this node asks for `target` with: one of the same subnet where it has one. */
  sourceFor(port: Port, target: Ip4): Ip4 | undefined {
    let first: Ip4 | undefined
    for (const c of this.#of(port)) {
      if (c.state !== 'held') continue
      if (((target ^ c.ip) & ~hostBits(c)) === 0) return c.ip
      first ??= c.ip
    }
    return first
  }

  /** An ARP message of another station. True: it claims an address of this node, and nothing else is to be made of it. */
  heard(now: Instant, port: Port, m: arp.Message): boolean {
    for (const c of this.#of(port)) {
      if (c.state === 'lost') continue
      const claims = m.sender === c.ip
      const probes = m.sender === ANY4 && m.target === c.ip && m.operation === arp.Operation.request
      if (c.state === 'probing' && (claims || probes)) {
        this.#lose(now, c, m.senderMac, 'not-used')
        return true
      }
      if (c.state === 'held' && claims) {
        this.#defend(now, c, m.senderMac)
        return true
      }
    }
    return false
  }

  /** Link up or down, or another MAC address. A link that comes up may be another one: all is probed for anew (§2.1). */
  changed(now: Instant, port: Port, { wasUp, moved }: PortChange): void {
    if (port.medium === 'ip') return
    const cameUp = port.up && !wasUp
    for (const c of this.#of(port)) {
      if (!port.up) c.timer.stop()
      else if (cameUp && this.#settings.count > 0) {
        if (c.state === 'held') this.#node.ip4.addressLost(now, port, c.address)
        this.#begin(now, c)
      } else if ((moved || cameUp) && c.state === 'held') this.#announce(now, c, this.#settings.announcements)
    }
  }

  #begin(now: Instant, c: Claim): void {
    const s = this.#settings
    c.state = 'probing'
    c.defended = Number.NEGATIVE_INFINITY
    const link = this.#links[c.port.index]!
    // RFC 5227 §2.1.1: after MAX_CONFLICTS one new address in RATE_LIMIT_INTERVAL.
    const start = link.conflicts < MAX_CONFLICTS ? now : Math.max(now, link.last + RATE_LIMIT_INTERVAL)
    link.last = start
    c.left = s.count
    c.timer.set(start + this.#node.random() * s.waitMs)
  }

  /** The next probe or announcement is due. */
  #step(now: Instant, c: Claim): void {
    const s = this.#settings
    if (c.state === 'held') this.#announce(now, c, c.left)
    else if (c.left === 0) this.#hold(now, c)
    else {
      c.left--
      this.#arp.send(c.port, arp.Operation.request, ANY4, ZERO, c.ip, BROADCAST)
      const wait = c.left === 0 ? s.announceWaitMs : s.minMs + this.#node.random() * (s.maxMs - s.minMs)
      c.timer.set(now + wait)
    }
  }

  /** Nobody has it: it is in use from the first announcement on (§2.3). */
  #hold(now: Instant, c: Claim): void {
    c.state = 'held'
    if (c.port.medium === 'ethernet' && c.port.up) this.#announce(now, c, this.#settings.announcements)
    this.#node.ip4.addressReady(now, c.port, c.address)
  }

  #announce(now: Instant, c: Claim, left: number): void {
    if (left <= 0) return
    c.left = left - 1
    this.#arp.send(c.port, arp.Operation.request, c.ip, ZERO, c.ip, BROADCAST)
    if (c.left > 0) c.timer.set(now + this.#settings.announceIntervalMs)
    else c.timer.stop()
  }

  /** Another station claims an address in use (§2.4). */
  #defend(now: Instant, c: Claim, by: Uint8Array): void {
    this.#node.counters.drop('address-conflict')
    const s = this.#settings
    if (now - c.defended >= s.defendIntervalMs) {
      c.defended = now
      this.#arp.send(c.port, arp.Operation.request, c.ip, ZERO, c.ip, BROADCAST)
      this.#tell(now, c, by, 'defended')
    } else if ((s.onConflict ?? (this.#node.role === 'gateway' ? 'keep' : 'give-up')) === 'give-up') {
      this.#lose(now, c, by, 'given-up')
    }
  }

  #lose(now: Instant, c: Claim, by: Uint8Array, outcome: 'not-used' | 'given-up'): void {
    if (outcome === 'given-up') this.#node.ip4.addressLost(now, c.port, c.address)
    else this.#node.counters.drop('address-conflict')
    c.state = 'lost'
    c.timer.stop()
    this.#links[c.port.index]!.conflicts++
    this.#tell(now, c, by, outcome)
  }

  #tell(now: Instant, c: Claim, by: Uint8Array, outcome: 'not-used' | 'given-up' | 'defended'): void {
    const port = c.port.index
    this.#node.emit({ kind: 'address-conflict', at: now, port, address: c.ip, by: by.slice(), outcome })
  }

  #of(port: Port): Claim[] {
    let list = this.#claims[port.index]
    if (list === undefined) {
      list = []
      this.#claims[port.index] = list
    }
    return list
  }

  get #settings(): ArpProbeSettings {
    return shared(ARP_PROBE_DEFAULTS, this.#node.ip4.settings.arpProbe)
  }
}

/** Ones where the host's part of the address is. */
function hostBits(c: Claim): number {
  return c.address.prefixLength === 0 ? -1 : (1 << (32 - c.address.prefixLength)) - 1
}

/** RFC 5227 §1.1. */
const MAX_CONFLICTS = 10
const RATE_LIMIT_INTERVAL = 60_000
const BROADCAST: Uint8Array = new Uint8Array(6).fill(0xff)
const ZERO: Uint8Array = new Uint8Array(6)
