/** `icmpkit/lab`: networks in one process, in virtual time. Imports `stack`, `probe`, `wire` and the seams only. */
export type { Arrival, Door } from '../door.ts'
export type { AskData, ScenarioConfig } from './ask.ts'
export { checkAsks } from './asking.ts'
export type { Behaviour, Packet } from './behaviour.ts'
export { Direction } from './direction.ts'
export { LabFlowDoor } from './flow-door.ts'
export { Lab, lab } from './lab.ts'
export { LabDoor } from './lab-door.ts'
export { LabNode, type Stand } from './lab-node.ts'
export { type Fate, Link, type Passing } from './link.ts'
export type { LinkEnd } from './link-end.ts'
export { linkText } from './link-text.ts'
export { addressList, linkList, routeList } from './listing.ts'
export { type PictureOptions, picture } from './picture.ts'
export { type Scenario, type ScenarioOptions, scenario } from './scenario.ts'
export type { ScenarioEvent, SummaryEvent } from './scenario-event.ts'
export type { Served } from './server.ts'
export { fromText } from './text-form.ts'
export type {
  Behaviours,
  BlackHole,
  BurstLoss,
  ChangeData,
  DirectionData,
  EcmpField,
  LabConfig,
  LinkChange,
  LinkData,
  NatData,
  NodeData,
  TunnelData,
} from './topology.ts'
export type { Surroundings, Vantage } from './vantage.ts'
export { VirtualClock } from './virtual-clock.ts'
