/**
 * What every door promises, over every door that reaches a real kernel. A door that can't do a thing says so in
 * `cannot`; what it does is the same everywhere.
 */
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Door } from '../../packages/icmpkit/src/door.ts'
import type { DoorSpec } from '../../packages/icmpkit/src/os/door-spec.ts'
import { openDoor } from '../../packages/icmpkit/src/os/open-door.ts'
import { OsError } from '../../packages/icmpkit/src/os/os-error.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as icmp4 from '../../packages/icmpkit/src/wire/icmp4.ts'
import * as icmp6 from '../../packages/icmpkit/src/wire/icmp6.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import { Asker } from './asker.ts'
import { makeHost, needsRoot } from './testnet.ts'
import { CLIENT, NARROW_MTU, ROUTER, SERVER, type ThreeHosts, threeHosts, UNREACHABLE } from './three-hosts.ts'

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

  it('an echo reply arrives with its IP header, identifier, sequence and hop count', async () => {
    await using door = await open()
    const m = await new Asker([{ to: SERVER[family], size: 100 }], idOf(door)).run(door)
    expect(m.heard).toHaveLength(1)
    const [reply] = m.heard
    expect(reply).toMatchObject({ from: SERVER[family], to: CLIENT[family], ttl: 63, checksum: 'ok', link: 'host' })
    expect(reply!.message).toMatchObject({ kind: 'echoReply', id: idOf(door), seq: 1 })
    expect(reply!.octets).toBe((family === 4 ? 20 : 40) + 8 + 100)
    expect(reply!.header.end).toBe(reply!.octets)
    expect(reply!.port).toBe(net.client.netlink.index('near'))
    expect((reply!.message as icmp4.Echo).data).toEqual(new Uint8Array(100).fill(1))
  })

  it('each tag comes back once by the user clock and once from the kernel, in time order with its reply', async () => {
    await using door = await open()
    const asks = Array.from({ length: 20 }, () => ({ to: SERVER[family] }))
    const m = await new Asker(asks, idOf(door), 3).run(door, { linger: 20 })
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

  it('an ICMP error arrives as a packet of the router, quoting what we sent', async () => {
    await using door = await open()
    const m = await new Asker([{ to: SERVER[family], ttl: 1 }], idOf(door)).run(door)
    expect(m.heard).toHaveLength(1)
    const [error] = m.heard
    expect(error).toMatchObject({ from: ROUTER[family], to: CLIENT[family], checksum: 'ok' })
    expect(error!.ttl).toBe(64)
    expect(error!.message.kind).toBe('timeExceeded')
    expect(quoted(family, error!.message)).toMatchObject({
      dst: SERVER[family],
      src: CLIENT[family],
      id: idOf(door),
      seq: 1,
    })
  })

  it('an unreachable network is told by the router, with its code', async () => {
    await using door = await open()
    const m = await new Asker([{ to: UNREACHABLE[family] }], idOf(door)).run(door)
    expect(m.heard.map((h) => [h.from, h.message.kind, h.message.code])).toEqual([
      [ROUTER[family], family === 4 ? 'unreachable' : 'unreachable', family === 4 ? 1 : 0],
    ])
    expect(quoted(family, m.heard[0]!.message)).toMatchObject({ dst: UNREACHABLE[family], seq: 1 })
  })

  it('a narrow link behind the router tells its MTU in the error', async () => {
    await using door = await open({ dontFragment: 'probe' })
    const m = await new Asker([{ to: SERVER[family], size: 1400, df: true }], idOf(door)).run(door)
    expect(m.heard.map((h) => h.from)).toEqual([ROUTER[family]])
    const { message } = m.heard[0]!
    expect(family === 4 ? (message as icmp4.Unreachable).nextHopMtu : (message as icmp6.PacketTooBig).mtu).toBe(
      NARROW_MTU,
    )
  })

  it('a packet longer than the own link that must not be fragmented comes back unsent, with the MTU', async () => {
    await using door = await open({ dontFragment: 'do' })
    const m = await new Asker([{ to: ROUTER[family], size: 2000, df: true }], idOf(door)).run(door)
    expect(m.unsent).toEqual([{ tag: 1, why: 'too-big', mtu: 1500 }])
    expect(m.sent).toEqual([])
  })

  it('the longest echo that IP can carry goes out in fragments and comes back whole', async () => {
    await using door = await open({ dontFragment: 'dont' })
    const size = family === 4 ? 65507 : 65527
    const m = await new Asker([{ to: SERVER[family], size }], idOf(door)).run(door)
    expect(m.replies().map((h) => (h.message as icmp4.Echo).data.length)).toEqual([size])
    expect(m.replies()[0]!.checksum).toBe('ok')
  })

  it('no route is the answer of the own kernel, not a loss', async () => {
    const lonely = makeHost('lonely')
    lonely.sysctl('ipv4.ping_group_range', '0 2147483647')
    try {
      await using door = await open({ netns: lonely.name })
      const m = await new Asker([{ to: SERVER[family] }], idOf(door)).run(door)
      expect(m.unsent).toEqual([{ tag: 1, why: 'no-route', mtu: 0 }])
    } finally {
      lonely.remove()
    }
  })

  it('200 packets in one go all leave in order and all come back', async () => {
    await using door = await open()
    const asks = Array.from({ length: 200 }, () => ({ to: SERVER[family], size: 1000 }))
    const m = await new Asker(asks, idOf(door)).run(door, { linger: 20 })
    expect(m.answered()).toEqual(asks.map((_, i) => i + 1))
    expect(m.sent.filter((s) => s.clock === 'user').map((s) => s.tag)).toEqual(asks.map((_, i) => i + 1))
    expect(m.sent.filter((s) => s.clock === 'kernel-txrx')).toHaveLength(200)
  })

  it("no healthy target loses a probe to another's pending error", async () => {
    await using door = await open()
    // A router that stands in its own way answers inside of our send call: the error is pending for the next message.
    const asks = Array.from({ length: 400 }, (_, i) =>
      i % 2 === 0 ? { to: SERVER[family] } : { to: SERVER[family], ttl: 1 },
    )
    const m = await new Asker(asks, idOf(door)).run(door, { linger: 50 })
    expect(m.unsent).toEqual([])
    expect(m.answered()).toEqual(asks.map((_, i) => i + 1).filter((tag) => tag % 2 === 1))
    const errors = m.heard.filter((h) => h.message.kind === 'timeExceeded')
    expect(errors.map((h) => quoted(family, h.message).seq).sort((a, b) => a - b)).toEqual(
      asks.map((_, i) => i + 1).filter((tag) => tag % 2 === 0),
    )
    const stamped = m.sent.filter((s) => s.clock === 'kernel-txrx').map((s) => s.tag)
    expect(new Set(stamped).size).toBe(400)
  })

  it('TTL, TOS, source and interface go out as the packet and its slot say', async () => {
    await using watcher = await open({ kind: 'raw-socket', netns: net.server.name, accept: 'all' })
    await using door = await open()
    const ask = {
      to: SERVER[family],
      ttl: 33,
      tos: 0xb8,
      source: CLIENT[family],
      port: net.client.netlink.index('near'),
    }
    const m = await new Asker([ask], idOf(door)).run(door)
    expect(m.replies()).toHaveLength(1)
    const watching = new Asker([])
    watcher.receive(new RealClock().now(), watching, 100)
    const seen = watching.heard.filter((h) => h.message.kind === 'echoRequest')
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({ from: CLIENT[family], to: SERVER[family], ttl: 32 })
    const { header } = seen[0]!
    expect(header.kind === 'ip4' ? header.tos : header.trafficClass).toBe(0xb8)
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
    await m.sendOnly(door)
    await new Promise((resolve) => setTimeout(resolve, 200))
    door.receive(clock.now(), m, 1000)
    expect(m.replies().length).toBeLessThan(200)
    expect(door.loss.queueOverflow).toBe(200 - m.replies().length)
  })

  it('receive gives no more than it was asked for, and the rest the next time', async () => {
    await using door = await open()
    const clock = new RealClock()
    const m = new Asker(
      Array.from({ length: 10 }, () => ({ to: SERVER[family] })),
      idOf(door),
    )
    await m.sendOnly(door)
    await new Promise((resolve) => setTimeout(resolve, 100))
    let most = 0
    for (let i = 0; i < 40; i++) most = Math.max(most, door.receive(clock.now(), m, 3))
    expect(most).toBe(3)
    expect(m.answered()).toHaveLength(10)
  })
})

/** What an error says about what we sent. */
function quoted(
  family: 4 | 6,
  m: icmp4.Message | icmp6.Message,
): { src: string; dst: string; id: number; seq: number } {
  if (!('quote' in m)) throw new Error(`${m.kind} has no quote`)
  const header = family === 4 ? ip4.parse(m.quote) : ip6.parse(m.quote)
  if (header.kind === 'malformed') throw new Error(`the quoted header is malformed: ${header.why}`)
  const inner = family === 4 ? icmp4.parse(m.quote, header.payload) : icmp6.parse(m.quote, header.payload)
  if (inner.kind !== 'echoRequest') throw new Error(`quoted ${inner.kind}`)
  return { src: showIp(header.src), dst: showIp(header.dst), id: inner.id, seq: inner.seq }
}
