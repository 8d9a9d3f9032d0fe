/** `-v`: the line, and under it the packet taken apart: headers, fields, quote, extensions, and what it means. */
import {
  type Carried,
  type capture,
  extension,
  ip4,
  ip6,
  type Json,
  type Malformed,
  outageObject,
  PacketPrinter,
  type PrinterOptions,
  quote,
  registry,
  safeText,
  showIp,
  toJson,
} from 'icmpkit/wire'
import { count, flaws } from './check-sink.ts'
import { quoted } from './json-sink.ts'
import { type Judgement, judge } from './judgement.ts'
import type { Output } from './output.ts'
import type { PortName, Sink } from './sink.ts'
import type { Tally } from './tally.ts'
import { commentLines } from './text-sink.ts'
import { vlans } from './vlan.ts'

/** Hex digits of octets that a field shows; the rest is counted. */
const SHOWN = 64
/** Columns that a branch's name takes. */
const NAME = 12
/** What the tree tells elsewhere. */
const TOLD: ReadonlySet<string> = new Set<string>(['kind', 'code', 'quote', 'extensions'])

export class TreeSink implements Sink {
  readonly #out: Output
  readonly #printer: PacketPrinter
  readonly #tally: Tally
  readonly #ports: PortName

  constructor(out: Output, options: PrinterOptions, tally: Tally, ports: PortName) {
    this.#out = out
    this.#printer = new PacketPrinter(out.line, options)
    this.#tally = tally
    this.#ports = ports
  }

  icmp(f: capture.Frame, c: Carried): void {
    const j = judge(f, c)
    count(this.#tally, j)
    this.#printer.packet(f, c)
    commentLines(this.#out, f)
    if (f.index > 0 && c.ip >= 0) this.#frame(f, c)
    if (c.ip >= 0) this.#ip(f, c)
    this.#message(f, c, j)
    const octets = quoted(j.message)
    if (octets !== undefined) this.#quote(octets, c)
    const extensions = j.message !== undefined && 'extensions' in j.message ? j.message.extensions : undefined
    if (extensions !== undefined) this.#extensions(toJson(extensions))
    for (const o of extension.usable(extensions)) this.#outage(o)
  }

  laterFragment(f: capture.Frame, c: Carried): void {
    this.#printer.laterFragment(f, c)
  }

  badIp(f: capture.Frame, c: Carried, flaw: Malformed): void {
    this.#printer.badIp(f, c, flaw)
  }

  badRecord(): void {}

  end(): void {}

  #frame(f: capture.Frame, c: Carried): void {
    const captured = f.end - f.at
    const port = this.#ports(f) ?? ''
    this.#branch('frame', [
      `${f.index}`,
      `${f.length} octets${captured < f.length ? `, ${captured} captured` : ''}`,
      ...vlans(f, c).map((v) => `vlan ${v}`),
      ...(port === '' ? [] : [`interface ${safeText(port)}`]),
    ])
  }

  #ip(f: capture.Frame, c: Carried): void {
    const header = c.family === 4 ? ip4.parse(f.bytes, c.ip, f.end) : ip6.parse(f.bytes, c.ip, f.end)
    if (header.kind === 'malformed') return
    const facts = headerFacts(header)
    if (header.kind === 'ip4') facts.push(`header checksum ${ip4.verify(f.bytes, c.ip, f.end)}`)
    this.#branch(header.kind === 'ip4' ? 'IPv4' : 'IPv6', facts)
    if (header.kind === 'ip6') for (const e of header.extensions) this.#value(2, toJson(e))
  }

  #message(f: capture.Frame, c: Carried, j: Judgement): void {
    const { bytes } = f
    if (c.end - c.at < 2) {
      this.#branch(c.family === 4 ? 'ICMP' : 'ICMPv6', ['too short to have a type and a code'])
      return
    }
    const type = bytes[c.at]!
    const code = bytes[c.at + 1]!
    const entry = registry.lookup(c.family, type, code)
    this.#branch(c.family === 4 ? 'ICMP' : 'ICMPv6', [
      `${entry.typeName} (type ${type})`,
      entry.codeName === '' ? `code ${code}` : `${entry.codeName} (code ${code})`,
      ...(entry.rfc.length > 0 ? [`RFC ${entry.rfc.join(', ')}`] : []),
      ...(entry.status === 'current' ? [] : [entry.status]),
      `checksum ${j.checksum}`,
    ])
    this.#note(entry.meaning)
    for (const flaw of flaws(f, c, j)) this.#note(`! ${flaw}`)
    if (j.message === undefined) return
    for (const [name, value] of Object.entries(toJson(j.message) as { [field: string]: Json }))
      if (!TOLD.has(name)) this.#field(1, name, value)
  }

  #quote(octets: Uint8Array, c: Carried): void {
    const q = quote.parse(octets, 0, octets.length, c.family)
    if ('kind' in q) {
      this.#branch('quote', [`${octets.length} octets, not read: ${q.why} at octet ${q.at} of it`])
      return
    }
    this.#branch('quote', [
      q.ip.kind === 'ip4' ? 'IPv4' : 'IPv6',
      `${showIp(q.ip.src)} > ${showIp(q.ip.dst)}`,
      ...headerFacts(q.ip),
    ])
    this.#value(2, toJson(q.transport))
    if (q.missing.length > 0) this.#note(`not quoted: ${q.missing.join(', ')}`)
  }

  #extensions(value: Json): void {
    const { objects, checksum, flaw } = value as { objects: Json[]; checksum: string; flaw: Json }
    this.#branch('extensions', [`checksum ${checksum}`])
    for (const object of objects) this.#value(2, object)
    if (flaw !== null && flaw !== undefined) this.#field(1, 'flaw', flaw)
  }

  /** What a server told its workstations with this error, where the object is ours. */
  #outage(o: extension.ExtensionObject): void {
    if (o.kind !== 'unknown' || o.classNum !== outageObject.CLASS || o.cType !== outageObject.C_TYPE) return
    const outage = outageObject.parse(o.payload)
    this.#branch('notice', [outage.kind === 'outage' ? outageObject.show(outage) : `malformed: ${outage.why}`])
  }

  #branch(name: string, facts: string[]): void {
    this.#out.text(`    ${name.padEnd(NAME)}${facts.join(', ')}\n`)
  }

  #note(text: string): void {
    this.#out.text(`    ${' '.repeat(NAME)}${text}\n`)
  }

  #field(depth: number, name: string, value: Json): void {
    const indent = '  '.repeat(depth + 1)
    if (!Array.isArray(value) || value.every((item) => typeof item !== 'object')) {
      this.#out.text(`${indent}  ${words(name)}: ${one(value)}\n`)
      return
    }
    this.#out.text(`${indent}  ${words(name)}:\n`)
    for (const item of value) this.#value(depth + 1, item)
  }

  /** One object on one line, lists of objects in it on their own. */
  #value(depth: number, value: Json): void {
    const indent = '  '.repeat(depth + 1)
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      this.#out.text(`${indent}  ${one(value)}\n`)
      return
    }
    const { kind, ...rest } = value
    const lists: [string, Json[]][] = []
    const facts: string[] = []
    for (const [name, inner] of Object.entries(rest)) {
      if (Array.isArray(inner) && inner.some((item) => item !== null && typeof item === 'object'))
        lists.push([name, inner])
      else if (inner !== null) facts.push(`${words(name)} ${one(inner)}`)
    }
    const title = kind === undefined ? '' : `${words(String(kind))}${facts.length > 0 ? ': ' : ''}`
    this.#out.text(`${indent}  ${title}${facts.join(', ')}\n`)
    for (const [name, list] of lists) this.#field(depth + 1, name, list)
  }
}

