/**
 * AF_PACKET with a ring of the second version: the kernel hands over each frame at once (a ring of blocks is up to its
 * time-out late), and what we answer leaves straight out of the ring. Frames longer than a slot come whole through the
 * socket's queue. Every frame has a virtio_net_hdr in front: which offloads are undone.
 */
import { type Arena, detach, mapping } from './arena.ts'
import { FrameRing } from './frame-ring.ts'
import type { Link } from './link-message.ts'
import { attachFilter, type Instruction, JUMP_EQUAL, LOAD_BYTE, LOAD_HALF, LOAD_WORD, RETURN } from './packet-filter.ts'
import { PACKET_MR_PROMISC, PACKET_RX_RING, PACKET_VERSION, PacketSocket, SOL_PACKET } from './packet-socket.ts'
import { SO_MARK, SOL_SOCKET } from './socket.ts'
import { forget } from './waker.ts'

export interface RingOptions {
  /** Every frame that passes, not only those that the interface takes for ours and all groups. */
  promiscuous: boolean
  /** Of frames to one station those to this one, not those to the interface's own address; undefined: those. */
  mac: Uint8Array | undefined
  /** SO_MARK of all that leaves; 0 = none. */
  mark: number
}

export class PacketRing {
  readonly fd: number
  readonly frames: FrameRing
  readonly #socket: PacketSocket
  readonly #ring: Arena
  #open = true

  /** @throws OsError */
  constructor(link: Link, options: RingOptions) {
    this.#socket = new PacketSocket(DOOR, RIGHT)
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
      attachFilter(socket, options.mac === undefined ? OWN : toStation(options.mac))
      const request = new Uint32Array([BLOCK, BLOCKS, slot, slots])
      socket.setBytes(SOL_PACKET, PACKET_RX_RING, new Uint8Array(request.buffer), 16, 'PACKET_RX_RING')
      ring = mapping(socket.fd, BLOCK * BLOCKS, 0, DOOR)
      this.#ring = ring
      // One that is down wakes us when it is up.
      socket.bind(link.index)
      // Without IPv6 in the kernel the link filter has lost 33:33:00:00:00:01: a NIC would drop neighbour discovery.
      socket.join(link.index, options.promiscuous ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI)
    } catch (e) {
      this.#socket.close()
      if (ring !== undefined) detach(ring)
      throw e
    }
    this.frames = new FrameRing(this.#ring, slot, slots, this.fd)
  }

  /** Frames that the ring had no room for, since it was opened. */
  get dropped(): number {
    if (this.#open) this.#socket.count()
    return this.#socket.dropped
  }

  /** @throws OsError ENODEV where the interface is gone */
  failIfGone(): void {
    this.#socket.failIfGone(GONE)
  }

  get gone(): boolean {
    return this.#socket.gone
  }

  close(): void {
    if (!this.#open) return
    this.#socket.count()
    this.#open = false
    forget(this.fd)
    this.#socket.close()
    detach(this.#ring)
  }
}

const PacketType = { broadcast: 1, multicast: 2, otherHost: 3, outgoing: 4 } as const
/** A BPF load of what the kernel knows beside the octets (linux/filter.h). */
const AD_PACKET_TYPE = 0xfffff004
const ALL = 0x40000

/** What the kernel takes for the interface's. */
const OWN: readonly Instruction[] = [
  [LOAD_BYTE, 0, 0, AD_PACKET_TYPE],
  [JUMP_EQUAL, 2, 0, PacketType.otherHost],
  [JUMP_EQUAL, 1, 0, PacketType.outgoing],
  [RETURN, 0, 0, ALL],
  [RETURN, 0, 0, 0],
]

/** What is for a group, for everybody, or for the station `mac`. */
function toStation(mac: Uint8Array): readonly Instruction[] {
  const high = ((mac[0]! << 24) | (mac[1]! << 16) | (mac[2]! << 8) | mac[3]!) >>> 0
  return [
    [LOAD_BYTE, 0, 0, AD_PACKET_TYPE],
    [JUMP_EQUAL, 7, 0, PacketType.outgoing],
    [JUMP_EQUAL, 5, 0, PacketType.broadcast],
    [JUMP_EQUAL, 4, 0, PacketType.multicast],
    [LOAD_WORD, 0, 0, 0],
    [JUMP_EQUAL, 0, 3, high],
    [LOAD_HALF, 0, 0, 4],
    [JUMP_EQUAL, 0, 1, (mac[4]! << 8) | mac[5]!],
    [RETURN, 0, 0, ALL],
    [RETURN, 0, 0, 0],
  ]
}

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

const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const PACKET_COPY_THRESH = 7
const PACKET_VNET_HDR = 15
const PACKET_IGNORE_OUTGOING = 23
const PACKET_MR_ALLMULTI = 2
const TPACKET_V2 = 1
