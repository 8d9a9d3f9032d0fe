/** Messages from JSON: one table a family, of every kind and its fields; the compiler holds it against the unions. */
import { type Family, parseIp } from './addr.ts'
import type * as extendedEcho from './extended-echo.ts'
import type * as extension from './extension.ts'
import type * as icmp4 from './icmp4.ts'
import type * as icmp6 from './icmp6.ts'
import { Afi, type InterfaceByAddress } from './interface-identification.ts'
import * as json from './json-reader.ts'
import type { Why } from './malformed.ts'
import type * as mld from './mld.ts'
import type * as mpls from './mpls.ts'
import type * as nd from './nd.ts'
import type * as ndOption from './nd-option.ts'
import type * as nodeInfo from './node-info.ts'
import type * as seamoby from './seamoby.ts'

const { flag, i32, integer, ip, ip4, ip6, list, octets, oneOf, optional, text, u8, u16, u32, u64 } = json

/**
 * The message that `value` describes: an object as `toJson` makes them, `kind` and fields. Numbers, flags, octets and
 * lists may be left out: they are zero, false and empty. @throws TypeError naming the field and what was expected.
 */
export function fromJson(family: 4, value: unknown): icmp4.Message
export function fromJson(family: 6, value: unknown): icmp6.Message
export function fromJson(family: Family, value: unknown): icmp4.Message | icmp6.Message
export function fromJson(family: Family, value: unknown): icmp4.Message | icmp6.Message {
  return family === 4 ? message4(value, '') : message6(value, '')
}

const why: json.Reader<Why> = oneOf('truncated', 'bad-length', 'bad-version', 'too-long', 'unknown-format')

const u3: json.Reader<number> = integer(0, 7)

/** The family number may be left out: an IP address says it, other octets are taken for a MAC. */
const interfaceAddress: json.Fields<InterfaceByAddress> = {
  afi: u16,
  address: (value, path) => {
    if (typeof value === 'string' && parseIp(value) === undefined) return octets(value, path)
    return ip(value, path)
  },
}

const extensionObject: json.Reader<extension.ExtensionObject> = (value, path) => {
  const o = json.union<extension.ExtensionObject>({
    mpls: { entries: list(json.record<mpls.Label>({ label: integer(0, 0xfffff), tc: u3, bottom: flag, ttl: u8 })) },
    interfaceInformation: {
      role: integer(0, 3),
      index: optional(u32),
      address: optional(ip),
      name: optional(text),
      nameLength: optional(u8),
      mtu: optional(u32),
      trailing: octets,
    },
    interfaceByName: { name: text, nameLength: optional(u16) },
    interfaceByIndex: { index: u32 },
    interfaceByAddress: interfaceAddress,
    extendedInformation: { pointer: u32 },
    unknown: { classNum: u8, cType: u8, payload: octets },
    damaged: { classNum: u8, cType: u8, payload: octets, why, at: u16 },
  })(value, path)
  if (o.kind === 'interfaceByAddress' && json.object(value, path).afi === undefined) {
    o.afi = typeof o.address === 'number' ? Afi.ip4 : typeof o.address === 'bigint' ? Afi.ip6 : Afi.mac48
  }
  return o
}

const extensions: json.Reader<extension.Extensions | undefined> = optional(
  json.record<extension.Extensions>({
    objects: list(extensionObject),
    checksum: oneOf('ok', 'bad', 'none'),
    flaw: optional(json.record<extension.Flaw>({ why, at: u16, octets, length: optional(u8) })),
  }),
)

const echo: json.Fields<icmp6.Echo> = { code: u8, id: u16, seq: u16, data: octets }
const quoted: json.Fields<icmp6.Unreachable> = { code: u8, quote: octets, extensions }
const extendedEchoRequest: json.Fields<extendedEcho.ExtendedEchoRequest> = {
  code: u8,
  id: u16,
  seq: u8,
  local: flag,
  extensions,
  data: octets,
}
const extendedEchoReply: json.Fields<extendedEcho.ExtendedEchoReply> = {
  code: u8,
  id: u16,
  seq: u8,
  state: u3,
  active: flag,
  ipv4: flag,
  ipv6: flag,
  data: octets,
}

const timestamp: json.Fields<icmp4.Timestamp> = {
  code: u8,
  id: u16,
  seq: u16,
  originate: u32,
  receive: u32,
  transmit: u32,
  trailing: octets,
}
const information: json.Fields<icmp4.Information> = { code: u8, id: u16, seq: u16, trailing: octets }
const addressMask: json.Fields<icmp4.AddressMask> = { code: u8, id: u16, seq: u16, mask: ip4, trailing: octets }
const experiment: json.Fields<icmp4.Experiment> = { code: u8, rest: octets }

const mobility: json.Fields<seamoby.Message> = { code: u8, subtype: u8, data: octets }

