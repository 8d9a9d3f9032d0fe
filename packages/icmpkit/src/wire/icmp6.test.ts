import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Ip6, parseIp, readIp6 } from './addr.ts'
import { Carried } from './carried.ts'
import { finish, sum } from './checksum.ts'
import { of } from './extension.ts'
import type { Frame } from './frame.ts'
import * as icmp6 from './icmp6.ts'
import type { Malformed } from './malformed.ts'
import * as mld from './mld.ts'
import type * as ndOption from './nd-option.ts'
import { hex, u16, unhex } from './octets.ts'
import * as quote from './quote.ts'

const ip = (text: string) => parseIp(text) as Ip6
const NOTHING = new Uint8Array(0)
const SRC = ip('fe80::1')
const DST = ip('fe80::2')
const NONCE = 0x0102030405060708n

// scapy: IPv6(src='2001:db8::1', dst='2001:db8:1::2', hlim=1)/UDP(sport=40000, dport=33434)/b'tracetrc'
const QUOTE =
  '600000000010110120010db800000000000000000000000120010db80001000000000000000000029c40829a0010d7cf7472616365747263'
const MAC1 = '00005e005301'
const MAC2 = '00005e005302'

const sourceMac = (mac: string): ndOption.Option => ({ kind: 'sourceLinkLayer', linkLayerAddress: unhex(mac) })
const targetMac = (mac: string): ndOption.Option => ({ kind: 'targetLinkLayer', linkLayerAddress: unhex(mac) })
const prefix = (text: string, more: Partial<ndOption.PrefixInformation> = {}): ndOption.Option => ({
  kind: 'prefixInformation',
  prefixLength: 64,
  onLink: true,
  autonomous: true,
  routerAddress: false,
  delegationPreferred: false,
  validLifetimeSeconds: 86400,
  preferredLifetimeSeconds: 14400,
  prefix: ip(text),
  ...more,
})
const nodeInfo = (kind: 'nodeInfoQuery' | 'nodeInfoReply', code: number, qtype: number, data: string, flags = 0) => ({
  kind,
  code,
  qtype,
  flags,
  nonce: NONCE,
  data: unhex(data),
})

