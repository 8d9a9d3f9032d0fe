import { expect, test } from 'vitest'
import { frame, left, ofType, type Ra, ra } from '../../../../../test/stack/nd-octets.ts'
import { OneNode, port } from '../../../../../test/stack/one-node.ts'

const LINK_LOCAL = 'fe80::ff:fe00:1'
/** A router. */
const A = { from: 'fe80::aa', mac: '0200000000aa' }
const RS = 133

type Router = typeof A

const advertise = (n: OneNode, r: Router, f: Ra, ...options: string[]) =>
  n.give(frame({ from: r.from, to: 'ff02::1', mac: r.mac }, ra(f, ...options)))

test('routers are asked for within a second, then ever more rarely, up to an hour, without end (RFC 4861 §6.3.7, RFC 7559 §2) [v6-nd-rs-send]', () => {
  const firsts: number[] = []
  for (let seed = 1; seed <= 20; seed++) {
    let r = seed * 40_000_003
    const n = new OneNode({
      random: () => {
        r = (r * 16807) % 2147483647
        return r / 2147483647
      },
      ports: [port(1)],
    })
    const at = n
      .run(86_400_000)
      .filter((s) => left(s.bytes).type === RS)
      .map((s) => s.at)
    firsts.push(at[0]!)
    const gaps = at.slice(1).map((t, i) => t - at[i]!)
    expect(gaps[0]).toBeGreaterThanOrEqual(3600)
    expect(gaps[0]).toBeLessThanOrEqual(4400)
    for (const [i, gap] of gaps.entries()) {
      const before = gaps[i - 1]
      if (before === undefined) continue
      if (gap < 3_240_000) {
        expect(gap / before).toBeGreaterThanOrEqual(1.9)
        expect(gap / before).toBeLessThanOrEqual(2.1)
      }
      expect(gap).toBeLessThanOrEqual(3_960_000)
    }
    expect(gaps.filter((g) => g >= 3_240_000).length).toBeGreaterThan(15)
  }
  expect(Math.min(...firsts)).toBeLessThan(250)
  expect(Math.max(...firsts)).toBeGreaterThan(750)
  expect(Math.max(...firsts)).toBeLessThanOrEqual(1000)
})

test('a solicitation has a link-layer address in it once there is a source, and none before (RFC 4861 §4.1) [v6-nd-rs-format]', () => {
  const n = new OneNode({ ports: [port(1)] })
  const [early, later] = ofType(n.run(10_000), RS)
  expect(early).toMatchObject({
    src: '::',
    dst: 'ff02::2',
    dstMac: '333300000002',
    hop: 255,
    code: 0,
    options: '',
    sound: true,
  })
  expect(later).toMatchObject({
    src: LINK_LOCAL,
    dst: 'ff02::2',
    hop: 255,
    code: 0,
    options: '0101020000000001',
    sound: true,
  })
  expect(later!.icmp.slice(8, 16)).toBe('00000000')
})

test('an advertisement with a lifetime ends the asking, another one does not (RFC 4861 §6.3.7, RFC 7559 §2.1) [v6-nd-rs-stop]', () => {
  const asked = (ms: number, n: OneNode) => ofType(n.run(ms), RS).length
  const answered = new OneNode({ ports: [port(1)] })
  expect(asked(3000, answered)).toBe(1)
  advertise(answered, A, { lifetime: 1800 })
  expect(asked(86_400_000, answered)).toBe(0)
  for (const useless of [
    frame({ from: A.from, to: 'ff02::1' }, ra({ lifetime: 0 })),
    frame({ from: A.from, to: 'ff02::1', hop: 254 }, ra({ lifetime: 1800 })),
    frame({ from: '2001:db8::aa', to: 'ff02::1' }, ra({ lifetime: 1800 })),
  ]) {
    const n = new OneNode({ ports: [port(1)] })
    expect(asked(3000, n)).toBe(1)
    n.give(useless)
    expect(asked(20_000, n)).toBe(2)
  }
})

test('one solicitation is sent though an advertisement came before it (RFC 4861 §6.3.7) [v6-nd-rs-once]', () => {
  const n = new OneNode({ ports: [port(1)] })
  advertise(n, A, { lifetime: 1800 })
  expect(ofType(n.run(86_400_000), RS)).toHaveLength(1)
})
