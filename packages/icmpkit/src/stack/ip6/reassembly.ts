/**
 * Fragments joined to packets (RFC 8200 §4.5): a packet is known by source, destination and identification, has 60 s from
 * its first fragment on, and is given up without a word where fragments overlap (RFC 5722). Bounded in packets and octets;
 * where it is full the oldest goes, so that a flood holds the place no longer than it lasts.
 *
 * Fragments with offset 0 that are the whole packet never come here (RFC 6946).
 */
import type { Instant } from '../../clock.ts'
import * as ip6 from '../../wire/ip6.ts'
import { hex, put16, u16, u32 } from '../../wire/octets.ts'
import { LIMIT } from '../../wire/original-datagram.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { Timer } from '../timers.ts'

/** A joined packet, and where the walk goes on. Its octets are the table's until the next fragment. */
export interface Joined {
  inbound: Inbound
  /** First octet of the fragmentable part, and what it is. */
  at: number
  protocol: number
  /** Of the octet that names it. */
  nextHeaderAt: number
}

interface Pending {
  key: string
  until: number
  /** Where each fragment that is here begins and ends, in the order of the packet. */
  froms: number[]
  tos: number[]
  /** Its octets: no more memory than what came, wherever in the packet it belongs. */
  parts: Uint8Array[]
  /** Octets that are here. */
  received: number
  /** Octets of the fragmentable part; -1 until the last fragment is here. */
  total: number
  /** What it counts for against the bound. */
  held: number
  first: First | undefined
  /** Overlap or contradiction: the rest of its fragments is thrown away too. */
  dead: boolean
}

/** What only the fragment with offset 0 says. */
interface First {
  /** Everything in front of the fragment header, its next header octet patched. */
  head: Uint8Array
  protocol: number
  /** Of the octet that names the first header of the fragmentable part. */
  nextHeaderAt: number
  /** As it came, as much as an error quotes. */
  quote: Uint8Array
  port: Inbound['port']
  link: Inbound['link']
}

/** From the first fragment to arrive on, ms (RFC 8200 §4.5). */
const LIFETIME = 60_000
/** What a fragment counts for besides its octets: thousands of tiny ones cost too. */
const PER_FRAGMENT = 64
const FRAGMENT = 8

export class Reassembly6 {
  readonly #node: Node
  /** By source, destination and identification; in the order in which they expire. */
  readonly #pending: Map<string, Pending> = new Map()
  readonly #timer: Timer
  #octets = 0

  constructor(node: Node) {
    this.#node = node
    this.#timer = new Timer(node.timers, (now) => this.#expire(now))
  }

  /** Packets that are incomplete. */
  get size(): number {
    return this.#pending.size
  }

  /** Octets held for them. */
  get octets(): number {
    return this.#octets
  }

  /**
   * Takes the fragment whose header stands at `at`; `nextHeaderAt` is the octet that announced it. Its length and offset
   * have been judged. The whole packet, where this was the last piece of it.
   */
  add(now: Instant, d: Inbound, at: number, end: number, nextHeaderAt: number): Joined | undefined {
    const { bytes } = d
    const word = u16(bytes, at + 2)
    const from = word & 0xfff8
    const to = from + end - at - FRAGMENT
    const more = (word & 1) !== 0
    const key = hex(bytes, d.at + SRC, d.at + ip6.HEADER) + u32(bytes, at + 4).toString(16)
    const p = this.#pending.get(key) ?? this.#begin(now, key)
    if (p.dead) return this.#drop('fragment-overlap')
    const i = place(p.froms, from)
    if (p.froms[i] === from && p.tos[i] === to && same(bytes, at + FRAGMENT, p.parts[i]!)) {
      // The network doubles packets: the same fragment again is no attack, and is dropped alone (RFC 8200 §4.5).
      return this.#drop('fragment-duplicate')
    }
    if ((i < p.froms.length && p.froms[i]! < to) || (i > 0 && p.tos[i - 1]! > from)) {
      return this.#kill(p, 'fragment-overlap')
    }
    const behind = more ? p.total >= 0 && to > p.total : p.total >= 0 || (p.tos.at(-1) ?? 0) > to
    if (behind) return this.#kill(p, 'fragment-bad')
    if (!more) p.total = to
    if (from === 0) p.first = this.#first(d, at, end, nextHeaderAt)
    const held = from === 0 ? p.first!.head.length + p.first!.quote.length : 0
    if (!this.#room(p, PER_FRAGMENT + to - from + held)) return this.#kill(p, 'fragment-limit')
    p.parts.splice(i, 0, bytes.slice(at + FRAGMENT, end))
    p.froms.splice(i, 0, from)
    p.tos.splice(i, 0, to)
    p.received += to - from
    // No fragment overlaps another: as many octets as there are in the packet are all of them.
    if (p.first === undefined || p.received !== p.total) return undefined
    this.#forget(p)
    return this.#join(d, p, p.first)
  }

  #begin(now: Instant, key: string): Pending {
    while (this.#pending.size >= this.#node.ip6.settings.reassembly.datagrams) this.#evict()
    const p: Pending = {
      key,
      until: now + LIFETIME,
      froms: [],
      tos: [],
      received: 0,
      parts: [],
      total: -1,
      held: 0,
      first: undefined,
      dead: false,
    }
    this.#pending.set(key, p)
    if (!this.#timer.running) this.#timer.set(p.until)
    return p
  }

  #first(d: Inbound, at: number, end: number, nextHeaderAt: number): First {
    const head = d.bytes.slice(d.at, at)
    head[nextHeaderAt - d.at] = d.bytes[at]!
    return {
      head,
      protocol: d.bytes[at]!,
      nextHeaderAt: nextHeaderAt - d.at,
      quote: d.bytes.slice(d.at, Math.min(end, d.at + LIMIT[6])),
      port: d.port,
      link: d.link,
    }
  }

  /** Makes room for so many octets more, at the cost of older packets. */
  #room(p: Pending, more: number): boolean {
    this.#octets += more
    p.held += more
    while (this.#octets > this.#node.ip6.settings.reassembly.octets) {
      const oldest = this.#pending.values().next().value
      if (oldest === p || oldest === undefined) return false
      this.#evict()
    }
    return true
  }

