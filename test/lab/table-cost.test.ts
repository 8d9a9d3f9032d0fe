/**
 * What a packet costs does not depend on how many addresses a node knows: tables with 65,536 rows beside the same with
 * 1,024, in turns in one run. Who fills them, also by addresses that collide where a hash is known, slows nobody down.
 */
import { expect, test } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, Slot } from '../../packages/icmpkit/src/door.ts'
import { Random } from '../../packages/icmpkit/src/lab/random.ts'
import { Node, type PortConfig } from '../../packages/icmpkit/src/stack/index.ts'
import { type Ip, parseIp, showIp, writeIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { finish, pseudo6, sum } from '../../packages/icmpkit/src/wire/checksum.ts'
import { put16, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { octetsOf } from '../scenario/packet.ts'

const FEW = 1024
const MANY = 65_536
/** Neighbours that are spoken to, all over the table. */
const SAMPLE = 512
/** Packets between two looks at the clock: so few that a busy machine seldom interrupts. And turns of either table. */
const BATCH = 64
const TURNS = 400
const BLANK = { origin: 'wire', link: 'host', checksum: 'unknown', clock: 'virtual' } as const
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)

/** How the addresses that fill a table look: the i-th of 10.0.0.0/8 or 2001:db8::/32. */
const PATTERNS: Record<string, (i: number, r: Random) => bigint> = {
  'at random': (_, r) => (BigInt(r.next()) << 64n) | (BigInt(r.next()) << 32n) | BigInt(r.next()),
  'with the same low 64 bits': (i) => (BigInt(i) << 64n) | 1n,
  'with the same high 64 bits': (i) => BigInt(i) + 16n,
}

/** A gateway with room for `room` neighbours on its second port, all of it taken; packets for them come by the first. */
class Crowd {
  readonly #node: Node
  readonly #family: 4 | 6
  readonly #pattern: (i: number, r: Random) => bigint
  readonly #random: Random
  readonly #slot: Slot = { bytes: new Uint8Array(2048), at: 0, limit: 2048, end: 0, family: undefined, port: 2, tag: 0 }
  readonly #sample: Uint8Array[] = []
  readonly #arp: Uint8Array
  readonly #solicitation: Uint8Array
  #strangers = 0
  #next = 0
  sent = 0
  readonly #now = 20_000 as Instant

  constructor(room: number, family: 4 | 6, pattern: (i: number, r: Random) => bigint) {
    this.#family = family
    this.#pattern = pattern
    this.#random = new Random(7, room)
    this.#node = new Node({
      role: 'gateway',
      ports: [port(1, '192.0.2.1/24', 'fd00::1/64'), port(2, '10.0.0.1/8', '2001:db8::2/32')],
      random: () => this.#random.fraction(),
      wall: () => 0n,
      ip4: { arpProbe: { count: 0, announcements: 0 }, arp: { timeoutMs: 1e9, entries: room } },
      ip6: { dadTransmits: 0, neighbourLimit: room, reachableTimeMs: 1e9 },
    })
    this.#node.start(0 as Instant)
    for (let t = 0; t <= this.#now; t += 1000) this.#node.handleTimeout(t as Instant)
    this.#arp = Uint8Array.from([
      ...MAC,
      2,
      9,
      0,
      0,
      0,
      0,
      8,
      6,
      ...unhex('0001 0800 0604 0001 020900000000 00000000 000000000000 0a000001'),
    ])
    const octets = '8700 0000 00000000 20010db8000000000000000000000002 0101020900000000'
    const solicitation = octetsOf({ to: '2001:db8::2', ttl: 255, carries: { kind: 'icmp', octets } }, '2001:db8::9')
    this.#solicitation = Uint8Array.from([...MAC, 2, 9, 0, 0, 0, 0, 0x86, 0xdd, ...solicitation])
    for (let i = 0; i < room; i++) {
      const ip = this.#comes()
      // Spoken to, so that no stranger takes its place.
      if (i % (room / SAMPLE) === 0) this.#sample.push(this.#packetFor(ip))
    }
    this.#drain()
  }

  /** A packet each to the next of a sample from all over the table. */
  talk(): void {
    for (let n = 0; n < BATCH; n++) this.#give(this.#sample[this.#next++ % SAMPLE]!, 1)
    this.#drain()
  }

  /** Strangers that want to be known, while there is no room. */
  flood(): void {
    for (let n = 0; n < BATCH; n++) this.#comes()
    this.#drain()
  }

  /** Somebody new asks for the gateway's link-layer address, and is known thereby. */
  #comes(): Ip {
    const i = this.#strangers++
    const bits = this.#pattern(i, this.#random) & ((1n << 96n) - 1n)
    const ip = (
      this.#family === 4 ? (10 << 24) | (2 + (Math.imul(i, 40_503) & 0xffffff)) : (0x20010db8n << 96n) | bits
    ) as Ip
    const frame = this.#family === 4 ? this.#arp : this.#solicitation
    const macs = this.#family === 4 ? [6, 22] : [6, frame.length - 6]
    for (const at of macs) {
      put16(frame, at + 2, i >>> 16)
      put16(frame, at + 4, i & 0xffff)
    }
    writeIp(ip, frame, this.#family === 4 ? 28 : 22)
    if (this.#family === 6) {
      put16(frame, 56, 0)
      put16(frame, 56, finish(sum(frame, 54, frame.length, pseudo6(frame, 14, 58, frame.length - 54))))
    }
    this.#give(frame, 2)
    if ((i & 127) === 0) this.#drain()
    return ip
  }

  #packetFor(ip: Ip): Uint8Array {
    const packet = octetsOf(
      { to: showIp(ip), carries: { kind: 'udp', port: 9999 } },
      this.#family === 4 ? '192.0.2.2' : 'fd00::2',
    )
    return Uint8Array.from([...MAC, 2, 0, 0, 0, 0, 7, ...(this.#family === 4 ? [8, 0] : [0x86, 0xdd]), ...packet])
  }

  #give(frame: Uint8Array, port: number): void {
    const { length } = frame
    this.#node.handlePacket(this.#now, {
      ...BLANK,
      bytes: frame.slice(),
      at: 0,
      end: length,
      length,
      stamp: this.#now,
      port,
    })
  }

  #drain(): void {
    while (this.#node.pollTransmit(this.#now, this.#slot)) this.sent++
    while (this.#node.pollEvent() !== undefined);
  }
}

