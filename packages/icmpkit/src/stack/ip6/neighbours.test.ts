import { expect, test } from 'vitest'
import {
  echo,
  frame,
  left,
  na,
  ns,
  OUR_MAC,
  ofType,
  prefix,
  ra,
  redirect,
  slla,
  tlla,
} from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import type { Ip6Settings } from './settings.ts'

/** Our addresses are 2001:db8::1 and this one; the neighbour is 2001:db8::aa at 02:00:00:00:00:aa. */
const LINK_LOCAL = 'fe80::ff:fe00:1'
const MAC = '0200000000aa'
const OTHER = '0200000000bb'
const NS = 135
const NA = 136
const REPLY = 129

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

/** The neighbour asks for an echo: the answer is what makes the node look for it. */
function ask(n: OneNode, from = '2001:db8::aa', to = '2001:db8::1', seq = 1): Uint8Array[] {
  return n.give(frame({ from, to, hop: 64 }, echo(seq)))
}

const nsFrom = (from: string, target: string, ...options: string[]) =>
  frame({ from, to: 'ff02::1:ff00:1' }, ns(target, ...options))

/** The neighbour advertises itself: to us with S, to all nodes without. */
const naOf = (flags: string, mac?: string, from = '2001:db8::aa') =>
  frame(
    { from, to: flags.includes('S') ? '2001:db8::1' : 'ff02::1' },
    na(from, flags, ...(mac === undefined ? [] : [tlla(mac)])),
  )

/** Brings the neighbour's entry into a state, by octets alone; the clock stands where the state began. */
function inState(state: string): OneNode {
  const n = started()
  if (state === 'INCOMPLETE') ask(n)
  if (state === 'REACHABLE') {
    ask(n)
    n.give(naOf('SO', MAC))
  }
  if (state === 'STALE') n.give(frame({ from: '2001:db8::aa', to: '2001:db8::1' }, ns('2001:db8::1', slla(MAC))))
  // The answer to the solicitation was sent: the first packet to a stale neighbour.
  if (state === 'DELAY') n.give(frame({ from: '2001:db8::aa', to: '2001:db8::1' }, ns('2001:db8::1', slla(MAC))))
  if (state === 'PROBE') {
    n.give(frame({ from: '2001:db8::aa', to: '2001:db8::1' }, ns('2001:db8::1', slla(MAC))))
    n.run(5000)
  }
  n.taken()
  return n
}

/** What an echo request shows: the entry's address, and by what follows the state that it was in. */
function seen(n: OneNode): { mac: string; multicastAt: number[]; unicastAt: number[] } {
  const from = n.now
  const replies = ofType(ask(n, '2001:db8::aa', '2001:db8::1', 7), REPLY)
  const later = [...n.taken(), ...n.run(9000)].filter((s) => left(s.bytes).type === NS)
  const at = (multicast: boolean) =>
    later.filter((s) => left(s.bytes).dst.startsWith('ff') === multicast).map((s) => Math.round(s.at - from))
  return { mac: replies[0]?.dstMac ?? '', multicastAt: at(true), unicastAt: at(false) }
}

test('a neighbour is asked for by its solicited-node group, from hop limit 255, with our link-layer address (RFC 4861 §7.2.2) [v6-nd-ns-send-format]', () => {
  const n = started()
  const [asked] = ofType(ask(n), NS)
  expect(asked).toMatchObject({
    dstMac: '3333ff0000aa',
    dst: 'ff02::1:ff00:aa',
    hop: 255,
    code: 0,
    target: '2001:db8::aa',
    options: `0101${OUR_MAC}`,
    sound: true,
  })
  expect(asked!.icmp.slice(8, 16)).toBe('00000000')
  n.give(naOf('SO', MAC))
  n.run(60_000)
  ask(n)
  n.taken()
  const [probe] = ofType(n.run(5000), NS)
  expect(probe).toMatchObject({ dstMac: MAC, dst: '2001:db8::aa', hop: 255, options: `0101${OUR_MAC}`, sound: true })
})

