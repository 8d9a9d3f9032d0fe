/** How far a long run is, on standard error, where a person waits for output that goes elsewhere. */
import { isatty } from 'node:tty'
import { remark } from '../output.ts'

/** Milliseconds before anything is shown, and between two looks. */
const PATIENCE = 2000
const INTERVAL = 250

export class Progress {
  readonly #size: number | undefined
  readonly #wanted: boolean = isatty(2) && !isatty(1)
  #next = performance.now() + PATIENCE
  #shown = false

  constructor(size: number | undefined) {
    this.#size = size
  }

  show(offset: number, packets: number): void {
    const now = performance.now()
    if (!this.#wanted || now < this.#next) return
    this.#next = now + INTERVAL
    this.#shown = true
    const part = this.#size === undefined || this.#size === 0 ? '' : `${Math.floor((100 * offset) / this.#size)} %, `
    remark(`\r${part}${packets.toLocaleString('en')} packets`)
  }

  clear(): void {
    if (this.#shown) remark('\r\u001b[K')
  }
}
