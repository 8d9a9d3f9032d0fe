/**
 * Capture files, read and written: pcap and pcapng told apart by content (pcap.ts, pcapng.ts have the formats).
 *
 * The reader is pushed: give it octets as they come, take packets while there are any. It keeps nothing but the octets
 * of the record that is still coming, so its memory is constant; the packets it gives are on loan until the next step.
 */
import { type Format, type Step, Window } from './capture-window.ts'
import { type CaptureInterface, emptyFrame, type Frame } from './frame.ts'
import { type Malformed, malformed } from './malformed.ts'
import * as pcap from './pcap.ts'
import * as pcapng from './pcapng.ts'

export { MAX_PACKET } from './capture-window.ts'
export { type CaptureInterface, type Frame, frameTime } from './frame.ts'
export { comments } from './pcapng.ts'

export type CaptureFormat = 'pcap' | 'pcapng'

/** The format that octets begin with; undefined where neither. Four octets are enough. */
export function identify(bytes: Uint8Array, at = 0, end: number = bytes.length): CaptureFormat | undefined {
  if (end - at < 4) return undefined
  if (pcap.identify(bytes, at) !== undefined) return 'pcap'
  return pcapng.identify(bytes, at) ? 'pcapng' : undefined
}

/**
 * ```ts
 * const reader = new CaptureReader()
 * for await (const chunk of stream) {
 *   reader.push(chunk)
 *   for (let s = reader.next(); s !== 'more'; s = reader.next()) if (s === 'packet') use(reader.frame)
 * }
 * reader.end()  // then the same loop once more: what is cut is told now
 * ```
 */
export class CaptureReader {
  /** The packet of the last step that said 'packet'; filled again by the next. */
  readonly frame: Frame = emptyFrame()
  /** Every interface seen, in order. */
  readonly interfaces: CaptureInterface[] = []
  /** undefined until four octets have come, or where they are no capture. */
  format: CaptureFormat | undefined

  readonly #window: Window
  #steps: Format | undefined
  #unknown = false

  constructor(capacity: number = 1 << 16) {
    this.#window = new Window(capacity)
  }

  /** Copies a chunk in. */
  push(chunk: Uint8Array): void {
    this.#window.space(chunk.length).set(chunk)
    this.#window.filled(chunk.length)
  }

  /** Room of at least `atLeast` octets to read into without a copy; `filled` says how many came. */
  space(atLeast: number): Uint8Array {
    return this.#window.space(atLeast)
  }

  filled(octets: number): void {
    this.#window.filled(octets)
  }

  /** What has come and was not taken yet; a view. */
  get unread(): Uint8Array {
    return this.#window.bytes.subarray(this.#window.at, this.#window.end)
  }

  /** Nothing more will come. */
  end(): void {
    this.#window.ended = true
  }

  /** Octets of the file taken so far. */
  get offset(): number {
    return this.#window.offset
  }

  /**
   * The next packet into `frame`; or what is wrong with a record, which is stepped over; or 'more'. `at` in a Malformed
   * is the offset in the file. Never throws for what a file holds.
   */
  next(): Step {
    const steps = this.#steps
    return steps === undefined ? this.#begin() : steps.step(this.#window, this.frame)
  }

  #begin(): Step {
    const w = this.#window
    if (this.#unknown) {
      w.at = w.end
      return 'more'
    }
    if (!w.has(4) && !w.ended) return 'more'
    this.format = identify(w.bytes, w.at, w.end)
    if (this.format === undefined) {
      this.#unknown = true
      return malformed('unknown-format', 0)
    }
    this.#steps =
      this.format === 'pcap' ? new pcap.PcapFormat(this.interfaces) : new pcapng.PcapngFormat(this.interfaces)
    return this.#steps.step(w, this.frame)
  }
}

/** All records of a capture that is in memory. The frame is one object, filled again for each packet. */
export function* records(file: Uint8Array): Generator<Frame | Malformed, void, void> {
  const reader = new CaptureReader(0)
  reader.push(file)
  reader.end()
  for (let s = reader.next(); s !== 'more'; s = reader.next()) yield s === 'packet' ? reader.frame : s
}

export interface WriterOptions {
  /** Default 'pcapng'. */
  format?: CaptureFormat
  /** pcap only; pcapng is written in nanoseconds. Default 9. */
  digits?: 6 | 9
  application?: string
  /** The first interface. */
  linkType: number
  snapLength?: number
  name?: string
}

/** Writes a capture: `head` first, then a piece a packet, each to be appended to the file as it is. */
export class CaptureWriter {
  /** The file's first octets. */
  readonly head: Uint8Array
  readonly #options: WriterOptions
  #ports = 1

  constructor(options: WriterOptions) {
    this.#options = options
    if (options.format === 'pcap') {
      this.head = new Uint8Array(pcap.FILE_HEADER)
      pcap.writeHeader(options, this.head, 0)
      return
    }
    const section = pcapng.section({ application: options.application ?? 'icmpkit' })
    const port = pcapng.interfaceBlock(options)
    this.head = new Uint8Array(section.length + port.length)
    this.head.set(section)
    this.head.set(port, section.length)
  }

  /** One more interface, pcapng only: its block, and the `port` that its packets give. @throws TypeError for pcap */
  interface(f: pcapng.InterfaceFields): { block: Uint8Array; port: number } {
    if (this.#options.format === 'pcap') throw new TypeError('pcap has one interface: write pcapng')
    return { block: pcapng.interfaceBlock(f), port: this.#ports++ }
  }

  /** One packet. pcap has no place for a comment and leaves it out. @throws RangeError */
  packet(f: pcapng.PacketFields): Uint8Array {
    if (this.#options.format !== 'pcap') return pcapng.packet(f)
    const out = new Uint8Array(pcap.recordSize(f))
    pcap.writeRecord(f, out, 0, this.#options.digits ?? 9)
    return out
  }
}
