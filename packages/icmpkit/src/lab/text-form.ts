/**
 * A network as people write it, in YAML or JSON, with units: `5ms`, `1%`, `10Mbit`, and `at:` as a map of moments. What
 * it says is turned into `LabConfig`; what cannot be used is one line that begins with its place: `lab: links[1].delay: …`.
 */
import type { AskData, ScenarioConfig } from './ask.ts'
import { withSwitches } from './switch-text.ts'
import {
  type Behaviours,
  type BlackHole,
  type BurstLoss,
  type ChangeData,
  type DirectionData,
  type LinkChange,
  type LinkData,
  type NatData,
  type NodeData,
  parsePrefix,
  type TunnelData,
} from './topology.ts'

type Read<T> = (v: unknown, where: string) => T
type Fields<T> = { [K in keyof T]-?: Read<Exclude<T[K], undefined>> }

/** Plain data, as a YAML or JSON reader gives it. @throws TypeError that names the place, and what was expected there */
export function fromText(data: unknown): ScenarioConfig {
  if (!isRecord(data)) throw wrong('', `expected a network: ${Object.keys(TOP).join(', ')}`)
  const config = record<ScenarioConfig>(TOP, 'nodes and links')(data, '')
  if (config.nodes === undefined) throw wrong('', 'there are no nodes; expected nodes: { me: host, r1: gateway }')
  if (config.links === undefined) throw wrong('', 'there are no links; expected links: [[me, r1]]')
  return { ...config, nodes: withSwitches(config.nodes, config.links) }
}

const text: Read<string> = (v, where) => {
  if (typeof v === 'string' && v !== '') return v
  throw wrong(where, `${show(v)}; expected a word`)
}

const yes: Read<boolean> = (v, where) => {
  if (typeof v === 'boolean') return v
  throw wrong(where, `${show(v)}; expected true or false`)
}

