/** The parsers under fire: what each is fed, what it makes of it, and how it writes that back. */
import { CaptureReader, comments, frameTime, records } from '../../packages/icmpkit/src/wire/capture.ts'
import { emptyFrame } from '../../packages/icmpkit/src/wire/frame.ts'
import {
  AsciiLine,
  arp,
  Carried,
  dnsName,
  ethernet,
  extension,
  fromJson,
  type Ip6,
  icmp4,
  icmp6,
  ip4,
  ip4Option,
  ip6,
  ip6Extension,
  linkLayer,
  ndOption,
  nodeInfo,
  PacketPrinter,
  quote,
  registry,
  tcp,
  toJson,
  udp,
} from '../../packages/icmpkit/src/wire/index.ts'
import {
  repairCapture,
  repairExtensions,
  repairIcmp4,
  repairIcmp6,
  repairIp4,
  repairIp6,
  repairOptions,
} from './repair.ts'
import * as seeds from './seeds.ts'

export interface Target {
  name: string
  /** Files of packages/icmpkit/src/wire whose branches it is there to reach. */
  covers: readonly string[]
  seeds: readonly Uint8Array[]
  /** All that the library makes of `at…end`: compared between two surroundings. Throws where two ways to read disagree. */
  read(bytes: Uint8Array, at: number, end: number): unknown
  /** What must come back whole from its own octets; only where `rewrite` writes. */
  message?(bytes: Uint8Array, at: number, end: number): unknown
  /** Reads `at…end` and writes it back at `at` of `out`: the new end, or -1 where there is nothing to write. */
  rewrite?(bytes: Uint8Array, at: number, end: number, out: Uint8Array): number
  /** Makes lengths and checksums right. */
  repair?(bytes: Uint8Array, at: number, end: number): void
}

const SRC = 0x20010db8_00000000_00000000_00000001n as Ip6
const DST = 0x20010db8_00010000_00000000_00000007n as Ip6
/** The pseudo-header sum of SRC and DST but for the length. */
const PSEUDO = 0x2001 + 0xdb8 + 1 + 0x2001 + 0xdb8 + 1 + 7 + 58

