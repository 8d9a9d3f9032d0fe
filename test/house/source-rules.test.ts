import { existsSync } from 'node:fs'
import { posix, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { imports, isNode, type Node, parseSource, ROOT, type Source, sources, walk, workshop } from './source.ts'

const each = (from: Source[], rule: (s: Source) => string[]) =>
  from.flatMap((s) => rule(s).map((f) => `${s.path}: ${f}`))

test('no file is called utils, helpers, common or types, and names are kebab-case', () => {
  const rule = ({ path }: Source) => {
    const name = posix.basename(path).replace(/(\.test|\.config)?\.ts$/, '')
    return /^(utils?|helpers?|common|types?|misc)$/.test(name) || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) ? [name] : []
  }
  expect(each([...sources(), ...workshop()], rule)).toEqual([])
  expect(each([parseSource('a/utils.ts', ''), parseSource('a/fooBar.ts', '')], rule)).toHaveLength(2)
})

test('nothing is left to do, skipped by hand, or run alone', () => {
  const rule = ({ tree, text }: Source) => {
    const marks = [...text.matchAll(/(?:\/\/|\*) ?(TODO|FIXME|XXX|HACK)\b/g)].map((m) => m[1]!)
    for (const [node] of walk(tree)) {
      if (node.type !== 'MemberExpression' || !isNode(node.object) || !isNode(node.property)) continue
      if (
        /^(test|it|describe)$/.test(String(node.object.name)) &&
        /^(only|skip|todo)$/.test(String(node.property.name))
      )
        marks.push(`${node.object.name}.${node.property.name}`)
    }
    return marks
  }
  expect(each([...sources(), ...workshop()], rule)).toEqual([])
  expect(each([parseSource('x.test.ts', "test.only('a', () => {}) // TO" + 'DO later')], rule)).toHaveLength(2)
})

test('Node runs the sources by stripping types: no enum, namespace or parameter property', () => {
  const rule = ({ tree }: Source) =>
    [...walk(tree)]
      .map(([node]) => node.type)
      .filter((t) => t === 'TSEnumDeclaration' || t === 'TSParameterProperty' || t === 'TSModuleDeclaration')
  expect(each([...sources(), ...workshop()], rule)).toEqual([])
  expect(each([parseSource('x.ts', 'enum A { b }')], rule)).toHaveLength(1)
})

