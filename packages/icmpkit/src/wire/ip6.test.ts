import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip6, parseIp } from './addr.ts'
import * as icmp6 from './icmp6.ts'
import * as ip6 from './ip6.ts'
import type { Extension } from './ip6-extension.ts'
import { hex, put16, unhex } from './octets.ts'

const ip = (text: string) => parseIp(text) as Ip6
const SRC = ip('2001:db8::1')
const DST = ip('2001:db8:0:2::2')
const ADDRESSES = '20010db8000000000000000000000001 20010db8000000020000000000000002'

// All from scapy; `IP` is IPv6(src='2001:db8::1', dst='2001:db8:0:2::2'), `ECHO` ICMPv6EchoRequest(id=1, seq=2).
// IPv6(…, tc=0xb8, fl=0xbeef1, hlim=57, nh=58) / b'ABCDEFGH'
const PLAIN = unhex(`6b8beef100083a39 ${ADDRESSES} 4142434445464748`)
// IPv6(src='fe80::1', dst='ff02::16', hlim=1) / IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)]) / ICMPv6MLReport2()
const MLD = unhex(
  '6000000000100001fe800000000000000000000000000001ff020000000000000000000000000016 3a00050200000100 8f00732200000000',
)
// IP / IPv6ExtHdrDestOpt(autopad=0, options=[Pad1(), HBHOptUnknown(otype=0x1e, optdata=b'abcdef'), PadN(optdata=3 zeros)]) / ECHO
const DESTINATION = unhex(`6000000000183c40 ${ADDRESSES} 3a01001e066162636465660103000000 8000244300010002`)
// IP / IPv6ExtHdrRouting(addresses=['2001:db8::a', '2001:db8::b'], segleft=2) / ECHO
const ROUTING0 = unhex(
  `6000000000302b40 ${ADDRESSES} 3a0400020000000020010db800000000000000000000000a20010db800000000000000000000000b 8000243c00010002`,
)
// the same with segleft=0
const ROUTING0_DONE = unhex(
  `6000000000302b40 ${ADDRESSES} 3a0400000000000020010db800000000000000000000000a20010db800000000000000000000000b 8000244300010002`,
)
// IP / IPv6ExtHdrRouting(type=2, addresses=['2001:db8::a'], segleft=1) / ECHO
const ROUTING2 = unhex(
  `6000000000202b40 ${ADDRESSES} 3a0202010000000020010db800000000000000000000000a 8000243d00010002`,
)
// IP / IPv6ExtHdrSegmentRouting(addresses=['2001:db8::f', '2001:db8:0:2::2'], segleft=1, lastentry=1) / ECHO
const SEGMENTS = unhex(
  `6000000000302b40 ${ADDRESSES} 3a0404010100000020010db800000000000000000000000f20010db8000000020000000000000002 8000243800010002`,
)
// IP / IPv6ExtHdrFragment(id=0xdeadbeef, m=1, offset=0, nh=58) / 8 octets
const FIRST = unhex(`6000000000102c40 ${ADDRESSES} 3a000001deadbeef 8000111100010002`)
// IP / IPv6ExtHdrFragment(id=0xdeadbeef, m=0, offset=181, nh=60) / b'middle of it'
const LATER = unhex(`6000000000142c40 ${ADDRESSES} 3c0005a8deadbeef 6d6964646c65206f66206974`)
// IP / AH(nh=58, spi=0x1234, seq=9, icv=b'\xaa'*12, payloadlen=4) / 8 octets
const AUTHENTICATED = unhex(
  `6000000000203340 ${ADDRESSES} 3a0400000000123400000009aaaaaaaaaaaaaaaaaaaaaaaa 8000111100010002`,
)
// IP / HopByHop(RouterAlert(value=1)) / DestOpt(PadN(4 zeros)) / Routing(['2001:db8::a'], segleft=1) / Fragment(id=5) / UDP / b'q'
const CHAIN = unhex(
  `6000000000390040 ${ADDRESSES} 3c00050200010100 2b00010400000000 2c0200010000000020010db800000000000000000000000a
   1100000000000005 0035829a0009b08f71`,
)
// IPv6(…, plen=0) / IPv6ExtHdrHopByHop(options=[Jumbo(jumboplen=70000)]) / UDP(sport=1, dport=2, len=0, chksum=0x1234)
const JUMBO = unhex(`6000000000000040 ${ADDRESSES} 1100c20400011170 0001000200001234`)

