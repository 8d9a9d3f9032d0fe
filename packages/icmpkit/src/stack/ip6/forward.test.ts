import { describe, expect, test } from 'vitest'
import { echo, fragment, icmp, octets, packet, pattern, told, udp, zeros } from '../../../../../test/stack/octets6.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { hex } from '../../wire/octets.ts'
import { icmp6Rules } from './filter-preset.ts'
import type { Ip6Options } from './settings.ts'

const A = '2001:db8:1::9'
const B = '2001:db8:2::9'
const C = '2001:db8:3::9'

type Routes = NonNullable<Ip6Options['routes']>
const via = (prefix: string, prefixLength: number, port: number, nextHop?: string): Routes[number] => ({
  prefix: ip6(prefix),
  prefixLength,
  kind: 'unicast',
  nextHop: nextHop === undefined ? undefined : ip6(nextHop),
  port,
})
const not = (kind: 'unreachable' | 'prohibit' | 'blackhole', prefix: string): Routes[number] => ({
  prefix: ip6(prefix),
  prefixLength: 48,
  kind,
  nextHop: undefined,
  port: -1,
})

const ROUTES: Routes = [
  via('2001:db8:2000::', 36, 2, '2001:db8:2::2'),
  via('ff0e::', 16, 3),
  not('unreachable', '2001:db8:6::'),
  not('prohibit', '2001:db8:7::'),
  not('blackhole', '2001:db8:8::'),
]

/** Point-to-point ports 1, 2 and 3, the last with an MTU of 1280; no default route. */
function gateway(more: Ip6Options = {}): OneNode {
  const g = new OneNode({
    role: 'gateway',
    ports: [
      port(1, { medium: 'ip', addresses: ['2001:db8:1::1/64', 'fe80::1/64'], mtu: 9000 }),
      port(2, { medium: 'ip', addresses: ['2001:db8:2::1/64', 'fe80::2/64'], mtu: 9000 }),
      port(3, { medium: 'ip', addresses: ['2001:db8:3::1/64'], mtu: 1280 }),
    ],
    ip6: { errorLimit: { rate: Number.POSITIVE_INFINITY, burst: 1 }, routes: ROUTES, ...more },
  })
  g.run(10_000)
  g.taken()
  return g
}

/** What leaves, each as `port:` and the whole packet, or an error as `port: type/code/word`. */
function out(g: OneNode, p: Uint8Array, how: Parameters<OneNode['give']>[1] = {}): string[] {
  g.give(p, how)
  return g.taken().map(({ port, bytes }) => {
    const t = told(bytes)
    return bytes[6] === 58 && t.type < 5 && t.dst !== B
      ? `${port}: ${t.type}/${t.code}/${t.word}`
      : `${port}: ${hex(bytes)}`
  })
}

/** The packet as it goes on: its hop limit one less. */
function on(port: number, p: Uint8Array): string[] {
  const q = p.slice()
  q[7]!--
  return [`${port}: ${hex(q)}`]
}

const transit = (o: { src?: string; dst?: string; hop?: number } = {}, ...data: number[]) =>
  packet({ src: A, dst: B, ...o }, 17, data.length > 0 ? data : udp({ src: o.src ?? A, dst: o.dst ?? B }, 1, 2))

