/** NDJSON: one object a message, a summary at the end (docs: icmpkit.decode.v1). */
import { type Carried, type capture, type Json, type Malformed, PacketJson, quote, toJson } from 'icmpkit/wire'
import { count, isWrong } from './check-sink.ts'
import { type Judgement, judge, type Message } from './judgement.ts'
import type { Output } from './output.ts'
import type { PortName, Sink } from './sink.ts'
import type { Tally } from './tally.ts'

const SCHEMA = 'icmpkit.decode.v1'

export class JsonSink implements Sink {
  readonly #out: Output
  readonly #json: PacketJson
  readonly #tally: Tally
  readonly #ports: PortName
  /** Only what is wrong. */
  readonly #check: boolean

  constructor(out: Output, tally: Tally, ports: PortName, check: boolean) {
    this.#out = out
    this.#json = new PacketJson(out.line, SCHEMA)
    this.#tally = tally
    this.#ports = ports
    this.#check = check
  }

  icmp(f: capture.Frame, c: Carried): void {
    const j = judge(f, c)
    count(this.#tally, j)
    if (this.#check && !isWrong(j)) return
    const { checksum, headerChecksum, malformed, cut } = j
    const facts = { checksum, headerChecksum, malformed, cut, port: this.#ports(f) }
    if (!this.#json.echo(f, c, facts)) this.#json.message(f, c, facts, toJson(j.message ?? null), quoteJson(j, c))
  }

  laterFragment(): void {}

  badIp(f: capture.Frame, c: Carried, flaw: Malformed): void {
    const cut = f.end - f.at < f.length
    this.#json.badIp(f, c, {
      checksum: 'unverifiable',
      headerChecksum: null,
      malformed: flaw,
      cut,
      port: this.#ports(f),
    })
  }

  badRecord(): void {}

  end(t: Tally): void {
    const summary: Json = {
      kind: 'summary',
      schema: SCHEMA,
      packets: t.packets,
      icmp: t.icmp4 + t.icmp6,
      icmp4: t.icmp4,
      icmp6: t.icmp6,
      shown: t.shown,
      malformed: t.malformed + t.badIp,
      badChecksums: t.badChecksums,
      badHeaderChecksums: t.badHeaderChecksums,
      badExtensions: t.badExtensions,
      unverifiable: t.unverifiable,
      other: t.other,
      laterFragments: t.laterFragments,
      unknownLink: t.unknownLink,
      badRecords: t.badRecords,
      cut: t.cut,
    }
    this.#out.text(`${JSON.stringify(summary)}\n`)
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
