/**
 * ICMPv6 against two other implementations: tshark reads what we write, we read what scapy makes. Messages are drawn by
 * fast-check from a fixed seed, so that a failure comes back.
 */
import fc from 'fast-check'
import { describe, expect, type TestContext, test } from 'vitest'
import { type Ip, type Ip4, type Ip6, parseIp, showIp, writeIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { type ExtensionObject, of } from '../../packages/icmpkit/src/wire/extension.ts'
import * as icmp6 from '../../packages/icmpkit/src/wire/icmp6.ts'
import { toJson } from '../../packages/icmpkit/src/wire/json.ts'
import { LinkType } from '../../packages/icmpkit/src/wire/link-layer.ts'
import * as mld from '../../packages/icmpkit/src/wire/mld.ts'
import * as ndOption from '../../packages/icmpkit/src/wire/nd-option.ts'
import * as nodeInfo from '../../packages/icmpkit/src/wire/node-info.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { registeredTypes, typeEntry } from '../../packages/icmpkit/src/wire/registry.ts'
import * as scapy from './scapy.ts'
import * as tshark from './tshark.ts'

const SEED = 20251123
/** Messages a kind. */
const RUNS = 60

const SRC = parseIp('fe80::1') as Ip6
const DST = parseIp('fe80::2') as Ip6
const NOTHING = new Uint8Array(0)

/** What tshark must show, field by field, in the order of the packet. */
type Shown = Record<string, (string | number | bigint | boolean)[]>

// scapy: IPv6(src='2001:db8::1', dst='2001:db8:1::2', hlim=1)/UDP(sport=40000, dport=33434)/b'tracetrc'
const QUOTE = unhex(
  '600000000010110120010db800000000000000000000000120010db80001000000000000000000029c40829a0010d7cf7472616365747263',
)

const u8s = fc.nat(0xff)
const u16s = fc.nat(0xffff)
const u32s = fc.nat(0xffffffff)
const u64s = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
const flags = fc.boolean()
/** 2000::/3, so that no text has a dotted quad. */
const unicast = fc.bigInt({ min: 1n << 125n, max: (1n << 126n) - 1n }) as fc.Arbitrary<Ip6>
const group = fc.bigInt({ min: 0xff3en << 112n, max: (0xff3fn << 112n) - 1n }) as fc.Arbitrary<Ip6>
const addresses = (min: number) => fc.array(unicast, { minLength: min, maxLength: 4 })
const octets = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max })
const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}[a-z0-9]$/)
const name = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'))
const prefixBits = (ip: Ip6, bits: number) => ((ip >> BigInt(128 - bits)) << BigInt(128 - bits)) as Ip6

const option: fc.Arbitrary<ndOption.Option> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('sourceLinkLayer' as const, 'targetLinkLayer' as const),
    linkLayerAddress: octets(6, 6),
  }),
  fc.record({
    kind: fc.constant('prefixInformation' as const),
    prefixLength: fc.nat(128),
    onLink: flags,
    autonomous: flags,
    routerAddress: flags,
    delegationPreferred: fc.constant(false), // younger than the tshark that is about
    validLifetimeSeconds: u32s,
    preferredLifetimeSeconds: u32s,
    prefix: unicast,
  }),
  fc.constant({ kind: 'redirectedHeader' as const, quote: QUOTE }),
  fc.record({ kind: fc.constant('mtu' as const), mtu: u32s }),
  fc.record({
    kind: fc.constantFrom('sourceAddressList' as const, 'targetAddressList' as const),
    addresses: addresses(1),
  }),
  fc.record({ kind: fc.constant('nonce' as const), nonce: octets(6, 6) }),
  fc
    .tuple(fc.nat(128), fc.constantFrom(-1, 0, 1), u32s, unicast)
    .map(([prefixLength, preference, lifetimeSeconds, ip]) => ({
      kind: 'routeInformation' as const,
      prefixLength,
      preference,
      lifetimeSeconds,
      prefix: prefixBits(ip, prefixLength),
      length: 0,
    })),
  fc.record({ kind: fc.constant('recursiveDns' as const), lifetimeSeconds: u32s, addresses: addresses(1) }),
  fc.record({
    kind: fc.constant('dnsSearchList' as const),
    lifetimeSeconds: u32s,
    names: fc.array(name, { minLength: 1, maxLength: 3 }),
    length: fc.constant(0),
  }),
  name.map((host) => ({ kind: 'captivePortal' as const, uri: `https://${host}/api`, length: 0 })),
  fc.tuple(fc.nat(8191), fc.constantFrom(96, 64, 56, 48, 40, 32), unicast).map(([scaled, prefixLength, ip]) => ({
    kind: 'pref64' as const,
    lifetimeSeconds: scaled * 8,
    prefixLength,
    prefix: prefixBits(ip, prefixLength),
  })),
  fc.record({ kind: fc.constant('unknown' as const), type: fc.constant(253), data: octets(6, 6) }),
)
const options = fc.array(option, { maxLength: 5 })

const extensionObject: fc.Arbitrary<ExtensionObject> = fc.oneof(
  fc
    .array(fc.record({ label: fc.nat(0xfffff), tc: fc.nat(7), ttl: u8s }), { minLength: 1, maxLength: 4 })
    .map((stack) => ({
      kind: 'mpls' as const,
      entries: stack.map((entry, i) => ({ ...entry, bottom: i === stack.length - 1 })),
    })),
  fc.record({
    kind: fc.constant('interfaceInformation' as const),
    role: fc.nat(3),
    index: u32s,
    address: unicast,
    name: label,
    mtu: u32s,
    trailing: fc.constant(NOTHING),
  }),
)
const queried: fc.Arbitrary<ExtensionObject> = fc.oneof(
  label.map((text) => ({ kind: 'interfaceByName' as const, name: text })),
  u32s.map((index) => ({ kind: 'interfaceByIndex' as const, index })),
  unicast.map((address) => ({ kind: 'interfaceByAddress' as const, afi: 2, address })),
  fc.integer().map((v4) => ({ kind: 'interfaceByAddress' as const, afi: 1, address: v4 as Ip4 })),
)

