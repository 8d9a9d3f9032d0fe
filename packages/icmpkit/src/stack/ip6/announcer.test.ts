import { expect, test } from 'vitest'
import { frame, left, mtu, ns, OUR_MAC, ofType, slla } from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'
import type { Ip6Settings } from './settings.ts'

/** Our addresses are 2001:db8::1 and this one; the neighbour is 2001:db8::aa at 02:00:00:00:00:aa. */
const LINK_LOCAL = 'fe80::ff:fe00:1'
const MAC = '0200000000aa'
const NA = 136

function started(more: { role?: 'host' | 'gateway'; ip6?: Partial<Ip6Settings>; addresses?: string[] } = {}): OneNode {
  const n = new OneNode({
    role: more.role ?? 'host',
    ip6: more.ip6 ?? {},
    ports: [port(1, { addresses: more.addresses ?? ['2001:db8::1/64'] })],
  })
  n.run(10_000)
  n.taken()
  return n
}

const nsFrom = (from: string, target: string, ...options: string[]) =>
  frame({ from, to: 'ff02::1:ff00:1' }, ns(target, ...options))

test('a solicitation is answered to its source, its target copied, with our link-layer address (RFC 4861 §7.2.4) [v6-nd-na-solicited-format] [v6-nd-na-tlla]', () => {
  const host = started()
  const gateway = started({ role: 'gateway' })
  const request = nsFrom('fe80::aa', '2001:db8::1', slla(MAC))
  const expected = {
    dstMac: MAC,
    src: '2001:db8::1',
    dst: 'fe80::aa',
    hop: 255,
    code: 0,
    target: '2001:db8::1',
    options: `0201${OUR_MAC}`,
    sound: true,
  }
  expect(ofType(host.give(request), NA)).toMatchObject([expected])
  expect(hex(host.give(request)[0]!, 58, 62)).toBe('60000000')
  expect(hex(gateway.give(request)[0]!, 58, 62)).toBe('e0000000')
  // The same to us alone; and from somebody without an address.
  const unicast = frame({ from: 'fe80::aa', to: '2001:db8::1' }, ns('2001:db8::1', slla(MAC)))
  expect(ofType(host.give(unicast), NA)).toMatchObject([expected])
  const [probed] = host.give(nsFrom('::', '2001:db8::1'))
  expect(left(probed!)).toMatchObject({ dstMac: '333300000001', dst: 'ff02::1', type: NA, target: '2001:db8::1' })
  expect(hex(probed!, 58, 62)).toBe('20000000')
})

test('an anycast target is answered without override after up to a second, an own one with it at once (RFC 4861 §7.2.4, §7.2.7) [v6-nd-na-override] [v6-nd-na-anycast-delay]', () => {
  const n = started()
  n.node.ip6.addAddress(n.now as Instant, n.node.ports.get(1)!, ip6('2001:db8::cafe'), 64, { anycast: true })
  expect(ofType(n.give(nsFrom('fe80::aa', '2001:db8::1', slla(MAC))), NA)[0]!.icmp.slice(8, 10)).toBe('60')
  const delays: number[] = []
  for (let i = 0; i < 50; i++) {
    const from = n.now
    const asked = frame({ from: 'fe80::aa', to: 'ff02::1:ff00:cafe' }, ns('2001:db8::cafe', slla(MAC)))
    expect(ofType(n.give(asked), NA)).toEqual([])
    const [answer] = n.run(1000).filter((s) => left(s.bytes).type === NA)
    delays.push(answer!.at - from)
    expect(left(answer!.bytes)).toMatchObject({ target: '2001:db8::cafe', dst: 'fe80::aa' })
    expect(hex(answer!.bytes, 58, 62)).toBe('40000000')
    // The asker does not answer our probes, and is forgotten.
    n.run(10_000)
  }
  expect(Math.min(...delays)).toBeLessThan(200)
  expect(Math.max(...delays)).toBeGreaterThan(800)
  // Answers that wait are bounded.
  for (let i = 0; i < 1000; i++)
    n.give(frame({ from: 'fe80::aa', to: 'ff02::1:ff00:cafe' }, ns('2001:db8::cafe', slla(MAC))))
  expect(ofType(n.run(1000), NA).length).toBeLessThanOrEqual(256)
})

