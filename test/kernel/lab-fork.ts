/** A network with two ways of equal length in it, as a lab and out of namespaces: me - r1 < a, b > r2 - srv. */
import type { LabConfig } from '../../packages/icmpkit/src/index.ts'
import { type KernelWorld, kernelWorld } from './lab-world.ts'
import { cable, type Host, host } from './testnet.ts'

export function fork(ecmp: 'flow' | 'packet'): LabConfig {
  return {
    nodes: {
      me: 'host',
      r1: { kind: 'gateway', behaviours: { ecmp } },
      a: 'gateway',
      b: 'gateway',
      r2: 'gateway',
      srv: 'host',
    },
    links: [
      ['me', 'r1'],
      ['r1', 'a'],
      ['r1', 'b'],
      ['a', 'r2'],
      ['b', 'r2'],
      ['r2', 'srv'],
    ],
  }
}

/** By flow, ports counted (`fib_multipath_hash_policy` 1). */
export function kernelFork(): KernelWorld {
  const nodes: Record<string, Host> = {}
  for (const n of ['me', 'r1', 'a', 'b', 'r2', 'srv']) nodes[n] = host(n)
  const w = kernelWorld(nodes)
  for (const [i, [x, y]] of fork('flow').links.entries()) {
    cable(nodes[x as string]!, nodes[y as string]!, `l${i}`, `l${i}`)
    for (const [n, last] of [
      [x as string, 1],
      [y as string, 2],
    ] as const) {
      // Without one a router has no name for asking who its neighbours are on behalf of others.
      nodes[n]!.address(`l${i}`, `fe80::${last}/64`)
      nodes[n]!.address(`l${i}`, `10.0.${i}.${last}/24`)
      nodes[n]!.address(`l${i}`, `2001:db8:0:${i}::${last}/64`)
    }
  }
  for (const n of ['r1', 'a', 'b', 'r2']) {
    nodes[n]!.sysctl('ipv4.ip_forward', 1)
    nodes[n]!.sysctl('ipv6.conf.all.forwarding', 1)
  }
  for (const family of ['ipv4', 'ipv6']) nodes.r1!.sysctl(`${family}.fib_multipath_hash_policy`, 1)
  const via = (n: string, net: number | 'default', ...hops: string[]) => {
    for (const six of [false, true]) {
      const to = net === 'default' ? net : six ? `2001:db8:0:${net}::/64` : `10.0.${net}.0/24`
      const named = hops.map((h) => (six ? `2001:db8:0:${h.replace('.', '::')}` : `10.0.${h}`))
      const ways = named.length === 1 ? ['via', named[0]!] : named.flatMap((h) => ['nexthop', 'via', h])
      w.at(n, 'ip', six ? '-6' : '-4', 'route', 'add', to, ...ways)
    }
  }
  via('me', 'default', '0.2')
  via('r1', 5, '1.2', '2.2')
  via('a', 5, '3.2')
  via('b', 5, '4.2')
  via('a', 0, '1.1')
  via('b', 0, '2.1')
  via('r2', 0, '3.1')
  via('srv', 'default', '5.1')
  return w
}
