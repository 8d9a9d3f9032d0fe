/**
 * Fragments joined (RFC 791 §3.2, RFC 1122 §3.3.2), bounded in datagrams and in octets.
 *
 * What overlaps otherwise than as a copy is an attack or a fault: the whole datagram goes (as RFC 5722 has it for IPv6),
 * and so it does where it would be longer than a datagram can be. The time-out is fixed; it begins with the first arrival.
 */
import type { Instant } from '../../clock.ts'
import type { Ip4 } from '../../wire/addr.ts'
import * as ip4 from '../../wire/ip4.ts'
import { put16, u16 } from '../../wire/octets.ts'
import type { DropWhy } from '../counters.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Timer } from '../timers.ts'

/** A run of payload octets, copied. */
interface Piece {
  offset: number
  octets: Uint8Array
}

interface Partial4 {
  src: Ip4
  dst: Ip4
  /** Identification and protocol. */
  id: number
  bucket: number
  /** Another one in the same bucket. */
  next: Partial4 | undefined
  until: number
  /** In order, none overlapping. */
  pieces: Piece[]
  /** Payload octets that are here. */
  here: number
  /** Payload octets of the whole; -1 while the last fragment is missing. */
  total: number
  /** Header of the first fragment as it came; undefined while it is missing. */
  header: Uint8Array | undefined
  /** `host` only where every fragment came so: an error about it must not answer a link broadcast. */
  link: Inbound['link']
  port: Port
  /** What it counts for in the bound on octets. */
  cost: number
}

export class Reassembly4 {
  readonly #node: Node
  /** Oldest first: the time-out is the same for all, so this is the order in which they go. */
  readonly #waiting: Set<Partial4> = new Set()
  /** As many as datagrams, or more: a bucket holds one or two, however many wait. */
  #buckets: (Partial4 | undefined)[] = [undefined]
  readonly #bits: number
  readonly #seed: number
  readonly #timer: Timer
  #octets = 0

  /** `datagrams` may wait at once. */
  constructor(node: Node, datagrams: number) {
    this.#node = node
    this.#bits = Math.min(16, Math.max(4, Math.ceil(Math.log2(datagrams + 1))))
    this.#seed = node.tableKeys.word(4)
    this.#timer = new Timer(node.timers, (now) => this.#expire(now))
  }

  /** Datagrams that wait for fragments. */
  get size(): number {
    return this.#waiting.size
  }

  /** Octets held for them, with what each piece costs besides. */
  get octets(): number {
    return this.#octets
  }

  /** Datagrams in the fullest bucket: the steps that a look-up may take. */
  get longest(): number {
    let most = 0
    for (let p of this.#buckets) {
      let steps = 0
      for (; p !== undefined; p = p.next) steps++
      most = Math.max(most, steps)
    }
    return most
  }

  /** Takes in the fragment at `d.at`. The whole datagram, in memory of this table's own, where it was the last one missing. */
  add(now: Instant, d: Inbound, h: ip4.Header): Inbound | undefined {
    const { counters } = this.#node
    const length = h.end - h.payload
    const end = h.offset + length
    if (length === 0 || (h.mf && length % UNIT !== 0)) {
      counters.drop('fragment-bad')
      return undefined
    }
    const known = this.#find(h)
    // The header of the first fragment counts too, of which this one may be longer or shorter: 65,535 octets in all.
    if (end + (known?.header?.length ?? ip4.HEADER) > LONGEST) {
      if (known !== undefined) this.#discard(known, 'fragment-too-big')
      else counters.drop('fragment-too-big')
      return undefined
    }
    const p = known ?? this.#begin(now, d, h)
    if (p === undefined) return undefined
    const why = this.#place(p, d, h, end)
    if (why !== undefined) {
      if (why === 'fragment-duplicate') counters.drop(why)
      else this.#discard(p, why)
      return undefined
    }
    if (d.link !== 'host') p.link = d.link
    if (p.here === p.total && p.header !== undefined) return this.#join(p, d)
    this.#bound(p)
    return undefined
  }

