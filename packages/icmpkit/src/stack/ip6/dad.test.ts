import { expect, test } from 'vitest'
import {
  addr,
  echo,
  frame,
  type Left,
  left,
  mtu,
  na,
  nonce,
  ns,
  OUR_MAC,
  ofType,
  prefix,
  ra,
  slla,
  tlla,
} from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port, type Sent } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'
import type { Ip6Settings } from './settings.ts'

const LINK_LOCAL = 'fe80::ff:fe00:1'
const GLOBAL = '2001:db8::1234'
const GROUP = 'ff02::1:ff00:1234'
const THEIRS = '0200000000aa'
const NS = 135
const NA = 136
const REPORT = 143

/** Two addresses are probed: the link-local one and 2001:db8::1234. */
function begun(ip6Settings: Partial<Ip6Settings> = {}, seed = 1): OneNode {
  let r = seed
  return new OneNode({
    ip6: ip6Settings,
    random: () => {
      r = (r * 16807) % 2147483647
      return r / 2147483647
    },
    ports: [port(1, { addresses: [`${GLOBAL}/64`] })],
  })
}

/** Runs to the first probe of the address, which is in the answer; the clock stands there. */
function toProbe(n: OneNode, target = GLOBAL): { probe: Sent; at: number; all: Sent[] } {
  const all: Sent[] = n.taken()
  for (let ms = 0; ms < 3000; ms++) {
    n.run(1)
    all.push(...n.taken())
    const probe = all.find((s) => left(s.bytes).type === NS && left(s.bytes).target === target)
    if (probe !== undefined) return { probe, at: probe.at, all }
  }
  throw new Error('no probe')
}

const ready = (n: OneNode, address = GLOBAL) =>
  n.events.find((e) => e.kind === 'address-ready' && e.address === ip6(address))?.at
const conflict = (n: OneNode, address = GLOBAL) =>
  n.events.find((e) => e.kind === 'address-conflict' && e.address === ip6(address))

test('each address is probed by itself, anycast ones are not, and without transmits none is (RFC 4862 §5.4) [v6-dad-when]', () => {
  const n = begun()
  n.node.ip6.addAddress(0 as Instant, n.node.ports.get(1)!, ip6('2001:db8::cafe'), 64, { anycast: true })
  expect(
    ofType(n.run(10_000), NS)
      .map((l) => l.target)
      .sort(),
  ).toEqual([GLOBAL, LINK_LOCAL])
  n.give(frame({ from: 'fe80::aa', to: 'ff02::1' }, ra({}, prefix('2001:db8:5::/64', 'LA', 3600))))
  n.taken()
  expect(ofType(n.run(3000), NS).map((l) => l.target)).toEqual(['2001:db8:5::ff:fe00:1'])
  const none = begun({ dadTransmits: 0 })
  expect(ready(none)).toBe(0)
  expect(ofType(none.run(10_000), NS)).toEqual([])
  expect(ofType(none.give(frame({ from: '::', to: GROUP }, ns(GLOBAL))), NA)).toHaveLength(1)
})

test('a probe comes from nobody to the solicited-node group, without a link-layer address (RFC 4862 §5.4.2) [v6-dad-probe-format]', () => {
  const { probe } = toProbe(begun())
  const l = left(probe.bytes)
  expect(l).toMatchObject({
    src: '::',
    dst: GROUP,
    dstMac: '3333ff001234',
    srcMac: OUR_MAC,
    hop: 255,
    code: 0,
    target: GLOBAL,
    sound: true,
  })
  expect(l.options.slice(0, 4)).toBe('0e01')
  expect(l.options).toHaveLength(16)
})

test('an address is in use a RetransTimer after its last probe, not before (RFC 4862 §5.4) [v6-dad-timing]', () => {
  for (const [dadTransmits, after] of [
    [undefined, 1000],
    [3, 3000],
  ] as const) {
    const n = begun(dadTransmits === undefined ? {} : { dadTransmits })
    const { at } = toProbe(n)
    n.run(at + after - 1 - n.now)
    expect(ofType(n.give(frame({ from: '::', to: GROUP }, ns('2001:db8::5678'))), NA)).toEqual([])
    expect(ready(n)).toBeUndefined()
    const probes = n.taken().filter((s) => left(s.bytes).target === GLOBAL && left(s.bytes).type === NS)
    expect(probes.map((s) => Math.round(s.at - at))).toEqual(dadTransmits === undefined ? [] : [1000, 2000])
    n.run(1.001)
    expect(ready(n)! - at).toBeCloseTo(after)
    const request = frame({ from: '2001:db8::aa', to: GLOBAL, hop: 64 }, echo())
    expect(ofType(n.give(request), NS)).toMatchObject([{ src: GLOBAL, target: '2001:db8::aa' }])
  }
})

