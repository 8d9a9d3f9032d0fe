/** `icmp lab up` as users have it: its first line, its ends, its flags. What it does: lab-up.test.ts. */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { nobody } from '../nobody.ts'
import { events, ICMP, icmp, start, startProgram } from './icmp-command.ts'
import { host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const NET = `seed: 1
nodes: { me: host, r1: gateway, r2: gateway, srv: { kind: host, udp: [53] } }
links:
  - [me, r1]
  - [r1, r2, { delay: 5ms, jitter: 1ms, mtu: 1400 }]
  - [r2, srv]
at:
  300ms: { down: [r1, r2] }
  600ms: { up: [r1, r2] }
`

function fileOf(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'icmpkit-lab-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'net.yaml')
  writeFileSync(file, text)
  return file
}

const TEXT = { encoding: 'utf8' } as const
const netns = (what: string) => `ik-${process.pid}-${what}`
const execute = promisify(execFile)

test('the first line says how to use it, what it says works, and Ctrl-C ends it with a summary', async () => {
  const name = netns('line')
  const lab = start(undefined, ['lab', 'up', fileOf(NET), '--netns', name])
  await lab.until(/^ready: .*\n/)
  const how = /^ready: this machine is me in network namespace \S+; (ip netns exec \S+ ping srv)\n/.exec(
    lab.written.out,
  )
  expect(how, lab.written.out).not.toBeNull()
  const [program, ...args] = how![1]!.split(' ')
  await lab.until(/link r1-r2 is up/)
  const { stdout } = await execute(program!, [...args.slice(0, -1), '-4', '-w60', '-c2', '-i0.2', 'srv'])
  expect(stdout).toMatch(/2 received/)
  lab.signal('SIGINT')
  const ended = await lab.ended
  expect(ended).toMatchObject({ code: 0, err: '' })
  expect(ended.out).toMatch(/0\.300\d* {2}link r1-r2 goes down\n/)
  expect(ended.out).toMatch(
    /up for [\d.]+ s: [1-9]\d* packets from this machine, [1-9]\d* to it\npackets on links: \d+ carried/,
  )
  expect(existsSync(`/run/netns/${name}`)).toBe(false)
})

test('--json is ready, what happens, and the summary, an object a line', async () => {
  const ended = await icmp(undefined, ['lab', 'up', fileOf(NET), '--netns', netns('json'), '--json', '-w', '1s'])
  expect(ended).toMatchObject({ code: 0, err: '' })
  const told = events(ended)
  expect(new Set(told.map((e) => e.schema))).toEqual(new Set(['icmpkit.lab-up.v1']))
  expect(told[0]).toMatchObject({ kind: 'ready', node: 'me', netns: netns('json'), nodes: 4, links: 3 })
  expect(told.filter((e) => e.kind === 'change').map((e) => [e.what, e.link])).toEqual([
    ['down', 'r1-r2'],
    ['up', 'r1-r2'],
  ])
  const summary = told.at(-1)
  expect(summary).toMatchObject({ kind: 'summary', toKernel: { dropped: 0 }, droppedEvents: 0 })
  expect(Number(summary.time)).toBeGreaterThan(0.6)
})

test('--pcap holds every packet of every link, and what the lab did to it', async () => {
  const file = fileOf(NET)
  const out = `${file}.pcapng`
  const lab = start(undefined, ['lab', 'up', file, '--netns', netns('pcap'), '--pcap', out])
  await lab.until(/link r1-r2 is up/)
  await execute('ip', ['netns', 'exec', netns('pcap'), 'ping', '-4', '-c1', 'srv'])
  lab.signal('SIGTERM')
  expect((await lab.ended).code).toBe(0)
  const fields = ['-Tfields', '-e', 'frame.interface_name', '-e', 'frame.comment']
  const { stdout } = spawnSync('tshark', ['-r', out, '-Y', 'icmp', ...fields], TEXT)
  const ways = stdout
    .trim()
    .split('\n')
    .map((l) => l.split('\t'))
  expect(ways.map(([link]) => link)).toEqual(['me-r1', 'r1-r2', 'r2-srv', 'r2-srv', 'r1-r2', 'me-r1'])
  expect(ways[1]![1]).toMatch(/^r1 → r2, delayed [4-6](\.\d)? ms$/)
  // With what the other nodes say as they begin; in the name of the kernel's nobody but the kernel speaks.
  const first = spawnSync('tshark', ['-r', out, '-c8', '-Tfields', '-e', 'icmpv6.type', '-e', 'frame.comment'], TEXT)
  expect(
    first.stdout
      .trim()
      .split('\n')
      .map((l) => l.replace(/ →.*/, '')),
  ).toEqual(Array(8).fill('143\tr1'))
})

test('after kill -9 the next one finds the name free again', async () => {
  const args = ['lab', 'up', fileOf(NET), '--netns', netns('killed')]
  const first = start(undefined, args)
  await first.until(/^ready: /)
  first.signal('SIGKILL')
  await first.ended
  expect(existsSync(`/run/netns/${netns('killed')}`)).toBe(true)
  const second = start(undefined, args)
  await second.until(/^ready: .*\n[\s\S]*4 nodes, 3 links/)
  second.signal('SIGINT')
  expect((await second.ended).code).toBe(0)
  expect(existsSync(`/run/netns/${netns('killed')}`)).toBe(false)
})

test('started by npx, it ends when that is told to, though npx tells the shell in between and nobody else', async () => {
  const name = netns('npx')
  const npx = startProgram(undefined, 'npx', ['icmp', 'lab', 'up', fileOf(NET), '--netns', name])
  await npx.until(/^ready: /)
  npx.signal('SIGTERM')
  // The pipes are the lab's as well: they close when it has ended, and the namespace with it.
  expect((await npx.ended).out).toMatch(/^up for [\d.]+ s: /m)
  expect(npx.written.err).toContain('icmp: npm, which started this, has gone\n')
  expect(existsSync(`/run/netns/${name}`)).toBe(false)
})

test('a shell that ends takes nothing with it: what it left in the background goes on', async () => {
  const name = netns('left')
  const command = [process.execPath, ICMP, 'lab', 'up', fileOf(NET), '--netns', name, '-w', '1s']
  // In a script of npm, where these tests are one, npm itself is what it watches.
  const sh = startProgram(undefined, 'sh', ['-c', '"$@" &', 'sh', ...command], { env: process.env })
  const { code, out, err } = await sh.ended
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/link r1-r2 is up\n[\s\S]*^up for [\d.]+ s: /m)
})

