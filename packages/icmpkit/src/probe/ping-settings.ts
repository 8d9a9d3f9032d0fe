/** What a ping is asked to do, as its machine takes it: every choice made, times in milliseconds (runs/ping/options.ts). */
import type { Family } from '../wire/addr.ts'
import type { Question } from './question.ts'

export interface PingSettings {
  question: Question
  /** Between two probes to the same target. */
  intervalMs: number
  timeoutMs: number
  /** Replies awaited for each target; undefined: until stopped. With a deadline, probes go on until so many are answered. */
  count?: number | undefined
  /** From the start, for all targets. */
  deadlineMs?: number | undefined
  /** The next probe leaves when the last was answered: 'adaptive' waits `intervalMs` at most, 'flood' 10 ms. */
  pace: 'interval' | 'adaptive' | 'flood'
  /** Least time between two probes of the whole run: the budget of packets a second. */
  spacingMs: number
  /** Probes that leave at once, before the pace begins. */
  preload: number
  /** Stop the run when so many probes have left. */
  budget?: number | undefined
  ttl: number
  tos: number
  flowLabel: number
  dontFragment: boolean
  /** IPv4 options, padded to words (record route, timestamp). */
  ipOptions?: Uint8Array | undefined
  /** Events for a probe still unanswered when the next is due. */
  tellOutstanding: boolean
  /** Leave the doors' stamps aside and measure from system call to system call. */
  userClock: boolean
  /** Stay when all targets are done, since more may be added. */
  hold: boolean
  /** The identifier that the door of the family puts in, whatever we write: then ids are not compared. undefined: ours. */
  echoId: (family: Family) => number | undefined
  /** Added to an Instant it gives milliseconds since midnight UT, modulo a day. */
  midnightOffsetMs: number
  /** Uniform in 0 … 1, for identifiers and the table's seed. */
  random: () => number
}
