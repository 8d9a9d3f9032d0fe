/**
 * The whole story in virtual time: a program on a server, gateways, a NAT, workstations whose connected sockets belong to
 * stack hosts. Each error is delivered by the stack's own rules for quotes (stack/transport), as a kernel does it.
 */
import { describe, expect, test } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import { type Learned, type OutageRehearsal, rehearseOutage } from '../../packages/icmpkit/src/index.ts'
import type { LabConfig, NodeData } from '../../packages/icmpkit/src/lab/index.ts'
import { lab } from '../../packages/icmpkit/src/lab/index.ts'
import { Notifier } from '../../packages/icmpkit/src/notice/index.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { checksum, type Ip4, outageObject, parseIp, showIp, tcp } from '../../packages/icmpkit/src/wire/index.ts'

const NAT: NodeData = { kind: 'gateway', behaviours: { nat: { outside: 'eth0' } } }
const NETWORK: LabConfig = {
  seed: 7,
  nodes: { srv: 'host', r1: 'gateway', r2: 'gateway', nat: NAT, ws1: 'host', ws2: 'host', pc1: 'host', pc2: 'host' },
  links: [
    ['srv', 'r1', { delay: 1 }],
    ['r1', 'r2', { delay: 5 }],
    ['r2', 'ws1', 'ws2', { delay: 1 }],
    ['r2', 'nat', { delay: 8 }],
    ['nat', 'pc1', 'pc2', { delay: 1 }],
  ],
}
const SHOP = { name: 'shop', protocol: 'udp', port: 5000 } as const
const STORY: OutageRehearsal = {
  network: NETWORK,
  server: 'srv',
  program: SHOP,
  workstations: ['ws1', 'ws2', 'pc1', 'pc2'],
  outage: { at: 10_000, how: 'offline', reason: 'maintenance' },
}

function tell(more: Partial<OutageRehearsal> = {}) {
  const events = [...rehearseOutage({ ...STORY, ...more })]
  const learned = events.filter((e): e is Learned => e.kind === 'learned')
  const outage = events.find((e) => e.kind === 'outage')
  const summary = events.at(-1)
  if (summary?.kind !== 'summary') throw new Error('no summary')
  return { learned, summary, outage: outage?.kind === 'outage' ? outage : undefined }
}

describe.each([4, 6] as const)('IPv%i', (family) => {
  test('each workstation learns of it once, through gateways and a NAT, as soon as the path allows', () => {
    const { learned, summary, outage } = tell({ family })
    expect(learned.map((l) => l.node).sort()).toEqual(['pc1', 'pc2', 'ws1', 'ws2'])
    expect(outage).toMatchObject({ workstations: 4, sent: 4, suppressed: {} })
    expect(summary).toMatchObject({ workstations: 4, connected: 4, learned: 4 })
    const code = family === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 }
    for (const l of learned) {
      expect(l).toMatchObject(code)
      expect(l.outage).toMatchObject({ state: outageObject.State.offline, program: 'shop', reason: 'maintenance' })
      // One way: 1 + 5 + 1, or 1 + 5 + 8 + 1, and a tenth for what the links take.
      const way = l.node.startsWith('ws') ? 7 : 15
      expect(l.afterNs / 1e6).toBeGreaterThanOrEqual(way)
      expect(l.afterNs / 1e6).toBeLessThan(way + 1)
    }
  })

  test('a program that is killed: after the grace, and as gone', () => {
    const { learned, outage } = tell({ family, outage: { at: 10_000, how: 'killed' } })
    expect(learned).toHaveLength(4)
    expect(outage).toMatchObject({ state: 'gone', detectedNs: 250e6 })
    for (const l of learned) expect(l.outage?.state).toBe(outageObject.State.gone)
  })

  test('drained, the error says prohibited', () => {
    const { learned } = tell({ family, outage: { at: 10_000, how: 'draining' } })
    expect(learned.map((l) => [l.type, l.code])).toEqual(Array(4).fill(family === 4 ? [3, 13] : [1, 1]))
  })

  test('without notices nobody who only waits learns of it, whatever happens to the program', () => {
    for (const how of ['offline', 'killed'] as const)
      expect(tell({ family, notices: false, outage: { at: 10_000, how }, watch: 60_000 }).summary.learned).toBe(0)
  })
})

