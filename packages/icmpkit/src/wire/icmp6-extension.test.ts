/** Extensions as ICMPv6 carries them: where they may stand, how the length octet counts, and what is in them. */
import { describe, expect, test } from 'vitest'
import { type Ip6, parseIp } from './addr.ts'
import { finish, sum } from './checksum.ts'
import * as extension from './extension.ts'
import * as icmp6 from './icmp6.ts'
import { hex, unhex } from './octets.ts'
import * as originalDatagram from './original-datagram.ts'
import { lookup } from './registry.ts'

const ip = (text: string) => parseIp(text) as Ip6
const SRC = ip('fe80::1')
const DST = ip('fe80::2')
const NOTHING = new Uint8Array(0)

/** RFC 4950 §5 with one label: 16000, TC 0, S 1, TTL 64. The checksum is the sum of 2000 0008 0101 03e8 0140, inverted. */
const STRUCTURE = `2000d9ce 00080101 03e80140`
const MPLS: extension.ExtensionObject = { kind: 'mpls', entries: [{ label: 16000, tc: 0, bottom: true, ttl: 64 }] }

const quoteOf = (octets: number) => new Uint8Array(octets).map((_, i) => i + 1)
const unreachable = (quote: Uint8Array, ...objects: extension.ExtensionObject[]): icmp6.Message => ({
  kind: 'unreachable',
  code: 0,
  quote,
  extensions: objects.length > 0 ? extension.of(...objects) : undefined,
})

describe('where extensions may stand', () => {
  test('behind the quote of types 1 and 3 (RFC 4884 §4.6) [v6-ext-allowed]', () => {
    for (const kind of ['unreachable', 'timeExceeded'] as const) {
      const m: icmp6.Message = { kind, code: 0, quote: quoteOf(128), extensions: extension.of(MPLS) }
      const bytes = written(m)
      expect(hex(bytes, 136)).toBe(STRUCTURE.replaceAll(' ', ''))
      expect(icmp6.parse(bytes)).toEqual(m)
    }
  })

  test('never in types 2 and 4 and in echo: all octets there are quote or data (RFC 4884 §4.6) [v6-ext-forbidden]', () => {
    const rest = `${'ab'.repeat(128)}${STRUCTURE}`
    for (const type of ['02', '04', '80', '81']) {
      const bytes = unhex(`${type}000000 10000000 ${rest}`)
      const m = icmp6.parse(bytes) as icmp6.Message
      expect(m).not.toHaveProperty('extensions')
      expect('quote' in m ? m.quote : 'data' in m && m.data).toEqual(unhex(rest))
      expect(hex(written(m), 4)).toBe(hex(bytes, 4))
    }
    expect(icmp6.parse(unhex(`02000000 10000000 ${rest}`))).toMatchObject({ mtu: 0x10000000 })
    expect(icmp6.parse(unhex(`04000000 10000000 ${rest}`))).toMatchObject({ pointer: 0x10000000 })
  })

  test('in an Extended Echo Request at octet 8, whose octet 4 is no length (RFC 8335 §2) [v6-probe-ext-offset]', () => {
    const bytes = unhex('a0000000 10000700 2000dcf2 00080302 00000003')
    expect(icmp6.parse(bytes)).toEqual({
      kind: 'extendedEchoRequest',
      code: 0,
      id: 0x1000,
      seq: 7,
      local: false,
      extensions: extension.of({ kind: 'interfaceByIndex', index: 3 }),
      data: NOTHING,
    })
  })
})

describe('the length octet', () => {
  test('counts the quote in words of eight, not four; octets 5 to 7 stay zero (RFC 4884 §4) [v6-ext-length-field]', () => {
    for (const [octets, length] of [
      [128, 16],
      [256, 32],
      [1224, 153],
    ] as const) {
      const bytes = written(unreachable(quoteOf(octets), MPLS))
      expect([...bytes.subarray(4, 8)]).toEqual([length, 0, 0, 0])
      expect(bytes.length).toBe(8 + octets + 12)
    }
    expect([...written(unreachable(quoteOf(256))).subarray(4, 8)]).toEqual([0, 0, 0, 0])
  })

  test('of zero says that there is no structure, whatever the octets look like (RFC 4884 §5.4) [v6-ext-none]', () => {
    const rest = unhex(`${hex(quoteOf(128))}${STRUCTURE}`)
    expect(icmp6.parse(unhex(`03000000 00000000 ${hex(rest)}`))).toEqual({
      kind: 'timeExceeded',
      code: 0,
      quote: rest,
      extensions: undefined,
    })
  })

  test('that is under 128 octets or past the message leaves the error readable, all of it quote', () => {
    for (const length of ['0f', '01', '13']) {
      const m = icmp6.parse(unhex(`01000000 ${length}000000 ${hex(quoteOf(140))}`))
      expect(m).toMatchObject({ kind: 'unreachable', quote: quoteOf(140), extensions: { objects: [] } })
      expect(hex(written(m as icmp6.Message), 4)).toBe(`${length}000000${hex(quoteOf(140))}`)
    }
  })

  test('refuses a quote that it cannot count', () => {
    expect(() => written(unreachable(new Uint8Array(2048), MPLS))).toThrow(RangeError)
  })
})

