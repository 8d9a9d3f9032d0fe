import { describe, expect, it } from 'vitest'
import {
  error,
  kinds,
  type Network,
  one,
  play,
  replies,
  reply,
  SECRET,
  settings,
  summaryOf,
  target,
} from '../../../../test/probe/scripted-network.ts'
import type { Instant } from '../clock.ts'
import { parseIp } from '../wire/addr.ts'
import { EchoQuestion } from './echo-question.ts'
import type { ErrorEvent, ReplyEvent } from './ping-event.ts'
import { PingMachine } from './ping-machine.ts'

describe('outcomes', () => {
  it('a reply in time is a reply, with the round trip in nanoseconds and the extended sequence from 1', () => {
    const events = one({ count: 2 }, (p) => [{ after: 20, bytes: reply(p) }])
    expect(kinds(events)).toEqual(['reply', 'reply', 'summary'])
    expect(events[0]).toMatchObject({
      seq: 1,
      rttNs: 20_000_000,
      ttl: 64,
      bytes: 64,
      clock: 'virtual',
      reordered: false,
    })
    expect(summaryOf(events)).toMatchObject({ sent: 2, received: 2, lost: 0, errors: 0 })
  })

  it('no reply is a timeout at its moment, and counts as lost', () => {
    const events = one({ count: 2, timeoutMs: 300 }, (p, n) => (n === 0 ? [] : [{ after: 5, bytes: reply(p) }]))
    expect(kinds(events)).toEqual(['timeout', 'reply', 'summary'])
    expect(events[0]).toMatchObject({ seq: 1, at: 300 })
    expect(summaryOf(events)).toMatchObject({ sent: 2, received: 1, lost: 1, bursts: 1, longestBurst: 1 })
  })

  it('what is in flight when the deadline ends the run is lost, and a run of losses like any other', () => {
    const events = one({ deadlineMs: 3500, intervalMs: 1000, timeoutMs: 10_000 }, (p, n) =>
      n === 0 ? [{ after: 5, bytes: reply(p) }] : [],
    )
    expect(kinds(events)).toEqual(['reply', 'summary'])
    expect(summaryOf(events)).toMatchObject({ sent: 4, received: 1, lost: 3, bursts: 1, longestBurst: 3 })
  })

  it('runs of losses are runs of sequence numbers, however late it is known that they are lost', () => {
    const lost = [1, 2, 5]
    const events = one({ count: 8, intervalMs: 30, timeoutMs: 1000 }, (p, n) =>
      lost.includes(n) ? [] : [{ after: 5, bytes: reply(p) }],
    )
    expect(summaryOf(events)).toMatchObject({ sent: 8, lost: 3, bursts: 2, longestBurst: 2 })
    const between = one({ count: 8, intervalMs: 30, timeoutMs: 45 }, (p, n) =>
      lost.includes(n) ? [] : [{ after: 5, bytes: reply(p) }],
    )
    expect(summaryOf(between)).toMatchObject({ sent: 8, lost: 3, bursts: 2, longestBurst: 2 })
  })

  it('a reply after its timeout is late, and corrects the loss', () => {
    const events = one({ count: 3, timeoutMs: 300 }, (p, n) => [{ after: n === 0 ? 1500 : 5, bytes: reply(p) }])
    expect(kinds(events)).toEqual(['timeout', 'reply', 'late', 'reply', 'summary'])
    expect(events[2]).toMatchObject({ seq: 1, rttNs: 1_500_000_000, reordered: true })
    expect(summaryOf(events)).toMatchObject({ received: 3, lost: 0, late: 1, reordered: 1 })
  })

  it('a second reply from the same host is a duplicate and adds nothing to the statistics', () => {
    const events = one({ count: 1, intervalMs: 10 }, (p) => [
      { after: 5, bytes: reply(p) },
      { after: 5, bytes: reply(p) },
    ])
    expect(kinds(events)).toEqual(['reply', 'duplicate', 'summary'])
    expect(summaryOf(events)).toMatchObject({ received: 1, duplicates: 1 })
  })

  it('replies that overtake one another are marked reordered', () => {
    const events = one({ count: 2, intervalMs: 100 }, (p, n) => [{ after: n === 0 ? 250 : 5, bytes: reply(p) }])
    expect(replies(events).map((e) => [e.seq, e.reordered])).toEqual([
      [2, false],
      [1, true],
    ])
  })

  it('a changed payload is corrupt, named by the offset of its first wrong octet, and not a reply', () => {
    const events = one({ count: 1 }, (p) => [{ after: 5, bytes: reply(p, (icmp) => (icmp[30]! ^= 1)) }])
    expect(kinds(events)).toEqual(['corrupt', 'summary'])
    expect((events[0] as ReplyEvent).differsAt).toBe(30)
    expect(summaryOf(events)).toMatchObject({ received: 0, corrupt: 1, lost: 1 })
  })

  it('a bad checksum is corrupt where the door leaves checking to us', () => {
    const events = one({ count: 1 }, (p) => {
      const r = reply(p)
      r[22]! ^= 1
      return [{ after: 5, bytes: r }]
    })
    expect(events[0]).toMatchObject({ kind: 'corrupt', differsAt: -2 })
  })

  it('a reply with our token from an address that we did not ask is foreign', () => {
    const events = one({ count: 1, timeoutMs: 100 }, (p) => [{ after: 5, bytes: reply(p, undefined, '203.0.113.9') }])
    expect(kinds(events)).toEqual(['foreign', 'timeout', 'summary'])
    expect(summaryOf(events)).toMatchObject({ received: 0, lost: 1 })
  })

  it("another program's reply from the same host is ignored, even with our sequence", () => {
    const m = new PingMachine(settings({ count: 1, timeoutMs: 100 }))
    m.add(0 as Instant, target('192.0.2.1'))
    const events = play(m, (p) => [
      {
        after: 5,
        bytes: reply(p, (icmp) => {
          icmp[4]! ^= 0x55
          icmp.fill(0xaa, 8, 24)
        }),
      },
    ])
    expect(kinds(events)).toEqual(['timeout', 'summary'])
    expect(m.ignored).toBe(1)
  })
})