/** From fe80::1 to fe80::2, made by scapy 2.5; where it has no class for the type, by ICMPv6Unknown with our body. */
const PACKETS: [name: string, octets: string, message: icmp6.Message][] = [
  [
    'destination unreachable',
    `0104908c00000000${QUOTE}`,
    { kind: 'unreachable', code: 4, quote: unhex(QUOTE), extensions: undefined },
  ],
  ['packet too big', `02008a9000000500${QUOTE}`, { kind: 'packetTooBig', code: 0, mtu: 1280, quote: unhex(QUOTE) }],
  [
    'time exceeded',
    `03018e8f00000000${QUOTE}`,
    { kind: 'timeExceeded', code: 1, quote: unhex(QUOTE), extensions: undefined },
  ],
  [
    'parameter problem',
    `04018d6700000028${QUOTE}`,
    { kind: 'parameterProblem', code: 1, pointer: 40, quote: unhex(QUOTE) },
  ],
  [
    'echo request',
    '8000ac1712340007616263',
    { kind: 'echoRequest', code: 0, id: 0x1234, seq: 7, data: unhex('616263') },
  ],
  ['echo reply', '8100ab1712340007616263', { kind: 'echoReply', code: 0, id: 0x1234, seq: 7, data: unhex('616263') }],
  [
    'MLDv1 general query',
    '820059982710000000000000000000000000000000000000',
    { kind: 'mldQuery', code: 0, maxResponseDelayMs: 10000, group: ip('::'), trailing: NOTHING },
  ],
  [
    'MLDv1 report',
    '83007faa00000000ff0200000000000000000000000000fb',
    { kind: 'mldReport', code: 0, maxResponseDelayMs: 0, group: ip('ff02::fb'), trailing: NOTHING },
  ],
  [
    'MLDv1 done',
    '84007eaa00000000ff0200000000000000000000000000fb',
    { kind: 'mldDone', code: 0, maxResponseDelayMs: 0, group: ip('ff02::fb'), trailing: NOTHING },
  ],
  [
    'MLDv2 query with sources',
    '8200074294000000ff3e00000000000000000000800000010a8a000220010db800000000000000000000000120010db8000000000000000000000002',
    {
      kind: 'mldv2Query',
      code: 0,
      // 0x9400: exponent 1, mantissa 0x400; 0x8a: exponent 0, mantissa 10 (RFC 3810 §5.1.3, §5.1.9).
      maxResponseDelayMs: 0x1400 << 4,
      group: ip('ff3e::8000:1'),
      flags: 0,
      suppress: true,
      robustness: 2,
      queryIntervalSeconds: 26 << 3,
      sources: [ip('2001:db8::1'), ip('2001:db8::2')],
      trailing: NOTHING,
    },
  ],
  [
    'MLDv2 report',
    '8f00e9980000000204000000ff0200000000000000000001ff00000101010001ff3e000000000000000000008000000120010db800000000000000000000000161757869',
    {
      kind: 'mldv2Report',
      code: 0,
      flags: 0,
      records: [
        { type: mld.RecordType.changeToExclude, group: ip('ff02::1:ff00:1'), sources: [], auxiliaryData: NOTHING },
        {
          type: mld.RecordType.modeIsInclude,
          group: ip('ff3e::8000:1'),
          sources: [ip('2001:db8::1')],
          auxiliaryData: unhex('61757869'),
        },
      ],
      trailing: NOTHING,
    },
  ],
  [
    'router solicitation',
    '8500cbad00000000010100005e005301',
    { kind: 'routerSolicitation', code: 0, options: [sourceMac(MAC1)] },
  ],
  [
    'router advertisement',
    '8600fb4340ec070800007530000003e8010100005e00530105010000000005dc030440c000015180000038400000000020010db8000100000000000000000000180230180000025820010db80002000019050000000004b020010db800000000000000000000005320010db80000000000000000000000541f050000000004b0076578616d706c65036e65740004636f7270076578616d706c65000000000000',
    {
      kind: 'routerAdvertisement',
      code: 0,
      curHopLimit: 64,
      managed: true,
      otherConfig: true,
      homeAgent: true,
      preference: 1,
      proxy: true,
      lifetimeSeconds: 1800,
      reachableTimeMs: 30000,
      retransTimerMs: 1000,
      options: [
        sourceMac(MAC1),
        { kind: 'mtu', mtu: 1500 },
        prefix('2001:db8:1::'),
        {
          kind: 'routeInformation',
          prefixLength: 48,
          preference: -1,
          lifetimeSeconds: 600,
          prefix: ip('2001:db8:2::'),
          length: 2,
        },
        { kind: 'recursiveDns', lifetimeSeconds: 1200, addresses: [ip('2001:db8::53'), ip('2001:db8::54')] },
        { kind: 'dnsSearchList', lifetimeSeconds: 1200, names: ['example.net', 'corp.example'], length: 5 },
      ],
    },
  ],
  [
    'router advertisement with newer options',
    '8600c9530008070800000000000000000e01010203040506250468747470733a2f2f706f7274616c2e6578616d706c652f61706900000000260202580064ff9b0000000000000000fd01aabbccddeeff',
    {
      kind: 'routerAdvertisement',
      code: 0,
      curHopLimit: 0,
      managed: false,
      otherConfig: false,
      homeAgent: false,
      preference: 1,
      proxy: false,
      lifetimeSeconds: 1800,
      reachableTimeMs: 0,
      retransTimerMs: 0,
      options: [
        { kind: 'nonce', nonce: unhex('010203040506') },
        { kind: 'captivePortal', uri: 'https://portal.example/api', length: 4 },
        { kind: 'pref64', lifetimeSeconds: 600, prefixLength: 96, prefix: ip('64:ff9b::') },
        { kind: 'unknown', type: 253, data: unhex('aabbccddeeff') },
      ],
    },
  ],
  [
    'neighbor solicitation',
    '8700cb1a00000000fe800000000000000000000000000002010100005e005301',
    { kind: 'neighborSolicitation', code: 0, target: DST, options: [sourceMac(MAC1)] },
  ],
  [
    'neighbor advertisement',
    '8800e918e0000000fe800000000000000000000000000002020100005e005302',
    {
      kind: 'neighborAdvertisement',
      code: 0,
      router: true,
      solicited: true,
      override: true,
      target: DST,
      options: [targetMac(MAC2)],
    },
  ],
  [
    'redirect',
    `8900250700000000fe80000000000000000000000000000920010db8000100000000000000000002020100005e0053090408000000000000${QUOTE}`,
    {
      kind: 'redirect',
      code: 0,
      target: ip('fe80::9'),
      destination: ip('2001:db8:1::2'),
      options: [targetMac('00005e005309'), { kind: 'redirectedHeader', quote: unhex(QUOTE) }],
    },
  ],
  [
    'inverse neighbor discovery solicitation',
    '8d00db3800000000010100005e005301020100005e0053020905000000000000fe80000000000000000000000000000120010db8000000000000000000000001',
    {
      kind: 'inverseSolicitation',
      code: 0,
      options: [sourceMac(MAC1), targetMac(MAC2), { kind: 'sourceAddressList', addresses: [SRC, ip('2001:db8::1')] }],
    },
  ],
  [
    'inverse neighbor discovery advertisement',
    '8e00070400000000010100005e005302020100005e0053010a03000000000000fe800000000000000000000000000002',
    {
      kind: 'inverseAdvertisement',
      code: 0,
      options: [sourceMac(MAC2), targetMac(MAC1), { kind: 'targetAddressList', addresses: [DST] }],
    },
  ],
  [
    'node information query for a name',
    '8b006907000200000102030405060708fe800000000000000000000000000002',
    nodeInfo('nodeInfoQuery', 0, 2, 'fe800000000000000000000000000002'),
  ],
  [
    'node information query for addresses',
    '8b01e3290003002a010203040506070804686f7374076578616d706c650000',
    nodeInfo('nodeInfoQuery', 1, 3, '04686f7374076578616d706c650000', 0x2a),
  ],
  [
    'node information reply with a name',
    '8c00e2510002000001020304050607080000000004686f7374076578616d706c650000',
    nodeInfo('nodeInfoReply', 0, 2, '0000000004686f7374076578616d706c650000'),
  ],
  ['node information refused', '8c016699000200000102030405060708', nodeInfo('nodeInfoReply', 1, 2, '')],
  ['node information of unknown type', '8c026637006300000102030405060708', nodeInfo('nodeInfoReply', 2, 99, '')],
  [
    'home agent address discovery request',
    '9000e08312348000',
    { kind: 'homeAgentRequest', code: 0, id: 0x1234, mobileRouter: true, trailing: NOTHING },
  ],
  [
    'home agent address discovery reply',
    '910003dd1234000020010db800000000000000000000000a20010db800000000000000000000000b',
    {
      kind: 'homeAgentReply',
      code: 0,
      id: 0x1234,
      mobileRouter: false,
      addresses: [ip('2001:db8::a'), ip('2001:db8::b')],
      trailing: NOTHING,
    },
  ],
  [
    'mobile prefix solicitation',
    '92005e8412340000',
    { kind: 'mobilePrefixSolicitation', code: 0, id: 0x1234, options: [] },
  ],
  [
    'mobile prefix advertisement',
    '9300a1f91234c000030440e000015180000038400000000020010db800010000000000000000000a',
    {
      kind: 'mobilePrefixAdvertisement',
      code: 0,
      id: 0x1234,
      managed: true,
      otherConfig: true,
      options: [prefix('2001:db8:1::a', { routerAddress: true })],
    },
  ],
  [
    'certification path solicitation',
    '940070361234ffff0f0202000a6c6f63616c000000000000',
    {
      kind: 'certificationPathSolicitation',
      code: 0,
      id: 0x1234,
      component: 65535,
      options: [{ kind: 'unknown', type: 15, data: unhex('02000a6c6f63616c000000000000') }],
    },
  ],
  [
    'certification path advertisement',
    '9500d2da123400020001000010010100aabbccdd',
    {
      kind: 'certificationPathAdvertisement',
      code: 0,
      id: 0x1234,
      allComponents: 2,
      component: 1,
      options: [{ kind: 'unknown', type: 16, data: unhex('0100aabbccdd') }],
    },
  ],
  [
    'multicast router advertisement',
    '97146b25007d0002',
    { kind: 'multicastRouterAdvertisement', code: 20, queryIntervalSeconds: 125, robustness: 2, trailing: NOTHING },
  ],
  ['multicast router solicitation', '98006abc', { kind: 'multicastRouterSolicitation', code: 0, trailing: NOTHING }],
  ['multicast router termination', '990069bc', { kind: 'multicastRouterTermination', code: 0, trailing: NOTHING }],
  [
    'extended echo request by index',
    'a0004977123407012000dcf20008030200000003',
    {
      kind: 'extendedEchoRequest',
      code: 0,
      id: 0x1234,
      seq: 7,
      local: true,
      extensions: of({ kind: 'interfaceByIndex', index: 3 }),
      data: NOTHING,
    },
  ],
  [
    'extended echo reply',
    'a100483d12340747',
    {
      kind: 'extendedEchoReply',
      code: 0,
      id: 0x1234,
      seq: 7,
      state: 2,
      active: true,
      ipv4: true,
      ipv6: true,
      data: NOTHING,
    },
  ],
  ['seamoby', '960087d0010000006f707473', { kind: 'seamoby', code: 0, subtype: 1, data: unhex('6f707473') }],
  [
    'private experiment',
    'c80796e77768617465766572',
    { kind: 'other', type: 200, code: 7, rest: unhex('7768617465766572') },
  ],
]

