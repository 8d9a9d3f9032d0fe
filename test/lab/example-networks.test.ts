/** The networks of examples/lab: `icmp lab run` shows in each what its first line promises; pictures are current. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../house/source.ts'
import { ordinary } from '../nobody.ts'

const FOLDER = resolve(ROOT, 'examples/lab')
const ICMP = resolve(ROOT, 'packages/icmpkit/bin/icmp.js')

// biome-ignore lint/suspicious/noExplicitAny: JSON of the command, fields are what is tested
type Line = any

function told(name: string): Line[] {
  seen.add(`${name}.yaml`)
  const args = [ICMP, 'lab', 'run', `examples/lab/${name}.yaml`, '--json']
  const options = { encoding: 'utf8', cwd: ROOT, timeout: 110_000, ...ordinary() } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  expect({ status, stderr }, name).toEqual({ status: 0, stderr: '' })
  const lines = stdout
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l))
  expect(lines.at(-1).kind).toBe('summary')
  return lines
}
const seen = new Set<string>()

const of = (all: Line[], ask: number, kind: string) => all.filter((e) => e.kind === kind && e.ask === ask)
const ms = (e: Line) => e.rttNs / 1e6
/** `r1 2.0`: who answered first at each hop, and after how long; `*` for nobody. */
const hops = (all: Line[], ask: number) =>
  of(all, ask, 'hop').map((e) => (e.answers[0] === undefined ? '*' : `${e.answers[0].by} ${ms(e.answers[0])}`))

test('line-of-gateways: twice the sum of the delays, a TTL that ends at r2, a closed port and an open one, a trace', () => {
  const all = told('line-of-gateways')
  expect(of(all, 0, 'reply').map(ms).slice(1)).toEqual([34, 34])
  expect(of(all, 1, 'error')).toMatchObject([{ by: 'r2', type: 11, code: 0 }])
  expect(of(all, 2, 'error')).toMatchObject([{ by: 'srv', type: 3, code: 3 }])
  expect(of(all, 3, 'reply')).toMatchObject([{ by: 'srv' }])
  expect(hops(all, 4)).toEqual(['r1 2', 'r2 12', 'r3 32', 'srv 34'])
})

test('ecmp-diamond: all pings of a flow take one way, datagrams of many flows take both, a trace sees one', () => {
  const all = told('ecmp-diamond')
  const ways = (ask: number) => new Set<number>(of(all, ask, 'reply').map(ms))
  // Neighbours have to be found for the first.
  const pings = new Set<number>(of(all, 0, 'reply').slice(1).map(ms))
  expect(pings.size).toBe(1)
  expect([...ways(1)].toSorted()).toEqual([16.4, 26.4])
  const second = of(all, 2, 'hop')[1]
  expect(new Set<string>(second.answers.map((a: Line) => a.by)).size).toBe(1)
})

test('outage: who asks is told that the port is closed and hears nothing of a host that hangs; who waits learns of neither', () => {
  const all = told('outage')
  expect(of(all, 0, 'reply').map((e) => e.seq)).toEqual([1, 2, 3, 4, 7, 8])
  expect(of(all, 0, 'error')).toMatchObject([5, 6].map((seq) => ({ seq, by: 'shop', type: 3, code: 3 })))
  expect(of(all, 0, 'timeout').map((e) => e.seq)).toEqual([9, 10])
  expect(all.filter((e) => e.node === 'pc' && e.ask === 1).map((e) => e.kind)).toEqual(['sent', 'reply'])
  const changes = all.filter((e) => e.kind === 'change').map((e) => [e.time, e.node, e.what])
  expect(changes).toEqual([
    ['3.500000000', 'shop', 'serve'],
    ['5.500000000', 'shop', 'serve'],
    ['7.500000000', 'shop', 'down'],
  ])
})

test('mpls-tunnels: the explicit one shows s1, s2, s3 and labels, the invisible one shows neither h1 nor h2', () => {
  const all = told('mpls-tunnels')
  const who = (ask: number) => of(all, ask, 'hop').map((e) => e.answers[0].by)
  expect(who(0)).toEqual(['edge', 's1', 's2', 's3', 'shown'])
  expect(of(all, 0, 'hop').map((e) => e.answers[0].labels.length)).toEqual([0, 1, 1, 0, 0])
  expect(who(1)).toEqual(['edge', 'h3', 'hidden'])
  expect(of(all, 1, 'hop').every((e) => e.answers[0].labels.length === 0)).toBe(true)
})

