/** The proxy of extended echo, both families (RFC 8335). The requests come from scapy. */
import { expect, test } from 'vitest'
import { type Crossing, cross } from '../../../../test/stack/gateway-bench.ts'
import { OneNode, port } from '../../../../test/stack/one-node.ts'
import { packet } from '../../../../test/stack/transit-packets.ts'
import { parseIp } from '../wire/addr.ts'
import { unhex } from '../wire/octets.ts'
import type { ExtendedEchoSettings } from './extended-echo-responder.ts'
import type { NodeConfig, PortConfig } from './index.ts'

/** Who asks is on port 1; eth2 is what is asked about. 3 and 2 share a link-local address, 4 and 5 a MAC. */
const PORTS: PortConfig[] = [
  port(1, { medium: 'ip', addresses: ['192.0.2.1/24', '2001:db8:1::1/64'] }),
  port(2, { addresses: ['198.51.100.1/24', '2001:db8:2::1/64', 'fe80::1/64'] }),
  port(3, { addresses: ['203.0.113.1/24', 'fe80::1/64'] }),
  port(4, { mac: Uint8Array.of(2, 0, 0, 0, 0, 7), up: false }),
  port(5, { mac: Uint8Array.of(2, 0, 0, 0, 0, 7), up: false }),
]
const OPEN: Partial<ExtendedEchoSettings> = {
  enabled: true,
  neighbours: 'any',
  byName: 'any',
  byIndex: 'any',
  byAddress: 'any',
}
const FAMILIES = ['four', 'six'] as const

function proxy(extendedEcho: Partial<ExtendedEchoSettings> = OPEN, more: Partial<NodeConfig> = {}): OneNode {
  const n = new OneNode({ role: 'gateway', ports: PORTS, extendedEcho, ...more })
  n.run(20_000)
  return n
}

const echo = ({ hex }: Crossing): string => hex.slice(hex.startsWith('4') ? 40 : 80)

/** The one reply to `name`, as far as its fixed part: code and the octet of state and bits. */
function ask(n: OneNode, name: string): { code: number; octet7: number } | undefined {
  const back = cross(n, packet(name)).filter((c) => c.port === 1)
  if (back.length === 0) return undefined
  expect(back).toHaveLength(1)
  const m = unhex(echo(back[0]!))
  return { code: m[1]!, octet7: m[7]! }
}

const both = (n: OneNode, name: string): ReturnType<typeof ask>[] => FAMILIES.map((f) => ask(n, `${f}.${name}`))
const twice = <T>(x: T): T[] => [x, x]

test('a fresh node answers no extended echo request, host or gateway (RFC 8335 §8) [v4-probe-disabled-default] [v6-probe-default-off]', () => {
  for (const role of ['host', 'gateway'] as const) {
    const n = proxy({}, { role })
    for (const name of ['name', 'index', 'address4', 'neighbour4']) expect(both(n, name)).toEqual(twice(undefined))
    expect(n.node.counters.dropped.disabled).toBe(8)
  }
})

test('enabled and nothing more, it answers nobody; a kind of query that is permitted is answered, and about neighbours only where that is too (RFC 8335 §8) [v4-probe-disabled-default] [v6-probe-acl]', () => {
  const answered = (settings: Partial<ExtendedEchoSettings>): string =>
    ['name', 'index', 'address4', 'unknown4', 'neighbourByName']
      .map((name) => both(proxy({ enabled: true, ...settings }), name))
      .map(([a, b]) => `${a === undefined ? '-' : '4'}${b === undefined ? '-' : '6'}`)
      .join(' ')
  expect(answered({})).toBe('-- -- -- -- --')
  expect(answered({ byName: 'any' })).toBe('46 -- -- -- --')
  expect(answered({ byIndex: 'any' })).toBe('-- 46 -- -- --')
  expect(answered({ byAddress: 'any' })).toBe('-- -- 46 -- --')
  expect(answered({ byAddress: 'any', neighbours: 'any' })).toBe('-- -- 46 46 --')
  expect(answered({ byAddress: 'any', neighbours: 'any', local: [] })).toBe('-- -- -- 46 --')
  expect(answered({ byName: 'any', enabled: false })).toBe('-- -- -- -- --')
})

