/**
 * The pcapng capture format (draft-ietf-opsawg-pcapng): blocks of `type, length, body, length`, padded to four octets.
 *
 *  Section (SHB)      byte order of all that follows; a new one forgets the interfaces
 *  Interface (IDB)    link type, resolution and offset of its clock
 *  Packet             enhanced (EPB), simple (SPB, no time), and the obsolete one (OPB)
 *
 * All other blocks are stepped over without being kept. Where a block's length cannot be true, the reader looks for the
 * next octets, four by four, that are a whole block.
 */
import { type Format, MAX_PACKET, type Step, type Window } from './capture-window.ts'
import type { CaptureInterface, Frame } from './frame.ts'
import { type Malformed, malformed } from './malformed.ts'
import { fitting } from './octets.ts'
import { be32, le32 } from './pcap.ts'

const SECTION = 0x0a0d0d0a
const INTERFACE = 1
const OBSOLETE = 2
const SIMPLE = 3
const NAMES = 4
const STATISTICS = 5
const ENHANCED = 6
const SECRETS = 10
const ORDER = 0x1a2b3c4d

const OPTION_END = 0
const OPTION_COMMENT = 1
const IF_NAME = 2
const IF_TSRESOL = 9
const IF_TSOFFSET = 14
const SECTION_APPLICATION = 4

/** Longest block believed, octets: Wireshark's limit. */
const MAX_BLOCK = 16 * 1024 * 1024
/** Longest packet or interface block that is read rather than stepped over: a packet, its headers, and its options. */
const MAX_READ = MAX_PACKET + 131_072
/** Interfaces kept of a section; more is an attack on memory. */
const MAX_INTERFACES = 65_536

/** Whether the file begins as pcapng does. */
export function identify(bytes: Uint8Array, at = 0): boolean {
  return be32(bytes, at) === SECTION
}

/** The clock of an interface: how to turn its units into seconds and nanoseconds. */
interface InterfaceClock {
  linkType: number
  snapLength: number
  digits: number
  /** Units a second, where that is a power of ten up to 10^9; else 0 and `resolution` is used, slowly. */
  units: number
  /** Nanoseconds a unit. */
  scale: number
  /** if_tsresol as it stands in the file. */
  resolution: number
  /** Seconds added to each stamp. */
  offset: bigint
  /** The last upper word of a stamp, and what it comes to: it changes every four seconds at most. */
  high: number
  highSeconds: number
  highUnits: number
}

/** Takes pcapng blocks from the front of a window, and keeps the interfaces that they describe. */
export class PcapngFormat implements Format {
  readonly #interfaces: CaptureInterface[]
  #clocks: InterfaceClock[] = []
  /** Index in `#interfaces` of the section's first interface. */
  #first = 0
  #little = false
  /** A version or byte order that is not ours: nothing is believed until the next section. */
  #foreign = true
  #lost = false
  /** Octets of the block that was stepped over, of which the closing length is still to be seen; 0 = none. */
  #closing = 0
  #count = 0

  constructor(interfaces: CaptureInterface[]) {
    this.#interfaces = interfaces
  }

