/** The smallest machine that asks: it sends what it is told, one packet at a time, and writes down all that a door says. */
import type { Clock, ClockSource, Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, Door, LocalDrop, Machine, Slot } from '../../packages/icmpkit/src/door.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { ANY4, ANY6, type Ip, type Ip4, type Ip6, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as icmp4 from '../../packages/icmpkit/src/wire/icmp4.ts'
import * as icmp6 from '../../packages/icmpkit/src/wire/icmp6.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import { ip } from './testnet.ts'

export interface Ask {
  to: string
  size?: number
  ttl?: number
  tos?: number
  df?: boolean
  flowLabel?: number
  options?: Uint8Array
  source?: string
  port?: number
}

/** An arrival, copied. */
export interface Heard {
  bytes: Uint8Array
  header: ip4.Header | ip6.Header
  message: icmp4.Message | icmp6.Message
  checksum: 'ok' | 'bad' | 'unverifiable'
  from: string
  to: string
  ttl: number
  octets: number
  origin: Arrival['origin']
  link: Arrival['link']
  port: number
  stamp: Instant
  clock: ClockSource
  now: Instant
}

export interface Sent {
  tag: number
  stamp: Instant
  clock: ClockSource
}

export interface RunOptions {
  limit?: number
  linger?: number
  clock?: Clock
  until?: (m: Asker) => boolean
}

export class Asker implements Machine<never> {
  readonly heard: Heard[] = []
  readonly sent: Sent[] = []
  readonly unsent: { tag: number; why: LocalDrop; mtu: number }[] = []
  readonly id: number
  readonly #asks: readonly Ask[]
  readonly #interval: number
  #next = 0
  #due: Instant | undefined
  #end: number | undefined
  #until: (m: Asker) => boolean = () => true
  #lingerUntil = 0
  #linger = 0
  #now = 0

  /** Tags count from 1, sequence numbers are the tags; one ask each `interval` ms, 0 = all at once. */
  constructor(asks: readonly Ask[], id = 0x1d1d, interval = 0) {
    this.#asks = asks
    this.id = id
    this.#interval = interval
  }

  /**
   * Runs until each ask has an answer of any kind and `until` holds, or for `limit` ms; then `linger` ms longer, for what
   * is too much. Without a limit of the test's own it waits as long as any machine may take.
   */
  async run(
    door: Door,
    { limit = 60_000, linger = 0, clock = new RealClock(), until = () => true }: RunOptions = {},
  ): Promise<this> {
    this.#until = until
    this.#due = clock.now()
    this.#end = clock.now() + limit
    this.#linger = linger
    await drive(this, [door], clock, () => {})
    return this
  }

  /** Sends all that is asked, and hears nothing. */
  async sendOnly(door: Door, clock: Clock = new RealClock()): Promise<void> {
    this.#due = clock.now()
    while (door.send(clock.now(), this)) await clock.wait(undefined, [door], true)
  }

  replies(): Heard[] {
    return this.heard.filter((h) => h.message.kind === 'echoReply')
  }

  /** How many packets have their stamp by that clock. */
  stamped(clock: ClockSource): number {
    return new Set(this.sent.filter((s) => s.clock === clock).map((s) => s.tag)).size
  }

  /** Sequence numbers of the replies, in order. */
  answered(): number[] {
    return this.replies()
      .map((h) => ('seq' in h.message ? h.message.seq : -1))
      .sort((a, b) => a - b)
  }

  handlePacket(now: Instant, a: Arrival): boolean {
    const bytes = a.bytes.slice(a.at, a.end)
    const four = bytes[0]! >>> 4 === 4
    const header = four ? ip4.parse(bytes) : ip6.parse(bytes)
    if (header.kind === 'malformed') throw new Error(`a door gave a malformed header: ${header.why}`)
    const message = four
      ? icmp4.parse(bytes, header.payload, header.end)
      : icmp6.parse(bytes, header.payload, header.end)
    if (message.kind === 'malformed') throw new Error(`a door gave a malformed message: ${message.why}`)
    // Neighbour discovery is the link's own business (RFC 4861).
    if (!four && bytes[header.payload]! >= 133 && bytes[header.payload]! <= 137) return false
    const length = header.end - header.payload
    this.heard.push({
      bytes,
      header,
      message,
      checksum: four
        ? icmp4.verify(bytes, header.payload, header.end, length)
        : icmp6.verifyAt(bytes, header.payload, header.end, length, 0),
      from: showIp(header.src),
      to: showIp(header.dst),
      ttl: header.kind === 'ip4' ? header.ttl : header.hopLimit,
      octets: a.end - a.at,
      origin: a.origin,
      link: a.link,
      port: a.port,
      stamp: a.stamp,
      clock: a.clock,
      now,
    })
    return false
  }

  handleSent(_now: Instant, tag: number, stamp: Instant, clock: ClockSource): void {
    this.sent.push({ tag, stamp, clock })
  }

  handleUnsent(_now: Instant, tag: number, why: LocalDrop, mtu: number): void {
    this.unsent.push({ tag, why, mtu })
  }

  handleTimeout(now: Instant): void {
    this.#now = now
  }

  pollTransmit(now: Instant, slot: Slot): boolean {
    const ask = this.#asks[this.#next]
    if (ask === undefined || now < this.#due!) return false
    this.#next++
    this.#due = (this.#due! + this.#interval) as Instant
    slot.tag = this.#next
    slot.port = ask.port ?? 0
    const m = {
      kind: 'echoRequest',
      code: 0,
      id: this.id,
      seq: this.#next,
      data: new Uint8Array(ask.size ?? 56).fill(this.#next),
    } as const
    const dst: Ip = ip(ask.to)
    if (typeof dst === 'bigint') {
      const src = ask.source === undefined ? ANY6 : (ip(ask.source) as Ip6)
      const fields: ip6.Fields = { protocol: 58, src, dst, hopLimit: ask.ttl ?? 64 }
      fields.trafficClass = ask.tos ?? 0
      fields.flowLabel = ask.flowLabel ?? 0
      const at = ip6.write(fields, slot.bytes, slot.at, icmp6.size(m))
      slot.end = icmp6.write(m, slot.bytes, at, src, dst)
    } else {
      const src = ask.source === undefined ? ANY4 : (ip(ask.source) as Ip4)
      const fields: ip4.Fields = { protocol: 1, src, dst, ttl: ask.ttl ?? 64, tos: ask.tos ?? 0, df: ask.df ?? false }
      if (ask.options !== undefined) fields.options = ask.options
      const at = ip4.write(fields, slot.bytes, slot.at, icmp4.size(m))
      slot.end = icmp4.write(m, slot.bytes, at)
    }
    return true
  }

  pollEvent(): undefined {}

  pollTimeout(): Instant | undefined {
    const answers = this.heard.length + this.unsent.length
    if (
      this.#lingerUntil === 0 &&
      this.#next === this.#asks.length &&
      answers >= this.#asks.length &&
      this.#until(this)
    )
      this.#lingerUntil = this.#now + this.#linger
    if (this.#lingerUntil !== 0) return this.#past(this.#lingerUntil)
    if (this.#next < this.#asks.length) return this.#due
    return this.#past(this.#end!)
  }

  #past(moment: number): Instant | undefined {
    return this.#now < moment ? (moment as Instant) : undefined
  }
}
