import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Family, type Ip4, type Ip6, parseIp } from './addr.ts'
import { unhex } from './octets.ts'
import * as quote from './quote.ts'

/** Whole datagrams, made by scapy 2.5; 192.0.2.1 > 198.51.100.9 with TTL 1, 2001:db8::1 > 2001:db8::9 with hop limit 1. */
const DATAGRAMS = {
  // UDP(sport=40000, dport=33434)/b'tracetrc'
  udp: '450000241c4600000111b145c0000201c6336409 9c40829a00104707 7472616365747263',
  // TCP(sport=40000, dport=443, seq=0xdeadbeef, ack=5, flags='S', window=1024, options=[('MSS', 1460)])/b'hello'
  tcp: '450000311c4600000106b143c0000201c6336409 9c4001bbdeadbeef000000056002040028730000020405b4 68656c6c6f',
  // ICMP(id=0x1234, seq=7)/b'pingdata'
  icmp: '450000241c4600000101b155c0000201c6336409 08002e3112340007 70696e6764617461',
  // ICMP(type=13, id=0x1234, seq=7, …)
  timestamp: '450000281c4600000101b151c0000201c6336409 0d00e0be12340007 000000010000000200000003',
  // ICMP(type=3, code=1)/b'12345678'
  unreachable: '450000241c4600000101b155c0000201c6336409 03012c2a00000000 3132333435363738',
  // options=[IPOption_RR(9 empty routers), IPOption_EOL()], UDP(sport=40000, dport=33434)/b'ab'
  options: `4f0000461c46000001119bfcc0000201c6336409 072704${'00'.repeat(37)} 9c40829a000a935e 6162`,
  // proto=253, flags='DF', b'whatever'
  other: '4500001c1c46400001fd7061c0000201c6336409 7768617465766572',
  // proto=17, frag=185, b'whatever'
  fragment: '4500001c1c4600b90111b094c0000201c6336409 7768617465766572',
  // proto=17, b'abc'
  short: '450000171c4600000111b152c0000201c6336409 616263',
  udp6: '600000000010110120010db800000000000000000000000120010db8000000000000000000000009 9c40829a0010d7c9 7472616365747263',
  // HopByHop([RouterAlert]), Routing([2001:db8::a]), Fragment(id=5, m=1), DestOpt([PadN(4)]), UDP
  chain:
    '600000000040000120010db800000000000000000000000120010db8000000000000000000000009 2b00050200000100' +
    '2c0200010000000020010db800000000000000000000000a 3c00000100000005 1100010400000000 9c40829a0010d7c8 7472616365747263',
  // Fragment(id=5, offset=185, nh=17)/b'whatever'
  fragment6:
    '6000000000102c0120010db800000000000000000000000120010db8000000000000000000000009 110005c800000005 7768617465766572',
  // nh=59
  nothing6: '6000000000003b0120010db800000000000000000000000120010db8000000000000000000000009',
  // nh=59, b'whatever'
  ignored6: '6000000000083b0120010db800000000000000000000000120010db8000000000000000000000009 7768617465766572',
  // ICMPv6EchoRequest(id=0x1234, seq=7, data=b'pingdata')
  echo6:
    '6000000000103a0120010db800000000000000000000000120010db8000000000000000000000009 80005a6a12340007 70696e6764617461',
  // nh=1, b'whatever'
  icmp4in6: '600000000008010120010db800000000000000000000000120010db8000000000000000000000009 7768617465766572',
}

const SRC = parseIp('192.0.2.1') as Ip4
const DST = parseIp('198.51.100.9') as Ip4

const familyOf = (bytes: Uint8Array): Family => (bytes[0]! >> 4 === 6 ? 6 : 4)

/** The first `length` octets of a datagram, quoted. */
function read(name: keyof typeof DATAGRAMS, length?: number): quote.Quote {
  const bytes = unhex(DATAGRAMS[name])
  const q = quote.parse(bytes, 0, length ?? bytes.length, familyOf(bytes))
  if ('kind' in q) throw new Error(`malformed: ${q.why} at ${q.at}`)
  return q
}

