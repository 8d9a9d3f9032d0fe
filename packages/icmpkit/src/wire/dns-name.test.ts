import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as dnsName from './dns-name.ts'
import { hex, unhex } from './octets.ts'

const show = (octets: string) => dnsName.parse(unhex(octets), 0, unhex(octets).length)

test('a name is labels with a length each and a zero octet (RFC 1035 §3.1)', () => {
  expect(show('076578616d706c65036e657400ffff')).toEqual({ text: 'example.net', end: 13 })
  expect(show('00')).toEqual({ text: '', end: 1 })
  expect(write('example.net')).toBe('076578616d706c65036e657400')
  expect(write('example.net.')).toBe('076578616d706c65036e657400')
  expect(write('')).toBe('00')
  expect(write('.')).toBe('00')
})

test('dots, backslashes and octets beyond printable ASCII are escaped (RFC 1035 §5.1)', () => {
  expect(show('06612e625c1bff00')).toEqual({ text: 'a\\.b\\\\\\027\\255', end: 8 })
  expect(write('a\\.b\\\\\\027\\255')).toBe('06612e625c1bff00')
  expect(write('a\\.')).toBe('02612e00')
})

test('a name of 255 octets is read and written, one of 256 is not (RFC 1035 §2.3.4)', () => {
  const label = '3f' + '61'.repeat(63)
  const longest = `${label.repeat(3)}3d${'61'.repeat(61)}00`
  expect(unhex(longest).length).toBe(255)
  expect(show(longest)?.end).toBe(255)
  expect(write(show(longest)!.text)).toBe(longest)
  const longer = `${label.repeat(3)}3e${'61'.repeat(62)}00`
  expect(show(longer)).toBeUndefined()
  expect(dnsName.parseCompressed(unhex(longer), 0)).toBeUndefined()
  expect(() => dnsName.size(`${'a'.repeat(62)}.`.repeat(5))).toThrow(TypeError)
})

test('what leaves its octets, or is compressed, is no name', () => {
  for (const octets of ['', '01', '0161', '026100', 'c000', '40', '80']) expect(show(octets)).toBeUndefined()
})

test('compression is followed backwards only, so that it ends (RFC 1035 §4.1.4)', () => {
  const bytes = unhex('016100 0162c000 0163c003')
  expect(dnsName.parseCompressed(bytes, 3)).toEqual({ text: 'b.a', end: 7 })
  expect(dnsName.parseCompressed(bytes, 7)).toEqual({ text: 'c.b.a', end: 11 })
  expect(dnsName.parseCompressed(unhex('c000'), 0)).toBeUndefined()
  expect(dnsName.parseCompressed(unhex('c002c000'), 0)).toBeUndefined()
  expect(dnsName.parseCompressed(unhex('0161c000'), 0)).toBeUndefined()
})

test('a name has a pointer for each of its labels at most, so that chains of them stay cheap (RFC 1035 §4.1.4)', () => {
  const chain = (pointers: number) => {
    const bytes = new Uint8Array(1 + 2 * pointers)
    for (let i = 1; i < bytes.length; i += 2)
      bytes.set([0xc0 | (Math.max(0, i - 2) >> 8), Math.max(0, i - 2) & 0xff], i)
    return dnsName.parseCompressed(bytes, bytes.length - 2)
  }
  expect(chain(127)).toEqual({ text: '', end: 255 })
  expect(chain(128)).toBeUndefined()
})

test('text that is no name is a TypeError', () => {
  for (const text of ['a..b', '.a', 'a..', `${'a'.repeat(64)}`, 'ü', 'a b', 'a\\', 'a\\999', 'a\n', 'a\x7f']) {
    expect(() => dnsName.size(text), text).toThrow(TypeError)
  }
})

test('every name has one text and comes back the same', () => {
  const name = fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 3 })
  fc.assert(
    fc.property(name, (labels) => {
      const octets = labels.map((l) => l.length.toString(16).padStart(2, '0') + hex(l)).join('') + '00'
      const parsed = dnsName.parse(unhex(octets), 0, octets.length / 2)!
      expect(parsed.text).toMatch(/^[!-~]*$/)
      expect(write(parsed.text)).toBe(octets)
      expect(dnsName.parseCompressed(unhex(octets), 0)).toEqual(parsed)
    }),
  )
})

function write(text: string): string {
  const out = new Uint8Array(dnsName.size(text))
  expect(dnsName.write(text, out, 0)).toBe(out.length)
  return hex(out)
}
