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
import type { Port, PortChange } from '../port.ts'
import { Deadline } from '../timers.ts'
import type { Address4 } from './addresses.ts'
import { ARP_PROBE_DEFAULTS, type ArpProbeSettings } from './arp-settings.ts'
import { NO_CLAIMS } from './link.ts'

/**
 * An address with which more is to be done than to answer for it. One that is held, announced and undisputed has none: it
 * is a ready address of the layer's, and no more.
 */
export class Claim extends Deadline {
  readonly port: Port
  readonly address: Address4
  /** `lost`: another has it; nothing is done in its name until the link is another. */
  state: 'probing' | 'held' | 'lost'
  /** Probes, then announcements, that are still to be sent. */
  left = 0
  /** When it was last defended. */
  defended: number | undefined
  readonly #claims: ArpClaims

  constructor(node: Node, claims: ArpClaims, address: Address4) {
    super(node.timers)
    this.port = address.port
    this.address = address
    this.state = address.state === 'ready' ? 'held' : 'probing'
    this.#claims = claims
  }

  get ip(): Ip4 {
    return this.address.address
  }

  override run(now: Instant): void {
    this.#claims.step(now, this)
  }
}

export class ArpClaims {
  readonly #node: Node

  constructor(node: Node) {
    this.#node = node
  }

  /** Begins with an address: `addressReady` comes when nobody else has it, at once where nothing is to be probed for. */
  add(now: Instant, a: Address4): void {
    this.remove(a.port, a.address)
    const claim = new Claim(this.#node, this, a)
    a.port.ip4.claims = a.port.ip4.claims.concat(claim)
    if (a.port.medium === 'ip' || this.#settings.count === 0) this.#hold(now, claim)
    else if (a.port.up) this.#begin(now, claim)
  }

  /** The node does without the address: asked for, it says nothing any more. */
  remove(port: Port, ip: Ip4): void {
    this.#find(port, ip)?.stop()
    this.#without(port, (c) => c.ip === ip)
  }

  /** Is the address held on this port? */
  has(port: Port, ip: Ip4): boolean {
    return this.#node.ip4.addresses.find(port, ip)?.state === 'ready'
  }

  /** On a subnet of the port, and neither its name nor its broadcast. */
  isNeighbour(port: Port, ip: Ip4): boolean {
    return port.ip4.addresses.some((a) => {
      const hosts = hostBits(a)
      const host = ip & hosts
      return (
        a.state === 'ready' && ((ip ^ a.address) & ~hosts) === 0 && (~hosts >= -2 || (host !== 0 && host !== hosts))
      )
    })
  }

  /** The directed broadcast of a subnet of the port (RFC 922). A /31 has none (RFC 3021). */
  isBroadcast(port: Port, ip: Ip4): boolean {
    for (const a of port.ip4.addresses) if (a.prefixLength < 31 && (a.address | hostBits(a)) === ip) return true
    return false
  }

  /** The address that this node asks for `target` with: one of the same subnet where it has one. */
  sourceFor(port: Port, target: Ip4): Ip4 | undefined {
    let first: Ip4 | undefined
    for (const a of port.ip4.addresses) {
      if (a.state !== 'ready') continue
      if (((target ^ a.address) & ~hostBits(a)) === 0) return a.address
      first ??= a.address
    }
    return first
  }

  /** An ARP message of another station. True: it claims an address of this node, and nothing else is to be made of it. */
  heard(now: Instant, port: Port, m: arp.Message): boolean {
    for (const a of port.ip4.addresses) {
      const state = this.#find(port, a.address)?.state ?? 'held'
      if (state === 'lost') continue
      const claims = m.sender === a.address
      const probes = m.sender === ANY4 && m.target === a.address && m.operation === arp.Operation.request
      if (state === 'probing' && (claims || probes)) {
        this.#lose(now, this.#of(a), m.senderMac, 'not-used')
        return true
      }
      if (state === 'held' && claims) {
        this.#defend(now, this.#of(a), m.senderMac)
        return true
      }
    }
    return false
  }

  /** Link up or down, or another MAC address. A link that comes up may be another one: all is probed for anew (§2.1). */
  changed(now: Instant, port: Port, { wasUp, moved }: PortChange): void {
    if (port.medium === 'ip') return
    const cameUp = port.up && !wasUp
    if (!port.up) for (const c of port.ip4.claims) c.stop()
    else if (cameUp || moved) for (const a of port.ip4.addresses) this.#again(now, this.#of(a), cameUp)
  }

  #again(now: Instant, c: Claim, cameUp: boolean): void {
    if (cameUp && this.#settings.count > 0) {
      if (c.state === 'held') this.#node.ip4.addressLost(now, c.port, c.address)
      this.#begin(now, c)
    } else if (c.state === 'held') this.#announce(now, c, this.#settings.announcements)
  }

  #begin(now: Instant, c: Claim): void {
    const s = this.#settings
    c.state = 'probing'
    c.defended = undefined
    const link = c.port.ip4
    // RFC 5227 §2.1.1: after MAX_CONFLICTS one new address in RATE_LIMIT_INTERVAL.
    const soonest = (link.lastClaim ?? Number.NEGATIVE_INFINITY) + RATE_LIMIT_INTERVAL
    const start = link.conflicts < MAX_CONFLICTS ? now : Math.max(now, soonest)
    link.lastClaim = start
    c.left = s.count
    c.set(start + this.#node.random() * s.waitMs)
  }

  /** The next probe or announcement is due. */
  step(now: Instant, c: Claim): void {
    const s = this.#settings
    if (c.state === 'held') this.#announce(now, c, c.left)
    else if (c.left === 0) this.#hold(now, c)
    else {
      c.left--
      this.#send(c, ANY4)
      const wait = c.left === 0 ? s.announceWaitMs : s.minMs + this.#node.random() * (s.maxMs - s.minMs)
      c.set(now + wait)
    }
  }

  /** Nobody has it: it is in use from the first announcement on (§2.3). */
  #hold(now: Instant, c: Claim): void {
    c.state = 'held'
    const announces = c.port.medium === 'ethernet' && c.port.up
    this.#announce(now, c, announces ? this.#settings.announcements : 0)
    this.#node.ip4.addressReady(now, c.port, c.address)
  }