  #join(d: Inbound, p: Pending, first: First): Joined | undefined {
    const head = first.head.length
    // Judged before with the head of each fragment, which need not be as long as that of the first.
    if (head - ip6.HEADER + p.total > 0xffff) return this.#drop('fragment-too-big')
    const bytes = new Uint8Array(head + p.total)
    bytes.set(first.head)
    for (let i = 0; i < p.parts.length; i++) bytes.set(p.parts[i]!, head + p.froms[i]!)
    put16(bytes, PAYLOAD_LENGTH, head - ip6.HEADER + p.total)
    const { stamp, clock } = d
    const inbound: Inbound = {
      bytes,
      frame: 0,
      at: 0,
      end: bytes.length,
      length: bytes.length,
      link: first.link,
      checksum: 'unknown',
      stamp,
      clock,
      port: first.port,
    }
    return { inbound, at: head, protocol: first.protocol, nextHeaderAt: first.nextHeaderAt }
  }

  /** The packet is given up; what still comes of it is thrown away until its time is over, and then nothing is said. */
  #kill(p: Pending, why: 'fragment-overlap' | 'fragment-bad' | 'fragment-limit'): undefined {
    this.#release(p)
    p.dead = true
    p.froms = []
    p.tos = []
    p.parts = []
    p.first = undefined
    return this.#drop(why)
  }

  #drop(why: Parameters<Node['counters']['drop']>[0]): undefined {
    this.#node.counters.drop(why)
  }

  #evict(): void {
    for (const p of this.#pending.values()) {
      if (!p.dead) this.#node.counters.drop('fragment-limit')
      this.#forget(p)
      return
    }
  }

  #forget(p: Pending): void {
    this.#release(p)
    this.#pending.delete(p.key)
  }

  #release(p: Pending): void {
    this.#octets -= p.held
    p.held = 0
  }

  #expire(now: Instant): void {
    for (const p of this.#pending.values()) {
      if (p.until > now) {
        this.#timer.set(p.until)
        return
      }
      this.#forget(p)
      if (p.dead) continue
      this.#node.counters.drop('fragment-timeout')
      if (p.first !== undefined) this.#report(now, p.first)
    }
  }

  /** RFC 8200 §4.5: told only where the fragment with offset 0 is here, which is what the error quotes. */
  #report(now: Instant, { quote, port, link }: First): void {
    const length = quote.length
    const inbound: Inbound = {
      bytes: quote,
      frame: 0,
      at: 0,
      end: length,
      length,
      link,
      checksum: 'unknown',
      stamp: now,
      clock: 'virtual',
      port,
    }
    this.#node.ip6.errors.report(now, inbound, { kind: 'timeExceeded', code: 1 })
  }
}

/** Index of the first of the ascending `froms` that is not below `from`. */
function place(froms: readonly number[], from: number): number {
  let low = 0
  let high = froms.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (froms[middle]! < from) low = middle + 1
    else high = middle
  }
  return low
}

function same(a: Uint8Array, at: number, b: Uint8Array): boolean {
  for (let i = 0; i < b.length; i++) if (a[at + i] !== b[i]) return false
  return true
}

const PAYLOAD_LENGTH = 4
const SRC = 8
