/** All behaviours at once: whatever comes, nothing throws and nothing differs from run to run; bad data is refused. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Behaviours, type LabConfig, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { ask } from './traveller.ts'

const all: Behaviours = {
  ecmp: 'flow',
  nat: { outside: 'eth1', entries: 8 },
  silent: 'time-exceeded',
  rateLimit: { rate: 10 },
  answerFrom: ['eth0', '2001:db8:ffff::1'],
  blackHole: { above: 1200 },
  echoFor: ['203.0.113.0/24', '2001:db8:ffff::/48'],
  stuckEcho: { idle: 100, entries: 8 },
}

/** me — r1 — r2 — r3 — out, r1 with all behaviours, and where labels can be, tunnels both ways. */
function everything(medium: 'ethernet' | 'ip', seed = 1): LabConfig {
  return {
    seed,
    nodes: {
      me: 'host',
      r1: { kind: 'gateway', behaviours: all, routes: { '198.51.100.0/24': '10.0.1.2%eth1' } },
      r2: { kind: 'gateway', behaviours: { ecmp: 'packet' } },
      r3: { kind: 'gateway', routes: { '203.0.113.0/24': 'blackhole' } },
      out: 'host',
    },
    links: [
      ['me', 'r1', { medium }],
      ['r1', 'r2', { medium, burstLoss: { enter: 0.1, leave: 0.5 }, from: { r2: { jitter: 1 } } }],
      ['r2', 'r3', { medium, blackHole: { above: 1400 } }],
      ['r3', 'out', { medium }],
    ],
    ...(medium === 'ip'
      ? {}
      : {
          tunnels: [
            { path: ['r1', 'r2', 'r3'], mode: 'explicit' },
            { path: ['r3', 'r2', 'r1'], mode: 'opaque' },
          ],
        }),
  }
}

/** What scapy makes: echo, UDP, TCP, errors that quote them, a fragment, IPv6 echo, with a fragment header, an error. */
const PACKETS = [
  '45000023000700004001469d0a000001c6336402080054991234000561626364656667',
  '45000021000800004011468e0a000001c633640213880009000d743a68656c6c6f',
  '45000028000a0000400646900a000001c633640217700050000003e8000000005002200040040000',
  '4500003d00280000400146620a000001c6336402030331520000000045000021001400003b114b82c63364020a00000100091388000d6a30776f726c64',
  '45000021000820b9401125d50a000001c633640213880009000d743a68656c6c6f',
  '6000000000083a4020010db800000000000000000000000120010db80000000300000000000000028000244200010000',
  '6000000000102c4020010db800000000000000000000000120010db80000000300000000000000023a00000100000001 8000244200010000',
  '6000000000383a4020010db800000000000000000000000120010db80000000300000000000000020300000000000000' +
    '6000000000083a0120010db80000000300000000000000 0220010db80000000000000000000000018000244200010000',
  // To the outside address of the NAT: a datagram, an error that quotes one of its own, the halves of a datagram.
  '45000021001400003c114982c63364020a00010100091388000d6930776f726c64',
  '4500003d001e00003c013798cb0071090a0001010b002a550000000045000021000800000111848e0a000101c633640213880009000d733a68656c6c6f',
  '45000024001420003c11297fc63364020a000101000913880064f8ec776f726c64776f72',
  '4500001c001400023c004996c63364020a000101776f726c64776f72',
].map((p) => unhex(p))

/** A packet of those, some of its octets others, cut or grown. */
const hostile = fc
  .record({
    which: fc.nat(PACKETS.length - 1),
    edits: fc.array(fc.tuple(fc.nat(110), fc.nat(255)), { maxLength: 4 }),
    length: fc.option(fc.nat(120), { nil: undefined }),
  })
  .map(({ which, edits, length }) => {
    const packet = new Uint8Array(length ?? PACKETS[which]!.length)
    packet.set(PACKETS[which]!.subarray(0, packet.length))
    for (const [at, octet] of edits) if (at < packet.length) packet[at] = octet
    return packet
  })

