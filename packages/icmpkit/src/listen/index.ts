/** `icmpkit/listen`: which ICMP errors reach this machine, which socket they hit, and whether they are to be believed. No I/O. */
export { type Claim, claimOf, examine, type Verify } from './claim.ts'
export { type Flow, type LocalSocket, showEnd, showFlow } from './flow.ts'
export { type Heard, hear, type Unheard } from './heard.ts'
export {
  type ErrorHeard,
  Listener,
  type ListenerEvent,
  type ListenerOptions,
  type NoticeHeard,
  type Untold,
} from './listener.ts'
export { Newest } from './newest.ts'
export type { ProgramRow } from './programs.ts'
export { type Believe, type Finding, type Judgement, judge, type Trust } from './trust.ts'
export { why } from './why.ts'
