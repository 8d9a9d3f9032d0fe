import { describe, expect, test } from 'vitest'
import { parseIp } from '../../wire/addr.ts'
import { check, configOf, type NodeOptions } from './options.ts'

const PORTS: NodeOptions['ports'] = [
  { name: 'eth1', addresses: ['192.0.2.1/24', '2001:db8:1::1/64'] },
  { name: 'eth2', addresses: ['198.51.100.1/24'] },
]
const FOUND = [
  { index: 7, medium: 'ethernet', mac: Uint8Array.of(2, 0, 0, 0, 0, 7), mtu: 1500 },
  { index: 8, medium: 'ethernet', mac: Uint8Array.of(2, 0, 0, 0, 0, 8), mtu: 9000 },
] as const
const config = (more: Partial<NodeOptions>) => configOf('gateway', { ports: PORTS, ...more }, FOUND)

describe('routes', () => {
  test('a next hop finds its port by the prefix that holds it, or by the name behind %', () => {
    const { ip4, ip6 } = config({
      via: ['192.0.2.254', 'fe80::9%eth2'],
      routes: ['10.0.0.0/8=198.51.100.9', '10.9.0.0/16=unreachable', '2001:db8:9::/48=2001:db8:1::2'],
    })
    expect(ip4?.routes).toEqual([
      { prefix: 0, prefixLength: 0, kind: 'unicast', nextHop: parseIp('192.0.2.254'), port: 7 },
      { prefix: parseIp('10.0.0.0'), prefixLength: 8, kind: 'unicast', nextHop: parseIp('198.51.100.9'), port: 8 },
      { prefix: parseIp('10.9.0.0'), prefixLength: 16, kind: 'unreachable', nextHop: undefined, port: -1 },
    ])
    expect(ip6?.routes).toEqual([
      { prefix: 0n, prefixLength: 0, kind: 'unicast', nextHop: parseIp('fe80::9'), port: 8 },
      {
        prefix: parseIp('2001:db8:9::'),
        prefixLength: 48,
        kind: 'unicast',
        nextHop: parseIp('2001:db8:1::2'),
        port: 7,
      },
    ])
  })

  test.each([
    ['10.0.0.0/8', 'it must read PREFIX=NEXTHOP'],
    ['10.0.0.0/33=192.0.2.2', 'it must read PREFIX=NEXTHOP'],
    ['10.0.0.0/8=nowhere', 'nowhere is not an IPv4 address'],
    ['10.0.0.0/8=2001:db8:1::2', 'not an IPv4 address'],
    ['10.0.0.0/8=203.0.113.1', 'no port has a prefix that it is in'],
    ['2001:db8:9::/48=fe80::9', 'say which port: fe80::9%PORT'],
    ['10.0.0.0/8=192.0.2.2%eth9', 'there is no port eth9'],
  ])('%s is refused: %s', (route, why) => {
    expect(() => check('gateway', { ports: PORTS, routes: [route] })).toThrow(why)
  })
})

describe('ports', () => {
  test.each([
    [[], 'no port'],
    [[{ name: 'a', addresses: ['192.0.2.1'] }], 'not an address with its prefix length'],
    [[{ name: 'a', addresses: ['224.0.0.1/24'] }], 'not an address that one node can have'],
    [[{ name: 'a', addresses: ['::/64'] }], 'not an address that one node can have'],
    ...[
      '127.0.0.1/8',
      '0.0.0.1/8',
      '240.0.0.1/4',
      '255.255.255.255/32',
      '192.0.2.0/24',
      '192.0.2.255/24',
      '10.0.0.3/30',
    ]
      .concat('::1/128', '::ffff:192.0.2.1/128', 'ff02::1/64')
      .map((a): [NodeOptions['ports'], string] => [
        [{ name: 'a', addresses: [a] }],
        `${a} is not an address that one node can have`,
      ]),
    [[{ name: 'a', addresses: [], vlan: 4095 }], 'VLAN 4095'],
    [[{ name: 'a', addresses: [], mtu: 20 }], 'MTU 20'],
    ...['02:00', '01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00'].map(
      (mac): [NodeOptions['ports'], string] => [[{ name: 'a', addresses: [], mac }], `${mac} is no link-layer address`],
    ),
    [
      [
        { name: 'a', addresses: [] },
        { name: 'a', addresses: [] },
      ],
      'named twice',
    ],
  ])('%j is refused: %s', (ports, why) => {
    expect(() => check('host', { ports })).toThrow(why)
  })

  test.each([
    '192.0.2.0/31',
    '192.0.2.1/31',
    '192.0.2.255/32',
    '192.0.2.255/23',
    '10.0.0.1/30',
    '10.1.1.1/0',
    '2001:db8::/64',
    'fe80::1/64',
  ])('%s is one', (a) => {
    expect(() => check('host', { ports: [{ name: 'a', addresses: [a] }] })).not.toThrow()
  })

  test('what the options say of MTU and link-layer address goes before what the interface has', () => {
    const ports = [{ ...PORTS[0]!, mtu: 1400, mac: '02:00:00:00:00:99' }, PORTS[1]!]
    const [one, two] = configOf('host', { ports }, FOUND).ports
    expect(one).toMatchObject({ index: 7, mtu: 1400, mac: Uint8Array.of(2, 0, 0, 0, 0, 0x99) })
    expect(two).toMatchObject({ index: 8, mtu: 9000, mac: FOUND[1].mac })
  })
})

