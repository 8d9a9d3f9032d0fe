import { describe, expect, test } from 'vitest'
import { type Ip6, parseIp } from './addr.ts'
import * as icmp6 from './icmp6.ts'
import * as mld from './mld.ts'
import { hex, unhex } from './octets.ts'

const ip = (text: string) => parseIp(text) as Ip6
const SRC = ip('fe80::1')
const DST = ip('ff02::16')
const NOTHING = new Uint8Array(0)
const GROUP = 'ff020000000000000000000000000001'

describe('a query', () => {
  test('of 24 octets is version 1, of 28 and more version 2, all others are malformed (RFC 3810 §8.1) [v6-mld-v2-query]', () => {
    const bytes = new Uint8Array(64)
    bytes.set([130, 0, 0, 0, 0x27, 0x10])
    for (let length = 4; length < 24; length++) {
      expect(icmp6.parse(bytes, 0, length)).toEqual({ kind: 'malformed', why: 'truncated', at: length })
    }
    expect(icmp6.parse(bytes, 0, 24)).toMatchObject({ kind: 'mldQuery', maxResponseDelayMs: 10000 })
    for (const length of [25, 26, 27]) {
      expect(icmp6.parse(bytes, 0, length)).toEqual({ kind: 'malformed', why: 'bad-length', at: length })
    }
    for (const length of [28, 29, 44, 64]) {
      expect(icmp6.parse(bytes, 0, length)).toMatchObject({ kind: 'mldv2Query', sources: [] })
    }
  })

  test('of version 1 counts milliseconds up to 65,535 without a code (RFC 2710 §3.4)', () => {
    expect(icmp6.parse(unhex(`82000000 ffff0000 ${GROUP}`))).toMatchObject({ maxResponseDelayMs: 65535 })
  })

  test('with fewer sources than it promises is malformed, with octets behind them whole (RFC 3810 §5.1.12)', () => {
    const query = `82000000 03e80000 ${GROUP} f27d0002`
    const source = '20010db8000000000000000000000001'
    expect(icmp6.parse(unhex(query + source))).toEqual({ kind: 'malformed', why: 'truncated', at: 44 })
    expect(icmp6.parse(unhex(`${query}${source}${source}abcdef`))).toEqual({
      kind: 'mldv2Query',
      code: 0,
      maxResponseDelayMs: 1000,
      group: ip('ff02::1'),
      flags: 15,
      suppress: false,
      robustness: 2,
      queryIntervalSeconds: 125,
      sources: [ip('2001:db8::1'), ip('2001:db8::1')],
      trailing: unhex('abcdef'),
    })
  })
})

describe('the codes of floating point (RFC 3810 §5.1.3, §5.1.9)', () => {
  test('are read as their formulas say [v6-mld-v2-query]', () => {
    // By hand: (mant | 0x1000) << (exp + 3), and (mant | 0x10) << (exp + 3).
    const delays = [
      [0, 0],
      [0x7fff, 32767],
      [0x8000, 32768],
      [0x8001, 32776],
      [0x9000, 65536],
      [0xffff, 8387584],
    ]
    for (const [code, ms] of delays) expect([code, mld.delayMs(code!)]).toEqual([code, ms])
    const intervals = [
      [0, 0],
      [127, 127],
      [0x80, 128],
      [0x81, 136],
      [0x90, 256],
      [0xff, 31744],
    ]
    for (const [code, seconds] of intervals) expect([code, mld.intervalSeconds(code!)]).toEqual([code, seconds])
  })

  test('come back from the value of every code', () => {
    for (let code = 0; code <= 0xffff; code++) {
      if (mld.delayCode(mld.delayMs(code)) !== code) expect.fail(`delay code ${code}`)
    }
    for (let code = 0; code <= 0xff; code++) expect(mld.intervalCode(mld.intervalSeconds(code))).toBe(code)
  })

  test('round a value between two codes down, and refuse one above the last', () => {
    expect(mld.delayMs(mld.delayCode(32775))).toBe(32768)
    expect(mld.delayMs(mld.delayCode(8387583))).toBe(8386560)
    expect(mld.intervalSeconds(mld.intervalCode(135))).toBe(128)
    expect(() => mld.delayCode(8387585)).toThrow(RangeError)
    expect(() => mld.delayCode(-1)).toThrow(RangeError)
    expect(() => mld.delayCode(Number.NaN)).toThrow(RangeError)
    expect(() => mld.intervalCode(31745)).toThrow(RangeError)
  })
})

