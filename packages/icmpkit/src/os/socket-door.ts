/**
 * The door that is one kernel socket, ping or raw, of one family. Out: packets are written with their IP header; the
 * header's fields become control messages and up to 64 packets leave in one sendmmsg. In: recvmmsg, with the IP header
 * rebuilt where the kernel kept it, then the error queue, which brings ICMP errors about what we sent (rebuilt as the
 * packets they were) and the kernel's transmit stamps.
 *
 * A pending error about one target makes the next send, to another target, fail without leaving: such a send is tried
 * again and never charged to its target. `sendmmsg` tells how many left; the rest waits in the table.
 */
import type { Instant } from '../clock.ts'
import type { Arrival, Door, DoorLoss, DoorName, Machine, Slot } from '../door.ts'
import type { Family } from '../wire/addr.ts'
import { u16 } from '../wire/octets.ts'
import { CMSG_HEADER, Control, cmsgSpace, Origin, putCmsg, putCmsgInt } from './cmsg.ts'
import { monotonic, StampClock } from './kernel-time.ts'
import { MessageTable } from './message-table.ts'
import { Errno, OsError } from './os-error.ts'
import { rebuildError, rebuildHeader } from './rebuilt-packet.ts'
import { dropOf, mayBePending } from './send-failure.ts'
import {
  addressSize,
  IP_MTU_DISCOVER,
  IP_PKTINFO,
  IP_RETOPTS,
  IP_TOS,
  IP_TTL,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPV6_HOPLIMIT,
  IPV6_PKTINFO,
  IPV6_TCLASS,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  putAddress,
  SO_ERROR,
  SO_MEMINFO,
  SO_TIMESTAMPING,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  type Socket,
} from './socket.ts'
import { StampRing } from './stamp-ring.ts'
import { LITTLE, sys } from './sys.ts'
import { forget, type Pollable } from './waker.ts'

/** How this socket differs from the others. */
export interface SocketKind {
  readonly name: DoorName
  readonly family: Family
  /** Packets leave as they are written, IP header included (IP_HDRINCL). */
  readonly ownHeaders: boolean
  /** Packets arrive with their IP header. */
  readonly wholePackets: boolean
  /** ICMP errors come by the error queue alone; a raw socket sees the messages themselves. */
  readonly errorQueue: boolean
  /** The kernel verified the ICMP checksum before it gave us the message. */
  readonly verified: boolean
  /** The socket's IP_MTU_DISCOVER is fixed; otherwise it follows each packet's DF bit (IPv4). */
  readonly fixedDontFragment: boolean
  /** Nobody asks when something left: no stamps, which would come back one for each packet. */
  readonly unstamped?: boolean
  readonly cannot: readonly string[]
  /** Sees the ICMP message of each packet before it leaves: a filter may have to learn its identifier. */
  readonly onSend?: (bytes: Uint8Array, at: number, end: number) => void
  /** Gives the socket another identifier and returns it. */
  readonly rotate?: () => number
}

/** Doors that this thread has open. */
export function openDoors(): number {
  return open
}

let open = 0

export class SocketDoor implements Door, Pollable {
  readonly name: DoorName
  readonly medium = 'ip'
  readonly family: Family
  readonly mtu = 65535
  readonly cannot: readonly string[]
  echoId: number | undefined
  rotateId?: () => void

  readonly #kind: SocketKind
  readonly #socket: Socket
  readonly #os = sys()
  readonly #clock = new StampClock()
  readonly #stamps = new StampRing()
  readonly #control = new Control()
  readonly #out: MessageTable
  readonly #in: MessageTable
  readonly #slot: Slot
  readonly #arrival: Arrival
  readonly #ipSize: number

  /** Messages in `#out`: those before `#first` have left. */
  #first = 0
  #count = 0
  #cursor: number
  readonly #tags = new Float64Array(BATCH)
  readonly #dontFragment = new Uint8Array(BATCH)
  /** Failures of the message at `#first`. */
  #attempts = 0
  /** Whose local "too big" still has to tell its MTU by the error queue: tag, and offset-free copy of the destination. */
  #tooBig: { tag: number; dst: Uint8Array }[] = []

