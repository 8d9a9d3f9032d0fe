/** What every header parser owes, asked of all of them: no short prefix passes, nothing throws, nothing outside is read. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as arp from './arp.ts'
import * as ethernet from './ethernet.ts'
import * as ip4 from './ip4.ts'
import { parseOptions } from './ip4-option.ts'
import * as ip6 from './ip6.ts'
import * as ip6Extension from './ip6-extension.ts'
import * as linkLayer from './link-layer.ts'
import { unhex } from './octets.ts'
import * as outageObject from './outage-object.ts'
import * as tcp from './tcp.ts'
import * as udp from './udp.ts'

type Parse = (bytes: Uint8Array, at: number, end: number) => unknown

const A6 = '20010db800000000000000000000000120010db8000000020000000000000002'

/** A parser, the octets of its fixed part, and real packets (scapy) that mutations start from. */
const PARSERS: Record<string, { parse: Parse; fixed: number; seeds: string[] }> = {
  ip4: {
    parse: ip4.parse,
    fixed: 20,
    seeds: [
      '45b8001c1c464000390138a5c0000201c63364094142434445464748',
      '490000260001000040017a7fc0000201c6336409070f080a0000010000000000000000006869',
    ],
  },
  'quoted ip4': {
    parse: ip4.parseQuoted,
    fixed: 20,
    seeds: ['490000260001000040017a7fc0000201c6336409070f080a0000010000000000000000006869'],
  },
  'IPv4 options': {
    parse: parseOptions,
    fixed: 0,
    seeds: [
      '070f080a000001000000000000000000',
      '44080930000003e8',
      '440c0d010a00000105265bff',
      '01830b040a0000010a000002',
      '820bf135000158586162630088041234',
    ],
  },
  'outage object': {
    parse: outageObject.parse,
    fixed: 8,
    seeds: [
      '010300006b49d20005069c40c6336407040311138803046b49e010010473686f70020b6d61696e74656e616e63650000',
      '010300006b49d200040311138803046b49e010010473686f700615010102030400112233445566778899aabbccddeeff',
      '010300006b49d20005129c4020010db8000700000000000000000007',
    ],
  },
  ip6: {
    parse: ip6.parse,
    fixed: 40,
    seeds: [
      `6b8beef100083a39${A6}4142434445464748`,
      `6000000000390040${A6}3c000502000101002b000104000000002c0200010000000020010db800000000000000000000000a11000000000000050035829a0009b08f71`,
      `6000000000302b40${A6}3a0404010100000020010db800000000000000000000000f20010db80000000200000000000000028000243800010002`,
      `6000000000203340${A6}3a0400000000123400000009aaaaaaaaaaaaaaaaaaaaaaaa8000111100010002`,
      `6000000000000040${A6}1100c204000111700001000200001234`,
    ],
  },
  'IPv6 skip': {
    parse: ip6.skip,
    fixed: 40,
    seeds: [`6000000000183c40${A6}3a01001e0661626364656601030000008000244300010002`],
  },
  'IPv6 options': {
    parse: ip6Extension.parseOptions,
    fixed: 0,
    seeds: ['001e066162636465660103000000', '050200000100'],
  },
  udp: { parse: udp.parse, fixed: 4, seeds: ['80e8829a000b4bb4616263'] },
  tcp: { parse: tcp.parse, fixed: 4, seeds: ['80e8005001020304a0b0c0d070c2faf0718d0005020405b40103030768656c6c6f'] },
  ethernet: { parse: ethernet.parse, fixed: 14, seeds: ['00005e00530100005e00530288a800c881000064080045'] },
  arp: { parse: arp.parse, fixed: 28, seeds: ['000108000604000100005e005302c0000201000000000000c00002fe'] },
}
for (const type of [...Object.values(linkLayer.LinkType), 5]) {
  PARSERS[`link type ${type}`] = {
    parse: (bytes, at, end) => linkLayer.networkLayer(type, bytes, at, end),
    fixed: 0,
    seeds: [
      '00005e00530100005e00530288a800c88100006408004500',
      '00040001000600005e005302000008004500',
      '81000000000000030001000600005e005302000000640800450a',
      '0200000045',
    ],
  }
}

const refused = (result: unknown) => result === -1 || (result as { kind?: string }).kind === 'malformed'

for (const [name, { parse, fixed, seeds }] of Object.entries(PARSERS)) {
  /** A seed with some octets changed and the end cut or grown, or octets without any plan. */
  const input = fc.oneof(
    fc
      .record({
        seed: fc.constantFrom(...seeds),
        edits: fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 255))), { maxLength: 4 }),
        cut: fc.nat(12),
        tail: fc.uint8Array({ maxLength: 12 }),
      })
      .map(({ seed, edits, cut, tail }) => {
        const whole = unhex(seed)
        for (const [where, octet] of edits) whole[where % whole.length] = octet
        return Uint8Array.from([...whole.subarray(0, Math.max(0, whole.length - cut)), ...tail])
      }),
    fc.uint8Array({ maxLength: 100 }),
  )

  // Options have no fixed part; link headers have a test of their own for this.
  if (fixed > 0) {
    test(`${name}: every prefix shorter than the fixed part is malformed`, () => {
      for (const seed of seeds) {
        const wire = unhex(seed)
        expect(refused(parse(wire, 0, wire.length)), 'the whole seed').toBe(false)
        for (let end = 0; end < fixed; end++) expect(refused(parse(wire, 0, end)), `${end} octets`).toBe(true)
      }
    })
  }

  test(`${name}: no octets throw, and none outside at…end is read`, () => {
    fc.assert(
      fc.property(input, fc.nat(9), (octets, before) => {
        const between = (poison: number) => {
          const bytes = new Uint8Array(before + octets.length + 80).fill(poison)
          bytes.set(octets, before)
          return parse(bytes, before, before + octets.length)
        }
        const result = between(0x00)
        expect(between(0xff)).toEqual(result)
        expect(between(0x3c)).toEqual(result)
      }),
      { numRuns: 1500 },
    )
  })
}
