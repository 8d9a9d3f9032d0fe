import { expect, test } from 'vitest'
import { Lan } from '../../../../../test/stack/lan-bench.ts'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { datagram, echo, icmp, quad, udp } from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'

const X = '203.0.113.7'
const quench = (quote: string, f: Parameters<typeof datagram>[0] = {}) =>
  datagram({ src: '198.51.100.1', protocol: 1, ...f }, icmp(4, 0, '00000000', quote))

test('no transport hears of a source quench, whatever it quotes, and nothing changes (RFC 6633 §3, §5, §6) [v4-sq-transport-discard] [v4-sq-host-ip-discard]', () => {
  const lan = new Lan()
  const tcp = lan.n.node.transport.tcp.add({
    family: 4,
    local: ip4('192.0.2.1'),
    localPort: 6000,
    remote: ip4(X),
    remotePort: 80,
    state: 'syn-sent',
    sndUna: 1,
    sndNxt: 2,
    maxSizeSent: 40,
    maxSizeAcked: 0,
  })
  const other: number[] = []
  lan.n.node.transport.register(132, {
    deliver: () => 'taken',
    heard: (_now, e) => other.push(e.type) > 0,
    failed: () => {},
  })
  const header = (protocol: string) => `45000028000140003f${protocol}0000${quad('192.0.2.1')}${quad(X)}`
  expect(lan.give(quench(hex(lan.send(X)[0]!, 14, 42)))).toEqual([])
  expect(lan.give(quench(`${header('06')}1770005000000001`))).toEqual([])
  expect(lan.give(quench(`${header('84')}1770005000000001`))).toEqual([])
  expect(lan.socket.error()).toBeUndefined()
  expect([tcp.state, tcp.events, other]).toEqual(['syn-sent', [], []])
  expect(lan.n.node.counters.dropped['source-quench']).toBe(3)
  expect(lan.n.node.counters.errorsReceived).toEqual({})
})

test('a client sends as fast after a hundred quenches as before (RFC 6633 §7) [v4-sq-no-rfc1016]', () => {
  const lan = new Lan()
  const rate = () => Array.from({ length: 200 }, () => lan.send(X, 1000).length).reduce((a, b) => a + b)
  const before = rate()
  const quote = hex(lan.send(X)[0]!, 14, 42)
  for (let i = 0; i < 100; i++) lan.give(quench(quote))
  expect(rate()).toBe(before)
  expect(before).toBe(200)
})

test('a gateway ignores those that are addressed to it (RFC 6633 §4) [v4-sq-router-ignore]', () => {
  const lan = new Lan({ role: 'gateway' })
  const quote = hex(lan.send(X)[0]!, 14, 42)
  expect(lan.give(quench(quote))).toEqual([])
  expect(lan.socket.error()).toBeUndefined()
  expect(lan.via(X)).toBe('0200000000fe')
})

test('what is ignored is told of with source, destination, type and time, and a flood of it a few times only (RFC 6633 §8) [v4-sq-log]', () => {
  for (const role of ['host', 'gateway'] as const) {
    const lan = new Lan({ role, ip4: { routerAdvertisements: { advertise: false } } })
    lan.n.run(1234)
    for (let i = 0; i < 1000; i++) lan.give(quench('45'.repeat(28)))
    const told = lan.n.events.filter((e) => e.kind === 'log')
    expect(told[0]).toEqual({
      kind: 'log',
      at: 1234,
      port: 1,
      what: 'ignored a source quench (ICMP type 4) from 198.51.100.1 to 192.0.2.1',
      about: ip4('198.51.100.1'),
    })
    expect(told).toHaveLength(10)
    expect(lan.n.node.counters.dropped['source-quench']).toBe(1000)
  }
})

test('a host whose queue is full says nothing of it (RFC 6633 §3) [v4-sq-host-no-send]', () => {
  const n = new OneNode({ ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'], queue: 4 })] })
  const socket = n.node.transport.udp.bind({ family: 4, port: 53, queue: 1 })
  for (let i = 0; i < 100; i++) socket.send(0 as Instant, new Uint8Array(1), { address: ip4('192.0.2.2'), port: 9 })
  for (let i = 0; i < 100; i++) {
    // More than it may queue, more than its reader takes, more than errors are sent about.
    const how = {
      bytes: udp({ dst: '192.0.2.1' }, 8),
      at: 0,
      end: 36,
      length: 36,
      origin: 'wire',
      link: 'host',
    } as const
    n.node.handlePacket(0 as Instant, { ...how, checksum: 'unknown', stamp: 0 as Instant, clock: 'virtual', port: 1 })
    n.node.handlePacket(0 as Instant, {
      ...how,
      bytes: echo({}, 8),
      checksum: 'unknown',
      stamp: 0 as Instant,
      clock: 'virtual',
      port: 1,
    })
  }
  const out = n.collect()
  expect(n.node.counters.dropped['queue-full']).toBeGreaterThan(90)
  expect(n.node.counters.dropped['receive-queue-full']).toBe(99)
  expect(out.filter((b) => b[9] === 1 && b[20] === 4)).toEqual([])
})

test('a gateway whose queue is full says nothing of it (RFC 1812 §4.3.3.3, RFC 6633 §2) [v4-sq-router-no-send]', () => {
  const n = new OneNode({
    role: 'gateway',
    ports: [
      port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] }),
      port(2, { medium: 'ip', addresses: ['198.51.100.1/24'], queue: 4 }),
    ],
  })
  n.taken()
  for (let i = 0; i < 100; i++) {
    const bytes = udp({ dst: '198.51.100.2' }, 8)
    const how = { bytes, at: 0, end: 36, length: 36, origin: 'wire', link: 'host', checksum: 'unknown' } as const
    n.node.handlePacket(0 as Instant, { ...how, stamp: 0 as Instant, clock: 'virtual', port: 1 })
  }
  expect(n.node.counters.dropped['queue-full']).toBe(96)
  n.collect()
  expect(n.taken().map((s) => s.port)).toEqual([2, 2, 2, 2])
})
