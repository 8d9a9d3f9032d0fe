import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { ROOT } from '../house/source.ts'
import { needsRoot } from './testnet.ts'

beforeEach(needsRoot)

test('the recipe for a program in another language: Python sees an answer, a closed port and silence of a lab', () => {
  const recipe = resolve(ROOT, 'examples/lab/recipes/tun.sh')
  // As `npx -c` does it.
  const env = { ...process.env, PATH: `${resolve(ROOT, 'node_modules/.bin')}:${process.env.PATH}` }
  const { status, stdout, stderr } = spawnSync('sh', [recipe], { encoding: 'utf8', env, timeout: 60_000 })
  expect({ status, stdout, stderr }).toMatchObject({
    status: 0,
    stdout: 'srv port 53: answered\nsrv port 54: refused\n10.0.3.77 port 53: silent\n',
  })
  const left = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout
  expect(left.split('\n').filter((l) => l.startsWith('recipe'))).toEqual([])
})
