/**
 * TCP: the sequence number that a quote needs. A kernel believes an error about a connection only where the quoted number
 * lies between SND.UNA and SND.NXT (RFC 5927 §4.1), and the last segment that came in is often outside. So each workstation
 * is asked: a bare acknowledgement that lies outside its window makes it answer with its next number (RFC 9293 §3.10.7.4).
 */
import type { Instant } from '../clock.ts'
import type { Slot } from '../door.ts'
import { type Ip, readIp4, readIp6, writeIp } from '../wire/addr.ts'
import { finish, pseudo4, pseudo6, sum } from '../wire/checksum.ts'
import { put16, put32, u16, u32 } from '../wire/octets.ts'
import * as tcp from '../wire/tcp.ts'
import type { Connection } from './event.ts'
import { type FlowTable, MOST_OCTETS, PAGE, PAGE_BITS, Row, tickOf, ticks } from './flow-table.ts'
import { type FlowView, TCP } from './flow-view.ts'
import type { Pace } from './pace.ts'

/** How long an answer is waited for, milliseconds: a thousand times what one takes nearby (field notes §2). */
const PATIENCE = 200

export class Elicitor {
  readonly table: FlowTable
  readonly #pace: Pace
  readonly #seq: number
  #row = 0

  /** `seq`: any number, for all of them. */
  constructor(table: FlowTable, pace: Pace, seq: number) {
    this.table = table
    this.#pace = pace
    this.#seq = seq
  }

