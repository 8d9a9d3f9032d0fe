/**
 * What is known of paths (RFC 8201): by destination the largest packet, where a router said that it is less than the
 * first link's. Values only shrink, never under 1280 octets, and age.
 *
 * And what was sent lately that a Packet Too Big could be about: answers belong to no flow, so no transport can say that
 * the quote is of something that this node sent (RFC 8201 §4, RFC 5927 §4).
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, isLinkLocal } from '../../wire/addr.ts'
import { IpTable } from '../../wire/ip-table.ts'
import * as ip6 from '../../wire/ip6.ts'
import type { Node } from '../node.ts'

/** The least that every link carries (RFC 8200 §5). */
export const MIN_MTU = 1280

interface Path {
  destination: Ip6
  mtu: number
  until: number
}

export class PathMtu6 {
  readonly #node: Node
  readonly #table: IpTable
  readonly #paths: Path[] = []
  readonly #sent: SentLarge = new SentLarge()

  constructor(node: Node) {
    this.#node = node
    this.#table = new IpTable(node.tableKeys, node.ip6.settings.pathMtu.entries)
  }

  /** Paths with a value of their own. */
  get size(): number {
    return this.#paths.length
  }

  /** Has any path less than its first link? */
  get isInUse(): boolean {
    return this.#paths.length > 0 || !this.#node.ip6.settings.pathMtu.discover
  }

  /** Largest packet to `destination`, whose first link carries `linkMtu`. */
  get(now: Instant, destination: Ip6, linkMtu: number): number {
    const first = this.#node.ip6.settings.pathMtu.discover ? linkMtu : Math.min(linkMtu, MIN_MTU)
    const i = this.#table.size === 0 ? -1 : this.#table.get(destination)
    if (i < 0) return first
    const path = this.#paths[i]!
    if (path.until > now) return Math.min(path.mtu, first)
    this.#remove(i)
    return first
  }

  /** A router on the path says `mtu`. True where that is news: less than what was believed, and a link's honest MTU. */
  learn(now: Instant, destination: Ip6, mtu: number, linkMtu: number, by: Ip6, port: number): boolean {
    // A link-local path has one link, whose MTU is known.
    if (mtu < MIN_MTU || isLinkLocal(destination) || mtu >= this.get(now, destination, linkMtu)) return false
    const path = { destination, mtu, until: now + this.#node.ip6.settings.pathMtu.age }
    let i = this.#table.get(destination)
    if (i < 0) {
      // Whoever fills the table has seen our packets; which entry goes, he can't choose.
      if (this.#paths.length >= this.#node.ip6.settings.pathMtu.entries) {
        this.#remove(Math.floor(this.#node.random() * this.#paths.length))
      }
      i = this.#paths.length
      this.#table.set(destination, i)
    }
    this.#paths[i] = path
    this.#node.emit({ kind: 'path-mtu', at: now, port, destination, mtu, by })
    return true
  }

  /** Forgets what was learned of `destination`: its route is another now. */
  forget(destination: Ip6): void {
    const i = this.#table.get(destination)
    if (i >= 0) this.#remove(i)
  }

  /** A packet above the minimum leaves, from its IPv6 header on: somebody may find it too big. */
  noteSent(bytes: Uint8Array, at: number): void {
    this.#sent.note(bytes, at)
  }

  /** Is the quote at `at…end` of a packet that left lately? */
  wasSent(bytes: Uint8Array, at: number, end: number): boolean {
    return this.#sent.has(bytes, at, end)
  }

  #remove(i: number): void {
    this.#table.delete(this.#paths[i]!.destination)
    const last = this.#paths.pop()!
    if (i === this.#paths.length) return
    this.#paths[i] = last
    this.#table.set(last.destination, i)
  }
}

/** The addresses and first sixteen octets behind the IPv6 header of the last large packets. */
class SentLarge {
  #octets: Uint8Array = NOTHING
  #next = 0

  note(bytes: Uint8Array, at: number): void {
    if (this.#octets === NOTHING) this.#octets = new Uint8Array(SLOTS * KEPT)
    const slot = this.#next * KEPT
    for (let i = 0; i < KEPT; i++) this.#octets[slot + i] = bytes[at + SRC + i]!
    this.#next = (this.#next + 1) % SLOTS
  }

  has(bytes: Uint8Array, at: number, end: number): boolean {
    if (end - at < SRC + KEPT) return false
    for (let slot = 0; slot < this.#octets.length; slot += KEPT) {
      let i = 0
      while (i < KEPT && this.#octets[slot + i] === bytes[at + SRC + i]) i++
      if (i === KEPT) return true
    }
    return false
  }
}

const SLOTS = 256
const NOTHING = new Uint8Array(0)
const SRC = 8
/** Both addresses and sixteen octets: an ICMPv6 or UDP header with what follows, or a fragment header and as much. */
const KEPT = ip6.HEADER - SRC + 16
