/**
 * A host that answers as the test says: twice, late, changed on the way, from an address that was not asked. A raw
 * socket with IP headers of its own in the peer's namespace, whose kernel has been told to keep silent.
 */
import { onTestFinished } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, Machine, Slot } from '../../packages/icmpkit/src/door.ts'
import { openDoor } from '../../packages/icmpkit/src/os/open-door.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { type Family, type Ip, type Ip4, type Ip6, readIp4, readIp6 } from '../../packages/icmpkit/src/wire/addr.ts'
import { fold, pseudoSum6, sum } from '../../packages/icmpkit/src/wire/checksum.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import type { Host } from './testnet.ts'

/** A question that reached the host. */
export interface Question {
  family: Family
  src: Ip
  dst: Ip
  /** The IP packet, and in it the ICMP message. */
  packet: Uint8Array
  icmp: Uint8Array
  /** Questions before this one. */
  n: number
}

/** An IP packet that leaves after so many milliseconds. */
export interface Answer {
  after: number
  packet: Uint8Array
}

export interface Hostile {
  /** All that was asked, in order. */
  readonly asked: Question[]
}

/** Takes the answers of `family` over from the kernel of `h`, until the running test ends. `types`: which messages are questions. */
export async function hostile(
  h: Host,
  family: Family,
  answers: (q: Question) => readonly Answer[],
  types: readonly number[] = [family === 4 ? 8 : 128],
): Promise<Hostile> {
  h.sysctl(family === 4 ? 'ipv4.icmp_echo_ignore_all' : 'ipv6.icmp.echo_ignore_all', 1)
  const { door } = await openDoor({ kind: 'raw-socket', family, netns: h.name, accept: 'all', headers: 'ours' })
  const machine = new HostileHost(family, types, answers)
  const stop = new AbortController()
  const done = drive(machine, [door], new RealClock(), () => {}, stop.signal)
  onTestFinished(async () => {
    stop.abort()
    await done
    await door[Symbol.asyncDispose]()
    h.sysctl(family === 4 ? 'ipv4.icmp_echo_ignore_all' : 'ipv6.icmp.echo_ignore_all', 0)
  })
  return machine
}

/** The echo reply to `q`; `change` gives another ICMP message, whose checksum is then made right (unless it is to be `broken`). */
export function reply(
  q: Question,
  {
    from = q.dst,
    change,
    broken = false,
  }: { from?: Ip; change?: (icmp: Uint8Array) => Uint8Array; broken?: boolean } = {},
): Uint8Array {
  const icmp = q.icmp.slice()
  icmp[0] = q.family === 4 ? 0 : 129
  return datagram(q.family, from, q.src, change?.(icmp) ?? icmp, broken)
}

/** An ICMP error from `from` that quotes the question; `rest` are octets 4 to 8 of the message. */
export function error(
  q: Question,
  type: number,
  code: number,
  {
    from = q.dst,
    rest = [0, 0, 0, 0],
    quoted = q.packet.length,
    behind = new Uint8Array(0),
  }: { from?: Ip; rest?: readonly number[]; quoted?: number; behind?: Uint8Array } = {},
): Uint8Array {
  const icmp = new Uint8Array(8 + quoted + behind.length)
  icmp.set([type, code, 0, 0, ...rest])
  icmp.set(q.packet.subarray(0, quoted), 8)
  icmp.set(behind, 8 + quoted)
  return datagram(q.family, from, q.src, icmp)
}

/** An IP packet around an ICMP message, with its checksum, right or wrong. */
export function datagram(family: Family, src: Ip, dst: Ip, icmp: Uint8Array, broken = false): Uint8Array {
  const header = family === 4 ? 20 : 40
  const packet = new Uint8Array(header + icmp.length)
  if (family === 4) ip4.write({ protocol: 1, src: src as Ip4, dst: dst as Ip4 }, packet, 0, icmp.length)
  else ip6.write({ protocol: 58, src: src as Ip6, dst: dst as Ip6 }, packet, 0, icmp.length)
  packet.set(icmp, header)
  packet[header + 2] = packet[header + 3] = 0
  const pseudo = family === 4 ? 0 : pseudoSum6(src as Ip6, dst as Ip6, 58, icmp.length)
  const check = (~fold(sum(packet, header, packet.length, pseudo)) & 0xffff) ^ (broken ? 0x0101 : 0)
  packet[header + 2] = check >> 8
  packet[header + 3] = check & 0xff
  return packet
}

class HostileHost implements Machine<never> {
  readonly asked: Question[] = []
  readonly #family: Family
  readonly #types: readonly number[]
  readonly #answers: (q: Question) => readonly Answer[]
  readonly #due: { at: Instant; packet: Uint8Array }[] = []

  constructor(family: Family, types: readonly number[], answers: (q: Question) => readonly Answer[]) {
    this.#family = family
    this.#types = types
    this.#answers = answers
  }

  handlePacket(now: Instant, a: Arrival): boolean {
    const packet = a.bytes.slice(a.at, a.end)
    const header = this.#family === 4 ? ip4.parse(packet) : ip6.parse(packet)
    if (header.kind === 'malformed') return false
    const icmp = packet.subarray(header.payload, header.end)
    if (!this.#types.includes(icmp[0]!)) return false
    const q: Question = {
      family: this.#family,
      src: this.#family === 4 ? readIp4(packet, 12) : readIp6(packet, 8),
      dst: this.#family === 4 ? readIp4(packet, 16) : readIp6(packet, 24),
      packet,
      icmp,
      n: this.asked.length,
    }
    this.asked.push(q)
    for (const { after, packet } of this.#answers(q)) this.#due.push({ at: (now + after) as Instant, packet })
    this.#due.sort((a, b) => a.at - b.at)
    return false
  }

  pollTransmit(now: Instant, slot: Slot): boolean {
    const [first] = this.#due
    if (first === undefined || first.at > now) return false
    this.#due.shift()
    slot.bytes.set(first.packet, slot.at)
    slot.end = slot.at + first.packet.length
    return true
  }

  pollTimeout(): Instant {
    return this.#due[0]?.at ?? (Number.POSITIVE_INFINITY as Instant)
  }

  handleTimeout(): void {}
  handleSent(): void {}
  handleUnsent(): void {}
  pollEvent(): undefined {}
}
