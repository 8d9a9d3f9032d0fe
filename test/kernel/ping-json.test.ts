/** The contract of `icmp ping --json`, which programs read: kinds, fields, units, and what is on which stream. */
import { expect, test } from 'vitest'
import { type Answer, error, hostile, type Question, reply } from './hostile-host.ts'
import { events, icmp, start } from './icmp-command.ts'
import { sharedPair } from './shared-pair.ts'
import { ip } from './testnet.ts'

const net = sharedPair()

const ABOUT = ['schema', 'kind', 'target', 'address', 'time']
const REPLY = [
  ...ABOUT,
  ...['from', 'seq', 'ttl', 'tos', 'bytes', 'rttNs', 'clock'],
  ...['reordered', 'suspect', 'differsAt', 'route', 'timestamps', 'answer'],
]
const COUNTS = [
  ...['sent', 'received', 'lost', 'late', 'duplicates', 'corrupt', 'foreign', 'reordered', 'errors', 'localDrops'],
  ...['rttNs', 'elapsedNs'],
]
/** Every kind there is, with exactly its fields: one that appears or goes is a new schema. */
const FIELDS: Record<string, readonly string[]> = {
  reply: REPLY,
  late: REPLY,
  duplicate: REPLY,
  corrupt: REPLY,
  timeout: [...ABOUT, 'seq'],
  foreign: [...ABOUT, 'from', 'id', 'seq', 'ttl', 'bytes'],
  error: [
    ...ABOUT,
    ...['origin', 'seq', 'from', 'family', 'type', 'code', 'name', 'meaning'],
    ...['mtu', 'pointer', 'quote', 'extensions'],
  ],
  'local-drop': [...ABOUT, 'seq', 'why', 'count'],
  summary: [...ABOUT, ...COUNTS, 'lossBursts', 'longestLossBurst'],
  total: ['schema', 'kind', 'time', ...COUNTS, 'targets', 'answered', 'unasked', 'ignored', 'stampGaps'],
}
const RTT = ['min', 'avg', 'max', 'mdev', 'p50', 'p90', 'p99', 'jitter']

// biome-ignore lint/suspicious/noExplicitAny: JSON of the command, its fields are what is tested
function checkContract(e: any): void {
  expect(Object.keys(FIELDS)).toContain(e.kind)
  expect(Object.keys(e).sort(), e.kind).toEqual([...FIELDS[e.kind]!].sort())
  expect(e.schema).toBe('icmpkit.ping.v1')
  expect(e.time).toMatch(/^\d{10}\.\d{9}$/)
  const numbers = Object.entries(e).filter(([, v]) => typeof v === 'number')
  for (const [name, v] of numbers) expect(Number.isSafeInteger(v), `${e.kind}.${name} = ${v}`).toBe(true)
  if (e.kind === 'summary' || e.kind === 'total') {
    expect(Object.keys(e.rttNs)).toEqual(RTT)
    for (const v of Object.values(e.rttNs)) expect(v === null || Number.isSafeInteger(v)).toBe(true)
  }
  if (FIELDS[e.kind] === REPLY) {
    expect(['hardware', 'kernel-txrx', 'kernel-rx', 'user']).toContain(e.clock)
    expect(e.rttNs).toBeGreaterThan(0)
  }
}

test('each kind of event has its fields and no others, durations are whole nanoseconds, moments decimal strings', async () => {
  const { a, b } = net
  const answers: ((q: Question) => Answer[])[] = [
    (q) => [{ after: 0, packet: reply(q) }],
    (q) => [{ after: 2500, packet: reply(q) }],
    (q) => [
      { after: 0, packet: reply(q) },
      { after: 1, packet: reply(q) },
    ],
    (q) => [{ after: 0, packet: reply(q, { change: (m) => m.with(40, m[40]! ^ 1) }) }],
    (q) => [{ after: 0, packet: reply(q, { from: ip('192.0.2.3') }) }],
    (q) => [{ after: 0, packet: error(q, 3, 13) }],
    () => [],
  ]
  await hostile(b, 4, (q) => answers[q.n]!(q))
  const done = await icmp(a, ['ping', '--json', '--door', 'raw-socket', '-c7', '-i0.5', '-W1.5', '192.0.2.2'])
  const local = await icmp(a, ['ping', '--json', '-c1', '192.0.2.255'])
  expect(done.err).toBe('')
  const all = [...events(done), ...events(local)]
  all.forEach(checkContract)
  expect(new Set(all.map((e) => e.kind))).toEqual(new Set(Object.keys(FIELDS)))

  const only = (kind: string) => all.filter((e) => e.kind === kind)
  expect(only('reply')).toMatchObject([
    { target: '192.0.2.2', from: '192.0.2.2', seq: 1, ttl: 64, bytes: 64 },
    { seq: 3 },
  ])
  expect(only('late')).toMatchObject([{ seq: 2, reordered: true }])
  expect(only('duplicate')).toMatchObject([{ seq: 3 }])
  expect(only('corrupt')).toMatchObject([{ seq: 4, differsAt: 40 }])
  expect(only('foreign')).toMatchObject([{ target: '192.0.2.2', from: '192.0.2.3', seq: 5 }])
  expect(only('error')).toMatchObject([
    {
      ...{ target: '192.0.2.2', seq: 6, from: '192.0.2.2', family: 4, type: 3, code: 13, origin: 'icmp' },
      ...{ name: 'Communication Administratively Prohibited', mtu: null, pointer: null },
      quote: { ip: { src: '192.0.2.1', dst: '192.0.2.2' }, transport: { kind: 'icmp4', type: 8, seq: 6 } },
    },
  ])
  expect(only('timeout').map((e) => e.seq)).toEqual([2, 5, 7])
  expect(only('local-drop')).toMatchObject([{ target: '192.0.2.255', seq: 1, why: 'not-permitted', count: 1 }])
  expect(only('summary')[0]).toMatchObject({
    ...{ target: '192.0.2.2', sent: 7, received: 3, lost: 4, late: 1, duplicates: 1, corrupt: 1, foreign: 1 },
    ...{ reordered: 1, errors: 1, localDrops: 0 },
  })
  expect(only('summary')[1]).toMatchObject({ sent: 0, lost: 0, localDrops: 1, rttNs: { min: null, p99: null } })
})

