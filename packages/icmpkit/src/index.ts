/** icmpkit: ICMP for TypeScript. The five-line API; the parts are in `icmpkit/wire`, `icmpkit/probe`, `icmpkit/os`. */
export { type Clock, type ClockSource, type Instant, showTime } from './clock.ts'
export type { Arrival, Door, DoorLoss, DoorName, LocalDrop, Machine, Slot } from './door.ts'
export type { LabConfig } from './lab/topology.ts'
export { drive, type Run } from './run.ts'
export {
  type Connected,
  type Learned,
  type OutageRehearsal,
  Rehearsal,
  type RehearsalEvent,
  type Rehearsed,
  rehearseOutage,
} from './runs/lab/rehearsal.ts'
export {
  type LabReady,
  type LabUp,
  type LabUpEvent,
  type LabUpOptions,
  type LabUpSummary,
  labUp,
} from './runs/lab/up.ts'
export { type ListenOptions, type ListenRun, listen } from './runs/listen/listen.ts'
export type {
  ListenError,
  ListenEvent,
  ListenReady,
  ListenSummary,
  Notice,
  ProgramReport,
} from './runs/listen/report.ts'
export type { NodeOptions, NodePort } from './runs/node/options.ts'
export type { NodeEvent, NodeReady, NodeSummary, PortReport } from './runs/node/report.ts'
export { gateway, host, type NodeRun } from './runs/node/run.ts'
export { type KeyKind, type MadeKey, makeKey, type NoticeKey, parseKeys, readKeys } from './runs/notices/keys.ts'
export {
  askOperator,
  type OperatorAnswer,
  type OperatorRequest,
  operatorSocket,
} from './runs/notices/operator.ts'
export type { NoticeOptions, NoticeProbe, NoticeProgram } from './runs/notices/options.ts'
export type { NoticeNote, NoticeReady, NoticeServeEvent, NoticeTotals } from './runs/notices/report.ts'
export { type NoticeServing, serveNotices } from './runs/notices/serve.ts'
export { type Outage, Outages, type OutagesOptions, outages, type SocketError } from './runs/outages/outages.ts'
export type { PacketSeen } from './runs/packet-tap.ts'
export type { PingOptions, PingQuestion } from './runs/ping/options.ts'
export {
  type DoorReport,
  type PingResult,
  type PingRun,
  ping,
} from './runs/ping/ping.ts'
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
} from './runs/ping/report.ts'
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
} from './runs/send.ts'
