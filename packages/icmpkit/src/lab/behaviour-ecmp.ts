/**
 * Routes of equal cost, one of them for each flow or for each packet (RFC 2991, RFC 2992, RFC 6438). Which fields tell flows
 * apart differs between routers, and decides what a traceroute sees (Augustin et al. 2006, "Avoiding traceroute anomalies").
 */
import type { Inbound } from '../stack/inbound.ts'
import type { Node } from '../stack/node.ts'
import type { Route, RouteTable } from '../stack/route-table.ts'
import type { Ip } from '../wire/addr.ts'
import { u16, u24 } from '../wire/octets.ts'
import { protocolOf, upperOf } from './frame-view.ts'
import type { Behaviours, EcmpField } from './topology.ts'

export class Ecmp {
  readonly #fields: ReadonlySet<EcmpField> | undefined
  #turn = 0
  #seed = 0

  constructor(ecmp: NonNullable<Behaviours['ecmp']>) {
    if (ecmp !== 'packet') this.#fields = new Set<EcmpField>(ecmp === 'flow' ? FLOW : ecmp)
  }

  /** Routers differ in their hash, or all of a row would split alike. */
  join(node: Node): void {
    this.#seed = (node.random() * 2 ** 32) | 0
    node.ip4.forward.choose = (d, best, dst) => this.#choose(node, node.ip4.routes, d, best, dst)
    node.ip6.forward.choose = (d, best, dst) => this.#choose(node, node.ip6.routes, d, best, dst)
  }

  #choose<A extends Ip>(node: Node, routes: RouteTable<A>, d: Inbound, best: Route<A>, dst: A): Route<A> {
    const equal = routes
      .candidates(dst)
      ?.filter(
        (r) =>
          r.kind === 'unicast' &&
          r.prefixLength === best.prefixLength &&
          r.metric === best.metric &&
          node.ports.get(r.port)?.up === true,
      )
    if (equal === undefined || equal.length < 2) return best
    const pick = this.#fields === undefined ? this.#turn++ : this.#hash(this.#fields, d)
    return equal[pick % equal.length]!
  }

  #hash(fields: ReadonlySet<EcmpField>, { bytes, at, end }: Inbound): number {
    const four = bytes[at]! >>> 4 === 4
    const protocol = protocolOf(bytes, at, end)
    let h = this.#seed
    if (fields.has('addresses')) {
      const last = at + (four ? 20 : 40)
      for (let i = at + (four ? 12 : 8); i < last; i += 2) h = mix(h, u16(bytes, i))
    }
    if (fields.has('protocol')) h = mix(h, protocol)
    if (fields.has('flow-label') && !four) h = mix(h, u24(bytes, at + 1) & 0xfffff)
    // A later fragment has no ports, and so the first must not have any either, or they would part.
    const whole = four ? (u16(bytes, at + 6) & 0x3fff) === 0 : bytes[at + 6] !== FRAGMENT
    const upper = whole ? upperOf(bytes, at, end, 8) : -1
    if (upper < 0) return finish(h)
    if (HAS_PORTS.has(protocol)) {
      if (fields.has('ports')) h = mix(mix(h, u16(bytes, upper)), u16(bytes, upper + 2))
    } else if (protocol === (four ? 1 : 58)) {
      if (fields.has('icmp-checksum')) h = mix(mix(h, u16(bytes, upper)), u16(bytes, upper + 2))
      const isQuery = four ? QUERIES4.has(bytes[upper]!) : QUERIES6.has(bytes[upper]!)
      if (fields.has('icmp-id') && isQuery) h = mix(h, u16(bytes, upper + 4))
    }
    return finish(h)
  }
}

function mix(h: number, word: number): number {
  const m = Math.imul(h ^ word, 0x85ebca6b)
  return Math.imul(m ^ (m >>> 13), 0xc2b2ae35)
}

function finish(h: number): number {
  return (h ^ (h >>> 16)) >>> 0
}

/** The header of a fragment, right behind that of IPv6. */
const FRAGMENT = 44
const FLOW: readonly EcmpField[] = ['addresses', 'protocol', 'ports', 'icmp-id', 'flow-label']
const HAS_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136])
const QUERIES4: ReadonlySet<number> = new Set([0, 8, 13, 14, 15, 16, 17, 18])
const QUERIES6: ReadonlySet<number> = new Set([128, 129])
