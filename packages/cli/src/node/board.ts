/** The live counters: a table at the foot of the terminal, drawn anew each second; what happens scrolls above it. */
import type { NodeSummary } from 'icmpkit'
import logUpdate from 'log-update'
import { summary } from './text.ts'

export class Board {
  readonly #read: () => NodeSummary
  readonly #timer: NodeJS.Timeout
  #last: NodeSummary | undefined

  constructor(read: () => NodeSummary) {
    this.#read = read
    this.#timer = setInterval(() => this.#draw(), EVERY)
    this.#draw()
  }

  /** A line that stays. */
  above(text: string): void {
    logUpdate.clear()
    process.stdout.write(text)
    this.#draw()
  }

  stop(): void {
    clearInterval(this.#timer)
    logUpdate.clear()
    logUpdate.done()
  }

  #draw(): void {
    const now = this.#read()
    const rate = (name: 'received' | 'answered' | 'forwarded') =>
      `${name} ${this.#last === undefined ? 0 : Math.round((now[name] - this.#last[name]) / (EVERY / 1000))}/s`
    logUpdate(`${rate('received')}  ${rate('answered')}  ${rate('forwarded')}\n${summary(now)}`)
    this.#last = now
  }
}

const EVERY = 1000
