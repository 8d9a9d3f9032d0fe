/** Send: one ICMP message of any kind, and what it draws. The runner around the machine (probe/send-machine.ts). */
import { type Clock, type ClockSource, type Instant, showTime } from '../clock.ts'
import type { Door, LocalDrop } from '../door.ts'
import type { Surroundings } from '../lab/vantage.ts'
import type { DoorChoice } from '../os/index.ts'
import { answerTypes, SendMachine, type SendMachineEvent } from '../probe/send-machine.ts'
import { drive, EventQueue, type Run } from '../run.ts'
import { ANY4, ANY6, BROADCAST4, type Family, familyOf, type Ip, isLinkLocal, parseIp, showIp } from '../wire/addr.ts'
import * as checksum from '../wire/checksum.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip4Option from '../wire/ip4-option.ts'
import * as ip6 from '../wire/ip6.ts'
import type * as ip6Extension from '../wire/ip6-extension.ts'
import { type Json, toJson } from '../wire/json.ts'
import type { Verdict } from '../wire/malformed.ts'
import { put16, u16 } from '../wire/octets.ts'
import * as quote from '../wire/quote.ts'
import * as registry from '../wire/registry.ts'
import { resolve } from './resolve.ts'

/** What to send: a message, or the octets of one, which may be anything; by family, since the target decides that. */
export type Sendable = (family: Family) => icmp4.Message | icmp6.Message | Uint8Array

export interface SendOptions {
  /** The same message so many times. 1. */
  count?: number
  /** Milliseconds between two. 1000. */
  interval?: number
  /** Milliseconds that answers are awaited behind the last one; 0 = send only. 4000, as for ping. */
  wait?: number
  /** What its RFC asks for (255 for neighbour discovery, 1 for MLD), else 64. */
  ttl?: number
  tos?: number
  flowLabel?: number
  /** Ask each router on the way to look (RFC 2113, RFC 2711). As its RFC asks for: MLD has it, the rest does not. */
  routerAlert?: boolean
  /** `right`: made right; `wrong`: made wrong; `given`: octets leave as they are. */
  checksum?: 'right' | 'wrong' | 'given'
  family?: Family
  /** An address of this machine. */
  source?: string
  interface?: string
  mark?: number
  /** Name or process id of a network namespace. */
  netns?: string
  /** Give up all rights of this process once the door is open. */
  dropRights?: boolean
  signal?: AbortSignal
  /** Over this door instead of the system's: a lab. `send('srv', message, { over: net.from('me') })`. */
  over?: { door: Door; clock: Clock } & Partial<Surroundings>
}

/** A packet, ready to leave. */
export interface Prepared {
  family: Family
  target: string
  dst: Ip
  src: Ip
  /** With its zone where it has one. */
  address: string
  /** Interface index to leave by; 0 = as the route says. */
  port: number
  /** From the IP header on. */
  packet: Uint8Array
  /** Offset of the ICMP message. */
  icmp: number
  /** The octets are not what the kernel would make of them: the IP header must leave as written. */
  ownHeader: boolean
}

export interface SendSent {
  kind: 'sent'
  target: string
  address: string
  time: string
  number: number
  family: Family
  type: number
  code: number
  name: string
  octets: Uint8Array
}

/** `reply`: the message that answers ours; `error`: one that quotes ours. */
export interface SendAnswer {
  kind: 'reply' | 'error'
  target: string
  from: string
  time: string
  rttNs: number
  clock: ClockSource
  family: Family
  /** null where the door cannot know. */
  ttl: number | null
  type: number
  code: number
  name: string
  /** One plain sentence. */
  meaning: string
  checksum: Verdict
  message: Json
  /** The quoted datagram of an error, its fields read as far as it goes. */
  quote: Json
  /** From the IP header on, which may be rebuilt from what the kernel told. */
  octets: Uint8Array
  /** Octets on the wire. */
  length: number
}

export interface SendRefused {
  kind: 'local-drop'
  target: string
  time: string
  number: number
  why: LocalDrop
  mtu: number | null
}

export interface SendTimeout {
  kind: 'timeout'
  target: string
  time: string
}

export interface SendSummary {
  kind: 'summary'
  target: string
  address: string
  time: string
  sent: number
  replies: number
  errors: number
  localDrops: number
  /** False where the RFCs name no answer to this type (errors still may come). */
  answerable: boolean
}

export type SendEvent = SendSent | SendAnswer | SendRefused | SendTimeout | SendSummary

