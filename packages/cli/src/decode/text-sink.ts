/** One line a packet, straight from its octets. */
import { type Carried, capture, type Malformed, PacketPrinter, type PrinterOptions, safeText } from 'icmpkit/wire'
import type { Output } from './output.ts'
import type { Sink } from './sink.ts'

export class TextSink implements Sink {
  readonly #out: Output
  readonly #printer: PacketPrinter

  constructor(out: Output, options: PrinterOptions) {
    this.#out = out
    this.#printer = new PacketPrinter(out.line, options)
  }

  icmp(f: capture.Frame, c: Carried): void {
    this.#printer.packet(f, c)
    if (f.optionsEnd > f.optionsAt) commentLines(this.#out, f)
  }

  laterFragment(f: capture.Frame, c: Carried): void {
    this.#printer.laterFragment(f, c)
  }

  badIp(f: capture.Frame, c: Carried, flaw: Malformed): void {
    this.#printer.badIp(f, c, flaw)
  }

  badRecord(): void {}

  end(): void {}
}

/** What somebody wrote beside a packet. */
export function commentLines(out: Output, f: capture.Frame): void {
  for (const comment of capture.comments(f)) out.text(`    # ${safeText(comment)}\n`)
}
