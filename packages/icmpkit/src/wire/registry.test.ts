import { describe, expect, test } from 'vitest'
import * as extension from './extension.ts'
import { isError, lookup, objectClass, registeredTypes, typeEntry } from './registry.ts'

/** IANA's "ICMP Parameters" as the requirement tables copied it, December 2025: type, name, status. */
const TYPES4: [from: number, to: number, name: string, status: string][] = [
  [0, 0, 'Echo Reply', 'current'],
  [1, 2, 'Unassigned', 'unassigned'],
  [3, 3, 'Destination Unreachable', 'current'],
  [4, 4, 'Source Quench', 'deprecated'],
  [5, 5, 'Redirect', 'current'],
  [6, 6, 'Alternate Host Address', 'deprecated'],
  [7, 7, 'Unassigned', 'unassigned'],
  [8, 8, 'Echo', 'current'],
  [9, 9, 'Router Advertisement', 'current'],
  [10, 10, 'Router Solicitation', 'current'],
  [11, 11, 'Time Exceeded', 'current'],
  [12, 12, 'Parameter Problem', 'current'],
  [13, 13, 'Timestamp', 'current'],
  [14, 14, 'Timestamp Reply', 'current'],
  [15, 15, 'Information Request', 'deprecated'],
  [16, 16, 'Information Reply', 'deprecated'],
  [17, 17, 'Address Mask Request', 'deprecated'],
  [18, 18, 'Address Mask Reply', 'deprecated'],
  [19, 19, 'Reserved (for Security)', 'reserved'],
  [20, 29, 'Reserved (for Robustness Experiment)', 'reserved'],
  [30, 30, 'Traceroute', 'deprecated'],
  [31, 31, 'Datagram Conversion Error', 'deprecated'],
  [32, 32, 'Mobile Host Redirect', 'deprecated'],
  [33, 33, 'IPv6 Where-Are-You', 'deprecated'],
  [34, 34, 'IPv6 I-Am-Here', 'deprecated'],
  [35, 35, 'Mobile Registration Request', 'deprecated'],
  [36, 36, 'Mobile Registration Reply', 'deprecated'],
  [37, 37, 'Domain Name Request', 'deprecated'],
  [38, 38, 'Domain Name Reply', 'deprecated'],
  [39, 39, 'SKIP', 'deprecated'],
  [40, 40, 'Photuris', 'experimental'],
  [41, 41, 'ICMP messages utilized by experimental mobility protocols such as Seamoby', 'experimental'],
  [42, 42, 'Extended Echo Request', 'current'],
  [43, 43, 'Extended Echo Reply', 'current'],
  [44, 252, 'Unassigned', 'unassigned'],
  [253, 253, 'RFC3692-style Experiment 1', 'experimental'],
  [254, 254, 'RFC3692-style Experiment 2', 'experimental'],
  [255, 255, 'Reserved', 'reserved'],
]

const CODES4: Record<number, (string | undefined)[]> = {
  3: [
    'Net Unreachable',
    'Host Unreachable',
    'Protocol Unreachable',
    'Port Unreachable',
    "Fragmentation Needed and Don't Fragment was Set",
    'Source Route Failed',
    'Destination Network Unknown',
    'Destination Host Unknown',
    'Source Host Isolated',
    'Communication with Destination Network is Administratively Prohibited',
    'Communication with Destination Host is Administratively Prohibited',
    'Destination Network Unreachable for Type of Service',
    'Destination Host Unreachable for Type of Service',
    'Communication Administratively Prohibited',
    'Host Precedence Violation',
    'Precedence cutoff in effect',
  ],
  5: [
    'Redirect Datagram for the Network (or subnet)',
    'Redirect Datagram for the Host',
    'Redirect Datagram for the Type of Service and Network',
    'Redirect Datagram for the Type of Service and Host',
  ],
  6: ['Alternate Address for Host'],
  9: Object.assign(Array<string | undefined>(17).fill(undefined), {
    0: 'Normal router advertisement',
    16: 'Does not route common traffic',
  }),
  11: ['Time to Live exceeded in Transit', 'Fragment Reassembly Time Exceeded'],
  12: ['Pointer indicates the error', 'Missing a Required Option', 'Bad Length'],
  40: [
    'Bad SPI',
    'Authentication Failed',
    'Decompression Failed',
    'Decryption Failed',
    'Need Authentication',
    'Need Authorization',
  ],
  42: ['No Error'],
  43: ['No Error', 'Malformed Query', 'No Such Interface', 'No Such Table Entry', 'Multiple Interfaces Satisfy Query'],
}