const quoted = (kind: 'unreachable' | 'timeExceeded'): fc.Arbitrary<icmp6.Message> =>
  fc.array(extensionObject, { maxLength: 2 }).map((objects) => ({
    kind,
    code: 0,
    quote: QUOTE,
    extensions: objects.length === 0 ? undefined : of(...objects),
  }))
const echo = (kind: icmp6.Echo['kind']): fc.Arbitrary<icmp6.Message> =>
  fc.record({ kind: fc.constant(kind), code: fc.constant(0), id: u16s, seq: u16s, data: octets(0, 40) })
const mldv1 = (kind: mld.Mldv1['kind']): fc.Arbitrary<icmp6.Message> =>
  fc.record({
    kind: fc.constant(kind),
    code: fc.constant(0),
    maxResponseDelayMs: u16s,
    group,
    trailing: fc.constant(NOTHING),
  })
const withOptions = (kind: 'inverseSolicitation' | 'inverseAdvertisement'): fc.Arbitrary<icmp6.Message> =>
  fc.record({ kind: fc.constant(kind), code: fc.constant(0), options })
const subject: fc.Arbitrary<Ip | nodeInfo.NodeName> = fc.oneof(
  unicast,
  fc.integer() as fc.Arbitrary<Ip4>,
  name.map((text) => ({ name: text, qualified: true })),
)
const addressFlags = fc.nat(0x3e)

/** Messages of each kind. Codes and types are gone through one by one, below. */
const MESSAGES: { [K in icmp6.Kind]: fc.Arbitrary<icmp6.Message> } = {
  unreachable: quoted('unreachable'),
  timeExceeded: quoted('timeExceeded'),
  packetTooBig: u32s.map((mtu) => ({ kind: 'packetTooBig', code: 0, mtu, quote: QUOTE })),
  parameterProblem: u32s.map((pointer) => ({ kind: 'parameterProblem', code: 0, pointer, quote: QUOTE })),
  echoRequest: echo('echoRequest'),
  echoReply: echo('echoReply'),
  mldQuery: mldv1('mldQuery'),
  mldReport: mldv1('mldReport'),
  mldDone: mldv1('mldDone'),
  mldv2Query: fc
    .tuple(u16s, group, flags, fc.nat(7), u8s, addresses(0))
    .map(([delay, to, suppress, robustness, interval, sources]) => ({
      kind: 'mldv2Query',
      code: 0,
      maxResponseDelayMs: mld.delayMs(delay),
      group: to,
      flags: 0,
      suppress,
      robustness,
      queryIntervalSeconds: mld.intervalSeconds(interval),
      sources,
      trailing: NOTHING,
    })),
  mldv2Report: fc
    .array(fc.tuple(fc.integer({ min: 1, max: 6 }), group, addresses(0), fc.nat(2)), { maxLength: 4 })
    .map((records) => ({
      kind: 'mldv2Report',
      code: 0,
      flags: 0,
      records: records.map(([type, to, sources, words]) => ({
        type,
        group: to,
        sources,
        auxiliaryData: new Uint8Array(4 * words).fill(0xab),
      })),
      trailing: NOTHING,
    })),
  routerSolicitation: fc.record({ kind: fc.constant('routerSolicitation'), code: fc.constant(0), options }),
  routerAdvertisement: fc.record({
    kind: fc.constant('routerAdvertisement'),
    code: fc.constant(0),
    curHopLimit: u8s,
    managed: flags,
    otherConfig: flags,
    homeAgent: flags,
    preference: fc.constantFrom(-1, 0, 1),
    proxy: flags,
    lifetimeSeconds: u16s,
    reachableTimeMs: u32s,
    retransTimerMs: u32s,
    options,
  }),
  neighborSolicitation: fc.record({
    kind: fc.constant('neighborSolicitation'),
    code: fc.constant(0),
    target: unicast,
    options,
  }),
  neighborAdvertisement: fc.record({
    kind: fc.constant('neighborAdvertisement'),
    code: fc.constant(0),
    router: flags,
    solicited: flags,
    override: flags,
    target: unicast,
    options,
  }),
  redirect: fc.record({
    kind: fc.constant('redirect'),
    code: fc.constant(0),
    target: unicast,
    destination: unicast,
    options,
  }),
  inverseSolicitation: withOptions('inverseSolicitation'),
  inverseAdvertisement: withOptions('inverseAdvertisement'),
  nodeInfoQuery: fc.tuple(subject, u64s, addressFlags).map(([about, nonce, bits]) => ({
    kind: 'nodeInfoQuery',
    code: typeof about === 'bigint' ? 0 : typeof about === 'number' ? 2 : 1,
    qtype: nodeInfo.Qtype.nodeAddresses,
    flags: bits,
    nonce,
    data: nodeInfo.subjectData(about),
  })),
  nodeInfoReply: fc.oneof(
    fc
      .tuple(u64s, addresses(1))
      .map(([nonce, list]) => reply(nodeInfo.Qtype.nodeAddresses, nonce, nodeInfo.addressesData(list))),
    fc
      .tuple(u64s, fc.integer())
      .map(([nonce, v4]) => reply(nodeInfo.Qtype.ip4Addresses, nonce, nodeInfo.addressesData([v4 as Ip4]))),
    fc
      .tuple(u64s, name)
      .map(([nonce, host]) =>
        reply(nodeInfo.Qtype.nodeName, nonce, nodeInfo.nodeNamesData([{ name: host, qualified: true }])),
      ),
  ),
  homeAgentRequest: fc.record({
    kind: fc.constant('homeAgentRequest'),
    code: fc.constant(0),
    id: u16s,
    mobileRouter: fc.constant(false),
    trailing: fc.constant(NOTHING),
  }),
  homeAgentReply: fc.record({
    kind: fc.constant('homeAgentReply'),
    code: fc.constant(0),
    id: u16s,
    mobileRouter: fc.constant(false),
    addresses: addresses(1),
    trailing: fc.constant(NOTHING),
  }),
  mobilePrefixSolicitation: fc.record({
    kind: fc.constant('mobilePrefixSolicitation'),
    code: fc.constant(0),
    id: u16s,
    options: fc.constant([]),
  }),
  mobilePrefixAdvertisement: fc.record({
    kind: fc.constant('mobilePrefixAdvertisement'),
    code: fc.constant(0),
    id: u16s,
    managed: flags,
    otherConfig: flags,
    options,
  }),
  certificationPathSolicitation: fc.record({
    kind: fc.constant('certificationPathSolicitation'),
    code: fc.constant(0),
    id: u16s,
    component: u16s,
    options,
  }),
  certificationPathAdvertisement: fc.record({
    kind: fc.constant('certificationPathAdvertisement'),
    code: fc.constant(0),
    id: u16s,
    allComponents: u16s,
    component: u16s,
    options,
  }),
  multicastRouterAdvertisement: fc.record({
    kind: fc.constant('multicastRouterAdvertisement'),
    code: u8s,
    queryIntervalSeconds: u16s,
    robustness: u16s,
    trailing: fc.constant(NOTHING),
  }),
  multicastRouterSolicitation: fc.constant({ kind: 'multicastRouterSolicitation', code: 0, trailing: NOTHING }),
  multicastRouterTermination: fc.constant({ kind: 'multicastRouterTermination', code: 0, trailing: NOTHING }),
  extendedEchoRequest: fc.tuple(u16s, u8s, flags, queried).map(([id, seq, local, about]) => ({
    kind: 'extendedEchoRequest',
    code: 0,
    id,
    seq,
    local,
    extensions: of(about),
    data: NOTHING,
  })),
  extendedEchoReply: fc.record({
    kind: fc.constant('extendedEchoReply'),
    code: fc.nat(4),
    id: u16s,
    seq: u8s,
    state: fc.nat(6),
    active: flags,
    ipv4: flags,
    ipv6: flags,
    data: fc.constant(NOTHING),
  }),
  // No options: tshark reads them as those of the fast handovers of type 154.
  seamoby: fc.record({ kind: fc.constant('seamoby'), code: fc.constant(0), subtype: u8s, data: fc.constant(NOTHING) }),
  other: fc.constantFrom(...otherMessages()),
}