test('no command lets go of a signal before its process has ended', () => {
  const rule = ({ path, text }: Source) =>
    path.startsWith('packages/cli/') ? [...text.matchAll(/\.(off|removeListener)\('SIG\w+'/g)].map((m) => m[0]) : []
  expect(each(sources(), rule)).toEqual([])
  expect(each([parseSource('packages/cli/src/x.ts', "process.off('SIG" + "INT', f)")], rule)).toHaveLength(1)
})

test('no Map or Set is keyed by an address: the hash of a bigint sees its low 64 bits only, and attackers pick those', () => {
  expect(each(sources(), keyedByAddress)).toEqual([])
  const seen = (text: string) => keyedByAddress(parseSource('x.ts', text)).length
  expect(seen('const m = new Map<Ip6, number>()')).toBe(1)
  expect(seen('const m: ReadonlySet<Ip4 | Ip6> = new Set()')).toBe(1)
  expect(seen('class A { m: Map<bigint, number> = new Map() }')).toBe(1)
  expect(seen('const m = new Set(targets)')).toBe(1)
  expect(seen("const m = new Set(['a', 'b'])")).toBe(0)
  expect(seen('const m = new Map<number, Ip6>()')).toBe(0)
})

/** Keys are judged by their written type, so every Map and Set must write one where its first element does not show it. */
function keyedByAddress({ tree, text }: Source): string[] {
  const faults: string[] = []
  for (const [node, around] of walk(tree)) {
    const named = isNode(node.typeName) ? node.typeName : isNode(node.callee) ? node.callee : undefined
    if (!named || !/^(Readonly|Weak)?(Map|Set)$/.test(String(named.name))) continue
    const key = isNode(node.typeArguments) ? (node.typeArguments.params as Node[])[0] : undefined
    const shown = text.slice(node.start, node.end).split('\n')[0]!
    if (key) {
      if (/\b(Ip|Ip6|bigint)\b/.test(text.slice(key.start, key.end))) faults.push(shown)
    } else if (node.type === 'NewExpression' && !declared(around) && !literal((node.arguments as Node[])[0])) {
      faults.push(`${shown} does not name the type of its key`)
    }
  }
  return faults
}

/** Somewhere up to the function around it, a declaration has a type; a field or property has one where it is declared. */
function declared(around: readonly Node[]): boolean {
  for (const node of around.toReversed()) {
    if (/Function/.test(node.type)) return false
    if (node.type === 'Property') return true
    if (node.type === 'AssignmentExpression' && isNode(node.left)) return node.left.type === 'MemberExpression'
    const holder = isNode(node.id) ? node.id : node
    if (isNode(holder.typeAnnotation)) return true
  }
  return false
}

function literal(argument: Node | undefined): boolean {
  const first = argument?.type === 'ArrayExpression' ? (argument.elements as Node[])[0] : undefined
  const key = first?.type === 'ArrayExpression' ? (first.elements as Node[])[0] : first
  return key?.type === 'Literal' && typeof key.value !== 'bigint'
}

test('each source says at its top what it is', () => {
  const rule = ({ text }: Source) => (/^(#!.*\n)?\/\*\*/.test(text) ? [] : ['begins without a comment'])
  // An entry of the command is two imports and a call.
  const told = sources().filter((s) => !s.path.startsWith('packages/cli/src/entry/'))
  expect(each(told, rule)).toEqual([])
})

test('each function and class that users can import says what it does', () => {
  const library = new Map<string, Source>(sources().map((s) => [s.path, s]))
  const indexes = [...library.keys()].filter((p) => /^packages\/icmpkit\/src\/([a-z]+\/)?index\.ts$/.test(p))
  const silent = indexes.flatMap((path) => undocumented(library, path))
  expect([...new Set<string>(silent)].sort()).toEqual([])
})

/** Exported functions and classes behind `path` without a comment; where a file has but one, its head may speak for it. */
function undocumented(library: Map<string, Source>, path: string, only?: Set<string>): string[] {
  const source = library.get(path)
  if (!source) return [`${path}: exported, not there`]
  const { tree, text } = source
  const body = tree.body as Node[]
  const declares = body.flatMap((node) => {
    const { declaration } = node
    if (!isNode(declaration) || !/^(Function|Class)Declaration$/.test(declaration.type)) return []
    return [{ node, name: String((declaration.id as Node).name) }]
  })
  const own = declares.filter(({ node, name }) => {
    if (only && !only.has(name)) return false
    const before = text.slice(0, node.start)
    return declares.length > 1 ? !/\*\/\n$/.test(before) : !/^(#!.*\n)?\/\*\*/.test(text)
  })
  const behind = body.flatMap((node) => {
    if (!isNode(node.source) || node.exportKind === 'type') return []
    if (!/^Export(All|Named)Declaration$/.test(node.type)) return []
    const names = (node.specifiers as Node[] | undefined)?.map((s) => String((s.local as Node).name))
    const target = posix.join(posix.dirname(path), String(node.source.value))
    return undocumented(library, target, names && new Set<string>(names))
  })
  return [...own.map(({ name }) => `${path}: ${name}`), ...behind]
}

test('each benchmark states the question it answers', () => {
  const files = workshop().filter((s) => s.path.startsWith('bench/') && s.path !== 'bench/run.ts')
  const shared = files.flatMap((s) => imports(s).map((i) => posix.join('bench', i.from)))
  const benchmarks = files.filter((s) => !shared.includes(s.path))
  const rule = ({ text }: Source) =>
    /^export const question: string =/m.test(text) && /^export async function run\(/m.test(text)
      ? []
      : ['exports no question and run']
  expect(each(benchmarks, rule)).toEqual([])
})

test('each decision that a comment points to is there', () => {
  const rule = ({ text }: Source) =>
    [...text.matchAll(/docs\/decisions\/[\w.-]+\.md/g)].map((m) => m[0]).filter((f) => !existsSync(resolve(ROOT, f)))
  expect(each([...sources(), ...workshop()], rule)).toEqual([])
})
