import { expect, test } from 'vitest'
import { echo, fragment, icmp, octets, packet, pattern, told, udp, zeros } from '../../../../../test/stack/octets6.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'

const A = '2001:db8:1::9'
const B = '2001:db8:2::9'
const ME = '2001:db8:1::1'

/** What real packets look like, so that mutated ones get deep. */
function seeds(): Uint8Array[] {
  const out: Uint8Array[] = []
  for (const [src, dst] of [
    [A, ME],
    [A, B],
    ['fe80::9', 'fe80::1'],
    ['fe80::9', 'ff02::1'],
    [A, 'ff0e::5'],
    ['::', 'ff02::1:ff00:1'],
  ] as const) {
    const o = { src, dst, hop: 255 }
    out.push(packet(o, 58, echo(o, pattern(20))))
    out.push(packet(o, 17, udp(o, 5, 7, pattern(20))))
    out.push(
      packet(
        o,
        0,
        '3c00050200000100',
        '2b00010400000000',
        '2c02040100000000',
        octets('20010db8000200000000000000000009'),
        fragment(60, 0, 1, 7),
        '3a00010400000000',
        echo(o, pattern(16)),
      ),
    )
    out.push(packet(o, 44, fragment(58, 0, 1, 7), echo(o, pattern(40))))
    out.push(packet(o, 44, fragment(58, 48, 0, 7), pattern(9)))
    for (const type of [1, 2, 3, 4, 100])
      out.push(packet(o, 58, icmp(o, [type, 0, 0, 0], [0, 0, 5, 0], packet({ src: dst, dst: src }, 58, echo(o)))))
    for (const type of [130, 131, 132, 133, 134, 135, 136, 137, 139, 143, 160, 161]) {
      out.push(
        packet(
          o,
          58,
          icmp(o, [type, 0, 0, 0], zeros(4), octets('20010db8000100000000000000000001'), '0101020000000009', zeros(24)),
        ),
      )
    }
  }
  return out
}

/** A generator of its own, so that a failure is the same failure again. */
function dice(seed: number): (below: number) => number {
  let s = seed
  return (below) => {
    s = (Math.imul(s, 1664525) + 1013904223) | 0
    return ((s >>> 8) * below) >>> 24
  }
}

/** The checksum of an ICMPv6 message directly behind the IPv6 header made right, so that it is not the reason to stop. */
function mend(p: Uint8Array): void {
  if (p[6] !== 58 || p.length < 44) return
  p[4] = (p.length - 40) >> 8
  p[5] = (p.length - 40) & 255
  let sum = 58 + p.length - 40
  p[42] = 0
  p[43] = 0
  for (let i = 8; i < p.length; i += 2) sum += (p[i]! << 8) | (p[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  p[42] = (~sum >> 8) & 255
  p[43] = ~sum & 255
}

/** Rises with whatever becomes of a packet: dropped, answered, forwarded, delivered, kept for reassembly. */
function counted(n: OneNode): number {
  const { answered, forwarded, delivered, dropped, malformed, suppressed, errorsSent, errorsReceived } = n.node.counters
  let total = answered + forwarded + delivered + n.node.ip6.reassembly.octets / 1_000_000
  for (const words of [dropped, malformed, suppressed, errorsSent, errorsReceived]) {
    for (const times of Object.values(words)) total += times
  }
  return total
}

test.each(['host', 'gateway'] as const)(
  'no packet, random or mutated, makes a %s throw, vanishes uncounted, or is told of more often than the limit says',
  (role) => {
    const n = new OneNode({
      role,
      ports: [
        port(1, { medium: 'ip', addresses: [`${ME}/64`, 'fe80::1/64'] }),
        port(2, { medium: 'ip', addresses: ['2001:db8:2::1/64'], mtu: 1280 }),
      ],
      ip6: {
        segmentRouting: true,
        routes: [{ prefix: ip6('::'), prefixLength: 0, kind: 'unicast', nextHop: ip6('fe80::77'), port: 2 }],
        transit: { hopByHop: 'process', firstFragments: 'refuse', unknownNextHeader: 'refuse', reversePath: 'loose' },
        limits: { headers: 6, paddingOctets: 7 },
        reassembly: { datagrams: 32, octets: 1 << 18 },
      },
    })
    n.run(10_000)
    n.taken()
    const roll = dice(role === 'host' ? 1 : 2)
    const all = seeds()
    let errors = 0
    const rounds = 20_000
    for (let i = 0; i < rounds; i++) {
      const p = all[roll(all.length)]!.slice(0)
      for (let changes = roll(4); changes > 0; changes--) p[roll(p.length)] = roll(256)
      const q = roll(8) === 0 ? p.slice(0, roll(p.length + 1)) : p
      if (roll(4) > 0) mend(q)
      const link = (['host', 'host', 'multicast', 'broadcast'] as const)[roll(4)]!
      const before = counted(n)
      n.give(q, { link, port: 1 + roll(2) })
      expect(counted(n)).not.toBe(before)
      errors += n.taken().filter((s) => s.bytes[6] === 58 && told(s.bytes).type < 5 && told(s.bytes).hop === 64).length
      if (i % 100 === 0) n.run(20)
    }
    const { counters } = n.node
    expect(counters.received).toBe(rounds)
    expect(n.node.ip6.reassembly.size).toBeLessThanOrEqual(32)
    // 200 turns of 20 ms, ten a second and ten at once, of two ports.
    const sent = Object.values(counters.errorsSent).reduce((a, b) => a + b, 0)
    expect(sent).toBeGreaterThan(20)
    expect(sent).toBeLessThanOrEqual(2 * (10 + 10 * 4 + 1))
    expect(errors).toBeLessThanOrEqual(sent)
    // Afterwards it still answers, at once.
    const o = { src: A, dst: ME }
    expect(told(n.give(packet(o, 58, echo(o)))[0]!).type).toBe(129)
  },
)
