/**
 * Which sockets this machine has, and which end: sock_diag over netlink, without a child process. Asking and watching need
 * no rights, ending somebody's connection needs CAP_NET_ADMIN. Answers come before the call returns; each object speaks
 * to the kernel of the namespace in which it was opened.
 */

import { inNamespace, type NamespaceRef } from './namespace.ts'
import { Flag, MessageWriter } from './netlink-message.ts'
import { NetlinkSocket, Protocol } from './netlink-socket.ts'
import { Errno, OsError } from './os-error.ts'
import { attachFilter, type Instruction, JUMP_EQUAL, LOAD_HALF, RETURN } from './packet-filter.ts'
import {
  AF_INET,
  AF_INET6,
  type SocketFilter,
  type SocketInfo,
  type SocketName,
  type SocketProtocol,
  SocketRecord,
  writeSocketName,
  writeSocketQuery,
} from './socket-record.ts'
import { waker } from './waker.ts'

/** Those that hold a port: TCP listeners, UDP sockets without a peer. */
export interface PortHolders {
  count: number
  /** Of them, those that other machines reach: not bound to a loopback address, as a resolver of this machine's own is. */
  outside: number
  /** Octets (TCP: connections) that wait in the fullest of them. */
  waiting: number
  /** Of their files; a program may have several, and several programs one port. */
  inodes: number[]
}

/** @throws OsError */
export function openSockDiag(netns?: NamespaceRef): SockDiag {
  return within(netns, () => new SockDiag(open()))
}

/** Asks about sockets, and ends connections. Each call may throw an OsError. */
export class SockDiag implements Disposable {
  readonly #socket: NetlinkSocket
  readonly #writer = new MessageWriter()
  readonly #record = new SocketRecord()

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Shows `visit` each socket that fits, on loan. It may come twice where the kernel had to be asked anew: see `restart`. */
  each(filter: SocketFilter, visit: (s: SocketRecord) => void, restart?: () => void): void {
    const record = this.#record
    const { protocol, family } = filter
    for (const af of [AF_INET, AF_INET6]) {
      // A socket of IPv6 may have a connection over IPv4, never the other way round.
      if (af === AF_INET && family === 6) continue
      const w = writeSocketQuery(this.#writer.begin(BY_FAMILY, Flag.request | Flag.dump), filter, af)
      this.#ask(
        w,
        'SOCK_DIAG_BY_FAMILY',
        (r, m) => {
          if (record.set(r, m, protocol) && (family === undefined || record.family === family)) visit(record)
        },
        restart,
      )
    }
  }

  /** The same, kept. */
  list(filter: SocketFilter): SocketInfo[] {
    let list: SocketInfo[] = []
    this.each(
      filter,
      (s) => list.push(s.keep()),
      () => {
        list = []
      },
    )
    return list
  }

  /** Who holds `port` at this moment, in both families. */
  holders(protocol: SocketProtocol, port: number): PortHolders {
    let found: PortHolders = { count: 0, outside: 0, waiting: 0, inodes: [] }
    const states = [protocol === 'tcp' ? 'listen' : 'close'] as const
    const visit = (s: SocketRecord) => {
      if (!s.open) return
      found.count++
      if (!s.loopback) found.outside++
      found.waiting = Math.max(found.waiting, s.receiveQueue)
      found.inodes.push(s.inode)
    }
    this.each({ protocol, port, states }, visit, () => {
      found = { count: 0, outside: 0, waiting: 0, inodes: [] }
    })
    return found
  }

  /**
   * The one socket that a packet from `remote` to `local` would reach, as the kernel finds it: where none is connected to
   * that remote, the listener or the UDP socket without a peer.
   */
  find(name: SocketName): SocketInfo | undefined {
    const w = this.#writer.begin(BY_FAMILY, Flag.request | Flag.ack)
    const found: SocketInfo[] = []
    try {
      this.#socket.request(writeSocketName(w, name, name.protocol === 'udp'), 'SOCK_DIAG_BY_FAMILY', (r, m) => {
        if (this.#record.set(r, m, name.protocol)) found.push(this.#record.keep())
      })
    } catch (e) {
      if (e instanceof OsError && e.errno === Errno.ENOENT) return undefined
      throw e
    }
    return found[0]
  }

  /**
   * Ends a connection: TCP sends a reset and its program reads ECONNABORTED, a UDP socket's program too. False: there is
   * no such socket (any more). @throws OsError with the cure where rights or the kernel's part for it are missing
   */
  destroy(name: SocketName): boolean {
    const w = this.#writer.begin(DESTROY, Flag.request | Flag.ack)
    try {
      this.#socket.request(writeSocketName(w, name, false), 'SOCK_DESTROY')
      return true
    } catch (e) {
      if (!(e instanceof OsError)) throw e
      if (e.errno === Errno.ENOENT) return false
      throw e.errno === Errno.EOPNOTSUPP ? new OsError(e.errno, e.syscall, DOOR, NO_DESTROY) : e
    }
  }

  close(): void {
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #ask(...request: Parameters<NetlinkSocket['request']>): void {
    try {
      this.#socket.request(...request)
    } catch (e) {
      throw explained(e)
    }
  }
}

export interface SocketWatchOptions {
  protocols?: readonly SocketProtocol[]
  /** Only sockets of these local ports. All. */
  ports?: readonly number[]
  /** Also sockets that have a peer: each end of a connection. No. */
  connections?: boolean
  netns?: NamespaceRef
}

