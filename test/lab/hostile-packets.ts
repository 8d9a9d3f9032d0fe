/**
 * Packets that nobody should have to bear, as fast-check draws them: well-formed headers with odd values, options and
 * extension headers of random octets, fragments, errors, groups and broadcasts, forged sources; then broken at random.
 */
import fc from 'fast-check'
import { type Ip4, type Ip6, parseIp, writeIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { finish, pseudoSum6, sum } from '../../packages/icmpkit/src/wire/checksum.ts'
import { put16, put32 } from '../../packages/icmpkit/src/wire/octets.ts'

/** A packet, and the frame that it comes in. `number` stands in it: IPv4 identification, IPv6 flow label. */
export interface Hostile {
  family: 4 | 6
  /** Whose MAC address it bears; `right`: where its destination leads. */
  to: 'right' | 'host' | 'gateway' | 'broadcast' | 'multicast' | 'stranger'
  /** From the IP header on; `numbered` puts its number in. */
  packet: Uint8Array
}

/** The network that they are sent into: x, h and r on one segment, s behind r over a link of 1280 octets. */
const ADDRESSES4 = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.1.1', '10.0.1.2']
const ODD4 = [
  '10.0.0.255',
  '10.0.1.255',
  '10.0.0.0',
  '255.255.255.255',
  '224.0.0.1',
  '224.0.0.9',
  '239.1.2.3',
  '127.0.0.1',
  '0.0.0.0',
  '240.0.0.1',
  '10.0.0.77',
  '10.0.1.77',
  '192.0.2.1',
  '198.51.100.1',
]
const ADDRESSES6 = [
  '2001:db8::1',
  '2001:db8::2',
  '2001:db8::3',
  '2001:db8:0:1::1',
  '2001:db8:0:1::2',
  'fe80::ff:fe00:1',
  'fe80::ff:fe00:2',
  'fe80::ff:fe00:3',
]
const ODD6 = [
  'ff02::1',
  'ff02::2',
  'ff02::1:ff00:2',
  'ff05::2',
  'ff0e::1',
  'ff01::1',
  '::',
  '::1',
  '2001:db8::77',
  '2001:db8:0:1::77',
  '2001:db8:ffff::1',
  '::ffff:10.0.0.2',
  'fe80::77',
]

/** Mostly `usual`, else any of the others. */
const address = (usual: readonly string[], others: readonly string[]) =>
  fc
    .oneof({ weight: 5, arbitrary: fc.constantFrom(...usual) }, { weight: 2, arbitrary: fc.constantFrom(...others) })
    .map((text) => parseIp(text)!)
const src4 = address(ADDRESSES4.slice(0, 1), [...ADDRESSES4, ...ODD4]) as fc.Arbitrary<Ip4>
const dst4 = address(ADDRESSES4, ODD4) as fc.Arbitrary<Ip4>
const src6 = address(ADDRESSES6.slice(0, 1), [...ADDRESSES6, ...ODD6]) as fc.Arbitrary<Ip6>
const dst6 = address(ADDRESSES6, ODD6) as fc.Arbitrary<Ip6>
const octets = (max: number) => fc.uint8Array({ maxLength: max })
const ttl = fc.constantFrom(0, 1, 2, 64, 64, 64, 255)

interface Upper {
  protocol: number
  octets: Uint8Array
}

const ICMP4 = [0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 30, 40, 42, 43, 44, 200, 253, 255]
const ICMP6 = [0, 1, 2, 3, 4, 5, 100, 127, 128, 129, 130, 131, 133, 134, 135, 136, 137, 139, 143, 160, 200, 255]

const upper = (protocol: number, types: readonly number[]): fc.Arbitrary<Upper> =>
  fc.oneof(
    fc
      .tuple(fc.constantFrom(...types), fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 13, 255), octets(64), fc.boolean())
      .map(([type, code, rest, long]) => {
        const out = new Uint8Array(long ? 1300 : 8 + rest.length)
        out.set(rest.subarray(0, out.length - 4), 4)
        out[0] = type
        out[1] = code
        return { protocol, octets: out }
      }),
    fc.tuple(fc.constantFrom(0, 7, 53, 9999), octets(32)).map(([port, data]) => {
      const out = new Uint8Array(8 + data.length)
      put16(out, 0, 1234)
      put16(out, 2, port)
      put16(out, 4, out.length)
      out.set(data, 8)
      return { protocol: 17, octets: out }
    }),
    fc
      .tuple(fc.constantFrom(6, 2, 41, 50, 51, 59, 253, 0), octets(48))
      .map(([p, data]) => ({ protocol: p, octets: data })),
  )

