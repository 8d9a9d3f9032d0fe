/**
 * Datagrams of this node to itself (RFC 1122 §3.3.1.1: what is for one of its own addresses never goes to a link). They
 * come in again at once, but not within the call that sent them, so that nothing nests.
 */
import type { Instant } from '../../clock.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Timer } from '../timers.ts'
import type { Input4 } from './input.ts'

export class Loopback4 {
  readonly #node: Node
  readonly #timer: Timer
  readonly #waiting: { port: Port; bytes: Uint8Array }[] = []

  /** `input` takes each in. */
  constructor(node: Node, input: Input4) {
    this.#node = node
    this.#timer = new Timer(node.timers, (now) => {
      for (const { port, bytes } of this.#waiting.splice(0)) input.deliver(now, inbound(now, port, bytes))
    })
  }

  /** Takes a copy of the datagram at `at…end`; `port` is where the address that it is for stands. False: too many wait. */
  send(now: Instant, port: Port, bytes: Uint8Array, at: number, end: number): boolean {
    if (this.#waiting.length >= MAX_WAITING) return this.#node.counters.drop('queue-full')
    this.#waiting.push({ port, bytes: bytes.slice(at, end) })
    this.#timer.set(now)
    return true
  }
}

function inbound(now: Instant, port: Port, bytes: Uint8Array): Inbound {
  const { length } = bytes
  const rest = { link: 'host', checksum: 'unknown', stamp: now, clock: 'user', labels: -1 } as const
  return { bytes, frame: 0, at: 0, end: length, length, port, ...rest }
}

const MAX_WAITING = 64
