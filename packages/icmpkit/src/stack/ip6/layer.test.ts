import { expect, test } from 'vitest'
import { echo, packet, told, udp, zeros } from '../../../../../test/stack/octets6.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import { hex, unhex } from '../../wire/octets.ts'
import { MAX_ADDRESSES } from './addresses.ts'

const A = '2001:db8:1::9'
const B = '2001:db8:2::9'
const PORTS = [1, 2].map((i) => port(i, { medium: 'ip', addresses: [`2001:db8:${i}::1/64`] }))

function gateway(): OneNode {
  const n = new OneNode({ role: 'gateway', ports: PORTS })
  n.run(10_000)
  n.taken()
  return n
}

test('the link-local address is fe80::/64 with the EUI-64 of the MAC, as RFC 4291 appendix A makes it, unless one is given', () => {
  const at = (addresses: string[]) => {
    const n = new OneNode({ ports: [port(1, { mac: unhex('34567812abcd'), addresses })], ip6: { dadTransmits: 0 } })
    n.run(10_000)
    return [...n.node.ip6.addresses].map((a) => a.address).filter((a) => a >> 118n === 0x3fan)
  }
  expect(at([])).toEqual([ip6('fe80::3656:78ff:fe12:abcd')])
  expect(at(['2001:db8::1/64'])).toEqual([ip6('fe80::3656:78ff:fe12:abcd')])
  expect(at(['fe80::5/64', '2001:db8::1/64'])).toEqual([ip6('fe80::5')])
})

test('what a node sends to itself is answered, and no link sees it (RFC 4291 §2.5.3)', () => {
  const n = gateway()
  const socket = n.node.transport.udp.bind({ family: 6, port: 5000 })
  socket.send(n.now as Instant, unhex('6869'), { address: ip6('2001:db8:2::1'), port: 9 })
  expect(n.collect()).toEqual([])
  expect(socket.error()).toMatchObject({ type: 1, code: 4, from: ip6('2001:db8:2::1') })
  const heard: number[] = []
  n.node.transport.raw.add({ message: (_now, d) => void heard.push(d.bytes[d.at]!), owns: () => false })
  const ask = { kind: 'echoRequest', code: 0, id: 1, seq: 1, data: new Uint8Array(3000) } as const
  expect(n.node.ip6.sendMessage(n.now as Instant, { dst: ip6('2001:db8:1::1') }, ask)).toBe('sent')
  expect(heard).toEqual([128, 129])
  for (const nobody of ['::', '::1']) {
    expect(n.node.ip6.sendMessage(n.now as Instant, { dst: ip6(nobody) }, ask)).toBe('no-route')
  }
  expect(n.collect()).toEqual([])
})

test('a whole packet to a group leaves by the port that is named, or that a route for the group leads to', () => {
  const n = new OneNode({
    role: 'gateway',
    ports: PORTS,
    ip6: { routes: [{ prefix: ip6('ff0e::'), prefixLength: 16, kind: 'unicast', nextHop: undefined, port: 2 }] },
  })
  n.run(10_000)
  n.taken()
  const g = { protocol: 59, payload: new Uint8Array(4) }
  const send = (dst: string, by?: number) => {
    const sent = n.node.ip6.send(n.now as Instant, {
      ...g,
      dst: ip6(dst),
      port: by === undefined ? undefined : n.node.ports.get(by),
    })
    n.collect()
    return [sent, ...n.taken().map((s) => s.port)]
  }
  expect(send('ff0e::5')).toEqual(['sent', 2])
  expect(send('ff0e::5', 1)).toEqual(['sent', 1])
  expect(send('ff02::5')).toEqual(['no-route'])
  expect(send('ff02::5', 1)).toEqual(['sent', 1])
})

test('other switches, routes and addresses hold from the moment on that a running node is given them', () => {
  const n = gateway()
  const now = () => n.now as Instant
  const transit = packet({ src: A, dst: B }, 17, udp({ src: A, dst: B }, 1, 2))
  const out = () => {
    n.give(transit)
    // What reports of groups leave besides begins with hop-by-hop options.
    const told1 = (b: Uint8Array) => (b[6] === 58 ? `${told(b).type}/${told(b).code}` : 'forwarded')
    return n.taken().flatMap((s) => (s.bytes[6] === 0 ? [] : [[s.port, told1(s.bytes)]]))
  }
  expect(out()).toEqual([[2, 'forwarded']])
  const limit = { rate: 1, burst: 1 }
  n.node.reconfigure(now(), {
    ports: PORTS,
    ip6: { errorLimit: limit, transit: { filters: [{ action: 'reject', protocol: 17 }] } },
  })
  expect([...out(), ...out()]).toEqual([[1, '1/1']])
  const moved = [PORTS[0]!, port(2, { medium: 'ip', addresses: ['2001:db8:22::1/64'] })]
  n.node.reconfigure(now(), {
    ports: moved,
    ip6: {
      routes: [{ prefix: ip6('2001:db8:7::'), prefixLength: 48, kind: 'prohibit', nextHop: undefined, port: -1 }],
    },
  })
  expect(out()).toEqual([[1, '1/0']])
  expect(told(n.give(packet({ src: A, dst: '2001:db8:7::1' }, 59, zeros(8)))[0]!)).toMatchObject({ type: 1, code: 1 })
  n.taken()
  const o = { src: A, dst: '2001:db8:22::1' }
  expect(told(n.give(packet(o, 58, echo(o)))[0]!)).toMatchObject({ type: 129, src: '2001:db8:22::1' })
  expect(n.node.ip6.isMine(ip6('2001:db8:2::1'))).toBe(false)
  // Its subnet-router address went and came with it.
  expect(n.node.ip6.isMine(ip6('2001:db8:2::'))).toBe(false)
  expect(n.node.ip6.isMine(ip6('2001:db8:22::'))).toBe(true)
})

test('an address of two ports is the node’s until both have lost it, whichever first', () => {
  for (const first of [0, 1]) {
    const n = gateway()
    const layer = n.node.ip6
    const both = [1, 2].map((i) => layer.addAddress(n.now as Instant, n.node.ports.get(i)!, ip6('2001:db8:9::9'), 128)!)
    layer.removeAddress(n.now as Instant, both[first]!)
    expect(layer.isMine(ip6('2001:db8:9::9'))).toBe(true)
    layer.removeAddress(n.now as Instant, both[1 - first]!)
    expect(layer.isMine(ip6('2001:db8:9::9'))).toBe(false)
  }
})

test('a port has so many addresses and no more, whoever advertises prefixes', () => {
  const n = gateway()
  const [p] = [...n.node.ports.values()]
  let added = 0
  for (let i = 0; i < 1000; i++) {
    const address = ip6(`2001:db8:${(i + 256).toString(16)}::1`)
    if (n.node.ip6.addAddress(n.now as Instant, p!, address, 128) !== undefined) added++
  }
  expect([...n.node.ip6.addresses.of(p!)].length).toBe(MAX_ADDRESSES)
  expect(added).toBeLessThan(MAX_ADDRESSES)
})

test('without IPv6 a port says nothing of it and hears nothing of it', () => {
  const n = new OneNode({ ports: [port(1, { addresses: ['2001:db8::1/64'] })], ip6: { enabled: false } })
  expect(n.run(60_000)).toEqual([])
  const o = { src: '2001:db8::2', dst: '2001:db8::1' }
  const frame = unhex(`020000000001 020000000009 86dd ${hex(packet(o, 58, echo(o)))}`)
  expect(n.give(frame)).toEqual([])
  expect(n.node.counters.dropped).toEqual({ disabled: 1 })
})
