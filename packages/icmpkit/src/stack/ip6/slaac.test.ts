import { expect, test } from 'vitest'
import { echo, frame, na, ns, ofType, prefix, ra, slla, tlla } from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Ip6Settings } from './settings.ts'

const LINK_LOCAL = 'fe80::ff:fe00:1'
const MAC = '0200000000aa'
/** Of the prefix and the port's interface identifier. */
const MADE = '2001:db8:5::ff:fe00:1'
const NS = 135
const REPLY = 129

function started(settings: Partial<Ip6Settings> = {}): OneNode {
  const n = new OneNode({ ip6: settings, ports: [port(1)] })
  n.run(10_000)
  n.taken()
  return n
}

const told = (n: OneNode, ...options: string[]) => {
  n.give(frame({ from: 'fe80::aa', to: 'ff02::1' }, ra({ lifetime: 1800 }, slla(MAC), ...options)))
  n.give(frame({ from: 'fe80::aa', to: LINK_LOCAL }, na('fe80::aa', 'SOR', tlla(MAC))))
}
const wide = (n: OneNode) => [...n.node.ip6.addresses].filter((a) => a.address >> 118n !== 0x3fan)
const made = (n: OneNode) => wide(n).find((a) => a.address === ip6(MADE))
const answers = (n: OneNode) => {
  const out = n.give(frame({ from: '2001:db8:9::9', to: MADE, hop: 60 }, echo()))
  n.taken()
  return ofType(out, REPLY).length === 1
}

test('a prefix of 64 bits with A makes an address, which is probed; other lengths make none (RFC 4862 §5.5.3(d)) [v6-nd-ra-slaac-form]', () => {
  const n = started()
  told(n, prefix('2001:db8:5::/64', 'A', 3600))
  n.taken()
  const probes = ofType(n.run(3000), NS).filter((l) => l.src === '::')
  expect(probes.map((l) => l.target)).toEqual([MADE])
  expect(answers(n)).toBe(true)
  for (const length of [63, 65, 120, 128, 0]) {
    const other = started()
    told(other, prefix(`2001:db8:5::/${length}`, 'A', 3600))
    other.run(3000)
    expect([length, wide(other)]).toEqual([length, []])
  }
  const nothing = started()
  told(nothing, prefix('2001:db8:5::/64', 'A', 0))
  expect(wide(nothing)).toEqual([])
  const off = started({ autoconfigure: false })
  told(off, prefix('2001:db8:5::/64', 'LA', 3600))
  expect(wide(off)).toEqual([])
})

test('without A, of the link-local prefix, or preferred longer than valid, an option makes no address (RFC 4862 §5.5.3(a-c)) [v6-nd-ra-slaac-skip]', () => {
  for (const option of [
    prefix('2001:db8:5::/64', 'L', 3600),
    prefix('fe80::/64', 'LA', 3600),
    prefix('fe80::/10', 'LA', 3600),
    prefix('2001:db8:5::/64', 'LA', 3600, 3601),
  ]) {
    const n = started()
    const before = [...n.node.ip6.addresses].length
    told(n, option)
    n.run(3000)
    expect([option, [...n.node.ip6.addresses].length]).toEqual([option, before])
  }
  // And of one that is there nothing is changed.
  const n = started()
  told(n, prefix('2001:db8:5::/64', 'A', 3600, 1800))
  const { preferredUntil, validUntil } = made(n)!
  n.run(100_000)
  told(n, prefix('2001:db8:5::/64', 'A', 1800, 1801))
  told(n, prefix('2001:db8:5::/64', '', 90_000, 80_000))
  expect(made(n)).toMatchObject({ preferredUntil, validUntil })
})

test('an advertisement lengthens a lifetime, but never cuts it below two hours (RFC 4862 §5.5.3(e)) [v6-nd-ra-slaac-twohour]', () => {
  const hours2 = 7200
  // stored, received, what is left of the valid lifetime afterwards
  for (const [stored, received, left] of [
    [86_400, 7201, 7201],
    [86_400, 7200, hours2],
    [86_400, 1, hours2],
    [86_400, 100_000, 100_000],
    [7300, 7200, hours2],
    [7200, 7100, 7200],
    [3600, 7200, 7200],
    [3600, 1800, 3600],
    [3600, 3601, 3601],
    [0xffffffff, 7200, hours2],
    [0xffffffff, 7201, 7201],
    [3600, 0xffffffff, Number.POSITIVE_INFINITY],
  ] as const) {
    const n = started()
    told(n, prefix('2001:db8:5::/64', 'A', stored, 1000))
    const from = n.now
    told(n, prefix('2001:db8:5::/64', 'A', received, received === 1 ? 0 : 900))
    const a = made(n)!
    expect([stored, received, (a.validUntil - from) / 1000]).toEqual([stored, received, left])
    expect((a.preferredUntil - from) / 1000).toBe(received === 1 ? 0 : 900)
  }
  // Zero takes nothing away at once.
  const n = started()
  told(n, prefix('2001:db8:5::/64', 'A', 86_400))
  n.run(3000)
  told(n, prefix('2001:db8:5::/64', 'A', 0))
  expect(answers(n)).toBe(true)
  n.run(7_199_000)
  n.taken()
  told(n)
  expect(answers(n)).toBe(true)
  n.run(2000)
  expect(answers(n)).toBe(false)
})