export interface SendRun extends Run<SendEvent, SendSummary> {
  /** What leaves, and by which door; settles before it does. */
  readonly prepared: Promise<Prepared & { door: string; why: readonly string[]; cannot: readonly string[] }>
}

/** Finds the target's address and route, and makes the packet; sends nothing. @throws TypeError on an unusable target */
export async function prepareSend(target: string, what: Sendable, o: SendOptions = {}): Promise<Prepared> {
  const os = o.over === undefined ? await import('../os/index.ts') : undefined
  const index = (name: string) => (os === undefined ? o.over?.portOf?.(name) : os.interfaceIndex(name, o.netns))
  const exit = o.interface === undefined ? 0 : index(o.interface)
  if (exit === undefined)
    throw new TypeError(`there is no interface ${o.interface} here${os === undefined ? '' : ': see `ip link`'}`)
  const names = o.over?.addressesOf
  const found = await resolve(target, { family: o.family, all: false, zoneIndex: index, port: exit, names })
  if ('why' in found) throw new TypeError(`${target}: ${found.why}`)
  const { ip: dst, port } = found[0]!
  const family = familyOf(dst)
  const chosen = os === undefined ? o.over?.sourceFor?.(dst, port || exit) : os.sourceTo(dst, port || exit, o.netns)
  const src = sourceOf(o, family) ?? chosen ?? (family === 4 ? ANY4 : ANY6)
  const nameOf = (i: number) => (os === undefined ? o.over?.portName?.(i) : os.interfaceName(i, o.netns))
  const zone = typeof dst === 'bigint' && isLinkLocal(dst) && port > 0 ? nameOf(port) : undefined
  const { packet, icmp, ownHeader } = makePacket(what(family), src, dst, o)
  return { family, target, dst, src, address: showIp(dst, zone), port: port || exit, packet, icmp, ownHeader }
}

/**
 * Sends and yields what happens: `for await (const e of send('192.0.2.1', () => ({ kind: 'echoRequest', … })))`.
 * @throws never for what the network does; the iterator and `done` reject where the kernel lets no door be opened
 */
export function send(target: string, what: Sendable, options: SendOptions = {}): SendRun {
  return new Sending(target, what, options)
}

class Sending implements SendRun {
  readonly done: Promise<SendSummary>
  readonly prepared: SendRun['prepared']
  readonly #o: SendOptions
  readonly #queue = new EventQueue<SendEvent>()
  readonly #stop = new AbortController()
  readonly #ready = Promise.withResolvers<Awaited<SendRun['prepared']>>()

  constructor(target: string, what: Sendable, options: SendOptions) {
    this.#o = options
    this.prepared = this.#ready.promise
    this.prepared.catch(() => {})
    this.done = this.#run(target, what)
    this.done.catch(() => {})
  }

  get dropped(): number {
    return this.#queue.dropped
  }

  [Symbol.asyncIterator](): AsyncIterator<SendEvent> {
    return this.#queue.read(() => this.#stop.abort())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.done.catch(() => {})
  }

  async #run(target: string, what: Sendable): Promise<SendSummary> {
    const o = this.#o
    const signal = o.signal === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, o.signal])
    let door: Door | undefined
    try {
      const prepared = await prepareSend(target, what, o)
      const os = o.over === undefined ? await import('../os/index.ts') : undefined
      const choice: DoorChoice =
        o.over === undefined
          ? await os!.openDoor(doorSpec(prepared, o))
          : { door: o.over.door, why: ['given instead of one of the system'] }
      door = choice.door
      const clock = o.over?.clock ?? new os!.RealClock()
      const zones = os === undefined ? new Map<number, string>() : zonesOf(os, o.netns)
      const rights = o.dropRights === true && os !== undefined ? os.dropRights().said : []
      this.#ready.resolve({ ...prepared, door: door.name, why: [...choice.why, ...rights], cannot: door.cannot })
      const report = new Report(prepared, clock, (port) => zones.get(port) ?? o.over?.portName?.(port))
      const machine = new SendMachine({
        ...prepared,
        count: o.count ?? 1,
        intervalMs: o.interval ?? 1000,
        waitMs: o.wait ?? 4000,
      })
      await drive(machine, [door], clock, (e) => this.#queue.push(report.event(e)), signal)
      const summary = report.summary()
      this.#queue.pushLast(summary)
      this.#queue.end()
      return summary
    } catch (e) {
      this.#ready.reject(e)
      this.#queue.end(e)
      throw e
    } finally {
      await door?.[Symbol.asyncDispose]()
    }
  }
}

