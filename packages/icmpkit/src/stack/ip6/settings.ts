/** The switches of the IPv6 layer; each names its RFC and its default. */
import type { Ip6 } from '../../wire/addr.ts'
import type { Route } from '../route-table.ts'
import type { BucketSettings } from '../token-bucket.ts'

export interface Ip6Settings {
  /** Hop limit of what this node begins, until a router advertises another (RFC 4861 §6.3.2). */
  hopLimit: number
  routes: readonly Pick<Route<Ip6>, 'prefix' | 'prefixLength' | 'kind' | 'nextHop' | 'port'>[]
  /** Limit on ICMP errors, of each port (RFC 4443 §2.4(f)). */
  errorLimit: BucketSettings
}

export const IP6_DEFAULTS: Ip6Settings = {
  hopLimit: 64,
  routes: [],
  errorLimit: { rate: 100, burst: 50 },
}
