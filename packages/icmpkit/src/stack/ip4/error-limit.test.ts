import { describe, expect, test } from 'vitest'
import type { OneNode } from '../../../../../test/stack/one-node.ts'
import { udp } from '../../../../../test/stack/packet4.ts'
import { node } from '../../../../../test/stack/two-ports4.ts'

const NO_LIMIT = { errorLimit: { rate: Number.POSITIVE_INFINITY, burst: 1 } }

describe('the limit on errors', () => {
  /** Errors that left in the second during which `each` millisecond brought ten datagrams. */
  const flood = (n: OneNode, src: (i: number) => string): number => {
    let errors = 0
    for (let i = 0; i < 10_000; i++) {
      if (i % 10 === 0) n.run(1)
      errors += n.give(udp({ src: src(i) })).length
    }
    return errors
  }

  test('is the configured rate and its burst, of whatever number of faults (RFC 1812 §4.3.2.8) [v4-rate-errors] [v4-rate-config]', () => {
    const many = (i: number) => `203.0.${113 + (i % 100)}.${i % 250}`
    const n = node('gateway')
    const sent = flood(n, many)
    expect(sent).toBeGreaterThanOrEqual(100)
    expect(sent).toBeLessThanOrEqual(150)
    expect(n.node.counters.suppressed['rate-limit']).toBe(10_000 - sent)
    expect(flood(node('gateway', { errorLimit: { rate: 10, burst: 5 } }), many)).toBeLessThanOrEqual(15)
    expect(flood(node('gateway', { errorLimit: { rate: 10, burst: 5 } }), many)).toBeGreaterThanOrEqual(14)
    expect(flood(node('gateway', { errorLimit: { rate: 0, burst: 5 } }), many)).toBe(0)
    expect(flood(node('gateway', NO_LIMIT), many)).toBe(10_000)
  })

  test('counts each port apart (RFC 1812 §4.3.2.8) [v4-rate-config]', () => {
    const n = node('gateway', { errorLimit: { rate: 1, burst: 1 } })
    expect(n.give(udp({}))).toHaveLength(1)
    expect(n.give(udp({}))).toEqual([])
    expect(n.give(udp({ src: '198.51.100.7' }), { port: 2 })).toHaveLength(1)
  })

  test('never suppresses a single error after a quiet time (RFC 1812 §4.3.2.8) [v4-rate-timer]', () => {
    const n = node('gateway', { errorLimit: { rate: 1, burst: 1 } })
    for (let i = 0; i < 20; i++) {
      n.run(1001)
      expect(n.give(udp({}))).toHaveLength(1)
    }
  })

  test('for one source leaves room for another, and a million sources cost no memory (RFC 1812 §4.3.2.8) [v4-rate-per-dest]', () => {
    const n = node('gateway')
    expect(flood(n, () => '192.0.2.66')).toBeLessThanOrEqual(75)
    expect(n.give(udp({ src: '192.0.2.67' }))).toHaveLength(1)
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 1_000_000; i++)
      n.node.ip4.errors.report((20_000 + i / 1000) as never, fault(n, i), { kind: 'unreachable', code: 1 })
    globalThis.gc?.()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 << 20)
  })

  const bytes = udp({})
  const fault = (n: OneNode, i: number) => {
    bytes[12] = 20 + (i >> 18)
    bytes[13] = i >> 10
    bytes[14] = i >> 2
    bytes[15] = 1 + (i & 3)
    const rest = { link: 'host', checksum: 'unknown', stamp: 0 as never, clock: 'virtual' } as const
    return { bytes, frame: 0, at: 0, end: bytes.length, length: bytes.length, port: n.node.ports.get(1)!, ...rest }
  }
})
