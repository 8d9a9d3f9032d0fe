/** The pictures of `icmp lab show` as Graphviz lays them out and as Mermaid reads them: what stands on them is the network. */
import { globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { instance, type Viz } from '@viz-js/viz'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { parseLab } from '../../packages/cli/src/lab/lab-file.ts'
import { type LabConfig, linkText, picture } from '../../packages/icmpkit/src/lab/index.ts'
import { planOf } from '../../packages/icmpkit/src/lab/topology.ts'
import { ROOT } from '../house/source.ts'

interface Drawn {
  /** By what is written in it: the shape, and with whom it is joined and what stands on the line. */
  boxes: [text: string, shape: string][]
  lines: [from: string, to: string, text: string][]
}

let viz: Viz
let mermaid: MermaidApi

beforeAll(async () => {
  viz = await instance()
  mermaid = loadMermaid()
})

/** What the network has, in the words of neither. */
function expected(config: LabConfig, shapes: Record<'host' | 'gateway' | 'segment', string>): Drawn {
  const plan = planOf(config)
  const boxes = plan.nodes.map((n): [string, string] => [n.name, shapes[n.kind]])
  const lines: Drawn['lines'] = []
  for (const l of plan.links) {
    const text = linkText(l)
    const [a, b] = l.ends
    if (l.ends.length === 2) {
      lines.push([a!.node, b!.node, text])
      continue
    }
    const hub = text === '' ? l.name : `${l.name}\n${text}`
    boxes.push([hub, shapes.segment])
    for (const e of l.ends) lines.push([hub, e.node, ''])
  }
  return sorted({ boxes, lines })
}

const sorted = ({ boxes, lines }: Drawn): Drawn => ({ boxes: boxes.toSorted(byText), lines: lines.toSorted(byText) })
const byText = (a: readonly string[], b: readonly string[]) => (a.join('\0') < b.join('\0') ? -1 : 1)

/** As Graphviz draws it: its SVG has a group for each node and each edge, whose title names it. */
function byGraphviz(source: string): Drawn {
  const { status, output = '', errors } = viz.render(source, { format: 'svg' })
  expect({ status, errors }).toEqual({ status: 'success', errors: [] })
  const groups = [...output.matchAll(/<g id="[^"]+" class="(node|edge)">\s*<title>(.*?)<\/title>(.*?)<\/g>/gs)]
  const drawn = groups.map(([, what, title, inside]) => ({
    what,
    ends: unescaped(title!).split('--'),
    text: [...inside!.matchAll(/<text[^>]*>(.*?)<\/text>/gs)].map((m) => unescaped(m[1]!)).join('\n'),
    shape: [...inside!.matchAll(/<(polygon|path)/g)].map((m) => m[1]).join(' '),
  }))
  const nodes = drawn.filter((d) => d.what === 'node')
  const text = (name: string) => nodes.find((n) => n.ends[0] === name)!.text
  return sorted({
    boxes: nodes.map((n) => [n.text, n.shape]),
    lines: drawn.flatMap((d) => (d.what === 'edge' ? [[text(d.ends[0]!), text(d.ends[1]!), d.text]] : [])),
  })
}

function unescaped(xml: string): string {
  return xml
    .replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)).replace('\u00a0', ' '))
    .replaceAll(/&(\w+);/g, (_, name) => NAMED[name as string] ?? `an unknown entity ${name}`)
}

/** As Mermaid reads it. */
async function byMermaid(source: string): Promise<Drawn> {
  await mermaid.parse(source)
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(source)
  const boxes = [...db.getVertices().values()]
  const texts = new Map<string, string>(boxes.map((v) => [v.id, shown(v.text)]))
  return sorted({
    boxes: boxes.map((v) => [shown(v.text), v.type]),
    lines: db.getEdges().map((e) => [texts.get(e.start)!, texts.get(e.end)!, shown(e.text)]),
  })
}