test('behind a NAT the server sees one address, and the notice says which: that is how a workstation finds out', () => {
  const { learned } = tell()
  const seen = learned.map((l) => [l.node, showIp(l.outage!.workstation!.address)])
  expect(Object.fromEntries(seen)).toEqual({ ws1: '10.0.2.2', ws2: '10.0.2.3', pc1: '10.0.3.2', pc2: '10.0.3.2' })
})

test('a thousand sockets behind one NAT address are all told, in the time of one', () => {
  const { learned, outage, summary } = tell({
    network: {
      ...NETWORK,
      nodes: { ...NETWORK.nodes, nat: { ...NAT, behaviours: { nat: { outside: 'eth0', entries: 2000 } } } },
    },
    workstations: [...Array<string>(500).fill('pc1'), ...Array<string>(500).fill('pc2')],
  })
  expect(outage).toMatchObject({ workstations: 1000, sent: 1000 })
  expect(summary).toMatchObject({ connected: 1000, learned: 1000 })
  expect(new Set(learned.map((l) => l.workstation)).size).toBe(1000)
  expect(summary.lastNs! / 1e6).toBeLessThan(17)
})

test('a loss on the way: who stays silent is told again after a second', () => {
  const lossy: LabConfig = {
    ...NETWORK,
    at: [
      { time: 9_999, change: ['r1-r2', { loss: 1 }] },
      { time: 10_500, change: ['r1-r2', { loss: 0 }] },
    ],
  }
  const { learned, outage } = tell({ network: lossy })
  expect(learned).toHaveLength(4)
  for (const l of learned) expect(l.afterNs / 1e6).toBeGreaterThanOrEqual(1000)
  expect(outage!.lastSentNs).toBe(0)
})

test('who has been silent for longer than firewalls remember is not told', () => {
  const { learned, outage } = tell({ outage: { at: 300_000, how: 'offline' } })
  expect(learned).toEqual([])
  expect(outage).toMatchObject({ workstations: 4, sent: 0, suppressed: { stale: 4 } })
})

test('who has sent one datagram only is not told: its address is not proved', () => {
  const { outage, summary } = tell({ talk: { count: 1 } })
  expect(outage).toMatchObject({ workstations: 0, sent: 0 })
  expect(summary).toMatchObject({ connected: 4, learned: 0 })
})

test('the same network and seed tell the same story, to the nanosecond', () => {
  const story = () => JSON.stringify([...rehearseOutage(STORY)], (_, v) => (typeof v === 'bigint' ? String(v) : v))
  expect(story()).toBe(story())
})

test('a mistake in the story is named', () => {
  expect(() => rehearseOutage({ ...STORY, server: 'nobody' })).toThrow("no node 'nobody'")
  expect(() => rehearseOutage({ ...STORY, workstations: ['ghost'] })).toThrow("no node 'ghost'")
  expect(() => rehearseOutage({ ...STORY, program: { ...SHOP, protocol: 'tcp' } })).toThrow('UDP')
})

