/** A unit of systemd is its control group: whatever processes are in it now, and after each restart others. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Detector } from '../../packages/icmpkit/src/runs/notices/detector.ts'

/** Laid out as systemd does; the kernel's own are root's and the machine's. */
function cgroups(): { root: string; hold(...processes: ChildProcess[]): void } {
  const root = mkdtempSync(join(tmpdir(), 'icmp-cgroup-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  writeFileSync(join(root, 'cgroup.procs'), '')
  const group = join(root, 'system.slice/shop.service')
  return {
    root,
    hold: (...processes) => {
      mkdirSync(group, { recursive: true })
      writeFileSync(join(group, 'cgroup.procs'), processes.map((p) => `${p.pid}\n`).join(''))
    },
  }
}

function sleeper(): ChildProcess {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

test('the end of each process of a unit is a sign, also of those that a restart brings; a unit that is not there is told of', async () => {
  const groups = cgroups()
  const signs: string[] = []
  const notes: string[] = []
  const detector = new Detector({
    netns: undefined,
    sign: (program, { kind }) => signs.push(`${program} ${kind}`),
    stateOf: () => 'up',
    note: (what) => notes.push(what),
    cgroups: groups.root,
  })
  onTestFinished(() => detector.close())
  detector.watch([{ name: 'shop', protocol: 'udp', port: 1, unit: 'shop' }])
  expect(notes).toEqual(['program shop: no unit shop runs here yet; its socket is watched all the same'])
  for (let restart = 1; restart <= 3; restart++) {
    const [main, worker] = [sleeper(), sleeper()]
    groups.hold(main, worker)
    await vi.waitFor(() => expect(detector.following).toBe(2), WAIT)
    await kill(worker)
    await vi.waitFor(() => expect(signs).toHaveLength(2 * restart - 1), WAIT)
    await kill(main)
    await vi.waitFor(() => expect(signs).toHaveLength(2 * restart), WAIT)
    groups.hold()
    await vi.waitFor(() => expect(detector.following).toBe(0), WAIT)
  }
  expect(new Set<string>(signs)).toEqual(new Set<string>(['shop lost']))
})

const WAIT = { timeout: 30_000 }
