import { describe, expect, test } from 'vitest'
import { type Ip4, type Ip6, parseIp } from './addr.ts'
import * as icmp6 from './icmp6.ts'
import * as nodeInfo from './node-info.ts'
import { hex, unhex } from './octets.ts'

const LL1 = parseIp('fe80::1') as Ip6
const LL2 = parseIp('fe80::2') as Ip6
const HEAD = '0102030405060708'

const parse = (octets: string) => icmp6.parse(unhex(octets)) as nodeInfo.Message

test('query and reply have Qtype, flags, a 64-bit nonce and data (RFC 4620 §4) [v6-ni-format]', () => {
  // scapy: ICMPv6NIQueryIPv6(nonce=…, flags='GLA', data='host.example.') and ICMPv6NIReplyName(…)
  const query = parse('8b01e3290003002a010203040506070804686f7374076578616d706c650000')
  expect(query).toEqual({
    kind: 'nodeInfoQuery',
    code: nodeInfo.Subject.name,
    qtype: nodeInfo.Qtype.nodeAddresses,
    flags: nodeInfo.AddressFlag.global | nodeInfo.AddressFlag.linkLocal | nodeInfo.AddressFlag.all,
    nonce: 0x0102030405060708n,
    data: unhex('04686f7374076578616d706c650000'),
  })
  const reply: icmp6.Message = { ...query, kind: 'nodeInfoReply', code: 0, data: nodeInfo.addressesData([LL2]) }
  const out = new Uint8Array(icmp6.size(reply))
  icmp6.write(reply, out, 0, LL1, LL2)
  expect(hex(out, 4)).toBe(`0003002a${HEAD}00000000fe800000000000000000000000000002`)
  for (const code of [0, 1, 2]) {
    expect(parse(`8b0${code}000000020000${HEAD}`)).toMatchObject({ kind: 'nodeInfoQuery', code })
  }
})

describe('the subject of a query (RFC 4620 §4)', () => {
  const of = (code: string, data: string) => nodeInfo.subject(parse(`8b${code}000000020000${HEAD}${data}`))

  test('is an IPv6 address, a name or an IPv4 address, as the code says', () => {
    expect(of('00', 'fe800000000000000000000000000002')).toBe(LL2)
    expect(of('02', 'c0000201')).toBe(parseIp('192.0.2.1'))
    expect(of('01', '04686f7374076578616d706c6500')).toEqual({ name: 'host.example', qualified: true })
    expect(of('01', '04686f73740000')).toEqual({ name: 'host', qualified: false })
  })

  test('is nothing where the data are not what the code says', () => {
    expect(of('00', 'c0000201')).toBeUndefined()
    expect(of('02', 'fe800000000000000000000000000002')).toBeUndefined()
    expect(of('01', '')).toBeUndefined()
    expect(of('01', '3f686f7374')).toBeUndefined()
    expect(of('01', '0161000162000163')).toBeUndefined()
    expect(of('09', 'c0000201')).toBeUndefined()
  })

  test('is written back to the same octets', () => {
    for (const data of [
      'fe800000000000000000000000000002',
      '04686f7374076578616d706c6500',
      '04686f73740000',
      'c0000201',
    ]) {
      const code = data.length === 32 ? '00' : data.length === 8 ? '02' : '01'
      expect(hex(nodeInfo.subjectData(of(code, data)!))).toBe(data)
    }
  })
})

describe('the data of a reply', () => {
  test('are names behind a lifetime, compressed or not (RFC 4620 §6.2)', () => {
    const list = [
      { name: 'host.example', qualified: true },
      { name: 'alias.example', qualified: true },
      { name: 'bare', qualified: false },
    ]
    // "An offset of 4 will point to the beginning of the first name": `example` stands at 9.
    const compressed = '00000000 04686f7374076578616d706c6500 05616c696173c009 04626172650000'
    expect(nodeInfo.nodeNames(unhex(compressed))).toEqual(list)
    expect(hex(nodeInfo.nodeNamesData(list))).toBe(
      '0000000004686f7374076578616d706c650005616c696173076578616d706c650004626172650000',
    )
    expect(nodeInfo.nodeNames(unhex('00000000'))).toEqual([])
    expect(nodeInfo.nodeNames(unhex('000000'))).toBeUndefined()
  })

  test('with a name that points at itself, forward, or in a circle are malformed', () => {
    for (const names of ['c004', 'c006', '0161c004', 'c005c004', '0161c0', 'c0']) {
      expect(nodeInfo.nodeNames(unhex(`00000000${names}`))).toBeUndefined()
    }
  })

  test('are addresses, each behind a lifetime (RFC 4620 §6.3, §6.4)', () => {
    const v6 = '00000000fe80000000000000000000000000000100000000fe800000000000000000000000000002'
    expect(nodeInfo.nodeAddresses(unhex(v6))).toEqual([LL1, LL2])
    expect(hex(nodeInfo.addressesData([LL1, LL2]))).toBe(v6)
    expect(nodeInfo.ip4Addresses(unhex('00000000c0000201'))).toEqual([parseIp('192.0.2.1') as Ip4])
    expect(hex(nodeInfo.addressesData([parseIp('192.0.2.1') as Ip4]))).toBe('00000000c0000201')
    expect(nodeInfo.nodeAddresses(unhex(v6.slice(2)))).toBeUndefined()
    expect(nodeInfo.ip4Addresses(unhex('00000000c00002'))).toBeUndefined()
  })
})
