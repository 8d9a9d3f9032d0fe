/** `icmpkit/probe`: the asking machines, sans-IO. Drive them over any door with `drive`. */
export { EchoQuestion } from './echo-question.ts'
export { InterfaceQuestion } from './interface-question.ts'
export { type NodeInfoAsks, NodeInfoQuestion } from './node-info-question.ts'
export type { PingEventOut } from './outbox.ts'
export type {
  Answer,
  ErrorEvent,
  ForeignEvent,
  LocalDropEvent,
  MachineEvent,
  OutstandingEvent,
  ReplyEvent,
  SummaryEvent,
  TimeoutEvent,
} from './ping-event.ts'
export { PingMachine } from './ping-machine.ts'
export type { PingSettings } from './ping-settings.ts'
export type { PingTarget } from './ping-target.ts'
export type { Asked, Question, Seen } from './question.ts'
export { answerTypes, SendMachine, type SendMachineEvent, type SendSettings } from './send-machine.ts'
export { LossBursts, RttStatistics, type RttSummary } from './statistics.ts'
export { TimerHeap } from './timer-heap.ts'
export { TimestampQuestion } from './timestamp-question.ts'
