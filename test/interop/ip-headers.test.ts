/**
 * Headers against two other implementations: tshark reads what we write, we read what scapy makes. Packets are drawn by
 * fast-check from a fixed seed, so that a failure comes back.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest'
import { type Ip4, type Ip6, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as arp from '../../packages/icmpkit/src/wire/arp.ts'
import * as checksum from '../../packages/icmpkit/src/wire/checksum.ts'
import * as ethernet from '../../packages/icmpkit/src/wire/ethernet.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as option from '../../packages/icmpkit/src/wire/ip4-option.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import type * as extension from '../../packages/icmpkit/src/wire/ip6-extension.ts'
import { LinkType, networkLayer } from '../../packages/icmpkit/src/wire/link-layer.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import * as pcap from '../../packages/icmpkit/src/wire/pcap.ts'
import * as tcp from '../../packages/icmpkit/src/wire/tcp.ts'
import * as udp from '../../packages/icmpkit/src/wire/udp.ts'

const SEED = 20260728
const PACKETS = 400

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'icmpkit-ip-headers-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** tshark's fields by name, and what they must show. */
type Shown = Record<string, string>

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 })
const u16s = fc.nat(65535)
const u32s = fc.nat(0xffffffff)
const data = fc.uint8Array({ maxLength: 60 })
const address4 = fc.integer() as fc.Arbitrary<Ip4>
const address6 = fc.bigInt({ min: 0x2000n << 112n, max: (0x3000n << 112n) - 1n }) as fc.Arbitrary<Ip6>

test('tshark reads every IPv4 header and option that we write, with the same fields and right checksums', (ctx) => {
  const packets = fc.sample(fc.tuple(fields4(), fc.array(option4(), { maxLength: 3 }), transport()), {
    seed: SEED,
    numRuns: PACKETS,
  })
  const cases = packets.flatMap(([f, options, t]) => {
    const octets = option.writeOptions(options)
    return octets.length > 40 ? [] : [packet4({ ...f, options: octets }, options, t)]
  })
  expect(cases.length).toBeGreaterThan(PACKETS / 2)
  expectShown(ctx, LinkType.ip4, cases)
})

test('tshark reads every IPv6 header and extension header that we write, with the same fields and right checksums', (ctx) => {
  const packets = fc.sample(fc.tuple(fields6(), chain6(), transport()), {
    seed: SEED,
    numRuns: PACKETS,
  })
  expectShown(
    ctx,
    LinkType.ip6,
    packets.map(([f, extensions, t]) => packet6({ ...f, extensions }, t)),
  )
})

test('tshark reads the Ethernet headers, VLAN tags and ARP messages that we write, with the same fields', (ctx) => {
  const tag = fc.record({
    tagType: fc.constant(ethernet.EtherType.vlan),
    priority: fc.nat(7),
    dropEligible: fc.boolean(),
    vlan: fc.nat(4095),
  })
  const frame = fc.record({ dstMac: mac, srcMac: mac, tags: fc.array(tag, { maxLength: 2 }) })
  const message = fc.record({
    operation: fc.constantFrom(1, 2),
    senderMac: mac,
    sender: address4,
    targetMac: mac,
    target: address4,
  })
  const cases = fc.sample(fc.tuple(frame, message), { seed: SEED, numRuns: PACKETS }).map(([e, a]) => {
    const header = { ...e, etherType: ethernet.EtherType.arp }
    const m: arp.Message = { kind: 'arp', hardware: 1, ...a }
    const bytes = new Uint8Array(ethernet.size(header) + arp.size(m))
    arp.write(m, bytes, ethernet.write(header, bytes, 0))
    const shown: Shown = {
      'eth.dst': ethernet.showMac(e.dstMac),
      'eth.src': ethernet.showMac(e.srcMac),
      'vlan.id': e.tags.map((t) => t.vlan).join(),
      'vlan.priority': e.tags.map((t) => t.priority).join(),
      'vlan.dei': e.tags.map((t) => Number(t.dropEligible)).join(),
      'arp.opcode': String(a.operation),
      'arp.src.hw_mac': ethernet.showMac(a.senderMac),
      'arp.src.proto_ipv4': showIp(a.sender),
      'arp.dst.hw_mac': ethernet.showMac(a.targetMac),
      'arp.dst.proto_ipv4': showIp(a.target),
    }
    return { bytes, shown }
  })
  expectShown(ctx, LinkType.ethernet, cases)
})

