/** ICMPv6 errors of this node's own (RFC 4443 §2.4): whether one may be sent, what it quotes, where it comes from. */
import type { Instant } from '../../clock.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'

export type Fault6 =
  | { kind: 'unreachable'; code: number }
  | { kind: 'packetTooBig'; mtu: number }
  | { kind: 'timeExceeded'; code: number }
  | { kind: 'parameterProblem'; code: number; pointer: number }

export class Errors6 {
  readonly #node: Node

  constructor(node: Node) {
    this.#node = node
  }

  /** Answers the packet at `d.at` with an error, where one may be sent. Always false: nothing was rewritten in place. */
  report(_now: Instant, _d: Inbound, _fault: Fault6): false {
    return this.#node.counters.suppress('switched-off')
  }
}
