/** `icmp lab run|show|new` as a user has them: exit codes, NDJSON, a capture that tshark reads, what a wrong file says. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest'

const ICMP = resolve(import.meta.dirname, '../../packages/icmpkit/bin/icmp.js')
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'icmpkit-lab-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function icmp(...args: string[]): { status: number | null; out: string; err: string } {
  const env = { ...process.env, COLUMNS: '80' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [ICMP, 'lab', ...args], { encoding: 'utf8', env })
  return { status, out: stdout, err: stderr }
}

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function needs(ctx: TestContext, tool: string): void {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined)
    ctx.skip(`skipped, because ${tool} is not installed (apt-get install ${tool})`)
}

const NET = `nodes: { me: host, r1: gateway, srv: host }
links:
  - [me, r1, { delay: 2ms }]
  - [r1, srv, { loss: 30%, delay: 5ms }]
at:
  1.5s: { down: [r1, srv] }
ask:
  - { from: me, to: srv, count: 3, interval: 500ms }
`

const WORDS: Record<string, number> = { network: 1, summary: 1 }

test('run --json is a line of JSON an event, its time a decimal string, the summary last; the same each time', () => {
  const net = file('net.yaml', NET)
  const first = icmp('run', net, '--json')
  expect([first.status, first.err]).toEqual([0, ''])
  const events = first.out
    .trimEnd()
    .split('\n')
    .map((l) => JSON.parse(l) as Record<string, unknown>)
  for (const e of events) {
    expect(e).toMatchObject({ schema: 'icmpkit.lab-run.v1', time: expect.stringMatching(/^\d+\.\d{9}$/) })
    expect(e).toHaveProperty('node')
  }
  expect(events[0]).toMatchObject({ kind: 'network', seed: 1, nodes: 3 })
  expect(events.at(-1)).toMatchObject({ kind: 'summary', asks: [{ from: 'me', to: 'srv', sent: 3 }] })
  for (const [kind, times] of Object.entries(WORDS)) expect(events.filter((e) => e.kind === kind)).toHaveLength(times)
  const times = events.map((e) => Number(e.time))
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(icmp('run', net, '--json').out).toBe(first.out)
  expect(icmp('run', net, '--json', '--seed', '9').out).not.toBe(first.out)
})

test('--until ends the scenario at that moment', () => {
  const { out } = icmp('run', file('net.yaml', NET), '--json', '--until', '600ms')
  expect(JSON.parse(out.trimEnd().split('\n').at(-1)!)).toMatchObject({ kind: 'summary', time: '0.600000000' })
})

test('what is interrupted ends with its summary all the same', async () => {
  const long = NET.replace('count: 3', 'count: 1000000')
  const child = spawn(process.execPath, [ICMP, 'lab', 'run', file('long.yaml', long), '--json'])
  let out = ''
  child.stdout.on('data', (octets: Buffer) => {
    if (out === '') child.kill('SIGINT')
    out += octets.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  expect(code).toBe(0)
  const last = JSON.parse(out.trimEnd().split('\n').at(-1)!) as { kind: string; asks: { sent: number }[] }
  expect(last.kind).toBe('summary')
  expect(last.asks[0]!.sent).toBeLessThan(1_000_000)
})

test('run without --json is a story: a line an event, then what it came to', () => {
  const { status, out } = icmp('run', file('net.yaml', NET))
  expect(status).toBe(0)
  expect(out).toContain('   0.000000  a network of 3 nodes and 2 links, seed 1\n')
  expect(out).toMatch(/^ {3}0\.\d{6} {2}me pings srv \(10\.0\.1\.2\): seq 1, 56 octets$/m)
  expect(out).toMatch(/^me ping srv: 3 sent, \d answered/m)
  for (const line of out.split('\n\n')[0]!.split('\n')) expect(line).toMatch(/^ *\d+\.\d{6} {2}\S/)
})

test('--pcap is a capture that tshark reads: an interface a link, a comment on each packet', (ctx) => {
  needs(ctx, 'tshark')
  const pcap = join(folder, 'out.pcapng')
  const { out } = icmp('run', file('net.yaml', NET), '--json', '--packets', '--pcap', pcap)
  const fields = ['frame.interface_name', 'frame.time_epoch', 'frame.comment', '_ws.expert.message'].flatMap((f) => [
    '-e',
    f,
  ])
  const env = { ...process.env, WIRESHARK_CONFIG_DIR: folder }
  const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
  const rows = execFileSync('tshark', ['-r', pcap, '-T', 'fields', ...fields], { encoding: 'utf8', env, stdio })
    .trimEnd()
    .split('\n')
    .map((l) => l.split('\t'))
  const packets = out
    .split('\n')
    .filter((l) => l.includes('"kind":"packet"'))
    .map((l) => JSON.parse(l) as Record<string, string>)
  expect(rows.length).toBe(packets.length)
  for (const [i, p] of packets.entries()) {
    const [seconds, fraction] = p.time!.split('.')
    // Virtual time 0 is the start of 2026.
    expect(rows[i]!.slice(0, 3)).toEqual([
      p.link,
      expect.stringContaining(`${1_767_225_600 + Number(seconds)}.${fraction}`),
      `${p.node} → ${p.to}, ${p.did}`,
    ])
  }
  expect(rows.some((r) => r[2] === 'r1 → srv, lost (random)' || r[2] === 'srv → r1, lost (random)')).toBe(true)
})

test('each example of lab new is shown and runs as it is, and an unknown one is refused with those there are', () => {
  const names = icmp('new', '--list')
    .out.trimEnd()
    .split('\n')
    .map((l) => l.split(' ')[0]!)
  expect(names.length).toBeGreaterThan(3)
  expect(icmp('new').out).toBe(icmp('new', names[0]!).out)
  for (const name of names) {
    const net = file(`${name}.yaml`, icmp('new', name).out)
    const shown = icmp('show', net, '-v')
    expect([shown.status, shown.err]).toEqual([0, ''])
    expect(shown.out).toContain('routes:')
    const ran = icmp('run', net, '--json')
    expect([ran.status, ran.err]).toEqual([0, ''])
    const summary = JSON.parse(ran.out.trimEnd().split('\n').at(-1)!) as { asks: { sent: number; received: number }[] }
    expect(summary.asks.some((a) => a.received > 0)).toBe(true)
  }
  expect(icmp('new', 'nothing')).toMatchObject({ status: 2, out: '', err: expect.stringContaining(names.join(', ')) })
})

test('show draws for the terminal, Mermaid and Graphviz, and lists links, addresses and routes', () => {
  const net = file('net.yaml', NET)
  const { out } = icmp('show', net)
  expect(out).toContain('│ me ├─ 2ms ─┤ r1 ├─ 5ms, 30% lost ─┤ srv │')
  expect(out).toContain('r1 (gateway)  eth0  10.0.0.2/24, 2001:db8::2/64')
  expect(out).toMatch(/^ {2}me +default IPv4 +via 10\.0\.0\.2 \(r1\)$/m)
  expect(icmp('show', net, '--as', 'mermaid').out).toMatch(/^graph LR\n/)
  expect(icmp('show', net, '--as', 'dot').out).toMatch(/^graph lab \{\n/)
})

test('show lists the routes that the file gives, too: by the name of a neighbour, and those that lead nowhere', () => {
  const net = file(
    'given.yaml',
    `nodes:
  r1: { kind: gateway, routes: { 192.0.2.0/24: [r2, r3], "2001:db8:9::/48": r3, 198.51.100.0/24: prohibit, 0.0.0.0/0: r2 } }
  r2: gateway
  r3: gateway
links: [[r1, r2], [r1, r3]]
`,
  )
  const { out } = icmp('show', net)
  const r1 = out.slice(out.indexOf('routes:')).split('\n').slice(1, 7)
  expect(r1.map((l) => l.trim().replaceAll(/ {2,}/g, '  '))).toEqual([
    'r1  192.0.2.0/24  via 10.0.0.2 (r2)',
    '192.0.2.0/24  via 10.0.1.2 (r3)',
    '198.51.100.0/24  prohibit',
    'default IPv4  via 10.0.0.2 (r2)',
    '2001:db8:9::/48  via 2001:db8:0:1::2 (r3)',
    'r2  10.0.1.0/24  via 10.0.0.1 (r1)',
  ])
})

test('a file comes from standard input, and errors call it so', () => {
  const from = (input: string) => spawnSync(process.execPath, [ICMP, 'lab', 'run', '-'], { encoding: 'utf8', input })
  expect(from(NET).stdout).toBe(icmp('run', file('net.yaml', NET)).out)
  expect(from('nodes: { me: hots }\n').stderr).toBe("stdin:1:10: nodes.me: 'hots'; expected host, gateway\n")
  // A list for a key: the reader of YAML would warn of it in words of its own.
  expect(from('nodes: { [me]: host }\n').stderr).toBe('stdin:1:10: expected a word before the colon\n')
})

test('a node that is not there, and a flag that is none, are refused with what there is', () => {
  const net = file('net.yaml', NET)
  expect(icmp('up', net, '--at', 'nobody')).toEqual({
    status: 2,
    out: '',
    err: "icmp: there is no node 'nobody' to be or to join; expected me, r1, srv\n",
  })
  const { status, err } = icmp('run', net, '--untill', '1s')
  expect([status, err.split('\n')[2] ?? err.split('\n')[1]]).toEqual([2, '(icmp lab help run shows the options)'])
})

test('a capture that cannot be written is named, and is an exit code', () => {
  const net = file('net.yaml', NET)
  for (const [out, why] of [
    ['/dev/full', 'ENOSPC'],
    [join(folder, 'none', 'out.pcapng'), 'ENOENT'],
  ] as const) {
    const { status, err } = icmp('run', net, '--pcap', out)
    expect([status, err.split(':').slice(0, 2)]).toEqual([2, [out, ` ${why}`]])
  }
})

test.each(['run', 'show', 'up'])(
  '%s says of a wrong file one line with the place and what was expected, and exits 2',
  (command) => {
    for (const [wrong, line] of [
      [
        NET.replace('delay: 2ms', 'delay: 2'),
        ':3:16: links[0][2].delay: 2 has no unit; expected a time, as 5ms, 1.5s or 2m',
      ],
      [NET.replace('[me, r1, {', '[me, r7, {'), ":3:10: links[0][1]: there is no node 'r7'; expected me, r1, srv"],
      [NET.slice(0, 30), ':1:'],
      [NET.slice(0, NET.indexOf('loss')), ':4:17: Flow map'],
      [
        `${NET.replace('srv: host }', 'srv: gateway }')}tunnels: [{ path: [r1, srv, r1], mode: explicit }]\n`,
        ":9:29: tunnels[0]: path[2]: 'r1' again: a tunnel has no loop",
      ],
      [
        NET.replace('delay: 2ms', 'addresses: { me: [10.0.1.9/16], r1: [10.0.1.10/16] }'),
        ':3:29: links[0]: addresses: me: 10.0.1.9/16 overlaps 10.0.1.1/24',
      ],
    ] as const) {
      const net = file('wrong.yaml', wrong)
      const { status, out, err } = icmp(command, net)
      expect([status, out]).toEqual([2, ''])
      expect(err.startsWith(`${net}${line}`) ? '' : err).toBe('')
      expect(err.trimEnd().split('\n')).toHaveLength(1)
    }
    const gone = icmp(command, join(folder, 'nowhere.yaml'))
    expect(gone).toMatchObject({ status: 2, out: '' })
    expect(gone.err).toMatch(/nowhere\.yaml: ENOENT.*\n$/)
  },
)

test('a reader that is slow holds the scenario up: nothing is kept for it, and nothing of it is lost', async () => {
  const long = NET.replace('count: 3, interval: 500ms', 'count: 50000, interval: 1ms').replace(/at:\n.*\n/, '')
  const child = spawn(process.execPath, [ICMP, 'lab', 'run', file('slow.yaml', long), '--json', '--packets'])
  const cpu = () => {
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return Number(fields[11]) + Number(fields[12])
  }
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0)
  // Nobody reads until it does nothing any more.
  let [before, stood] = [-1, 0]
  while (stood < 5) {
    await new Promise((r) => setTimeout(r, 100))
    const now = cpu()
    stood = now === before ? stood + 1 : 0
    before = now
  }
  let [spent, most, octets, rest] = [0, 0, 0, '']
  for await (const chunk of child.stdout) {
    octets += chunk.length
    rest = rest.slice(-2000) + chunk.toString()
    if (child.exitCode === null) {
      spent = Math.max(spent, cpu())
      most = Math.max(most, memory())
    }
  }
  // It had done next to nothing of what it did once it was read.
  expect(before).toBeLessThan(spent / 2)
  expect(octets).toBeGreaterThan(30_000_000)
  expect(most).toBeLessThan(400_000)
  const last = JSON.parse(rest.trimEnd().split('\n').at(-1)!) as { kind: string; asks: { sent: number }[] }
  expect([last.kind, last.asks[0]!.sent]).toEqual(['summary', 50_000])
})

test('a question to a node that is not there is refused at its place, by each command that reads the file', () => {
  const net = file('wrong.yaml', NET.replace('to: srv', 'to: sun'))
  const line = `${net}:8:17: ask[0].to: there is no node 'sun'; expected me, r1, srv, or an address\n`
  for (const command of ['run', 'show', 'up']) expect(icmp(command, net)).toEqual({ status: 2, out: '', err: line })
  const ping = spawnSync(process.execPath, [ICMP, 'ping', '--lab', net, 'srv'], { encoding: 'utf8' })
  expect([ping.status, ping.stdout, ping.stderr]).toEqual([2, '', line])
})

test('a capture goes to standard output where it is asked for, and the story to standard error', () => {
  const child = spawnSync(process.execPath, [ICMP, 'lab', 'run', file('net.yaml', NET), '--pcap', '-'])
  expect(child.stdout.readUInt32LE(0)).toBe(0x0a0d0d0a)
  expect(child.stderr.toString()).toContain('me pings srv')
  const pcap = join(folder, 'same.pcapng')
  icmp('run', join(folder, 'net.yaml'), '--pcap', pcap)
  expect(child.stdout.equals(readFileSync(pcap))).toBe(true)
})
