/**
 * What every door promises, over every door that reaches a real kernel. A door that can't do a thing says so in
 * `cannot`; what it does is the same everywhere.
 */
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, Door, LocalDrop, Slot } from '../../packages/icmpkit/src/door.ts'
import type { DoorSpec } from '../../packages/icmpkit/src/os/door-spec.ts'
import { openDoor } from '../../packages/icmpkit/src/os/open-door.ts'
import { OsError } from '../../packages/icmpkit/src/os/os-error.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { SO_BINDTODEVICE, SOL_SOCKET } from '../../packages/icmpkit/src/os/socket.ts'
import { type Sys, sys } from '../../packages/icmpkit/src/os/sys.ts'
import type { Ip4, Ip6 } from '../../packages/icmpkit/src/wire/addr.ts'
import { fold, sum, update } from '../../packages/icmpkit/src/wire/checksum.ts'
import * as icmp4 from '../../packages/icmpkit/src/wire/icmp4.ts'
import * as icmp6 from '../../packages/icmpkit/src/wire/icmp6.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { Asker, type Heard } from './asker.ts'
import { doorPromises, quoted } from './door-promises.ts'
import { counters } from './notice-network.ts'
import { until } from './port-machine.ts'
import { type Host, ip, makeHost, needsRoot } from './testnet.ts'
import { CLIENT, ROUTER, SERVER, type ThreeHosts, threeHosts } from './three-hosts.ts'

const root = process.getuid?.() === 0
let net: ThreeHosts

beforeAll(() => {
  if (root) net = threeHosts()
})

afterAll(() => {
  if (root) net[Symbol.dispose]()
})

const DOORS = (['ping-socket', 'raw-socket'] as const).flatMap((kind) =>
  ([4, 6] as const).map((family) => ({ kind, family })),
)