test('the report of the group goes before the first probe, and what comes in the delay is heard (RFC 4862 §5.4.2) [v6-dad-join]', () => {
  const n = begun()
  const { all } = toProbe(n)
  const order = all.map((s) => left(s.bytes)).filter((l) => l.type === REPORT || l.type === NS)
  expect(order[0]).toMatchObject({ type: REPORT, dst: 'ff02::16', src: '::' })
  expect(order[0]!.icmp).toContain(addr(GROUP))
  expect(order[1]).toMatchObject({ type: NS })
  // Somebody else's probe while ours still waits.
  const early = begun()
  early.give(frame({ from: '::', to: GROUP, mac: THEIRS }, ns(GLOBAL, nonce('010203040506'))))
  expect(conflict(early)).toBeDefined()
  early.run(10_000)
  expect(ready(early)).toBeUndefined()
})

test('the first packet after the start waits up to a second, and so does an address out of an advertisement (RFC 4862 §5.4.2) [v6-dad-delay]', () => {
  const spread = (waits: number[]) => {
    expect(Math.min(...waits)).toBeLessThan(150)
    expect(Math.max(...waits)).toBeGreaterThan(850)
    expect(Math.max(...waits)).toBeLessThanOrEqual(1000)
  }
  const starts: number[] = []
  const advertised: number[] = []
  for (let seed = 1; seed <= 50; seed++) {
    // No multiples of each other: the generator is linear, and so would be what they draw.
    const n = begun({}, seed ** 5)
    starts.push(toProbe(n).at)
    n.run(10_000)
    n.taken()
    const from = n.now
    n.give(frame({ from: 'fe80::aa', to: 'ff02::1' }, ra({}, prefix('2001:db8:5::/64', 'A', 3600))))
    const { at, all } = toProbe(n, '2001:db8:5::ff:fe00:1')
    advertised.push(at - from)
    // Nobody hears of it before: no report either. The group of this address is the link-local one's, reported long ago.
    expect(all.filter((s) => left(s.bytes).type === NS)).toHaveLength(1)
  }
  spread(starts)
  spread(advertised)
})

test('what is sent to a tentative address is dropped (RFC 4862 §5.4) [v6-dad-tentative-rx]', () => {
  const n = begun()
  toProbe(n)
  expect(n.give(frame({ from: '2001:db8::aa', to: GLOBAL, hop: 64 }, echo()))).toEqual([])
  expect(n.give(frame({ from: '::', to: GLOBAL }, ns(GLOBAL)))).toEqual([])
  expect(n.give(frame({ from: 'fe80::aa', to: GLOBAL }, ns(GLOBAL, slla(THEIRS))))).toEqual([])
  n.give(frame({ from: 'fe80::aa', to: GLOBAL }, na(GLOBAL, 'SO', tlla(THEIRS))))
  n.run(2000)
  expect(ready(n)).toBeDefined()
  const request = frame({ from: '2001:db8::aa', to: GLOBAL, hop: 64 }, echo())
  expect(ofType(n.give(request), NS)).toHaveLength(1)
})

test('a probe of somebody else for the tentative address is a duplicate, our own come back is none (RFC 4862 §5.4.3) [v6-dad-ns-unspec]', () => {
  for (const theirs of [ns(GLOBAL), ns(GLOBAL, nonce('010203040506'))]) {
    const n = begun()
    toProbe(n)
    n.give(frame({ from: '::', to: GROUP, mac: THEIRS }, theirs))
    n.run(10_000)
    expect(ready(n)).toBeUndefined()
    expect(conflict(n)).toMatchObject({ by: new Uint8Array([2, 0, 0, 0, 0, 0xaa]) })
  }
  const looped = begun()
  const { probe } = toProbe(looped)
  looped.give(probe.bytes)
  looped.run(10_000)
  expect(conflict(looped)).toBeUndefined()
  expect(ready(looped)).toBeDefined()
})

test('each probe has a nonce of its own; one that comes back is a loop, and three more probes tell (RFC 7527 §4) [v6-dad-enhanced]', () => {
  const n = begun()
  const { probe, at } = toProbe(n)
  n.give(probe.bytes)
  expect(n.events.some((e) => e.kind === 'log' && e.about === ip6(GLOBAL))).toBe(true)
  n.run(1500)
  expect(ready(n)).toBeUndefined()
  n.run(10_000)
  const probes = [probe, ...n.taken().filter((s) => left(s.bytes).type === NS && left(s.bytes).target === GLOBAL)]
  expect(probes.map((s) => Math.round(s.at - at))).toEqual([0, 1000, 2000, 3000])
  expect(new Set<string>(probes.map((s) => left(s.bytes).options)).size).toBe(4)
  expect(ready(n)! - at).toBeCloseTo(4000)
  // The same octets but for the nonce.
  const other = begun()
  const ours = toProbe(other).probe.bytes
  const nonceAt = 54 + 24 + 2
  const theirs = frame(
    { from: '::', to: GROUP, mac: THEIRS },
    ns(GLOBAL, nonce(hex(ours.slice(nonceAt, nonceAt + 6).map((o) => o ^ 0xff)))),
  )
  other.give(theirs)
  expect(conflict(other)).toBeDefined()
})

