/**
 * ICMPv4 against two other implementations: tshark reads every type and code that we write, we read what scapy makes.
 * Values are drawn by fast-check from a fixed seed, so that a failure comes back.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip4, type Ip6, parseIp, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as extension from '../../packages/icmpkit/src/wire/extension.ts'
import * as icmp4 from '../../packages/icmpkit/src/wire/icmp4.ts'
import type { InterfaceIdentification } from '../../packages/icmpkit/src/wire/interface-identification.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import { LinkType } from '../../packages/icmpkit/src/wire/link-layer.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { lookup, registeredTypes, typeEntry } from '../../packages/icmpkit/src/wire/registry.ts'
import * as udp from '../../packages/icmpkit/src/wire/udp.ts'
import * as scapy from './scapy.ts'
import * as tshark from './tshark.ts'

const SEED = 792
const EACH = 40

const u8 = fc.nat(255)
const u16 = fc.nat(65535)
const u32 = fc.nat(0xffffffff)
const octets = fc.uint8Array({ maxLength: 60 })
const address4 = fc.integer() as fc.Arbitrary<Ip4>
const address6 = fc.bigInt({ min: 0x2000n << 112n, max: (0x3000n << 112n) - 1n }) as fc.Arbitrary<Ip6>
const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,14}$/)
const NOTHING = new Uint8Array(0)

test('tshark reads every type and code of the registry that we write, with the same fields and right checksums', (ctx) => {
  const messages = [...Array(256).keys()].flatMap((type) => {
    const codes = typeEntry(4, type).codes.map((c) => c.code)
    return (codes.length > 0 ? codes : [0]).flatMap((code) =>
      fc.sample(messageOf(type, code), { seed: SEED, numRuns: registeredTypes(4).includes(type) ? EACH : 1 }),
    )
  })
  expect(new Set(messages.map(icmp4.typeOf)).size).toBe(256)
  expectShown(ctx, messages)
})

test('tshark reads every extension object that we write, with the same fields and right checksums', (ctx) => {
  const structure = fc.array(errorObject(), { minLength: 1, maxLength: 3 }).map((list) => extension.of(...list))
  const errors = fc.sample(fc.tuple(structure, quote(128), fc.constantFrom(3, 11, 12), u8), {
    seed: SEED,
    numRuns: 400,
  })
  const messages = errors.map(([extensions, q, type, pointer]): icmp4.Message => {
    // tshark 4.0 leaves out a name that ends the object; some of scapy's objects below are such.
    for (const o of extensions.objects) {
      if (o.kind === 'interfaceInformation' && o.mtu === undefined) o.name = undefined
    }
    if (type === 3) return { kind: 'unreachable', code: 1, nextHopMtu: 0, quote: q, extensions }
    if (type === 11) return { kind: 'timeExceeded', code: 0, quote: q, extensions }
    return { kind: 'parameterProblem', code: 0, pointer, quote: q, extensions }
  })
  expectShown(ctx, messages)
})

test('scapy makes every ICMPv4 type that it knows, and we read the fields that it gave', (ctx) => {
  const made = scapy.run(ctx, MAKE_MESSAGES) as { wire: string; message: Record<string, unknown> }[]
  expect(new Set(made.map((m) => m.message.type)).size).toBe(26)
  for (const { wire, message } of made) expect(read(wire), wire).toMatchObject(message)
})

test('scapy.contrib makes MPLS and interface information objects, and we read the fields that it gave', (ctx) => {
  const made = scapy.run(ctx, MAKE_EXTENSIONS) as { wire: string; message: Record<string, unknown> }[]
  expect(made.length).toBe(400)
  for (const { wire, message } of made) expect(read(wire), wire).toMatchObject(message)
})

/** Our reading of an IPv4 datagram, in JSON's values: addresses as text, octets as hex. */
function read(wire: string): unknown {
  const bytes = unhex(wire)
  const ip = ip4.parse(bytes)
  if (ip.kind === 'malformed') return ip
  expect(icmp4.verify(bytes, ip.payload, ip.end, ip.end - ip.payload)).toBe('ok')
  const m = icmp4.parse(bytes, ip.payload, ip.end)
  if (m.kind === 'malformed') return m
  const addresses = ['gateway', 'mask', 'address']
  const plain: Record<string, unknown> = JSON.parse(
    JSON.stringify(m, (key, value) =>
      value instanceof Uint8Array || typeof value === 'bigint'
        ? typeof value === 'bigint'
          ? showIp(value as Ip6)
          : hex(value)
        : addresses.includes(key) && typeof value === 'number'
          ? showIp(value as Ip4)
          : value,
    ),
  )
  return { ...plain, type: icmp4.typeOf(m) }
}