test('headers that scapy makes parse to the fields that scapy gave them', (ctx) => {
  const made = scapy(ctx, MAKE_HEADERS) as Record<string, unknown>[]
  expect(made.length).toBe(1200)
  for (const { wire, link, ...fields } of made) {
    const bytes = unhex(wire as string)
    const found = networkLayer(link as number, bytes)
    if (found.kind !== 'network') throw new Error(`${wire}: ${JSON.stringify(found)}`)
    expect({ family: found.family, ...shownHeader(bytes, found.at) }, wire as string).toMatchObject(fields)
  }
})

/** What the comparison with scapy looks at, under scapy's own names. */
function shownHeader(bytes: Uint8Array, at: number): Record<string, unknown> {
  if (bytes[at]! >>> 4 === 4) {
    const h = ip4.parse(bytes, at)
    if (h.kind === 'malformed') return h as unknown as Record<string, unknown>
    expect(ip4.verify(bytes, at, bytes.length)).toBe('ok')
    const options = option.parseOptions(h.options)
    return {
      tos: h.tos,
      id: h.id,
      df: h.df,
      mf: h.mf,
      offset: h.offset,
      ttl: h.ttl,
      proto: h.protocol,
      src: showIp(h.src),
      dst: showIp(h.dst),
      options: Array.isArray(options) ? options.map(shownOption) : options,
      ...shownTransport(
        bytes,
        h.protocol,
        h.payload,
        h.end,
        checksum.pseudo4(bytes, at, h.protocol, h.end - h.payload),
      ),
    }
  }
  const h = ip6.parse(bytes, at)
  if (h.kind === 'malformed') return h as unknown as Record<string, unknown>
  const last = bytes.slice()
  ip6.write({ protocol: h.protocol, src: h.src, dst: h.finalDst }, last, at, 0)
  return {
    tc: h.trafficClass,
    fl: h.flowLabel,
    hlim: h.hopLimit,
    src: showIp(h.src),
    dst: showIp(h.dst),
    extensions: h.extensions.map((e) => e.kind),
    ...shownTransport(bytes, h.protocol, h.payload, h.end, checksum.pseudo6(last, at, h.protocol, h.end - h.payload)),
  }
}

function shownOption(o: option.Option): unknown {
  switch (o.kind) {
    case 'recordRoute':
    case 'looseSourceRoute':
    case 'strictSourceRoute':
      return [o.kind, o.pointer, ...o.addresses.map((a) => showIp(a))]
    case 'timestamp':
      return [o.kind, o.pointer, o.overflow, o.flag, ...o.slots.map((s) => s.time)]
    case 'routerAlert':
      return [o.kind, o.value]
    case 'streamId':
      return [o.kind, o.id]
    default:
      return [o.kind]
  }
}

function shownTransport(
  bytes: Uint8Array,
  protocol: number,
  at: number,
  end: number,
  pseudo: number,
): unknown[] | object {
  if (protocol === 17) {
    const h = udp.parse(bytes, at, end) as udp.Header
    const sum = udp.verify(bytes, at, end, end - at, pseudo)
    return { sport: h.srcPort, dport: h.dstPort, load: hex(bytes, h.payload, h.end), sum }
  }
  const h = tcp.parse(bytes, at, end) as tcp.Header
  const sum = tcp.verify(bytes, at, end, end - at, pseudo)
  const { seq, ack, flags, window } = h
  return { sport: h.srcPort, dport: h.dstPort, seq, ack, flags, window, load: hex(bytes, h.payload, h.end), sum }
}

