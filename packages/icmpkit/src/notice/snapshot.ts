/**
 * What outlives a restart: for each program whether it is down and why, and its workstations. The octets come back from a
 * file, so they are read as if a stranger had sent them.
 *
 *  'icmpkit notices 2' 0 | seconds since 1970 (6) | programs (2) | each program … | FNV-1a of all before (4)
 *
 * A program: length and name, protocol, port (2), state (0 = not down), and of a down one: milliseconds since the sign (6) and the
 * decision (6), length and reason, back at (6, all ones: none); then for IPv4 and IPv6 rows (4), each: quote, milliseconds
 * since it was seen (4) and told (4, all ones: never), credit, flags, zone (2), octets (2).
 */
import type { Instant } from '../clock.ts'
import type { Arrival } from '../door.ts'
import { type Malformed, malformed } from '../wire/malformed.ts'
import { put16, put32, u16, u32 } from '../wire/octets.ts'
import type { DownState } from './event.ts'
import { type FlowTable, PAGE, PAGE_BITS, Row, tickOf, ticks, ticksToMs } from './flow-table.ts'
import { TCP, UDP } from './flow-view.ts'
import type { Down } from './program.ts'
import { type Common, FAMILIES, type Watch } from './watch.ts'

/** All programs, and their UDP workstations that are not too old to be told. */
export function write(now: Instant, seconds: number, watches: Iterable<Watch>, freshness: number): Uint8Array {
  const out = new Writer()
  out.octets(MAGIC)
  out.uint(Math.max(0, Math.floor(seconds)), 6)
  const all = [...watches]
  out.uint(all.length, 2)
  for (const w of all) {
    const { spec, down } = w.program
    out.text(spec.name)
    out.uint(spec.protocol === 'udp' ? UDP : TCP, 1)
    out.uint(spec.port, 2)
    out.uint(down === undefined ? 0 : STATES.indexOf(down.state) + 1, 1)
    if (down !== undefined) {
      out.uint(Math.max(0, Math.round(now - down.since)), 6)
      out.uint(Math.max(0, Math.round(now - down.decided)), 6)
      out.text(down.reason ?? '')
      out.uint(down.backAt ?? NONE6, 6)
    }
    for (const family of FAMILIES) writeTable(out, now, w, w.tables[family], spec.protocol === 'udp' ? freshness : -1)
  }
  const octets = out.end()
  const whole = new Uint8Array(octets.length + 4)
  whole.set(octets)
  new DataView(whole.buffer).setUint32(octets.length, fnv(octets, octets.length))
  return whole
}

function writeTable(out: Writer, now: Instant, w: Watch, table: FlowTable, freshness: number): void {
  const tick = tickOf(now)
  const oldest = ticks(freshness)
  const { quote } = table
  const counted = out.skip(4)
  let rows = 0
  // All at once: of 100,000 rows an octet at a time would take a quarter of a second.
  out.block(table.size * (quote + ROW), (bytes, from) => {
    let at = from
    for (let row = 0; row < table.size; row++) {
      const page = table.pages[row >>> PAGE_BITS]!
      const i = row & (PAGE - 1)
      const age = (tick - page.seen[i]!) | 0
      if (age > oldest) continue
      rows++
      const { quotes } = page
      for (let n = 0, o = i * quote; n < quote; n++) bytes[at + n] = quotes[o + n]!
      at += quote
      put32(bytes, at, Math.max(0, age) * ticksToMs)
      put32(bytes, at + 4, page.told[i] === 0 ? NONE4 : Math.max(0, (tick - page.told[i]!) | 0) * ticksToMs)
      const state = page.state[i]!
      const dealt = w.program.down !== undefined && (state & (Row.outage | Row.recent)) === w.outage
      bytes[at + 8] = (state & Row.credit) >>> 16
      bytes[at + 9] = (dealt ? DEALT : 0) | ((state & Row.rebuilt) !== 0 ? REBUILT : 0)
      put16(bytes, at + 10, page.zone === undefined ? 0 : page.zone[i]!)
      put16(bytes, at + 12, page.octets[i]!)
      at += ROW
    }
    return at
  })
  out.at(counted, rows, 4)
}

