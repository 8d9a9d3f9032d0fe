import { expect, test } from 'vitest'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import { hex, unhex } from '../../wire/octets.ts'

const frame = (
  op: number,
  mac: string,
  sender: string,
  target: string,
  dst = 'ffffffffffff',
  targetMac = '0'.repeat(12),
) => `${dst}${mac}0806000108000604000${op}${mac}${sender}${targetMac}${target}`
const NODE = '020000000001'
const PEER = '020000000022'
const IP1 = 'c0000201'
const IP2 = 'c0000202'
/** 192.0.2.1 is probed for: as scapy makes it with psrc 0.0.0.0. */
const PROBE = 'ffffffffffff0200000000010806000108000604000102000000000100000000000000000000c0000201'
/** And announced: sender and target are the address. */
const ANNOUNCEMENT = 'ffffffffffff02000000000108060001080006040001020000000001c0000201000000000000c0000201'

const host = (more: object = {}, role: 'host' | 'gateway' = 'host') =>
  new OneNode({
    role,
    ports: [port(1, { addresses: ['192.0.2.1/24'] })],
    ip4: { arpProbe: more, routerAdvertisements: { advertise: false } },
  })
const conflicts = (n: OneNode) => n.events.filter((e) => e.kind === 'address-conflict')
const isReady = (n: OneNode) => n.events.some((e) => e.kind === 'address-ready' && e.address === ip4('192.0.2.1'))

test('an address is probed for three times, one to two seconds apart after up to one, and used from its first announcement on (RFC 5227 §2.1) [v4-arp-probe]', () => {
  const n = host()
  expect(n.taken()).toEqual([])
  const sent = n.run(20_000)
  const probes = sent.filter((s) => hex(s.bytes) === PROBE)
  expect(probes).toHaveLength(3)
  expect(probes[0]!.at).toBeLessThanOrEqual(1000)
  expect(probes[0]!.at).toBeGreaterThan(0)
  for (const i of [1, 2]) {
    expect(probes[i]!.at - probes[i - 1]!.at).toBeGreaterThanOrEqual(1000)
    expect(probes[i]!.at - probes[i - 1]!.at).toBeLessThanOrEqual(2000)
  }
  const ready = n.events.find((e) => e.kind === 'address-ready' && e.address === ip4('192.0.2.1'))!
  expect(ready.at).toBeCloseTo(probes[2]!.at + 2000, 6)
})

test('what was probed for cleanly is announced twice, two seconds apart (RFC 5227 §2.3) [v4-arp-announce]', () => {
  const n = host()
  const sent = n.run(60_000)
  const announced = sent.filter((s) => hex(s.bytes) === ANNOUNCEMENT).map((s) => s.at)
  expect(announced).toHaveLength(2)
  expect(announced[1]! - announced[0]!).toBeCloseTo(2000, 6)
  expect(announced[0]).toBe(n.events.find((e) => e.kind === 'address-ready' && e.address === ip4('192.0.2.1'))!.at)
  // Nothing else is said.
  expect(sent).toHaveLength(5)
})

test('an address that another host answers for is not used, the other is named, and nothing is answered in its name (RFC 5227 §2.1.1) [v4-arp-probe]', () => {
  const n = host()
  n.run(3000)
  // The holder's reply to the probe: its target IP is zero, as the probe's sender was.
  n.give(frame(2, PEER, IP1, '00000000', NODE, NODE))
  expect(conflicts(n)).toEqual([
    expect.objectContaining({ address: ip4('192.0.2.1'), by: unhex(PEER), port: 1, outcome: 'not-used' }),
  ])
  n.taken()
  expect(n.run(3_600_000)).toEqual([])
  expect(isReady(n)).toBe(false)
  expect(n.give(frame(1, PEER, IP2, IP1))).toEqual([])
  // Neither is an echo request for it.
  const echo = `${NODE}${PEER}0800` + '45000020000040004001b6d9c0000202c00002010800f7fd0001000100000000'
  expect(n.give(echo)).toEqual([])
})

test('a probe, a request or a reply of another for an address that is being probed for is a conflict, up to two seconds after the last probe (RFC 5227 §2.1.1) [v4-arp-probe]', () => {
  for (const claim of [
    frame(1, PEER, '00000000', IP1),
    frame(1, PEER, IP1, IP1),
    frame(1, PEER, IP1, IP2),
    frame(2, PEER, IP1, IP1),
  ]) {
    const n = host()
    for (let probes = 0; probes < 3; n.run(1)) probes += n.taken().length
    n.run(1990)
    n.give(claim)
    n.run(60_000)
    expect(conflicts(n)).toHaveLength(1)
    expect(isReady(n)).toBe(false)
  }
})

test('requests for an address that is being probed for, and its own probes that come back, are no conflict (RFC 5227 §2.1.1)', () => {
  const n = host()
  n.run(2000)
  expect(n.give(frame(1, PEER, IP2, IP1))).toEqual([])
  expect(n.give(PROBE)).toEqual([])
  n.run(10_000)
  expect(conflicts(n)).toEqual([])
  expect(isReady(n)).toBe(true)
})