describe('a quote of header and 8 octets, as RFC 792 has it,', () => {
  test('gives addresses, ports and length of UDP', () => {
    const q = read('udp', 28)
    expect(q.ip).toMatchObject({ src: SRC, dst: DST, ttl: 1, id: 0x1c46, length: 36, end: 28 })
    expect(q.transport).toMatchObject({ kind: 'udp', srcPort: 40000, dstPort: 33434, length: 16, checksum: 0x4707 })
    expect(q.missing).toEqual(['payload'])
  })

  test('gives ports and sequence number of TCP, and says that the rest of its header is missing', () => {
    const q = read('tcp', 28)
    expect(q.transport).toMatchObject({
      kind: 'tcp',
      srcPort: 40000,
      dstPort: 443,
      seq: 0xdeadbeef,
      ack: undefined,
      flags: undefined,
    })
    expect(q.missing).toEqual(['transport-header', 'payload'])
    expect(read('tcp').transport).toMatchObject({ ack: 5, flags: 2, window: 1024, options: unhex('020405b4') })
    expect(read('tcp').missing).toEqual([])
  })

  test('of eight octets of TCP that is filled up with zeros to 128 has ports and sequence number, and lacks the rest (RFC 4884 §3)', () => {
    for (const header of [
      '450000281c4600000106b14cc0000201c6336409',
      '6000000000140601' + '20010db8000000000000000000000001'.repeat(2),
    ]) {
      const whole = unhex(`${header}9c4001bbdeadbeef`)
      const padded = new Uint8Array(128)
      padded.set(whole)
      const q = quote.parse(padded, 0, 128, header.startsWith('4') ? 4 : 6) as quote.Quote
      expect(q.transport).toMatchObject({
        kind: 'tcp',
        srcPort: 40000,
        dstPort: 443,
        seq: 0xdeadbeef,
        flags: undefined,
      })
      expect(q.missing).toEqual(['transport-header', 'payload'])
      padded[whole.length] = 1
      expect((quote.parse(padded, 0, 128, header.startsWith('4') ? 4 : 6) as quote.Quote).transport).toMatchObject({
        kind: 'malformed',
      })
    }
  })

  test('gives type, code, identifier and sequence of ICMP questions, and none of errors', () => {
    expect(read('icmp', 28)).toMatchObject({
      transport: { kind: 'icmp4', type: 8, code: 0, checksum: 0x2e31, id: 0x1234, seq: 7, payload: 28, end: 28 },
      missing: ['payload'],
    })
    expect(read('timestamp', 28).transport).toMatchObject({ type: 13, id: 0x1234, seq: 7 })
    expect(read('unreachable', 28).transport).toMatchObject({ type: 3, code: 1, id: undefined, seq: undefined })
    expect(read('echo6', 48)).toMatchObject({
      transport: { kind: 'icmp6', type: 128, id: 0x1234, seq: 7 },
      missing: ['payload'],
    })
  })

  test('gives the eight-bit sequence of an extended echo', () => {
    const bytes = unhex('450000241c4600000101b155c0000201c6336409 2a000000123407ff 2000000000080302')
    expect(quote.parse(bytes, 0, bytes.length, 4)).toMatchObject({ transport: { type: 42, id: 0x1234, seq: 7 } })
  })
})

