/**
 * Show 6, short: a thousand targets a second in one process. What a capture beside it shows as answered is told as
 * answered, by the target that was asked; also while every second target draws an error. bench/many.ts does it for a minute.
 */
import { spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { type PingEvent, type PingResult, ping } from '../../packages/icmpkit/src/index.ts'
import { openCapture } from '../../packages/icmpkit/src/os/capture-socket.ts'
import { type Ip, readIp4, readIp6, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { u16 } from '../../packages/icmpkit/src/wire/octets.ts'
import { sharedPair } from './shared-pair.ts'
import { ip } from './testnet.ts'

const net = sharedPair()
const EACH = 500
/** RT_TABLE_LOCAL */
const LOCAL = 255

/** Of each family `EACH` targets; with `bad`, every second one is where the peer rejects. */
function targets(bad: boolean): string[] {
  return Array.from({ length: EACH }, (_, i) => {
    const net = bad && i % 2 === 1 ? 1 : 0
    return [`10.6${net}.${1 + (i >> 8)}.${i & 255}`, `fd6${net}::${(i + 1).toString(16)}`]
  }).flat()
}
const isBad = (target: string) => /^(10\.61\.|fd61:)/.test(target)

beforeAll(() => {
  if (process.getuid?.() !== 0) return
  const { a, b } = net
  const lo = b.netlink.index('lo')
  const eth0 = a.netlink.index('eth0')
  for (const n of [0, 1]) {
    for (const [dst, prefixLength, gateway] of [
      [`10.6${n}.0.0`, 16, '192.0.2.2'],
      [`fd6${n}::`, 64, '2001:db8::2'],
    ] as const) {
      // Every address of these networks is the peer's own.
      b.netlink.addRoute({ dst: ip(dst), prefixLength, type: 'local', scope: 'host', table: LOCAL, oif: lo })
      a.netlink.addRoute({ dst: ip(dst), prefixLength, gateway: ip(gateway), oif: eth0 })
    }
  }
  b.sysctl('ipv4.icmp_msgs_per_sec', 1_000_000)
  b.sysctl('ipv4.icmp_msgs_burst', 1_000_000)
})

/** One error for each probe: a route that says unreachable has a token bucket for each asker, a rule that rejects has none. */
function reject(ctx: TestContext): void {
  for (const [family, what] of [
    ['ip', 'ip daddr 10.61.0.0/16 reject with icmp type host-unreachable'],
    ['ip6', 'ip6 daddr fd61::/64 reject with icmpv6 type addr-unreachable'],
  ] as const) {
    const rules = `table ${family} many {\nchain input {\ntype filter hook input priority 0\n${what}\n}\n}\n`
    const { error, status, stderr } = net.b.inside(() =>
      spawnSync('nft', ['-f', '-'], { input: rules, encoding: 'utf8' }),
    )
    if (error !== undefined) ctx.skip('skipped, because nft is not installed (apt-get install nftables)')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  }
}

interface Seen {
  /** "address seq" of each reply that the capture shows, and "target seq" of each error by what it quotes. */
  replies: Set<string>
  errors: Set<string>
}

/** Runs it under a capture. */
async function watched(list: string[], door: 'ping-socket' | 'raw-socket', seconds: number) {
  // A program that computes now and then: what was due meanwhile leaves in one batch, and an error about the first of it
  // is pending at the second.
  const computing = setInterval(() => {
    for (const end = performance.now() + 20; performance.now() < end; );
  }, 100)
  onTestFinished(() => clearInterval(computing))
  const socket = openCapture('eth0', { netns: net.a.namespace, icmpOnly: true })
  const seen: Seen = { replies: new Set(), errors: new Set() }
  let read = 0
  const reading = socket.each(({ bytes, at, outgoing }) => {
    read++
    if (outgoing) return
    const four = bytes[at + 14]! >> 4 === 4
    const icmp = at + 14 + (four ? 20 : 40)
    const type = bytes[icmp]!
    const address = (header: number, of: 'src' | 'dst'): Ip =>
      four ? readIp4(bytes, header + (of === 'src' ? 12 : 16)) : readIp6(bytes, header + (of === 'src' ? 8 : 24))
    if (type === (four ? 0 : 129)) seen.replies.add(`${showIp(address(at + 14, 'src'))} ${u16(bytes, icmp + 6)}`)
    else if (type === (four ? 3 : 1)) {
      const quoted = icmp + 8
      seen.errors.add(`${showIp(address(quoted, 'dst'))} ${u16(bytes, quoted + (four ? 20 : 40) + 6)}`)
    }
  })
  const told: PingEvent[] = []
  const run = ping(list, { count: seconds, interval: 1000, timeout: 20_000, netns: net.a.name, door })
  for await (const e of run) told.push(e)
  const result: PingResult = await run.done
  // What the kernel has counted comes with the next block.
  while (read < socket.counts.seen) await delay(1)
  expect(socket.counts.dropped, 'the capture itself lost nothing').toBe(0)
  socket.close()
  await reading
  return { seen, told, result, dropped: run.dropped }
}

const key = (e: PingEvent): string => ('seq' in e && 'target' in e ? `${e.target} ${e.seq}` : '')
const of = (told: readonly PingEvent[], kind: PingEvent['kind']) => told.filter((e) => e.kind === kind).map(key)

describe.each([
  ['ping-socket', 10],
  ['raw-socket', 4],
] as const)('%s', (door, seconds) => {
  test(`${2 * EACH} targets a second for ${seconds} s: each reply on the wire is told once, of the target that sent it`, async () => {
    const { seen, told, result, dropped } = await watched(targets(false), door, seconds)
    const replies = of(told, 'reply')
    expect(replies).toHaveLength(2 * EACH * seconds)
    expect(new Set(replies)).toEqual(seen.replies)
    expect(told.filter((e) => e.kind === 'reply' && e.from !== e.target)).toEqual([])
    expect(dropped).toBe(0)
    expect(result).toMatchObject({ ...CLEAN, sent: 2 * EACH * seconds, received: 2 * EACH * seconds, errors: 0 })
  })

  test('half of them unreachable: no other target loses a probe to their errors, each error is told of its own', async (ctx) => {
    reject(ctx)
    const { seen, told, result } = await watched(targets(true), door, seconds)
    const half = EACH * seconds
    expect(new Set(of(told, 'reply'))).toEqual(seen.replies)
    expect(new Set(of(told, 'error'))).toEqual(seen.errors)
    expect(seen.replies.size).toBe(half)
    expect(seen.errors.size).toBe(half)
    expect(told.filter((e) => e.kind === 'reply' && (e.from !== e.target || isBad(e.target)))).toEqual([])
    expect(told.filter((e) => e.kind === 'error' && (!isBad(e.target) || e.origin !== 'icmp'))).toEqual([])
    expect(result).toMatchObject({ ...CLEAN, sent: 2 * half, received: half, errors: half, lost: half })
    const healthy = result.summaries.filter((s) => !isBad(s.target))
    expect(healthy.filter((s) => s.sent !== seconds || s.received !== seconds || s.errors > 0)).toEqual([])
  })
})

const CLEAN = { late: 0, duplicates: 0, corrupt: 0, foreign: 0, reordered: 0, localDrops: 0, stampGaps: 0, unasked: 0 }