test('the machine runs over the driver of all machines, by a door of the lab', async () => {
  const net = lab(NETWORK)
  const server = net.node('srv').node.transport.udp.bind({ family: 4, port: 5000 })
  const ws = net.node('ws1').node.transport.udp.bind({ family: 4 })
  ws.connect(parseIp('10.0.0.1')!, 5000)
  const n = new Notifier({ programs: [SHOP], wall: () => 1_800_000_000, random: () => 0.25 })
  const door = net.node('srv').flowDoor()
  const stop = new AbortController()
  const states: string[] = []
  for (const time of [100, 200, 300]) {
    net.at(time, () => {
      ws.send(net.now, new Uint8Array(1))
      net.node('ws1').settle(net.now)
    })
    net.at(time + 50, () => {
      for (let r = server.receive(); r !== undefined; r = server.receive())
        server.send(net.now, r.data, { address: r.from, port: r.fromPort })
      net.node('srv').settle(net.now)
    })
  }
  net.at(1000, () => {
    n.offline(net.now, 'shop')
    net.clock.wake()
  })
  net.at(3000, () => stop.abort())
  await drive(n, [door], net.clock, (e) => void states.push(e.kind), stop.signal)
  await door[Symbol.asyncDispose]()
  expect(states).toEqual(['outage'])
  expect(ws.error()).toMatchObject({ origin: 'icmp', severity: 'hard', type: 3, code: 3 })
  expect(door.loss.queueOverflow).toBe(0)
})

describe('TCP: what a workstation’s stack makes of the quote (RFC 5927, RFC 9293 §3.9.2.2)', () => {
  const WEB = { name: 'web', protocol: 'tcp', port: 443 } as const
  const [SRV, WS] = [parseIp('10.0.0.1')! as Ip4, parseIp('10.0.2.2')! as Ip4]
  const ENDS = { family: 4, local: WS, localPort: 40_000, remote: SRV, remotePort: 443 } as const
  const SIZES = { maxSizeSent: 1500, maxSizeAcked: 1500 }

  /** A connection of ws1, and a notifier on the server that is asked about it. */
  function scene(state: 'syn-sent' | 'synchronised') {
    const net = lab(NETWORK)
    const { tcp: table } = net.node('ws1').node.transport
    const connection = table.add({ ...ENDS, state, sndUna: 1000, sndNxt: 1100, ...SIZES })
    const n = new Notifier({ programs: [WEB], wall: () => 1_800_000_000, random: () => 0.25, repeatAfter: 0 })
    const door = net.node('srv').flowDoor()
    net.clock.leave([door])
    const run = (until: number) => {
      while (net.now < until) {
        const next = Math.min(until, net.next, n.pollTimeout())
        net.run(Math.max(next, net.now))
        door.receive(net.now, n, 1000)
        n.handleTimeout(net.now)
        door.send(net.now, n)
      }
    }
    return { net, connection, n, run }
  }

  test.each([
    [999, 'refused'],
    [1000, 'soft'],
    [1050, 'soft'],
    [1100, 'refused'],
  ] as const)('established, a quote with SEQ %i of 1000 … 1100 is %s', (seq, what) => {
    const { net, connection, n, run } = scene('synchronised')
    run(100)
    n.offline(net.now, 'web')
    n.connections(net.now, 'web', [{ local: SRV, localPort: 443, remote: WS, remotePort: 40_000, seq }])
    run(1000)
    expect(connection.events.map((e) => e.kind)).toEqual(what === 'soft' ? ['soft'] : [])
    expect(connection.state).toBe('synchronised')
  })

  test('connecting to a program that is drained: the opening segment gets an error at once', () => {
    const { net, connection, n, run } = scene('syn-sent')
    run(100)
    n.drain(net.now, 'web')
    n.connections(net.now, 'web', [])
    const segment = new Uint8Array(tcp.HEADER)
    const pseudo = checksum.fold((WS >>> 16) + (WS & 0xffff) + (SRV >>> 16) + (SRV & 0xffff) + 6 + segment.length)
    tcp.write({ srcPort: 40_000, dstPort: 443, seq: 1050, flags: tcp.Flag.syn }, segment, 0, segment.length, pseudo)
    net.node('ws1').node.ip4.send(net.now as Instant, { dst: SRV, src: WS, protocol: 6, payload: segment })
    net.node('ws1').settle(net.now)
    run(200)
    expect(connection.events).toMatchObject([{ kind: 'soft', error: { type: 3, code: 13 } }])
    expect(n.counters.sent).toBe(1)
  })
})