export const TARGETS: readonly Target[] = [
  {
    name: 'ip4',
    covers: ['ip4.ts'],
    seeds: seeds.IP4,
    read(bytes, at, end) {
      const h = ip4.parse(bytes, at, end)
      const payload = ip4.payloadAt(bytes, at, end)
      agree('payloadAt', payload, h.kind === 'malformed' ? -1 : h.payload)
      return [h, ip4.verify(bytes, at, end)]
    },
    rewrite(bytes, at, end, out) {
      const h = ip4.parse(bytes, at, end)
      if (h.kind === 'malformed') return -1
      const payload = ip4.write(h, out, at, h.end - h.payload)
      agree('size', at + ip4.size(h), payload)
      out.set(bytes.subarray(h.payload, h.end), payload)
      return payload + h.end - h.payload
    },
    repair: repairIp4,
  },
  {
    name: 'ip4-option',
    covers: ['ip4-option.ts'],
    seeds: seeds.IP4_OPTIONS,
    read(bytes, at, end) {
      const options = ip4Option.parseOptions(bytes, at, end)
      if (!Array.isArray(options)) return options
      const told = options.map((o) => ('pointer' in o && 'addresses' in o ? ip4Option.visited(o) : undefined))
      return [options, told, options.map((o) => (o.kind === 'timestamp' ? ip4Option.stamped(o) : undefined))]
    },
    message: (bytes, at, end) => ip4Option.parseOptions(bytes, at, end),
    rewrite(bytes, at, end, out) {
      const options = ip4Option.parseOptions(bytes, at, end)
      if (!Array.isArray(options)) return -1
      const written = ip4Option.writeOptions(options)
      out.set(written, at)
      return at + written.length
    },
  },
  {
    name: 'ip6',
    covers: ['ip6.ts', 'ip6-extension.ts'],
    seeds: seeds.IP6,
    read(bytes, at, end) {
      const h = ip6.parse(bytes, at, end)
      const skipped = ip6.skip(bytes, at, end)
      agree('skip', skipped < 0, h.kind === 'malformed')
      if (h.kind === 'malformed') return h
      agree('upperAt', at + ip6.upperAt(skipped), h.payload)
      agree('upperProtocol', ip6.upperProtocol(skipped), h.protocol)
      agree('upperIsLater', ip6.upperIsLater(skipped), h.fragment !== undefined && h.fragment.offset !== 0)
      return h
    },
    rewrite(bytes, at, end, out) {
      const h = ip6.parse(bytes, at, end)
      // A chain that only the capture cuts off would be cut off by the packet's own length once written.
      if (h.kind === 'malformed' || ip6Extension.isExtension(h.protocol)) return -1
      const payload = ip6.write(h, out, at, h.end - h.payload)
      agree('size', at + ip6.size(h), payload)
      out.set(bytes.subarray(h.payload, h.end), payload)
      return payload + h.end - h.payload
    },
    repair: repairIp6,
  },
  {
    // The first octet says which header follows.
    name: 'ip6-extension',
    covers: ['ip6-extension.ts'],
    seeds: seeds.IP6_EXTENSIONS,
    read(bytes, at, end) {
      if (at === end) return undefined
      const e = ip6Extension.parse(bytes[at]!, bytes, at + 1, end)
      return [
        e,
        e.kind === 'routing' && ip6Extension.finalDestination(e, DST),
        ip6Extension.parseOptions(bytes, at + 1, end),
      ]
    },
    message: (bytes, at, end) => at < end && ip6Extension.parse(bytes[at]!, bytes, at + 1, end),
    rewrite(bytes, at, end, out) {
      if (at === end) return -1
      const e = ip6Extension.parse(bytes[at]!, bytes, at + 1, end)
      if (e.kind === 'malformed') return -1
      out[at] = ip6Extension.typeOf(e)
      const written = ip6Extension.write(e, bytes[at + 1]!, out, at + 1)
      agree('size', at + 1 + ip6Extension.size(e), written)
      return written
    },
  },
  {
    name: 'icmp4',
    covers: ['icmp4.ts', 'original-datagram.ts', 'extended-echo.ts', 'registry.ts'],
    seeds: seeds.ICMP4,
    read(bytes, at, end) {
      const m = icmp4.parse(bytes, at, end)
      const named = m.kind === 'malformed' ? undefined : registry.lookup(4, icmp4.typeOf(m), m.code)
      return [m, icmp4.parseLegacy(bytes, at, end), icmp4.verify(bytes, at, end, end - at), named]
    },
    message: icmp4.parse,
    rewrite(bytes, at, end, out) {
      const m = icmp4.parse(bytes, at, end)
      if (m.kind === 'malformed') return -1
      const written = icmp4.write(m, out, at)
      agree('size', at + icmp4.size(m), written)
      agree('verify', icmp4.verify(out, at, written, written - at), 'ok')
      return written
    },
    repair: repairIcmp4,
  },
  {
    name: 'icmp6',
    covers: ['icmp6.ts', 'nd.ts', 'mld.ts', 'mobile.ts', 'node-info.ts', 'extended-echo.ts'],
    seeds: seeds.ICMP6,
    read(bytes, at, end) {
      const m = icmp6.parse(bytes, at, end)
      const verdict = icmp6.verify(bytes, at, end, end - at, SRC, DST)
      const legacy = icmp6.parseLegacy(bytes, at, end)
      if (m.kind === 'malformed') return [m, legacy, verdict]
      const named = registry.lookup(6, icmp6.typeOf(m), m.code)
      const data = m.kind === 'nodeInfoQuery' || m.kind === 'nodeInfoReply' ? m : undefined
      const answers = data && [
        nodeInfo.subject(data),
        nodeInfo.nodeNames(data.data),
        nodeInfo.nodeAddresses(data.data),
        nodeInfo.ip4Addresses(data.data),
      ]
      return [m, legacy, verdict, named, answers]
    },
    message: icmp6.parse,
    rewrite(bytes, at, end, out) {
      const m = icmp6.parse(bytes, at, end)
      if (m.kind === 'malformed') return -1
      const written = icmp6.write(m, out, at, SRC, DST)
      agree('size', at + icmp6.size(m), written)
      agree('verify', icmp6.verify(out, at, written, written - at, SRC, DST), 'ok')
      return written
    },
    repair: (bytes, at, end) => repairIcmp6(bytes, at, end, PSEUDO + end - at),
  },
  {
    name: 'nd-option',
    covers: ['nd-option.ts', 'dns-name.ts'],
    seeds: seeds.ND_OPTIONS,
    read: (bytes, at, end) => ndOption.parse(bytes, at, end),
    message: (bytes, at, end) => ndOption.parse(bytes, at, end),
    rewrite(bytes, at, end, out) {
      const options = ndOption.parse(bytes, at, end)
      if (!Array.isArray(options)) return -1
      const written = ndOption.write(options, out, at)
      agree('size', at + ndOption.size(options), written)
      return written
    },
    repair: repairOptions,
  },
  {
    name: 'extension',
    covers: ['extension.ts', 'mpls.ts', 'interface-information.ts', 'interface-identification.ts'],
    seeds: seeds.STRUCTURES,
    read: (bytes, at, end) => extension.parse(bytes, at, end),
    message: extension.parse,
    rewrite(bytes, at, end, out) {
      const e = extension.parse(bytes, at, end)
      const written = extension.write(e, out, at)
      agree('size', at + extension.size(e), written)
      return written
    },
    repair: repairExtensions,
  },
  {
    name: 'dns-name',
    covers: ['dns-name.ts'],
    seeds: seeds.NAMES,
    read: (bytes, at, end) => dnsName.parse(bytes, at, end),
    rewrite(bytes, at, end, out) {
      const name = dnsName.parse(bytes, at, end)
      if (!name) return -1
      const written = dnsName.write(name.text, out, at)
      agree('size', at + dnsName.size(name.text), written)
      agree('the same name', written, name.end)
      return written
    },
  },
  {
    name: 'udp',
    covers: ['udp.ts'],
    seeds: seeds.UDP,
    read: (bytes, at, end) => [udp.parse(bytes, at, end), end - at >= 8 && udp.verify(bytes, at, end, end - at, 1)],
    rewrite(bytes, at, end, out) {
      const h = udp.parse(bytes, at, end)
      if (h.kind === 'malformed' || h.missing.length > 0 || end - at > 0xffff) return -1
      out.set(bytes.subarray(h.payload, h.end), at + udp.size())
      const payload = udp.write(h, out, at, at + udp.size() + h.end - h.payload, 1)
      return payload + h.end - h.payload
    },
  },
  {
    name: 'tcp',
    covers: ['tcp.ts'],
    seeds: seeds.TCP,
    read: (bytes, at, end) => [tcp.parse(bytes, at, end), end - at >= 20 && tcp.verify(bytes, at, end, end - at, 1)],
  },
  {
    name: 'ethernet',
    covers: ['ethernet.ts', 'link-layer.ts'],
    seeds: seeds.ETHERNET,
    read(bytes, at, end) {
      return [
        ethernet.parse(bytes, at, end),
        ...Object.values(linkLayer.LinkType).map((l) => network(l, bytes, at, end)),
      ]
    },
    rewrite(bytes, at, end, out) {
      const h = ethernet.parse(bytes, at, end)
      if (h.kind === 'malformed') return -1
      const payload = ethernet.write(h, out, at)
      agree('size', at + ethernet.size(h), payload)
      out.set(bytes.subarray(h.payload, h.end), payload)
      return payload + h.end - h.payload
    },
  },
  {
    name: 'link-layer',
    covers: ['link-layer.ts'],
    seeds: [...seeds.COOKED, ...seeds.ETHERNET, ...seeds.IP4.slice(0, 2), ...seeds.IP6.slice(0, 2)],
    read: (bytes, at, end) => [...Object.values(linkLayer.LinkType), 999].map((l) => network(l, bytes, at, end)),
  },
  {
    name: 'arp',
    covers: ['arp.ts'],
    seeds: seeds.ARP,
    read: (bytes, at, end) => arp.parse(bytes, at, end),
    message: arp.parse,
    rewrite(bytes, at, end, out) {
      const m = arp.parse(bytes, at, end)
      if (m.kind === 'malformed') return -1
      const written = arp.write(m, out, at)
      agree('size', at + arp.size(m), written)
      return written
    },
  },
  {
    // The quoted datagram of an error, of the family that its first octet names.
    name: 'quote',
    covers: ['quote.ts'],
    seeds: [...seeds.IP4, ...seeds.IP6],
    read(bytes, at, end) {
      const q = quote.parse(bytes, at, end, end > at && bytes[at]! >>> 4 === 6 ? 6 : 4)
      return [q, toJson(q)]
    },
  },
  {
    name: 'json4',
    covers: ['json.ts'],
    seeds: seeds.ICMP4,
    read: (bytes, at, end) => toJson(icmp4.parse(bytes, at, end)),
    rewrite(bytes, at, end, out) {
      const m = icmp4.parse(bytes, at, end)
      if (m.kind === 'malformed') return -1
      const written = icmp4.write(m, out, at)
      const again = new Uint8Array(written - at)
      icmp4.write(fromJson(4, JSON.parse(JSON.stringify(toJson(m)))), again, 0)
      agree('by way of JSON', hexOf(again, 0, again.length), hexOf(out, at, written))
      return written
    },
    repair: repairIcmp4,
  },
  {
    name: 'json6',
    covers: ['json.ts'],
    seeds: seeds.ICMP6,
    read: (bytes, at, end) => toJson(icmp6.parse(bytes, at, end)),
    rewrite(bytes, at, end, out) {
      const m = icmp6.parse(bytes, at, end)
      if (m.kind === 'malformed') return -1
      const written = icmp6.write(m, out, at, SRC, DST)
      const again = new Uint8Array(written - at)
      icmp6.write(fromJson(6, JSON.parse(JSON.stringify(toJson(m)))), again, 0, SRC, DST)
      agree('by way of JSON', hexOf(again, 0, again.length), hexOf(out, at, written))
      return written
    },
    repair: (bytes, at, end) => repairIcmp6(bytes, at, end, PSEUDO + end - at),
  },
  {
    name: 'print-ip',
    covers: ['print.ts', 'print-icmp4.ts', 'print-icmp6.ts', 'print-quote.ts', 'print-nd.ts', 'print-mld.ts'],
    seeds: [...seeds.IP4, ...seeds.IP6],
    read: (bytes, at, end) => printed(linkLayer.LinkType.raw, bytes, at, end),
    repair: (bytes, at, end) => (bytes[at]! >>> 4 === 6 ? repairIp6 : repairIp4)(bytes, at, end),
  },
  {
    // The length says which link layer it is read as.
    name: 'print-frame',
    covers: ['print.ts', 'carried.ts', 'print-node-info.ts', 'pen.ts'],
    seeds: [...seeds.ETHERNET, ...seeds.COOKED],
    read: (bytes, at, end) => printed(LINKS[(end - at) % LINKS.length]!, bytes, at, end),
  },
  {
    // A message without its packet, of the family that its length says.
    name: 'print-bare',
    covers: ['print.ts'],
    seeds: [...seeds.ICMP4, ...seeds.ICMP6],
    read(bytes, at, end) {
      const frame = { ...emptyFrame(), bytes, at, end, length: end - at, digits: 0 }
      const carried = new Carried()
      carried.bare((end - at) % 2 === 0 ? 4 : 6, at, end)
      LINE.end = 0
      PRINTER.packet(frame, carried)
      return [printable(), carried.verify(bytes)]
    },
  },
  {
    name: 'capture',
    covers: ['capture.ts', 'capture-window.ts', 'pcap.ts', 'pcapng.ts', 'frame.ts'],
    seeds: seeds.CAPTURES,
    read(bytes, at, end) {
      const whole = Array.from(records(bytes.subarray(at, end)), frameOf)
      agree('a file in pieces', JSON.stringify(piecewise(bytes, at, end)), JSON.stringify(whole))
      return whole
    },
    repair: repairCapture,
  },
]