describe.each(DOORS)('$kind, IPv$family', ({ kind, family }) => {
  beforeEach((ctx) => needsRoot(ctx))

  const open = async (more: Partial<DoorSpec> = {}): Promise<Door> =>
    (await openDoor({ kind, family, netns: net.client.name, ...more })).door
  const idOf = (door: Door) => door.echoId ?? 0x1d1d

  doorPromises(family, {
    clock: new RealClock(),
    clocks: ['user', 'kernel-txrx'],
    open,
    idOf,
    port: () => net.client.netlink.index('near'),
    watch: () => open({ kind: 'raw-socket', netns: net.server.name, accept: 'all' }),
    lonely: async () => {
      const lonely = makeHost('lonely')
      lonely.sysctl('ipv4.ping_group_range', '0 2147483647')
      const door = await open({ netns: lonely.name })
      const close = async () => {
        await door[Symbol.asyncDispose]()
        lonely.remove()
      }
      return { door, [Symbol.asyncDispose]: close }
    },
    burst: 400,
    lacks: [],
    settling: () => repliesAt(net.client, family),
  })

  it('each tag comes back once by the user clock and once from the kernel, in time order with its reply', async () => {
    await using door = await open()
    const asks = Array.from({ length: 20 }, () => ({ to: SERVER[family] }))
    const m = await new Asker(asks, idOf(door), 3).run(door, {
      until: (m) => m.stamped('kernel-txrx') === asks.length,
      linger: 20,
    })
    expect(m.answered()).toEqual(asks.map((_, i) => i + 1))
    for (const reply of m.replies()) {
      const tag = (reply.message as icmp4.Echo).seq
      const stamps = m.sent.filter((s) => s.tag === tag)
      expect(stamps.map((s) => s.clock)).toEqual(['user', 'kernel-txrx'])
      expect(reply.clock).toBe('kernel-rx')
      const moments = [stamps[0]!.stamp, stamps[1]!.stamp, reply.stamp, reply.now]
      expect(moments).toEqual(moments.toSorted((a, b) => a - b))
    }
    expect(door.loss).toEqual({ queueOverflow: 0, stampGaps: 0, shortWrites: 0 })
  })

  it('a source that is not ours is refused with the cure', async () => {
    const refused = open({ source: family === 4 ? '198.51.100.1' : '2001:db8::1' })
    await expect(refused).rejects.toThrow(OsError)
    await expect(refused).rejects.toThrow(/must be an address of this machine/)
  })

  it('an interface that is not there is refused by name', async () => {
    await expect(open({ interface: 'nosuch0' })).rejects.toThrow(/nosuch0/)
  })

  it('bound to an interface, what another interface would carry does not leave', async () => {
    await using door = await open({ interface: 'lo' })
    const m = await new Asker([{ to: SERVER[family] }], idOf(door)).run(door, { limit: 300 })
    expect(m.heard.filter((h) => h.from === SERVER[family])).toEqual([])
  })

  it('closes while somebody waits, twice without harm, and refuses work afterwards', async () => {
    const door = await open()
    const clock = new RealClock()
    const waiting = clock.wait(undefined, [door], false)
    await door[Symbol.asyncDispose]()
    await waiting
    await door[Symbol.asyncDispose]()
    const m = new Asker([])
    expect(() => door.send(clock.now(), m)).toThrow(OsError)
    expect(() => door.receive(clock.now(), m, 1)).toThrow(OsError)
    expect(door.loss.queueOverflow).toBe(0)
  })

  it('opening and closing a thousand doors leaves no descriptor behind', async () => {
    const warm = await open()
    await warm[Symbol.asyncDispose]()
    const before = readdirSync('/proc/self/fd').length
    for (let i = 0; i < 1000; i++) {
      const door = await open()
      if (i % 100 === 0) {
        const m = await new Asker([{ to: SERVER[family] }], idOf(door)).run(door)
        expect(m.replies()).toHaveLength(1)
      }
      await door[Symbol.asyncDispose]()
    }
    expect(readdirSync('/proc/self/fd').length).toBe(before)
  })

  it('what overflows the receive queue is counted as our loss', async () => {
    await using door = await open({ receiveBuffer: 4096 })
    const clock = new RealClock()
    const asks = Array.from({ length: 200 }, () => ({ to: SERVER[family], size: 1200 }))
    const m = new Asker(asks, idOf(door))
    const settled = repliesAt(net.client, family)
    await m.sendOnly(door)
    await settled(asks.length)
    door.receive(clock.now(), m, 1000)
    expect(m.replies().length).toBeLessThan(200)
    expect(door.loss.queueOverflow).toBe(200 - m.replies().length)
    // Stamps share that queue, and have no counter of the kernel's: those that are still missing after a second are gaps.
    const stamps = m.stamped('kernel-txrx')
    expect(stamps).toBeLessThan(200)
    await until(() => door.loss.stampGaps >= 200 - stamps)
    expect(door.loss.stampGaps).toBe(200 - stamps)
  })

  it('RFC 4884 extensions behind the quote arrive with the error', async () => {
    await using router = await open({ kind: 'raw-socket', netns: net.router.name, accept: 'all' })
    await using door = await open()
    const asker = new Asker([{ to: ROUTER[family], size: 100 }], idOf(door))
    await asker.sendOnly(door)
    const onRouter = new Asker([])
    await until(() => {
      router.receive(new RealClock().now(), onRouter, 100)
      return onRouter.heard.some((h) => h.message.kind === 'echoRequest')
    })
    const request = onRouter.heard.find((h) => h.message.kind === 'echoRequest')!
    await sendMessage(router, timeExceededWithLabel(family, request), ROUTER[family], CLIENT[family])
    await asker.run(door, { until: (m) => m.heard.some((h) => h.message.kind === 'timeExceeded') })
    const errors = asker.heard.filter((h) => h.message.kind === 'timeExceeded')
    expect(errors).toHaveLength(1)
    const { message, checksum } = errors[0]!
    expect(checksum).toBe('ok')
    expect((message as icmp4.TimeExceeded).extensions?.objects).toMatchObject([
      { kind: 'mpls', entries: [{ label: 16001 }] },
    ])
    expect(quoted(family, message)).toMatchObject({ dst: ROUTER[family], id: idOf(door), seq: 1 })
  })

  it('a group on the link answers from its members', async () => {
    const port = net.client.netlink.index('near')
    net.router.sysctl('ipv4.icmp_echo_ignore_broadcasts', 0)
    await using door = await open({ multicastLoop: false })
    const to = family === 4 ? '224.0.0.1' : 'ff02::1'
    const m = await new Asker([{ to, port, ttl: 1 }], idOf(door)).run(door)
    expect(m.replies().map((h) => h.from)).toEqual([family === 4 ? ROUTER[4] : 'fe80::2'])
  })

  if (family === 4)
    it('a broadcast leaves only where the door was opened for it', async () => {
      net.router.sysctl('ipv4.icmp_echo_ignore_broadcasts', 0)
      await using shy = await open()
      const refused = await new Asker([{ to: '10.66.1.255' }], idOf(shy)).run(shy)
      expect(refused.unsent).toEqual([{ tag: 1, why: 'not-permitted', mtu: 0 }])
      await using door = await open({ broadcast: true })
      const m = await new Asker([{ to: '10.66.1.255' }], idOf(door)).run(door)
      expect(m.replies().map((h) => h.from)).toEqual([ROUTER[4]])
    })

  it('a mark is set on everything that leaves', async () => {
    await using door = await open({ mark: 0x1d })
    const value = new Uint32Array(1)
    const length = new Uint32Array([4])
    const fd = (door as unknown as { fd: number }).fd
    sys().getsockopt(fd, 1, 36, new Uint8Array(value.buffer), new Uint8Array(length.buffer))
    expect(value[0]).toBe(0x1d)
  })

  it('where the kernel does not take our numbers for stamps it counts them itself, and each still finds its tag', async () => {
    await using door = await open()
    const os = sys() as { sendmmsg: Sys['sendmmsg'] }
    const { sendmmsg } = os
    const asks = Array.from({ length: 150 }, (_, i) => ({ to: SERVER[family], ttl: i % 50 === 7 ? 1 : 64 }))
    const m = new Asker(asks, idOf(door), 1)
    os.sendmmsg = () => {
      os.sendmmsg = sendmmsg
      return -22
    }
    await m.run(door, { until: (m) => m.stamped('kernel-txrx') === asks.length, linger: 20 })
    expect(m.heard).toHaveLength(150)
    expect(m.unsent).toEqual([])
    for (const reply of m.replies()) {
      const tag = (reply.message as icmp4.Echo).seq
      const stamps = m.sent.filter((s) => s.tag === tag)
      expect(stamps.map((s) => s.clock)).toEqual(['user', 'kernel-txrx'])
      const moments = [stamps[0]!.stamp, stamps[1]!.stamp, reply.stamp, reply.now]
      expect(moments).toEqual(moments.toSorted((a, b) => a - b))
    }
  })

  if (kind === 'ping-socket')
    it('a ping socket takes another identifier when told to, and asks on', async () => {
      await using door = await open()
      const before = door.echoId
      expect((await new Asker([{ to: SERVER[family] }]).run(door)).replies()).toHaveLength(1)
      door.rotateId!()
      expect(door.echoId).not.toBe(before)
      const m = await new Asker([{ to: SERVER[family] }]).run(door)
      expect(m.replies().map((h) => (h.message as icmp4.Echo).id)).toEqual([door.echoId])
    })

  if (kind === 'ping-socket')
    it('a ping socket stays at its interface when it takes another identifier', async () => {
      await using door = await open({ interface: 'lo' })
      door.rotateId!()
      const name = new Uint8Array(16)
      const length = new Uint8Array(new Uint32Array([name.length]).buffer)
      const { fd } = door as Door & { fd: number }
      expect(sys().getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, length)).toBe(0)
      expect(Buffer.from(name).toString().replace(/\0+$/, '')).toBe('lo')
    })
})