  #begin(now: Instant, d: Inbound, h: ip4.Header): Partial4 | undefined {
    const { settings } = this.#node.ip4
    if (settings.reassemblyDatagrams < 1) {
      this.#node.counters.drop('fragment-limit')
      return undefined
    }
    if (this.#waiting.size >= settings.reassemblyDatagrams) this.#discard(this.#oldest()!, 'fragment-limit')
    if (this.#buckets.length === 1) this.#buckets = new Array(1 << this.#bits).fill(undefined)
    const bucket = this.#bucketOf(h)
    const p: Partial4 = {
      src: h.src,
      dst: h.dst,
      id: (h.id << 8) | h.protocol,
      bucket,
      next: this.#buckets[bucket],
      until: now + settings.reassemblyTimeout,
      pieces: [],
      here: 0,
      total: -1,
      header: undefined,
      link: d.link,
      port: d.port,
      cost: OVERHEAD,
    }
    this.#octets += OVERHEAD
    this.#waiting.add(p)
    this.#buckets[p.bucket] = p
    if (!this.#timer.running) this.#timer.set(p.until)
    return p
  }

  /** Puts the payload in; a word where it does not go in. */
  #place(p: Partial4, d: Inbound, h: ip4.Header, end: number): DropWhy | undefined {
    // Two last fragments that differ, or octets behind the last one.
    if (!h.mf && p.total >= 0 && p.total !== end) return 'fragment-bad'
    if (p.total >= 0 && end > p.total) return 'fragment-bad'
    if (!h.mf && p.pieces.length > 0 && endOf(p.pieces[p.pieces.length - 1]!) > end) return 'fragment-bad'
    const i = placeOf(p.pieces, h.offset)
    const before = p.pieces[i - 1]
    const behind = p.pieces[i]
    if (behind !== undefined && behind.offset === h.offset && endOf(behind) === end) {
      return sameOctets(behind.octets, d.bytes, h.payload) ? 'fragment-duplicate' : 'fragment-overlap'
    }
    if ((before !== undefined && endOf(before) > h.offset) || (behind !== undefined && behind.offset < end)) {
      return 'fragment-overlap'
    }
    if (h.offset === 0) {
      p.header = d.bytes.slice(d.at, h.payload)
      if (p.header.length + Math.max(p.total, end) > LONGEST) return 'fragment-too-big'
    }
    const octets = d.bytes.slice(h.payload, h.end)
    p.pieces.splice(i, 0, { offset: h.offset, octets })
    p.here += octets.length
    p.cost += octets.length + OVERHEAD
    this.#octets += octets.length + OVERHEAD
    if (!h.mf) p.total = end
    return undefined
  }

  #join(p: Partial4, d: Inbound): Inbound | undefined {
    const header = p.header!
    const length = header.length + p.total
    this.#forget(p)
    if (length > LONGEST) {
      this.#node.counters.drop('fragment-too-big')
      return undefined
    }
    const whole = WHOLE
    whole.set(header)
    for (const piece of p.pieces) whole.set(piece.octets, header.length + piece.offset)
    put16(whole, LENGTH, length)
    put16(whole, FLAGS, u16(whole, FLAGS) & ~(MORE | OFFSET))
    ip4.seal(whole, 0)
    return inbound(whole, length, p, d.stamp, d.clock)
  }

  /** Oldest ones go while the table holds too much; `p` itself where it is the only one. */
  #bound(p: Partial4): void {
    const { reassemblyOctets } = this.#node.ip4.settings
    while (this.#octets > reassemblyOctets) {
      const oldest = this.#oldest()!
      this.#discard(oldest, 'fragment-limit')
      if (oldest === p) return
    }
  }

  #expire(now: Instant): void {
    for (let p = this.#oldest(); p !== undefined && p.until <= now; p = this.#oldest()) {
      this.#discard(p, 'fragment-timeout')
      this.#tell(now, p)
    }
    const next = this.#oldest()
    if (next !== undefined) this.#timer.set(next.until)
  }

  /** Time exceeded code 1 about the first fragment; without it there is none (RFC 792, RFC 1122 §3.3.2). */
  #tell(now: Instant, p: Partial4): void {
    const first = p.pieces[0]
    if (p.header === undefined || first === undefined) return
    const bytes = new Uint8Array(p.header.length + first.octets.length)
    bytes.set(p.header)
    bytes.set(first.octets, p.header.length)
    const d = inbound(bytes, bytes.length, p, now, 'user')
    this.#node.ip4.errors.report(now, d, { kind: 'timeExceeded', code: 1 })
  }

  #discard(p: Partial4, why: DropWhy): void {
    this.#forget(p)
    this.#node.counters.drop(why)
  }

  #forget(p: Partial4): void {
    this.#waiting.delete(p)
    this.#octets -= p.cost
    const first = this.#buckets[p.bucket]!
    if (first === p) this.#buckets[p.bucket] = p.next
    else {
      let before = first
      while (before.next !== p) before = before.next!
      before.next = p.next
    }
    if (this.#waiting.size === 0) this.#timer.stop()
  }

  #oldest(): Partial4 | undefined {
    return this.#waiting.values().next().value
  }

  #find(h: ip4.Header): Partial4 | undefined {
    const id = (h.id << 8) | h.protocol
    let p = this.#buckets[this.#bucketOf(h)]
    while (p !== undefined && (p.src !== h.src || p.dst !== h.dst || p.id !== id)) p = p.next
    return p
  }

  #bucketOf(h: ip4.Header): number {
    let hash = Math.imul(h.src ^ this.#seed, 0x9e3779b1) ^ Math.imul((h.id << 8) | h.protocol, 0x85ebca6b) ^ h.dst
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
    return (hash ^ (hash >>> 13)) & (this.#buckets.length - 1)
  }
}

function endOf(piece: Piece): number {
  return piece.offset + piece.octets.length
}

/** Where a piece of that offset stands, or would stand. Halved, not walked: tiny fragments in reverse order are cheap too. */
function placeOf(pieces: readonly Piece[], offset: number): number {
  let low = 0
  let high = pieces.length
  // Mostly they come in order.
  if (high > 0 && pieces[high - 1]!.offset < offset) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if (pieces[middle]!.offset < offset) low = middle + 1
    else high = middle
  }
  return low
}

function sameOctets(a: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== bytes[at + i]) return false
  return true
}

function inbound(bytes: Uint8Array, length: number, p: Partial4, stamp: Instant, clock: Inbound['clock']): Inbound {
  const { link, port } = p
  return { bytes, frame: 0, at: 0, end: length, length, link, checksum: 'unknown', stamp, clock, port }
}

/** Octets that one count of the fragment offset stands for. */
const UNIT = 8
const LONGEST = 0xffff
/** What a datagram and each of its pieces cost besides their octets, so that tiny fragments are bounded too. */
const OVERHEAD = 128
const LENGTH = 2
const FLAGS = 6
const OFFSET = 0x1fff
const MORE = 0x2000
/** Where a whole datagram is made; of all nodes, since none is asked for anything while another's stands in it. */
const WHOLE = new Uint8Array(0x10000)
