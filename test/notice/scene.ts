/** A notifier and what comes to it and from it, with a clock that the test moves. */
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, Slot } from '../../packages/icmpkit/src/door.ts'
import type { NoticeEvent, Request } from '../../packages/icmpkit/src/notice/event.ts'
import { Notifier, type NotifierOptions } from '../../packages/icmpkit/src/notice/notifier.ts'
import type { ProgramSpec } from '../../packages/icmpkit/src/notice/program.ts'
import {
  checksum,
  type Family,
  familyOf,
  type Ip,
  type Ip4,
  type Ip6,
  ip4,
  ip6,
  parseIp,
  showIp,
  udp,
} from '../../packages/icmpkit/src/wire/index.ts'

export const SHOP: ProgramSpec = { name: 'shop', protocol: 'udp', port: 5000 }
export const WEB: ProgramSpec = { name: 'web', protocol: 'tcp', port: 443 }
/** Of the lab's Linux: `lo`. */
export const LOOPBACK = 1
export const ETH0 = 2

/** Numbers out of a seed, between 0 and 1. */
export function chance(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32
  }
}

export class Scene {
  now = 0 as Instant
  readonly notifier: Notifier
  readonly events: NoticeEvent[] = []
  readonly requests: Request[] = []
  /** How many sockets hold the port of each program; one where nothing is said. */
  readonly holders = new Map<string, number>()
  /** When each packet was sent. */
  readonly sentAt: number[] = []
  /** Requests to look who holds a port are answered at once. */
  answers = true

  constructor(options: Partial<NotifierOptions> = {}, programs: readonly ProgramSpec[] = [SHOP]) {
    this.notifier = new Notifier({
      programs,
      wall: (now) => 1_800_000_000 + Math.floor(now / 1000),
      random: chance(1),
      loopbackPort: LOOPBACK,
      ...options,
    })
  }

  /** A packet that the server gets, or sends (`link: 'other'`). */
  give(bytes: Uint8Array, a: Partial<Arrival> = {}): void {
    const { length } = bytes
    this.notifier.handlePacket(this.now, { ...ARRIVAL, bytes, end: length, length, stamp: this.now, ...a })
  }

  /** In, out, in again. */
  confirm(into: Uint8Array, out: Uint8Array, a: Partial<Arrival> = {}): void {
    this.give(into, a)
    this.give(out, { ...a, link: 'other' })
    this.give(into, a)
  }

  /** Until then, with all that falls due on the way; what was sent, in order. */
  run(until: number, family?: Family): Uint8Array[] {
    const sent = this.collect(family)
    for (let steps = 0; ; steps++) {
      if (steps > 100_000) throw new Error(`still due at ${this.now}: ${this.notifier.pollTimeout()}`)
      const next = Math.max(this.notifier.pollTimeout(), this.now)
      if (next > until) break
      this.now = next as Instant
      sent.push(...this.collect(family))
    }
    this.now = until as Instant
    sent.push(...this.collect(family))
    return sent
  }

  /** What is due now. */
  collect(family?: Family): Uint8Array[] {
    this.look()
    const sent: Uint8Array[] = []
    const slot: Slot = { bytes: new Uint8Array(2048), at: 16, limit: 2048, end: 0, family, port: 0, tag: 0 }
    while (this.notifier.pollTransmit(this.now, slot)) {
      sent.push(slot.bytes.slice(slot.at, slot.end))
      this.sentAt.push(this.now)
    }
    this.look()
    return sent
  }

  /** Time-outs, requests and events of this moment. */
  look(): void {
    this.notifier.handleTimeout(this.now)
    for (let r = this.notifier.pollRequest(); r !== undefined; r = this.notifier.pollRequest()) {
      this.requests.push(r)
      if (r.kind === 'recheck' && this.answers)
        this.notifier.sign(this.now, r.program, { kind: 'holders', count: this.holders.get(r.program) ?? 1 })
    }
    for (let e = this.notifier.pollEvent(); e !== undefined; e = this.notifier.pollEvent()) this.events.push(e)
  }

  /** The last of that kind. @throws Error where there is none */
  last<K extends NoticeEvent['kind']>(kind: K): Extract<NoticeEvent, { kind: K }> {
    this.look()
    const e = this.events.findLast((x) => x.kind === kind)
    if (e === undefined) throw new Error(`no '${kind}' among ${this.events.map((x) => x.kind).join(', ')}`)
    return e as Extract<NoticeEvent, { kind: K }>
  }
}

const ARRIVAL: Omit<Arrival, 'bytes' | 'end' | 'length' | 'stamp'> = {
  at: 0,
  origin: 'wire',
  link: 'host',
  checksum: 'ok',
  clock: 'virtual',
  port: ETH0,
}

/** A UDP datagram of so many octets of data. */
export function datagram(from: string | Ip, fromPort: number, to: string | Ip, toPort: number, data = 2): Uint8Array {
  const src = typeof from === 'string' ? parseIp(from)! : from
  const dst = typeof to === 'string' ? parseIp(to)! : to
  const four = familyOf(src) === 4
  const header = four ? ip4.HEADER : ip6.HEADER
  const bytes = new Uint8Array(header + udp.HEADER + data)
  const length = bytes.length - header
  if (four) ip4.write({ src: src as Ip4, dst: dst as Ip4, protocol: 17, id: 1 }, bytes, 0, length)
  else ip6.write({ src: src as Ip6, dst: dst as Ip6, protocol: 17 }, bytes, 0, length)
  const pseudo = (four ? checksum.pseudo4 : checksum.pseudo6)(bytes, 0, 17, length)
  udp.write({ srcPort: fromPort, dstPort: toPort }, bytes, header, bytes.length, pseudo)
  return bytes
}

/** Where a packet goes, and the port of its quote's sender. */
export function target(p: Uint8Array): string {
  const four = p[0]! >>> 4 === 4
  const h = four ? ip4.parse(p) : ip6.parse(p)
  if (h.kind === 'malformed') throw new Error('no IP packet')
  const quote = h.payload + 8
  const port = quote + (four ? 20 : 40)
  return `${showIp(h.dst)} ${(p[port]! << 8) | p[port + 1]!}`
}
