/** What a gateway forwards and what not; its errors are in forward-error.test.ts, options in transit-options.test.ts. */
import { expect, test } from 'vitest'
import { type Crossing, cross, gateway, routes } from '../../../../../test/stack/gateway-bench.ts'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { packet } from '../../../../../test/stack/transit-packets.ts'
import { hex, unhex } from '../../wire/octets.ts'
import type { NodeConfig } from '../node.ts'

/** What leaves when `name` comes in by port 1: which port, which octets. */
const through = (name: string, config?: Partial<NodeConfig>): Crossing[] => cross(gateway(config), packet(name))

test('a datagram is forwarded by the longest prefix, whatever the order of the routes (RFC 1812 §5.2.4.3)', () => {
  const table = routes(
    ['0.0.0.0/0', 2, '198.51.100.2'],
    ['10.1.0.0/16', 3, '203.0.113.2'],
    ['10.0.0.0/8', 2, '198.51.100.2'],
    ['10.1.2.0/24', 2, '198.51.100.2'],
  )
  for (const list of [table, table.toReversed()]) {
    const n = gateway({ ip4: { routes: list } })
    const by = (name: string): number | undefined => cross(n, packet(name))[0]?.port
    expect([by('to10'), by('to10_1'), by('to10_1_2'), by('nowhere')]).toEqual([2, 3, 2, 2])
  }
})

test('a datagram leaves with its TTL one lower, its checksum right, all else as it came (RFC 1812 §5.3.1) [v4-gw-ttl]', () => {
  expect(through('plain')).toEqual([{ port: 2, hex: packet('plainOut') }])
  for (const name of ['ttl1', 'ttl0']) expect(through(name).filter((c) => c.port === 2)).toEqual([])
})

test('the second datagram of a flow, which takes the short way, leaves as the first did [v4-gw-ttl]', () => {
  const n = gateway()
  for (let i = 0; i < 3; i++) expect(cross(n, packet('plain'))).toEqual([{ port: 2, hex: packet('plainOut') }])
  expect(cross(n, packet('ttl1')).filter((c) => c.port === 2)).toEqual([])
  expect(n.node.counters.forwarded).toBe(3)
})

test('a datagram with a TTL of 2 is forwarded with 1, though the next gateway will drop it (RFC 1812 §5.3.1) [v4-gw-ttl-no-predict]', () => {
  expect(through('ttl2')).toEqual([{ port: 2, hex: packet('ttl2Out') }])
})

test.each([
  ['badChecksum', 'bad-checksum'],
  ['version5', 'bad-version'],
  ['ihl4', 'bad-length'],
  ['ihl3', 'bad-length'],
  ['shortLength', 'bad-length'],
])(
  '%s is dropped without a word and counted (RFC 1812 §5.2.2) [v4-gw-header-checks] [v4-pp-ihl-totlen]',
  (name, why) => {
    const n = gateway()
    expect(cross(n, packet(name))).toEqual([])
    const { dropped, malformed } = n.node.counters
    expect({ ...dropped, ...malformed }).toEqual({ [why]: 1 })
  },
)

test('a datagram of less than 20 octets is dropped without a word and counted (RFC 1812 §5.2.2) [v4-gw-header-checks]', () => {
  const n = gateway()
  for (let octets = 1; octets < 20; octets++) expect(cross(n, packet('plain').slice(0, 2 * octets))).toEqual([])
  expect(n.node.counters.malformed).toEqual({ truncated: 19 })
})

test('no switch lets a damaged header through (RFC 1812 §5.2.2) [v4-gw-checks-not-optional]', () => {
  const permissive = { sourceValidation: 'off', directedBroadcasts: true, filters: [{ action: 'accept' }] } as const
  const n = gateway({ ip4: { sourceRoutes: 'forward', gateway: permissive } })
  for (const name of ['badChecksum', 'version5', 'ihl4', 'shortLength']) expect(cross(n, packet(name))).toEqual([])
  expect(cross(n, packet('plain'))).toHaveLength(1)
})

