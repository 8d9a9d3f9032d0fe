/** Sockets of the kernel: option numbers (asm-generic, linux/in.h, linux/in6.h), socket addresses, and typed get and set. */
import type { Family } from '../wire/addr.ts'
import { LITTLE, must, type Pointer, sys } from './sys.ts'

export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_CLOEXEC = 0o2000000
export const SOCK_NONBLOCK = 0o4000
export const IPPROTO_ICMP = 1
export const IPPROTO_ICMPV6 = 58

export const SOL_SOCKET = 1
export const SO_ERROR = 4
export const SO_BROADCAST = 6
export const SO_RCVBUF = 8
export const SO_BINDTODEVICE = 25
export const SO_ATTACH_FILTER = 26
export const SO_RCVBUFFORCE = 33
export const SO_MARK = 36
export const SO_TIMESTAMPING = 37
export const SO_MEMINFO = 55

export const SOL_IP = 0
export const IP_TOS = 1
export const IP_TTL = 2
export const IP_HDRINCL = 3
export const IP_OPTIONS = 4
export const IP_RECVOPTS = 6
export const IP_RETOPTS = 7
export const IP_PKTINFO = 8
export const IP_MTU_DISCOVER = 10
export const IP_RECVERR = 11
export const IP_RECVTTL = 12
export const IP_RECVTOS = 13
export const IP_RECVERR_RFC4884 = 26
export const IP_MULTICAST_LOOP = 34

export const SOL_IPV6 = 41
export const IPV6_FLOWINFO = 11
export const IPV6_MULTICAST_LOOP = 19
export const IPV6_MTU_DISCOVER = 23
export const IPV6_RECVERR = 25
export const IPV6_RECVERR_RFC4884 = 31
export const IPV6_FLOWLABEL_MGR = 32
export const IPV6_FLOWINFO_SEND = 33
export const IPV6_HDRINCL = 36
export const IPV6_RECVPKTINFO = 49
export const IPV6_PKTINFO = 50
export const IPV6_RECVHOPLIMIT = 51
export const IPV6_HOPLIMIT = 52
export const IPV6_DONTFRAG = 62
export const IPV6_RECVTCLASS = 66
export const IPV6_TCLASS = 67

export const SOL_RAW = 255
export const ICMP_FILTER = 1
export const SOL_ICMPV6 = 58
export const ICMP6_FILTER = 1

export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const MSG_ERRQUEUE = 0x2000

/** Room for the address of either family. */
export const ADDRESS_SIZE = 28

export function addressSize(family: Family): number {
  return family === 4 ? 16 : ADDRESS_SIZE
}

/** Writes a sockaddr whose IP address is copied from `from` at `at`; returns its size. `view` and `out` share memory. */
export function putAddress(
  view: DataView,
  out: Uint8Array,
  to: number,
  family: Family,
  from: Uint8Array,
  at: number,
  port = 0,
  flowInfo = 0,
  scope = 0,
): number {
  if (family === 4) {
    view.setUint16(to, AF_INET, LITTLE)
    view.setUint16(to + 2, port)
    for (let i = 0; i < 4; i++) out[to + 4 + i] = from[at + i]!
    return 16
  }
  view.setUint16(to, AF_INET6, LITTLE)
  view.setUint16(to + 2, port)
  view.setUint32(to + 4, flowInfo)
  for (let i = 0; i < 16; i++) out[to + 8 + i] = from[at + i]!
  view.setUint32(to + 24, scope, LITTLE)
  return ADDRESS_SIZE
}

/** A socket that a door owns: every refusal becomes an OsError in that door's name. */
export class Socket {
  readonly door: string
  readonly fd: number
  readonly #four = new Int32Array(1)
  readonly #fourBytes = new Uint8Array(this.#four.buffer)

  /** @throws OsError */
  constructor(
    door: string,
    domain: number,
    type: number,
    protocol: number,
    cure: (errno: number) => string = () => '',
  ) {
    this.door = door
    const fd = sys().socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)
    this.fd = must(fd, 'socket', door, fd < 0 ? cure(-fd) : '')
  }

  /** Minus errno where the kernel refuses. */
  trySet(level: number, option: number, value: number): number {
    this.#four[0] = value
    return sys().setsockopt(this.fd, level, option, this.#fourBytes, 4)
  }

  /** @throws OsError */
  set(level: number, option: number, value: number, name: string, cure = ''): void {
    must(this.trySet(level, option, value), `setsockopt ${name}`, this.door, cure)
  }

  /** @throws OsError */
  setBytes(level: number, option: number, value: Pointer, length: number, name: string, cure = ''): void {
    must(sys().setsockopt(this.fd, level, option, value, length), `setsockopt ${name}`, this.door, cure)
  }

  get(level: number, option: number): number {
    const length = new Uint32Array([4])
    return sys().getsockopt(this.fd, level, option, this.#fourBytes, new Uint8Array(length.buffer)) < 0
      ? 0
      : this.#four[0]!
  }

  close(): void {
    sys().close(this.fd)
  }
}
