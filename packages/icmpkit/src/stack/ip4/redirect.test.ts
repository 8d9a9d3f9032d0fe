import { describe, expect, test } from 'vitest'
import { ALL, G1, G2, G3, IP, Lan } from '../../../../../test/stack/lan-bench.ts'
import { ip4, port } from '../../../../../test/stack/one-node.ts'
import { datagram, echo, icmp, quad, udp } from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'

const X = '203.0.113.7'

/** What the node sent to `dst`, as a gateway quotes it. */
const quoted = (lan: Lan, dst: string) => hex(lan.send(dst)[0]!, 14, 14 + 28)
const redirect = (code: number, gateway: string, quote: string, from = IP[G1]!) =>
  datagram({ src: from, protocol: 1 }, icmp(5, code, quad(gateway), quote))

test.each([0, 1, 2, 3])(
  'a redirect of code %i changes the next hop of its destination (RFC 1122 §3.2.2.2) [v4-redirect-host-update] [v4-redirect-host-both]',
  (code) => {
    const lan = new Lan()
    expect(lan.via(X)).toBe(G1)
    lan.give(redirect(code, IP[G2]!, quoted(lan, X)))
    expect(lan.via(X)).toBe(G2)
    expect(lan.n.events).toContainEqual({
      kind: 'redirect',
      at: 0,
      port: 1,
      destination: ip4(X),
      by: ip4(IP[G1]!),
      to: ip4(IP[G2]!),
    })
    // No error of the flow: nothing was lost.
    expect(lan.socket.error()).toBeUndefined()
  },
)

test('a later redirect, of the gateway that is used now, changes it again (RFC 1122 §3.2.2.2) [v4-redirect-host-update]', () => {
  const lan = new Lan()
  lan.give(redirect(1, IP[G2]!, quoted(lan, X)))
  lan.give(redirect(1, IP[G3]!, quoted(lan, X), IP[G2]), G2)
  expect(lan.via(X)).toBe(G3)
})

test("a network's redirect changes the way to its one host only (RFC 1122 §3.3.1.2) [v4-redirect-net-as-host]", () => {
  const lan = new Lan()
  lan.via('10.1.2.4')
  lan.give(redirect(0, IP[G2]!, quoted(lan, '10.1.2.3')))
  expect([lan.via('10.1.2.3'), lan.via('10.1.2.4'), lan.via('10.1.3.3')]).toEqual([G2, G1, G1])
})

test('a redirect to a gateway that is not on the network that it came by is dropped (RFC 1122 §3.2.2.2) [v4-redirect-bad-gateway]', () => {
  for (const gateway of ['198.51.100.1', '192.0.3.253', '0.0.0.0', '255.255.255.255', '192.0.2.255', '224.0.0.1']) {
    const lan = new Lan()
    lan.give(redirect(1, gateway, quoted(lan, X)))
    expect(lan.via(X)).toBe(G1)
    expect(lan.n.node.counters.dropped['not-a-neighbour']).toBe(1)
  }
})

test('a redirect to the host itself would close a loop, and is dropped', () => {
  const lan = new Lan()
  lan.give(redirect(1, '192.0.2.1', quoted(lan, X)))
  expect(lan.via(X)).toBe(G1)
})

test('a redirect that does not come from the gateway in use is dropped (RFC 1122 §3.2.2.2) [v4-redirect-bad-sender]', () => {
  for (const from of [IP[G2]!, '192.0.2.77', X, '198.51.100.1']) {
    const lan = new Lan()
    lan.give(redirect(1, IP[G3]!, quoted(lan, X), from), G2)
    expect(lan.via(X)).toBe(G1)
    expect(lan.n.node.counters.dropped['not-a-router']).toBe(1)
  }
})

test('a redirect for a destination on the link, of that destination itself, is dropped: there is no gateway [v4-redirect-bad-sender]', () => {
  const lan = new Lan()
  lan.give(redirect(1, IP[G2]!, quoted(lan, IP[G1]!), IP[G1]))
  expect(lan.via(IP[G1]!)).toBe(G1)
})

