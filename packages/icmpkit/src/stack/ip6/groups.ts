/**
 * The multicast groups that a node listens to, by port (RFC 4291 §2.8): all nodes, the solicited-node group of each of
 * its addresses, on a gateway all routers. Joined as often as asked for, left when the last one leaves.
 */
import type { Instant } from '../../clock.ts'
import type { Ip6 } from '../../wire/addr.ts'
import { IpTable } from '../../wire/ip-table.ts'
import type { Port } from '../port.ts'

export const ALL_NODES: Ip6 = 0xff020000000000000000000000000001n as Ip6
export const ALL_ROUTERS: Ip6 = 0xff020000000000000000000000000002n as Ip6

/** Most groups of one port. */
const MAX_GROUPS = 1024

export class Groups {
  readonly #seed: number
  /** Port index → group → how often it was joined. */
  readonly #joined: Map<number, IpTable> = new Map()

  constructor(seed: number) {
    this.#seed = seed
  }

  join(_now: Instant, port: Port, group: Ip6): boolean {
    let table = this.#joined.get(port.index)
    if (table === undefined) {
      table = new IpTable(this.#seed, MAX_GROUPS)
      this.#joined.set(port.index, table)
    }
    return table.set(group, Math.max(table.get(group), 0) + 1)
  }

  leave(_now: Instant, port: Port, group: Ip6): void {
    const table = this.#joined.get(port.index)
    const times = table?.get(group) ?? -1
    if (times > 1) table!.set(group, times - 1)
    else table?.delete(group)
  }

  isMember(group: Ip6, port: Port): boolean {
    return (this.#joined.get(port.index)?.get(group) ?? -1) > 0
  }

  /** Is the group that stands at `at` one of the port's? */
  isMemberAt(bytes: Uint8Array, at: number, port: Port): boolean {
    return (this.#joined.get(port.index)?.getAt(bytes, at, 6) ?? -1) > 0
  }
}
