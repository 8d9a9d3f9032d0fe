/**
 * The workstations of one program and one address family, packed: the first octets of a datagram that each has sent (the
 * quote of a notice), and sixteen octets or fewer about it. Rows stand side by side in pages, so that they can be gone through in
 * order and nothing is copied when the table grows; a seeded hash with open addressing finds them.
 */
import { type Family, type Ip, readIp4, readIp6 } from '../wire/addr.ts'
import { u16 } from '../wire/octets.ts'
import type { FlowHash } from './flow-key.ts'

/** Rows in a page, a power of two. */
export const PAGE = 1024
export const PAGE_BITS = 10

/** Octets of IP header and eight of transport: what a quote needs (field notes: 28 and 48 are accepted, one less is not). */
export const QUOTE: { readonly 4: 28; readonly 6: 48 } = { 4: 28, 6: 48 }

/** A page of rows; the fields of row `i` are at `i`, its quote at `i * QUOTE`. */
export interface Page {
  quotes: Uint8Array
  /** When it was last seen, in ticks. */
  seen: Uint32Array
  /** When it was last told, in ticks; 0 = never. */
  told: Uint32Array
  /** `Row` bits. */
  state: Int32Array
  /** Octets heard and not yet paid back with notices, up to 65,535: a workstation is never told more than it has said. */
  octets: Uint16Array
  /** Interface of link-local flows; IPv6 alone. */
  zone: Uint16Array | undefined
}

interface RowBits {
  readonly outage: number
  readonly credit: number
  readonly creditOne: number
  readonly sent: number
  readonly spoke: number
  readonly rebuilt: number
  readonly known: number
  readonly answered: number
  readonly stale: number
  readonly bare: number
  readonly recent: number
}

/** Bits of a row's state. */
export const Row: RowBits = {
  /** Number of the outage in which it was dealt with last: sent or suppressed. */
  outage: 0xffff,
  /** Datagrams heard and not yet paid back with a notice, up to 255. */
  credit: 0xff0000,
  creditOne: 0x10000,
  /** In that outage a notice was sent. */
  sent: 1 << 24,
  /** Heard since then. */
  spoke: 1 << 25,
  /** The quote is not as it came. */
  rebuilt: 1 << 26,
  /** TCP: a sequence number to rebuild a quote with is known; and the workstation itself has told it. */
  known: 1 << 27,
  answered: 1 << 28,
  /** In that outage it was passed over since it had been silent for long, or had said too little: if it speaks up, it is told. */
  stale: 1 << 29,
  /** In that outage it got an error without words: it had said too little for more. */
  bare: 1 << 30,
  /** In that outage it was passed over since it had been told of another a moment ago: it is told when that is over. */
  recent: 1 << 31,
}

/** Milliseconds of a tick: 32 bits of them are two years. */
export const ticksToMs = 16

/** Never 0, which means never. */
export function tickOf(now: number): number {
  return Math.floor(now / ticksToMs + 1) >>> 0 || 1
}

export function ticks(ms: number): number {
  return Math.ceil(ms / ticksToMs)
}

/** So many octets more were heard of the row. */
export function credit(page: Page, i: number, octets: number): void {
  page.octets[i] = Math.min(page.octets[i]! + octets, MOST_OCTETS)
}

/** Flows by workstation, up to `limit`. */
export class FlowTable {
  readonly family: Family
  readonly quote: number
  size = 0
  readonly pages: Page[] = []
  readonly #limit: number
  readonly #hash: FlowHash
  /** Offsets in a quote. */
  readonly #src: number
  readonly #dst: number
  readonly #octets: number
  /** Row + 1, or 0. */
  #index: Int32Array = new Int32Array(FIRST)
  #hand = 0

  constructor(family: Family, limit: number, hash: FlowHash) {
    this.family = family
    this.quote = QUOTE[family]
    this.#limit = limit
    this.#hash = hash
    this.#src = family === 4 ? 12 : 8
    this.#dst = family === 4 ? 16 : 24
    this.#octets = family === 4 ? 4 : 16
  }

  get full(): boolean {
    return this.size >= this.#limit
  }

  /** Octets of memory that it takes. */
  get memory(): number {
    const row = this.quote + 14 + (this.family === 6 ? 2 : 0)
    return this.pages.length * PAGE * row + this.#index.byteLength
  }

