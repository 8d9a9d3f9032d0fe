import { expect, test } from 'vitest'
import {
  addr,
  type Envelope,
  frame,
  type Left,
  left,
  ofType,
  routerAlert,
} from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port, type Sent } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import { unhex } from '../../wire/octets.ts'

const LINK_LOCAL = 'fe80::ff:fe00:1'
const GROUP = 'ff05::1:3'
const REPORT = 143
const REPORT1 = 131
const DONE1 = 132

function started(role: 'host' | 'gateway' = 'host', mtu = 1500): OneNode {
  const n = new OneNode({ role, ports: [port(1, { addresses: ['2001:db8::1234/64'], mtu })] })
  n.run(20_000)
  n.taken()
  return n
}

const join = (n: OneNode, group = GROUP) => n.node.ip6.groups.join(n.now as Instant, n.node.ports.get(1)!, ip6(group))
const leave = (n: OneNode, group = GROUP) => n.node.ip6.groups.leave(n.now as Instant, n.node.ports.get(1)!, ip6(group))

const querier: Envelope = { from: 'fe80::aa', to: 'ff02::1', hop: 1, extension: routerAlert() }
const n16 = (n: number) => n.toString(16).padStart(4, '0')
/** Version 2, robustness 2, interval 125 s. */
const query2 = (delay: number, group = '::', ...sources: string[]) =>
  `82000000${n16(delay)}0000${addr(group)}027d${n16(sources.length)}${sources.map(addr).join('')}`
const query1 = (delay: number, group = '::') => `82000000${n16(delay)}0000${addr(group)}`

/** `type group sources` of each record in the reports. */
function records(sent: readonly (Uint8Array | Sent)[]): string[] {
  return ofType(sent, REPORT).flatMap((l) => {
    const m = unhex(l.icmp)
    const list: string[] = []
    let at = 8
    for (let left = (m[6]! << 8) | m[7]!; left > 0; left--) {
      const sources = (m[at + 2]! << 8) | m[at + 3]!
      const group = l.icmp.slice(2 * (at + 4), 2 * (at + 20))
      const from = Array.from({ length: sources }, (_, i) =>
        l.icmp.slice(2 * (at + 20 + 16 * i), 2 * (at + 36 + 16 * i)),
      )
      list.push([m[at]!, nameOf(group), ...from.map(nameOf)].join(' '))
      at += 20 + 16 * sources
    }
    return list
  })
}

const NAMES = [
  'ff02::1:ff00:1234',
  'ff02::1:ff00:1',
  GROUP,
  'ff02::2',
  'ff02::16',
  'ff02::1',
  '2001:db8::7',
  '2001:db8::8',
]
const nameOf = (octets: string) => NAMES.find((name) => addr(name) === octets) ?? octets

test('every report has hop limit 1, a router alert and a link-local source, or none before there is one (RFC 3810 §5) [v6-mld-ip]', () => {
  const n = new OneNode({ ports: [port(1, { addresses: ['2001:db8::1234/64'] })] })
  n.run(20_000)
  join(n)
  leave(n)
  n.give(frame(querier, query2(1000)))
  n.give(frame(querier, query1(1000)))
  n.run(1000)
  join(n)
  leave(n)
  n.run(20_000)
  const sent: Left[] = n.taken().map((s) => left(s.bytes))
  const mld = sent.filter((l) => [REPORT, REPORT1, DONE1].includes(l.type))
  expect(new Set<number>(mld.map((l) => l.type))).toEqual(new Set([REPORT, REPORT1, DONE1]))
  for (const l of mld) {
    expect(l).toMatchObject({ hop: 1, extension: '3a00050200000100', code: 0, sound: true })
    expect(['::', LINK_LOCAL]).toContain(l.src)
  }
})

test('a group that is joined is reported at once as type 4, and once more within a second (RFC 3810 §6.1) [v6-mld-join]', () => {
  const n = started()
  const from = n.now
  n.node.ip6.addAddress(n.now as Instant, n.node.ports.get(1)!, ip6('2001:db8::77:8899'), 64)
  n.collect()
  const first = n.taken()
  expect(first.map((s) => left(s.bytes).type)[0]).toBe(REPORT)
  expect(ofType(first, REPORT)).toMatchObject([{ dst: 'ff02::16', dstMac: '333300000016' }])
  expect(ofType(first, REPORT)[0]!.icmp.slice(8)).toBe(`0000000104000000${addr('ff02::1:ff77:8899')}`)
  const again = n.run(20_000).filter((s) => left(s.bytes).type === REPORT)
  expect(again).toHaveLength(1)
  expect(again[0]!.at - from).toBeGreaterThan(0)
  expect(again[0]!.at - from).toBeLessThanOrEqual(1000)
  expect(left(again[0]!.bytes).icmp).toBe(ofType(first, REPORT)[0]!.icmp)
})

