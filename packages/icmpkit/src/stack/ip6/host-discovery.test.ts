import { expect, test } from 'vitest'
import {
  echo,
  frame,
  left,
  mtu,
  na,
  ofType,
  prefix,
  type Ra,
  ra,
  route,
  slla,
  tlla,
} from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'
import type { Ip6Settings } from './settings.ts'

const LINK_LOCAL = 'fe80::ff:fe00:1'
/** Two routers. */
const A = { from: 'fe80::aa', mac: '0200000000aa' }
const B = { from: 'fe80::bb', mac: '0200000000bb' }
const NS = 135
const RS = 133
const REPLY = 129

function started(settings: Partial<Ip6Settings> = {}, addresses = ['2001:db8::1/64']): OneNode {
  const n = new OneNode({ ip6: settings, ports: [port(1, { addresses })] })
  n.run(10_000)
  n.taken()
  return n
}

type Router = typeof A

const advertise = (n: OneNode, r: Router, f: Ra, ...options: string[]) =>
  n.give(frame({ from: r.from, to: 'ff02::1', mac: r.mac }, ra(f, ...options)))

/** It has answered a solicitation of ours. */
const confirm = (n: OneNode, r: Router, flags = 'SOR') =>
  n.give(frame({ from: r.from, to: LINK_LOCAL, mac: r.mac }, na(r.from, flags, tlla(r.mac))))

/** Whom the answer to an echo request from `from` goes to: a link-layer address, or the address that is asked for. */
function goesTo(n: OneNode, from = '2001:db8:9::9'): string {
  n.taken()
  const out = n.give(frame({ from, to: '2001:db8::1', hop: 60 }, echo()))
  n.taken()
  return ofType(out, REPLY)[0]?.dstMac ?? ofType(out, NS)[0]?.target ?? 'nowhere'
}

test('a router is used while it lives: its lifetime runs out, is renewed, or taken back at once; two are kept (RFC 4861 §6.3.4, §6.3.5) [v6-nd-ra-default-router]', () => {
  const n = started()
  expect(goesTo(n)).toBe('nowhere')
  advertise(n, A, { lifetime: 5 }, slla(A.mac))
  confirm(n, A)
  expect(goesTo(n)).toBe(A.mac)
  n.run(4900)
  expect(goesTo(n)).toBe(A.mac)
  advertise(n, A, { lifetime: 5 }, slla(A.mac))
  n.run(4900)
  expect(goesTo(n)).toBe(A.mac)
  n.run(200)
  expect(goesTo(n)).toBe('nowhere')
  advertise(n, A, { lifetime: 1800 }, slla(A.mac))
  advertise(n, B, { lifetime: 1800 }, slla(B.mac))
  confirm(n, A)
  confirm(n, B)
  expect(goesTo(n)).toBe(A.mac)
  advertise(n, A, { lifetime: 0 }, slla(A.mac))
  expect(goesTo(n)).toBe(B.mac)
  advertise(n, B, { lifetime: 0 }, slla(B.mac))
  expect(goesTo(n)).toBe('nowhere')
  expect(n.events.filter((e) => e.kind === 'router').map((e) => e.state)).toEqual([
    'found',
    'gone',
    'found',
    'found',
    'gone',
    'gone',
  ])
})

test('a router that falls silent is left for one that answers; while none is known they take turns (RFC 4861 §6.3.6) [v6-nd-ra-router-select]', () => {
  const n = started()
  advertise(n, A, { lifetime: 1800 }, slla(A.mac))
  advertise(n, B, { lifetime: 1800 }, slla(B.mac))
  confirm(n, B)
  expect(goesTo(n)).toBe(A.mac)
  // A answers no probe: eight seconds later it is gone from the cache.
  n.run(8000)
  expect(goesTo(n)).toBe(B.mac)
  expect(goesTo(n, '2001:db8:9::8')).toBe(B.mac)
  // Without link-layer addresses in their advertisements neither is known.
  const unknown = started()
  advertise(unknown, A, { lifetime: 1800 })
  advertise(unknown, B, { lifetime: 1800 })
  expect([1, 2, 3, 4].map((i) => goesTo(unknown, `2001:db8:9::${i}`)).sort()).toEqual([
    'fe80::aa',
    'fe80::bb',
    'nowhere',
    'nowhere',
  ])
  const [a, b] = ['fe80::aa', 'fe80::bb'].map(
    (address) => unknown.node.ip6.neighbours.link(unknown.node.ports.get(1)!).cache.get(ip6(address))!.queue.length,
  )
  expect([a, b]).toEqual([2, 2])
})

