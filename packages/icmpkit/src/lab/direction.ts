/** What a link does to packets of one direction: `DirectionData` with its defaults, and the state of its bursts of loss. */
import type { Random } from './random.ts'
import type { BlackHole, BurstLoss, DirectionData } from './topology.ts'

export class Direction {
  delay: number = DELAY
  jitter = 0
  loss = 0
  burstLoss: BurstLoss | undefined
  duplicate = 0
  reorder = 0
  corrupt = 0
  rate: number = Number.POSITIVE_INFINITY
  queue: number = QUEUE
  blackHole: BlackHole | undefined
  #bad = false

  /** What is given, from now on; the rest stays. */
  set(to: DirectionData | undefined): void {
    if (to === undefined) return
    this.delay = to.delay ?? this.delay
    this.jitter = to.jitter ?? this.jitter
    this.loss = to.loss ?? this.loss
    this.burstLoss = to.burstLoss ?? this.burstLoss
    this.duplicate = to.duplicate ?? this.duplicate
    this.reorder = to.reorder ?? this.reorder
    this.corrupt = to.corrupt ?? this.corrupt
    this.rate = to.rate ?? this.rate
    this.queue = to.queue ?? this.queue
    this.blackHole = to.blackHole ?? this.blackHole
  }

  /** The next packet's step of the two states (Gilbert, Elliott), and whether it is lost there. */
  losesInBurst(random: Random): boolean {
    const { enter, leave, inside = 1, outside = 0 } = this.burstLoss!
    if (random.chance(this.#bad ? leave : enter)) this.#bad = !this.#bad
    return random.chance(this.#bad ? inside : outside)
  }
}

/** Milliseconds; above nothing, so that two nodes which answer each other for ever do so in time, and not in an instant. */
const DELAY = 0.1
/** Packets; as a Linux interface's txqueuelen. */
const QUEUE = 1000