describe('errors', () => {
  it('an error whose quote holds the token belongs to its probe', () => {
    const events = one({ count: 1 }, (p) => [{ after: 5, bytes: error(p, 11, 0) }])
    expect(kinds(events)).toEqual(['error', 'summary'])
    expect(events[0]).toMatchObject({ origin: 'icmp', seq: 1, type: 11, code: 0, family: 4, mtu: null })
    expect((events[0] as ErrorEvent).from).toBe(parseIp('10.9.9.9'))
  })

  it('a quote of eight octets is enough (RFC 792): id, sequence and address match', () => {
    const events = one({ count: 1 }, (p) => [{ after: 5, bytes: error(p, 3, 4, 1400, 28) }])
    expect(events[0]).toMatchObject({ kind: 'error', seq: 1, mtu: 1400 })
  })

  it('a forged error with another token, id, sequence or address is not believed (RFC 5927 §4)', () => {
    for (const at of [20 + 4, 20 + 6, 16, 20 + 8]) {
      const m = new PingMachine(settings({ count: 1, timeoutMs: 100 }))
      m.add(0 as Instant, target('192.0.2.1'))
      const events = play(m, (p) => {
        const forged = p.slice()
        forged[at]! ^= 0x10
        return [{ after: 5, bytes: error(forged, 3, 1, 0, at < 28 ? 28 : forged.length) }]
      })
      expect(kinds(events), `octet ${at}`).toEqual(['timeout', 'summary'])
      expect(m.ignored).toBe(1)
    }
  })

  it('a source quench is told and changes nothing (RFC 6633 §3)', () => {
    const events = one({ count: 1 }, (p) => [
      { after: 5, bytes: error(p, 4, 0) },
      { after: 9, bytes: reply(p) },
    ])
    expect(kinds(events)).toEqual(['error', 'reply', 'summary'])
    expect(summaryOf(events)).toMatchObject({ received: 1, lost: 0, errors: 1 })
  })

  it('what the local kernel refuses as too big is a local error with its MTU', () => {
    const events = one({ count: 1 }, () => [], { unsent: () => 'too-big' })
    expect(events[0]).toMatchObject({ kind: 'error', origin: 'local', type: null, mtu: 1400 })
  })

  it('a packet without buffer is a local drop: neither sent nor lost', () => {
    const events = one({ count: 2 }, (p) => [{ after: 1, bytes: reply(p) }], {
      unsent: (n) => (n === 0 ? 'no-buffer' : undefined),
    })
    expect(kinds(events)).toEqual(['local-drop', 'reply', 'summary'])
    expect(summaryOf(events)).toMatchObject({ sent: 1, received: 1, lost: 0, localDrops: 1 })
  })
})

