/** The switches of the IPv4 layer; each names its RFC and its default. */

import type { Ip4 } from '../../wire/addr.ts'
import type { Route } from '../route-table.ts'
import type { BucketSettings } from '../token-bucket.ts'
import { ARP_DEFAULTS, ARP_PROBE_DEFAULTS, type ArpProbeSettings, type ArpSettings } from './arp-settings.ts'
import { CONTROL4_DEFAULTS, type Control4Settings } from './control-settings.ts'
import type { Gateway4Settings } from './gateway-settings.ts'

export interface Ip4Settings extends Control4Settings {
  /** TTL of what this node begins, 1 … 255 (RFC 1122 §3.2.1.7). */
  ttl: number
  /** Static routes; connected ones come from the ports' addresses. */
  routes: readonly Pick<Route<Ip4>, 'prefix' | 'prefixLength' | 'kind' | 'nextHop' | 'port' | 'fixed'>[]
  /** The source where a port has no address of its own (RFC 1812 §2.2.7). */
  routerId: Ip4 | undefined
  /** Limit on ICMP errors, of each port (RFC 1812 §4.3.2.8). */
  errorLimit: BucketSettings
  /** The same for each address that errors go to, where the ports have a limit: one flooder does not silence the others'. */
  errorLimitPerSource: BucketSettings
  /** Quote in front of extension objects: 128 octets, which every traceroute reads, or as much as fits (RFC 4884 §5.3). */
  extensionQuote: 'compatible' | 'long'
  /** IP precedence of errors (RFC 1812 §4.3.2.5). */
  errorPrecedence: number
  /** Whose address an error of a gateway bears: the port that it leaves by (RFC 1812 §4.3.2.4), or the one where the fault came in. */
  errorSource: 'outgoing' | 'incoming'
  /** Ports, by index, that send no time exceeded in transit (RFC 1812 §5.2.7.3). */
  noTimeExceeded: readonly number[]
  /** Echo requests are answered (RFC 1812 §4.3.3.6: on unless somebody turns it off). */
  echo: boolean
  /** Echo requests to broadcast and multicast addresses are answered too (RFC 1122 §3.2.2.6). */
  echoBroadcast: boolean
  /** What this node begins may be fragmented (RFC 1122 §3.3.3); without it an echo reply is cut to fit. */
  fragment: boolean
  /**
   * Unfinished source routes: dropped and counted (RFC 7126 §4.3, the default of a gateway), answered with code 5 where
   * they lead through this node (RFC 1122 §3.3.5, the default of a host), or followed, also by a host. Answers and errors
   * go back along the reversed route, except where it says `drop`.
   */
  sourceRoutes: 'drop' | 'reject' | 'forward' | undefined
  /** An IP option that datagrams for this node must carry: parameter problem code 1 otherwise (RFC 1108 §2.8.1). */
  requiredOption: number | undefined
  /** How long fragments wait for the others, milliseconds (RFC 1122 §3.3.2: 60 to 120 s). */
  reassemblyTimeout: number
  /** Datagrams that may wait for fragments at once. */
  reassemblyDatagrams: number
  /** Octets that all of them may hold. */
  reassemblyOctets: number
  /** What a gateway forwards, and a host that follows source routes. */
  gateway: Partial<Gateway4Settings>
  arp: Partial<ArpSettings>
  arpProbe: Partial<ArpProbeSettings>
}

export const IP4_DEFAULTS: Ip4Settings = {
  ...CONTROL4_DEFAULTS,
  ttl: 64,
  routes: [],
  routerId: undefined,
  errorLimit: { rate: 100, burst: 50 },
  errorLimitPerSource: { rate: 50, burst: 25 },
  extensionQuote: 'compatible',
  errorPrecedence: 6,
  errorSource: 'outgoing',
  noTimeExceeded: [],
  echo: true,
  echoBroadcast: false,
  fragment: true,
  sourceRoutes: undefined,
  requiredOption: undefined,
  reassemblyTimeout: 60_000,
  reassemblyDatagrams: 256,
  reassemblyOctets: 4 << 20,
  gateway: {},
  arp: ARP_DEFAULTS,
  arpProbe: ARP_PROBE_DEFAULTS,
}
