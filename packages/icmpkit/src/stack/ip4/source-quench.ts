/**
 * Source Quench ignored (RFC 6633): no transport hears of it, nothing slows down, whatever it quotes. It is told of, a
 * few times, since nobody honest sends it any more (§8). And none is ever sent.
 */
import type { Instant } from '../../clock.ts'
import { showIp } from '../../wire/addr.ts'
import type * as ip4 from '../../wire/ip4.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { TokenBucket } from '../token-bucket.ts'

export class SourceQuench4 {
  readonly #node: Node
  readonly #log = new TokenBucket({ rate: 1, burst: 10 })

  constructor(node: Node) {
    this.#node = node
  }

  ignore(now: Instant, d: Inbound, h: ip4.Header): void {
    this.#node.counters.drop('source-quench')
    if (!this.#log.take(now)) return
    const what = `ignored a source quench (ICMP type 4) from ${showIp(h.src)} to ${showIp(h.dst)}`
    this.#node.emit({ kind: 'log', at: now, port: d.port.index, what, about: h.src })
  }
}
