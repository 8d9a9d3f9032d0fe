/**
 * Control messages (cmsg(3)), both ways, and the structures in them: what the kernel tells beside a packet (TTL, TOS,
 * destination, interface, stamps, errors) and what we ask of it for one packet.
 *
 *   | length, 8 octets, with this header | level, 4 | type, 4 | data … | to a multiple of 8
 */

import {
  IP_PKTINFO,
  IP_RECVERR,
  IP_RECVOPTS,
  IP_TOS,
  IP_TTL,
  IPV6_FLOWINFO,
  IPV6_HOPLIMIT,
  IPV6_PKTINFO,
  IPV6_RECVERR,
  IPV6_TCLASS,
  SO_TIMESTAMPING,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from './socket.ts'
import { LITTLE } from './sys.ts'

/** Octets in front of the data. */
export const CMSG_HEADER = 16

/** Octets that one control message takes. */
export function cmsgSpace(length: number): number {
  return CMSG_HEADER + ((length + 7) & ~7)
}

/** Writes a header for `length` octets of data, which go at `at + CMSG_HEADER`; returns the end. */
export function putCmsg(view: DataView, at: number, level: number, type: number, length: number): number {
  view.setUint32(at, CMSG_HEADER + length, LITTLE)
  view.setUint32(at + 4, 0, LITTLE)
  view.setInt32(at + 8, level, LITTLE)
  view.setInt32(at + 12, type, LITTLE)
  return at + cmsgSpace(length)
}

/** A message with one int. */
export function putCmsgInt(view: DataView, at: number, level: number, type: number, value: number): number {
  view.setInt32(at + CMSG_HEADER, value, LITTLE)
  return putCmsg(view, at, level, type, 4)
}

/** Where sock_extended_err (linux/errqueue.h) has what. */
export const Origin = { local: 1, icmp: 2, icmp6: 3, stamp: 4 } as const

/** What came beside one packet. Offsets are into the control memory; -1 and 0 where the kernel said nothing. */
export class Control {
  /** TTL or hop limit. */
  ttl = 0
  /** TOS or traffic class. */
  tos = 0
  flowLabel = 0
  /** Interface index. */
  port = 0
  /** Offset of the address that the packet was sent to. */
  dst = -1
  /** Realtime, `seconds` 0 = no stamp. */
  seconds = 0
  nanoseconds = 0
  /** Offset of IPv4 options. */
  options = -1
  optionsLength = 0
  /** Offset of the sock_extended_err. */
  error = -1
  errno = 0
  origin = 0
  type = 0
  code = 0
  info = 0
  data = 0
  /** Offset of the address of the node that sent the error. */
  offender = -1

  read(view: DataView, from: number, end: number): void {
    this.ttl = 0
    this.tos = 0
    this.flowLabel = 0
    this.port = 0
    this.dst = -1
    this.seconds = 0
    this.nanoseconds = 0
    this.options = -1
    this.optionsLength = 0
    this.error = -1
    this.origin = 0
    this.offender = -1
    for (let at = from; at + CMSG_HEADER <= end; ) {
      const length = view.getUint32(at, LITTLE)
      if (length < CMSG_HEADER || at + length > end) return
      this.#take(view, view.getInt32(at + 8, LITTLE), view.getInt32(at + 12, LITTLE), at + CMSG_HEADER, at + length)
      at += (length + 7) & ~7
    }
  }

  #take(view: DataView, level: number, type: number, at: number, end: number): void {
    if (level === SOL_IP) {
      if (type === IP_TTL) this.ttl = view.getInt32(at, LITTLE)
      else if (type === IP_TOS) this.tos = view.getUint8(at)
      else if (type === IP_PKTINFO) {
        this.port = view.getInt32(at, LITTLE)
        this.dst = at + 8
      } else if (type === IP_RECVOPTS) {
        this.options = at
        this.optionsLength = end - at
      } else if (type === IP_RECVERR) this.#takeError(view, at, end, 4)
    } else if (level === SOL_IPV6) {
      if (type === IPV6_HOPLIMIT) this.ttl = view.getInt32(at, LITTLE)
      else if (type === IPV6_TCLASS) this.tos = view.getInt32(at, LITTLE)
      else if (type === IPV6_FLOWINFO) this.flowLabel = view.getUint32(at) & 0xfffff
      else if (type === IPV6_PKTINFO) {
        this.dst = at
        this.port = view.getInt32(at + 16, LITTLE)
      } else if (type === IPV6_RECVERR) this.#takeError(view, at, end, 8)
    } else if (level === SOL_SOCKET && type === SO_TIMESTAMPING) {
      this.seconds = view.getUint32(at, LITTLE) + view.getUint32(at + 4, LITTLE) * 0x100000000
      this.nanoseconds = view.getUint32(at + 8, LITTLE)
    }
  }

  #takeError(view: DataView, at: number, end: number, addressAt: number): void {
    this.error = at
    this.errno = view.getUint32(at, LITTLE)
    this.origin = view.getUint8(at + 4)
    this.type = view.getUint8(at + 5)
    this.code = view.getUint8(at + 6)
    this.info = view.getUint32(at + 8, LITTLE)
    this.data = view.getUint32(at + 12, LITTLE)
    // The offender's sockaddr follows; AF_UNSPEC where there is none.
    if (end >= at + 16 + addressAt + 4 && view.getUint16(at + 16, LITTLE) !== 0) this.offender = at + 16 + addressAt
  }
}