const ALL = { PLAIN, MLD, DESTINATION, ROUTING0, ROUTING2, SEGMENTS, FIRST, LATER, AUTHENTICATED, CHAIN, JUMBO }

const parsed = (bytes: Uint8Array, at?: number, end?: number) => ip6.parse(bytes, at, end) as ip6.Header
const verdict = (bytes: Uint8Array, h: ip6.Header, dst: Ip6) =>
  icmp6.verify(bytes, h.payload, h.end, h.end - h.payload, h.src, dst)

test('a header made by scapy has these fields (RFC 8200 §3)', () => {
  expect(parsed(PLAIN)).toEqual({
    kind: 'ip6',
    trafficClass: 0xb8,
    flowLabel: 0xbeef1,
    payloadLength: 8,
    nextHeader: 58,
    hopLimit: 57,
    src: SRC,
    dst: DST,
    extensions: [],
    protocol: 58,
    payload: 40,
    end: 48,
    fragment: undefined,
    finalDst: DST,
  })
})

test('the walk finds the upper layer behind each extension header, and what stands in it (RFC 8200 §4)', () => {
  expect(parsed(MLD)).toMatchObject({
    extensions: [
      {
        kind: 'hopByHop',
        options: [
          { kind: 'routerAlert', value: 0 },
          { kind: 'padN', length: 0 },
        ],
      },
    ],
    nextHeader: 0,
    protocol: 58,
    payload: 48,
    end: 56,
  })
  expect(parsed(DESTINATION)).toMatchObject({
    extensions: [
      {
        kind: 'destinationOptions',
        options: [
          { kind: 'pad1' },
          { kind: 'unknown', type: 0x1e, data: unhex('616263646566') },
          { kind: 'padN', length: 3 },
        ],
      },
    ],
    protocol: 58,
    payload: 56,
  })
  expect(parsed(AUTHENTICATED)).toMatchObject({
    extensions: [{ kind: 'authentication', spi: 0x1234, seq: 9, icv: new Uint8Array(12).fill(0xaa) }],
    protocol: 58,
    payload: 64,
  })
  expect(parsed(CHAIN)).toMatchObject({
    extensions: [
      { kind: 'hopByHop' },
      { kind: 'destinationOptions' },
      { kind: 'routing', routingType: 0, segmentsLeft: 1 },
      { kind: 'fragment', offset: 0, more: false, id: 5 },
    ],
    protocol: 17,
    payload: 88,
    end: 97,
    finalDst: ip('2001:db8::a'),
    fragment: { offset: 0, more: false, id: 5 },
  })
})

test('a parsed header writes back to the same octets', () => {
  for (const [name, wire] of Object.entries(ALL)) {
    const h = parsed(wire)
    const out = new Uint8Array(wire.length + 5).fill(0xee)
    expect(ip6.size(h), name).toBe(h.payload)
    expect(ip6.write(h, out, 5, h.end - h.payload), name).toBe(5 + h.payload)
    expect(hex(out.subarray(5, 5 + h.payload)), name).toBe(hex(wire.subarray(0, h.payload)))
    expect(hex(out.subarray(0, 5))).toBe('eeeeeeeeee')
  }
})

test('with segments left, the checksum covers the final destination; without, the one in the header [v6-format-checksum-rh]', () => {
  for (const [wire, last] of [
    [ROUTING0, '2001:db8::b'],
    [ROUTING2, '2001:db8::a'],
    [SEGMENTS, '2001:db8::f'],
  ] as const) {
    const h = parsed(wire)
    expect(h.finalDst).toBe(ip(last))
    expect(verdict(wire, h, h.finalDst)).toBe('ok')
    expect(verdict(wire, h, h.dst)).toBe('bad')
  }
  const done = parsed(ROUTING0_DONE)
  expect(done.finalDst).toBe(DST)
  expect(verdict(ROUTING0_DONE, done, done.finalDst)).toBe('ok')
})

test('extension headers count neither in the length nor as the next header that a checksum covers [v6-format-checksum-length]', () => {
  const h = parsed(DESTINATION)
  expect([h.nextHeader, h.protocol, h.payloadLength, h.end - h.payload]).toEqual([60, 58, 24, 8])
  expect(verdict(DESTINATION, h, DST)).toBe('ok')
  expect(icmp6.verify(DESTINATION, h.payload, h.end, h.payloadLength, h.src, DST)).not.toBe('ok')
})

