/** Files about network namespaces that are no more go, those about any that somebody has still stay. */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { forgetGoneNamespaces, lockInstance } from '../../packages/icmpkit/src/os/index.ts'
import { start } from './icmp-command.ts'
import { cable, host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

/** Numbers that the kernel has not come to: it takes the lowest that is free. */
const GONE = 4294967290
const GONE_TOO = 4294967291

/** A directory with these files, some seconds old. */
function withFiles(...files: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'icmpkit-gone-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const file of files) old(join(directory, file))
  return directory
}

function old(path: string): void {
  writeFileSync(path, 'x\n')
  const then = Date.now() / 1000 - 10
  utimesSync(path, then, then)
}

/** /proc with the processes that may be looked at: a container's root may not look at all of them. */
function visible(): string {
  const proc = mkdtempSync(join(tmpdir(), 'icmpkit-proc-'))
  onTestFinished(() => rmSync(proc, { recursive: true }))
  for (const name of ['self', 'thread-self']) symlinkSync(`/proc/${name}`, join(proc, name))
  for (const pid of readdirSync('/proc').filter((p) => /^\d+$/.test(p))) {
    try {
      readlinkSync(`/proc/${pid}/ns/net`)
      readdirSync(`/proc/${pid}/fd`)
      symlinkSync(`/proc/${pid}`, join(proc, pid))
    } catch {
      // Not allowed, or it has ended.
    }
  }
  return proc
}

test('all files of a namespace that nobody has go, and no other file', () => {
  const others = ['namespace-lab0.json', 'note.txt', `${GONE}`, 'notify-.state']
  const directory = withFiles(`${GONE}-4.json`, `${GONE}-7.json`, `notify-${GONE_TOO}.state`, ...others)
  expect(forgetGoneNamespaces(directory, visible())).toBe(3)
  expect(readdirSync(directory).sort()).toEqual(others.sort())
})

test('a namespace stays known that a thread is in, that has a name, or that a process has open', () => {
  const own = statSync('/proc/self/ns/net').ino
  const name = `ik-${process.pid}-gone`
  execFileSync('ip', ['netns', 'add', name])
  onTestFinished(() => void execFileSync('ip', ['netns', 'del', name]))
  const named = statSync(`/run/netns/${name}`).ino
  // No name, no thread: only this descriptor.
  const nameless = host('open')
  const path = nameless.inside(() => `/proc/self/fd/${openSync('/proc/thread-self/ns/net', 'r')}`)
  onTestFinished(() => closeSync(Number(path.split('/').at(-1))))
  const open = statSync(path).ino
  const files = [own, named, open].map((number) => `notify-${number}.state`)
  expect(forgetGoneNamespaces(withFiles(...files), visible())).toBe(0)
})

test('what somebody holds the lock of, and what was written while it looked, stays', () => {
  const directory = withFiles(`notify-${GONE}.state`)
  const lock = lockInstance(join(directory, `notify-${GONE}.lock`), 'me')
  if ('heldBy' in lock) throw new Error(lock.heldBy)
  const later = join(directory, `${GONE_TOO}-1.json`)
  old(later)
  const soon = Date.now() / 1000 + 60
  utimesSync(later, soon, soon)
  expect(forgetGoneNamespaces(directory, visible())).toBe(0)
  lock.close()
  expect(forgetGoneNamespaces(directory, visible())).toBe(1)
  expect(readdirSync(directory)).toEqual([`${GONE_TOO}-1.json`])
})

test('icmp host leaves none of them behind, where it may look at all processes; else all of them', async () => {
  mkdirSync('/run/icmpkit', { recursive: true })
  const file = `/run/icmpkit/${GONE - process.pid}-4.json`
  old(file)
  onTestFinished(() => rmSync(file, { force: true }))
  const ours = host('go')
  cable(host('gl'), ours)
  const running = start(ours, ['host', '--port', 'eth0=192.0.2.9/24', '--conflict-check', 'off', '--json'])
  await running.until(/"kind":"ready"/)
  running.signal('SIGINT')
  expect((await running.ended).code).toBe(0)
  const may = forgetGoneNamespaces(withFiles(`${GONE}-4.json`)) === 1
  expect(existsSync(file)).toBe(!may)
})
