import { describe, expect, test } from 'vitest'
import { echo, fragment, packet, pattern, told, udp, zeros } from '../../../../../test/stack/octets6.ts'
import { OneNode, port } from '../../../../../test/stack/one-node.ts'
import { hex } from '../../wire/octets.ts'
import type { Ip6Options } from './settings.ts'

const ME = '2001:db8::1'
const PEER = '2001:db8::2'
const O = { src: PEER, dst: ME }

function node(more: Ip6Options = {}): OneNode {
  const n = new OneNode({
    ports: [port(1, { medium: 'ip', addresses: ['2001:db8::1/64', '2001:db8::5/64', 'fe80::1/64'] })],
    ip6: { acceptAdvertisements: false, errorLimit: { rate: Number.POSITIVE_INFINITY, burst: 1 }, ...more },
  })
  n.run(10_000)
  n.taken()
  return n
}

/** The message in fragments of `size` octets. */
function pieces(
  o: typeof O & { class?: string },
  next: number,
  message: readonly number[],
  size: number,
  id: number,
): Uint8Array[] {
  const out: Uint8Array[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.slice(at, at + size)
    out.push(packet(o, 44, fragment(next, at, at + size < message.length ? 1 : 0, id), part))
  }
  return out
}

const types = (out: readonly Uint8Array[]) => out.map((b) => told(b).type)

