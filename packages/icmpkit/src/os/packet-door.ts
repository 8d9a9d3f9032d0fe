/**
 * An interface of the kernel's as a door, taken from it (`seize.ts`): frames arrive from their MAC header on (IP header,
 * where the interface has no framing), as they were on the wire: with their VLAN tag, with finished checksums, super-frames
 * cut into datagrams. Answers in place leave straight out of the ring, one system call a batch.
 */
import type { Instant } from '../clock.ts'
import type { Arrival, DoorLoss, LocalDrop } from '../door.ts'
import { isTag } from '../wire/ethernet.ts'
import { put16, u16 } from '../wire/octets.ts'
import { type Arena, arena } from './arena.ts'
import { type FrameRing, type RingFrame, TP_STATUS_CSUM_VALID, TP_STATUS_VLAN_VALID } from './frame-ring.ts'
import { FrameTable } from './frame-table.ts'
import { monotonic, StampClock } from './kernel-time.ts'
import { Errno, OsError } from './os-error.ts'
import type { PacketRing } from './packet-ring.ts'
import { PortDoorBase, type PortFacts, type Receiver, type Sender, type WarmingDoor } from './port-door.ts'
import { dropOf } from './send-failure.ts'
import { CHECKSUM_VALID, finishChecksum, NEEDS_CHECKSUM, Offload, SuperFrame } from './super-frame.ts'
import { LITTLE } from './sys.ts'
import { WarmingRing } from './warming-ring.ts'

/** What a door wants of its ring and socket. */
export type Ring = Pick<PacketRing, 'fd' | 'frames' | 'dropped' | 'gone' | 'failIfGone' | 'close'>

export class PacketDoor extends PortDoorBase {
  readonly name = 'packet'
  readonly #ring: Ring
  readonly #frames: FrameRing
  readonly #clock = new StampClock()
  readonly #super = new SuperFrame()
  /** Answers in place, and what the machine begins by itself. */
  readonly #answers: FrameTable
  readonly #sends: FrameTable
  readonly #out: Arena
  /** Segments of super-frames. */
  readonly #cut = arena(CUT, 'packet')
  readonly #close: () => void
  /** Octets of a frame that are given to the kernel. */
  readonly #most: number
  readonly #warmed: PacketDoor[] = []
  #cursor: number = OFFLOAD
  #cutCursor = OFFLOAD
  /** The realtime clock had not been stepped when it was last looked at. */
  #steady = true

  /** `close` is called when the socket is closed: gives the interface back. */
  constructor(
    ring: Ring,
    port: PortFacts,
    cannot: readonly string[],
    close: () => void,
    most: number = Number.POSITIVE_INFINITY,
  ) {
    const out = arena(OUT, 'packet')
    super(port, cannot, out.bytes)
    this.#out = out
    this.#most = most
    this.#ring = ring
    this.#frames = ring.frames
    this.#close = close
    const index = port.medium === 'ip' ? port.index : 0
    this.#answers = new FrameTable(index)
    this.#sends = new FrameTable(index)
  }

  get fd(): number {
    return this.#ring.fd
  }

  get pending(): boolean {
    return this.#super.open || this.#frames.pending
  }

