/**
 * The stack's switches as people write them, in flags, YAML and options: addresses and prefixes as text, ports by name.
 * Each switch has its reader here, so that a misspelt word or a number beyond all sense is a sentence and not silence.
 */

import type { Ip4 } from '../wire/addr.ts'
import type { ErrorExtensionSettings, InterfaceItem } from './error-extension.ts'
import { EXTENDED_ECHO_DEFAULTS, type ExtendedEchoSettings } from './extended-echo-responder.ts'
import type { FilterRule } from './filter.ts'
import type { ArpProbeSettings, ArpSettings } from './ip4/arp-settings.ts'
import type {
  AddressMaskSettings,
  AdvertisedAddress,
  AdvertisingPort,
  PathMtuSettings as PathMtu4Settings,
  RouterAdvertisementSettings,
  RouterDiscoverySettings,
} from './ip4/control-settings.ts'
import type { Gateway4Settings } from './ip4/gateway-settings.ts'
import { IP4_DEFAULTS, type Ip4Settings } from './ip4/settings.ts'
import type { HeaderLimits } from './ip6/header-limits.ts'
import type { AdvertisedPrefix, AdvertiseSettings, NodeInformationSettings } from './ip6/nd-settings.ts'
import {
  IP6_DEFAULTS,
  type Ip6Options,
  type Ip6Settings,
  type PathMtuSettings as PathMtu6Settings,
  type ReassemblySettings,
} from './ip6/settings.ts'
import type { PolicyRow, SourceSettings } from './ip6/source-select.ts'
import type { BucketSettings } from './token-bucket.ts'
import {
  aboutPrefix6,
  address4,
  address6,
  byPort,
  callback,
  entry,
  filled,
  group,
  list,
  mac,
  number,
  orWord,
  port,
  prefix,
  type Reader,
  type Readers,
  range,
  text,
  truth,
  whole,
  word,
} from './written-value.ts'

/** The same switches, every one optional, with text where an address, a prefix or a port stands. */
export type Written<T> = T extends number | bigint
  ? T | string
  : T extends Uint8Array
    ? T | string
    : T extends readonly (infer U)[]
      ? readonly Written<U>[]
      : T extends { prefix: unknown; prefixLength: number }
        ? string | { readonly [K in keyof T]?: Written<T[K]> }
        : T extends object
          ? number extends keyof T
            ? Readonly<Record<string, T[keyof T]>>
            : { readonly [K in keyof T]?: Written<T[K]> }
          : T

/** Routes are no switches: they are written apart. */
export type Switches4 = Omit<Ip4Settings, 'routes'>
export type Switches6 = Omit<Ip6Options, 'routes'>

const bucket = (defaults: BucketSettings): Reader<BucketSettings> =>
  filled(defaults, { rate: number(), burst: number() })

const filters: Reader<readonly FilterRule[]> = list(
  entry<FilterRule>(['action'], {
    action: word('accept', 'reject', 'drop'),
    source: prefix,
    destination: prefix,
    protocol: whole(0, 255),
    sourcePorts: range(0xffff),
    destinationPorts: range(0xffff),
    types: range(255),
    codes: range(255),
    inPort: port,
    outPort: port,
    precedences: range(7),
  }),
)

const arp = group<ArpSettings>({
  timeoutMs: number(1),
  entries: whole(1),
  incomplete: whole(1),
  queue: whole(),
  queueOctets: whole(),
})

const arpProbe = group<ArpProbeSettings>({
  count: whole(),
  waitMs: number(),
  minMs: number(),
  maxMs: number(),
  announceWaitMs: number(),
  announcements: whole(),
  announceIntervalMs: number(),
  defendIntervalMs: number(),
  onConflict: word('give-up', 'keep'),
})

const addressMask = group<AddressMaskSettings>({
  agent: truth,
  agentExcept: list(address4),
  agentAnnounces: truth,
  client: truth,
})

const routerDiscovery = group<RouterDiscoverySettings>({
  perform: truth,
  ports: orWord('all', list(port)),
  solicitationAddress: address4,
})

const preferenceLevel = whole(-(2 ** 31), 2 ** 31 - 1)
const advertisingPort: Readers<AdvertisingPort> = {
  advertisementAddress: address4,
  maxAdvertisementIntervalSeconds: number(4, 1800),
  minAdvertisementIntervalSeconds: number(3, 1800),
  advertisementLifetimeSeconds: number(4, 9000),
}
const advertisedAddress: Readers<AdvertisedAddress> = { advertise: truth, preferenceLevel }

const routerAdvertisements = group<RouterAdvertisementSettings>({
  ...advertisingPort,
  ...advertisedAddress,
  ports: list(entry<{ port: number } & AdvertisingPort>(['port'], { port, ...advertisingPort })),
  addresses: list(
    entry<{ address: Ip4 } & AdvertisedAddress>(['address'], { address: address4, ...advertisedAddress }),
  ),
})

const gateway4 = group<Gateway4Settings>({
  forwarding: truth,
  noForwarding: list(port),
  directedBroadcasts: truth,
  sourceValidation: word('off', 'strict', 'loose'),
  redirects: truth,
  filters,
  precedenceCutoff: whole(0, 7),
  precedenceAnswer: word('reject', 'drop'),
})

