import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { rolldown } from 'rolldown'
import { expect, test } from 'vitest'
import { ROOT } from './source.ts'

const PACKAGE = resolve(ROOT, 'packages/icmpkit')
const manifest = JSON.parse(readFileSync(resolve(PACKAGE, 'package.json'), 'utf8'))
const entries = Object.entries(manifest.exports as Record<string, Record<string, string>>)

test('icmpkit/wire bundles for a browser: nothing of node and no koffi in it', async () => {
  const bundle = await rolldown({
    input: resolve(PACKAGE, 'src/wire/index.ts'),
    platform: 'browser',
    resolve: { conditionNames: ['@icmpkit/source', 'import', 'browser', 'default'] },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(log.message)
    },
  })
  const { output } = await bundle.generate({ format: 'iife', name: 'wire' })
  expect(output).toHaveLength(1)
  const [chunk] = output
  expect([...chunk.imports, ...chunk.dynamicImports]).toEqual([])
  expect(chunk.code).not.toMatch(/\bkoffi\b|\bnode:|\brequire\(/)

  // An empty global object but for what a browser brings too.
  const browser = createContext({ TextEncoder, TextDecoder })
  runInContext(chunk.code, browser)
  expect(runInContext('wire.showIp(wire.parseIp("2001:DB8::1"))', browser)).toBe('2001:db8::1')
})

test('every subpath export leads to a built module and to its declarations', () => {
  for (const [subpath, { types, default: built, '@icmpkit/source': source }] of entries) {
    for (const file of [types, built, source]) {
      expect(existsSync(resolve(PACKAGE, file!)), `${subpath}: ${file}`).toBe(true)
    }
  }
})

test('every subpath imports by its name, as a user of the package would, and has something to offer', () => {
  const names = entries.map(([subpath]) => subpath.replace('.', 'icmpkit'))
  const script = `for (const n of ${JSON.stringify(names)}) console.log(n, Object.keys(await import(n)).length)`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT, encoding: 'utf8' })
  const offered = out.trim().split('\n')
  expect(offered.map((l) => l.split(' ')[0])).toEqual(names)
  expect(offered.filter((l) => l.endsWith(' 0'))).toEqual([])
})

test('importing the library loads no koffi: a door does', () => {
  const script =
    "await import('icmpkit'); await import('icmpkit/os');" +
    "console.log(process.report.getReport().sharedObjects.filter((o) => o.includes('koffi')).length)"
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT, encoding: 'utf8' })
  expect(out).toBe('0\n')
})

test('the koffi that the system calls look for is the one that package.json pins', () => {
  const source = readFileSync(resolve(PACKAGE, 'src/os/sys.ts'), 'utf8')
  expect(/KOFFI = '(.*)'/.exec(source)?.[1]).toBe(manifest.dependencies.koffi)
})

test('the published package holds the command, the build and the licence, and no tests', () => {
  const out = execFileSync('npm', ['pack', '--dry-run', '--json', '--silent'], {
    cwd: PACKAGE,
    encoding: 'utf8',
    env: { ...process.env, npm_config_workspace: undefined, npm_config_workspaces: undefined },
  })
  const files = packed(out)
  expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'bin/icmp.js', 'dist/wire.js']))
  expect(files).toEqual(expect.arrayContaining(['dist/wire/index.d.ts', 'dist/cli/ping.js']))
  expect(files.filter((f) => !/^(bin|dist|src)\/|^(LICENSE|README\.md|package\.json)$/.test(f))).toEqual([])
  expect(files.filter((f) => /\.test\.|\.tsbuildinfo$|fixture|\.pcap|\.cache$/.test(f))).toEqual([])
})

/** npm 12 answers with an object by package name, older ones with a list. */
function packed(json: string): string[] {
  const answer = JSON.parse(json)
  const [first] = Array.isArray(answer) ? answer : Object.values(answer)
  return first.files.map((f: { path: string }) => f.path)
}
