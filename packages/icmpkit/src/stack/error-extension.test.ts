/** Extension objects on the errors of a gateway, both families. The octets come from scapy and the RFCs' figures. */
import { expect, test } from 'vitest'
import { type Crossing, cross, gateway, routes } from '../../../../test/stack/gateway-bench.ts'
import { OneNode, port } from '../../../../test/stack/one-node.ts'
import { packet } from '../../../../test/stack/transit-packets.ts'
import type { Instant } from '../clock.ts'
import { type Ip, isMulticast } from '../wire/addr.ts'
import type { ExtensionObject } from '../wire/extension.ts'
import * as icmp4 from '../wire/icmp4.ts'
import { hex } from '../wire/octets.ts'
import type { ErrorExtensionSettings } from './error-extension.ts'
import type { NodeConfig } from './node.ts'

const BOTH = [
  port(1, { medium: 'ip', addresses: ['192.0.2.1/24', '2001:db8:1::1/64'] }),
  port(2, { medium: 'ip', addresses: ['198.51.100.1/24', '2001:db8:2::1/64'] }),
]

/** The ICMP message that goes back about `name`. */
function answer(
  name: string,
  errorExtensions: Partial<ErrorExtensionSettings>,
  more: Partial<NodeConfig> = {},
): string {
  const back = cross(gateway({ ports: BOTH, errorExtensions, ...more }), packet(name)).filter((c) => c.port === 1)
  expect(back).toHaveLength(1)
  return icmp(back[0]!)
}

function icmp({ hex }: Crossing): string {
  const ip = hex.startsWith('4') || hex.startsWith('6') ? hex : hex.slice(28)
  return ip.slice(ip.startsWith('4') ? 40 : 80)
}

/** From the structure on: behind a quote of 128 octets. */
const structure = (message: string): string => message.slice(2 * 136)

const ALL = ['index', 'address', 'name', 'mtu'] as const

/** Port 1 is Ethernet and ends a label switched path; 192.0.2.2 and 2001:db8:1::2 are known there. */
function labelled(config: Partial<NodeConfig> = {}, mpls = true): OneNode {
  const n = gateway({
    ports: [port(1, { mpls, addresses: ['192.0.2.1/24', '2001:db8:1::1/64'] }), BOTH[1]!],
    ...config,
  })
  n.run(20_000)
  cross(n, packet('arp4'))
  cross(n, packet('ns6'))
  return n
}

test('without configuration an error is plain: no length, no structure [v6-iface-config]', () => {
  for (const name of ['expired4', 'expired6']) {
    const message = answer(name, {})
    expect(message.slice(16)).toBe(packet(name))
    expect(message.slice(8, 12)).toBe('0000')
  }
})

test('time exceeded in IPv4 tells of the port where the datagram came in what is configured: index, address, name, MTU (RFC 5837 §4)', () => {
  expect(answer('expired4', { incoming: ALL })).toBe(packet('expired4All'))
})

test('time exceeded in IPv6 tells the same, its address of IPv6 (RFC 5837 §4.5)', () => {
  expect(answer('expired6', { incoming: ALL })).toBe(packet('expired6All'))
})

test('a port without an address is named by index and name, unless policy forbids (RFC 5837 §4) [v4-iface-include]', () => {
  const ports = [port(1, { medium: 'ip' }), BOTH[1]!]
  const ip4 = { routes: routes(['192.0.2.0/24', 1]) }
  expect(answer('expired4', {}, { ports, ip4 })).toBe(packet('expired4Unnumbered'))
  expect(answer('expired4', { unnumbered: [] }, { ports, ip4 }).slice(16)).toBe(packet('expired4'))
})

