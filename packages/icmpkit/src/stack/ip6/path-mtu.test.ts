import { describe, expect, test } from 'vitest'
import { address, echo, icmp, octets, packet, pattern, sum, told, zeros } from '../../../../../test/stack/octets6.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import type { UdpSocket } from '../transport/udp-table.ts'
import type { Ip6Options } from './settings.ts'

const ME = '2001:db8::1'
const PEER = '2001:db8:9::9'
const OTHER = '2001:db8:9::a'
const ROUTER = '2001:db8::ff'
const GROUP = 'ff0e::5'

function node(more: Ip6Options = {}): OneNode {
  const n = new OneNode({
    ports: [port(1, { medium: 'ip', addresses: ['2001:db8::1/64'] })],
    ip6: {
      acceptAdvertisements: false,
      routes: [{ prefix: ip6('::'), prefixLength: 0, kind: 'unicast', nextHop: undefined, port: 1 }],
      ...more,
    },
  })
  n.run(10_000)
  n.taken()
  return n
}

const now = (n: OneNode) => n.now as Instant

/** A UDP datagram of `length` octets, its IPv6 header counted: the packets that left. */
function send(n: OneNode, s: UdpSocket, length: number, to = PEER): Uint8Array[] {
  n.collect()
  n.taken()
  s.send(now(n), Uint8Array.from(pattern(length - 48)), { address: ip6(to), port: 53, zone: 1 })
  n.collect()
  return n.taken().map((p) => p.bytes)
}

/** A Packet Too Big about `quoted`. */
function tooBig(mtu: number, quoted: Uint8Array, code = 0, from = ROUTER): Uint8Array {
  const o = { src: from, dst: ME }
  const word = [(mtu >>> 24) & 255, (mtu >>> 16) & 255, (mtu >>> 8) & 255, mtu & 255]
  return packet(o, 58, icmp(o, [2, code, 0, 0], word, quoted.slice(0, 1232)))
}

/** Octets of the largest packet that leaves for a datagram of 1500. */
function largest(n: OneNode, s: UdpSocket, to = PEER): number {
  return Math.max(...send(n, s, 1500, to).map((b) => b.length))
}

function socket(n: OneNode): UdpSocket {
  return n.node.transport.udp.bind({ family: 6, port: 5000 })
}