/** Takes what it can use into programs that are there, by name, protocol and port; nothing where the octets are damaged. */
export function read(
  now: Instant,
  bytes: Uint8Array,
  watchOf: (name: string) => Watch | undefined,
  common: Common,
  loopbackPort: number,
): 'ok' | Malformed {
  const last = bytes.length - 4
  if (last < MAGIC.length + 8) return malformed('truncated', bytes.length)
  if (!MAGIC.every((o, i) => bytes[i] === o)) return malformed('bad-version', 0)
  if (u32(bytes, last) !== fnv(bytes, last)) return malformed('unknown-format', last)
  const reader = new Reader(bytes, last)
  // Twice: nothing is taken of octets that turn out to be wrong further behind.
  for (const take of [false, true]) {
    reader.at = MAGIC.length
    const away = Math.max(0, Math.min(common.wall(now) - reader.uint(6), DECADE)) * 1000
    for (let n = reader.uint(2); n > 0; n--) {
      const wrong = readProgram(reader, now, away, take ? watchOf : () => undefined, common, loopbackPort)
      if (wrong !== undefined) return wrong
    }
    if (reader.at !== last) return malformed('bad-length', reader.at)
  }
  return 'ok'
}

function readProgram(
  r: Reader,
  now: Instant,
  away: number,
  watchOf: (name: string) => Watch | undefined,
  common: Common,
  loopbackPort: number,
): Malformed | undefined {
  const name = r.text()
  const protocol = r.uint(1)
  const port = r.uint(2)
  const state = r.uint(1)
  if (r.short || state > STATES.length) return malformed(r.short ? 'truncated' : 'unknown-format', r.at)
  const watch = watchOf(name)
  const spec = watch?.program.spec
  const mine = spec?.port === port && (spec.protocol === 'udp' ? UDP : TCP) === protocol ? watch : undefined
  const down = state === 0 ? undefined : readDown(r, now, away, STATES[state - 1]!)
  if (r.short) return malformed('truncated', r.at)
  mine?.resume(now, down)
  for (const family of FAMILIES) {
    const rows = r.uint(4)
    const octets = (family === 4 ? 28 : 48) + ROW
    if (r.short || rows * octets > r.left) return malformed('truncated', r.at)
    for (let n = 0; n < rows; n++, r.at += octets) {
      if (mine !== undefined && protocol === UDP) readRow(r.bytes, r.at, octets, now, away, mine, common, loopbackPort)
    }
  }
  return undefined
}

function readDown(r: Reader, now: Instant, away: number, state: DownState): Down {
  const since = (now - r.uint(6) - away) as Instant
  const decided = (now - r.uint(6) - away) as Instant
  const reason = r.text()
  const backAt = r.uint(6)
  return {
    kind: 'down',
    state,
    since,
    decided,
    reason: reason === '' || CONTROL.test(reason) || new TextEncoder().encode(reason).length > 64 ? undefined : reason,
    backAt: backAt > 0xffffffff ? undefined : backAt,
  }
}

