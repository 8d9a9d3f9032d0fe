import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, type TestContext, test } from 'vitest'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { ROOT } from './source.ts'

function run(name: string, ...args: string[]): string {
  const all = [resolve(ROOT, 'examples', name), ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8', cwd: ROOT, timeout: 100_000 })
  expect({ status, stderr }, name).toEqual({ status: 0, stderr: '' })
  return stdout
}

test("the README's two pieces of code are examples/ping.ts and examples/codec.ts", () => {
  const readme = readFileSync(resolve(ROOT, 'README.md'), 'utf8')
  const code = [...readme.matchAll(/```ts\n(.*?)```/gs)].map((m) => m[1])
  expect(code).toEqual(['ping.ts', 'codec.ts'].map((f) => readFileSync(resolve(ROOT, 'examples', f), 'utf8')))
})

test('examples/ping.ts pings this machine', (ctx: TestContext) => {
  const range = readFileSync('/proc/sys/net/ipv4/ping_group_range', 'utf8').split(/\s+/).map(Number)
  const gid = process.getgid?.() ?? -1
  if (process.getuid?.() !== 0 && !(gid >= range[0]! && gid <= range[1]!))
    ctx.skip('skipped, because this user may not open ping sockets (sysctl net.ipv4.ping_group_range="0 2147483647")')
  expect(run('ping.ts')).toMatch(/^(127\.0\.0\.1 [\d.]+ ms [a-z-]+\n){3}$/)
})

test('examples/codec.ts reads an echo request and says what it is', () => {
  expect(run('codec.ts')).toMatch(/kind: 'echoRequest'.*id: 1,.*seq: 1,.*A ping/s)
})

test('examples/port-unreachable.ts makes the message that it then reads', () => {
  const [octets, quote, extensions] = run('port-unreachable.ts').split('\n')
  expect(octets).toMatch(/^0303[0-9a-f]{4}00200000450000/)
  expect(quote).toMatch(/^ok \{"ip":\{"kind":"ip4".*"dst":"192\.0\.2\.7".*"dstPort":33434/)
  expect(JSON.parse(extensions!)).toMatchObject({ objects: [{ entries: [{ label: 100, ttl: 64 }] }], checksum: 'ok' })
})

test('examples/errors-in-capture.ts counts the errors of a capture that scapy made', () => {
  const corpus = readFileSync(resolve(ROOT, 'test/fuzz/seeds.tsv'), 'utf8').split('\n')
  const seed = corpus.find((l) => l.startsWith('capture\t') && l.endsWith('\tpcap < microseconds'))!
  const folder = mkdtempSync(join(tmpdir(), 'icmpkit-example-'))
  try {
    const file = join(folder, 'x.pcap')
    writeFileSync(file, unhex(seed.split('\t')[1]!))
    expect(run('errors-in-capture.ts', file)).toMatch(/^1 × Port Unreachable: .+\.\n$/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('examples/feel-icmp.ts hears of a closed port, and of a narrower link', () => {
  expect(run('feel-icmp.ts')).toBe(
    '1 octets: 198.51.100.2 says type 3 code 3 mtu 0\n1400 octets: 192.0.2.1 says type 3 code 4 mtu 1300\n',
  )
})

test('examples/rehearse-outage.ts: who is behind a NAT learns of it as well, a little later', () => {
  expect(run('rehearse-outage.ts')).toMatch(
    /^ws: shop is offline, a new disk, after 5(\.\d+)? ms\npc: shop is offline, a new disk, after 13(\.\d+)? ms\n2 of 2 know\n$/,
  )
})