test('a bad checksum never becomes a good one on the short way either (RFC 1624)', () => {
  const n = gateway()
  cross(n, packet('plain'))
  const damaged = unhex(packet('plain'))
  damaged[1] = 4
  expect(cross(n, hex(damaged))).toEqual([])
  expect(n.node.counters.dropped).toEqual({ 'bad-checksum': 1 })
})

test('a datagram for the gateway is delivered before its TTL is looked at, its header as it came (RFC 1812 §5.2.1) [v4-gw-order]', () => {
  for (const name of ['own', 'ownTtl0']) {
    const [reply, ...more] = cross(gateway(), packet(name))
    expect(more).toEqual([])
    expect(reply!.hex.slice(40)).toBe(packet('ownReply').slice(40))
  }
  const [error] = cross(gateway(), packet('ownClosed'))
  expect(error!.hex.slice(56)).toBe(packet('ownClosed'))
})

test('a datagram that may not be fragmented leaves with DF set, or not at all (RFC 6864 §4.3) [v4-gw-df-honour]', () => {
  expect(through('df')).toEqual([{ port: 2, hex: packet('dfOut') }])
  expect(cross(gateway({ mtu: 1400 }), packet('bigDf')).filter((c) => c.port === 2)).toEqual([])
  const [whole] = cross(gateway({ mtu: 1400 }), packet('fits1400'))
  expect(whole).toMatchObject({ port: 2 })
  expect(whole!.hex.slice(12, 16)).toBe('4000')
})

test('a datagram that is too big is sent on in as few fragments as may be, in order, without a word (RFC 1812 §4.2.2.7) [v4-gw-fragment]', () => {
  expect(through('big')).toEqual([0, 1, 2].map((i) => ({ port: 2, hex: packet(`bigOut${i}`) })))
})

test('a fragment that is cut again keeps MF, its offset, and the options whose copied flag is set (RFC 791 §3.1) [v4-gw-fragment]', () => {
  const n = gateway({ mtu: 600 })
  const out = cross(n, packet('fragmentWithOptions'))
  expect(out.map((c) => c.hex)).toEqual([0, 1, 2].map((i) => packet(`fragmentWithOptionsOut${i}`)))
})

test('fragments in transit are forwarded as they are, not put together (RFC 1812 §5.2.6) [v4-gw-no-reassemble]', () => {
  const n = gateway()
  const out = [0, 1, 2].flatMap((i) => cross(n, packet(`bigIn${i}`)))
  expect(out).toEqual([0, 1, 2].map((i) => ({ port: 2, hex: packet(`bigOut${i}`) })))
})

test('the reserved flag is passed on, into fragments too (RFC 1812 §5.2.5) [v4-gw-reserved-bits]', () => {
  expect(through('reserved')).toEqual([{ port: 2, hex: packet('reservedOut') }])
  const flagged = unhex(packet('big'))
  flagged[6]! |= 0x80
  // 0x8000 more in the sum of the header, one's complement.
  const sum = 0xffff - ((flagged[10]! << 8) | flagged[11]!) + 0x8000
  const fixed = 0xffff - ((sum & 0xffff) + (sum >> 16))
  flagged[10] = fixed >> 8
  flagged[11] = fixed
  const out = cross(gateway(), hex(flagged))
  expect(out.map((c) => c.hex.slice(12, 16))).toEqual(['a000', 'a0b9', '8172'])
})

test('precedence, TOS and ECN bits leave as they came (RFC 1812 §5.3.3.3 (4)) [v4-gw-precedence-unchanged]', () => {
  expect(through('precedence')).toEqual([{ port: 2, hex: packet('precedenceOut') }])
})

test('ICMP for others is forwarded whatever is in it, its checksum wrong or its type a source quench (RFC 1812 §5.2) [v4-gw-transit-icmp]', () => {
  for (const name of ['badIcmp', 'quench']) expect(through(name)).toEqual([{ port: 2, hex: packet(`${name}Out`) }])
})

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
  'a source that is no unicast address of somebody else is dropped without a word: %i (RFC 1812 §5.3.7) [v4-gw-martian-source]',
  (i) => {
    const n = gateway()
    expect(cross(n, packet(`from${i}`))).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'martian-source': 1 })
    expect(n.events.filter((e) => e.kind === 'log')).toHaveLength(1)
  },
)

