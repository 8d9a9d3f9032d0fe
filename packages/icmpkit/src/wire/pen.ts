/**
 * Fast ASCII: what `print.ts` writes its lines with. Eight octets a store, numbers and addresses from tables, nothing
 * allocated (docs/decisions/print-from-octets.md has the measurements). Octets travel as doubles, the widest value that
 * costs no object: ASCII is never a NaN, whose bits alone might not survive.
 *
 * Every method may write some octets behind its text (fewer than SLACK), which the next one covers: `begin` makes room
 * for a line.
 */
import type { AsciiLine } from './line.ts'
import { u16 } from './octets.ts'

/** ASCII of ours, ready to be stored eight octets at once. */
export interface Literal {
  readonly words: Float64Array
  readonly length: number
}

export function literal(text: string): Literal {
  const words = new Float64Array((text.length + 7) >> 3)
  const octets = new Uint8Array(words.buffer)
  for (let i = 0; i < text.length; i++) octets[i] = text.charCodeAt(i)
  return { words, length: text.length }
}

/** Names of the bits of an octet, the highest first. */
export interface FlagNames {
  readonly names: readonly (string | undefined)[]
  /** What is written of each octet, made as they are met. */
  readonly texts: (Literal | undefined)[]
}

/** `undefined` for a bit without a name. */
export function flagNames(...names: readonly (string | undefined)[]): FlagNames {
  return { names, texts: new Array<Literal | undefined>(256).fill(undefined) }
}

/** IPv6 addresses whose text is kept. More only cost their formatting again: a slot holds the last one that fell into it. */
const SLOTS = 4096
/** Octets of a slot, a cache line: the address in four words, its text of 39 octets at most, and the text's length. */
const SLOT = 64
const SLOT_TEXT = 16
const SLOT_LENGTH = 56
/** Room behind what is asked for. */
const SLACK = 64

export class Pen {
  readonly line: AsciiLine
  /** Where the next octet goes in `line`. */
  end = 0
  #out: DataView
  #bytes: Uint8Array
  /** The octets that are printed from. */
  #from: Uint8Array = new Uint8Array(0)
  #in: DataView = new DataView(this.#from.buffer)

  readonly #slots: DataView
  /** The same octets as words and as eights. */
  readonly #keys: Int32Array
  readonly #texts: Float64Array

  constructor(line: AsciiLine) {
    this.line = line
    this.#bytes = line.bytes
    this.#out = viewOf(line.bytes)
    const slots = new ArrayBuffer(SLOTS * SLOT)
    this.#slots = new DataView(slots)
    this.#keys = new Int32Array(slots)
    this.#texts = new Float64Array(slots)
  }

