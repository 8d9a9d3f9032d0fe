/**
 * `npm run fuzz -- [--inputs N] [--seed N] [--only TARGET,…]`: random and mutated inputs over every parser of `wire`,
 * half of them with lengths and checksums made right. No throw, no hang, no read outside the input, and what was read
 * writes back. Prints a table of branch coverage; progress and findings go to stderr. `--replay TARGET HEX` runs one
 * input. Exit codes: 0, 1 something was found, 2 wrong options.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { Arena } from './attack.ts'
import { branchCoverage, type ScriptCoverage } from './coverage.ts'
import { LONGEST } from './mutation.ts'
import { Random } from './random.ts'
import { TARGETS } from './targets.ts'
import type { Finding, Outcome, Task } from './worker.ts'

const WIRE = resolve(import.meta.dirname, '../../packages/icmpkit/src/wire')
const WORKERS = 2
/** One input that takes longer hangs. Generous: the machine may be busy with something else. */
const HANG_MS = 20_000

try {
  process.exitCode = await main()
} catch (e) {
  process.stderr.write(`fuzz: ${e instanceof Error ? e.message : e}\n`)
  process.exitCode = 2
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      inputs: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      replay: { type: 'string' },
    },
    allowPositionals: true,
  })
  if (values.replay !== undefined) return replay(values.replay, positionals[0] ?? '')
  const inputs = whole('inputs', values.inputs)
  const seed = whole('seed', values.seed)
  const only = values.only?.split(',') ?? []
  for (const name of only) targetNamed(name)

  const started = performance.now()
  const share = Math.ceil(inputs / WORKERS)
  const outcomes = await Promise.all(
    Array.from({ length: WORKERS }, (_, i) => work(seed * WORKERS + i, Math.min(share, inputs - i * share), only)),
  )
  const done = outcomes.reduce((sum, o) => sum + o.inputs, 0)
  const findings = outcomes.flatMap((o) => o.findings)
  for (const f of findings) tell(f)
  printCoverage(
    outcomes.flatMap((o) => o.coverage),
    only,
  )
  const seconds = (performance.now() - started) / 1000
  process.stdout.write(
    `\n${done} inputs, seed ${seed}, ${seconds.toFixed(0)} s: ${findings.length === 0 ? 'nothing found' : `${findings.length} found`}\n`,
  )
  return findings.length === 0 ? 0 : 1
}

async function work(seed: number, inputs: number, only: readonly string[]): Promise<Outcome> {
  const progress = new Int32Array(new SharedArrayBuffer(12))
  const input = new Uint8Array(new SharedArrayBuffer(2 * LONGEST))
  const task: Task = { seed, inputs, only, progress, input }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task })
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
  worker.once('message', resolve)
  worker.once('error', reject)
  let last = -1
  const watch = setInterval(() => {
    const now = Atomics.load(progress, 0)
    process.stderr.write(`fuzz: worker ${seed % WORKERS}: ${now} of ${inputs}\n`)
    if (now === last && now < inputs) {
      const targets = TARGETS.filter((t) => only.length === 0 || only.includes(t.name))
      const hex = Buffer.from(input.subarray(0, progress[2])).toString('hex')
      resolve({ inputs: now, coverage: [], findings: [{ target: targets[progress[1]!]!.name, what: 'hangs', hex }] })
    }
    last = now
  }, HANG_MS)
  try {
    return await promise
  } finally {
    clearInterval(watch)
    await worker.terminate()
  }
}

function replay(name: string, hex: string): number {
  const arena = new Arena()
  arena.poison(new Random(1))
  const what = arena.attack(targetNamed(name), new Uint8Array(Buffer.from(hex, 'hex')))
  if (what !== undefined) tell({ target: name, what, hex })
  return what === undefined ? 0 : 1
}

function printCoverage(runs: readonly ScriptCoverage[], only: readonly string[]): void {
  const covered = TARGETS.filter((t) => only.length === 0 || only.includes(t.name)).flatMap((t) => t.covers)
  const leftOut: string[] = []
  process.stdout.write(`${'file'.padEnd(30)} branches   met  share  not met at line\n`)
  for (const file of new Set<string>(covered)) {
    const c = branchCoverage(resolve(WIRE, file), runs)
    const share = c.branches === 0 ? 100 : (100 * c.met) / c.branches
    const figures = `${String(c.branches).padStart(8)} ${String(c.met).padStart(5)} ${share.toFixed(0).padStart(5)}%`
    process.stdout.write(`${file.padEnd(30)} ${figures}  ${c.missed.join(' ')}\n`)
    if (c.leftOut.length > 0) leftOut.push(`${file}: ${c.leftOut.join(', ')}`)
  }
  process.stdout.write(`\nNot called by anything that parses, and not counted: ${leftOut.join('; ')}\n`)
}

function tell({ target, what, hex }: Finding): void {
  process.stderr.write(`fuzz: ${target} ${what}\n  npm run fuzz -- --replay ${target} ${hex}\n`)
}

function targetNamed(name: string): (typeof TARGETS)[number] {
  const target = TARGETS.find((t) => t.name === name)
  if (!target) throw new Error(`${name}: the targets are ${TARGETS.map((t) => t.name).join(', ')}`)
  return target
}

function whole(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} ${text}: a whole number from 1 on`)
  return value
}