/** Prints a JSON list: for each packet its octets, its link type, and the fields it was made from. */
const MAKE_HEADERS = `
import json, logging, random
logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import *
from scapy.layers.inet6 import *
random.seed(${SEED})
def n(bits): return random.getrandbits(bits)
def v4(): return '.'.join(str(n(8)) for _ in range(4))
def v6(): return '2001:db8:%x::%x' % (n(15) + 1, n(15) + 1)
def option(dst):
    k = n(3)
    if k == 0: return IPOption_NOP(), ['noOperation']
    if k == 1:
        a = [v4() for _ in range(n(2))]
        p = 4 + 4 * random.randint(0, len(a))
        return IPOption_RR(routers=a, pointer=p), ['recordRoute', p] + a
    if k == 2:
        a = [v4(), dst]
        return IPOption_LSRR(routers=a, pointer=12), ['looseSourceRoute', 12] + a
    if k == 3: return IPOption_SSRR(routers=[dst], pointer=8), ['strictSourceRoute', 8, dst]
    if k == 4:
        t, f, o = n(32), random.choice([1, 3]), n(4)
        return IPOption_Timestamp(pointer=5, oflw=o, flg=f, internet_address=v4(), timestamp=t), ['timestamp', 5, o, f, t]
    if k == 5: return IPOption_Router_Alert(alert=0), ['routerAlert', 0]
    if k == 6:
        i = n(16)
        return IPOption_Stream_Id(security=i), ['streamId', i]
    return IPOption_MTU_Probe(mtu=n(16)), ['unknown']
def extension():
    k = n(2)
    if k == 0: return IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x1e, optdata=bytes(n(4)))]), 'destinationOptions'
    if k == 1:
        a = [v6() for _ in range(random.randint(1, 3))]
        return IPv6ExtHdrRouting(addresses=a, segleft=random.randint(0, len(a))), 'routing'
    if k == 2: return IPv6ExtHdrFragment(id=n(32)), 'fragment'
    a = [v6() for _ in range(random.randint(1, 3))]
    return IPv6ExtHdrSegmentRouting(addresses=a, segleft=random.randint(0, len(a) - 1), lastentry=len(a) - 1), 'routing'
def transport():
    load = bytes(n(8) for _ in range(n(5)))
    f = {'sport': n(16), 'dport': n(16), 'load': load.hex(), 'sum': 'ok'}
    if n(1): return UDP(sport=f['sport'], dport=f['dport']) / Raw(load), f, 17
    f.update(seq=n(32), ack=n(32), flags=n(8), window=n(16))
    return TCP(sport=f['sport'], dport=f['dport'], seq=f['seq'], ack=f['ack'], flags=f['flags'], window=f['window'], options=[('MSS', 1460)] if n(1) else []) / Raw(load), f, 6
def link(p, proto):
    k = n(3)
    if k == 0: return 1, Ether(src='00:00:5e:00:53:01', dst='00:00:5e:00:53:02') / p
    if k == 1: return 1, Ether(src='00:00:5e:00:53:01', dst='00:00:5e:00:53:02') / Dot1Q(vlan=n(12)) / p
    if k == 2: return 1, Ether(src='00:00:5e:00:53:01', dst='00:00:5e:00:53:02') / Dot1AD(vlan=n(12)) / Dot1Q(vlan=n(12)) / p
    if k == 3: return 113, CookedLinux(proto=proto) / p
    if k == 4: return 276, CookedLinuxV2(proto=proto) / p
    if k == 5: return 101, p
    if k == 6: return (228 if proto == 0x800 else 229), p
    return 0, Loopback(type=2 if proto == 0x800 else 24) / p
made = []
for i in range(1200):
    t, f, proto = transport()
    if i % 2:
        pairs, dst = [], v4()
        while n(2) and sum(len(raw(o)) for o, _ in pairs) < 24: pairs.append(option(dst))
        length = sum(len(raw(o)) for o, _ in pairs)
        if length % 4: pairs += [(IPOption_EOL(), ['endOfList'])]
        f.update(family=4, tos=n(8), id=n(16), df=bool(n(1)), mf=False, offset=0, ttl=n(8), proto=proto, src=v4(), dst=dst, options=[s for _, s in pairs])
        p = IP(tos=f['tos'], id=f['id'], flags='DF' if f['df'] else 0, ttl=f['ttl'], src=f['src'], dst=f['dst'], options=[o for o, _ in pairs])
        l, whole = link(p / t, 0x800)
    else:
        chain = [extension() for _ in range(n(2))]
        f.update(family=6, tc=n(8), fl=n(20), hlim=n(8), src=v6(), dst=v6(), extensions=[k for _, k in chain])
        p = IPv6(tc=f['tc'], fl=f['fl'], hlim=f['hlim'], src=f['src'], dst=f['dst'])
        for e, _ in chain: p = p / e
        l, whole = link(p / t, 0x86dd)
    made.append(dict(f, wire=raw(whole).hex(), link=l))
print(json.dumps(made))
`

