import { describe, expect, it } from 'vitest'
import type { Instant } from '../clock.ts'
import type { Door } from '../door.ts'
import { RealClock } from './real-clock.ts'
import { sys } from './sys.ts'
import { forget } from './waker.ts'

const O_NONBLOCK = 0o4000

const after = (clock: RealClock, ms: number) => (clock.now() + ms) as Instant

describe('a wait', () => {
  it('never ends before its moment, and many a time less than a millisecond after it', async () => {
    const clock = new RealClock()
    const late: number[] = []
    for (let i = 0; i < 100; i++) {
      const until = after(clock, 0.2 + (i % 10) * 0.37)
      await clock.wait(until, [], false)
      late.push(clock.now() - until)
    }
    late.sort((a, b) => a - b)
    expect(late[0]).toBeGreaterThanOrEqual(0)
    // A machine that is busy holds up the others.
    expect(late[20]).toBeLessThan(1)
  })

  it('for a moment in the past lets the event loop turn once and returns', async () => {
    const clock = new RealClock()
    let turned = false
    setImmediate(() => {
      turned = true
    })
    await clock.wait(after(clock, -5), [], false)
    expect(turned).toBe(true)
  })

  it('ends when the clock is woken, and a wake-up before it is not lost', async () => {
    const clock = new RealClock()
    setTimeout(() => clock.wake(), 10)
    await clock.wait(undefined, [], false)
    clock.wake()
    await clock.wait(undefined, [], false)
  })

  it('a wake-up serves one wait only', async () => {
    const clock = new RealClock()
    clock.wake()
    await clock.wait(undefined, [], false)
    const until = after(clock, 20)
    await clock.wait(until, [], false)
    expect(clock.now()).toBeGreaterThanOrEqual(until)
  })

  it('ends when its signal aborts, at once where it has aborted already, and leaves no listener behind', async () => {
    const clock = new RealClock()
    const stop = new AbortController()
    let listeners = 0
    const add = stop.signal.addEventListener.bind(stop.signal)
    const remove = stop.signal.removeEventListener.bind(stop.signal)
    stop.signal.addEventListener = (...a: Parameters<typeof add>) => {
      listeners++
      add(...a)
    }
    stop.signal.removeEventListener = (...a: Parameters<typeof remove>) => {
      listeners--
      remove(...a)
    }
    for (let i = 0; i < 20; i++) await clock.wait(after(clock, 0.1), [], false, stop.signal)
    setTimeout(() => stop.abort(), 10)
    await clock.wait(undefined, [], false, stop.signal)
    expect(listeners).toBe(0)
    await clock.wait(undefined, [], false, stop.signal)
  })

  it('tells a readable door before it ends, and throws what that throws', async () => {
    const clock = new RealClock()
    const fd = sys().eventfd(0, O_NONBLOCK)
    const quiet = sys().eventfd(0, O_NONBLOCK)
    const [door, other] = [{ fd } as unknown as Door, { fd: quiet } as unknown as Door]
    const told: string[] = []
    setTimeout(() => sys().write(fd, new Uint8Array(new BigUint64Array([1n]).buffer), 8), 5)
    await clock
      .wait(undefined, [other, door], false, undefined, (d) => void told.push(d === door ? 'told' : 'wrong'))
      .then(() => told.push('ended'))
    expect(told).toEqual(['told', 'ended'])
    const failing = clock.wait(undefined, [other, door], false, undefined, () => {
      throw new Error('the door fell shut')
    })
    await expect(failing).rejects.toThrow('the door fell shut')
    // And the clock goes on.
    await clock.wait(after(clock, 1), [other], false)
    for (const one of [fd, quiet]) {
      forget(one)
      sys().close(one)
    }
  })

  it('of many clocks ends for each at its own moment, whatever the order', async () => {
    const started = new RealClock()
    const ends: number[] = []
    const start = started.now()
    const delays = [30, 5, 20, 10, 25, 15]
    await Promise.all(
      delays.map(async (ms) => {
        const clock = new RealClock()
        const until = (start + ms) as Instant
        await clock.wait(until, [], false)
        expect(clock.now()).toBeGreaterThanOrEqual(until)
        ends.push(ms)
      }),
    )
    expect(ends).toEqual([5, 10, 15, 20, 25, 30])
  })
})
