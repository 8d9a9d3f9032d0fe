/**
 * The raw ICMP socket: any message, with an identifier of our own, and everything that ICMP brings to this machine. It
 * needs CAP_NET_RAW. IPv4 packets arrive whole; of IPv6 the kernel keeps the header. A filter in the kernel lets up only
 * what concerns this door: each raw socket would get all of this machine's ICMP otherwise.
 */

import type { Family } from '../wire/addr.ts'
import { u16 } from '../wire/octets.ts'
import { bindSource, configure, type DoorSpec } from './door-spec.ts'
import { Errno } from './os-error.ts'
import {
  attachFilter,
  type Instruction,
  JUMP_EQUAL,
  LOAD_BYTE_X,
  LOAD_HALF_X,
  LOAD_HEADER_LENGTH,
  RETURN,
  SET_X,
} from './packet-filter.ts'
import {
  AF_INET,
  AF_INET6,
  ICMP_FILTER,
  ICMP6_FILTER,
  IP_HDRINCL,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPV6_HDRINCL,
  SOCK_RAW,
  SOL_ICMPV6,
  SOL_IP,
  SOL_IPV6,
  SOL_RAW,
  Socket,
} from './socket.ts'
import { SocketDoor } from './socket-door.ts'
import { LITTLE } from './sys.ts'

/** @throws OsError */
export function openRawSocket(spec: DoorSpec): SocketDoor {
  const four = spec.family === 4
  const ours = spec.headers === 'ours'
  const socket = new Socket(
    'raw-socket',
    four ? AF_INET : AF_INET6,
    SOCK_RAW,
    four ? IPPROTO_ICMP : IPPROTO_ICMPV6,
    (errno) => rawSocketCure(errno),
  )
  try {
    const filter = (spec.accept ?? 'mine') === 'mine' ? new Filter(socket, spec) : undefined
    if (spec.accept === 'none') blockAll(socket, spec.family)
    configure(socket, spec)
    if (ours && four) socket.set(SOL_IP, IP_HDRINCL, 1, 'IP_HDRINCL')
    if (ours && !four) socket.set(SOL_IPV6, IPV6_HDRINCL, 1, 'IPV6_HDRINCL', 'Linux 4.5 and later can do it')
    if (spec.source !== undefined) bindSource(socket, spec)
    return new SocketDoor(
      {
        name: 'raw-socket',
        family: spec.family,
        ownHeaders: ours,
        wholePackets: four,
        errorQueue: false,
        // The kernel drops ICMPv6 with a bad checksum before a raw socket gets it; ICMPv4 it does not look at.
        verified: !four,
        fixedDontFragment: spec.dontFragment !== undefined,
        unstamped: spec.stamps === false,
        cannot: four ? (ours ? CANNOT4_OURS : []) : ours ? CANNOT6_OURS : CANNOT6,
        ...(filter === undefined ? {} : { onSend: (bytes, at, end) => filter.learn(bytes, at, end) }),
      },
      socket,
      undefined,
    )
  } catch (failure) {
    socket.close()
    throw failure
  }
}

export function rawSocketCure(errno: number): string {
  if (errno === Errno.EPERM || errno === Errno.EACCES) {
    return 'A raw socket needs CAP_NET_RAW: run as root (sudo; rights are dropped as soon as it is open), or a service with AmbientCapabilities=CAP_NET_RAW. Not by setcap on node, which gives it to every script'
  }
  return errno === Errno.EAFNOSUPPORT ? 'This kernel has no such address family' : ''
}

/**
 * What the kernel lets up: errors, answers of the asked types, and echo replies with an identifier that has left by this
 * door. The identifiers are learned from the packets themselves, before they leave.
 */
class Filter {
  readonly #socket: Socket
  readonly #family: Family
  readonly #types: readonly number[]
  readonly #ids: number[] = []

