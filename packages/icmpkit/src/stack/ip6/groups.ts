/**
 * The multicast groups that a node listens to, by port (RFC 4291 §2.8): all nodes, the solicited-node group of each of
 * its addresses, on a gateway all routers. Joined as often as asked for, left when the last one leaves. The routers of
 * the link hear of it by `mld.ts`.
 */
import type { Instant } from '../../clock.ts'
import type { Ip6 } from '../../wire/addr.ts'
import { IpTable, type TableKeys } from '../../wire/ip-table.ts'
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

interface Joined {
  readonly table: IpTable
  /** By port, in the order of joining; `times` counts the joins. */
  readonly list: (Membership | undefined)[]
}

export interface Membership {
  readonly group: Ip6
  times: number
}

export class Groups {
  watcher: GroupWatcher | undefined
  readonly #keys: TableKeys
  readonly #ports: Map<number, Joined> = new Map()

  constructor(keys: TableKeys) {
    this.#keys = keys
  }

  /** False where the port has as many as it may. */
  join(now: Instant, port: Port, group: Ip6, delayMs = 0): boolean {
    let p = this.#ports.get(port.index)
    if (p === undefined) {
      p = { table: new IpTable(this.#keys, MAX_GROUPS), list: [] }
      this.#ports.set(port.index, p)
    }
    const known = p.table.get(group)
    if (known >= 0) {
      p.list[known]!.times++
      return true
    }
    const free = p.list.indexOf(undefined)
    const slot = free < 0 ? p.list.length : free
    if (!p.table.set(group, slot)) return false
    p.list[slot] = { group, times: 1 }
    this.watcher?.joined(now, port, group, delayMs)
    return true
  }

  leave(now: Instant, port: Port, group: Ip6): void {
    const p = this.#ports.get(port.index)
    const slot = p?.table.get(group) ?? -1
    if (slot < 0) return
    const m = p!.list[slot]!
    if (--m.times > 0) return
    p!.table.delete(group)
    p!.list[slot] = undefined
    this.watcher?.left(now, port, group)
  }

  isMember(group: Ip6, port: Port): boolean {
    return (this.#ports.get(port.index)?.table.get(group) ?? -1) >= 0
  }

  /** Is the group that stands at `at` one of the port's? */
  isMemberAt(bytes: Uint8Array, at: number, port: Port): boolean {
    return (this.#ports.get(port.index)?.table.getAt(bytes, at, 6) ?? -1) >= 0
  }

  /** Those of the port. */
  *of(port: Port): Generator<Ip6> {
    for (const m of this.#ports.get(port.index)?.list ?? []) if (m !== undefined) yield m.group
  }
}
