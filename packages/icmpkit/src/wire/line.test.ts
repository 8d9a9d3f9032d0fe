import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AsciiLine } from './line.ts'

const written = (write: (line: AsciiLine) => void, capacity = 1) => {
  const line = new AsciiLine(capacity)
  write(line)
  return line.text()
}

test('decimal writes every whole number below 2^53 as String does', () => {
  const number = fc.oneof(
    fc.nat(),
    fc.maxSafeNat(),
    fc.nat(53).map((n) => 2 ** n - 1),
    fc.nat(15).map((n) => 10 ** n),
  )
  fc.assert(
    fc.property(number, (n) => {
      expect(written((line) => line.decimal(n))).toBe(String(n))
    }),
  )
  expect(written((line) => line.decimal(Number.MAX_SAFE_INTEGER))).toBe('9007199254740991')
})

test('padded writes the last digits, with zeros in front', () => {
  expect(written((line) => line.padded(42, 9))).toBe('000000042')
  expect(written((line) => line.padded(999999999, 9))).toBe('999999999')
  expect(written((line) => line.padded(0, 6))).toBe('000000')
})

test('hex writes every 32-bit number as toString(16) does, or with at least the width asked for', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 8 }), (n, width) => {
      expect(written((line) => line.hex(n))).toBe(n.toString(16))
      expect(written((line) => line.hex(n, width))).toBe(n.toString(16).padStart(width, '0'))
    }),
  )
})

test('octets from outside cannot carry escape codes to a terminal', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
  const text = written((line) => line.untrusted(bytes, 0, 256))
  expect(text).toMatch(/^[\x20-\x7e]*$/)
  expect(text).toContain('\\x1b')
  expect(text).toContain('\\x9b')
  expect(text).toContain('\\x7f')
  expect(text).toContain(' !"#$%&')
})

test('a backslash from outside is escaped too, so that no octets look like our own escapes', () => {
  const escaped = (text: string) =>
    written((line) =>
      line.untrusted(
        Uint8Array.from(text, (c) => c.charCodeAt(0)),
        0,
        text.length,
      ),
    )
  expect(escaped('\\x41')).toBe('\\x5cx41')
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      const shown = (bytes: Uint8Array) => written((line) => line.untrusted(bytes, 0, bytes.length))
      expect(shown(a) === shown(b)).toBe(a.join() === b.join())
    }),
  )
})

test('only the octets asked for are written', () => {
  expect(written((line) => line.untrusted(Uint8Array.from([88, 65, 66, 88]), 1, 3))).toBe('AB')
})

test('a line grows as it must, and keeps what it had', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom(...'abc 0') })), fc.nat(9), (parts, capacity) => {
      const line = new AsciiLine(capacity)
      for (const [i, part] of parts.entries()) {
        if (i % 2 === 0) line.ascii(part)
        else line.octets(Uint8Array.from(part, (c) => c.charCodeAt(0)))
      }
      line.char(10)
      expect(line.text()).toBe(`${parts.join('')}\n`)
    }),
  )
})

test('the text of a line longer than one argument list is whole', () => {
  const line = new AsciiLine()
  const long = 'x'.repeat(300_000)
  line.ascii(long)
  expect(line.text()).toBe(long)
})
