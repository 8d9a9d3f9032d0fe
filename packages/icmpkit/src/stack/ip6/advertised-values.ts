/**
 * What a gateway advertises on a port, its defaults filled in and its limits kept (RFC 4861 §6.2.1, RFC 8319 §4), and
 * the message that says so (§6.2.3).
 */
import type { Ip6 } from '../../wire/addr.ts'
import type * as nd from '../../wire/nd.ts'
import * as wire from '../../wire/nd.ts'
import type * as ndOption from '../../wire/nd-option.ts'
import type { AdvertisedPrefix, AdvertiseSettings } from './nd-settings.ts'

/** The intervals, and all of the message but the prefixes of the port's own addresses. */
export interface AdvertisedValues {
  minIntervalMs: number
  maxIntervalMs: number
  /** undefined: those of the port's addresses. */
  prefixes: readonly AdvertisedPrefix[] | undefined
  message: nd.RouterAdvertisement
}

/** @throws RangeError on a value outside its limits, or more options than one packet holds */
export function advertisedValues(s: AdvertiseSettings): AdvertisedValues {
  const where = `router advertisements on port ${s.port}`
  const bounded = (name: string, value: number, low: number, high: number): number => {
    if (value >= low && value <= high) return value
    throw new RangeError(`${where}: ${name} ${value}; it must be from ${low} to ${high}`)
  }
  const whole = (name: string, value: number, low: number, high: number): number => {
    if (Number.isInteger(value)) return bounded(name, value, low, high)
    throw new RangeError(`${where}: ${name} ${value}; it must be a whole number`)
  }
  const max = bounded('maxIntervalSeconds', s.maxIntervalSeconds ?? DEFAULT_MAX, 4, 65_535)
  // The default below 9 s is the maximum itself, above the bound for what is configured: so the RFC's text has it.
  const min =
    s.minIntervalSeconds === undefined
      ? max >= 9
        ? 0.33 * max
        : max
      : bounded('minIntervalSeconds', s.minIntervalSeconds, 3, 0.75 * max)
  const dnsLifetime = whole(
    'dnsLifetimeSeconds',
    s.dnsLifetimeSeconds ?? Math.min(3 * Math.ceil(max), FOREVER),
    0,
    FOREVER,
  )
  const lifetime = s.lifetimeSeconds ?? Math.min(3 * Math.ceil(max), 65_535)
  const message: nd.RouterAdvertisement = {
    kind: 'routerAdvertisement',
    code: 0,
    curHopLimit: whole('curHopLimit', s.curHopLimit ?? DEFAULT_HOP_LIMIT, 0, 255),
    managed: s.managed ?? false,
    otherConfig: s.otherConfig ?? false,
    homeAgent: false,
    // Where it is no default router the preference means nothing and is sent as medium (RFC 4191 §2.2).
    preference: lifetime === 0 ? 0 : whole('preference', s.preference ?? 0, -1, 1),
    proxy: false,
    lifetimeSeconds: lifetime === 0 ? 0 : whole('lifetimeSeconds', lifetime, Math.ceil(max), 65_535),
    reachableTimeMs: whole('reachableTimeMs', s.reachableTimeMs ?? 0, 0, 3_600_000),
    retransTimerMs: whole('retransTimerMs', s.retransTimerMs ?? 0, 0, FOREVER),
    options: [],
  }
  const { options } = message
  const mtu = whole('linkMtu', s.linkMtu ?? 0, 0, FOREVER)
  if (mtu > 0) options.push({ kind: 'mtu', mtu: bounded('linkMtu', mtu, 1280, FOREVER) })
  for (const r of s.routes ?? [])
    options.push({
      kind: 'routeInformation',
      prefix: r.prefix,
      prefixLength: whole('route prefix length', r.prefixLength, 0, 128),
      preference: whole('route preference', r.preference ?? 0, -1, 1),
      lifetimeSeconds: whole('route lifetime', r.lifetimeSeconds, 0, FOREVER),
      length: 0,
    })
  if (s.dnsServers !== undefined && s.dnsServers.length > 0)
    options.push({ kind: 'recursiveDns', lifetimeSeconds: dnsLifetime, addresses: [...s.dnsServers] })
  if (s.dnsSearch !== undefined && s.dnsSearch.length > 0)
    options.push({ kind: 'dnsSearchList', lifetimeSeconds: dnsLifetime, names: [...s.dnsSearch], length: 0 })
  if (s.captivePortal !== undefined) options.push({ kind: 'captivePortal', uri: s.captivePortal, length: 0 })
  if (s.pref64 !== undefined) options.push({ kind: 'pref64', ...s.pref64 })
  for (const p of s.prefixes ?? []) {
    const valid = whole('valid lifetime', p.validLifetimeSeconds ?? VALID, 0, FOREVER)
    whole('prefix length', p.prefixLength, 0, 128)
    whole('preferred lifetime', p.preferredLifetimeSeconds ?? Math.min(PREFERRED, valid), 0, valid)
  }
  const prefixes = s.prefixes?.length ?? MAX_OWN_PREFIXES
  // RFC 6980 §5: never in fragments, so all of it fits the smallest link.
  if (IP + SLLA + wire.size(message) + prefixes * PREFIX > MIN_MTU)
    throw new RangeError(`${where}: more options than a packet of ${MIN_MTU} octets holds`)
  return { minIntervalMs: min * 1000, maxIntervalMs: max * 1000, prefixes: s.prefixes, message }
}

/** The options of `prefixes`, lifetimes as configured or the RFC's defaults. */
export function prefixOptions(prefixes: readonly AdvertisedPrefix[]): ndOption.PrefixInformation[] {
  return prefixes.map((p) => {
    const valid = p.validLifetimeSeconds ?? VALID
    return {
      kind: 'prefixInformation',
      prefix: masked(p.prefix, p.prefixLength),
      prefixLength: p.prefixLength,
      onLink: p.onLink ?? true,
      autonomous: p.autonomous ?? true,
      routerAddress: false,
      delegationPreferred: false,
      validLifetimeSeconds: valid,
      preferredLifetimeSeconds: p.preferredLifetimeSeconds ?? Math.min(PREFERRED, valid),
    }
  })
}

function masked(address: Ip6, length: number): Ip6 {
  const host = BigInt(128 - length)
  return ((address >> host) << host) as Ip6
}

/** Of the port's addresses; more than so many are not told where none is configured. */
export const MAX_OWN_PREFIXES = 16

const DEFAULT_MAX = 600
/** "Assigned Numbers", today's IANA registry: 64. */
const DEFAULT_HOP_LIMIT = 64
/** 30 days and 7 days (RFC 4861 §6.2.1). */
const VALID = 2_592_000
const PREFERRED = 604_800
const FOREVER = 0xffffffff
const MIN_MTU = 1280
const IP = 40
const SLLA = 8
const PREFIX = 32