test('a redirect about a datagram that the host did not send is not believed (RFC 5927 §4)', () => {
  const lan = new Lan()
  const quote = quoted(lan, X)
  for (const forged of [
    // Another source, another source port, another destination port, another destination.
    quote.replace(quad('192.0.2.1'), quad('192.0.2.9')),
    quote.replace('13880035', '13890035'),
    quote.replace('13880035', '13880036'),
    quote.replace(quad(X), quad('203.0.113.8')),
  ]) {
    expect(forged).not.toBe(quote)
    lan.give(redirect(1, IP[G2]!, forged))
  }
  expect([lan.via(X), lan.via('203.0.113.8')]).toEqual([G1, G1])
})

test('a code above 3 means nothing and changes nothing', () => {
  const lan = new Lan()
  lan.give(redirect(4, IP[G2]!, quoted(lan, X)))
  expect(lan.via(X)).toBe(G1)
  expect(lan.n.node.counters.dropped['bad-code']).toBe(1)
})

test('a redirect adds no default gateway (RFC 1122 §3.3.1.2) [v4-redirect-no-new-default]', () => {
  const lan = new Lan()
  const before = [...lan.n.node.ip4.routes]
  lan.give(redirect(0, IP[G2]!, quoted(lan, X)))
  expect([...lan.n.node.ip4.routes]).toEqual(before)
  expect(lan.via('198.51.100.1')).toBe(G1)
})

test('a static route that says so is not overridden (RFC 1122 §3.3.1.2) [v4-redirect-static]', () => {
  const route = { prefixLength: 24, kind: 'unicast', nextHop: ip4(IP[G1]!), port: 1 } as const
  const lan = new Lan({
    ip4: {
      routes: [
        { ...route, prefix: ip4('203.0.113.0'), fixed: true },
        { ...route, prefix: ip4('198.51.100.0') },
      ],
    },
  })
  for (const dst of [X, '198.51.100.7']) lan.give(redirect(1, IP[G2]!, quoted(lan, dst)))
  expect([lan.via(X), lan.via('198.51.100.7')]).toEqual([G1, G2])
})

test('redirects may be switched off', () => {
  const lan = new Lan({ ip4: { acceptRedirects: false } })
  const first = lan.via(X)
  lan.give(redirect(1, IP[G2]!, quoted(lan, X)))
  expect(lan.via(X)).toBe(first)
})

test('a host sends no redirect, whatever comes in (RFC 1122 §3.2.2.2) [v4-redirect-host-no-send]', () => {
  const lan = new Lan()
  const route = { prefix: ip4('10.0.0.0'), prefixLength: 8, kind: 'unicast', nextHop: ip4(IP[G2]!), port: 1 } as const
  lan.n.node.ip4.routes.add({ ...route, origin: 'static', metric: 0 })
  for (const dst of ['10.1.2.3', X, '192.0.2.77', '192.0.2.1', '192.0.2.255', '224.0.0.1'])
    for (const d of [
      echo({ dst }, 20),
      udp({ dst }, 20),
      udp({ dst, ttl: 1 }, 20),
      udp({ dst, options: '830704c000020200' }, 20),
    ])
      for (const frame of lan.give(d)) expect([frame.slice(46, 48), frame.slice(68, 70)]).not.toEqual(['01', '05'])
})

