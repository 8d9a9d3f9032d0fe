/**
 * A firewall whose state of echo is the pair of addresses: it holds one identifier for each, and a second ping, with another,
 * gets nothing until nobody has tried for a while. Its table is bounded: what finds no room gets nothing either.
 */
import type { Instant } from '../clock.ts'
import type { Node } from '../stack/node.ts'
import type { Port } from '../stack/port.ts'
import { hex, u16 } from '../wire/octets.ts'
import { type Behaviour, crosses, endsHere, type Packet } from './behaviour.ts'
import { echoAt, ipAt } from './frame-view.ts'
import type { Behaviours } from './topology.ts'

export class StuckEcho implements Behaviour {
  readonly takes = 'firewall: stuck on another identifier'
  readonly #idle: number
  readonly #entries: number
  readonly #node: Node
  /** By source and destination, as hex digits; the one longest unheard of first. */
  readonly #pairs = new Map<string, { id: number; last: number }>()

  constructor({ idle = 30_000, entries = 1024 }: NonNullable<Behaviours['stuckEcho']>, node: Node) {
    this.#idle = idle
    this.#entries = entries
    this.#node = node
  }

  /** Pairs that it remembers. */
  get size(): number {
    return this.#pairs.size
  }

  comes(now: Instant, { bytes, at, end }: Packet, port: Port): boolean {
    const ip = ipAt(port.medium, bytes, at, end)
    const echo = ip < 0 ? -1 : echoAt(bytes, ip, end)
    if (echo < 0 || !crosses(this.#node, bytes, ip, port) || endsHere(bytes, ip)) return true
    const four = bytes[ip]! >>> 4 === 4
    const key = four ? hex(bytes, ip + 12, ip + 20) : hex(bytes, ip + 8, ip + 40)
    const id = u16(bytes, echo + 4)
    this.#forget(now)
    const pair = this.#pairs.get(key)
    if (pair === undefined && this.#pairs.size >= this.#entries) return this.#node.counters.drop('table-full')
    this.#pairs.delete(key)
    this.#pairs.set(key, { id: pair?.id ?? id, last: now })
    return pair === undefined || pair.id === id ? true : this.#node.counters.drop('filtered')
  }

  #forget(now: Instant): void {
    for (const [key, { last }] of this.#pairs) {
      if (now - last < this.#idle) return
      this.#pairs.delete(key)
    }
  }
}