test.each([0, 1, 2, 3, 4, 5])(
  'a destination on network 0, 127/8 or in class E is not forwarded: %i (RFC 1812 §5.3.7) [v4-gw-martian-dest]',
  (i) => {
    const n = gateway({ ip4: { routes: routes(['0.0.0.0/0', 2, '198.51.100.2']) } })
    expect(cross(n, packet(`to${i}`))).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'martian-destination': 1 })
  },
)

test('of a flood of martians a few are told of, all are counted', () => {
  const n = gateway()
  for (let i = 0; i < 1000; i++) cross(n, packet('from2'))
  expect(n.node.counters.dropped).toEqual({ 'martian-source': 1000 })
  expect(n.events.filter((e) => e.kind === 'log').length).toBeLessThanOrEqual(10)
})

test('a unicast datagram in a broadcast or multicast frame is not forwarded, and nothing is said (RFC 1812 §5.3.4) [v4-gw-link-bcast]', () => {
  for (const link of ['broadcast', 'multicast'] as const) {
    const n = gateway()
    // The short way knows the flow, and must not take it either.
    cross(n, packet('plain'))
    expect(cross(n, packet('plain'), { link })).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'link-broadcast': 1 })
  }
})

test('a broadcast directed to a connected network is dropped without a word (RFC 2644 §3) [v4-gw-directed-bcast]', () => {
  for (const name of ['toBroadcast', 'toNetwork']) {
    const n = gateway()
    expect(cross(n, packet(name))).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'directed-broadcast': 1 })
  }
})

test('where the switch is on, a directed broadcast is sent on as a broadcast of the link (RFC 1812 §5.3.5.2) [v4-gw-directed-bcast]', () => {
  const n = gateway({ medium: 'ethernet', ip4: { gateway: { directedBroadcasts: true } } })
  const frame = `020000000001020000000099${'0800'}${packet('toBroadcast')}`
  expect(cross(n, frame)).toEqual([{ port: 2, hex: `ffffffffffff0200000000020800${packet('toBroadcastOut')}` }])
})

test('no source route turns a datagram into a broadcast, whatever the switches (RFC 1122 §3.3.5)', () => {
  const n = gateway({ ip4: { sourceRoutes: 'forward', gateway: { directedBroadcasts: true } } })
  expect(cross(n, packet('lsrrBroadcast'))).toEqual([])
  expect(n.node.counters.dropped).toEqual({ 'directed-broadcast': 1 })
})

test('the limited broadcast and multicast groups are never forwarded (RFC 1812 §5.3.5.1) [v4-gw-limited-bcast]', () => {
  const n = gateway({
    ip4: { routes: routes(['0.0.0.0/0', 2, '198.51.100.2']), gateway: { directedBroadcasts: true } },
  })
  for (const name of ['toAll', 'multicast']) expect(cross(n, packet(name))).toEqual([])
  expect(n.node.counters.forwarded).toBe(0)
})

test('a source that came in by the wrong port is forwarded, unless the reverse path is checked: then dropped without a word (RFC 1812 §5.3.8) [v4-gw-source-validation]', () => {
  expect(through('fromElsewhere')).toHaveLength(1)
  for (const [sourceValidation, passed] of [
    ['strict', 0],
    ['loose', 1],
  ] as const) {
    const n = gateway({ ip4: { gateway: { sourceValidation } } })
    expect(cross(n, packet('fromElsewhere'))).toHaveLength(passed)
    expect(cross(n, packet('fromNowhere'))).toEqual([])
    expect(cross(n, packet('plain'))).toHaveLength(1)
    expect(n.node.counters.dropped['reverse-path']).toBe(2 - passed)
  }
})

