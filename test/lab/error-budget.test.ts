/** How many errors a node sends is its own decision, not that of who floods it (RFC 1812 §4.3.2.8, RFC 4443 §2.4(f)). */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../../packages/icmpkit/src/lab/random.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { octetsOf } from '../scenario/packet.ts'
import { HostileNetwork, type SeenError } from './hostile-network.ts'

const rate = fc.constantFrom(0, 1, 7, 50, 100, 1000)
const burst = fc.integer({ min: 1, max: 60 })

test('errors out of a node never exceed burst and rate in any span of time, in number or in octets, however many ask for them', () => {
  let limited = 0
  fc.assert(
    fc.property(
      rate,
      burst,
      fc.constantFrom(0, 0.1, 1, 9, 40),
      fc.nat(),
      fc.constantFrom<4 | 6>(4, 6),
      (perSecond, most, gap, seed, family) => {
        const errorLimit = { rate: perSecond, burst: most }
        const settings = { ip4: { errorLimit }, ip6: { errorLimit } }
        const n = new HostileNetwork({
          nodes: {
            x: 'host',
            h: { kind: 'host', ...settings },
            r: { kind: 'gateway', ...settings },
            s: { kind: 'host', ...settings },
          },
        })
        // Else the first errors wait for x's link-layer address, and leave together.
        for (const to of destinations(family))
          n.give({ family, to: 'right', packet: octetsOf({ to, carries: { kind: 'echo' } }, own(family)) }, 500)
        const random = new Random(seed, 0)
        for (let i = 0; i < 150; i++) {
          n.give({ family, to: 'right', packet: asking(family, random) }, gap)
        }
        n.net.run(n.net.now + 5000)
        const longest = family === 4 ? 576 : 1280
        for (const node of ['h', 'r', 's']) {
          const sent = n.errors.filter((e) => e.by === node && e.about !== undefined)
          expect(Math.max(0, ...sent.map((e) => e.length))).toBeLessThanOrEqual(longest)
          // r has two ports, and a limit for each.
          expect(excess(sent, perSecond, most * (node === 'r' ? 2 : 1), node === 'r' ? 2 : 1)).toBeLessThanOrEqual(0)
          limited += n.net.node(node).node.counters.suppressed['rate-limit'] ?? 0
        }
      },
    ),
    { numRuns: 60 },
  )
  // Else nothing was limited, and nothing shown.
  expect(limited).toBeGreaterThan(1000)
})

/** A packet from anybody that asks h, r or s for an error: a closed port, a TTL that ends, no route. */
function asking(family: 4 | 6, random: Random): Uint8Array {
  const to =
    family === 4 ? ['10.0.0.2', '10.0.1.2', '198.51.100.9'] : ['2001:db8::2', '2001:db8:0:1::2', '2001:db8:ffff::9']
  // On the link, where an answer finds its way; a neighbour that is not there is asked for and the error waits.
  const from = random.chance(0.5) ? own(family) : stranger(family, random)
  return octetsOf(
    {
      to: to[random.below(3)]!,
      ttl: random.chance(0.3) ? 1 : 64,
      carries: { kind: 'udp', port: 9999, size: random.below(1200) },
    },
    from,
  )
}

const destinations = (family: 4 | 6) =>
  family === 4 ? ['10.0.0.2', '10.0.1.2', '198.51.100.9'] : ['2001:db8::2', '2001:db8:0:1::2', '2001:db8:ffff::9']

const own = (family: 4 | 6) => (family === 4 ? '10.0.0.1' : '2001:db8::1')

function stranger(family: 4 | 6, random: Random): string {
  if (family === 4) return `10.0.0.${4 + random.below(200)}`
  return showIp(((0x20010db8n << 96n) | BigInt(random.next())) as never)
}

/** By how many errors the fullest span of time exceeds what the bucket allows. */
function excess(errors: readonly SeenError[], perSecond: number, most: number, buckets: number): number {
  let worst = -1
  for (const [i, first] of errors.entries()) {
    for (let j = i; j < errors.length; j++) {
      const allowed = most + ((errors[j]!.at - first.at) * perSecond * buckets) / 1000
      worst = Math.max(worst, j - i + 1 - Math.floor(allowed + 1e-6))
    }
  }
  return worst
}
