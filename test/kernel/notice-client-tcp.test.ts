/** What TCP sockets of a Linux workstation make of an error about them, by code and state, and when a program sees it. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SOL_SOCKET } from '../../packages/icmpkit/src/os/socket.ts'
import {
  IPPROTO_TCP,
  POLLERR,
  POLLIN,
  SO_KEEPALIVE,
  State,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_USER_TIMEOUT,
} from './kernel-socket.ts'
import { ROWS } from './notice-client-table.ts'
import { counters, MOVING, NoticeNetwork, SERVER } from './notice-network.ts'
import { listen, TcpClient } from './tcp-client.ts'
import { needsRoot } from './testnet.ts'

let net: NoticeNetwork

beforeAll(() => {
  if (process.getuid?.() === 0) net = new NoticeNetwork()
})
afterAll(() => net?.[Symbol.dispose]())
beforeEach((ctx) => needsRoot(ctx))

const outside = () => counters(net.client).get('TcpExt.OutOfWindowIcmps')

/** What a program sees of it, and how the connection stands afterwards. */
function seen({ socket }: TcpClient) {
  const woken = (socket.poll() & POLLERR) !== 0
  // In this order: an entry that is taken from the queue clears the error.
  return { woken, read: socket.receive(), queued: socket.queued(), state: socket.info().state }
}

describe('connecting (SYN_SENT)', () => {
  let all: ReturnType<typeof seen>[][]

  beforeAll(() => {
    if (net === undefined) return
    const clients = ROWS.map((r) => [false, true].map((errors) => TcpClient.connecting(net, r.family, errors)))
    net.deliver(clients.flatMap((two, i) => two.map((c) => c.notice(ROWS[i]!.type, ROWS[i]!.code, c.last().seq))))
    all = clients.map((two) => two.map(seen))
    for (const c of clients.flat()) c[Symbol.dispose]()
  })

  test.each(ROWS.map((r, i) => ({ ...r, i })))(
    'IPv$family $type/$code, $name: connect fails at once with $errno: $connecting; the message is kept too, of IPv6 with IP_RECVERR alone',
    ({ i, family, type, code, errno, connecting }) => {
      const told = connecting
        ? { woken: true, read: errno, state: CLOSED }
        : { woken: false, read: 'EAGAIN', state: State.synSent }
      const [ordinary, errors] = all[i]!
      const queued = connecting ? { errno, type, code } : undefined
      expect(ordinary).toEqual({ ...told, queued: family === 4 ? queued : undefined })
      expect(errors).toEqual({ ...told, queued })
    },
  )
})

describe('established and idle', () => {
  let all: (ReturnType<typeof seen> & ReturnType<typeof goesOn> & { asked: readonly string[] })[][]
  let outOfWindow: [number | undefined, number | undefined]

  beforeAll(() => {
    if (net === undefined) return
    const listeners = { 4: listen(net, 4, SERVER[4]), 6: listen(net, 6, SERVER[6]) }
    const clients = ROWS.map((r) =>
      [false, true].map((errors) => TcpClient.established(net, SERVER[r.family], listeners[r.family], errors)),
    )
    const before = outside()
    net.deliver(clients.flatMap((two, i) => two.map((c) => c.notice(ROWS[i]!.type, ROWS[i]!.code, c.last().seq))))
    outOfWindow = [before, outside()]
    all = clients.map((two) => two.map((c) => ({ ...seen(c), asked: asked(c), ...goesOn(c) })))
    for (const c of [...clients.flat(), ...Object.values(listeners)]) c[Symbol.dispose]()
  })

  /** SO_ERROR, twice. */
  const asked = ({ socket }: TcpClient) => [socket.error(), socket.error()] as const

  /** The connection still carries data. */
  function goesOn(c: TcpClient) {
    const sent = c.socket.send(5)
    c.end!.wait(POLLIN)
    return { sent, arrived: c.end!.receive() }
  }

  test('the number quoted, of the last acknowledgement, is believed by all', () => {
    expect(outOfWindow[1]).toBe(outOfWindow[0])
  })

  test.each(ROWS.map((r, i) => ({ ...r, i })))(
    'IPv$family $type/$code, $name: an ordinary program hears nothing; with IP_RECVERR $errno at once (no entry in the queue): $established; and it goes on',
    ({ i, errno, established }) => {
      const on = { state: State.established, sent: 5, arrived: 5 }
      const [ordinary, errors] = all[i]!
      const nothing = { woken: false, read: 'EAGAIN', queued: undefined, ...on }
      expect(ordinary).toMatchObject(nothing)
      const told = { woken: true, read: errno, queued: undefined, ...on }
      expect(errors).toMatchObject(established ? told : nothing)
    },
  )

  test.each(ROWS.map((r, i) => ({ ...r, i })))(
    'IPv$family $type/$code, $name: an ordinary program that asks for SO_ERROR, woken by nobody, is told once',
    ({ i, errno, established }) => {
      expect(all[i]![0]!.asked).toEqual([established ? errno : '', ''])
    },
  )
})

