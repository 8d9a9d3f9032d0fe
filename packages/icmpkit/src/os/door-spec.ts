/** What to open, as plain data (a worker opens its own door from it), and the options that every socket door shares. */
import type { Family, Ip } from '../wire/addr.ts'
import { familyOf, parseIp, writeIp } from '../wire/addr.ts'
import { IF_NAMESIZE } from './interface-name.ts'
import { Errno, OsError } from './os-error.ts'
import {
  ADDRESS_SIZE,
  IP_MTU_DISCOVER,
  IP_MULTICAST_LOOP,
  IP_OPTIONS,
  IP_PKTINFO,
  IP_RECVERR,
  IP_RECVERR_RFC4884,
  IP_RECVOPTS,
  IP_RECVTOS,
  IP_RECVTTL,
  IPV6_DONTFRAG,
  IPV6_FLOWINFO,
  IPV6_FLOWINFO_SEND,
  IPV6_MTU_DISCOVER,
  IPV6_MULTICAST_LOOP,
  IPV6_RECVERR,
  IPV6_RECVERR_RFC4884,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_RECVTCLASS,
  putAddress,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_MARK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_TIMESTAMPING,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  type Socket,
} from './socket.ts'
import { STAMPS } from './socket-door.ts'
import { must, sys } from './sys.ts'

export interface DoorSpec {
  /** 'auto': the ping socket, and the raw socket where that is refused. */
  kind: 'auto' | 'ping-socket' | 'raw-socket'
  family: Family
  /** Network namespace by name (`ip netns`), path or process id; the one of this thread where absent. */
  netns?: string | number
  /** Leave and arrive by this interface or VRF only. */
  interface?: string
  /** Mark for policy routing (SO_MARK). */
  mark?: number
  /** Source address of everything that leaves, as text or as a value. */
  source?: Ip | string
  /** Interface index of a link-local `source`. */
  sourcePort?: number
  /**
   * As iputils `-M`: 'do' never fragments and obeys the known path MTU, 'probe' ignores that MTU, 'want' fragments here,
   * 'dont' lets routers fragment. Absent: as each packet's DF bit says (IPv6: 'want').
   */
  dontFragment?: 'do' | 'want' | 'dont' | 'probe'
  /** IPv4 options for each packet; options in a packet's own header are sent as well. */
  ipOptions?: Uint8Array
  /** Allow broadcast targets. */
  broadcast?: boolean
  /** False: what we send to a group is not heard on this machine. */
  multicastLoop?: boolean
  /** Octets of receive queue; 4 MiB where absent. More than net.core.rmem_max needs CAP_NET_ADMIN. */
  receiveBuffer?: number
  /** Raw socket. 'mine': echo replies to what left by this door, and errors; 'all': every ICMP message; 'none': it only sends. */
  accept?: 'mine' | 'all' | 'none'
  /** Raw socket: further ICMP types to let in with 'mine'. */
  types?: readonly number[]
  /** False: the kernel tells nothing of when a packet left or came; 10,000 that leave at once bring back no 10,000 stamps. */
  stamps?: false
  /** Raw socket. 'ours': packets leave with the IP header as written, checksum errors included. */
  headers?: 'kernel' | 'ours'
}

/** Sets what all socket doors have in common. @throws OsError */
export function configure(socket: Socket, spec: DoorSpec): void {
  if (spec.interface !== undefined) bindToInterface(socket, spec.interface)
  if (spec.mark !== undefined) {
    const cure = 'Setting a mark needs CAP_NET_ADMIN (or CAP_NET_RAW since Linux 5.17): run as root'
    socket.set(SOL_SOCKET, SO_MARK, spec.mark, 'SO_MARK', cure)
  }
  if (spec.broadcast) socket.set(SOL_SOCKET, SO_BROADCAST, 1, 'SO_BROADCAST')
  // The value is a wish; the kernel cuts it to net.core.rmem_max without CAP_NET_ADMIN.
  const room = spec.receiveBuffer ?? RECEIVE_BUFFER
  if (socket.trySet(SOL_SOCKET, SO_RCVBUFFORCE, room) < 0) socket.trySet(SOL_SOCKET, SO_RCVBUF, room)
  if (spec.stamps !== false) socket.trySet(SOL_SOCKET, SO_TIMESTAMPING, STAMPS)
  if (spec.family === 4) configure4(socket, spec)
  else configure6(socket, spec)
}

