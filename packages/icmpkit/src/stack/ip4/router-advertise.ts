/**
 * Routers advertised by a gateway (RFC 1256 §4, RFC 1812 §4.3.3.10): from each Ethernet port at random intervals, sooner
 * where somebody asks, and taken back where a port or an address stops.
 *
 * Left out: unicast answers (§4.3 leaves the choice; one multicast answers many).
 */
import type { Instant } from '../../clock.ts'
import { ANY4, BROADCAST4, type Ip4, showIp } from '../../wire/addr.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as ip4 from '../../wire/ip4.ts'
import { over, shared } from '../defaults.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Deadline } from '../timers.ts'
import {
  type AdvertisedAddress,
  type AdvertisingPort,
  ROUTER_ADVERTISEMENT_DEFAULTS,
  type RouterAdvertisementSettings,
} from './control-settings.ts'
import { ALL_SYSTEMS } from './groups.ts'
import type { Ip4Layer } from './layer.ts'

/** One port's advertisements. */
export class Advertising extends Deadline {
  settings: AdvertisingPort
  /** Multicast ones sent, up to three. */
  sent = 0
  /** Somebody asked; the next one is the answer. */
  asked = false
  /** Told once that a host asks by broadcast. */
  told = false
  readonly #node: Node
  readonly #port: Port

  constructor(node: Node, port: Port, settings: AdvertisingPort) {
    super(node.timers)
    this.#node = node
    this.#port = port
    this.settings = settings
  }

  override run(now: Instant): void {
    this.#node.ip4.control.advertiser?.advertise(now, this.#port)
  }
}

/** The variables of a port, its defaults filled in. @throws RangeError on what RFC 1256 §4.1 does not allow */
export function advertisingPort(
  given: { [K in keyof AdvertisingPort]?: AdvertisingPort[K] | undefined },
): AdvertisingPort {
  const max = given.maxAdvertisementIntervalSeconds ?? 600
  const min = given.minAdvertisementIntervalSeconds ?? Math.max(0.75 * max, LEAST_INTERVAL)
  const lifetime = given.advertisementLifetimeSeconds ?? 3 * max
  const address = given.advertisementAddress ?? ALL_SYSTEMS
  if (!(max >= 4 && max <= 1800)) throw new RangeError(`MaxAdvertisementInterval ${max}: 4 … 1800 s`)
  if (!(min >= LEAST_INTERVAL && min <= max)) throw new RangeError(`MinAdvertisementInterval ${min}: 3 … ${max} s`)
  if (!(lifetime >= max && lifetime <= 9000)) throw new RangeError(`AdvertisementLifetime ${lifetime}: ${max} … 9000 s`)
  if (address !== ALL_SYSTEMS && address !== BROADCAST4)
    throw new RangeError(`AdvertisementAddress ${showIp(address)}: 224.0.0.1 or 255.255.255.255`)
  return {
    advertisementAddress: address,
    maxAdvertisementIntervalSeconds: max,
    minAdvertisementIntervalSeconds: min,
    advertisementLifetimeSeconds: lifetime,
  }
}

/** @throws RangeError where a port's variables are not what RFC 1256 §4.1 allows */
export function checkAdvertisements(given: Partial<RouterAdvertisementSettings>): void {
  const { ports, ...all } = { ...ROUTER_ADVERTISEMENT_DEFAULTS, ...given }
  for (const port of [{}, ...ports]) advertisingPort({ ...all, ...port })
}

export class RouterAdvertiser4 {
  readonly #node: Node
  readonly #layer: Ip4Layer
  #settings: RouterAdvertisementSettings
  /** Of a port without any of its own; made with the first. */
  #values: AdvertisingPort | undefined

  constructor(node: Node, layer: Ip4Layer) {
    this.#node = node
    this.#layer = layer
    this.#settings = shared(ROUTER_ADVERTISEMENT_DEFAULTS, layer.settings.routerAdvertisements)
  }