  get loss(): DoorLoss {
    return { queueOverflow: this.#ring.dropped, stampGaps: 0, shortWrites: 0 }
  }

  send(now: Instant, m: Sender): boolean {
    this.refuseClosed('send')
    const table = this.#sends
    if (table.waiting && !this.#flush(now, table, m, true)) return true
    for (let batch = 0; batch < BATCHES; batch++) {
      const more = this.#fill(now, m)
      if (table.waiting && !this.#flush(now, table, m, true)) return true
      if (!more) return false
    }
    return true
  }

  receive(now: Instant, m: Receiver, limit: number): number {
    this.refuseClosed('recv')
    let taken = 0
    while (taken < limit) {
      if (this.#super.open) this.#segment()
      else if (!this.#frames.take()) break
      else if (!this.#arrive(now)) {
        this.#settle(now, m)
        continue
      }
      taken++
      const a = this.arrival
      if (m.handlePacket(now, a)) this.#answer(a)
      this.#settle(now, m)
    }
    if (this.#answers.waiting) this.#flush(now, this.#answers, m, false)
    if (!this.#super.open) this.#frames.release()
    // After the answers: whoever asks waits for them, and a step of the clock in between marks at most what came since.
    this.#steady = this.#clock.steady()
    if (taken === 0) this.#ring.failIfGone()
    return taken
  }

  protected close(): void {
    // The descriptor may soon be somebody else's.
    for (const door of this.#warmed) door.end()
    this.#ring.close()
    this.#close()
  }

  warming(): WarmingDoor {
    // A frame without a link-layer header is as good to the kernel as any other.
    const ring = new WarmingRing(this.medium === 'ip' ? -1 : this.fd)
    const door = new PacketDoor(ring, this.port, [], () => {}, REFUSED)
    this.#warmed.push(door)
    return { door, arrive: (frame) => ring.put(frame) }
  }

  // ---- in

  /** Makes an arrival of the frame that was taken; false where its segments come instead. */
  #arrive(now: Instant): boolean {
    const f = this.#frames.frame
    const a = this.arrival
    const { bytes, view } = f.memory
    const stamp = this.#clock.instant(f.seconds, f.nanoseconds)
    const believed = this.#steady && stamp <= now + LATER && stamp >= now - EARLIER
    a.stamp = believed ? stamp : now
    a.clock = believed ? 'kernel-rx' : 'user'
    a.link = LINKS[f.packetType] ?? 'other'
    const undone = view.getUint16(f.offload, LITTLE)
    let transport = 0
    let gso = 0
    let gsoSize = 0
    a.checksum = (f.status & TP_STATUS_CSUM_VALID) !== 0 ? 'ok' : 'unknown'
    if (undone !== 0) {
      const flags = bytes[f.offload]!
      gso = bytes[f.offload + Offload.gsoType]!
      gsoSize = view.getUint16(f.offload + Offload.gsoSize, LITTLE)
      if ((flags & CHECKSUM_VALID) !== 0) a.checksum = 'ok'
      if ((flags & NEEDS_CHECKSUM) !== 0) {
        transport = f.at + view.getUint16(f.offload + Offload.checksumStart, LITTLE)
        const field = transport + view.getUint16(f.offload + Offload.checksumOffset, LITTLE)
        const whole = f.end - f.at === f.length
        if (gso !== 0) a.checksum = 'ok'
        else a.checksum = whole && finishChecksum(bytes, transport, field, f.end) ? 'ok' : 'partial'
      }
    }
    if (this.medium === 'ip') {
      f.length -= f.network - f.at
      f.at = f.network
    } else if ((f.status & TP_STATUS_VLAN_VALID) !== 0) putTag(f)
    a.bytes = bytes
    a.at = f.at
    a.end = f.end
    a.length = f.length
    if (gso === 0) return true
    if (f.end - f.at !== f.length || !this.#super.take(bytes, f.at, f.end, this.#ipOf(f), transport, gso, gsoSize)) {
      // What cannot be cut is told as it is: longer than the link carries, its checksum not there.
      a.checksum = 'partial'
      return true
    }
    return false
  }

  /** Where the IP header starts: the kernel's network offset stands before a tag that is inside of the frame. */
  #ipOf(f: RingFrame): number {
    if (this.medium === 'ip') return f.at
    let at = f.at + 12
    while (at + 4 < f.end && isTag(u16(f.memory.bytes, at))) at += 4
    return at + 2
  }

  /** Makes an arrival of the next datagram of the super-frame. */
  #segment(): void {
    const a = this.arrival
    const at = this.#cutCursor
    a.bytes = this.#cut.bytes
    a.at = at
    a.end = this.#super.next(a.bytes, at)
    a.length = a.end - at
    this.#cutCursor = a.end + OFFLOAD
  }

  /** Stages what the machine rewrote. */
  #answer(a: Arrival): void {
    const memory = a.bytes === this.#cut.bytes ? this.#cut : this.#frames.frame.memory
    this.#stage(this.#answers, memory, a.at, a.end, 0)
  }

  /** Sends the answers where no more fit, or where the memory that they are in is about to be used again. */
  #settle(now: Instant, m: Receiver): void {
    const table = this.#answers
    const again = this.#super.open
      ? this.#cutCursor + this.#super.room > CUT
      : this.#frames.frame.memory !== this.#frames.memory
    if (table.full || (table.waiting && again)) this.#flush(now, table, m, false)
    if (table.waiting) return
    this.#cutCursor = OFFLOAD
    if (!this.#super.open) this.#frames.release()
  }

  // ---- out

  /** Takes what is due into the table; false when no more is. */
  #fill(now: Instant, m: Sender): boolean {
    while (!this.#sends.full && this.#cursor + PACKET <= OUT) {
      const slot = this.offer(this.#cursor, PACKET)
      if (!m.pollTransmit(now, slot)) return false
      this.#stage(this.#sends, this.#out, slot.at, slot.end, slot.tag)
      this.#cursor = slot.end + OFFLOAD
    }
    return true
  }

  /** Nothing is left undone in what we send: the header in front says so with zeros. */
  #stage(table: FrameTable, memory: Arena, at: number, end: number, tag: number): void {
    const { bytes } = memory
    for (let i = at - OFFLOAD; i < at; i++) bytes[i] = 0
    table.put(memory.base, at - OFFLOAD, Math.min(end - at, this.#most) + OFFLOAD, tag)
    if (this.medium === 'ip') table.address(bytes[at]! >>> 4)
  }

  /** False: the kernel takes no more now, and `wait` says that it shall be asked again. */
  #flush(now: Instant, table: FrameTable, m: Pick<Sender, 'handleSent' | 'handleUnsent'>, wait: boolean): boolean {
    let attempts = 0
    while (table.waiting) {
      const before = table.tags[table.first] === 0 ? now : monotonic()
      const left = table.send(this.fd)
      if (left === -Errno.EINTR) continue
      if (left === -Errno.EAGAIN && wait) return false
      if (left < 0) {
        // That the interface went down once is told to the next send, though it is up again.
        if (left === -Errno.ENETDOWN && attempts++ === 0) continue
        attempts = 0
        if ((left === -Errno.ENXIO || left === -Errno.ENODEV) && this.#ring.gone)
          throw new OsError(Errno.ENODEV, 'sendmmsg', 'packet', `The interface ${this.port.name} is gone`)
        const why: LocalDrop = left === -Errno.EAGAIN ? 'no-buffer' : dropOf(-left)
        m.handleUnsent(now, table.tags[table.first]!, why, why === 'too-big' ? this.mtu : 0)
        table.first++
        continue
      }
      for (let i = 0; i < left; i++) {
        const tag = table.tags[table.first++]!
        if (tag !== 0) m.handleSent(now, tag, before, 'user')
      }
      attempts = 0
    }
    table.clear()
    if (table === this.#sends) this.#cursor = OFFLOAD
    return true
  }
}

/** Puts the tag back where it was on the wire: behind the two addresses, in front of all that is left. */
function putTag(f: RingFrame): void {
  const { bytes } = f.memory
  bytes.copyWithin(f.at - 4, f.at, f.at + 12)
  f.at -= 4
  f.length += 4
  put16(bytes, f.at + 12, f.tagType)
  put16(bytes, f.at + 14, f.tag)
}

/** By the kernel's packet type: 0 host, 1 broadcast, 2 multicast; 3 is another host, of which only a node with an address of its own hears. */
const LINKS: readonly Arrival['link'][] = ['host', 'broadcast', 'multicast', 'host']

/** Octets of a frame that is too short for the kernel: it takes them, and says EINVAL in the last moment. */
const REFUSED = 1
/** In front of each frame that leaves. */
const OFFLOAD: number = Offload.size
/** Room for one packet that leaves: 64 KiB of IP with its headers. */
const PACKET = 65536 + 64
const OUT = 1 << 20
const CUT = 1 << 17
/** A stamp beyond these, ms from now, is one of a clock that was stepped: frames come while we read, and wait in the ring. */
const LATER = 50
const EARLIER = 10_000
/** Full tables sent in one go before somebody else may work. */
const BATCHES = 16
