/** icmpkit: ICMP for TypeScript. The five-line API. */
export type { Clock, ClockSource, Instant } from './clock.ts'
export type { Arrival, Door, Machine, Slot } from './door.ts'
export { drive, type Run } from './run.ts'
