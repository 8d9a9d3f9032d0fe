import { describe, expect, test } from 'vitest'
import * as icmp6 from './icmp6.ts'
import { lookup, typeEntry } from './registry.ts'
import { TYPES6 } from './registry6.ts'

/** Type, name, RFCs and codes as the IANA registry has them (copy of 12 December 2025). */
const ASSIGNED: readonly [type: number, name: string, rfc: number, codes?: readonly number[]][] = [
  [1, 'Destination Unreachable', 4443, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  [2, 'Packet Too Big', 4443, [0]],
  [3, 'Time Exceeded', 4443, [0, 1]],
  [4, 'Parameter Problem', 4443, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  [128, 'Echo Request', 4443, [0]],
  [129, 'Echo Reply', 4443, [0]],
  [130, 'Multicast Listener Query', 2710, [0]],
  [131, 'Multicast Listener Report', 2710, [0]],
  [132, 'Multicast Listener Done', 2710, [0]],
  [133, 'Router Solicitation', 4861, [0]],
  [134, 'Router Advertisement', 4861, [0]],
  [135, 'Neighbor Solicitation', 4861, [0]],
  [136, 'Neighbor Advertisement', 4861, [0]],
  [137, 'Redirect Message', 4861, [0]],
  [138, 'Router Renumbering', 2894, [0, 1, 255]],
  [139, 'ICMP Node Information Query', 4620, [0, 1, 2]],
  [140, 'ICMP Node Information Response', 4620, [0, 1, 2]],
  [141, 'Inverse Neighbor Discovery Solicitation Message', 3122, [0]],
  [142, 'Inverse Neighbor Discovery Advertisement Message', 3122, [0]],
  [143, 'Version 2 Multicast Listener Report', 9777, []],
  [144, 'Home Agent Address Discovery Request Message', 6275, [0]],
  [145, 'Home Agent Address Discovery Reply Message', 6275, [0]],
  [146, 'Mobile Prefix Solicitation', 6275, [0]],
  [147, 'Mobile Prefix Advertisement', 6275, [0]],
  [148, 'Certification Path Solicitation Message', 3971, [0]],
  [149, 'Certification Path Advertisement Message', 3971, [0]],
  [150, 'ICMP messages utilized by experimental mobility protocols such as Seamoby', 4065],
  [151, 'Multicast Router Advertisement', 4286, []],
  [152, 'Multicast Router Solicitation', 4286, [0]],
  [153, 'Multicast Router Termination', 4286, [0]],
  [154, 'FMIPv6 Messages', 5568],
  [155, 'RPL Control Message', 6550],
  [156, 'ILNPv6 Locator Update Message', 6743, [0]],
  [157, 'Duplicate Address Request', 6775, [0, 1, 2, 3, 4]],
  [158, 'Duplicate Address Confirmation', 6775, [0, 1, 2, 3, 4]],
  [159, 'MPL Control Message', 7731, [0]],
  [160, 'Extended Echo Request', 8335, [0]],
  [161, 'Extended Echo Reply', 8335, [0, 1, 2, 3, 4]],
]
const EXPERIMENTAL = [100, 101, 200, 201]
const RESERVED = [0, 127, 255]

describe('ICMPv6 registry', () => {
  test('every assigned type has its IANA name and RFC [v6-registry-types]', () => {
    for (const [type, name, rfc] of ASSIGNED) {
      expect({ type, ...pick(type) }).toEqual({ type, name, rfc })
    }
    for (const type of EXPERIMENTAL) expect(typeEntry(6, type).status).toBe('experimental')
    for (const type of RESERVED) expect(typeEntry(6, type).status).toBe('reserved')
    const known = new Set([...ASSIGNED.map(([type]) => type), ...EXPERIMENTAL, ...RESERVED])
    for (let type = 0; type < 256; type++) {
      if (!known.has(type)) expect(lookup(6, type, 0)).toMatchObject({ name: 'Unassigned', status: 'unassigned' })
    }
  })

  test('every assigned code has a name, all others are unassigned [v6-registry-codes]', () => {
    for (const [type, , , codes] of ASSIGNED) {
      if (codes === undefined) continue
      const named = typeEntry(6, type).codes.map((c) => c.code)
      expect({ type, codes: named }).toEqual({ type, codes })
    }
    expect(lookup(6, 4, 11).codeName).toBe('Unassigned')
    expect(lookup(6, 1, 4)).toMatchObject({ name: 'Port unreachable', typeName: 'Destination Unreachable' })
    expect(lookup(6, 155, 1).codeName).toBe('DODAG Information Object')
    // An interval and reserved bits are no codes.
    expect(lookup(6, 151, 20)).toMatchObject({ name: 'Multicast Router Advertisement', codeName: '' })
    expect(lookup(6, 143, 7)).toMatchObject({ name: 'Version 2 Multicast Listener Report', codeName: '' })
  })

  test('an unreachable for an error in a projected route is named (RFC 9914) [v6-du-code9]', () => {
    expect(lookup(6, 1, 9)).toMatchObject({ name: 'Error in P-Route', rfc: [9914], class: 'error' })
    expect(icmp6.parse(new Uint8Array([1, 9, 0, 0, 0, 0, 0, 0]))).toMatchObject({ kind: 'unreachable', code: 9 })
  })

  test('the class of all 256 types is the top bit of the type (RFC 4443 §2.1) [v6-format-class]', () => {
    for (let type = 0; type < 256; type++) {
      expect({ type, class: typeEntry(6, type).class }).toEqual({ type, class: type & 0x80 ? 'query' : 'error' })
      expect(icmp6.isError(type)).toBe((type & 0x80) === 0)
    }
  })

  test('node information is called by its type: IANA has sentences for its codes', () => {
    expect(lookup(6, 139, 0).name).toBe('ICMP Node Information Query')
    expect(lookup(6, 140, 1).codeName).toMatch(/^The Responder refuses/)
  })

  test('every meaning is one sentence of its own', () => {
    const all = TYPES6.flatMap((t) => [t.meaning, ...t.codes.map((c) => c.meaning ?? t.meaning)])
    for (const meaning of all) expect(meaning).toMatch(/^[A-Z][^.]*\.$/)
    for (const t of TYPES6) {
      const own = t.codes.map((c) => c.meaning).filter((m) => m !== undefined)
      expect(new Set(own).size).toBe(own.length)
    }
  })

  test('every type number of the wire module is in the registry', () => {
    for (const type of Object.values(icmp6.Type)) expect(typeEntry(6, type).status).not.toBe('unassigned')
  })
})

function pick(type: number): { name: string; rfc: number | undefined } {
  const entry = typeEntry(6, type)
  return { name: entry.name, rfc: entry.rfc[0] }
}