test('an answer to a solicitation, as scapy makes it, releases the packet that waits (RFC 4861 §7.2.5)', () => {
  const n = started()
  ask(n)
  const out = n.give(
    '0200000000010200000000aa86dd6000000000203aff20010db80000000000000000000000aa20010db8000000000000000000000001880088796000000020010db80000000000000000000000aa02010200000000aa',
  )
  expect(ofType(out, REPLY)).toMatchObject([{ dstMac: MAC, dst: '2001:db8::aa', src: '2001:db8::1' }])
})

test('a solicitation comes from the address that the waiting packet comes from (RFC 4861 §7.2.2) [v6-nd-ns-source]', () => {
  const n = started()
  expect(ofType(ask(n), NS)[0]!.src).toBe('2001:db8::1')
  expect(ofType(ask(n, 'fe80::bb', LINK_LOCAL), NS)[0]!.src).toBe(LINK_LOCAL)
})

test('a silent neighbour is asked three times, a second apart, and no more (RFC 4861 §7.2.2) [v6-nd-ns-retrans]', () => {
  const n = started()
  const from = n.now
  ask(n)
  const sent = [...n.taken(), ...n.run(60_000)].filter((s) => left(s.bytes).type === NS)
  expect(sent.map((s) => Math.round(s.at - from))).toEqual([0, 1000, 2000])
  expect(n.node.counters.dropped.unresolved ?? 0).toBe(1)
  expect(n.events.filter((e) => e.kind === 'neighbour')).toMatchObject([{ state: 'failed', at: from + 3000 }])
})

test('packets wait for their neighbour, each for its own, the newest in place of the oldest (RFC 4861 §7.2.2) [v6-nd-ns-queue]', () => {
  const n = started({ ip6: { unresolvedQueue: 2 } })
  for (const seq of [1, 2, 3]) ask(n, '2001:db8::aa', '2001:db8::1', seq)
  ask(n, '2001:db8::bb', '2001:db8::1', 9)
  const seqs = (out: Uint8Array[]) => ofType(out, REPLY).map((l) => Number.parseInt(l.icmp.slice(12, 16), 16))
  expect(seqs(n.give(naOf('SO', MAC)))).toEqual([2, 3])
  expect(n.node.counters.dropped['queue-full']).toBe(1)
  expect(seqs(n.give(naOf('SO', OTHER, '2001:db8::bb')))).toEqual([9])
})

test('neighbours are resolved on their link, what lies beyond goes to the router, groups to nobody in particular (RFC 4861 §5.2) [v6-nd-ns-onlink] [v6-nd-nud-mcast]', () => {
  const n = started({ addresses: [] })
  n.give(frame({ from: 'fe80::99', to: 'ff02::1', mac: OTHER }, ra({}, prefix('2001:db8:5::/64', 'L', 3600))))
  const send = (dst: string) => {
    n.node.ip6.send(n.now as Instant, {
      dst: ip6(dst),
      protocol: 17,
      payload: new Uint8Array(8),
      port: n.node.ports.get(1)!,
    })
    return n.collect().map(left)
  }
  expect(send('2001:db8:5::7')).toMatchObject([{ type: NS, target: '2001:db8:5::7' }])
  expect(send('2001:db8:6::7')).toMatchObject([{ type: NS, target: 'fe80::99' }])
  expect(send('fe80::77')).toMatchObject([{ type: NS, target: 'fe80::77' }])
  expect(send('ff02::1')).toMatchObject([{ type: -1, dstMac: '333300000001' }])
  expect(send('ff0e::1:2')).toMatchObject([{ type: -1, dstMac: '333300010002' }])
  // Three are known; the groups left no trace, then or later.
  expect([...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache]).toHaveLength(3)
  n.taken()
  expect(ofType(n.run(1500), NS).filter((l) => l.target.startsWith('ff'))).toEqual([])
})

