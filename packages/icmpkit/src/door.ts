/**
 * The second seam: a door carries packets in and out. `os` makes doors to the real network, `lab` to a simulated one;
 * machines and commands can't tell which they got.
 *
 * A packet always starts at its IP header (medium 'ip') or MAC header ('ethernet'), whatever the kernel does: a door
 * whose kernel hides the header, and the error queue, rebuild it. So no machine branches on a door.
 */
import type { ClockSource, Instant } from './clock.ts'
import type { Family } from './wire/addr.ts'

/**
 * Why a packet did not leave this machine. Counted apart from network loss. `no-buffer`, `not-permitted`, `link-down`
 * and `other` are drops; `too-big` and `no-route` are answers of the local kernel about the route.
 */
export type LocalDrop = 'no-buffer' | 'too-big' | 'no-route' | 'not-permitted' | 'link-down' | 'other'

/** A packet on loan until the call that got it returns; a door has one and refills it. Whoever keeps, copies. */
export interface Arrival {
  bytes: Uint8Array
  at: number
  /** End of what was captured; `length` octets were on the wire. */
  end: number
  length: number
  /**
   * 'rebuilt': its IP header is made from control messages; 'error-queue': the error, and the IP header that it quotes, as
   * well. What the kernel did not tell is zero (see `Door.cannot`).
   */
  origin: 'wire' | 'rebuilt' | 'error-queue'
  /** How the link delivered it: RFC 1122 §3.2.2 and RFC 4443 §2.4(e) forbid errors about link broadcasts. */
  link: 'host' | 'broadcast' | 'multicast' | 'other'
  /** What the kernel knows of the transport checksum; 'partial' = not finished yet (offload). */
  checksum: 'ok' | 'partial' | 'unknown'
  stamp: Instant
  clock: ClockSource
  /** Interface index, which is the zone too: a link-local address means nothing without it. 0 = unknown. */
  port: number
}

/** Room for one packet in the door's own memory: write at `at`, then set `end`. */
export interface Slot {
  bytes: Uint8Array
  at: number
  /** First octet that may not be written. */
  limit: number
  end: number
  /** The one family that this door carries, or undefined where it carries both. */
  family: Family | undefined
  /** Interface index to leave by; 0 = as the route says. */
  port: number
  /** Comes back in `handleSent` or `handleUnsent`; 0 = don't tell me. */
  tag: number
}

/** A host, a gateway, a ping of N targets, a sweep … No clock, no timer, no randomness, no I/O inside. */
export interface Machine<E> {
  /** True: rewritten in place, send it out of `a.port` (answer and forward without a copy). */
  handlePacket(now: Instant, a: Arrival): boolean
  /** `clock` says what `stamp` is: 'kernel-txrx' a kernel transmit stamp, 'user' the moment before the send call. May come twice: the better stamp wins. */
  handleSent(now: Instant, tag: number, stamp: Instant, clock: ClockSource): void
  /** `mtu` is what the kernel said with `too-big`, else 0. */
  handleUnsent(now: Instant, tag: number, why: LocalDrop, mtu: number): void
  handleTimeout(now: Instant): void
  /** Writes the next packet that is due; false when none is (for this slot's family). Called only while a door has room. */
  pollTransmit(now: Instant, slot: Slot): boolean
  pollEvent(): E | undefined
  /** The next moment something is due; undefined when the machine is done; Infinity when it only waits to be asked. */
  pollTimeout(): Instant | undefined
}

export type DoorName =
  | 'ping-socket'
  | 'raw-socket'
  | 'packet'
  | 'xdp'
  | 'tun'
  | 'tap'
  | 'udp-error-queue'
  | 'flow'
  | 'lab'

/** What the door itself lost, read at any time; grows only. Never the network's loss. */
export interface DoorLoss {
  /** Arrivals that the receive queue had no room for (SO_RXQ_OVFL, PACKET_STATISTICS). */
  queueOverflow: number
  /** Transmit stamps that never came (gaps in OPT_ID). */
  stampGaps: number
  /** Send calls that took fewer octets than given. */
  shortWrites: number
}

export interface Door extends AsyncDisposable {
  readonly name: DoorName
  readonly medium: 'ip' | 'ethernet'
  readonly family: Family | undefined
  readonly mtu: number
  /** The identifier that the kernel puts into our echoes; undefined where it is ours to choose. */
  readonly echoId: number | undefined
  /** What this door can't see or do, in words that `-v` prints: 'the quoted IP header', 'foreign replies', … */
  readonly cannot: readonly string[]
  readonly loss: DoorLoss
  /** A driver takes its packets as soon as they are there, before the loop's next turn: an answer in place leaves sooner. */
  readonly prompt?: boolean
  /** Fills its free slots from `m`, one system call a batch. True: full, more may be due. */
  send(now: Instant, m: Pick<Machine<unknown>, 'pollTransmit' | 'handleSent' | 'handleUnsent'>): boolean
  /** Gives `m` at most `limit` waiting packets, stamps and local failures, and sends what was answered in place. */
  receive(
    now: Instant,
    m: Pick<Machine<unknown>, 'handlePacket' | 'handleSent' | 'handleUnsent'>,
    limit: number,
  ): number
  /** From now on nothing is cut in two on its way out, of IPv6 either: what is too long is told. Absent where the door was opened so. */
  keepWhole?(): void
  /** Takes a new identifier (a fresh kernel socket): a firewall stuck on the old one lets go. Absent where echoId is ours. */
  rotateId?(): void
}
