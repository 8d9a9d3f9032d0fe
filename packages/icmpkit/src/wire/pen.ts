/**
 * Fast ASCII: what `print.ts` writes its lines with. Eight octets a store, numbers and addresses from tables, nothing
 * allocated (docs/decisions/print-from-octets.md has the measurements). Octets travel as doubles, the widest value that
 * costs no object: ASCII is never a NaN, whose bits alone might not survive.
 *
 * Every method may write up to seven octets behind its text, which the next one covers: `begin` makes room for a line.
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

/** Addresses whose text is kept. More only cost their formatting again: a slot holds the last one that fell into it. */
const SLOTS = 4096
/** Octets of a slot: the longest text (15, 45) rounded up to eights. */
const SLOT4 = 16
const SLOT6 = 48

export class Pen {
  readonly line: AsciiLine
  /** Where the next octet goes in `line`. */
  end = 0
  #out: DataView
  #bytes: Uint8Array
  /** The octets that are printed from. */
  #from: Uint8Array = new Uint8Array(0)
  #in: DataView = new DataView(this.#from.buffer)

  readonly #key4 = new Int32Array(SLOTS)
  readonly #length4 = new Uint8Array(SLOTS)
  readonly #text4 = new DataView(new ArrayBuffer(SLOTS * SLOT4))
  readonly #key6 = new Int32Array(SLOTS * 4)
  readonly #length6 = new Uint8Array(SLOTS)
  readonly #text6 = new DataView(new ArrayBuffer(SLOTS * SLOT6))

  constructor(line: AsciiLine) {
    this.line = line
    this.#bytes = line.bytes
    this.#out = viewOf(line.bytes)
  }

  /** Starts a piece of at most `room` octets printed from `from`. `done` ends it. */
  begin(from: Uint8Array, room: number): void {
    if (from !== this.#from) {
      this.#from = from
      this.#in = viewOf(from)
    }
    this.end = this.line.end
    this.need(room)
  }