test('a link that gives everything back keeps an address tentative, and probing goes on until it stops (RFC 7527 §4.1)', () => {
  const n = begun()
  for (let i = 0; i < 20_000; i += 10) {
    n.run(10)
    for (const s of n.taken()) if (left(s.bytes).type === NS) n.give(s.bytes)
  }
  expect(ready(n)).toBeUndefined()
  expect(conflict(n)).toBeUndefined()
  n.run(10_000)
  expect(ready(n)).toBeDefined()
})

test('who has an address and solicits the tentative one gets no answer, and is no duplicate (RFC 4862 §5.4.3) [v6-dad-ns-unicast]', () => {
  const n = begun()
  toProbe(n)
  const asked = frame({ from: 'fe80::aa', to: GROUP }, ns(GLOBAL, slla(THEIRS)))
  expect(n.give(asked)).toEqual([])
  n.run(2000)
  expect(conflict(n)).toBeUndefined()
  expect(ready(n)).toBeDefined()
  expect(ofType(n.give(asked), NA)).toHaveLength(1)
})

test('an advertisement of the tentative address is a duplicate, one of another address is not (RFC 4862 §5.4.4) [v6-dad-na]', () => {
  for (const flags of ['', 'O', 'OR']) {
    const n = begun()
    toProbe(n)
    n.give(frame({ from: GLOBAL, to: 'ff02::1', mac: THEIRS }, na(GLOBAL, flags, tlla(THEIRS))))
    expect(conflict(n)).toMatchObject({ port: 1, by: new Uint8Array([2, 0, 0, 0, 0, 0xaa]) })
    n.run(10_000)
    expect(ready(n)).toBeUndefined()
  }
  const n = begun()
  toProbe(n)
  n.give(frame({ from: '2001:db8::5678', to: 'ff02::1' }, na('2001:db8::5678', 'O', tlla(THEIRS))))
  n.run(10_000)
  expect(ready(n)).toBeDefined()
})

test('what fails the validity checks has no say, what only carries strange bits and options does (RFC 4862 §5.4.1) [v6-dad-invalid]', () => {
  const probe = ns(GLOBAL)
  const e = { from: '::', to: GROUP, mac: THEIRS }
  const claim = na(GLOBAL, 'O', tlla(THEIRS))
  const c = { from: GLOBAL, to: 'ff02::1', mac: THEIRS }
  const invalid = [
    frame({ ...e, hop: 254 }, probe),
    frame({ ...e, badChecksum: true }, probe),
    frame(e, probe.replace(/^8700/, '8701')),
    frame(e, probe.slice(0, -2)),
    frame(e, `${probe}fd00000000000000`),
    frame({ ...e, to: 'ff02::1' }, probe),
    frame(e, ns(GLOBAL, slla(THEIRS))),
    frame({ ...e, extension: { type: 44, octets: '3a00000000000007' } }, probe),
    frame({ ...c, hop: 254 }, claim),
    frame({ ...c, badChecksum: true }, claim),
    frame(c, claim.replace(/^8800/, '8801')),
    frame(c, na(GLOBAL, 'O').slice(0, -2)),
    frame(c, na(GLOBAL, 'SO', tlla(THEIRS))),
    frame(c, `${claim}fd00000000000000`),
    frame({ ...c, extension: { type: 44, octets: '3a00000000000007' } }, claim),
  ]
  for (const [i, packet] of invalid.entries()) {
    const n = begun()
    toProbe(n)
    n.give(packet)
    n.run(2000)
    expect([i, conflict(n), ready(n) !== undefined]).toEqual([i, undefined, true])
  }
  const odd = [
    frame(e, ns(GLOBAL, mtu(1280)).replace('8700000000000000', '87000000ffffffff')),
    frame(e, ns(GLOBAL, `fd02${'00'.repeat(14)}`, tlla(THEIRS))),
    frame(c, `${na(GLOBAL, 'O', mtu(1280), tlla(THEIRS)).replace('8800000020000000', '880000003fffffff')}`),
    frame(c, na(GLOBAL, 'O', slla(THEIRS), `fd02${'00'.repeat(14)}`)),
  ]
  for (const [i, packet] of odd.entries()) {
    const n = begun()
    toProbe(n)
    n.give(packet)
    n.run(2000)
    expect([i, ready(n)]).toEqual([i, undefined])
    expect(conflict(n)).toBeDefined()
  }
})

