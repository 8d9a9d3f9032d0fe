/** Which sequence number a quote of TCP must have, and which segments of a workstation have it: not the last one, always. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SOL_SOCKET } from '../../packages/icmpkit/src/os/socket.ts'
import { Flag } from '../../packages/icmpkit/src/wire/tcp.ts'
import { IPPROTO_TCP, type KernelSocket, POLLERR, POLLIN, SO_KEEPALIVE, TCP_KEEPIDLE } from './kernel-socket.ts'
import { bareSegment, counters, MOVING, NoticeNetwork, SERVER } from './notice-network.ts'
import { listen, TcpClient } from './tcp-client.ts'
import { needsRoot } from './testnet.ts'

let net: NoticeNetwork

beforeAll(() => {
  if (process.getuid?.() === 0) net = new NoticeNetwork()
})
afterAll(() => net?.[Symbol.dispose]())
beforeEach((ctx) => needsRoot(ctx))

const outside = () => counters(net.client).get('TcpExt.OutOfWindowIcmps')!

describe.each([4, 6] as const)('IPv%i', (family) => {
  const [type, code] = family === 4 ? ([3, 3] as const) : ([1, 4] as const)
  let listener: KernelSocket

  beforeAll(() => {
    if (net !== undefined) listener = listen(net, family, SERVER[family])
  })
  afterAll(() => listener?.close())

  /** A program that hears of errors, so that it is seen which are believed. */
  const client = (server: string = SERVER[family], at = listener) => TcpClient.established(net, server, at, true)

  /** Quotes `seqs`, each to a connection of its own: which are believed; the kernel counts the others. */
  function believed(clients: readonly TcpClient[], seqs: readonly number[]): boolean[] {
    const before = outside()
    net.deliver(clients.map((c, i) => c.notice(type, code, seqs[i]!)))
    const all = clients.map((c) => (c.socket.poll() & POLLERR) !== 0)
    expect(outside() - before).toBe(all.filter((b) => !b).length)
    for (const c of clients) c[Symbol.dispose]()
    return all
  }

  /** `una` from the first octet that has no acknowledgement. */
  test.each([
    ['idle', 0, { '-1000000': false, '-1': false, '0': true, '1': false, '1000000': false }],
    [
      '1000 octets without acknowledgement',
      1000,
      { '-1': false, '0': true, '1': true, '500': true, '999': true, '1000': true, '1001': false },
    ],
  ] as const)('%s: SND.UNA to SND.NXT, both included, and nothing else', (_, data, table) => {
    net.settle(family)
    using there = listen(net, family, MOVING[family])
    const offsets = Object.keys(table).map(Number)
    const clients = offsets.map(() => client(MOVING[family], there))
    const una = clients.map((c) => c.last().seq)
    net.leave(family)
    if (data > 0) for (const c of clients) expect(c.socket.send(data)).toBe(data)
    const all = believed(
      clients,
      offsets.map((o, i) => una[i]! + o),
    )
    expect(Object.fromEntries(offsets.map((o, i) => [o, all[i]]))).toEqual(table)
  })

  test('the last segment of data, acknowledged meanwhile, is not believed; a fresh acknowledgement, elicited by one outside the window, is', () => {
    const [quoted, elicited] = [client(), client()]
    for (const c of [quoted, elicited]) {
      c.socket.send(100)
      c.end!.wait(POLLIN)
      expect(c.end!.receive()).toBe(100)
      acknowledged(c)
    }
    const data = [quoted, elicited].map((c) => c.last((s) => s.octets === 100))
    net.send([bareSegment(elicited.flow, data[1]!.ack - 1, data[1]!.seq + 100)])
    const fresh = elicited.last((s) => s.octets === 0 && s.seq === (data[1]!.seq + 100) >>> 0)
    expect(fresh.flags).toBe(Flag.ack)
    expect(believed([quoted, elicited], [data[0]!.seq, fresh.seq])).toEqual([false, true])
  })

  test('a probe of keep-alive is not believed, and the number behind its own is', () => {
    const clients = [client(), client()]
    for (const { socket } of clients) socket.set(IPPROTO_TCP, TCP_KEEPIDLE, 1).set(SOL_SOCKET, SO_KEEPALIVE, 1)
    const before = clients.map((c) => c.last().seq)
    const probes = clients.map((c, i) => c.last((s) => s.seq === (before[i]! - 1) >>> 0))
    expect(believed(clients, [probes[0]!.seq, probes[1]!.seq + 1])).toEqual([false, true])
  })

  /** Until the workstation knows that its data has arrived. */
  function acknowledged(c: TcpClient): void {
    for (let i = 0; c.socket.unsent() > 0; i++) {
      if (i === 60_000) throw new Error('no acknowledgement')
      Atomics.wait(SLEEP, 0, 0, 1)
    }
  }
})

const SLEEP = new Int32Array(new SharedArrayBuffer(4))
