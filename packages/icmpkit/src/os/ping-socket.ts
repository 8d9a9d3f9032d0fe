/**
 * The ping socket (SOCK_DGRAM, IPPROTO_ICMP): echo without privilege, where net.ipv4.ping_group_range covers the group.
 * The kernel owns the identifier and the checksum, and gives us only the answers to what this socket has sent.
 */
import { bindSource, bindToInterface, configure, type DoorSpec, tryInterface } from './door-spec.ts'
import { Errno, OsError } from './os-error.ts'
import { ADDRESS_SIZE, AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, SOCK_DGRAM, Socket } from './socket.ts'
import { SocketDoor } from './socket-door.ts'
import { must, sys } from './sys.ts'

/** @throws OsError */
export function openPingSocket(spec: DoorSpec): SocketDoor {
  const four = spec.family === 4
  const socket = new Socket(
    'ping-socket',
    four ? AF_INET : AF_INET6,
    SOCK_DGRAM,
    four ? IPPROTO_ICMP : IPPROTO_ICMPV6,
    (errno) => pingSocketCure(errno),
  )
  try {
    configure(socket, spec)
    bindSource(socket, spec)
    return new SocketDoor(
      {
        name: 'ping-socket',
        family: spec.family,
        ownHeaders: false,
        wholePackets: false,
        errorQueue: true,
        verified: true,
        fixedDontFragment: spec.dontFragment !== undefined,
        cannot: four ? CANNOT4 : CANNOT6,
        rotate: () => rotate(socket, spec),
      },
      socket,
      boundId(socket),
    )
  } catch (failure) {
    socket.close()
    throw failure
  }
}

export function pingSocketCure(errno: number): string {
  if (errno === Errno.EACCES) {
    return 'Let this group open ping sockets, for IPv4 and IPv6 alike: sysctl -w net.ipv4.ping_group_range="0 2147483647"'
  }
  return errno === Errno.EAFNOSUPPORT ? 'This kernel has no such address family' : ''
}

/**
 * Connecting to nobody unbinds, binding again takes the next free identifier: the same socket, in the same namespace,
 * without the rights that opening another may need. What arrives in between for the old identifier is lost.
 */
function rotate(socket: Socket, spec: DoorSpec): number {
  // Where the interface is gone for now, an unbound socket would ask by another: the old identifier stays.
  if (spec.interface !== undefined && tryInterface(socket, spec.interface) === -Errno.ENODEV) return boundId(socket)
  const nobody = new Uint8Array(ADDRESS_SIZE)
  must(sys().connect(socket.fd, nobody, 16), 'connect', socket.door)
  // To unbind is to leave the interface too.
  if (spec.interface !== undefined) bindToInterface(socket, spec.interface)
  try {
    bindSource(socket, spec)
  } catch (e) {
    // The source is gone for now; the next packet is given an identifier when it leaves.
    if (!(e instanceof OsError)) throw e
  }
  return boundId(socket)
}

/** The identifier stands where other sockets have their port. */
function boundId(socket: Socket): number {
  const address = new Uint8Array(ADDRESS_SIZE)
  const length = new Uint8Array(new Uint32Array([ADDRESS_SIZE]).buffer)
  must(sys().getsockname(socket.fd, address, length), 'getsockname', socket.door)
  return new DataView(address.buffer).getUint16(2)
}

const CANNOT4 = [
  'send anything but echo and extended echo requests',
  'choose the identifier',
  'see answers to others, or answers with a bad checksum',
  'see the IP header of an answer beyond TTL, TOS, addresses and options',
  'see the IP header that an error quotes',
]
const CANNOT6 = [
  'send anything but echo and extended echo requests',
  'send IPv6 extension headers',
  'choose the identifier',
  'see answers to others, or answers with a bad checksum',
  'see the IPv6 header of an answer beyond hop limit, traffic class, flow label and addresses',
  'see the IPv6 header that an error quotes',
]