describe('switches', () => {
  test('addresses, prefixes and ports are text, and become what the stack takes', () => {
    const { ip4, ip6 } = config({
      ip4: {
        routerId: '192.0.2.1',
        gateway: { filters: [{ action: 'reject', source: '10.0.0.0/8', inPort: 'eth2' }] },
      },
      ip6: { advertise: [{ port: 'eth1', prefixes: [{ prefix: '2001:db8:1::/64' }], dnsServers: ['2001:db8:1::53'] }] },
    })
    expect(ip4).toMatchObject({
      routerId: parseIp('192.0.2.1'),
      gateway: { filters: [{ action: 'reject', source: { prefix: parseIp('10.0.0.0'), prefixLength: 8 }, inPort: 8 }] },
    })
    expect(ip6?.advertise).toEqual([
      {
        port: 7,
        prefixes: [{ prefix: parseIp('2001:db8:1::'), prefixLength: 64 }],
        dnsServers: [parseIp('2001:db8:1::53')],
      },
    ])
  })

  test('of a limit one number alone may be given: the other is as it was', () => {
    const { ip4, ip6, extendedEcho } = config({
      ip4: { errorLimit: { rate: 5 } },
      ip6: { errorLimit: { burst: 1 }, source: { preferTemporary: false } },
      extendedEcho: { limit: { rate: 1 }, vpns: { eth2: 'red' } },
    })
    expect(ip4?.errorLimit).toEqual({ rate: 5, burst: 50 })
    expect(ip6?.errorLimit).toEqual({ rate: 10, burst: 1 })
    expect(ip6?.source?.policy).toHaveLength(9)
    expect(extendedEcho).toMatchObject({ limit: { rate: 1, burst: 50 }, vpns: { 8: 'red' } })
  })

  test('a rule may name one port alone for first and last', () => {
    const filters = [{ action: 'drop', protocol: 17, destinationPorts: 53, sourcePorts: [1024, 65_535] }]
    expect(config({ ip4: { gateway: { filters } } } as unknown as NodeOptions).ip4?.gateway?.filters).toEqual([
      { action: 'drop', protocol: 17, destinationPorts: [53, 53], sourcePorts: [1024, 65_535] },
    ])
  })

  test.each([
    [{ ip4: { ttll: 3 } }, 'ip4.ttll: there is no such switch; there are'],
    [{ ip4: { ttl: 'many' } }, 'ip4.ttl: "many" is not a number'],
    [{ ip4: { echo: 1 } }, 'ip4.echo: 1 is not true or false'],
    [{ ip4: { errorLimit: { rat: 1 } } }, 'ip4.errorLimit.rat: there is no such switch; there are burst, rate'],
    [{ ip6: { advertise: [{ port: 'eth9' }] } }, 'there is no port eth9'],
    [{ ip4: { ttl: 300 } }, 'ip4.ttl: 300; it must be from 1 to 255'],
    [{ ip4: { ttl: 1.5 } }, 'ip4.ttl: 1.5; it must be a whole number'],
    [{ ip6: { hopLimit: 0 } }, 'ip6.hopLimit: 0; it must be from 1 to 255'],
    [{ ip4: { errorLimit: { rate: -5 } } }, 'ip4.errorLimit.rate: -5; it must be 0 or more'],
    [{ ip4: { reassemblyTimeout: Number.NaN } }, 'ip4.reassemblyTimeout: NaN is not a number'],
    [
      { ip4: { errorSource: 'incomming' } },
      'ip4.errorSource: "incomming" is not a word that it knows: outgoing, incoming',
    ],
    [{ ip4: { sourceRoutes: 'no' } }, 'ip4.sourceRoutes: "no" is not a word that it knows: drop, reject, forward'],
    [{ ip4: { routerId: '2001:db8::1' } }, 'ip4.routerId: "2001:db8::1" is not an IPv4 address'],
    [{ ip4: { constructor: 1 } }, 'ip4.constructor: there is no such switch'],
    [
      { ip4: { gateway: { filters: [{ action: 'drop', sorce: '10.0.0.0/8' }] } } },
      'ip4.gateway.filters[0].sorce: there is no such switch; there are action, codes, destination',
    ],
    [{ ip4: { gateway: { filters: [{ source: '10.0.0.0/8' }] } } }, 'ip4.gateway.filters[0]: action is missing'],
    [
      { ip6: { transit: { filters: [{ action: 'deny' }] } } },
      '"deny" is not a word that it knows: accept, reject, drop',
    ],
    [
      { ip6: { transit: { filters: [{ action: 'drop', source: '2001:db8::1' }] } } },
      'is not a prefix, as 192.0.2.0/24',
    ],
    [
      { ip4: { gateway: { filters: [{ action: 'drop', sourcePorts: [9, 1] }] } } },
      'sourcePorts: 9 to 1: the first is behind the last',
    ],
    [{ ip6: { advertise: [{ port: 'eth1', prefixess: [] }] } }, 'ip6.advertise[0].prefixess: there is no such switch'],
    [
      { ip6: { advertise: [{ port: 'eth1', prefixes: [{ prefix: '10.0.0.0/8' }] }] } },
      'ip6.advertise[0].prefixes[0].prefix: "10.0.0.0/8" is not a prefix of IPv6',
    ],
    [{ errorExtensions: { incoming: ['speed'] } }, '"speed" is not a word that it knows: index, address, name, mtu'],
    [{ extendedEcho: { byName: ['192.0.2.0'] } }, 'extendedEcho.byName[0]: "192.0.2.0" is not a prefix'],
    [{ extendedEcho: { vpns: { eth9: 'red' } } }, 'extendedEcho.vpns: there is no port eth9'],
    [{ busyPoll: -1 }, 'busy polling for -1 ms; it must be a time from 0 to 3600000 ms'],
    [{ busyPoll: Number.NaN }, 'busy polling for NaN ms'],
  ])('%j is refused: %s', (more, why) => {
    expect(() => check('gateway', { ports: PORTS, ...more } as unknown as NodeOptions)).toThrow(why)
  })
})