describe('reassembly', () => {
  test('fragments join in any order, and only those of one source, destination and identification (RFC 8200 §4.5) [v6-te-reasm-key]', () => {
    const n = node()
    const message = echo(O, pattern(92))
    const straight = pieces(O, 58, message, 32, 1)
    expect(straight.slice(0, -1).flatMap((p) => n.give(p))).toEqual([])
    const [reply] = n.give(straight.at(-1)!)
    expect(told(reply!)).toMatchObject({ type: 129, rest: pattern(92), sound: true })
    const reversed = pieces(O, 58, message, 32, 2).reverse()
    expect(reversed.slice(0, -1).flatMap((p) => n.give(p))).toEqual([])
    expect(types(n.give(reversed.at(-1)!))).toEqual([129])
    // The header around it is that of the first fragment: its traffic class.
    const [a, b] = [
      pieces({ ...O, class: '2000000' }, 58, message, 56, 3),
      pieces({ ...O, class: '8000000' }, 58, message, 56, 3),
    ]
    n.give(b[1]!)
    expect(hex(n.give(a[0]!)[0]!.slice(0, 2))).toBe('6200')
    // One of the three differs in each: none joins, and each offset-0 fragment is told of after a minute.
    const first = (o: typeof O, id: number) => pieces(o, 58, echo(o, pattern(92)), 56, id)[0]!
    const last = (o: typeof O, id: number) => pieces(o, 58, echo(o, pattern(92)), 56, id)[1]!
    for (const [o, id] of [
      [O, 5],
      [{ src: '2001:db8::3', dst: ME }, 4],
      [{ src: PEER, dst: '2001:db8::5' }, 4],
    ] as const) {
      expect(n.give(last(o, id))).toEqual([])
    }
    expect(n.give(first(O, 4))).toEqual([])
    expect(
      n
        .run(60_000)
        .map((s) => told(s.bytes))
        .map((t) => [t.type, t.code, t.dst]),
    ).toEqual([[3, 1, PEER]])
    expect(n.node.counters.dropped['fragment-timeout']).toBe(4)
  })

  test('the next header of the first fragment counts, not that of another (RFC 8200 §4.5)', () => {
    const n = node()
    const message = echo(O, pattern(92))
    const [first] = pieces(O, 58, message, 56, 1)
    const rest = packet(O, 44, fragment(17, 56, 0, 1), message.slice(56))
    n.give(rest)
    expect(types(n.give(first!))).toEqual([129])
  })

  test('an error about a joined packet quotes it as if it had come whole, and is not sent where that is an error (RFC 4443 §2.4(c), (e.1))', () => {
    const n = node()
    const message = udp(O, 1, 2, pattern(92))
    const [a, b] = pieces(O, 17, message, 56, 1)
    n.give(a!)
    const [e] = n.give(b!)
    expect(told(e!)).toMatchObject({ type: 1, code: 4, rest: [...packet(O, 17, message)] })
    const behind = packet(O, 60, '2c00010400000000', fragment(17, 0, 1, 2), message.slice(0, 56))
    n.give(behind)
    const [f] = n.give(packet(O, 60, '2c00010400000000', fragment(17, 56, 0, 2), message.slice(56)))
    expect(told(f!).rest).toEqual([...packet(O, 60, '1100010400000000', message)])
    // An ICMPv6 error in fragments, behind an option that asks for an answer.
    const asks = [58, 0, 0x87, 4, 0, 0, 0, 0, 1, 0, 0, 0, ...pattern(60)]
    const [c, d] = pieces(O, 60, asks, 40, 3)
    n.give(c!)
    expect(n.give(d!)).toEqual([])
    expect(n.node.counters.suppressed).toEqual({ 'about-an-error': 1 })
  })

  test('sixty seconds after the first to arrive everything is thrown away, and the source of the offset-0 fragment told with it (RFC 8200 §4.5) [v6-te-reasm] [v6-te-reasm-abandon]', () => {
    const n = node()
    const [first, last] = pieces(O, 58, echo(O, pattern(92)), 56, 1)
    n.give(first!)
    expect(n.run(59_999)).toEqual([])
    const late = n.run(1)
    expect(late.length).toBe(1)
    expect(late[0]!.at).toBe(70_000)
    expect(told(late[0]!.bytes)).toMatchObject({ src: ME, dst: PEER, type: 3, code: 1, word: 0, sound: true })
    expect(told(late[0]!.bytes).rest).toEqual([...first!])
    expect(n.give(last!)).toEqual([])
    n.run(60_000)
    n.taken()
    // Neither the second nor any later one makes the time longer.
    const [a, b, c] = pieces(O, 58, echo(O, pattern(92)), 40, 2)
    n.give(b!)
    n.run(59_000)
    n.give(a!)
    n.run(900)
    expect(types(n.give(c!))).toEqual([129])
    const [d, e, f] = pieces(O, 58, echo(O, pattern(92)), 40, 3)
    n.give(d!)
    n.run(59_000)
    n.give(e!)
    n.run(2_000)
    expect(n.give(f!)).toEqual([])
  })

  test('without the offset-0 fragment nobody is told (RFC 8200 §4.5) [v6-te-reasm-nofirst]', () => {
    const n = node()
    n.give(pieces(O, 58, echo(O, pattern(92)), 56, 1)[1]!)
    expect(n.run(61_000)).toEqual([])
    expect(n.node.counters.dropped['fragment-timeout']).toBe(1)
  })

  test('nor of a packet to a group, or from no single node (RFC 4443 §2.4(e.3), (e.6)) [v6-te-reasm-mcast]', () => {
    const n = node()
    for (const [src, dst] of [
      [PEER, 'ff02::1'],
      ['::', ME],
      ['::', 'ff02::1'],
    ] as const) {
      const o = { src, dst }
      n.give(pieces(o, 58, echo(o, pattern(92)), 56, 1)[0]!, { link: dst === ME ? 'host' : 'multicast' })
    }
    n.give(pieces(O, 58, echo(O, pattern(92)), 56, 2)[0]!, { link: 'broadcast' })
    expect(n.run(61_000)).toEqual([])
    expect(n.node.counters.suppressed).toEqual({ multicast: 1, 'bad-source': 2, 'link-broadcast': 1 })
  })

  test('an error that came in fragments and never whole is told to nobody (RFC 4443 §2.4(e.1))', () => {
    const n = node()
    n.give(packet(O, 44, fragment(58, 0, 1, 1), '0304000000000000', pattern(48)))
    expect(n.run(61_000)).toEqual([])
    expect(n.node.counters.suppressed).toEqual({ 'about-an-error': 1 })
  })

  test('where fragments overlap the packet is given up, the rest of it too, and nobody is told even after a minute (RFC 8200 §4.5) [v6-err-overlap]', () => {
    const message = echo(O, pattern(92))
    const cut = (from: number, to: number, more: 0 | 1) =>
      packet(O, 44, fragment(58, from, more, 1), message.slice(from, to))
    for (const [first, overlapping] of [
      [cut(0, 56, 1), cut(48, 96, 1)],
      [cut(48, 96, 1), cut(0, 56, 1)],
      [cut(0, 56, 1), cut(0, 48, 1)],
      [cut(0, 48, 1), cut(0, 56, 1)],
      [cut(0, 96, 1), cut(40, 48, 1)],
    ] as const) {
      const n = node()
      expect([first, overlapping, cut(0, 56, 1), cut(56, 100, 0)].flatMap((p) => n.give(p))).toEqual([])
      expect(n.run(61_000)).toEqual([])
      expect(n.node.counters.dropped['fragment-overlap']).toBe(3)
      expect(n.node.counters.suppressed).toEqual({})
      expect(n.node.counters.dropped['fragment-timeout']).toBeUndefined()
    }
  })

  test('the same octets in the same place are no overlap, others there are (RFC 8200 §4.5) [v6-err-dup-frag]', () => {
    const n = node()
    const [a, b] = pieces(O, 58, echo(O, pattern(92)), 56, 1)
    expect([a!, a!, a!].flatMap((p) => n.give(p))).toEqual([])
    expect(types(n.give(b!))).toEqual([129])
    expect(n.node.counters.dropped['fragment-duplicate']).toBe(2)
    const [c, d] = pieces(O, 58, echo(O, pattern(92)), 56, 2)
    const other = c!.slice()
    other[60]! ^= 1
    expect([c!, other, d!].flatMap((p) => n.give(p))).toEqual([])
  })

  test('a packet that ends in two places, or goes on behind its end, is given up (RFC 8200 §4.5)', () => {
    const message = echo(O, pattern(200))
    const cut = (from: number, to: number, more: 0 | 1) =>
      packet(O, 44, fragment(58, from, more, 1), message.slice(from, to))
    for (const parts of [
      [cut(64, 96, 0), cut(128, 136, 1), cut(0, 64, 1)],
      [cut(128, 136, 1), cut(64, 96, 0), cut(0, 64, 1)],
      [cut(64, 96, 0), cut(128, 160, 0), cut(0, 64, 1)],
    ]) {
      const n = node()
      expect(parts.flatMap((p) => n.give(p))).toEqual([])
      expect(n.run(61_000)).toEqual([])
      expect(n.node.counters.dropped['fragment-bad']).toBe(1)
    }
  })

  test('a fragment that is the whole packet waits for no other, and spoils none (RFC 8200 §4.5, RFC 6946) [v6-err-atomic]', () => {
    const n = node()
    const [a, b] = pieces(O, 58, echo(O, pattern(92)), 56, 7)
    n.give(a!)
    expect(types(n.give(packet(O, 44, fragment(58, 0, 0, 7), echo(O))))).toEqual([129])
    expect(types(n.give(b!))).toEqual([129])
  })

  test('a fragment of odd length with more to come is refused at the payload length, one beyond 65535 at its offset (RFC 8200 §4.5) [v6-pp-frag-len] [v6-pp-frag-max]', () => {
    const n = node()
    const told1 = (p: Uint8Array) => n.give(p).map((b) => [told(b).type, told(b).code, told(b).word])
    expect(told1(packet(O, 44, fragment(17, 0, 1, 1), udp(O, 1, 2, pattern(13))))).toEqual([[4, 0, 4]])
    expect(told1(packet(O, 44, fragment(17, 64, 1, 1), pattern(21)))).toEqual([[4, 0, 4]])
    expect(told1(packet(O, 44, fragment(17, 8191 * 8, 0, 2), pattern(64)))).toEqual([[4, 0, 42]])
    expect(told1(packet(O, 60, '2c00010400000000', fragment(17, 8191 * 8, 0, 2), pattern(64)))).toEqual([[4, 0, 50]])
    // Seven octets end at 65535: that may be.
    expect(told1(packet(O, 44, fragment(17, 8191 * 8, 0, 3), pattern(7)))).toEqual([])
    expect(told1(packet(O, 60, '2c00010400000000', fragment(17, 8191 * 8, 0, 4), pattern(7)))).toEqual([[4, 0, 50]])
  })

  test('a first fragment without the whole header chain is refused with code 3, pointer 0 (RFC 8200 §4.5, RFC 7112 §5) [v6-pp-firstfrag]', () => {
    const n = node()
    const told1 = (p: Uint8Array) => n.give(p).map((b) => [told(b).type, told(b).code, told(b).word])
    const incomplete = [
      // Ends inside destination options, inside a routing header, behind destination options, inside UDP, inside TCP.
      packet(O, 44, fragment(60, 0, 1, 1), [17, 3, 1, 4, 0, 0, 0, 0], zeros(8)),
      packet(O, 44, fragment(43, 0, 1, 2), [17, 4, 0, 0], zeros(20)),
      packet(O, 44, fragment(60, 0, 1, 3), '1100010400000000'),
      packet(O, 44, fragment(60, 0, 1, 4), '3c00010400000000', '1100010400000000'),
      packet(O, 44, fragment(6, 0, 1, 5), pattern(16)),
      packet(O, 44, fragment(6, 0, 1, 6), zeros(12), [0x80, 0, 0, 0], zeros(8)),
    ]
    for (const p of incomplete) expect(told1(p)).toEqual([[4, 3, 0]])
    expect(told1(packet(O, 44, fragment(17, 0, 1, 7), udp(O, 1, 2, '').slice(0, 8)))).toEqual([])
    expect(told1(packet(O, 44, fragment(50, 0, 1, 8), pattern(8)))).toEqual([])
  })

  test('twenty thousand fragments of packets that never come whole cost no more than the bound, and what comes then is joined', () => {
    const n = node({ reassembly: { datagrams: 64, octets: 40_000 } })
    const r = n.node.ip6.reassembly
    const p = packet(O, 44, fragment(17, 0, 1, 0), pattern(1024))
    const most = { size: 0, octets: 0 }
    for (let i = 0; i < 20_000; i++) {
      const word = ((i % 40) * 1024) | 1
      p.set([word >> 8, word & 255, 0, 0, i >> 8, i & 255], 42)
      p.set([i >> 8, i & 255], 20)
      n.give(p)
      most.size = Math.max(most.size, r.size)
      most.octets = Math.max(most.octets, r.octets)
    }
    expect(most.size).toBeLessThanOrEqual(64)
    expect(most.octets).toBeLessThanOrEqual(40_000)
    expect(n.node.counters.dropped['fragment-limit']).toBeGreaterThan(19_000)
    const [a, b] = pieces(O, 58, echo(O, pattern(92)), 56, 1)
    n.give(a!)
    expect(types(n.give(b!))).toEqual([129])
    n.run(61_000)
    expect([r.size, r.octets]).toEqual([0, 0])
  })
})