describe('path MTU discovery (RFC 8201)', () => {
  test('begins with the MTU of the first link: a datagram as long as that leaves whole (RFC 8201 §4, §5.2) [v6-pmtu-initial]', () => {
    const n = node()
    const out = send(n, socket(n), 1500)
    expect(out.map((b) => [b.length, b[6]])).toEqual([[1500, 17]])
  })

  test('what a router says is kept to from the next packet on, the fragments joined are what was sent, others’ paths are as before (RFC 8201 §4, §5.2) [v6-pmtu-reduce] [v6-pmtu-key]', () => {
    const n = node()
    const s = socket(n)
    const [whole] = send(n, s, 1500)
    send(n, s, 1500, OTHER)
    n.give(tooBig(1400, whole!))
    const out = send(n, s, 1500)
    expect(out.map((b) => b[6])).toEqual([44, 44])
    for (const b of out) expect(b.length).toBeLessThanOrEqual(1400)
    const joined = out.flatMap((b) => [...b.slice(48)])
    expect(joined.slice(8)).toEqual(pattern(1452))
    expect(sum({ src: ME, dst: PEER }, 17, joined)).toBe(0xffff)
    expect(largest(n, s, OTHER)).toBe(1500)
    expect(n.events).toContainEqual({
      kind: 'path-mtu',
      at: n.now,
      port: 1,
      destination: ip6(PEER),
      mtu: 1400,
      by: ip6(ROUTER),
    })
    expect(s.error()).toMatchObject({ origin: 'icmp', type: 2, mtu: 1400 })
  })

  test('an answer that was too big is believed too, though no flow has it: echo replies (RFC 8201 §4)', () => {
    const n = node()
    const o = { src: PEER, dst: ME }
    const ask = packet(o, 58, echo(o, pattern(1452)))
    const [reply] = n.give(ask)
    expect(reply!.length).toBe(1500)
    n.give(tooBig(1300, reply!))
    const out = n.give(ask)
    expect(out.map((b) => b.length <= 1300)).toEqual([true, true])
    // And the same about one of the fragments, which names no port.
    n.give(tooBig(1280, out[0]!))
    expect(Math.max(...n.give(ask).map((b) => b.length))).toBeLessThanOrEqual(1280)
  })

  test('less than 1280 is no MTU of an IPv6 link and changes nothing (RFC 8201 §4) [v6-pmtu-floor]', () => {
    const n = node()
    const s = socket(n)
    for (const mtu of [0, 56, 68, 1279]) {
      n.give(tooBig(mtu, send(n, s, 1500)[0]!))
      expect(send(n, s, 1500).map((b) => [b.length, b[6]])).toEqual([[1500, 17]])
    }
    n.give(tooBig(1280, send(n, s, 1500)[0]!))
    for (const mtu of [0, 1279]) {
      n.give(tooBig(mtu, send(n, s, 1500)[0]!))
      expect(largest(n, s)).toBe(1280)
    }
    expect(send(n, s, 1280).map((b) => b[6])).toEqual([17])
  })

  test('no message makes it larger, and one that says nothing new does not make it last longer (RFC 8201 §4) [v6-pmtu-no-increase] [v6-pmtu-huge]', () => {
    const n = node()
    const s = socket(n)
    const [whole] = send(n, s, 1500)
    n.give(tooBig(0x1fffffff, whole!))
    n.give(tooBig(1500, whole!))
    expect(n.events.filter((e) => e.kind === 'path-mtu')).toEqual([])
    n.give(tooBig(1280, whole!))
    n.run(300_000)
    for (const mtu of [1280, 1300, 1500, 0x1fffffff, 0xffffffff]) n.give(tooBig(mtu, send(n, s, 1500)[0]!))
    expect(largest(n, s)).toBe(1280)
    expect(n.events.filter((e) => e.kind === 'path-mtu').length).toBe(1)
    // Ten minutes after the one that said something.
    n.run(299_000)
    expect(largest(n, s)).toBe(1280)
    n.run(1_001)
    expect(largest(n, s)).toBe(1500)
  })

  test('ages: nothing larger is tried within ten minutes, and then it is (RFC 8201 §4, §5.3) [v6-pmtu-aging]', () => {
    const n = node()
    const s = socket(n)
    n.give(tooBig(1300, send(n, s, 1500)[0]!))
    for (let minute = 0; minute < 5; minute++) {
      expect(largest(n, s)).toBeLessThanOrEqual(1300)
      n.run(60_000)
    }
    n.run(299_999)
    expect(largest(n, s)).toBeLessThanOrEqual(1300)
    n.run(2)
    expect(largest(n, s)).toBe(1500)
  })

  test('the code of the message is not looked at (RFC 4443 §3.2) [v6-pmtu-code]', () => {
    for (const code of [1, 0x20, 255]) {
      const n = node()
      const s = socket(n)
      n.give(tooBig(1400, send(n, s, 1500)[0]!, code))
      expect(largest(n, s)).toBeLessThanOrEqual(1400)
    }
  })

  test('a quote of what this node did not send is not believed: another source, another port, another identifier (RFC 8201 §4, RFC 5927 §4) [v6-pmtu-validate]', () => {
    const n = node()
    const s = socket(n)
    const [whole] = send(n, s, 1500)
    const changed = (at: number, octet: number) => {
      const q = whole!.slice()
      q[at] = octet
      return q
    }
    n.give(tooBig(1280, changed(23, 0x77)))
    n.give(tooBig(1280, changed(41, 0x77)))
    n.give(tooBig(1280, changed(43, 0x77)))
    const o = { src: ME, dst: PEER }
    n.give(tooBig(1280, packet(o, 58, icmp(o, '8100000077770001', pattern(1452)))))
    n.give(tooBig(1280, packet(o, 58, icmp(o, '8000000077770001', pattern(1452)))))
    expect(largest(n, s)).toBe(1500)
    expect(n.node.counters.errorsReceived).toEqual({})
  })

  test('with a routing header in the quote the path is to where that led, once it was this node that sent it (RFC 8201 §5.2)', () => {
    const n = node()
    // Whoever sends raw packets says which are his.
    n.node.transport.raw.add({ message: () => {}, owns: (e) => e.octets[6] === 43 })
    const routing = {
      kind: 'routing',
      routingType: 4,
      segmentsLeft: 1,
      data: Uint8Array.from([0, 0, 0, 0, ...address(PEER)]),
    } as const
    n.collect()
    n.taken()
    const payload = Uint8Array.from(pattern(1400))
    n.node.ip6.send(now(n), { dst: ip6('2001:db8:5::5'), protocol: 17, payload, extensions: [routing] })
    n.collect()
    const [sent] = n.taken()
    n.give(tooBig(1300, sent!.bytes))
    expect(n.node.ip6.mtuTo(now(n), ip6(PEER), n.node.ports.get(1)!)).toBe(1300)
    expect(n.node.ip6.mtuTo(now(n), ip6('2001:db8:5::5'), n.node.ports.get(1)!)).toBe(1500)
  })

  test('for a group the least that any of its routers says counts (RFC 8201 §4, §5.2) [v6-pmtu-mcast]', () => {
    const n = node()
    const s = socket(n)
    n.give(tooBig(1450, send(n, s, 1500, GROUP)[0]!))
    n.give(tooBig(1300, send(n, s, 1500, GROUP)[0]!, 0, '2001:db8::fe'))
    n.give(tooBig(1450, send(n, s, 1500, GROUP)[0]!))
    expect(largest(n, s, GROUP)).toBeLessThanOrEqual(1300)
    expect(largest(n, s, GROUP)).toBeGreaterThan(1280)
  })

  test('a minimal node sends nothing above 1280 and takes no harm from messages about it (RFC 8200 §5) [v6-pmtu-min-node]', () => {
    const n = node({ pathMtu: { discover: false } })
    const s = socket(n)
    const out = send(n, s, 1500)
    expect(out.map((b) => b.length <= 1280)).toEqual([true, true])
    n.give(tooBig(1280, out[0]!))
    n.give(tooBig(68, out[0]!))
    expect(largest(n, s)).toBeLessThanOrEqual(1280)
    const o = { src: PEER, dst: ME }
    const message = echo(o, pattern(1452))
    n.give(packet(o, 44, [58, 0, 0, 1, 0, 0, 0, 1], message.slice(0, 1232)))
    const replies = n.give(packet(o, 44, [58, 0, 1232 >> 8, 1232 & 255, 0, 0, 0, 1], message.slice(1232)))
    expect(replies.map((b) => b.length <= 1280)).toEqual([true, true])
  })

  test('a router that advertises an MTU lowers what the link carries, but not under 1280 and not above the link’s own (RFC 4861 §6.3.4) [v6-pmtu-ra-mtu]', () => {
    const router = 'fe80::ff'
    const advertise = (n: OneNode, mtu: number) => {
      const o = { src: router, dst: 'ff02::1', hop: 255 }
      const option = [5, 1, 0, 0, (mtu >>> 24) & 255, (mtu >>> 16) & 255, (mtu >>> 8) & 255, mtu & 255]
      n.give(packet(o, 58, icmp(o, '8600000040000708', zeros(8), option)), { link: 'multicast' })
    }
    for (const [mtu, then] of [
      [1280, 1280],
      [1400, 1400],
      [1500, 1500],
      [1279, 1500],
      [9000, 1500],
      [0, 1500],
    ] as const) {
      const n = new OneNode({ ports: [port(1, { medium: 'ip', addresses: ['fe80::1/64', '2001:db8::1/64'] })] })
      n.run(10_000)
      const s = socket(n)
      advertise(n, mtu)
      const sizes = send(n, s, 1500).map((b) => b.length)
      expect([mtu, Math.max(...sizes) <= then, sizes.length]).toEqual([mtu, true, then === 1500 ? 1 : 2])
    }
  })

  test('the table has a bound that no flood of true messages breaks, and still learns', () => {
    const n = node({ pathMtu: { entries: 64 } })
    const s = socket(n)
    for (let i = 0; i < 500; i++) {
      const to = `2001:db8:${(i + 16).toString(16)}::1`
      n.give(tooBig(1300, send(n, s, 1500, to)[0]!))
      expect(n.node.ip6.pathMtu.size).toBeLessThanOrEqual(64)
      expect(n.node.ip6.mtuTo(now(n), ip6(to), n.node.ports.get(1)!)).toBe(1300)
      while (s.error() !== undefined) {}
    }
    expect(n.node.ip6.pathMtu.size).toBe(64)
  })
})

