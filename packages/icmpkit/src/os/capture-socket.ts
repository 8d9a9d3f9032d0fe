/**
 * What passes an interface, both ways, as a capture has it: AF_PACKET with a ring that the kernel fills (TPACKET_V3), its
 * stamps in nanoseconds, a VLAN tag that the kernel took out put back. A tap: it owns nothing and stops nothing.
 *
 * The ring hands packets over in blocks, up to RETIRE ms late; the stamps are the kernel's, so times stay true. `any`,
 * and interfaces whose framing nobody knows, come with a Linux cooked header (version 2) in front.
 */
import type { Frame } from '../wire/frame.ts'
import { emptyFrame } from '../wire/frame.ts'
import { LinkType } from '../wire/link-layer.ts'
import { put16, put32 } from '../wire/octets.ts'
import { type Arena, detach, mapping } from './arena.ts'
import { monotonic } from './kernel-time.ts'
import { Hardware, type Link } from './link-message.ts'
import { inNamespace, type NamespaceRef } from './namespace.ts'
import { openNetlink } from './netlink.ts'
import { Errno, OsError } from './os-error.ts'
import { attachFilter, type Instruction, JUMP_EQUAL, LOAD_BYTE, LOAD_HALF, RETURN } from './packet-filter.ts'
import { PACKET_MR_PROMISC, PACKET_RX_RING, PACKET_VERSION, PacketSocket, SOL_PACKET } from './packet-socket.ts'
import { SOL_SOCKET, type Socket } from './socket.ts'
import { LITTLE } from './sys.ts'
import { forget, waker } from './waker.ts'

export interface CaptureOptions {
  /** Octets to keep of each packet. All. */
  snapLength?: number
  /** Only what is or may carry ICMP: the kernel drops the rest before it reaches us. */
  icmpOnly?: boolean
  /** A filter of one's own instead; what it returns counts from the link header. */
  filter?: readonly Instruction[]
  /** Packets start at their network layer, whatever the link is, and without a cooked header. */
  networkOnly?: boolean
  /** Also what is not for this machine, as far as the interface hears it. */
  promiscuous?: boolean
  netns?: NamespaceRef
}

/** One packet; on loan, like every frame. */
export interface LiveFrame extends Frame {
  /** This machine sent it. */
  outgoing: boolean
  /** The kernel's PACKET_*: 0 to this machine, 1 broadcast, 2 multicast, 3 to another host, 4 outgoing. */
  packetType: number
  interfaceIndex: number
  /** Its transport checksum is not there yet: the interface would have made it. */
  unfinished: boolean
}

/** Grows only. */
export interface CaptureCounts {
  /** Seen by the filter, those dropped included. */
  seen: number
  /** The ring had no room: we were too slow. */
  dropped: number
}

/** Opens a capture on the interface `name`, or on `any`. @throws OsError */
export function openCapture(name: string, options: CaptureOptions = {}): CaptureSocket {
  const open = () => new CaptureSocket(name === 'any' ? undefined : linkOf(name), options)
  return options.netns === undefined ? open() : inNamespace(options.netns, open)
}

function linkOf(name: string): Link {
  using netlink = openNetlink()
  return netlink.link(netlink.index(name))!
}

/** An open capture; made by `openCapture`. Read by hand (`read`, `readable`), or let `each` do it. */
export class CaptureSocket implements Disposable {
  readonly fd: number
  /** LINKTYPE_ number of every frame. */
  readonly linkType: number
  /** 'any' for all. */
  readonly interfaceName: string
  /** Octets kept of each packet; 0 = all. */
  readonly snapLength: number
  readonly #socket: PacketSocket
  readonly #ring: Arena
  readonly #words: Int32Array
  readonly #cooked: boolean
  readonly #networkOnly: boolean
  readonly #loopback: boolean
  readonly #frame: LiveFrame
  #block = 0
  /** Packets of the block at hand that are still to be given, and where the next one is. */
  #left = 0
  #next = 0
  #open = true
  #visiting = false

