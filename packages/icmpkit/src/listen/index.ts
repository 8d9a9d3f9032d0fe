/** `icmpkit/listen`: which ICMP errors reach this machine, which socket they hit, and whether they are to be believed. No I/O. */
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
export type { ProgramRow } from './programs.ts'
export {
  type Believe,
  type Claim,
  claimOf,
  type Finding,
  type Judgement,
  judge,
  type Signature,
  type Trust,
} from './trust.ts'
export { why } from './why.ts'
