import { expect, test } from 'vitest'
import type { Instant } from '../clock.ts'
import { parseIp } from '../wire/addr.ts'
import { unhex } from '../wire/octets.ts'
import { lab } from './lab.ts'
import type { Passing } from './link.ts'
import type { LinkData } from './topology.ts'

/** By then nodes have said of themselves what they say. */
const QUIET = 100_000

/** Sends `packets` packets of `octets` from a, `gap` milliseconds apart; what the link did. */
function flood(data: LinkData, packets: number, { octets = 1000, gap = 1, seed = 1 } = {}) {
  const net = lab({ seed, nodes: { a: 'host', b: 'host' }, links: [['a', 'b', { medium: 'ip', delay: 10, ...data }]] })
  const seen: (Omit<Passing, 'bytes'> & { id: number })[] = []
  net.tap('a-b', ({ bytes, ...p }) => {
    // What nodes say of themselves is IPv6.
    if (p.from === 'a' && bytes[p.at] === 0x45)
      seen.push({
        ...p,
        time: (p.time - QUIET) as Instant,
        arrives: (p.arrives - QUIET) as Instant,
        id: (bytes[p.at + 4]! << 8) | bytes[p.at + 5]!,
      })
  })
  const packet = new Uint8Array(octets)
  // To nobody: version 4, a length, an identification.
  packet.set([0x45, 0, octets >> 8, octets & 255])
  for (let i = 0; i < packets; i++) {
    packet[4] = i >> 8
    packet[5] = i & 255
    net.run(QUIET + i * gap)
    net.node('a').inject(net.now, 1, packet)
  }
  net.run(2 * QUIET)
  const count = (fate: string) => seen.filter((p) => p.fate === fate).length
  return { seen, net, count, arrived: seen.filter((p) => !Number.isNaN(p.arrives)).length }
}

test('every packet arrives after the delay where nothing else is asked of the link', () => {
  const { seen } = flood({}, 100)
  expect(seen.every((p) => p.fate === 'carried' && p.arrives - p.time === 10)).toBe(true)
  expect(seen).toHaveLength(100)
})

test('a tenth is lost where a tenth is to be lost, others of another seed, and the same of the same', () => {
  const lost = (seed: number) =>
    flood({ loss: 0.1 }, 5000, { seed }).seen.flatMap((p) => (p.fate === 'lost' ? [p.id] : []))
  const first = lost(1)
  expect(Math.abs(first.length - 500)).toBeLessThan(100)
  expect(lost(1)).toEqual(first)
  expect(lost(2)).not.toEqual(first)
})

test('jitter stays in its bounds, and no packet passes another by it', () => {
  const { seen } = flood({ jitter: 8 }, 1000)
  const delays = seen.map((p) => p.arrives - p.time)
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(2)
  expect(Math.max(...delays)).toBeLessThanOrEqual(18)
  expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(12)
  for (const [i, p] of seen.entries()) if (i > 0) expect(p.arrives).toBeGreaterThanOrEqual(seen[i - 1]!.arrives)
})

test('what is reordered passes what was sent before it', () => {
  const { seen } = flood({ reorder: 0.2 }, 1000)
  const early = seen.filter((p) => p.fate === 'reordered')
  expect(Math.abs(early.length - 200)).toBeLessThan(60)
  expect(early.every((p) => p.arrives === p.time)).toBe(true)
})

test('what is duplicated comes twice', () => {
  const { count, arrived, net } = flood({ duplicate: 0.5 }, 1000)
  expect(count('duplicated')).toBe(arrived - 1000)
  expect(Math.abs(arrived - 1500)).toBeLessThan(80)
  expect(net.node('b').node.counters.received).toBeGreaterThanOrEqual(arrived)
})

test('a rate spaces packets by the time that their octets take; what the queue has no room for is dropped', () => {
  // 1,000 octets at 8 Mbit/s take a millisecond.
  const spaced = flood({ rate: 8e6 }, 5, { gap: 0 })
  expect(spaced.seen.map((p) => p.arrives)).toEqual([11, 12, 13, 14, 15])
  const full = flood({ rate: 8e6, queue: 3 }, 10, { gap: 0.5 })
  expect(full.seen.map((p) => p.fate === 'queue-full')).toEqual([0, 0, 0, 0, 0, 1, 0, 1, 0, 1].map(Boolean))
})