  /** `link` undefined: all interfaces. @throws OsError */
  constructor(link: Link | undefined, options: CaptureOptions) {
    const bare = options.networkOnly === true
    const linkType = bare ? LinkType.raw : link === undefined ? LinkType.linuxSll2 : linkTypeOf(link)
    this.#networkOnly = bare
    this.linkType = linkType
    this.interfaceName = link?.name ?? 'any'
    this.snapLength = options.snapLength ?? 0
    this.#cooked = linkType === LinkType.linuxSll2
    this.#loopback = link?.loopback ?? false
    this.#socket = new PacketSocket(DOOR, RIGHT)
    this.fd = this.#socket.fd
    let mapped: Arena | undefined
    try {
      const socket = this.#socket
      socket.set(SOL_PACKET, PACKET_VERSION, TPACKET_V3, 'PACKET_VERSION')
      // Room in front of each packet for the headers that are put back.
      socket.set(SOL_PACKET, PACKET_RESERVE, RESERVE, 'PACKET_RESERVE')
      // Stamped when it arrives, not when the ring takes it.
      socket.set(SOL_SOCKET, SO_TIMESTAMPNS, 1, 'SO_TIMESTAMPNS')
      attachFilter(socket, program(options))
      mapped = ring(socket)
      this.#ring = mapped
      this.#words = new Int32Array(this.#ring.bytes.buffer)
      const errno = socket.bind(link?.index ?? 0)
      if (errno !== 0) throw new OsError(errno, 'bind', DOOR, errno === Errno.ENETDOWN ? 'The interface is down' : '')
      if (options.promiscuous) socket.join(link?.index ?? 0, PACKET_MR_PROMISC)
    } catch (e) {
      this.#socket.close()
      if (mapped !== undefined) detach(mapped)
      throw e
    }
    this.#frame = { ...emptyFrame(), outgoing: false, packetType: 0, interfaceIndex: 0, unfinished: false }
    this.#frame.bytes = this.#ring.bytes
    this.#frame.linkType = linkType
  }