/** A row is judged as the datagram was from which it is. */
function readRow(
  bytes: Uint8Array,
  at: number,
  octets: number,
  now: Instant,
  away: number,
  watch: Watch,
  common: Common,
  loopbackPort: number,
): void {
  const { view, sources, manners } = common
  const end = at + octets - ROW
  const zone = u16(bytes, end + 10)
  const arrival: Arrival = { ...QUOTED, bytes, at, end, length: end - at, port: zone === 0 ? loopbackPort : zone }
  const age = u32(bytes, end) + away
  if (age > manners.freshness || !view.read(arrival) || view.long || view.protocol !== UDP) return
  if (view.octets !== (octets === 28 + ROW ? 4 : 16) || view.dstPort !== watch.program.spec.port) return
  if (sources.why(view, arrival) !== undefined || (zone !== 0) !== (sources.zoneOf(view, arrival) !== 0)) return
  const table = watch.tables[view.family]
  if (table.find(bytes, view.src, view.dst, view.srcPort, zone) >= 0) return
  const row = table.add(bytes, at, zone)
  if (row < 0) return
  const page = table.pages[row >>> PAGE_BITS]!
  const i = row & (PAGE - 1)
  const told = u32(bytes, end + 4)
  const flags = bytes[end + 9]!
  page.seen[i] = tickOf(now - age)
  page.told[i] = told === NONE4 ? 0 : tickOf(now - told - away)
  page.octets[i] = u16(bytes, end + 12)
  page.state[i] =
    (bytes[end + 8]! << 16) |
    ((flags & REBUILT) !== 0 ? Row.rebuilt : 0) |
    ((flags & DEALT) !== 0 && watch.program.down !== undefined ? watch.outage : 0)
}

class Writer {
  #bytes = new Uint8Array(4096)
  #at = 0

  uint(value: number, octets: number): void {
    this.#room(octets)
    for (let i = octets - 1, v = value; i >= 0; i--, v = Math.floor(v / 256)) this.#bytes[this.#at + i] = v % 256
    this.#at += octets
  }

  octets(from: Uint8Array): void {
    this.#room(from.length)
    this.#bytes.set(from, this.#at)
    this.#at += from.length
  }

  /** Room for `octets` at most; `fill` returns where it ended. */
  block(octets: number, fill: (bytes: Uint8Array, at: number) => number): void {
    this.#room(octets)
    this.#at = fill(this.#bytes, this.#at)
  }

  text(text: string): void {
    const octets = new TextEncoder().encode(text)
    this.uint(octets.length, 1)
    this.octets(octets)
  }

  skip(octets: number): number {
    this.#room(octets)
    this.#at += octets
    return this.#at - octets
  }

  at(place: number, value: number, octets: number): void {
    const end = this.#at
    this.#at = place
    this.uint(value, octets)
    this.#at = end
  }

  end(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  #room(octets: number): void {
    if (this.#at + octets <= this.#bytes.length) return
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + octets))
    bytes.set(this.#bytes)
    this.#bytes = bytes
  }
}

/** Reads no further than its end; `short` says that it was asked to. */
class Reader {
  readonly bytes: Uint8Array
  at = 0
  short = false
  readonly #end: number

  constructor(bytes: Uint8Array, end: number) {
    this.bytes = bytes
    this.#end = end
  }

  get left(): number {
    return this.#end - this.at
  }

  uint(octets: number): number {
    if (octets > this.left) {
      this.short = true
      return 0
    }
    let value = 0
    for (let i = 0; i < octets; i++) value = value * 256 + this.bytes[this.at + i]!
    this.at += octets
    return value
  }

  text(): string {
    const octets = this.uint(1)
    if (octets > this.left) {
      this.short = true
      return ''
    }
    this.at += octets
    return new TextDecoder().decode(this.bytes.subarray(this.at - octets, this.at))
  }
}

function fnv(bytes: Uint8Array, end: number): number {
  let h = 0x811c9dc5
  for (let i = 0; i < end; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193)
  return h >>> 0
}

const MAGIC: Uint8Array = new TextEncoder().encode('icmpkit notices 2\0')
const STATES: readonly DownState[] = ['gone', 'hung', 'offline', 'draining']
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
const NONE4 = 0xffffffff
const NONE6 = 0xffffffffffff
const REBUILT = 1
const DEALT = 2
/** Octets of a row behind its quote. */
const ROW = 14
/** Seconds: no age is longer. */
const DECADE = 315_576_000
const QUOTED: Omit<Arrival, 'bytes' | 'at' | 'end' | 'length' | 'port'> = {
  origin: 'wire',
  link: 'host',
  checksum: 'unknown',
  stamp: 0 as Instant,
  clock: 'user',
}
