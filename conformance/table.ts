/** The requirement tables: what the RFCs ask, one row each, and the reasons where we do not follow a row. */
import { readFileSync } from 'node:fs'

export interface Row {
  id: string
  rfc: string
  section: string
  level: string
  role: string
  requirement: string
}

export interface Reason {
  id: string
  state: 'deviates' | 'notApplicable'
  text: string
}

const ROW_COLUMNS = ['id', 'rfc', 'section', 'level', 'role', 'requirement', 'how_to_test', 'checked']
const REASON_COLUMNS = ['id', 'state', 'reason']
const ID = /^v[46]-[a-z0-9-]+$/

/** @throws Error where the table is not one. */
export function readRows(file: string): Row[] {
  return readTsv(file, ROW_COLUMNS).map(([id, rfc, section, level, role, requirement], i) => {
    if (!ID.test(id!)) throw new Error(`${file}:${i + 2}: ${id} is not an id`)
    return { id: id!, rfc: rfc!, section: section!, level: level!, role: role!, requirement: requirement! }
  })
}

/** @throws Error where the table is not one, or a reason is missing. */
export function readReasons(file: string): Reason[] {
  return readTsv(file, REASON_COLUMNS).map(([id, state, text], i) => {
    if (state !== 'deviates' && state !== 'notApplicable')
      throw new Error(`${file}:${i + 2}: ${state} is neither deviates nor notApplicable`)
    if (!text!.trim()) throw new Error(`${file}:${i + 2}: ${id} has no reason`)
    return { id: id!, state, text: text! }
  })
}

function readTsv(file: string, columns: readonly string[]): string[][] {
  const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  if (head !== columns.join('\t')) throw new Error(`${file}:1: the columns are ${columns.join(', ')}`)
  return lines.map((line, i) => {
    const cells = line.split('\t')
    if (cells.length !== columns.length)
      throw new Error(`${file}:${i + 2}: ${columns.length} columns, not ${cells.length}`)
    return cells
  })
}
