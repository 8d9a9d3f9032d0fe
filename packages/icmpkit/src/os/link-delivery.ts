/** How the link delivered a frame, told by its destination (RFC 1122 §3.2.2 forbids errors about all but `host`). */
import type { Arrival } from '../door.ts'

/** Of the frame at `at…end` for the interface whose address is `mac`. */
export function linkOf(bytes: Uint8Array, at: number, end: number, mac: Uint8Array): Arrival['link'] {
  if (end - at < 6) return 'other'
  let ours = true
  let all = true
  for (let i = 0; i < 6; i++) {
    const octet = bytes[at + i]!
    if (octet !== mac[i]) ours = false
    if (octet !== 0xff) all = false
  }
  if (all) return 'broadcast'
  if ((bytes[at]! & 1) !== 0) return 'multicast'
  return ours ? 'host' : 'other'
}