test('reports come from nobody while the link-local address is tentative, and again from it when it is not (RFC 3810 §5.2.13) [v6-mld-unspec-source]', () => {
  const n = new OneNode({ ports: [port(1, { addresses: ['2001:db8::1234/64'] })] })
  const sent = n.run(20_000).filter((s) => left(s.bytes).type === REPORT)
  const ready = n.events.find((e) => e.kind === 'address-ready' && e.address === ip6(LINK_LOCAL))!.at
  const before = sent.filter((s) => s.at < ready)
  const after = sent.filter((s) => s.at >= ready)
  expect(before.map((s) => left(s.bytes).src)).toEqual(before.map(() => '::'))
  expect(records(before)).toContain('4 ff02::1:ff00:1234')
  expect(after.map((s) => left(s.bytes).src)).toEqual(after.map(() => LINK_LOCAL))
  expect(records(after.slice(0, 1))).toEqual(['4 ff02::1:ff00:1', '4 ff02::1:ff00:1234'])
  expect(after[0]!.at).toBe(ready)
})

test('a group that is left is reported as type 3, in version 1 by a Done to all routers (RFC 3810 §6.1, RFC 2710 §4) [v6-mld-leave]', () => {
  const n = started()
  join(n)
  join(n)
  n.run(5000)
  n.taken()
  leave(n)
  expect(records([...n.collect().map((b) => b), ...n.run(5000)])).toEqual([])
  n.taken()
  leave(n)
  n.collect()
  expect(records([...n.taken(), ...n.run(5000)])).toEqual([`3 ${GROUP}`, `3 ${GROUP}`])
  join(n)
  n.give(frame(querier, query1(100)))
  n.run(5000)
  n.taken()
  leave(n)
  expect(n.collect().map(left)).toMatchObject([{ type: DONE1, dst: 'ff02::2', target: GROUP }])
})

test('two addresses with the same last 24 bits share a group, which is left with the second of them (RFC 4861 §7.2.1) [v6-nd-nud-groups]', () => {
  const n = new OneNode({ ports: [port(1, { addresses: ['2001:db8::1234/64', '2001:db8:5::1234/64'] })] })
  const start = n.run(20_000)
  expect(records(start)).toContain('4 ff02::1:ff00:1234')
  expect(records(start)).toContain('4 ff02::1:ff00:1')
  // All nodes are listened to from the start, unreported.
  expect(ofType(n.give(frame({ from: 'fe80::aa', to: 'ff02::1', hop: 64 }, '80000000beef0001')), 135)).toHaveLength(1)
  n.taken()
  const { addresses } = n.node.ip6
  const solicit = (target: string) =>
    ofType(
      n.give(frame({ from: 'fe80::aa', to: 'ff02::1:ff00:1234' }, `8700000000000000${addr(target)}01010200000000aa`)),
      136,
    ).map((l) => l.target)
  n.node.ip6.removeAddress(n.now as Instant, addresses.find(ip6('2001:db8::1234'))!)
  expect(records([...n.collect(), ...n.run(5000)])).toEqual([])
  expect(solicit('2001:db8::1234')).toEqual([])
  expect(solicit('2001:db8:5::1234')).toEqual(['2001:db8:5::1234'])
  n.taken()
  n.node.ip6.removeAddress(n.now as Instant, addresses.find(ip6('2001:db8:5::1234'))!)
  n.collect()
  expect(records(n.taken())).toEqual(['3 ff02::1:ff00:1234'])
  expect(solicit('2001:db8:5::1234')).toEqual([])
})

test('nothing is ever said of all nodes, nor of groups that reach no further than the interface (RFC 3810 §6) [v6-mld-never]', () => {
  const n = new OneNode({ role: 'gateway', ports: [port(1, { addresses: ['2001:db8::1234/64'] })] })
  n.run(20_000)
  for (const group of ['ff01::1', 'ff01::99', 'ff00::7', 'ff02::1']) join(n, group)
  n.give(frame(querier, query2(1000)))
  n.run(1000)
  n.give(frame(querier, query2(1000, 'ff02::1')))
  n.run(1000)
  n.give(frame(querier, query1(1000)))
  n.run(1000)
  n.give(frame(querier, query1(1000, 'ff02::1')))
  for (const group of ['ff01::1', 'ff01::99', 'ff00::7', 'ff02::1']) leave(n, group)
  n.run(20_000)
  const all = n.taken()
  expect(records(all).length).toBeGreaterThan(5)
  const said = [
    ...records(all),
    ...ofType(all, REPORT1).map((l) => l.target),
    ...ofType(all, DONE1).map((l) => l.target),
  ]
  expect(said.filter((r) => /(^| )(ff0[01]0|ff0[01]::|ff02::1$)/.test(r))).toEqual([])
})

