/** What UDP sockets of a Linux workstation make of an error about them, by code, and what a program sees of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Family } from '../../packages/icmpkit/src/wire/addr.ts'
import { KernelSocket, POLLERR, POLLIN } from './kernel-socket.ts'
import { ROWS, type Row } from './notice-client-table.ts'
import { CLIENT, type Flow, NoticeNetwork, notice, quoteOf, SERVER } from './notice-network.ts'
import { needsRoot } from './testnet.ts'

let net: NoticeNetwork

beforeAll(() => {
  if (process.getuid?.() === 0) net = new NoticeNetwork()
})
afterAll(() => net?.[Symbol.dispose]())
beforeEach((ctx) => needsRoot(ctx))

const SERVER_PORT = 5000

/** A workstation's socket, and the flow that the server knows. */
class Client {
  readonly socket: KernelSocket
  readonly flow: Flow

  constructor(family: Family, { connected = true, errors = false } = {}) {
    const s = new KernelSocket(net.client, 'udp', family)
    if (errors) s.receiveErrors()
    if (connected) s.connect(SERVER[family], SERVER_PORT)
    else s.bind(CLIENT[family])
    this.socket = s
    this.flow = { protocol: 'udp', family, port: s.port, server: SERVER[family], serverPort: SERVER_PORT }
  }

  notice(type: number, code: number): Uint8Array {
    return notice(this.flow.family, type, code, quoteOf(this.flow))
  }

  /** Wakes whoever waits; what reading gives; what the error queue gives. */
  seen(): { woken: boolean; read: number | string; queued: unknown } {
    const woken = (this.socket.poll() & POLLERR) !== 0
    return { woken, read: this.socket.receive(), queued: this.socket.queued() }
  }
}

const NOTHING = { woken: false, read: 'EAGAIN', queued: undefined }
const KINDS = [
  { connected: true, errors: false },
  { connected: false, errors: false },
  { connected: true, errors: true },
  { connected: false, errors: true },
]

/** All at once in one network: what each kind of socket makes of each code. */
function all(rows: readonly Pick<Row, 'family' | 'type' | 'code'>[]) {
  const clients = rows.map((r) => KINDS.map((k) => new Client(r.family, k)))
  net.deliver(clients.flatMap((four, i) => four.map((c) => c.notice(rows[i]!.type, rows[i]!.code))))
  return clients.map((four) => four.map((c) => using(c)))
}

function using(c: Client) {
  using _ = c.socket
  return c.seen()
}

describe('each code', () => {
  let seen: ReturnType<typeof all>

  beforeAll(() => {
    if (net !== undefined) seen = all(ROWS)
  })

  test.each(ROWS.map((r, i) => ({ ...r, i })))(
    'IPv$family $type/$code, $name: $errno, to an ordinary connected socket: $udp',
    ({ i, type, code, errno, udp }) => {
      const [connected, unconnected, connectedErrors, unconnectedErrors] = seen[i]!
      expect(connected).toEqual(udp ? { woken: true, read: errno, queued: undefined } : NOTHING)
      expect(unconnected).toEqual(NOTHING)
      const all = { woken: true, read: errno, queued: { errno, type, code } }
      expect(connectedErrors).toEqual(all)
      expect(unconnectedErrors).toEqual(all)
    },
  )
})

test('an ordinary connected socket hears nothing of source quench and time exceeded, and EPROTO of a parameter problem', () => {
  const rows = [
    { family: 4, type: 4, code: 0 },
    { family: 4, type: 11, code: 0 },
    { family: 6, type: 3, code: 0 },
    { family: 4, type: 12, code: 0 },
    { family: 6, type: 4, code: 0 },
  ] as const
  expect(all(rows).map(([connected]) => connected?.read)).toEqual(['EAGAIN', 'EAGAIN', 'EAGAIN', 'EPROTO', 'EPROTO'])
})

describe.each([4, 6] as const)('IPv%i', (family) => {
  const [type, port, prohibited] = family === 4 ? ([3, 3, 13] as const) : ([1, 4, 1] as const)
  const prohibition = family === 4 ? 'EHOSTUNREACH' : 'EACCES'

  /** A connected client, and the server's socket. */
  function connected() {
    const server = new KernelSocket(net.server, 'udp', family).bind(SERVER[family], SERVER_PORT)
    const client = new Client(family)
    const close = () => {
      for (const s of [client.socket, server]) s.close()
    }
    return { client, server, [Symbol.dispose]: close }
  }

  test('the socket stays usable: what is sent and received afterwards arrives', () => {
    using pair = connected()
    const { client, server } = pair
    net.deliver([client.notice(type, port)])
    expect(client.socket.receive()).toBe('ECONNREFUSED')
    expect(client.socket.send(7)).toBe(7)
    server.wait(POLLIN)
    expect(server.receive()).toBe(7)
    server.sendTo(CLIENT[family], client.flow.port, 9)
    client.socket.wait(POLLIN)
    expect(client.socket.receive()).toBe(9)
  })

  test('the error comes before data that came earlier', () => {
    using pair = connected()
    const { client, server } = pair
    server.sendTo(CLIENT[family], client.flow.port, 9)
    client.socket.wait(POLLIN)
    net.deliver([client.notice(type, port)])
    expect([client.socket.receive(), client.socket.receive()]).toEqual(['ECONNREFUSED', 9])
  })

  test('three of a kind before the program looks are one error', () => {
    using pair = connected()
    const { client } = pair
    net.deliver([client.notice(type, port), client.notice(type, port), client.notice(type, port)])
    expect([client.socket.receive(), client.socket.receive()]).toEqual(['ECONNREFUSED', 'EAGAIN'])
  })

  test('of two kinds the later one is told', () => {
    using pair = connected()
    const { client } = pair
    net.deliver([client.notice(type, port)])
    net.deliver([client.notice(type, prohibited)])
    expect([client.socket.receive(), client.socket.receive()]).toEqual([prohibition, 'EAGAIN'])
  })

  test('a program that only sends is told at its next datagram, which does not leave; the one after does', () => {
    using pair = connected()
    const { client, server } = pair
    net.deliver([client.notice(type, port)])
    expect([client.socket.send(7), client.socket.send(8)]).toEqual(['ECONNREFUSED', 8])
    server.wait(POLLIN)
    expect(server.receive()).toBe(8)
  })
})