  /**
   * Gives `visit` at most `limit` packets that wait; how many it was. The frame is one object, and its octets are the
   * kernel's again when `visit` returns. An interface that is down brings nothing until it is up again.
   * @throws OsError ENODEV where the interface is gone
   */
  read(visit: (f: LiveFrame) => void, limit: number = Number.POSITIVE_INFINITY): number {
    let given = 0
    while (given < limit && this.#open) {
      if (this.#left === 0 && !this.#take()) break
      const at = this.#next
      const last = --this.#left === 0
      this.#next = at + this.#word(at)
      try {
        if (this.#fill(at)) {
          given++
          this.#visiting = true
          visit(this.#frame)
        }
      } finally {
        this.#visiting = false
        // The visitor may have closed the socket: the ring is there until it has seen its frame.
        if (!this.#open) detach(this.#ring)
        else if (last) this.#release()
      }
    }
    if (given > 0) this.#socket.down = false
    else if (this.#open) this.#socket.failIfGone(`The interface ${this.interfaceName} is gone`)
    return given
  }

  /** Until packets wait, at most to `until` (monotonic ms), or until closed. */
  async readable(until: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#open) await waker().wait([this], false, until).done
  }

  /** All packets from now on, until `signal` aborts or the socket is closed. `batch` is called when none waits any more. */
  async each(visit: (f: LiveFrame) => void, signal?: AbortSignal, batch?: () => void): Promise<void> {
    const stop = () => this.close()
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    try {
      while (this.#open) {
        if (this.read(visit, BATCH) > 0) continue
        batch?.()
        await this.readable(this.#socket.down ? monotonic() + DOWN_MS : undefined)
      }
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /** From now on this filter decides; what the ring holds already stays. @throws OsError */
  replaceFilter(filter: readonly Instruction[]): void {
    if (this.#open) attachFilter(this.#socket, filter)
  }

  get counts(): CaptureCounts {
    if (this.#open) this.#socket.count()
    const { seen, dropped } = this.#socket
    return { seen, dropped }
  }

  close(): void {
    if (!this.#open) return
    this.#socket.count()
    this.#open = false
    forget(this.fd)
    this.#socket.close()
    if (!this.#visiting) detach(this.#ring)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  // ---- the ring (linux/if_packet.h)

  #word(at: number): number {
    return this.#words[at >>> 2]!
  }

  /** The next block, where the kernel has handed it over. */
  #take(): boolean {
    const block = this.#block * BLOCK
    if ((Atomics.load(this.#words, (block + Block.status) >>> 2) & TP_STATUS_USER) === 0) return false
    this.#left = this.#word(block + Block.packets)
    this.#next = block + this.#word(block + Block.first)
    // A block that retired empty by its time-out.
    if (this.#left === 0) {
      this.#release()
      return this.#take()
    }
    return true
  }

  #release(): void {
    Atomics.store(this.#words, (this.#block * BLOCK + Block.status) >>> 2, TP_STATUS_KERNEL)
    this.#block = (this.#block + 1) % BLOCKS
  }

  /** Fills the frame; false for the second sight of a loopback packet. */
  #fill(at: number): boolean {
    const { view, bytes } = this.#ring
    const f = this.#frame
    const from = at + PACKET_HEADER
    f.packetType = view.getUint8(from + From.packetType)
    f.outgoing = f.packetType === PACKET_OUTGOING
    if (f.outgoing && (this.#loopback || view.getUint16(from + From.hardware, LITTLE) === Hardware.loopback))
      return false
    const status = this.#word(at + Packet.status)
    f.index++
    f.seconds = this.#word(at + Packet.seconds) >>> 0
    f.nanoseconds = this.#word(at + Packet.nanoseconds)
    f.interfaceIndex = this.#word(from + From.index)
    f.unfinished = (status & TP_STATUS_CSUMNOTREADY) !== 0
    f.at = at + view.getUint16(at + Packet.mac, LITTLE)
    f.end = f.at + this.#word(at + Packet.snapped)
    f.length = this.#word(at + Packet.length)
    const tagged = (status & TP_STATUS_VLAN_VALID) !== 0
    if (this.#networkOnly) {
      const header = view.getUint16(at + Packet.network, LITTLE) - view.getUint16(at + Packet.mac, LITTLE)
      f.at = Math.min(f.at + header, f.end)
      f.length -= header
    } else if (this.#cooked) this.#cook(at, tagged)
    else if (tagged && f.end - f.at >= 12 && this.linkType === LinkType.ethernet) {
      bytes.copyWithin(f.at - 4, f.at, f.at + 12)
      f.at -= 4
      f.length += 4
      this.#tag(at, f.at + 12)
    }
    return true
  }

  /**
   * Puts a cooked header in the link header's place, and the tag behind it. Not by the kernel's own cooking (SOCK_DGRAM):
   * of a packet with two tags that tells the innermost protocol and leaves a tag in front of it.
   */
  #cook(packet: number, tagged: boolean): void {
    const { view, bytes } = this.#ring
    const f = this.#frame
    const from = packet + PACKET_HEADER
    const hardware = view.getUint16(from + From.hardware, LITTLE)
    const framed = hardware === Hardware.ether || hardware === Hardware.loopback
    const header = framed
      ? ETHERNET
      : view.getUint16(packet + Packet.network, LITTLE) - view.getUint16(packet + Packet.mac, LITTLE)
    let protocol = framed ? view.getUint16(f.at + 12) : view.getUint16(from + From.protocol)
    f.at = Math.min(f.at + header, f.end)
    f.length -= header
    if (tagged) {
      f.at -= 4
      f.length += 4
      this.#tag(packet, f.at)
      // The tag's own type goes into the cooked header, what was there stays behind the tag.
      const outer = view.getUint16(f.at)
      put16(bytes, f.at, view.getUint16(f.at + 2))
      put16(bytes, f.at + 2, protocol)
      protocol = outer
    }
    f.at -= COOKED
    f.length += COOKED
    put16(bytes, f.at, protocol)
    put16(bytes, f.at + 2, 0)
    put32(bytes, f.at + 4, f.interfaceIndex)
    put16(bytes, f.at + 8, hardware)
    bytes[f.at + 10] = view.getUint8(from + From.packetType)
    bytes[f.at + 11] = view.getUint8(from + From.addressLength)
    bytes.copyWithin(f.at + 12, from + From.address, from + From.address + 8)
  }

  #tag(packet: number, to: number): void {
    const { view, bytes } = this.#ring
    const named = (this.#word(packet + Packet.status) & TP_STATUS_VLAN_TPID_VALID) !== 0
    put16(bytes, to, named ? view.getUint16(packet + Packet.tagType, LITTLE) : 0x8100)
    put16(bytes, to + 2, this.#word(packet + Packet.tag) & 0xffff)
  }
}

function linkTypeOf(link: Link): number {
  switch (link.hardware) {
    case Hardware.ether:
    // Loopback has Ethernet headers, all zeros.
    case Hardware.loopback:
      return LinkType.ethernet
    case Hardware.none:
    case Hardware.rawIp:
    case Hardware.tunnel4:
    case Hardware.tunnel6:
    case Hardware.sit:
      return LinkType.raw
  }
  return LinkType.linuxSll2
}

/**
 * The filter's answer is how many octets are kept. It looks at the network layer wherever the link layer ends, so it is
 * the same for each link type. What may hide ICMP passes: IPv6 with any extension header, a tag inside a tag.
 */
function program(options: CaptureOptions): readonly Instruction[] {
  if (options.filter !== undefined) return options.filter
  const keep: Instruction = [RETURN, 0, 0, options.snapLength || ALL]
  if (!options.icmpOnly) return [keep]
  return [
    [LOAD_HALF, 0, 0, AD_PROTOCOL],
    [JUMP_EQUAL, 0, 2, 0x0800],
    [LOAD_BYTE, 0, 0, NETWORK + 9],
    [JUMP_EQUAL, 7, 8, 1],
    [JUMP_EQUAL, 0, 3, 0x86dd],
    [LOAD_BYTE, 0, 0, NETWORK + 6],
    [JUMP_EQUAL, 5, 0, 6],
    [JUMP_EQUAL, 4, 3, 17],
    [JUMP_EQUAL, 2, 0, 0x8100],
    [JUMP_EQUAL, 1, 0, 0x88a8],
    [JUMP_EQUAL, 0, 1, 0x9100],
    keep,
    [RETURN, 0, 0, 0],
  ]
}

function ring(socket: Socket): Arena {
  const request = new Uint32Array([BLOCK, BLOCKS, FRAME, (BLOCK / FRAME) * BLOCKS, RETIRE, 0, 0])
  socket.setBytes(SOL_PACKET, PACKET_RX_RING, new Uint8Array(request.buffer), 28, 'PACKET_RX_RING')
  return mapping(socket.fd, BLOCK * BLOCKS, 0, DOOR)
}

const DOOR = 'capture'
const RIGHT = 'Capturing needs CAP_NET_RAW: run as root (sudo)'

/** Packets between two looks at the clock and the signal. */
const BATCH = 4096

/** 8 MiB: a second of 100,000 pings. A block holds the longest frame that offloads make (64 KiB) four times. */
const BLOCK = 1 << 18
const BLOCKS = 32
const FRAME = 2048
/** Milliseconds after which a block that is not full is handed over. */
const RETIRE = 10
/** A cooked header and a tag. */
const RESERVE = 32
const COOKED = 20
/** Between two looks whether an interface that is down is still there. */
const DOWN_MS = 500
const ETHERNET = 14
const ALL = 0x40000

const SO_TIMESTAMPNS = 35
const PACKET_RESERVE = 12
const PACKET_OUTGOING = 4
const TPACKET_V3 = 2

const TP_STATUS_KERNEL = 0
const TP_STATUS_USER = 1
const TP_STATUS_CSUMNOTREADY = 8
const TP_STATUS_VLAN_VALID = 0x10
const TP_STATUS_VLAN_TPID_VALID = 0x40

/** struct tpacket_block_desc. */
const Block = { status: 8, packets: 12, first: 16 } as const
/** struct tpacket3_hdr; a sockaddr_ll follows. */
const Packet = {
  seconds: 4,
  nanoseconds: 8,
  snapped: 12,
  length: 16,
  status: 20,
  mac: 24,
  network: 26,
  tag: 32,
  tagType: 36,
} as const
const PACKET_HEADER = 48
/** struct sockaddr_ll; the protocol is in network order. */
const From = { protocol: 2, index: 4, hardware: 8, packetType: 10, addressLength: 11, address: 12 } as const

/** Of a BPF load: the two areas that the kernel adds (linux/filter.h). */
const AD_PROTOCOL = 0xfffff000
const NETWORK = 0xfff00000
