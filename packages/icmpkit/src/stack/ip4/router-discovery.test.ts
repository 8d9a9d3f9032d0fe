import { expect, test } from 'vitest'
import { G1, G2, G3, Lan } from '../../../../../test/stack/lan-bench.ts'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { datagram, icmp, quad, read } from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'
import type { Ip4Settings } from './settings.ts'

const X = '203.0.113.7'
const perform: Partial<Ip4Settings> = { routes: [], routerDiscovery: { perform: true } }

const word = (n: number) => (n >>> 0).toString(16).padStart(8, '0')
interface Said {
  lifetime?: number
  code?: number
  count?: number
  size?: number
  src?: string
  dst?: string
  spoil?: number
}
/** An advertisement of `[address, preference]`; `extra` hex behind each entry. */
const advertisement = (entries: [string, number][], s: Said = {}, extra = '', tail = '') => {
  const { lifetime = 1800, code = 0, count = entries.length, size = 2 + extra.length / 8, spoil = 0 } = s
  const head = `${hex(Uint8Array.of(count, size))}${word(lifetime).slice(4)}`
  const list = entries.map(([address, preference]) => quad(address) + word(preference) + extra).join('') + tail
  return datagram(
    { src: s.src ?? '192.0.2.254', dst: s.dst ?? '224.0.0.1', protocol: 1, ttl: 1 },
    icmp(9, code, head, list, spoil),
  )
}
const lan = () => new Lan({ ip4: perform })
/** Sends to X by way of whom; undefined where there is no route. */
const via = (l: Lan) => l.via(X) || undefined
const give = (l: Lan, d: Uint8Array) => l.give(d, G1, { link: 'multicast' })

test('the router with the highest preference becomes the default router, and the next when it goes (RFC 1256 §5.3) [v4-rd-host-list] [v4-rd-host-pref]', () => {
  const l = lan()
  expect(via(l)).toBeUndefined()
  // As scapy makes it: 192.0.2.254 with preference 5, 192.0.2.253 with -5, 1800 seconds.
  expect(
    hex(
      advertisement([
        ['192.0.2.254', 5],
        ['192.0.2.253', -5],
      ]),
    ),
  ).toBe('4500002c00010000010116d1c00002fee0000001090067f802020708c00002fe00000005c00002fdfffffffb')
  give(
    l,
    advertisement([
      ['192.0.2.254', 5],
      ['192.0.2.253', -5],
    ]),
  )
  expect(via(l)).toBe(G1)
  give(l, advertisement([['192.0.2.253', 6]]))
  expect(via(l)).toBe(G2)
  expect(l.n.events).toContainEqual({
    kind: 'router',
    at: 0,
    port: 1,
    address: ip4('192.0.2.254'),
    state: 'found',
    lifetimeSeconds: 1800,
  })
})

test('a router is discarded when its lifetime is over, refreshed by the next advertisement, and at once by a lifetime of 0 (RFC 1256 §5.3) [v4-rd-host-list]', () => {
  const l = lan()
  give(l, advertisement([['192.0.2.254', 0]], { lifetime: 100 }))
  l.n.run(99_999)
  l.arp(G1)
  expect(via(l)).toBe(G1)
  l.n.run(1)
  expect(via(l)).toBeUndefined()
  give(l, advertisement([['192.0.2.254', 0]], { lifetime: 100 }))
  l.n.run(60_000)
  give(l, advertisement([['192.0.2.254', 0]], { lifetime: 100 }))
  l.n.run(60_000)
  l.arp(G1)
  expect(via(l)).toBe(G1)
  give(l, advertisement([['192.0.2.254', 0]], { lifetime: 0 }))
  expect(via(l)).toBeUndefined()
  expect(l.n.events.filter((e) => e.kind === 'router').map((e) => e.kind === 'router' && e.state)).toEqual([
    'found',
    'gone',
    'found',
    'gone',
  ])
})

test('a default router that was configured keeps its preference of 0 and has no lifetime (RFC 1256 §5.3) [v4-rd-host-list]', () => {
  const l = new Lan({
    ip4: {
      routerDiscovery: { perform: true },
      routes: [{ prefix: ip4('0.0.0.0'), prefixLength: 0, kind: 'unicast', nextHop: ip4('192.0.2.254'), port: 1 }],
    },
  })
  give(
    l,
    advertisement(
      [
        ['192.0.2.254', -7],
        ['192.0.2.253', -1],
      ],
      { lifetime: 10 },
    ),
  )
  expect(via(l)).toBe(G1)
  give(
    l,
    advertisement(
      [
        ['192.0.2.254', 9],
        ['192.0.2.253', 1],
      ],
      { lifetime: 10 },
    ),
  )
  expect(via(l)).toBe(G2)
  give(l, advertisement([['192.0.2.254', 0]], { lifetime: 0 }))
  l.n.run(20_000)
  expect(via(l)).toBe(G1)
})