/** Octets of the fixed part, by type, as the RFCs draw it; 4 where it is not listed. */
const FIXED: Record<number, number> = {
  ...Object.fromEntries(
    [1, 2, 3, 4, 128, 129, 133, 141, 142, 143, 144, 145, 146, 147, 148, 150, 151, 160, 161].map((t) => [t, 8]),
  ),
  ...{ 130: 24, 131: 24, 132: 24, 134: 16, 135: 24, 136: 24, 137: 40, 139: 16, 140: 16, 149: 12 },
}

describe.each(PACKETS)('%s', (_name, octets, message) => {
  const bytes = unhex(octets)

  test('reads as the fields that its maker gave', () => {
    expect(icmp6.parse(bytes)).toEqual(message)
    expect(icmp6.verify(bytes, 0, bytes.length, bytes.length, SRC, DST)).toBe('ok')
  })

  test('writes back to the same octets, between neighbours that it leaves alone', () => {
    const out = new Uint8Array(bytes.length + 9).fill(0xa5)
    expect(icmp6.size(message)).toBe(bytes.length)
    expect(icmp6.write(message, out, 5, SRC, DST)).toBe(5 + bytes.length)
    expect(hex(out)).toBe(`${'a5'.repeat(5)}${hex(bytes)}${'a5'.repeat(4)}`)
  })

  test('every prefix shorter than its fixed part is malformed', () => {
    for (let length = 0; length < (FIXED[bytes[0]!] ?? 4); length++) {
      expect(icmp6.parse(bytes, 0, length)).toEqual({ kind: 'malformed', why: 'truncated', at: length })
    }
  })

  test('no read leaves at…end, whole or cut at any octet', () => {
    for (let length = 0; length <= bytes.length; length++) {
      const [a, b] = [0x00, 0xff].map((poison) => parseBetween(bytes.subarray(0, length), poison))
      expect(a).toEqual(b)
    }
  })
})

