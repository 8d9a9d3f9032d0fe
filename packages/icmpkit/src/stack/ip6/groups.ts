/**
 * The multicast groups that a node listens to, by port (RFC 4291 §2.8): all nodes, the solicited-node group of each of
 * its addresses, on a gateway all routers. Joined as often as asked for, left when the last one leaves. The routers of
 * the link hear of it by `mld.ts`.
 */
import type { Instant } from '../../clock.ts'
import { type Ip6, readIp6 } from '../../wire/addr.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'

export const ALL_NODES: Ip6 = 0xff020000000000000000000000000001n as Ip6
export const ALL_ROUTERS: Ip6 = 0xff020000000000000000000000000002n as Ip6
/** Where MLDv2 reports go (RFC 3810 §5.2.14). */
export const ALL_MLDV2_ROUTERS: Ip6 = 0xff020000000000000000000000000016n as Ip6

/** Most groups of one port. */
export const MAX_GROUPS = 1024

/** Who tells the routers of the link. */
export interface GroupWatcher {
  /** The first listener came; what is told may wait `delayMs`, so that nodes which start together don't speak together. */
  joined(now: Instant, port: Port, group: Ip6, delayMs: number): void
  /** The last one went. */
  left(now: Instant, port: Port, group: Ip6): void
}

export class Groups {
  watcher: GroupWatcher | undefined
  readonly #node: Node

  constructor(node: Node) {
    this.#node = node
  }

  /** False where the port has as many as it may. */
  join(now: Instant, port: Port, group: Ip6, delayMs = 0): boolean {
    const link = this.#node.ip6.neighbours.link(port)
    if (link.groups.length >= MAX_GROUPS) return false
    const isNew = !link.groups.includes(group)
    link.groups = link.groups.concat(group)
    if (isNew) this.watcher?.joined(now, port, group, delayMs)
    return true
  }

  leave(now: Instant, port: Port, group: Ip6): void {
    const link = this.#node.ip6.neighbours.link(port)
    const last = link.groups.lastIndexOf(group)
    if (last < 0) return
    link.groups = link.groups.toSpliced(last, 1)
    if (!link.groups.includes(group)) this.watcher?.left(now, port, group)
  }

  isMember(group: Ip6, port: Port): boolean {
    return port.ip6?.groups.includes(group) ?? false
  }

  /** Is the group that stands at `at` one of the port's? */
  isMemberAt(bytes: Uint8Array, at: number, port: Port): boolean {
    return this.isMember(readIp6(bytes, at), port)
  }

  /** Those of the port. */
  of(port: Port): readonly Ip6[] {
    return (port.ip6?.groups ?? []).filter((group, i, all) => all.indexOf(group) === i)
  }
}
