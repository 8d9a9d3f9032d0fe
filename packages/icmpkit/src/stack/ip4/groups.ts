/** The IPv4 groups that nodes are in without asking anybody. */
import type { Ip4 } from '../../wire/addr.ts'

/** Every host is in it (RFC 1112 §4). */
export const ALL_SYSTEMS: Ip4 = (0xe0000001 | 0) as Ip4
/** Every gateway (RFC 1256 §3). */
export const ALL_ROUTERS: Ip4 = (0xe0000002 | 0) as Ip4
