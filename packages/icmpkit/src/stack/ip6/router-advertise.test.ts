import { expect, test } from 'vitest'
import {
  echo,
  frame,
  type Left,
  left,
  mtu,
  na,
  ns,
  ofType,
  prefix,
  ra,
  rs,
  slla,
} from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port, type Sent } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import type { AdvertiseSettings } from './nd-settings.ts'

const LINK_LOCAL = 'fe80::ff:fe00:1'
const MAC = '0200000000aa'
const RA = 134
const NA = 136

function gateway(advertise: Partial<AdvertiseSettings> | undefined, seed = 1): OneNode {
  let r = seed
  return new OneNode({
    role: 'gateway',
    random: () => {
      r = (r * 16807) % 2147483647
      return r / 2147483647
    },
    ip6: { advertise: advertise === undefined ? [] : [{ port: 'eth1', ...advertise }] },
    ports: [port(1, { addresses: ['2001:db8:1::1/64'] }), port(2, { addresses: ['2001:db8:2::1/64'] })],
  })
}

const advertised = (sent: readonly Sent[]) => sent.filter((s) => s.port === 1 && left(s.bytes).type === RA)
const first = (n: OneNode): Left => left(advertised(n.run(60_000))[0]!.bytes)
const solicit = (n: OneNode, from = 'fe80::aa') =>
  n.give(frame({ from, to: 'ff02::2' }, from === '::' ? rs() : rs(slla(MAC))))

test('an advertisement comes from the link-local address with what is configured in it, and only on that port (RFC 4861 §4.2, §6.2.3) [v6-nd-ra-format]', () => {
  const n = gateway({
    curHopLimit: 30,
    managed: true,
    otherConfig: true,
    lifetimeSeconds: 1234,
    reachableTimeMs: 40_000,
    retransTimerMs: 2000,
    preference: 1,
    linkMtu: 1400,
    prefixes: [
      { prefix: ip6('2001:db8:1::'), prefixLength: 64, validLifetimeSeconds: 7200, preferredLifetimeSeconds: 3600 },
      { prefix: ip6('2001:db8:77::'), prefixLength: 48, onLink: false, autonomous: false },
    ],
    routes: [{ prefix: ip6('2001:db8:8::'), prefixLength: 48, preference: -1, lifetimeSeconds: 600 }],
    dnsServers: [ip6('2001:db8::53')],
    dnsSearch: ['example.net'],
    dnsLifetimeSeconds: 900,
  })
  const sent = n.run(60_000)
  const l = left(advertised(sent)[0]!.bytes)
  expect(l).toMatchObject({ src: LINK_LOCAL, dst: 'ff02::1', dstMac: '333300000001', hop: 255, code: 0, sound: true })
  // Hop limit 30, M and O and high preference, 1234 s, 40 s, 2 s.
  expect(l.icmp.slice(8, 32)).toBe('1ec804d200009c40000007d0')
  // Octets of RFC 4861 §4.6, RFC 4191 §2.3 and RFC 8106 §5, the same as scapy's.
  expect(l.options).toBe(
    [
      slla('020000000001'),
      mtu(1400),
      '1802301800000258' + '20010db800080000',
      '19030000' + '00000384' + '20010db8000000000000000000000053',
      '1f030000' + '00000384' + '076578616d706c65036e657400000000',
      prefix('2001:db8:1::/64', 'LA', 7200, 3600),
      prefix('2001:db8:77::/48', '', 2_592_000, 604_800),
    ].join(''),
  )
  expect(sent.filter((s) => s.port === 2 && left(s.bytes).type === RA)).toEqual([])
})

test('by default the prefixes of the port are told, not the link-local one, and no MTU (RFC 4861 §6.2.1) [v6-nd-ra-format] [v6-nd-ra-config]', () => {
  const l = first(gateway({}))
  // 64 hops, no flags, 1800 s; nothing about times.
  expect(l.icmp.slice(8, 32)).toBe('40000708' + '00000000' + '00000000')
  expect(l.options).toBe(slla('020000000001') + prefix('2001:db8:1::/64', 'LA', 2_592_000, 604_800))
})

