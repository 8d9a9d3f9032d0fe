import { describe, expect, test } from 'vitest'
import { packet } from '../../../../test/notice/notice-packets.ts'
import { datagram, Scene, SHOP, target } from '../../../../test/notice/scene.ts'
import { usable } from '../wire/extension.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import { put16, put32 } from '../wire/octets.ts'
import * as outageObject from '../wire/outage-object.ts'
import type { NotifierOptions } from './notifier.ts'

const [IN, OUT] = [packet('in4'), packet('out4')]
const SERVER = '192.0.2.1'

/** So many workstations, each with an address of its own, or ports behind one. */
function crowd(s: Scene, count: number, nat = false): void {
  const [into, out] = [IN.slice(), OUT.slice()]
  for (let i = 0; i < count; i++) {
    // An address has so many ports.
    const server = nat && i >= 60_000 ? 0xc0000202 : 0xc0000201
    for (const [p, src, dst] of [
      [into, 12, 16],
      [out, 16, 12],
    ] as const) {
      if (!nat) put32(p, src, 0x0a000000 + i)
      put32(p, dst, server)
      put16(p, src === 12 ? 20 : 22, nat ? 2000 + (i % 60_000) : 9)
    }
    s.confirm(into, out)
  }
}

/** What a notice says; undefined of an error without words. */
function outageOf(p: Uint8Array, family: 4 | 6): outageObject.Outage | undefined {
  const m = family === 4 ? icmp4.parse(p, 20) : icmp6.parse(p, 40)
  if (m.kind !== 'unreachable') throw new Error(m.kind)
  for (const o of usable(m.extensions)) {
    const read = o.kind === 'unknown' ? outageObject.parse(o.payload) : undefined
    if (read?.kind === 'outage') return read
  }
  return undefined
}