const message4: json.Reader<icmp4.Message> = json.union<icmp4.Message>({
  echoRequest: echo,
  echoReply: echo,
  unreachable: { code: u8, nextHopMtu: u16, quote: octets, extensions },
  timeExceeded: quoted,
  parameterProblem: { code: u8, pointer: u8, quote: octets, extensions },
  sourceQuench: { code: u8, quote: octets },
  redirect: { code: u8, gateway: ip4, quote: octets },
  routerAdvertisement: {
    code: u8,
    lifetimeSeconds: u16,
    entrySize: integer(0, 0xff, 2),
    entries: list(json.record<icmp4.RouterEntry>({ address: ip4, preference: i32, more: octets })),
    trailing: octets,
  },
  routerSolicitation: { code: u8, trailing: octets },
  timestampRequest: timestamp,
  timestampReply: timestamp,
  informationRequest: information,
  informationReply: information,
  addressMaskRequest: addressMask,
  addressMaskReply: addressMask,
  traceroute: {
    code: u8,
    id: u16,
    outboundHopCount: u16,
    returnHopCount: u16,
    outputLinkSpeed: u32,
    outputLinkMtu: u32,
    trailing: octets,
  },
  photuris: { code: u8, pointer: u16, quote: octets },
  seamoby: mobility,
  extendedEchoRequest,
  extendedEchoReply,
  experiment1: experiment,
  experiment2: experiment,
  other: { type: u8, code: u8, rest: octets },
})

const preference: json.Reader<number> = integer(-2, 1)
const prefixLength: json.Reader<number> = integer(0, 128)
const linkLayer: json.Fields<ndOption.LinkLayer> = { linkLayerAddress: octets }
const addressList: json.Fields<ndOption.AddressList> = { addresses: list(ip6) }
const raw: json.Fields<ndOption.Raw> = { type: u8, data: octets }

const options: json.Reader<ndOption.Option[]> = list(
  json.union<ndOption.Option>({
    sourceLinkLayer: linkLayer,
    targetLinkLayer: linkLayer,
    prefixInformation: {
      prefixLength,
      onLink: flag,
      autonomous: flag,
      routerAddress: flag,
      delegationPreferred: flag,
      validLifetimeSeconds: u32,
      preferredLifetimeSeconds: u32,
      prefix: ip6,
    },
    redirectedHeader: { quote: octets },
    mtu: { mtu: u32 },
    sourceAddressList: addressList,
    targetAddressList: addressList,
    nonce: { nonce: octets },
    routeInformation: { prefixLength, preference, lifetimeSeconds: u32, prefix: ip6, length: integer(0, 3) },
    recursiveDns: { lifetimeSeconds: u32, addresses: list(ip6) },
    dnsSearchList: { lifetimeSeconds: u32, names: list(text), length: u8 },
    captivePortal: { uri: text, length: u8 },
    pref64: { lifetimeSeconds: integer(0, 65528), prefixLength: integer(32, 96, 96), prefix: ip6 },
    unknown: raw,
    invalid: raw,
  }),
)

const solicitation: json.Fields<nd.RouterSolicitation> = { code: u8, options }
const mldv1: json.Fields<mld.Mldv1> = { code: u8, maxResponseDelayMs: u16, group: ip6, trailing: octets }
const signal: json.Fields<mld.RouterSignal> = { code: u8, trailing: octets }
const information6: json.Fields<nodeInfo.Message> = { code: u8, qtype: u16, flags: u16, nonce: u64, data: octets }

const message6: json.Reader<icmp6.Message> = json.union<icmp6.Message>({
  echoRequest: echo,
  echoReply: echo,
  unreachable: quoted,
  packetTooBig: { code: u8, mtu: u32, quote: octets },
  timeExceeded: quoted,
  parameterProblem: { code: u8, pointer: u32, quote: octets },
  routerSolicitation: solicitation,
  routerAdvertisement: {
    code: u8,
    curHopLimit: u8,
    managed: flag,
    otherConfig: flag,
    homeAgent: flag,
    preference,
    proxy: flag,
    lifetimeSeconds: u16,
    reachableTimeMs: u32,
    retransTimerMs: u32,
    options,
  },
  neighborSolicitation: { code: u8, target: ip6, options },
  neighborAdvertisement: { code: u8, router: flag, solicited: flag, override: flag, target: ip6, options },
  redirect: { code: u8, target: ip6, destination: ip6, options },
  inverseSolicitation: solicitation,
  inverseAdvertisement: solicitation,
  mldQuery: mldv1,
  mldReport: mldv1,
  mldDone: mldv1,
  mldv2Query: {
    code: u8,
    maxResponseDelayMs: integer(0, 8387584),
    group: ip6,
    flags: integer(0, 15),
    suppress: flag,
    robustness: u3,
    queryIntervalSeconds: integer(0, 31744),
    sources: list(ip6),
    trailing: octets,
  },
  mldv2Report: {
    code: u8,
    flags: u16,
    records: list(json.record<mld.AddressRecord>({ type: u8, group: ip6, sources: list(ip6), auxiliaryData: octets })),
    trailing: octets,
  },
  multicastRouterAdvertisement: { code: u8, queryIntervalSeconds: u16, robustness: u16, trailing: octets },
  multicastRouterSolicitation: signal,
  multicastRouterTermination: signal,
  nodeInfoQuery: information6,
  nodeInfoReply: information6,
  homeAgentRequest: { code: u8, id: u16, mobileRouter: flag, trailing: octets },
  homeAgentReply: { code: u8, id: u16, mobileRouter: flag, addresses: list(ip6), trailing: octets },
  mobilePrefixSolicitation: { code: u8, id: u16, options },
  mobilePrefixAdvertisement: { code: u8, id: u16, managed: flag, otherConfig: flag, options },
  certificationPathSolicitation: { code: u8, id: u16, component: u16, options },
  certificationPathAdvertisement: { code: u8, id: u16, allComponents: u16, component: u16, options },
  extendedEchoRequest,
  extendedEchoReply,
  seamoby: mobility,
  other: { type: u8, code: u8, rest: octets },
})
