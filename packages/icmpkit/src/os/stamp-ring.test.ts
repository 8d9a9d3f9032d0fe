import { describe, expect, it } from 'vitest'
import type { Instant } from '../clock.ts'
import { StampRing } from './stamp-ring.ts'

const at = (ms: number) => ms as Instant

describe('transmit stamps', () => {
  it('find their tag once', () => {
    const ring = new StampRing()
    const key = ring.expect(77, at(10))
    expect(ring.match(key, at(11), at(12))).toBe(77)
    expect(ring.match(key, at(11), at(12))).toBe(0)
  })

  it('outside of what the user clock saw belong to nobody: the realtime clock was stepped', () => {
    const ring = new StampRing()
    const key = ring.expect(77, at(10))
    expect(ring.match(key, at(9), at(12))).toBe(0)
    expect(ring.match(key, at(13), at(12))).toBe(0)
    expect(ring.match(key, at(12), at(12))).toBe(77)
  })

  it('of a packet that did not leave are not awaited, and its number is used again', () => {
    const ring = new StampRing()
    const first = ring.expect(1, at(10))
    const second = ring.expect(2, at(10))
    ring.rollBack(second)
    expect(ring.match(second, at(11), at(12))).toBe(0)
    expect(ring.expect(3, at(11))).toBe(second)
    expect(ring.match(first, at(11), at(12))).toBe(1)
    expect(ring.match(second, at(11), at(12))).toBe(3)
  })

  it('that do not come within a second are counted once, and belong to nobody any more', () => {
    const ring = new StampRing()
    const first = ring.expect(1, at(10))
    ring.expect(2, at(500))
    expect(ring.gaps(at(1009))).toBe(0)
    expect(ring.gaps(at(1011))).toBe(1)
    expect(ring.match(first, at(1011), at(1012))).toBe(0)
    expect(ring.gaps(at(1400))).toBe(1)
    expect(ring.gaps(at(9000))).toBe(2)
  })

  it('that never come do not make the ring grow', () => {
    const ring = new StampRing()
    for (let i = 1; i <= 20000; i++) ring.expect(i, at(i))
    expect(ring.match(0, at(20000), at(20000))).toBe(0)
    expect(ring.match(19999, at(20000), at(20000))).toBe(20000)
    expect(ring.gaps(at(30000))).toBe(19999)
  })

  it('of packets without a tag are no gap', () => {
    const ring = new StampRing()
    for (let i = 0; i < 20000; i++) ring.expect(0, at(i))
    expect(ring.gaps(at(30000))).toBe(0)
  })
})