describe('fragments at the source (RFC 8200 §4.5, RFC 7112 §5)', () => {
  const options = (octetCount: number) => ({ kind: 'unknown', type: 7, data: new Uint8Array(octetCount) }) as const

  test('each has what every node on the way reads, the first the whole header chain; offsets and lengths are right [v6-pp-firstfrag-send]', () => {
    const n = node()
    const sent = n.node.ip6.send(now(n), {
      dst: ip6(PEER),
      protocol: 17,
      payload: Uint8Array.from(pattern(3000)),
      extensions: [
        { kind: 'hopByHop', options: [options(4)] },
        { kind: 'destinationOptions', options: [options(100)] },
      ],
    })
    expect(sent).toBe('sent')
    n.collect()
    const out = n.taken().map((p) => p.bytes)
    expect(out.length).toBe(3)
    let at = 0
    for (const [i, b] of out.entries()) {
      // Hop-by-hop options, then a fragment header; in the first destination options and UDP behind it.
      expect([b[6], b[40], b[48]]).toEqual([0, 44, 60])
      expect((b[4]! << 8) | b[5]!).toBe(b.length - 40)
      expect((b[50]! << 8) | b[51]!).toBe(at | (i < 2 ? 1 : 0))
      expect(b.length).toBeLessThanOrEqual(1500)
      at += b.length - 56
    }
    expect(out[0]!.length).toBeGreaterThanOrEqual(56 + 104 + 8)
    expect(at).toBe(104 + 3000)
    const joined = out.flatMap((b) => [...b.slice(56)])
    expect(joined[0]).toBe(17)
    expect(joined.slice(104)).toEqual(pattern(3000))
    // A chain that the first fragment has no room for is not sent at all.
    const tooLong = n.node.ip6.send(now(n), {
      dst: ip6(PEER),
      protocol: 17,
      payload: Uint8Array.from(pattern(100)),
      extensions: Array.from({ length: 7 }, () => ({ kind: 'destinationOptions', options: [options(220)] }) as const),
    })
    expect(tooLong).toBe('too-big')
    expect(n.collect()).toEqual([])
  })

  test('what may not be fragmented is not, and what is longer than any packet neither', () => {
    const n = node()
    const g = { dst: ip6(PEER), protocol: 17 }
    expect(n.node.ip6.send(now(n), { ...g, payload: new Uint8Array(1461), df: true })).toBe('too-big')
    expect(n.node.ip6.send(now(n), { ...g, payload: new Uint8Array(65536) })).toBe('too-big')
    expect(n.node.ip6.send(now(n), { ...g, payload: new Uint8Array(1460), df: true })).toBe('sent')
    expect(n.collect().length).toBe(1)
    expect(n.node.ip6.send(now(n), { ...g, payload: new Uint8Array(65535) })).toBe('sent')
    expect(n.collect().length).toBe(46)
  })

  test('identifications can’t be guessed from one another (RFC 7739 §5)', () => {
    const n = node()
    const ids: number[] = []
    for (let i = 0; i < 20; i++) {
      n.node.ip6.send(now(n), { dst: ip6(PEER), protocol: 17, payload: new Uint8Array(2000) })
      const [b] = n.collect()
      ids.push(((b![44]! << 24) | (b![45]! << 16) | (b![46]! << 8) | b![47]!) >>> 0)
    }
    expect(new Set(ids).size).toBe(20)
    const steps = ids.slice(1).map((id, i) => id - ids[i]!)
    expect(new Set(steps).size).toBe(19)
  })
})

