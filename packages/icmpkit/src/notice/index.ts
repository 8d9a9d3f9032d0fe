/** `icmpkit/notice`: outage notices without I/O: who is connected, whether a program is down, who is told. Imports `wire` and the seams only. */
export type {
  BackEvent,
  Connection,
  DownState,
  NoticeEvent,
  NoticeSummary,
  OutageEvent,
  ProgramState,
  Protocol,
  ReadyEvent,
  Request,
  Suppressed,
  SuspectEvent,
} from './event.ts'
export type { Signer } from './notice-template.ts'
export { type NoticeCounters, Notifier, type NotifierOptions, noCounts, type ProgramStatus } from './notifier.ts'
export type { ProgramSpec, Sign } from './program.ts'
