/** `icmp decode` at work: takes packets from the input, gives those with ICMP to a sink, counts the rest. */
import { dropRights, inNamespace, interfaceName, type LiveFrame, openCapture, openNetlink } from 'icmpkit/os'
import { Carried, capture, linkLayer, type Malformed, type PrinterOptions, safeText } from 'icmpkit/wire'
import { remark } from '../output.ts'
import { whenInterrupted } from '../signals.ts'
import { CheckSink } from './check-sink.ts'
import { type Filter, type FilterFlags, makeFilter } from './filter.ts'
import { frameOf, guess, READING, type Reading } from './hex-frame.ts'
import { packetsOf } from './hex-text.ts'
import { InputError, looksLikeText, openSource, readText, type Source, whatIsIt } from './input.ts'
import { JsonSink } from './json-sink.ts'
import { Output } from './output.ts'
import { Progress } from './progress.ts'
import type { Sink } from './sink.ts'
import { Tally } from './tally.ts'
import { TextSink } from './text-sink.ts'
import { TreeSink } from './tree-sink.ts'
import { localZone } from './zone.ts'

export interface Flags extends FilterFlags {
  interface?: string
  verbose?: true
  json?: true
  check?: true
  as?: Reading
  count?: number
  number?: true
  utc?: true
  netns?: string
}

/** Octets asked for at once, in the end: begun with few, so that the loops have met their end before they are compiled. */
const READ = 1 << 20
const FIRST_READ = 1 << 14
/** Unreadable records told one by one; the rest are counted. */
const TOLD = 10

/** Returns the exit code. */
export async function run(input: string | undefined, flags: Flags): Promise<number> {
  const decoder = new Decoder(flags)
  try {
    await decoder.decode(input)
  } catch (e) {
    if (!(e instanceof InputError || e instanceof TypeError || (e as NodeJS.ErrnoException).code !== undefined)) throw e
    decoder.finish()
    remark(`icmp decode: ${(e as Error).message}\n`)
    return 2
  }
  return flags.check === true && decoder.tally.wrong ? 1 : 0
}

class Decoder {
  readonly tally: Tally = new Tally()
  readonly #flags: Flags
  readonly #out = new Output(1)
  readonly #reader = new capture.CaptureReader(READ + (1 << 16))
  readonly #carried = new Carried()
  readonly #filter: Filter | undefined
  readonly #limit: number
  #sink: Sink | undefined
  #stopped = false
  /** Name of the interface that a packet passed, where it is known. */
  #ports: (f: capture.Frame) => string | null = (f) => this.#reader.interfaces[f.port]?.name || null

  constructor(flags: Flags) {
    this.#flags = flags
    this.#filter = makeFilter(flags)
    this.#limit = flags.count ?? Number.POSITIVE_INFINITY
  }

