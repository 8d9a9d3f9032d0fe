/**
 * Prints what one more node of a lab costs that is at rest, octets: a program of its own, since what a process has beside
 * it would drown it. Needs `--expose-gc`.
 */
import { type Lab, type LabConfig, lab } from '../../packages/icmpkit/src/lab/index.ts'

/** A host and a gateway each, in a tree: four gateways below one. So a node has two ports, in the mean. */
function tree(nodes: number): LabConfig {
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

/** Behind the first reports, solicitations and advertisements. */
const QUIET = 60_000
const FEW = 2000
const MANY = 4000

/** So that nothing of it is collected. */
const kept: Lab[] = []

/** Octets that a network of so many takes, on the heap and beside it. */
function weigh(nodes: number): number {
  const config = tree(nodes)
  const before = used()
  const net = lab(config)
  net.run(QUIET)
  kept.push(net)
  return used() - before
}

function used(): number {
  // The second takes what the first one found.
  for (let n = 0; n < 2; n++) globalThis.gc!()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

// What runs for the first time is compiled: not in the measurement.
weigh(100)
// What a network has once, buffers of packets above all, is in both.
const few = weigh(FEW)
process.stdout.write(`${Math.round((weigh(MANY) - few) / (MANY - FEW))}\n`)
