/**
 * Echo requests (RFC 4443 §4.2), the short way: answered in the octets that they came in, without an object. The long way,
 * for whatever is not plain, is a handler like others (`icmp.ts`).
 */
import type { Instant } from '../../clock.ts'
import { update } from '../../wire/checksum.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import * as ip6 from '../../wire/ip6.ts'
import { put16, u16 } from '../../wire/octets.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { isNowhereAt } from './octet-tests.ts'
import { MIN_MTU } from './path-mtu.ts'

/** True: the request at `d.at…end` to a unicast address became its reply. False: nothing was done to it. */
export function answerInPlace(node: Node, now: Instant, d: Inbound, end: number): boolean {
  const { bytes, at } = d
  const message = at + ip6.HEADER
  if (
    bytes[at + NEXT_HEADER] !== icmp6.PROTOCOL ||
    bytes[message] !== icmp6.Type.echoRequest ||
    // Padding of the link is not sent back, so such a packet is made anew.
    end !== d.end ||
    end - message < FIXED ||
    d.link !== 'host' ||
    d.checksum === 'partial'
  ) {
    return false
  }
  const { counters, transport, ip6: layer } = node
  if (transport.isHeard || isNowhereAt(bytes, at + SRC)) return false
  // A big one may need fragments, where anything is known of paths.
  const big = end - at > MIN_MTU
  if (big && (layer.pathMtu.isInUse || end - at > layer.linkMtu(d.port))) return false
  const own = layer.addresses.at(bytes, at + DST, d.port)
  if (own === undefined || own.anycast || !layer.wayBack.holds(now, d)) return false
  if (d.checksum !== 'ok' && icmp6.verifyAt(bytes, message, end, end - message, at) !== 'ok') return false
  ip6.swapAddresses(bytes, at)
  const was = u16(bytes, message)
  bytes[message] = icmp6.Type.echoReply
  bytes[message + 1] = 0
  put16(bytes, message + CHECKSUM, update(u16(bytes, message + CHECKSUM), was, icmp6.Type.echoReply << 8))
  // The traffic class goes back; the flow label was the other's (RFC 6437 §2).
  bytes[at + 1]! &= 0xf0
  bytes[at + 2] = 0
  bytes[at + 3] = 0
  bytes[at + HOP_LIMIT] = layer.hopLimit(d.port)
  if (big) layer.pathMtu.noteSent(bytes, at)
  counters.answered++
  counters.originated++
  return true
}
const NEXT_HEADER = 6
const HOP_LIMIT = 7
const SRC = 8
const DST = 24
const CHECKSUM = 2
const FIXED = 8
