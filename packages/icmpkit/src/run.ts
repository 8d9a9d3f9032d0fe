/** The one driver of all machines, and what every verb of the library returns. */
import type { Clock, Instant } from './clock.ts'
import type { Door, Machine } from './door.ts'

/** Most packets one `receive` hands over before the machine may send again. */
const BATCH = 1024
/** The same of a door that is prompt: as many as leave by one system call. */
const CHUNK = 64
/** A door that is full for longer gets another try. */
const FULL_NAP_MS = 1

/** Runs `m` over `doors` until it is done or `signal` aborts: the kernel in real time, the lab in virtual time. */
export async function drive<E>(
  m: Machine<E>,
  doors: readonly Door[],
  clock: Clock,
  emit: (e: E) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const prompt = doors.filter((d) => d.prompt)
  // A gateway's queues hold less than a batch: what came in leaves by the other doors in between.
  const take = (d: Door) => {
    for (let taken = 0; taken < BATCH; taken += CHUNK) {
      const got = d.receive(clock.now(), m, CHUNK)
      for (const other of prompt) other.send(clock.now(), m)
      if (got < CHUNK) return
    }
  }
  const ready = (d: Door) => {
    if (d.prompt && !signal?.aborted) take(d)
  }
  try {
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
      const now = clock.now()
      // What is due can't leave by a full door: its room is waited for, not the moment that is past.
      const wake = full && until !== undefined && until <= now ? ((now + FULL_NAP_MS) as Instant) : until
      await clock.wait(wake, doors, full, signal, prompt.length > 0 ? ready : undefined)
      for (const d of doors) {
        if (d.prompt) take(d)
        else d.receive(clock.now(), m, BATCH)
      }
    }
  } finally {
    clock.leave?.(doors)
  }
}

/** Events as they come, and the summary. Not thenable on purpose: `await run` would swallow the events. */
export interface Run<E, S> extends AsyncIterable<E>, AsyncDisposable {
  /** The summary, when everything has ended. Rejects only where the run could not be started or the kernel failed it. */
  readonly done: Promise<S>
  /** Events that a slow reader lost: the queue is bounded. */
  readonly dropped: number
}

/** Read events go from the front of the queue when there are so many, however far behind the reader is. */
const COMPACT = 4096

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
    this.#put(e, this.#limit)
  }

  /** For what sums up: there is room for as many again where other events are dropped. */
  pushLast(e: E): void {
    this.#put(e, this.#limit * 2)
  }

  #put(e: E, limit: number): void {
    if (!this.#reading || this.#ended) return
    if (this.#queue.length - this.#head >= limit) {
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

  /** From now on events are kept. A reader that breaks calls `left`. @throws TypeError where somebody reads already */
  async *read(left: () => void): AsyncGenerator<E, void, void> {
    if (this.#reading) throw new TypeError('the events of a run have one reader: it is being read already')
    this.#reading = true
    try {
      for (;;) {
        while (this.#head < this.#queue.length) {
          if (this.#head >= COMPACT && this.#head * 2 >= this.#queue.length) {
            this.#queue.splice(0, this.#head)
            this.#head = 0
          }
          yield this.#queue[this.#head++]!
        }
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
