import { describe, expect, test } from 'vitest'
import { type Ip6, parseIp } from './addr.ts'
import * as icmp6 from './icmp6.ts'
import * as ndOption from './nd-option.ts'
import { hex, unhex } from './octets.ts'

const ip = (text: string) => parseIp(text) as Ip6
const A = '20010db8000000000000000000000001'
const B = '20010db8000000000000000000000002'

/** One of each (RFC 4861 §4.6, RFC 3122 §3.1, RFC 4191, 8106, 8781, 8910; a MAC, a nonce and an EUI-64 by length). */
const OPTIONS: [octets: string, option: ndOption.Option][] = [
  ['010100005e005301', { kind: 'sourceLinkLayer', linkLayerAddress: unhex('00005e005301') }],
  [
    '0202020000fffe000001000000000000',
    { kind: 'targetLinkLayer', linkLayerAddress: unhex('020000fffe000001000000000000') },
  ],
  [
    '030440f0ffffffff000038400000000020010db8000100000000000000000000',
    {
      kind: 'prefixInformation',
      prefixLength: 64,
      onLink: true,
      autonomous: true,
      routerAddress: true,
      delegationPreferred: true,
      validLifetimeSeconds: 0xffffffff,
      preferredLifetimeSeconds: 14400,
      prefix: ip('2001:db8:1::'),
    },
  ],
  ['04020000000000006000000000003b40', { kind: 'redirectedHeader', quote: unhex('6000000000003b40') }],
  ['05010000000005dc', { kind: 'mtu', mtu: 1500 }],
  [`0903000000000000${A}`, { kind: 'sourceAddressList', addresses: [ip('2001:db8::1')] }],
  [`0a05000000000000${A}${B}`, { kind: 'targetAddressList', addresses: [ip('2001:db8::1'), ip('2001:db8::2')] }],
  ['0e01010203040506', { kind: 'nonce', nonce: unhex('010203040506') }],
  [
    '1801000800000258',
    { kind: 'routeInformation', prefixLength: 0, preference: 1, lifetimeSeconds: 600, prefix: ip('::'), length: 1 },
  ],
  [
    '180230180000025820010db800020000',
    {
      kind: 'routeInformation',
      prefixLength: 48,
      preference: -1,
      lifetimeSeconds: 600,
      prefix: ip('2001:db8:2::'),
      length: 2,
    },
  ],
  [
    `18033010ffffffff${A}`,
    {
      kind: 'routeInformation',
      prefixLength: 48,
      preference: -2,
      lifetimeSeconds: 0xffffffff,
      prefix: ip('2001:db8::1'),
      length: 3,
    },
  ],
  [`19030000000004b0${A}`, { kind: 'recursiveDns', lifetimeSeconds: 1200, addresses: [ip('2001:db8::1')] }],
  [
    '1f040000000004b0076578616d706c65036e657400026c610000000000000000',
    { kind: 'dnsSearchList', lifetimeSeconds: 1200, names: ['example.net', 'la'], length: 4 },
  ],
  // Without padding: the next octet is another option's.
  ['1f020000000000010661626364656600', { kind: 'dnsSearchList', lifetimeSeconds: 1, names: ['abcdef'], length: 2 }],
  ['2501613a62632f64', { kind: 'captivePortal', uri: 'a:bc/d', length: 1 }],
  [
    '2504' + '68747470733a2f2f706f7274616c2e6578616d706c652f617069' + '00000000',
    { kind: 'captivePortal', uri: 'https://portal.example/api', length: 4 },
  ],
  [
    '2602025d20010db80064000000000000',
    { kind: 'pref64', lifetimeSeconds: 600, prefixLength: 32, prefix: ip('2001:db8:64::') },
  ],
  ['fd01aabbccddeeff', { kind: 'unknown', type: 253, data: unhex('aabbccddeeff') }],
]

describe.each(OPTIONS)('option %s', (octets, option) => {
  test('reads as its fields and writes back to the same octets [v6-registry-nd-options]', () => {
    expect(read(octets)).toEqual([option])
    expect(write([option])).toBe(octets)
  })
})

