/**
 * What the RFCs hold against sending an ICMPv6 message. `icmp6.write` writes anything, for the workbench and for tests;
 * who originates messages in earnest writes through here. Rules about the IPv6 header around it are the stack's.
 */
import { type Ip6, isLinkLocal, isMulticast } from './addr.ts'
import * as icmp6 from './icmp6.ts'
import type * as mld from './mld.ts'
import { RecordType } from './mld.ts'
import type { Option } from './nd-option.ts'
import { lookup } from './registry.ts'
import * as strictExtension from './strict-extension.ts'

/** The first rule that `m` breaks, with its section; undefined where it may be sent. */
export function objection(m: icmp6.Message): string | undefined {
  const type = icmp6.typeOf(m)
  const known = lookup(6, type, m.code)
  if (known.status === 'reserved' || known.status === 'unassigned') return `type ${type} is ${known.status}`
  if (known.codeName === 'Unassigned') return `code ${m.code} of ${known.typeName} is unassigned`
  switch (m.kind) {
    case 'unreachable':
      if (m.code === HEADERS_TOO_LONG && !m.extensions?.objects.some((o) => o.kind === 'extendedInformation')) {
        return 'code 8 says where the headers are too long (RFC 8883 §3.2)'
      }
      return strictExtension.objection(6, m.kind, m.extensions)
    case 'timeExceeded':
      return strictExtension.objection(6, m.kind, m.extensions)
    case 'extendedEchoRequest':
      return strictExtension.objectionToRequest(6, m)
    case 'extendedEchoReply':
      if (m.state !== 0 && m.code !== 0) return 'a state is for code 0 (RFC 8335 §3)'
      if (!m.active && (m.ipv4 || m.ipv6)) return 'the bits 4 and 6 are for an active interface (RFC 8335 §3)'
      break
    case 'nodeInfoReply':
      if (m.code !== 0 && m.data.length > 0) return 'data are for code 0 (RFC 4620 §4)'
      break
    case 'mldQuery':
    case 'mldReport':
    case 'mldDone':
    case 'mldv2Query':
    case 'mldv2Report':
      return objectionToMld(m)
  }
  if ('options' in m) return objectionToNd(m)
  if ('extensions' in m) return `${known.typeName} carries no extensions (RFC 4884 §4.6)`
  return undefined
}

/** @throws RangeError naming the rule that `m` breaks; else as `icmp6.write`. */
export function write(m: icmp6.Message, out: Uint8Array, at: number, src: Ip6, dst: Ip6): number {
  const against = objection(m)
  if (against !== undefined) throw new RangeError(against)
  return icmp6.write(m, out, at, src, dst)
}

type Mld = mld.Mldv1 | mld.Mldv2Query | mld.Mldv2Report

function objectionToMld(m: Mld): string | undefined {
  if (m.trailing.length > 0) return 'nothing is sent behind the fields (RFC 3810 §5.1.12, §5.2.11)'
  switch (m.kind) {
    case 'mldReport':
    case 'mldDone':
      return isMulticast(m.group) ? undefined : 'a report names a group (RFC 2710 §3.6)'
    case 'mldv2Query':
      return m.group === 0n && m.sources.length > 0 ? 'a general query has no sources (RFC 3810 §5.1.13)' : undefined
    case 'mldv2Report':
      for (const r of m.records) {
        if (r.type < RecordType.modeIsInclude || r.type > RecordType.blockOldSources) {
          return `record type ${r.type} is not defined (RFC 3810 §5.2.12)`
        }
        if (r.auxiliaryData.length > 0) return 'no auxiliary data are sent (RFC 3810 §5.2.10)'
        if (!isMulticast(r.group)) return 'a record names a group (RFC 3810 §5.2.8)'
        if (r.type === RecordType.modeIsInclude && r.sources.length === 0) {
          return 'a mode that includes nothing is not reported (RFC 3810 §5.2.12)'
        }
      }
      return undefined
    default:
      return undefined
  }
}

function objectionToNd(m: icmp6.Message & { options: Option[] }): string | undefined {
  for (const o of m.options) {
    if (o.kind === 'invalid') return `option ${o.type} is not as its RFC has it`
    if (o.kind === 'routeInformation' && o.preference === RESERVED) return 'preference 10 is reserved (RFC 4191 §2.3)'
  }
  switch (m.kind) {
    case 'neighborSolicitation':
    case 'neighborAdvertisement':
      return isMulticast(m.target) ? 'a target is not multicast (RFC 4861 §4.3, §4.4)' : undefined
    case 'redirect':
      if (isMulticast(m.destination)) return 'a destination is not multicast (RFC 4861 §8.1)'
      if (m.target !== m.destination && (!isLinkLocal(m.target) || isMulticast(m.target))) {
        return 'a router is named by its link-local address (RFC 4861 §4.5)'
      }
      return undefined
    case 'routerAdvertisement':
      if (m.preference === RESERVED) return 'preference 10 is reserved (RFC 4191 §2.2)'
      if (m.lifetimeSeconds === 0 && m.preference !== 0) {
        return 'who is no default router has no preference (RFC 4191 §2.2)'
      }
      return undefined
    default:
      return undefined
  }
}

const HEADERS_TOO_LONG = 8
const RESERVED = -2