test('a source is answered only where its prefix is permitted for the kind of query and for L (RFC 8335 §4) [v4-probe-discard] [v6-probe-acl]', () => {
  const near = [
    { prefix: parseIp('192.0.2.0')!, prefixLength: 25 },
    { prefix: parseIp('2001:db8:1::')!, prefixLength: 65 },
  ]
  for (const settings of [
    { ...OPEN, byName: near },
    { ...OPEN, local: near },
  ]) {
    const n = proxy(settings)
    expect(both(n, 'name')).not.toContain(undefined)
    for (const name of ['elsewhere4', 'elsewhere6']) expect(cross(n, packet(name))).toEqual([])
  }
  for (const name of ['elsewhere4', 'elsewhere6']) expect(cross(proxy(), packet(name))).toHaveLength(1)
})

test('a port can be left out (RFC 8335 §8) [v4-probe-disabled-default] [v6-probe-acl]', () => {
  expect(both(proxy({ ...OPEN, ports: [2, 3] }), 'name')).toEqual(twice(undefined))
  expect(both(proxy({ ...OPEN, ports: [1] }), 'name')).not.toContain(undefined)
})

test('who is not one host is not answered, nor what is sent to many (RFC 8335 §4) [v4-probe-discard] [v6-probe-discard-unicast]', () => {
  const n = proxy()
  const four = [0, 1, 2, 3].map((i) => `extendedFrom${i}`).concat([0, 1, 2].map((i) => `extendedTo${i}`))
  for (const name of [...four, ...[0, 1, 2, 3].map((i) => `extended6Odd${i}`)]) {
    expect(cross(n, packet(name)), name).toEqual([])
  }
  expect(n.node.counters.answered).toBe(0)
  expect(n.node.counters.dropped).toMatchObject({ 'martian-source': 5, 'bad-source': 6 })
})

test('the reply has DF, TTL 255, DSCP CS0, the addresses exchanged (RFC 8335 §4) [v4-probe-reply-ip] [v4-probe-reply-dscp] [v4-probe-reply-addr]', () => {
  const [reply] = cross(proxy(), packet('tos'))
  const ip = unhex(reply!.hex)
  expect(reply!.port).toBe(1)
  expect(ip[1]).toBe(0)
  expect(reply!.hex.slice(12, 20)).toBe('4000ff01')
  expect(reply!.hex.slice(24, 40)).toBe('c0000201c0000202')
})

test('the IPv6 reply has hop limit 255, next header 58, DSCP CS0, the addresses exchanged (RFC 8335 §4) [v6-probe-reply-ip]', () => {
  const [reply] = cross(proxy(), packet('tos6'))
  expect(reply!.hex.slice(0, 4)).toBe('6000')
  expect(reply!.hex.slice(12, 16)).toBe('3aff')
  expect(reply!.hex.slice(16, 80)).toBe('20010db800010000000000000000000120010db8000100000000000000000002')
})

test('the reply is of type 43 or 161, with identifier and sequence of the request and a right checksum (RFC 8335 §4) [v4-probe-reply-ids]', () => {
  for (const [family, type, pseudo] of [
    ['four', '2b', 0],
    ['six', 'a1', 0],
  ] as const) {
    const [reply] = cross(proxy(), packet(`${family}.name`))
    const m = unhex(echo(reply!))
    expect(echo(reply!).slice(0, 4)).toBe(`${type}00`)
    expect(echo(reply!).slice(8, 14)).toBe('123407')
    const ip = unhex(reply!.hex)
    const covered = family === 'six' ? [...ip.subarray(8, 40), 0, m.length, 0, 58, ...m] : [...m]
    let sum: number = pseudo
    for (let i = 0; i < covered.length; i += 2) sum += (covered[i]! << 8) | (covered[i + 1] ?? 0)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
    expect(sum).toBe(0xffff)
  }
})

test('code and reserved bits of a request count for nothing (RFC 8335 §2) [v4-probe-request-code]', () => {
  const n = proxy()
  for (const f of FAMILIES) {
    expect(cross(n, packet(`${f}.code7`))[0]!.hex.slice(80)).toBe(cross(n, packet(`${f}.name`))[0]!.hex.slice(80))
    expect(ask(n, `${f}.code7`)).toEqual({ code: 0, octet7: 7 })
  }
})

