/**
 * Ways through a gateway that hold until routes, addresses or ports change: by source, destination and the port that a
 * datagram came in by, so that every check that depends on these three is done once a flow.
 *
 * A way is one object with all that the next datagram of its flow needs, that of its frame included: in a large network
 * nothing of it is in the processor's cache, and each object more is a fetch from memory.
 *
 * Direct mapped: a new flow takes the place of the one that hashes alike; first the table grows, up to its bound, and a
 * flood of flows costs each packet what it would cost without it.
 */
import { holds, sum } from '../../wire/checksum.ts'
import { HEADER as ETHERNET, EtherType } from '../../wire/ethernet.ts'
import type { TableKeys } from '../../wire/ip-table.ts'
import * as ip4 from '../../wire/ip4.ts'
import { i32, put24, u16, u24 } from '../../wire/octets.ts'
import type { Changes } from '../changes.ts'
import type { Counters } from '../counters.ts'
import type { Port } from '../port.ts'

/** An Ethernet frame, from `bytes[0]` to `end`. */
export interface Frame {
  readonly bytes: Uint8Array
  end: number
}

export class Way {
  // In the order in which a frame asks for it.
  from: Port
  src = 0
  dst = 0
  /** What it was decided by: that of `Changes` then. */
  version = -1
  #neighbours = -1
  readonly #changes: Changes
  /** From then on, in whole milliseconds, the neighbour is out of date, or is to be noted as in use. */
  #until = 0
  #mtu = 0
  /** Link-layer addresses in words of 24 bits: of the port that it comes in by, … */
  #ownHigh = 0
  #ownLow = 0
  /** … and of the frame that leaves. */
  #toHigh = 0
  #toLow = 0
  #fromHigh = 0
  #fromLow = 0
  readonly #counters: Counters
  /** Of the outgoing port. */
  line: object | undefined = undefined
  /** A guess of who moves frames: what the same flow takes at the next node. */
  next: Way | undefined = undefined
  nextHop = 0
  out: Port

  constructor(from: Port, out: Port, changes: Changes, counters: Counters) {
    this.from = from
    this.out = out
    this.#changes = changes
    this.#counters = counters
  }

  /** It is that of the frame, which came in by the port. */
  isOf({ bytes, end }: Frame, from: Port): boolean {
    return (
      this.from === from &&
      end >= ETHERNET + ip4.HEADER &&
      i32(bytes, ETHERNET + SRC) === this.src &&
      i32(bytes, ETHERNET + DST) === this.dst &&
      this.version === this.#changes.version
    )
  }

