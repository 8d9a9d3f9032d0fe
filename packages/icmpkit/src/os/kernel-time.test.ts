import { describe, expect, it } from 'vitest'
import { monotonic, StampClock } from './kernel-time.ts'

describe('monotonic', () => {
  it('is CLOCK_MONOTONIC in milliseconds, to a microsecond', () => {
    const before = Number(process.hrtime.bigint()) / 1e6
    const now = monotonic()
    const after = Number(process.hrtime.bigint()) / 1e6
    expect(now).toBeGreaterThan(before - 0.001)
    expect(now).toBeLessThan(after + 0.001)
  })
})

describe('stamps of the realtime clock', () => {
  /** A realtime clock that is `ahead` ns of 2026 and runs with the monotonic one. */
  const fake = () => {
    const clock = { ahead: 0n }
    const start = process.hrtime.bigint()
    const read = (timespec: Uint8Array) => {
      const ns = 1_767_225_600_000_000_000n + clock.ahead + (process.hrtime.bigint() - start)
      const view = new BigInt64Array(timespec.buffer)
      view[0] = ns / 1_000_000_000n
      view[1] = ns % 1_000_000_000n
    }
    const stamp = () => {
      const timespec = new Uint8Array(16)
      read(timespec)
      const view = new BigInt64Array(timespec.buffer)
      return [Number(view[0]), Number(view[1])] as const
    }
    return { clock, read, stamp }
  }

  it('become the Instants at which they were taken', () => {
    const { read, stamp } = fake()
    // Code that has run before: the first readings of a process are the widest.
    for (let i = 0; i < 100; i++) new StampClock(read)
    const stamps = new StampClock(read)
    for (let i = 0; i < 100; i++) {
      const before = monotonic()
      const instant = stamps.instant(...stamp())
      const after = monotonic()
      expect(instant).toBeGreaterThan(before - 0.05)
      expect(instant).toBeLessThan(after + 0.05)
    }
  })

  it('keep differences to the nanosecond', () => {
    const { read } = fake()
    const stamps = new StampClock(read)
    const a = stamps.instant(1_767_225_600, 999_999_990)
    const b = stamps.instant(1_767_225_601, 15)
    expect((b - a) * 1e6).toBeCloseTo(25, 0)
  })

  it('a step of a millisecond is noticed once, either way, and what follows is placed by the new offset', () => {
    const { clock, read, stamp } = fake()
    const stamps = new StampClock(read)
    expect(stamps.steady()).toBe(true)
    for (const step of [1_000_000n, -3_600_000_000_000n, 86_400_000_000_000n]) {
      clock.ahead += step
      // A reading that is interrupted is too wide to tell; the next one is not.
      expect([stamps.steady(), stamps.steady(), stamps.steady()].filter((steady) => !steady)).toHaveLength(1)
      expect(stamps.steady()).toBe(true)
      const before = monotonic()
      const instant = stamps.instant(...stamp())
      expect(instant).toBeGreaterThan(before - 5)
      expect(instant).toBeLessThan(monotonic() + 5)
    }
    expect(stamps.steps).toBe(3)
  })

  it('the wall clock of an Instant has nine exact digits', () => {
    const { read, stamp } = fake()
    const stamps = new StampClock(read)
    const [seconds, nanoseconds] = stamp()
    const wall = stamps.wall(stamps.instant(seconds, nanoseconds))
    expect(Math.abs(Number(wall - (BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds))))).toBeLessThan(2)
  })

  it('the real one agrees with Date.now', () => {
    const before = Date.now()
    const wall = Number(new StampClock().wall(monotonic()) / 1_000_000n)
    expect(wall).toBeGreaterThan(before - 5)
    expect(wall).toBeLessThan(Date.now() + 5)
  })
})
