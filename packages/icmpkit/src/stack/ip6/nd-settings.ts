/** The switches of neighbour discovery, MLD and node information; each names its RFC and its default. */
import type { Ip6 } from '../../wire/addr.ts'
import type { Port } from '../port.ts'
import type { BucketSettings } from '../token-bucket.ts'

export interface NdSettings {
  /** Solicitations before an address is used; 0: none, used at once (RFC 4862 §5.1). Default 1. */
  dadTransmits: number
  /** Base of the time that a confirmation lasts, until a router tells another (RFC 4861 §6.3.2). Default 30 s. */
  reachableTimeMs: number
  /** Between two solicitations, until a router tells another (RFC 4861 §6.3.2). Default 1 s. */
  retransTimerMs: number
  /** Neighbours kept of each port. Default 8192. */
  neighbourLimit: number
  /** Of them, at most so many may be asked for at once (RFC 6583 §6.2). Default 512. */
  unresolvedLimit: number
  /** Packets that wait for one neighbour's address (RFC 4861 §7.2.2): those of a large one in fragments fit. Default 64. */
  unresolvedQueue: number
  /** Neighbours that are never asked for. */
  staticNeighbours: readonly { port: PortKey; address: Ip6; mac: Uint8Array; router?: boolean }[]
  /** Addresses of others that this node answers solicitations for (RFC 4861 §7.2.8). */
  proxied: readonly { port: PortKey; address: Ip6 }[]
  /** Hosts take routers, prefixes and parameters from advertisements (RFC 4861 §6.3.4). Gateways never do. Default true. */
  acceptAdvertisements: boolean
  /** Addresses are made of advertised prefixes (RFC 4862 §5.5). Default true; needs accepted advertisements. */
  autoconfigure: boolean
  /** Hosts follow redirects (RFC 4861 §8.3; switched off by RFC 4890 §4.4.4). Default true. */
  acceptRedirects: boolean
  /** False: a gateway that has stopped being a router: it forwards nothing, and says so (RFC 4861 §6.2.5). Default true. */
  routing: boolean
  /** Gateways tell of better first hops (RFC 4861 §8.2). Default true. */
  sendRedirects: boolean
  /** Of each port (RFC 4861 §8.2). Default 10 a second, 20 at once. */
  redirectLimit: BucketSettings
  /** What a gateway advertises, by port; nothing on ports without an entry (RFC 4861 §6.2.1). */
  advertise: readonly AdvertiseSettings[]
  /** Answers node information queries (RFC 4620). Default: none. */
  nodeInformation: NodeInformationSettings | undefined
}

/** A port's index, or its name. */
export type PortKey = number | string

/** One port's advertisements. What is left out has the default of RFC 4861 §6.2.1. */
export interface AdvertiseSettings {
  port: PortKey
  /** 4 … 65535 (RFC 8319 §4). Default 600. */
  maxIntervalSeconds?: number
  /** 3 … 0.75 of the maximum. Default a third of the maximum, or the maximum below 9 s. */
  minIntervalSeconds?: number
  managed?: boolean
  otherConfig?: boolean
  /** 0: the link's MTU is not told. */
  linkMtu?: number
  /** At most 3,600,000; 0: unspecified. */
  reachableTimeMs?: number
  retransTimerMs?: number
  /** Default 64. */
  curHopLimit?: number
  /** 0 (no default router), or the maximum interval … 65535. Default three times the maximum interval. */
  lifetimeSeconds?: number
  /** 1 high, 0 medium, -1 low (RFC 4191 §2.2). */
  preference?: number
  /** Default: the prefixes of the port's addresses, but for the link-local one, on-link and autonomous. */
  prefixes?: readonly AdvertisedPrefix[]
  /** RFC 4191 §2.3. */
  routes?: readonly { prefix: Ip6; prefixLength: number; preference?: number; lifetimeSeconds: number }[]
  /** RFC 8106 §5.1; the lifetime's default is three times the maximum interval. */
  dnsServers?: readonly Ip6[]
  dnsSearch?: readonly string[]
  dnsLifetimeSeconds?: number
  captivePortal?: string
  pref64?: { prefix: Ip6; prefixLength: number; lifetimeSeconds: number }
}

export interface AdvertisedPrefix {
  prefix: Ip6
  prefixLength: number
  /** Default true. */
  onLink?: boolean
  /** Default true. */
  autonomous?: boolean
  /** Default 30 days; 0xffffffff for good. */
  validLifetimeSeconds?: number
  /** Default 7 days; not above the valid lifetime. */
  preferredLifetimeSeconds?: number
}

export interface NodeInformationSettings {
  /** The node's name; without a dot it is told as unqualified. */
  name: string
  /** Queries from sources of global scope are answered too (RFC 4620 §6: off unless configured). */
  global?: boolean
}

export const ND_DEFAULTS: NdSettings = {
  dadTransmits: 1,
  reachableTimeMs: 30_000,
  retransTimerMs: 1000,
  neighbourLimit: 8192,
  unresolvedLimit: 512,
  unresolvedQueue: 64,
  staticNeighbours: [],
  proxied: [],
  acceptAdvertisements: true,
  autoconfigure: true,
  acceptRedirects: true,
  routing: true,
  sendRedirects: true,
  redirectLimit: { rate: 10, burst: 20 },
  advertise: [],
  nodeInformation: undefined,
}

export function isPort(key: PortKey, port: Port): boolean {
  return key === port.index || key === port.name
}
