import { describe, expect, test } from 'vitest'
import { packet } from '../../../../test/notice/notice-packets.ts'
import { chance, ETH0, Scene, target, WEB } from '../../../../test/notice/scene.ts'
import { type Ip4, parseIp } from '../wire/addr.ts'
import { hex, put16, put32 } from '../wire/octets.ts'
import * as outageObject from '../wire/outage-object.ts'
import * as tcp from '../wire/tcp.ts'
import type { Connection } from './event.ts'

const ip = (text: string) => parseIp(text)!
const ONE: Connection = { local: ip('192.0.2.1'), localPort: 443, remote: ip('198.51.100.7'), remotePort: 40_000 }
const SIX: Connection = { local: ip('2001:db8::1'), localPort: 443, remote: ip('2001:db8:7::7'), remotePort: 40_000 }

/** A hung server with these connections; the random number of the questions is 2^31. */
function hung(list: readonly Connection[], more: object = {}, options: object = {}): Scene {
  // Keys of the hashes first.
  const keys = chance(3)
  let drawn = 0
  const random = () => (drawn++ < 1000 ? keys() : 0.5)
  const s = new Scene({ random, repeatAfter: 0, ...options }, [{ ...WEB, failures: 1, ...more }])
  drawn = 1000
  s.notifier.sign(s.now, 'web', { kind: 'probe', ok: false })
  s.look()
  expect(s.requests).toContainEqual({ kind: 'connections', program: 'web' })
  s.notifier.connections(s.now, 'web', list)
  return s
}

/** As scapy's: identification 1. */
function withId(p: Uint8Array): string {
  const copy = p.slice()
  put16(copy, 4, 1)
  put16(copy, 10, 0)
  let sum = 0
  for (let i = 0; i < 20; i += 2) sum += (copy[i]! << 8) | copy[i + 1]!
  sum = (sum & 0xffff) + (sum >>> 16)
  put16(copy, 10, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff)
  return hex(copy)
}

describe('a sequence number is asked for with a bare acknowledgement, and the answer is quoted', () => {
  test('over IPv4, octet for octet as scapy makes them (RFC 9293 §3.10.7.4, RFC 5927 §4.1)', () => {
    const s = hung([ONE])
    const asked = s.collect()
    expect(asked.map(withId)).toEqual([hex(packet('ask'))])
    s.give(packet('ack'))
    const told = s.collect()
    expect(told.map(withId)).toEqual([hex(packet('hungTcp'))])
    expect(s.last('outage')).toMatchObject({ state: 'hung', protocol: 'tcp', workstations: 1, sent: 1, rebuilt: 0 })
    expect(s.notifier.counters).toMatchObject({ elicited: 1, sent: 1 })
  })

  test('over IPv6', () => {
    const s = hung([SIX])
    expect(s.collect().map((p) => hex(p))).toEqual([hex(packet('ask6'))])
    s.give(packet('ack6'))
    expect(s.collect().map((p) => hex(p))).toEqual([hex(packet('hungTcp6'))])
  })

  test('a segment with data counts as an answer: the next number is behind its data, and the quote is said to be rebuilt', () => {
    const s = hung([ONE])
    s.collect()
    s.give(packet('data'))
    const [p] = s.collect()
    // SEQ of the segment, and five octets.
    expect(hex(p!, 28 + 24, 28 + 28)).toBe('1122335a')
    expect(outageObject.parse(p!, 28 + 128 + 8)).toMatchObject({ rebuilt: true, program: 'web' })
    expect(s.last('outage')).toMatchObject({ sent: 1, rebuilt: 1 })
  })

  test('a reset is no answer', () => {
    const s = hung([ONE])
    s.collect()
    const rst = packet('ack')
    rst[33] = tcp.Flag.rst | tcp.Flag.ack
    s.give(rst)
    expect(s.run(1000)).toEqual([])
    expect(s.last('outage').suppressed).toEqual({ 'no-answer': 1 })
  })
})

