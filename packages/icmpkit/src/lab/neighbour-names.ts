/** Routes as people say them, `192.0.2.0/24: r2`: the name of a neighbour stands for the address that it has on a link with the node. */
import { familyOf, type Ip, parseIp, showIp } from '../wire/addr.ts'
import type { ChangeData, LinkPlan, NodePlan } from './topology.ts'

type Routes = NonNullable<NodePlan['routes']>

/** The same nodes and changes, each neighbour's name in their routes its address. @throws TypeError that names the place */
export function withAddresses(
  nodes: readonly NodePlan[],
  links: readonly LinkPlan[],
  changes: readonly ChangeData[],
): { nodes: NodePlan[]; changes: ChangeData[] } {
  const known = new Set<string>(nodes.map((n) => n.name))
  const told = (node: string, routes: Routes, where: string): Routes =>
    Object.fromEntries(
      Object.entries(routes).map(([prefix, via]) => {
        const hop = (one: string) => (known.has(one) ? addressOf(one, node, prefix, links, `${where}.${prefix}`) : one)
        return [prefix, typeof via === 'string' ? hop(via) : via.map(hop)]
      }),
    )
  const of = (routes: NonNullable<ChangeData['routes']>, i: number) =>
    Object.fromEntries(Object.entries(routes).map(([n, r]) => [n, told(n, r, `lab: at[${i}].routes.${n}`)]))
  return {
    nodes: nodes.map((n) =>
      n.routes === undefined ? n : { ...n, routes: told(n.name, n.routes, `lab: nodes.${n.name}.routes`) },
    ),
    changes: changes.map((c, i) => (c.routes === undefined ? c : { ...c, routes: of(c.routes, i) })),
  }
}

/** Where more links join the two, that on the first one. */
function addressOf(neighbour: string, node: string, prefix: string, links: readonly LinkPlan[], where: string): string {
  const joint = links.filter((l) => l.ends.some((e) => e.node === node))
  const ends = joint.flatMap((l) => l.ends.filter((e) => e.node === neighbour))
  if (ends.length === 0)
    throw new TypeError(`${where}: no link joins '${node}' and '${neighbour}'; expected a neighbour`)
  const to = parseIp(prefix.split('/')[0]!)
  const family = to === undefined ? 4 : familyOf(to)
  const found: Ip | undefined = ends.flatMap((e) => e.addresses).find((a) => familyOf(a.address) === family)?.address
  if (found !== undefined) return showIp(found)
  throw new TypeError(`${where}: '${neighbour}' has no IPv${family} address on a link with '${node}'`)
}
