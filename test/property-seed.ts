/**
 * Properties are tried on the same values in each run, so that a change is judged by what it changes: a value in a thousand
 * that somebody else's rule does not hold for is no matter of chance. `PROPERTY_SEED=random npx vitest run FILE` looks for such
 * ones, `PROPERTY_SEED=NUMBER` meets those of another run again.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'

const file = expect.getState().testPath
// It takes a while to load, and most files have no use for it.
if (file !== undefined && readFileSync(file, 'utf8').includes("from 'fast-check'")) {
  const { default: fc } = await import('fast-check')
  const wanted = process.env.PROPERTY_SEED ?? '1'
  if (wanted !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(wanted) })
}
