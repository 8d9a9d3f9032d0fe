import { describe, expect, test } from 'vitest'
import {
  echo,
  fragment,
  icmp,
  octets,
  type Part,
  packet,
  pattern,
  told,
  udp,
  zeros,
} from '../../../../../test/stack/octets6.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { hex } from '../../wire/octets.ts'
import type { PortConfig } from '../port.ts'
import type { Ip6Options } from './settings.ts'

const ME = '2001:db8::1'
const PEER = '2001:db8::2'
const O = { src: PEER, dst: ME }
const NO_LIMIT = { rate: Number.POSITIVE_INFINITY, burst: 1 }

function host(more: Ip6Options = {}): OneNode {
  const addresses = ['2001:db8::1/64', '2001:db8::5/64', '2001:db8:1::1/64', 'fe80::1/64']
  const n = new OneNode({
    ports: [port(1, { medium: 'ip', addresses })],
    ip6: { acceptAdvertisements: false, errorLimit: NO_LIMIT, ...more },
  })
  n.run(10_000)
  n.taken()
  return n
}

/** Ports 1 and 2 with 2001:db8:1::1 and 2001:db8:2::1, port 3 with an MTU of 1280; ::/0 is nowhere. */
function gateway(more: Ip6Options = {}, ports: Partial<Omit<PortConfig, 'addresses'>> = {}): OneNode {
  const n = new OneNode({
    role: 'gateway',
    ports: [
      port(1, { medium: 'ip', addresses: ['2001:db8:1::1/64', 'fe80::1/64'] }),
      port(2, { medium: 'ip', addresses: ['2001:db8:2::1/64'] }),
      port(3, { medium: 'ip', addresses: ['2001:db8:3::1/64'], mtu: 1280, ...ports }),
    ],
    ip6: {
      errorLimit: NO_LIMIT,
      routes: [{ prefix: ip6('ff0e::'), prefixLength: 16, kind: 'unicast', nextHop: undefined, port: 3 }],
      ...more,
    },
  })
  n.run(10_000)
  n.taken()
  return n
}

const A = '2001:db8:1::9'
const B = '2001:db8:2::9'
const C = '2001:db8:3::9'
const NOWHERE = '2001:db8:ffff::9'

/** Closed port, unknown next header, unknown option 10, bad routing header, odd fragment, no hop left, no route, too big. */
const TRIGGERS: Record<string, (src: string, dst: string) => Uint8Array> = {
  'closed port': (src, dst) => packet({ src, dst }, 17, udp({ src, dst }, 1, 2)),
  'next header': (src, dst) => packet({ src, dst }, 200, zeros(8)),
  'option 10': (src, dst) => packet({ src, dst }, 60, '3a00870400000000', echo({ src, dst })),
  'option 11': (src, dst) => packet({ src, dst }, 60, '3a00c70400000000', echo({ src, dst })),
  routing: (src, dst) => packet({ src, dst }, 43, '3a00210100000000', echo({ src, dst })),
  fragment: (src, dst) => packet({ src, dst }, 44, fragment(17, 0, 1, 1), udp({ src, dst }, 1, 2, pattern(13))),
}

