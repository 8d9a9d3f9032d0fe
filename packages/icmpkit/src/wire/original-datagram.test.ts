import { describe, expect, test } from 'vitest'
import type { ExtensionObject } from './extension.ts'
import { of } from './extension.ts'
import * as icmp4 from './icmp4.ts'
import { hex, unhex } from './octets.ts'
import * as originalDatagram from './original-datagram.ts'

const { fit, LIMIT, locate, locateLegacy } = originalDatagram

const one: ExtensionObject = { kind: 'mpls', entries: [{ label: 100048, tc: 0, bottom: true, ttl: 1 }] }
const raw = (octets: number): ExtensionObject => ({
  kind: 'unknown',
  classNum: 247,
  cType: 1,
  payload: new Uint8Array(octets - 4).fill(0xee),
})
const datagram = (length: number) => Uint8Array.from({ length }, (_, i) => (i === 0 ? 0x45 : i & 0xff))

/** Octets of the whole ICMPv4 error, with its 20-octet outer header. */
const total = (fitted: ReturnType<typeof fit>) => 20 + icmp4.size({ kind: 'timeExceeded', code: 0, ...fitted })

const room4 = { unit: 4, limit: LIMIT[4], outer: 20, quote: 'compatible' } as const
const room6 = { unit: 8, limit: LIMIT[6], outer: 40, quote: 'long' } as const

describe('the length octet', () => {
  test('says where the structure begins, in words of 4 octets or of 8 (RFC 4884 §4)', () => {
    expect(locate(8, 200, 0, 4)).toBe(200)
    expect(locate(8, 200, 32, 4)).toBe(136)
    expect(locate(8, 200, 16, 8)).toBe(136)
    expect(locate(8, 200, 48, 4)).toBe(200)
  })

  test('is wrong under 128 octets and past the message', () => {
    expect(locate(8, 200, 31, 4)).toBe(-1)
    expect(locate(8, 200, 15, 8)).toBe(-1)
    expect(locate(8, 200, 49, 4)).toBe(-1)
    expect(locate(8, 100, 32, 4)).toBe(-1)
  })
})

test('the old place of the structure is behind 128 octets, for a checksum that holds only (RFC 4884 §5.5)', () => {
  const bytes = new Uint8Array(136 + 12)
  bytes.set(unhex('2000c58800080101186d0101'), 136)
  expect(locateLegacy(bytes, 8, bytes.length)).toBe(136)
  expect(locateLegacy(bytes, 8, 143)).toBe(143)
  bytes[147] = 2
  expect(locateLegacy(bytes, 8, bytes.length)).toBe(bytes.length)
  bytes.set(unhex('3000b58800080101186d0101'), 136)
  expect(locateLegacy(bytes, 8, bytes.length)).toBe(bytes.length)
})

describe('a quote in front of extensions', () => {
  const padded = (octets: number, unit: 4 | 8) => {
    const quote = datagram(octets).fill(0xaa)
    const size = originalDatagram.size(quote, of(one), unit)
    const out = new Uint8Array(size).fill(0x55)
    expect(originalDatagram.write(quote, of(one), unit, out, 0)).toBe(size)
    return { length: originalDatagram.lengthOctet(quote, of(one), unit), octets: hex(out) }
  }
  const structure = '2000c58800080101186d0101'

  test('is padded with zeros to 128 octets at least (RFC 4884 §3) [v4-ext-min-128]', () => {
    expect(padded(40, 4)).toEqual({ length: 32, octets: 'aa'.repeat(40) + '00'.repeat(88) + structure })
    expect(padded(0, 4)).toEqual({ length: 32, octets: '00'.repeat(128) + structure })
  })

  test('is padded with zeros to whole words (RFC 4884 §3) [v4-ext-pad-32]', () => {
    expect(padded(131, 4)).toEqual({ length: 33, octets: `${'aa'.repeat(131)}00${structure}` })
    expect(padded(132, 4)).toEqual({ length: 33, octets: 'aa'.repeat(132) + structure })
    expect(padded(131, 8)).toEqual({ length: 17, octets: 'aa'.repeat(131) + '00'.repeat(5) + structure })
  })

  test('is 128 octets by default, so that old traceroutes find the structure at octet 136 (RFC 4884 §5.3) [v4-ext-128-compat]', () => {
    const compatible = fit(datagram(1500), [one], room4)
    expect(compatible.quote).toEqual(datagram(1500).subarray(0, 128))
    expect(compatible.extensions).toEqual(of(one))
    const long = fit(datagram(1500), [one], { ...room4, quote: 'long' })
    expect(long.quote.length).toBe(536)
    expect(total(long)).toBe(576)
  })
})