test('each switch adds and removes its item and nothing else, in both families (RFC 5837 §6) [v4-iface-switches] [v6-iface-config]', () => {
  const items = { index: '00000001', address: '', name: '0865746831000000', mtu: '000005dc' } as const
  const bits = { index: 8, address: 4, name: 2, mtu: 1 } as const
  for (const [name, address] of [
    ['expired4', '00010000c0000201'],
    ['expired6', '0002000020010db8000100000000000000000001'],
  ] as const) {
    for (let mask = 1; mask < 16; mask++) {
      const incoming = ALL.filter((i) => (bits[i] & mask) !== 0)
      const object = structure(answer(name, { incoming })).slice(8)
      expect(object.slice(6, 8)).toBe(mask.toString(16).padStart(2, '0'))
      expect(object.slice(8)).toBe(incoming.map((i) => (i === 'address' ? address : items[i])).join(''))
    }
  }
})

test('each role is a switch of its own: where it came in, where it would have left, the next hop (RFC 5837 §6) [v4-iface-switches]', () => {
  expect(answer('expired4', { outgoing: ['index'], nextHop: true })).toBe(packet('expired4Way'))
  const roles = (settings: Partial<ErrorExtensionSettings>): string =>
    structure(answer('expired4', settings)).slice(14, 16)
  expect([roles({ incoming: ['index'] }), roles({ outgoing: ['index'] }), roles({ nextHop: true })]).toEqual([
    '08',
    '88',
    'c4',
  ])
})

test('about what has arrived, nothing is told of a way on', () => {
  for (const name of ['closed4', 'closed6']) {
    expect(answer(name, { outgoing: ['index'], nextHop: true }).slice(16)).toBe(packet(name))
  }
})

test('where there is no way, nothing is told of one', () => {
  const message = answer('nowhere', { outgoing: ['index'], nextHop: true })
  expect(message.slice(16)).toBe(packet('nowhere'))
})

test('a port without an IPv4 address tells of none in IPv4, though it has one of IPv6 (RFC 5837 §4.5) [v4-iface-addr-family]', () => {
  const ports = [port(1, { medium: 'ip', addresses: ['2001:db8:1::1/64'] }), BOTH[1]!]
  const message = answer(
    'expired4',
    { incoming: ['index', 'address'], unnumbered: ['index', 'address'] },
    {
      ports,
      ip4: { routes: routes(['192.0.2.0/24', 1]) },
    },
  )
  expect(structure(message).slice(8)).toBe('0008020800000001')
})

