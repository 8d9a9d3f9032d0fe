import { expect, test } from 'vitest'
import { ip4, port } from '../../../../../test/stack/one-node.ts'
import { datagram, echo, icmp, pattern, quad, udp } from '../../../../../test/stack/packet4.ts'
import { DEFAULT_ROUTE, node, one } from '../../../../../test/stack/two-ports4.ts'
import { hex } from '../../wire/octets.ts'

test('a host answers with the address that was asked, a gateway with one of the port that the error leaves by (RFC 1812 §4.3.2.4) [v4-err-source-router]', () => {
  // From behind port 1 to the address of port 2.
  const across = udp({ src: '203.0.113.7', dst: '198.51.100.1' })
  expect(one(node('host').give(across, { port: 2 })).src).toBe('198.51.100.1')
  const gateway = node('gateway')
  expect(one(gateway.give(across, { port: 2 })).src).toBe('192.0.2.1')
  expect(
    gateway
      .taken()
      .filter((s) => s.bytes[0] === 0x45)
      .map((s) => s.port),
  ).toEqual([1])
  // In transit, in by port 2, back out by port 1.
  const expired = udp({ src: '203.0.113.7', dst: '203.0.113.9', ttl: 1 })
  expect(one(gateway.give(expired, { port: 2 })).src).toBe('192.0.2.1')
  expect(one(node('gateway', { errorSource: 'incoming' }).give(expired, { port: 2 })).src).toBe('198.51.100.1')
})

test('a gateway whose port has no address answers with its router-id (RFC 1812 §2.2.7, §4.3.2.4) [v4-err-source-router]', () => {
  const ports = [port(1, { medium: 'ip' }), port(2, { medium: 'ip', addresses: ['198.51.100.1/24'] })]
  const routes = [{ ...DEFAULT_ROUTE, nextHop: undefined }]
  const expired = udp({ src: '203.0.113.7', dst: '198.51.100.9', ttl: 1 })
  expect(one(node('gateway', { routes, routerId: ip4('198.51.100.1') }, ports).give(expired)).src).toBe('198.51.100.1')
})

test('an error goes back along the source route that brought its cause, reversed (RFC 1812 §4.3.2.6) [v4-err-source-route]', () => {
  const passed = udp({
    src: '203.0.113.7',
    dst: '198.51.100.9',
    ttl: 1,
    options: `830b08${quad('203.0.113.1')}${quad('198.51.100.33')}00`,
  })
  const followed = one(node('gateway', { sourceRoutes: 'forward' }).give(passed))
  expect([followed.type, followed.dst]).toEqual([11, '203.0.113.1'])
  expect(hex(followed.options)).toBe(`830704${quad('203.0.113.7')}00`)
  expect(followed.length).toBeLessThanOrEqual(576)
})

test('but not where the error is a parameter problem about that source route (RFC 1812 §4.3.2.6) [v4-err-source-route]', () => {
  const two = `830708${quad('203.0.113.1')}01830708${quad('203.0.113.2')}00`
  const about = one(node('host').give(udp({ src: '203.0.113.7', options: two })))
  expect([about.type, about.word[0], about.dst, about.options.length]).toEqual([12, 28, '203.0.113.7', 0])
  // About another option it does.
  const other = one(node('host').give(udp({ src: '203.0.113.7', options: `830708${quad('203.0.113.1')}0107030300` })))
  expect([other.type, other.word[0], other.dst]).toEqual([12, 30, '203.0.113.1'])
})

test('with 40 octets of its own options an error is still no longer than 576 octets (RFC 1812 §4.3.2.3) [v4-quote-max]', () => {
  const route = `8327${'28'}${quad('203.0.113.1').repeat(9)}00`
  const { length, options } = one(node('host').give(udp({ src: '203.0.113.7', options: route }, 1000)))
  expect(options.length).toBe(40)
  expect(length).toBe(576)
})

