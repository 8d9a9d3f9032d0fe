import { expect, test } from 'vitest'
import type { Instant } from '../../clock.ts'
import type { Arrival, Slot } from '../../door.ts'
import { Asking } from '../../lab/asking.ts'
import { type Lab, lab } from '../../lab/index.ts'
import type { ScenarioEvent } from '../../lab/scenario-event.ts'
import { hex, unhex } from '../../wire/octets.ts'
import { Crossing } from './crossing.ts'

const BEGAN = 1000
const DOOR = 7

/** Time passes with nothing from outside, a moment after the other. */
function pass(it: Crossing<never>, until: number): void {
  for (let now = BEGAN; now <= until; now += 50) it.catchUp(now as Instant)
  it.catchUp(until as Instant)
}

function crossing(delay = 5): { net: Lab; it: Crossing<never> } {
  const net = lab({
    // A host would ask for routers time and again (RFC 7559).
    nodes: { me: 'host', srv: 'gateway' },
    links: [['me', 'srv', { medium: 'ip', delay }]],
  })
  const it = new Crossing<never>(net, net.node('me'), BEGAN as Instant, [{ lab: 1, door: DOOR, room: 1000 }], () => {})
  return { net, it }
}

/** scapy: IP(src='10.0.0.1', dst='10.0.0.2', id=1)/ICMP(id=1, seq=7). */
const ECHO = unhex('4500001c00010000400166de0a0000010a0000020800f7f700010007')

function arrival(stamp: number, port = DOOR): Arrival {
  const packet = { bytes: ECHO.slice(), at: 0, end: ECHO.length, length: ECHO.length, stamp: stamp as Instant, port }
  return { ...packet, origin: 'wire', link: 'host', checksum: 'unknown', clock: 'user' }
}

function sent(it: Crossing<never>, now: number, port = DOOR): string | undefined {
  const slot: Slot = { bytes: new Uint8Array(2000), at: 8, limit: 2000, end: 0, family: undefined, port, tag: 0 }
  return it.pollTransmit(now as Instant, slot) ? hex(slot.bytes, slot.at, slot.end) : undefined
}

test('a packet enters at the moment of its stamp, and the answer leaves when the lab’s delays are over', () => {
  const { net, it } = crossing(5)
  pass(it, 61_090)
  while (sent(it, 61_090) !== undefined);
  const seen: number[] = []
  net.tap('me-srv', (p) => seen.push(p.time))
  expect(it.handlePacket(61_100.4 as Instant, arrival(61_100.25))).toBe(false)
  expect(it.pollTimeout()).toBeCloseTo(61_105.25, 6)
  it.handleTimeout(61_110.2 as Instant)
  expect(sent(it, 61_110.2)).toBeUndefined()
  expect(it.pollTimeout()).toBeCloseTo(61_110.25, 6)
  it.handleTimeout(61_110.3 as Instant)
  // Addresses swapped, type 0, the checksum 0x0800 more (RFC 1624).
  expect(sent(it, 61_110.3)).toMatch(/^45.{22}0a0000020a0000010000fff700010007$/)
  expect(sent(it, 61_110.3)).toBeUndefined()
  expect(seen.map((t) => Math.round(t * 100) / 100)).toEqual([60_100.25, 60_105.25])
  expect(it.in).toEqual({ packets: 1, octets: ECHO.length })
})

test('a packet that comes while the lab is behind enters at its moment all the same: no answer is sooner than the delays', () => {
  const { net, it } = crossing(40)
  pass(it, 61_000)
  while (sent(it, 61_000) !== undefined);
  const seen: number[] = []
  net.tap('me-srv', (p) => seen.push(Math.round(p.time * 100) / 100))
  // Due at 60,010 of the lab and every ms, and nobody has looked for a tenth of a second.
  for (let t = 0; t < 100; t++) net.at(60_010 + t, () => {})
  it.handlePacket(61_100 as Instant, arrival(61_100))
  it.handlePacket(61_100 as Instant, arrival(61_050))
  expect(seen).toEqual([])
  let left = 0
  for (let now = 61_100; left < 2; now++) {
    while (it.pollTimeout() <= now) it.handleTimeout(now as Instant)
    while (sent(it, now) !== undefined) expect(now).toBeGreaterThanOrEqual([61_130, 61_180][left++]!)
  }
  expect(seen).toEqual([60_050, 60_090, 60_100, 60_140])
  expect(it.in.packets).toBe(2)
})

test('packets that come to a lab that is far behind are bounded, and all of them enter', () => {
  const { net, it } = crossing(1)
  pass(it, 61_000)
  for (let t = 0; t < 400; t++) net.at(60_001 + t, () => {})
  for (let i = 0; i < 10_000; i++) it.handlePacket(61_400 as Instant, arrival(61_400))
  it.catchUp(61_500 as Instant)
  expect(it.in.packets).toBe(10_000)
})

test('a lab in which nothing is due waits for the world alone', () => {
  const { it } = crossing()
  pass(it, BEGAN + 60_000)
  expect(it.pollTimeout()).toBe(Number.POSITIVE_INFINITY)
})