test('a proxy listens for its target, answers late and without override (RFC 4861 §7.2.8) [v6-nd-na-proxy] [v6-nd-na-override]', () => {
  const n = new OneNode({
    role: 'gateway',
    ip6: { proxied: [{ port: 'eth1', address: ip6('2001:db8::beef') }] },
    ports: [port(1, { addresses: ['2001:db8::1/64'] })],
  })
  const reports = ofType(n.run(10_000), 143)
  expect(reports.some((l) => l.icmp.includes('ff0200000000000000000001ff00beef'))).toBe(true)
  n.taken()
  const asked = frame({ from: 'fe80::aa', to: 'ff02::1:ff00:beef' }, ns('2001:db8::beef', slla(MAC)))
  expect(ofType(n.give(asked), NA)).toEqual([])
  const [answer] = ofType(n.run(1000), NA)
  expect(answer).toMatchObject({
    target: '2001:db8::beef',
    dst: 'fe80::aa',
    options: `0201${OUR_MAC}`,
    src: LINK_LOCAL,
  })
  expect(answer!.icmp.slice(8, 10)).toBe('40')
})

test('a solicitation for anybody else, or for an address of another port, draws nothing (RFC 4861 §7.2.3) [v6-nd-ns-target-ours]', () => {
  const n = new OneNode({
    role: 'gateway',
    ports: [port(1, { addresses: ['2001:db8::1/64'] }), port(2, { addresses: ['2001:db8:2::1/64'] })],
  })
  n.run(10_000)
  const to = (target: string) => n.give(frame({ from: 'fe80::aa', to: 'ff02::1:ff00:1' }, ns(target, slla(MAC))))
  expect(to('2001:db8::2:1')).toEqual([])
  expect(to('2001:db8:2::1')).toEqual([])
  expect([...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache]).toEqual([])
  expect(ofType(to('2001:db8::1'), NA)).toHaveLength(1)
})

test('a changed link-layer address is told to all nodes, at most three times, a second apart (RFC 4861 §7.2.6) [v6-nd-na-unsolicited]', () => {
  for (const [role, flags] of [
    ['host', '20'],
    ['gateway', 'a0'],
  ] as const) {
    const n = started({ role, addresses: [] })
    const from = n.now
    // What else changes of a port is nobody's business.
    n.node.changePort(n.now as Instant, 1, { mtu: 1400 })
    expect(ofType(n.collect(), NA)).toEqual([])
    const mac = Uint8Array.of(2, 0, 0, 0, 7, 7)
    n.node.changePort(n.now as Instant, 1, { mac })
    n.collect()
    const told = [...n.taken(), ...n.run(20_000)].filter((s) => left(s.bytes).type === NA)
    expect(told.map((s) => s.at - from)).toEqual([0, 1000, 2000])
    for (const s of told) {
      expect(left(s.bytes)).toMatchObject({ dst: 'ff02::1', target: LINK_LOCAL, options: '0201020000000707' })
      expect(left(s.bytes).icmp.slice(8, 10)).toBe(flags)
    }
  }
})

test('a host and a router keep to no other MTU in a solicitation: options of other messages are passed over (RFC 4861 §4.3) [v6-nd-ns-ignore]', () => {
  const n = started()
  const reserved = ns('2001:db8::1', mtu(1280), `fd02${'ff'.repeat(14)}`, slla(MAC)).replace(
    '8700000000000000',
    '87000000ffffffff',
  )
  expect(ofType(n.give(frame({ from: 'fe80::aa', to: 'ff02::1:ff00:1' }, reserved)), NA)).toMatchObject([
    { dstMac: MAC, dst: 'fe80::aa' },
  ])
  expect(n.node.ip6.linkMtu(n.node.ports.get(1)!)).toBe(1500)
})
