/**
 * Who handles which type of ICMPv6 message that is no error (RFC 4443 §4, RFC 4861, RFC 3810, RFC 4620, RFC 8335): one
 * table for all nodes, so that a node holds none, and a part is made when the first message for it comes.
 */
import type { Instant } from '../../clock.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import * as ndInput from './nd-input.ts'
import type { Packet6 } from './packet.ts'

/** `m` is parsed, its checksum right; what the type asks besides (hop limit 255, no fragment …) is the handler's. */
export type Handler6 = (node: Node, now: Instant, d: Inbound, p: Packet6, m: icmp6.Message) => void

/** A querier's business; known, so that nobody wonders. */
const ignored: Handler6 = (node) => void node.counters.drop('ignored')

/** By type. */
export const HANDLERS: Readonly<Record<number, Handler6>> = {
  [icmp6.Type.echoRequest]: (node, now, d, p, m) => node.ip6.icmp.answerEcho(now, d, p, m),
  [icmp6.Type.echoReply]: ({ transport, counters }) => {
    // Who asked is a raw listener, and has been told; nobody else has anything of it.
    if (!transport.isHeard) counters.drop('unsolicited')
  },
  [icmp6.Type.neighborSolicitation]: ndInput.neighborSolicitation,
  [icmp6.Type.neighborAdvertisement]: ndInput.neighborAdvertisement,
  [icmp6.Type.routerSolicitation]: ndInput.routerSolicitation,
  [icmp6.Type.routerAdvertisement]: ndInput.routerAdvertisement,
  [icmp6.Type.redirect]: ndInput.redirect,
  [icmp6.Type.mldQuery]: (node, now, d, p, m) => {
    if (m.kind === 'mldQuery' || m.kind === 'mldv2Query') node.ip6.nd.mld.queried(now, d.port, p, m)
  },
  [icmp6.Type.mldReport]: (node, now, d, p, m) => {
    if (m.kind === 'mldReport') node.ip6.nd.mld.reported(now, d.port, p, m.group)
  },
  [icmp6.Type.mldDone]: ignored,
  [icmp6.Type.mldv2Report]: ignored,
  [icmp6.Type.nodeInfoQuery]: (node, now, d, p, m) => {
    const settings = node.ip6.settings.nodeInformation
    if (m.kind !== 'nodeInfoQuery') return
    if (settings === undefined) node.counters.drop('disabled')
    else node.ip6.nd.information.queried(now, d, p, m, settings)
  },
  [icmp6.Type.extendedEchoRequest]: (node, now, d, p, m) => node.extendedEcho.input6(now, d, p, m),
}
