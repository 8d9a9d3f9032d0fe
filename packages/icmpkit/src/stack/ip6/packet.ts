/** A packet for this node, its extension headers walked, its fragments joined: what the upper layers are given. Borrowed. */
import type { Ip6 } from '../../wire/addr.ts'

export interface Packet6 {
  src: Ip6
  /** Of the IPv6 header: a unicast address of this node, or a group that it listens to. */
  dst: Ip6
  hopLimit: number
  trafficClass: number
  flowLabel: number
  /** The upper layer and where it is; the IPv6 header stands at `Inbound.at`. */
  protocol: number
  at: number
  end: number
  /** Offset of the octet that named `protocol`, from the IPv6 header: what an unknown one's Parameter Problem points at. */
  nextHeaderAt: number
  /** It had a Fragment header, an atomic one too: neighbour discovery wants none (RFC 6980 §5). */
  fragmented: boolean
  /** Value of the Router Alert option (RFC 2711); -1 where there is none. MLD wants 0. */
  routerAlert: number
  multicast: boolean
}
