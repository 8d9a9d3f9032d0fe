/** Joins rows, reasons and tests: what is proved, what deviates, what does not apply, what is open. */
import type { Test } from './report.ts'
import type { Reason, Row } from './table.ts'

export type State = 'proved' | 'deviates' | 'notApplicable' | 'open'
export type Counts = { rows: number } & Record<State, number>

export interface Judged {
  row: Row
  state: State
  /** Tests that prove the row. */
  proofs: readonly Test[]
  /** Failed and skipped tests that name it: why it is open. */
  unproved: readonly Test[]
  reason: string | undefined
}

export interface Judgement {
  rows: readonly Judged[]
  total: Counts
  byLevel: Readonly<Record<string, Counts>>
  /** What makes the ledger unfit to be believed: unknown ids, ids in group names, tests that name too many rows. */
  complaints: readonly string[]
}

/** A test that names more rows than this proves none of them well, unless it says why. */
const MOST_ROWS = 3
const SAYS_WHY = /\(more than three rows, because [^)]+\)/
const IDS = /\[(v[46]-[a-z0-9-]+(?:[,\s]+v[46]-[a-z0-9-]+)*)\]/g

/** Only a passing test proves, and none that names the row may fail. */
export function judge(rows: readonly Row[], reasons: readonly Reason[], tests: readonly Test[]): Judgement {
  const complaints: string[] = []
  const known = new Set<string>()
  for (const { id } of rows) {
    if (known.has(id)) complaints.push(`${id} stands twice in the tables`)
    known.add(id)
  }

  const naming = new Map<string, Test[]>()
  for (const test of tests) {
    for (const group of test.groups) {
      for (const id of idsIn(group)) complaints.push(`${test.file}: the group "${group}" names ${id}: only tests may`)
    }
    const ids = idsIn(test.name)
    if (ids.length > MOST_ROWS && !SAYS_WHY.test(test.name))
      complaints.push(`${test.file}: "${test.name}" names ${ids.length} rows and does not say why`)
    for (const id of ids) {
      if (!known.has(id)) complaints.push(`${test.file}: "${test.name}" names ${id}, which no table has`)
      naming.set(id, [...(naming.get(id) ?? []), test])
    }
  }

  const reasonOf = new Map<string, Reason>()
  for (const reason of reasons) {
    if (!known.has(reason.id)) complaints.push(`reasons.tsv: no table has ${reason.id}`)
    if (reasonOf.has(reason.id)) complaints.push(`reasons.tsv: ${reason.id} stands twice`)
    if (naming.get(reason.id)?.some((t) => t.passed))
      complaints.push(`reasons.tsv: ${reason.id} ${reason.state}, yet a test proves it`)
    reasonOf.set(reason.id, reason)
  }

  const judged = rows.map((row): Judged => {
    const named = naming.get(row.id) ?? []
    const proofs = named.filter((t) => t.passed)
    const unproved = named.filter((t) => !t.passed)
    const reason = reasonOf.get(row.id)
    const proved = proofs.length > 0 && !named.some((t) => t.failed)
    return { row, state: reason?.state ?? (proved ? 'proved' : 'open'), proofs, unproved, reason: reason?.text }
  })

  const levels = [...new Set(rows.map((r) => r.level))].sort((a, b) => rank(a) - rank(b))
  const byLevel = Object.fromEntries(levels.map((l) => [l, count(judged.filter((j) => j.row.level === l))]))
  return { rows: judged, total: count(judged), byLevel, complaints }
}

export function count(rows: readonly Judged[]): Counts {
  const counts: Counts = { rows: rows.length, proved: 0, deviates: 0, notApplicable: 0, open: 0 }
  for (const { state } of rows) counts[state]++
  return counts
}

function idsIn(name: string): string[] {
  return [...new Set([...name.matchAll(IDS)].flatMap((m) => m[1]!.split(/[,\s]+/)))]
}

function rank(level: string): number {
  return ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY'].indexOf(level)
}
