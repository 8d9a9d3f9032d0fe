/**
 * A socket as the kernel describes it to sock_diag (Linux `linux/inet_diag.h`): struct inet_diag_msg behind the netlink
 * header, and the request that asks for it. Ports and addresses are in network order, the rest in the machine's.
 *
 *   | family | state | timer | retransmits | id (48) | expires (4) | queues (4 + 4) | uid (4) | inode (4) | attributes …
 *   id: | port (2) | remote port (2) | address (16) | remote address (16) | interface (4) | cookie (8) |
 */
import { type Family, type Ip, readIp4, readIp6, writeIp } from '../wire/addr.ts'
import type { Message, MessageReader, MessageWriter } from './netlink-message.ts'

export type SocketProtocol = 'udp' | 'tcp'

/** As the kernel counts them; a UDP socket is `established` where it is connected, else `close`. */
export const SocketState = {
  established: 1,
  synSent: 2,
  synReceived: 3,
  finWait1: 4,
  finWait2: 5,
  timeWait: 6,
  close: 7,
  closeWait: 8,
  lastAck: 9,
  listen: 10,
  closing: 11,
} as const
export type SocketState = keyof typeof SocketState

/** Which sockets. Nothing but the protocol: all of them. */
export interface SocketFilter {
  protocol: SocketProtocol
  /** By the family of the packets; a socket of IPv6 may carry IPv4 as well. Both. */
  family?: Family
  port?: number
  remotePort?: number
  /** All but those that wait out their time (`timeWait`) and half-open ones. */
  states?: readonly SocketState[]
}

/** What names one socket, whole. */
export interface SocketName {
  protocol: SocketProtocol
  local: Ip
  localPort: number
  /** The unspecified address and port 0: of a listener, or of UDP that is not connected. */
  remote: Ip
  remotePort: number
  /** The interface that it is bound to, which a link-local address needs; 0 = none. */
  interfaceIndex?: number
}

/** One socket, kept. */
export interface SocketInfo extends Required<SocketName> {
  family: Family
  state: SocketState | 'other'
  /** Bound to a loopback address. */
  loopback: boolean
  /** A socket of IPv6 without an address of its own, which hears IPv4 too. */
  both: boolean
  /** Octets that its program has not read; of a TCP listener, connections that it has not accepted. */
  receiveQueue: number
  /** Octets on the way out; of a TCP listener, how many may wait. */
  sendQueue: number
  uid: number
  /** 0: no file any more. */
  inode: number
}

/**
 * A socket on loan: the kernel's own octets, read where they are asked for, since most of 100,000 sockets are asked for
 * two numbers. The next one takes its place.
 */
export class SocketRecord {
  protocol: SocketProtocol = 'tcp'
  /** The octets of the whole answer; `localAt` and `remoteAt` are where the addresses stand in it. */
  bytes: Uint8Array = new Uint8Array(0)
  #r: MessageReader | undefined
  #at = 0
  #end = 0
  /** Addresses of IPv4 in a socket of IPv6 (::ffff:192.0.2.1). */
  #mapped = false

  /** Points it to `m`; false where that is too short. */
  set(r: MessageReader, m: Message, protocol: SocketProtocol): boolean {
    if (m.end - m.at < MESSAGE) return false
    this.protocol = protocol
    this.bytes = r.bytes
    this.#r = r
    this.#at = m.at
    this.#end = m.end
    this.#mapped = r.u8(m.at) === AF_INET6 && isMapped(r.bytes, m.at + Id.local)
    return true
  }

  /** Of the packets that it sends: a connection over IPv4 is one, whatever its socket was made for. */
  get family(): Family {
    return this.#mapped || this.#r!.u8(this.#at) === AF_INET ? 4 : 6
  }

