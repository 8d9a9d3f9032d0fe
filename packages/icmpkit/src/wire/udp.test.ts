import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as checksum from './checksum.ts'
import { hex, unhex } from './octets.ts'
import * as udp from './udp.ts'

// scapy: IP(src='192.0.2.1', dst='198.51.100.9') / UDP(sport=33000, dport=33434) / b'abc'
const OVER4 = unhex('4500001f0001000040118e8fc0000201c6336409 80e8829a000b4bb4 616263')
// scapy: IPv6(src='2001:db8::1', dst='2001:db8:0:2::2') / UDP(sport=33000, dport=33434) / b'abc'
const OVER6 = unhex(
  '60000000000b114020010db800000000000000000000000120010db8000000020000000000000002 80e8829a000bdc7b 616263',
)
const pseudo4 = checksum.pseudo4(OVER4, 0, 17, 11)
const pseudo6 = checksum.pseudo6(OVER6, 0, 17, 11)

test('a datagram made by scapy has these fields (RFC 768)', () => {
  expect(udp.parse(OVER4, 20)).toEqual({
    kind: 'udp',
    srcPort: 33000,
    dstPort: 33434,
    length: 11,
    checksum: 0x4bb4,
    missing: [],
    payload: 28,
    end: 31,
  })
})

test('a header is written with the checksum that scapy gave it, over IPv4 and IPv6', () => {
  for (const [wire, at, pseudo] of [
    [OVER4, 20, pseudo4],
    [OVER6, 40, pseudo6],
  ] as const) {
    const out = wire.slice()
    out.fill(0xee, at, at + 8)
    expect(udp.write({ srcPort: 33000, dstPort: 33434 }, out, at, wire.length, pseudo)).toBe(at + udp.size())
    expect(hex(out)).toBe(hex(wire))
    expect(udp.verify(wire, at, wire.length, 11, pseudo)).toBe('ok')
  }
})

test('a quote is read as far as it goes, and says what it has not', () => {
  const cut = (here: number) => {
    const h = udp.parse(OVER4, 20, 20 + here)
    return h.kind === 'malformed' ? [h.why, h.at] : [h.srcPort, h.dstPort, h.length, h.checksum, ...h.missing]
  }
  for (let here = 0; here < 4; here++) expect(cut(here)).toEqual(['truncated', here])
  for (const here of [4, 5]) expect(cut(here)).toEqual([33000, 33434, undefined, undefined, 'length', 'checksum'])
  for (const here of [6, 7]) expect(cut(here)).toEqual([33000, 33434, 11, undefined, 'checksum'])
  for (const here of [8, 11]) expect(cut(here)).toEqual([33000, 33434, 11, 0x4bb4])
  expect(udp.parse(OVER4, 20, 26)).toMatchObject({ payload: 26, end: 26 })
})

test('a length below the header is malformed, but 0 is a jumbogram (RFC 2675 §4)', () => {
  expect(udp.parse(unhex('80e8829a00074bb4'))).toEqual({ kind: 'malformed', why: 'bad-length', at: 4 })
  expect(udp.parse(unhex('80e8829a00004bb4 6162'))).toMatchObject({ length: 0, payload: 8, end: 10 })
  expect(udp.parse(unhex('80e8829a00084bb4 6162'))).toMatchObject({ payload: 8, end: 8 })
})

test('verify tells a wrong sum from octets that are not here and from a sum that was not made', () => {
  const wire = OVER4.slice()
  expect(udp.verify(wire, 20, 30, 11, pseudo4)).toBe('unverifiable')
  expect(udp.verify(wire, 20, 31, 7, pseudo4)).toBe('bad')
  wire[30]! ^= 1
  expect(udp.verify(wire, 20, 31, 11, pseudo4)).toBe('bad')
  wire.set([0, 0], 26)
  expect(udp.verify(wire, 20, 31, 11, pseudo4)).toBe('unverifiable')
})

test('a sum of zero is sent as all ones, since zero says that none was made (RFC 768)', () => {
  const out = new Uint8Array(10)
  // The data word takes the sum to 0xffff, whose complement is zero.
  const without = checksum.sum(unhex('00010002000a'), 0, 6)
  out.set([(0xffff - without) >> 8, (0xffff - without) & 0xff], 8)
  udp.write({ srcPort: 1, dstPort: 2 }, out, 0, 10, 0)
  expect(hex(out, 6, 8)).toBe('ffff')
  expect(udp.verify(out, 0, 10, 10, 0)).toBe('ok')
})

test('what does not fit is refused', () => {
  const out = new Uint8Array(20)
  expect(() => udp.write({ srcPort: 65536, dstPort: 1 }, out, 0, 8, 0)).toThrow(RangeError)
  expect(() => udp.write({ srcPort: 1, dstPort: 1 }, out, 0, 7, 0)).toThrow(RangeError)
  expect(() => udp.write({ srcPort: 1, dstPort: 1 }, out, 13, 21, 0)).toThrow(RangeError)
})

test('what is written is parsed again and verifies', () => {
  fc.assert(
    fc.property(fc.nat(65535), fc.nat(65535), fc.uint8Array(), fc.nat(0xffff0), (srcPort, dstPort, data, pseudo) => {
      const out = new Uint8Array(8 + data.length)
      out.set(data, 8)
      udp.write({ srcPort, dstPort }, out, 0, out.length, pseudo)
      expect(udp.parse(out)).toMatchObject({ srcPort, dstPort, length: out.length, payload: 8, end: out.length })
      expect(udp.verify(out, 0, out.length, out.length, pseudo)).toBe('ok')
    }),
  )
})
