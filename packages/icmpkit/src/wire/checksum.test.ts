import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as checksum from './checksum.ts'
import { put16, unhex } from './octets.ts'

test('the RFC 1071 §3 example sums to 0xddf2', () => {
  const bytes = unhex('0001f203f4f5f6f7')
  expect(checksum.sum(bytes, 0, 8)).toBe(0x2ddf0)
  expect(checksum.fold(checksum.sum(bytes, 0, 8))).toBe(0xddf2)
  expect(checksum.finish(checksum.sum(bytes, 0, 8))).toBe(0x220d)
})

test('the RFC 1624 §4 example: 0xDD2F becomes 0x0000, not 0xFFFF', () => {
  expect(checksum.update(0xdd2f, 0x5555, 0x3285)).toBe(0x0000)
})

test('an odd last octet counts as if a zero followed (RFC 1071 §4.1)', () => {
  expect(checksum.sum(unhex('0001f2'), 0, 3)).toBe(checksum.sum(unhex('0001f200'), 0, 4))
  // The odd octet is the range's last, wherever the range starts.
  expect(checksum.sum(unhex('ff0001f2ff'), 1, 4)).toBe(checksum.sum(unhex('0001f200'), 0, 4))
  expect(checksum.sum(unhex('ff'), 0, 0)).toBe(0)
})

test('a sum over 64 KiB of ones folds without overflow', () => {
  const bytes = new Uint8Array(65535).fill(0xff)
  expect(checksum.fold(checksum.sum(bytes, 0, 65534))).toBe(0xffff)
  expect(checksum.fold(checksum.sum(bytes, 0, 65535))).toBe(0xff00)
  expect(checksum.fold(2 ** 48 - 1)).toBe(0xffff)
})

test('a message holds with its own checksum, and not when one bit of it is flipped', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 65 }), fc.nat(), fc.nat(7), (bytes, where, bit) => {
      put16(bytes, 2, 0)
      put16(bytes, 2, checksum.finish(checksum.sum(bytes, 0, bytes.length)))
      expect(checksum.holds(checksum.sum(bytes, 0, bytes.length))).toBe(true)
      bytes[where % bytes.length]! ^= 1 << bit
      expect(checksum.holds(checksum.sum(bytes, 0, bytes.length))).toBe(false)
    }),
  )
})

test('an update by one word gives the checksum of the edited message (RFC 1624 eqn. 3)', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 64 }), fc.nat(65535), (bytes, to) => {
      // A word that no edit touches and is not zero: only an all-zero message tells the two zeros apart.
      put16(bytes, 0, 0x4500)
      put16(bytes, 2, 0)
      const before = checksum.finish(checksum.sum(bytes, 0, bytes.length))
      const from = (bytes[4]! << 8) | bytes[5]!
      put16(bytes, 4, to)
      expect(checksum.update(before, from, to)).toBe(checksum.finish(checksum.sum(bytes, 0, bytes.length)))
    }),
  )
})

test('the IPv4 pseudo-header holds for a UDP datagram made by scapy (RFC 768)', () => {
  // IP(src='192.0.2.1', dst='198.51.100.9') / UDP(sport=33000, dport=33434) / b'abc'
  const wire = unhex('4500001f0001000040118e8fc0000201c633640980e8829a000b4bb4616263')
  expect(checksum.holds(checksum.sum(wire, 20, 31, checksum.pseudo4(wire, 0, 17, 11)))).toBe(true)
})

test('the IPv6 pseudo-header holds for an Echo Request made by scapy, and has a 32-bit length (RFC 8200 §8.1)', () => {
  // IPv6(src='2001:db8::1', dst='2001:db8:0:2::2') / ICMPv6EchoRequest()
  const wire = unhex('6000000000083a4020010db800000000000000000000000120010db80000000200000000000000028000244600000000')
  expect(checksum.holds(checksum.sum(wire, 40, 48, checksum.pseudo6(wire, 0, 58, 8)))).toBe(true)
  expect(checksum.pseudo6(wire, 0, 58, 70000) - checksum.pseudo6(wire, 0, 58, 0)).toBe(1 + (70000 - 65536))
})
