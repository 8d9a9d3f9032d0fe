import { expect, test } from 'vitest'
import { judge } from '../../conformance/judgement.ts'
import { renderPage } from '../../conformance/page.ts'
import { type Test, testsOf } from '../../conformance/report.ts'
import type { Row } from '../../conformance/table.ts'

const ROWS = ['v4-a', 'v4-b', 'v6-c', 'v6-d'].map(
  (id, i): Row => ({
    id,
    rfc: '792',
    section: '1',
    level: i ? 'MUST' : 'MAY',
    role: 'message',
    requirement: 'A *rule*',
  }),
)

function ran(name: string, status = 'passed', groups: string[] = []): Test[] {
  return testsOf('/r', {
    startTime: 0,
    testResults: [{ name: '/r/x.test.ts', assertionResults: [{ title: name, ancestorTitles: groups, status }] }],
  })
}

const states = (tests: Test[], reasons = [] as Parameters<typeof judge>[1]) =>
  Object.fromEntries(judge(ROWS, reasons, tests).rows.map((j) => [j.row.id, j.state]))

test('only a passing test proves a row: failed, skipped and todo ones leave it open', () => {
  const tests = [
    ...ran('x [v4-a]'),
    ...ran('x [v4-b]', 'failed'),
    ...ran('x [v6-c]', 'skipped'),
    ...ran('x [v6-d]', 'todo'),
  ]
  expect(states(tests)).toEqual({ 'v4-a': 'proved', 'v4-b': 'open', 'v6-c': 'open', 'v6-d': 'open' })
})

test('a failing test opens a row that another test proves', () => {
  expect(states([...ran('x [v4-a]'), ...ran('y [v4-a]', 'failed')])['v4-a']).toBe('open')
})

test('one pair of brackets, or one each, may hold several ids', () => {
  expect(states([...ran('x [v4-a, v4-b] [v6-c]')])).toMatchObject({
    'v4-a': 'proved',
    'v4-b': 'proved',
    'v6-c': 'proved',
  })
})

test('a test that names more than three rows must say why', () => {
  const name = 'x [v4-a v4-b v6-c v6-d]'
  expect(judge(ROWS, [], ran(name)).complaints).toHaveLength(1)
  expect(judge(ROWS, [], ran(`${name} (more than three rows, because one octet proves them)`)).complaints).toEqual([])
})

test('an id that no table has, an id in a group name, and a reason beside a proof are complaints', () => {
  expect(judge(ROWS, [], ran('x [v4-zz]')).complaints[0]).toContain('v4-zz, which no table has')
  expect(judge(ROWS, [], ran('x', 'passed', ['all of [v4-a]'])).complaints[0]).toContain('only tests may')
  const reasons = [{ id: 'v4-a', state: 'deviates', text: 'we differ' } as const]
  expect(judge(ROWS, reasons, ran('x [v4-a]')).complaints[0]).toContain('yet a test proves it')
  expect(states([], reasons)['v4-a']).toBe('deviates')
})

test('the counts by level add up to the whole', () => {
  const { total, byLevel } = judge(ROWS, [], ran('x [v4-a]'))
  expect(total).toEqual({ rows: 4, proved: 1, deviates: 0, notApplicable: 0, open: 3 })
  expect(byLevel).toEqual({
    MUST: { rows: 3, proved: 0, deviates: 0, notApplicable: 0, open: 3 },
    MAY: { rows: 1, proved: 1, deviates: 0, notApplicable: 0, open: 0 },
  })
})

test('the page names the test behind a proved row, once for all groups that it runs in, and escapes what would be markup', () => {
  const page = renderPage(
    judge(ROWS, [], [...ran('x [v4-a]', 'passed', ['a host']), ...ran('x [v4-a]', 'passed', ['a gateway'])]),
  )
  expect(page).toContain('- **proved** `v4-a` (MAY, message): A \\*rule\\*\n  - [x \\[v4-a\\]](../x.test.ts)\n- ')
  expect(page).toContain('## RFC 792 (1 of 4 proved)')
})
