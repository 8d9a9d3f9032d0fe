/** What a network's data says of tunnels and of changes, held against its nodes and links. */
import type { ChangeData, LinkPlan, NodePlan, TunnelData } from './topology.ts'

/** @throws TypeError that names the place of what cannot be used */
export function checkTunnels(
  tunnels: readonly TunnelData[],
  nodes: readonly NodePlan[],
  links: readonly LinkPlan[],
): void {
  const kinds = new Map<string, string>(nodes.map((n) => [n.name, n.kind]))
  for (const [i, { path, mode }] of tunnels.entries()) {
    const where = `lab: tunnels[${i}]`
    if (!MODES.includes(mode)) throw new TypeError(`${where}: mode is ${MODES.join(', ')}, not '${mode}'`)
    const least = mode === 'opaque' ? 2 : 3
    if (path.length < least) throw new TypeError(`${where}: path: an ${mode} tunnel has ${least} nodes or more`)
    for (const [at, name] of path.entries()) {
      if (!kinds.has(name)) throw new TypeError(`${where}: path[${at}]: there is no node '${name}'`)
      if (kinds.get(name) !== 'gateway') throw new TypeError(`${where}: path[${at}]: '${name}' is no gateway`)
      if (path.indexOf(name) !== at) throw new TypeError(`${where}: path[${at}]: '${name}' again: a tunnel has no loop`)
      const before = path[at - 1]
      const joins = (l: LinkPlan) =>
        l.medium === 'ethernet' && l.ends.some((e) => e.node === before) && l.ends.some((e) => e.node === name)
      if (before !== undefined && !links.some(joins))
        throw new TypeError(`${where}: path[${at}]: no Ethernet link joins '${before}' and '${name}'`)
    }
  }
}

/** @throws TypeError that names the place of what cannot be used */
export function checkChanges(
  changes: readonly ChangeData[],
  nodes: ReadonlySet<string>,
  links: readonly LinkPlan[],
): void {
  for (const [i, c] of changes.entries()) {
    const where = `lab: at[${i}]`
    if (!(c.time >= 0 && c.time < Number.POSITIVE_INFINITY))
      throw new TypeError(`${where}: time is milliseconds, not ${c.time}`)
    for (const what of [c.down, c.up])
      if (what !== undefined && !(typeof what === 'string' && nodes.has(what))) linkNamed(what, links, where)
    if (c.change !== undefined) linkNamed(c.change[0], links, where)
    for (const n of Object.keys(c.routes ?? {}))
      if (!nodes.has(n)) throw new TypeError(`${where}: routes: there is no node '${n}'`)
  }
}

/** The name of the link that is meant: by its name, or the first that joins two nodes. @throws TypeError where there is none */
export function linkNamed(
  what: string | readonly [string, string],
  links: readonly { name: string; ends: readonly { node: string }[] }[],
  where: string,
): string {
  const has = (l: (typeof links)[number], node: string) => l.ends.some((e) => e.node === node)
  const found = links.find((l) => (typeof what === 'string' ? l.name === what : has(l, what[0]) && has(l, what[1])))
  if (found !== undefined) return found.name
  if (typeof what === 'string') throw new TypeError(`${where}: there is no link or node '${what}'`)
  throw new TypeError(`${where}: no link joins '${what[0]}' and '${what[1]}'`)
}

const MODES: readonly string[] = ['explicit', 'implicit', 'opaque', 'invisible']