test('the packets above cover every kind of message and every type with a layout', () => {
  const kinds = new Set(PACKETS.map(([, , m]) => m.kind))
  const layouts = Object.keys(icmp6.Type).filter((key) => icmp6.parse(typed(key)).kind !== 'other')
  for (const key of layouts) expect(kinds).toContain(key)
  expect(kinds.size).toBe(layouts.length + 2) // mldv2Query shares a type with mldQuery; other has none
})

describe('any octets', () => {
  const types = [...Object.values(icmp6.Type), 0, 127, 255]
  const seed = fc
    .record({
      seed: fc.constantFrom(...PACKETS.map(([, octets]) => unhex(octets))),
      edits: fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 3, 255))), { maxLength: 4 }),
      cut: fc.nat(20),
      tail: fc.uint8Array({ maxLength: 20 }),
    })
    .map(({ seed, edits, cut, tail }) => {
      const whole = Uint8Array.from(seed)
      for (const [where, octet] of edits) whole[where % whole.length] = octet
      return Uint8Array.of(...whole.subarray(0, Math.max(0, whole.length - cut)), ...tail)
    })
  const random = fc
    .tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 220 }))
    .map(([type, rest]) => Uint8Array.of(type, ...rest))
  const octets = fc.oneof(seed, random)

  test('parse without a throw and without a read outside', () => {
    fc.assert(
      fc.property(octets, (bytes) => {
        expect(parseBetween(bytes, 0x00)).toEqual(parseBetween(bytes, 0xff))
      }),
      { numRuns: 5000 },
    )
  })

  test('that parse read the same after they are written, and writing them again changes nothing', () => {
    fc.assert(
      fc.property(octets, (bytes) => {
        const m = icmp6.parse(bytes)
        if (m.kind === 'malformed') return
        const once = written(m)
        const again = icmp6.parse(once) as icmp6.Message
        expect(again).toEqual(m)
        expect(hex(written(again))).toBe(hex(once))
      }),
      { numRuns: 5000 },
    )
  })

  test('are written back octet for octet but for reserved ones and the checksum', () => {
    fc.assert(
      fc.property(octets, (bytes) => {
        const m = icmp6.parse(bytes)
        // Padding and reserved bits of extension objects: see extension.test.ts.
        if (m.kind === 'malformed' || 'extensions' in m) return
        const once = written(m)
        expect(once.length).toBe(bytes.length)
        const repaired = Uint8Array.from(bytes)
        for (const [i, mask] of reserved(bytes)) repaired[i]! &= mask
        repaired.set(once.subarray(2, 4), 2)
        expect(hex(once)).toBe(hex(repaired))
      }),
      { numRuns: 5000 },
    )
  })
})