describe('the walk', () => {
  test('reads options one behind the other and keeps unknown ones [v6-registry-nd-options]', () => {
    const all = OPTIONS.map(([octets]) => octets).join('')
    expect(read(all)).toEqual(OPTIONS.map(([, option]) => option))
    expect(write(OPTIONS.map(([, option]) => option))).toBe(all)
    expect(new Set(OPTIONS.map(([, o]) => ndOption.typeOf(o)))).toEqual(new Set([...Object.values(ndOption.Type), 253]))
  })

  test('an option of length 0, first or last, makes the whole message malformed (RFC 4861 §4.6) [v6-nd-ns-validate-opt]', () => {
    const head = `8700000000000000${A}`
    expect(icmp6.parse(unhex(`${head}0100ffffffffffff`))).toEqual({ kind: 'malformed', why: 'bad-length', at: 25 })
    expect(icmp6.parse(unhex(`${head}010100005e005301 0e00`))).toEqual({ kind: 'malformed', why: 'bad-length', at: 33 })
    for (const type of [133, 134, 136, 137, 141, 142, 146, 147, 148, 149]) {
      const bytes = new Uint8Array(48)
      bytes[0] = type
      expect(icmp6.parse(bytes).kind).toBe('malformed')
    }
  })

  test('an option that leaves the message makes it malformed [v6-nd-ns-validate-opt]', () => {
    const head = `8700000000000000${A}`
    expect(icmp6.parse(unhex(`${head}0102ffffffffffff`))).toEqual({ kind: 'malformed', why: 'truncated', at: 32 })
    expect(icmp6.parse(unhex(`${head}01`))).toEqual({ kind: 'malformed', why: 'truncated', at: 25 })
  })

  test('is linear in a message full of the shortest options', () => {
    const bytes = new Uint8Array(65528)
    bytes[0] = 133
    for (let i = 8; i < bytes.length; i += 8) bytes.set([253, 1], i)
    const m = icmp6.parse(bytes) as icmp6.Message
    expect(m.kind === 'routerSolicitation' && m.options.length).toBe(8190)
  })
})

describe('a known option that breaks its RFC is kept as it is, and the message stands', () => {
  const BAD: [why: string, octets: string][] = [
    ['prefix information of another length (RFC 4861 §4.6.2)', '0303400000000000000000000000000000000000000000ff'],
    ['a prefix of more than 128 bits', '030481c0ffffffff000038400000000020010db8000100000000000000000000'],
    ['an MTU of another length (RFC 4861 §4.6.4)', '05020000000005dc0000000000000000'],
    ['an address list of an even length (RFC 3122 §3.1)', `0902000000000000${'00'.repeat(8)}`],
    ['an address list without an address', '0a01000000000000'],
    ['a route of more than 3 units (RFC 4191 §2.3)', `1804300000000258${A}0000000000000000`],
    ['a route whose prefix does not fit its length', '18014000000002 58'],
    ['a route longer than 64 bits in 16 octets', '180241000000025820010db800020000'],
    ['DNS servers of length 1 (RFC 8106 §5.3.1)', '19010000000004b0'],
    ['a search list of length 1', '1f010000000004b0'],
    ['a search list whose label leaves the option', '1f020000000004b03f6578616d706c65'],
    ['a search list without a last zero octet', '1f020000000004b0076578616d706c65'],
    ['a compressed name (RFC 8106 §5.2)', '1f020000000004b00161c00000000000'],
    ['octets behind the padding of a search list', '1f020000000004b00161000000000001'],
    ['a portal with a control octet', '2502687474703a1b5b326a0000000000'],
    ['a portal with octets behind its padding', '2502687474703a000000000000000001'],
    ['PREF64 of another length (RFC 8781 §4)', '2601025800000000'],
    ['PREF64 with a code that means nothing (RFC 8781 §4)', '2602025e20010db80064000000000000'],
  ]

  test.each(BAD)('%s', (_why, text) => {
    const octets = hex(unhex(text))
    const type = unhex(octets)[0]
    const good = '05010000000005dc'
    expect(read(octets + good)).toEqual([
      { kind: 'invalid', type, data: unhex(octets.slice(4)) },
      { kind: 'mtu', mtu: 1500 },
    ])
    expect(write(read(octets + good) as ndOption.Option[])).toBe(octets + good)
  })

  test('CVE-2020-16898, Windows: DNS servers of an even length never read into the next option', () => {
    // The published trigger: length 4, so that one and a half addresses would be read.
    const rdnss = `1904000000000708${A}0a05ffffffffffff`
    expect(read(`${rdnss}1801000000000000`)).toEqual([
      { kind: 'invalid', type: 25, data: unhex(rdnss.slice(4)) },
      { kind: 'routeInformation', prefixLength: 0, preference: 0, lifetimeSeconds: 0, prefix: ip('::'), length: 1 },
    ])
    for (const units of [0, 2, 4, 6, 254]) {
      const bytes = new Uint8Array(Math.max(8, units * 8))
      bytes.set([25, units])
      const options = ndOption.parse(bytes, 0, bytes.length)
      if (units === 0) expect(options).toMatchObject({ kind: 'malformed', why: 'bad-length' })
      else expect(options).toMatchObject([{ kind: 'invalid', type: 25 }])
    }
  })
})

