import { describe, expect, test } from 'vitest'
import { echo, fragment, icmp, octets, packet, pattern, told, udp, zeros } from '../../../../../test/stack/octets6.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { hex } from '../../wire/octets.ts'
import type { Ip6Options } from './settings.ts'

const ME = '2001:db8::1'
const PEER = '2001:db8::2'
const O = { src: PEER, dst: ME }
const ALL = { src: PEER, dst: 'ff02::1' }

/** A host on a point-to-point link; no limit on errors, so that each case stands for itself. */
function node(more: Ip6Options = {}): OneNode {
  const n = new OneNode({
    ports: [port(1, { medium: 'ip', addresses: ['2001:db8::1/64', 'fe80::1/64'] })],
    ip6: { errorLimit: { rate: Number.POSITIVE_INFINITY, burst: 1 }, ...more },
  })
  n.run(10_000)
  n.taken()
  return n
}

/** What one packet is told: type, code and pointer of each error, or `reply`. */
function fate(n: OneNode, p: Uint8Array, link: 'host' | 'multicast' = 'host'): (string | [number, number, number])[] {
  return n.give(p, { link }).map((b) => {
    const t = told(b)
    expect(t.sound).toBe(true)
    return t.type === 129 ? 'reply' : [t.type, t.code, t.word]
  })
}

const REPLY = ['reply']

describe('next headers', () => {
  test('an unknown one is told with code 1 and the octet that names it: 6 in the IPv6 header, 40 in the first header behind it (RFC 8200 §4) [v6-pp-nh]', () => {
    const n = node()
    for (const unknown of [143, 180, 252, 253]) {
      expect(fate(n, packet(O, unknown, zeros(8)))).toEqual([[4, 1, 6]])
      expect(fate(n, packet(O, 60, [unknown, 0, 1, 4, 0, 0, 0, 0], zeros(8)))).toEqual([[4, 1, 40]])
      expect(fate(n, packet(O, 60, '3c00010400000000', [unknown, 0, 1, 4, 0, 0, 0, 0], zeros(8)))).toEqual([[4, 1, 48]])
    }
  })

  test('next header 0 anywhere but in the IPv6 header is unknown: behind hop-by-hop options, behind a fragment header (RFC 8200 §4) [v6-pp-nh-zero]', () => {
    const n = node()
    expect(fate(n, packet(O, 0, '0000010400000000', '3a00010400000000', echo(O)))).toEqual([[4, 1, 40]])
    expect(fate(n, packet(O, 44, fragment(0, 0, 0, 9), '3a00010400000000', echo(O)))).toEqual([[4, 1, 40]])
    expect(fate(n, packet(O, 60, '0000010400000000', '3a00010400000000', echo(O)))).toEqual([[4, 1, 40]])
  })

  test('next header 59 ends the packet, whatever follows, without a word (RFC 8200 §4.7) [v6-pp-nonext]', () => {
    const n = node()
    expect(fate(n, packet(O, 59, zeros(8)))).toEqual([])
    expect(fate(n, packet(O, 60, '3b00010400000000', pattern(8)))).toEqual([])
    expect(n.node.counters.dropped['no-next-header']).toBe(2)
    const g = new OneNode({
      role: 'gateway',
      ports: [1, 2].map((i) => port(i, { medium: 'ip', addresses: [`2001:db8:${i}::1/64`] })),
    })
    g.run(10_000)
    g.taken()
    const transit = packet({ src: '2001:db8:1::9', dst: '2001:db8:2::9' }, 59, pattern(8))
    g.give(transit)
    transit[7]!--
    expect(g.taken().map((s) => [s.port, hex(s.bytes)])).toEqual([[2, hex(transit)]])
  })

  test('a header that ends behind the packet is told with the octet that says so (RFC 4443 §3.4) [v6-pp-general] [v6-pp-pointer]', () => {
    const n = node()
    // A header of 16 octets in 8; a header of which one octet is here; a fragment header of which four are.
    expect(fate(n, packet(O, 60, '3a01010400000000'))).toEqual([[4, 0, 41]])
    expect(fate(n, packet(O, 60, '3a'))).toEqual([[4, 0, 4]])
    expect(fate(n, packet(O, 44, '3a000001'))).toEqual([[4, 0, 4]])
    // An option that ends behind its header, and one without a length.
    expect(fate(n, packet(O, 60, '3a00050600000000', echo(O)))).toEqual([[4, 0, 43]])
    expect(fate(n, packet(O, 60, '3a00010300000007', echo(O)))).toEqual([[4, 0, 47]])
    expect(n.node.counters.answered).toBe(0)
  })
})

