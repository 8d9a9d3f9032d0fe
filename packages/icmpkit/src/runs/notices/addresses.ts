/** The addresses of this machine, kept as they change: a notice leaves from one of them, and none is about a broadcast. */
import * as os from '../../os/index.ts'
import { familyOf, type Ip, parseIp } from '../../wire/addr.ts'
import { IpTable } from '../../wire/ip-table.ts'

export class OwnAddresses {
  /** Index of the loopback interface; 0 where there is none. */
  readonly loopback: number
  readonly #netns: string | number | undefined
  #mine: IpTable
  #broadcasts: IpTable

  /** @throws OsError */
  constructor(netns: string | number | undefined) {
    this.#netns = netns
    this.#mine = new IpTable(0)
    this.#broadcasts = new IpTable(0)
    using netlink = this.#inside(os.openNetlink)
    this.loopback = netlink.links().find((l) => l.loopback)?.index ?? 0
    this.#read(netlink)
  }

  readonly mine = (ip: Ip): boolean => this.#mine.get(ip) >= 0 || isLoopback(ip)

  readonly isBroadcast = (ip: Ip): boolean => this.#broadcasts.get(ip) >= 0

  /** Until `signal` aborts; `changed` is called after each change. */
  async follow(signal: AbortSignal, changed: () => void): Promise<void> {
    const watch = this.#inside(() => os.watchNetwork(['address'], signal))
    for await (const _ of watch) {
      if (signal.aborted) break
      using netlink = this.#inside(os.openNetlink)
      this.#read(netlink)
      changed()
    }
  }

  #read(netlink: os.Netlink): void {
    const seed = new DataView(os.secret(4).buffer).getInt32(0)
    const mine = new IpTable(seed)
    const broadcasts = new IpTable(seed)
    for (const a of netlink.addresses()) {
      mine.set(a.address, a.index)
      if (a.broadcast !== undefined) broadcasts.set(a.broadcast, a.index)
      // A link without a broadcast address of its own has that of its prefix (RFC 1122 §3.2.1.3).
      const last = typeof a.address === 'number' ? lastOf(a.address, a.prefixLength) : undefined
      if (last !== undefined) broadcasts.set(last, a.index)
    }
    this.#mine = mine
    this.#broadcasts = broadcasts
  }

  #inside<T>(fn: () => T): T {
    return this.#netns === undefined ? fn() : os.inNamespace(this.#netns, fn)
  }
}

/** undefined: so short a network has no broadcast (RFC 3021). */
function lastOf(address: number, length: number): Ip | undefined {
  return length > 30 ? undefined : ((address | (0xffffffff >>> length) | 0) as Ip)
}

function isLoopback(ip: Ip): boolean {
  return familyOf(ip) === 4 ? (ip as number) >>> 24 === 127 : ip === LOOPBACK6
}

const LOOPBACK6 = parseIp('::1')
