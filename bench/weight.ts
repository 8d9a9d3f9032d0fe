/**
 * What a node of the stack weighs that is at rest, and where it goes: two heap snapshots, some hundred nodes between them.
 * What is no class of ours counts for the one that holds it.
 */
import { text } from 'node:stream/consumers'
import { getHeapSnapshot } from 'node:v8'
import type { Instant } from '../packages/icmpkit/src/clock.ts'
import { Node } from '../packages/icmpkit/src/stack/index.ts'
import { port } from '../test/stack/one-node.ts'
import { printTable } from './figures.ts'

export const question: string =
  'What does an idle host with one port weigh, an idle gateway with two, and which parts of them?'

const NODES = 500
/** Behind the first reports, solicitations and advertisements. */
const QUIET = 60_000
const ROWS = 24

export async function run(): Promise<void> {
  const kept: Node[] = []
  for (const [role, ports] of [
    ['host', 1],
    ['gateway', 2],
  ] as const) {
    for (let i = 0; i < NODES; i++) kept.push(idle(role, ports, i))
    const before = await weigh()
    for (let i = 0; i < NODES; i++) kept.push(idle(role, ports, i))
    const after = await weigh()
    const rows: [string, number][] = []
    for (const [owner, octets] of after) rows.push([owner, (octets - (before.get(owner) ?? 0)) / NODES])
    rows.sort((a, b) => b[1] - a[1])
    const sum = rows.reduce((all, [, octets]) => all + octets, 0)
    process.stdout.write(`an idle ${role} with ${ports} port${ports > 1 ? 's' : ''}: ${Math.round(sum)} octets\n`)
    printTable(
      ['of them', 'octets'],
      rows.slice(0, ROWS).map(([owner, octets]) => [owner, Math.round(octets)]),
    )
    process.stdout.write('\n')
  }
}

/** Begun, and left alone since. */
function idle(role: 'host' | 'gateway', ports: number, i: number): Node {
  let r = i + 1
  const n = new Node({
    role,
    ports: Array.from({ length: ports }, (_, p) =>
      port(p + 1, { addresses: [`10.${p}.${i >> 8}.${i & 255}/24`, `2001:db8:${p}::${(i + 1).toString(16)}/64`] }),
    ),
    random: () => {
      r = (r * 16807) % 2147483647
      return r / 2147483647
    },
    wall: () => 0n,
  })
  n.start(0 as Instant)
  for (;;) {
    for (let p = n.takeWaiting(); p !== undefined; p = n.takeWaiting()) p.queue.clear()
    while (n.pollEvent() !== undefined);
    const next = n.pollTimeout()
    if (next === undefined || next > QUIET) return n
    n.handleTimeout(next)
  }
}

interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: [string[]]; edge_fields: string[]; edge_types: [string[]] } }
  nodes: number[]
  edges: number[]
  strings: string[]
}

/** Octets by the class that holds them. */
async function weigh(): Promise<Map<string, number>> {
  const { snapshot, nodes, edges, strings } = JSON.parse(await text(getHeapSnapshot())) as Snapshot
  const { node_fields: fields, node_types, edge_fields, edge_types } = snapshot.meta
  const field = (name: string) => fields.indexOf(name)
  const [width, edgeWidth] = [fields.length, edge_fields.length]
  const [type, name, size, count] = [field('type'), field('name'), field('self_size'), field('edge_count')]
  const weak = edge_types[0].indexOf('weak')
  const object = node_types[0].indexOf('object')
  const all = nodes.length / width
  const firstEdge = new Uint32Array(all + 1)
  for (let i = 0; i < all; i++) firstEdge[i + 1] = firstEdge[i]! + nodes[i * width + count]!
  const isOwner = (i: number) => nodes[i * width + type] === object && !BUILT_IN.has(strings[nodes[i * width + name]!]!)
  // From the root, breadth first: the nearest owner holds it.
  const owner = new Int32Array(all).fill(-1)
  const line = [0]
  owner[0] = 0
  for (const i of line) {
    for (let e = firstEdge[i]!; e < firstEdge[i + 1]!; e++) {
      const to = edges[e * edgeWidth + 2]! / width
      if (edges[e * edgeWidth] === weak || owner[to]! >= 0) continue
      owner[to] = isOwner(to) ? to : owner[i]!
      line.push(to)
    }
  }
  const octets = new Map<string, number>()
  for (const i of line) {
    const held = owner[i] === 0 ? '(the process)' : strings[nodes[owner[i]! * width + name]!]!
    octets.set(held, (octets.get(held) ?? 0) + nodes[i * width + size]!)
  }
  octets.delete('(the process)')
  return octets
}

const BUILT_IN: ReadonlySet<string> = new Set([
  'Object',
  'Array',
  'Map',
  'Set',
  'ArrayBuffer',
  'Uint8Array',
  'Uint16Array',
  'Int32Array',
  'Float64Array',
])