describe.each([4, 6] as const)('a raw socket, IPv%i', (family) => {
  beforeEach((ctx) => needsRoot(ctx))

  const open = async (more: Partial<DoorSpec> = {}): Promise<Door> =>
    (await openDoor({ kind: 'raw-socket', family, netns: net.client.name, ...more })).door

  it('lets in the answers to its own identifier, and with `all` those to others', async () => {
    await using mine = await open()
    await using all = await open({ accept: 'all' })
    await using other = await open()
    const first = new Asker([{ to: SERVER[family] }], 0x1111)
    await first.run(mine)
    await new Asker([{ to: SERVER[family] }], 0x2222).run(other)
    mine.receive(new RealClock().now(), first, 100)
    expect(first.replies().map((h) => (h.message as icmp4.Echo).id)).toEqual([0x1111])
    const seen = new Asker([])
    await until(() => {
      all.receive(new RealClock().now(), seen, 100)
      return seen.replies().length >= 2
    })
    expect(seen.replies().map((h) => (h.message as icmp4.Echo).id)).toEqual([0x1111, 0x2222])
  })

  it('with headers of its own sends what nobody else would: a bad checksum, any TTL and identification', async () => {
    await using watcher = await open({ netns: net.server.name, accept: 'all' })
    await using door = await open({ headers: 'ours', accept: 'all' })
    const bytes = new Uint8Array(128)
    const src = ip(CLIENT[family])
    const dst = ip(SERVER[family])
    const end =
      family === 4
        ? icmp4.write(
            { kind: 'echoRequest', code: 0, id: 7, seq: 9, data: new Uint8Array(8) },
            bytes,
            ip4.write({ protocol: 1, src: src as Ip4, dst: dst as Ip4, ttl: 5, id: 0x4242 }, bytes, 0, 16),
          )
        : icmp6.write(
            { kind: 'echoRequest', code: 0, id: 7, seq: 9, data: new Uint8Array(8) },
            bytes,
            ip6.write(
              { protocol: 58, src: src as Ip6, dst: dst as Ip6, hopLimit: 5, flowLabel: 0x12345 },
              bytes,
              0,
              16,
            ),
            src as Ip6,
            dst as Ip6,
          )
    await sendPacket(door, bytes.subarray(0, end))
    bytes[end - 1] = 0xee
    await sendPacket(door, bytes.subarray(0, end))
    const watching = new Asker([])
    const back = new Asker([])
    const requests = () => watching.heard.filter((h) => h.message.kind === 'echoRequest').length
    // The good one is answered; the bad one left after it, by the same way.
    await until(() => {
      watcher.receive(new RealClock().now(), watching, 100)
      door.receive(new RealClock().now(), back, 100)
      return back.replies().length >= 1 && requests() >= (family === 4 ? 2 : 1)
    })
    const seen = watching.heard.filter((h) => h.message.kind === 'echoRequest')
    expect(seen.map((h) => [h.ttl, h.from])).toEqual(
      // An ICMPv6 message with a bad checksum never reaches a raw socket.
      family === 4
        ? [
            [4, CLIENT[4]],
            [4, CLIENT[4]],
          ]
        : [[4, CLIENT[6]]],
    )
    if (family === 4) expect(seen.map((h) => h.checksum)).toEqual(['ok', 'bad'])
    if (family === 4) expect((seen[0]!.header as ip4.Header).id).toBe(0x4242)
    expect(back.replies()).toHaveLength(1)
  })

  it('sends out what a machine rewrote in place', async () => {
    const name = family === 4 ? 'ipv4.icmp_echo_ignore_all' : 'ipv6.icmp.echo_ignore_all'
    net.router.sysctl(name, 1)
    try {
      await using responder = await open({ netns: net.router.name, accept: 'all' })
      await using door = await open()
      const clock = new RealClock()
      const stop = new AbortController()
      const machine = new Responder(family)
      const answering = (async () => {
        while (!stop.signal.aborted) {
          responder.receive(clock.now(), machine, 64)
          await clock.wait(undefined, [responder], false, stop.signal)
        }
      })()
      const asks = Array.from({ length: 100 }, () => ({ to: ROUTER[family] }))
      const m = await new Asker(asks, 0x3333).run(door)
      stop.abort()
      await answering
      expect(m.answered()).toEqual(asks.map((_, i) => i + 1))
      expect(new Set(m.replies().map((h) => h.from))).toEqual(new Set([ROUTER[family]]))
    } finally {
      net.router.sysctl(name, 0)
    }
  })
})