/** What a link carries in front: an address of the port at the other end, and labels, or what are none. */
const front = fc.record({
  type: fc.constantFrom(0x0800, 0x86dd, 0x8847, 0x0806),
  labels: fc.array(fc.tuple(fc.constantFrom(24_000, 24_001, 24_002, 0, 3), fc.nat(1), fc.nat(255)), { maxLength: 3 }),
})

test('hostile packets into every behaviour: nothing throws, and the same come to the same', () => {
  const run = (
    medium: 'ethernet' | 'ip',
    packets: readonly { packet: Uint8Array; lead: Uint8Array; into: number }[],
  ) => {
    const net = lab(everything(medium))
    const digest = createHash('sha256')
    for (const l of net.links)
      net.tap(l.name, (p) => {
        digest.update(`${p.time} ${p.from} ${p.to} ${p.fate}`).update(p.bytes.subarray(p.at, p.end))
      })
    for (const { packet, lead, into } of packets) {
      const [from, to, at] = INTO[into]!
      const port = medium === 'ip' ? undefined : net.link(at).ends.find((e) => e.node === to)!.port
      const frame = port === undefined ? packet : new Uint8Array([...port.mac, 2, 0, 0, 0, 0, 99, ...lead, ...packet])
      net.node(from).inject(net.now, from === 'r1' ? 2 : 1, frame)
      net.run(net.now + 1)
    }
    net.run(net.now + 100)
    return digest.digest('hex')
  }
  fc.assert(
    fc.property(
      fc.constantFrom('ethernet' as const, 'ip' as const),
      fc.array(fc.record({ packet: hostile, lead: front.map(leadOf), into: fc.nat(INTO.length - 1) }), {
        minLength: 1,
        maxLength: 12,
      }),
      (medium, packets) => {
        expect(run(medium, packets)).toBe(run(medium, packets))
      },
    ),
    { numRuns: 150 },
  )
})

const INTO = [
  ['me', 'r1', 'me-r1'],
  ['r2', 'r1', 'r1-r2'],
  ['r1', 'r2', 'r1-r2'],
] as const

function leadOf({ type, labels }: { type: number; labels: [number, number, number][] }): Uint8Array {
  const octets = [type >> 8, type & 255]
  if (type === 0x8847)
    for (const [label, bottom, ttl] of labels)
      octets.push(label >> 12, (label >> 4) & 255, ((label & 15) << 4) | bottom, ttl)
  return Uint8Array.from(octets)
}

/** A ring of gateways with a host at two of them, behaviours, tunnels and changes as chance has it. */
const network: fc.Arbitrary<LabConfig> = fc
  .record({
    seed: fc.nat(),
    behaviours: fc.array(
      fc.record(
        {
          ecmp: fc.constantFrom('flow' as const, 'packet' as const, ['icmp-checksum' as const]),
          silent: fc.constantFrom('time-exceeded' as const, 'errors' as const, 'icmp' as const),
          rateLimit: fc.record({ rate: fc.constantFrom(0.5, 10), burst: fc.constantFrom(1, 6) }),
          answerFrom: fc.constantFrom('eth1', '192.0.2.9'),
          blackHole: fc.constantFrom('none' as const, 'icmp' as const, { above: 500 }),
          stuckEcho: fc.record({ idle: fc.constantFrom(100, 2000) }),
        },
        { requiredKeys: [] },
      ),
      { minLength: 4, maxLength: 4 },
    ),
    mode: fc.constantFrom('explicit' as const, 'implicit' as const, 'opaque' as const, 'invisible' as const),
    burst: fc.record({ enter: fc.constantFrom(0, 0.1), leave: fc.constantFrom(0.3, 1) }),
    at: fc.array(
      fc.oneof(
        fc.record({ time: fc.nat(4000), down: fc.constantFrom('r1', 'r2') }),
        fc.record({ time: fc.nat(4000), up: fc.constantFrom('r1', 'r2') }),
        fc.record({ time: fc.nat(4000), down: fc.constant(['r0', 'r1'] as const) }),
        fc.record({ time: fc.nat(4000), up: fc.constant(['r0', 'r1'] as const) }),
        fc.record({ time: fc.nat(4000), change: fc.constant(['r1-r2', { from: { r1: { loss: 0.5 } } }] as const) }),
      ),
      { maxLength: 5 },
    ),
  })
  .map(({ seed, behaviours, mode, burst, at }) => ({
    seed,
    nodes: {
      a: 'host',
      b: 'host',
      ...Object.fromEntries(behaviours.map((b, i) => [`r${i}`, { kind: 'gateway' as const, behaviours: b }])),
    },
    links: [
      ['a', 'r0'],
      ['r2', 'b'],
      ['r0', 'r1', { burstLoss: burst }],
      ['r1', 'r2', { jitter: 3, delay: 5 }],
      ['r2', 'r3'],
      ['r3', 'r0'],
    ],
    tunnels: [{ path: ['r0', 'r1', 'r2'], mode }],
    at,
  }))

