/** A packet of ours as `icmp decode` shows it: the line, or the tree. */
import { Carried, linkLayer } from 'icmpkit/wire'
import { frameOf } from '../decode/hex-frame.ts'
import { Output } from '../decode/output.ts'
import type { Sink } from '../decode/sink.ts'
import { Tally } from '../decode/tally.ts'
import { TextSink } from '../decode/text-sink.ts'
import { TreeSink } from '../decode/tree-sink.ts'
import { localZone } from '../decode/zone.ts'

export class PacketText {
  readonly #out = new Output(1)
  readonly #sink: Sink
  readonly #carried = new Carried()

  constructor(tree: boolean) {
    const options = { zone: localZone }
    this.#sink = tree ? new TreeSink(this.#out, options, new Tally(), () => null) : new TextSink(this.#out, options)
  }

  /** `time` in seconds with nine digits after the point; `length` octets on the wire. */
  packet(packet: Uint8Array, length: number, time: string): void {
    const frame = frameOf(packet, linkLayer.LinkType.raw)
    frame.index = 0
    frame.length = length
    const [seconds, nanoseconds] = time.split('.')
    frame.seconds = Number(seconds)
    frame.nanoseconds = Number(nanoseconds)
    frame.digits = 9
    if (this.#carried.find(frame) === 'icmp') this.#sink.icmp(frame, this.#carried)
  }

  text(text: string): void {
    this.#out.text(text)
  }

  flush(): void {
    this.#out.flush()
  }
}
