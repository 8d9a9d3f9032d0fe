/**
 * Standard output and standard error of a command, written at once. Node's own streams do the same here (they are
 * synchronous on Linux), but are made of two dozen modules, which is 3 ms of each start.
 */
import { writeSync } from 'node:fs'

/** All of it, before it returns. False where the reader has gone (`| head`); throws what else the system refuses. */
export function put(fd: number, octets: Uint8Array, at = 0, end: number = octets.length): boolean {
  for (let next = at; next < end; ) {
    try {
      next += writeSync(fd, octets, next, end - next)
    } catch (e) {
      const { code } = e as NodeJS.ErrnoException
      if (code === 'EPIPE') return false
      if (code !== 'EAGAIN') throw e
      pause()
    }
  }
  return true
}

/** Diagnostics. Where even they can't be written, nobody can be told. */
export function remark(text: string): void {
  try {
    put(2, Buffer.from(text))
  } catch {}
}

/** Standard output in batches, quiet when the reader has gone. */
export class Output {
  #pending = ''
  #scheduled = false
  /** Nobody reads any more. */
  gone = false
  /** Not because the reader left: a full disk, say. What was asked for is not all there, so the exit code must say so. */
  failed = false
  readonly #onGone: () => void
  readonly #fd: number

  constructor(onGone: () => void, fd = 1) {
    this.#onGone = onGone
    this.#fd = fd
  }

  write(text: string): void {
    if (this.gone) return
    this.#pending += text
    if (this.#pending.length > 1 << 16) this.flush()
    else if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => this.flush())
    }
  }

  flush(): void {
    this.#scheduled = false
    if (this.#pending === '' || this.gone) return
    const octets = Buffer.from(this.#pending)
    this.#pending = ''
    try {
      if (put(this.#fd, octets)) return
    } catch (e) {
      this.failed = true
      remark(`icmp: standard output: ${(e as Error).message}\n`)
    }
    this.gone = true
    this.#onGone()
  }
}

/** A pipe that somebody made non-blocking is full: its reader needs a moment. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
}