describe('a quoted header', () => {
  test('with 40 octets of options has its ports at octet 60 (RFC 1122 §3.2.2) [v4-quote-parse-nested]', () => {
    const q = read('options', 68)
    expect(q.ip).toMatchObject({ payload: 60 })
    expect(q.transport).toMatchObject({ kind: 'udp', srcPort: 40000, dstPort: 33434 })
  })

  test('whose total length is larger than the quote is normal, as is one with padding behind (RFC 791 §3.1) [v4-quote-total-length] [v4-ext-transport-cut]', () => {
    expect(read('udp', 24)).toMatchObject({ ip: { length: 36, end: 24 }, missing: ['transport-header', 'payload'] })
    const padded = unhex(`${DATAGRAMS.udp.replaceAll(' ', '')}`.padEnd(256, '0'))
    expect(quote.parse(padded, 0, 128, 4)).toMatchObject({
      ip: { end: 36 },
      transport: { kind: 'udp', payload: 28, end: 36 },
      missing: [],
    })
  })

  test('whose total length leaves out the header, or has its octets swapped, is read all the same: old stacks quote such', () => {
    for (const length of ['0010', '0000', '0013']) {
      const bytes = unhex(DATAGRAMS.udp.replace('45000024', `4500${length}`))
      expect(quote.parse(bytes, 0, 28, 4)).toMatchObject({
        ip: { length: Number.parseInt(length, 16), end: 28 },
        transport: { kind: 'udp', srcPort: 40000, dstPort: 33434 },
        missing: ['payload'],
      })
    }
    const swapped = unhex(DATAGRAMS.udp.replace('45000024', '45002400'))
    expect(quote.parse(swapped, 0, 28, 4)).toMatchObject({ transport: { dstPort: 33434 }, missing: ['payload'] })
  })

  test('followed by its IPv6 chain leads to the transport behind it', () => {
    const q = read('chain')
    expect(q.ip).toMatchObject({
      extensions: [{ kind: 'hopByHop' }, { kind: 'routing' }, { kind: 'fragment' }, { kind: 'destinationOptions' }],
      protocol: 17,
      finalDst: parseIp('2001:db8::a') as Ip6,
    })
    expect(q).toMatchObject({ transport: { kind: 'udp', srcPort: 40000, dstPort: 33434 }, missing: [] })
  })

  test('of a chain that is cut says that the transport is unknown, at every octet of it', () => {
    for (let length = 40; length < 88; length++) {
      expect(read('chain', length), `${length}`).toMatchObject({
        transport: { kind: 'none' },
        missing: ['extension-header', 'ports', 'transport-header', 'payload'],
      })
    }
    expect(read('chain', 88)).toMatchObject({ transport: { kind: 'none', protocol: 17 } })
    expect(read('chain', 88).missing).toEqual(['ports', 'transport-header', 'payload'])
    expect(read('chain', 92).transport).toMatchObject({ kind: 'udp', dstPort: 33434, length: undefined })
  })

  test('of a later fragment has no transport header, whatever its octets look like', () => {
    expect(read('fragment')).toMatchObject({ transport: { kind: 'fragment', protocol: 17 }, missing: [] })
    expect(read('fragment', 24)).toMatchObject({ transport: { kind: 'fragment' }, missing: ['payload'] })
    expect(read('fragment6')).toMatchObject({ transport: { kind: 'fragment', protocol: 17 }, missing: [] })
  })

  test('with nothing behind it, or ICMP of the other family, is no transport that we read', () => {
    expect(read('nothing6')).toMatchObject({ transport: { kind: 'none', protocol: 59 }, missing: [] })
    expect(read('icmp4in6').transport).toMatchObject({ kind: 'other', protocol: 1 })
  })
})

