/** UDP and TCP sockets of a host's kernel by bare system calls: what a program would see, and when, without Node between. */
import { getSystemErrorName } from 'node:util'
import { arena } from '../../packages/icmpkit/src/os/arena.ts'
import {
  ADDRESS_SIZE,
  AF_INET,
  AF_INET6,
  IP_RECVERR,
  IPV6_RECVERR,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  putAddress,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from '../../packages/icmpkit/src/os/socket.ts'
import { LITTLE, must, sys } from '../../packages/icmpkit/src/os/sys.ts'
import type { Family } from '../../packages/icmpkit/src/wire/addr.ts'
import { writeIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { type Host, ip } from './testnet.ts'

/** What the error queue told. */
export interface Queued {
  errno: string
  type: number
  code: number
}

/** Non-blocking, in the namespace of `h`. */
export class KernelSocket implements Disposable {
  readonly family: Family
  readonly protocol: 'udp' | 'tcp'
  readonly fd: number
  #open = true

  /** `fd`: one that is open already, of a connection that was accepted. */
  constructor(h: Host, protocol: 'udp' | 'tcp', family: Family, fd?: number) {
    this.family = family
    this.protocol = protocol
    const domain = family === 4 ? AF_INET : AF_INET6
    const type = (protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC
    this.fd = fd ?? h.inside(() => must(sys().socket(domain, type, 0), 'socket', 'test'))
  }

  set(level: number, option: number, value: number): this {
    const octets = new Uint8Array(new Int32Array([value]).buffer)
    must(sys().setsockopt(this.fd, level, option, octets, 4), `setsockopt ${level}/${option}`, 'test')
    return this
  }

  /** IP_RECVERR or IPV6_RECVERR: the one option that makes a program hear everything. */
  receiveErrors(): this {
    return this.family === 4 ? this.set(SOL_IP, IP_RECVERR, 1) : this.set(SOL_IPV6, IPV6_RECVERR, 1)
  }

  bind(address: string, port = 0): this {
    must(sys().bind(this.fd, ...this.#address(address, port)), 'bind', 'test')
    return this
  }

  /** TCP: begins to. */
  connect(address: string, port: number): this {
    const result = sys().connect(this.fd, ...this.#address(address, port))
    if (result !== -EINPROGRESS) must(result, 'connect', 'test')
    return this
  }

  listen(): this {
    must(call('listen', 'int', 'int')(this.fd, 128), 'listen', 'test')
    return this
  }

  /** The next connection, waited for. */
  accept(h: Host): KernelSocket {
    this.wait(POLLIN)
    const fd = must(
      call('accept4', 'int', 'void *', 'void *', 'int')(this.fd, null, null, SOCK_NONBLOCK),
      'accept',
      'test',
    )
    return new KernelSocket(h, 'tcp', this.family, fd)
  }

  get port(): number {
    const address = new Uint8Array(ADDRESS_SIZE)
    const length = new Uint8Array(new Uint32Array([ADDRESS_SIZE]).buffer)
    must(sys().getsockname(this.fd, address, length), 'getsockname', 'test')
    return (address[2]! << 8) | address[3]!
  }

  /** What poll says at this moment. */
  poll(events = POLLIN | POLLOUT): number {
    return poll(this.fd, events, 0)
  }

  /** Blocks until one of `events`, an error or a hang-up is there. */
  wait(events: number): number {
    const got = poll(this.fd, events, LIMIT)
    if (got === 0) throw new Error('nothing happened to a socket')
    return got
  }

  /** Octets, or the error's name; EAGAIN: nothing there, and no error. */
  receive(): number | string {
    return result(sys().recv(this.fd, new Uint8Array(2048), 2048, MSG_DONTWAIT))
  }

  send(octets: number | Uint8Array): number | string {
    const bytes = typeof octets === 'number' ? new Uint8Array(octets) : octets
    return result(sys().send(this.fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL))
  }

  sendTo(address: string, port: number, octets: number): number | string {
    const [to, length] = this.#address(address, port)
    return result(sys().sendto(this.fd, new Uint8Array(octets), octets, MSG_DONTWAIT, to, length))
  }

  /** SO_ERROR, which clears it; empty: none. */
  error(): string {
    const value = new Int32Array(1)
    const length = new Uint8Array(new Uint32Array([4]).buffer)
    must(sys().getsockopt(this.fd, SOL_SOCKET, SO_ERROR, new Uint8Array(value.buffer), length), 'getsockopt', 'test')
    const errno = value[0]!
    return errno === 0 ? '' : getSystemErrorName(-errno)
  }

  /** The next entry of the error queue. */
  queued(): Queued | undefined {
    scratch ??= arena(4096)
    const { view, address, bytes } = scratch
    bytes.fill(0)
    view.setBigUint64(16, address + 1024n, LITTLE)
    view.setBigUint64(24, 1n, LITTLE)
    view.setBigUint64(32, address + 2048n, LITTLE)
    view.setBigUint64(40, 1024n, LITTLE)
    view.setBigUint64(1024, address + 1040n, LITTLE)
    view.setBigUint64(1032, 512n, LITTLE)
    if (sys().recvmsg(this.fd, address, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return undefined
    // One control message: struct sock_extended_err behind its header.
    const at = 2048 + 16
    return { errno: getSystemErrorName(-view.getUint32(at, LITTLE)), type: bytes[at + 5]!, code: bytes[at + 6]! }
  }

  /** struct tcp_info. */
  info(): { state: number; retransmits: number; backoff: number } {
    const info = new Uint8Array(256)
    const length = new Uint8Array(new Uint32Array([info.length]).buffer)
    must(sys().getsockopt(this.fd, IPPROTO_TCP, TCP_INFO, info, length), 'getsockopt', 'test')
    return { state: info[0]!, retransmits: info[2]!, backoff: info[4]! }
  }

  /** Octets without acknowledgement. */
  unsent(): number {
    const value = new Int32Array(1)
    must(sys().ioctl(this.fd, SIOCOUTQ, new Uint8Array(value.buffer)), 'ioctl', 'test')
    return value[0]!
  }

  close(): void {
    if (this.#open) sys().close(this.fd)
    this.#open = false
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #address(text: string, port: number): [Uint8Array, number] {
    const octets = new Uint8Array(16)
    writeIp(ip(text), octets, 0)
    const address = new Uint8Array(ADDRESS_SIZE)
    const length = putAddress(new DataView(address.buffer), address, 0, this.family, octets, 0, port)
    return [address, length]
  }
}

/** Blocks at most `limit` ms. */
export function poll(fd: number, events: number, limit: number): number {
  const entry = new DataView(new ArrayBuffer(8))
  entry.setInt32(0, fd, LITTLE)
  entry.setInt16(4, events, LITTLE)
  must(sys().poll(new Uint8Array(entry.buffer), 1, limit), 'poll', 'test')
  return entry.getInt16(6, LITTLE)
}

export const POLLIN = 1
export const POLLOUT = 4
export const POLLERR = 8
export const IPPROTO_TCP = 6
export const TCP_KEEPIDLE = 4
export const TCP_KEEPINTVL = 5
export const TCP_KEEPCNT = 6
export const TCP_USER_TIMEOUT = 18
export const SO_REUSEADDR = 2
export const SO_KEEPALIVE = 9
/** tcpi_state. */
export const State = { established: 1, synSent: 2 } as const

function result(value: number): number | string {
  return value < 0 ? getSystemErrorName(value) : value
}

/** Calls that the library itself has no use for. */
function call(name: string, ...args: string[]): (...args: unknown[]) => number {
  const { koffi } = sys()
  calls[name] ??= koffi.load(null).func(name, 'int', args) as Call
  const raw = calls[name]
  return (...a) => {
    const value = raw(...a)
    return value === -1 ? -koffi.errno() : value
  }
}

type Call = (...args: unknown[]) => number
const calls: Record<string, Call> = {}
let scratch: ReturnType<typeof arena> | undefined

/** No test waits that long: it ends a test that hangs. */
const LIMIT = 60_000
const SOCK_STREAM = 1
const MSG_NOSIGNAL = 0x4000
const EINPROGRESS = 115
const TCP_INFO = 11
const SIOCOUTQ = 0x5411
