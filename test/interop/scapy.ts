/** Packets that scapy makes. */
import { execFileSync } from 'node:child_process'
import type { TestContext } from 'vitest'

/** What a scapy script prints as JSON. Skips the test where there is no scapy. */
export function run(ctx: TestContext, script: string): unknown {
  // A Python of another origin in front of PATH does not see the distribution's modules.
  const python = ['/usr/bin/python3', 'python3'].find((p) => {
    try {
      execFileSync(p, ['-c', 'import scapy'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
  if (python === undefined) return ctx.skip('skipped, because scapy is not installed (apt-get install python3-scapy)')
  return JSON.parse(
    execFileSync(python, ['-c', script], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] }),
  )
}