  constructor(socket: Socket, spec: DoorSpec) {
    const { family } = spec
    this.#socket = socket
    this.#family = family
    const replies = (spec.types ?? []).filter((t) => !REQUESTS[family].includes(t) && t !== ECHO_REPLY[family])
    this.#types = [...ERRORS[family], ...replies]
    const wanted = [...this.#types, ECHO_REPLY[family]]
    if (family === 4) blockTypes4(socket, wanted)
    else blockTypes6(socket, wanted)
    this.#attach()
  }

  learn(bytes: Uint8Array, at: number, end: number): void {
    if (bytes[at] !== (this.#family === 4 ? 8 : 128) || end - at < 8) return
    const id = u16(bytes, at + 4)
    if (this.#ids.includes(id)) return
    this.#ids.push(id)
    if (this.#ids.length > MAX_IDS) this.#ids.shift()
    this.#attach()
  }

  #attach(): void {
    const types = this.#types
    const ids = this.#ids
    const program: Instruction[] = [
      // IPv4 packets start at their header, ICMPv6 at the message.
      this.#family === 4 ? [LOAD_HEADER_LENGTH, 0, 0, 0] : [SET_X, 0, 0, 0],
      [LOAD_BYTE_X, 0, 0, 0],
      ...types.map((t, i): Instruction => [JUMP_EQUAL, types.length - i + ids.length + 2, 0, t]),
      [JUMP_EQUAL, 0, ids.length + 1, ECHO_REPLY[this.#family]],
      [LOAD_HALF_X, 0, 0, 4],
      ...ids.map((id, i): Instruction => [JUMP_EQUAL, ids.length - i, 0, id]),
      [RETURN, 0, 0, 0],
      [RETURN, 0, 0, 0x40000],
    ]
    attachFilter(this.#socket, program)
  }
}

function blockAll(socket: Socket, family: Family): void {
  if (family === 4) blockTypes4(socket, [])
  else blockTypes6(socket, [])
  attachFilter(socket, [[RETURN, 0, 0, 0]])
}

/** A set bit blocks; types above 31 always pass and are left to the filter program. */
function blockTypes4(socket: Socket, wanted: readonly number[]): void {
  let mask = 0xffffffff
  for (const t of wanted) if (t < 32) mask &= ~(1 << t)
  const octets = new DataView(new ArrayBuffer(4))
  octets.setUint32(0, mask, LITTLE)
  socket.setBytes(SOL_RAW, ICMP_FILTER, new Uint8Array(octets.buffer), 4, 'ICMP_FILTER')
}

function blockTypes6(socket: Socket, wanted: readonly number[]): void {
  const masks = new Uint32Array(8).fill(0xffffffff)
  for (const t of wanted) masks[t >> 5]! &= ~(1 << (t & 31))
  socket.setBytes(SOL_ICMPV6, ICMP6_FILTER, new Uint8Array(masks.buffer), 32, 'ICMP6_FILTER')
}

const ECHO_REPLY = { 4: 0, 6: 129 } as const
/** Unreachable, source quench, redirect, time exceeded, parameter problem; the four of ICMPv6. */
const ERRORS = { 4: [3, 4, 5, 11, 12], 6: [1, 2, 3, 4] } as const
/** What others ask of this machine, and what we ask over loopback: no answer to anybody here. */
const REQUESTS: Record<Family, readonly number[]> = { 4: [8, 10, 13, 15, 17, 37, 42], 6: [128, 133, 135, 139, 160] }
/** A jump reaches 255 instructions. */
const MAX_IDS = 64

const CANNOT4_OURS = ['fragment what is longer than the MTU', 'send a wrong IPv4 header checksum']
const CANNOT6 = [
  'see the IPv6 header of an answer beyond hop limit, traffic class, flow label and addresses',
  'see messages with a bad checksum, or tell them from those that its queue had no room for',
]
const CANNOT6_OURS = [...CANNOT6, 'fragment what is longer than the MTU']
