import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip4, parseIp, showIp } from './addr.ts'
import * as option from './ip4-option.ts'
import { hex, unhex } from './octets.ts'

const A = parseIp('10.0.0.1') as Ip4
const B = parseIp('10.0.0.2') as Ip4
const ZERO = 0 as Ip4

/** Option areas as scapy writes them (its IPOption_… classes), padding included. */
const SCAPY: [string, option.Option[]][] = [
  [
    // IPOption_RR(routers=['10.0.0.1', '0.0.0.0', '0.0.0.0'], pointer=8)
    '070f080a000001000000000000000000',
    [
      { kind: 'recordRoute', pointer: 8, addresses: [A, ZERO, ZERO] },
      { kind: 'endOfList', padding: 0 },
    ],
  ],
  [
    // IPOption_Timestamp(flg=0, pointer=9, oflw=3, timestamp=1000)
    '44080930000003e8',
    [{ kind: 'timestamp', pointer: 9, overflow: 3, flag: 0, slots: [{ address: undefined, time: 1000 }] }],
  ],
  [
    // IPOption_Timestamp(flg=1, pointer=13, internet_address='10.0.0.1', timestamp=86399999)
    '440c0d010a00000105265bff',
    [{ kind: 'timestamp', pointer: 13, overflow: 0, flag: 1, slots: [{ address: A, time: 86399999 }] }],
  ],
  [
    // IPOption_Timestamp(flg=3, pointer=5, internet_address='10.0.0.2', timestamp=0)
    '440c05030a00000200000000',
    [{ kind: 'timestamp', pointer: 5, overflow: 0, flag: 3, slots: [{ address: B, time: 0 }] }],
  ],
  // IPOption_Router_Alert()
  ['94040000', [{ kind: 'routerAlert', value: 0 }]],
  [
    // IPOption_NOP(), IPOption_LSRR(routers=['10.0.0.1', '10.0.0.2'], pointer=4)
    '01830b040a0000010a000002',
    [{ kind: 'noOperation' }, { kind: 'looseSourceRoute', pointer: 4, addresses: [A, B] }],
  ],
  [
    // IPOption_SSRR(routers=['10.0.0.1'], pointer=8), IPOption_EOL()
    '8907080a00000100',
    [
      { kind: 'strictSourceRoute', pointer: 8, addresses: [A] },
      { kind: 'endOfList', padding: 0 },
    ],
  ],
  [
    // IPOption_Security(security=0xf135, compartment=1, handling_restrictions=0x5858, transmission_control_code=b'abc')
    '820bf1350001585861626300',
    [
      { kind: 'security', data: unhex('f13500015858616263') },
      { kind: 'endOfList', padding: 0 },
    ],
  ],
  // IPOption_Stream_Id(security=0x1234)
  ['88041234', [{ kind: 'streamId', id: 0x1234 }]],
  // IPOption_MTU_Probe(mtu=1400)
  ['0b040578', [{ kind: 'unknown', type: 11, data: unhex('0578') }]],
]

test('options made by scapy have these fields (RFC 791 §3.1, RFC 2113)', () => {
  for (const [wire, options] of SCAPY) expect(option.parseOptions(unhex(wire)), wire).toEqual(options)
})

test('parsed options write back to the same octets', () => {
  for (const [wire, options] of SCAPY) expect(hex(option.writeOptions(options)), wire).toBe(wire)
})

test('an option length of 0 or 1 ends the reading, in each kind of option (CVE-2010-2529)', () => {
  for (const type of [7, 68, 130, 131, 136, 137, 148, 11, 255]) {
    for (const length of [0, 1]) {
      const options = Uint8Array.from([1, type, length, 4, 0, 0, 0, 0])
      expect(option.parseOptions(options)).toEqual({ kind: 'malformed', why: 'bad-length', at: 2 })
      expect(option.parseOptions(options)).toEqual({ kind: 'malformed', why: 'bad-length', at: 2 })
    }
  }
})