describe('tshark reads what we write, with the same fields, no malformed packet and right checksums', () => {
  const cases = (Object.keys(MESSAGES) as icmp6.Kind[]).flatMap((kind) =>
    fc.sample(MESSAGES[kind], { seed: SEED, numRuns: RUNS }).map((m) => [m, shown(m)] as const),
  )

  test(`${RUNS} messages of every kind`, (ctx) => {
    expect(cases.length).toBe(RUNS * Object.keys(MESSAGES).length)
    expectShown(ctx, cases)
  })

  test('every code of every type that has a registered one, and one that has not', (ctx) => {
    const cases: [icmp6.Message, Shown][] = []
    for (const type of registeredTypes(6)) {
      const m = sampleOf(type)
      for (const code of [...typeEntry(6, type).codes.map((c) => c.code), 77]) {
        // The code of a node information message says what its data are; tshark rightly refuses one in MPL.
        if (type === icmp6.Type.mplControl && code === 77) continue
        if (m.kind === 'nodeInfoQuery' || m.kind === 'nodeInfoReply') continue
        cases.push([
          { ...m, code },
          { 'icmpv6.type': [type], 'icmpv6.code': [code] },
        ])
      }
    }
    expect(cases.length).toBeGreaterThan(100)
    expectShown(ctx, cases)
  })
})

describe('packets that scapy makes read as the fields that scapy gave them', () => {
  test('of every ICMPv6 type, option and record that it knows', (ctx) => {
    const made = scapy.run(ctx, MAKE_MESSAGES) as Made[]
    expect(made.length).toBeGreaterThan(800)
    const kinds = new Set<string>()
    for (const { wire, about, fields } of made) {
      const bytes = unhex(wire)
      expect(icmp6.verifyAt(bytes, 40, bytes.length, bytes.length - 40, 0), about).toBe('ok')
      const m = icmp6.parse(bytes, 40)
      if (m.kind === 'malformed') throw new Error(`${about}: ${m.why} at ${m.at} of ${wire}`)
      expect(toJson(m), `${about} ${wire}`).toMatchObject(fields)
      const out = new Uint8Array(bytes.length)
      out.set(bytes.subarray(0, 40))
      icmp6.write(m, out, 40, SRC, DST)
      expect(hex(out), about).toBe(wire)
      kinds.add(m.kind)
    }
    // scapy has no class for the types 148, 149, 160 and 161.
    const unknown = [
      'certificationPathSolicitation',
      'certificationPathAdvertisement',
      'extendedEchoRequest',
      'extendedEchoReply',
    ]
    expect([...kinds].sort()).toEqual(
      Object.keys(MESSAGES)
        .filter((kind) => !unknown.includes(kind))
        .sort(),
    )
  })
})

function expectShown(ctx: TestContext, cases: readonly (readonly [icmp6.Message, Shown])[]): void {
  const packets = cases.map(([m]) => packet(m))
  const fields = ['icmpv6.checksum.status', ...new Set(cases.flatMap(([, s]) => Object.keys(s)))]
  const readings = tshark.read(ctx, LinkType.ip6, packets, fields, 'ipv6,icmpv6,icmp,icmp_extension,udp')
  for (const [i, { complaints, shown }] of readings.entries()) {
    const [m, expected] = cases[i]!
    const about = `${JSON.stringify(toJson(m))} ${hex(packets[i]!, 40)}`
    expect(complaints, about).toEqual([])
    // 1: good.
    expect(shown['icmpv6.checksum.status'], about).toBe('1')
    const seen = Object.fromEntries(Object.keys(expected).map((field) => [field, plain(shown[field]!)]))
    const wanted = Object.fromEntries(Object.entries(expected).map(([field, list]) => [field, list.map(text).join()]))
    expect(seen, about).toEqual(wanted)
  }
}

