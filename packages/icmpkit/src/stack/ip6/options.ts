/**
 * The options of a hop-by-hop or destination options header, handled strictly from left to right (RFC 8200 §4.2): the
 * two high bits of a type that is not known say what becomes of the packet.
 */
import type { Instant } from '../../clock.ts'
import { Type } from '../../wire/ip6-extension.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { Breach, type Breaches, type HeaderLimits } from './header-limits.ts'

export class Options6 {
  /** Value of the Router Alert option of the last hop-by-hop header; -1: none. */
  routerAlert = -1
  readonly #breaches: Breaches

  constructor(breaches: Breaches) {
    this.#breaches = breaches
  }

  /** The options at `at…end` of extension header `header`. False: the packet ends here, and has been answered or counted. */
  walk(node: Node, now: Instant, d: Inbound, header: number, at: number, end: number, limits: HeaderLimits): boolean {
    const { bytes } = d
    const breaches = this.#breaches
    let options = 0
    let padding = 0
    for (let i = at; i < end; ) {
      const type = bytes[i]!
      if (type === PAD1) {
        if (++padding > limits.paddingOctets) breaches.note(Breach.padding, i - d.at)
        i++
        continue
      }
      if (i + 1 === end) return problem(node, now, d, 0, i)
      const octets = bytes[i + 1]!
      const next = i + 2 + octets
      if (next > end) return problem(node, now, d, 0, i + 1)
      if (type === PADN) {
        padding += next - i
        if (padding > limits.paddingOctets) breaches.note(Breach.padding, i - d.at)
      } else {
        padding = 0
        if (++options > limits.options) breaches.note(Breach.options, i - d.at)
        if (octets > limits.optionOctets) breaches.note(Breach.optionOctets, i - d.at)
        if (type === ROUTER_ALERT && header === Type.hopByHop && octets === 2) {
          this.routerAlert = (bytes[i + 2]! << 8) | bytes[i + 3]!
        } else if (type >= DISCARD) {
          if (type < REPORT) return node.counters.drop('bad-options')
          // Whether a group was addressed decides between 10 and 11: a rule about sending errors, so it stands there.
          return problem(node, now, d, 2, i)
        }
      }
      i = next
    }
    return true
  }
}

function problem(node: Node, now: Instant, d: Inbound, code: number, at: number): false {
  return node.ip6.errors.report(now, d, { kind: 'parameterProblem', code, pointer: at - d.at })
}

const PAD1 = 0
const PADN = 1
const ROUTER_ALERT = 5
/** Types from here on have the high bits 01, 10 or 11. */
const DISCARD = 0x40
const REPORT = 0x80
