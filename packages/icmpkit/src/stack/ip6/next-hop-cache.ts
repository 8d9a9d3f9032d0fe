/**
 * Where packets to a destination go, until a route changes: found by the octets of the destination, so that forwarding
 * makes no value of an address. Direct mapped: it grows up to its bound, and a flood of destinations costs what no cache
 * would.
 */
import { type Ip6, writeIp } from '../../wire/addr.ts'
import type { TableKeys } from '../../wire/ip-table.ts'
import { i32 } from '../../wire/octets.ts'
import type { Port } from '../port.ts'

export class NextHopCache {
  /** The next hops, sixteen octets each. */
  octets: Uint8Array = NO_OCTETS
  #keys: Int32Array = NONE
  #ports: (Port | undefined)[] = NO_PORTS
  #hops: (Ip6 | undefined)[] = []
  #mask = 0
  readonly #seed: number
  #version = -1

  /** `keys`: nobody outside can guess them. */
  constructor(keys: TableKeys) {
    this.#seed = keys.word(5) | 1
  }

  /** The row of the destination at `at`; -1 where it is not known, or was learned by other routes than those of `version`. */
  find(bytes: Uint8Array, at: number, version: number): number {
    if (version !== this.#version) {
      this.clear()
      this.#version = version
      return -1
    }
    const i = this.#row(bytes, at)
    const k = i * 4
    const keys = this.#keys
    const hit =
      keys[k] === i32(bytes, at) &&
      keys[k + 1] === i32(bytes, at + 4) &&
      keys[k + 2] === i32(bytes, at + 8) &&
      keys[k + 3] === i32(bytes, at + 12) &&
      this.#ports[i] !== undefined
    return hit ? i : -1
  }

  /** Returns the row. `nextHop` undefined: the destination is on the link. */
  set(bytes: Uint8Array, at: number, port: Port, nextHop: Ip6 | undefined): number {
    let i = this.#row(bytes, at)
    while (this.#mask < ROWS - 1 && this.#isTaken(i, bytes, at)) {
      this.#grow()
      i = this.#row(bytes, at)
    }
    for (let w = 0; w < 4; w++) this.#keys[i * 4 + w] = i32(bytes, at + w * 4)
    this.#ports[i] = port
    this.#hops[i] = nextHop
    if (nextHop !== undefined) writeIp(nextHop, this.octets, i * 16)
    return i
  }

  portAt(i: number): Port {
    return this.#ports[i]!
  }

  isOnLink(i: number): boolean {
    return this.#hops[i] === undefined
  }

  hopAt(i: number): Ip6 | undefined {
    return this.#hops[i]
  }

  /** Where the next hop stands in `octets`. */
  octetsAt(i: number): number {
    return i * 16
  }

  clear(): void {
    if (this.#ports !== NO_PORTS) this.#ports.fill(undefined)
  }

  /** By another destination; or there is no room at all yet. */
  #isTaken(i: number, bytes: Uint8Array, at: number): boolean {
    if (this.#keys === NONE) return true
    if (this.#ports[i] === undefined) return false
    for (let w = 0; w < 4; w++) if (this.#keys[i * 4 + w] !== i32(bytes, at + w * 4)) return true
    return false
  }

  #grow(): void {
    const keys = this.#keys
    const ports = this.#ports
    const hops = this.#hops
    const { octets } = this
    this.#mask = Math.max(FIRST - 1, this.#mask * 4 + 3)
    const rows = this.#mask + 1
    this.octets = new Uint8Array(rows * 16)
    this.#keys = new Int32Array(rows * 4)
    this.#ports = new Array(rows).fill(undefined)
    this.#hops = new Array(rows).fill(undefined)
    for (let from = 0; from < ports.length; from++) {
      if (ports[from] === undefined) continue
      const i = this.#rowOf(keys[from * 4]!, keys[from * 4 + 1]!, keys[from * 4 + 2]!, keys[from * 4 + 3]!)
      this.#keys.set(keys.subarray(from * 4, from * 4 + 4), i * 4)
      this.octets.set(octets.subarray(from * 16, from * 16 + 16), i * 16)
      this.#ports[i] = ports[from]
      this.#hops[i] = hops[from]
    }
  }

  #row(bytes: Uint8Array, at: number): number {
    return this.#rowOf(i32(bytes, at), i32(bytes, at + 4), i32(bytes, at + 8), i32(bytes, at + 12))
  }

  #rowOf(a: number, b: number, c: number, d: number): number {
    let h = Math.imul(a ^ this.#seed, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)
    h ^= Math.imul(c ^ this.#seed, 0xc2b2ae35) ^ Math.imul(d, 0x27d4eb2f)
    h = Math.imul(h ^ (h >>> 15), 0x9e3779b1)
    return (h ^ (h >>> 13)) & this.#mask
  }
}

/** At most, and at first. */
const ROWS = 4096
const FIRST = 16
const NONE = new Int32Array(4)
const NO_OCTETS = new Uint8Array(0)
const NO_PORTS: (Port | undefined)[] = [undefined]
