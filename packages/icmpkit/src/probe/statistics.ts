/**
 * Round-trip statistics in bounded memory: exact up to `EXACT` samples, then a histogram whose buckets are at most
 * 0.8 % wide. Integers of nanoseconds in and out.
 */

/** Samples kept as they are; beyond, percentiles come from the histogram. */
const EXACT = 4096
/** Buckets for each doubling: the width of one is 1/128 of its value. */
const STEPS = 128

export interface RttSummary {
  min: number
  avg: number
  max: number
  /** Standard deviation of the population, which iputils calls mdev. */
  mdev: number
  p50: number
  p90: number
  p99: number
  /** Interarrival jitter (RFC 3550 §6.4.1). */
  jitter: number
}

/** Round trips as they come: least, mean, greatest, spread, percentiles and jitter, in constant memory. */
export class RttStatistics {
  count = 0
  #min = Number.POSITIVE_INFINITY
  #max = 0
  #mean = 0
  /** Sum of squared distances from the mean (Welford): no square of a large number is ever subtracted from another. */
  #spread = 0
  #jitter = 0
  #last = -1
  #samples: number[] = []
  #buckets: Map<number, number> | undefined

  add(rttNs: number): void {
    this.count++
    if (rttNs < this.#min) this.#min = rttNs
    if (rttNs > this.#max) this.#max = rttNs
    const distance = rttNs - this.#mean
    this.#mean += distance / this.count
    this.#spread += distance * (rttNs - this.#mean)
    if (this.#last >= 0) this.#jitter += (Math.abs(rttNs - this.#last) - this.#jitter) / 16
    this.#last = rttNs
    if (this.#buckets !== undefined) {
      this.#count(rttNs)
    } else if (this.#samples.length < EXACT) {
      this.#samples.push(rttNs)
    } else {
      this.#buckets = new Map()
      for (const s of this.#samples) this.#count(s)
      this.#count(rttNs)
      this.#samples = []
    }
  }

  /** Takes another's samples in: the total of several targets. Jitter, which needs an order, becomes the mean of both. */
  merge(other: RttStatistics): void {
    if (other.count === 0) return
    const count = this.count + other.count
    const distance = other.#mean - this.#mean
    this.#spread += other.#spread + (distance * distance * this.count * other.count) / count
    this.#jitter = (this.#jitter * this.count + other.#jitter * other.count) / count
    this.#mean += (distance * other.count) / count
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
    this.count = count
    if (
      this.#buckets === undefined &&
      other.#buckets === undefined &&
      this.#samples.length + other.#samples.length <= EXACT
    ) {
      this.#samples.push(...other.#samples)
      return
    }
    if (this.#buckets === undefined) {
      this.#buckets = new Map()
      for (const s of this.#samples) this.#count(s)
      this.#samples = []
    }
    for (const s of other.#samples) this.#count(s)
    for (const [bucket, n] of other.#buckets ?? []) this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + n)
  }

  /** null where there is no sample. */
  summary(): RttSummary | null {
    if (this.count === 0) return null
    const [p50, p90, p99] = this.#percentiles([0.5, 0.9, 0.99])
    return {
      min: this.#min,
      avg: Math.round(this.#mean),
      max: this.#max,
      mdev: Math.round(Math.sqrt(this.#spread / this.count)),
      p50: p50!,
      p90: p90!,
      p99: p99!,
      jitter: Math.round(this.#jitter),
    }
  }

  get max(): number {
    return this.#max
  }

  get mean(): number {
    return this.#mean
  }

  /** Nearest-rank percentiles. */
  #percentiles(ranks: readonly number[]): number[] {
    if (this.#buckets === undefined) {
      const sorted = Float64Array.from(this.#samples).sort()
      return ranks.map((r) => sorted[Math.max(0, Math.ceil(r * sorted.length) - 1)]!)
    }
    const sorted = [...this.#buckets].sort((a, b) => a[0] - b[0])
    return ranks.map((r) => {
      let left = Math.ceil(r * this.count)
      for (const [bucket, n] of sorted) {
        left -= n
        if (left <= 0) return Math.min(this.#max, Math.max(this.#min, middle(bucket)))
      }
      return this.#max
    })
  }

  #count(rttNs: number): void {
    const bucket = bucketOf(rttNs)
    this.#buckets!.set(bucket, (this.#buckets!.get(bucket) ?? 0) + 1)
  }
}

function bucketOf(ns: number): number {
  return ns < STEPS ? Math.max(0, Math.floor(ns)) : Math.floor(Math.log2(ns) * STEPS)
}

function middle(bucket: number): number {
  return bucket < STEPS ? bucket : Math.round(2 ** ((bucket + 0.5) / STEPS))
}

/** Runs of consecutive losses, in the order the probes were sent. */
export class LossBursts {
  /** Runs so far, the open one included. */
  count = 0
  longest = 0
  /** Losses since the last answer came, whichever probe it was for. */
  run = 0
  /** The sequence numbers of the open run. An answer is here long before a loss is sure: it ends no run of those before it. */
  #first = Number.NaN
  #last = Number.NaN

  lost(seq: number): void {
    this.run++
    if (seq === this.#last + 1) this.#last = seq
    else if (seq === this.#first - 1) this.#first = seq
    else {
      this.#first = this.#last = seq
      this.count++
    }
    this.longest = Math.max(this.longest, this.#last - this.#first + 1)
  }

  answered(): void {
    this.run = 0
  }
}