test('a port that does not forward takes nothing for others and sends nothing of others, and nothing is said (RFC 1812 §5.3.11) [v4-gw-if-no-forward]', () => {
  for (const index of [1, 2]) {
    const n = gateway({ ip4: { gateway: { noForwarding: [index] } } })
    expect(cross(n, packet('plain'))).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'not-forwarding': 1 })
    expect(cross(n, packet('own'))).toHaveLength(1)
  }
})

test('a gateway that has stopped forwarding says nothing, and sends no redirect (RFC 1812 §5.3.12.1) [v4-du-not-forwarding]', () => {
  const n = gateway({ ip4: { routes: routes(['10.3.0.0/16', 1, '192.0.2.77']), gateway: { forwarding: false } } })
  for (const name of ['plain', 'back', 'nowhere']) expect(cross(n, packet(name))).toEqual([])
  expect(n.node.counters.dropped).toEqual({ 'not-forwarding': 3 })
})

test('a host drops datagrams for others without a word (RFC 1122 §3.2.1.3) [v4-gw-host-no-forward]', () => {
  const n = gateway({ role: 'host', ip4: { routes: routes(['10.3.0.0/16', 1, '192.0.2.77']) } })
  for (const name of ['plain', 'ttl1', 'nowhere', 'back', 'bigDf']) expect(cross(n, packet(name))).toEqual([])
  expect(n.node.counters.dropped).toEqual({ 'not-mine': 5 })
})

test('a new route, a new address and a port that goes down or comes back change the way of a known flow at once', () => {
  const n = gateway()
  const by = (): number | undefined => cross(n, packet('plain'))[0]?.port
  expect([by(), by()]).toEqual([2, 2])
  const more = { prefix: ip4('198.51.100.9'), prefixLength: 32, kind: 'unicast', port: 3 } as const
  n.node.ip4.routes.add({ ...more, nextHop: ip4('203.0.113.2'), origin: 'static', metric: 0 })
  expect([by(), by()]).toEqual([3, 3])
  n.node.changePort(n.now as never, 3, { up: false })
  expect([by(), by()]).toEqual([2, 2])
  n.node.changePort(n.now as never, 3, { up: true })
  expect(by()).toBe(3)
  n.node.ip4.addAddress(n.now as never, n.node.ports.get(3)!, ip4('198.51.100.9'), 32)
  n.run(0)
  // Now it is for this node, which has no socket for it.
  expect(cross(n, packet('plain'))[0]!.hex.slice(40, 44)).toBe('0303')
})

test('other filters and switches count from the moment that they are given, for known flows too', () => {
  const n = gateway()
  cross(n, packet('plain'))
  Object.assign(n.node.ip4.settings, { gateway: { filters: [{ action: 'drop' }] } })
  n.node.ip4.forward.forget()
  expect(cross(n, packet('plain'))).toEqual([])
  Object.assign(n.node.ip4.settings, { gateway: { forwarding: false } })
  n.node.ip4.forward.forget()
  expect(cross(n, packet('plain'))).toEqual([])
  expect(n.node.counters.dropped).toEqual({ filtered: 1, 'not-forwarding': 1 })
})

test('twenty thousand flows leave the table of decisions at its size: it is bounded', () => {
  const n = gateway()
  const octets = unhex(packet('plain'))
  for (let i = 0; i < 20_000; i++) {
    // The two halves of the source keep their sum, so that the checksum holds as it is.
    const p = octets.slice()
    const view = new DataView(p.buffer)
    view.setUint16(12, 0x0b00 + i)
    view.setUint16(14, 0xc202 - 0x0b00 - i)
    n.give(p)
  }
  expect(n.node.ip4.forward.flows).toBeGreaterThan(1000)
  expect(n.node.ip4.forward.flows).toBeLessThanOrEqual(4096)
})

test('the harness shows what it is meant to: another destination leaves elsewhere', () => {
  const n = new OneNode({ role: 'gateway', ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] })] })
  expect(n.give(packet('plain')).map((b) => hex(b).slice(40, 44))).toEqual(['0300'])
})
