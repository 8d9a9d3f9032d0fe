/**
 * Neighbour discovery messages on their way out (RFC 4861 §4): all go to the link that they speak of, whatever the routes
 * say, with hop limit 255, unfragmented.
 */
import type { Instant } from '../../clock.ts'
import type { Ip6 } from '../../wire/addr.ts'
import { EtherType } from '../../wire/ethernet.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import * as ip6 from '../../wire/ip6.ts'
import type * as nd from '../../wire/nd.ts'
import type * as ndOption from '../../wire/nd-option.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'

/** Only this proves that no router forwarded the message (RFC 4861 §11.2). */
export const HOP_LIMIT = 255

/** Sends `m` on `port`; to the link-layer address `mac` where it is given, else as the neighbour cache says. */
export function sendNd(
  node: Node,
  now: Instant,
  port: Port,
  src: Ip6,
  dst: Ip6,
  m: nd.Message,
  mac?: Uint8Array,
): void {
  const bytes = OUT
  const payload = icmp6.size(m)
  const at = ip6.write({ src, dst, protocol: icmp6.PROTOCOL, hopLimit: HOP_LIMIT }, bytes, 0, payload)
  const end = icmp6.write(m, bytes, at, src, dst)
  node.counters.originated++
  if (mac === undefined) node.ip6.neighbours.transmit(now, port, dst, bytes, 0, end)
  else port.transmit(bytes, 0, end, EtherType.ip6, mac)
}

/** The link-layer address option of `port`, or none where its link has no such addresses. */
export function linkLayerOption(kind: ndOption.LinkLayer['kind'], port: Port): ndOption.Option[] {
  return port.medium === 'ip' ? [] : [{ kind, linkLayerAddress: port.mac }]
}

/** The six octets that the option of `kind` holds; undefined where it is missing, or no address a frame could go to. */
export function linkLayerIn(
  options: readonly ndOption.Option[],
  kind: ndOption.LinkLayer['kind'],
  port: Port,
): Uint8Array | undefined {
  if (port.medium === 'ip') return undefined
  for (const o of options) {
    if (o.kind !== kind) continue
    const mac = (o as ndOption.LinkLayer).linkLayerAddress
    // A group address would make this node send its unicast packets to many.
    return mac.length === 6 && (mac[0]! & 1) === 0 ? mac : undefined
  }
  return undefined
}

/** Longest message made: a redirect of 1280 octets, an advertisement with all its options. */
const ROOM = 4096
/** Where a message is made; of all nodes, since none is asked for anything while another's stands in it. */
const OUT = new Uint8Array(ROOM)
