/** `icmpkit/lab`: networks in one process, in virtual time. Imports `stack`, `wire` and the seams only. */
export type { Arrival, Door } from '../door.ts'
export { Lab, lab } from './lab.ts'
export { LabDoor } from './lab-door.ts'
export { LabNode } from './lab-node.ts'
export { type Fate, Link, type LinkChange, type LinkEnd, type Passing } from './link.ts'
export type { LabConfig, LinkData, NodeData } from './topology.ts'
export { VirtualClock } from './virtual-clock.ts'