describe('forwarding', () => {
  test('a packet goes on as it is, but for its hop limit: to the destination on a link, or to the next hop of the longest prefix (RFC 8200 §3)', () => {
    const g = gateway()
    for (const dst of [B, '2001:db8:2fff::1']) {
      for (let twice = 0; twice < 2; twice++) expect(out(g, transit({ dst }))).toEqual(on(2, transit({ dst })))
    }
    expect(g.node.counters.forwarded).toBe(4)
  })

  test('the next packet follows a route that came, went or lost its port (RFC 8200 §3)', () => {
    const g = gateway()
    const { routes } = g.node.ip6
    for (let twice = 0; twice < 2; twice++) expect(out(g, transit())).toEqual(on(2, transit()))
    routes.add({ ...via(B, 128, 3), origin: 'static', metric: 0 })
    for (let twice = 0; twice < 2; twice++) expect(out(g, transit())).toEqual(on(3, transit()))
    g.node.changePort(g.now as never, 3, { up: false })
    g.taken()
    expect(out(g, transit())).toEqual(on(2, transit()))
    routes.remove((r) => r.port === 2)
    expect(out(g, transit())).toEqual(['1: 1/0/0'])
  })

  test('a destination that no route covers is code 0, and where a default route is, it never comes (RFC 4443 §3.1) [v6-du-code0] [v6-du-generate]', () => {
    expect(out(gateway(), transit({ dst: '2001:db8:ffff::1' }))).toEqual(['1: 1/0/0'])
    const g = gateway({ routes: [via('::', 0, 2, 'fe80::99')] })
    for (const dst of ['2001:db8:ffff::1', '2001:db8:6::1', '::2', 'fec0::1']) {
      expect(out(g, transit({ dst }))).toEqual(on(2, transit({ dst })))
    }
    // A packet of the node's own: the same reason, told to whoever sends it.
    const own = { dst: ip6('2001:db8:ffff::1'), protocol: 59, payload: new Uint8Array(0) }
    expect(gateway().node.ip6.send(0 as never, own)).toBe('no-route')
  })

  test('a reject route is code 6, a prohibited one code 1, a blackhole says nothing (RFC 4443 §3.1) [v6-du-code6]', () => {
    const g = gateway()
    expect(out(g, transit({ dst: '2001:db8:6::1' }))).toEqual(['1: 1/6/0'])
    expect(out(g, transit({ dst: '2001:db8:7::1' }))).toEqual(['1: 1/1/0'])
    expect(out(g, transit({ dst: '2001:db8:8::1' }))).toEqual([])
    expect(g.node.counters.dropped).toMatchObject({ 'no-route': 2, blackhole: 1 })
  })

  test('a filter that rejects is code 1, one that drops says nothing, what none names passes (RFC 4443 §3.1) [v6-du-code1]', () => {
    const g = gateway({
      transit: {
        filters: [
          { action: 'reject', protocol: 17, destinationPorts: [53, 53] },
          {
            action: 'drop',
            source: { prefix: ip6('2001:db8:1::'), prefixLength: 64 },
            protocol: 17,
            sourcePorts: [7, 9],
          },
        ],
      },
    })
    const to = (from: number, port: number) => transit({}, ...udp({ src: A, dst: B }, from, port))
    expect(out(g, to(5, 53))).toEqual(['1: 1/1/0'])
    expect(out(g, to(8, 54))).toEqual([])
    expect(out(g, to(5, 54))).toEqual(on(2, to(5, 54)))
    expect(g.node.counters.dropped.filtered).toBe(2)
  })

  test('a link-local source goes no further than its link: code 2, from an address that it can answer (RFC 4443 §3.1, RFC 4291 §2.5.6) [v6-du-code2] [v6-gw-linklocal]', () => {
    const g = gateway()
    expect(out(g, transit({ src: 'fe80::9' }))).toEqual(['1: 1/2/0'])
    g.give(transit({ src: 'fe80::9' }))
    expect(told(g.taken()[0]!.bytes)).toMatchObject({ src: 'fe80::1', dst: 'fe80::9' })
    // Nor a link-local destination that is not this node's.
    expect(out(g, transit({ dst: 'fe80::77' }))).toEqual([])
    expect(out(g, transit({ src: 'fe80::9', dst: 'fe80::77' }))).toEqual([])
    expect(g.node.counters.forwarded).toBe(0)
  })

  test('a neighbour that never answers is code 3 for each packet that waited, to its own source, after three solicitations (RFC 4861 §7.2.2) [v6-du-code3] [v6-du-code3-nd]', () => {
    const g = new OneNode({
      role: 'gateway',
      ports: [port(1, { medium: 'ip', addresses: ['2001:db8:1::1/64'] }), port(2, { addresses: ['2001:db8:2::1/64'] })],
      ip6: { dadTransmits: 0 },
    })
    g.run(10_000)
    g.taken()
    g.give(transit({ src: A }))
    g.give(transit({ src: '2001:db8:1::8' }))
    const later = [...g.taken(), ...g.run(9_000)]
    const solicitations = later.filter((s) => s.port === 2 && s.bytes[14 + 40] === 135)
    expect(solicitations.length).toBe(3)
    const errors = later.filter((s) => s.port === 1)
    expect(errors.map((s) => [told(s.bytes).type, told(s.bytes).code, told(s.bytes).dst])).toEqual([
      [1, 3, A],
      [1, 3, '2001:db8:1::8'],
    ])
    expect(errors[0]!.at - solicitations[0]!.at).toBeGreaterThanOrEqual(3_000)
    // A packet of its own: the application hears it, the network nothing.
    const socket = g.node.transport.udp.bind({ family: 6, port: 5000 })
    socket.send(g.now as never, Uint8Array.of(1), { address: ip6('2001:db8:2::55'), port: 53 })
    expect(g.run(9_000).filter((s) => s.port === 1)).toEqual([])
    expect(socket.error()).toMatchObject({ origin: 'local', why: 'unresolved' })
  })

  test('what came from a point-to-point link for an unused address of its subnet does not go back: code 3 (RFC 4443 §3.1) [v6-du-code3-p2p]', () => {
    const g = gateway()
    const p = transit({ dst: '2001:db8:1::dead' })
    expect(out(g, p)).toEqual(['1: 1/3/0'])
    expect(g.node.counters.forwarded).toBe(0)
  })

  test('a source that does not come from there is code 5, or 1 by setting: strict by the port, loose by any route (RFC 4443 §3.1) [v6-du-code5]', () => {
    const spoofed = transit({ src: '2001:db8:3::9' })
    expect(out(gateway({ transit: { reversePath: 'strict' } }), spoofed)).toEqual(['3: 1/5/0'])
    expect(out(gateway({ transit: { reversePath: 'strict', reversePathCode: 1 } }), spoofed)).toEqual(['3: 1/1/0'])
    const loose = gateway({ transit: { reversePath: 'loose' } })
    expect(out(loose, spoofed)).toEqual(on(2, spoofed))
    expect(out(loose, transit({ src: '2001:db8:ffff::1' }))).toEqual([])
    expect(loose.node.counters.dropped['reverse-path']).toBe(1)
    const honest = gateway({ transit: { reversePath: 'strict' } })
    expect(out(honest, transit())).toEqual(on(2, transit()))
    expect(out(gateway(), spoofed)).toEqual(on(2, spoofed))
  })

  test('hop limit 0 or 1 ends here: type 3 code 0, nothing goes on; 2 goes on as 1 (RFC 4443 §3.3) [v6-te-hop0] [v6-te-decrement]', () => {
    const g = gateway()
    expect(out(g, transit({ hop: 0 }))).toEqual(['1: 3/0/0'])
    expect(out(g, transit({ hop: 1 }))).toEqual(['1: 3/0/0'])
    expect(g.node.counters.forwarded).toBe(0)
    expect(out(g, transit({ hop: 2 }))).toEqual(on(2, transit({ hop: 2 })))
  })

  test('no source, no way: a packet from :: is dropped without a word (RFC 4291 §2.5.2) [v6-gw-unspec]', () => {
    const g = gateway()
    for (const p of [
      transit({ src: '::' }),
      transit({ src: '::', hop: 1 }),
      transit({ src: '::', dst: C }, ...pattern(1400)),
    ]) {
      expect(out(g, p)).toEqual([])
    }
    expect(g.node.counters.dropped['martian-source']).toBe(3)
  })

  test('a group goes where a route for it leads, never beyond its link, never without a route (RFC 4291 §2.7) [v6-gw-mcast-scope]', () => {
    const g = gateway({ routes: [...ROUTES, via('ff00::', 8, 2), via('::', 0, 2, '2001:db8:2::2')] })
    for (const dst of ['ff01::5', 'ff02::5', 'ff12::5', 'ff32::5', 'ff00::1']) {
      expect(out(g, transit({ dst }), { link: 'multicast' })).toEqual([])
    }
    for (const [dst, to] of [
      ['ff05::5', 2],
      ['ff0e::5', 3],
    ] as const) {
      expect(out(g, transit({ dst }), { link: 'multicast' })).toEqual(on(to, transit({ dst })))
    }
    const without = gateway({ routes: [via('::', 0, 2, '2001:db8:2::2')] })
    expect(out(without, transit({ dst: 'ff0e::5' }), { link: 'multicast' })).toEqual([])
  })

  test('ICMPv6 in transit is a packet like others: not touched, not answered, not counted against the limit (RFC 4443 §2.4(f)) [v6-gw-icmp-transit]', () => {
    const g = gateway({ errorLimit: { rate: 1, burst: 1 } })
    const o = { src: A, dst: B }
    for (let i = 0; i < 20; i++) {
      for (const message of [
        echo(o, pattern(30)),
        icmp(o, '8100000012340001'),
        icmp(o, '0100000000000000', pattern(48)),
      ]) {
        expect(out(g, packet(o, 58, message))).toEqual(on(2, packet(o, 58, message)))
      }
    }
    expect(out(g, transit({ hop: 1 }))).toEqual(['1: 3/0/0'])
  })

  test('neighbour discovery that is not for this node is forwarded, and so worth nothing: its hop limit is 254 (RFC 4861 §7.1) [v6-gw-hl255]', () => {
    const g = gateway()
    const o = { src: A, dst: B, hop: 255 }
    for (const type of [133, 134, 135, 136, 137]) {
      const p = packet(o, 58, icmp(o, [type, 0, 0, 0], zeros(36)))
      expect(out(g, p)).toEqual(on(2, p))
    }
    // And by such a one nobody is a neighbour: the node itself rejects 254.
    const solicitation = packet(
      { src: A, dst: '2001:db8:1::1', hop: 254 },
      58,
      icmp({ src: A, dst: '2001:db8:1::1' }, '87000000 00000000', octets('20010db8000100000000000000000001')),
    )
    expect(out(g, solicitation)).toEqual([])
    expect(g.node.counters.dropped['hop-limit']).toBe(1)
  })
})

