import { expect, test } from 'vitest'
import { CaptureReader, comments, type Frame } from '../wire/capture.ts'
import { hex } from '../wire/octets.ts'
import type { ScenarioConfig } from './ask.ts'
import { scenario } from './scenario.ts'
import type { PacketEvent } from './scenario-event.ts'
import type { Behaviours, LinkData } from './topology.ts'

/** The comments of echo packets on the link `a-b` that does `what`, by the times that each came. */
function told(what: LinkData, size = 56, count = 20): { comments: string[]; events: PacketEvent[] } {
  const config: ScenarioConfig = {
    nodes: { a: 'host', b: 'host' },
    links: [['a', 'b', { medium: 'ip', ...what }]],
    ask: [{ from: 'a', to: 'b', count, interval: 10, size }],
  }
  const blocks: Uint8Array[] = []
  const events = [...scenario(config, { packets: 'all', states: false, pcap: (b) => void blocks.push(b) })]
  const found: string[] = []
  for (const { frame } of read(blocks))
    if (hex(frame.bytes, frame.at + 9, frame.at + 10) === '01') found.push(...comments(frame))
  return { comments: [...new Set(found)], events: events.filter((e) => e.kind === 'packet') }
}

function* read(blocks: readonly Uint8Array[]): Generator<{ frame: Frame; reader: CaptureReader }> {
  const reader = new CaptureReader()
  for (const b of blocks) reader.push(b)
  reader.end()
  for (let s = reader.next(); s !== 'more'; s = reader.next()) {
    expect(s).toBe('packet')
    yield { frame: reader.frame, reader }
  }
}

test.each<[string, LinkData, string[]]>([
  ['a delay', { delay: 5.3 }, ['a → b, delayed 5.3 ms', 'b → a, delayed 5.3 ms']],
  ['a delay one way', { delay: 0.25, from: { b: { delay: 2 } } }, ['a → b, delayed 0.25 ms', 'b → a, delayed 2 ms']],
  ['random loss', { delay: 1, loss: 1 }, ['a → b, lost (random)']],
  ['bursts of loss', { delay: 1, burstLoss: { enter: 1, leave: 0 } }, ['a → b, lost (bursty)']],
  [
    'both kinds of loss',
    {
      delay: 1,
      loss: 0.4,
      burstLoss: { enter: 0.4, leave: 0.4 },
      from: { b: { loss: 0, burstLoss: { enter: 0, leave: 1 } } },
    },
    ['a → b, lost (random)', 'a → b, delayed 1 ms', 'b → a, delayed 1 ms', 'a → b, lost (bursty)'],
  ],
  ['a black hole of ICMP', { blackHole: 'icmp' }, ['a → b, black hole: icmp']],
  ['a black hole of all', { blackHole: 'all' }, ['a → b, black hole: all']],
  ['a black hole of what is long', { blackHole: { above: 80 } }, ['a → b, black hole: above 80 octets']],
  [
    'copies',
    { delay: 1, duplicate: 1 },
    [
      'a → b, delayed 1 ms',
      'a → b, a second time, delayed 1 ms',
      'b → a, delayed 1 ms',
      'b → a, a second time, delayed 1 ms',
    ],
  ],
  [
    'turned bits',
    { delay: 1, from: { b: { corrupt: 1 } } },
    ['a → b, delayed 1 ms', 'b → a, one bit turned, delayed 1 ms'],
  ],
  [
    'packets that pass others',
    { delay: 1, reorder: 1 },
    ['a → b, past others, delayed 0 ms', 'b → a, past others, delayed 0 ms'],
  ],
])('a comment on each packet says what the lab did to it: %s', (_, what, expected) => {
  expect(told(what).comments).toEqual(expected)
})

test.each<[string, Behaviours, string]>([
  ['a black hole', { blackHole: 'icmp' }, 'r, black hole: icmp'],
  ['a silent router', { silent: 'errors' }, 'r, silent: errors'],
  ['a middlebox', { echoFor: ['10.0.1.0/24'] }, 'r, middlebox: answered in its stead'],
  ['a stuck firewall', { stuckEcho: {} }, 'r, firewall: stuck on another identifier'],
])('what a behaviour of a node takes is told where it is taken: %s', (_, behaviours, expected) => {
  const config: ScenarioConfig = {
    nodes: { a: 'host', r: { kind: 'gateway', behaviours }, b: 'host' },
    links: [
      ['a', 'r'],
      ['r', 'b'],
    ],
    ask: [
      { from: 'a', to: 'b', count: 1 },
      { from: 'a', to: 'b', count: 1, at: 100 },
      { from: 'a', to: '192.0.2.1', count: 1 },
    ],
  }
  const blocks: Uint8Array[] = []
  const events = [...scenario(config, { pcap: (b) => void blocks.push(b) })]
  const found = new Set<string>()
  for (const { frame } of read(blocks)) for (const c of comments(frame)) if (!c.includes('→')) found.add(c)
  expect([...found]).toEqual([expected])
  const taken = events.find((e) => e.kind === 'packet' && e.fate === 'taken')
  expect(taken).toMatchObject({ node: 'r', to: null, did: expected.slice('r, '.length) })
})