test('the middle of a later fragment is no header, whatever its next header field says', () => {
  expect(parsed(LATER)).toMatchObject({
    fragment: { offset: 1448, more: false, id: 0xdeadbeef },
    protocol: 60,
    payload: 48,
    end: 60,
  })
  expect(parsed(FIRST)).toMatchObject({ fragment: { offset: 0, more: true }, protocol: 58, payload: 48 })
})

test('octets behind the payload length are not payload, and a payload length beyond the octets shows as a smaller end', () => {
  const frame = new Uint8Array(80).fill(0x55)
  frame.set(PLAIN, 10)
  expect(parsed(frame, 10)).toMatchObject({ payload: 50, end: 58 })
  expect(parsed(PLAIN, 0, 44)).toMatchObject({ payloadLength: 8, payload: 40, end: 44 })
})

test('a payload length that lies never moves the end out of the octets that are here (CVE-2020-17441, CVE-2020-17443)', () => {
  const wire = PLAIN.slice()
  for (const length of [0, 1, 7, 8, 9, 4096, 65535]) {
    put16(wire, 4, length)
    expect(parsed(wire)).toMatchObject({ payload: 40, end: 40 + Math.min(length, 8) })
  }
  const chain = CHAIN.slice()
  for (let length = 1; length <= 100; length++) {
    put16(chain, 4, length)
    const h = ip6.parse(chain)
    if (h.kind === 'ip6') expect(h.payload <= h.end && h.end <= chain.length).toBe(true)
    else expect(length).toBeLessThan(48)
  }
})

test('a header that is not one is malformed', () => {
  expect(ip6.parse(PLAIN, 0, 39)).toEqual({ kind: 'malformed', why: 'truncated', at: 39 })
  expect(ip6.parse(unhex(`4b8beef100083a39 ${ADDRESSES}`))).toEqual({ kind: 'malformed', why: 'bad-version', at: 0 })
})

test('a chain that the capture cuts off ends at the header that is cut; a quote is read as far as it goes', () => {
  const whole = parsed(CHAIN)
  const starts = [40, 48, 56, 80, 88]
  for (let end = 40; end < CHAIN.length; end++) {
    const reached = starts.filter((s) => s <= end).length - 1
    const h = parsed(CHAIN, 0, end)
    expect(h.kind, `end ${end}`).toBe('ip6')
    expect(h.payload).toBe(starts[reached])
    expect(h.extensions).toEqual(whole.extensions.slice(0, reached))
    expect(h.protocol).toBe([0, 60, 43, 44, 17][reached])
    expect(h.end).toBe(end)
  }
})

test('a chain that the packet itself cuts off is malformed', () => {
  const wire = DESTINATION.slice()
  put16(wire, 4, 12)
  expect(ip6.parse(wire)).toEqual({ kind: 'malformed', why: 'truncated', at: 52 })
  put16(wire, 4, 0)
  expect(ip6.parse(wire)).toEqual({ kind: 'malformed', why: 'truncated', at: 40 })
  // The length octet of the extension header lies.
  put16(wire, 4, 24)
  wire[41] = 255
  expect(ip6.parse(wire)).toEqual({ kind: 'malformed', why: 'truncated', at: 64 })
})

test('a first fragment may end inside the chain: its header is read, for the error that RFC 7112 has for it', () => {
  // Fragment, offset 0, more to come, announcing destination options of which four octets are here.
  const wire = unhex(`60000000000c2c40 ${ADDRESSES} 3c000001deadbeef 3a010104`)
  expect(parsed(wire)).toMatchObject({ protocol: 60, payload: 48, end: 52, fragment: { offset: 0, more: true } })
})

test('hop-by-hop options anywhere but first end the walk: they are not recognised there (RFC 8200 §4)', () => {
  const wire = unhex(`6000000000183c40 ${ADDRESSES} 0000010400000000 3a00010400000000 8000244300010002`)
  expect(parsed(wire)).toMatchObject({ protocol: 0, payload: 48, extensions: [{ kind: 'destinationOptions' }] })
})

test('no next header and ESP end the walk (RFC 8200 §4.7, RFC 4303)', () => {
  for (const protocol of [59, 50]) {
    const wire = DESTINATION.slice()
    wire[40] = protocol
    expect(parsed(wire)).toMatchObject({ protocol, payload: 56 })
  }
})

test('options that do not add up leave the header readable: a Parameter Problem quotes exactly such packets', () => {
  const wire = DESTINATION.slice()
  wire[44] = 200
  expect(parsed(wire)).toMatchObject({
    extensions: [{ kind: 'badOptions', header: 60, why: 'bad-length', at: 4 }],
    protocol: 58,
    payload: 56,
  })
  const out = new Uint8Array(wire.length)
  ip6.write(parsed(wire), out, 0, 8)
  expect(hex(out, 0, 56)).toBe(hex(wire, 0, 56))
})