const four = fc
  .record({
    src: src4,
    dst: dst4,
    ttl,
    tos: fc.constantFrom(0, 0, 0xb8, 255),
    flags: fc.constantFrom(0, 0, 0, 0x4000, 0x2000, 0x8000, 0x6000),
    offset: fc.constantFrom(0, 0, 0, 0, 1, 100, 8191),
    options: fc.oneof(
      { weight: 3, arbitrary: fc.constant(new Uint8Array(0)) },
      { weight: 1, arbitrary: octets(40) },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom(
            [7, 7, 4, 0, 0, 0, 0, 0],
            [131, 7, 4, 10, 0, 0, 1, 0],
            [68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            [7, 3, 2, 0],
            [148, 4, 0, 0],
          )
          .map((o) => Uint8Array.from(o)),
      },
    ),
    upper: upper(1, ICMP4),
  })
  .map((p) => {
    const options = new Uint8Array((p.options.length + 3) & ~3)
    options.set(p.options)
    const at = 20 + options.length
    const out = new Uint8Array(at + p.upper.octets.length)
    out.set([0x40 | (at >> 2), p.tos])
    put16(out, 2, out.length)
    put16(out, 6, p.flags | p.offset)
    out[8] = p.ttl
    out[9] = p.upper.protocol
    writeIp(p.src, out, 12)
    writeIp(p.dst, out, 16)
    out.set(options, 20)
    out.set(p.upper.octets, at)
    if (p.upper.protocol === 1 && p.upper.octets.length >= 4)
      put16(out, at + 2, finish(sum(p.upper.octets, 0, p.upper.octets.length)))
    return out
  })

interface Chained {
  type: number
  octets: Uint8Array
}

const extension: fc.Arbitrary<Chained> = fc.oneof(
  fc.tuple(fc.constantFrom(0, 60, 43, 135, 140), octets(14)).map(([type, data]) => {
    const out = new Uint8Array(8 * Math.ceil((2 + data.length) / 8))
    out[1] = out.length / 8 - 1
    out.set(data, 2)
    return { type, octets: out }
  }),
  fc.tuple(fc.constantFrom(0, 60), fc.constantFrom(0x0e, 0x4e, 0x8e, 0xce, 5, 194)).map(([type, option]) => ({
    type,
    octets: Uint8Array.of(0, 0, option, 4, 0, 0, 0, 0),
  })),
  fc.tuple(fc.constantFrom(0, 0, 8, 800), fc.boolean()).map(([offset, more]) => {
    const out = new Uint8Array(8)
    put16(out, 2, offset | (more ? 1 : 0))
    return { type: 44, octets: out }
  }),
)

const six = fc
  .record({
    src: src6,
    dst: dst6,
    ttl,
    extensions: fc.oneof(fc.constant<Chained[]>([]), fc.array(extension, { maxLength: 3 })),
    upper: upper(58, ICMP6),
  })
  .map((p) => {
    const chain = p.extensions.map((e) => ({ type: e.type, octets: e.octets.slice() }))
    for (const [i, e] of chain.entries()) e.octets[0] = chain[i + 1]?.type ?? p.upper.protocol
    const parts = [...chain.map((e) => e.octets), p.upper.octets]
    const length = parts.reduce((n, o) => n + o.length, 0)
    const out = new Uint8Array(40 + length)
    out[0] = 0x60
    put16(out, 4, length)
    out[6] = chain[0]?.type ?? p.upper.protocol
    out[7] = p.ttl
    writeIp(p.src, out, 8)
    writeIp(p.dst, out, 24)
    let at = 40
    for (const o of parts) {
      out.set(o, at)
      at += o.length
    }
    const icmp = out.length - p.upper.octets.length
    if (p.upper.protocol === 58 && out.length - icmp >= 4) {
      put16(out, icmp + 2, finish(sum(out, icmp, out.length, pseudoSum6(p.src, p.dst, 58, out.length - icmp))))
    }
    return out
  })

/** Three in four come whole; of the others an octet is another, or the end is missing. */
const broken = (whole: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 6, arbitrary: whole },
    {
      weight: 1,
      arbitrary: fc.tuple(whole, fc.nat(59), fc.nat(255)).map(([packet, at, octet]) => {
        const out = packet.slice()
        out[at % out.length] = octet
        return out
      }),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(whole, fc.nat(80))
        .map(([p, cut]) => p.slice(0, Math.max(p.length - cut, p[0]! >>> 4 === 4 ? 20 : 40))),
    },
  )

/** One packet and its frame: mostly to where its destination leads, since else there is little to answer. */
export const hostile: fc.Arbitrary<Hostile> = fc
  .tuple(
    fc.oneof(broken(four), broken(six)),
    fc.oneof(
      { weight: 2, arbitrary: fc.constant('right' as const) },
      { weight: 1, arbitrary: fc.constantFrom('host', 'gateway', 'broadcast', 'multicast', 'stranger') },
    ),
  )
  .map(([packet, to]) => ({ family: packet[0]! >>> 4 === 6 ? 6 : 4, to, packet }) as Hostile)

/** The packet with its number in it, the IPv4 header sealed again. */
export function numbered(h: Hostile, number: number): Uint8Array {
  const out = h.packet.slice()
  if (h.family === 4) {
    put16(out, 4, number)
    const end = Math.min((out[0]! & 15) * 4, out.length)
    put16(out, 10, 0)
    put16(out, 10, finish(sum(out, 0, end)))
  } else put32(out, 0, (0x60000000 | number) >>> 0)
  return out
}