/** Any message of this type and code. */
function messageOf(type: number, code: number): fc.Arbitrary<icmp4.Message> {
  const fixed = { code: fc.constant(code) }
  const idSeq = { ...fixed, id: u16, seq: u16 }
  const is = <K extends string>(kind: K) => ({ kind: fc.constant(kind) })
  const nothing = fc.constant(NOTHING)
  const plain = { quote: quote(548), extensions: fc.constant(undefined) }
  switch (type) {
    case 0:
      return fc.record({ ...is('echoReply'), ...idSeq, data: octets })
    case 8:
      return fc.record({ ...is('echoRequest'), ...idSeq, data: octets })
    case 3:
      return fc.record({ ...is('unreachable'), ...fixed, nextHopMtu: code === 4 ? u16 : fc.constant(0), ...plain })
    case 4:
      return fc.record({ ...is('sourceQuench'), ...fixed, quote: quote(28) })
    case 5:
      return fc.record({ ...is('redirect'), ...fixed, gateway: address4, quote: quote(28) })
    case 9: {
      const entry = fc.record({ address: address4, preference: fc.integer(), more: nothing })
      const entries = fc.array(entry, { minLength: 1, maxLength: 5 })
      const two = fc.constant(2)
      return fc.record({
        ...is('routerAdvertisement'),
        ...fixed,
        lifetimeSeconds: u16,
        entrySize: two,
        entries,
        trailing: nothing,
      })
    }
    case 10:
      return fc.record({ ...is('routerSolicitation'), ...fixed, trailing: nothing })
    case 11:
      return fc.record({ ...is('timeExceeded'), ...fixed, ...plain })
    case 12:
      return fc.record({ ...is('parameterProblem'), ...fixed, pointer: u8, ...plain })
    case 13:
    case 14: {
      const stamps = { originate: u32, receive: u32, transmit: u32, trailing: nothing }
      return fc.record({ ...is(type === 13 ? 'timestampRequest' : 'timestampReply'), ...idSeq, ...stamps })
    }
    case 15:
    case 16:
      return fc.record({ ...is(type === 15 ? 'informationRequest' : 'informationReply'), ...idSeq, trailing: nothing })
    case 17:
    case 18:
      return fc.record({
        ...is(type === 17 ? 'addressMaskRequest' : 'addressMaskReply'),
        ...idSeq,
        mask: address4,
        trailing: nothing,
      })
    case 30:
      return fc.record({
        ...is('traceroute'),
        ...fixed,
        id: u16,
        outboundHopCount: u16,
        returnHopCount: u16,
        outputLinkSpeed: u32,
        outputLinkMtu: u32,
        trailing: nothing,
      })
    case 40:
      return fc.record({ ...is('photuris'), ...fixed, pointer: u16, quote: quote(100) })
    case 41:
      return fc.record({ ...is('seamoby'), ...fixed, subtype: u8, data: octets })
    case 42:
      return fc.record({
        ...is('extendedEchoRequest'),
        ...fixed,
        id: u16,
        seq: u8,
        local: fc.boolean(),
        extensions: identification().map((o) => extension.of(o)),
        data: nothing,
      })
    case 43:
      return fc.record({
        ...is('extendedEchoReply'),
        ...fixed,
        id: u16,
        seq: u8,
        state: fc.nat(7),
        active: fc.boolean(),
        ipv4: fc.boolean(),
        ipv6: fc.boolean(),
        data: nothing,
      })
    case 253:
    case 254:
      return fc.record({
        ...is(type === 253 ? 'experiment1' : 'experiment2'),
        ...fixed,
        rest: fc.uint8Array({ minLength: 4, maxLength: 40 }),
      })
    default:
      return fc.record({
        ...is('other'),
        type: fc.constant(type),
        ...fixed,
        rest: fc.uint8Array({ minLength: 4, maxLength: 40 }),
      })
  }
}