test('a host answers an unfinished source route by code 5, unless an error travels along it (RFC 1122 §3.3.5) [v4-du-sr-failed-host]', () => {
  const options = `830704${quad('203.0.113.1')}00`
  const { type, code } = one(node('host').give(udp({ options })))
  expect([type, code]).toEqual([3, 5])
  const n = node('host')
  expect(n.give(datagram({ protocol: 1, options }, icmp(11, 0, '00000000', udp({}))))).toEqual([])
  expect(n.give(udp({ options, dst: '192.0.2.255' }))).toEqual([])
  expect(n.node.counters.dropped['source-route']).toBe(2)
  const dropped = node('host', { sourceRoutes: 'drop' })
  expect(dropped.give(udp({ options }))).toEqual([])
  expect(dropped.node.counters.dropped['source-route']).toBe(1)
})

test('a host that follows source routes answers by code 4 where DF forbids to cut, and by code 5 where a strict route is not to a neighbour (RFC 1122 §3.3.5) [v4-du-sr-host-codes]', () => {
  const ports = [
    port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] }),
    port(2, { medium: 'ip', mtu: 1000, addresses: ['198.51.100.1/24'] }),
  ]
  const n = node('host', { sourceRoutes: 'forward' }, ports)
  const loose = `830704${quad('198.51.100.7')}00`
  const tooBig = one(n.give(udp({ options: loose, df: true }, 1200)))
  expect([tooBig.type, tooBig.code, hex(tooBig.word)]).toEqual([3, 4, '000003e8'])
  const strict = `890704${quad('203.0.113.1')}00`
  const failed = one(n.give(udp({ options: strict })))
  expect([failed.type, failed.code]).toEqual([3, 5])
  // What it can forward goes on, this node in the place of the address used.
  const onward = one(n.give(udp({ options: loose, src: '192.0.2.2' })))
  expect([onward.dst, hex(onward.options)]).toEqual(['198.51.100.7', `830708${quad('198.51.100.1')}00`])
})

test('a gateway answers a datagram that the link cut short by a parameter problem about its length, a host does not (RFC 1812 §5.2.2) [v4-pp-truncated-link]', () => {
  const short = udp({ length: 200 }, 72)
  expect(short.length).toBe(100)
  const { type, code, word, rest } = one(node('gateway').give(short))
  expect([type, code, word[0]]).toEqual([12, 0, 2])
  expect(hex(rest)).toBe(hex(short))
  expect(one(node('gateway').give(udp({ length: 200, dst: '203.0.113.1' }, 72))).word[0]).toBe(2)
  const host = node('host')
  expect(host.give(short)).toEqual([])
  expect(host.node.counters.malformed.truncated).toBe(1)
  // A door that gave less than the wire had is no fault of the sender's.
  const cut = node('gateway')
  expect(cut.give(short, { length: 200 })).toEqual([])
  expect(cut.node.counters.dropped.cut).toBe(1)
})

test('a gateway answers a strict source route that came to the wrong node by pointer 16 (RFC 1812 §5.2.2) [v4-pp-ssrr-wrong-node]', () => {
  const astray = udp({ dst: '203.0.113.9', options: `890704${quad('203.0.113.1')}00` })
  const { type, code, word } = one(node('gateway', { sourceRoutes: 'forward' }).give(astray))
  expect([type, code, word[0]]).toEqual([12, 0, 16])
})

test('a gateway points to the second of two source routes in transit (RFC 1812 §5.2.4.1) [v4-pp-two-source-routes] [v4-pp-router-generate]', () => {
  const two = `830704${quad('203.0.113.1')}01830704${quad('203.0.113.2')}01`
  const { type, word } = one(
    node('gateway').give(udp({ src: '198.51.100.7', dst: '203.0.113.9', options: two }), { port: 2 }),
  )
  expect([type, word[0]]).toEqual([12, 28])
  const overrun = one(
    node('gateway').give(udp({ src: '198.51.100.7', dst: '203.0.113.9', options: 'de090000' }), { port: 2 }),
  )
  expect([overrun.type, overrun.code, overrun.word[0]]).toEqual([12, 0, 21])
})

