/** Routers that are silent, slow to answer, or answer from elsewhere; black holes, a middlebox, a stuck firewall. */
import { expect, test } from 'vitest'
import { type Behaviours, type BlackHole, type Lab, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { ask, type Question, trace } from './traveller.ts'

/** me — r1 — r2 — r3 — srv; r2 behaves. */
function row(behaviours: Behaviours): Lab {
  return lab({
    nodes: {
      me: 'host',
      r1: { kind: 'gateway', routes: { '203.0.113.0/24': '10.0.1.2' } },
      r2: { kind: 'gateway', behaviours },
      r3: 'gateway',
      srv: 'host',
    },
    links: [
      ['me', 'r1'],
      ['r1', 'r2'],
      ['r2', 'r3', { mtu: 1400 }],
      ['r3', 'srv'],
    ],
  })
}
const srv = '10.0.3.2'
const srv6 = '2001:db8:0:3::2'
const big: Question = { to: srv, size: 1450, df: true }
const types = (net: Lab, q: Question) => ask(net, 'me', q, 4000).map((a) => `${a.type}/${a.code}`)

test('a router that sends no time exceeded is a gap in a trace, and tells still of packets that are too big', () => {
  const net = row({ silent: 'time-exceeded' })
  expect(trace(net, 'me', { to: srv })).toEqual(['10.0.0.2', '*', expect.any(String), srv])
  expect(trace(net, 'me', { to: srv6 })).toEqual(['2001:db8::2', '*', expect.any(String), srv6])
  expect(types(net, big)).toEqual(['3/4'])
  expect(types(net, { to: srv6, size: 1450 })).toEqual(['2/0'])
})

test('a router that sends no errors says nothing of packets that are too big; it answers pings', () => {
  const net = row({ silent: 'errors' })
  expect([types(net, big), types(net, { to: srv6, size: 1450 })]).toEqual([[], []])
  expect(types(net, { to: '10.0.1.2' })).toEqual(['0/0'])
})

test('a router without any ICMP answers no pings either, and forwards; its links work', () => {
  const net = row({ silent: 'icmp' })
  expect([types(net, { to: '10.0.1.2' }), types(net, { to: '2001:db8:0:1::2' }), types(net, big)]).toEqual([[], [], []])
  expect([types(net, { to: srv }), types(net, { to: srv6 })]).toEqual([['0/0'], ['129/0']])
})

test('a router that is limited tells one in so many, after a burst', () => {
  const net = row({ rateLimit: { rate: 1, burst: 3 } })
  const heard = Array.from({ length: 20 }, () => ask(net, 'me', { to: srv, ttl: 2 }, 100).length)
  // Three at once, and one for the second that passed after them; then one a second.
  expect(heard.slice(0, 4)).toEqual([1, 1, 1, 0])
  expect(heard.reduce((a, b) => a + b)).toBe(4)
  const six = Array.from({ length: 20 }, () => ask(net, 'me', { to: srv6, ttl: 2 }, 100).length)
  expect(six.reduce((a, b) => a + b)).toBe(4)
})

test('a router answers from another of its ports, or from any address that is given', () => {
  const from = (answerFrom: Behaviours['answerFrom'] & {}, to: string) =>
    ask(row({ answerFrom }), 'me', { to, ttl: 2 }).map((a) => a.from)
  expect(from('eth1', srv)).toEqual(['10.0.2.1'])
  expect(from('eth1', srv6)).toEqual(['2001:db8:0:2::1'])
  expect(from(['192.0.2.77', '2001:db8:ffff::1'], srv)).toEqual(['192.0.2.77'])
  expect(from(['192.0.2.77', '2001:db8:ffff::1'], srv6)).toEqual(['2001:db8:ffff::1'])
  // Of the other family only: as ever.
  expect(from('192.0.2.77', srv6)).toEqual(['2001:db8:0:1::2'])
  expect(() => row({ answerFrom: 'eth7' })).toThrow(
    "lab: nodes.r2.behaviours.answerFrom: 'eth7' is neither an address nor a port of it",
  )
})

test('a ping to it is answered from the address that was asked all the same', () => {
  expect(ask(row({ answerFrom: '192.0.2.77' }), 'me', { to: '10.0.1.2' }).map((a) => a.from)).toEqual(['10.0.1.2'])
})

const through = (blackHole: BlackHole) => {
  const net = row({ blackHole })
  const udp = (to: string): Question => ({ to, kind: 'udp', size: 10 })
  return {
    echo: [types(net, { to: srv }), types(net, { to: srv6 })].flat(),
    udp: [types(net, udp(srv)), types(net, udp(srv6))].flat(),
    big: types(net, { to: srv, size: 1300 }),
    own: [types(net, { to: '10.0.1.2' }), types(net, { to: '2001:db8:0:1::2' })].flat(),
  }
}

test('a black hole at a node swallows all that crosses it, and the node itself is well', () => {
  expect(through('all')).toEqual({ echo: [], udp: [], big: [], own: ['0/0', '129/0'] })
})

test('a black hole of ICMP swallows pings and errors; what it leaves alone still crosses', () => {
  const net = row({ blackHole: 'icmp' })
  const udp = net.node('srv').node.transport.udp.bind({ family: 4, port: 7 })
  expect(types(net, { to: srv, kind: 'udp', dport: 7 })).toEqual([])
  expect(udp.receive()?.data).toHaveLength(24)
  expect(through('icmp')).toEqual({ echo: [], udp: [], big: [], own: ['0/0', '129/0'] })
})

test('a black hole of big packets swallows those above its size, and says nothing', () => {
  const net = row({ blackHole: { above: 1000 } })
  // The IP header counts: 20 + 8 + 972.
  expect([types(net, { to: srv, size: 972 }), types(net, { to: srv, size: 973 })]).toEqual([['0/0'], []])
  expect([types(net, { to: srv6, size: 952 }), types(net, { to: srv6, size: 953 })]).toEqual([['129/0'], []])
  expect(net.node('r2').node.counters.dropped.blackhole).toBe(2)
})

test('a trace ends behind the node that is a black hole: a TTL that ends there is told', () => {
  expect(trace(row({ blackHole: 'all' }), 'me', { to: srv }, 5)).toEqual(['10.0.0.2', '10.0.1.2', '*', '*', '*'])
})

test('a middlebox answers for hosts that are not there, and for those that are; not beyond its prefixes', () => {
  const net = row({ echoFor: ['10.0.3.0/25', '203.0.113.0/24', '2001:db8:0:3::/64'] })
  expect(ask(net, 'me', { to: '10.0.3.99' }).map((a) => [a.from, a.type])).toEqual([['10.0.3.99', 0]])
  expect(ask(net, 'me', { to: '203.0.113.200' }).map((a) => [a.from, a.type])).toEqual([['203.0.113.200', 0]])
  expect(ask(net, 'me', { to: '2001:db8:0:3::dead' }).map((a) => [a.from, a.type])).toEqual([
    ['2001:db8:0:3::dead', 129],
  ])
  // As far as the middlebox: 64, less the one gateway between.
  expect(ask(net, 'me', { to: srv })[0]?.ttl).toBe(63)
  expect(types(net, { to: '10.0.3.200' })).toEqual(['3/1'])
  expect(types(net, { to: '10.0.3.99', kind: 'udp' })).toEqual(['3/1'])
})

test('a middlebox gives back what it was sent, and lets a TTL end', () => {
  const net = row({ echoFor: ['10.0.3.0/24'] })
  const [reply] = ask(net, 'me', { to: '10.0.3.99', id: 0x1234, seq: 7, size: 40 })
  expect([...reply!.octets.subarray(24, 28)]).toEqual([0x12, 0x34, 0, 7])
  expect(reply!.octets).toHaveLength(68)
  expect(trace(net, 'me', { to: '10.0.3.99' })).toEqual(['10.0.0.2', '10.0.1.2', '10.0.3.99'])
})

test('a stuck firewall lets the first identifier pass, others of that pair only when nobody has tried for a while', () => {
  const net = row({ stuckEcho: { idle: 5000 } })
  const ping = (id: number, to = srv) => ask(net, 'me', { to, id }).length
  expect([ping(1), ping(1), ping(2), ping(1)]).toEqual([1, 1, 0, 1])
  // Other pairs of addresses have state of their own.
  expect([ping(2, '10.0.2.2'), ping(2, srv6), ping(3, srv6)]).toEqual([1, 1, 0])
  // Trying again and again keeps it stuck.
  for (let i = 0; i < 8; i++) expect(ping(2)).toBe(0)
  net.run(net.now + 5000)
  expect([ping(2), ping(1)]).toEqual([1, 0])
})

test('the table of a stuck firewall is bounded: what finds no room does not pass, until somebody has been idle', () => {
  const net = row({ stuckEcho: { idle: 5000, entries: 2 } })
  const ping = (to: string) => ask(net, 'me', { to }, 500).length
  expect([ping(srv), ping('10.0.2.2'), ping('10.0.3.1'), ping(srv)]).toEqual([1, 1, 0, 1])
  expect(net.node('r2').node.counters.dropped['table-full']).toBe(1)
  net.run(net.now + 5000)
  expect(ping('10.0.3.1')).toBe(1)
})
