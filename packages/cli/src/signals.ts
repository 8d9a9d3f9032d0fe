/**
 * Signals of the commands. Once caught they stay caught until the process has ended (main.ts ends it): a Ctrl-C that meets
 * a command which is just ending by itself would else make a kill of a good end, and nobody would see its exit code.
 */
import { whenNpmEnds } from './npm-parent.ts'
import { type Output, remark } from './output.ts'

/** SIGINT, SIGTERM and SIGHUP (the terminal has gone) stop what runs; each of them kills when it comes again. */
export function whenInterrupted(stop: () => void): void {
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  process.once('SIGHUP', stop)
}

/** What a command that runs until it is stopped does at a signal. */
export interface Attended {
  /** SIGINT, SIGTERM, the deadline, and the end of the npm that started it. */
  stop(): void
  /** SIGQUIT: what it has counted so far, told on standard error behind what `out` still has. */
  counts(): string
  out: Output
  /** SIGHUP: reads its files anew. Who has none stops. */
  again?: {
    /** Says what it read. @throws what is wrong, in a line */
    reload(): string
    /** What stays where `reload` throws: 'everything stays as it was'. */
    unchanged: string
  }
}

/** From now on signals reach `a`, and its deadline (milliseconds). It has things to give back: no signal kills it. */
export function attend(a: Attended, deadline: number | undefined): void {
  const { again } = a
  process.on('SIGINT', a.stop)
  process.on('SIGTERM', a.stop)
  process.on('SIGQUIT', () => {
    a.out.flush()
    remark(a.counts())
  })
  process.on('SIGHUP', again === undefined ? a.stop : () => reload(again))
  whenNpmEnds(() => {
    remark('icmp: npm, which started this, has gone\n')
    a.stop()
  })
  if (deadline !== undefined) setTimeout(a.stop, deadline)
}

function reload({ reload, unchanged }: NonNullable<Attended['again']>): void {
  try {
    remark(`icmp: ${reload()}\n`)
  } catch (e) {
    remark(`icmp: ${(e as Error).message}; ${unchanged}\n`)
  }
}