describe('ICMPv4', () => {
  test('types have the names and the status of the registry, all 256 [v4-registry-types]', () => {
    let next = 0
    for (const [from, to, name, status] of TYPES4) {
      expect(from).toBe(next)
      for (let type = from; type <= to; type++) expect(typeEntry(4, type)).toMatchObject({ type, name, status })
      next = to + 1
    }
    expect(next).toBe(256)
  })

  test('codes have the names of the registry; a code that it does not have is unassigned, never refused [v4-registry-codes] [v4-pp-code2-length]', () => {
    for (const [type, names] of Object.entries(CODES4)) {
      for (let code = 0; code < 256; code++) {
        expect(lookup(4, Number(type), code).codeName, `${type}/${code}`).toBe(names[code] ?? 'Unassigned')
      }
    }
    for (const type of [0, 4, 8, 10, 13, 14, 15, 16, 17, 18]) {
      expect([0, 1].map((code) => lookup(4, type, code).codeName)).toEqual(['No Code', 'Unassigned'])
    }
    for (const type of [1, 2, 7, 19, 31, 39, 41, 44, 252, 253, 254, 255]) expect(lookup(4, type, 5).codeName).toBe('')
  })

  test('errors are types 3, 4, 5, 11, 12, 31 and 40, and the useless 6 (RFC 1122 §3.2.2, RFC 2521 §3) [v4-registry-error-class] [v4-sq-decode]', () => {
    const errors = Array.from({ length: 256 }, (_, type) => type).filter((type) => isError(4, type))
    expect(errors).toEqual([3, 4, 5, 6, 11, 12, 31, 40])
    for (const type of [0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43]) expect(typeEntry(4, type).class).toBe('query')
    for (const type of [1, 7, 19, 44, 253, 255]) expect(typeEntry(4, type).class).toBe('unknown')
  })

  test('one name tells a person what came: the code where it is telling, else the type', () => {
    const name = (type: number, code: number) => lookup(4, type, code).name
    expect([name(8, 0), name(0, 0), name(3, 3), name(11, 0)]).toEqual([
      'Echo',
      'Echo Reply',
      'Port Unreachable',
      'Time to Live exceeded in Transit',
    ])
    expect([name(3, 99), name(43, 0), name(44, 0)]).toEqual([
      'Destination Unreachable',
      'Extended Echo Reply',
      'Unassigned',
    ])
  })

  test('each type and code has one plain sentence of its meaning and the RFCs that define it', () => {
    const seen = new Map<string, string>()
    for (const type of registeredTypes(4)) {
      const entry = typeEntry(4, type)
      for (const code of entry.codes.length > 0 ? entry.codes.map((c) => c.code) : [0]) {
        const { meaning, rfc } = lookup(4, type, code)
        expect(meaning, `${type}/${code}`).toMatch(/^[A-Z][^.]{20,}\.$/)
        expect(meaning.length, `${type}/${code}`).toBeLessThan(140)
        if (entry.status !== 'reserved') expect(rfc.length, `${type}/${code}`).toBeGreaterThan(0)
        if (type === 3 || type === 5 || type === 40) {
          expect(seen.get(meaning), `${type}/${code}`).toBeUndefined()
          seen.set(meaning, `${type}/${code}`)
        }
      }
    }
  })

  test('lookup gives the same entry each time, so that a hot path makes none', () => {
    expect(lookup(4, 3, 3)).toBe(lookup(4, 3, 3))
    expect(lookup(4, 3, 3)).not.toBe(lookup(4, 3, 2))
    expect(lookup(6, 3, 0)).not.toBe(lookup(4, 3, 0))
  })
})

test('ICMPv6 types that nobody has assigned are errors below 128 (RFC 4443 §2.1)', () => {
  expect([99, 126].map((type) => isError(6, type))).toEqual([true, true])
  expect([199, 254].map((type) => isError(6, type))).toEqual([false, false])
})

test('extension object classes are known by name, and 247 to 255 are for private use [v4-registry-classes]', () => {
  const names = [1, 2, 3, 4].map((n) => objectClass(n).name)
  expect(names).toEqual([
    'MPLS Label Stack Class',
    'Interface Information Object',
    'Interface Identification Object',
    'Extended Information',
  ])
  expect([1, 2, 3, 4].map((n) => objectClass(n).rfc)).toEqual([[4950], [5837], [8335], [8883]])
  for (const n of [247, 250, 255]) expect(objectClass(n)).toMatchObject({ name: 'Private Use', rfc: [4884] })
  for (const n of [0, 5, 246]) expect(objectClass(n)).toMatchObject({ name: 'Unassigned' })
  for (const n of Object.values(extension.Class)) expect(objectClass(n).name).not.toBe('Unassigned')
})
