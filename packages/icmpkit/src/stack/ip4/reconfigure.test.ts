import { expect, test } from 'vitest'
import { G1, G2, IP, Lan } from '../../../../../test/stack/lan-bench.ts'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { datagram, echo, icmp, quad, read } from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'

const X = '203.0.113.7'
const route = (nextHop: string) =>
  ({ prefix: ip4('0.0.0.0'), prefixLength: 0, kind: 'unicast', nextHop: ip4(nextHop), port: 1 }) as const
const OFF = { count: 0, announcements: 0 } as const

test('other static routes hold for the next datagram, and what was learned stays', () => {
  const lan = new Lan()
  const ports = [port(1, { addresses: ['192.0.2.1/24'] })]
  const quote = hex(lan.send('198.51.100.7')[0]!, 14, 42)
  lan.give(datagram({ src: IP[G1]!, protocol: 1 }, icmp(5, 1, quad(IP[G2]!), quote)))
  lan.n.node.ip4.reconfigure(lan.n.now as Instant, { arpProbe: OFF, routes: [route(IP[G2]!)] }, ports)
  expect(lan.via(X)).toBe(G2)
  lan.n.node.ip4.reconfigure(lan.n.now as Instant, { arpProbe: OFF, routes: [route(IP[G1]!)] }, ports)
  expect([lan.via(X), lan.via('198.51.100.7')]).toEqual([G1, G2])
  expect(lan.n.events.filter((e) => e.kind === 'address-gone')).toEqual([])
})

test('an address that is configured no more is answered for no more, a new one is probed for and then used', () => {
  const n = new OneNode({ ports: [port(1, { addresses: ['192.0.2.1/24'] })] })
  n.run(20_000)
  n.taken()
  n.node.ip4.reconfigure(n.now as Instant, {}, [port(1, { addresses: ['192.0.2.7/24'] })])
  const asks = (address: string) =>
    n.give(`ffffffffffff02000000002208060001080006040001020000000022${quad('192.0.2.2')}000000000000${quad(address)}`)
  expect([asks('192.0.2.1'), asks('192.0.2.7')]).toEqual([[], []])
  expect(n.node.ip4.hop(n.now as Instant, ip4('192.0.2.9'))).toBe('no-route')
  const probes = n.run(20_000).filter((s) => hex(s.bytes, 28, 32) === '00000000')
  expect(probes.map((s) => hex(s.bytes, 38))).toEqual(Array(3).fill(quad('192.0.2.7')))
  expect(asks('192.0.2.7')).toHaveLength(1)
  expect(n.events).toContainEqual(
    expect.objectContaining({ kind: 'address-gone', address: ip4('192.0.2.1'), why: 'removed' }),
  )
})

test('another prefix length is another network, and the same address', () => {
  const n = new OneNode({ ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] })] })
  n.node.ip4.reconfigure(n.now as Instant, {}, [port(1, { medium: 'ip', addresses: ['192.0.2.1/28'] })])
  expect([...n.node.ip4.routes].map((r) => r.prefixLength)).toEqual([28])
  expect(read(n.give(echo({}))[0]!)).toMatchObject({ type: 0, src: '192.0.2.1' })
})

test('switches hold from the next packet on', () => {
  const n = new OneNode({ ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] })] })
  const ports = [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] })]
  const ask = () => n.give(datagram({ protocol: 1 }, icmp(13, 0, '00010001', '00'.repeat(12)))).length
  const mask = () => n.give(datagram({ protocol: 1 }, icmp(17, 0, '00010001', '00000000'))).length
  expect([ask(), mask()]).toEqual([1, 0])
  n.node.ip4.reconfigure(n.now as Instant, { timestamp: false, addressMask: { agent: true } }, ports)
  expect([ask(), mask()]).toEqual([0, 1])
})

test('router discovery that is switched off forgets the routers, switched on it asks (RFC 1256 §5.3)', () => {
  const lan = new Lan({ ip4: { routes: [], routerDiscovery: { perform: true } } })
  const advertisement = datagram(
    { src: IP[G1]!, dst: '224.0.0.1', protocol: 1, ttl: 1 },
    icmp(9, 0, '01020708', `${quad(IP[G1]!)}00000000`),
  )
  lan.give(advertisement, G1, { link: 'multicast' })
  expect(lan.via(X)).toBe(G1)
  lan.n.node.ip4.reconfigure(lan.n.now as Instant, { arpProbe: OFF }, [])
  expect(lan.via(X)).toBe('')
  expect(lan.n.run(60_000)).toEqual([])
  lan.n.node.ip4.reconfigure(lan.n.now as Instant, { arpProbe: OFF, routerDiscovery: { perform: true } }, [])
  expect(lan.n.run(60_000).map((s) => s.bytes[34])).toEqual([10, 10, 10])
})

test('a switch that no RFC allows changes nothing', () => {
  const lan = new Lan()
  for (const wrong of [
    { ttl: 0 },
    { pathMtu: { floor: 1 } },
    { routerAdvertisements: { maxAdvertisementIntervalSeconds: 1 } },
  ])
    expect(() => lan.n.node.ip4.reconfigure(0 as Instant, { routes: [], ...wrong }, [])).toThrow(RangeError)
  expect(lan.via(X)).toBe(G1)
})
