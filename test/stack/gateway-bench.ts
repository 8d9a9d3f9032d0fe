/**
 * A gateway between three networks, for unit tests: 192.0.2.1/24 on port 1, 198.51.100.1/24 on port 2 (whose MTU may be
 * another), 203.0.113.1/24 on port 3. Point-to-point where not said, so that ARP is out of the way.
 */
import type { Arrival } from '../../packages/icmpkit/src/door.ts'
import type { NodeConfig, PortConfig, Route } from '../../packages/icmpkit/src/stack/index.ts'
import type { Ip4 } from '../../packages/icmpkit/src/wire/addr.ts'
import { hex } from '../../packages/icmpkit/src/wire/octets.ts'
import { ip4, OneNode, port } from './one-node.ts'

export interface Crossing {
  port: number
  hex: string
}

export interface Bench extends Partial<NodeConfig> {
  medium?: PortConfig['medium']
  /** Of port 2. */
  mtu?: number
}

/** It has had its time to probe for its addresses; the clock stands at 5 s on point-to-point links, at 20 s on Ethernet. */
export function gateway({ medium = 'ip', mtu = 1500, ...config }: Bench = {}): OneNode {
  const n = new OneNode({
    role: 'gateway',
    ports: [
      port(1, { medium, addresses: ['192.0.2.1/24'] }),
      port(2, { medium, addresses: ['198.51.100.1/24'], mtu }),
      port(3, { medium, addresses: ['203.0.113.1/24'] }),
    ],
    ...config,
    // Tests of forwarding look at what is forwarded.
    ip4: { routerAdvertisements: { advertise: false }, ...config.ip4 },
  })
  n.run(medium === 'ip' ? 5000 : 20_000)
  n.taken()
  return n
}

/** Gives one packet, by port 1 where not said; what left at once, by which port. */
export function cross(n: OneNode, packet: string, how: Partial<Arrival> = {}): Crossing[] {
  n.taken()
  n.give(packet, how)
  return n.taken().map((s) => ({ port: s.port, hex: hex(s.bytes) }))
}

type Given = Pick<Route<Ip4>, 'prefix' | 'prefixLength' | 'kind' | 'nextHop' | 'port'>

/** `['10.0.0.0/8', 2, '198.51.100.2']`, or a rule in the place of the port. */
export function routes(...list: [string, number | 'unreachable' | 'prohibit' | 'blackhole', string?][]): Given[] {
  return list.map(([text, by, via]) => {
    const [prefix, length] = text.split('/')
    const unicast = typeof by === 'number'
    return {
      prefix: ip4(prefix!),
      prefixLength: Number(length),
      kind: unicast ? 'unicast' : by,
      nextHop: via === undefined ? undefined : ip4(via),
      port: unicast ? by : -1,
    }
  })
}
