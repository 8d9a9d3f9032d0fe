/** The library's own asking machines over doors of a lab: they cannot tell it from a kernel. */
import { expect, test } from 'vitest'
import {
  type PacketSeen,
  type PingEvent,
  type PingOptions,
  ping,
  type SendEvent,
  send,
} from '../../packages/icmpkit/src/index.ts'
import { type Lab, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { EchoQuestion, PingMachine } from '../../packages/icmpkit/src/probe/index.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { hex } from '../../packages/icmpkit/src/wire/index.ts'
import { SECRET, settings, target } from '../probe/scripted-network.ts'

/** me ── r1 ──(1400)── r2 ── srv, five milliseconds a link. */
function line(): Lab {
  const link = { delay: 5 }
  return lab({
    nodes: { me: 'host', r1: 'gateway', r2: 'gateway', srv: 'host' },
    links: [
      ['me', 'r1', link],
      ['r1', 'r2', { ...link, mtu: 1400 }],
      ['r2', 'srv', link],
    ],
  })
}

async function asked(net: Lab, to: string, o: PingOptions = {}): Promise<PingEvent[]> {
  const events: PingEvent[] = []
  const over = { doors: [net.node('me').door()], clock: net.clock }
  for await (const e of ping(to, { count: 1, ...o, over })) events.push(e)
  return events
}

const SRV = { 4: '10.0.2.2', 6: '2001:db8:0:2::2' } as const

for (const family of [4, 6] as const) {
  test(`IPv${family}: ping gets replies across two gateways; the round trip is the sum of the delays, in virtual time`, async () => {
    const net = line()
    // Neighbours are known after the first.
    await asked(net, SRV[family])
    const start = net.now
    const events = await asked(net, SRV[family], { count: 3 })
    const replies = events.flatMap((e) => (e.kind === 'reply' ? [[e.rttNs, e.ttl, e.clock]] : []))
    expect(replies).toEqual(Array(3).fill([30_000_000, 62, 'virtual']))
    // The third left two seconds after the first.
    expect(net.now - start).toBeCloseTo(2030, 6)
  })

  test(`IPv${family}: ping gets the errors of gateways: a TTL that ends, no route, a packet that is too big`, async () => {
    const net = line()
    const error = async (to: string, o: PingOptions) => {
      const e = (await asked(net, to, o)).find((x) => x.kind === 'error')
      return e?.kind === 'error' ? { from: e.from, type: e.type, code: e.code, mtu: e.mtu } : undefined
    }
    const r1 = family === 4 ? '10.0.0.2' : '2001:db8::2'
    const r2 = family === 4 ? '10.0.1.2' : '2001:db8:0:1::2'
    expect(await error(SRV[family], { ttl: 2 })).toMatchObject({ from: r2, type: family === 4 ? 11 : 3, code: 0 })
    expect(await error(family === 4 ? '192.0.2.1' : 'fd00::1', {})).toMatchObject({
      from: r1,
      type: family === 4 ? 3 : 1,
      code: 0,
    })
    const big = { size: 1430, dontFragment: 'probe' as const }
    expect(await error(SRV[family], big)).toMatchObject({ from: r1, type: family === 4 ? 3 : 2, mtu: 1400 })
  })

  test(`IPv${family}: what is too long for the first link and is not to be cut does not leave, says the host itself`, async () => {
    const told = async (o: PingOptions) =>
      (await asked(line(), SRV[family], { size: 2000, ...o })).flatMap((e) =>
        e.kind === 'error' ? [[e.origin, e.mtu]] : [],
      )
    expect(await told({ dontFragment: 'do' })).toEqual([['local', 1500]])
    expect((await told({ dontFragment: 'dont' })).filter(([origin]) => origin === 'local')).toEqual([])
  })

  test(`IPv${family}: a neighbour that does not answer is unreachable, says the host itself`, async () => {
    const events = await asked(line(), family === 4 ? '10.0.0.77' : '2001:db8::77', { timeout: 10_000 })
    const e = events.find((x) => x.kind === 'error')
    expect(e).toMatchObject({
      from: family === 4 ? '10.0.0.1' : '2001:db8::1',
      type: family === 4 ? 3 : 1,
      code: family === 4 ? 1 : 3,
    })
  })
}

test('what a link loses, ping counts as lost, an hour long', async () => {
  const net = lab({ seed: 5, nodes: { me: 'host', b: 'host' }, links: [['me', 'b', { loss: 0.1 }]] })
  const events = await asked(net, '10.0.0.2', { count: 3600 })
  const summary = events.find((e) => e.kind === 'summary')
  expect(net.now).toBeGreaterThan(3_599_000)
  // A link that loses a tenth each way loses 19 in a hundred round trips.
  expect(summary?.kind === 'summary' ? summary.lost / 3600 : 0).toBeCloseTo(0.19, 1)
})

test('the ping machine itself, under the driver, over one door: replies of one target, errors about another, until it is stopped', async () => {
  const net = line()
  const machine = new PingMachine(settings({ question: new EchoQuestion(56, SECRET) }))
  const there = machine.add(net.now, target(SRV[4]))
  const nowhere = machine.add(net.now, target('192.0.2.1'))
  const seen: [string, number][] = []
  await using door = net.node('me').door()
  await drive(machine, [door], net.clock, (e) => {
    if ('target' in e) seen.push([e.kind, e.target])
    if (seen.length === 6) machine.stop(net.now)
  })
  expect(seen.filter(([kind]) => kind === 'reply').every(([, slot]) => slot === there)).toBe(true)
  expect(seen.filter(([kind]) => kind === 'error').every(([, slot]) => slot === nowhere)).toBe(true)
  expect(new Set<string>(seen.map(([kind]) => kind))).toEqual(new Set(['reply', 'error', 'summary']))
})

test('send puts any message on the way, and hears what it draws', async () => {
  const net = line()
  const events: SendEvent[] = []
  const times = { originate: 1, receive: 0, transmit: 0, trailing: new Uint8Array(0) }
  const message = () => ({ kind: 'timestampRequest', code: 0, id: 7, seq: 9, ...times }) as const
  for await (const e of send(SRV[4], message, { over: { door: net.node('me').door(), clock: net.clock } }))
    events.push(e)
  const reply = events.find((e) => e.kind === 'reply')
  expect(reply).toMatchObject({ from: SRV[4], type: 14, code: 0 })
  // Two delays and neighbours asked for behind midnight: what the lab's clock says at srv.
  expect(reply?.kind === 'reply' ? (reply.message as { receive: number }).receive : -1).toBeGreaterThanOrEqual(15)
})

test('from inside a node, names are those of nodes, interfaces and sources those of the node, chance is that of the seed', async () => {
  const addresses = async (to: string, o: PingOptions) => {
    const { summaries } = await ping(to, { count: 1, timeout: 500, ...o, over: line().from('r1') }).done
    return summaries.map((s) => s.address)
  }
  expect(await addresses('srv', {})).toEqual([SRV[4]])
  expect(await addresses('srv', { family: 6 })).toEqual([SRV[6]])
  expect(await addresses('r2', { allAddresses: true })).toEqual([
    '10.0.1.2',
    '10.0.2.1',
    '2001:db8:0:1::2',
    '2001:db8:0:2::1',
  ])
  expect(await addresses('fe80::1%eth1', {})).toEqual(['fe80::1%eth1'])
  expect(await addresses('nobody', {})).toEqual([null])

  const sources: string[] = []
  const onPacket = (p: PacketSeen) => {
    if (p.direction === 'out') sources.push(hex(p.bytes, p.at, p.end))
  }
  // By eth0, where nobody has the address of srv.
  const byEth0 = { interface: 'eth0', count: 1, timeout: 500, onPacket, over: line().from('r1') }
  expect(await ping('srv', byEth0).done).toMatchObject({ received: 0 })
  expect(sources[0]?.slice(24, 32)).toBe('0a000002')
  await expect(ping('srv', { interface: 'eth9', over: line().from('r1') }).done).rejects.toThrow('no interface eth9')
  // The same seed, the same octets: token and identifier too.
  const first = sources[0]
  await ping('srv', { ...byEth0, over: line().from('r1') }).done
  expect(sources.at(-1)).toBe(first)
})