describe('no answer within 200 ms', () => {
  test('nothing is known, and nothing is sent', () => {
    const s = hung([ONE, SIX])
    expect(s.run(190)).toHaveLength(2)
    expect(s.events.map((e) => e.kind)).toEqual([])
    expect(s.run(260)).toEqual([])
    expect(s.last('outage')).toMatchObject({ workstations: 2, sent: 0, suppressed: { 'no-answer': 2 } })
    expect(s.last('outage').lastSentNs).toBeLessThanOrEqual(260e6)
  })

  test('where something knows the number, the quote is rebuilt with it and marked', () => {
    const s = hung([{ ...ONE, seq: 0xfedcba98 }])
    s.collect()
    const [p] = s.run(260)
    expect(hex(p!, 28 + 24, 28 + 28)).toBe('fedcba98')
    // Version and protocol, addresses and ports: what a kernel looks at.
    expect(hex(p!, 28, 29) + hex(p!, 37, 38)).toBe('4506')
    expect(hex(p!, 40, 52)).toBe('c6336407c00002019c4001bb')
    expect(outageObject.parse(p!, 28 + 128 + 8)).toMatchObject({ rebuilt: true })
    expect(s.last('outage')).toMatchObject({ sent: 1, rebuilt: 1 })
  })

  test('a list of connections that never comes holds the outage up for two seconds, not for ever', () => {
    const s = new Scene({}, [{ ...WEB, failures: 1 }])
    s.notifier.sign(s.now, 'web', { kind: 'probe', ok: false })
    s.run(3000)
    expect(s.last('outage')).toMatchObject({ workstations: 0, sent: 0 })
    s.notifier.connections(s.now, 'web', [ONE])
    expect(s.run(5000)).toEqual([])
  })
})

test('8,000 connections: each is asked once and told once, as fast as the answers come', () => {
  const list = Array.from({ length: 8000 }, (_, i): Connection => ({ ...ONE, remote: ((0x0a000000 + i) | 0) as Ip4 }))
  const s = hung(list, {}, { rate: 1e9, burst: 1e9 })
  const asked = s.collect()
  expect(new Set(asked.map((p) => hex(p, 16, 20))).size).toBe(8000)
  const answer = packet('ack')
  for (const { remote } of list) {
    put32(answer, 12, remote as Ip4)
    s.give(answer)
    s.give(answer)
  }
  expect(s.collect()).toHaveLength(8000)
  expect(s.last('outage')).toMatchObject({ workstations: 8000, sent: 8000, suppressed: {} })
})

test('questions and notices keep the rate together', () => {
  const list = Array.from({ length: 100 }, (_, i): Connection => ({ ...ONE, remotePort: 1000 + i }))
  const s = hung(list, {}, { rate: 1000, burst: 10 })
  expect(s.collect()).toHaveLength(10)
  expect(s.run(50).length).toBeLessThanOrEqual(51)
})

test('connections of another port, and of two families at once, are not told', () => {
  const s = hung([
    { ...ONE, localPort: 444 },
    { ...ONE, local: SIX.local },
  ])
  expect(s.run(1000)).toEqual([])
})

test('reset: behind each notice, and where nothing came back, the connection is given out to be ended', () => {
  const s = hung([ONE, { ...SIX, zone: 0 }], { reset: true })
  s.collect()
  s.give(packet('ack'))
  s.run(400)
  const resets = s.requests.filter((r) => r.kind === 'reset')
  expect(resets).toEqual([
    { kind: 'reset', program: 'web', connection: { ...ONE, zone: 0 } },
    { kind: 'reset', program: 'web', connection: { ...SIX, zone: 0 } },
  ])
  const without = hung([ONE])
  without.run(400)
  expect(without.requests.filter((r) => r.kind === 'reset')).toEqual([])
})

test('a program that is back before its connections were told: none of them is reset', () => {
  const list = Array.from({ length: 20 }, (_, i): Connection => ({ ...ONE, remotePort: 1000 + i }))
  const s = hung(list, { reset: true }, { rate: 10, burst: 1 })
  s.run(100)
  s.notifier.sign(s.now, 'web', { kind: 'probe', ok: true })
  expect(s.run(2000)).toEqual([])
  expect(s.requests.filter((r) => r.kind === 'reset')).toEqual([])
  expect(s.last('outage').suppressed).toEqual({ back: 20 })
})