describe('a gateway', () => {
  const gateway = (accept?: boolean) =>
    new Lan({
      role: 'gateway',
      ports: [port(1, { addresses: ['192.0.2.1/24'] }), port(2, { medium: 'ip', addresses: ['198.51.100.1/24'] })],
      ip4: {
        routes: [{ prefix: ip4('0.0.0.0'), prefixLength: 0, kind: 'unicast', nextHop: ip4(IP[G1]!), port: 1 }],
        ...(accept === undefined ? {} : { acceptRedirects: accept }),
      },
    })
  /** The station that a datagram to X which came in by port 2 goes to. */
  const forwards = (lan: Lan) =>
    lan.n
      .give(udp({ src: '198.51.100.2', dst: X }, 8), { port: 2 })
      .map((b) => hex(b, 0, 6))
      .join()

  test('does not use redirects, neither for what it forwards nor for its own (RFC 1812 §5.2.7.2) [v4-redirect-gw-ignore] [v4-redirect-gw-static-option]', () => {
    const lan = gateway()
    expect(forwards(lan)).toBe(G1)
    lan.give(redirect(1, IP[G2]!, quoted(lan, X)))
    expect([forwards(lan), lan.via(X)]).toEqual([G1, G1])
    expect(lan.n.node.counters.dropped.ignored).toBe(1)
  })

  test('forwards by them where it was told to (RFC 1812 §5.2.7.2) [v4-redirect-gw-static-option]', () => {
    const lan = gateway(true)
    expect(forwards(lan)).toBe(G1)
    lan.give(redirect(1, IP[G2]!, quoted(lan, X)))
    expect([forwards(lan), lan.via(X)]).toEqual([G2, G2])
  })
})

test('a redirect to a gateway that does not answer ARP is forgotten, and the default gateway used again (RFC 1122 §3.3.1.5)', () => {
  const lan = new Lan()
  lan.give(redirect(1, '192.0.2.99', quoted(lan, X)))
  lan.via(X)
  lan.n.run(4000)
  expect(lan.via(X)).toBe(G1)
})

test('a default gateway that does not answer ARP gives way to another for a minute (RFC 1122 §3.3.1.5)', () => {
  const via = (nextHop: string, metric: number) =>
    ({
      prefix: ip4('0.0.0.0'),
      prefixLength: 0,
      kind: 'unicast',
      nextHop: ip4(nextHop),
      port: 1,
      metric,
      origin: 'static',
    }) as const
  const lan = new Lan({ ip4: { routes: [] } })
  lan.n.node.ip4.routes.add(via('192.0.2.99', 0))
  lan.n.node.ip4.routes.add(via(IP[G2]!, 1))
  expect(lan.via(X)).toBe(ALL)
  lan.n.run(4000)
  expect(lan.via(X)).toBe(G2)
  lan.n.run(60_000)
  lan.arp(G2)
  expect(lan.via(X)).toBe(ALL)
})

test('redirects for more destinations than there is room for: the table keeps its bound', () => {
  const lan = new Lan()
  for (let i = 0; i < 3000; i++) lan.give(redirect(1, IP[G2]!, quoted(lan, `10.9.${i >> 8}.${i & 255}`)))
  expect(lan.n.node.ip4.control.redirects.size).toBe(1024)
})

test('what was learned by a link that went down is forgotten', () => {
  const lan = new Lan()
  lan.give(redirect(1, IP[G2]!, quoted(lan, X)))
  lan.n.node.changePort(lan.n.now as Instant, 1, { up: false })
  lan.n.node.changePort(lan.n.now as Instant, 1, { up: true })
  for (const mac of [G1, G2]) lan.arp(mac)
  expect(lan.via(X)).toBe(G1)
})

test('a redirect goes to the transports as no error, and a raw listener sees it', () => {
  const lan = new Lan()
  const seen: number[] = []
  lan.n.node.transport.raw.add({ message: (_now, d) => seen.push(d.bytes[d.at]!), owns: () => false })
  lan.give(redirect(1, IP[G2]!, quoted(lan, X)))
  expect(seen).toEqual([5])
  expect(lan.socket.error()).toBeUndefined()
})

test('an echo answer follows a redirect too, though answers belong to no flow that could be redirected', () => {
  const lan = new Lan()
  lan.give(redirect(1, IP[G2]!, quoted(lan, X)))
  const request = echo({ src: X }, 8)
  for (let i = 0; i < 3; i++) expect(lan.give(request, G1).map((f) => f.slice(0, 12))).toEqual([G2])
})