/** Versions of tshark print one flag as 1 or True, one number as 10 or 0x0a. */
function plain(values: string): string {
  const one = (value: string) => (value === 'True' ? '1' : value === 'False' ? '0' : decimal(value))
  const decimal = (value: string) => (/^0x[0-9a-fA-F]+$/.test(value) ? BigInt(value).toString() : value)
  return values.split(',').map(one).join()
}

function text(value: string | number | bigint | boolean): string {
  return typeof value === 'boolean' ? String(Number(value)) : String(value)
}

/** `m` from fe80::1 to fe80::2 behind an IPv6 header made by hand. */
function packet(m: icmp6.Message): Uint8Array {
  const bytes = new Uint8Array(40 + icmp6.size(m))
  bytes.set([0x60, 0, 0, 0, (bytes.length - 40) >> 8, (bytes.length - 40) & 0xff, 58, 255])
  writeIp(SRC, bytes, 8)
  writeIp(DST, bytes, 24)
  expect(icmp6.write(m, bytes, 40, SRC, DST)).toBe(bytes.length)
  return bytes
}

function reply(qtype: number, nonce: bigint, data: Uint8Array): icmp6.Message {
  return { kind: 'nodeInfoReply', code: 0, qtype, flags: 0, nonce, data }
}

/** Types without a layout of ours, with bodies that tshark can read. */
function otherMessages(): icmp6.Message[] {
  const bodies: [type: number, rest: string][] = [
    [0, '00000000'],
    [100, '01020304'],
    [101, '01020304'],
    [127, '00000000'],
    [138, '000000010100000000000000'], // RFC 2894 §3.1
    [154, '02001234'], // RFC 5568 §6.1.1
    [155, '00'.repeat(64)], // RFC 6550 §6: each kind of message, then options of padding
    [156, '010100000000' + '20010db80000000100010e10'.slice(0, 24)], // RFC 6743 §3
    [157, `0000003c0200005e10000001${'20010db8000000000000000000000001'}`], // RFC 6775 §4.4
    [158, `0000003c0200005e10000001${'20010db8000000000000000000000001'}`],
    [159, '0100'], // RFC 7731 §6.2: one seed, its own address
    [200, '01020304'],
    [201, '01020304'],
    [255, '00000000'],
  ]
  return bodies.map(([type, rest]) => ({ kind: 'other', type, code: 0, rest: unhex(rest) }))
}

/** A plain message of this type. */
function sampleOf(type: number): icmp6.Message {
  const other = otherMessages().find((m) => icmp6.typeOf(m) === type)
  if (other !== undefined) return other
  const kind = Object.entries(icmp6.Type).find(([, t]) => t === type)![0] as icmp6.Kind
  return fc.sample(MESSAGES[kind], { seed: SEED, numRuns: 1 })[0]!
}

