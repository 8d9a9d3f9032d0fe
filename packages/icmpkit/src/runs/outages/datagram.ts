/**
 * A connected datagram socket of Node's whose packets go past libuv. libuv polls a socket for errors as well, and where one
 * waits in its queue, libuv 1.52 (Node 26) takes it: what it says is lost, and Node ends the process by an assertion. So
 * its handle is stopped, and what it would do is done here; the socket itself notices nothing.
 *
 * It tells its own errors as a socket without us would: those that the kernel calls hard, of a connected socket (RFC 1122
 * §4.1.3.3). The others, which IP_RECVERR brings as well, are told to our caller only.
 */
import { BorrowedSocket, type Datagram, interfaceIndex, interfaceName, type QueuedError } from '../../os/index.ts'
import { parseIp, showIp } from '../../wire/addr.ts'

/** What Node calls a handle of UDP. */
export interface UdpHandle {
  readonly fd: number
  recvStart(): number
  recvStop(): number
  send: (request: object, list: readonly Uint8Array[], count: number, ...rest: unknown[]) => number
  onmessage(length: number, handle: UdpHandle, bytes?: Buffer, from?: object): void
  ref(): void
  unref(): void
  hasRef(): boolean
}

export class TakenDatagrams {
  readonly socket: BorrowedSocket
  readonly #handle: UdpHandle
  readonly #isConnected: () => boolean
  readonly #heard: (e: QueuedError) => void
  readonly #own: Pick<UdpHandle, 'send'>

  /** @throws OsError */
  constructor(handle: UdpHandle, isConnected: () => boolean, heard: (e: QueuedError) => void) {
    this.#handle = handle
    this.#isConnected = isConnected
    this.#heard = heard
    this.#own = { send: handle.send }
    // Before the kernel queues anything.
    handle.recvStop()
    try {
      this.socket = new BorrowedSocket(handle.fd, 'all', () => this.#take())
    } catch (e) {
      handle.recvStart()
      throw e
    }
    const { ref, unref } = handle
    this.socket.ref = handle.hasRef()
    handle.send = (_request, list, _count, ...rest) => this.#send(list, rest)
    handle.ref = () => {
      ref.call(handle)
      this.socket.ref = true
    }
    handle.unref = () => {
      unref.call(handle)
      this.socket.ref = false
    }
  }

  /** The socket has been closed. */
  close(): void {
    this.socket.close()
  }

  /** Gives it back to libuv. */
  giveBack(): void {
    const handle = this.#handle
    this.socket.forgo()
    this.socket.close()
    handle.send = this.#own.send
    delete (handle as Partial<UdpHandle>).ref
    delete (handle as Partial<UdpHandle>).unref
    if (handle.fd >= 0) handle.recvStart()
  }

  #take(): void {
    for (let i = 0; i < ROUNDS && this.#handle.fd >= 0; i++) {
      const told = this.socket.errors((e) => this.#tell(e))
      const end = this.socket.receive(({ bytes, from }) => {
        if (this.#handle.fd < 0) return
        const { address, port } = from
        const zone = from.interfaceIndex === 0 ? undefined : interfaceName(from.interfaceIndex)
        const family = typeof address === 'bigint' ? 'IPv6' : 'IPv4'
        this.#handle.onmessage(bytes.length, this.#handle, Buffer.from(bytes), {
          address: showIp(address, zone),
          family,
          port,
        })
      })
      if (end === 0 || end === AGAIN) return
      // An error of the socket's: what it says has come into the queue meanwhile, or it is none of the network's.
      if (told === 0 && this.#handle.fd >= 0) this.#handle.onmessage(end, this.#handle)
    }
  }

  #tell(e: QueuedError): void {
    const { errno, family, type, code } = e
    this.#heard(e)
    if (this.#handle.fd >= 0 && isHard(family, type, code) && this.#isConnected())
      this.#handle.onmessage(-errno, this.#handle)
  }

  #tellAll(all: readonly QueuedError[]): void {
    for (const e of all) this.#tell(e)
  }

  /** As the handle's: minus errno, or one more than the octets that left. */
  #send(list: readonly Uint8Array[], rest: readonly unknown[]): number {
    const bytes = list.length === 1 ? list[0]! : Buffer.concat(list)
    const octets = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const to = rest.length > 1 ? addressOf(rest[0] as number, rest[1] as string) : undefined
    let sent = this.socket.send(octets, to)
    // An error that waits is told by whatever comes next, and that datagram does not leave: once more, then.
    if (sent < 0 && sent !== AGAIN) {
      const waiting: QueuedError[] = []
      if (this.socket.errors((e) => waiting.push({ ...e, octets: e.octets.slice() })) > 0)
        sent = this.socket.send(octets, to)
      // Not while the program is sending.
      if (waiting.length > 0) setImmediate(() => this.#tellAll(waiting))
    }
    if (sent === AGAIN) {
      this.socket.awaitRoom(PATIENCE)
      sent = this.socket.send(octets, to)
    }
    return sent < 0 ? sent : sent + 1
  }
}

/** Of what Node's look-up has given: an address, with a zone where it needs one. */
function addressOf(port: number, text: string): Datagram['from'] {
  const [host, zone] = text.split('%')
  const address = parseIp(host!)
  if (address === undefined) throw new TypeError(`${text} is not an address`)
  return { address, port, interfaceIndex: zone === undefined ? 0 : (interfaceIndex(zone) ?? Number(zone)) }
}

/** Whether Linux ends the waiting of an ordinary, connected UDP socket (icmp_err_convert, icmpv6_err_convert). */
export function isHard(family: 4 | 6, type: number, code: number): boolean {
  if (family === 4) return type === 12 || (type === 3 && ![0, 1, 5, 11, 12].includes(code))
  return type === 2 || type === 4 || (type === 1 && code !== 0 && code !== 2 && code !== 3)
}

const AGAIN = -11
/** Longest time that sending waits for room, ms. */
const PATIENCE = 20
/** Batches before the rest of the program has its turn. */
const ROUNDS = 4
