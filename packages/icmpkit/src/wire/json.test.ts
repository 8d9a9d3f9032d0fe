import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Ip4, type Ip6, parseIp } from './addr.ts'
import * as extension from './extension.ts'
import * as icmp4 from './icmp4.ts'
import * as icmp6 from './icmp6.ts'
import { ADDRESS_FIELDS, fromJson, toJson } from './json.ts'
import { hex, unhex } from './octets.ts'

const LL1 = parseIp('fe80::1') as Ip6
const LL2 = parseIp('fe80::2') as Ip6

describe('toJson', () => {
  test('addresses are text, octets hex, 64-bit numbers decimal strings, nothing is null', () => {
    const nodeInfo: icmp6.Message = {
      kind: 'nodeInfoQuery',
      code: 0,
      qtype: 2,
      flags: 0,
      nonce: 0xffffffffffffffffn,
      data: unhex('fe80'),
    }
    expect(toJson(nodeInfo)).toEqual({
      kind: 'nodeInfoQuery',
      code: 0,
      qtype: 2,
      flags: 0,
      nonce: '18446744073709551615',
      data: 'fe80',
    })
    const redirect: icmp4.Message = {
      kind: 'redirect',
      code: 1,
      gateway: parseIp('192.0.2.1') as Ip4,
      quote: unhex('45'),
    }
    expect(toJson(redirect)).toEqual({ kind: 'redirect', code: 1, gateway: '192.0.2.1', quote: '45' })
    const o: extension.ExtensionObject = {
      kind: 'interfaceInformation',
      role: 2,
      index: 3,
      address: LL1,
      name: undefined,
      mtu: undefined,
      trailing: new Uint8Array(0),
    }
    expect(toJson([o])).toEqual([
      { kind: 'interfaceInformation', role: 2, index: 3, address: 'fe80::1', name: null, mtu: null, trailing: '' },
    ])
  })

  test('lists of addresses are lists of text, also inside options', () => {
    const dns: icmp6.Message = {
      kind: 'routerSolicitation',
      code: 0,
      options: [{ kind: 'recursiveDns', lifetimeSeconds: 4294967295, addresses: [LL1, LL2] }],
    }
    expect(toJson(dns)).toMatchObject({ options: [{ lifetimeSeconds: 4294967295, addresses: ['fe80::1', 'fe80::2'] }] })
  })

  test('offsets into the octets are left out, payloads that are octets are not', () => {
    expect(toJson({ kind: 'udp', srcPort: 53, payload: 28, end: 40 })).toEqual({ kind: 'udp', srcPort: 53 })
    expect(toJson({ kind: 'unknown', payload: unhex('00ff') })).toEqual({ kind: 'unknown', payload: '00ff' })
  })

  test('no field has an address name without being one, and no address has another name', () => {
    const seen = new Set<string>()
    for (const { file, field, type } of interfaceFields()) {
      const isAddress = /\bIp[46]?\b/.test(type)
      expect(`${file}: ${field}: ${type} ${isAddress}`).toBe(`${file}: ${field}: ${type} ${ADDRESS_FIELDS.has(field)}`)
      if (isAddress) {
        expect(`${file}: ${field}: ${type}`).toMatch(/: (Ip[46]?)(\[\])?( \| (Ip[46]?|Uint8Array|undefined))*$/)
        seen.add(field)
      }
    }
    expect([...ADDRESS_FIELDS].filter((field) => !seen.has(field))).toEqual([])
  })
})

