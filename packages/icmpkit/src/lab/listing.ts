/** What a network has, line by line: links and what they do, addresses, routes. */
import { linkLocalOf } from '../stack/ip6/addresses.ts'
import { maskOf } from '../stack/route-index.ts'
import type { Route, RouteTable } from '../stack/route-table.ts'
import { familyOf, type Ip, isLinkLocal, showIp } from '../wire/addr.ts'
import type { Lab } from './lab.ts'
import type { LabNode } from './lab-node.ts'
import type { LinkEnd } from './link-end.ts'
import { linkText } from './link-text.ts'
import { type LabConfig, planOf } from './topology.ts'

/** `r1-r2  r1 eth1, r2 eth0  5ms, 1% lost` */
export function linkList(config: LabConfig, net: Lab): string {
  const said = new Map<string, string>(planOf(config).links.map((l) => [l.name, linkText(l)]))
  const rows = net.links.map((l) => [
    l.name,
    l.ends.map((e) => `${e.node} ${e.port.name}`).join(', '),
    said.get(l.name)!,
  ])
  return table('links', rows)
}

/** `r1 (gateway)  eth0  10.0.0.2/24, 2001:db8::2/64` */
export function addressList(net: Lab): string {
  const rows = net.nodes.flatMap((n) =>
    [...n.node.ports.values()].map((p, i) => [
      i === 0 ? `${n.name} (${n.kind})` : '',
      p.name,
      p.addresses.map((a) => `${showIp(a.address)}/${a.prefixLength}`).join(', '),
    ]),
  )
  return table('addresses', rows)
}

/** How each node reaches each link, and what it was told: `r1  10.0.2.0/24  via 10.0.1.2 (r2)`. A large network's are left out, and it says so. */
export function routeList(net: Lab): string {
  const { nodes, links } = net
  if (nodes.length * links.length > MOST)
    return `routes: ${nodes.length} nodes to ${links.length} links, too many to list\n`
  const names = namesOf(links.flatMap((l) => l.ends))
  const prefixes = links.flatMap((l) => l.ends[0]!.port.addresses.map((a) => a.address)).filter((a) => !isLinkLocal(a))
  const rows = nodes.flatMap((n) => {
    const found = routesOf(n, prefixes).map((r) => [r.text, `${viaOf(r.route, names)}`])
    return found.map((row, i) => [i === 0 ? n.name : '', ...row])
  })
  return table('routes', rows)
}

function routesOf(n: LabNode, towards: readonly Ip[]): { text: string; route: Route<Ip> }[] {
  const seen = new Map<string, Route<Ip>>()
  const tables = [n.node.ip4.routes, n.node.ip6.routes] as unknown as readonly RouteTable<Ip>[]
  const toLinks = towards.flatMap((a) => tables[familyOf(a) === 4 ? 0 : 1]!.candidates(a) ?? [])
  for (const r of [...toLinks, ...tables.flatMap((t) => [...t])]) {
    if (r.origin === 'connected') continue
    const prefix =
      r.prefixLength === 0
        ? `default IPv${familyOf(r.prefix)}`
        : `${showIp(maskOf(r.prefix, r.prefixLength))}/${r.prefixLength}`
    const key = `${prefix} ${r.nextHop === undefined ? r.kind : showIp(r.nextHop)}`
    if (!seen.has(key)) seen.set(key, r)
  }
  const rows = [...seen].map(([key, route]) => ({ text: key.slice(0, key.lastIndexOf(' ')), route }))
  return rows.toSorted((a, b) => familyOf(a.route.prefix) - familyOf(b.route.prefix))
}

function viaOf(r: Route<Ip>, names: ReadonlyMap<string, string>): string {
  if (r.kind !== 'unicast') return r.kind
  if (r.nextHop === undefined) return `on eth${r.port - 1}`
  const to = showIp(r.nextHop)
  const node = names.get(to)
  return `via ${to}${node === undefined ? '' : ` (${node})`}`
}

/** Nodes by the addresses that they have and those that they make. */
function namesOf(ends: readonly LinkEnd[]): Map<string, string> {
  const names = new Map<string, string>()
  for (const { node, port } of ends) {
    for (const a of port.addresses) names.set(showIp(a.address), node)
    if (port.medium === 'ethernet') names.set(showIp(linkLocalOf(port.mac)), node)
  }
  return names
}

function table(head: string, rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => r[i]!.length)))
  const lines = rows.map(
    (r) =>
      `  ${r
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd()}\n`,
  )
  return `${head}:\n${lines.join('')}`
}

/** Routes that are worth a list. */
const MOST = 4000
