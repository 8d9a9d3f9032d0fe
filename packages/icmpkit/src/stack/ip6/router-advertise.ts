/**
 * Router Advertisements of a gateway (RFC 4861 §6.2): periodic at random, on request, the last ones that take it back;
 * and what other routers say that contradicts (§6.2.7).
 */
import type { Instant } from '../../clock.ts'
import { ANY6, isLinkLocal } from '../../wire/addr.ts'
import type * as nd from '../../wire/nd.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Timer } from '../timers.ts'
import { TokenBucket } from '../token-bucket.ts'
import { type AdvertisedValues, advertisedValues, MAX_OWN_PREFIXES, prefixOptions } from './advertised-values.ts'
import { ALL_NODES } from './groups.ts'
import type { Ip6Layer } from './layer.ts'
import { linkLayerIn, linkLayerOption, sendNd } from './nd-output.ts'
import { type AdvertisedPrefix, type AdvertiseSettings, isPort } from './nd-settings.ts'
import type { Packet6 } from './packet.ts'

export interface Advertising {
  readonly settings: AdvertiseSettings
  readonly values: AdvertisedValues
  readonly timer: Timer
  /** Of the first few, which come at shorter intervals. */
  initial: number
  /** Last ones still to be sent: it does not advertise any more. */
  final: number
}

export class RouterAdvertiser {
  readonly #node: Node
  readonly #layer: Ip6Layer
  #told: TokenBucket | undefined