  /** The DF state that the socket has now; -1 = not set by us. */
  #dfNow = -1
  /** The kernel takes our own numbers for stamps (Linux 6.13); otherwise it counts, and `#counted` is its zero. */
  #ownKeys = true
  #keysTaken = false
  #counted = 0
  #closed = false
  /** Messages of `#in` whose lengths the kernel has changed. */
  #used = BATCH
  #overflow = 0
  #shortWrites = 0

  constructor(kind: SocketKind, socket: Socket, echoId: number | undefined) {
    this.#kind = kind
    this.#socket = socket
    this.name = kind.name
    this.family = kind.family
    this.cannot = kind.cannot
    this.echoId = echoId
    const { rotate } = kind
    if (rotate !== undefined) {
      this.rotateId = () => {
        this.echoId = rotate()
      }
    }
    this.#ipSize = kind.family === 4 ? 20 : 40
    this.#out = new MessageTable(BATCH, SEND_CONTROL, OUT_OCTETS)
    this.#in = new MessageTable(BATCH, RECEIVE_CONTROL, BATCH * IN_STRIDE)
    this.#cursor = this.#out.packets
    for (let i = 0; i < BATCH; i++) this.#in.setPacket(i, this.#room(i), IN_STRIDE - HEADROOM)
    this.#slot = {
      bytes: this.#out.bytes,
      at: 0,
      limit: 0,
      end: 0,
      family: kind.family,
      port: 0,
      tag: 0,
    }
    this.#arrival = {
      bytes: this.#in.bytes,
      at: 0,
      end: 0,
      length: 0,
      origin: kind.wholePackets ? 'wire' : 'rebuilt',
      link: 'host',
      checksum: kind.verified ? 'ok' : 'unknown',
      stamp: monotonic(),
      clock: 'user',
      port: 0,
    }
    open++
  }

  get fd(): number {
    return this.#socket.fd
  }

  get loss(): DoorLoss {
    if (!this.#closed) this.#overflow = drops(this.#socket.fd)
    return { queueOverflow: this.#overflow, stampGaps: this.#stamps.gaps(monotonic()), shortWrites: this.#shortWrites }
  }

  send(now: Instant, m: Pick<Machine<unknown>, 'pollTransmit' | 'handleSent' | 'handleUnsent'>): boolean {
    this.#refuseClosed()
    if (!this.#flush(m)) return true
    for (let batch = 0; batch < BATCHES; batch++) {
      const more = this.#fill(now, m)
      if (!this.#flush(m)) return true
      if (!more) return false
    }
    return true
  }

  receive(
    now: Instant,
    m: Pick<Machine<unknown>, 'handlePacket' | 'handleSent' | 'handleUnsent'>,
    limit: number,
  ): number {
    this.#refuseClosed()
    const steady = this.#clock.steady()
    let taken = 0
    let stamps = true
    let packets = true
    while ((stamps || packets) && taken < limit) {
      if (stamps) {
        const got = this.#take(limit - taken, MSG_DONTWAIT | MSG_ERRQUEUE)
        // The caller's `now` may be older than what the kernel has just stamped.
        const read = got > 0 ? monotonic() : now
        for (let i = 0; i < got; i++) this.#fromErrorQueue(read, m, i, steady)
        taken += got
        stamps = got === BATCH
        if (!stamps) this.#giveUpTooBig(read, m)
      }
      if (packets && taken < limit) {
        const got = this.#take(limit - taken, MSG_DONTWAIT)
        const read = got > 0 ? monotonic() : now
        for (let i = 0; i < got; i++) this.#fromQueue(read, m, i, steady)
        taken += got
        packets = got === BATCH
      }
    }
    if (this.#count > this.#first) this.#flush(m)
    return taken
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#overflow = drops(this.#socket.fd)
    this.#closed = true
    open--
    forget(this.#socket.fd)
    this.#socket.close()
    this.#out.release()
    this.#in.release()
  }

  #refuseClosed(): void {
    if (this.#closed) throw new OsError(Errno.EBADF, 'send', this.name, 'The door is closed: open another')
  }

  // ---- out

  /** Takes what is due into the table; false when no more is. */
  #fill(now: Instant, m: Pick<Machine<unknown>, 'pollTransmit' | 'handleUnsent'>): boolean {
    const slot = this.#slot
    while (this.#count < BATCH && this.#cursor + PACKET <= this.#out.bytes.length) {
      slot.at = this.#cursor
      slot.limit = this.#cursor + PACKET
      slot.end = slot.at
      slot.port = 0
      slot.tag = 0
      if (!m.pollTransmit(now, slot)) return false
      if (!this.#stage(slot.at, slot.end, slot.port, slot.tag)) m.handleUnsent(now, slot.tag, 'other', 0)
    }
    return true
  }

  /** Turns the packet at `at` into the next message. False: this door can't send such a packet. */
  #stage(at: number, end: number, port: number, tag: number): boolean {
    const i = this.#count
    const { bytes, view } = this.#out
    const four = this.family === 4
    if (bytes[at]! >>> 4 !== this.family || end - at < this.#ipSize) return false
    const icmp = at + (four ? (bytes[at]! & 15) * 4 : 40)
    const isIcmp = icmp <= end && bytes[at + (four ? 9 : 6)] === (four ? IPPROTO_ICMP : IPPROTO_ICMPV6)
    // TTL 0 can't be asked of the kernel: it means "the default" there.
    if (!this.#kind.ownHeaders && (!isIcmp || (four && bytes[at + 8] === 0))) return false
    if (isIcmp) this.#kind.onSend?.(bytes, icmp, end)
    const start = this.#kind.ownHeaders ? at : icmp

    const name = this.#out.name(i)
    const nameLength = four
      ? putAddress(view, bytes, name, 4, bytes, at + 16)
      : putAddress(
          view,
          bytes,
          name,
          6,
          bytes,
          at + 24,
          0,
          this.#kind.ownHeaders ? 0 : view.getUint32(at) & 0xfffff,
          isLinkLocal6(bytes, at + 24) ? port : 0,
        )

    const control = this.#out.control(i)
    // First of all, so that `#number` finds it: the number of its stamp, filled in when it leaves.
    let c = this.#numbered ? putCmsgInt(view, control, SOL_SOCKET, SCM_TS_OPT_ID, 0) : control
    if (!this.#kind.ownHeaders) {
      c = four ? this.#controls4(c, at, icmp, port) : this.#controls6(c, at, port)
      this.#dontFragment[i] = four ? bytes[at + 6]! & 0x40 : 0
    }
    this.#out.setPacket(i, start, end - start)
    this.#out.setLengths(i, nameLength, c - control)
    this.#tags[i] = tag
    this.#count++
    this.#cursor = (end + 7) & ~7
    return true
  }

  #controls4(from: number, at: number, icmp: number, port: number): number {
    const { bytes, view } = this.#out
    let c = putCmsgInt(view, from, SOL_IP, IP_TTL, bytes[at + 8]!)
    c = putCmsgInt(view, c, SOL_IP, IP_TOS, bytes[at + 1]!)
    const options = icmp - at - 20
    if (options > 0) {
      bytes.copyWithin(c + CMSG_HEADER, at + 20, icmp)
      c = putCmsg(view, c, SOL_IP, IP_RETOPTS, options)
    }
    const source = view.getUint32(at + 12)
    if (port !== 0 || source !== 0) {
      view.setInt32(c + CMSG_HEADER, port, LITTLE)
      view.setUint32(c + CMSG_HEADER + 4, source)
      view.setUint32(c + CMSG_HEADER + 8, 0)
      c = putCmsg(view, c, SOL_IP, IP_PKTINFO, 12)
    }
    return c
  }

  #controls6(from: number, at: number, port: number): number {
    const { bytes, view } = this.#out
    let c = putCmsgInt(view, from, SOL_IPV6, IPV6_HOPLIMIT, bytes[at + 7]!)
    c = putCmsgInt(view, c, SOL_IPV6, IPV6_TCLASS, (u16(bytes, at) >>> 4) & 0xff)
    let source = 0
    for (let i = at + 8; i < at + 24; i++) source |= bytes[i]!
    if (port !== 0 || source !== 0) {
      bytes.copyWithin(c + CMSG_HEADER, at + 8, at + 24)
      view.setInt32(c + CMSG_HEADER + 16, port, LITTLE)
      c = putCmsg(view, c, SOL_IPV6, IPV6_PKTINFO, 20)
    }
    return c
  }

  /** Sends what is staged. False: the kernel has no room now. */
  #flush(m: Pick<Machine<unknown>, 'handleSent' | 'handleUnsent'>): boolean {
    while (this.#first < this.#count) {
      const end = this.#runEnd()
      // Where the kernel counts, a refusal costs the stamps that are under way: better not to meet one.
      if (!this.#ownKeys) this.#socket.get(SOL_SOCKET, SO_ERROR)
      const before = monotonic()
      const key = this.#stamps.next
      if (this.#stamped)
        for (let i = this.#first; i < end; i++) this.#number(i, this.#stamps.expect(this.#tags[i]!, before))
      const sent = this.#os.sendmmsg(this.#socket.fd, this.#out.message(this.#first), end - this.#first, MSG_DONTWAIT)
      const left = Math.max(0, sent)
      if (this.#stamped) this.#stamps.rollBack(key + left)
      if (left > 0) {
        this.#attempts = 0
        this.#keysTaken = this.#ownKeys
      }
      for (const last = this.#first + left; this.#first < last; this.#first++) {
        const i = this.#first
        if (this.#out.moved(i) < this.#out.packetLength(i)) this.#shortWrites++
        const tag = this.#tags[i]!
        if (tag !== 0) m.handleSent(before, tag, before, 'user')
      }
      if (sent < 0 && !this.#failed(m, -sent)) return false
    }
    this.#first = 0
    this.#count = 0
    this.#cursor = this.#out.packets
    return true
  }

  /** Messages from `#first` that can leave in one call: DF is a property of the socket, so a change of it ends the run. */
  #runEnd(): number {
    if (this.family === 6 || this.#kind.fixedDontFragment || this.#kind.ownHeaders) return this.#count
    const df = this.#dontFragment[this.#first]!
    let end = this.#first + 1
    while (end < this.#count && this.#dontFragment[end] === df) end++
    if (df !== this.#dfNow) {
      this.#socket.trySet(SOL_IP, IP_MTU_DISCOVER, df === 0 ? PMTUDISC_DONT : PMTUDISC_DO)
      this.#dfNow = df
    }
    return end
  }

  get #stamped(): boolean {
    return this.#kind.unstamped !== true
  }

  /** Each message carries the number of its stamp. */
  get #numbered(): boolean {
    return this.#ownKeys && this.#stamped
  }

  #number(i: number, key: number): void {
    if (this.#ownKeys) this.#out.view.setUint32(this.#out.control(i) + CMSG_HEADER, key, LITTLE)
  }

  /** The message at `#first` was refused. False: wait until the socket is writable. */
  #failed(m: Pick<Machine<unknown>, 'handleUnsent'>, errno: number): boolean {
    const i = this.#first
    this.#attempts++
    if (!this.#ownKeys) this.#recount()
    if (errno === Errno.EAGAIN) return false
    if (errno === Errno.EINTR) return true
    if (errno === Errno.EINVAL && this.#numbered && !this.#keysTaken) {
      // Linux before 6.13 refuses to take our number: let it count, and take the number out of what is staged.
      this.#countInstead()
      return true
    }
    // The interface's queue is full: it drains in a moment, or not at all.
    if (errno === Errno.ENOBUFS && this.#attempts < NO_BUFFER_ATTEMPTS) return false
    if (mayBePending(errno) && this.#attempts < (errno === Errno.EMSGSIZE ? 3 : PENDING_ATTEMPTS)) {
      this.#socket.get(SOL_SOCKET, SO_ERROR)
      return true
    }
    const tag = this.#tags[i]!
    const now = monotonic()
    if (errno === Errno.EMSGSIZE && tag !== 0) {
      const name = this.#out.name(i) + (this.family === 4 ? 4 : 8)
      this.#tooBig.push({ tag, dst: this.#out.bytes.slice(name, name + (this.family === 4 ? 4 : 16)) })
    } else if (tag !== 0) m.handleUnsent(now, tag, dropOf(errno), 0)
    this.#first++
    this.#attempts = 0
    return true
  }

  #countInstead(): void {
    this.#ownKeys = false
    const { bytes } = this.#out
    const taken = cmsgSpace(4)
    for (let i = this.#first; i < this.#count; i++) {
      const control = this.#out.control(i)
      const end = this.#out.controlEnd(i)
      bytes.copyWithin(control, control + taken, end)
      this.#out.setLengths(i, addressSize(this.family), end - control - taken)
    }
    this.#recount()
  }

  /** A refused packet may or may not have taken a number: make the kernel count from zero again. */
  #recount(): void {
    this.#socket.trySet(SOL_SOCKET, SO_TIMESTAMPING, STAMPS & ~OPT_ID)
    this.#socket.trySet(SOL_SOCKET, SO_TIMESTAMPING, STAMPS)
    this.#counted = this.#stamps.next
  }

  // ---- in

  /** At most `limit` messages into the table. */
  #take(limit: number, flags: number): number {
    const count = Math.min(limit, BATCH)
    for (let attempt = 0; attempt < PENDING_ATTEMPTS; attempt++) {
      this.#in.reset(this.#used)
      const got = this.#os.recvmmsg(this.#socket.fd, this.#in.message(0), count, flags, null)
      this.#used = Math.max(0, got)
      if (got >= 0) return got
      // A pending error is reported once, here or at a send; the packets behind it are whole.
      if (got === -Errno.EAGAIN) return 0
    }
    return 0
  }

  #fromQueue(now: Instant, m: Pick<Machine<unknown>, 'handlePacket'>, i: number, steady: boolean): void {
    const { bytes, view } = this.#in
    const c = this.#control
    c.read(view, this.#in.control(i), this.#in.controlEnd(i))
    const a = this.#arrival
    const start = this.#room(i)
    const end = start + this.#in.moved(i)
    if (this.#kind.wholePackets) {
      a.at = start
      a.origin = 'wire'
    } else {
      a.at = rebuildHeader(this.#in, this.family, c, this.#in.name(i) + (this.family === 4 ? 4 : 8), start, end)
      a.origin = 'rebuilt'
    }
    a.end = end
    a.length = end - a.at
    a.port = c.port
    a.link = linkOf(bytes, a.at, this.family)
    a.checksum = this.#kind.verified ? 'ok' : 'unknown'
    this.#stampArrival(now, c, steady)
    if (m.handlePacket(now, a)) this.#answer(a)
  }

  #fromErrorQueue(
    now: Instant,
    m: Pick<Machine<unknown>, 'handlePacket' | 'handleSent' | 'handleUnsent'>,
    i: number,
    steady: boolean,
  ): void {
    const c = this.#control
    c.read(this.#in.view, this.#in.control(i), this.#in.controlEnd(i))
    if (c.origin === Origin.stamp) this.#takeStamp(now, m, c, steady)
    else if (c.origin === Origin.local) this.#takeLocal(now, m, c, i)
    else if (this.#kind.errorQueue && c.offender >= 0) this.#takeError(now, m, c, i, steady)
  }

  #takeStamp(now: Instant, m: Pick<Machine<unknown>, 'handleSent'>, c: Control, steady: boolean): void {
    if (!steady || c.seconds === 0) return
    const stamp = this.#clock.instant(c.seconds, c.nanoseconds)
    // The kernel's 32 bits, continued from our last number.
    const base = this.#ownKeys ? 0 : this.#counted
    const last = this.#stamps.next - base
    const key = base + last - ((last - c.data) >>> 0)
    const tag = this.#stamps.match(key, stamp, now)
    if (tag !== 0) m.handleSent(now, tag, stamp, 'kernel-txrx')
  }

  /** "Too big" of our own kernel, with the MTU; the send call itself has said so already, without it. */
  #takeLocal(now: Instant, m: Pick<Machine<unknown>, 'handleUnsent'>, c: Control, i: number): void {
    if (c.errno !== Errno.EMSGSIZE) return
    const to = this.#in.name(i) + (this.family === 4 ? 4 : 8)
    const which = this.#tooBig.findIndex(({ dst }) => dst.every((octet, k) => octet === this.#in.bytes[to + k]))
    if (which < 0) return
    const [waiting] = this.#tooBig.splice(which, 1)
    m.handleUnsent(now, waiting!.tag, 'too-big', c.info)
  }

  /** The error queue is empty: who still waits for an MTU won't get one. */
  #giveUpTooBig(now: Instant, m: Pick<Machine<unknown>, 'handleUnsent'>): void {
    if (this.#tooBig.length === 0) return
    const waiting = this.#tooBig
    this.#tooBig = []
    for (const { tag } of waiting) m.handleUnsent(now, tag, 'too-big', 0)
  }

  #takeError(now: Instant, m: Pick<Machine<unknown>, 'handlePacket'>, c: Control, i: number, steady: boolean): void {
    const quoted = this.#room(i)
    const target = this.#in.name(i) + (this.family === 4 ? 4 : 8)
    const a = this.#arrival
    a.end = quoted + this.#in.moved(i)
    a.at = rebuildError(this.#in, this.family, c, target, quoted, a.end)
    a.length = a.end - a.at
    a.origin = 'error-queue'
    a.port = c.port
    a.link = 'host'
    a.checksum = 'ok'
    this.#stampArrival(now, c, steady)
    m.handlePacket(now, a)
  }

  #stampArrival(now: Instant, c: Control, steady: boolean): void {
    const a = this.#arrival
    a.stamp = now
    a.clock = 'user'
    if (!steady || c.seconds === 0) return
    const stamp = this.#clock.instant(c.seconds, c.nanoseconds)
    if (stamp > now) return
    a.stamp = stamp
    a.clock = 'kernel-rx'
  }

  /** Sends what a machine rewrote in place. It is copied: the receive table is filled again while it waits. */
  #answer(a: Arrival): void {
    const length = a.end - a.at
    if (this.#count === BATCH || this.#cursor + length > this.#out.bytes.length) this.#flush(NOBODY)
    if (this.#count === BATCH || this.#cursor + length > this.#out.bytes.length) return
    this.#out.bytes.set(a.bytes.subarray(a.at, a.end), this.#cursor)
    this.#stage(this.#cursor, this.#cursor + length, a.port, 0)
  }

  /** Where message `i` of the receive table is put: room for the rebuilt headers lies in front of it. */
  #room(i: number): number {
    return this.#in.packets + i * IN_STRIDE + HEADROOM
  }
}

function linkOf(bytes: Uint8Array, ip: number, family: Family): Arrival['link'] {
  if (family === 6) return bytes[ip + 24] === 0xff ? 'multicast' : 'host'
  const first = bytes[ip + 16]!
  if (first >>> 4 === 0xe) return 'multicast'
  return first === 255 && bytes[ip + 17] === 255 && bytes[ip + 18] === 255 && bytes[ip + 19] === 255
    ? 'broadcast'
    : 'host'
}

function isLinkLocal6(bytes: Uint8Array, at: number): boolean {
  const first = u16(bytes, at)
  return (first & 0xffc0) === 0xfe80 || ((first & 0xff00) === 0xff00 && (first & 0xf) <= 2)
}

/** Arrivals that the socket's queue had no room for, since it was opened. */
function drops(fd: number): number {
  const info = new Uint32Array(9)
  const length = new Uint32Array([info.byteLength])
  const got = sys().getsockopt(fd, SOL_SOCKET, SO_MEMINFO, new Uint8Array(info.buffer), new Uint8Array(length.buffer))
  return got < 0 ? 0 : info[8]!
}

const NOBODY = { handleSent: () => {}, handleUnsent: () => {} }

/** SOF_TIMESTAMPING_*: software stamps of both ways, transmit stamps numbered and without a copy of the packet. */
const OPT_ID = 1 << 7
export const STAMPS: number = (1 << 1) | (1 << 3) | (1 << 4) | OPT_ID | (1 << 11)
const SCM_TS_OPT_ID = 81
const PMTUDISC_DONT = 0
const PMTUDISC_DO = 2

/** Messages a system call (32 to 64 is where the gain ends). */
const BATCH = 64
/** Batches a `send` before the machine hears of what came in. */
const BATCHES = 16
/** The longest IP packet, IPv6 header included. */
const PACKET = 65576
const OUT_OCTETS = 4 * PACKET
const SEND_CONTROL = 256
const RECEIVE_CONTROL = 512
/** Outer header with options, ICMP header and quoted header in front of what the error queue gives. */
const HEADROOM = 128
const IN_STRIDE = 65536 + HEADROOM
/** Each refusal clears one pending error; that many in a row, with nothing in between, are the kernel's own answer. */
const PENDING_ATTEMPTS = 6
const NO_BUFFER_ATTEMPTS = 20
