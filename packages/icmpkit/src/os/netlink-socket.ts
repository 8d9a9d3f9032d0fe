/**
 * A netlink socket: one request at a time, answered before the call returns. The kernel works on a request inside our
 * `send`, so its answer already waits when we read; nothing here blocks, and all of it may run inside another namespace.
 *
 * The socket stays in the network namespace where it was opened, wherever its thread goes later.
 */
import { type Arena, arena } from './arena.ts'
import { Flag, type Message, MessageReader, MessageType, type MessageWriter, readVerdict } from './netlink-message.ts'
import { Errno, OsError } from './os-error.ts'
import { LITTLE, must, type Pointer, type Sys, sys } from './sys.ts'
import { forget } from './waker.ts'

/** NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER. */
export const Protocol = { route: 0, sockDiag: 4, netfilter: 12 } as const

/** Sees each message of an answer; its octets are on loan until it returns. */
export type Visit = (r: MessageReader, m: Message) => void

export class NetlinkSocket implements Disposable {
  readonly fd: number
  readonly #os: Sys = sys()
  readonly #buffer: Arena
  readonly #reader: MessageReader
  readonly #sender = new Uint8Array(SOCKADDR_NL)
  readonly #senderView = new DataView(this.#sender.buffer)
  readonly #senderLength = new Uint8Array(4)
  #seq = 0
  #open = true

