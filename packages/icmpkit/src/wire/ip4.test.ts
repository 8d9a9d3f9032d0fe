import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip4, parseIp } from './addr.ts'
import * as ip4 from './ip4.ts'
import { hex, unhex } from './octets.ts'

const SRC = parseIp('192.0.2.1') as Ip4
const DST = parseIp('198.51.100.9') as Ip4

// scapy: IP(src='192.0.2.1', dst='198.51.100.9', tos=0xb8, id=0x1c46, flags='DF', ttl=57, proto=1) / b'ABCDEFGH'
const PLAIN = unhex('45b8001c1c464000390138a5c0000201c6336409 4142434445464748')
// scapy: IP(…, id=7, flags='MF+evil', frag=185, ttl=1, proto=17) / 16 octets
const FRAGMENT = unhex('450000240007a0b901112ccbc0000201c6336409 78787878787878787878787878787878')
// scapy: IP(…, proto=1, options=[IPOption_RR(routers=['10.0.0.1', '0.0.0.0', '0.0.0.0'], pointer=8)]) / b'hi'
const OPTIONS = unhex('490000260001000040017a7fc0000201c6336409 070f080a000001000000000000000000 6869')

const parsed = (bytes: Uint8Array, at?: number, end?: number) => ip4.parse(bytes, at, end) as ip4.Header
const malformed = (text: string) => {
  const h = ip4.parse(unhex(text))
  return h.kind === 'malformed' ? [h.why, h.at] : h
}

test('a header made by scapy has these fields (RFC 791 §3.1)', () => {
  expect(parsed(PLAIN)).toEqual({
    kind: 'ip4',
    tos: 0xb8,
    length: 28,
    id: 0x1c46,
    df: true,
    mf: false,
    reserved: false,
    offset: 0,
    ttl: 57,
    protocol: 1,
    checksum: 0x38a5,
    src: SRC,
    dst: DST,
    options: new Uint8Array(0),
    payload: 20,
    end: 28,
  })
  expect(parsed(FRAGMENT)).toMatchObject({ df: false, mf: true, reserved: true, offset: 1480, ttl: 1, end: 36 })
  expect(parsed(OPTIONS)).toMatchObject({
    options: unhex('070f080a000001000000000000000000'),
    payload: 36,
    end: 38,
  })
})

test('a parsed header writes back to the same octets, its checksum included', () => {
  for (const wire of [PLAIN, FRAGMENT, OPTIONS]) {
    const h = parsed(wire)
    const out = new Uint8Array(wire.length + 3).fill(0xee)
    expect(ip4.size(h)).toBe(h.payload)
    expect(ip4.write(h, out, 3, h.end - h.payload)).toBe(3 + h.payload)
    expect(hex(out.subarray(3, 3 + h.payload))).toBe(hex(wire.subarray(0, h.payload)))
    expect(out.subarray(0, 3)).toEqual(unhex('eeeeee'))
    expect(ip4.verify(wire, 0, wire.length)).toBe('ok')
  }
})

test('a total length beyond the octets that are here is a cut packet, not a malformed one', () => {
  expect(parsed(PLAIN, 0, 24)).toMatchObject({ length: 28, payload: 20, end: 24 })
})

test('link-layer padding behind the total length is not payload (RFC 791 §3.1)', () => {
  const frame = new Uint8Array(14 + 46).fill(0x55)
  frame.set(PLAIN, 14)
  expect(parsed(frame, 14)).toMatchObject({ payload: 34, end: 14 + 28 })
})

test('a header that is not one is malformed, with the offset of the octet that is wrong', () => {
  const rest = '001c1c464000390138a5c0000201c6336409'
  expect(malformed(`65b8${rest}`)).toEqual(['bad-version', 0])
  expect(malformed(`44b8${rest}`)).toEqual(['bad-length', 0])
  expect(malformed(`46b8${rest}`)).toEqual(['truncated', 20])
  expect(malformed('45')).toEqual(['truncated', 1])
  expect(malformed('')).toEqual(['truncated', 0])
})

test('a total length shorter than its own header is malformed: length minus header never goes below zero (CVE-2018-16527, CVE-2026-7423)', () => {
  for (const length of ['0000', '0001', '0013']) {
    const wire = `45b8${length}1c464000390138a5c0000201c6336409`
    expect(malformed(wire)).toEqual(['bad-length', 2])
    expect(ip4.payloadAt(unhex(wire), 0, 20)).toBe(-1)
  }
  expect(malformed(`46b80014${'00'.repeat(20)}`)).toEqual(['bad-length', 2])
  expect(parsed(unhex('45b800141c464000390138a5c0000201c6336409'))).toMatchObject({ payload: 20, end: 20 })
})

test('a quoted header is read whatever its total length says: old BSDs quote it without the header (or in host byte order)', () => {
  // The PLAIN header with its total length less 20, as a host with that fault quotes it.
  const quoted = PLAIN.slice()
  quoted.set([0, 8], 2)
  expect(ip4.parse(quoted)).toMatchObject({ why: 'bad-length', at: 2 })
  expect(ip4.parseQuoted(quoted)).toEqual({ ...parsed(PLAIN), length: 8 })
  expect(ip4.parseQuoted(PLAIN)).toEqual(parsed(PLAIN))
  expect(ip4.parseQuoted(PLAIN, 0, 19)).toEqual(ip4.parse(PLAIN, 0, 19))
  expect(ip4.parseQuoted(unhex(`65${hex(PLAIN, 1)}`))).toMatchObject({ why: 'bad-version' })
})

