/** The one driver of all machines, and what every verb of the library returns. */
import type { Clock } from './clock.ts'
import type { Door, Machine } from './door.ts'

/** Most packets one `receive` hands over before the machine may send again. */
const BATCH = 1024

/** Runs `m` over `doors` until it is done or `signal` aborts: the kernel in real time, the lab in virtual time. */
export async function drive<E>(
  m: Machine<E>,
  doors: readonly Door[],
  clock: Clock,
  emit: (e: E) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  while (!signal?.aborted) {
    m.handleTimeout(clock.now())
    let full = false
    for (const d of doors) full = d.send(clock.now(), m) || full
    for (let e = m.pollEvent(); e !== undefined; e = m.pollEvent()) {
      const held = emit(e)
      if (held) await held
    }
    const until = m.pollTimeout()
    if (until === undefined && !full) return
    await clock.wait(until, doors, full, signal)
    for (const d of doors) d.receive(clock.now(), m, BATCH)
  }
}

/** Events as they come, and the summary. Not thenable on purpose: `await run` would swallow the events. */
export interface Run<E, S> extends AsyncIterable<E>, AsyncDisposable {
  /** The summary, when everything has ended. Rejects only where the run could not be started or the kernel failed it. */
  readonly done: Promise<S>
  /** Events that a slow reader lost: the queue is bounded. */
  readonly dropped: number
}

/** A bounded queue between a driver and one `for await` reader; nothing is kept until somebody reads. */
export class EventQueue<E> {
  dropped = 0
  #reading = false
  #ended = false
  #failure: unknown
  #queue: E[] = []
  #head = 0
  #wake: (() => void) | undefined

  readonly #limit: number

  constructor(limit = 65536) {
    this.#limit = limit
  }

  push(e: E): void {
    if (!this.#reading || this.#ended) return
    if (this.#queue.length - this.#head >= this.#limit) {
      this.dropped++
      return
    }
    this.#queue.push(e)
    this.#wake?.()
  }

  end(failure?: unknown): void {
    this.#ended = true
    this.#failure = failure
    this.#wake?.()
  }

  /** From now on events are kept. A reader that breaks calls `left`. */
  async *read(left: () => void): AsyncGenerator<E, void, void> {
    this.#reading = true
    try {
      for (;;) {
        while (this.#head < this.#queue.length) yield this.#queue[this.#head++]!
        this.#queue = []
        this.#head = 0
        if (this.#ended) {
          if (this.#failure !== undefined) throw this.#failure
          return
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = undefined
      }
    } finally {
      this.#reading = false
      left()
    }
  }
}