describe('the checksum', () => {
  const echo = unhex('8000ac1712340007616263')

  test('covers both addresses, the length, 58, and every octet of the message (RFC 4443 §2.3) [v6-format-checksum-calc]', () => {
    for (let i = 0; i < echo.length; i++) {
      const damaged = Uint8Array.from(echo)
      damaged[i]! ^= 0x10
      expect(icmp6.verify(damaged, 0, damaged.length, damaged.length, SRC, DST)).toBe('bad')
    }
    expect(icmp6.verify(echo, 0, echo.length, echo.length, SRC, ip('fe80::3'))).toBe('bad')
    expect(icmp6.verify(echo, 0, echo.length, echo.length, ip('fe81::1'), DST)).toBe('bad')
    // The pseudo-header of RFC 8200 §8.1 octet for octet: source, destination, length, three zeros, 58.
    const whole = unhex(
      `fe800000000000000000000000000001fe800000000000000000000000000002 0000000b 0000003a ${hex(echo)}`,
    )
    expect(finish(sum(whole, 0, whole.length))).toBe(0)
  })

  test('of an odd length counts as if a zero octet followed, which is not sent (RFC 4443 §2.3) [v6-format-checksum-odd]', () => {
    for (const octets of [1, 3, 1231]) {
      const m: icmp6.Message = { kind: 'echoRequest', code: 0, id: 1, seq: 2, data: new Uint8Array(octets).fill(0x5a) }
      const bytes = written(m)
      expect(bytes.length).toBe(8 + octets)
      expect(icmp6.verify(bytes, 0, bytes.length, bytes.length, SRC, DST)).toBe('ok')
      expect(icmp6.parse(bytes)).toEqual(m)
      const longer = Uint8Array.of(...bytes, 0)
      expect(icmp6.verify(longer, 0, longer.length, longer.length, SRC, DST)).toBe('bad')
    }
  })

  test('of zero is sent as zero and is an ordinary value (RFC 8200 §8.1) [v6-format-checksum-zero]', () => {
    const without: icmp6.Message = { kind: 'echoRequest', code: 0, id: 0, seq: 0, data: NOTHING }
    const id = u16(written(without), 2)
    const bytes = written({ ...without, id })
    expect(hex(bytes)).toBe(`80000000${id.toString(16).padStart(4, '0')}0000`)
    expect(icmp6.verify(bytes, 0, 8, 8, SRC, DST)).toBe('ok')
    const other = written({ ...without, id: id - 1 })
    other[2] = 0
    other[3] = 0
    expect(icmp6.verify(other, 0, 8, 8, SRC, DST)).toBe('bad')
  })

  test('takes the length of the upper layer, not the payload length with its extension headers (RFC 8200 §8.1) [v6-format-checksum-length]', () => {
    // scapy: IPv6(src='2001:db8::1', dst='2001:db8::2')/IPv6ExtHdrDestOpt()/ICMPv6EchoRequest(id=1, seq=2, data=b'x')
    const packet = unhex(
      '6000000000113c4020010db800000000000000000000000120010db8000000000000000000000002 3a00010400000000 8000ac430001000278',
    )
    expect(icmp6.verifyAt(packet, 48, 57, 9, 0)).toBe('ok')
    expect(icmp6.verify(packet, 48, 57, 9, readIp6(packet, 8), readIp6(packet, 24))).toBe('ok')
    const [s, d] = [ip('2001:db8::1'), ip('2001:db8::2')]
    const wrong = Uint8Array.from(packet)
    wrong.set([0, 0], 50)
    const total = sum(wrong, 8, 40) + 17 + 58 + sum(wrong, 48, 57)
    wrong.set([finish(total) >> 8, finish(total) & 0xff], 50)
    expect(icmp6.verify(wrong, 48, 57, 9, s, d)).toBe('bad')
    expect(icmp6.verifyAt(wrong, 48, 57, 9, 0)).toBe('bad')
  })

  test('is taken over the final destination where a routing header has segments left (RFC 8200 §8.1) [v6-format-checksum-rh]', () => {
    // scapy: IPv6(src='2001:db8::1', dst='2001:db8::f')/IPv6ExtHdrRouting(type=2, addresses=['2001:db8::2'])/ICMPv6EchoRequest(id=1, seq=2)
    const packet = unhex(
      '6000000000202b4020010db800000000000000000000000120010db800000000000000000000000f 3a0202010000000020010db8000000000000000000000002 8000244500010002',
    )
    expect(icmp6.verify(packet, 64, 72, 8, readIp6(packet, 8), readIp6(packet, 48))).toBe('ok')
    expect(icmp6.verifyAt(packet, 64, 72, 8, 0)).toBe('bad')
  })

  test('is unverifiable where fewer octets are here than were sent, and does not count more than were sent', () => {
    expect(icmp6.verify(echo, 0, 9, 11, SRC, DST)).toBe('unverifiable')
    const padded = Uint8Array.of(...echo, 0x55, 0xaa)
    expect(icmp6.verify(padded, 0, padded.length, 11, SRC, DST)).toBe('ok')
    expect(icmp6.verify(echo, 0, 3, 3, SRC, DST)).toBe('bad')
    expect(icmp6.verify(NOTHING, 0, 0, 0, SRC, DST)).toBe('bad')
  })

  test('is the same by addresses and by the header they stand in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 44, maxLength: 120 }), (bytes) => {
        const length = bytes.length - 40
        const once = icmp6.verify(bytes, 40, bytes.length, length, readIp6(bytes, 8), readIp6(bytes, 24))
        expect(icmp6.verifyAt(bytes, 40, bytes.length, length, 0)).toBe(once)
        const m = icmp6.parse(bytes, 40)
        if (m.kind === 'malformed' || icmp6.size(m) !== length) return
        icmp6.write(m, bytes, 40, readIp6(bytes, 8), readIp6(bytes, 24))
        expect(icmp6.verifyAt(bytes, 40, bytes.length, length, 0)).toBe('ok')
      }),
    )
  })
})

