/**
 * A captured packet as one JSON object on one line. What every message has is written from its octets, and so are echoes,
 * since a capture is full of them; other messages come as JSON values (json.ts). What a line says does not depend on the
 * way it was made: a test compares both over the corpus.
 */

import { comments, type Frame, frameTime } from './capture.ts'
import type { Carried } from './carried.ts'
import { Type as Type4 } from './icmp4.ts'
import { Type as Type6 } from './icmp6.ts'
import type { Json } from './json.ts'
import type { AsciiLine } from './line.ts'
import { LinkType, networkLayer } from './link-layer.ts'
import type { Malformed, Verdict } from './malformed.ts'
import { u16 } from './octets.ts'
import { type Literal, literal, Pen } from './pen.ts'
import { lookup } from './registry.ts'
import { safeJson } from './safe-text.ts'

/** What is known of a packet beside its octets. */
export interface PacketFacts {
  checksum: Verdict
  /** Of the IPv4 header; null where there is none. */
  headerChecksum: Verdict | null
  /** Why the message, or the IP header, can't be read; `at` counts from it. */
  malformed: Malformed | undefined
  /** The capture kept less of the message than was sent. */
  cut: boolean
  /** The interface that it passed. */
  port: string | null
}

/** Octets that the fixed part of a line surely fits in. */
const ROOM = 2048

export class PacketJson {
  readonly #pen: Pen
  readonly #head: Literal
  /** The interface last named, and its JSON. */
  #port: string | null = null
  #portJson: Uint8Array = NULL

  constructor(line: AsciiLine, schema: string) {
    this.#pen = new Pen(line)
    this.#head = literal(`{"kind":"packet","schema":${JSON.stringify(schema)},"index":`)
  }

  /** An echo request or reply, straight from its octets; false for any other message, of which nothing is written. */
  echo(f: Frame, c: Carried, facts: PacketFacts): boolean {
    const { bytes } = f
    const { at, end } = c
    if (end - at < 8 || facts.malformed !== undefined) return false
    const type = bytes[at]!
    const isRequest = type === (c.family === 4 ? Type4.echoRequest : Type6.echoRequest)
    if (!isRequest && type !== (c.family === 4 ? Type4.echoReply : Type6.echoReply)) return false
    const pen = this.#pen
    pen.begin(bytes, ROOM + 2 * (end - at))
    this.#fields(f, c, facts, true)
    pen.value(isRequest ? ECHO_REQUEST : ECHO_REPLY, bytes[at + 1]!)
    pen.value(ID, u16(bytes, at + 4))
    pen.value(SEQ, u16(bytes, at + 6))
    pen.text(DATA)
    pen.octets(at + 8, end)
    pen.text(ECHO_END)
    pen.done()
    return true
  }

  /** Any message, as the JSON value that it is, and what it quotes; both null where it can't be read. */
  message(f: Frame, c: Carried, facts: PacketFacts, message: Json, quote: Json): void {
    const pen = this.#pen
    pen.begin(f.bytes, ROOM)
    this.#fields(f, c, facts, true)
    this.#value(MESSAGE, message)
    this.#value(QUOTE, quote)
    pen.text(END)
    pen.done()
  }

  /** A packet whose IP header can't be read. */
  badIp(f: Frame, c: Carried, facts: PacketFacts): void {
    const pen = this.#pen
    pen.begin(f.bytes, ROOM)
    this.#fields(f, c, facts, false)
    pen.text(BAD_IP_END)
    pen.done()
  }

  /** Everything in front of the message. `sound`: there is an IP header that was read, or none at all. */
  #fields(f: Frame, c: Carried, facts: PacketFacts, sound: boolean): void {
    const pen = this.#pen
    const { bytes } = f
    pen.value(this.#head, f.index)
    this.#time(f)
    if (sound && c.ip >= 0) addresses(pen, c)
    else pen.text(NO_ADDRESSES)
    pen.text(c.family === 4 ? FAMILY4 : FAMILY6)
    const here = sound ? c.end - c.at : 0
    if (here > 1) pen.text(named(c.family, bytes[c.at]!, bytes[c.at + 1]!))
    else if (here > 0) {
      pen.value(TYPE, bytes[c.at]!)
      pen.text(NO_CODE)
      pen.text(literal(JSON.stringify(lookup(c.family, bytes[c.at]!, 0).name)))
    } else pen.text(NO_TYPE)
    pen.text(CHECKSUMS[facts.checksum])
    pen.text(facts.headerChecksum === null ? NO_HEADER_CHECKSUM : HEADER_CHECKSUMS[facts.headerChecksum])
    this.#malformed(f, c, facts.malformed, sound)
    if (sound) {
      pen.value(LENGTH, c.length)
      pen.text(TTL)
      if (c.ip >= 0) pen.decimal(bytes[c.ip + (c.family === 4 ? 8 : 7)]!)
      else pen.text(WORD_NULL)
    } else pen.text(NO_LENGTH)
    if (c.ip < 0 || (f.linkType === LinkType.ethernet && c.ip === f.at + 14)) pen.text(NO_VLAN)
    else this.#value(VLAN, vlans(f))
    pen.text(sound && c.fragment ? FRAGMENT : NO_FRAGMENT)
    pen.text(facts.cut ? CUT : NO_CUT)
    this.#interface(facts.port)
    if (f.optionsEnd > f.optionsAt) this.#value(COMMENTS, comments(f))
    else pen.text(NO_COMMENTS)
  }