test('the name is that of the configuration, its first 63 octets (RFC 5837 §4.3) [v4-iface-name-ifname]', () => {
  const long = 'x'.repeat(70)
  const ports = [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'], name: long }), BOTH[1]!]
  const object = structure(answer('expired4', { incoming: ['name'] }, { ports })).slice(8)
  expect(object).toBe(`00440202${'40'}${'78'.repeat(63)}`)
  expect(structure(answer('expired4', { incoming: ['name'] })).slice(16)).toBe('0865746831000000')
})

test.each([
  ['name', 'expired4ByName'],
  ['index', 'expired4ByIndex'],
  ['address', 'expired4ByAddress'],
] as const)(
  'the port where it came in as an identification object, by %s (RFC 8335 §2.1)',
  (identification, expected) => {
    expect(answer('expired4', { identification })).toBe(packet(expected))
  },
)

test('a parameter problem of IPv4 has room for objects, a redirect has none (RFC 4884 §4.6)', () => {
  const problem = answer('badOption4', { incoming: ['index'] })
  expect(problem.slice(0, 12)).toMatch(/^0c00....1520$/)
  expect(structure(problem).slice(8)).toBe('0008020800000001')
  const back = gateway({
    errorExtensions: { incoming: ALL },
    ip4: { routes: routes(['10.3.0.0/16', 1, '192.0.2.77']) },
  })
  expect(icmp(cross(back, packet('back'))[0]!)).toBe(packet('backRedirect'))
})

test('objects go to the recipients that policy names, and one by one where a function says (RFC 4950 §6, RFC 5837 §6) [v4-mpls-policy]', () => {
  const recipients = (prefix: string): Partial<ErrorExtensionSettings> => ({
    incoming: ['index'],
    recipients: [{ prefix: routes([prefix, 1])[0]!.prefix, prefixLength: 24 }],
  })
  expect(structure(answer('expired4', recipients('192.0.2.0/24')))).not.toBe('')
  expect(structure(answer('expired4', recipients('192.0.3.0/24')))).toBe('')
  const asked: [string, Ip][] = []
  const permits = (o: ExtensionObject, to: Ip): boolean => {
    asked.push([o.kind, to])
    return o.kind !== 'mpls'
  }
  const n = labelled({ errorExtensions: { permits, incoming: ['index'] } })
  const [error] = cross(n, packet('labelled4'))
  expect(structure(icmp(error!)).slice(8)).toBe('0008020800000001')
  expect(asked.map(([kind]) => kind)).toEqual(['mpls', 'interfaceInformation'])
  expect(asked.every(([, to]) => !isMulticast(to) && to === (0xc0000202 | 0))).toBe(true)
})

test('a labelled datagram whose label expires gets time exceeded with the stack as it arrived (RFC 4950 §5) [v4-mpls-include] [v4-mpls-as-arrived]', () => {
  for (const name of ['labelled4', 'labelled4Two']) {
    const [error, ...more] = cross(labelled(), packet(name))
    expect(more).toEqual([])
    expect(icmp(error!)).toBe(packet(`${name}Error`))
  }
})

test('the stack goes into unreachables too, and into no parameter problem (RFC 4950 §5) [v4-mpls-include]', () => {
  expect(icmp(cross(labelled(), packet('labelled4Nowhere'))[0]!)).toBe(packet('labelled4NowhereError'))
  const problem = icmp(cross(labelled(), packet('labelledBadOption'))[0]!)
  expect(problem.slice(0, 4)).toBe('0c00')
  expect(problem.slice(16)).toBe(packet('badOption4'))
})

test('the quote of a labelled datagram begins with its IP header, no label in it (RFC 4950 §1) [v4-mpls-original-quoted]', () => {
  const message = icmp(cross(labelled(), packet('labelled4'))[0]!)
  expect(message.slice(16, 16 + packet('pass4').length)).toBe(packet('pass4'))
})

test('in IPv6 time exceeded bears the stack of a labelled packet, and none without labels (RFC 4950 §5) [v6-mpls-where]', () => {
  expect(icmp(cross(labelled(), packet('labelled6'))[0]!)).toBe(packet('labelled6Error'))
  const told = labelled({ errorExtensions: { mpls: false, incoming: ['address'] } })
  // The port has a link-local address too, which says less.
  expect(structure(icmp(cross(told, packet('labelled6'))[0]!)).slice(16)).toBe(
    '0002000020010db8000100000000000000000001',
  )
  const n = labelled()
  const plain = `02000000000102000000009986dd${packet('expired6')}`
  expect(icmp(cross(n, plain)[0]!).slice(16)).toBe(packet('expired6'))
})

test('about a datagram that waited for its next hop nothing is told of where it came in, which is forgotten', () => {
  const n = gateway({
    ports: [BOTH[0]!, port(2, { addresses: ['198.51.100.1/24'] })],
    errorExtensions: { incoming: ALL, outgoing: ['index'], identification: 'name' },
  })
  n.run(20_000)
  cross(n, packet('pass4'))
  const [error] = n.run(10_000).filter((s) => s.port === 1)
  expect(structure(hex(error!.bytes).slice(40)).slice(8)).toBe('0008028800000002')
})

test('what is told can be changed while the node runs, and so can who may ask', () => {
  const n = gateway({ ports: BOTH })
  const config = {
    ports: BOTH,
    errorExtensions: { incoming: ALL },
    extendedEcho: { enabled: true, byName: 'any' },
  } as const
  expect(icmp(cross(n, packet('expired4'))[0]!).slice(16)).toBe(packet('expired4'))
  expect(cross(n, packet('four.name'))).toEqual([])
  n.node.reconfigure(n.now as Instant, config)
  expect(icmp(cross(n, packet('expired4'))[0]!)).toBe(packet('expired4All'))
  expect(cross(n, packet('four.name'))).toHaveLength(1)
})

test('a label stack can be withheld as a whole [v4-mpls-policy]', () => {
  const [error] = cross(labelled({ errorExtensions: { mpls: false } }), packet('labelled4'))
  expect(icmp(error!).slice(16)).toBe(packet('pass4'))
})

test('where a label switched path ends, the hops that its label counted count, and the TTL never rises (RFC 3032 §2.4.3)', () => {
  const n = labelled()
  // The flow is known: it has come without a label.
  for (let i = 0; i < 2; i++) cross(n, `0200000000010200000000990800${packet('pass4')}`)
  for (const name of ['labelled4Pass', 'labelled4Low', 'labelled6Pass']) {
    expect(cross(n, packet(name))).toEqual([{ port: 2, hex: packet(`${name}Out`) }])
  }
})

test('a port that ends no label switched path takes no labelled frame, and a stack without a bottom is malformed', () => {
  const off = labelled({}, false)
  expect(cross(off, packet('labelled4'))).toEqual([])
  expect(off.node.counters.dropped).toEqual({ 'ether-type': 1 })
  const on = labelled()
  expect(cross(on, packet('deep16'))).toHaveLength(1)
  for (const name of ['endless', 'deep17']) expect(cross(on, packet(name))).toEqual([])
  for (let octets = 14; octets < 18; octets++) expect(cross(on, packet('labelled4').slice(0, 2 * octets))).toEqual([])
  expect(on.node.counters.malformed).toEqual({ truncated: 6 })
})

test('a labelled datagram that the link cut is found by its length without the label (RFC 1812 §5.2.2)', () => {
  expect(icmp(cross(labelled(), packet('labelledCut'))[0]!).slice(0, 12)).toMatch(/^0c00....0200$/)
})

test('an echo request under a label is answered without one', () => {
  const n = labelled()
  for (let i = 0; i < 3; i++) {
    const [reply] = cross(n, packet('labelledEcho'))
    expect(reply!.hex.slice(0, 28)).toBe('0200000000990200000000010800')
    expect(reply!.hex.slice(68, 72)).toBe('0000')
  }
})

/** Types of the ICMP messages that a raw listener of a host is shown. */
function shown(name: string): { types: number[]; dropped: object; octets: Uint8Array[] } {
  const n = new OneNode({ role: 'host', ports: BOTH })
  n.run(20_000)
  const types: number[] = []
  const octets: Uint8Array[] = []
  const message = (_now: number, d: { bytes: Uint8Array; at: number; end: number }): void => {
    types.push(d.bytes[d.at]!)
    octets.push(d.bytes.slice(d.at, d.end))
  }
  n.node.transport.raw.add({ message, owns: () => true })
  cross(n, packet(name))
  return { types, dropped: n.node.counters.dropped, octets }
}

test('an error that tells of two interfaces in one role is dropped as a whole, before anybody sees it (RFC 5837 §4.5) [v4-iface-dup-discard] [v6-iface-unique]', () => {
  // Of a structure whose checksum is bad no object counts, and the error stands (RFC 4884 §9).
  expect(shown('heard4TwiceBad')).toMatchObject({ types: [11], dropped: {} })
  for (const [family, type] of [
    ['heard4', 11],
    ['heard6', 3],
  ] as const) {
    expect(shown(`${family}Twice`)).toMatchObject({ types: [], dropped: { 'bad-extension': 1 } })
    expect(shown(`${family}Once`)).toMatchObject({ types: [type], dropped: {} })
  }
})

test('what an error tells of an interface is handed on as it came, an index or address that none here has too (RFC 5837 §3.1) [v4-iface-opaque]', () => {
  const { types, octets } = shown('heard4Strange')
  expect(types).toEqual([11])
  const m = icmp4.parse(octets[0]!)
  expect(m.kind === 'timeExceeded' && m.extensions?.objects).toMatchObject([
    { kind: 'interfaceInformation', index: 0xffffffff, address: (127 << 24) | 1 },
  ])
})