test('a query counts only from a link-local address, with hop limit 1 and a router alert, to whatever address of ours (RFC 3810 §6.2) [v6-mld-query-valid]', () => {
  const answered = (e: Envelope) => {
    const n = started()
    n.give(frame(e, query2(1000)))
    return records(n.run(1000))
  }
  const all = ['2 ff02::1:ff00:1', '2 ff02::1:ff00:1234']
  expect(answered(querier)).toEqual(all)
  expect(answered({ ...querier, to: LINK_LOCAL })).toEqual(all)
  expect(answered({ ...querier, to: '2001:db8::1234' })).toEqual(all)
  expect(answered({ ...querier, to: 'ff02::1:ff00:1234' })).toEqual(all)
  expect(answered({ ...querier, from: '2001:db8::aa' })).toEqual([])
  expect(answered({ ...querier, from: '::' })).toEqual([])
  expect(answered({ ...querier, hop: 2 })).toEqual([])
  expect(answered({ ...querier, hop: 255 })).toEqual([])
  expect(answered({ from: 'fe80::aa', to: 'ff02::1', hop: 1 })).toEqual([])
  expect(answered({ ...querier, extension: { type: 0, octets: '3a00010400000000' } })).toEqual([])
})

test('a query is answered after a random while: all groups, or the one asked for, or its sources (RFC 3810 §6.2, §6.3) [v6-mld-query-reply]', () => {
  const delays: number[] = []
  for (let i = 0; i < 40; i++) {
    const n = started()
    n.run(i * 7.1)
    join(n)
    n.run(2000)
    n.taken()
    for (let turn = 0; turn < i % 5; turn++) n.node.random()
    const from = n.now
    n.give(frame(querier, query2(10_000)))
    const sent = n.run(10_000).filter((s) => left(s.bytes).type === REPORT)
    expect(records(sent)).toEqual(['2 ff02::1:ff00:1', '2 ff02::1:ff00:1234', `2 ${GROUP}`].sort(byOrder(n)))
    expect(sent).toHaveLength(1)
    delays.push(sent[0]!.at - from)
  }
  expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(3000)
  expect(Math.min(...delays)).toBeGreaterThan(0)
  const n = started()
  join(n)
  n.run(2000)
  n.give(frame(querier, query2(1000, GROUP)))
  expect(records(n.run(1000))).toEqual([`2 ${GROUP}`])
  n.give(frame(querier, query2(1000, 'ff05::1:4')))
  expect(records(n.run(1000))).toEqual([])
  n.give(frame(querier, query2(1000, GROUP, '2001:db8::7')))
  n.give(frame(querier, query2(1000, GROUP, '2001:db8::8')))
  expect(records(n.run(1000))).toEqual([`1 ${GROUP} 2001:db8::7 2001:db8::8`])
  // A query for the whole group takes the sources along.
  n.give(frame(querier, query2(1000, GROUP, '2001:db8::7')))
  n.give(frame(querier, query2(1000, GROUP)))
  expect(records(n.run(1000))).toEqual([`2 ${GROUP}`])
})

/** In the order in which the node joined. */
function byOrder(n: OneNode): (a: string, b: string) => number {
  const order = [...n.node.ip6.groups.of(n.node.ports.get(1)!)].map((g) => nameOf(g.toString(16).padStart(32, '0')))
  return (a, b) => order.indexOf(a.split(' ')[1]!) - order.indexOf(b.split(' ')[1]!)
}

test('a delay above 32,767 is read as a floating-point number (RFC 3810 §5.1.3) [v6-mld-v2-query]', () => {
  // 0x8fff: (0xfff | 0x1000) << 3 = 65,528 ms; taken as it stands it would be at most 36,863.
  const delays: number[] = []
  for (let i = 0; i < 40; i++) {
    const n = started()
    for (let turn = 0; turn < i; turn++) n.node.random()
    const from = n.now
    n.give(frame(querier, query2(0x8fff)))
    const [sent] = n.run(65_528).filter((s) => left(s.bytes).type === REPORT)
    delays.push(sent!.at - from)
  }
  expect(Math.max(...delays)).toBeGreaterThan(40_000)
  // A query of 26 octets is of no version.
  const n = started()
  n.give(frame(querier, `${query1(1000)}0000`))
  expect([...n.run(2000)].filter((s) => [REPORT, REPORT1].includes(left(s.bytes).type))).toEqual([])
  expect(n.node.counters.malformed['bad-length']).toBe(1)
})

