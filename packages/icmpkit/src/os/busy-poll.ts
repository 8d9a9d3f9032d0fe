/**
 * Busy polling (as SO_BUSY_POLL and net.core.busy_poll do it in the kernel, here in user space): for a while after each
 * frame a wait does not sleep but looks whether the next one is there. Nobody has to be woken then, and code and caches stay
 * warm. A door with a ring is looked at in mapped memory, without a system call; another one each time that the loop turns.
 *
 * The loop turns between looks, so that signals, timers and all other descriptors are as alive as ever. It costs the whole
 * core that it runs on, for as long as it lasts.
 */
import { monotonic } from './kernel-time.ts'

/** Whether something waits in it, where that can be seen without a system call. */
export interface Looked {
  readonly pending?: boolean | undefined
}

/** What one run wants of it, and what it got. */
export class BusyPoll {
  /** How long after a frame, ms; 0: never. */
  durationMs: number
  /** What it has cost: time in which nobody slept. */
  spentMs = 0
  /** Times that frames were found by looking, and by being woken. */
  found = 0
  woken = 0
  #until: number = Number.NEGATIVE_INFINITY

  constructor(durationMs = 0) {
    this.durationMs = durationMs
  }

  /** A frame has come. */
  extend(now: number): void {
    this.#until = now + this.durationMs
  }

  /** Until then nobody sleeps. */
  get until(): number {
    return this.#until
  }
}

interface Round {
  readonly doors: readonly Looked[]
  readonly poll: BusyPoll
  /** Something waits in `doors[i]`. */
  readonly found: (i: number) => void
  /** Nothing came in time: sleep. */
  readonly over: () => void
}

/** All rounds of one thread. */
export class BusyRounds {
  #rounds: Round[] = []
  #immediate: NodeJS.Immediate | undefined
  #since = 0
  /** Called each time that the loop turns. */
  readonly #turned: (() => void) | undefined

  constructor(turned?: () => void) {
    this.#turned = turned
  }

  get any(): boolean {
    return this.#rounds.length > 0
  }

  /** Looks at `doors` until `poll.until`, or until `end`ed. */
  begin(round: Round): () => void {
    this.#rounds = [...this.#rounds, round]
    if (this.#immediate === undefined) {
      this.#since = monotonic()
      this.#immediate = setImmediate(this.#turn)
    }
    return () => {
      this.#rounds = this.#rounds.filter((r) => r !== round)
    }
  }

  readonly #turn = (): void => {
    this.#immediate = undefined
    const rounds = this.#rounds
    this.#look(rounds)
    const now = monotonic()
    const spent = now - this.#since
    this.#since = now
    for (const r of rounds) {
      r.poll.spentMs += spent
      if (r.poll.until <= now && this.#rounds.includes(r)) r.over()
    }
    this.#turned?.()
    if (this.#rounds.length > 0) this.#immediate ??= setImmediate(this.#turn)
  }

  /** As many looks as one turn of the loop is worth. */
  #look(rounds: readonly Round[]): void {
    let found = false
    let inMemory = true
    for (let n = 0; n < LOOKS && inMemory && !found; n++) {
      inMemory = false
      for (let r = 0; r < rounds.length; r++) {
        const round = rounds[r]!
        for (let i = 0; i < round.doors.length; i++) {
          const pending = round.doors[i]!.pending
          if (pending === undefined) continue
          inMemory = true
          if (!pending) continue
          found = true
          round.found(i)
        }
      }
    }
  }
}

/** Some 50 µs, the longest that anything else in this thread waits: a turn of the loop is 3. */
const LOOKS = 5000
