/** Who inside has which port or identifier outside: bounded, each mapping until it has been idle for its time. */
import type { Instant } from '../clock.ts'
import type { Ip4 } from '../wire/addr.ts'
import type { NatData } from './topology.ts'

/** ICMP, TCP, UDP. */
export type Protocol = 1 | 6 | 17

export interface Mapping {
  protocol: Protocol
  inside: Ip4
  /** Port or identifier inside. */
  port: number
  outside: number
  last: Instant
}

export class NatTable {
  readonly #limit: number
  readonly #timeouts: Readonly<Record<Protocol, number>>
  readonly #random: () => number
  readonly #byInside = new Map<number, Mapping>()
  readonly #byOutside = new Map<number, Mapping>()
  /** First fragments, so that later ones find their way; the oldest goes. */
  readonly #fragments: { remote: Ip4; id: number; protocol: Protocol; mapping: Mapping }[] = []

  constructor(data: NatData, random: () => number) {
    this.#limit = data.entries ?? ENTRIES
    this.#timeouts = { 1: data.icmpTimeout ?? 60_000, 6: data.tcpTimeout ?? 7_440_000, 17: data.udpTimeout ?? 300_000 }
    this.#random = random
  }

  /** Mappings, idle ones among them that nobody has come across. */
  get size(): number {
    return this.#byInside.size
  }

  /** The mapping of who sends from inside, made where there is none; undefined where the table or the ports are full. */
  outward(now: Instant, protocol: Protocol, inside: Ip4, port: number): Mapping | undefined {
    const found = this.known(now, protocol, inside, port)
    if (found !== undefined) {
      found.last = now
      return found
    }
    if (this.#byInside.size >= this.#limit) {
      this.#forgetIdle(now)
      if (this.#byInside.size >= this.#limit) return undefined
    }
    const outside = this.#free(now, protocol, port)
    if (outside === undefined) return undefined
    const m = { protocol, inside, port, outside, last: now }
    this.#byInside.set(insideKey(protocol, inside, port), m)
    this.#byOutside.set(outsideKey(protocol, outside), m)
    return m
  }

  known(now: Instant, protocol: Protocol, inside: Ip4, port: number): Mapping | undefined {
    return this.#live(now, this.#byInside.get(insideKey(protocol, inside, port)))
  }

  /** Who is meant by that port outside. An error does not keep a mapping alive (RFC 5508 §4). */
  inward(now: Instant, protocol: Protocol, outside: number, refresh = true): Mapping | undefined {
    const m = this.#live(now, this.#byOutside.get(outsideKey(protocol, outside)))
    if (m !== undefined && refresh) m.last = now
    return m
  }

  noteFragment(remote: Ip4, id: number, protocol: Protocol, mapping: Mapping): void {
    if (this.#fragments.length >= FRAGMENTS) this.#fragments.shift()
    this.#fragments.push({ remote, id, protocol, mapping })
  }

  fragmentOf(remote: Ip4, id: number, protocol: Protocol): Mapping | undefined {
    return this.#fragments.findLast((f) => f.remote === remote && f.id === id && f.protocol === protocol)?.mapping
  }

  #live(now: Instant, m: Mapping | undefined): Mapping | undefined {
    if (m === undefined || now - m.last < this.#timeouts[m.protocol]) return m
    this.#drop(m)
    return undefined
  }

  #drop(m: Mapping): void {
    this.#byInside.delete(insideKey(m.protocol, m.inside, m.port))
    this.#byOutside.delete(outsideKey(m.protocol, m.outside))
  }

  #forgetIdle(now: Instant): void {
    for (const m of this.#byInside.values()) this.#live(now, m)
  }

  /** The same as inside where that is free, else one at random and upwards from there. */
  #free(now: Instant, protocol: Protocol, wanted: number): number | undefined {
    if (this.inward(now, protocol, wanted, false) === undefined) return wanted
    const first = protocol === 1 ? 0 : 1024
    const room = 65_536 - first
    const start = Math.floor(this.#random() * room)
    for (let i = 0; i < room; i++) {
      const port = first + ((start + i) % room)
      if (this.inward(now, protocol, port, false) === undefined) return port
    }
    return undefined
  }
}

/** Exact: below 2^53. */
function insideKey(protocol: Protocol, inside: Ip4, port: number): number {
  return ((inside >>> 0) * 65_536 + port) * 32 + protocol
}

function outsideKey(protocol: Protocol, outside: number): number {
  return outside * 32 + protocol
}

const ENTRIES = 1024
/** As few as wait for the rest at any time. */
const FRAGMENTS = 64