  #time(f: Frame): void {
    const pen = this.#pen
    if (f.digits === 0) {
      pen.text(NO_TIME)
      return
    }
    pen.text(TIME)
    if (f.seconds >= 0) {
      pen.decimal(f.seconds)
      pen.char(DOT)
      pen.digits9(f.nanoseconds)
    } else pen.text(literal(frameTime(f)!))
    pen.char(QUOTATION)
  }

  #malformed(f: Frame, c: Carried, flaw: Malformed | undefined, sound: boolean): void {
    const pen = this.#pen
    if (flaw === undefined) {
      pen.text(NOT_MALFORMED)
      return
    }
    pen.text(MALFORMED)
    pen.text(literal(flaw.why))
    pen.value(MALFORMED_AT, (sound ? c.at : c.ip) - f.at + flaw.at)
  }

  #interface(port: string | null): void {
    const pen = this.#pen
    if (port !== this.#port) {
      this.#port = port
      this.#portJson = encoder.encode(safeJson(port))
    }
    pen.text(INTERFACE)
    pen.ready(this.#portJson)
    pen.need(ROOM)
  }

  #value(name: Literal, value: Json): void {
    const pen = this.#pen
    pen.text(name)
    pen.ready(encoder.encode(safeJson(value)))
    pen.need(ROOM)
  }
}

function addresses(pen: Pen, c: Carried): void {
  pen.text(SRC)
  if (c.family === 4) pen.ip4(c.ip + 12)
  else pen.ip6(c.ip + 8)
  pen.text(DST)
  if (c.family === 4) pen.ip4(c.ip + 16)
  else pen.ip6(c.ip + 24)
  pen.char(QUOTATION)
}

/** VLAN identifiers, outermost first. */
function vlans(f: Frame): number[] {
  const layer = networkLayer(f.linkType, f.bytes, f.at, f.end)
  return 'tags' in layer ? layer.tags.map((t) => t.vlan) : []
}

/** `,"type":8,"code":0,"name":"Echo"`; made as they are met, 2 · 65,536 at most. */
function named(family: 4 | 6, type: number, code: number): Literal {
  const key = (family === 4 ? 0 : 0x10000) | (type << 8) | code
  const made = NAMED[key]
  if (made !== undefined) return made
  const fresh = literal(`,"type":${type},"code":${code},"name":${JSON.stringify(lookup(family, type, code).name)}`)
  NAMED[key] = fresh
  return fresh
}

const NAMED: (Literal | undefined)[] = []
const encoder = new TextEncoder()
const NULL: Uint8Array = encoder.encode('null')
const DOT = 0x2e
const QUOTATION = 0x22
const TIME = literal(',"time":"')
const NO_TIME = literal(',"time":null')
const SRC = literal(',"src":"')
const DST = literal('","dst":"')
const NO_ADDRESSES = literal(',"src":null,"dst":null')
const FAMILY4 = literal(',"family":4')
const FAMILY6 = literal(',"family":6')
const TYPE = literal(',"type":')
const NO_CODE = literal(',"code":null,"name":')
const NO_TYPE = literal(',"type":null,"code":null,"name":null')
const HEADER_CHECKSUMS: Readonly<Record<Verdict, Literal>> = {
  ok: literal(',"headerChecksum":"ok"'),
  bad: literal(',"headerChecksum":"bad"'),
  unverifiable: literal(',"headerChecksum":"unverifiable"'),
}
const NO_HEADER_CHECKSUM = literal(',"headerChecksum":null')
const CHECKSUMS: Readonly<Record<Verdict, Literal>> = {
  ok: literal(',"checksum":"ok"'),
  bad: literal(',"checksum":"bad"'),
  unverifiable: literal(',"checksum":"unverifiable"'),
}
const NOT_MALFORMED = literal(',"malformed":null,"malformedAt":null')
const MALFORMED = literal(',"malformed":"')
const MALFORMED_AT = literal('","malformedAt":')
const LENGTH = literal(',"length":')
const TTL = literal(',"ttl":')
const WORD_NULL = literal('null')
const NO_LENGTH = literal(',"length":null,"ttl":null')
const VLAN = literal(',"vlan":')
const NO_VLAN = literal(',"vlan":[]')
const FRAGMENT = literal(',"fragment":true')
const NO_FRAGMENT = literal(',"fragment":false')
const CUT = literal(',"cut":true')
const NO_CUT = literal(',"cut":false')
const INTERFACE = literal(',"interface":')
const COMMENTS = literal(',"comments":')
const NO_COMMENTS = literal(',"comments":[]')
const MESSAGE = literal(',"message":')
const QUOTE = literal(',"quote":')
const ECHO_REQUEST = literal(',"message":{"kind":"echoRequest","code":')
const ECHO_REPLY = literal(',"message":{"kind":"echoReply","code":')
const ID = literal(',"id":')
const SEQ = literal(',"seq":')
const DATA = literal(',"data":"')
const ECHO_END = literal('"},"quote":null}\n')
const END = literal('}\n')
const BAD_IP_END = literal(',"message":null,"quote":null}\n')
