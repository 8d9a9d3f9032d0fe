import { describe, expect, test } from 'vitest'
import { OneNode, port } from '../../../../../test/stack/one-node.ts'
import {
  checksum,
  datagram,
  echo,
  type Fields,
  fragment,
  icmp,
  pattern,
  read,
} from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'
import type { Ip4Settings } from './settings.ts'

function node(role: 'host' | 'gateway', ip4: Partial<Ip4Settings> = {}): OneNode {
  const n = new OneNode({ role, ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] })], ip4 })
  n.run(10_000)
  n.taken()
  return n
}
const ROLES = ['host', 'gateway'] as const
/** What a node says in IPv4 while `ms` pass. */
const said = (n: OneNode, ms: number) => n.run(ms).filter((s) => s.bytes[0]! >> 4 === 4)
const WHOLE = echo({ id: 7 }, 1200)
const FIRST = fragment(WHOLE, 0, 400)
const SECOND = fragment(WHOLE, 400, 800)
const THIRD = fragment(WHOLE, 800, 1208)
const isAnswered = (answers: Uint8Array[]) => answers.length === 1 && hex(read(answers[0]!).rest) === hex(pattern(1200))

describe.each(ROLES)('a %s that waits for fragments', (role) => {
  test('tells the source by time exceeded code 1 when they do not come, quoting the first as it came (RFC 1122 §3.3.2) [v4-te-reassembly-generate] [v4-te-reassembly-quote] [v4-te-reassembly-router]', () => {
    const n = node(role)
    n.give(FIRST)
    n.give(THIRD)
    expect(said(n, 59_999)).toEqual([])
    const [error, ...more] = said(n, 2)
    expect(more).toEqual([])
    const { type, code, dst, rest } = read(error!.bytes)
    expect([type, code, dst]).toEqual([11, 1, '192.0.2.2'])
    expect(hex(rest)).toBe(hex(FIRST))
    expect(n.node.counters.dropped['fragment-timeout']).toBe(1)
  })

  test('quotes no more of a long first fragment than fits (RFC 1122 §3.3.2) [v4-te-reassembly-quote]', () => {
    const n = node(role)
    const first = fragment(WHOLE, 0, 1192)
    n.give(first)
    const [error] = said(n, 61_000)
    expect(hex(read(error!.bytes).rest)).toBe(hex(first, 0, 548))
  })

  test('says nothing where the first fragment is missing (RFC 792) [v4-te-reassembly-no-frag0]', () => {
    const n = node(role)
    n.give(SECOND)
    n.give(THIRD)
    expect(said(n, 200_000)).toEqual([])
    expect(n.node.counters.dropped['fragment-timeout']).toBe(1)
  })

  test('says nothing where it came as a broadcast of the link, any of it (RFC 1122 §3.2.2) [v4-err-not-link-bcast]', () => {
    const n = node(role)
    n.give(FIRST)
    n.give(SECOND, { link: 'multicast' })
    expect(said(n, 61_000)).toEqual([])
    expect(n.node.counters.suppressed['link-broadcast']).toBe(1)
  })

  test('waits for a minute from the first arrival on, whatever the TTL is and whatever comes meanwhile (RFC 1122 §3.3.2) [v4-te-reassembly-timeout]', () => {
    for (const ttl of [1, 255]) {
      const n = node(role)
      n.give(fragment(WHOLE, 0, 400, { ttl }))
      expect(said(n, 50_000)).toEqual([])
      n.give(fragment(WHOLE, 400, 800, { ttl }))
      expect(said(n, 9_990)).toEqual([])
      expect(said(n, 20)).toHaveLength(1)
    }
  })

  test('has forgotten a datagram that came whole: no time exceeded for it', () => {
    const n = node(role)
    n.give(FIRST)
    n.give(SECOND)
    expect(isAnswered(n.give(THIRD))).toBe(true)
    expect(said(n, 200_000)).toEqual([])
    expect(n.node.counters.dropped).toEqual({})
  })

  test('takes a copy of a fragment for what it is', () => {
    const n = node(role)
    for (const part of [FIRST, FIRST, THIRD, THIRD]) n.give(part)
    expect(isAnswered(n.give(SECOND))).toBe(true)
    expect(n.node.counters.dropped).toEqual({ 'fragment-duplicate': 2 })
  })

  test.each<[string, Fields & { payload: Uint8Array }]>([
    ['begins inside another (teardrop)', { offset: 200, mf: true, payload: pattern(400) }],
    ['lies inside another', { offset: 80, mf: true, payload: pattern(8) }],
    ['covers another', { offset: 392, mf: true, payload: pattern(416) }],
    ['has the place of another and other octets', { offset: 0, mf: true, payload: pattern(400) }],
  ])('gives up a datagram with a fragment that %s', (_, { payload, ...f }) => {
    const n = node(role)
    n.give(FIRST)
    n.give(datagram({ protocol: 1, id: 7, ...f }, payload))
    expect(n.node.counters.dropped).toEqual({ 'fragment-overlap': 1 })
    expect(n.give(SECOND)).toEqual([])
    expect(n.give(THIRD)).toEqual([])
  })

  test('keeps apart datagrams of other sources, identifications and protocols', () => {
    const n = node(role)
    n.give(FIRST)
    n.give(SECOND)
    const other = (f: Fields) => n.give(datagram({ protocol: 1, id: 7, offset: 800, ...f }, THIRD.subarray(20)))
    expect(other({ src: '192.0.2.3' })).toEqual([])
    expect(other({ id: 8 })).toEqual([])
    expect(other({ protocol: 253 })).toEqual([])
    expect(isAnswered(n.give(THIRD))).toBe(true)
  })

  test('refuses what would be longer than a datagram can be (ping of death)', () => {
    const n = node(role)
    n.give(fragment(WHOLE, 0, 400))
    expect(n.give(datagram({ protocol: 1, id: 7, offset: 65_528 }, pattern(1000)))).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'fragment-too-big': 1 })
    // And where only the options of the first fragment make it too long.
    const long = node(role)
    long.give(datagram({ protocol: 1, id: 9, offset: 65_496 }, pattern(19)))
    long.give(datagram({ protocol: 1, id: 9, mf: true, options: '01'.repeat(40) }, pattern(8)))
    expect(long.node.counters.dropped).toEqual({ 'fragment-too-big': 1 })
  })

  test('drops fragments that cannot be: no octets, or a length that leaves the next one nowhere to begin', () => {
    const n = node(role)
    n.give(datagram({ protocol: 1, mf: true }, pattern(7)))
    n.give(datagram({ protocol: 1, mf: true, offset: 8 }))
    n.give(datagram({ protocol: 1, offset: 8 }))
    expect(n.node.counters.dropped).toEqual({ 'fragment-bad': 3 })
    // Two ends that differ, and octets behind the end.
    for (const [offset, mf] of [
      [1600, false],
      [800, false],
      [1600, true],
    ] as const) {
      const two = node(role)
      two.give(datagram({ protocol: 1, id: 7, offset: 1200 }, pattern(8)))
      two.give(datagram({ protocol: 1, id: 7, offset, mf }, pattern(8)))
      expect(two.node.counters.dropped).toEqual({ 'fragment-bad': 1 })
    }
  })

  test('answers a whole datagram of one fragment, offset 0 and no more, without waiting', () => {
    expect(isAnswered(node(role).give(WHOLE))).toBe(true)
  })
})

