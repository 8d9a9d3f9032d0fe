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
  /** Of TCP: who has sent a SYN, and who a FIN. */
  opened: number
  closed: number
}

export class NatTable {
  readonly #limit: number
  readonly #timeouts: Readonly<Record<Protocol, number>>
  readonly #transitory: number
  readonly #random: () => number
  readonly #byInside = new Map<number, Mapping>()
  readonly #byOutside = new Map<number, Mapping>()
  /** First fragments, so that later ones find their way; the oldest goes. */
  readonly #fragments: { remote: Ip4; id: number; protocol: Protocol; mapping: Mapping }[] = []

  constructor(data: NatData, random: () => number) {
    this.#limit = data.entries ?? ENTRIES
    this.#timeouts = { 1: data.icmpTimeout ?? 60_000, 6: data.tcpTimeout ?? 7_440_000, 17: data.udpTimeout ?? 300_000 }
    this.#transitory = data.tcpTransitoryTimeout ?? 240_000
    this.#random = random
  }

  /** Mappings, idle ones among them that nobody has come across. */
  get size(): number {
    return this.#byInside.size
  }

  /** The mapping of who sends from inside, made where there is none; undefined where the table or the ports are full. */
  outward(now: Instant, protocol: Protocol, inside: Ip4, port: number, flags = 0): Mapping | undefined {
    const found = this.known(now, protocol, inside, port)
    if (found !== undefined) return used(found, now, flags, OUT)
    if (this.#byInside.size >= this.#limit) {
      this.#forgetIdle(now)
      if (this.#byInside.size >= this.#limit) return undefined
    }
    const outside = this.#free(now, protocol, port)
    if (outside === undefined) return undefined
    const m: Mapping = { protocol, inside, port, outside, last: now, opened: 0, closed: 0 }
    this.#byInside.set(insideKey(protocol, inside, port), m)
    this.#byOutside.set(outsideKey(protocol, outside), m)
    return used(m, now, flags, OUT)
  }

  known(now: Instant, protocol: Protocol, inside: Ip4, port: number): Mapping | undefined {
    return this.#live(now, this.#byInside.get(insideKey(protocol, inside, port)))
  }

  /** Who is meant by that port outside. `flags`: of the segment that uses it; an error does not (RFC 5508 §4). */
  inward(now: Instant, protocol: Protocol, outside: number, flags?: number): Mapping | undefined {
    const m = this.#live(now, this.#byOutside.get(outsideKey(protocol, outside)))
    return m === undefined || flags === undefined ? m : used(m, now, flags, IN)
  }

  noteFragment(remote: Ip4, id: number, protocol: Protocol, mapping: Mapping): void {
    if (this.#fragments.length >= FRAGMENTS) this.#fragments.shift()
    this.#fragments.push({ remote, id, protocol, mapping })
  }

  fragmentOf(remote: Ip4, id: number, protocol: Protocol): Mapping | undefined {
    return this.#fragments.findLast((f) => f.remote === remote && f.id === id && f.protocol === protocol)?.mapping
  }

  #live(now: Instant, m: Mapping | undefined): Mapping | undefined {
    if (m === undefined || now - m.last < this.#timeoutOf(m)) return m
    this.#drop(m)
    return undefined
  }

  /** A connection that is being opened or closed may go sooner than one that is open (RFC 5382 §5). */
  #timeoutOf(m: Mapping): number {
    const open = m.protocol !== 6 || (m.opened === BOTH && m.closed !== BOTH)
    return open ? this.#timeouts[m.protocol] : this.#transitory
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
    if (this.inward(now, protocol, wanted) === undefined) return wanted
    const first = protocol === 1 ? 0 : 1024
    const room = 65_536 - first
    const start = Math.floor(this.#random() * room)
    for (let i = 0; i < room; i++) {
      const port = first + ((start + i) % room)
      if (this.inward(now, protocol, port) === undefined) return port
    }
    return undefined
  }
}

function used(m: Mapping, now: Instant, flags: number, side: number): Mapping {
  m.last = now
  if ((flags & RST) !== 0) m.closed = BOTH
  else if ((flags & SYN) !== 0) {
    // After the last one was closed: the next.
    if (m.closed === BOTH) m.opened = 0
    m.opened |= side
    m.closed = 0
  } else if ((flags & FIN) !== 0) m.closed |= side
  return m
}

const OUT = 1
const IN = 2
const BOTH = OUT | IN
const FIN = 1
const SYN = 2
const RST = 4

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