describe('errors about what this node sent', () => {
  test('that its headers go beyond somebody’s limit is told to the flow and logged, where it was this node that sent them (RFC 8883 §4.2) [v6-pp-limits-host]', () => {
    const n = node()
    const s = socket(n)
    const [quoted] = send(n, s, 100)
    const o = { src: ROUTER, dst: ME }
    const problem = (code: number, q: Uint8Array) => packet(o, 58, icmp(o, [4, code, 0, 0], [0, 0, 0, 40], q))
    for (const code of [5, 6, 7, 8, 9, 10]) {
      n.give(problem(code, quoted!))
      expect(s.error()).toMatchObject({ type: 4, code, pointer: 40 })
    }
    const tooLong = icmp(o, [1, 8, 0, 0], [16, 0, 0, 0], quoted!, zeros(28), '2000 0000 00080401 00000030')
    n.give(packet(o, 58, tooLong))
    expect(s.error()).toMatchObject({ type: 1, code: 8, pointer: 48 })
    expect(n.events.filter((e) => e.kind === 'log').length).toBe(7)
    const foreign = quoted!.slice()
    foreign[41] = 0x77
    n.give(problem(6, foreign))
    expect(s.error()).toBeUndefined()
    expect(n.events.filter((e) => e.kind === 'log').length).toBe(7)
  })

  test('a pointer of extended information that is not below the length of the quote is none (RFC 8883 §3.1) [v6-du-code8]', () => {
    const n = node()
    const s = socket(n)
    const [quoted] = send(n, s, 100)
    const o = { src: ROUTER, dst: ME }
    for (const [pointer, told] of [
      ['0000007f', 127],
      ['00000080', -1],
      ['ffffffff', -1],
    ] as const) {
      n.give(packet(o, 58, icmp(o, [1, 8, 0, 0], [16, 0, 0, 0], quoted!, zeros(28), `2000 0000 00080401 ${pointer}`)))
      expect(s.error()).toMatchObject({ type: 1, code: 8, pointer: told })
    }
    const lines = n.events.flatMap((e) => (e.kind === 'log' ? [e.what.slice(0, e.what.indexOf(' of '))] : []))
    expect(lines).toEqual(
      ['127', 'beyond', 'beyond'].map((o) => `a node on the path refuses such headers: code 8, octet ${o}`),
    )
  })

  test('codes of source routes and segment routing are handed up like others: type 1 code 7, type 4 code 4 (RFC 6554 §4.2, RFC 8754 §4.3.1.2) [v6-du-code7] [v6-pp-code4]', () => {
    const n = node()
    const s = socket(n)
    const [quoted] = send(n, s, 100)
    const o = { src: ROUTER, dst: ME }
    n.give(packet(o, 58, icmp(o, '0107000000000000', quoted!)))
    expect(s.error()).toMatchObject({ type: 1, code: 7 })
    n.give(packet(o, 58, icmp(o, '0404000000000028', quoted!)))
    expect(s.error()).toMatchObject({ type: 4, code: 4, pointer: 40 })
    expect(n.node.counters.errorsReceived).toEqual({ 'v6 unreachable 7': 1, 'v6 parameterProblem 4': 1 })
    expect(told(packet(o, 58, octets('0107000000000000'))).type).toBe(1)
  })
})
