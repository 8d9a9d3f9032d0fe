import { expect, test } from 'vitest'
import { addr, echo, frame, left, na, ofType, tlla } from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { hex, unhex } from '../../wire/octets.ts'
import type { Ip6Settings } from './settings.ts'

const LINK_LOCAL = 'fe80::ff:fe00:1'
const HOST = '2001:db8:1::77'
const FAR = '2001:db8:9::9'
const MAC = '020000000077'
const BETTER = '0200000000bb'
const REDIRECT = 137

/** A gateway on 2001:db8:1::/64 that reaches 2001:db8:9::/48 by fe80::bb on the same link, 2001:db8:8::/48 by an address of wide scope. */
function gateway(settings: Partial<Ip6Settings> = {}): OneNode {
  const via = (prefix: string, nextHop: string) => ({
    prefix: ip6(prefix),
    prefixLength: 48,
    kind: 'unicast' as const,
    nextHop: ip6(nextHop),
    port: 1,
  })
  const n = new OneNode({
    role: 'gateway',
    ip6: { routes: [via('2001:db8:9::', 'fe80::bb'), via('2001:db8:8::', '2001:db8:1::bb')], ...settings },
    ports: [port(1, { addresses: ['2001:db8:1::1/64'] }), port(2, { addresses: ['2001:db8:2::1/64'] })],
  })
  n.run(10_000)
  for (const [address, mac] of [
    [HOST, MAC],
    ['2001:db8:1::88', '020000000088'],
    ['fe80::bb', BETTER],
    ['2001:db8:1::bb', BETTER],
  ] as const)
    n.give(frame({ from: address, to: 'ff02::1', mac }, na(address, 'O', tlla(mac))))
  n.taken()
  return n
}

const transit = (n: OneNode, to: string, from = HOST, data = '') => {
  const packet = frame({ from, to, mac: MAC, hop: 64, dstMac: '020000000001' }, echo(1, data))
  const out = n.give(packet)
  n.taken()
  return { packet, out, redirects: ofType(out, REDIRECT) }
}

test('a neighbour whose packet goes back to its own link is told of the better first hop, and the packet goes on (RFC 4861 §8.2) [v6-nd-redirect-send]', () => {
  const n = gateway()
  const { out, redirects } = transit(n, FAR)
  expect(redirects).toMatchObject([{ dst: HOST, dstMac: MAC, target: 'fe80::bb' }])
  expect(out.map(left).filter((l) => l.type === 128)).toMatchObject([{ dstMac: BETTER, dst: FAR, hop: 63 }])
  // A neighbour of both: told of itself.
  expect(transit(n, '2001:db8:1::88').redirects).toMatchObject([{ target: '2001:db8:1::88' }])
  // Elsewhere, from elsewhere, to a group, by a router without a link-local name: nothing.
  expect(transit(n, '2001:db8:2::5').redirects).toEqual([])
  expect(transit(n, FAR, '2001:db8:55::5').redirects).toEqual([])
  expect(transit(n, '2001:db8:8::8').redirects).toEqual([])
  expect(
    n.give(frame({ from: HOST, to: 'ff0e::1', mac: MAC, hop: 64 }, echo())).filter((b) => left(b).type === REDIRECT),
  ).toEqual([])
  // Routed there by its source (RFC 4861 §8.2, first condition): it knows what it wants.
  const routed = frame(
    {
      from: HOST,
      to: FAR,
      mac: MAC,
      hop: 64,
      dstMac: '020000000001',
      extension: { type: 43, octets: '3a02030000000000'.padEnd(48, '0') },
    },
    echo(),
  )
  const passed = n.give(routed).map(left)
  expect(passed).toMatchObject([{ dstMac: BETTER, dst: FAR, next: 43 }])
  const off = gateway({ sendRedirects: false })
  expect(transit(off, FAR).redirects).toEqual([])
  expect(off.node.counters.suppressed['switched-off']).toBe(1)
})

test('a redirect comes from the link-local address with the packet in it, in eights, no longer than 1280 octets (RFC 4861 §4.5, §8.2) [v6-nd-redirect-format]', () => {
  const n = gateway()
  const { packet, redirects } = transit(n, FAR, HOST, 'ab'.repeat(5))
  const [l] = redirects
  expect(l).toMatchObject({ src: LINK_LOCAL, dst: HOST, hop: 255, code: 0, target: 'fe80::bb', sound: true })
  expect(l!.icmp.slice(8, 16)).toBe('00000000')
  expect(l!.icmp.slice(48, 80)).toBe(addr(FAR))
  // The packet of 53 octets is filled up to 56, as it came.
  const quoted = hex(packet, 14).padEnd(2 * 56, '0')
  expect(packet.length - 14).toBe(53)
  expect(l!.options).toBe(`0201${BETTER}` + `0408000000000000${quoted}`)
  const long = transit(n, FAR, HOST, 'cd'.repeat(1452))
  expect(long.packet.length - 14).toBe(1500)
  const bytes = long.out.find((b) => left(b).type === REDIRECT)!
  expect(bytes.length - 14).toBe(1280)
  const options = long.redirects[0]!.options
  expect(options.slice(0, 16)).toBe(`0201${BETTER}`)
  expect(unhex(options.slice(16, 20))).toEqual(Uint8Array.of(4, (1280 - 40 - 40 - 8) / 8))
  expect(options.slice(32)).toBe(hex(long.packet, 14, 14 + 1280 - 40 - 40 - 8 - 8))
  // Without a link-layer address to tell, the room is the packet's.
  const unknown = gateway()
  unknown.run(10_000)
  const route = transit(unknown, '2001:db8:1::99')
  expect(route.redirects[0]!.options.slice(0, 2)).toBe('04')
})

test('redirects are limited, for all neighbours together (RFC 4861 §8.2) [v6-nd-redirect-rate]', () => {
  const n = gateway()
  let sent = 0
  for (let i = 0; i < 1000; i++) {
    sent += transit(n, `2001:db8:9::${i.toString(16)}`, i % 2 === 0 ? HOST : '2001:db8:1::88').redirects.length
    n.run(1)
    n.taken()
  }
  expect(sent).toBeGreaterThan(0)
  expect(sent).toBeLessThanOrEqual(30)
  expect(n.node.counters.suppressed['rate-limit']).toBeGreaterThan(900)
})