describe('options', () => {
  test('one with high bits 00 is skipped, Pad1 and PadN are known (RFC 8200 §4.2) [v6-pp-opt-skip]', () => {
    const n = node()
    for (const first of [0, 60]) {
      expect(fate(n, packet(O, first, '3a00070400000000', echo(O)))).toEqual(REPLY)
      expect(fate(n, packet(O, first, '3a00000000000000', echo(O)))).toEqual(REPLY)
      expect(fate(n, packet(O, first, '3a00010400000000', echo(O)))).toEqual(REPLY)
    }
  })

  test('one with high bits 01 ends the packet without a word (RFC 8200 §4.2) [v6-pp-opt-01]', () => {
    const n = node()
    for (const first of [0, 60]) {
      expect(fate(n, packet(O, first, '3a00470400000000', echo(O)))).toEqual([])
      expect(fate(n, packet(ALL, first, '3a00470400000000', echo(ALL)), 'multicast')).toEqual([])
    }
    expect(n.node.counters.dropped['bad-options']).toBe(4)
  })

  test('high bits 10 are told even to a group, 11 only to one address, and the pointer names the option type (RFC 8200 §4.2) [v6-pp-opt-10] [v6-pp-opt-11] [v6-pp-opt-pointer]', () => {
    const n = node()
    for (const first of [0, 60]) {
      expect(fate(n, packet(O, first, '3a00870400000000', echo(O)))).toEqual([[4, 2, 42]])
      expect(fate(n, packet(ALL, first, '3a00870400000000', echo(ALL)), 'multicast')).toEqual([[4, 2, 42]])
      expect(fate(n, packet(O, first, '3a00c70400000000', echo(O)))).toEqual([[4, 2, 42]])
      expect(fate(n, packet(ALL, first, '3a00c70400000000', echo(ALL)), 'multicast')).toEqual([])
      // Behind a Pad1 and a skipped option of four octets.
      expect(fate(n, packet(O, first, '3a010007020000c7', '0000000000000000', echo(O)))).toEqual([[4, 2, 47]])
    }
    expect(n.node.counters.suppressed.multicast).toBe(2)
    expect(n.node.counters.answered).toBe(0)
  })

  test('they are taken from left to right, and the first that ends the packet says how (RFC 8200 §4.2) [v6-pp-opt-order]', () => {
    const n = node()
    const by = (types: string, o = O) => packet(o, 60, `3a01${types}0106000000000000`, echo(o))
    expect(fate(n, by('070047008700'))).toEqual([])
    expect(fate(n, by('070087004700'))).toEqual([[4, 2, 44]])
    expect(fate(n, by('0700c7004700'))).toEqual([[4, 2, 44]])
    expect(fate(n, by('8700c7004700', ALL), 'multicast')).toEqual([[4, 2, 42]])
    expect(fate(n, by('c70087004700', ALL), 'multicast')).toEqual([])
  })

  test('no option makes a source that nobody has an addressee (RFC 4443 §2.4(e.6)) [v6-pp-opt-source-rule]', () => {
    const n = node({ anycast: [ip6('2001:db8::aaaa')] })
    for (const src of ['::', 'ff02::5', '2001:db8::aaaa']) {
      for (const dst of [ME, 'ff02::1']) {
        expect(fate(n, packet({ src, dst }, 60, '3a00870400000000', echo({ src, dst })))).toEqual([])
      }
    }
  })

  test('headers are processed in the order of the packet, as often as they come (RFC 8200 §4, §4.1) [v6-pp-hdr-order]', () => {
    const n = node()
    // A bad option in front of a fragment of 21 octets, and behind one of a whole packet.
    const badFragment = fragment(58, 0, 1, 5)
    expect(fate(n, packet(O, 60, '2c00870400000000', badFragment, [128], zeros(20)))).toEqual([[4, 2, 42]])
    expect(fate(n, packet(O, 44, fragment(60, 0, 1, 6), '3a00870400000000', [128], zeros(12)))).toEqual([[4, 0, 4]])
    // Destination options, routing, destination options, a fragment that is whole, destination options, upper layer.
    const many = packet(
      O,
      60,
      '2b00010400000000',
      '3c00210000000000',
      '2c00010400000000',
      fragment(60, 0, 0, 7),
      '3a00010400000000',
      echo(O),
    )
    expect(fate(n, many)).toEqual(REPLY)
  })

  test('a pointer tells its true place, also where the quote ends before it (RFC 4443 §3.4) [v6-pp-pointer-beyond]', () => {
    const n = node()
    // RFC 7112 wants all headers in the first fragment, so such a packet comes whole, by a link that carries it.
    const options = [17, 159, ...zeros(1278)]
    options[1300 - 40] = 0x87
    const [e] = n.give(packet(O, 60, options, udp(O, 1, 2)))
    expect(told(e!)).toMatchObject({ type: 4, code: 2, word: 1300, length: 1280 })
    expect(told(e!).rest.length).toBe(1232)
  })
})

