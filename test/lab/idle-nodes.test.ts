/** What a node of the lab weighs that has nothing to do (docs/decisions/what-a-node-weighs.md). */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

test('a node at rest takes at most 10 KB, its ports and their ends of links with it', {
  timeout: 120_000,
}, async () => {
  const { stdout } = await run(process.execPath, [
    '--expose-gc',
    '--conditions=@icmpkit/source',
    resolve(import.meta.dirname, 'idle-nodes.ts'),
  ])
  const octets = Number(stdout)
  // Two layers of IP with their addresses and routes are not had for nothing: less would be no measurement.
  expect(octets).toBeGreaterThan(2000)
  // The promise of the lab: a network of 10,000 nodes in 100 MB.
  expect(octets).toBeLessThanOrEqual(10_240)
})
