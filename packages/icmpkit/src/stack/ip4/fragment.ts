/**
 * A datagram cut to fit a link (RFC 791 §3.2, RFC 1812 §4.2.2.7): as few fragments as may be, all but the last as long as
 * the link takes, options in the later ones only where their copied flag says so. What is cut may be a fragment itself.
 */
import * as ip4 from '../../wire/ip4.ts'
import { put16, u16 } from '../../wire/octets.ts'

/**
 * Hands each fragment of the datagram at `at…end` to `send`, borrowed until it returns. False where `mtu` leaves no
 * room for eight octets behind the header: nothing was sent.
 */
export function split(
  bytes: Uint8Array,
  at: number,
  end: number,
  mtu: number,
  send: (bytes: Uint8Array, at: number, end: number) => void,
): boolean {
  const first = (bytes[at]! & 0x0f) << 2
  if (mtu - first < UNIT) return false
  const out = OUT
  const flags = u16(bytes, at + FLAGS)
  let offset = (flags & OFFSET) * UNIT
  let header = first
  for (let i = 0; i < first; i++) out[i] = bytes[at + i]!
  for (let from = at + first; from < end; ) {
    const room = (mtu - header) & ~(UNIT - 1)
    const octets = Math.min(room, end - from)
    const last = from + octets === end
    out.set(bytes.subarray(from, from + octets), header)
    put16(out, LENGTH, header + octets)
    put16(out, FLAGS, (flags & ~OFFSET) | (last ? 0 : MORE) | (offset / UNIT))
    ip4.seal(out, 0)
    send(out, 0, header + octets)
    from += octets
    offset += octets
    if (header === first) header = copied(bytes, at, first, out)
  }
  return true
}

/** Writes the header of the later fragments: the options whose copied flag is set, filled up with End of Option List. */
function copied(bytes: Uint8Array, at: number, first: number, out: Uint8Array): number {
  let to = ip4.HEADER
  for (let i = ip4.HEADER; i < first; ) {
    const type = bytes[at + i]!
    if (type === 0) break
    if (type === 1) {
      i++
      continue
    }
    const length = bytes[at + i + 1]!
    if (length < 2 || i + length > first) break
    if ((type & COPIED) !== 0) {
      for (let o = 0; o < length; o++) out[to + o] = bytes[at + i + o]!
      to += length
    }
    i += length
  }
  while (to % 4 !== 0) out[to++] = 0
  out[0] = 0x40 | (to >>> 2)
  return to
}

/** Octets that one count of the fragment offset stands for. */
const UNIT = 8
const LENGTH = 2
const FLAGS = 6
const OFFSET = 0x1fff
const MORE = 0x2000
const COPIED = 0x80
/** Where a fragment is made; of all nodes, since none is asked for anything while another's stands in it. */
const OUT = new Uint8Array(0x10000)
