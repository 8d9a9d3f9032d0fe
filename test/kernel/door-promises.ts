/**
 * What a door promises wherever it leads: to a kernel, or into a lab. Three hosts in a row as in three-hosts.ts; who runs
 * this says how a door at the client is opened, and whose time passes.
 */
import { expect, it } from 'vitest'
import type { Clock, ClockSource } from '../../packages/icmpkit/src/clock.ts'
import type { Door } from '../../packages/icmpkit/src/door.ts'
import type { DoorSpec } from '../../packages/icmpkit/src/os/door-spec.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as icmp4 from '../../packages/icmpkit/src/wire/icmp4.ts'
import * as icmp6 from '../../packages/icmpkit/src/wire/icmp6.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { Asker } from './asker.ts'
import { CLIENT, NARROW_MTU, ROUTER, SERVER, UNREACHABLE } from './three-hosts.ts'

export interface DoorWorld {
  clock: Clock
  /** Of the stamps that each packet gets as it leaves, in their order. */
  clocks: readonly ClockSource[]
  /** At the client. */
  open(more?: Partial<DoorSpec>): Promise<Door>
  /** Which echo identifier its packets have. */
  idOf(door: Door): number
  /** The client's interface. */
  port(): number
  /** At the server, hears everything. */
  watch(): Promise<Door>
  /** At a host without routes. */
  lonely(): Promise<{ door: Door } & AsyncDisposable>
  /** Packets that one moment may send, where all are to arrive. */
  burst: number
  /** What these doors do not promise. */
  lacks: readonly ('own address in a recorded route' | 'IPv6 packets that must not be fragmented')[]
  /** Asked before they are: resolves when so many echoes have come back to the door, though nobody has taken them. */
  settling(door: Door): (packets: number) => Promise<void>
}