function headerFacts(h: ip4.Header | ip6.Header): string[] {
  if (h.kind === 'ip6') {
    return [
      `hop limit ${h.hopLimit}`,
      `traffic class ${h.trafficClass}`,
      `flow label 0x${h.flowLabel.toString(16).padStart(5, '0')}`,
      `payload length ${h.payloadLength}`,
      `next header ${h.nextHeader}`,
    ]
  }
  const flags = [h.reserved ? 'reserved flag' : '', h.df ? 'DF' : '', h.mf ? 'MF' : ''].filter((t) => t !== '')
  return [
    `ttl ${h.ttl}`,
    `tos ${h.tos}`,
    `id ${h.id}`,
    ...flags,
    ...(h.offset > 0 ? [`fragment offset ${h.offset}`] : []),
    `total length ${h.length}`,
    `protocol ${h.protocol}`,
    ...(h.options.length > 0 ? [`options ${one(toJson(h.options))}`] : []),
  ]
}

/** A value in a few words; text from outside made harmless. */
function one(value: Json): string {
  if (value === null) return 'none'
  if (typeof value === 'string') return cut(safeText(value))
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(one).join(' ')
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, inner]) => `${words(name)} ${one(inner)}`)
      .join(', ')
  return String(value)
}

function cut(text: string): string {
  if (text === '') return 'none'
  if (text.length <= SHOWN || !/^[0-9a-f]+$/.test(text)) return text
  return `${text.slice(0, SHOWN)}... (${text.length / 2} octets)`
}

/** `nextHopMtu` → `next hop mtu`. */
function words(field: string): string {
  return field.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)
}
