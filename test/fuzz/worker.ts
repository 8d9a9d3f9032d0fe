/** One fuzzing thread: its share of the inputs, by its own seed; what it found and which branches it met. */
import { Session } from 'node:inspector'
import { parentPort, workerData } from 'node:worker_threads'
import { Arena } from './attack.ts'
import type { ScriptCoverage } from './coverage.ts'
import { generate, LONGEST } from './mutation.ts'
import { Random } from './random.ts'
import { TARGETS } from './targets.ts'

export interface Task {
  seed: number
  inputs: number
  /** Names of targets; all where empty. */
  only: readonly string[]
  /** For the watcher: word 0 the inputs done, word 1 the target, word 2 the length of `input`. */
  progress: Int32Array<SharedArrayBuffer>
  input: Uint8Array<SharedArrayBuffer>
}

export interface Finding {
  target: string
  what: string
  hex: string
}

export interface Outcome {
  inputs: number
  findings: Finding[]
  coverage: ScriptCoverage[]
}

/** A parser that is wrong is wrong often: a few samples of each target are enough. */
const MOST_FINDINGS = 3
/** Inputs between two kinds of poison. */
const POISON_EVERY = 5000

const { seed, inputs, only, progress, input: shared } = workerData as Task
const targets = TARGETS.filter((t) => only.length === 0 || only.includes(t.name))
const found = new Map<string, Finding[]>()
const session = new Session()
session.connect()
call('Profiler.enable')
call('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

const r = new Random(seed)
const arena = new Arena()
const scratch = new Uint8Array(LONGEST * 2)
for (let n = 0; n < inputs; n++) {
  if (n % POISON_EVERY === 0) arena.poison(r)
  const target = targets[n % targets.length]!
  const end = generate(r, target.seeds, scratch, 0)
  if (target.repair && r.below(2) === 0) target.repair(scratch, 0, end)
  const input = scratch.subarray(0, end)
  shared.set(input)
  progress[1] = n % targets.length
  progress[2] = end
  const what = arena.attack(target, input)
  if (what !== undefined) note(target.name, what, input)
  Atomics.store(progress, 0, n + 1)
}

const coverage = call('Profiler.takePreciseCoverage').result as ScriptCoverage[]
const outcome: Outcome = {
  inputs,
  findings: [...found.values()].flat(),
  coverage: coverage.filter((s) => s.url.includes('/packages/icmpkit/src/')),
}
parentPort!.postMessage(outcome)

function note(target: string, what: string, input: Uint8Array): void {
  const list = found.get(target) ?? []
  if (list.length < MOST_FINDINGS) list.push({ target, what, hex: Buffer.from(input).toString('hex') })
  found.set(target, list)
}

/** The inspector answers its own thread before `post` returns. */
function call(method: string, params: object = {}): Record<string, unknown> {
  let answer: Record<string, unknown> = {}
  session.post(method, params, (error, result) => {
    if (error) throw error
    answer = (result ?? {}) as Record<string, unknown>
  })
  return answer
}
