/**
 * What a link does to packets of one direction: `DirectionData` with its defaults. It never changes, another takes its
 * place; so all links of which nothing is said share one.
 */
import type { BlackHole, BurstLoss, DirectionData } from './topology.ts'

export class Direction {
  readonly delay: number
  readonly jitter: number
  readonly loss: number
  readonly burstLoss: BurstLoss | undefined
  readonly duplicate: number
  readonly reorder: number
  readonly corrupt: number
  readonly rate: number
  readonly queue: number
  readonly blackHole: BlackHole | undefined
  /** It delays, and no more. */
  readonly isPlain: boolean

  constructor(to: DirectionData = {}, was: DirectionData = {}) {
    this.delay = to.delay ?? was.delay ?? DELAY
    this.jitter = to.jitter ?? was.jitter ?? 0
    this.loss = to.loss ?? was.loss ?? 0
    this.burstLoss = to.burstLoss ?? was.burstLoss
    this.duplicate = to.duplicate ?? was.duplicate ?? 0
    this.reorder = to.reorder ?? was.reorder ?? 0
    this.corrupt = to.corrupt ?? was.corrupt ?? 0
    this.rate = to.rate ?? was.rate ?? Number.POSITIVE_INFINITY
    this.queue = to.queue ?? was.queue ?? QUEUE
    this.blackHole = to.blackHole ?? was.blackHole
    this.isPlain =
      this.jitter + this.loss + this.duplicate + this.reorder + this.corrupt === 0 &&
      this.rate === Number.POSITIVE_INFINITY &&
      this.burstLoss === undefined &&
      this.blackHole === undefined
  }

  /** With what is given; the rest stays. */
  with(to: DirectionData | undefined): Direction {
    return to === undefined || WORDS.every((w) => to[w] === undefined) ? this : new Direction(to, this as DirectionData)
  }
}

const WORDS = [
  'delay',
  'jitter',
  'loss',
  'burstLoss',
  'duplicate',
  'reorder',
  'corrupt',
  'rate',
  'queue',
  'blackHole',
] as const satisfies readonly (keyof DirectionData)[]
/** Milliseconds; above nothing, so that two nodes which answer each other for ever do so in time, and not in an instant. */
const DELAY = 0.1
/** Packets; as a Linux interface's txqueuelen. */
const QUEUE = 1000
/** It carries, and no more. */
export const PLAIN: Direction = new Direction()