describe('packet too big (RFC 4443 §3.2)', () => {
  test('what the next link does not carry is dropped and told with its MTU, whole, never in fragments (RFC 4443 §3.2, RFC 8200 §4.5) [v6-ptb-generate] [v6-ptb-no-router-frag]', () => {
    const g = gateway()
    for (const octetCount of [1281, 1500, 9000]) {
      expect(out(g, transit({ dst: C }, ...pattern(octetCount - 40)))).toEqual(['1: 2/0/1280'])
    }
    expect(g.node.counters.forwarded).toBe(0)
    const fits = transit({ dst: C }, ...pattern(1240))
    expect(out(g, fits)).toEqual(on(3, fits))
  })

  test('the field is the MTU of the next link, the code 0 (RFC 4443 §3.2) [v6-ptb-mtu] [v6-ptb-code]', () => {
    for (const mtu of [1280, 1400, 9000]) {
      const g = new OneNode({
        role: 'gateway',
        ports: [
          port(1, { medium: 'ip', addresses: ['2001:db8:1::1/64'], mtu: 65535 }),
          port(3, { medium: 'ip', addresses: ['2001:db8:3::1/64'], mtu }),
        ],
      })
      g.run(10_000)
      g.taken()
      expect(out(g, transit({ dst: C }, ...pattern(mtu - 39)))).toEqual([`1: 2/0/${mtu}`])
    }
  })

  test('it is told about a group, and about what the link gave to many (RFC 4443 §3.2, §2.4(e.3) to (e.5)) [v6-ptb-mcast] [v6-ptb-ll-mcast]', () => {
    const g = gateway()
    expect(out(g, transit({ dst: 'ff0e::5' }, ...pattern(1300)), { link: 'multicast' })).toEqual(['1: 2/0/1280'])
    for (const link of ['multicast', 'broadcast'] as const) {
      expect(out(g, transit({ dst: C }, ...pattern(1300)), { link })).toEqual(['1: 2/0/1280'])
    }
    expect(g.node.counters.forwarded).toBe(0)
  })

  test('but to no source that is no single node, and about no error (RFC 4443 §2.4(e.1), (e.6)) [v6-ptb-source-rule]', () => {
    const g = gateway({ anycast: [ip6('2001:db8:1::aaaa')] })
    for (const src of ['::', 'ff02::5', '2001:db8:1::aaaa']) {
      for (const dst of [C, 'ff0e::5']) expect(out(g, transit({ src, dst }, ...pattern(1300)))).toEqual([])
    }
    const o = { src: A, dst: C }
    expect(out(g, packet(o, 58, icmp(o, '0100000000000000', pattern(1300))))).toEqual([])
  })

  test('a segment endpoint that finds the next link too small tells the source (RFC 8200 §4.4) [v6-ptb-after-rh]', () => {
    const g = gateway({ segmentRouting: true })
    // Segments Left 1 of one: the last segment is behind port 3.
    const routed = (octetCount: number) =>
      packet(
        { src: A, dst: '2001:db8:1::1' },
        43,
        [17, 2, 4, 1, 0, 0, 0, 0],
        octets('20010db8000300000000000000000009'),
        pattern(octetCount),
      )
    expect(out(g, routed(1400 - 64))).toEqual(['1: 2/0/1280'])
    g.give(routed(100))
    const [gone] = g.taken()
    expect(gone!.port).toBe(3)
    // Its destination is the segment now, none is left, and one hop is.
    expect(hex(gone!.bytes.slice(24, 48))).toBe('20010db8000300000000000000000009' + '1102040000000000')
    expect(gone!.bytes[7]).toBe(63)
  })
})