test('--here adds an interface and routes to the lab, and takes them away', async () => {
  const h = host('here')
  const lab = start(h, ['lab', 'up', fileOf(NET), '--here', '--tun', 'sim0', '--at', 'srv'])
  await lab.until(/^ready: this machine is srv; ping 10\.0\.0\.1\n/)
  expect(h.netlink.link('sim0')).toMatchObject({ up: true })
  expect(h.netlink.routes({ family: 4, table: 254, type: 'unicast' }).map((r) => r.prefixLength)).toEqual([24, 24, 24])
  lab.signal('SIGINT')
  expect((await lab.ended).code).toBe(0)
  expect(h.netlink.link('sim0')).toBeUndefined()
})

test('SIGQUIT prints the counters so far, and it goes on', async () => {
  const lab = start(undefined, ['lab', 'up', fileOf(NET), '--netns', netns('quit')])
  await lab.until(/^ready: /)
  lab.signal('SIGQUIT')
  await lab.untilError(/^up for [\d.]+ s: /)
  await lab.until(/link r1-r2 is up/)
  lab.signal('SIGINT')
  expect((await lab.ended).code).toBe(0)
})

test('what is wrong gets a line, with the place where it is in the file, and exit code 2', async () => {
  const bad = fileOf(NET.replace('[r2, srv]', '[r2, serv]'))
  const ended = await icmp(undefined, ['lab', 'up', bad])
  expect(ended).toMatchObject({ code: 2, out: '' })
  expect(ended.err).toMatch(/net\.yaml:6:\d+: .*serv/)
  const nobody = await icmp(undefined, ['lab', 'up', fileOf(NET), '--at', 'nobody'])
  expect(nobody).toMatchObject({ code: 2, out: '' })
  expect(nobody.err).toMatch(/there is no node 'nobody'/)
  expect((await icmp(undefined, ['lab', 'up', fileOf(NET), '--here', '--netns', 'x'])).code).toBe(2)
  expect((await icmp(undefined, ['lab', 'up', '/nowhere.yaml'])).code).toBe(2)
})

test('without rights it says which are missing', async () => {
  const file = join(tmpdir(), `icmpkit-${process.pid}-open.yaml`)
  writeFileSync(file, NET, { mode: 0o644 })
  onTestFinished(() => rmSync(file))
  const ended = await icmp(undefined, ['lab', 'up', file], nobody())
  expect(ended).toMatchObject({ code: 2, out: '' })
  expect(ended.err).toMatch(/CAP_SYS_ADMIN: run as root/)
})