  step(w: Window, frame: Frame): Step {
    for (;;) {
      if (this.#closing > 0) {
        if (!w.has(4)) return this.#cut(w)
        const right = this.#u32(w.bytes, w.at) === this.#closing
        this.#closing = 0
        if (!right) return this.#lose(w, 'bad-length', 0)
        w.at += 4
      }
      if (this.#lost && !this.#find(w)) return 'more'
      if (!w.has(8)) return this.#cut(w)
      const { bytes, at } = w
      const type = this.#little ? le32(bytes, at) : be32(bytes, at)
      if (type === SECTION) {
        if (!w.has(12)) return this.#cut(w)
        const order = be32(bytes, at + 8)
        if (order !== ORDER && le32(bytes, at + 8) !== ORDER) return this.#lose(w, 'unknown-format', 8)
        this.#little = order !== ORDER
      }
      const length = this.#little ? le32(bytes, at + 4) : be32(bytes, at + 4)
      if (length < 12 || (length & 3) !== 0 || length > MAX_BLOCK) return this.#lose(w, 'bad-length', 4)
      if (length > MAX_READ || !isRead(type) || (this.#foreign && type !== SECTION)) {
        this.#closing = length
        w.skip(length - 4)
        continue
      }
      if (!w.has(length)) return this.#cut(w)
      if (this.#u32(bytes, at + length - 4) !== length) return this.#lose(w, 'bad-length', length - 4)
      const bad = this.#read(type, w, at, at + length - 4, frame)
      w.at = at + length
      if (bad !== undefined) return bad
      if (type !== SECTION && type !== INTERFACE) return 'packet'
    }
  }

  /** One whole block; a Malformed one is stepped over. */
  #read(type: number, w: Window, at: number, end: number, frame: Frame): Malformed | undefined {
    switch (type) {
      case ENHANCED:
        return this.#enhanced(w, at, end, frame)
      case SIMPLE:
        return this.#simple(w, at, end, frame)
      case OBSOLETE:
        return this.#obsolete(w, at, end, frame)
      case INTERFACE:
        return this.#interface(w, at, end)
      default:
        return this.#section(w, at, end)
    }
  }

  #section(w: Window, at: number, end: number): Malformed | undefined {
    this.#clocks = []
    // Interfaces of the section before stay readable by name, as long as they are few.
    if (this.#interfaces.length >= MAX_INTERFACES) this.#interfaces.length = 0
    this.#first = this.#interfaces.length
    this.#foreign = true
    if (end - at < 24) return malformed('truncated', w.base + end)
    if (this.#u16(w.bytes, at + 12) !== 1) return malformed('unknown-format', w.base + at + 12)
    this.#foreign = false
    return undefined
  }

  #interface(w: Window, at: number, end: number): Malformed | undefined {
    if (end - at < 16) return malformed('truncated', w.base + end)
    if (this.#interfaces.length >= MAX_INTERFACES) return malformed('too-long', w.base + at)
    const { bytes } = w
    let resolution = 6
    let offset = 0n
    let name = ''
    for (let o = at + 16; o + 4 <= end; ) {
      const code = this.#u16(bytes, o)
      const length = this.#u16(bytes, o + 2)
      const value = o + 4
      if (code === OPTION_END) break
      if (value + length > end) break
      if (code === IF_TSRESOL && length >= 1) resolution = bytes[value]!
      else if (code === IF_NAME) name = text(bytes, value, value + length)
      else if (code === IF_TSOFFSET && length >= 8) {
        const a = BigInt(this.#u32(bytes, value))
        const b = BigInt(this.#u32(bytes, value + 4))
        offset = BigInt.asIntN(64, this.#little ? (b << 32n) | a : (a << 32n) | b)
      }
      o = value + length + (-length & 3)
    }
    const clock = makeClock(this.#u16(bytes, at + 8), this.#u32(bytes, at + 12), resolution, offset)
    this.#clocks.push(clock)
    this.#interfaces.push({ linkType: clock.linkType, snapLength: clock.snapLength, name, digits: clock.digits })
    return undefined
  }

  #enhanced(w: Window, at: number, end: number, frame: Frame): Malformed | undefined {
    if (end - at < 28) return malformed('truncated', w.base + end)
    const { bytes } = w
    const little = this.#little
    const port = little ? le32(bytes, at + 8) : be32(bytes, at + 8)
    const clock = this.#clocks[port]
    if (clock === undefined) return malformed('unknown-format', w.base + at + 8)
    const captured = little ? le32(bytes, at + 20) : be32(bytes, at + 20)
    if (captured > end - at - 28) return malformed('bad-length', w.base + at + 20)
    stamp(
      clock,
      little ? le32(bytes, at + 12) : be32(bytes, at + 12),
      little ? le32(bytes, at + 16) : be32(bytes, at + 16),
      frame,
    )
    this.#fill(w, at, port, clock, at + 28, captured, little ? le32(bytes, at + 24) : be32(bytes, at + 24), frame)
    const options = frame.end + (-captured & 3)
    frame.optionsAt = options < end ? options : end
    frame.optionsEnd = end
    return undefined
  }

  #simple(w: Window, at: number, end: number, frame: Frame): Malformed | undefined {
    if (end - at < 12) return malformed('truncated', w.base + end)
    const clock = this.#clocks[0]
    if (clock === undefined) return malformed('unknown-format', w.base + at)
    const length = this.#u32(w.bytes, at + 8)
    const captured = clock.snapLength === 0 ? length : Math.min(length, clock.snapLength)
    if (captured > end - at - 12) return malformed('bad-length', w.base + at + 8)
    this.#fill(w, at, 0, clock, at + 12, captured, length, frame)
    frame.seconds = 0
    frame.nanoseconds = 0
    frame.digits = 0
    return undefined
  }

  #obsolete(w: Window, at: number, end: number, frame: Frame): Malformed | undefined {
    if (end - at < 28) return malformed('truncated', w.base + end)
    const { bytes } = w
    const port = this.#u16(bytes, at + 8)
    const clock = this.#clocks[port]
    if (clock === undefined) return malformed('unknown-format', w.base + at + 8)
    const captured = this.#u32(bytes, at + 20)
    if (captured > end - at - 28) return malformed('bad-length', w.base + at + 20)
    stamp(clock, this.#u32(bytes, at + 12), this.#u32(bytes, at + 16), frame)
    this.#fill(w, at, port, clock, at + 28, captured, this.#u32(bytes, at + 24), frame)
    frame.optionsAt = Math.min(frame.end + (-captured & 3), end)
    frame.optionsEnd = end
    return undefined
  }

  #fill(
    w: Window,
    at: number,
    port: number,
    clock: InterfaceClock,
    data: number,
    captured: number,
    length: number,
    frame: Frame,
  ): void {
    frame.index = ++this.#count
    frame.bytes = w.bytes
    frame.at = data
    frame.end = data + captured
    frame.length = length < captured ? captured : length
    frame.linkType = clock.linkType
    frame.port = this.#first + port
    frame.offset = w.base + at
    frame.optionsAt = frame.end
    frame.optionsEnd = frame.end
    frame.littleEndian = this.#little
  }

  #cut(w: Window): Step {
    if (!w.ended || (w.at === w.end && this.#closing === 0)) return 'more'
    this.#closing = 0
    const bad = malformed('truncated', w.base + w.end)
    w.at = w.end
    return bad
  }

  #lose(w: Window, why: 'bad-length' | 'unknown-format', at: number): Malformed {
    const bad = malformed(why, w.offset + at)
    this.#lost = true
    w.skip(4)
    return bad
  }

  /** Moves to the next octets that are a whole block; false where more must come first, or none will. */
  #find(w: Window): boolean {
    for (;;) {
      if (!w.has(12)) {
        if (w.ended) w.at = w.end
        return false
      }
      const { bytes, at } = w
      const isSection = be32(bytes, at) === SECTION
      const little = isSection ? le32(bytes, at + 8) === ORDER : this.#little
      const u32 = little ? le32 : be32
      const length = u32(bytes, at + 4)
      if (isKnown(u32(bytes, at)) && length >= 12 && (length & 3) === 0 && length <= MAX_READ) {
        if (!w.has(length)) {
          if (!w.ended) return false
        } else if (u32(bytes, at + length - 4) === length) {
          this.#lost = false
          return true
        }
      }
      w.skip(4)
    }
  }

  #u16(bytes: Uint8Array, at: number): number {
    return this.#little ? bytes[at]! | (bytes[at + 1]! << 8) : (bytes[at]! << 8) | bytes[at + 1]!
  }

  #u32(bytes: Uint8Array, at: number): number {
    return this.#little ? le32(bytes, at) : be32(bytes, at)
  }
}

/** Comments of a packet (opt_comment), in order; as they stand in the file: `safeText` before they meet a terminal. */
export function comments(f: Frame): string[] {
  const found: string[] = []
  const { bytes, littleEndian: little } = f
  const u16 = (at: number) => (little ? bytes[at]! | (bytes[at + 1]! << 8) : (bytes[at]! << 8) | bytes[at + 1]!)
  for (let o = f.optionsAt; o + 4 <= f.optionsEnd; ) {
    const code = u16(o)
    const length = u16(o + 2)
    if (code === OPTION_END || o + 4 + length > f.optionsEnd) break
    if (code === OPTION_COMMENT) found.push(text(bytes, o + 4, o + 4 + length))
    o += 4 + length + (-length & 3)
  }
  return found
}

function isRead(type: number): boolean {
  return type === ENHANCED || type === SIMPLE || type === OBSOLETE || type === INTERFACE || type === SECTION
}

function isKnown(type: number): boolean {
  return isRead(type) || type === NAMES || type === STATISTICS || type === SECRETS
}

function makeClock(linkType: number, snapLength: number, resolution: number, offset: bigint): InterfaceClock {
  const decimal = resolution <= 9
  return {
    linkType,
    snapLength,
    // A clock finer than nanoseconds is cut to them; a binary one is shown with all nine digits.
    digits: decimal ? (resolution <= 6 ? 6 : 9) : 9,
    units: decimal ? 10 ** resolution : 0,
    scale: decimal ? 10 ** (9 - resolution) : 0,
    resolution,
    offset,
    high: -1,
    highSeconds: 0,
    highUnits: 0,
  }
}

/** Seconds and nanoseconds of a 64-bit stamp, exactly. */
function stamp(c: InterfaceClock, high: number, low: number, f: Frame): void {
  f.digits = c.digits
  if (c.units === 0) {
    slowStamp(c, high, low, f)
    return
  }
  if (high !== c.high) {
    const units = BigInt(high) << 32n
    const per = BigInt(c.units)
    c.high = high
    c.highSeconds = Number(units / per + c.offset)
    c.highUnits = Number(units % per)
  }
  const units = c.highUnits + low
  const whole = Math.floor(units / c.units)
  f.seconds = c.highSeconds + whole
  f.nanoseconds = (units - whole * c.units) * c.scale
}

function slowStamp(c: InterfaceClock, high: number, low: number, f: Frame): void {
  const units = (BigInt(high) << 32n) | BigInt(low)
  const per = c.resolution & 0x80 ? 1n << BigInt(c.resolution & 0x7f) : 10n ** BigInt(c.resolution)
  f.seconds = Number(units / per + c.offset)
  f.nanoseconds = Number(((units % per) * 1_000_000_000n) / per)
}

const utf8 = new TextDecoder()

function text(bytes: Uint8Array, at: number, end: number): string {
  return utf8.decode(bytes.subarray(at, end))
}

// ---- writing: little-endian, since what reads a pipe (dumpcap, behind `wireshark -i -`) takes its machine's order only

export interface SectionFields {
  /** Name of the program that writes. */
  application: string
}

export interface InterfaceFields {
  linkType: number
  snapLength?: number
  name?: string
}

export interface PacketFields {
  seconds: number
  nanoseconds: number
  data: Uint8Array
  /** Octets on the wire; default: as many as `data` has. */
  length?: number
  /** Index of the interface block in its section; default 0. */
  port?: number
  comment?: string
}

const encoder = new TextEncoder()

/** A section header block. */
export function section(f: SectionFields): Uint8Array {
  const b = new BlockWriter(SECTION)
  b.put32(ORDER)
  b.put16(1)
  b.put16(0)
  b.put32(0xffffffff) // the section's length: not known
  b.put32(0xffffffff)
  b.option(SECTION_APPLICATION, encoder.encode(f.application))
  return b.end()
}

/** An interface description block whose stamps count nanoseconds. */
export function interfaceBlock(f: InterfaceFields): Uint8Array {
  const b = new BlockWriter(INTERFACE)
  b.put16(f.linkType)
  b.put16(0)
  b.put32(f.snapLength ?? 0)
  if (f.name !== undefined) b.option(IF_NAME, encoder.encode(f.name))
  b.option(IF_TSRESOL, Uint8Array.of(9))
  return b.end()
}

/** An enhanced packet block. @throws RangeError */
export function packet(f: PacketFields): Uint8Array {
  const b = new BlockWriter(ENHANCED, 64 + f.data.length)
  const ns = BigInt(f.seconds) * 1_000_000_000n + BigInt(f.nanoseconds)
  if (ns < 0n) throw new RangeError(`${f.seconds} s: pcapng has no time before 1970`)
  b.put32(f.port ?? 0)
  b.put32(Number(ns >> 32n))
  b.put32(Number(ns & 0xffffffffn))
  b.put32(f.data.length)
  b.put32(f.length ?? f.data.length)
  b.octets(f.data)
  if (f.comment !== undefined && f.comment !== '') b.option(OPTION_COMMENT, encoder.encode(f.comment))
  return b.end()
}

class BlockWriter {
  #out: Uint8Array
  #end = 8
  #options = false