test('a packet larger than the MTU goes no further, though its sender would send it', () => {
  const { seen } = flood({ mtu: 999 }, 1)
  expect(seen.map((p) => p.fate)).toEqual(['too-big'])
})

test('a link that is down carries nothing, and its nodes know', () => {
  const { net, seen } = flood({ up: false }, 3)
  expect(seen.map((p) => p.fate)).toEqual(['down', 'down', 'down'])
  expect(net.node('a').node.ports.get(1)!.up).toBe(false)
  net.change('a-b', { up: true })
  expect(net.node('a').node.ports.get(1)!.up).toBe(true)
})

test('a corrupted packet differs in one bit when it arrives', () => {
  const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b', { medium: 'ip', corrupt: 1 }]] })
  const got: Uint8Array[] = []
  net.node('b').replace(net.now, {
    receive: (_now, _port, bytes, at, end) => void got.push(bytes.slice(at, end)),
    changePort: () => {},
  })
  net.run(QUIET)
  got.length = 0
  for (let i = 0; i < 50; i++) net.node('a').inject(net.now, 1, new Uint8Array(100))
  net.run(QUIET + 10)
  const bits = got.map((p) => p.reduce((n, octet) => n + [...octet.toString(2)].filter((c) => c === '1').length, 0))
  expect(bits).toEqual(Array(50).fill(1))
  expect(new Set<number>(got.map((p) => p.findIndex((o) => o !== 0))).size).toBeGreaterThan(20)
})

test('no more than a bound is on the way: a flood over a slow link drops, and costs no more memory', () => {
  const { net } = flood({ delay: 1e9 }, 0)
  const packet = new Uint8Array(20)
  for (let i = 0; i < 70_000; i++) net.node('a').inject(net.now, 1, packet)
  expect(net.link('a-b').flying).toBe(65_536)
  expect(net.link('a-b').counts['queue-full']).toBeGreaterThanOrEqual(70_000 - 65_536)
})

test('on a segment of three, a frame for one reaches that one, a broadcast both', () => {
  const net = lab({ nodes: { a: 'host', b: 'host', c: 'host' }, links: [['a', 'b', 'c']] })
  net.run(10_000)
  const to: string[] = []
  net.tap('a-b-c', (p) => {
    if (p.bytes[p.at + 13] === 0x77) to.push(p.to)
  })
  const frame = new Uint8Array(60)
  frame.set(net.node('c').node.ports.get(1)!.mac)
  frame.set([0x88, 0x77], 12)
  net.node('a').inject(net.now, 1, frame)
  expect(to).toEqual(['c'])
  frame.fill(0xff, 0, 6)
  net.node('a').inject(net.now, 1, frame)
  expect(to).toEqual(['c', 'b', 'c'])
})

test('what a node sends may be treated otherwise than what it is sent: another delay, loss, rate', () => {
  const net = lab({
    nodes: { a: 'host', b: 'host' },
    links: [['a', 'b', { medium: 'ip', delay: 10, from: { b: { delay: 40, loss: 1 } } }]],
  })
  net.run(QUIET)
  const seen: string[] = []
  net.tap('a-b', (p) => seen.push(`${p.from} ${p.fate} ${p.arrives - p.time}`))
  for (const n of ['a', 'b']) net.node(n).inject(net.now, 1, new Uint8Array(20))
  net.change('a-b', { from: { b: { loss: 0 } } })
  net.node('b').inject(net.now, 1, new Uint8Array(20))
  net.change('a-b', { delay: 5 })
  net.node('b').inject(net.now, 1, new Uint8Array(20))
  // The last does not pass the one before it.
  expect(seen).toEqual(['a carried 10', 'b lost NaN', 'b carried 40', 'b carried 40'])
  expect([net.link('a-b').direction('a')!.delay, net.link('a-b').direction('b')!.delay]).toEqual([5, 5])
})

