import { expect, test } from 'vitest'
import { Random } from './random.ts'

// The numbers of a second implementation, in Python, from the description of the generator.
test('a seed gives the same numbers on every machine', () => {
  const r = new Random(1, 0)
  expect(Array.from({ length: 4 }, () => r.next())).toEqual([2466671647, 704075991, 1425070668, 2363080060])
  const s = new Random(2 ** 53 - 1, 7)
  expect(Array.from({ length: 4 }, () => s.next())).toEqual([857245337, 2515185089, 1059687011, 254568410])
})

test('streams of one seed differ, and so do seeds that share their low 32 bits', () => {
  const firsts = [
    [1, 0],
    [1, 1],
    [2, 0],
    [1 + 2 ** 32, 0],
  ].map(([seed, stream]) => new Random(seed!, stream!).next())
  expect(new Set<number>(firsts).size).toBe(4)
})

test('shares are kept: one in four is about one in four, none is none, all is all', () => {
  const r = new Random(3, 0)
  const hits = (share: number) => Array.from({ length: 40_000 }, () => r.chance(share)).filter(Boolean).length
  expect(Math.abs(hits(0.25) - 10_000)).toBeLessThan(500)
  expect(hits(0)).toBe(0)
  expect(hits(1)).toBe(40_000)
})

test('numbers below a limit reach each of them and never the limit', () => {
  const r = new Random(4, 0)
  const seen = new Set<number>(Array.from({ length: 1000 }, () => r.below(7)))
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
})