test('a full queue is told, and how long those that fit in waited', () => {
  const { comments: found } = told({ delay: 1, rate: 8000, queue: 5 })
  expect(found).toContain('a → b, dropped: the queue is full')
  // 84 octets at a thousand a second, and those before them.
  const waited = found.flatMap((c) => /^a → b, delayed ([\d.]+) ms$/.exec(c)?.[1] ?? []).map(Number)
  expect(Math.min(...waited)).toBeGreaterThanOrEqual(85)
  expect(Math.max(...waited)).toBeGreaterThan(300)
})

test('an interface for each link, stamps of virtual time, the octets as they entered the link', () => {
  const config: ScenarioConfig = {
    epoch: 1_000_000_000_000_000_000n,
    nodes: { a: 'host', r: 'gateway', b: 'host' },
    links: [
      ['a', 'r', { medium: 'ip', delay: 1.5 }],
      ['r', 'b'],
    ],
    ask: [{ from: 'a', to: 'b', count: 1, at: 250 }],
  }
  const blocks: Uint8Array[] = []
  for (const _ of scenario(config, { pcap: (b) => void blocks.push(b) }));
  const seen: string[] = []
  for (const { frame: f, reader } of read(blocks)) {
    const { name, linkType } = reader.interfaces[f.port]!
    const ttl = linkType === 101 ? f.bytes[f.at + 8] : f.bytes[f.at + 22]
    const echo =
      linkType === 101 ? hex(f.bytes, f.at + 9, f.at + 10) === '01' : hex(f.bytes, f.at + 12, f.at + 14) === '0800'
    if (echo) seen.push(`${f.seconds}.${f.nanoseconds} ${name} ${linkType} ttl ${ttl}`)
  }
  expect(seen).toEqual([
    '1000000000.250000000 a-r 101 ttl 64',
    // Behind ARP, a tenth of a millisecond each way.
    '1000000000.251700000 r-b 1 ttl 63',
    '1000000000.251800000 r-b 1 ttl 64',
    '1000000000.251900000 a-r 101 ttl 63',
  ])
})

test('what a segment brings to many is one packet, with a comment of each', () => {
  const config: ScenarioConfig = {
    nodes: { a: 'host', b: 'host', c: 'host' },
    links: [['a', 'b', 'c', { delay: 1 }]],
    ask: [{ from: 'a', to: 'b', count: 1 }],
  }
  const blocks: Uint8Array[] = []
  for (const _ of scenario(config, { pcap: (b) => void blocks.push(b) }));
  const arp: string[][] = []
  for (const { frame: f } of read(blocks)) if (hex(f.bytes, f.at + 12, f.at + 14) === '0806') arp.push(comments(f))
  expect(arp).toEqual([['a → b, delayed 1 ms; a → c, delayed 1 ms'], ['b → a, delayed 1 ms']])
})

test('packets as events: who to whom, what became of it, and what it was; without all, only what befell some', () => {
  const { events } = told({ delay: 2, from: { b: { loss: 1 } } }, 56, 1)
  expect(events.filter((e) => e.packet.includes('echo'))).toEqual([
    {
      kind: 'packet',
      time: '0.000000000',
      node: 'a',
      to: 'b',
      link: 'a-b',
      fate: 'carried',
      delayNs: 2_000_000,
      octets: 84,
      did: 'delayed 2 ms',
      packet: expect.stringMatching(/^IP 10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo request, id \d+, seq 1, length 64$/),
    },
    {
      kind: 'packet',
      time: '0.002000000',
      node: 'b',
      to: 'a',
      link: 'a-b',
      fate: 'lost',
      delayNs: null,
      octets: 84,
      did: 'lost (random)',
      packet: expect.stringMatching(/^IP 10\.0\.0\.2 > 10\.0\.0\.1: ICMP echo reply, id \d+, seq 1, length 64$/),
    },
  ])
  const some = scenario({
    nodes: { a: 'host', b: 'host' },
    links: [['a', 'b', { medium: 'ip', from: { b: { loss: 1 } } }]],
    ask: [{ from: 'a', to: 'b', count: 1 }],
  })
  expect([...some].flatMap((e) => (e.kind === 'packet' && e.packet.includes('echo') ? [e.fate] : []))).toEqual(['lost'])
})

test('a capture has every packet, those with which the nodes begin among them', () => {
  const config: ScenarioConfig = {
    nodes: { a: 'host', r: 'gateway', b: 'host' },
    links: [
      ['a', 'r', { loss: 0.2 }],
      ['r', 'b', { medium: 'ip' }],
    ],
    ask: [{ from: 'a', to: 'b', count: 3, interval: 10 }],
  }
  const blocks: Uint8Array[] = []
  const s = scenario(config, { packets: 'all', pcap: (b) => void blocks.push(b) })
  const told = [...s].filter((e) => e.kind === 'packet')
  const captured = [...read(blocks)]
  const counted = s.lab.links.flatMap((l) => Object.values(l.counts)).reduce((sum, n) => sum + n, 0)
  expect(captured.length).toBeGreaterThan(10)
  expect([captured.length, told.length]).toEqual([counted, counted])
  expect(
    told
      .filter((e) => e.time === '0.000000000')
      .map((e) => e.packet)
      .join(),
  ).toMatch(/multicast listener report/)
})
