/** What the commands that run until they are stopped have in common: their signals, and an end at a given time. */
import { remark } from './output.ts'

export interface Attended {
  /** SIGINT, SIGTERM and the deadline. */
  stop(): void
  /** SIGQUIT: what it has counted so far, on standard error. */
  interim(): void
  /** SIGHUP: reads its files anew, and says what it read. @throws what is wrong, in a line */
  reload(): string
  /** What stays where `reload` throws: 'everything stays as it was'. */
  unchanged: string
}

/** From now on signals reach `a`, and its deadline (milliseconds); until what this returns is called. */
export function attend(a: Attended, deadline: number | undefined): () => void {
  const reload = () => {
    try {
      remark(`icmp: ${a.reload()}\n`)
    } catch (e) {
      remark(`icmp: ${(e as Error).message}; ${a.unchanged}\n`)
    }
  }
  const handlers = { SIGINT: a.stop, SIGTERM: a.stop, SIGQUIT: a.interim, SIGHUP: reload } as const
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  const timer = deadline === undefined ? undefined : setTimeout(a.stop, deadline)
  return () => {
    clearTimeout(timer)
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
  }
}
