/**
 * What is known of paths (RFC 1191): by destination the largest datagram, where a router said that it is less than the
 * first link carries. Values only shrink, and age. Only messages that a transport believed come here (RFC 5927 §7).
 *
 * Left out: searching for the value without routers' help (RFC 4821, RFC 8899); a transport may, see `Datagram4.probe`.
 */
import type { Instant } from '../../clock.ts'
import type { Ip4 } from '../../wire/addr.ts'
import { IpTable } from '../../wire/ip-table.ts'
import * as ip4 from '../../wire/ip4.ts'
import { shared } from '../defaults.ts'
import type { Node } from '../node.ts'
import type { HeardError } from '../transport/transport.ts'
import { PATH_MTU_DEFAULTS, type PathMtuSettings } from './control-settings.ts'
import type { Ip4Layer } from './layer.ts'

interface Path {
  destination: Ip4
  mtu: number
  /** The path is narrower than the floor: DF would close it. */
  narrow: boolean
  until: number
}

/** @throws RangeError on less than a path carries, or a period in which a larger size must not be tried */
export function checkPathMtu(given: Partial<PathMtuSettings>): void {
  const { floor, ageMs } = { ...PATH_MTU_DEFAULTS, ...given }
  if (!(floor >= LEAST && floor <= 0xffff)) throw new RangeError(`a path MTU floor of ${floor}: 68 … 65535`)
  if (!(ageMs >= MIN_AGE)) throw new RangeError(`a path MTU that ages in ${ageMs} ms: five minutes at least`)
}

export class PathMtu4 {
  readonly #node: Node
  readonly #layer: Ip4Layer
  #settings: PathMtuSettings
  readonly #table: IpTable
  readonly #paths: Path[] = []

  constructor(node: Node, layer: Ip4Layer) {
    this.#node = node
    this.#layer = layer
    this.#settings = shared(PATH_MTU_DEFAULTS, layer.settings.pathMtu)
    this.#table = new IpTable(node.tableKeys, this.#settings.entries)
  }

  /** Other settings: they hold from the next message on; the table keeps its size. */
  reconfigured(): void {
    this.#settings = { ...PATH_MTU_DEFAULTS, ...this.#layer.settings.pathMtu, entries: this.#settings.entries }
  }

  /** Paths with a value of their own. */
  get size(): number {
    return this.#paths.length
  }

  /** Undefined where nothing smaller than the link's is known. */
  mtu(now: Instant, destination: Ip4): number | undefined {
    return this.#find(now, destination)?.mtu
  }

  /** Datagrams to there go without DF: the path is narrower than is believed. */
  isNarrow(now: Instant, destination: Ip4): boolean {
    return this.#find(now, destination)?.narrow ?? false
  }

  /**
   * What a code 4 message about the datagram quoted as `ip` says its next hop carries. A router from before RFC 1191
   * says 0: then the next plateau below the datagram (§5, §7.1).
   */
  claimed(now: Instant, ip: ip4.Header, nextHopMtu: number): number {
    if (nextHopMtu > 0) return Math.max(nextHopMtu, LEAST)
    const estimate = this.#estimate(now, ip.dst)
    let length = ip.length
    // 4.2BSD adds the header's length to the Total Length that it quotes; others turn its octets round.
    if (length >= estimate) length = Math.min(length - ip4.HEADER - ip.options.length, estimate)
    for (const plateau of PLATEAUS) if (plateau < length) return plateau
    return LEAST
  }

  /** An error that is believed. */
  heard(now: Instant, e: HeardError): void {
    const { ip } = e.quote
    if (e.type !== UNREACHABLE || e.code !== TOO_BIG || ip.kind !== 'ip4') return
    // A datagram that fits by the message's own words was not too big: a lie, or somebody else's news.
    if (e.mtu >= ip.length && ip.length >= ip4.HEADER + ip.options.length) return
    if (e.mtu >= this.#estimate(now, ip.dst)) return
    this.#decrease(now, ip.dst, e)
  }

  #decrease(now: Instant, destination: Ip4, e: HeardError): void {
    const { floor, ageMs, entries } = this.#settings
    const mtu = Math.max(e.mtu, floor)
    const narrow = e.mtu < floor
    let i = this.#table.get(destination)
    if (i >= 0 && this.#paths[i]!.narrow) return
    if (i < 0) {
      // Whoever fills the table has seen our datagrams; which entry goes, he can't choose.
      if (this.#paths.length >= entries) this.#remove(Math.floor(this.#node.random() * this.#paths.length))
      i = this.#paths.length
      this.#table.set(destination, i)
    }
    this.#paths[i] = { destination, mtu, narrow, until: now + ageMs }
    this.#node.emit({ kind: 'path-mtu', at: now, port: e.port, destination, mtu, by: e.from })
    this.#node.transport.pathMtu(now, destination, mtu)
  }

  /** The first link's MTU where nothing less is known (RFC 1191 §3). */
  #estimate(now: Instant, destination: Ip4): number {
    const hop = this.#layer.hop(now, destination)
    return typeof hop === 'string' ? 0xffff : this.#layer.pathMtu(now, destination, hop.port)
  }

  #find(now: Instant, destination: Ip4): Path | undefined {
    const i = this.#paths.length === 0 ? -1 : this.#table.get(destination)
    if (i < 0) return undefined
    const path = this.#paths[i]!
    if (path.until > now) return path
    this.#remove(i)
    return undefined
  }

  #remove(i: number): void {
    this.#table.delete(this.#paths[i]!.destination)
    const last = this.#paths.pop()!
    if (i === this.#paths.length) return
    this.#paths[i] = last
    this.#table.set(last.destination, i)
  }
}

const UNREACHABLE = 3
const TOO_BIG = 4
/** Every link carries so much (RFC 791 §3.2). */
const LEAST = 68
/** RFC 1191 §3: no larger size is tried sooner after a decrease. */
const MIN_AGE = 300_000
/** RFC 1191 §7.1. */
const PLATEAUS: readonly number[] = [65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68]