  /**
   * The frame becomes, where it stands, the one that leaves. False: nothing was done. That is so where anything is to be
   * said or decided, and where something of the node waits, which the frame would pass.
   */
  relay(now: number, f: Frame): boolean {
    const { bytes } = f
    if (bytes[ETHERNET] !== PLAIN || u16(bytes, ETHERNET - 2) !== EtherType.ip4) return false
    if (u24(bytes, 3) !== this.#ownLow || u24(bytes, 0) !== this.#ownHigh) return false
    const changes = this.#changes
    if (changes.first !== undefined || changes.toSettle) return false
    if (this.#neighbours !== changes.neighbours || this.#until <= now) return false
    const length = u16(bytes, ETHERNET + LENGTH)
    const ttl = bytes[ETHERNET + TTL]!
    if (ttl <= 1 || length < ip4.HEADER || length > f.end - ETHERNET || length > this.#mtu) return false
    if (!holds(sum(bytes, ETHERNET, ETHERNET + ip4.HEADER))) return false
    put24(bytes, 0, this.#toHigh)
    put24(bytes, 3, this.#toLow)
    put24(bytes, 6, this.#fromHigh)
    put24(bytes, 9, this.#fromLow)
    ip4.setTtl(bytes, ETHERNET, ttl - 1)
    f.end = ETHERNET + length
    this.#counters.received++
    this.#counters.forwarded++
    return true
  }

  /** From now on and until then frames leave for `to`. */
  address(now: number, until: number, to: Uint8Array): void {
    const { from, out } = this
    this.#neighbours = this.#changes.neighbours
    this.#until = Math.floor(Math.min(until, now + NOTED))
    this.#mtu = out.mtu
    this.line = out.line
    this.#ownHigh = from.macHigh
    this.#ownLow = from.macLow
    this.#toHigh = u24(to, 0)
    this.#toLow = u24(to, 3)
    this.#fromHigh = out.macHigh
    this.#fromLow = out.macLow
  }

  /** It is another's now, whose frames have no address yet. */
  become(src: number, dst: number, from: Port, version: number, out: Port, nextHop: number): void {
    this.from = from
    this.src = src
    this.dst = dst
    this.version = version
    this.#neighbours = -1
    this.out = out
    this.nextHop = nextHop
  }
}

export class Ways {
  #mask = -1
  readonly #keyA: number
  readonly #keyB: number
  #all: (Way | undefined)[] = NONE
  readonly #changes: Changes
  readonly #counters: Counters

  /** `keys` make the hash unguessable. */
  constructor(keys: TableKeys, changes: Changes, counters: Counters) {
    this.#changes = changes
    this.#counters = counters
    this.#keyA = keys.word(1) | 1
    this.#keyB = keys.word(2) | 1
  }

  /** How many it holds. */
  get size(): number {
    const { version } = this.#changes
    let size = 0
    for (const w of this.#all) if (w?.version === version) size++
    return size
  }

  /** Of the flow whose source and destination stand at `src` in `bytes`. */
  find(bytes: Uint8Array, src: number, from: Port): Way | undefined {
    if (this.#mask < 0) return undefined
    const a = i32(bytes, src)
    const b = i32(bytes, src + 4)
    const w = this.#all[this.#place(a, b, from)]
    if (w === undefined || w.src !== a || w.dst !== b || w.from !== from) return undefined
    return w.version === this.#changes.version ? w : undefined
  }

  set(src: number, dst: number, from: Port, out: Port, nextHop: number): void {
    const { version } = this.#changes
    let place = this.#place(src, dst, from)
    while (this.#mask < WAYS - 1 && this.#isTaken(place, src, dst, from, version)) {
      this.#grow(version)
      place = this.#place(src, dst, from)
    }
    let w = this.#all[place]
    if (w === undefined) {
      w = new Way(from, out, this.#changes, this.#counters)
      this.#all[place] = w
    }
    w.become(src, dst, from, version, out, nextHop)
  }

  /** By another flow; or there is no room at all yet. */
  #isTaken(place: number, src: number, dst: number, from: Port, version: number): boolean {
    if (this.#mask < 0) return true
    const w = this.#all[place]
    return w !== undefined && w.version === version && (w.src !== src || w.dst !== dst || w.from !== from)
  }

  #grow(version: number): void {
    const old = this.#all
    this.#mask = Math.max(FIRST - 1, this.#mask * 4 + 3)
    this.#all = new Array<Way | undefined>(this.#mask + 1).fill(undefined)
    for (const w of old) if (w?.version === version) this.#all[this.#place(w.src, w.dst, w.from)] = w
  }

  #place(src: number, dst: number, from: Port): number {
    let h = Math.imul(src ^ this.#keyA, 0x9e3779b1) ^ Math.imul(dst ^ this.#keyB, 0x85ebca6b) ^ from.index
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
    return (h ^ (h >>> 13)) & this.#mask
  }
}

/** At most, and at first. */
const WAYS = 4096
const FIRST = 16
/** Milliseconds between notes that a neighbour is in use: whether it is counts after a minute. */
const NOTED = 1000
/** First octet of a header of version 4 without options. */
const PLAIN = 0x45
const LENGTH = 2
const TTL = 8
const SRC = 12
const DST = 16
const NONE: (Way | undefined)[] = []
