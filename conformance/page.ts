/** docs/conformance.md: each RFC section with its rows, and the test or the reason behind each. */
import { type Counts, count, type Judged, type Judgement } from './judgement.ts'

const HEAD = `# Conformance

Made by \`npm run conformance\` out of the requirement tables (conformance/*.tsv) and the last test report: do not edit.
*Proved* rows name the tests that prove them, which carry the row's id in their names. *Open* means that no passing
test proves the row yet, not that the code is known to break it.
`
const STATES = { proved: 'proved', deviates: 'deviates', notApplicable: 'not applicable', open: 'open' }
const COLUMNS = ['rows', 'proved', 'deviates', 'notApplicable', 'open'] as const

export function renderPage({ rows, total, byLevel }: Judgement): string {
  const counts = table(
    ['level', ...COLUMNS.map((c) => (c === 'rows' ? c : STATES[c]))],
    [...Object.entries(byLevel), ['all', total] as [string, Counts]].map(([level, c]) => [
      level,
      ...COLUMNS.map((k) => String(c[k])),
    ]),
  )
  const byRfc = Map.groupBy(rows, (j) => j.row.rfc)
  const sections = [...byRfc.keys()].sort(naturally).map((rfc) => renderRfc(rfc, byRfc.get(rfc)!))
  return [HEAD, counts, ...sections].join('\n')
}

function renderRfc(rfc: string, rows: readonly Judged[]): string {
  const bySection = Map.groupBy(rows, (j) => j.row.section)
  const { proved } = count(rows)
  const parts = [`## ${/^\d/.test(rfc) ? `RFC ${rfc}` : rfc} (${proved} of ${rows.length} proved)\n`]
  for (const section of [...bySection.keys()].sort(naturally)) {
    parts.push(`### ${/^\d/.test(section) ? '§' : ''}${section}\n`)
    for (const judged of bySection.get(section)!) parts.push(renderRow(judged))
    parts.push('')
  }
  return parts.join('\n')
}

function renderRow({ row, state, proofs, unproved, reason }: Judged): string {
  const lines = [`- **${STATES[state]}** \`${row.id}\` (${row.level}, ${row.role}): ${escapeText(row.requirement)}`]
  if (reason !== undefined) lines.push(`  - because ${escapeText(reason)}`)
  // A test that runs for hosts and for gateways has one line.
  for (const line of new Set(proofs.map((t) => `  - [${escapeText(t.name)}](../${t.file})`))) lines.push(line)
  for (const t of unproved) lines.push(`  - ${t.failed ? 'failed' : 'skipped'}: ${escapeText(t.name)} (${t.file})`)
  return lines.join('\n')
}

function table(head: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i ? '--:' : '---'))), ...rows.map(line), ''].join('\n')
}

/** Requirements and test names are prose: nothing in them is markup. */
function escapeText(text: string): string {
  return text.replace(/[\\`*_[\]<>|]/g, '\\$&')
}

function naturally(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
