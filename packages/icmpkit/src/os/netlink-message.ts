/**
 * Netlink messages in octets (Linux `linux/netlink.h`), whatever family speaks them: rtnetlink today, sock_diag and
 * nftables over the same two classes later. Integers are in the machine's byte order, everything is aligned to four.
 *
 *   | length (4) | type (2) | flags (2) | sequence (4) | port id (4) | family header | attributes …
 *   attribute: | length (2), header included | type (2) | payload … | padding |
 */
import { safeText } from '../wire/safe-text.ts'
import { LITTLE } from './sys.ts'

export const MessageType = { noop: 1, error: 2, done: 3, overrun: 4 } as const

export const Flag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  dumpInterrupted: 0x10,
  capped: 0x100,
  ackTlvs: 0x200,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
} as const

/** One message inside a datagram, by offsets: `at` is the first octet behind the 16 of the header. */
export interface Message {
  type: number
  flags: number
  seq: number
  at: number
  end: number
}

/** Where an attribute's payload lies. */
export interface Attribute {
  at: number
  end: number
}

/** Attributes by type; where one comes twice the last counts, as in the kernel. */
export type Attributes = ReadonlyMap<number, Attribute>

/** Reads what the kernel sent: a view over one datagram. Reads are bounded by the lengths that `messages` checked. */
export class MessageReader {
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The messages of `at…end`; a length that does not fit ends the list. */
  *messages(at = 0, end: number = this.bytes.length): Generator<Message, void, void> {
    for (let next = at; next + HEADER <= end; ) {
      const length = this.u32(next)
      if (length < HEADER || next + length > end) return
      yield {
        type: this.u16(next + 4),
        flags: this.u16(next + 6),
        seq: this.u32(next + 8),
        at: next + HEADER,
        end: next + length,
      }
      next += align(length)
    }
  }

  attributes(at: number, end: number): Attributes {
    const found = new Map<number, Attribute>()
    for (const { type, ...where } of this.list(at, end)) found.set(type, where)
    return found
  }

  /** The same in order, for the attributes that are lists. */
  *list(at: number, end: number): Generator<Attribute & { type: number }, void, void> {
    for (let next = at; next + ATTRIBUTE <= end; ) {
      const length = this.u16(next)
      if (length < ATTRIBUTE || next + length > end) return
      yield { type: this.u16(next + 2) & TYPE_MASK, at: next + ATTRIBUTE, end: next + length }
      next += align(length)
    }
  }

  u8(at: number): number {
    return this.bytes[at]!
  }

  u16(at: number): number {
    return this.#view.getUint16(at, LITTLE)
  }

  u32(at: number): number {
    return this.#view.getUint32(at, LITTLE)
  }

  i32(at: number): number {
    return this.#view.getInt32(at, LITTLE)
  }

  u64(at: number): bigint {
    return this.#view.getBigUint64(at, LITTLE)
  }

  /** The attribute's integer of one, two or four octets; undefined where there is none. */
  number(a: Attribute | undefined): number | undefined {
    switch (a && a.end - a.at) {
      case 1:
        return this.u8(a!.at)
      case 2:
        return this.u16(a!.at)
      case 4:
        return this.u32(a!.at)
    }
    return undefined
  }

  /** Text up to the first zero octet. */
  text(a: Attribute | undefined): string | undefined {
    if (a === undefined) return undefined
    let end = a.at
    while (end < a.end && this.bytes[end] !== 0) end++
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + a.at, end - a.at).toString('utf8')
  }

  /** A copy: the buffer is refilled by the next datagram. */
  octets(a: Attribute | undefined): Uint8Array | undefined {
    return a && this.bytes.slice(a.at, a.end)
  }
}

/** What the kernel says of a request: `errno` 0 is yes; `text` is the extended acknowledgement's words, or empty. */
export interface Verdict {
  errno: number
  text: string
}

