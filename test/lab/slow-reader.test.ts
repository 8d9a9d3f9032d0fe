/** Whoever reads slowly, or not at all, costs bounded memory, and is told what it missed; and nothing happening costs nothing. */
import { expect, test } from 'vitest'
import { type PingEvent, ping } from '../../packages/icmpkit/src/index.ts'
import { type Lab, lab, scenario } from '../../packages/icmpkit/src/lab/index.ts'
import { icmp4 } from '../../packages/icmpkit/src/wire/index.ts'

const CONFIG = {
  nodes: { me: 'host', r: 'gateway', srv: 'host' },
  links: [
    ['me', 'r'],
    ['r', 'srv'],
  ],
} as const

/** Echo requests from srv to me, so many each millisecond that no queue on the way overflows. */
function flood(net: Lab, packets: number): void {
  const message = { kind: 'echoRequest', code: 0, id: 7, seq: 1, data: new Uint8Array(8) } as const
  const payload = new Uint8Array(icmp4.size(message))
  icmp4.write(message, payload, 0)
  const { ip4 } = net.node('srv').node
  const dst = [...net.node('me').node.ports.values()][0]!.addresses[0]!.address as number as Parameters<
    typeof ip4.sourceFor
  >[0]
  ip4.send(net.now, { dst, protocol: icmp4.PROTOCOL, payload })
  net.run(net.now + 1000)
  for (let sent = 1; sent < packets; sent++) {
    expect(ip4.send(net.now, { dst, protocol: icmp4.PROTOCOL, payload })).toBe('sent')
    if (sent % 100 === 0) net.run(net.now + 1)
  }
  net.run(net.now + 1000)
}

test('a door that nobody reads keeps 4096 packets, and counts those that it had no room for', async () => {
  const net = lab(CONFIG)
  await using door = net.node('me').door()
  flood(net, 10_000)
  expect(door.waiting).toBe(4096)
  expect(door.loss.queueOverflow).toBe(10_000 - 4096)
})

test('a ping whose events are read slowly keeps 65,536 of them, and says how many it dropped', async () => {
  const net = lab(CONFIG)
  const run = ping('10.0.1.2', {
    count: 70_000,
    interval: 0.001,
    over: { doors: [net.node('me').door()], clock: net.clock },
  })
  const events: PingEvent[] = []
  for await (const e of run) {
    // The first one is looked at for as long as everything else takes.
    if (events.length === 0) await run.done
    events.push(e)
  }
  const { dropped } = run
  expect(dropped).toBeGreaterThan(4000)
  expect(events.length).toBeLessThanOrEqual(2 * 65_536)
  // Sent and answered: nothing is missing that is not counted.
  expect(events.filter((e) => e.kind === 'reply').length + dropped).toBeGreaterThanOrEqual(70_000)
  expect((await run.done).kind).toBe('total')
})

test('a scenario waits for its reader: between two events of different moments no packet moves, so none is dropped', () => {
  const ask = { from: 'me', to: 'srv', kind: 'ping', count: 20, interval: 10 } as const
  const s = scenario({ ...CONFIG, ask: [ask] }, { packets: 'all' })
  const moved = () => s.lab.links.reduce((sum, l) => sum + (l.counts.carried ?? 0), 0)
  // Nor is any sent before somebody looks: what nodes say as they begin is told as well.
  expect(moved()).toBe(0)
  let before = 0
  let told = 0
  let packets = 0
  for (const e of s) {
    told++
    if (e.kind === 'packet') packets++
    // Nothing is told of what is still to come, and nothing happens while it is looked at.
    if (e.kind !== 'summary') expect(Number(e.time) * 1000).toBeCloseTo(s.lab.now, 6)
    expect(moved()).toBeGreaterThanOrEqual(before)
    before = moved()
  }
  expect(told).toBeGreaterThan(packets)
  expect(packets).toBe(moved())
})

test('an hour of a quiet network is some hundred moments for each of its nodes', () => {
  const net = lab(CONFIG)
  net.run(60_000)
  const from = moments(net, 60_000)
  expect(from).toBeLessThan(60_000)
  expect(moments(net, 60_000 + 3_600_000)).toBeLessThan(3 * 300)
  expect(net.now).toBe(3_660_000)
})

/** Moments until then at which something happened. */
function moments(net: Lab, until: number): number {
  let n = 0
  for (; net.next <= until; n++) net.run(net.next)
  net.run(until)
  return n
}
