/**
 * The slots of an AF_PACKET ring (TPACKET_V2) as they are read: the next frame, where it is and what the kernel says of it,
 * and the slots given back. Frames that no slot holds come by the socket's queue.
 *
 *   slot: | tpacket2_hdr 32 | sockaddr_ll 20 | … | virtio_net_hdr 10 | frame … |
 */
import { type Arena, arena } from './arena.ts'
import { MSG_DONTWAIT, MSG_TRUNC } from './socket.ts'
import { Offload } from './super-frame.ts'
import { LITTLE, sys } from './sys.ts'

/** What the kernel says of the frame at hand; refilled by `take`. */
export interface RingFrame {
  /** Where it is: the ring, or the memory for frames that no slot holds. */
  memory: Arena
  at: number
  end: number
  /** Octets that were on the wire. */
  length: number
  /** Where the network layer starts. */
  network: number
  /** The virtio_net_hdr. */
  offload: number
  status: number
  packetType: number
  seconds: number
  nanoseconds: number
  tag: number
  tagType: number
}

export class FrameRing {
  readonly frame: RingFrame
  readonly #ring: Arena
  readonly #words: Int32Array
  readonly #slotSize: number
  readonly #slots: number
  readonly #fd: number
  readonly #big: Arena = arena(BIG, 'packet')
  /** Slots from `#kept` up to `#head` are still ours. */
  #head = 0
  #kept = 0

  /** `fd`: by whose queue long frames come. */
  constructor(ring: Arena, slotSize: number, slots: number, fd: number) {
    this.#ring = ring
    this.#words = new Int32Array(ring.bytes.buffer)
    this.#slotSize = slotSize
    this.#slots = slots
    this.#fd = fd
    this.frame = {
      memory: ring,
      at: 0,
      end: 0,
      length: 0,
      network: 0,
      offload: 0,
      status: 0,
      packetType: 0,
      seconds: 0,
      nanoseconds: 0,
      tag: 0,
      tagType: 0,
    }
  }

  /** Where frames are, but those that no slot holds. */
  get memory(): Arena {
    return this.#ring
  }

  /** A frame waits; without a system call. */
  get pending(): boolean {
    return (Atomics.load(this.#words, (this.#head * this.#slotSize) >>> 2) & TP_STATUS_USER) !== 0 && !this.#full()
  }

  /** Fills `frame` with the next one; false where none waits. Its slot is ours until `release`. */
  take(): boolean {
    const slot = this.#head * this.#slotSize
    const status = Atomics.load(this.#words, slot >>> 2)
    if ((status & TP_STATUS_USER) === 0 || this.#full()) return false
    this.#head = (this.#head + 1) % this.#slots
    const { view } = this.#ring
    const f = this.frame
    const mac = slot + view.getUint16(slot + Packet.mac, LITTLE)
    f.memory = this.#ring
    f.status = status
    f.at = mac
    f.length = view.getUint32(slot + Packet.length, LITTLE)
    f.end = mac + view.getUint32(slot + Packet.snapped, LITTLE)
    f.network = slot + view.getUint16(slot + Packet.network, LITTLE)
    f.offload = mac - Offload.size
    f.packetType = view.getUint8(slot + FROM + From.packetType)
    f.seconds = view.getUint32(slot + Packet.seconds, LITTLE)
    f.nanoseconds = view.getUint32(slot + Packet.nanoseconds, LITTLE)
    f.tag = view.getUint16(slot + Packet.tag, LITTLE)
    f.tagType = (status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? view.getUint16(slot + Packet.tagType, LITTLE) : 0x8100
    if ((status & TP_STATUS_COPY) !== 0) this.#whole()
    return true
  }

  /** The frame that no slot holds, from the queue. */
  #whole(): void {
    const f = this.frame
    const got = sys().recv(this.#fd, this.#big.address + BigInt(IN_FRONT), BIG - IN_FRONT, MSG_DONTWAIT | MSG_TRUNC)
    if (got <= Offload.size) return
    const network = f.network - f.at
    f.memory = this.#big
    f.offload = IN_FRONT
    f.at = IN_FRONT + Offload.size
    f.network = f.at + network
    f.end = Math.min(IN_FRONT + got, BIG)
  }

  /** Every slot taken so far is the kernel's again. */
  release(): void {
    while (this.#kept !== this.#head) {
      Atomics.store(this.#words, (this.#kept * this.#slotSize) >>> 2, TP_STATUS_KERNEL)
      this.#kept = (this.#kept + 1) % this.#slots
    }
  }

  /** All slots but one are ours: the next one may be one that we have not given back. */
  #full(): boolean {
    return (this.#head + 1) % this.#slots === this.#kept
  }
}

/** What a device makes of one packet at most (64 KiB of IP), with its headers; longer ones come cut. */
const BIG = 65536 + 256
/** Room for a tag in front of the frame in `big`. */
const IN_FRONT = 16

export const TP_STATUS_KERNEL = 0
export const TP_STATUS_USER = 1
const TP_STATUS_COPY = 2
export const TP_STATUS_VLAN_VALID = 0x10
const TP_STATUS_VLAN_TPID_VALID = 0x40
export const TP_STATUS_CSUM_VALID = 0x80

/** struct tpacket2_hdr; a sockaddr_ll follows. */
export const Packet = {
  length: 4,
  snapped: 8,
  mac: 12,
  network: 14,
  seconds: 16,
  nanoseconds: 20,
  tag: 24,
  tagType: 26,
} as const
export const FROM = 32
/** struct sockaddr_ll. */
export const From = { packetType: 10 } as const
