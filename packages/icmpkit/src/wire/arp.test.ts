import { expect, test } from 'vitest'
import { type Ip4, parseIp } from './addr.ts'
import * as arp from './arp.ts'
import { hex, unhex } from './octets.ts'

// scapy: ARP(op=1, hwsrc='00:00:5e:00:53:02', psrc='192.0.2.1', hwdst='00:00:00:00:00:00', pdst='192.0.2.254')
const REQUEST = unhex('0001080006040001 00005e005302 c0000201 000000000000 c00002fe')

test('a request made by scapy has these fields (RFC 826)', () => {
  expect(arp.parse(REQUEST)).toEqual({
    kind: 'arp',
    hardware: 1,
    operation: arp.Operation.request,
    senderMac: unhex('00005e005302'),
    sender: parseIp('192.0.2.1'),
    targetMac: new Uint8Array(6),
    target: parseIp('192.0.2.254'),
  })
})

test('a parsed message writes back to the same octets, link-layer padding left out', () => {
  const padded = new Uint8Array(46)
  padded.set(REQUEST)
  const m = arp.parse(padded) as arp.Message
  expect(arp.size(m)).toBe(28)
  const out = new Uint8Array(30)
  expect(arp.write(m, out, 2)).toBe(30)
  expect(hex(out, 2)).toBe(hex(REQUEST))
})

test('hardware addresses of any length are read and written (RFC 826; InfiniBand has 20 octets)', () => {
  const wire = unhex(`0020080014040002 ${'a1'.repeat(20)} c0000201 ${'b2'.repeat(20)} c0000202`)
  const m = arp.parse(wire) as arp.Message
  expect(m).toMatchObject({ hardware: 32, operation: 2, targetMac: new Uint8Array(20).fill(0xb2) })
  const out = new Uint8Array(wire.length)
  arp.write(m, out, 0)
  expect(hex(out)).toBe(hex(wire))
})

test('lengths that do not fit the packet, and protocols other than IPv4, are malformed', () => {
  const edited = (at: number, ...octets: number[]) => {
    const wire = REQUEST.slice()
    wire.set(octets, at)
    return arp.parse(wire)
  }
  expect(edited(2, 0x86, 0xdd)).toEqual({ kind: 'malformed', why: 'unknown-format', at: 2 })
  expect(edited(5, 16)).toEqual({ kind: 'malformed', why: 'bad-length', at: 5 })
  expect(edited(4, 7)).toEqual({ kind: 'malformed', why: 'truncated', at: 28 })
  expect(edited(4, 255)).toEqual({ kind: 'malformed', why: 'truncated', at: 28 })
  for (let end = 0; end < 28; end++) {
    expect(arp.parse(REQUEST, 0, end)).toEqual({ kind: 'malformed', why: 'truncated', at: end })
  }
})

test('what does not fit is refused', () => {
  const m = arp.parse(REQUEST) as arp.Message
  const out = new Uint8Array(600)
  const long = new Uint8Array(256)
  expect(() => arp.write({ ...m, targetMac: new Uint8Array(5) }, out, 0)).toThrow(RangeError)
  expect(() => arp.write({ ...m, senderMac: long, targetMac: long }, out, 0)).toThrow(RangeError)
  expect(() => arp.write({ ...m, operation: 65536 }, out, 0)).toThrow(RangeError)
  expect(() => arp.write(m, out, 573)).toThrow(RangeError)
  expect(arp.write({ ...m, sender: 0 as Ip4 }, out, 572)).toBe(600)
})