describe('headers in transit', () => {
  const hop = (type: string) => packet({ src: A, dst: B }, 0, `1100${type}0400000000`, udp({ src: A, dst: B }, 1, 2))

  test('hop-by-hop options are left alone unless a gateway is told to read them; then they act by their bits (RFC 9673 §5.2, RFC 8200 §4) [v6-pp-opt-router] [v6-gw-hbh]', () => {
    const skips = gateway()
    for (const type of ['07', '47', '87', 'c7']) expect(out(skips, hop(type))).toEqual(on(2, hop(type)))
    const reads = gateway({ transit: { hopByHop: 'process' } })
    expect(out(reads, hop('07'))).toEqual(on(2, hop('07')))
    expect(out(reads, hop('47'))).toEqual([])
    expect(out(reads, hop('87'))).toEqual(['1: 4/2/42'])
    expect(out(reads, hop('c7'))).toEqual(['1: 4/2/42'])
    // Destination options are none of a router's business.
    const d = packet({ src: A, dst: B }, 60, '1100870400000000', udp({ src: A, dst: B }, 1, 2))
    expect(out(reads, d)).toEqual(on(2, d))
  })

  test('first fragments without their headers pass, or are refused by setting with code 3, pointer 0 (RFC 7112 §5) [v6-pp-firstfrag-router]', () => {
    const p = packet({ src: A, dst: B }, 44, fragment(60, 0, 1, 1), '1100010400000000')
    expect(out(gateway(), p)).toEqual(on(2, p))
    const strict = gateway({ transit: { firstFragments: 'refuse' } })
    expect(out(strict, p)).toEqual(['1: 4/3/0'])
    const whole = packet({ src: A, dst: B }, 44, fragment(17, 0, 1, 2), udp({ src: A, dst: B }, 1, 2, pattern(8)))
    expect(out(strict, whole)).toEqual(on(2, whole))
    const later = packet({ src: A, dst: B }, 44, fragment(60, 8, 0, 1), pattern(3))
    expect(out(strict, later)).toEqual(on(2, later))
  })

  test('a gateway that must know the upper layer says code 5 where it does not; the destination itself code 1 (RFC 8883 §2.2) [v6-pp-code5]', () => {
    const g = gateway({ transit: { unknownNextHeader: 'refuse' } })
    expect(out(g, packet({ src: A, dst: B }, 200, zeros(8)))).toEqual(['1: 4/5/6'])
    expect(out(g, packet({ src: A, dst: B }, 60, 'c800010400000000', zeros(8)))).toEqual(['1: 4/5/40'])
    expect(out(g, packet({ src: A, dst: '2001:db8:2::1' }, 200, zeros(8)))).toEqual(['1: 4/1/6'])
    expect(out(g, transit())).toEqual(on(2, transit()))
    const unknown = packet({ src: A, dst: B }, 200, zeros(8))
    expect(out(gateway(), unknown)).toEqual(on(2, unknown))
  })

  test('limits of a gateway are told as those of a host, in the same order (RFC 8883 §2, §4.1)', () => {
    const g = gateway({ transit: { limits: { headers: 2, chainOctets: 24, aggregateOctets: 100 } } })
    const three = packet(
      { src: A, dst: B },
      60,
      '3c00010400000000',
      '3c00010400000000',
      '1100010400000000',
      udp({ src: A, dst: B }, 1, 2),
    )
    expect(out(g, three)).toEqual(['1: 4/8/56'])
    const long = packet(
      { src: A, dst: B },
      60,
      '3c02010400000000',
      zeros(16),
      '1101010400000000',
      zeros(8),
      udp({ src: A, dst: B }, 1, 2),
    )
    expect(out(g, long)).toEqual(['1: 4/7/64'])
  })
})