describe('routing headers', () => {
  test('an unknown type is skipped where no segment is left, and told with its octet where one is; type 0 is one of them (RFC 8200 §4.4, RFC 5095 §3) [v6-pp-rh-sl0] [v6-pp-rh-slnz] [v6-pp-rh0]', () => {
    const n = node()
    for (const type of ['21', '00', '03', '04']) {
      expect(fate(n, packet(O, 43, `3a00${type}0000000000`, echo(O)))).toEqual(REPLY)
      expect(fate(n, packet(O, 43, `3a02${type}0100000000`, zeros(16), echo(O)))).toEqual([[4, 0, 42]])
      expect(fate(n, packet(O, 60, '2b00010400000000', `3a02${type}0100000000`, zeros(16), echo(O)))).toEqual([
        [4, 0, 50],
      ])
    }
  })

  test('a segment endpoint tells of a header that does not add up, and takes no group for a segment (RFC 8754 §4.3.1.1)', () => {
    const n = node({ segmentRouting: true })
    const segments = (left: number, last: number, ...list: string[]) =>
      packet(O, 43, [58, list.length * 2, 4, left, last, 0, 0, 0], ...list.map((a) => octets(a)), echo(O))
    const own = '20010db8000000000000000000000001'
    expect(fate(n, segments(1, 1, own))).toEqual([[4, 0, 43]])
    expect(fate(n, segments(3, 1, own, own))).toEqual([[4, 0, 43]])
    expect(fate(n, segments(1, 0, 'ff020000000000000000000000000001'))).toEqual([])
    expect(fate(n, segments(1, 0, '20010db8000000000000000000000077'))).toEqual([])
    expect(n.node.counters.dropped['not-forwarding']).toBe(1)
    // Every segment is this node: it arrives, and is answered.
    expect(fate(n, segments(2, 1, own, own))).toEqual(REPLY)
  })
})