test('settings out of their bounds are refused by name, and the defaults follow the maximum interval (RFC 4861 §6.2.1, RFC 8319 §4) [v6-nd-ra-config]', () => {
  const refused: [Partial<AdvertiseSettings>, RegExp][] = [
    [{ maxIntervalSeconds: 3.9 }, /maxIntervalSeconds/],
    [{ maxIntervalSeconds: 65_536 }, /maxIntervalSeconds/],
    [{ minIntervalSeconds: 2.9 }, /minIntervalSeconds/],
    [{ maxIntervalSeconds: 100, minIntervalSeconds: 75.1 }, /minIntervalSeconds/],
    [{ maxIntervalSeconds: 100, lifetimeSeconds: 99 }, /lifetimeSeconds/],
    [{ lifetimeSeconds: 65_536 }, /lifetimeSeconds/],
    [{ reachableTimeMs: 3_600_001 }, /reachableTimeMs/],
    [{ curHopLimit: 256 }, /curHopLimit/],
    [{ linkMtu: 1279 }, /linkMtu/],
    [{ preference: 2 }, /preference/],
    [
      {
        prefixes: [
          { prefix: ip6('2001:db8::'), prefixLength: 64, validLifetimeSeconds: 10, preferredLifetimeSeconds: 11 },
        ],
      },
      /preferred/,
    ],
    [{ dnsServers: Array.from({ length: 60 }, (_, i) => ip6(`2001:db8::${i + 1}`)) }, /1280/],
  ]
  for (const [settings, why] of refused) expect(() => gateway(settings)).toThrow(why)
  // A running one keeps what it had.
  const running = gateway({ curHopLimit: 30 })
  const bad = [{ port: 1, curHopLimit: 256 }]
  expect(() => running.node.ip6.reconfigure(0 as Instant, { advertise: bad, hopLimit: 9 }, [])).toThrow(/curHopLimit/)
  expect(first(running).icmp.slice(8, 10)).toBe('1e')
  expect(running.node.ip6.settings.hopLimit).toBe(64)
  expect(() => gateway({ maxIntervalSeconds: 65_535, lifetimeSeconds: 65_535 })).not.toThrow()
  expect(() => gateway({ lifetimeSeconds: 0 })).not.toThrow()
  const lifetime = (max: number) => first(gateway({ maxIntervalSeconds: max })).icmp.slice(12, 16)
  expect(lifetime(100)).toBe((300).toString(16).padStart(4, '0'))
  const gaps = (max: number) => {
    const at = advertised(gateway({ maxIntervalSeconds: max }).run(max * 200_000)).map((s) => s.at)
    return at.slice(4).map((t, i) => t - at[i + 3]!)
  }
  const long = gaps(9)
  expect(Math.min(...long)).toBeGreaterThanOrEqual(3000)
  expect(Math.min(...long)).toBeLessThan(3500)
  // Below nine seconds the minimum is the maximum.
  const short = gaps(8)
  expect(Math.min(...short)).toBeCloseTo(8000)
  expect(Math.max(...short)).toBeCloseTo(8000)
})

test('advertisements come at random between the two intervals, the first three at most 16 s apart (RFC 4861 §6.2.4) [v6-nd-ra-unsolicited]', () => {
  const n = gateway({ minIntervalSeconds: 60, maxIntervalSeconds: 200 })
  const at = advertised(n.run(100 * 200_000)).map((s) => s.at)
  const gaps = at.slice(1).map((t, i) => Math.round(t - at[i]!))
  expect(gaps.length).toBeGreaterThan(100)
  expect(gaps.slice(0, 2)).toEqual([16_000, 16_000])
  const later = gaps.slice(2)
  expect(Math.min(...later)).toBeGreaterThanOrEqual(60_000)
  expect(Math.max(...later)).toBeLessThanOrEqual(200_000)
  // Uniform: each third of the range has its share of a hundred.
  const share = (from: number) => later.filter((g) => g >= from && g < from + 46_667).length / later.length
  for (const from of [60_000, 106_667, 153_334]) {
    expect(share(from)).toBeGreaterThan(0.2)
    expect(share(from)).toBeLessThan(0.47)
  }
})

