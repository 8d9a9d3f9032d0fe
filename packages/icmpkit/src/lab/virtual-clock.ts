/**
 * The clock of a lab. Time stands still until every open door is waited for, so that whoever is slow misses nothing; what
 * readers do at once about an event is done before time moves on.
 */
import type { Clock, Instant } from '../clock.ts'
import type { Door } from '../door.ts'
import type { LabDoor } from './lab-door.ts'
import type { Timeline } from './timeline.ts'

interface Waiter {
  until: number
  doors: readonly Door[]
  done: () => void
}

/** Moves while all open doors are waited for. */
export class VirtualClock implements Clock {
  /** Nanoseconds since 1970 at virtual time 0. */
  epoch: bigint
  readonly #time: Timeline
  /** Open doors whose users do not wait at present: they hold time. */
  readonly #holding = new Set<Door>()
  #waiters: Waiter[] = []
  #asked = false
  #scheduled = false

  constructor(time: Timeline, epoch: bigint) {
    this.#time = time
    this.epoch = epoch
  }

  now(): Instant {
    return this.#time.now
  }

  wall(at: Instant): bigint {
    return this.epoch + BigInt(Math.round(at * 1e6))
  }

  async wait(until: Instant | undefined, doors: readonly Door[], full: boolean, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return
    if (this.#asked) {
      this.#asked = false
      return
    }
    const due = Math.min(until ?? Number.POSITIVE_INFINITY, full ? this.#time.now + ROOM_MS : Number.POSITIVE_INFINITY)
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiter: Waiter = { until: due, doors, done: resolve }
    for (const d of doors) this.#holding.delete(d)
    this.#waiters.push(waiter)
    const ended = () => this.#end(waiter)
    signal?.addEventListener('abort', ended, { once: true })
    this.#schedule()
    await promise
    signal?.removeEventListener('abort', ended)
  }

  wake(): void {
    if (this.#waiters.length === 0) this.#asked = true
    for (const w of [...this.#waiters]) this.#end(w)
  }

  /** Nobody asks by these doors any more; until they are waited for again, time goes on without them. */
  leave(doors: readonly Door[]): void {
    for (const d of doors) this.#holding.delete(d)
    this.#schedule()
  }

  /** A door is open: until somebody waits for it, or it is closed, time stands still. */
  hold(door: Door): void {
    this.#holding.add(door)
  }

  /** Time was moved from outside: whoever waited for that goes on. */
  moved(): void {
    this.#release()
  }

  /** One turn of the event loop later, so that what promises have started is done. */
  #schedule(): void {
    if (this.#scheduled || this.#waiters.length === 0) return
    this.#scheduled = true
    nextTurn(() => {
      this.#scheduled = false
      this.#advance()
    })
  }

  #advance(): void {
    if (this.#holding.size > 0 || this.#release()) return
    let until = Number.POSITIVE_INFINITY
    for (const w of this.#waiters) until = Math.min(until, w.until)
    for (let steps = 0; steps < STEPS; steps++) {
      const moved = this.#time.step(until)
      if (!moved && until < Number.POSITIVE_INFINITY) this.#time.run(until)
      // Somebody was woken by what happened, or waits no more.
      if (this.#release() || this.#holding.size > 0) return
      // Nothing is due and nobody has a deadline: only `wake`, a signal, or `run` can end this.
      if (!moved) return
    }
    this.#schedule()
  }

  /** Ends the waits that are over. True: somebody goes on. */
  #release(): boolean {
    const { now } = this.#time
    const over = this.#waiters.filter((w) => w.until <= now || w.doors.some((d) => (d as LabDoor).waiting > 0))
    for (const w of over) this.#end(w)
    return over.length > 0
  }

  #end(waiter: Waiter): void {
    const i = this.#waiters.indexOf(waiter)
    if (i < 0) return
    this.#waiters.splice(i, 1)
    for (const d of waiter.doors) if ((d as LabDoor).open) this.#holding.add(d)
    waiter.done()
  }
}

/** `setImmediate` where there is one; a message channel does the same in a browser. */
export const nextTurn: (run: () => void) => void =
  typeof setImmediate === 'function'
    ? (run) => void setImmediate(run)
    : (run) => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => {
          port1.close()
          run()
        }
        port2.postMessage(undefined)
      }

/** A full door has room again after so long. */
const ROOM_MS = 1
/** Events between two turns of the event loop: a signal or a timer of the process is seen that soon. */
const STEPS = 10_000