test('an option length beyond the header ends the reading, and a type octet that ends it is cut off', () => {
  expect(option.parseOptions(unhex('01070904'))).toEqual({ kind: 'malformed', why: 'bad-length', at: 2 })
  expect(option.parseOptions(unhex('07ff0400'))).toEqual({ kind: 'malformed', why: 'bad-length', at: 1 })
  expect(option.parseOptions(unhex('01010107'))).toEqual({ kind: 'malformed', why: 'truncated', at: 4 })
})

test('record route and timestamp pointers that lead to themselves, backwards or out are not followed (CVE-2010-2529)', () => {
  for (let pointer = 0; pointer < 256; pointer++) {
    const route = option.parseOptions(Uint8Array.from([7, 7, pointer, 10, 0, 0, 1])) as [option.Route]
    expect(route).toEqual([{ kind: 'recordRoute', pointer, addresses: [A] }])
    expect(option.visited(route[0])).toEqual(pointer < 8 ? [] : [A])
    const stamp = option.parseOptions(Uint8Array.from([68, 8, pointer, 0, 0, 0, 0, 9])) as [option.Timestamp]
    expect(option.stamped(stamp[0])).toEqual(pointer < 9 ? [] : [{ address: undefined, time: 9 }])
  }
})

test('only slots in front of the pointer have been filled (RFC 791 §3.1, Record Route)', () => {
  const addresses = [A, B, ZERO]
  const shown = (pointer: number) =>
    option
      .visited({ kind: 'recordRoute', pointer, addresses })
      .map((ip) => showIp(ip))
      .join()
  expect(shown(4)).toBe('')
  expect(shown(8)).toBe('10.0.0.1')
  expect(shown(12)).toBe('10.0.0.1,10.0.0.2')
  expect(shown(16)).toBe('10.0.0.1,10.0.0.2,0.0.0.0')
  const slots = [1, 2, 3].map((time) => ({ address: A, time }))
  const stamped = (flag: number, pointer: number) =>
    option.stamped({ kind: 'timestamp', pointer, overflow: 0, flag, slots }).length
  expect([5, 9, 13, 21, 29].map((pointer) => stamped(1, pointer))).toEqual([0, 0, 1, 2, 3])
  expect([5, 9, 13, 17].map((pointer) => stamped(0, pointer))).toEqual([0, 1, 2, 3])
})

test('an option of a known type but another form is kept whole, and writes back unchanged', () => {
  for (const wire of ['0702', '07060400ffff', '44040502', '44060500ffff', '8803ff', '94050000ff']) {
    const options = option.parseOptions(unhex(wire)) as option.Option[]
    expect(options.map((o) => o.kind)).toEqual(['unknown'])
    expect(hex(option.writeOptions(options))).toBe(wire)
  }
})

test('nothing behind End of Option List is read', () => {
  expect(option.parseOptions(unhex('0100070007'))).toEqual([{ kind: 'noOperation' }, { kind: 'endOfList', padding: 3 }])
})

test('values too wide for their fields are refused', () => {
  const bad: option.Option[] = [
    { kind: 'recordRoute', pointer: 256, addresses: [] },
    { kind: 'timestamp', pointer: 5, overflow: 16, flag: 0, slots: [] },
    { kind: 'timestamp', pointer: 5, overflow: 0, flag: 2, slots: [] },
    { kind: 'routerAlert', value: 65536 },
    { kind: 'unknown', type: 256, data: new Uint8Array(0) },
    { kind: 'unknown', type: 9, data: new Uint8Array(254) },
  ]
  for (const o of bad) expect(() => option.writeOptions([o])).toThrow(RangeError)
})

test('any octets: no throw, at most one option an octet, and what was read writes back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const options = option.parseOptions(bytes)
      if (!Array.isArray(options)) {
        expect(options.at).toBeLessThanOrEqual(bytes.length)
        return
      }
      expect(options.length).toBeLessThanOrEqual(bytes.length)
      const written = option.writeOptions(options)
      expect(written.length).toBe(bytes.length)
      expect(option.parseOptions(written)).toEqual(options)
    }),
    { numRuns: 2000 },
  )
})