describe('writing', () => {
  test('pads to whole units with zeros over whatever stood there, and takes the shortest length for 0', () => {
    expect(write([{ kind: 'targetLinkLayer', linkLayerAddress: unhex('0102030405060708') }])).toBe(
      '02020102030405060708000000000000',
    )
    expect(write([{ kind: 'captivePortal', uri: 'a:b', length: 0 }])).toBe('2501613a62000000')
    expect(write([{ kind: 'captivePortal', uri: 'a:b', length: 2 }])).toBe('2502613a620000000000000000000000')
    expect(write([{ kind: 'dnsSearchList', lifetimeSeconds: 1, names: ['a.b'], length: 0 }])).toBe(
      '1f0200000000000101610162 00000000'.replace(' ', ''),
    )
    expect(
      write([
        {
          kind: 'routeInformation',
          prefixLength: 65,
          preference: 0,
          lifetimeSeconds: 1,
          prefix: ip('2001:db8::1'),
          length: 0,
        },
      ]),
    ).toBe(`1803410000000001${A}`)
    expect(write([{ kind: 'redirectedHeader', quote: unhex('60000000003b') }])).toBe('040200000000000060000000003b0000')
  })

  test('rounds the lifetime of a NAT64 prefix up to eight seconds (RFC 8781 §4.1)', () => {
    const pref64 = { kind: 'pref64', prefixLength: 96, prefix: ip('64:ff9b::') } as const
    expect(write([{ ...pref64, lifetimeSeconds: 1 }]).slice(0, 8)).toBe('26020008')
    expect(write([{ ...pref64, lifetimeSeconds: 1801 }]).slice(0, 8)).toBe('26020710')
    expect(write([{ ...pref64, lifetimeSeconds: 65528 }]).slice(0, 8)).toBe('2602fff8')
    expect(() => write([{ ...pref64, lifetimeSeconds: 65529 }])).toThrow(RangeError)
    expect(() => write([{ ...pref64, lifetimeSeconds: 2 ** 32 }])).toThrow(RangeError)
  })

  test.each<[string, ndOption.Option]>([
    ['a nonce that does not fill its unit', { kind: 'nonce', nonce: unhex('0102') }],
    ['raw data that does not fill its unit', { kind: 'unknown', type: 99, data: unhex('01') }],
    ['an option of more than 255 units', { kind: 'redirectedHeader', quote: new Uint8Array(2040) }],
    ['an empty list of servers', { kind: 'recursiveDns', lifetimeSeconds: 0, addresses: [] }],
    [
      'a route of more than 3 units',
      { kind: 'routeInformation', prefixLength: 0, preference: 0, lifetimeSeconds: 0, prefix: ip('::'), length: 4 },
    ],
    [
      'a preference that is none',
      { kind: 'routeInformation', prefixLength: 0, preference: 2, lifetimeSeconds: 0, prefix: ip('::'), length: 0 },
    ],
    ['a NAT64 prefix of 65 bits', { kind: 'pref64', lifetimeSeconds: 0, prefixLength: 65, prefix: ip('::') }],
  ])('throws a RangeError on %s', (_what, option) => {
    expect(() => write([option])).toThrow(RangeError)
  })

  test.each<[string, ndOption.Option]>([
    [
      'the root in a search list, which would read as padding',
      { kind: 'dnsSearchList', lifetimeSeconds: 0, names: ['.'], length: 0 },
    ],
    ['a portal beyond ASCII', { kind: 'captivePortal', uri: 'https://ü.example', length: 0 }],
  ])('throws a TypeError on %s', (_what, option) => {
    expect(() => write([option])).toThrow(TypeError)
  })
})

function read(octets: string): unknown {
  const bytes = unhex(octets)
  return ndOption.parse(bytes, 0, bytes.length)
}

/** Between neighbours that must stay as they are. */
function write(options: ndOption.Option[]): string {
  const end = 5 + ndOption.size(options)
  const out = new Uint8Array(end + 20).fill(0xee)
  expect(ndOption.write(options, out, 5)).toBe(end)
  expect(hex(out, 0, 5) + hex(out, end)).toBe('ee'.repeat(25))
  return hex(out, 5, end)
}