describe('a short quote', () => {
  test('says what is missing, octet by octet', () => {
    const missing = (name: keyof typeof DATAGRAMS, length: number) => read(name, length).missing.join(' ')
    for (const name of ['udp', 'tcp'] as const) {
      for (const length of [20, 21, 23]) expect(missing(name, length)).toBe('ports transport-header payload')
      for (const length of [24, 27]) expect(missing(name, length)).toBe('transport-header payload')
    }
    expect(missing('udp', 28)).toBe('payload')
    expect(missing('tcp', 43)).toBe('transport-header payload')
    expect(missing('tcp', 44)).toBe('payload')
    for (const length of [20, 21]) expect(missing('icmp', length)).toBe('ports transport-header payload')
    for (const length of [22, 27]) expect(missing('icmp', length)).toBe('transport-header payload')
    expect(missing('icmp', 35)).toBe('payload')
    // RFC 8200 §4.7: behind "no next header" there is no header that could be missing.
    expect(missing('ignored6', 44)).toBe('payload')
    for (const name of Object.keys(DATAGRAMS) as (keyof typeof DATAGRAMS)[]) expect(missing(name, undefined!)).toBe('')
  })

  test('of an original that was shorter than eight octets lacks nothing (RFC 792)', () => {
    expect(read('short')).toMatchObject({ transport: { kind: 'none', protocol: 17 }, missing: [] })
  })

  test('shorter than its own header, not version 4, or with an IHL under 5 is malformed [v4-quote-parse-short]', () => {
    const bytes = unhex(DATAGRAMS.options)
    for (let length = 0; length < 60; length++) {
      expect(quote.parse(bytes, 0, length, 4)).toEqual({ kind: 'malformed', why: 'truncated', at: length })
    }
    expect(quote.parse(bytes, 0, 0, 4)).toEqual({ kind: 'malformed', why: 'truncated', at: 0 })
    for (const [octet, why] of [
      [0x55, 'bad-version'],
      [0x44, 'bad-length'],
    ] as const) {
      const wrong = Uint8Array.from(bytes)
      wrong[0] = octet
      expect(quote.parse(wrong, 0, wrong.length, 4)).toEqual({ kind: 'malformed', why, at: 0 })
    }
    const six = unhex(DATAGRAMS.udp6)
    for (let length = 0; length < 40; length++) {
      expect(quote.parse(six, 0, length, 6)).toMatchObject({ kind: 'malformed', why: 'truncated', at: length })
    }
  })

  test('is never read past its end: every datagram, cut at every octet', () => {
    for (const octets of Object.values(DATAGRAMS)) {
      const bytes = unhex(octets)
      for (let length = 0; length <= bytes.length; length++) {
        const [a, b] = [0x00, 0xff].map((poison) => parseBetween(bytes.subarray(0, length), poison))
        expect(a).toEqual(b)
      }
    }
  })

  test('of any octets is read without a throw or a read outside', () => {
    const protocols = [0, 1, 6, 17, 43, 44, 51, 58, 59, 60, 135, 253]
    const datagram = fc
      .tuple(fc.constantFrom(4, 6), fc.constantFrom(...protocols), fc.uint8Array({ maxLength: 160 }))
      .map(([family, protocol, bytes]) => {
        if (bytes.length > 0) bytes[0] = family === 4 ? 0x40 | (bytes[0]! & 0x0f) : 0x60
        if (bytes.length > 9) bytes[family === 4 ? 9 : 6] = protocol
        return bytes
      })
    fc.assert(
      fc.property(datagram, (bytes) => {
        expect(parseBetween(bytes, 0x00)).toEqual(parseBetween(bytes, 0xff))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('bugs of others', () => {
  test('CVE-2022-23093, FreeBSD ping: options in the quoted header move what follows, up to 40 octets', () => {
    for (let words = 0; words <= 10; words++) {
      const header = unhex(DATAGRAMS.icmp.slice(0, 40))
      const options = new Uint8Array(4 * words).fill(1)
      const bytes = Uint8Array.of(...header, ...options, ...unhex('08002e311234000770696e6764617461'))
      bytes[0] = 0x45 + words
      bytes[3] = bytes.length
      expect(quote.parse(bytes, 0, bytes.length, 4)).toMatchObject({
        ip: { payload: 20 + 4 * words },
        transport: { kind: 'icmp4', id: 0x1234, seq: 7 },
        missing: [],
      })
      // The header promises options that the quote does not have.
      expect(quote.parse(bytes, 0, 19 + 4 * words, 4)).toMatchObject({ kind: 'malformed', why: 'truncated' })
    }
  })

  test('smoltcp #16 and #638: a quote shorter than its own length fields say is normal', () => {
    const bytes = unhex(DATAGRAMS.udp)
    bytes.set([0x05, 0xdc], 2)
    bytes.set([0x05, 0xc8], 24)
    expect(quote.parse(bytes, 0, 28, 4)).toMatchObject({
      ip: { length: 1500, end: 28 },
      transport: { kind: 'udp', length: 1480, payload: 28, end: 28 },
      missing: ['payload'],
    })
  })

  test('CVE-2026-23398, Linux: a quote of a protocol that nobody speaks is read as other, for each number', () => {
    const known = [1, 6, 17]
    for (let protocol = 0; protocol < 256; protocol++) {
      const bytes = unhex(DATAGRAMS.other)
      bytes[9] = protocol
      const q = quote.parse(bytes, 0, 28, 4)
      if (known.includes(protocol)) expect(q).toMatchObject({ ip: { protocol } })
      else expect(q).toMatchObject({ transport: { kind: 'other', protocol, octets: bytes.subarray(20) }, missing: [] })
    }
  })

  test('CVE-2020-7469, FreeBSD: extension headers in the quoted packet are walked inside the quote only', () => {
    const bytes = unhex(DATAGRAMS.chain)
    // The hop-by-hop header claims 2048 octets: more than the packet that it stands in.
    bytes[41] = 255
    expect(quote.parse(bytes, 0, bytes.length, 6)).toMatchObject({ kind: 'malformed', why: 'truncated' })
    bytes.set([0xff, 0xff], 4)
    expect(quote.parse(bytes, 0, bytes.length, 6)).toMatchObject({
      missing: ['extension-header', 'ports', 'transport-header', 'payload'],
    })
  })

  test('CVE-2017-12895, tcpdump: a transport header with a length of its own that lies is malformed, not read past', () => {
    const udp = unhex(DATAGRAMS.udp)
    udp.set([0, 7], 24)
    expect(quote.parse(udp, 0, 36, 4)).toMatchObject({ transport: { kind: 'malformed', why: 'bad-length' } })
    const tcp = unhex(DATAGRAMS.tcp)
    tcp[32] = 0x40
    expect(quote.parse(tcp, 0, tcp.length, 4)).toMatchObject({ transport: { kind: 'malformed', why: 'bad-length' } })
  })
})

/** Parsed with poison on both sides: a read outside shows as a different answer. */
function parseBetween(bytes: Uint8Array, poison: number): unknown {
  const room = new Uint8Array(bytes.length + 300).fill(poison)
  room.set(bytes, 13)
  return quote.parse(room, 13, 13 + bytes.length, bytes.length > 0 ? familyOf(bytes) : 4)
}