describe('whom it tells', () => {
  test('only who was heard, answered, and heard again', () => {
    const steps = { i: IN, o: OUT }
    for (const [order, count] of [
      ['', 0],
      ['i', 0],
      ['io', 0],
      ['ii', 0],
      ['iii', 0],
      ['oi', 0],
      ['oio', 0],
      ['ioo', 0],
      ['ioi', 1],
      ['iioi', 1],
      ['oioi', 1],
    ] as const) {
      const s = new Scene()
      for (const c of order) s.give(steps[c as 'i' | 'o'], c === 'o' ? { link: 'other' } : {})
      s.notifier.offline(s.now, 'shop')
      expect([order, s.collect().length]).toEqual([order, count])
    }
  })

  test('each once in an outage, and the silent once more after a second', () => {
    const s = new Scene()
    s.confirm(IN, OUT)
    const loud = datagram('198.51.100.8', 7, SERVER, 5000)
    s.confirm(loud, datagram(SERVER, 5000, '198.51.100.8', 7))
    s.notifier.offline(s.now, 'shop')
    expect(s.run(500).map(target)).toEqual(['198.51.100.7 40000', '198.51.100.8 7'])
    s.give(loud)
    expect(s.run(990)).toEqual([])
    expect(s.run(1100).map(target)).toEqual(['198.51.100.7 40000'])
    expect(s.run(600_000)).toEqual([])
    expect(s.notifier.counters).toMatchObject({ sent: 3, repeated: 1 })
    expect(s.notifier.pollTimeout()).toBe(Number.POSITIVE_INFINITY)
  })

  test('the outage is told as an event when all have been told once, and its numbers add up', () => {
    const s = new Scene({ freshness: 60_000 })
    s.confirm(IN, OUT)
    s.run(100_000)
    crowd(s, 5)
    s.notifier.offline(s.now, 'shop', { reason: 'maintenance', backAt: 1_800_009_000 })
    s.collect()
    expect(s.last('outage')).toEqual({
      kind: 'outage',
      program: 'shop',
      state: 'offline',
      protocol: 'udp',
      port: 5000,
      workstations: 6,
      sent: 5,
      suppressed: { stale: 1 },
      rebuilt: 0,
      bare: 0,
      detectedNs: 0,
      lastSentNs: 0,
      reason: 'maintenance',
      backAt: 1_800_009_000,
    })
  })

  test('with nobody connected the outage is an event all the same', () => {
    const s = new Scene()
    s.notifier.offline(s.now, 'shop')
    s.collect()
    expect(s.last('outage')).toMatchObject({ workstations: 0, sent: 0, suppressed: {} })
  })

  test('who was silent for longer than firewalls remember is not told, and what the server sends counts', () => {
    const s = new Scene()
    s.confirm(IN, OUT)
    const [heard, answered] = [datagram('198.51.100.8', 7, SERVER, 5000), datagram(SERVER, 5000, '198.51.100.8', 7)]
    s.confirm(heard, answered)
    s.run(100_000)
    s.give(answered, { link: 'other' })
    s.run(121_000)
    s.notifier.offline(s.now, 'shop')
    expect(s.collect().map(target)).toEqual(['198.51.100.8 7'])
    expect(s.last('outage').suppressed).toEqual({ stale: 1 })
  })

  test('who speaks up during an outage that he was not told of is told then', () => {
    const s = new Scene()
    s.confirm(IN, OUT)
    s.run(200_000)
    s.notifier.drain(s.now, 'shop')
    expect(s.run(205_000)).toEqual([])
    s.give(IN)
    s.give(IN)
    expect(s.run(205_500).map(target)).toEqual(['198.51.100.7 40000'])
    s.give(IN)
    expect(s.run(208_000)).toEqual([])
    // And who comes newly, confirmed while it is drained.
    s.confirm(datagram('198.51.100.8', 7, SERVER, 5000), datagram(SERVER, 5000, '198.51.100.8', 7))
    expect(s.run(208_100).map(target)).toEqual(['198.51.100.8 7'])
  })

  test('two outages within half a minute are told once; with more between them twice', () => {
    const s = new Scene({ repeatAfter: 0 })
    const outage = () => {
      s.give(IN)
      s.notifier.offline(s.now, 'shop')
      const sent = s.collect().length
      s.notifier.back(s.now, 'shop')
      return sent
    }
    s.confirm(IN, OUT)
    expect(outage()).toBe(1)
    s.run(10_000)
    expect(outage()).toBe(0)
    expect(s.last('outage').suppressed).toEqual({ recent: 1 })
    s.run(31_000)
    expect(outage()).toBe(1)
  })

  test('of a second outage within half a minute they are told when that is over, if it lasts so long', () => {
    const s = new Scene({ repeatAfter: 0 })
    crowd(s, 3)
    s.notifier.offline(s.now, 'shop', { reason: 'a restart' })
    expect(s.collect().map((p) => outageOf(p, 4)?.reason)).toEqual(['a restart', 'a restart', 'a restart'])
    s.run(4000)
    s.notifier.back(s.now, 'shop')
    const [into, out] = [datagram('198.51.100.8', 7, SERVER, 5000, 200), datagram(SERVER, 5000, '198.51.100.8', 7, 200)]
    s.confirm(into, out)
    crowd(s, 3)
    s.run(5000)
    s.notifier.offline(s.now, 'shop', { reason: 'a new disk' })
    expect(s.run(29_900).map(target)).toEqual(['198.51.100.8 7'])
    expect(s.last('outage')).toMatchObject({ workstations: 4, sent: 1, suppressed: { recent: 3 } })
    // Who is still there is told of what lasts; and nobody twice.
    expect(s.run(600_000).map((p) => outageOf(p, 4)?.reason)).toEqual(['a new disk', 'a new disk', 'a new disk'])
    expect(s.notifier.pollTimeout()).toBe(Number.POSITIVE_INFINITY)
    // A fourth, over before the half minute after the third is: nobody hears of it.
    s.notifier.back(s.now, 'shop')
    for (const wait of [0, 10_000]) {
      crowd(s, 3)
      s.notifier.offline(s.now, 'shop')
      s.run(s.now + 10)
      s.notifier.back(s.now, 'shop')
      s.run(s.now + wait)
    }
    expect(s.run(s.now + 60_000)).toEqual([])
  })

  test('it never sends a workstation more notices than that has sent datagrams', () => {
    const s = new Scene({ recent: 0 })
    s.confirm(IN, OUT)
    let sent = 0
    for (let n = 0; n < 5; n++) {
      s.notifier.offline(s.now, 'shop')
      sent += s.run(s.now + 2000).length
      s.notifier.back(s.now, 'shop')
    }
    expect(sent).toBe(2)
    expect(s.last('outage').suppressed).toEqual({ 'no-credit': 1 })
  })

  test('it never sends a workstation more octets than that has sent: who said little gets an error without words', () => {
    for (const [family, ws, server, floor] of [
      [4, '198.51.100.7', SERVER, 28],
      [6, '2001:db8:7::7', '2001:db8::1', 48],
    ] as const) {
      const s = new Scene({ recent: 0 })
      const into = datagram(ws, 7, server, 5000, 0)
      s.confirm(into, datagram(server, 5000, ws, 7, 0))
      s.notifier.offline(s.now, 'shop', { reason: 'maintenance' })
      const [bare, ...more] = s.run(3000)
      expect([into.length, bare!.length, more]).toEqual([floor, 2 * floor, []])
      expect(outageOf(bare!, family)).toBeUndefined()
      expect(s.last('outage')).toMatchObject({ workstations: 1, sent: 1, bare: 1, suppressed: {} })
      s.notifier.back(s.now, 'shop')
      // As many datagrams are owed as notices now, but not as many octets.
      s.give(into)
      s.notifier.offline(s.now, 'shop', { reason: 'maintenance' })
      expect(s.run(6000)).toEqual([])
      expect(s.last('outage')).toMatchObject({ workstations: 1, sent: 0, suppressed: { 'no-credit': 1 } })
    }
  })

  test('whoever got an error without words gets them, once, as soon as he has said enough', () => {
    const s = new Scene()
    const into = datagram('198.51.100.7', 7, SERVER, 5000, 4)
    s.confirm(into, datagram(SERVER, 5000, '198.51.100.7', 7, 4))
    s.notifier.drain(s.now, 'shop', { reason: 'maintenance' })
    const told = s.run(500)
    let heard = 2 * into.length
    for (let n = 1; n <= 40; n++) {
      s.give(into)
      heard += into.length
      told.push(...s.run(500 + n * 100))
      expect(told.reduce((sum, p) => sum + p.length, 0)).toBeLessThanOrEqual(heard)
    }
    expect(told.map((p) => outageOf(p, 4)?.reason)).toEqual([undefined, 'maintenance'])
  })

  test('what a datagram says of its own length counts only as far as the link has carried it', () => {
    const s = new Scene()
    const into = datagram('198.51.100.7', 7, SERVER, 5000, 0)
    s.confirm(into, datagram(SERVER, 5000, '198.51.100.7', 7, 0))
    put16(into, 2, 0xffff)
    s.give(into)
    s.notifier.offline(s.now, 'shop')
    expect(s.collect().map((p) => p.length)).toEqual([56])
  })

  test('whoever is told late is told what holds then: the time, and the operator’s last words', () => {
    const s = new Scene()
    s.confirm(IN, OUT)
    s.run(200_000)
    s.confirm(datagram('198.51.100.9', 7, SERVER, 5000, 200), datagram(SERVER, 5000, '198.51.100.9', 7, 200))
    s.notifier.offline(s.now, 'shop', { reason: 'a new disk', backAt: 1_800_001_000 })
    expect(s.collect().map((p) => outageOf(p, 4))).toMatchObject([{ seconds: 1_800_000_200, reason: 'a new disk' }])
    // A signature is believed for a minute: an old time would make it a replay.
    s.run(300_000)
    s.give(IN)
    expect(s.collect().map((p) => outageOf(p, 4))).toMatchObject([{ seconds: 1_800_000_300, reason: 'a new disk' }])
    s.notifier.offline(s.now, 'shop', { reason: 'and a new fan', backAt: 1_800_002_000 })
    const [into, out] = [datagram('198.51.100.8', 7, SERVER, 5000, 200), datagram(SERVER, 5000, '198.51.100.8', 7, 200)]
    s.confirm(into, out)
    expect(s.collect().map((p) => outageOf(p, 4))).toMatchObject([{ reason: 'and a new fan', backAt: 1_800_002_000 }])
    s.notifier.drain(s.now, 'shop')
    const late = [
      datagram('198.51.100.6', 7, SERVER, 5000, 200),
      datagram(SERVER, 5000, '198.51.100.6', 7, 200),
    ] as const
    s.confirm(...late)
    expect(s.collect().map((p) => outageOf(p, 4)?.state)).toEqual([outageObject.State.draining])
  })

  test('when the program is back in the middle of it, the rest is not told', () => {
    const s = new Scene({ rate: 100, burst: 10 })
    crowd(s, 50)
    s.notifier.offline(s.now, 'shop')
    expect(s.run(100).length).toBe(20)
    s.notifier.back(s.now, 'shop')
    expect(s.run(10_000)).toEqual([])
    expect(s.last('outage')).toMatchObject({ sent: 20, suppressed: { back: 30 }, workstations: 50 })
  })
})