test('after a query of version 1 reports are of version 1, until its time is over (RFC 3810 §8.2.1, §9.12) [v6-mld-v1-compat]', () => {
  const n = started()
  n.give(frame(querier, query1(10_000)))
  const answers = n
    .run(10_000)
    .map((s) => left(s.bytes))
    .filter((l) => l.type === REPORT1)
  expect(answers.map((l) => [l.target, l.dst]).sort()).toEqual([
    ['ff02::1:ff00:1', 'ff02::1:ff00:1'],
    ['ff02::1:ff00:1234', 'ff02::1:ff00:1234'],
  ])
  join(n)
  expect(n.collect().map(left)).toMatchObject([
    { type: REPORT1, dst: GROUP, target: GROUP, icmp: expect.stringMatching(/^83.{46}$/) },
  ])
  // 2 × 125 s + 10 s after the query.
  n.run(249_000)
  n.taken()
  join(n, 'ff05::77')
  expect(ofType(n.collect(), REPORT1)).toHaveLength(1)
  n.run(1001)
  n.taken()
  join(n, 'ff05::78')
  expect(n.collect().map((b) => left(b).type)).toEqual([REPORT])
})

test('in version 1 a report that another sends cancels ours, and no Done follows (RFC 2710 §4) [v6-mld-v1-suppress]', () => {
  const n = started()
  join(n)
  n.run(5000)
  n.taken()
  n.give(frame(querier, query1(10_000)))
  const theirs = `8300000000000000${addr(GROUP)}`
  n.give(frame({ from: 'fe80::bb', to: GROUP, hop: 1, extension: routerAlert() }, theirs))
  const reported = ofType(n.run(10_000), REPORT1).map((l) => l.target)
  expect(reported.sort()).toEqual(['ff02::1:ff00:1', 'ff02::1:ff00:1234'])
  leave(n)
  expect(ofType(n.collect(), DONE1)).toEqual([])
  // Without it ours is sent, and so is the Done.
  join(n)
  n.run(20_000)
  n.give(frame(querier, query1(10_000)))
  expect(ofType(n.run(10_000), REPORT1).map((l) => l.target)).toContain(GROUP)
  n.taken()
  leave(n)
  expect(ofType(n.collect(), DONE1)).toHaveLength(1)
})

test('a gateway listens to all routers, and takes a report of version 2 without a word (RFC 3810 §7) [v6-mld-router]', () => {
  const n = new OneNode({ role: 'gateway', ports: [port(1, { addresses: ['2001:db8::1234/64'] })] })
  expect(records(n.run(20_000))).toEqual(expect.arrayContaining(['4 ff02::2', '4 ff02::16']))
  n.taken()
  const report = `8f00000000000001040000${'00'}${addr(GROUP)}`
  expect(n.give(frame({ from: 'fe80::bb', to: 'ff02::16', hop: 1, extension: routerAlert() }, report))).toEqual([])
  expect(n.node.counters.dropped).toMatchObject({ ignored: 1 })
  expect(n.node.counters.dropped['not-mine']).toBeUndefined()
})

test('a node that goes leaves its groups in one report', () => {
  const n = started()
  join(n)
  n.run(5000)
  n.taken()
  n.node.close(n.now as Instant)
  expect(records(n.collect())).toEqual(['3 ff02::1:ff00:1', '3 ff02::1:ff00:1234', `3 ${GROUP}`].sort(byOrder(n)))
})

test('many groups fill several reports of the link MTU, and the port takes 1024 of them', () => {
  const n = started('host', 1280)
  const joined = Array.from({ length: 2000 }, (_, i) => join(n, `ff05::${i.toString(16)}:1`))
  expect(joined.filter((took) => took)).toHaveLength(1021)
  n.run(60_000)
  n.taken()
  n.give(frame(querier, query2(1000)))
  const sent = n.run(1000)
  const reports = ofType(sent, REPORT)
  // All nodes is one of them, and never reported.
  expect(records(sent)).toHaveLength(1023)
  expect(Math.max(...sent.map((s) => s.bytes.length - 14))).toBeLessThanOrEqual(1280)
  expect(reports.length).toBe(Math.ceil(1023 / 61))
  // Queries about them and leaving them all leaves nothing behind.
  for (let i = 0; i < 2000; i++) n.give(frame(querier, query2(1000, `ff05::${i.toString(16)}:1`)))
  for (let i = 0; i < 2000; i++) leave(n, `ff05::${i.toString(16)}:1`)
  n.run(60_000)
  n.taken()
  n.give(frame(querier, query2(1000)))
  expect(records(n.run(1000))).toHaveLength(2)
})
