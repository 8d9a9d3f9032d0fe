import { expect, test } from 'vitest'
import { lab } from './lab.ts'
import { fromText } from './text-form.ts'

test('the network of the README: units become numbers, moments become a list', () => {
  const config = fromText({
    seed: 1,
    nodes: { me: 'host', r1: 'gateway', r2: 'gateway', srv: { kind: 'host', udp: [53] } },
    links: [
      ['me', 'r1'],
      [
        'r1',
        'r2',
        { delay: '5ms', jitter: '1ms', loss: '1%', mtu: 1400, rate: '10Mbit', from: { r1: { delay: '1.5s' } } },
      ],
      ['r2', 'srv'],
    ],
    at: { '2s': { down: ['r1', 'r2'] }, '5s': [{ up: ['r1', 'r2'] }, { change: ['r2-srv', { loss: '50%' }] }] },
    ask: [{ from: 'me', to: 'srv', at: '100us', count: 2 }],
  })
  expect(config).toEqual({
    seed: 1,
    nodes: { me: 'host', r1: 'gateway', r2: 'gateway', srv: { kind: 'host', udp: [53] } },
    links: [
      ['me', 'r1'],
      ['r1', 'r2', { delay: 5, jitter: 1, loss: 0.01, mtu: 1400, rate: 1e7, from: { r1: { delay: 1500 } } }],
      ['r2', 'srv'],
    ],
    at: [
      { time: 2000, down: ['r1', 'r2'] },
      { time: 5000, up: ['r1', 'r2'] },
      { time: 5000, change: ['r2-srv', { loss: 0.5 }] },
    ],
    ask: [{ from: 'me', to: 'srv', at: 0.1, count: 2 }],
  })
  expect(lab(config).links.map((l) => l.name)).toEqual(['me-r1', 'r1-r2', 'r2-srv'])
})

test('behaviours, tunnels, addresses, routes and clocks are read', () => {
  const behaviours = {
    ecmp: ['addresses', 'ports'],
    nat: { outside: 'eth1', udpTimeout: '30s' },
    rateLimit: { rate: '60/m', burst: 3 },
    blackHole: { above: 1200 },
    stuckEcho: { idle: '30s' },
    echoFor: ['192.0.2.0/24'],
  }
  const config = fromText({
    epoch: '2026-01-01T00:00:00Z',
    nodes: {
      a: { kind: 'gateway', clockOffset: '-3s', routes: { '192.0.2.0/24': ['10.0.0.2', '10.0.1.2'] }, behaviours },
      b: { kind: 'gateway', ip4: { ttl: 32 } },
    },
    links: [['a', 'b', { burstLoss: { enter: '1%', leave: '20%' }, addresses: { a: ['198.51.100.1/24'] } }]],
    tunnels: [{ path: ['a', 'b'], mode: 'implicit' }],
  })
  expect(config.epoch).toBe(1_767_225_600_000_000_000n)
  expect(config.nodes.a).toEqual({
    kind: 'gateway',
    clockOffset: -3000,
    routes: { '192.0.2.0/24': ['10.0.0.2', '10.0.1.2'] },
    behaviours: {
      ...behaviours,
      nat: { outside: 'eth1', udpTimeout: 30_000 },
      rateLimit: { rate: 1, burst: 3 },
      stuckEcho: { idle: 30_000 },
    },
  })
  expect(config.links[0]![2]).toEqual({
    burstLoss: { enter: 0.01, leave: 0.2 },
    addresses: { a: ['198.51.100.1/24'] },
  })
})

const OK = { nodes: { a: 'host', b: 'host' }, links: [['a', 'b']] }
const link = (data: object) => ({ ...OK, links: [['a', 'b', data]] })

test.each([
  [7, 'lab: expected a network: seed, nodes'],
  [{}, 'lab: there are no nodes; expected nodes: {'],
  [{ nodes: {} }, 'lab: there are no links; expected links: [['],
  [{ ...OK, nods: 1 }, 'lab: nods: no such word; expected seed, nodes, links'],
  [{ ...OK, nodes: { a: 'router' } }, "lab: nodes.a: 'router'; expected host, gateway"],
  [{ ...OK, nodes: { 'a b': 'host' } }, "lab: nodes.a b: 'a b'; expected a name"],
  [{ ...OK, nodes: { a: { udp: [53] } } }, 'lab: nodes.a: kind is missing; expected kind: host'],
  [
    { ...OK, nodes: { a: { kind: 'host', udp: [70000] } } },
    "lab: nodes.a.udp[0]: '70000'; expected a port: a whole number, 1 to 65535",
  ],
  [{ ...OK, nodes: { a: { kind: 'host', routes: { x: 'y' } } } }, "lab: nodes.a.routes.x: 'x' is no address"],
  [{ ...OK, links: [['a']] }, 'lab: links[0]: it joins one node; expected [me, r1]'],
  [{ ...OK, links: ['a-b'] }, "lab: links[0]: 'a-b'; expected the nodes that it joins"],
  [link({ delay: 5 }), 'lab: links[0][2].delay: 5 has no unit; expected a time, as 5ms'],
  [link({ delay: '5' }), 'lab: links[0][2].delay: 5 has no unit'],
  [link({ delay: '5 parsecs' }), "lab: links[0][2].delay: '5 parsecs'; expected a time"],
  [link({ delay: '-5ms' }), "lab: links[0][2].delay: '-5ms'; expected a time"],
  [link({ loss: 0.01 }), 'lab: links[0][2].loss: 0.01 has no unit; expected a share, as 1%'],
  [link({ loss: '101%' }), "lab: links[0][2].loss: '101%' is more than all"],
  [link({ rate: '10Mb' }), "lab: links[0][2].rate: '10Mb'; expected a rate, as 10Mbit"],
  [link({ dealy: '5ms' }), 'lab: links[0][2].dealy: no such word; expected delay, jitter'],
  [link({ mtu: '1400' }), "lab: links[0][2].mtu: '1400'; expected octets: a whole number"],
  [link({ burstLoss: { enter: '1%' } }), 'lab: links[0][2].burstLoss: leave is missing'],
  [{ ...OK, at: { 2: { down: 'a' } } }, 'lab: at.2: 2 has no unit; expected a time'],
  [{ ...OK, at: { '2s': { dwon: 'a' } } }, 'lab: at.2s.dwon: no such word; expected down, up, change, routes'],
  [{ ...OK, at: { '2s': { down: ['a'] } } }, 'lab: at.2s.down: expected the two nodes of a link'],
  [{ ...OK, at: { '2s': { change: ['a', 'b'] } } }, 'lab: at.2s.change: what changes is missing'],
  [{ ...OK, ask: [{ from: 'a' }] }, 'lab: ask[0]: to is missing; expected { from: me, to: srv'],
  [{ ...OK, tunnels: [{ path: ['a'] }] }, 'lab: tunnels[0]: mode is missing'],
  [{ ...OK, epoch: 'today' }, "lab: epoch: 'today'; expected a date"],
])('%j is one line with its place: %s', (data, message) => {
  const found = (() => {
    try {
      fromText(data)
      return undefined
    } catch (e) {
      return e as Error
    }
  })()
  expect(found).toBeInstanceOf(TypeError)
  expect(found!.message.startsWith(message) ? message : found!.message).toBe(message)
  expect(found!.message).not.toContain('\n')
})
