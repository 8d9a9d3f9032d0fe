/**
 * The same octets to a Linux kernel and to the stack, over point-to-point links, and both answers in a table
 * (docs/side-by-side.md). A difference without a reason in test/side-by-side/differences.tsv fails, and so does a reason
 * without a difference. UPDATE=1 writes the page.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { type Answer, describe as inWords } from '../side-by-side/answer.ts'
import { Linux } from '../side-by-side/linux.ts'
import { Ours } from '../side-by-side/ours.ts'
import { needsRoot } from './testnet.ts'

interface Stimulus {
  role: 'host' | 'gateway'
  name: string
  packets: string[]
}

const root = resolve(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(resolve(root, path), 'utf8')
const STIMULI = JSON.parse(read('test/side-by-side/stimuli.json')) as Stimulus[]
const PAGE = resolve(root, 'docs/side-by-side.md')
const reasons = new Map(
  read('test/side-by-side/differences.tsv')
    .split('\n')
    .slice(1)
    .filter((l) => l !== '')
    .map((l) => l.split('\t') as [string, string]),
)

const linux: Partial<Record<Stimulus['role'], Linux>> = {}
const ours: Partial<Record<Stimulus['role'], Ours>> = {}

beforeAll(() => {
  if (process.getuid?.() !== 0) return
  for (const role of ['host', 'gateway'] as const) {
    linux[role] = new Linux(role)
    ours[role] = new Ours(role)
  }
})
afterAll(() => {
  for (const l of Object.values(linux)) l.remove()
})
beforeEach(needsRoot)

const words = (answers: readonly Answer[]): string => {
  const lines = answers.map(inWords).filter((l) => l !== undefined)
  return lines.length === 0 ? 'nothing' : lines.join('; ')
}

test('a Linux kernel and the stack answer the same octets alike, or the difference has its reason on the page', () => {
  expect(STIMULI.length).toBeGreaterThanOrEqual(60)
  const rows: string[] = []
  const faults: string[] = []
  let role = ''
  let same = 0
  for (const s of STIMULI) {
    const answers = ours[s.role]!.ask(s.packets.map((p) => unhex(p)))
    const mine = words(answers)
    const expected = answers.filter((a) => inWords(a) !== undefined).length
    const packets = s.packets.map((p) => unhex(p))
    const theirs = words(linux[s.role]!.ask(packets, expected))
    const reason = reasons.get(`${s.role}: ${s.name}`)
    if (theirs === mine && reason !== undefined) faults.push(`${s.role}: ${s.name}: a reason, and no difference`)
    if (theirs !== mine && reason === undefined)
      faults.push(`${s.role}: ${s.name}\n    linux: ${theirs}\n    ours:  ${mine}`)
    if (s.role !== role) {
      role = s.role
      rows.push(
        '',
        `## As a ${role}`,
        '',
        '| stimulus | Linux | icmpkit | why they differ |',
        '| --- | --- | --- | --- |',
      )
    }
    if (theirs === mine) same++
    rows.push(`| ${s.name} | ${theirs} | ${theirs === mine ? 'the same' : mine} | ${reason ?? ''} |`)
  }
  const known = new Set(STIMULI.map((s) => `${s.role}: ${s.name}`))
  for (const name of reasons.keys()) if (!known.has(name)) faults.push(`${name}: a reason for no stimulus`)
  if (faults.length > 0) throw new Error(faults.join('\n'))
  const page = [
    '# Side by side with a Linux kernel',
    '',
    'Made by test/kernel/side-by-side.test.ts (`UPDATE=1`): do not edit. The same octets (test/side-by-side/stimuli.py) go',
    'to Linux 6.18 and to the stack, each between two point-to-point links *A* and *B*; everything comes in by A.',
    `Of ${STIMULI.length} stimuli ${same} are answered alike.`,
    ...rows,
    '',
  ].join('\n')
  if (process.env.UPDATE === '1') writeFileSync(PAGE, page)
  expect(readFileSync(PAGE, 'utf8')).toBe(page)
})

test('two thousand random packets for a host and as many for a gateway are answered alike, or a rule with its RFC section says why not', () => {
  const fuzz = resolve(root, 'test/side-by-side/fuzz.ts')
  const options = ['--conditions=@icmpkit/source', fuzz, '--inputs', '2000', '--seed', '1']
  const { stdout, stderr, status } = spawnSync(process.execPath, options, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${stdout}${stderr}`)
  expect(stdout).toMatch(/^host: 2000 inputs, .*: nothing found$/m)
  expect(stdout).toMatch(/^gateway: 2000 inputs, .*: nothing found$/m)
})
