/** Branch coverage of sources that Node runs by stripping types: V8's block counts laid over the syntax tree. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isNode, type Node, parseSource, walk } from '../house/source.ts'

/** As the inspector's Profiler domain gives it. */
export interface ScriptCoverage {
  url: string
  functions: { functionName: string; ranges: { startOffset: number; endOffset: number; count: number }[] }[]
}

export interface FileCoverage {
  file: string
  branches: number
  met: number
  /** Lines where a branch that no input met begins. */
  missed: number[]
  /** Functions that are not counted, since nothing that parses calls them. */
  leftOut: string[]
}

/** What every parser must enter. Other functions that no input entered are for callers (writers, texts): left out. */
const PARSES = /^(parse|read|verify|judge|locate|skip|find|step|next|print)/

/** `runs` are of several threads over the same sources: a branch is met where one of them met it. */
export function branchCoverage(file: string, runs: readonly ScriptCoverage[]): FileCoverage {
  const scripts = runs.filter((s) => s.url.startsWith('file:') && fileURLToPath(s.url) === file)
  const text = readFileSync(file, 'utf8')
  const missed: number[] = []
  const leftOut: string[] = []
  const met = (offset: number) => scripts.some((s) => countAt(s, offset) > 0)
  let branches = 0
  const isLeftOut = (f: Node) => {
    const name = String(((f.id ?? f.key) as Node).name)
    if (PARSES.test(name) || met(((f.body ?? (f.value as Node).body) as Node).start)) return false
    leftOut.push(name)
    return true
  }
  for (const offset of branchesOf(parseSource(file, text).tree, isLeftOut)) {
    branches++
    if (!met(offset)) missed.push(text.slice(0, offset).split('\n').length)
  }
  return { file, branches, met: branches - missed.length, missed, leftOut }
}

/** How often the code at `offset` ran: the innermost range around it tells. */
function countAt(script: ScriptCoverage, offset: number): number {
  let count = 0
  let width = Number.POSITIVE_INFINITY
  for (const { ranges } of script.functions) {
    for (const range of ranges) {
      if (offset < range.startOffset || offset >= range.endOffset) continue
      const w = range.endOffset - range.startOffset
      if (w > width) continue
      width = w
      count = range.count
    }
  }
  return count
}

/** Where each branch begins: functions, arms of `if` and `?:`, right sides of `&&`, `||` and `??`, cases, loop bodies, and what follows an `if` that leaves. */
function* branchesOf(tree: Node, isLeftOut: (f: Node) => boolean): Generator<number> {
  const out = new Set<Node>()
  for (const [node, around] of walk(tree)) {
    if (/^(FunctionDeclaration|MethodDefinition)$/.test(node.type) && isLeftOut(node)) out.add(node)
    if (out.has(node) || around.some((n) => out.has(n))) continue
    const arm = (field: string) => (isNode(node[field]) ? [(node[field] as Node).start] : [])
    switch (node.type) {
      case 'FunctionDeclaration':
        yield* arm('body')
        break
      case 'MethodDefinition':
        yield ((node.value as Node).body as Node).start
        break
      case 'IfStatement':
      case 'ConditionalExpression':
        yield* arm('consequent')
        yield* arm('alternate')
        break
      case 'LogicalExpression':
        yield* arm('right')
        break
      case 'SwitchCase': {
        const [first] = node.consequent as Node[]
        if (first) yield first.start
        break
      }
      case 'ForStatement':
      case 'ForOfStatement':
      case 'WhileStatement':
        yield* arm('body')
        break
      case 'BlockStatement': {
        const body = node.body as Node[]
        for (const [i, s] of body.entries()) {
          const next = body[i + 1]
          if (next && s.type === 'IfStatement' && !s.alternate && leaves(s.consequent as Node)) yield next.start
        }
      }
    }
  }
}

function leaves(node: Node): boolean {
  const last = node.type === 'BlockStatement' ? (node.body as Node[]).at(-1) : node
  return last !== undefined && /^(Return|Throw|Break|Continue)Statement$/.test(last.type)
}
