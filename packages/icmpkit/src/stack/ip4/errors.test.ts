import { describe, expect, test } from 'vitest'
import {
  datagram,
  echo,
  type Fields,
  fragment,
  icmp,
  pattern,
  quad,
  read,
  udp,
} from '../../../../../test/stack/packet4.ts'
import { DEFAULT_ROUTE, node, one, PORTS, ROLES } from '../../../../../test/stack/two-ports4.ts'
import type { Arrival } from '../../door.ts'
import { hex } from '../../wire/octets.ts'
import type { Ip4Settings } from './settings.ts'

const NO_LIMIT = { errorLimit: { rate: Number.POSITIVE_INFINITY, burst: 1 } }

describe.each(ROLES)('a %s', (role) => {
  test('answers UDP to a port where nobody listens with code 3, the quote as it came (RFC 1122 §3.2.2.1) [v4-du-port-3]', () => {
    // Question, and all of the answer behind its IP header, as scapy makes them.
    const [answer] = node(role).give('45100024000100004011f6b4c0000202c0000201303900350010909b7175657374696f6e')
    expect(hex(answer!, 20)).toBe(
      '030381220000000045100024000100004011f6b4c0000202c0000201303900350010909b7175657374696f6e',
    )
    const { src, dst, protocol, length } = read(answer!)
    expect([src, dst, protocol, length]).toEqual(['192.0.2.1', '192.0.2.2', 1, 64])
  })

  test('answers a protocol that it does not speak with code 2 (RFC 1122 §3.2.2.1) [v4-du-proto-2]', () => {
    // As scapy makes them.
    const [answer] = node(role).give('450000180001000040fdf5e4c0000202c000020131323334')
    expect(hex(answer!, 20)).toBe('0302989700000000450000180001000040fdf5e4c0000202c000020131323334')
  })

  test('says nothing to TCP, whose own way it is to reset (RFC 1122 §3.2.2.1, §4.1.3.1) [v4-du-port-3]', () => {
    const n = node(role)
    const syn = datagram({ protocol: 6 }, `3039005000000001000000005002ffff00000000`)
    expect(n.give(syn).filter((b) => b[9] === 1)).toEqual([])
  })

  test('sends its error to the source of what it is about (RFC 792) [v4-err-dest-is-source]', () => {
    for (const src of ['192.0.2.2', '192.0.2.77', '203.0.113.5'])
      expect(one(node(role).give(udp({ src }))).dst).toBe(src)
  })

  test('quotes as much as fits in 576 octets, and no more (RFC 1812 §4.3.2.3) [v4-quote-576] [v4-quote-max] [v4-quote-min]', () => {
    const n = node(role)
    for (const octets of [0, 1, 64, 519, 520, 521, 600, 1472]) {
      const original = udp({}, octets)
      const { length, rest } = one(n.give(original))
      const quoted = Math.min(original.length, 548)
      expect(length).toBe(28 + quoted)
      expect(hex(rest)).toBe(hex(original, 0, quoted))
    }
  })

  test('quotes a header with 40 octets of options whole, and what is behind it (RFC 1122 §3.2.2) [v4-quote-min]', () => {
    const original = udp({ options: '01'.repeat(40) }, 4)
    expect(hex(one(node(role).give(original)).rest)).toBe(hex(original))
  })

  test('quotes an original of few octets without padding (RFC 792) [v4-quote-short-original]', () => {
    for (const octets of [0, 1, 3, 4, 7]) {
      const original = datagram({ protocol: 253 }, pattern(octets))
      const { length, rest } = one(node(role).give(original))
      expect(length).toBe(28 + 20 + octets)
      expect(hex(rest)).toBe(hex(original))
    }
  })

  test('quotes nothing of what the link added (RFC 791 §3.1) [v4-quote-no-link-padding]', () => {
    const padded = new Uint8Array(46).fill(0xee)
    padded.set(udp({}))
    expect(hex(one(node(role).give(padded)).rest)).toBe(hex(udp({})))
  })

  test('quotes the length, identification, offset and checksum fields as they came, however long the quote is (RFC 791 §3.1) [v4-quote-total-length] [v4-quote-host-byte-order]', () => {
    const original = udp({ id: 0x1234, df: true }, 1472)
    const { rest } = one(node(role).give(original))
    expect(hex(rest, 2, 4)).toBe('05dc')
    expect(hex(rest, 0, 20)).toBe(hex(original, 0, 20))
  })

  test('keeps inner headers whole where they fit (RFC 1812 §4.3.2.3) [v4-quote-tunnel]', () => {
    const inner = udp({ src: '10.0.0.1', dst: '10.0.0.2' }, 64, 'abcd1234')
    const { code, rest } = one(node(role).give(datagram({ protocol: 4 }, inner)))
    expect(code).toBe(2)
    expect(hex(rest, 20, 20 + inner.length)).toBe(hex(inner))
  })

  test('answers one bad datagram with one error, that of the first check which fails (RFC 1812 §4.3.3) [v4-err-one-per-datagram]', () => {
    // Bad option, protocol nobody speaks, TTL 1: the option comes first.
    const types = node(role)
      .give(datagram({ protocol: 253, ttl: 1, options: '07010000' }))
      .map((b) => read(b).type)
    expect(types).toEqual([12])
    // Gateways: no route, TTL 1, too big for the next link: only the first. Hosts: none of their business.
    const n = node(role, { routes: [] })
    const transit = udp({ dst: '203.0.113.1', ttl: 1, df: true }, 1400)
    expect(n.give(transit).map((b) => [read(b).type, read(b).code])).toEqual(role === 'host' ? [] : [[3, 0]])
  })

  test('says nothing about a time exceeded, an unreachable, or any other error, though all is wrong with it (RFC 1122 §3.2.2) [v4-err-not-about-error]', () => {
    for (const type of [3, 4, 5, 11, 12, 31, 40]) {
      const quote = udp({ src: '192.0.2.1', dst: '192.0.2.2' })
      const n = node(role)
      expect(n.give(datagram({ protocol: 1, options: '07010000' }, icmp(type, 0, '00000000', quote)))).toEqual([])
      expect(n.node.counters.suppressed['about-an-error']).toBe(1)
    }
    // A question is no error.
    expect(one(node(role).give(echo({ options: '07010000' }))).type).toBe(12)
  })

  test('says nothing about a message of a type that nobody has assigned, nor about one without a type (RFC 1122 §3.2.2) [v4-err-unknown-icmp-type]', () => {
    const n = node(role)
    expect(n.give(datagram({ protocol: 1, options: '07010000' }, icmp(200, 0, '00000000')))).toEqual([])
    expect(n.give(datagram({ protocol: 1, options: '07010000' }))).toEqual([])
    expect(n.node.counters.suppressed['about-an-error']).toBe(2)
  })

  test('may answer a question with an error: echo, router advertisement, timestamp, extended echo (RFC 1122 §3.2.2) [v4-err-about-query]', () => {
    for (const type of [0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43]) {
      const n = node(role)
      expect(
        one(n.give(datagram({ protocol: 1, options: '07010000' }, icmp(type, 0, '00000000', pattern(12))))).type,
      ).toBe(12)
    }
  })

  test('says nothing about a broadcast or a multicast (RFC 1122 §3.2.2) [v4-err-not-ip-bcast]', () => {
    for (const dst of ['255.255.255.255', '192.0.2.255', '224.0.0.1']) {
      const n = node(role)
      expect(n.give(udp({ dst }))).toEqual([])
      expect(n.give(datagram({ dst, protocol: 253 }))).toEqual([])
      expect(n.give(datagram({ dst, options: '07010000' }))).toEqual([])
      const { multicast = 0, broadcast = 0 } = n.node.counters.suppressed
      expect(multicast + broadcast).toBe(3)
    }
  })

  test('says nothing about what the link brought as a broadcast or a multicast, whatever address is in it (RFC 1122 §3.2.2) [v4-err-not-link-bcast]', () => {
    const n = node(role)
    expect(n.give(udp({}), { link: 'broadcast' })).toEqual([])
    expect(n.give(udp({}), { link: 'multicast' })).toEqual([])
    expect(n.give(datagram({ options: '07010000' }), { link: 'multicast' })).toEqual([])
    expect(n.node.counters.suppressed['link-broadcast']).toBe(2)
    expect(n.give(udp({}), { link: 'host' })).toHaveLength(1)
  })

  test('says nothing about a fragment other than the first (RFC 1122 §3.2.2) [v4-err-not-later-fragment] [v4-quote-fragment-zero]', () => {
    const n = node(role)
    const bad = datagram({ options: '07010000', offset: 1480, mf: true }, pattern(8))
    expect(n.give(bad)).toEqual([])
    expect(n.node.counters.suppressed['later-fragment']).toBe(1)
    const first = datagram({ options: '07010000', mf: true }, pattern(8))
    expect(hex(one(n.give(first)).rest)).toBe(hex(first))
  })

  test('says nothing to a source that is not one host (RFC 1122 §3.2.2) [v4-err-not-bad-source]', () => {
    const sources = ['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.5', '240.0.0.1', '255.255.255.255', '192.0.2.255']
    for (const src of [...sources, '192.0.2.0', '198.51.100.255']) {
      const n = node(role)
      expect(n.give(udp({ src })), src).toEqual([])
      expect(n.give(datagram({ src, options: '07010000' })), src).toEqual([])
    }
  })

  test('says nothing about a header that is not one (RFC 1812 §5.2.2) [v4-err-not-invalid-header]', () => {
    const n = node(role)
    for (const dst of ['192.0.2.1', '203.0.113.1']) {
      expect(n.give(udp({ dst, spoil: 1 }))).toEqual([])
      expect(n.give(udp({ dst, version: 6 }))).toEqual([])
      expect(n.give(udp({ dst, version: 5 }))).toEqual([])
      expect(n.give(udp({ dst, ihl: 4 }))).toEqual([])
      expect(n.give(udp({ dst, ihl: 3 }))).toEqual([])
      expect(n.give(udp({ dst, length: 19 }))).toEqual([])
      expect(n.give(udp({ dst }).subarray(0, 19))).toEqual([])
    }
    expect(n.node.counters.errorsSent).toEqual({})
  })

  test('says nothing where the text calls for a silent discard, and counts each (RFC 1812 §4.3.2.7, RFC 1122 §3.1) [v4-err-not-silent-discard] [v4-err-log-silent]', () => {
    const silent: [string, Uint8Array, Partial<Arrival>][] = [
      ['bad-checksum', udp({ spoil: 2 }), {}],
      ['bad-checksum', datagram({ protocol: 1 }, icmp(8, 0, '00000000', '', 1)), {}],
      ['martian-source', udp({ src: '127.0.0.1' }), {}],
      ['martian-source', udp({ src: '224.0.0.9' }), {}],
      ['martian-destination', udp({ dst: '127.0.0.1' }), {}],
      ['martian-destination', udp({ dst: '0.0.0.0' }), {}],
      ['link-broadcast', udp({}), { link: 'broadcast' }],
      ['unknown-type', datagram({ protocol: 1 }, icmp(200, 0, '00000000')), {}],
      ['source-quench', datagram({ protocol: 1 }, icmp(4, 0, '00000000', udp({ src: '192.0.2.1' }))), {}],
      ['other-host', udp({}), { link: 'other' }],
    ]
    for (const [why, bytes, how] of silent) {
      const n = node(role)
      expect(n.give(bytes, how), why).toEqual([])
      expect(n.node.counters.dropped, why).toEqual({ [why]: 1 })
    }
  })

  test('drops a message of a type that it does not know without a word, having shown it to raw listeners (RFC 1122 §3.2.2, RFC 1812 §4.3.2.1) [v4-err-unknown-type-host] [v4-err-unknown-type-router]', () => {
    const n = node(role)
    const seen: number[] = []
    expect(n.give(datagram({ protocol: 1 }, icmp(200, 0, '00000000')))).toEqual([])
    n.node.transport.raw.add({ message: (_, d) => void seen.push(d.bytes[d.at]!), owns: () => false })
    expect(n.give(datagram({ protocol: 1 }, icmp(200, 0, '00000000')))).toEqual([])
    expect(seen).toEqual([200])
    expect(n.node.counters.dropped['unknown-type']).toBe(2)
  })

  test.each([
    ['a length octet below 2', '07010000', 21],
    ['a length octet beyond the header', '07080400', 21],
    ['a length octet that is missing', '01010107', 24],
    ['an unknown option of length 0', 'de000000', 21],
    ['an option at 24 that overruns', '01010101de090000', 25],
    ['a record route whose pointer is in its own header', '0707030000000000', 22],
    ['a timestamp with a flag that nobody has defined', '4408050200000000', 23],
    ['two source routes', '830708cb00710101830708cb00710200', 28],
  ])(
    'answers a datagram for itself with %s by a parameter problem that points there (RFC 1122 §3.2.2.5) [v4-pp-host-generate] [v4-pp-pointer-meaning]',
    (_, options, pointer) => {
      const original = udp({ options })
      const { type, code, word, rest } = one(node(role, { sourceRoutes: 'reject' }).give(original))
      expect([type, code, word[0]]).toEqual([12, 0, pointer])
      expect(hex(word, 1)).toBe('000000')
      expect(hex(rest)).toBe(hex(original))
    },
  )

  test('says nothing of options that did not make it drop the datagram (RFC 792) [v4-pp-only-if-dropped]', () => {
    for (const options of [
      'de040000',
      '94040000',
      '0707080000000000',
      '440c0d01c00002020000000001000000',
      '00aabbcc',
    ]) {
      expect(one(node(role).give(echo({ options }))).type).toBe(0)
    }
  })

  test('that demands an option answers a datagram without it by code 1, the option in the pointer (RFC 1108 §2.8.1) [v4-pp-code1-missing]', () => {
    const n = node(role, { requiredOption: 130 })
    const { type, code, word } = one(n.give(udp({})))
    expect([type, code, word[0]]).toEqual([12, 1, 130])
    expect(one(n.give(echo({ options: `820b${'00'.repeat(10)}` }))).type).toBe(0)
  })

  test('bears the TOS of an error as it should: precedence 6, TOS bits of the original on a gateway, none on a host (RFC 1812 §4.3.2.5, RFC 1122 §3.2.2) [v4-err-tos-router] [v4-err-tos-host] [v4-err-precedence-6-7]', () => {
    for (const [tos, gateway] of [
      [0, 0xc0],
      [0x10, 0xd0],
      [0xa8, 0xc8],
    ]) {
      expect(one(node(role).give(udp({ tos: tos! }))).tos).toBe(role === 'host' ? 0xc0 : gateway)
    }
    expect(one(node(role, { errorPrecedence: 7 }).give(udp({}))).tos).toBe(0xe0)
    expect(one(node(role, { errorPrecedence: 0 }).give(udp({}))).tos).toBe(0)
  })

  test('quotes a fragmented datagram by what its first fragment said, put together (RFC 792) [v4-quote-fragment-zero]', () => {
    const whole = udp({ id: 3 }, 592)
    const n = node(role)
    expect(n.give(fragment(whole, 0, 296))).toEqual([])
    expect(hex(one(n.give(fragment(whole, 296, 600))).rest)).toBe(hex(whole, 0, 548))
  })

  test('counts each error by kind and code, and why others were not sent (RFC 1812 §4.1)', () => {
    const n = node(role)
    n.give(udp({}))
    n.give(udp({ dst: '192.0.2.255' }))
    expect(n.node.counters.errorsSent).toEqual({ 'v4 unreachable 3': 1 })
    expect(n.node.counters.suppressed).toEqual({ broadcast: 1 })
  })
})