describe('from whom nothing is taken (RFC 1122 §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4(e))', () => {
  const options: Partial<NotifierOptions> = {
    mine: (ip) => ip === (0xc0000201 | 0) || ip === (0x20010db8n << 96n) + 1n,
    isBroadcast: (ip) => ip === (0xc00002ff | 0),
  }
  const sources: [string, string, string][] = [
    ['0.0.0.0', SERVER, 'not-unicast'],
    ['0.1.2.3', SERVER, 'not-unicast'],
    ['224.0.0.1', SERVER, 'not-unicast'],
    ['239.255.255.250', SERVER, 'not-unicast'],
    ['255.255.255.255', SERVER, 'not-unicast'],
    ['240.0.0.1', SERVER, 'not-unicast'],
    ['192.0.2.255', SERVER, 'not-unicast'],
    ['198.51.100.7', '192.0.2.255', 'not-unicast'],
    ['198.51.100.7', '224.0.0.1', 'not-unicast'],
    ['198.51.100.7', '192.0.2.99', 'not-unicast'],
    ['127.0.0.1', SERVER, 'loopback-of-others'],
    [SERVER, SERVER, 'own'],
    ['::', '2001:db8::1', 'not-unicast'],
    ['ff02::1', '2001:db8::1', 'not-unicast'],
    ['2001:db8::7', 'ff02::1', 'not-unicast'],
    ['::1', '2001:db8::1', 'loopback-of-others'],
    ['2001:db8::1', '2001:db8::1', 'own'],
  ]
  test.each(sources)('from %s to %s: %s', (src, dst, why) => {
    const s = new Scene(options)
    for (let n = 0; n < 4; n++) s.confirm(datagram(src, 7, dst, 5000), datagram(dst, 5000, src, 7))
    s.notifier.offline(s.now, 'shop')
    expect(s.run(5000)).toEqual([])
    expect(Object.keys(s.notifier.counters.suppressed)).toEqual([why])
  })

  test.each(['broadcast', 'multicast', 'other'] as const)('what the link delivered as %s', (link) => {
    const s = new Scene()
    for (let n = 0; n < 4; n++) {
      s.give(IN, { link })
      s.give(OUT, { link: 'other' })
    }
    s.notifier.offline(s.now, 'shop')
    expect(s.run(5000)).toEqual([])
  })

  test('fragments behind the first, ICMP, other protocols, damaged packets', () => {
    const icmp = packet('notice4')
    const short = IN.slice(0, 27)
    const version = IN.slice()
    version[0] = 0x55
    const length = IN.slice()
    put16(length, 2, 10)
    for (const bytes of [packet('fragment4'), icmp, short, version, length, new Uint8Array(0)]) {
      const s = new Scene()
      for (let n = 0; n < 4; n++) s.confirm(bytes, OUT)
      s.notifier.offline(s.now, 'shop')
      expect(s.run(5000)).toEqual([])
      expect(s.notifier.counters.heard).toBe(0)
    }
  })

  test('a port that no program has', () => {
    const s = new Scene()
    s.confirm(datagram('198.51.100.7', 7, SERVER, 5001), datagram(SERVER, 5001, '198.51.100.7', 7))
    s.notifier.offline(s.now, 'shop')
    expect(s.collect()).toEqual([])
  })
})

