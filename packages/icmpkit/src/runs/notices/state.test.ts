import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { NoticeProgram } from './options.ts'
import { bootId, type KeptState, readState, StateFile } from './state.ts'

const OWNER = { boot: bootId(), namespace: '17' }
const PROGRAMS: NoticeProgram[] = [
  { name: 'dns', protocol: 'udp', port: 53, probe: { kind: 'udp', payload: Uint8Array.of(0, 255) }, grace: 10 },
  { name: 'web', protocol: 'tcp', port: 80 },
]
const SNAPSHOT = Uint8Array.from({ length: 5000 }, (_, i) => i)

function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'icmp-state-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return join(directory, 'state')
}

function file(path: string): { state: StateFile; notes: string[] } {
  const notes: string[] = []
  return { state: new StateFile(path, OWNER, (what) => notes.push(what)), notes }
}

test('what is written is read again, by its owner alone', async () => {
  const path = place()
  const { state, notes } = file(path)
  expect(readState(path, OWNER)).toBeUndefined()
  await state.close({ programs: PROGRAMS, snapshot: SNAPSHOT })
  expect(notes).toEqual([])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readState(path, OWNER)).toMatchObject({ programs: PROGRAMS, snapshot: SNAPSHOT })
})

test('the state of another network namespace is not believed, that of an earlier boot is', async () => {
  const path = place()
  await file(path).state.close({ programs: PROGRAMS, snapshot: SNAPSHOT })
  const other = readState(path, { ...OWNER, namespace: '18' })
  expect(other).toEqual({ note: expect.stringContaining('of another network namespace') })
  expect(readState(path, { boot: 'before', namespace: '18' })).toMatchObject({ programs: PROGRAMS })
})

test('any octet changed or missing is noticed, told in one line, and kept beside', async () => {
  const path = place()
  await file(path).state.close({ programs: PROGRAMS, snapshot: SNAPSHOT })
  const whole = readFileSync(path)
  const cuts = [0, 5, 30, whole.length - 5001, whole.length - 1].map((n) => whole.subarray(0, n))
  const flips = [3, 40, whole.length - 17].map((at) => {
    const octets = Buffer.from(whole)
    octets[at]! ^= 0x80
    return octets
  })
  for (const damaged of [...cuts, ...flips]) {
    writeFileSync(path, damaged)
    const found = readState(path, OWNER) as { note: string }
    expect(found.note).toMatch(/kept as .*state\.damaged/)
    expect(found.note).not.toContain('\n')
    expect(existsSync(path)).toBe(false)
    expect(readFileSync(`${path}.damaged`)).toEqual(damaged)
  }
})

test('where nothing can be written the old state stays, and that is said once, and once when it works again', async () => {
  const path = place()
  const { state, notes } = file(path)
  await state.close({ programs: PROGRAMS, snapshot: SNAPSHOT })
  // Nobody writes into a directory, not even root.
  mkdirSync(`${path}.new`)
  await state.close({ programs: [], snapshot: SNAPSHOT })
  await state.close({ programs: [], snapshot: SNAPSHOT })
  expect(notes).toEqual([expect.stringMatching(/^state .*: EEXIST.*; what it held before stays$/)])
  expect((readState(path, OWNER) as KeptState).programs).toHaveLength(2)
  rmSync(`${path}.new`, { recursive: true })
  await state.close({ programs: [], snapshot: SNAPSHOT })
  expect(notes[1]).toMatch(/is written again/)
  expect((readState(path, OWNER) as KeptState).programs).toHaveLength(0)
})

test('saves that come while one is being written become one, with what is there at its turn', async () => {
  const path = place()
  const { state } = file(path)
  let taken = 0
  const take = () => ({ programs: PROGRAMS.slice(0, ++taken), snapshot: SNAPSHOT })
  for (let i = 0; i < 50; i++) state.save(take)
  expect(taken).toBe(1)
  while (taken < 2) await new Promise((resolve) => setImmediate(resolve))
  await state.close({ programs: PROGRAMS, snapshot: SNAPSHOT })
  expect(taken).toBe(2)
  expect((readState(path, OWNER) as KeptState).programs).toHaveLength(2)
})
