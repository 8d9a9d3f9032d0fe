/** What a ping machine owes to runs of many targets, that come and go, for weeks: order, fairness, sums, bounds. */
import { describe, expect, it, vi } from 'vitest'
import {
  arrival,
  kinds,
  one,
  play,
  reply,
  SECRET,
  settings,
  summaryOf,
  target,
} from '../../../../test/probe/scripted-network.ts'
import type { Instant } from '../clock.ts'
import type { Slot } from '../door.ts'
import type { Family } from '../wire/addr.ts'
import { EchoQuestion } from './echo-question.ts'
import { PingMachine } from './ping-machine.ts'
import { TimerHeap } from './timer-heap.ts'

const T = (ms: number) => ms as Instant
const slotOf = (family?: Family): Slot => ({
  bytes: new Uint8Array(2000),
  at: 0,
  limit: 2000,
  end: 0,
  family,
  port: 0,
  tag: 0,
})

describe('order', () => {
  it('replies that come in one batch all stand before the summary, and in its numbers', () => {
    for (const deadlineMs of [undefined, 10_000]) {
      const events = one({ count: 3, preload: 3, deadlineMs }, (p, n) => [{ after: 5 - n, bytes: reply(p) }], {
        until: 20_000,
      })
      expect(kinds(events).slice(0, 4)).toEqual(['reply', 'reply', 'reply', 'summary'])
      const batch = one({ count: 3, preload: 3, deadlineMs }, (p) => [{ after: 5, bytes: reply(p) }])
      expect(kinds(batch)).toEqual(['reply', 'reply', 'reply', 'summary'])
      expect(summaryOf(batch)).toMatchObject({ sent: 3, received: 3, lost: 0, rtt: { min: 5e6, max: 5e6 } })
    }
  })

  it('a probe in flight when its target was removed times out in silence', () => {
    const m = new PingMachine(settings({ hold: true, timeoutMs: 300 }))
    const a = m.add(T(0), target('192.0.2.1'))
    m.add(T(0), target('192.0.2.2'))
    const events = play(m, () => [], { until: 900, at: { 100: () => m.remove(T(100), a) } })
    expect(events.filter((e) => e.target === a).map((e) => e.kind)).toEqual(['summary'])
  })
})

describe('sums', () => {
  it('a packet that the kernel refused, so it said, and that is answered was sent', () => {
    const m = new PingMachine(settings({ count: 2 }))
    m.add(T(0), target('192.0.2.1'))
    const slot = slotOf()
    m.handleTimeout(T(0))
    m.pollTransmit(T(0), slot)
    m.handleUnsent(T(0), slot.tag, 'no-buffer', 0)
    m.handlePacket(T(1), arrival(reply(slot.bytes.slice(0, slot.end)), 1))
    m.handleTimeout(T(1))
    expect(m.summary(0)).toMatchObject({ sent: 1, received: 1, lost: 0, localDrops: 0 })
  })
})

describe('two targets of one address', () => {
  it('are both answered, with a token and without', () => {
    for (const size of [56, 4]) {
      const m = new PingMachine(settings({ count: 3, question: new EchoQuestion(size, SECRET) }))
      m.add(T(0), target('192.0.2.1'))
      m.add(T(0), target('192.0.2.1'), T(1))
      const events = play(m, (p) => [{ after: 20, bytes: reply(p) }])
      expect(events.filter((e) => e.kind === 'summary')).toMatchObject([
        { sent: 3, received: 3, duplicates: 0 },
        { sent: 3, received: 3, duplicates: 0 },
      ])
    }
  })

  it('one that comes back while its former self is remembered is heard, without a token too', () => {
    const m = new PingMachine(settings({ hold: true, intervalMs: 100, question: new EchoQuestion(4, SECRET) }))
    const a = m.add(T(0), target('192.0.2.1'))
    const events = play(m, (p) => [{ after: 1, bytes: reply(p) }], {
      until: 2000,
      at: {
        250: () => {
          m.remove(T(250), a)
          m.add(T(250), target('192.0.2.1'))
        },
        500: () => m.stop(T(500)),
      },
    })
    expect(events.filter((e) => e.kind === 'summary')).toMatchObject([
      { sent: 3, received: 3 },
      { sent: 3, received: 3 },
    ])
  })

  it('the second is found when the first has been forgotten', () => {
    const m = new PingMachine(settings({ hold: true, intervalMs: 1000, question: new EchoQuestion(4, SECRET) }))
    const a = m.add(T(0), target('192.0.2.1'))
    m.add(T(0), target('192.0.2.1'), T(10))
    const events = play(m, (p) => [{ after: 1, bytes: reply(p) }], {
      until: 200_000,
      at: { 500: () => m.remove(T(500), a), 150500: () => m.stop(T(150_500)) },
    })
    expect(m.summary(a)).toBeUndefined()
    expect(events.findLast((e) => e.kind === 'summary')).toMatchObject({ sent: 151, received: 151 })
  })
})

