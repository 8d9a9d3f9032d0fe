/** What happens to a network at a time: links and nodes go down and up, links change, routes come and go. */
import { expect, test } from 'vitest'
import { type ChangeData, type LabConfig, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { ask, trace } from './traveller.ts'

/** me — r1 — srv's r3 by r2 (short) or by r4 and r5. */
const ring = (at: readonly ChangeData[]): LabConfig => ({
  nodes: { me: 'host', r1: 'gateway', r2: 'gateway', r3: 'gateway', r4: 'gateway', r5: 'gateway', srv: 'host' },
  links: [
    ['me', 'r1'],
    ['r1', 'r2'],
    ['r2', 'r3'],
    ['r3', 'srv'],
    ['r1', 'r4'],
    ['r4', 'r5'],
    ['r5', 'r3'],
  ],
  at,
})
const srv = '10.0.3.2'
const hops = (net: ReturnType<typeof lab>) => trace(net, 'me', { to: srv }).length

test('a link that goes down is gone around, and taken again when it is up', () => {
  const net = lab(
    ring([
      { time: 10_000, down: ['r1', 'r2'] },
      { time: 20_000, up: ['r1', 'r2'] },
    ]),
  )
  expect(hops(net)).toBe(4)
  net.run(10_000)
  expect(net.link('r1-r2').up).toBe(false)
  expect(hops(net)).toBe(5)
  net.run(20_000)
  expect(hops(net)).toBe(4)
})

test('a node that is down neither answers nor forwards; gateways go around it, and its neighbours see no carrier go', () => {
  const net = lab(
    ring([
      { time: 10_000, down: 'r2' },
      { time: 30_000, up: 'r2' },
    ]),
  )
  expect(ask(net, 'me', { to: '10.0.1.2' })).toHaveLength(1)
  net.run(10_000)
  expect(ask(net, 'me', { to: '10.0.1.2' })).toEqual([])
  expect(net.node('r1').node.ports.get(2)!.up).toBe(true)
  expect(hops(net)).toBe(5)
  net.run(30_000)
  expect(ask(net, 'me', { to: '10.0.1.2' })).toHaveLength(1)
  expect(hops(net)).toBe(4)
})

test('a node that is down sends nothing of its own, and does what its timers asked for when it is up again', () => {
  const net = lab({
    nodes: { a: { kind: 'gateway', ip4: { routerAdvertisements: { maxAdvertisementIntervalSeconds: 4 } } }, b: 'host' },
    links: [['a', 'b']],
    at: [
      { time: 60_000, down: 'a' },
      { time: 120_000, up: 'a' },
    ],
  })
  const sent: number[] = []
  net.tap('a-b', (p) => {
    if (p.from === 'a') sent.push(p.time)
  })
  net.run(240_000)
  expect(sent.some((t) => t < 60_000) && sent.some((t) => t >= 120_000)).toBe(true)
  expect(sent.filter((t) => t > 60_000 && t < 120_000)).toEqual([])
})

test('a node may be down from the start', () => {
  const config = ring([{ time: 10_000, up: 'r2' }])
  const net = lab({ ...config, nodes: { ...config.nodes, r2: { kind: 'gateway', up: false } } })
  expect(hops(net)).toBe(5)
  net.run(10_000)
  expect(hops(net)).toBe(4)
})

test('a link changes at a time, in one direction or in both; its MTU is that of its ports', () => {
  const net = lab(
    ring([
      { time: 10_000, change: [['r1', 'r2'], { delay: 50 }] },
      { time: 20_000, change: ['r1-r2', { from: { r1: { delay: 10 } } }] },
      { time: 30_000, change: ['r2-r3', { mtu: 1300 }] },
      { time: 40_000, change: ['r2-r3', { blackHole: 'all' }] },
      { time: 50_000, change: ['r2-r3', { blackHole: 'none' }] },
    ]),
  )
  const trip = () => ask(net, 'me', { to: srv })[0]?.after ?? Number.NaN
  ask(net, 'me', { to: srv })
  // Four links of a tenth of a millisecond each, there and back.
  expect(trip()).toBeCloseTo(0.8, 9)
  net.run(10_000)
  expect(trip()).toBeCloseTo(100.6, 9)
  net.run(20_000)
  expect(trip()).toBeCloseTo(60.6, 9)
  net.run(30_000)
  expect(ask(net, 'me', { to: srv, size: 1350, df: true }).map((a) => [a.type, a.code])).toEqual([[3, 4]])
  net.run(40_000)
  expect(trip()).toBeNaN()
  net.run(50_000)
  expect(trip()).toBeCloseTo(60.6, 9)
})

test('routes come in place of others, and go: a packet takes another way, then none', () => {
  const net = lab(
    ring([
      { time: 10_000, routes: { r1: { '10.0.3.0/24': '10.0.4.2' } } },
      { time: 20_000, routes: { r1: { '10.0.3.0/24': 'prohibit' } } },
      { time: 30_000, routes: { r1: { '10.0.3.0/24': 'none' } } },
    ]),
  )
  expect(hops(net)).toBe(4)
  net.run(10_000)
  expect(hops(net)).toBe(5)
  net.run(20_000)
  expect(ask(net, 'me', { to: srv }).map((a) => [a.from, a.type, a.code])).toEqual([['10.0.0.2', 3, 13]])
  net.run(30_000)
  expect(hops(net)).toBe(4)
})

test('packets go by one way and come by another where routes say so (asymmetric return)', () => {
  const config = ring([])
  const net = lab({
    ...config,
    nodes: { ...config.nodes, r3: { kind: 'gateway', routes: { '10.0.0.0/24': '10.0.6.1' } } },
  })
  const seen: string[] = []
  for (const l of ['r2-r3', 'r5-r3'])
    net.tap(l, (p) => {
      if (p.bytes[p.at + 23] === 1 && p.bytes[p.at + 13] === 0 && p.bytes[p.at + 34]! % 8 === 0)
        seen.push(`${p.from}>${p.to} ${p.bytes[p.at + 34]}`)
    })
  expect(ask(net, 'me', { to: srv })).toHaveLength(1)
  expect(seen).toEqual(['r2>r3 8', 'r3>r5 0'])
})

test('changes that cannot be are refused with their place, before anything happens', () => {
  const refused = (...at: ChangeData[]) => {
    try {
      lab(ring(at))
    } catch (e) {
      return (e as TypeError).message
    }
    return 'taken'
  }
  const there = 'expected me-r1, r1-r2, r2-r3, r3-srv, r1-r4, r4-r5, r5-r3'
  expect(refused({ time: 1, down: ['r1', 'srv'] })).toBe(`lab: at[0].down: no link joins 'r1' and 'srv'; ${there}`)
  expect(refused({ time: 1 }, { time: 2, up: 'r9' })).toBe(
    `lab: at[1].up: there is no link or node 'r9'; ${there}, or a node`,
  )
  expect(refused({ time: -1, up: 'r1' })).toBe('lab: at[0]: time is milliseconds, not -1')
  expect(refused({ time: 1, routes: { x: {} } })).toMatch(
    /^lab: at\[0\]\.routes\.x: there is no node 'x'; expected me, r1/,
  )
  expect(refused({ time: 1, routes: { r1: { '10.0.3.0/24': '192.0.2.1' } } })).toMatch(
    /^lab: at\[0\]\.routes\.r1\.10\.0\.3\.0\/24: no port of it leads to '192\.0\.2\.1'; expected/,
  )
  expect(refused({ time: 1, routes: { r1: { '10.0.3.0': 'none' } } })).toMatch(
    /^lab: at\[0\]\.routes\.r1: '10.0.3.0' is no/,
  )
})
