/** Standard output in big pieces, written at once: a million lines pass here. */
import { AsciiLine } from 'icmpkit/wire'
import { put } from '../output.ts'

/** Octets gathered before they are written. */
const PIECE = 1 << 18

export class Output {
  readonly line: AsciiLine = new AsciiLine(PIECE * 2)
  /** The reader closed the pipe (`| head`): nothing more is written, and that is no fault. */
  gone = false
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  /** Writes what has gathered, once there is enough of it. */
  drain(): void {
    if (this.line.end >= PIECE) this.flush()
  }

  flush(): void {
    const { line } = this
    const { end } = line
    // Before it is written: what the system refuses once is not tried again.
    line.end = 0
    if (!this.gone) this.gone = !put(this.#fd, line.bytes, 0, end)
  }

  /** Text of ours that may hold more than ASCII: UTF-8. */
  text(text: string): void {
    this.line.octets(encoder.encode(text))
  }
}

const encoder = new TextEncoder()
