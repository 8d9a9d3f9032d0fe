/** The edits of a NAT, in place, with every checksum that covers them (RFC 3022 §4.1 to §4.3). */
import { type Ip4, writeIp } from '../wire/addr.ts'
import { finish, sum, update } from '../wire/checksum.ts'
import * as ip4 from '../wire/ip4.ts'
import { put16, u16 } from '../wire/octets.ts'

export type Which = 'src' | 'dst'

/**
 * Another address on that side of the packet at `ip`, and another port or identifier where one is given. It may be what an
 * error quotes, and end before its header says.
 */
export function rewrite(
  bytes: Uint8Array,
  ip: number,
  end: number,
  which: Which,
  address: Ip4,
  port: number | undefined,
): void {
  const at = ip + (which === 'src' ? 12 : 16)
  const checksum = checksumAt(bytes, ip, end)
  // The pseudo-header of TCP and UDP has the addresses in it, that of ICMPv4 does not exist.
  const covered = bytes[ip + 9] !== ICMP
  const was = [u16(bytes, at), u16(bytes, at + 2)]
  writeIp(address, bytes, at)
  for (const i of [0, 2]) {
    patch(bytes, ip + 10, was[i / 2]!, u16(bytes, at + i))
    if (covered && checksum >= 0) patch(bytes, checksum, was[i / 2]!, u16(bytes, at + i))
  }
  if (port === undefined || (u16(bytes, ip + 6) & 0x1fff) !== 0) return
  const upper = ip4.payloadAt(bytes, ip, end)
  const field = upper + (bytes[ip + 9] === ICMP ? 4 : which === 'src' ? 0 : 2)
  if (upper < 0 || field + 2 > end) return
  const before = u16(bytes, field)
  put16(bytes, field, port)
  if (checksum >= 0) patch(bytes, checksum, before, port)
}

/** The checksum of an ICMPv4 message anew. */
export function resum(bytes: Uint8Array, icmp: number, end: number): void {
  put16(bytes, icmp + 2, 0)
  put16(bytes, icmp + 2, finish(sum(bytes, icmp, end)))
}

/** Where the transport's checksum stands; -1 where it is not here, or was not made (UDP). */
function checksumAt(bytes: Uint8Array, ip: number, end: number): number {
  if ((u16(bytes, ip + 6) & 0x1fff) !== 0) return -1
  const upper = ip4.payloadAt(bytes, ip, end)
  const protocol = bytes[ip + 9]
  const at = upper + (protocol === TCP ? 16 : protocol === UDP ? 6 : 2)
  if (upper < 0 || at + 2 > end) return -1
  return protocol === UDP && u16(bytes, at) === 0 ? -1 : at
}

function patch(bytes: Uint8Array, checksum: number, from: number, to: number): void {
  put16(bytes, checksum, update(u16(bytes, checksum), from, to))
}

const ICMP = 1
const TCP = 6
const UDP = 17