/** Counts the echo replies that come to `h` from now on, taken by a door or not. */
function repliesAt(h: Host, family: 4 | 6): (packets: number) => Promise<void> {
  const name = family === 4 ? 'Icmp.InEchoReps' : 'Icmp6InEchoReplies'
  const before = counters(h).get(name)!
  return (packets) => until(() => counters(h).get(name)! >= before + packets)
}

/** Answers echo requests in the packet that they came in. */
class Responder {
  readonly #family: 4 | 6

  constructor(family: 4 | 6) {
    this.#family = family
  }

  handlePacket(_now: Instant, a: Arrival): boolean {
    const four = this.#family === 4
    const at = a.at + (four ? 20 : 40)
    if (a.bytes[at] !== (four ? 8 : 128)) return false
    if (four) ip4.swapAddresses(a.bytes, a.at)
    else ip6.swapAddresses(a.bytes, a.at)
    a.bytes[at] = four ? 0 : 129
    const sum = (a.bytes[at + 2]! << 8) | a.bytes[at + 3]!
    const next = update(sum, four ? 0x0800 : 0x8000, four ? 0 : 0x8100)
    a.bytes[at + 2] = next >> 8
    a.bytes[at + 3] = next
    return true
  }

  handleSent(): void {}
  handleUnsent(): void {}
}

