/** Names as attackers give them, where other tools passed them to a shell or a path (CVE-2018-21268, CVE-2021-21315, CVE-2008-7319). */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { prepareSend } from '../../packages/icmpkit/src/runs/send.ts'
import { imports, ROOT, sources } from './source.ts'

const ICMP = resolve(ROOT, 'packages/icmpkit/bin/icmp.js')
const HOSTILE = [
  '-oProxyCommand=id',
  '127.0.0.1;id',
  '$(id)',
  '`id`',
  "a'b",
  '127.0.0.1\nid',
  'a\u001b[2Jb',
  'fe80::1%../../etc/passwd',
  'fe80::1%a b',
  '127.0.0.1%;id',
  '',
]

test('nothing that users install starts a program or a shell (CVE-2018-21268, CVE-2021-21315, CVE-2008-7319)', () => {
  const starts = sources().filter(
    (s) => imports(s).some((i) => /child_process|cluster/.test(i.from)) || /getBuiltinModule\([^)]*child/.test(s.text),
  )
  expect(starts.map((s) => s.path)).toEqual([])
})

test('a target that is no address and no name is refused in words, with no control octet in them', async () => {
  for (const target of [...HOSTILE, 'a\0b']) {
    const refusal = await prepareSend(target, () => new Uint8Array(8)).catch((e: Error) => e)
    expect(refusal, JSON.stringify(target)).toBeInstanceOf(TypeError)
  }
  for (const command of ['ping', 'send']) {
    for (const target of HOSTILE) {
      const args = [ICMP, command, '-c', '1', '--', target]
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000 })
      expect(status, `${command} ${JSON.stringify(target)}`).toBe(2)
      expect(stderr.replaceAll('\n', ''), `${command} ${JSON.stringify(target)}`).not.toMatch(
        /[\u0000-\u001f\u007f-\u009f]/,
      )
    }
  }
})
