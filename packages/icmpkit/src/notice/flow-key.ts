/**
 * Where in a datagram it says which flow it belongs to, and a seeded hash of that. A flow is the workstation's address and
 * port, the server's address, and for link-local addresses the interface; the server's port is the program's.
 *
 * Multilinear over 16-bit words, the upper halves of two lanes joined: strongly universal for keys that nobody knows, as
 * in wire/ip-table.ts, so nobody can send flows that collide.
 */

/** Keys of four lanes: two make one number of 32 bits, and candidates.ts needs two of them. */
export class FlowHash {
  readonly #keys: Int32Array

  /** `random`: 0 ≤ r < 1. */
  constructor(random: () => number) {
    this.#keys = new Int32Array(LANES * (MOST_WORDS + 1))
    for (let i = 0; i < this.#keys.length; i++) this.#keys[i] = (random() * 2 ** 32) | 0
  }

  /** Of lanes `lane` and `lane + 1`; `octets` of each address. */
  of(
    lane: 0 | 2,
    bytes: Uint8Array,
    workstation: number,
    server: number,
    octets: number,
    port: number,
    extra: number,
  ): number {
    const k = this.#keys
    let j = lane * (MOST_WORDS + 1)
    const other = MOST_WORDS + 1
    let a =
      (k[j]! + Math.imul(k[j + 1]!, port) + Math.imul(k[j + 2]!, extra & 0xffff) + Math.imul(k[j + 3]!, extra >>> 16)) |
      0
    let b =
      (k[j + other]! +
        Math.imul(k[j + other + 1]!, port) +
        Math.imul(k[j + other + 2]!, extra & 0xffff) +
        Math.imul(k[j + other + 3]!, extra >>> 16)) |
      0
    j += 4
    for (let i = 0; i < octets; i += 2, j += 2) {
      const w = (bytes[workstation + i]! << 8) | bytes[workstation + i + 1]!
      const s = (bytes[server + i]! << 8) | bytes[server + i + 1]!
      a = (a + Math.imul(k[j]!, w) + Math.imul(k[j + 1]!, s)) | 0
      b = (b + Math.imul(k[j + other]!, w) + Math.imul(k[j + other + 1]!, s)) | 0
    }
    return (a & 0xffff0000) | (b >>> 16)
  }

  /** Of one address. */
  ofAddress(bytes: Uint8Array, at: number, octets: number): number {
    const k = this.#keys
    let a = k[0]!
    for (let i = 0; i < octets; i += 2) a = (a + Math.imul(k[4 + i]!, (bytes[at + i]! << 8) | bytes[at + i + 1]!)) | 0
    return a >>> 16
  }
}

const LANES = 4
/** Port, two of `extra`, sixteen of two addresses. */
const MOST_WORDS = 19
