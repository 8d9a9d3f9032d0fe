import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  ANY4,
  ANY6,
  BROADCAST4,
  familyOf,
  type Ip,
  type Ip4,
  type Ip6,
  isLinkLocal,
  isMulticast,
  LOOPBACK6,
  parseIp,
  readIp4,
  readIp6,
  showIp,
  writeIp,
} from './addr.ts'
import { hex, unhex } from './octets.ts'

const shown = (text: string) => {
  const ip = parseIp(text)
  return ip === undefined ? undefined : showIp(ip)
}

test('IPv6 text is compressed and lower case (RFC 5952 §4)', () => {
  const cases: Record<string, string> = {
    // §4.1 leading zeros, §4.2.1 as short as possible, §4.2.2 one group is not shortened
    '2001:0db8::0001': '2001:db8::1',
    '2001:db8:0:0:0:0:2:1': '2001:db8::2:1',
    '2001:db8::1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    // §4.2.3 the longest run, of equal ones the first; §4.3 lower case
    '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:DB8::AAAA': '2001:db8::aaaa',
    '0:0:0:0:0:0:0:0': '::',
    '0:0:0:0:0:0:0:1': '::1',
    '1:0:0:0:0:0:0:0': '1::',
    'fe80:0:0:0:0:0:0:0': 'fe80::',
    '1:2:3:4:5:6:7:8': '1:2:3:4:5:6:7:8',
  }
  for (const [text, canonical] of Object.entries(cases)) expect(shown(text), text).toBe(canonical)
})

test('the nine spellings of one address that RFC 5952 §2 lists are one value', () => {
  const spellings = [
    '2001:db8:0:0:1:0:0:1',
    '2001:0db8:0:0:1:0:0:1',
    '2001:db8::1:0:0:1',
    '2001:db8::0:1:0:0:1',
    '2001:0db8::1:0:0:1',
    '2001:db8:0:0:1::1',
    '2001:db8:0000:0:1::1',
    '2001:DB8:0:0:1::1',
  ]
  expect(new Set(spellings.map((s) => showIp(parseIp(s)!)))).toEqual(new Set(['2001:db8::1:0:0:1']))
})

test('a v4-mapped address keeps its dotted quad and stays an IPv6 address (RFC 5952 §5, RFC 4291 §2.5.5.2)', () => {
  expect(shown('::ffff:192.0.2.1')).toBe('::ffff:192.0.2.1')
  expect(shown('::ffff:c000:201')).toBe('::ffff:192.0.2.1')
  expect(shown('64:ff9b::192.0.2.33')).toBe('64:ff9b::c000:221')
  expect(shown('::192.0.2.1')).toBe('::c000:201')
  const mapped = parseIp('::ffff:127.0.0.1')!
  expect(familyOf(mapped)).toBe(6)
  expect(mapped).not.toBe(parseIp('127.0.0.1'))
})

test('octal, hex and padded octets are no address (CVE-2021-28918)', () => {
  for (const text of ['0177.0.0.1', '010.8.8.8', '127.0.0.01', '00.0.0.0', '0x7f.0.0.1', '127.0.0.0x1', '1.2.3.256']) {
    expect(parseIp(text), text).toBeUndefined()
    expect(parseIp(`::ffff:${text}`), text).toBeUndefined()
  }
})

test('short and long forms are no address (CVE-2021-29418)', () => {
  for (const text of [
    '127',
    '127.1',
    '10.0.1',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '2130706433',
    '0x7f000001',
    '',
  ]) {
    expect(parseIp(text), text).toBeUndefined()
  }
})

test('signs, blanks, other digits and tails are no address', () => {
  for (const text of [
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.4\n',
    '+1.2.3.4',
    '1.2.3.-4',
    '1.2.3.4/8',
    '1e1.2.3.4',
    '١.2.3.4',
  ]) {
    expect(parseIp(text), JSON.stringify(text)).toBeUndefined()
  }
})

test('what RFC 4291 §2.2 does not allow is no IPv6 address', () => {
  const bad = [
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '::1:2:3:4:5:6:7:8',
    '12345::',
    'g::',
    '1:',
    ':1',
    '1:2:3:4:5:6:7:',
    '::1.2.3.4:1',
    '1.2.3.4::',
    '::1.2.3',
    'fe80::1%eth0',
    '::1/128',
    '[::1]',
    ' ::1',
  ]
  for (const text of bad) expect(parseIp(text), text).toBeUndefined()
})