test('a hop limit that is advertised is used, and zero keeps it (RFC 4861 §6.3.4) [v6-nd-ra-hoplimit]', () => {
  const hops = (n: OneNode) => {
    const out = n.give(frame({ from: '2001:db8:9::9', to: '2001:db8::1', hop: 60 }, echo()))
    n.taken()
    return ofType(out, REPLY)[0]!.hop
  }
  const n = started()
  advertise(n, A, { lifetime: 1800, hop: 0 }, slla(A.mac))
  expect(hops(n)).toBe(64)
  advertise(n, A, { lifetime: 1800, hop: 15 }, slla(A.mac))
  expect(hops(n)).toBe(15)
  advertise(n, A, { lifetime: 1800, hop: 0 }, slla(A.mac))
  expect(hops(n)).toBe(15)
})

test('reachable and retrans times are taken over, the first at random around its base; zero keeps them (RFC 4861 §6.3.4) [v6-nd-ra-timers]', () => {
  const lasted: number[] = []
  for (let i = 0; i < 40; i++) {
    const n = started()
    for (let turn = 0; turn < i; turn++) n.node.random()
    advertise(n, A, { lifetime: 1800, reachable: 10_000, retrans: 5000 }, slla(A.mac))
    advertise(n, A, { lifetime: 1800, reachable: 0, retrans: 0 }, slla(A.mac))
    confirm(n, A)
    const from = n.now
    const { stateOf } = {
      stateOf: (at: number) =>
        n.node.ip6.neighbours.stateOf(at as Instant, [...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache][0]!),
    }
    let ms = 4900
    while (ms < 20_000 && stateOf(from + ms) === 'reachable') ms += 50
    lasted.push(ms)
  }
  expect(Math.min(...lasted)).toBeGreaterThanOrEqual(5000)
  expect(Math.max(...lasted)).toBeLessThanOrEqual(15_050)
  expect(Math.max(...lasted) - Math.min(...lasted)).toBeGreaterThan(4000)
  const n = started()
  advertise(n, A, { lifetime: 1800, retrans: 5000 }, slla(A.mac))
  advertise(n, A, { lifetime: 1800, retrans: 0 }, slla(A.mac))
  const from = n.now
  n.give(frame({ from: '2001:db8::77', to: '2001:db8::1', hop: 64 }, echo()))
  const at = [...n.taken(), ...n.run(30_000)].filter(
    (s) => left(s.bytes).type === NS && left(s.bytes).target === '2001:db8::77',
  )
  expect(at.map((s) => s.at - from)).toEqual([0, 5000, 10_000])
})

test('the reachable time is drawn anew with each new base, and every few hours (RFC 4861 §6.3.4)', () => {
  const n = started()
  const link = n.node.ip6.neighbours.link(n.node.ports.get(1)!)
  const first = link.reachableMs(n.now as Instant)
  expect(link.reachableMs((n.now + 3_600_000) as Instant)).toBe(first)
  expect(link.reachableMs((n.now + 10_800_000) as Instant)).not.toBe(first)
})

