import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chance } from '../../../../test/notice/scene.ts'
import { Candidates } from './candidates.ts'

const hashes = (count: number, seed: number): [number, number][] => {
  const random = chance(seed)
  return Array.from({ length: count }, () => [(random() * 2 ** 32) | 0, (random() * 2 ** 32) | 0])
}

test('100,000 that are heard, answered and heard again are all confirmed, and leave their places', () => {
  const c = new Candidates(1 << 18)
  const flows = hashes(100_000, 1)
  expect(flows.filter(([a, b]) => c.heard(a, b, 0) === 'first')).toHaveLength(100_000)
  for (const [a, b] of flows) c.answered(a, b, 5)
  let confirmed = 0
  for (const [a, b] of flows) if (c.heard(a, b, 10) === 'confirmed') confirmed++
  expect(confirmed).toBe(100_000)
  expect(c.size).toBe(0)
  expect(c.memory).toBeLessThanOrEqual(2 << 20)
})

test('a flood of forged sources is never confirmed, costs no more than its places, and lets others through afterwards', () => {
  const c = new Candidates(1 << 12)
  let confirmed = 0
  for (const [a, b] of hashes(200_000, 2)) {
    if (c.heard(a, b, 0) === 'confirmed') confirmed++
    c.answered(a, b, 0)
  }
  expect(confirmed).toBe(0)
  expect(c.size).toBeLessThanOrEqual(1 << 12)
  expect(c.memory).toBe((1 << 12) * 8)
  const [[a, b]] = hashes(1, 3) as [[number, number]]
  expect(c.heard(a, b, 1)).toBe('first')
  c.answered(a, b, 2)
  expect(c.heard(a, b, 3)).toBe('confirmed')
})

test('without an answer in between it is not confirmed, however often it is heard', () => {
  const c = new Candidates(256)
  const [[a, b]] = hashes(1, 4) as [[number, number]]
  expect([c.heard(a, b, 0), c.heard(a, b, 1), c.heard(a, b, 2)]).toEqual(['first', 'again', 'again'])
  c.answered(a ^ 1, b, 3)
  expect(c.heard(a, b, 4)).toBe('again')
  c.answered(a, b, 5)
  expect(c.heard(a, b, 6)).toBe('confirmed')
  expect(c.heard(a, b, 7)).toBe('first')
})

test('an answer that nobody asked for makes no candidate', () => {
  const c = new Candidates(256)
  c.answered(1, 2, 0)
  expect(c.size).toBe(0)
  expect(c.heard(1, 2, 1)).toBe('first')
})

test('after half a minute a candidate is forgotten', () => {
  const c = new Candidates(256)
  expect(c.heard(11, 22 << 9, 0)).toBe('first')
  c.answered(11, 22 << 9, 100)
  expect(c.heard(11, 22 << 9, 31_500)).toBe('first')
})

test('it never says confirmed of a flow that was not heard, answered and heard, whatever comes between', () => {
  const step = fc.record({
    flow: fc.integer({ min: 0, max: 60 }),
    out: fc.boolean(),
    wait: fc.integer({ min: 0, max: 4000 }),
  })
  const flows = hashes(61, 5)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const c = new Candidates(64)
      const seen = new Map<number, string>()
      let now = 0
      for (const { flow, out, wait } of steps) {
        now += wait
        const [a, b] = flows[flow]!
        const before = seen.get(flow) ?? ''
        if (out) {
          c.answered(a, b, now)
          seen.set(flow, `${before}o`)
          continue
        }
        const what = c.heard(a, b, now)
        if (what === 'confirmed') expect(before).toMatch(/io/)
        seen.set(flow, what === 'first' ? 'i' : what === 'confirmed' ? '' : `${before}i`)
      }
    }),
  )
})