test('a solicitation with a link-layer address makes a stale entry: the answer goes there at once, a probe after five seconds (RFC 4861 §7.2.3, §7.3.3) [v6-nd-ns-create] [v6-nd-nud-delay]', () => {
  const n = started()
  const from = n.now
  const out = n.give(nsFrom('2001:db8::aa', '2001:db8::1', slla(MAC)))
  expect(out.map(left)).toMatchObject([{ type: NA, dstMac: MAC }])
  n.taken()
  const [entry] = n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache
  expect(entry!.isRouter).toBe(false)
  const probes = n.run(7500).filter((s) => left(s.bytes).type === NS)
  expect(probes.map((s) => s.at - from)).toEqual([5000, 6000, 7000])
  expect(left(probes[0]!.bytes)).toMatchObject({ dstMac: MAC, dst: '2001:db8::aa', target: '2001:db8::aa' })
})

test('a solicitation from nobody, or without a link-layer address, leaves the cache alone (RFC 4861 §7.2.3) [v6-nd-ns-nocreate]', () => {
  const n = started()
  n.give(nsFrom('::', '2001:db8::1'))
  const { cache } = n.node.ip6.neighbours.link(n.node.ports.get(1)!)
  expect([...cache]).toEqual([])
  const out = n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, ns('2001:db8::1')))
  // Our own question first, the answer when it is resolved.
  expect(out.map(left)).toMatchObject([{ type: NS, target: 'fe80::aa', dstMac: '3333ff0000aa' }])
  expect(n.give(naOf('SO', MAC, 'fe80::aa')).map(left)).toMatchObject([{ type: NA, dstMac: MAC, dst: 'fe80::aa' }])
  // And one that is there is not changed by it.
  const reachable = inState('REACHABLE')
  reachable.give(frame({ from: '2001:db8::aa', to: '2001:db8::1', mac: OTHER }, ns('2001:db8::1')))
  expect(seen(reachable)).toEqual({ mac: MAC, multicastAt: [], unicastAt: [] })
})

test('another link-layer address in a solicitation replaces the cached one and makes it stale, the same leaves the state, and neither makes a host of a router (RFC 4861 §7.2.3) [v6-nd-ns-update]', () => {
  const told = (n: OneNode, mac: string) => n.give(nsFrom('2001:db8::aa', '2001:db8::1', slla(mac)))
  const same = inState('REACHABLE')
  told(same, MAC)
  expect(seen(same)).toEqual({ mac: MAC, multicastAt: [], unicastAt: [] })
  const other = inState('REACHABLE')
  told(other, OTHER)
  // The answer began the five seconds.
  expect(seen(other)).toEqual({ mac: OTHER, multicastAt: [], unicastAt: [5000, 6000, 7000] })
  for (const state of ['STALE', 'DELAY']) {
    const n = inState(state)
    told(n, OTHER)
    expect(seen(n)).toMatchObject({ mac: OTHER, unicastAt: [5000, 6000, 7000] })
  }
  const probed = inState('PROBE')
  told(probed, MAC)
  expect(seen(probed).unicastAt.slice(0, 2)).toEqual([1000, 2000])
  const replaced = inState('PROBE')
  told(replaced, OTHER)
  expect(seen(replaced).unicastAt).toEqual([5000, 6000, 7000])
  const incomplete = inState('INCOMPLETE')
  expect(told(incomplete, MAC).map(left)).toMatchObject([{ type: REPLY, dstMac: MAC }, { type: NA }])
  const router = inState('REACHABLE')
  router.give(naOf('SOR', MAC))
  const entry = router.node.ip6.neighbours.link(router.node.ports.get(1)!).cache.get(ip6('2001:db8::aa'))!
  expect(entry.isRouter).toBe(true)
  told(router, OTHER)
  expect(entry.isRouter).toBe(true)
})

