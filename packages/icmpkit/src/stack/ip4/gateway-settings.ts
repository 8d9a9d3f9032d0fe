/** The switches of IPv4 forwarding (RFC 1812 §5); `Ip4Settings.gateway`. Each names its RFC and its default. */
import type { FilterRule } from '../filter.ts'

export interface Gateway4Settings {
  /** Off: what is for others is dropped without a word (RFC 1812 §5.3.12.1). Default: on. */
  forwarding: boolean
  /** Indexes of ports that forward nothing in or out (RFC 1812 §5.3.11). Default: none. */
  noForwarding: readonly number[]
  /** Datagrams to the broadcast address of a connected network are sent on as link broadcasts (RFC 2644). Default: no. */
  directedBroadcasts: boolean
  /** `strict`: the source's route leads back out of the same port (RFC 1812 §5.3.8); `loose`: it has a route. Default: off. */
  sourceValidation: 'off' | 'strict' | 'loose'
  /** Hosts are told of a better first hop on their own network (RFC 1812 §5.2.7.2). Default: on. */
  redirects: boolean
  /** The first rule that matches decides; what none matches passes (RFC 1812 §5.3.9). Default: none. */
  filters: readonly FilterRule[]
  /** Lowest precedence that is forwarded; 6 and 7 always are (RFC 1812 §5.3.3.3 (3)). Default: 0. */
  precedenceCutoff: number
  /** What the cutoff does: code 15, or silence. Default: reject. */
  precedenceAnswer: 'reject' | 'drop'
}

export const GATEWAY4_DEFAULTS: Gateway4Settings = {
  forwarding: true,
  noForwarding: [],
  directedBroadcasts: false,
  sourceValidation: 'off',
  redirects: true,
  filters: [],
  precedenceCutoff: 0,
  precedenceAnswer: 'reject',
}