/** Sockets that end from now on, whoever had them and however they ended. Needs no rights. @throws OsError */
export function watchSockets(options: SocketWatchOptions = {}): SocketWatch {
  return within(options.netns, () => new SocketWatch(open(), options))
}

/** Tells of sockets at the moment that the kernel lets go of them; a Pollable. Made by `watchSockets`. */
export class SocketWatch implements Disposable {
  readonly #socket: NetlinkSocket
  readonly #record = new SocketRecord()
  readonly #ports: ReadonlySet<number> | undefined
  readonly #connections: boolean
  #lost = 0
  #open = true

  constructor(socket: NetlinkSocket, options: SocketWatchOptions) {
    this.#socket = socket
    this.#ports = options.ports && new Set(options.ports)
    this.#connections = options.connections ?? false
    try {
      // Before the first group: nothing comes in that the filter has not seen.
      attachFilter(socket, program(options))
      for (const protocol of options.protocols ?? (['tcp', 'udp'] as const)) {
        for (const group of GROUPS[protocol]) socket.join(group)
      }
    } catch (e) {
      socket.close()
      throw explained(e)
    }
  }

  get fd(): number {
    return this.#socket.fd
  }

  /** How often the kernel had to drop some; grows only. Whoever sees it grow asks `SockDiag` for what is left. */
  get lost(): number {
    return this.#lost
  }

  /** Shows `visit` each socket that has ended, on loan; how many it was. Its state and queues say nothing any more. @throws OsError */
  read(visit: (s: SocketRecord) => void): number {
    let shown = 0
    while (this.#open) {
      const got = this.#socket.receive()
      if (got === 0) break
      if (got < 0) {
        if (got !== -Errno.ENOBUFS && got !== -Errno.EMSGSIZE) throw new OsError(-got, 'recvfrom', DOOR)
        this.#lost++
        continue
      }
      const r = this.#socket.reader
      for (const m of r.messages(0, got)) {
        if (m.type !== BY_FAMILY) continue
        const protocol = PROTOCOLS[r.number(r.attributes(m.at + MESSAGE, m.end).get(PROTOCOL)) ?? 0]
        if (protocol === undefined || !this.#record.set(r, m, protocol) || !this.#wanted(this.#record)) continue
        shown++
        visit(this.#record)
      }
    }
    return shown
  }

  /** Until something waits, at most to `until` (monotonic ms), or until closed. */
  async readable(until: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#open) await waker().wait([this], false, until).done
  }

  close(): void {
    this.#open = false
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** What the kernel's filter had no room for. */
  #wanted(s: SocketRecord): boolean {
    return (this.#connections || s.open) && (this.#ports?.has(s.localPort) ?? true)
  }
}

/** A server with 10,000 connections that ends would fill the buffer with them, and its listener be lost. */
function program({ ports = [], connections }: SocketWatchOptions): readonly Instruction[] {
  const some = ports.length <= MOST_PORTS ? ports : []
  const openOnly: Instruction[] = connections
    ? []
    : [
        [LOAD_HALF, 0, 0, NLMSG + 6],
        [JUMP_EQUAL, 1, 0, 0],
        [RETURN, 0, 0, 0],
      ]
  const portsOnly: Instruction[] =
    some.length === 0
      ? []
      : [
          [LOAD_HALF, 0, 0, NLMSG + 4],
          ...some.map((port, i): Instruction => [JUMP_EQUAL, some.length - i, 0, port]),
          [RETURN, 0, 0, 0],
        ]
  return [...openOnly, ...portsOnly, [RETURN, 0, 0, 0x40000]]
}

function within<T>(netns: NamespaceRef | undefined, fn: () => T): T {
  return netns === undefined ? fn() : inNamespace(netns, fn)
}

function open(): NetlinkSocket {
  try {
    return new NetlinkSocket(Protocol.sockDiag)
  } catch (e) {
    throw explained(e)
  }
}

/** ENOENT of a list: the kernel has no part for such sockets. Of a single socket it is the answer that there is none. */
function explained(e: unknown): unknown {
  if (!(e instanceof OsError)) return e
  const missing = e.errno === Errno.EPROTONOSUPPORT || e.errno === Errno.ENOENT
  return missing ? new OsError(e.errno, e.syscall, DOOR, MISSING) : e
}

const DOOR = 'sock-diag'
const MISSING =
  'Listing sockets needs CONFIG_INET_DIAG and CONFIG_INET_UDP_DIAG in the kernel: `modprobe tcp_diag udp_diag`'
const NO_DESTROY =
  'This kernel cannot end the connection of another program: it was built without CONFIG_INET_DIAG_DESTROY'

const BY_FAMILY = 20
const DESTROY = 21
/** struct nlmsghdr; struct inet_diag_msg. */
const NLMSG = 16
const MESSAGE = 72
/** INET_DIAG_PROTOCOL. */
const PROTOCOL = 10
const PROTOCOLS: Record<number, SocketProtocol> = { 6: 'tcp', 17: 'udp' }
/** SKNLGRP_INET_TCP_DESTROY … */
const GROUPS = { tcp: [1, 3], udp: [2, 4] } as const
/** A jump reaches 255 instructions. */
const MOST_PORTS = 200
