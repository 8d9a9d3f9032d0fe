/** NDJSON: one object a message, a summary at the end (docs: icmpkit.decode.v1). */
import {
  type Carried,
  capture,
  type Json,
  type Malformed,
  quote,
  readIp4,
  readIp6,
  registry,
  showIp,
  toJson,
} from 'icmpkit/wire'
import { count } from './check-sink.ts'
import { type Judgement, judge, type Message } from './judgement.ts'
import type { Output } from './output.ts'
import type { PortName, Sink } from './sink.ts'
import type { Tally } from './tally.ts'
import { vlans } from './vlan.ts'

const SCHEMA = 'icmpkit.decode.v1'

export class JsonSink implements Sink {
  readonly #out: Output
  readonly #tally: Tally
  readonly #ports: PortName
  /** Only what is wrong. */
  readonly #check: boolean

  constructor(out: Output, tally: Tally, ports: PortName, check: boolean) {
    this.#out = out
    this.#tally = tally
    this.#ports = ports
    this.#check = check
  }

  icmp(f: capture.Frame, c: Carried): void {
    const j = judge(f, c)
    count(this.#tally, j)
    if (this.#check && j.malformed === undefined && j.checksum !== 'bad') return
    const { bytes } = f
    const type = c.end > c.at ? bytes[c.at]! : null
    const code = c.end > c.at + 1 ? bytes[c.at + 1]! : null
    const four = c.family === 4
    this.#line({
      kind: 'packet',
      schema: SCHEMA,
      index: f.index,
      time: capture.frameTime(f),
      src: c.ip < 0 ? null : showIp(four ? readIp4(bytes, c.ip + 12) : readIp6(bytes, c.ip + 8)),
      dst: c.ip < 0 ? null : showIp(four ? readIp4(bytes, c.ip + 16) : readIp6(bytes, c.ip + 24)),
      family: c.family,
      type,
      code,
      name: type === null ? null : registry.lookup(c.family, type, code ?? 0).name,
      checksum: j.checksum,
      malformed: j.malformed?.why ?? null,
      malformedAt: j.malformed === undefined ? null : c.at - f.at + j.malformed.at,
      length: c.length,
      ttl: c.ip < 0 ? null : bytes[four ? c.ip + 8 : c.ip + 7]!,
      vlan: vlans(f, c),
      fragment: c.fragment,
      cut: j.cut,
      interface: this.#ports(f),
      comments: f.optionsEnd > f.optionsAt ? capture.comments(f) : [],
      message: toJson(j.message ?? null),
      quote: quoteJson(j, c),
    })
  }

  laterFragment(): void {}

  badIp(f: capture.Frame, c: Carried, flaw: Malformed): void {
    this.#line({
      kind: 'packet',
      schema: SCHEMA,
      index: f.index,
      time: capture.frameTime(f),
      src: null,
      dst: null,
      family: c.family,
      type: null,
      code: null,
      name: null,
      checksum: 'unverifiable',
      malformed: flaw.why,
      malformedAt: c.ip - f.at + flaw.at,
      length: null,
      ttl: null,
      vlan: vlans(f, c),
      fragment: false,
      cut: f.end - f.at < f.length,
      interface: this.#ports(f),
      comments: f.optionsEnd > f.optionsAt ? capture.comments(f) : [],
      message: null,
      quote: null,
    })
  }

  badRecord(): void {}

  end(t: Tally): void {
    this.#line({
      kind: 'summary',
      schema: SCHEMA,
      packets: t.packets,
      icmp: t.icmp4 + t.icmp6,
      icmp4: t.icmp4,
      icmp6: t.icmp6,
      shown: t.shown,
      malformed: t.malformed + t.badIp,
      badChecksums: t.badChecksums,
      unverifiable: t.unverifiable,
      other: t.other,
      laterFragments: t.laterFragments,
      unknownLink: t.unknownLink,
      badRecords: t.badRecords,
      cut: t.cut,
    })
  }

  #line(value: Json): void {
    this.#out.text(`${JSON.stringify(value)}\n`)
  }
}

/** The datagram that an error quotes, read as far as it came; null where the message quotes none. */
function quoteJson(j: Judgement, c: Carried): Json {
  const octets = quoted(j.message)
  if (octets === undefined) return null
  const q = quote.parse(octets, 0, octets.length, c.family)
  return toJson(q)
}

export function quoted(m: Message | undefined): Uint8Array | undefined {
  return m !== undefined && 'quote' in m && m.quote instanceof Uint8Array ? m.quote : undefined
}
