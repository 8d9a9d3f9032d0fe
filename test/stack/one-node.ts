/**
 * One node in virtual time, its ports' wires in the test's hand: octets in, octets out. What the unit tests of the stack
 * share. Packets given are made from RFC text, captures, scapy or by hand, never by the stack's own writers.
 */
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, Slot } from '../../packages/icmpkit/src/door.ts'
import { Node, type NodeConfig, type PortConfig, type StackEvent } from '../../packages/icmpkit/src/stack/index.ts'
import { type Ip4, type Ip6, parseIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'

/** A packet that left, from its MAC header (ethernet) or IP header (ip) on. */
export interface Sent {
  at: number
  port: number
  bytes: Uint8Array
}

export class OneNode {
  readonly node: Node
  readonly events: StackEvent[] = []
  now = 0
  readonly #out: Sent[] = []
  readonly #slot: Slot = {
    bytes: new Uint8Array(66000),
    at: 0,
    limit: 66000,
    end: 0,
    family: undefined,
    port: 0,
    tag: 0,
  }

  /**
   * Without `ip6`, IPv6 is off where all addresses are IPv4: a test of one family sees nothing of the other.
   *
   * Chance is a fixed sequence; the wall clock stands at 2026-01-01T00:00:00Z when virtual time is 0.
   */
  constructor(config: Partial<NodeConfig> & { ports: readonly PortConfig[] }) {
    let r = 1
    this.node = new Node({
      role: 'host',
      ...(isOnly4(config.ports) ? { ip6: { enabled: false } } : {}),
      random: () => {
        r = (r * 16807) % 2147483647
        return r / 2147483647
      },
      wall: (at) => 1767225600_000_000_000n + BigInt(Math.round(at * 1e6)),
      ...config,
    })
    this.node.start(0 as Instant)
    this.#collect()
  }

  /** Gives one packet; what leaves at once is in the answer, an answer in place among it. */
  give(bytes: Uint8Array | string, how: Partial<Arrival> = {}): Uint8Array[] {
    const octets = typeof bytes === 'string' ? unhex(bytes) : bytes.slice()
    const a: Arrival = {
      bytes: octets,
      at: 0,
      end: octets.length,
      length: octets.length,
      origin: 'wire',
      link: 'host',
      checksum: 'unknown',
      stamp: this.now as Instant,
      clock: 'virtual',
      port: 1,
      ...how,
    }
    const from = this.#out.length
    if (this.node.handlePacket(this.now as Instant, a))
      this.#out.push({ at: this.now, port: a.port, bytes: octets.slice(a.at, a.end) })
    this.#collect()
    return this.#out.slice(from).map((s) => s.bytes)
  }

  /** Lets `ms` pass; what left meanwhile. */
  run(ms: number): Sent[] {
    const from = this.#out.length
    const until = this.now + ms
    for (let turns = 0; turns < 1_000_000; turns++) {
      const next = this.node.pollTimeout()
      if (next === undefined || next > until) break
      this.now = Math.max(this.now, next)
      this.node.handleTimeout(this.now as Instant)
      this.#collect()
    }
    this.now = until
    return this.#out.slice(from)
  }

  /** Everything that left since the last `taken`, or the start. */
  taken(): Sent[] {
    return this.#out.splice(0)
  }

  /** Gathers what the node has queued, for a test that called it directly. */
  collect(): Uint8Array[] {
    const from = this.#out.length
    this.#collect()
    return this.#out.slice(from).map((s) => s.bytes)
  }

  #collect(): void {
    const slot = this.#slot
    for (const port of this.node.ports.keys()) {
      slot.port = port
      while (this.node.pollTransmit(this.now as Instant, slot))
        this.#out.push({ at: this.now, port, bytes: slot.bytes.slice(slot.at, slot.end) })
    }
    for (let e = this.node.pollEvent(); e !== undefined; e = this.node.pollEvent()) this.events.push(e)
  }
}

function isOnly4(ports: readonly PortConfig[]): boolean {
  const addresses = ports.flatMap((p) => p.addresses ?? [])
  return addresses.length > 0 && addresses.every((a) => typeof a.address === 'number')
}

/** A port with text addresses: `port(1, { addresses: ['192.0.2.1/24'] })`. Ethernet, 02:00:00:00:00:NN, MTU 1500. */
export function port(
  index: number,
  more: Partial<Omit<PortConfig, 'addresses'>> & { addresses?: readonly string[] } = {},
): PortConfig {
  const medium = more.medium ?? 'ethernet'
  return {
    index,
    name: `eth${index}`,
    mac: medium === 'ip' ? new Uint8Array(0) : Uint8Array.of(2, 0, 0, 0, 0, index),
    mtu: 1500,
    ...more,
    medium,
    addresses: (more.addresses ?? []).map((text) => {
      const [address, length] = text.split('/')
      return { address: parseIp(address!)!, prefixLength: Number(length) }
    }),
  }
}

export const ip4 = (text: string): Ip4 => parseIp(text) as Ip4
export const ip6 = (text: string): Ip6 => parseIp(text) as Ip6
