/** Machines for the doors of ports: one that writes down all that it is given, one that is a cable between two ports. */
import { onTestFinished } from 'vitest'
import type { ClockSource, Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, Door, LocalDrop, Machine, Slot } from '../../packages/icmpkit/src/door.ts'
import { openPort } from '../../packages/icmpkit/src/os/open-port.ts'
import type { PortDoor, PortSpec } from '../../packages/icmpkit/src/os/port-door.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import * as checksum from '../../packages/icmpkit/src/wire/checksum.ts'
import { u16 } from '../../packages/icmpkit/src/wire/octets.ts'

/** An arrival whose octets are a copy, from its first one on. */
export type Heard = Omit<Arrival, 'at' | 'end'>

export interface Told {
  tag: number
  stamp: Instant
  clock: ClockSource
}

export class PortMachine implements Machine<never> {
  readonly heard: Heard[] = []
  readonly sent: Told[] = []
  readonly unsent: { tag: number; why: LocalDrop; mtu: number }[] = []
  /** What leaves next, by port. */
  readonly queue: { port: number; bytes: Uint8Array; tag?: number }[] = []
  /** The ports that were asked for. */
  readonly asked: Set<number> = new Set<number>()
  /** Rewrites a packet in place. */
  answer: ((a: Arrival) => boolean) | undefined
  done = false

  handlePacket(_now: Instant, a: Arrival): boolean {
    const { at, end, ...rest } = a
    this.heard.push({ ...rest, bytes: a.bytes.slice(at, end) })
    return this.answer?.(a) ?? false
  }

  handleSent(_now: Instant, tag: number, stamp: Instant, clock: ClockSource): void {
    this.sent.push({ tag, stamp, clock })
  }

  handleUnsent(_now: Instant, tag: number, why: LocalDrop, mtu: number): void {
    this.unsent.push({ tag, why, mtu })
  }

  handleTimeout(): void {}

  pollTransmit(_now: Instant, slot: Slot): boolean {
    this.asked.add(slot.port)
    const i = this.queue.findIndex((q) => q.port === slot.port)
    if (i < 0) return false
    const [{ bytes, tag }] = this.queue.splice(i, 1) as [{ port: number; bytes: Uint8Array; tag?: number }]
    slot.bytes.set(bytes, slot.at)
    slot.end = slot.at + bytes.length
    slot.tag = tag ?? 0
    return true
  }

  pollEvent(): undefined {}

  pollTimeout(): Instant | undefined {
    return this.done ? undefined : (Number.POSITIVE_INFINITY as Instant)
  }
}

/** What comes in at one port goes out of the other, as it is. */
export class CableMachine extends PortMachine {
  readonly #other: Map<number, number>

  constructor(a: Door & PortDoor, b: PortDoor) {
    super()
    this.#other = new Map<number, number>([
      [a.port.index, b.port.index],
      [b.port.index, a.port.index],
    ])
  }

  override handlePacket(now: Instant, a: Arrival): boolean {
    super.handlePacket(now, a)
    this.queue.push({ port: this.#other.get(a.port)!, bytes: this.heard.at(-1)!.bytes })
    return false
  }
}

/** A door, closed when the running test ends. */
export async function opened(spec: PortSpec): Promise<PortDoor> {
  const door = await openPort(spec)
  onTestFinished(() => door[Symbol.asyncDispose]())
  return door
}

/** Runs `m` over `doors` until the test ends; what it returns wakes it. A failure of the doors fails the test, unless `failed` takes it. */
export function running(m: Machine<unknown>, doors: readonly Door[], failed?: (e: unknown) => void): () => void {
  const clock = new RealClock()
  const stop = new AbortController()
  const end = drive(m, doors, clock, () => {}, stop.signal).catch((e: unknown) => {
    if (failed === undefined) throw e
    failed(e)
  })
  onTestFinished(async () => {
    stop.abort()
    await end
  })
  return () => clock.wake()
}

/** Until `condition` holds; a test that waits for ever ends by its own limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Answers echo requests in place, whatever is in front of the IP header; MAC addresses are exchanged, none is claimed. */
export function answerEcho(a: Arrival, ethernet: boolean): boolean {
  const { bytes } = a
  let ip = a.at
  if (ethernet) {
    ip += 14
    if (u16(bytes, a.at + 12) === 0x8100) ip += 4
  }
  const four = bytes[ip]! >>> 4 === 4
  const icmp = ip + (four ? (bytes[ip]! & 15) * 4 : 40)
  if (bytes[ip + (four ? 9 : 6)] !== (four ? 1 : 58) || bytes[icmp] !== (four ? 8 : 128)) return false
  const swap = (x: number, y: number, n: number) => {
    const kept = bytes.slice(x, x + n)
    bytes.copyWithin(x, y, y + n)
    bytes.set(kept, y)
  }
  if (ethernet) swap(a.at, a.at + 6, 6)
  if (four) swap(ip + 12, ip + 16, 4)
  else swap(ip + 8, ip + 24, 16)
  const from = u16(bytes, icmp)
  bytes[icmp] = four ? 0 : 129
  const sum = checksum.update(u16(bytes, icmp + 2), from, u16(bytes, icmp))
  bytes[icmp + 2] = sum >>> 8
  bytes[icmp + 3] = sum
  return true
}