function fields4(): fc.Arbitrary<Omit<ip4.Fields, 'protocol' | 'options'>> {
  return fc.record({
    tos: fc.nat(255),
    id: u16s,
    df: fc.boolean(),
    reserved: fc.boolean(),
    ttl: fc.integer({ min: 1, max: 255 }),
    src: address4,
    dst: address4,
  })
}

/**
 * Options whose pointers stand at a slot: tshark remarks on others, rightly. Source routes are at their end: which address
 * a checksum covers before that no RFC says, and implementations differ.
 */
function option4(): fc.Arbitrary<option.Option> {
  const addresses = fc.array(address4, { minLength: 1, maxLength: 3 })
  const recorded = addresses.chain((list) =>
    fc.nat(list.length).map((n) => ({ kind: 'recordRoute' as const, pointer: 4 + 4 * n, addresses: list })),
  )
  const route = (kind: 'looseSourceRoute' | 'strictSourceRoute') =>
    addresses.map((list) => ({ kind, pointer: 4 + 4 * list.length, addresses: list }))
  const stamp = (flag: number) =>
    fc
      .array(fc.record({ address: flag === 0 ? fc.constant(undefined) : address4, time: u32s }), {
        minLength: 1,
        maxLength: 2,
      })
      .map((slots) => ({ kind: 'timestamp' as const, pointer: 5, overflow: slots.length, flag, slots }))
  return fc.oneof(
    fc.constant({ kind: 'noOperation' as const }),
    recorded,
    route('looseSourceRoute'),
    route('strictSourceRoute'),
    stamp(0),
    stamp(1),
    stamp(3),
    fc.record({ kind: fc.constant('routerAlert' as const), value: fc.constant(0) }),
    fc.record({ kind: fc.constant('streamId' as const), id: u16s }),
  )
}

function fields6(): fc.Arbitrary<Omit<ip6.Fields, 'protocol' | 'extensions'>> {
  return fc.record({
    trafficClass: fc.nat(255),
    flowLabel: fc.nat(0xfffff),
    hopLimit: fc.integer({ min: 1, max: 255 }),
    src: address6,
    dst: address6,
  })
}