test('a host returns the fitting error for each fault that it finds, or names the rule that forbids it (RFC 1122 §3.3.8) [v4-du-return-errors]', () => {
  const route = `830704${quad('203.0.113.1')}00`
  const faults: [string, Uint8Array, Partial<Ip4Settings>, string][] = [
    ['port', udp({}), {}, '3/3'],
    ['protocol', datagram({ protocol: 253 }), {}, '3/2'],
    ['source route', udp({ options: route }), {}, '3/5'],
    ['option', udp({ options: '07010000' }), {}, '12/0'],
    ['missing option', udp({}), { requiredOption: 130 }, '12/1'],
    ['missing fragments', datagram({ protocol: 1, mf: true }, icmp(8, 0, '00010001', pattern(8))), {}, '11/1'],
    ['port of a broadcast', udp({ dst: '192.0.2.255' }), {}, 'broadcast'],
    ['port of a group', udp({ dst: '224.0.0.1' }), {}, 'multicast'],
    [
      'option of an error',
      datagram({ protocol: 1, options: '07010000' }, icmp(3, 0, '00000000')),
      {},
      'about-an-error',
    ],
    ['option of a later fragment', datagram({ options: '07010000', offset: 8 }, pattern(8)), {}, 'later-fragment'],
    ['source of class E', udp({ src: '240.0.0.1' }), {}, 'bad-source'],
  ]
  for (const [what, bytes, more, expected] of faults) {
    const n = node('host', more)
    n.give(bytes)
    n.run(61_000)
    const told = n.taken().flatMap(({ bytes: b }) => (b[0] === 0x45 ? [`${read(b).type}/${read(b).code}`] : []))
    expect([...told, ...Object.keys(n.node.counters.suppressed)], what).toEqual([expected])
  }
})

