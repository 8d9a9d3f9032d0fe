import { describe, expect, test } from 'vitest'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { datagram, echo, icmp, pattern, quad, read, udp } from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import { hex, unhex } from '../../wire/octets.ts'
import type { Ip4Settings } from './settings.ts'

function node(role: 'host' | 'gateway', settings: Partial<Ip4Settings> = {}): OneNode {
  const n = new OneNode({
    role,
    ports: [
      port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] }),
      port(2, { medium: 'ip', addresses: ['198.51.100.1/24'] }),
    ],
    ip4: settings,
  })
  n.run(10_000)
  n.taken()
  return n
}
const ROLES = ['host', 'gateway'] as const
const one = (answers: Uint8Array[]) => {
  expect(answers).toHaveLength(1)
  return read(answers[0]!)
}

describe.each(ROLES)('a %s', (role) => {
  test('drops what is not version 4, or has a damaged header, before any ICMP is looked at (RFC 1122 §3.2.1.1, §3.2.1.2) [v4-recv-ip-validate]', () => {
    const n = node(role)
    const bad = [echo({ version: 5 }), echo({ version: 0 }), echo({ ihl: 4 }), echo({ ihl: 15 }), echo({ length: 12 })]
    for (const bytes of bad) expect(n.give(bytes)).toEqual([])
    expect(n.give(echo({}).subarray(0, 10))).toEqual([])
    expect(n.node.counters.malformed).toEqual({ 'bad-version': 2, 'bad-length': 2, truncated: 2 })
    expect(n.give(echo({ spoil: 0x8000 }))).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'bad-checksum': 1 })
  })

  test('drops what has a source that nobody has (RFC 1122 §3.2.1.3, RFC 1812 §4.2.2.11) [v4-recv-bad-source]', () => {
    for (const src of [
      ...['224.0.0.1', '239.255.255.255', '255.255.255.255', '192.0.2.255', '127.0.0.1', '0.0.0.7'],
      // Nobody else has an address of this node.
      ...['192.0.2.1', '198.51.100.1'],
    ]) {
      const n = node(role)
      expect(n.give(echo({ src })), src).toEqual([])
      expect(n.node.counters.dropped, src).toEqual({ 'martian-source': 1 })
    }
  })

  test('hears those who have no address yet ask for routers and masks, and nothing else from them (RFC 1256 §5.3, RFC 950) [v4-recv-bad-source]', () => {
    const n = node(role)
    const heard: number[] = []
    n.node.transport.raw.add({ message: (_, d) => void heard.push(d.bytes[d.at]!), owns: () => false })
    for (const type of [0, 8, 10, 13, 17]) {
      n.give(datagram({ src: '0.0.0.0', protocol: 1, dst: '192.0.2.1' }, icmp(type, 0, '00000000', pattern(12))))
    }
    expect(heard).toEqual([10, 17])
    expect(n.node.counters.dropped['martian-source']).toBe(3)
  })

  test('takes a unicast datagram from a broadcast frame for a mistake, from a multicast frame not (RFC 1122 §3.3.6) [v4-recv-link-bcast-unicast]', () => {
    const n = node(role)
    expect(n.give(echo({}), { link: 'broadcast' })).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'link-broadcast': 1 })
    expect(n.give(echo({}), { link: 'multicast' })).toHaveLength(1)
  })

  test('drops what no address of a node can be', () => {
    for (const dst of ['127.0.0.1', '127.255.255.255', '0.0.0.0']) {
      const n = node(role)
      expect(n.give(echo({ dst }))).toEqual([])
      expect(n.node.counters.dropped).toEqual({ 'martian-destination': 1 })
    }
  })

  test('is in the group of all hosts on each port, and in no group that it did not join', () => {
    const n = node(role, { echoBroadcast: true })
    expect(n.give(echo({ dst: '224.0.0.1' }), { link: 'multicast' })).toHaveLength(1)
    expect(n.give(echo({ dst: '224.0.0.99' }), { link: 'multicast' })).toEqual([])
    expect(n.give(echo({ dst: '224.0.0.2' }), { link: 'multicast' })).toHaveLength(role === 'gateway' ? 1 : 0)
  })

  test('neither sends nor answers what nobody sends any more (RFC 6918 §3, RFC 6633) [v4-registry-deprecated]', () => {
    for (const type of [4, 6, 15, 16, 17, 18, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39]) {
      const n = node(role)
      expect(n.give(datagram({ protocol: 1 }, icmp(type, 0, '00000000', pattern(24)))), String(type)).toEqual([])
      expect(n.run(60_000).filter((s) => s.bytes[0]! >> 4 === 4 && s.bytes[20] !== 9)).toEqual([])
    }
  })

  test('uses a Photuris message only where its quote is of something sent, and answers none (RFC 2521 §3) [v4-registry-photuris-recv]', () => {
    const n = node(role)
    const socket = n.node.transport.udp.bind({ family: 4, port: 500 })
    socket.send(n.now as Instant, unhex('0102'), { address: ip4('192.0.2.2'), port: 4500 })
    const [sent] = n.collect()
    expect(n.give(datagram({ protocol: 1 }, icmp(40, 1, '00000000', sent!)))).toEqual([])
    expect(socket.error()).toMatchObject({ type: 40, code: 1 })
    const other = udp({ src: '192.0.2.1', dst: '192.0.2.2' }, 0, '01f41195')
    expect(n.give(datagram({ protocol: 1 }, icmp(40, 1, '00000000', other)))).toEqual([])
    expect(n.give(datagram({ protocol: 1 }, icmp(40, 1, '00000000', sent!.subarray(0, 19))))).toEqual([])
    expect(n.give(datagram({ protocol: 1 }, icmp(40, 1, '00000000').subarray(0, 7)))).toEqual([])
    expect(socket.error()).toBeUndefined()
    expect(n.node.counters.dropped['not-in-flight']).toBe(1)
    expect(n.node.counters.malformed.truncated ?? 0).toBeGreaterThanOrEqual(1)
  })

  test('passes a time exceeded and a parameter problem to the transport that the quote names, pointer and all (RFC 1122 §3.2.2.4, §3.2.2.5) [v4-te-recv-pass] [v4-pp-recv-pass]', () => {
    const n = node(role)
    const socket = n.node.transport.udp.bind({ family: 4, port: 5000 })
    socket.send(n.now as Instant, unhex('0102'), { address: ip4('192.0.2.2'), port: 9 })
    const [sent] = n.collect()
    const router = { src: '192.0.2.254', protocol: 1 }
    for (const [type, code, word] of [
      [11, 0, '00000000'],
      [11, 1, '00000000'],
      [12, 0, '14000000'],
      [12, 1, '82000000'],
    ] as const) {
      n.give(datagram(router, icmp(type, code, word, sent!)))
      const e = socket.error()
      expect(e).toMatchObject({
        type,
        code,
        from: ip4('192.0.2.254'),
        pointer: type === 12 ? Number.parseInt(word.slice(0, 2), 16) : -1,
      })
      expect(hex(e!.quote)).toBe(hex(sent!))
    }
    expect(n.node.counters.errorsReceived).toEqual({
      'v4 timeExceeded 0': 1,
      'v4 timeExceeded 1': 1,
      'v4 parameterProblem 0': 1,
      'v4 parameterProblem 1': 1,
    })
  })

  test('shows a parameter problem to whoever listens for ICMP (RFC 1122 §3.2.2.5) [v4-pp-recv-user]', () => {
    const n = node(role)
    const seen: number[] = []
    n.node.transport.raw.add({ message: (_, d) => void seen.push(d.bytes[d.at + 4]!), owns: () => false })
    n.give(datagram({ protocol: 1 }, icmp(12, 0, '14000000', udp({ src: '192.0.2.1' }))))
    expect(seen).toEqual([20])
  })

  test('believes no error that was sent to everybody', () => {
    const n = node(role)
    const socket = n.node.transport.udp.bind({ family: 4, port: 5000 })
    socket.send(n.now as Instant, unhex('0102'), { address: ip4('192.0.2.2'), port: 9 })
    const [sent] = n.collect()
    for (const dst of ['192.0.2.255', '255.255.255.255', '224.0.0.1']) {
      n.give(datagram({ dst, protocol: 1 }, icmp(3, 3, '00000000', sent!)))
    }
    expect(socket.error()).toBeUndefined()
    expect(n.node.counters.dropped.unsolicited).toBe(3)
  })

  test('drops an error whose quote cannot be read, and reads nothing behind it (RFC 1122 §3.2.2) [v4-quote-parse-short]', () => {
    const sent = udp({ src: '192.0.2.1', dst: '192.0.2.2' }, 12)
    for (let octets = 0; octets < 20; octets++) {
      const n = node(role)
      const padded = new Uint8Array(64).fill(0xee)
      padded.set(datagram({ protocol: 1 }, icmp(3, 3, '00000000', sent.subarray(0, octets))))
      expect(n.give(padded)).toEqual([])
      expect(n.node.counters.malformed.truncated).toBe(1)
    }
    for (const first of [0x35, 0x65, 0x44, 0x4f]) {
      const spoiled = sent.slice()
      spoiled[0] = first
      const n = node(role)
      expect(n.give(datagram({ protocol: 1 }, icmp(3, 3, '00000000', spoiled)))).toEqual([])
      expect(Object.values(n.node.counters.malformed)).toEqual([1])
    }
  })

  test('lets an application ask for echoes and hear the replies, with their TTL, their data and their time (RFC 1122 §3.2.2.6, RFC 1812 §4.3.3.6) [v4-echo-client-host] [v4-echo-client-router]', () => {
    const n = node(role)
    const heard: unknown[] = []
    n.node.transport.raw.add({
      message: (now, d) => void heard.push([now, d.hopLimit, hex(d.bytes, d.at, d.end)]),
      owns: () => false,
    })
    const payload = icmp(8, 0, '00010001', '68690000')
    expect(n.node.ip4.send(n.now as Instant, { dst: ip4('192.0.2.2'), protocol: 1, payload })).toBe('sent')
    const [request] = n.collect()
    expect(hex(read(request!).payload)).toBe(hex(payload))
    n.run(20)
    n.give(datagram({ protocol: 1, ttl: 61 }, icmp(0, 0, '00010001', '68690000')))
    expect(heard).toEqual([[10_020, 61, hex(icmp(0, 0, '00010001', '68690000'))]])
  })
})

