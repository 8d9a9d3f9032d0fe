/** A TCP socket of the workstation, and what the server's side has seen of it. */
import type { Family } from '../../packages/icmpkit/src/wire/addr.ts'
import { Flag } from '../../packages/icmpkit/src/wire/tcp.ts'
import { KernelSocket, POLLOUT, SO_REUSEADDR } from './kernel-socket.ts'
import { type Flow, type NoticeNetwork, notice, quoteOf, type Segment, SILENT } from './notice-network.ts'

const SOL_SOCKET = 1

export class TcpClient implements Disposable {
  readonly socket: KernelSocket
  readonly flow: Flow
  /** The server's end, where there is a connection. */
  readonly end: KernelSocket | undefined
  readonly #net: NoticeNetwork

  private constructor(net: NoticeNetwork, socket: KernelSocket, flow: Flow, end?: KernelSocket) {
    this.#net = net
    this.socket = socket
    this.flow = flow
    this.end = end
  }

  /** Its SYN has no answer. */
  static connecting(net: NoticeNetwork, family: Family, errors = false): TcpClient {
    const { socket, flow } = begin(net, family, SILENT[family], SERVER_PORT, errors)
    return new TcpClient(net, socket, flow)
  }

  /** Connected to `listener`, which is at `server`, and quiet: the acknowledgement of its own has arrived. */
  static established(net: NoticeNetwork, server: string, listener: KernelSocket, errors = false): TcpClient {
    const { socket, flow } = begin(net, listener.family, server, listener.port, errors)
    socket.wait(POLLOUT)
    const client = new TcpClient(net, socket, flow, listener.accept(net.server))
    client.last((s) => (s.flags & Flag.syn) === 0)
    return client
  }

  /** The last segment that it sent, waited for. */
  last(fits: (s: Segment) => boolean = () => true): Segment {
    const { port, serverPort } = this.flow
    return this.#net.segment((s) => s.port === port && s.remotePort === serverPort && fits(s))
  }

  /** An error that quotes a segment with the number `seq`. */
  notice(type: number, code: number, seq: number): Uint8Array {
    return notice(this.flow.family, type, code, quoteOf(this.flow, seq))
  }

  [Symbol.dispose](): void {
    this.socket.close()
    this.end?.close()
  }
}

/** At an address of the server. */
export function listen(net: NoticeNetwork, family: Family, address: string): KernelSocket {
  return new KernelSocket(net.server, 'tcp', family).set(SOL_SOCKET, SO_REUSEADDR, 1).bind(address).listen()
}

function begin(net: NoticeNetwork, family: Family, server: string, serverPort: number, errors: boolean) {
  const socket = new KernelSocket(net.client, 'tcp', family)
  if (errors) socket.receiveErrors()
  socket.connect(server, serverPort)
  const flow: Flow = { protocol: 'tcp', family, port: socket.port, server, serverPort }
  return { socket, flow }
}

const SERVER_PORT = 5001
