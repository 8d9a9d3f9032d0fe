import { posix } from 'node:path'
import { expect, test } from 'vitest'
import { imports, parseSource, type Source, sources } from './source.ts'

/** Which layer of packages/icmpkit/src may import which (DESIGN: arrows point one way). */
const LAYERS: Record<string, readonly string[]> = {
  wire: [],
  seam: ['wire'],
  stack: ['wire', 'seam'],
  probe: ['wire', 'seam'],
  notice: ['wire', 'seam'],
  listen: ['wire', 'seam'],
  lab: ['wire', 'seam', 'stack', 'probe'],
  os: ['wire', 'seam'],
  runs: ['wire', 'seam', 'stack', 'probe', 'notice', 'listen', 'lab', 'os'],
  top: ['seam', 'wire', 'stack', 'probe', 'notice', 'listen', 'lab', 'os', 'runs'],
}
const LIBRARY = 'packages/icmpkit/src/'
const SEAM = ['clock.ts', 'door.ts', 'run.ts']

function layerOf(path: string): string {
  const inside = path.slice(LIBRARY.length)
  if (SEAM.includes(inside)) return 'seam'
  return inside.includes('/') ? inside.slice(0, inside.indexOf('/')) : 'top'
}

function faults(source: Source): string[] {
  const inLibrary = source.path.startsWith(LIBRARY)
  const layer = inLibrary ? layerOf(source.path) : 'cli'
  return imports(source).flatMap(({ from, lazy, typeOnly }) => {
    const fault = [`${source.path} imports ${from}`]
    if (from.startsWith('.')) {
      const target = posix.join(posix.dirname(source.path), from)
      if (!inLibrary) return target.startsWith('packages/cli/src/') ? [] : fault
      if (!target.startsWith(LIBRARY)) return fault
      const other = layerOf(target)
      return other === layer || LAYERS[layer]?.includes(other) ? [] : fault
    }
    if (!inLibrary) return from === 'koffi' ? fault : []
    if (from === 'koffi') return layer === 'os' && (lazy || typeOnly) ? [] : fault
    if (from.startsWith('node:')) return layer === 'os' || layer === 'runs' ? [] : fault
    return fault
  })
}

const lineOf = (path: string, text: string) => faults(parseSource(path, text))

test('imports point one way: wire imports nothing, only os touches koffi, and only when a door opens', () => {
  expect(sources().flatMap(faults)).toEqual([])
})

test('the rule sees what it forbids', () => {
  expect(lineOf(`${LIBRARY}wire/x.ts`, "import { readFileSync } from 'node:fs'")).toHaveLength(1)
  expect(lineOf(`${LIBRARY}wire/x.ts`, "export type { Door } from '../door.ts'")).toHaveLength(1)
  expect(lineOf(`${LIBRARY}probe/x.ts`, "const os = await import('../os/index.ts')")).toHaveLength(1)
  expect(lineOf(`${LIBRARY}os/x.ts`, "import koffi from 'koffi'")).toHaveLength(1)
  expect(lineOf(`${LIBRARY}os/x.ts`, "type K = typeof import('koffi'); const k = require('koffi')")).toEqual([])
  expect(lineOf(`${LIBRARY}run.ts`, "import { openDoor } from './os/index.ts'")).toHaveLength(1)
  expect(lineOf('packages/cli/src/x.ts', "import { a } from '../../icmpkit/src/wire/addr.ts'")).toHaveLength(1)
})

test('no two files import each other in a ring, types aside', () => {
  const graph = new Map<string, string[]>(
    sources().map((s) => [
      s.path,
      imports(s)
        .filter((i) => i.from.startsWith('.') && !i.typeOnly && !i.lazy)
        .map((i) => posix.join(posix.dirname(s.path), i.from)),
    ]),
  )
  expect(ring(graph)).toEqual([])
  expect(
    ring(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['b']],
      ]),
    ),
  ).toEqual(['b', 'c', 'b'])
})

function ring(graph: Map<string, string[]>): string[] {
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    path.push(file)
    for (const next of graph.get(file) ?? []) {
      const found = visit(next)
      if (found.length) return found
    }
    path.pop()
    done.add(file)
    return []
  }
  for (const file of graph.keys()) {
    const found = visit(file)
    if (found.length) return found
  }
  return []
}