  #announce(now: Instant, c: Claim, left: number): void {
    c.left = Math.max(0, left - 1)
    if (left > 0) this.#send(c, c.ip)
    if (c.left > 0) c.set(now + this.#settings.announceIntervalMs)
    else {
      c.stop()
      this.#rest(c)
    }
  }

  /** Another station claims an address in use (§2.4). */
  #defend(now: Instant, c: Claim, by: Uint8Array): void {
    this.#node.counters.drop('address-conflict')
    const s = this.#settings
    if (c.defended === undefined || now - c.defended >= s.defendIntervalMs) {
      c.defended = now
      this.#send(c, c.ip)
      this.#tell(now, c, by, 'defended')
    } else if ((s.onConflict ?? (this.#node.role === 'gateway' ? 'keep' : 'give-up')) === 'give-up') {
      this.#lose(now, c, by, 'given-up')
    }
  }

  #lose(now: Instant, c: Claim, by: Uint8Array, outcome: 'not-used' | 'given-up'): void {
    if (outcome === 'given-up') this.#node.ip4.addressLost(now, c.port, c.address)
    else this.#node.counters.drop('address-conflict')
    c.state = 'lost'
    c.stop()
    c.port.ip4.conflicts++
    this.#tell(now, c, by, outcome)
  }

  #tell(now: Instant, c: Claim, by: Uint8Array, outcome: 'not-used' | 'given-up' | 'defended'): void {
    const port = c.port.index
    this.#node.emit({ kind: 'address-conflict', at: now, port, address: c.ip, by: by.slice(), outcome })
  }

  /** A request for the address itself: a probe where `sender` is zero, else an announcement (§1.1). */
  #send(c: Claim, sender: Ip4): void {
    this.#node.ip4.arp.send(c.port, arp.Operation.request, sender, ZERO, c.ip, BROADCAST)
  }

  #find(port: Port, ip: Ip4): Claim | undefined {
    for (const c of port.ip4.claims) if (c.ip === ip) return c
    return undefined
  }

  #of(a: Address4): Claim {
    const known = this.#find(a.port, a.address)
    if (known !== undefined) return known
    const claim = new Claim(this.#node, this, a)
    a.port.ip4.claims = a.port.ip4.claims.concat(claim)
    return claim
  }

  /** It is this node's, and nobody says otherwise. */
  #rest(c: Claim): void {
    if (c.defended === undefined) this.#without(c.port, (other) => other === c)
  }

  #without(port: Port, goes: (c: Claim) => boolean): void {
    const rest = port.ip4.claims.filter((c) => !goes(c))
    port.ip4.claims = rest.length === 0 ? NO_CLAIMS : rest
  }

  get #settings(): ArpProbeSettings {
    return shared(ARP_PROBE_DEFAULTS, this.#node.ip4.settings.arpProbe)
  }
}

/** Ones where the host's part of the address is. */
function hostBits({ prefixLength }: Address4): number {
  return prefixLength === 0 ? -1 : (1 << (32 - prefixLength)) - 1
}

/** RFC 5227 §1.1. */
const MAX_CONFLICTS = 10
const RATE_LIMIT_INTERVAL = 60_000
const BROADCAST: Uint8Array = new Uint8Array(6).fill(0xff)
const ZERO: Uint8Array = new Uint8Array(6)
