/** Bugs that other pings had, by name: what they were fed is fed to ours. */
import { describe, expect, it } from 'vitest'
import {
  arrival,
  error,
  kinds,
  one,
  play,
  reply,
  settings,
  summaryOf,
  target,
} from '../../../../test/probe/scripted-network.ts'
import type { Clock, Instant } from '../clock.ts'
import { PingReporter } from '../runs/ping/report.ts'
import { ANY6, type Ip, type Ip6, parseIp, writeIp } from '../wire/addr.ts'
import { fold, pseudoSum6, sum } from '../wire/checksum.ts'
import { unhex } from '../wire/octets.ts'
import { EchoQuestion } from './echo-question.ts'
import { InterfaceQuestion } from './interface-question.ts'
import type { PingEventOut } from './outbox.ts'
import type { ErrorEvent, ReplyEvent } from './ping-event.ts'
import { PingMachine } from './ping-machine.ts'
import { extend } from './question.ts'
import { RttStatistics } from './statistics.ts'

const T = (ms: number) => ms as Instant

/** What the world is told of an event: the reporter reads the IP options. */
function told(e: PingEventOut): unknown {
  const clock: Clock = { now: () => T(0), wall: () => 0n, wait: async () => {}, wake: () => {} }
  const ip = parseIp('192.0.2.1')!
  const reporter = new PingReporter(clock, new Map([[0, { target: '192.0.2.1', ip, port: 0 }]]), String)
  return reporter.report(e as ReplyEvent)
}

/** The same IPv4 packet with these options, a multiple of four octets. */
function withOptions(packet: Uint8Array, options: Uint8Array): Uint8Array {
  const longer = new Uint8Array(packet.length + options.length)
  longer.set(packet.subarray(0, 20))
  longer.set(options, 20)
  longer.set(packet.subarray(20), 20 + options.length)
  longer[0] = 0x45 + options.length / 4
  longer[2] = longer.length >> 8
  longer[3] = longer.length & 0xff
  return longer
}

/** An ICMPv6 packet from `src` to `dst`, its checksum made here. */
function packet6(src: Ip6, dst: Ip6, icmp: Uint8Array): Uint8Array {
  const p = new Uint8Array(40 + icmp.length)
  p.set(unhex('60000000 0000 3a 40'))
  p[4] = icmp.length >> 8
  p[5] = icmp.length & 0xff
  writeIp(src, p, 8)
  writeIp(dst, p, 24)
  p.set(icmp, 40)
  p[42] = p[43] = 0
  const check = ~fold(sum(p, 40, p.length, pseudoSum6(src, dst, 58, icmp.length))) & 0xffff
  p[42] = check >> 8
  p[43] = check & 0xff
  return p
}

const US = parseIp('2001:db8::1') as Ip6
const HOST = parseIp('2001:db8::2') as Ip6
const ROUTER = parseIp('2001:db8::9') as Ip6
const target6 = { ip: HOST as Ip, port: 0, source: US as Ip }

function one6(network: Parameters<typeof play>[1]): { events: PingEventOut[]; m: PingMachine } {
  const m = new PingMachine(settings({ count: 1, timeoutMs: 100 }))
  m.add(T(0), target6)
  return { events: play(m, network), m }
}

