/** icmpkit: ICMP for TypeScript. The five-line API; the parts are in `icmpkit/wire`, `icmpkit/probe`, `icmpkit/os`. */
export { type Clock, type ClockSource, type Instant, showTime } from './clock.ts'
export type { Arrival, Door, DoorLoss, DoorName, LocalDrop, Machine, Slot } from './door.ts'
export type { LabConfig } from './lab/topology.ts'
export {
  type LabReady,
  type LabUp,
  type LabUpEvent,
  type LabUpOptions,
  type LabUpSummary,
  labUp,
} from './lab-up.ts'
export { type ListenOptions, type ListenRun, listen } from './listen.ts'
export type {
  ListenError,
  ListenEvent,
  ListenReady,
  ListenSummary,
  Notice,
  ProgramReport,
} from './listen-report.ts'
export type { NodeOptions, NodePort } from './node-options.ts'
export type { NodeEvent, NodeReady, NodeSummary, PortReport } from './node-report.ts'
export { gateway, host, type NodeRun } from './node-run.ts'
export { type KeyKind, type MadeKey, makeKey, type NoticeKey, parseKeys, readKeys } from './notice-keys.ts'
export {
  askOperator,
  type OperatorAnswer,
  type OperatorRequest,
  operatorSocket,
} from './notice-operator.ts'
export type { NoticeOptions, NoticeProbe, NoticeProgram } from './notice-options.ts'
export type { NoticeNote, NoticeReady, NoticeServeEvent, NoticeTotals } from './notice-report.ts'
export { type NoticeServing, serveNotices } from './notice-serve.ts'
export { type Outage, Outages, type OutagesOptions, outages, type SocketError } from './outages.ts'
export type { PacketSeen } from './packet-tap.ts'
export {
  type DoorReport,
  type PingResult,
  type PingRun,
  ping,
} from './ping.ts'
export type { PingOptions, PingQuestion } from './ping-options.ts'
export type {
  PingAnswer,
  PingError,
  PingEvent,
  PingForeign,
  PingLocalDrop,
  PingOutstanding,
  PingReply,
  PingRtt,
  PingSummary,
  PingTimeout,
  PingTotal,
} from './ping-report.ts'
export {
  type Connected,
  type Learned,
  type OutageRehearsal,
  Rehearsal,
  type RehearsalEvent,
  type Rehearsed,
  rehearseOutage,
} from './rehearsal.ts'
export { drive, type Run } from './run.ts'
export {
  type Prepared,
  prepareSend,
  type SendAnswer,
  type Sendable,
  type SendEvent,
  type SendOptions,
  type SendRefused,
  type SendRun,
  type SendSent,
  type SendSummary,
  type SendTimeout,
  send,
} from './send.ts'