test('an unresolved neighbour is reachable by a solicited answer, stale by another, whatever O says (RFC 4861 §7.2.5) [v6-nd-na-incomplete]', () => {
  for (const [flags, probes] of [
    ['S', []],
    ['SO', []],
    ['', [5000, 6000, 7000]],
    ['O', [5000, 6000, 7000]],
  ] as const) {
    const n = inState('INCOMPLETE')
    expect(ofType(n.give(naOf(flags, MAC)), REPLY)).toMatchObject([{ dstMac: MAC }])
    expect(seen(n)).toEqual({ mac: MAC, multicastAt: [], unicastAt: probes })
  }
  const router = inState('INCOMPLETE')
  router.give(naOf('SR', MAC))
  expect([...router.node.ip6.neighbours.link(router.node.ports.get(1)!).cache][0]!.isRouter).toBe(true)
})

test('an advertisement without a link-layer address resolves nothing (RFC 4861 §7.2.5) [v6-nd-na-incomplete-notlla]', () => {
  const n = inState('INCOMPLETE')
  expect(n.give(naOf('SO'))).toEqual([])
  expect(n.node.counters.dropped.unsolicited).toBe(1)
  expect(ofType(n.give(naOf('SO', MAC)), REPLY)).toHaveLength(1)
})

test('a host takes no advertisement of somebody it never looked for (RFC 4861 §7.2.5) [v6-nd-na-noentry]', () => {
  for (const flags of ['', 'S', 'O', 'SO', 'SOR']) {
    const n = started()
    n.give(naOf(flags, MAC))
    expect(seen(n).multicastAt).toEqual([0, 1000, 2000])
  }
})

test('a router keeps an unasked advertisement as stale, if it has a link-layer address in it (RFC 9131 §6.1.1) [v6-nd-na-noentry-router]', () => {
  const kept = started({ role: 'gateway' })
  kept.give(naOf('', MAC))
  expect(seen(kept)).toEqual({ mac: MAC, multicastAt: [], unicastAt: [5000, 6000, 7000] })
  for (const flags of ['SO', 'O', 'S']) {
    const n = started({ role: 'gateway' })
    n.give(naOf(flags, MAC))
    expect(seen(n)).toEqual({ mac: MAC, multicastAt: [], unicastAt: [5000, 6000, 7000] })
  }
  const without = started({ role: 'gateway' })
  without.give(naOf('SO'))
  expect(seen(without).multicastAt).toEqual([0, 1000, 2000])
})

test('another link-layer address without O makes a reachable neighbour stale and is ignored in every other state (RFC 4861 §7.2.5(I)) [v6-nd-na-o0-diff]', () => {
  for (const flags of ['', 'S']) {
    const reachable = inState('REACHABLE')
    reachable.give(naOf(flags, OTHER))
    expect(seen(reachable)).toEqual({ mac: MAC, multicastAt: [], unicastAt: [5000, 6000, 7000] })
    const delayed = inState('DELAY')
    delayed.run(2000)
    delayed.give(naOf(flags, OTHER))
    expect(seen(delayed)).toEqual({ mac: MAC, multicastAt: [], unicastAt: [3000, 4000, 5000] })
    const probed = inState('PROBE')
    probed.run(500)
    probed.give(naOf(flags, OTHER))
    expect(seen(probed).unicastAt.slice(0, 2)).toEqual([500, 1500])
  }
})