test('a router of preference 80000000 is never a default router, also when it was one (RFC 1256 §5.3) [v4-rd-host-pref]', () => {
  const l = lan()
  give(l, advertisement([['192.0.2.254', -0x80000000]]))
  expect(via(l)).toBeUndefined()
  give(l, advertisement([['192.0.2.254', -0x7fffffff]]))
  expect(via(l)).toBe(G1)
  give(l, advertisement([['192.0.2.254', -0x80000000]]))
  expect(via(l)).toBeUndefined()
})

test('preferences do not change the way to a destination that was redirected (RFC 1256 §5.3) [v4-rd-host-pref]', () => {
  const l = lan()
  give(l, advertisement([['192.0.2.254', 5]]))
  const quote = hex(l.send(X)[0]!, 14, 42)
  l.give(datagram({ src: '192.0.2.254', protocol: 1 }, icmp(5, 1, quad('192.0.2.252'), quote)))
  give(l, advertisement([['192.0.2.253', 100]]))
  expect(via(l)).toBe(G3)
  expect(l.via('198.51.100.9')).toBe(G2)
})

test('addresses that are on no subnet of the port are ignored (RFC 1256 §5.3) [v4-rd-host-neighbour]', () => {
  const l = lan()
  give(
    l,
    advertisement([
      ['198.51.100.1', 9],
      ['192.0.3.254', 8],
      ['192.0.2.254', -3],
    ]),
  )
  expect([...l.n.node.ip4.routes].filter((r) => r.prefixLength === 0).map((r) => r.nextHop)).toEqual([
    ip4('192.0.2.254'),
  ])
  give(l, advertisement([['192.0.2.1', 100]]))
  expect(via(l)).toBe(G1)
})

test('an advertisement with a bad checksum, a code but 0, no entry, an entry size under 2, or entries that are not here, is dropped (RFC 1256 §5.2) [v4-rd-host-ra-validate] [v4-rd-mobile-code16]', () => {
  const entry: [string, number][] = [['192.0.2.254', 0]]
  for (const [d, why] of [
    [advertisement(entry, { spoil: 1 }), 'bad-checksum'],
    [advertisement(entry, { code: 1 }), 'bad-code'],
    [advertisement(entry, { code: 16 }), 'bad-code'],
    [advertisement([]), 'bad-length'],
    [advertisement(entry, { size: 1 }), 'bad-length'],
    [advertisement(entry, { size: 0 }), 'bad-length'],
    [advertisement(entry, { count: 2 }), 'truncated'],
    [advertisement(entry, { size: 3 }), 'truncated'],
  ] as const) {
    const l = lan()
    expect(give(l, d)).toEqual([])
    expect(via(l)).toBeUndefined()
    const { dropped, malformed } = l.n.node.counters
    expect({ ...dropped, ...malformed }).toMatchObject({ [why]: 1 })
  }
})

test('more words an entry, and octets behind the entries, are passed over (RFC 1256 §5.2) [v4-rd-host-ra-validate]', () => {
  const l = lan()
  // Read with a stride of two words the third entry would begin at a filling word.
  give(
    l,
    advertisement(
      [
        ['192.0.2.254', -1],
        ['192.0.2.253', 2],
      ],
      {},
      'c00002fc',
      'deadbeef00',
    ),
  )
  const routers = [...l.n.node.ip4.routes].filter((r) => r.prefixLength === 0)
  expect(routers.map((r) => [r.nextHop, r.metric])).toEqual([
    [ip4('192.0.2.253'), -2],
    [ip4('192.0.2.254'), 1],
  ])
})

test('a host asks at most three times, within a second and then every three seconds, with TTL 1 (RFC 1256 §5.3, §3) [v4-rd-host-solicit] [v4-rd-ip-ttl]', () => {
  const l = lan()
  const sent = l.n.run(60_000)
  expect(sent).toHaveLength(3)
  expect(sent[0]!.at).toBeGreaterThan(0)
  expect(sent[0]!.at).toBeLessThan(1000)
  for (const i of [1, 2]) expect(sent[i]!.at - sent[i - 1]!.at).toBeCloseTo(3000, 6)
  for (const { bytes } of sent) {
    const { src, dst, ttl, payload } = read(bytes.subarray(14))
    expect({ src, dst, ttl }).toEqual({ src: '192.0.2.1', dst: '224.0.0.2', ttl: 1 })
    expect(hex(bytes, 0, 6)).toBe('01005e000002')
    expect(hex(payload)).toBe('0a00f5ff00000000')
  }
})

