import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packet } from '../../../../test/notice/notice-packets.ts'
import { datagram, LOOPBACK, Scene, SHOP, target, WEB } from '../../../../test/notice/scene.ts'
import type { Instant } from '../clock.ts'
import type { NotifierOptions } from './notifier.ts'

const at = (ms: number) => ms as Instant
const WALL = 1_800_000_000

/** Workstations of both families, one with options in its header, one by loopback, one on a link. */
function busy(options: Partial<NotifierOptions> = {}): Scene {
  const s = new Scene(options, [SHOP, WEB])
  s.confirm(packet('in4'), packet('out4'))
  s.confirm(packet('in6'), packet('out6'))
  s.confirm(datagram('127.0.0.1', 9, '127.0.0.1', 5000), datagram('127.0.0.1', 5000, '127.0.0.1', 9), {
    port: LOOPBACK,
  })
  s.confirm(datagram('fe80::7', 9, 'fe80::1', 5000), datagram('fe80::1', 5000, 'fe80::7', 9), { port: 3 })
  return s
}

/** A notifier begun `seconds` after the snapshot, its own clock at 5 ms. */
function restarted(octets: Uint8Array, seconds: number, options: Partial<NotifierOptions> = {}): Scene {
  const s = new Scene({ wall: (now) => WALL + seconds + Math.floor(now / 1000), ...options }, [SHOP, WEB])
  s.now = at(5)
  expect(s.notifier.restore(s.now, octets)).toBe('ok')
  return s
}

const ALL = ['198.51.100.7 40000', '127.0.0.1 9', '2001:db8:7::7 40000', 'fe80::7 9']

test('workstations outlive a restart, and are told of an outage afterwards', () => {
  const s = busy()
  const t = restarted(s.notifier.snapshot(s.now), 10)
  t.run(1000)
  t.notifier.offline(t.now, 'shop')
  expect(t.collect().map(target)).toEqual(ALL)
})

test('time goes on while nobody runs: who was silent for longer than firewalls remember is left out', () => {
  const s = busy()
  s.run(100_000)
  s.give(packet('in4'))
  const t = restarted(s.notifier.snapshot(s.now), 100 + 60, { wall: (now) => WALL + 160 + now / 1000 })
  t.notifier.offline(t.now, 'shop')
  expect(t.collect().map(target)).toEqual(['198.51.100.7 40000'])
})

test('a program that was down is down, and whoever was told of that is not told again', () => {
  const s = busy({ repeatAfter: 0 })
  s.notifier.offline(s.now, 'shop', { reason: 'flood', backAt: 1_800_009_999 })
  expect(s.run(2000)).toHaveLength(4)
  const t = restarted(s.notifier.snapshot(s.now), 12)
  expect(t.run(60_000)).toEqual([])
  expect(t.events).toEqual([])
  expect(t.notifier.status(t.now)[0]).toMatchObject({ state: 'offline', reason: 'flood', backAt: 1_800_009_999 })
  expect(t.notifier.status(at(5))[0]!.downMs).toBe(12_000)
  t.notifier.back(t.now, 'shop')
  expect(t.last('back')).toMatchObject({ state: 'offline', downNs: 12_000e6 + 60_000e6 - 5e6 })
})

test('a drain asks for its rule again, and a program that is gone is looked at', () => {
  const s = busy()
  s.notifier.drain(s.now, 'web')
  s.holders.set('shop', 0)
  s.notifier.sign(s.now, 'shop', { kind: 'lost' })
  s.run(1000)
  const t = restarted(s.notifier.snapshot(s.now), 2)
  t.holders.set('shop', 0)
  t.run(100)
  expect(t.requests).toContainEqual({ kind: 'reject', program: 'web', on: true })
  expect(t.requests).toContainEqual({ kind: 'recheck', program: 'shop' })
  expect(t.notifier.status(t.now).map((p) => p.state)).toEqual(['gone', 'draining'])
  t.holders.set('shop', 1)
  t.run(1000)
  expect(t.last('back')).toMatchObject({ program: 'shop', state: 'gone' })
})