test('a duplicate address is never used: no echo reply, no advertisement, and it is told (RFC 4862 §5.4.5) [v6-dad-fail]', () => {
  const n = begun()
  toProbe(n)
  n.give(frame({ from: '::', to: GROUP, mac: THEIRS }, ns(GLOBAL)))
  n.run(10_000)
  n.taken()
  expect(n.give(frame({ from: '2001:db8::aa', to: GLOBAL, hop: 64 }, echo()))).toEqual([])
  expect(n.give(frame({ from: 'fe80::aa', to: GROUP }, ns(GLOBAL, slla(THEIRS))))).toEqual([])
  expect(n.give(frame({ from: '::', to: GROUP }, ns(GLOBAL)))).toEqual([])
  expect(conflict(n)).toMatchObject({ kind: 'address-conflict', port: 1 })
  // The other address of the port is none the worse for it.
  expect(ofType(n.give(frame({ from: 'fe80::aa', to: LINK_LOCAL, hop: 64 }, echo())), NS)).toHaveLength(1)
})

test('a duplicate link-local address made of the hardware address silences the port, another one does not (RFC 4862 §5.4.5) [v6-dad-fail-linklocal]', () => {
  const n = begun()
  toProbe(n, LINK_LOCAL)
  n.give(frame({ from: LINK_LOCAL, to: 'ff02::1', mac: THEIRS }, na(LINK_LOCAL, 'O', tlla(THEIRS))))
  n.taken()
  expect(n.run(60_000)).toEqual([])
  expect(n.give(frame({ from: '2001:db8::aa', to: GLOBAL, hop: 64 }, echo()))).toEqual([])
  expect(n.give(frame({ from: 'fe80::aa', to: GROUP }, ns(GLOBAL, slla(THEIRS))))).toEqual([])
  expect(n.events.some((e) => e.kind === 'log' && e.what.includes('no IPv6'))).toBe(true)
  // The cable is moved to a link where nobody has it.
  n.node.changePort(n.now as Instant, 1, { up: false })
  n.node.changePort(n.now as Instant, 1, { up: true })
  n.run(10_000)
  expect(ready(n)).toBeDefined()
  const random = new OneNode({ ports: [port(1, { addresses: ['fe80::1234:5678:9abc:def0/64', `${GLOBAL}/64`] })] })
  toProbe(random, 'fe80::1234:5678:9abc:def0')
  random.give(
    frame({ from: 'fe80::1234:5678:9abc:def0', to: 'ff02::1', mac: THEIRS }, na('fe80::1234:5678:9abc:def0', 'O')),
  )
  random.run(10_000)
  expect(conflict(random, 'fe80::1234:5678:9abc:def0')).toBeDefined()
  expect(ofType(random.give(frame({ from: 'fe80::aa', to: GROUP }, ns(GLOBAL, slla(THEIRS)))), NA)).toHaveLength(1)
})

test('an address in use is defended: a probe for it is answered to all nodes, a claim is logged and no more (RFC 4862 §5.4.4) [v6-dad-defend]', () => {
  const n = begun()
  n.run(10_000)
  n.taken()
  const answers: Left[] = ofType(
    n.give(frame({ from: '::', to: GROUP, mac: THEIRS }, ns(GLOBAL, nonce('010203040506')))),
    NA,
  )
  expect(answers).toMatchObject([{ dst: 'ff02::1', dstMac: '333300000001', target: GLOBAL, options: `0201${OUR_MAC}` }])
  expect(answers[0]!.icmp.slice(8, 16)).toBe('20000000')
  const logs = () => n.events.filter((e) => e.kind === 'log').length
  expect(logs()).toBe(0)
  for (let i = 0; i < 1000; i++)
    n.give(frame({ from: GLOBAL, to: 'ff02::1', mac: THEIRS }, na(GLOBAL, 'O', tlla(THEIRS))))
  expect(logs()).toBeGreaterThan(0)
  expect(logs()).toBeLessThanOrEqual(10)
  expect(conflict(n)).toBeUndefined()
  expect(ofType(n.give(frame({ from: 'fe80::aa', to: GROUP }, ns(GLOBAL, slla(THEIRS)))), NA)).toHaveLength(1)
})

test('a port without a carrier probes when the link is there', () => {
  const n = new OneNode({ ports: [port(1, { addresses: [`${GLOBAL}/64`], up: false })] })
  n.run(10_000)
  expect(ready(n)).toBeUndefined()
  n.node.changePort(n.now as Instant, 1, { up: true })
  expect(
    ofType(n.run(10_000), NS)
      .map((l) => l.target)
      .sort(),
  ).toEqual([GLOBAL, LINK_LOCAL])
  expect(ready(n)).toBeDefined()
})
