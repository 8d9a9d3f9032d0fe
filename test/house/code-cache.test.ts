import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Script } from 'node:vm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ROOT } from './source.ts'

const BUILT = resolve(ROOT, 'packages/icmpkit')
const COMMANDS = ['ping', 'send', 'decode', 'demo', 'all']
let copy: string

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'icmp-cache-'))
  for (const part of ['bin', 'dist/cli', 'package.json']) {
    cpSync(join(BUILT, part), join(copy, part), { recursive: true })
  }
  chmodSync(join(copy, 'dist/cli'), 0o755)
})

afterEach(() => rmSync(copy, { recursive: true }))

/** Another program's code, which V8 takes for that of `icmp ping`: it looks at the length of the source alone. */
function plant(): void {
  const filename = join(copy, 'dist/cli/ping.js')
  const source = '(function () { process.exit(77) })'.padEnd(readFileSync(filename, 'utf8').length)
  writeFileSync(`${filename}.cache`, new Script(source, { filename }).createCachedData())
}

const help = () => spawnSync(process.execPath, [join(copy, 'bin/icmp.js'), 'ping', '--help'], { encoding: 'utf8' })

test('V8 takes the code that the build has kept for each command', () => {
  for (const command of COMMANDS) {
    const filename = join(BUILT, `dist/cli/${command}.js`)
    const cachedData = readFileSync(`${filename}.cache`)
    expect(new Script(readFileSync(filename, 'utf8'), { filename, cachedData }).cachedDataRejected, command).toBe(false)
  }
})

test('kept code runs instead of the source, so whoever can write it must be believed', () => {
  plant()
  expect(help().status).toBe(77)
})

test('code in a directory that its group or everybody can write is not believed', () => {
  plant()
  for (const mode of [0o775, 0o757, 0o1777]) {
    chmodSync(join(copy, 'dist/cli'), mode)
    const { status, stdout } = help()
    expect(status).toBe(0)
    expect(stdout).toContain('Usage: icmp ping')
  }
})

test('code in a directory of another user, not root, is not believed', (ctx) => {
  if (process.getuid?.() !== 0) ctx.skip('skipped, because only root can give a directory away')
  plant()
  chownSync(join(copy, 'dist/cli'), 65534, 65534)
  expect(help().status).toBe(0)
})

test('without kept code, and with what another Node kept, the source is compiled', () => {
  const cache = join(copy, 'dist/cli/ping.js.cache')
  for (const content of [undefined, '', 'no code at all', readFileSync(cache).subarray(0, 1000)]) {
    if (content === undefined) rmSync(cache)
    else writeFileSync(cache, content)
    expect(existsSync(cache)).toBe(content !== undefined)
    const { status, stdout } = help()
    expect(status).toBe(0)
    expect(stdout).toContain('Usage: icmp ping')
  }
})
