/** Hex octets as one captured packet: an Ethernet frame, an IP packet, or a bare ICMP message. */
import { type capture, checksum, ethernet, icmp4, icmp6, linkLayer } from 'icmpkit/wire'

export type Reading = 'icmp4' | 'icmp6' | 'ip' | 'ethernet'

export const READING: Readonly<Record<Reading, string>> = {
  icmp4: 'an ICMPv4 message',
  icmp6: 'an ICMPv6 message',
  ip: 'an IP packet',
  ethernet: 'an Ethernet frame',
}

/** What octets look like, the tallest layer first: a frame, a packet, a message. */
export function guess(bytes: Uint8Array): Reading {
  if (bytes.length >= 34) {
    const offset = linkLayer.ipOffset(linkLayer.LinkType.ethernet, bytes, 0, bytes.length)
    if (offset >= ethernet.HEADER && !soundIp(bytes)) return 'ethernet'
  }
  if (soundIp(bytes)) return 'ip'
  if (checksum.holds(checksum.sum(bytes, 0, bytes.length))) return 'icmp4'
  const type = bytes[0]!
  if (beginsIp(bytes)) return 'ip'
  // An ICMPv6 checksum covers addresses that are not here, so the type and the quote have to tell.
  if ((type >= 128 && type <= 161) || EXPERIMENTS.includes(type)) return 'icmp6'
  const quoted = bytes.length > 8 ? bytes[8]! >>> 4 : 0
  if ((type === 1 || type === 2 || type === 3 || type === 4) && quoted === 6) return 'icmp6'
  const known: readonly number[] = Object.values(icmp4.Type)
  return known.includes(type) ? 'icmp4' : type === 1 || type === 2 ? 'icmp6' : 'icmp4'
}

/** An IP header whose length agrees with what is here, or at least with itself. */
function soundIp(bytes: Uint8Array): boolean {
  const version = bytes[0]! >>> 4
  if (version === 4) {
    const header = (bytes[0]! & 15) * 4
    const total = (bytes[2]! << 8) | bytes[3]!
    if (header < 20 || bytes.length < header || total < header) return false
    return total === bytes.length || checksum.holds(checksum.sum(bytes, 0, header))
  }
  return version === 6 && bytes.length >= 40 && ((bytes[4]! << 8) | bytes[5]!) + 40 === bytes.length
}

/**
 * Cut short, or with a checksum that the interface was to make. ICMP has no types 69 to 79 and 96 to 111, but ICMPv6's 100
 * and 101 for experiments.
 */
function beginsIp(bytes: Uint8Array): boolean {
  const first = bytes[0]!
  if (first >= 0x45 && first <= 0x4f) return true
  return first >>> 4 === 6 && (bytes.length >= 40 || !EXPERIMENTS.includes(first))
}

const { experimentalError1, experimentalError2, experimentalQuery1, experimentalQuery2 } = icmp6.Type
/** Unassigned in ICMPv4. */
const EXPERIMENTS: readonly number[] = [experimentalError1, experimentalError2, experimentalQuery1, experimentalQuery2]

/** The one frame that the octets are, read so. */
export function frameOf(bytes: Uint8Array, linkType: number, index = 1): capture.Frame {
  return {
    index,
    bytes,
    at: 0,
    end: bytes.length,
    length: bytes.length,
    linkType,
    seconds: 0,
    nanoseconds: 0,
    digits: 0,
    port: 0,
    offset: 0,
    optionsAt: bytes.length,
    optionsEnd: bytes.length,
    littleEndian: false,
  }
}