describe('the quote in front of a structure', () => {
  test('is padded with zeros to a multiple of eight (RFC 4884 §4) [v6-ext-pad-64]', () => {
    const bytes = written(unreachable(quoteOf(133), MPLS))
    expect(bytes[4]).toBe(17)
    expect(hex(bytes, 8 + 133, 8 + 136)).toBe('000000')
    expect(hex(bytes, 8 + 136)).toBe(STRUCTURE.replaceAll(' ', ''))
  })

  test('is filled with zeros to 128 octets, so that the structure is at octet 136 (RFC 4884 §4) [v6-ext-min-128]', () => {
    const bytes = written(unreachable(quoteOf(60), MPLS))
    expect(bytes[4]).toBe(16)
    expect(hex(bytes, 8 + 60, 136)).toBe('00'.repeat(68))
    expect(hex(bytes, 136)).toBe(STRUCTURE.replaceAll(' ', ''))
  })

  test('shrinks, so that the error stays within 1280 octets (RFC 4884 §7, RFC 4443 §2.4(c)) [v6-ext-total]', () => {
    const objects: extension.ExtensionObject[] = [
      { kind: 'unknown', classNum: 250, cType: 1, payload: new Uint8Array(32) },
    ]
    for (const original of [1300, 1500, 9000]) {
      const room = { unit: 8, limit: originalDatagram.LIMIT[6], outer: 40, quote: 'long' } as const
      const fitted = originalDatagram.fit(quoteOf(original), objects, room)
      const bytes = written({ kind: 'timeExceeded', code: 0, ...fitted })
      expect(40 + bytes.length).toBeLessThanOrEqual(1280)
      expect(fitted.quote.length % 8).toBe(0)
      // Eight octets more would not fit.
      expect(40 + bytes.length + 8).toBeGreaterThan(1280)
    }
  })

  test('may be held at 128 octets for traceroutes from before RFC 4884 (§5.3) [v6-ext-legacy-128]', () => {
    const room = { unit: 8, limit: originalDatagram.LIMIT[6], outer: 40, quote: 'compatible' } as const
    const bytes = written({ kind: 'timeExceeded', code: 0, ...originalDatagram.fit(quoteOf(1500), [MPLS], room) })
    expect(hex(bytes, 136)).toBe(STRUCTURE.replaceAll(' ', ''))
  })
})

describe('a structure without a length octet', () => {
  const rest = `${hex(quoteOf(128))}${STRUCTURE}`

  test('is read on request, where its version and checksum hold (RFC 4884 §5.5) [v6-ext-compat-mode]', () => {
    for (const type of ['01', '03']) {
      const bytes = unhex(`${type}000000 00000000 ${rest}`)
      expect(icmp6.parseLegacy(bytes)).toMatchObject({
        quote: quoteOf(128),
        extensions: { objects: [MPLS], checksum: 'ok' },
      })
      expect(icmp6.parse(bytes)).toMatchObject({ extensions: undefined })
    }
    const damaged = unhex(`03000000 00000000 ${rest}`)
    damaged[damaged.length - 1]! ^= 1
    expect(icmp6.parseLegacy(damaged)).toEqual(icmp6.parse(damaged))
  })

  test('is not looked for in other messages, nor where the length octet speaks', () => {
    const tooBig = unhex(`02000000 00000500 ${rest}`)
    expect(icmp6.parseLegacy(tooBig)).toEqual(icmp6.parse(tooBig))
    const modern = unhex(`01000000 10000000 ${rest}`)
    expect(icmp6.parseLegacy(modern)).toEqual(icmp6.parse(modern))
    expect(icmp6.parseLegacy(unhex('0100'))).toMatchObject({ kind: 'malformed' })
  })
})