/** An RPL source route stands alone: its last address begins with octets of the destination (RFC 6554 §3). */
function chain6(): fc.Arbitrary<extension.Extension[]> {
  const rpl = fc.record({ inner: fc.nat(15), last: fc.nat(15), others: fc.nat(2) }).chain(({ inner, last, others }) => {
    const octets = others * (16 - inner) + 16 - last
    const padding = -octets & 7
    return fc.uint8Array({ minLength: octets, maxLength: octets }).map((addresses): extension.Extension[] => {
      const data = new Uint8Array(4 + octets + padding)
      data.set([(inner << 4) | last, padding << 4])
      data.set(addresses, 4)
      return [{ kind: 'routing', routingType: 3, segmentsLeft: others + 1, data }]
    })
  })
  return fc.oneof({ weight: 5, arbitrary: fc.array(extension6(), { maxLength: 4 }) }, { weight: 1, arbitrary: rpl })
}

function extension6(): fc.Arbitrary<extension.Extension> {
  const octets = fc.uint8Array({ maxLength: 12 })
  const addresses = fc.integer({ min: 1, max: 3 }).chain((n) =>
    fc.record({
      list: fc.array(address6, { minLength: n, maxLength: n }),
      segmentsLeft: fc.nat(n),
    }),
  )
  const segments = (list: Ip6[], head: number[]) => {
    const out = new Uint8Array(4 + 16 * list.length)
    out.set(head)
    for (const [i, a] of list.entries()) out.set(unhex(a.toString(16).padStart(32, '0')), 4 + 16 * i)
    return out
  }
  return fc.oneof(
    fc.record({
      kind: fc.constant('destinationOptions' as const),
      // 0x1e is for experiments (RFC 4727).
      options: fc.array(fc.record({ kind: fc.constant('unknown' as const), type: fc.constant(0x1e), data: octets }), {
        maxLength: 2,
      }),
    }),
    addresses.map(({ list, segmentsLeft }) => ({
      kind: 'routing' as const,
      routingType: 0,
      segmentsLeft,
      data: segments(list, []),
    })),
    address6.map((a) => ({ kind: 'routing' as const, routingType: 2, segmentsLeft: 1, data: segments([a], []) })),
    addresses.map(({ list, segmentsLeft }) => ({
      kind: 'routing' as const,
      routingType: 4,
      segmentsLeft: Math.min(segmentsLeft, list.length - 1),
      data: segments(list, [list.length - 1]),
    })),
    fc.record({
      kind: fc.constant('fragment' as const),
      offset: fc.constant(0),
      more: fc.constant(false),
      id: u32s,
    }),
    fc.record({
      kind: fc.constant('authentication' as const),
      spi: u32s,
      seq: u32s,
      icv: fc.uint8Array({ minLength: 12, maxLength: 12 }),
    }),
  )
}

type Transport = { protocol: 6; f: tcp.Fields; data: Uint8Array } | { protocol: 17; f: udp.Fields; data: Uint8Array }

function transport(): fc.Arbitrary<Transport> {
  const ports = { srcPort: u16s, dstPort: u16s }
  return fc.oneof(
    fc.record({ protocol: fc.constant(17 as const), f: fc.record(ports), data }),
    fc.record({
      protocol: fc.constant(6 as const),
      f: fc.record({
        ...ports,
        seq: u32s,
        ack: u32s,
        flags: fc.nat(0xff),
        window: u16s,
        urgent: u16s,
        options: fc.constantFrom(unhex(''), unhex('020405b401030307'), unhex('01010101')),
      }),
      data,
    }),
  )
}

function sizeOf(t: Transport): number {
  return (t.protocol === 17 ? udp.size() : tcp.size(t.f)) + t.data.length
}

function writeTransport(t: Transport, out: Uint8Array, at: number, pseudo: number): Shown {
  out.set(t.data, out.length - t.data.length)
  if (t.protocol === 17) {
    udp.write(t.f, out, at, out.length, pseudo)
    return {
      'udp.srcport': String(t.f.srcPort),
      'udp.dstport': String(t.f.dstPort),
      'udp.length': String(out.length - at),
      'udp.checksum.status': '1',
    }
  }
  tcp.write(t.f, out, at, out.length, pseudo)
  return {
    'tcp.srcport': String(t.f.srcPort),
    'tcp.dstport': String(t.f.dstPort),
    'tcp.seq': String(t.f.seq),
    'tcp.ack': String(t.f.ack),
    'tcp.flags': `0x${t.f.flags!.toString(16).padStart(4, '0')}`,
    'tcp.window_size_value': String(t.f.window),
    'tcp.urgent_pointer': String(t.f.urgent),
    'tcp.options': hex(t.f.options!),
    'tcp.len': String(t.data.length),
    'tcp.checksum.status': '1',
  }
}

