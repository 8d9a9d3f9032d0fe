import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chance, datagram } from '../../../../test/notice/scene.ts'
import type { Ip4, Ip6 } from '../wire/addr.ts'
import { FlowHash } from './flow-key.ts'
import { FlowTable, PAGE, QUOTE, Row, tickOf, ticks } from './flow-table.ts'

const AT = { 4: { src: 12, dst: 16, port: 20 }, 6: { src: 8, dst: 24, port: 40 } } as const

function quoteOf(family: 4 | 6, workstation: number, port: number): Uint8Array {
  const from =
    family === 4 ? ((0x0a000000 + workstation) as Ip4) : (((0x20010db8n << 96n) + BigInt(workstation)) as Ip6)
  const to = family === 4 ? ((0x0aff0001 | 0) as Ip4) : (((0x20010db8n << 96n) | (1n << 80n)) as Ip6)
  return datagram(from, port, to, 5000).subarray(0, QUOTE[family])
}

function table(family: 4 | 6, limit = 1 << 20, seed = 1): FlowTable {
  return new FlowTable(family, limit, new FlowHash(chance(seed)))
}

const find = (t: FlowTable, q: Uint8Array, zone = 0) =>
  t.find(q, AT[t.family].src, AT[t.family].dst, (q[AT[t.family].port]! << 8) | q[AT[t.family].port + 1]!, zone)

describe.each([4, 6] as const)('IPv%i', (family) => {
  test('a workstation costs at most 100 octets in a table of 100,000', () => {
    const t = table(family)
    for (let i = 0; i < 100_000; i++) t.add(quoteOf(family, i, 1024 + (i % 60_000)), 0, 0)
    expect(t.size).toBe(100_000)
    expect(t.memory / t.size).toBeLessThanOrEqual(100)
    for (let i = 0; i < 100_000; i += 997) expect(find(t, quoteOf(family, i, 1024 + (i % 60_000)))).toBe(i)
    expect(find(t, quoteOf(family, 5, 9))).toBe(-1)
  })

  test('it finds what a map of texts finds, whatever comes and goes in which order', () => {
    const step = fc.record({
      what: fc.constantFrom('add', 'add', 'remove', 'sweep'),
      n: fc.integer({ min: 0, max: 40 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer(), (steps, seed) => {
        const t = table(family, 32, seed)
        const model = new Map<string, number>()
        for (const [time, { what, n }] of steps.entries()) {
          const q = quoteOf(family, n >> 2, 2000 + (n & 3))
          const row = find(t, q)
          expect(row >= 0).toBe(model.has(`${n}`))
          if (what === 'add' && row < 0) {
            const added = t.add(q, 0, 0)
            expect(added < 0).toBe(model.size >= 32)
            if (added < 0) continue
            t.pages[0]!.seen[added] = tickOf(time * 1000)
            model.set(`${n}`, time)
          } else if (what === 'remove' && row >= 0) {
            t.remove(row)
            model.delete(`${n}`)
          } else if (what === 'sweep') {
            t.sweep(tickOf((time - 20) * 1000), 64)
            for (const [k, seen] of model) if (seen < time - 20) model.delete(k)
          }
          expect(t.size).toBe(model.size)
          const moved = [...model].filter(([k, seen]) => {
            const at = find(t, quoteOf(family, Number(k) >> 2, 2000 + (Number(k) & 3)))
            return t.pages[0]!.seen[at] !== tickOf(seen * 1000)
          })
          if (moved.length > 0) expect(moved).toEqual([])
        }
      }),
      { numRuns: 40 },
    )
  })

  test('it is bounded, and memory goes back when they leave', () => {
    const t = table(family, 10_000)
    for (let i = 0; i < 10_000; i++) t.add(quoteOf(family, i, 2000), 0, 0)
    expect(t.full).toBe(true)
    expect(t.add(quoteOf(family, 10_000, 2000), 0, 0)).toBe(-1)
    const pages = t.pages.length
    for (let i = 0; i < 10_000; i++) t.remove(0)
    expect(t.size).toBe(0)
    expect(pages).toBe(Math.ceil(10_000 / PAGE))
    expect(t.pages.length).toBeLessThanOrEqual(2)
  })
})

test('a link-local workstation is another on another interface', () => {
  const t = table(6)
  const q = datagram('fe80::7', 40_000, 'fe80::1', 5000).subarray(0, 48)
  t.add(q, 0, 2)
  expect([find(t, q, 2), find(t, q, 3)]).toEqual([0, -1])
})

test('ticks compare across the wrap of 32 bits, and are never the zero that means never', () => {
  const late = 2 ** 32 * 16 - 16
  expect(tickOf(late)).not.toBe(0)
  expect((tickOf(late + 5000) - tickOf(late)) | 0).toBeGreaterThanOrEqual(ticks(5000) - 2)
  expect((tickOf(late + 5000) - tickOf(late)) | 0).toBeLessThanOrEqual(ticks(5000) + 1)
})

test('the bits of a state do not overlap', () => {
  const bits = [Row.outage, Row.credit, Row.sent, Row.spoke, Row.rebuilt, Row.known, Row.answered, Row.stale]
  for (const [i, a] of bits.entries()) for (const b of bits.slice(i + 1)) expect(a & b).toBe(0)
  expect(Row.credit & Row.creditOne).toBe(Row.creditOne)
})

test('keys that nobody knows spread flows that an attacker picks: no chain is long', () => {
  // Same low 64 bits, counting networks: what a Map keyed by a bigint dies of.
  const hash = new FlowHash(chance(7))
  const mask = 2 ** 14 - 1
  const counts = new Int32Array(mask + 1)
  for (let i = 0; i < 8192; i++) {
    const q = datagram(((((0x20010db8n << 32n) + BigInt(i)) << 64n) | 1n) as Ip6, 40_000, '2001:db8::1', 5000)
    counts[hash.of(0, q, 8, 24, 16, 40_000, 0) & mask]!++
  }
  expect(Math.max(...counts)).toBeLessThan(16)
})
