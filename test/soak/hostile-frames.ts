/**
 * What floods a node: random octets, real packets as they are, and real packets changed at random, most of them made to fit
 * again (lengths, checksums) and sent to addresses that the node has or forwards to. Made in place.
 */
import { type Ip, parseIp, writeIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { put16 } from '../../packages/icmpkit/src/wire/octets.ts'
import { generate } from '../fuzz/mutation.ts'
import type { Random } from '../fuzz/random.ts'
import { repairIp4, repairIp6 } from '../fuzz/repair.ts'
import { ARP, IP4, IP6 } from '../fuzz/seeds.ts'

/** Room that a frame may need, octets: an input of the mutations, its headers, the tail that they copy. */
export const FRAME_ROOM = 6144

export interface Targets {
  /** The node's link-layer address; empty where packets have none. */
  mac: Uint8Array
  /** Its own addresses, and some behind it. */
  to: readonly string[]
  /** Neighbours that ask; strangers do too. */
  from: readonly string[]
  /** The link carries no more, octets of IP. */
  mtu: number
}

export class HostileFrames {
  readonly #random: Random
  readonly #mac: Uint8Array
  readonly #to: Record<4 | 6, Ip[]>
  readonly #from: Record<4 | 6, Ip[]>
  readonly #mtu: number

  constructor(random: Random, targets: Targets) {
    this.#random = random
    this.#mac = targets.mac
    this.#mtu = targets.mtu
    const of = (family: 4 | 6, texts: readonly string[]) =>
      texts.map((t) => parseIp(t)!).filter((a) => (typeof a === 'number') === (family === 4))
    this.#to = { 4: of(4, targets.to), 6: of(6, targets.to) }
    this.#from = { 4: of(4, targets.from), 6: of(6, targets.from) }
  }

  /** Writes one at `at`, where there is room for FRAME_ROOM octets; returns its end. */
  next(out: Uint8Array, at: number): number {
    const r = this.#random
    const ethernet = this.#mac.length > 0
    const ip = ethernet ? at + ETHERNET : at
    const kind = r.below(20)
    const family = kind < 10 ? 4 : 6
    // Of ARP what a broken or foreign host sends; that somebody claims the node's address is another matter (RFC 5227).
    const isArp = ethernet && kind === 0
    let end = Math.min(generate(r, isArp ? ARP : family === 4 ? IP4 : IP6, out, ip), ip + this.#mtu)
    if (isArp) put16(out, ip + ARP_SENDER, 0x0a09)
    else {
      end = Math.max(end, ip + 1)
      if (r.below(4) > 0) this.#address(out, ip, end, family)
      if (r.below(4) > 0) family === 4 ? repairIp4(out, ip, end) : repairIp6(out, ip, end)
    }
    if (!ethernet) return end
    this.#frame(out, at, isArp ? 0x0806 : r.below(100) === 0 ? r.below(0x10000) : family === 4 ? 0x0800 : 0x86dd)
    return end
  }

  #address(out: Uint8Array, ip: number, end: number, family: 4 | 6): void {
    const r = this.#random
    const [src, dst, length] = family === 4 ? [12, 16, 20] : [8, 24, 40]
    if (end - ip < length!) return
    if (this.#to[family].length > 0 && r.below(8) > 0) writeIp(r.pick(this.#to[family]), out, ip + dst!)
    if (this.#from[family].length > 0 && r.below(2) === 0) writeIp(r.pick(this.#from[family]), out, ip + src!)
  }

  /** To the node, some to all or to a group; from a neighbour of many. */
  #frame(out: Uint8Array, at: number, type: number): void {
    const r = this.#random
    const way = r.below(16)
    for (let i = 0; i < 6; i++) out[at + i] = way === 0 ? 0xff : this.#mac[i]!
    if (way === 1) {
      put16(out, at, 0x3333)
      put16(out, at + 2, r.below(2) === 0 ? 0 : 0xff00 | r.below(256))
      put16(out, at + 4, 1 + r.below(2))
    } else if (way === 2) {
      put16(out, at, 0x0100)
      put16(out, at + 2, 0x5e00)
      put16(out, at + 4, 1 + r.below(2))
    }
    put16(out, at + 6, 0x0200)
    put16(out, at + 8, 0x00bb)
    put16(out, at + 10, r.below(256))
    put16(out, at + 12, type)
  }
}

const ETHERNET = 14
/** The upper half of the sender's address. */
const ARP_SENDER = 14
