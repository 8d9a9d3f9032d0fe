/** Standard output in big pieces, written at once: a million lines pass here. */
import { writeSync } from 'node:fs'
import { AsciiLine } from 'icmpkit/wire'

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
    for (let at = 0; at < line.end && !this.gone; ) {
      try {
        at += writeSync(this.#fd, line.bytes, at, line.end - at)
      } catch (e) {
        const { code } = e as NodeJS.ErrnoException
        if (code === 'EPIPE') this.gone = true
        else if (code === 'EAGAIN') pause()
        else throw e
      }
    }
    line.end = 0
  }

  /** Text of ours that may hold more than ASCII: UTF-8. */
  text(text: string): void {
    this.line.octets(encoder.encode(text))
  }
}

const encoder = new TextEncoder()
const never = new Int32Array(new SharedArrayBuffer(4))

/** A pipe that somebody made non-blocking is full: its reader needs a moment. */
function pause(): void {
  Atomics.wait(never, 0, 0, 2)
}
