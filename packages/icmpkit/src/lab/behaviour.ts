/**
 * What a node of a lab does beside what a node of the stack does: it sees each packet that comes for the node's port and
 * each that leaves by one, may edit it in place, and may take it. A node without any pays nothing for them.
 */
import type { Instant } from '../clock.ts'
import type { Node } from '../stack/node.ts'
import type { Port } from '../stack/port.ts'
import { readIp4, readIp6 } from '../wire/addr.ts'

/** A packet with its link header, from `at` to `end`. */
export interface Packet {
  bytes: Uint8Array
  at: number
  end: number
}

export interface Behaviour {
  /** What becomes of a packet that it takes, in words for traces; not given: nothing is lost, it goes on by labels. */
  readonly takes?: string | undefined
  /** A frame for the port's address (or for a group) came in. False: it goes no further. */
  comes?(now: Instant, p: Packet, port: Port): boolean
  /** One is to leave by the port; `bytes` has room for a few octets more. False: it does not. */
  leaves?(now: Instant, p: Packet, port: Port): boolean
}

/** Is the packet at `ip` for somebody behind this node, and not for itself or a group? */
export function crosses(node: Node, bytes: Uint8Array, ip: number, port: Port): boolean {
  if (bytes[ip]! >>> 4 === 4) {
    if (bytes[ip + 16]! >= 224) return false
    return node.role === 'gateway' && !node.ip4.isMine(readIp4(bytes, ip + 16))
  }
  if (bytes[ip + 24] === 0xff) return false
  return node.role === 'gateway' && !node.ip6.isMine(readIp6(bytes, ip + 24), port)
}

/** Does its TTL or hop limit end at a gateway that it comes to? Then it goes no further in any case, and that is told. */
export function endsHere(bytes: Uint8Array, ip: number): boolean {
  return bytes[ip + (bytes[ip]! >>> 4 === 4 ? 8 : 7)]! <= 1
}
