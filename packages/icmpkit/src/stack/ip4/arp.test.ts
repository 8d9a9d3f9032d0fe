import { expect, test } from 'vitest'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import type { Ip4 } from '../../wire/addr.ts'
import { hex, unhex } from '../../wire/octets.ts'

/** An ARP frame as hex: `op` 1 request, 2 reply; addresses as hex. */
const frame = (
  op: number,
  mac: string,
  sender: string,
  target: string,
  dst = 'ffffffffffff',
  targetMac = '0'.repeat(12),
) => `${dst}${mac}0806000108000604000${op}${mac}${sender}${targetMac}${target}`
const NODE = '020000000001'
const PEER = '020000000022'
const OTHER = '020000000033'
/** 192.0.2.1 is the node, 192.0.2.2 the peer. */
const IP1 = 'c0000201'
const IP2 = 'c0000202'
const IP3 = 'c0000203'

/** A host whose address is in use, unprobed, so that a test begins where it wants. */
const host = (more: object = {}) => {
  const n = new OneNode({
    ports: [port(1, { addresses: ['192.0.2.1/24'] })],
    ip4: { arpProbe: { count: 0, announcements: 0 }, ...more },
  })
  n.taken()
  return n
}
const send = (n: OneNode, dst: string, octet = 0) => {
  n.node.ip4.send(n.now as Instant, { dst: ip4(dst), protocol: 253, payload: Uint8Array.of(octet) })
  return n.collect()
}
const isRequest = (b: Uint8Array) => hex(b, 12, 14) === '0806' && b[21] === 1
const learn = (n: OneNode) => n.give(frame(1, PEER, IP2, IP1))

test('a request for an address of the node is answered to who asked, and who asked is known from then on (RFC 826) [v4-arp-merge]', () => {
  const n = host()
  // Both frames as scapy makes them.
  const [reply] = n.give('ffffffffffff02000000002208060001080006040001020000000022c0000202000000000000c0000201')
  expect(hex(reply!)).toBe('02000000002202000000000108060001080006040002020000000001c0000201020000000022c0000202')
  const [datagram] = send(n, '192.0.2.2')
  expect(hex(datagram!, 0, 14)).toBe(`${PEER}${NODE}0800`)
})

test('a request for another host is not answered and teaches nothing new, but updates who is known (RFC 826) [v4-arp-merge]', () => {
  const n = host()
  expect(n.give(frame(1, PEER, IP2, IP3))).toEqual([])
  expect(send(n, '192.0.2.2').map(isRequest)).toEqual([true])
  const known = host()
  learn(known)
  expect(known.give(frame(1, OTHER, IP2, IP3))).toEqual([])
  expect(hex(send(known, '192.0.2.2')[0]!, 0, 6)).toBe(OTHER)
  expect(known.events).toContainEqual(
    expect.objectContaining({ kind: 'neighbour', state: 'changed', mac: unhex(OTHER) }),
  )
})

test('what waits for a neighbour leaves in its order when the neighbour answers, each once (RFC 1122 §2.3.2.2) [v4-arp-queue]', () => {
  const n = host()
  const [request, ...more] = [...send(n, '192.0.2.2', 1), ...send(n, '192.0.2.2', 2), ...send(n, '192.0.2.2', 3)]
  expect(hex(request!)).toBe(frame(1, NODE, IP1, IP2))
  expect(more).toEqual([])
  const out = n.give(frame(2, PEER, IP2, IP1, NODE, NODE))
  expect(out.map((b) => [hex(b, 0, 14), b.at(-1)])).toEqual([1, 2, 3].map((i) => [`${PEER}${NODE}0800`, i]))
  expect(n.give(frame(2, PEER, IP2, IP1, NODE, NODE))).toEqual([])
})

test('of more than its share the latest datagrams wait, and the others are counted (RFC 1122 §2.3.2.2) [v4-arp-queue]', () => {
  const n = host({ arp: { queue: 4 } })
  for (let i = 0; i < 100; i++) send(n, '192.0.2.2', i)
  expect(n.node.counters.dropped['queue-full']).toBe(96)
  expect(n.give(frame(2, PEER, IP2, IP1, NODE, NODE)).map((b) => b.at(-1))).toEqual([96, 97, 98, 99])
})