/** Each is a test; `w` is asked for nothing before they run. */
export function doorPromises(family: 4 | 6, w: DoorWorld): void {
  it('an echo reply arrives with its IP header, identifier, sequence and hop count', async () => {
    await using door = await w.open()
    const m = await new Asker([{ to: SERVER[family], size: 100 }], w.idOf(door)).run(door, { clock: w.clock })
    expect(m.heard).toHaveLength(1)
    const [reply] = m.heard
    expect(reply).toMatchObject({ from: SERVER[family], to: CLIENT[family], ttl: 63, checksum: 'ok', link: 'host' })
    expect(reply!.message).toMatchObject({ kind: 'echoReply', id: w.idOf(door), seq: 1 })
    expect(reply!.octets).toBe((family === 4 ? 20 : 40) + 8 + 100)
    expect(reply!.header.end).toBe(reply!.octets)
    expect(reply!.port).toBe(w.port())
    expect((reply!.message as icmp4.Echo).data).toEqual(new Uint8Array(100).fill(1))
  })

  it('an ICMP error arrives as a packet of the router, quoting what we sent', async () => {
    await using door = await w.open()
    const m = await new Asker([{ to: SERVER[family], ttl: 1 }], w.idOf(door)).run(door, { clock: w.clock })
    expect(m.heard).toHaveLength(1)
    const [error] = m.heard
    expect(error).toMatchObject({ from: ROUTER[family], to: CLIENT[family], checksum: 'ok' })
    expect(error!.ttl).toBe(64)
    expect(error!.message.kind).toBe('timeExceeded')
    expect(quoted(family, error!.message)).toMatchObject({
      dst: SERVER[family],
      src: CLIENT[family],
      id: w.idOf(door),
      seq: 1,
    })
  })

  it('an unreachable network is told by the router, with its code', async () => {
    await using door = await w.open()
    const m = await new Asker([{ to: UNREACHABLE[family] }], w.idOf(door)).run(door, { clock: w.clock })
    expect(m.heard.map((h) => [h.from, h.message.kind, h.message.code])).toEqual([
      [ROUTER[family], 'unreachable', family === 4 ? 1 : 0],
    ])
    expect(quoted(family, m.heard[0]!.message)).toMatchObject({ dst: UNREACHABLE[family], seq: 1 })
  })

  it('a narrow link behind the router tells its MTU in the error', async () => {
    await using door = await w.open({ dontFragment: 'probe' })
    const m = await new Asker([{ to: SERVER[family], size: 1400, df: true }], w.idOf(door)).run(door, {
      clock: w.clock,
    })
    expect(m.heard.map((h) => h.from)).toEqual([ROUTER[family]])
    const { message } = m.heard[0]!
    expect(family === 4 ? (message as icmp4.Unreachable).nextHopMtu : (message as icmp6.PacketTooBig).mtu).toBe(
      NARROW_MTU,
    )
  })

  if (family === 4 || !w.lacks.includes('IPv6 packets that must not be fragmented'))
    it('a packet longer than the own link that must not be fragmented comes back unsent, with the MTU', async () => {
      await using door = await w.open({ dontFragment: 'do' })
      const m = await new Asker([{ to: ROUTER[family], size: 2000, df: true }], w.idOf(door)).run(door, {
        clock: w.clock,
      })
      expect(m.unsent).toEqual([{ tag: 1, why: 'too-big', mtu: 1500 }])
      expect(m.sent).toEqual([])
    })

  it('the longest echo that IP can carry goes out in fragments and comes back whole', async () => {
    await using door = await w.open({ dontFragment: 'dont' })
    const size = family === 4 ? 65507 : 65527
    // What the path carries is known: whoever sends by IPv6 fragments for it.
    await new Asker([{ to: SERVER[family], size: 1400 }], w.idOf(door)).run(door, { clock: w.clock })
    const m = await new Asker([{ to: SERVER[family], size }], w.idOf(door)).run(door, { clock: w.clock })
    expect(m.replies().map((h) => (h.message as icmp4.Echo).data.length)).toEqual([size])
    expect(m.replies()[0]!.checksum).toBe('ok')
  })

  it('no route is the answer of the own host, not a loss', async () => {
    await using lonely = await w.lonely()
    const m = await new Asker([{ to: SERVER[family] }], w.idOf(lonely.door)).run(lonely.door, { clock: w.clock })
    expect(m.unsent).toEqual([{ tag: 1, why: 'no-route', mtu: 0 }])
  })

  it('200 packets in one go all leave in order and all come back', async () => {
    await using door = await w.open()
    const asks = Array.from({ length: 200 }, () => ({ to: SERVER[family], size: 1000 }))
    const m = await new Asker(asks, w.idOf(door)).run(door, {
      clock: w.clock,
      until: (m) => m.stamped(w.clocks.at(-1)!) === asks.length,
      linger: 20,
    })
    expect(m.answered()).toEqual(asks.map((_, i) => i + 1))
    expect(m.sent.filter((s) => s.clock === w.clocks[0]).map((s) => s.tag)).toEqual(asks.map((_, i) => i + 1))
    expect(m.sent.filter((s) => s.clock === w.clocks.at(-1))).toHaveLength(200)
  })

  it("no healthy target loses a probe to another's pending error", async () => {
    await using door = await w.open()
    // A router that stands in its own way answers inside of our send call: the error is pending for the next message.
    const asks = Array.from({ length: w.burst }, (_, i) =>
      i % 2 === 0 ? { to: SERVER[family] } : { to: SERVER[family], ttl: 1 },
    )
    const m = await new Asker(asks, w.idOf(door)).run(door, {
      clock: w.clock,
      until: (m) => m.stamped(w.clocks.at(-1)!) === asks.length,
      linger: 20,
    })
    expect(m.unsent).toEqual([])
    expect(m.answered()).toEqual(asks.map((_, i) => i + 1).filter((tag) => tag % 2 === 1))
    const errors = m.heard.filter((h) => h.message.kind === 'timeExceeded')
    expect(errors.map((h) => quoted(family, h.message).seq).sort((a, b) => a - b)).toEqual(
      asks.map((_, i) => i + 1).filter((tag) => tag % 2 === 0),
    )
    expect(m.stamped(w.clocks.at(-1)!)).toBe(w.burst)
  })

  it('TTL, TOS, source and interface go out as the packet and its slot say', async () => {
    await using watcher = await w.watch()
    await using door = await w.open()
    const ask = {
      to: SERVER[family],
      ttl: 33,
      tos: 0xb8,
      source: CLIENT[family],
      port: w.port(),
    }
    const m = await new Asker([ask], w.idOf(door)).run(door, { clock: w.clock })
    expect(m.replies()).toHaveLength(1)
    const watching = new Asker([])
    watcher.receive(w.clock.now(), watching, 100)
    const seen = watching.heard.filter((h) => h.message.kind === 'echoRequest')
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({ from: CLIENT[family], to: SERVER[family], ttl: 32 })
    const { header } = seen[0]!
    expect(header.kind === 'ip4' ? header.tos : header.trafficClass).toBe(0xb8)
  })

  it('receive gives no more than it was asked for, and the rest the next time', async () => {
    await using door = await w.open()
    const m = new Asker(
      Array.from({ length: 10 }, () => ({ to: SERVER[family] })),
      w.idOf(door),
    )
    const settled = w.settling(door)
    await m.sendOnly(door, w.clock)
    await settled(10)
    let most = 0
    for (let i = 0; i < 40; i++) most = Math.max(most, door.receive(w.clock.now(), m, 3))
    expect(most).toBe(3)
    expect(m.answered()).toHaveLength(10)
  })

  if (family === 4 && !w.lacks.includes('own address in a recorded route'))
    it('options in the IPv4 header go out, and come back filled (RFC 791 §3.1, record route)', async () => {
      await using door = await w.open()
      const options = unhex('01 07 13 04 00000000 00000000 00000000 00000000')
      const m = await new Asker([{ to: SERVER[family], options }], w.idOf(door)).run(door, { clock: w.clock })
      expect(m.replies()).toHaveLength(1)
      const { header } = m.replies()[0]!
      // The client, the router's far side, and the server twice: as it receives and as it answers. Linux leaves out
      // the no-operation that stood in front.
      expect(hex((header as ip4.Header).options)).toBe(
        '071314' + '0a420101' + '0a420202' + '0a420201' + '0a420201' + '00',
      )
    })

  if (family === 6)
    it('the flow label of the packet goes out with it (RFC 6437)', async () => {
      await using watcher = await w.watch()
      await using door = await w.open()
      const m = await new Asker([{ to: SERVER[family], flowLabel: 0xbeef5 }], w.idOf(door)).run(door, {
        clock: w.clock,
      })
      expect(m.replies()).toHaveLength(1)
      const watching = new Asker([])
      watcher.receive(w.clock.now(), watching, 100)
      const seen = watching.heard.find((h) => h.message.kind === 'echoRequest')
      expect((seen!.header as ip6.Header).flowLabel).toBe(0xbeef5)
    })

  if (family === 6)
    it('a link-local neighbour is reached through the interface of the slot', async () => {
      const port = w.port()
      await using door = await w.open()
      const m = await new Asker([{ to: 'fe80::2', port }], w.idOf(door)).run(door, { clock: w.clock })
      expect(m.replies().map((h) => [h.from, h.port])).toEqual([['fe80::2', port]])
    })
}

/** What an error says about what we sent. */
export function quoted(
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
