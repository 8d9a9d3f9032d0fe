import { expect, test } from 'vitest'
import type { ScenarioConfig } from './ask.ts'
import { scenario } from './scenario.ts'
import type { ScenarioEvent } from './scenario-event.ts'

const line = (over: Partial<ScenarioConfig> = {}): ScenarioConfig => ({
  nodes: { me: 'host', r1: 'gateway', r2: 'gateway', srv: { kind: 'host', udp: [53] } },
  links: [
    ['me', 'r1', { delay: 1 }],
    ['r1', 'r2', { delay: 5, mtu: 1400 }],
    ['r2', 'srv', { delay: 2 }],
  ],
  ...over,
})
/** The event of which `K` is a kind. */
type Of<K, E = ScenarioEvent> = E extends { kind: infer Kinds } ? (K extends Kinds ? E : never) : never
const of = <K extends ScenarioEvent['kind']>(events: ScenarioEvent[], kind: K) =>
  events.filter((e) => e.kind === kind) as Of<K>[]

test('a ping is asked and answered at moments that the delays of its links say', () => {
  const events = [...scenario(line({ ask: [{ from: 'me', to: 'srv', at: 1000, count: 2, interval: 500 }] }))]
  expect(events[0]).toEqual({ kind: 'network', time: '0.000000000', node: null, seed: 1, nodes: 4, links: 3 })
  expect(of(events, 'sent').map((e) => [e.time, e.seq, e.octets])).toEqual([
    ['1.000000000', 1, 56],
    ['1.500000000', 2, 56],
  ])
  const [first, second] = of(events, 'reply')
  // The first waits for three neighbours to be found as well, there and back: ARP both ways, then the way itself.
  expect(Number(first!.rttNs)).toBeGreaterThan(16_000_000)
  expect(second).toEqual({
    kind: 'reply',
    time: '1.516000000',
    node: 'me',
    ask: 0,
    to: 'srv',
    address: '10.0.2.2',
    seq: 2,
    from: '10.0.2.2',
    by: 'srv',
    ttl: 62,
    rttNs: 16_000_000,
  })
  expect(events.at(-1)).toMatchObject({
    kind: 'summary',
    time: '1.516000000',
    asks: [{ sent: 2, received: 2, lost: 0 }],
  })
})

test('a trace names each hop in its order, and ends at the target', () => {
  const events = [...scenario(line({ ask: [{ from: 'me', to: 'srv', kind: 'trace', count: 2 }] }))]
  const hops = of(events, 'hop')
  expect(hops.map((h) => [h.ttl, h.answers.map((a) => `${a.by} ${a.from}`), h.unanswered, h.reached])).toEqual([
    [1, ['r1 10.0.0.2', 'r1 10.0.0.2'], 0, false],
    [2, ['r2 10.0.1.2', 'r2 10.0.1.2'], 0, false],
    [3, ['srv 10.0.2.2', 'srv 10.0.2.2'], 0, true],
  ])
  expect(hops.map((h) => h.answers[1]!.rttNs)).toEqual([2_000_000, 12_000_000, 16_000_000])
})

test('UDP is answered where a server listens, and elsewhere the port is unreachable, over both families', () => {
  for (const family of [4, 6] as const) {
    const ask = [53, 54].map((port) => ({ from: 'me', to: 'srv', kind: 'udp', port, count: 1, family }) as const)
    const events = [...scenario(line({ ask }))]
    expect(of(events, 'reply').map((e) => [e.ask, e.by])).toEqual([[0, 'srv']])
    const code = family === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 }
    expect(of(events, 'error')).toMatchObject([{ ask: 1, by: 'srv', ...code }])
    expect(of(events, 'summary')[0]!.asks).toMatchObject([
      { received: 1, lost: 0, errors: 0 },
      // As ping counts: not answered.
      { received: 0, lost: 1, errors: 1 },
    ])
  }
})

test('what is too big for a link is told with its MTU, and known the next time', () => {
  const ask = [{ from: 'me', to: 'srv', size: 1400, df: true, count: 1 }]
  const events = [...scenario(line({ ask }))]
  expect(of(events, 'error')).toMatchObject([{ from: '10.0.0.2', by: 'r1', type: 3, code: 4, mtu: 1400 }])
  expect(of(events, 'state').filter((e) => e.what === 'path-mtu')).toMatchObject([
    { node: 'me', about: { destination: '10.0.2.2', mtu: 1400, by: '10.0.0.2' } },
  ])
})

test('a link that goes down is told, what is asked meanwhile fails, and what is asked later comes through', () => {
  const config = line({
    at: [
      { time: 1500, down: ['r1', 'r2'] },
      { time: 2500, up: ['r1', 'r2'] },
    ],
    ask: [{ from: 'me', to: 'srv', count: 4 }],
  })
  const told = [...scenario(config, { states: false })].flatMap((e) => {
    if (e.kind === 'change') return [`${e.what} ${e.link} ${e.time}`]
    return e.kind === 'reply' || e.kind === 'error' ? [`${e.kind} ${e.seq}`] : []
  })
  expect(told).toEqual(['reply 1', 'reply 2', 'down r1-r2 1.500000000', 'error 3', 'up r1-r2 2.500000000', 'reply 4'])
})