describe('iputils, CVE-2025-47268 and CVE-2025-48964: time stamps in the payload of a reply', () => {
  const STAMPS: Record<string, string> = {
    zero: '0000000000000000 0000000000000000',
    negative: 'ffffffffffffffff ffffffffffffffff',
    'most negative': '8000000000000000 8000000000000000',
    huge: '7fffffffffffffff 7fffffffffffffff',
    'in the future': '00000000ffffffff 00000000000f423f',
  }

  it.each(Object.keys(STAMPS))(
    '%s: the round trip is what our own table says, and the statistics are untouched',
    (name) => {
      const forged = unhex(STAMPS[name]!)
      const events = one({ count: 2, timeoutMs: 500 }, (p, n) => [
        { after: 20, bytes: n === 0 ? reply(p, (icmp) => icmp.set(forged, 8)) : reply(p) },
      ])
      expect(kinds(events)).toEqual(['corrupt', 'timeout', 'reply', 'summary'])
      expect(events[0]).toMatchObject({ rttNs: 20_000_000, differsAt: 8 })
      expect(summaryOf(events).rtt).toMatchObject({ min: 20_000_000, max: 20_000_000, avg: 20_000_000, mdev: 0 })
    },
  )

  it.each([0, 8, 15])('a payload of %d octets, without room for a token, takes no time from it either', (size) => {
    const events = one({ question: new EchoQuestion(size, new Uint8Array(8)), count: 1 }, (p) => [
      { after: 7, bytes: reply(p) },
    ])
    expect(events[0]).toMatchObject({ kind: 'reply', rttNs: 7_000_000, bytes: 8 + size })
  })

  it('the averages of the longest round trips that there can be do not overflow', () => {
    const s = new RttStatistics()
    for (let i = 0; i < 10_000; i++) s.add(i % 2 === 0 ? Number.MAX_SAFE_INTEGER : 0)
    const { min, avg, max, mdev, jitter, ...ranks } = s.summary()!
    expect({ min, max }).toEqual({ min: 0, max: Number.MAX_SAFE_INTEGER })
    expect(avg / (Number.MAX_SAFE_INTEGER / 2)).toBeCloseTo(1, 6)
    expect(mdev / (Number.MAX_SAFE_INTEGER / 2)).toBeCloseTo(1, 6)
    for (const n of [jitter, ...Object.values(ranks)]) expect(n >= 0 && n <= Number.MAX_SAFE_INTEGER).toBe(true)
  })

  it.each([-3_600_000, -50, 50, 3_600_000])(
    'a realtime clock stepped by %d ms under way leaves the user clock',
    (step) => {
      const m = new PingMachine(settings({ count: 1 }))
      m.add(T(0), target('192.0.2.1'))
      const slot = { bytes: new Uint8Array(2000), at: 0, limit: 2000, end: 0, family: undefined, port: 0, tag: 0 }
      m.handleTimeout(T(1000))
      expect(m.pollTransmit(T(1000), slot)).toBe(true)
      m.handleSent(T(1000), slot.tag, T(1000.1), 'user')
      m.handleSent(T(1000), slot.tag, T(1000.2), 'kernel-txrx')
      const bytes = reply(slot.bytes.slice(0, slot.end))
      m.handlePacket(T(1010), { ...arrival(bytes, 0), stamp: T(1009 + step), clock: 'kernel-rx' })
      m.handleTimeout(T(1010))
      expect(m.pollEvent()).toMatchObject({ kind: 'reply', clock: 'user', suspect: true, rttNs: 9_900_000 })
    },
  )
})

describe('iputils, CVE-2010-2529: an option in a reply that makes the reader go round for ever', () => {
  const OPTIONS: Record<string, string> = {
    'record route of length 0': '07000400 c0000201 00000000',
    'record route of length 1': '07010400 c0000201 00000000',
    'record route of length 2, no pointer': '07020400 c0000201 00000000',
    'record route whose pointer is 0': '07070000 c0000201 00000000',
    'record route whose pointer is at itself': '07070300 c0000201 00000000',
    'record route whose pointer is past its end': '0707ff00 c0000201 00000000',
    'record route longer than the header': '07ff0400 c0000201 00000000',
    'time stamps of length 0': '44000500 00000000 00000000',
    'time stamps of length 3': '44030500 00000000 00000000',
    'time stamps whose pointer is 0': '440c0001 c0000201 00000000',
    'time stamps whose pointer is past its end': '440cff01 c0000201 00000000',
    'an unknown option of length 0': '5e000000 00000000 00000000',
  }

  it.each(Object.keys(OPTIONS))('%s: the reply counts, and what can be read of the option is told', (name) => {
    const events = one({ count: 1 }, (p) => [{ after: 1, bytes: withOptions(reply(p), unhex(OPTIONS[name]!)) }])
    expect(kinds(events)).toEqual(['reply', 'summary'])
    const { route, timestamps } = told(events[0]!) as { route: string[] | null; timestamps: unknown[] | null }
    expect((route ?? []).length).toBeLessThanOrEqual(1)
    expect((timestamps ?? []).length).toBeLessThanOrEqual(1)
  })
})