describe('how many at once', () => {
  test('no more than the rate after the burst, and all are told in the end', () => {
    const s = new Scene({ rate: 1000, burst: 100, repeatAfter: 0 })
    crowd(s, 1000)
    s.notifier.offline(s.now, 'shop')
    expect(s.collect()).toHaveLength(100)
    expect(s.run(100).length).toBeLessThanOrEqual(101)
    expect(s.run(1000).length).toBeGreaterThanOrEqual(798)
    expect(s.last('outage')).toMatchObject({ workstations: 1000, sent: 1000, suppressed: {} })
    expect(s.last('outage').lastSentNs).toBeGreaterThanOrEqual(890e6)
  })

  test('1,000 ports behind one address are all told at once', () => {
    const s = new Scene({ repeatAfter: 0 })
    crowd(s, 1000, true)
    s.notifier.offline(s.now, 'shop')
    expect(s.collect()).toHaveLength(1000)
  })

  test('100,000 flows behind one address keep the limit of an address, and hold nobody else up', () => {
    const s = new Scene({ repeatAfter: 0, tellWithin: 2000 })
    crowd(s, 100_000, true)
    crowd(s, 100)
    s.notifier.offline(s.now, 'shop')
    let to = { one: 0, others: 0 }
    const count = (packets: Uint8Array[]) => {
      const one = packets.filter((p) => p[16] === 198).length
      to = { one, others: packets.length - one }
      return to
    }
    expect(count(s.run(25))).toMatchObject({ others: 100 })
    // 2000 at once and 20,000 a second.
    expect(to.one).toBeLessThanOrEqual(2000 + 500)
    for (const until of [525, 1025, 1525]) expect(count(s.run(until)).one).toBeLessThanOrEqual(10_000 + 1000)
    s.run(3000)
    const { sent, suppressed, workstations } = s.last('outage')
    expect(workstations).toBe(100_100)
    expect(sent).toBeLessThanOrEqual(100 + 2000 + 2.1 * 20_000)
    expect(sent).toBeGreaterThan(100 + 30_000)
    expect(suppressed).toEqual({ 'address-rate': 100_100 - sent })
  })

  test('a rate of nothing tells nobody, and says why', () => {
    const s = new Scene({ rate: 0, burst: 0, tellWithin: 500 })
    crowd(s, 3)
    s.notifier.offline(s.now, 'shop')
    expect(s.run(10_000)).toEqual([])
    expect(s.last('outage')).toMatchObject({ sent: 0, suppressed: { rate: 3 } })
  })

  test('the table is bounded, and who found no room is counted', () => {
    const s = new Scene({ limit: 10 })
    crowd(s, 25)
    s.notifier.offline(s.now, 'shop')
    expect(s.collect()).toHaveLength(10)
    expect(s.notifier.counters.suppressed).toEqual({ 'table-full': 15 })
  })

  test('who has not been heard of for long makes room for others', () => {
    const s = new Scene({ limit: 10, freshness: 1000 })
    crowd(s, 10)
    s.run(10_000)
    const [into, out] = [datagram('198.51.100.9', 7, SERVER, 5000), datagram(SERVER, 5000, '198.51.100.9', 7)]
    for (let n = 0; n < 600; n++) s.confirm(into, out)
    s.notifier.offline(s.now, 'shop')
    expect(s.collect().map(target)).toEqual(['198.51.100.9 7'])
  })
})