describe('what no error is sent about (RFC 4443 §2.4(e))', () => {
  const errors: Part[] = [
    [1, 0, 0, 0],
    [2, 0, 0, 0],
    [3, 0, 0, 0],
    [4, 0, 0, 0],
    [5, 0, 0, 0],
    [100, 0, 0, 0],
    [127, 0, 0, 0],
  ]

  test('an ICMPv6 error, of a known type or not (RFC 4443 §2.4(e.1)) [v6-err-on-error]', () => {
    const g = gateway()
    for (const type of errors) {
      for (const [dst, hop, octetCount] of [
        [B, 1, 60],
        [NOWHERE, 64, 60],
        [C, 64, 1400],
      ] as const) {
        const o = { src: A, dst, hop }
        expect(g.give(packet(o, 58, icmp(o, type, zeros(4), pattern(octetCount))))).toEqual([])
        // Behind extension headers too, and in a first fragment.
        expect(g.give(packet(o, 60, '3a00010400000000', icmp(o, type, zeros(4), pattern(octetCount))))).toEqual([])
        expect(g.give(packet(o, 44, fragment(58, 0, 1, 1), icmp(o, type, zeros(4), pattern(octetCount))))).toEqual([])
      }
      const o = O
      expect(host().give(packet(o, 60, '3a00870400000000', icmp(o, type, zeros(12))))).toEqual([])
    }
    expect(g.node.counters.suppressed).toEqual({ 'about-an-error': 63 })
    // The same with an echo request: told each time.
    const o = { src: A, dst: NOWHERE }
    expect(g.give(packet(o, 58, echo(o))).length).toBe(1)
  })

  test('a redirect, though its type is informational (RFC 4443 §2.4(e.2)) [v6-err-on-redirect]', () => {
    const n = host()
    const o = { src: 'fe80::2', dst: 'fe80::1', hop: 255 }
    const redirect = icmp(o, '89000000', zeros(36))
    expect(n.give(packet(o, 60, '3a00870400000000', redirect))).toEqual([])
    expect(n.give(packet(o, 60, '3a00870500000000', redirect))).toEqual([])
    expect(n.node.counters.suppressed).toEqual({ 'about-a-redirect': 2 })
    expect(n.give(packet(o, 60, '3a00870400000000', icmp(o, '88000000', zeros(36)))).length).toBe(1)
  })

  test('a packet to a group, but for one that is too big or whose option says so by 10 (RFC 4443 §2.4(e.3)) [v6-err-mcast-dst]', () => {
    const n = host()
    for (const [name, make] of Object.entries(TRIGGERS)) {
      const out = n.give(make(PEER, 'ff02::1'), { link: 'multicast' })
      expect([name, out.length]).toEqual([name, name === 'option 10' ? 1 : 0])
    }
    expect(n.node.counters.suppressed.multicast).toBe(5)
  })

  test('a packet to one address that the link gave to many, with the same two exceptions (RFC 4443 §2.4(e.4), (e.5)) [v6-err-ll-mcast] [v6-err-ll-bcast]', () => {
    for (const link of ['multicast', 'broadcast'] as const) {
      const n = host()
      for (const [name, make] of Object.entries(TRIGGERS)) {
        const out = n.give(make(PEER, ME), { link })
        expect([name, out.length]).toEqual([name, name === 'option 10' ? 1 : 0])
      }
      expect(n.node.counters.suppressed['link-broadcast']).toBe(5)
    }
  })

  test('a packet whose source is no single node, known anycast addresses among them (RFC 4443 §2.4(e.6)) [v6-err-bad-source]', () => {
    const n = host({ anycast: [ip6('2001:db8::aaaa')] })
    for (const make of Object.values(TRIGGERS)) {
      for (const src of ['::', 'ff02::5', 'ff0e::1', '2001:db8::aaaa', '::1']) expect(n.give(make(src, ME))).toEqual([])
    }
    n.give(packet({ src: '2001:db8::aaaa', dst: ME }, 44, fragment(17, 0, 1, 9), udp(O, 1, 2, pattern(8))))
    expect(n.run(61_000)).toEqual([])
    const g = gateway({ anycast: [ip6('2001:db8:1::aaaa')] })
    for (const src of ['::', '2001:db8:1::aaaa']) {
      expect(g.give(packet({ src, dst: NOWHERE }, 59, zeros(8)))).toEqual([])
      expect(g.give(packet({ src, dst: B, hop: 1 }, 59, zeros(8)))).toEqual([])
      expect(g.give(packet({ src, dst: C }, 59, zeros(1400)))).toEqual([])
    }
  })

  test('of every reason for an error crossed with every rule against it, only the two exceptions come out (RFC 4443 §2.4) [v6-err-precedence]', () => {
    const transit: Record<string, (src: string, dst: string) => Uint8Array> = {
      'no hop left': (src, dst) => packet({ src, dst, hop: 1 }, 59, zeros(8)),
      'too big': (src, dst) => packet({ src, dst }, 59, zeros(1300)),
    }
    const told1 = (out: readonly Uint8Array[]) => out.map((b) => told(b).type)
    const sent: string[] = []
    for (const link of ['host', 'multicast', 'broadcast'] as const) {
      for (const src of [A, '::', 'ff02::5']) {
        for (const dst of [C, 'ff0e::1']) {
          for (const [name, make] of Object.entries(transit)) {
            const types = told1(gateway().give(make(src, dst), { link }))
            if (types.length > 0) sent.push(`${name} from ${src} to ${dst} by ${link}: ${types}`)
          }
        }
        for (const dst of ['2001:db8:1::1', 'ff02::1']) {
          for (const [name, make] of Object.entries(TRIGGERS)) {
            const types = told1(gateway().give(make(src, dst), { link }))
            if (types.length > 0) sent.push(`${name} from ${src} to ${dst} by ${link}: ${types}`)
          }
        }
      }
    }
    const to = (name: string, dst: string, link: string, type: number) =>
      `${name} from ${A} to ${dst} by ${link}: ${type}`
    const expected = [to('no hop left', C, 'host', 3), to('too big', C, 'host', 2), to('too big', 'ff0e::1', 'host', 2)]
    for (const name of Object.keys(TRIGGERS))
      expected.push(to(name, '2001:db8:1::1', 'host', name === 'closed port' ? 1 : 4))
    expected.push(to('option 10', 'ff02::1', 'host', 4))
    for (const link of ['multicast', 'broadcast']) {
      expected.push(to('too big', C, link, 2), to('too big', 'ff0e::1', link, 2))
      expected.push(to('option 10', '2001:db8:1::1', link, 4), to('option 10', 'ff02::1', link, 4))
    }
    expect(sent).toEqual(expected)
  })
})