test('with O, the same address or none: S confirms, another address alone makes stale, else nothing changes (RFC 4861 §7.2.5(II)) [v6-nd-na-update]', () => {
  const stale = [5000, 6000, 7000]
  const cases = [
    // flags, address in it, address afterwards, probes from REACHABLE, from PROBE half a second old
    ['SO', OTHER, OTHER, [], []],
    ['SO', MAC, MAC, [], []],
    ['SO', undefined, MAC, [], []],
    ['S', MAC, MAC, [], []],
    ['S', undefined, MAC, [], []],
    ['O', OTHER, OTHER, stale, stale],
    ['O', MAC, MAC, [], [500, 1500]],
    ['O', undefined, MAC, [], [500, 1500]],
    ['', MAC, MAC, [], [500, 1500]],
    ['', undefined, MAC, [], [500, 1500]],
  ] as const
  for (const [flags, mac, after, fromReachable, fromProbe] of cases) {
    const reachable = inState('REACHABLE')
    reachable.give(naOf(flags, mac))
    expect([flags, mac, seen(reachable)]).toEqual([
      flags,
      mac,
      { mac: after, multicastAt: [], unicastAt: fromReachable },
    ])
    const probed = inState('PROBE')
    probed.run(500)
    probed.give(naOf(flags, mac))
    const { mac: now, unicastAt } = seen(probed)
    expect([flags, mac, now, unicastAt.slice(0, fromProbe.length || 9)]).toEqual([flags, mac, after, fromProbe])
  }
})

test('a confirmation holds for ReachableTime, half to one and a half of 30 s; then the next packet begins the five seconds (RFC 4861 §7.3.2) [v6-nd-nud-reachable]', () => {
  const n = inState('REACHABLE')
  n.run(14_900)
  expect(ofType(ask(n), REPLY)).toHaveLength(1)
  n.taken()
  expect(ofType(n.run(100), NS)).toEqual([])
  n.run(30_001)
  expect(seen(n)).toEqual({ mac: MAC, multicastAt: [], unicastAt: [5000, 6000, 7000] })
})

test('a silent neighbour is probed at 5, 6 and 7 s without traffic, is gone at 8, and the next packet asks the group (RFC 4861 §7.3.3) [v6-nd-nud-probe]', () => {
  const n = inState('DELAY')
  const from = n.now
  const probes = n.run(7999).filter((s) => left(s.bytes).type === NS)
  expect(probes.map((s) => [s.at - from, left(s.bytes).dstMac])).toEqual([
    [5000, MAC],
    [6000, MAC],
    [7000, MAC],
  ])
  const { cache } = n.node.ip6.neighbours.link(n.node.ports.get(1)!)
  expect(cache.size).toBe(1)
  n.run(1)
  expect(cache.size).toBe(0)
  expect(ofType(ask(n), NS)).toMatchObject([{ dst: 'ff02::1:ff00:aa' }])
})

test('nothing but a solicited answer or an upper layer confirms: probing goes on through advertisements, solicitations and redirects (RFC 4861 §7.3.1) [v6-nd-nud-confirm]', () => {
  const probing = () => {
    const n = started({ addresses: [] })
    // A router that we have a packet for, probed by now.
    n.give(frame({ from: 'fe80::aa', to: 'ff02::1' }, ra({}, slla(MAC))))
    n.give(frame({ from: '2001:db8:9::9', to: LINK_LOCAL, hop: 60 }, echo()))
    n.run(5500)
    n.taken()
    return n
  }
  for (const hint of [
    frame({ from: 'fe80::aa', to: 'ff02::1' }, ra({}, slla(MAC))),
    frame({ from: 'fe80::aa', to: 'ff02::1' }, na('fe80::aa', 'OR', tlla(MAC))),
    frame({ from: 'fe80::aa', to: LINK_LOCAL }, ns(LINK_LOCAL, slla(MAC))),
    frame({ from: 'fe80::aa', to: LINK_LOCAL }, redirect('fe80::aa', '2001:db8:9::9', tlla(MAC))),
    frame({ from: 'fe80::aa', to: LINK_LOCAL, hop: 64 }, echo()),
  ]) {
    const n = probing()
    n.give(hint)
    n.taken()
    expect(ofType(n.run(1000), NS)).toMatchObject([{ dstMac: MAC, target: 'fe80::aa' }])
  }
  const confirmed = probing()
  confirmed.give(frame({ from: 'fe80::aa', to: LINK_LOCAL }, na('fe80::aa', 'SOR', tlla(MAC))))
  confirmed.taken()
  expect(ofType(confirmed.run(10_000), NS)).toEqual([])
})

