/** What the errno of a refused send means: somebody else's pending error, or an answer of our own kernel. */
import type { LocalDrop } from '../door.ts'
import { Errno } from './os-error.ts'

/** Errors of the network that a later, innocent send is told of (net/ipv4/icmp.c icmp_err_convert, net/ipv6/icmp.c). */
export function mayBePending(errno: number): boolean {
  switch (errno) {
    case Errno.EHOSTUNREACH:
    case Errno.ENETUNREACH:
    case Errno.ECONNREFUSED:
    case Errno.EHOSTDOWN:
    case Errno.EMSGSIZE:
    case Errno.EACCES:
    case Errno.EPROTO:
    case Errno.ENOPROTOOPT:
    case Errno.EOPNOTSUPP:
    case Errno.ENONET:
    case Errno.EREMOTEIO:
      return true
    default:
      return false
  }
}

export function dropOf(errno: number): LocalDrop {
  switch (errno) {
    case Errno.ENOBUFS:
    case Errno.ENOMEM:
      return 'no-buffer'
    case Errno.EMSGSIZE:
      return 'too-big'
    case Errno.ENETUNREACH:
    case Errno.EHOSTUNREACH:
    case Errno.EADDRNOTAVAIL:
      return 'no-route'
    case Errno.EPERM:
    case Errno.EACCES:
      return 'not-permitted'
    case Errno.ENETDOWN:
    case Errno.ENODEV:
    case Errno.ENXIO:
      return 'link-down'
    default:
      return 'other'
  }
}