test('a host drops what is for another without a word (RFC 1122 §3.2.1.3) [v4-recv-dst-own]', () => {
  const n = node('host')
  const others = ['192.0.2.7', '203.0.113.1', '198.51.100.255', '224.0.0.5', '192.0.2.0', '240.0.0.1']
  for (const dst of others) expect(n.give(echo({ dst }))).toEqual([])
  expect(n.node.counters.dropped).toEqual({ 'not-mine': others.length })
})

test('where ICMP itself is unfinished, addresses of all ports are the node: it is asked by any of them (RFC 1122 §3.3.4.2)', () => {
  expect(one(node('host').give(echo({ dst: '198.51.100.1' }))).src).toBe('198.51.100.1')
})

test('an address that ARP is still asking for is not answered for, nor its network known', () => {
  const n = new OneNode({ role: 'host', ports: [port(1, { addresses: ['192.0.2.1/24'] })] })
  const frame = new Uint8Array([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x22, 8, 0, ...echo({})])
  expect(n.give(frame).filter((b) => hex(b, 12, 14) === '0800')).toEqual([])
  expect(n.node.counters.dropped['not-mine']).toBe(1)
  expect(n.node.ip4.send(0 as Instant, { dst: ip4('192.0.2.2'), protocol: 253, payload: unhex('00') })).toBe('no-route')
  n.run(20_000)
  expect(n.node.ip4.send(20_000 as Instant, { dst: ip4('192.0.2.2'), protocol: 253, payload: unhex('00') })).toBe(
    'sent',
  )
})