test('elicit: false asks nobody; what a workstation says by itself is quoted', () => {
  const s = hung([ONE, { ...ONE, remotePort: 40_001 }], { elicit: false })
  expect(s.collect()).toEqual([])
  s.run(50)
  s.give(packet('data'))
  expect(s.collect().map(target)).toEqual(['198.51.100.7 40000'])
  expect(s.run(500)).toEqual([])
  expect(s.last('outage')).toMatchObject({ sent: 1, suppressed: { 'no-answer': 1 } })
  expect(s.notifier.counters.elicited).toBe(0)
})

test('a connection told half a minute ago is not told of the next outage', () => {
  const s = hung([ONE])
  s.collect()
  s.give(packet('ack'))
  expect(s.collect()).toHaveLength(1)
  s.notifier.sign(s.now, 'web', { kind: 'probe', ok: true })
  s.run(5000)
  s.notifier.sign(s.now, 'web', { kind: 'probe', ok: false })
  s.look()
  s.notifier.connections(s.now, 'web', [ONE])
  s.collect()
  s.give(packet('ack'))
  expect(s.collect()).toEqual([])
  expect(s.last('outage').suppressed).toEqual({ recent: 1 })
})

describe('while it is drained, who opens a connection', () => {
  const drained = (options: object = {}) => {
    const s = new Scene(options, [WEB])
    s.notifier.drain(s.now, 'web')
    s.look()
    s.notifier.connections(s.now, 'web', [])
    return s
  }

  test('gets one bare error about that segment, as scapy makes it: no longer than the rule asks, since nothing is proved yet', () => {
    const s = drained()
    s.give(packet('syn'))
    expect(s.collect().map(withId)).toEqual([hex(packet('bare'))])
    expect(s.run(10_000)).toEqual([])
  })

  test('each segment one, and no more than the limits allow', () => {
    const s = drained({ perAddressBurst: 5, perAddressRate: 0.001 })
    for (let n = 0; n < 20; n++) s.give(packet('syn'))
    expect(s.collect()).toHaveLength(5)
    expect(s.notifier.counters.suppressed).toEqual({ 'address-rate': 15 })
  })

  test('a flood of them waits in bounded room', () => {
    const s = drained()
    const syn = packet('syn')
    for (let n = 0; n < 10_000; n++) {
      put32(syn, 12, 0x0a000000 + n)
      s.give(syn)
    }
    expect(s.collect().length).toBeLessThanOrEqual(256)
    expect(s.notifier.counters.suppressed.rate).toBe(10_000 - 256)
  })

  test('never a group, a broadcast, a forged loopback or an own address, nor any other segment', () => {
    const s = drained({ mine: (a: unknown) => a === (0xc0000201 | 0) })
    const from = (source: string) => {
      const syn = packet('syn')
      put32(syn, 12, ip(source) as Ip4)
      return syn
    }
    for (const source of ['0.0.0.0', '224.0.0.9', '255.255.255.255', '127.0.0.1', '192.0.2.1']) s.give(from(source))
    s.give(packet('syn'), { link: 'broadcast' })
    s.give(packet('ack'))
    const synAck = packet('syn')
    synAck[33] = tcp.Flag.syn | tcp.Flag.ack
    s.give(synAck)
    expect(s.collect()).toEqual([])
  })

  test('when it is up, offline or hung, its kernel answers, and we do not', () => {
    const s = new Scene({}, [{ ...WEB, failures: 1 }])
    s.give(packet('syn'))
    s.notifier.offline(s.now, 'web')
    s.look()
    s.notifier.connections(s.now, 'web', [])
    s.give(packet('syn'))
    expect(s.collect()).toEqual([])
  })
})

test('an established TCP segment is no UDP flow: nothing of it is kept while the program is up', () => {
  const s = new Scene({}, [WEB])
  for (let n = 0; n < 5; n++) s.give(packet('ack'), { port: ETH0 })
  expect(s.notifier.status(s.now)[0]).toMatchObject({ workstations: 0 })
  s.notifier.offline(s.now, 'web')
  s.look()
  s.notifier.connections(s.now, 'web', [])
  expect(s.run(1000).map(target)).toEqual([])
})