test('a hint of an upper layer confirms a known neighbour and does nothing for an unresolved one (RFC 4861 §7.3.1) [v6-nd-nud-hint]', () => {
  for (const state of ['STALE', 'DELAY', 'PROBE']) {
    const n = inState(state)
    n.node.ip6.neighbours.confirm(n.now as Instant, n.node.ports.get(1)!, ip6('2001:db8::aa'))
    expect([state, seen(n).unicastAt]).toEqual([state, []])
  }
  const n = inState('INCOMPLETE')
  n.node.ip6.neighbours.confirm(n.now as Instant, n.node.ports.get(1)!, ip6('2001:db8::aa'))
  expect(ofType(n.run(2500), NS)).toHaveLength(2)
})

test('a stale neighbour that nothing is sent to is not probed (RFC 4861 §7.3.2) [v6-nd-nud-stale-idle]', () => {
  const n = started({ role: 'gateway' })
  n.give(naOf('', MAC))
  expect(ofType(n.run(3_600_000), NS)).toEqual([])
  expect(seen(n).mac).toBe(MAC)
})

test('whatever the reason, one neighbour is not solicited twice within RetransTimer (RFC 4861 §7.3.3) [v6-nd-nud-ratelimit]', () => {
  const n = started()
  const from = n.now
  const solicited: number[] = []
  for (let i = 0; i < 3000; i++) {
    ask(n, '2001:db8::aa', '2001:db8::1', i & 0xffff)
    // Resolved late, changed, forgotten: all that makes it ask again.
    if (i % 701 === 700) n.give(naOf('', i % 2 === 0 ? MAC : OTHER))
    if (i % 901 === 900) n.give(naOf('O', OTHER))
    n.run(17)
    for (const s of n.taken()) if (left(s.bytes).type === NS) solicited.push(s.at - from)
  }
  const gaps = solicited.slice(1).map((t, i) => t - solicited[i]!)
  expect(solicited.length).toBeGreaterThan(10)
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(999.999)
})

test('configured neighbours and proxied addresses are those of the last configuration', () => {
  const ports = [port(1, { addresses: ['2001:db8::1/64'] })]
  const n = started({ role: 'gateway' })
  n.give(naOf('', OTHER))
  n.node.ip6.reconfigure(
    n.now as Instant,
    {
      staticNeighbours: [{ port: 'eth1', address: ip6('2001:db8::aa'), mac: Uint8Array.of(2, 0, 0, 0, 0, 0xcc) }],
      proxied: [{ port: 'eth1', address: ip6('2001:db8::beef') }],
    },
    ports,
  )
  n.run(1000)
  n.taken()
  expect(ofType(ask(n), REPLY)).toMatchObject([{ dstMac: '0200000000cc' }])
  const asked = frame({ from: 'fe80::aa', to: 'ff02::1:ff00:beef' }, ns('2001:db8::beef', slla(MAC)))
  n.give(asked)
  expect(ofType(n.run(1000), NA)).toHaveLength(1)
  n.node.ip6.reconfigure(n.now as Instant, {}, ports)
  n.taken()
  n.give(asked)
  expect(ofType(n.run(1000), NA)).toEqual([])
  n.taken()
  expect(ofType(ask(n), NS)).toMatchObject([{ target: '2001:db8::aa' }])
})

test('a neighbour that is configured is never asked for, probed or replaced', () => {
  const n = started({
    ip6: { staticNeighbours: [{ port: 1, address: ip6('2001:db8::aa'), mac: Uint8Array.of(2, 0, 0, 0, 0, 0xcc) }] },
  })
  n.give(naOf('SO', OTHER))
  n.give(nsFrom('2001:db8::aa', '2001:db8::1', slla(OTHER)))
  expect(seen(n)).toEqual({ mac: '0200000000cc', multicastAt: [], unicastAt: [] })
})
