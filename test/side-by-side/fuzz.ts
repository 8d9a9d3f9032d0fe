/**
 * Random packets to a Linux kernel and to the stack: as root
 * `npx node --conditions=@icmpkit/source test/side-by-side/fuzz.ts [--inputs N] [--seed S] [--role host|gateway]`.
 * Differences that are meant are counted by name (known-differences.ts); any other is made as small as it goes and printed
 * once a kind. Exit codes: 0, 1 something was found, 2 wrong options.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { Random } from '../fuzz/random.ts'
import { IP4, IP6 } from '../fuzz/seeds.ts'
import { type Comparison, Pair } from './comparison.ts'
import { KNOWN } from './known-differences.ts'
import { Linux } from './linux.ts'
import { draw, type Input, make } from './mutant.ts'

type Role = Input['role']

interface Stimulus {
  role: Role
  name: string
  packets: string[]
}

const STIMULI = JSON.parse(readFileSync(resolve(import.meta.dirname, 'stimuli.json'), 'utf8')) as Stimulus[]
const SEEDS = [...IP4, ...IP6].filter((s) => s.length <= 1400)

try {
  process.exitCode = main()
} catch (e) {
  process.stderr.write(`fuzz: ${e instanceof Error ? e.stack : e}\n`)
  process.exitCode = 2
}

function main(): number {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      role: { type: 'string' },
    },
  })
  const roles = (['host', 'gateway'] as const).filter((r) => values.role === undefined || values.role === r)
  let found = 0
  for (const role of roles) found += run(role, Number(values.inputs), Number(values.seed))
  return found === 0 ? 0 : 1
}

function run(role: Role, inputs: number, seed: number): number {
  const started = performance.now()
  const linux = new Linux(role)
  const known = new Map<string, number>()
  const kinds = new Map<string, { count: number; shown: string }>()
  try {
    linux.hurry()
    const pair = new Pair(role, linux)
    const random = new Random(seed)
    // A neighbour that has been answered a lot gets less (error_burst): whoever asks again is another.
    let asked = 0
    for (let n = 0; n < inputs; n++) {
      const input = draft(random, role, n)
      const packets = make(input)
      const first = pair.compare(packets)
      const rule = first && knownOf(first)
      // What nobody has explained is asked again, alone, twice: it may be the doing of an earlier input.
      const alone = (other: Input) => pair.compareAlone(make({ ...other, number: inputs + asked++ }))
      const rested = (other: Input) => {
        linux.rest()
        return alone(other)
      }
      const differs = first !== undefined && rule === undefined ? alone(input) && rested(input) : undefined
      const name = (rule ?? (differs && knownOf(differs)))?.name
      if (name !== undefined) known.set(name, (known.get(name) ?? 0) + 1)
      else if (differs !== undefined) note(kinds, rested, input, differs)
      if (packets.some(teaches) || n % 2000 === 0) pair.forget()
    }
  } finally {
    linux.remove()
  }
  report(role, inputs, seed, performance.now() - started, known, kinds)
  return kinds.size
}

function knownOf(c: Comparison): (typeof KNOWN)[number] | undefined {
  return KNOWN.find((k) => k.applies(c))
}

function draft(r: Random, role: Role, number: number): Input {
  const stimuli = STIMULI.filter((s) => s.role === role)
  const placed = r.below(3) > 0
  const base = placed ? r.pick(stimuli).packets.map((p) => unhex(p)) : [r.pick(SEEDS)]
  const changes = Array.from({ length: 1 + r.below(4) }, () => draw(r))
  return { role, base, placed, changes, number }
}

/** Messages that a kernel or the stack may remember something of. */
function teaches(bytes: Uint8Array): boolean {
  if (bytes[0]! >>> 4 === 6) return bytes[6] === 58 && (bytes[40] === 2 || (bytes[40]! >= 130 && bytes[40]! <= 153))
  const at = (bytes[0]! & 15) * 4
  return bytes[9] === 1 && (bytes[at] === 3 || bytes[at] === 5 || bytes[at] === 9)
}

function note(
  kinds: Map<string, { count: number; shown: string }>,
  ask: (input: Input) => Comparison | undefined,
  input: Input,
  differs: Comparison,
): void {
  const kind = kindOf(differs)
  const seen = kinds.get(kind)
  if (seen !== undefined) {
    seen.count++
    return
  }
  // As few changes as show the same.
  let least = input
  let shown = differs
  for (let i = 0; i < least.changes.length; ) {
    const fewer = { ...least, changes: least.changes.filter((_, k) => k !== i) }
    const again = ask(fewer)
    if (again !== undefined && knownOf(again) === undefined && kindOf(again) === kind) {
      least = fewer
      shown = again
    } else i++
  }
  const lines = [
    ...shown.packets.map((p) => `  in:    ${hex(p)}`),
    `  linux: ${shown.linux.join('; ') || 'nothing'}`,
    `  ours:  ${shown.ours.join('; ') || 'nothing'}`,
    ...(shown.octets === undefined ? [] : [`  octets: ${shown.octets}`]),
  ]
  kinds.set(kind, { count: 1, shown: lines.join('\n') })
}

/** What two findings of the same cause have in common: the words without numbers and addresses. */
function kindOf(c: Comparison): string {
  const plain = (list: readonly string[]) =>
    list
      .map((w) =>
        w
          .replace(/, from .*? to [^,]+/, '')
          .replace(/options \w+/, 'options')
          .replace(/\d+ octets/, ''),
      )
      .join('; ')
  const octets = c.octets?.replace(/: [0-9a-f]{2,} and [0-9a-f]{2,}$/, '') ?? ''
  return `${plain(c.linux)} | ${plain(c.ours)} | ${octets}`
}

function report(
  role: Role,
  inputs: number,
  seed: number,
  ms: number,
  known: Map<string, number>,
  kinds: Map<string, { count: number; shown: string }>,
): void {
  const out = process.stdout
  for (const [name, count] of [...known].sort((a, b) => b[1] - a[1]))
    out.write(`${String(count).padStart(8)} ${name}\n`)
  const all = [...kinds.values()].sort((a, b) => b.count - a.count)
  for (const { count, shown } of all) out.write(`\n${count} times:\n${shown}\n`)
  const finding = all.length === 0 ? 'nothing found' : `${all.length} kinds of differences found`
  out.write(`\n${role}: ${inputs} inputs, seed ${seed}, ${(ms / 1000).toFixed(0)} s: ${finding}\n`)
}
