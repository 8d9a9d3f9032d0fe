/** What IPv4 knows of one link: it hangs on the port. What a link at rest does not need is not there. */
import type { Ip4 } from '../../wire/addr.ts'
import type { Address4 } from './addresses.ts'
import type { PortArp } from './arp.ts'
import type { Claim } from './arp-conflict.ts'
import type { Advertising } from './router-advertise.ts'

/** All is simply this node's. */
export const NO_CLAIMS: readonly Claim[] = []

export class Link4 {
  /** Of this node's own, whatever their state, in the order of the configuration. */
  addresses: readonly Address4[] = NO_ADDRESSES
  /** Multicast groups that are listened to. */
  groups: readonly Ip4[] = NO_GROUPS
  /** Its neighbours; undefined: there never was one. */
  arp: PortArp | undefined
  /** Addresses with which more is to be done than to answer for them: probed for, announced, defended, lost. */
  claims: readonly Claim[] = NO_CLAIMS
  /** How often others had one, and when the last claim began. */
  conflicts = 0
  lastClaim: number | undefined
  /** This node advertises itself as a router. */
  advertising: Advertising | undefined
}

const NO_ADDRESSES: readonly Address4[] = []
const NO_GROUPS: readonly Ip4[] = []