describe.each([4, 6] as const)('IPv%i, the server silent', (family) => {
  const [type, port, soft] = family === 4 ? ([3, 3, 1] as const) : ([1, 4, 0] as const)
  const softErrno = family === 4 ? 'EHOSTUNREACH' : 'ENETUNREACH'

  /** Connections to a server that then loses its address, `data` octets on their way. */
  function silent(count: number, data: number) {
    net.settle(family)
    const listener = listen(net, family, MOVING[family])
    const clients = Array.from({ length: count }, () => TcpClient.established(net, MOVING[family], listener))
    net.leave(family)
    if (data > 0) for (const c of clients) c.socket.send(data)
    const close = () => {
      for (const c of [...clients, listener]) c[Symbol.dispose]()
    }
    return { clients: clients as [TcpClient, TcpClient, TcpClient], [Symbol.dispose]: close }
  }

  /** The first has no notice, the second one of the port, the third a soft one. */
  function told([, second, third]: [TcpClient, TcpClient, TcpClient]): void {
    const before = outside()
    net.deliver([second.notice(type, port, second.last().seq), third.notice(type, soft, third.last().seq)])
    expect(outside()).toBe(before)
    for (const c of [second, third])
      expect(seen(c)).toMatchObject({ woken: false, read: 'EAGAIN', state: State.established })
  }

  const ends = (clients: TcpClient[]) =>
    clients.map((c) => {
      c.socket.wait(0)
      return c.socket.error()
    })

  test('data without acknowledgement: nothing now, and when TCP gives up the errno is that of the notice', () => {
    using net3 = silent(3, 100)
    told(net3.clients)
    for (const { socket } of net3.clients) socket.set(IPPROTO_TCP, TCP_USER_TIMEOUT, 500)
    expect(ends(net3.clients)).toEqual(['ETIMEDOUT', 'ECONNREFUSED', softErrno])
  })

  test('idle with keep-alive: nothing now, and when its probes are not answered the errno is that of the notice', () => {
    using net3 = silent(3, 0)
    told(net3.clients)
    for (const { socket } of net3.clients) {
      for (const option of [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT]) socket.set(IPPROTO_TCP, option, 1)
      socket.set(SOL_SOCKET, SO_KEEPALIVE, 1)
    }
    expect(ends(net3.clients)).toEqual(['ETIMEDOUT', 'ECONNREFUSED', softErrno])
  })

  test('a soft error takes back one step of the retransmission timer, that of the port none (RFC 6069 §4)', async () => {
    using net3 = silent(3, 100)
    const [, second, third] = net3.clients
    const taken = (c: TcpClient) => {
      const { retransmits, backoff } = c.socket.info()
      return retransmits - backoff
    }
    for (const c of [second, third]) await backedOff(c)
    expect([taken(second), taken(third)]).toEqual([0, 0])
    told(net3.clients)
    expect([taken(second), taken(third)]).toEqual([0, 1])
  })
})

/** Until it has sent its data three times. */
async function backedOff(c: TcpClient): Promise<void> {
  while (c.socket.info().backoff < 2) await delay(5)
}

const CLOSED = 7