/** A UDP datagram of up to `most` octets, quoted whole. tshark reads extensions behind datagrams up to 128 octets only. */
function quote(most: number): fc.Arbitrary<Uint8Array> {
  const fields = fc.record({ src: address4, dst: address4, id: u16, ttl: fc.integer({ min: 1, max: 255 }) })
  const ports = fc.record({ srcPort: u16, dstPort: u16 })
  const data = fc.uint8Array({ maxLength: most - 28 })
  return fc.tuple(fields, ports, data).map(([f, p, payload]) => {
    const out = new Uint8Array(28 + payload.length)
    const at = ip4.write({ ...f, protocol: 17 }, out, 0, 8 + payload.length)
    out.set(payload, 28)
    udp.write(p, out, at, out.length, 0)
    return out
  })
}

function errorObject(): fc.Arbitrary<extension.ExtensionObject> {
  const maybe = <T>(a: fc.Arbitrary<T>) => fc.option(a, { nil: undefined })
  return fc.oneof(
    fc.record({
      kind: fc.constant('mpls' as const),
      entries: fc.array(fc.record({ label: fc.nat(0xfffff), tc: fc.nat(7), bottom: fc.boolean(), ttl: u8 }), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
    fc.record({
      kind: fc.constant('interfaceInformation' as const),
      role: fc.nat(3),
      index: maybe(u32),
      address: maybe(fc.oneof(address4, address6)),
      name: maybe(name),
      mtu: maybe(u32),
      trailing: fc.constant(NOTHING),
    }),
    fc.record({
      kind: fc.constant('unknown' as const),
      classNum: fc.integer({ min: 5, max: 255 }),
      cType: u8,
      payload: fc.nat(5).chain((n) => fc.uint8Array({ minLength: 4 * n, maxLength: 4 * n })),
    }),
  )
}

function identification(): fc.Arbitrary<InterfaceIdentification> {
  const byAddress = fc.constant('interfaceByAddress' as const)
  return fc.oneof(
    fc.record({ kind: fc.constant('interfaceByName' as const), name }),
    fc.record({ kind: fc.constant('interfaceByIndex' as const), index: u32 }),
    fc.record({ kind: byAddress, afi: fc.constant(1), address: address4 }),
    fc.record({ kind: byAddress, afi: fc.constant(2), address: address6 }),
    fc.record({ kind: byAddress, afi: fc.constant(16389), address: fc.uint8Array({ minLength: 6, maxLength: 6 }) }),
  )
}

/** Each message in a datagram of its own, read by tshark: no complaint, and the fields as we wrote them. */
function expectShown(ctx: Parameters<typeof scapy.run>[0], messages: icmp4.Message[]): void {
  const ip = { protocol: 1, src: parseIp('192.0.2.1') as Ip4, dst: parseIp('198.51.100.9') as Ip4 }
  const packets = messages.map((m) => {
    const bytes = new Uint8Array(20 + icmp4.size(m)).fill(0xa5)
    icmp4.write(m, bytes, ip4.write(ip, bytes, 0, icmp4.size(m)))
    return bytes
  })
  const expected = messages.map(shown)
  const names = [...new Set(expected.flatMap((s) => Object.keys(s)))]
  const readings = tshark.read(ctx, LinkType.ip4, packets, names, 'ip,icmp,udp')
  for (const [i, reading] of readings.entries()) {
    const about = `${lookup(4, icmp4.typeOf(messages[i]!), messages[i]!.code).name}: ${hex(packets[i]!)}`
    expect(reading.complaints, about).toEqual([])
    for (const [field, value] of Object.entries(expected[i]!))
      expect(`${field} ${reading.shown[field]}`, about).toBe(`${field} ${value}`)
  }
}

/** What tshark must show of a message that we wrote. */
function shown(m: icmp4.Message): tshark.Shown {
  const s: tshark.Shown = {
    'icmp.type': `${icmp4.typeOf(m)}`,
    'icmp.code': `${m.code}`,
    'icmp.checksum.status': '1',
  }
  switch (m.kind) {
    case 'echoReply':
    case 'echoRequest':
    case 'informationReply':
    case 'informationRequest':
      s['icmp.ident'] = `${m.id}`
      s['icmp.seq'] = `${m.seq}`
      break
    case 'timestampRequest':
    case 'timestampReply':
      s['icmp.ident'] = `${m.id}`
      s['icmp.seq'] = `${m.seq}`
      s['icmp.originate_timestamp'] = `${m.originate}`
      s['icmp.receive_timestamp'] = `${m.receive}`
      s['icmp.transmit_timestamp'] = `${m.transmit}`
      break
    case 'addressMaskRequest':
    case 'addressMaskReply':
      s['icmp.ident'] = `${m.id}`
      s['icmp.seq'] = `${m.seq}`
      s['icmp.address_mask'] = showIp(m.mask)
      break
    case 'redirect':
      s['icmp.redir_gw'] = showIp(m.gateway)
      break
    case 'routerAdvertisement':
      s['icmp.num_addrs'] = `${m.entries.length}`
      s['icmp.addr_entry_size'] = '2'
      s['icmp.lifetime'] = `${m.lifetimeSeconds}`
      s['icmp.router_address'] = m.entries.map((e) => showIp(e.address)).join()
      s['icmp.pref_level'] = m.entries.map((e) => e.preference).join()
      break
    case 'unreachable':
      if (m.code === 4) s['icmp.mtu'] = `${m.nextHopMtu}`
      break
    case 'parameterProblem':
      s['icmp.pointer'] = `${m.pointer}`
      break
    case 'extendedEchoRequest':
      s['icmp.ident'] = `${m.id}`
      s['icmp.ext.echo.seq'] = `${m.seq}`
      s['icmp.ext.echo.req.res'] = '0x00'
      s['icmp.ext.echo.req.local'] = bit(m.local)
      break
    case 'extendedEchoReply':
      s['icmp.ident'] = `${m.id}`
      s['icmp.ext.echo.seq'] = `${m.seq}`
      s['icmp.ext.echo.rsp.state'] = `${m.state}`
      s['icmp.ext.echo.rsp.res'] = '0x00'
      s['icmp.ext.echo.rsp.active'] = bit(m.active)
      s['icmp.ext.echo.rsp.ipv4'] = bit(m.ipv4)
      s['icmp.ext.echo.rsp.ipv6'] = bit(m.ipv6)
  }
  // The outer header first, then the quoted one.
  if ('quote' in m && m.kind !== 'photuris') Object.assign(s, shownQuote(m.quote))
  if ('extensions' in m && m.extensions !== undefined) Object.assign(s, shownExtensions(m.extensions))
  if (m.kind === 'unreachable' || m.kind === 'timeExceeded' || m.kind === 'parameterProblem') {
    s['icmp.length'] = m.extensions === undefined ? '' : '32'
  }
  return s
}

function shownQuote(octets: Uint8Array): tshark.Shown {
  const q = ip4.parse(octets) as ip4.Header
  const u = udp.parse(octets, q.payload, q.end) as udp.Header
  return {
    'ip.src': `192.0.2.1,${showIp(q.src)}`,
    'ip.dst': `198.51.100.9,${showIp(q.dst)}`,
    'udp.srcport': `${u.srcPort}`,
    'udp.dstport': `${u.dstPort}`,
  }
}

function shownExtensions(e: extension.Extensions): tshark.Shown {
  const of = <K extends extension.ExtensionObject['kind']>(kind: K) =>
    e.objects.filter((o): o is Extract<extension.ExtensionObject, { kind: K }> => o.kind === kind)
  const given = <T>(values: (T | undefined)[]) => values.filter((v) => v !== undefined).join()
  const interfaces = of('interfaceInformation')
  const labels = of('mpls').flatMap((o) => o.entries)
  const byAddress = of('interfaceByAddress')
  return {
    'icmp.ext.version': '2',
    'icmp.ext.res': '0x0000',
    'icmp.ext.checksum.status': '1',
    'icmp.ext.class': e.objects.map(extension.classOf).join(),
    'icmp.ext.length': e.objects.map(extension.objectSize).join(),
    'icmp.mpls.label': labels.map((l) => l.label).join(),
    'icmp.mpls.exp': labels.map((l) => l.tc).join(),
    'icmp.mpls.s': labels.map((l) => bit(l.bottom)).join(),
    'icmp.mpls.ttl': labels.map((l) => l.ttl).join(),
    'icmp.int_info.role': interfaces.map((o) => o.role).join(),
    'icmp.int_info.index': given(interfaces.map((o) => o.index)),
    'icmp.int_info.ipv4': given(interfaces.map((o) => (typeof o.address === 'number' ? showIp(o.address) : undefined))),
    'icmp.int_info.ipv6': given(interfaces.map((o) => (typeof o.address === 'bigint' ? showIp(o.address) : undefined))),
    'icmp.int_info.name': given(interfaces.map((o) => o.name)),
    'icmp.int_info.mtu': given(interfaces.map((o) => o.mtu)),
    'icmp.int_ident.name': of('interfaceByName')
      .map((o) => o.name)
      .join(),
    'icmp.int_ident.index': of('interfaceByIndex')
      .map((o) => o.index)
      .join(),
    'icmp.int_ident.afi': byAddress.map((o) => o.afi).join(),
    'icmp.int_ident.ipv4': given(byAddress.map((o) => (typeof o.address === 'number' ? showIp(o.address) : undefined))),
    'icmp.int_ident.ipv6': given(byAddress.map((o) => (typeof o.address === 'bigint' ? showIp(o.address) : undefined))),
    // With its padding.
    'icmp.int_ident.address': given(
      byAddress.map((o) => (o.address instanceof Uint8Array ? `${hex(o.address)}0000` : undefined)),
    ),
  }
}

function bit(value: boolean): string {
  return value ? '1' : '0'
}

const SCAPY = `
import json, logging, random, warnings
warnings.simplefilter('ignore')
logging.getLogger('scapy').setLevel(logging.CRITICAL)
from scapy.all import *
random.seed(${SEED})
def n(bits): return random.getrandbits(bits)
def v4(): return '.'.join(str(n(8)) for _ in range(4))
def load(): return bytes(n(8) for _ in range(n(5)))
def original():
    return IP(src=v4(), dst=v4(), id=n(16), ttl=n(8)) / random.choice([
        UDP(sport=n(16), dport=n(16)) / load(),
        TCP(sport=n(16), dport=n(16), seq=n(32), flags='S'),
        ICMP(id=n(16), seq=n(16)) / load()])
made = []
def make(message, wire): made.append({'message': message, 'wire': raw(IP(src=v4(), dst=v4()) / wire).hex()})
`

/** Every type in scapy's table; the fields that scapy has of it. */
const MAKE_MESSAGES = `${SCAPY}
from scapy.layers.inet import icmptypes, icmpcodes
kinds = {0: 'echoReply', 3: 'unreachable', 4: 'sourceQuench', 5: 'redirect', 8: 'echoRequest',
    9: 'routerAdvertisement', 10: 'routerSolicitation', 11: 'timeExceeded', 12: 'parameterProblem',
    13: 'timestampRequest', 14: 'timestampReply', 15: 'informationRequest', 16: 'informationReply',
    17: 'addressMaskRequest', 18: 'addressMaskReply', 30: 'traceroute', 40: 'photuris'}
for type in icmptypes:
    for code in icmpcodes.get(type, {0: ''}):
        for _ in range(20):
            m = {'type': type, 'code': code, 'kind': kinds.get(type, 'other')}
            f = {}
            payload = b''
            if type in (0, 8):
                m['id'], m['seq'], payload = f['id'], f['seq'], _ = n(16), n(16), load()
                m['data'] = payload.hex()
            elif type in (13, 14):
                m['id'], m['seq'], m['originate'], m['receive'], m['transmit'] = n(16), n(16), n(32), n(32), n(32)
                f = dict(id=m['id'], seq=m['seq'], ts_ori=m['originate'], ts_rx=m['receive'], ts_tx=m['transmit'])
            elif type in (15, 16, 17, 18):
                m['id'], m['seq'] = f['id'], f['seq'] = n(16), n(16)
                if type > 16: m['mask'] = f['addr_mask'] = v4()
            elif type in (3, 4, 5, 11, 12):
                payload = raw(original())
                m['quote'] = payload.hex()
                if type == 3: m['nextHopMtu'] = f['nexthopmtu'] = n(16)
                if type == 5: m['gateway'] = f['gw'] = v4()
                if type == 12: m['pointer'] = f['ptr'] = n(8)
            elif type == 9:
                a, p = v4(), n(31)
                f['unused'] = 0x01020708
                payload = inet_aton(a) + struct.pack('!I', p)
                m['lifetimeSeconds'], m['entries'] = 1800, [{'address': a, 'preference': p}]
            elif type == 30:
                h, s = [n(16) for _ in range(2)], [n(32) for _ in range(2)]
                m['id'] = n(16)
                f['unused'] = m['id'] << 16
                payload = struct.pack('!HHII', *h, *s)
                m['outboundHopCount'], m['returnHopCount'], m['outputLinkSpeed'], m['outputLinkMtu'] = h + s
            elif type == 40:
                payload = raw(original())
                m['pointer'] = f['unused'] = n(16)
                m['quote'] = payload.hex()
            elif type != 10:
                payload = load()
                if type in (37, 38): f['id'], f['seq'] = n(16), n(16)
                # scapy's own idea of these: identifier and sequence, then a word of zeros.
                head = (struct.pack('!HH', f['id'], f['seq']) if f else b'') + bytes(4)
                m['rest'] = (head + payload).hex()
            make(m, ICMP(type=type, code=code, **f) / payload)
print(json.dumps(made))
`

const MAKE_EXTENSIONS = `${SCAPY}
from scapy.contrib.icmp_extensions import *
from scapy.contrib.mpls import MPLS
from scapy.utils import checksum
def label():
    e = {'label': n(20), 'tc': n(3), 'bottom': bool(n(1)), 'ttl': n(8)}
    return e, MPLS(label=e['label'], cos=e['tc'], s=int(e['bottom']), ttl=e['ttl'])
def stack():
    pairs = [label() for _ in range(random.randint(1, 4))]
    return {'kind': 'mpls', 'entries': [e for e, _ in pairs]}, ICMPExtensionMPLS(stack=[m for _, m in pairs])
def interface():
    o = {'kind': 'interfaceInformation', 'role': n(2)}
    f = {'interface_role': o['role']}
    if n(1):
        o['index'] = f['ifindex'] = n(32)
        f['has_ifindex'] = 1
    if n(1):
        f['has_ipaddr'] = 1
        if n(1): o['address'], f['afi'], f['ip4'] = (lambda a: (a, 1, a))(v4())
        else: o['address'], f['afi'], f['ip6'] = (lambda a: (a, 2, a))('2001:db8::%x' % (n(15) + 1))
    if n(1):
        o['name'] = 'eth%d.%d' % (n(4), n(12))
        padded = o['name'].encode() + bytes(-(1 + len(o['name'])) % 4)
        f['has_ifname'], f['ifname_len'], f['ifname'] = 1, 1 + len(padded), padded
    if n(1):
        o['mtu'] = f['mtu'] = n(32)
        f['has_mtu'] = 1
    return o, ICMPExtensionInterfaceInformation(**f)
for i in range(400):
    pairs = [random.choice([stack, interface])() for _ in range(random.randint(1, 3))]
    body = b''.join(raw(p) for _, p in pairs)
    # scapy's own checksum leaves the objects out.
    structure = raw(ICMPExtensionHeader(chksum=checksum(raw(ICMPExtensionHeader(chksum=0)) + body))) + body
    quote = raw(original())
    quote += bytes(max(128 - len(quote), -len(quote) % 4))
    type = random.choice([3, 11, 12])
    make({'type': type, 'quote': quote.hex(), 'extensions': {'checksum': 'ok', 'objects': [o for o, _ in pairs]}},
        ICMP(type=type, length=len(quote) // 4) / (quote + structure))
print(json.dumps(made))
`