describe('the structure in a Time Exceeded', () => {
  const withStructure = (structure: string) =>
    icmp6.parse(unhex(`03000000 10000000 ${hex(quoteOf(128))} ${structure}`)) as icmp6.TimeExceeded

  test('is written as 0x20, zero, checksum; another version is ignored and the error stands (RFC 4884 §7) [v6-ext-header]', () => {
    expect(hex(written(unreachable(quoteOf(128), MPLS)), 136, 138)).toBe('2000')
    for (const first of ['10', '30', '00', 'f0']) {
      const m = withStructure(`${first}000000 00080101 03e80140`)
      expect(m).toMatchObject({ kind: 'timeExceeded', quote: quoteOf(128) })
      expect(m.extensions).toMatchObject({ objects: [], flaw: { why: 'bad-version' } })
    }
  })

  test('is not believed with a wrong checksum, and needs none where it is zero (RFC 4884 §7, §9) [v6-ext-checksum]', () => {
    expect(extension.usable(withStructure(STRUCTURE).extensions)).toEqual([MPLS])
    expect(extension.usable(withStructure('20000000 00080101 03e80140').extensions)).toEqual([MPLS])
    const damaged = withStructure('2000d9ce 00080101 03e80141')
    expect(damaged).toMatchObject({ kind: 'timeExceeded', quote: quoteOf(128), extensions: { checksum: 'bad' } })
    expect(extension.usable(damaged.extensions)).toEqual([])
    const structure = written(unreachable(quoteOf(128), MPLS)).subarray(136)
    expect(finish(sum(structure, 0, structure.length))).toBe(0)
  })

  test('stops at an object of length 0, 3, 5 or beyond the end, and the error stands (RFC 4884 §8) [v6-ext-object]', () => {
    for (const length of ['0000', '0003', '0005', '000c', 'ffff']) {
      const m = withStructure(`20000000 ${length}0101 03e80140`)
      expect(m).toMatchObject({ kind: 'timeExceeded', quote: quoteOf(128), extensions: { objects: [] } })
      expect(m.extensions!.flaw).toBeDefined()
      expect(hex(written(m), 136)).toBe(`20000000${length}010103e80140`)
    }
    expect(withStructure('20000000 00080101 03e80140 0003f701').extensions!.objects).toEqual([MPLS])
  })

  test('with an object of an unknown class gives the others (RFC 4884 §7) [v6-ext-unknown-object] [v6-registry-ext-classes]', () => {
    const m = withStructure('20000000 0008f709 01020304 00080101 03e80140 000805ff deadbeef')
    expect(m.extensions!.objects).toEqual([
      { kind: 'unknown', classNum: 0xf7, cType: 9, payload: unhex('01020304') },
      MPLS,
      { kind: 'unknown', classNum: 5, cType: 255, payload: unhex('deadbeef') },
    ])
    expect(extension.Class).toEqual({
      mplsLabelStack: 1,
      interfaceInformation: 2,
      interfaceIdentification: 3,
      extendedInformation: 4,
    })
  })
})