describe('fromJson', () => {
  test('what is left out is zero, false or empty', () => {
    expect(fromJson(6, { kind: 'echoRequest', id: 7 })).toEqual({
      kind: 'echoRequest',
      code: 0,
      id: 7,
      seq: 0,
      data: new Uint8Array(0),
    })
    expect(fromJson(6, { kind: 'routerAdvertisement', options: [{ kind: 'mtu', mtu: 1500 }] })).toMatchObject({
      managed: false,
      preference: 0,
      options: [{ kind: 'mtu', mtu: 1500 }],
    })
  })

  test('a 64-bit number is a decimal string or a small number', () => {
    const nonce = (value: unknown) => (fromJson(6, { kind: 'nodeInfoQuery', nonce: value }) as { nonce: bigint }).nonce
    expect(['0', '18446744073709551615', 0, 7, undefined].map(nonce)).toEqual([0n, (1n << 64n) - 1n, 0n, 7n, 0n])
    for (const wrong of ['-1', '1e3', '0x10', '', ' 1', -1, 1.5, 2 ** 53, Number.NaN, true, '1'.repeat(21)]) {
      expect(() => nonce(wrong), String(wrong)).toThrow(TypeError)
    }
  })

  test('extensions are made sound: a checksum will be written, and a family number is found by the address', () => {
    const m = fromJson(6, {
      kind: 'extendedEchoRequest',
      local: true,
      extensions: { objects: [{ kind: 'interfaceByAddress', address: '192.0.2.1' }] },
    })
    expect(m).toMatchObject({
      extensions: extension.of({ kind: 'interfaceByAddress', afi: 1, address: parseIp('192.0.2.1') as Ip4 }),
    })
    const out = new Uint8Array(icmp6.size(m))
    icmp6.write(m, out, 0, LL1, LL2)
    expect(hex(out, 8)).toBe('200016ee000c030300010400c0000201')
    expect(
      fromJson(6, {
        kind: 'extendedEchoRequest',
        extensions: { objects: [{ kind: 'interfaceByAddress', address: '00:00:5e:00:53:01' }] },
      }),
    ).toMatchObject({ extensions: { objects: [{ afi: 16389, address: unhex('00005e005301') }] } })
  })

  test.each([
    [6, { kind: 'echo' }, /^kind: expected one of echoRequest, .* got "echo"$/],
    [6, { code: 1 }, /^kind: expected one of .* got nothing$/],
    [6, 7, /^: expected an object, got 7$/],
    [6, { kind: 'echoRequest', id: 70000 }, 'id: expected an integer from 0 to 65535, got 70000'],
    [6, { kind: 'echoRequest', seq: '1' }, 'seq: expected an integer from 0 to 65535, got "1"'],
    [6, { kind: 'echoRequest', data: 'xyz' }, 'data: expected octets as hex digits, got "xyz"'],
    [6, { kind: 'echoRequest', sequence: 1 }, 'sequence: no such field; there are code, id, seq, data'],
    [6, { kind: 'neighborSolicitation' }, 'target: expected an IPv6 address, got nothing'],
    [6, { kind: 'neighborSolicitation', target: '192.0.2.1' }, 'target: expected an IPv6 address, got "192.0.2.1"'],
    [4, { kind: 'redirect', gateway: 'fe80::1' }, 'gateway: expected an IPv4 address, got "fe80::1"'],
    [6, { kind: 'nodeInfoQuery', nonce: '18446744073709551616' }, /^nonce: expected a decimal string/],
    [6, { kind: 'neighborAdvertisement', target: '::1', router: 1 }, 'router: expected true or false, got 1'],
    [
      6,
      {
        kind: 'routerSolicitation',
        options: [{ kind: 'mtu' }, { kind: 'pref64', prefix: '::', lifetimeSeconds: 65536 }],
      },
      'options[1].lifetimeSeconds: expected an integer from 0 to 65528, got 65536',
    ],
    [6, { kind: 'mldv2Report', records: {} }, 'records: expected a list, got {}'],
    [
      4,
      { kind: 'unreachable', extensions: { objects: [{ kind: 'mpls', entries: [{ label: 1048576 }] }] } },
      'extensions.objects[0].entries[0].label: expected an integer from 0 to 1048575, got 1048576',
    ],
    [
      4,
      { kind: 'unreachable', extensions: { checksum: 'good' } },
      /^extensions.checksum: expected one of ok, bad, none/,
    ],
  ] as const)('a mistake is a TypeError that names the field (v%s %j)', (family, value, message) => {
    const attempt = () => fromJson(family, value)
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(message)
  })

  test('whatever was parsed comes back the same through JSON text, in both families', () => {
    const type4 = fc.constantFrom(...Object.values(icmp4.Type))
    const type6 = fc.constantFrom(...Object.values(icmp6.Type))
    fc.assert(
      fc.property(type4, type6, fc.uint8Array({ minLength: 3, maxLength: 300 }), (t4, t6, rest) => {
        const m4 = icmp4.parse(new Uint8Array([t4, ...rest]))
        if (m4.kind !== 'malformed') expect(fromJson(4, JSON.parse(JSON.stringify(toJson(m4))))).toEqual(m4)
        const m6 = icmp6.parse(new Uint8Array([t6, ...rest]))
        if (m6.kind !== 'malformed') expect(fromJson(6, JSON.parse(JSON.stringify(toJson(m6))))).toEqual(m6)
      }),
      { numRuns: 5000 },
    )
  })
})

/** The fields of every exported interface of `wire`, as the sources have them. */
function* interfaceFields(): Generator<{ file: string; field: string; type: string }> {
  const folder = new URL('.', import.meta.url)
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue
    const source = readFileSync(new URL(file, folder), 'utf8')
    for (const [, body] of source.matchAll(/^export interface \w+[^{]*\{\n(.*?)^\}/gms)) {
      for (const [, field, type] of body!.matchAll(/^ {2}(?:readonly )?(\w+)\??: (.+)$/gm)) {
        yield { file, field: field!, type: type! }
      }
    }
  }
}