  async decode(input: string | undefined): Promise<void> {
    const { interface: port } = this.#flags
    if (port !== undefined) {
      if (input !== undefined) throw new InputError('give a file or -i INTERFACE, not both')
      return this.#live(port)
    }
    if (this.#flags.netns !== undefined)
      throw new InputError('--netns says where the interface of -i is; a file is in none')
    if (input === undefined)
      throw new InputError('give a capture file, hex digits, - for standard input, or -i INTERFACE')
    const stop = () => {
      this.#stopped = true
    }
    whenInterrupted(stop)
    await this.#open(input)
  }

  /** Writes what is left. */
  finish(): void {
    this.#out.flush()
  }

  async #open(input: string): Promise<void> {
    let source: Source
    try {
      source = openSource(input)
    } catch (e) {
      const packets = e instanceof InputError ? packetsOf(input) : undefined
      if (packets === undefined) throw e
      return this.#hex(packets)
    }
    try {
      const begun = await this.#begin(source)
      if (this.#stopped) return this.#nothing()
      if (begun.length === 0)
        throw new InputError(`${name(input)} is empty; a pcap or pcapng file, or hex digits, are wanted`)
      if (capture.identify(begun) !== undefined) return await this.#records(source, input)
      if (looksLikeText(begun)) {
        const text = await this.#orStopped(readText(source, begun))
        if (this.#stopped) return this.#nothing()
        const packets = text === undefined ? undefined : packetsOf(text)
        if (packets !== undefined) return this.#hex(packets)
      }
      throw new InputError(`${name(input)} ${whatIsIt(begun)}`)
    } finally {
      source.close()
    }
  }

  /** What tells a capture from a text. A pipe may bring it octet by octet. */
  async #begin(source: Source): Promise<Uint8Array> {
    const reader = this.#reader
    while (reader.unread.length < 4) {
      const reading = source.read(reader.space(READ).subarray(0, FIRST_READ))
      const got = (typeof reading === 'number' ? reading : await this.#orStopped(reading)) ?? 0
      if (got === 0) break
      reader.filled(got)
    }
    return reader.unread.slice(0, FIRST_READ)
  }

  /** Ended before anything came. */
  #nothing(): void {
    this.#sink = this.#makeSink({})
    this.#end()
  }

  async #records(source: Source, input: string): Promise<void> {
    this.#sink = this.#makeSink({})
    const progress = new Progress(source.size)
    const reader = this.#reader
    let turn = performance.now()
    let size = FIRST_READ
    for (let ended = false; ; ) {
      if (!this.#drain(input)) break
      if (ended || this.#out.gone) break
      if (source.live) this.#out.flush()
      if (performance.now() - turn > 100) {
        // A turn of the event loop, so that a signal is heard.
        await new Promise((resolve) => setImmediate(resolve))
        if (this.#stopped) break
        progress.show(reader.offset, this.tally.packets)
        turn = performance.now()
      }
      const room = reader.space(1 << 16)
      size = Math.min(size * 2, READ)
      const reading = source.read(room.length > size ? room.subarray(0, size) : room)
      const got = (typeof reading === 'number' ? reading : await this.#orStopped(reading)) ?? 0
      if (this.#stopped) break
      if (got > 0) reader.filled(got)
      else {
        reader.end()
        ended = true
      }
    }
    progress.clear()
    this.#end()
  }

  /** What a stream brings, or undefined when somebody wants us to stop. */
  async #orStopped<T>(reading: Promise<T>): Promise<T | undefined> {
    const stopped = new Promise<undefined>((resolve) => {
      const check = setInterval(() => {
        if (!this.#stopped) return
        clearInterval(check)
        resolve(undefined)
      }, 50)
      reading.finally(() => clearInterval(check)).catch(() => {})
    })
    return Promise.race([reading, stopped])
  }

  /** Every record that is here; false where no more is wanted. */
  #drain(input: string): boolean {
    const reader = this.#reader
    const { tally } = this
    const sink = this.#sink!
    for (let step = reader.next(); step !== 'more'; step = reader.next()) {
      if (step === 'packet') {
        tally.packets++
        this.#packet(reader.frame, sink)
        this.#out.drain()
        if (tally.shown >= this.#limit || this.#out.gone) return false
      } else if (reader.format === undefined) throw new InputError(`${name(input)} is no capture that is read here`)
      else this.#badRecord(step, sink)
    }
    return true
  }

  #packet(f: capture.Frame, sink: Sink): void {
    const { tally } = this
    const c = this.#carried
    switch (c.find(f)) {
      case 'icmp':
        if (c.family === 4) tally.icmp4++
        else tally.icmp6++
        if (this.#filter !== undefined && !this.#filter(f.bytes, c)) return
        tally.shown++
        sink.icmp(f, c)
        return
      case 'other':
        tally.other++
        return
      case 'later-fragment':
        tally.laterFragments++
        if (this.#filter === undefined) sink.laterFragment(f, c)
        return
      case 'unknown-link':
        tally.addLinkType(f.linkType)
        return
      case 'bad-ip':
        tally.badIp++
        if (this.#filter === undefined) sink.badIp(f, c, c.flaw(f))
    }
  }

  #badRecord(flaw: Malformed, sink: Sink): void {
    const { tally } = this
    tally.badRecords++
    sink.badRecord(flaw)
    if (flaw.why === 'truncated') {
      tally.cut = true
      this.#say(`the file ends in the middle of a record, at offset ${flaw.at}: it was cut`)
    } else if (tally.badRecords <= TOLD) {
      this.#say(`a record can't be read (${flaw.why} at offset ${flaw.at}); going on behind it`)
    }
  }

  #hex(packets: readonly Uint8Array[]): void {
    const { tally } = this
    this.#sink = this.#makeSink({ timed: false })
    let before: Reading | undefined
    for (const octets of packets) {
      const reading = this.#flags.as ?? guess(octets)
      if (reading !== before)
        this.#say(`read as ${READING[reading]}${this.#flags.as === undefined ? ' (--as forces another reading)' : ''}`)
      before = reading
      this.#hexPacket(octets, reading, this.#sink)
      if (tally.shown >= this.#limit) break
    }
    if (tally.other === tally.packets) throw new InputError(`${READING[before!]} without ICMP, or cut before it`)
    this.#end(packets.length > 1)
  }

  #hexPacket(octets: Uint8Array, reading: Reading, sink: Sink): void {
    const { LinkType } = linkLayer
    const { tally } = this
    const frame = frameOf(octets, reading === 'ethernet' ? LinkType.ethernet : LinkType.raw, ++tally.packets)
    if (reading !== 'icmp4' && reading !== 'icmp6') {
      this.#packet(frame, sink)
      return
    }
    const c = this.#carried
    c.bare(reading === 'icmp4' ? 4 : 6, 0, octets.length)
    if (reading === 'icmp4') tally.icmp4++
    else tally.icmp6++
    if (this.#filter !== undefined && !this.#filter(octets, c)) return
    tally.shown++
    sink.icmp(frame, c)
  }

  async #live(port: string): Promise<void> {
    const { netns } = this.#flags
    // Whoever has dropped rights enters no namespace any more.
    using routes = netns === undefined ? undefined : inNamespace(netns, () => openNetlink())
    const names = new Map<number, string | undefined>()
    const nameOf = (index: number) => {
      if (!names.has(index)) names.set(index, routes === undefined ? interfaceName(index) : routes.name(index))
      return names.get(index)
    }
    using socket = openCapture(port, {
      icmpOnly: true,
      ...(netns === undefined ? {} : { netns }),
    })
    dropRights()
    this.#ports = (f) => (port === 'any' ? (nameOf((f as LiveFrame).interfaceIndex) ?? null) : port)
    const sink = this.#makeSink({ portName: nameOf })
    this.#sink = sink
    const stop = new AbortController()
    const end = () => stop.abort()
    whenInterrupted(end)
    this.#say(`listening on ${safeText(port)} (link type ${socket.linkType}); Ctrl-C ends`)
    try {
      await socket.each(
        (f) => {
          this.tally.packets++
          this.#packet(f, sink)
          this.#out.drain()
          if (this.tally.shown >= this.#limit || this.#out.gone) end()
        },
        stop.signal,
        () => this.#out.flush(),
      )
    } finally {
      this.#end()
      if (socket.counts.dropped > 0) this.#say(`${socket.counts.dropped} packets were lost here: they came too fast`)
    }
  }

  #makeSink(options: PrinterOptions): Sink {
    const flags = this.#flags
    const all: PrinterOptions = { numbered: flags.number === true, ...options }
    if (flags.utc !== true) all.zone = localZone
    if (flags.json === true) return new JsonSink(this.#out, this.tally, this.#ports, flags.check === true)
    if (flags.check === true) return new CheckSink(this.#out, all, this.tally)
    if (flags.verbose === true) return new TreeSink(this.#out, all, this.tally, this.#ports)
    return new TextSink(this.#out, all)
  }

  #end(summary = true): void {
    this.#sink?.end(this.tally)
    this.#out.flush()
    // Nobody reads on: `| head` wants no summary either.
    if (summary && !this.#out.gone) this.#say(this.tally.text(this.#flags.check === true))
  }

  #say(text: string): void {
    remark(`icmp decode: ${text}\n`)
  }
}

function name(input: string): string {
  return input === '-' ? 'standard input' : safeText(input)
}
