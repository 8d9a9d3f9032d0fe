/**
 * A ring that the kernel knows nothing of: frames of our own are put into it and read like those of a packet socket, so that
 * a door's code and the caches are warm when a real one comes (busy polling). What is sent by it the kernel refuses.
 */
import { arena } from './arena.ts'
import { FROM, FrameRing, From, Packet, TP_STATUS_USER } from './frame-ring.ts'
import type { Ring } from './packet-door.ts'
import { Offload } from './super-frame.ts'
import { LITTLE } from './sys.ts'

export class WarmingRing implements Ring {
  readonly fd: number
  readonly frames: FrameRing
  readonly dropped = 0
  readonly gone = false
  readonly #words: Int32Array
  #next = 0

  /** `fd`: by which the refused frames go. */
  constructor(fd: number) {
    this.fd = fd
    this.frames = new FrameRing(arena(SLOTS * SLOT, 'packet'), SLOT, SLOTS, fd)
    this.#words = new Int32Array(this.frames.memory.bytes.buffer)
  }

  /** `frame` has arrived, as far as the door can tell. */
  put(frame: Uint8Array): void {
    const { bytes, view } = this.frames.memory
    const slot = this.#next * SLOT
    this.#next = (this.#next + 1) % SLOTS
    bytes.fill(0, slot, slot + MAC)
    bytes.set(frame, slot + MAC)
    const ms = Date.now()
    view.setUint32(slot + Packet.length, frame.length, LITTLE)
    view.setUint32(slot + Packet.snapped, frame.length, LITTLE)
    view.setUint16(slot + Packet.mac, MAC, LITTLE)
    view.setUint16(slot + Packet.network, MAC + ETHERNET, LITTLE)
    view.setUint32(slot + Packet.seconds, Math.floor(ms / 1000), LITTLE)
    view.setUint32(slot + Packet.nanoseconds, (ms % 1000) * 1_000_000, LITTLE)
    view.setUint8(slot + FROM + From.packetType, TO_US)
    Atomics.store(this.#words, slot >>> 2, TP_STATUS_USER)
  }

  failIfGone(): void {}

  close(): void {}
}

/** One more than may wait. */
const SLOTS = 4
const SLOT = 2048
/** Where the frame starts: behind the headers, and a virtio_net_hdr of zeros. */
const MAC: number = 96 + Offload.size
const ETHERNET = 14
const TO_US = 0
