import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { needsRoot, pair } from './testnet.ts'

beforeEach(needsRoot)

const ICMP = fileURLToPath(new URL('../../packages/icmpkit/bin/icmp.js', import.meta.url))

interface Live {
  child: ChildProcess
  stdout(): string
  stderr(): string
  ended: Promise<number | null>
}

/** `icmp decode -i …`, listening. */
async function listen(...args: string[]): Promise<Live> {
  const child = spawn(process.execPath, [ICMP, 'decode', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  await new Promise<void>((ready, failed) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
      if (stderr.includes('listening')) ready()
    })
    child.on('close', () => failed(new Error(stderr)))
  })
  return { child, stdout: () => stdout, stderr: () => stderr, ended }
}

function ping(netns: string, target: string, count: number): void {
  const args = [ICMP, 'ping', '-q', '-c', String(count), '-i', '50ms', '--netns', netns, target]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000 })
  expect(status, stderr).toBe(0)
}

test('a live interface in another namespace is decoded as packets pass, without any rights left', async () => {
  const { a } = pair()
  const live = await listen('-i', 'eth0', '--netns', a.name, '--json', '--type', 'echo-request,echo-reply', '-c', '4')
  for (const thread of readdirSync(`/proc/${live.child.pid}/task`)) {
    const status = readFileSync(`/proc/${live.child.pid}/task/${thread}/status`, 'utf8')
    expect(status).toMatch(/^CapEff:\s+0+$/m)
    expect(status).toMatch(/^CapPrm:\s+0+$/m)
  }
  ping(a.name, '192.0.2.2', 1)
  ping(a.name, '2001:db8::2', 1)
  expect(await live.ended).toBe(0)
  const lines = live
    .stdout()
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l))
  expect(lines.map((l) => [l.kind, l.type, l.src ?? null, l.checksum ?? null, l.interface ?? null])).toEqual([
    ['packet', 8, '192.0.2.1', 'ok', 'eth0'],
    ['packet', 0, '192.0.2.2', 'ok', 'eth0'],
    ['packet', 128, '2001:db8::1', 'ok', 'eth0'],
    ['packet', 129, '2001:db8::2', 'ok', 'eth0'],
    ['summary', undefined, null, null, null],
  ])
  expect(Math.abs(Number(lines[0].time) - Date.now() / 1000)).toBeLessThan(60)
})

test('lines of a live interface do not wait for more, and SIGINT ends it with the summary', async () => {
  const { a } = pair()
  const live = await listen('-i', 'any', '--netns', a.name)
  ping(a.name, '192.0.2.2', 2)
  while (!/seq 2.*\n.*seq 2.*\n/.test(live.stdout())) await new Promise((r) => setTimeout(r, 20))
  expect(live.stdout()).toMatch(
    / eth0 {2}Out IP 192\.0\.2\.1 > 192\.0\.2\.2: ICMP echo request, id \d+, seq 1, length 64\n/,
  )
  expect(live.stdout()).toMatch(
    / eth0 {2}In {2}IP 192\.0\.2\.2 > 192\.0\.2\.1: ICMP echo reply, id \d+, seq 2, length 64\n/,
  )
  live.child.kill('SIGINT')
  expect(await live.ended).toBe(0)
  expect(live.stderr()).toMatch(/packets, \d+ ICMP \(4 v4/)
})

test('an interface that is not there is said so, with exit code 2', () => {
  const { status, stderr } = spawnSync(process.execPath, [ICMP, 'decode', '-i', 'nosuch0'], { encoding: 'utf8' })
  expect(status).toBe(2)
  expect(stderr).toContain('There is no interface nosuch0')
})
