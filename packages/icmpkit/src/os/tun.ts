/**
 * TUN (IP packets) and TAP (Ethernet frames): an interface of the kernel's whose wire is a descriptor of ours. What the
 * kernel sends out of it we read, what we write it receives. Non-blocking, one packet a call.
 *
 * It belongs to the network namespace in which it was opened; reading and writing work from anywhere.
 */
import { Errno, OsError } from './os-error.ts'
import { LITTLE, must, type Sys, sys } from './sys.ts'
import { forget } from './waker.ts'

export interface TunOptions {
  mode?: 'tun' | 'tap'
  /** At most 15 octets; `%d` is replaced by a number. Default `tun%d` or `tap%d`. */
  name?: string
}

/** @throws OsError naming the right or the device that is missing */
export function openTun(options: TunOptions = {}): Tun {
  const os = sys()
  const mode = options.mode ?? 'tun'
  const name = Buffer.from(options.name ?? `${mode}%d`)
  if (name.length === 0 || name.length >= IFNAMSIZ) throw new RangeError('an interface name has 1 to 15 octets')
  const fd = os.open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0)
  must(fd, `open ${DEVICE}`, mode, fd === -Errno.ENOENT ? NO_DEVICE : fd === -Errno.EACCES ? CLOSED_DEVICE : '')
  try {
    const request = new Uint8Array(IFREQ)
    request.set(name)
    const flags = (mode === 'tun' ? IFF_TUN : IFF_TAP) | IFF_NO_PI
    new DataView(request.buffer).setUint16(IFNAMSIZ, flags, LITTLE)
    const made = os.ioctl(fd, TUNSETIFF, request)
    must(made, 'ioctl TUNSETIFF', mode, made === -Errno.EPERM ? RIGHT : made === -Errno.EBUSY ? BUSY : '')
    const given = request.subarray(0, IFNAMSIZ)
    return new Tun(os, fd, mode, Buffer.from(given.subarray(0, given.indexOf(0))).toString())
  } catch (e) {
    os.close(fd)
    throw e
  }
}

/** An open TUN or TAP; made by `openTun`. It is pollable: `waker().wait([tun], …)`. */
export class Tun implements Disposable {
  readonly fd: number
  readonly mode: 'tun' | 'tap'
  /** The interface's name, as the kernel gave it. */
  readonly name: string
  readonly #os: Sys
  #open = true

  constructor(os: Sys, fd: number, mode: 'tun' | 'tap', name: string) {
    this.#os = os
    this.fd = fd
    this.mode = mode
    this.name = name
  }

  /** The next packet that the kernel sent, into `bytes`; its length, or 0 where none waits. What does not fit is cut. @throws OsError */
  read(bytes: Uint8Array): number {
    for (;;) {
      const got = this.#os.read(this.fd, bytes, bytes.length)
      if (got >= 0) return got
      if (got === -Errno.EAGAIN) return 0
      if (got !== -Errno.EINTR) throw new OsError(-got, 'read', this.mode)
    }
  }

  /** Lets the kernel receive one packet; false where it has no room. @throws OsError, EIO where the interface is down */
  write(packet: Uint8Array): boolean {
    for (;;) {
      const put = this.#os.write(this.fd, packet, packet.length)
      if (put >= 0) return true
      if (put === -Errno.EAGAIN || put === -Errno.ENOBUFS) return false
      if (put !== -Errno.EINTR) throw new OsError(-put, 'write', this.mode, put === -EIO ? DOWN : '')
    }
  }

  /** Plugs the cable out and in; false where the kernel cannot (it can since Linux 5.0). */
  setCarrier(up: boolean): boolean {
    const value = new Uint8Array(4)
    new DataView(value.buffer).setInt32(0, up ? 1 : 0, LITTLE)
    return this.#os.ioctl(this.fd, TUNSETCARRIER, value) >= 0
  }

  /** The interface goes with it. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    forget(this.fd)
    this.#os.close(this.fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const DEVICE = '/dev/net/tun'
const NO_DEVICE = 'The kernel has no TUN here: `modprobe tun`, or give the container /dev/net/tun'
const CLOSED_DEVICE = 'The device is closed to this user: run as root, or `chmod 0666 /dev/net/tun`'
const RIGHT = 'This needs CAP_NET_ADMIN, or an interface made for this user: `ip tuntap add NAME mode tun user USER`'
const BUSY = 'Another program holds that interface'
const DOWN = 'The interface is down'

const EIO = 5
const IFNAMSIZ = 16
const IFREQ = 40
const TUNSETIFF = 0x400454ca
const TUNSETCARRIER = 0x400454e2
const IFF_TUN = 0x0001
const IFF_TAP = 0x0002
const IFF_NO_PI = 0x1000
const O_RDWR = 2
const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000
