/** The switches of the IPv4 layer; each names its RFC and its default. */

import type { Ip4 } from '../../wire/addr.ts'
import type { Route } from '../route-table.ts'
import type { BucketSettings } from '../token-bucket.ts'

export interface Ip4Settings {
  /** TTL of what this node begins (RFC 1122 §3.2.1.7). */
  ttl: number
  /** Static routes; connected ones come from the ports' addresses. */
  routes: readonly Pick<Route<Ip4>, 'prefix' | 'prefixLength' | 'kind' | 'nextHop' | 'port'>[]
  /** Limit on ICMP errors, of each port (RFC 1812 §4.3.2.8). */
  errorLimit: BucketSettings
}

export const IP4_DEFAULTS: Ip4Settings = {
  ttl: 64,
  routes: [],
  errorLimit: { rate: 100, burst: 50 },
}
