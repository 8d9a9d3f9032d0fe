/** IPv4 options of datagrams in transit (RFC 1812 §5.3.13, RFC 791 §3.1). The octets come from scapy. */
import { expect, test } from 'vitest'
import { type Bench, cross, gateway, routes } from '../../../../../test/stack/gateway-bench.ts'
import { port } from '../../../../../test/stack/one-node.ts'
import { packet } from '../../../../../test/stack/transit-packets.ts'

const out = (name: string, bench?: Bench): string[] => cross(gateway(bench), packet(name)).map((c) => c.hex)
const FORWARD: Bench = { ip4: { sourceRoutes: 'forward' } }

test.each(['unknownOption', 'oldOptions'])(
  'options that are not known, or obsolete, pass unchanged: %s (RFC 1812 §5.3.13.1, §5.3.13.3) [v4-gw-unknown-options]',
  (name) => {
    expect(out(name)).toEqual([packet(`${name}Out`)])
  },
)

test('record route gets the address of the port that the datagram leaves by, at odd offsets too (RFC 1812 §5.3.13.5) [v4-gw-record-route]', () => {
  for (const name of ['rr', 'rrOdd']) expect(out(name)).toEqual([packet(`${name}Out`)])
})

test('a full record route is left alone, and the datagram forwarded (RFC 1812 §5.3.13) [v4-gw-record-route]', () => {
  expect(out('rrFull')).toEqual([packet('rrFullOut')])
})

test('where the port that it leaves by has no address, record route gets the router-id (RFC 1812 §4.2.2.2) [v4-gw-record-route]', () => {
  const ports = [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] }), port(2, { medium: 'ip' })]
  const given = routes(['198.51.100.0/24', 2])
  const [by] = cross(gateway({ ports, ip4: { routes: given } }), packet('rr'))
  // Type, length, pointer, then the slot that was filled already and the new one.
  expect(by!.hex.slice(40, 62)).toBe('070f0ccb007109c0000201')
  const routerId = 0xc0000263 | 0
  const [named] = cross(gateway({ ports, ip4: { routes: given, routerId: routerId as never } }), packet('rr'))
  expect(named!.hex.slice(54, 62)).toBe('c0000263')
})

test('the timestamp option gets the milliseconds since midnight, with the address where it is asked for (RFC 791 §3.1) [v4-gw-timestamp-option]', () => {
  for (const name of ['ts0', 'ts1']) expect(out(name)).toEqual([packet(`${name}Out`)])
})

test('a prespecified timestamp is filled by whoever has the address, of whichever port, and by nobody else (RFC 1812 §5.3.13.6) [v4-gw-timestamp-option]', () => {
  for (const name of ['ts3', 'ts3Other']) expect(out(name)).toEqual([packet(`${name}Out`)])
})

test('of two record route options the first is filled, the other passes', () => {
  expect(out('rrTwice')).toEqual([packet('rrTwiceOut')])
})

test('nobody overflows a full timestamp option of prespecified addresses (RFC 791 §3.1) [v4-gw-timestamp-option]', () => {
  expect(out('ts3Full')).toEqual([packet('ts3FullOut')])
})

test('a full timestamp option counts who found no room (RFC 791 §3.1) [v4-gw-timestamp-option]', () => {
  expect(out('tsFull')).toEqual([packet('tsFullOut')])
})

test('a source route is dropped and counted, in transit and at the node that it names, and nothing is said (RFC 7126 §4.3) [v4-gw-source-route]', () => {
  for (const name of ['lsrr', 'ssrr', 'lsrrThrough', 'ssrrThrough']) {
    const n = gateway()
    expect(cross(n, packet(name))).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'source-route': 1 })
  }
})

test('where they are forwarded, the next address is the destination and the way out is recorded in its place (RFC 1812 §5.2.4.1) [v4-gw-source-route]', () => {
  expect(out('lsrr', FORWARD)).toEqual([packet('lsrrOut')])
  expect(out('ssrr', FORWARD)).toEqual([packet('ssrrOut')])
})

test('a loose source route passes a gateway that it does not name unchanged (RFC 791 §3.1) [v4-gw-source-route]', () => {
  expect(out('lsrrThrough', FORWARD)).toEqual([packet('lsrrThroughOut')])
})

test('the pointer moves over addresses of the node itself, until one is not its own (RFC 1812 §5.2.3) [v4-gw-source-route]', () => {
  expect(out('lsrrTwoOwn', FORWARD)).toEqual([packet('lsrrTwoOwnOut')])
})

test('a host that forwards source routes sends code 4 where DF forbids to fragment, code 5 where a strict route leads off the network (RFC 1122 §3.3.5) [v4-du-sr-host-codes]', () => {
  const host = {
    role: 'host',
    mtu: 1400,
    ip4: { ...FORWARD.ip4, routes: routes(['10.0.0.0/8', 2, '198.51.100.2']) },
  } as const
  const icmp = (name: string): string[] => out(name, host).map((hex) => hex.slice(40))
  expect(icmp('lsrrDf')).toEqual([packet('lsrrDf1400')])
  expect(icmp('ssrrFar')).toEqual([packet('ssrrFarFailed')])
  expect(out('lsrr', host)).toEqual([packet('lsrrOut')])
})