describe('the firewall preset (RFC 4890)', () => {
  const message = (type: number, code = 0, dst = B) => {
    const o = { src: A, dst }
    return packet(o, 58, icmp(o, [type, code, 0, 0], zeros(44)))
  }
  const passes = (g: OneNode, type: number, code = 0) => {
    g.give(message(type, code))
    return g.taken().some((s) => s.port === 2)
  }

  test('errors that communication depends on and echo always pass; the node’s own neighbour discovery is not filtered (RFC 4890 §4.3.1, §4.4.1) [v6-gw-fw-mustpass]', () => {
    const drop = { normal: 'drop', otherErrors: 'drop', otherMessages: 'drop', seamoby: 'drop' } as const
    for (const rules of [icmp6Rules(), icmp6Rules(drop)]) {
      const g = gateway({ transit: { filters: rules } })
      for (let code = 0; code < 256; code++) {
        expect(passes(g, 1, code)).toBe(true)
        expect(passes(g, 2, code)).toBe(true)
      }
      expect([passes(g, 3), passes(g, 4, 1), passes(g, 4, 2), passes(g, 128), passes(g, 129)]).toEqual(
        Array(5).fill(true),
      )
      const counted = { ...g.node.counters.dropped }
      for (const type of [130, 131, 132, 133, 134, 135, 136, 141, 142, 143, 148, 149, 151, 152, 153]) {
        g.give(message(type, 0, '2001:db8:1::1'))
      }
      expect(g.node.counters.dropped.filtered).toBe(counted.filtered)
    }
  })

  test('is one word of the configuration, and comes behind the rules that are given (RFC 4890 §4.3)', () => {
    const g = gateway({
      transit: { firewall: 'rfc4890', filters: [{ action: 'accept', protocol: 58, types: [139, 140] }] },
    })
    expect([passes(g, 138), passes(g, 139), passes(g, 128), passes(g, 200)]).toEqual([false, true, true, false])
    expect(passes(gateway(), 138)).toBe(true)
  })

  test('what normally passes does, and can be dropped by setting (RFC 4890 §4.3.2) [v6-gw-fw-shouldpass]', () => {
    const g = gateway({ transit: { filters: icmp6Rules() } })
    const strict = gateway({ transit: { filters: icmp6Rules({ normal: 'drop', otherErrors: 'drop' }) } })
    for (const [type, code] of [
      [3, 1],
      [4, 0],
      [144, 0],
      [145, 0],
      [146, 0],
      [147, 0],
    ] as const) {
      expect([type, passes(g, type, code), passes(strict, type, code)]).toEqual([type, true, false])
    }
  })

  test('experiments, what belongs to a site, and what belongs to a link do not pass (RFC 4890 §4.3.5, §4.3.3) [v6-gw-fw-drop]', () => {
    const g = gateway({ transit: { filters: icmp6Rules() } })
    const dropped = [100, 101, 127, 200, 201, 255, 138, 139, 140, 133, 134, 135, 136, 137, 130, 131, 132, 143, 0]
    expect(dropped.filter((type) => passes(g, type))).toEqual([])
  })

  test('each type without a name there follows the setting for it (RFC 4890 §4.3.4) [v6-gw-fw-policy]', () => {
    const range = (a: number, b: number) => Array.from({ length: b - a + 1 }, (_, i) => a + i)
    const errors = [...range(5, 99), ...range(102, 126)]
    const messages = [...range(154, 199), ...range(202, 254)]
    for (const action of ['accept', 'drop'] as const) {
      const g = gateway({
        transit: { filters: icmp6Rules({ otherErrors: action, otherMessages: action, seamoby: action }) },
      })
      for (const type of [...errors, ...messages, 150])
        expect([type, passes(g, type)]).toEqual([type, action === 'accept'])
    }
    // By default unknown errors pass, unknown messages and Seamoby don't; what is no ICMPv6 is none of its business.
    const g = gateway({ transit: { filters: icmp6Rules() } })
    expect([passes(g, 5), passes(g, 180), passes(g, 150)]).toEqual([true, false, false])
    expect(out(g, transit())).toEqual(on(2, transit()))
  })
})