  /** Starts a piece of at most `room` octets printed from `from`. `done` ends it. */
  begin(from: Uint8Array, room: number): void {
    if (from !== this.#from) {
      this.#from = from
      this.#in = viewOf(from)
    }
    const { line } = this
    this.end = line.end
    if (line.bytes !== this.#bytes || line.end + room + SLACK > this.#bytes.length) this.need(room)
  }

  /** Room for `more` octets from here: for what has no small bound. */
  need(more: number): void {
    const { line } = this
    line.end = this.end
    line.room(more + SLACK)
    if (line.bytes !== this.#bytes) {
      this.#bytes = line.bytes
      this.#out = viewOf(line.bytes)
    }
  }

  done(): void {
    this.line.end = this.end
  }

  text(t: Literal): void {
    const out = this.#out
    const { words, length } = t
    const { end } = this
    for (let i = 0, at = end; i < words.length; i++, at += 8) out.setFloat64(at, words[i]!, HOST)
    this.end = end + length
  }

  /** A text and the number behind it, 0 … 2^32-1. */
  value(t: Literal, value: number): void {
    const out = this.#out
    const { words, length } = t
    const { end } = this
    for (let i = 0, at = end; i < words.length; i++, at += 8) out.setFloat64(at, words[i]!, HOST)
    this.end = end + length
    this.decimal(value)
  }

  /** Octets made elsewhere. Makes its own room, and none behind. */
  ready(octets: Uint8Array): void {
    this.need(octets.length)
    this.#bytes.set(octets, this.end)
    this.end += octets.length
  }

  char(code: number): void {
    this.#bytes[this.end++] = code
  }

  /** 0 … 2^53-1; quick up to 999,999. */
  decimal(value: number): void {
    const out = this.#out
    const { end } = this
    if (value < 1000) {
      const word = PLAIN[value]!
      out.setInt32(end, word, true)
      this.end = end + (word >> WIDTH)
      return
    }
    if (value < 1_000_000) {
      const small = value | 0
      const high = (small / 1000) | 0
      const word = PLAIN[high]!
      const low = end + (word >> WIDTH)
      out.setInt32(end, word, true)
      out.setInt32(low, PADDED[small - high * 1000]!, true)
      this.end = low + 3
      return
    }
    if (value < 1_000_000_000) {
      const small = value | 0
      const high = (small / 1_000_000) | 0
      const word = PLAIN[high]!
      out.setInt32(end, word, true)
      this.end = end + (word >> WIDTH)
      this.digits6(small - high * 1_000_000)
      return
    }
    const high = Math.floor(value / 1_000_000)
    this.decimal(high)
    this.digits6(value - high * 1_000_000)
  }

  /** Two digits. */
  digits2(value: number): void {
    this.#out.setInt32(this.end, PADDED[value]! >> 8, true)
    this.end += 2
  }

  digits3(value: number): void {
    this.#out.setInt32(this.end, PADDED[value]!, true)
    this.end += 3
  }

  digits6(value: number): void {
    const small = value | 0
    const high = (small / 1000) | 0
    this.#out.setInt32(this.end, PADDED[high]!, true)
    this.#out.setInt32(this.end + 3, PADDED[small - high * 1000]!, true)
    this.end += 6
  }

  digits9(value: number): void {
    const high = (value / 1_000_000) | 0
    this.#out.setInt32(this.end, PADDED[high]!, true)
    this.end += 3
    this.digits6(value - high * 1_000_000)
  }

  /** A time of day: the eight octets of `clock`, a dot, nine digits or the first six, and a blank. */
  stamp(clock: Literal, nanoseconds: number, nine: boolean): void {
    const out = this.#out
    const { end } = this
    const small = nanoseconds | 0
    const microseconds = (small / 1000) | 0
    const milliseconds = (small / 1_000_000) | 0
    out.setFloat64(end, clock.words[0]!, HOST)
    out.setInt32(end + 8, DOT | (PADDED[milliseconds]! << 8), true)
    out.setInt32(end + 12, PADDED[microseconds - milliseconds * 1000]! | BLANK, true)
    if (nine) out.setInt32(end + 15, PADDED[small - microseconds * 1000]! | BLANK, true)
    this.end = end + (nine ? 19 : 16)
  }

  /** Lower-case hex of 32 bits, with `digits` digits, or as many as it takes. */
  hex(value: number, digits: number = Math.max(1, (35 - Math.clz32(value)) >> 2)): void {
    for (let i = digits - 1; i >= 0; i--) this.#bytes[this.end++] = HEX[(value >>> (4 * i)) & 15]!
  }

  /** Hex of octets without separators: of all that is printed in full, the caller bounds it and calls `need`. */
  octets(at: number, end: number, separator = 0): void {
    const out = this.#out
    const from = this.#from
    const width = separator === 0 ? 2 : 3
    let to = this.end
    for (let i = at; i < end; i++) {
      out.setInt32(to, PAIRS[from[i]!]! | (separator << 16), true)
      to += width
    }
    this.end = separator === 0 || at >= end ? to : to - 1
  }

  /** Octets from outside, made harmless as `AsciiLine.untrusted` does. Makes its own room. */
  untrusted(at: number, end: number): void {
    this.need((end - at) * 4)
    this.done()
    this.line.untrusted(this.#from, at, end)
    this.end = this.line.end
  }

  /** One octet of what is printed from. */
  octet(at: number): number {
    return this.#from[at]!
  }

  /** `, flags [a, b]` of an octet, the highest bit first; nothing where none of the named bits is set. */
  flags(octet: number, names: FlagNames): void {
    const text = names.texts[octet]
    this.text(text === undefined ? flagText(octet, names) : text)
  }

  /** An IPv6 prefix of which only the first `octets` stand at `at`: the rest is zero. */
  prefix6(at: number, octets: number): void {
    const whole = new Uint8Array(16)
    whole.set(this.#from.subarray(at, at + Math.min(octets, 16)))
    const from = this.#from
    const view = this.#in
    this.#from = whole
    this.#in = viewOf(whole)
    this.ip6(0)
    this.#from = from
    this.#in = view
  }

  /** The IPv4 address whose four octets stand at `at`. */
  ip4(at: number): void {
    const out = this.#out
    const from = this.#from
    let to = this.end
    let octet = from[at]!
    out.setInt32(to, DOTTED[octet]!, true)
    to += DOTTED_WIDTH[octet]!
    octet = from[at + 1]!
    out.setInt32(to, DOTTED[octet]!, true)
    to += DOTTED_WIDTH[octet]!
    octet = from[at + 2]!
    out.setInt32(to, DOTTED[octet]!, true)
    to += DOTTED_WIDTH[octet]!
    const word = PLAIN[from[at + 3]!]!
    out.setInt32(to, word, true)
    this.end = to + (word >> WIDTH)
  }

  /** The IPv6 address whose sixteen octets stand at `at`, as RFC 5952 writes it. */
  ip6(at: number): void {
    const from = this.#in
    const a = from.getInt32(at, true)
    const b = from.getInt32(at + 4, true)
    const c = from.getInt32(at + 8, true)
    const d = from.getInt32(at + 12, true)
    const sum =
      Math.imul(a, 0x9e3779b1) + Math.imul(b, 0x85ebca6b) + Math.imul(c, 0xc2b2ae35) + Math.imul(d, 0x27d4eb2f)
    const slot = (sum >>> 20) & (SLOTS - 1)
    const keys = this.#keys
    const k = slot * (SLOT / 4)
    const known = keys[k] === a && keys[k + 1] === b && keys[k + 2] === c && keys[k + 3] === d
    if (!known || keys[k + SLOT_LENGTH / 4] === 0) this.#render6(at, slot)
    const length = keys[k + SLOT_LENGTH / 4]!
    const texts = this.#texts
    const t = slot * (SLOT / 8) + SLOT_TEXT / 8
    const out = this.#out
    const to = this.end
    out.setFloat64(to, texts[t]!, HOST)
    out.setFloat64(to + 8, texts[t + 1]!, HOST)
    if (length > 16) {
      out.setFloat64(to + 16, texts[t + 2]!, HOST)
      out.setFloat64(to + 24, texts[t + 3]!, HOST)
      if (length > 32) out.setFloat64(to + 32, texts[t + 4]!, HOST)
    }
    this.end = to + length
  }

  #render6(at: number, slot: number): void {
    const bytes = this.#from
    const view = this.#in
    const slots = this.#slots
    const begin = slot * SLOT
    for (let i = 0; i < 16; i += 4) slots.setInt32(begin + i, view.getInt32(at + i, true), HOST)
    let zeros = 0
    for (let i = 0; i < 8; i++) zeros = (zeros << 1) | (u16(bytes, at + 2 * i) === 0 ? 1 : 0)
    const run = RUNS[zeros]!
    const best = run >> 4
    const length = run & 15
    let to = begin + SLOT_TEXT
    // RFC 5952 §5: a v4-mapped address keeps its dotted quad.
    const mapped = best === 0 && length === 5 && u16(bytes, at + 10) === 0xffff
    for (let i = 0; i < 8; i++) {
      if (i === best) {
        slots.setUint16(to, (COLON << 8) | COLON)
        to += 2
        i += length - 1
        continue
      }
      if (i > 0 && i !== best + length) slots.setUint8(to++, COLON)
      if (mapped && i === 6) {
        for (let o = 12; o < 16; o++) {
          const word = PLAIN[bytes[at + o]!]!
          slots.setInt32(to, word, true)
          to += word >> WIDTH
          if (o < 15) slots.setUint8(to++, DOT)
        }
        break
      }
      const digits = Math.max(1, (35 - Math.clz32(u16(bytes, at + 2 * i))) >> 2)
      const word = PAIRS[bytes[at + 2 * i]!]! | (PAIRS[bytes[at + 2 * i + 1]!]! << 16)
      slots.setInt32(to, word >>> (8 * (4 - digits)), true)
      to += digits
    }
    slots.setInt32(begin + SLOT_LENGTH, to - begin - SLOT_TEXT, HOST)
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function flagText(octet: number, { names, texts }: FlagNames): Literal {
  const set = names.filter((name, bit) => name !== undefined && (octet & (0x80 >> bit)) !== 0)
  const made = literal(set.length === 0 ? '' : `, flags [${set.join(', ')}]`)
  texts[octet] = made
  return made
}

/** Is this machine little-endian? Literals lie in memory as they are to be copied. */
const HOST: boolean = new Uint8Array(new Int32Array([1]).buffer)[0] === 1
const DOT = 0x2e
/** Behind three digits. */
const BLANK = 0x20 << 24
const COLON = 0x3a
const HEX: Uint8Array = Uint8Array.from('0123456789abcdef', (c) => c.charCodeAt(0))
/** Two hex digits of each octet. */
const PAIRS: Int32Array = Int32Array.from({ length: 256 }, (_, octet) => HEX[octet >> 4]! | (HEX[octet & 15]! << 8))
/** The three digits of 0 … 999, and the same without leading zeros and with their number on top, each in one little-endian word. */
const PADDED = new Int32Array(1000)
const PLAIN = new Int32Array(1000)
/** Where the number of digits stands in PLAIN. */
const WIDTH = 24
for (let i = 0; i < 1000; i++) {
  const word = (0x30 + ((i / 100) | 0)) | ((0x30 + (((i / 10) | 0) % 10)) << 8) | ((0x30 + (i % 10)) << 16)
  const width = i > 99 ? 3 : i > 9 ? 2 : 1
  PADDED[i] = word
  PLAIN[i] = (word >> (8 * (3 - width))) | (width << WIDTH)
}
/** An octet in decimal and a dot behind it, and how many octets that is. */
const DOTTED = new Int32Array(256)
const DOTTED_WIDTH = new Uint8Array(256)
/** The longest run of two or more zeros among eight words, whose bits say which are zero: `first << 4 | length`. */
const RUNS = new Uint8Array(256)
for (let i = 0; i < 256; i++) {
  const width = PLAIN[i]! >> WIDTH
  DOTTED[i] = (PLAIN[i]! & ((1 << (8 * width)) - 1)) | (DOT << (8 * width))
  DOTTED_WIDTH[i] = width + 1
  RUNS[i] = longestRun(i)
}

/** 15 << 4, past the end, where there is none. */
function longestRun(zeros: number): number {
  let best = 0xf0
  let longest = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && (zeros & (0x80 >> (i + length))) !== 0) length++
    if (length <= longest) continue
    longest = length
    best = (i << 4) | length
  }
  return best
}
