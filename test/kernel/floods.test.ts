/** A few seconds of what `npm run soak` does for a minute (issue show 8): random and mutated frames at full rate. */
import { beforeEach, expect, test } from 'vitest'
import { faults } from '../soak/fault.ts'
import { soak } from '../soak/soak.ts'
import { needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const SECONDS = 5

test.each(['host', 'gateway'] as const)(
  'icmp %s lives through hostile frames at full rate, counts each of them, keeps its memory, and answers right afterwards',
  async (role) => {
    const f = await soak({ role, seconds: SECONDS, seed: 7 })
    expect(faults(f, SECONDS)).toEqual([])
    expect(f.sent).toBeGreaterThan(1000)
    // Answered in the midst of it: among the frames are echo requests.
    expect(f.summary!.answered).toBeGreaterThan(0)
  },
)
