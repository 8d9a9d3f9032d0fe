/** What holds for every datagram that a gateway forwards, whatever its options and its payload (RFC 1812 §5.2, §5.3.13). */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cross, gateway } from '../../../../../test/stack/gateway-bench.ts'
import { hex, unhex } from '../../wire/octets.ts'

/** One's complement sum of a header, folded: 0xffff where its checksum is right. */
function total(octets: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < (octets[0]! & 15) * 4; i += 2) sum += (octets[i]! << 8) | octets[i + 1]!
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return sum
}

/** Options that are often nearly right: known types, lengths and pointers about the slots. */
const option = fc.oneof(
  fc.constant([1]),
  fc.constant([0]),
  fc
    .tuple(fc.constantFrom(7, 68, 131, 137, 148, 130, 158), fc.integer({ min: 0, max: 20 }), fc.nat(24), fc.nat(255))
    .map(([type, length, pointer, flags]) => {
      const octets = new Array<number>(Math.max(length, 2)).fill(0)
      octets[0] = type
      octets[1] = length
      if (length > 2) octets[2] = pointer
      if (length > 3) octets[3] = type === 68 ? flags & 0xf3 : flags
      return octets
    }),
)

const datagram = fc
  .record({
    options: fc.array(option, { maxLength: 5 }),
    tos: fc.nat(255),
    flags: fc.constantFrom(0, 0x2000, 0x4000, 0x8000, 0x0010),
    ttl: fc.integer({ min: 2, max: 255 }),
    protocol: fc.constantFrom(1, 6, 17, 47, 255),
    payload: fc.uint8Array({ maxLength: 64 }),
  })
  .map(({ options, tos, flags, ttl, protocol, payload }) => {
    const list = options.flat().slice(0, 40)
    while (list.length % 4 !== 0) list.push(0)
    const header = 20 + list.length
    const octets = new Uint8Array(header + payload.length)
    const view = new DataView(octets.buffer)
    octets[0] = 0x40 | (header / 4)
    octets[1] = tos
    view.setUint16(2, octets.length)
    view.setUint16(6, flags)
    octets[8] = ttl
    octets[9] = protocol
    octets.set([192, 0, 2, 2, 198, 51, 100, 9], 12)
    octets.set(list, 20)
    octets.set(payload, header)
    view.setUint16(10, 0xffff - total(octets))
    return octets
  })

test('what is forwarded has a right checksum, a TTL one lower, and every octet as it came but for what its options ask', () => {
  const n = gateway({ ip4: { sourceRoutes: 'forward', errorLimit: { rate: 0, burst: 0 } } })
  let forwarded = 0
  fc.assert(
    fc.property(datagram, (given) => {
      const [out, ...more] = cross(n, hex(given)).filter((c) => c.port === 2)
      if (out === undefined) return
      forwarded++
      expect(more).toEqual([])
      const octets = unhex(out.hex)
      expect(octets).toHaveLength(given.length)
      expect(total(octets)).toBe(0xffff)
      expect(octets[8]).toBe(given[8]! - 1)
      const header = (given[0]! & 15) * 4
      const types = new Set(given.subarray(20, header))
      const filled = types.has(7) || types.has(68)
      for (let i = 0; i < given.length; i++) {
        const mayChange = i === 8 || i === 10 || i === 11 || (filled && i >= 20 && i < header)
        if (!mayChange) expect([i, octets[i]]).toEqual([i, given[i]])
      }
    }),
    { numRuns: 2000, seed: 4 },
  )
  expect(forwarded).toBeGreaterThan(500)
})

test('a datagram whose header checksum is wrong by any one bit never leaves', () => {
  const n = gateway({ ip4: { errorLimit: { rate: 0, burst: 0 } } })
  fc.assert(
    fc.property(datagram, fc.nat(), (given, bit) => {
      // The flow is known, so that the short way is tried too.
      cross(n, hex(given))
      const damaged = given.slice()
      const at = bit % ((given[0]! & 15) * 4 * 8)
      damaged[at >> 3]! ^= 1 << (at & 7)
      expect(cross(n, hex(damaged)).filter((c) => c.port === 2)).toEqual([])
    }),
    { numRuns: 1000, seed: 4 },
  )
})