  get state(): SocketState | 'other' {
    return STATES[this.#r!.u8(this.#at + 1)] ?? 'other'
  }

  get localPort(): number {
    return (this.bytes[this.#at + Id.port]! << 8) | this.bytes[this.#at + Id.port + 1]!
  }

  get remotePort(): number {
    return (this.bytes[this.#at + Id.remotePort]! << 8) | this.bytes[this.#at + Id.remotePort + 1]!
  }

  /** Four octets, or sixteen: see `family`. */
  get localAt(): number {
    return this.#at + Id.local + (this.#mapped ? 12 : 0)
  }

  get remoteAt(): number {
    return this.#at + Id.remote + (this.#mapped ? 12 : 0)
  }

  get local(): Ip {
    return this.family === 4 ? readIp4(this.bytes, this.localAt) : readIp6(this.bytes, this.localAt)
  }

  get remote(): Ip {
    return this.family === 4 ? readIp4(this.bytes, this.remoteAt) : readIp6(this.bytes, this.remoteAt)
  }

  /** No peer: a listener, or UDP that is not connected. */
  get open(): boolean {
    return this.remotePort === 0
  }

  /** Hears IPv4 as well as IPv6. */
  get both(): boolean {
    const r = this.#r!
    if (r.u8(this.#at) !== AF_INET6 || !isZero(this.bytes, this.#at + Id.local)) return false
    return r.number(r.attributes(this.#at + MESSAGE, this.#end).get(ONLY_6)) !== 1
  }

  /** Bound to a loopback address: no other machine reaches it. */
  get loopback(): boolean {
    const at = this.localAt
    if (this.family === 4) return this.bytes[at] === 127
    return this.bytes[at + 15] === 1 && isZero(this.bytes, at, 15)
  }

  get interfaceIndex(): number {
    return this.#r!.u32(this.#at + Id.interface)
  }

  get receiveQueue(): number {
    return this.#r!.u32(this.#at + 56)
  }

  get sendQueue(): number {
    return this.#r!.u32(this.#at + 60)
  }

  get uid(): number {
    return this.#r!.u32(this.#at + 64)
  }

  get inode(): number {
    return this.#r!.u32(this.#at + 68)
  }

  /** A copy that stays. */
  keep(): SocketInfo {
    const { protocol, family, state, local, localPort, remote, remotePort, interfaceIndex } = this
    const { both, loopback, receiveQueue, sendQueue, uid, inode } = this
    const name = { protocol, local, localPort, remote, remotePort, interfaceIndex }
    return { ...name, family, state, both, loopback, receiveQueue, sendQueue, uid, inode }
  }
}

/** struct inet_diag_req_v2 for a list; `af` is the family of the sockets, not of their packets. */
export function writeSocketQuery(w: MessageWriter, f: SocketFilter, af: number): MessageWriter {
  const states = f.states === undefined ? MOST_STATES : maskOf(f.states)
  w.u8(af).u8(NUMBERS[f.protocol]).u16(0).u32(states)
  return writeId(w, f.port ?? 0, f.remotePort ?? 0, ZEROS, ZEROS, 0)
}

/**
 * The same for exactly one. `swapped`: local and remote change places, as the kernel wants it where it looks for a UDP
 * socket ("for historical reasons", udp_diag.c).
 */
export function writeSocketName(w: MessageWriter, s: SocketName, swapped: boolean): MessageWriter {
  const af = typeof s.local === 'bigint' ? AF_INET6 : AF_INET
  const local = octetsOf(s.local)
  const remote = octetsOf(s.remote)
  w.u8(af).u8(NUMBERS[s.protocol]).u16(0).u32(ALL_STATES)
  return swapped
    ? writeId(w, s.remotePort, s.localPort, remote, local, s.interfaceIndex ?? 0)
    : writeId(w, s.localPort, s.remotePort, local, remote, s.interfaceIndex ?? 0)
}

function writeId(
  w: MessageWriter,
  port: number,
  remotePort: number,
  local: Uint8Array,
  remote: Uint8Array,
  index: number,
): MessageWriter {
  const ports = Uint8Array.of(port >>> 8, port, remotePort >>> 8, remotePort)
  // INET_DIAG_NOCOOKIE: whichever socket has that name.
  return w.octets(ports).octets(local).octets(remote).u32(index).u32(0xffffffff).u32(0xffffffff)
}

function octetsOf(ip: Ip): Uint8Array {
  const octets = new Uint8Array(16)
  writeIp(ip, octets, 0)
  return octets
}

function maskOf(states: readonly SocketState[]): number {
  return states.reduce((mask, s) => mask | (1 << SocketState[s]), 0)
}

function isZero(bytes: Uint8Array, at: number, octets = 16): boolean {
  for (let i = at; i < at + octets; i++) if (bytes[i] !== 0) return false
  return true
}

function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 10; i++) if (bytes[i] !== 0) return false
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff
}

const STATES: readonly (SocketState | undefined)[] = Object.entries(SocketState).reduce<(SocketState | undefined)[]>(
  (list, [name, number]) => {
    list[number] = name as SocketState
    return list
  },
  [],
)

export const AF_INET = 2
export const AF_INET6 = 10
const NUMBERS = { tcp: 6, udp: 17 } as const
const ALL_STATES = 0xfff
const MOST_STATES = ALL_STATES & ~((1 << SocketState.timeWait) | (1 << SocketState.synReceived))
const ZEROS = new Uint8Array(16)
const MESSAGE = 72
/** INET_DIAG_SKV6ONLY: of listeners and of UDP without a peer. */
const ONLY_6 = 11
/** Offsets in struct inet_diag_msg of what names a socket. */
const Id = { port: 4, remotePort: 6, local: 8, remote: 24, interface: 40 } as const
