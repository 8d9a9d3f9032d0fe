/**
 * Frames that leave by one sendmmsg, each where it already lies (a ring slot, a slot of the door): 64 message headers of
 * one iovec each, no address, since the socket is bound. Beside each frame stands whom to tell.
 */
import { type Arena, arena } from './arena.ts'
import { LITTLE, sys } from './sys.ts'

export class FrameTable {
  /** Frames in it; those before `first` have left. */
  count = 0
  first = 0
  readonly tags: Float64Array = new Float64Array(FRAMES)
  readonly #table: Arena = arena(FRAMES * (MESSAGE + IOVEC) + 2 * NAME, 'packet')
  readonly #names: number = FRAMES * (MESSAGE + IOVEC)

  /** `index` 0: the frames say their protocol themselves. Else they are bare IP packets, and their address says it. */
  constructor(index: number) {
    const { view, address } = this.#table
    for (let i = 0; i < FRAMES; i++) {
      view.setBigUint64(i * MESSAGE + 16, address + BigInt(iovec(i)), LITTLE)
      view.setBigUint64(i * MESSAGE + 24, 1n, LITTLE)
    }
    for (const [n, protocol] of [0x0800, 0x86dd].entries()) {
      const at = this.#names + n * NAME
      view.setUint16(at, AF_PACKET, LITTLE)
      view.setUint16(at + 2, protocol)
      view.setInt32(at + 4, index, LITTLE)
    }
  }

  get full(): boolean {
    return this.count === FRAMES
  }

  get waiting(): boolean {
    return this.count > this.first
  }

  /** The `octets` at `at` of the memory that starts at `base`, a number: addresses of programs have 47 bits. */
  put(base: number, at: number, octets: number, tag: number): void {
    const { view } = this.#table
    const i = this.count++
    const address = base + at
    const to = iovec(i)
    view.setUint32(LITTLE ? to : to + 4, address >>> 0, LITTLE)
    view.setUint32(LITTLE ? to + 4 : to, Math.floor(address / 0x1_0000_0000), LITTLE)
    view.setUint32(to + 8, octets, LITTLE)
    this.tags[i] = tag
  }

  /** The frame put last is an IP packet of that version, which nothing in front of it says. */
  address(version: number): void {
    const { view, address } = this.#table
    const at = (this.count - 1) * MESSAGE
    view.setBigUint64(at, address + BigInt(this.#names + (version === 6 ? NAME : 0)), LITTLE)
    view.setUint32(at + 8, NAME, LITTLE)
  }

  /** Sends from `first` on; how many left, or minus errno where the first one did not. */
  send(fd: number): number {
    return sys().sendmmsg(fd, this.#table.address + BigInt(this.first * MESSAGE), this.count - this.first, MSG_DONTWAIT)
  }

  clear(): void {
    this.count = 0
    this.first = 0
  }
}

function iovec(i: number): number {
  return FRAMES * MESSAGE + i * IOVEC
}

/** Measured: 32 to 64 a call is where more brings nothing. */
const FRAMES = 64
const MESSAGE = 64
const IOVEC = 16
const NAME = 20
const AF_PACKET = 17
const MSG_DONTWAIT = 0x40
