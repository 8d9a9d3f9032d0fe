/**
 * Busy polling (as SO_BUSY_POLL and net.core.busy_poll do it in the kernel, here in user space): for a while after each
 * frame a wait does not sleep but looks whether the next one is there. Nobody has to be woken then, and code and caches stay
 * warm. A door with a ring is looked at in mapped memory, without a system call; another one each time that the loop turns.
 *
 * The loop turns between looks, so that signals, timers and all other descriptors are as alive as ever. It costs the whole
 * core that it runs on, for as long as it lasts.
 */
import { monotonic } from './kernel-time.ts'
import type { Pollable } from './waker.ts'

/** What one run wants of it, and what it got. */
export class BusyPoll {
  /** How long after a frame, ms; 0: never. */
  durationMs: number
  /** What it has cost: time in which nobody slept. */
  spentMs = 0
  /** Times that frames were found by looking, and by being woken. */
  found = 0
  woken = 0
  /** Asked now and then meanwhile: a door that is told as if a frame had come, so that all that a frame needs is warm. */
  warm: (() => Pollable) | undefined
  #until: number = Number.NEGATIVE_INFINITY
  #warmed = 0
  #next = 0

  constructor(durationMs = 0) {
    this.durationMs = durationMs
  }

  /** A frame has come. */
  extend(now: number): void {
    this.#until = now + this.durationMs
  }

  /** The loop turns, and nothing has come. What is to be told, if it is time. */
  turn(now: number): Pollable | undefined {
    if (this.warm === undefined || (now < this.#next && this.#warmed >= LEARNING)) return undefined
    this.#warmed++
    this.#next = now + WARMING_MS
    return this.warm()
  }

  /** Until then nobody sleeps. */
  get until(): number {
    return this.#until
  }
}

interface Round {
  readonly doors: readonly Pollable[]
  readonly poll: BusyPoll
  /** Something waits there. */
  readonly tell: (door: Pollable) => void
  /** It has been told. */
  readonly found: () => void
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
      if (!this.#rounds.includes(r)) continue
      if (r.poll.until <= now) r.over()
      else {
        const door = r.poll.turn(now)
        if (door !== undefined) r.tell(door)
      }
    }
    this.#turned?.()
    if (this.#rounds.length > 0) this.#immediate ??= setImmediate(this.#turn)
  }

  /** As many looks as one turn of the loop is worth. */
  #look(rounds: readonly Round[]): void {
    for (let n = 0; n < LOOKS; n++) {
      let inMemory = false
      for (let r = 0; r < rounds.length; r++) {
        const { doors } = rounds[r]!
        for (let i = 0; i < doors.length; i++) {
          const { pending } = doors[i]!
          if (pending) {
            this.#found(rounds[r]!)
            return
          }
          inMemory ||= pending !== undefined
        }
      }
      if (!inMemory) return
    }
  }

  /** First the answer, then what is to be written down. */
  #found(round: Round): void {
    const { doors, poll } = round
    for (let i = 0; i < doors.length; i++) if (doors[i]!.pending) round.tell(doors[i]!)
    poll.found++
    poll.extend(monotonic())
    round.found()
  }
}

/** Some 50 µs, the longest that anything else in this thread waits: a turn of the loop is 3. */
const LOOKS = 5000
/** Caches of a busy machine forget within milliseconds. */
const WARMING_MS = 1
/** So many times the code is run at each turn, until it is compiled. */
const LEARNING = 3000