test('no stimulus yields the codes 6, 8, 9, 10 or a parameter problem of code 2 (RFC 1812 §5.2.7.1) [v4-du-net-unknown-6] [v4-du-isolated-8] [v4-pp-code2-length]', () => {
  const seen = new Set<string>()
  for (const role of ROLES) {
    for (const sourceRoutes of ['drop', 'reject', 'forward'] as const) {
      const kinds = ['unreachable', 'prohibit', 'blackhole'] as const
      for (const kind of [...kinds, undefined]) {
        const routes = kind === undefined ? [] : [{ ...DEFAULT_ROUTE, kind, port: -1, nextHop: undefined }]
        const n = node(role, { sourceRoutes, routes, ...NO_LIMIT })
        for (const dst of ['192.0.2.1', '198.51.100.9', '203.0.113.9', '192.0.2.255', '10.0.0.1', '240.0.0.1']) {
          for (const options of [
            '',
            '07010000',
            'de090000',
            `830704${quad('203.0.113.1')}00`,
            `890704${quad('10.0.0.1')}00`,
          ]) {
            for (const ttl of [0, 1, 64]) {
              for (const b of n.give(udp({ dst, options, ttl, df: true }, 1400))) {
                const { type, code, protocol } = read(b)
                if (protocol === 1) seen.add(`${type}/${code}`)
              }
            }
          }
        }
      }
    }
  }
  expect([...seen].sort()).toEqual(['11/0', '12/0', '3/0', '3/1', '3/13', '3/3', '3/5'])
})