test('a deprecated address still hears but begins nothing where there is another; an expired one is gone; all ones never end (RFC 4862 §5.5.4) [v6-nd-ra-slaac-expiry]', () => {
  const n = started()
  told(n, prefix('2001:db8:5::/64', 'A', 20, 10))
  const from = n.now
  told(n, prefix('2001:db8:6::/64', 'A', 0xffffffff))
  const until = (seconds: number) => n.run(from + seconds * 1000 - n.now)
  until(5)
  expect(answers(n)).toBe(true)
  until(15)
  expect(n.node.ip6.addresses.find(ip6(MADE))!.state).toBe('deprecated')
  expect(answers(n)).toBe(true)
  // To a neighbour of its prefix the other one is chosen now.
  expect(n.node.ip6.sourceFor(ip6('2001:db8:5::77'), n.node.ports.get(1)!)).toBe(ip6('2001:db8:6::ff:fe00:1'))
  until(25)
  expect(answers(n)).toBe(false)
  expect(made(n)).toBeUndefined()
  expect(n.events.filter((e) => e.kind === 'address-gone')).toMatchObject([{ address: ip6(MADE), why: 'expired' }])
  n.taken()
  expect(ofType(n.give(frame({ from: 'fe80::bb', to: 'ff02::1:ff00:1' }, ns(MADE, slla(MAC)))), 136)).toEqual([])
  n.run(10 * 365 * 86_400_000)
  expect(wide(n).map((a) => a.state)).toEqual(['preferred'])
})

test('an address that was never preferred keeps no timer busy, while it is probed, as a duplicate, and in use', () => {
  const isIdle = (n: OneNode) => n.node.pollTimeout()! > n.now
  const n = started()
  told(n, prefix('2001:db8:5::/64', 'A', 3600, 0))
  n.run(10)
  expect(made(n)!.state).toBe('tentative')
  expect(isIdle(n)).toBe(true)
  n.run(3000)
  expect(made(n)!.state).toBe('deprecated')
  expect(isIdle(n)).toBe(true)
  const duplicate = started()
  told(duplicate, prefix('2001:db8:5::/64', 'A', 3600, 0))
  duplicate.give(frame({ from: MADE, to: 'ff02::1', mac: '0200000000ee' }, na(MADE, 'O')))
  duplicate.run(3000)
  expect(made(duplicate)!.state).toBe('duplicate')
  expect(isIdle(duplicate)).toBe(true)
})

test('a link without addresses of its own makes its identifier at random, once', () => {
  const n = new OneNode({ ports: [port(1, { medium: 'ip' })] })
  n.run(10_000)
  const advertise = (prefixText: string) =>
    n.give(
      frame({ from: 'fe80::aa', to: 'ff02::1' }, ra({ lifetime: 1800 }, prefix(prefixText, 'A', 3600))).subarray(14),
    )
  advertise('2001:db8:5::/64')
  advertise('2001:db8:6::/64')
  const ids = wide(n).map((a) => a.address & 0xffffffffffffffffn)
  expect(ids).toHaveLength(2)
  expect(ids[0]).toBe(ids[1])
  expect(ids[0]).not.toBe(0n)
  expect(ids[0]! & 0x0200000000000000n).toBe(0n)
  const [asked] = n.give(frame({ from: 'fe80::aa', to: 'ff02::1', hop: 64 }, echo()).subarray(14))
  expect(asked).toBeDefined()
})

test('a duplicate of a made address is not made again by the next advertisement (RFC 4862 §5.4.5)', () => {
  const n = started()
  told(n, prefix('2001:db8:5::/64', 'A', 3600))
  n.give(frame({ from: MADE, to: 'ff02::1', mac: '0200000000ee' }, na(MADE, 'O')))
  told(n, prefix('2001:db8:5::/64', 'A', 3600))
  n.taken()
  expect(ofType(n.run(5000), NS).filter((l) => l.src === '::')).toEqual([])
  expect(answers(n)).toBe(false)
})