describe('where an error goes and comes from (RFC 4443 §2.2)', () => {
  test('to the source of the packet, whatever the error (RFC 4443 §3) [v6-err-destination]', () => {
    const g = gateway()
    const out = [
      ...g.give(packet({ src: A, dst: NOWHERE }, 59, zeros(8))),
      ...g.give(packet({ src: A, dst: B, hop: 1 }, 59, zeros(8))),
      ...g.give(packet({ src: A, dst: C }, 59, zeros(1400))),
      ...g.give(packet({ src: A, dst: '2001:db8:1::1' }, 200, zeros(8))),
    ].map(told)
    expect(out.map((t) => [t.type, t.dst])).toEqual([1, 3, 2, 4].map((type) => [type, A]))
  })

  test('from the very address that was spoken to, where that is one of the node’s (RFC 4443 §2.2(a)) [v6-src-unicast]', () => {
    const n = host()
    for (const dst of [ME, '2001:db8::5', '2001:db8:1::1']) {
      expect(told(n.give(TRIGGERS['closed port']!(PEER, dst))[0]!)).toMatchObject({ src: dst, type: 1, code: 4 })
    }
    expect(told(n.give(TRIGGERS['closed port']!('fe80::2', 'fe80::1'))[0]!)).toMatchObject({
      src: 'fe80::1',
      dst: 'fe80::2',
    })
  })

  test('else from a unicast address of the node’s alone, as source selection finds it for the way back (RFC 4443 §2.2(b)) [v6-src-other] [v6-src-select]', () => {
    const g = gateway()
    for (const [src, own, by] of [
      [A, '2001:db8:1::1', 1],
      [B, '2001:db8:2::1', 1],
      [C, '2001:db8:3::1', 2],
    ] as const) {
      g.give(packet({ src, dst: NOWHERE }, 59, zeros(8)), { port: by })
      const [e] = g.taken()
      // What a ping to that destination would have for a source.
      expect(told(e!.bytes).src).toBe(own)
      g.node.ip6.sendMessage(
        g.now as never,
        { dst: ip6(src) },
        { kind: 'echoRequest', code: 0, id: 1, seq: 1, data: new Uint8Array(0) },
      )
      g.collect()
      const [ping] = g.taken()
      expect(told(ping!.bytes).src).toBe(own)
      expect(ping!.port).toBe(e!.port)
    }
    // The subnet-router anycast address is no source, though it was spoken to.
    expect(told(g.give(TRIGGERS['closed port']!(A, '2001:db8:1::'))[0]!).src).toBe('2001:db8:1::1')
  })

  test('or, by setting, from the port that the packet came in by (RFC 4443 §2.2(b)) [v6-src-informative]', () => {
    const g = gateway({ errorSource: 'ingress' })
    g.give(packet({ src: B, dst: C, hop: 1 }, 59, zeros(8)), { port: 1 })
    const [e] = g.taken()
    expect([e!.port, told(e!.bytes).src, told(e!.bytes).dst]).toEqual([2, '2001:db8:1::1', B])
  })
})

