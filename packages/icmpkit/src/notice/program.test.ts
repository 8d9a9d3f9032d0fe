import { describe, expect, test } from 'vitest'
import { packet } from '../../../../test/notice/notice-packets.ts'
import { datagram, Scene, SHOP } from '../../../../test/notice/scene.ts'
import type { Instant } from '../clock.ts'

function scene(more: object = {}): Scene {
  const s = new Scene({}, [{ ...SHOP, ...more }])
  s.confirm(packet('in4'), packet('out4'))
  return s
}

const kinds = (s: Scene) => s.events.map((e) => e.kind)
const state = (s: Scene) => s.notifier.status(s.now)[0]!.state

describe('a socket is closed, a process ends', () => {
  test('nobody else holds the port, and after the grace that is an outage', () => {
    const s = scene()
    s.run(1000)
    s.holders.set('shop', 0)
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    expect(s.run(1249)).toEqual([])
    expect(state(s)).toBe('suspect')
    expect(s.last('suspect')).toMatchObject({ program: 'shop', protocol: 'udp', port: 5000 })
    expect(s.run(1260)).toHaveLength(1)
    expect(s.last('outage')).toMatchObject({ state: 'gone', sent: 1, detectedNs: 250e6, lastSentNs: 250e6 })
    // Looked at twice: at once, and at the end of the grace.
    expect(s.requests.slice(0, 2)).toEqual([
      { kind: 'recheck', program: 'shop' },
      { kind: 'recheck', program: 'shop' },
    ])
  })

  test('a restart within the grace tells nobody', () => {
    const s = scene()
    s.holders.set('shop', 0)
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    s.run(200)
    s.holders.set('shop', 1)
    expect(s.run(60_000)).toEqual([])
    expect(kinds(s)).toEqual(['suspect'])
    expect(state(s)).toBe('up')
    expect(s.notifier.pollTimeout()).toBe(Number.POSITIVE_INFINITY)
  })

  test('a sibling on the same port (SO_REUSEPORT) raises no alarm at all', () => {
    const s = scene({ grace: 0 })
    s.holders.set('shop', 3)
    for (let n = 0; n < 5; n++) s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    expect(s.run(60_000)).toEqual([])
    expect(kinds(s)).toEqual([])
    expect(state(s)).toBe('up')
  })

  test('without a grace it is told as soon as nobody is found to hold the port', () => {
    const s = scene({ grace: 0 })
    s.holders.set('shop', 0)
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    expect(s.collect()).toHaveLength(1)
    expect(kinds(s)).toEqual(['outage'])
  })

  test('a second sign within the grace does not make it longer', () => {
    const s = scene()
    s.holders.set('shop', 0)
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    s.run(200)
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    expect(s.run(260)).toHaveLength(1)
  })

  test('a question about holders that nobody answers is asked again, and nobody is told meanwhile', () => {
    const s = scene()
    s.answers = false
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    expect(s.run(5000)).toEqual([])
    expect(s.requests.length).toBeGreaterThanOrEqual(4)
    expect(s.requests.length).toBeLessThanOrEqual(7)
  })

  test('when somebody holds the port again, it is back; until then that is looked at four times a second', () => {
    const s = scene({ grace: 0 })
    s.holders.set('shop', 0)
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    s.run(10_000)
    expect(s.requests.length).toBeGreaterThan(30)
    expect(s.requests.length).toBeLessThan(45)
    s.holders.set('shop', 1)
    s.run(10_500)
    expect(s.last('back')).toMatchObject({ program: 'shop', state: 'gone' })
    expect(s.last('back').downNs).toBeGreaterThanOrEqual(10_000e6)
    expect(state(s)).toBe('up')
    s.run(60_000)
    expect(kinds(s).filter((k) => k === 'back')).toHaveLength(1)
  })
})

describe('it is asked for a sign of life', () => {
  const probe = (s: Scene, ok: boolean) => s.notifier.sign(s.now, 'shop', { kind: 'probe', ok })

  test('three failures in a row, and it hangs; the outage counts from the first', () => {
    const s = scene({ message: 'looked at' })
    probe(s, false)
    expect(state(s)).toBe('suspect')
    s.run(1000)
    probe(s, false)
    expect(s.run(2000)).toEqual([])
    probe(s, false)
    expect(s.collect()).toHaveLength(1)
    expect(s.last('outage')).toMatchObject({ state: 'hung', reason: 'looked at', detectedNs: 2000e6 })
  })

  test('one answer in between, and it counts anew; nobody was told', () => {
    const s = scene()
    for (const ok of [false, false, true, false, false, true]) {
      probe(s, ok)
      expect(s.run(s.now + 1000)).toEqual([])
    }
    expect(state(s)).toBe('up')
  })

  test('when it answers again it is back; when it ends while it hangs it is gone, and that is not told twice', () => {
    const s = scene({ failures: 1 })
    probe(s, false)
    expect(s.run(3000)).toHaveLength(2)
    probe(s, true)
    expect(s.last('back')).toMatchObject({ state: 'hung', downNs: 3000e6 })
    s.give(packet('in4'))
    s.run(60_000)
    s.give(packet('in4'))
    s.give(packet('in4'))
    probe(s, false)
    expect(s.run(62_000)).toHaveLength(2)
    s.holders.set('shop', 0)
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    expect(s.run(90_000)).toEqual([])
    expect(state(s)).toBe('gone')
    s.holders.set('shop', 1)
    s.run(91_000)
    expect(state(s)).toBe('up')
    expect(kinds(s).filter((k) => k === 'outage')).toHaveLength(2)
  })
})

