/**
 * May an answer leave in the frame that the question came in? Only where the route back is the port that it came by and
 * the next hop's link-layer address the one that it came from. Found out the long way, and remembered for a second: so
 * the long way, and with it neighbour unreachability detection, is taken at least as often (RFC 4861 §7.3.3).
 */
import type { Instant } from '../../clock.ts'
import { readIp6 } from '../../wire/addr.ts'
import { i32 } from '../../wire/octets.ts'
import type { Inbound } from '../inbound.ts'
import { isMacAt } from '../mac.ts'
import type { Node } from '../node.ts'

export class WayBack {
  readonly #node: Node
  /** Rows of source, link-layer address, port. */
  #rows: Int32Array = NO_ROWS
  #until: Float64Array = NEVER
  readonly #seed: number
  #version = -1

  constructor(node: Node) {
    this.#node = node
    this.#seed = node.tableKeys.word(6) | 1
  }

  /** Everything is found out anew: an address, a port or a neighbour changed. */
  forget(): void {
    if (this.#until !== NEVER) this.#until.fill(0)
  }

  /** True where the datagram's source is reached the way that it came. The first time, and each second, false. */
  holds(now: Instant, d: Inbound): boolean {
    const { bytes, at, frame, port } = d
    const { version } = this.#node.ip6.routes
    if (this.#version !== version) {
      this.forget()
      this.#version = version
    }
    const a = i32(bytes, at + SRC)
    const b = i32(bytes, at + SRC + 4)
    const c = i32(bytes, at + SRC + 8)
    const e = i32(bytes, at + SRC + 12)
    const ethernet = port.medium === 'ethernet'
    const macHigh = ethernet ? i32(bytes, frame + 6) : 0
    const macLow = ethernet ? (bytes[frame + 10]! << 8) | bytes[frame + 11]! : 0
    let h = Math.imul(a ^ this.#seed, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c ^ this.#seed, 0xc2b2ae35) ^ e
    h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f)
    h ^= h >>> 13
    let i = h & (this.#until.length - 1)
    let row = i * ROW
    let rows = this.#rows
    if (
      this.#until[i]! > now &&
      rows[row] === a &&
      rows[row + 1] === b &&
      rows[row + 2] === c &&
      rows[row + 3] === e &&
      rows[row + 4] === macHigh &&
      rows[row + 5] === macLow &&
      rows[row + 6] === port.index
    ) {
      return true
    }
    if (!this.#isWayBack(now, d)) return false
    if (this.#until.length < ROWS && (rows === NO_ROWS || this.#until[i]! > now)) {
      // Another's place: what is known is found out anew in a larger table.
      const larger = Math.max(FIRST, this.#until.length * 4)
      rows = new Int32Array(larger * ROW)
      this.#rows = rows
      this.#until = new Float64Array(larger)
      i = h & (larger - 1)
      row = i * ROW
    }
    rows[row] = a
    rows[row + 1] = b
    rows[row + 2] = c
    rows[row + 3] = e
    rows[row + 4] = macHigh
    rows[row + 5] = macLow
    rows[row + 6] = port.index
    this.#until[i] = now + LIFETIME
    return false
  }

  #isWayBack(now: Instant, d: Inbound): boolean {
    const { ip6: layer } = this.#node
    const { bytes, at, frame, port } = d
    const to = readIp6(bytes, at + SRC)
    if (layer.isMine(to)) return false
    const hop = layer.hop(now, to, bytes[at + SRC] === 0xfe ? port : undefined)
    if (typeof hop === 'string' || hop.port !== port) return false
    if (port.medium === 'ip') return true
    const n = layer.neighbours.link(port).cache.get(hop.nextHop)
    if (n === undefined || n.state === 'incomplete') return false
    return isMacAt(n, bytes, frame + 6)
  }
}

/** How long it is believed, ms. */
const LIFETIME = 1000
/** At most, and at first. */
const ROWS = 4096
const FIRST = 16
const ROW = 7
const NO_ROWS = new Int32Array(ROW)
const NEVER = new Float64Array(1)
const SRC = 8