/** tshark's name for each field of `m`, and its value. */
function shown(m: icmp6.Message): Shown {
  const common: Shown = { 'icmpv6.type': [icmp6.typeOf(m)], 'icmpv6.code': [m.code] }
  switch (m.kind) {
    case 'unreachable':
    case 'timeExceeded':
      return {
        ...common,
        ...shownQuote(),
        ...shownExtensions(m.extensions?.objects),
        'icmpv6.length': m.extensions === undefined ? [] : [16],
      }
    case 'packetTooBig':
      return { ...common, ...shownQuote(), 'icmpv6.mtu': [m.mtu] }
    case 'parameterProblem':
      return { ...common, ...shownQuote(), 'icmpv6.pointer': [m.pointer] }
    case 'echoRequest':
    case 'echoReply':
      return {
        ...common,
        'icmpv6.echo.identifier': [m.id],
        'icmpv6.echo.sequence_number': [m.seq],
        'data.data': m.data.length > 0 ? [hex(m.data)] : [],
      }
    case 'mldQuery':
    case 'mldReport':
    case 'mldDone':
      return {
        ...common,
        'icmpv6.mld.maximum_response_delay': [m.maxResponseDelayMs],
        'icmpv6.mld.multicast_address': [showIp(m.group)],
      }
    case 'mldv2Query':
      return {
        ...common,
        // What the code means, says tshark under this name.
        'icmpv6.mld.maximum_response_code': [m.maxResponseDelayMs],
        'icmpv6.mld.multicast_address': [showIp(m.group)],
        'icmpv6.mld.flag.s': [m.suppress],
        'icmpv6.mld.flag.qrv': [m.robustness],
        'icmpv6.mld.qqi': [m.queryIntervalSeconds],
        'icmpv6.mld.nb_sources': [m.sources.length],
        'icmpv6.mld.source_address': m.sources.map((ip) => showIp(ip)),
      }
    case 'mldv2Report':
      return {
        ...common,
        'icmpv6.mldr.nb_mcast_records': [m.records.length],
        'icmpv6.mldr.mar.record_type': m.records.map((r) => r.type),
        'icmpv6.mldr.mar.aux_data_len': m.records.map((r) => r.auxiliaryData.length / 4),
        'icmpv6.mldr.mar.nb_sources': m.records.map((r) => r.sources.length),
        'icmpv6.mldr.mar.multicast_address': m.records.map((r) => showIp(r.group)),
        'icmpv6.mldr.mar.source_address': m.records.flatMap((r) => r.sources.map((ip) => showIp(ip))),
        'icmpv6.mldr.mar.auxiliary_data': m.records.flatMap((r) =>
          r.auxiliaryData.length > 0 ? [hex(r.auxiliaryData)] : [],
        ),
      }
    case 'routerSolicitation':
    case 'inverseSolicitation':
    case 'inverseAdvertisement':
      return { ...common, ...shownOptions(m.options) }
    case 'routerAdvertisement':
      return {
        ...common,
        'icmpv6.nd.ra.cur_hop_limit': [m.curHopLimit],
        'icmpv6.nd.ra.flag.m': [m.managed],
        'icmpv6.nd.ra.flag.o': [m.otherConfig],
        'icmpv6.nd.ra.flag.h': [m.homeAgent],
        'icmpv6.nd.ra.flag.prf': [m.preference & 3],
        'icmpv6.nd.ra.flag.p': [m.proxy],
        'icmpv6.nd.ra.flag.rsv': [0],
        'icmpv6.nd.ra.router_lifetime': [m.lifetimeSeconds],
        'icmpv6.nd.ra.reachable_time': [m.reachableTimeMs],
        'icmpv6.nd.ra.retrans_timer': [m.retransTimerMs],
        ...shownOptions(m.options),
      }
    case 'neighborSolicitation':
      return { ...common, 'icmpv6.nd.ns.target_address': [showIp(m.target)], ...shownOptions(m.options) }
    case 'neighborAdvertisement':
      return {
        ...common,
        'icmpv6.nd.na.flag.r': [m.router],
        'icmpv6.nd.na.flag.s': [m.solicited],
        'icmpv6.nd.na.flag.o': [m.override],
        'icmpv6.nd.na.flag.rsv': [0],
        'icmpv6.nd.na.target_address': [showIp(m.target)],
        ...shownOptions(m.options),
      }
    case 'redirect':
      return {
        ...common,
        'icmpv6.nd.rd.target_address': [showIp(m.target)],
        'icmpv6.rd.na.destination_address': [showIp(m.destination)],
        ...shownOptions(m.options),
      }
    case 'nodeInfoQuery':
    case 'nodeInfoReply':
      return { ...common, ...shownNodeInfo(m) }
    case 'homeAgentRequest':
      return { ...common, 'icmpv6.mip6.identifier': [m.id] }
    case 'homeAgentReply':
      return {
        ...common,
        'icmpv6.mip6.identifier': [m.id],
        'icmpv6.mip6.home_agent_address': m.addresses.map((ip) => showIp(ip)),
      }
    case 'mobilePrefixSolicitation':
      return { ...common, 'icmpv6.mip6.identifier': [m.id], ...shownOptions(m.options) }
    case 'mobilePrefixAdvertisement':
      return {
        ...common,
        'icmpv6.mip6.identifier': [m.id],
        'icmpv6.mip6.flag.m': [m.managed],
        'icmpv6.mip6.flag.o': [m.otherConfig],
        ...shownOptions(m.options),
      }
    case 'certificationPathSolicitation':
      return {
        ...common,
        'icmpv6.send.identifier': [m.id],
        'icmpv6.send.component': [m.component],
        ...shownOptions(m.options),
      }
    case 'certificationPathAdvertisement':
      return {
        ...common,
        'icmpv6.send.identifier': [m.id],
        'icmpv6.send.all_components': [m.allComponents],
        'icmpv6.send.component': [m.component],
        ...shownOptions(m.options),
      }
    case 'multicastRouterAdvertisement':
      return {
        ...common,
        'icmpv6.mcast_ra.query_interval': [m.queryIntervalSeconds],
        'icmpv6.mcast_ra.robustness_variable': [m.robustness],
      }
    case 'multicastRouterSolicitation':
    case 'multicastRouterTermination':
    case 'other':
      return common
    case 'seamoby':
      return { ...common, 'icmpv6.fmip6.subtype': [m.subtype] }
    case 'extendedEchoRequest':
      return {
        ...common,
        'icmpv6.echo.identifier': [m.id],
        'icmpv6.ext.echo.seq': [m.seq],
        'icmpv6.ext.echo.req.local': [m.local],
        ...shownExtensions(m.extensions?.objects),
      }
    case 'extendedEchoReply':
      return {
        ...common,
        'icmpv6.echo.identifier': [m.id],
        'icmpv6.ext.echo.seq': [m.seq],
        'icmpv6.ext.echo.rsp.state': [m.state],
        'icmpv6.ext.echo.rsp.active': [m.active],
        'icmpv6.ext.echo.rsp.ipv4': [m.ipv4],
        'icmpv6.ext.echo.rsp.ipv6': [m.ipv6],
      }
  }
}

/** The quoted packet is dissected behind the error that quotes it. */
function shownQuote(): Shown {
  return {
    'ipv6.src': ['fe80::1', '2001:db8::1'],
    'ipv6.dst': ['fe80::2', '2001:db8:1::2'],
    'udp.srcport': [40000],
    'udp.dstport': [33434],
  }
}

function shownNodeInfo(m: nodeInfo.Message): Shown {
  const s: Shown = { 'icmpv6.ni.qtype': [m.qtype], 'icmpv6.ni.nonce': [m.nonce], 'icmpv6.ni.flag': [m.flags] }
  if (m.kind === 'nodeInfoQuery') {
    const about = nodeInfo.subject(m)!
    if (typeof about === 'object') s['icmpv6.ni.query.subject_fqdn'] = [about.name]
    else
      s[typeof about === 'bigint' ? 'icmpv6.ni.query.subject_ipv6' : 'icmpv6.ni.query.subject_ipv4'] = [showIp(about)]
    return s
  }
  switch (m.qtype) {
    case nodeInfo.Qtype.nodeAddresses:
      s['icmpv6.ni.reply.node_address'] = nodeInfo.nodeAddresses(m.data)!.map((ip) => showIp(ip))
      break
    case nodeInfo.Qtype.ip4Addresses:
      s['icmpv6.ni.reply.ipv4_address'] = nodeInfo.ip4Addresses(m.data)!.map((ip) => showIp(ip))
      break
    case nodeInfo.Qtype.nodeName:
      s['icmpv6.ni.reply.node_name'] = nodeInfo.nodeNames(m.data)!.map((n) => n.name)
  }
  return s
}