test('the same seed gives the same events and octets, another seed others', () => {
  const config = (seed: number) =>
    line({
      seed,
      links: [
        ['me', 'r1', { delay: 1, jitter: 0.5, loss: 0.1, duplicate: 0.1, corrupt: 0.05, reorder: 0.1 }],
        ['r1', 'r2', { burstLoss: { enter: 0.1, leave: 0.3 }, rate: 1e6, queue: 5 }],
        ['r2', 'srv'],
      ],
      ask: [
        { from: 'me', to: 'srv', count: 30, interval: 20 },
        { from: 'srv', to: 'me', kind: 'trace', at: 100 },
        { from: 'me', to: 'srv', kind: 'udp', port: 53, count: 5, interval: 10 },
      ],
    })
  const run = (seed: number) => {
    const octets: Uint8Array[] = []
    const events = [...scenario(config(seed), { packets: 'all', pcap: (b) => void octets.push(b) })]
    return { events: JSON.stringify(events), octets: Buffer.concat(octets).toString('hex') }
  }
  expect(run(7)).toEqual(run(7))
  expect(run(7).octets).not.toBe(run(8).octets)
})

test('time stands still while the reader does something else, and nothing happens ahead of it', () => {
  const story = scenario(line({ ask: [{ from: 'me', to: 'srv', count: 100_000, interval: 1 }] }), { states: false })
  const events = story[Symbol.iterator]()
  for (let i = 0; i < 20; i++) events.next()
  const { now } = story.lab
  expect(now).toBeLessThan(30)
  const e = events.next().value as ScenarioEvent
  expect(Number(e.time) * 1000).toBeGreaterThanOrEqual(now)
  expect(story.lab.now).toBeLessThan(now + 2)
})

test('a scenario that is stopped ends where it stands, with its summary; read with await it lets others have their turn', async () => {
  const story = scenario(line({ until: 1e12, ask: [{ from: 'me', to: 'srv', count: 1_000_000, interval: 1e5 }] }), {
    states: false,
  })
  // Nothing is told for long stretches: the timer of the process has to come through all the same.
  setTimeout(() => story.stop(), 20)
  const events: ScenarioEvent[] = []
  for await (const e of story) events.push(e)
  expect(events.at(-1)).toMatchObject({ kind: 'summary', asks: [{ to: 'srv' }] })
  expect(Number(events.at(-1)!.time)).toBeLessThan(1e9)
})

test('an hour of a quiet network ends at its end, and a scenario that asks nothing ends at once', () => {
  expect([...scenario(line({ until: 3_600_000 }))].at(-1)).toMatchObject({ kind: 'summary', time: '3600.000000000' })
  expect([...scenario(line())].map((e) => [e.kind, e.time])).toEqual([
    ['network', '0.000000000'],
    ['summary', '0.000000000'],
  ])
})

test('until ends what is under way: of a probe in flight nothing is told, and it counts as not answered', () => {
  const events = [...scenario(line({ until: 1005, ask: [{ from: 'me', to: 'srv', count: 10 }] }))]
  expect(events.at(-1)).toMatchObject({ time: '1.005000000', asks: [{ sent: 2, received: 1, lost: 1 }] })
  expect(of(events, 'timeout')).toEqual([])
})

test.each([
  [{ from: 'you', to: 'srv' }, "lab: ask[0].from: there is no node 'you'; expected me, r1, r2, srv"],
  [{ from: 'me', to: 'you' }, "lab: ask[0].to: there is no node 'you'; expected me, r1, r2, srv, or an address"],
  [{ from: 'me', to: '10.0.0.1', family: 6 }, 'lab: ask[0].to: 10.0.0.1 is not IPv6'],
] as const)('%j is refused at its place', (ask, message) => {
  expect(() => scenario(line({ ask: [ask] }))).toThrow(new TypeError(message))
})

test('a target that is no node is asked by its address, and a node without a route says so itself', () => {
  const events = [...scenario(line({ ask: [{ from: 'me', to: '192.0.2.1', count: 1 }] }))]
  expect(of(events, 'error')).toMatchObject([{ address: '192.0.2.1', by: 'r1', type: 3, code: 0 }])
  const alone = {
    nodes: { a: 'host', b: 'host' },
    links: [['a', 'b']],
    ask: [{ from: 'a', to: '192.0.2.1', count: 1 }],
  } as const
  expect(of([...scenario(alone)], 'error')).toMatchObject([{ from: null, by: null, name: 'Network is unreachable' }])
})