test('a chain of 8,000 headers is malformed after 32 (RFC 8883 has codes for it; no walk is longer)', () => {
  const wire = new Uint8Array(40 + 8000 * 8)
  ip6.write({ protocol: 60, src: SRC, dst: DST }, wire, 0, 8000 * 8)
  for (let i = 40; i < wire.length; i += 8) wire.set(unhex('3c00010400000000'), i)
  expect(ip6.parse(wire)).toEqual({ kind: 'malformed', why: 'too-long', at: 40 + 32 * 8 })
  expect(ip6.skip(wire, 0, wire.length)).toBe(-1)
  wire[40 + 31 * 8] = 58
  expect(parsed(wire)).toMatchObject({ protocol: 58, payload: 40 + 32 * 8 })
})

test('extension headers of length 0 make progress, 255 is bounded: no loop (CVE-2020-7469: headers inside a quote)', () => {
  for (const header of [0, 43, 44, 51, 60, 135, 139, 140]) {
    for (const length of [0, 1, 2, 255]) {
      const wire = new Uint8Array(40 + 2400)
      ip6.write({ protocol: header, src: SRC, dst: DST }, wire, 0, 2400)
      // Every octet announces the same header again.
      for (let i = 40; i < wire.length; i += 8) wire.set([header, length], i)
      for (let end = 40; end <= wire.length; end += 8) {
        const h = ip6.parse(wire, 0, end)
        if (h.kind === 'ip6') expect(h.extensions.length).toBeLessThanOrEqual(32)
      }
    }
  }
})

test('the length of a jumbogram stands in its hop-by-hop option (RFC 2675)', () => {
  expect(parsed(JUMBO)).toMatchObject({
    payloadLength: 0,
    extensions: [{ kind: 'hopByHop', options: [{ kind: 'jumbo', length: 70000 }] }],
    protocol: 17,
    payload: 48,
    end: 56,
  })
  const long = new Uint8Array(40 + 70000 + 9)
  long.set(JUMBO)
  expect(parsed(long)).toMatchObject({ end: 40 + 70000 })
  const none = unhex(`6000000000000040 ${ADDRESSES} 1100010400000000`)
  expect(ip6.parse(none)).toEqual({ kind: 'malformed', why: 'bad-length', at: 4 })
})

test('skip goes where parse goes, for all cuts of all packets', () => {
  for (const wire of Object.values(ALL)) {
    for (let end = 0; end <= wire.length; end++) {
      expectSkipAsParse(wire, 0, end)
    }
  }
})

test('skip goes where parse goes, for damaged packets', () => {
  const packet = fc.constantFrom(...Object.values(ALL))
  const damage = fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 43, 44, 51, 58, 59, 60, 135, 255, 0x60)))
  fc.assert(
    fc.property(packet, damage, fc.nat(100), (base, edits, cut) => {
      const wire = new Uint8Array(base.length + 3)
      wire.set(base, 3)
      for (const [where, octet] of edits) wire[3 + (where % base.length)] = octet
      expectSkipAsParse(wire, 3, Math.max(3, wire.length - (cut < 50 ? 0 : cut - 50)))
    }),
    { numRuns: 5000 },
  )
})

test('values too wide for their fields are refused, not cut', () => {
  const f = { protocol: 58, src: SRC, dst: DST }
  const out = new Uint8Array(100)
  for (const change of [{ trafficClass: 256 }, { flowLabel: 0x100000 }, { hopLimit: 256 }, { protocol: -1 }]) {
    expect(() => ip6.write({ ...f, ...change }, out, 0, 0)).toThrow(RangeError)
  }
  expect(() => ip6.write(f, out, 61, 0)).toThrow(RangeError)
})

test('a jumbo option that tells less than stands here does not hide the length (RFC 2675 §3)', () => {
  // Found by the fuzz run: IPv6(plen=24) / IPv6ExtHdrHopByHop(options=[Jumbo(jumboplen=9)]) / 16 octets
  const packet = new Uint8Array([
    ...unhex('6000000000180040 20010db8000000000000000000000001 20010db8000000000000000000000002 3b00c20400000009'),
    ...new Uint8Array(16),
  ])
  const h = ip6.parse(packet)
  if (h.kind !== 'ip6') throw new Error(h.why)
  const out = new Uint8Array(packet.length)
  expect(ip6.write(h, out, 0, h.end - h.payload)).toBe(48)
  expect(out).toEqual(packet)
})