function shownExtensions(objects: readonly ExtensionObject[] = []): Shown {
  const entries = objects.flatMap((o) => (o.kind === 'mpls' ? o.entries : []))
  const interfaces = objects.flatMap((o) => (o.kind === 'interfaceInformation' ? [o] : []))
  const byAddress = objects.flatMap((o) => (o.kind === 'interfaceByAddress' ? [o] : []))
  return {
    'icmp.ext.checksum.status': objects.length > 0 ? [1] : [],
    'icmp.mpls.label': entries.map((e) => e.label),
    'icmp.mpls.exp': entries.map((e) => e.tc),
    'icmp.mpls.s': entries.map((e) => e.bottom),
    'icmp.mpls.ttl': entries.map((e) => e.ttl),
    'icmp.int_info.role': interfaces.map((i) => i.role),
    'icmp.int_info.index': interfaces.map((i) => i.index!),
    'icmp.int_info.ipv6': interfaces.map((i) => showIp(i.address!)),
    'icmp.int_info.name': interfaces.map((i) => i.name!),
    'icmp.int_info.mtu': interfaces.map((i) => i.mtu!),
    'icmp.int_ident.name': objects.flatMap((o) => (o.kind === 'interfaceByName' ? [o.name] : [])),
    'icmp.int_ident.index': objects.flatMap((o) => (o.kind === 'interfaceByIndex' ? [o.index] : [])),
    'icmp.int_ident.ipv4': byAddress.flatMap((o) => (o.afi === 1 ? [showIp(o.address as Ip)] : [])),
    'icmp.int_ident.ipv6': byAddress.flatMap((o) => (o.afi === 2 ? [showIp(o.address as Ip)] : [])),
  }
}

function shownOptions(list: readonly ndOption.Option[]): Shown {
  const of = <K extends ndOption.Option['kind']>(...kinds: K[]) =>
    list.filter((o): o is Extract<ndOption.Option, { kind: K }> => kinds.includes(o.kind as K))
  const mac = (address: Uint8Array) => hex(address).replace(/..(?=.)/g, '$&:')
  return {
    'icmpv6.opt.type': list.map((o) => ndOption.typeOf(o)),
    'icmpv6.opt.length': list.map((o) => ndOption.size([o]) / 8),
    'icmpv6.opt.linkaddr': of('sourceLinkLayer', 'targetLinkLayer').map((o) => mac(o.linkLayerAddress)),
    'icmpv6.opt.prefix.length': of('prefixInformation', 'routeInformation').map((o) => o.prefixLength),
    'icmpv6.opt.prefix': of('prefixInformation', 'routeInformation')
      .filter((o) => o.kind === 'prefixInformation' || o.prefixLength > 0)
      .map((o) => showIp(o.prefix)),
    'icmpv6.opt.prefix.flag.l': of('prefixInformation').map((o) => o.onLink),
    'icmpv6.opt.prefix.flag.a': of('prefixInformation').map((o) => o.autonomous),
    'icmpv6.opt.prefix.flag.r': of('prefixInformation').map((o) => o.routerAddress),
    'icmpv6.opt.prefix.valid_lifetime': of('prefixInformation').map((o) => o.validLifetimeSeconds),
    'icmpv6.opt.prefix.preferred_lifetime': of('prefixInformation').map((o) => o.preferredLifetimeSeconds),
    'icmpv6.opt.mtu': of('mtu').map((o) => o.mtu),
    'icmpv6.opt.ipv6_address': of('sourceAddressList', 'targetAddressList').flatMap((o) =>
      o.addresses.map((ip) => showIp(ip)),
    ),
    'icmpv6.opt.nonce': of('nonce').map((o) => hex(o.nonce)),
    'icmpv6.opt.route_info.flag.route_preference': of('routeInformation').map((o) => o.preference & 3),
    'icmpv6.opt.route_lifetime': of('routeInformation').map((o) => o.lifetimeSeconds),
    'icmpv6.opt.rdnss.lifetime': of('recursiveDns').map((o) => o.lifetimeSeconds),
    'icmpv6.opt.rdnss': of('recursiveDns').flatMap((o) => o.addresses.map((ip) => showIp(ip))),
    'icmpv6.opt.dnssl.lifetime': of('dnsSearchList').map((o) => o.lifetimeSeconds),
    'icmpv6.opt.dnssl': of('dnsSearchList').flatMap((o) => o.names),
    'icmpv6.opt.captive_portal': of('captivePortal').map((o) => o.uri),
    'icmpv6.opt.pref64.scaled_lifetime': of('pref64').map((o) => o.lifetimeSeconds / 8),
    'icmpv6.opt.pref64.plc': of('pref64').map((o) => [96, 64, 56, 48, 40, 32].indexOf(o.prefixLength)),
    'icmpv6.opt.pref64.prefix': of('pref64').map((o) => showIp(o.prefix)),
  }
}

interface Made {
  /** The whole packet. */
  wire: string
  /** The scapy expression's class. */
  about: string
  /** As `toJson` has them. */
  fields: Record<string, unknown>
}

