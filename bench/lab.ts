/**
 * The lab by the size of its network: what one packet costs on one link, what an idle node weighs, how long it takes
 * until a network is up. Trees of gateways, four to a gateway, a host at each; hosts ask others for an echo.
 *
 * Costs are processor time of this thread, so that another program beside it does not count. `UPDATE=1` draws
 * docs/lab-cost.svg.
 */
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Lab, type LabConfig, type LabNode, lab } from '../packages/icmpkit/src/lab/index.ts'
import type { Ip4 } from '../packages/icmpkit/src/wire/addr.ts'
import { icmp4 } from '../packages/icmpkit/src/wire/index.ts'
import { median, printTable } from './figures.ts'
import { curves } from './plot.ts'

export const question: string =
  'What does a packet cost on a link of a lab of 10, 100, 1,000 and 10,000 nodes, what does an idle node weigh, and how soon is such a network up?'

const SIZES = [10, 100, 1000, 10_000]
/** Questions under way at once, and rounds, of which the first warms up. */
const FLOWS = 256
/**
 * Packets of a flow behind each other: as many as a window of TCP or a flood of pings has; and one, where each packet
 * finds another node's memory in the processor's cache than its own.
 */
const TRAINS = [16, 1] as const
const ROUNDS = 7
/** Hops of one round, or a few more. */
const HOPS = 100_000

interface Measured {
  nodes: number
  /** Until all nodes have begun, on the wall, and processor time of all threads: the collector has its own. */
  upMs: number
  upCpuMs: number
  idleKb: number
  /** In trains of `TRAINS`. */
  hopNs: number
  aloneNs: number
}

export async function run(): Promise<void> {
  // What runs for the first time is compiled: not in the measurement.
  measure(100)
  const all = SIZES.map(measure)
  const [least] = all
  printTable(
    [
      'nodes',
      'up, ms',
      'processor, ms',
      'idle, KB a node',
      'trains: ns a hop',
      'hops/s',
      'to 10',
      'alone: ns a hop',
      'hops/s',
      'to 10',
    ],
    all.map((m) => [
      m.nodes.toLocaleString('en'),
      Math.round(m.upMs),
      Math.round(m.upCpuMs),
      // Of few nodes it drowns in what else a process has.
      m.nodes < 1000 ? '-' : m.idleKb.toFixed(1),
      Math.round(m.hopNs),
      Math.round(1e9 / m.hopNs),
      (m.hopNs / least!.hopNs).toFixed(2),
      Math.round(m.aloneNs),
      Math.round(1e9 / m.aloneNs),
      (m.aloneNs / least!.aloneNs).toFixed(2),
    ]),
  )
  const hops = (name: string, ns: (m: Measured) => number) => ({
    name,
    points: all.map((m): [number, number] => [m.nodes, 1e9 / ns(m)]),
  })
  const lines = [hops('trains of 16 packets', (m) => m.hopNs), hops('packets alone', (m) => m.aloneNs)]
  process.stdout.write(`\npacket-hops a second\n${bars(all)}\n`)
  if (process.env.UPDATE === undefined) return
  writeFileSync(resolve(import.meta.dirname, '../docs/lab-cost.svg'), curves(lines, 'nodes', 'packet-hops a second'))
}

/** A tree of gateways, a host at each. */
export function tree(nodes: number): LabConfig {
  const kinds: Record<string, 'host' | 'gateway'> = {}
  const links: [string, string][] = []
  for (let i = 0; i < nodes / 2; i++) {
    kinds[`r${i}`] = 'gateway'
    kinds[`h${i}`] = 'host'
    links.push([`h${i}`, `r${i}`])
    if (i > 0) links.push([`r${i}`, `r${(i - 1) >> 2}`])
  }
  return { nodes: kinds, links }
}

function measure(nodes: number): Measured {
  const config = tree(nodes)
  const before = used()
  const cpuStart = process.cpuUsage()
  const start = performance.now()
  const net = lab(config)
  net.start()
  const upMs = performance.now() - start
  const { user, system } = process.cpuUsage(cpuStart)
  // What nodes say when they begin has been said.
  net.run(QUIET)
  const idleKb = (used() - before) / nodes / 1024
  const upCpuMs = (user + system) / 1000
  return { nodes, upMs, upCpuMs, idleKb, hopNs: hop(net, nodes, TRAINS[0]), aloneNs: hop(net, nodes, TRAINS[1]) }
}

/** Nanoseconds that one packet takes for one link: the median of the rounds. */
function hop(net: Lab, nodes: number, train: number): number {
  const hosts = nodes / 2
  const flows = Array.from({ length: FLOWS }, (_, i) => {
    const from = (i * 7919) % hosts
    return {
      from: net.node(`h${from}`),
      to: addressOf(net.node(`h${(from + 1 + ((i * 104_729) % (hosts - 1))) % hosts}`)),
    }
  })
  const turn = () => {
    for (const f of flows) for (let n = 0; n < train; n++) ask(net, f.from, f.to)
    // An echo comes back within that, however far.
    net.run(net.now + 10)
  }
  // To count what ten thousand links carried takes its time: before and behind the measurement.
  const before = carried(net)
  turn()
  const turns = Math.ceil(HOPS / (carried(net) - before))
  const samples: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const first = carried(net)
    const start = cpu()
    for (let n = 0; n < turns; n++) turn()
    const ns = cpu() - start
    const hops = carried(net) - first
    if (hops < HOPS / 2) throw new Error('packets go in, and do not go on')
    if (round > 0) samples.push(ns / hops)
  }
  return median(samples)
}

function ask(net: Lab, from: LabNode, to: Ip4): void {
  const sent = from.node.ip4.send(net.now, { dst: to, protocol: icmp4.PROTOCOL, payload: REQUEST })
  if (sent !== 'sent') throw new Error(`an echo request does not leave: ${sent}`)
}

function addressOf(n: LabNode): Ip4 {
  for (const port of n.node.ports.values())
    for (const { address } of port.addresses) if (typeof address !== 'bigint') return address
  throw new Error(`${n.name} has no address`)
}

/** Packets that links have carried. */
function carried(net: Lab): number {
  let sum = 0
  for (const l of net.links) sum += l.counts.carried ?? 0
  return sum
}

/** Nanoseconds. */
function cpu(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) * 1000
}

/** Octets in use behind a collection, on the heap and beside it. */
function used(): number {
  // What a first collection frees may hold more.
  for (let n = 0; n < 3; n++) collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Bars from 0 on, two a size. */
function bars(all: readonly Measured[]): string {
  const most = Math.max(...all.flatMap((m) => [1e9 / m.hopNs, 1e9 / m.aloneNs]))
  const bar = (ns: number) =>
    `${'#'.repeat(Math.round((1e9 / ns / most) * 50))} ${Math.round(1e9 / ns).toLocaleString('en')}`
  const rows = all.flatMap((m) => [
    `${m.nodes.toLocaleString('en').padStart(7)} trains ${bar(m.hopNs)}`,
    `${' '.repeat(7)} alone  ${bar(m.aloneNs)}`,
  ])
  return rows.join('\n')
}

/** Behind the first reports, solicitations and advertisements. */
const QUIET = 60_000
const REQUEST = new Uint8Array(64)
icmp4.write({ kind: 'echoRequest', code: 0, id: 7, seq: 1, data: new Uint8Array(56) }, REQUEST, 0)