test('of much that is due a slice happens at a time, so that others have their turn', () => {
  const { net, it } = crossing()
  pass(it, BEGAN + 60_000)
  const moments: number[] = []
  for (let t = 0; t < 100; t++) net.at(61_100 + t, () => moments.push(net.now))
  it.handleTimeout((BEGAN + 61_200) as Instant)
  expect(moments).toEqual(Array.from({ length: 11 }, (_, i) => 61_100 + i))
  expect(it.pollTimeout()).toBe(BEGAN + 61_111)
  for (let i = 0; i < 10; i++) it.handleTimeout((BEGAN + 61_200) as Instant)
  expect(moments).toHaveLength(100)
  expect(it).toMatchObject({ late: 100, slipped: 0 })
})

test('a lab that cannot keep up goes slower than the world, by no more than half a second late', () => {
  const { net, it } = crossing()
  pass(it, BEGAN + 60_000)
  const moments: number[] = []
  net.at(61_100, () => moments.push(net.now))
  net.at(61_300, () => moments.push(net.now))
  it.handleTimeout((BEGAN + 65_000) as Instant)
  expect(moments).toEqual([61_100])
  expect(it.slipped).toBe(3400)
  it.handleTimeout((BEGAN + 65_000) as Instant)
  expect(moments).toEqual([61_100, 61_300])
  // 3,400 ms have not been there: 61,700 of the lab is 65,100 of the world.
  net.at(61_700, () => moments.push(net.now))
  expect(it.pollTimeout()).toBe(BEGAN + 61_700 + 3400)
})

test('what asks for the present from inside the lab has it already', () => {
  const { net, it } = crossing()
  let inside = Number.NaN
  net.at(100, () => {
    it.catchUp((BEGAN + 5000) as Instant)
    inside = net.now
  })
  pass(it, BEGAN + 200)
  expect(inside).toBe(100)
  expect(net.now).toBe(200)
})

test('packets that nobody takes are bounded, and those that are too long for the door are dropped', () => {
  const { net, it } = crossing()
  pass(it, BEGAN + 60_000)
  const said = it.out.dropped
  while (sent(it, BEGAN + 60_000) !== undefined);
  const before = { ...it.out }
  net.node('srv').inject(net.now, 1, new Uint8Array(1001))
  it.catchUp((BEGAN + 60_010) as Instant)
  expect(it.out.dropped).toBe(said + 1)
  for (let i = 0; i < 5000; i++) net.node('srv').inject(net.now, 1, ECHO)
  it.catchUp((BEGAN + 60_020) as Instant)
  expect(it.out.dropped).toBe(said + 1 + 5000 - 4096)
  let out = 0
  while (sent(it, BEGAN + 60_020) !== undefined) out++
  expect(out).toBe(4096)
  expect(it.out.packets - before.packets).toBe(4096)
  expect(it.out.octets - before.octets).toBe(4096 * ECHO.length)
})

test('a packet of a port that is not the lab’s, and one of a node that is down, go nowhere', () => {
  const { net, it } = crossing()
  it.handlePacket(1100 as Instant, arrival(1100, DOOR + 1))
  net.node('me').turn(net.now, false)
  it.handlePacket(1100 as Instant, arrival(1100))
  expect(it.in.packets).toBe(0)
  expect(sent(it, 1200, DOOR + 1)).toBeUndefined()
})

test('whoever asks in the lab asks at its moment of the world, is answered after the delays, and holds nothing up', () => {
  const net = lab({
    nodes: { me: 'host', r: 'gateway', srv: 'host' },
    links: [
      ['me', 'r', { medium: 'ip' }],
      ['r', 'srv', { medium: 'ip', delay: 20 }],
    ],
  })
  const told: ScenarioEvent[] = []
  const ask = [
    { from: 'srv', to: 'r', at: 1000, count: 2, interval: 100 },
    { from: 'me', to: 'srv', at: 0 },
  ]
  const asking = new Asking(net, ask, { but: 'me', emit: (e) => void told.push(e) })
  const it = new Crossing<never>(
    asking,
    net.node('me'),
    BEGAN as Instant,
    [{ lab: 1, door: DOOR, room: 1000 }],
    () => {},
  )
  pass(it, 1990)
  expect(told).toEqual([])
  expect(it.pollTimeout()).toBeLessThanOrEqual(2000)
  // All at once, as where the process stood still: each thing happens at its own moment all the same.
  it.catchUp(2400 as Instant)
  expect(told.map((e) => [e.kind, e.time])).toEqual([
    ['sent', '1.000000000'],
    ['reply', '1.040000000'],
    ['sent', '1.100000000'],
    ['reply', '1.140000000'],
  ])
  expect(asking.busy).toBe(false)
  expect(asking.summaries()).toMatchObject([{ from: 'srv', to: 'r', sent: 2, received: 2, lost: 0 }])
})

test('what rounding puts a hair behind the present is waited for, not asked for again and again', () => {
  const net = lab({ nodes: { me: 'host', srv: 'host' }, links: [['me', 'srv']] })
  const began = 1000.1 as Instant
  const it = new Crossing<never>(net, net.node('me'), began, [{ lab: 1, door: DOOR, room: 1000 }], () => {})
  let [happened, hairs] = [0, 0]
  for (let n = 1; n <= 1000; n++) net.at(n * 0.7, () => void happened++)
  for (let n = 1; n <= 1000; n++) {
    const now = (began + n * 0.7) as Instant
    if (now - began < n * 0.7) hairs++
    it.catchUp(now)
    expect(happened).toBeGreaterThanOrEqual(n - 1)
  }
  expect(hairs).toBeGreaterThan(0)
  it.catchUp((began + 701) as Instant)
  expect(happened).toBe(1000)
})