describe('layout', () => {
  test('type, code and checksum in four octets, an eight-octet fixed part in the errors and in echo (RFC 4443 §2.1) [v6-format-layout]', () => {
    for (const type of [1, 2, 3, 4, 128, 129]) {
      const bytes = new Uint8Array(8)
      bytes[0] = type
      for (let length = 0; length < 8; length++) {
        expect(icmp6.parse(bytes, 0, length)).toEqual({ kind: 'malformed', why: 'truncated', at: length })
      }
      const m = icmp6.parse(bytes) as icmp6.Message
      expect(icmp6.typeOf(m)).toBe(type)
      expect(m.kind).not.toBe('other')
    }
  })

  test('an ICMPv6 message is behind Next Header 58; behind 1 the same octets are none (RFC 4443 §2.1) [v6-format-nexthdr]', () => {
    const packet = (next: string) =>
      unhex(
        `60000000000b${next}40fe800000000000000000000000000001fe8000000000000000000000000000028000ac1712340007616263`,
      )
    const transport = (next: string) => (quote.parse(packet(next), 0, 51, 6) as quote.Quote).transport
    expect(transport('3a')).toMatchObject({ kind: 'icmp6', type: 128, id: 0x1234, seq: 7 })
    expect(transport('01')).toMatchObject({ kind: 'other', protocol: 1 })
    const carried = new Carried()
    const find = (next: string) =>
      carried.find({ bytes: packet(next), at: 0, end: 51, length: 51, linkType: 229 } as Frame)
    expect([find('3a'), find('01')]).toEqual(['icmp', 'other'])
  })

  test('octets called unused are ignored on receipt and sent as zero (RFC 4443 §3.1, §3.3) [v6-format-unused]', () => {
    for (const [type, kind] of [
      [1, 'unreachable'],
      [3, 'timeExceeded'],
    ] as const) {
      const m = icmp6.parse(unhex(`0${type}000000 00ffffff ${QUOTE}`)) as icmp6.Message
      expect(m).toEqual({ kind, code: 0, quote: unhex(QUOTE), extensions: undefined })
      expect(hex(written(m), 4)).toBe(`00000000${QUOTE}`)
    }
  })

  test('all 256 types read, keep their code, and write back to the same octets', () => {
    for (let type = 0; type < 256; type++) {
      const bytes = new Uint8Array(FIXED[type] ?? 12)
      bytes[0] = type
      bytes[1] = 9
      const m = icmp6.parse(bytes) as icmp6.Message
      expect({ type, code: m.code }).toEqual({ type: icmp6.typeOf(m), code: 9 })
      const once = written(m)
      once.set([0, 0], 2)
      expect(hex(once)).toBe(hex(bytes))
    }
    for (const type of [0, 100, 101, 127, 200, 201, 255]) {
      expect(icmp6.parse(Uint8Array.of(type, 3, 0, 0, 1, 2, 3))).toEqual({
        kind: 'other',
        type,
        code: 3,
        rest: Uint8Array.of(1, 2, 3),
      })
    }
  })

  test('any code of an error is kept, an unassigned one too (RFC 4443 §2.4)', () => {
    for (const type of [1, 2, 3, 4]) {
      for (const code of [0, 10, 11, 255])
        expect(icmp6.parse(Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0))).toMatchObject({ code })
    }
  })
})