test.each([
  'none',
  'headerOnly',
  'two',
  'otherClass',
  'ctype0',
  'ctype4',
  'version1',
  'indexLength',
  'addressLength',
  'objectLength',
  'objectLength3',
  'badSum',
])(
  'a malformed query gets code 1 and no bit: %s (RFC 8335 §4.1) [v4-probe-code-malformed] [v6-probe-malformed] [v6-probe-checksum]',
  (kind) => {
    expect(both(proxy(), `malformed.${kind}`)).toEqual(twice({ code: 1, octet7: 0 }))
  },
)

test('a neighbour asked for by name or index is a malformed query (RFC 8335 §4.1) [v4-probe-code-malformed] [v6-probe-malformed]', () => {
  for (const name of ['neighbourByName', 'neighbourByIndex']) {
    expect(both(proxy(), name)).toEqual(twice({ code: 1, octet7: 0 }))
  }
})

test('a structure without a checksum is taken: zero says that none was sent (RFC 4884 §7) [v6-probe-checksum]', () => {
  expect(both(proxy(), 'zeroSum')).toEqual(twice({ code: 0, octet7: 7 }))
})

test('an interface that is up says so, with the IP that runs on it, however it is asked for (RFC 8335 §4) [v4-probe-active-bits] [v6-probe-active]', () => {
  for (const name of ['name', 'index', 'address4', 'address6', 'mac', 'trailing']) {
    expect(both(proxy(), name), name).toEqual(twice({ code: 0, octet7: 7 }))
  }
})

test('bits 4 and 6 tell of the family that runs there, and one that is down has no bit (RFC 8335 §3) [v4-probe-active-bits] [v6-probe-active]', () => {
  const only = (addresses: string[], up = true): PortConfig[] => [
    PORTS[0]!,
    port(2, { medium: 'ip', name: 'eth2', addresses, up }),
  ]
  const bits = (ports: PortConfig[]): (number | undefined)[] =>
    both(proxy(OPEN, { ports }), 'name').map((r) => r?.octet7)
  expect(bits(only(['198.51.100.1/24']))).toEqual([6, 6])
  expect(bits(only(['2001:db8:2::1/64']))).toEqual([5, 5])
  expect(bits(only([]))).toEqual([4, 4])
  const n = proxy()
  n.node.changePort(n.now as never, 2, { up: false })
  expect(both(n, 'name')).toEqual(twice({ code: 0, octet7: 0 }))
  expect(both(n, 'address4')).toEqual(twice({ code: 0, octet7: 0 }))
})

test('an interface that is not here gets code 2 (RFC 8335 §4.1) [v4-probe-code-lookup] [v6-probe-code2]', () => {
  for (const name of ['noName', 'noIndex', 'noAddress']) {
    expect(both(proxy(), name)).toEqual(twice({ code: 2, octet7: 0 }))
  }
})

test('an address that two interfaces have gets code 4 (RFC 8335 §4.1) [v4-probe-code-lookup] [v6-probe-code4]', () => {
  for (const name of ['shared', 'sharedMac']) expect(both(proxy(), name)).toEqual(twice({ code: 4, octet7: 0 }))
})

test('an interface of another VPN than the one that the question came by is not there (RFC 8335 §8) [v4-probe-vpn] [v6-probe-code2]', () => {
  const n = proxy({ ...OPEN, vpns: { 1: 'red', 2: 'blue', 3: 'red' } })
  for (const name of ['name', 'index', 'address4', 'mac']) expect(both(n, name)).toEqual(twice({ code: 2, octet7: 0 }))
  // The one of the two with fe80::1 that is red.
  expect(both(n, 'shared').map((r) => r?.code)).toEqual([0, 0])
})

test('a neighbour that is in no table gets code 3 (RFC 8335 §4.1) [v4-probe-code-lookup] [v6-probe-code3]', () => {
  for (const name of ['unknown4', 'unknown6', 'neighbour4', 'neighbour6', 'neighbourNoMac']) {
    expect(both(proxy(), name)).toEqual(twice({ code: 3, octet7: 0 }))
  }
})