/** Two ways to the same answer. */
function agree<T>(what: string, one: T, other: T): void {
  if (one !== other) throw new Error(`${what}: ${one} here, ${other} there`)
}

function hexOf(bytes: Uint8Array, at: number, end: number): string {
  return Buffer.from(bytes.subarray(at, end)).toString('hex')
}

const LINKS = [1, 1, 1, ...Object.values(linkLayer.LinkType), 999]
const LINE = new AsciiLine(64)
const PRINTER = new PacketPrinter(LINE)
const NUMBERED = new PacketPrinter(LINE, { numbered: true, zone: () => 3600 })

/** The line that `icmp decode` prints, and what it is based on. */
function printed(linkType: number, bytes: Uint8Array, at: number, end: number): unknown {
  const frame = { ...emptyFrame(), bytes, at, end, length: end - at + (end & 1), linkType, digits: (end % 3) * 3 + 3 }
  const carried = new Carried()
  LINE.end = 0
  const printer = linkType === linkLayer.LinkType.raw ? PRINTER : NUMBERED
  const finding = carried.find(frame)
  if (finding === 'icmp') printer.packet(frame, carried)
  else if (finding === 'later-fragment') printer.laterFragment(frame, carried)
  else if (finding === 'bad-ip') printer.badIp(frame, carried, carried.flaw(frame))
  const verdict = finding === 'icmp' ? carried.verify(bytes) : undefined
  if (verdict !== undefined && verdict !== 'unverifiable' && carried.length >= 8) {
    const field = (bytes[carried.at + 2]! << 8) | bytes[carried.at + 3]!
    const right = carried.rightChecksum(bytes)
    // A sum of all ones may stand as either of the two zeros of ones' complement.
    agree('rightChecksum', field === right || (field === 0xffff && right === 0), verdict === 'ok')
  }
  return [finding, printable(), verdict]
}