describe('the objects', () => {
  const object = (o: extension.ExtensionObject) => hex(written(unreachable(quoteOf(128), o)), 140)
  const read = (octets: string) => {
    const m = icmp6.parse(unhex(`01000000 10000000 ${'00'.repeat(128)} 20000000 ${octets}`)) as icmp6.Unreachable
    return m.extensions!.objects
  }

  test('an MPLS stack is class 1, C-Type 1, four octets an entry from the top (RFC 4950 §5) [v6-mpls-object] [v6-mpls-entry]', () => {
    const stack: extension.ExtensionObject = {
      kind: 'mpls',
      entries: [
        { label: 16000, tc: 0, bottom: false, ttl: 64 },
        { label: 0xfffff, tc: 7, bottom: false, ttl: 255 },
        { label: 16000, tc: 0, bottom: true, ttl: 64 },
      ],
    }
    const octets = '00100101' + '03e80040' + 'fffffeff' + '03e80140'
    expect(object(stack)).toBe(octets)
    expect(read(octets)).toEqual([stack])
  })

  test('an MPLS object that is not whole entries is raw, and the error stands [v6-mpls-bad-length]', () => {
    const m = icmp6.parse(unhex(`01000000 10000000 ${'00'.repeat(128)} 20000000 00070101 03e80100`))
    expect(m).toMatchObject({
      kind: 'unreachable',
      extensions: { objects: [], flaw: { why: 'bad-length', octets: unhex('0007010103e80100') } },
    })
    expect(read('00040101')).toMatchObject([{ kind: 'damaged', classNum: 1 }])
  })

  const whole: extension.ExtensionObject = {
    kind: 'interfaceInformation',
    role: 2,
    index: 7,
    address: ip('2001:db8::1'),
    name: 'eth0',
    mtu: 1500,
    trailing: NOTHING,
  }
  const NAME = '0865746830000000'

  test('interface information says in its C-Type what follows: index, address, name, MTU (RFC 5837 §4) [v6-iface-object] [v6-iface-order]', () => {
    const octets = `0028028f 00000007 00020000 20010db8000000000000000000000001 ${NAME} 000005dc`.replaceAll(' ', '')
    expect(object(whole)).toBe(octets)
    expect(read(octets)).toEqual([whole])
    // 0x0f: all four items of role 0; 0x8b: no address, role 2; 0xc4: only an address, role 3.
    const absent = { index: undefined, address: undefined, name: undefined, mtu: undefined }
    expect(read(`001c020f 00000007 00010000 c0000201 ${NAME} 000005dc`)).toMatchObject([
      { role: 0, index: 7, address: parseIp('192.0.2.1'), name: 'eth0', mtu: 1500 },
    ])
    expect(read(`0014028b 00000007 ${NAME} 000005dc`)).toMatchObject([{ ...whole, address: undefined }])
    expect(read('001802c4 00020000 20010db8000000000000000000000001')).toMatchObject([
      { ...absent, role: 3, address: ip('2001:db8::1') },
    ])
  })

  test('the roles are the two top bits of the C-Type (RFC 5837 §4.1) [v6-iface-roles]', () => {
    for (const [cType, role] of [
      ['08', 0],
      ['48', 1],
      ['88', 2],
      ['c8', 3],
    ] as const) {
      expect(read(`000802${cType} 00000007`)).toMatchObject([{ kind: 'interfaceInformation', role, index: 7 }])
    }
  })

  test('an address has a family, 16 zero bits, and 4 or 16 octets; another family leaves the object raw (RFC 5837 §4.2) [v6-iface-address]', () => {
    const only = { ...whole, role: 0, index: undefined, name: undefined, mtu: undefined }
    expect(object(only)).toBe('00180204' + '00020000' + '20010db8000000000000000000000001')
    expect(object({ ...only, address: parseIp('192.0.2.1')! })).toBe('000c0204' + '00010000' + 'c0000201')
    expect(read('000c0204 00030000 c0000201')).toEqual([
      { kind: 'damaged', classNum: 2, cType: 4, payload: unhex('00030000c0000201'), why: 'unknown-format', at: 0 },
    ])
  })

  test('a name has a length that counts itself, whole words, 64 octets at most (RFC 5837 §4.3) [v6-iface-name]', () => {
    const named = (name: string) =>
      object({ ...whole, role: 0, index: undefined, address: undefined, mtu: undefined, name })
    expect(named('eth0')).toBe(`000c0202${NAME}`)
    const longest = 'n'.repeat(63)
    expect(named(longest)).toBe(`00440202${'40'}${'6e'.repeat(63)}`)
    expect(named(`${longest}nn`)).toBe(named(longest))
    expect(read(`00440202 40${'6e'.repeat(63)}`)).toMatchObject([{ name: longest }])
    for (const bad of ['00', '03', '44'])
      expect(read(`000c0202 ${bad}65746830000000`)).toMatchObject([{ kind: 'damaged' }])
  })

  test('the pointer of RFC 8883 is class 4, C-Type 1, eight octets in all', () => {
    expect(object({ kind: 'extendedInformation', pointer: 128 })).toBe('0008040100000080')
    expect(read('0008040100000080')).toEqual([{ kind: 'extendedInformation', pointer: 128 }])
  })
})