test('a zone follows the address, where there is one (RFC 4007 §11)', () => {
  expect(showIp(parseIp('fe80::1')!, 'eth0')).toBe('fe80::1%eth0')
  expect(showIp(parseIp('fe80::1')!, '')).toBe('fe80::1')
})

test('an IPv4 address is a signed int32, on both sides of 2^31', () => {
  expect(parseIp('127.255.255.255')).toBe(0x7fffffff)
  expect(parseIp('128.0.0.0')).toBe(-0x80000000)
  expect(parseIp('255.255.255.255')).toBe(BROADCAST4)
  expect(parseIp('0.0.0.0')).toBe(ANY4)
  expect(parseIp('::')).toBe(ANY6)
  expect(parseIp('::1')).toBe(LOOPBACK6)
  expect(readIp4(unhex('ffc0000201'), 1)).toBe(parseIp('192.0.2.1'))
})

test('any address is the same after text, and after octets', () => {
  const ip: fc.Arbitrary<Ip> = fc.oneof(
    fc.integer() as fc.Arbitrary<Ip4>,
    fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }) as fc.Arbitrary<Ip6>,
    // Runs of zero groups are where compression goes wrong.
    fc
      .array(fc.constantFrom<bigint[]>(0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 })
      .map((words) => words.reduce((n, w) => (n << 16n) | w, 0n) as Ip6),
  )
  fc.assert(
    fc.property(ip, (value) => {
      expect(parseIp(showIp(value))).toBe(value)
      const out = new Uint8Array(20).fill(0xee)
      const end = writeIp(value, out, 2)
      expect(end).toBe(familyOf(value) === 4 ? 6 : 18)
      expect(familyOf(value) === 4 ? readIp4(out, 2) : readIp6(out, 2)).toBe(value)
      expect([out[1], out[end]]).toEqual([0xee, 0xee])
    }),
  )
})

test('our text is the canonical text that URL (WHATWG) gives, v4-mapped apart', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.nat(128), (n, shift) => {
      const ip = ((n >> BigInt(shift)) << BigInt(shift)) as Ip6
      fc.pre(ip >> 32n !== 0xffffn)
      expect(new URL(`http://[${showIp(ip)}]/`).hostname).toBe(`[${showIp(ip)}]`)
    }),
  )
})

test('any text is an address or undefined, and never throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdefFx.:% ') }), (text) => {
      const ip = parseIp(text)
      if (ip !== undefined) expect(parseIp(showIp(ip))).toBe(ip)
    }),
    { numRuns: 5000 },
  )
})

test('multicast and link-local are told at their edges (RFC 4291 §2.4, §2.7; RFC 3927; RFC 5771)', () => {
  const which = (test: (ip: Ip) => boolean, ...texts: string[]) => texts.filter((t) => test(parseIp(t)!))
  expect(which(isMulticast, '223.255.255.255', '224.0.0.0', '239.255.255.255', '240.0.0.0')).toEqual([
    '224.0.0.0',
    '239.255.255.255',
  ])
  expect(which(isMulticast, 'feff::1', 'ff00::', 'ff02::1', 'fe80::1')).toEqual(['ff00::', 'ff02::1'])
  expect(which(isLinkLocal, '169.253.255.255', '169.254.0.1', '169.255.0.0')).toEqual(['169.254.0.1'])
  // ff01 is the interface's own scope, ff02 the link's.
  const sixes = ['fe7f::1', 'fe80::1', 'febf::1', 'fec0::1', 'ff01::1', 'ff02::1', 'ff12::1', 'ff05::1', 'ff0e::1']
  expect(which(isLinkLocal, ...sixes)).toEqual(['fe80::1', 'febf::1', 'ff01::1', 'ff02::1', 'ff12::1'])
})

test('octets are written in network order', () => {
  const out = new Uint8Array(16)
  writeIp(parseIp('2001:db8::1:2')!, out, 0)
  expect(hex(out)).toBe('20010db8000000000000000000010002')
  expect(writeIp(parseIp('192.0.2.1')!, out, 0)).toBe(4)
  expect(hex(out, 0, 4)).toBe('c0000201')
})
