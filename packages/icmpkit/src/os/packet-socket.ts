/**
 * AF_PACKET sockets: what captures and ports have in common. Opened deaf and bound to one interface (or to all), so that
 * nothing of another one gets in; memberships that end with them; what they lost; and whether their interface is still there.
 */
import { Errno, OsError } from './os-error.ts'
import { SO_ERROR, SOCK_RAW, SOL_SOCKET, Socket } from './socket.ts'
import { LITTLE, must, sys } from './sys.ts'

export class PacketSocket extends Socket {
  /** Frames that the filter let through and the ring had no room for, since it was opened; as of the last `count`. */
  seen = 0
  dropped = 0
  /** The kernel says once that the interface went down, and nothing more when it goes away. */
  down = false

  /** `right`: what to do where this user may not. @throws OsError */
  constructor(door: string, right: string) {
    // Protocol 0: nothing arrives before it is bound.
    super(door, AF_PACKET, SOCK_RAW, 0, (errno) => (errno === Errno.EPERM ? right : ''))
  }

  /** To the interface `index`, 0 for all. An interface that is down binds too, and that is the errno which this returns. @throws OsError */
  bind(index: number): number {
    const address = new Uint8Array(20)
    const view = new DataView(address.buffer)
    view.setUint16(0, AF_PACKET, LITTLE)
    view.setUint16(2, ETH_P_ALL)
    view.setInt32(4, index, LITTLE)
    must(sys().bind(this.fd, address, address.length), 'bind', this.door)
    return this.get(SOL_SOCKET, SO_ERROR)
  }

  /** PACKET_MR_…; ends with the socket. @throws OsError */
  join(index: number, kind: number): void {
    const request = new Uint8Array(16)
    const view = new DataView(request.buffer)
    view.setInt32(0, index, LITTLE)
    view.setUint16(4, kind, LITTLE)
    this.setBytes(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request, request.length, 'PACKET_ADD_MEMBERSHIP')
  }

  /** Reading the kernel's counters sets them to zero. */
  count(): void {
    const stats = new Uint8Array(12)
    const view = new DataView(stats.buffer)
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, stats.length, LITTLE)
    if (sys().getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, stats, length) < 0) return
    this.seen += view.getUint32(0, LITTLE)
    this.dropped += view.getUint32(4, LITTLE)
  }

  /** The kernel has taken the socket off its interface, which is not there any more. */
  get gone(): boolean {
    const address = new Uint8Array(20)
    const length = new Uint8Array(new Uint32Array([address.length]).buffer)
    must(sys().getsockname(this.fd, address, length), 'getsockname', this.door)
    return new DataView(address.buffer).getInt32(4, LITTLE) < 0
  }

  /** For when nothing comes: an interface that is down brings nothing until it is up again. @throws OsError ENODEV, saying `gone`, where it is not there any more */
  failIfGone(gone: string): void {
    const errno = this.get(SOL_SOCKET, SO_ERROR)
    if (errno === Errno.ENETDOWN) this.down = true
    else if (errno !== 0) throw new OsError(errno, 'poll', this.door)
    if (this.down && this.gone) throw new OsError(Errno.ENODEV, 'poll', this.door, gone)
  }
}

export const SOL_PACKET = 263
export const PACKET_RX_RING = 5
export const PACKET_VERSION = 10
export const PACKET_MR_PROMISC = 1
const PACKET_ADD_MEMBERSHIP = 1
const PACKET_STATISTICS = 6
const AF_PACKET = 17
const ETH_P_ALL = 3