test('the largest payload is 65,535 octets without a jumbo option (iputils 20240905: sizes 65527 and 65528)', () => {
  const out = new Uint8Array(100)
  const f = { protocol: 58, src: SRC, dst: DST }
  ip6.write(f, out, 0, 8 + 65527)
  expect(parsed(out)).toMatchObject({ payloadLength: 65535, end: 100 })
  expect(() => ip6.write(f, out, 0, 8 + 65528)).toThrow(RangeError)
  const jumbo: Extension = { kind: 'hopByHop', options: [{ kind: 'jumbo', length: 8 + 8 + 65528 }] }
  ip6.write({ ...f, extensions: [jumbo] }, out, 0, 8 + 65528)
  expect(parsed(out)).toMatchObject({ payloadLength: 0, protocol: 58, payload: 48 })
})

test('the hop limit and the addresses change in place', () => {
  const wire = ROUTING0_DONE.slice()
  ip6.setHopLimit(wire, 0, 7)
  ip6.swapAddresses(wire, 0)
  expect(parsed(wire)).toMatchObject({ hopLimit: 7, src: DST, dst: SRC })
  expect(verdict(wire, parsed(wire), SRC)).toBe('ok')
})

test('what is written is parsed again, for all fields and chains', () => {
  fc.assert(
    fc.property(headers(), fc.nat(100), (f, payloadLength) => {
      const out = new Uint8Array(ip6.size(f) + payloadLength)
      const payload = ip6.write(f, out, 0, payloadLength)
      const { extensions, ...fixed } = f
      const h = parsed(out)
      expect(h).toMatchObject({ ...fixed, payload, end: out.length })
      expect(h.extensions.map((e) => e.kind)).toEqual(extensions!.map((e) => e.kind))
      const again = new Uint8Array(out.length)
      ip6.write(h, again, 0, payloadLength)
      expect(hex(again, 0, payload)).toBe(hex(out, 0, payload))
    }),
  )
})

function expectSkipAsParse(wire: Uint8Array, at: number, end: number) {
  const h = ip6.parse(wire, at, end)
  const skipped = ip6.skip(wire, at, end)
  if (h.kind === 'malformed') {
    expect(skipped).toBe(-1)
    expect(ip6.upperAt(skipped)).toBeLessThan(0)
    return
  }
  expect([ip6.upperAt(skipped), ip6.upperProtocol(skipped), ip6.upperIsLater(skipped)]).toEqual([
    h.payload - at,
    h.protocol,
    h.fragment !== undefined && h.fragment.offset !== 0,
  ])
}

function headers(): fc.Arbitrary<ip6.Fields> {
  const address = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }) as fc.Arbitrary<Ip6>
  const octets = fc.uint8Array({ maxLength: 40 })
  const extension: fc.Arbitrary<Extension> = fc.oneof(
    fc.record({
      kind: fc.constant('destinationOptions' as const),
      options: fc.array(
        fc.oneof(
          fc.record({ kind: fc.constant('pad1' as const) }),
          fc.record({ kind: fc.constant('padN' as const), length: fc.nat(9) }),
          fc.record({ kind: fc.constant('routerAlert' as const), value: fc.nat(65535) }),
          fc.record({ kind: fc.constant('unknown' as const), type: fc.integer({ min: 6, max: 100 }), data: octets }),
        ),
        { maxLength: 8 },
      ),
    }),
    fc.record({
      kind: fc.constant('routing' as const),
      routingType: fc.nat(255),
      segmentsLeft: fc.nat(255),
      data: octets,
    }),
    fc.record({
      kind: fc.constant('fragment' as const),
      offset: fc.constant(0),
      more: fc.boolean(),
      id: fc.nat(0xffffffff),
    }),
    fc.record({
      kind: fc.constant('authentication' as const),
      spi: fc.nat(0xffffffff),
      seq: fc.nat(0xffffffff),
      icv: octets,
    }),
    fc.record({ kind: fc.constant('unknown' as const), header: fc.constantFrom(135, 139, 140), data: octets }),
  )
  return fc.record({
    trafficClass: fc.nat(255),
    flowLabel: fc.nat(0xfffff),
    protocol: fc.constantFrom(1, 6, 17, 50, 58, 59, 253),
    hopLimit: fc.nat(255),
    src: address,
    dst: address,
    extensions: fc.array(extension, { maxLength: 5 }),
  })
}
