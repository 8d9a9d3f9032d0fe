/**
 * A socket that is somebody else's (Node's), by a duplicate of its descriptor: its error queue with all that ICMP errors
 * carry behind the quote (IP_RECVERR, IP_RECVERR_RFC4884), which an unprivileged program may read; and its datagrams.
 *
 * An entry that is taken from the queue clears the socket's pending error. By the duplicate the last entries can still be
 * read when the owner has closed.
 */
import { familyOf, type Ip, readIp4, readIp6, writeIp } from '../wire/addr.ts'
import { BorrowedWatch } from './borrowed-watch.ts'
import { Control, Origin } from './cmsg.ts'
import { MessageTable } from './message-table.ts'
import { Errno, OsError } from './os-error.ts'
import {
  ADDRESS_SIZE,
  AF_INET,
  AF_INET6,
  IP_RECVERR,
  IP_RECVERR_RFC4884,
  IPV6_RECVERR,
  IPV6_RECVERR_RFC4884,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  putAddress,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from './socket.ts'
import { LITTLE, must, type Sys, sys } from './sys.ts'

/** One error, on loan. */
export interface QueuedError {
  family: 4 | 6
  type: number
  code: number
  errno: number
  /** Who sent the error; undefined where the kernel does not say. */
  from: Ip | undefined
  /** Where the datagram had been sent. */
  to: { address: Ip; port: number }
  mtu: number
  /** The quote (of UDP from behind its header on, of TCP from its header on), then the extensions. */
  octets: Uint8Array
  /** Where the extensions begin in `octets`, as the message says; -1 where it says of none. */
  extensions: number
}

/** One datagram that came; `bytes` are on loan. */
export interface Datagram {
  bytes: Uint8Array
  from: { address: Ip; port: number; interfaceIndex: number }
}

export class BorrowedSocket implements Disposable {
  readonly #os: Sys = sys()
  readonly #fd: number
  readonly #four: boolean
  readonly #watch: BorrowedWatch
  #open = true
  #local: { address: Ip; port: number } | undefined
  /** False before Linux 5.9: nobody says where the extensions begin. */
  readonly tellsExtensions: boolean

  /**
   * `fd` stays its owner's. `told` is called when errors wait. 'errors': a turn of the loop after the owner was told of
   * them, who has to see them first; 'all': at once, and for datagrams as well: then the owner must not poll it any more.
   * @throws OsError
   */
  constructor(fd: number, what: 'errors' | 'all', told: () => void) {
    const os = this.#os
    // By way of a descriptor that the thread owns: it is closed with the thread.
    this.#fd = must(os.open('/dev/null', O_CLOEXEC, 0), 'open', DOOR)
    try {
      must(os.dup3(fd, this.#fd, O_CLOEXEC), 'dup3', DOOR)
      const domain = this.#int(SOL_SOCKET, SO_DOMAIN)
      if (domain !== AF_INET && domain !== AF_INET6) {
        throw new OsError(Errno.EAFNOSUPPORT, 'getsockopt', DOOR, 'Only sockets of IPv4 and IPv6 have ICMP errors')
      }
      this.#four = domain === AF_INET
      // A socket of IPv6 may have a connection over IPv4: it is asked for both.
      must(this.#set(SOL_IP, IP_RECVERR), 'setsockopt IP_RECVERR', DOOR)
      this.tellsExtensions = this.#set(SOL_IP, IP_RECVERR_RFC4884) >= 0
      if (!this.#four) {
        must(this.#set(SOL_IPV6, IPV6_RECVERR), 'setsockopt IPV6_RECVERR', DOOR)
        this.#set(SOL_IPV6, IPV6_RECVERR_RFC4884)
      }
      this.#watch = new BorrowedWatch(this.#fd, what, told)
    } catch (e) {
      os.close(this.#fd)
      throw e
    }
    // A connection that is refused has lost it by then.
    void this.local
  }

  /** Takes the errors that wait; how many entries it was, those of this machine itself included. */
  errors(visit: (e: QueuedError) => void): number {
    for (let taken = 0; ; taken++) {
      const length = this.#open && taken < MOST ? this.#recvmsg(MSG_ERRQUEUE) : -1
      if (length < 0) return taken
      const e = queued(memory(), length, this.#four)
      if (e !== undefined) visit(e)
    }
  }

  /** Takes datagrams; what ended it: -EAGAIN where there are no more, 0 where there may be, else minus errno. */
  receive(visit: (d: Datagram) => void): number {
    for (let taken = 0; taken < MOST; taken++) {
      const length = this.#open ? this.#recvmsg(0) : -Errno.EAGAIN
      if (length < 0) return length
      const { bytes, view, packets } = memory()
      const name = memory().name(0)
      const address = this.#four ? readIp4(bytes, name + 4) : readIp6(bytes, name + 8)
      const interfaceIndex = this.#four ? 0 : view.getUint32(name + 24, LITTLE)
      const from = { address, port: view.getUint16(name + 2), interfaceIndex }
      visit({ bytes: bytes.subarray(packets, packets + length), from })
    }
    return 0
  }

  /** Octets, or minus errno; to `to` where it is not connected. */
  send(bytes: Uint8Array, to?: Datagram['from']): number {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL
    if (to === undefined) return this.#os.send(this.#fd, bytes, bytes.length, flags)
    const name = new Uint8Array(ADDRESS_SIZE)
    const octets = new Uint8Array(16)
    writeIp(to.address, octets, 0)
    const view = new DataView(name.buffer)
    const length = putAddress(view, name, 0, familyOf(to.address), octets, 0, to.port, 0, to.interfaceIndex)
    return this.#os.sendto(this.#fd, bytes, bytes.length, flags, name, length)
  }

  /** Until there is room to send, at most `ms`, in which nothing else runs. */
  awaitRoom(ms: number): void {
    const pollfd = new DataView(new ArrayBuffer(8))
    pollfd.setInt32(0, this.#fd, LITTLE)
    pollfd.setInt16(4, POLLOUT, LITTLE)
    this.#os.poll(new Uint8Array(pollfd.buffer), 1, ms)
  }

  /** This end of the socket, as it last had one. */
  get local(): { address: Ip; port: number } | undefined {
    const name = new Uint8Array(ADDRESS_SIZE)
    const view = new DataView(name.buffer)
    const length = new DataView(new ArrayBuffer(4))
    length.setUint32(0, ADDRESS_SIZE, LITTLE)
    if (!this.#open || this.#os.getsockname(this.#fd, name, new Uint8Array(length.buffer)) < 0) return this.#local
    const port = view.getUint16(2)
    if (port !== 0) this.#local = { address: unmapped(name, this.#four ? 4 : 8, this.#four), port }
    return this.#local
  }

  /** Whether it keeps the process alive; 'errors' never does. */
  set ref(on: boolean) {
    this.#watch.ref = on
  }

  /** Nothing is queued for it any more, and what waits is thrown away; before `close`, where the owner goes on. */
  forgo(): void {
    if (!this.#open) return
    this.#set(SOL_IP, IP_RECVERR, ZERO)
    if (!this.#four) this.#set(SOL_IPV6, IPV6_RECVERR, ZERO)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#watch.close()
    this.#os.close(this.#fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #recvmsg(flags: number): number {
    const table = memory()
    table.reset(1)
    table.setPacket(0, table.packets, PACKET)
    return this.#os.recvmsg(this.#fd, table.message(0), MSG_DONTWAIT | flags)
  }

  #set(level: number, option: number, value: Uint8Array = ONE): number {
    return this.#os.setsockopt(this.#fd, level, option, value, 4)
  }

  #int(level: number, option: number): number {
    const value = new Uint8Array(4)
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, 4, LITTLE)
    must(this.#os.getsockopt(this.#fd, level, option, value, length), 'getsockopt', DOOR)
    return new DataView(value.buffer).getInt32(0, LITTLE)
  }
}

/** `four`: what the socket is, not what came. undefined: not of ICMP. */
function queued(t: MessageTable, length: number, four: boolean): QueuedError | undefined {
  const { bytes, view } = t
  control.read(view, t.control(0), t.controlEnd(0))
  const { origin, type, code, errno, offender, info, error } = control
  if (error < 0 || (origin !== Origin.icmp && origin !== Origin.icmp6)) return undefined
  const aboutSize = origin === Origin.icmp ? type === 3 && code === 4 : type === 2
  const name = t.name(0)
  // struct sock_ee_data_rfc4884, in place of ee_data.
  const begin = view.getUint16(error + 12, LITTLE)
  return {
    family: origin === Origin.icmp ? 4 : 6,
    type,
    code,
    errno,
    from: offender < 0 ? undefined : unmapped(bytes, offender, four),
    to: { address: unmapped(bytes, name + (four ? 4 : 8), four), port: view.getUint16(name + 2) },
    mtu: aboutSize ? info : 0,
    octets: bytes.subarray(t.packets, t.packets + length),
    extensions: begin === 0 ? -1 : begin,
  }
}

/** An IPv6 socket gets addresses of IPv4 as ::ffff:192.0.2.1. */
function unmapped(bytes: Uint8Array, at: number, four: boolean): Ip {
  if (four) return readIp4(bytes, at)
  const ip = readIp6(bytes, at)
  return ip >> 32n === 0xffffn ? readIp4(bytes, at + 12) : ip
}

const control = new Control()
let table: MessageTable | undefined

/** One for all sockets of this thread: what is read is on loan. */
function memory(): MessageTable {
  table ??= new MessageTable(1, CONTROL, PACKET)
  return table
}

const DOOR = 'borrowed-socket'
const ONE: Uint8Array = new Uint8Array(new Uint32Array([1]).buffer)
const ZERO: Uint8Array = new Uint8Array(4)
/** Room for the extended error with the address of its sender. */
const CONTROL = 256
/** The longest datagram. */
const PACKET = 65_536
/** Taken at a time: whoever floods must not keep the program from everything else. */
const MOST = 128
const SO_DOMAIN = 39
const O_CLOEXEC = 0o2000000
const MSG_NOSIGNAL = 0x4000
const POLLOUT = 4