describe('FreeBSD ping, CVE-2022-23093: IP options outside and in the quote', () => {
  const FORTY = unhex(`07270400 ${'c0000201'.repeat(9)}`)

  it.each([
    ['outside', FORTY, new Uint8Array(0)],
    ['in the quote', new Uint8Array(0), FORTY],
    ['in both', FORTY, FORTY],
  ] as const)('forty octets %s: the error is matched to its probe', (_, outer, inner) => {
    const events = one({ count: 1, timeoutMs: 100 }, (p) => [
      { after: 1, bytes: withOptions(error(withOptions(p, inner), 11, 0), outer) },
    ])
    expect(events[0]).toMatchObject({ kind: 'error', origin: 'icmp', seq: 1, type: 11, code: 0 })
    expect((events[0] as ErrorEvent).from).toBe(parseIp('10.9.9.9'))
  })

  it('a header length that says more than was quoted is believed by nobody', () => {
    for (let quoted = 20; quoted < 68; quoted++) {
      const m = new PingMachine(settings({ count: 1, timeoutMs: 100 }))
      m.add(T(0), target('192.0.2.1'))
      const events = play(m, (p) => [{ after: 1, bytes: error(withOptions(p, FORTY), 3, 1, 0, quoted) }])
      expect(kinds(events), `${quoted} octets quoted`).toEqual(['timeout', 'summary'])
      expect(m.ignored).toBe(1)
    }
  })
})

describe('lengths that lie (FreeRTOS CVE-2018-16527, picoTCP CVE-2020-17441 and CVE-2020-17443)', () => {
  it('an IPv4 total length below the headers is no reply', () => {
    for (let length = 0; length < 28; length++) {
      const m = new PingMachine(settings({ count: 1, timeoutMs: 100 }))
      m.add(T(0), target('192.0.2.1'))
      const events = play(m, (p) => {
        const r = reply(p)
        r[2] = 0
        r[3] = length
        return [{ after: 1, bytes: r }]
      })
      expect(kinds(events), `total length ${length}`).toEqual(['timeout', 'summary'])
      expect(m.ignored).toBe(1)
    }
  })

  it('a total length past the packet is read as far as the packet goes', () => {
    const events = one({ count: 1 }, (p) => {
      const r = reply(p)
      r[2] = 0xff
      return [{ after: 1, bytes: r }]
    })
    expect(kinds(events)).toEqual(['reply', 'summary'])
  })

  it('an ICMPv6 echo reply of less than eight octets is none', () => {
    for (let length = 0; length < 8; length++) {
      const { events, m } = one6((p) => {
        const icmp = p.slice(40, 40 + length)
        if (length > 0) icmp[0] = 129
        return [{ after: 1, bytes: packet6(HOST, US, icmp) }]
      })
      expect(kinds(events), `${length} octets`).toEqual(['timeout', 'summary'])
      expect(m.ignored).toBe(1)
    }
  })

  it('an IPv6 payload length that lies, either way, makes no reply out of what is not there', () => {
    for (const length of [0, 1, 7, 8, 15, 63]) {
      const { events } = one6((p) => {
        const icmp = p.slice(40)
        icmp[0] = 129
        const lying = packet6(HOST, US, icmp)
        lying[4] = length >> 8
        lying[5] = length & 0xff
        return [{ after: 1, bytes: lying }]
      })
      expect(kinds(events), `payload length ${length}`).not.toContain('reply')
    }
    const { events } = one6((p) => {
      const icmp = p.slice(40)
      icmp[0] = 129
      const lying = packet6(HOST, US, icmp)
      lying[4] = 0xff
      return [{ after: 1, bytes: lying }]
    })
    expect(kinds(events)).toEqual(['reply', 'summary'])
  })
})