/** What was printed: ASCII that no terminal takes for anything else. */
function printable(): Uint8Array {
  for (let i = 0; i < LINE.end; i++) {
    const octet = LINE.bytes[i]!
    if ((octet < 0x20 && i + 1 < LINE.end) || octet > 0x7e) throw new Error(`octet ${octet} at ${i} of the line`)
  }
  return LINE.bytes.subarray(0, LINE.end)
}

function network(linkType: number, bytes: Uint8Array, at: number, end: number): unknown {
  const n = linkLayer.networkLayer(linkType, bytes, at, end)
  const offset = linkLayer.ipOffset(linkType, bytes, at, end)
  agree('ipOffset', offset >= 0 ? offset : -1, n.kind === 'network' ? n.at : -1)
  return n
}

type Step = ReturnType<CaptureReader['next']>

function frameOf(r: Exclude<Step, string> | CaptureReader['frame']): unknown {
  if ('kind' in r) return r
  const { index, length, linkType, digits, port, offset } = r
  return [index, length, linkType, digits, port, offset, frameTime(r), comments(r), [...r.bytes.subarray(r.at, r.end)]]
}

/** Fed in pieces of the size that the input's first octets name, each ahead of poison. */
function piecewise(bytes: Uint8Array, at: number, end: number): unknown[] {
  const reader = new CaptureReader(64)
  const found: unknown[] = []
  const drain = () => {
    for (let s = reader.next(); s !== 'more'; s = reader.next()) found.push(frameOf(s === 'packet' ? reader.frame : s))
  }
  const piece = 1 + (bytes[at]! & 63) * 4
  for (let i = at; i < end; i += piece) {
    const chunk = bytes.subarray(i, Math.min(i + piece, end))
    const space = reader.space(chunk.length)
    space.fill(bytes[end]!)
    space.set(chunk)
    reader.filled(chunk.length)
    drain()
  }
  reader.end()
  drain()
  return found
}
