/** `--lab` changes over what is asked, and nothing of what is told: the same lines, fields and exit codes as over a kernel. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { start } from './icmp-command.ts'
import { type Host, host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

let folder = ''
let file = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'icmpkit-in-lab-'))
  file = join(folder, 'net.yaml')
  // 127.0.0.1 of the kernel has no gateway either; the second address of each is nobody's.
  writeFileSync(file, 'nodes: { me: host, srv: host }\nlinks: [[me, srv, { addresses: { srv: [10.0.0.2/24] } }]]\n')
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The fields of each kind of event, and the exit code. */
async function shape(on: Host | undefined, args: string[]) {
  const { code, out, err } = await start(on, [...args, '--json']).ended
  const events = out
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l) as Record<string, unknown>)
  return { code, err, events: events.map((e) => [e.kind, e.schema, Object.keys(e).toSorted().join()]) }
}

/** What people read, without the numbers. */
async function words(on: Host | undefined, args: string[]) {
  const { code, out } = await start(on, args).ended
  return { code, out: out.replaceAll(/\d+\.\d+\.\d+\.\d+|srv \(A\)/g, 'A').replaceAll(/\d+(\.\d+)?/g, 'N') }
}

for (const [what, args] of [
  ['a ping that is answered', ['ping', '-c2', '-i0.2']],
  ['a ping with a deadline', ['ping', '-c2', '-i0.2', '-w3']],
  ['a message that is answered', ['send', '--type', 'timestamp-request']],
  ['a message that nothing answers', ['send', '--type', 'echo-reply', '-W0.1']],
] as const) {
  test(`${what}: the same events, fields and exit code in a lab and over a kernel`, async () => {
    const kernel = await shape(host('inlab'), [...args, '127.0.0.1'])
    const lab = await shape(undefined, [...args, '--lab', file, '10.0.0.2'])
    expect(kernel.events.length).toBeGreaterThan(1)
    expect(lab).toEqual(kernel)
  })
}

test('people read the same lines', async () => {
  const kernel = await words(host('inlab'), ['ping', '-c2', '-i0.2', '127.0.0.1'])
  const lab = await words(undefined, ['ping', '-c2', '-i0.2', '--lab', file, '10.0.0.2'])
  expect(kernel.out).toContain('N packets transmitted')
  expect(lab).toEqual(kernel)
})