describe('fairness', () => {
  it('under a packet rate that does not suffice, both families and all targets have their turns', () => {
    const m = new PingMachine(settings({ intervalMs: 10, spacingMs: 10, timeoutMs: 100 }))
    const targets = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8::2']
    for (const t of targets) m.add(T(0), target(t))
    const doors = [slotOf(4), slotOf(6)]
    for (let now = 0; now < 10_000; now++) {
      m.handleTimeout(T(now))
      for (const door of doors) while (m.pollTransmit(T(now), door)) {}
    }
    for (const slot of targets.keys()) {
      const { sent } = m.summary(slot)!
      expect(sent).toBeGreaterThan(190)
      expect(sent).toBeLessThan(210)
    }
  })

  it('a new kernel identifier waits while an answer to the old one is on its way to another target', () => {
    const rotations = (rtt: number) => {
      const m = new PingMachine(settings({ intervalMs: 100, timeoutMs: 150, echoId: () => 7 }))
      m.add(T(0), target('192.0.2.1'))
      m.add(T(0), target('192.0.2.2'))
      const answers = (p: Uint8Array) => (p[19] === 1 ? [] : [{ after: rtt, bytes: reply(p) }])
      const events = play(m, answers, { until: 25_000 })
      return events.filter((e) => e.kind === 'rotate').length
    }
    expect(rotations(120)).toBe(0)
    expect(rotations(10)).toBeGreaterThan(0)
  })

  it('identifiers of our own that stuck targets take stay few, since a filter must know them all', () => {
    const ids = new Set<number>()
    const m = new PingMachine(settings({ count: 2000, intervalMs: 10, timeoutMs: 5 }))
    for (let i = 1; i <= 100; i++) m.add(T(0), target(`192.0.2.${i}`))
    play(m, (p, n) => {
      ids.add((p[24]! << 8) | p[25]!)
      // Each answers once in a while, and is stuck again.
      return Math.floor(n / 100) % 12 === 11 ? [{ after: 1, bytes: reply(p) }] : []
    })
    expect(ids.size).toBeGreaterThan(1)
    expect(ids.size).toBeLessThanOrEqual(32)
  })
})

describe('the end', () => {
  it('a spent budget ends a run that would hold, and whoever comes later is not asked', () => {
    const m = new PingMachine(settings({ hold: true, budget: 5, intervalMs: 10 }))
    m.add(T(0), target('192.0.2.1'))
    const events = play(m, (p) => [{ after: 1, bytes: reply(p) }], { until: 100_000 })
    expect(m.pollTimeout()).toBeUndefined()
    expect(summaryOf(events)).toMatchObject({ sent: 5, received: 5 })
    m.add(T(1000), target('192.0.2.2'))
    expect(play(m, () => [])).toMatchObject([{ kind: 'summary', sent: 0 }])
  })

  it('the deadline ends a run that would hold, though nobody is asked any more', () => {
    const m = new PingMachine(settings({ hold: true, deadlineMs: 5000, intervalMs: 10 }))
    const a = m.add(T(0), target('192.0.2.1'))
    play(m, (p) => [{ after: 1, bytes: reply(p) }], { until: 100, at: { 50: () => m.remove(T(50), a) } })
    expect(m.pollTimeout()).toBe(5000)
    m.handleTimeout(T(5000))
    expect(m.pollTimeout()).toBeUndefined()
  })

  it('nobody is asked after stop', () => {
    const m = new PingMachine(settings({ hold: true }))
    m.stop(T(0))
    m.add(T(1), target('192.0.2.1'))
    expect(play(m, (p) => [{ after: 1, bytes: reply(p) }])).toMatchObject([{ kind: 'summary', sent: 0 }])
  })
})

describe('bounds', () => {
  it('a target that goes before it was asked, or long after, leaves nothing behind', () => {
    const m = new PingMachine(settings({ hold: true, intervalMs: 600_000, timeoutMs: 100 }))
    const early = m.add(T(0), target('192.0.2.1'), T(1000))
    const idle = m.add(T(0), target('192.0.2.2'))
    m.add(T(0), target('192.0.2.3'), T(120_000))
    play(m, (p) => [{ after: 1, bytes: reply(p) }], {
      until: 200_000,
      at: { 500: () => m.remove(T(500), early), 150000: () => m.remove(T(150_000), idle) },
    })
    expect(m.summary(early)).toBeUndefined()
    expect(m.summary(idle)).toBeUndefined()
    expect(m.total().count).toBe(2)
  })

  it('a pace that follows the answers keeps one timer a target, however long the interval', () => {
    const push = vi.spyOn(TimerHeap.prototype, 'push')
    try {
      one({ count: 5000, pace: 'adaptive', intervalMs: 60_000 }, (p) => [{ after: 1, bytes: reply(p) }])
      expect((push.mock.contexts[0] as TimerHeap<unknown>).size).toBeLessThanOrEqual(2)
    } finally {
      push.mockRestore()
    }
  })

  it('at full speed with a time-out of hours no more than half a million probes stay in flight', () => {
    const m = new PingMachine(settings({ intervalMs: 0, timeoutMs: 3_600_000 }))
    m.add(T(0), target('192.0.2.1'))
    const slot = slotOf()
    let lost = 0
    for (let i = 0; i < (1 << 19) + 1000; i++) {
      m.handleTimeout(T(i / 1000))
      m.pollTransmit(T(i / 1000), slot)
      for (let e = m.pollEvent(); e !== undefined; e = m.pollEvent()) if (e.kind === 'timeout') lost++
    }
    expect(lost).toBeGreaterThan(900)
    expect(lost).toBeLessThan(1100)
  })
})