test('a local refusal is an error too, with nobody it came from', async () => {
  const { a } = net
  const done = await icmp(a, ['ping', '--json', '-c1', '203.0.113.1', '2001:db8:1::1'])
  const all = events(done)
  all.forEach(checkContract)
  expect(all.filter((e) => e.kind === 'error')).toMatchObject(
    [4, 6].map((family) => ({
      ...{ origin: 'local', family, seq: 1, from: null, type: null, code: null, quote: null },
      name: 'Network is unreachable',
    })),
  )
  expect(done.code).toBe(2)
})

test('there is one summary a target and one total, last', async () => {
  const { a } = net
  const targets = ['192.0.2.2', '2001:db8::2', '192.0.2.77', 'not a name']
  const all = events(await icmp(a, ['ping', '--json', '-c2', '-i0.05', '-W1', ...targets]))
  const summaries = all.filter((e) => e.kind === 'summary')
  expect(summaries.map((e) => e.target).sort()).toEqual([...targets].sort())
  expect(all.filter((e) => e.kind === 'total')).toHaveLength(1)
  const total = all.at(-1)
  expect(total).toMatchObject({ kind: 'total', targets: 4, answered: 2, unasked: 1, sent: 6, received: 4, lost: 2 })
  for (const [i, e] of all.entries()) {
    if (e.kind !== 'summary') continue
    const after = all.slice(i + 1).filter((x) => x.target === e.target)
    expect(after, 'nothing about a target follows its summary').toEqual([])
  }
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends the run with its summaries and total', async (signal) => {
  const { a } = net
  const run = start(a, ['ping', '--json', '-i0.05', '192.0.2.2', '192.0.2.9', '2001:db8::2'])
  await run.until(/"seq":3.*\n/)
  run.signal(signal)
  const done = await run.ended
  expect(done).toMatchObject({ code: 1, signal: null, err: '' })
  const all = events(done)
  all.forEach(checkContract)
  const tail = all.slice(-4)
  expect(tail.map((e) => e.kind)).toEqual(['summary', 'summary', 'summary', 'total'])
  expect(tail[0]).toMatchObject({
    target: '192.0.2.2',
    received: all.filter((e) => e.kind === 'reply' && e.target === '192.0.2.2').length,
  })
  expect(tail[3].sent).toBe(tail[0].sent + tail[1].sent + tail[2].sent)
})

test('standard output holds JSON alone, whatever else there is to say', async () => {
  const { a } = net
  const done = await icmp(a, [
    'ping',
    '--json',
    '-v',
    '-a',
    '-D',
    '-O',
    '-s4',
    '-c2',
    '-i0.05',
    '-W1',
    '192.0.2.2',
    '192.0.2.9',
    'a b',
  ])
  const all = events(done)
  expect(all.filter((e) => e.kind === 'reply')).toHaveLength(2)
  expect(done.err).toContain('IPv4 ping socket')
  expect(done.err).toContain('no room for our token')
})

test('-q leaves of each target its summary, and the total', async () => {
  const { a } = net
  const done = await icmp(a, ['ping', '--json', '-q', '-c2', '-i0.05', '-W0.05', '192.0.2.2', '192.0.2.9'])
  const all = events(done)
  all.forEach(checkContract)
  expect(all.map((e) => e.kind)).toEqual(['summary', 'summary', 'total'])
  expect(all[2]).toMatchObject({ sent: 4, received: 2, lost: 2 })
})

test('an address that belongs to a zone is shown with it (RFC 4007 §11)', async () => {
  const { a } = net
  const all = events(await icmp(a, ['ping', '--json', '-c1', 'fe80::2%eth0']))
  expect(all[0]).toMatchObject({ kind: 'reply', target: 'fe80::2%eth0', address: 'fe80::2%eth0', from: 'fe80::2%eth0' })
  const named = events(await icmp(a, ['ping', '--json', '-c1', '-I', 'eth0', 'fe80::2']))
  expect(named[0]).toMatchObject({ kind: 'reply', target: 'fe80::2', address: 'fe80::2%eth0', from: 'fe80::2%eth0' })
})

test('the time of a reply is when the kernel received it, between the beginning and the end of the run', async () => {
  const { a } = net
  const before = BigInt(Date.now() - 1) * 1_000_000n
  const all = events(await icmp(a, ['ping', '--json', '-c3', '-i0.01', '192.0.2.2']))
  const after = BigInt(Date.now() + 1) * 1_000_000n
  const times = all.filter((e) => e.kind === 'reply').map((e) => BigInt(e.time.replace('.', '')))
  expect(times).toHaveLength(3)
  expect(times.toSorted((x, y) => (x < y ? -1 : 1))).toEqual(times)
  for (const t of times) expect(t > before && t < after).toBe(true)
})
