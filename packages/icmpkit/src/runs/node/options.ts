/** What `host()` and `gateway()` take: plain data with addresses as text. Checked here, made into what the stack takes. */

import type { ErrorExtensionSettings } from '../../stack/error-extension.ts'
import type { ExtendedEchoSettings } from '../../stack/extended-echo-responder.ts'
import type { NodeConfig, PortConfig } from '../../stack/index.ts'
import type { Route, RouteKind } from '../../stack/route-table.ts'
import {
  errorExtensionSwitches,
  extendedEchoSwitches,
  ip4Switches,
  ip6Switches,
  type Switches4,
  type Switches6,
  type Written,
} from '../../stack/written-settings.ts'
import {
  type Family,
  familyOf,
  type Ip,
  type Ip4,
  type Ip6,
  isLinkLocal,
  isMulticast,
  parseIp,
} from '../../wire/addr.ts'
import { parseMac } from '../../wire/ethernet.ts'

export interface NodePort {
  /** The interface; of a TUN or TAP the name that it gets. */
  name: string
  /** `packet`: an interface that is there, taken from the kernel; `tun`, `tap`: one that is made. Default `packet`. */
  door?: 'packet' | 'tun' | 'tap'
  /** `192.0.2.1/24`, `2001:db8::1/64`. */
  addresses: readonly string[]
  /** 802.1Q identifier that its frames carry. */
  vlan?: number
  /** Octets; the interface's own where not given. */
  mtu?: number
  /** `02:00:00:00:00:01`; the interface's own where not given. */
  mac?: string
}

export interface NodeOptions {
  ports: readonly NodePort[]
  /** Default gateways: an address of either family, `fe80::1%eth0` with the port's name. */
  via?: readonly string[]
  /** `198.51.100.0/24=192.0.2.254`, `2001:db8:2::/48=fe80::1%eth0`, `10.0.0.0/8=unreachable`, `…=prohibit`, `…=blackhole`. */
  routes?: readonly string[]
  /** Switches of the two layers, by name; addresses as text, ports by name. */
  ip4?: Written<Switches4>
  ip6?: Written<Switches6>
  /** What errors tell behind their quote (RFC 4884, 4950, 5837). */
  errorExtensions?: Written<ErrorExtensionSettings>
  /** Extended echo (RFC 8335): off unless `enabled`. */
  extendedEcho?: Written<ExtendedEchoSettings>
  /**
   * Busy polling: for so long after each frame, ms, the run does not sleep but looks for the next one. Answers that come sooner,
   * for a whole core while it lasts. Default 0: never.
   */
  busyPoll?: number
  /** Work in that network namespace: a name, a process id, a path. */
  netns?: string
  /** Take interfaces on which the kernel has addresses of its own. */
  force?: boolean
  signal?: AbortSignal
}

/** A port as its door found it. */
export interface OpenPort {
  index: number
  medium: 'ethernet' | 'ip'
  mac: Uint8Array
  mtu: number
}

/** @throws TypeError, RangeError: says which port or route, and what was expected */
export function check(role: 'host' | 'gateway', o: NodeOptions): void {
  if (o.ports.length === 0) throw new TypeError(`${role}: no port: say which interface, and its addresses`)
  const names = new Set<string>()
  for (const p of o.ports) {
    if (names.has(p.name)) throw new TypeError(`${role}: port ${p.name} is named twice: give all its addresses at once`)
    names.add(p.name)
    for (const a of p.addresses) parseAddress(role, p.name, a)
    if (p.vlan !== undefined && !(Number.isInteger(p.vlan) && p.vlan >= 1 && p.vlan <= 4094))
      throw new RangeError(`${role}: port ${p.name}: VLAN ${p.vlan}; it must be a whole number from 1 to 4094`)
    if (p.mtu !== undefined && !(Number.isInteger(p.mtu) && p.mtu >= 68 && p.mtu <= 65_535))
      throw new RangeError(`${role}: port ${p.name}: MTU ${p.mtu}; it must be a whole number from 68 to 65535`)
    if (p.mac !== undefined && !isStation(parseMac(p.mac)))
      throw new TypeError(`${role}: port ${p.name}: ${p.mac} is no link-layer address, as 02:00:00:00:00:01 is`)
  }
  const index = (name: string) => [...names].indexOf(name)
  const { busyPoll = 0 } = o
  if (!(busyPoll >= 0 && busyPoll <= LONGEST_POLL))
    throw new RangeError(`${role}: busy polling for ${busyPoll} ms; it must be a time from 0 to ${LONGEST_POLL} ms`)
  routesOf(role, o, index)
  settingsOf(o, index)
}

/** An hour: whoever wants a core for ever has frames more often. */
const LONGEST_POLL = 3_600_000

/** The stack's configuration, once the doors are open. `found` is in the order of `o.ports`. */
export function configOf(
  role: 'host' | 'gateway',
  o: NodeOptions,
  found: readonly OpenPort[],
): Omit<NodeConfig, 'random' | 'wall'> {
  const index = (name: string) => found[o.ports.findIndex((p) => p.name === name)]?.index ?? -1
  const routes = routesOf(role, o, index)
  const settings = settingsOf(o, index)
  const of = <A extends Ip>(family: Family) => routes.filter((r) => familyOf(r.prefix) === family) as StaticRoute<A>[]
  return {
    role,
    ports: o.ports.map((p, i): PortConfig => {
      const f = found[i]!
      return {
        index: f.index,
        name: p.name,
        medium: f.medium,
        mac: (p.mac === undefined ? undefined : parseMac(p.mac)) ?? f.mac,
        mtu: p.mtu ?? f.mtu,
        addresses: p.addresses.map((a) => parseAddress(role, p.name, a)),
        ...(p.vlan === undefined ? {} : { vlan: p.vlan }),
      }
    }),
    ip4: { ...settings.ip4, routes: of<Ip4>(4) },
    ip6: { ...settings.ip6, routes: of<Ip6>(6) },
    errorExtensions: settings.errorExtensions,
    extendedEcho: settings.extendedEcho,
  }
}