test('up to 40 octets of options are found and skipped in any header, whole or quoted (CVE-2022-23093)', () => {
  for (let words = 0; words <= 10; words++) {
    const out = new Uint8Array(80)
    const payload = ip4.write(
      { protocol: 1, src: SRC, dst: DST, options: new Uint8Array(4 * words).fill(1) },
      out,
      0,
      8,
    )
    expect(payload).toBe(20 + 4 * words)
    expect(parsed(out)).toMatchObject({ payload, end: payload + 8, options: new Uint8Array(4 * words).fill(1) })
    expect(ip4.verify(out, 0, out.length)).toBe('ok')
    expect(ip4.payloadAt(out, 0, payload)).toBe(payload)
    if (words > 0) expect(ip4.parse(out, 0, payload - 1)).toMatchObject({ why: 'truncated', at: payload - 1 })
  }
})

test('the largest datagram has a total length of 65,535, and one octet more is refused (iputils 20240905: sizes 65507 and 65508)', () => {
  const out = new Uint8Array(20)
  const f = { protocol: 1, src: SRC, dst: DST }
  ip4.write(f, out, 0, 8 + 65507)
  expect(parsed(out)).toMatchObject({ length: 65535, end: 20 })
  expect(() => ip4.write(f, out, 0, 8 + 65508)).toThrow(RangeError)
})

test('values too wide for their fields are refused, not cut', () => {
  const f = { protocol: 1, src: SRC, dst: DST }
  const out = new Uint8Array(80)
  const bad: Partial<ip4.Fields>[] = [
    { tos: 256 },
    { id: 65536 },
    { ttl: -1 },
    { protocol: 1.5 },
    { offset: 4 },
    { offset: 65536 },
    { options: new Uint8Array(41) },
  ]
  for (const change of bad) expect(() => ip4.write({ ...f, ...change }, out, 0, 0)).toThrow(RangeError)
  expect(() => ip4.write(f, out, 61, 0)).toThrow(RangeError)
})

test('options are filled up to a multiple of four with End of Option List (RFC 791 §3.1)', () => {
  const out = new Uint8Array(28).fill(0xff)
  ip4.write({ protocol: 1, src: SRC, dst: DST, options: unhex('0101010101') }, out, 0, 0)
  expect(hex(out.subarray(20))).toBe('0101010101000000')
})

test('verify tells a wrong sum from a header that is not all here', () => {
  const wire = PLAIN.slice()
  expect(ip4.verify(wire, 0, 19)).toBe('unverifiable')
  expect(ip4.verify(wire, 0, 0)).toBe('unverifiable')
  expect(ip4.verify(OPTIONS, 0, 35)).toBe('unverifiable')
  for (let i = 1; i < 20; i++) {
    wire[i]! ^= 0x10
    expect(ip4.verify(wire, 0, wire.length)).toBe('bad')
    wire[i]! ^= 0x10
  }
  wire[0] = 0x44
  expect(ip4.verify(wire, 0, wire.length)).toBe('bad')
})

test('a TTL set in place patches the checksum to what a new sum gives (RFC 1624), and leaves a bad one bad', () => {
  fc.assert(
    fc.property(headers(), fc.nat(255), (f, ttl) => {
      const patched = new Uint8Array(60)
      ip4.write(f, patched, 0, 0)
      const fresh = new Uint8Array(60)
      ip4.write({ ...f, ttl }, fresh, 0, 0)
      ip4.setTtl(patched, 0, ttl)
      expect(ip4.verify(patched, 0, 60)).toBe('ok')
      expect(hex(patched.subarray(0, 10))).toBe(hex(fresh.subarray(0, 10)))
      patched[10]! ^= 1
      ip4.setTtl(patched, 0, 255 - ttl)
      expect(ip4.verify(patched, 0, 60)).toBe('bad')
    }),
  )
})

test('exchanged addresses leave the checksum right', () => {
  const wire = OPTIONS.slice()
  ip4.swapAddresses(wire, 0)
  expect(parsed(wire)).toMatchObject({ src: DST, dst: SRC })
  expect(ip4.verify(wire, 0, wire.length)).toBe('ok')
})

test('seal makes the checksum of an edited header right again', () => {
  const wire = OPTIONS.slice()
  wire[22] = 12
  expect(ip4.verify(wire, 0, wire.length)).toBe('bad')
  ip4.seal(wire, 0)
  expect(ip4.verify(wire, 0, wire.length)).toBe('ok')
})

test('what is written is parsed again, for all fields', () => {
  fc.assert(
    fc.property(headers(), fc.nat(1000), (f, payloadLength) => {
      const out = new Uint8Array(60).fill(0xaa)
      const payload = ip4.write(f, out, 0, payloadLength)
      const options = new Uint8Array((f.options!.length + 3) & ~3)
      options.set(f.options!)
      expect(parsed(out)).toMatchObject({ ...f, options, length: payload + payloadLength })
      expect(ip4.verify(out, 0, payload)).toBe('ok')
    }),
  )
})

function headers(): fc.Arbitrary<ip4.Fields> {
  return fc.record({
    tos: fc.nat(255),
    id: fc.nat(65535),
    df: fc.boolean(),
    mf: fc.boolean(),
    reserved: fc.boolean(),
    offset: fc.nat(8191).map((n) => n * 8),
    ttl: fc.nat(255),
    protocol: fc.nat(255),
    src: fc.integer() as fc.Arbitrary<Ip4>,
    dst: fc.integer() as fc.Arbitrary<Ip4>,
    options: fc.uint8Array({ maxLength: 40 }),
  })
}