test('the link-layer address in an advertisement makes a stale entry of a router, replaces another, keeps the state with the same, and without one a known entry becomes a router (RFC 4861 §6.3.4) [v6-nd-ra-slla]', () => {
  const entry = (n: OneNode) => {
    const e = n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache.get(ip6(A.from))
    return e === undefined ? undefined : [hex(e.mac), e.state, e.isRouter]
  }
  const reach = (n: OneNode) => {
    n.give(frame({ from: A.from, to: LINK_LOCAL, hop: 64, mac: A.mac }, echo()))
    confirm(n, A, 'SO')
  }
  const states: [string, (n: OneNode) => void][] = [
    ['none', () => {}],
    ['incomplete', (n) => void n.give(frame({ from: A.from, to: LINK_LOCAL, hop: 64 }, echo()))],
    ['reachable', reach],
    [
      'delay',
      (n) => {
        reach(n)
        n.run(45_001)
        n.give(frame({ from: A.from, to: LINK_LOCAL, hop: 64 }, echo()))
      },
    ],
    [
      'probe',
      (n) => {
        reach(n)
        n.run(45_001)
        n.give(frame({ from: A.from, to: LINK_LOCAL, hop: 64 }, echo()))
        n.run(5500)
      },
    ],
  ]
  for (const [state, bring] of states) {
    const known = state !== 'none' && state !== 'incomplete'
    const made = state === 'incomplete' ? 'delay' : 'stale'
    const same = started()
    bring(same)
    advertise(same, A, { lifetime: 1800 }, slla(A.mac))
    expect([state, entry(same)]).toEqual([state, [A.mac, known ? state : made, true]])
    const other = started()
    bring(other)
    advertise(other, A, { lifetime: 1800 }, slla(B.mac))
    expect([state, entry(other)]).toEqual([state, [B.mac, made, true]])
    const without = started()
    bring(without)
    advertise(without, A, { lifetime: 1800 })
    const kept = state === 'incomplete' ? '000000000000' : A.mac
    expect([state, entry(without)]).toEqual([state, state === 'none' ? undefined : [kept, state, true]])
  }
})

test('a prefix with L is on the link for its valid lifetime; without L it says nothing; zero takes it back; fe80::/10 is ignored (RFC 4861 §6.3.4) [v6-nd-ra-prefix-onlink]', () => {
  const n = started()
  const told = (flags: string, valid: number) =>
    advertise(n, A, { lifetime: 1800 }, slla(A.mac), prefix('2001:db8:5::/64', flags, valid))
  const isOnLink = () => {
    const to = goesTo(n, '2001:db8:5::5')
    // Its entry is forgotten before it is asked again.
    n.run(4000)
    return to === '2001:db8:5::5'
  }
  told('', 3600)
  expect(isOnLink()).toBe(false)
  told('L', 3600)
  expect(isOnLink()).toBe(true)
  told('', 0)
  expect(isOnLink()).toBe(true)
  told('L', 0)
  expect(isOnLink()).toBe(false)
  told('L', 10)
  n.run(5000)
  told('L', 10)
  n.run(4000)
  expect(isOnLink()).toBe(true)
  n.run(5000)
  expect(isOnLink()).toBe(false)
  advertise(n, A, { lifetime: 1800 }, prefix('fe80::/10', 'L', 0), prefix('fe80::/64', 'LA', 0))
  n.taken()
  expect(ofType(n.give(frame({ from: 'fe80::77', to: LINK_LOCAL, hop: 64 }, echo())), NS)).toMatchObject([
    { target: 'fe80::77' },
  ])
})

test('unknown options and reserved bits are passed over, all that all routers say is kept, and of single values the last (RFC 4861 §6.1.2, §6.3.4) [v6-nd-ra-options-ignore]', () => {
  const n = started()
  const odd = ra(
    { hop: 20, flags: 0x07, lifetime: 1800 },
    `fd02${'ff'.repeat(14)}`,
    slla(A.mac),
    prefix('2001:db8:5::/64', 'L', 3600),
    mtu(1400),
  )
  n.give(frame({ from: A.from, to: 'ff02::1' }, odd))
  advertise(n, B, { hop: 30, lifetime: 1800 }, slla(B.mac), prefix('2001:db8:6::/64', 'L', 3600), mtu(1300))
  expect(goesTo(n, '2001:db8:5::5')).toBe('2001:db8:5::5')
  expect(goesTo(n, '2001:db8:6::6')).toBe('2001:db8:6::6')
  expect(n.node.ip6.linkMtu(n.node.ports.get(1)!)).toBe(1300)
  expect(n.node.ip6.hopLimit(n.node.ports.get(1)!)).toBe(30)
  // An MTU that the link does not carry, or IPv6 does not live with, is none.
  advertise(n, B, { lifetime: 1800 }, mtu(1279))
  advertise(n, B, { lifetime: 1800 }, mtu(9000))
  expect(n.node.ip6.linkMtu(n.node.ports.get(1)!)).toBe(1300)
})