describe('the quote (RFC 4443 §2.4(c))', () => {
  test('is the packet from its first octet, all of it where an error of 1280 octets holds it, else as much as that, whatever the MTU [v6-quote-max] [v6-quote-1232]', () => {
    for (const mtu of [1500, 9000]) {
      const n = new OneNode({
        ports: [port(1, { medium: 'ip', addresses: ['2001:db8::1/64'], mtu })],
        ip6: { errorLimit: NO_LIMIT },
      })
      n.run(10_000)
      for (const length of [48, 100, 1231, 1232, 1233, 1280, 1500]) {
        const p = packet(O, 17, udp(O, 1, 2, pattern(length - 48)))
        const t = told(n.give(p)[0]!)
        expect(t).toMatchObject({ type: 1, code: 4, length: Math.min(48 + length, 1280), sound: true })
        expect(t.rest).toEqual([...p.slice(0, 1232)])
      }
    }
  })

  test('begins with the IPv6 header and has the extension headers in it; nothing is padded (RFC 4443 §2.1, §3) [v6-quote-start] [v6-quote-nopad]', () => {
    const n = host()
    const p = packet(O, 0, '3c00010400000000', '1100010400000000', udp(O, 1, 2, 'abcd'))
    const t = told(n.give(p)[0]!)
    expect(t.rest).toEqual([...p])
    expect(t.rest[0]! >> 4).toBe(6)
    expect(t.length - 40).toBe(8 + p.length)
  })

  test('is as it was received: with the hop limit that it came with, also where it waited for its next hop (RFC 4443 §2.4(c)) [v6-quote-as-received]', () => {
    const g = gateway()
    for (const p of [
      packet({ src: A, dst: B, hop: 1, class: '2012345' }, 59, zeros(8)),
      packet({ src: A, dst: B, hop: 0 }, 59, zeros(8)),
      packet({ src: A, dst: NOWHERE, hop: 17 }, 59, zeros(8)),
      packet({ src: A, dst: C, hop: 5 }, 59, pattern(1300)),
    ]) {
      expect(told(g.give(p)[0]!).rest).toEqual([...p.slice(0, 1232)])
    }
    const waits = new OneNode({
      role: 'gateway',
      ports: [port(1, { medium: 'ip', addresses: ['2001:db8:1::1/64'] }), port(2, { addresses: ['2001:db8:2::1/64'] })],
      ip6: { dadTransmits: 0, sendRedirects: false },
    })
    waits.run(10_000)
    waits.taken()
    const p = packet({ src: A, dst: B, hop: 9 }, 59, zeros(8))
    waits.give(p)
    const late = waits.run(10_000).filter((s) => s.port === 1)
    expect(late.map((s) => told(s.bytes).type)).toEqual([1])
    expect(told(late[0]!.bytes)).toMatchObject({ code: 3, rest: [...p] })
  })

  test('the unused octets of types 1 and 3 are zero where no structure follows (RFC 4443 §3.1, §3.3) [v6-format-unused]', () => {
    const g = gateway()
    expect(told(g.give(packet({ src: A, dst: NOWHERE }, 59, zeros(8)))[0]!).word).toBe(0)
    expect(told(g.give(packet({ src: A, dst: B, hop: 1 }, 59, zeros(8)))[0]!).word).toBe(0)
  })
})

