import { describe, expect, test } from 'vitest'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { datagram, echo, type Fields, icmp, pattern, read } from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import type { Arrival } from '../../door.ts'
import { hex, unhex } from '../../wire/octets.ts'
import type { Ip4Settings } from './settings.ts'

const NODE = '020000000001'
const PEER = '020000000022'
const ARP_REQUEST = `ffffffffffff${PEER}08060001080006040001${PEER}c0000202000000000000c0000201`

function host(settings: Partial<Ip4Settings> = {}): OneNode {
  const n = new OneNode({
    ports: [port(1, { addresses: ['192.0.2.1/24'] }), port(2, { medium: 'ip', addresses: ['198.51.100.1/24'] })],
    ip4: { arpProbe: { count: 0, announcements: 0 }, ...settings },
  })
  n.run(10_000)
  n.give(ARP_REQUEST)
  return n
}

/** What `handlePacket` says of the frame, and what it made of it. */
function offer(n: OneNode, ip: Uint8Array, how: Partial<Arrival> & { mac?: string } = {}) {
  const bytes = new Uint8Array([...unhex(`${NODE}${how.mac ?? PEER}0800`), ...ip])
  const a: Arrival = {
    bytes,
    at: 0,
    end: bytes.length,
    length: bytes.length,
    origin: 'wire',
    link: 'host',
    checksum: 'unknown',
    stamp: n.now as Instant,
    clock: 'virtual',
    port: 1,
    ...how,
  }
  return { inPlace: n.node.handlePacket(n.now as Instant, a), bytes, queued: n.collect() }
}

describe('an echo request whose like was answered before', () => {
  test('becomes its reply where it stands, the same octets as the long way makes', () => {
    const n = host()
    const request = echo({ df: true, tos: 0x20, ttl: 9 }, 56)
    const long = offer(n, request)
    expect([long.inPlace, long.queued.length]).toEqual([false, 1])
    const short = offer(n, request)
    expect([short.inPlace, short.queued.length]).toEqual([true, 0])
    expect(hex(short.bytes)).toBe(hex(long.queued[0]!))
    expect(hex(short.bytes, 0, 14)).toBe(`${PEER}${NODE}0800`)
    expect(n.node.counters.answered).toBe(3)
  })

  const others: [string, Uint8Array, (Partial<Arrival> & { mac?: string })?][] = [
    ['from another source', echo({ src: '192.0.2.3' })],
    ['to another address', echo({ dst: '192.0.2.255' })],
    ['from a station that is not its neighbour', echo({}), { mac: '020000000077' }],
    ['with options', echo({ options: '94040000' })],
    ['that is a fragment', datagram({ protocol: 1, mf: true }, icmp(8, 0, '00010001', pattern(8)))],
    ['that is another type', datagram({ protocol: 1 }, icmp(13, 0, '00010001', pattern(12)))],
    ['with a damaged header', echo({ spoil: 1 })],
    ['with a damaged message', datagram({ protocol: 1 }, icmp(8, 0, '00010001', pattern(8), 4))],
    ['longer than the link carries', echo({}, 1473)],
    ['shorter than its header says', echo({ length: 200 })],
    ['too short for an echo', datagram({ protocol: 1 }, icmp(8, 0, '00010001').subarray(0, 7))],
    ['from a broadcast frame', echo({}), { link: 'broadcast' }],
    ['that the link filled up far beyond its end', new Uint8Array([...echo({}), ...new Uint8Array(40)])],
  ]
  test.each(others)('takes the long way where one comes %s', (_, bytes, how) => {
    const n = host()
    offer(n, echo({}))
    expect(offer(n, echo({})).inPlace).toBe(true)
    const before = new Uint8Array([...unhex(`${NODE}${how?.mac ?? PEER}0800`), ...bytes])
    const { inPlace, bytes: after } = offer(n, bytes, how)
    expect(inPlace).toBe(false)
    expect(hex(after)).toBe(hex(before))
  })

  test('takes the long way when routes, addresses or the neighbour have changed, or somebody listens', () => {
    const route = { prefix: ip4('10.0.0.0'), prefixLength: 8, kind: 'blackhole', nextHop: undefined, port: -1 } as const
    const changes: ((n: OneNode) => void)[] = [
      (n) => n.node.ip4.routes.add({ ...route, origin: 'static', metric: 0 }),
      (n) => n.node.ip4.addAddress(n.now as Instant, n.node.ports.get(1)!, ip4('192.0.2.8'), 24),
      (n) => n.run(61_000),
      (n) => n.node.transport.raw.add({ message: () => {}, owns: () => false }),
      (n) => n.give(ARP_REQUEST.replaceAll(PEER, '020000000033')),
    ]
    for (const change of changes) {
      const n = host()
      offer(n, echo({}))
      expect(offer(n, echo({})).inPlace).toBe(true)
      change(n)
      n.collect()
      expect(offer(n, echo({})).inPlace).toBe(false)
    }
  })

  test('is dropped when echo has been switched off meanwhile', () => {
    const n = host()
    offer(n, echo({}))
    n.node.ip4.settings.echo = false
    expect(offer(n, echo({}))).toMatchObject({ inPlace: false, queued: [] })
  })

  test('is answered on the long way where the route back leaves by another port', () => {
    const n = host({
      routes: [
        { prefix: ip4('203.0.113.0'), prefixLength: 24, kind: 'unicast', nextHop: ip4('198.51.100.2'), port: 2 },
      ],
    })
    const f: Fields = { src: '203.0.113.7' }
    for (let i = 0; i < 3; i++) {
      const { inPlace, queued } = offer(n, echo(f))
      expect([inPlace, queued.length]).toEqual([false, 1])
      expect(read(queued[0]!).dst).toBe('203.0.113.7')
    }
  })

  test('sends zeros where the link filled up a short frame, not what was there', () => {
    const n = host()
    const padded = new Uint8Array(46).fill(0xee)
    padded.set(echo({}))
    offer(n, padded)
    const { inPlace, bytes } = offer(n, padded)
    expect(inPlace).toBe(true)
    expect(hex(bytes, 14 + 28)).toBe('00'.repeat(18))
  })
})

test('a flood of askers costs no memory: who is not remembered is answered on the long way', () => {
  const n = new OneNode({ ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/8'], queue: 4 })] })
  n.run(10_000)
  const request = echo({})
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 20_000; i++) {
    request[13] = 1 + (i >> 14)
    request[14] = i >> 7
    request[15] = 2 + (i & 127)
    request[10] = 0
    request[11] = 0
    let sum = 0
    for (let o = 0; o < 20; o += 2) sum += request[o]! * 256 + request[o + 1]!
    sum = 0xffff - ((sum & 0xffff) + (sum >> 16))
    request[10] = sum >> 8
    request[11] = sum & 255
    expect(n.give(request).length).toBe(1)
    if ((i & 1023) === 0) n.taken()
  }
  globalThis.gc?.()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 << 20)
})