for (const family of [4, 6] as const) {
  for (const [name, pattern] of Object.entries(PATTERNS)) {
    // 10.0.0.0/8 has room for one pattern.
    if (family === 4 && name !== 'at random') continue
    const what = `IPv${family}, addresses ${name}`
    const made = new Map<number, Crowd>()
    const crowd = (room: number) => {
      const c = made.get(room) ?? new Crowd(room, family, pattern)
      made.set(room, c)
      return c
    }
    test(`${what}: a packet to one of 65,536 neighbours costs at most three times what it costs among 1,024`, () => {
      const sent = [FEW, MANY].map((room) => {
        crowd(room).talk()
        return crowd(room).sent
      })
      expect(
        ratio(
          () => crowd(FEW).talk(),
          () => crowd(MANY).talk(),
        ),
      ).toBeLessThan(3)
      // All of them left, so all were in the table.
      expect(crowd(FEW).sent - sent[0]!).toBe(TURNS * BATCH)
      expect(crowd(MANY).sent - sent[1]!).toBe(TURNS * BATCH)
    })
    test(`${what}: a stranger at a full table of 65,536 costs at most three times what it costs at one of 1,024`, () => {
      expect(
        ratio(
          () => crowd(FEW).flood(),
          () => crowd(MANY).flood(),
        ),
      ).toBeLessThan(3)
    })
  }
}

for (const family of [4, 6] as const) {
  test(`IPv${family}: a gateway forwards to any of 65,536 destinations at no more than three times what 1,024 cost it`, () => {
    const random = new Random(1, family)
    const node = new Node({
      role: 'gateway',
      ports: [port(1, '192.0.2.1/24', 'fd00::1/64'), port(2, '10.0.0.1/8', '2001:db8::2/32')].map((p) => ({
        ...p,
        medium: 'ip',
      })),
      random: () => random.fraction(),
      wall: () => 0n,
    })
    const now = 20_000 as Instant
    node.start(0 as Instant)
    for (let t = 0; t <= now; t += 1000) node.handleTimeout(t as Instant)
    const slot: Slot = { bytes: new Uint8Array(2048), at: 0, limit: 2048, end: 0, family: undefined, port: 2, tag: 0 }
    const carries = { kind: 'udp', port: 9999 } as const
    const packet = octetsOf(
      { to: family === 4 ? '10.1.0.0' : '2001:db8:1::1', carries },
      family === 4 ? '192.0.2.2' : 'fd00::2',
    )
    const a: Arrival = {
      ...BLANK,
      bytes: packet,
      at: 0,
      end: packet.length,
      length: packet.length,
      stamp: now,
      port: 1,
    }
    // The last 16 bits of the IPv4 address, or the fourth group of the IPv6 address: the low 64 bits are all the same.
    const group = family === 4 ? 18 : 30
    const forward = (destinations: number) => {
      for (let n = 0; n < BATCH; n++) {
        a.bytes = packet.slice()
        put16(a.bytes, group, random.below(destinations))
        if (family === 4) {
          put16(a.bytes, 10, 0)
          put16(a.bytes, 10, finish(sum(a.bytes, 0, 20)))
        }
        node.handlePacket(now, a)
      }
      while (node.pollTransmit(now, slot));
    }
    expect(
      ratio(
        () => forward(FEW),
        () => forward(MANY),
      ),
    ).toBeLessThan(3)
    expect(node.counters.forwarded).toBe(2 * TURNS * BATCH)
  })
}

/** How many times as long `many` takes as `few`: medians of many turns, the two by turns, so that a busy machine hits both. */
function ratio(few: () => void, many: () => void): number {
  const nanoseconds: number[][] = [[], []]
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [i, run] of [few, many].entries()) {
      const start = process.hrtime.bigint()
      run()
      nanoseconds[i]!.push(Number(process.hrtime.bigint() - start))
    }
  }
  return median(nanoseconds[1]!) / median(nanoseconds[0]!)
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

function port(index: number, ...own: string[]): PortConfig {
  const addresses = own.map((text) => {
    const [address, length] = text.split('/')
    return { address: parseIp(address!)!, prefixLength: Number(length) }
  })
  return { index, name: `eth${index}`, medium: 'ethernet', mac: MAC, mtu: 1500, queue: 1024, addresses }
}
