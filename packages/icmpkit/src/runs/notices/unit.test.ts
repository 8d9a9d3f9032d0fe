import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { pidsOfUnit } from './unit.ts'

/** As systemd lays the groups out: `system.slice/named.service`, deeper slices, processes in sub-groups of a unit. */
function tree(version: 1 | 2): string {
  const root = mkdtempSync(join(tmpdir(), 'icmp-cgroup-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const base = version === 2 ? root : join(root, 'systemd')
  const group = (path: string, pids: string) => {
    mkdirSync(join(base, path), { recursive: true })
    writeFileSync(join(base, path, 'cgroup.procs'), pids)
  }
  group('.', '1\n')
  group('system.slice/named.service', '100\n101\n')
  group('system.slice/system-getty.slice/getty@tty1.service', '200\n')
  group('system.slice/web.service/workers', '301\n302\n')
  group('system.slice/web.service', '300\n')
  group('system.slice/ended.service', '')
  return root
}

test.each([1, 2] as const)(
  'processes of a unit are those of its control group and of the groups in it (version %i)',
  (version) => {
    const root = tree(version)
    expect(pidsOfUnit('named', root)).toEqual([100, 101])
    expect(pidsOfUnit('named.service', root)).toEqual([100, 101])
    expect(pidsOfUnit('getty@tty1.service', root)).toEqual([200])
    expect(pidsOfUnit('web', root).toSorted()).toEqual([300, 301, 302])
  },
)

test('a unit that does not run has none', () => {
  const root = tree(2)
  expect(pidsOfUnit('ended', root)).toEqual([])
  expect(pidsOfUnit('other', root)).toEqual([])
  expect(pidsOfUnit('named', '/nowhere')).toEqual([])
})
