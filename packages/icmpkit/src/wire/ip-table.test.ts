import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Ip, type Ip6, parseIp } from './addr.ts'
import { IpTable } from './ip-table.ts'

const address = fc.oneof(
  fc.integer({ min: -0x80000000, max: 0x7fffffff }).map((n) => n as Ip),
  fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((n) => n as Ip6),
  // Few distinct ones, so that sets, deletes and look-ups meet.
  fc.integer({ min: 0, max: 7 }).map((n) => BigInt(n) as Ip6),
)

it('behaves as a Map does, whatever the order of sets and deletes', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.tuple(fc.boolean(), address, fc.nat(1000))), (seed, steps) => {
      const table = new IpTable(seed)
      const model = new Map<string, number>()
      for (const [isSet, ip, value] of steps) {
        const key = `${typeof ip}${ip}`
        if (isSet) {
          expect(table.set(ip, value)).toBe(true)
          model.set(key, value)
        } else {
          expect(table.delete(ip)).toBe(model.delete(key))
        }
        expect(table.size).toBe(model.size)
      }
      for (const [, ip] of steps) expect(table.get(ip)).toBe(model.get(`${typeof ip}${ip}`) ?? -1)
    }),
  )
})

it('an IPv4 address and the IPv6 address of the same octets are two rows', () => {
  const table = new IpTable(1)
  table.set(0 as Ip, 4)
  table.set(0n as Ip6, 6)
  expect([table.get(0 as Ip), table.get(0n as Ip6)]).toEqual([4, 6])
})

it('a full table refuses a new address and still updates an old one', () => {
  const table = new IpTable(1, 2)
  expect([table.set(parseIp('10.0.0.1')!, 1), table.set(parseIp('10.0.0.2')!, 2)]).toEqual([true, true])
  expect(table.set(parseIp('10.0.0.3')!, 3)).toBe(false)
  expect(table.set(parseIp('10.0.0.1')!, 7)).toBe(true)
  expect([table.size, table.get(parseIp('10.0.0.1')!), table.get(parseIp('10.0.0.3')!)]).toEqual([2, 7, -1])
})

it('addresses that share their low or their high 64 bits cost at most three times as much as random ones', () => {
  const count = 1 << 15
  const fill = (ipOf: (n: number) => bigint) => {
    const start = performance.now()
    const table = new IpTable(12345)
    for (let n = 0; n < count; n++) table.set(ipOf(n) as Ip6, n)
    let found = 0
    for (let n = 0; n < count; n++) if (table.get(ipOf(n) as Ip6) === n) found++
    expect(found).toBe(count)
    return performance.now() - start
  }
  const base = 0x20010db8n << 96n
  const random = (n: number) => BigInt.asUintN(128, BigInt(n + 1) * 0x9e3779b97f4a7c15f39cc0605cedc835n)
  const patterns = [random, (n: number) => base | (BigInt(n) << 64n) | 1n, (n: number) => base | BigInt(n)]
  // Turn by turn, and the best of each: whatever else this machine does meanwhile befalls all.
  const best = patterns.map(() => Number.POSITIVE_INFINITY)
  for (let turn = 0; turn < 7; turn++) {
    for (const [i, pattern] of patterns.entries()) best[i] = Math.min(best[i]!, fill(pattern))
  }
  const [fair, low, high] = best as [number, number, number]
  expect(low / fair).toBeLessThan(3)
  expect(high / fair).toBeLessThan(3)
})