describe('how many (RFC 4443 §2.4(f))', () => {
  const closed = () => packet(O, 17, udp(O, 1, 2))

  test('ten at once and ten a second by default, a thousand asked for (RFC 4443 §2.4(f)) [v6-rate-limit] [v6-rate-config] [v6-rate-bucket]', () => {
    for (const [limit, burst, rate] of [
      [undefined, 10, 10],
      [{ rate: 1, burst: 2 }, 2, 1],
    ] as const) {
      const n = new OneNode({
        ports: [port(1, { medium: 'ip', addresses: ['2001:db8::1/64'] })],
        ip6: limit === undefined ? {} : { errorLimit: limit },
      })
      n.run(10_000)
      n.taken()
      let sent = 0
      for (let i = 0; i < burst; i++) sent += n.give(closed()).length
      expect(sent).toBe(burst)
      for (let i = 0; i < 1000; i++) {
        n.run(10)
        sent += n.give(closed()).length
      }
      // Ten seconds went by.
      expect(sent).toBeGreaterThanOrEqual(burst + 10 * rate - 1)
      expect(sent).toBeLessThanOrEqual(burst + 10 * rate)
      expect(n.node.counters.suppressed['rate-limit']).toBe(1000 + burst - sent)
    }
  })

  test('three probes back to back get their three answers, as traceroute needs (RFC 4443 §2.4(f))', () => {
    const g = gateway({ errorLimit: { rate: 10, burst: 10 } })
    for (let round = 0; round < 5; round++) {
      const out = [1, 2, 3].flatMap(() => g.give(packet({ src: A, dst: B, hop: 1 }, 59, zeros(8))))
      expect(out.length).toBe(3)
      g.run(300)
    }
  })

  test('rest fills it again, never above the burst (RFC 4443 §2.4(f)) [v6-rate-refill]', () => {
    const n = host({ errorLimit: { rate: 10, burst: 4 } })
    const flood = () => Array.from({ length: 100 }, () => n.give(closed()).length).reduce((a, b) => a + b)
    expect(flood()).toBe(4)
    n.run(2_000)
    expect(flood()).toBe(4)
    n.run(200)
    expect(flood()).toBe(2)
  })

  test('echo replies are no errors and cost nothing of it (RFC 4443 §2.4(f)) [v6-rate-echo]', () => {
    const n = host({ errorLimit: { rate: 1, burst: 1 } })
    for (let i = 0; i < 50; i++) n.give(closed())
    for (let i = 0; i < 50; i++) expect(told(n.give(packet(O, 58, echo(O)))[0]!).type).toBe(129)
    expect(n.node.counters.suppressed['rate-limit']).toBe(49)
  })

  test('a closed port is code 4, where the transport has no refusal of its own; a SYN to a closed TCP port gets no ICMPv6 (RFC 4443 §3.1) [v6-du-code4] [v6-du-code4-tcp]', () => {
    const n = host()
    for (const o of [O, { src: 'fe80::2', dst: 'fe80::1' }]) {
      const p = packet(o, 17, udp(o, 1, 2))
      expect(told(n.give(p)[0]!)).toMatchObject({ type: 1, code: 4, src: o.dst, dst: o.src, rest: [...p] })
    }
    // IPv6(src='2001:db8::2', dst='2001:db8::1')/TCP(sport=1024, dport=80, flags='S') by scapy.
    const syn = '040000500000000000000000500220000de70000'
    const out = n.give(packet(O, 6, octets(syn)))
    expect(out.filter((b) => b[6] === 58)).toEqual([])
  })

  test('type 1 can be switched off by port, and the others go on (RFC 4443 §3.1) [v6-du-disable]', () => {
    const g = gateway({ noUnreachables: [1] })
    const by = (p: Uint8Array, from: number) => {
      g.give(p, { port: from })
      return g.taken().map((s) => told(s.bytes).type)
    }
    expect(by(packet({ src: A, dst: NOWHERE }, 59, zeros(8)), 1)).toEqual([])
    expect(by(packet({ src: B, dst: NOWHERE }, 59, zeros(8)), 2)).toEqual([1])
    expect(by(packet({ src: A, dst: C }, 59, zeros(1400)), 1)).toEqual([2])
    expect(by(packet({ src: A, dst: B, hop: 1 }, 59, zeros(8)), 1)).toEqual([3])
    expect(g.node.counters.suppressed).toEqual({ 'switched-off': 1 })
    const all = gateway({ noUnreachables: 'all' })
    expect(all.give(packet({ src: B, dst: NOWHERE }, 59, zeros(8)), { port: 2 })).toEqual([])
  })

  test('a full queue is no reason for an error (RFC 4443 §3.1) [v6-du-congestion]', () => {
    const g = new OneNode({
      role: 'gateway',
      ports: [
        port(1, { medium: 'ip', addresses: ['2001:db8:1::1/64'] }),
        port(2, { medium: 'ip', addresses: ['2001:db8:2::1/64'], queue: 4 }),
      ],
      ip6: { errorLimit: NO_LIMIT },
    })
    g.run(10_000)
    g.taken()
    const p = packet({ src: A, dst: B }, 59, zeros(8))
    for (let i = 0; i < 10; i++) {
      const bytes = p.slice()
      // Given to the node itself: nothing leaves before all are in.
      g.node.handlePacket(g.now as never, {
        bytes,
        at: 0,
        end: bytes.length,
        length: bytes.length,
        origin: 'wire',
        link: 'host',
        checksum: 'unknown',
        stamp: g.now as never,
        clock: 'virtual',
        port: 1,
      })
    }
    g.collect()
    const out = g.taken()
    expect(out.map((s) => s.port)).toEqual([2, 2, 2, 2])
    expect(g.node.counters.dropped['queue-full']).toBe(6)
    expect(hex(out[0]!.bytes.slice(8))).toBe(hex(p.slice(8)))
  })
})