describe('limits (RFC 8883)', () => {
  const pads = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0]

  test('a header that is too long is told with its first octet, a chain with the first octet beyond (RFC 8883 §2.3, §2.4) [v6-pp-code6] [v6-pp-code7]', () => {
    const long = packet(O, 60, [58, 8, 1, 68], zeros(68), echo(O))
    expect(fate(node({ limits: { headerOctets: 64 } }), long)).toEqual([[4, 6, 40]])
    expect(fate(node({ limits: { headerOctets: 72 } }), long)).toEqual(REPLY)
    const chain = packet(O, 60, pads(60), [58, 12, 1, 100], zeros(100), echo(O))
    expect(fate(node({ limits: { chainOctets: 104 } }), chain)).toEqual([[4, 7, 144]])
    expect(fate(node({ limits: { chainOctets: 112 } }), chain)).toEqual(REPLY)
  })

  test('too many headers are told with the first beyond, too many options alike (RFC 8883 §2.5, §2.6) [v6-pp-code8] [v6-pp-code9]', () => {
    const four = packet(O, 60, pads(60), pads(60), pads(60), pads(58), echo(O))
    expect(fate(node({ limits: { headers: 3 } }), four)).toEqual([[4, 8, 64]])
    expect(fate(node({ limits: { headers: 4 } }), four)).toEqual(REPLY)
    // Nine options of two octets each behind two Pad1, of which eight are allowed by default (RFC 8504 §5.3).
    const nine = packet(O, 60, [58, 2, 0, 0, ...Array(9).fill([7, 0]).flat(), 0, 0], echo(O))
    expect(fate(node(), nine)).toEqual([[4, 9, 44 + 16]])
    expect(fate(node({ limits: { options: 9 } }), nine)).toEqual(REPLY)
    expect(fate(node(), packet(O, 0, [58, 2, 0, 0, ...Array(9).fill([7, 0]).flat(), 0, 0], echo(O)))).toEqual([
      [4, 9, 60],
    ])
  })

  test('an option that is too long, or padding beyond its limit, is told with its first octet (RFC 8883 §2.7) [v6-pp-code10]', () => {
    const long = packet(O, 60, [58, 25, 7, 200], zeros(200), '01020000', echo(O))
    expect(fate(node({ limits: { optionOctets: 64 } }), long)).toEqual([[4, 10, 42]])
    expect(fate(node({ limits: { optionOctets: 200 } }), long)).toEqual(REPLY)
    const strict = { limits: { paddingOctets: 7 } }
    expect(fate(node(strict), packet(O, 60, [58, 1, 7, 3], zeros(3), [1, 7], zeros(7), echo(O)))).toEqual([[4, 10, 47]])
    // Eight Pad1 in a row: the eighth.
    expect(fate(node(strict), packet(O, 60, [58, 1, 7, 4], zeros(4), zeros(8), echo(O)))).toEqual([[4, 10, 55]])
    expect(fate(node(strict), packet(O, 60, [58, 1, 7, 5], zeros(5), zeros(7), echo(O)))).toEqual(REPLY)
    expect(fate(node(), packet(O, 60, [58, 1, 7, 3], zeros(3), [1, 7], zeros(7), echo(O)))).toEqual(REPLY)
    // An option between them: five octets, and seven, none of it twelve in a row.
    expect(fate(node(strict), packet(O, 60, '3a01 0103000000 0700 01050000000000', echo(O)))).toEqual(REPLY)
  })

  test('headers beyond the aggregate are Destination Unreachable code 8, its extension object pointing at the first octet beyond (RFC 8883 §3) [v6-du-code8]', () => {
    const n = node({ limits: { aggregateOctets: 128 } })
    const p = packet(O, 60, [58, 10, 1, 84], zeros(84), echo(O, pattern(40)))
    const [e] = n.give(p)
    const t = told(e!)
    expect(t).toMatchObject({ type: 1, code: 8, sound: true })
    // Length in eights in the first octet: the quote, padded; behind it version 2, a checksum, and the object.
    expect(t.word).toBe(0x16000000)
    expect(t.rest.slice(0, 176)).toEqual([...p])
    const structure = t.rest.slice(176)
    expect(hex(Uint8Array.from(structure.slice(0, 2)))).toBe('2000')
    expect(hex(Uint8Array.from(structure.slice(4)))).toBe('0008040100000080')
    let sum = 0
    for (let i = 0; i < structure.length; i += 2) sum += (structure[i]! << 8) | structure[i + 1]!
    expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff)
    expect(fate(node({ limits: { aggregateOctets: 136 } }), p)).toEqual(REPLY)
  })

  test('of several faults one is told: the base specification’s first, then as RFC 8883 §4.1 orders them [v6-pp-priority]', () => {
    const limits = {
      headerOctets: 16,
      paddingOctets: 7,
      optionOctets: 4,
      options: 1,
      chainOctets: 24,
      headers: 2,
      aggregateOctets: 64,
    }
    const n = node({ limits })
    const two = pads(60)
    // Headers 1 and 2 are sound; the third is one too many, and it ends beyond chain and aggregate.
    expect(fate(n, packet(O, 60, two, two, pads(60), pads(58), echo(O)))).toEqual([[4, 7, 64]])
    expect(
      fate(node({ limits: { headers: 2, aggregateOctets: 64 } }), packet(O, 60, two, two, pads(58), echo(O))),
    ).toEqual([[4, 8, 56]])
    const then = (...last: number[]) => packet(O, 60, two, two, two, last, echo(O))
    // Two options: code 9 before 7. One of five octets: 10 before 9. Padding before that; a long header before all.
    expect(fate(n, then(58, 0, 7, 0, 7, 0, 0, 0))).toEqual([[4, 9, 68]])
    expect(fate(n, then(58, 1, 7, 0, 7, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toEqual([[4, 10, 68]])
    expect(fate(n, then(58, 1, 7, 5, 0, 0, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0))).toEqual([[4, 10, 42 + 24]])
    expect(fate(n, then(58, 1, 7, 5, 0, 0, 0, 0, 0, 1, 6, 0, 0, 0, 0, 0))).toEqual([[4, 0, 74]])
    expect(fate(n, packet(O, 60, [58, 2, 7, 5, 0, 0, 0, 0, 0, 1, 13], zeros(13), echo(O)))).toEqual([[4, 6, 40]])
    // And an unknown option at the very end comes before every limit.
    expect(
      fate(
        n,
        packet(O, 60, two, two, two, [58, 2, 7, 5, 0, 0, 0, 0, 0, 1, 7], zeros(7), '8700000000', zeros(1), echo(O)),
      ),
    ).toEqual([[4, 2, 64 + 18]])
    expect(fate(n, packet(O, 60, two, two, two, pads(200), echo(O)))).toEqual([[4, 1, 64]])
  })
})

describe('headers that are none', () => {
  test('a version that is not 6 is dropped without a word, traffic class and flow label are no fault (RFC 8200 §3) [v6-err-version]', () => {
    const on = new OneNode({
      ports: [port(1, { addresses: ['2001:db8::1/64'] })],
      ip6: {
        dadTransmits: 0,
        staticNeighbours: [{ port: 1, address: ip6(PEER), mac: Uint8Array.of(2, 0, 0, 0, 0, 9) }],
      },
    })
    on.run(10_000)
    on.taken()
    for (const version of [4, 5, 7]) {
      const p = packet(O, 58, echo(O))
      p[0] = (version << 4) | (p[0]! & 15)
      expect(on.give(Uint8Array.from([...octets('020000000001020000000009', '86dd'), ...p]))).toEqual([])
    }
    expect(on.node.counters.malformed['bad-version']).toBe(3)
    const marked = { ...O, class: '2012345' }
    expect(
      on.give(Uint8Array.from([...octets('020000000001020000000009', '86dd'), ...packet(marked, 58, echo(O))])).length,
    ).toBe(1)
  })

  test('nothing that a tentative address is sent gets an answer, nor is it a source (RFC 4862 §5.4) [v6-src-tentative]', () => {
    const n = new OneNode({
      ports: [port(1, { addresses: ['2001:db8::1/64'] })],
      ip6: { staticNeighbours: [{ port: 1, address: ip6(PEER), mac: Uint8Array.of(2, 0, 0, 0, 0, 9) }] },
    })
    const out = [...n.taken().map((s) => s.bytes)]
    const ask = Uint8Array.from([...octets('020000000001020000000009', '86dd'), ...packet(O, 58, echo(O))])
    out.push(...n.give(ask))
    expect(n.node.counters.dropped.tentative).toBe(1)
    expect(
      n.node.ip6.send(n.now as never, { dst: ip6('fe80::9'), src: ip6(ME), protocol: 59, payload: new Uint8Array(0) }),
    ).toBe('no-source')
    while (!n.events.some((e) => e.kind === 'address-ready' && e.address === ip6(ME)) && n.now < 10_000) {
      out.push(...n.run(10).map((s) => s.bytes))
    }
    expect(out.length).toBeGreaterThan(0)
    for (const b of out.slice(0, -1)) expect(hex(b.slice(14 + 8, 14 + 24))).not.toBe('20010db8000000000000000000000001')
    expect(n.give(ask).length).toBe(1)
  })

  test('informational messages of unknown type are dropped without a word; the reserved and the experimental ones too (RFC 4443 §2.4(b)) [v6-recv-unknown-info] [v6-registry-experimental] [v6-registry-reserved]', () => {
    const n = node()
    for (const type of [162, 199, 200, 201, 254, 255]) {
      expect(n.give(packet(O, 58, icmp(O, [type, 0, 0, 0], zeros(8))))).toEqual([])
    }
    expect(n.node.counters.dropped['unknown-type']).toBe(6)
    // Somebody who asked for them gets them.
    const seen: number[] = []
    n.node.ip6.icmp.on(200, (_now, d, p) => void seen.push(d.bytes[p.at]!))
    n.give(packet(O, 58, icmp(O, 'c8000000', zeros(8))))
    expect(seen).toEqual([200])
    // 100, 101 and 127 are errors: who is quoted hears of them, and nobody answers.
    const socket = n.node.transport.udp.bind({ family: 6, port: 5000 })
    socket.send(n.now as never, Uint8Array.of(1), { address: ip6(PEER), port: 53 })
    const [sent] = n.collect()
    for (const type of [100, 101, 127]) {
      expect(n.give(packet(O, 58, icmp(O, [type, 0, 0, 0], zeros(4), sent!)))).toEqual([])
      expect(socket.error()).toMatchObject({ type, code: 0 })
    }
  })
})
