/** What holds of every crowd, every flood and every order of things (notices are errors that nobody asked for today). */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { datagram, ETH0, LOOPBACK, Scene, SHOP, target, WEB } from '../../../../test/notice/scene.ts'
import type { Instant } from '../clock.ts'
import { type Ip4, parseIp, readIp4, readIp6, showIp } from '../wire/addr.ts'
import { put16, put32 } from '../wire/octets.ts'

// Few, so that one of them often has most of what makes it a workstation.
const SERVERS = ['192.0.2.1', '192.0.2.2', '2001:db8::1', 'fe80::1']
const HOSTS = ['198.51.100.7', '203.0.113.5', '2001:db8:7::7', 'fe80::7']
const NOBODY = [
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '127.0.0.1',
  '192.0.2.1',
  '192.0.2.255',
  '240.0.0.1',
  '::',
  'ff02::1',
  '::1',
  '2001:db8::1',
]

type Step =
  | {
      kind: 'in' | 'out' | 'talk'
      host: string
      port: number
      server: string
      link: 'host' | 'broadcast' | 'multicast' | 'other'
      zone: number
      data: number
    }
  | { kind: 'offline' | 'drain' | 'back' | 'lost' | 'fail' | 'alive' }
  | { kind: 'wait'; ms: number }

const family = (a: string) => (a.includes(':') ? 6 : 4)
const flow = fc.record({
  kind: fc.constantFrom('in' as const, 'in' as const, 'out' as const, 'talk' as const),
  host: fc.constantFrom(...HOSTS, ...HOSTS, ...NOBODY),
  port: fc.constant(7),
  server: fc.constantFrom(...SERVERS, '192.0.2.1', '2001:db8::1'),
  link: fc.constantFrom(
    'host' as const,
    'host' as const,
    'host' as const,
    'broadcast' as const,
    'multicast' as const,
    'other' as const,
  ),
  zone: fc.constantFrom(ETH0, ETH0, 3),
  data: fc.constantFrom(0, 2, 60, 300),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: flow.filter((f) => family(f.host) === family(f.server)) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('offline', 'drain', 'back', 'lost', 'fail', 'alive') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(50), fc.nat(5000), fc.nat(200_000)),
    }),
  },
)

/** The address that a packet bears as its source. */
function sourceOf(p: Uint8Array): string {
  return showIp(p[0]! >>> 4 === 4 ? readIp4(p, 12) : readIp6(p, 8))
}

const addresses = new Set(SERVERS.map((a) => parseIp(a)))
const options = {
  mine: (ip: unknown) => addresses.has(ip as Ip4),
  isBroadcast: (ip: Ip4) => ip === (0xc00002ff | 0),
  rate: 200,
  burst: 3,
  recent: 0,
  freshness: 60_000,
  tellWithin: 500,
}

test('no order of datagrams, outages and waiting makes it tell whom it may not, more often than he spoke, or faster than it may', () => {
  let ever = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 80, maxLength: 200 }), (steps) => {
      const s = new Scene(options, [{ ...SHOP, grace: 10, failures: 2 }])
      /** What a flow has done, as letters; 'c' where it is confirmed. */
      const model = new Map<string, string>()
      /** What it has sent and no notice has paid back; of a link-local one on all interfaces. */
      const heard = new Map<string, { datagrams: number; octets: number }>()
      let up = true
      let told = 0
      const check = (packets: Uint8Array[]) => {
        for (const p of packets) {
          const flow = `${target(p)} ${sourceOf(p)}`
          expect(HOSTS).toContain(flow.split(' ')[0])
          const confirmed = [...model].some(([k, letters]) => k.startsWith(`${flow} `) && /i.*o.*i/.test(letters))
          const owed = heard.get(flow) ?? { datagrams: 0, octets: 0 }
          expect([flow, confirmed, owed.datagrams > 0, owed.octets >= p.length]).toEqual([flow, true, true, true])
          heard.set(flow, { datagrams: owed.datagrams - 1, octets: owed.octets - p.length })
          told++
        }
      }
      for (const st of steps) {
        if (st.kind === 'wait') {
          check(s.run(s.now + st.ms))
          continue
        }
        if (st.kind === 'in' || st.kind === 'out' || st.kind === 'talk') {
          const { host, port, server, link, zone, data } = st
          const key = `${host} ${port} ${server} ${`${host}${server}`.includes('fe80') ? zone : 0}`
          for (const way of st.kind === 'talk' ? (['in', 'out', 'in'] as const) : [st.kind]) {
            const isIn = way === 'in'
            const p = isIn ? datagram(host, port, server, 5000, data) : datagram(server, 5000, host, port)
            s.give(p, { link: isIn ? link : 'other', port: zone })
            model.set(key, `${model.get(key) ?? ''}${isIn ? (link === 'host' ? 'i' : '') : 'o'}`)
            if (!isIn) continue
            const h = heard.get(`${host} ${port} ${server}`) ?? { datagrams: 0, octets: 0 }
            heard.set(`${host} ${port} ${server}`, { datagrams: h.datagrams + 1, octets: h.octets + p.length })
          }
        } else if (st.kind === 'offline' || st.kind === 'drain') {
          s.notifier[st.kind](s.now, 'shop')
        } else if (st.kind === 'back') s.notifier.back(s.now, 'shop')
        else if (st.kind === 'lost') {
          up = !up
          s.holders.set('shop', up ? 1 : 0)
          s.notifier.sign(s.now, 'shop', { kind: 'lost' })
        } else s.notifier.sign(s.now, 'shop', { kind: 'probe', ok: st.kind === 'alive' })
        check(s.collect())
      }
      // A token bucket: in any stretch of time the burst and the rate, no more.
      const sent = s.sentAt
      for (let i = 0; i + 4 < sent.length; i++) expect(sent[i + 4]! - sent[i]!).toBeGreaterThanOrEqual(4.9)
      expect(told).toBe(s.notifier.counters.sent)
      ever += told
      for (const e of s.events) {
        if (e.kind !== 'outage') continue
        const passed = Object.values(e.suppressed).reduce((a, b) => a + b, 0)
        expect(e.sent + passed).toBe(e.workstations)
      }
    }),
    { numRuns: 100, endOnFailure: true },
  )
  // Else nothing was seen: it is a thousand and more.
  expect(ever).toBeGreaterThan(50)
})

