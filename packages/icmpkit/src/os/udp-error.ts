/**
 * One UDP datagram and the ICMP error that it draws, without any privilege: the kernel keeps the error for the socket
 * that sent (IP_RECVERR). It tells type, code, who sent it and the MTU; the packet itself and its quote it does not keep.
 */
import { type Family, familyOf, type Ip, readIp4, readIp6, writeIp } from '../wire/addr.ts'
import { Control, Origin } from './cmsg.ts'
import { monotonic } from './kernel-time.ts'
import { MessageTable } from './message-table.ts'
import { Errno, OsError } from './os-error.ts'
import {
  ADDRESS_SIZE,
  AF_INET,
  AF_INET6,
  IP_RECVERR,
  IPV6_RECVERR,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  putAddress,
  SOCK_DGRAM,
  SOL_IP,
  SOL_IPV6,
  Socket,
} from './socket.ts'
import { LITTLE, must, sys } from './sys.ts'
import { forget, waker } from './waker.ts'

export interface UdpError {
  /** 'local': no packet said so, this machine's kernel refused; type and code mean nothing then. */
  origin: 'icmp' | 'local'
  type: number
  code: number
  /** Who sent the error; undefined where the kernel does not say. */
  from: Ip | undefined
  /** Where it is about size: what would have passed. */
  mtu: number
}

export interface UdpProbe {
  src: Ip
  srcPort: number
  dst: Ip
  dstPort: number
  /** undefined where none came in time: the port is open, or something keeps silent. */
  error: UdpError | undefined
}

/** Sends `payload` to `dst` and waits for the error at most `timeout` ms. @throws OsError */
export async function probeByUdp(dst: Ip, dstPort: number, payload: Uint8Array, timeout = 500): Promise<UdpProbe> {
  const family = familyOf(dst)
  const socket = open(family)
  try {
    const src = connect(socket, family, dst, dstPort)
    const sent = sys().send(socket.fd, payload, payload.length, 0)
    if (sent < 0 && sent !== -Errno.EMSGSIZE) must(sent, 'send', DOOR)
    const until = monotonic() + timeout
    const table = new MessageTable(1, CONTROL, 2048)
    try {
      for (;;) {
        const error = receive(socket, table, family)
        if (error !== undefined || monotonic() >= until) return { ...src, dst, dstPort, error }
        await waker().wait([socket], false, until).done
      }
    } finally {
      table.release()
    }
  } finally {
    forget(socket.fd)
    socket.close()
  }
}

/** A UDP port of this machine on which nobody listens: one that the kernel gave and took back just now. @throws OsError */
export function unusedUdpPort(family: Family): number {
  const socket = open(family)
  try {
    must(sys().bind(socket.fd, ...address(family, undefined, 0)), 'bind', DOOR)
    return local(socket, family).srcPort
  } finally {
    socket.close()
  }
}

function open(family: Family): Socket {
  const socket = new Socket(DOOR, family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0)
  if (family === 4) socket.trySet(SOL_IP, IP_RECVERR, 1)
  else socket.trySet(SOL_IPV6, IPV6_RECVERR, 1)
  return socket
}

function connect(socket: Socket, family: Family, dst: Ip, port: number): { src: Ip; srcPort: number } {
  const connected = sys().connect(socket.fd, ...address(family, dst, port))
  must(connected, 'connect', DOOR, connected === -Errno.ENETUNREACH ? 'There is no route to that address' : '')
  return local(socket, family)
}

function address(family: Family, ip: Ip | undefined, port: number): [Uint8Array, number] {
  const out = new Uint8Array(ADDRESS_SIZE)
  const octets = new Uint8Array(16)
  if (ip !== undefined) writeIp(ip, octets, 0)
  return [out, putAddress(new DataView(out.buffer), out, 0, family, octets, 0, port)]
}

function local(socket: Socket, family: Family): { src: Ip; srcPort: number } {
  const name = new Uint8Array(ADDRESS_SIZE)
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, ADDRESS_SIZE, LITTLE)
  must(sys().getsockname(socket.fd, name, length), 'getsockname', DOOR)
  const srcPort = new DataView(name.buffer).getUint16(2)
  return { src: family === 4 ? readIp4(name, 4) : readIp6(name, 8), srcPort }
}

function receive(socket: Socket, table: MessageTable, family: Family): UdpError | undefined {
  table.reset(1)
  table.setPacket(0, table.packets, 2048)
  const got = sys().recvmsg(socket.fd, table.message(0), MSG_DONTWAIT | MSG_ERRQUEUE)
  if (got === -Errno.EAGAIN || got === -Errno.EINTR) return undefined
  if (got < 0) throw new OsError(-got, 'recvmsg', DOOR)
  const control = new Control()
  control.read(table.view, table.control(0), table.controlEnd(0))
  if (control.error < 0) return undefined
  const { offender } = control
  return {
    origin: control.origin === Origin.local ? 'local' : 'icmp',
    type: control.type,
    code: control.code,
    from: offender < 0 ? undefined : family === 4 ? readIp4(table.bytes, offender) : readIp6(table.bytes, offender),
    mtu: control.info,
  }
}

const DOOR = 'udp-error-queue'
/** Room for the extended error with the address of its sender. */
const CONTROL = 256
