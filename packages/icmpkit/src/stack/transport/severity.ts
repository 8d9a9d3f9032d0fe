/**
 * What an ICMP error means to a transport: `hard` may end a flow, `soft` may pass by itself, `size` is the path's MTU
 * speaking (RFC 1122 §4.2.3.9, RFC 9293 §3.9.2.2, RFC 4443 §3, RFC 5927 §5).
 */
import type { Family } from '../../wire/addr.ts'

export type Severity = 'hard' | 'soft' | 'size'

export function severity(family: Family, type: number, code: number): Severity {
  if (family === 4) {
    if (type !== 3) return 'soft'
    return code === 4 ? 'size' : code === 2 || code === 3 ? 'hard' : 'soft'
  }
  if (type === 2) return 'size'
  // Port unreachable, and a next header that the destination does not know: the counterparts of IPv4's codes 3 and 2.
  return (type === 1 && code === 4) || (type === 4 && code === 1) ? 'hard' : 'soft'
}
