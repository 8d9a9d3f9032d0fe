/**
 * AF_PACKET with a ring of the second version: the kernel hands over each frame at once (a ring of blocks is up to its
 * time-out late), and what we answer leaves straight out of the ring. Frames longer than a slot come whole through the
 * socket's queue. Every frame has a virtio_net_hdr in front: which offloads are undone.
 */
import { type Arena, detach, mapping } from './arena.ts'
import { FrameRing } from './frame-ring.ts'
import { Errno, OsError } from './os-error.ts'
import { attachFilter, JUMP_EQUAL, LOAD_BYTE, RETURN } from './packet-filter.ts'
import type { Link } from './rtnetlink.ts'
import { SO_ERROR, SO_MARK, SOCK_RAW, SOL_SOCKET, Socket } from './socket.ts'
import { LITTLE, must, sys } from './sys.ts'
import { forget } from './waker.ts'

export interface RingOptions {
  /** Every frame that passes, not only those that the interface takes for ours and all groups. */
  promiscuous: boolean
  /** SO_MARK of all that leaves; 0 = none. */
  mark: number
}

export class PacketRing {
  readonly fd: number
  readonly frames: FrameRing
  readonly #socket: Socket
  readonly #ring: Arena
  #dropped = 0
  #down = false
  #open = true

  /** @throws OsError */
  constructor(link: Link, options: RingOptions) {
    // Protocol 0: nothing arrives before it is bound, so that no packet of another interface gets in.
    this.#socket = new Socket(DOOR, AF_PACKET, SOCK_RAW, 0, (errno) => (errno === Errno.EPERM ? RIGHT : ''))
    this.fd = this.#socket.fd
    // A slot has the headers in front of the frame, and is a power of two so that slots fill blocks. The longest frames
    // come by the queue anyhow, and many short ones need many slots.
    const slot = Math.min(2 ** Math.ceil(Math.log2(link.mtu + HEADERS)), MAX_SLOT)
    const slots = BLOCKS * (BLOCK / slot)
    let ring: Arena | undefined
    try {
      const socket = this.#socket
      socket.set(SOL_PACKET, PACKET_VERSION, TPACKET_V2, 'PACKET_VERSION')
      socket.set(SOL_PACKET, PACKET_VNET_HDR, 1, 'PACKET_VNET_HDR')
      socket.set(SOL_PACKET, PACKET_COPY_THRESH, 1, 'PACKET_COPY_THRESH')
      // Linux 4.20; the filter does the same, later.
      socket.trySet(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
      for (const option of [SO_SNDBUFFORCE, SO_RCVBUFFORCE]) socket.trySet(SOL_SOCKET, option, QUEUE)
      if (options.mark !== 0) socket.set(SOL_SOCKET, SO_MARK, options.mark, 'SO_MARK')
      attachFilter(socket, [
        [LOAD_BYTE, 0, 0, AD_PACKET_TYPE],
        [JUMP_EQUAL, 2, 0, PacketType.otherHost],
        [JUMP_EQUAL, 1, 0, PacketType.outgoing],
        [RETURN, 0, 0, ALL],
        [RETURN, 0, 0, 0],
      ])
      const request = new Uint32Array([BLOCK, BLOCKS, slot, slots])
      socket.setBytes(SOL_PACKET, PACKET_RX_RING, new Uint8Array(request.buffer), 16, 'PACKET_RX_RING')
      ring = mapping(socket.fd, BLOCK * BLOCKS, 0, DOOR)
      this.#ring = ring
      bind(socket, link.index)
      // Without IPv6 in the kernel the link filter has lost 33:33:00:00:00:01: a NIC would drop neighbour discovery.
      member(socket, link.index, options.promiscuous ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI)
    } catch (e) {
      this.#socket.close()
      if (ring !== undefined) detach(ring)
      throw e
    }
    this.frames = new FrameRing(this.#ring, slot, slots, this.fd)
  }

  /** Frames that the ring had no room for, since it was opened. */
  get dropped(): number {
    if (!this.#open) return this.#dropped
    const stats = new Uint8Array(12)
    const view = new DataView(stats.buffer)
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, stats.length, LITTLE)
    // Reading the kernel's counters sets them to zero.
    if (sys().getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, stats, length) >= 0)
      this.#dropped += view.getUint32(4, LITTLE)
    return this.#dropped
  }

  /** For when nothing comes: an interface that is down brings nothing until it is up again. @throws OsError ENODEV where it is gone */
  failIfGone(): void {
    const errno = this.#socket.get(SOL_SOCKET, SO_ERROR)
    if (errno === Errno.ENETDOWN) this.#down = true
    else if (errno !== 0) throw new OsError(errno, 'poll', DOOR)
    if (this.#down && this.gone) throw new OsError(Errno.ENODEV, 'poll', DOOR, GONE)
  }

  /** The kernel has taken the socket off its interface, which is not there any more. */
  get gone(): boolean {
    const address = new Uint8Array(20)
    const length = new Uint8Array(new Uint32Array([address.length]).buffer)
    must(sys().getsockname(this.fd, address, length), 'getsockname', DOOR)
    return new DataView(address.buffer).getInt32(4, LITTLE) < 0
  }

  close(): void {
    if (!this.#open) return
    this.#dropped = this.dropped
    this.#open = false
    forget(this.fd)
    this.#socket.close()
    detach(this.#ring)
  }
}

function bind(socket: Socket, index: number): void {
  const address = new Uint8Array(20)
  const view = new DataView(address.buffer)
  view.setUint16(0, AF_PACKET, LITTLE)
  view.setUint16(2, ETH_P_ALL)
  view.setInt32(4, index, LITTLE)
  must(sys().bind(socket.fd, address, address.length), 'bind', DOOR)
  // An interface that is down binds, says so once, and wakes when it is up.
  socket.get(SOL_SOCKET, SO_ERROR)
}

/** Ends with the socket. */
function member(socket: Socket, index: number, kind: number): void {
  const request = new Uint8Array(16)
  const view = new DataView(request.buffer)
  view.setInt32(0, index, LITTLE)
  view.setUint16(4, kind, LITTLE)
  socket.setBytes(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request, request.length, 'PACKET_ADD_MEMBERSHIP')
}

const PacketType = { otherHost: 3, outgoing: 4 } as const

const DOOR = 'packet'
const RIGHT = 'Taking an interface needs CAP_NET_RAW and CAP_NET_ADMIN: run as root (sudo)'
const GONE = 'The interface is gone'

/** 8 MiB: 4096 frames of an ordinary Ethernet. */
const BLOCK = 1 << 18
const BLOCKS = 32
const MAX_SLOT = 1 << 14
/** Of a slot, in front of the frame. */
const HEADERS = 256
/** Octets of the socket's queues: big frames in, frames that the device still has out. */
const QUEUE = 4 << 20
const ALL = 0x40000

const AF_PACKET = 17
const ETH_P_ALL = 3
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SOL_PACKET = 263
const PACKET_ADD_MEMBERSHIP = 1
const PACKET_RX_RING = 5
const PACKET_STATISTICS = 6
const PACKET_COPY_THRESH = 7
const PACKET_VERSION = 10
const PACKET_VNET_HDR = 15
const PACKET_IGNORE_OUTGOING = 23
const PACKET_MR_PROMISC = 1
const PACKET_MR_ALLMULTI = 2
const TPACKET_V2 = 1
/** A BPF load of what the kernel knows beside the octets (linux/filter.h). */
const AD_PACKET_TYPE = 0xfffff004