test('a network of behaviours twice: the same packets, at the same moments', () => {
  const run = (config: LabConfig) => {
    const net = lab(config)
    const digest = createHash('sha256')
    let packets = 0
    for (const l of net.links)
      net.tap(l.name, (p) => {
        packets++
        digest.update(`${p.time} ${p.from} ${p.to} ${p.fate} ${p.arrives}`).update(p.bytes.subarray(p.at, p.end))
      })
    for (const to of ['10.0.1.2', '2001:db8:0:1::2'])
      for (let i = 0; i < 12; i++) ask(net, 'a', { to, ttl: (i % 5) + 1, seq: i, id: i % 3, size: i * 100 }, 200)
    return { digest: digest.digest('hex'), packets }
  }
  let packets = 0
  fc.assert(
    fc.property(network, (config) => {
      const once = run(config)
      expect(run(config)).toEqual(once)
      packets += once.packets
    }),
    { numRuns: 60 },
  )
  expect(packets).toBeGreaterThan(3000)
})

test('with all of them a packet still crosses, and the middlebox still answers', () => {
  const net = lab({ ...everything('ethernet'), seed: 3 })
  const crossed = Array.from({ length: 10 }, () => ask(net, 'me', { to: '10.0.3.2', id: 5 }).length)
  expect(crossed.reduce((a, b) => a + b)).toBeGreaterThan(3)
  expect(ask(net, 'me', { to: '2001:db8:ffff::9' }).map((a) => a.from)).toEqual(['2001:db8:ffff::9'])
})

test('what a behaviour cannot be is refused with its place', () => {
  const refused = (behaviours: object, kind: 'host' | 'gateway' = 'gateway') => {
    try {
      lab({ nodes: { a: { kind, behaviours }, b: 'host' }, links: [['a', 'b']] })
    } catch (e) {
      return (e as TypeError).message
    }
    return 'taken'
  }
  const b = 'lab: nodes.a.behaviours'
  expect(refused({ ecmp: 'flow' }, 'host')).toBe(`${b}.ecmp: nothing crosses a host`)
  expect(refused({ silent: 'errors' }, 'host')).toBe('taken')
  expect(refused({ ecmp: ['addresses', 'port'] })).toBe(
    `${b}.ecmp: flow, packet, or some of addresses, protocol, ports, icmp-id, icmp-checksum, flow-label, not 'port'`,
  )
  expect(refused({ silent: 'all' })).toBe(`${b}.silent: time-exceeded, errors, icmp, not 'all'`)
  expect(refused({ rateLimit: { rate: -1 } })).toBe(`${b}.rateLimit.rate: errors a second, 0 or more, not -1`)
  expect(refused({ blackHole: 'udp' })).toBe(`${b}: blackHole is none, all, icmp or { above }, not 'udp'`)
  expect(refused({ blackHole: {} })).toBe(`${b}: blackHole.above is octets, not undefined`)
  expect(refused({ nat: { outside: 'eth0', entries: 0 } })).toBe(`${b}.nat.entries: mappings, 1 or more, not 0`)
  expect(refused({ stuckEcho: { idle: Number.NaN } })).toBe(`${b}.stuckEcho.idle: milliseconds, 0 or more, not NaN`)
  expect(refused({ echoFor: ['10.0.0.1'] })).toBe(
    `${b}.echoFor: '10.0.0.1' is no address with a prefix length, as 192.0.2.1/24 is`,
  )
})