  /** @throws OsError */
  constructor(protocol: number) {
    const os = this.#os
    this.fd = must(os.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), 'socket', DOOR)
    try {
      this.#buffer = arena(BUFFER, DOOR)
      this.#reader = new MessageReader(this.#buffer.bytes)
      // Words for refusals, no echo of the request, and filters that the kernel obeys instead of ignoring them. Each is
      // a comfort that an old kernel lacks, so a refusal is not an error.
      for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) this.#enable(option)
      must(os.bind(this.fd, address(), SOCKADDR_NL), 'bind', DOOR)
    } catch (e) {
      os.close(this.fd)
      throw e
    }
  }

  /**
   * Sends the message in `w` and reads to its acknowledgement or the end of its dump; `name` is the request in a message
   * for people ('RTM_NEWLINK'). A dump that something changed meanwhile is asked anew, `restart` is told so.
   * @throws OsError with the kernel's own words where it refuses
   */
  request(w: MessageWriter, name: string, visit?: Visit, restart?: () => void): void {
    for (let tries = 1; ; tries++) {
      if (this.#ask(w, name, visit)) return
      if (tries === DUMP_TRIES) {
        throw new OsError(Errno.EAGAIN, name, DOOR, `It changed under each of ${tries} readings: ask again later`)
      }
      restart?.()
    }
  }

  /**
   * Sends `messages` of nftables' as one transaction: all of it happens or none. Each asks for an acknowledgement.
   * @throws OsError with the kernel's own words about the first that it refuses
   */
  batch(messages: readonly Uint8Array[], name: string): void {
    const first = this.#seq + 1
    const all = [batchEdge(BATCH_BEGIN), ...messages, batchEdge(BATCH_END)]
    for (const m of all) {
      this.#seq = (this.#seq + 1) >>> 0
      new DataView(m.buffer, m.byteOffset).setUint32(8, this.#seq, LITTLE)
    }
    const request = Buffer.concat(all)
    must(this.#os.send(this.fd, request, request.length, 0), name, DOOR)
    let refused: { errno: number; text: string } | undefined
    for (let waiting = messages.length; waiting > 0; ) {
      const end = this.receive()
      // A transaction that is refused as a whole has one answer.
      if (end === 0 && refused !== undefined) break
      if (end <= 0) throw new OsError(end === 0 ? Errno.EAGAIN : -end, name, DOOR, 'The kernel did not answer')
      for (const m of this.#reader.messages(0, end)) {
        if (m.type !== MessageType.error || m.seq < first) continue
        const verdict = readVerdict(this.#reader, m)
        if (verdict.errno !== 0) refused ??= verdict
        waiting--
      }
    }
    if (refused === undefined) return
    const { errno, text } = refused
    throw new OsError(errno, name, DOOR, errno === Errno.EPERM ? CURE : text)
  }

  /** False: the dump was interrupted, and what was visited may be inconsistent. */
  #ask(w: MessageWriter, name: string, visit: Visit | undefined): boolean {
    this.#seq = (this.#seq + 1) >>> 0
    const request = w.finish(this.#seq)
    must(this.#os.send(this.fd, request, request.length, 0), name, DOOR)
    let consistent = true
    for (;;) {
      const end = this.#receive(name)
      for (const m of this.#reader.messages(0, end)) {
        if (m.seq !== this.#seq) continue
        if ((m.flags & Flag.dumpInterrupted) !== 0) consistent = false
        switch (m.type) {
          case MessageType.noop:
            break
          case MessageType.overrun:
            throw new OsError(Errno.ENOBUFS, name, DOOR)
          case MessageType.error:
          case MessageType.done: {
            const { errno, text } = readVerdict(this.#reader, m)
            if (errno !== 0) throw new OsError(errno, name, DOOR, errno === Errno.EPERM ? CURE : text)
            return consistent
          }
          default:
            visit?.(this.#reader, m)
        }
      }
    }
  }

  /** One datagram of the kernel's; others may send to us too, and are not believed. */
  #receive(name: string): number {
    for (;;) {
      const got = this.receive()
      if (got === 0) throw new OsError(Errno.EAGAIN, name, DOOR, 'The kernel did not answer')
      if (got > 0) return got
      throw new OsError(-got, name, DOOR, -got === Errno.ENOBUFS ? 'The answer overflowed the socket buffer' : '')
    }
  }

  /** Joins a multicast group of changes. @throws OsError */
  join(group: number): void {
    const value = new Uint8Array(4)
    new DataView(value.buffer).setUint32(0, group, LITTLE)
    must(this.#os.setsockopt(this.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, value, 4), 'setsockopt', DOOR)
  }

  /** An option beyond those of netlink: a filter. @throws OsError */
  setBytes(level: number, option: number, value: Pointer, length: number, name: string, cure = ''): void {
    must(this.#os.setsockopt(this.fd, level, option, value, length), `setsockopt ${name}`, DOOR, cure)
  }

  /** Octets of the next datagram of the kernel's in `reader`, 0 where none waits, else minus errno. */
  receive(): number {
    const { bytes, address } = this.#buffer
    for (;;) {
      new DataView(this.#senderLength.buffer).setUint32(0, SOCKADDR_NL, LITTLE)
      const got = this.#os.recvfrom(
        this.fd,
        address,
        bytes.length,
        MSG_DONTWAIT | MSG_TRUNC,
        this.#sender,
        this.#senderLength,
      )
      if (got === -Errno.EINTR) continue
      if (got === -Errno.EAGAIN) return 0
      if (got < 0) return got
      if (this.#senderView.getUint32(4, LITTLE) !== 0 || got === 0) continue
      return got > bytes.length ? -Errno.EMSGSIZE : got
    }
  }

  get reader(): MessageReader {
    return this.#reader
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    forget(this.fd)
    this.#os.close(this.fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #enable(option: number): void {
    const one = new Uint8Array(4)
    new DataView(one.buffer).setUint32(0, 1, LITTLE)
    this.#os.setsockopt(this.fd, SOL_NETLINK, option, one, 4)
  }
}

/** struct nlmsghdr and nfgenmsg that begin and end a transaction. */
function batchEdge(type: number): Uint8Array {
  const m = new Uint8Array(20)
  const view = new DataView(m.buffer)
  view.setUint32(0, m.length, LITTLE)
  view.setUint16(4, type, LITTLE)
  view.setUint16(6, Flag.request, LITTLE)
  // The subsystem, in network order.
  view.setUint16(18, NFTABLES)
  return m
}

function address(): Uint8Array {
  const a = new Uint8Array(SOCKADDR_NL)
  new DataView(a.buffer).setUint16(0, AF_NETLINK, LITTLE)
  return a
}

const DOOR = 'netlink'
const CURE = 'This needs CAP_NET_ADMIN in the network namespace: run as root, or in a namespace of your own'

/** The kernel fills at most 32 KiB a datagram of a dump; a single link with many virtual functions may be longer. */
const BUFFER = 1 << 16
/** A busy table of a router changes all the time: then the caller must know, not wait for ever. */
const DUMP_TRIES = 8

const BATCH_BEGIN = 16
const BATCH_END = 17
const NFTABLES = 10
const AF_NETLINK = 16
const SOCKADDR_NL = 12
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const SOCK_NONBLOCK = 0o4000
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40
const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12
