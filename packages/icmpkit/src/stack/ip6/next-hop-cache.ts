/**
 * Where packets to a destination go, until a route changes: found by the octets of the destination, so that forwarding
 * makes no value of an address. Direct mapped: it never grows, and a flood of destinations costs what no cache would.
 */
import { type Ip6, writeIp } from '../../wire/addr.ts'
import { i32 } from '../../wire/octets.ts'
import type { Port } from '../port.ts'

export class NextHopCache {
  /** The next hops, sixteen octets each. */
  readonly octets: Uint8Array = new Uint8Array(ROWS * 16)
  readonly #keys: Int32Array = new Int32Array(ROWS * 4)
  readonly #ports: (Port | undefined)[] = new Array(ROWS).fill(undefined)
  readonly #hops: (Ip6 | undefined)[] = new Array(ROWS).fill(undefined)
  readonly #seed: number
  #version = -1

  /** `seed` is any int32 nobody outside can guess. */
  constructor(seed: number) {
    this.#seed = seed | 1
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
    const i = this.#row(bytes, at)
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
    this.#ports.fill(undefined)
  }

  #row(bytes: Uint8Array, at: number): number {
    let h = Math.imul(i32(bytes, at) ^ this.#seed, 0x9e3779b1) ^ Math.imul(i32(bytes, at + 4), 0x85ebca6b)
    h ^= Math.imul(i32(bytes, at + 8) ^ this.#seed, 0xc2b2ae35) ^ Math.imul(i32(bytes, at + 12), 0x27d4eb2f)
    h = Math.imul(h ^ (h >>> 15), 0x9e3779b1)
    return (h ^ (h >>> 13)) & (ROWS - 1)
  }
}

const ROWS = 4096