describe('quotes', () => {
  it('extension headers inside the quote, a routing header with segments left among them (FreeBSD CVE-2020-7469)', () => {
    const { events } = one6((p) => {
      // The probe as it went to a first waypoint: hop-by-hop with padding, then a routing header (type 0) that ends at HOST.
      const chain = unhex(`2b00 0104 00000000 3a02 0001 00000000 ${'20010db8000000000000000000000002'}`)
      const quoted = new Uint8Array(40 + chain.length + p.length - 40)
      quoted.set(p.subarray(0, 40))
      quoted[5] = quoted.length - 40
      quoted[6] = 0
      writeIp(ROUTER, quoted, 24)
      quoted.set(chain, 40)
      quoted.set(p.subarray(40), 40 + chain.length)
      const icmp = new Uint8Array(8 + quoted.length)
      icmp.set([1, 0])
      icmp.set(quoted, 8)
      return [{ after: 1, bytes: packet6(ROUTER, US, icmp) }]
    })
    expect(events[0]).toMatchObject({ kind: 'error', family: 6, type: 1, code: 0, seq: 1 })
  })

  it('an error about a fragment quotes the fragment header, the first fragment belongs to its probe', () => {
    const { events } = one6((p) => {
      const quoted = new Uint8Array(p.length + 8)
      quoted.set(p.subarray(0, 40))
      quoted[5] = p.length - 32
      quoted[6] = 44
      quoted.set(unhex('3a00 0001 12345678'), 40)
      quoted.set(p.subarray(40), 48)
      const icmp = new Uint8Array(8 + quoted.length)
      icmp.set([2, 0, 0, 0, 0, 0, 5, 0])
      icmp.set(quoted, 8)
      return [{ after: 1, bytes: packet6(ROUTER, US, icmp) }]
    })
    expect(events[0]).toMatchObject({ kind: 'error', type: 2, mtu: 1280, seq: 1 })
  })

  it('fragmentation needed that quotes an unknown protocol is none of ours (Linux CVE-2026-23398)', () => {
    for (const protocol of [0, 2, 6, 17, 58, 143, 253, 255]) {
      const m = new PingMachine(settings({ count: 1, timeoutMs: 100 }))
      m.add(T(0), target('192.0.2.1'))
      const events = play(m, (p) => {
        const other = p.slice()
        other[9] = protocol
        return [{ after: 1, bytes: error(other, 3, 4, 1280) }]
      })
      expect(kinds(events), `protocol ${protocol}`).toEqual(['timeout', 'summary'])
      expect(m.ignored).toBe(1)
    }
  })

  it('a quote shorter than the length that it tells of is normal (smoltcp #16, #638)', () => {
    for (let quoted = 28; quoted <= 84; quoted++) {
      const events = one({ count: 1, timeoutMs: 100 }, (p) => [{ after: 1, bytes: error(p, 3, 13, 0, quoted) }])
      expect(events[0], `${quoted} octets quoted`).toMatchObject({ kind: 'error', code: 13, seq: 1 })
    }
  })

  it('time exceeded in reassembly keeps its code and its quote (trippy #979)', () => {
    const events = one({ count: 1 }, (p) => [{ after: 1, bytes: error(p, 11, 1) }])
    expect(events[0]).toMatchObject({ kind: 'error', type: 11, code: 1, seq: 1 })
    expect((events[0] as ErrorEvent).message).toHaveLength(8 + 84)
  })
})