describe('a message of version 1', () => {
  test('has 24 octets; those beyond are ignored and under the checksum (RFC 2710 §3.7) [v6-mld-format]', () => {
    const report = unhex(`83000000 0000ffff ${GROUP}`)
    const m = icmp6.parse(report) as icmp6.Message
    expect(m).toEqual({ kind: 'mldReport', code: 0, maxResponseDelayMs: 0, group: ip('ff02::1'), trailing: NOTHING })
    expect(hex(written(m), 4)).toBe(`00000000${GROUP}`)
    const longer = written({ ...(m as mld.Mldv1), trailing: unhex('01020304') })
    expect(longer.length).toBe(28)
    expect(icmp6.parse(longer)).toMatchObject({ kind: 'mldReport', group: ip('ff02::1'), trailing: unhex('01020304') })
    expect(icmp6.verify(longer, 0, 28, 28, SRC, DST)).toBe('ok')
    longer[27] = 5
    expect(icmp6.verify(longer, 0, 28, 28, SRC, DST)).toBe('bad')
    const done = icmp6.parse(unhex(`84000000 00000000 ${GROUP}`))
    expect(done).toMatchObject({ kind: 'mldDone' })
  })

  test('is not written with a tail where that would make another query of it', () => {
    const m: icmp6.Message = {
      kind: 'mldQuery',
      code: 0,
      maxResponseDelayMs: 0,
      group: ip('::'),
      trailing: unhex('00'),
    }
    expect(() => written(m)).toThrow(RangeError)
  })
})

describe('a report of version 2', () => {
  test('for one joined group has one record and 28 octets (RFC 3810 §5.2) [v6-mld-v2-report]', () => {
    const bytes = written({
      kind: 'mldv2Report',
      code: 0,
      flags: 0,
      records: [{ type: 4, group: ip('ff02::1:ff00:1'), sources: [], auxiliaryData: NOTHING }],
      trailing: NOTHING,
    })
    expect(hex(bytes, 4)).toBe('00000001' + '04000000' + 'ff0200000000000000000001ff000001')
    expect(bytes.length).toBe(28)
  })

  test('keeps records of unknown types apart from those it knows (RFC 3810 §5.2.12) [v6-mld-v2-report]', () => {
    const record = (type: string) => `${type}000000${GROUP}`
    const m = icmp6.parse(unhex(`8f000000 00000002 ${record('09')} ${record('02')}`))
    expect(m).toMatchObject({ records: [{ type: 9 }, { type: mld.RecordType.modeIsExclude }] })
  })

  test('whose records, sources or auxiliary data leave the message is malformed', () => {
    const cut = (octets: string) => icmp6.parse(unhex(octets))
    expect(cut(`8f000000 0000ffff 04000000 ${GROUP}`)).toEqual({ kind: 'malformed', why: 'truncated', at: 28 })
    expect(cut(`8f000000 00000001 0400ffff ${GROUP}`)).toEqual({ kind: 'malformed', why: 'truncated', at: 28 })
    expect(cut(`8f000000 00000001 04ff0000 ${GROUP}`)).toEqual({ kind: 'malformed', why: 'truncated', at: 28 })
    expect(cut(`8f000000 00000000 0102`)).toMatchObject({ records: [], trailing: unhex('0102') })
  })

  test('is refused where auxiliary data are not whole words', () => {
    const record = { type: 1, group: ip('::'), sources: [], auxiliaryData: unhex('01') }
    const m: icmp6.Message = { kind: 'mldv2Report', code: 0, flags: 0, records: [record], trailing: NOTHING }
    expect(() => written(m)).toThrow(RangeError)
  })
})

test('a multicast router advertisement has its interval in the Code octet (RFC 4286 §3.2)', () => {
  expect(icmp6.parse(unhex('97b40000 003c0007'))).toMatchObject({
    kind: 'multicastRouterAdvertisement',
    code: 180,
    queryIntervalSeconds: 60,
    robustness: 7,
  })
})

function written(m: icmp6.Message): Uint8Array {
  const out = new Uint8Array(icmp6.size(m)).fill(0xee)
  expect(icmp6.write(m, out, 0, SRC, DST)).toBe(out.length)
  return out
}