/** Reads an `error` message (an acknowledgement is one with errno 0) or the end of a dump. */
export function readVerdict(r: MessageReader, m: Message): Verdict {
  if (m.end - m.at < 4) return { errno: 0, text: '' }
  const errno = 0 - r.i32(m.at)
  if ((m.flags & Flag.ackTlvs) === 0) return { errno, text: '' }
  let tlvs = m.at + 4
  if (m.type === MessageType.error) {
    // The request's header is echoed, and its body too unless the answer is capped or says yes.
    const echoed = m.end - tlvs < HEADER ? HEADER : r.u32(tlvs)
    tlvs += (m.flags & Flag.capped) !== 0 || errno === 0 ? HEADER : align(Math.max(echoed, HEADER))
  }
  const found = r.attributes(tlvs, m.end)
  const words = r.text(found.get(ExtendedAck.message))
  const missing = r.number(found.get(ExtendedAck.missingType))
  const at = r.number(found.get(ExtendedAck.offset))
  const parts = [
    words && safeText(words),
    missing !== undefined && `attribute ${missing} is missing`,
    at !== undefined && words === undefined && `it objects to octet ${at} of the request`,
  ]
  return { errno, text: parts.filter((p) => p).join('; ') }
}

/** Builds one message after the other in the same buffer. */
export class MessageWriter {
  #bytes = new Uint8Array(512)
  #view = new DataView(this.#bytes.buffer)
  #end = 0

  begin(type: number, flags: number): this {
    this.#end = 0
    this.u32(0).u16(type).u16(flags).u32(0)
    return this.u32(0)
  }

  /** The finished message, numbered; on loan until the next `begin`. */
  finish(seq: number): Uint8Array {
    this.#view.setUint32(0, this.#end, LITTLE)
    this.#view.setUint32(8, seq, LITTLE)
    return this.#bytes.subarray(0, this.#end)
  }

  u8(value: number): this {
    this.#room(1)
    this.#bytes[this.#end++] = value
    return this
  }

  u16(value: number): this {
    this.#room(2)
    this.#view.setUint16(this.#end, value, LITTLE)
    this.#end += 2
    return this
  }

  u32(value: number): this {
    this.#room(4)
    this.#view.setUint32(this.#end, value, LITTLE)
    this.#end += 4
    return this
  }

  octets(value: Uint8Array): this {
    this.#room(value.length)
    this.#bytes.set(value, this.#end)
    this.#end += value.length
    return this
  }

  /** Zeros up to the next multiple of four. */
  pad(): this {
    while (this.#end % 4 !== 0) this.u8(0)
    return this
  }

  /** The head of an attribute whose `length` octets of payload follow by hand. @throws RangeError */
  header(type: number, length: number): this {
    if (ATTRIBUTE + length > 0xffff) throw new RangeError(`a netlink attribute of ${length} octets does not fit`)
    return this.u16(ATTRIBUTE + length).u16(type)
  }

  /** `payload` as an attribute, padded. @throws RangeError */
  attribute(type: number, payload: Uint8Array): this {
    return this.header(type, payload.length).octets(payload).pad()
  }

  number(type: number, value: number): this {
    return this.header(type, 4).u32(value)
  }

  short(type: number, value: number): this {
    return this.header(type, 2).u16(value).pad()
  }

  octet(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value))
  }

  /** UTF-8 with the zero octet that the kernel wants behind it. */
  text(type: number, value: string): this {
    return this.attribute(type, Buffer.from(`${value}\0`))
  }

  /** Attributes inside an attribute. */
  nest(type: number, fill: (w: this) => void): this {
    const start = this.#end
    this.u16(0).u16(type)
    fill(this)
    this.#view.setUint16(start, this.#end - start, LITTLE)
    return this
  }

  #room(more: number): void {
    if (this.#end + more <= this.#bytes.length) return
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#end + more))
    bigger.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = bigger
    this.#view = new DataView(bigger.buffer)
  }
}

function align(length: number): number {
  return (length + 3) & ~3
}

/** NLMSGERR_ATTR_*. */
const ExtendedAck = { message: 1, offset: 2, missingType: 5 } as const

const HEADER = 16
const ATTRIBUTE = 4
/** The two upper bits say 'nested' and 'network order'. */
const TYPE_MASK = 0x3fff