test('a probe of another for an address in use is answered (RFC 5227 §2.5)', () => {
  const n = host()
  n.run(20_000)
  const [reply] = n.give(frame(1, PEER, '00000000', IP1))
  expect(hex(reply!)).toBe(frame(2, NODE, IP1, '00000000', PEER, PEER))
  expect(conflicts(n)).toEqual([])
})

test('a gateway defends its address against each claim, but says so once in ten seconds (RFC 5227 §2.4 (c)) [v4-arp-defend]', () => {
  const n = host({}, 'gateway')
  n.run(20_000)
  n.taken()
  for (let i = 0; i < 5; i++) {
    n.give(frame(2, PEER, IP1, IP2))
    n.run(4000)
  }
  // At 0, 4, 8, 12 and 16 seconds.
  expect(n.taken().map((s) => [s.at, hex(s.bytes)])).toEqual([
    [20_000, ANNOUNCEMENT],
    [32_000, ANNOUNCEMENT],
  ])
  expect(n.node.counters.dropped['address-conflict']).toBe(5)
  expect(conflicts(n).map((e) => e.kind === 'address-conflict' && e.outcome)).toEqual(['defended', 'defended'])
  expect(n.give(frame(1, PEER, IP2, IP1))).toHaveLength(1)
})

test('a host that is claimed against twice within ten seconds gives its address up, and answers for it no more (RFC 5227 §2.4 (b)) [v4-arp-defend]', () => {
  const n = host()
  n.run(20_000)
  n.give(frame(1, PEER, IP1, IP1))
  n.run(10_000)
  n.give(frame(1, PEER, IP1, IP1))
  expect(conflicts(n).map((e) => e.kind === 'address-conflict' && e.outcome)).toEqual(['defended', 'defended'])
  n.run(9_999)
  expect(n.give(frame(1, PEER, IP1, IP1))).toEqual([])
  expect(conflicts(n).at(-1)).toMatchObject({ outcome: 'given-up', by: unhex(PEER) })
  expect(n.give(frame(1, PEER, IP2, IP1))).toEqual([])
  expect(n.node.ip4.isMine(ip4('192.0.2.1'))).toBe(false)
  expect(
    n.node.ip4.send(n.now as Instant, { dst: ip4('192.0.2.2'), protocol: 253, payload: new Uint8Array(1) }),
  ).not.toBe('sent')
})

test('a claim against an address never reaches the neighbour cache: the node does not send to itself by the thief', () => {
  const n = host({}, 'gateway')
  n.run(20_000)
  n.give(frame(1, PEER, IP1, IP1))
  expect(n.node.ip4.arp.entries()).toEqual([])
})

test('with no probes an address is used at once, and announced', () => {
  const n = host({ count: 0 })
  expect(n.taken().map((s) => [s.at, hex(s.bytes)])).toEqual([[0, ANNOUNCEMENT]])
  expect(isReady(n)).toBe(true)
  expect(n.run(10_000).map((s) => [s.at, hex(s.bytes)])).toEqual([[2000, ANNOUNCEMENT]])
})

test('a link that comes up again may be another one: the address is probed for before it is used there (RFC 5227 §2.1)', () => {
  const n = host()
  n.run(20_000)
  n.taken()
  n.node.changePort(n.now as Instant, 1, { up: false })
  n.run(1000)
  n.node.changePort(n.now as Instant, 1, { up: true })
  expect(n.give(frame(1, PEER, IP2, IP1))).toEqual([])
  expect(n.run(20_000).map((s) => hex(s.bytes))).toEqual([PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT])
  expect(n.give(frame(1, PEER, IP2, IP1))).toHaveLength(1)
})

test('a new MAC address of the port is announced, so that nobody sends to the old one', () => {
  const n = host()
  n.run(20_000)
  n.taken()
  n.node.changePort(n.now as Instant, 1, { mac: unhex('0200000000aa') })
  expect(n.collect().map((b) => hex(b))).toEqual([ANNOUNCEMENT.replaceAll(NODE, '0200000000aa')])
})

test('after ten conflicts on a port a new address is probed for once a minute at most (RFC 5227 §2.1.1)', () => {
  const n = host()
  const begun: number[] = []
  for (let i = 0; i < 14; i++) {
    const address = ip4(`192.0.2.${100 + i}`)
    n.node.ip4.addAddress(n.now as Instant, n.node.ports.get(1)!, address, 24)
    let probe: number | undefined
    while (probe === undefined)
      probe = n.run(100).find((s) => hex(s.bytes, 38) === `c00002${hex(Uint8Array.of(100 + i))}`)?.at
    begun.push(probe)
    n.give(frame(2, PEER, `c00002${hex(Uint8Array.of(100 + i))}`, '00000000', NODE, NODE))
  }
  expect(begun[9]!).toBeLessThan(15_000)
  for (const i of [10, 11, 12, 13]) expect(begun[i]! - begun[i - 1]!).toBeGreaterThanOrEqual(59_000)
})