describe('the prohibitions win over every rule that asks for an error (RFC 1122 §3.2.2)', () => {
  const FAR = '203.0.113.9'
  const UDP = udp({}, 8).subarray(20)
  const NARROW = PORTS.map((p) => ({ ...p, mtu: p.index === 1 ? 576 : 1500 }))
  const REJECT = { gateway: { filters: [{ action: 'reject' }] } } as const
  /** What asks for an error: who is asked, and by which datagram from 198.51.100.7. */
  const CAUSES: [string, readonly ('host' | 'gateway')[], Parameters<typeof node>[1], Fields, Uint8Array?][] = [
    ['a closed port', ROLES, {}, {}],
    ['an unknown protocol', ROLES, {}, { protocol: 253 }],
    ['a bad option', ROLES, {}, { options: '07010000' }],
    ['a missing option', ROLES, { requiredOption: 130 }, {}],
    ['an expired TTL', ['gateway'], {}, { dst: FAR, ttl: 1 }],
    ['no route', ['gateway'], { routes: [] }, { dst: FAR }],
    ['a rule that rejects', ['gateway'], REJECT, { dst: FAR }],
    ['too many octets', ['gateway'], {}, { dst: FAR, df: true }, pattern(1400)],
  ]
  /** What forbids one. */
  const PROHIBITIONS: [string, Fields, Partial<Arrival>?, Uint8Array?][] = [
    ['an error inside', { protocol: 1 }, {}, icmp(11, 0, '00000000', udp({ src: '198.51.100.1' }, 1372))],
    ['a broadcast', { dst: '198.51.100.255' }],
    ['a multicast', { dst: '224.0.0.1' }],
    ['a link broadcast', {}, { link: 'broadcast' }],
    ['a link multicast', {}, { link: 'multicast' }],
    ['a later fragment', { offset: 8 }],
    ...['0.0.0.0', '127.0.0.1', '224.0.0.5', '240.1.1.1', '255.255.255.255', '198.51.100.255'].map(
      (src): [string, Fields] => [`the source ${src}`, { src }],
    ),
  ]
  const ask = (
    role: 'host' | 'gateway',
    [, , settings, cause, body = UDP]: (typeof CAUSES)[number],
    [, fields = {}, how = {}, inside]: [string, Fields?, Partial<Arrival>?, Uint8Array?],
  ) => {
    const n = node(role, settings, NARROW)
    const f = { src: '198.51.100.7', dst: '198.51.100.1', ...cause, ...fields }
    return n.give(datagram(f, inside ?? body), { port: 2, ...how }).filter((b) => [3, 4, 5, 11, 12].includes(b[20]!))
  }

  test.each(CAUSES)('%s: an error by itself, none with any of them [v4-err-precedence-of-rules]', (...cause) => {
    for (const role of cause[1]) {
      expect(ask(role, cause, ['nothing']), role).toHaveLength(1)
      for (const prohibition of PROHIBITIONS) expect(ask(role, cause, prohibition), prohibition[0]).toEqual([])
    }
  })
})