test('loss in bursts: as many as the two states say, and in runs as long as they say (Gilbert, Elliott)', () => {
  const { seen } = flood({ burstLoss: { enter: 0.02, leave: 0.25 } }, 40_000)
  const lost = seen.map((p) => p.fate === 'lost')
  // In the bad state for 0.02 / (0.02 + 0.25) of the time, and four packets at a time.
  const share = lost.filter(Boolean).length / lost.length
  expect(share).toBeGreaterThan(0.064)
  expect(share).toBeLessThan(0.084)
  const runs = lost.filter((l, i) => l && !lost[i - 1]).length
  expect((share * lost.length) / runs).toBeGreaterThan(3.6)
  expect((share * lost.length) / runs).toBeLessThan(4.4)
})

test('inside a burst some may pass, and outside some may be lost', () => {
  const share = (burstLoss: LinkData['burstLoss'] & {}) => flood({ burstLoss }, 20_000).count('lost') / 20_000
  expect(Math.abs(share({ enter: 1, leave: 0, inside: 0.4 }) - 0.4)).toBeLessThan(0.02)
  expect(Math.abs(share({ enter: 0, leave: 1, inside: 1, outside: 0.1 }) - 0.1)).toBeLessThan(0.02)
})

test('each direction of a link has bursts of its own', () => {
  const { net } = flood({ from: { a: { burstLoss: { enter: 1, leave: 0 } } } }, 0)
  for (let i = 0; i < 50; i++) for (const n of ['a', 'b']) net.node(n).inject(net.now, 1, new Uint8Array(20))
  expect(net.link('a-b').counts.lost).toBeGreaterThanOrEqual(50)
  expect(net.link('a-b').counts.lost).toBeLessThan(80)
})

// An echo request, and a datagram of UDP, as scapy makes them; and a neighbour solicitation.
const PACKETS = {
  echo: '4500001c000100004001665e0a0000010a0000020800f7fe00010000',
  udp: '4500001c0001000040116 64e0a0000010a00000200350035000897ed',
  echo6: '6000000000083a4020010db800000000000000000000000120010db8000000000000000000000002800024420001 0000',
  solicitation:
    '6000000000183aff fe8000000000000000000000000000 01 ff0200000000000000000001ff000002 8700 0000 00000000 20010db8000000000000000000000002',
}

test('a link that is a black hole of everything, of ICMP, or of what is big swallows that, and no neighbour discovery', () => {
  const swallowed = (blackHole: LinkData['blackHole'] & {}) => {
    const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b', { medium: 'ip', blackHole }]] })
    net.run(QUIET)
    const seen: string[] = []
    net.tap('a-b', (p) => {
      if (p.from === 'a') seen.push(p.fate)
    })
    for (const packet of Object.values(PACKETS)) net.node('a').inject(net.now, 1, unhex(packet))
    return Object.keys(PACKETS).filter((_, i) => seen[i] === 'swallowed')
  }
  expect(swallowed('none')).toEqual([])
  expect(swallowed('all')).toEqual(['echo', 'udp', 'echo6'])
  expect(swallowed('icmp')).toEqual(['echo', 'echo6'])
  expect(swallowed({ above: 28 })).toEqual(['echo6', 'solicitation'])
  expect(swallowed({ above: 64 })).toEqual([])
})

test('ARP passes through a black hole: its neighbours know each other', () => {
  const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b', { blackHole: 'all' }]] })
  const fates = new Map<number, string>()
  net.tap('a-b', (p) => {
    if (p.from === 'a') fates.set((p.bytes[p.at + 12]! << 8) | p.bytes[p.at + 13]!, p.fate)
  })
  const { udp } = net.node('a').node.transport
  udp.bind({ family: 4 }).send(net.now, new Uint8Array(1), { address: parseIp('10.0.0.2')!, port: 7 })
  net.run(100)
  expect([fates.get(0x0806), fates.get(0x0800)]).toEqual(['carried', 'swallowed'])
})