test('a flood of forged sources, answered by the program, never enters the table and costs a fixed room', () => {
  const s = new Scene({ random: Math.random })
  const into = datagram('198.51.100.7', 7, '192.0.2.1', 5000)
  const out = datagram('192.0.2.1', 5000, '198.51.100.7', 7)
  for (let i = 0; i < 300_000; i++) {
    const source = 0x0a000000 + i
    put32(into, 12, source)
    s.give(into)
    put32(out, 16, source)
    s.give(out, { link: 'other' })
  }
  expect(s.notifier.status(s.now)[0]).toMatchObject({ workstations: 0 })
  expect(s.notifier.memory).toBeLessThanOrEqual((2 << 20) + 4096)
  s.notifier.offline(s.now, 'shop')
  expect(s.run(5000)).toEqual([])
})

test('a flood whose sources come again is bounded by the table, and amplifies nothing: neither in messages nor in octets', () => {
  for (const data of [0, 60, 300]) floodAgain(data)
})

function floodAgain(data: number): void {
  const s = new Scene({ limit: 5000, recent: 0, rate: 1e9, burst: 1e9, perAddressRate: 1e9, perAddressBurst: 1e9 })
  const into = datagram('198.51.100.7', 7, '192.0.2.1', 5000, data)
  const out = datagram('192.0.2.1', 5000, '198.51.100.7', 7, data)
  for (let i = 0; i < 20_000; i++) {
    put32(into, 12, 0x0a000000 + i)
    put32(out, 16, 0x0a000000 + i)
    s.confirm(into, out)
  }
  const sent = new Map<number, number[]>()
  for (let n = 0; n < 6; n++) {
    s.notifier.offline(s.now, 'shop')
    for (const p of s.run(s.now + 3000)) sent.set(readIp4(p, 16), [...(sent.get(readIp4(p, 16)) ?? []), p.length])
    s.notifier.back(s.now, 'shop')
  }
  expect(sent.size).toBe(5000)
  for (const lengths of sent.values()) {
    expect(lengths.length).toBeLessThanOrEqual(2)
    expect(lengths.reduce((sum, n) => sum + n)).toBeLessThanOrEqual(2 * into.length)
  }
  expect(s.notifier.counters.suppressed['table-full']).toBe(15_000)
}

test('a flood of opening segments during a drain gets no more answers than segments, and none longer than a quote needs', () => {
  const s = new Scene({ rate: 1000, burst: 50 }, [WEB])
  s.notifier.drain(s.now, 'web')
  s.look()
  s.notifier.connections(s.now, 'web', [])
  const syn = new Uint8Array(40)
  syn.set([0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6], 0)
  put32(syn, 16, 0xc0000201)
  put16(syn, 22, 443)
  syn.set([0x50, 2], 32)
  let octets = 0
  let count = 0
  for (let i = 0; i < 5000; i++) {
    put32(syn, 12, 0x0a000000 + i)
    put16(syn, 20, 1024 + i)
    s.give(syn)
    if (i % 100 === 0) s.now = (s.now + 1) as Instant
    for (const p of s.collect()) {
      octets += p.length
      count++
    }
  }
  expect(count).toBeLessThanOrEqual(50 + 51)
  expect(octets).toBe(count * 56)
})

test('random octets as packets are taken without a word, and never make anybody told', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 30 }), (packets) => {
      const s = new Scene({}, [SHOP, WEB])
      for (const p of packets) s.give(p, { port: LOOPBACK })
      s.notifier.offline(s.now, 'shop')
      expect(s.run(3000)).toEqual([])
    }),
  )
})
