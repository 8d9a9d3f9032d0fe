/**
 * How many ICMP errors may leave (RFC 1812 §4.3.2.8): a token bucket for each port, and one for each group of addresses
 * that are answered, so that one flooder does not silence the errors to others.
 */
import type { Instant } from '../../clock.ts'
import type { Ip4 } from '../../wire/addr.ts'
import type { TableKeys } from '../../wire/ip-table.ts'
import { SparseMap } from '../sparse-map.ts'
import { type BucketSettings, TokenBucket } from '../token-bucket.ts'

export class ErrorLimit4 {
  readonly #port: BucketSettings
  readonly #source: BucketSettings
  readonly #ports: SparseMap<number, TokenBucket> = new SparseMap()
  readonly #sources: SparseMap<number, TokenBucket> = new SparseMap()
  readonly #key: number

  /** `keys`: nobody outside can guess them; else who floods could choose whom to silence. */
  constructor(port: BucketSettings, source: BucketSettings, keys: TableKeys) {
    this.#port = port
    this.#source = source
    this.#key = keys.word(3)
  }

  /** True: one error may go to `to` now about something that came in by the port with that index. */
  take(now: Instant, port: number, to: Ip4): boolean {
    // Where the ports are not limited nobody takes anything away from anybody.
    if (this.#port.rate !== Number.POSITIVE_INFINITY && !this.#group(to).take(now)) return false
    let bucket = this.#ports.get(port)
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#port)
      this.#ports.set(port, bucket)
    }
    return bucket.take(now)
  }

  #group(to: Ip4): TokenBucket {
    let hash = Math.imul(to ^ this.#key, 0x9e3779b1)
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
    const group = (hash ^ (hash >>> 13)) & (GROUPS - 1)
    let bucket = this.#sources.get(group)
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#source)
      this.#sources.set(group, bucket)
    }
    return bucket
  }
}

const GROUPS = 1024