describe('the memory for fragments', () => {
  /** Fragments, each of another datagram, none ever whole. */
  const flood = (n: OneNode, count: number, octets: number, offset: number) => {
    for (let i = 0; i < count; i++) {
      const src = `192.0.2.${2 + (i % 250)}`
      n.give(datagram({ protocol: 1, src, id: i & 0xffff, offset, mf: true }, pattern(octets)))
    }
  }

  test('holds no more datagrams than it may, the oldest go', () => {
    const n = node('host', { reassemblyDatagrams: 16 })
    flood(n, 1000, 8, 8)
    expect(n.node.ip4.reassembly.size).toBe(16)
    expect(n.node.counters.dropped).toEqual({ 'fragment-limit': 984 })
    n.give(FIRST)
    n.give(SECOND)
    expect(isAnswered(n.give(THIRD))).toBe(true)
  })

  test('holds no more octets than it may, tiny fragments counted for what they cost', () => {
    const n = node('host', { reassemblyOctets: 100_000, reassemblyDatagrams: 100_000 })
    flood(n, 2000, 1400, 0)
    expect(n.node.ip4.reassembly.octets).toBeLessThanOrEqual(100_000)
    expect(n.node.ip4.reassembly.octets).toBeGreaterThan(90_000)
    const tiny = node('host', { reassemblyOctets: 100_000 })
    // 8000 fragments of 8 octets, of one datagram.
    for (let i = 0; i < 8000; i++) tiny.give(datagram({ protocol: 1, id: 7, offset: 8 * i, mf: true }, pattern(8)))
    expect(tiny.node.ip4.reassembly.octets).toBeLessThanOrEqual(100_000)
    expect(tiny.node.counters.dropped['fragment-limit']).toBeGreaterThan(5)
  })

  test('is empty again when all have timed out, and no timer is left', () => {
    const n = node('host')
    flood(n, 1000, 104, 8)
    said(n, 61_000)
    expect([n.node.ip4.reassembly.size, n.node.ip4.reassembly.octets]).toEqual([0, 0])
    expect(n.node.counters.dropped).toEqual({ 'fragment-limit': 744, 'fragment-timeout': 256 })
  })

  test.each<[string, (i: number) => [source: number, id: number]]>([
    ['one source that counts', (i) => [0xc0000202, i]],
    ['sources with the same low bits', (i) => [((i % 200) << 24) | (i << 8) | 7, 1]],
    ['sources with the same high bits', (i) => [0x0a0a0000 | i, 1]],
    ['sources and identifications that differ alike', (i) => [0x0a000000 | i, i]],
  ])('holds 65,536 datagrams of %s, and a look-up takes a handful of steps', (_, of) => {
    const n = node('host', { reassemblyDatagrams: 65_536, reassemblyOctets: 1 << 30 })
    const bytes = datagram({ protocol: 1, offset: 8, mf: true }, pattern(8))
    const a = { bytes, at: 0, end: 28, length: 28, origin: 'wire', link: 'host', checksum: 'unknown', port: 1 } as const
    for (let i = 0; i < 65_536; i++) {
      const [src, id] = of(i)
      bytes.set([id >> 8, id], 4)
      bytes.set([0, 0, src >> 24 || 9, src >> 16, src >> 8, src], 10)
      const sum = checksum(bytes, 0, 20)
      bytes.set([sum >> 8, sum], 10)
      n.node.handlePacket(n.now as Instant, { ...a, stamp: n.now as Instant, clock: 'virtual' })
    }
    expect(n.node.ip4.reassembly.size).toBeGreaterThan(60_000)
    expect(n.node.ip4.reassembly.longest).toBeLessThanOrEqual(12)
  })

  test('may be none at all: then fragments are dropped, whole datagrams are not', () => {
    const n = node('host', { reassemblyDatagrams: 0 })
    expect(n.give(FIRST)).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'fragment-limit': 1 })
    expect(isAnswered(n.give(WHOLE))).toBe(true)
  })
})

test('the checksum is judged when the datagram is whole (RFC 1122 §3.2.2)', () => {
  const damaged = datagram({ protocol: 1, id: 7 }, icmp(8, 0, '00010001', pattern(1200), 1))
  const n = node('host')
  n.give(fragment(damaged, 0, 400))
  expect(n.give(fragment(damaged, 400, 1208))).toEqual([])
  expect(n.node.counters.dropped).toEqual({ 'bad-checksum': 1 })
})