  constructor(type: number, capacity = 128) {
    this.#out = new Uint8Array(capacity)
    putLittle(this.#out, 0, type, 32)
  }

  put16(value: number): void {
    this.#room(2)
    putLittle(this.#out, this.#end, value, 16)
    this.#end += 2
  }

  put32(value: number): void {
    this.#room(4)
    putLittle(this.#out, this.#end, value, 32)
    this.#end += 4
  }

  /** Octets, padded to four. */
  octets(bytes: Uint8Array): void {
    this.#room(bytes.length + 3)
    this.#out.set(bytes, this.#end)
    this.#end += bytes.length + (-bytes.length & 3)
  }

  option(code: number, value: Uint8Array): void {
    this.put16(code)
    this.put16(value.length)
    this.octets(value)
    this.#options = true
  }

  end(): Uint8Array {
    if (this.#options) this.put32(OPTION_END)
    this.put32(this.#end + 4)
    putLittle(this.#out, 4, this.#end, 32)
    return this.#out.subarray(0, this.#end)
  }

  #room(more: number): void {
    if (this.#end + more <= this.#out.length) return
    const bigger = new Uint8Array(Math.max(this.#out.length * 2, this.#end + more))
    bigger.set(this.#out)
    this.#out = bigger
  }
}

/** @throws RangeError */
function putLittle(bytes: Uint8Array, at: number, value: number, bits: 16 | 32): void {
  fitting(value, bits)
  for (let i = 0; i < bits >> 3; i++) bytes[at + i] = value >>> (8 * i)
}