test('nat-home: what leaves is answered, errors find the laptop behind the box, from outside the box answers for itself', () => {
  const all = told('nat-home')
  expect(of(all, 0, 'reply')).toHaveLength(2)
  expect(of(all, 1, 'reply')).toHaveLength(2)
  expect(of(all, 2, 'error')).toMatchObject([{ node: 'laptop', by: 'srv', type: 3, code: 3 }])
  expect(of(all, 3, 'hop').map((e) => e.answers[0].by)).toEqual(['box', 'isp', 'srv'])
  expect(of(all, 4, 'error')).toMatchObject([{ node: 'srv', by: 'box', type: 3, code: 3 }])
})

test('pmtu-black-hole: 1400 octets pass, 1401 vanish, and nobody says why', () => {
  const all = told('pmtu-black-hole')
  expect(of(all, 0, 'reply')).toHaveLength(2)
  expect(all.filter((e) => e.ask === 1).map((e) => e.kind)).toEqual(['sent', 'sent', 'timeout', 'timeout'])
})

test('rate-limited-router: stars at r2 and at nobody else, and no ping is lost', () => {
  const all = told('rate-limited-router')
  expect(of(all, 0, 'hop').map((e) => e.unanswered)).toEqual([0, 4, 0, 0])
  expect(of(all, 1, 'reply')).toHaveLength(10)
})

test('link-flap: while the link is down r1 says that it has no route, before and after there are replies', () => {
  const all = told('link-flap')
  expect(of(all, 0, 'error').map((e) => [e.seq, e.by, e.type, e.code])).toEqual([
    [4, 'r1', 3, 0],
    [5, 'r1', 3, 0],
    [8, 'r1', 3, 0],
  ])
  expect(of(all, 0, 'reply').map((e) => e.seq)).toEqual([1, 2, 3, 6, 7, 9, 10])
})

test('asymmetric-return: the trace goes by the short way, and from r2 on the round trips are those of the long one', () => {
  const all = told('asymmetric-return')
  expect(hops(all, 1)).toEqual(['r1 2', 'short 6', 'r2 86', 'srv 88'])
})

test('middlebox: a host that does not exist answers pings, as fast as the one that does; a datagram is told the truth', () => {
  const all = told('middlebox')
  expect(of(all, 0, 'reply')).toHaveLength(2)
  expect(of(all, 1, 'reply').map((e) => e.from)).toEqual(['10.0.2.77', '10.0.2.77'])
  expect(of(all, 1, 'reply').map(ms)).toEqual(of(all, 0, 'reply').map(ms))
  expect(of(all, 2, 'error')).toMatchObject([{ by: 'r2', type: 3, code: 1 }])
})

test('stuck-firewall: the second ping is lost whole, and works when the first identifier was silent long enough', () => {
  const all = told('stuck-firewall')
  expect([0, 1, 2].map((ask) => of(all, ask, 'reply').length)).toEqual([3, 0, 3])
  expect(of(all, 1, 'timeout')).toHaveLength(3)
})

test('there are eleven, all of them run above, and README.md has the picture of each as icmp lab show draws it today', () => {
  const files = readdirSync(FOLDER).filter((f) => f.endsWith('.yaml'))
  expect(files).toHaveLength(11)
  expect([...seen].toSorted()).toEqual(files.toSorted())
  const args = [resolve(FOLDER, 'pictures.ts'), '--print']
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 110_000 })
  expect(stderr).toBe('')
  // When it differs: node examples/lab/pictures.ts
  expect(readFileSync(resolve(FOLDER, 'README.md'), 'utf8')).toBe(stdout)
})

// ---- recipes

test('the recipe for Vitest runs as it stands', () => {
  const vitest = resolve(ROOT, 'node_modules/vitest/vitest.mjs')
  const env = { ...process.env, NO_COLOR: '1', VITEST: undefined }
  const args = [vitest, 'run', '--root', resolve(FOLDER, 'recipes')]
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env, timeout: 110_000 })
  expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('2 passed') })
})

test('the recipe for node:test runs as it stands', () => {
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
  const args = ['--test', '--test-reporter=tap', resolve(FOLDER, 'recipes/node-test.ts')]
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env, timeout: 110_000 })
  expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('# pass 2') })
})

test('docs/lab.md shows the recipes as they are', () => {
  const text = readFileSync(resolve(ROOT, 'docs/lab.md'), 'utf8')
  for (const f of ['vitest.test.ts', 'node-test.ts', 'tun.sh', 'ask.py'])
    expect(text.includes(readFileSync(resolve(FOLDER, 'recipes', f), 'utf8')), f).toBe(true)
})
