import { expect, test } from 'vitest'
import { type Ip6, parseIp } from './addr.ts'
import * as icmp6 from './icmp6.ts'
import { hex, unhex } from './octets.ts'

const LL1 = parseIp('fe80::1') as Ip6
const LL2 = parseIp('fe80::2') as Ip6

test('an Echo Request made by scapy has these fields (RFC 4443 §4.1)', () => {
  // IPv6(src='fe80::1',dst='fe80::2')/ICMPv6EchoRequest(id=0x1234,seq=7,data='abc')
  const wire = unhex('8000ac171234 0007616263')
  expect(icmp6.parse(wire)).toEqual({ kind: 'echoRequest', code: 0, id: 0x1234, seq: 7, data: unhex('616263') })
  expect(icmp6.verify(wire, 0, wire.length, wire.length, LL1, LL2)).toBe('ok')
  const out = new Uint8Array(wire.length)
  expect(icmp6.write(icmp6.parse(wire) as icmp6.Message, out, 0, LL1, LL2)).toBe(wire.length)
  expect(hex(out)).toBe(hex(wire))
})
