/** Timestamp requests answered (RFC 792, RFC 1122 §3.2.2.8): when one came in and when its answer leaves, in UT. */
import type { Instant } from '../../clock.ts'
import { isMulticast } from '../../wire/addr.ts'
import type * as icmp4 from '../../wire/icmp4.ts'
import type * as ip4 from '../../wire/ip4.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'

/** A request came in at `d.at`. */
export function answerTimestamp(node: Node, now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message): void {
  if (m.kind !== 'timestampRequest') return
  const { counters, ip4: layer } = node
  if (m.code !== 0) {
    counters.drop('bad-code')
    return
  }
  const group = isMulticast(h.dst) || layer.isBroadcast(h.dst) || d.link !== 'host'
  if (!layer.settings.timestamp || group) {
    counters.drop('disabled')
    return
  }
  const touched = Math.min(d.stamp, now) as Instant
  const reply = { receive: value(node, touched), transmit: value(node, now), trailing: NOTHING } as const
  layer.icmp.reply(now, d, h, { ...m, kind: 'timestampReply', ...reply })
}

/** Milliseconds since midnight UT; what is not that has its top bit set. */
function value({ wall, ip4: layer }: Node, at: Instant): number {
  const ms = Number((wall(at) / NS_PER_MS) % MS_PER_DAY)
  return layer.settings.timestampClock === 'ut' ? ms : (ms | NON_STANDARD) >>> 0
}

const NS_PER_MS = 1_000_000n
const MS_PER_DAY = 86_400_000n
const NON_STANDARD = 0x80000000
const NOTHING = new Uint8Array(0)