describe('sizes (iputils 20240905, 20250602)', () => {
  it.each([0, 1, 15, 16, 17, 65_507])('IPv4, a payload of %d octets goes out and comes back', (size) => {
    const question = new EchoQuestion(size, unhex('a1a2a3a4a5a6a7a8'))
    const lengths: number[] = []
    const events = one({ question, count: 2, intervalMs: 10 }, (p) => {
      lengths.push(p.length, (p[2]! << 8) | p[3]!)
      return [{ after: 1, bytes: reply(p) }]
    })
    expect(lengths).toEqual([28 + size, 28 + size, 28 + size, 28 + size])
    expect(kinds(events)).toEqual(['reply', 'reply', 'summary'])
    expect(events[0]).toMatchObject({ bytes: 8 + size })
  })

  it('IPv6, the largest payload without a jumbogram is 65527 octets', () => {
    const question = new EchoQuestion(65_527, unhex('a1a2a3a4a5a6a7a8'))
    const m = new PingMachine(settings({ question, count: 1 }))
    m.add(T(0), target6)
    const events = play(m, (p) => {
      expect(p).toHaveLength(40 + 65_535)
      expect((p[4]! << 8) | p[5]!).toBe(65_535)
      const icmp = p.slice(40)
      icmp[0] = 129
      return [{ after: 1, bytes: packet6(HOST, US, icmp) }]
    })
    expect(events[0]).toMatchObject({ kind: 'reply', bytes: 65_535 })
  })

  it.each([
    ['longer', (r: Uint8Array) => Uint8Array.from([...r, 0xee]), 64],
    ['shorter', (r: Uint8Array) => r.slice(0, -1), 63],
    ['without a payload', (r: Uint8Array) => r.slice(0, 28), 8],
  ] as const)('a reply that is %s than what was asked is corrupt from there on', (_, change, at) => {
    const events = one({ count: 1, timeoutMs: 100 }, (p) => {
      const changed = change(reply(p))
      changed[2] = changed.length >> 8
      changed[3] = changed.length & 0xff
      changed[22] = changed[23] = 0
      const check = ~fold(sum(changed, 20, changed.length)) & 0xffff
      changed[22] = check >> 8
      changed[23] = check & 0xff
      return [{ after: 1, bytes: changed }]
    })
    expect(events[0]).toMatchObject({ kind: 'corrupt', differsAt: at })
    expect(summaryOf(events)).toMatchObject({ received: 0, corrupt: 1 })
  })
})

describe('numbers that wrap', () => {
  it('the eight-bit sequence of PROBE goes on past 255 (RFC 8335 §2)', () => {
    const question = new InterfaceQuestion({ kind: 'interfaceByName', name: 'eth0' }, true)
    const m = new PingMachine(settings({ question, count: 700, intervalMs: 1, timeoutMs: 20 }))
    m.add(T(0), target('192.0.2.1'))
    const events = play(m, (p) => [
      {
        after: 0.5,
        bytes: reply(p, (icmp) => {
          icmp[0] = 43
        }),
      },
    ])
    const seqs = events.flatMap((e) => (e.kind === 'reply' ? [e.seq] : []))
    expect(seqs).toEqual(Array.from({ length: 700 }, (_, i) => i + 1))
    expect(summaryOf(events)).toMatchObject({ duplicates: 0, lost: 0 })
  })

  it('the extended sequence goes on past what its 32 bits in the token hold', () => {
    const past = 2 ** 32 + 5
    expect(extend(5, past, 32)).toBe(past)
    expect(extend(4, past, 32)).toBe(past - 1)
    expect(extend(0xffffffff, past, 32)).toBe(2 ** 32 - 1)
    expect(extend(6, 6, 32)).toBe(6)
    expect(extend(0xffff, 0x10000, 16)).toBe(0xffff)
    expect(extend(0, 0x10000, 16)).toBe(0x10000)
    expect(extend(255, 256, 8)).toBe(255)
    expect(extend(1, 256, 8)).toBe(1)
  })

  it('an old reply that comes after the sequence has wrapped is told apart by its token', () => {
    const events = one({ count: 65_600, intervalMs: 0.5, timeoutMs: 10 }, (p, n) => [
      { after: n === 7 ? 32_790 : 0.25, bytes: reply(p) },
    ])
    expect(events.filter((e) => e.kind === 'late')).toMatchObject([{ seq: 8 }])
    expect(summaryOf(events)).toMatchObject({ received: 65_600, duplicates: 0 })
  })
})

