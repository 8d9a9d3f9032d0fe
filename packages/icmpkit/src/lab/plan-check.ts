/** What a network's data says of behaviours, tunnels and changes, held against what there is. */
import { someOf } from './names.ts'
import type { BlackHole, ChangeData, EcmpField, LinkPlan, NodePlan, TunnelData } from './topology.ts'

/** @throws TypeError that names the place of what cannot be used */
export function checkBehaviours({ name, kind, behaviours = {} }: NodePlan): void {
  const where = `lab: nodes.${name}.behaviours`
  const { ecmp, nat, silent, rateLimit, blackHole, stuckEcho } = behaviours
  if (kind === 'host') {
    for (const what of CROSSING)
      if (behaviours[what] !== undefined) throw new TypeError(`${where}.${what}: nothing crosses a host`)
  }
  if (ecmp !== undefined && ecmp !== 'flow' && ecmp !== 'packet') {
    const wrong = typeof ecmp === 'string' ? ecmp : ecmp.find((f) => !FIELDS.includes(f))
    if (wrong !== undefined)
      throw new TypeError(`${where}.ecmp: flow, packet, or some of ${FIELDS.join(', ')}, not '${wrong}'`)
  }
  if (silent !== undefined && !SILENT.includes(silent))
    throw new TypeError(`${where}.silent: ${SILENT.join(', ')}, not '${silent}'`)
  checkBlackHole(blackHole, where)
  checkNumber(rateLimit?.rate, 0, `${where}.rateLimit.rate: errors a second`)
  checkNumber(rateLimit?.burst, 1, `${where}.rateLimit.burst: errors at once`)
  checkNumber(nat?.entries, 1, `${where}.nat.entries: mappings`)
  for (const t of ['udpTimeout', 'tcpTimeout', 'icmpTimeout'] as const)
    checkNumber(nat?.[t], 0, `${where}.nat.${t}: milliseconds`)
  checkNumber(stuckEcho?.idle, 0, `${where}.stuckEcho.idle: milliseconds`)
  checkNumber(stuckEcho?.entries, 0, `${where}.stuckEcho.entries: pairs of addresses`)
}

/** Of a link or of a node. @throws TypeError that names the place of what cannot be used */
export function checkBlackHole(hole: BlackHole | undefined, where: string): void {
  if (hole === undefined || hole === 'none' || hole === 'all' || hole === 'icmp') return
  if (typeof hole !== 'object')
    throw new TypeError(`${where}: blackHole is none, all, icmp or { above }, not '${hole}'`)
  if (!(hole.above >= 0)) throw new TypeError(`${where}: blackHole.above is octets, not ${hole.above}`)
}

function checkNumber(value: number | undefined, least: number, what: string): void {
  if (value !== undefined && !(value >= least)) throw new TypeError(`${what}, ${least} or more, not ${value}`)
}

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
      if (what !== undefined && !(typeof what === 'string' && nodes.has(what)))
        linkNamed(what, links, `${where}.${c.down === what ? 'down' : 'up'}`)
    if (c.change !== undefined) linkNamed(c.change[0], links, `${where}.change`)
    for (const what of ['routes', 'serve'] as const)
      for (const n of Object.keys(c[what] ?? {}))
        if (!nodes.has(n))
          throw new TypeError(`${where}.${what}.${n}: there is no node '${n}'; expected ${someOf([...nodes])}`)
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
  const there = `expected ${someOf(links.map((l) => l.name))}`
  if (typeof what === 'string') throw new TypeError(`${where}: there is no link or node '${what}'; ${there}, or a node`)
  throw new TypeError(`${where}: no link joins '${what[0]}' and '${what[1]}'; ${there}`)
}

const CROSSING = ['ecmp', 'nat', 'blackHole', 'echoFor', 'stuckEcho'] as const
const SILENT: readonly string[] = ['time-exceeded', 'errors', 'icmp']
const FIELDS: readonly EcmpField[] = ['addresses', 'protocol', 'ports', 'icmp-id', 'icmp-checksum', 'flow-label']
const MODES: readonly string[] = ['explicit', 'implicit', 'opaque', 'invisible']