test('a solicitation is answered within half a second, several by one, and never two in three seconds (RFC 4861 §6.2.6) [v6-nd-ra-solicited]', () => {
  const delays: number[] = []
  for (let seed = 1; seed <= 30; seed++) {
    // No multiples of each other: the generator is linear, and so would be what they draw.
    const n = gateway({}, seed ** 5)
    n.run(100_000)
    // Not within three seconds of one that nobody asked for.
    while (advertised(n.run(4000)).length > 0);
    const from = n.now
    solicit(n)
    const soon = advertised(n.run(10))
    solicit(n, '::')
    const [answer, ...more] = [...soon, ...advertised(n.run(2000))]
    expect(more).toEqual([])
    expect(left(answer!.bytes)).toMatchObject({ dst: 'ff02::1', src: LINK_LOCAL })
    delays.push(answer!.at - from)
    // A second later: not before three seconds have passed since that one.
    n.run(answer!.at + 1000 - n.now)
    solicit(n)
    const [next] = advertised(n.run(10_000))
    expect(next!.at - answer!.at).toBeGreaterThan(2999.999)
    expect(next!.at - answer!.at).toBeLessThanOrEqual(3500)
  }
  expect(Math.min(...delays)).toBeLessThan(150)
  expect(Math.max(...delays)).toBeGreaterThan(350)
  expect(Math.max(...delays)).toBeLessThanOrEqual(500)
  // However many ask.
  const n = gateway({})
  n.run(100_000)
  n.taken()
  const times: number[] = []
  for (let i = 0; i < 600; i++) {
    solicit(n, `fe80::${i.toString(16)}`)
    for (const s of advertised(n.run(100))) times.push(s.at)
  }
  expect(times.length).toBeGreaterThan(10)
  expect(Math.min(...times.slice(1).map((t, i) => t - times[i]!))).toBeGreaterThan(2999.999)
})

test('a port that ceases says so three times with lifetime 0, while the node stays a router; one that stops routing leaves the routers and drops R (RFC 4861 §6.2.5) [v6-nd-ra-cease]', () => {
  const n = gateway({})
  const ports = [port(1, { addresses: ['2001:db8:1::1/64'] }), port(2, { addresses: ['2001:db8:2::1/64'] })]
  const flags = () => {
    const out = n.give(frame({ from: 'fe80::aa', to: 'ff02::1:ff00:1' }, ns('2001:db8:1::1', slla(MAC))))
    return ofType(out, NA)[0]!.icmp.slice(8, 10)
  }
  n.run(100_000)
  n.taken()
  const from = n.now
  n.node.ip6.reconfigure(n.now as Instant, { advertise: [] }, ports)
  const last = advertised(n.run(4_000_000))
  expect(last.map((s) => [s.at - from, left(s.bytes).icmp.slice(12, 16)])).toEqual([
    [0, '0000'],
    [3000, '0000'],
    [6000, '0000'],
  ])
  expect(flags()).toBe('e0')
  solicit(n)
  expect(advertised(n.run(10_000))).toEqual([])
  // It advertises again, and then stops being a router at all.
  n.node.ip6.reconfigure(n.now as Instant, { advertise: [{ port: 1 }] }, ports)
  expect(advertised(n.run(10_000)).map((s) => left(s.bytes).icmp.slice(12, 16))).toEqual(['0708'])
  n.run(100_000)
  n.taken()
  n.node.ip6.reconfigure(n.now as Instant, { advertise: [{ port: 1 }], routing: false }, ports)
  const sent = n.run(60_000)
  expect(advertised(sent).map((s) => left(s.bytes).icmp.slice(12, 16))).toEqual(['0000', '0000', '0000'])
  expect(ofType(sent, 143).some((l) => l.icmp.includes('03000000ff020000000000000000000000000002'))).toBe(true)
  expect(flags()).toBe('60')
  expect(n.give(frame({ from: '2001:db8:1::77', to: '2001:db8:2::77', hop: 64 }, echo()))).toEqual([])
  // And is one again.
  n.node.ip6.reconfigure(n.now as Instant, { advertise: [{ port: 1 }] }, ports)
  const back = n.run(60_000)
  expect(advertised(back).map((s) => left(s.bytes).icmp.slice(12, 16))).toContain('0708')
  expect(ofType(back, 143).some((l) => l.icmp.includes('04000000ff020000000000000000000000000002'))).toBe(true)
  expect(flags()).toBe('e0')
})

