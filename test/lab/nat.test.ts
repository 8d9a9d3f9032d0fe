/** The NAT of the lab (RFC 3022, RFC 4787, RFC 5508). Expected octets are those of scapy for the same packets. */
import { expect, test } from 'vitest'
import { type Lab, lab, type NatData } from '../../packages/icmpkit/src/lab/index.ts'
import { parseIp, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { ask, trace } from './traveller.ts'

const nat = (data: Partial<NatData>) =>
  ({
    kind: 'gateway',
    routes: { '0.0.0.0/0': '192.0.2.2' },
    behaviours: { nat: { outside: 'eth1', ...data } },
  }) as const

/** me — nat — out, without Ethernet: what is injected at one end and what leaves at the other are packets. */
class Bench {
  readonly net: Lab
  #out: string[] = []

  constructor(data: Partial<NatData> = {}) {
    this.net = lab({
      nodes: { me: 'host', nat: nat(data), out: { kind: 'host' } },
      links: [
        ['me', 'nat', { medium: 'ip' }],
        ['nat', 'out', { medium: 'ip', addresses: { nat: ['192.0.2.1/24'], out: ['192.0.2.2/24'] } }],
      ],
    })
    for (const l of this.net.links)
      this.net.tap(l.name, (p) => {
        if (p.from === 'nat' && p.bytes[p.at] === 0x45) this.#out.push(`${p.to} ${hex(p.bytes, p.at, p.end)}`)
      })
    this.net.run(10)
  }

  /** What NAT sends because of it. */
  pass(from: 'me' | 'out', packet: string, wait = 1): string[] {
    this.#out = []
    this.net.node(from).inject(this.net.now, 1, unhex(packet))
    this.net.run(this.net.now + wait)
    return this.#out
  }
}

const ECHO = '45000023000700004001469d0a000001c6336402080054991234000561626364656667'
const UDP = '45000021000800004011468e0a000001c633640213880009000d743a68656c6c6f'
const TCP = '45000028000a0000400646900a000001c633640217700050000003e8000000005002200040040000'

test('echo and timestamp requests, UDP and TCP leave with the outside address, their checksums right', () => {
  const b = new Bench()
  expect(b.pass('me', ECHO)).toEqual(['out 45000023000700003f018f9cc0000201c6336402080054991234000561626364656667'])
  expect(b.pass('me', UDP)).toEqual(['out 45000021000800003f118f8dc0000201c633640213880009000dbc3968656c6c6f'])
  expect(b.pass('me', TCP)).toEqual([
    'out 45000028000a00003f068f8fc0000201c633640217700050000003e8000000005002200088030000',
  ])
  expect(b.pass('me', '45000028000b0000400146940a000001c63364020d00f28600770001000000010000000000000000')).toEqual([
    'out 45000028000b00003f018f93c0000201c63364020d00f28600770001000000010000000000000000',
  ])
})

test('a UDP checksum that was not made stays so', () => {
  expect(new Bench().pass('me', '45000021000900004011468d0a000001c633640213880009000d000068656c6c6f')).toEqual([
    'out 45000021000900003f118f8cc0000201c633640213880009000d000068656c6c6f',
  ])
})

test('answers go to who asked, with the address that it has inside', () => {
  const b = new Bench()
  b.pass('me', UDP)
  b.pass('me', TCP)
  expect(b.pass('out', '45000021001400003c119281c6336402c000020100091388000db22f776f726c64')).toEqual([
    'me 45000021001400003b114b82c63364020a00000100091388000d6a30776f726c64',
    // Nobody listens there, and that is told from the outside address.
    expect.stringMatching(/^out 45c0003d.*c0000201c63364020303e952/),
  ])
  expect(b.pass('out', '45000028001500003c069284c6336402c00002010050177000000005000003e95012200087ed0000')[0]).toBe(
    'me 45000028001500003b064b85c63364020a0000010050177000000005000003e9501220003fee0000',
  )
})

test('errors from outside find who sent what they quote, and quote what that was (RFC 5508 §4.2)', () => {
  const b = new Bench()
  b.pass('me', UDP)
  b.pass('me', ECHO)
  expect(
    b.pass(
      'out',
      '4500003d001e00003c018097cb007109c00002010b00e1550000000045000021000800000111cd8dc0000201c633640213880009000dbc3968656c6c6f',
    ),
  ).toEqual([
    'me 4500003d001e00003b013998cb0071090a0000010b0029550000000045000021000800000111858e0a000001c633640213880009000d743a68656c6c6f',
  ])
  expect(
    b.pass(
      'out',
      '4500003f001f00003c018094cb007109c00002010b00f4ff0000000045000023000700000101cd9cc0000201c6336402080054991234000561626364656667',
    ),
  ).toEqual([
    'me 4500003f001f00003b013995cb0071090a0000010b00f4ff0000000045000023000700000101859d0a000001c6336402080054991234000561626364656667',
  ])
})

test('errors from inside quote the outside address, too (RFC 5508 §4.2); about what never came they do not leave', () => {
  const b = new Bench()
  const unreachable =
    '4500003d00280000400146620a000001c6336402030331520000000045000021001400003b114b82c63364020a00000100091388000d6a30776f726c64'
  expect(b.pass('me', unreachable)).toEqual([])
  b.pass('me', UDP)
  expect(b.pass('me', unreachable)).toEqual([
    'out 4500003d002800003f018f61c0000201c63364020303e9520000000045000021001400003b119381c6336402c000020100091388000db22f776f726c64',
  ])
})

/** Two hosts inside, a router and a server outside. */
const home = (data: Partial<NatData> = {}) =>
  lab({
    nodes: {
      a: 'host',
      b: 'host',
      nat: { ...nat(data), makeRoutes: false },
      r: { kind: 'gateway', ip4: { errorSource: 'incoming' } },
      srv: { kind: 'host' },
    },
    links: [
      ['a', 'b', 'nat', { name: 'home' }],
      [
        'nat',
        'r',
        { addresses: { nat: ['192.0.2.1/24', '2001:db8:a::1/64'], r: ['192.0.2.2/24', '2001:db8:a::2/64'] } },
      ],
      ['r', 'srv', { mtu: 1400, addresses: { r: ['198.51.100.1/24'], srv: ['198.51.100.2/24'] } }],
    ],
  })

test('two hosts that use the same port or identifier get different ones outside, and each its own answers', () => {
  const net = home()
  const server = net.node('srv').node.transport.udp.bind({ family: 4, port: 7 })
  const sockets = ['a', 'b'].map((n) => net.node(n).node.transport.udp.bind({ family: 4, port: 5000 }))
  for (const [i, s] of sockets.entries())
    s.send(net.now, Uint8Array.of(i), { address: parseIp('198.51.100.2')!, port: 7 })
  net.run(100)
  const got = [server.receive()!, server.receive()!]
  expect(new Set<number>(got.map((g) => g.fromPort)).size).toBe(2)
  expect(got.map((g) => g.fromPort)).toContain(5000)
  for (const g of got) server.send(net.now, g.data, { address: g.from, port: g.fromPort })
  net.run(200)
  expect(sockets.map((s) => [...s.receive()!.data])).toEqual([[0], [1]])
  expect(sockets.map((s) => s.receive())).toEqual([undefined, undefined])
  for (const n of ['a', 'b']) expect(ask(net, n, { to: '198.51.100.2', id: 9 }).map((x) => x.type)).toEqual([0])
})

test('an error about what left by another port than it has inside quotes the one inside', () => {
  const net = home()
  const question = { to: '198.51.100.2', kind: 'udp', sport: 5000 } as const
  ask(net, 'a', question)
  const [error] = ask(net, 'b', { ...question, ttl: 2 })
  // From 10.0.0.2 to 198.51.100.2, ports 5000 and 33434.
  expect(hex(error!.octets, 28 + 12, 28 + 24)).toBe('0a000002c63364021388829a')
  // The UDP checksum that scapy makes for what b sent.
  expect(hex(error!.octets, 28 + 26, 28 + 28)).toBe('3554')
})

test('a trace from inside sees the NAT, the router behind and the server', () => {
  const net = home()
  expect(trace(net, 'a', { to: '198.51.100.2' })).toEqual(['10.0.0.3', '192.0.2.2', '198.51.100.2'])
  expect(ask(net, 'b', { to: '198.51.100.2', kind: 'udp', ttl: 2 }).map((x) => [x.from, x.type])).toEqual([
    ['192.0.2.2', 11],
  ])
  expect(ask(net, 'b', { to: '198.51.100.2', kind: 'udp' }).map((x) => [x.from, x.type, x.code])).toEqual([
    ['198.51.100.2', 3, 3],
  ])
})

test('"too big" from outside reaches who sent it; fragments of a datagram find their way, both there and back', () => {
  const net = home()
  const [error] = ask(net, 'a', { to: '198.51.100.2', size: 1450, df: true })
  expect([error?.from, error?.type, error?.code]).toEqual(['192.0.2.2', 3, 4])
  expect(ask(net, 'a', { to: '198.51.100.2', size: 3000 }).map((x) => [x.type, x.octets.length])).toEqual([[0, 3028]])
})

test('what nobody inside has asked for is for the NAT itself', () => {
  const net = home()
  expect(ask(net, 'srv', { to: '192.0.2.1' }).map((x) => [x.from, x.type])).toEqual([['192.0.2.1', 0]])
  expect(ask(net, 'srv', { to: '192.0.2.1', kind: 'udp' }).map((x) => [x.from, x.type, x.code])).toEqual([
    ['192.0.2.1', 3, 3],
  ])
})

test('an error of the NAT about what came from outside quotes the outside address', () => {
  const net = home()
  ask(net, 'a', { to: '198.51.100.2', kind: 'udp', sport: 5000 })
  // Two hops as far as the NAT, which would pass it on to a.
  const [error] = ask(net, 'srv', { to: '192.0.2.1', kind: 'udp', ttl: 2, dport: 5000, sport: 33_434 })
  expect([error?.from, error?.type]).toEqual(['192.0.2.1', 11])
  expect(hex(error!.octets, 28 + 16, 28 + 24)).toBe('c0000201829a1388')
})

test('who speaks to the outside address of somebody inside reaches him, is seen by his own mapping, and is answered (RFC 4787 §6)', () => {
  const net = home()
  const remote = { address: parseIp('198.51.100.2')!, port: 7 }
  const server = net.node('srv').node.transport.udp.bind({ family: 4, port: 7 })
  const [a, b] = ['a', 'b'].map((n) => net.node(n).node.transport.udp.bind({ family: 4, port: 5000 }))
  b!.send(net.now, Uint8Array.of(1), remote)
  net.run(100)
  const outside = server.receive()!
  a!.send(net.now, Uint8Array.of(2), { address: outside.from, port: outside.fromPort })
  net.run(200)
  const heard = b!.receive()!
  expect([...heard.data, showIp(heard.from)]).toEqual([2, '192.0.2.1'])
  expect(heard.fromPort).not.toBe(5000)
  b!.send(net.now, Uint8Array.of(3), { address: heard.from, port: heard.fromPort })
  net.run(300)
  const answer = a!.receive()!
  expect([...answer.data, showIp(answer.from), answer.fromPort]).toEqual([3, '192.0.2.1', outside.fromPort])
})

test('what is too long for a link goes the same way in fragments, there and back, octet by octet', () => {
  const net = home()
  const remote = { address: parseIp('198.51.100.2')!, port: 7 }
  const server = net.node('srv').node.transport.udp.bind({ family: 4, port: 7 })
  const [a, b] = ['a', 'b'].map((n) => net.node(n).node.transport.udp.bind({ family: 4, port: 5000 }))
  b!.send(net.now, Uint8Array.of(1), remote)
  net.run(100)
  const outside = server.receive()!
  const long = Uint8Array.from({ length: 4000 }, (_, i) => i % 251)
  let fragments = 0
  net.tap('home', (p) => {
    const ip = p.at + 14
    if (p.from === 'nat' && p.bytes[ip + 9] === 17 && ((p.bytes[ip + 6]! & 0x3f) | p.bytes[ip + 7]!) !== 0) fragments++
  })
  a!.send(net.now, long, { address: outside.from, port: outside.fromPort })
  net.run(200)
  const heard = b!.receive()!
  expect([hex(heard.data) === hex(long), showIp(heard.from), fragments]).toEqual([true, '192.0.2.1', 3])
  b!.send(net.now, long, { address: heard.from, port: heard.fromPort })
  net.run(300)
  const answer = a!.receive()!
  expect([hex(answer.data) === hex(long), showIp(answer.from), answer.fromPort]).toEqual([
    true,
    '192.0.2.1',
    outside.fromPort,
  ])
})

test('an error of who was reached so quotes what was sent, octet by octet, and bears the outside address (RFC 5508 §7.1)', () => {
  const net = home()
  const server = net.node('srv').node.transport.udp.bind({ family: 4, port: 7 })
  const b = net.node('b').node.transport.udp.bind({ family: 4, port: 5000 })
  b.send(net.now, Uint8Array.of(1), { address: parseIp('198.51.100.2')!, port: 7 })
  net.run(100)
  const { fromPort } = server.receive()!
  b.close()
  // Addresses, ports, length and checksum.
  let sent = ''
  net.tap('home', (p) => {
    if (p.from === 'a' && p.bytes[p.at + 14 + 9] === 17) sent = hex(p.bytes, p.at + 14 + 12, p.at + 14 + 28)
  })
  const asked = ask(net, 'a', { to: '192.0.2.1', kind: 'udp', dport: fromPort, sport: 7000 })
  expect(asked.map((x) => [x.from, x.type, x.code])).toEqual([['192.0.2.1', 3, 3]])
  // From 10.0.0.1 port 7000 to 192.0.2.1 port 5000.
  expect(sent).toMatch(/^0a000001c00002011b581388/)
  expect(hex(asked[0]!.octets, 28 + 12, 28 + 28)).toBe(sent)
})

test('what is not mapped at the outside address is answered by the NAT, from inside as well', () => {
  const net = home()
  expect(ask(net, 'a', { to: '192.0.2.1' }).map((x) => [x.from, x.type])).toEqual([['192.0.2.1', 0]])
  expect(ask(net, 'a', { to: '192.0.2.1', kind: 'udp' }).map((x) => [x.from, x.type, x.code])).toEqual([
    ['10.0.0.3', 3, 3],
  ])
})

test('a mapping of TCP lasts while a connection is open, and ends soon before and after (RFC 5382 §5)', () => {
  const SYN_ACK = '45000028001500003c069284c6336402c00002010050177000000005000003e95012200087ed0000'
  const FIN_IN = '45000028001500003c069284c6336402c00002010050177000000006000003e95011200087ed0000'
  const FIN_OUT = '45000028000a0000400646900a000001c633640217700050000003e900000007501120003fed0000'
  const RESET = '45000028001500003c069284c6336402c00002010050177000000006000003e95014200087ea0000'
  /** Whether it still knows whom a segment is for, so long after these. */
  const knows = (after: number, ...segments: string[]) => {
    const b = new Bench({ tcpTransitoryTimeout: 1000, tcpTimeout: 10_000 })
    // Hosts that had no connection would say so.
    for (const n of ['me', 'out']) b.net.replace(n, { receive: () => {}, changePort: () => {} })
    for (const s of segments) b.pass(s === TCP || s === FIN_OUT ? 'me' : 'out', s)
    b.net.run(b.net.now + after)
    return b.pass('out', FIN_IN).some((p) => p.startsWith('me '))
  }
  expect([900, 1000].map((after) => knows(after, TCP))).toEqual([true, false])
  expect([900, 9900, 10_000].map((after) => knows(after, TCP, SYN_ACK))).toEqual([true, true, false])
  expect([900, 1000].map((after) => knows(after, TCP, SYN_ACK, RESET))).toEqual([true, false])
  expect(knows(9900, TCP, SYN_ACK, FIN_IN)).toBe(true)
  expect([900, 1000].map((after) => knows(after, TCP, SYN_ACK, FIN_IN, FIN_OUT))).toEqual([true, false])
  // The next connection of the same port.
  expect(knows(9900, TCP, SYN_ACK, RESET, TCP, SYN_ACK)).toBe(true)
})

test('a mapping ends when nothing has used it for its time, which differs by protocol', () => {
  const b = new Bench({ udpTimeout: 3000, icmpTimeout: 1000 })
  const back = '45000021001400003c119281c6336402c000020100091388000db22f776f726c64'
  b.pass('me', UDP)
  b.pass('me', ECHO)
  b.net.run(b.net.now + 2000)
  expect(b.pass('out', back)[0]).toMatch(/^me /)
  b.net.run(b.net.now + 2000)
  // What comes in has kept it alive.
  expect(b.pass('out', back)[0]).toMatch(/^me /)
  b.net.run(b.net.now + 3000)
  // Now it is for the NAT, which has no such port.
  expect(b.pass('out', back)[0]).toMatch(/^out 45.*0303/)
})

test('the table is bounded: what finds no room is dropped and counted, until others have been idle', () => {
  const b = new Bench({ entries: 4, udpTimeout: 1000 })
  const { counters } = b.net.node('nat').node
  const from = (port: number) => UDP.slice(0, 40) + (0x1388 + port).toString(16) + `0009000d0000${UDP.slice(-10)}`
  const passed = Array.from({ length: 20 }, (_, i) => b.pass('me', from(i)).length)
  expect(passed).toEqual([1, 1, 1, 1, ...Array(16).fill(0)])
  expect(counters.dropped['table-full']).toBe(16)
  b.net.run(b.net.now + 1000)
  expect(b.pass('me', from(7))).toHaveLength(1)
})

test('IPv6 passes as it is', () => {
  const net = lab({
    nodes: { me: 'host', nat: nat({}), out: 'host' },
    links: [
      ['me', 'nat'],
      [
        'nat',
        'out',
        { addresses: { nat: ['192.0.2.1/24', '2001:db8:a::1/64'], out: ['192.0.2.2/24', '2001:db8:a::2/64'] } },
      ],
    ],
  })
  expect(ask(net, 'me', { to: '2001:db8:a::2' }).map((a) => a.from)).toEqual(['2001:db8:a::2'])
})

test('an outside that is not there is refused with its place', () => {
  expect(() => new Bench({ outside: 'eth5' })).toThrow(
    "lab: nodes.nat.behaviours.nat.outside: 'eth5' is no port or link of it",
  )
})