describe('matching', () => {
  it('the sequence goes on past 16 bits (antirez/hping #50)', () => {
    const m = new PingMachine(settings({ count: 65_538, intervalMs: 1, timeoutMs: 20 }))
    m.add(0 as Instant, target('192.0.2.1'))
    const events = play(m, (p) => [{ after: 0.5, bytes: reply(p) }], { until: 1e6 })
    const seqs = replies(events).map((e) => e.seq)
    expect(seqs.at(-1)).toBe(65_538)
    expect(new Set(seqs).size).toBe(65_538)
    expect(summaryOf(events)).toMatchObject({ duplicates: 0, lost: 0, received: 65_538 })
  })

  it('a payload too small for the token is matched by address, id and sequence, also past the wrap', () => {
    const m = new PingMachine(
      settings({ question: new EchoQuestion(4, SECRET), count: 65_540, intervalMs: 1, timeoutMs: 20 }),
    )
    m.add(0 as Instant, target('192.0.2.1'))
    const events = play(m, (p) => [{ after: 0.5, bytes: reply(p) }], { until: 1e6 })
    expect(summaryOf(events)).toMatchObject({ duplicates: 0, lost: 0, received: 65_540 })
  })

  it('with a thousand targets, half of them answering with errors, each event names its own target', () => {
    const m = new PingMachine(settings({ count: 3, intervalMs: 10 }))
    for (let i = 0; i < 1000; i++) m.add(0 as Instant, target(`10.0.${i >> 8}.${i & 255}`))
    const events = play(m, (p) => {
      const n = (p[18]! << 8) | p[19]!
      return [{ after: 5, bytes: n % 2 === 0 ? reply(p) : error(p, 3, 1) }]
    })
    for (const e of events)
      if (e.kind === 'reply' || e.kind === 'error') expect(e.target % 2).toBe(e.kind === 'reply' ? 0 : 1)
    const sums = events.filter((e) => e.kind === 'summary')
    expect(sums.filter((s) => s.received === 3 && s.errors === 0)).toHaveLength(500)
    expect(sums.filter((s) => s.received === 0 && s.errors === 3)).toHaveLength(500)
  })

  it('any source may answer a multicast target, each once', () => {
    const m = new PingMachine(settings({ count: 1, timeoutMs: 100 }))
    m.add(0 as Instant, target('224.0.0.1'))
    const events = play(m, (p) => [
      { after: 1, bytes: reply(p, undefined, '10.0.0.1') },
      { after: 2, bytes: reply(p, undefined, '10.0.0.2') },
      { after: 3, bytes: reply(p, undefined, '10.0.0.1') },
    ])
    expect(kinds(events).filter((k) => k === 'reply')).toHaveLength(2)
    expect(kinds(events).filter((k) => k === 'duplicate')).toHaveLength(1)
    expect(summaryOf(events)).toMatchObject({ sent: 1, received: 1, duplicates: 1 })
  })

  it('the identifier changes after ten losses in a row (blackbox_exporter #360: a firewall stuck on one id)', () => {
    const ids: number[] = []
    const stuck = (p: Uint8Array) => {
      ids.push((p[24]! << 8) | p[25]!)
      return ids.at(-1) === ids[0] ? [] : [{ after: 1, bytes: reply(p) }]
    }
    const events = one({ count: 15, intervalMs: 100, timeoutMs: 50 }, stuck)
    expect(summaryOf(events)).toMatchObject({ sent: 15, received: 5, lost: 10, longestBurst: 10 })
  })

  it('a kernel that puts its own identifier in is asked for a new one, at most every ten seconds', () => {
    const events = one({ count: 300, intervalMs: 100, timeoutMs: 50, echoId: () => 7 }, () => [])
    const rotations = events.filter((e) => e.kind === 'rotate').length
    expect(rotations).toBeGreaterThan(0)
    expect(rotations).toBeLessThanOrEqual(3)
  })
})

