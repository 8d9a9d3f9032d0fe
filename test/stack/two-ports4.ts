/** The node that the unit tests of IPv4 share: two point-to-point ports, its addresses in use, ten seconds old. */
import { expect } from 'vitest'
import type { PortConfig } from '../../packages/icmpkit/src/stack/index.ts'
import type { Ip4Settings } from '../../packages/icmpkit/src/stack/ip4/settings.ts'
import { ip4, OneNode, port } from './one-node.ts'
import { read } from './packet4.ts'

export const ROLES = ['host', 'gateway'] as const

export const PORTS: PortConfig[] = [
  port(1, { medium: 'ip', addresses: ['192.0.2.1/24', '192.0.2.9/24'] }),
  port(2, { medium: 'ip', addresses: ['198.51.100.1/24'] }),
]

export const DEFAULT_ROUTE = {
  prefix: ip4('0.0.0.0'),
  prefixLength: 0,
  kind: 'unicast',
  nextHop: ip4('192.0.2.2'),
  port: 1,
} as const

/** 192.0.2.1 and 192.0.2.9 on port 1, 198.51.100.1 on port 2; what is far away goes by 192.0.2.2. */
export function node(
  role: 'host' | 'gateway',
  settings: Partial<Ip4Settings> = {},
  ports: PortConfig[] = PORTS,
): OneNode {
  const n = new OneNode({ role, ports, ip4: { routes: [DEFAULT_ROUTE], ...settings } })
  n.run(10_000)
  n.taken()
  return n
}

/** What the one answer says. */
export function one(answers: Uint8Array[]): ReturnType<typeof read> {
  expect(answers).toHaveLength(1)
  return read(answers[0]!)
}
