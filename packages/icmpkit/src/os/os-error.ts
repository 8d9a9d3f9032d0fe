/** What the kernel refused, and what to do about it. Network data never ends up here (docs/decisions/network-data-never-throws.md). */
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'

/** A refusal of the kernel: which call, for which door, and the cure where there is one. */
export class OsError extends Error {
  /** The errno's name: `EPERM`, `EACCES`, … */
  readonly code: string
  readonly errno: number
  readonly syscall: string
  /** What we were opening: 'ping-socket', 'netlink', … */
  readonly door: string
  /** What to type or change so that it works; empty where nobody knows. */
  readonly cure: string

  constructor(errno: number, syscall: string, door: string, cure = '') {
    const code = errnoName(errno)
    super(`${door}: ${syscall}: ${code}, ${errnoText(errno)}${cure === '' ? '' : `. ${cure}`}`)
    this.name = 'OsError'
    this.code = code
    this.errno = errno
    this.syscall = syscall
    this.door = door
    this.cure = cure
  }
}

/** The error numbers that we act upon (asm-generic/errno.h; the same on x86, ARM and RISC-V). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSYS: 38,
  ENONET: 64,
  EPROTO: 71,
  EBADFD: 77,
  EMSGSIZE: 90,
  EPROTOTYPE: 91,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ECONNREFUSED: 111,
  EHOSTDOWN: 112,
  EHOSTUNREACH: 113,
  EREMOTEIO: 121,
} as const

export function errnoName(errno: number): string {
  return getSystemErrorName(-errno)
}

function errnoText(errno: number): string {
  return getSystemErrorMessage(-errno) ?? 'unknown error'
}
