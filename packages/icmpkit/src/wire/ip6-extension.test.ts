import { expect, test } from 'vitest'
import { type Ip6, parseIp } from './addr.ts'
import * as extension from './ip6-extension.ts'
import { hex, unhex } from './octets.ts'

const ip = (text: string) => parseIp(text) as Ip6
const options = (text: string) => extension.parseOptions(unhex(text))

test('the options that this module names are read (RFC 8200 §4.2, RFC 2711, RFC 2675)', () => {
  expect(options('05020000 0100')).toEqual([
    { kind: 'routerAlert', value: 0 },
    { kind: 'padN', length: 0 },
  ])
  expect(options('c20400011170')).toEqual([{ kind: 'jumbo', length: 70000 }])
  expect(options('00 0100 00')).toEqual([{ kind: 'pad1' }, { kind: 'padN', length: 0 }, { kind: 'pad1' }])
})

test('an option of a known type with another length is kept as it is', () => {
  expect(options('0503000001')).toEqual([{ kind: 'unknown', type: 5, data: unhex('000001') }])
  expect(options('c2020001')).toEqual([{ kind: 'unknown', type: 0xc2, data: unhex('0001') }])
})

test('the whole type octet of an unknown option is kept: its high bits say what to do with it (RFC 8200 §4.2)', () => {
  for (const type of [0x07, 0x47, 0x87, 0xc7, 0xff]) {
    expect(extension.parseOptions(Uint8Array.of(type, 0))).toEqual([{ kind: 'unknown', type, data: new Uint8Array(0) }])
  }
})

test('an option length beyond the header is malformed at the length octet, a missing one is truncated', () => {
  expect(options('00 0106 00000000')).toEqual({ kind: 'malformed', why: 'bad-length', at: 2 })
  expect(options('01ff')).toEqual({ kind: 'malformed', why: 'bad-length', at: 1 })
  expect(options('0007')).toEqual({ kind: 'malformed', why: 'truncated', at: 2 })
})

test('one header is parsed only when it fills the octets exactly', () => {
  const destination = unhex('3a00010400000000')
  expect(extension.parse(60, destination)).toEqual({
    kind: 'destinationOptions',
    options: [{ kind: 'padN', length: 4 }],
  })
  expect(extension.parse(60, destination, 0, 7)).toEqual({ kind: 'malformed', why: 'truncated', at: 7 })
  expect(extension.parse(60, unhex('3a01010400000000'))).toEqual({ kind: 'malformed', why: 'bad-length', at: 1 })
  expect(extension.parse(44, unhex('3aff000100000007'))).toEqual({ kind: 'fragment', offset: 0, more: true, id: 7 })
  // RFC 4302 §2.2: 32-bit words minus two; less than its own fixed fields is malformed.
  expect(extension.parse(51, unhex('3a00000000000001'))).toEqual({ kind: 'malformed', why: 'bad-length', at: 1 })
})

test('an authentication header in words of four octets writes back as long as it was (RFC 4302 §2.2, §2.6)', () => {
  const header = unhex('3a050000 00001234 00000009 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')
  const e = extension.parse(51, header) as extension.Extension
  expect(e).toEqual({ kind: 'authentication', spi: 0x1234, seq: 9, icv: new Uint8Array(16).fill(0xaa) })
  const out = new Uint8Array(40)
  expect(hex(out, 0, extension.write(e, 58, out, 0))).toBe(hex(header))
})

test('what has no name here but the common form is kept and written back (RFC 6564)', () => {
  const mobility = unhex('3b00050000000000')
  const e = extension.parse(135, mobility) as extension.Extension
  expect(e).toEqual({ kind: 'unknown', header: 135, data: unhex('050000000000') })
  expect(extension.typeOf(e)).toBe(135)
  const out = new Uint8Array(8)
  expect(extension.write(e, 59, out, 0)).toBe(8)
  expect(hex(out)).toBe(hex(mobility))
})

test('options are filled up to eight octets with Pad1 or PadN (RFC 8200 §4.2)', () => {
  const written = (...sizes: number[]) => {
    const e: extension.Extension = {
      kind: 'destinationOptions',
      options: sizes.map((n) => ({ kind: 'unknown', type: 0x1e, data: new Uint8Array(n) })),
    }
    const out = new Uint8Array(extension.size(e)).fill(0xff)
    extension.write(e, 59, out, 0)
    return hex(out, 2)
  }
  expect(written()).toBe('010400000000')
  expect(written(4)).toBe('1e0400000000')
  expect(written(3)).toBe('1e0300000000')
  expect(written(2)).toBe('1e0200000100')
  expect(written(1)).toBe('1e0100010100')
  expect(written(5)).toBe('1e05000000000001050000000000')
})

test('the final destination of an RPL source route takes the octets that it leaves out from the destination (RFC 6554 §3)', () => {
  // CmprI 8, CmprE 8, pad 0: two addresses of eight octets behind the four of CmprI, CmprE, pad and reserved.
  const rpl = (segmentsLeft: number): extension.Routing => ({
    kind: 'routing',
    routingType: 3,
    segmentsLeft,
    data: unhex('88000000 000000000000000a 000000000000000b'),
  })
  const dst = ip('2001:db8::1')
  expect(extension.finalDestination(rpl(2), dst)).toBe(ip('2001:db8::b'))
  expect(extension.finalDestination(rpl(0), dst)).toBe(dst)
  // CmprI 15, CmprE 14, pad 5: one octet, then two, then five of padding.
  const padded = { ...rpl(2), data: unhex('fe500000 0a 0b0c 0000000000') }
  expect(extension.finalDestination(padded, dst)).toBe(ip('2001:db8::b0c'))
})

test('a routing header of an unknown type, or too short for an address, leads nowhere else', () => {
  const dst = ip('2001:db8::1')
  for (const routingType of [0, 1, 2, 3, 4, 5, 253, 255]) {
    for (const data of [
      '',
      '00000000',
      '0ff00000',
      '00f00000 0102030405060708',
      '00000000 00112233445566778899aabbccddee',
    ]) {
      const r: extension.Routing = { kind: 'routing', routingType, segmentsLeft: 1, data: unhex(data) }
      expect(extension.finalDestination(r, dst)).toBe(dst)
    }
  }
})

test('values too wide for their fields are refused', () => {
  const out = new Uint8Array(4096)
  const bad: extension.Extension[] = [
    { kind: 'fragment', offset: 4, more: false, id: 0 },
    { kind: 'fragment', offset: 65536, more: false, id: 0 },
    { kind: 'fragment', offset: 0, more: false, id: 2 ** 32 },
    { kind: 'routing', routingType: 256, segmentsLeft: 0, data: new Uint8Array(4) },
    { kind: 'routing', routingType: 0, segmentsLeft: 0, data: new Uint8Array(2048) },
    { kind: 'destinationOptions', options: [{ kind: 'routerAlert', value: 65536 }] },
    { kind: 'destinationOptions', options: [{ kind: 'unknown', type: 1, data: new Uint8Array(256) }] },
    { kind: 'destinationOptions', options: [{ kind: 'padN', length: 256 }] },
  ]
  for (const e of bad) expect(() => extension.write(e, 59, out, 0)).toThrow(RangeError)
  expect(() => extension.write({ kind: 'fragment', offset: 0, more: false, id: 0 }, 256, out, 0)).toThrow(RangeError)
  expect(() => extension.write({ kind: 'fragment', offset: 0, more: false, id: 0 }, 0, out, 4090)).toThrow(RangeError)
})