function configure4(socket: Socket, spec: DoorSpec): void {
  socket.set(SOL_IP, IP_RECVERR, 1, 'IP_RECVERR')
  socket.set(SOL_IP, IP_PKTINFO, 1, 'IP_PKTINFO')
  socket.set(SOL_IP, IP_RECVTTL, 1, 'IP_RECVTTL')
  socket.set(SOL_IP, IP_RECVTOS, 1, 'IP_RECVTOS')
  socket.set(SOL_IP, IP_RECVOPTS, 1, 'IP_RECVOPTS')
  // Linux 5.9 tells where the extensions of an error begin; before, they are part of the quote.
  socket.trySet(SOL_IP, IP_RECVERR_RFC4884, 1)
  if (spec.dontFragment !== undefined) {
    socket.set(SOL_IP, IP_MTU_DISCOVER, DISCOVER[spec.dontFragment], 'IP_MTU_DISCOVER')
  }
  if (spec.multicastLoop === false) socket.set(SOL_IP, IP_MULTICAST_LOOP, 0, 'IP_MULTICAST_LOOP')
  if (spec.ipOptions !== undefined) {
    const { ipOptions } = spec
    socket.setBytes(SOL_IP, IP_OPTIONS, ipOptions, ipOptions.length, 'IP_OPTIONS', 'At most 40 octets of valid options')
  }
}

function configure6(socket: Socket, spec: DoorSpec): void {
  socket.set(SOL_IPV6, IPV6_RECVERR, 1, 'IPV6_RECVERR')
  socket.set(SOL_IPV6, IPV6_RECVPKTINFO, 1, 'IPV6_RECVPKTINFO')
  socket.set(SOL_IPV6, IPV6_RECVHOPLIMIT, 1, 'IPV6_RECVHOPLIMIT')
  socket.set(SOL_IPV6, IPV6_RECVTCLASS, 1, 'IPV6_RECVTCLASS')
  socket.trySet(SOL_IPV6, IPV6_FLOWINFO, 1)
  socket.trySet(SOL_IPV6, IPV6_FLOWINFO_SEND, 1)
  socket.trySet(SOL_IPV6, IPV6_RECVERR_RFC4884, 1)
  if (spec.dontFragment !== undefined) {
    socket.set(SOL_IPV6, IPV6_MTU_DISCOVER, DISCOVER[spec.dontFragment], 'IPV6_MTU_DISCOVER')
    const whole = spec.dontFragment === 'do' || spec.dontFragment === 'probe' ? 1 : 0
    socket.set(SOL_IPV6, IPV6_DONTFRAG, whole, 'IPV6_DONTFRAG')
  }
  if (spec.multicastLoop === false) socket.set(SOL_IPV6, IPV6_MULTICAST_LOOP, 0, 'IPV6_MULTICAST_LOOP')
}

/** Minus errno where the kernel refuses; that there is no such interface (ENODEV) it says first. */
export function tryInterface(socket: Socket, name: string): number {
  const octets = new TextEncoder().encode(`${name}\0`)
  // The kernel takes no name for "unbind", and the first 15 octets of a longer one.
  const fits = octets.indexOf(0) === octets.length - 1 && octets.length > 1 && octets.length <= IF_NAMESIZE
  return fits ? sys().setsockopt(socket.fd, SOL_SOCKET, SO_BINDTODEVICE, octets, octets.length) : -Errno.ENODEV
}

/** @throws OsError */
export function bindToInterface(socket: Socket, name: string): void {
  const result = tryInterface(socket, name)
  if (result >= 0) return
  const cure =
    result === -Errno.ENODEV
      ? `There is no interface ${name === '' ? 'without a name' : name} here: see \`ip link\``
      : result === -Errno.EPERM
        ? 'Before Linux 5.7 this needs CAP_NET_RAW: run as root (sudo)'
        : ''
  throw new OsError(-result, 'setsockopt SO_BINDTODEVICE', socket.door, cure)
}

/** Binds to `spec.source`, or to any address; a ping socket gets its identifier by it. @throws OsError */
export function bindSource(socket: Socket, spec: DoorSpec): void {
  const address = new Uint8Array(ADDRESS_SIZE)
  const octets = new Uint8Array(16)
  if (spec.source !== undefined) writeIp(sourceOf(spec.source, spec.family, socket.door), octets, 0)
  const view = new DataView(address.buffer)
  const length = putAddress(view, address, 0, spec.family, octets, 0, 0, 0, spec.sourcePort ?? 0)
  const result = sys().bind(socket.fd, address, length)
  const cure = result === -Errno.EADDRNOTAVAIL ? 'The source must be an address of this machine: see `ip address`' : ''
  must(result, 'bind', socket.door, cure)
}

function sourceOf(source: Ip | string, family: Family, door: string): Ip {
  const ip = typeof source === 'string' ? parseIp(source) : source
  if (ip === undefined) throw new TypeError(`${source} is not an IP address`)
  if (familyOf(ip) === family) return ip
  throw new OsError(Errno.EAFNOSUPPORT, 'bind', door, `The source must be an IPv${family} address here`)
}

/** IP_PMTUDISC_* and IPV6_PMTUDISC_*: the same numbers. */
const DISCOVER = { dont: 0, want: 1, do: 2, probe: 3 } as const
/** As much as one second of 10,000 answers with their stamps needs. */
const RECEIVE_BUFFER = 4 << 20