test('what this machine could not send is counted by what it said', () => {
  const s = new Scene()
  s.confirm(IN, OUT)
  s.notifier.offline(s.now, 'shop')
  const slot = { bytes: new Uint8Array(2048), at: 0, limit: 2048, end: 0, family: undefined, port: 0, tag: 0 }
  s.look()
  s.notifier.pollTransmit(s.now, slot)
  s.notifier.handleUnsent(s.now, slot.tag, 'no-route', 0)
  expect(s.notifier.counters.unsent).toEqual({ 'no-route': 1 })
})

test('programs come and go while it runs; two cannot have one port or one name', () => {
  const s = new Scene()
  expect(() => s.notifier.add(s.now, { ...SHOP, name: 'other' })).toThrow('shop has udp port 5000')
  expect(() => s.notifier.add(s.now, { ...SHOP, port: 5001 })).toThrow('there is one of that name')
  s.notifier.add(s.now, { name: 'dns', protocol: 'udp', port: 53 })
  s.confirm(datagram('198.51.100.7', 7, SERVER, 53), datagram(SERVER, 53, '198.51.100.7', 7))
  s.confirm(IN, OUT)
  s.notifier.offline(s.now, 'dns')
  expect(s.collect().map(target)).toEqual(['198.51.100.7 7'])
  s.requests.length = 0
  s.notifier.drain(s.now, 'dns')
  s.notifier.remove(s.now, 'dns')
  s.look()
  // The rule goes; nobody is asked about a program that there is not any more.
  expect(s.requests.map((r) => r.kind)).toEqual(['reject', 'reject'])
  expect(() => s.notifier.offline(s.now, 'dns')).toThrow("there is no program 'dns'")
  expect(s.notifier.status(s.now).map((p) => [p.program, p.workstations])).toEqual([['shop', 1]])
})
