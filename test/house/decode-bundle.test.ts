import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { type Node, type Source, sources } from './source.ts'

/** Every node of a tree. */
function* nodes(of: unknown): Generator<Node> {
  if (Array.isArray(of)) for (const one of of) yield* nodes(one)
  else if (typeof of === 'object' && of !== null) {
    if ('type' in of) yield of as Node
    for (const child of Object.values(of)) if (typeof child === 'object') yield* nodes(child)
  }
}

/** The sources that a file's static imports reach, itself included. */
function reached(from: string): Source[] {
  const all = new Map(sources().map((s) => [s.path, s]))
  const found = new Map<string, Source>()
  for (const paths = [from]; paths.length > 0; ) {
    const path = paths.pop()!
    const source = all.get(path)
    if (source === undefined || found.has(path)) continue
    found.set(path, source)
    for (const node of nodes(source.tree)) {
      const to = /^(Import|Export(Named|All))Declaration$/.test(node.type) && (node.source as { value?: string } | null)
      if (!to || to.value === undefined) continue
      if (to.value.startsWith('icmpkit/')) paths.push(`packages/icmpkit/src/${to.value.slice(8)}/index.ts`)
      else paths.push(join(dirname(path), to.value))
    }
  }
  return [...found.values()]
}

test('nothing of icmp decode is loaded while it runs: its bundle would have variables in place of constants, and a sixth of its speed would be gone', () => {
  const bundle = reached('packages/cli/src/entry/decode.ts')
  expect(bundle.map((s) => s.path)).toContain('packages/icmpkit/src/wire/pen.ts')
  expect(bundle.map((s) => s.path)).toContain('packages/icmpkit/src/os/index.ts')
  const late = bundle.filter((s) => [...nodes(s.tree)].some((n) => n.type === 'ImportExpression'))
  expect(late.map((s) => s.path)).toEqual([])
})