/** Entities stand in its data as `ﬂ°quot¶ß` and `ﬂ°°35¶ß` until they are drawn. */
function shown(text: string): string {
  return text
    .replaceAll('<br>', '\n')
    .replaceAll(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCharCode(Number(code)))
    .replaceAll(/ﬂ°(\w+)¶ß/g, (_, name) => NAMED[name as string] ?? `an unknown entity ${name}`)
}

const NAMED: Record<string, string> = { quot: '"', lt: '<', gt: '>', amp: '&' }

interface MermaidApi {
  parse(text: string): Promise<unknown>
  mermaidAPI: {
    getDiagramFromText(text: string): Promise<{
      db: {
        getVertices(): Map<string, { id: string; text: string; type: string }>
        getEdges(): { start: string; end: string; text: string }[]
      }
    }>
  }
}

/** It is a script for browsers, and asks for a document before it parses any text. */
function loadMermaid(): MermaidApi {
  const path = createRequire(import.meta.url).resolve('@mermaid-js/tiny')
  class Element {}
  const document = { nodeType: 9, implementation: {}, createElement: () => ({}) }
  const page = createContext({
    document,
    Element,
    Node: Element,
    addEventListener: () => {},
    structuredClone,
    URL,
    console,
  })
  runInContext('globalThis.window = globalThis', page)
  runInContext(readFileSync(path, 'utf8'), page)
  return page.mermaid as MermaidApi
}

const DOT = { host: 'polygon', gateway: 'path', segment: 'polygon polygon' }
const MERMAID = { host: 'square', gateway: 'round', segment: 'subroutine' }

async function holds(config: LabConfig): Promise<void> {
  expect(byGraphviz(picture(config, { as: 'dot' }))).toEqual(expected(config, DOT))
  expect(await byMermaid(picture(config, { as: 'mermaid' }))).toEqual(expected(config, MERMAID))
}

test('Graphviz and Mermaid draw each example as the network that it is', async () => {
  const files = globSync('examples/lab/*.yaml', { cwd: ROOT })
  expect(files.length).toBeGreaterThanOrEqual(10)
  for (const file of files) await holds(parseLab(file, readFileSync(resolve(ROOT, file), 'utf8')).config)
})

test('a name that begins a directive or a comment of Mermaid is a name', async () => {
  await holds({ nodes: { '%%{a': 'host', '%%': 'gateway', '%%{init: {}}%%': 'host' }, links: [['%%{a', '%%']] })
})

test('with addresses each of them is a line of its own', async () => {
  const config: LabConfig = { nodes: { me: 'host', r1: 'gateway' }, links: [['me', 'r1']] }
  const lines = ['me\n10.0.0.1/24\n2001:db8::1/64', 'r1\n10.0.0.2/24\n2001:db8::2/64']
  const boxes = (drawn: Drawn) => drawn.boxes.map(([text]) => text)
  expect(boxes(byGraphviz(picture(config, { as: 'dot', addresses: true })))).toEqual(lines)
  expect(boxes(await byMermaid(picture(config, { as: 'mermaid', addresses: true })))).toEqual(lines)
})

test('whatever nodes are called and however they are joined, what is drawn are they', async () => {
  const name = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...'abc "\\<>&#;`|[](){}-\'%:/0') })
  const trimmed = name.filter((n) => n === n.trim() && !n.includes('  '))
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(trimmed, { minLength: 3, maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.boolean()), { minLength: 1, maxLength: 6 }),
      async (names, joins) => {
        const nodes = Object.fromEntries(names.map((n, i) => [n, i % 2 === 0 ? 'host' : 'gateway'] as const))
        const links = joins.flatMap(([x, y, z, many], i): LabConfig['links'][number][] => {
          const ends = [...new Set<string>([x, y, ...(many ? [z] : [])].map((n) => names[n % names.length]!))]
          return ends.length < 2 ? [] : [[...ends, { name: `l${i}`, loss: i / 10, delay: i }]]
        })
        await holds({ nodes, links })
      },
    ),
    { numRuns: 100 },
  )
})
