/**
 * Where a captured packet carries ICMP: behind up to two VLAN tags, cooked, loopback or raw link layers, IPv4 options
 * and IPv6 extension headers. Tunnels are not opened. Finds offsets only and makes no object: `find` fills one `Carried`
 * that its owner keeps.
 */

import type { Family } from './addr.ts'
import { finish, sum } from './checksum.ts'
import type { Frame } from './frame.ts'
import { verify as verify4 } from './icmp4.ts'
import * as icmp6 from './icmp6.ts'
import * as ip4 from './ip4.ts'
import * as ip6 from './ip6.ts'
import { Type as Extension, isExtension, lengthAt } from './ip6-extension.ts'
import { ipOffset, Refusal } from './link-layer.ts'
import { type Malformed, malformed, type Verdict } from './malformed.ts'
import { u16 } from './octets.ts'

export type Finding =
  | 'icmp'
  /** Not IP, or IP that carries something else. */
  | 'other'
  /** A link layer that is not read here. */
  | 'unknown-link'
  /** A piece of an ICMP message without its header. */
  | 'later-fragment'
  /** An IP header that cannot be read, and that promises ICMP or hides what it carries. `flaw` says why. */
  | 'bad-ip'

export class Carried {
  family: Family = 4
  /** Offset of the IP header; -1 where the message stands alone (`bare`). */
  ip = 0
  /** The ICMP message that is here; `length` octets of it were sent. */
  at = 0
  end = 0
  length = 0
  /** The first fragment of a message: no checksum can be judged. */
  fragment = false
  /** IPv6 extension headers stand between. */
  extended = false
  /** Octets that the IP header promises and that were not on the wire. */
  missing = 0

  find(f: Frame): Finding {
    const ip = ipOffset(f.linkType, f.bytes, f.at, f.end)
    if (ip < 0) return ip === Refusal.unknownLinkType ? 'unknown-link' : 'other'
    this.ip = ip
    return f.bytes[ip]! >>> 4 === 4 ? this.#inIp4(f, f.bytes, ip, f.end) : this.#inIp6(f, f.bytes, ip, f.end)
  }

  /** An ICMP message without its packet, as `bytes[at…end)`. */
  bare(family: Family, at: number, end: number): void {
    this.family = family
    this.ip = -1
    this.at = at
    this.end = end
    this.length = end - at
    this.fragment = false
    this.extended = false
    this.missing = 0
  }

  /** The message's checksum. That of ICMPv6 covers addresses, so it can't be judged in a message that stands alone. */
  verify(bytes: Uint8Array): Verdict {
    if (this.fragment || (this.ip < 0 && this.family === 6)) return 'unverifiable'
    if (this.family === 4) return verify4(bytes, this.at, this.end, this.length)
    if (!this.extended) return icmp6.verifyAt(bytes, this.at, this.end, this.length, this.ip)
    const header = ip6.parse(bytes, this.ip, this.end)
    if (header.kind === 'malformed') return 'unverifiable'
    return icmp6.verify(bytes, this.at, this.end, this.length, header.src, header.finalDst)
  }

  /** The checksum that the message should have, where all of it is here (`verify` is not 'unverifiable'). */
  rightChecksum(bytes: Uint8Array): number {
    let total = sum(bytes, this.at, this.at + this.length) - u16(bytes, this.at + 2)
    if (this.family === 6) {
      const header = ip6.parse(bytes, this.ip, this.end)
      if (header.kind !== 'malformed') {
        // Ones'-complement arithmetic is arithmetic modulo 0xffff: an address can be reduced at once.
        total += Number(header.src % 0xffffn) + Number(header.finalDst % 0xffffn)
        total += icmp6.PROTOCOL + this.length
      }
    }
    return finish(total)
  }

  /** What is wrong with an IP header that `find` called 'bad-ip'. `at` counts from the header. */
  flaw(f: Frame): Malformed {
    const { bytes, end } = f
    const header = this.family === 4 ? ip4.parse(bytes, this.ip, end) : ip6.parse(bytes, this.ip, end)
    return header.kind === 'malformed' ? header : malformed('bad-length', 0)
  }

  #inIp4(f: Frame, bytes: Uint8Array, ip: number, end: number): Finding {
    this.family = 4
    const at = ip4.payloadAt(bytes, ip, end)
    if (end - ip < 10 || bytes[ip + 9] !== ICMP4) return 'other'
    if (at < 0) return 'bad-ip'
    const total = u16(bytes, ip + 2)
    const fragment = u16(bytes, ip + 6)
    if ((fragment & 0x1fff) !== 0) return 'later-fragment'
    this.fragment = (fragment & 0x2000) !== 0
    this.extended = false
    this.at = at
    this.end = ip + total < end ? ip + total : end
    this.length = total - (at - ip)
    const missing = ip - f.at + total - f.length
    this.missing = missing > 0 ? missing : 0
    return 'icmp'
  }

  #inIp6(f: Frame, bytes: Uint8Array, ip: number, end: number): Finding {
    this.family = 6
    const skipped = ip6.skip(bytes, ip, end)
    if (skipped < 0) {
      const next = end - ip > 6 ? bytes[ip + 6]! : NO_NEXT
      return next === icmp6.PROTOCOL || isExtension(next) ? 'bad-ip' : 'other'
    }
    if (ip6.upperProtocol(skipped) !== icmp6.PROTOCOL) return 'other'
    if (ip6.upperIsLater(skipped)) return 'later-fragment'
    const payload = u16(bytes, ip + 4)
    const at = ip + ip6.upperAt(skipped)
    const wire = f.length - (ip - f.at)
    // A jumbogram's length stands in an option; it ends where the frame does.
    const total = payload === 0 && at > ip + ip6.HEADER ? wire : ip6.HEADER + payload
    this.fragment = false
    this.extended = at > ip + ip6.HEADER
    this.at = at
    this.end = ip + total < end ? ip + total : end
    this.length = ip + total - at
    this.missing = total > wire ? total - wire : 0
    if (this.extended) this.fragment = isPart(bytes, ip, at)
    return 'icmp'
  }
}

/** A fragment header that says there is more, somewhere before `upper`. */
function isPart(bytes: Uint8Array, ip: number, upper: number): boolean {
  let header = bytes[ip + 6]!
  for (let at = ip + ip6.HEADER; at < upper; ) {
    if (header === Extension.fragment && (bytes[at + 3]! & 1) !== 0) return true
    const length = lengthAt(header, bytes, at)
    header = bytes[at]!
    at += length
  }
  return false
}

const ICMP4 = 1
/** No next header (RFC 8200 §4.7). */
const NO_NEXT = 59
