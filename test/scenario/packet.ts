/** The octets of a scenario's packet. */
import { type Family, type Ip4, type Ip6, parseIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as checksum from '../../packages/icmpkit/src/wire/checksum.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import { put16, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import type { Carried, Packet } from './scenario.ts'

/** Identifier of all echo and timestamp requests. */
export const ID = 0x5ce7

export function familyOfPacket(p: Packet): Family {
  return p.to.includes(':') ? 6 : 4
}

/** The whole packet from the IP header on; `from` where the packet names no source. */
export function octetsOf(p: Packet, from: string): Uint8Array {
  const src = parseIp(p.from ?? from)!
  const dst = parseIp(p.to)!
  return typeof src === 'bigint' ? six(p, src, dst as Ip6) : four(p, src, dst as Ip4)
}

function four(p: Packet, src: Ip4, dst: Ip4): Uint8Array {
  const pseudo = (protocol: number, length: number) =>
    (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + protocol + length
  const { protocol, octets } = upper(p.carries, 4, pseudo)
  const f: ip4.Fields = { src, dst, protocol, ttl: p.ttl ?? 64, tos: p.tos ?? 0, df: p.df ?? false, id: p.id ?? 1 }
  if (p.options !== undefined) f.options = unhex(p.options)
  if (p.fragment !== undefined) {
    f.offset = p.fragment.offset
    f.mf = p.fragment.more
  }
  const packet = new Uint8Array(ip4.size(f) + octets.length)
  packet.set(octets, ip4.write(f, packet, 0, octets.length))
  return packet
}

/** By hand, since extension headers here may be what no writer would make. */
function six(p: Packet, src: Ip6, dst: Ip6): Uint8Array {
  const { protocol, octets } = upper(p.carries, 6, (next, length) => checksum.pseudoSum6(src, dst, next, length))
  const chain = (p.extensions ?? []).map((e) => ({ type: e.type, octets: unhex(e.octets) }))
  if (p.fragment !== undefined) {
    const octets = unhex('0000 0000 0000 0000')
    put16(octets, 2, p.fragment.offset | (p.fragment.more ? 1 : 0))
    put16(octets, 6, p.id ?? 1)
    chain.push({ type: 44, octets })
  }
  for (const [i, e] of chain.entries()) e.octets[0] = chain[i + 1]?.type ?? protocol
  const payload = chain.reduce((n, e) => n + e.octets.length, octets.length)
  const packet = new Uint8Array(40 + payload)
  packet.set(unhex('60000000'))
  packet[0]! |= (p.tos ?? 0) >> 4
  packet[1] = ((p.tos ?? 0) & 15) << 4
  put16(packet, 4, payload)
  packet[6] = chain[0]?.type ?? protocol
  packet[7] = p.ttl ?? 64
  writeIp6(src, packet, 8)
  writeIp6(dst, packet, 24)
  let at = 40
  for (const part of [...chain.map((e) => e.octets), octets]) {
    packet.set(part, at)
    at += part.length
  }
  return packet
}

function upper(c: Carried, family: Family, pseudo: (protocol: number, length: number) => number) {
  switch (c.kind) {
    case 'protocol':
      return { protocol: c.protocol, octets: unhex(c.octets) }
    case 'udp': {
      const octets = new Uint8Array(8 + (c.size ?? 8))
      put16(octets, 0, 40_000)
      put16(octets, 2, c.port)
      put16(octets, 4, octets.length)
      // Zero would say that there is none (RFC 768, RFC 8200 §8.1).
      put16(octets, 6, checksum.finish(checksum.sum(octets, 0, octets.length, pseudo(17, octets.length))) || 0xffff)
      return { protocol: 17, octets }
    }
    default: {
      const protocol = family === 4 ? 1 : 58
      const octets = icmp(c, family)
      const sum = checksum.sum(octets, 0, octets.length, family === 6 ? pseudo(58, octets.length) : 0)
      put16(octets, 2, checksum.finish(sum))
      const slice = c.kind === 'echo' ? c.slice : undefined
      return { protocol, octets: slice === undefined ? octets : octets.subarray(...slice) }
    }
  }
}

function icmp(c: Exclude<Carried, { kind: 'udp' | 'protocol' }>, family: Family): Uint8Array {
  switch (c.kind) {
    case 'icmp': {
      const octets = unhex(c.octets)
      put16(octets, 2, 0)
      return octets
    }
    case 'timestamp': {
      const octets = unhex('0d00 0000 0000 0001 00000001 00000000 00000000')
      put16(octets, 4, ID)
      return octets
    }
    case 'echo': {
      const octets = new Uint8Array(8 + (c.size ?? 56)).map((_, i) => i & 255)
      octets[0] = family === 4 ? 8 : 128
      octets[1] = octets[2] = octets[3] = 0
      put16(octets, 4, ID)
      put16(octets, 6, c.seq ?? 1)
      return octets
    }
  }
}

function writeIp6(ip: Ip6, out: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) out[at + i] = Number((ip >> BigInt(120 - 8 * i)) & 0xffn)
}