/** 198.51.100.9 answers the ARP request, and 2001:db8:2::9 the neighbour solicitation, of eth2. */
const ARP_REPLY = '0200000000020200000000990806' + '0001080006040002' + '020000000099c6336409' + '020000000002c6336401'

test('of a neighbour the state of the ARP table is told: incomplete, reachable, stale, probe (RFC 8335 §3) [v4-probe-state] [v6-probe-state]', () => {
  const n = proxy()
  const state = (): (number | undefined)[] => both(n, 'neighbour4').map((r) => (r!.code << 8) | r!.octet7)
  expect(state()).toEqual([0x300, 0x300])
  cross(n, packet('plain'))
  expect(state()).toEqual([1 << 5, 1 << 5])
  cross(n, ARP_REPLY, { port: 2 })
  expect(state()).toEqual([2 << 5, 2 << 5])
  expect(both(n, 'neighbourMac')).toEqual(twice({ code: 0, octet7: 2 << 5 }))
  n.run(70_000)
  expect(state()).toEqual([3 << 5, 3 << 5])
  cross(n, packet('plain'))
  expect(state()).toEqual([5 << 5, 5 << 5])
})

test('of a neighbour the state of the neighbour cache is told: incomplete, reachable, stale, delay, probe (RFC 8335 §3) [v4-probe-state] [v6-probe-state]', () => {
  const n = proxy()
  const state = (): (number | undefined)[] => both(n, 'neighbour6').map((r) => (r!.code << 8) | r!.octet7)
  expect(state()).toEqual([0x300, 0x300])
  cross(n, packet('pass6'))
  expect(state()).toEqual([1 << 5, 1 << 5])
  cross(n, packet('na6'), { port: 2 })
  expect(state()).toEqual([2 << 5, 2 << 5])
  n.run(60_000)
  expect(state()).toEqual([3 << 5, 3 << 5])
  cross(n, packet('pass6'))
  expect(state()).toEqual([4 << 5, 4 << 5])
  n.run(5_500)
  expect(state()).toEqual([5 << 5, 5 << 5])
})

test('a neighbour that two tables have gets code 4 (RFC 8335 §4.1) [v4-probe-code-lookup] [v6-probe-code4]', () => {
  const n = proxy()
  cross(n, packet('plain'))
  cross(n, ARP_REPLY, { port: 2 })
  cross(n, packet('pass6'))
  cross(n, packet('na6'), { port: 2 })
  expect(both(n, 'neighbourMac')).toEqual(twice({ code: 4, octet7: 0 }))
})

test('the reply gives structure and data of the request back, or has 8 octets where that is switched off (RFC 8335 §3) [v4-probe-reply-body]', () => {
  for (const f of FAMILIES) {
    const [whole] = cross(proxy(), packet(`${f}.trailing`))
    expect(echo(whole!).slice(16)).toBe(packet('body.trailing'))
    const [short] = cross(proxy({ ...OPEN, copy: false }), packet(`${f}.trailing`))
    expect(echo(short!)).toHaveLength(16)
  }
})

test('a reply that would need fragments has its 8 octets only (RFC 8335 §4) [v4-probe-mtu]', () => {
  for (const name of ['long4', 'long6']) {
    const n = proxy()
    const out = [0, 1, 2].flatMap((i) => cross(n, packet(`${name}.${i}`)))
    expect(out).toHaveLength(1)
    expect(echo(out[0]!)).toHaveLength(16)
    expect(echo(out[0]!).slice(2, 4)).toBe('00')
  }
})

test('of a thousand requests in a second no more are answered than the limit says (RFC 8335 §8) [v6-probe-rate] [v4-rate-probe]', () => {
  for (const f of FAMILIES) {
    const n = proxy({ ...OPEN, limit: { rate: 20, burst: 10 } })
    let answered = 0
    for (let i = 0; i < 1000; i++) {
      n.run(1)
      answered += cross(n, packet(`${f}.name`)).length
    }
    expect(answered).toBeGreaterThanOrEqual(28)
    expect(answered).toBeLessThanOrEqual(30)
    expect(n.node.counters.suppressed['rate-limit']).toBe(1000 - answered)
  }
})

test('a host answers as a gateway does, once it is enabled', () => {
  expect(both(proxy(OPEN, { role: 'host' }), 'name')).toEqual(twice({ code: 0, octet7: 7 }))
})