test('a program that ended while nobody looked is found out, and its workstations are told', () => {
  const s = busy()
  const t = restarted(s.notifier.snapshot(s.now), 3)
  t.holders.set('shop', 0)
  expect(t.run(2000).map(target).slice(0, 4)).toEqual(ALL)
  expect(t.last('outage')).toMatchObject({ state: 'gone', sent: 4 })
})

test('who was told lately is not told again after a restart either', () => {
  const s = busy({ repeatAfter: 0 })
  s.notifier.offline(s.now, 'shop')
  s.collect()
  s.notifier.back(s.now, 'shop')
  const t = restarted(s.notifier.snapshot(s.now), 10)
  t.notifier.offline(t.now, 'shop')
  expect(t.collect()).toEqual([])
  expect(t.last('outage').suppressed).toEqual({ recent: 4 })
})

test('of a program that there is not, or that has another port now, nothing is taken', () => {
  const octets = busy().notifier.snapshot(at(0))
  const s = new Scene({}, [{ ...SHOP, port: 5001 }])
  expect(s.notifier.restore(at(0), octets)).toBe('ok')
  s.notifier.offline(s.now, 'shop')
  expect(s.collect()).toEqual([])
})

test('the table stays within its bound', () => {
  const t = restarted(busy().notifier.snapshot(at(0)), 1, { limit: 1 })
  t.notifier.offline(t.now, 'shop')
  expect(t.collect()).toHaveLength(2)
})

test('a clock that was set back makes nobody older or younger than he was', () => {
  const t = restarted(busy().notifier.snapshot(at(0)), -1_000_000)
  t.notifier.offline(t.now, 'shop')
  expect(t.collect()).toHaveLength(4)
})

describe('damaged octets change nothing', () => {
  const octets = busy().notifier.snapshot(at(0))
  const state = (s: Scene) => [s.notifier.status(s.now), s.requests.length]

  test.each([
    ['nothing', new Uint8Array(0), 'truncated'],
    ['another file', new Uint8Array(64).fill(65), 'bad-version'],
    ['half of it', octets.slice(0, octets.length >> 1), 'unknown-format'],
  ] as const)('%s', (_, bytes, why) => {
    const s = new Scene({}, [SHOP, WEB])
    const before = state(s)
    expect(s.notifier.restore(s.now, bytes)).toMatchObject({ kind: 'malformed', why })
    expect(state(s)).toEqual(before)
  })

  test('each single octet that is another', () => {
    for (let i = 0; i < octets.length; i++) {
      const bytes = octets.slice()
      bytes[i]! ^= 0x55
      const s = new Scene({}, [SHOP, WEB])
      const before = state(s)
      expect(s.notifier.restore(s.now, bytes)).toMatchObject({ kind: 'malformed' })
      expect(state(s)).toEqual(before)
    }
  })

  test('octets made to hurt, their checksum right: nobody is told who could not have been heard', () => {
    const wild = fc.record({
      cuts: fc.array(fc.tuple(fc.nat(octets.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }),
      length: fc.integer({ min: 30, max: octets.length }),
    })
    fc.assert(
      fc.property(wild, ({ cuts, length }) => {
        const bytes = octets.slice(0, length)
        for (const [i, value] of cuts) if (i < length) bytes[i] = value
        seal(bytes)
        const s = new Scene({ mine: () => false, loopbackPort: LOOPBACK }, [SHOP, WEB])
        const said = s.notifier.restore(s.now, bytes)
        expect(said === 'ok' || said.kind === 'malformed').toBe(true)
        s.notifier.offline(s.now, 'shop')
        expect(s.run(2000)).toEqual([])
        const t = new Scene({}, [SHOP, WEB])
        if (t.notifier.restore(t.now, bytes) === 'ok') t.notifier.offline(t.now, 'shop')
        for (const p of t.run(2000)) expect(target(p)).not.toMatch(/^(0\.|22[4-9]\.|2[345]\d\.|::[^0-9a-f]|ff)/)
      }),
      { numRuns: 300 },
    )
  })
})

/** FNV-1a, as the head of snapshot.ts says. */
function seal(bytes: Uint8Array): void {
  let h = 0x811c9dc5
  for (let i = 0; i < bytes.length - 4; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193) >>> 0
  bytes.set([h >>> 24, (h >>> 16) & 255, (h >>> 8) & 255, h & 255], bytes.length - 4)
}