/** The machine's events as the world reads them. */
class Report {
  readonly #p: Prepared
  readonly #clock: Clock
  readonly #zone: (port: number) => string | undefined
  #sent = 0
  #replies = 0
  #errors = 0
  #localDrops = 0

  constructor(prepared: Prepared, clock: Clock, zone: (port: number) => string | undefined) {
    this.#p = prepared
    this.#clock = clock
    this.#zone = zone
  }

  event(e: SendMachineEvent): SendEvent {
    const { target, address, family, packet, icmp } = this.#p
    const time = this.#time(e.at)
    switch (e.kind) {
      case 'sent': {
        this.#sent++
        const type = packet[icmp] ?? 0
        const code = packet[icmp + 1] ?? 0
        const { name } = registry.lookup(family, type, code)
        return { kind: 'sent', target, address, time, number: e.number, family, type, code, name, octets: packet }
      }
      case 'unsent':
        this.#localDrops++
        return { kind: 'local-drop', target, time, number: e.number, why: e.why, mtu: e.mtu || null }
      case 'timeout':
        return { kind: 'timeout', target, time }
      case 'reply':
      case 'error':
        if (e.kind === 'reply') this.#replies++
        else this.#errors++
        return this.#answer(e, time)
    }
  }

  summary(): SendSummary {
    const { target, address, family, packet, icmp } = this.#p
    const answerable = answerTypes(family, packet[icmp] ?? 0).length > 0
    const counts = { sent: this.#sent, replies: this.#replies, errors: this.#errors, localDrops: this.#localDrops }
    return { kind: 'summary', target, address, time: this.#time(this.#clock.now()), ...counts, answerable }
  }

  #answer(e: Extract<SendMachineEvent, { kind: 'reply' | 'error' }>, time: string): SendAnswer {
    const { target, family } = this.#p
    const { packet, icmp, end } = e
    const h = family === 4 ? ip4.parse(packet, 0, packet.length) : ip6.parse(packet, 0, packet.length)
    const m = family === 4 ? icmp4.parse(packet, icmp, end) : icmp6.parse(packet, icmp, end)
    const type = packet[icmp]!
    const code = packet[icmp + 1]!
    const { name, meaning } = registry.lookup(family, type, code)
    const read = 'quote' in m ? quote.parse(m.quote, 0, m.quote.length, family) : undefined
    const src = h.kind === 'malformed' ? this.#p.dst : h.src
    const ttl = h.kind === 'ip4' ? h.ttl : h.kind === 'ip6' ? h.hopLimit : 0
    return {
      kind: e.kind,
      target,
      from: showIp(src, typeof src === 'bigint' && isLinkLocal(src) ? this.#zone(e.port) : undefined),
      time,
      rttNs: e.rttNs,
      clock: e.clock,
      family,
      ttl: ttl || null,
      type,
      code,
      name,
      meaning,
      checksum: verify(packet, icmp, end, h),
      message: toJson(m),
      quote: toJson(read ?? null),
      octets: packet,
      length: e.length,
    }
  }

  #time(at: Instant): string {
    return showTime(this.#clock.wall(at))
  }
}

/** Interface names by index, read while we still may enter the namespace. */
function zonesOf(os: typeof import('../os/index.ts'), netns: string | undefined): Map<number, string> {
  const links = () => {
    using netlink = os.openNetlink()
    return netlink.links()
  }
  const found = netns === undefined ? links() : os.inNamespace(netns, links)
  return new Map<number, string>(found.map((l) => [l.index, l.name]))
}

function verify(
  packet: Uint8Array,
  icmp: number,
  end: number,
  h: ReturnType<typeof ip4.parse | typeof ip6.parse>,
): Verdict {
  if (h.kind === 'malformed') return 'unverifiable'
  if (h.kind === 'ip4') return icmp4.verify(packet, icmp, end, end - icmp)
  return icmp6.verify(packet, icmp, end, end - icmp, h.src, h.finalDst)
}

function sourceOf(o: SendOptions, family: Family): Ip | undefined {
  if (o.source === undefined) return undefined
  const ip = parseIp(o.source)
  if (ip === undefined || familyOf(ip) !== family)
    throw new TypeError(`${o.source}: the source must be an IPv${family} address`)
  return ip
}

function makePacket(
  what: ReturnType<Sendable>,
  src: Ip,
  dst: Ip,
  o: SendOptions,
): Pick<Prepared, 'packet' | 'icmp' | 'ownHeader'> {
  const message = what instanceof Uint8Array ? what.slice() : write(what, src, dst)
  if (what instanceof Uint8Array && o.checksum !== 'given' && message.length >= 4) seal(message, src, dst)
  const right = message.length >= 4 ? u16(message, 2) : 0
  if (o.checksum === 'wrong' && message.length >= 4) put16(message, 2, ~right & 0xffff)
  const ttl = o.ttl ?? usualTtl(familyOf(dst), message[0])
  if (typeof dst === 'number') {
    const options = ip4Option.writeOptions(o.routerAlert === true ? [{ kind: 'routerAlert', value: 0 }] : [])
    const f = { protocol: icmp4.PROTOCOL, src: src as typeof dst, dst, ttl, tos: o.tos ?? 0, options }
    const packet = new Uint8Array(ip4.size(f) + message.length)
    const icmp = ip4.write(f, packet, 0, message.length)
    packet.set(message, icmp)
    // The kernel reads a TTL of zero as "the default", and refuses a message without room for its header.
    return { packet, icmp, ownHeader: ttl === 0 || message.length < 8 }
  }
  const extensions = (o.routerAlert ?? isMld(message[0])) ? [ROUTER_ALERT] : []
  const f = {
    extensions,
    protocol: icmp6.PROTOCOL,
    src: src as typeof dst,
    dst,
    hopLimit: ttl,
    trafficClass: o.tos ?? 0,
    flowLabel: o.flowLabel ?? 0,
  }
  const packet = new Uint8Array(ip6.size(f) + message.length)
  const icmp = ip6.write(f, packet, 0, message.length)
  packet.set(message, icmp)
  // The kernel makes the checksum of ICMPv6 right, whatever it was, and refuses what has no room for one.
  const kept = message.length >= 4 && icmp6.verify(packet, icmp, packet.length, message.length, f.src, dst) === 'ok'
  return { packet, icmp, ownHeader: !kept || ttl === 0 || extensions.length > 0 }
}

/** Padded to eight octets. */
const ROUTER_ALERT: ip6Extension.Extension = {
  kind: 'hopByHop',
  options: [
    { kind: 'routerAlert', value: 0 },
    { kind: 'padN', length: 0 },
  ],
}

function write(m: icmp4.Message | icmp6.Message, src: Ip, dst: Ip): Uint8Array {
  if (typeof src === 'number' || typeof dst === 'number') {
    const message = m as icmp4.Message
    const out = new Uint8Array(icmp4.size(message))
    icmp4.write(message, out, 0)
    return out
  }
  const message = m as icmp6.Message
  const out = new Uint8Array(icmp6.size(message))
  icmp6.write(message, out, 0, src, dst)
  return out
}

function seal(message: Uint8Array, src: Ip, dst: Ip): void {
  put16(message, 2, 0)
  const isSix = typeof src === 'bigint' && typeof dst === 'bigint'
  const pseudo = isSix ? checksum.pseudoSum6(src, dst, icmp6.PROTOCOL, message.length) : 0
  put16(message, 2, checksum.finish(checksum.sum(message, 0, message.length, pseudo)))
}

/** RFC 2710 §3, RFC 3810 §5: queries without the option are dropped. */
function isMld(type: number | undefined): boolean {
  return type !== undefined && ((type >= 130 && type <= 132) || type === 143)
}

/** RFC 4861 §6.1, RFC 2710 §3, RFC 4286 §2: who gets another hop limit drops the message. */
function usualTtl(family: Family, type: number | undefined): number {
  if (family === 4 || type === undefined) return 64
  if ((type >= 133 && type <= 137) || type === 141 || type === 142) return 255
  return isMld(type) || (type >= 151 && type <= 153) ? 1 : 64
}

function doorSpec(p: Prepared, o: SendOptions) {
  return {
    kind: 'raw-socket' as const,
    family: p.family,
    types: answerTypes(p.family, p.packet[p.icmp] ?? 0),
    headers: p.ownHeader ? ('ours' as const) : ('kernel' as const),
    broadcast: p.dst === BROADCAST4,
    ...(o.netns === undefined ? {} : { netns: o.netns }),
    ...(o.interface === undefined ? {} : { interface: o.interface }),
    ...(o.mark === undefined ? {} : { mark: o.mark }),
    ...(o.source === undefined ? {} : { source: o.source }),
    ...(o.source !== undefined && p.port > 0 ? { sourcePort: p.port } : {}),
  }
}
