import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { Arena } from './attack.ts'
import { branchCoverage } from './coverage.ts'
import { generate, LONGEST } from './mutation.ts'
import { Random } from './random.ts'
import { TARGETS, type Target } from './targets.ts'

const RUN = resolve(import.meta.dirname, 'run.ts')
const INPUT = Uint8Array.of(1, 2, 3, 4)

function wrongWith(target: Partial<Target>): string | undefined {
  const arena = new Arena()
  arena.poison(new Random(1))
  return arena.attack({ name: 'x', covers: [], seeds: [INPUT], read: () => 0, ...target }, INPUT)
}

test('200,000 random and mutated inputs: no parser throws, hangs, reads outside its input, or cannot write back', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [RUN, '--inputs', '200000', '--seed', '2'])
  expect(stdout).toMatch(/\n200000 inputs, seed 2, \d+ s: nothing found\n$/)
})

test('the attack sees a read before the input, a read behind it, and a view that reaches out', () => {
  expect(wrongWith({ read: (bytes, at) => bytes[at - 1] })).toContain('reads outside')
  expect(wrongWith({ read: (bytes, _, end) => bytes[end] })).toContain('reads outside')
  expect(wrongWith({ read: (bytes, at, end) => ({ data: bytes.subarray(at, end + 1) }) })).toContain('reads outside')
  expect(wrongWith({ read: (bytes, at, end) => [...bytes.subarray(at, end)] })).toBeUndefined()
})

test('the attack sees a throw, a write into the input, padding left as it was, and a message that writes back different', () => {
  const throws = () => {
    throw new Error('no')
  }
  expect(wrongWith({ read: throws })).toContain('throws Error: no')
  expect(wrongWith({ read: (bytes, at) => bytes.fill(bytes[at - 1]!, at, at + 1) && 0 })).toContain(
    'writes into its input',
  )
  expect(wrongWith({ rewrite: (_bytes, _at, end) => end })).toContain('writes octet 0 differently')
  expect(wrongWith({ rewrite: (_bytes, _at, end) => end + 1 })).toContain('writes 5 octets, then 6')
})

test('a seed repeats its inputs, and every target has seeds to mutate', () => {
  for (const { name, seeds } of TARGETS) {
    expect(seeds.length, name).toBeGreaterThan(2)
    const runs = [1, 2].map(() => {
      const out = new Uint8Array(2 * LONGEST)
      const r = new Random(99)
      return Array.from({ length: 20 }, () => [...out.subarray(0, generate(r, seeds, out, 0))])
    })
    expect(runs[0], name).toEqual(runs[1])
  }
})

test('branch coverage counts an arm as met only where V8 counted it', () => {
  const file = resolve(import.meta.dirname, 'random.ts')
  const whole = { functionName: '', ranges: [{ startOffset: 0, endOffset: 1e6, count: 1 }] }
  const unmet = { functionName: 'below', ranges: [{ startOffset: 300, endOffset: 1e5, count: 0 }] }
  const url = new URL(`file://${file}`).href
  const { branches, met } = branchCoverage(file, [{ url, functions: [whole] }])
  expect(met).toBe(branches)
  expect(branches).toBeGreaterThan(0)
  expect(branchCoverage(file, [{ url, functions: [whole, unmet] }]).met).toBeLessThan(branches)
  expect(branchCoverage(file, []).met).toBe(0)
})