describe('pace', () => {
  const times: number[] = []
  const clocked = (m: PingMachine, network: Network, until?: number) => {
    times.length = 0
    let now = 0
    const add = m.handleTimeout.bind(m)
    m.handleTimeout = (t) => {
      now = t
      add(t)
    }
    return play(
      m,
      (p, n) => {
        times.push(now)
        return network(p, n)
      },
      until === undefined ? {} : { until },
    )
  }

  it('keeps the interval without drift', () => {
    const m = new PingMachine(settings({ count: 4, intervalMs: 250 }))
    m.add(0 as Instant, target('192.0.2.1'))
    clocked(m, (p) => [{ after: 1, bytes: reply(p) }])
    expect(times).toEqual([0, 250, 500, 750])
  })

  it('adaptive asks again as soon as the answer is here', () => {
    const m = new PingMachine(settings({ count: 4, pace: 'adaptive' }))
    m.add(0 as Instant, target('192.0.2.1'))
    clocked(m, (p) => [{ after: 30, bytes: reply(p) }])
    expect(times).toEqual([0, 30, 60, 90])
  })

  it('flood keeps to its budget of packets a second and to its total', () => {
    const m = new PingMachine(settings({ pace: 'flood', spacingMs: 20, budget: 50 }))
    m.add(0 as Instant, target('192.0.2.1'))
    const events = clocked(m, (p) => [{ after: 0.1, bytes: reply(p) }])
    expect(times).toHaveLength(50)
    expect(times.at(-1)).toBeGreaterThanOrEqual(49 * 20 - 20)
    expect(summaryOf(events)).toMatchObject({ sent: 50, received: 50 })
  })

  it('preload sends so many at once', () => {
    const m = new PingMachine(settings({ count: 5, preload: 3 }))
    m.add(0 as Instant, target('192.0.2.1'))
    clocked(m, (p) => [{ after: 1, bytes: reply(p) }])
    expect(times).toEqual([0, 0, 0, 1000, 2000])
  })

  it('with a deadline it goes on until so many are answered, or the deadline', () => {
    const m = new PingMachine(settings({ count: 2, deadlineMs: 10_000, timeoutMs: 500 }))
    m.add(0 as Instant, target('192.0.2.1'))
    const events = clocked(m, (p, n) => (n < 3 ? [] : [{ after: 1, bytes: reply(p) }]))
    expect(summaryOf(events)).toMatchObject({ sent: 5, received: 2 })
    const silent = new PingMachine(settings({ count: 2, deadlineMs: 2_500, timeoutMs: 500 }))
    silent.add(0 as Instant, target('192.0.2.1'))
    expect(summaryOf(clocked(silent, () => []))).toMatchObject({ sent: 3, received: 0 })
  })

  it('targets are added and removed while it runs; removed ones give their summary', () => {
    const m = new PingMachine(settings({ hold: true, intervalMs: 100 }))
    const a = m.add(0 as Instant, target('192.0.2.1'))
    const events = play(m, (p) => [{ after: 1, bytes: reply(p) }], {
      until: 2000,
      at: {
        450: () => m.add(450 as Instant, target('192.0.2.2')),
        850: () => m.remove(850 as Instant, a),
        1250: () => m.stop(1250 as Instant),
      },
    })
    const sums = events.filter((e) => e.kind === 'summary')
    expect(sums.map((s) => [s.target, s.sent])).toEqual([
      [0, 9],
      [1, 8],
    ])
  })

  it('says what is outstanding when the next probe is due (iputils -O)', () => {
    const events = one({ count: 2, timeoutMs: 3000, tellOutstanding: true }, () => [])
    expect(kinds(events)).toEqual(['outstanding', 'timeout', 'timeout', 'summary'])
  })

  it('a probe that has timed out by then is outstanding too, as with iputils', () => {
    const events = one({ count: 3, timeoutMs: 300, tellOutstanding: true }, (p, n) =>
      n === 0 ? [] : [{ after: 1, bytes: reply(p) }],
    )
    expect(kinds(events)).toEqual(['timeout', 'outstanding', 'reply', 'reply', 'summary'])
  })
})

it('memory for late replies is bounded: nothing older than a minute is kept', () => {
  const m = new PingMachine(settings({ count: 200, timeoutMs: 100 }))
  m.add(0 as Instant, target('192.0.2.1'))
  const events = play(m, (p, n) => (n === 0 ? [{ after: 90_000, bytes: reply(p) }] : [{ after: 1, bytes: reply(p) }]))
  expect(kinds(events).filter((k) => k === 'late')).toHaveLength(0)
  expect(kinds(events).filter((k) => k === 'foreign')).toHaveLength(1)
})