test('the preferred router is used, the reserved value is medium, and a more specific route leads elsewhere (RFC 4191 §2.2, §3) [v6-nd-ra-preference]', () => {
  // 01 high, 00 medium, 11 low, 10 reserved, in bits 3 and 4 of the flags.
  const flags = { high: 0x08, medium: 0, low: 0x18, reserved: 0x10 }
  const winner = (a: keyof typeof flags, b: keyof typeof flags) => {
    const n = started()
    for (const [r, preference] of [
      [A, a],
      [B, b],
    ] as const) {
      advertise(n, r, { lifetime: 1800, flags: flags[preference] }, slla(r.mac))
      confirm(n, r)
    }
    return goesTo(n) === A.mac ? 'A' : 'B'
  }
  expect(winner('low', 'high')).toBe('B')
  expect(winner('high', 'medium')).toBe('A')
  expect(winner('low', 'medium')).toBe('B')
  expect(winner('low', 'reserved')).toBe('B')
  expect(winner('reserved', 'high')).toBe('B')
  expect(winner('reserved', 'medium')).toBe('A')
  const n = started()
  advertise(n, A, { lifetime: 1800, flags: flags.high }, slla(A.mac))
  confirm(n, A)
  const leads = (...options: string[]) => {
    advertise(n, B, { lifetime: 0, flags: flags.high }, slla(B.mac), ...options)
    confirm(n, B)
    return [goesTo(n), goesTo(n, '2001:db8:7::7')]
  }
  expect(leads(route('2001:db8:9::/48', 0b10, 1800))).toEqual([A.mac, A.mac])
  expect(leads(route('2001:db8:9::/48', 0b11, 1800))).toEqual([B.mac, A.mac])
  expect(leads(route('2001:db8:9::/48', 0b11, 0))).toEqual([A.mac, A.mac])
  expect(leads(route('2001:db8:9::/48', 0, 60))).toEqual([B.mac, A.mac])
  n.run(61_000)
  expect(n.node.ip6.nd.host!.routers.routes.map((r) => r.prefixLength)).toEqual([0])
})

test('an accepted advertisement that says it is no router takes the router off the list, and traffic moves (RFC 4861 §7.2.5, §7.3.3) [v6-nd-na-isrouter]', () => {
  const n = started()
  for (const r of [A, B]) {
    advertise(n, r, { lifetime: 1800 }, slla(r.mac))
    confirm(n, r)
  }
  expect(goesTo(n)).toBe(A.mac)
  n.give(frame({ from: A.from, to: 'ff02::1', mac: A.mac }, na(A.from, 'O', tlla(A.mac))))
  expect(goesTo(n)).toBe(B.mac)
  // It takes an advertisement of a router, not only the flag, to be one again.
  n.give(frame({ from: A.from, to: 'ff02::1', mac: A.mac }, na(A.from, 'OR', tlla(A.mac))))
  expect(goesTo(n)).toBe(B.mac)
  // One that is not accepted (O clear, another address) says nothing.
  n.give(frame({ from: B.from, to: 'ff02::1', mac: B.mac }, na(B.from, '', tlla(A.mac))))
  expect(goesTo(n)).toBe(B.mac)
})

test('advertisements can be switched off: nothing is asked for, nothing taken', () => {
  const n = new OneNode({ ip6: { acceptAdvertisements: false }, ports: [port(1, { addresses: ['2001:db8::1/64'] })] })
  expect(ofType(n.run(60_000), RS)).toEqual([])
  advertise(n, A, { lifetime: 1800, hop: 15 }, slla(A.mac), prefix('2001:db8:5::/64', 'LA', 3600))
  expect(goesTo(n)).toBe('nowhere')
  expect([...n.node.ip6.addresses].map((a) => a.address)).not.toContain(ip6('2001:db8:5::ff:fe00:1'))
  expect(n.node.counters.dropped.disabled).toBe(1)
})

