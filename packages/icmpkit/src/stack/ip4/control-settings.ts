/** The switches of ICMPv4 control: redirects, router discovery, path MTU, timestamp, address mask. Part of `Ip4Settings`. */
import type { Ip4 } from '../../wire/addr.ts'
import { ALL_ROUTERS, ALL_SYSTEMS } from './groups.ts'

export interface Control4Settings {
  /** Redirects that pass the checks are followed. Default: a host does (RFC 1122 §3.2.2.2), a gateway does not (RFC 1812 §5.2.7.2). */
  acceptRedirects: boolean | undefined
  /** Timestamp requests are answered (RFC 1122 §3.2.2.8: optional). */
  timestamp: boolean
  /** `unsynchronised`: the wall clock is nobody's UT, and its values say so by their top bit (RFC 792). */
  timestampClock: 'ut' | 'unsynchronised'
  addressMask: Partial<AddressMaskSettings>
  routerDiscovery: Partial<RouterDiscoverySettings>
  routerAdvertisements: Partial<RouterAdvertisementSettings>
  pathMtu: Partial<PathMtuSettings>
}

/** RFC 950, RFC 1122 §3.2.2.9, RFC 1812 §4.3.3.9. All of it is deprecated (RFC 6918) and off. */
export interface AddressMaskSettings {
  /** This node is an authoritative agent: it answers requests. Default: no. */
  agent: boolean
  /** Its addresses whose subnets are not answered about. Default: none. */
  agentExcept: readonly Ip4[]
  /** An agent says the masks unasked when it starts. Default: no. */
  agentAnnounces: boolean
  /**
   * An address of a host that was given with prefix length 0 has the mask of its class until somebody tells the right
   * one. Default: no.
   */
  client: boolean
}

/** RFC 1256 §5.1. */
export interface RouterDiscoverySettings {
  /**
   * PerformRouterDiscovery. Deviates: §5.1 has it on. An advertisement proves nothing and moves all traffic (§7), and
   * hosts of today have their routes given to them.
   */
  perform: boolean
  /** Indexes of the ports that it concerns. Default: all. */
  ports: 'all' | readonly number[]
  /** SolicitationAddress: 224.0.0.2 or 255.255.255.255. */
  solicitationAddress: Ip4
}

/** RFC 1256 §4.1, with its names. On a gateway, and on each of its Ethernet ports. */
export interface AdvertisingPort {
  /** 224.0.0.1 or 255.255.255.255. */
  advertisementAddress: Ip4
  /** 4 … 1800. */
  maxAdvertisementIntervalSeconds: number
  /** 3 … the maximum. Default: three quarters of it. */
  minAdvertisementIntervalSeconds: number
  /** The maximum … 9000. Default: three times it. */
  advertisementLifetimeSeconds: number
}

/** Of one address; where given without one, of all. */
export interface AdvertisedAddress {
  advertise: boolean
  /** Higher is better; -2^31: never a default router. */
  preferenceLevel: number
}

export interface RouterAdvertisementSettings extends AdvertisedAddress {
  advertisementAddress: Ip4
  maxAdvertisementIntervalSeconds: number
  minAdvertisementIntervalSeconds: number | undefined
  advertisementLifetimeSeconds: number | undefined
  /** What differs on the port with that index. */
  ports: readonly ({ port: number } & Partial<AdvertisingPort>)[]
  /** What differs for that address. */
  addresses: readonly ({ address: Ip4 } & Partial<AdvertisedAddress>)[]
}

/** RFC 1191. */
export interface PathMtuSettings {
  /** Paths with a value of their own. */
  entries: number
  /** After so long without a decrease a path has its first link's MTU again, milliseconds (§6.3); Infinity: never. */
  ageMs: number
  /**
   * No path gets smaller; where somebody says it is, its datagrams may be fragmented instead (§3, RFC 5927 §7.3). At least
   * 68. Default: 552, as Linux.
   */
  floor: number
}

export const ADDRESS_MASK_DEFAULTS: AddressMaskSettings = {
  agent: false,
  agentExcept: [],
  agentAnnounces: false,
  client: false,
}

export const ROUTER_DISCOVERY_DEFAULTS: RouterDiscoverySettings = {
  perform: false,
  ports: 'all',
  solicitationAddress: ALL_ROUTERS,
}

export const ROUTER_ADVERTISEMENT_DEFAULTS: RouterAdvertisementSettings = {
  advertisementAddress: ALL_SYSTEMS,
  maxAdvertisementIntervalSeconds: 600,
  minAdvertisementIntervalSeconds: undefined,
  advertisementLifetimeSeconds: undefined,
  advertise: true,
  preferenceLevel: 0,
  ports: [],
  addresses: [],
}

export const PATH_MTU_DEFAULTS: PathMtuSettings = { entries: 4096, ageMs: 600_000, floor: 552 }

export const CONTROL4_DEFAULTS: Control4Settings = {
  acceptRedirects: undefined,
  timestamp: true,
  timestampClock: 'ut',
  addressMask: ADDRESS_MASK_DEFAULTS,
  routerDiscovery: ROUTER_DISCOVERY_DEFAULTS,
  routerAdvertisements: ROUTER_ADVERTISEMENT_DEFAULTS,
  pathMtu: PATH_MTU_DEFAULTS,
}
