/** The same data and seed give the same packets at the same moments, whatever the network; another seed gives others. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type LabConfig, type LinkData, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { ROOT } from '../house/source.ts'
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

describe('a thousand networks', () => {
  const all: string[] = []
  // Meanwhile, on the other core.
  let older: Promise<{ version: string; lines: string[] }> | undefined

  beforeAll(() => {
    if (!existsSync(OLDER)) return
    older = onOlder()
    older.catch(() => {})
  })

  test('each twice: the same packets, at the same moments, with the same fate', { timeout: 600_000 }, () => {
    const hash = createHash('sha256')
    let packets = 0
    for (let n = 0; n < NETWORKS; n++) {
      const once = traceOf(randomNetwork(n))
      const again = traceOf(randomNetwork(n))
      if (again.digest !== once.digest) throw new Error(`network ${n}: other packets the second time`)
      all.push(`${once.digest} ${once.packets}`)
      hash.update(once.digest)
      packets += once.packets
    }
    expect(packets).toBeGreaterThan(50_000)
    // Whatever changes packets or their times changes it: then say so in the commit, with the new one.
    expect(hash.digest('hex')).toBe(DIGEST)
  })

  test('the oldest Node that users may have makes the same packets', { timeout: 600_000 }, async (ctx) => {
    if (older === undefined) return ctx.skip(MISSING)
    const { version, lines } = await older
    expect(version).toBe('v22.18.0')
    expect(process.version).not.toBe(version)
    expect(lines).toHaveLength(NETWORKS)
    expect(lines.findIndex((l, n) => l !== all[n])).toBe(-1)
  })
})

test('the command on it tells each example network to the octet as on this one', async (ctx) => {
  if (!existsSync(OLDER)) return ctx.skip(MISSING)
  const run = promisify(execFile)
  const command = resolve(ROOT, 'packages/icmpkit/bin/icmp.js')
  const files = globSync('examples/lab/*.yaml', { cwd: ROOT }).sort()
  expect(files.length).toBeGreaterThanOrEqual(10)
  for (const file of files) {
    const args = [command, 'lab', 'run', '--json', resolve(ROOT, file)]
    const [here, there] = await Promise.all([process.execPath, OLDER].map((node) => run(node, args, BIG)))
    expect(here!.stdout.length, file).toBeGreaterThan(1000)
    expect(there, file).toEqual(here)
  }
})

const NETWORKS = 1000
const BIG = { maxBuffer: 1 << 24 }

/** Of all those packets. */
const DIGEST = '433c67324882e9853bcd859b0eda80730b5f61af2bc6b268ac0ea2e8ee7e555f'

const OLDER = resolve(ROOT, 'packages/node-22/node_modules/node/bin/node')
const MISSING = `skipped, because there is no ${OLDER} (npm ci brings it)`

async function onOlder(): Promise<{ version: string; lines: string[] }> {
  const run = promisify(execFile)
  const program = resolve(import.meta.dirname, 'digest.ts')
  const [version, digests] = await Promise.all([
    run(OLDER, ['--version']),
    run(OLDER, ['--disable-warning=ExperimentalWarning', program, `${NETWORKS}`], BIG),
  ])
  return { version: version.stdout.trim(), lines: digests.stdout.trimEnd().split('\n') }
}

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