describe('errors', () => {
  test('a Packet Too Big has its MTU in octets 4 to 7 and any code is accepted (RFC 4443 §3.2)', () => {
    expect(icmp6.parse(unhex('020700000001000060'))).toEqual({
      kind: 'packetTooBig',
      code: 7,
      mtu: 65536,
      quote: unhex('60'),
    })
    const sent = written({ kind: 'packetTooBig', code: 0, mtu: 0xffffffff, quote: NOTHING })
    expect(hex(sent, 0, 2)).toBe('0200')
    expect(hex(sent, 4)).toBe('ffffffff')
  })

  test('a Parameter Problem points with 32 bits, also beyond its quote (RFC 4443 §3.4)', () => {
    expect(icmp6.parse(unhex('0400000000001000 6000'))).toMatchObject({ pointer: 4096, quote: unhex('6000') })
    expect(hex(written({ kind: 'parameterProblem', code: 0, pointer: 0xfffffffe, quote: NOTHING }), 4)).toBe('fffffffe')
  })
})

describe('write', () => {
  test.each<[string, icmp6.Message]>([
    ['code', { kind: 'echoRequest', code: 256, id: 0, seq: 0, data: NOTHING }],
    ['id', { kind: 'echoRequest', code: 0, id: 65536, seq: 0, data: NOTHING }],
    ['seq', { kind: 'echoRequest', code: 0, id: 0, seq: -1, data: NOTHING }],
    ['mtu', { kind: 'packetTooBig', code: 0, mtu: 2 ** 32, quote: NOTHING }],
    ['pointer', { kind: 'parameterProblem', code: 0, pointer: 2 ** 32, quote: NOTHING }],
    ['type', { kind: 'other', type: 256, code: 0, rest: NOTHING }],
    ['nonce', { kind: 'nodeInfoQuery', code: 0, qtype: 0, flags: 0, nonce: 1n << 64n, data: NOTHING }],
  ])('throws a RangeError on a value that does not fit its field: %s', (_field, m) => {
    expect(() => written(m)).toThrow(RangeError)
  })

  test('throws rather than leave octets out, where there is too little room', () => {
    for (const [, , message] of PACKETS) {
      const out = new Uint8Array(icmp6.size(message) + 3)
      expect(() => icmp6.write(message, out, 4, SRC, DST)).toThrow(RangeError)
      expect(hex(out)).toBe('00'.repeat(out.length))
    }
  })
})

describe('bugs of others', () => {
  test('CVE-2020-17441 and CVE-2020-17443, picoTCP: an echo of under eight octets is malformed, whatever stands behind it', () => {
    const bytes = new Uint8Array(64).fill(0xee)
    for (const type of [128, 129]) {
      bytes[20] = type
      for (let length = 0; length < 8; length++) {
        expect(icmp6.parse(bytes, 20, 20 + length)).toEqual({ kind: 'malformed', why: 'truncated', at: length })
        expect(icmp6.verify(bytes, 20, 20 + length, 8, SRC, DST)).toBe('unverifiable')
      }
    }
  })

  test('CVE-2020-17443, picoTCP: a payload length that promises more than came is unverifiable, not read', () => {
    const packet = unhex(
      '600000000400 3a40fe800000000000000000000000000001fe800000000000000000000000000002 8000ac1712340007616263',
    )
    expect(icmp6.verifyAt(packet, 40, packet.length, 0x400, 0)).toBe('unverifiable')
  })

  test('CVE-2017-12895 and CVE-2018-14882, tcpdump: a message cut at any octet reads as what is left of it', () => {
    for (const [, octets] of PACKETS) {
      const bytes = unhex(octets)
      for (let length = 0; length < bytes.length; length++) {
        const m = parseBetween(bytes.subarray(0, length), 0xff)
        if (m.kind === 'malformed') expect(m.at).toBeLessThanOrEqual(length)
        else expect(icmp6.size(m)).toBe(length)
      }
    }
  })

  test('CVE-2023-23415, Windows: an error that quotes a fragment says so and takes none of its octets for a transport header', () => {
    const quoted = (offset: string) =>
      `6000000000182c4020010db800000000000000000000000120010db8000000000000000000000002 1100${offset}deadbeef ${'35'.repeat(16)}`
    for (const type of ['01', '02', '03', '04']) {
      const later = icmp6.parse(unhex(`${type}000000 00000000 ${quoted('00b9')}`)) as icmp6.Unreachable
      expect(quote.parse(later.quote, 0, later.quote.length, 6)).toMatchObject({
        ip: { fragment: { offset: 184, more: true, id: 0xdeadbeef } },
        transport: { kind: 'fragment', protocol: 17 },
      })
      const first = icmp6.parse(unhex(`${type}000000 00000000 ${quoted('0001')}`)) as icmp6.Unreachable
      expect(quote.parse(first.quote, 0, first.quote.length, 6)).toMatchObject({
        transport: { kind: 'udp', srcPort: 0x3535 },
      })
    }
  })

  test('CVE-2020-22283, lwIP: an error is as large as its quote and is never built into less room', () => {
    const quote = new Uint8Array(1500)
    const m: icmp6.Message = { kind: 'unreachable', code: 4, quote, extensions: undefined }
    expect(icmp6.size(m)).toBe(1508)
    expect(() => icmp6.write(m, new Uint8Array(1507), 0, SRC, DST)).toThrow('no room for 1508 octets')
  })
})

