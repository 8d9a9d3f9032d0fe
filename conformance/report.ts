/** The last test report (vitest's JSON reporter, see vitest.config.ts): which tests name which rows, and how they ended. */
import { globSync, readFileSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'

export interface Test {
  /** Path from the repository's root. */
  file: string
  /** The test's own name, without those of the groups around it. */
  name: string
  groups: readonly string[]
  passed: boolean
  failed: boolean
}

/** What a test result depends on. A report older than any of them says nothing about them. */
const SOURCES = [
  'packages/*/src/**/*.ts',
  'packages/*/bin/*.js',
  'packages/*/package.json',
  'test/**/*.*',
  'conformance/*.ts',
  'conformance/icmpv*.tsv',
  'examples/*',
  'bench/*.ts',
  '*.config.ts',
  'package-lock.json',
]
const TESTS = ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts']

/** A report that must not be used; `message` says what to run. */
export class StaleReport extends Error {}

/** @throws StaleReport where the report is missing, partial, or older than a source or test. */
export function readReport(root: string, file: string): Test[] {
  let json: VitestReport
  try {
    json = JSON.parse(readFileSync(resolve(root, file), 'utf8'))
  } catch {
    throw new StaleReport(`there is no test report at ${file}: run npm test first`)
  }
  for (const source of globSync(SOURCES, { cwd: root })) {
    if (statSync(resolve(root, source)).mtimeMs > json.startTime)
      throw new StaleReport(`${source} is newer than the test report: run npm test again`)
  }
  const ran = new Set(json.testResults.map((t) => relative(root, t.name)))
  const left = globSync(TESTS, { cwd: root }).filter((t) => !ran.has(t))
  if (left.length) throw new StaleReport(`the last run left out ${left[0]}: run npm test, whole`)
  return testsOf(root, json)
}

/** The tests of a report, in the order of their files. */
export function testsOf(root: string, json: VitestReport): Test[] {
  const tests = json.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((a) => ({
      file: relative(root, name),
      name: a.title,
      groups: a.ancestorTitles,
      passed: a.status === 'passed',
      failed: a.status === 'failed',
    })),
  )
  return tests.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0))
}

/** The part of vitest's JSON report that is read here. */
export interface VitestReport {
  /** Milliseconds since 1970. */
  startTime: number
  testResults: {
    name: string
    assertionResults: { title: string; ancestorTitles: string[]; status: string }[]
  }[]
}