  /** Room for `more` octets from here: for what has no small bound. */
  need(more: number): void {
    const { line } = this
    line.end = this.end
    line.room(more + 64)
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
    const { words } = t
    let at = this.end
    for (let i = 0; i < words.length; i++) {
      out.setFloat64(at, words[i]!, HOST)
      at += 8
    }
    this.end += t.length
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

  /** 0 … 2^32-1. */
  decimal(value: number): void {
    if (value < 1000) {
      this.#out.setInt32(this.end, PLAIN[value]!, true)
      this.end += value < 10 ? 1 : value < 100 ? 2 : 3
      return
    }
    if (value < 1_000_000) {
      const high = (value / 1000) | 0
      this.decimal(high)
      this.#out.setInt32(this.end, PADDED[value - high * 1000]!, true)
      this.end += 3
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
    const high = (value / 1000) | 0
    this.#out.setInt32(this.end, PADDED[high]!, true)
    this.#out.setInt32(this.end + 3, PADDED[value - high * 1000]!, true)
    this.end += 6
  }

  digits9(value: number): void {
    const high = (value / 1_000_000) | 0
    this.#out.setInt32(this.end, PADDED[high]!, true)
    this.end += 3
    this.digits6(value - high * 1_000_000)
  }

  /** Lower-case hex of 32 bits, with `digits` digits, or as many as it takes. */
  hex(value: number, digits: number = Math.max(1, (35 - Math.clz32(value)) >> 2)): void {
    for (let i = digits - 1; i >= 0; i--) this.#bytes[this.end++] = HEX[(value >>> (4 * i)) & 15]!
  }

  /** Hex of octets without separators: of all that is printed in full, the caller bounds it and calls `need`. */
  octets(at: number, end: number, separator = 0): void {
    const out = this.#out
    const width = separator === 0 ? 2 : 3
    let to = this.end
    for (let i = at; i < end; i++) {
      out.setInt32(to, PAIRS[this.#from[i]!]! | (separator << 16), true)
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
  flags(octet: number, names: readonly (Literal | undefined)[]): void {
    let any = false
    for (let bit = 0; bit < names.length; bit++) {
      const name = names[bit]
      if (name === undefined || (octet & (0x80 >> bit)) === 0) continue
      this.text(any ? COMMA : FLAGS)
      this.text(name)
      any = true
    }
    if (any) this.char(BRACKET)
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
    const key = this.#in.getInt32(at)
    const slot = (Math.imul(key, 0x9e3779b1) >>> 20) & (SLOTS - 1)
    if (this.#key4[slot] !== key || this.#length4[slot] === 0) this.#render4(key, slot)
    const out = this.#out
    const text = this.#text4
    const from = slot * SLOT4
    const to = this.end
    out.setFloat64(to, text.getFloat64(from, true), true)
    out.setFloat64(to + 8, text.getFloat64(from + 8, true), true)
    this.end = to + this.#length4[slot]!
  }

  /** The IPv6 address whose sixteen octets stand at `at`, as RFC 5952 writes it. */
  ip6(at: number): void {
    const a = this.#in.getInt32(at)
    const b = this.#in.getInt32(at + 4)
    const c = this.#in.getInt32(at + 8)
    const d = this.#in.getInt32(at + 12)
    const mixed = Math.imul(Math.imul(Math.imul(a, 31) + b, 0x85ebca6b) + c, 0xc2b2ae35) + d
    const slot = (Math.imul(mixed ^ (mixed >>> 15), 0x9e3779b1) >>> 20) & (SLOTS - 1)
    const keys = this.#key6
    const k = slot * 4
    if (keys[k] !== a || keys[k + 1] !== b || keys[k + 2] !== c || keys[k + 3] !== d || this.#length6[slot] === 0) {
      keys[k] = a
      keys[k + 1] = b
      keys[k + 2] = c
      keys[k + 3] = d
      this.#render6(at, slot)
    }
    const out = this.#out
    const text = this.#text6
    const length = this.#length6[slot]!
    const from = slot * SLOT6
    for (let i = 0; i < length; i += 8) out.setFloat64(this.end + i, text.getFloat64(from + i, true), true)
    this.end += length
  }

  #render4(key: number, slot: number): void {
    const text = this.#text4
    const from = slot * SLOT4
    let at = from
    for (let shift = 24; shift >= 0; shift -= 8) {
      const octet = (key >>> shift) & 255
      text.setInt32(at, PLAIN[octet]!, true)
      at += octet < 10 ? 1 : octet < 100 ? 2 : 3
      if (shift > 0) text.setUint8(at++, DOT)
    }
    this.#key4[slot] = key
    this.#length4[slot] = at - from
  }

  #render6(at: number, slot: number): void {
    const bytes = this.#from
    const text = this.#text6
    const from = slot * SLOT6
    let best = -1
    let length = 1
    for (let i = 0; i < 8; ) {
      let end = i
      while (end < 8 && u16(bytes, at + 2 * end) === 0) end++
      if (end - i > length) {
        best = i
        length = end - i
      }
      i = end === i ? i + 1 : end
    }
    let to = from
    // RFC 5952 §5: a v4-mapped address keeps its dotted quad.
    const mapped = best === 0 && length === 5 && u16(bytes, at + 10) === 0xffff
    for (let i = 0; i < 8; i++) {
      if (i === best) {
        text.setUint8(to++, COLON)
        text.setUint8(to++, COLON)
        i += length - 1
        continue
      }
      if (i > 0 && i !== best + length) text.setUint8(to++, COLON)
      if (mapped && i === 6) {
        for (let o = 12; o < 16; o++) {
          const octet = bytes[at + o]!
          text.setInt32(to, PLAIN[octet]!, true)
          to += octet < 10 ? 1 : octet < 100 ? 2 : 3
          if (o < 15) text.setUint8(to++, DOT)
        }
        break
      }
      const word = u16(bytes, at + 2 * i)
      if (word > 0xfff) text.setUint8(to++, HEX[word >>> 12]!)
      if (word > 0xff) text.setUint8(to++, HEX[(word >>> 8) & 15]!)
      if (word > 0xf) text.setUint8(to++, HEX[(word >>> 4) & 15]!)
      text.setUint8(to++, HEX[word & 15]!)
    }
    this.#length6[slot] = to - from
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const FLAGS = literal(', flags [')
const COMMA = literal(', ')
const BRACKET = 0x5d
/** Is this machine little-endian? Literals lie in memory as they are to be copied. */
const HOST: boolean = new Uint8Array(new Int32Array([1]).buffer)[0] === 1
const DOT = 0x2e
const COLON = 0x3a
const HEX: Uint8Array = Uint8Array.from('0123456789abcdef', (c) => c.charCodeAt(0))
/** Two hex digits of each octet. */
const PAIRS: Int32Array = Int32Array.from({ length: 256 }, (_, octet) => HEX[octet >> 4]! | (HEX[octet & 15]! << 8))
/** The three digits of 0 … 999, and the same without leading zeros, each in one little-endian word. */
const PADDED = new Int32Array(1000)
const PLAIN = new Int32Array(1000)
for (let i = 0; i < 1000; i++) {
  const word = (0x30 + ((i / 100) | 0)) | ((0x30 + (((i / 10) | 0) % 10)) << 8) | ((0x30 + (i % 10)) << 16)
  PADDED[i] = word
  PLAIN[i] = word >> (i > 99 ? 0 : i > 9 ? 8 : 16)
}