/** Sends one packet, IP header included, out of `door`. */
async function sendPacket(door: Door, packet: Uint8Array): Promise<void> {
  let left = 1
  const one = {
    pollTransmit: (_now: Instant, slot: Slot) => {
      if (left-- <= 0) return false
      slot.bytes.set(packet, slot.at)
      slot.end = slot.at + packet.length
      slot.tag = 1
      return true
    },
    handleSent: () => {},
    handleUnsent: (_now: Instant, _tag: number, why: LocalDrop) => {
      throw new Error(`not sent: ${why}`)
    },
  }
  expect(door.send(new RealClock().now(), one)).toBe(false)
}

async function sendMessage(door: Door, message: Uint8Array, from: string, to: string): Promise<void> {
  const src = ip(from)
  const dst = ip(to)
  const packet = new Uint8Array(40 + message.length)
  const at =
    typeof src === 'bigint'
      ? ip6.write({ protocol: 58, src, dst: dst as Ip6 }, packet, 0, message.length)
      : ip4.write({ protocol: 1, src, dst: dst as Ip4 }, packet, 0, message.length)
  packet.set(message, at)
  await sendPacket(door, packet.subarray(0, at + message.length))
}

/** A router's time exceeded about `request`, with an MPLS label stack behind a quote of 128 octets (RFC 4950). */
function timeExceededWithLabel(family: 4 | 6, request: Heard): Uint8Array {
  // The request as it was on the wire, its ICMP checksum included; the quote is filled up to what RFC 4884 §5 asks.
  const quote = new Uint8Array(family === 4 ? 128 : 152)
  quote.set(request.bytes.subarray(0, quote.length))
  const head = family === 4 ? [11, 0, 0, 0, 0, quote.length / 4, 0, 0] : [3, 0, 0, 0, quote.length / 8, 0, 0, 0]
  // Version 2; one object of 8 octets, class 1, type 1: label 16001, bottom of stack, TTL 1.
  const extensions = unhex('2000 0000 0008 0101 03e81101')
  const sum2 = ~fold(sum(extensions, 0, extensions.length)) & 0xffff
  extensions[2] = sum2 >> 8
  extensions[3] = sum2
  const message = new Uint8Array([...head, ...quote, ...extensions])
  if (family === 4) {
    const check = ~fold(sum(message, 0, message.length)) & 0xffff
    message[2] = check >> 8
    message[3] = check
  }
  return message
}
