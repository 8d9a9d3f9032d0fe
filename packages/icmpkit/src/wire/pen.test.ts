import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip4, type Ip6, showIp, writeIp } from './addr.ts'
import { AsciiLine } from './line.ts'
import { flagNames, literal, Pen } from './pen.ts'

/** What `write` puts on a line, printing from `from`. */
function written(from: Uint8Array, write: (pen: Pen) => void, pen: Pen = new Pen(new AsciiLine(64))): string {
  pen.line.end = 0
  pen.begin(from, 256)
  write(pen)
  pen.done()
  return pen.line.text()
}

const NONE = new Uint8Array(0)

test('a number is its decimal digits, from 0 to 2^53', () => {
  for (const n of [0, 9, 10, 99, 100, 999, 1000, 9999, 65_535, 99_999, 999_999, 1_000_000, 4_294_967_295, 2 ** 53 - 1])
    expect(written(NONE, (pen) => pen.decimal(n))).toBe(String(n))
  fc.assert(
    fc.property(fc.nat(0xffffffff), (n) => {
      expect(written(NONE, (pen) => pen.decimal(n))).toBe(String(n))
    }),
  )
})

test('digits of fixed width keep their leading zeros', () => {
  fc.assert(
    fc.property(fc.nat(999_999_999), (n) => {
      expect(written(NONE, (pen) => pen.digits9(n))).toBe(String(n).padStart(9, '0'))
      expect(written(NONE, (pen) => pen.digits6(n % 1_000_000))).toBe(String(n % 1_000_000).padStart(6, '0'))
      expect(written(NONE, (pen) => pen.digits3(n % 1000))).toBe(String(n % 1000).padStart(3, '0'))
      expect(written(NONE, (pen) => pen.digits2(n % 100))).toBe(String(n % 100).padStart(2, '0'))
      expect(written(NONE, (pen) => pen.hex(n, 8))).toBe(n.toString(16).padStart(8, '0'))
      expect(written(NONE, (pen) => pen.hex(n))).toBe(n.toString(16))
    }),
  )
})

test('a time of day has nine digits of its second, or the first six, cut and not rounded', () => {
  const clock = literal('12:34:56')
  fc.assert(
    fc.property(fc.nat(999_999_999), (ns) => {
      const digits = String(ns).padStart(9, '0')
      expect(written(NONE, (pen) => pen.stamp(clock, ns, true))).toBe(`12:34:56.${digits} `)
      expect(written(NONE, (pen) => pen.stamp(clock, ns, false))).toBe(`12:34:56.${digits.slice(0, 6)} `)
    }),
  )
})

test('a number stands right behind its text, however long either is', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{0,60}$/), fc.nat(0xffffffff), (text, n) => {
      expect(written(NONE, (pen) => pen.value(literal(text), n))).toBe(text + n)
    }),
  )
})

test('an address is written as showIp writes it, whatever was in its place of the cache before', () => {
  const pen = new Pen(new AsciiLine(64))
  const word = fc.constantFrom(0, 0, 0, 1, 0xffff, 0x2001, 0xdb8, 0xfe80, 0x1234)
  const six = fc
    .array(word, { minLength: 8, maxLength: 8 })
    .map((w) => w.reduce((ip, x) => (ip << 16n) | BigInt(x), 0n) as Ip6)
  const bytes = new Uint8Array(24)
  fc.assert(
    fc.property(six, fc.integer(), fc.nat(7), (ip6, ip4, at) => {
      writeIp(ip6, bytes, at)
      expect(written(bytes, (p) => p.ip6(at), pen)).toBe(showIp(ip6))
      writeIp(ip4 as Ip4, bytes, at)
      expect(written(bytes, (p) => p.ip4(at), pen)).toBe(showIp(ip4 as Ip4))
    }),
    { numRuns: 20_000 },
  )
  writeIp(0xffff_c000_0201n as Ip6, bytes, 0)
  expect(written(bytes, (p) => p.ip6(0), pen)).toBe('::ffff:192.0.2.1')
})

test('RFC 5952 §4: the longest run of zeros is shortened, the first of two, never a single one', () => {
  const text = (h: string) =>
    written(
      Uint8Array.from(h.match(/../g)!, (x) => Number.parseInt(x, 16)),
      (p) => p.ip6(0),
    )
  expect(text('20010db8000000000000000000000001')).toBe('2001:db8::1')
  expect(text('20010db8000000010001000100010001')).toBe('2001:db8:0:1:1:1:1:1')
  expect(text('20010db8000000000001000000000001')).toBe('2001:db8::1:0:0:1')
  expect(text('00000000000000000000000000000000')).toBe('::')
  expect(text('ff020000000000000000000000000000')).toBe('ff02::')
})

test('a prefix of few octets is filled up with zeros', () => {
  expect(written(Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 7, 0, 0), (p) => p.prefix6(0, 8))).toBe('2001:db8:7::')
  expect(written(NONE, (p) => p.prefix6(0, 0))).toBe('::')
})

test('flags are named from the highest bit, and nothing is written where none is set', () => {
  const names = flagNames('a', undefined, 'c')
  expect(written(NONE, (p) => p.flags(0xe0, names))).toBe(', flags [a, c]')
  expect(written(NONE, (p) => p.flags(0x20, names))).toBe(', flags [c]')
  expect(written(NONE, (p) => p.flags(0x5f, names))).toBe('')
})

test('octets from outside cannot bring a control code onto a line', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
  expect(written(bytes, (p) => p.untrusted(0, 256))).toMatch(/^[ -~]+$/)
  expect(written(bytes, (p) => p.untrusted(0x1a, 0x1c))).toBe('\\x1a\\x1b')
})

test('a line longer than its buffer grows it', () => {
  const pen = new Pen(new AsciiLine(8))
  pen.begin(NONE, 8)
  for (let i = 0; i < 1000; i++) {
    pen.need(64)
    pen.text(literal('0123456789'))
  }
  pen.done()
  expect(pen.line.text()).toBe('0123456789'.repeat(1000))
})