test('a parameter problem quotes options and TTL as they came, though a record route was there to be filled in (RFC 1812 §4.3.3.5) [v4-pp-field-unchanged]', () => {
  const original = udp({ src: '198.51.100.7', dst: '203.0.113.9', ttl: 9, options: `0707040000000001de090000` }, 8)
  const { type, rest } = one(node('gateway').give(original, { port: 2 }))
  expect(type).toBe(12)
  expect(hex(rest)).toBe(hex(original))
  // As a helper that found its fault later would have it: the header that was received goes in place of the changed one.
  const n = node('gateway')
  const changed = original.slice()
  changed[8] = 8
  changed[22] = 8
  const d = { bytes: changed, frame: 0, at: 0, end: changed.length, length: changed.length, link: 'host' } as const
  const more = { checksum: 'unknown', stamp: 10_000 as never, clock: 'virtual', port: n.node.ports.get(2)! } as const
  n.node.ip4.errors.report(
    10_000 as never,
    { ...d, ...more },
    { kind: 'parameterProblem', code: 0, pointer: 29 },
    original.subarray(0, 32),
  )
  expect(hex(one(n.collect()).rest)).toBe(hex(original))
})

test('an error quotes the octets received; a gateway may have changed TTL, checksum and options (RFC 1122 §3.2.2, RFC 1812 §4.3.2.3) [v4-quote-unchanged]', () => {
  const own = udp({ tos: 0x08, id: 0xbeef, options: '94040000' }, 100)
  expect(hex(one(node('host').give(own)).rest)).toBe(hex(own))
  const transit = udp({ src: '198.51.100.7', dst: '203.0.113.9', ttl: 1 }, 100)
  const { rest } = one(node('gateway').give(transit, { port: 2 }))
  expect(hex(rest, 20)).toBe(hex(transit, 20))
  expect(hex(rest, 0, 8)).toBe(hex(transit, 0, 8))
})

test('a gateway says nothing in transit about errors, later fragments, types unknown or broadcasts of the link, though their TTL ends (RFC 1812 §4.3.2.7) [v4-err-not-about-error] [v4-err-not-later-fragment] [v4-err-unknown-icmp-type]', () => {
  const f = { src: '198.51.100.7', dst: '203.0.113.9', ttl: 1, protocol: 1 }
  const n = node('gateway')
  const quote = udp({})
  for (const type of [3, 4, 5, 11, 12])
    expect(n.give(datagram(f, icmp(type, 0, '00000000', quote)), { port: 2 })).toEqual([])
  expect(n.give(datagram(f, icmp(200, 0, '00000000')), { port: 2 })).toEqual([])
  expect(n.give(datagram({ ...f, protocol: 17, offset: 1480 }, pattern(8)), { port: 2 })).toEqual([])
  expect(n.give(udp({ ...f, protocol: 17 }), { port: 2, link: 'broadcast' })).toEqual([])
  expect(one(n.give(datagram({ ...f, protocol: 17, mf: true }, pattern(8)), { port: 2 })).type).toBe(11)
  expect(one(n.give(echo(f), { port: 2 })).type).toBe(11)
})

test('the switch against time exceeded silences the one port, and is off to begin with (RFC 1812 §5.2.7.3) [v4-te-ttl-option-default]', () => {
  const byTwo = udp({ src: '198.51.100.7', dst: '203.0.113.9', ttl: 1 })
  const byOne = udp({ src: '192.0.2.7', dst: '198.51.100.9', ttl: 1 })
  const fresh = node('gateway')
  expect(fresh.give(byTwo, { port: 2 })).toHaveLength(1)
  expect(fresh.give(byOne)).toHaveLength(1)
  const n = node('gateway', { noTimeExceeded: [2] })
  expect(n.give(byTwo, { port: 2 })).toEqual([])
  expect(n.node.counters.suppressed['switched-off']).toBe(1)
  expect(one(n.give(byOne)).type).toBe(11)
})
