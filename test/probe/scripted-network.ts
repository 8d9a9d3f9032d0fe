/**
 * A ping machine in virtual time over a network that is a function: what the unit tests of the machine share. Packets are
 * made by the function from the octets of the request, never by the machine's own writers.
 */
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, Slot } from '../../packages/icmpkit/src/door.ts'
import { EchoQuestion } from '../../packages/icmpkit/src/probe/echo-question.ts'
import type { PingEventOut } from '../../packages/icmpkit/src/probe/outbox.ts'
import type { ReplyEvent, SummaryEvent } from '../../packages/icmpkit/src/probe/ping-event.ts'
import { PingMachine } from '../../packages/icmpkit/src/probe/ping-machine.ts'
import type { PingSettings } from '../../packages/icmpkit/src/probe/ping-settings.ts'
import type { PingTarget } from '../../packages/icmpkit/src/probe/ping-target.ts'
import { parseIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { fold, sum } from '../../packages/icmpkit/src/wire/checksum.ts'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'

/** What a network does with one packet: copies that arrive after so many milliseconds. */
export type Network = (packet: Uint8Array, n: number) => { after: number; bytes: Uint8Array }[]

export const SECRET: Uint8Array = unhex('0102030405060708')

/** Settings of a plain ping; chance is a fixed sequence. */
export function settings(more: Partial<PingSettings> = {}): PingSettings {
  let r = 1
  return {
    question: new EchoQuestion(56, SECRET),
    intervalMs: 1000,
    timeoutMs: 1000,
    pace: 'interval',
    spacingMs: 0,
    preload: 1,
    ttl: 64,
    tos: 0,
    flowLabel: 0,
    dontFragment: false,
    tellOutstanding: false,
    userClock: false,
    hold: false,
    echoId: () => undefined,
    midnightOffsetMs: 0,
    random: () => {
      r = (r * 16807) % 2147483647
      return r / 2147483647
    },
    ...more,
  }
}

/** Runs a machine in virtual time over a network that is a function; as `drive` does, without waiting. */
export function play(
  m: PingMachine,
  network: Network,
  more: {
    until?: number
    at?: Record<number, () => void>
    unsent?: (n: number) => 'no-buffer' | 'too-big' | undefined
  } = {},
): PingEventOut[] {
  const events: PingEventOut[] = []
  const flying: { at: number; bytes: Uint8Array }[] = []
  const slot: Slot = { bytes: new Uint8Array(70000), at: 0, limit: 70000, end: 0, family: undefined, port: 0, tag: 0 }
  let now = 0
  let sent = 0
  for (let turns = 0; turns < 1_000_000; turns++) {
    const t = now as Instant
    more.at?.[now]?.()
    m.handleTimeout(t)
    while (m.pollTransmit(t, slot)) {
      const why = more.unsent?.(sent)
      const packet = slot.bytes.slice(0, slot.end)
      if (why !== undefined) m.handleUnsent(t, slot.tag, why, why === 'too-big' ? 1400 : 0)
      else for (const { after, bytes } of network(packet, sent)) flying.push({ at: now + after, bytes })
      sent++
    }
    for (let e = m.pollEvent(); e !== undefined; e = m.pollEvent()) events.push(e)
    const until = m.pollTimeout()
    if (until === undefined) return events
    flying.sort((a, b) => a.at - b.at)
    const asked = Object.keys(more.at ?? {})
      .map(Number)
      .filter((x) => x > now)
    now = Math.min(Math.max(now, until), flying[0]?.at ?? Infinity, ...asked)
    if (now > (more.until ?? 1e9) || now === Infinity) return events
    while (flying[0] !== undefined && flying[0].at <= now)
      m.handlePacket(now as Instant, arrival(flying.shift()!.bytes, now))
  }
  throw new Error('the machine never ends')
}

/** A packet as a door that checks nothing gives it. */
export function arrival(bytes: Uint8Array, now: number): Arrival {
  return {
    bytes,
    at: 0,
    end: bytes.length,
    length: bytes.length,
    origin: 'wire',
    link: 'host',
    checksum: 'unknown',
    stamp: now as Instant,
    clock: 'virtual',
    port: 1,
  }
}

/** An echo reply made from the octets of the request (RFC 792: addresses swapped, type changed, checksum recomputed). */
export function reply(request: Uint8Array, change?: (icmp: Uint8Array) => void, from?: string): Uint8Array {
  const r = request.slice()
  r.set(request.subarray(12, 16), 16)
  r.set(request.subarray(16, 20), 12)
  if (from !== undefined) r.set(from.split('.').map(Number), 12)
  const icmp = r.subarray(20)
  icmp[0] = 0
  change?.(icmp)
  icmp[2] = icmp[3] = 0
  const check = ~fold(sum(icmp, 0, icmp.length)) & 0xffff
  icmp[2] = check >> 8
  icmp[3] = check & 255
  return r
}

/** An ICMP error from 10.9.9.9 that quotes `quoted` octets of the request. */
export function error(request: Uint8Array, type: number, code: number, rest = 0, quoted = request.length): Uint8Array {
  const icmp = new Uint8Array(8 + quoted)
  icmp[0] = type
  icmp[1] = code
  icmp[6] = rest >> 8
  icmp[7] = rest & 255
  icmp.set(request.subarray(0, quoted), 8)
  const check = ~fold(sum(icmp, 0, icmp.length)) & 0xffff
  icmp[2] = check >> 8
  icmp[3] = check & 255
  const head = unhex('45000000 00000000 40010000 0a090909 00000000')
  const packet = new Uint8Array(20 + icmp.length)
  packet.set(head)
  packet[2] = packet.length >> 8
  packet[3] = packet.length & 255
  packet.set(icmp, 20)
  return packet
}

export const target = (text: string): PingTarget => ({ ip: parseIp(text)!, port: 0, source: undefined })
export const kinds = (events: readonly PingEventOut[]): string[] => events.map((e) => e.kind)
export const replies = (events: readonly PingEventOut[]): ReplyEvent[] =>
  events.filter((e): e is ReplyEvent => e.kind === 'reply')
export const summaryOf = (events: readonly PingEventOut[]): SummaryEvent =>
  events.find((e) => e.kind === 'summary') as SummaryEvent

/** One target, 192.0.2.1. */
export function one(more: Partial<PingSettings>, network: Network, extra?: Parameters<typeof play>[2]): PingEventOut[] {
  const m = new PingMachine(settings(more))
  m.add(0 as Instant, target('192.0.2.1'))
  return play(m, network, extra)
}