  /** The settings have been checked. */
  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
  }

  /** The port has a link-local address to speak from (RFC 4861 §6.2.2), or other settings. */
  begin(now: Instant, port: Port): void {
    if (!this.#layer.isRouter) return
    const settings = this.#layer.settings.advertise.find((s) => isPort(s.port, port))
    const link = this.#layer.neighbours.link(port)
    const old = link.advertising
    if (settings === undefined) {
      if (old !== undefined && old.final === 0) this.#cease(now, old)
      return
    }
    old?.timer.stop()
    const values = advertisedValues(settings)
    const a: Advertising = {
      settings,
      values,
      timer: new Timer(this.#node.timers, (at) => this.#due(at, port, a)),
      initial: MAX_INITIAL,
      final: 0,
    }
    link.advertising = a
    // A router keeps to what it tells (RFC 4861 §6.2.1).
    if (values.message.reachableTimeMs > 0) link.setReachableTime(values.message.reachableTimeMs)
    if (values.message.retransTimerMs > 0) link.retransMs = values.message.retransTimerMs
    a.timer.set(this.#soonest(now, port))
  }

  /** Other settings: new ones are told at once, ports without any take back what they told. */
  reconfigured(now: Instant): void {
    if (!this.#layer.isRouter) return
    for (const port of this.#node.ports.values()) {
      const is = port.ip6?.advertising?.settings
      const shall = this.#layer.settings.advertise.find((s) => isPort(s.port, port))
      if (is !== shall && this.#layer.linkLocal(port) !== undefined) this.begin(now, port)
    }
  }

  down(port: Port): void {
    const link = this.#layer.neighbours.link(port)
    link.advertising?.timer.stop()
    link.advertising = undefined
  }

  /** It stops being a router: final advertisements go out as time allows. */
  cease(now: Instant): void {
    for (const { ip6: link } of this.#node.ports.values()) if (link?.advertising) this.#cease(now, link.advertising)
  }

  /**
   * The node goes: one last advertisement at once. Deviates: it does not wait until three seconds have passed since the
   * one before (RFC 4861 §6.2.6), since nobody would be there to send it.
   */
  close(now: Instant): void {
    for (const port of this.#node.ports.values()) {
      const a = port.ip6?.advertising
      if (a === undefined) continue
      this.down(port)
      this.#send(now, port, a, true)
    }
  }

  /** A valid solicitation (RFC 4861 §6.2.6). */
  solicited(now: Instant, d: Inbound, p: Packet6, m: nd.RouterSolicitation): void {
    const { port } = d
    if (p.src !== ANY6) {
      const mac = linkLayerIn(m.options, 'sourceLinkLayer', port)
      if (mac !== undefined) this.#layer.neighbours.heard(now, port, p.src, mac, false)
      else {
        const n = this.#layer.neighbours.link(port).cache.get(p.src)
        if (n !== undefined) this.#layer.neighbours.setRouter(now, n, false)
      }
    }
    const a = port.ip6?.advertising
    if (a === undefined || a.final > 0) {
      this.#node.counters.drop('ignored')
      return
    }
    this.#node.counters.answered++
    const due = this.#soonest(now, port) + this.#node.random() * MAX_RA_DELAY_MS
    if (due < a.timer.at) a.timer.set(due)
  }

  /** Another router's words: a conflict is logged, nothing is taken over (RFC 4861 §6.2.7). */
  heard(now: Instant, d: Inbound, p: Packet6, m: nd.RouterAdvertisement): void {
    const { port } = d
    const a = port.ip6?.advertising
    const what = a === undefined ? [] : this.#conflicts(a, port, m)
    this.#told ??= new TokenBucket(TOLD)
    if (what.length === 0 || !this.#told.take(now)) return
    this.#node.emit({
      kind: 'log',
      at: now,
      port: port.index,
      what: `another router advertises other values: ${what.join(', ')}`,
      about: p.src,
    })
  }

  #conflicts(a: Advertising, port: Port, m: nd.RouterAdvertisement): string[] {
    const own = a.values.message
    const differ = (x: number, y: number) => x !== 0 && y !== 0 && x !== y
    const what: string[] = []
    if (differ(own.curHopLimit, m.curHopLimit)) what.push('hop limit')
    if (own.managed !== m.managed || own.otherConfig !== m.otherConfig) what.push('M or O flag')
    if (differ(own.reachableTimeMs, m.reachableTimeMs)) what.push('reachable time')
    if (differ(own.retransTimerMs, m.retransTimerMs)) what.push('retrans timer')
    const prefixes = prefixOptions(this.#prefixes(a, port))
    for (const o of m.options) {
      if (o.kind === 'mtu' && own.options.some((x) => x.kind === 'mtu' && x.mtu !== o.mtu)) what.push('MTU')
      if (o.kind !== 'prefixInformation') continue
      const same = prefixes.find(
        (x) => x.prefixLength === o.prefixLength && x.prefix === this.#layer.routes.mask(o.prefix, o.prefixLength),
      )
      if (
        same !== undefined &&
        (same.validLifetimeSeconds !== o.validLifetimeSeconds ||
          same.preferredLifetimeSeconds !== o.preferredLifetimeSeconds)
      )
        what.push('lifetimes of a prefix')
    }
    return what
  }

  #cease(now: Instant, a: Advertising): void {
    if (a.final > 0) return
    a.final = MAX_FINAL
    a.timer.set(now)
  }

  #due(now: Instant, port: Port, a: Advertising): void {
    const soonest = this.#soonest(now, port)
    if (soonest > now) {
      a.timer.set(soonest)
      return
    }
    this.#send(now, port, a, a.final > 0)
    if (a.final > 0) {
      a.final--
      if (a.final > 0) a.timer.set(this.#soonest(now, port))
      else this.#layer.neighbours.link(port).advertising = undefined
      return
    }
    const { minIntervalMs, maxIntervalMs } = a.values
    const interval = minIntervalMs + this.#node.random() * (maxIntervalMs - minIntervalMs)
    if (a.initial > 0) a.initial--
    a.timer.set(now + (a.initial > 0 ? Math.min(interval, MAX_INITIAL_INTERVAL_MS) : interval))
  }

  /** To all nodes no more than one each three seconds (RFC 4861 §6.2.6). */
  #soonest(now: Instant, port: Port): number {
    return Math.max(now, (port.ip6?.advertised ?? Number.NEGATIVE_INFINITY) + MIN_DELAY_MS)
  }

  #send(now: Instant, port: Port, a: Advertising, final: boolean): void {
    const src = this.#layer.linkLocal(port)
    if (src === undefined) return
    this.#layer.neighbours.link(port).advertised = now
    const { message } = a.values
    sendNd(this.#node, now, port, src, ALL_NODES, {
      ...message,
      lifetimeSeconds: final ? 0 : message.lifetimeSeconds,
      preference: final ? 0 : message.preference,
      options: [
        ...linkLayerOption('sourceLinkLayer', port),
        ...message.options,
        ...prefixOptions(this.#prefixes(a, port)),
      ],
    })
  }

  #prefixes(a: Advertising, port: Port): readonly AdvertisedPrefix[] {
    if (a.values.prefixes !== undefined) return a.values.prefixes
    const own: AdvertisedPrefix[] = []
    for (const { address, prefixLength, state } of this.#layer.addresses.of(port)) {
      if (isLinkLocal(address) || prefixLength === 128 || state === 'duplicate') continue
      const prefix = this.#layer.routes.mask(address, prefixLength)
      const told = own.some((p) => p.prefix === prefix && p.prefixLength === prefixLength)
      if (!told && own.length < MAX_OWN_PREFIXES) own.push({ prefix, prefixLength })
    }
    return own
  }
}

/** RFC 4861 §10. */
const MAX_INITIAL = 3
const MAX_INITIAL_INTERVAL_MS = 16_000
const MAX_FINAL = 3
const MIN_DELAY_MS = 3000
const MAX_RA_DELAY_MS = 500
/** Conflicts told of. */
const TOLD = { rate: 0.1, burst: 5 } as const
