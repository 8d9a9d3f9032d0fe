/** Captures to decode: what a busy link has, from as many addresses as one asks for. */
import { closeSync, openSync, writeSync } from 'node:fs'
import {
  type Family,
  type Ip4,
  type Ip6,
  icmp4,
  icmp6,
  ip4,
  ip6,
  pcap,
  udp,
} from '../packages/icmpkit/src/wire/index.ts'

const ETHERNET = 1
/** Different packets that a file repeats; a multiple of what `message4` and `message6` tell apart. */
const VARIETY = 64
const WRITE = 1 << 20
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)

/** Writes a pcap file of `packets` packets, the families in turn, from `addresses` addresses of each. */
export function writeCapture(path: string, packets: number, families: readonly Family[], addresses: number): void {
  const variety = Math.max(VARIETY, addresses)
  const frames = families.map((family) => {
    const make = family === 4 ? packet4 : packet6
    return Array.from({ length: variety }, (_, i) => make(i, addresses))
  })
  const out = new Uint8Array(WRITE + 4096)
  const fd = openSync(path, 'w')
  let at = pcap.writeHeader({ linkType: ETHERNET, digits: 6 }, out, 0)
  for (let n = 0; n < packets; n++) {
    const data = frames[n % frames.length]![Math.floor(n / frames.length) % variety]!
    // 17 µs apart: a busy gigabit link.
    const us = n * 17
    const seconds = 1763912345 + Math.floor(us / 1e6)
    at = pcap.writeRecord({ seconds, nanoseconds: (us % 1e6) * 1000, data }, out, at, 6)
    if (at < WRITE) continue
    writeSync(fd, out, 0, at)
    at = 0
  }
  writeSync(fd, out, 0, at)
  closeSync(fd)
}

/** In 10.0.0.0/8, spread so that most octets differ. */
function address4(n: number, addresses: number): Ip4 {
  return ((10 << 24) | (Math.imul(n % addresses, addresses > 256 ? 40_503 : 11) & 0xffff)) as Ip4
}

function address6(n: number, addresses: number): Ip6 {
  const low = BigInt(Math.imul(n % addresses, addresses > 256 ? 40_503 : 11) & 0xffff)
  return ((n % 2 === 0 ? 0x20010db8_00000001_0000_0000_0000_0000n : 0xfe80_0000_0000_0000_0200_00ff_fe00_0000n) +
    low) as Ip6
}

function packet4(i: number, addresses: number): Uint8Array {
  const src = address4(i, addresses)
  const dst = address4(i * 7 + 3, addresses)
  const m = message4(i, src, dst)
  const length = icmp4.size(m)
  const out = new Uint8Array(14 + ip4.HEADER + length)
  ethernet(out, 0x0800)
  icmp4.write(m, out, ip4.write({ protocol: 1, src, dst, id: i & 0xffff }, out, 14, length))
  return out
}

/** Five echoes in eight, then errors of three kinds. */
function message4(i: number, src: Ip4, dst: Ip4): icmp4.Message {
  const quote = (protocol: number) => quote4(dst, src, protocol, i)
  switch (i % 8) {
    case 5:
      return { kind: 'unreachable', code: 3, nextHopMtu: 0, quote: quote(17), extensions: undefined }
    case 6:
      return { kind: 'unreachable', code: 1, nextHopMtu: 0, quote: quote(6), extensions: undefined }
    case 7:
      return { kind: 'timeExceeded', code: 0, quote: quote(17), extensions: undefined }
    default:
      return {
        kind: i % 2 === 0 ? 'echoRequest' : 'echoReply',
        code: 0,
        id: 4000 + (i % 9),
        seq: i & 0xffff,
        data: PING,
      }
  }
}

function packet6(i: number, addresses: number): Uint8Array {
  const src = address6(i, addresses)
  const dst = address6(i * 7 + 3, addresses)
  const m = message6(i, src, dst)
  const length = icmp6.size(m)
  const out = new Uint8Array(14 + ip6.HEADER + length)
  ethernet(out, 0x86dd)
  icmp6.write(m, out, ip6.write({ protocol: 58, src, dst, hopLimit: 255 }, out, 14, length), src, dst)
  return out
}

/** Half echoes, then an error and the three messages that every IPv6 link is full of. */
function message6(i: number, src: Ip6, dst: Ip6): icmp6.Message {
  switch (i % 8) {
    case 4:
      return { kind: 'unreachable', code: 4, quote: quote6(dst, src, i), extensions: undefined }
    case 5:
      return {
        kind: 'neighborSolicitation',
        code: 0,
        target: dst,
        options: [{ kind: 'sourceLinkLayer', linkLayerAddress: MAC }],
      }
    case 6:
      return {
        kind: 'neighborAdvertisement',
        code: 0,
        router: false,
        solicited: true,
        override: true,
        target: src,
        options: [{ kind: 'targetLinkLayer', linkLayerAddress: MAC }],
      }
    case 7:
      return {
        kind: 'routerAdvertisement',
        code: 0,
        curHopLimit: 64,
        managed: false,
        otherConfig: true,
        homeAgent: false,
        preference: 0,
        proxy: false,
        lifetimeSeconds: 1800,
        reachableTimeMs: 0,
        retransTimerMs: 0,
        options: [
          { kind: 'sourceLinkLayer', linkLayerAddress: MAC },
          { kind: 'mtu', mtu: 1500 },
          {
            kind: 'prefixInformation',
            prefixLength: 64,
            onLink: true,
            autonomous: true,
            routerAddress: false,
            delegationPreferred: false,
            validLifetimeSeconds: 2_592_000,
            preferredLifetimeSeconds: 604_800,
            prefix: 0x20010db8_00000001_0000_0000_0000_0000n as Ip6,
          },
        ],
      }
    default:
      return {
        kind: i % 2 === 0 ? 'echoRequest' : 'echoReply',
        code: 0,
        id: 4000 + (i % 9),
        seq: i & 0xffff,
        data: PING,
      }
  }
}

/** The datagram that drew the error, 20 octets of its payload with it. */
function quote4(src: Ip4, dst: Ip4, protocol: number, i: number): Uint8Array {
  const out = new Uint8Array(ip4.HEADER + 20)
  const at = ip4.write({ protocol, src, dst, ttl: 1 }, out, 0, 20)
  udp.write({ srcPort: 40_000 + (i % 999), dstPort: 33_434 + (i % 99) }, out, at, out.length, 0)
  return out
}

function quote6(src: Ip6, dst: Ip6, i: number): Uint8Array {
  const out = new Uint8Array(ip6.HEADER + 20)
  const at = ip6.write({ protocol: 17, src, dst, hopLimit: 1 }, out, 0, 20)
  udp.write({ srcPort: 40_000 + (i % 999), dstPort: 33_434 + (i % 99) }, out, at, out.length, 0)
  return out
}

function ethernet(out: Uint8Array, etherType: number): void {
  out.set(MAC, 0)
  out.set(MAC, 6)
  out[12] = etherType >> 8
  out[13] = etherType & 255
}

/** What ping sends. */
const PING = Uint8Array.from({ length: 56 }, (_, i) => i)