describe('an error', () => {
  test('without extensions quotes as much as fits into 576 octets, and no more than there is (RFC 1812 §4.3.2.3) [v4-quote-576]', () => {
    expect(total(fit(datagram(1500), [], room4))).toBe(576)
    expect(total(fit(datagram(100), [], room4))).toBe(128)
    expect(fit(datagram(23), [], room4).quote.length).toBe(23)
    expect(fit(datagram(1500), [], { ...room4, outer: 60 }).quote.length).toBe(508)
    expect(fit(datagram(1500), [], room6).quote.length).toBe(1232)
  })

  test('quotes the whole header, options included, and 8 octets at least, or all there was (RFC 1122 §3.2.2) [v4-format-error-min-quote]', () => {
    const withOptions = datagram(60 + 500)
    withOptions[0] = 0x4f
    for (const quote of ['compatible', 'long'] as const) {
      for (const objects of [[], [one], [raw(400)]]) {
        expect(fit(withOptions, objects, { ...room4, quote }).quote.length).toBeGreaterThanOrEqual(68)
      }
    }
    expect(fit(datagram(24), [], room4).quote.length).toBe(24)
  })

  test('with extensions stays within 576 octets: the quote gives way down to 128, then objects do (RFC 4884 §7) [v4-ext-total-576] [v4-quote-max]', () => {
    const long = { ...room4, quote: 'long' } as const
    for (let octets = 4; octets <= 600; octets += 4) {
      const fitted = fit(datagram(1500), [raw(octets)], long)
      expect(total(fitted)).toBeLessThanOrEqual(576)
      expect(total(fitted)).toBeGreaterThan(572)
      if (fitted.extensions !== undefined) expect(fitted.quote.length).toBeGreaterThanOrEqual(128)
    }
    expect(fit(datagram(1500), [raw(400)], long)).toMatchObject({ extensions: { objects: [{}] } })
    expect(fit(datagram(1500), [raw(400)], long).quote.length).toBe(144)
    expect(fit(datagram(1500), [raw(416)], long).quote.length).toBe(128)
    expect(fit(datagram(1500), [raw(420)], long)).toEqual({
      quote: datagram(1500).subarray(0, 548),
      extensions: undefined,
    })
    expect(fit(datagram(1500), [one, raw(412)], long).extensions).toEqual(of(one))
    const outer = fit(datagram(1500), [raw(376)], { ...long, outer: 60 })
    expect(40 + total(outer)).toBe(576)
  })

  test('of IPv6 stays within 1280 octets, its quote in words of eight (RFC 4443 §2.4(c), RFC 4884 §4)', () => {
    const fitted = fit(datagram(1500), [one], room6)
    expect(fitted.quote.length).toBe(1216)
    expect(originalDatagram.lengthOctet(fitted.quote, fitted.extensions, 8)).toBe(152)
  })

  test('never quotes more than the length octet can say', () => {
    const fitted = fit(datagram(9000), [one], { ...room4, limit: 9000, quote: 'long' })
    expect(fitted.quote.length).toBe(1020)
    expect(originalDatagram.lengthOctet(fitted.quote, fitted.extensions, 4)).toBe(255)
  })

  test('quotes the octets that were received, none of them changed', () => {
    const original = datagram(300)
    const out = new Uint8Array(576)
    const end = icmp4.write({ kind: 'timeExceeded', code: 0, ...fit(original, [one], room4) }, out, 0)
    expect(out.subarray(8, 136)).toEqual(original.subarray(0, 128))
    expect(end).toBe(148)
  })
})
