import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as checksum from './checksum.ts'
import { hex, unhex } from './octets.ts'
import * as tcp from './tcp.ts'

// scapy: IP(src='192.0.2.1', dst='198.51.100.9') / TCP(sport=33000, dport=80, seq=0x01020304, ack=0xa0b0c0d0, flags='SEC',
//   window=64240, urgptr=5, options=[('MSS', 1460), ('NOP', None), ('WScale', 7)]) / b'hello'
const OVER4 = unhex(
  '450000350001000040068e84c0000201c6336409 80e8005001020304a0b0c0d070c2faf0718d0005 020405b401030307 68656c6c6f',
)
// scapy: IPv6(src='2001:db8::1', dst='2001:db8:0:2::2') / TCP(sport=33000, dport=80, seq=1, flags='RA')
const OVER6 = unhex(
  '600000000014064020010db800000000000000000000000120010db8000000020000000000000002 80e80050000000010000000050142000b3200000',
)
const pseudo4 = checksum.pseudo4(OVER4, 0, 6, 33)

test('a segment made by scapy has these fields (RFC 9293 §3.1)', () => {
  expect(tcp.parse(OVER4, 20)).toEqual({
    kind: 'tcp',
    srcPort: 33000,
    dstPort: 80,
    seq: 0x01020304,
    ack: 0xa0b0c0d0,
    flags: tcp.Flag.syn | tcp.Flag.ece | tcp.Flag.cwr,
    window: 64240,
    checksum: 0x718d,
    urgent: 5,
    options: unhex('020405b401030307'),
    missing: [],
    payload: 48,
    end: 53,
  })
})

test('a parsed header writes back to the same octets, over IPv4 and IPv6', () => {
  for (const [wire, at, pseudo] of [
    [OVER4, 20, pseudo4],
    [OVER6, 40, checksum.pseudo6(OVER6, 0, 6, 20)],
  ] as const) {
    const h = tcp.parse(wire, at) as tcp.Header
    const out = wire.slice()
    out.fill(0xee, at, h.payload)
    expect(tcp.size(h)).toBe(h.payload - at)
    expect(tcp.write(h, out, at, wire.length, pseudo)).toBe(h.payload)
    expect(hex(out)).toBe(hex(wire))
    expect(tcp.verify(wire, at, wire.length, wire.length - at, pseudo)).toBe('ok')
  }
})

test('a quote is read as far as it goes, and says what it has not: eight octets give the sequence number', () => {
  const cut = (here: number) => tcp.parse(OVER4, 20, 20 + here) as tcp.Header
  for (let here = 0; here < 4; here++) {
    expect(tcp.parse(OVER4, 20, 20 + here)).toEqual({ kind: 'malformed', why: 'truncated', at: here })
  }
  expect(cut(8)).toEqual({
    kind: 'tcp',
    srcPort: 33000,
    dstPort: 80,
    seq: 0x01020304,
    ack: undefined,
    flags: undefined,
    window: undefined,
    checksum: undefined,
    urgent: undefined,
    options: undefined,
    missing: ['ack', 'flags', 'window', 'checksum', 'urgent', 'options'],
    payload: 28,
    end: 28,
  })
  const fields = ['seq', 'ack', 'flags', 'window', 'checksum', 'urgent', 'options'] as const
  const ends = [8, 12, 14, 16, 18, 20, 28]
  for (let here = 4; here <= 33; here++) {
    expect(cut(here).missing, `${here} octets`).toEqual(fields.filter((_, i) => here < ends[i]!))
    for (const field of fields) expect(cut(here)[field] === undefined).toBe(cut(here).missing.includes(field))
  }
})

test('a data offset inside the fixed header is malformed', () => {
  const wire = OVER4.slice(20)
  for (let words = 0; words < 5; words++) {
    wire[12] = words << 4
    expect(tcp.parse(wire)).toEqual({ kind: 'malformed', why: 'bad-length', at: 12 })
    // A quote that ends before the offset can't know.
    expect(tcp.parse(wire, 0, 12).kind).toBe('tcp')
  }
})

test('verify tells a wrong sum from octets that are not here', () => {
  const wire = OVER4.slice()
  expect(tcp.verify(wire, 20, 52, 33, pseudo4)).toBe('unverifiable')
  expect(tcp.verify(wire, 20, 53, 19, pseudo4)).toBe('bad')
  wire[52]! ^= 1
  expect(tcp.verify(wire, 20, 53, 33, pseudo4)).toBe('bad')
})

test('what does not fit is refused', () => {
  const out = new Uint8Array(100)
  const f = { srcPort: 1, dstPort: 2 }
  for (const change of [{ seq: 2 ** 32 }, { flags: 0x1000 }, { window: -1 }, { options: new Uint8Array(41) }]) {
    expect(() => tcp.write({ ...f, ...change }, out, 0, 100, 0)).toThrow(RangeError)
  }
  expect(() => tcp.write(f, out, 0, 19, 0)).toThrow(RangeError)
  expect(() => tcp.write(f, out, 81, 101, 0)).toThrow(RangeError)
})

test('what is written is parsed again and verifies', () => {
  const fields = fc.record({
    srcPort: fc.nat(65535),
    dstPort: fc.nat(65535),
    seq: fc.nat(0xffffffff),
    ack: fc.nat(0xffffffff),
    flags: fc.nat(0x0fff),
    window: fc.nat(65535),
    urgent: fc.nat(65535),
    options: fc.nat(10).chain((n) => fc.uint8Array({ minLength: 4 * n, maxLength: 4 * n })),
  })
  fc.assert(
    fc.property(fields, fc.uint8Array(), fc.nat(0xffff0), (f, data, pseudo) => {
      const out = new Uint8Array(tcp.size(f) + data.length)
      out.set(data, tcp.size(f))
      const payload = tcp.write(f, out, 0, out.length, pseudo)
      expect(tcp.parse(out)).toMatchObject({ ...f, payload, missing: [] })
      expect(tcp.verify(out, 0, out.length, out.length, pseudo)).toBe('ok')
    }),
  )
})