export const ip4Switches: Reader<Partial<Switches4>> = group<Switches4>({
  ttl: whole(1, 255),
  routerId: address4,
  errorLimit: bucket(IP4_DEFAULTS.errorLimit),
  errorLimitPerSource: bucket(IP4_DEFAULTS.errorLimitPerSource),
  extensionQuote: word('compatible', 'long'),
  errorPrecedence: whole(0, 7),
  errorSource: word('outgoing', 'incoming'),
  noTimeExceeded: list(port),
  echo: truth,
  echoBroadcast: truth,
  fragment: truth,
  sourceRoutes: word('drop', 'reject', 'forward'),
  requiredOption: whole(0, 255),
  reassemblyTimeout: number(1),
  reassemblyDatagrams: whole(),
  reassemblyOctets: whole(),
  gateway: gateway4,
  arp,
  arpProbe,
  acceptRedirects: truth,
  timestamp: truth,
  timestampClock: word('ut', 'unsynchronised'),
  addressMask,
  routerDiscovery,
  routerAdvertisements,
  pathMtu: group<PathMtu4Settings>({ entries: whole(1), ageMs: number(), floor: whole(68, 65_535) }),
})

/** Advertised lifetimes and intervals have bounds of their own, which depend on each other (`advertised-values.ts`). */
const seconds = number(0, 0xffff_ffff)
const preference = whole(-1, 1)

const advertise = entry<AdvertiseSettings>(['port'], {
  port,
  maxIntervalSeconds: seconds,
  minIntervalSeconds: seconds,
  managed: truth,
  otherConfig: truth,
  linkMtu: whole(0, 0xffff_ffff),
  reachableTimeMs: number(),
  retransTimerMs: number(),
  curHopLimit: whole(0, 255),
  lifetimeSeconds: seconds,
  preference,
  prefixes: list(
    aboutPrefix6<AdvertisedPrefix>(['prefix'], {
      onLink: truth,
      autonomous: truth,
      validLifetimeSeconds: seconds,
      preferredLifetimeSeconds: seconds,
    }),
  ),
  routes: list(
    aboutPrefix6<NonNullable<AdvertiseSettings['routes']>[number]>(['prefix', 'lifetimeSeconds'], {
      preference,
      lifetimeSeconds: seconds,
    }),
  ),
  dnsServers: list(address6),
  dnsSearch: list(text),
  dnsLifetimeSeconds: seconds,
  captivePortal: text,
  pref64: aboutPrefix6<NonNullable<AdvertiseSettings['pref64']>>(['prefix', 'lifetimeSeconds'], {
    lifetimeSeconds: seconds,
  }),
})

const limits = group<HeaderLimits>({
  headerOctets: number(),
  chainOctets: number(),
  headers: number(),
  options: number(),
  optionOctets: number(),
  paddingOctets: number(),
  aggregateOctets: number(),
})

const transit = group<NonNullable<Ip6Options['transit']>>({
  hopByHop: word('skip', 'process'),
  firstFragments: word('forward', 'refuse'),
  unknownNextHeader: word('forward', 'refuse'),
  limits,
  reversePath: word('off', 'strict', 'loose'),
  reversePathCode: word(1, 5),
  filters,
  firewall: word('off', 'rfc4890'),
})

export const ip6Switches: Reader<Partial<Switches6>> = group<Switches6>({
  enabled: truth,
  hopLimit: whole(1, 255),
  errorLimit: bucket(IP6_DEFAULTS.errorLimit),
  noUnreachables: orWord('all', list(port)),
  errorSource: word('route', 'ingress'),
  anycast: list(address6),
  extensionQuote: word('compatible', 'long'),
  source: filled<SourceSettings>(IP6_DEFAULTS.source, {
    policy: list(aboutPrefix6<PolicyRow>(['prefix', 'label'], { label: whole() })),
    preferTemporary: truth,
  }),
  echoMulticast: truth,
  limits,
  reassembly: group<ReassemblySettings>({ datagrams: whole(), octets: whole() }),
  pathMtu: group<PathMtu6Settings>({ discover: truth, age: number(), entries: whole(1) }),
  segmentRouting: truth,
  transit,
  dadTransmits: whole(),
  reachableTimeMs: number(1),
  retransTimerMs: number(1),
  neighbourLimit: whole(1),
  unresolvedLimit: whole(1),
  unresolvedQueue: whole(),
  staticNeighbours: list(
    entry<Ip6Settings['staticNeighbours'][number]>(['port', 'address', 'mac'], {
      port,
      address: address6,
      mac,
      router: truth,
    }),
  ),
  proxied: list(entry<Ip6Settings['proxied'][number]>(['port', 'address'], { port, address: address6 })),
  acceptAdvertisements: truth,
  autoconfigure: truth,
  acceptRedirects: truth,
  routing: truth,
  sendRedirects: truth,
  redirectLimit: bucket(IP6_DEFAULTS.redirectLimit),
  advertise: list(advertise),
  nodeInformation: entry<NodeInformationSettings>(['name'], { name: text, global: truth }),
})

const items = list(word<InterfaceItem>('index', 'address', 'name', 'mtu'))

export const errorExtensionSwitches: Reader<Partial<ErrorExtensionSettings>> = group<ErrorExtensionSettings>({
  mpls: truth,
  unnumbered: items,
  incoming: items,
  outgoing: items,
  nextHop: truth,
  identification: word('name', 'index', 'address'),
  recipients: list(prefix),
  permits: callback(),
})

const askers = orWord('any', list(prefix))

export const extendedEchoSwitches: Reader<Partial<ExtendedEchoSettings>> = group<ExtendedEchoSettings>({
  enabled: truth,
  local: askers,
  neighbours: askers,
  byName: askers,
  byIndex: askers,
  byAddress: askers,
  ports: orWord('all', list(port)),
  vpns: byPort(text),
  copy: truth,
  limit: bucket(EXTENDED_ECHO_DEFAULTS.limit),
})
