/** The project's own sources, parsed: what the house rules look at. */
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseAst } from 'rolldown/parseAst'

export const ROOT: string = resolve(import.meta.dirname, '../..')

/** Any node of the syntax tree (ESTree with TypeScript). */
export interface Node {
  type: string
  start: number
  end: number
  [field: string]: unknown
}

export interface Source {
  /** Path from the repository's root. */
  path: string
  text: string
  tree: Node
}

/** Sources that users get, tests left out. */
export function sources(): Source[] {
  users ??= parsed(globSync('packages/*/src/**/*.ts', { cwd: ROOT }).filter((f) => !f.endsWith('.test.ts')))
  return users
}

/** Tests, and everything that only this repository runs. */
export function workshop(): Source[] {
  ours ??= parsed(
    globSync(['packages/*/src/**/*.test.ts', '{test,bench,examples,conformance,build}/**/*.ts', '*.ts'], { cwd: ROOT }),
  )
  return ours
}

/** Parsed once for all rules of a file. */
let users: Source[] | undefined
let ours: Source[] | undefined

export function parseSource(path: string, text: string): Source {
  return { path, text, tree: parseAst(text, { lang: 'ts', sourceType: 'module' }) as unknown as Node }
}

function parsed(files: string[]): Source[] {
  return files.sort().map((f) => parseSource(f, readFileSync(resolve(ROOT, f), 'utf8')))
}

/** Every node under `tree`, itself included, with the nodes around it, innermost last. */
export function* walk(tree: Node, around: readonly Node[] = []): Generator<[Node, readonly Node[]]> {
  yield [tree, around]
  const inside = [...around, tree]
  for (const value of Object.values(tree)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield* walk(child, inside)
  }
}

/** Module names in import and export declarations, `import(…)` and `import type`, with whether only types are taken. */
export function imports({ tree }: Source): { from: string; typeOnly: boolean; lazy: boolean }[] {
  const found: { from: string; typeOnly: boolean; lazy: boolean }[] = []
  for (const [node] of walk(tree)) {
    const literal =
      node.source ?? (node.type === 'CallExpression' && isRequire(node) ? (node.arguments as unknown[])[0] : undefined)
    if (!isNode(literal) || typeof literal.value !== 'string') continue
    const kind = node.importKind ?? node.exportKind
    found.push({
      from: literal.value,
      typeOnly: kind === 'type' || node.type === 'TSImportType',
      lazy: node.type === 'ImportExpression' || node.type === 'CallExpression',
    })
  }
  return found
}

function isRequire({ callee }: Node): boolean {
  return isNode(callee) && callee.type === 'Identifier' && callee.name === 'require'
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}