/** @throws TypeError, RangeError on a switch that is none, or a value that it cannot have */
function settingsOf(o: NodeOptions, index: (port: string) => number): Settings {
  return {
    ip4: ip4Switches('ip4', o.ip4 ?? {}, index),
    ip6: ip6Switches('ip6', o.ip6 ?? {}, index),
    errorExtensions: errorExtensionSwitches('errorExtensions', o.errorExtensions ?? {}, index),
    extendedEcho: extendedEchoSwitches('extendedEcho', o.extendedEcho ?? {}, index),
  }
}

interface Settings {
  ip4: Partial<Switches4>
  ip6: Partial<Switches6>
  errorExtensions: Partial<ErrorExtensionSettings>
  extendedEcho: Partial<ExtendedEchoSettings>
}

type StaticRoute<A extends Ip> = Pick<Route<A>, 'prefix' | 'prefixLength' | 'kind' | 'nextHop' | 'port'>

function routesOf(role: string, o: NodeOptions, index: (port: string) => number): StaticRoute<Ip>[] {
  const defaults = (o.via ?? []).map((via) => {
    const to = parseIp(via.split('%')[0]!)
    if (to === undefined) throw new TypeError(`${role}: ${via} is not the address of a gateway`)
    return `${typeof to === 'bigint' ? '::/0' : '0.0.0.0/0'}=${via}`
  })
  return [...defaults, ...(o.routes ?? [])].map((text) => parseRoute(role, text, o.ports, index))
}

function parseAddress(role: string, port: string, text: string): { address: Ip; prefixLength: number } {
  const [address, length] = prefixOf(text) ?? []
  if (address === undefined || length === undefined)
    throw new TypeError(`${role}: port ${port}: ${text} is not an address with its prefix length, as 192.0.2.1/24 is`)
  if (!isOneNodes(address, length))
    throw new TypeError(`${role}: port ${port}: ${text} is not an address that one node can have`)
  return { address, prefixLength: length }
}

/** Six octets, neither a group's nor all zeros. */
function isStation(mac: Uint8Array | undefined): boolean {
  return mac?.length === 6 && (mac[0]! & 1) === 0 && mac.some((octet) => octet !== 0)
}

/** Not a group's, everybody's, nobody's or the machine's own, nor the first or last of its subnet (RFC 1122 §3.2.1.3, RFC 4291 §2.4). */
function isOneNodes(address: Ip, length: number): boolean {
  if (isMulticast(address)) return false
  // ::, ::1, and IPv4 inside (::ffff:0:0/96), which stands for no link's address.
  if (typeof address === 'bigint') return address > 1n && address >> 32n !== 0xffffn
  const first = address >>> 24
  if (first === 0 || first === 127 || first >= 240) return false
  const hosts = length === 0 ? -1 : 2 ** (32 - length) - 1
  return length >= 31 || length === 0 || ((address & hosts) !== 0 && (~address & hosts) >>> 0 !== 0)
}

function parseRoute(
  role: string,
  text: string,
  ports: readonly NodePort[],
  index: (port: string) => number,
): StaticRoute<Ip> {
  const [prefixText, target, more] = text.split('=')
  const [prefix, prefixLength] = prefixOf(prefixText!) ?? []
  if (prefix === undefined || prefixLength === undefined || target === undefined || more !== undefined)
    throw new TypeError(
      `${role}: route ${text}: it must read PREFIX=NEXTHOP[%PORT], or PREFIX=unreachable, =prohibit, =blackhole`,
    )
  if (KINDS.has(target)) return { prefix, prefixLength, kind: target as RouteKind, nextHop: undefined, port: -1 }
  const [hopText, zone] = target.split('%')
  const nextHop = parseIp(hopText!)
  if (nextHop === undefined || familyOf(nextHop) !== familyOf(prefix))
    throw new TypeError(`${role}: route ${text}: ${hopText} is not an IPv${familyOf(prefix)} address`)
  const name = zone ?? ports.find((p) => p.addresses.some((a) => holds(a, nextHop)))?.name
  if (name === undefined) {
    const cure = isLinkLocal(nextHop) ? `say which port: ${hopText}%PORT` : 'no port has a prefix that it is in'
    throw new TypeError(`${role}: route ${text}: ${hopText} cannot be reached: ${cure}`)
  }
  const port = index(name)
  if (port < 0) throw new TypeError(`${role}: route ${text}: there is no port ${name}`)
  return { prefix, prefixLength, kind: 'unicast', nextHop, port }
}

function prefixOf(text: string): [Ip, number] | undefined {
  const [addressText, lengthText, more] = text.split('/')
  const address = parseIp(addressText!)
  if (address === undefined || lengthText === undefined || more !== undefined || !/^\d{1,3}$/.test(lengthText)) return
  const length = Number(lengthText)
  return length <= (typeof address === 'bigint' ? 128 : 32) ? [address, length] : undefined
}

function holds(prefix: string, address: Ip): boolean {
  const [base, length] = prefixOf(prefix)!
  if (typeof base === 'bigint' && typeof address === 'bigint') {
    const host = BigInt(128 - length)
    return base >> host === address >> host
  }
  if (typeof base === 'bigint' || typeof address === 'bigint') return false
  return length === 0 || (base ^ address) >>> (32 - length) === 0
}

const KINDS = new Set<string>(['unreachable', 'prohibit', 'blackhole'] satisfies RouteKind[])