function packet4(f: Omit<ip4.Fields, 'protocol'>, options: option.Option[], t: Transport) {
  const fields = { ...f, protocol: t.protocol }
  const bytes = new Uint8Array(ip4.size(fields) + sizeOf(t))
  const at = ip4.write(fields, bytes, 0, sizeOf(t))
  const shown: Shown = {
    'ip.dsfield': `0x${f.tos!.toString(16).padStart(2, '0')}`,
    'ip.len': String(bytes.length),
    'ip.id': `0x${f.id!.toString(16).padStart(4, '0')}`,
    'ip.flags.df': String(Number(f.df)),
    'ip.flags.rb': String(Number(f.reserved)),
    'ip.ttl': String(f.ttl),
    'ip.proto': String(t.protocol),
    'ip.checksum.status': '1',
    'ip.src': showIp(f.src),
    'ip.dst': showIp(f.dst),
    'ip.opt.ptr': options.flatMap((o) => ('pointer' in o ? [o.pointer] : [])).join(),
    'ip.opt.sid': options.flatMap((o) => (o.kind === 'streamId' ? [o.id] : [])).join(),
    'ip.opt.flag': options
      .flatMap((o) => (o.kind === 'timestamp' ? [`0x${o.flag.toString(16).padStart(2, '0')}`] : []))
      .join(),
    'ip.opt.overflow': options.flatMap((o) => (o.kind === 'timestamp' ? [o.overflow] : [])).join(),
    'ip.opt.time_stamp': options.flatMap((o) => (o.kind === 'timestamp' ? o.slots.map((s) => s.time) : [])).join(),
    'ip.opt.time_stamp_addr': options
      .flatMap((o) =>
        o.kind === 'timestamp' ? o.slots.flatMap((s) => (s.address === undefined ? [] : [showIp(s.address)])) : [],
      )
      .join(),
    ...writeTransport(t, bytes, at, checksum.pseudo4(bytes, 0, t.protocol, bytes.length - at)),
  }
  return { bytes, shown }
}

function packet6(f: Omit<ip6.Fields, 'protocol'>, t: Transport) {
  const fields = { ...f, protocol: t.protocol }
  const bytes = new Uint8Array(ip6.size(fields) + sizeOf(t))
  const at = ip6.write(fields, bytes, 0, sizeOf(t))
  const { finalDst } = ip6.parse(bytes) as ip6.Header
  const last = bytes.slice()
  ip6.write({ ...fields, extensions: [], dst: finalDst }, last, 0, 0)
  const of = <K extends extension.Extension['kind']>(kind: K) =>
    f.extensions!.filter((e): e is Extract<extension.Extension, { kind: K }> => e.kind === kind)
  const shown: Shown = {
    'ipv6.tclass': `0x${f.trafficClass!.toString(16).padStart(8, '0')}`,
    'ipv6.flow': `0x${f.flowLabel!.toString(16).padStart(6, '0')}`,
    'ipv6.plen': String(bytes.length - 40),
    'ipv6.hlim': String(f.hopLimit),
    'ipv6.src': showIp(f.src),
    'ipv6.routing.type': of('routing')
      .map((r) => r.routingType)
      .join(),
    'ipv6.routing.segleft': of('routing')
      .map((r) => r.segmentsLeft)
      .join(),
    'ipv6.fraghdr.ident': of('fragment')
      .map((r) => `0x${r.id.toString(16).padStart(8, '0')}`)
      .join(),
    'ah.spi': of('authentication')
      .map((r) => `0x${r.spi.toString(16).padStart(8, '0')}`)
      .join(),
    'ah.sequence': of('authentication')
      .map((r) => r.seq)
      .join(),
    'ah.icv': of('authentication')
      .map((r) => hex(r.icv))
      .join(),
    ...writeTransport(t, bytes, at, checksum.pseudo6(last, 0, t.protocol, bytes.length - at)),
  }
  return { bytes, shown }
}

