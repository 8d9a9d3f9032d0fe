/** Timestamp requests answered (RFC 792, RFC 1122 §3.2.2.8): when one came in and when its answer leaves, in UT. */
import type { Instant } from '../../clock.ts'
import { isMulticast } from '../../wire/addr.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import type * as ip4 from '../../wire/ip4.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Ip4Layer } from './layer.ts'

export class Timestamps4 {
  readonly #node: Node
  readonly #layer: Ip4Layer

  constructor(node: Node, layer: Ip4Layer) {
    this.#node = node
    this.#layer = layer
    layer.icmp.on(icmp4.Type.timestampRequest, (now, d, h, m) => this.#answer(now, d, h, m))
  }

  #answer(now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message): void {
    if (m.kind !== 'timestampRequest') return
    const { counters } = this.#node
    if (m.code !== 0) {
      counters.drop('bad-code')
      return
    }
    const group = isMulticast(h.dst) || this.#layer.isBroadcast(h.dst) || d.link !== 'host'
    if (!this.#layer.settings.timestamp || group) {
      counters.drop('disabled')
      return
    }
    const touched = Math.min(d.stamp, now) as Instant
    const reply = { receive: this.#value(touched), transmit: this.#value(now), trailing: NOTHING } as const
    this.#layer.icmp.reply(now, d, h, { ...m, kind: 'timestampReply', ...reply })
  }

  /** Milliseconds since midnight UT; what is not that has its top bit set. */
  #value(at: Instant): number {
    const ms = Number((this.#node.wall(at) / NS_PER_MS) % MS_PER_DAY)
    return this.#layer.settings.timestampClock === 'ut' ? ms : (ms | NON_STANDARD) >>> 0
  }
}

const NS_PER_MS = 1_000_000n
const MS_PER_DAY = 86_400_000n
const NON_STANDARD = 0x80000000
const NOTHING = new Uint8Array(0)
