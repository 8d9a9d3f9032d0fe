import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ipOffset, LinkType, networkLayer, Refusal } from './link-layer.ts'
import { unhex } from './octets.ts'

const IP4 = '4500001c0001000040018ea2c0000201c63364090800f7ff00000000'
const IP6 = '6000000000083a4020010db800000000000000000000000120010db80000000200000000000000028000244600000000'
const MACS = '00005e00530100005e005302'

/** Link headers as scapy (Ether, Dot1Q, CookedLinux, CookedLinuxV2, Loopback) or libpcap's documentation give them. */
const LINKS: [string, number, string, 4 | 6, number[]][] = [
  ['Ethernet', 1, `${MACS}0800`, 4, []],
  ['Ethernet', 1, `${MACS}86dd`, 6, []],
  ['one VLAN tag', 1, `${MACS}8100b06486dd`, 6, [100]],
  ['two VLAN tags', 1, `${MACS}88a800c8810000640800`, 4, [200, 100]],
  ['old double tags', 1, `${MACS}910000c8920000640800`, 4, [200, 100]],
  ['raw', 101, '', 4, []],
  ['raw', 101, '', 6, []],
  ['raw, DLT number', 12, '', 4, []],
  ['raw, OpenBSD', 14, '', 6, []],
  ['IPv4', 228, '', 4, []],
  ['IPv6', 229, '', 6, []],
  ['cooked v1', 113, '00040001000600005e00530200000800', 4, []],
  ['cooked v1, tagged', 113, '00040001000600005e00530200008100006486dd', 6, [100]],
  ['cooked v2', 276, '86dd0000000000030001000600005e0053020000', 6, []],
  ['cooked v2, tagged', 276, '81000000000000030001000600005e0053020000 00640800', 4, [100]],
  ['null, little endian', 0, '02000000', 4, []],
  ['null, big endian', 0, '00000002', 4, []],
  ['null, Linux', 0, '0a000000', 6, []],
  ['null, Windows', 0, '17000000', 6, []],
  ['null, OpenBSD', 0, '00000018', 6, []],
  ['null, FreeBSD', 0, '1c000000', 6, []],
  ['null, Darwin', 0, '1e000000', 6, []],
  ['loop', 108, '00000002', 4, []],
  ['loop', 108, '00000018', 6, []],
]

const packet = (link: string, family: 4 | 6) => unhex(link + (family === 4 ? IP4 : IP6))

test('the IP header is found behind every link type that tcpdump.org names for IP', () => {
  for (const [name, type, link, family, vlans] of LINKS) {
    const wire = new Uint8Array([0xee, 0xee, 0xee, ...packet(link, family)])
    const at = 3 + unhex(link).length
    expect(ipOffset(type, wire, 3, wire.length), name).toBe(at)
    const found = networkLayer(type, wire, 3)
    expect(found, name).toMatchObject({ kind: 'network', family, at })
    expect(found.kind === 'network' && found.tags.map((t) => t.vlan)).toEqual(vlans)
  }
})

test('a packet that ends inside its link header, or with it, is truncated', () => {
  for (const [name, type, link, family] of LINKS) {
    const wire = packet(link, family)
    for (let end = 0; end <= unhex(link).length; end++) {
      expect(ipOffset(type, wire, 0, end), `${name}, ${end}`).toBe(Refusal.truncated)
      expect(networkLayer(type, wire, 0, end)).toEqual({ kind: 'malformed', why: 'truncated', at: end })
    }
  }
})

test('a version other than the one that the link layer announced is malformed', () => {
  for (const [name, type, link, family] of LINKS) {
    const other = packet(link, family === 4 ? 6 : 4)
    const wrong = link === '' && type < 200 ? Uint8Array.of(0x50) : other
    expect(ipOffset(type, wrong, 0, wrong.length), name).toBe(Refusal.badVersion)
    expect(networkLayer(type, wrong)).toEqual({ kind: 'malformed', why: 'bad-version', at: unhex(link).length })
  }
})

test('what is not IP is said to be that, with its EtherType where it has one', () => {
  const cases: [number, string, number | undefined, number][] = [
    [1, `${MACS}0806`, 0x0806, 14],
    [1, `${MACS}81000064 0806`, 0x0806, 18],
    [1, `${MACS}0026 4242`, 0x0026, 14],
    // A third tag is not opened.
    [1, `${MACS}81000001 81000002 81000003 0800`, 0x8100, 22],
    [113, '00040001000600005e00530200000806', 0x0806, 16],
    [276, '08060000000000030001000600005e0053020000', 0x0806, 20],
    [0, '10000000', undefined, 4],
    [0, '02000002', undefined, 4],
    [108, '00000010', undefined, 4],
  ]
  for (const [type, link, etherType, at] of cases) {
    const wire = packet(link, 4)
    expect(ipOffset(type, wire, 0, wire.length), link).toBe(Refusal.notIp)
    expect(networkLayer(type, wire)).toMatchObject({ kind: 'notIp', etherType, at })
  }
})

test('a link type that this reader does not know is refused by name', () => {
  const known = new Set<number>(Object.values(LinkType))
  const wire = packet('', 4)
  for (let type = 0; type < 400; type++) {
    if (known.has(type)) continue
    expect(ipOffset(type, wire, 0, wire.length)).toBe(Refusal.unknownLinkType)
    expect(networkLayer(type, wire)).toEqual({ kind: 'malformed', why: 'unknown-format', at: 0 })
  }
})

test('any octets: the offset lies inside and shows a version, or is one of the refusals', () => {
  const type = fc.constantFrom(...Object.values(LinkType))
  const start = fc.constantFrom(...LINKS.map(([, , link]) => [...unhex(link)]))
  fc.assert(
    fc.property(type, start, fc.uint8Array({ maxLength: 40 }), (linkType, link, rest) => {
      const wire = Uint8Array.from([...link, ...rest])
      const offset = ipOffset(linkType, wire, 0, wire.length)
      const found = networkLayer(linkType, wire)
      if (offset < 0) {
        expect(Object.values(Refusal)).toContain(offset)
        expect(found.kind).toBe(offset === Refusal.notIp ? 'notIp' : 'malformed')
      } else {
        expect([4, 6]).toContain(wire[offset]! >>> 4)
        expect(found).toMatchObject({ kind: 'network', family: wire[offset]! >>> 4, at: offset })
      }
    }),
    { numRuns: 2000 },
  )
})