test('of two configured gateways the one that answers is used, and a port without a carrier leads nowhere', () => {
  const via = (nextHop: string, at = 1) => ({
    prefix: ip6('::'),
    prefixLength: 0,
    kind: 'unicast' as const,
    nextHop: ip6(nextHop),
    port: at,
  })
  const n = started({ routes: [via(A.from), via(B.from)] })
  expect([goesTo(n), goesTo(n, '2001:db8:9::8')].sort()).toEqual([A.from, B.from])
  confirm(n, B)
  expect(goesTo(n, '2001:db8:9::7')).toBe(B.mac)
  // A never answered: what went there goes to B when that is known.
  n.run(3000)
  expect(goesTo(n)).toBe(B.mac)
  // Learned on an up port, where the configured one is down.
  const two = new OneNode({
    ip6: { routes: [via('fe80::cc', 2)] },
    ports: [port(1, { addresses: ['2001:db8::1/64'] }), port(2)],
  })
  two.run(10_000)
  advertise(two, A, { lifetime: 1800 }, slla(A.mac))
  confirm(two, A)
  expect(goesTo(two)).toBe('fe80::cc')
  two.node.changePort(two.now as Instant, 2, { up: false })
  expect(goesTo(two)).toBe(A.mac)
})

test('a link that was away may be another one: its routers, prefixes, addresses and parameters are forgotten, and routers asked for anew', () => {
  const n = started()
  advertise(
    n,
    A,
    { lifetime: 1800, hop: 15, retrans: 5000 },
    slla(A.mac),
    mtu(1400),
    prefix('2001:db8:5::/64', 'LA', 3600),
  )
  n.run(3000)
  n.node.changePort(n.now as Instant, 1, { up: false })
  expect(goesTo(n)).toBe('nowhere')
  n.node.changePort(n.now as Instant, 1, { up: true })
  const sent = n.run(3500)
  expect(ofType(sent, RS)).toHaveLength(1)
  const one = n.node.ports.get(1)!
  expect([n.node.ip6.hopLimit(one), n.node.ip6.linkMtu(one), n.node.ip6.neighbours.link(one).retransMs]).toEqual([
    64, 1500, 1000,
  ])
  expect([...n.node.ip6.addresses].map((a) => a.origin).sort()).toEqual(['configured', 'link-local'])
  expect([...n.node.ip6.routes].map((r) => r.origin)).toEqual(['connected'])
  expect(goesTo(n)).toBe('nowhere')
  expect(goesTo(n, '2001:db8::77')).toBe('2001:db8::77')
})

test('a flood of forged routers and prefixes fills bounded lists, and the router that answers stays in use', () => {
  const n = started()
  advertise(n, A, { lifetime: 1800, flags: 0 }, slla(A.mac))
  confirm(n, A)
  expect(goesTo(n)).toBe(A.mac)
  for (let i = 0; i < 3000; i++) {
    const forged = { from: `fe80::${(i >> 8).toString(16)}:${i.toString(16)}:bad`, mac: '0200000000ee' }
    advertise(
      n,
      forged,
      { lifetime: 9000, flags: 0x18 },
      prefix(`2001:db8:${(0x1000 + i).toString(16)}::/64`, 'LA', 3600),
      route(`2001:db8:${(0x1000 + i).toString(16)}::/48`, 0, 3600),
    )
  }
  const { host } = n.node.ip6.nd
  expect(host!.routers.routes.filter((r) => r.prefixLength === 0).length).toBeLessThanOrEqual(16)
  expect(host!.routers.routes.length).toBeLessThanOrEqual(80)
  expect([...n.node.ip6.routes].length).toBeLessThanOrEqual(70)
  expect([...n.node.ip6.addresses].length).toBeLessThanOrEqual(64)
  n.taken()
  const [reply] = ofType(n.give(frame({ from: '2001:db8:9::9', to: '2001:db8::1', hop: 60 }, echo())), REPLY)
  expect(reply!.dstMac).toBe(A.mac)
})

test('destinations without end cost the host nothing but a bounded cache', () => {
  const n = started()
  advertise(n, A, { lifetime: 1800 }, slla(A.mac))
  confirm(n, A)
  for (let i = 0; i < 20_000; i++) {
    const from = i % 2 === 0 ? `2001:db8:9:${i.toString(16)}::1` : `2001:db8:9::${i.toString(16)}`
    n.give(frame({ from, to: '2001:db8::1', hop: 60 }, echo()))
    n.taken()
    if (i % 1000 === 999) confirm(n, A)
  }
  expect(goesTo(n)).toBe(A.mac)
})