  /** Nobody is asked: what comes by itself from now on is an answer as well. */
  listenOnly(now: Instant): void {
    for (; this.#row < this.table.size; this.#row++)
      this.table.pages[this.#row >>> PAGE_BITS]!.seen[this.#row & (PAGE - 1)] = tickOf(now)
  }

  get done(): boolean {
    return this.#row >= this.table.size
  }

  due(now: Instant): number {
    return this.done ? Number.POSITIVE_INFINITY : this.#pace.next(now, this.table.size - this.#row)
  }

  /** Writes the next question; false where none may leave. */
  write(now: Instant, id: () => number, slot: Slot): boolean {
    if (this.done || this.#pace.next(now) > now) return false
    this.#pace.take()
    const page = this.table.pages[this.#row >>> PAGE_BITS]!
    const i = this.#row++ & (PAGE - 1)
    page.seen[i] = tickOf(now)
    slot.end = writeAck(page.quotes, i * this.table.quote, this.table.family === 4, this.#seq, id, slot)
    slot.port = page.zone === undefined ? 0 : page.zone[i]!
    slot.tag = 0
    return true
  }

  /** What a row waits for: an answer; undefined where it has one, or has waited long enough. */
  waits(now: Instant, row: number): 'answer' | 'no-answer' | undefined {
    const page = this.table.pages[row >>> PAGE_BITS]!
    const i = row & (PAGE - 1)
    if ((page.state[i]! & Row.answered) !== 0) return undefined
    const asked = page.seen[i]!
    if (asked === 0 || ((tickOf(now) - asked) | 0) < ticks(PATIENCE)) return 'answer'
    return (page.state[i]! & Row.known) !== 0 ? undefined : 'no-answer'
  }

  /** A segment of the row's connection came. True where its next number is known now, and was not before. */
  heard(row: number, v: FlowView): boolean {
    const { bytes, upper } = v
    if (v.end - upper < FLAGS + 1) return false
    const page = this.table.pages[row >>> PAGE_BITS]!
    const i = row & (PAGE - 1)
    const state = page.state[i]!
    const flags = bytes[upper + FLAGS]!
    if ((state & Row.answered) !== 0 || (flags & tcp.Flag.rst) !== 0) return false
    const data = Math.max(0, v.length - ((bytes[upper + OFFSET]! >>> 4) << 2))
    const octets = data + ((flags & tcp.Flag.syn) !== 0 ? 1 : 0) + ((flags & tcp.Flag.fin) !== 0 ? 1 : 0)
    const at = i * this.table.quote
    v.quote(page.quotes, at)
    put32(page.quotes, at + this.table.quote - 4, (u32(bytes, upper + SEQ) + octets) >>> 0)
    const exact = octets === 0 && !v.long
    page.state[i] = (state & ~Row.rebuilt) | Row.answered | (exact ? 0 : Row.rebuilt)
    return true
  }
}

/** A row for the connection, its header as far as it is known; when it was told last, `before` knows. False: the table is full. */
export function addConnection(table: FlowTable, c: Connection, before: FlowTable): boolean {
  const four = table.family === 4
  const header = table.quote - 8
  const quote = new Uint8Array(table.quote)
  if (four) {
    quote[0] = 0x45
    put16(quote, 2, header + tcp.HEADER)
    quote[6] = 0x40
    quote[8] = 64
    quote[9] = TCP
  } else {
    quote[0] = 0x60
    put16(quote, 4, tcp.HEADER)
    quote[6] = TCP
    quote[7] = 64
  }
  writeIp(c.local, quote, writeIp(c.remote, quote, four ? 12 : 8))
  if (four) put16(quote, 10, finish(sum(quote, 0, header)))
  put16(quote, header, c.remotePort)
  put16(quote, header + 2, c.localPort)
  if (c.seq !== undefined) put32(quote, header + 4, c.seq)
  const zone = (c.zone ?? 0) & 0xffff
  if (table.find(quote, four ? 12 : 8, four ? 16 : 24, c.remotePort, zone) >= 0) return true
  const row = table.add(quote, 0, zone)
  if (row < 0) return false
  const page = table.pages[row >>> PAGE_BITS]!
  const old = before.find(quote, four ? 12 : 8, four ? 16 : 24, c.remotePort, zone)
  if (old >= 0) page.told[row & (PAGE - 1)] = before.pages[old >>> PAGE_BITS]!.told[old & (PAGE - 1)]!
  // The handshake has proved who it is: nobody else can be made to get what is told here.
  page.octets[row & (PAGE - 1)] = MOST_OCTETS
  page.state[row & (PAGE - 1)] = Row.credit | Row.rebuilt | (c.seq === undefined ? 0 : Row.known)
  return true
}

/** The connection of a row. */
export function connectionOf(table: FlowTable, row: number): Connection {
  const page = table.pages[row >>> PAGE_BITS]!
  const i = row & (PAGE - 1)
  const at = i * table.quote
  const four = table.family === 4
  const read: (bytes: Uint8Array, at: number) => Ip = four ? readIp4 : readIp6
  return {
    remote: read(page.quotes, at + (four ? 12 : 8)),
    local: read(page.quotes, at + (four ? 16 : 24)),
    remotePort: u16(page.quotes, at + table.quote - 8),
    localPort: u16(page.quotes, at + table.quote - 6),
    zone: page.zone === undefined ? 0 : page.zone[i]!,
  }
}

function writeAck(quotes: Uint8Array, from: number, four: boolean, seq: number, id: () => number, slot: Slot): number {
  const { bytes, at } = slot
  const header = four ? 20 : 40
  const octets = four ? 4 : 16
  const src = four ? 12 : 8
  const end = at + header + tcp.HEADER
  bytes.fill(0, at, end)
  // From the server to the workstation: the other way round than the row's header.
  for (let n = 0; n < octets; n++) {
    bytes[at + src + n] = quotes[from + src + octets + n]!
    bytes[at + src + octets + n] = quotes[from + src + n]!
  }
  if (four) {
    bytes[at] = 0x45
    put16(bytes, at + 2, header + tcp.HEADER)
    put16(bytes, at + 4, id())
    bytes[at + 8] = 64
    bytes[at + 9] = TCP
    put16(bytes, at + 10, finish(sum(bytes, at, at + header)))
  } else {
    bytes[at] = 0x60
    put16(bytes, at + 4, tcp.HEADER)
    bytes[at + 6] = TCP
    bytes[at + 7] = 64
  }
  const ports = { srcPort: u16(quotes, from + header + 2), dstPort: u16(quotes, from + header) }
  const pseudo = (four ? pseudo4 : pseudo6)(bytes, at, TCP, tcp.HEADER)
  tcp.write({ ...ports, seq, flags: tcp.Flag.ack }, bytes, at + header, end, pseudo)
  return end
}

const SEQ = 4
const OFFSET = 12
const FLAGS = 13
