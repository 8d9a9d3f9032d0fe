/** What the data of a network says that happens at a time, done. */

import type { RouteTable } from '../stack/route-table.ts'
import type { Ip, Ip4, Ip6 } from '../wire/addr.ts'
import { givenRoutes } from './given-routes.ts'
import type { Lab } from './lab.ts'
import { linkNamed } from './plan-check.ts'
import { type ChangeData, parsePrefix } from './topology.ts'

/** @throws TypeError where a route cannot be used */
export function happen(net: Lab, c: ChangeData): void {
  if (c.down !== undefined) turn(net, c.down, false)
  if (c.up !== undefined) turn(net, c.up, true)
  if (c.change !== undefined) net.change(linkNamed(c.change[0], net.links, 'lab: change'), c.change[1])
  for (const [node, routes] of Object.entries(c.routes ?? {})) reroute(net, node, routes)
  for (const [node, ports] of Object.entries(c.serve ?? {})) net.serve(node, ports)
}

function turn(net: Lab, what: string | readonly [string, string], up: boolean): void {
  if (typeof what === 'string' && net.has(what)) net.turn(what, up ? 'up' : 'down')
  else net.change(linkNamed(what, net.links, 'lab: at'), { up })
}

function reroute(net: Lab, name: string, routes: RoutesNow): void {
  const { ip4, ip6, ports } = net.node(name).node
  const given = readRoutes(name, routes, [...ports.values()], 'lab: at')
  for (const prefix of Object.keys(routes)) {
    const { address, prefixLength } = parsePrefix(prefix, 'lab: at')
    if (typeof address === 'bigint') forget<Ip6>(ip6.routes, address, prefixLength)
    else forget<Ip4>(ip4.routes, address, prefixLength)
  }
  for (const r of given.ip4) ip4.routes.add({ ...r, origin: 'static', metric: 0 })
  for (const r of given.ip6) ip6.routes.add({ ...r, origin: 'static', metric: 0 })
}

/** Those that come; `none` is none. @throws TypeError that names the place of what cannot be used */
export function readRoutes(
  name: string,
  routes: RoutesNow,
  ports: Parameters<typeof givenRoutes>[1],
  where: string,
): ReturnType<typeof givenRoutes> {
  for (const prefix of Object.keys(routes)) parsePrefix(prefix, where)
  const kept = Object.entries(routes).filter(([, via]) => via !== 'none')
  return givenRoutes({ name, routes: Object.fromEntries(kept) }, ports, where)
}

function forget<A extends Ip>(table: RouteTable<A>, address: A, prefixLength: number): void {
  const prefix = table.mask(address, prefixLength)
  table.remove((r) => r.origin === 'static' && r.prefixLength === prefixLength && r.prefix === prefix)
}

type RoutesNow = NonNullable<ChangeData['routes']>[string]
