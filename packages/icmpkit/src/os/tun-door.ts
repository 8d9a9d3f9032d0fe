/**
 * A virtual interface as a door: what the kernel sends out of the TUN (IP packets) or TAP (Ethernet frames) arrives, what
 * leaves is received by the kernel. One packet a call, an answer is written back out of the memory that it came in.
 *
 * The kernel has cut super-frames and finished checksums before it gives them to us: no offload is switched on.
 */
import type { Instant } from '../clock.ts'
import type { DoorLoss, LocalDrop } from '../door.ts'
import { type Arena, arena } from './arena.ts'
import { monotonic } from './kernel-time.ts'
import { linkOf } from './link-delivery.ts'
import { Errno, OsError } from './os-error.ts'
import { PortDoorBase, type PortFacts, type Receiver, type Sender } from './port-door.ts'
import { type Sys, sys } from './sys.ts'
import type { Tun } from './tun.ts'

export class TunDoor extends PortDoorBase {
  readonly name: 'tun' | 'tap'
  readonly loss: DoorLoss = { queueOverflow: 0, stampGaps: 0, shortWrites: 0 }
  readonly #os: Sys = sys()
  readonly #tun: Tun
  readonly #memory: Arena

  /** `port.mac` is the machine's, not the one of the kernel's side. */
  constructor(tun: Tun, port: PortFacts) {
    const memory = arena(2 * ROOM, 'tun')
    super(port, ['stamps of the kernel'], memory.bytes)
    this.#memory = memory
    this.#tun = tun
    this.name = tun.mode
  }

  get fd(): number {
    return this.#tun.fd
  }

  send(now: Instant, m: Sender): boolean {
    this.refuseClosed('write')
    for (let i = 0; i < BATCH; i++) {
      const slot = this.offer(ROOM, ROOM)
      if (!m.pollTransmit(now, slot)) return false
      const before = slot.tag === 0 ? now : monotonic()
      const refused = this.#write(slot.at, slot.end)
      if (refused !== undefined) m.handleUnsent(now, slot.tag, refused, 0)
      else if (slot.tag !== 0) m.handleSent(now, slot.tag, before, 'user')
    }
    return true
  }

  receive(now: Instant, m: Receiver, limit: number): number {
    this.refuseClosed('read')
    const a = this.arrival
    const { address, bytes } = this.#memory
    for (let taken = 0; taken < limit; taken++) {
      const got = this.#os.read(this.fd, address, ROOM)
      if (got === -Errno.EAGAIN) return taken
      if (got === -Errno.EINTR) continue
      if (got < 0) throw gone(-got) ?? new OsError(-got, 'read', this.name)
      a.at = 0
      a.end = got
      a.length = got
      a.bytes = bytes
      a.link = this.medium === 'ip' ? 'host' : linkOf(bytes, 0, got, this.port.mac)
      a.stamp = monotonic()
      if (!m.handlePacket(now, a)) continue
      const refused = this.#write(a.at, a.end)
      if (refused !== undefined) m.handleUnsent(now, 0, refused, 0)
    }
    return limit
  }

  setCarrier(up: boolean): void {
    this.#tun.setCarrier(up)
  }

  protected close(): void {
    this.#tun.close()
  }

  /** Why it did not leave. @throws OsError ENODEV where the interface is gone */
  #write(at: number, end: number): LocalDrop | undefined {
    for (;;) {
      const put = this.#os.write(this.fd, this.#memory.address + BigInt(at), end - at)
      if (put >= 0) return undefined
      if (put === -Errno.EINTR) continue
      switch (-put) {
        case Errno.EIO:
          return 'link-down'
        case Errno.EAGAIN:
        case Errno.ENOBUFS:
        case Errno.ENOMEM:
          return 'no-buffer'
      }
      const lost = gone(-put)
      if (lost !== undefined) throw lost
      return 'other'
    }
  }
}

/** A descriptor whose interface somebody has deleted. */
function gone(errno: number): OsError | undefined {
  if (errno !== Errno.EBADFD && errno !== Errno.EFAULT) return undefined
  return new OsError(Errno.ENODEV, 'read', 'tun', 'The interface is gone')
}

/** The longest frame that the kernel makes of one packet: 64 KiB of IP, a header and two tags. */
const ROOM = 65536 + 64
/** Packets that leave before somebody else may work. */
const BATCH = 1024
