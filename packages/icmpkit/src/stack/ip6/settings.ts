/** The switches of the IPv6 layer; each names its RFC and its default. */
import type { Ip6 } from '../../wire/addr.ts'
import { over } from '../defaults.ts'
import type { FilterRule } from '../filter.ts'
import type { Route } from '../route-table.ts'
import type { BucketSettings } from '../token-bucket.ts'
import { type HeaderLimits, NO_LIMITS } from './header-limits.ts'
import { ND_DEFAULTS, type NdSettings } from './nd-settings.ts'
import { DEFAULT_POLICY, type SourceSettings } from './source-select.ts'

export interface Ip6Settings extends NdSettings {
  /** False: no IPv6 at all, not even on the link. */
  enabled: boolean
  /** Hop limit of what this node begins, until a router advertises another (RFC 4861 §6.3.2). */
  hopLimit: number
  routes: readonly Pick<Route<Ip6>, 'prefix' | 'prefixLength' | 'kind' | 'nextHop' | 'port'>[]
  /** Limit on ICMP errors, of each port (RFC 4443 §2.4(f), which names these numbers for a small device). */
  errorLimit: BucketSettings
  /** Ports, by index, where what came in gets no destination unreachable; or `all` (RFC 4443 §3.1). */
  noUnreachables: 'all' | readonly number[]
  /** `route`: the source that goes with the route (RFC 4443 §2.2(b)); `ingress`: of the port that the packet came in by. */
  errorSource: 'route' | 'ingress'
  /** Addresses of others that are known to be anycast: no error goes there (RFC 4443 §2.4(e.6)). */
  anycast: readonly Ip6[]
  /** With extension objects: 128 octets of quote for old traceroutes, or as much as fits (RFC 4884 §5.3). */
  extensionQuote: 'compatible' | 'long'
  /** RFC 6724. */
  source: SourceSettings
  /** Are echo requests to a group answered (RFC 4443 §4.2)? */
  echoMulticast: boolean
  /** What a packet for this node may ask for (RFC 8504 §5.3, RFC 8883). */
  limits: HeaderLimits
  reassembly: ReassemblySettings
  pathMtu: PathMtuSettings
  /** Segment endpoint (RFC 8754 §4.3): a domain's trust, so it is off; then routing type 4 is one of the unknown ones. */
  segmentRouting: boolean
  /** What a gateway asks of packets in transit; nothing by default. */
  transit: TransitSettings
}

/** What a configuration names; the rest is `IP6_DEFAULTS`. */
export interface Ip6Options extends Partial<Omit<Ip6Settings, Nested>> {
  limits?: Partial<HeaderLimits>
  reassembly?: Partial<ReassemblySettings>
  pathMtu?: Partial<PathMtuSettings>
  transit?: Partial<Omit<TransitSettings, 'limits'>> & { limits?: Partial<HeaderLimits> }
}

type Nested = 'limits' | 'reassembly' | 'pathMtu' | 'transit'

export function withDefaults(o: Ip6Options): Ip6Settings {
  const { limits, reassembly, pathMtu, transit, ...rest } = o
  const all = over<Ip6Settings>(IP6_DEFAULTS, rest)
  if (limits !== undefined) all.limits = over(IP6_DEFAULTS.limits, limits)
  if (reassembly !== undefined) all.reassembly = over(IP6_DEFAULTS.reassembly, reassembly)
  if (pathMtu !== undefined) all.pathMtu = over(IP6_DEFAULTS.pathMtu, pathMtu)
  if (transit !== undefined) {
    all.transit = over(IP6_DEFAULTS.transit, { ...transit, limits: over(NO_LIMITS, transit.limits ?? {}) })
  }
  return all
}

export interface ReassemblySettings {
  /** Datagrams that may be incomplete at once, and octets held for all of them. */
  datagrams: number
  octets: number
}

export interface PathMtuSettings {
  /** False: a minimal node, which sends no packet above 1280 octets (RFC 8200 §5). */
  discover: boolean
  /** How long a learned value is kept, ms: never under five minutes (RFC 8201 §4). */
  age: number
  /** Destinations with a value of their own. */
  entries: number
}

export interface TransitSettings {
  /** `process`: unknown hop-by-hop options act by their bits; `skip`: they are none of a router's business (RFC 9673 §5.2). */
  hopByHop: 'skip' | 'process'
  /** First fragments without their whole header chain (RFC 7112 §5). */
  firstFragments: 'forward' | 'refuse'
  /** Packets whose upper layer this gateway must be able to name (RFC 8883 §2.2). */
  unknownNextHeader: 'forward' | 'refuse'
  limits: HeaderLimits
  /** Does the source's route lead back to the port it came in by (RFC 3704 §2.2, §2.3)? */
  reversePath: 'off' | 'strict' | 'loose'
  /** The code that says so: 5 names the source policy, 1 keeps it to itself (RFC 4443 §3.1). */
  reversePathCode: 1 | 5
  /** The first rule that matches decides; what none matches passes (RFC 4443 §3.1). */
  filters: readonly FilterRule[]
  /** `rfc4890`: behind the filters, what that recommends of ICMPv6 between two sites (`icmp6Rules` with its defaults). */
  firewall: 'off' | 'rfc4890'
}

export const IP6_DEFAULTS: Ip6Settings = {
  ...ND_DEFAULTS,
  enabled: true,
  hopLimit: 64,
  routes: [],
  errorLimit: { rate: 10, burst: 10 },
  noUnreachables: [],
  errorSource: 'route',
  anycast: [],
  extensionQuote: 'long',
  source: { policy: DEFAULT_POLICY, preferTemporary: true },
  echoMulticast: true,
  limits: { ...NO_LIMITS, options: 8 },
  reassembly: { datagrams: 1024, octets: 4 << 20 },
  pathMtu: { discover: true, age: 600_000, entries: 4096 },
  segmentRouting: false,
  transit: {
    hopByHop: 'skip',
    firstFragments: 'forward',
    unknownNextHeader: 'forward',
    limits: NO_LIMITS,
    reversePath: 'off',
    reversePathCode: 5,
    filters: [],
    firewall: 'off',
  },
}