describe('hostile traffic', () => {
  it('any octets are heard without a throw, and name no probe that there is not', () => {
    let state = 0x9e3779b9
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state
    }
    const m = new PingMachine(settings({ count: 1 }))
    m.add(T(0), target('192.0.2.1'))
    m.add(T(0), target6)
    const slot = { bytes: new Uint8Array(2000), at: 0, limit: 2000, end: 0, family: undefined, port: 0, tag: 0 }
    m.handleTimeout(T(0))
    const seeds: Uint8Array[] = []
    while (m.pollTransmit(T(0), slot)) seeds.push(slot.bytes.slice(0, slot.end))
    expect(seeds).toHaveLength(2)
    const answers = [
      reply(seeds[0]!),
      error(seeds[0]!, 3, 1),
      packet6(ROUTER, US, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, ...seeds[1]!)),
    ]
    for (let i = 0; i < 60_000; i++) {
      const bytes = answers[i % 3]!.slice(0, i % 7 === 0 ? random() % 80 : undefined)
      for (let n = random() % 6; n >= 0; n--) if (bytes.length > 0) bytes[random() % bytes.length] = random() >>> 24
      m.handlePacket(T(1), { ...arrival(bytes, 1), checksum: i % 2 === 0 ? 'unknown' : 'ok' })
    }
    m.handleTimeout(T(1))
    const seen = new Set<string>()
    for (let e = m.pollEvent(); e !== undefined; e = m.pollEvent()) {
      seen.add(e.kind)
      if ('seq' in e) expect([1, -1]).toContain(e.kind === 'foreign' ? 1 : e.seq)
    }
    expect(m.ignored).toBeGreaterThan(1000)
  })

  it('unsolicited replies and errors about other flows leave nothing behind but a count', () => {
    const m = new PingMachine(settings({ count: 1, timeoutMs: 100 }))
    m.add(T(0), target('192.0.2.1'))
    const events = play(m, (p) => {
      const alien = (n: number) =>
        reply(p, (icmp) => {
          icmp[4] = ~icmp[4]!
          icmp[8] = n & 0xff
          icmp[9] = n >> 8
        })
      return Array.from({ length: 20_000 }, (_, n) => ({
        after: 1,
        bytes: n % 2 === 0 ? alien(n) : error(alien(n), 3, 1),
      }))
    })
    expect(kinds(events)).toEqual(['timeout', 'summary'])
    expect(m.ignored).toBe(20_000)
  })

  it('of those who answer a multicast, 4096 are remembered: what the others repeat is no duplicate', () => {
    const m = new PingMachine(settings({ count: 1, timeoutMs: 100 }))
    m.add(T(0), target('224.0.0.1'))
    const events = play(m, (p) =>
      Array.from({ length: 12_000 }, (_, k) => k % 6000).map((n) => ({
        after: 1,
        bytes: reply(p, undefined, `10.0.${n >> 8}.${n & 255}`),
      })),
    )
    expect(summaryOf(events)).toMatchObject({ sent: 1, received: 1, lost: 0 })
    expect(events.filter((e) => e.kind === 'duplicate')).toHaveLength(4096)
    expect(events.filter((e) => e.kind === 'reply')).toHaveLength(12_000 - 4096)
  })

  it('nothing about a target follows its summary: removed while its answer is under way', () => {
    const m = new PingMachine(settings({ hold: true, intervalMs: 100 }))
    const a = m.add(T(0), target('192.0.2.1'))
    m.add(T(0), target('192.0.2.2'))
    const events = play(
      m,
      (p) => [
        { after: 60, bytes: reply(p) },
        { after: 70, bytes: reply(p) },
        { after: 80, bytes: error(p, 3, 1) },
      ],
      {
        until: 2000,
        at: { 30: () => m.remove(T(30), a), 450: () => m.stop(T(450)) },
      },
    )
    const end = events.findIndex((e) => e.kind === 'summary' && e.target === a)
    expect(events.slice(end + 1).filter((e) => e.target === a)).toEqual([])
    expect(events[end]).toMatchObject({ sent: 1, received: 0, lost: 1 })
  })

  it('the unspecified address as a source is written as such, the kernel fills it in', () => {
    const m = new PingMachine(settings({ count: 1, timeoutMs: 10 }))
    m.add(T(0), { ip: HOST, port: 0, source: undefined })
    play(m, (p) => {
      expect(p.slice(8, 24)).toEqual(writeOut(ANY6))
      return []
    })
  })
})

function writeOut(ip: Ip): Uint8Array {
  const out = new Uint8Array(16)
  writeIp(ip, out, 0)
  return out
}