/** Has tshark show the packets; no malformed packet, no checksum complaint, and the fields as expected. */
function expectShown(ctx: TestContext, linkType: number, cases: { bytes: Uint8Array; shown: Shown }[]) {
  if (!runs('tshark', ['--version'])) ctx.skip('skipped, because tshark is not installed (apt-get install tshark)')
  const file = new Uint8Array(cases.reduce((n, { bytes }) => n + pcap.RECORD_HEADER + bytes.length, pcap.FILE_HEADER))
  let at = pcap.writeHeader({ linkType }, file, 0)
  for (const { bytes } of cases) at = pcap.writeRecord({ seconds: 1, nanoseconds: 0, data: bytes }, file, at)
  const path = join(folder, `${linkType}.pcap`)
  writeFileSync(path, file)
  const names = [...new Set(cases.flatMap(({ shown }) => Object.keys(shown)))]
  const lines = tshark(
    ...['-r', path, '-n', '-T', 'fields', '-E', 'separator=|', '-E', 'occurrence=a', '-E', 'aggregator=,'],
    ...['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE'],
    ...['-o', 'tcp.analyze_sequence_numbers:FALSE', '-o', 'tcp.relative_sequence_numbers:FALSE'],
    ...['-e', '_ws.malformed', '-e', '_ws.expert.group', ...names.flatMap((n) => ['-e', n])],
  )
  expect(lines.length).toBe(cases.length)
  for (const [i, { bytes, shown }] of cases.entries()) {
    const [malformed, groups, ...values] = lines[i]!.split('|')
    const seen: Shown = {}
    for (const [k, name] of names.entries()) if (name in shown) seen[name] = values[k]!
    expect(seen, hex(bytes)).toEqual(shown)
    expect(malformed, hex(bytes)).toBe('')
    expect(
      groups!.split(',').filter((g) => COMPLAINTS.includes(Number(g))),
      hex(bytes),
    ).toEqual([])
  }
}

/** Payloads are random octets: tshark must not guess at them, so every dissector above these is off. */
const DISSECTORS = /^(frame|eth|ethertype|vlan|arp|raw|ip|ipv6|ah|udp|tcp|data|_ws)([.]|$)/

function tshark(...args: string[]): string[] {
  const run = (...all: string[]) =>
    execFileSync('tshark', all, {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, WIRESHARK_CONFIG_DIR: folder },
    })
      .trimEnd()
      .split('\n')
  const off = join(folder, 'disabled_protos')
  if (!existsSync(off)) {
    const all = run('-G', 'protocols').map((line) => line.split('\t')[2]!)
    writeFileSync(off, all.filter((name) => !DISSECTORS.test(name)).join('\n'))
  }
  return run(...args)
}

/** tshark's expert groups "checksum" and "malformed". */
const COMPLAINTS = [0x01000000, 0x07000000]

/** What a scapy script printed as JSON. */
function scapy(ctx: TestContext, script: string): unknown {
  // A Python of another origin in front of PATH does not see the distribution's modules.
  const python = ['/usr/bin/python3', 'python3'].find((p) => runs(p, ['-c', 'import scapy']))
  if (python === undefined) return ctx.skip('skipped, because scapy is not installed (apt-get install python3-scapy)')
  return JSON.parse(
    execFileSync(python, ['-c', script], { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] }),
  )
}

function runs(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
