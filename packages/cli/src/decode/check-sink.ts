/** `--check`: only packets with something wrong, each with the reason and the offset. */
import {
  type Carried,
  type capture,
  type extension,
  ip4,
  type Malformed,
  PacketPrinter,
  type PrinterOptions,
} from 'icmpkit/wire'
import { type Judgement, judge } from './judgement.ts'
import type { Output } from './output.ts'
import type { Sink } from './sink.ts'
import type { Tally } from './tally.ts'

export class CheckSink implements Sink {
  readonly #out: Output
  readonly #printer: PacketPrinter
  readonly #tally: Tally

  constructor(out: Output, options: PrinterOptions, tally: Tally) {
    this.#out = out
    this.#printer = new PacketPrinter(out.line, { ...options, numbered: true })
    this.#tally = tally
  }

  icmp(f: capture.Frame, c: Carried): void {
    const j = judge(f, c)
    count(this.#tally, j)
    const bad = flaws(f, c, j)
    if (bad.length === 0) return
    this.#printer.packet(f, c)
    this.#out.line.ascii(bad.map((b) => `    ${b}\n`).join(''))
  }

  laterFragment(): void {}

  badIp(f: capture.Frame, c: Carried, flaw: Malformed): void {
    this.#printer.badIp(f, c, flaw)
    this.#out.line.ascii(
      `    malformed IP header: ${flaw.why} at octet ${flaw.at} (${c.ip - f.at + flaw.at} of the packet)\n`,
    )
  }

  badRecord(flaw: Malformed): void {
    this.#out.line.ascii(`record: ${flaw.why} at offset ${flaw.at} of the file\n`)
  }

  end(): void {}
}

export function count(t: Tally, j: Judgement): void {
  if (j.malformed !== undefined) t.malformed++
  if (j.checksum === 'bad') t.badChecksums++
  else if (j.checksum === 'unverifiable') t.unverifiable++
  if (j.headerChecksum === 'bad') t.badHeaderChecksums++
  if (hasBadExtensions(j)) t.badExtensions++
}

/** Whether `--check` has something to say of it. */
export function isWrong(j: Judgement): boolean {
  return j.malformed !== undefined || j.checksum === 'bad' || j.headerChecksum === 'bad' || hasBadExtensions(j)
}

/** RFC 4884 §9: the message around a damaged structure stays usable, so it is not malformed itself. */
function hasBadExtensions(j: Judgement): boolean {
  const extensions = extensionsOf(j)
  return extensions !== undefined && !j.cut && (extensions.checksum === 'bad' || extensions.flaw !== undefined)
}

function extensionsOf(j: Judgement): extension.Extensions | undefined {
  return j.message !== undefined && 'extensions' in j.message ? j.message.extensions : undefined
}

/** Sentences about what is wrong, in ASCII of ours. */
export function flaws(f: capture.Frame, c: Carried, j: Judgement): string[] {
  const found: string[] = []
  const where = (at: number) => `at octet ${at} of the message (${c.at - f.at + at} of the packet)`
  if (j.malformed !== undefined) found.push(`malformed message: ${j.malformed.why} ${where(j.malformed.at)}`)
  if (j.checksum === 'bad') {
    if (c.end - c.at < 4) found.push(`bad checksum: too short to have one, ${where(2)}`)
    else
      found.push(
        `bad checksum: 0x${hex4(word(f.bytes, c.at + 2))}, 0x${hex4(c.rightChecksum(f.bytes))} would be right, ${where(2)}`,
      )
  }
  if (j.headerChecksum === 'bad') {
    const header = f.bytes.slice(c.ip, c.ip + ((f.bytes[c.ip]! & 0x0f) << 2))
    const stated = word(header, 10)
    ip4.seal(header, 0)
    found.push(
      `bad checksum of the IPv4 header: 0x${hex4(stated)}, 0x${hex4(word(header, 10))} would be right, at octet 10 of it (${c.ip - f.at + 10} of the packet)`,
    )
  }
  if (hasBadExtensions(j)) {
    const { checksum, flaw } = extensionsOf(j)!
    if (checksum === 'bad') found.push('bad checksum of the extension structure: no object in it is to be believed')
    if (flaw !== undefined) found.push(`malformed extension structure: ${flaw.why} at octet ${flaw.at} of it`)
  }
  return found
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, '0')
}