/** Prints a JSON list of `Made`: twenty messages of every class that scapy has, with values drawn from the seed. */
const MAKE_MESSAGES = `
import json, logging, random, warnings
warnings.simplefilter('ignore')
logging.getLogger('scapy').setLevel(logging.CRITICAL)
from ipaddress import IPv6Address
from scapy.all import *
from scapy.layers.inet6 import *
random.seed(${SEED})
def n(bits): return random.getrandbits(bits)
def v6(): return str(IPv6Address((1 << 125) + n(125)))
def v4(): return '.'.join(str(n(8)) for _ in range(4))
def group(): return str(IPv6Address((0xff3e << 112) + n(112)))
def many(least): return [v6() for _ in range(random.randint(least, 4))]
def load(): return bytes(n(8) for _ in range(n(5)))
def mac(): return ':'.join('%02x' % n(8) for _ in range(6))
def label(): return ''.join(random.choice('abcdefghijklmnopqrstuvwxyz0123456789-') for _ in range(1 + n(3)))
def name(): return '.'.join('x' + label() for _ in range(random.randint(2, 4)))
def cut(address, bits): return str(IPv6Address(int(IPv6Address(address)) >> (128 - bits) << (128 - bits)))
def delay(code): return code if code < 0x8000 else ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3)
def interval(code): return code if code < 0x80 else ((code & 0xf) | 0x10) << (((code >> 4) & 7) + 3)
def original(): return raw(IPv6(src=v6(), dst=v6(), hlim=n(8)) / UDP(sport=n(16), dport=n(16)) / load())
def preference(bits): return bits - 4 if bits > 1 else bits

def option():
    k = n(4)
    if k < 2:
        m = mac()
        return [ICMPv6NDOptSrcLLAddr, ICMPv6NDOptDstLLAddr][k](lladdr=m), {
            'kind': ['sourceLinkLayer', 'targetLinkLayer'][k], 'linkLayerAddress': m.replace(':', '')}
    if k == 2:
        f = {'kind': 'prefixInformation', 'prefixLength': random.randint(0, 128), 'onLink': bool(n(1)), 'autonomous': bool(n(1)),
             'routerAddress': bool(n(1)), 'validLifetimeSeconds': n(32), 'preferredLifetimeSeconds': n(32), 'prefix': v6()}
        return ICMPv6NDOptPrefixInfo(prefixlen=f['prefixLength'], L=f['onLink'], A=f['autonomous'], R=f['routerAddress'],
            validlifetime=f['validLifetimeSeconds'], preferredlifetime=f['preferredLifetimeSeconds'], prefix=f['prefix']), f
    if k == 3:
        q = original()
        q += b'\\0' * (-len(q) % 8)
        return ICMPv6NDOptRedirectedHdr(pkt=q), {'kind': 'redirectedHeader', 'quote': q.hex()}
    if k == 4:
        f = {'kind': 'mtu', 'mtu': n(32)}
        return ICMPv6NDOptMTU(mtu=f['mtu']), f
    if k < 7:
        a = many(1)
        return [ICMPv6NDOptSrcAddrList, ICMPv6NDOptTgtAddrList][k - 5](addrlist=a), {
            'kind': ['sourceAddressList', 'targetAddressList'][k - 5], 'addresses': a}
    if k == 7:
        units = random.randint(1, 3)
        bits = random.randint(0, [0, 64, 128][units - 1])
        p, prf, life = cut(v6(), bits), n(2), n(32)
        return ICMPv6NDOptRouteInfo(len=units, plen=bits, prf=prf, rtlifetime=life, prefix=p), {
            'kind': 'routeInformation', 'prefixLength': bits, 'preference': preference(prf), 'lifetimeSeconds': life,
            'prefix': p, 'length': units}
    if k == 8:
        a, life = many(1), n(32)
        return ICMPv6NDOptRDNSS(lifetime=life, dns=a), {'kind': 'recursiveDns', 'lifetimeSeconds': life, 'addresses': a}
    if k == 9:
        names, life = [name() for _ in range(random.randint(1, 3))], n(32)
        return ICMPv6NDOptDNSSL(lifetime=life, searchlist=[x + '.' for x in names]), {
            'kind': 'dnsSearchList', 'lifetimeSeconds': life, 'names': names}
    # Options that we keep raw: all that scapy knows besides.
    o = random.choice([ICMPv6NDOptAdvInterval(advint=n(32)), ICMPv6NDOptHAInfo(pref=n(16), lifetime=n(16)),
        ICMPv6NDOptShortcutLimit(shortcutlim=n(8)), ICMPv6NDOptIPAddr(optcode=1, plen=n(6), addr=v6()),
        ICMPv6NDOptMAP(dist=n(4), pref=n(4), R=n(1), validlifetime=n(32), addr=v6()), ICMPv6NDOptEFA()])
    return o, {'kind': 'unknown', 'type': o.type, 'data': raw(o)[2:].hex()}

def options():
    pairs = [option() for _ in range(n(2))]
    p = b''.join(raw(o) for o, _ in pairs)
    return p, [f for _, f in pairs]

made = []
def make(p, kind, **fields):
    whole = raw(IPv6(src='fe80::1', dst='fe80::2', hlim=255, nh=58) / p)
    made.append({'about': p.name, 'wire': whole.hex(), 'fields': dict(fields, kind=kind)})

for _ in range(20):
    q = original()
    for code in range(7): make(ICMPv6DestUnreach(code=code) / q, 'unreachable', code=code, quote=q.hex(), extensions=None)
    mtu = n(32)
    make(ICMPv6PacketTooBig(mtu=mtu) / q, 'packetTooBig', code=0, mtu=mtu, quote=q.hex())
    for code in range(2): make(ICMPv6TimeExceeded(code=code) / q, 'timeExceeded', code=code, quote=q.hex(), extensions=None)
    for code in range(3):
        ptr = n(32)
        make(ICMPv6ParamProblem(code=code, ptr=ptr) / q, 'parameterProblem', code=code, pointer=ptr, quote=q.hex())
    for c, kind in ((ICMPv6EchoRequest, 'echoRequest'), (ICMPv6EchoReply, 'echoReply')):
        i, s, d = n(16), n(16), load()
        make(c(id=i, seq=s, data=d), kind, code=0, id=i, seq=s, data=d.hex())
    for c, kind in ((ICMPv6MLQuery, 'mldQuery'), (ICMPv6MLReport, 'mldReport'), (ICMPv6MLDone, 'mldDone')):
        d, g = n(16), group()
        make(c(mrd=d, mladdr=g), kind, code=0, maxResponseDelayMs=d, group=g)
    d, g, f, s, r, i, a = n(16), group(), n(4), n(1), n(3), n(8), many(0)
    make(ICMPv6MLQuery2(mrd=d, mladdr=g, Resv=f, S=s, QRV=r, QQIC=i, sources=a), 'mldv2Query', maxResponseDelayMs=delay(d),
        group=g, flags=f, suppress=bool(s), robustness=r, queryIntervalSeconds=interval(i), sources=a)
    records = [(n(8), group(), many(0), bytes(n(8) for _ in range(4 * n(2)))) for _ in range(n(2))]
    make(ICMPv6MLReport2(records=[ICMPv6MLDMultAddrRec(rtype=t, dst=g, sources=a, auxdata_len=len(x) // 4, auxdata=x)
        for t, g, a, x in records]), 'mldv2Report',
        records=[{'type': t, 'group': g, 'sources': a, 'auxiliaryData': x.hex()} for t, g, a, x in records])
    o, f = options()
    make(ICMPv6ND_RS() / o, 'routerSolicitation', code=0, options=f)
    o, f = options()
    h, b, prf, l, rt, rx = n(8), [n(1) for _ in range(4)], n(2), n(16), n(32), n(32)
    make(ICMPv6ND_RA(chlim=h, M=b[0], O=b[1], H=b[2], prf=prf, P=b[3], routerlifetime=l, reachabletime=rt, retranstimer=rx) / o,
        'routerAdvertisement', curHopLimit=h, managed=bool(b[0]), otherConfig=bool(b[1]), homeAgent=bool(b[2]),
        preference=preference(prf), proxy=bool(b[3]), lifetimeSeconds=l, reachableTimeMs=rt, retransTimerMs=rx, options=f)
    o, f = options()
    t = v6()
    make(ICMPv6ND_NS(tgt=t) / o, 'neighborSolicitation', target=t, options=f)
    o, f = options()
    t, b = v6(), [n(1) for _ in range(3)]
    make(ICMPv6ND_NA(R=b[0], S=b[1], O=b[2], tgt=t) / o, 'neighborAdvertisement', router=bool(b[0]), solicited=bool(b[1]),
        override=bool(b[2]), target=t, options=f)
    o, f = options()
    t, d = v6(), v6()
    make(ICMPv6ND_Redirect(tgt=t, dst=d) / o, 'redirect', target=t, destination=d, options=f)
    o, f = options()
    make(ICMPv6ND_INDSol() / o, 'inverseSolicitation', options=f)
    o, f = options()
    make(ICMPv6ND_INDAdv() / o, 'inverseAdvertisement', options=f)
    x = bytes(n(8) for _ in range(8))
    nonce = str(int.from_bytes(x, 'big'))
    t, h = v6(), name()
    make(ICMPv6NIQueryName(nonce=x, data=t), 'nodeInfoQuery', code=0, qtype=2, nonce=nonce, data=IPv6Address(t).packed.hex())
    make(ICMPv6NIQueryIPv6(nonce=x, flags='GLA', data=t), 'nodeInfoQuery', code=0, qtype=3, flags=0x2a, nonce=nonce)
    make(ICMPv6NIQueryIPv4(nonce=x, data=v4()), 'nodeInfoQuery', code=2, qtype=4, nonce=nonce)
    make(ICMPv6NIQueryNOOP(nonce=x), 'nodeInfoQuery', code=1, qtype=0, nonce=nonce)
    make(ICMPv6NIReplyNOOP(nonce=x), 'nodeInfoReply', code=0, qtype=0, nonce=nonce)
    make(ICMPv6NIReplyIPv6(nonce=x, data=[(0, t)]), 'nodeInfoReply', code=0, qtype=3, nonce=nonce,
        data='00000000' + IPv6Address(t).packed.hex())
    make(ICMPv6NIReplyIPv4(nonce=x, data=[(0, '192.0.2.1')]), 'nodeInfoReply', code=0, qtype=4, nonce=nonce, data='00000000c0000201')
    make(ICMPv6NIReplyName(nonce=x, data=[0, h + '.']), 'nodeInfoReply', code=0, qtype=2, nonce=nonce)
    make(ICMPv6NIReplyRefuse(qtype=2, nonce=x), 'nodeInfoReply', code=1, qtype=2, nonce=nonce, data='')
    make(ICMPv6NIReplyUnknown(qtype=99, nonce=x), 'nodeInfoReply', code=2, qtype=99, nonce=nonce, data='')
    i, r, a = n(16), n(1), many(0)
    make(ICMPv6HAADRequest(id=i, R=r), 'homeAgentRequest', id=i, mobileRouter=bool(r))
    make(ICMPv6HAADReply(id=i, R=r, addresses=a), 'homeAgentReply', id=i, mobileRouter=bool(r), addresses=a)
    make(ICMPv6MPSol(id=i), 'mobilePrefixSolicitation', id=i, options=[])
    o, f = options()
    b = n(2)
    make(ICMPv6MPAdv(id=i, flags=b) / o, 'mobilePrefixAdvertisement', id=i, managed=b > 1, otherConfig=b % 2 == 1, options=f)
    c, i, r = n(8), n(16), n(16)
    make(ICMPv6MRD_Advertisement(advinter=c, queryint=i, robustness=r), 'multicastRouterAdvertisement', code=c,
        queryIntervalSeconds=i, robustness=r)
    make(ICMPv6MRD_Solicitation(), 'multicastRouterSolicitation', code=0)
    make(ICMPv6MRD_Termination(), 'multicastRouterTermination', code=0)
    t, c, d = random.choice([0, 5, 100, 127, 138, 154, 156, 200, 255]), n(8), load()
    make(ICMPv6Unknown(type=t, code=c, msgbody=d), 'other', type=t, code=c, rest=d.hex())
    make(ICMPv6Unknown(type=150, code=c, msgbody=bytes([b, 0, 0, 0]) + d), 'seamoby', code=c, subtype=b, data=d.hex())
print(json.dumps(made))
`
