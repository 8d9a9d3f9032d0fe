/** `icmpkit/lab`: networks in one process, in virtual time. */
export type { Arrival, Door } from '../door.ts'