test('a neighbour that does not answer is asked for once a second, however much is sent to it (RFC 1122 §2.3.2.1) [v4-arp-request-rate]', () => {
  const n = host()
  const at: number[] = []
  for (let i = 0; i < 499; i++) {
    for (const b of send(n, '192.0.2.2')) if (isRequest(b)) at.push(n.now)
    for (const s of n.run(10)) if (isRequest(s.bytes)) at.push(s.at)
  }
  expect(at.length).toBeLessThanOrEqual(5)
  expect(at.length).toBeGreaterThanOrEqual(3)
  for (const [i, t] of at.entries()) if (i > 0) expect(t - at[i - 1]!).toBeGreaterThanOrEqual(1000)
})

test('after three requests without an answer each datagram that waited is unresolved, and the application hears of it (RFC 1122 §2.3.2.2)', () => {
  const n = host()
  const socket = n.node.transport.udp.bind({ family: 4 })!
  for (let i = 0; i < 3; i++) socket.send(n.now as Instant, Uint8Array.of(i), { address: ip4('192.0.2.2'), port: 9 })
  const sent = [...n.collect(), ...n.run(2999).map((s) => s.bytes)]
  expect(sent.map((b) => hex(b))).toEqual(Array(3).fill(frame(1, NODE, IP1, IP2)))
  expect(socket.error()).toBeUndefined()
  expect(n.run(1)).toEqual([])
  for (let i = 0; i < 3; i++) expect(socket.error()).toMatchObject({ origin: 'local', why: 'unresolved' })
  expect(n.events).toContainEqual(
    expect.objectContaining({ kind: 'neighbour', address: ip4('192.0.2.2'), state: 'failed' }),
  )
  expect(n.give(frame(2, PEER, IP2, IP1, NODE, NODE))).toEqual([])
})

test('a neighbour that changed its MAC address without a word is found again after the time-out (RFC 1122 §2.3.2.1) [v4-arp-cache-timeout]', () => {
  const n = host()
  learn(n)
  const to: [number, string][] = []
  for (; n.now < 70_000; n.run(500))
    for (const b of send(n, '192.0.2.2')) if (!isRequest(b)) to.push([n.now, hex(b, 0, 6)])
  // Within a minute it is taken for granted; then it is polled by unicast, and asked for by broadcast.
  expect(to.at(-1)![0]).toBeLessThan(63_000)
  const asked = n.taken().filter((s) => isRequest(s.bytes))
  expect(asked.slice(0, 3).map((s) => [Math.floor(s.at / 1000), hex(s.bytes, 0, 6)])).toEqual([
    [60, PEER],
    [61, PEER],
    [62, 'ffffffffffff'],
  ])
  send(n, '192.0.2.2')
  const out = n.give(frame(2, OTHER, IP2, IP1, NODE, NODE))
  expect(out.length).toBeGreaterThan(0)
  expect(hex(send(n, '192.0.2.2')[0]!, 0, 6)).toBe(OTHER)
})

test('a neighbour in use that answers the poll is never asked for by broadcast, and no datagram waits for it (RFC 1122 §2.3.2.1)', () => {
  const n = host()
  learn(n)
  let datagrams = 0
  let broadcasts = 0
  const take = (b: Uint8Array) => {
    if (!isRequest(b)) datagrams++
    else if (b[0] === 0xff) broadcasts++
    else for (const answer of n.give(frame(2, PEER, IP2, IP1, NODE, NODE))) take(answer)
  }
  for (let i = 0; i < 1000; i++) {
    for (const b of send(n, '192.0.2.2')) take(b)
    for (const s of n.run(1000)) take(s.bytes)
  }
  expect([datagrams, broadcasts]).toEqual([1000, 0])
})

test('groups go to 01:00:5e and the low 23 bits, broadcasts to all ones, and nobody is asked (RFC 1112 §6.4, RFC 894)', () => {
  const n = host()
  const to = (dst: string) => {
    n.node.ip4.arp.transmit(n.now as Instant, n.node.ports.get(1)!, ip4(dst), Uint8Array.of(0x45), 0, 1)
    return n.collect().map((b) => hex(b, 0, 6))
  }
  expect(to('224.0.0.1')).toEqual(['01005e000001'])
  expect(to('239.255.129.7')).toEqual(['01005e7f8107'])
  expect(to('255.255.255.255')).toEqual(['ffffffffffff'])
  expect(to('192.0.2.255')).toEqual(['ffffffffffff'])
})

