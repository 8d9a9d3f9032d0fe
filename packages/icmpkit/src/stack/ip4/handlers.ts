/**
 * Who handles which type of ICMPv4 message (RFC 792, RFC 1122 §3.2.2): one table for all nodes, so that a node holds
 * none, and a part is made when the first message for it comes.
 */
import type { Instant } from '../../clock.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import type * as ip4 from '../../wire/ip4.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import { answerTimestamp } from './timestamp.ts'

/** `m` is parsed, its checksum right; whole, its fragments joined. It stands at `h.payload … h.end` of `d.bytes`. */
export type Handler4 = (node: Node, now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message) => void

const error: Handler4 = (node, now, d, h, m) => void node.ip4.icmp.hear(now, d, h, m)

/** By type. */
export const HANDLERS: Readonly<Record<number, Handler4>> = {
  [icmp4.Type.echoRequest]: (node, now, d, h, m) => node.ip4.icmp.echo(now, d, h, m),
  [icmp4.Type.unreachable]: error,
  [icmp4.Type.timeExceeded]: error,
  [icmp4.Type.parameterProblem]: error,
  [icmp4.Type.photuris]: error,
  [icmp4.Type.redirect]: (node, now, d, h, m) => node.ip4.control.redirects.input(now, d, h, m),
  [icmp4.Type.sourceQuench]: (node, now, d, h) => node.ip4.control.quench.ignore(now, d, h),
  [icmp4.Type.timestampRequest]: answerTimestamp,
  [icmp4.Type.addressMaskRequest]: (node, now, d, h, m) => node.ip4.control.masks.request(now, d, h, m),
  [icmp4.Type.addressMaskReply]: (node, now, d, h, m) => node.ip4.control.masks.reply(now, d, h, m),
  [icmp4.Type.routerAdvertisement]: (node, now, d, _h, m) => node.ip4.control.routerAdvertised(now, d, m),
  [icmp4.Type.routerSolicitation]: ({ ip4: layer, counters }, now, d, h, m) => {
    if (layer.control.advertiser === undefined) counters.drop('ignored')
    else layer.control.advertiser.input(now, d, h, m)
  },
  [icmp4.Type.extendedEchoRequest]: (node, now, d, h, m) => node.extendedEcho.input4(now, d, h, m),
}
