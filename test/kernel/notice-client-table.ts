/**
 * What a Linux workstation does with an ICMP error, by code (field measurements, and the kernel's icmp_err_convert and
 * icmpv6_err_convert): the table that the tests `notice-client-*` hold against the kernel, and docs/notices-clients.md prints.
 */
import type { Family } from '../../packages/icmpkit/src/wire/addr.ts'

export interface Row {
  family: Family
  type: number
  code: number
  name: string
  errno: string
  /** An ordinary connected UDP socket is told. One with IP_RECVERR is told of all, an ordinary unconnected one of none. */
  udp: boolean
  /** `connect` of TCP fails at once. Nothing: it goes on trying. */
  connecting: boolean
  /** An established TCP connection with IP_RECVERR is told; an ordinary one is told of none. */
  established: boolean
}

type Told = [udp: boolean, connecting: boolean, established: boolean]

function row(family: Family, type: number, code: number, name: string, errno: string, told: Told): Row {
  const [udp, connecting, established] = told
  return { family, type, code, name, errno, udp, connecting, established }
}

const HARD: Told = [true, true, true]
/** Soft in RFC 1122's sense: an ordinary UDP socket hears nothing, connect fails all the same. */
const SOFT: Told = [false, true, true]

export const ROWS: readonly Row[] = [
  row(4, 3, 0, 'net', 'ENETUNREACH', SOFT),
  row(4, 3, 1, 'host', 'EHOSTUNREACH', SOFT),
  row(4, 3, 2, 'protocol', 'ENOPROTOOPT', HARD),
  row(4, 3, 3, 'port', 'ECONNREFUSED', HARD),
  row(4, 3, 4, 'fragmentation needed', 'EMSGSIZE', [true, false, false]),
  row(4, 3, 5, 'source route failed', 'ENOTSUP', SOFT),
  row(4, 3, 9, 'network prohibited', 'ENETUNREACH', HARD),
  row(4, 3, 10, 'host prohibited', 'EHOSTUNREACH', HARD),
  row(4, 3, 11, 'net for this service', 'ENETUNREACH', SOFT),
  row(4, 3, 12, 'host for this service', 'EHOSTUNREACH', SOFT),
  row(4, 3, 13, 'prohibited', 'EHOSTUNREACH', HARD),
  row(6, 1, 0, 'no route', 'ENETUNREACH', SOFT),
  row(6, 1, 1, 'prohibited', 'EACCES', HARD),
  row(6, 1, 2, 'beyond scope', 'EHOSTUNREACH', SOFT),
  row(6, 1, 3, 'address', 'EHOSTUNREACH', SOFT),
  row(6, 1, 4, 'port', 'ECONNREFUSED', HARD),
  row(6, 1, 5, 'source policy', 'EACCES', HARD),
  row(6, 1, 6, 'reject route', 'EACCES', HARD),
]