test('a sender with a group or zero MAC address, or an IP address of no single host, is not believed (RFC 1812 §3.3.2)', () => {
  for (const [mac, ip] of [
    ['ffffffffffff', IP2],
    ['01005e000001', IP2],
    ['000000000000', IP2],
    [PEER, 'e0000001'],
    [PEER, 'ffffffff'],
    [PEER, '7f000001'],
  ]) {
    const n = host()
    expect(n.give(frame(1, mac!, ip!, IP1))).toEqual([])
    expect(n.node.counters.dropped['bad-source']).toBe(1)
    expect(n.node.ip4.arp.entries()).toEqual([])
  }
})

test('who asks from another network is answered, but no row is made for it: it is no next hop', () => {
  const n = host()
  expect(n.give(frame(1, PEER, '0a000001', IP1)).map((b) => hex(b, 0, 6))).toEqual([PEER])
  expect(n.node.ip4.arp.entries()).toEqual([])
})

test('what is no ARP for IPv4 over Ethernet is ignored, and a message cut short is malformed', () => {
  const n = host()
  const good = frame(1, PEER, IP2, IP1)
  expect(n.give(good.replace('0806000108000604', '0806000608000604'))).toEqual([])
  expect(n.give(good.replace('06040001', '06040003'))).toEqual([])
  expect(n.node.counters.dropped.ignored).toBe(2)
  for (let octets = 14; octets < 42; octets++) expect(n.give(good.slice(0, 2 * octets))).toEqual([])
  expect(n.node.counters.malformed.truncated).toBe(28)
})

test('an address of another port of the node is not answered for: it is not on that link', () => {
  const n = new OneNode({
    ports: [port(1, { addresses: ['192.0.2.1/24'] }), port(2, { addresses: ['198.51.100.1/24'] })],
    ip4: { arpProbe: { count: 0 } },
  })
  expect(n.give(frame(1, PEER, IP2, 'c6336401'))).toEqual([])
  expect(n.give(frame(1, PEER, 'c6336402', 'c6336401'), { port: 2 })).toHaveLength(1)
})

test('a flood of senders never takes the place of a neighbour in use, and the table keeps its bound', () => {
  const n = host({ arp: { entries: 64 } })
  learn(n)
  send(n, '192.0.2.2')
  for (let i = 0; i < 10_000; i++) {
    const ip = `c00002${(3 + (i % 250)).toString(16).padStart(2, '0')}`
    n.give(frame(1, `0200${i.toString(16).padStart(8, '0')}`, ip, IP1))
    n.run(1)
  }
  expect(n.node.ip4.arp.entries()).toHaveLength(64)
  expect(hex(send(n, '192.0.2.2')[0]!, 0, 6)).toBe(PEER)
})

test('a scan of a whole network keeps the bounds on neighbours asked for and on octets that wait, and who answers at once is reached', () => {
  const n = new OneNode({
    ports: [port(1, { addresses: ['10.0.0.1/8'], queue: 100_000 })],
    ip4: { arpProbe: { count: 0, announcements: 0 }, arp: { incomplete: 128, queueOctets: 20_000 } },
  })
  n.taken()
  const payload = new Uint8Array(1000)
  for (let i = 0; i < 10_000; i++)
    n.node.ip4.send(0 as Instant, { dst: (0x0a100000 + i) as Ip4, protocol: 253, payload })
  expect(n.node.ip4.arp.entries().length).toBeLessThanOrEqual(128)
  n.collect()
  send(n, '10.0.0.2')
  expect(n.give(frame(2, PEER, '0a000002', '0a000001', NODE, NODE))).toHaveLength(1)
  expect(n.run(10_000).filter((s) => !isRequest(s.bytes))).toEqual([])
  expect(n.node.ip4.arp.entries()).toHaveLength(1)
})

test('a neighbour whose MAC address changes with every message is told of a few times, not each time', () => {
  const n = host()
  learn(n)
  for (let i = 0; i < 10_000; i++) n.give(frame(1, `0200${i.toString(16).padStart(8, '0')}`, IP2, IP3))
  expect(n.events.filter((e) => e.kind === 'neighbour')).toHaveLength(100)
})
