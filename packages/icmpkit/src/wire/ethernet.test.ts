import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as ethernet from './ethernet.ts'
import { hex, unhex } from './octets.ts'

// scapy, with E = Ether(dst='00:00:5e:00:53:01', src='00:00:5e:00:53:02'); the payload is cut to one octet
const MACS = '00005e005301 00005e005302'
// E / IP()
const PLAIN = unhex(`${MACS} 0800 45`)
// E / Dot1Q(vlan=100, prio=5, id=1) / IPv6()
const TAGGED = unhex(`${MACS} 8100b064 86dd 60`)
// E / Dot1AD(vlan=200) / Dot1Q(vlan=100) / IP()
const DOUBLE = unhex(`${MACS} 88a800c8 81000064 0800 45`)
// E / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / IP()
const TRIPLE = unhex(`${MACS} 81000001 81000002 81000003 0800 45`)

test('frames made by scapy have these fields (IEEE 802.3, 802.1Q)', () => {
  expect(ethernet.parse(PLAIN)).toEqual({
    kind: 'ethernet',
    dstMac: unhex('00005e005301'),
    srcMac: unhex('00005e005302'),
    tags: [],
    etherType: ethernet.EtherType.ip4,
    payload: 14,
    end: 15,
  })
  expect(ethernet.parse(TAGGED)).toMatchObject({
    tags: [{ tagType: 0x8100, priority: 5, dropEligible: true, vlan: 100 }],
    etherType: ethernet.EtherType.ip6,
    payload: 18,
  })
  expect(ethernet.parse(DOUBLE)).toMatchObject({
    tags: [
      { tagType: 0x88a8, priority: 0, dropEligible: false, vlan: 200 },
      { tagType: 0x8100, vlan: 100 },
    ],
    etherType: ethernet.EtherType.ip4,
    payload: 22,
  })
})

test('a third tag is payload', () => {
  expect(ethernet.parse(TRIPLE)).toMatchObject({ tags: [{ vlan: 1 }, { vlan: 2 }], etherType: 0x8100, payload: 22 })
})

test('a parsed header writes back to the same octets', () => {
  for (const wire of [PLAIN, TAGGED, DOUBLE, TRIPLE]) {
    const h = ethernet.parse(wire) as ethernet.Header
    const out = new Uint8Array(wire.length)
    expect(ethernet.write(h, out, 0)).toBe(h.payload)
    expect(ethernet.size(h)).toBe(h.payload)
    expect(hex(out, 0, h.payload)).toBe(hex(wire, 0, h.payload))
  }
})

test('a header that ends inside a tag is truncated, not untagged', () => {
  for (let end = 0; end < 22; end++) {
    expect(ethernet.parse(DOUBLE, 0, end)).toEqual({ kind: 'malformed', why: 'truncated', at: end })
  }
})

test('what does not fit is refused', () => {
  const out = new Uint8Array(40)
  const f = { dstMac: new Uint8Array(6), srcMac: new Uint8Array(6), etherType: 0x0800 }
  const tag = { tagType: 0x8100, priority: 0, dropEligible: false, vlan: 0 }
  const bad: Partial<ethernet.Fields>[] = [
    { dstMac: new Uint8Array(5) },
    { srcMac: new Uint8Array(7) },
    { etherType: 65536 },
    { tags: [{ ...tag, priority: 8 }] },
    { tags: [{ ...tag, vlan: 4096 }] },
  ]
  for (const change of bad) expect(() => ethernet.write({ ...f, ...change }, out, 0)).toThrow(RangeError)
  expect(() => ethernet.write(f, out, 27)).toThrow(RangeError)
})

test('MAC addresses as text are six pairs of hex digits, with one sort of separator', () => {
  expect(ethernet.showMac(PLAIN, 6)).toBe('00:00:5e:00:53:02')
  expect(ethernet.parseMac('00:00:5E:00:53:02')).toEqual(unhex('00005e005302'))
  expect(ethernet.parseMac('00-00-5e-00-53-02')).toEqual(unhex('00005e005302'))
  const bad = [
    '',
    '00:00:5e:00:53',
    '00:00:5e:00:53:02:03',
    '0:0:5e:0:53:2',
    '00:00-5e:00:53:02',
    '00005e005302',
    'gg:00:5e:00:53:02',
    '00:00:5e:00:53:02\n',
  ]
  for (const text of bad) expect(ethernet.parseMac(text), text).toBeUndefined()
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (mac) => {
      expect(ethernet.parseMac(ethernet.showMac(mac))).toEqual(mac)
    }),
  )
})
