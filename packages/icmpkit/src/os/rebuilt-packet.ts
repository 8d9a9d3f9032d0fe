/**
 * Packets put together again from what a socket tells beside them: the IP header that the kernel kept, and the ICMP
 * error that it turned into an entry of the error queue. What the kernel did not tell is zero; lengths and checksums
 * fit what is there, so that a reader of packets finds nothing to complain about.
 *
 * All offsets are into the memory that holds messages, control messages and addresses alike.
 */
import type { Family } from '../wire/addr.ts'
import { finish, pseudo6, sum } from '../wire/checksum.ts'
import type { Control } from './cmsg.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from './socket.ts'

export interface Memory {
  readonly bytes: Uint8Array
  readonly view: DataView
}

/** Writes the header, IPv4 options included, in front of the message `at…end`; returns where it begins. */
export function rebuildHeader(m: Memory, family: Family, c: Control, source: number, at: number, end: number): number {
  return family === 4 ? header4(m, c, source, at, end, c.optionsLength) : header6(m, c, source, at, end)
}

/**
 * Writes the error in front of the quoted ICMP message `quoted…end`: outer header, ICMP header, and of the quoted IP
 * header the addresses. Returns where it begins.
 */
export function rebuildError(
  m: Memory,
  family: Family,
  c: Control,
  target: number,
  quoted: number,
  end: number,
): number {
  const { bytes, view } = m
  const four = family === 4
  const quote = four ? quotedHeader4(m, c.dst, target, quoted, end) : quotedHeader6(m, c.dst, target, quoted, end)
  const icmp = quote - ICMP_HEADER
  view.setUint32(icmp, (c.type << 24) | (c.code << 16))
  view.setUint32(icmp + 4, four ? restOfHeader4(c) : restOfHeader6(c))
  // RFC 4884 §4: the length of the quote in words of 32 bits (ICMPv4) or 64 (ICMPv6), where extensions follow it. The
  // kernel counts from the quoted ICMP message.
  const toExtensions = c.data & 0xffff
  if (toExtensions > 0) bytes[icmp + (four ? 5 : 4)] = (quoted - quote + toExtensions) >>> (four ? 2 : 3)
  const outer = four ? header4(m, c, c.offender, icmp, end, 0) : header6(m, c, c.offender, icmp, end)
  const pseudo = four ? 0 : pseudo6(bytes, outer, IPPROTO_ICMPV6, end - icmp)
  view.setUint16(icmp + 2, finish(sum(bytes, icmp, end, pseudo)))
  return outer
}

function header4({ bytes, view }: Memory, c: Control, source: number, at: number, end: number, more: number): number {
  const options = Math.min(more, MAX_OPTIONS) & ~3
  const ip = at - HEADER4 - options
  view.setUint32(ip, ((0x45 + options / 4) << 24) | (c.tos << 16) | (end - ip))
  view.setUint32(ip + 4, 0)
  view.setUint32(ip + 8, (c.ttl << 24) | (IPPROTO_ICMP << 16))
  bytes.copyWithin(ip + 12, source, source + 4)
  view.setUint32(ip + 16, c.dst >= 0 ? view.getUint32(c.dst) : 0)
  if (options > 0) bytes.copyWithin(ip + HEADER4, c.options, c.options + options)
  view.setUint16(ip + 10, finish(sum(bytes, ip, at)))
  return ip
}

function header6({ bytes, view }: Memory, c: Control, source: number, at: number, end: number): number {
  const ip = at - HEADER6
  view.setUint32(ip, ((0x600 | c.tos) << 20) | c.flowLabel)
  view.setUint32(ip + 4, ((end - at) << 16) | (IPPROTO_ICMPV6 << 8) | c.ttl)
  bytes.copyWithin(ip + 8, source, source + 16)
  if (c.dst >= 0) bytes.copyWithin(ip + 24, c.dst, c.dst + 16)
  else bytes.fill(0, ip + 24, ip + HEADER6)
  return ip
}

function quotedHeader4({ bytes, view }: Memory, us: number, target: number, at: number, end: number): number {
  const ip = at - HEADER4
  view.setUint32(ip, 0x45000000 | (end - ip))
  view.setUint32(ip + 4, 0)
  view.setUint32(ip + 8, IPPROTO_ICMP << 16)
  view.setUint32(ip + 12, us >= 0 ? view.getUint32(us) : 0)
  bytes.copyWithin(ip + 16, target, target + 4)
  view.setUint16(ip + 10, finish(sum(bytes, ip, at)))
  return ip
}

function quotedHeader6({ bytes, view }: Memory, us: number, target: number, at: number, end: number): number {
  const ip = at - HEADER6
  view.setUint32(ip, 0x60000000)
  view.setUint32(ip + 4, ((end - at) << 16) | (IPPROTO_ICMPV6 << 8))
  if (us >= 0) bytes.copyWithin(ip + 8, us, us + 16)
  else bytes.fill(0, ip + 8, ip + 24)
  bytes.copyWithin(ip + 24, target, target + 16)
  return ip
}

/** What follows the checksum: next-hop MTU, gateway, pointer. The error queue has it as a number, by type. */
function restOfHeader4(c: Control): number {
  if (c.type === 3 && c.code === 4) return c.info & 0xffff
  if (c.type === 5) return c.info
  return c.type === 12 ? c.info << 24 : 0
}

/** MTU and pointer. */
function restOfHeader6(c: Control): number {
  return c.type === 2 || c.type === 4 ? c.info : 0
}

const HEADER4 = 20
const HEADER6 = 40
const ICMP_HEADER = 8
const MAX_OPTIONS = 40