test('a host without an address yet asks from 0.0.0.0 (RFC 1256 §5.3) [v4-rd-ip-ttl]', () => {
  const n = new OneNode({
    ports: [port(1, { addresses: ['192.0.2.1/24'] })],
    ip4: { routerDiscovery: { perform: true } },
  })
  const [first] = n.run(1000).filter((s) => hex(s.bytes, 12, 14) === '0800')
  expect(read(first!.bytes.subarray(14))).toMatchObject({ src: '0.0.0.0', dst: '224.0.0.2', ttl: 1 })
})

test('a valid advertisement with a router that may be used ends the asking, another does not (RFC 1256 §5.3) [v4-rd-host-solicit]', () => {
  for (const [d, more] of [
    [advertisement([['192.0.2.254', 0]]), 0],
    [advertisement([['192.0.2.254', -0x80000000]]), 2],
    [advertisement([['198.51.100.1', 0]]), 2],
    [advertisement([['192.0.2.254', 0]], { code: 16 }), 2],
  ] as const) {
    const l = lan()
    expect(l.n.run(1000)).toHaveLength(1)
    give(l, d)
    expect(l.n.run(60_000)).toHaveLength(more)
  }
})

test('a link that comes up again is asked anew, and its routers are gone until then (RFC 1256 §5.3)', () => {
  const l = lan()
  give(l, advertisement([['192.0.2.254', 0]]))
  l.n.node.changePort(l.n.now as Instant, 1, { up: false })
  l.n.node.changePort(l.n.now as Instant, 1, { up: true })
  expect(via(l)).toBeUndefined()
  expect(l.n.run(60_000).filter((s) => hex(s.bytes, 34, 35) === '0a')).toHaveLength(3)
})

test('where router discovery is off nothing is asked and no advertisement taken; off is the default (RFC 1256 §5.3) [v4-rd-host-flag]', () => {
  for (const routerDiscovery of [{}, { perform: false }, { perform: true, ports: [2] }]) {
    const l = new Lan({ ip4: { routes: [], routerDiscovery } })
    expect(l.n.run(60_000)).toEqual([])
    l.arp(G1)
    give(l, advertisement([['192.0.2.254', 5]]))
    expect(via(l)).toBeUndefined()
    expect(l.n.node.counters.dropped.disabled).toBe(1)
  }
  const one = new Lan({ ip4: { routes: [], routerDiscovery: { perform: true, ports: [1] } } })
  give(one, advertisement([['192.0.2.254', 5]]))
  expect(via(one)).toBe(G1)
})

test('a host never advertises, and drops solicitations (RFC 1256 §5.2, §5.3) [v4-rd-host-never-advertises]', () => {
  const l = lan()
  expect(
    l.give(datagram({ dst: '224.0.0.1', protocol: 1, ttl: 1 }, icmp(10, 0, '00000000')), G1, { link: 'multicast' }),
  ).toEqual([])
  expect(l.give(datagram({ protocol: 1, ttl: 1 }, icmp(10, 0, '00000000')))).toEqual([])
  expect(l.n.run(3_600_000).map((s) => hex(s.bytes, 34, 35))).toEqual(['0a', '0a', '0a'])
})

test('of more routers than there is room for those with the higher preference stay (RFC 1256 §5.3)', () => {
  const l = lan()
  for (let i = 2; i < 252; i++) give(l, advertisement([[`192.0.2.${i}`, (i * 37) % 251]], { src: `192.0.2.${i}` }))
  const preferences = [...l.n.node.ip4.routes].filter((r) => r.prefixLength === 0).map((r) => -r.metric)
  expect(preferences).toHaveLength(16)
  expect(Math.min(...preferences)).toBeGreaterThan(230)
})

test('solicitations go to all routers or to everybody, to nobody else (RFC 1256 §5.1)', () => {
  const solicitationAddress = ip4('255.255.255.255')
  const l = new Lan({ ip4: { routerDiscovery: { perform: true, solicitationAddress } } })
  expect(l.n.run(1000).map((s) => hex(s.bytes, 0, 6))).toEqual(['ffffffffffff'])
  const other = { perform: true, solicitationAddress: ip4('224.0.0.1') }
  expect(() => new Lan({ ip4: { routerDiscovery: other } })).toThrow(RangeError)
})