/** Parsed at an odd place between octets of `poison`. */
function parseBetween(octets: Uint8Array, poison: number): icmp6.Message | Malformed {
  const bytes = new Uint8Array(octets.length + 96).fill(poison)
  bytes.set(octets, 13)
  return icmp6.parse(bytes, 13, 13 + octets.length)
}

function written(m: icmp6.Message): Uint8Array {
  const out = new Uint8Array(icmp6.size(m)).fill(0xee)
  expect(icmp6.write(m, out, 0, SRC, DST)).toBe(out.length)
  return out
}

/** Zero octets of a type. */
function typed(key: string): Uint8Array {
  const bytes = new Uint8Array(64)
  bytes[0] = icmp6.Type[key as keyof typeof icmp6.Type]
  return bytes
}

/** Octets with bits that the RFC of this type calls reserved or unused, and the bits that are not. */
function* reserved(bytes: Uint8Array): Generator<[at: number, mask: number]> {
  const unused = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i): [number, number] => [from + i, 0])
  switch (bytes[0]) {
    case 130:
    case 131:
    case 132:
      yield* unused(6, 8)
      break
    case 133:
    case 135:
    case 137:
    case 141:
    case 142:
      yield* unused(4, 8)
      break
    case 134:
      yield [5, 0xfc]
      break
    case 136:
      yield [4, 0xe0]
      yield* unused(5, 8)
      break
    case 144:
    case 145:
      yield [6, 0x80]
      yield [7, 0]
      break
    case 146:
      yield* unused(6, 8)
      break
    case 147:
      yield [6, 0xc0]
      yield [7, 0]
      break
    case 149:
      yield* unused(10, 12)
      break
    case 150:
      yield* unused(5, 8)
      break
    case 161:
      yield [7, 0xe7]
  }
  const options = { 133: 8, 134: 16, 135: 24, 136: 24, 137: 40, 141: 8, 142: 8, 146: 8, 147: 8, 148: 8, 149: 12 }[
    bytes[0]!
  ]
  if (options === undefined) return
  for (let i = options; i + 2 <= bytes.length; i += 8 * bytes[i + 1]!) {
    const units = bytes[i + 1]!
    const data = bytes.subarray(i + 2, i + 8 * units)
    yield* optionReserved(bytes[i]!, units, data).map(([at, mask]): [number, number] => [i + at, mask])
  }
}

function optionReserved(type: number, units: number, data: Uint8Array): [at: number, mask: number][] {
  const unused = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i): [number, number] => [from + i, 0])
  const list = units >= 3 && units % 2 === 1
  if (type === 3 && units === 4 && data[0]! <= 128) return [[3, 0xf0], ...unused(12, 16)]
  if (type === 4) return unused(2, 8)
  if (type === 5 && units === 1) return unused(2, 4)
  if ((type === 9 || type === 10) && list) return unused(2, 8)
  if (type === 24 && units <= 3 && data[0]! <= (units === 1 ? 0 : units === 2 ? 64 : 128)) return [[3, 0x18]]
  if (type === 25 && list) return unused(2, 4)
  if (type === 31 && isSearchList(units, data)) return unused(2, 4)
  return []
}

/** Whole labels with lengths under 64 up to a zero label, again and again, then zeros only. */
function isSearchList(units: number, data: Uint8Array): boolean {
  if (units < 2) return false
  let i = 6
  while (i < data.length && data[i] !== 0) {
    const start = i
    while (i < data.length && data[i] !== 0 && data[i]! < 64) i += 1 + data[i]!
    if (i >= data.length || data[i] !== 0 || i + 1 - start > 255) return false
    i++
  }
  return data.subarray(i).every((octet) => octet === 0)
}
