/**
 * `npm run conformance`: writes docs/conformance.md. `-- --json` prints the counts instead, `-- --check` fails where the
 * page is not what would be written. Exit codes: 0, 1 the ledger is unfit or out of date, 2 no usable test report.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { judge } from './judgement.ts'
import { renderPage } from './page.ts'
import { readReport, StaleReport } from './report.ts'
import { readReasons, readRows } from './table.ts'

const root = resolve(import.meta.dirname, '..')
const PAGE = 'docs/conformance.md'

process.exitCode = main(process.argv.slice(2))

function main(args: readonly string[]): number {
  const unknown = args.find((a) => a !== '--json' && a !== '--check')
  if (unknown !== undefined) return complain(2, `${unknown}: the options are --json and --check`)
  const rows = ['icmpv4.tsv', 'icmpv6.tsv'].flatMap((f) => readRows(resolve(import.meta.dirname, f)))
  const reasons = readReasons(resolve(import.meta.dirname, 'reasons.tsv'))
  let tests: ReturnType<typeof readReport>
  try {
    tests = readReport(root, 'conformance/.report.json')
  } catch (e) {
    if (e instanceof StaleReport) return complain(2, e.message)
    throw e
  }

  const judgement = judge(rows, reasons, tests)
  const { total, byLevel, complaints } = judgement
  for (const c of complaints) complain(1, c)
  if (args.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ ...total, byLevel })}\n`)
    return complaints.length ? 1 : 0
  }
  if (complaints.length) return 1

  const page = renderPage(judgement)
  if (args.includes('--check')) {
    if (page === readPage()) return 0
    return complain(1, `${PAGE} is not what the tests say: run npm run conformance and commit it`)
  }
  writeFileSync(resolve(root, PAGE), page)
  const { rows: all, proved, deviates, notApplicable, open } = total
  process.stdout.write(
    `${PAGE}: ${all} rows, ${proved} proved, ${deviates} deviate, ${notApplicable} not applicable, ${open} open\n`,
  )
  return 0
}

function readPage(): string | undefined {
  try {
    return readFileSync(resolve(root, PAGE), 'utf8')
  } catch {
    return undefined
  }
}

function complain(code: number, message: string): number {
  process.stderr.write(`conformance: ${message}\n`)
  return code
}