test('a gateway that goes takes its advertisements back (RFC 4861 §6.2.5)', () => {
  const n = gateway({})
  n.run(100_000)
  n.taken()
  n.node.close(n.now as Instant)
  expect(ofType(n.collect(), RA).map((l) => [l.dst, l.icmp.slice(12, 16)])).toEqual([['ff02::1', '0000']])
  expect(n.node.pollTimeout()).toBeUndefined()
})

test('what another router says otherwise is logged, and nothing of it taken over (RFC 4861 §6.2.7) [v6-nd-ra-consistency]', () => {
  const logged = (body: string) => {
    const n = gateway({ curHopLimit: 64, linkMtu: 1400, reachableTimeMs: 30_000, retransTimerMs: 1000 })
    n.run(100_000)
    n.taken()
    n.give(frame({ from: 'fe80::aa', to: 'ff02::1' }, body))
    expect(n.node.ip6.hopLimit(n.node.ports.get(1)!)).toBe(64)
    expect([...n.node.ip6.routes].filter((r) => r.origin === 'discovered')).toEqual([])
    expect([...n.node.ip6.addresses].some((a) => a.origin === 'autoconfigured')).toBe(false)
    solicit(n)
    expect(left(advertised(n.run(5000))[0]!.bytes).icmp.slice(8, 12)).toBe('4000')
    return n.events.flatMap((e) => (e.kind === 'log' ? [e.what.split(': ')[1]] : []))
  }
  const own = prefix('2001:db8:1::/64', 'LA', 2_592_000, 604_800)
  const same = { hop: 64, reachable: 30_000, retrans: 1000 }
  expect(logged(ra(same, mtu(1400), own))).toEqual([])
  // What is left open, and other prefixes, contradict nothing.
  expect(logged(ra({ hop: 0 }, prefix('2001:db8:9::/64', 'LA', 60)))).toEqual([])
  expect(logged(ra({ ...same, hop: 15 }))).toEqual(['hop limit'])
  expect(logged(ra({ ...same, flags: 0x80 }))).toEqual(['M or O flag'])
  expect(logged(ra({ ...same, flags: 0x40 }))).toEqual(['M or O flag'])
  expect(logged(ra({ ...same, reachable: 1 }))).toEqual(['reachable time'])
  expect(logged(ra({ ...same, retrans: 1 }))).toEqual(['retrans timer'])
  expect(logged(ra(same, mtu(1500)))).toEqual(['MTU'])
  expect(logged(ra(same, prefix('2001:db8:1::/64', 'LA', 2_592_000, 1)))).toEqual(['lifetimes of a prefix'])
})

test('a gateway keeps the times that it tells (RFC 4861 §6.2.1)', () => {
  const n = gateway({ retransTimerMs: 3000 })
  n.run(100_000)
  n.taken()
  const from = n.now
  n.give(frame({ from: '2001:db8:1::77', to: '2001:db8:1::1', hop: 64 }, echo()))
  const at = [...n.taken(), ...n.run(20_000)].filter((s) => left(s.bytes).type === 135).map((s) => s.at - from)
  expect(at).toEqual([0, 3000, 6000])
})

test('an advertisement needs a link-local address: a duplicate one never speaks', () => {
  const n = gateway({})
  n.give(frame({ from: LINK_LOCAL, to: 'ff02::1', mac: MAC }, na(LINK_LOCAL, 'O')))
  expect(advertised(n.run(3_600_000))).toEqual([])
})
