/** The same data and seed give the same packets at the same moments, whatever the network; another seed gives others. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type LabConfig, type LinkData, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { Exchange } from '../scenario/exchange.ts'
import { octetsOf } from '../scenario/packet.ts'
import { randomNetwork, traceOf } from './random-network.ts'

const link: fc.Arbitrary<LinkData> = fc.record(
  {
    delay: fc.constantFrom(0, 0.1, 5, 33.3),
    jitter: fc.constantFrom(0, 0.1, 7),
    loss: fc.constantFrom(0, 0.05, 0.3),
    duplicate: fc.constantFrom(0, 0.1),
    reorder: fc.constantFrom(0, 0.2),
    corrupt: fc.constantFrom(0, 0.02),
    mtu: fc.constantFrom(1280, 1500),
    rate: fc.constantFrom(1e6, 1e9),
  },
  { requiredKeys: [] },
)

/** A tree of gateways with some more links, a host at each. */
const network: fc.Arbitrary<LabConfig> = fc
  .record({
    seed: fc.nat(),
    size: fc.integer({ min: 1, max: 6 }),
    links: fc.array(link, { minLength: 14, maxLength: 14 }),
    picks: fc.array(fc.nat(), { minLength: 14, maxLength: 14 }),
  })
  .map(({ seed, size, links, picks }) => {
    const nodes: Record<string, 'host' | 'gateway'> = {}
    const all: (string | LinkData)[][] = []
    for (let i = 0; i < size; i++) {
      nodes[`r${i}`] = 'gateway'
      nodes[`h${i}`] = 'host'
      all.push([`h${i}`, `r${i}`, links[i]!])
      if (i > 0) all.push([`r${i}`, `r${picks[i]! % i}`, links[i + 6]!])
    }
    if (size > 2) all.push([`r0`, `r${size - 1}`, { ...links[13]!, name: 'more' }])
    return { seed, nodes, links: all }
  })

/** Runs it with traffic between all hosts; a digest of every packet on every link, when it went and what became of it. */
async function trace(config: LabConfig): Promise<{ digest: string; packets: number }> {
  const net = lab(config)
  const digest = createHash('sha256')
  let packets = 0
  for (const l of net.links) {
    net.tap(l.name, (p) => {
      packets++
      digest
        .update(`${p.time} ${p.link} ${p.from} ${p.to} ${p.fate} ${p.arrives}\n`)
        .update(p.bytes.subarray(p.at, p.end))
    })
  }
  const hosts = net.nodes.filter((n) => n.kind === 'host')
  const address = (i: number, six: boolean) =>
    showIp(
      [...hosts[i]!.node.ports.values()][0]!.addresses.find((a) => (typeof a.address === 'bigint') === six)!.address,
    )
  await Promise.all(
    hosts.map(async (h, i) => {
      const to = (i + 1) % hosts.length
      const packets = [64, 2].flatMap((ttl) =>
        [false, true].map((six) =>
          octetsOf({ to: address(to, six), ttl, carries: { kind: 'echo', size: 1200 } }, address(i, six)),
        ),
      )
      await using door = h.door()
      await drive(new Exchange(packets, [], 3000, 1), [door], net.clock, () => {})
    }),
  )
  return { digest: digest.digest('hex'), packets }
}

test('a thousand networks, each twice: the same packets, at the same moments, with the same fate, on whatever version of Node', () => {
  const all = createHash('sha256')
  let packets = 0
  for (let n = 0; n < 1000; n++) {
    const once = traceOf(randomNetwork(n))
    const again = traceOf(randomNetwork(n))
    if (again.digest !== once.digest) throw new Error(`network ${n}: other packets the second time`)
    all.update(once.digest)
    packets += once.packets
  }
  expect(packets).toBeGreaterThan(50_000)
  // Whatever changes packets or their times changes it: then say so in the commit, with the new one.
  expect(all.digest('hex')).toBe(DIGEST)
})

/** Of all those packets, the same on Node 20 and 26. */
const DIGEST = '490b50581a03ec04a4911689c8787f63bd1f091ba237c0b03a4810897af97f5f'

test('the same network twice: the same packets, at the same moments, with the same fate', async () => {
  let packets = 0
  await fc.assert(
    fc.asyncProperty(network, async (config) => {
      const once = await trace(config)
      expect(await trace(config)).toEqual(once)
      packets += once.packets
    }),
    { numRuns: 30 },
  )
  expect(packets).toBeGreaterThan(1000)
})

test('another seed: other packets', async () => {
  const config: LabConfig = { nodes: { h0: 'host', h1: 'host' }, links: [['h0', 'h1', { loss: 0.3, jitter: 1 }]] }
  const digests = await Promise.all([1, 2, 3].map(async (seed) => (await trace({ ...config, seed })).digest))
  expect(new Set<string>(digests).size).toBe(3)
})