describe('what a node sends of its own', () => {
  const send = (n: OneNode, g: { dst: string; octets?: number; df?: boolean; options?: string; src?: string }) => {
    const { dst, octets = 1, df, options, src } = g
    const sent = n.node.ip4.send(n.now as Instant, {
      dst: ip4(dst),
      protocol: 253,
      payload: pattern(octets),
      ...(df === undefined ? {} : { df }),
      ...(options === undefined ? {} : { options: unhex(options) }),
      ...(src === undefined ? {} : { src: ip4(src) }),
    })
    return { sent, out: n.collect().map(read) }
  }

  test('is in as few fragments as may be, the options with the copied flag in each (RFC 791 §3.1)', () => {
    const options = `94040000070704${quad('0.0.0.0')}00`
    const { sent, out } = send(node('host'), { dst: '192.0.2.2', octets: 3000, options })
    expect(sent).toBe('sent')
    expect(out.map((f) => [f.offset, f.payload.length, f.mf, hex(f.options)])).toEqual([
      [0, 1464, true, options],
      [1464, 1472, true, '94040000'],
      [2936, 64, false, '94040000'],
    ])
    expect(new Set(out.map((f) => f.id)).size).toBe(1)
  })

  test('is refused, and nothing leaves, where it must not be cut or is no datagram any more', () => {
    expect(send(node('host'), { dst: '192.0.2.2', octets: 1481, df: true })).toEqual({ sent: 'too-big', out: [] })
    expect(send(node('host', { fragment: false }), { dst: '192.0.2.2', octets: 1481 })).toEqual({
      sent: 'too-big',
      out: [],
    })
    expect(send(node('host'), { dst: '192.0.2.2', octets: 65_516 })).toEqual({ sent: 'too-big', out: [] })
    expect(send(node('host'), { dst: '192.0.2.2', octets: 65_515 }).out.length).toBe(45)
  })

  test('speaks from the address of the network that the next hop is in', () => {
    expect(send(node('host'), { dst: '192.0.2.2' }).out[0]).toMatchObject({ src: '192.0.2.1', ttl: 64, df: false })
    expect(send(node('host'), { dst: '198.51.100.9' }).out[0]).toMatchObject({ src: '198.51.100.1' })
    expect(send(node('host'), { dst: '224.0.0.99' }).out[0]).toMatchObject({ src: '192.0.2.1', ttl: 1 })
    expect(send(node('host'), { dst: '203.0.113.1' }).sent).toBe('no-route')
  })

  test('has a source of its own, a destination that may leave a node, and a TTL (RFC 1122 §3.2.1.3, §3.2.1.7)', () => {
    const routes = [
      { prefix: ip4('0.0.0.0'), prefixLength: 0, kind: 'unicast', nextHop: ip4('192.0.2.2'), port: 1 },
    ] as const
    const n = node('host', { routes })
    expect(send(n, { dst: '192.0.2.2', src: '192.0.2.77' })).toEqual({ sent: 'no-source', out: [] })
    expect(send(n, { dst: '192.0.2.2', src: '192.0.2.255' })).toEqual({ sent: 'no-source', out: [] })
    expect(send(n, { dst: '192.0.2.2', src: '198.51.100.1' }).out[0]).toMatchObject({ src: '198.51.100.1' })
    for (const dst of ['127.0.0.1', '127.9.9.9', '0.0.0.0', '0.1.2.3']) {
      expect(send(n, { dst })).toEqual({ sent: 'no-route', out: [] })
    }
    const g = { dst: ip4('192.0.2.2'), protocol: 253, payload: pattern(1), ttl: 0 }
    expect(() => n.node.ip4.send(n.now as Instant, g)).toThrow(RangeError)
  })

  test('to an address of its own comes in again, and nothing leaves (RFC 1122 §3.3.1.1)', () => {
    const n = node('host')
    const heard: string[] = []
    n.node.transport.raw.add({ message: (_, d) => void heard.push(hex(d.bytes, d.at, d.end)), owns: () => false })
    const payload = icmp(8, 0, '00010001', pattern(2000))
    expect(n.node.ip4.send(n.now as Instant, { dst: ip4('198.51.100.1'), protocol: 1, payload })).toBe('sent')
    expect(n.run(0)).toEqual([])
    expect(n.run(0)).toEqual([])
    expect(heard).toEqual([hex(payload), hex(icmp(0, 0, '00010001', pattern(2000)))])
    const socket = n.node.transport.udp.bind({ family: 4 })
    socket.connect(ip4('192.0.2.1'), 9)
    socket.send(n.now as Instant, unhex('01'))
    n.run(0)
    expect(n.run(0)).toEqual([])
    expect(socket.error()).toMatchObject({ type: 3, code: 3, severity: 'hard' })
  })

  test('to itself is bounded as every queue is', () => {
    const n = node('host')
    const sent = Array.from({ length: 100 }, () => send(n, { dst: '192.0.2.1' }).sent)
    expect(sent.filter((s) => s === 'sent').length).toBe(64)
    expect(n.node.counters.dropped['queue-full']).toBe(36)
  })
})