describe('what an error would be about is found behind headers in disorder', () => {
  const ABOUT_ERROR = icmp(O, '01 04 0000 00000000')
  const REQUEST = echo(O, '61626364')
  const HEADERS: [string, number, string, number][] = [
    ['hop-by-hop options behind a fragment header', 44, '00 00 0000 00000007 3a 00 de 04 00000000', 1],
    ['an authentication header that is too short', 44, '33 00 0000 00000007 3a 00 0000 00000000', 1],
    ['a routing header with segments left', 43, '3a 00 63 01 00000000', 0],
  ]
  test.each(HEADERS)('no error about an error behind %s (RFC 4443 §2.4(e.1))', (_, first, headers, code) => {
    const n = host()
    expect(n.give(packet(O, first, headers, ABOUT_ERROR))).toEqual([])
    expect(n.node.counters.suppressed).toEqual({ 'about-an-error': 1 })
    const [e] = n.give(packet(O, first, headers, echo(O)))
    expect(told(e!)).toMatchObject({ type: 4, code })
  })

  test('a first fragment of nothing lacks its upper-layer header, too (RFC 7112 §5)', () => {
    const [e] = host().give(packet(O, 44, '3a 00 0001 00000007'))
    expect(told(e!)).toMatchObject({ type: 4, code: 3, word: 0 })
  })

  test('no error about an ICMPv6 message whose type is not there: it may have been an error (RFC 4443 §2.4(e.1))', () => {
    const n = host()
    expect(n.give(packet(O, 60, '3a 00 9e 04 00000000'))).toEqual([])
    expect(n.node.counters.suppressed).toEqual({ 'about-an-error': 1 })
  })

  test('no error to the anycast address of the routers of a link (RFC 4443 §2.4(e.6), RFC 4291 §2.6.1)', () => {
    const n = host()
    for (const src of ['2001:db8::', '2001:db8:1::']) expect(n.give(packet({ src, dst: ME }, 200, '00'))).toEqual([])
    expect(n.node.counters.suppressed).toEqual({ 'bad-source': 2 })
    expect(n.give(packet({ src: '2001:db8::4', dst: ME }, 200, '00'))).toHaveLength(1)
  })

  test('hop-by-hop options behind a first fragment header are an unrecognized next header, once all is there (RFC 8200 §4.1)', () => {
    const n = host()
    expect(n.give(packet(O, 44, '00 00 0001 00000007 3a 00 01 04 00000000', REQUEST.slice(0, 8)))).toEqual([])
    const [e] = n.give(packet(O, 44, '00 00 0010 00000007', REQUEST.slice(8)))
    expect(told(e!)).toMatchObject({ type: 4, code: 1, word: 6 })
  })
})
