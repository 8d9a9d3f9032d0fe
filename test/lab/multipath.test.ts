/** Routes of equal cost in the lab: per flow by the fields that tell flows apart, and per packet (RFC 2991, RFC 6438). */
import { expect, test } from 'vitest'
import { type Behaviours, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { ask, type Question } from './traveller.ts'

const MIDDLES = ['m1', 'm2', 'm3', 'm4']

/** me — r — m1 … m4 — s — srv. */
function fan(ecmp: Behaviours['ecmp'], seed = 1) {
  return lab({
    seed,
    nodes: {
      me: 'host',
      r: { kind: 'gateway', behaviours: ecmp === undefined ? {} : { ecmp } },
      ...Object.fromEntries(MIDDLES.map((m) => [m, 'gateway'])),
      s: 'gateway',
      srv: 'host',
    },
    links: [['me', 'r'], ['srv', 's'], ...MIDDLES.map((m) => ['r', m]), ...MIDDLES.map((m) => [m, 's'])],
  })
}
const srv = '10.0.1.1'
const srv6 = '2001:db8:0:1::1'

/** Which of the middle nodes each question went by. */
function ways(ecmp: Behaviours['ecmp'], questions: readonly Partial<Question>[], seed?: number): string[] {
  const net = fan(ecmp, seed)
  const seen: string[] = []
  for (const m of MIDDLES)
    net.tap(`r-${m}`, (p) => {
      const upper = p.bytes[p.at + 12] === 8 && p.bytes[p.at + 13] === 0 ? p.bytes[p.at + 23] : p.bytes[p.at + 20]
      const type = p.bytes[p.at + (p.bytes[p.at + 13] === 0 ? 34 : 54)]
      if (p.from === 'r' && (upper === 17 || type === 8 || type === 128)) seen.push(m)
    })
  for (const q of questions) ask(net, 'me', { to: srv, ...q }, 10)
  return seen
}
const many = (make: (i: number) => Partial<Question>) => Array.from({ length: 60 }, (_, i) => make(i))
const kinds = (seen: string[]) => new Set<string>(seen).size

test('without it all take one way', () => {
  expect(
    kinds(
      ways(
        undefined,
        many((i) => ({ id: i, kind: i % 2 === 0 ? 'echo' : 'udp', dport: 33434 + i })),
      ),
    ),
  ).toBe(1)
})

test('per flow one flow keeps its way, and many flows share all ways about evenly', () => {
  const one = ways(
    'flow',
    many((i) => ({ kind: 'udp', seq: i })),
  )
  expect([one.length, kinds(one)]).toEqual([60, 1])
  const seen = ways(
    'flow',
    many((i) => ({ kind: 'udp', dport: 33434 + i })),
  )
  const counts = MIDDLES.map((m) => seen.filter((s) => s === m).length)
  expect(Math.min(...counts)).toBeGreaterThan(5)
  expect(Math.max(...counts)).toBeLessThan(28)
})

test('a field that is not hashed tells no flows apart', () => {
  expect(
    kinds(
      ways(
        ['addresses'],
        many((i) => ({ kind: 'udp', dport: 33434 + i, sport: 1000 + i })),
      ),
    ),
  ).toBe(1)
  expect(
    kinds(
      ways(
        ['addresses', 'ports'],
        many((i) => ({ id: i })),
      ),
    ),
  ).toBe(1)
  expect(
    kinds(
      ways(
        ['addresses', 'icmp-id'],
        many((i) => ({ seq: i })),
      ),
    ),
  ).toBe(1)
})

test('ports, the echo identifier, the ICMP checksum and the flow label each tell flows apart where they are hashed', () => {
  expect(
    kinds(
      ways(
        ['ports'],
        many((i) => ({ kind: 'udp', sport: 1000 + i })),
      ),
    ),
  ).toBe(4)
  expect(
    kinds(
      ways(
        ['icmp-id'],
        many((i) => ({ id: i })),
      ),
    ),
  ).toBe(4)
  // What Paris traceroute holds still, and an ordinary one changes with its sequence numbers.
  expect(
    kinds(
      ways(
        ['icmp-checksum'],
        many((i) => ({ seq: i })),
      ),
    ),
  ).toBe(4)
  expect(
    kinds(
      ways(
        ['flow-label'],
        many((i) => ({ to: srv6, flowLabel: i })),
      ),
    ),
  ).toBe(4)
  expect(
    kinds(
      ways(
        ['flow-label'],
        many((i) => ({ to: srv6, id: i, flowLabel: 7 })),
      ),
    ),
  ).toBe(1)
})

test('the protocol tells flows apart where it is hashed', () => {
  // Two protocols: two ways with most seeds.
  const both = [...many(() => ({})), ...many(() => ({ kind: 'udp' as const }))]
  const seeds = Array.from({ length: 8 }, (_, i) => i + 1)
  const split = (fields: Behaviours['ecmp']) => seeds.map((seed) => kinds(ways(fields, both.slice(58, 62), seed)))
  expect(Math.max(...split(['protocol']))).toBe(2)
  expect(Math.max(...split(['addresses']))).toBe(1)
})

test('per packet each takes the next way, whatever it is', () => {
  const seen = ways(
    'packet',
    many(() => ({})),
  )
  expect(seen.slice(0, 5)).toEqual(['m1', 'm2', 'm3', 'm4', 'm1'])
  expect(
    ways(
      'packet',
      many(() => ({ to: srv6 })),
    ).slice(0, 5),
  ).toEqual(['m1', 'm2', 'm3', 'm4', 'm1'])
})

test('the fragments of a datagram stay together', () => {
  const net = fan('flow')
  const by: string[] = []
  for (const m of MIDDLES)
    net.tap(`r-${m}`, (p) => {
      if (p.from === 'r' && p.bytes[p.at + 13] === 0 && p.bytes[p.at + 23] === 17) by.push(m)
    })
  // 60 datagrams of many flows in two fragments each.
  for (let i = 0; i < 60; i++) ask(net, 'me', { to: srv, kind: 'udp', dport: 40_000 + i, size: 2000, seq: i }, 10)
  expect(by).toHaveLength(120)
  for (let i = 0; i < by.length; i += 2) expect(by[i]).toBe(by[i + 1])
})

test('a way that is down is none of them', () => {
  const net = fan('packet')
  net.change('r-m2', { up: false })
  const by: string[] = []
  for (const m of MIDDLES)
    net.tap(`r-${m}`, (p) => {
      if (p.from === 'r' && p.bytes[p.at + 34] === 8 && p.bytes[p.at + 23] === 1) by.push(m)
    })
  for (let i = 0; i < 6; i++) expect(ask(net, 'me', { to: srv, seq: i })).toHaveLength(1)
  expect(by).toEqual(['m1', 'm3', 'm4', 'm1', 'm3', 'm4'])
})

test('routes that are given may be of equal cost, too', () => {
  const net = lab({
    nodes: {
      me: 'host',
      r: {
        kind: 'gateway',
        makeRoutes: false,
        routes: { '203.0.113.0/24': ['10.0.1.2', '10.0.2.2'] },
        behaviours: { ecmp: 'packet' },
      },
      a: { kind: 'gateway', makeRoutes: false },
      b: { kind: 'gateway', makeRoutes: false },
    },
    links: [
      ['me', 'r'],
      ['r', 'a'],
      ['r', 'b'],
    ],
  })
  const by: string[] = []
  for (const l of ['r-a', 'r-b'])
    net.tap(l, (p) => {
      if (p.from === 'r' && p.bytes[p.at + 34] === 8) by.push(l)
    })
  for (let i = 0; i < 4; i++) ask(net, 'me', { to: '203.0.113.9', seq: i })
  expect(by).toEqual(['r-a', 'r-b', 'r-a', 'r-b'])
  by.length = 0
  net.change('r-a', { up: false })
  for (let i = 0; i < 4; i++) ask(net, 'me', { to: '203.0.113.9', seq: i })
  expect(by).toEqual(['r-b', 'r-b', 'r-b', 'r-b'])
})

test('gateways differ in their hash: another seed, another split', () => {
  const questions = many((i) => ({ kind: 'udp', dport: 33434 + i }))
  expect(ways('flow', questions, 1)).toEqual(ways('flow', questions, 1))
  expect(ways('flow', questions, 1)).not.toEqual(ways('flow', questions, 2))
})