  /** The row of a workstation, or -1; addresses stand in `bytes` at the offsets given. */
  find(bytes: Uint8Array, workstation: number, server: number, port: number, zone: number): number {
    const index = this.#index
    const mask = index.length - 1
    let slot = this.#hash.of(0, bytes, workstation, server, this.#octets, port, zone) & mask
    for (; index[slot] !== 0; slot = (slot + 1) & mask) {
      const row = index[slot]! - 1
      if (this.#is(row, bytes, workstation, server, port, zone)) return row
    }
    return -1
  }

  /** Address and port of each. */
  *workstations(): Generator<{ address: Ip; port: number }> {
    for (let row = 0; row < this.size; row++) {
      const { quotes } = this.pages[row >>> PAGE_BITS]!
      const at = (row & (PAGE - 1)) * this.quote
      const address = this.family === 4 ? readIp4(quotes, at + this.#src) : readIp6(quotes, at + this.#src)
      yield { address, port: u16(quotes, at + this.quote - 8) }
    }
  }

  /** A new row with this quote, which is not in the table yet; -1 where it is full. The caller fills in the rest. */
  add(bytes: Uint8Array, at: number, zone: number): number {
    if (this.size >= this.#limit) return -1
    if ((this.size + 1) * 4 > this.#index.length * 3) this.#grow()
    const row = this.size++
    let page = this.pages[row >>> PAGE_BITS]
    if (page === undefined) {
      page = newPage(this.quote, this.family)
      this.pages.push(page)
    }
    const i = row & (PAGE - 1)
    const to = i * this.quote
    for (let n = 0; n < this.quote; n++) page.quotes[to + n] = bytes[at + n]!
    page.seen[i] = 0
    page.told[i] = 0
    page.state[i] = 0
    page.octets[i] = 0
    if (page.zone !== undefined) page.zone[i] = zone
    this.#index[this.#free(this.#home(row))] = row + 1
    return row
  }

  /** Takes the row out; the last one takes its place. */
  remove(row: number): void {
    this.#unindex(row)
    const last = --this.size
    if (row !== last) {
      this.#index[this.#slotOf(last)] = row + 1
      const from = this.pages[last >>> PAGE_BITS]!
      const to = this.pages[row >>> PAGE_BITS]!
      const f = last & (PAGE - 1)
      const t = row & (PAGE - 1)
      to.quotes.set(from.quotes.subarray(f * this.quote, (f + 1) * this.quote), t * this.quote)
      to.seen[t] = from.seen[f]!
      to.told[t] = from.told[f]!
      to.state[t] = from.state[f]!
      to.octets[t] = from.octets[f]!
      if (to.zone !== undefined) to.zone[t] = from.zone![f]!
    }
    // One page is kept spare, so that a flow that comes and goes at its border costs nothing.
    while (this.pages.length > (this.size >>> PAGE_BITS) + 2) this.pages.pop()
  }

  /** Rows last seen at `tick` or later. */
  countSince(tick: number): number {
    let count = 0
    for (let row = 0; row < this.size; row++) {
      if (((this.pages[row >>> PAGE_BITS]!.seen[row & (PAGE - 1)]! - tick) | 0) >= 0) count++
    }
    return count
  }

  /** Looks at the next `rows` rows, and takes out those that were last seen before `tick`. */
  sweep(tick: number, rows: number): void {
    for (let n = 0; n < rows && this.size > 0; n++) {
      if (this.#hand >= this.size) this.#hand = 0
      const page = this.pages[this.#hand >>> PAGE_BITS]!
      if (((page.seen[this.#hand & (PAGE - 1)]! - tick) | 0) < 0) this.remove(this.#hand)
      else this.#hand++
    }
  }

  #is(row: number, bytes: Uint8Array, workstation: number, server: number, port: number, zone: number): boolean {
    const page = this.pages[row >>> PAGE_BITS]!
    const i = row & (PAGE - 1)
    const { quotes } = page
    const at = i * this.quote
    if (u16(quotes, at + this.quote - 8) !== port) return false
    const src = at + this.#src
    const dst = at + this.#dst
    for (let n = 0; n < this.#octets; n++)
      if (quotes[src + n] !== bytes[workstation + n] || quotes[dst + n] !== bytes[server + n]) return false
    return page.zone === undefined || page.zone[i] === zone
  }

  #home(row: number): number {
    const page = this.pages[row >>> PAGE_BITS]!
    const i = row & (PAGE - 1)
    const at = i * this.quote
    const port = u16(page.quotes, at + this.quote - 8)
    const zone = page.zone === undefined ? 0 : page.zone[i]!
    const h = this.#hash.of(0, page.quotes, at + this.#src, at + this.#dst, this.#octets, port, zone)
    return h & (this.#index.length - 1)
  }

  #free(home: number): number {
    const mask = this.#index.length - 1
    let slot = home
    while (this.#index[slot] !== 0) slot = (slot + 1) & mask
    return slot
  }

  #slotOf(row: number): number {
    const mask = this.#index.length - 1
    let slot = this.#home(row)
    while (this.#index[slot] !== row + 1) slot = (slot + 1) & mask
    return slot
  }

  /** Those behind it move up, so that no tombstones pile up. */
  #unindex(row: number): void {
    const index = this.#index
    const mask = index.length - 1
    let hole = this.#slotOf(row)
    for (let slot = (hole + 1) & mask; index[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#home(index[slot]! - 1)
      const stays = hole <= slot ? hole < home && home <= slot : hole < home || home <= slot
      if (stays) continue
      index[hole] = index[slot]!
      hole = slot
    }
    index[hole] = 0
  }

  #grow(): void {
    this.#index = new Int32Array(this.#index.length * 2)
    for (let row = 0; row < this.size; row++) this.#index[this.#free(this.#home(row))] = row + 1
  }
}

function newPage(quote: number, family: Family): Page {
  return {
    quotes: new Uint8Array(PAGE * quote),
    seen: new Uint32Array(PAGE),
    told: new Uint32Array(PAGE),
    state: new Int32Array(PAGE),
    octets: new Uint16Array(PAGE),
    zone: family === 6 ? new Uint16Array(PAGE) : undefined,
  }
}

export const MOST_OCTETS = 0xffff
/** Places of the first index. */
const FIRST = 64