describe('extended echo', () => {
  const request = (...objects: extension.ExtensionObject[]): icmp6.Message => ({
    kind: 'extendedEchoRequest',
    code: 0,
    id: 0x1234,
    seq: 7,
    local: true,
    extensions: extension.of(...objects),
    data: NOTHING,
  })

  test('a request has identifier, sequence in 8 bits, and L; code and reserved bits are ignored (RFC 8335 §2) [v6-probe-request-format]', () => {
    const bytes = written(request({ kind: 'interfaceByIndex', index: 3 }))
    expect(hex(bytes, 0, 2)).toBe('a000')
    expect(hex(bytes, 4)).toBe('12340701' + '2000dcf2' + '0008030200000003')
    const m = icmp6.parse(unhex('a0090000 123407ff 2000dcf2 00080302 00000003'))
    expect(m).toMatchObject({ kind: 'extendedEchoRequest', code: 9, id: 0x1234, seq: 7, local: true })
    expect(hex(written(m as icmp6.Message), 4, 8)).toBe('12340701')
  })

  test('a bad checksum stays bad though the octets behind the first object sum to one', () => {
    const bad = icmp6.parse(
      unhex('a0000225000023002000cce20018030300021000460000000018030300021000460000000000000100000000 00000000'),
    ) as icmp6.Message & { extensions: extension.Extensions }
    expect(bad.extensions).toMatchObject({ checksum: 'bad', flaw: { why: 'bad-length', at: 28 } })
    expect(icmp6.parse(written(bad))).toEqual(bad)
  })

  test('the object names the interface by name, index or address (RFC 8335 §2.1) [v6-probe-object] [v6-probe-object-addr]', () => {
    const object = (o: extension.ExtensionObject) => {
      const bytes = written(request(o))
      expect((icmp6.parse(bytes) as icmp6.Message & { extensions: extension.Extensions }).extensions.objects).toEqual([
        o,
      ])
      return hex(bytes, 12)
    }
    expect(object({ kind: 'interfaceByName', name: 'wlan0' })).toBe('000c0301' + '776c616e30000000')
    expect(object({ kind: 'interfaceByIndex', index: 3 })).toBe('0008030200000003')
    expect(object({ kind: 'interfaceByAddress', afi: 1, address: parseIp('192.0.2.1')! })).toBe(
      '000c0303' + '00010400' + 'c0000201',
    )
    expect(object({ kind: 'interfaceByAddress', afi: 2, address: ip('2001:db8::1') })).toBe(
      '00180303' + '00021000' + '20010db8000000000000000000000001',
    )
    expect(object({ kind: 'interfaceByAddress', afi: 16389, address: unhex('00005e005301') })).toBe(
      '00100303' + '40050600' + '00005e0053010000',
    )
    for (const cType of ['00', '04']) {
      expect(icmp6.parse(unhex(`a0000000 12340701 20000000 000803${cType} 00000003`))).toMatchObject({
        extensions: { objects: [{ kind: 'unknown', classNum: 3 }] },
      })
    }
  })

  test('a reply has state, A, 4 and 6 in octet 7 (RFC 8335 §3) [v6-probe-reply-format]', () => {
    const reply = {
      kind: 'extendedEchoReply',
      code: 0,
      id: 0x1234,
      seq: 7,
      state: 0,
      active: true,
      ipv4: false,
      ipv6: true,
      data: NOTHING,
    } as const
    expect(hex(written(reply), 4)).toBe('12340705')
    expect(hex(written({ ...reply, state: 2, active: false, ipv6: false }), 4)).toBe('12340740')
    expect(icmp6.parse(unhex('a1000000 123407ff'))).toEqual({ ...reply, state: 7, ipv4: true })
    expect(() => written({ ...reply, state: 8 })).toThrow(RangeError)
  })

  test('the codes of a reply say what the query found (RFC 8335 §3) [v6-probe-reply-codes]', () => {
    const names = ['Extended Echo Reply', 'Malformed Query', 'No Such Interface', 'No Such Table Entry']
    for (const [code, name] of [...names, 'Multiple Interfaces Satisfy Query'].entries()) {
      expect(icmp6.parse(unhex(`a10${code}0000 12340700`))).toMatchObject({ code })
      expect(lookup(6, icmp6.Type.extendedEchoReply, code).name).toBe(name)
    }
    expect(lookup(6, icmp6.Type.extendedEchoReply, 5).codeName).toBe('Unassigned')
  })

  test('a reply may have 8 octets, or the structure and data of the request behind them (RFC 8335 §4) [v6-probe-reply-tail]', () => {
    expect(icmp6.parse(unhex('a1000000 12340747'))).toMatchObject({ state: 2, data: NOTHING })
    const tail = '2000dcf20008030200000003c0ffee'
    expect(icmp6.parse(unhex(`a1000000 12340747 ${tail}`))).toMatchObject({ state: 2, data: unhex(tail) })
  })

  test('data behind the one object of a request are kept apart, whatever the checksum covers', () => {
    const alone = icmp6.parse(unhex('a0000000 12340701 2000dcf2 00080302 00000003 c0ffee'))
    expect(alone).toMatchObject({ extensions: { objects: [{ index: 3 }], checksum: 'ok' }, data: unhex('c0ffee') })
  })

  test('a request without a structure, or with one that is cut, is still a message: its responder has to say so', () => {
    expect(icmp6.parse(unhex('a0000000 12340701'))).toMatchObject({ extensions: undefined, data: NOTHING })
    expect(icmp6.parse(unhex('a0000000 12340701 2000'))).toMatchObject({ extensions: { flaw: { why: 'truncated' } } })
  })
})

function written(m: icmp6.Message): Uint8Array {
  const out = new Uint8Array(icmp6.size(m)).fill(0xee)
  expect(icmp6.write(m, out, 0, SRC, DST)).toBe(out.length)
  return out
}
