/** `--lab FILE --from NODE`: the built commands ask inside a network of a file, as anybody, without privileges. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../house/source.ts'
import { ordinary } from '../nobody.ts'

const NET = `seed: 3
nodes: { me: host, r1: gateway, r2: gateway, srv: host }
links:
  - [me, r1]
  - [r1, r2, { delay: 5ms, mtu: 1400 }]
  - [r2, srv]
at:
  30s: { down: [r1, r2] }
`
let folder = ''
let file = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'icmpkit-ask-'))
  // An ordinary user reads what is in it, and writes beside it.
  chmodSync(folder, 0o777)
  file = join(folder, 'net.yaml')
  writeFileSync(file, NET)
})
afterAll(() => rmSync(folder, { recursive: true }))

const ICMP = join(ROOT, 'packages/icmpkit/bin/icmp.js')

function icmp(...args: string[]): { code: number | null; out: string; err: string } {
  const options = { encoding: 'utf8', timeout: 110_000, cwd: '/', ...ordinary() } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [ICMP, ...args], options)
  return { code: status, out: stdout, err: stderr }
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of the command, fields are what is tested
const events = (out: string): any[] =>
  out
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l))

const lab = () => ['--lab', file, '--from', 'me']

test('icmp ping --lab: iputils’ lines, names of nodes, round trips that are the sum of the delays, exit code 0', () => {
  const { code, out, err } = icmp('ping', ...lab(), '-c3', 'srv')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toContain('PING srv (10.0.2.2) 56(84) bytes of data.\n')
  expect(out).toContain('64 bytes from srv (10.0.2.2): icmp_seq=2 ttl=62 time=10.4 ms\n')
  expect(out).toContain('3 packets transmitted, 3 received, 0% packet loss, time 2010ms\n')
})

test('icmp ping --lab --json: the same network and seed give the same lines, octet by octet', () => {
  const ask = () => icmp('ping', ...lab(), '-c5', '--json', '-6', 'srv', 'r2')
  const first = ask()
  expect(first.code).toBe(0)
  expect(ask()).toEqual(first)
  const replies = events(first.out).filter((e) => e.kind === 'reply')
  expect(replies).toHaveLength(10)
  expect(replies[0]).toMatchObject({ schema: 'icmpkit.ping.v1', target: 'srv', from: '2001:db8:0:2::2' })
})

test('icmp ping --lab hears the errors of its gateways, and exits 1: a TTL, a packet that is too big, a link that goes down', () => {
  const errorOf = (...args: string[]) => {
    const { code, out } = icmp('ping', ...lab(), '--json', ...args, 'srv')
    const e = events(out).find((x) => x.kind === 'error')
    return { code, from: e?.from, type: e?.type, mtu: e?.mtu }
  }
  expect(errorOf('-c1', '-t1')).toEqual({ code: 1, from: '10.0.0.2', type: 11, mtu: null })
  expect(errorOf('-c1', '-s1450', '-M', 'probe')).toEqual({ code: 1, from: '10.0.0.2', type: 3, mtu: 1400 })
  // What the file says happens at 30 s, happens: replies before, errors after.
  const { code, out } = icmp('ping', ...lab(), '--json', '-c40', 'srv')
  const kinds = events(out).filter((e) => e.kind === 'reply' || e.kind === 'error')
  expect(code).toBe(0)
  expect(kinds.map((e) => e.kind)).toEqual([...Array(30).fill('reply'), ...Array(10).fill('error')])
})

test('icmp ping --lab without a count ends, and says when it would', () => {
  const { code, out, err } = icmp('ping', ...lab(), 'srv')
  expect(code).toBe(0)
  expect(out).toContain('10 packets transmitted, 10 received')
  expect(err).toBe('icmp: a ping in a lab stops after 10 probes a target; -c or -w says otherwise\n')
})

test('icmp ping --lab --pcap writes the packets with the sources that the node chose', () => {
  const capture = join(folder, 'x.pcap')
  expect(icmp('ping', ...lab(), '-c1', '--pcap', capture, 'srv').code).toBe(0)
  const { out } = icmp('decode', capture)
  expect(out).toMatch(/10\.0\.0\.1 > 10\.0\.2\.2: ICMP echo request.*10\.0\.2\.2 > 10\.0\.0\.1: ICMP echo reply/s)
})

test('icmp send --lab: any message, and what it draws', () => {
  const { code, out } = icmp('send', 'srv', ...lab(), '--type', 'timestamp-request', '--json')
  expect(code).toBe(0)
  expect(events(out).map((e) => e.kind)).toEqual(['sent', 'reply', 'summary'])
  expect(events(out)[1]).toMatchObject({ from: '10.0.2.2', type: 14, clock: 'virtual', rttNs: 20_800_000 })
  const lost = icmp('send', '10.0.2.77', ...lab(), '--type', 'timestamp-request', '-W', '1')
  expect(lost).toMatchObject({ code: 1, out: expect.stringContaining('no answer in 1 s') })
})

test('what is wrong is one line on standard error, and exit code 2', () => {
  const wrong = (...args: string[]) => {
    const { code, out, err } = icmp(...args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    return err
  }
  const nodes = 'me, r1, r2, srv'
  expect(wrong('ping', '--lab', file, '--from', 'x', 'srv')).toBe(`${file}: there is no node 'x'; expected ${nodes}\n`)
  expect(wrong('ping', '--lab', file, 'nix')).toBe(
    `${file}: there is no node 'nix'; expected ${nodes}, or an address\n`,
  )
  expect(wrong('send', '--lab', file, 'nix', '--type', '8')).toContain("there is no node 'nix'")
  expect(wrong('ping', '--from', 'me', '127.0.0.1')).toBe(
    'icmp: --from is the node of a lab that asks; expected --lab FILE too\n',
  )
  const broken = join(folder, 'broken.yaml')
  writeFileSync(broken, 'nodes: { me: host, b: host }\nlinks:\n  - [me, b, { delay: 5 }]\n')
  expect(wrong('ping', `--lab=${broken}`, 'b')).toMatch(
    /^\S+broken\.yaml:3:\d+: links\[0\].*5 has no unit; expected a time/,
  )
  expect(wrong('ping', '--lab', file, '--netns', 'x', 'srv')).toContain("'--lab <file>' cannot be used with")
  expect(wrong('ping', '--lab', file, '-I', 'eth7', '-c1', 'srv')).toBe('icmp: there is no interface eth7 here\n')
})

test('a ping of the real network does not load the lab', () => {
  for (const command of ['ping', 'send']) {
    const bundle = readFileSync(join(ROOT, `packages/icmpkit/dist/cli/${command}.js`), 'utf8')
    expect(bundle.includes('expected a network')).toBe(false)
  }
  expect(readFileSync(join(ROOT, 'packages/icmpkit/dist/cli/all.js'), 'utf8')).toContain('expected a network')
})

test('icmp ping --lab --type probe: a node with extendedEcho answers for its interfaces; of another the last line says why not', () => {
  const asked = join(folder, 'probe.yaml')
  const r2 = '{ kind: gateway, extendedEcho: true }'
  writeFileSync(asked, NET.replace('r2: gateway', `r2: ${r2}`))
  const probe = (target: string, face: string) =>
    icmp('ping', '--lab', asked, '-c1', '--type', `probe=${face}`, '--json', target)
  const up = probe('r2', 'eth1')
  expect({ code: up.code, err: up.err }).toEqual({ code: 0, err: '' })
  expect(events(up.out).find((e) => e.kind === 'reply')).toMatchObject({
    answer: { code: 0, active: true, ipv4: true, ipv6: true },
  })
  expect(events(probe('r2', 'eth7').out).find((e) => e.kind === 'reply')).toMatchObject({
    answer: { code: 2 },
  })
  const silent = probe('r1', 'eth1')
  expect(silent.code).toBe(1)
  expect(silent.err).toBe('icmp: a node of a lab answers extended echo where it has extendedEcho: true\n')
})