  /** An address of the port is ready: it advertises from now on, if it did not. */
  begin(now: Instant, port: Port): void {
    if (port.medium !== 'ethernet' || !port.up || port.ip4.advertising !== undefined) return
    if (this.#entriesOf(port).length === 0) return
    const a = new Advertising(this.#node, port, this.#portSettings(port.index))
    port.ip4.advertising = a
    this.#schedule(now, a)
  }

  /** The port stops: its last words, where it can still say them (§4.3). */
  end(now: Instant, port: Port): void {
    const a = port.ip4.advertising
    if (a === undefined) return
    a.stop()
    port.ip4.advertising = undefined
    if (port.up) this.#send(now, port, a, this.#entriesOf(port), 0)
  }

  /** Other settings while it runs: what is advertised no more is taken back with a lifetime of 0 (§4.3). */
  reconfigured(now: Instant): void {
    const before = [...this.#node.ports.values()].map((port) => ({ port, entries: this.#entriesOf(port) }))
    this.#settings = shared(ROUTER_ADVERTISEMENT_DEFAULTS, this.#layer.settings.routerAdvertisements)
    this.#values = undefined
    for (const { port, entries } of before) {
      const a = port.ip4.advertising
      const kept = this.#entriesOf(port)
      const gone = entries.filter((e) => !kept.some((k) => k.address === e.address))
      if (a !== undefined && gone.length > 0) this.#send(now, port, a, gone, 0)
      if (a !== undefined && kept.length === 0) {
        a.stop()
        port.ip4.advertising = undefined
      } else if (a !== undefined) a.settings = this.#portSettings(port.index)
      else this.begin(now, port)
    }
  }

  close(now: Instant): void {
    for (const port of this.#node.ports.values()) this.end(now, port)
  }

  #portSettings(index: number): AdvertisingPort {
    const own = this.#settings.ports.find((p) => p.port === index)
    if (own !== undefined) return advertisingPort(over(this.#settings, own))
    this.#values ??= advertisingPort(this.#settings)
    return this.#values
  }

  /** §4.1: each address is advertised with preference 0, unless the settings say something else. */
  #entriesOf(port: Port): icmp4.RouterEntry[] {
    const entries: icmp4.RouterEntry[] = []
    for (const { address, state } of this.#layer.addresses.of(port)) {
      const own: Partial<AdvertisedAddress> | undefined = this.#settings.addresses.find((a) => a.address === address)
      const { advertise, preferenceLevel } = shared<AdvertisedAddress>(this.#settings, own)
      if (state === 'ready' && advertise) entries.push({ address, preference: preferenceLevel, more: NOTHING })
    }
    return entries
  }

  /** One is due. */
  advertise(now: Instant, port: Port): void {
    const a = port.ip4.advertising
    if (a === undefined) return
    this.#send(now, port, a, this.#entriesOf(port), a.settings.advertisementLifetimeSeconds)
    if (a.sent < MAX_INITIAL_ADVERTISEMENTS) a.sent++
    a.asked = false
    this.#schedule(now, a)
  }

  /** As many messages as the MTU needs, all but the last full (§4.3). */
  #send(now: Instant, port: Port, a: Advertising, entries: icmp4.RouterEntry[], lifetimeSeconds: number): void {
    const fits = Math.max(1, Math.min(255, Math.floor((port.mtu - ip4.HEADER - HEADER) / ENTRY)))
    const src = this.#layer.addresses.of(port).find((own) => own.state === 'ready')?.address
    if (src === undefined) return
    const dst = a.settings.advertisementAddress
    for (let from = 0; from < entries.length; from += fits) {
      const some = entries.slice(from, from + fits)
      const payload = new Uint8Array(HEADER + some.length * ENTRY)
      const fixed = { kind: 'routerAdvertisement', code: 0, entrySize: ENTRY / 4, trailing: NOTHING } as const
      icmp4.write({ ...fixed, lifetimeSeconds, entries: some }, payload, 0)
      this.#layer.send(now, { dst, src, protocol: icmp4.PROTOCOL, payload, ttl: 1, port })
    }
  }

  /** The next unasked one: evenly between the bounds, in no whole seconds; the first three come sooner. */
  #schedule(now: Instant, a: Advertising): void {
    const { minAdvertisementIntervalSeconds: min, maxAdvertisementIntervalSeconds: max } = a.settings
    const interval = 1000 * (min + this.#node.random() * (max - min))
    a.set(now + (a.sent < MAX_INITIAL_ADVERTISEMENTS ? Math.min(interval, MAX_INITIAL_ADVERT_INTERVAL) : interval))
  }

  /** A solicitation came in. */
  input(now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message): void {
    const { counters } = this.#node
    if (m.kind !== 'routerSolicitation') return
    if (m.code !== 0) {
      counters.drop('bad-code')
      return
    }
    if (h.src !== ANY4 && !this.#isNeighbour(d.port, h.src)) {
      counters.drop('not-a-neighbour')
      return
    }
    const a = d.port.ip4.advertising
    if (a === undefined) {
      counters.drop('disabled')
      return
    }
    if (h.dst === BROADCAST4 && a.settings.advertisementAddress !== BROADCAST4 && !a.told) {
      a.told = true
      const what = `${showIp(h.src)} asks for routers by broadcast, advertisements go to ${showIp(ALL_SYSTEMS)}`
      this.#node.emit({ kind: 'log', at: now, port: d.port.index, what, about: h.src })
    }
    counters.answered++
    // One answers all who ask within a second; one that is due sooner answers as well.
    if (a.asked) return
    a.asked = true
    a.set(Math.min(a.at, now + (MAX_RESPONSE_DELAY * (1 + this.#node.random())) / 2))
  }

  #isNeighbour(port: Port, address: Ip4): boolean {
    const { routes, addresses } = this.#layer
    return addresses
      .of(port)
      .some(
        (a) => a.state === 'ready' && routes.mask(a.address, a.prefixLength) === routes.mask(address, a.prefixLength),
      )
  }
}

/** RFC 1256 §6. */
const MAX_INITIAL_ADVERT_INTERVAL = 16_000
const MAX_INITIAL_ADVERTISEMENTS = 3
const MAX_RESPONSE_DELAY = 2000
const LEAST_INTERVAL = 3
const HEADER = 8
/** Address and preference. */
const ENTRY = 8
const NOTHING = new Uint8Array(0)