/** A whole number that needs no unit: octets, packets, ports, a seed. */
function whole(what: string, least = 0, most: number = Number.MAX_SAFE_INTEGER): Read<number> {
  return (v, where) => {
    if (typeof v === 'number' && Number.isInteger(v) && v >= least && v <= most) return v
    const bound = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`
    throw wrong(where, `${show(v)}; expected ${what}: a whole number, ${bound}`)
  }
}

function oneOf<T extends string>(...words: readonly T[]): Read<T> {
  return (v, where) => {
    if (words.includes(v as T)) return v as T
    throw wrong(where, `${show(v)}; expected ${words.join(', ')}`)
  }
}

/** A number with a unit; 0 needs none. */
function measured(units: Readonly<Record<string, number>>, what: string, signed = false): Read<number> {
  return (v, where) => {
    if (v === 0) return 0
    if (typeof v === 'number' || (typeof v === 'string' && /^[+-]?[\d.]+$/.test(v)))
      throw wrong(where, `${v} has no unit; expected ${what}`)
    const m = typeof v === 'string' ? /^([+-]?)(\d+(?:\.\d*)?|\.\d+) ?([a-zµ%/]+)$/i.exec(v.trim()) : null
    const unit = m === null ? undefined : Object.entries(units).find(([name]) => name === m[3])?.[1]
    if (m === null || unit === undefined || (m[1] === '-' && !signed))
      throw wrong(where, `${show(v)}; expected ${what}`)
    return Number(`${m[1]}${m[2]}`) * unit
  }
}

const TIMES = { us: 0.001, µs: 0.001, ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 }
const time: Read<number> = measured(TIMES, 'a time, as 5ms, 1.5s or 2m')
const offset: Read<number> = measured(TIMES, 'a time, as 250ms or -3s', true)
const share: Read<number> = (v, where) => {
  const part = measured({ '%': 0.01 }, 'a share, as 1%')(v, where)
  if (part > 1) throw wrong(where, `${show(v)} is more than all; expected 0% to 100%`)
  return part
}
const BITS = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9, 'bit/s': 1, 'kbit/s': 1e3, 'Mbit/s': 1e6, 'Gbit/s': 1e9 }
const bits: Read<number> = (v, where) => {
  const rate = measured(BITS, 'a rate, as 10Mbit (bits a second: bit, kbit, Mbit, Gbit)')(v, where)
  if (rate > 0) return rate
  throw wrong(where, `${show(v)}; expected a rate above nothing, as 10Mbit (down: a link that carries nothing)`)
}
const perSecond: Read<number> = measured({ '/s': 1, '/m': 1 / 60, '/h': 1 / 3600 }, 'so many a second, as 10/s')

const name: Read<string> = (v, where) => {
  if (typeof v === 'string' && NAME.test(v)) return v
  throw wrong(where, `${show(v)}; expected a name: a letter, then letters, digits, . _ -`)
}
const NAME = /^[a-z][\w.-]*$/i

function list<T>(of: Read<T>, what: string): Read<readonly T[]> {
  return (v, where) => {
    if (!Array.isArray(v)) throw wrong(where, `${show(v)}; expected a list: ${what}`)
    return v.map((item, i) => of(item, `${where}[${i}]`))
  }
}

function map<T>(key: Read<unknown>, of: Read<T>, what: string): Read<Readonly<Record<string, T>>> {
  return (v, where) => {
    if (!isRecord(v)) throw wrong(where, `${show(v)}; expected ${what}`)
    return Object.fromEntries(
      Object.entries(v).map(([k, item]) => {
        const place = below(where, k)
        key(k, place)
        return [k, of(item, place)]
      }),
    )
  }
}

/** Words that are known, each with its kind of value. */
function record<T>(fields: Fields<T>, what: string): Read<T> {
  return (v, where) => {
    if (!isRecord(v)) throw wrong(where, `${show(v)}; expected ${what}: ${Object.keys(fields).join(', ')}`)
    const out: Record<string, unknown> = {}
    for (const [k, item] of Object.entries(v)) {
      const read = Object.hasOwn(fields, k) ? (fields as Record<string, Read<unknown>>)[k] : undefined
      if (read === undefined) throw wrong(below(where, k), `no such word; expected ${Object.keys(fields).join(', ')}`)
      out[k] = read(item, below(where, k))
    }
    return out as T
  }
}

function either<A, B>(first: (v: unknown) => boolean, a: Read<A>, b: Read<B>): Read<A | B> {
  return (v, where) => (first(v) ? a(v, where) : b(v, where))
}

const prefix: Read<unknown> = (v, where) => parsePrefix(String(v), `lab: ${where}`)
const address: Read<string> = (v, where) => {
  const given = text(v, where)
  prefix(given, where)
  return given
}
const hops: Read<string | readonly string[]> = either(Array.isArray, list(text, 'next hops'), (v, where) => {
  if (typeof v === 'string' && v !== '') return v
  throw wrong(where, `${show(v)}; expected a next hop, unreachable, prohibit or blackhole`)
})
const routes = map(prefix, hops, 'routes, as 192.0.2.0/24: 10.0.0.2')

const blackHole: Read<BlackHole> = either(
  isRecord,
  record<{ above: number }>({ above: whole('octets', 1) }, 'black hole'),
  oneOf('none', 'all', 'icmp'),
)

/** Switches of the stack: read when it is known which ports a node has. */
const switches: Read<never> = (v, where) => {
  if (!isRecord(v)) throw wrong(where, `${show(v)}; expected switches, as { ttl: 32 }`)
  return v as never
}

const ecmpField = oneOf('addresses', 'protocol', 'ports', 'icmp-id', 'icmp-checksum', 'flow-label')

const BURST: Fields<BurstLoss> = { enter: share, leave: share, inside: share, outside: share }

const DIRECTION: Fields<DirectionData> = {
  delay: time,
  jitter: time,
  loss: share,
  burstLoss: (v, where) => {
    const given = record<BurstLoss>(BURST, 'the chances of bursts')(v, where)
    for (const k of ['enter', 'leave'] as const)
      if (given[k] === undefined) throw wrong(where, `${k} is missing; expected { enter: 1%, leave: 20% }`)
    return given
  },
  duplicate: share,
  reorder: share,
  corrupt: share,
  rate: bits,
  queue: whole('packets'),
  blackHole,
}

const mtu = whole('octets', 68, 65_535)
const CHANGE: Fields<LinkChange> = {
  ...DIRECTION,
  mtu,
  up: yes,
  from: map(name, record<DirectionData>(DIRECTION, 'what a link does'), 'node: { delay: 5ms }'),
}
const LINK: Fields<LinkData> = {
  ...CHANGE,
  name,
  medium: oneOf('ethernet', 'ip'),
  addresses: map(name, list(address, 'addresses, as 192.0.2.1/24'), 'node: [192.0.2.1/24]'),
}

const BEHAVIOURS: Fields<Behaviours> = {
  ecmp: either(Array.isArray, list(ecmpField, 'fields of a flow'), oneOf('flow', 'packet')),
  nat: (v, where) => {
    const given = record<NatData>(NAT, 'network address translation')(v, where)
    if (given.outside === undefined) throw wrong(where, 'outside is missing; expected { outside: eth1 }')
    return given
  },
  silent: oneOf('time-exceeded', 'errors', 'icmp'),
  rateLimit: (v, where) => {
    const given = record<{ rate: number; burst?: number }>({ rate: perSecond, burst: whole('packets', 1) }, 'a limit')(
      v,
      where,
    )
    if (given.rate === undefined) throw wrong(where, 'rate is missing; expected { rate: 10/s }')
    return given
  },
  answerFrom: either(Array.isArray, list(text, 'addresses, or ports'), text),
  blackHole,
  echoFor: list(address, 'prefixes, as 192.0.2.0/24'),
  stuckEcho: record<NonNullable<Behaviours['stuckEcho']>>(
    { idle: time, entries: whole('pairs', 1) },
    'a stuck firewall',
  ),
}
const NAT: Fields<NatData> = {
  outside: text,
  entries: whole('mappings', 1),
  udpTimeout: time,
  tcpTimeout: time,
  tcpTransitoryTimeout: time,
  icmpTimeout: time,
}

const kind = oneOf('host', 'gateway')
const port = whole('a port', 1, 65_535)
const NODE: Fields<NodeData> = {
  kind,
  udp: list(port, 'UDP ports'),
  tcp: list(port, 'TCP ports'),
  routes,
  makeRoutes: yes,
  clockOffset: offset,
  behaviours: record<Behaviours>(BEHAVIOURS, 'behaviours'),
  up: yes,
  ip4: switches,
  ip6: switches,
  errorExtensions: switches,
  extendedEcho: either<never, boolean>(isRecord, switches, yes),
}
const node: Read<'host' | 'gateway' | NodeData> = either(
  isRecord,
  (v, where) => {
    const given = record<NodeData>(NODE, 'a node')(v, where)
    if (given.kind === undefined) throw wrong(where, 'kind is missing; expected kind: host, or kind: gateway')
    return given
  },
  kind,
)

/** `[a, b, { delay: 5ms }]`: names, then what there is to say. */
function joined<T>(data: Read<T>, least: number): Read<(string | T)[]> {
  return (v, where) => {
    if (!Array.isArray(v))
      throw wrong(where, `${show(v)}; expected the nodes that it joins, as [me, r1, { delay: 5ms }]`)
    const said = isRecord(v.at(-1)) ? v.length - 1 : v.length
    if (said < least) throw wrong(where, `${said === 0 ? 'it joins nothing' : 'it joins one node'}; expected [me, r1]`)
    return v.map((item, i) => (i < said ? name : data)(item, `${where}[${i}]`) as string | T)
  }
}

/** The two nodes of a link, or its name, or a node. */
const place: Read<string | readonly [string, string]> = (v, where) => {
  if (!Array.isArray(v)) return name(v, where)
  if (v.length !== 2) throw wrong(where, 'expected the two nodes of a link, or the name of a link or a node')
  return [name(v[0], `${where}[0]`), name(v[1], `${where}[1]`)]
}

const change: Read<NonNullable<ChangeData['change']>> = (v, where) => {
  const given = joined(record<LinkChange>(CHANGE, 'what changes'), 1)(v, where)
  const to = given.at(-1)!
  if (typeof to === 'string') throw wrong(where, 'what changes is missing; expected [r1, r2, { delay: 50ms }]')
  const names = given.slice(0, -1) as string[]
  if (names.length > 2) throw wrong(where, 'expected [r1, r2, { delay: 50ms }], or the name of the link')
  return [names.length === 1 ? names[0]! : [names[0]!, names[1]!], to]
}

const HAPPENS: Fields<Omit<ChangeData, 'time'>> = {
  down: place,
  up: place,
  change,
  routes: map(name, routes, 'node: { 192.0.2.0/24: 10.0.0.2 }'),
  serve: map(
    name,
    record<Pick<NodeData, 'udp' | 'tcp'>>({ udp: list(port, 'UDP ports'), tcp: list(port, 'TCP ports') }, 'ports'),
    'node: { udp: [53] }',
  ),
}
const happens = record<Omit<ChangeData, 'time'>>(HAPPENS, 'what happens')

/** `2s: { down: [r1, r2] }`, or a list of such. */
const timeline: Read<readonly ChangeData[]> = (v, where) => {
  if (!isRecord(v)) throw wrong(where, `${show(v)}; expected moments, as 2s: { down: [r1, r2] }`)
  return Object.entries(v).flatMap(([k, what]) => {
    const at = below(where, k)
    const moment = time(/^0+$/.test(k) ? 0 : k, at)
    const each = Array.isArray(what) ? list(happens, 'what happens')(what, at) : [happens(what, at)]
    return each.map((one) => ({ time: moment, ...one }))
  })
}

const TUNNEL: Fields<TunnelData> = {
  path: list(name, 'the gateways that it crosses'),
  mode: oneOf('explicit', 'implicit', 'opaque', 'invisible'),
}
const tunnel: Read<TunnelData> = (v, where) => {
  const given = record<TunnelData>(TUNNEL, 'a tunnel')(v, where)
  for (const k of ['path', 'mode'] as const)
    if (given[k] === undefined) throw wrong(where, `${k} is missing; expected { path: [r1, r2, r3], mode: explicit }`)
  return given
}

const ASK: Fields<AskData> = {
  from: name,
  to: text,
  kind: oneOf('ping', 'udp', 'trace'),
  at: time,
  count: whole('packets', 1, 1_000_000),
  interval: time,
  timeout: time,
  size: whole('octets', 0, 65_507),
  ttl: whole('hops', 1, 255),
  df: yes,
  port,
  family: (v, where) => {
    if (v === 4 || v === 6) return v
    throw wrong(where, `${show(v)}; expected 4 or 6`)
  },
}
const ask: Read<AskData> = (v, where) => {
  const given = record<AskData>(ASK, 'a question')(v, where)
  for (const k of ['from', 'to'] as const)
    if (given[k] === undefined) throw wrong(where, `${k} is missing; expected { from: me, to: srv, kind: ping }`)
  return given
}

const epoch: Read<bigint> = (v, where) => {
  const ms = typeof v === 'string' && /^\d{4}-\d\d-\d\d/.test(v) ? Date.parse(v) : Number.NaN
  if (Number.isFinite(ms)) return BigInt(ms) * 1_000_000n
  throw wrong(where, `${show(v)}; expected a date, as 2026-01-01T00:00:00Z`)
}

const TOP: Fields<ScenarioConfig> = {
  seed: whole('a seed'),
  nodes: map(name, node, 'nodes, as me: host'),
  links: list(joined(record<LinkData>(LINK, 'what a link does'), 2), 'links, as [me, r1]'),
  tunnels: list(tunnel, 'tunnels, as { path: [r1, r2, r3], mode: explicit }'),
  at: timeline,
  ask: list(ask, 'questions, as { from: me, to: srv, kind: ping }'),
  until: time,
  probe: yes,
  epoch,
}

function isRecord(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && !Array.isArray(v)
}

function below(where: string, key: string): string {
  return where === '' ? key : `${where}.${key}`
}

function wrong(where: string, what: string): TypeError {
  return new TypeError(where === '' ? `lab: ${what}` : `lab: ${where}: ${what}`)
}

function show(v: unknown): string {
  if (v === null || v === undefined) return 'nothing'
  if (Array.isArray(v)) return 'a list'
  if (typeof v === 'object') return 'a map'
  const shown = String(v)
  return `'${shown.length > 40 ? `${shown.slice(0, 40)}…` : shown}'`
}
