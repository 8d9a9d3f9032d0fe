/** Standard output of a command: written in batches, quiet when the reader has gone (`| head`). */

export class Output {
  #pending = ''
  #scheduled = false
  /** The reader closed the pipe. */
  gone = false
  readonly #onGone: () => void

  constructor(onGone: () => void) {
    this.#onGone = onGone
    process.stdout.on('error', (e: NodeJS.ErrnoException) => {
      if (e.code !== 'EPIPE') process.stderr.write(`icmp: standard output: ${e.message}\n`)
      this.gone = true
      this.#onGone()
    })
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
    const text = this.#pending
    this.#pending = ''
    process.stdout.write(text)
  }

  /** Resolves when all is written. */
  async end(): Promise<void> {
    this.flush()
    if (!this.gone) await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
  }
}
