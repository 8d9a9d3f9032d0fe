/** Which link an address is on: the prefixes of a network's links, longest first. Made when somebody first asks. */
import { ANY4, ANY6, type Family, familyOf, type Ip, type Ip4, type Ip6, isLinkLocal } from '../wire/addr.ts'
import { IpTable, TableKeys } from '../wire/ip-table.ts'
import type { RouteLink } from './made-routes.ts'

/** Prefixes have numbers, in the order in which the links name them. */
export class LinkPrefixes {
  /** Of each prefix. */
  readonly link: number[] = []
  readonly prefix: Ip[] = []
  readonly length: number[] = []
  /** Longest first. */
  readonly #tables: Record<Family, { length: number; of: IpTable }[]> = { 4: [], 6: [] }

  constructor(links: readonly RouteLink[]) {
    for (const [link, { ends }] of links.entries())
      for (const { port } of ends)
        for (const a of port.addresses ?? []) if (!isLinkLocal(a.address)) this.#note(a.address, a.prefixLength, link)
  }

  /** The number of the longest that holds the address; -1 where none does. */
  find(address: Ip): number {
    for (const { length, of } of this.#tables[familyOf(address)]) {
      const found = of.get(mask(address, length))
      if (found >= 0) return found
    }
    return -1
  }

  #note(address: Ip, length: number, link: number): void {
    const tables = this.#tables[familyOf(address)]
    let table = tables.find((t) => t.length === length)
    if (table === undefined) {
      table = { length, of: new IpTable(KEYS) }
      tables.push(table)
      tables.sort((a, b) => b.length - a.length)
    }
    const prefix = mask(address, length)
    if (table.of.get(prefix) >= 0) return
    table.of.set(prefix, this.link.push(link) - 1)
    this.prefix.push(prefix)
    this.length.push(length)
  }
}

function mask(address: Ip, length: number): Ip {
  if (typeof address === 'number') return length === 0 ? ANY4 : ((address & (-1 << (32 - length))) as Ip4)
  if (length === 0) return ANY6
  const host = BigInt(128 - length)
  return ((address >> host) << host) as Ip6
}

/** Whoever wrote the network's addresses is no attacker. */
const KEYS = new TableKeys(0)
