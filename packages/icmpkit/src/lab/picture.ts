/**
 * A network drawn: for a terminal (boxes from left to right, never wider than it), for Mermaid, for Graphviz. Hosts have
 * square corners, gateways round ones, switched segments a double line. What is too large to be drawn is listed.
 */
import { showIp } from '../wire/addr.ts'
import { linkLabel, linkText } from './link-text.ts'
import { boxWidth, channelWidth, draw } from './picture-canvas.ts'
import { type Edge, layersOf, place, type Shape } from './picture-layout.ts'
import { type LabConfig, type LinkPlan, type Plan, planOf } from './topology.ts'

export interface PictureOptions {
  /** `text` */
  as?: 'text' | 'mermaid' | 'dot'
  /** Shows addresses in the boxes. */
  addresses?: boolean
  /** Columns of the terminal. 80. */
  width?: number
}

/** The network as a picture, or as the source of one. @throws TypeError that names the place of what cannot be used */
export function picture(config: LabConfig, options: PictureOptions = {}): string {
  const plan = planOf(config)
  const { as = 'text', addresses = false, width = 80 } = options
  if (as === 'mermaid') return mermaid(plan, addresses)
  if (as === 'dot') return dot(plan, addresses)
  return text(plan, addresses, width)
}

interface Graph {
  shapes: Shape[]
  edges: Edge[]
}

/** Segments are nodes of the graph, joined to their members. */
function graphOf(plan: Plan, addresses: boolean, label: (l: LinkPlan) => string): Graph {
  const index = new Map<string, number>(plan.nodes.map((n, i): [string, number] => [n.name, i]))
  const own = new Map<string, string[]>(plan.nodes.map((n) => [n.name, []]))
  for (const l of plan.links)
    for (const e of l.ends) own.get(e.node)!.push(...e.addresses.map((a) => `${showIp(a.address)}/${a.prefixLength}`))
  const shapes = plan.nodes.map((n): Shape => {
    return { name: n.name, kind: n.kind, lines: addresses ? [n.name, ...own.get(n.name)!] : [n.name] }
  })
  const edges: Edge[] = []
  for (const l of plan.links) {
    const ends = l.ends.map((e) => index.get(e.node)!)
    if (ends.length === 2) {
      edges.push({ a: ends[0]!, b: ends[1]!, label: label(l) })
      continue
    }
    const said = label(l)
    const hub = shapes.push({ name: l.name, kind: 'segment', lines: said === '' ? [l.name] : [l.name, said] }) - 1
    for (const e of ends) edges.push({ a: hub, b: e, label: '' })
  }
  return { shapes, edges }
}

function text(plan: Plan, addresses: boolean, width: number): string {
  if (plan.nodes.length <= MOST) {
    for (const [label, bands] of [
      [linkText, false],
      [linkLabel, false],
      [linkLabel, true],
      [() => '', true],
    ] as const) {
      const drawn = drawing(graphOf(plan, addresses, label), width, bands)
      if (drawn !== undefined) return drawn
    }
  }
  return addresses && plan.nodes.length <= MOST ? text(plan, false, width) : list(plan, width)
}

/** In one band, or in as many as are needed; undefined where it does not fit. */
function drawing({ shapes, edges }: Graph, width: number, bands: boolean): string | undefined {
  const drawn: string[] = []
  for (const layers of layersOf(shapes.length, edges)) {
    for (let first = 0; first < layers.length; ) {
      let last = layers.length
      let columns = place(shapes, edges, layers.slice(first, last), first > 0)
      while (widthOf(columns) > width) {
        last--
        if (!bands || last - first < 2) return undefined
        columns = place(shapes, edges, layers.slice(first, last), first > 0)
      }
      drawn.push(draw(columns, true))
      // The last column of a band begins the next.
      first = last === layers.length ? last : last - 1
    }
  }
  return drawn.join('\n')
}

function widthOf(columns: ReturnType<typeof place>): number {
  return columns.reduce((sum, c, i) => sum + boxWidth(c) + channelWidth(c, i === columns.length - 1, true), 0)
}

/** Each node, and whom it is joined to. */
function list(plan: Plan, width: number): string {
  const near = new Map<string, string[]>(plan.nodes.map((n) => [n.name, []]))
  for (const l of plan.links)
    for (const e of l.ends) near.get(e.node)!.push(...l.ends.filter((o) => o !== e).map((o) => o.node))
  return plan.nodes
    .map((n) => wrap(`${n.name} (${n.kind}): ${near.get(n.name)!.join(', ') || 'alone'}`, width))
    .join('')
}

function wrap(line: string, width: number): string {
  let out = ''
  let row = ''
  for (const word of line.split(' ')) {
    if (row !== '' && row.length + 1 + word.length > width) {
      out += `${row}\n`
      row = '   '
    }
    row = row === '' ? word : `${row} ${word}`
    // A name longer than the terminal is cut at its edge.
    while (row.length > width) {
      out += `${row.slice(0, width)}\n`
      row = row.slice(width)
    }
  }
  return `${out}${row}\n`
}

function mermaid(plan: Plan, addresses: boolean): string {
  const { shapes, edges } = graphOf(plan, addresses, linkText)
  const quoted = (line: string) => line.replaceAll(/["#<>&`%]/g, (c) => `#${c.charCodeAt(0)};`)
  const box = { host: ['[', ']'], gateway: ['(', ')'], segment: ['[[', ']]'] } as const
  const nodes = shapes.map(
    ({ kind, lines }, i) => `  n${i}${box[kind][0]}"${lines.map(quoted).join('<br>')}"${box[kind][1]}\n`,
  )
  const joins = edges.map(({ a, b, label }) => `  n${a} ---${label === '' ? '' : `|"${label}"|`} n${b}\n`)
  return `graph LR\n${nodes.join('')}${joins.join('')}`
}

function dot(plan: Plan, addresses: boolean): string {
  const { shapes, edges } = graphOf(plan, addresses, linkText)
  const box = { host: 'shape=box', gateway: 'shape=box, style=rounded', segment: 'shape=box, peripheries=2' } as const
  // Graphviz reads entities of HTML everywhere.
  const quoted = (line: string) => line.replaceAll('&', '&amp;').replaceAll(/["\\]/g, '\\$&')
  const nodes = shapes.map(({ kind, lines }, i) => `  n${i} [label="${lines.map(quoted).join('\\n')}", ${box[kind]}]\n`)
  const joins = edges.map(({ a, b, label }) => `  n${a} -- n${b}${label === '' ? '' : ` [label="${label}"]`}\n`)
  return `graph lab {\n  rankdir=LR\n${nodes.join('')}${joins.join('')}}\n`
}

/** Nodes of a network that is drawn; a larger one is a list. */
const MOST = 60
