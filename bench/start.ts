/** Start-up: the price of the command itself, where a ping takes microseconds. */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { median, printTable } from './figures.ts'

export const question: string = 'Does `icmp ping -c1 127.0.0.1` take at most twice the wall time of `node -e 0`?'

const RUNS = 21
const ICMP = resolve(import.meta.dirname, '../packages/icmpkit/bin/icmp.js')

/** Interleaved, so that a busy moment of the machine hits all of them. */
export async function run(): Promise<void> {
  const commands: Record<string, readonly string[]> = {
    'node -e 0': ['-e', '0'],
    'icmp --version': [ICMP, '--version'],
    'icmp ping -c1 127.0.0.1': [ICMP, 'ping', '-c1', '127.0.0.1'],
    'icmp ping -c1 ::1': [ICMP, 'ping', '-c1', '::1'],
  }
  const samples = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]))
  for (let n = 0; n <= RUNS; n++) {
    for (const [name, args] of Object.entries(commands)) {
      const start = process.hrtime.bigint()
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      const ms = Number(process.hrtime.bigint() - start) / 1e6
      if (status !== 0) throw new Error(`${name}: exit code ${status}: ${stderr}`)
      // The first round warms the page cache.
      if (n > 0) samples.get(name)!.push(ms)
    }
  }
  const bare = median(samples.get('node -e 0')!)
  printTable(
    ['command', 'median ms', 'min ms', 'max ms', 'ratio'],
    [...samples].map(([name, ms]) => [
      name,
      median(ms).toFixed(1),
      Math.min(...ms).toFixed(1),
      Math.max(...ms).toFixed(1),
      (median(ms) / bare).toFixed(2),
    ]),
  )
}