describe('the operator says so', () => {
  test('offline is told at once, without a grace; a socket that stays open changes nothing', () => {
    const s = scene({ grace: 10_000, message: 'usual', backIn: 600 })
    s.run(5000)
    s.notifier.offline(s.now, 'shop')
    expect(s.collect()).toHaveLength(1)
    expect(s.last('outage')).toMatchObject({ state: 'offline', reason: 'usual', backAt: 1_800_000_605, detectedNs: 0 })
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    s.notifier.sign(s.now, 'shop', { kind: 'holders', count: 1 })
    s.notifier.sign(s.now, 'shop', { kind: 'probe', ok: true })
    expect(state(s)).toBe('offline')
    expect(s.notifier.status(s.now)[0]).toMatchObject({ reason: 'usual', backAt: 1_800_000_605, downMs: 0 })
  })

  test('what the operator says wins over what the settings say, and may be said anew without telling twice', () => {
    const s = scene({ message: 'usual', backIn: 600 })
    s.notifier.offline(s.now, 'shop', { reason: 'flood', backAt: 7 })
    expect(s.collect()).toHaveLength(1)
    s.notifier.offline(s.now, 'shop', { reason: 'fire' })
    expect(s.collect()).toEqual([])
    expect(s.notifier.status(s.now)[0]).toMatchObject({ reason: 'fire', backAt: 7 })
    expect(kinds(s)).toEqual(['outage'])
  })

  test('a drain asks for the rule, and takes it back; from drained to offline too', () => {
    const s = scene()
    s.notifier.drain(s.now, 'shop')
    s.run(100)
    s.notifier.back(s.now, 'shop')
    s.run(200)
    s.notifier.drain(s.now, 'shop')
    s.notifier.offline(s.now, 'shop')
    s.run(300)
    const rules = s.requests.filter((r) => r.kind === 'reject')
    expect(rules.map((r) => r.on)).toEqual([true, false, true, false])
  })

  test('back: its port is looked at, and where nobody holds it, it is gone', () => {
    const s = scene()
    s.notifier.offline(s.now, 'shop')
    s.run(100)
    s.holders.set('shop', 0)
    s.notifier.back(s.now, 'shop')
    s.run(400)
    expect(kinds(s)).toEqual(['outage', 'back', 'suspect', 'outage'])
    expect(state(s)).toBe('gone')
  })

  test('back where it is not down says nothing', () => {
    const s = scene()
    s.notifier.back(s.now, 'shop')
    expect(s.run(1000)).toEqual([])
    expect(kinds(s)).toEqual([])
  })
})

test('a program that cannot be is the caller’s mistake', () => {
  const of = (more: object) => () => new Scene({}, [{ ...SHOP, ...more }])
  expect(of({ name: '' })).toThrow('1 to 32 octets')
  expect(of({ name: 'ü'.repeat(17) })).toThrow('1 to 32 octets')
  expect(of({ name: 'a\nb' })).toThrow('control characters')
  expect(of({ port: 0 })).toThrow('port 0')
  expect(of({ port: 65_536 })).toThrow(RangeError)
  expect(of({ protocol: 'sctp' })).toThrow('udp or tcp')
  expect(of({ grace: -1 })).toThrow(RangeError)
  expect(of({ failures: 0 })).toThrow(RangeError)
  expect(of({ message: 'x'.repeat(65) })).toThrow('64 octets')
  expect(of({ backAt: 1.5 })).toThrow(RangeError)
  expect(of({ backIn: -1 })).toThrow(RangeError)
  const s = scene()
  expect(() => s.notifier.offline(s.now, 'shop', { reason: 'a\u0007' })).toThrow(RangeError)
  expect(() => s.notifier.offline(s.now, 'shop', { backAt: -1 })).toThrow(RangeError)
  expect(state(s)).toBe('up')
})

test('settings change under a running program; its workstations and its state stay', () => {
  const s = scene()
  s.notifier.change(s.now, { ...SHOP, grace: 0, message: 'new' })
  expect(() => s.notifier.change(s.now, { ...SHOP, port: 5001 })).toThrow('remove it first')
  s.holders.set('shop', 0)
  s.notifier.sign(s.now, 'shop', { kind: 'lost' })
  expect(s.collect()).toHaveLength(1)
  expect(s.last('outage').reason).toBe('new')
})

test('programs do not tell for each other', () => {
  const s = new Scene({}, [SHOP, { name: 'dns', protocol: 'udp', port: 53 }])
  s.confirm(packet('in4'), packet('out4'))
  s.confirm(datagram('198.51.100.7', 40_000, '192.0.2.1', 53), datagram('192.0.2.1', 53, '198.51.100.7', 40_000))
  s.now = 50 as Instant
  s.notifier.offline(s.now, 'dns')
  expect(s.collect()).toHaveLength(1)
  expect(s.notifier.status(s.now).map((p) => p.state)).toEqual(['up', 'offline'])
})
